"""PLY: text, binary little and big endian; any scalar and list properties, in any order, beside those that count.

Taken are ``vertex`` (x, y, z; nx, ny, nz where there are no faces) and ``face`` (vertex_indices or vertex_index),
polygons cut into triangles. Other elements and properties (colours, quality, edges, cameras) are passed over, but
every byte is accounted for. The unit is not stated in the file. Described by G. Turk, "The PLY Polygon File Format"
(1994).
"""

from __future__ import annotations

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes, write_bytes_atomic
from footscan.io.ply_body import Table, body_of
from footscan.io.ply_header import Element, Header, parse_header
from footscan.io.polygons import as_indices, triangulate
from footscan.io.validate import DAMAGED, geometry, require_bytes, require_points, scale, unfinished
from footscan.types import Array, Mesh, PointCloud

_CORNERS = ("vertex_indices", "vertex_index")


def sniff(head: bytes, size: int) -> bool:
    """The word ply on the first line."""
    return head.startswith((b"ply\n", b"ply\r\n"))


@unfinished
def read(path: PathLike, mm_per_unit: float = 1.0) -> PointCloud | Mesh:
    """Read a PLY into mm: a mesh if it has faces, else a point cloud with its normals.

    Raises
    ------
    ReadError : a header that is not understood, counts that do not fit the bytes or lines, an index out of range, a
        coordinate that is not finite
    """
    scale(mm_per_unit)
    data = read_bytes(path)
    header = parse_header(path, data)
    _check_elements(path, header, len(data))
    body = body_of(path, data, header)
    points: Array = np.empty((0, 3))
    normals: Array | None = None
    polygons: tuple[Array, Array] | None = None
    for element in header.elements:
        table = body.table(element)
        if element.name == "vertex":
            points = table.columns(("x", "y", "z"))
            normals = table.columns(("nx", "ny", "nz")) if element.has("nx", "ny", "nz") else None
        elif element.name == "face" and element.rows:
            polygons = _polygons(path, element, table)
    body.end()
    faces = None
    if polygons is not None:
        faces = triangulate(path, *polygons, len(points), lambda row: f"face {row}")
    return geometry(path, points, faces, normals, mm_per_unit)


def _check_elements(path: PathLike, header: Header, size: int) -> None:
    """There are points, nothing that can't be read, and enough bytes for all that is announced."""
    elements = {element.name: element for element in header.elements}
    if "vertex" not in elements or not elements["vertex"].has("x", "y", "z"):
        raise ReadError(path, "an element vertex with x, y and z", "none", "export points or a mesh", "the header")
    if "tristrips" in elements and elements["tristrips"].rows:
        raise ReadError(path, "faces", "triangle strips", "export it with plain triangles", "the header")
    require_points(path, elements["vertex"].rows, "the header")
    least = sum(element.rows * (element.least_bytes if header.order else 2) for element in header.elements)
    require_bytes(path, "the rows that the header announces", least - (not header.order), size - header.end)


def _polygons(path: PathLike, element: Element, table: Table) -> tuple[Array, Array]:
    """Corners of each face (faces,), and their vertices, one face after the other."""
    name = next((name for name in _CORNERS if element.has(name, lists=True)), None)
    if name is None:
        raise ReadError(path, f"a list {' or '.join(_CORNERS)} in element face", "none", DAMAGED, "the header")
    counts, items = table.lists(name)
    if items.dtype.kind == "f":  # numbers of a text file, or an odd choice of type
        ends = np.cumsum(counts)
        return counts, as_indices(path, items, lambda i: f"face {int(np.searchsorted(ends, i, side='right'))}")
    return counts, items.astype(np.int64)


def write(path: PathLike, geometry: PointCloud | Mesh) -> None:
    """Write a mesh, or a point cloud with its normals: binary little endian, coordinates as double."""
    write_bytes_atomic(path, ply_bytes(geometry))


def ply_bytes(geometry: PointCloud | Mesh) -> bytes:
    """The bytes of a binary little-endian PLY; coordinates keep every bit."""
    names = ["x", "y", "z"]
    faces: Array = np.empty((0, 3), np.int64)
    if isinstance(geometry, Mesh):
        table, faces = geometry.vertices, geometry.faces
    elif geometry.normals is None:
        table = geometry.points
    else:
        table, names = np.hstack((geometry.points, geometry.normals)), [*names, "nx", "ny", "nz"]
    lines = ["ply", "format binary_little_endian 1.0", "comment mm", f"element vertex {len(table)}"]
    lines += [f"property double {name}" for name in names]
    records = np.empty(len(faces), [("length", "u1"), ("corners", "<i4", 3)])
    if len(faces):
        lines += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
        records["length"], records["corners"] = 3, faces
    head = "\n".join([*lines, "end_header", ""]).encode()
    return head + table.astype("<f8").tobytes() + records.tobytes()
