"""Sealed files by content: ``files/ab/abcd…`` is named after the SHA-256 of its own (sealed) bytes.

So they can be checked, copied and counted without a key. Each is written once, synced, and renamed into place before
the row that names it is.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

from station.store import disk
from station.store.errors import Damaged

NAME = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """The folder ``files`` of a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where a file is. ValueError for what is no name of ours."""
        if not NAME.fullmatch(name):
            raise ValueError(f"expected a SHA-256 in hexadecimal, got {name!r}")
        return self.folder / name[:2] / name

    def put(self, data: bytes) -> str:
        """Keep sealed bytes; returns their name. On disk when this returns."""
        name = hashlib.sha256(data).hexdigest()
        path = self.path(name)
        with disk.roomy(path):
            if not path.parent.is_dir():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                disk.sync_folder(self.folder)
        disk.write(path, data)
        return name

    def get(self, name: str) -> bytes:
        """Sealed bytes. Damaged where they are not there or not what the name says."""
        path = self.path(name)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise Damaged(f"{path}: expected a file of the store, found none; restore it from a backup") from None
        if hashlib.sha256(data).hexdigest() != name:
            raise Damaged(f"{path}: expected bytes of this SHA-256, found others; restore it from a backup")
        return data

    def remove(self, name: str) -> bool:
        """Overwrite and remove; False where there is no such file."""
        return disk.erase(self.path(name))

    def names(self) -> Iterator[str]:
        """The names of all files."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*")):
            if NAME.fullmatch(path.name):
                yield path.name

    def older_than(self, name: str, age_s: float) -> bool:
        """Whether a file was written longer ago than ``age_s``."""
        try:
            return time.time() - self.path(name).stat().st_mtime > age_s
        except FileNotFoundError:
            return False
