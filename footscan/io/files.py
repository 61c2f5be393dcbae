"""Files from outside and files for outside: bounded reads, hashes, atomic writes."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import TypeAlias

from footscan.errors import ReadError

PathLike: TypeAlias = str | os.PathLike[str]

MAX_FILE_BYTES = 2 * 1024**3  #: larger files are refused before a byte of them is read
HEAD_BYTES = 4096  #: how much of a file a format may look at to recognise itself


@contextmanager
def open_input(path: PathLike, most: int = MAX_FILE_BYTES) -> Iterator[tuple[BufferedReader, int]]:
    """Open a regular file for reading: (stream, size in bytes).

    Raises
    ------
    ReadError : missing, a directory, no permission, a pipe or device, larger than ``most`` bytes, or a failing disk
    """
    try:
        _refuse_odd_kinds(path)
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > most:
                limit = f"at most {most} bytes"
                raise ReadError(path, limit, f"{size} bytes", "export it with fewer points")
            yield stream, size
    except OSError as error:
        hint = "check the path and the permissions"
        raise ReadError(path, "a readable file", _what_went_wrong(error), hint) from error


def _refuse_odd_kinds(path: PathLike) -> None:
    """Looked at before it is opened: opening a named pipe would wait for ever."""
    try:
        kind = os.stat(path).st_mode
    except ValueError as error:  # a NUL or a lone surrogate in the name
        raise ReadError(ascii(os.fspath(path)), "a file name", str(error), "check the path") from error
    if stat.S_ISDIR(kind):
        raise ReadError(path, "a file", "a directory", "name a file in it")
    if not stat.S_ISREG(kind):
        raise ReadError(path, "a regular file", "a pipe or device", "save it to a file first")


def _what_went_wrong(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return (error.strerror or type(error).__name__).lower()


def read_head(path: PathLike, most: int = MAX_FILE_BYTES) -> tuple[bytes, int]:
    """The first ``HEAD_BYTES`` bytes and the size; ReadError for what can't be read and for an empty file."""
    with open_input(path, most) as (stream, size):
        head = stream.read(HEAD_BYTES)
    if not head:
        raise ReadError(path, "a scan or a recording", "an empty file", "export or copy it again")
    return head, size


def read_bytes(path: PathLike) -> bytes:
    """The whole file (at most ``MAX_FILE_BYTES``); ReadError for what can't be read and for an empty file."""
    with open_input(path) as (stream, size):
        data = stream.read(size)
    if not data:
        raise ReadError(path, "a scan or a recording", "an empty file", "export or copy it again")
    if len(data) != size:
        raise ReadError(path, f"{size} bytes", f"{len(data)} bytes", "the file changed while it was read: try again")
    return data


def file_sha256(path: PathLike) -> str:
    """SHA-256 of a file's bytes as 64 hex digits; ReadError for what can't be read."""
    with open_input(path) as (stream, _):
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_bytes_atomic(path: PathLike, data: bytes | bytearray | memoryview) -> None:
    """Write a file so that it is there whole or not at all, even if the power fails.

    A temporary file beside it is filled, synced and renamed over the name; on any error (disk full, Ctrl-C) the
    temporary file is removed and what stood under the name stays. A symbolic link is followed; the permissions of a
    file that is replaced are kept. Raises OSError.
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".partial-{secrets.token_hex(8)}"
    renamed = False
    try:
        with open(temporary, "xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if target.is_file():
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
        renamed = True
    finally:
        if not renamed:
            temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def sync_folder(folder: PathLike) -> None:
    """Make a rename in ``folder`` last through a power failure (POSIX; nothing to do elsewhere)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
