"""Recording many devices into one file: open them all, write down what they say, stop cleanly whatever happens.

    result = record(["ble:ORPHE-L?side=left", "ble:ORPHE-R?side=right"], "walk.mcap", seconds=60)

``arecord`` is its async twin.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from devices.clock import tap_offset
from devices.errors import DeviceError
from devices.live import Live, Meter
from devices.recorder import Recorder
from devices.sequence import Tally
from devices.specs import Spec, parse
from devices.streams import Stream, aopen
from devices.types import DeviceInfo, Packet
from footscan.io.files import PathLike

LOOK_S = 0.5
MOST_APART_S = 0.2  #: of one tap by two clocks that nobody has aligned: no radio is later than that by habit


@dataclass(frozen=True)
class Recorded:
    """What came of it: a tally for each label, the seconds, and a line for each thing that a person should know."""

    path: str
    seconds: float
    tallies: dict[str, Tally]
    notes: tuple[str, ...]


async def arecord(
    specs: Sequence[str | Spec],
    path: PathLike,
    *,
    seconds: float | None = None,
    tap_s: float | None = None,
    live: Callable[[tuple[Live, ...]], None] | None = None,
    stop: asyncio.Event | None = None,
    streams: Sequence[Stream] | None = None,
    now: Callable[[], float] = time.monotonic,
    background: bool = True,
) -> Recorded:
    """Record until the time is up, ``stop`` is set, every source has ended, or the task is cancelled (the file is
    whole then too).

    tap_s   : the devices are knocked together within so many seconds from the start: it gives their offset
    live    : is called twice a second
    streams : instead of opening the specs (``specs`` is then not looked at)

    Raises
    ------
    DeviceError : a device can't be had (nothing is recorded then), one foot is there twice, or a device was lost for
        good (the rest was recorded to the end)
    OSError : the file exists, or the disk is full: it is kept as far as it came
    """
    opened = list(streams) if streams is not None else [aopen(spec, now=now) for spec in map(parse, specs)]
    for stream in opened:
        if not stream.has_device:
            raise DeviceError(stream.spec.name, "a source of samples", "one of finished things", "leave it out")
    async with contextlib.AsyncExitStack() as stack:
        await _enter_all(stack, opened)
        infos = [_info(stream) for stream in opened]
        check_feet([(stream.spec.name, info) for stream, info in zip(opened, infos)])
        with Recorder(path, now=now, background=background) as recorder:
            numbers = [await asyncio.to_thread(recorder.add, i) if background else recorder.add(i) for i in infos]
            session = _Session(recorder, opened, numbers, infos, tap_s, now)
            await session.run(seconds, live, stop)
    if session.errors:
        raise session.errors[0]
    return Recorded(str(path), session.passed_s, session.tallies(), tuple(session.notes))


def record(specs: Sequence[str | Spec], path: PathLike, **how: Any) -> Recorded:
    """``arecord`` in plain code. Ctrl-C ends the file properly, then goes on as KeyboardInterrupt."""
    return asyncio.run(arecord(specs, path, **how))


def check_feet(found: Sequence[tuple[str, DeviceInfo]]) -> None:
    """DeviceError where two devices claim the same foot's pressure, or are one and the same."""
    seen: dict[tuple[str, ...], str] = {}
    for place, info in found:
        keys: list[tuple[str, ...]] = [("serial", info.product, info.serial_number)] if info.serial_number else []
        if info.side != "unknown" and any(channel.name == "pressure" for channel in info.channels):
            keys.append(("side", info.side))
        for key in keys:
            if key in seen:
                what = f"one {key[-1]} foot" if key[0] == "side" else "different devices"
                where = f"{seen[key]} and {place}"
                hint = "give side=left and side=right" if key[0] == "side" else "name each device once"
                raise DeviceError(place, what, f"{key[-1]} twice: {where}", hint)
            seen[key] = place


async def _enter_all(stack: contextlib.AsyncExitStack, streams: Sequence[Stream]) -> None:
    """Connect to all at once; the first that can't be had ends it for all."""
    tasks = [asyncio.create_task(stream.__aenter__()) for stream in streams]
    for stream in streams:
        stack.push_async_callback(stream.aclose)
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _info(stream: Stream) -> DeviceInfo:
    if stream.info is None:
        raise DeviceError(stream.spec.name, "a device that says what it sends", "an end", "record again")
    return stream.info


class _Session:
    """The devices of one file while it is being written."""

    def __init__(
        self,
        recorder: Recorder,
        streams: Sequence[Stream],
        numbers: Sequence[int],
        infos: Sequence[DeviceInfo],
        tap_s: float | None,
        now: Callable[[], float],
    ) -> None:
        self.errors: list[DeviceError] = []
        self.notes: list[str] = []
        self.passed_s = 0.0
        self._recorder, self._streams, self._now = recorder, streams, now
        self._start_s, self._tap_s = now(), tap_s
        self._numbers = numbers
        self._meters = [Meter(recorder.label(n), info) for n, info in zip(self._numbers, infos)]
        self._jolts: list[list[Packet]] = [[] for _ in streams]

    def tallies(self) -> dict[str, Tally]:
        return {self._recorder.label(n): stream.tally for n, stream in zip(self._numbers, self._streams)}

    async def run(
        self, seconds: float | None, live: Callable[[tuple[Live, ...]], None] | None, stop: asyncio.Event | None
    ) -> None:
        tasks = [asyncio.create_task(self._write(number)) for number in range(len(self._streams))]
        waits: list[asyncio.Future[Any]] = [asyncio.create_task(stop.wait())] if stop is not None else []
        looking = [asyncio.create_task(self._look(live))] if live is not None else []
        everything = asyncio.gather(*tasks)
        try:
            timeout_s = None if seconds is None else max(0.0, seconds - (self._now() - self._start_s))
            await asyncio.wait({everything, *waits}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if everything.done():
                everything.result()  # a full disk
        finally:
            rest = [*tasks, *waits, *looking]
            for task in rest:
                task.cancel()
            await asyncio.wait(rest)
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await everything
            self.passed_s = self._now() - self._start_s
            self._align()

    async def _write(self, number: int) -> None:
        """Everything that one device says, as it comes."""
        recorder, meter, jolts = self._recorder, self._meters[number], self._jolts[number]
        tap_until_s = self._start_s + (self._tap_s or 0.0)
        try:
            async for item in self._streams[number].items():
                recorder.write(self._numbers[number], item)
                meter.see(item)
                if isinstance(item, Packet) and item.channel == "acceleration" and item.host_time_s < tap_until_s:
                    jolts.append(item)
        except DeviceError as error:
            self.errors.append(error)

    async def _look(self, live: Callable[[tuple[Live, ...]], None]) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            looks = []
            for n, meter, stream in zip(self._numbers, self._meters, self._streams):
                looks.append(meter.look(self._now(), stream.tally, self._recorder.clock(n)))
            live(tuple(looks))

    def _align(self) -> None:
        """The tap that all devices felt gives their offset from the first one."""
        if self._tap_s is None:
            return
        felt = []
        for number, packets in zip(self._numbers, self._jolts):
            fit = self._recorder.clock(number)
            if packets and fit is not None:
                times_s = fit.to_host_s(np.concatenate([packet.device_time_s for packet in packets]))
                felt.append((number, times_s, np.concatenate([packet.values for packet in packets])))
        if len(felt) < 2:
            self.notes.append("no tap: fewer than two devices have an acceleration and a clock")
            return
        first = felt[0]
        for number, times_s, values in felt[1:]:
            label = self._recorder.label(number)
            try:
                offset_s, uncertainty_ms = tap_offset(first[1], first[2], times_s, values)
            except ValueError as error:
                self.notes.append(f"{label}: no tap: {error}")
                continue
            if abs(offset_s) > MOST_APART_S:
                self.notes.append(
                    f"{label}: no tap: the jolts are {abs(offset_s):.2f} s apart, more than a radio can be late"
                )
                continue
            self._recorder.align(first[0], 0.0, uncertainty_ms, "tap")
            self._recorder.align(number, -offset_s, uncertainty_ms, "tap")
            self.notes.append(f"{label}: moved by {-1e3 * offset_s:.1f} ms after a tap, ± {uncertainty_ms:.1f} ms")
