"""novel loadsol ``.txt``: the force under heel, medial and lateral forefoot of each foot, and the insoles' IMUs.

Tabs, LF. Lines: recorded name; ``comment …``; column names (``PGV247-L::heel`` … and ``PGV247-L`` for the total, L or
R for the foot); units; a row a sample. Blocks of columns, each with its own ``Time[secs]``: forces in N of one foot, in
an order of its own, then its acceleration in g and angular rate in rad/s. Behind them a column for marks.

A sample that was lost stands as -1.000 in the three zones with a total of 0.000, and as ``-`` in the IMU: masked here,
never zero. The nominal rate is not in the file: it is one over the most frequent step of the stamps. Stamps may repeat
and then jump; they become strictly increasing multiples of that step, at most one step from what is printed, and real
gaps stay. Where the zones lie is not in the file: positions are arbitrary, there is no area and no pressure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.io.novel import CUT_OFF, EXPORT, numbers
from footscan.io.text import clean, show
from footscan.types import Array, Channel, Event, PressureRecording, Recording, SensorLayout, Side

NAME = "loadsol"
SUFFIXES = (".txt",)
WRITABLE = False

ZONES = ("heel", "medial", "lateral")  #: the order of the cells of both feet

_G = 9.80665  # m/s^2
_LOST_N = -1.0
_LARGEST_N, _LATEST_S = 1e5, 1e7
_TIME = "Time[secs]"
_FORCE = "Force[N]"
_IMU = {"Acc": ("acceleration", "[g]", "m/s^2", _G), "Gyro": ("angular_rate", "[rad/s]", "deg/s", 180.0 / np.pi)}
_NAME = re.compile(r"(?P<insole>[^\t:]*-(?P<side>[LR]))(?:::(?P<what>\w+))?")


@dataclass(frozen=True)
class _Block:
    """Columns that share a clock: ``columns[what]`` is the place of ``heel``, ``total``, ``xAcc``, …"""

    time: int
    side: Side
    kind: str  # "force" or "imu"
    columns: dict[str, int]


def sniff(head: bytes, size: int) -> bool:
    """Line 4 has the units of time and force."""
    return head.count(b"\n") > 3 and head.split(b"\n", 4)[3].startswith(b"Time[secs]\tForce[N]\t") and b"::" in head


def read(path: PathLike) -> Recording:
    """A loadsol recording: one PressureRecording a foot, three zones in N (``ZONES``), lost samples not ``valid``.

    Channels of each foot: ``vendor_force`` (the file's total, N), ``acceleration`` (m/s^2), ``angular_rate`` (deg/s);
    NaN where a sample was lost. Marks are events under their own words.

    Raises
    ------
    ReadError : no loadsol file, other zones, zones that don't add up to the total, decimal commas, negative forces,
        rows that are cut off, time that runs backwards
    """
    data = clean(read_bytes(path)).replace(b"\r\n", b"\n")
    blocks, width, body, line = _header(path, data)
    table, missing, marks = _table(path, body, width, line)
    parts, channels, moved = [], [], 0
    for block in blocks:
        time_s, shifted = _times(path, table[:, block.time], missing[:, block.time], line)
        if block.kind == "force":
            moved += shifted
            part, total = _forces(path, block, time_s, table, missing, line)
            parts.append(part)
            channels.append(total)
        else:
            channels += _imu(block, time_s, table, missing)
    first = parts[0]
    events = tuple(Event(word, float(first.time_s[row])) for row, word in marks)
    notes = ["zones have no places and no area: forces in N, positions arbitrary"]
    if moved:
        rate = f"{1 / _step(table[:, blocks[0].time]):.6g} Hz"
        notes.append(
            f"{moved} time stamps of forces repeat another or its place: they were set to the nominal rate of {rate},"
            " which is not in the file but taken from the stamps"
        )
    lost = sum(0 if part.valid is None else int((~part.valid[:, 0]).sum()) for part in parts)
    if lost:
        notes.append(f"{lost} samples that the file marks as lost are masked")
    return Recording(tuple(parts), tuple(channels), events, format=NAME, source=str(path), notes=tuple(notes))


# ------------------------------------------------------------------ header


def _header(path: PathLike, data: bytes) -> tuple[list[_Block], int, bytes, int]:
    """Blocks, how many columns they have together, the rows below, the number of their first line."""
    lines = data.split(b"\n", 4)
    if len(lines) < 5:
        raise ReadError(path, "four lines of header and a row a sample", f"{len(lines)} lines", CUT_OFF)
    names, units = (line.decode("latin-1").split("\t") for line in lines[2:4])
    while units and not units[-1].strip():
        units.pop()
    if not units or units[0] != _TIME or len(names) < len(units) or any(name.strip() for name in names[len(units) :]):
        raise ReadError(path, f"a unit under each column name, {_TIME} first", show(lines[3]), EXPORT, "line 4")
    starts = [column for column, unit in enumerate(units) if unit == _TIME]
    blocks = [_block(path, names, units, a, b) for a, b in zip(starts, [*starts[1:], len(units)])]
    kinds = [(block.side, block.kind) for block in blocks]
    if len(set(kinds)) != len(kinds) or "force" not in [kind for _, kind in kinds]:
        raise ReadError(path, "one block of forces for each foot", f"{len(blocks)} blocks", EXPORT, "line 3")
    blocks.sort(key=lambda block: (block.side, block.kind))
    return blocks, len(units), lines[4], 5


def _block(path: PathLike, names: list[str], units: list[str], start: int, stop: int) -> _Block:
    found = [_NAME.fullmatch(name) for name in names[start + 1 : stop]]
    insoles = {match["insole"] for match in found if match}
    whats = [(match["what"] or "total") if match else "" for match in found]
    columns = {what: start + 1 + k for k, what in enumerate(whats)}
    kind = "force" if any(unit.startswith("Force") for unit in units[start + 1 : stop]) else "imu"
    wanted = {axis + key: unit for key, (_, unit, _, _) in _IMU.items() for axis in "xyz"}
    if kind == "force":
        wanted = dict.fromkeys((*ZONES, "total"), _FORCE)
    given = {what: units[column] for what, column in columns.items()}
    if len(insoles) != 1 or len(columns) != len(whats) or given != wanted:
        expected = f"columns {', '.join(f'{what} {unit}' for what, unit in wanted.items())} of one insole"
        found_text = ", ".join(f"{name} {unit}" for name, unit in zip(names[start + 1 : stop], units[start + 1 : stop]))
        hint = "loadsol with three zones is read: export it with zones, in N, g and rad/s"
        raise ReadError(path, expected, show(found_text), hint, "line 3")
    return _Block(start, "left" if insoles.pop().endswith("L") else "right", kind, columns)


# ------------------------------------------------------------------ rows


def _table(path: PathLike, body: bytes, width: int, line: int) -> tuple[Array, Array, list[tuple[int, str]]]:
    """Numbers (rows, width), where they were ``-``, and the marks as (row, words)."""
    body = body.rstrip(b"\n") + b"\n"
    text = np.frombuffer(body, np.uint8).copy()
    stops = np.flatnonzero(text == 10)
    tabs = np.flatnonzero(text == 9)
    starts = np.concatenate(([0], stops[:-1] + 1))
    first = np.searchsorted(tabs, starts)
    short = np.searchsorted(tabs, stops) - first < width
    if short.any():
        row = int(np.argmax(short))
        hint = CUT_OFF if row == len(stops) - 1 else EXPORT
        found = f"{int(np.searchsorted(tabs, stops[row]) - first[row])} before a tab"
        raise ReadError(path, f"{width} values, a tab behind each", found, hint, f"line {line + row}")
    ends = tabs[first[:, None] + np.arange(width)]  # the tab behind each value
    begins = np.column_stack([starts, ends[:, :-1] + 1])
    missing = (ends - begins == 1) & (text[begins] == 45)
    text[begins[missing]] = 48
    marks = []
    for row in np.flatnonzero(stops - ends[:, -1] > 2).tolist():  # more behind the last value than a tab
        words = body[ends[row, -1] : stops[row]]
        text[ends[row, -1] : stops[row]] = 32
        if words.strip():
            marks.append((row, " ".join(words.decode("latin-1").split())))
    table = numbers(path, bytes(text), line).table(path, width)
    return table, missing, marks


def _step(stamps: Array) -> float:
    """The most frequent step between stamps, to the millisecond that they are printed to."""
    steps = np.round(1000 * np.diff(stamps)).astype(np.int64)
    values, counts = np.unique(steps[steps > 0], return_counts=True)
    return float(values[np.argmax(counts)]) / 1000 if len(values) else 0.0


def _times(path: PathLike, stamps: Array, missing: Array, line: int) -> tuple[Array, int]:
    """Stamps at strictly increasing multiples of the nominal step behind the first, and how many had to be moved.

    With g the nearest multiples, sample i goes to the least of g[j] - (j - i) over itself and all later samples j: a
    stamp that repeats takes the free place before it, a gap without repeats stays.
    """
    if not len(stamps):
        raise ReadError(path, "samples", "none", CUT_OFF)
    if not (np.abs(stamps) < _LATEST_S).all():
        row = int(np.argmin(np.abs(stamps) < _LATEST_S))
        raise ReadError(path, "time in s", f"{stamps[row]:g}", EXPORT, f"line {line + row}")
    if missing.any():
        raise ReadError(path, "a time on every row", "'-'", EXPORT, f"line {line + int(np.argmax(missing))}")
    back = np.diff(stamps) < 0
    if back.any():
        row = int(np.argmax(back)) + 1
        found = f"{stamps[row]:g} s after {stamps[row - 1]:g} s"
        raise ReadError(path, "time that runs forwards", found, EXPORT, f"line {line + row}")
    step = _step(stamps)
    if len(stamps) == 1:
        return stamps.copy(), 0
    if step == 0.0 or stamps[-1] - stamps[0] > 1e9 * step:
        raise ReadError(path, "time stamps at an even rate", "another", EXPORT, f"line {line}")
    order = np.arange(len(stamps))
    nearest = np.round((stamps - stamps[0]) / step).astype(np.int64)
    place = order + np.minimum.accumulate((nearest - order)[::-1])[::-1]
    place -= min(int(place[0]), 0)
    far = np.abs(place * step - (stamps - stamps[0])) > 1.5 * step
    if far.any():
        row = int(np.argmax(far))
        expected = f"stamps within a step of {1 / step:.6g} Hz, at {stamps[0] + place[row] * step:g} s"
        raise ReadError(path, expected, f"{stamps[row]:g} s", EXPORT, f"line {line + row}")
    moved = np.abs(place * step - (stamps - stamps[0])) > 0.5 * step
    return np.round(stamps[0] + place * step, 6), int(moved.sum())


def _forces(
    path: PathLike, block: _Block, time_s: Array, table: Array, missing: Array, line: int
) -> tuple[PressureRecording, Channel]:
    """A foot's zones, and the file's total, which must be their sum."""
    columns = [block.columns[zone] for zone in ZONES]
    zones, total = table[:, columns], table[:, block.columns["total"]]
    lost = (zones == _LOST_N).all(axis=1) & (total == 0)
    absent = np.asarray(missing[:, [*columns, block.columns["total"]]].any(axis=1))
    bad = np.asarray((~lost & ((zones < 0) | (zones > _LARGEST_N)).any(axis=1)) | absent)
    if bad.any():
        row = int(np.argmax(bad))
        expected = f"three forces of 0 N or more ({block.side}), or -1.000 in all three with a total of 0.000"
        found = ", ".join(f"{v:.3f}" for v in (*zones[row], total[row])) if not absent[row] else "'-'"
        raise ReadError(path, expected, found, EXPORT, f"line {line + row}")
    off = ~lost & (np.abs(zones.sum(axis=1) - total) > 0.002001)  # four roundings to 0.001
    if off.any():
        row = int(np.argmax(off))
        expected = f"a total of {zones[row].sum():.3f} N, the sum of the three zones ({block.side})"
        raise ReadError(
            path, expected, f"{total[row]:.3f}", "the row was edited: export it again", f"line {line + row}"
        )
    part = PressureRecording(
        np.where(lost[:, None], 0.0, zones).astype(np.float32),
        "N",
        time_s,
        _layout(block.side),
        valid=np.repeat(~lost[:, None], len(ZONES), axis=1) if lost.any() else None,
        side=block.side,
    )
    return part, Channel("vendor_force", "N", time_s, np.where(lost, np.nan, total)[:, None], block.side)


def _layout(side: Side) -> SensorLayout:
    """Heel behind, medial and lateral in front: in order only, not in mm."""
    medial = -1.0 if side == "left" else 1.0
    xy = np.array([[0.0, 0.0], [2.0, medial], [2.0, -medial]])
    return SensorLayout(xy, frame="insole", positions="arbitrary")


def _imu(block: _Block, time_s: Array, table: Array, missing: Array) -> list[Channel]:
    channels = []
    for key, (name, _, unit, factor) in _IMU.items():
        columns = [block.columns[axis + key] for axis in "xyz"]
        values = np.where(missing[:, columns], np.nan, table[:, columns] * factor)
        channels.append(Channel(name, unit, time_s, values, block.side))
    return channels
