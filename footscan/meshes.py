"""Triangle meshes as arrays: weld, normals, area, volume, edges, bodies, even samples of the surface.

Everything takes a ``Mesh`` (vertices (n, 3) mm, faces (m, 3)) and returns arrays or a new record; nothing depends on
where the mesh stands. A face is counter-clockwise seen from outside.
"""

from __future__ import annotations

import numpy as np

from footscan.types import Array, Mesh, PointCloud, replace

# ------------------------------------------------------------------ weld


def weld(mesh: Mesh, tol_mm: float = 0.0) -> Mesh:
    """Vertices at one place become one; faces that lose a corner by it and vertices that no face uses go.

    Parameters
    ----------
    tol_mm : 0 joins exactly equal vertices; above 0 joins all that are linked by steps of at most ``tol_mm``

    The vertex that comes first stands for its group, and the order of first appearance is kept.
    """
    if not (np.isfinite(tol_mm) and tol_mm >= 0):
        raise ValueError(f"tol_mm must be finite and >= 0, got {tol_mm!r}")
    first, group = equal_rows(mesh.vertices) if tol_mm == 0 else _near_rows(mesh.vertices, tol_mm)
    faces = drop_collapsed(group[mesh.faces])
    used = np.zeros(len(first), np.bool_)
    used[faces] = True
    number = np.cumsum(used) - 1
    return replace(mesh, vertices=mesh.vertices[first[used]], faces=number[faces])


def drop_collapsed(faces: Array) -> Array:
    """Without the faces that name a vertex twice."""
    a, b, c = faces.T
    return np.asarray(faces[(a != b) & (b != c) & (c != a)])


def equal_rows(rows: Array) -> tuple[Array, Array]:
    """Which rows of a float array (n, k) are equal: (first (g,), group (n,)).

    ``first[i]`` is the first row of group i, in order of appearance; ``group[row]`` the group of a row; -0 equals 0.
    Rows are sorted by a 64-bit mix of their bits and compared in full; the rare clash of two mixes sorts by the values.
    """
    rows = np.ascontiguousarray(rows + 0.0)  # -0.0 + 0.0 is 0.0
    bits = rows.view(np.uint32 if rows.dtype.itemsize == 4 else np.uint64)
    key = _mixed(bits)
    order = np.argsort(key)
    new = _differs(rows, order)
    if len(rows) and int(np.count_nonzero(np.diff(np.take(key, order)))) + 1 != int(new.sum()):
        order = np.lexsort(rows.T)
        new = _differs(rows, order)
    if len(rows) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    first = np.minimum.reduceat(order, np.flatnonzero(new))  # whatever the order within a group
    rank = np.empty(len(first), np.int64)
    by_appearance = np.argsort(first)
    rank[by_appearance] = np.arange(len(first))
    group = np.empty(len(rows), np.int64)
    group[order] = np.repeat(rank, np.diff(np.flatnonzero(new), append=len(rows)))
    return first[by_appearance], group


def _mixed(bits: Array) -> Array:
    """(n, k) bits -> (n,) uint64 in which all of them have a part (Fibonacci hashing; it wraps around on purpose)."""
    key = np.zeros(len(bits), np.uint64)
    for column in bits.T:
        key = (key ^ column) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    return key


def _differs(rows: Array, order: Array) -> Array:
    """(n,) True where a row differs from the one before it in ``order``."""
    new = np.ones(len(rows), np.bool_)
    ordered = np.take(rows, order, axis=0)
    np.any(ordered[1:] != ordered[:-1], axis=1, out=new[1:])
    return new


def _near_rows(rows: Array, tol_mm: float) -> tuple[Array, Array]:
    """As ``equal_rows``, for points within ``tol_mm`` of each other and all that hang together by such steps."""
    from scipy.spatial import cKDTree

    first, group = equal_rows(rows)
    pairs = cKDTree(rows[first]).query_pairs(tol_mm, output_type="ndarray")
    label = _components(len(first), pairs[:, 0], pairs[:, 1])
    lowest = np.full(int(label.max(initial=-1)) + 1, len(first), np.int64)
    np.minimum.at(lowest, label, np.arange(len(first)))
    return first[lowest], label[group]


def _components(count: int, a: Array, b: Array) -> Array:
    """Labels (count,) of what hangs together by the links a[i]-b[i]; 0 is the part of item 0, and so on by order."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    _, first, group = np.unique(label, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[group])


# ------------------------------------------------------------------ normals, area, volume


def face_vectors(mesh: Mesh) -> Array:
    """(m, 3) along each face's outward normal, as long as twice its area (mm^2)."""
    a, b, c = (mesh.vertices[corner] for corner in mesh.faces.T)
    return np.cross(b - a, c - a)


def face_normals(mesh: Mesh) -> Array:
    """(m, 3) unit outward normals; (0, 0, 0) for a face without area."""
    return _unit(face_vectors(mesh))


def vertex_normals(mesh: Mesh) -> Array:
    """(n, 3) unit normals: the faces' around a vertex, weighted by their area; (0, 0, 0) where no face is."""
    vectors = face_vectors(mesh)
    corners = mesh.faces.ravel(order="F")
    sums = [np.bincount(corners, np.tile(axis, 3), minlength=len(mesh.vertices)) for axis in vectors.T]
    return _unit(np.column_stack(sums))


def _unit(vectors: Array) -> Array:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))


def face_areas_mm2(mesh: Mesh) -> Array:
    """(m,) area of each face."""
    return np.asarray(np.linalg.norm(face_vectors(mesh), axis=1) / 2.0)


def area_mm2(mesh: Mesh) -> float:
    """Area of the whole surface."""
    return float(face_areas_mm2(mesh).sum())


def volume_mm3(mesh: Mesh) -> float:
    """Volume within a watertight mesh by the divergence theorem; negative if its faces point inward."""
    if len(mesh.faces) == 0:
        return 0.0
    corners = mesh.vertices - mesh.vertices.mean(axis=0)  # far from the origin the terms would cancel badly
    a, b, c = (corners[corner] for corner in mesh.faces.T)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


# ------------------------------------------------------------------ edges and bodies


def edge_counts(mesh: Mesh) -> tuple[Array, Array]:
    """Every edge once: (edges (e, 2) with the lower vertex first, sorted; counts (e,) of the faces at it)."""
    low, high, _ = _half_edges(mesh)
    keys, counts = np.unique(low * len(mesh.vertices) + high, return_counts=True)
    return np.column_stack(np.divmod(keys, max(len(mesh.vertices), 1))), counts


def is_watertight(mesh: Mesh) -> bool:
    """True if every edge has exactly two faces, which run along it in opposite directions (weld before asking)."""
    if len(mesh.faces) == 0:
        return False
    low, high, forward = _half_edges(mesh)
    if (low == high).any():
        return False
    keys, group = np.unique(low * len(mesh.vertices) + high, return_inverse=True)
    both = np.bincount(group, minlength=len(keys))
    ahead = np.bincount(group[forward], minlength=len(keys))
    return bool((both == 2).all() and (ahead == 1).all())


def _half_edges(mesh: Mesh) -> tuple[Array, Array, Array]:
    """The 3 m sides of the faces: lower vertex, higher vertex, True where the side runs from lower to higher."""
    start, stop = mesh.faces.ravel(), np.roll(mesh.faces, -1, axis=1).ravel()
    return np.minimum(start, stop), np.maximum(start, stop), start < stop


def bodies(mesh: Mesh) -> Array:
    """(m,) the body of each face, from 0 by order of appearance: faces that share an edge are of one body.

    Bodies that touch in a single vertex stay two, as for a slicer. Weld before asking.
    """
    low, high, _ = _half_edges(mesh)
    key = low * len(mesh.vertices) + high
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(key[order][1:] == key[order][:-1])
    return _components(len(mesh.faces), order[same] // 3, order[same + 1] // 3)


# ------------------------------------------------------------------ samples


def sample_surface(mesh: Mesh, spacing_mm: float | None = None, count: int | None = None, seed: int = 0) -> PointCloud:
    """Points spread evenly over the surface, each with its face's normal; the same for the same arguments.

    Parameters
    ----------
    spacing_mm : one point for each ``spacing_mm`` ** 2 of area
    count : or that many points in all (give one of the two)
    seed : shifts the pattern

    The faces are laid in a row along a space-filling (Morton) curve and the row is cut into equal pieces of area, one
    point each: no patch of surface gets more than its share by chance, however large or small its triangles are. Within
    a face the points follow the R2 sequence (M. Roberts 2018, "The unreasonable effectiveness of quasirandom
    sequences"), folded into the triangle. Vertices are not among the points.
    """
    if (spacing_mm is None) == (count is None):
        raise ValueError("give either spacing_mm or count")
    areas = face_areas_mm2(mesh)
    total = float(areas.sum())
    if not total > 0:
        raise ValueError(f"a surface with an area is needed, got {len(mesh.faces)} faces of {total:g} mm^2")
    if spacing_mm is not None:
        if not (np.isfinite(spacing_mm) and spacing_mm > 0):
            raise ValueError(f"spacing_mm must be positive and finite, got {spacing_mm!r}")
        count = max(1, round(total / spacing_mm**2))
    if count is None or count < 1:
        raise ValueError(f"count must be at least 1, got {count!r}")
    shift = np.random.default_rng(seed).random(3)

    # one point in each piece of the row of faces
    order = _morton_order(mesh)
    along = np.cumsum(areas[order])
    target = (np.arange(count) + shift[0]) * (along[-1] / count)
    place = np.minimum(np.searchsorted(along, target, side="right"), int(np.flatnonzero(areas[order])[-1]))
    face = order[place]

    # where in its face
    plastic = 1.32471795724474602596  # root of x^3 = x + 1
    index = np.arange(count)
    u, v = np.mod(shift[1] + index / plastic, 1.0), np.mod(shift[2] + index / plastic**2, 1.0)
    beyond = u + v > 1.0
    u[beyond], v[beyond] = 1.0 - u[beyond], 1.0 - v[beyond]
    a, b, c = (mesh.vertices[corner] for corner in mesh.faces[face].T)
    points = a + u[:, None] * (b - a) + v[:, None] * (c - a)
    return PointCloud(points, face_normals(mesh)[face], mesh.frame)


def _morton_order(mesh: Mesh) -> Array:
    """The faces in the order of their centres along a Morton curve of 2^10 cells a side."""
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    low = centres.min(axis=0)
    extent = max(float((centres.max(axis=0) - low).max()), np.finfo(np.float64).tiny)
    cells = np.minimum((centres - low) * (1024 / extent), 1023).astype(np.uint64)
    code = np.zeros(len(cells), np.uint64)
    for axis in range(3):
        part = cells[:, axis]
        for step, mask in ((16, 0x030000FF), (8, 0x0300F00F), (4, 0x030C30C3), (2, 0x09249249)):
            part = (part | (part << np.uint64(step))) & np.uint64(mask)  # spread the bits, two gaps after each
        code |= part << np.uint64(axis)
    return np.argsort(code, kind="stable")
