"""ORPHE INSOLE (Bluetooth LE): the live modes, and the FIFO pull that loses nothing.

Options: ``mode`` "all" (100 Hz: pressure, motion, attitude; as by default), "pressure" (208 Hz without attitude),
"quaternion" (200 Hz without pressure) or "fifo" (208 Hz, pulled from the insole's memory of 1,500 packets: about 29 s
of absence are made good). The insole's clock is not set: a jump in it would be a jump in the recording.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np

from devices.battery import Battery
from devices.errors import DeviceError, SpecError
from devices.orphe_fifo import Fifo
from devices.ports import Chunk, Port
from devices.products import Product
from devices.standard import information
from devices.types import ChannelInfo, Decoded, DeviceInfo, Packet
from firmware_bridge.products import orphe as wire
from footscan.types import SensorLayout

MODES = {"quaternion": 1, "fifo": 2, "pressure": 3, "all": 4}
GRAVITY_M_S2 = 9.80665
RESUME_S = 1.0  #: after a reconnect an insole whose newest packet stays the same for so long is started anew
POLL_S, ANSWER_S = 0.15, 0.4  #: how often the FIFO is asked where it stands; how long a request may take

#: 0 … 1 from heel to toe, 0 … 1 from the medial to the lateral edge: our own drawing of the maker's words
PLACES = ((0.95, 0.25), (0.72, 0.2), (0.88, 0.75), (0.7, 0.5), (0.45, 0.8), (0.1, 0.5))


def layout() -> SensorLayout:
    """The six sensors; where exactly they lie is not published, so nothing in mm may come of it."""
    return SensorLayout(np.array(PLACES), positions="arbitrary")


def channels(kind: int, side: Any) -> tuple[ChannelInfo, ...]:
    """Of a type of packet."""
    rate_hz, places = wire.RATE_HZ[kind], wire.LAYOUTS[kind]["block"].shape[0]
    count = wire.SERIALS * places
    found = [
        ChannelInfo("acceleration", "m/s^2", 3, rate_hz, side, labels=("x", "y", "z"), seq_modulus=count),
        ChannelInfo("angular_rate", "deg/s", 3, rate_hz, side, labels=("x", "y", "z"), seq_modulus=count),
    ]
    if kind != wire.QUATERNION:
        cells = ChannelInfo("pressure", "raw", 6, rate_hz, side, layout(), labels=wire.SENSORS, seq_modulus=count)
        found.insert(0, cells)
    if kind in (wire.QUATERNION, wire.ALL):
        attitude = ChannelInfo("quaternion", "1", 4, rate_hz, side, labels=("w", "x", "y", "z"), seq_modulus=count)
        found.append(attitude)
    return (*found, ChannelInfo("battery", "level of 2", 1, None, side))


def blocks(samples: wire.Samples, host_time_s: float, raw: bytes) -> Iterator[Packet]:
    """The packets of one decoded block."""
    places = wire.LAYOUTS[samples.type]["block"].shape[0]
    seq = int(samples.serial[0]) * places
    parts = (
        ("pressure", samples.pressure),
        ("acceleration", samples.acceleration_g * np.float32(GRAVITY_M_S2)),
        ("angular_rate", samples.angular_rate_dps),
        ("quaternion", samples.quaternion),
    )
    for name, values in parts:
        if values is not None:
            yield Packet(seq, samples.time_s, host_time_s, name, values, raw)
            raw = b""


async def packets(port: Port) -> AsyncIterator[Decoded]:
    """``DeviceInfo``, then blocks for ever.

    Raises
    ------
    DeviceError : an unknown mode, a link whose transfer unit is too small for its packets
    WireError : what no ORPHE sends
    """
    mode = port.options.get("mode", "all")
    if mode not in MODES:
        raise SpecError(port.name, f"mode to be one of {', '.join(MODES)}", f"mode={mode}", "correct it")
    kind = wire.MODES[MODES[mode]]
    settings = wire.decode_device_information(await port.fetch(wire.DEVICE_INFORMATION))
    known = await information(port)
    await port.subscribe(wire.SENSOR_VALUES)
    if mode != "fifo":
        await port.write(wire.select_mode(MODES[mode]), wire.DEVICE_INFORMATION, response=True)
    yield DeviceInfo(
        "orphe",
        port.facts.name,
        channels(kind, settings.side),
        serial_number=known.get("serial_number", ""),
        firmware=known.get("firmware", ""),
        side=settings.side,
        clock_hz=1000.0,
        clock_wrap_s=wire.DAY_S,
        latency_s=port.facts.interval_s or 0.03,
    )
    battery = Battery(port, lambda data: float(wire.decode_device_information(data).battery), wire.DEVICE_INFORMATION)
    source = _pulled(port) if mode == "fifo" else _live(port, kind)
    ranges = settings.acc_range_g, settings.gyro_range_dps
    async for data, chunk in source:
        for packet in blocks(wire.decode(data, *ranges), chunk.host_time_s, data):
            yield packet
        async for packet in battery.due(chunk.host_time_s):
            yield packet


def _checked(port: Port, chunk: Chunk) -> bytes:
    """A notification that is whole."""
    room = None if port.facts.mtu is None else port.facts.mtu - 3
    if room is not None and len(chunk.data) == room < wire.PACKET_BYTES:
        hint = "use another Bluetooth adapter, or update the system's Bluetooth"
        raise DeviceError(port.name, f"packets of {wire.PACKET_BYTES} bytes", f"cut to {room} by the link", hint)
    return chunk.data


async def _live(port: Port, kind: int) -> AsyncIterator[tuple[bytes, Chunk]]:
    """Notifications of the mode; what was under way from another one is passed over."""
    while True:
        chunk = await port.read()
        if not chunk.data:
            return
        data = _checked(port, chunk)
        if data[0] == kind or data[0] not in (*wire.LAYOUTS, wire.STATUS):
            yield data, chunk


async def _pulled(port: Port) -> AsyncIterator[tuple[bytes, Chunk]]:
    """Runs of packets without a gap between them, pulled from the insole's memory until each has come."""
    memory: dict[str, int] = getattr(port.facts, "memory", {})
    fifo = Fifo(memory.get("orphe_next"), memory.get("orphe_last"))
    # an insole that still fills its ring is left at it: to start it anew might empty the ring
    fills = await _filling(port) if not fifo.resuming else False
    begun_s, asked_s = port.now(), -np.inf
    stood: set[int] = set()
    while True:
        now_s = port.now()
        if not fills and len(stood) < 2 and now_s - begun_s > RESUME_S:
            fills = await _filling(port)
        if now_s - asked_s >= POLL_S:
            await port.write(wire.fifo_command(wire.GET_POSITION), wire.DEVICE_INFORMATION, response=True)
            asked_s = now_s
        ranges = fifo.wanted(now_s, ANSWER_S)
        if ranges:
            await port.write(wire.fifo_request(ranges), wire.DEVICE_INFORMATION, response=True)
        try:
            async with asyncio.timeout(max(0.01, asked_s + POLL_S - port.now())):
                chunk = await port.read()
        except TimeoutError:
            continue
        if not chunk.data:
            return
        stands = _taken(fifo, _checked(port, chunk))
        if stands is not None and len(stood) < 2:
            stood.add(stands)
        for run in fifo.ready():
            yield run, chunk
        if fifo.next is not None and not fifo.resuming:
            memory["orphe_next"] = fifo.next
            memory.pop("orphe_last", None)
            memory |= {} if fifo.last is None else {"orphe_last": fifo.last}


def _taken(fifo: Fifo, data: bytes) -> int | None:
    """A notification for the pull; the newest packet's number where it says where the insole stands."""
    status = wire.decode_status(data) if data[0] == wire.STATUS else None
    if isinstance(status, wire.Position):
        fifo.stands(status)
        return status.serial
    if isinstance(status, wire.NoData):
        fifo.lacks(status)
    elif data[0] == wire.FIFO_DATA:
        fifo.brings(data)
    return None


async def _filling(port: Port) -> bool:
    """Lets the insole measure into its ring."""
    await port.write(wire.select_mode(MODES["fifo"]), wire.DEVICE_INFORMATION, response=True)
    await port.write(wire.fifo_command(wire.START), wire.DEVICE_INFORMATION, response=True)
    return True


PRODUCT = Product(
    "orphe",
    "ORPHE INSOLE",
    ("ble",),
    packets,
    services=(wire.INFORMATION_SERVICE, wire.DATA_SERVICE),
    names=("ORPHE",),
    options=("mode",),
    sim_options=("start_s",),
)
