"""Registration: where a scanned foot stood is found again, and prints of other feet are refused."""

from __future__ import annotations

import functools
from dataclasses import replace as changed
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from footscan.errors import ScanError
from footscan.feet import find_feet
from footscan.frame import transform
from footscan.pressure import REGIONS, analyse
from footscan.pressure.hills import region_of
from footscan.pressure.landmarked import hills_of_landmarks
from footscan.registration import Registration, landmark_mask, mask_of, register
from footscan.synth import FootSpec, SyntheticFoot, make_foot, scan_foot
from footscan.synth.layouts import insole_layout, plate_layout
from footscan.synth.soleprint import sole_print
from footscan.types import Array, Foot, Landmarks, PressureRecording, Recording, SensorLayout, Side, replace

SPECS = (
    FootSpec(side="right", length_mm=262.0),
    FootSpec(side="left", length_mm=243.0, arch_apex_height_mm=17.0),
    FootSpec(side="right", length_mm=281.0, toe_type="greek", foot_breadth_mm=112.0),
)
OTHER: dict[Side, Side] = {"left": "right", "right": "left"}


@functools.cache
def scanned(number: int) -> tuple[SyntheticFoot, Foot]:
    """A synthetic foot, and what a scan of it in any pose gives."""
    made = make_foot(SPECS[number])
    (foot,) = find_feet(scan_foot(made, 80_000, turn_deg=17.0 * number, seed=number), uncertainty=False)
    return made, foot


def stand(rng: np.random.Generator, length_mm: float, most_deg: float = 25.0) -> tuple[Array, Array]:
    """T_plate_foot (3, 3) of a foot anywhere on a plate, and its heading (2,)."""
    angle = np.deg2rad(rng.uniform(-most_deg, most_deg))
    c, s = np.cos(angle), np.sin(angle)
    T = np.array([[c, -s, 60.0 + rng.uniform(0, 10)], [s, c, rng.uniform(-5, 5) - s * length_mm / 2], [0.0, 0.0, 1.0]])
    return T, np.array([c, s])


def plate(pitch_mm: float) -> SensorLayout:
    return plate_layout(int(420 / pitch_mm), int(320 / pitch_mm), pitch_mm)


def loaded(pressure: Array) -> Array:
    """What a plate reads that feels nothing below 3 kPa."""
    return np.where(pressure > 3.0, pressure, 0.0)


def off(found: Registration, T_plate_foot: Array, made: SyntheticFoot) -> tuple[float, float]:
    """How far (mm) the foot's points come to lie from where they were at most, and the angle (degrees) between."""
    mirror = np.diag([1.0, -1.0 if made.spec.side == "left" else 1.0])
    own = np.array([p[:2] for p in made.landmarks.points.values()])
    on_plate = own @ T_plate_foot[:2, :2].T + T_plate_foot[:2, 2]
    there = transform(found.T_foot_plate, np.column_stack([on_plate, np.zeros(len(own))]))[:, :2]
    R = found.T_foot_plate[:2, :2] @ T_plate_foot[:2, :2] @ mirror
    angle = float(np.degrees(np.arctan2(R[1, 0], R[0, 0])))
    return float(np.linalg.norm(there - own @ mirror, axis=1).max()), abs(angle)


# ------------------------------------------------------------------ found again


@pytest.mark.parametrize("number", [0, 1, pytest.param(2, marks=pytest.mark.prove)])
def test_a_foot_is_found_on_its_own_print_to_a_millimetre_and_a_degree(rng: np.random.Generator, number: int) -> None:
    made, foot = scanned(number)
    layout = plate(5.0)
    T, way = stand(rng, made.spec.length_mm)
    image = loaded(sole_print(made, layout, T, float(rng.uniform(450.0, 900.0))))
    found = register(foot, layout, image, made.spec.side, way)
    away_mm, angle_deg = off(found, T, made)
    assert away_mm <= 1.0 and angle_deg <= 1.0
    assert found.overlap > 0.93 and found.rms_mm < 2.5 and found.scale == pytest.approx(1.0, abs=0.015)
    assert found.side == made.spec.side and found.method == "sole"
    # its parts say the same
    there = transform(found.T_foot_plate, np.column_stack([layout.xy_mm, np.zeros(len(layout.xy_mm))]))[:, :2]
    np.testing.assert_allclose(there, found.xy_foot_mm, atol=1e-9)
    for name in ("pternion", "mth1", "mth5"):
        back = transform(found.T_foot_plate, np.array([[*found.landmarks_mm[name], 0.0]]))[0, :2]
        np.testing.assert_allclose(back, foot.landmarks.points[name][:2], atol=1e-9)
    assert np.linalg.det(found.T_foot_plate[:3, :3]) == pytest.approx(-1.0 if foot.side == "left" else 1.0)
    with pytest.raises(ValueError, match="not 'insole'"):
        _ = found.T_foot_insole


@pytest.mark.parametrize("pitch_mm", [8.0, 10.0])
def test_coarser_plates_find_it_too(rng: np.random.Generator, pitch_mm: float) -> None:
    made, foot = scanned(int(rng.integers(2)))
    layout = plate(pitch_mm)
    T, way = stand(rng, made.spec.length_mm)
    found = register(foot, layout, loaded(sole_print(made, layout, T)), "unknown", way)
    away_mm, angle_deg = off(found, T, made)
    assert away_mm <= 2.0 and angle_deg <= 1.0


def test_how_the_load_is_spread_moves_nothing_much(rng: np.random.Generator) -> None:
    """Parts of the foot carry half or twice what their shape says, and nothing below 10 kPa is felt."""
    made, foot = scanned(int(rng.integers(2)))
    layout = plate(5.0)
    T, way = stand(rng, made.spec.length_mm)
    assert layout.shape is not None
    wave = ndimage.gaussian_filter(rng.normal(size=layout.shape), 6).ravel()
    pressure = sole_print(made, layout, T) * np.exp(0.4 * wave / wave.std())
    found = register(foot, layout, np.where(pressure > 10.0, pressure, 0.0), made.spec.side, way)
    away_mm, angle_deg = off(found, T, made)
    assert away_mm <= 3.0 and angle_deg <= 1.5


def test_a_foot_is_found_in_its_shoe(rng: np.random.Generator) -> None:
    """99 cells of an insole as long as the foot."""
    made, foot = scanned(0)
    layout = insole_layout("right", 1.02 * made.spec.length_mm)
    T = np.array([[1.0, 0.0, rng.uniform(1, 5)], [0.0, 1.0, rng.uniform(-2, 2)], [0.0, 0.0, 1.0]])
    found = register(foot, layout, loaded(sole_print(made, layout, T)), "right")
    np.testing.assert_allclose(found.T_foot_insole[:2, 3], -T[:2, 2], atol=4.0)
    turn = np.degrees(np.arctan2(found.T_foot_insole[1, 0], found.T_foot_insole[0, 0]))
    assert abs(turn) < 2.0 and found.frame == "insole"
    with pytest.raises(ValueError, match="not 'plate'"):
        _ = found.T_foot_plate


def test_a_sole_that_was_closed_with_a_lid_is_laid_by_its_landmarks(rng: np.random.Generator) -> None:
    made, foot = scanned(0)
    capped = replace(
        foot, sole=replace(foot.sole, z_mm=np.where(np.isfinite(foot.sole.z_mm), 0.0, np.nan), capped=True)
    )
    layout = plate(5.0)
    T, way = stand(rng, made.spec.length_mm)
    found = register(capped, layout, loaded(sole_print(made, layout, T)), "right", way)
    away_mm, angle_deg = off(found, T, made)
    assert found.method == "landmarks" and away_mm <= 8.0 and angle_deg <= 3.0


# ------------------------------------------------------------------ refused


def test_a_print_of_the_other_side_is_refused(rng: np.random.Generator) -> None:
    made, foot = scanned(int(rng.integers(2)))
    layout = plate(5.0)
    T, way = stand(rng, made.spec.length_mm)
    mine, theirs = made.spec.side, OTHER[made.spec.side]
    image = loaded(sole_print(make_foot(changed(made.spec, side=theirs)), layout, T))
    with pytest.raises(ScanError, match=f"print of a {mine} foot as scanned, found that of a {theirs} one"):
        register(foot, layout, image, theirs, way)
    with pytest.raises(ScanError, match="mirror image fits better"):
        register(foot, layout, image, "unknown", way)


@pytest.mark.parametrize("factor", [0.94, pytest.param(1.07, marks=pytest.mark.prove)])
def test_a_print_of_another_size_is_refused(rng: np.random.Generator, factor: float) -> None:
    made, foot = scanned(0)
    layout = plate(5.0)
    T, way = stand(rng, made.spec.length_mm)
    larger = make_foot(changed(made.spec, length_mm=factor * made.spec.length_mm))
    with pytest.raises(ScanError, match="larger" if factor > 1 else "smaller"):
        register(foot, layout, loaded(sole_print(larger, layout, T)), made.spec.side, way)


def test_what_is_no_print_of_a_foot_is_refused(rng: np.random.Generator) -> None:
    made, foot = scanned(0)
    layout = plate(5.0)
    T, way = stand(rng, made.spec.length_mm)
    image = loaded(sole_print(made, layout, T))
    s = layout.xy_mm @ way
    toes_only = np.where(s - s[image > 0].min() > 200.0, image, 0.0)
    for bad in (toes_only, np.zeros_like(image), np.ones_like(image)):
        with pytest.raises(ScanError):
            register(foot, layout, bad, made.spec.side, way)
    nowhere = SensorLayout(np.zeros((12, 2)), positions="arbitrary")
    with pytest.raises(ScanError, match="known in mm"):
        register(foot, nowhere, np.ones(12))
    sideless = replace(foot, measurements=replace(foot.measurements, side="unknown"))
    with pytest.raises(ScanError, match="side is not known"):
        register(sideless, layout, image)


# ------------------------------------------------------------------ regions by landmarks


def test_regions_by_landmarks_are_those_of_the_foots_own_anatomy(rng: np.random.Generator) -> None:
    """Against the true landmarks at the true place: scan, measures and registration together cost little."""
    made, foot = scanned(int(rng.integers(2)))
    mirror = -1.0 if made.spec.side == "left" else 1.0
    true_hills = hills_of_landmarks(Landmarks({k: p * [1.0, mirror, 1.0] for k, p in made.landmarks.points.items()}))
    mask = landmark_mask([foot])
    for pitch_mm in (5.0, 10.0):
        layout = plate(pitch_mm)
        T, way = stand(rng, made.spec.length_mm)
        image = loaded(sole_print(made, layout, T))
        back = np.linalg.inv(T)
        local = (layout.xy_mm @ back[:2, :2].T + back[:2, 2]) * [1.0, mirror]
        true = region_of(true_hills, local)
        labels = mask.labels(layout, image, made.spec.side, way)
        for number, name in enumerate(REGIONS):
            a, b = (image > 0) & (true == number), (image > 0) & (labels == number)
            if a.sum() >= 5:
                assert 2.0 * (a & b).sum() / (a.sum() + b.sum()) >= (0.9 if a.sum() >= 10 else 0.7), (name, pitch_mm)


def test_heads_lie_where_the_landmarks_are() -> None:
    """The first head beside MTH1, the fifth beside MTH5, both inwards of the skin; each toe's middle behind its tip."""
    for number in range(2):
        _, foot = scanned(number)
        points = foot.landmarks.points
        hills = hills_of_landmarks(foot.landmarks)
        centre = hills.in_print(hills.centre)
        assert abs(centre[4, 0] - points["mth1"][0]) < 2.0 and 3.0 < points["mth1"][1] - centre[4, 1] < 25.0
        assert abs(centre[8, 0] - points["mth5"][0]) < 2.0 and 3.0 < centre[8, 1] - points["mth5"][1] < 25.0
        for toe in range(1, 6):
            if f"toe{toe}_tip" in points:
                behind = points[f"toe{toe}_tip"][:2] - centre[8 + toe]
                assert 3.0 < behind[0] < 15.0 and abs(behind[1]) < 1e-9
        assert (np.diff(centre[4:9, 1]) < 0).all()


def test_a_recording_is_analysed_by_the_feet_that_were_scanned(rng: np.random.Generator, tmp_path: Path) -> None:
    made, foot = scanned(0)
    layout = plate(8.0)
    T, _ = stand(rng, made.spec.length_mm, 10.0)
    grow = np.sin(np.linspace(0.0, np.pi, 61))[:, None]
    values = grow * loaded(sole_print(made, layout, T))
    recording = Recording((PressureRecording(values, "kPa", np.arange(61) / 100.0, layout, None, "right"),))
    (step,) = analyse(recording, mask=landmark_mask([foot])).steps
    assert step.regions["heel_medial"]["peak_kpa"] is not None and step.regions["mth2"]["peak_kpa"] is not None
    other = replace(recording.pressure[0], side="left")
    (step,) = analyse(Recording((other,)), mask=landmark_mask([foot])).steps
    assert "whose scan was not given" in step.reasons["regions"]


def test_scans_that_name_no_foot_are_refused() -> None:
    _, foot = scanned(0)
    with pytest.raises(ScanError, match="found none"):
        landmark_mask([])
    with pytest.raises(ScanError, match="right again"):
        landmark_mask([foot, foot])
    headless = Landmarks({k: p for k, p in foot.landmarks.points.items() if k != "mth5"})
    with pytest.raises(ScanError, match="no mth5"):
        landmark_mask([replace(foot, landmarks=headless)])
    with pytest.raises(ValueError, match="must name a scan"):
        mask_of("landmarks:")
    assert mask_of("auto").names == REGIONS


def test_a_scans_file_names_the_mask(shared_data: Path) -> None:
    spec = f"landmarks:{shared_data / 'scans/standing_adult_left/left_foot.stl'}"
    mask = mask_of(spec)
    assert mask.spec == spec and mask.names == REGIONS
    with pytest.raises(ScanError, match="right foot, whose scan was not given"):
        mask.labels(plate_layout(4, 4, 5.0), np.ones(16), "right")
