"""Synthetic feet and walks: what was asked comes back, and the truth stands against other programs' sections."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from manifold3d import CrossSection, Manifold, Mesh64
from scipy.spatial import ConvexHull, cKDTree

from footscan.synth import (
    FootSpec,
    SyntheticFoot,
    draw_spec,
    make_foot,
    make_walk,
    people,
    scan_foot,
    scan_pair,
    threshold_times,
)
from footscan.synth import feet as feet_module
from footscan.types import PressureRecording

ASKED = FootSpec(
    length_mm=258.0,
    foot_breadth_mm=101.0,
    ball_girth_mm=243.0,
    instep_height_mm=66.0,
    heel_breadth_mm=68.0,
    mth1_station=0.73,
    mth5_station=0.63,
    arch_apex_height_mm=15.0,
    malleolus_lateral_height_mm=68.0,
    malleolus_medial_height_mm=78.0,
    bimalleolar_breadth_mm=71.0,
    ankle_girth_mm=215.0,
    toe_type="greek",
    toe1_angle_deg=9.0,
    toe5_angle_deg=11.0,
    rearfoot_angle_deg=4.0,
)
SPECS = {
    "average": FootSpec(),
    "asked": ASKED,
    "sock": FootSpec(length_mm=245.0, toes="fused"),
    "capped": FootSpec(sole="capped", toes="fused", leg_mm=110.0),
}
TOLERANCE = {  # what make_foot promises
    "foot_length_mm": 0.05,
    "foot_breadth_mm": 0.3,
    "ball_girth_mm": 0.3,
    "instep_height_mm": 0.3,
    "heel_breadth_mm": 0.3,
    "ankle_girth_mm": 1.0,
    "bimalleolar_breadth_mm": 0.5,
    "malleolus_lateral_height_mm": 2.0,
    "malleolus_medial_height_mm": 2.0,
    "arch_apex_height_mm": 0.3,
    "rearfoot_angle_deg": 0.3,
    "toe1_angle_deg": 1.0,
    "toe5_angle_deg": 1.0,
}


@pytest.fixture(params=list(SPECS))
def foot(request: pytest.FixtureRequest) -> SyntheticFoot:
    return make_foot(SPECS[request.param])


@pytest.fixture
def average() -> SyntheticFoot:
    return make_foot(FootSpec())


def as_trimesh(foot: SyntheticFoot) -> trimesh.Trimesh:
    return trimesh.Trimesh(foot.mesh.vertices, foot.mesh.faces, process=False)


def hull_length(points: np.ndarray) -> float:
    corners = points[ConvexHull(points).vertices]
    return float(np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1).sum())


def trimesh_section(foot: SyntheticFoot, origin: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Points (n, 3) of a section, by trimesh."""
    return np.asarray(trimesh.intersections.mesh_plane(as_trimesh(foot), normal, origin)).reshape(-1, 3)


# ------------------------------------------------------------------ feet: what was asked


def test_asked_sizes_come_back(foot: SyntheticFoot) -> None:
    wanted = feet_module.wanted_sizes(foot.spec) | {"foot_length_mm": foot.spec.length_mm}
    checked = 0
    for key, tolerance in TOLERANCE.items():
        value = foot.truth[key]
        if key in wanted and value is not None:
            assert value == pytest.approx(wanted[key], abs=tolerance), key
            checked += 1
    assert checked >= 5
    length = foot.spec.length_mm
    assert foot.truth["ball_length_medial_mm"] == pytest.approx(foot.spec.mth1_station * length, abs=0.3)
    assert foot.truth["ball_length_lateral_mm"] == pytest.approx(foot.spec.mth5_station * length, abs=0.6)


def test_toe_type_is_the_asked_one() -> None:
    for kind in ("egyptian", "greek", "square"):
        assert make_foot(FootSpec(toe_type=kind)).truth["toe_type"] == kind


def test_sizes_that_no_foot_has_are_refused() -> None:
    with pytest.raises(ValueError, match="ball_girth_mm"):
        make_foot(FootSpec(length_mm=250.0, ball_girth_mm=420.0))
    with pytest.raises(ValueError, match="toe1_angle_deg"):
        make_foot(FootSpec(toe1_angle_deg=1.0))


def test_a_spec_without_sense_is_refused() -> None:
    for wrong in ({"leg_mm": 50.0}, {"length_mm": 27.0}, {"side": "both"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            FootSpec(**wrong)


@pytest.mark.parametrize("leg_mm", [90.0, 330.0])
def test_the_leg_is_as_long_as_asked(leg_mm: float) -> None:
    foot = make_foot(FootSpec(leg_mm=leg_mm))
    assert as_trimesh(foot).is_watertight
    assert foot.mesh.vertices[:, 2].max() == pytest.approx(leg_mm, abs=1e-6)
    assert (foot.truth["rearfoot_angle_deg"] is None) == (leg_mm < 160.0)
    if leg_mm > 160.0:
        assert foot.truth["rearfoot_angle_deg"] == pytest.approx(2.0, abs=0.3)
        assert foot.truth["ankle_girth_mm"] == pytest.approx(0.8464 * 270.0, abs=1.0)


def test_unsupported_truth_is_none() -> None:
    capped = make_foot(SPECS["capped"])
    for key in ("arch_index", "arch_apex_height_mm", "staheli", "clarke_angle_deg", "rearfoot_angle_deg", "toe_type"):
        assert capped.truth[key] is None
    assert "arch_apex" not in capped.landmarks.points


# ------------------------------------------------------------------ feet: the truth against independent sections


def test_length_breadth_and_frame_by_the_vertices(foot: SyntheticFoot) -> None:
    v = foot.mesh.vertices
    low = v[v[:, 2] <= 40.0]
    assert low[:, 0].max() - low[:, 0].min() == pytest.approx(foot.truth["foot_length_mm"], abs=0.05)
    assert low[low[:, 0].argmin(), 1] == pytest.approx(0.0, abs=1.5)  # the heel's end is flat
    fore = low[low[:, 0] > 0.4 * foot.spec.length_mm]
    assert np.ptp(fore[:, 1]) == pytest.approx(foot.truth["foot_breadth_orthogonal_mm"], abs=0.05)
    if "toe2_tip" in foot.landmarks.points:
        assert foot.landmarks.points["toe2_tip"][1] == pytest.approx(0.0, abs=0.01)
    else:
        middle = (foot.landmarks.points["mth1"] + foot.landmarks.points["mth5"]) / 2
        assert middle[1] == pytest.approx(0.0, abs=0.05)


def test_girths_by_trimesh(foot: SyntheticFoot) -> None:
    truth, length = foot.truth, foot.spec.length_mm
    for key, height, station in (
        ("instep_girth_mm", "instep_height_mm", 0.5),
        ("instep_girth_55_mm", "instep_height_55_mm", 0.55),
    ):
        cut = trimesh_section(foot, np.array([station * length, 0, 0]), np.array([1.0, 0, 0]))
        assert hull_length(cut[:, 1:]) == pytest.approx(truth[key], abs=0.01)
        assert cut[:, 2].max() == pytest.approx(truth[height], abs=0.01)
    cut = trimesh_section(foot, np.array([0.16 * length, 0, 0]), np.array([1.0, 0, 0]))
    assert np.ptp(cut[cut[:, 2] <= 40.0][:, 1]) == pytest.approx(truth["heel_breadth_mm"], abs=0.02)


def test_ball_girth_is_the_least_over_the_tilts(foot: SyntheticFoot) -> None:
    a, b = foot.landmarks.points["mth1"], foot.landmarks.points["mth5"]
    line = (b - a) / np.linalg.norm(b - a)
    across = np.cross(line, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    up = np.cross(across, line)
    found = []
    for tilt in np.deg2rad(np.arange(-20.0, 20.1, 0.5)):
        normal = np.cos(tilt) * across + np.sin(tilt) * up
        cut = trimesh_section(foot, a, normal)
        cut = cut[cut[:, 2] < 0.45 * foot.spec.length_mm]
        found.append(hull_length(np.stack([cut @ line, cut @ np.cross(normal, line)], axis=1)))
    assert min(found) == pytest.approx(foot.truth["ball_girth_mm"], abs=0.03)
    assert foot.truth["ball_girth_mm"] <= foot.truth["ball_girth_raw_mm"] + 0.05


def test_heel_and_ankle_girths_by_trimesh(average: SyntheticFoot) -> None:
    marks = average.landmarks.points
    for key, top in (("heel_girth_long_mm", "ankle_bend"), ("heel_girth_short_mm", "instep")):
        d = (marks[top] - marks["heel_landing"]) * [1, 0, 1]
        d /= np.linalg.norm(d)
        cut = trimesh_section(average, marks["heel_landing"], np.cross(d, [0.0, 1.0, 0.0]))
        assert hull_length(np.stack([cut @ d, cut[:, 1]], axis=1)) == pytest.approx(average.truth[key], abs=0.01)
    levels = np.arange(marks["malleolus_medial"][2] + 8.0, 175.0, 1.0)
    girths = [hull_length(trimesh_section(average, np.array([0, 0, z]), np.array([0, 0, 1.0]))[:, :2]) for z in levels]
    assert min(girths) == pytest.approx(average.truth["ankle_girth_mm"], abs=0.1)


def test_volume_by_manifold(average: SyntheticFoot) -> None:
    solid = Manifold(Mesh64(average.mesh.vertices.copy(), average.mesh.faces.astype(np.uint64)))
    bend = float(average.landmarks.points["ankle_bend"][2])
    low = solid.trim_by_plane((0.0, 0.0, -1.0), -bend)
    assert low.volume() / 1000.0 == pytest.approx(average.truth["volume_ml"], rel=1e-6)
    rear = low.trim_by_plane((-1.0, 0.0, 0.0), -average.spec.length_mm / 3)
    assert rear.volume() / 1000.0 == pytest.approx(average.truth["volume_rear_ml"], rel=1e-6)
    parts = [average.truth[f"volume_{k}_ml"] for k in ("rear", "mid", "fore")]
    assert sum(parts) == pytest.approx(average.truth["volume_ml"])


def test_arch_index_by_areas_of_the_slice(average: SyntheticFoot) -> None:
    solid = Manifold(Mesh64(average.mesh.vertices.copy(), average.mesh.faces.astype(np.uint64)))
    outlines = solid.slice(2.0).decompose()
    pads = [p for p in outlines if p.bounds()[0] > 0.75 * average.spec.length_mm]
    body = [p for p in outlines if p.bounds()[0] <= 0.75 * average.spec.length_mm]
    assert len(pads) == 5 and len(body) == 1  # five toes stand on the floor, apart from the ball
    low, high = body[0].bounds()[0], body[0].bounds()[2]
    third = (high - low) / 3
    middle = body[0] ^ CrossSection.square((third, 400.0)).translate((low + third, -200.0))
    assert middle.area() / body[0].area() == pytest.approx(average.truth["arch_index"], abs=1e-3)
    heel = body[0] ^ CrossSection.square((third, 400.0)).translate((low, -200.0))
    assert heel.bounds()[3] - heel.bounds()[1] >= average.truth["plantar_heel_breadth_mm"]


def test_arch_apex_by_rays(average: SyntheticFoot) -> None:
    apex, spec = average.landmarks.points["arch_apex"], average.spec
    assert apex[2] == average.truth["arch_apex_height_mm"]
    v = average.mesh.vertices
    near = v[(np.abs(v[:, 0] - apex[0]) < 3.0) & (np.abs(v[:, 1] - apex[1]) < 3.0) & (v[:, 2] < 40.0)]
    assert near[:, 2].min() - 1.0 < apex[2] < near[:, 2].max() + 1.0
    assert spec.arch_apex_station == pytest.approx(apex[0] / spec.length_mm, abs=0.05)


def test_prominences_are_prominent(average: SyntheticFoot) -> None:
    v, marks, length = average.mesh.vertices, average.landmarks.points, average.spec.length_mm
    for name, sign, low, high in (("mth1", 1.0, 0.66, 0.80), ("mth5", -1.0, 0.56, 0.72)):
        window = (v[:, 0] > low * length) & (v[:, 0] < high * length) & (v[:, 2] >= 5.0) & (v[:, 2] <= 40.0)
        assert sign * marks[name][1] == pytest.approx((sign * v[window, 1]).max(), abs=0.03)
    for name, sign in (("malleolus_medial", 1.0), ("malleolus_lateral", -1.0)):
        mark = marks[name]
        near = np.linalg.norm(v[:, [0, 2]] - mark[[0, 2]], axis=1)
        ring = (near > 8.0) & (near < 10.0) & (sign * v[:, 1] > 0)
        assert sign * mark[1] > (sign * v[ring, 1]).max()  # higher than all that is round about
    for k in range(1, 6):
        distance, _ = cKDTree(v).query(marks[f"toe{k}_tip"])
        assert distance < 0.5


# ------------------------------------------------------------------ feet: laws


def test_mirror_law() -> None:
    right, left = make_foot(ASKED), make_foot(dataclasses.replace(ASKED, side="left"))
    assert dict(right.truth) == dict(left.truth)
    assert (right.mesh.vertices * [1.0, -1.0, 1.0] == left.mesh.vertices).all()
    assert as_trimesh(left).volume == pytest.approx(as_trimesh(right).volume)
    for name, point in right.landmarks.points.items():
        assert (point * [1.0, -1.0, 1.0] == left.landmarks.points[name]).all()


def test_watertight_outward_on_the_floor(foot: SyntheticFoot) -> None:
    mesh = as_trimesh(foot)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0 and mesh.body_count == 1
    assert foot.mesh.vertices[:, 2].min() == 0.0
    assert foot.mesh.vertices[:, 2].max() == pytest.approx(foot.spec.leg_mm, abs=1e-6)
    assert foot.mesh.frame == "foot"


def test_same_spec_same_bytes() -> None:
    first, again = make_foot(ASKED), feet_module._make.__wrapped__(ASKED)
    assert first is not again and dict(first.truth) == dict(again.truth)
    for a, b in ((first.mesh.vertices, again.mesh.vertices), (first.mesh.faces, again.mesh.faces)):
        assert hashlib.sha256(a.tobytes()).digest() == hashlib.sha256(b.tobytes()).digest()


def test_higher_arch_smaller_print() -> None:
    feet = [make_foot(FootSpec(arch_apex_height_mm=h)) for h in (8.0, 13.0, 18.0)]
    apex = [f.truth["arch_apex_height_mm"] for f in feet]
    index = [f.truth["arch_index"] for f in feet]
    clarke = [f.truth["clarke_angle_deg"] for f in feet]
    assert apex == sorted(apex) and index == sorted(index, reverse=True) and clarke == sorted(clarke)
    assert index[0] - index[2] > 0.04


def test_everted_heel_leans_medially() -> None:
    lean = []
    for angle in (-3.0, 6.0):
        foot = make_foot(FootSpec(rearfoot_angle_deg=angle))
        slope = []
        for z in (18.0, 42.0):
            cut = trimesh_section(foot, np.array([0, 0, z]), np.array([0, 0, 1.0]))
            strip = cut[cut[:, 0] < 0.12 * foot.spec.length_mm, 1]
            slope.append((strip.max() + strip.min()) / 2)
        lean.append(slope[1] - slope[0])
    assert lean[0] < 0 < lean[1]  # medial is +y on a right foot


def test_average_foot_stands_as_feet_do(average: SyntheticFoot) -> None:
    v, length = average.mesh.vertices / average.spec.length_mm, average.spec.length_mm
    touching = v[average.mesh.vertices[:, 2] < 0.05]

    def touches(x: float, y: float) -> bool:
        return bool((np.hypot(touching[:, 0] - x, touching[:, 1] - y) < 0.012).any())

    assert touches(0.12, 0.0) and touches(0.45, -0.14) and touches(0.72, 0.10) and touches(0.66, -0.13)
    assert not touches(0.42, 0.09)  # the medial arch is off the floor
    for k in range(1, 6):  # each toe's pad is on it
        tip = average.landmarks.points[f"toe{k}_tip"] / length
        assert touches(tip[0] - 0.03, tip[1])
    # ratios that were not asked for lie where ANSUR II men lie (mean +- 3 SD)
    truth = average.truth
    assert abs(truth["heel_girth_long_mm"] / length - 1.267) < 3 * 0.039
    assert abs(truth["foot_breadth_orthogonal_mm"] / length - 0.376) < 3 * 0.017
    assert 0.21 < truth["arch_index"] < 0.27 and 0.30 < truth["arch_height_index"] < 0.38
    assert truth["instep_girth_mm"] < truth["heel_girth_long_mm"] < truth["heel_girth_short_mm"]


def test_twice_the_millimetres_the_same_shape() -> None:
    a, b = make_foot(FootSpec(length_mm=240.0)), make_foot(FootSpec(length_mm=288.0))
    for key in ("ball_girth_mm", "heel_breadth_mm", "instep_height_mm", "ball_height_mm", "waist_girth_mm"):
        assert b.truth[key] / a.truth[key] == pytest.approx(1.2, rel=0.004), key


# ------------------------------------------------------------------ people


def test_ansur_constants_are_those_of_the_file(shared_data: Path) -> None:
    columns = (
        "balloffootlength_mm", "balloffootcircumference_mm", "footbreadthhorizontal_mm", "heelbreadth_mm",
        "anklecircumference_mm", "bimalleolarbreadth_mm", "lateralmalleolusheight_mm",
    )  # fmt: skip
    lines = (shared_data / "people" / "ansur2_feet.csv").read_text().splitlines()
    header = lines[0].split(",")
    rows = [line.split(",") for line in lines[1:]]
    for group, sex in (("men", "male"), ("women", "female")):
        own = np.array([[float(r[header.index(c)]) for c in ("footlength_mm", *columns)] for r in rows if r[0] == sex])
        length = own[:, 0]
        assert people.LENGTH_MM[group] == pytest.approx((length.mean(), length.std()), abs=0.01)
        rests = []
        for k, (mean, slope, sd) in enumerate(people.ON_LENGTH[group]):
            fit = np.polyfit(length - length.mean(), own[:, k + 1], 1)
            rests.append(own[:, k + 1] - np.polyval(fit, length - length.mean()))
            assert (mean, slope, sd) == pytest.approx((fit[1], fit[0], rests[-1].std()), abs=0.02)
        assert np.abs(np.corrcoef(rests) - people.RESTS[group]).max() < 0.006


def test_drawn_feet_vary_as_people_do() -> None:
    specs = [draw_spec(seed, sex="men") for seed in range(600)]
    length = np.array([s.length_mm for s in specs])
    girth = np.array([s.ball_girth_mm for s in specs]) / length
    breadth = np.array([s.foot_breadth_mm for s in specs]) / length
    assert length.mean() == pytest.approx(271.18, abs=2.0) and length.std() == pytest.approx(13.1, abs=1.5)
    assert girth.mean() == pytest.approx(0.930, abs=0.006) and 0.5 < np.corrcoef(girth, breadth)[0, 1] < 0.9
    assert draw_spec(7) == draw_spec(7) != draw_spec(8)
    assert {s.toe_type for s in specs} == {"egyptian", "greek", "square"}
    assert {draw_spec(k).side for k in range(20)} == {"left", "right"}


def test_a_drawn_foot_is_what_was_drawn(seed: int) -> None:
    spec = draw_spec(seed)
    foot = make_foot(spec)
    assert as_trimesh(foot).is_watertight
    assert foot.truth["foot_length_mm"] == pytest.approx(spec.length_mm, abs=0.05)
    for key in ("ball_girth_mm", "foot_breadth_mm", "heel_breadth_mm", "instep_height_mm", "arch_apex_height_mm"):
        assert foot.truth[key] == pytest.approx(getattr(spec, key), abs=0.3), key


@pytest.mark.prove
def test_every_drawn_foot_can_be_built() -> None:
    for number in range(300):
        spec = draw_spec(number)
        foot = make_foot(spec)
        assert as_trimesh(foot).is_watertight
        assert foot.truth["ball_girth_mm"] == pytest.approx(spec.ball_girth_mm, abs=0.3)


# ------------------------------------------------------------------ scans


def test_scan_is_on_the_skin(average: SyntheticFoot) -> None:
    cloud = scan_foot(average, points=20_000, noise_mm=0.0, outliers=0.0, floor=False)
    assert cloud.points.shape == (20_000, 3) and cloud.frame == "scanner"
    v, f = average.mesh.vertices, average.mesh.faces
    centres = v[f].mean(axis=1)
    normals = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-12)[:, None]
    _, near = cKDTree(centres).query(cloud.points, k=8)
    off = np.abs(np.einsum("nkd,nkd->nk", cloud.points[:, None] - centres[near], normals[near])).min(axis=1)
    assert np.percentile(off, 99) < 1e-6  # in the plane of a near triangle
    # evenly over the skin: a region's share of points is its share of area
    area = np.linalg.norm(np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]]), axis=1) / 2
    skin = (v[:, 2] < average.spec.leg_mm - 1e-6)[f].any(axis=1)
    fore = centres[:, 0] > 0.6 * average.spec.length_mm
    share = area[skin & fore].sum() / area[skin].sum()
    assert (cloud.points[:, 0] > 0.6 * average.spec.length_mm).mean() == pytest.approx(share, abs=0.004)


def test_noise_is_along_the_normals_and_as_large_as_asked(average: SyntheticFoot) -> None:
    still = scan_foot(average, 30_000, noise_mm=0.0, outliers=0.0, floor=False, seed=4, normals=True)
    noisy = scan_foot(average, 30_000, noise_mm=0.4, outliers=0.0, floor=False, seed=4, normals=True)
    move = noisy.points - still.points
    along = (move * still.normals).sum(axis=1)
    assert np.abs(move - along[:, None] * still.normals).max() < 1e-9
    assert along.std() == pytest.approx(0.4, rel=0.03) and along.mean() == pytest.approx(0.0, abs=0.01)


def test_pose_moves_the_same_points_rigidly(average: SyntheticFoot) -> None:
    plain = scan_foot(average, 3_000, seed=9).points
    moved = scan_foot(average, 3_000, seed=9, turn_deg=140.0, shift_mm=(300.0, -80.0), tilt_deg=12.0).points
    distances = [np.linalg.norm(p[1:] - p[:-1], axis=1) for p in (plain, moved)]
    assert np.abs(distances[0] - distances[1]).max() < 1e-9
    turned = scan_foot(average, 3_000, seed=9, turn_deg=90.0, shift_mm=(10.0, 20.0)).points
    assert np.abs(turned - (plain[:, [1, 0, 2]] * [-1.0, 1.0, 1.0] + [10.0, 20.0, 0.0])).max() < 1e-9


def test_floor_lies_around_the_foot_and_strays_are_as_many_as_asked(average: SyntheticFoot) -> None:
    cloud = scan_foot(average, 50_000, noise_mm=0.0, outliers=0.02, seed=1)
    assert len(cloud.points) == 50_000
    only = scan_foot(average, 50_000, noise_mm=0.0, outliers=0.02, floor=False, seed=1)
    assert (only.points[:, 2] < -1.0).sum() == pytest.approx(0.02 * 50_000 * 19.0 / 240.0, rel=0.35)
    on_floor = cloud.points[cloud.points[:, 2] == 0.0]
    skin = cKDTree(average.mesh.vertices[average.mesh.vertices[:, 2] == 0.0])
    far = on_floor[skin.query(on_floor)[0] > 6.0]
    assert len(far) > 0.9 * 0.2 * 50_000
    beneath = (np.abs(on_floor[:, 0] - 115.0) < 15.0) & (np.abs(on_floor[:, 1] - 22.0) < 6.0)
    assert not beneath.any()  # no floor is seen under the lifted arch


def test_the_lid_of_the_leg_is_not_scanned(average: SyntheticFoot) -> None:
    cloud = scan_foot(average, 40_000, noise_mm=0.0, outliers=0.0, floor=False)
    top = cloud.points[cloud.points[:, 2] > average.spec.leg_mm - 0.2]
    centre = top[:, :2].mean(axis=0)
    assert len(top) > 5 and np.hypot(*(top[:, :2] - centre).T).min() > 20.0  # a ring, no disc


def test_same_seed_same_cloud(average: SyntheticFoot) -> None:
    a, b, c = (scan_foot(average, 5_000, seed=s).points for s in (3, 3, 4))
    assert a.tobytes() == b.tobytes() != c.tobytes()


def test_pair_stands_side_by_side(average: SyntheticFoot) -> None:
    left = make_foot(FootSpec(side="left"))
    cloud = scan_pair(left, average, gap_mm=50.0, points=20_000, noise_mm=0.0, outliers=0.0, floor=False)
    y = np.sort(cloud.points[:, 1])
    assert np.diff(y).max() == pytest.approx(50.0, abs=0.5)
    assert (y > 0).sum() == (y < 0).sum() == 10_000
    assert np.abs(y[y > 0].min() + y[y < 0].max()) < 0.5


def test_a_scan_without_sense_is_refused(average: SyntheticFoot) -> None:
    with pytest.raises(ValueError, match="points"):
        scan_foot(average, points=0)


# ------------------------------------------------------------------ walks


def force_of(record: PressureRecording) -> np.ndarray:
    """Sum of pressure x area, N."""
    return record.values.astype(float) @ record.layout.area_mm2 / 1000.0


def test_both_feet_carry_the_body_weight() -> None:
    walk = make_walk(body_weight_n=640.0, dynamic=False, standing_s=0.5)
    total = sum(force_of(r) for r in walk.recording.pressure)
    assert np.abs(total - 640.0).max() < 1e-3
    moving = make_walk(body_weight_n=640.0)
    total = sum(force_of(r) for r in moving.recording.pressure)
    assert np.abs(total - moving.truth["force_n"]["total"]).max() < 1e-3
    assert 1.1 * 640.0 < total.max() < 1.3 * 640.0
    assert total[:50] == pytest.approx(640.0, abs=1e-3)  # standing


@settings(max_examples=12)
@given(
    weight=st.floats(300.0, 1300.0),
    cadence=st.floats(70.0, 150.0),
    stance=st.floats(0.55, 0.75),
    steps=st.integers(2, 9),
    rate=st.sampled_from([50.0, 100.0, 250.0]),
)
def test_pressure_sums_to_each_foots_force(
    weight: float, cadence: float, stance: float, steps: int, rate: float
) -> None:
    walk = make_walk(
        body_weight_n=weight, cadence_steps_per_min=cadence, steps=steps, rate_hz=rate, stance_fraction=stance
    )
    truth = walk.truth
    for record in walk.recording.pressure:
        assert np.abs(force_of(record) - truth["force_n"][record.side]).max() < 1e-3
    full = [c for c in truth["contacts"] if c["full"]]
    assert len(full) == steps == truth["steps_left"] + truth["steps_right"]
    starts = np.array([c["start_s"] for c in full])
    assert np.diff(starts) == pytest.approx(60.0 / cadence)
    assert all(a["side"] != b["side"] for a, b in itertools.pairwise(full))
    assert truth["double_support_vendor_s"] == pytest.approx(truth["double_support_s"])


def test_events_are_where_the_force_begins_and_ends() -> None:
    walk = make_walk(rate_hz=1000.0, steps=6)
    time = walk.truth["time_s"]
    for contact in walk.truth["contacts"]:
        force = walk.truth["force_n"][contact["side"]]
        during = (time > contact["start_s"] + 0.002) & (time < contact["stop_s"] - 0.002)
        assert (force[during] > 0).all()
        if contact["full"]:
            assert force[np.searchsorted(time, contact["start_s"]) - 2] == pytest.approx(0.0, abs=1e-9)
            assert force[np.searchsorted(time, contact["stop_s"]) + 1] == pytest.approx(0.0, abs=1e-9)
            inside = (time >= contact["start_s"]) & (time <= contact["stop_s"])
            assert np.trapezoid(force[inside], time[inside]) == pytest.approx(contact["impulse_n_s"], rel=2e-3)
            assert force[inside].max() == pytest.approx(contact["max_force_n"], rel=2e-3)
    both = (walk.truth["force_n"]["left"] > 0) & (walk.truth["force_n"]["right"] > 0)
    full = [c for c in walk.truth["contacts"] if c["full"]]
    a, b = full[1], full[2]
    overlap = both[(time > b["start_s"] - 0.05) & (time < a["stop_s"] + 0.05)].sum() / 1000.0
    assert overlap == pytest.approx(walk.truth["double_support_second_s"], abs=0.003)


def test_threshold_times_lie_on_the_force() -> None:
    walk = make_walk(rate_hz=2000.0, steps=4)
    time = walk.truth["time_s"]
    for (side, on, off), contact in zip(
        threshold_times(walk, 35.0, 21.0), [c for c in walk.truth["contacts"] if c["full"]]
    ):
        force = walk.truth["force_n"][side]
        assert side == contact["side"] and contact["start_s"] < on < off < contact["stop_s"]
        assert np.interp(on, time, force) == pytest.approx(35.0, abs=1.5)
        assert np.interp(off, time, force) == pytest.approx(21.0, abs=1.5)


def test_load_runs_from_heel_to_toes_and_is_mirrored() -> None:
    walk = make_walk()
    for side in ("left", "right"):
        contact = next(c for c in walk.truth["contacts"] if c["full"] and c["side"] == side)
        during = (walk.truth["time_s"] > contact["start_s"] + 0.02) & (walk.truth["time_s"] < contact["stop_s"] - 0.02)
        x = walk.truth["cop_mm"][side][during, 0]
        assert (np.diff(x) > -0.05).all() and x[0] < 60.0 and x[-1] > 190.0
        centres = walk.truth["region_centres_mm"][side]
        medial = 1.0 if side == "right" else -1.0
        assert medial * centres["mth1"][1] > medial * centres["mth3"][1] > medial * centres["mth5"][1]
        assert centres["heel_medial"][0] < centres["midfoot_lateral"][0] < centres["mth1"][0] < centres["hallux"][0]
        assert set(walk.truth["region_of_cell"][side]) - {""} == set(centres)
    left, right = walk.recording.pressure
    assert (left.layout.xy_mm * [1, -1] == right.layout.xy_mm).all() and len(left.layout.xy_mm) == 99
    quads = left.layout.corners_mm
    diagonals = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    area = np.abs(diagonals[0][:, 0] * diagonals[1][:, 1] - diagonals[0][:, 1] * diagonals[1][:, 0]) / 2
    assert area == pytest.approx(left.layout.area_mm2) and area == pytest.approx(right.layout.area_mm2)


def test_offset_noise_and_quantum() -> None:
    walk = make_walk(offset_kpa=3.0, noise_kpa=0.5, step_kpa=2.5, seed=5)
    for record in walk.recording.pressure:
        assert (record.values >= 0).all() and np.abs(record.values / 2.5 - np.round(record.values / 2.5)).max() < 1e-5
        swing = force_of(record)[walk.truth["force_n"][record.side] == 0.0]
        assert swing.min() > 0.0  # the cells never unload
        assert swing.mean() == pytest.approx(walk.truth["offset_n"][record.side], rel=0.15)
    again = make_walk(offset_kpa=3.0, noise_kpa=0.5, step_kpa=2.5, seed=5)
    other = make_walk(offset_kpa=3.0, noise_kpa=0.5, step_kpa=2.5, seed=6)
    data = [w.recording.pressure[0].values.tobytes() for w in (walk, again, other)]
    assert data[0] == data[1] != data[2]


def test_walkway_holds_every_contact_apart() -> None:
    walk = make_walk("plate", steps=3, cell_mm=10.0)
    record = walk.recording.pressure[0]
    assert record.side == "unknown" and record.layout.shape is not None
    assert np.abs(force_of(record) - walk.truth["force_n"]["total"]).max() < 1e-3
    impulse = 0.0
    for contact in walk.truth["contacts"]:
        x = record.layout.xy_mm[:, 0] - contact["heel_mm"][0]
        own = (record.layout.xy_mm[:, 1] > 0) == (contact["side"] == "left")
        own &= (x > -30.0) & (x < contact["foot_mm"] + 30.0)
        during = (record.time_s >= contact["start_s"]) & (record.time_s < contact["stop_s"])
        force = record.values[:, own].astype(float) @ record.layout.area_mm2[own] / 1000.0
        assert force[during].max() == pytest.approx(contact["max_force_n"], rel=0.02)
        impulse += contact["impulse_n_s"]
        assert (contact["heel_mm"][1] > 0) == (contact["side"] == "left")
    assert impulse == pytest.approx(np.trapezoid(walk.truth["force_n"]["total"], record.time_s), rel=0.01)


def test_crossings_show_one_foot_at_a_time() -> None:
    walk = make_walk("plate", grid=(64, 64), cell_mm=5.0, steps=4)
    record = walk.recording.pressure[0]
    assert record.values.shape[1] == 4096 and walk.truth["stride_time_s"] is None
    force = force_of(record)
    full = walk.truth["contacts"]
    assert [c["side"] for c in full] == ["right", "left", "right", "left"]
    for contact in full:
        assert force[np.searchsorted(record.time_s, contact["start_s"]) - 2] == 0.0
    on = force > 0
    assert (np.diff(on.astype(int)) == 1).sum() == 4
    assert not on[0] and not on[-1]


def test_a_walk_without_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="stance_fraction"):
        make_walk(stance_fraction=0.4)
    with pytest.raises(ValueError, match="kind"):
        make_walk(**{"kind": "treadmill"})
    with pytest.raises(ValueError, match="positive"):
        make_walk(steps=0)
