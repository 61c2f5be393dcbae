"""The toe filler: what takes the place of missing toes in the shoe, clear of the foot that is there."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from footscan.types import Array, Foot
from insole import rules
from insole.curves import step
from insole.errors import DesignError
from insole.features import Field

HEIGHT_MM = 12.0  #: above the insole where the shoe's depth isn't known (toes are 15–25 mm high; commonly quoted)
LEAST_MM = 3.0
GAP_MM = 4.0  #: free between skin and filler
RISE_MM = 9.0  #: both its faces, to the foot and to the insole's edge, rise over this: a radius of 1.1 mm at the top
CORNER_MM = 3.0  #: its corners are rounded over this
FROM, FULL = 0.55, 0.65  #: only ahead of these stations
ENOUGH = 0.6  #: of its height must be reached somewhere, else there is no room that a toe has left


def toe_filler(f: Field, foot: Foot) -> Array:
    """Its height over the plan (rows, columns) mm. DesignError where no toe is missing, or the shoe is too low."""
    if not f.rx.toe_filler:
        return np.zeros_like(f.x)
    height = _height(f)
    share = (
        step(_clear_of(foot, f), GAP_MM, GAP_MM + RISE_MM) * step(f.edge, 1.0, 1.0 + RISE_MM) * step(f.u, FROM, FULL)
    )
    if float(share.max()) < ENOUGH:
        limit = "room between the foot and the insole's edge that missing toes have left: there is too little"
        raise DesignError("toe_filler", True, limit, False)
    return height * share


def _height(f: Field) -> float:
    depth = f.rx.shoe_forefoot_depth_mm
    if depth is None:
        return HEIGHT_MM
    cover = f.rx.cover_thickness_mm if rules.cover_to(f.rx) == "full" else 0.0
    below = f.rx.forefoot_thickness_mm + cover + rules.stock_insole_mm(f.rx)
    if depth - below < LEAST_MM:
        limit = f"shoe_forefoot_depth_mm at least {below + LEAST_MM:g} mm: a filler of {LEAST_MM:g} mm"
        raise DesignError("toe_filler", True, limit, False)
    return min(HEIGHT_MM, depth - below)


def _clear_of(foot: Foot, f: Field) -> Array:
    """Distance (mm) of the points from the foot as seen from above, 0 on it."""
    low = np.array([f.x.min(), f.y.min()]) - 2.0
    shape = np.ceil(np.array([f.x.max(), f.y.max()]) + 3.0 - low).astype(int)
    x, y = (low[k] + np.arange(shape[k]) for k in (0, 1))
    covered = np.zeros(tuple(shape), dtype=bool)
    for footprint in foot.footprints:
        for polygon in footprint.polygons:
            covered |= _inside(polygon, x, y)
    if not covered.any():
        return np.zeros_like(f.x)
    away = ndimage.gaussian_filter(np.asarray(ndimage.distance_transform_edt(~covered), dtype=float), CORNER_MM)
    return np.asarray(ndimage.map_coordinates(away, [f.x - low[0], f.y - low[1]], order=1, mode="nearest"))


def _inside(polygon: Array, x: Array, y: Array) -> Array:
    """(nx, ny) True where a grid's node lies in a closed polygon: each row counts the edges that it has crossed."""
    after = np.roll(polygon, -1, axis=0)
    inside = np.zeros((len(x), len(y)), dtype=bool)
    for (ax, ay), (bx, by) in zip(polygon, after):
        rows = np.flatnonzero((x >= min(ax, bx)) & (x < max(ax, bx)))
        if len(rows):
            crossing = ay + (x[rows] - ax) / (bx - ax) * (by - ay)
            inside[rows] ^= y[None, :] > crossing[:, None]
    return inside
