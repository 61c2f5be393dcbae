"""Boards that people build and that speak the toolkit's own protocol (`firmware_bridge/PROTOCOL.md`), over a serial
port or over Bluetooth (Nordic UART service).

``packets`` streams; ``devices.board_link.BoardLink`` also configures, drives actuators, and moves calibration tables
and logs. A frame's sequence counts frames of all streams together: where it jumps, each stream's own time says how many
of its samples are missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from devices.board_link import KNOWN, SERVICE, BoardLink
from devices.ports import Port
from devices.products import Product
from devices.types import UNCOUNTED, Array, ChannelInfo, Decoded, DeviceInfo, Mark, Packet, packet
from firmware_bridge import messages, records
from firmware_bridge.codec import SEQUENCE_WRAP, TIME_WRAP_US, Frame
from firmware_bridge.control import Hello, Stream
from footscan.types import SensorLayout, Side

GRAVITY_M_S2 = 9.80665
SYNC_S = 1.0  #: between two looks at the board's clock
#: part of an IMU -> its unit, and what turns a step times the hello's scale into it
IMU_UNITS = {
    "acceleration": ("m/s^2", GRAVITY_M_S2),
    "angular_rate": ("deg/s", 1.0),
    "magnetic_field": ("uT", 1.0),
    "quaternion": ("1", 1.0),
}
#: record -> its channels: field, channel, unit, factor
SLOW: Mapping[type[Any], tuple[tuple[str, str, str, float], ...]] = {
    records.Battery: (("percent", "battery", "%", 1.0), ("voltage_mv", "battery_voltage", "V", 1e-3)),
    records.Environment: (
        ("temperature_c", "temperature", "degC", 1.0),
        ("humidity_percent", "humidity", "%", 1.0),
        ("pressure_pa", "air_pressure", "Pa", 1.0),
    ),
    records.Memory: (("free_bytes", "memory_free", "byte", 1.0),),
    records.Position: (
        ("latitude_deg", "latitude", "deg", 1.0),
        ("longitude_deg", "longitude", "deg", 1.0),
        ("altitude_m", "altitude", "m", 1.0),
        ("speed_m_s", "speed", "m/s", 1.0),
        ("heading_deg", "heading", "deg", 1.0),
        ("accuracy_m", "accuracy", "m", 1.0),
    ),
}
_KINDS = {
    "battery": records.Battery,
    "environment": records.Environment,
    "memory": records.Memory,
    "position": records.Position,
}


# ------------------------------------------------------------------ what the hello says


def layout(stream: Stream, side: Side) -> SensorLayout:
    """Where a stream's cells are; places that the board does not know are a grid in which nothing in mm counts."""
    rows, columns = stream.rows, stream.cols
    frame: Any = "plate" if side == "unknown" else "insole"
    index = np.arange(rows * columns)
    if stream.xy_mm is not None:
        return SensorLayout(np.array(stream.xy_mm), frame=frame)
    pitch = stream.pitch_mm or (1.0, 1.0)
    place = np.stack(np.meshgrid(np.arange(rows) + 0.5, columns / 2 - np.arange(columns) - 0.5, indexing="ij"), axis=-1)
    area = np.full(rows * columns, pitch[0] * pitch[1]) if stream.pitch_mm else None
    known: Any = "mm" if stream.pitch_mm else "arbitrary"
    return SensorLayout(place.reshape(-1, 2) * pitch, area, None, frame, (rows, columns), index, known)


def channels(hello: Hello, parts: Mapping[int, set[str]]) -> tuple[ChannelInfo, ...]:
    """Of all streams; ``parts`` of each IMU that it sends. Those of a second IMU bear its name before theirs."""
    side: Any = hello.side
    found = [ChannelInfo("clock", "s", 3, None, side, labels=("asked_host", "received", "sent"))]
    for stream in hello.streams:
        if stream.kind in ("grid", "cells"):
            cells = stream.rows * stream.cols
            where = layout(stream, side)
            found.append(ChannelInfo(stream.name, stream.unit, cells, stream.rate_hz, side, where, stream.full_scale))
        elif stream.kind == "imu":
            widths = dict(records.IMU_FIELDS)
            for part in (part for part in IMU_UNITS if part in parts.get(stream.id, ())):
                name, unit = imu_channel(hello, stream, part), IMU_UNITS[part][0]
                found.append(ChannelInfo(name, unit, widths[part], stream.rate_hz, side))
        elif stream.kind in _KINDS:
            found += [ChannelInfo(name, unit, 1, None, side) for _, name, unit, _ in SLOW[_KINDS[stream.kind]]]
    return tuple({channel.name: channel for channel in found}.values())


def imu_channel(hello: Hello, stream: Stream, part: str) -> str:
    """``acceleration`` of the board's first IMU, ``NAME_acceleration`` of others."""
    first = next(s.id for s in hello.streams if s.kind == "imu")
    return part if stream.id == first else f"{stream.name}_{part}"


# ------------------------------------------------------------------ counting


@dataclass
class _Count:
    """Of one stream: the number and the time (µs, unwrapped) of its next sample."""

    seq: int
    time_us: int
    losses: int


class Counter:
    """Numbers for the samples of each stream, from the frames' one sequence and their times.

    ``start_us``: the board's clock (64 bit) when the connection began: numbers are where they would be had nobody left.
    """

    def __init__(self, start_us: int) -> None:
        self._start_us, self._sequence, self.losses = start_us, -1, 0
        self._streams: dict[int, _Count] = {}

    def frame(self, frame: Frame) -> bool:
        """Looks at a frame's sequence; False for one that has been here, or comes too late."""
        if self._sequence >= 0:
            ahead = (frame.sequence - self._sequence) % SEQUENCE_WRAP
            if ahead == 0 or ahead > SEQUENCE_WRAP // 2:
                return False
            self.losses += ahead - 1
        self._sequence = frame.sequence
        return True

    def samples(self, stream: int, frame: Frame, count: int, interval_us: float) -> int:
        """The number of the frame's first sample."""
        known = self._streams.get(stream)
        near_us = self._start_us if known is None else known.time_us
        time_us = frame.time_us + TIME_WRAP_US * round((near_us - frame.time_us) / TIME_WRAP_US)
        if known is None:
            seq = round(time_us / interval_us)
        elif known.losses == self.losses:  # no frame is missing: none of this stream's
            seq = known.seq
        else:
            seq = known.seq + max(0, round((time_us - known.time_us) / interval_us))
        end_us = time_us + round(count * interval_us)
        self._streams[stream] = _Count(seq + count, end_us, self.losses)
        return seq


# ------------------------------------------------------------------ samples


async def packets(port: Port) -> AsyncIterator[Decoded]:
    """``DeviceInfo``, then blocks, marks and looks at the clock for ever.

    Raises
    ------
    DeviceTimeout : nobody answers our hello
    DeviceError : the board refuses to start, or speaks only versions that are not read here
    """
    link = BoardLink(port)
    hello = await link.hello()
    clock = await link.time()
    # the hello has the scales of an IMU's parts; what it sends shows in its first frame
    parts = {stream.id: set(stream.scales) for stream in hello.streams if stream.kind == "imu"}
    yield _info(hello, parts, port)
    counter = Counter(clock.sent_us)
    by_id = {stream.id: stream for stream in hello.streams}
    await link.start()
    asked_s = port.now()
    try:
        while True:
            if port.now() - asked_s >= SYNC_S:
                asked_s = port.now()
                await link.ask_time()
            frames, chunk = await link.frames()
            if not chunk.data:
                return
            came: list[Decoded] = []
            for run in runs(frames):
                # types that are not known here are passed over: the board may be newer
                new = [frame for frame in run if counter.frame(frame) and frame.type in KNOWN]
                if len(new) > 1:
                    came += grids(by_id, counter, new, chunk.host_time_s)
                    continue
                for frame in new:
                    message = messages.decode(frame)
                    if isinstance(message, records.Imu) and _more_parts(message, parts):
                        came.append(_info(hello, parts, port))
                    came += decoded(hello, by_id, counter, frame, message, chunk.host_time_s)
            for item in joined(came):
                yield item
    finally:
        await link.leave()


def runs(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Grids that follow each other together, every other frame alone."""
    run: list[Frame] = []
    for frame in frames:
        if run and not messages.follows(frame, run[-1]):
            yield run
            run = []
        run.append(frame)
    if run:
        yield run


def joined(items: Sequence[Decoded]) -> Iterator[Decoded]:
    """What came at once, packets of a channel that follow each other made one: a fast plate has several in a read."""
    runs: dict[str, list[Packet]] = {}
    for item in items:
        if not isinstance(item, Packet):
            yield from map(_one, runs.values())
            runs = {}
            yield item
            continue
        run = runs.get(item.channel)
        if run and (item.seq == UNCOUNTED or item.seq != run[-1].seq + len(run[-1].values)):
            yield _one(run)
            run = None
        if run:
            run.append(item)
        else:
            runs[item.channel] = [item]
    yield from map(_one, runs.values())


def _one(run: Sequence[Packet]) -> Packet:
    first = run[0]
    if len(run) == 1:
        return first
    times, values = (np.concatenate([getattr(p, name) for p in run]) for name in ("device_time_s", "values"))
    return Packet(first.seq, times, first.host_time_s, first.channel, values, b"".join(p.raw for p in run))


def _info(hello: Hello, parts: Mapping[int, set[str]], port: Port) -> DeviceInfo:
    return DeviceInfo(
        "board",
        hello.board,
        channels(hello, parts),
        serial_number=hello.serial_number,
        firmware=hello.firmware,
        side="left" if hello.side == "left" else "right" if hello.side == "right" else "unknown",
        clock_hz=1e6,
        clock_wrap_s=TIME_WRAP_US / 1e6,
        latency_s=port.facts.interval_s or 0.005,
    )


def _more_parts(message: records.Imu, parts: dict[int, set[str]]) -> bool:
    """Whether an IMU sends what it was not known to send; then it is known from now on."""
    sent = {part for part in IMU_UNITS if getattr(message, part) is not None}
    if message.stream not in parts or sent <= parts[message.stream]:
        return False
    parts[message.stream] |= sent
    return True


def decoded(
    hello: Hello,
    streams: Mapping[int, Stream],
    counter: Counter,
    frame: Frame,
    message: records.Message,
    host_time_s: float,
) -> Iterator[Decoded]:
    """What one frame with that message brings; answers to commands bring nothing."""
    start_s = frame.time_us / 1e6
    raw = frame.raw
    if isinstance(message, records.PressureGrid | records.PressureCells):
        stream = streams.get(message.stream)
        if stream is None:
            return
        if isinstance(message, records.PressureGrid):
            values, interval_us = message.values.reshape(1, -1), 1e6 / (stream.rate_hz or 100.0)
        else:
            values, interval_us = message.values, float(message.interval_us) or 1e4
        seq = counter.samples(stream.id, frame, len(values), interval_us)
        times = start_s + np.arange(len(values)) * interval_us / 1e6
        yield Packet(seq, times, host_time_s, stream.name, values * np.float32(stream.scale), raw)
    elif isinstance(message, records.Imu):
        yield from _imu(hello, streams, counter, frame, message, host_time_s, raw)
    elif isinstance(message, records.Mark):
        side: Any = hello.side
        yield Mark(message.kind, host_time_s, start_s, side)
    elif isinstance(message, records.TimeReply):
        row = [[message.host_ns / 1e9, message.received_us / 1e6, message.sent_us / 1e6]]
        yield packet("clock", UNCOUNTED, float("nan"), host_time_s, row, raw)
    elif type(message) in SLOW:
        for field, name, _, factor in SLOW[type(message)]:
            value = getattr(message, field)
            row = [[np.nan if value is None else value * factor]]
            yield packet(name, UNCOUNTED, start_s, host_time_s, row, raw)
            raw = b""


def grids(
    streams: Mapping[int, Stream], counter: Counter, run: Sequence[Frame], host_time_s: float
) -> Iterator[Packet]:
    """One packet for grids of which each follows the one before."""
    number, cells = messages.decode_grids(run)
    stream = streams.get(number)
    if stream is not None:
        interval_us = 1e6 / (stream.rate_hz or 100.0)
        seqs = [counter.samples(number, frame, 1, interval_us) for frame in run]
        times = np.array([frame.time_us for frame in run]) / 1e6
        raw = b"".join([frame.raw for frame in run])
        yield Packet(seqs[0], times, host_time_s, stream.name, cells * np.float32(stream.scale), raw)


def _imu(
    hello: Hello,
    streams: Mapping[int, Stream],
    counter: Counter,
    frame: Frame,
    message: records.Imu,
    host_time_s: float,
    raw: bytes,
) -> Iterator[Packet]:
    stream = streams.get(message.stream)
    parts: dict[str, Array] = {p: v for p in IMU_UNITS if (v := getattr(message, p)) is not None}
    if stream is None or not parts:
        return
    count = len(next(iter(parts.values())))
    interval_us = float(message.interval_us) or 1e6 / (stream.rate_hz or 100.0)
    seq = counter.samples(stream.id, frame, count, interval_us)
    times = frame.time_us / 1e6 + np.arange(count) * interval_us / 1e6
    for part, values in parts.items():
        scale = 1.0 / 16384.0 if part == "quaternion" else stream.scales.get(part, 1.0) * IMU_UNITS[part][1]
        name = imu_channel(hello, stream, part)
        yield Packet(seq, times, host_time_s, name, values * np.float32(scale), raw)
        raw = b""


PRODUCT = Product(
    "board",
    "a board with our own protocol",
    ("serial", "ble"),
    packets,
    services=(SERVICE,),
    sim_options=("rows", "cols", "rate_hz"),
)
