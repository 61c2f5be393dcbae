"""Files by path or by address: ``s3://bucket/scans/left.ply`` and whatever else fsspec knows, loaded when first met.

Where an address leads, and with whose rights, is said by the environment as the libraries read it
(``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID``, ``FSSPEC_S3_…``): an order's table holds no secrets.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from footscan.errors import ReadError
from station.extras import need

REMOTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
CHUNK = 1 << 20


def is_remote(text: str) -> bool:
    """Whether it is an address and no path."""
    return REMOTE.match(text) is not None


def parent(address: str) -> str:
    """The folder that a file is in; of a path the absolute one."""
    if is_remote(address):
        return address.rsplit("/", 1)[0]
    return str(Path(address).resolve().parent)


def joined(base: str, text: str) -> str:
    """``text`` as it is seen from ``base``; an absolute path or an address stays itself."""
    if is_remote(text):
        return text
    if is_remote(base):
        return f"{base.rstrip('/')}/{text}"
    return str(Path(base) / text)


def read_bytes(address: str) -> bytes:
    """A whole file. ReadError where it can't be read."""
    return b"".join(_chunks(address))


def fetch(address: str, folder: Path) -> Path:
    """The file itself, or a copy in ``folder`` of one that is elsewhere, under its own name."""
    if not is_remote(address):
        return Path(address)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (re.sub(r"[^\w.-]", "_", address.rsplit("/", 1)[-1])[-100:] or "file")
    with open(path, "wb") as file:
        for chunk in _chunks(address):
            file.write(chunk)
    return path


def exists(address: str) -> bool:
    """Whether a file is there. ReadError where nobody can say."""
    if not is_remote(address):
        return Path(address).is_file()
    with reading(address):
        system, path = filesystem(address)
        return bool(system.isfile(path))


def filesystem(address: str) -> tuple[Any, str]:
    """fsspec's file system of an address, and the path in it. UsageError where a package is missing."""
    need("fsspec", "cloud", address)
    if address.startswith(("s3://", "s3a://")):
        need("s3fs", "cloud", address)
    import fsspec

    found = fsspec.core.url_to_fs(address)
    return found[0], str(found[1])


@contextlib.contextmanager
def reading(address: str) -> Iterator[None]:
    """Whatever goes wrong with the other side becomes a ReadError that names the address."""
    try:
        yield
    except ReadError:
        raise
    except troubles() as error:
        found = str(error).split("\n")[0][:160] or type(error).__name__
        raise ReadError(address, "a file that can be read", found, "check address, rights and network") from error


def troubles() -> tuple[type[BaseException], ...]:
    """What file systems far away raise, of the libraries that are loaded."""
    kinds: list[type[BaseException]] = [OSError, ValueError, ImportError]
    for module, name in (
        ("botocore.exceptions", "BotoCoreError"),
        ("botocore.exceptions", "ClientError"),
        ("aiohttp", "ClientError"),
    ):
        if module in sys.modules:
            kinds.append(getattr(sys.modules[module], name))
    return tuple(kinds)


def _chunks(address: str) -> Iterator[bytes]:
    with contextlib.ExitStack() as stack:
        with reading(address):
            file = stack.enter_context(_opened(address))
        while True:
            with reading(address):
                chunk = bytes(file.read(CHUNK))
            if not chunk:
                return
            yield chunk


def _opened(address: str) -> Any:
    if not is_remote(address):
        return Path(address).open("rb")
    system, path = filesystem(address)
    return system.open(path, "rb")
