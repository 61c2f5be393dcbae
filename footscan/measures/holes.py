"""Holes in the skin: where a scan shows nothing, how wide, and in which region of the foot.

A point at the rim of a hole has neighbours on one side only. Rims that close around an empty place are holes; the rim
of the leg's cut is not, nor is that of a sole that was not scanned at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from footscan.scans.clean import clusters, voxel_grid
from footscan.types import Array

SPACING_MM = 4.0
NEIGHBOURS = 16
LOPSIDED = 0.2  #: the neighbours' middle lies so far from a rim point, as a share of their reach
RIM_GAP_DEG = 115.0  #: a point at the rim sees no neighbour within such an angle
SMALLEST_MM = 11.0  #: narrower gaps are what a scanner leaves between toes
FEWEST_RIM = 12  #: rim points around the smallest hole
TOE_RIM = 16  #: rim points among the toes that make a hole; a good scan has up to 10
TOP_MM = 14.0  #: so near below the leg's cut a rim belongs to the cut


@dataclass(frozen=True, eq=False)
class Hole:
    """``centre`` (3,) mm in the foot frame, ``width_mm`` across, ``region``: heel, medial, lateral, dorsum, sole, toes
    or ankle."""

    centre: Array
    width_mm: float
    region: str


def find_holes(points: Array, length: float, density_per_cm2: float) -> tuple[Hole, ...]:
    """Holes of the skin under ``points`` (n, 3) mm (foot frame, medial +y), widest first."""
    # stage 1: an even, thin cloud
    spacing = max(SPACING_MM, 22.0 / float(np.sqrt(max(density_per_cm2, 1.0))))
    p, _ = voxel_grid(points, spacing)
    if len(p) < 4 * NEIGHBOURS:
        return ()
    tree = cKDTree(p)
    distance, index = (np.asarray(part) for part in tree.query(p, k=NEIGHBOURS + 1))
    # stage 2: rim points
    q = p[index[:, 1:]] - p[:, None]
    middle = q.mean(axis=1)
    lopsided = np.einsum("ni,ni->n", middle, middle) > (LOPSIDED * distance[:, -1]) ** 2
    near = distance[:, 4] < 2.2 * spacing  # no speck
    some = np.flatnonzero(lopsided & near & ~_at_the_cut(p, length))
    if len(some) < 5:
        return ()
    own = q[some] - middle[some, None]
    _, axes = np.linalg.eigh(np.einsum("nki,nkj->nij", own, own))
    u, v = (np.einsum("nki,ni->nk", q[some], axes[:, :, k]) for k in (2, 1))
    angle = np.sort(np.arctan2(v, u))
    gap = np.diff(np.concatenate([angle, angle[:, :1] + 2 * np.pi], axis=1), axis=1).max(axis=1)
    rim = gap > np.radians(RIM_GAP_DEG)
    if rim.sum() < 5:
        return ()
    # stage 3: rims that close around an empty place
    edge, normal = p[some[rim]], axes[rim, :, 0]
    label = clusters(edge, reach_mm=2.0 * spacing)
    found = []
    for k in range(int(label.max()) + 1):
        ring = edge[label == k]
        if len(ring) < 5:
            continue
        centre = (ring.min(axis=0) + ring.max(axis=0)) / 2
        width = 2.0 * float(np.mean(np.linalg.norm(ring - ring.mean(axis=0), axis=1)))
        empty = float(np.linalg.norm(p - ring.mean(axis=0), axis=1).min())
        closed = width >= SMALLEST_MM and len(ring) >= FEWEST_RIM and empty > 0.22 * width
        # where toes are missing the rim runs over several of them, around no one place
        toeless = len(ring) >= TOE_RIM and width >= SMALLEST_MM and float(np.mean(ring[:, 0] > 0.8 * length)) > 0.7
        if closed or toeless:
            found.append(Hole(centre, width, region_of(centre, normal[label == k], length)))
    return tuple(sorted(found, key=lambda hole: -hole.width_mm))


def _at_the_cut(p: Array, length: float) -> Array:
    """True (n,) near the upper end of the leg (or of the foot, where the leg is not there)."""
    middle = np.array([0.22 * length, 0.0])
    d = p[:, :2] - middle
    sector = ((np.arctan2(d[:, 1], d[:, 0]) + np.pi) / (2 * np.pi) * 24).astype(np.int64) % 24
    leg = p[:, 0] < 0.5 * length
    top = np.full(24, -np.inf)
    np.maximum.at(top, sector[leg], p[leg, 2])
    top = np.minimum(top, float(p[:, 2].max()))
    return np.asarray(leg & (p[:, 2] > top[sector] - TOP_MM) & (p[:, 2] > 0.2 * length))


def region_of(centre: Array, normals: Array, length: float) -> str:
    """The region of a place (3,) on the foot, its unit normals (k, 3) of either sign."""
    x, y, z = centre / length
    aside, upright = (float(np.mean(np.abs(normals[:, k]))) for k in (1, 2))
    if x > 0.80:
        return "toes"
    if upright > 0.6 and z < 0.12:
        return "sole"
    if z > 0.26 and x < 0.5:
        return "ankle"
    if x < 0.10:
        return "heel"
    if upright > aside and z > 0.12:
        return "dorsum"
    return "medial" if y > 0.0 else "lateral"
