"""Wavefront OBJ: ``v`` and ``f`` lines; the vertices stay as they stand in the file, whatever their normals and
textures.

Faces may have any number of corners (``v``, ``v/vt``, ``v//vn``, ``v/vt/vn``; negative numbers count back from the
last vertex before the line). Colours or a weight behind the coordinates are passed over, as are groups, materials,
lines and free-form geometry; a file without faces is a point cloud, with its normals if each vertex has one. The unit
is not stated in the file. Materials are never opened.
"""

from __future__ import annotations

import re

import numpy as np

from footscan.errors import ReadError
from footscan.io import text
from footscan.io.files import PathLike, read_bytes, write_bytes_atomic
from footscan.io.polygons import as_indices, triangulate
from footscan.io.validate import DAMAGED, geometry, require_points, scale, unfinished
from footscan.types import Array, Mesh, PointCloud

_COMMENT = re.compile(rb"#[^\n]*")
_CONTINUED = re.compile(rb"\\[ \t\r]*\n")
_BEHIND = re.compile(rb"/(?:-?\d+)?(?:/(?:-?\d+)?)?(?=\s|$)")  # vt and vn of a corner
_LINE = re.compile(rb"(?:vn?[ \t]+[-+.\d]|vt[ \t]+[-+.\d]|f[ \t]+-?\d|(?:mtllib|usemtl|g|o|s)(?:[ \t]|$))")
_OTHER = frozenset(
    b"vt vp p l g o s mg usemtl mtllib usemap maplib bevel c_interp d_interp lod shadow_obj trace_obj ctech stech "
    b"cstype deg bmat step curv curv2 surf parm trim hole scrv sp end con call csh".split()
)


def sniff(head: bytes, size: int) -> bool:
    """The first line that is no comment is one of OBJ's, and a vertex, a group or a material stands near the top."""
    lines = [line.strip() for line in _COMMENT.sub(b"", text.clean(head)).split(b"\n")]
    lines = [line for line in lines[: None if size <= len(head) else -1] if line]
    return bool(lines) and all(_LINE.match(line) for line in lines[:3])


@unfinished
def read(path: PathLike, mm_per_unit: float = 1.0) -> PointCloud | Mesh:
    """Read an OBJ into a mesh in mm, polygons cut into triangles; without faces a point cloud.

    Raises
    ------
    ReadError : a line that OBJ does not know, no number, an index out of range, a coordinate that is not finite
    """
    scale(mm_per_unit)
    data = text.clean(read_bytes(path))
    if b"#" in data:
        data = _COMMENT.sub(b"", data)  # line feeds stay: so do the line numbers
    if b"\\" in data:
        data = _CONTINUED.sub(b" ", data)
    parts = _Parts(path)
    for chunk in text.chunks(data):
        parts.add(chunk)

    vertices, line_of_vertex = parts.vertices()
    require_points(path, len(vertices))
    faces, line_of_face = parts.faces(len(vertices))
    normals = parts.normals() if len(line_of_face) == 0 else None
    return geometry(path, vertices, faces, normals, mm_per_unit, lambda i: f"line {line_of_vertex[i]}")


class _Parts:
    """What the lines say, chunk by chunk: numbers of ``v``, ``vn`` and ``f`` lines, and where each line stood."""

    def __init__(self, path: PathLike) -> None:
        self.path, self.line, self.vertices_so_far = path, 1, 0
        self.v: list[tuple[text.Rows, Array]] = []
        self.vn: list[tuple[text.Rows, Array]] = []
        self.f: list[tuple[text.Rows, Array]] = []
        self.vertices_before: list[Array] = []  # for each face line

    def add(self, chunk: bytes) -> None:
        """Sort the lines of a chunk by their first word."""
        lines = text.Lines(chunk)
        is_v, is_vn, is_f = (lines.begin_with(word) for word in (b"v", b"vn", b"f"))
        self._check_others(lines, ~(is_v | is_vn | is_f | lines.begin_with(b"vt") | lines.blank()))
        for mine, word, to in ((is_v, b"v", self.v), (is_vn, b"vn", self.vn), (is_f, b"f", self.f)):
            numbers = np.flatnonzero(mine) + self.line
            part = lines.cut(mine, word)
            if word == b"f":
                part = _BEHIND.sub(b"", part)
            if part:
                to.append((text.parse_part(self.path, part, numbers), numbers))
        self.vertices_before.append(self.vertices_so_far + np.cumsum(is_v)[is_f])
        self.vertices_so_far += int(is_v.sum())
        self.line += len(lines)

    def _check_others(self, lines: text.Lines, others: Array) -> None:
        for number in np.flatnonzero(others):
            line = lines.line(int(number))
            if line.split()[0] not in _OTHER:
                expected, hint = "an OBJ line (v, vn, vt, f, g, usemtl …)", "the text is damaged"
                raise ReadError(self.path, expected, text.show(line), hint, f"line {number + self.line}")

    def vertices(self) -> tuple[Array, Array]:
        """(n, 3), and the line of each."""
        points, numbers = [np.empty((0, 3))], [np.empty(0, np.int64)]
        for rows, where in self.v:
            known = np.isin(rows.counts, (3, 4, 6, 7))
            if not known.all():
                bad = int(np.argmin(known))
                expected = "x y z, perhaps with a weight or a colour"
                raise ReadError(self.path, expected, f"{rows.counts[bad]} numbers", DAMAGED, rows.place(bad))
            starts = np.cumsum(rows.counts) - rows.counts
            points.append(rows.values[starts[:, None] + np.arange(3)])
            numbers.append(where)
        return np.concatenate(points), np.concatenate(numbers)

    def normals(self) -> Array | None:
        """(n, 3) if each vertex has one."""
        tables = [rows.table(self.path, 3) for rows, _ in self.vn]
        return np.concatenate(tables) if sum(map(len, tables)) == self.vertices_so_far > 0 else None

    def faces(self, vertices: int) -> tuple[Array, Array]:
        """Triangles (m, 3) from 0, and the line of each face line."""
        if not self.f:
            return np.empty((0, 3), np.int64), np.empty(0, np.int64)
        lines = np.concatenate([where for _, where in self.f])
        counts = np.concatenate([rows.counts for rows, _ in self.f]).astype(np.int64)
        values = np.concatenate([rows.values for rows, _ in self.f])
        of_line = np.repeat(np.arange(len(counts)), counts)
        indices = as_indices(self.path, values, lambda i: f"line {lines[of_line[i]]}")
        if (indices == 0).any():
            bad = int(np.argmax(indices == 0))
            raise ReadError(self.path, "vertex numbers from 1", "0", DAMAGED, f"line {lines[of_line[bad]]}")
        before = np.concatenate(self.vertices_before)[of_line]
        indices = np.where(indices > 0, indices - 1, before + indices)
        return triangulate(self.path, counts, indices, vertices, lambda i: f"line {lines[i]}"), lines


def write(path: PathLike, geometry: PointCloud | Mesh) -> None:
    """Write a mesh, or a point cloud with its normals; nine significant digits."""
    write_bytes_atomic(path, obj_bytes(geometry))


def obj_bytes(geometry: PointCloud | Mesh) -> bytes:
    """The bytes of an OBJ in mm."""
    head = b"# mm\n"
    if isinstance(geometry, Mesh):
        faces = text.lines_of_indices(geometry.faces + 1, "f %d %d %d\n")
        return head + text.lines_of_floats(geometry.vertices, "v ") + faces
    normals = b"" if geometry.normals is None else text.lines_of_floats(geometry.normals, "vn ")
    return head + text.lines_of_floats(geometry.points, "v ") + normals
