"""Simulated Bluetooth insoles, by the bytes of the products: ORPHE, BrainCo, FAU, and standard services.

Each has ``services``, ``written(uuid, data)`` for what the host writes, and ``run(send)``, which measures a walk and
sends it. They measure while nobody is connected, as the real ones do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from devices.gatt import Attributed, Services
from devices.orphe import PLACES as ORPHE_PLACES
from devices.services import RunningMeasurement, encode_battery, encode_environment, encode_running
from devices.simulation import Clock, Send, Settings
from devices.types import Array
from devices.walks import STANDARD_GRAVITY, motion_at, onto, pressure_at
from firmware_bridge.products import brainco, fau, orphe

NOON_S = 43_200.0
KPA_STEPS = 10.0  #: raw steps a kPa of our simulated sensors


class BleDevice(Protocol):
    """A simulated peripheral."""

    name: str
    services: Services

    def written(self, uuid: str, data: bytes) -> None:
        """The host has written a characteristic; PermissionError refuses it."""

    def cut(self, data: bytes, room: int) -> list[bytes]:
        """The notifications in which it sends ``data`` where each holds ``room`` bytes."""

    async def run(self, send: Send) -> None:
        """Measures and sends, for ever."""


def information_service(serial_number: str, model: str) -> Mapping[str, Sequence[Attributed]]:
    """The standard service that says who it is."""
    texts = {"2a24": model, "2a25": serial_number, "2a26": "1.0", "2a29": "plantar, simulated"}
    return {"180a": [Attributed(uuid, ("read",), text.encode()) for uuid, text in texts.items()]}


# ------------------------------------------------------------------ ORPHE


class Orphe:
    """An ORPHE INSOLE: live modes 1, 3, 4, and the FIFO with its ring of 1,500 packets."""

    def __init__(self, made: Settings) -> None:
        self.name = f"ORPHE-SIM-{made.side[0].upper()}{made.seed:03d}"
        self._made, self._kind = made, 0
        self._origin_s = made.number("start_s", NOON_S, 0.0, 86_400.0)
        self._chosen, self._asked = asyncio.Event(), asyncio.Event()
        self._ring: deque[tuple[int, bytes]] = deque(maxlen=orphe.FIFO_RING)
        self._answers: deque[bytes] = deque()
        info = orphe.DeviceInformation(2, "right" if made.side == "right" else "left", "plantar")
        self.services: Services = {
            orphe.INFORMATION_SERVICE: [
                Attributed(orphe.DEVICE_INFORMATION, ("read", "write"), orphe.encode_device_information(info)),
                Attributed(orphe.DATE_TIME, ("read", "write"), orphe.encode_date_time(2026, 1, 1, 12, 0, 0)),
            ],
            orphe.DATA_SERVICE: [
                Attributed(orphe.SENSOR_VALUES, ("notify",)),
                Attributed(orphe.STEP_ANALYSIS, ("notify",)),
            ],
        }

    def written(self, uuid: str, data: bytes) -> None:
        """A mode or a command of the FIFO."""
        if uuid != orphe.DEVICE_INFORMATION or len(data) < 2:
            return
        if data[0] == 0x0D and data[1] in orphe.MODES:
            kind = orphe.MODES[data[1]]
            if kind != self._kind:
                self._kind = kind
                self._chosen.set()
        elif data[0] == 0x0B:
            self._command(data)

    def cut(self, data: bytes, room: int) -> list[bytes]:
        """A packet is one notification: what does not fit is lost."""
        return [data]

    def _command(self, data: bytes) -> None:
        if data[1] == orphe.GET_POSITION:
            newest = self._ring[-1][0] if self._ring else -1
            position = orphe.Position(newest % orphe.SERIALS, 0, len(self._ring))
            self._answers.append(orphe.encode_status(position))
        elif data[1] == orphe.GET_DATA:
            kept = {serial % orphe.SERIALS: packet for serial, packet in self._ring}
            for start, count in orphe.decode_request(data):
                for serial in range(start, start + count):
                    packet = kept.get(serial % orphe.SERIALS)
                    lack = orphe.encode_status(orphe.NoData(serial % orphe.SERIALS, 1))
                    self._answers.append(lack if packet is None else packet)
        else:
            if data[1] == orphe.CLEAR:
                self._ring.clear()
            self._answers.append(orphe.encode_status(orphe.Done(data[1])))
        self._asked.set()

    async def run(self, send: Send) -> None:
        """Measures in the chosen mode; answers meanwhile."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._answer(send))
            await self._chosen.wait()
            clock = Clock(self._made.speed, self._made.ppm)
            while True:
                kind = self._kind
                places = orphe.LAYOUTS[kind]["block"].shape[0]
                async for due in clock.ticks(orphe.RATE_HZ[kind], places):
                    notifications = orphe.encode(orphe_samples(self._made, kind, due, self._origin_s))
                    for serial, data in zip(due, notifications):
                        if kind == orphe.FIFO_DATA:
                            self._ring.append((serial, data))
                        else:
                            await send(orphe.SENSOR_VALUES, data)
                    if self._kind != kind:
                        break

    async def _answer(self, send: Send) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._answers:
                await send(orphe.SENSOR_VALUES, self._answers.popleft())
                await asyncio.sleep(0)


def orphe_samples(made: Settings, kind: int, serials: range, origin_s: float = NOON_S) -> orphe.Samples:
    """What packets ``serials`` (unwrapped) hold: the walk at the times of the device's clock."""
    places = orphe.LAYOUTS[kind]["block"].shape[0]
    index = np.arange(serials.start * places, serials.stop * places)
    time_s = index / orphe.RATE_HZ[kind]
    motion = motion_at(made.walk, made.side, time_s)
    return orphe.Samples(
        kind,
        np.repeat(np.arange(serials.start, serials.stop) % orphe.SERIALS, places),
        np.tile(np.arange(places), len(serials)),
        np.mod(origin_s + time_s, orphe.DAY_S),
        motion.angular_rate_dps,
        motion.acceleration_m_s2 / STANDARD_GRAVITY,
        None if kind in (orphe.PRESSURE, orphe.FIFO_DATA) else motion.quaternion,
        None if kind == orphe.QUATERNION else sensed(made, time_s, ORPHE_PLACES) * KPA_STEPS,
    )


def sensed(made: Settings, time_s: Array, places: Sequence[tuple[float, float]]) -> Array:
    """(n, k) of the walk at sensors ``places`` of the foot."""
    weights = onto(made.walk.foot(made.side).layout, made.side, places)
    return np.asarray(pressure_at(made.walk, made.side, time_s) @ weights)


# ------------------------------------------------------------------ BrainCo

BRAINCO_PLACES = tuple((float(x), float(y)) for x in np.linspace(0.04, 0.97, 12) for y in (0.15, 0.4, 0.65, 0.9))


class BrainCo:
    """A BrainCo insole: answers requests, streams 48 pressures, IMU and shear."""

    def __init__(self, made: Settings) -> None:
        self.name = f"BrainCo-SIM-{made.side[0].upper()}{made.seed:03d}"
        self._made, self._rest = made, b""
        self._side = "right" if made.side == "right" else "left"
        self._rate_hz, self._on = brainco.RATE_HZ, asyncio.Event()
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self.services: Services = {
            brainco.SERVICE: [
                Attributed(brainco.WRITE, ("write", "write-without-response")),
                Attributed(brainco.NOTIFY, ("notify",)),
            ]
        }

    def written(self, uuid: str, data: bytes) -> None:
        """A part of a request."""
        payloads, self._rest, _ = brainco.read_frames(self._rest + data)
        for payload in payloads:
            request = brainco.decode_request(payload)
            if brainco.CONFIGURE in request.what and request.rate_hz:
                self._rate_hz = float(request.rate_hz)
            if request.stream is not None:
                (self._on.set if request.stream else self._on.clear)()
            device = battery = None
            if brainco.DEVICE_INFO in request.what:
                device = brainco.DeviceInfo(self._side, f"SIM{self._made.seed:05d}", "insole", "1.0", "1")
            if brainco.BATTERY in request.what:
                battery = brainco.Battery(85, 3900, "unknown")
            response = brainco.Response(request.message_id, "", battery, device)
            self._answers.put_nowait(brainco.encode_response(response))

    def cut(self, data: bytes, room: int) -> list[bytes]:
        """A frame goes on in the next notification."""
        return [data[at : at + room] for at in range(0, len(data), room)]

    async def run(self, send: Send) -> None:
        """Answers, and streams while it is on."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._answer(send))
            await self._on.wait()
            clock = Clock(self._made.speed, self._made.ppm)
            async for due in clock.ticks(self._rate_hz):
                for number in due if self._on.is_set() else ():
                    samples = brainco_samples(self._made, number, self._rate_hz)
                    await send(brainco.NOTIFY, brainco.encode_response(brainco.Response(samples=samples)))

    async def _answer(self, send: Send) -> None:
        while True:
            await send(brainco.NOTIFY, await self._answers.get())


def brainco_samples(made: Settings, number: int, rate_hz: float = brainco.RATE_HZ) -> brainco.Samples:
    """What frame ``number`` holds."""
    time_s = np.array([number / rate_hz])
    motion = motion_at(made.walk, made.side, time_s)
    pressure = np.rint(sensed(made, time_s, BRAINCO_PLACES) * KPA_STEPS)
    force = pressure[:, [2, 22, 40]]
    return brainco.Samples(
        "right" if made.side == "right" else "left",
        np.array([number]),
        np.array([round(number * 1000.0 / rate_hz)]),
        pressure,
        np.rint(1e5 / (1.0 + pressure)),
        motion.acceleration_m_s2 / STANDARD_GRAVITY,
        motion.angular_rate_dps,
        np.rint(np.stack([0.1 * force, -0.05 * force], axis=-1)),
    )


# ------------------------------------------------------------------ FAU


class Fau:
    """A FAU sensor insole: C2 starts, C1 stops; as many samples a notification as the link holds, five at most."""

    def __init__(self, made: Settings) -> None:
        self.name = f"FAU-SIM-{made.side[0].upper()}{made.seed:03d}"
        self.block = int(made.number("block", 5, 1, 25))
        self._made, self._on = made, asyncio.Event()
        self.services: Services = {
            fau.SERVICE: [
                Attributed(fau.WRITE, ("write", "write-without-response")),
                Attributed(fau.NOTIFY, ("notify",)),
            ]
        }

    def written(self, uuid: str, data: bytes) -> None:
        """Start or stop."""
        if data == fau.START:
            self._on.set()
        elif data == fau.STOP:
            self._on.clear()

    def cut(self, data: bytes, room: int) -> list[bytes]:
        """As many whole packets as fit."""
        step = max(1, room // fau.PACKET_BYTES) * fau.PACKET_BYTES
        return [data[at : at + step] for at in range(0, len(data), step)]

    async def run(self, send: Send) -> None:
        """Streams while it is on."""
        await self._on.wait()
        clock = Clock(self._made.speed, self._made.ppm)
        async for due in clock.ticks(fau.RATE_HZ, self.block):
            for number in due if self._on.is_set() else ():
                samples = fau_samples(self._made, range(number * self.block, (number + 1) * self.block))
                await send(fau.NOTIFY, fau.encode(samples))


FAU_PLACES = ((0.1, 0.5), (0.7, 0.2), (0.7, 0.8))


def fau_samples(made: Settings, numbers: range) -> fau.Samples:
    """What samples ``numbers`` hold."""
    index = np.arange(numbers.start, numbers.stop)
    time_s = index / fau.RATE_HZ
    motion = motion_at(made.walk, made.side, time_s)
    return fau.Samples(
        index % fau.COUNTER_WRAP,
        np.rint(motion.angular_rate_dps * 16.0),
        np.rint(motion.acceleration_m_s2 * 200.0),
        np.full(len(index), 1013.25),
        np.clip(np.rint(sensed(made, time_s, FAU_PLACES)), 0, 255),
    )


# ------------------------------------------------------------------ standard services


class Standard:
    """A foot pod: battery, device information, running speed and cadence each second, temperature and humidity."""

    def __init__(self, made: Settings) -> None:
        self.name = f"POD-SIM-{made.seed:03d}"
        self._made = made
        self.services: Services = {
            **information_service(f"POD{made.seed:05d}", "pod"),
            "180f": [Attributed("2a19", ("read", "notify"), encode_battery(85))],
            "1814": [Attributed("2a53", ("notify",)), Attributed("2a54", ("read",), b"\x07\x00")],
            "181a": [
                Attributed("2a6e", ("read", "notify"), encode_environment("2a6e", 31.5)),
                Attributed("2a6f", ("read",), encode_environment("2a6f", 62.0)),
            ],
        }

    def written(self, uuid: str, data: bytes) -> None:
        """Nothing can be written."""

    def cut(self, data: bytes, room: int) -> list[bytes]:
        """Its values are short."""
        return [data]

    async def run(self, send: Send) -> None:
        """Running speed and cadence each second."""
        async for due in Clock(self._made.speed).ticks(1.0):
            for second in due:
                measured = RunningMeasurement(1.25, 110, 0.68, 1.25 * second)
                await send("2a53", encode_running(measured))
                await send("2a6e", encode_environment("2a6e", 31.5 + 0.01 * (second % 50)))


BLE_DEVICES: Mapping[str, type[Orphe] | type[BrainCo] | type[Fau] | type[Standard]] = {
    "orphe": Orphe,
    "brainco": BrainCo,
    "fau": Fau,
    "standard": Standard,
}
