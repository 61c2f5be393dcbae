"""RSscan (Materialise) footscan plates: "Dynamic Roll off" as an Excel 97 workbook or as tab text, "Entire plate".

A column of texts with tables of numbers between them: a title, the patient, the date, ``Scanning speed;  for the left
foot: 0.00 Hertz, for the right foot: 500.00 Hertz``; then for each foot ``Right foot data``, ``Right rectangle
position`` with ``Rectangle bottom``, ``left``, ``width`` and ``height`` (in cells, each number on the row below its
name), and frames: ``Frame 12 (24.00 ms)``, ``height`` rows of ``width`` numbers, a blank row. "Entire plate roll off"
has the frames alone, of the whole plate.

The first row is the heel's, the first column lies at the wearer's left (the foot is seen from above). Numbers are
newtons a cell. The pitch is not in the file: 7.62 mm along the walk and 5.08 mm across is that of the footscan plates
(488 × 325 mm has 64 × 64 cells; 2 m have 256 rows), as the R package pressuRe has it. The
rectangle is put back to its place on a plate of 64 columns and 64, 128 or 256 rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from footscan.errors import ReadError
from footscan.io import biff8, ole2
from footscan.io.files import PathLike, read_bytes
from footscan.io.labelled import LabelledTable, parse_labelled
from footscan.io.layouts import grid_layout
from footscan.io.text import clean, show
from footscan.types import KPA_MM2_PER_N, Array, PressureRecording, Recording, SensorLayout, Side

NAME = "footscan"
SUFFIXES = (".xls",)
WRITABLE = False

PITCH_MM = (7.62, 5.08)  #: along the walk and across it
PLATE_ROWS = (64, 128, 256)  #: 0.5, 1 and 2 m
PLATE_COLUMNS = 64

_EXPORT = "export it again from the footscan software"
_MAX_SIDE = 1024  # rows or columns
_FRAME = re.compile(r"Frame\s+(\d{1,9})\s*\(\s*(\d{1,9}(?:\.\d{1,6})?)\s*ms\s*\)")
_FOOT = re.compile(r"(left|right) foot data", re.I)
_RECTANGLE = re.compile(r"rectangle (bottom|left|width|height)", re.I)
_SPEED = re.compile(r"for the (left|right) foot:\s*(\d{1,5}(?:\.\d{1,6})?)\s*Hertz", re.I)
_PITCH_NOTE = "the pitch of the cells is not in the file: 7.62 mm along the walk, 5.08 mm across it (footscan plates)"
_CODE_NOTE = "this layout is known from public descriptions only, no sample of it has been read"


@dataclass
class _Section:
    """What one foot (or the whole plate) has: its rectangle and its frames."""

    side: Side = "unknown"
    rectangle: dict[str, int] = field(default_factory=dict)
    frames: list[tuple[int, float, int]] = field(default_factory=list)  # number, milliseconds, row


def sniff(head: bytes, size: int) -> bool:
    """A compound file (no other format here is one), or text with a frame ``Frame 0 (0.00 ms)`` near its start."""
    if head.startswith(ole2.MAGIC):
        return True
    return re.search(rb"^[ \t\"]*Frame[ \t]+\d+[ \t]*\([ \t]*[\d.,]+[ \t]*ms[ \t]*\)", clean(head), re.M) is not None


def read(path: PathLike) -> Recording:
    """A footscan export: one PressureRecording a foot (or one of the whole plate), kPa.

    Raises
    ------
    ReadError : another workbook, frames that are not as large as their rectangle, frame numbers with gaps, times that
        are not those of the scanning speed, negative or missing numbers
    """
    data = read_bytes(path)
    workbook = data.startswith(ole2.MAGIC)
    table = _table_of_sheet(path, data) if workbook else parse_labelled(path, clean(data))
    sections, speeds = _sections(path, table)
    _check_rows(path, table, sections)
    parts = tuple(_part(path, table, section, stop, speeds) for section, stop in sections)
    whole = any(not section.rectangle for section, _ in sections)
    notes = [_PITCH_NOTE, *([] if workbook and not whole else [_CODE_NOTE])]
    return Recording(parts, format=NAME, source=str(path), notes=tuple(notes))


# ------------------------------------------------------------------ rows of texts and numbers


def _table_of_sheet(path: PathLike, data: bytes) -> LabelledTable:
    sheet = biff8.read_sheet(path, ole2.read_stream(path, data, "Workbook"))
    texts = sorted((row, column, text) for (row, column), text in sheet.texts.items())
    aside = next((row for row, column, _ in texts if column), None)
    rows, first, counts = np.unique(sheet.rows, return_index=True, return_counts=True)
    gap = np.flatnonzero(sheet.columns != np.arange(len(sheet.columns)) - np.repeat(first, counts))
    mixed = np.isin(rows, [row for row, _, _ in texts])
    bad = [*([] if aside is None else [aside]), *sheet.rows[gap[:1]].tolist(), *rows[mixed][:1].tolist()]
    if bad:
        expected = "rows of one text or of numbers from the first column on"
        raise ReadError(
            path, expected, "another row", "this is another workbook, or it was edited", f"row {bad[0] + 1}"
        )
    text_rows = np.array([row for row, _, _ in texts], np.int64)
    return LabelledTable([text for _, _, text in texts], text_rows, rows, counts, sheet.values, "row")


# ------------------------------------------------------------------ feet and their frames


def _sections(path: PathLike, table: LabelledTable) -> tuple[list[tuple[_Section, int]], dict[str, float]]:
    """Each foot with the row after its last, and the scanning speeds in Hz that the header states."""
    sections, speeds = [_Section()], dict[str, float]()
    for row, words in zip(table.text_rows.tolist(), table.texts):
        text = words.strip(' \t"')
        frame, foot, edge = _FRAME.fullmatch(text), _FOOT.fullmatch(text), _RECTANGLE.fullmatch(text)
        if frame:
            sections[-1].frames.append((int(frame[1]), float(frame[2]), row))
        elif foot:
            side: Side = "left" if foot[1].lower() == "left" else "right"
            sections.append(_Section(side))
        elif edge:
            sections[-1].rectangle[edge[1].lower()] = _number(path, table, row, text)
        elif text and (sections[-1].frames or text.lower().startswith("frame")):
            raise ReadError(path, "Frame k (t ms)", show(text), _EXPORT, table.place(row))
        elif text:
            speeds |= {side.lower(): float(hertz) for side, hertz in _SPEED.findall(text)}
    found = [section for section in sections if section.frames]
    empty = [s.side for s in sections if s.side != "unknown" and not s.frames]
    if not found or empty:
        expected = f"frames of the {empty[0]} foot" if empty else "frames: Frame 0 (0.00 ms)"
        raise ReadError(path, expected, "none", "this is another export, or it is cut off")
    ends = [_end_of(table, section) for section in found]
    return list(zip(found, ends)), speeds


def _end_of(table: LabelledTable, section: _Section) -> int:
    """The row of the first text after the last frame of a section (the end of the table where there is none)."""
    last = section.frames[-1][2]
    end = max(last, int(table.rows[-1]) if len(table.rows) else 0) + 1
    at = int(np.searchsorted(table.text_rows, last, side="right"))
    return int(table.text_rows[at]) if at < len(table.text_rows) else end


def _check_rows(path: PathLike, table: LabelledTable, sections: list[tuple[_Section, int]]) -> None:
    """Every row of numbers belongs to a frame or stands below the name of an edge."""
    wanted = sum(len(section.rectangle) for section, _ in sections)
    inside = np.zeros(len(table.rows), np.bool_)
    for section, stop in sections:
        first, last = np.searchsorted(table.rows, [section.frames[0][2], stop])
        inside[first:last] = True
    if int((~inside).sum()) != wanted:
        place = table.place(int(table.rows[np.argmin(inside)]))
        raise ReadError(path, f"{wanted} numbers outside the frames", f"{(~inside).sum()} rows", _EXPORT, place)


def _number(path: PathLike, table: LabelledTable, row: int, text: str) -> int:
    """The whole number in the row below a text."""
    at = int(np.searchsorted(table.rows, row + 1))
    if at < len(table.rows) and table.rows[at] == row + 1 and table.counts[at] == 1:
        value = float(table.values[table.starts[at]])
        if 0 <= value < _MAX_SIDE and value == int(value):
            return int(value)
    raise ReadError(path, f"a whole number of cells below {text!r}", "none", _EXPORT, table.place(row + 1))


def _part(
    path: PathLike, table: LabelledTable, section: _Section, stop: int, speeds: dict[str, float]
) -> PressureRecording:
    marks = np.array([row for _, _, row in section.frames])
    first = np.searchsorted(table.rows, [*marks.tolist(), stop])
    height, width = _size(path, table, section, int(first[0]), int(first[1]))
    _check_frames(path, table, section, first, height, width)
    begin = int(table.starts[first[0]])
    newtons = table.values[begin : begin + len(marks) * height * width].reshape(len(marks), height * width)
    bad = np.flatnonzero(~((newtons >= 0) & (newtons < 1e5)).all(axis=1))
    if len(bad):
        place = table.place(int(marks[bad[0]]))
        raise ReadError(
            path, "0 to 100000 N a cell", f"{newtons[bad[0]].min():g} to {newtons[bad[0]].max():g}", _EXPORT, place
        )
    layout = _layout(path, section.rectangle, height, width)
    kpa = newtons * (KPA_MM2_PER_N / (PITCH_MM[0] * PITCH_MM[1]))
    return PressureRecording(
        kpa.astype(np.float32), "kPa", _times(path, table, section, speeds), layout, side=section.side
    )


def _size(path: PathLike, table: LabelledTable, section: _Section, start: int, stop: int) -> tuple[int, int]:
    """Rows and columns of a frame: those of the rectangle, else those of the first frame."""
    edges = section.rectangle
    if edges and set(edges) != {"bottom", "left", "width", "height"}:
        raise ReadError(path, "bottom, left, width and height of the rectangle", ", ".join(edges), _EXPORT)
    height = edges.get("height", stop - start)
    width = edges.get("width", int(table.counts[start]) if stop > start else 0)
    if not (0 < height <= _MAX_SIDE and 0 < width <= _MAX_SIDE):
        raise ReadError(path, "frames of rows and columns", f"{height} x {width} cells", _EXPORT)
    return height, width


def _check_frames(
    path: PathLike, table: LabelledTable, section: _Section, first: Array, height: int, width: int
) -> None:
    """Every frame follows the one before, and has its rows and columns, without a blank row between them."""
    for (before, _, _), (number, _, row) in pairwise(section.frames):
        if number != before + 1:
            hint = "a frame is missing or out of order"
            raise ReadError(path, f"Frame {before + 1}", f"Frame {number}", hint, table.place(row))
    rows = np.diff(first)
    wrong = np.flatnonzero(rows != height)
    if len(wrong):
        number, _, row = section.frames[wrong[0]]
        hint = "the file is cut off" if wrong[0] == len(rows) - 1 else _EXPORT
        raise ReadError(path, f"{height} rows in frame {number}", str(rows[wrong[0]]), hint, table.place(row))
    of_frame = table.rows[first[0] : first[-1]].reshape(len(rows), height)
    below = np.array([row for _, _, row in section.frames])[:, None] + np.arange(1, height + 1)
    apart = np.flatnonzero((of_frame != below).ravel())
    counts = table.counts[first[0] : first[-1]]
    odd = np.flatnonzero(counts != width)
    if len(odd) or len(apart):
        at = int(odd[0] if len(odd) else apart[0])
        place = table.place(int(of_frame.ravel()[at]))
        found = f"{counts[at]}" if len(odd) else "a blank row within a frame"
        raise ReadError(path, f"{width} numbers a row", found, "the file is cut off or was edited", place)


def _times(path: PathLike, table: LabelledTable, section: _Section, speeds: dict[str, float]) -> Array:
    """Seconds, from the frames' own times; held against the scanning speed."""
    times = np.array([milliseconds for _, milliseconds, _ in section.frames]) / 1000.0
    step = np.diff(times)
    if (step <= 0).any():
        at = int(np.argmax(step <= 0)) + 1
        found = f"{times[at] * 1000:g} ms after {times[at - 1] * 1000:g} ms"
        raise ReadError(path, "time that runs forwards", found, _EXPORT, table.place(section.frames[at][2]))
    hertz = speeds.get(section.side)
    if hertz is not None and len(step) and abs(float(np.median(step)) * hertz - 1.0) > 0.02 + 1e-5 * hertz:
        found = f"frames {float(np.median(step)) * 1000:g} ms apart"
        raise ReadError(path, f"a scanning speed of {hertz:g} Hz on the {section.side} foot", found, _EXPORT)
    return times


def _layout(path: PathLike, edges: dict[str, int], height: int, width: int) -> SensorLayout:
    """The rectangle on its plate."""
    bottom, left = edges.get("bottom", 0), edges.get("left", 0)
    columns = max(PLATE_COLUMNS, width) if edges else width
    rows = next((n for n in PLATE_ROWS if n >= bottom + height), None) if edges else height
    if rows is None or left + width > columns:
        found = f"a rectangle up to row {bottom + height} and column {left + width}"
        raise ReadError(path, f"a plate of at most {PLATE_ROWS[-1]} x {PLATE_COLUMNS} cells", found, _EXPORT)
    present = np.zeros((rows, columns), np.bool_)
    present[bottom : bottom + height, left : left + width] = True
    return grid_layout(rows, columns, *PITCH_MM, present=present, frame="plate", toes_first=False)
