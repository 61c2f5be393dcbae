"""Insoles from above: the outline of a mesh, room around it, and where a second one may not lie beside it.

Any outline is told here by the lowest and highest y over each millimetre of x, upright hollows filled. Of two such
shapes the places where they overlap are, for each shift in x, one interval in y: a no-fit polygon in two lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from footscan.types import Array, Mesh
from insole.errors import DesignError

STEP_MM = 1.0
TOLERANCE_MM = 0.02  #: outlines may be drawn so much outside, never inside
ARC_SEGMENTS = 64


@dataclass(frozen=True, eq=False)
class Profile:
    """``low_mm``, ``high_mm`` (n,): least and largest y between ``(start + k)`` and ``(start + k + 1)`` mm of x."""

    start: int
    low_mm: Array
    high_mm: Array


def silhouette(mesh: Mesh) -> Array:
    """Outline (n, 2) mm of a closed mesh from above, counter-clockwise. DesignError for a mesh that is not closed."""
    import manifold3d

    solid = manifold3d.Manifold(
        manifold3d.Mesh64(np.array(mesh.vertices, dtype=float), np.array(mesh.faces, dtype=np.uint64))
    )
    if solid.status() != manifold3d.Error.NoError or solid.is_empty():
        raise DesignError("outline", "an open mesh", "a closed one", "repair it or make it again")
    return _outer(solid.project())


def grown(outline_mm: Array, by_mm: float) -> Array:
    """A line (n, 2) that holds every point within ``by_mm`` of the outline, with few corners."""
    import manifold3d

    flat = manifold3d.CrossSection([np.ascontiguousarray(outline_mm)], manifold3d.FillRule.NonZero)
    if flat.area() <= 0.0:
        raise DesignError("outline", f"an area of {flat.area():.1f} mm²", "a closed line with area")
    # an arc of straight pieces lies inside its circle, a simplified line on either side
    reach = by_mm / np.cos(np.pi / ARC_SEGMENTS) + 2.0 * TOLERANCE_MM
    wide = flat.offset(reach, manifold3d.JoinType.Round, 2.0, ARC_SEGMENTS)
    return _outer(wide.simplify(TOLERANCE_MM))


def area(outline_mm: Array) -> float:
    """Of a closed line, mm²; positive where it runs counter-clockwise."""
    x, y = outline_mm.T
    return float(0.5 * (x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def turned(points: Array, turn_deg: float) -> Array:
    """Points (n, 2) turned about the origin, counter-clockwise."""
    angle = np.radians(turn_deg)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]))


def profile(outline_mm: Array) -> Profile:
    """The least shape of upright pieces a millimetre wide that holds the outline."""
    a, b = outline_mm, np.roll(outline_mm, -1, axis=0)
    flip = (b[:, 0] < a[:, 0])[:, None]
    a, b = np.where(flip, b, a) / [STEP_MM, 1.0], np.where(flip, a, b) / [STEP_MM, 1.0]
    start = int(np.floor(a[:, 0].min()))
    count = max(int(np.ceil(b[:, 0].max())) - start, 1)
    # each line's crossings of the borders between pieces count for the pieces on either side, corners for their own
    first = np.ceil(a[:, 0]).astype(int)
    crossings = np.maximum(np.floor(b[:, 0]).astype(int) - first + 1, 0) * (b[:, 0] > a[:, 0])
    line = np.repeat(np.arange(len(a)), crossings)
    border = first[line] + np.arange(len(line)) - np.repeat(np.cumsum(crossings) - crossings, crossings)
    y = a[line, 1] + (border - a[line, 0]) / (b[line, 0] - a[line, 0]) * (b[line, 1] - a[line, 1])
    ends = np.concatenate([a, b])  # both: the tip of a spike to the right is no line's left end
    piece = np.concatenate([np.floor(ends[:, 0]).astype(int), border - 1, border]) - start
    height = np.concatenate([ends[:, 1], y, y])
    inside = (piece >= 0) & (piece < count)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, piece[inside], height[inside])
    np.maximum.at(high, piece[inside], height[inside])
    return Profile(start, low, high)


def forbidden(fixed: Profile, moved: Profile) -> tuple[int, Array, Array]:
    """Where ``moved`` overlaps ``fixed``: least shift in steps of x, and for each from there the interval (n,) of y."""
    count = len(moved.low_mm)
    high = np.pad(fixed.high_mm, count - 1, constant_values=-np.inf)
    low = np.pad(fixed.low_mm, count - 1, constant_values=np.inf)
    top = (sliding_window_view(high, count) - moved.low_mm).max(axis=1)
    bottom = (sliding_window_view(low, count) - moved.high_mm).min(axis=1)
    return fixed.start - moved.start - (count - 1), bottom, top


def _outer(flat: object) -> Array:
    """The outer line of a cross-section; where there are several, one around all of them."""
    import manifold3d

    if not isinstance(flat, manifold3d.CrossSection):
        raise TypeError(f"expected a CrossSection, got {type(flat).__name__}")
    lines = [np.asarray(line, dtype=float) for line in flat.to_polygons()]
    outer = [line for line in lines if area(line) > 0.0]
    if len(outer) == 1:
        return outer[0]
    (line,) = flat.hull().to_polygons()
    return np.asarray(line, dtype=float)
