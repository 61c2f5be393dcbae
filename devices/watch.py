"""``watch:`` a folder into which a scanner's or plate's own program drops its files: ``watch:/scans``.

Each file that appears is handed on once, when it is whole: it has not changed for a while *and* its own reader accepts
it. A file that stays as it is and still can't be read is handed on as refused. Hidden files and those that programs use
while they write (``.part``, ``.tmp``, ``~`` …) are waited for under their final name.

Options: ``poll`` and ``settle`` in s; ``give_up``: for how long an unreadable file may still change its mind;
``existing=yes`` also takes what is there at the start.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from devices.errors import DeviceError, DeviceLost
from devices.specs import Spec
from devices.types import Status
from footscan.errors import ReadError
from footscan.io import detect, read_geometry, read_recording
from footscan.types import Mesh, PointCloud, Recording

UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", ".swp", "~", ".lock")
Signature: TypeAlias = tuple[int, int, int]  # size, time of the last change, file's number


@dataclass(frozen=True, eq=False)
class Arrival:
    """A file that has come and is whole: its content as it was read, in mm as the file states it (else taken for mm:
    ask ``footscan.scans.units``)."""

    path: str
    kind: Literal["scan", "recording"]
    format: str
    content: PointCloud | Mesh | Recording


@dataclass(frozen=True)
class Refused:
    """A file that stayed unreadable; ``error`` says why."""

    path: str
    error: ReadError


@dataclass(frozen=True)
class Seen:
    """What the watcher knows of one file: since when it has not changed, how reading it failed, whether it was handed
    on like this."""

    signature: Signature
    since_s: float
    refused: Refused | None = None
    done: bool = False


def step(
    before: Mapping[str, Seen], found: Mapping[str, Signature], at_s: float, settle_s: float, give_up_s: float
) -> tuple[dict[str, Seen], tuple[str, ...], tuple[Refused, ...]]:
    """What follows from a look that found these files: what is known now, which to read (not changed for
    ``settle_s``), and which to hand on as refused (not changed for ``give_up_s`` since). Pure."""
    files: dict[str, Seen] = {}
    ready: list[str] = []
    given_up: list[Refused] = []
    for path, signature in found.items():
        seen = before.get(path)
        if seen is None or seen.signature != signature:
            seen = Seen(signature, at_s)
        quiet_s = at_s - seen.since_s
        if seen.refused is not None and not seen.done and quiet_s >= max(give_up_s, settle_s):
            given_up.append(seen.refused)
            seen = replace(seen, done=True)
        elif seen.refused is None and not seen.done and quiet_s >= settle_s and signature[0] > 0:
            ready.append(path)
        files[path] = seen
    return files, tuple(sorted(ready, key=lambda path: (files[path].signature[1], path))), tuple(given_up)


async def items(spec: Spec) -> AsyncIterator[Arrival | Refused | Status]:
    """Files as they come, for ever; a folder that goes away (a network drive) is waited for, with a ``Status``.

    Raises
    ------
    DeviceError : no such folder at the start
    """
    poll_s, settle_s = spec.number("poll", 0.5, 0.01, 60.0), spec.number("settle", 1.0, 0.0, 600.0)
    give_up_s = spec.number("give_up", 30.0, 0.0, 86400.0)
    existing = spec.text_of("existing", "no", ("yes", "no"))
    if not os.path.isdir(spec.address):
        raise DeviceError(spec.name, "a folder", "none", "make it, or name the one that the scanner writes to")
    seen = {path: Seen(what, 0.0, done=existing == "no") for path, what in look(spec).items()}
    there = True
    while True:
        at_s = time.monotonic()
        try:
            found = await asyncio.to_thread(look, spec)
        except DeviceLost as error:
            if there:
                yield Status("lost", at_s, str(error))
            there = False
            await asyncio.sleep(poll_s)
            continue
        if not there:
            yield Status("connected", at_s, f"{spec.name}: it is back")
        there = True
        seen, ready, given_up = step(seen, found, at_s, settle_s, give_up_s)
        for refused in given_up:
            yield refused
        for path in ready:
            read = await asyncio.to_thread(_read, path)
            if signature_of(path) != seen[path].signature:
                continue  # it changed while it was read
            if isinstance(read, Refused):  # perhaps only the beginning of it: the same bytes need no second look
                seen[path] = replace(seen[path], refused=read)
                continue
            seen[path] = replace(seen[path], done=True)
            yield read
        await asyncio.sleep(poll_s)


def look(spec: Spec) -> dict[str, Signature]:
    """The folder's files by path; DeviceLost where it can't be listed."""
    found: dict[str, Signature] = {}
    try:
        with os.scandir(spec.address) as entries:
            for entry in entries:
                name = entry.name.casefold()
                if name.startswith((".", "~")) or name.endswith(UNFINISHED):
                    continue
                signature = signature_of(entry.path)
                if signature is not None:
                    found[entry.path] = signature
    except OSError as error:
        found_ = (error.strerror or str(error)).lower()
        raise DeviceLost(spec.name, "a folder that can be listed", found_, "connect the drive again") from error
    return found


def signature_of(path: str) -> Signature | None:
    """Size, time of change and number of a plain file; None for anything else and for what is gone."""
    try:
        if not os.path.isfile(path):
            return None
        state = os.stat(path)
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ino


def _read(path: str) -> Arrival | Refused:
    try:
        row = detect(path)
        if row.kind == "scan":
            return Arrival(path, "scan", row.name, read_geometry(path))
        return Arrival(path, "recording", row.name, read_recording(path))
    except ReadError as error:
        return Refused(path, error)
