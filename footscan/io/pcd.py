"""PCD, the Point Cloud Library's format (version 0.7 and older): ascii, binary, binary_compressed; read only.

Taken are the fields x, y, z and normal_x, normal_y, normal_z; others (rgb, intensity, …) are passed over. A point
with NaN coordinates is how this format marks a pixel without a measurement: such rows are left out. The VIEWPOINT is
the scanner's pose and is not applied, as in PCL itself. The unit is not stated in the file (often metres).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from footscan.errors import ReadError
from footscan.io import lzf, text
from footscan.io.files import PathLike, read_bytes
from footscan.io.validate import DAMAGED, geometry, require_bytes, require_end, require_points, scale, unfinished
from footscan.types import Array, PointCloud

MAX_HEADER_LINES = 64
_KEYS = ("VERSION", "FIELDS", "COLUMNS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "VIEWPOINT", "POINTS", "DATA")
_NAN = re.compile(rb"(?i)(?<!\S)[-+]?nan(?!\S)")
_NAN_AS = b"1e999"  # the parser knows no nan: an infinity stands in for it
_TYPES = {"F": "f", "I": "i", "U": "u"}


@dataclass(frozen=True)
class Header:
    """``fields`` (name, dtype, count) in order, ``points``, ``data`` the kind of body, which starts at byte ``end``
    on line ``line``."""

    fields: tuple[tuple[str, np.dtype[np.generic], int], ...]
    points: int
    data: str
    end: int
    line: int


def sniff(head: bytes, size: int) -> bool:
    """The usual comment, or VERSION and FIELDS lines."""
    return head.startswith(b"# .PCD") or (
        head.startswith((b"VERSION", b"#")) and b"\nFIELDS" in head and b"\nPOINTS" in head
    )


@unfinished
def read(path: PathLike, mm_per_unit: float = 1.0) -> PointCloud:
    """Read a PCD into mm, without the points that have no measurement.

    Raises
    ------
    ReadError : a header that is not understood, counts that do not fit the bytes or lines, no measured point
    """
    scale(mm_per_unit)
    data = read_bytes(path)
    header = _parse_header(path, data)
    names = [name for name, _, _ in header.fields]
    if any(names.count(axis) != 1 for axis in "xyz"):
        raise ReadError(path, "the fields x, y and z", " ".join(names)[:80], "export points", "the header")
    fields = ["x", "y", "z"]
    normals = ["normal_x", "normal_y", "normal_z"]
    if all(names.count(name) == 1 for name in normals):
        fields += normals
    read_columns = {"ascii": _ascii, "binary": _binary, "binary_compressed": _compressed}[header.data]
    table = read_columns(path, data, header, fields)
    measured = ~np.isnan(table[:, :3]).any(axis=1)
    if not measured.any():
        raise ReadError(path, "measured points", f"{header.points} points that are NaN", "export the scan again")
    rows = np.flatnonzero(measured)
    table = table if len(rows) == len(table) else table[rows]
    directions = table[:, 3:] if table.shape[1] == 6 and np.isfinite(table[:, 3:]).all() else None
    cloud = geometry(path, table[:, :3], None, directions, mm_per_unit, lambda i: f"point {rows[i]}")
    return cloud if isinstance(cloud, PointCloud) else PointCloud(cloud.vertices)


# ------------------------------------------------------------------ header


def _parse_header(path: PathLike, data: bytes) -> Header:
    found: dict[str, list[str]] = {}
    position = 0
    for number in range(1, MAX_HEADER_LINES + 1):
        stop = data.find(b"\n", position, position + 65536) + 1
        words = data[position:stop].decode("latin-1").split()
        position = stop
        if not stop:
            break
        if not words or words[0].startswith("#"):
            continue
        if words[0] not in _KEYS or words[0] in found:
            raise ReadError(
                path, "a header line of PCD", text.show(" ".join(words).encode()), DAMAGED, f"line {number}"
            )
        found[words[0]] = words[1:]
        if words[0] == "DATA":
            return _header(path, found, position, number + 1)
    raise ReadError(path, "a PCD header that ends with DATA", "none", DAMAGED)


def _header(path: PathLike, found: dict[str, list[str]], end: int, line: int) -> Header:
    names = found.get("FIELDS") or found.get("COLUMNS") or []
    sizes, kinds = found.get("SIZE", []), found.get("TYPE", [])
    counts = found.get("COUNT", ["1"] * len(names))
    if not names or not len(names) == len(sizes) == len(kinds) == len(counts):
        raise ReadError(path, "as many SIZE, TYPE and COUNT as FIELDS", "other numbers of them", DAMAGED, "the header")
    fields = []
    for name, size, kind, count in zip(names, sizes, kinds, counts):
        if kind not in _TYPES or size not in (("4", "8") if kind == "F" else ("1", "2", "4", "8")):
            raise ReadError(
                path, f"a type for field {name}", text.show(f"{kind} {size}".encode()), DAMAGED, "the header"
            )
        fields.append((name, np.dtype("<" + _TYPES[kind] + size), _whole(path, f"COUNT of {name}", [count])))
    width, height = (_whole(path, key, found.get(key, ["1"])) for key in ("WIDTH", "HEIGHT"))
    points = _whole(path, "POINTS", found["POINTS"]) if "POINTS" in found else width * height
    if points != width * height and {"WIDTH", "HEIGHT"} <= found.keys():
        raise ReadError(path, f"WIDTH times HEIGHT = {width * height} points", str(points), DAMAGED, "the header")
    require_points(path, points, "the header")
    kind = " ".join(found["DATA"])
    if kind not in ("ascii", "binary", "binary_compressed"):
        raise ReadError(
            path, "DATA ascii, binary or binary_compressed", text.show(kind.encode()), DAMAGED, "the header"
        )
    if any(count < 1 or count > 65536 for _, _, count in fields):
        raise ReadError(path, "a COUNT from 1 to 65536", "another", DAMAGED, "the header")
    return Header(tuple(fields), points, kind, end, line)


def _whole(path: PathLike, name: str, words: list[str]) -> int:
    if len(words) != 1 or not (words[0].isascii() and words[0].isdigit()) or len(words[0]) > 12:
        raise ReadError(path, f"a whole number for {name}", text.show(" ".join(words).encode()), DAMAGED, "the header")
    return int(words[0])


# ------------------------------------------------------------------ bodies: each gives (points, fields) float64


def _ascii(path: PathLike, data: bytes, header: Header, wanted: list[str]) -> Array:
    body = data[header.end :]
    has_nan = b"nan" in body.lower()
    if has_nan:
        body = _NAN.sub(_NAN_AS, body)
    rows = text.parse_rows(path, body, first_line=header.line)
    starts = np.cumsum([0] + [count for _, _, count in header.fields])
    table = rows.table(path, int(starts[-1]))
    if len(table) != header.points:
        raise ReadError(path, f"{header.points} points", f"{len(table)} lines", DAMAGED, "the end")
    columns = _columns(path, header, wanted, lambda j: table[:, starts[j] : starts[j + 1]])
    return np.where(np.isinf(columns), np.nan, columns) if has_nan else columns


def _binary(path: PathLike, data: bytes, header: Header, wanted: list[str]) -> Array:
    kind = np.dtype([(str(j), dtype, (count,)) for j, (_, dtype, count) in enumerate(header.fields)])
    size = kind.itemsize * header.points
    require_bytes(path, f"{header.points} points", size, len(data) - header.end, f"byte {header.end}")
    require_end(path, memoryview(data)[header.end + size :], header.end + size)
    rows = np.frombuffer(data, kind, header.points, header.end)
    return _columns(path, header, wanted, lambda j: rows[str(j)])


def _compressed(path: PathLike, data: bytes, header: Header, wanted: list[str]) -> Array:
    """Two uint32 (packed and unpacked size), then LZF of all x, all y, … (field by field)."""
    require_bytes(path, "the sizes of the packed data", 8, len(data) - header.end, f"byte {header.end}")
    packed, unpacked = np.frombuffer(data, "<u4", 2, header.end).tolist()
    start = header.end + 8
    needed = header.points * sum(dtype.itemsize * count for _, dtype, count in header.fields)
    if unpacked != needed:
        raise ReadError(
            path, f"{needed} bytes for {header.points} points", f"{unpacked}", DAMAGED, f"byte {header.end + 4}"
        )
    require_bytes(path, "the packed data", packed, len(data) - start, f"byte {start}")
    require_end(path, memoryview(data)[start + packed :], start + packed)
    try:
        body = lzf.decompress(data[start : start + packed], unpacked)
    except ValueError as error:
        raise ReadError(path, "LZF data", str(error), DAMAGED, f"byte {start}") from error
    starts = np.cumsum([0] + [header.points * dtype.itemsize * count for _, dtype, count in header.fields])

    def column(j: int) -> Array:
        _, dtype, count = header.fields[j]
        return np.frombuffer(body, dtype, header.points * count, int(starts[j])).reshape(header.points, count)

    return _columns(path, header, wanted, column)


def _columns(path: PathLike, header: Header, wanted: list[str], column: Callable[[int], Array]) -> Array:
    """The wanted fields side by side; ``column(j)`` is (points, count)."""
    names = [name for name, _, _ in header.fields]
    table = np.empty((header.points, len(wanted)))
    for k, name in enumerate(wanted):
        values = column(names.index(name))
        if values.shape[1] != 1:
            raise ReadError(path, f"one number in field {name}", str(values.shape[1]), DAMAGED, "the header")
        table[:, k] = values[:, 0]
    return table
