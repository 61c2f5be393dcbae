"""Sensor cells as shapes on a page: their corners, the borders of regions, the sensor's outline, isobars.

Cells whose places are not known in mm ("arbitrary") get a schematic place in an insole's outline, or a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import interpolate, ndimage, spatial

from footscan.pressure.layouts import pedar_layout
from footscan.types import Array, SensorLayout, Side, frozen_array

SCHEMATIC_MM = (255.0, 92.0)  #: length and width of the insole in which cells without places in mm are shown
FEWEST_FOR_ISOBARS = 20  #: cells; fewer say too little of what lies between them
FINE = 6  #: points a cell on which isobars are looked for
MESH_MM = 2.0  #: the same, of cells without a grid
SOFT = 0.6  #: and how much it is smoothed, in cells
RIM_MM = 1.0  #: how finely a sensor's rim is followed


@dataclass(frozen=True, eq=False)
class Field:
    """A smooth surface through the cells: x, y (rows, columns) in the sensor's frame, z with NaN off the sensor."""

    x: Array
    y: Array
    z: Array


# ------------------------------------------------------------------ shapes


def cell_polygons(layout: SensorLayout, side: Side = "unknown") -> Array:
    """Corners (cells, k, 2) mm of each cell: as known, else rectangles of the grid's pitch, else squares; schematic,
    in an insole of that side, where positions are arbitrary."""
    if layout.corners_mm is not None:
        return layout.corners_mm * _display_scale(layout)
    if layout.positions == "arbitrary":
        return schematic_polygons(layout, side)
    if layout.shape is not None:
        size = np.array([_pitch(layout.xy_mm[:, axis]) for axis in (0, 1)])
        sizes = np.broadcast_to(size, layout.xy_mm.shape)
    elif layout.area_mm2 is not None:
        sizes = np.repeat(np.sqrt(layout.area_mm2)[:, None], 2, axis=1)
    else:
        sizes = np.full(layout.xy_mm.shape, 0.8 * _gap(layout.xy_mm) if len(layout.xy_mm) > 1 else 10.0)
    square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    return np.asarray(layout.xy_mm[:, None] + square * sizes[:, None])


def _display_scale(layout: SensorLayout) -> float:
    """1 for mm; else what makes corners in a unit of their own as long as an insole."""
    if layout.positions == "mm" or layout.corners_mm is None:
        return 1.0
    return SCHEMATIC_MM[0] / max(float(np.ptp(layout.corners_mm[..., 0])), 1e-9)


def _pitch(places: Array) -> float:
    steps = np.diff(np.unique(np.round(places, 3)))
    return float(np.median(steps)) if len(steps) else 10.0


def _gap(xy: Array) -> float:
    """The median distance to the nearest other cell."""
    apart = np.linalg.norm(xy[:, None] - xy, axis=2) + np.diag(np.full(len(xy), np.inf))
    return float(np.median(apart.min(axis=1)))


def schematic_polygons(layout: SensorLayout, side: Side) -> Array:
    """Corners (cells, k, 2) mm for cells at arbitrary positions.

    Cells on one line: a column of discs. Cells that cover a sole (areas known, or no more than four zones): each the
    part of an insole that is nearest to it. Else discs at their places in an insole.
    """
    xy = layout.xy_mm
    turn = np.linspace(0.0, 2.0 * np.pi, 28, endpoint=False)
    disc = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    if on_a_line(layout):
        step = SCHEMATIC_MM[0] / max(len(xy), 4)
        centres = np.column_stack([(np.arange(len(xy)) + 0.5) * step, np.zeros(len(xy))])
        return np.asarray(centres[:, None] + 0.42 * step * disc)
    centres = schematic_centres(layout)
    if layout.area_mm2 is None and len(xy) > 4:
        return np.asarray(centres[:, None] + 0.38 * _gap(centres) * disc)
    outline = insole_outline(side != "left")
    parts = [_nearest_part(outline, centres, k) for k in range(len(centres))]
    longest = max(map(len, parts))
    return np.stack([np.concatenate([p, np.repeat(p[-1:], longest - len(p), axis=0)]) for p in parts])


def schematic_centres(layout: SensorLayout) -> Array:
    """Cell centres (cells, 2) mm in an insole of `SCHEMATIC_MM`. Fractions of length and width (0 … 1, ± 0.5) are
    taken as such; other units are spread over the middle of the insole."""
    xy, size = layout.xy_mm, np.array(SCHEMATIC_MM)
    if xy[:, 0].min() >= 0.0 and xy[:, 0].max() <= 1.0 and np.abs(xy[:, 1]).max() <= 0.5:
        return np.asarray(xy * size)
    low, high = xy.min(axis=0), xy.max(axis=0)
    return np.asarray((xy - low) / np.maximum(high - low, 1e-9) * size * [0.76, 0.46] + size * [0.12, -0.23])


def is_schematic(layout: SensorLayout) -> bool:
    """Whether cells are drawn at places that are not theirs in mm."""
    return layout.positions == "arbitrary"


def on_a_line(layout: SensorLayout) -> bool:
    """Whether arbitrary positions say no more than an order."""
    across, along = np.ptp(layout.xy_mm[:, 1]), np.ptp(layout.xy_mm[:, 0])
    return len(layout.xy_mm) < 3 or bool(across < 1e-6 * max(along, 1e-6))


@cache
def insole_outline(medial_left: bool) -> Array:
    """The rim (n, 2) mm of an insole of `SCHEMATIC_MM`, counter-clockwise, smooth: that of the pedar sensors, whose
    shape is published, scaled. x from the heel, y to the wearer's left; a right insole has its medial side left."""
    soft = max(outline_rings(np.asarray(pedar_layout("y", "right").corners_mm)), key=len)
    low, high = soft.min(axis=0), soft.max(axis=0)
    unit = (soft - [low[0], 0.5 * (low[1] + high[1])]) / (high - low)
    placed = unit * SCHEMATIC_MM * (np.array([1.0, 1.0]) if medial_left else np.array([1.0, -1.0]))
    area = 0.5 * float(np.sum(placed[:, 0] * np.roll(placed[:, 1], -1) - placed[:, 1] * np.roll(placed[:, 0], -1)))
    return frozen_array("outline", placed if area > 0 else placed[::-1], np.float64, (None, 2))


def _nearest_part(outline: Array, centres: Array, own: int) -> Array:
    """The part of a closed polygon (n, 2) that is nearer to one centre than to all others."""
    part = outline
    for k, other in enumerate(centres):
        if k == own:
            continue
        middle, away = 0.5 * (centres[own] + other), other - centres[own]
        part = _clipped(part, (part - middle) @ away)
    return part if len(part) else np.repeat(centres[own][None], 3, axis=0)


def _clipped(polygon: Array, beyond: Array) -> Array:
    """The part of a polygon (n, 2) where ``beyond`` (n,), linear in place, is not above 0."""
    kept = []
    for k, (p, d) in enumerate(zip(polygon, beyond)):
        q, e = polygon[(k + 1) % len(polygon)], beyond[(k + 1) % len(polygon)]
        if d <= 0:
            kept.append(p)
        if (d <= 0) != (e <= 0):
            kept.append(p + (q - p) * d / (d - e))
    return np.array(kept).reshape(-1, 2)


def centroids(polygons: Array) -> Array:
    """The middles (cells, 2) of the areas of polygons (cells, k, 2)."""
    ahead = np.roll(polygons, -1, axis=1)
    turn = polygons[..., 0] * ahead[..., 1] - ahead[..., 0] * polygons[..., 1]
    total = turn.sum(axis=1, keepdims=True)
    middle = ((polygons + ahead) * turn[..., None]).sum(axis=1) / np.where(total == 0, 1.0, 3.0 * total)
    return np.asarray(np.where(np.abs(total) > 1e-9, middle, polygons.mean(axis=1)))


# ------------------------------------------------------------------ borders


def region_borders(polygons: Array, labels: Array) -> Array:
    """Edges (n, 2, 2) of convex cells (cells, k, 2) between different regions, and between a region and no cell."""
    count, corners = polygons.shape[:2]
    edges = np.stack([polygons, np.roll(polygons, -1, axis=1)], axis=2).reshape(-1, 2, 2)
    of = np.repeat(np.arange(count), corners)
    ends = np.round(edges * 20.0).astype(np.int64)  # corners that agree to 0.05 mm are one
    swap = (ends[:, 0, 0] > ends[:, 1, 0]) | ((ends[:, 0, 0] == ends[:, 1, 0]) & (ends[:, 0, 1] > ends[:, 1, 1]))
    ends[swap] = ends[swap][:, ::-1]
    _, first, name = np.unique(ends.reshape(-1, 4), axis=0, return_index=True, return_inverse=True)
    name = name.ravel()
    low, high = np.full(len(first), 10**6), np.full(len(first), -2)
    np.minimum.at(low, name, labels[of])
    np.maximum.at(high, name, labels[of])
    # an edge that no other cell has as a whole: what lies just behind it?
    alone = np.flatnonzero((np.bincount(name, minlength=len(first)) == 1) & (high >= 0))
    own = of[first[alone]]
    middle = edges[first[alone]].mean(axis=1)
    away = middle - polygons[own].mean(axis=1)
    behind = _label_at(polygons, labels, middle + 0.3 * away / np.linalg.norm(away, axis=1, keepdims=True))
    border = (high >= 0) & (low != high)
    border[alone] = behind != labels[own]
    return np.asarray(edges[first[border]])


def _label_at(polygons: Array, labels: Array, points: Array) -> Array:
    """Label (n,) of the convex cell that each point (n, 2) lies in, -1 in none."""
    inside_left = np.ones((len(points), len(polygons)), dtype=bool)
    inside_right = inside_left.copy()
    for k in range(polygons.shape[1]):
        p, q = polygons[:, k], polygons[:, (k + 1) % polygons.shape[1]]
        e = q - p
        turn = e[:, 0] * (points[:, None, 1] - p[:, 1]) - e[:, 1] * (points[:, None, 0] - p[:, 0])
        inside_left &= turn >= 0
        inside_right &= turn <= 0
    inside = inside_left | inside_right
    return np.where(inside.any(axis=1), labels[inside.argmax(axis=1)], -1)


def outline_rings(polygons: Array) -> list[Array]:
    """The rims (n, 2) of convex cells (cells, k, 2) taken together, each a closed polygon whose first point is not
    repeated; corners are rounded by a millimetre or two."""
    import contourpy

    origin, covered = _covered(polygons)
    soft = ndimage.gaussian_filter(covered.astype(np.float64), 1.6 / RIM_MM)
    lines = contourpy.contour_generator(z=soft).lines(0.5)
    return [np.asarray(line)[:-1, ::-1] * RIM_MM + origin for line in lines if len(line) > 8]


def _covered(polygons: Array) -> tuple[Array, Array]:
    """Where the convex cells are: (2,) the first point of a mesh of `RIM_MM`, and whether each point is in a cell."""
    low = polygons.min(axis=(0, 1)) - 6.0
    size = np.ceil((polygons.max(axis=(0, 1)) + 6.0 - low) / RIM_MM).astype(np.int64) + 1
    covered = np.zeros(size, dtype=bool)
    for corners in polygons:
        first = np.maximum(np.floor((corners.min(axis=0) - low) / RIM_MM).astype(np.int64), 0)
        last = np.ceil((corners.max(axis=0) - low) / RIM_MM).astype(np.int64) + 1
        x = (np.arange(first[0], last[0]) * RIM_MM + low[0])[:, None]
        y = (np.arange(first[1], last[1]) * RIM_MM + low[1])[None]
        one_way = other_way = np.ones((x.size, y.size), dtype=bool)
        for p, q in zip(corners, np.roll(corners, -1, axis=0)):
            turn = (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])
            one_way, other_way = one_way & (turn >= -1e-6), other_way & (turn <= 1e-6)
        covered[first[0] : last[0], first[1] : last[1]] |= one_way | other_way
    return low, covered


# ------------------------------------------------------------------ isobars


def smooth_field(layout: SensorLayout, values: Array) -> Field | None:
    """A smooth surface through values (cells,) for isobars, never outside of the sensor; None for few cells, for cells
    at arbitrary positions and for grids that are not even.

    Grids: cubic splines, cells that the sensor lacks taken from their nearest neighbour. Others: the value
    of the nearest cell, smoothed over six tenths of a cell.
    """
    if layout.positions != "mm" or len(layout.xy_mm) < FEWEST_FOR_ISOBARS or not np.isfinite(values).all():
        return None
    if layout.shape is not None and layout.index is not None:
        return _grid_field(layout.xy_mm, layout.index, layout.shape, values)
    return _scattered_field(layout, values)


def values_at(layout: SensorLayout, values: Array, points: Array) -> Array:
    """Values (cells,) at places (…, 2) mm: linear between the cells of an even grid, else that of the nearest cell;
    0 off the sensor."""
    if layout.shape is not None and layout.index is not None:
        row, column = layout.index // layout.shape[1], layout.index % layout.shape[1]
        place = _even_grid(layout.xy_mm, row, column)
        if place is not None:
            image = np.zeros(layout.shape)
            image[row, column] = values
            at = (points - place[0]) @ np.linalg.inv(place[1:])
            return np.asarray(ndimage.map_coordinates(image, np.moveaxis(at, -1, 0), order=1, cval=0.0))
    away, nearest = spatial.cKDTree(layout.xy_mm).query(points)
    return np.where(away <= _gap(layout.xy_mm), values[nearest], 0.0)


def _even_grid(xy: Array, row: Array, column: Array) -> Array | None:
    """(3, 2): x, y of row 0 and column 0, a step to the next row, to the next column; None where steps differ, as
    between tiles, and for single rows."""
    if np.ptp(row) < 2 or np.ptp(column) < 2:
        return None
    known = np.column_stack([np.ones(len(row)), row, column])
    place = np.linalg.lstsq(known, xy, rcond=None)[0]
    even = np.abs(known @ place - xy).max() <= 0.15 * np.abs(place[1:]).max()
    return np.asarray(place) if even else None


def _grid_field(xy: Array, index: Array, shape: tuple[int, int], values: Array) -> Field | None:
    row, column = index // shape[1], index % shape[1]
    place = _even_grid(xy, row, column)
    if place is None:
        return None
    origin, low = np.array([row.min(), column.min()]), (row.min(), column.min())
    size = (int(np.ptp(row)) + 1, int(np.ptp(column)) + 1)
    image, missing = np.zeros(size), np.ones(size, dtype=bool)
    image[row - low[0], column - low[1]] = values
    missing[row - low[0], column - low[1]] = False
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    full = np.pad(image[tuple(nearest)], 1, mode="edge")
    r, c = ((np.arange(n * FINE + 1) / FINE - 0.5) for n in size)
    spline = interpolate.RectBivariateSpline(np.arange(-1.0, size[0] + 1), np.arange(-1.0, size[1] + 1), full)
    fine_r, fine_c = np.meshgrid(r, c, indexing="ij")
    z = np.clip(spline(r, c), full.min(), full.max())
    of_r = np.clip(np.rint(fine_r), 0, size[0] - 1).astype(np.int64)
    of_c = np.clip(np.rint(fine_c), 0, size[1] - 1).astype(np.int64)
    z[missing[of_r, of_c]] = np.nan
    x, y = (place[0, k] + (fine_r + origin[0]) * place[1, k] + (fine_c + origin[1]) * place[2, k] for k in (0, 1))
    return Field(x, y, z)


def _scattered_field(layout: SensorLayout, values: Array) -> Field:
    low, covered = _covered(cell_polygons(layout))
    every = round(MESH_MM / RIM_MM)
    inside = covered[::every, ::every]
    x, y = np.meshgrid(*(a + MESH_MM * np.arange(n) for a, n in zip(low, inside.shape)), indexing="ij")
    nearest = spatial.cKDTree(layout.xy_mm).query(np.stack([x, y], axis=-1))[1]
    soft = ndimage.gaussian_filter(values[nearest], SOFT * _gap(layout.xy_mm) / MESH_MM, mode="nearest")
    return Field(x, y, np.where(inside, soft, np.nan))
