"""The foot axis and the named points, by geometric rules (design frame: a right foot, +y medial, floor at z = 0).

Definitions: see :mod:`footscan.measures`. Axis and landmarks depend on each other, so both are repeated until the axis
stands still.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from footscan.arrays import median, quantiles
from footscan.errors import ScanError
from footscan.frame import compose, transform, turn_z
from footscan.measures.fit import crest, extreme
from footscan.measures.profiles import Profile, hills, profile
from footscan.types import Array

CLEAR_MM = 2.5  #: no extreme of the plan lies lower, but what is left of a scanned floor does
CONTACT_MM = 2.0  #: the skin this near the floor is the contact print
LOW_MM, BALL_LOW_MM = 40.0, 5.0  #: heel and ball are looked for below this height, the ball above the other
TOES_BELOW = 0.3  #: of the plan's length: an unloaded foot carries its toes high
MTH1_RANGE, MTH5_RANGE = (0.66, 0.80), (0.56, 0.72)  #: of foot length
MTH1_STATION, MTH5_STATION = 0.74, 0.635  #: of foot length (ANSUR: 0.741 ± 0.015; Chinese last design: 0.635)
MTH_SD = 0.02  #: of foot length: how people differ in these (ANSUR's 0.015, with room)
ONE_HILL = 0.03  #: of foot length: a top so near to the highest station is of its hill
OVERSHOT_MM = 0.5  #: the highest station stands out over its own skin by no more
SAME_TOP_MM = 3.0  #: tops nearer to each other are one, found twice
INSTEP_STATION = 0.553  #: of foot length (Chinese last design, as commonly quoted)
TOE1_BULGE_RANGE, TOE5_BULGE_RANGE = (0.84, 0.95), (0.72, 0.86)  #: around the priors 0.90 and 0.78
AXIS_STILL_DEG = 0.05
MOST_TURNS = 8
BEND_DEG = (float(np.radians(24.0)), float(np.radians(62.0)))  #: the ankle bend, seen from the heel's landing point
TOE_PROMINENCE_MM, TOE_DISTANCE_MM = 1.2, 7.0
TOE_MM = 15.0  #: the longest toe's foremost skin is nearer than this to the tip of one of the toes
CONTOUR_MM, CONTOUR_POINTS = 1.2, 55.0  #: arc of the front contour that shares one radius, and points that it needs
CREST_HEIGHT_MM = 8.0  #: half the height of the skin that the ball's tops are read from
MTH1_WINDOW, MTH5_WINDOW = 0.042, 0.042  #: of foot length: half the stretch of the edge that its top is read from
#: of the length: a toe's tip lies farther on than these, medial of the longest toe and lateral of it; behind them is
#: the ball, whose bulge is a hill too
FOREMOST, REARMOST = 0.85, 0.74
RAGGED = 2.0  #: times the raggedness of the contour: so much deeper must a cleft be
CLEFT_MM = 2.5  #: between hallux and second toe, where toes are apart


@dataclass(frozen=True, eq=False)
class Located:
    """One foot in its frame: ``points`` (n, 3) mm, the turn that led there, ``marks`` name -> (3,), the axis used, and
    the profiles that later measures read (plan edges, dorsal ridge)."""

    points: Array
    T_foot_rough: Array
    marks: dict[str, Array]
    axis: str
    length: float
    medial: Profile
    lateral: Profile
    ridge: Profile
    toes: int


def locate(rough: Array, axis: str | None = None, settled: bool = False) -> Located:
    """Find axis and landmarks of one foot. rough (n, 3) mm: x roughly heel to toe, medial at +y, floor at z = 0.

    ``axis`` None: ``toe2`` where toes can be told apart, else ``ball_centre``. ``settled``: the points
    are in a frame already, and one turn may do. ScanError without heel or ball.
    """
    T, points = np.eye(4), rough
    marks: dict[str, Array] = {}
    tips: list[Array] = []
    for turn in range(MOST_TURNS):
        # stage 1: heel, toes
        clear = points[points[:, 2] >= CLEAR_MM]
        low = clear[clear[:, 2] <= LOW_MM]
        marks["pternion"] = _pternion(low)
        # tips are places on the skin: once the heading is nearly right they only turn with it
        if turn < (1 if settled else 2):
            front = clear[clear[:, 2] <= TOES_BELOW * np.ptp(low[:, 0])]
            marks["longest_toe"] = _longest_toe(front)
            tips = _toe_tips(front, marks["pternion"], marks["longest_toe"])
        # stage 2: the axis that they give, with the ball where it is asked for
        used = axis or ("toe2" if len(tips) >= 2 else "ball_centre")
        by_toe = used == "toe2" and len(tips) >= 2
        if not by_toe:
            marks |= _ball(low, marks["pternion"], marks["longest_toe"])
        ahead = (tips[1] if by_toe else (marks["mth1"] + marks["mth5"]) / 2) - marks["pternion"]
        angle = float(np.arctan2(ahead[1], ahead[0]))
        x, y, _ = marks["pternion"]
        step = compose(np.eye(3), np.array([-x, -y, 0.0])) @ turn_z(-angle, (x, y))
        still = abs(np.degrees(angle)) < AXIS_STILL_DEG and np.hypot(x, y) < 0.1
        last = (still and (settled or turn >= 2)) or turn == MOST_TURNS - 1
        if by_toe and last:
            marks |= _ball(low, marks["pternion"], marks["longest_toe"])
        # stage 3: turn all into it
        T = step @ T
        points = transform(T, rough)
        marks = {name: transform(step, p[None])[0] for name, p in marks.items()}
        tips = [transform(step, p[None])[0] for p in tips]
        if last:
            break
    # with fewer than five hills only the first two are sure to be the first two toes
    marks |= {f"toe{k + 1}_tip": tip for k, tip in enumerate(tips if len(tips) == 5 else tips[:2])}
    length = float(marks["longest_toe"][0])
    plan = points[(points[:, 2] >= 2.0) & (points[:, 2] <= np.where(points[:, 0] > 0.75 * length, 80.0, LOW_MM))]
    medial, lateral = (profile(plan, along=0, out=1, sign=s) for s in (1.0, -1.0))
    ridge = profile(points, along=0, out=2, sign=1.0, step_mm=3.0)
    found = Located(points, T, marks, used, length, medial, lateral, ridge, len(tips))
    return replace(found, marks=marks | _more_marks(found))


def _pternion(low: Array) -> Array:
    """The rearmost point of the surface below 40 mm."""
    heel = extreme(low[low[:, 0] < quantiles(low[:, 0], 0.08)[0]], axis=0, sign=-1.0, patch_mm=12.0)
    if heel is None:
        raise ScanError("expected a heel, found too few points at the rear end of the foot")
    return heel


def _ball(low: Array, heel: Array, toe: Array) -> dict[str, Array]:
    """MTH1 and MTH5: the outermost places of the plan in their stretch of the length, 5–40 mm high."""
    length = float(toe[0] - heel[0])
    marks = {}
    for name, sign, (a, b), window, prior in (
        ("mth1", 1.0, MTH1_RANGE, MTH1_WINDOW, MTH1_STATION),
        ("mth5", -1.0, MTH5_RANGE, MTH5_WINDOW, MTH5_STATION),
    ):
        near = low[(low[:, 2] >= BALL_LOW_MM) & (low[:, 0] > heel[0] + (a - 0.08) * length)]
        edge = profile(near[near[:, 0] < heel[0] + (b + 0.08) * length], along=0, out=1, sign=sign)
        found = edge.peak(heel[0] + a * length, heel[0] + b * length, window * length)
        if found is None:
            raise ScanError(f"expected the ball of the foot at {a:.2f} to {b:.2f} of its length, found no points there")
        there = edge.value(found[0])  # at the rim of a hole the cubic overshoots
        reach = there if sign * (found[1] - there) > OVERSHOT_MM else found[1]
        place, usual = (
            np.array([x, y, np.interp(x, edge.at, np.nan_to_num(edge.cross, nan=15.0))])
            for x, y in ((found[0], reach), (heel[0] + prior * length, edge.value(heel[0] + prior * length)))
        )
        # all points of a hill together say more than its stations one by one: from the highest station, which may be
        # noise on a broad hill, and from the usual one
        skin, half = near[near[:, 2] <= LOW_MM], (window * length, CREST_HEIGHT_MM)
        tops = [top for start in (place, usual) if (top := crest(skin, 1, sign, start, half, BALL_LOW_MM)) is not None]
        tops = [top for top in tops if heel[0] + a * length <= top[0][0] <= heel[0] + b * length]
        marks[name] = _likeliest(tops, place, usual, sign, length)
    return marks


def _likeliest(tops: list[tuple[Array, float]], place: Array, usual: Array, sign: float, length: float) -> Array:
    """Of the tops, and of the highest station where no top belongs to its hill: the one that lies least below the
    highest, in standard errors of a height, and least far from the usual place, in people's SD."""
    found = [top for top, _ in tops]
    if not any(abs(top[0] - place[0]) < ONE_HILL * length for top in found):
        found.append(place)
    highest = max(sign * top[1] for top in found)
    error = np.sqrt(2.0) * max([1e-3, *(error for _, error in tops)])

    def unlikely(top: Array) -> float:
        return float(((highest - sign * top[1]) / error) ** 2 + ((top[0] - usual[0]) / (MTH_SD * length)) ** 2)

    best = min(found, key=unlikely)
    return next(top for top in found if abs(top[0] - best[0]) < SAME_TOP_MM)


def _longest_toe(front: Array) -> Array:
    """The foremost point of the surface."""
    specks = min(9, len(front) // 1000)  # so many may stand ahead of the toes
    foremost = np.sort(front[:, 0])[-1 - specks]
    tip = extreme(
        front[(front[:, 0] > foremost - 25.0) & (front[:, 0] < foremost + 4.0)], axis=0, sign=1.0, patch_mm=6.0
    )
    if tip is None:
        raise ScanError("expected toes, found too few points at the front end of the foot")
    return tip


def _toe_tips(front: Array, heel: Array, toe: Array) -> list[Array]:
    """Toe tips, medial first; none where the first two toes can't be told apart (sock, coarse scan)."""
    # stage 1: the front contour in polar coordinates around a point ahead of the heel
    length = float(toe[0] - heel[0])
    origin = heel[:2] + np.array([0.25 * length, 0.0])
    front = front[front[:, 0] > heel[0] + 0.62 * length]
    d = front[:, :2] - origin
    phi, r = np.arctan2(d[:, 1], d[:, 0]), np.hypot(d[:, 0], d[:, 1])
    first, last = float(phi.min()), float(phi.max())
    arc_mm = CONTOUR_MM * max(1.0, CONTOUR_POINTS * (last - first) * 0.7 * length / CONTOUR_MM / len(front))
    step = arc_mm / (0.7 * length)
    own = ((phi - first) / step).astype(np.int64)
    bins = int(own.max()) + 1
    order = np.lexsort((-r, own))
    start = np.searchsorted(own[order], np.arange(bins))
    count = np.bincount(own, minlength=bins)
    skip = np.minimum(np.clip(count // 16, 2, 8), np.maximum(count - 1, 0))  # specks between the toes are no skin
    contour = np.where(count > 0, r[order[np.minimum(start + skip, len(order) - 1)]], 0.0)
    if np.mean(count[2:-2] > 2) < 0.9:
        return []
    contour = np.asarray(np.convolve(np.pad(contour, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid"))
    # few points make a ragged contour, whose gaps are no clefts
    ragged = median(np.abs(contour[:-2] - 2 * contour[1:-1] + contour[2:]))
    # stage 2: its hills, each fitted on the surface
    tips, prominences = [], []
    for k, prominence in hills(np.pad(contour, 1), TOE_PROMINENCE_MM, apart=max(1, int(TOE_DISTANCE_MM / arc_mm))):
        angle = first + (k - 0.5) * step
        place = origin + contour[k - 1] * np.array([np.cos(angle), np.sin(angle)])
        near = front[np.hypot(*(front[:, :2] - place).T) < 9.0]
        tip = extreme(near, axis=0, sign=1.0, patch_mm=5.0)
        if tip is None and np.hypot(*(place - toe[:2])) < TOE_MM:  # too ragged for a fit, and a toe all the same
            tip = toe
        if tip is not None and tip[0] - heel[0] > (FOREMOST if tip[1] > toe[1] else REARMOST) * length:
            tips.append(tip)
            prominences.append(prominence)
    medial_first = sorted(range(len(tips)), key=lambda k: -tips[k][1])
    tips = [tips[k] for k in medial_first]
    # stage 3: are they toes? the cleft beside the hallux must be deep, there are at most five, one of them the longest
    if not 2 <= len(tips) <= 5 or min(prominences[k] for k in medial_first[:2]) < CLEFT_MM + RAGGED * ragged:
        return []
    if min(np.hypot(*(tip - toe)[:2]) for tip in tips) > TOE_MM:
        return []
    return tips


def _more_marks(foot: Located) -> dict[str, Array]:
    """Landmarks that hang on axis and length: heel, instep, ankle, malleoli, toe bulges."""
    p, length = foot.points, foot.length
    marks: dict[str, Array] = {}
    landing = _heel_landing(p, length)
    if landing is not None:
        marks["heel_landing"] = landing
    for name, edge in (("heel_medial", foot.medial), ("heel_lateral", foot.lateral)):
        found = edge.peak(0.08 * length, 0.24 * length, 12.0)
        if found is not None:
            marks[name] = np.array([found[0], found[1], 15.0])
    top = foot.ridge.value(INSTEP_STATION * length)
    if np.isfinite(top):
        y = float(np.interp(INSTEP_STATION * length, foot.ridge.at, np.nan_to_num(foot.ridge.cross)))
        marks["instep"] = np.array([INSTEP_STATION * length, y, top])
    bend = _ankle_bend(foot, marks["heel_landing"]) if "heel_landing" in marks else None
    if bend is not None:
        marks["ankle_bend"] = bend
    for name, edge, (a, b) in (
        ("toe1_bulge", foot.medial, TOE1_BULGE_RANGE),
        ("toe5_bulge", foot.lateral, TOE5_BULGE_RANGE),
    ):
        found = edge.peak(a * length, b * length, 6.0)
        if found is not None:
            z = float(np.interp(found[0], edge.at, np.nan_to_num(edge.cross, nan=12.0)))
            marks[name] = np.array([found[0], found[1], z])
    for name, sign, (a, b) in (("malleolus_medial", 1.0, (0.22, 0.42)), ("malleolus_lateral", -1.0, (0.19, 0.37))):
        mark = _malleolus(p, length, sign, a * length, b * length)
        if mark is not None:
            marks[name] = mark
    return marks


def _heel_landing(p: Array, length: float) -> Array | None:
    """The rear end of the contact print, laid on the floor: where the skin behind the heel comes within 2 mm of it.

    Read off the heel's outline from the side, its rear reach a millimetre of height at a time: under 2.5 mm what is
    left of a scanned floor would be taken for skin.
    """
    rear = p[(p[:, 0] < 0.2 * length) & (p[:, 2] < 14.0) & (p[:, 2] >= CLEAR_MM) & (np.abs(p[:, 1]) < 0.1 * length)]
    edge = profile(rear, along=2, out=0, sign=-1.0, step_mm=1.0)
    good = np.isfinite(edge.reach)
    if good.sum() < 5:
        return None
    # the heel is round: its rear reach over the root of the height is all but a straight line there
    root = np.sqrt(edge.at[good])
    c = np.polynomial.polynomial.polyfit(root, edge.reach[good], 2)
    x = float(np.polynomial.polynomial.polyval(np.sqrt(CONTACT_MM), c))
    return np.array([x, float(np.median(edge.cross[good][:3])), 0.0])


def _ankle_bend(foot: Located, landing: Array) -> Array | None:
    """The place of the dorsal skin line nearest to the heel's landing point.

    A tape around heel and ankle settles there. None where the leg is too short for one.
    """
    p, length = foot.points, foot.length
    d = p[:, [0, 2]] - landing[[0, 2]]
    angle, reach = np.arctan2(d[:, 1], d[:, 0]), np.hypot(d[:, 0], d[:, 1])
    near = (angle > BEND_DEG[0] - 0.1) & (angle < BEND_DEG[1] + 0.1) & (reach > 0.15 * length)
    # the skin line in polar coordinates around the heel, its angle as an arc, so that the fit sees millimetres
    arc = 0.45 * length
    line = profile(np.stack([angle * arc, p[:, 1], reach], axis=1)[near], along=0, out=2, sign=1.0, step_mm=3.0)
    nearest = replace(line, reach=-line.reach, steady=None).peak(BEND_DEG[0] * arc, BEND_DEG[1] * arc, 12.0)
    if nearest is None or not nearest[2]:
        return None
    at, r = nearest[0] / arc, -nearest[1]
    y = float(np.interp(nearest[0], line.at, np.nan_to_num(line.cross)))
    return np.array([landing[0] + r * np.cos(at), y, landing[2] + r * np.sin(at)])


def _malleolus(p: Array, length: float, sign: float, low: float, high: float) -> Array | None:
    """The hill on the side of the ankle between ``low`` and ``high`` mm above the floor; None if there is none."""
    ankle = p[(p[:, 0] > 0.1 * length) & (p[:, 0] < 0.34 * length) & (p[:, 2] > low - 25.0) & (p[:, 2] < high + 25.0)]
    if len(ankle) < 100 or ankle[:, 2].max() < low + 20.0:
        return None
    side = profile(ankle, along=2, out=1, sign=sign, step_mm=2.5)
    good = np.isfinite(side.reach)
    z, reach = side.at[good], sign * side.reach[good]
    if len(z) < 12:
        return None
    smooth = np.convolve(np.pad(reach, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    inside = [(rise, k) for k, rise in hills(smooth, 0.4) if low < z[k] < high]
    if not inside:
        return None
    k = max(inside)[1]
    found = side.peak(z[k] - 8.0, z[k] + 8.0, 8.0)
    if found is None:
        return None
    x = float(np.interp(found[0], side.at[good], side.cross[good]))
    return np.array([x, found[1], found[0]])
