"""Do these sizes belong together in one foot of the people we know? A warning where not, never a refusal.

Source: ANSUR II (US Army Anthropometric Survey 2012, public domain), 4,082 men and 1,986 women, right feet taken by
hand, standing. Sizes are compared as logarithms: means, SDs and correlations below. One gate a sex on the
Mahalanobis distance; it lets 99.9 % of the survey's own people through, for which the limit of a normal distribution
is widened by TAIL (people have heavier tails). Nobody in it is a child: for feet under 198 mm the proportions are
carried on to their length, the limit is wider, and the answer is marked ``extrapolated``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from footscan.types import Array, Measure

POPULATION = "ANSUR II"
SEXES: tuple[Literal["men", "women"], ...] = ("men", "women")
#: ANSUR's breadth is horizontal, across the axis
KEYS = (
    "foot_length_mm", "ball_length_medial_mm", "ball_girth_mm", "foot_breadth_orthogonal_mm", "heel_breadth_max_mm",
    "heel_girth_long_mm", "ankle_girth_mm", "bimalleolar_breadth_mm", "malleolus_lateral_height_mm",
)  # fmt: skip
#: those that weight and a tilted sole hardly change
LEVEL_KEYS = KEYS[:5]
#: natural logarithms of mm, in the order of KEYS
MEAN = {
    "men": np.array([5.6016, 5.3016, 5.5282, 4.6223, 4.2808, 5.8379, 5.4332, 4.3131, 4.2861]),
    "women": np.array([5.5052, 5.2029, 5.4285, 4.5282, 4.2042, 5.7364, 5.3717, 4.2041, 4.1358]),
}
SD = {
    "men": np.array([0.0484, 0.0521, 0.0513, 0.0512, 0.0751, 0.0484, 0.0636, 0.0550, 0.0779]),
    "women": np.array([0.0505, 0.0530, 0.0515, 0.0516, 0.0764, 0.0492, 0.0686, 0.0520, 0.0821]),
}
CORRELATION = {
    "men": np.array(
        [
            [1.000, 0.925, 0.597, 0.587, 0.482, 0.794, 0.491, 0.598, 0.335],
            [0.925, 1.000, 0.541, 0.536, 0.495, 0.750, 0.462, 0.581, 0.259],
            [0.597, 0.541, 1.000, 0.868, 0.507, 0.747, 0.684, 0.627, 0.378],
            [0.587, 0.536, 0.868, 1.000, 0.520, 0.703, 0.603, 0.579, 0.326],
            [0.482, 0.495, 0.507, 0.520, 1.000, 0.627, 0.466, 0.481, 0.089],
            [0.794, 0.750, 0.747, 0.703, 0.627, 1.000, 0.720, 0.684, 0.456],
            [0.491, 0.462, 0.684, 0.603, 0.466, 0.720, 1.000, 0.638, 0.350],
            [0.598, 0.581, 0.627, 0.579, 0.481, 0.684, 0.638, 1.000, 0.257],
            [0.335, 0.259, 0.378, 0.326, 0.089, 0.456, 0.350, 0.257, 1.000],
        ]
    ),
    "women": np.array(
        [
            [1.000, 0.939, 0.605, 0.553, 0.512, 0.802, 0.432, 0.608, 0.309],
            [0.939, 1.000, 0.567, 0.518, 0.517, 0.778, 0.417, 0.595, 0.256],
            [0.605, 0.567, 1.000, 0.859, 0.560, 0.739, 0.595, 0.653, 0.351],
            [0.553, 0.518, 0.859, 1.000, 0.544, 0.660, 0.492, 0.567, 0.241],
            [0.512, 0.517, 0.560, 0.544, 1.000, 0.644, 0.401, 0.523, 0.047],
            [0.802, 0.778, 0.739, 0.660, 0.644, 1.000, 0.649, 0.705, 0.392],
            [0.432, 0.417, 0.595, 0.492, 0.401, 0.649, 1.000, 0.631, 0.316],
            [0.608, 0.595, 0.653, 0.567, 0.523, 0.705, 0.631, 1.000, 0.282],
            [0.309, 0.256, 0.351, 0.241, 0.047, 0.392, 0.316, 0.282, 1.000],
        ]
    ),
}
#: 99.9 % of chi-square with 1 … 10 degrees of freedom
CHI2_999 = np.array([10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124, 27.877, 29.588])
#: arch height index of standing people (R, Butler 2008): the survey has no dorsal height; taken as independent of it
ARCH_HEIGHT_INDEX, ARCH_HEIGHT_INDEX_SD = 0.340, 0.030
TAIL = {"men": 1.118, "women": 1.164}  #: the survey's own 99.9 % of the distance, over that of a normal distribution
ADULT_FROM_MM = 198.0  #: nobody in the survey has a shorter foot
CHILD_TAIL = 1.8  #: our choice: proportions of children spread more, and the survey says nothing of them
#: Far outside any foot, as fractions of the length: what can be said without the survey (our choice; people lie within
#: 0.30–0.46, 0.75–1.12, 0.19–0.35, 0.19–0.32). The arch height index of standing people is 0.340 ± 0.030 (R,
#: Butler 2008); unloaded feet reach 0.45.
HARD = {
    "foot_breadth_orthogonal_mm": (0.285, 0.475),
    "ball_girth_mm": (0.72, 1.20),
    "instep_height_mm": (0.170, 0.400),
    "heel_breadth_max_mm": (0.18, 0.36),
}


@dataclass(frozen=True)
class Plausibility:
    """``share`` of the allowed distance (over 1: implausible), the ``sex`` it is nearest to, ``extrapolated`` for
    feet shorter than the survey's, ``odd``: the measure farthest from what the others and the length lead to expect,
    ``beyond``: a measure outside its hard limits."""

    share: float
    sex: str
    extrapolated: bool
    odd: str | None
    beyond: str | None

    @property
    def plausible(self) -> bool:
        """Within the gate and the hard limits."""
        return self.share <= 1.0 and self.beyond is None

    def sentence(self) -> str:
        """What to tell people."""
        marked = ", extrapolated: nobody in it has so short a foot" if self.extrapolated else ""
        if self.beyond is not None:
            return f"{self.beyond} is far outside what feet have; check scan and unit"
        return (
            f"fewer than 1 in 1,000 people of {POPULATION} ({self.sex}{marked}) have such proportions;"
            f" {self.odd or 'no one measure'} stands out"
        )


def distance(sizes: Array, sex: Literal["men", "women"]) -> Array:
    """Squared Mahalanobis distance (n,) of sizes (n, 9) mm, in the order of KEYS; NaN where a size is missing: those
    that are there count."""
    values = np.log(np.atleast_2d(np.asarray(sizes, dtype=float)))
    found = np.empty(len(values))
    for k, row in enumerate(values):
        known = np.isfinite(row)
        found[k] = _squared(row - MEAN[sex], known, sex)
    return found


def limit(known: int, sex: Literal["men", "women"], child: bool = False) -> float:
    """The squared distance that 99.9 % stay below, for so many known sizes (1–10)."""
    return float(CHI2_999[known - 1] * (CHILD_TAIL if child else TAIL[sex]))


def check(
    values: Mapping[str, Measure], sex: Literal["men", "women"] | None = None, standing: bool = True
) -> Plausibility:
    """Hold the values of one foot against the survey; ``sex`` None: the sex that they fit better.

    ``standing`` False: the survey's people stood, so heights and what runs over the ankle are left out.
    """
    sizes = np.array([_number(values, key) if standing or key in LEVEL_KEYS else np.nan for key in KEYS])
    length = float(sizes[0])
    index = (_number(values, "arch_height_index") if standing else np.nan) - ARCH_HEIGHT_INDEX
    arch = 0.0 if np.isnan(index) else float((index / ARCH_HEIGHT_INDEX_SD) ** 2)
    best: Plausibility | None = None
    for group in SEXES if sex is None else (sex,):
        off = np.log(sizes) - MEAN[group]
        child = bool(length < ADULT_FROM_MM)
        if child:  # the same proportions, at the mean length
            off = off - off[0]
        known = np.isfinite(off)
        if known.sum() < 3:
            continue
        freedom = int(known.sum()) + int(np.isfinite(index))
        share = (_squared(off, known, group) + arch) / limit(freedom, group, child)
        if best is None or share < best.share:
            best = Plausibility(float(share), group, child, _oddest(off, known, group, arch), None)
    found = best or Plausibility(0.0, "men", False, None, None)
    for key, (low, high) in HARD.items():
        value = _number(values, key)
        seen = np.isfinite(value) and np.isfinite(length) and (standing or key != "instep_height_mm")
        if seen and not low <= value / length <= high:
            return Plausibility(found.share, found.sex, found.extrapolated, found.odd, key)
    return found


def _squared(off: Array, known: Array, sex: str) -> float:
    at = np.flatnonzero(known)
    return float(off[at] @ np.linalg.solve(_covariance(sex)[np.ix_(at, at)], off[at])) if len(at) else 0.0


def _covariance(sex: str) -> Array:
    return np.asarray(CORRELATION[sex] * np.outer(SD[sex], SD[sex]))


def _oddest(off: Array, known: Array, sex: str, arch: float) -> str | None:
    """The measure farthest (in SD) from what the length leads to expect."""
    r = CORRELATION[sex][0]
    z = off / SD[sex]
    rest = np.abs(z - r * z[0])[1:] / np.sqrt(1.0 - r[1:] ** 2)
    rest = np.where(known[1:], rest, -1.0)
    if arch > max(4.0, rest.max() ** 2):
        return "arch_height_index"
    return KEYS[1 + int(np.argmax(rest))] if rest.max() > 2.0 else None


def _number(values: Mapping[str, Measure], key: str) -> float:
    value = values[key].value if key in values else None
    return float(value) if isinstance(value, int | float) and value > 0 else float("nan")
