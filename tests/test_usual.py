"""Feet out of measures alone: what was given is met, the rest is near a real foot, and nonsense is refused."""

from __future__ import annotations

import numpy as np
import pytest

from footscan import find_feet
from footscan.errors import ScanError
from footscan.synth import FootSpec, make_foot, scan_foot
from footscan.types import Array, Foot, FootMeasurements, Measure, Side, replace
from footscan.usual import usual_foot
from insole import check_mesh, design, prescribe, solid


def scanned(rng: np.random.Generator) -> Foot:
    """A scan of a drawn foot, measured."""
    side: Side = "left" if rng.random() < 0.5 else "right"
    made = make_foot(FootSpec(side, float(rng.uniform(225.0, 290.0))))
    return find_feet(scan_foot(made, points=60_000, turn_deg=20.0, seed=int(rng.integers(1000))), side=side)[0]


def breadth(points: Array, x: float, within: float, below: float) -> float:
    near = points[(np.abs(points[:, 0] - x) < within) & (points[:, 2] < below)]
    return float(np.ptp(near[:, 1]))


def test_what_was_measured_is_met_and_the_rest_is_near(rng: np.random.Generator) -> None:
    foot = scanned(rng)
    made, given = usual_foot(foot.measurements), foot.measurements
    length = given["foot_length_mm"]
    assert length is not None
    assert np.ptp(made.cloud.points[:, 0]) == pytest.approx(length, abs=1.0)
    mth1, mth5 = made.landmarks.points["mth1"], made.landmarks.points["mth5"]
    assert mth1[0] == pytest.approx(given["ball_length_medial_mm"], abs=0.5)
    assert mth5[0] == pytest.approx(given["ball_length_lateral_mm"], abs=0.5)
    assert made.landmarks.points["instep"][2] == pytest.approx(given["instep_height_mm"], abs=0.5)
    heel = breadth(made.cloud.points, 0.16 * length, 0.03 * length, 60.0)
    assert heel == pytest.approx(given["heel_breadth_mm"], abs=0.03 * length)
    assert made.side == foot.side and made.sole.z_mm.size == 0


def test_an_insole_from_measures_is_near_the_scans_and_says_what_it_is(rng: np.random.Generator) -> None:
    foot = scanned(rng)
    rx = prescribe(foot.measurements)
    of_scan, of_measures = design(foot, rx, 20_000), design(usual_foot(foot.measurements), rx, 20_000)
    away = [np.linalg.norm(of_scan.outline_mm - p, axis=1).min() for p in of_measures.outline_mm]
    assert np.mean(away) < 3.0 and max(away) < 8.0
    assert "arch_from_population" in {note.code for note in of_measures.notes}
    assert check_mesh(solid(of_measures)).ok


def test_length_alone_is_enough(rng: np.random.Generator) -> None:
    length = float(rng.uniform(150.0, 320.0))
    foot = usual_foot(FootMeasurements({"foot_length_mm": Measure(length)}, "right"))
    assert foot.cloud.points[:, 0].max() == pytest.approx(length, rel=5e-3)
    shape = design(foot, prescribe(foot.measurements), 20_000)
    assert check_mesh(solid(shape)).ok and shape.foot_length_mm == length


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "foot_length_mm"),
        ({"foot_length_mm": Measure(None, reason="cut off")}, "foot_length_mm"),
        ({"foot_length_mm": Measure(260.0), "foot_breadth_mm": Measure(10.2)}, "foot_breadth_mm: expected"),
        ({"foot_length_mm": Measure(260.0), "instep_height_mm": Measure(220.0)}, "unit"),
    ],
)
def test_measures_of_no_foot_are_refused(values: dict[str, Measure], words: str) -> None:
    with pytest.raises(ScanError, match=words):
        usual_foot(FootMeasurements(values, "left"))


def test_left_and_right_of_the_same_measures_are_the_same_design(rng: np.random.Generator) -> None:
    foot = scanned(rng)
    left, right = (usual_foot(replace(foot.measurements, side=side)) for side in ("left", "right"))
    assert np.array_equal(left.cloud.points, right.cloud.points)
