"""STL, binary and text: triangles only, every corner written out; equal corners become one vertex on reading.

Which of the two a file is, its content says: a binary header may begin with ``solid``. The unit is not stated in the
file. Layout: 80 bytes, uint32 count, then 50 bytes a facet (normal and corners as 12 float32, 2 attribute bytes).
"""

from __future__ import annotations

import re

import numpy as np

from footscan.errors import ReadError
from footscan.io import text
from footscan.io.files import PathLike, read_bytes, write_bytes_atomic
from footscan.io.validate import DAMAGED, geometry, require_bytes, require_end, require_points, scale, unfinished
from footscan.meshes import drop_collapsed, equal_rows
from footscan.types import Array, Mesh, PointCloud

FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
HEADER_BYTES = 84
_SLACK = 16  # white space that may follow the last facet

# one letter a line of text: s solid, f facet, o outer loop, v vertex, l endloop, k endfacet, e endsolid
_WORDS = (b"vertex", b"facet", b"outer", b"endloop", b"endfacet", b"solid", b"endsolid")
_LETTERS = b"vfolkse"
_FACET_LINES = b"fovvvlk"
_SOLIDS = re.compile(rb"(?:s(?:fovvvlk)*+e)*+(?:s(?:fovvvlk)*+)?+")  # possessive: no memory of the way


def sniff(head: bytes, size: int) -> bool:
    """A binary STL has the size that its count says; a text one begins with ``solid`` and goes on with facets."""
    return _is_binary(head, size) or _is_text(head)


def _is_binary(head: bytes, size: int) -> bool:
    if len(head) < HEADER_BYTES:
        return False
    count = int.from_bytes(head[80:84], "little")
    return 0 <= size - HEADER_BYTES - FACET.itemsize * count <= _SLACK


def _is_text(head: bytes) -> bool:
    start = head.removeprefix(text.BOM).lstrip()[:4096].lower()
    return start.startswith(b"solid") and b"\0" not in start and (b"facet" in start or b"endsolid" in start)


@unfinished
def read(path: PathLike, mm_per_unit: float = 1.0) -> PointCloud | Mesh:
    """Read an STL into a welded mesh in mm; facets without an area that the weld collapses are left out.

    Raises
    ------
    ReadError : the count does not fit the bytes, text that is no STL, no facet, a coordinate that is not finite
    """
    scale(mm_per_unit)
    data = read_bytes(path)
    if not _is_binary(data[:HEADER_BYTES], len(data)) and _is_text(data[:4096]):
        corners, line_of_facet = _read_text(path, text.clean(data))
    else:
        corners, line_of_facet = _read_binary(path, data), None
    if len(corners) == 0:
        raise ReadError(path, "triangles", "none", "export the scan again: there is nothing in it")
    first, group = equal_rows(corners)
    faces = drop_collapsed(group.reshape(-1, 3))

    def place(vertex: int) -> str:
        facet = int(first[vertex]) // 3
        if line_of_facet is None:
            return f"facet {facet}, byte {HEADER_BYTES + FACET.itemsize * facet}"
        return f"facet {facet}, line {line_of_facet[facet]}"

    return geometry(path, corners[first], faces, mm_per_unit=mm_per_unit, vertex_place=place)


def _read_binary(path: PathLike, data: bytes) -> Array:
    """(3 facets, 3) float32."""
    require_bytes(path, "the header of a binary STL", HEADER_BYTES, len(data))
    count = int.from_bytes(data[80:84], "little")
    end = HEADER_BYTES + FACET.itemsize * count
    if end > len(data):
        found = f"{len(data)} bytes that begin with {text.show(data[:16])}"
        raise ReadError(path, f"a binary STL of {count} facets in {end} bytes, or text STL", found, DAMAGED, "byte 80")
    require_end(path, memoryview(data)[end:], end)
    require_points(path, count, "byte 80")
    return np.frombuffer(data, FACET, count, HEADER_BYTES)["corners"].reshape(-1, 3)


def _read_text(path: PathLike, data: bytes) -> tuple[Array, Array]:
    """(3 facets, 3) float64 and the line of each facet's first corner (facets,)."""
    corners: list[Array] = [np.empty((0, 3))]
    letters: list[Array] = []
    numbers: list[Array] = []
    line = 1
    for chunk in text.chunks(data):
        lines = text.Lines(chunk)
        letter = np.zeros(len(lines), np.uint8)
        for word, code in zip(_WORDS, _LETTERS):
            letter[lines.begin_with(word)] = code
        unknown = (letter == 0) & ~lines.blank()
        if unknown.any():
            bad = int(np.argmax(unknown))
            raise _misplaced(path, lines.line(bad), line + bad)
        at = np.flatnonzero(letter == _LETTERS[0])
        corners.append(text.parse_part(path, lines.cut(letter == _LETTERS[0], b"vertex"), at + line).table(path, 3))
        letters.append(letter[letter > 0])
        numbers.append(np.flatnonzero(letter) + line)
        line += len(lines)
    order, where = np.concatenate(letters).tobytes(), np.concatenate(numbers)
    _check_order(path, order, where)
    return np.concatenate(corners), where[np.frombuffer(order, np.uint8) == _LETTERS[0]][::3]


def _check_order(path: PathLike, order: bytes, where: Array) -> None:
    """ReadError unless the lines follow each other as the format has it: solid, facets of seven lines, endsolid."""
    whole = order.replace(_FACET_LINES, b"")
    if whole and whole == b"se" * (len(whole) // 2):
        return
    match = _SOLIDS.match(order)
    at = match.end() if match else 0
    for expected, found in zip(_FACET_LINES, order[at : at + len(_FACET_LINES)]):
        if found != expected:
            raise _misplaced(path, _WORDS[_LETTERS.index(found)], int(where[at]))
        at += 1
    raise ReadError(path, "endsolid", "the end of the file", DAMAGED, f"line {int(where[-1]) if len(where) else 1}")


def _misplaced(path: PathLike, found: bytes, line: int) -> ReadError:
    expected = "solid, facet, outer loop, three vertex lines, endloop, endfacet, endsolid in this order"
    return ReadError(path, expected, text.show(found), DAMAGED, f"line {line}")


def write(path: PathLike, geometry: PointCloud | Mesh) -> None:
    """Write a mesh as binary STL (float32); ValueError for a point cloud or a mesh without faces."""
    write_bytes_atomic(path, stl_bytes(geometry))


def stl_bytes(geometry: PointCloud | Mesh) -> bytes:
    """The bytes of a binary STL in the order of the faces, its header without a date."""
    if not isinstance(geometry, Mesh) or len(geometry.faces) == 0:
        raise ValueError("STL holds triangles only, got a point cloud: write it as PLY or XYZ")
    facets = np.zeros(len(geometry.faces), FACET)
    corners = geometry.vertices.astype(np.float32)[geometry.faces]
    facets["corners"] = corners
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    facets["normal"] = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
    header = b"binary STL, mm".ljust(80, b"\0")  # must not begin with "solid"
    return header + len(facets).to_bytes(4, "little") + facets.tobytes()
