"""novel emed ``.lst``: a plate's pictures in kPa, one page each.

Latin-1, tabs, LF, a form feed behind each page. A page: ``Page n``; ``File: …`` and ``Matrix: 64x95`` (columns x rows);
``Sensor area: 0.25 cm²`` and ``Time/picture:10.0 ms``; ``MV over frames``; ``Sensor size: 0.500x0.500 cm`` (across x
along); two lines about the program; ``Pict-No.: n  Force[N]=sum*sensor_area in row/column``. Then the loaded window of
the plate: a line of column numbers and ``Force``; lines of row number, pressures in kPa, force of the row in N; a last
line ``Force`` with the forces of the columns and of the picture.

Row 1 is nearest the toes, column 1 at the wearer's left. Cells outside the window exist and carry nothing. Picture n
stands at (n - 1) times the time of a picture. All sums are held against the pressures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes, write_bytes_atomic
from footscan.io.layouts import grid_layout
from footscan.io.novel import CUT_OFF, EXPORT, check_size, numbers, positive
from footscan.io.recording_text import one_line, side_of_name, stem_of_name
from footscan.io.text import Rows, clean
from footscan.types import KPA_MM2_PER_N, Array, PressureRecording, Recording, frozen_array

NAME = "emed"
SUFFIXES = (".lst",)
WRITABLE = True

_MAX_SIDE = 1024  # rows or columns of a plate
_HEADER_BYTES = 8192
_LARGEST_KPA = 1e6
_TITLE = re.compile(rb"^[ \t]*Pict-No\.:[ \t]*(\d{1,9})[ \t]+Force\[N\][^\n]*$", re.M)
_PAGE = re.compile(rb"Page[ \t]+(\d{1,9})[ \t]*$", re.M)
_SUMMARY = re.compile(rb"\b(?:MPP|MVP)\b")


@dataclass(frozen=True, eq=False)
class _Header:
    name: str
    rows: int
    columns: int
    pitch_mm: tuple[float, float]  # along, across
    area_mm2: float
    loose: float  # how far the printed area may be from the one that the program reckons with, as a part of it
    interval_s: float


@dataclass(frozen=True, eq=False)
class _Window:
    """One picture: ``kpa`` (r, c) at the plate's ``rows`` (r,) and ``columns`` (c,), counted from 0."""

    rows: Array
    columns: Array
    kpa: Array


def sniff(head: bytes, size: int) -> bool:
    """A first line ``Page 1``, and the words of a picture behind it."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"Page ") and b"Matrix:" in head and b"Pict-No.:" in head


def read(path: PathLike) -> Recording:
    """An emed measurement: one PressureRecording of the whole plate, in kPa.

    Pages of maximum and mean pictures (MPP, MVP) that follow the pictures are left out.

    Raises
    ------
    ReadError : no emed file, a page that is missing or cut off, several measurements in one file, numbers that are
        none, negative pressures, forces that are not the sums of the pressures
    """
    data = clean(read_bytes(path)).replace(b"\r\n", b"\n")
    header, bodies, pictures, left_out = _pages(path, data)
    windows = _windows(path, header, bodies)
    if len(windows) != len(pictures):
        raise ReadError(path, f"{len(pictures)} tables, one a picture", str(len(windows)), CUT_OFF)
    check_size(path, len(windows), header.rows * header.columns, len(data))
    values = np.zeros((len(windows), header.rows, header.columns), np.float32)
    for image, window in zip(values, windows):
        image[window.rows[0] : window.rows[-1] + 1, window.columns[0] : window.columns[-1] + 1] = window.kpa
    side = side_of_name(header.name)
    part = PressureRecording(
        values.reshape(len(windows), -1),
        "kPa",
        (np.array(pictures) - 1) * header.interval_s,
        grid_layout(header.rows, header.columns, *header.pitch_mm, cell_area_mm2=header.area_mm2),
        side=side,
        side_from="content" if side == "unknown" else "filename",
    )
    notes = [f"{left_out} pages of maximum or mean pictures are left out"] if left_out else []
    return Recording((part,), format=NAME, source=str(path), notes=tuple(notes))


# ------------------------------------------------------------------ pages


def _pages(path: PathLike, data: bytes) -> tuple[_Header, bytes, list[int], int]:
    """The header, the tables of all pictures (line numbers kept), picture numbers, and how many pages were left out."""
    bodies: list[bytes] = []
    pictures: list[int] = []
    heads: set[bytes] = set()
    left_out = 0
    pieces = data.split(b"\f")
    if len(pieces) < 2 or pieces[-1].strip():
        raise ReadError(path, "a form feed behind the last page", "none", CUT_OFF)
    for number, piece in enumerate((piece for piece in pieces if piece.strip()), 1):
        page, title = _PAGE.search(piece[:_HEADER_BYTES]), _TITLE.search(piece[:_HEADER_BYTES])
        if page is None or piece[: page.start()].strip() or int(page[1]) != number:
            found = "none" if page is None else f"Page {int(page[1])}"
            raise ReadError(path, f"Page {number}", found, "a page is missing or out of order: export it again")
        if title is None and _SUMMARY.search(piece[:_HEADER_BYTES]) and pictures:
            left_out += 1
            bodies.append(b"\n" * piece.count(b"\n"))
            continue
        if title is None or left_out:
            raise ReadError(path, "a line Pict-No.: n  Force[N]=…", "none", CUT_OFF, f"page {number}")
        heads.add(piece[page.end() : title.start()])
        pictures.append(int(title[1]))
        bodies.append(b"\n" * piece.count(b"\n", 0, title.end()) + piece[title.end() :])
    if not pictures:
        raise ReadError(path, "pictures", "none", EXPORT)
    for early, late in pairwise(pictures):
        if late != early + 1:
            hint = "several measurements in one file: export them one by one" if late == 1 else "a picture is missing"
            raise ReadError(path, f"Pict-No. {early + 1}", f"Pict-No. {late}", hint, f"picture {late}")
    if pictures[0] < 1 or len(heads) != 1:
        found = f"{len(heads)} different ones" if pictures[0] else "Pict-No. 0"
        raise ReadError(path, "the same header on every page, pictures from 1", found, EXPORT)
    return _header(path, heads.pop().decode("latin-1")), b"".join(bodies), pictures, left_out


def _header(path: PathLike, text: str) -> _Header:
    words = [
        _words(path, text, r"\tMatrix:[ \t]*(\d{1,4})x(\d{1,4})\s", "Matrix: columns x rows"),
        _words(path, text, r"\tSensor area:[ \t]*([\d.,]+)[ \t]*cm(?:²|2|\^2)?\s", "Sensor area: in cm²"),
        _words(path, text, r"\tTime/picture:[ \t]*([\d.,]+)[ \t]*ms\s", "Time/picture: in ms"),
        _words(path, text, r"\tSensor size:[ \t]*([\d.,]+)x([\d.,]+)[ \t]*cm\s", "Sensor size: in cm"),
    ]
    columns, rows = (int(word) for word in words[0])
    if not (1 <= rows <= _MAX_SIDE and 1 <= columns <= _MAX_SIDE):
        raise ReadError(path, f"a Matrix of 1 to {_MAX_SIDE} columns and rows", f"{columns}x{rows}", EXPORT)
    printed, interval_ms = positive(path, "Sensor area", words[1][0]), positive(path, "Time/picture", words[2][0])
    across, along = (10 * positive(path, "Sensor size", word) for word in words[3])
    product = across * along
    half_digit = 0.5 * 10.0 ** -len(words[1][0].partition(".")[2])
    if 100 * printed > 1.001 * product + 100 * half_digit:
        expected = f"a Sensor area of at most {product / 100:g} cm2, the Sensor size"
        raise ReadError(path, expected, f"{printed:g} cm2", EXPORT)
    rounded = abs(100 * printed - product) <= 100 * half_digit  # the area is the size's, printed with fewer digits
    area_mm2 = product if rounded else 100 * printed
    name = text.partition("File:")[2].partition("\tMatrix:")[0].strip()
    loose = abs(100 * printed - product) / product if rounded else 0.0
    return _Header(name, rows, columns, (along, across), area_mm2, loose, interval_ms / 1000)


def _words(path: PathLike, text: str, pattern: str, name: str) -> tuple[str, ...]:
    found = re.search(pattern, text)
    if found is None:
        raise ReadError(path, name, "none", EXPORT)
    return found.groups()


# ------------------------------------------------------------------ pictures


def _windows(path: PathLike, header: _Header, bodies: bytes) -> list[_Window]:
    """The picture of each page, its sums checked."""
    minus = bodies.find(b"-")
    if minus >= 0:
        line = bodies.count(b"\n", 0, minus) + 1
        raise ReadError(path, "pressures of 0 or more", "a minus sign", EXPORT, f"line {line}")
    rows = numbers(path, bodies.replace(b"Force", b" -1 "), 1)  # -1 stands at the end of a head, before a foot
    ends = np.cumsum(rows.counts)
    heads = np.flatnonzero(rows.values[ends - 1] == -1)
    feet = np.flatnonzero(rows.values[ends - rows.counts] == -1)
    others = int((rows.values == -1).sum()) - len(heads) - len(feet)
    pages = len(heads) == len(feet) and len(heads) > 0 and others == 0
    if not (pages and heads[0] == 0 and feet[-1] == len(ends) - 1 and (heads[1:] == feet[:-1] + 1).all()):
        expected = "a line of column numbers and Force, rows, and a line of forces on each page"
        raise ReadError(path, expected, f"{len(heads)} and {len(feet)} such lines", CUT_OFF)
    return [_window(path, header, rows, ends, head, foot) for head, foot in zip(heads.tolist(), feet.tolist())]


def _window(path: PathLike, header: _Header, rows: Rows, ends: Array, head: int, foot: int) -> _Window:
    width = int(rows.counts[head]) - 1
    wrong = rows.counts[head + 1 : foot + 1] != width + 2
    if width < 1 or foot < head + 2 or wrong.any():
        row = head + 1 + int(np.argmax(wrong)) if wrong.any() else head
        expected = f"a number, {width} pressures and a force"
        raise ReadError(path, expected, f"{rows.counts[row]} numbers", CUT_OFF, rows.place(row))
    table = rows.values[ends[head] : ends[foot]].reshape(foot - head, width + 2)
    columns, numbered, kpa = rows.values[ends[head] - width - 1 : ends[head] - 1], table[:-1, 0], table[:-1, 1:-1]
    for what, given, last in (("column", columns, header.columns), ("row", numbered, header.rows)):
        if (np.diff(given) != 1).any() or given[0] < 1 or given[-1] > last or given[0] != int(given[0]):
            expected = f"{what} numbers one after the other from 1 to {last}"
            raise ReadError(path, expected, f"{given[0]:g} to {given[-1]:g}", EXPORT, rows.place(head))
    if kpa.max() > _LARGEST_KPA:
        row = head + 1 + int(np.argmax(kpa.max(axis=1)))
        raise ReadError(path, f"pressures up to {_LARGEST_KPA:g} kPa", f"{kpa.max():g}", EXPORT, rows.place(row))
    _check_sums(path, header, rows, table, head)
    return _Window(numbered.astype(np.int64) - 1, columns.astype(np.int64) - 1, kpa)


def _check_sums(path: PathLike, header: _Header, rows: Rows, table: Array, head: int) -> None:
    """Forces of rows, columns and picture against the pressures.

    All are printed to two decimals: a force is off by up to 0.005 N and by what its n rounded pressures add, whose
    errors have a standard deviation of 0.01/√12 kPa each; six of them are allowed.
    """
    newtons = header.area_mm2 / KPA_MM2_PER_N * table[:-1, 1:-1]
    across, down = newtons.sum(axis=1), newtons.sum(axis=0)
    ours = np.concatenate([across, down, [across.sum()]])
    printed = np.concatenate([table[:-1, -1], table[-1, 1:]])
    counts = np.repeat([len(down), len(across), newtons.size], [len(across), len(down), 1])
    rounding = 6 * 0.01 / np.sqrt(12) * header.area_mm2 / KPA_MM2_PER_N * np.sqrt(counts)
    off = np.abs(ours - printed) > 0.005001 + rounding + header.loose * ours
    if off.any():
        worst = int(np.argmax(off))
        expected = f"a force of {ours[worst]:.2f} N, the pressures times the sensor area"
        hint = "the table was edited, or its pressures are not in kPa: export it again"
        place = rows.place(head + 1 + min(worst, len(across)))
        raise ReadError(path, expected, f"{printed[worst]:g} N", hint, place)


# ------------------------------------------------------------------ writing


def write(path: PathLike, recording: Recording) -> None:
    """Write one plate as ``.lst``: 2 decimals, as emed prints, and forces that are the sums of what is printed.

    Cells of the grid that the layout leaves out are written as 0, the window is the smallest that holds all loaded
    cells. The first picture is number 1 (time 0), or the one that its time asks for if that is whole intervals.

    Raises
    ------
    ValueError : no plate grid of equal cells in mm that begins at x = 0, y = 0, no kPa, masked cells, uneven time
    """
    write_bytes_atomic(path, _text(recording).encode("latin-1", "replace"))


def _text(recording: Recording) -> str:
    if len(recording.pressure) != 1:
        raise ValueError(f"an emed file holds one plate, this recording has {len(recording.pressure)} sensors")
    part = recording.pressure[0]
    if part.unit != "kPa" or part.layout.frame != "plate" or not len(part.time_s) or not part.values.shape[1]:
        raise ValueError(f"an emed file holds pictures of a plate in kPa, got {part.layout.frame} in {part.unit}")
    if part.valid is not None and not part.valid.all():
        raise ValueError("an emed file has no missing cells, this recording has masked ones")
    if not (np.isfinite(part.values).all() and part.values.min() >= 0 and part.values.max() <= _LARGEST_KPA):
        raise ValueError(f"an emed file holds pressures of 0 to {_LARGEST_KPA:g} kPa")
    (rows, columns), pitch_mm, area_mm2, cells = _grid(part)
    first, interval_s = _pictures(part.time_s)

    # the printed words of each pressure, and the forces of what they say
    different, where = np.unique(part.values, return_inverse=True)
    spelled = np.array([f"{float(value):.2f}" for value in different], dtype=object)
    shape = (len(part.time_s), rows * columns)
    words, kpa = np.full(shape, "0.00", dtype=object), np.zeros(shape)
    words[:, cells] = spelled[where.reshape(part.values.shape)]
    kpa[:, cells] = spelled.astype(np.float64)[where.reshape(part.values.shape)]
    loaded = (kpa > 0).any(axis=0).reshape(rows, columns)
    top, bottom = _ends(np.asarray(loaded.any(axis=1)))
    left, right = _ends(np.asarray(loaded.any(axis=0)))
    said = words.reshape(-1, rows, columns)[:, top:bottom, left:right]
    newtons = kpa.reshape(-1, rows, columns)[:, top:bottom, left:right] * (area_mm2 / KPA_MM2_PER_N)

    product = abs(pitch_mm[0] * pitch_mm[1] - area_mm2) <= 1e-9 * area_mm2
    area_cm2 = _decimal(area_mm2 / 100, 2) if product else f"{area_mm2 / 100:.9f}"
    stem = one_line(stem_of_name(recording.source)) or "recording"
    if part.side != side_of_name(stem):
        stem += "_" if part.side == "unknown" else f"_{part.side[0].upper()}"
    about = [
        "",
        f"\tFile: {stem}.lst \tMatrix: {columns}x{rows} ",
        f"\tSensor area: {area_cm2} cm²\tTime/picture:{_decimal(interval_s * 1000, 1)} ms",
        "\tMV over frames",
        f"\tSensor size: {_decimal(pitch_mm[1] / 10, 3)}x{_decimal(pitch_mm[0] / 10, 3)} cm",
        "\twritten by plantar",
        "",
    ]
    head = "".join(f"\t{n}" for n in range(left + 1, right + 1)) + "\tForce"
    pages = []
    for number, (image, force) in enumerate(zip(said.tolist(), newtons)):
        title = f"\tPict-No.: {first + number}  Force[N]=sum*sensor_area in row/column"
        sums = zip(range(top + 1, bottom + 1), image, force.sum(axis=1).tolist())
        body = ["\t".join([str(row), *line, _force(total)]) for row, line, total in sums]
        foot = "\t".join(["Force", *map(_force, force.sum(axis=0).tolist()), _force(float(force.sum()))])
        pages.append("\n".join(["", f"\t\t\t\tPage {number + 1}", *about, title, "", head, *body, foot, ""]))
    return "\f".join([*pages, "\n\f"])


def _force(newtons: float) -> str:
    """Two decimals, a half rounded up, as emed does."""
    return f"{newtons + 1e-9:.2f}"


def _ends(used: Array) -> tuple[int, int]:
    """First and last but one of the True ones; the first alone if there is none."""
    where = np.flatnonzero(used)
    return (int(where[0]), int(where[-1]) + 1) if len(where) else (0, 1)


def _decimal(value: float, least: int) -> str:
    """Up to 9 decimals, at least so many."""
    whole, _, decimals = f"{value:.9f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(least, '0')}"


def _pictures(time_s: Array) -> tuple[int, float]:
    """The number of the first picture and the time of one; ValueError where the intervals are not even."""
    frames = len(time_s)
    interval_s = float(time_s[-1] - time_s[0]) / (frames - 1) if frames > 1 else float(time_s[0]) or 0.01
    interval_s = float(f"{interval_s:.12f}")
    printed = 1e-5  # s: novel's programs print time stamps so
    if interval_s <= 0 or np.abs(time_s - time_s[0] - np.arange(frames) * interval_s).max() > printed:
        raise ValueError("an emed file has one time for all pictures: resample the recording to an even rate first")
    before = round(float(time_s[0]) / interval_s)
    whole = 0 <= before < 10**8 and abs(before * interval_s - time_s[0]) <= printed
    return (before + 1 if whole else 1), interval_s


def _grid(part: PressureRecording) -> tuple[tuple[int, int], tuple[float, float], float, Array]:
    """(rows, columns), pitch along and across, cell area in mm², place of each cell, toes and left first."""
    layout = part.layout
    if layout.shape is None or layout.index is None or layout.area_mm2 is None or layout.positions != "mm":
        raise ValueError("an emed file holds a grid of equal cells in mm")
    area = float(layout.area_mm2[0])
    if np.ptp(layout.area_mm2) > 1e-6 * area or max(layout.shape) > _MAX_SIDE:
        raise ValueError(f"an emed file holds up to {_MAX_SIDE} x {_MAX_SIDE} equal cells")
    places = [layout.index // layout.shape[1], layout.index % layout.shape[1]]
    pitches: list[float] = []
    for axis in (0, 1):
        pitch = _pitch(layout.xy_mm[:, axis], places[axis])
        if layout.shape[axis] == 1:
            pitch = -2.0 * float(layout.xy_mm[0, axis])
        if pitch > 0:  # counted from the heel, from the right
            places[axis] = layout.shape[axis] - 1 - places[axis]
        pitches.append(abs(pitch))
    if min(pitches) <= 0.0 < max(pitches):  # a single row or column has cells
        pitches = [pitch or area / max(pitches) for pitch in pitches]
    if min(pitches) <= 0.0:
        raise ValueError("an emed file has a grid of several cells that begins at x = 0 and y = 0")
    rows, columns = layout.shape
    cells = frozen_array("index", places[0] * columns + places[1], np.int64, (None,))
    same = grid_layout(rows, columns, pitches[0], pitches[1]).xy_mm[cells]
    if np.abs(same - layout.xy_mm).max() > 1e-3 * min(pitches) or area > 1.001 * pitches[0] * pitches[1]:
        raise ValueError("an emed file has an even grid of cells side by side that begins at x = 0 and y = 0")
    return (rows, columns), (pitches[0], pitches[1]), area, cells


def _pitch(position: Array, number: Array) -> float:
    """The step from one row (column) to the next, with its sign; 0 where there is but one."""
    low, high = int(np.argmin(number)), int(np.argmax(number))
    steps = int(number[high] - number[low])
    return float(position[high] - position[low]) / steps if steps else 0.0
