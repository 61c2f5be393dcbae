"""An order on disk: all of it or nothing.

Written in ``.partial-<name>/`` beside the final folder, every file synced, ``manifest.json`` last, then renamed. An
existing order of ours is moved aside to ``.replaced-<name>/``, replaced, then removed; a non-empty folder without our
manifest is refused. What an interrupted run left behind is put right by the next one: a half-written order is removed,
an order that was moved aside and not yet replaced is put back.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from station.console import dump
from station.errors import FolderError

SCHEMA = "plantar/order/1"
MANIFEST, LOG = "manifest.json", "log.jsonl"


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> Mapping[str, Any] | None:
    """The manifest of a finished order of ours; None where there is none."""
    try:
        document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    ours = isinstance(document, dict) and document.get("schema") == SCHEMA
    return document if ours else None


class Draft:
    """An order being written: everything goes into ``folder``, then ``finish`` makes it the order."""

    def __init__(self, folder: Path, final: Path) -> None:
        self.folder, self.final, self.finished = folder, final, False

    def write(self, name: str, data: bytes | str) -> None:
        """One file of the order; ``name`` is relative, with forward slashes."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    def files(self) -> list[str]:
        """The names of the files written so far, sorted."""
        return sorted(p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*") if p.is_file())

    def manifest(self, head: Mapping[str, Any]) -> dict[str, Any]:
        """``head`` with the size and SHA-256 of every file but the manifest itself and the log."""
        outputs = {
            name: {"bytes": (self.folder / name).stat().st_size, "sha256": sha256(self.folder / name)}
            for name in self.files()
            if name not in (MANIFEST, LOG)
        }
        return {"schema": SCHEMA, **head, "outputs": outputs}

    def finish(self, head: Mapping[str, Any]) -> dict[str, Any]:
        """Sync, write the manifest, take the place of what was there; returns the manifest."""
        manifest = self.manifest(head)
        for name in self.files():
            _sync(self.folder / name)
        self.write(MANIFEST, dump(manifest))
        _sync(self.folder / MANIFEST)
        for folder in [p for p in self.folder.rglob("*") if p.is_dir()] + [self.folder]:
            _sync(folder)
        self._replace()
        return manifest

    def _replace(self) -> None:
        refuse(self.final)  # again: time has passed
        aside = _aside(self.final)
        moved = False
        try:
            if self.final.is_dir():
                if any(self.final.iterdir()):
                    os.rename(self.final, aside)
                    moved = True
                else:
                    self.final.rmdir()
            os.rename(self.folder, self.final)
            self.finished = True
        finally:
            if moved and not self.finished:
                os.rename(aside, self.final)
        _sync(self.final.parent)
        if moved:
            shutil.rmtree(aside, ignore_errors=True)


def _partial(final: Path) -> Path:
    return final.with_name(f".partial-{final.name}")


def _aside(final: Path) -> Path:
    return final.with_name(f".replaced-{final.name}")


def _sync(path: Path) -> None:
    if path.is_dir() and sys.platform == "win32":
        return  # folders can't be synced there
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse(final: Path, inputs: Iterable[Path] = ()) -> None:
    """FolderError where an order must not be written: it would destroy something, or could not be renamed."""
    if final.exists() and not final.is_dir():
        raise FolderError(f"{final}: expected a folder for the order, found a file; choose another -o")
    if not final.exists():
        return
    if os.path.ismount(final):
        raise FolderError(f"{final}: expected a folder, found a mount point, which no order can replace as a whole; "
                          f"choose a folder in it, as {final / 'order'}")  # fmt: skip
    if final == Path.cwd().resolve():
        raise FolderError(f"{final}: expected a folder of the order's own, found the current one; choose -o order")
    if not any(final.iterdir()):
        return
    if read_manifest(final) is None:
        raise FolderError(f"{final}: expected a new or empty folder or an order made by plantar, found other files; "
                          "choose another -o or empty it")  # fmt: skip
    for path in inputs:
        if path.resolve().is_relative_to(final):
            raise FolderError(f"{path}: expected an input outside of the order that is to be replaced, found it inside "
                              f"{final.name}; choose another -o or copy it out first")  # fmt: skip


def recover(final: Path) -> None:
    """Put right what an interrupted run left beside ``final`` (the caller holds the lock)."""
    aside, partial = _aside(final), _partial(final)
    if read_manifest(aside) is not None and not final.exists():
        os.rename(aside, final)
    shutil.rmtree(aside, ignore_errors=True)
    for path in partial.iterdir() if partial.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def clean(final: Path, wait_s: float = 0.0) -> None:
    """Put right what an interrupted run left beside ``final``; nothing of a half order stays.

    FolderError where another still writes it after ``wait_s``.
    """
    with _locked(_partial(final), final, wait_s):
        recover(final)
        shutil.rmtree(_partial(final), ignore_errors=True)


@contextmanager
def draft(target: str | Path, inputs: Iterable[Path] = (), wait_s: float = 0.0) -> Iterator[Draft]:
    """An order that will stand at ``target``; left without ``finish`` (an error, Ctrl-C) nothing stays behind.

    ``wait_s``: how long another that writes the same order is waited for.
    FolderError (exit 2) where it must not or can't be written.
    """
    final = Path(target).resolve()
    if not final.name:
        raise FolderError(f"{target}: expected a folder's name, found the root; choose another -o")
    refuse(final, inputs)
    made = _make_parents(final.parent)
    finished = False
    try:
        with _locked(_partial(final), final, wait_s):
            recover(final)
            work = Draft(_partial(final), final)
            try:
                yield work
            finally:
                finished = work.finished
                if not finished:
                    shutil.rmtree(work.folder, ignore_errors=True)
    finally:
        if not finished:
            _remove_parents(made)


def _make_parents(folder: Path) -> list[Path]:
    """Make a folder and those above it; returns the ones that were not there, the deepest first."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_parents(made: list[Path]) -> None:
    for folder in made:
        try:
            folder.rmdir()
        except OSError:
            return


@contextmanager
def _locked(partial: Path, final: Path, wait_s: float) -> Iterator[None]:
    """The partial folder, ours alone until the end, however this process ends."""
    if sys.platform == "win32":
        partial.mkdir(exist_ok=True)
        yield
        return
    import fcntl

    until = time.monotonic() + wait_s
    while True:
        partial.mkdir(exist_ok=True)
        handle = os.open(partial, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            if time.monotonic() < until:
                time.sleep(0.1)
                continue
            raise FolderError(f"{final}: expected to be alone, found another plantar writing this order; "
                              "wait for it or choose another -o") from error  # fmt: skip
        except OSError:
            pass  # a file system without locks: then nobody is locked out
        if partial.exists() and os.fstat(handle).st_ino == os.stat(partial).st_ino:
            break
        os.close(handle)  # it was renamed or removed between the two: once more
    try:
        yield
    finally:
        os.close(handle)
