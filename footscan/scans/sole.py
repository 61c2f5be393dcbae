"""The underside as a height field, whether it was capped flat, and the footprints that follow from it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from footscan.arrays import bounds
from footscan.types import Array, Footprint, SoleSurface

STEP_MM = 2.0
ABOVE_SOLE_MM = 9.0  #: a column whose lowest point is so far above its surroundings' low ones holds no sole
SHEET_MM = 2.5  #: points this near the lowest one of a column belong to the sole's skin
CAP_FLATNESS_MM = 0.6
CONTACT_MM, TREAD_MM, OUTLINE_MM = 2.0, 5.0, 25.0


def sole_surface(points: Array) -> SoleSurface:
    """points (n, 3) mm in the foot frame -> the sole's skin on a 2 mm grid.

    Each column of the grid takes the mean of its lowest sheet; columns whose lowest point is high up the side of the
    foot are no sole. Small gaps are bridged for the shape but are not ``measured``.
    """
    # stage 1: the lowest sheet of each column below 60 mm
    low = points[points[:, 2] < 60.0]
    least, greatest = bounds(low[:, :2])
    origin = np.floor(least / STEP_MM) * STEP_MM - 2 * STEP_MM
    shape = tuple(int(s) for s in np.ceil((greatest - origin) / STEP_MM).astype(np.int64) + 3)
    i, j = (((low[:, k] - origin[k]) / STEP_MM).astype(np.int64) for k in (0, 1))
    cell = i * shape[1] + j
    lowest = np.full(shape[0] * shape[1], np.inf)
    np.minimum.at(lowest, cell, low[:, 2])
    # a speck under the sole must not found a sheet: the floor of a column is the median of its 3 x 3 lowest
    around = ndimage.median_filter(np.where(np.isfinite(lowest), lowest, 60.0).reshape(shape), size=3).ravel()
    base = np.maximum(lowest, np.minimum(around - 4.0, 60.0))
    # where points are few a column may hold none of the sole but some of the skin far above it
    lower = ndimage.percentile_filter(np.where(np.isfinite(lowest), lowest, 60.0).reshape(shape), 25, size=5).ravel()
    base = np.where(lowest > lower + ABOVE_SOLE_MM, np.inf, base)
    sheet = (low[:, 2] >= base[cell] - 1e-9) & (low[:, 2] < base[cell] + SHEET_MM)
    count = np.bincount(cell[sheet], minlength=len(lowest))
    total = np.bincount(cell[sheet], weights=low[sheet, 2], minlength=len(lowest))
    with np.errstate(invalid="ignore"):
        z = np.where(count > 0, total / np.maximum(count, 1), np.nan).reshape(shape)
    # stage 2: a little smoothing against noise, gaps up to 5 columns wide bridged
    measured = np.isfinite(z)
    closed = ndimage.binary_closing(measured, iterations=2, border_value=0)
    closed = ndimage.binary_fill_holes(closed)
    smooth = _blur(z, measured, 0.8)
    smooth = smooth + _blur(z - smooth, measured, 0.8)  # what the first pass took off the bends comes back
    z = np.where(closed, smooth, np.nan)
    x = origin[0] + (np.arange(shape[0]) + 0.5) * STEP_MM
    y = origin[1] + (np.arange(shape[1]) + 0.5) * STEP_MM
    return SoleSurface(x, y, z, measured, _is_capped(x, y, z))


def _blur(z: Array, known: Array, sigma: float) -> Array:
    """Normalised Gaussian average of the known values; unknown ones take it, wider and wider until all have one."""
    value = np.where(known, z, 0.0)
    result = np.full(z.shape, np.nan)
    for s in (sigma, 2 * sigma, 4 * sigma, 8 * sigma):
        weight = ndimage.gaussian_filter(known.astype(float), s)
        smooth = ndimage.gaussian_filter(value, s) / np.maximum(weight, 1e-9)
        result = np.where(np.isnan(result) & (weight > 0.05), smooth, result)
    return result


def _is_capped(x: Array, y: Array, z: Array) -> bool:
    """A lid is flat where no loaded foot is: across the sulcus between ball and toes, or as far in as a straight line
    from the heel's medial edge of contact to the ball's. A foot so flat that it can't be told from a lid counts as one:
    nothing is known of its arch either way."""
    known = np.isfinite(z)
    rows = np.flatnonzero(known.any(axis=1))
    if len(rows) < 20:
        return False
    station = (x - x[rows[0]]) / float(x[rows[-1]] - x[rows[0]])
    flat, low = known & (z < CAP_FLATNESS_MM), known & (z < 10.0)
    body = (station > 0.06) & (station < 0.94)
    if flat[body].sum() < 0.65 * low[body].sum():
        return False
    # across the sulcus
    fore = (station > 0.70) & (station < 0.90)
    forefoot = ndimage.binary_erosion(known[fore] & (z[fore] < 25.0), iterations=6)
    if flat[body].sum() > 0.7 * low[body].sum() and forefoot.sum() > 20 and flat[fore][forefoot].mean() > 0.97:
        return True
    # along the medial edge
    reach = np.where(flat, y[None, :], -np.inf).max(axis=1)
    heel, ball, mid = (
        _between(station, a, b) & np.isfinite(reach) for a, b in ((0.10, 0.25), (0.60, 0.72), (0.30, 0.55))
    )
    if heel.sum() < 3 or ball.sum() < 3 or mid.sum() < 5:
        return False
    ends = (
        np.array([np.median(station[heel]), np.median(station[ball])]),
        np.array([reach[heel].max(), reach[ball].max()]),
    )
    short = np.interp(station[mid], *ends) - reach[mid]
    return bool(np.percentile(short, 90) < 0.03 * float(x[rows[-1]] - x[rows[0]]))


def _between(values: Array, low: float, high: float) -> Array:
    return (values > low) & (values < high)


def footprints(sole: SoleSurface, points: Array) -> tuple[Footprint, ...]:
    """contact_2mm, tread_5mm (skin up to 2 and 5 mm above the floor) and outline_25mm (the plan of all up to 25 mm)."""
    z = np.where(np.isfinite(sole.z_mm), sole.z_mm, 99.0)
    prints = [
        Footprint(polygons(sole, z - limit), limit, name)
        for limit, name in ((CONTACT_MM, "contact_2mm"), (TREAD_MM, "tread_5mm"))
    ]
    # the plan: a column is covered where any point below 25 mm stands in it; its edge through the outermost points
    low = points[(points[:, 2] < OUTLINE_MM) & (points[:, 2] > -5.0)]
    ij = np.stack(
        [
            np.searchsorted(sole.x_mm - STEP_MM / 2, low[:, 0]) - 1,
            np.searchsorted(sole.y_mm - STEP_MM / 2, low[:, 1]) - 1,
        ]
    )
    inside = (ij >= 0).all(axis=0)
    count = np.zeros(z.shape)
    np.add.at(count, (ij[0, inside], ij[1, inside]), 1.0)
    plan = ndimage.binary_fill_holes(ndimage.binary_closing(count > 1.0, iterations=3))
    plan = ndimage.binary_opening(plan, iterations=2)  # what is thinner than a toe is a speck
    signed = ndimage.distance_transform_edt(~plan) - ndimage.distance_transform_edt(plan)
    signed = ndimage.gaussian_filter(signed, 0.7) + 0.25
    outline = polygons(sole, signed)
    return (*prints, Footprint(outline[:1], OUTLINE_MM, "outline_25mm"))


def polygons(sole: SoleSurface, field: Array, smallest_mm2: float = 40.0) -> tuple[Array, ...]:
    """Closed curves (k, 2) mm around the regions where ``field`` (nx, ny) < 0, largest first, counter-clockwise."""
    found = []
    for loop in _zero_loops(field):
        xy = np.stack(
            [
                np.interp(loop[:, 0], np.arange(len(sole.x_mm)), sole.x_mm),
                np.interp(loop[:, 1], np.arange(len(sole.y_mm)), sole.y_mm),
            ],
            axis=1,
        )
        area = signed_area(xy)
        if area >= smallest_mm2:  # loops run counter-clockwise around what is below zero; holes run the other way
            found.append((area, xy))
    return tuple(xy for _, xy in sorted(found, key=lambda pair: -pair[0]))


def signed_area(polygon: Array) -> float:
    """Area (mm^2) of a closed polygon (k, 2), positive where it runs counter-clockwise."""
    x, y = polygon.T
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def _zero_loops(field: Array) -> list[Array]:
    """Closed contours at zero of a (nx, ny) field, in grid units, by marching squares; below zero on the left hand."""
    from contourpy import contour_generator

    padded = np.pad(np.asarray(field, dtype=float), 1, constant_values=max(1.0, float(np.nanmax(field))))
    lines = contour_generator(z=padded.T).lines(0.0)
    loops = []
    for line in lines:
        ij = np.asarray(line)[:-1] - 1.0
        if len(ij) >= 4:
            loops.append(ij[::-1] if _high_on_left(padded, ij) else ij)
    return loops


def _high_on_left(padded: Array, ij: Array) -> bool:
    a, b = ij[0] + 1.0, ij[1] + 1.0
    side = np.array([-(b - a)[1], (b - a)[0]])
    side = side / (np.linalg.norm(side) + 1e-12) * 0.5
    middle = (a + b) / 2
    value = ndimage.map_coordinates(padded, np.stack([middle + side, middle - side], axis=1), order=1, mode="nearest")
    return bool(value[0] > value[1])
