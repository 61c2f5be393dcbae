"""stappone ``.csv``: insoles of twelve cells with an inertial sensor, raw numbers.

    sole_id,timestamp,accel_x,…,gyro_x,…,magn_x,…,pressure_01,…,pressure_12,corrupt
    1,1768494979568,-1780,-387,9748,…,560,0

``timestamp`` counts ms since 1970-01-01 UTC (about 16 ms apart), ``corrupt`` is 0 for a whole packet. All numbers are
whole. The file says nothing of units: pressures stay raw; the inertial numbers are taken for mm/s² and µrad/s only if
they lie on the steps of a ±16 g, ±2000 °/s sensor (0.488 mg and 0.07 °/s), as those of the sample do, else raw too.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.io.text import Rows, clean, parse_rows, show
from footscan.types import Array, Channel, PressureRecording, Recording, SensorLayout

NAME = "stappone"
SUFFIXES = (".csv",)
WRITABLE = False

CELLS = 12
_AXES = [f"{name}_{axis}" for name in ("accel", "gyro", "magn") for axis in "xyz"]
COLUMNS = ["sole_id", "timestamp", *_AXES, *(f"pressure_{n:02d}" for n in range(1, CELLS + 1)), "corrupt"]
_HEADER = ",".join(COLUMNS).encode()
_EXPORT = "export it again as CSV, with decimal points and all columns"
_MAX_RAW = 2**24  # whole numbers up to here are exact in float32
_MAX_IMU = 2**53
_YEAR_MS = (946_684_800_000, 4_102_444_800_000)  # 2000 to 2100
_MM_S2_STEP = 0.488 * 9.80665  # one step of a 16-bit sensor of ±16 g
_URAD_S_STEP = np.deg2rad(0.07) * 1e6  # and of ±2000 °/s
_POSITIONS = "where the 12 cells lie and how large they are is not in the file: positions are their numbers in a row"
_SIDE = "which foot a sole_id stands for is not in the file"
_UNITS = "the file states no units: steps of 0.488 mg and 0.07 deg/s in its numbers say mm/s^2 and urad/s"
_NO_UNITS = "the file states no units of acceleration and angular rate: they are raw"


def sniff(head: bytes, size: int) -> bool:
    """The column names of its first line."""
    return clean(head).lstrip().startswith(_HEADER[:60]) and b"pressure_01," in head


def read(path: PathLike) -> Recording:
    """One PressureRecording a ``sole_id``, raw; packets that are marked corrupt are masked (NaN in the channels).

    Time is in s from the first packet of the file, whose date is ``start_utc``.

    Raises
    ------
    ReadError : other columns, a number that is none or negative, time that does not run forwards, no sound packet
    """
    data = clean(read_bytes(path))
    header, _, _ = data.partition(b"\n")
    if header.strip() != _HEADER:
        raise ReadError(path, f"the {len(COLUMNS)} columns of stappone", show(header.strip()), _EXPORT, "line 1")
    _refuse_odd_marks(path, data, len(header) + 1)
    rows = parse_rows(path, data[len(header) + 1 :].replace(b",", b" "), 0, 2)
    table = rows.table(path, len(COLUMNS))
    _check(path, table, rows)
    zero_ms = float(table[:, 1].min())
    soles = [table[table[:, 0] == number] for number in np.unique(table[:, 0])]
    in_steps = all(_in_steps(sole) for sole in soles)
    notes = [_POSITIONS, _SIDE, _UNITS if in_steps else _NO_UNITS]
    if not table[:, 8:11].any():
        notes.append("the magnetometer reads 0 throughout and is left out")
    lost = int((table[:, -1] != 0).sum())
    if lost:
        notes.append(f"{lost} of {len(table)} packets are marked corrupt and masked")
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=zero_ms)
    return Recording(
        tuple(_pressure(sole, zero_ms) for sole in soles),
        tuple(channel for sole in soles for channel in _channels(sole, zero_ms, in_steps, bool(table[:, 8:11].any()))),
        start_utc=start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        format=NAME,
        source=str(path),
        notes=tuple(notes),
    )


def _refuse_odd_marks(path: PathLike, data: bytes, start: int) -> None:
    """An empty field, a semicolon: each would shift or join columns."""
    for mark, what in (
        (b",,", "an empty field"),
        (b",\n", "an empty field"),
        (b",\r", "an empty field"),
        (b";", "';'"),
    ):
        at = data.find(mark, start)
        if at >= 0:
            line = 1 + data.count(b"\n", 0, at)
            raise ReadError(path, "a whole number in every column", what, _EXPORT, f"line {line}")


def _check(path: PathLike, table: Array, rows: Rows) -> None:
    """Whole numbers in their ranges, time that runs forwards for each sole, something that is sound."""
    if not len(table):
        raise ReadError(path, "packets", "none", _EXPORT)
    pressure, imu, stamps = table[:, 11:23], table[:, 2:11], table[:, 1]
    rules = (
        (table == np.floor(table), "whole numbers"),
        ((pressure >= 0) & (pressure < _MAX_RAW), f"raw pressures from 0 to {_MAX_RAW - 1}"),
        (np.abs(imu) < _MAX_IMU, "inertial numbers below 2^53"),
        ((stamps >= _YEAR_MS[0]) & (stamps < _YEAR_MS[1]), "a time stamp in ms since 1970"),
        ((table[:, 0] >= 0) & (table[:, 0] < 256), "a sole_id from 0 to 255"),
        ((table[:, -1] == 0) | (table[:, -1] == 1), "corrupt 0 or 1"),
    )
    for fine, expected in rules:
        if not fine.all():
            row = int(np.argmin(fine.reshape(len(table), -1).all(axis=1)))
            raise ReadError(path, expected, "another value", _EXPORT, rows.place(row))
    for number in np.unique(table[:, 0]):
        own = np.flatnonzero(table[:, 0] == number)
        back = np.flatnonzero(np.diff(stamps[own]) <= 0)
        if len(back):
            before, row = int(own[back[0]]), int(own[back[0] + 1])
            found = f"{stamps[row]:.0f} ms after {stamps[before]:.0f} ms"
            raise ReadError(path, "time that runs forwards", found, "packets are doubled or swapped", rows.place(row))
        if (table[own, -1] != 0).all():
            raise ReadError(path, "a packet that is not corrupt", "none", "record it again", f"sole_id {number:g}")


def _in_steps(sole: Array) -> bool:
    """True if rates lie on the steps of the sensor, and accelerations, whose steps are hardly wider than the rounding
    to whole numbers, lie nearer to theirs than chance would have them: a quarter of a step off on average, a tenth
    where cutting off to whole mm/s² is all that happened."""
    sound = sole[sole[:, -1] == 0]
    acceleration, rate = sound[:, 2:5] / _MM_S2_STEP, sound[:, 5:8] / _URAD_S_STEP
    off_rate = np.abs(rate - np.round(rate)).max()
    off_acceleration = np.abs(acceleration - np.round(acceleration)).mean()
    return bool(off_rate < 0.01 and off_acceleration < 0.2 and sound[:, 2:8].any())


def _pressure(sole: Array, zero_ms: float) -> PressureRecording:
    layout = SensorLayout(
        np.column_stack([np.arange(1.0, CELLS + 1), np.zeros(CELLS)]), frame="insole", positions="arbitrary"
    )
    corrupt = sole[:, -1] != 0
    valid = None if not corrupt.any() else np.repeat(~corrupt[:, None], CELLS, axis=1)
    return PressureRecording(sole[:, 11:23].astype(np.float32), "raw", (sole[:, 1] - zero_ms) / 1000.0, layout, valid)


def _channels(sole: Array, zero_ms: float, in_steps: bool, magnetic: bool) -> list[Channel]:
    time_s = (sole[:, 1] - zero_ms) / 1000.0
    corrupt = sole[:, -1:] != 0
    numbers = np.where(corrupt, np.nan, sole[:, 2:11])
    physical = (("acceleration", "m/s^2", 1e-3), ("angular_rate", "deg/s", float(np.rad2deg(1e-6))))
    found = [
        Channel(name, unit if in_steps else "raw", time_s, numbers[:, 3 * k : 3 * k + 3] * (factor if in_steps else 1))
        for k, (name, unit, factor) in enumerate(physical)
    ]
    return [*found, *([Channel("magnetic_field", "raw", time_s, numbers[:, 6:9])] if magnetic else [])]
