"""Files that are there as a whole or not at all, and files that are gone for good."""

from __future__ import annotations

import errno
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from footscan.io.files import sync_folder as sync_folder
from station.store.errors import Refused, StoreBusy, StoreFull

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
TEMPORARY = ".tmp-"  #: what a file is called until it is whole


@contextmanager
def roomy(where: Path) -> Iterator[None]:
    """A full disk becomes StoreFull."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise full(where, error.strerror or str(error)) from error


def full(where: object, found: str) -> StoreFull:
    """The error of a full disk."""
    return StoreFull(f"{where}: expected room to write, found: {found}; free some space, nothing half-written was kept")


def write(path: Path, data: bytes) -> None:
    """A private file that replaces what was there, on disk when this returns. StoreFull without a trace of it."""
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    with roomy(path):
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def overwrite(path: Path) -> None:
    """Random bytes over a file's own, on disk when this returns."""
    with open(path, "r+b", buffering=0) as file:
        file.write(os.urandom(path.stat().st_size))
        os.fsync(file.fileno())


def erase(path: Path) -> bool:
    """Overwrite, remove, sync the folder; False where there is no such file."""
    try:
        overwrite(path)
        path.unlink()
    except FileNotFoundError:
        return False
    sync_folder(path.parent)
    return True


def rewrite(path: Path, data: bytes) -> None:
    """Like ``write``; the bytes of the file that was there are overwritten once the new one stands."""
    try:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        write(path, data)
        return
    with os.fdopen(handle, "r+b", buffering=0) as before:
        write(path, data)
        before.write(os.urandom(os.fstat(before.fileno()).st_size))
        os.fsync(before.fileno())


def temporaries(folder: Path, older_than_s: float) -> list[Path]:
    """Half-written files that a killed process left behind."""
    now = time.time()
    found = folder.rglob(f"{TEMPORARY}*")
    return [path for path in found if path.is_file() and now - path.stat().st_mtime > older_than_s]


# ------------------------------------------------------------------ among processes of one machine


@contextmanager
def alone(folder: Path, wait_s: float = 30.0) -> Iterator[None]:
    """The only one between here and the end; StoreBusy after ``wait_s``."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + wait_s
        while not _locked(handle, exclusive=True):
            if time.monotonic() > until:
                raise StoreBusy(f"{folder}: expected to open the store, found another doing so; try again")
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


class Presence:
    """That a store is in use, from here to ``end``."""

    def __init__(self, folder: Path) -> None:
        self._handle: int | None = os.open(folder / ".open", os.O_RDWR | os.O_CREAT, 0o600)
        self._folder = folder
        if not _locked(self._handle, exclusive=False):
            self.end()
            raise StoreBusy(f"{folder}: expected to open the store, found that a backup is being restored; try again")

    @contextmanager
    def only_one(self) -> Iterator[None]:
        """Nobody else opens the store meanwhile; Refused where somebody has."""
        if self._handle is not None and not _locked(self._handle, exclusive=True):
            _locked(self._handle, exclusive=False)
            raise Refused(f"{self._folder}: expected nobody else at this store, found another program that has it open "
                          "(a second kiosk, plantar store); end it and try again")  # fmt: skip
        try:
            yield
        finally:
            if self._handle is not None:
                _locked(self._handle, exclusive=False)

    def end(self) -> None:
        """No longer in use."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _locked(handle: int, exclusive: bool) -> bool:
    """Whether the lock could be had; on Windows there is none."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
