"""glTF 2.0: .glb and .gltf, triangles and points, with the transforms of their nodes.

By its standard glTF is in metres with y up; a scan is handed on in mm with z up (y to z: a quarter turn about x).
Some exporters write other units all the same: then ``mm_per_unit`` says which. Lines are passed over; skins, morphs,
sparse accessors and compressed geometry are refused. Vertices that an exporter split at texture seams stay split:
``footscan.meshes.weld`` joins them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from footscan.io.files import PathLike, write_bytes_atomic
from footscan.io.gltf_document import BIN_CHUNK, GLB_MAGIC, JSON_CHUNK, Document
from footscan.io.text import BOM
from footscan.io.validate import MAX_POINTS, geometry, scale, unfinished
from footscan.types import Array, Mesh, PointCloud

POINTS, TRIANGLES, STRIP, FAN = 0, 4, 5, 6  # primitive modes; 1, 2, 3 are lines
_FLOAT = (5126,)
_POSITION = (5126, 5120, 5121, 5122, 5123)  # whole numbers with KHR_mesh_quantization
_INDEX = (5121, 5123, 5125)
_FREE_POINTS = 1_000_000  # instances may multiply vertices up to here, or to the file's size in bytes
MM_PER_UNIT = 1000.0  #: metres
_Z_UP = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
_Y_UP_METRES = [0.001, 0, 0, 0, 0, 0, -0.001, 0, 0, 0.001, 0, 0, 0, 0, 0, 1]  # the way back, column by column
_PRIMITIVE_COST = 100  # as many points as a primitive's work is worth: no smaller than what it takes in the document


def sniff(head: bytes, size: int) -> bool:
    """GLB's magic, or a JSON object that names an asset (wherever it stands) and other parts of glTF."""
    if head.startswith(GLB_MAGIC):
        return True
    words = (b'"asset"', b'"accessors"', b'"bufferViews"', b'"meshes"', b'"scenes"', b'"nodes"', b'"buffers"')
    return head.removeprefix(BOM).lstrip().startswith(b"{") and sum(word in head for word in words) >= 1


@dataclass(frozen=True, eq=False)
class _Part:
    """One primitive where a node puts it; ``faces`` None for points."""

    vertices: Array
    faces: Array | None
    normals: Array | None


@unfinished
def read(path: PathLike, mm_per_unit: float | None = None) -> PointCloud | Mesh:
    """Read all triangles of the scene as one mesh, or all points as one cloud if there are none.

    mm_per_unit : None for metres as the standard has it

    Raises ------ ReadError : what is not glTF 2.0 or not plain, an index or a range that does not fit, a coordinate
    that is not finite
    """
    T_mm_gltf = np.diag([*[scale(MM_PER_UNIT if mm_per_unit is None else mm_per_unit)] * 3, 1.0]) @ _Z_UP
    document = Document(path)
    budget = _Budget(document, min(MAX_POINTS, max(_FREE_POINTS, document.size)))
    parts = [part for mesh, T in _nodes(document, T_mm_gltf) for part in _parts(document, mesh, T, budget)]
    surfaces = [(part.vertices, part.faces) for part in parts if part.faces is not None and len(part.faces)]
    if surfaces:
        starts = np.cumsum([0] + [len(vertices) for vertices, _ in surfaces])
        faces = np.concatenate([triangles + start for (_, triangles), start in zip(surfaces, starts)])
        return geometry(path, np.concatenate([vertices for vertices, _ in surfaces]), faces)
    points = np.concatenate([part.vertices for part in parts] or [np.empty((0, 3))])
    normals = [part.normals for part in parts if part.normals is not None]
    whole = np.concatenate(normals) if len(normals) == len(parts) > 0 else None
    return geometry(path, points, None, whole)


class _Budget:
    """How many more vertices and corners may be made: copies of copies must not outgrow the file."""

    def __init__(self, document: Document, limit: int) -> None:
        self.document, self.limit, self.left = document, limit, limit

    def spend(self, count: int) -> None:
        """Take ``count``; ReadError if there are not so many left."""
        self.left -= count
        if self.left < 0:
            raise self.document.error(f"at most {self.limit} points and corners", "copies of copies", "nodes")


# ------------------------------------------------------------------ the scene


def _nodes(document: Document, T_mm_gltf: Array) -> list[tuple[int, Array]]:
    """(mesh, T_mm_node) of every node that shows a mesh; each node may hang in one place only."""
    count = len(document.entries(document.root, "nodes", "the document"))
    stack = [(root, T_mm_gltf) for root in reversed(_roots(document, count))]
    seen: set[int] = set()
    found = []
    while stack:
        index, T_mm_parent = stack.pop()
        node = document.item("nodes", index)
        place = f"nodes[{index}]"
        if index in seen:
            raise document.error("each node in one place", "one that hangs in two, or a ring", place)
        seen.add(index)
        T_mm_node = T_mm_parent @ _local(document, node, place)
        if "skin" in node or any(document.entries(node, "weights", place)):
            raise document.error("a mesh at rest", "a skin or a morph", place, "export it with its pose applied")
        if "mesh" in node:
            found.append((node["mesh"], T_mm_node))
        stack += [(child, T_mm_node) for child in reversed(document.entries(node, "children", place))]
    return found


def _roots(document: Document, count: int) -> list[Any]:
    """The nodes of the scene that is to be shown; without scenes, the nodes that are nobody's child."""
    if document.entries(document.root, "scenes", "the document"):
        scene = document.item("scenes", document.root.get("scene", 0))
        return document.entries(scene, "nodes", "scenes")
    children = {
        str(child)
        for index in range(count)
        for child in document.entries(document.item("nodes", index), "children", f"nodes[{index}]")
    }
    return [index for index in range(count) if str(index) not in children]


def _local(document: Document, node: dict[str, Any], place: str) -> Array:
    """T_parent_node (4, 4) of a node's matrix, or of its scale, rotation (a quaternion x y z w) and translation."""
    matrix = document.numbers(node, "matrix", 16, place)
    if matrix is not None:
        T = matrix.reshape(4, 4).T  # stored column by column
        if not np.allclose(T[3], (0, 0, 0, 1)):
            raise document.error("an affine matrix", "a projective one", place)
        return T
    T = np.eye(4)
    rotation = document.numbers(node, "rotation", 4, place)
    if rotation is not None:
        length = float(np.linalg.norm(rotation))
        if abs(length - 1.0) > 0.01:
            raise document.error("a unit quaternion", f"one of length {length:g}", place)
        x, y, z, w = rotation / length
        T[:3, :3] = (
            (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        )
    factors = document.numbers(node, "scale", 3, place)
    if factors is not None:
        T[:3, :3] *= factors
    shift = document.numbers(node, "translation", 3, place)
    if shift is not None:
        T[:3, 3] = shift
    return T


# ------------------------------------------------------------------ primitives


def _parts(document: Document, mesh: object, T_mm_node: Array, budget: _Budget) -> list[_Part]:
    """The primitives of a mesh, in the scene's frame."""
    table = document.item("meshes", mesh)
    place = f"meshes[{mesh}]"
    if any(document.entries(table, "weights", place)):
        raise document.error("a mesh at rest", "a morph", place, "export it with its shape applied")
    parts = []
    for primitive in document.entries(table, "primitives", place):
        if not isinstance(primitive, dict):
            raise document.error("an object", type(primitive).__name__, f"{place}.primitives")
        mode = document.whole(primitive, "mode", place, TRIANGLES)
        if mode > FAN:
            raise document.error("a primitive mode from 0 to 6", str(mode), place)
        if mode in (POINTS, TRIANGLES, STRIP, FAN):
            parts.append(_part(document, primitive, mode, T_mm_node, budget))
    return parts


def _part(document: Document, primitive: dict[str, Any], mode: int, T_mm_node: Array, budget: _Budget) -> _Part:
    place = "a primitive"
    attributes = document.table(primitive, "attributes", place)
    if "POSITION" not in attributes:
        raise document.error("an attribute POSITION", "none", place, "export it without compression")
    raw = document.array(attributes["POSITION"], ("VEC3",), _POSITION)
    corners = np.arange(len(raw))
    if "indices" in primitive:
        corners = document.array(primitive["indices"], ("SCALAR",), _INDEX)[:, 0]
        if len(corners) and corners.max() >= len(raw):
            raise document.error(f"indices below {len(raw)}", str(corners.max()), place)
    budget.spend(len(raw) + len(corners) + _PRIMITIVE_COST)
    corners = corners.astype(np.int64)
    turn = T_mm_node[:3, :3]
    vertices = raw.astype(np.float64) @ turn.T + T_mm_node[:3, 3]
    if mode == POINTS:
        normals = None
        if "NORMAL" in attributes:
            directions = document.array(attributes["NORMAL"], ("VEC3",), _FLOAT)
            normals = _turned(directions[corners], turn) if len(directions) == len(raw) else None
        return _Part(vertices[corners], None, normals)
    faces = _faces(corners, mode)
    if faces is None:
        raise document.error("three corners a triangle", f"{len(corners)} corners", place)
    return _Part(vertices, faces[:, ::-1] if np.linalg.det(turn) < 0 else faces, None)


def _faces(corners: Array, mode: int) -> Array | None:
    """Corners in the order of a list, strip or fan -> triangles (m, 3); None if a list does not divide by three."""
    if mode == TRIANGLES:
        return corners.reshape(-1, 3) if len(corners) % 3 == 0 else None
    nth = np.arange(max(len(corners) - 2, 0))
    if mode == FAN:
        return np.column_stack((corners[nth + 1], corners[nth + 2], corners[np.zeros_like(nth)]))
    odd = nth % 2
    return np.column_stack((corners[nth], corners[nth + 1 + odd], corners[nth + 2 - odd]))


def _turned(directions: Array, turn: Array) -> Array | None:
    """Normals under a transform: by its inverse transposed, of unit length again; None if they don't survive it."""
    if abs(np.linalg.det(turn)) < 1e-30:
        return None
    turned = directions.astype(np.float64) @ np.linalg.inv(turn)
    unit = np.asarray(turned / np.linalg.norm(turned, axis=1, keepdims=True))
    return unit if np.isfinite(unit).all() else None


# ------------------------------------------------------------------ writing


def write(path: PathLike, geometry: PointCloud | Mesh) -> None:
    """Write a mesh, or a point cloud with its normals, as GLB."""
    write_bytes_atomic(path, glb_bytes(geometry))


def glb_bytes(geometry: PointCloud | Mesh, name: str = "mesh") -> bytes:
    """The bytes of a GLB with one mesh: float32 coordinates in mm, z up, under a node that takes them to glTF's metres
    and y up; uint32 indices."""
    points = geometry.vertices if isinstance(geometry, Mesh) else geometry.points
    if len(points) == 0:
        raise ValueError("a GLB needs at least one point, got none")
    position = np.ascontiguousarray(points, dtype="<f4")
    arrays: list[tuple[Array, dict[str, Any]]] = [
        (position, {"type": "VEC3", "min": position.min(axis=0).tolist(), "max": position.max(axis=0).tolist()})
    ]
    primitive: dict[str, Any] = {"attributes": {"POSITION": 0}, "mode": POINTS}
    if isinstance(geometry, Mesh) and len(geometry.faces):
        primitive |= {"indices": 1, "mode": TRIANGLES}
        arrays.append((np.ascontiguousarray(geometry.faces, dtype="<u4").reshape(-1), {"type": "SCALAR"}))
    elif isinstance(geometry, PointCloud) and geometry.normals is not None:
        primitive["attributes"]["NORMAL"] = 1
        arrays.append((np.ascontiguousarray(geometry.normals, dtype="<f4"), {"type": "VEC3"}))
    views, accessors, offset = [], [], 0
    for number, (array, about) in enumerate(arrays):
        is_index = array.dtype.kind == "u"
        view = {"buffer": 0, "byteOffset": offset, "byteLength": array.nbytes, "target": 34963 if is_index else 34962}
        views.append(view)
        kind = 5125 if is_index else 5126
        accessors.append({"bufferView": number, "componentType": kind, "count": len(array)} | about)
        offset += array.nbytes
    document = {
        "asset": {"version": "2.0", "generator": "plantar"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name, "matrix": _Y_UP_METRES}],
        "meshes": [{"name": name, "primitives": [primitive]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": offset}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)  # chunks begin at multiples of four; all arrays are multiples of four
    head = (len(text).to_bytes(4, "little"), JSON_CHUNK, text, offset.to_bytes(4, "little"), BIN_CHUNK)
    chunks = b"".join((*head, *(array.tobytes() for array, _ in arrays)))
    return GLB_MAGIC + (2).to_bytes(4, "little") + (12 + len(chunks)).to_bytes(4, "little") + chunks
