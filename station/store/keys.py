"""A key a person: ``keys/<person>.key``, wrapped by ``keys/master.key``. Erasing a key erases the person.

``keys`` may be a link to a folder on another disk, so that who carries the data away has no keys.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from station.store import disk
from station.store.errors import Damaged, Erased
from station.store.sealed import KEY_BYTES, new_key, seal, unseal

MASTER, ENDING = "master.key", ".key"


class KeyRing:
    """The keys of a store. Thread-safe; opened keys stay in memory until they are erased."""

    def __init__(self, folder: Path, master: bytes) -> None:
        self.folder, self._master = folder, master
        self._open: dict[str, bytes] = {}
        self._lock = threading.Lock()

    @classmethod
    def make(cls, folder: Path) -> KeyRing:
        """With a new master key, unless there is one."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / MASTER).exists():
            disk.write(folder / MASTER, new_key())
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> KeyRing:
        """With the master key that is there. Damaged where there is none."""
        path = folder / MASTER
        found = path.read_bytes() if path.is_file() else b""
        if len(found) != KEY_BYTES:
            raise Damaged(
                f"{path}: expected the store's {KEY_BYTES} byte key, found {len(found) or 'no'} bytes; "
                "put the keys' folder back or restore a backup"
            )
        return cls(folder, found)

    def _path(self, person_id: str) -> Path:
        return self.folder / f"{person_id}{ENDING}"

    def create(self, person_id: str, key: bytes | None = None) -> bytes:
        """A person's key, on disk when this returns."""
        key = new_key() if key is None else key
        disk.write(self._path(person_id), seal(self._master, key, f"key/{person_id}"))
        with self._lock:
            self._open[person_id] = key
        return key

    def get(self, person_id: str) -> bytes:
        """A person's key. Erased where there is none."""
        with self._lock:
            key = self._open.get(person_id)
        if key is not None:
            return key
        try:
            wrapped = self._path(person_id).read_bytes()
        except FileNotFoundError:
            raise Erased(f"{person_id}: expected this person's key, found that it was erased") from None
        key = unseal(self._master, wrapped, f"key/{person_id}")
        with self._lock:
            return self._open.setdefault(person_id, key)

    def has(self, person_id: str) -> bool:
        """Whether the key is on disk."""
        return self._path(person_id).is_file()

    def erase(self, person_id: str) -> bool:
        """For good; False where there was none."""
        with self._lock:
            self._open.pop(person_id, None)
        return disk.erase(self._path(person_id))

    def ids(self) -> list[str]:
        """Whose keys there are, sorted."""
        return sorted(
            path.stem for path in self.folder.glob(f"*{ENDING}") if path.name != MASTER and path.name[0] != "."
        )

    def age_s(self, person_id: str) -> float:
        """How long ago a key was written, s; infinite where there is none."""
        try:
            return time.time() - self._path(person_id).stat().st_mtime
        except FileNotFoundError:
            return float("inf")
