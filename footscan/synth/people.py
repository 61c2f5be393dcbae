"""Feet that differ as people's do: sizes that vary together as in ANSUR II, the rest as commonly reported.

Source: ANSUR II (US Army Anthropometric Survey 2012, public domain), 4,082 men and 1,986 women, feet taken by hand. For
each measure its mean, its slope on foot length and the SD around that line; then the correlations of those rests. ANSUR
has no arch, no toes and no rearfoot angle: their spreads are our choice within what is commonly quoted (R).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from footscan.synth.feet import FootSpec, ToeType
from footscan.types import Side

MEASURES = ("ball_length", "ball_girth", "breadth", "heel_breadth", "ankle_girth", "bimalleolar", "malleolus_lateral")
LENGTH_MM = {"men": (271.18, 13.10), "women": (246.29, 12.43)}
#: mean mm, slope on foot length, SD of the rest mm; in the order of MEASURES
ON_LENGTH = {
    "men": (
        (200.94, 0.739, 3.98), (252.02, 0.590, 10.38), (101.86, 0.235, 4.23), (72.51, 0.202, 4.79),
        (229.34, 0.547, 12.78), (74.79, 0.188, 3.30), (72.90, 0.144, 5.34),
    ),
    "women": (
        (182.05, 0.729, 3.30), (228.11, 0.573, 9.37), (92.71, 0.213, 3.97), (67.16, 0.214, 4.44),
        (215.74, 0.513, 13.45), (67.05, 0.170, 2.77), (62.75, 0.127, 4.86),
    ),
}  # fmt: skip
#: correlations of the rests, in the order of MEASURES
RESTS = {
    "men": np.array(
        [
            (1.00, -0.04, -0.02, 0.15, 0.02, 0.09, -0.14),
            (-0.04, 1.00, 0.80, 0.31, 0.56, 0.42, 0.24),
            (-0.02, 0.80, 1.00, 0.33, 0.44, 0.35, 0.17),
            (0.15, 0.31, 0.33, 1.00, 0.30, 0.27, -0.09),
            (0.02, 0.56, 0.44, 0.30, 1.00, 0.50, 0.23),
            (0.09, 0.42, 0.35, 0.27, 0.50, 1.00, 0.08),
            (-0.14, 0.24, 0.17, -0.09, 0.23, 0.08, 1.00),
        ]
    ),
    "women": np.array(
        [
            (1.00, 0.00, 0.00, 0.12, 0.04, 0.09, -0.10),
            (0.00, 1.00, 0.79, 0.36, 0.46, 0.45, 0.22),
            (0.00, 0.79, 1.00, 0.36, 0.33, 0.35, 0.09),
            (0.12, 0.36, 0.36, 1.00, 0.22, 0.31, -0.14),
            (0.04, 0.46, 0.33, 0.22, 1.00, 0.51, 0.21),
            (0.09, 0.45, 0.35, 0.31, 0.51, 1.00, 0.13),
            (-0.10, 0.22, 0.09, -0.14, 0.21, 0.13, 1.00),
        ]
    ),
}
#: arch height index, standing (R, Butler 2008)
ARCH_HEIGHT_INDEX = (0.340, 0.030)
TOE_TYPES: tuple[tuple[ToeType, float], ...] = (("egyptian", 0.65), ("greek", 0.25), ("square", 0.10))  #: (R)
FULLER = 0.7  #: correlation of arch height index and girth at a given breadth (our choice)
SPREAD = 2.0  #: no rest lies farther out than this many SD: the drawing is a foot's, not a caricature's


@dataclass(frozen=True)
class _Draw:
    rng: np.random.Generator

    def normal(self, mean: float, sd: float) -> float:
        return float(mean + sd * np.clip(self.rng.normal(), -SPREAD, SPREAD))


def draw_spec(
    seed: int, sex: Literal["men", "women"] | None = None, side: Side | None = None, leg_mm: float = 200.0
) -> FootSpec:
    """A random, realistic foot; the same seed gives the same foot. ``sex`` and ``side`` None: drawn too."""
    rng = np.random.default_rng(seed)
    draw = _Draw(rng)
    group = sex or ("men" if rng.random() < 0.5 else "women")
    foot_side: Side = side or ("left" if rng.random() < 0.5 else "right")
    mean_length, sd_length = LENGTH_MM[group]
    length = draw.normal(mean_length, sd_length)
    rests = np.linalg.cholesky(RESTS[group]) @ rng.normal(size=len(MEASURES))
    rests = np.clip(rests, -SPREAD, SPREAD)
    size = {
        name: mean + slope * (length - mean_length) + sd * float(rest)
        for name, (mean, slope, sd), rest in zip(MEASURES, ON_LENGTH[group], rests)
    }
    for name, low, high in (("breadth", 0.335, 0.415), ("ball_girth", 0.83, 1.03), ("heel_breadth", 0.245, 0.300)):
        size[name] = float(np.clip(size[name], low * length, high * length))
    # the least and the most that a forefoot of this breadth measures round (about 2.5 SD of their ratio in ANSUR)
    size["ball_girth"] = float(np.clip(size["ball_girth"], 2.32 * size["breadth"], 2.66 * size["breadth"]))
    # a foot that is fuller than its breadth tells is higher
    tie = float(RESTS[group][1, 2])
    fuller = float(np.clip((rests[1] - tie * rests[2]) / np.sqrt(1.0 - tie**2), -SPREAD, SPREAD))
    mean_index, sd_index = ARCH_HEIGHT_INDEX
    index = mean_index + sd_index * (FULLER * fuller + float(np.sqrt(1.0 - FULLER**2)) * draw.normal(0.0, 1.0))
    mth1 = float(np.clip(size["ball_length"] / length, 0.71, 0.77))
    mth5 = float(np.clip(draw.normal(mth1 - 0.105, 0.010), 0.605, 0.655))
    lateral = max(size["malleolus_lateral"], 0.23 * length)
    return FootSpec(
        side=foot_side,
        length_mm=length,
        foot_breadth_mm=float(np.hypot(size["breadth"], (mth1 - mth5) * length)),
        ball_girth_mm=size["ball_girth"],
        instep_height_mm=index * mth1 * length,
        heel_breadth_mm=size["heel_breadth"],
        ankle_girth_mm=size["ankle_girth"],
        bimalleolar_breadth_mm=size["bimalleolar"],
        malleolus_lateral_height_mm=lateral,
        malleolus_medial_height_mm=lateral + draw.normal(0.043, 0.008) * length,
        mth1_station=mth1,
        mth5_station=mth5,
        arch_apex_height_mm=draw.normal(0.048, 0.012) * length,
        arch_apex_station=draw.normal(0.42, 0.012),
        navicular_height_mm=draw.normal(0.155, 0.015) * length,
        rearfoot_angle_deg=draw.normal(2.0, 2.0),
        toe1_angle_deg=draw.normal(9.5, 1.7),
        toe5_angle_deg=draw.normal(12.0, 1.5),
        toe_type=_toe_type(rng.random()),
        leg_mm=leg_mm,
    )


def _toe_type(share: float) -> ToeType:
    for kind, weight in TOE_TYPES:
        if share < weight:
            return kind
        share -= weight
    return TOE_TYPES[0][0]
