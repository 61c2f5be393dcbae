"""Foot and prescription -> the insole's two surfaces, on one screen.

A thickness above a flat bed is built on a boundary-fitted grid, then top and bottom are bent onto the shoe's bed.
"""

from __future__ import annotations

import numpy as np

from footscan.types import Array, Foot, QualityReason
from insole import cup, engraving, features, rules
from insole.anatomy import HEEL_STATION, Anatomy, anatomy
from insole.bed import Bed
from insole.curves import smooth_max, step
from insole.errors import DesignError
from insole.features import Field
from insole.filler import toe_filler
from insole.outline import Outline, outline
from insole.plan import lean_out, plan
from insole.surface import Contour, contour
from insole.types import InsoleDesign, InsolePrescription

FEATHER_MM = 12.0  #: the front edge thins to min_thickness_mm over this
FEATHER_REACH = 0.10  #: of the foot's length: how far back the front edge counts as front
PITCH_DIFFERS_MM = 3.0
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
        raise DesignError("side", repr(foot.side), "left or right: say which foot it is", "left or right", {})
    where = anatomy(foot)
    _cup_fits(foot, where, rx)
    line = outline(foot, where, rx)
    grid = plan(line, triangles)
    sole = contour(foot, where, line)

    # the rim's height along both edges, and the top's grid that leans out with it
    heel_cup, rim = cup.rims(grid, sole, where, rx)
    lean = cup.lean(grid, rim, where.length_mm, _front(where, line, grid.x, grid.y))
    x, y, edge = lean_out(grid, lean)
    f = Field(rx, where, line, x, y, edge, grid.v, lean)
    rim = rim - cup.raised(f)

    # shape above the base: the foot, less the cover, then cup and skive
    shape = cup.with_wall(_foot_shape(f, sole), edge, heel_cup, rx, sole.seen)
    shape = cup.under_rim(features.skive(f, shape), x, y, rim, f.u)

    # everything that is added, then what is taken away, never below the minimum
    tilt = features.posts(f)
    rules.heel_room(rx, _at_seat(f, tilt))
    top = features.base(f) + features.lift(f) + shape + tilt + features.edges(f)
    top = _feathered(f, top + features.met_pad(f) + features.pads(f)) + toe_filler(f, foot)
    top = top - features.hollows(f, top)
    carve, carved = features.reliefs(f, top)
    top = np.maximum(top - carve, rx.min_thickness_mm)
    under = cup.bottom_rounding(grid.depth, top)
    top = top - cup.top_rounding(edge, top)

    # bent together onto the bed, the lowest point at 0
    bed = Bed(where, line, rx)
    top_mm, bottom_mm = bed.onto(x, y, top), bed.onto(grid.x, grid.y, under)
    lowest = bottom_mm[..., 2].min() * np.array([0.0, 0.0, 1.0])
    result = InsoleDesign(
        side=foot.side,
        prescription=rx,
        foot_length_mm=where.length_mm,
        outline_mm=_loop(grid.x, grid.y),
        rim_mm=_loop(x, y),
        top_mm=top_mm - lowest,
        bottom_mm=bottom_mm - lowest,
        thickness_mm=top,
        reliefs=carved,
        notes=_notes(f, sole, bed),
    )
    engraving.layout(result)  # a label too long is refused here, not when the solid is made
    return result


# ------------------------------------------------------------------ steps of the design


def _cup_fits(foot: Foot, where: Anatomy, rx: InsolePrescription) -> None:
    """DesignError for a cup deeper than the scanned heel."""
    heel = foot.cloud.points[foot.cloud.points[:, 0] < 0.25 * where.length_mm, 2]
    if len(heel) and rx.heel_cup_depth_mm > heel.max() - CUP_BELOW_TOP_MM:
        most = max(float(np.floor(heel.max() - CUP_BELOW_TOP_MM)), 0.0)
        limit = f"at least {CUP_BELOW_TOP_MM:g} mm below the top of the scanned heel ({heel.max():.0f} mm)"
        change = {"heel_cup_depth_mm": most}
        if most < rules.cup_for_skive(rx.medial_skive_mm, rx.lateral_skive_mm, rx.rearfoot_post_deg):
            change |= {name: 0.0 for name in ("medial_skive_mm", "lateral_skive_mm") if getattr(rx, name)}
        raise DesignError("heel_cup_depth_mm", rx.heel_cup_depth_mm, limit, most if len(change) == 1 else "", change)


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
    cover = features.cover(f)
    shape = smooth_max(shape - cover, 0.0, np.minimum(1.5, cover))
    shape = shape * step(f.behind, 0.0, cup.FADE * f.anatomy.length_mm)
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


def _loop(x: Array, y: Array) -> Array:
    """The grid's border as one counter-clockwise line."""
    lateral, medial = np.column_stack([x[:, 0], y[:, 0]]), np.column_stack([x[:, -1], y[:, -1]])
    front = np.column_stack([x[-1, 1:-1], y[-1, 1:-1]])
    rear = np.column_stack([x[0, 1:-1], y[0, 1:-1]])
    return np.vstack([lateral, front, medial[::-1], rear[::-1]])


def _notes(f: Field, sole: Contour, bed: Bed) -> tuple[QualityReason, ...]:
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
    found += _bed_notes(f.rx, bed)
    said = {note.code for note in found}
    return (*found, *(note for note in rules.advice(f.rx) if note.code not in said))


def _bed_notes(rx: InsolePrescription, bed: Bed) -> list[QualityReason]:
    """What bed and pitch ask to be said."""
    notes = []
    if rx.bed_points_mm is not None and abs(bed.pitch_mm - rx.shoe_pitch_mm) > PITCH_DIFFERS_MM:
        detail = f"the measured bed falls by {bed.pitch_mm:.0f} mm from heel to ball, not by {rx.shoe_pitch_mm:g} mm"
        notes.append(QualityReason("pitch_differs", f"{detail}: the bed decides"))
    return notes
