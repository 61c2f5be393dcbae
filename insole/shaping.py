"""Foot and prescription -> the insole's two surfaces, on one screen.

A thickness above a flat bed is built on a boundary-fitted grid, then top and bottom are bent onto the shoe's bed.
"""

from __future__ import annotations

import numpy as np

from footscan.types import Array, Foot, QualityReason
from insole import engraving, features, rules
from insole.anatomy import HEEL_STATION, Anatomy, anatomy
from insole.curves import gaussian, smooth_max, smooth_min, step
from insole.errors import DesignError
from insole.features import Field
from insole.outline import Outline, outline
from insole.plan import Plan, lean_out, plan
from insole.surface import Contour, contour
from insole.types import InsoleDesign, InsolePrescription

RIM_WALL_MM = 2.0  #: the cup's rim is flat that far inward
RIM_RADIUS_MM = 1.0  #: of the top's edge
LEAST_WALL_MM = 0.2  #: the wall that the rounding leaves where the insole is thin
LEAN = float(np.tan(np.radians(18.0)))  #: the wall leans outward as a foot and a last do
MAX_LEAN_MM = 6.0
CUP_HOLDS, CUP_ENDS = 0.26, 0.52  #: stations where the rim starts to sink, and is gone on the lateral side
ARCH_APEX = (0.40, 0.54)  #: the medial rim goes over from the cup to the arch's highest point, which lies between these
CUP_BAND = {True: 1.0, False: 1.4}  #: width of the cup's wall, of its depth: narrow where the foot itself was seen
CUP_POWER = 2.5
LATERAL_EDGE_MM = 7.0  #: the lateral border follows the foot up to this
FADE = 0.16  #: the foot's shape dies away over this, behind the line of the metatarsal heads (of the foot's length)
FEATHER_MM = 12.0  #: the front edge thins to min_thickness_mm over this
FEATHER_REACH = 0.10  #: of the foot's length: how far back the front edge counts as front
BLEND_MM = 1.0  #: rounding of the inner edge of the rim
JOIN_MM = 4.0  #: rounding where the cup's wall meets the foot's shape
CUP_BELOW_TOP_MM = 10.0  #: the cup stays that much lower than what was scanned of the heel


def design(foot: Foot, rx: InsolePrescription, triangles: int = 100_000) -> InsoleDesign:
    """The shape of one insole.

    Parameters
    ----------
    foot : with a tread outline and a known length; its sole may be capped, full of holes or missing
    rx : what is asked
    triangles : about how many the solid will have

    Raises DesignError for what this foot and this prescription can't become.
    """
    if foot.side not in ("left", "right"):
        raise DesignError("side", repr(foot.side), "left or right: say which foot it is", "left or right")
    where = anatomy(foot)
    _cup_fits(foot, where, rx)
    line = outline(foot, where, rx)
    grid = plan(line, triangles)
    sole = contour(foot, where, line)

    # the rim's height along both edges, and the top's grid that leans out with it
    cup, rim = _rims(grid, sole, where, rx)
    lean = np.minimum(LEAN * rim * (1.0 - _front(where, line, grid.x, grid.y)), MAX_LEAN_MM)
    x, y, edge = lean_out(grid, lean)
    f = Field(rx, where, line, x, y, edge, grid.v, lean)
    rim = rim - _raised(f)

    # shape above the base: the foot, less the cover, then cup and skive
    shape = _foot_shape(f, sole)
    band = max(CUP_BAND[sole.seen] * rx.heel_cup_depth_mm, 6.0)
    wall = np.clip(1.0 - (edge - RIM_WALL_MM) / band, 0.0, 1.0) ** CUP_POWER
    shape = smooth_max(shape, (cup + BLEND_MM + JOIN_MM) * wall - JOIN_MM, JOIN_MM)
    shape = features.skive(f, shape)
    shape = smooth_min(shape, rim, np.minimum(BLEND_MM, rim))

    # everything that is added, then what is taken away, never below the minimum
    tilt = features.posts(f)
    rules.heel_room(rx, _at_seat(f, tilt))
    top = (
        features.base(f) + features.lift(f) + shape + tilt + features.edges(f) + features.met_pad(f) + features.pads(f)
    )
    top = _feathered(f, top)
    top = top - features.hollows(f, top)
    carve, carved = features.reliefs(f, top)
    top = np.maximum(top - carve, rx.min_thickness_mm)
    top = top - _rounding(edge, top)

    bend = Bed(where, line, rx.shoe_pitch_mm, float(grid.x.max()))
    result = InsoleDesign(
        side=foot.side,
        prescription=rx,
        foot_length_mm=where.length_mm,
        outline_mm=_loop(grid.x, grid.y),
        rim_mm=_loop(x, y),
        top_mm=bend.onto(x, y, top),
        bottom_mm=bend.onto(grid.x, grid.y, np.zeros_like(top)),
        thickness_mm=top,
        reliefs=carved,
        notes=_notes(f, sole),
    )
    engraving.layout(result)  # a label too long is refused here, not when the solid is made
    return result


class Bed:
    """The shoe's bed: level under the heel seat, level from the ball on, a smooth slope between; its length along the
    bed is kept, so a point's x shrinks a little on the slope (0.4 mm in all at a pitch of 10 mm).

    Heights are added to the bed's vertically: thickness measured upright is the same as on the flat bed.
    """

    def __init__(self, anatomy: Anatomy, line: Outline, pitch_mm: float, lowest_at: float) -> None:
        seat, ball = HEEL_STATION * anatomy.length_mm, 0.5 * float(anatomy.mth1[0] + anatomy.mth5[0])
        self.s = np.arange(min(line.start, 0.0) - 20.0, line.end + 40.0, 0.25)
        self.z = pitch_mm * (1.0 - step(self.s, seat, ball))
        self.z -= np.interp(lowest_at, self.s, self.z)  # of a short insole too
        slope = np.gradient(self.z, self.s)
        dx = np.sqrt(1.0 - slope**2)
        x = np.concatenate([[0.0], np.cumsum(0.5 * (dx[1:] + dx[:-1]) * np.diff(self.s))])
        self.x = x - x[0] + self.s[0]  # the heel keeps its place

    def onto(self, x: Array, y: Array, z: Array) -> Array:
        """Points of the flat design (rows, columns) -> (rows, columns, 3) on the bed, its lowest point at z = 0."""
        bent = np.interp(x, self.s, self.x), y, z + np.interp(x, self.s, self.z)
        return np.stack(np.broadcast_arrays(*bent), axis=-1)


# ------------------------------------------------------------------ steps of the design


def _cup_fits(foot: Foot, where: Anatomy, rx: InsolePrescription) -> None:
    """DesignError for a cup deeper than the scanned heel."""
    heel = foot.cloud.points[foot.cloud.points[:, 0] < 0.25 * where.length_mm, 2]
    if len(heel) and rx.heel_cup_depth_mm > heel.max() - CUP_BELOW_TOP_MM:
        most = max(float(np.floor(heel.max() - CUP_BELOW_TOP_MM)), 0.0)
        limit = f"at least {CUP_BELOW_TOP_MM:g} mm below the top of the scanned heel ({heel.max():.0f} mm)"
        raise DesignError("heel_cup_depth_mm", rx.heel_cup_depth_mm, limit, most)


def _rims(grid: Plan, sole: Contour, where: Anatomy, rx: InsolePrescription) -> tuple[Array, Array]:
    """The cup's rim alone, and the top's edge height with arch and raised edges, (rows, columns): blended across."""
    depth = rx.heel_cup_depth_mm
    u = grid.xi[:, 0] / where.length_mm
    cups, rims = [], []
    for column, most in ((0, LATERAL_EDGE_MM), (-1, np.inf)):
        x, y = grid.x[:, column], grid.y[:, column]
        follow = np.minimum(sole.at(x, y), most) + (rx.arch_offset_mm if column else 0.0) * step(u, 0.2, 0.36)
        follow = np.maximum(follow - rx.cover_thickness_mm, 0.0) * step(where.mth_x(y) - x, 0.0, FADE * where.length_mm)
        cup = _over_to_the_arch(u, depth, follow) if column else depth * (1.0 - step(u, CUP_HOLDS, CUP_ENDS))
        rim = cup + step(u, CUP_HOLDS - 0.04, CUP_HOLDS + 0.12) * np.maximum(follow - cup, 0.0)
        cups.append(_smooth_along(grid, cup))
        rims.append(_smooth_along(grid, rim))
    share = step(grid.v, -1.0, 1.0)
    cup, rim = (rows[0][:, None] + (rows[1] - rows[0])[:, None] * share for rows in (cups, rims))
    f = Field(rx, where, grid.outline, grid.x, grid.y, np.zeros_like(grid.x), grid.v, np.zeros_like(grid.x))
    return cup, rim + _raised(f)


def _over_to_the_arch(u: Array, depth: float, follow: Array) -> Array:
    """The medial rim: the cup's depth under the heel, then straight over to the arch's edge, never dipping between."""
    among = np.flatnonzero((u > ARCH_APEX[0]) & (u < ARCH_APEX[1]))
    if not len(among):
        return np.asarray(depth * (1.0 - step(u, CUP_HOLDS, CUP_ENDS)))
    apex = among[np.argmax(follow[among])]
    over = depth + (follow[apex] - depth) * step(u, CUP_HOLDS, u[apex])
    return np.where(u <= u[apex], over, follow)


def _smooth_along(grid: Plan, values: Array, sigma_mm: float = 6.0) -> Array:
    """A row of values smoothed along the insole (rows are not evenly spaced)."""
    xi = grid.xi[:, 0]
    even = np.linspace(xi[0], xi[-1], 2 * len(xi))
    smooth = gaussian(np.interp(even, xi, values), sigma_mm / (even[1] - even[0]))
    return np.interp(xi, even, smooth)


def _raised(f: Field) -> Array:
    """What raised edges and flange add to the rim, where it decides how far the wall leans."""
    midfoot, arch = features.edge_profiles(f)
    medial = step(f.across, -1.0, 1.0)
    edge = f.rx.lateral_edge_mm + (f.rx.medial_edge_mm - f.rx.lateral_edge_mm) * medial
    return midfoot * edge + arch * f.rx.medial_flange_mm * medial


def _foot_shape(f: Field, sole: Contour) -> Array:
    """The foot's underside above its heel, arch moved, cover taken off, gone at the ball, level under the heel."""
    rx = f.rx
    y = f.y
    if rx.heel_expansion_mm:  # the same foot, stretched sideways under the heel
        _, half2, _, _ = f.line.at(f.x)
        wide = 1.0 - step(f.u, 0.22, 0.38)
        y = f.anatomy.heel_y_mm + (y - f.anatomy.heel_y_mm) * (
            1.0 - wide * rx.heel_expansion_mm / np.maximum(np.sqrt(half2), 12.0)
        )
    shape = sole.at(f.x, y) + rx.arch_offset_mm * features.arch_zone(f)
    shape = smooth_max(shape - rx.cover_thickness_mm, 0.0, min(1.5, rx.cover_thickness_mm))
    shape = shape * step(f.behind, 0.0, FADE * f.anatomy.length_mm)
    return _levelled(f, shape)


def _levelled(f: Field, shape: Array) -> Array:
    """Turned under the heel so that its middle 60 % at 16 % of the length is level: the post alone tilts it."""
    row = _heel_row(f)
    middle = np.abs(f.across[row]) <= 0.6
    y = f.y[row][middle]
    slope = float(np.polyfit(y - y.mean(), shape[row][middle], 1)[0])
    heel = 1.0 - step(f.u, 0.24, 0.40)
    shape = shape - slope * (f.y - y.mean()) * heel
    seat = (np.abs(f.u - 0.14) < 0.08) & (np.abs(f.across) < 0.7)
    return np.asarray(np.maximum(shape - shape[seat].min() * heel, 0.0))


def _heel_row(f: Field) -> int:
    return int(np.argmin(np.abs(f.x[:, f.x.shape[1] // 2] - HEEL_STATION * f.anatomy.length_mm)))


def _at_seat(f: Field, tilt: Array) -> float:
    """The post's height under the middle of the heel."""
    return float(tilt[_heel_row(f), tilt.shape[1] // 2])


def _front(where: Anatomy, line: Outline, x: Array, y: Array) -> Array:
    """1 near the front edge, 0 from twice FEATHER_REACH behind it."""
    behind = line.end - x + line.lean * (y - line.pivot)
    return step(behind, 2.0 * FEATHER_REACH * where.length_mm, FEATHER_REACH * where.length_mm)


def _feathered(f: Field, top: Array) -> Array:
    """The front edge thins to the minimum."""
    thin = _front(f.anatomy, f.line, f.x, f.y) * (1.0 - step(f.edge, 0.0, FEATHER_MM))
    least = f.rx.min_thickness_mm
    return np.where(top > least, least + (top - least) * (1.0 - thin), top)


def _rounding(edge: Array, top: Array) -> Array:
    """How far the top's edge is taken down by its radius."""
    radius = np.minimum(RIM_RADIUS_MM, np.maximum(top - LEAST_WALL_MM, 0.05))
    inward = np.clip(1.0 - edge / radius, 0.0, 1.0)
    return np.asarray(radius * (1.0 - np.sqrt(1.0 - inward**2)))


def _loop(x: Array, y: Array) -> Array:
    """The grid's border as one counter-clockwise line."""
    lateral, medial = np.column_stack([x[:, 0], y[:, 0]]), np.column_stack([x[:, -1], y[:, -1]])
    front = np.column_stack([x[-1, 1:-1], y[-1, 1:-1]])
    rear = np.column_stack([x[0, 1:-1], y[0, 1:-1]])
    return np.vstack([lateral, front, medial[::-1], rear[::-1]])


def _notes(f: Field, sole: Contour) -> tuple[QualityReason, ...]:
    """What the prescription said, and what was found while it was made."""
    found = [*f.rx.notes, *f.anatomy.notes, *sole.notes]
    arch = (features.arch_zone(f) > 0.99) & (f.across < 0.75)
    if f.rx.arch_offset_mm < 0 and arch.any():
        room = float(sole.at(f.x[arch], f.y[arch]).max()) - f.rx.cover_thickness_mm
        if room + f.rx.arch_offset_mm < 0:
            detail = (
                f"the arch stands only {max(room, 0.0):.1f} mm above the base: it can't be lowered by the whole offset"
            )
            found.append(QualityReason("arch_offset_limited", detail))
    said = {note.code for note in found}
    return (*found, *(note for note in rules.advice(f.rx) if note.code not in said))
