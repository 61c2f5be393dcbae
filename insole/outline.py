"""The insole's outline: from the foot's tread, a last's or shoe's polygon, cut to its length.

Kept as a middle line and a squared half-width over the station ξ: y = centre ± sqrt(half2). The square is smooth at the
round ends, where the half-width is not, so offsets, distances and normals need no special case there. For the two short
lengths the rows are sheared so that they run along the line of the metatarsal heads (x = ξ + lean(ξ) · (y − pivot)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from footscan.types import Array, Foot
from insole import rules
from insole.anatomy import HEEL_STATION, Anatomy
from insole.curves import bump, gaussian, smooth_max, step
from insole.errors import DesignError
from insole.types import InsolePrescription

STEP_MM = 0.25
BACK_ALLOWANCE_MM = 4.5  #: the rear end lies this far ahead of the pternion (last bottom; men 5, women 4.5)
END_HALF_WIDTH_MM = 2.0  #: rows never narrow to a point: points would fall together in a float32 STL
SMOOTH_MM = 11.0
WAIST_HOLLOW = 0.042  #: the medial waist lies at most this far inside heel and ball (of the foot's length)
OUTLINE_25_INSET_MM = 4.0  #: a foot is that much wider at 25 mm than where it treads, a side
FRONT_OF_MTH = {"three_quarter": -0.03, "sulcus": 0.085}  #: front edge, in foot lengths from the line of the heads
TOE_BOX_POWER = 2.2  #: 2 would be an ellipse
FRONT_ROUND, FRONT_ROUND_POWER = 0.14, 2.7  #: how far back the front end is rounded (of the foot's length)
FRONT_CORNER_MM = 30.0
FRONT_POWER = 2.8
LEAN_RAMP = (0.25, 0.58)  #: stations over which the rows of a short insole turn to the line of the heads
HEEL_RADIUS, TOE_RADIUS = 0.085, 0.07  #: the least radius of the two ends (of the foot's length)
UNDER_HEEL, UNDER_BALL = 0.12, 0.66  #: a given polygon reaches at least so far (of the foot's length)
ASIDE_MM = 20.0  #: and lies under the foot: its middle is that near the foot's
MIN_HALF_WIDTH = 0.06  #: anything narrower between the ends is no insole (of the foot's length)


@dataclass(frozen=True, eq=False)
class Outline:
    """Middle line and squared half-width (n,) at the stations ``xi`` (n,), mm; ``lean`` and ``pivot`` of the rows."""

    xi: Array
    centre: Array
    half2: Array
    lean: float
    pivot: float
    ramp: tuple[float, float]

    @property
    def start(self) -> float:
        """First station: x of the rear end."""
        return float(self.xi[0])

    @property
    def end(self) -> float:
        """Last station."""
        return float(self.xi[-1])

    def at(self, xi: Array) -> tuple[Array, Array, Array, Array]:
        """Centre, half-width squared and the slopes of both at stations of any shape."""
        slope_c, slope_h = np.gradient(self.centre, self.xi), np.gradient(self.half2, self.xi)
        rows = (self.centre, self.half2, slope_c, slope_h)
        centre, half2, dc, dh = (np.interp(xi, self.xi, row) for row in rows)
        return centre, half2, dc, dh

    def lean_at(self, xi: Array) -> tuple[Array, Array]:
        """How much rows lean at a station, and its slope."""
        t = np.clip((xi - self.ramp[0]) / (self.ramp[1] - self.ramp[0]), 0.0, 1.0)
        return self.lean * t * t * (3 - 2 * t), self.lean * 6 * t * (1 - t) / (self.ramp[1] - self.ramp[0])

    def x_of(self, xi: Array, y: Array) -> Array:
        """x of the row ``xi`` at ``y``."""
        return np.asarray(xi + self.lean_at(xi)[0] * (y - self.pivot))

    def distance(self, xi: Array, y: Array) -> tuple[Array, Array, Array]:
        """Distance (mm) inward from the outline, and the outward direction (x, y), at points given by row and y.

        Second-order distance to the zero of F = half2 − (y − centre)²: exact beside a straight strip, and within a few
        hundredths of a millimetre near round ends; cut by the distance to the first and last row.
        """
        centre, half2, dc, dh = self.at(xi)
        lean, slope = self.lean_at(xi)
        off = y - centre
        F = half2 - off**2
        dF_dxi = dh + 2.0 * off * dc
        dxi_dx = 1.0 / (1.0 + slope * (y - self.pivot))
        gx, gy = dF_dxi * dxi_dx, -2.0 * off - dF_dxi * lean * dxi_dx
        g = np.hypot(gx, gy)
        inside = 0.5 * (np.sqrt(g * g + 4.0 * np.maximum(F, 0.0)) - g)
        inside = np.minimum(inside, np.minimum(xi - self.start, self.end - xi))
        g = np.maximum(g, 1e-9)
        return np.maximum(inside, 0.0), -gx / g, -gy / g


def outline(foot: Foot, anatomy: Anatomy, rx: InsolePrescription) -> Outline:
    """The outline of the underside. Raises DesignError where the footprint or polygon makes none."""
    given = rules.polygon(rx)
    if given is not None:
        x, lateral, medial = _given(np.array(given), f"{rx.outline} polygon", anatomy)
    else:
        x, lateral, medial = _from_foot(foot, anatomy, rx.extra_length_mm)
    start, end = float(x[0]), float(x[-1])
    lean, pivot, ramp = 0.0, anatomy.heel_y_mm, tuple(f * anatomy.length_mm for f in LEAN_RAMP)
    if rx.length != "full":
        lean = float((anatomy.mth1[0] - anatomy.mth5[0]) / (anatomy.mth1[1] - anatomy.mth5[1]))
    rows = Outline(x, np.zeros_like(x), np.ones_like(x), lean, pivot, (ramp[0], ramp[1]))
    lateral, medial = (_along_rows(rows, x, border) for border in (lateral, medial))
    x, centre, half2 = _round_ends(x, 0.5 * (lateral + medial), (0.5 * (medial - lateral)) ** 2, anatomy.length_mm)
    centre, half2 = _smooth(centre, "even"), _smooth(half2, "odd")
    half2 = _widen(x, half2, anatomy, rx)
    if rx.length != "full":
        end = float(anatomy.mth_x(np.array(pivot))) + FRONT_OF_MTH[rx.length] * anatomy.length_mm
        keep = x <= end
        x, centre, half2 = x[keep], centre[keep], half2[keep]
        half2 = half2 * np.maximum(1.0 - np.clip((x - end) / FRONT_CORNER_MM + 1.0, 0.0, 1.0) ** FRONT_POWER, 0.0)
    return _cut_ends(x, centre, half2, start, end, rows)


# ------------------------------------------------------------------ borders from polygons


def extents(polygons: tuple[Array, ...], x: Array, step_mm: float = STEP_MM) -> tuple[Array, Array]:
    """Least and greatest y of the polygons' edges at the even stations x (NaN where there is none)."""
    low, high = np.full(len(x), np.inf), np.full(len(x), -np.inf)
    for polygon in polygons:
        after = np.roll(polygon, -1, axis=0)
        count = np.maximum(np.ceil(2.0 * np.abs(after - polygon).max(axis=1) / step_mm).astype(int), 1)
        edge = np.repeat(np.arange(len(polygon)), count)
        t = (np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)) / count[edge]
        dense = polygon[edge] + t[:, None] * (after[edge] - polygon[edge])
        row = np.rint((dense[:, 0] - x[0]) / step_mm).astype(int)
        ok = (row >= 0) & (row < len(x))
        np.minimum.at(low, row[ok], dense[ok, 1])
        np.maximum.at(high, row[ok], dense[ok, 1])
    none = ~np.isfinite(low)
    low[none] = high[none] = np.nan
    return low, high


def _given(polygon: Array, name: str, anatomy: Anatomy) -> tuple[Array, Array, Array]:
    """Borders of a polygon that was given; DesignError where it turns back on itself along x, or does not lie under
    this foot from heel to ball."""
    change = {"outline": "foot", "outline_points_mm": None, "stock_points_mm": None}
    x = np.arange(polygon[:, 0].min(), polygon[:, 0].max() + 0.5 * STEP_MM, STEP_MM)
    lateral, medial = extents((polygon,), x)
    steps = np.sign(np.diff(np.append(polygon[:, 0], polygon[0, 0])))
    steps = steps[steps != 0]
    if (steps != np.roll(steps, 1)).sum() != 2 or len(x) < 100:
        raise DesignError(name, "a polygon that turns back", "one closed line from heel to toe and back", change=change)
    lateral, medial = _filled(x, lateral), _filled(x, medial)
    if x[0] > UNDER_HEEL * anatomy.length_mm or x[-1] < UNDER_BALL * anatomy.length_mm:
        found = f"{x[0]:.0f} to {x[-1]:.0f} mm"
        limit = f"under this foot from {UNDER_HEEL * anatomy.length_mm:.0f} to {UNDER_BALL * anatomy.length_mm:.0f} mm"
        raise DesignError(name, found, limit, change=change)
    ball = 0.5 * (anatomy.mth1 + anatomy.mth5)
    for station, middle in ((HEEL_STATION * anatomy.length_mm, anatomy.heel_y_mm), (ball[0], ball[1])):
        off = 0.5 * float(np.interp(station, x, lateral) + np.interp(station, x, medial)) - middle
        if abs(off) > ASIDE_MM:
            limit = f"its middle within {ASIDE_MM:g} mm of the foot's (in the foot frame, + medial)"
            raise DesignError(name, f"{off:.0f} mm aside at {station:.0f} mm", limit, change=change)
    return x, lateral, medial


def _filled(x: Array, values: Array) -> Array:
    ok = np.isfinite(values)
    return np.interp(x, x[ok], values[ok])


def _from_foot(foot: Foot, anatomy: Anatomy, extra_mm: float) -> tuple[Array, Array, Array]:
    """Borders of the tread, its hollows filled as an insole's are, moved to the insole's two ends."""
    length = anatomy.length_mm
    x = np.arange(-0.05 * length, 1.05 * length, STEP_MM)
    lateral, medial = _tread(foot, x, anatomy)
    seen = np.flatnonzero(np.isfinite(lateral))
    if len(seen) < 100 or x[seen[-1]] - x[seen[0]] < 0.5 * length:
        raise DesignError(
            "outline", "no footprint", "a tread outline from heel to ball", "give a last's outline_points_mm", {}
        )
    x, lateral, medial = (row[seen[0] : seen[-1] + 1] for row in (x, lateral, medial))
    lateral, medial = _filled(x, lateral), _filled(x, medial)
    x, lateral, medial = _toe_box(x, lateral, medial, anatomy)
    medial = _waist(x, medial, anatomy, 1.0)
    lateral = -_waist(x, -lateral, anatomy, 0.2)
    medial, lateral = _hull(x, medial, anatomy), -_hull(x, -lateral, anatomy)
    rear = (BACK_ALLOWANCE_MM - x[0]) * (1.0 - step(x, x[0], 0.3 * length))
    front = (anatomy.tip[0] + extra_mm - x[-1]) * step(x, 0.66 * length, x[-1])
    moved = np.maximum.accumulate(x + rear + front)
    even = np.linspace(moved[0], moved[-1], int((moved[-1] - moved[0]) / STEP_MM) + 1)
    return even, *_round_toes(even, np.interp(even, moved, lateral), np.interp(even, moved, medial), anatomy)


def _tread(foot: Foot, x: Array, anatomy: Anatomy) -> tuple[Array, Array]:
    """The tread, and where it is narrower than a last's bottom (an unloaded foot's is) the 25 mm outline less its
    excess; not at the medial waist, which an insole leaves hollow."""
    found = {f.method: f.polygons for f in foot.footprints if f.polygons}
    tread_l, tread_m = extents(found.get("tread_5mm", ()), x)
    wide_l, wide_m = extents(found.get("outline_25mm", ()), x)
    u = x / anatomy.length_mm
    wide_l, wide_m = (
        wide_l + OUTLINE_25_INSET_MM,
        wide_m - OUTLINE_25_INSET_MM - 40.0 * bump(u, (0.22, 0.34), (0.54, 0.66)),
    )
    none = wide_m - wide_l < 2.0 * OUTLINE_25_INSET_MM
    wide_l[none] = wide_m[none] = np.nan
    return np.fmin(tread_l, wide_l), np.fmax(tread_m, wide_m)


def _toe_box(x: Array, lateral: Array, medial: Array, anatomy: Anatomy) -> tuple[Array, Array, Array]:
    """At least a rounded box from either edge of the ball to the longest toe: no gap where toes float or part."""
    tip_x, tip_y = anatomy.tip
    more = np.arange(x[-1] + STEP_MM, tip_x - 0.5, STEP_MM)
    x = np.append(x, more)
    lateral, medial = (np.append(row, np.full(len(more), tip_y)) for row in (lateral, medial))
    borders = []
    for border, head, outward in ((lateral, anatomy.mth5, -1.0), (medial, anatomy.mth1, 1.0)):
        t = np.clip((x - head[0]) / (tip_x - head[0]), 0.0, 1.0)
        reach = max(outward * (head[1] - tip_y) - OUTLINE_25_INSET_MM, 0.04 * anatomy.length_mm)
        arc = outward * tip_y + reach * (1.0 - t**TOE_BOX_POWER) ** (1.0 / TOE_BOX_POWER)
        borders.append(outward * np.where(x > head[0], np.maximum(outward * border, arc), outward * border))
    return x, borders[0], borders[1]


def _round_toes(x: Array, lateral: Array, medial: Array, anatomy: Anatomy) -> tuple[Array, Array]:
    """No corners in front: both borders stay within a rounded box about the middle of the front end."""
    first = int(np.searchsorted(x, x[-1] - FRONT_ROUND * anatomy.length_mm))
    middle = 0.5 * anatomy.tip[1] + 0.25 * (lateral[first] + medial[first])
    t = np.clip((x - x[first]) / (x[-1] - x[first]), 0.0, 1.0)
    box = (1.0 - t**FRONT_ROUND_POWER) ** (1.0 / FRONT_ROUND_POWER)
    lowest, highest = middle + (lateral[first] - middle) * box, middle + (medial[first] - middle) * box
    return np.where(t > 0, np.maximum(lateral, lowest), lateral), np.where(t > 0, np.minimum(medial, highest), medial)


def _waist(x: Array, border: Array, anatomy: Anatomy, hollow: float) -> Array:
    """The border (positive outward), lifted to the chord heel–ball less the hollow that an insole's waist has."""
    length = anatomy.length_mm
    heel = np.flatnonzero((x > 0.08 * length) & (x < 0.28 * length))
    ball = np.flatnonzero((x > 0.58 * length) & (x < 0.80 * length))
    a, b = heel[np.argmax(border[heel])], ball[np.argmax(border[ball])]
    t = np.clip((x - x[a]) / (x[b] - x[a]), 0.0, 1.0)
    chord = border[a] + t * (border[b] - border[a]) - hollow * WAIST_HOLLOW * length * np.sin(np.pi * t) ** 2
    rounding = 0.02 * length * np.sin(np.pi * t) + 1e-9
    return np.where((x > x[a]) & (x < x[b]), smooth_max(border, chord, rounding), border)


def _hull(x: Array, border: Array, anatomy: Anatomy) -> Array:
    """From the ball on, the least concave curve above the border: gaps between toes are closed."""
    first = int(np.searchsorted(x, 0.62 * anatomy.length_mm))
    keep: list[int] = []
    for i in range(first, len(x)):
        while len(keep) > 1:
            a, b = keep[-2], keep[-1]
            if (border[b] - border[a]) * (x[i] - x[a]) > (border[i] - border[a]) * (x[b] - x[a]):
                break
            keep.pop()
        keep.append(i)
    hull = border.copy()
    hull[first:] = np.interp(x[first:], x[keep], border[keep])
    return hull


# ------------------------------------------------------------------ width and ends


def _along_rows(rows: Outline, xi: Array, border: Array) -> Array:
    """A border y(x) as y(ξ) along the leaning rows."""
    if rows.lean == 0.0:
        return border
    y = border
    for _ in range(30):
        y = 0.5 * (y + np.interp(rows.x_of(xi, y), xi, border))
    return y


def _widen(x: Array, half2: Array, anatomy: Anatomy, rx: InsolePrescription) -> Array:
    """Offsets a side at heel, waist and ball, blended between; the ends stay where they are."""
    length, half = anatomy.length_mm, np.sqrt(np.maximum(half2, 0.0))
    names = ("outline_offset_heel_mm", "outline_offset_waist_mm", "outline_offset_ball_mm")
    asked = {name: float(getattr(rx, name)) for name in names}

    def widened(offsets: dict[str, float]) -> tuple[Array, int | None]:
        """The half-width, and where it is narrowest if that is no insole."""
        heel, waist, ball = offsets.values()
        heel += rx.heel_expansion_mm
        offset = heel + (waist - heel) * step(x, 0.22 * length, 0.38 * length)
        offset = offset + (ball - waist) * step(x, 0.48 * length, 0.62 * length)
        wide = half + offset * np.tanh((half / 12.0) ** 2)
        narrow = np.flatnonzero((wide < MIN_HALF_WIDTH * length) & (x > 0.1 * length) & (x < 0.7 * length))
        return wide, int(narrow[np.argmin(wide[narrow])]) if len(narrow) else None

    wide, at = widened(asked)
    if at is None:
        return np.asarray(wide**2)
    found = f"half-width {wide[at]:.1f} mm at {x[at]:.0f} mm"
    limit = f"at least {MIN_HALF_WIDTH * length:.1f} mm from heel to ball"
    for more in np.arange(0.5, 8.5, 0.5):
        less = {name: min(offset + float(more), max(offset, 0.0)) for name, offset in asked.items()}
        if widened(less)[1] is None:
            change = {name: value for name, value in less.items() if value != asked[name]}
            raise DesignError("outline", found, limit, change=change)
    raise DesignError("outline", found, limit, "a better scan, or a last's outline", {})


def _round_ends(x: Array, centre: Array, half2: Array, length: float) -> tuple[Array, Array, Array]:
    """Ends that come to a half-width of nothing, no more pointed than a circle's arc; x may grow a little at both."""
    radius = (HEEL_RADIUS * length, TOE_RADIUS * length)
    grown = [int(half2[i] / (2.0 * r * STEP_MM)) + 1 for i, r in zip((0, -1), radius)]
    x = x[0] + (np.arange(len(x) + sum(grown)) - grown[0]) * ((x[-1] - x[0]) / (len(x) - 1))
    centre = np.pad(centre, grown, mode="edge")
    rear, front = (np.linspace(0.0, half2[i], n, endpoint=False) for i, n in zip((0, -1), grown))
    half2 = np.concatenate([rear, half2, front[::-1]])
    inward = np.minimum(x - x[0], x[-1] - x)
    r = np.where(x < 0.5 * (x[0] + x[-1]), *radius)
    return x, centre, np.maximum(half2, np.where(inward < 0.5 * r, (2.0 * r - inward) * inward, 0.0))


def _smooth(values: Array, ends: Literal["even", "odd"]) -> Array:
    """Smoothed twice, the second time what the first took off: waves of the scan go, the heel's roundness stays."""
    once = gaussian(values, SMOOTH_MM / STEP_MM, ends)
    return once + gaussian(values - once, SMOOTH_MM / STEP_MM, ends)


def _cut_ends(x: Array, centre: Array, half2: Array, start: float, end: float, rows: Outline) -> Outline:
    """First and last row at END_HALF_WIDTH_MM, moved onto the ends that were asked."""
    ok = np.flatnonzero(half2 >= END_HALF_WIDTH_MM**2)
    first, last = _crossing(x, half2, ok[0], -1), _crossing(x, half2, ok[-1], 1)
    scale = (end - start) / (last - first)
    xi = np.linspace(start, end, int((end - start) / STEP_MM) + 1)
    source = first + (xi - start) / scale
    c, h = np.interp(source, x, centre), np.interp(source, x, half2)
    return Outline(xi, c, np.maximum(h, END_HALF_WIDTH_MM**2), rows.lean, rows.pivot, rows.ramp)


def _crossing(x: Array, half2: Array, at: int, direction: int) -> float:
    """Station just outside sample ``at`` where the half-width is END_HALF_WIDTH_MM."""
    out = at + direction
    if not 0 <= out < len(x):
        return float(x[at])
    t = (half2[at] - END_HALF_WIDTH_MM**2) / max(half2[at] - half2[out], 1e-12)
    return float(x[at] + t * (x[out] - x[at]))
