"""The rim around the heel and the midfoot, the wall of the cup inside it, and the rounding of every edge."""

from __future__ import annotations

import numpy as np

from footscan.types import Array
from insole import features
from insole.anatomy import Anatomy
from insole.curves import bump, gaussian, smooth_max, smooth_min, step
from insole.features import Field
from insole.plan import Plan
from insole.surface import Contour
from insole.types import InsolePrescription

RIM_WALL_MM = 2.5  #: the cup's wall starts that far inward
RADIUS_MM = 1.0  #: of the top's edge and the underside's
LEAST_WALL_MM = 0.2  #: the wall that the rounding leaves where the insole is thin
LEAN = float(np.tan(np.radians(18.0)))  #: the wall leans outward as a foot and a last do
MAX_LEAN_MM = 6.0
LEAN_SMOOTH_MM = 9.0
BESIDE_ARCH = 0.5  #: and leans so much less beside the arch: its rim is a thin lip there, no shelf
CUP_HOLDS, CUP_ENDS = 0.26, 0.52  #: stations where the rim starts to sink, and is gone on the lateral side
ARCH_APEX = (0.40, 0.54)  #: the medial rim goes over from the cup to the arch's highest point, which lies between these
CUP_BAND = {True: 1.15, False: 1.4}  #: width of the cup's wall, of its depth: narrow where the foot itself was seen
LEAST_BAND_MM = 8.0
CUP_POWER = 2.5
LATERAL_EDGE_MM = 7.0  #: the lateral border follows the foot up to this
FADE = 0.16  #: the foot's shape dies away over this, behind the line of the metatarsal heads (of the foot's length)
BLEND_MM = 1.0  #: rounding of the inner edge of the rim where the foot meets it gently
STEEP_MM = 0.6  #: and where it is steep so much times its slope squared: a radius of 1.2 mm
BEFORE_RIM, WALL_ENDS = 1.4, (0.34, 0.44)  #: a slope before the rim falls short of that at it; stations
MOST_BLEND_MM = 6.0
JOIN_MM = 4.0  #: rounding where the cup's wall meets the foot's shape


def rims(grid: Plan, sole: Contour, where: Anatomy, rx: InsolePrescription) -> tuple[Array, Array]:
    """The cup's rim alone, and the top's edge height with arch and raised edges, (rows, columns): blended across."""
    depth = rx.heel_cup_depth_mm
    u = grid.xi[:, 0] / where.length_mm
    cups, edges = [], []
    for column, most in ((0, LATERAL_EDGE_MM), (-1, np.inf)):
        x, y = grid.x[:, column], grid.y[:, column]
        follow = np.minimum(sole.at(x, y), most) + (rx.arch_offset_mm if column else 0.0) * step(u, 0.2, 0.36)
        follow = np.maximum(follow - rx.cover_thickness_mm, 0.0) * step(where.mth_x(y) - x, 0.0, FADE * where.length_mm)
        cup = _over_to_the_arch(u, depth, follow) if column else depth * (1.0 - step(u, CUP_HOLDS, CUP_ENDS))
        rim = cup + step(u, CUP_HOLDS - 0.04, CUP_HOLDS + 0.12) * np.maximum(follow - cup, 0.0)
        cups.append(_smooth_along(grid, cup))
        edges.append(_smooth_along(grid, rim))
    cup, rim = _across(grid, *cups), _across(grid, *edges)
    f = Field(rx, where, grid.outline, grid.x, grid.y, np.zeros_like(grid.x), grid.v, np.zeros_like(grid.x))
    return cup, rim + raised(f)


def lean(grid: Plan, rim: Array, length_mm: float, front: Array) -> Array:
    """How far the wall leans out under the rim (mm): 18°, levelling off at MAX_LEAN_MM, less beside the arch, none
    at the ``front``; no kinks along both edges."""
    out = smooth_min(LEAN * rim, MAX_LEAN_MM, 0.5 * MAX_LEAN_MM) * (1.0 - front)
    arch = bump(grid.xi[:, 0] / length_mm, (0.28, 0.40), (0.54, 0.66))
    sides = out[:, 0], out[:, -1] * (1.0 - BESIDE_ARCH * arch)
    return _across(grid, *(_smooth_along(grid, side, LEAN_SMOOTH_MM) for side in sides))


def raised(f: Field) -> Array:
    """What raised edges and flange add to the rim, where it decides how far the wall leans."""
    midfoot, arch = features.edge_profiles(f)
    medial = step(f.across, -1.0, 1.0)
    edge = f.rx.lateral_edge_mm + (f.rx.medial_edge_mm - f.rx.lateral_edge_mm) * medial
    return midfoot * edge + arch * f.rx.medial_flange_mm * medial


def with_wall(shape: Array, edge: Array, cup: Array, rx: InsolePrescription, seen: bool) -> Array:
    """The foot's shape (rows, columns) with the cup's wall around it, rising past the rim at its very edge."""
    band = max(CUP_BAND[seen] * rx.heel_cup_depth_mm, LEAST_BAND_MM)
    inward = (edge - RIM_WALL_MM) / band
    wall = np.where(inward > 0, np.clip(1.0 - inward, 0.0, 1.0) ** CUP_POWER, 1.0 - CUP_POWER * inward)
    return smooth_max(shape, np.where(cup > 0, (cup + BLEND_MM + JOIN_MM) * wall - JOIN_MM, -JOIN_MM), JOIN_MM)


def under_rim(shape: Array, x: Array, y: Array, rim: Array, station: Array) -> Array:
    """The shape cut at the rim's height; its inner lip rounded the more, the steeper the shape comes up to it."""
    slopes = []
    for axis in (0, 1):
        rise, way = np.diff(shape, axis=axis), np.hypot(np.diff(x, axis=axis), np.diff(y, axis=axis))
        ends = [(0, 0), (0, 0)]
        ends[axis] = (1, 1)
        slope = np.pad(np.abs(rise) / np.maximum(way, 0.02), ends, mode="edge")
        slopes.append([np.delete(slope, end, axis) for end in (0, -1)])
    along, across = (np.maximum(*pair) for pair in slopes)
    # beside the arch the wall is steep only beyond the rim: there the slope counts with which it comes up to it
    outward, inward = slopes[1]
    half = shape.shape[1] // 2
    before = np.hstack([outward[:, :half], inward[:, half:]])
    steep = np.hypot(along, across + (BEFORE_RIM * before - across) * step(station, *WALL_ENDS))
    blend = np.clip(STEEP_MM * steep**2, BLEND_MM, MOST_BLEND_MM)
    return smooth_min(shape, rim, np.minimum(blend, rim))


def top_rounding(edge: Array, top: Array) -> Array:
    """How far the top's edge is taken down by its radius."""
    return _rounding(edge, np.minimum(RADIUS_MM, np.maximum(top - LEAST_WALL_MM, 0.05)))


def bottom_rounding(depth: Array, top: Array) -> Array:
    """How far the underside's edge is taken up: as much of the same radius as the wall has left of it."""
    return _rounding(depth, np.clip(top - RADIUS_MM - LEAST_WALL_MM, 0.0, RADIUS_MM))


def _rounding(inside: Array, radius: Array) -> Array:
    inward = np.clip(1.0 - inside / np.maximum(radius, 1e-9), 0.0, 1.0)
    return np.asarray(radius * (1.0 - np.sqrt(1.0 - inward**2)))


def _over_to_the_arch(u: Array, depth: float, follow: Array) -> Array:
    """The medial rim: the cup's depth under the heel, then straight over to the arch's edge, never dipping between."""
    among = np.flatnonzero((u > ARCH_APEX[0]) & (u < ARCH_APEX[1]))
    if not len(among):
        return np.asarray(depth * (1.0 - step(u, CUP_HOLDS, CUP_ENDS)))
    apex = among[np.argmax(follow[among])]
    over = depth + (follow[apex] - depth) * step(u, CUP_HOLDS, u[apex])
    return np.where(u <= u[apex], over, follow)


def _across(grid: Plan, lateral: Array, medial: Array) -> Array:
    """Rows along both edges, blended across."""
    return np.asarray(lateral[:, None] + (medial - lateral)[:, None] * step(grid.v, -1.0, 1.0))


def _smooth_along(grid: Plan, values: Array, sigma_mm: float = 6.0) -> Array:
    """A row of values smoothed along the insole (rows are not evenly spaced)."""
    xi = grid.xi[:, 0]
    even = np.linspace(xi[0], xi[-1], 2 * len(xi))
    smooth = gaussian(np.interp(even, xi, values), sigma_mm / (even[1] - even[0]))
    return np.interp(xi, even, smooth)
