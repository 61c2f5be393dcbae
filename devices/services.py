"""Standard Bluetooth services: pure decoders, and encoders for simulated devices.

Battery, device information, running speed and cadence, current time, location and navigation, environmental sensing.
Layouts: Bluetooth GATT Specification Supplement, a section each by the characteristic's name. Little-endian; flags say
which fields follow. Bytes after the last field that the flags announce are left alone (later versions append), missing
ones are a ``WireError``. ``CHARACTERISTICS`` is the table.
"""

from __future__ import annotations

import datetime
import functools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from firmware_bridge.errors import WireError

BATTERY_SERVICE, BATTERY_LEVEL = "180f", "2a19"
INFORMATION_SERVICE = "180a"
RUNNING_SERVICE, RUNNING_MEASUREMENT = "1814", "2a53"
TIME_SERVICE, CURRENT_TIME = "1805", "2a2b"
LOCATION_SERVICE, LOCATION_AND_SPEED, POSITION_QUALITY = "1819", "2a67", "2a69"
ENVIRONMENT_SERVICE = "181a"

#: characteristic of the device information service -> name
INFORMATION: Mapping[str, str] = {
    "2a24": "model",
    "2a25": "serial_number",
    "2a26": "firmware",
    "2a27": "hardware",
    "2a28": "software",
    "2a29": "manufacturer",
}


class _Fields:
    """Takes fields off the front of a value."""

    def __init__(self, what: str, data: bytes) -> None:
        self.what, self.data, self.at = what, bytes(data), 0

    def take(self, size: int, signed: bool = False) -> int:
        """The next little-endian integer of ``size`` bytes."""
        field = self.data[self.at : self.at + size]
        if len(field) != size:
            raise WireError(self.what, f"at least {self.at + size} bytes", f"{len(self.data)}")
        self.at += size
        return int.from_bytes(field, "little", signed=signed)


# ------------------------------------------------------------------ battery, information


def decode_battery(data: bytes) -> int:
    """Battery level, 0 to 100 %; WireError for more."""
    percent = _Fields("battery level", data).take(1)
    if percent > 100:
        raise WireError("battery level", "0 to 100 %", str(percent))
    return percent


def encode_battery(percent: int) -> bytes:
    """Battery level, 0 to 100 %."""
    return bytes([decode_battery(bytes([percent]))])


def decode_text(data: bytes) -> str:
    """A UTF-8 string of the device information service; a terminating zero and what follows are dropped."""
    return data.split(b"\0", 1)[0].decode("utf-8", "replace").strip()


# ------------------------------------------------------------------ running speed and cadence


@dataclass(frozen=True)
class RunningMeasurement:
    """Speed m/s, cadence steps/min; stride and distance where the sensor sends them."""

    speed_m_s: float
    cadence_steps_per_min: int
    stride_length_m: float | None = None
    distance_m: float | None = None
    running: bool = False


def decode_running(data: bytes) -> RunningMeasurement:
    """RSC Measurement: flags, speed u16 /256 m/s, cadence u8, stride u16 cm, distance u32 0.1 m."""
    fields = _Fields("running speed and cadence", data)
    flags = fields.take(1)
    speed, cadence = fields.take(2) / 256.0, fields.take(1)
    stride = fields.take(2) / 100.0 if flags & 1 else None
    distance = fields.take(4) / 10.0 if flags & 2 else None
    return RunningMeasurement(speed, cadence, stride, distance, bool(flags & 4))


def encode_running(m: RunningMeasurement) -> bytes:
    """RSC Measurement."""
    flags = (m.stride_length_m is not None) | (m.distance_m is not None) << 1 | m.running << 2
    data = struct.pack("<BHB", flags, round(m.speed_m_s * 256), m.cadence_steps_per_min)
    data += b"" if m.stride_length_m is None else struct.pack("<H", round(m.stride_length_m * 100))
    return data + (b"" if m.distance_m is None else struct.pack("<I", round(m.distance_m * 10)))


# ------------------------------------------------------------------ current time


def decode_time(data: bytes) -> datetime.datetime | None:
    """Current Time as the device says it, without a zone (the service sends local time); None: not known.

    Year u16, month, day, hour, minute, second, weekday, 1/256 s, reason of adjustment.
    """
    fields = _Fields("current time", data)
    year, month, day, hour, minute, second, _weekday, parts, _why = (
        fields.take(n) for n in (2, 1, 1, 1, 1, 1, 1, 1, 1)
    )
    when = _moment("current time", year, month, day, hour, minute, second)
    return when and when.replace(microsecond=parts * 1_000_000 // 256)


def _moment(what: str, year: int, month: int, day: int, *clock: int) -> datetime.datetime | None:
    """Year, month, day, hour, minute, second; None where a zero says "not known"."""
    if 0 in (year, month, day):
        return None
    hour, minute, second = clock
    try:
        return datetime.datetime(year, month, day, hour, minute, second)
    except ValueError as error:
        found = f"{year}-{month}-{day} {hour}:{minute}:{second}"
        raise WireError(what, "a date and time", found) from error


def encode_time(when: datetime.datetime, reason: int = 0) -> bytes:
    """Current Time; ``reason`` bits: 0 manual, 1 external reference, 2 zone, 3 daylight saving."""
    head = struct.pack("<HBBBBB", when.year, when.month, when.day, when.hour, when.minute, when.second)
    return head + bytes([when.isoweekday(), when.microsecond * 256 // 1_000_000, reason])


# ------------------------------------------------------------------ location and navigation


@dataclass(frozen=True)
class Location:
    """What the flags announce; ``status``: 0 no position, 1 ok, 2 estimated, 3 last known."""

    speed_m_s: float | None = None
    distance_m: float | None = None
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    elevation_m: float | None = None
    heading_deg: float | None = None
    rolling_time_s: int | None = None
    utc: datetime.datetime | None = None
    status: int = 0


def decode_location(data: bytes) -> Location:
    """Location and Speed: flags u16; speed u16 cm/s, distance u24 0.1 m, latitude and longitude s32 1e-7°, elevation
    s24 cm, heading u16 0.01°, rolling time u8 s, UTC (year u16, month, day, hour, minute, second)."""
    fields = _Fields("location and speed", data)
    flags = fields.take(2)
    speed = fields.take(2) / 100.0 if flags & 1 else None
    distance = fields.take(3) / 10.0 if flags & 2 else None
    place = (fields.take(4, True) / 1e7, fields.take(4, True) / 1e7) if flags & 4 else (None, None)
    elevation = fields.take(3, True) / 100.0 if flags & 8 else None
    heading = fields.take(2) / 100.0 if flags & 16 else None
    rolling = fields.take(1) if flags & 32 else None
    utc = None
    if flags & 64:
        utc = _moment("location and speed", fields.take(2), *(fields.take(1) for _ in range(5)))
        utc = utc and utc.replace(tzinfo=datetime.UTC)
    return Location(speed, distance, place[0], place[1], elevation, heading, rolling, utc, flags >> 7 & 3)


def encode_location(x: Location) -> bytes:
    """Location and Speed."""
    fields = (
        b"" if x.speed_m_s is None else struct.pack("<H", round(x.speed_m_s * 100)),
        b"" if x.distance_m is None else round(x.distance_m * 10).to_bytes(3, "little"),
        b""
        if x.latitude_deg is None or x.longitude_deg is None
        else struct.pack("<ii", round(x.latitude_deg * 1e7), round(x.longitude_deg * 1e7)),
        b"" if x.elevation_m is None else round(x.elevation_m * 100).to_bytes(3, "little", signed=True),
        b"" if x.heading_deg is None else struct.pack("<H", round(x.heading_deg * 100)),
        b"" if x.rolling_time_s is None else bytes([x.rolling_time_s]),
        b"" if x.utc is None else struct.pack("<H5B", *x.utc.timetuple()[:6]),
    )
    flags = sum(1 << bit for bit, field in enumerate(fields) if field) | x.status << 7
    return struct.pack("<H", flags) + b"".join(fields)


@dataclass(frozen=True)
class PositionQuality:
    """How good a fix is; what the flags announce."""

    beacons_used: int | None = None
    beacons_in_view: int | None = None
    first_fix_s: float | None = None
    horizontal_error_m: float | None = None
    vertical_error_m: float | None = None
    hdop: float | None = None
    vdop: float | None = None
    status: int = 0


def decode_position_quality(data: bytes) -> PositionQuality:
    """Position Quality: flags u16; beacons u8, in view u8, first fix u16 0.1 s, errors u32 cm, HDOP and VDOP u8 0.2."""
    fields = _Fields("position quality", data)
    flags = fields.take(2)
    plan = ((1, 1.0), (1, 1.0), (2, 0.1), (4, 0.01), (4, 0.01), (1, 0.2), (1, 0.2))
    raw = [fields.take(size) if flags >> bit & 1 else None for bit, (size, _) in enumerate(plan)]
    first_fix, horizontal, vertical, hdop, vdop = (
        None if n is None else n * scale for n, (_, scale) in zip(raw[2:], plan[2:])
    )
    return PositionQuality(raw[0], raw[1], first_fix, horizontal, vertical, hdop, vdop, flags >> 7 & 3)


# ------------------------------------------------------------------ environmental sensing


@dataclass(frozen=True)
class Quantity:
    """One environmental characteristic: ``size`` bytes a value, ``width`` values, ``scale`` to ``unit``; ``unknown``
    is the raw value that says "not known"."""

    name: str
    unit: str
    size: int
    scale: float
    signed: bool = False
    width: int = 1
    unknown: int | None = None


#: characteristic -> what it holds; temperatures and humidity in the shoe are what insoles send
ENVIRONMENT: Mapping[str, Quantity] = {
    "2a6e": Quantity("temperature", "degC", 2, 0.01, True, unknown=-0x8000),
    "2a6f": Quantity("humidity", "%", 2, 0.01, unknown=0xFFFF),
    "2a6d": Quantity("air_pressure", "Pa", 4, 0.1),
    "2a6c": Quantity("elevation", "m", 3, 0.01, True),
    "2a7b": Quantity("dew_point", "degC", 1, 1.0, True),
    "2a76": Quantity("uv_index", "", 1, 1.0),
    "2a77": Quantity("irradiance", "W/m2", 2, 0.1),
    "2aa0": Quantity("magnetic_field_2d", "T", 2, 1e-7, True, 2),
    "2aa1": Quantity("magnetic_field", "T", 2, 1e-7, True, 3),
}


def decode_environment(uuid: str, data: bytes) -> tuple[float | None, ...]:
    """The values of one characteristic of ``ENVIRONMENT`` in its unit; None where the sensor says "not known"."""
    quantity = ENVIRONMENT[short_uuid(uuid)]
    fields = _Fields(quantity.name, data)
    raw = [fields.take(quantity.size, quantity.signed) for _ in range(quantity.width)]
    return tuple(None if n == quantity.unknown else n * quantity.scale for n in raw)


def encode_environment(uuid: str, *values: float | None) -> bytes:
    """The bytes of one characteristic of ``ENVIRONMENT``; ValueError for None where "not known" can't be said."""
    quantity = ENVIRONMENT[short_uuid(uuid)]
    raw = [quantity.unknown if v is None else round(v / quantity.scale) for v in values]
    if len(raw) != quantity.width or None in raw:
        raise ValueError(f"{quantity.name} needs {quantity.width} numbers, got {values}")
    return b"".join((n or 0).to_bytes(quantity.size, "little", signed=quantity.signed) for n in raw)


# ------------------------------------------------------------------ the table

_BASE = "-0000-1000-8000-00805f9b34fb"

#: characteristic -> (channel, unit, decoder to a row of numbers; NaN for what is not there)
Row = tuple[float | None, ...]
CHARACTERISTICS: Mapping[str, tuple[str, str, Callable[[bytes], Row]]] = {
    BATTERY_LEVEL: ("battery", "%", lambda data: (float(decode_battery(data)),)),
    RUNNING_MEASUREMENT: ("running", "m/s, steps/min, m, m", lambda data: _running_row(decode_running(data))),
    LOCATION_AND_SPEED: ("location", "deg, deg, m, m/s, deg", lambda data: _location_row(decode_location(data))),
    **{
        uuid: (quantity.name, quantity.unit, functools.partial(decode_environment, uuid))
        for uuid, quantity in ENVIRONMENT.items()
    },
}


def _running_row(m: RunningMeasurement) -> Row:
    return (m.speed_m_s, float(m.cadence_steps_per_min), m.stride_length_m, m.distance_m)


def _location_row(x: Location) -> Row:
    return (x.latitude_deg, x.longitude_deg, x.elevation_m, x.speed_m_s, x.heading_deg)


def short_uuid(uuid: str) -> str:
    """ "2a19" for "00002A19-0000-1000-8000-00805F9B34FB"; others in lower case as they are."""
    lower = uuid.lower()
    return lower[4:8] if lower.startswith("0000") and lower.endswith(_BASE) and len(lower) == 36 else lower


def full_uuid(uuid: str) -> str:
    """The 128-bit form of a 16-bit UUID; others in lower case as they are."""
    return f"0000{uuid.lower()}{_BASE}" if len(uuid) == 4 else uuid.lower()
