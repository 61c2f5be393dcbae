"""PhysioNet gaitpdb ``.txt``: eight force sensors under each foot, 100 Hz (doi:10.13026/C24H3N).

Nineteen columns, tabs, no header: time in s, the left sensors 1–8, the right sensors 1–8 and the two totals, all in N.
A total is the sum of its sensors to the printed hundredth, which is checked. The coordinates of the sensors are those
published with the data, without a unit and the same for everybody: ``positions`` is ``arbitrary``. Totals run to more
than the body weight of some subjects.
"""

from __future__ import annotations

import re

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.io.text import Rows, clean, parse_rows, show
from footscan.types import Array, Channel, PressureRecording, Recording, SensorLayout, Side

NAME = "gaitpdb"
SUFFIXES = (".txt",)
WRITABLE = False

SENSORS = 8
COLUMNS = 1 + 2 * SENSORS + 2
#: published x (to the subject's right) and y (forwards) of the left sensors; the right foot's x are the mirror
LEFT_XY = ((-500, -800), (-700, -400), (-300, -400), (-700, 0), (-300, 0), (-700, 400), (-300, 400), (-500, 800))
MAX_N = 10_000.0  #: of one foot: above ten body weights
_MAX_S = 1e6
_LINE = re.compile(rb"\d{1,6}(\.\d{1,6})?(\t\d{1,5}(\.\d{1,6})?){18}[ \t]*\r?")
_HUNDREDTH = 0.005 + 1e-9
_COPY = "download the file again"
_NOTES = (
    "positions of the sensors are those published for all subjects, without a unit",
    "forces are as recorded: their total can exceed the body weight",
)


def sniff(head: bytes, size: int) -> bool:
    """From the top lines of 19 numbers parted by tabs, of which the last two are the sums of the others."""
    lines = clean(head).split(b"\n")
    whole = [line for line in lines[: None if size <= len(head) else -1] if line.strip()][:3]
    if not whole or not all(_LINE.fullmatch(line) for line in whole):
        return False
    numbers = np.array([line.split() for line in whole], dtype=np.float64)
    return bool((_off(numbers) <= _HUNDREDTH).all())


def read(path: PathLike) -> Recording:
    """Two PressureRecordings in N, and the printed totals as the channels ``vendor_force``.

    Raises
    ------
    ReadError : a line of another number of columns, a number that is none or negative, a total that is not the sum of
        its sensors, time that does not run forwards, more than ``MAX_N``
    """
    data = clean(read_bytes(path))
    comma = data.find(b",")
    if comma >= 0:
        line = 1 + data.count(b"\n", 0, comma)
        raise ReadError(path, "decimal points", "a comma", "write the numbers with decimal points", f"line {line}")
    rows = parse_rows(path, data)
    _refuse_a_cut(path, rows, data)
    table = rows.table(path, COLUMNS)
    _check(path, table, rows)
    time_s = table[:, 0].copy()
    sides: tuple[tuple[Side, int], ...] = (("left", 1), ("right", 1 + SENSORS))
    return Recording(
        tuple(
            PressureRecording(
                np.ascontiguousarray(table[:, first : first + SENSORS], dtype=np.float32),
                "N",
                time_s,
                layout(side),
                side=side,
            )
            for side, first in sides
        ),
        tuple(Channel("vendor_force", "N", time_s, table[:, [17 + k]], side) for k, (side, _) in enumerate(sides)),
        format=NAME,
        source=str(path),
        notes=_NOTES,
    )


def layout(side: Side) -> SensorLayout:
    """The eight sensors of a foot: x forwards, y to the wearer's left, both feet in one frame, no unit, no area."""
    right, ahead = np.array(LEFT_XY, dtype=np.float64).T
    return SensorLayout(
        np.column_stack([ahead, -right if side == "left" else right]), frame="insole", positions="arbitrary"
    )


def _off(table: Array) -> Array:
    """(rows, 2): how far the totals are from the sums of their sensors."""
    sums = np.column_stack([table[:, 1:9].sum(axis=1), table[:, 9:17].sum(axis=1)])
    return np.asarray(np.abs(sums - table[:, 17:19]))


def _refuse_a_cut(path: PathLike, rows: Rows, data: bytes) -> None:
    """A last line that is short, or whose last number lost digits (its total is then wrong), was cut off."""
    if len(rows.counts) and rows.counts[-1] < COLUMNS and (rows.counts[:-1] == COLUMNS).all():
        place = rows.place(len(rows.counts) - 1)
        raise ReadError(path, f"{COLUMNS} numbers", str(rows.counts[-1]), f"the file is cut off: {_COPY}", place)
    if not len(rows.counts):
        raise ReadError(path, "lines of 19 numbers", show(data[:24]), _COPY)


def _check(path: PathLike, table: Array, rows: Rows) -> None:
    fine = (table >= 0).all(axis=1) & (table[:, 1:] <= MAX_N).all(axis=1) & (table[:, 0] <= _MAX_S)
    if not fine.all():
        row = int(np.argmin(fine))
        found = f"{table[row].min():g} to {table[row].max():g}"
        raise ReadError(path, f"times up to {_MAX_S:g} s, forces from 0 to {MAX_N:g} N", found, _COPY, rows.place(row))
    back = np.flatnonzero(np.diff(table[:, 0]) <= 0)
    if len(back):
        row = int(back[0]) + 1
        found = f"{table[row, 0]:g} s after {table[row - 1, 0]:g} s"
        raise ReadError(path, "time that runs forwards", found, _COPY, rows.place(row))
    off = _off(table)
    if (off > _HUNDREDTH).any():
        row, foot = (int(k[0]) for k in np.nonzero(off > _HUNDREDTH))
        side, first = (("left", 1), ("right", 9))[foot]
        expected = f"a {side} total of {table[row, first : first + SENSORS].sum():.2f} N, the sum of its sensors"
        raise ReadError(path, expected, f"{table[row, 17 + foot]:g} N", _COPY, rows.place(row))
