"""Zip files from outside: whatever is wrong with one is one error."""

from __future__ import annotations

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from station.store.errors import Damaged

EPOCH = (1980, 1, 1, 0, 0, 0)
_BROKEN = (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, RuntimeError, zlib.error,
           struct.error, UnicodeDecodeError)  # fmt: skip


@contextmanager
def opened(file: Path | IO[bytes], what: str) -> Iterator[zipfile.ZipFile]:
    """A zip to read from. Damaged where it is none, is cut or changed; OSError where the file can't be read."""
    name = str(file) if isinstance(file, Path) else "the file"
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except _BROKEN as error:
        raise _damaged(name, what, error) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the beginning, that the zip speaks of
            raise
        raise _damaged(name, what, error) from error
    except ValueError as error:
        if "seek" not in str(error):
            raise
        raise _damaged(name, what, error) from error


def member(name: str, compress_type: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    """A private member without a date."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type, info.external_attr = compress_type, 0o600 << 16
    return info


def _damaged(name: str, what: str, error: Exception) -> Damaged:
    return Damaged(f"{name}: expected {what}, whole, found: {error}; take another")
