"""Folders for files that somebody's library wants by name: in memory where there is such a place, so that nothing of a
person reaches a disk unsealed; those of a process that was killed are removed by the next one."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

MEMORY = Path("/dev/shm")
PREFIX = "plantar-kiosk-"


def place() -> Path:
    """Where they are made."""
    return MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())


@contextlib.contextmanager
def room() -> Iterator[Path]:
    """A folder of one's own, gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=place()) as folder:
        yield Path(folder)


def remove(pid: int) -> None:
    """Those of one process."""
    for folder in place().glob(f"{PREFIX}{pid}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Those of processes that are gone."""
    numbers = {folder.name.removeprefix(PREFIX).partition("-")[0] for folder in place().glob(f"{PREFIX}*")}
    for number in numbers:
        if number.isdigit() and not _lives(int(number)):
            remove(int(number))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
