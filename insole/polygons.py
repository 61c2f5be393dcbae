"""Points and closed lines in the plane."""

from __future__ import annotations

import numpy as np

from footscan.types import Array, Foot


def holds(polygon: Array, x: Array, y: Array) -> Array:
    """Whether points of any shape lie in a closed line (even-odd)."""
    inside = np.zeros(np.broadcast_shapes(x.shape, y.shape), dtype=bool)
    (low_x, low_y), (high_x, high_y) = polygon.min(axis=0), polygon.max(axis=0)
    box = (x >= low_x) & (x <= high_x) & (y >= low_y) & (y <= high_y)
    px, py = x[box], y[box]
    hit = np.zeros(len(px), dtype=bool)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, axis=0)):
        if ay != by:
            crosses = (ay > py) != (by > py)
            hit ^= crosses & (px < ax + (py - ay) / (by - ay) * (bx - ax))
    inside[box] = hit
    return inside


def under_foot(foot: Foot, x: Array, y: Array) -> Array:
    """Whether (n,) places lie under the foot: within its outline at 25 mm; everywhere where that is not known."""
    under = np.zeros(len(x), dtype=bool)
    for footprint in foot.footprints:
        if footprint.method == "outline_25mm":
            for polygon in footprint.polygons:
                under |= holds(polygon, x, y)
    return under if under.any() else ~under
