"""Feet of known truth: the families are what they say, and a few of each are measured well. Full size: `make prove`."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SEED_KEY
from manifold3d import Error, Manifold, Mesh64

import footscan
from footscan.synth import FootSpec, make_foot, scan_foot
from footscan.synth.scanning import ScanSpec, scan_mesh
from footscan.types import Mesh

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
accuracy, base_feet, families, figures, surfaces, warps = map(
    importlib.import_module, ("accuracy", "base_feet", "families", "figures_of_accuracy", "surfaces", "warps")
)

FEW = {"loft": 2, "toes": 2, "find": 3, "makehuman": 3}  #: feet of a family here
#: where a tenth of a millimetre in height or a degree in heading moves the apex of a flat prominence by more
FLAT = ("navicular_height_mm", "ball_length_medial_mm", "ball_length_lateral_mm", "truncated_foot_length_mm",
        "malleolus_medial_height_mm", "malleolus_lateral_height_mm", "plantar_heel_breadth_mm")  # fmt: skip


def volume_ml(mesh: Mesh) -> float:
    """By another library; it refuses a mesh that is not closed or not wound outwards."""
    return float(solid_of(mesh).volume()) / 1000.0


def solid_of(mesh: Mesh) -> Manifold:
    solid = Manifold(Mesh64(np.array(mesh.vertices), np.array(mesh.faces, dtype=np.uint64)))
    assert solid.status() == Error.NoError and solid.num_vert() > 0, "no closed surface"
    return solid


@dataclass(frozen=True)
class Drawn:
    """A foot of a warped family, drawn once for all tests of it."""

    family: str
    seed: int
    base: Any
    warp: Any
    foot: Any


@pytest.fixture(scope="module", params=["find", "makehuman"])
def drawn(request: pytest.FixtureRequest, shared_data: Path) -> Drawn:
    family, seed = request.param, request.config.stash[SEED_KEY] % 10**6
    which, warp, _ = warps.draw_warp(family, seed)
    return Drawn(family, seed, base_feet.base(family, which), warp, families.draw(family, seed))


# ------------------------------------------------------------------ a few of each family are measured well


@pytest.mark.parametrize("family", ["loft", "toes", "find", "makehuman"])
def test_a_few_feet_of_each_family(family: str, seed: int, shared_data: Path) -> None:
    jobs = [accuracy.Job(family, seed % 10**6 + k, 0, None, None) for k in range(FEW[family])]
    records = [accuracy.measured(job) for job in jobs]
    sides = figures.sides(records)
    assert sides.wrong == 0 and sides.refused == 0
    for record in records:
        values, true = record["values"], record["truth"]
        assert set(values) == set(footscan.measures.KEYS)
        assert set(true) == set(values), "every measure has its truth, or None"
        # three times the limit that 95 % keep: beyond it something is broken, not unlucky
        for key in ("foot_length_mm", "heel_breadth_mm", "instep_height_mm", "instep_girth_mm", "waist_girth_mm"):
            assert abs(values[key][0] - true[key]) <= 3.0 * figures.LIMITS[key], (key, record["seed"])
    # the stated spread is no fiction: over all measures of these feet few lie beyond four SD
    misses = [
        abs(value - true) > 4.0 * sd
        for record in records
        for key, (value, sd) in record["values"].items()
        if isinstance(value, float) and isinstance(true := record["truth"][key], float)
    ]
    assert np.mean(misses) < 0.25


def test_a_foot_from_the_cache_is_the_same_to_the_bit(seed: int, tmp_path: Path) -> None:
    first, again = (families.drawn("loft", seed, tmp_path) for _ in range(2))
    assert len(list(tmp_path.iterdir())) == 1
    assert first.mesh.vertices.tobytes() == again.mesh.vertices.tobytes()
    assert first.truth == again.truth and first.side == again.side and first.lid_mm == again.lid_mm
    a, b = (families.scan(foot, 1, 20_000).points for foot in (first, again))
    assert a.tobytes() == b.tobytes()
    assert a.tobytes() != families.scan(first, 2, 20_000).points.tobytes()


def test_families_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="family must be one of"):
        families.draw("clogs", 1)


def test_scanning_a_mesh_is_scanning_its_foot() -> None:
    foot = make_foot(FootSpec())
    spec = ScanSpec(points=5_000, seed=3, turn_deg=70.0)
    a = scan_foot(foot, points=5_000, seed=3, turn_deg=70.0)
    assert a.points.tobytes() == scan_mesh(foot.mesh, spec, foot.spec.leg_mm).points.tobytes()


# ------------------------------------------------------------------ the warped families are feet


def test_a_warped_foot_is_closed_and_stands_on_the_floor(drawn: Drawn) -> None:
    foot = drawn.foot
    v = foot.mesh.vertices
    assert v[:, 2].min() == pytest.approx(0.0, abs=0.01)  # of a skin that was bent after it had been set down
    low = v[v[:, 2] < 0.05]
    assert np.ptp(low[:, 0]) > 0.3 * foot.truth["foot_length_mm"], "heel and ball both rest on the floor"
    assert np.ptp(low[:, 1]) > 10.0, "and not on one line"
    # below the bend of the ankle: the truth's own sum of parts against another library's cut
    bend = foot.landmarks["ankle_bend"][2]
    cut = solid_of(foot.mesh).trim_by_plane((0.0, 0.0, -1.0), -float(bend))
    assert foot.truth["volume_ml"] == pytest.approx(cut.volume() / 1000.0, rel=1e-4)
    assert volume_ml(foot.mesh) > foot.truth["volume_ml"]
    # the second toe's tip is straight ahead of the pternion; the longest toe is the length
    sign = -1.0 if foot.side == "left" else 1.0
    assert foot.landmarks["toe2_tip"][1] == pytest.approx(0.0, abs=0.01)
    assert np.abs(foot.landmarks["pternion"][:2]).max() < 0.01
    assert v[:, 0].max() == pytest.approx(foot.truth["foot_length_mm"], abs=1e-3)
    assert sign * foot.landmarks["mth1"][1] > 0.0 > sign * foot.landmarks["mth5"][1]
    assert foot.landmarks["toe1_tip"][1] * sign > 5.0


def test_a_girth_is_that_of_another_librarys_section(drawn: Drawn) -> None:
    import trimesh
    from scipy.spatial import ConvexHull

    foot = drawn.foot
    body = trimesh.Trimesh(foot.mesh.vertices, foot.mesh.faces, process=False)
    for key, at in (("instep_girth_mm", 0.50), ("instep_girth_55_mm", 0.55)):
        origin = [at * foot.truth["foot_length_mm"], 0.0, 0.0]
        lines = trimesh.intersections.mesh_plane(body, [1.0, 0.0, 0.0], origin)
        corners = lines.reshape(-1, 3)[:, 1:]
        hull = corners[ConvexHull(corners).vertices]
        around = float(np.linalg.norm(np.roll(hull, -1, axis=0) - hull, axis=1).sum())
        assert foot.truth[key] == pytest.approx(around, abs=0.01), key


def test_the_mirror_image_has_the_same_truth(drawn: Drawn) -> None:
    foot, other = drawn.foot, "left" if drawn.foot.side == "right" else "right"
    mirrored = warps.finished(drawn.base, drawn.warp, other, drawn.family, drawn.seed)
    assert mirrored.side == other and mirrored.truth == foot.truth
    assert np.array_equal(mirrored.mesh.vertices * [1.0, -1.0, 1.0], foot.mesh.vertices)
    assert volume_ml(mirrored.mesh) == pytest.approx(volume_ml(foot.mesh), rel=1e-9)


def test_a_warp_that_changes_nothing_leaves_the_base_foot(drawn: Drawn) -> None:
    base = drawn.base
    v = warps.warped(base, warps.Warp(leg=base_feet.LEG))
    assert np.abs(v - base.vertices)[base.added == 0.0].max() < 0.05  # frame and floor are found anew
    leg_mm = float(base.vertices[:, 2].max())
    same, own = (warps.true_values(points, base, leg_mm)[0] for points in (v, base.vertices))
    for key, value in own.items():
        if isinstance(value, float) and key.endswith("_mm") and key not in FLAT:
            assert same[key] == pytest.approx(value, abs=0.1), key


def test_a_larger_foot_is_larger_in_every_length(drawn: Drawn, rng: np.random.Generator) -> None:
    factor = float(rng.uniform(1.01, 1.06))
    plain = warps.Warp(modes=drawn.warp.modes)
    small, large = (
        warps.finished(drawn.base, dataclasses.replace(plain, scale=(s, s, s)), "right", drawn.family)
        for s in (1.0, factor)
    )
    # windows in mm (40 mm for outline and breadths) don't scale: only what hangs on none of them
    for key in ("foot_length_mm", "instep_girth_mm", "instep_height_mm", "instep_girth_55_mm", "instep_height_55_mm"):
        assert large.truth[key] == pytest.approx(small.truth[key] * factor, rel=1e-3), key
    assert volume_ml(large.mesh) == pytest.approx(volume_ml(small.mesh) * factor**3, rel=1e-2)


def test_each_seed_is_another_foot(drawn: Drawn) -> None:
    seeds = range(drawn.seed, drawn.seed + 3)
    assert len({repr(warps.draw_warp(drawn.family, s)) for s in seeds}) == len(seeds)
    assert warps.draw_warp(drawn.family, drawn.seed)[1] == drawn.warp


# ------------------------------------------------------------------ the tools behind the families


def test_subdividing_a_sphere_stays_near_a_sphere(rng: np.random.Generator) -> None:
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=2, radius=40.0)
    turn = trimesh.transformations.random_rotation_matrix(rng.random(3))[:3, :3]
    v, f = surfaces.subdivided(np.asarray(ball.vertices) @ turn.T, np.asarray(ball.faces), 2)
    radius = np.linalg.norm(v, axis=1)
    assert len(f) == 16 * len(ball.faces)
    assert np.ptp(radius) < 0.3 and 38.0 < radius.mean() < 40.0  # Loop's surface lies a little inside
    assert volume_ml(Mesh(v, f)) == pytest.approx(4 / 3 * np.pi * radius.mean() ** 3 / 1000.0, rel=0.01)


def test_a_cut_sphere_has_a_round_level_edge(rng: np.random.Generator) -> None:
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=4, radius=40.0)
    z = float(rng.uniform(-20.0, 20.0))
    v, f, ring, old = surfaces.cut_level(np.asarray(ball.vertices), np.asarray(ball.faces), z)
    assert v[:, 2].max() == z and (v[ring, 2] == z).all()
    assert np.hypot(*v[ring, :2].T) == pytest.approx(np.sqrt(40.0**2 - z**2), abs=0.1)
    assert np.array_equal(v[old >= 0], np.asarray(ball.vertices)[old[old >= 0]])
    closed, wall, added, lid = base_feet.with_leg(v, f, ring, 60.0)
    assert volume_ml(Mesh(closed, wall)) > 0.0
    assert (closed[lid, 2] == 60.0).all() and added.max() == 1.0


def test_hills_on_a_landscape_of_known_hills(rng: np.random.Generator) -> None:
    x, y = (g.ravel() for g in np.meshgrid(np.arange(60.0), np.arange(40.0)))
    # two hills and the pass between them
    height = 10.0 * np.exp(-((x - 15) ** 2 + (y - 20) ** 2) / 50) + 7.0 * np.exp(-((x - 40) ** 2 + (y - 20) ** 2) / 50)
    cells = np.arange(60 * 40).reshape(40, 60)
    a, b, c, d = cells[:-1, :-1].ravel(), cells[:-1, 1:].ravel(), cells[1:, 1:].ravel(), cells[1:, :-1].ravel()
    links = surfaces.links_of(np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]))
    rise = surfaces.hills(height, rng.permutation(len(x)), links)
    tops = sorted(((x[k], y[k]), r) for k, r in rise.items() if r > 1e-3)
    assert [place for place, _ in tops] == [(15.0, 20.0), (40.0, 20.0)]
    saddle = height[(y == 20) & (x > 15) & (x < 40)].min()
    assert tops[0][1] == np.inf and tops[1][1] == pytest.approx(height[(x == 40) & (y == 20)][0] - saddle)


def test_figures_of_errors_that_are_known(rng: np.random.Generator) -> None:
    sd = 0.4
    errors = rng.normal(0.1, sd, 4000)
    keys = figures.NUMBERS
    records = [
        {
            "family": "loft",
            "seed": k // 4,
            "repeat": k % 4,
            "side": "left",
            "true_side": "left",
            "values": {key: [100.0 + float(e), sd] for key in keys},
            "truth": dict.fromkeys(keys, 100.0),
        }
        for k, e in enumerate(errors)
    ]
    found = figures.figures(records, "foot_length_mm")
    assert found.n == 4000 and found.bias == pytest.approx(errors.mean())
    assert found.rms == pytest.approx(np.hypot(errors.mean(), errors.std()))
    assert found.within == np.mean(np.abs(errors) <= 2 * sd) and found.sd == sd
    assert found.p95 == pytest.approx(np.quantile(np.abs(errors), 0.95)) and found.held is True
    assert figures.repeatability(records, "foot_length_mm") == pytest.approx(sd, rel=0.06)
    assert len(figures.first_scans(records, "loft")) == 1000
    records[0]["values"]["foot_length_mm"] = [None, None]
    assert figures.figures(records, "foot_length_mm").missing == 1
    assert figures.sides(records).right == 4000
