"""Sensel Morph (USB serial): a plate of 230 x 130 mm that is polled for frames of pressure.

Options: ``detail`` "high" (53 x 93 cells, as by default) or "medium" (27 x 47), ``rate_hz`` (125) of its scans. The
pressure is raw: an eighth of it is the maker's unit of force.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from devices.errors import DeviceError, DeviceTimeout, SpecError
from devices.ports import Chunk, Port
from devices.products import Product
from devices.types import ChannelInfo, Decoded, DeviceInfo, Packet
from firmware_bridge.products import sensel as wire
from footscan.types import SensorLayout

DETAILS = {"high": 0, "medium": 1}
MAGIC = b"S3NS31"
ANSWER_S = 1.0
MAX_HELD = 1 << 17  #: bytes that wait for the rest of an answer; the largest is 64 KB
CLOCK_WRAP_S = 2**32 / 1e6
RATE_HZ = 125


def layout(detail: int) -> SensorLayout:
    """The grid: rows along the shorter side."""
    rows, columns = wire.GRIDS[detail]
    along, across = wire.ACTIVE_MM[1] / rows, wire.ACTIVE_MM[0] / columns
    x, y = (np.arange(rows) + 0.5) * along, (np.arange(columns) + 0.5 - columns / 2) * across
    xy = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    return SensorLayout(xy, np.full(len(xy), along * across), None, "plate", (rows, columns), np.arange(len(xy)))


class _Registers:
    """Requests and answers, one at a time."""

    def __init__(self, port: Port) -> None:
        self.port, self._rest = port, b""

    async def read(self, register: int, size: int = 0) -> tuple[bytes, Chunk]:
        """The register's payload, and the piece that completed it; empty data at the end of the line."""
        return await self._asked(wire.read_register(register, size), register)

    async def write(self, register: int, payload: bytes) -> None:
        """Writes a register and waits for the acknowledgement."""
        await self._asked(wire.write_register(register, payload), register)

    async def _asked(self, request: bytes, register: int) -> tuple[bytes, Chunk]:
        await self.port.write(request)
        try:
            async with asyncio.timeout(ANSWER_S):
                while True:
                    chunk = await self.port.read()
                    answers, self._rest, _ = wire.read_answers(self._rest + chunk.data)
                    if len(self._rest) > MAX_HELD:
                        self._rest = b""
                    for answer in answers:
                        if answer.register == register:
                            return answer.payload, chunk
                    if not chunk.data:
                        return b"", chunk
        except TimeoutError as error:
            self._rest = b""
            what = f"an answer of register 0x{register:02x} within {ANSWER_S:g} s"
            raise DeviceTimeout(self.port.name, what, "none", "is it a Sensel Morph?") from error


async def packets(port: Port) -> AsyncIterator[Decoded]:
    """``DeviceInfo``, then a frame each poll, for ever.

    Raises
    ------
    DeviceError : an unknown detail, another device
    DeviceTimeout : no answer
    WireError : frames that don't fit the grid
    """
    word = port.options.get("detail", "high")
    if word not in DETAILS:
        raise SpecError(port.name, f"detail to be one of {', '.join(DETAILS)}", f"detail={word}", "correct it")
    detail, rate_hz = DETAILS[word], _rate(port)
    registers = _Registers(port)
    magic, _ = await registers.read(wire.MAGIC, len(MAGIC))
    if magic != MAGIC:
        raise DeviceError(port.name, f"{MAGIC.decode()} of a Sensel Morph", repr(magic), "name its product")
    serial_number, _ = await registers.read(wire.SERIAL_NUMBER)
    firmware, _ = await registers.read(wire.FIRMWARE, 5)
    for register, payload in (
        (wire.SCAN_ENABLED, b"\0"),
        (wire.FRAME_CONTENT, bytes([wire.PRESSURE])),
        (wire.SCAN_DETAIL, bytes([detail])),
        (wire.SCAN_RATE, rate_hz.to_bytes(2, "little")),
        (wire.SCAN_ENABLED, b"\1"),
    ):
        await registers.write(register, payload)
    cells = ChannelInfo(
        "pressure", "raw", len(layout(detail).xy_mm), float(rate_hz), "unknown", layout(detail), seq_modulus=256
    )
    yield DeviceInfo(
        "sensel",
        "Sensel Morph",
        (cells,),
        serial_number=serial_number.hex(),
        firmware=".".join(str(b) for b in firmware[1:3]),
        clock_hz=1e6,
        clock_wrap_s=CLOCK_WRAP_S,
        latency_s=port.facts.interval_s or 0.01,
    )
    last = -1
    while True:
        payload, chunk = await registers.read(wire.FRAME)
        if not chunk.data:
            return
        if len(payload) < 6 or payload[1] == last:  # nothing new since the last poll
            await asyncio.sleep(0.25 / rate_hz)
            continue
        last = payload[1]
        frame = wire.decode_frame(payload, detail)
        if frame.pressure is not None:
            values = frame.pressure.reshape(1, -1).astype(np.float32)
            times = np.array([frame.time_us / 1e6])
            yield Packet(frame.counter, times, chunk.host_time_s, "pressure", values, payload)


def _rate(port: Port) -> int:
    text = port.options.get("rate_hz", str(RATE_HZ))
    rate_hz = int(text) if text.isdigit() else 0
    if not 1 <= rate_hz <= 1000:
        raise SpecError(port.name, "rate_hz from 1 to 1000", f"rate_hz={text}", "correct it")
    return rate_hz


PRODUCT = Product(
    "sensel", "Sensel Morph", ("serial",), packets, usb=((wire.VID, wire.PID),), options=("detail", "rate_hz")
)
