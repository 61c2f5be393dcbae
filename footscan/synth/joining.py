"""Body and toes as one watertight skin, with soft clefts where they meet."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.spatial import cKDTree

from footscan.types import Array

CLEFT_MM = 7.0  #: reach of the smoothing to either side of a cleft
CLEFT_ROUNDS = 16


def join(parts: list[tuple[Array, Array]], leg_mm: float, front_mm: float) -> tuple[Array, Array]:
    """One watertight mesh (n, 3), (m, 3) out of overlapping closed ones, cut flat at the leg's top; clefts are softened
    ahead of ``front_mm`` only."""
    from manifold3d import Manifold, Mesh64, OpType

    solids = [Manifold(Mesh64(v, f.astype(np.uint64))) for v, f in parts]
    whole = Manifold.batch_boolean(solids, OpType.Add) if len(solids) > 1 else solids[0]
    out = whole.trim_by_plane((0.0, 0.0, -1.0), -leg_mm).to_mesh64()
    vertices = np.array(out.vert_properties[:, :3])
    faces = np.array(out.tri_verts).astype(np.int64)
    if len(solids) == 1:
        return vertices, faces
    # which solid each triangle came from: clefts run where two of them meet
    runs = np.asarray(out.run_index, dtype=np.int64) // 3
    origin = np.repeat(np.asarray(out.run_original_id, dtype=np.int64), np.diff(runs))
    first, last = np.full(len(vertices), np.iinfo(np.int64).max), np.full(len(vertices), -1)
    np.minimum.at(first, faces, origin[:, None])
    np.maximum.at(last, faces, origin[:, None])
    cleft = (first != last) & (vertices[:, 2] < leg_mm - 1.0)
    return soften(vertices, faces, vertices[cleft], front_mm), faces


def soften(vertices: Array, faces: Array, cleft: Array, front_mm: float) -> Array:
    """Vertices (n, 3) drawn towards their neighbours' mean near the points of a cleft (k, 3), not at all farther than
    ``CLEFT_MM`` nor behind ``front_mm``; never below the floor."""
    distance = cKDTree(cleft).query(vertices, distance_upper_bound=CLEFT_MM)[0]
    moving = np.flatnonzero(np.isfinite(distance) & (vertices[:, 0] > front_mm))
    edges = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    place = np.full(len(vertices), -1)
    place[moving] = np.arange(len(moving))
    edges = edges[place[edges[:, 0]] >= 0]  # each edge comes once in each direction: a closed mesh
    places = place[edges[:, 0]], edges[:, 1]
    graph = coo_matrix((np.ones(len(edges)), places), shape=(len(moving), len(vertices))).tocsr()
    count = np.asarray(graph.sum(axis=1)).ravel()
    weight: Array = 0.6 * np.square(1.0 - np.square(np.asarray(distance)[moving] / CLEFT_MM))[:, None]
    weight *= np.clip((vertices[moving, 0:1] - front_mm) / (2.0 * CLEFT_MM), 0.0, 1.0)
    moved = vertices.copy()
    for _ in range(CLEFT_ROUNDS):
        moved[moving] += weight * (graph @ moved / count[:, None] - moved[moving])
    moved[:, 2] = np.maximum(moved[:, 2], 0.0)
    return moved
