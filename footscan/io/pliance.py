"""novel pliance ``.asc``: a mat of cells in kPa, each cell with its corners.

Fixed width, LF. Lines: ``file name: … date/time …``, ``mat type …``, ``total times [secs]: … time per frame [secs]: …
scanning rate [Hz]: …``, ``pressure values in kPa``; then three tables.

1. ``time[secs]`` and sensor numbers (not contiguous): time in s, a pressure in kPa a cell. Frames without load are left
   out. Under it perhaps ``MPP`` (maximum of each cell) and ``MVP`` (its mean over all frames, rounded to the sensor's
   steps).
2. ``time[secs] force[N] x[cm] y[cm]``: every frame; ``-`` where there is no centre of pressure.
3. ``sensor`` and numbers; ``corner[cm]`` with ``x[0] y[0] … x[3] y[3]``; centres ``x[c] y[c]``; ``area`` in cm².

Cells lie where the third table says. Everything that is said twice is compared: sensor numbers, centres and areas with
corners, forces and centres of pressure with pressures, frames with the total time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.io.layouts import polygon_areas
from footscan.io.novel import CUT_OFF, EXPORT, check_forwards, check_size, header_number, numbers
from footscan.io.recording_text import side_of_name
from footscan.io.text import Rows, clean
from footscan.types import KPA_MM2_PER_N, Array, Channel, PressureRecording, Recording, SensorLayout, frozen_array

NAME = "pliance"
SUFFIXES = (".asc",)
WRITABLE = False

_CM2_TO_MM2 = 100.0
_HEADER_BYTES = 65536
_PLACES = ("x[0]", "y[0]", "x[1]", "y[1]", "x[2]", "y[2]", "x[3]", "y[3]", "x[c]", "y[c]", "area")
_PRESSURES = re.compile(rb"[ \t]*time\[secs\]([ \t\d]*)$", re.M)
_FORCES = re.compile(rb"[ \t]*time\[secs\][ \t]+force\[N\][ \t]+x\[cm\][ \t]+y\[cm\][ \t]*$", re.M)
_SENSORS = re.compile(rb"[ \t]*sensor([ \t\d]*)$", re.M)
_NO_COP = re.compile(rb"(?<![ \t])[ \t]+-[ \t]+-[ \t]*$", re.M)


@dataclass(frozen=True, eq=False)
class _Table:
    """A table of the file: its text, the number of its first line."""

    text: bytes
    line: int


def sniff(head: bytes, size: int) -> bool:
    """pliance says ``mat type`` where pedar says ``sensor type:``."""
    start = head.lstrip(b"\xef\xbb\xbf \t")
    return start.startswith(b"file name:") and re.search(rb"^mat type\s", head, re.M) is not None


def read(path: PathLike) -> Recording:
    """A pliance recording: one PressureRecording in kPa, from the first to the last frame with load.

    Channels: ``vendor_force`` (N) and ``vendor_cop`` (mm, NaN where the file has ``-``) of all frames, ``vendor_mpp``
    and ``vendor_mvp`` (kPa, a value a cell) where the file has them.

    Raises
    ------
    ReadError : no pliance file, numbers that are none, negative pressures, tables that contradict each other
    """
    data = clean(read_bytes(path)).replace(b"\r\n", b"\n")
    header, sensors, pressures, summary, forces, places = _sections(path, data)
    interval_s = _interval(path, header)
    layout, area_cm2 = _layout(path, places, sensors)
    time_s, force_n, cop_cm = _forces(path, forces, header, interval_s)
    listed = _pressures(path, pressures, len(sensors))
    rows = _rows_of_frames(path, listed, time_s)
    cells = listed.values.reshape(-1, 1 + len(sensors))[:, 1:]
    _check_forces(path, cells, rows, area_cm2, force_n, time_s)
    turned = _check_cop(path, cells, rows, layout, cop_cm, time_s)
    first, last = int(rows[0]), int(rows[-1]) + 1
    check_size(path, last - first, len(sensors), len(data))
    values = np.zeros((last - first, len(sensors)), np.float32)
    values[rows - first] = cells
    name = header.split("\n", 1)[0].partition(":")[2].partition("date/time")[0]
    side = side_of_name(name)
    part = PressureRecording(
        values, "kPa", time_s[first:last], layout, side=side, side_from="content" if side == "unknown" else "filename"
    )
    channels = [
        Channel("vendor_force", "N", time_s, force_n[:, None]),
        Channel("vendor_cop", "mm", time_s, 10 * cop_cm),
        *_pictures(path, summary, cells, len(time_s), float(time_s[-1])),
    ]
    notes = ["the cells lie as the file's own table of corners has them; how the mat lay is not in the file"]
    if turned:
        notes.append("the file counts its centre of pressure from another corner than its cells: vendor_cop as printed")
    if len(rows) < len(time_s):
        notes.append(
            f"{len(rows)} of {len(time_s)} frames are listed; the others are without load by the file's force table"
        )
    return Recording((part,), tuple(channels), format=NAME, source=str(path), notes=tuple(notes))


# ------------------------------------------------------------------ header and tables


def _sections(path: PathLike, data: bytes) -> tuple[str, list[int], _Table, _Table, _Table, _Table]:
    """Header text, sensor numbers, and the tables of pressures, summaries, forces and places."""
    first = _mark(path, data, 0, b"time[secs]", _PRESSURES, "time[secs] and sensor numbers")
    second = _mark(path, data, first.end(), b"force[N]", _FORCES, "time[secs] force[N] x[cm] y[cm]")
    third = _mark(path, data, second.end(), b"sensor ", _SENSORS, "sensor and its numbers")
    if first.start() > _HEADER_BYTES:
        raise ReadError(path, f"a header of at most {_HEADER_BYTES} bytes", f"{first.start()} bytes", EXPORT)
    sensors = [int(word[:9]) for word in first[1].split()]
    if not sensors or len(set(sensors)) != len(sensors):
        raise ReadError(
            path, "sensor numbers, each once", f"{len(sensors)} numbers", EXPORT, _line(data, first.start())
        )
    again = [int(word[:9]) for word in third[1].split()]
    if again != sensors:
        expected = f"the places of the {len(sensors)} sensors of the table"
        raise ReadError(path, expected, f"{len(again)} other sensors", CUT_OFF, _line(data, third.start()))
    header = data[: first.start()].decode("latin-1")
    unit = re.search(r"^pressure values in\s*(.*?)\s*$", header, re.M)
    if unit is None or unit[1].lower() != "kpa":
        raise ReadError(path, "pressure values in kPa", repr(unit[1][:20]) if unit else "no unit", "export in kPa")
    names_at = [data.find(name, first.end(), second.start()) for name in (b"MPP", b"MVP")]
    stop = min((data.rfind(b"\n", 0, at) + 1 for at in names_at if at >= 0), default=second.start())
    return (
        header,
        sensors,
        _table(data, first.end(), stop),
        _table(data, stop, second.start()),
        _table(data, second.end(), third.start()),
        _table(data, third.end(), len(data)),
    )


def _mark(
    path: PathLike, data: bytes, start: int, word: bytes, pattern: re.Pattern[bytes], name: str
) -> re.Match[bytes]:
    """The first line behind ``start`` that has ``word``; ReadError if there is none or it isn't the one called so."""
    at = data.find(word, start)
    found = None if at < 0 else pattern.match(data, data.rfind(b"\n", 0, at) + 1)
    if found is None:
        hint = "the file is cut off, or was exported without that table"
        raise ReadError(path, f"a line {name}", "none", hint)
    return found


def _table(data: bytes, start: int, stop: int) -> _Table:
    return _Table(data[start:stop], data.count(b"\n", 0, start) + 1)


def _line(data: bytes, at: int) -> str:
    return f"line {data.count(chr(10).encode(), 0, at) + 1}"


def _interval(path: PathLike, header: str) -> float:
    interval_s = header_number(path, header, "time per frame [secs]")
    rate_hz = header_number(path, header, "scanning rate [Hz]")
    if abs(interval_s * rate_hz - 1.0) > 0.02:
        given = f"{interval_s:g} s and {rate_hz:g} Hz"
        raise ReadError(path, "a time per frame that is one over the scanning rate", given, EXPORT)
    return interval_s


def _pressures(path: PathLike, table: _Table, cells: int) -> Rows:
    rows = numbers(path, table.text, table.line)
    if not len(rows.counts):
        raise ReadError(path, "frames of pressure", "none", EXPORT)
    values = rows.table(path, 1 + cells)
    bad = (values[:, 1:] < 0) | (values[:, 1:] > 1e6)
    if bad.any():
        row, column = (int(i[0]) for i in np.nonzero(bad))
        expected, found = "pressures of 0 to 1e6 kPa", f"{values[row, 1 + column]:g}"
        raise ReadError(path, expected, found, EXPORT, rows.place(row))
    check_forwards(path, values[:, 0], rows.place)
    return rows


def _forces(path: PathLike, table: _Table, header: str, interval_s: float) -> tuple[Array, Array, Array]:
    """Time (n,) s, force (n,) N and centre of pressure (n, 2) cm, NaN where the file has none."""
    rows = numbers(path, _NO_COP.sub(b"", table.text), table.line)
    if not len(rows.counts):
        raise ReadError(path, "a force a frame", "none", EXPORT)
    with_cop = rows.counts == 4
    odd = ~with_cop & (rows.counts != 2)
    if odd.any():
        row = int(np.argmax(odd))
        raise ReadError(path, "time, force, x and y", f"{rows.counts[row]} numbers", CUT_OFF, rows.place(row))
    starts = np.cumsum(rows.counts) - rows.counts
    time_s, force_n = rows.values[starts], rows.values[starts + 1]
    cop_cm = np.full((len(starts), 2), np.nan)
    cop_cm[with_cop] = rows.values[starts[with_cop, None] + [2, 3]]
    check_forwards(path, time_s, rows.place)
    unlike = (force_n < 0) | (~with_cop & (force_n > 0))
    if unlike.any():
        row = int(np.argmax(unlike))
        expected = "a force of 0 N or more, and - for x and y only where it is 0"
        raise ReadError(path, expected, f"{force_n[row]:g} N", EXPORT, rows.place(row))
    total_s = header_number(path, header, "total times [secs]")
    printed = 5e-6 * len(time_s) + 5e-4  # the interval and the total are printed to 5 and 3 decimals
    if abs(len(time_s) * interval_s - total_s) > 0.5 * interval_s + printed:
        expected = f"{total_s:g} s of frames {interval_s:g} s apart ({round(total_s / interval_s)} frames)"
        raise ReadError(path, expected, f"{len(time_s)} frames", CUT_OFF)
    return time_s, force_n, cop_cm


# ------------------------------------------------------------------ places


def _layout(path: PathLike, table: _Table, sensors: list[int]) -> tuple[SensorLayout, Array]:
    """The cells as the file draws them, and their areas (cells,) in cm²."""
    rows, place = {}, {}
    for number, line in enumerate(table.text.split(b"\n"), table.line):
        name, _, rest = line.strip().partition(b" ")
        if name and name != b"corner[cm]":
            key = name.decode("latin-1")
            values = numbers(path, rest, number).values
            if key not in _PLACES or key in rows or len(values) != len(sensors):
                expected = f"{', '.join(_PLACES)}, each once, with {len(sensors)} numbers"
                raise ReadError(path, expected, f"{key[:20]!r} with {len(values)}", CUT_OFF, f"line {number}")
            rows[key], place[key] = values, f"line {number}"
    missing = [key for key in _PLACES if key not in rows]
    if missing:
        raise ReadError(path, "corners, centres and areas of the sensors", f"no {missing[0]}", CUT_OFF)
    corners = np.stack([np.stack([rows[f"x[{k}]"], rows[f"y[{k}]"]], axis=1) for k in range(4)], axis=1)
    centres, area = np.stack([rows["x[c]"], rows["y[c]"]], axis=1), rows["area"]
    if (np.abs(corners) > 1e4).any() or np.abs(corners.mean(axis=1) - centres).max() > 3e-4:
        raise ReadError(path, "centres in the middle of their corners", "others", CUT_OFF, place["y[c]"])
    drawn = polygon_areas(corners)
    wrong = ~(drawn > 0) | (np.abs(drawn - area) > 2e-4 + 2e-4 * (np.ptp(corners[..., 0]) + np.ptp(corners[..., 1])))
    wrong |= np.abs(drawn - area) > 0.01 * drawn
    if wrong.any():
        cell = int(np.argmax(wrong))
        expected = f"an area of {drawn[cell]:.4f} cm2 for sensor {sensors[cell]}, as its corners have it"
        raise ReadError(path, expected, f"{area[cell]:g}", CUT_OFF, place["area"])
    shape, index = _grid(centres)
    layout = SensorLayout(
        xy_mm=10 * centres,
        area_mm2=_CM2_TO_MM2 * area,
        corners_mm=10 * corners,
        frame="plate",
        shape=shape,
        index=index,
    )
    return layout, area


def _grid(centres: Array) -> tuple[tuple[int, int] | None, Array | None]:
    """Shape (rows along x, columns against y) and the cells' places in it, where all stand on one even grid."""
    steps, counts = [], []
    for axis, sign in ((0, 1.0), (1, -1.0)):
        different = np.unique(np.round(sign * centres[:, axis], 3))
        gaps = np.diff(different)
        if len(gaps) and np.ptp(gaps) > 2e-3:
            return None, None
        steps.append(np.searchsorted(different, np.round(sign * centres[:, axis], 3)))
        counts.append(len(different))
    index = steps[0] * counts[1] + steps[1]
    if len(np.unique(index)) != len(index):
        return None, None
    return (counts[0], counts[1]), frozen_array("index", index, np.int64, (None,))


# ------------------------------------------------------------------ one table against the other


def _rows_of_frames(path: PathLike, listed: Rows, time_s: Array) -> Array:
    """Where each frame of pressures stands in the table of forces."""
    frames = listed.values.reshape(len(listed.counts), -1)[:, 0]
    rows = np.minimum(np.searchsorted(time_s, frames), len(time_s) - 1)
    lost = time_s[rows] != frames
    if lost.any():
        row = int(np.argmax(lost))
        expected = f"a force at {frames[row]:g} s as there are pressures"
        raise ReadError(path, expected, "none", CUT_OFF, listed.place(row))
    return rows


def _check_forces(path: PathLike, cells: Array, rows: Array, area_cm2: Array, force_n: Array, time_s: Array) -> None:
    """Sum of pressure and area against the force column; a frame that is not listed has no force."""
    expected = np.zeros(len(force_n))
    expected[rows] = cells @ (_CM2_TO_MM2 * area_cm2) / KPA_MM2_PER_N
    off = np.abs(expected - force_n) > 0.005 + 1.5e-4 * expected  # areas are printed to 4 digits
    if off.any():
        row = int(np.argmax(off))
        wanted = f"a force of {expected[row]:.3f} N at {time_s[row]:g} s (pressures times areas)"
        raise ReadError(path, wanted, f"{force_n[row]:g} N", "a frame is missing or was edited: export it again")


def _check_cop(path: PathLike, cells: Array, rows: Array, layout: SensorLayout, cop_cm: Array, time_s: Array) -> bool:
    """The file's centre of pressure against that of its pressures; True where it counts from another corner."""
    given, loads = cop_cm[rows], cells.sum(axis=1)
    shown = np.isfinite(given).all(axis=1) & (loads > 0)
    if not shown.any() or layout.corners_mm is None:
        return False
    ours = cells[shown] @ layout.xy_mm / (10 * loads[shown, None])
    corners = layout.corners_mm / 10
    ends = corners.min(axis=(0, 1)) + corners.max(axis=(0, 1))
    straight, turned = np.abs(ours - given[shown]), np.abs(ends - ours - given[shown])
    wrong = (straight.max(axis=0) > 0.005) & (turned.max(axis=0) > 0.005)
    if wrong.any():
        worst = int(np.argmax(np.minimum(straight, turned).max(axis=1)))
        at = float(time_s[rows[shown][worst]])
        expected = f"the centre of pressure of the pressures at {at:g} s: {ours[worst, 0]:.3f}, {ours[worst, 1]:.3f} cm"
        found = ", ".join(f"{v:.3f}" for v in given[shown][worst])
        raise ReadError(path, expected, found, "a frame was edited: export it again")
    return bool((straight.max(axis=0) > 0.005).any())


def _pictures(path: PathLike, table: _Table, cells: Array, frames: int, at_s: float) -> list[Channel]:
    """MPP and MVP, compared with the pressures: maximum and mean (the mean is printed in the sensor's steps)."""
    channels = []
    smallest = float(cells[cells > 0].min()) if (cells > 0).any() else 0.0
    truth = {b"MPP": (cells.max(axis=0), 2e-3), b"MVP": (cells.sum(axis=0) / frames, smallest + 2e-3)}
    for number, line in enumerate(table.text.split(b"\n"), table.line):
        name, _, rest = line.strip().partition(b" ")
        if not name:
            continue
        values = numbers(path, rest, number).values
        if name not in truth or len(values) != cells.shape[1]:
            expected = f"MPP and MVP, each once, with {cells.shape[1]} numbers"
            found = f"{name[:20].decode('ascii', 'replace')!r} with {len(values)}"
            raise ReadError(path, expected, found, CUT_OFF, f"line {number}")
        ours, tolerance = truth.pop(name)
        if (np.abs(values - ours) > tolerance).any():
            cell = int(np.argmax(np.abs(values - ours)))
            found = f"{values[cell]:g} kPa in column {cell + 1}"
            raise ReadError(path, f"a {name.decode()} of {ours[cell]:.3f} kPa", found, CUT_OFF, f"line {number}")
        channels.append(Channel(f"vendor_{name.decode().lower()}", "kPa", np.array([at_s]), values[None, :]))
    return channels
