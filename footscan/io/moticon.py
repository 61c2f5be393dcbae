"""Moticon OpenGo ``.txt``: two insoles of 16 cells with an IMU each, N/cm², 100 Hz.

UTF-8. Lines ``# key: value``; the last ``#`` line has the names of the columns; then a line a frame, tabs between the
fields. For each foot 16 pressures [N/cm²], acceleration [g], angular rate [dps], total force [N] in whole newtons,
centre of pressure [-0.5...+0.5]; perhaps ``steps[]`` (11 and 15 left heel strike and toe off, 21 and 25 right), and in
newer exports pairs of columns ``… label[]`` and ``…[]`` with events in words. Where a foot sent nothing its fields are
empty: those frames are left out of that foot, and a gap in time stays one.

Where the cells lie, how large they are, and how that is known: ``footscan.io.moticon_cells``. Total forces and centres
of pressure are held against Σ p·a and Σ p·a·xy ÷ Σ p·a: where nearly all agree the others are damage and refused, where
they do not the insole is another one, and has no force.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.io.moticon_cells import CELLS, RARE, areas_of, moticon_layout
from footscan.io.recording_text import one_line
from footscan.io.tabbed import TabTable, parse_tabbed
from footscan.io.text import clean, show
from footscan.types import Array, Channel, Event, PressureRecording, Recording, Side

NAME = "moticon"
SUFFIXES = (".txt",)
WRITABLE = False

KPA_PER_N_PER_CM2 = 10.0
STANDARD_GRAVITY = 9.80665  #: m/s² in one g

_EXPORT = "export it again from the OpenGo software as text"
_DAMAGED = "the file is damaged or was edited: export it again"
_COLUMN = re.compile(
    r"(left|right) (pressure \d{1,2}|acceleration [XYZ]|angular [XYZ]|total force|center of pressure [XY]|steps)"
    r"\[([^\]]*)\]"
)
_UNITS = {"pressure": "N/cm", "acceleration": "g", "angular": "dps", "total": "N", "center": "-0.5...+0.5", "steps": ""}
_STEPS = {11: "heel_strike", 15: "toe_off", 21: "heel_strike", 25: "toe_off"}
_NAMES = {"heel strike": "heel_strike", "toe off": "toe_off"}
_SIDES: tuple[Side, Side] = ("left", "right")


@dataclass(frozen=True)
class _Header:
    about: dict[str, str]
    columns: dict[str, int]  # "left pressure 1" -> column
    names: tuple[str, ...]
    start: int  # first byte of the first frame
    line: int  # and its number


def sniff(head: bytes, size: int) -> bool:
    """``#`` lines with the insoles' serial numbers or with the columns of a foot."""
    text = clean(head)
    named = b"\n# Sensor insoles:" in text or re.search(rb"^# time\t(left|right) ", text, re.M) is not None
    return text.startswith(b"# ") and named


def read(path: PathLike) -> Recording:
    """A Moticon recording: one PressureRecording a foot, kPa; IMU, vendor's force and centre of pressure; step marks.

    Raises
    ------
    ReadError : another file, lines of another number of fields, a total force that is not that of the pressures, time
        that does not run forwards or does not last as long as the header says
    """
    data = clean(read_bytes(path)).replace(b"\r\n", b"\n")
    header = _header(path, data)
    labels = [n for n, name in enumerate(header.names) if name.endswith(" label[]")]
    table = parse_tabbed(path, data[header.start :].rstrip(b"\n"), header.line, len(header.names), labels)
    time_s = _times(path, table, header)
    sides: list[Side] = [side for side in _SIDES if f"{side} pressure 1" in header.columns]
    if not sides:
        raise ReadError(path, "columns of pressure", "none", "export the pressures too")
    pressures = {side: _pressures(path, table, header, side) for side in sides}
    areas, notes = _areas(path, table, header, pressures)
    parts = []
    for side in sides:
        part, missing = _part(pressures[side], time_s, side, areas)
        parts += [part] if len(part.time_s) else []
        notes += (
            [f"{side} foot: {missing} of {len(time_s)} frames have no pressures and are left out"] if missing else []
        )
    if not parts:
        raise ReadError(path, "pressures of a foot", "none in any frame", _EXPORT)
    notes.append("positions of the cells are in fractions of the insole's length and width, not in mm")
    events, others = _events(table, header, labels, time_s)
    notes += [f"{others} step marks other than 11, 15, 21 and 25 are left out"] if others else []
    unread = [n for n in header.names[1:] if n.partition("[")[0] not in header.columns and not n.endswith(" label[]")]
    unread = [name for name in unread if name.removesuffix("[]") + " label[]" not in header.names]
    notes += [f"columns that are left out: {', '.join(map(one_line, unread))}"] if unread else []
    return Recording(
        tuple(parts),
        tuple(_channels(table, header, time_s)),
        events,
        start_utc=_start_utc(path, header),
        format=NAME,
        source=str(path),
        notes=tuple(notes),
    )


# ------------------------------------------------------------------ header and time


def _header(path: PathLike, data: bytes) -> _Header:
    about, at, line, names = dict[str, str](), 0, 1, ""
    while data.startswith(b"#", at):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        names = data[at + 1 : end].decode("utf-8", "replace").strip(" ")
        key, colon, value = names.partition(":")
        if colon and "\t" not in key:
            about[key.strip()] = value.strip()
        at, line = end + 1, line + 1
    columns = names.split("\t")
    if columns[0] != "time" or len(columns) < 2:
        raise ReadError(path, "a line '# time' with the names of the columns", show(names), _EXPORT, f"line {line - 1}")
    found = dict[str, int]()
    for number, name in enumerate(columns):
        match = _COLUMN.fullmatch(name)
        if match is None:
            continue
        key, unit = f"{match[1]} {match[2]}", _UNITS[match[2].split(" ")[0]]
        if match[3].rstrip("²2\ufffd") != unit:
            raise ReadError(path, f"{key} in {unit or 'no unit'}", show(match[3]), _EXPORT, f"line {line - 1}")
        if key in found:
            raise ReadError(path, f"one column {key}", "two", _EXPORT, f"line {line - 1}")
        found[key] = number
    return _Header(about, found, tuple(columns), at, line)


def _times(path: PathLike, table: TabTable, header: _Header) -> Array:
    time_s = table.values[:, 0].copy()
    if not len(time_s):
        raise ReadError(path, "frames", "none", _EXPORT)
    ahead = np.append(True, np.diff(time_s) > 0)  # False where either is missing, too
    if not (ahead.all() and np.isfinite(time_s[0])):
        at = int(np.argmin(ahead))
        found = f"{time_s[at]:g} s" + (f" after {time_s[at - 1]:g} s" if at else "")
        raise ReadError(path, "time that runs forwards", found, _EXPORT, f"line {header.line + at}")
    text = header.about.get("Duration")
    if text is not None:
        match = re.fullmatch(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,6})?)", text)
        if match is None:
            raise ReadError(path, "a Duration like 00:17.496", show(text), _EXPORT)
        lasts = 3600.0 * float(match[1] or 0) + 60.0 * float(match[2]) + float(match[3])
        if min(abs(time_s[-1] - lasts), abs(time_s[-1] - time_s[0] - lasts)) > 0.1:
            found = f"{time_s[0]:g} to {time_s[-1]:g} s"
            raise ReadError(path, f"frames of {lasts:g} s", found, "the file is cut off: copy or export it again")
    return time_s


def _start_utc(path: PathLike, header: _Header) -> str | None:
    """The start in UTC where the header has it in milliseconds since 1970 (its local time says no zone)."""
    text = header.about.get("Start timestamp")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,14}", text):
        raise ReadError(path, "a Start timestamp in milliseconds", show(text), _EXPORT)
    return datetime.fromtimestamp(int(text) / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ------------------------------------------------------------------ pressures


def _columns(table: TabTable, header: _Header, names: list[str]) -> Array:
    """(frames, names), NaN where empty."""
    return np.asarray(table.values[:, [header.columns[name] for name in names]])


def _pressures(path: PathLike, table: TabTable, header: _Header, side: Side) -> Array:
    """(frames, 16) N/cm², NaN where empty."""
    names = [f"{side} pressure {n + 1}" for n in range(len(CELLS))]
    absent = [name for name in names if name not in header.columns]
    if absent or f"{side} pressure {len(CELLS) + 1}" in header.columns:
        raise ReadError(path, f"{len(CELLS)} columns of pressure of the {side} foot", "another number", _EXPORT)
    found = _columns(table, header, names)
    bad = np.flatnonzero(((found < 0) | (found > 1e5)).any(axis=1))
    if len(bad):
        place = f"line {header.line + bad[0]}"
        raise ReadError(path, "pressures of 0 or more", f"{np.nanmin(found[bad[0]]):g} N/cm2", _EXPORT, place)
    return found


def _areas(
    path: PathLike, table: TabTable, header: _Header, pressures: dict[Side, Array]
) -> tuple[Array | None, list[str]]:
    """Areas (16,) in cm² that give the file's total forces back, or None, and what to say of them."""
    size = one_line(header.about.get("Size", "unknown"))[:20]
    p, force, rows = _together(table, header, pressures, "total force")
    areas, off, how = areas_of(size, p, force[:, 0])
    if off.any():
        at = int(np.argmax(off))
        expected, found = f"a total force of {force[at, 0]:g} N", "pressures that make another"
        raise ReadError(path, expected, found, _DAMAGED, f"line {header.line + rows[at]}")
    if areas is None:
        return None, [how]
    p, cop, rows = _together(table, header, pressures, "center of pressure X", "center of pressure Y")
    shown = (cop != 0).any(axis=1)  # both are printed as 0 below about 50 N: there is none
    p, cop, rows = p[shown], cop[shown], rows[shown]
    with np.errstate(invalid="ignore", divide="ignore"):
        own = (p * areas) @ CELLS[:, :2] / (p @ areas)[:, None]
    off = ~(np.abs(own - cop) <= 0.005).all(axis=1)
    if off.any() and off.mean() <= RARE:
        at = int(np.argmax(off))
        expected = f"a centre of pressure at {cop[at, 0]:g}, {cop[at, 1]:g}"
        raise ReadError(path, expected, "pressures that make another", _DAMAGED, f"line {header.line + rows[at]}")
    return areas, [how, *(["the file's centre of pressure is not that of these positions"] if off.any() else [])]


def _together(
    table: TabTable, header: _Header, pressures: dict[Side, Array], *names: str
) -> tuple[Array, Array, Array]:
    """Pressures (n, 16) and what else stands beside them (n, names), of both feet, and the rows (n,) they stand in."""
    found = [(np.empty((0, len(CELLS))), np.empty((0, len(names))), np.empty(0, np.int64))]
    for side, pressure in pressures.items():
        if all(f"{side} {name}" in header.columns for name in names):
            beside = _columns(table, header, [f"{side} {name}" for name in names])
            rows = np.flatnonzero(np.isfinite(pressure).all(axis=1) & np.isfinite(beside).all(axis=1))
            found.append((pressure[rows], beside[rows], rows))
    p, beside, rows = (np.concatenate(parts) for parts in zip(*found))
    return p, beside, rows


def _part(pressure: Array, time_s: Array, side: Side, areas: Array | None) -> tuple[PressureRecording, int]:
    """The frames in which a foot has pressures, and how many it has not."""
    there = np.isfinite(pressure)
    frames = there.any(axis=1)
    values = (np.nan_to_num(pressure[frames]) * KPA_PER_N_PER_CM2).astype(np.float32)
    valid = None if there[frames].all() else there[frames]
    layout = moticon_layout(side, areas)
    return PressureRecording(values, "kPa", time_s[frames], layout, valid=valid, side=side), int((~frames).sum())


# ------------------------------------------------------------------ what else there is


def _channels(table: TabTable, header: _Header, time_s: Array) -> list[Channel]:
    """IMU, total force and centre of pressure of each foot, in the frames that have them."""
    kinds = (
        ("acceleration", "m/s^2", "acceleration", "XYZ", STANDARD_GRAVITY),
        ("angular_rate", "deg/s", "angular", "XYZ", 1.0),
        ("vendor_force", "N", "total force", "", 1.0),
        ("vendor_cop", "insole fraction", "center of pressure", "XY", 1.0),
    )
    channels = []
    for side in _SIDES:
        for name, unit, words, axes, factor in kinds:
            names = [f"{side} {words} {axis}" for axis in axes] or [f"{side} {words}"]
            if any(column not in header.columns for column in names):
                continue
            values = factor * _columns(table, header, names)
            shown = np.isfinite(values).any(axis=1)
            if name == "vendor_cop":  # both are printed as 0 below about 50 N: there is none
                shown &= (values != 0).any(axis=1)
            if shown.any():
                channels.append(Channel(name, unit, time_s[shown], values[shown], side))
    return channels


def _events(table: TabTable, header: _Header, labels: list[int], time_s: Array) -> tuple[tuple[Event, ...], int]:
    """Step marks and events in words, in time; and how many marks are of no known kind."""
    events, others = list[Event](), 0
    for side in _SIDES:
        column = header.columns.get(f"{side} steps")
        if column is None:
            continue
        marks = table.values[:, column]
        known = np.isin(marks, (11, 15) if side == "left" else (21, 25))
        others += int((np.isfinite(marks) & ~known).sum())
        events += [Event(_STEPS[int(marks[row])], float(time_s[row]), side) for row in np.flatnonzero(known)]
    for (row, column), text in table.words.items():
        first = header.names[column].split(" ")[0].lower()
        side = next((s for s in _SIDES if s == first), "unknown")
        name = one_line(text)
        events.append(Event(_NAMES.get(name.lower(), name), float(time_s[row]), side))
    return tuple(sorted(events, key=lambda event: event.time_s)), others
