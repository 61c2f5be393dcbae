"""Walks: pressure devices recorded into a file while a page shows what they feel, until enough steps were made."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from devices.errors import DeviceError
from devices.live import load
from devices.recorder import Recorder
from devices.specs import Spec
from devices.streams import Stream, aopen
from devices.types import ChannelInfo, DeviceInfo, Packet, Status
from station.errors import UsageError
from station.kiosk.live import Channel
from station.kiosk.peaks import side_by_side
from station.kiosk.sources import Files, NoScanner, WatchedFolder, _understood
from station.rooms import room

LONGEST_S = 60.0
FRAME_S = 0.05
ON_N, OFF_N = 60.0, 30.0  #: a foot is on the ground from here, off it below
ON_SHARE, OFF_SHARE = 0.03, 0.015  #: of full scale, where a device knows no newtons
SETTLE_S = 0.6  #: after the last step, so that it is whole


class Walker(Protocol):
    """Something that records walks."""

    async def walk(self, steps: int, channel: Channel, enough: asyncio.Event) -> Files:
        """Until so many steps were made, or ``enough``: file name -> content. DeviceError."""


def walker(specs: Sequence[str]) -> Walker | None:
    """The walker of these specs, None where there are none. UsageError for what means nothing."""
    from devices import products

    known = [_understood("sources.walk", spec) for spec in specs]
    if not known:
        return None
    if len(known) == 1 and known[0].transport in ("watch", "upload"):
        return FileWalker(WatchedFolder(known[0]) if known[0].transport == "watch" else None)
    for spec in known:
        if spec.transport not in ("serial", "ble", "sim", "replay"):
            raise UsageError(f"sources.walk: {spec}: expected serial:, ble:, sim: or replay:, found {spec.transport}:")
        name = spec.product or (spec.address if spec.transport == "sim" else "")
        if name and name not in products.names():
            raise UsageError(f"sources.walk: {spec}: expected one of {', '.join(products.names())}, found {name}")
    return DeviceWalker(known)


class FileWalker:
    """Recordings that another program drops into a folder, or that are sent to the page."""

    def __init__(self, folder: WatchedFolder | None) -> None:
        self._folder = folder

    async def walk(self, steps: int, channel: Channel, enough: asyncio.Event) -> Files:
        """The next file."""
        channel.tell(state="waiting")
        if self._folder is None:
            return await NoScanner().scan((), channel)
        async for name, data in self._folder.files():
            return {f"walk{Path(name).suffix.lower()}": data}
        return {}


@dataclass
class _Felt:
    """One device while it is recorded."""

    stream: Stream
    number: int
    channel: ChannelInfo
    first: int  #: of its cells among all
    full: float
    steps: int = 0
    down: bool = False
    battery: float | None = None

    def sees(self, frames: Any) -> None:
        """Counts steps in frames (n, cells)."""
        for frame in frames[:: max(1, len(frames) // 4)]:
            force, _ = load(self.channel, frame)
            on, off = (ON_N, OFF_N) if self.channel.unit != "raw" else (ON_SHARE * self.full, OFF_SHARE * self.full)
            if self.channel.unit == "raw":
                force = float(np.nan_to_num(frame).mean())
            if not self.down and force > on:
                self.down = True
            elif self.down and force < off:
                self.down, self.steps = False, self.steps + 1


class DeviceWalker:
    """Any devices with pressure, recorded by `devices.recorder`."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self._specs = tuple(specs)

    async def walk(self, steps: int, channel: Channel, enough: asyncio.Event) -> Files:
        """Connect to all, record, show; the file is kept in memory where there is such a place."""
        channel.tell(state="waiting", steps=0, wanted=steps)
        with room() as folder:
            path = folder / "walk.mcap"
            async with contextlib.AsyncExitStack() as stack:
                streams = [aopen(spec) for spec in self._specs]
                for stream in streams:
                    stack.push_async_callback(stream.aclose)
                await asyncio.gather(*(stream.__aenter__() for stream in streams))
                infos = [_info(stream) for stream in streams]
                with Recorder(path) as recorder:
                    felt = _all_felt(streams, infos, [recorder.add(info) for info in infos])
                    await _recorded(recorder, felt, steps, channel, enough)
            return {"walk.mcap": await asyncio.to_thread(path.read_bytes)}


def _info(stream: Stream) -> DeviceInfo:
    if stream.info is None:
        raise DeviceError(stream.spec.name, "a device that says what it sends", "an end", "connect it again")
    return stream.info


def _all_felt(streams: Sequence[Stream], infos: Sequence[DeviceInfo], numbers: Sequence[int]) -> list[_Felt]:
    felt, first = [], 0
    for stream, info, number in zip(streams, infos, numbers):
        channel = next((c for c in info.channels if c.name == "pressure"), None)
        if channel is None:
            raise DeviceError(stream.spec.name, "a device that feels pressure", info.product, "leave it out")
        full = channel.full_scale or {"kPa": 400.0, "N": 50.0}.get(channel.unit, 255.0)
        felt.append(_Felt(stream, number, channel, first, min(full, 400.0) if channel.unit == "kPa" else full))
        first += channel.width
    return felt


def layout_of(channels: Sequence[ChannelInfo]) -> dict[str, Any]:
    """What the heat map draws of all devices."""
    return side_by_side([(channel.side, channel.layout, channel.width) for channel in channels])


async def _recorded(recorder: Recorder, felt: list[_Felt], steps: int, channel: Channel, enough: asyncio.Event) -> None:
    """Record until there are steps enough; then a moment more."""
    width = sum(one.channel.width for one in felt)
    newest = np.zeros(width)
    channel.tell(state="walking", layout=layout_of([one.channel for one in felt]), steps=0, wanted=steps)
    errors: list[BaseException] = []

    async def listen(one: _Felt) -> None:
        async for item in one.stream.items():
            recorder.write(one.number, item)
            if isinstance(item, Packet) and item.channel == "pressure":
                one.sees(item.values)
                part = newest[one.first : one.first + one.channel.width]
                np.maximum(part, np.nan_to_num(item.values).max(axis=0) / one.full, out=part)
            elif isinstance(item, Packet) and item.channel == "battery":
                one.battery = float(item.values[-1, 0])
            elif isinstance(item, Status) and item.kind == "lost":
                channel.tell(lost=one.stream.spec.name)

    tasks = [asyncio.create_task(listen(one)) for one in felt]
    try:
        async with asyncio.timeout(LONGEST_S):
            told = -1
            while not enough.is_set() and sum(one.steps for one in felt) < steps:
                if any(task.done() for task in tasks):
                    errors = [e for task in tasks if task.done() and (e := task.exception()) is not None]
                    break
                channel.show(np.rint(np.clip(newest, 0.0, 1.0) * 255.0).astype(np.uint8).tobytes())
                newest[:] = 0.0
                counted = sum(one.steps for one in felt)
                if counted != told:
                    told = counted
                    battery = {one.channel.side: one.battery for one in felt if one.battery is not None}
                    channel.tell(steps=counted, battery=battery)
                await asyncio.sleep(FRAME_S)
            channel.tell(steps=sum(one.steps for one in felt))
            await asyncio.sleep(SETTLE_S)
    except TimeoutError:
        pass  # what was recorded says whether it is enough
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    if errors:
        raise errors[0]
