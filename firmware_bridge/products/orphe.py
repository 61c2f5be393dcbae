"""ORPHE INSOLE (Bluetooth LE, big-endian): notifications of 104 bytes into arrays, commands, the lossless FIFO pull.

Source: the maker's own SDKs (github.com/Orphe-OSS: ORPHE-INSOLE.js `docs/SENSOR_SPEC.md`, ORPHE-INSOLE.py,
ORPHE-CORE-INSOLE.js). The device's clock has no date and wraps at midnight; the serial number wraps at 65,536.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from firmware_bridge.errors import WireError

Array: TypeAlias = npt.NDArray[Any]

INFORMATION_SERVICE = "01a9d6b5-ff6e-444a-b266-0be75e85c064"
DEVICE_INFORMATION = "24354f22-1c46-430e-a4ab-a1eeabbcdfc0"  #: read: settings; write: commands
DATE_TIME = "f53eeeb1-b2e8-492a-9673-10e0f1c29026"
DATA_SERVICE = "db1b7aca-cda5-4453-a49b-33a53d3f0833"
SENSOR_VALUES = "f3f9c7ce-46ee-4205-89ac-abe64e626c0f"  #: notify: samples, answers of the FIFO
STEP_ANALYSIS = "4eb776dc-cf99-4af7-b2d3-ad0f791a79dd"  #: not sent by current firmware

PACKET_BYTES, DAY_S, SERIALS = 104, 86_400.0, 65_536
QUATERNION, FIFO_DATA, PRESSURE, ALL = 50, 54, 55, 56  #: types of packet, the first byte
STATUS = 0x35  #: first byte of an answer of the FIFO
MODES: dict[int, int] = {1: QUATERNION, 2: FIFO_DATA, 3: PRESSURE, 4: ALL}  #: mode of the command 0D → type that comes
RATE_HZ: dict[int, float] = {QUATERNION: 200.0, FIFO_DATA: 208.0, PRESSURE: 208.0, ALL: 100.0}  #: 208: as measured

ACC_RANGES_G = (2.0, 4.0, 8.0, 16.0)
GYRO_RANGES_DPS = (250.0, 500.0, 1000.0, 2000.0)
GYRO_PER_LSB = 0.000035  #: °/s a step and °/s of range: the sensor's own sensitivity, not range / 32768
SENSORS = ("toe_medial", "ball_medial", "toe_lateral", "ball_centre", "midfoot_lateral", "heel")

FIFO_RING, FIFO_RANGES, FIFO_PACKETS = 1500, 30, 200  #: packets kept; ranges a request; packets a request
GET_POSITION, GET_DATA, CLEAR, START, STOP = 0x01, 0x02, 0x03, 0x04, 0x06  #: second byte of the command 0B

_CLOCK = struct.Struct(">3xBBBH96x")
_HEADER = [("type", "u1"), ("serial", ">u2"), ("hour", "u1"), ("minute", "u1"), ("second", "u1"), ("ms", ">u2")]
_QUAT, _GYRO = ("quat", ">i2", (4,)), ("gyro", ">i2", (3,))
_ACC, _PRESS = ("acc", ">i2", (3,)), ("press", ">u2", (6,))


def _layout(blocks: int, *fields: Any) -> np.dtype[Any]:
    """A packet of ``blocks`` samples behind the header, padded to 104 bytes."""
    packet: Any = [*_HEADER, ("block", list(fields), (blocks,))]
    pad = PACKET_BYTES - np.dtype(packet).itemsize
    return np.dtype([*packet, ("pad", f"V{pad}")] if pad else packet)


LAYOUTS: dict[int, np.dtype[Any]] = {
    QUATERNION: _layout(4, _QUAT, _GYRO, _ACC, ("delta_ms", "u1")),
    FIFO_DATA: _layout(4, _GYRO, _ACC, _PRESS),
    PRESSURE: _layout(4, _GYRO, _ACC, _PRESS),
    ALL: _layout(2, _QUAT, _GYRO, _ACC, _PRESS),
}


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """A block of packets of one type, oldest sample first.

    ``serial`` (n,) of the packet that each sample came in and ``place`` (n,) in it (0 = oldest); ``time_s`` (n,) since
    midnight by the device's clock, in types 54, 55 and 56 spread by the rate from the packet's one time; ``quaternion``
    (n, 4) w x y z or None, ``angular_rate_dps`` (n, 3), ``acceleration_g`` (n, 3), ``pressure`` (n, 6) raw or None.
    """

    type: int
    serial: Array
    place: Array
    time_s: Array
    angular_rate_dps: Array
    acceleration_g: Array
    quaternion: Array | None
    pressure: Array | None


def decode(data: bytes, acc_range_g: float = 16.0, gyro_range_dps: float = 2000.0) -> Samples:
    """Samples of one notification, or of many of one type joined (k × 104 bytes).

    Raises
    ------
    WireError : another length, an unknown or a second type, a clock that no day has
    """
    if not data or len(data) % PACKET_BYTES:
        raise WireError("ORPHE notification", f"{PACKET_BYTES} bytes", f"{len(data)}")
    kind = data[0]
    if kind not in LAYOUTS:
        raise WireError("ORPHE notification", f"type {', '.join(map(str, LAYOUTS))}", str(kind))
    packets = np.frombuffer(data, LAYOUTS[kind])
    if data[::PACKET_BYTES].count(kind) != len(packets):
        others = sorted(set(data[::PACKET_BYTES]) - {kind})
        raise WireError("ORPHE block", f"packets of one type, {kind}", f"also {others}", "decode each type by itself")
    start_s = np.array(_clock_s(data))
    # the last block of a packet is the oldest sample
    blocks = packets["block"][:, ::-1]
    count, places = blocks.shape
    if kind == QUATERNION:
        # each later sample adds its own byte of ms
        later_ms = blocks["delta_ms"].astype(np.float64)
        later_ms[:, 0] = 0.0
        offset_s = later_ms.cumsum(axis=1) / 1000.0
    else:
        offset_s = np.arange(places) / RATE_HZ[kind]
    names = blocks.dtype.names or ()
    return Samples(
        type=kind,
        serial=np.repeat(packets["serial"].astype(np.uint16), places),
        place=np.arange(count * places) % places,
        time_s=(start_s[:, None] + offset_s).ravel(),
        angular_rate_dps=_scaled(blocks["gyro"], gyro_range_dps * GYRO_PER_LSB),
        acceleration_g=_scaled(blocks["acc"], acc_range_g / 32768.0),
        quaternion=_scaled(blocks["quat"], 1.0 / 16384.0) if "quat" in names else None,
        pressure=_scaled(blocks["press"], 1.0) if "press" in names else None,
    )


def encode(samples: Samples, acc_range_g: float = 16.0, gyro_range_dps: float = 2000.0) -> list[bytes]:
    """The notifications that carry ``samples``, one a packet: what a simulated insole sends.

    ``serial`` and ``time_s`` of a packet are those of its oldest sample; values beyond the range saturate, as they do
    on the sensor. WireError where the samples don't fill whole packets of a known type.
    """
    if samples.type not in LAYOUTS:
        raise WireError("ORPHE packet", f"type {', '.join(map(str, LAYOUTS))}", str(samples.type))
    layout = LAYOUTS[samples.type]
    places = layout["block"].shape[0]
    if not len(samples.time_s) or len(samples.time_s) % places:
        raise WireError("ORPHE packet", f"a multiple of {places} samples", str(len(samples.time_s)))
    packets = np.zeros(len(samples.time_s) // places, layout)
    packets["type"], packets["serial"] = samples.type, np.asarray(samples.serial)[::places]
    whole_ms = np.rint(np.asarray(samples.time_s)[::places] * 1000.0).astype(np.int64) % 86_400_000
    packets["ms"], packets["second"] = whole_ms % 1000, whole_ms // 1000 % 60
    packets["minute"], packets["hour"] = whole_ms // 60_000 % 60, whole_ms // 3_600_000
    blocks = packets["block"][:, ::-1]
    shape = (len(packets), places)
    blocks["gyro"] = _steps(samples.angular_rate_dps, gyro_range_dps * GYRO_PER_LSB, "i2").reshape(*shape, 3)
    blocks["acc"] = _steps(samples.acceleration_g, acc_range_g / 32768.0, "i2").reshape(*shape, 3)
    names = layout["block"].base.names or ()
    for name, values, unit, kind, width in (
        ("quat", samples.quaternion, 1.0 / 16384.0, "i2", 4),
        ("press", samples.pressure, 1.0, "u2", 6),
    ):
        if name in names:
            if values is None:
                raise WireError("ORPHE packet", f"{name} in type {samples.type}", "none")
            blocks[name] = _steps(values, unit, kind).reshape(*shape, width)
    if samples.type == QUATERNION:
        gaps_ms = np.rint(np.diff(np.reshape(samples.time_s, shape), axis=1) * 1000.0)
        blocks["delta_ms"][:, 1:] = np.clip(gaps_ms, 0, 255)
    whole = packets.tobytes()
    return [whole[at : at + PACKET_BYTES] for at in range(0, len(whole), PACKET_BYTES)]


def _clock_s(data: bytes) -> list[float]:
    """Seconds since midnight of each packet."""
    clocks = []
    for hour, minute, second, ms in _CLOCK.iter_unpack(data):
        if hour > 23 or minute > 59 or second > 59 or ms > 999:
            raise WireError("ORPHE clock", "a time of day", f"{hour}:{minute}:{second}.{ms}")
        clocks.append(3600 * hour + 60 * minute + second + ms / 1000.0)
    return clocks


def _scaled(field: Array, unit: float) -> Array:
    """(packets, places, k) integers as (n, k) float32 in units."""
    return (field.astype(np.float32) * np.float32(unit)).reshape(-1, field.shape[-1])


def _steps(values: Array, unit: float, kind: str) -> Array:
    """Values as whole steps of ``unit``, held within the integer's range."""
    limits = np.iinfo(kind)
    return np.clip(np.rint(np.asarray(values, np.float64) / unit), limits.min, limits.max).astype(kind)


# ------------------------------------------------------------------ settings and clock


@dataclass(frozen=True, slots=True)
class DeviceInformation:
    """What DEVICE_INFORMATION says: ``battery`` 0 low, 1 middle, 2 high (no percentage), side, where it is worn,
    ranges of the sensors; an unknown index of a range is taken as the widest, as the maker does."""

    battery: int
    side: Literal["left", "right"]
    surface: Literal["plantar", "dorsal"]
    acc_range_g: float = 16.0
    gyro_range_dps: float = 2000.0


def decode_device_information(data: bytes) -> DeviceInformation:
    """What a read of DEVICE_INFORMATION says; WireError where it is shorter than the ten bytes that are known."""
    if len(data) < 10:
        raise WireError("ORPHE device information", "10 bytes or more", str(len(data)))
    acc, gyro = (min(index, 3) for index in data[8:10])
    return DeviceInformation(
        battery=data[0],
        side="right" if data[1] & 1 else "left",
        surface="dorsal" if data[1] & 2 else "plantar",
        acc_range_g=ACC_RANGES_G[acc],
        gyro_range_dps=GYRO_RANGES_DPS[gyro],
    )


def encode_device_information(info: DeviceInformation) -> bytes:
    """The twenty bytes that a read gives; those of unknown meaning are zero."""
    mount = (info.side == "right") | (info.surface == "dorsal") << 1
    ranges = ACC_RANGES_G.index(info.acc_range_g), GYRO_RANGES_DPS.index(info.gyro_range_dps)
    return bytes([info.battery, mount, 0, 0, 0, 0, 0, 0, *ranges]).ljust(20, b"\0")


def encode_date_time(year: int, month: int, day: int, hour: int, minute: int, second: int, ms: int = 0) -> bytes:
    """What sets the device's clock, seven bytes; it keeps hundredths of a second."""
    return bytes([year % 100, month, day, hour, minute, second, ms // 10])


def decode_date_time(data: bytes) -> tuple[int, int, int, int, int, int, int]:
    """(year, month, day, hour, minute, second, ms); WireError where it is not seven bytes."""
    if len(data) != 7:
        raise WireError("ORPHE date and time", "7 bytes", str(len(data)))
    year, month, day, hour, minute, second, hundredths = data
    return 2000 + year, month, day, hour, minute, second, 10 * hundredths


# ------------------------------------------------------------------ commands and the FIFO


@dataclass(frozen=True, slots=True)
class Position:
    """Where the FIFO stands: the newest ``serial``, its ``watermark``, how many packets wait."""

    serial: int
    watermark: int
    waiting: int


@dataclass(frozen=True, slots=True)
class NoData:
    """A range that the insole no longer, or not yet, has."""

    start: int
    count: int


@dataclass(frozen=True, slots=True)
class Done:
    """An acknowledgement of ``command``: CLEAR, START or STOP."""

    command: int


def select_mode(mode: int) -> bytes:
    """The command for live mode 1, 3 or 4, or 2 for the FIFO; WireError for another."""
    if mode not in MODES:
        raise WireError("ORPHE mode", "1, 3, 4 (live) or 2 (FIFO)", str(mode))
    return bytes([0x0D, mode])


def fifo_command(command: int) -> bytes:
    """GET_POSITION, CLEAR, START or STOP."""
    return bytes([0x0B, command])


def fifo_request(ranges: Sequence[tuple[int, int]]) -> bytes:
    """The request for up to 30 ranges (serial, count), always 122 bytes; WireError for more ranges or 200 packets."""
    packets = sum(count for _, count in ranges)
    if not 0 < len(ranges) <= FIFO_RANGES or not 0 < packets <= FIFO_PACKETS:
        expected = f"1 to {FIFO_RANGES} ranges, at most {FIFO_PACKETS} packets"
        raise WireError("ORPHE FIFO request", expected, f"{len(ranges)} ranges, {packets} packets")
    pairs = np.zeros((FIFO_RANGES, 2), ">u2")
    pairs[: len(ranges)] = [(start % SERIALS, count) for start, count in ranges]
    return bytes([0x0B, GET_DATA]) + pairs.tobytes()


def decode_request(data: bytes) -> tuple[tuple[int, int], ...]:
    """The ranges of a request, as the insole reads them; WireError where it is no request of 122 bytes."""
    if len(data) != 2 + 4 * FIFO_RANGES or data[:2] != bytes([0x0B, GET_DATA]):
        raise WireError("ORPHE FIFO request", "122 bytes that begin with 0B 02", f"{len(data)}: {data[:2].hex()}")
    pairs = np.frombuffer(data, ">u2", offset=2).reshape(-1, 2)
    return tuple((int(start), int(count)) for start, count in pairs if count)


def decode_status(data: bytes) -> Position | NoData | Done:
    """An answer of the FIFO (first byte 35); WireError for anything else. Bytes behind it are padding."""
    if len(data) >= 7 and data[:2] == bytes([STATUS, GET_POSITION]):
        return Position(int.from_bytes(data[2:4], "big"), data[4], int.from_bytes(data[5:7], "big"))
    if len(data) >= 6 and data[:2] == bytes([STATUS, GET_DATA]):
        return NoData(int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:6], "big"))
    if len(data) >= 2 and data[0] == STATUS and data[1] in (CLEAR, START, STOP):
        return Done(data[1])
    raise WireError("ORPHE FIFO answer", "35 01, 35 02, 35 03, 35 04 or 35 06", data[:8].hex(" ") or "nothing")


def encode_status(status: Position | NoData | Done) -> bytes:
    """The answer as the insole sends it."""
    if isinstance(status, Position):
        tail = status.serial.to_bytes(2, "big") + bytes([status.watermark]) + status.waiting.to_bytes(2, "big")
        return bytes([STATUS, GET_POSITION]) + tail
    if isinstance(status, NoData):
        return bytes([STATUS, GET_DATA]) + status.start.to_bytes(2, "big") + status.count.to_bytes(2, "big")
    return bytes([STATUS, status.command])


def ranges_of(serials: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Unwrapped serial numbers joined into (serial, count), in order: what to ask for again."""
    wanted = np.unique(np.fromiter(serials, np.int64))
    if not len(wanted):
        return ()
    runs = np.split(wanted, np.flatnonzero(np.diff(wanted) > 1) + 1)
    return tuple((int(run[0]) % SERIALS, len(run)) for run in runs)
