"""Simulated serial devices, by the bytes of the products: Sensel Morph, Velostat mat, a board with our own protocol.

Each has ``run(line)``: it answers and sends on its end of a pseudo-terminal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from devices.sensel import MAGIC
from devices.simulation import Clock, Line, Settings
from devices.types import Array
from devices.walks import STANDARD_GRAVITY, image, motion_at, pressure_at
from firmware_bridge import control, messages, records
from firmware_bridge.codec import SEQUENCE_WRAP, TIME_WRAP_US, Frame, FrameReader, encode_frame
from firmware_bridge.control import Control, Hello, Stream
from firmware_bridge.products import sensel, velostat


class SerialDevice(Protocol):
    """A simulated device on a serial line."""

    async def run(self, line: Line) -> None:
        """Answers and sends, for ever."""


class _Mat:
    """A grid under a walking foot."""

    def __init__(self, made: Settings, shape: tuple[int, int], pitch_mm: tuple[float, float]) -> None:
        self._made, self.shape = made, shape
        self._cell = image(made.walk.foot(made.side).layout, shape, pitch_mm)

    def at(self, time_s: float) -> Array:
        """(rows, cols) kPa."""
        pressure = pressure_at(self._made.walk, self._made.side, np.array([time_s]))
        return np.asarray(np.where(self._cell >= 0, pressure[0][self._cell], 0.0))


# ------------------------------------------------------------------ Sensel


class Sensel:
    """A Morph: registers, and frames when they are asked for."""

    def __init__(self, made: Settings) -> None:
        self._made = made
        self._registers: dict[int, bytes] = {
            sensel.MAGIC: MAGIC,
            sensel.FIRMWARE: bytes([0, 1, 6, 0, 0]),
            sensel.SERIAL_NUMBER: made.seed.to_bytes(8, "big"),
            sensel.SCAN_DETAIL: b"\0",
            sensel.SCAN_RATE: b"\x7d\0",
            sensel.FRAME_CONTENT: b"\0",
            sensel.SCAN_ENABLED: b"\0",
        }
        self._mats: dict[int, _Mat] = {}

    def frame(self, number: int) -> sensel.MorphFrame:
        """Scan ``number`` since it was switched on."""
        detail = self._registers[sensel.SCAN_DETAIL][0]
        rows, columns = sensel.GRIDS[detail]
        if detail not in self._mats:
            pitch = sensel.ACTIVE_MM[1] / rows, sensel.ACTIVE_MM[0] / columns
            self._mats[detail] = _Mat(self._made, (rows, columns), pitch)
        time_s = number / self.rate_hz
        pressure = np.rint(self._mats[detail].at(time_s) * 4.0).astype(np.uint16)
        return sensel.MorphFrame(number % 256, round(time_s * 1e6), pressure)

    @property
    def rate_hz(self) -> int:
        """Scans a second."""
        return int.from_bytes(self._registers[sensel.SCAN_RATE], "little")

    async def run(self, line: Line) -> None:
        """Answers each request."""
        clock = Clock(self._made.speed, self._made.ppm)
        held = b""
        while True:
            held += await line.read()
            while len(held) >= 3:
                if held[0] == 0x81:
                    register, held = held[1], held[3:]
                    await line.write(self._answer(register, clock))
                elif held[0] == 0x01 and len(held) >= 4 + held[2]:
                    size = held[2]
                    self._registers[held[1]] = held[3 : 3 + size]
                    await line.write(sensel.encode_answer(sensel.Answer(held[1])))
                    held = held[4 + size :]
                elif held[0] == 0x01:
                    break
                else:
                    held = held[1:]

    def _answer(self, register: int, clock: Clock) -> bytes:
        if register == sensel.FRAME:
            on = self._registers[sensel.SCAN_ENABLED] == b"\1"
            payload = sensel.encode_frame(self.frame(int(clock.now_s() * self.rate_hz))) if on else b"\0"
            return sensel.encode_answer(sensel.Answer(register, payload), variable=True)
        variable = register == sensel.SERIAL_NUMBER
        return sensel.encode_answer(sensel.Answer(register, self._registers.get(register, b"\0")), variable)


# ------------------------------------------------------------------ Velostat


class Velostat:
    """A mat on an Arduino: a banner, then a frame for each request."""

    def __init__(self, made: Settings) -> None:
        rows, columns = (int(made.number(key, 16, 1, 256)) for key in ("rows", "cols"))
        self._made, self._mat = made, _Mat(made, (rows, columns), (300.0 / rows, 130.0 / columns))

    def frame(self, time_s: float) -> Array:
        """(rows, cols) uint8 at that time."""
        return np.clip(np.rint(self._mat.at(time_s)), 0, 255).astype(np.uint8)

    async def run(self, line: Line) -> None:
        """Answers each request byte."""
        clock = Clock(self._made.speed, self._made.ppm)
        await line.write(b"Pressure mat ready\r\n")
        while True:
            for byte in await line.read():
                if byte == velostat.REQUEST[0]:
                    frame = velostat.encode(self.frame(clock.now_s()))
                    await asyncio.sleep(10.0 * len(frame) / velostat.BAUD)  # ten bits a byte
                    await line.write(frame)


# ------------------------------------------------------------------ our own board

BOARD_RATE_HZ = 100.0
GRID, MOTION, POWER, AIR, STORE = 1, 2, 3, 4, 5
KPA_A_STEP, G_A_STEP, DPS_A_STEP = 0.1, 1.0 / 2048.0, 0.07


class Board:
    """A board with a grid of 16 x 8 cells, an IMU, battery, thermometer, a calibration table, a log and a lamp."""

    def __init__(self, made: Settings) -> None:
        rows, columns = (int(made.number(key, default, 1, 128)) for key, default in (("rows", 16), ("cols", 8)))
        self._made, self.rate_hz = made, made.number("rate_hz", BOARD_RATE_HZ, 1, 1000)
        self._mat = _Mat(made, (rows, columns), (300.0 / rows, 110.0 / columns))
        self.calibration, self.log, self.lamp = bytearray(64), b"started\n" * 100, 0.0
        self._sequence, self._streaming = -1, asyncio.Event()
        self._slow_in = 0
        self._lost = np.random.default_rng(made.seed + 1)

    def told(self) -> Hello:
        """Its hello."""
        rows, columns = self._mat.shape
        grid = Stream(
            GRID,
            "grid",
            "pressure",
            "kPa",
            self.rate_hz,
            KPA_A_STEP,
            rows=rows,
            cols=columns,
            pitch_mm=(300.0 / rows, 110.0 / columns),
        )
        scales = {"acceleration": G_A_STEP, "angular_rate": DPS_A_STEP}
        motion = Stream(MOTION, "imu", "motion", "raw", self.rate_hz, scales=scales)
        slow = tuple(Stream(n, k, k) for n, k in ((POWER, "battery"), (AIR, "environment"), (STORE, "memory")))
        side = self._made.side
        return Hello(
            "simulated board", "1.0", f"SIM-{self._made.seed:04d}", side, (1,), (grid, motion, *slow), ("lamp",)
        )

    def samples(self, number: int) -> tuple[records.PressureGrid, records.Imu]:
        """Sample ``number`` of its two quick streams."""
        time_s = number / self.rate_hz
        heel_first = self._mat.at(time_s)[::-1]  # as a board's layout has its rows
        cells = np.rint(heel_first / KPA_A_STEP).astype(np.uint16)
        motion = motion_at(self._made.walk, self._made.side, np.array([time_s]))
        acceleration = np.rint(motion.acceleration_m_s2 / STANDARD_GRAVITY / G_A_STEP).astype(np.int16)
        rate = np.rint(np.clip(motion.angular_rate_dps / DPS_A_STEP, -32768, 32767)).astype(np.int16)
        return records.PressureGrid(GRID, cells), records.Imu(MOTION, round(1e6 / self.rate_hz), acceleration, rate)

    async def run(self, line: Line) -> None:
        """Answers, and streams while it is asked to."""
        clock = Clock(self._made.speed, self._made.ppm)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._answers(line, clock))
            async for due in clock.ticks(self.rate_hz):
                for number in due if self._streaming.is_set() else ():
                    at_us = round(number * 1e6 / self.rate_hz)
                    for message in self.samples(number):
                        await self._send(line, message, at_us)
                    self._slow_in -= 1
                    if self._slow_in < 0:
                        self._slow_in = round(5 * self.rate_hz)
                        await self._send(line, records.Battery(87, 3912, "discharging"), at_us)
                        await self._send(line, records.Environment(21.5, 47.0, 101_325.0), at_us)
                        await self._send(line, records.Memory(4096, 4096 - len(self.log)), at_us)

    async def _send(self, line: Line, message: records.Message, at_us: int) -> None:
        self._sequence = (self._sequence + 1) % SEQUENCE_WRAP
        data = encode_frame(messages.encode(message, self._sequence, at_us % TIME_WRAP_US))
        if not self._made.loss or not self._streaming.is_set() or self._lost.random() >= self._made.loss:
            await line.write(data)

    async def _answers(self, line: Line, clock: Clock) -> None:
        reader = FrameReader()
        while True:
            for frame in reader.feed(await line.read()):
                now_us = round(clock.now_s() * 1e6)
                for message in self._answer(frame, now_us):
                    await self._send(line, message, now_us)

    def _answer(self, frame: Frame, now_us: int) -> list[records.Message]:
        message = messages.decode(frame)
        if isinstance(message, records.TimeRequest):
            return [records.TimeReply(message.host_ns, now_us, now_us)]
        if isinstance(message, records.Chunk):
            if message.total != len(self.calibration):
                return [control.acknowledge(frame.sequence, "the table has another size")]
            self.calibration[message.offset : message.offset + len(message.data)] = message.data
            return [control.acknowledge(frame.sequence)]
        if not isinstance(message, Control):
            return []
        if message.type == control.HELLO:
            return [control.hello_fields(self.told())]
        if message.type == control.FETCH:
            return self._fetched(message, frame.sequence)
        commands: dict[int, Callable[[Control], str | None]] = {
            control.START: lambda _: self._streaming.set(),
            control.STOP: lambda _: self._streaming.clear(),
            control.ACTUATE: self._actuated,
            control.CONFIGURE: self._configured,
        }
        done = commands.get(message.type)
        return [] if done is None else [control.acknowledge(frame.sequence, done(message))]

    def _actuated(self, message: Control) -> str | None:
        if message.fields.get("actuator") != "lamp":
            return "the only actuator is lamp"
        self.lamp = float(message.fields.get("value", 0.0))
        return None

    def _configured(self, message: Control) -> str | None:
        rate = message.fields.get("rate_hz")
        if not isinstance(rate, int | float) or not 1 <= rate <= 1000:
            return "rate_hz is 1 to 1000"
        if self._streaming.is_set():
            return "stop first"
        self.rate_hz = float(rate)
        return None

    def _fetched(self, message: Control, sequence: int) -> list[records.Message]:
        kind = message.fields.get("kind")
        if kind == "logs":
            return [control.acknowledge(sequence, logs=[{"table": 0, "bytes": len(self.log)}])]
        if kind not in records.CHUNKS:
            return [control.acknowledge(sequence, "kind is calibration, log or logs")]
        data = self.log if kind == "log" else bytes(self.calibration)
        start = int(message.fields.get("offset", 0))
        pieces: list[records.Message] = [
            records.Chunk(kind, 0, at, len(data), data[at : at + 128]) for at in range(start, len(data), 128)
        ]
        return [*pieces, control.acknowledge(sequence)]


SERIAL_DEVICES: Mapping[str, type[Sensel] | type[Velostat] | type[Board]] = {
    "sensel": Sensel,
    "velostat": Velostat,
    "board": Board,
}
