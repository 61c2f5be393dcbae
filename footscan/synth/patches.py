"""Where and when a foot presses: smooth patches for heel, midfoot, five heads, hallux and toes, and their weights in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.synth import gait as gaits
from footscan.types import KPA_MM2_PER_N, Array, SensorLayout, Side

REGIONS = (
    "heel_medial", "heel_lateral", "midfoot_medial", "midfoot_lateral",
    "mth1", "mth2", "mth3", "mth4", "mth5", "hallux", "toes_2_5",
)  # fmt: skip

# centre x, y and spread x, y in fractions of foot length (x from the heel, y medial), weights: landing, midstance, push-off, standing
_PATCHES: dict[str, tuple[tuple[float, ...], ...]] = {
    "heel_medial": ((0.115, 0.028, 0.050, 0.032, 1.00, 0.42, 0.00, 0.30),),
    "heel_lateral": ((0.115, -0.032, 0.050, 0.032, 1.10, 0.40, 0.00, 0.27),),
    "midfoot_medial": ((0.400, 0.000, 0.060, 0.022, 0.00, 0.02, 0.00, 0.01),),
    "midfoot_lateral": ((0.430, -0.090, 0.075, 0.028, 0.06, 0.18, 0.00, 0.07),),
    "mth1": ((0.725, 0.118, 0.038, 0.032, 0.00, 0.18, 0.72, 0.08),),
    "mth2": ((0.755, 0.048, 0.034, 0.024, 0.00, 0.20, 1.00, 0.08),),
    "mth3": ((0.745, -0.012, 0.034, 0.024, 0.00, 0.20, 0.86, 0.08),),
    "mth4": ((0.710, -0.068, 0.034, 0.024, 0.00, 0.17, 0.48, 0.05),),
    "mth5": ((0.655, -0.122, 0.034, 0.024, 0.00, 0.15, 0.24, 0.04),),
    "hallux": ((0.925, 0.102, 0.034, 0.030, 0.00, 0.02, 0.70, 0.02),),
    "toes_2_5": (
        (0.925, 0.020, 0.018, 0.016, 0.00, 0.00, 0.10, 0.00),
        (0.895, -0.034, 0.018, 0.016, 0.00, 0.00, 0.07, 0.00),
        (0.855, -0.084, 0.018, 0.016, 0.00, 0.00, 0.05, 0.00),
        (0.810, -0.126, 0.018, 0.016, 0.00, 0.00, 0.03, 0.00),
    ),
}


@dataclass(frozen=True)
class Place:
    """Where a foot stands on its layout: heel (x, y) mm, foot length mm, angle of its axis outwards in degrees."""

    x_mm: float = 0.0
    y_mm: float = 0.0
    foot_mm: float = 262.0
    toe_out_deg: float = 0.0


def patches(layout: SensorLayout, side: Side, place: Place) -> tuple[Array, Array]:
    """Pressure of each patch (patches, cells) in kPa per newton, and the patches' centres (patches, 2) mm.

    Each patch is widened by half a cell, so that coarse cells still see it, and sums to exactly one newton.
    """
    if layout.area_mm2 is None:
        raise ValueError("patches need a layout with area_mm2, got None")
    mirror = -1.0 if side == "left" else 1.0
    turn = -mirror * np.deg2rad(place.toe_out_deg)
    R = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    heel = np.array([place.x_mm, place.y_mm])
    local = ((layout.xy_mm - heel) @ R) * [1.0, mirror] / place.foot_mm
    half_cell = 0.5 * float(np.sqrt(layout.area_mm2.mean())) / place.foot_mm
    fields, centres = [], []
    for name in REGIONS:
        for cx, cy, sx, sy, *_ in _PATCHES[name]:
            sx, sy = np.hypot(sx, half_cell), np.hypot(sy, half_cell)
            bell = np.exp(-0.5 * (((local[:, 0] - cx) / sx) ** 2 + ((local[:, 1] - cy) / sy) ** 2))
            bell = np.maximum(bell - 0.03, 0.0)  # ends 2.65 spreads away
            fields.append(bell * (KPA_MM2_PER_N / float(bell @ layout.area_mm2)))
            centres.append(R @ (np.array([cx, cy * mirror]) * place.foot_mm) + heel)
    return np.array(fields), np.array(centres)


def region_centres(centres: Array) -> dict[str, Array]:
    """Mean centre (2,) mm of each region's patches (patches, 2)."""
    numbers = np.array([k for k, name in enumerate(REGIONS) for _ in _PATCHES[name]])
    return {name: centres[numbers == k].mean(axis=0) for k, name in enumerate(REGIONS)}


def region_of_cell(fields: Array) -> Array:
    """Name (cells,) of the region whose patch presses most on each cell at its own unit peak; "" where none does."""
    numbers = np.array([k for k, name in enumerate(REGIONS) for _ in _PATCHES[name]])
    unit = fields / fields.max(axis=1, keepdims=True)
    names = np.array(REGIONS)[numbers[unit.argmax(axis=0)]]
    return np.where(unit.max(axis=0) > 0.0, names, "")


def weights(phase: Array, standing: Array) -> Array:
    """Share of the force (frames, patches) that each patch carries at ``phase`` 0 … 1 of stance; rows sum to 1.

    ``standing`` (frames,) 0 … 1 mixes in the weights of quiet standing.
    """
    table = np.array([patch[4:] for name in REGIONS for patch in _PATCHES[name]])
    knots = np.array([0.0, 0.12, 0.45, 0.78, 1.0])
    landing, middle, push, stand = table.T
    toe_off = push * np.array([0.35 if name.startswith("mth") else 1.0 for name in REGIONS for _ in _PATCHES[name]])
    rows = np.stack([landing, landing * 0.9 + middle * 0.15, middle, push, toe_off])
    k = np.clip(np.searchsorted(knots, phase, side="right") - 1, 0, len(knots) - 2)
    t = gaits.ease((phase - knots[k]) / (knots[k + 1] - knots[k]))[:, None]
    rows = rows / rows.sum(axis=1, keepdims=True)
    walking = rows[k] * (1.0 - t) + rows[k + 1] * t
    still = stand / stand.sum()
    return np.asarray(walking * (1.0 - standing[:, None]) + still * standing[:, None])


def _phase(contact: gaits.Contact, stance_s: float, time_s: Array) -> tuple[Array, Array]:
    """Phase 0 … 1 of stance and how much of it is standing, at times within the contact."""
    if contact.full:
        return (time_s - contact.start_s) / (contact.stop_s - contact.start_s), np.zeros_like(time_s)
    if contact.start_s <= 0.0:  # standing, then push-off
        left = contact.stop_s - time_s
        return np.clip(1.0 - left / stance_s, 0.0, 1.0), 1.0 - gaits.ease(1.0 - left / (0.6 * stance_s))
    done = time_s - contact.start_s  # landing, then standing
    return np.clip(done / stance_s, 0.0, 0.45), gaits.ease(done / (0.6 * stance_s))
