"""What the path of the centre of pressure says: its length, the excursion index, the sway ellipse."""

from __future__ import annotations

import numpy as np

from footscan.errors import ScanError
from footscan.pressure.regions import REGIONS, FootGrid
from footscan.types import Array

DISTAL_THIRD = 2.0 / 3.0  #: of the toeless foot's length from the heel: where the excursion is taken


def path_mm(cop_xy: Array) -> float | None:
    """Length of the path (frames, 2) mm, frames without load (NaN) left out; None for fewer than two points.

    No low-pass: the length grows with the sampling rate and with noise, so compare only recordings of one kind.
    """
    known = cop_xy[np.isfinite(cop_xy).all(axis=1)]
    return float(np.linalg.norm(np.diff(known, axis=0), axis=1).sum()) if len(known) > 1 else None


def excursion_index_percent(cop_xy: Array, grid: FootGrid, image: Array) -> float:
    """Centre of pressure excursion index, 100 · d / w (Song et al. 1996, J Am Podiatr Med Assoc 86:16).

    d is the signed distance, lateral positive, of the centre of pressure from the chord between its first and last
    point, where it passes the distal third of the toeless foot's length; w is the foot's width there, between the
    borders of its convex hull.

    Parameters
    ----------
    cop_xy : (frames, 2) mm, NaN where unloaded
    grid : the footprint's own frame; ``image`` (cells,) its largest pressures

    Raises
    ------
    ScanError : the path doesn't pass the distal third, or its chord has no length
    """
    known = cop_xy[np.isfinite(cop_xy).all(axis=1)] - grid.heel_mm
    if len(known) < 3:
        raise ScanError("a centre of pressure of fewer than three points has no excursion")
    s, w = known @ grid.forward, known @ grid.lateral
    start, stop = toeless_span(grid, image)
    station = start + DISTAL_THIRD * (stop - start)
    passed = np.flatnonzero((s[:-1] < station) & (s[1:] >= station))
    chord = np.array([s[-1] - s[0], w[-1] - w[0]])
    if not len(passed) or chord[0] <= 0:
        raise ScanError("the centre of pressure never passes the distal third of the foot")
    i = int(passed[-1])  # for good: the path may hesitate around the line
    at = w[i] + (w[i + 1] - w[i]) * (station - s[i]) / (s[i + 1] - s[i])
    distance = (chord[0] * (at - w[0]) - chord[1] * (station - s[0])) / float(np.hypot(*chord))
    return float(100.0 * distance / _width(grid, image, station))


def toeless_span(grid: FootGrid, image: Array) -> tuple[float, float]:
    """Where the foot without its toes begins and ends along its axis, mm from the heel, cells included."""
    foot = (image > 0) & (grid.labels < REGIONS.index("hallux"))
    if not foot.any():
        raise ScanError("a footprint of toes alone has no length")
    s, half = grid.s_mm[foot], 0.5 * grid.cell_mm
    return float(s.min()) - half, float(s.max()) + half


def _width(grid: FootGrid, image: Array, station: float) -> float:
    """Width at a station (mm from the heel) between the medial and the lateral border of the toeless foot.

    The borders are those of the print's convex hull, so that an arch that does not touch is no narrowing.
    """
    foot = (image > 0) & (grid.labels < REGIONS.index("hallux"))
    s, w = grid.s_mm[foot], grid.w_mm[foot]
    behind, ahead = s <= station, s >= station
    if not behind.any() or not ahead.any():
        raise ScanError("the footprint has no width at its distal third")
    borders = []
    for sign in (1.0, -1.0):  # the lateral border, then the medial one
        s0, w0 = _outermost(s[behind], sign * w[behind])
        s1, w1 = _outermost(s[ahead], sign * w[ahead])
        span = s1[None, :] - s0[:, None]
        share = np.where(span > 0, (station - s0[:, None]) / np.where(span > 0, span, 1.0), 0.0)
        borders.append(float((w0[:, None] + share * (w1[None, :] - w0[:, None])).max()))
    return sum(borders) + grid.cell_mm


def _outermost(s: Array, w: Array, bins: int = 64) -> tuple[Array, Array]:
    """The points with the largest w in each of some slices along s: a hull needs no others."""
    edges = np.linspace(s.min(), s.max() + 1e-9, bins + 1)
    part = np.digitize(s, edges)
    keep = [np.flatnonzero(part == k)[np.argmax(w[part == k])] for k in np.unique(part)]
    return s[keep], w[keep]


def prediction_ellipse_mm2(cop_xy: Array) -> float | None:
    """Area of the 95 % prediction ellipse of centres of pressure (n, 2) mm; None for fewer than four of them.

    π · 2(n + 1)(n − 1) / (n (n − 2)) · F(0.95; 2, n − 2) · √det S (Schubert and Kirchner 2014, Gait Posture 39:518).
    For two numerator degrees of freedom the quantile has a closed form: F = ν/2 · (0.05^(−2/ν) − 1).
    """
    known = cop_xy[np.isfinite(cop_xy).all(axis=1)]
    n = len(known)
    if n < 4:
        return None
    freedom = n - 2.0
    quantile = 0.5 * freedom * (0.05 ** (-2.0 / freedom) - 1.0)
    spread = max(float(np.linalg.det(np.cov(known.T))), 0.0)
    return float(np.pi * 2.0 * (n + 1) * (n - 1) / (n * freedom) * quantile * np.sqrt(spread))
