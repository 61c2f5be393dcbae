"""A design -> one closed mesh: top, underside and the wall between them, watertight by construction."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from footscan.types import Array, Mesh
from insole.engraving import MIRROR, engrave
from insole.types import InsoleDesign

WALL_ROWS = 3  #: strips of the wall between underside and rim


def solid(design: InsoleDesign) -> Mesh:
    """The printable solid in the foot frame: mm, a left insole mirrored back, the bed's lowest point at z = 0."""
    mirror = MIRROR[design.side]
    top, bottom = design.top_mm * mirror, design.bottom_mm * mirror
    bottom[..., 2] += engrave(design)  # after the mirror: text stays readable
    rows, columns = top.shape[:2]
    border = _border(rows, columns)
    low, high = bottom.reshape(-1, 3)[border], top.reshape(-1, 3)[border]
    between = [low + (high - low) * (k / WALL_ROWS) for k in range(1, WALL_ROWS)]
    vertices = np.concatenate([top.reshape(-1, 3), bottom.reshape(-1, 3), *between])
    faces = _faces(rows, columns, border)
    if design.side == "left":
        faces = faces[:, ::-1]
    return Mesh(np.round(vertices, 3) + 0.0, faces, "foot")


def _border(rows: int, columns: int) -> Array:
    """Indices of the grid's border, counter-clockwise seen from above (rows along x, columns along y)."""
    index = np.arange(rows * columns).reshape(rows, columns)
    return np.concatenate([index[:-1, 0], index[-1, :-1], index[:0:-1, -1], index[0, :0:-1]])


def _faces(rows: int, columns: int, border: Array) -> Array:
    """Triangles of top, underside and wall; outward normals."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel(), index[:-1, 1:].ravel()
    up = np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])])
    down = up[:, ::-1] + rows * columns
    n = len(border)
    rings = [border + rows * columns]
    rings += [2 * rows * columns + k * n + np.arange(n) for k in range(WALL_ROWS - 1)]
    rings += [border]
    walls = []
    for lower, upper in pairwise(rings):
        lower_next, upper_next = np.roll(lower, -1), np.roll(upper, -1)
        walls += [np.column_stack([lower, lower_next, upper_next]), np.column_stack([lower, upper_next, upper])]
    return np.concatenate([up, down, *walls])
