"""The algorithm on one screen: points of one foot -> landmarks, sole, prints, values with their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from footscan.errors import ScanError
from footscan.measures.arch import APEX_KEYS, PRINT_KEYS, arch, volumes
from footscan.measures.girths import girths
from footscan.measures.landmarks import Located, locate
from footscan.measures.lengths import angles, heights, lengths
from footscan.scans.sole import sole_surface
from footscan.types import Array, Landmarks, Load, Measure, SoleSurface

KEYS: tuple[str, ...] = (
    "foot_length_mm", "ball_length_medial_mm", "ball_length_lateral_mm", "truncated_foot_length_mm", "foot_breadth_mm",
    "foot_breadth_orthogonal_mm", "ball_girth_mm", "ball_girth_raw_mm", "ball_height_mm", "heel_breadth_mm",
    "heel_breadth_max_mm", "instep_girth_mm", "instep_height_mm", "instep_girth_55_mm", "instep_height_55_mm",
    "waist_girth_mm", "heel_girth_long_mm", "heel_girth_short_mm", "ankle_girth_mm", "toe1_angle_deg", "toe5_angle_deg",
    "toe1_height_mm", "toe5_height_mm", "malleolus_medial_height_mm", "malleolus_lateral_height_mm",
    "bimalleolar_breadth_mm", "navicular_height_mm", "dorsum_height_50_mm", "arch_height_index", "arch_index",
    "arch_apex_height_mm", "arch_apex_station", "plantar_heel_breadth_mm", "chippaux_smirak", "staheli",
    "clarke_angle_deg", "rearfoot_angle_deg", "ball_angle_deg", "volume_ml", "volume_rear_ml", "volume_mid_ml",
    "volume_fore_ml", "toe_type",
)  # fmt: skip

#: Keys that need to know which side is medial.
SIDED = (
    "ball_length_medial_mm", "ball_length_lateral_mm", "truncated_foot_length_mm", "arch_height_index",
    "toe1_angle_deg", "toe5_angle_deg", "toe1_height_mm", "toe5_height_mm", "malleolus_medial_height_mm",
    "malleolus_lateral_height_mm", "navicular_height_mm", "ball_angle_deg", "rearfoot_angle_deg", "toe_type",
    *PRINT_KEYS, *APEX_KEYS,
)  # fmt: skip

#: SD of scanner and repositioning together, by kind of measure. Live-foot repeats of a good scanner: mean absolute
#: difference 0.73–1.50 mm (Lee 2014); a normal difference of two repeats has SD = 0.886 · that mean.
REPEAT_SD = {"length": 0.9, "breadth": 0.9, "height": 1.0, "girth": 1.3, "angle": 1.5, "ratio": 0.02, "volume": 15.0}
#: SD of what the rules leave open on smooth prominences, where resampling alone can't show it.
RULE_SD = {"length": 0.2, "breadth": 0.2, "height": 0.3, "girth": 0.4, "angle": 0.4, "ratio": 0.005, "volume": 40.0}
#: the same for the values of the contact print, whose edge moves by millimetres for a tenth in height
PRINT_SD = {"plantar_heel_breadth_mm": 3.0, "chippaux_smirak": 0.06, "staheli": 0.07, "clarke_angle_deg": 2.0}
HALVINGS = 2


@dataclass(frozen=True, eq=False)
class Found:
    """What :func:`measure_points` found: the located foot, its sole, landmarks and values with sd."""

    located: Located
    sole: SoleSurface
    landmarks: Landmarks
    values: Mapping[str, Measure]
    halves: int  # pairs of halves that could be measured


def measure_points(rough: Array, load: Load, seed: int, side_known: bool = True) -> Found:
    """Measure one foot. rough (n, 3) mm in a rough design frame (x heel to toe, medial +y, floor at z = 0).

    ScanError where heel, ball or toes are missing. Values that the scan can't support are None with a reason.
    """
    # stage 1: the whole cloud
    located, sole, values = _once(rough, load, None)
    # stage 2: halves of the cloud, against each other: half the difference of two halves is one SD of the whole
    rng = np.random.default_rng(seed)
    spread: dict[str, list[float]] = {key: [] for key in values}
    marks: dict[str, list[Array]] = {name: [] for name in located.marks}
    for _ in range(HALVINGS):
        mask = np.zeros(len(rough), dtype=np.bool_)
        mask[rng.permutation(len(rough))[: len(rough) // 2]] = True
        try:
            a, b = (_once(located.points[half], load, located.axis, settled=True) for half in (mask, ~mask))
        except ScanError:
            continue  # too sparse to halve
        for key in values:
            va, vb = a[2][key].value, b[2][key].value
            if isinstance(va, float) and isinstance(vb, float):
                spread[key].append((va - vb) / 2)
        for name, both in marks.items():
            if name in a[0].marks and name in b[0].marks:
                both.append((a[0].marks[name] - b[0].marks[name]) / 2)
    values = {key: _with_sd(key, value, spread[key]) for key, value in values.items()}
    if not side_known:
        missing = Measure.missing("left or right is unknown: say which with --side")
        values |= dict.fromkeys(SIDED, missing)
    sd = {name: np.sqrt(np.mean(np.square(both), axis=0)) for name, both in marks.items() if both}
    halves = max(len(found) for found in spread.values())
    return Found(located, sole, Landmarks(located.marks, sd), {key: values[key] for key in KEYS}, halves)


def _once(
    rough: Array, load: Load, axis: str | None, settled: bool = False
) -> tuple[Located, SoleSurface, dict[str, Measure]]:
    located = locate(rough, axis, settled)
    sole = sole_surface(located.points)
    values = lengths(located) | heights(located) | girths(located) | angles(located)
    values |= arch(located, sole, load) | volumes(located, sole)
    return located, sole, values


def kind_of(key: str) -> str:
    """The kind of a measure, by its name: length, breadth, height, girth, angle, ratio or volume."""
    for kind in ("girth", "breadth", "height", "length", "angle", "volume"):
        if kind in key and not key.endswith("_index"):
            return kind
    return "ratio"


def _with_sd(key: str, value: Measure, spread: list[float]) -> Measure:
    if not isinstance(value.value, float):
        return value
    kind = kind_of(key)
    rule = PRINT_SD.get(key, RULE_SD[kind])
    # no two halves to compare: the cloud is thin, and the rule's own SD would say too little
    resampled = float(np.sqrt(np.mean(np.square(spread)))) if spread else 4.0 * rule
    sd = float(np.hypot(resampled, rule))
    return replace(value, sd=sd, sd_total=float(np.hypot(sd, REPEAT_SD[kind])))
