"""The algorithm on one screen: points of one foot -> landmarks, sole, prints, values with their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from footscan.errors import ScanError
from footscan.frame import compose, rotation_to_z, transform, turn_z
from footscan.measures.arch import APEX_KEYS, PRINT_KEYS, arch, volumes
from footscan.measures.girths import girths
from footscan.measures.landmarks import Located, locate
from footscan.measures.lengths import angles, heights, lengths
from footscan.measures.template import fit_template
from footscan.measures.uncertainty import Half, marks_sd, with_sd
from footscan.scans.clean import voxel_grid
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

HALF_POINTS = 45_000  #: at most so many points are measured again
MEASURED_POINTS = 120_000  #: of a denser cloud the points are merged once more: as sure, and quicker
TEMPLATE_FITS_MM = 0.8  #: a template farther off than this says nothing of the foot's landmarks
POSE_TURN_DEG, POSE_TILT_DEG = 2.0, 0.02  #: how the half's pose differs: heading, and what a fitted floor leaves open


@dataclass(frozen=True, eq=False)
class Found:
    """What :func:`measure_points` found: the located foot, its sole, landmarks and values with sd."""

    located: Located
    sole: SoleSurface
    landmarks: Landmarks
    values: Mapping[str, Measure]
    half: Half | None  # None: too sparse to be halved, or not asked for
    tracks_apart: Mapping[str, Array]  # landmark -> (3,) mm, template minus rules
    own_sd: Mapping[str, float]  # what is open in this foot alone


def measure_points(rough: Array, load: Load, seed: int, side_known: bool = True, uncertainty: bool = True) -> Found:
    """Measure one foot. rough (n, 3) mm in a rough design frame (x heel to toe, medial +y, floor at z = 0).

    ``uncertainty`` False leaves out sd and sd_total, which take as long as the values. ScanError where heel, ball or
    toes are missing. Values that the scan can't support are None with a reason.
    """
    # stage 1: the whole cloud
    if len(rough) > MEASURED_POINTS:
        rough = voxel_grid(rough, 1.25)[0]
    located, sole, values = _once(rough, load, None)
    own_sd = {key: value.sd for key, value in values.items() if value.sd is not None}
    sd_marks: dict[str, Array] = {}
    half: Half | None = None
    apart: dict[str, Array] = {}
    if uncertainty:
        # stage 2: half of the cloud in another pose, against the whole; the other track, against this one
        half = _half(located, load, seed)
        apart = _tracks_apart(located)
        # stage 3: what that says of each value
        values = with_sd(values, half, apart)
        sd_marks = marks_sd(located.marks, half) if half is not None else {}
    else:
        values = {key: replace(value, sd=None) for key, value in values.items()}
    if not side_known:
        missing = Measure.missing("left or right is unknown: say which with --side")
        values |= dict.fromkeys(SIDED, missing)
    kept = {key: values[key] for key in KEYS}
    return Found(located, sole, Landmarks(located.marks, sd_marks), kept, half, apart, own_sd)


def _half(located: Located, load: Load, seed: int) -> Half | None:
    """Half of the points, measured again in a pose of its own; None where they are too sparse for it."""
    points = located.points
    rng = np.random.default_rng(seed)
    size = min(len(points) // 2, HALF_POINTS)
    part = points[np.sort(rng.permutation(len(points))[:size])]
    lean = np.radians(POSE_TILT_DEG) * rng.normal(size=2)
    tilt = compose(rotation_to_z(np.array([lean[0], lean[1], 1.0])), rng.uniform(-1.0, 1.0, 3) * [1.0, 1.0, 0.0])
    pose = tilt @ turn_z(float(np.radians(POSE_TURN_DEG) * rng.uniform(-1.0, 1.0)))
    try:
        again, _, values = _once(transform(pose, part), load, located.axis, settled=True)
    except ScanError:
        return None
    back = np.linalg.inv(again.T_foot_rough @ pose)
    marks = {name: transform(back, place[None])[0] for name, place in again.marks.items()}
    return Half(values, marks, size / len(points))


def _tracks_apart(located: Located) -> dict[str, Array]:
    """Landmark -> (3,) mm, where the template puts it minus where the rules do; nothing where no template fits."""
    try:
        fitted = fit_template(located.points)
    except ScanError:
        return {}
    if fitted.rms_mm > TEMPLATE_FITS_MM:
        return {}
    return {name: fitted.marks[name] - place for name, place in located.marks.items() if name in fitted.marks}


def _once(
    rough: Array, load: Load, axis: str | None, settled: bool = False
) -> tuple[Located, SoleSurface, dict[str, Measure]]:
    located = locate(rough, axis, settled)
    sole = sole_surface(located.points)
    values = lengths(located) | heights(located) | girths(located) | angles(located)
    values |= arch(located, sole, load) | volumes(located, sole)
    return located, sole, values
