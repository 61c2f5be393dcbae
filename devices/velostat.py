"""Velostat mats (serial, Arduino or ESP32): the host asks with one byte, the board answers rows x cols raw bytes.

Options: ``rows`` and ``cols`` (16), ``pitch_mm`` of its cells (without it nothing in mm is computed from them). The
boards have no clock, no counter and no checksum: a frame is known by its length and by silence alone, its time is that
of its arrival, and a frame that was lost leaves no gap in any number.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from devices.errors import DeviceTimeout, SpecError
from devices.ports import Port
from devices.products import Product
from devices.types import UNCOUNTED, ChannelInfo, Decoded, DeviceInfo, Packet
from firmware_bridge.products import velostat as wire
from footscan.types import SensorLayout

BOOT_S = 2.5  #: a board that restarts when its port is opened says nothing for so long
PATIENCE_S = 2.0  #: without a whole frame for so long it is no mat of that size


def layout(rows: int, columns: int, pitch_mm: float | None) -> SensorLayout:
    """The grid, row by row."""
    pitch = pitch_mm or 1.0
    x, y = (np.arange(rows) + 0.5) * pitch, (np.arange(columns) + 0.5 - columns / 2) * pitch
    xy = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    area = None if pitch_mm is None else np.full(len(xy), pitch * pitch)
    index = np.arange(len(xy))
    return SensorLayout(xy, area, None, "plate", (rows, columns), index, "arbitrary" if pitch_mm is None else "mm")


async def packets(port: Port) -> AsyncIterator[Decoded]:
    """``DeviceInfo`` once the first frame has come, then a frame each answer, for ever.

    Raises
    ------
    DeviceError : rows, cols or pitch_mm out of bounds
    DeviceTimeout : no whole frame
    """
    rows, columns = (_number(port, key, 16, 1, 256) for key in ("rows", "cols"))
    pitch_mm = _number(port, "pitch_mm", 0, 0, 1000) if "pitch_mm" in port.options else None
    where = layout(int(rows), int(columns), pitch_mm or None)
    cells = len(where.xy_mm)
    answer = await _woken(port, cells)
    info = DeviceInfo(
        "velostat",
        f"Velostat mat {rows:g} x {columns:g}",
        (ChannelInfo("pressure", "raw", cells, None, "unknown", where, 255.0),),
        latency_s=port.facts.interval_s or 0.02,
    )
    described = False
    whole_s = port.now()
    await port.write(wire.REQUEST)
    answer = wire.requested(port.now(), answer)
    while True:
        try:
            async with asyncio.timeout(wire.SILENCE_S):
                chunk = await port.read()
        except TimeoutError:
            if port.now() - whole_s > PATIENCE_S:
                found = f"{len(answer.data)} bytes"
                hint = "give its size: ?rows=…&cols=…"
                raise DeviceTimeout(port.name, f"a frame of {cells} bytes", found, hint) from None
            await port.write(wire.REQUEST)
            answer = wire.requested(port.now(), answer)
            continue
        if not chunk.data:
            return
        answer, frame = wire.heard(answer, chunk.data, chunk.host_time_s, cells)
        if frame is None:
            continue
        if not described:
            described = True
            yield info
        whole_s = chunk.host_time_s
        values = wire.decode(frame, int(rows), int(columns)).reshape(1, -1).astype(np.float32)
        yield Packet(UNCOUNTED, np.array([np.nan]), chunk.host_time_s, "pressure", values, frame)
        await port.write(wire.REQUEST)
        answer = wire.requested(port.now(), answer)


async def _woken(port: Port, cells: int) -> wire.Answer:
    """Passes over the banner of a board that starts: until it has been silent, or answers a first request."""
    answer = wire.requested(port.now())
    await port.write(wire.REQUEST)
    end_s = port.now() + BOOT_S
    while port.now() < end_s:
        try:
            async with asyncio.timeout(wire.SILENCE_S):
                chunk = await port.read()
        except TimeoutError:
            if answer.lost or answer.data:  # it has spoken, and is quiet now
                break
            await port.write(wire.REQUEST)
            continue
        if not chunk.data:
            break
        answer = wire.Answer(b"", answer.started_s, chunk.host_time_s, answer.lost + len(chunk.data))
    return wire.Answer(b"", answer.started_s, port.now(), answer.lost)


def _number(port: Port, key: str, default: float, least: float, most: float) -> float:
    text = port.options.get(key, str(default))
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most or (key != "pitch_mm" and value != int(value)):
        raise SpecError(port.name, f"{key} from {least:g} to {most:g}", f"{key}={text}", "correct it")
    return value


PRODUCT = Product(
    "velostat", "Velostat mat", ("serial",), packets, baud=wire.BAUD, options=("rows", "cols", "pitch_mm")
)
