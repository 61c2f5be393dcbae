"""The true contact print: the level section of the skin 2 mm above the floor, and the values that hang on it.

Arch index after Cavanagh & Rodgers 1987 (doi:10.1016/0021-9290(87)90255-7), here of a scan's contact print: thirds of
the toeless print's length along the foot axis.
"""

from __future__ import annotations

import numpy as np

from footscan.synth import sections
from footscan.types import Array

CONTACT_MM = 2.0
TOELESS = 0.765  #: outlines whose middle lies ahead of this station are toes
ANKLE_REAR, BALL_FRONT = 0.30, 0.58  #: Clarke's tangent touches the print behind and ahead of these stations


def contact_print(vertices: Array, faces: Array) -> list[Array]:
    """Closed outlines (k, 2) mm of the skin within 2 mm of the floor, the largest first."""
    low = vertices[:, 2] < CONTACT_MM + 8.0
    lines = sections.loops(sections.level(vertices, faces[low[faces].any(axis=1)], CONTACT_MM))
    return sorted((line[:, :2] for line in lines), key=lambda p: -abs(area(p)))


def area(polygon: Array) -> float:
    """Signed area in mm^2 of a closed outline (k, 2), positive counter-clockwise."""
    x, y = polygon[:, 0], polygon[:, 1]
    return 0.5 * float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def spans(polygon: Array, x_mm: Array) -> list[Array]:
    """For each station the sorted y (2 n,) at which the outline crosses it."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    found = []
    for x in x_mm:
        hit = (a[:, 0] <= x) != (b[:, 0] <= x)
        t = (x - a[hit, 0]) / (b[hit, 0] - a[hit, 0])
        found.append(np.sort(a[hit, 1] + t * (b[hit, 1] - a[hit, 1])))
    return found


def toeless(outlines: list[Array], length: float, apart: bool) -> list[Array]:
    """The outlines without the toes' pads; of a sock the print up to 0.83 of the length."""
    if apart:
        return [p for p in outlines if p[:, 0].mean() < TOELESS * length]
    return [np.column_stack([np.minimum(p[:, 0], 0.83 * length), p[:, 1]]) for p in outlines]


def print_values(outlines: list[Array], length: float) -> dict[str, float | str | None]:
    """Values of a toeless print (its outlines (k, 2) mm); keys of measures.md."""
    low = min(float(p[:, 0].min()) for p in outlines)
    high = max(float(p[:, 0].max()) for p in outlines)
    step = 0.1
    x = np.arange(low + step / 2, high, step)
    crossings = [np.concatenate(parts) for parts in zip(*(spans(p, x) for p in outlines))]
    width = np.array([float((c[1::2] - c[0::2]).sum()) for c in crossings])
    third = np.minimum(((x - low) / (high - low) * 3).astype(int), 2)
    rear, middle, fore = (width[third == k] for k in range(3))
    heel, waist, ball = float(rear.max()), float(middle.min()), float(fore.max())
    medial = np.array([c.max() if len(c) else np.nan for c in crossings])
    return {
        "arch_index": float(middle.sum() / width.sum()),
        "plantar_heel_breadth_mm": heel,
        "chippaux_smirak": waist / ball,
        "staheli": waist / heel,
        "clarke_angle_deg": clarke(x, medial, length) if np.isfinite(medial).all() else None,
    }


def clarke(x: Array, medial: Array, length: float) -> float | None:
    """Angle between the print's medial tangent and the line from its ball contact that touches the hollow's top."""
    rear, fore = np.flatnonzero(x < ANKLE_REAR * length), np.flatnonzero(x > BALL_FRONT * length)
    if not len(rear) or not len(fore):
        return None
    k = int(rear[medial[rear].argmax()])
    for _ in range(50):  # the common tangent: from the one contact the other, until both stand still
        j = int(fore[((medial[fore] - medial[k]) / (x[fore] - x[k])).argmax()])
        m = int(rear[((medial[j] - medial[rear]) / (x[j] - x[rear])).argmin()])
        if m == k:
            break
        k = m
    between = slice(k + 1, j - 20)
    if medial[between].size == 0:
        return None
    slope = (medial[j] - medial[between]) / (x[j] - x[between])
    tangent = (medial[j] - medial[k]) / (x[j] - x[k])
    return float(np.degrees(np.arctan(slope.max()) - np.arctan(tangent)))
