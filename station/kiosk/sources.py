"""Where a kiosk's scans and walks come from, behind two small interfaces.

A scanner gives files as it would leave them, whatever it is:

    sim:feet?seed=1&seconds=3&fault=moved     feet that nobody has
    watch:/scans                              a folder into which a scanner's own program drops files
    realsense:… depth:… any other spec        cameras: finished scans of `devices`
    upload:                                   only what is sent to the page

A walk is any devices of `devices` (``walks.py``), a folder (``watch:``), or ``upload:``. Nothing from outside is parsed
here: files go to the child processes as bytes.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from devices.errors import DeviceError
from devices.specs import TRANSPORTS, Spec, parse
from station.errors import UsageError
from station.kiosk.live import Channel
from station.kiosk.processing import Workers
from station.rooms import room

Files = dict[str, bytes]
MB = 1024**2
LARGEST_SCAN = 256 * MB
ONLY_OURS = ("upload",)
PREVIEW_POINTS = 12_000
PREVIEW_PARTS = 24


class Scanner(Protocol):
    """Something that gives scans of feet."""

    async def scan(self, feet: Sequence[str], channel: Channel) -> Files:
        """Wait for the scan of these feet: file name -> content, ``left.…``, ``right.…`` or ``pair.…``. DeviceError.

        ``channel`` is told how far it is and shown points while they come.
        """

    async def check(self) -> None:
        """DeviceError where it can't be used now."""


def is_simulated(spec: str) -> bool:
    """Whether it says so."""
    return spec.startswith("sim:")


def scanner(spec: str, workers: Workers) -> Scanner:
    """The scanner of a spec. UsageError for one that means nothing."""
    known = _understood("sources.scan", spec)
    if known.transport == "upload":
        return NoScanner()
    if known.transport == "sim":
        return SimulatedScanner(known, workers)
    if known.transport == "watch":
        return WatchedFolder(known)
    if known.transport in ("realsense", "depth"):
        return Camera(known)
    kinds = "sim:feet, watch:DIR, realsense:, depth:DIR or upload:"
    raise UsageError(f"sources.scan: {spec}: expected {kinds}, found {known.transport}:")


def check_spec(spec: str) -> None:
    """UsageError for a scanner's spec that means nothing."""
    scanner(spec, Workers(1))


def _understood(key: str, text: str) -> Spec:
    if text.rstrip(":") in ONLY_OURS:
        return Spec(text.rstrip(":"), "", {}, text)
    try:
        return parse(text)
    except DeviceError as error:
        raise UsageError(f"{key}: {error}; one of {', '.join(f'{t}:' for t in (*TRANSPORTS, *ONLY_OURS))}") from error


class NoScanner:
    """Waits for ever: files are sent to the page."""

    async def scan(self, feet: Sequence[str], channel: Channel) -> Files:
        """Until it is cancelled."""
        channel.tell(state="waiting")
        await asyncio.Event().wait()
        return {}

    async def check(self) -> None:
        """Always."""


# ------------------------------------------------------------------ simulated


@dataclass(frozen=True)
class _Feet:
    seed: int
    seconds: float
    fault: str


class SimulatedScanner:
    """Feet of known truth, drawn once by a child process; each scan takes ``seconds``. With ``fault`` only the first
    scan of a visit is bad: the second one shows that it helps to try again."""

    def __init__(self, spec: Spec, workers: Workers) -> None:
        from station.kiosk.simulated_scan import FAULTS

        if spec.address not in ("feet", ""):
            raise UsageError(f"sources.scan: {spec}: expected sim:feet, found sim:{spec.address}; correct it")
        try:
            self._wanted = _Feet(
                int(spec.number("seed", 0, 0, 2**31)),
                spec.number("seconds", 3.0, 0.0, 60.0),
                spec.text_of("fault", "none", FAULTS),
            )
        except DeviceError as error:
            raise UsageError(f"sources.scan: {error}") from error
        self._workers = workers
        self._made: dict[tuple[str, str], asyncio.Task[bytes]] = {}
        self._scans = 0

    def prepare(self) -> None:
        """Draw both feet before anybody waits for them."""
        for side in ("left", "right"):
            self._drawn(side, "none")

    def _drawn(self, side: str, fault: str) -> asyncio.Task[bytes]:
        key = side, fault
        failed = key in self._made and self._made[key].done() and self._made[key].exception() is not None
        if key not in self._made or failed:
            self._made[key] = asyncio.create_task(self._draw(side, fault))
        return self._made[key]

    async def _draw(self, side: str, fault: str) -> bytes:
        answer = await self._workers.do("simulate", side=side, seed=self._wanted.seed, fault=fault)
        return answer.files[f"{side}.ply"]

    async def check(self) -> None:
        """Always."""

    async def scan(self, feet: Sequence[str], channel: Channel) -> Files:
        """Both feet, point by point."""
        self._scans += 1
        fault = self._wanted.fault if self._scans == 1 else "none"
        tasks = {side: self._drawn(side, fault) for side in feet}
        channel.tell(state="waiting")
        files = {f"{side}.ply": await asyncio.shield(task) for side, task in tasks.items()}
        clouds = [_beside(_of_ply(files[f"{side}.ply"]), side) for side in feet]
        await _play(np.concatenate(clouds), channel, self._wanted.seconds)
        return files


def _of_ply(data: bytes) -> Any:
    """Points of the PLY that our own child wrote, turned so that heels lie below toes, thinned."""
    end = data.index(b"end_header\n") + 11
    header = data[:end].decode("ascii")
    count = int(header.split("element vertex ")[1].split()[0])
    kinds = [line.split()[1] for line in header.splitlines() if line.startswith("property")]
    dtype = {"double": "<f8", "float": "<f4"}[kinds[0]]
    wide = sum({"double": 8, "float": 4, "uchar": 1}[kind] for kind in kinds)
    rows = np.frombuffer(data, np.uint8, count * wide, end).reshape(count, wide)
    points = rows[:: max(1, count // (PREVIEW_POINTS // 2)), : 3 * np.dtype(dtype).itemsize].copy().view(dtype)
    points = np.asarray(points, dtype=np.float64)
    return points - [points[:, 0].mean(), points[:, 1].mean(), points[:, 2].min()]


def _beside(points: Any, side: str) -> Any:
    return points + np.array([0.0, 90.0 if side == "left" else -90.0, 0.0])


async def _play(points: Any, channel: Channel, seconds: float) -> None:
    """Show points as a scanner sees them, from one end to the other."""
    points = points[np.argsort(points[:, 0], kind="stable")]
    for number, part in enumerate(np.array_split(points, PREVIEW_PARTS)):
        channel.show(np.ascontiguousarray(part, dtype="<f4").tobytes())
        channel.tell(state="scanning", progress=round((number + 1) / PREVIEW_PARTS, 3))
        await asyncio.sleep(seconds / PREVIEW_PARTS)


# ------------------------------------------------------------------ a folder


class WatchedFolder:
    """Files that another program drops; each is read when it has not changed for a while. Whose foot a file shows is
    said by its name (``…left…``, ``…_R.stl``), else found in it: then one file with both feet, or two files."""

    def __init__(self, spec: Spec) -> None:
        try:
            self._poll_s = spec.number("poll", 0.3, 0.01, 60.0)
            self._settle_s = spec.number("settle", 0.8, 0.0, 600.0)
        except DeviceError as error:
            raise UsageError(f"sources: {error}") from error
        self._spec = spec

    async def check(self) -> None:
        """DeviceError where there is no such folder."""
        if not await asyncio.to_thread(os.path.isdir, self._spec.address):
            raise DeviceError(self._spec.name, "a folder", "none", "connect the drive, or correct studio.toml")

    async def scan(self, feet: Sequence[str], channel: Channel) -> Files:
        """Until the files of these feet, or one of both, have come."""
        channel.tell(state="waiting")
        found: Files = {}
        async for name, data in self.files():
            side = side_of(name)
            if side == "unknown" and len(feet) == 2:
                side = "pair" if not found else next(s for s in feet if not any(k.startswith(s) for k in found))
            elif side == "unknown":
                side = feet[0]
            found[f"{side}{Path(name).suffix.lower()}"] = data
            channel.tell(state="scanning", progress=min(0.95, len(found) / len(feet)))
            if side == "pair" or all(any(key.startswith(side) for key in found) for side in feet):
                return found
        return found

    async def files(self) -> Any:
        """(name, content) of each new file, when it is whole."""
        from devices.watch import Seen, look, signature_of, step
        from footscan.io import FORMATS

        endings = {ending for row in FORMATS for ending in row.suffixes}
        await self.check()
        before = await asyncio.to_thread(look, self._spec)
        seen = {path: Seen(what, 0.0, done=True) for path, what in before.items()}
        while True:
            found = await asyncio.to_thread(look, self._spec)
            seen, ready, _ = step(seen, found, time.monotonic(), self._settle_s, 3600.0)
            for path in ready:
                data = await asyncio.to_thread(_read, path)
                if signature_of(path) != seen[path].signature or data is None:
                    continue
                seen[path] = Seen(seen[path].signature, seen[path].since_s, done=True)
                if Path(path).suffix.lower() not in endings:
                    continue  # what a program or a system leaves beside its scans
                yield os.path.basename(path), data
            await asyncio.sleep(self._poll_s)


def _read(path: str) -> bytes | None:
    try:
        if os.path.getsize(path) > LARGEST_SCAN:
            raise DeviceError(path, f"a file of at most {LARGEST_SCAN // MB} MB", "a larger one", "check the scanner")
        return Path(path).read_bytes()
    except OSError:
        return None


def side_of(name: str) -> str:
    """left or right by a file's name, else unknown."""
    stem = Path(name).stem.lower()
    words = "".join(c if c.isalnum() else " " for c in stem).split()
    left = "left" in stem or "左" in stem or "l" in words
    right = "right" in stem or "右" in stem or "r" in words
    return "left" if left and not right else "right" if right and not left else "unknown"


# ------------------------------------------------------------------ cameras


class Camera:
    """Finished scans of `devices`: the first that comes, as a PLY."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec

    async def check(self) -> None:
        """What can only be known by asking it is known when it is asked."""

    async def scan(self, feet: Sequence[str], channel: Channel) -> Files:
        """One picture from where the camera is: both feet, or the one."""
        from devices.streams import aopen

        channel.tell(state="waiting")
        async with aopen(self._spec) as stream:
            async for item in stream.items():
                geometry = getattr(item, "geometry", None)
                if geometry is None:
                    continue
                points = geometry.points if hasattr(geometry, "points") else geometry.vertices
                channel.tell(state="scanning", progress=0.9)
                channel.show(np.ascontiguousarray(points[:: max(1, len(points) // PREVIEW_POINTS)], "<f4").tobytes())
                name = "pair.ply" if len(feet) == 2 else f"{feet[0]}.ply"
                return {name: await asyncio.to_thread(_as_ply, geometry)}
        raise DeviceError(self._spec.name, "a scan", "an end", "scan again")


def _as_ply(geometry: Any) -> bytes:
    from footscan import io

    with room() as folder:
        path = folder / "scan.ply"
        io.write_geometry(path, geometry)
        return path.read_bytes()


def side_in(name: str) -> str:
    """Whose foot a scanner's file shows, by the name that it has here: left, right or auto."""
    start = name.partition(".")[0]
    return start if start in ("left", "right") else "auto"


def problems_of(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(side, code) of every reason that scans lost points for."""
    return [
        (foot["side"], reason["code"])
        for scan in document["scans"]
        for foot in scan["feet"]
        for reason in foot["quality"]["reasons"]
    ]
