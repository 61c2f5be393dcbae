"""zebris ``.csv`` exports: one signal, one image or one list of values a file. Known from public programs only.

    "type","name"                            "type","Kraft, Vorfuß, links [%]","COP, x [mm]",…
    "signal","force curve, left"             "parameter values",48.2,12.6,…
    (empty, or more about the signal)
    "time","value"
    0.00,612.4

The first field of line 2 decides: ``signal`` is a force curve (``time``, ``value``), ``signal_2d`` a gait line
(``time``, ``x``, ``y``), each with its columns' names on line 4; ``signal_matrix`` an image, its columns' names on
line 3, with a ``time`` that reads 0 or nothing; ``parameter …`` a list of values, named in German or English on
line 1. Units stand in brackets behind a name, if anywhere. Commas part the fields.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.io.text import clean, parse_rows, show
from footscan.types import Array, Channel, PressureRecording, Recording, SensorLayout, Side

NAME = "zebris"
SUFFIXES = (".csv",)
WRITABLE = False

_EXPORT = "export it again from zebris FDM as CSV, with commas between the fields and decimal points"
_MAX_COLUMNS = 4096
_MAX_ABS = 1e9
_MISSING = b"-0e0"  # stands for an empty field while numbers are read; never exported
_CODE = "this layout is known from public descriptions only, no sample of it has been read"
_NO_UNIT = "the file states no unit of {}: {} is assumed"
_NOT_TIMED = "values of the whole recording, put at time 0"
_NOT_PLACED = "pitch and place of the cells are not in the file: positions are rows and columns"
_KPA = {"n/cm2": 10.0, "kpa": 1.0}
_SECONDS = {"": 1.0, "s": 1.0, "sek": 1.0, "sec": 1.0, "ms": 1e-3}
_MM = {"": 1.0, "mm": 1.0, "cm": 10.0}
_UNITS = {"sek": "s", "sec": "s", "mm/sek": "mm/s", "mm/sec": "mm/s"}
_SIDE: dict[str, Side] = {
    "links": "left",
    "left": "left",
    "l": "left",
    "rechts": "right",
    "right": "right",
    "r": "right",
}
#: words of names -> English; what is not here stays as it is
_WORDS = {
    "kraft": "force", "gesamtkraft": "force", "total": "", "gesamt": "", "average": "", "gemittelte": "mean",
    "vorfuss": "forefoot", "ruckfuss": "rearfoot", "backfoot": "rearfoot", "flache": "area", "lange": "length",
    "geschwindigkeit": "velocity", "messdauer": "duration", "vertrauensellipse": "ellipse",
    "der": "", "of": "", "the": "", "confidence": "", "spur": "path", "trajectory": "path",
    "dauer": "duration", "measurement": "",
}  # fmt: skip
_TYPE = re.compile(rb'"?(signal|signal_2d|signal_matrix|parameter[^",;\r\n]{0,40}|patient[^",;\r\n]{0,40})"?[,;]', re.I)


@dataclass(frozen=True)
class _Head:
    kind: str
    name: str
    lines: list[bytes]  # the first four
    starts: list[int]  # where each begins


def sniff(head: bytes, size: int) -> bool:
    """``type`` is the first word of line 1, one of zebris' types that of line 2."""
    first, _, rest = clean(head).partition(b"\n")
    named = re.match(rb'"?type"?[,;]', first, re.I) is not None
    return named and _TYPE.match(rest.lstrip(b" \t")) is not None


def read(path: PathLike) -> Recording:
    """A force curve as channel ``vendor_force``, a gait line as ``vendor_cop``, an image as PressureRecording of one
    frame, values as a channel each (``vendor_force_forefoot``, …) at time 0.

    A force is in N and a gait line in mm where no unit is stated. An image is in kPa where a unit is stated, else raw;
    its positions are arbitrary. Fields that are empty are NaN in a channel, masked in an image.

    Raises
    ------
    ReadError : an unknown type, patient data alone, other columns, numbers that are none, time that runs backwards
    """
    data = clean(read_bytes(path))
    head = _head(path, data)
    if head.kind == "signal":
        return _signal(path, data, head, ["value"])
    if head.kind == "signal_2d":
        return _signal(path, data, head, ["x", "y"])
    if head.kind == "signal_matrix":
        return _matrix(path, data, head)
    if head.kind.startswith("parameter"):
        return _parameters(path, data, head)
    expected = "a signal, an image or parameters"
    raise ReadError(path, expected, show(head.kind), "patient data alone hold no measurement", "line 2")


def _head(path: PathLike, data: bytes) -> _Head:
    starts, at = [0], 0
    for _ in range(4):
        at = data.find(b"\n", at) + 1 or len(data)
        starts.append(at)
    lines = [data[a:b].strip(b"\r\n") for a, b in pairwise(starts)]
    if b";" in lines[0].split(b",")[0]:
        raise ReadError(path, "fields parted by commas", "semicolons", _EXPORT, "line 1")
    fields = _fields(path, lines[1], 2)
    if [name.lower() for name in _fields(path, lines[0], 1)[:1]] != ["type"] or not fields:
        raise ReadError(path, "type as the first word", show(lines[0]), _EXPORT, "line 1")
    return _Head(fields[0].lower(), fields[1] if len(fields) > 1 else "", lines, starts)


def _fields(path: PathLike, line: bytes, number: int) -> list[str]:
    """The fields of a line of names, quotes taken off."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    try:
        rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise ReadError(path, "fields in quotes", str(error)[:60], _EXPORT, f"line {number}") from error
    fields = [field.strip() for field in rows[0]] if rows else []
    if len(fields) > _MAX_COLUMNS:
        raise ReadError(path, f"at most {_MAX_COLUMNS} fields", str(len(fields)), _EXPORT, f"line {number}")
    return fields


# ------------------------------------------------------------------ names


def _words(name: str) -> tuple[list[str], str]:
    """``Kraft, Vorfuß, links [%]`` -> its words in plain lower case, and the unit in brackets ("" if none)."""
    bare, _, unit = name.partition("[")
    plain = unicodedata.normalize("NFKD", bare.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    short = unit.partition("]")[0].strip().lower().replace("²", "2")
    return re.findall(r"[a-z]+", plain), _UNITS.get(short, short)


def _side(words: list[str]) -> Side:
    found = {_SIDE[word] for word in words if word in _SIDE}
    return found.pop() if len(found) == 1 else "unknown"


def _channel_name(words: list[str]) -> str:
    kept = [_WORDS.get(word, word) for word in words if word not in _SIDE]
    return "_".join(["vendor", *(word for word in kept if word)])


def _factor(path: PathLike, unit: str, units: dict[str, float], what: str, line: int) -> float:
    if unit not in units:
        known = ", ".join(name for name in units if name)
        raise ReadError(path, f"{what} in {known}", show(unit), _EXPORT, f"line {line}")
    return units[unit]


# ------------------------------------------------------------------ the four kinds


def _signal(path: PathLike, data: bytes, head: _Head, wanted: list[str]) -> Recording:
    names = [_words(name) for name in _fields(path, head.lines[3], 4)]
    columns = [" ".join(words) for words, _ in names]
    if columns != ["time", *wanted]:
        expected = f"the columns time, {', '.join(wanted)}"
        raise ReadError(path, expected, show(head.lines[3]), _EXPORT, "line 4")
    table = _numbers(path, data, head.starts[4], 5, len(columns))
    words, unit = _words(head.name)
    units = {u for _, u in names[1:] if u} | ({unit} if unit else set())
    if len(units) > 1:
        raise ReadError(path, "one unit", ", ".join(sorted(units)), _EXPORT, "line 4")
    unit = units.pop() if units else ""
    time_s = table[:, 0] * _factor(path, names[0][1], _SECONDS, "time", 4)
    _check_time(path, time_s)
    if not np.isfinite(table[:, 1:]).any():
        raise ReadError(path, "a signal", "empty fields only", _EXPORT, "line 5")
    notes = [_CODE]
    if not names[0][1]:
        notes.append(_NO_UNIT.format("time", "s"))
    if not unit:
        notes.append(_NO_UNIT.format("the signal", "N" if len(wanted) == 1 else "mm"))
    if len(wanted) == 2:
        factor, unit = _factor(path, unit, _MM, "x and y", 4), "mm"
        name = "vendor_cop"
    else:
        factor, unit = 1.0, {"": "N", "n": "N"}.get(unit, unit)
        zone = next((w for w in (_WORDS.get(word, word) for word in words) if w in ("forefoot", "rearfoot")), "")
        name = "vendor_force" + (f"_{zone}" if zone else "")
    channel = Channel(name, unit, time_s, table[:, 1:] * factor, _side(words))
    return Recording((), (channel,), format=NAME, source=str(path), notes=tuple(notes))


def _matrix(path: PathLike, data: bytes, head: _Head) -> Recording:
    names = _fields(path, head.lines[2], 3)
    table = _numbers(path, data, head.starts[3], 4, len(names))
    if names and names[0].lower().startswith("time"):
        times = table[:, 0]
        if np.nanmax(np.append(times, 0.0)) != np.nanmin(np.append(times, 0.0)):
            raise ReadError(path, "one image, whose time is 0 or empty", "several times", "export a single image")
        table = table[:, 1:]
    valid = np.isfinite(table)
    if not valid.any() or (table[valid] < 0).any():
        found = "no number" if not valid.any() else f"{table[valid].min():g}"
        raise ReadError(path, "pressures of 0 or more", found, _EXPORT)
    words, unit = _words(head.name)
    if unit and unit not in _KPA:
        raise ReadError(path, f"pressures in {', '.join(_KPA)}", show(unit), _EXPORT, "line 2")
    rows, columns = table.shape
    row, column = np.divmod(np.arange(rows * columns), columns)
    layout = SensorLayout(
        np.column_stack([row, -column]),
        frame="plate",
        shape=(rows, columns),
        index=np.arange(rows * columns),
        positions="arbitrary",
    )
    values = np.where(valid, table, 0.0).reshape(1, -1) * _KPA.get(unit, 1.0)
    part = PressureRecording(
        values.astype(np.float32),
        "kPa" if unit else "raw",
        np.zeros(1),
        layout,
        valid=None if valid.all() else valid.reshape(1, -1),
        side=_side(words),
    )
    notes = [_CODE, _NOT_PLACED, *([] if unit else ["the file states no unit of pressure: values are raw"])]
    return Recording((part,), format=NAME, source=str(path), notes=tuple(notes))


def _parameters(path: PathLike, data: bytes, head: _Head) -> Recording:
    names = _fields(path, head.lines[0], 1)
    fields = _fields(path, head.lines[1], 2)
    if data[head.starts[2] :].strip() or len(fields) != len(names) or len(names) < 2:
        expected = f"one line of {len(names)} values"
        raise ReadError(path, expected, f"{len(fields)} and more lines or fewer", _EXPORT, "line 2")
    numbers = _numbers(path, b",".join(field.encode() for field in fields[1:]), 0, 2, len(names) - 1)[0]
    channels = []
    for name, number in zip(names[1:], numbers.tolist()):
        words, unit = _words(name)
        channels.append(Channel(_channel_name(words), unit, np.zeros(1), np.array([[number]]), _side(words)))
    if not np.isfinite(numbers).any():
        raise ReadError(path, "values", "none", _EXPORT, "line 2")
    return Recording((), tuple(channels), format=NAME, source=str(path), notes=(_CODE, _NOT_TIMED))


# ------------------------------------------------------------------ tables


def _numbers(path: PathLike, data: bytes, start: int, line: int, columns: int) -> Array:
    """(rows, columns) float64 of comma-parted numbers, NaN where a field is empty."""
    body = data[start:].replace(b"\r", b"").replace(b'"', b"").rstrip(b"\n") + b"\n"
    for mark, what in ((b";", "semicolons"), (_MISSING, repr(_MISSING.decode()))):
        at = body.find(mark)
        if at >= 0:
            row = line + body.count(b"\n", 0, at)
            raise ReadError(path, "numbers parted by commas", what, _EXPORT, f"line {row}")
    letters = np.frombuffer(body, np.uint8)
    fields = np.diff(np.cumsum(letters == 44)[letters == 10], prepend=0) + 1
    if not body.strip() or (fields != columns).any():
        row = int(np.argmax(fields != columns))
        hint = "the file is cut off or has decimal commas: " + _EXPORT
        found = str(int(fields[row])) if body.strip() else "none"
        raise ReadError(path, f"{columns} numbers", found, hint, f"line {line + row}")
    for _ in range(2):  # twice: ",,," has two gaps that share a comma
        body = body.replace(b",,", b"," + _MISSING + b",")
    body = re.sub(rb"(^|\n)(?=[,\n])", rb"\1" + _MISSING, body[:-1]).replace(b",\n", b"," + _MISSING + b"\n")
    body += _MISSING if body.endswith(b",") else b""
    spaced = body.replace(b",", b" ")
    table = parse_rows(path, spaced, 0, line).table(path, columns)
    if not (np.abs(table) < _MAX_ABS).all():
        row = int(np.argmin((np.abs(table) < _MAX_ABS).all(axis=1)))
        raise ReadError(path, f"numbers below {_MAX_ABS:g}", "a larger one", _EXPORT, f"line {line + row}")
    if _MISSING not in spaced:
        return table
    return np.where(np.array(spaced.split(), dtype="S5").reshape(table.shape) == _MISSING, np.nan, table)


def _check_time(path: PathLike, time_s: Array) -> None:
    bad = np.flatnonzero(~(np.diff(time_s) > 0)) + 1 if len(time_s) > 1 else np.flatnonzero(~np.isfinite(time_s))
    if len(bad):
        row = int(bad[0])
        found = f"{time_s[row]:g} s" + (f" after {time_s[row - 1]:g} s" if row else "")
        raise ReadError(path, "time that runs forwards", found, _EXPORT, f"line {5 + row}")
