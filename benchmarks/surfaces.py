"""Triangle meshes made smooth, cut level, searched for hills: what the base feet are made with."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from footscan.types import Array


def welded(triangles: Array) -> tuple[Array, Array]:
    """Vertices (n, 3) in the order of their first appearance, faces (m, 3), of a triangle soup (m, 3, 3)."""
    flat = triangles.reshape(-1, 3)
    _, first, ids = np.unique(np.round(flat, 7), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    faces = rank[ids.reshape(-1)].reshape(-1, 3)
    proper = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return flat[first[order]], faces[proper]


def edges_of(faces: Array) -> tuple[Array, Array, Array]:
    """Unique edges (e, 2), the edge of each side (3 m,) of the faces (01, 12, 20 in turn), faces an edge has (e,)."""
    sides = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges, ids, count = np.unique(sides, axis=0, return_inverse=True, return_counts=True)
    return edges, ids.reshape(-1), count


def loop_operator(faces: Array, n: int) -> tuple[csr_matrix, Array]:
    """One round of Loop's subdivision: matrix (n + edges, n) from old to new vertices, new faces (4 m, 3).

    Loop 1987, Smooth Subdivision Surfaces Based on Triangles; the masks of Warren's simpler weights. Borders follow
    the cubic spline of their own points.
    """
    edges, ids, count = edges_of(faces)
    e = len(edges)
    inner = count == 2
    # new points on the edges: 3/8 of both ends, 1/8 of both opposite corners; at a border the middle
    sides = ids.reshape(-1, 3)
    opposite = np.stack([faces[:, 2], faces[:, 0], faces[:, 1]], axis=1)
    rows = [n + np.repeat(np.arange(e), 2), (n + sides)[inner[sides]]]
    cols = [edges.reshape(-1), opposite[inner[sides]]]
    vals = [np.repeat(np.where(inner, 3 / 8, 1 / 2), 2), np.full(int(inner[sides].sum()), 1 / 8)]
    # old points: pulled towards their neighbours
    valence = np.bincount(edges.reshape(-1), minlength=n)
    border = np.bincount(edges[count == 1].reshape(-1), minlength=n)
    beta = np.where(valence == 3, 3 / 16, 3 / (8 * np.maximum(valence, 1)))
    plain = border == 0
    own = np.where(plain, 1 - valence * beta, np.where(border == 2, 3 / 4, 1.0))
    rows.append(np.arange(n))
    cols.append(np.arange(n))
    vals.append(own)
    for a, b in ((0, 1), (1, 0)):
        there, other = edges[:, a], edges[:, b]
        keep = plain[there]
        rows.append(there[keep])
        cols.append(other[keep])
        vals.append(beta[there[keep]])
        keep = (count == 1) & (border[there] == 2)
        rows.append(there[keep])
        cols.append(other[keep])
        vals.append(np.full(int(keep.sum()), 1 / 8))
    matrix = coo_matrix((np.concatenate(vals), (np.concatenate(rows), np.concatenate(cols))), shape=(n + e, n)).tocsr()
    m01, m12, m20 = (n + sides[:, k] for k in range(3))
    a, b, c = faces.T
    new = [(a, m01, m20), (m01, b, m12), (m20, m12, c), (m01, m12, m20)]
    return matrix, np.concatenate([np.stack(t, axis=1) for t in new])


def subdivided(vertices: Array, faces: Array, rounds: int) -> tuple[Array, Array]:
    """The smooth surface of a coarse mesh."""
    for _ in range(rounds):
        matrix, faces = loop_operator(faces, len(vertices))
        vertices = matrix @ vertices
    return vertices, faces


def cut_level(vertices: Array, faces: Array, z_mm: float) -> tuple[Array, Array, Array, Array]:
    """The part of a mesh under a height: vertices (n, 3 or more: further columns are carried along), faces, the
    vertices (k,) of the edge of the cut in order around, and which old vertex each is (n,), -1 for the edge's own."""
    above = vertices[:, 2] > z_mm
    faces = faces[~above[faces].all(axis=1)]
    whole, crossed = faces[~above[faces].any(axis=1)], faces[above[faces].any(axis=1)]
    alone_above = above[crossed].sum(axis=1) == 1
    alone = np.where(alone_above, above[crossed].argmax(axis=1), (~above[crossed]).argmax(axis=1))
    rows = np.arange(len(crossed))
    a, b, c = (crossed[rows, (alone + k) % 3] for k in range(3))
    pairs = np.sort(np.concatenate([np.stack([a, b], axis=1), np.stack([a, c], axis=1)]), axis=1)
    unique, ids = np.unique(pairs, axis=0, return_inverse=True)
    p, q = vertices[unique[:, 0]], vertices[unique[:, 1]]
    t = (z_mm - p[:, 2]) / (q[:, 2] - p[:, 2])
    cuts = p + t[:, None] * (q - p)
    cuts[:, 2] = z_mm
    n = len(vertices)
    ab, ac = n + ids.reshape(2, -1)
    up, low = alone_above, ~alone_above
    parts = [
        whole,
        np.stack([ab, b, c], axis=1)[up],
        np.stack([ab, c, ac], axis=1)[up],
        np.stack([a, ab, ac], axis=1)[low],
    ]
    faces = np.concatenate(parts)
    vertices = np.vstack([vertices, cuts])
    # the edge of the cut, in the direction in which a wall above it must run
    ring = dict(zip(np.where(up, ab, ac).tolist(), np.where(up, ac, ab).tolist()))
    start = here = next(iter(ring))
    loop = [start]
    while (here := ring[here]) != start:
        loop.append(here)
    used = np.unique(faces)
    rank = np.full(len(vertices), -1, dtype=np.int64)
    rank[used] = np.arange(len(used))
    old = np.where(used < n, used, -1)
    return vertices[used], rank[faces], rank[np.array(loop)], old


def hills(height: Array, among: Array, links: csr_matrix) -> dict[int, float]:
    """The hilltops of a height (n,) on the skin ``among`` (k,) its vertices: vertex -> how far it rises above the
    pass to a higher one (the highest: infinity). ``links``: which vertices are neighbours."""
    root: dict[int, int] = {}
    rise: dict[int, float] = {}

    def find(k: int) -> int:
        while root[k] != k:
            root[k] = root[root[k]]
            k = root[k]
        return k

    for k in among[np.argsort(-height[among], kind="stable")].tolist():
        near = {find(j) for j in neighbours(links, k) if j in root}
        top = max(near, key=lambda r: (height[r], r), default=k)
        root[k] = top
        for other in near - {top}:  # here two hills meet: the lower one ends
            rise[other] = float(height[other] - height[k])
            root[other] = top
        if not near:
            rise[k] = np.inf
    return rise


def links_of(faces: Array) -> csr_matrix:
    """Which vertices are neighbours."""
    edges = edges_of(faces)[0]
    both = np.vstack([edges, edges[:, ::-1]]).T
    return coo_matrix((np.ones(both.shape[1]), (both[0], both[1]))).tocsr()


def neighbours(links: csr_matrix, k: int) -> list[int]:
    found: list[int] = links.indices[links.indptr[k] : links.indptr[k + 1]].tolist()
    return found
