"""Plane sections of a triangle mesh, exact: where a plane meets each triangle.

Written for the truth of synthetic feet and used by nothing that measures scans, so that the two can disagree.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull

from footscan.types import Array


def plane_segments(vertices: Array, faces: Array, point: Array, normal: Array) -> Array:
    """Segments (k, 2, 3) mm in which the plane through ``point`` (3,) with ``normal`` (3,) cuts the triangles.

    vertices (n, 3) mm, faces (m, 3). A vertex that lies in the plane counts as above it, so no segment comes twice.
    """
    n = np.asarray(normal, dtype=float)
    height = vertices @ n - float(np.dot(np.asarray(point, dtype=float), n))
    above = height >= 0.0
    up = above[faces[:, 0]], above[faces[:, 1]], above[faces[:, 2]]
    rows = np.flatnonzero((up[0] != up[1]) | (up[1] != up[2]))
    if not len(rows):
        return np.zeros((0, 2, 3))
    # turn each triangle so that its first corner is alone on its side
    u0, u1, u2 = (u[rows] for u in up)
    alone = np.where(u1 == u2, 0, np.where(u0 == u2, 1, 2))
    cut = faces[rows]
    rows = np.arange(len(cut))
    a, b, c = (cut[rows, (alone + k) % 3] for k in range(3))
    ends = []
    for other in (b, c):
        t = height[a] / (height[a] - height[other])
        ends.append(vertices[a] + t[:, None] * (vertices[other] - vertices[a]))
    return np.stack(ends, axis=1)


def in_plane(points: Array, point: Array, normal: Array, along: Array) -> Array:
    """Coordinates (n, 2) of points (n, 3) in the plane, first axis along ``along`` (3,)."""
    n = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
    u = np.asarray(along, dtype=float) - n * float(np.dot(along, n))
    u /= np.linalg.norm(u)
    return np.asarray((points - np.asarray(point, dtype=float)) @ np.stack([u, np.cross(n, u)], axis=1))


def hull_2d(points: Array) -> Array:
    """Corners (k, 2) of the convex hull of points (n, 2), counter-clockwise."""
    return np.asarray(points[ConvexHull(points).vertices])


def closed_length(polygon: Array) -> float:
    """Length of the closed line through the points (n, d)."""
    return float(np.linalg.norm(np.roll(polygon, -1, axis=0) - polygon, axis=1).sum())


def hull_perimeter(segments: Array, point: Array, normal: Array, along: Array) -> float:
    """Length in mm of a taut tape around the segments (k, 2, 3) of one plane."""
    return closed_length(hull_2d(in_plane(segments.reshape(-1, 3), point, normal, along)))


def raw_perimeter(segments: Array) -> float:
    """Sum in mm of the lengths of segments (k, 2, 3)."""
    return float(np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1).sum())


def station(vertices: Array, faces: Array, x_mm: float) -> Array:
    """Segments (k, 2, 3) of the section at right angles to the foot axis at ``x_mm``."""
    return plane_segments(vertices, faces, np.array([x_mm, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]))


def level(vertices: Array, faces: Array, z_mm: float) -> Array:
    """Segments (k, 2, 3) of the horizontal section at ``z_mm``."""
    return plane_segments(vertices, faces, np.array([0.0, 0.0, z_mm]), np.array([0.0, 0.0, 1.0]))


def loops(segments: Array, tolerance_mm: float = 1e-6) -> list[Array]:
    """Closed lines (k, 3) joined from segments (n, 2, 3), the longest first; open ends are left as they are."""
    if not len(segments):
        return []
    keys = np.round(segments.reshape(-1, 3) / tolerance_mm).astype(np.int64)
    _, first, ids = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    points = segments.reshape(-1, 3)[first]
    pairs = ids.reshape(-1, 2)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    links: dict[int, list[int]] = {}
    for a, b in pairs.tolist():
        links.setdefault(a, []).append(b)
        links.setdefault(b, []).append(a)
    found: list[Array] = []
    while links:
        here = next(iter(links))
        chain = [here]
        while links.get(here):
            there = links[here].pop()
            back = links[there]
            back.remove(here)
            if not links[here]:
                del links[here]
            if not back:
                del links[there]
            chain.append(there)
            here = there
        links.pop(here, None)
        if chain[0] == chain[-1]:
            chain = chain[:-1]
        if len(chain) > 2:
            found.append(points[chain])
    return sorted(found, key=closed_length, reverse=True)


def clip_below(segments: Array, axis: int, limit: float) -> Array:
    """The parts (k, 2, 3) of segments (n, 2, 3) whose coordinate ``axis`` is at most ``limit``, cut there exactly."""
    kept = segments[(segments[..., axis] <= limit).any(axis=1)].copy()
    for end in (0, 1):
        over = kept[:, end, axis] > limit
        a, b = kept[over, 1 - end], kept[over, end]
        t = (limit - a[:, axis]) / (b[:, axis] - a[:, axis])
        kept[over, end] = a + t[:, None] * (b - a)
    return kept


def below(segments: Array, z_mm: float) -> Array:
    """The parts (k, 2, 3) of segments (n, 2, 3) that lie under ``z_mm``."""
    return clip_below(segments, 2, z_mm)


def clip_triangles(triangles: Array, axis: int, limit: float, keep_above: bool = False) -> Array:
    """The parts (k, 3, 3) of triangles (n, 3, 3) on one side of a plane across an axis, winding kept."""
    sign = -1.0 if keep_above else 1.0
    inside = sign * triangles[..., axis] <= sign * limit
    count = inside.sum(axis=1)
    parts = [triangles[count == 3]]
    for n in (1, 2):
        some = triangles[count == n]
        if not len(some):
            continue
        inner = inside[count == n]
        alone = inner.argmax(axis=1) if n == 1 else (~inner).argmax(axis=1)
        rows = np.arange(len(some))
        a, b, c = (some[rows, (alone + k) % 3] for k in range(3))
        ab = a + ((limit - a[:, axis]) / (b[:, axis] - a[:, axis]))[:, None] * (b - a)
        ac = a + ((limit - a[:, axis]) / (c[:, axis] - a[:, axis]))[:, None] * (c - a)
        if n == 1:
            parts.append(np.stack([a, ab, ac], axis=1))
        else:
            parts += [np.stack([ab, b, c], axis=1), np.stack([ab, c, ac], axis=1)]
    return np.concatenate(parts)


def volume_below(vertices: Array, faces: Array, z_mm: float, x_from: float = -np.inf, x_to: float = np.inf) -> float:
    """Volume in mm^3 of a closed mesh under a height and between two stations.

    Gauss with the field (0, 0, z - z_mm): no flux through the planes x = const, none through the lid at ``z_mm``.
    """
    triangles = clip_triangles(vertices[faces], 2, z_mm)
    if np.isfinite(x_to):
        triangles = clip_triangles(triangles, 0, x_to)
    if np.isfinite(x_from):
        triangles = clip_triangles(triangles, 0, x_from, keep_above=True)
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    area_z = 0.5 * ((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1]))
    return float((area_z * (triangles[..., 2].mean(axis=1) - z_mm)).sum())
