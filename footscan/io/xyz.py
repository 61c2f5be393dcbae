"""Text clouds (.xyz .asc .txt .csv .pts): one point a line, x y z and perhaps a normal or a colour behind.

Separated by white space, commas or semicolons (with semicolons the decimal mark may be a comma). Header lines may
name the columns; ``#`` and ``//`` begin comments; a .pts file begins with its count. Without names, columns behind x
y z are taken for a normal only if they are of unit length throughout; what is neither (colour, intensity) is passed
over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from footscan.errors import ReadError
from footscan.io import text
from footscan.io.files import HEAD_BYTES, PathLike, read_bytes, write_bytes_atomic
from footscan.io.validate import DAMAGED, geometry, require_points, scale, unfinished
from footscan.types import Array, Mesh, PointCloud

MAX_COLUMNS = 12  #: more than x y z, normal, colour with alpha, two qualities: some other table
MAX_HEADER_LINES = 40

_COMMENT = re.compile(rb"(?:#|//)[^\n]*")
_UNIT = re.compile(rb"\[[^\]\n]*\]|\([^)\n]*\)")
_NOT_A_NAME = re.compile(rb"[^a-z0-9]+")
_ALIASES = {b"%smm" % axis: axis for axis in (b"x", b"y", b"z")}
_ALIASES |= {b"points%d" % k: axis for k, axis in enumerate((b"x", b"y", b"z"))}
_ALIASES |= {b"normals%d" % k: axis for k, axis in enumerate((b"nx", b"ny", b"nz"))}
_ALIASES |= {b"normal%s" % axis: b"n%s" % axis for axis in (b"x", b"y", b"z")}


@dataclass(frozen=True)
class Layout:
    """``start`` the byte and ``line`` the number of the first data line; ``separator`` b"" for white space;
    ``columns`` in a line; ``names`` of the first columns if a header line has them; ``count`` of the points if a line
    says so."""

    start: int
    line: int
    separator: bytes
    columns: int
    names: tuple[bytes, ...]
    count: int | None


def sniff(head: bytes, size: int) -> bool:
    """Lines of 3 to 12 numbers from the top, after comments, column names with x, y and z among them, or a count."""
    whole_lines = head if size <= len(head) else head[: head.rfind(b"\n") + 1]
    data = text.clean(whole_lines)
    layout = None if b"\0" in data else _layout(data)
    if layout is None:
        return False
    rows = [_tokens(line, layout.separator) for line in _COMMENT.sub(b"", data[layout.start :]).split(b"\n")]
    return all(len(row) == layout.columns and _are_numbers(row) for row in [row for row in rows if row][:2])


@unfinished
def read(path: PathLike, mm_per_unit: float = 1.0) -> PointCloud:
    """Read a text cloud into mm.

    Raises
    ------
    ReadError : no line of numbers, a line with another number of them, a word among them, no x, y, z among the names
    """
    scale(mm_per_unit)
    data = text.clean(read_bytes(path))
    layout = _layout(data)
    if layout is None:
        expected = f"lines of 3 to {MAX_COLUMNS} numbers, x, y and z among the names if there are names"
        raise ReadError(path, expected, text.show(data[:32]), "check the format")
    data = data[layout.start :]
    if b"#" in data or b"//" in data:
        data = _COMMENT.sub(b"", data)  # line feeds stay: so do the line numbers
    if layout.separator:
        data = _without_separators(path, data, layout)
    rows = text.parse_rows(path, data, first_line=layout.line)
    require_points(path, len(rows.counts))
    table = rows.table(path, layout.columns)
    if layout.count is not None and layout.count != len(table):
        raise ReadError(path, f"{layout.count} points as the top says", str(len(table)), DAMAGED)
    at = [layout.names.index(axis) for axis in (b"x", b"y", b"z")] if layout.names else [0, 1, 2]
    points = table if at == list(range(layout.columns)) else table[:, at]
    cloud = geometry(path, points, None, _normals(table, layout.names), mm_per_unit, rows.place)
    return cloud if isinstance(cloud, PointCloud) else PointCloud(cloud.vertices)


# ------------------------------------------------------------------ the top of the file


def _layout(data: bytes) -> Layout | None:
    """Where the numbers begin and how they stand there; None if it does not look like a cloud."""
    position, count = 0, None
    names: tuple[bytes, ...] = ()
    for number in range(1, MAX_HEADER_LINES + 1):
        stop = data.find(b"\n", position, position + HEAD_BYTES) + 1 or min(len(data), position + HEAD_BYTES)
        line = data[position:stop].strip()
        bare = _COMMENT.sub(b"", line).strip()
        separator = b";" if b";" in bare else b"," if b"," in bare else b""
        row = _tokens(bare, separator)
        if row and _are_numbers(row):
            if 3 <= len(row) <= MAX_COLUMNS and len(names) <= len(row):
                return Layout(position, number, separator, len(row), names, count)
            if len(row) > 1 or not row[0].isdigit() or len(row[0]) > 15 or count is not None:
                return None
            count = int(row[0])
        elif line:
            found = _column_names(line)
            if found:
                names = found
            elif bare:
                return None  # words that name no point
        position = stop
        if position >= len(data):
            return None
    return None


def _column_names(line: bytes) -> tuple[bytes, ...]:
    """The names in a header line if x, y and z are among them, each once; else none."""
    bare = _UNIT.sub(b"", line.lstrip(b"#/ ").lower())
    words = bare.split(b";") if b";" in bare else bare.split(b",") if b"," in bare else bare.split()
    names = [_NOT_A_NAME.sub(b"", word) for word in words]
    names = [_ALIASES.get(name, name) for name in names]
    return tuple(names) if all(names.count(axis) == 1 for axis in (b"x", b"y", b"z")) else ()


def _tokens(line: bytes, separator: bytes) -> list[bytes]:
    if not separator:
        return line.split()
    fields = [field.strip() for field in line.strip().removesuffix(separator).split(separator)]
    return [field.replace(b",", b".") for field in fields] if separator == b";" else fields


def _are_numbers(row: list[bytes]) -> bool:
    return all(text.NUMBER.fullmatch(token) for token in row)


# ------------------------------------------------------------------ the numbers


def _without_separators(path: PathLike, data: bytes, layout: Layout) -> bytes:
    """Blanks for separators, after a check that each field holds exactly one token; line ends stay."""
    comma = re.escape(layout.separator)
    empty = re.search(rb"(?m)%s[ \t]*%s|^[ \t]*%s" % (comma, comma, comma), data)
    double = re.search(rb"[^\s%s][ \t]+[^\s%s]" % (comma, comma), data) if b" " in data or b"\t" in data else None
    for match, found in ((empty, "an empty field"), (double, "two")):
        if match:
            line = layout.line + data.count(b"\n", 0, match.start())
            raise ReadError(path, "one number between separators", found, "the text is damaged", f"line {line}")
    return data.translate(bytes.maketrans(b";,", b" ." if layout.separator == b";" else b"; "))


def _normals(table: Array, names: tuple[bytes, ...]) -> Array | None:
    """The columns of a normal: by name, else those that are of unit length throughout and not all positive like
    colours."""
    if names:
        wanted = (b"nx", b"ny", b"nz")
        return table[:, [names.index(name) for name in wanted]] if all(map(names.__contains__, wanted)) else None
    for first in (3, table.shape[1] - 3):
        three = table[:, first : first + 3]
        if first >= 3 and three.shape[1] == 3 and (three < 0).any():
            length = np.linalg.norm(three, axis=1)
            if (np.abs(length - 1.0) < 0.01).all():
                return three
    return None


def write(path: PathLike, geometry: PointCloud | Mesh) -> None:
    """Write points, with their normals if they have any, or a mesh's vertices; nine significant digits, no header."""
    points = geometry.vertices if isinstance(geometry, Mesh) else geometry.points
    if isinstance(geometry, PointCloud) and geometry.normals is not None:
        points = np.hstack((points, geometry.normals))
    write_bytes_atomic(path, text.lines_of_floats(points))
