"""The grid that both surfaces are made on: rows from heel to toe, columns from lateral to medial.

The underside's nodes lie in the outline. The top's nodes are the same ones moved outward near the edge, where the rim
is high: the wall between them leans as a foot and a shoe do. Columns crowd towards the edges, where the rim is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.types import Array
from insole.curves import step
from insole.outline import END_HALF_WIDTH_MM, Outline

#: distances of the columns nearest to an edge (mm): six on the rounded rim, then ever wider
EDGE_MM: Array = np.array([0.0, 0.05, 0.19, 0.41, 0.69, 1.0, 1.4, 1.9, 2.7, 3.9, 5.5])
FULL_EDGE_HALF_WIDTH_MM = 22.0  #: rows at least this wide have them all; narrower ones share out more evenly
ROWS_PER_COLUMN = 2.6
LEAN_DECAY_MM = 16.0  #: how far inward the outward shift of the top dies away
WAIST_FROM = (0.20, 0.30)  #: of the insole's length: ahead of the round heel
MIDDLE = 0.45  #: of the half-width


@dataclass(frozen=True, eq=False)
class Plan:
    """All (rows, columns): station ``xi``, position across ``v`` (−1 lateral … 1 medial), the underside's x, y and its
    inward distance ``depth`` from the outline with the outward direction ``nx``, ``ny``."""

    outline: Outline
    xi: Array
    v: Array
    x: Array
    y: Array
    depth: Array
    nx: Array
    ny: Array


def plan(outline: Outline, triangles: int) -> Plan:
    """A grid of about ``triangles`` triangles for both surfaces together."""
    cells = triangles / 4.0
    columns = max(int(np.sqrt(cells / ROWS_PER_COLUMN)) | 1, 2 * len(EDGE_MM) + 9)
    rows = max(int(cells / columns), 60)
    xi = _rows(outline, rows)
    centre, half2, _, _ = outline.at(xi)
    half = np.sqrt(half2)
    offset = _offsets(half, columns)
    v = offset / half[:, None]
    y = centre[:, None] + offset
    xi = np.repeat(xi[:, None], columns, axis=1)
    depth, nx, ny = outline.distance(xi, y)
    return Plan(outline, xi, v, outline.x_of(xi, y), y, depth, nx, ny)


def _rows(outline: Outline, rows: int) -> Array:
    """Stations evenly spaced along the longer of the two borders: close together at the round ends."""
    xi = outline.xi
    centre, half2, _, _ = outline.at(xi)
    half = np.sqrt(half2)
    longest = np.zeros(len(xi) - 1)
    for side in (-1.0, 1.0):
        y = centre + side * half
        longest = np.maximum(longest, np.hypot(np.diff(outline.x_of(xi, y)), np.diff(y)))
    along = np.concatenate([[0.0], np.cumsum(longest)])
    return np.interp(np.linspace(0.0, along[-1], rows), along, xi)


def _offsets(half: Array, columns: int) -> Array:
    """Signed distances of the columns from the middle line, (rows, columns), lateral to medial."""
    even = np.linspace(-1.0, 1.0, columns)[None, :] * half[:, None]
    inner = columns - 2 * len(EDGE_MM)
    reach = half - EDGE_MM[-1]
    between = np.linspace(-1.0, 1.0, inner + 2)[None, 1:-1] * reach[:, None]
    edge = half[:, None] - EDGE_MM[None, :]
    crowded = np.hstack([-edge, between, edge[:, ::-1]])
    share = np.clip((half - END_HALF_WIDTH_MM) / (FULL_EDGE_HALF_WIDTH_MM - END_HALF_WIDTH_MM), 0.0, 1.0)[:, None]
    return np.asarray((1.0 - share) * even + share * crowded)


def lean_out(grid: Plan, lean_mm: Array) -> tuple[Array, Array, Array]:
    """The top's x, y and inward distance from its own edge, when the edge moves ``lean_mm`` (rows, columns) outward."""
    t = np.clip(1.0 - grid.depth / LEAN_DECAY_MM, 0.0, 1.0)
    share = t * t * (3.0 - 2.0 * t)
    # a narrow waist has no place where the shift has died away, and no outward direction in its middle: nothing there
    behind = (grid.xi - grid.outline.start) / (grid.outline.end - grid.outline.start)
    waist = step(behind, *WAIST_FROM)
    moved = lean_mm * share * (1.0 - waist * (1.0 - step(np.abs(grid.v), 0.0, MIDDLE)))
    return grid.x + grid.nx * moved, grid.y + grid.ny * moved, grid.depth + lean_mm - moved
