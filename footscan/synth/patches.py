"""Where and when a foot presses: smooth patches for heel, midfoot, heads and toes, and their weights in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.synth import gait as gaits
from footscan.types import KPA_MM2_PER_N, Array, SensorLayout, Side

REGIONS = (
    "heel_medial", "heel_lateral", "midfoot_medial", "midfoot_lateral",
    "mth1", "mth2", "mth3", "mth4", "mth5", "hallux", "toes_2_5",
)  # fmt: skip

# centre x, y and spread x, y in fractions of foot length (x from the heel, y medial); weights at landing, midstance,
# push-off, toe-off and in quiet standing
_PATCHES: dict[str, tuple[tuple[float, ...], ...]] = {
    "heel_medial": ((0.115, 0.038, 0.058, 0.041, 1.00, 0.36, 0.00, 0.00, 0.30),),
    "heel_lateral": ((0.115, -0.040, 0.058, 0.041, 1.06, 0.38, 0.00, 0.00, 0.27),),
    "midfoot_medial": ((0.400, 0.045, 0.060, 0.028, 0.00, 0.03, 0.00, 0.00, 0.01),),
    "midfoot_lateral": ((0.430, -0.075, 0.080, 0.040, 0.06, 0.26, 0.00, 0.00, 0.07),),
    "mth1": ((0.725, 0.118, 0.038, 0.032, 0.00, 0.12, 0.72, 0.20, 0.08),),
    "mth2": ((0.755, 0.048, 0.034, 0.026, 0.00, 0.17, 1.00, 0.42, 0.08),),
    "mth3": ((0.745, -0.012, 0.034, 0.026, 0.00, 0.20, 0.86, 0.32, 0.08),),
    "mth4": ((0.710, -0.068, 0.034, 0.026, 0.00, 0.21, 0.46, 0.14, 0.05),),
    "mth5": ((0.655, -0.122, 0.034, 0.026, 0.00, 0.22, 0.20, 0.05, 0.04),),
    "hallux": ((0.925, 0.102, 0.036, 0.030, 0.00, 0.00, 0.52, 0.80, 0.02),),
    "toes_2_5": (
        (0.925, 0.020, 0.020, 0.018, 0.00, 0.00, 0.09, 0.15, 0.00),
        (0.895, -0.034, 0.020, 0.018, 0.00, 0.00, 0.06, 0.10, 0.00),
        (0.855, -0.084, 0.020, 0.018, 0.00, 0.00, 0.05, 0.06, 0.00),
        (0.810, -0.126, 0.020, 0.018, 0.00, 0.00, 0.03, 0.03, 0.00),
    ),
}
_KNOTS = np.array([0.0, 0.12, 0.45, 0.78, 1.0])  #: phases of stance between which the weights pass over


@dataclass(frozen=True)
class Place:
    """Where a foot stands on its layout: heel (x, y) mm, foot length mm, angle of its axis outwards in degrees; and how
    much wider (``soft``) than barefoot each patch is: a shoe spreads the load."""

    x_mm: float = 0.0
    y_mm: float = 0.0
    foot_mm: float = 262.0
    toe_out_deg: float = 0.0
    soft: float = 1.0


def patches(layout: SensorLayout, side: Side, place: Place) -> tuple[Array, Array]:
    """Pressure of each patch (patches, cells) in kPa per newton, and the patches' centres (patches, 2) mm.

    Each patch is widened by half a cell, so that coarse cells still see it, and sums to exactly one newton.
    """
    if layout.area_mm2 is None:
        raise ValueError("patches need a layout with area_mm2, got None")
    local, R, mirror, heel = _in_foot(layout.xy_mm, side, place)
    half_cell = 0.5 * float(np.sqrt(layout.area_mm2.mean())) / place.foot_mm
    fields, centres = [], []
    for name in REGIONS:
        for cx, cy, sx, sy, *_ in _PATCHES[name]:
            wide = np.hypot([sx * place.soft, sy * place.soft], half_cell)
            bell = np.exp(-0.5 * (((local[:, 0] - cx) / wide[0]) ** 2 + ((local[:, 1] - cy) / wide[1]) ** 2))
            bell = np.maximum(bell - 0.03, 0.0)  # ends 2.65 spreads away
            fields.append(bell * (KPA_MM2_PER_N / float(bell @ layout.area_mm2)))
            centres.append(R @ (np.array([cx, cy * mirror]) * place.foot_mm) + heel)
    return np.array(fields), np.array(centres)


def _in_foot(xy_mm: Array, side: Side, place: Place) -> tuple[Array, Array, float, Array]:
    """Points (n, 2) mm in foot lengths (x from the heel, y medial); turn (2, 2), mirror and heel (2,) mm of the way."""
    mirror = -1.0 if side == "left" else 1.0
    turn = -mirror * np.deg2rad(place.toe_out_deg)
    R = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    heel = np.array([place.x_mm, place.y_mm])
    return ((xy_mm - heel) @ R) * [1.0, mirror] / place.foot_mm, R, mirror, heel


def region_centres(centres: Array) -> dict[str, Array]:
    """Mean centre (2,) mm of each region's patches (patches, 2)."""
    numbers = np.array([k for k, name in enumerate(REGIONS) for _ in _PATCHES[name]])
    return {name: centres[numbers == k].mean(axis=0) for k, name in enumerate(REGIONS)}


def region_of_cell(layout: SensorLayout, side: Side, place: Place) -> Array:
    """Name (cells,) of the region in whose patch each cell's centre lies deepest, in spreads; "" where none presses.

    Of the foot itself: how large the cells are changes nothing.
    """
    numbers = np.array([k for k, name in enumerate(REGIONS) for _ in _PATCHES[name]])
    rows = np.array([patch[:4] for name in REGIONS for patch in _PATCHES[name]])
    away = (_in_foot(layout.xy_mm, side, place)[0][:, None] - rows[:, :2]) / rows[:, 2:]
    names = np.array(REGIONS)[numbers[np.hypot(away[..., 0], away[..., 1]).argmin(axis=1)]]
    return np.where((patches(layout, side, place)[0] > 0.0).any(axis=0), names, "")


def weights(phase: Array, standing: Array) -> Array:
    """Share of the force (frames, patches) that each patch carries at ``phase`` 0 … 1 of stance; rows sum to 1.

    ``standing`` (frames,) 0 … 1 mixes in the weights of quiet standing.
    """
    table = np.array([patch[4:] for name in REGIONS for patch in _PATCHES[name]])
    landing, middle, push, off, stand = table.T
    rows = np.stack([landing, 0.75 * landing + 0.35 * middle, middle, push, off])
    rows = rows / rows.sum(axis=1, keepdims=True)
    k = np.clip(np.searchsorted(_KNOTS, phase, side="right") - 1, 0, len(_KNOTS) - 2)
    t = gaits.ease((phase - _KNOTS[k]) / (_KNOTS[k + 1] - _KNOTS[k]))[:, None]
    walking = rows[k] * (1.0 - t) + rows[k + 1] * t
    still = stand / stand.sum()
    return np.asarray(walking * (1.0 - standing[:, None]) + still * standing[:, None])
