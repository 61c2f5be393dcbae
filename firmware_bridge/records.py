"""What boards say, as records, and the numbers by which the wire knows them. `PROTOCOL.md` has every byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy.typing as npt

from firmware_bridge.control import Control

Array: TypeAlias = npt.NDArray[Any]

PRESSURE_GRID, PRESSURE_CELLS, IMU = 0x10, 0x11, 0x12
ENVIRONMENT, POSITION, BATTERY, MEMORY, MARK = 0x13, 0x14, 0x15, 0x16, 0x17
TIME_REQUEST, TIME_REPLY, CHUNK = 0x20, 0x21, 0x22

IMU_FIELDS = (("acceleration", 3), ("angular_rate", 3), ("magnetic_field", 3), ("quaternion", 4))  #: bit 0, 1, 2, 3
BATTERY_STATES = ("unknown", "discharging", "charging", "full", "fault")
MARKS = ("tap", "rise", "fall", "button")
CHUNKS = ("calibration", "log")


@dataclass(frozen=True, slots=True, eq=False)
class PressureGrid:
    """One image of a mat or plate: ``values`` (rows, cols) uint8 or uint16, raw; the hello has scale and unit."""

    stream: int
    values: Array


@dataclass(frozen=True, slots=True, eq=False)
class PressureCells:
    """``values`` (frames, cells) uint8 or uint16, raw, ``interval_us`` apart."""

    stream: int
    values: Array
    interval_us: int


@dataclass(frozen=True, slots=True, eq=False)
class Imu:
    """(frames, 3) or, for the quaternion w x y z, (frames, 4) int16, raw, ``interval_us`` apart; None where the board
    has no such sensor. The hello has the scales."""

    stream: int
    interval_us: int
    acceleration: Array | None = None
    angular_rate: Array | None = None
    magnetic_field: Array | None = None
    quaternion: Array | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """Air at the board, None where it can't tell; the steps are those of Bluetooth's Environmental Sensing."""

    temperature_c: float | None = None
    humidity_percent: float | None = None
    pressure_pa: float | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a satellite receiver says that it is (WGS 84), None where it can't tell."""

    latitude_deg: float | None = None
    longitude_deg: float | None = None
    altitude_m: float | None = None
    speed_m_s: float | None = None
    heading_deg: float | None = None
    accuracy_m: float | None = None


@dataclass(frozen=True, slots=True)
class Battery:
    """Charge, voltage and what the charger does."""

    percent: float | None = None
    voltage_mv: float | None = None
    state: str = "unknown"


@dataclass(frozen=True, slots=True)
class Memory:
    """Room for logs on the board."""

    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that other devices may share: a tap, a TTL edge on ``channel``, a button."""

    kind: str
    channel: int = 0


@dataclass(frozen=True, slots=True)
class TimeRequest:
    """The host asks for the board's clock; ``host_ns`` comes back untouched."""

    host_ns: int


@dataclass(frozen=True, slots=True)
class TimeReply:
    """The board's clock (64 bit, does not wrap) when the request came and when this went."""

    host_ns: int
    received_us: int
    sent_us: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a calibration table (either way) or of a log (down), ``offset`` of ``total`` bytes."""

    kind: Literal["calibration", "log"]
    table: int
    offset: int
    total: int
    data: bytes


Message: TypeAlias = (
    PressureGrid
    | PressureCells
    | Imu
    | Environment
    | Position
    | Battery
    | Memory
    | Mark
    | TimeRequest
    | TimeReply
    | Chunk
    | Control
)
