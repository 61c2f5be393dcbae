"""pedcad ``.apd``: one footstep on a plate, by zebris and others; sections as in an INI file, then tables.

    [General]   UnitDistance=mm, UnitPressure=N/cm2, in dynamic files UnitTime=ms
    [Customer]  FootSide=R or L where the program knows it
    [Technical] MaxSensorsX, MaxSensorsY of the plate; StartSensX, StartSensY, SensCountX (rows), SensCountY (columns)
                of the part that is printed; LDistX, LDistY the pitches; in dynamic files TimeDiff, MinIdx, MaxIdx
    [Data]      SensCountX rows of SensCountY numbers parted by tabs, -1 where a cell was not loaded
    [DataN]     in dynamic files the frame of that number, MinIdx to MaxIdx

A static file has [Data] alone: the maximum over the contact, read as one frame. In a dynamic file [Data] must be the
maximum of its frames. Row 0 is the heel's, column 0 lies at the left of the walk. Dynamic files are known from public
programs only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.io.layouts import grid_layout
from footscan.io.text import clean, parse_rows, show
from footscan.types import Array, PressureRecording, Recording, SensorLayout, Side, replace

NAME = "apd"
SUFFIXES = (".apd",)
WRITABLE = False

_EXPORT = "export it again as pedcad file (.apd)"
_CUT = "the file is cut off: copy it again"
_MAX_SENSORS = 4096  # rows or columns of a plate
_MAX_FRAMES = 1_000_000
_MAX_KPA = 1e5
_KPA = {"n/cm2": 10.0, "n/cm²": 10.0, "kpa": 1.0}
_MM = {"mm": 1.0, "cm": 10.0}
_S = {"ms": 1e-3, "s": 1.0}
_SIDE: dict[str, Side] = {"r": "right", "l": "left"}
_SECTION = re.compile(rb"^\[(General|Customer|Technical|Data(\d{0,9}))\][ \t]*\r?$", re.M)
_STATIC = "the file holds the maximum over the contact, one image: no course in time"
_ORIGIN = "StartSensX and StartSensY are taken to count from 0"
_CODE = "this layout is known from public descriptions only, no sample of it has been read"


@dataclass(frozen=True)
class _Header:
    rows: int
    columns: int
    layout: SensorLayout
    side: Side
    factor: float  # of a printed number, to kPa
    frames: range | None  # their numbers; None: a static file
    interval_s: float


def sniff(head: bytes, size: int) -> bool:
    """An INI file whose [General] says pedcad, or whose [Technical] has the sensor counts."""
    start = clean(head).lstrip()
    return start.startswith(b"[General]") and (b"pedcad" in head or b"\nSensCountX=" in head)


def read(path: PathLike) -> Recording:
    """One PressureRecording of a plate in kPa: all frames, or the one maximum image at time 0.

    Raises
    ------
    ReadError : keys that are missing or no numbers, an unknown unit, tables that are not SensCountX by SensCountY,
        frames that are missing, doubled or out of order, a [Data] that is not the maximum of the frames
    """
    data = clean(read_bytes(path))
    marks = list(_SECTION.finditer(data))
    header = _header(path, data, marks)
    tables = [mark for mark in marks if mark[2] is not None]
    _check_sections(path, header, tables)
    values = _tables(path, data, header, marks, tables)
    if header.frames is None:
        frames, time_s = values, np.arange(1.0)
    else:
        frames, time_s = values[1:], np.arange(float(len(header.frames))) * header.interval_s
        off = np.argwhere(frames.max(axis=0) != values[0])
        if len(off):
            row, column = divmod(int(off[0, 0]), header.columns)
            expected = f"the maximum of the frames, {frames.max(axis=0)[off[0, 0]]:g}, in row {row}, column {column}"
            raise ReadError(path, expected, f"{values[0][off[0, 0]]:g}", _EXPORT, "[Data]")
    kpa = (np.maximum(frames, 0.0) * header.factor).astype(np.float32)
    part = PressureRecording(kpa, "kPa", time_s, header.layout, side=header.side)
    return Recording(
        (part,),
        format=NAME,
        source=str(path),
        notes=(_ORIGIN, _STATIC) if header.frames is None else (_ORIGIN, _CODE),
    )


# ------------------------------------------------------------------ header


def _header(path: PathLike, data: bytes, marks: list[re.Match[bytes]]) -> _Header:
    keys = _keys(path, data, marks)
    rows, columns = _whole(path, keys, "SensCountX", 1, _MAX_SENSORS), _whole(path, keys, "SensCountY", 1, _MAX_SENSORS)
    if 2 * rows * columns > len(data):
        raise ReadError(path, f"room for {rows} x {columns} numbers", f"{len(data)} bytes", _CUT)
    start = [_whole(path, keys, f"StartSens{axis}", 0, _MAX_SENSORS) for axis in "XY"]
    most = [_whole(path, keys, f"MaxSensors{axis}", 1, _MAX_SENSORS) for axis in "XY"]
    for axis, first, count, limit in zip("XY", start, (rows, columns), most):
        if first + count > limit + 1:  # programs may count from 1
            expected = f"cells within the {limit} of MaxSensors{axis}"
            raise ReadError(path, expected, f"{first} + {count}", _EXPORT, "[Technical]")
    unit_mm = _unit(path, keys, "UnitDistance", _MM)
    pitch = [_number(path, keys, f"LDist{axis}", 100.0) * unit_mm for axis in "XY"]
    grid = grid_layout(rows, columns, pitch[0], pitch[1], frame="plate", toes_first=False)
    shift = [start[0] * pitch[0], (most[1] - start[1] - columns) * pitch[1]]
    frames = None
    if "MinIdx" in keys or "MaxIdx" in keys:
        first, last = (_whole(path, keys, key, 0, 10**9) for key in ("MinIdx", "MaxIdx"))
        if not first <= last < first + _MAX_FRAMES:
            raise ReadError(path, f"MinIdx to MaxIdx, at most {_MAX_FRAMES} frames", f"{first} to {last}", _EXPORT)
        frames = range(first, last + 1)
    side = keys.get("FootSide", "").lower()
    if side not in ("", *_SIDE):
        raise ReadError(path, "FootSide R or L", show(keys["FootSide"]), _EXPORT, "[Customer]")
    return _Header(
        rows=rows,
        columns=columns,
        layout=replace(grid, xy_mm=grid.xy_mm + shift),
        side=_SIDE.get(side, "unknown"),
        factor=_unit(path, keys, "UnitPressure", _KPA),
        frames=frames,
        interval_s=1.0 if frames is None else _number(path, keys, "TimeDiff", 1e6) * _unit(path, keys, "UnitTime", _S),
    )


def _keys(path: PathLike, data: bytes, marks: list[re.Match[bytes]]) -> dict[str, str]:
    """KEY=value lines of the sections that are no table; each section and key once."""
    keys: dict[str, str] = {}
    stops = [mark.start() for mark in marks[1:]] + [len(data)]
    named = [(mark, stop) for mark, stop in zip(marks, stops) if mark[2] is None]
    titles = [mark[1] for mark, _ in named]
    if len(set(titles)) != len(titles):
        raise ReadError(path, "each section once", "one of them twice", _EXPORT)
    for mark, stop in named:
        for line in data[mark.end() : stop].decode("latin-1").splitlines():
            key, equals, value = line.partition("=")
            if equals and keys.setdefault(key.strip(), value.strip()) != value.strip():
                raise ReadError(path, f"one {key.strip()[:20]}", "two of them", _EXPORT)
    return keys


def _whole(path: PathLike, keys: dict[str, str], key: str, smallest: int, largest: int) -> int:
    text = keys.get(key, "")
    if not re.fullmatch(r"[0-9]{1,10}", text) or not smallest <= int(text) <= largest:
        raise ReadError(path, f"a whole number from {smallest} to {largest} for {key}", show(text), _EXPORT)
    return int(text)


def _number(path: PathLike, keys: dict[str, str], key: str, largest: float) -> float:
    text = keys.get(key, "")
    if re.fullmatch(r"\d+,\d+", text):
        raise ReadError(path, f"decimal points in {key}", f"{show(text)}, a decimal comma", _EXPORT)
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,12})?", text) or not 0 < float(text) <= largest:
        raise ReadError(path, f"a positive number up to {largest:g} for {key}", show(text), _EXPORT)
    return float(text)


def _unit(path: PathLike, keys: dict[str, str], key: str, units: dict[str, float]) -> float:
    text = keys.get(key, "")
    if text.lower() not in units:
        raise ReadError(path, f"{key} {', '.join(units)}", show(text), f"export with {next(iter(units))}")
    return units[text.lower()]


# ------------------------------------------------------------------ tables


def _check_sections(path: PathLike, header: _Header, tables: list[re.Match[bytes]]) -> None:
    wanted = [b""] if header.frames is None else [b"", *(b"%d" % n for n in header.frames[: len(tables) + 1])]
    found = [mark[2] for mark in tables]
    if header.frames is None and len(found) > 1:
        raise ReadError(path, "MinIdx and MaxIdx in a file with frames", "none", _EXPORT, "[Technical]")
    for want, have in zip(wanted, [*found, *[None] * len(wanted)]):
        if have is None or int(have or -1) != int(want or -1):
            shown = "the end of the file" if have is None else f"[Data{have.decode()}]"
            hint = _CUT if have is None else "a frame is missing or out of order"
            raise ReadError(path, f"[Data{want.decode()}]", shown, hint)
    count = 1 if header.frames is None else 1 + len(header.frames)
    if len(found) != count:
        raise ReadError(path, f"{count} tables", str(len(found)), _EXPORT)


def _tables(
    path: PathLike, data: bytes, header: _Header, marks: list[re.Match[bytes]], tables: list[re.Match[bytes]]
) -> Array:
    """(tables, rows * columns) as printed, -1 where a cell was not loaded."""
    if any(mark[2] is None for mark in marks[marks.index(tables[0]) :]):
        raise ReadError(path, "the tables behind all else", "a section behind them", _EXPORT)
    starts, stops = [mark.end() for mark in tables], [*(mark.start() for mark in tables[1:]), len(data)]
    images, line, before = [], 1, 0
    for start, stop in zip(starts, stops):
        line += data.count(b"\n", before, start)
        images.append(_table(path, data[start:stop], header, line))
        before = start
    _check_end(path, data[starts[-1] :])
    return np.stack(images)


def _table(path: PathLike, body: bytes, header: _Header, line: int) -> Array:
    """(rows * columns,) of one table, whose title stands on ``line``."""
    comma = body.find(b",")
    if comma >= 0:
        row = line + body.count(b"\n", 0, comma)
        raise ReadError(path, "decimal points", "a decimal comma", "export with decimal points", f"line {row}")
    rows = parse_rows(path, body, 0, line)
    table = rows.table(path, header.columns)
    if len(table) != header.rows:
        raise ReadError(path, f"{header.rows} rows in a table", str(len(table)), _CUT, f"line {line}")
    fine = (table == -1) | ((table >= 0) & (table <= _MAX_KPA / header.factor))
    if not fine.all():
        row, column = (int(k[0]) for k in np.nonzero(~fine))
        expected = f"-1 or 0 to {_MAX_KPA / header.factor:g}"
        raise ReadError(path, expected, f"{table[row, column]:g}", _EXPORT, rows.place(row))
    return table.ravel()


def _check_end(path: PathLike, body: bytes) -> None:
    """Without a line end the last number must have as many decimals as the others: ``12`` for ``12.5`` was cut off."""
    words = [word.partition(b".")[2] for word in body.split() if word != b"-1"]
    if not body.endswith((b"\n", b"\r")) and body.split()[-1] != b"-1" and len({len(word) for word in words}) > 1:
        raise ReadError(path, "a last number with as many decimals as the others", show(body.split()[-1]), _CUT)
