"""Tekscan ASCII movies: F-Scan ``.asf`` and I-Scan ``.csv``.

``KEY value`` lines, then frames of ROWS lines of COLS numbers, ``B`` where there is no sensel, ``@@`` at the end.
F-Scan is seen from above with the toes in row 0: column 0 lies at the wearer's left, so the hallux is right of centre
in a left foot. A mirrored export is refused, because what it mirrors is not published. Anything but
an F-Scan sensor is taken for a plate.

I-Scan prints on each Frame line its time, which is used, its date, and, for raw values, their sum, which is checked.

The side is the final L or R of the recorded FILENAME (of the file's own name where none is recorded), else unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NoReturn

import numpy as np

from footscan.errors import ReadError
from footscan.io.blocks import Blocks, portions, records, tail
from footscan.io.files import PathLike, write_bytes_atomic
from footscan.io.layouts import grid_layout
from footscan.io.recording_text import one_line, side_of_name, stem_of_name, texts
from footscan.io.text import Rows, parse_rows, show
from footscan.types import Array, PressureRecording, Recording, SensorLayout, Side

NAME = "fscan"
SUFFIXES = (".asf", ".csv")
WRITABLE = True

_EXPORT = "export it again as ASCII from the Tekscan software"
_MAX_SIDE = 1024  # rows or columns
_KPA = {"kpa": 1.0, "mpa": 1e3, "psi": 6.894757293168, "mmhg": 0.133322387415, "n/cm2": 10.0, "kg/cm2": 98.0665}
_MM = {"mm": 1.0, "millimeters": 1.0, "cm": 10.0, "centimeters": 10.0, "inches": 25.4, "in": 25.4}
_MM2 = {"mm2": 1.0, "cm2": 100.0, "in2": 645.16}
_FRAME = re.compile(rb"^[ \t]*Frame[ \t]+(\d{1,9})([^\r\n]*)", re.M)
_SUM = re.compile(rb",*[ \t]*(\d{1,12})[ \t,]*$")
_OWN_TIME = re.compile(rb"\s*,\s*(\d{1,9}(?:\.\d{1,12})?)\s*(?:,|$)")
_LATE_KEYS = ("START_FRAME", "END_FRAME", "UNITS", "MIRROR_ROW", "MIRROR_COL")  # these follow the free COMMENTS


@dataclass(frozen=True)
class _Header:
    rows: int
    columns: int
    pitch_mm: tuple[float, float]
    area_mm2: float
    seconds_per_frame: float
    frames: range
    unit: str
    saturation: float | None
    sensor: str
    name: str
    start: int  # first byte after the header
    line: int  # number of the line that begins there


def sniff(head: bytes, size: int) -> bool:
    """``DATA_TYPE MOVIE`` at the start and Tekscan's own keys after it."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"DATA_TYPE") and b"SENSOR_TYPE" in head and re.search(rb"^ROWS\s", head, re.M) is not None


def read(path: PathLike) -> Recording:
    """A Tekscan movie: one PressureRecording, in kPa or raw.

    A cell that is ``B`` in every frame is no part of the layout; one that is ``B`` in some is masked there.

    Raises
    ------
    ReadError : no Tekscan file, a table that is not what ROWS, COLS, START_FRAME and END_FRAME declare, an unknown unit
    """
    header, pieces = _open(path)
    times, cells = zip(*_frames(path, header, pieces))
    part = _part(path, header, *_layout(path, header, cells), np.concatenate(times), np.concatenate(cells))
    return Recording((part,), format=NAME, source=str(path), notes=_notes(header, part))


def blocks(path: PathLike) -> Blocks:
    """The same movie, some frames at a time; first looked through for the cells that are ``B`` in every frame."""
    header, pieces = _open(path)
    layout, present = _layout(path, header, (_where_b(header, piece) for piece in pieces))

    def frames() -> Iterator[tuple[int, PressureRecording]]:
        for time_s, cells in _frames(path, *_open(path)):
            yield 0, _part(path, header, layout, present, time_s, cells)

    empty = _part(path, header, layout, present, np.empty(0), np.empty((0, header.rows * header.columns)))
    return Blocks((empty,), frames, format=NAME, source=str(path), notes=_notes(header, empty))


def _layout(path: PathLike, header: _Header, cells: Iterable[Array]) -> tuple[SensorLayout, Array]:
    """The layout of the cells that are 0 or more in some frame, and (rows * columns,) which those are."""
    present = np.zeros(header.rows * header.columns, np.bool_)
    for some in cells:
        present |= (some >= 0).any(axis=0)
    if not present.any():
        raise ReadError(path, "at least one sensel", "B in every cell", _EXPORT)
    sensor = header.sensor.upper()
    layout = grid_layout(
        header.rows,
        header.columns,
        *header.pitch_mm,
        present=present.reshape(header.rows, header.columns),
        frame="insole" if sensor.startswith("FSCAN") or sensor == "3000" else "plate",
        cell_area_mm2=header.area_mm2,
    )
    return layout, present


def _part(
    path: PathLike, header: _Header, layout: SensorLayout, present: Array, time_s: Array, cells: Array
) -> PressureRecording:
    shown = cells[:, present]
    valid = shown >= 0
    factor = 1.0 if header.unit == "raw" else _KPA[header.unit]
    side: Side = side_of_name(header.name or str(path))
    return PressureRecording(
        (np.maximum(shown, 0.0) * factor).astype(np.float32),
        "raw" if header.unit == "raw" else "kPa",
        time_s,
        layout,
        valid=None if valid.all() else valid,
        side=side,
        side_from="filename" if side != "unknown" else "content",
        full_scale=None if header.saturation is None else header.saturation * factor,
    )


def _notes(header: _Header, part: PressureRecording) -> tuple[str, ...]:
    notes = []
    if part.layout.frame == "plate":
        notes.append(f"sensor {one_line(header.sensor)[:20]} is no F-Scan insole: taken for a plate")
    if part.side_from == "filename":
        notes.append(f"the side is that of the {'recorded' if header.name else 'file'} name's last letter")
    return tuple(notes)


# ------------------------------------------------------------------ header


def _header(path: PathLike, data: bytes) -> _Header:
    end = re.search(rb"^ASCII_DATA[ \t]+@@[ \t]*\r?$", data, re.M)
    if end is None:
        raise ReadError(path, "a line ASCII_DATA @@ after the header", "none", _EXPORT)
    keys = _keys(data[: end.start()].decode("latin-1"))
    for key in ("MIRROR_ROW", "MIRROR_COL"):
        if keys.get(key, "0") != "0":
            raise ReadError(path, f"{key} 0", f"{key} {keys[key][:20]}", "export without mirroring")
    rows, columns = _whole(path, keys, "ROWS", _MAX_SIDE), _whole(path, keys, "COLS", _MAX_SIDE)
    if rows * columns == 0:
        raise ReadError(path, "at least one row and one column", f"{rows} x {columns}", _EXPORT)
    first, last = _whole(path, keys, "START_FRAME", 10**9), _whole(path, keys, "END_FRAME", 10**9)
    if last < first:
        raise ReadError(path, "an END_FRAME after the START_FRAME", f"{first} to {last}", _EXPORT)
    unit = keys.get("UNITS", "").lower().replace("²", "2")
    if unit != "raw" and unit not in _KPA:
        raise ReadError(path, "UNITS KPa or raw", repr(keys.get("UNITS", "")[:20]), "export in kPa")
    pitch = (_quantity(path, keys, "ROW_SPACING", _MM), _quantity(path, keys, "COL_SPACING", _MM))
    area = _quantity(path, keys, "SENSEL_AREA", _MM2) if "SENSEL_AREA" in keys else pitch[0] * pitch[1]
    if area > 1.01 * pitch[0] * pitch[1]:
        raise ReadError(path, f"a SENSEL_AREA of at most {pitch[0] * pitch[1]:g} mm2", f"{area:g} mm2", _EXPORT)
    return _Header(
        rows=rows,
        columns=columns,
        pitch_mm=pitch,
        area_mm2=area,
        seconds_per_frame=_quantity(path, keys, "SECONDS_PER_FRAME", {"": 1.0}),
        frames=range(first, last + 1),
        unit=unit,
        saturation=_quantity(path, keys, "SATURATION_PRESSURE", None) if "SATURATION_PRESSURE" in keys else None,
        sensor=keys.get("SENSOR_TYPE", ""),
        name=keys.get("FILENAME", ""),
        start=end.end(),
        line=data.count(b"\n", 0, end.end()) + 1,
    )


def _keys(text: str) -> dict[str, str]:
    """KEY -> value. The first of a kind counts, but the lines after COMMENTS are free: there only the last of those
    that Tekscan puts behind the comments."""
    before, _, after = text.partition("\nCOMMENTS")
    keys: dict[str, str] = {}
    for line in before.splitlines():
        key, _, value = line.partition(" ")
        keys.setdefault(key.strip(), value.strip())
    for line in after.splitlines():
        key, _, value = line.partition(" ")
        if key.strip() in _LATE_KEYS:
            keys[key.strip()] = value.strip()
    return keys


def _whole(path: PathLike, keys: dict[str, str], key: str, largest: int) -> int:
    text = keys.get(key, "")
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > largest:
        raise ReadError(path, f"a whole number up to {largest} for {key}", repr(text[:20]), _EXPORT)
    return int(text)


def _quantity(path: PathLike, keys: dict[str, str], key: str, units: dict[str, float] | None) -> float:
    """A positive number with one of ``units`` (None: any unit, left as it is)."""
    text = keys.get(key, "").strip()
    if re.match(r"\d+,\d", text):
        raise ReadError(path, f"decimal points in {key}", f"{text[:20]!r}, a decimal comma", _EXPORT)
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,12})?)\s*([A-Za-z/]*2?)", text)
    if found is None or float(found[1]) <= 0 or (units is not None and found[2].lower() not in units):
        of = "" if units is None or "" in units else f" in {', '.join(units)}"
        raise ReadError(path, f"a positive number{of} for {key}", repr(text[:30]), _EXPORT)
    return float(found[1]) * (1.0 if units is None else units[found[2].lower()])


# ------------------------------------------------------------------ frames


def _open(path: PathLike) -> tuple[_Header, Iterator[bytes]]:
    """The header, and what follows it in pieces of whole frames."""
    texts = portions(path)
    first = next(texts)
    header, end = _header(path, first), tail(path)
    if end.split()[-1:] != [b"@@"]:
        raise ReadError(path, "@@ at the end", repr(end[-12:].decode("latin-1")), "the file is cut off: copy it again")
    return header, records(path, chain([first[header.start :]], texts), _FRAME, b"Frame")


def _frames(path: PathLike, header: _Header, pieces: Iterator[bytes]) -> Iterator[tuple[Array, Array]]:
    """Times (frames,) s and cells (frames, rows * columns) float64, -1 where there is no sensel, piece by piece."""
    done, line, before = 0, header.line, -np.inf
    numbered: bool | None = None  # whether the Frame lines have times of their own
    for piece in pieces:
        text = piece[: piece.rindex(b"@@")] if piece.rstrip().endswith(b"@@") else piece
        marks = list(_FRAME.finditer(text))
        _check_numbers(path, header, done, marks)
        if marks:
            cells, rows = _cells(path, header, text, len(marks), line)
            _check_sums(path, header, marks, cells, rows)
            time_s, numbered = _times(path, header, marks, done, before, numbered)
            yield time_s, cells
            done, before = done + len(marks), float(time_s[-1])
        elif text.split():
            raise ReadError(path, "Frame 1", show(text.split()[0]), _EXPORT)
        line += piece.count(b"\n")
    if done != len(header.frames):
        _wrong_count(path, header, str(done))


def _check_numbers(path: PathLike, header: _Header, done: int, marks: list[re.Match[bytes]]) -> None:
    if done + len(marks) > len(header.frames):
        _wrong_count(path, header, "more")
    for wanted, mark in zip(header.frames[done:], marks):
        if int(mark[1]) != wanted:
            raise ReadError(path, f"Frame {wanted}", f"Frame {int(mark[1])}", "a frame is missing or out of order")


def _wrong_count(path: PathLike, header: _Header, found: str) -> NoReturn:
    expected = f"{len(header.frames)} frames ({header.frames.start} to {header.frames.stop - 1})"
    raise ReadError(path, expected, found, "the file is cut off: copy it again")


def _cells(path: PathLike, header: _Header, body: bytes, frames: int, line: int) -> tuple[Array, Rows]:
    """(frames, rows * columns) float64, -1 where there is no sensel. Every line must have COLS cells."""
    if (minus := body.find(b"-")) >= 0:
        frame = _FRAME.search(body, body.rfind(b"\n", 0, minus) + 1)
        if frame is None or not frame.start() <= minus < frame.end():
            line += body.count(b"\n", 0, minus)
            raise ReadError(path, "values of 0 or more", "a minus sign", _EXPORT, f"line {line}")
    numbers = _FRAME.sub(b"", body).replace(b"B", b"-1").replace(b",", b" ")
    rows = parse_rows(path, numbers, 0, line)
    table = rows.table(path, header.columns)
    if len(table) != frames * header.rows:
        raise ReadError(path, f"{frames} frames of {header.rows} lines", f"{len(table)} lines", _EXPORT)
    if table.max() > 1e6:
        row = int(np.argmax(table.max(axis=1) > 1e6))
        raise ReadError(path, "values below a million", f"{table[row].max():g}", _EXPORT, rows.place(row))
    return table.reshape(frames, header.rows * header.columns), rows


def _where_b(header: _Header, piece: bytes) -> Array:
    """(1, rows * columns) -1 for cells that are B in every frame of a piece, as far as it can be told unread."""
    text = np.frombuffer(_FRAME.sub(b"", piece).replace(b"@@", b"").replace(b",", b" "), np.uint8)
    cells = header.rows * header.columns
    blank = text <= 32
    starts = np.flatnonzero(~blank & np.concatenate([[True], blank[:-1]])) if len(text) else np.empty(0, np.intp)
    missing = np.bincount(np.flatnonzero(text[starts] == ord("B")) % cells, minlength=cells)
    return np.where(missing >= max(1, len(starts) // cells), -1, 0)[None]


def _check_sums(path: PathLike, header: _Header, marks: list[re.Match[bytes]], cells: Array, rows: Rows) -> None:
    """I-Scan prints the sum of a raw frame beside its number."""
    if header.unit != "raw":
        return
    for frame, mark in enumerate(marks):
        _, named, after = mark[2].partition(b"Raw Sum=")
        if not named:
            continue
        printed, found = _SUM.match(after), np.maximum(cells[frame], 0).sum()
        if printed is None or int(printed[1]) != int(found):
            expected = f"a frame whose sum is {show(after.strip(b', '))}"
            raise ReadError(path, expected, f"{found:g}", _EXPORT, rows.place(frame * header.rows))


def _times(
    path: PathLike, header: _Header, marks: list[re.Match[bytes]], done: int, before: float, numbered: bool | None
) -> tuple[Array, bool]:
    """The Frame line's own time where it has one (I-Scan), else frame number times SECONDS_PER_FRAME from 0; and
    which of the two."""
    own = [_OWN_TIME.match(mark[2]) for mark in marks]
    if not any(own) and not numbered:
        return np.arange(done, done + len(own)) * header.seconds_per_frame, False
    if not all(own) or numbered is False:
        without = f"Frame {header.frames[done + (own.index(None) if None in own else 0)]}"
        raise ReadError(path, "a time in each Frame line or in none", "some", _EXPORT, without)
    times = np.array([float(found[1]) for found in own if found is not None])
    step = np.diff(times, prepend=before)
    if (step <= 0).any():
        at = int(np.argmax(step <= 0))
        found = f"{times[at]:g} s after {times[at - 1] if at else before:g} s"
        raise ReadError(path, "time that runs forwards", found, _EXPORT, f"Frame {header.frames[done + at]}")
    return times, True


# ------------------------------------------------------------------ writing


def write(path: PathLike, recording: Recording) -> None:
    """Write as ``.asf``, values with the fewest digits that give them back. ValueError for what has no full grid."""
    write_bytes_atomic(path, _text(recording).encode("latin-1", "replace"))


def _text(recording: Recording) -> str:
    if len(recording.pressure) != 1:
        raise ValueError(f"a Tekscan file holds one sensor, this recording has {len(recording.pressure)}")
    part = recording.pressure[0]
    rows, columns, pitch, area = _grid(part)
    grid = np.full((len(part.time_s), rows * columns), "B", dtype=object)
    words = texts(part.values)
    if part.valid is not None:
        words = np.where(part.valid, words, "B")
    grid[:, part.layout.index] = words
    step = 1.0 / part.rate_hz if part.rate_hz else 1.0
    step = float(f"{step:.9g}")
    regular = np.allclose(part.time_s, np.arange(len(part.time_s)) * step, rtol=0, atol=1e-9)
    stem = one_line(stem_of_name(recording.source)) or "recording"
    if part.side != side_of_name(stem):
        stem += "_" if part.side == "unknown" else f"_{part.side[0].upper()}"
    head = [
        "DATA_TYPE MOVIE",
        f"FILENAME {stem}.fsx",
        f"SENSOR_TYPE {'FSCAN' if part.layout.frame == 'insole' else 'PLATE'}",
        f"ROWS {rows}",
        f"COLS {columns}",
        f"ROW_SPACING {pitch[0]:.9g} mm",
        f"COL_SPACING {pitch[1]:.9g} mm",
        f"SENSEL_AREA {area:.9g} mm2",
        f"SECONDS_PER_FRAME {step:.9g}",
        *([] if part.full_scale is None else [f"SATURATION_PRESSURE {part.full_scale:.9g} KPa"]),
        "START_FRAME 1",
        f"END_FRAME {len(part.time_s)}",
        f"UNITS {'raw' if part.unit == 'raw' else 'KPa'}",
        "MIRROR_ROW 0",
        "MIRROR_COL 0",
        "ASCII_DATA @@",
    ]
    out = ["\n".join(head)]
    for number, (time, frame) in enumerate(zip(part.time_s, grid.reshape(-1, rows, columns).tolist()), 1):
        own = "" if regular else f", {time:.9f},,,,,"
        out.append(f"\nFrame {number}{own}\n" + "\n".join(",".join(line) for line in frame))
    return "\n".join(out) + "\n@@\n"


def _grid(part: PressureRecording) -> tuple[int, int, tuple[float, float], float]:
    """Rows, columns, pitches and cell area of a recording that a Tekscan file can hold; ValueError otherwise."""
    layout = part.layout
    if layout.shape is None or layout.index is None or layout.area_mm2 is None or part.unit == "N":
        raise ValueError("a Tekscan file holds a grid of equal cells in kPa or raw values")
    if not len(part.time_s) or layout.positions != "mm" or np.ptp(layout.area_mm2) > 1e-9:
        raise ValueError("a Tekscan file holds at least one frame of a grid of equal cells in mm")
    rows, columns = layout.shape
    row, column = layout.index // columns, layout.index % columns
    pitch_x, pitch_y = _pitch(layout.xy_mm[:, 0], row), _pitch(layout.xy_mm[:, 1], column)
    if pitch_x is None or pitch_y is None:
        raise ValueError("a Tekscan file needs even rows with the toes first and columns from the wearer's left")
    area = float(layout.area_mm2[0])
    same = grid_layout(rows, columns, pitch_x, pitch_y, frame="insole" if layout.frame == "insole" else "plate")
    if np.abs(same.xy_mm[layout.index] - layout.xy_mm).max() > 1e-6 * max(pitch_x, pitch_y):
        raise ValueError("a Tekscan file has its grid at x = 0 and y in its middle (plate: y = 0 at its right edge)")
    return rows, columns, (pitch_x, pitch_y), area


def _pitch(position: Array, number: Array) -> float | None:
    """The step down from one row (column) to the next; None where it isn't even."""
    if np.ptp(number) == 0:
        return None
    pitch = -float(np.polynomial.polynomial.polyfit(number, position, 1)[1])
    return pitch if pitch > 0 and np.abs(np.diff(position) + pitch * np.diff(number)).max() < 1e-6 * pitch else None
