"""Bad scans are told from good ones, and what is no foot is not measured.

The sample of every run holds for every seed: one of two clear cases found, at most one of three good scans flagged. The
rates (95 % found, 3 % false alarms) are those of `make prove PART=measure`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import footscan
from footscan import population
from footscan.errors import ScanError
from footscan.measures.quality import THROUGH, affected, judge_pair, with_reasons
from footscan.synth import SyntheticFoot, defects, scan_foot, scan_pair
from footscan.synth.defects import DefectScan, drawn_foot
from footscan.synth.objects import OBJECTS, mirrored, scan_object
from footscan.types import FootMeasurements, Measure, Mesh, PointCloud, QualityReason

DEFECTS = {
    "moved", "sock", "trouser", "hole", "wrong_side", "two_people", "weight_shift", "noise", "too_sparse",
    "implausible",
}  # fmt: skip
#: code -> one seeded case: maker(foot, seed, least)
CASES: dict[str, Callable[[SyntheticFoot, int, float], DefectScan]] = {
    "moved": lambda foot, seed, least: defects.moved(foot, seed, 150_000, seed % 3 > 0, least),
    "sock": lambda foot, seed, least: defects.sock(foot, seed, 150_000, seed % 3 > 0, least),
    "trouser": lambda foot, seed, least: defects.trouser(foot, seed, 150_000, seed % 3 > 0, least),
    "hole": lambda foot, seed, least: defects.hole(foot, seed, None, 150_000, seed % 3 > 0, least),
    "wrong_side": lambda foot, seed, least: defects.wrong_side(foot, seed, 150_000, seed % 3 > 0),
    "noise": lambda foot, seed, least: defects.noise(foot, seed, 150_000, seed % 3 > 0, least),
    "too_sparse": lambda foot, seed, least: defects.too_sparse(foot, seed, seed % 3 > 0),
    "weight_shift": lambda foot, seed, least: defects.raised_edge(foot, seed, 150_000, least),
    "implausible": lambda foot, seed, least: defects.implausible(seed, 150_000, seed % 3 > 0, least),
}


def codes(found: tuple[FootMeasurements, ...]) -> set[str]:
    return {reason.code for foot in found for reason in foot.reasons} & DEFECTS


def outcome(scan: DefectScan) -> str:
    """found, refused (with its reason: not measured as if nothing were wrong) or missed."""
    side = "auto" if scan.given == "unknown" else scan.given
    try:
        return "found" if scan.code in codes(footscan.measure(scan.cloud, side, uncertainty=False)) else "missed"
    except ScanError:
        return "refused"


def good_scan(foot: SyntheticFoot, seed: int) -> PointCloud:
    """100,000 to a million points, noise 0.1–0.5 mm, floor or none, leg long or short."""
    rng = np.random.default_rng(seed)
    count = int(rng.choice([100_000, 150_000, 250_000, 1_000_000], p=[0.4, 0.3, 0.25, 0.05]))
    cloud = scan_foot(
        foot, points=count, noise_mm=float(rng.uniform(0.1, 0.5)), floor=bool(rng.random() < 0.7), seed=seed,
        turn_deg=float(rng.uniform(0.0, 360.0)),
    ).points  # fmt: skip
    if rng.random() < 0.25:
        cloud = cloud[cloud[:, 2] < rng.uniform(0.36, 0.6) * foot.spec.length_mm]
    return PointCloud(cloud)


@pytest.fixture(scope="module")
def feet(request: pytest.FixtureRequest) -> list[SyntheticFoot]:
    from conftest import SEED_KEY

    start = int(request.config.stash[SEED_KEY]) % 1_000_000
    return [drawn_foot(start), drawn_foot(start + 77_000)]


# ------------------------------------------------------------------ seeded defects


@pytest.mark.parametrize("code", CASES)
def test_a_clear_defect_is_found(code: str, feet: list[SyntheticFoot], seed: int) -> None:
    results = []
    for k, foot in enumerate(feet):
        results.append(outcome(CASES[code](foot, seed % 1_000_000 + k, 0.4)))
        if results[-1] != "missed":
            return
    pytest.fail(f"{code} in two clear cases: {results}")


def test_good_scans_are_not_flagged(feet: list[SyntheticFoot], seed: int) -> None:
    flagged = []
    for k in range(3):
        found = footscan.measure(good_scan(feet[k % 2], seed % 1_000_000 + k), uncertainty=False)
        flagged += [codes(found)] if codes(found) else []
    assert len(flagged) <= 1, flagged


def test_noise_is_no_movement_and_hides_none(feet: list[SyntheticFoot], rng: np.random.Generator) -> None:
    for foot in feet:
        noise_mm, seed = float(rng.uniform(0.4, 0.7)), int(rng.integers(1_000_000))
        scan = defects.moved(foot, seed, 150_000, least=0.3, noise_mm=noise_mm)
        assert "moved" in codes(footscan.measure(scan.cloud, uncertainty=False)), (foot.spec, seed, noise_mm)
        still = scan_foot(foot, 150_000, noise_mm, seed=seed)
        assert "moved" not in codes(footscan.measure(still, uncertainty=False)), (foot.spec, seed, noise_mm)


def real_scans(shared_data: Path) -> list[Path]:
    return [
        *sorted((shared_data / "scans" / "find_family").glob("*.stl")),
        *sorted((shared_data / "scans" / "makehuman").glob("*.ply")),
    ]


def test_good_real_scans_are_not_flagged(shared_data: Path, rng: np.random.Generator) -> None:
    for path in rng.choice(np.array(real_scans(shared_data)), 3, replace=False):
        assert not codes(footscan.measure(footscan.read_scan(path), uncertainty=False)), path.name
    adult = shared_data / "scans" / "standing_adult_left" / "left_foot.stl"
    found = footscan.measure(footscan.read_scan(adult), uncertainty=False)
    assert not codes(found) and "sole_flat" in {reason.code for reason in found[0].reasons}


@pytest.mark.prove
def test_no_good_real_scan_is_flagged(shared_data: Path) -> None:
    for path in real_scans(shared_data):
        assert not codes(footscan.measure(footscan.read_scan(path), uncertainty=False)), path.name


def test_where_a_hole_is(feet: list[SyntheticFoot], seed: int) -> None:
    right = 0
    for k, where in enumerate(("heel", "lateral", "sole")):
        scan = defects.hole(feet[k % 2], seed % 1_000_000 + k, where, 150_000, True, 0.4)
        try:
            (foot,) = footscan.measure(scan.cloud, uncertainty=False)
        except ScanError:
            continue
        for reason in foot.reasons:
            if reason.code == "hole" and reason.detail.startswith(where):
                assert abs(float(reason.detail.split("about ")[1].split(" mm")[0]) - scan.size_mm) < 0.5 * scan.size_mm
                right += 1
    assert right >= 1


# ------------------------------------------------------------------ what a reason does to the values


def numbers() -> dict[str, Measure]:
    from footscan.measures import KEYS

    return {key: Measure(100.0, 0.5, 1.0) for key in KEYS if key != "toe_type"} | {"toe_type": Measure("greek")}


@pytest.mark.parametrize("where", ["toes", "mth1", "mth5", "waist"])
def test_a_landmark_in_a_hole_is_named(where: str, feet: list[SyntheticFoot], rng: np.random.Generator) -> None:
    """Cut out around the landmark itself; the same hole behind the ball hides nothing."""
    foot = feet[0]
    marks = foot.landmarks.points
    waist = marks["mth1"] - [0.25 * foot.spec.length_mm, 0.0, 0.0]
    waist = foot.mesh.vertices[np.argmin(np.linalg.norm(foot.mesh.vertices - waist, axis=1))]
    centre = {"toes": marks["toe2_tip"] - [12.0, 0.0, -6.0], "waist": waist}.get(where, marks.get(where))
    cloud = scan_foot(foot, 150_000, floor=False, outliers=0.0, seed=int(rng.integers(2**31))).points
    seen = cloud[np.linalg.norm(cloud - centre, axis=1) > 17.0]
    (found,) = footscan.measure(PointCloud(seen), foot.spec.side, uncertainty=False)
    named = {"toes": "longest_toe, toe2_tip"}.get(where, where)
    told = [r.detail for r in found.reasons if r.code == "landmark_unseen"]
    assert told == ([] if where == "waist" else [f"{named} may lie in the hole"])
    assert where == "waist" or found.values["foot_breadth_mm"].quality == "estimated"


def test_a_reason_marks_what_it_touches_and_nothing_else() -> None:
    values = numbers()
    sock = affected(values, (QualityReason("sock", "ribs"),))
    assert sock["toe_type"].value is None and "sock" in (sock["toe_type"].reason or "")
    assert sock["ball_girth_mm"].quality == "estimated" and sock["ball_girth_mm"].value == 100.0
    cloth = affected(values, (QualityReason("trouser", "cloth"),))
    for key in ("ankle_girth_mm", "malleolus_medial_height_mm", "rearfoot_angle_deg"):
        assert cloth[key].value is None and cloth[key].quality == "missing"
    assert cloth["foot_length_mm"] == values["foot_length_mm"]
    for region, keys in THROUGH.items():
        holed = affected(values, (QualityReason("hole", f"{region}: about 30 mm wide was not seen"),))
        assert {k for k, m in holed.items() if m.quality == "estimated"} == set(keys)
        assert all(m.reason for m in holed.values() if m.quality != "ok")
    assert affected(values, (QualityReason("leg_short", "x"),)) == values
    assert affected(values, ()) == values


# ------------------------------------------------------------------ pairs


def foot_of(side: Any, **sizes: float) -> FootMeasurements:
    usual = {
        "foot_length_mm": 260.0, "foot_breadth_mm": 100.0, "ball_girth_mm": 243.0, "heel_breadth_max_mm": 69.0,
        "arch_apex_height_mm": 12.0, "instep_height_mm": 66.0,
    }  # fmt: skip
    return FootMeasurements({key: Measure(value) for key, value in (usual | sizes).items()}, side)


def test_a_pair_is_one_persons_or_it_says_so() -> None:
    left = foot_of("left")
    assert judge_pair(left, foot_of("right", foot_length_mm=264.0, ball_girth_mm=247.0)) == ((), ())
    both = judge_pair(left, foot_of("right", foot_length_mm=274.0))
    assert [[r.code for r in reasons] for reasons in both] == [["two_people"], ["two_people"]]
    flat = judge_pair(left, foot_of("right", arch_apex_height_mm=5.0))
    assert [r.code for r in flat[0]] == ["weight_shift"] and "right foot is pressed down" in flat[0][0].detail
    told = with_reasons(left, both[0])
    assert told.score < left.score and told.reasons == both[0]
    assert with_reasons(told, both[0]) is told


def test_pairs_on_one_platform(feet: list[SyntheticFoot], seed: int) -> None:
    one = feet[0] if feet[0].spec.side == "left" else mirrored(feet[0])

    def told(other: SyntheticFoot) -> set[str]:
        cloud = scan_pair(one, other, points=250_000, seed=seed % 1_000_000).points
        top = float(min(f.mesh.vertices[:, 2].max() for f in (one, other))) - 1.0
        return codes(footscan.measure(PointCloud(cloud[cloud[:, 2] < top]), uncertainty=False))

    twin = mirrored(one)
    larger = replace(twin, mesh=Mesh(twin.mesh.vertices * 1.09, twin.mesh.faces, "foot"))
    assert "two_people" in told(larger) and "two_people" not in told(twin)


# ------------------------------------------------------------------ what is no foot


def refused_or_low(cloud: PointCloud) -> bool:
    try:
        found = footscan.measure(cloud, uncertainty=False)
    except ScanError as error:
        return "expected" in str(error)
    return any(foot.score < 60 and foot.reasons for foot in found)


@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_no_foot_is_not_measured_as_one(name: str, feet: list[SyntheticFoot], seed: int) -> None:
    pose = "standing" if seed % 2 else "lying"
    assert refused_or_low(scan_object(name, seed % 1_000_000, 60_000, pose, feet[seed % 2]))


def bunion(foot: SyntheticFoot, angle_deg: float) -> SyntheticFoot:
    """The big toe bent towards the others, about the ball's joint, which stands out."""
    v = foot.mesh.vertices.copy()
    inwards = 1.0 if foot.spec.side == "right" else -1.0
    joint, y = foot.landmarks.points["mth1"], inwards * v[:, 1]
    split = inwards * float((foot.landmarks.points["toe1_tip"] + foot.landmarks.points["toe2_tip"])[1]) / 2
    ahead = np.clip((v[:, 0] - joint[0]) / (0.1 * foot.spec.length_mm), 0.0, 1.0) ** 2
    toe = np.clip((y - split + 4.0) / 8.0, 0.0, 1.0)
    bend = np.tan(np.radians(angle_deg - foot.spec.toe1_angle_deg))
    v[:, 1] -= inwards * bend * ahead * toe * np.maximum(v[:, 0] - joint[0], 0.0)
    out = np.exp(-(((v[:, 0] - joint[0]) / 14.0) ** 2)) * np.clip(y / joint[1] / inwards, 0.0, 1.0)
    v[:, 1] += inwards * 0.12 * angle_deg * out * (v[:, 2] < 45.0)
    return replace(foot, mesh=Mesh(v, foot.mesh.faces, "foot"))


def test_odd_feet_are_feet(feet: list[SyntheticFoot], seed: int) -> None:
    cases = [bunion(feet[0], 35.0)]
    cases += [replace(f, mesh=Mesh(f.mesh.vertices * s, f.mesh.faces, "foot")) for f, s in zip(feet, (0.62, 1.12))]
    for k, foot in enumerate(cases):
        cloud = scan_foot(foot, points=120_000, seed=seed % 1_000_000 + k, turn_deg=70.0 * k).points
        top = float(foot.mesh.vertices[:, 2].max()) - 1.0  # the lid of a scaled leg is no skin
        (found,) = footscan.measure(PointCloud(cloud[cloud[:, 2] < top]), uncertainty=False)
        assert found.side in (foot.spec.side, "unknown")


# ------------------------------------------------------------------ people


def survey(shared_data: Path) -> dict[str, np.ndarray[Any, Any]]:
    columns = (
        "footlength_mm", "balloffootlength_mm", "balloffootcircumference_mm", "footbreadthhorizontal_mm",
        "heelbreadth_mm", "heelanklecircumference_mm", "anklecircumference_mm", "bimalleolarbreadth_mm",
        "lateralmalleolusheight_mm",
    )  # fmt: skip
    with open(shared_data / "people" / "ansur2_feet.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = {"men": "male", "women": "female"}
    return {
        sex: np.array([[float(row[c]) for c in columns] for row in rows if row["sex"] == name])
        for sex, name in names.items()
    }


def test_the_gate_lets_the_survey_through(shared_data: Path) -> None:
    for sex, sizes in survey(shared_data).items():
        off = np.log(sizes)
        assert np.allclose(off.mean(axis=0), population.MEAN[sex], atol=6e-5)
        assert np.allclose(off.std(axis=0, ddof=1), population.SD[sex], atol=6e-5)
        assert np.allclose(np.corrcoef(off.T), population.CORRELATION[sex], atol=6e-4)
        beyond = population.distance(sizes, sex) > population.limit(9, sex)
        assert 0.0003 < beyond.mean() < 0.0025  # 0.1 %: of 4,082 men four, of 1,986 women two


def test_the_gate_names_its_people_and_marks_what_is_carried_on(shared_data: Path, rng: np.random.Generator) -> None:
    sizes = survey(shared_data)["men"]
    person = sizes[rng.integers(len(sizes))]
    values = {key: Measure(float(size)) for key, size in zip(population.KEYS, person)}
    assert population.check(values, "men").share == pytest.approx(
        population.distance(person, "men")[0] / population.limit(9, "men")
    )
    wide = values | {"foot_breadth_orthogonal_mm": Measure(1.3 * float(person[3]))}
    found = population.check(wide)
    assert not found.plausible and (found.beyond is not None or "ANSUR II" in found.sentence())
    mean = {key: Measure(float(np.exp(size))) for key, size in zip(population.KEYS, population.MEAN["women"])}
    child = {key: Measure(0.65 * float(m.value)) for key, m in mean.items() if isinstance(m.value, float)}
    assert population.check(child).extrapolated and population.check(child).plausible
    assert not population.check(mean).extrapolated and population.check(mean).share < 1e-3
    assert population.check({}).plausible


# ------------------------------------------------------------------ the rates


@pytest.mark.prove
@pytest.mark.parametrize("code", CASES)
def test_the_rate_of_each_defect(code: str, seed: int, record_property: Any) -> None:
    results = []
    for k in range(100):
        start = (seed + 1009 * k) % 1_000_000
        results.append(outcome(CASES[code](drawn_foot(start), start, 0.0)))
    record_property("found", results.count("found"))
    record_property("refused", results.count("refused"))
    assert results.count("missed") <= 5


@pytest.mark.prove
@pytest.mark.parametrize("code", ["two_people", "weight_shift"])
def test_the_rate_of_each_defect_of_a_pair(code: str, seed: int, record_property: Any) -> None:
    maker = {"two_people": defects.two_people, "weight_shift": defects.weight_shift}[code]
    missed = 0
    for k in range(100):
        try:
            missed += code not in codes(footscan.measure(maker((seed + 1009 * k) % 1_000_000).cloud, uncertainty=False))
        except ScanError:
            continue
    record_property("missed", missed)
    assert missed <= 5


@pytest.mark.prove
@pytest.mark.parametrize("kind", ["apart", "fused", "pair"])
def test_the_rate_of_false_alarms(kind: Any, seed: int, record_property: Any) -> None:
    flagged = 0
    for k in range(150):
        start = (seed + 1009 * k) % 1_000_000
        cloud = defects.good_pair(start).cloud if kind == "pair" else good_scan(drawn_foot(start, kind), start)
        flagged += bool(codes(footscan.measure(cloud, uncertainty=False)))
    record_property("flagged", flagged)
    assert flagged <= 0.03 * 150 + 2.0 * np.sqrt(0.03 * 150)  # 3 %, and what chance adds to it


@pytest.mark.prove
@pytest.mark.parametrize("name", OBJECTS)
def test_no_object_is_measured_in_any_pose(name: str, seed: int) -> None:
    for k in range(60):
        pose = ("standing", "lying")[k % 2]
        assert refused_or_low(scan_object(name, (seed + k) % 1_000_000, 80_000, pose)), (k, pose)
