"""What is around the leg, and how the foot stands: cloth, a raised border. Foot frame, mm, medial +y."""

from __future__ import annotations

import numpy as np

from footscan.types import Array, SoleSurface

LEVEL_MM = 4.0
OVER_MM = 12.0  #: a hem is a step within this height


def cloth_step(points: Array, length: float) -> tuple[float, float]:
    """How much broader (mm) the rear of foot and leg gets within OVER_MM upwards, and at what height: skin swells by a
    few millimetres at the malleoli, a trouser's hem by two dozen. (0, 0) without a leg."""
    rear = points[(points[:, 0] < 0.40 * length) & (points[:, 2] > 0.05 * length)]
    if len(rear) < 400:
        return 0.0, 0.0
    level = (rear[:, 2] / LEVEL_MM).astype(np.int64)
    order = np.argsort(level, kind="stable")
    starts = np.searchsorted(level[order], np.arange(int(level.max()) + 2))
    wide, back = (np.full(int(level.max()) + 1, np.nan) for _ in range(2))
    for k in range(int(level.max()) + 1):
        here = order[starts[k] : starts[k + 1]]
        if len(here) >= 20:
            y = np.sort(rear[here, 1])
            cut = max(1, len(y) // 50)
            wide[k] = y[-cut] - y[cut - 1]
            back[k] = -np.sort(rear[here, 0])[max(0, len(y) // 50)]
    over = round(OVER_MM / LEVEL_MM)
    if len(wide) <= over:
        return 0.0, 0.0
    rise = np.maximum(wide[over:] - wide[:-over], 0.0) + np.maximum(back[over:] - back[:-over], 0.0)
    rise = np.nan_to_num(rise, nan=0.0)
    k = int(np.argmax(rise))
    return float(rise[k]), float((k + over / 2) * LEVEL_MM)


def leg_breadth(points: Array, length: float) -> float:
    """Largest breadth (y) of the leg above 0.42 of the length, as a fraction of the length; 0 without a leg."""
    leg = points[(points[:, 2] > 0.42 * length) & (points[:, 0] < 0.5 * length)]
    if len(leg) < 300:
        return 0.0
    return float(np.ptp(np.percentile(leg[:, 1], [1.0, 99.0]))) / length


def raised_borders(sole: SoleSurface, length: float) -> dict[str, float]:
    """How far (mm) the places a foot stands on are off the floor: ``medial`` and ``lateral`` (the worse of heel and
    ball against the other border), ``heel``, ``toes`` (the ball). Empty where the sole was not seen."""
    z = np.where(sole.measured, sole.z_mm, np.nan)
    x = sole.x_mm / length
    heights = {}
    for name, (a, b) in {"heel": (0.06, 0.20), "ball": (0.62, 0.78)}.items():
        part = z[(x > a) & (x < b)]
        known = np.isfinite(part) & (part < 40.0)
        if known.sum() < 60:
            return {}
        columns = np.flatnonzero(known.any(axis=0))
        middle = (columns[0] + columns[-1]) / 2
        reach = (columns[-1] - columns[0]) / 2
        place = (np.arange(part.shape[1]) - middle) / max(reach, 1.0)
        inner = part[:, (place > 0.25) & (place < 0.7)]
        outer = part[:, (place < -0.25) & (place > -0.7)]
        both = [np.nanpercentile(side, 20) if np.isfinite(side).sum() > 15 else np.nan for side in (inner, outer)]
        if not np.isfinite(both).all():
            return {}
        heights[name] = (float(both[0]), float(both[1]))
    (hm, hl), (bm, bl) = heights["heel"], heights["ball"]
    return {
        "medial": (hm - hl + bm - bl) / 2,
        "lateral": (hl - hm + bl - bm) / 2,
        "heel": min(hm, hl) - min(bm, bl, 1.0),
        "toes": min(bm, bl) - min(hm, hl, 1.0),
    }
