"""Lengths, breadths, heights and angles that hang on landmarks and edge profiles (definitions: footscan.measures)."""

from __future__ import annotations

import numpy as np

from footscan.arrays import least_squares, median, quantiles
from footscan.measures.landmarks import Located
from footscan.measures.profiles import Profile, profile
from footscan.types import Array, Measure

TOE1_STATION, TOE5_STATION = 0.90, 0.78  #: of foot length: the toes' joints (Chinese last design, as commonly quoted)
TOE_STRIP_MM = 20.0
STRIP_BEHIND_MM, STRIP_AHEAD_MM = 12.0, 5.0  #: the skin around a rear strip's end that its breadth is read from
NO_POINTS = "too few points there"
LEG_SHORT = "the scan ends below it"


def lengths(foot: Located) -> dict[str, Measure]:
    """Lengths and breadths along and across the foot axis."""
    marks, length = foot.marks, foot.length
    mth1, mth5 = marks["mth1"], marks["mth5"]
    axis = f"axis {foot.axis}"
    across = _outermost(foot.medial, length) - _outermost(foot.lateral, length)
    heel = _breadth(foot, 0.16)
    rear = [w for w in (_breadth(foot, s) for s in np.arange(0.06, 0.205, 0.01)) if w is not None]
    return {
        "foot_length_mm": Measure(length, method=axis),
        "ball_length_medial_mm": Measure(float(mth1[0]), method=axis),
        "ball_length_lateral_mm": Measure(float(mth5[0]), method=axis),
        "truncated_foot_length_mm": Measure(float(mth1[0]), method=f"{axis}; ball_length_medial_mm"),
        "foot_breadth_mm": Measure(float(np.hypot(*(mth1 - mth5)[:2])), method="mth1 to mth5 in plan"),
        "foot_breadth_orthogonal_mm": value_or_reason(across, f"{axis}, across"),
        "heel_breadth_mm": value_or_reason(heel, f"{axis}, 16 % of length, z <= 40 mm"),
        "heel_breadth_max_mm": value_or_reason(max(rear) if rear else None, f"{axis}, widest in the rear 20 %"),
    }


def _outermost(edge: Profile, length: float) -> float:
    """The farthest reach of an edge ahead of 0.3 L: at the ball mostly, or at a toe. NaN without points."""
    top = edge.peak(0.52 * length, 0.82 * length, 0.03 * length)
    ahead = edge.sign * smoothed(edge.reach)[(edge.at > 0.3 * length) & (edge.at < 0.99 * length)]
    reach = [edge.sign * top[1]] if top is not None else []
    if np.isfinite(ahead).any() and (top is None or np.nanmax(ahead) > reach[0] + 0.2):  # clear of noise
        reach.append(float(np.nanmax(ahead)))
    return edge.sign * max(reach) if reach else float("nan")


def value_or_reason(value: float | None, method: str, reason: str = NO_POINTS) -> Measure:
    """The measure, or the missing one with its reason where there is no finite value."""
    return (
        Measure.missing(reason, method)
        if value is None or not np.isfinite(value)
        else Measure(float(value), method=method)
    )


def _breadth(foot: Located, station: float) -> float | None:
    at = station * foot.length
    width = foot.medial.value(at) - foot.lateral.value(at)
    return float(width) if np.isfinite(width) else None


def heights(foot: Located) -> dict[str, Measure]:
    """Heights of the dorsum, the toes, the ankle and the navicular above the floor."""
    length, marks = foot.length, foot.marks
    top50, top55 = foot.ridge.value(0.50 * length), foot.ridge.value(0.55 * length)
    found = {
        "instep_height_mm": value_or_reason(top50, "highest point at 50 % of length"),
        "dorsum_height_50_mm": value_or_reason(top50, "highest point at 50 % of length"),
        "instep_height_55_mm": value_or_reason(top55, "highest point at 55 % of length"),
    }
    ahi = top50 / float(marks["mth1"][0])
    found["arch_height_index"] = value_or_reason(ahi, "dorsum_height_50_mm / truncated_foot_length_mm")
    for side in ("medial", "lateral"):
        mark = marks.get(f"malleolus_{side}")
        tall = float(foot.points[foot.points[:, 0] < 0.35 * length, 2].max(initial=0.0))
        reason = LEG_SHORT if tall < 0.36 * length else "no prominence on the side of the ankle"
        key = f"malleolus_{side}_height_mm"
        found[key] = value_or_reason(None if mark is None else float(mark[2]), "prominence of the ankle's side", reason)
    medial, lateral = marks.get("malleolus_medial"), marks.get("malleolus_lateral")
    apart = None if medial is None or lateral is None else float(medial[1] - lateral[1])
    found["bimalleolar_breadth_mm"] = value_or_reason(apart, "across the axis", "a malleolus was not found")
    for toe, station, sign in (("toe1", TOE1_STATION, 1.0), ("toe5", TOE5_STATION, -1.0)):
        method = f"highest point at {station:.2f} of length, outer {TOE_STRIP_MM:.0f} mm"
        found[f"{toe}_height_mm"] = value_or_reason(_toe_height(foot, station, sign), method)
    navicular = _navicular(foot)
    found["navicular_height_mm"] = (
        Measure.missing(NO_POINTS)
        if navicular is None
        else Measure(navicular, method="medial prominence at 0.36 to 0.48 of length, no marker", quality="estimated")
    )
    return found


def _toe_height(foot: Located, station: float, sign: float) -> float | None:
    """The highest point over the outer 20 mm of the foot at the station of a toe's joint."""
    at = station * foot.length
    edge = (foot.medial if sign > 0 else foot.lateral).value(at)
    near = (np.abs(foot.points[:, 0] - at) < 9.0) & (sign * foot.points[:, 1] > sign * edge - TOE_STRIP_MM)
    if not np.isfinite(edge) or near.sum() < 30:
        return None
    value = profile(foot.points[near], along=0, out=2, sign=1.0, step_mm=3.0).value(at)
    return value if np.isfinite(value) else None


def _navicular(foot: Located) -> float | None:
    p, length = foot.points, foot.length
    near = (p[:, 0] > 0.36 * length) & (p[:, 0] < 0.48 * length) & (p[:, 2] > 0.05 * length) & (p[:, 2] < 0.26 * length)
    if near.sum() < 60:
        return None
    side = profile(p[near & (p[:, 1] > 0)], along=2, out=1, sign=1.0, step_mm=3.0)
    found = side.peak(0.07 * length, 0.24 * length, 12.0)
    return None if found is None else found[0]


def angles(foot: Located) -> dict[str, Measure]:
    """Toe, ball and rearfoot angles (degrees), and the order of the toes."""
    marks, length = foot.marks, foot.length
    found: dict[str, Measure] = {}
    lines = {}
    for toe, edge, sign in (("toe1", foot.medial, 1.0), ("toe5", foot.lateral, -1.0)):
        at, reach = edge.at, sign * smoothed(edge.reach)
        tangent = _tangent(at, reach, length)
        method = "tangent of heel and ball against the line ball to toe"
        if tangent is None:
            found[f"{toe}_angle_deg"] = Measure.missing(NO_POINTS, method)
            continue
        slope, contact = tangent
        lines[toe] = slope
        window = (0.82, 0.97) if toe == "toe1" else (0.75, 0.88)  # behind it the ball still stands out
        near = np.isfinite(reach) & (at > window[0] * length) & (at < window[1] * length)
        near &= at > contact[0] + 0.06 * length
        if near.sum() < 3:
            found[f"{toe}_angle_deg"] = Measure.missing(NO_POINTS, method)
            continue
        to_toe = (reach[near] - contact[1]) / (at[near] - contact[0])
        found[f"{toe}_angle_deg"] = Measure(
            float(np.degrees(np.arctan(slope) - np.arctan(to_toe.max()))), method=method
        )
    # ball angle: MTH5–MTH1 against the medial heel tangent
    if "toe1" in lines:
        d = (marks["mth5"] - marks["mth1"])[:2]
        rearward = -np.array([1.0, lines["toe1"]])
        cos = d @ rearward / np.linalg.norm(d) / np.linalg.norm(rearward)
        found["ball_angle_deg"] = Measure(
            float(np.degrees(np.arccos(cos))), method="mth5–mth1 against the medial heel tangent"
        )
    else:
        found["ball_angle_deg"] = Measure.missing(NO_POINTS)
    found["rearfoot_angle_deg"] = _rearfoot(foot)
    found["toe_type"] = _toe_type(foot)
    return found


def smoothed(reach: Array) -> Array:
    """An edge with its noise taken off by local parabolas over seven stations (Savitzky & Golay 1964,
    doi:10.1021/ac60214a047); stations beside a gap or the end stay as they are."""
    weights = np.array([-2.0, 3.0, 6.0, 7.0, 6.0, 3.0, -2.0]) / 21.0
    smooth = np.convolve(np.pad(reach, 3, mode="edge"), weights, mode="valid")
    smooth[:3], smooth[-3:] = reach[:3], reach[-3:]
    return np.where(np.isfinite(smooth), smooth, reach)


def _tangent(at: Array, reach: Array, length: float) -> tuple[float, Array] | None:
    """The line that touches the rear and the front part of an edge from outside: slope, contact point at the ball."""
    good = np.isfinite(reach)
    rear = good & (at > 0.06 * length) & (at < 0.3 * length)
    fore = good & (at > 0.55 * length) & (at < 0.82 * length)
    if rear.sum() < 4 or fore.sum() < 4:
        return None
    k = np.flatnonzero(rear)[0]
    for _ in range(20):  # from the heel contact the outermost ball point, from that the outermost heel point, and again
        j = np.flatnonzero(fore)[np.argmax((reach[fore] - reach[k]) / (at[fore] - at[k]))]
        m = np.flatnonzero(rear)[np.argmax((reach[rear] - reach[j]) / (at[j] - at[rear]))]
        if m == k:
            break
        k = m
    return float((reach[j] - reach[k]) / (at[j] - at[k])), np.array([at[j], reach[j]])


def _rearfoot(foot: Located) -> Measure:
    """Mid-line of the posterior heel against that of the rear third of the leg, seen from behind; eversion positive."""
    p, length = foot.points, foot.length
    method = "heel strip x < 0.12 L, z 15–45 mm, against the rear third of the leg"
    malleolus = foot.marks.get("malleolus_lateral")
    start = (float(malleolus[2]) if malleolus is not None else 0.28 * length) + 30.0
    tall = float(p[p[:, 0] < 0.5 * length, 2].max(initial=0.0))
    if tall < start + 60.0:
        return Measure.missing(f"the leg ends {tall:.0f} mm above the floor, {start + 60.0:.0f} mm are needed", method)
    heel = p[(p[:, 0] < 0.12 * length + STRIP_AHEAD_MM) & (p[:, 2] > 15.0) & (p[:, 2] < 45.0)]
    leg = p[(p[:, 2] > start) & (p[:, 0] < 0.6 * length)]
    lines = [_mid_line(heel, 3.0, 0.12 * length), _mid_line(leg, 5.0, None)]
    if lines[0] is None or lines[1] is None:
        return Measure.missing(NO_POINTS, method)
    return Measure(float(np.degrees(np.arctan(lines[0]) - np.arctan(lines[1]))), method=method)


def _mid_line(p: Array, step: float, limit: float | None) -> float | None:
    """Slope dy/dz of the middle of a rear strip's extent in y, a level of ``step`` mm at a time.

    The strip ends at x = ``limit``, or (None) at a third of each level's depth. Each side's reach is read off a
    parabola over the skin around that end: there, or a little behind, the strip is widest.
    """
    if len(p) < 60:
        return None
    own = ((p[:, 2] - p[:, 2].min()) / step).astype(np.int64)
    z, middle = [], []
    for k in range(int(own.max()) + 1):
        level = p[own == k]
        if len(level) < 40:
            continue
        rear, front = quantiles(level[:, 0], 0.005, 0.995)
        end = rear + (front - rear) / 3 if limit is None else limit
        centre = median(level[level[:, 0] < end + STRIP_AHEAD_MM, 1])
        sides = [_reach_behind(level, end, centre, sign) for sign in (1.0, -1.0)]
        if sides[0] is not None and sides[1] is not None:
            z.append(float(level[:, 2].mean()))
            middle.append((sides[0] + sides[1]) / 2)
    return float(np.polyfit(z, middle, 1)[0]) if len(z) >= 5 else None


def _reach_behind(level: Array, end: float, centre: float, sign: float) -> float | None:
    """The farthest y towards ``sign`` of a level's skin (n, 3) at or behind x = ``end``; None without points."""
    x, out = level[:, 0] - end, sign * (level[:, 1] - centre)
    near = (x > -STRIP_BEHIND_MM) & (x < STRIP_AHEAD_MM) & (out > 0.0)
    if near.sum() < 8:
        return None
    x, out = x[near], out[near]
    keep, powers = np.ones(len(x), dtype=np.bool_), np.vander(x, 3, increasing=True)
    for _ in range(2):
        c = least_squares(powers[keep], out[keep])
        off = np.abs(out - powers @ c)
        keep = off < 3.5 * 1.4826 * median(off) + 0.1
    places = np.linspace(max(-STRIP_BEHIND_MM, float(x.min())), min(0.0, float(x.max())), 15)
    return float(centre + sign * (c[0] + places * (c[1] + places * c[2])).max())


def _toe_type(foot: Located) -> Measure:
    first, second = foot.marks.get("toe1_tip"), foot.marks.get("toe2_tip")
    if first is None or second is None:
        return Measure.missing("the toes can't be told apart (sock, or too coarse)")
    ahead = float(first[0] - second[0])
    kind = "square" if abs(ahead) < 1.5 else "egyptian" if ahead > 0 else "greek"
    return Measure(kind, method=f"hallux {ahead:+.1f} mm ahead of the second toe")
