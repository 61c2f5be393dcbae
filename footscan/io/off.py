"""OFF (Object File Format, Geomview): text, polygons; COFF and NOFF (colours, normals behind the coordinates) too.

The header's three counts are vertices, faces and edges; the last is often 0 and is not used. ``#`` begins a comment.
Binary OFF, 4D and nD OFF are refused.
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
_KEYWORD = re.compile(rb"\s*(ST)?(C)?(N)?(4)?(n)?OFF(?=[ \t\r\n])([ \t]+BINARY)?")


def sniff(head: bytes, size: int) -> bool:
    """The keyword OFF, perhaps with letters before it, after comments."""
    return _KEYWORD.match(_COMMENT.sub(b"", text.clean(head))) is not None


@unfinished
def read(path: PathLike, mm_per_unit: float = 1.0) -> PointCloud | Mesh:
    """Read an OFF into a mesh in mm, polygons cut into triangles; without faces a point cloud.

    Raises
    ------
    ReadError : another kind of OFF, counts that do not fit the lines, an index out of range, no number
    """
    scale(mm_per_unit)
    data = _COMMENT.sub(b"", text.clean(read_bytes(path)))  # line feeds stay: so do the line numbers
    keyword = _KEYWORD.match(data)
    if keyword is None:
        raise ReadError(path, "the keyword OFF", text.show(data[:16]), "check the format", "line 1")
    texture, colour, normal, four, dimension, binary = keyword.groups()
    if texture or four or dimension or binary:
        raise ReadError(
            path, "text OFF in three dimensions", text.show(keyword[0].strip()), "export it as PLY", "line 1"
        )

    rows = text.parse_rows(path, data, keyword.end(), 1 + data.count(b"\n", 0, keyword.end()))
    if len(rows.counts) == 0 or rows.counts[0] not in (2, 3):
        raise ReadError(path, "the counts of vertices, faces and edges", "none", DAMAGED, "line 1")
    n, m = (int(value) for value in as_indices(path, rows.values[:2], lambda _: rows.place(0)))
    require_points(path, n, rows.place(0))
    if n < 0 or m < 0 or len(rows.counts) != 1 + n + m:
        raise ReadError(path, f"{n} lines of vertices and {m} of faces", f"{len(rows.counts) - 1} lines", DAMAGED)

    body = rows.part(1, 1 + n)
    columns = _vertex_columns(path, body, 6 if normal else 3, colour is not None)
    table = body.table(path, columns)
    faces = _faces(path, rows.part(1 + n, 1 + n + m), n)
    return geometry(path, table[:, :3], faces, table[:, 3:6] if normal else None, mm_per_unit, body.place)


def _vertex_columns(path: PathLike, rows: text.Rows, plain: int, colour: bool) -> int:
    """How many numbers a vertex line has; colours are 3 or 4."""
    columns = int(rows.counts[0]) if len(rows.counts) else plain
    allowed = (plain + 3, plain + 4) if colour else (plain,)
    if columns not in allowed:
        raise ReadError(path, f"{' or '.join(map(str, allowed))} numbers", str(columns), DAMAGED, rows.place(0))
    return columns


def _faces(path: PathLike, rows: text.Rows, vertices: int) -> Array:
    """Lines "n i1 … in", perhaps with a colour behind -> triangles (m, 3)."""
    starts = np.cumsum(rows.counts) - rows.counts
    sizes = as_indices(path, rows.values[starts], rows.place)
    extra = rows.counts - 1 - sizes  # colour: an index into a map, or 3 or 4 numbers
    fine = (sizes >= 0) & np.isin(extra, (0, 1, 3, 4))
    if not fine.all():
        bad = int(np.argmin(fine))
        raise ReadError(path, f"{sizes[bad]} vertex indices", f"{rows.counts[bad] - 1}", DAMAGED, rows.place(bad))
    nth = np.arange(len(rows.values)) - np.repeat(starts, rows.counts)
    corner = (nth >= 1) & (nth <= np.repeat(sizes, rows.counts))
    of_row = np.repeat(np.arange(len(rows.counts)), sizes)
    indices = as_indices(path, rows.values[corner], lambda i: rows.place(int(of_row[i])))
    return triangulate(path, sizes, indices, vertices, rows.place)


def write(path: PathLike, geometry: PointCloud | Mesh) -> None:
    """Write a mesh, or a point cloud as vertices without faces (its normals are left out), nine significant digits."""
    points, faces = (
        (geometry.vertices, geometry.faces)
        if isinstance(geometry, Mesh)
        else (geometry.points, np.empty((0, 3), np.int64))
    )
    head = f"OFF\n{len(points)} {len(faces)} 0\n".encode()
    write_bytes_atomic(path, head + text.lines_of_floats(points) + text.lines_of_indices(faces, "3 %d %d %d\n"))
