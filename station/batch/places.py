"""Where orders go: a folder here, or an address in object storage; all of an order or nothing in both."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from station.batch import addresses
from station.errors import FolderError
from station.orders import LOG, MANIFEST, SCHEMA, Draft, clean, draft, read_manifest

PARTIAL, ASIDE = ".partial-", ".replaced-"
WAIT_S = 10.0  #: for the workers of a run that was just killed: they leave when they notice
BATCH_SCHEMA = "plantar/batch/1"


class Place(Protocol):
    """What an engine and a worker ask of it."""

    def manifest(self, order: str) -> Mapping[str, Any] | None:
        """The manifest of a finished order; None where there is none."""

    def sizes(self, order: str) -> Mapping[str, int]:
        """File name -> bytes, of what is there of an order."""

    def draft(self, order: str, inputs: Iterable[Path], wait_s: float) -> Any:
        """A context with the draft of an order, which stands when it was finished."""


def place_of(address: str) -> Folder | Bucket:
    """The place that a path or an address means."""
    return Bucket(address) if addresses.is_remote(address) else Folder(Path(address))


class Folder:
    """A folder on this machine or on a disk that all workers share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def manifest(self, order: str) -> Mapping[str, Any] | None:
        """The manifest of a finished order; None where there is none."""
        return read_manifest(self.folder / order)

    def sizes(self, order: str) -> Mapping[str, int]:
        """File name -> bytes, of what is there of an order."""
        top = self.folder / order
        return {p.relative_to(top).as_posix(): p.stat().st_size for p in top.rglob("*") if p.is_file()}

    @contextmanager
    def draft(self, order: str, inputs: Iterable[Path], wait_s: float) -> Iterator[Draft]:
        """A context with the draft of an order, which stands when it was finished."""
        with draft(self.folder / order, inputs, wait_s) as work:
            yield work

    @contextmanager
    def alone(self) -> Iterator[None]:
        """The folder, made where it is not there, for one batch at a time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder, f"{self.folder}: expected to be alone, found another plantar batch writing there"):
            yield

    def refuse_strangers(self) -> None:
        """FolderError where the folder holds what no batch has left there."""
        if self.folder.exists() and not self.folder.is_dir():
            raise FolderError(f"{self.folder}: expected a folder for the orders, found a file; choose another -o")
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            ours = path.name in (MANIFEST, LOG) or path.name.startswith((PARTIAL, ASIDE)) or _is_order(path)
            if path.name == MANIFEST and self.batch_manifest() is None:
                ours = False
            if not ours:
                raise FolderError(
                    f"{self.folder}: expected a new folder or one that plantar batch wrote, found {path.name} in it; "
                    "choose another -o"
                )

    def tidy(self) -> None:
        """Put right what a run that was ended from outside left behind: half orders go, moved ones come back."""
        names = {
            path.name.removeprefix(ahead)
            for path in self.folder.iterdir()
            for ahead in (PARTIAL, ASIDE)
            if path.name.startswith(ahead)
        }
        (self.folder / f"{PARTIAL}{MANIFEST}").unlink(missing_ok=True)
        for name in sorted(names - {MANIFEST}):
            clean(self.folder / name, WAIT_S)

    def batch_manifest(self) -> Mapping[str, Any] | None:
        """The manifest of the last run; None where there is none."""
        try:
            document = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) and document.get("schema") == BATCH_SCHEMA else None

    def put(self, name: str, file: Path) -> None:
        """A finished file of the batch itself takes its place."""
        os.replace(file, self.folder / name)


def _is_order(path: Path) -> bool:
    """Whether it is an order of ours, by the head of its manifest."""
    try:
        with open(path / MANIFEST, encoding="utf-8") as file:
            return SCHEMA in file.read(200)
    except (OSError, UnicodeDecodeError):
        return False


class Bucket:
    """An address in object storage. An order is made on the worker's own disk and carried over, its manifest last."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    def _at(self, name: str) -> tuple[Any, str]:
        return addresses.filesystem(f"{self.address}/{name}")

    def _read(self, name: str) -> Mapping[str, Any] | None:
        with addresses.reading(f"{self.address}/{name}"):
            system, path = self._at(name)
            try:
                document = json.loads(system.cat_file(path))
            except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
                return None
        return document if isinstance(document, dict) else None

    def manifest(self, order: str) -> Mapping[str, Any] | None:
        """The manifest of a finished order; None where there is none."""
        document = self._read(f"{order}/{MANIFEST}")
        return document if document is not None and document.get("schema") == SCHEMA else None

    def sizes(self, order: str) -> Mapping[str, int]:
        """File name -> bytes, of what is there of an order."""
        with addresses.reading(f"{self.address}/{order}"):
            system, path = self._at(order)
            system.invalidate_cache()
            found = system.find(path, detail=True)
        return {name[len(path) + 1 :]: int(about["size"]) for name, about in found.items()}

    @contextmanager
    def draft(self, order: str, inputs: Iterable[Path], wait_s: float) -> Iterator[Draft]:
        """A context with the draft of an order, which stands when it was finished."""
        with tempfile.TemporaryDirectory(prefix="plantar-") as folder:
            with draft(Path(folder) / "order") as work:
                yield work
            if work.finished:
                self._carry(work.final, order)

    def _carry(self, folder: Path, order: str) -> None:
        """Whoever looks meanwhile finds no order: its manifest goes first and comes last."""
        with addresses.reading(f"{self.address}/{order}"):
            system, path = self._at(order)
            system.invalidate_cache()
            old = set(system.find(path))
            if f"{path}/{MANIFEST}" in old:
                system.rm_file(f"{path}/{MANIFEST}")
            names = [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*")) if p.is_file()]
            for name in [*(n for n in names if n != MANIFEST), MANIFEST]:
                system.put_file(str(folder / name), f"{path}/{name}")
            for name in old - {f"{path}/{name}" for name in names}:
                system.rm_file(name)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Object storage has no locks: two batches at one address are not to be started."""
        yield

    def refuse_strangers(self) -> None:
        """Object storage holds what it holds; orders never meet others' names."""

    def tidy(self) -> None:
        """An order without a manifest is none: the next run writes over it."""

    def batch_manifest(self) -> Mapping[str, Any] | None:
        """The manifest of the last run; None where there is none."""
        document = self._read(MANIFEST)
        return document if document is not None and document.get("schema") == BATCH_SCHEMA else None

    def put(self, name: str, file: Path) -> None:
        """A finished file of the batch itself takes its place."""
        with addresses.reading(f"{self.address}/{name}"):
            system, path = self._at(name)
            system.put_file(str(file), path)


@contextmanager
def locked(folder: Path, busy: str) -> Iterator[None]:
    """A folder for this process alone until it ends, however it does. FolderError where another has it."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise FolderError(f"{busy}; wait for it or choose another -o") from error
    finally:
        os.close(handle)
