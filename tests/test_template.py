"""The template track: laws of the fit, landmarks of feet that it was not made from, holes told by their place."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import footscan
from footscan.errors import ScanError
from footscan.frame import compose, transform, turn_z
from footscan.measures import template
from footscan.measures.template import DATA_FILE, REGIONS, TemplateFit, fit_template
from footscan.synth import SyntheticFoot, draw_spec, make_foot
from footscan.synth.scanning import sample_surface
from footscan.types import Array

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import make_template

NOISE_MM = 0.3
#: a mark on skin that is flat along the foot wanders far for a tenth of a millimetre of depth (radius R, depth d:
#: sqrt(2 R d)): what it must keep is its depth, mm; the marks whose direction of depth is the first of each row's axes
DEPTH = {
    "mth1": 1,
    "mth5": 1,
    "malleolus_medial": 1,
    "malleolus_lateral": 1,
    "pternion": 0,
    "longest_toe": 0,
    "instep": 2,
}
#: the ball's edge seen from above is an arc of about 100 mm: 0.2 mm of depth are 6 mm along it; the malleoli are hills
#: of about 35 mm: 0.3 mm of depth are 4.6 mm of height
ALONG = {"mth1": (0, 6.0), "mth5": (0, 6.0), "malleolus_medial": (2, 5.0), "malleolus_lateral": (2, 5.0)}


def drawn(seed: int, toes: str = "apart", leg_mm: float = 200.0) -> SyntheticFoot:
    """A right foot that the template has never seen."""
    for k in range(20):
        spec = replace(draw_spec(seed % 1_000_000 + k, side="right"), toes=toes)
        try:
            return make_foot(replace(spec, leg_mm=leg_mm))
        except ValueError:  # sizes that no drawn foot has together
            continue
    raise AssertionError("no foot could be drawn from 20 seeds")


def cloud_of(foot: SyntheticFoot, rng: np.random.Generator, points: int = 40_000, outliers: float = 0.01) -> Array:
    """Skin with noise, stray points about it."""
    p, d = sample_surface(foot.mesh, points, rng, foot.spec.leg_mm)
    p += d * rng.normal(0.0, NOISE_MM, points)[:, None]
    stray = round(points * outliers)
    p[rng.choice(points, stray, replace=False)] = rng.uniform(p.min(axis=0) - 10.0, p.max(axis=0) + 10.0, (stray, 3))
    return p


def apart(a: TemplateFit, b: TemplateFit, T_b_a: Array | None = None) -> float:
    """The largest distance (mm) between the same landmarks of two fits."""
    T = np.eye(4) if T_b_a is None else T_b_a
    steady = set(a.marks) & set(b.marks) - {"longest_toe"}  # of two toes of one length either may be it
    return max(float(np.linalg.norm(transform(T, a.marks[k][None])[0] - b.marks[k])) for k in steady)


@pytest.fixture(scope="module")
def foot() -> SyntheticFoot:
    return drawn(4242)


@pytest.fixture(scope="module")
def cloud(foot: SyntheticFoot) -> Array:
    return cloud_of(foot, np.random.default_rng(3))


@pytest.fixture(scope="module")
def fit(cloud: Array) -> TemplateFit:
    return fit_template(cloud)


@pytest.mark.parametrize(("toes", "leg_mm"), [("apart", 200.0), ("apart", 105.0), ("fused", 200.0)])
def test_landmarks_of_a_foot_it_was_not_made_from(
    toes: str, leg_mm: float, rng: np.random.Generator, seed: int
) -> None:
    made = drawn(seed, toes, leg_mm)
    found = fit_template(cloud_of(made, rng))
    assert found.kind == toes
    assert 0.5 * NOISE_MM < found.rms_mm < 2.0 * NOISE_MM
    for name, axis in DEPTH.items():
        if name in made.landmarks.points and (leg_mm > 150.0 or "malleolus" not in name):  # not at the leg's cut end
            error = found.marks[name] - made.landmarks.points[name]
            assert abs(error[axis]) < 1.0, name
            if name in ALONG:
                along, limit = ALONG[name]
                assert abs(error[along]) < limit, name
    assert not [k for k in made.landmarks.points if k not in found.marks]


def test_marks_move_with_the_points(cloud: Array, fit: TemplateFit, rng: np.random.Generator) -> None:
    tip = np.radians(rng.uniform(-4.0, 4.0))
    R = np.array([[1.0, 0.0, 0.0], [0.0, np.cos(tip), -np.sin(tip)], [0.0, np.sin(tip), np.cos(tip)]])
    T = compose(R, rng.uniform(-6.0, 6.0, 3)) @ turn_z(np.radians(rng.uniform(-8.0, 8.0)))
    moved = fit_template(transform(T, cloud))
    # another share of the points is taken: equal to a fraction of what the flat hilltops leave open
    assert apart(fit, moved, T) < 1.5
    assert np.median(np.linalg.norm(transform(T, fit.vertices) - moved.vertices, axis=1)) < NOISE_MM


def test_marks_grow_with_the_points(cloud: Array, fit: TemplateFit, rng: np.random.Generator) -> None:
    factor = float(rng.uniform(0.8, 1.2))
    grown = fit_template(cloud * factor)
    assert apart(fit, grown, np.diag([factor, factor, factor, 1.0])) < 1.5
    scale = np.linalg.norm(grown.T[:3, 0]) / np.linalg.norm(fit.T[:3, 0])
    assert scale == pytest.approx(factor, rel=0.01)
    assert grown.sigma == pytest.approx(fit.sigma, abs=0.2)  # a shape has no size


def test_same_points_same_result_in_any_order(cloud: Array, fit: TemplateFit, rng: np.random.Generator) -> None:
    again = fit_template(cloud.copy())
    shuffled = fit_template(cloud[rng.permutation(len(cloud))])
    assert (again.vertices == fit.vertices).all() and again.residual == fit.residual
    assert np.abs(shuffled.vertices - fit.vertices).max() < 1e-6
    assert apart(fit, shuffled) < 1e-6


def test_stray_points_hardly_pull(foot: SyntheticFoot, seed: int) -> None:
    clean, strewn = (cloud_of(foot, np.random.default_rng(seed), 15_000, share) for share in (0.0, 0.01))
    a, b = fit_template(clean), fit_template(strewn)
    assert np.median(np.linalg.norm(a.vertices - b.vertices, axis=1)) < 0.5 * NOISE_MM
    assert np.quantile(np.linalg.norm(a.vertices - b.vertices, axis=1), 0.99) < 1.0


def test_a_whole_foot_has_no_holes(fit: TemplateFit) -> None:
    assert tuple(fit.residual) == REGIONS
    assert max(fit.residual.values()) < 0.05


@pytest.mark.parametrize("region", ["heel", "midfoot", "forefoot", "toes", "dorsum", "sole"])
def test_a_hole_is_told_where_it_was_cut(region: str, foot: SyntheticFoot, cloud: Array, fit: TemplateFit) -> None:
    length = foot.spec.length_mm
    x, z = cloud[:, 0] / length, cloud[:, 2] / length
    cut = {
        "heel": (x < 0.10) & (z < 0.15),
        "midfoot": (x > 0.36) & (x < 0.52) & (z < 0.30),
        "forefoot": (x > 0.64) & (x < 0.74),
        "toes": x > 0.90,
        "dorsum": (x > 0.45) & (x < 0.65) & (z > 0.10),
        "sole": (z < 0.02),
    }[region]
    holed = fit_template(cloud[~cut])
    assert holed.residual[region] > 0.15
    far = {
        "heel": ("forefoot", "toes", "ankle"),
        "midfoot": ("toes",),
        "forefoot": ("heel", "ankle"),
        "toes": ("heel", "midfoot", "ankle"),
        "dorsum": ("heel", "toes"),
        "sole": ("ankle", "dorsum"),
    }
    for other in far[region]:
        assert holed.residual[other] < 0.05, other
    # what is far from the hole stays where it was
    still = {"heel": "mth1", "midfoot": "mth1", "forefoot": "pternion", "toes": "pternion"}.get(region, "pternion")
    axis = DEPTH[still]
    assert abs(holed.marks[still][axis] - fit.marks[still][axis]) < 1.0


def test_a_short_leg_is_a_missing_ankle(foot: SyntheticFoot, cloud: Array, fit: TemplateFit) -> None:
    length = foot.spec.length_mm
    short = fit_template(cloud[cloud[:, 2] < 0.32 * length])
    assert short.residual["ankle"] > 0.3 and max(short.residual[k] for k in ("heel", "forefoot", "toes", "sole")) < 0.05
    for name in ("mth1", "mth5"):
        assert np.linalg.norm(short.marks[name] - fit.marks[name]) < 3.0


def test_what_is_no_cloud_is_refused(cloud: Array) -> None:
    with pytest.raises(ScanError, match="at least 2000"):
        fit_template(cloud[:1999])
    with pytest.raises(ValueError, match=r"\(n, 3\)"):
        fit_template(cloud[:, :2])
    with pytest.raises(ScanError, match="heel to toe"):
        fit_template(transform(turn_z(np.pi / 2.0), cloud) * [1.0, 1.0, 0.1])


@pytest.mark.parametrize("points", [2000, 5000])
def test_few_points_are_enough(points: int, foot: SyntheticFoot, rng: np.random.Generator) -> None:
    found = fit_template(cloud_of(foot, rng, points))
    for name in ("pternion", "mth1", "mth5"):
        axis = DEPTH[name]
        assert abs(found.marks[name][axis] - foot.landmarks.points[name][axis]) < 2.0, name
    assert max(found.residual.values()) < 0.2


def test_anything_is_laid_or_refused(rng: np.random.Generator) -> None:
    size = rng.uniform(20.0, 200.0, 3)
    size[0] += 120.0
    for blob in (rng.uniform(0.0, 1.0, (3000, 3)) * size, rng.normal(size=(3000, 3)) * size / 4.0, np.zeros((3000, 3))):
        try:
            found = fit_template(blob)
        except ScanError:
            continue
        assert np.isfinite(found.vertices).all() and all(0.0 <= v <= 1.0 for v in found.residual.values())


def test_the_template_in_the_package() -> None:
    assert DATA_FILE.stat().st_size <= 400_000
    for kind in template.KINDS:
        t = template.load_template(kind)
        normals, area = template.vertex_normals(t.mean, t.faces)
        assert 1500 <= len(t.mean) <= 3000 and np.unique(t.faces).size == len(t.mean)
        assert (area > 0.0).all() and np.allclose(np.linalg.norm(normals, axis=1), 1.0)
        # outwards: away from the line through the middle of the foot
        middle = np.array([0.5, 0.0, 0.08])
        low = t.mean[:, 2] < 0.1
        assert np.mean(((t.mean - middle) * normals).sum(axis=1)[low] > 0.0) > 0.9
        assert t.mean[:, 0].max() == pytest.approx(1.0, abs=0.02)
        assert {"pternion", "mth1", "mth5", "instep", "navicular", "arch_apex", "longest_toe"} <= set(t.names)


def test_the_maker_makes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(make_template.MODES, "fused", 1)
    samples = make_template.draw("fused", 2)
    for name in ("a.npz", "b.npz"):
        make_template.write(tmp_path / name, make_template.build("fused", samples))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    # its points lie on the feet that they were drawn on
    made = make_foot(make_template.spec_of(make_template.FIRST_SEED["fused"], "fused"))
    skin = samples[0].points[samples[0].seen] * made.spec.length_mm
    gap = np.abs(skin[::40, None, :] - made.mesh.vertices[None, :, :]).max(axis=2).min(axis=1)
    assert gap.max() < 1.01


@pytest.mark.prove
def test_the_maker_makes_what_the_package_has() -> None:
    with np.load(DATA_FILE) as data:
        for kind in make_template.KINDS:
            made = make_template.build(kind, make_template.draw(kind, make_template.FEET[kind]))
            for name, array in made.items():
                if name.endswith(("_mean", "_marks", "_marks_sd", "_mode_step")):  # the modes' own order may swap
                    assert np.allclose(array, data[name], atol=1.0 if array.dtype == np.int16 else 1e-4), name


def test_two_files_of_one_real_foot(shared_data: Path) -> None:
    folder = shared_data / "scans" / "standing_adult_left"
    fits = []
    for name in ("left_foot.stl", "left_foot.obj"):
        found = footscan.find_feet(footscan.read_scan(folder / name))[0]
        fits.append(fit_template(found.cloud.points))
        marks = found.landmarks.points
        # the two tracks share no code: where the skin is curved they agree
        assert abs(fits[-1].marks["longest_toe"][0] - marks["longest_toe"][0]) < 3.0
        assert abs(fits[-1].marks["pternion"][0] - marks["pternion"][0]) < 2.0
        assert abs(fits[-1].marks["mth1"][1] - marks["mth1"][1]) < 3.0
        assert fits[-1].kind == "fused" and fits[-1].rms_mm < 2.0
    assert apart(*fits) < 2.0
