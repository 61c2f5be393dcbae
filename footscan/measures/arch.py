"""The print under the foot and the arch over it (definitions: footscan.measures).

Arch index: Cavanagh & Rodgers 1987, J Biomech 20:547, doi:10.1016/0021-9290(87)90255-7; here of a scan's 2 mm contact.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import ndimage

from footscan.measures.landmarks import Located
from footscan.types import Array, Load, Measure, SoleSurface

CONTACT_MM = 2.0
METHOD = "scan_2mm"
SOLE_SD_MM = 0.15  #: what smoothing and floor leave open of the sole's height
AWAY_MM = 99.0  #: the height of what is no part of the print
CAPPED = "the sole was closed with a flat lid, nothing is known of the arch"
NO_SOLE = "the sole was not scanned"
PRINT_KEYS = ("arch_index", "chippaux_smirak", "staheli", "clarke_angle_deg", "plantar_heel_breadth_mm")
APEX_KEYS = ("arch_apex_height_mm", "arch_apex_station")


def arch(foot: Located, sole: SoleSurface, load: Load) -> dict[str, Measure]:
    """Values of the footprint and the height of the arch; all None with the reason on a capped or missing sole."""
    if sole.capped:
        return {key: Measure.missing(CAPPED) for key in (*PRINT_KEYS, *APEX_KEYS)}
    under = np.isfinite(sole.z_mm) & sole.measured
    mid = (sole.x_mm > 0.2 * foot.length) & (sole.x_mm < 0.75 * foot.length)
    if (under[mid].sum(axis=1) * (sole.y_mm[1] - sole.y_mm[0]) > 0.15 * foot.length).mean() < 0.8:
        return {key: Measure.missing(NO_SOLE) for key in (*PRINT_KEYS, *APEX_KEYS)}
    return _print_values(foot, sole, load) | _apex(foot, sole)


def _print_values(foot: Located, sole: SoleSurface, load: Load) -> dict[str, Measure]:
    """Values of the print; each one's ``sd`` is what the height of the sole leaves open there (an open or a narrow
    waist hangs on tenths of a millimetre)."""
    x, y = sole.x_mm, sole.y_mm
    height = toeless_heights(foot, sole)
    numbers = _ratios(x, y, height)
    if not numbers:
        return {key: Measure.missing("the foot rests on too little of its sole", METHOD) for key in PRINT_KEYS}
    low, high = (_ratios(x, y, height + off) for off in (SOLE_SD_MM, -SOLE_SD_MM))
    open_to = {key: abs(high[key] - low[key]) / 2 if low and high else None for key in numbers}
    methods = {
        "arch_index": METHOD,
        "plantar_heel_breadth_mm": "largest breadth of the contact print's rear third",
        "chippaux_smirak": "smallest midfoot / largest forefoot width of the print",
        "staheli": "smallest midfoot / largest heel width of the print",
    }
    values = {key: Measure(numbers[key], open_to[key], method=method) for key, method in methods.items()}
    if load in ("none", "sitting", "unknown"):
        reason = f"needs a standing or half-loaded foot, the load is {load}"
        values["arch_index"] = Measure.missing(reason, METHOD)
    # medial tangent against the line from the ball's medial point to the top of the print's hollow
    values["clarke_angle_deg"] = _clarke(x, _medial(height, y), foot.length)
    return values


def _ratios(x: Array, y: Array, height: Array) -> dict[str, float]:
    """Arch index, heel breadth, Chippaux-Smirak and Staheli of a toeless print; empty where there is too little."""
    # stage 1: the print's width at each station, its edges between the grid's nodes
    width = _widths(height, y)
    rows = np.flatnonzero(width > 0)
    if len(rows) < 10:
        return {}
    # stage 2: thirds of the toeless print's length
    half = (x[1] - x[0]) / 2
    edges = np.linspace(x[rows[0]] - half, x[rows[-1]] + half, 4)
    rear, middle, fore = (width[(x >= a) & (x < b)] for a, b in pairwise(edges))
    heel, waist, ball = float(rear.max()), float(middle.min()), float(fore.max())
    return {
        "arch_index": float(middle.sum() / width.sum()),
        "plantar_heel_breadth_mm": heel,
        "chippaux_smirak": waist / ball if ball else 0.0,
        "staheli": waist / heel if heel else 0.0,
    }


def _crossings(height: Array) -> tuple[Array, Array]:
    """Between neighbouring nodes of each row: is either in the print, and which share of the way is (linear)."""
    a, b = height[:, :-1], height[:, 1:]
    low, high = np.minimum(a, b), np.maximum(a, b)
    share = np.clip((CONTACT_MM - low) / np.maximum(high - low, 1e-9), 0.0, 1.0)
    return low < CONTACT_MM, np.where(low < CONTACT_MM, share, 0.0)


def _widths(height: Array, y: Array) -> Array:
    """Width (nx,) of the print at each station, the gaps of an arch left out."""
    return np.asarray(_crossings(height)[1].sum(axis=1) * (y[1] - y[0]))


def _medial(height: Array, y: Array) -> Array:
    """The print's medial edge (nx,) at each station, NaN where there is no print."""
    inside, share = _crossings(height)
    last = height.shape[1] - 2 - np.argmax(inside[:, ::-1], axis=1)
    reach = y[last] + share[np.arange(len(last)), last] * (y[1] - y[0])
    return np.where(inside.any(axis=1), reach, np.nan)


def _clarke(x: Array, medial: Array, length: float) -> Measure:
    good = np.isfinite(medial)
    rear, fore = good & (x < 0.3 * length), good & (x > 0.58 * length)
    if rear.sum() < 3 or fore.sum() < 3:
        return Measure.missing("the print has no heel or no ball")
    k = np.flatnonzero(rear)[np.argmax(medial[rear])]
    j = np.flatnonzero(fore)[np.argmax((medial[fore] - medial[k]) / (x[fore] - x[k]))]
    between = good & (x > x[k]) & (x < x[j] - 5.0)
    if between.sum() < 5:
        return Measure.missing("the print is interrupted at the midfoot: no edge to lay the line on")
    tangent = np.arctan2(medial[j] - medial[k], x[j] - x[k])
    to_hollow = np.arctan2(medial[j] - medial[between], x[j] - x[between])
    return Measure(float(np.degrees(np.max(np.abs(to_hollow - tangent)))), method="Clarke, on the 2 mm contact print")


def toeless_heights(foot: Located, sole: SoleSurface) -> Array:
    """Heights (nx, ny) of the sole without the toes (there and where nothing is: 99 mm).

    Each column of the plan is cut at the sulcus, the highest point of the sole between the ball and the toe pad; where
    there is none (toes run into the ball), 0.09 L ahead of the ball.
    """
    x, y, z = sole.x_mm, sole.y_mm, sole.z_mm
    mth1, mth5 = foot.marks["mth1"], foot.marks["mth5"]
    cut = np.empty(len(y))
    for j, at in enumerate(y):
        share = np.clip((at - mth5[1]) / (mth1[1] - mth5[1]), 0.0, 1.0)
        ball = mth5[0] + share * (mth1[0] - mth5[0])
        window = (x > ball + 0.02 * foot.length) & (x < ball + 0.17 * foot.length) & np.isfinite(z[:, j])
        cut[j] = ball + 0.09 * foot.length
        if window.sum() > 4:
            top = np.flatnonzero(window)[np.argmax(z[window, j])]
            inner = window[max(0, top - 1)] and window[min(len(x) - 1, top + 1)]
            if z[top, j] > CONTACT_MM and inner:
                cut[j] = x[top]
    cut = ndimage.median_filter(cut, size=7, mode="nearest")
    body = np.where(np.isfinite(z) & (x[:, None] < cut[None, :]), z, AWAY_MM)
    # specks are no print
    label, count = ndimage.label(body < CONTACT_MM)
    sizes = np.bincount(label.ravel())
    return np.where((label > 0) & (sizes[label] < 0.03 * sizes[1:].sum()), AWAY_MM, body) if count else body


def _apex(foot: Located, sole: SoleSurface) -> dict[str, Measure]:
    """Highest point of the plantar arch: along the medial part of the sole's skin, the top between heel and ball."""
    x, y, length = sole.x_mm, sole.y_mm, foot.length
    method = "highest point of the plantar arch, skin facing down, inner of the medial edge"
    mid = (x > 0.28 * length) & (x < 0.66 * length)
    # the sole ends where the skin turns up into the side of the foot: 15 % of the breadth in from the medial edge
    heights = np.full(len(x), np.nan)
    for i in np.flatnonzero(mid):
        medial, lateral = foot.medial.value(x[i]), foot.lateral.value(x[i])
        if not np.isfinite(medial - lateral):
            continue
        edge, known = medial - 0.15 * (medial - lateral), np.isfinite(sole.z_mm[i])
        under = known & (y < edge) & (y > (medial + lateral) / 2)
        if under.any():  # it rises towards the edge, which lies between two columns
            at_edge = float(np.interp(edge, y[known], sole.z_mm[i][known]))
            heights[i] = max(float(sole.z_mm[i][under].max()), at_edge)
    good = np.isfinite(heights)
    if good.sum() < 10:
        return {key: Measure.missing(NO_SOLE, method) for key in APEX_KEYS}
    smooth = ndimage.gaussian_filter1d(heights[good], 1.5)
    k = int(np.argmax(smooth))
    return {
        "arch_apex_height_mm": Measure(float(smooth[k]), method=method),
        "arch_apex_station": Measure(float(x[good][k] / length), method=method),
    }


def volumes(foot: Located, sole: SoleSurface) -> dict[str, Measure]:
    """Volume below the dorsal junction, whole and in thirds of the length (ml), from the heights of sole and dorsum."""
    p, length = foot.points, foot.length
    keys = ("volume_ml", "volume_rear_ml", "volume_mid_ml", "volume_fore_ml")
    bend = foot.marks.get("ankle_bend")
    limit = float(bend[2]) if bend is not None else float(p[:, 2].max())
    method = f"between sole and dorsum, below {'the ankle bend' if bend is not None else 'the top of the scan'}"
    step = float(sole.x_mm[1] - sole.x_mm[0])
    shape = sole.z_mm.shape
    inside = np.isfinite(sole.z_mm)
    below = p[p[:, 2] <= limit]
    i = np.clip(((below[:, 0] - sole.x_mm[0]) / step + 0.5).astype(np.int64), 0, shape[0] - 1)
    j = np.clip(((below[:, 1] - sole.y_mm[0]) / step + 0.5).astype(np.int64), 0, shape[1] - 1)
    flat = i * shape[1] + j
    highest = np.full(inside.size, -np.inf)
    np.maximum.at(highest, flat, below[:, 2])
    sheet = below[:, 2] > highest[flat] - 2.0  # the mean of the upper skin: its highest point is noise
    count = np.bincount(flat[sheet], minlength=inside.size)
    total = np.bincount(flat[sheet], weights=below[sheet, 2], minlength=inside.size)
    top = np.where(count > 0, total / np.maximum(count, 1), -np.inf).reshape(shape)
    tall = np.zeros(shape, dtype=np.bool_)
    high = p[(p[:, 2] > limit) & (p[:, 2] < limit + 6.0)]  # higher up the leg is wider
    ih = np.clip(((high[:, 0] - sole.x_mm[0]) / step + 0.5).astype(np.int64), 0, shape[0] - 1)
    jh = np.clip(((high[:, 1] - sole.y_mm[0]) / step + 0.5).astype(np.int64), 0, shape[1] - 1)
    tall[ih, jh] = True
    room = 4  # for the closing: the leg may stand at the grid's edge
    closed = ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(tall, room), iterations=2))
    tall = closed[room:-room, room:-room] & inside
    known = np.isfinite(top) & inside & ~tall
    if known.sum() < 100:
        return {key: Measure.missing("the dorsum was not scanned", method) for key in keys}
    nearest = ndimage.distance_transform_edt(~(known | tall), return_distances=False, return_indices=True)
    top = np.where(tall, limit, top)
    top = np.where(known | tall, top, top[nearest[0], nearest[1]])
    # a column at the plan's edge is covered by half
    share = np.where(ndimage.binary_erosion(inside), 1.0, 0.5) * inside
    height = np.maximum(top - np.where(inside, sole.z_mm, 0.0), 0.0)
    column = (share * height).sum(axis=1) * step * step / 1000.0
    thirds = [column[(sole.x_mm >= a * length / 3) & (sole.x_mm < (a + 1) * length / 3)].sum() for a in range(3)]
    return {k: Measure(float(v), method=method) for k, v in zip(keys, (column.sum(), *thirds))}
