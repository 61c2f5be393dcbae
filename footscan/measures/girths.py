"""Girths as a taut tape reads them (definitions: footscan.measures)."""

from __future__ import annotations

import numpy as np

from footscan.frame import along
from footscan.measures.fit import HALF_WIDTH_MM, section
from footscan.measures.landmarks import INSTEP_STATION, Located
from footscan.measures.lengths import LEG_SHORT, NO_POINTS, value_or_reason
from footscan.types import Array, Measure

UP = np.array([0.0, 0.0, 1.0])
AHEAD = np.array([1.0, 0.0, 0.0])
CLOSED = 0.85  #: share of a section's directions that must have points
TILTS = np.radians(np.arange(-20.0, 20.1, 5.0))  #: of the ball's planes
CALF = 1.04  #: two levels in a row this much above the smallest girth: it does not come lower


def girths(foot: Located) -> dict[str, Measure]:
    """Girths as a taut tape reads them: hull perimeters of sections of the surface."""
    p, length, marks = foot.points, foot.length, foot.marks
    found: dict[str, Measure] = {}
    fore = p[(p[:, 0] > 0.42 * length) & (p[:, 0] < 0.9 * length)]
    # the ball: planes through MTH1 and MTH5, tilted about that line
    mth1, mth5 = marks["mth1"], marks["mth5"]
    line = (mth5 - mth1) / np.linalg.norm(mth5 - mth1)
    upright = UP - line * line[2]
    upright = upright / np.linalg.norm(upright)
    ahead = np.cross(line, upright)
    ahead = ahead * (np.sign(ahead[0]) or 1.0)
    middle = (mth1 + mth5) / 2
    # no more than the most tilted of them can reach
    reach = np.tan(TILTS[-1]) * float(np.abs(along(fore - middle, upright)).max(initial=0.0)) + 2.0 * HALF_WIDTH_MM
    fore = fore[np.abs(along(fore - middle, ahead)) < reach]
    cuts = []
    for tilt in TILTS:
        normal = np.cos(tilt) * ahead + np.sin(tilt) * upright
        cut = section(fore, middle, normal, UP)
        if cut is not None and cut.covered > CLOSED:
            cuts.append((float(tilt), cut.hull_perimeter_mm(), cut.perimeter_mm(), float(cut.points[:, 2].max())))
    if len(cuts) >= 5:
        tilt, tape, raw, top = _least(np.array(cuts))
        method = f"least hull perimeter over tilts up to 20 deg, at {np.degrees(tilt):+.0f} deg"
        found["ball_girth_mm"] = Measure(tape, method=method)
        found["ball_girth_raw_mm"] = Measure(raw, method="perimeter of the ball girth's own section")
        found["ball_height_mm"] = Measure(top, method="top of the ball girth's section")
    for key in ("ball_girth_mm", "ball_girth_raw_mm", "ball_height_mm"):
        found.setdefault(key, Measure.missing("the section through the ball is not closed"))
    # sections at right angles to the axis
    waist = (INSTEP_STATION * length + (mth1[0] + mth5[0]) / 2) / 2
    for key, at in (
        ("instep_girth_mm", 0.5 * length),
        ("instep_girth_55_mm", 0.55 * length),
        ("waist_girth_mm", waist),
    ):
        method = f"hull perimeter at {at / length:.3f} of length"
        near = p[np.abs(p[:, 0] - at) < 4.0]
        found[key] = value_or_reason(
            _tape(near, np.array([at, 0.0, 0.0]), AHEAD, UP), method, "the section there is not closed"
        )
    # heel girths: planes that contain y, through the heel's landing point
    for key, name, reason in (
        ("heel_girth_long_mm", "ankle_bend", "the leg is too short for an ankle bend"),
        ("heel_girth_short_mm", "instep", NO_POINTS),
    ):
        there = name in marks and "heel_landing" in marks
        around = _heel_tape(p, marks["heel_landing"], marks[name]) if there else None
        method = f"heel landing to {name}, plane containing y"
        found[key] = value_or_reason(around, method, "the section is not closed" if there else reason)
    found["ankle_girth_mm"] = _ankle_girth(foot)
    return found


def _least(cuts: Array) -> tuple[float, float, float, float]:
    """Tilt, hull perimeter, raw perimeter and top where the hull perimeter is least, each read off a smooth curve over
    the tilt (cuts (k, 4)): a single noisy section must not win by its noise."""
    curves = [np.polynomial.polynomial.polyfit(cuts[:, 0], cuts[:, k], 4) for k in (1, 2, 3)]
    fine = np.linspace(cuts[0, 0], cuts[-1, 0], 161)
    at = fine[np.argmin(np.polynomial.polynomial.polyval(fine, curves[0]))]
    tape, raw, top = (float(np.polynomial.polynomial.polyval(at, c)) for c in curves)
    return float(at), tape, raw, top


def _tape(p: Array, origin: Array, normal: Array, up: Array) -> float | None:
    cut = section(p, origin, normal, up)
    return cut.hull_perimeter_mm() if cut is not None and cut.covered > CLOSED else None


def _heel_tape(p: Array, landing: Array, top: Array) -> float | None:
    """Around the heel: the plane through two points that contains the y axis."""
    line = (top - landing) * [1.0, 0.0, 1.0]
    line = line / np.linalg.norm(line)
    return _tape(p, (landing + top) / 2, np.cross(line, [0.0, 1.0, 0.0]), line)


def _ankle_girth(foot: Located) -> Measure:
    """Smallest girth of the leg above the malleoli: level sections every 4 mm."""
    p, length, marks = foot.points, foot.length, foot.marks
    method = "smallest level section above the malleoli"
    start = (
        max(float(marks[k][2]) for k in marks if k.startswith("malleolus"))
        if "malleolus_lateral" in marks
        else 0.3 * length
    )
    leg = p[(p[:, 0] < 0.55 * length) & (p[:, 2] > start)]
    if not len(leg) or leg[:, 2].max() < start + 24.0:
        return Measure.missing(LEG_SHORT, method)
    tapes = []
    for z in np.arange(start + 8.0, min(leg[:, 2].max() - 8.0, start + 90.0), 10.0):
        near = leg[np.abs(leg[:, 2] - z) < 4.0]
        tape = _tape(near, np.array([0.0, 0.0, z]), UP, AHEAD) if len(near) > 60 else None
        if tape is not None:
            tapes.append(tape)
        if len(tapes) >= 4 and min(tapes[-2:]) > CALF * min(tapes):
            break  # the calf begins
    if len(tapes) < 4 or int(np.argmin(tapes)) >= len(tapes) - 1:
        return Measure.missing("the girth still falls where the scan ends", method)
    return Measure(min(tapes), method=method)
