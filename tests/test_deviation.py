"""Two feet against each other: a pair, and two scans of one foot whose change is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from station_runs import here, validate

import footscan
from footscan import io, page
from footscan.deviation import ALIGNMENTS, compare_feet
from footscan.errors import ScanError
from footscan.pairs import compare_pair
from footscan.plot_deviation import deviation_views
from footscan.plot_feet import girth_curve, measured_views
from footscan.synth import FootSpec, make_foot, scan_foot, scan_pair
from footscan.types import Foot, FootMeasurements, Measure, PointCloud
from station.cli import main
from station.commands import compare

SEED = 11


def cloud_of(seed: int, turn_deg: float = 0.0) -> PointCloud:
    foot = make_foot(FootSpec(side="right", length_mm=255.0))
    return scan_foot(foot, points=120_000, noise_mm=0.3, outliers=0.0, floor=False, turn_deg=turn_deg, seed=seed)


def only(cloud: PointCloud) -> Foot:
    return footscan.find_feet(cloud, load="standing", uncertainty=False)[0]


@pytest.fixture(scope="module")
def before() -> Foot:
    return only(cloud_of(SEED))


def test_a_foot_scanned_again_has_not_changed(before: Foot) -> None:
    found = compare_feet(before, only(cloud_of(SEED + 1, turn_deg=30.0)))
    assert abs(found.summary.mean_mm) < 0.1
    assert found.summary.p95_mm < 3.0 * 0.3  # two scans' noise: 0.42 mm, averaged over neighbours
    assert abs(found.summary.volume_ml) < 6.0  # 0.1 mm over the skin of a foot
    assert not any(change.differs for change in found.changes.values())


def test_a_foot_against_itself_is_zero(before: Foot) -> None:
    found = compare_feet(before, before, align="frame")
    known = found.distance_mm[np.isfinite(found.distance_mm)]
    assert np.abs(known).max() < 1e-6


def test_growth_is_as_large_as_it_was_made(before: Foot) -> None:
    grown = only(PointCloud(cloud_of(SEED).points * 1.02))
    found = compare_feet(before, grown, align="frame")
    assert found.changes["foot_length_mm"].value == pytest.approx(0.02 * 255.0, abs=0.4)
    # scaled by s about its origin, skin moves along its normal by (s − 1) · position · normal
    known = np.isfinite(found.distance_mm) & (np.abs(found.distance_mm) < 8.0)
    origin = np.zeros(3)
    expected = 0.02 * np.einsum("ij,ij->i", found.points[known] - origin, found.normals[known])
    assert np.corrcoef(found.distance_mm[known], expected)[0, 1] > 0.9
    assert np.median(found.distance_mm[known] - expected) == pytest.approx(0.0, abs=0.25)


def bumped(points: np.ndarray, at: np.ndarray, height: float = 3.0) -> np.ndarray:
    """A smooth hill of ``height`` mm, 12 mm wide, upwards."""
    away = np.linalg.norm(points - at, axis=1)
    return points + np.outer(height * np.exp(-((away / 12.0) ** 2)), [0.0, 0.0, 1.0])


def test_a_bump_is_found_where_it_is(before: Foot) -> None:
    top = before.landmarks.points["instep"]
    points = bumped(before.cloud.points, top)
    found = compare_feet(before, Foot(
        PointCloud(points, frame="foot"), before.T_foot_scanner, before.landmarks, before.footprints, before.sole,
        before.measurements,
    ))  # fmt: skip
    distance = np.nan_to_num(found.distance_mm, nan=0.0)
    highest = found.points[int(np.argmax(distance))]
    assert np.linalg.norm(highest[:2] - top[:2]) < 8.0
    assert 2.0 < distance.max() < 3.6  # 3 mm upwards, a little less along the slanting normal
    far = np.linalg.norm(found.points - top, axis=1) > 40.0
    assert np.median(np.abs(distance[far])) < 0.1


def test_the_command_offers_every_alignment() -> None:
    assert compare.ALIGNMENTS == ALIGNMENTS


def test_feet_of_two_sides_are_refused(before: Foot) -> None:
    left = only(PointCloud(cloud_of(SEED).points * [1.0, -1.0, 1.0]))
    with pytest.raises(ScanError, match="two scans of one foot"):
        compare_feet(before, left)
    with pytest.raises(ValueError, match="align must be one of fit, frame"):
        compare_feet(before, before, align="icp")


# ------------------------------------------------------------------ pairs


def measured(side: str, length: float) -> FootMeasurements:
    values = {
        "foot_length_mm": Measure(length, 0.2, 1.0),
        "toe_type": Measure("greek"),
        "ball_girth_mm": Measure(240.0),
    }
    return FootMeasurements(values, side)


@pytest.mark.parametrize(("longer", "differs", "half"), [(0.0, False, False), (2.5, False, False), (3.4, True, True)])
def test_a_pair_differs_beyond_two_sd(longer: float, differs: bool, half: bool) -> None:
    found = compare_pair(measured("left", 250.0 + longer), measured("right", 250.0))
    length = found["foot_length_mm"]
    assert length.value == pytest.approx(longer) and length.sd_total == pytest.approx(np.sqrt(2.0))
    assert length.differs is differs and found.half_size_or_more is half
    assert found["toe_type"].value is None and found["ball_girth_mm"].differs is None


def test_left_and_right_are_not_swapped() -> None:
    with pytest.raises(ScanError, match="expected a left and a right foot, found right and left"):
        compare_pair(measured("right", 250.0), measured("left", 250.0))


# ------------------------------------------------------------------ pictures


def test_pictures_say_what_was_measured_and_are_the_same_bytes_again(before: Foot) -> None:
    drawn = [measured_views(before) for _ in range(2)]
    assert page.png(drawn[0]) == page.png(drawn[1])
    told = " ".join(text.get_text() for axes in drawn[0].axes for text in axes.texts)
    for key in ("foot_length_mm", "foot_breadth_mm", "heel_breadth_mm", "ball_girth_mm", "waist_girth_mm",
                "instep_girth_mm", "heel_girth_long_mm", "heel_girth_short_mm", "instep_height_mm"):  # fmt: skip
        assert f"{before.measurements[key]:.1f}" in told, key
    deviation = compare_feet(before, before, align="frame")
    assert page.png(deviation_views(deviation, before)) == page.png(deviation_views(deviation, before))


@pytest.mark.parametrize("tilt_deg", [-20.0, 0.0, 15.0])
def test_a_tape_around_a_cylinder_is_its_circle(tilt_deg: float, rng: np.random.Generator) -> None:
    angle, z = rng.uniform(0, 2 * np.pi, 40_000), rng.uniform(-60, 60, 40_000)
    points = np.column_stack([40.0 * np.cos(angle), 40.0 * np.sin(angle), z])
    tilt = np.radians(tilt_deg)
    normal = np.array([np.sin(tilt), 0.0, np.cos(tilt)])
    curve = girth_curve(points, np.zeros(3), normal)
    assert curve is not None
    assert np.abs(curve @ normal).max() < 1e-9
    assert np.abs(np.hypot(curve[:, 0], curve[:, 1]) - 40.0).max() < 0.6
    assert girth_curve(points[:50], np.zeros(3), normal) is None


# ------------------------------------------------------------------ the commands


def test_the_compare_command_writes_document_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, seed in (("march", SEED), ("june", SEED + 1)):
        io.write_geometry(tmp_path / f"{name}.ply", cloud_of(seed))
    words = ["compare", str(tmp_path / "march.ply"), str(tmp_path / "june.ply"), "-o", str(tmp_path / "out"), "--json"]
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document, "compare-1")
    validate(json.loads((tmp_path / "out" / "manifest.json").read_text()), "order-1")
    assert abs(document["feet"][0]["summary"]["mean_mm"]) < 0.1
    assert document == json.loads((tmp_path / "out" / "compare.json").read_text())
    assert (tmp_path / "out" / "deviation-right.png").read_bytes().startswith(b"\x89PNG")


def test_measure_tells_the_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    feet = [make_foot(FootSpec(side=side, length_mm=x)) for side, x in (("left", 252.0), ("right", 258.0))]
    io.write_geometry(tmp_path / "pair.ply", scan_pair(*feet, points=200_000, seed=SEED))
    assert main(["measure", str(tmp_path / "pair.ply"), "--no-sd", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document, "measure-1")
    (pair,) = document["pairs"]
    assert pair["half_size_or_more"] is True
    assert pair["differences"]["foot_length_mm"]["value"] == pytest.approx(-6.0, abs=0.6)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["a.ply", "a.ply", "-o", "out"], 2, "found the same file twice"),
        (["a.ply", "none.ply", "-o", "out"], 3, "none.ply"),
        (["a.ply", "b.txt", "-o", "out"], 3, "b.txt"),
        (["a.ply", "b.txt", "-o", ""], 2, "-o"),
        (["a.ply", "b.txt"], 2, "-o"),
        (["a.ply", "b.txt", "--align", "icp", "-o", "out"], 2, "icp"),
    ],
)
def test_what_can_not_be_compared_leaves_nothing(words: list[str], code: int, said: str, tmp_path: Path) -> None:
    io.write_geometry(tmp_path / "a.ply", PointCloud(np.eye(3) * 100.0))
    (tmp_path / "b.txt").write_text("no scan\n")
    run = here("compare", *words, cwd=tmp_path)
    assert run.code == code and said in run.line
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ply", "b.txt"]


def test_pictures_of_the_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    io.write_geometry(tmp_path / "foot.ply", cloud_of(SEED))
    folder = tmp_path / "pictures"
    assert main(["measure", str(tmp_path / "foot.ply"), "--pictures", str(folder), "--no-sd"]) == 0
    (picture,) = folder.iterdir()
    assert picture.read_bytes().startswith(b"\x89PNG") and "length" in capsys.readouterr().out
