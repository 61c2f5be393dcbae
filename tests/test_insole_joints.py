"""A foot that gives: laws of its joints on a bed of springs, and what they mean on an insole."""

from __future__ import annotations

import numpy as np
import pytest
from insole_feet import make_foot

from footscan.pressure import analyse
from footscan.pressure.regions import REGIONS
from footscan.synth import make_walk
from footscan.types import Array, Foot
from insole import InsolePrescription, design
from insole.anatomy import anatomy
from insole.grounds import foot_heights
from insole.instants import Stance, stance_instants
from insole.joints import joints, turns
from insole.prediction import Bench
from insole.springs import Joints, Law, Layer, in_series, press
from insole.zones import plan_zones

COUNT = 12


def bed(size_mm: float = 80.0, pitch_mm: float = 2.0) -> tuple[Array, Array]:
    at = np.arange(-0.5 * size_mm + 0.5 * pitch_mm, 0.5 * size_mm, pitch_mm)
    x, y = np.meshgrid(at, at)
    return np.column_stack([x.ravel(), y.ravel()]), np.full(x.size, pitch_mm**2)


def linear(k: float) -> Law:
    return in_series([Layer(k, 1e3, k)])


def pressed(rng: np.random.Generator) -> tuple[Array, Array, Law, Array, Array, Array]:
    """A rough foot on linear springs, its force and its centre, and the pressures when it is rigid."""
    xy, area = bed()
    law, gap = linear(float(rng.uniform(20, 80))), rng.uniform(0.0, 4.0, (COUNT, len(xy)))
    force, cop = rng.uniform(200, 900, COUNT), rng.uniform(-12, 12, (COUNT, 2))
    made = press(xy, area, law, gap, force, cop)
    assert made.converged.all()
    return xy, area, law, gap, force, cop


def shapes(rng: np.random.Generator, xy: Array) -> Array:
    """A front that folds, and a bump that gives."""
    fold = np.maximum(xy[:, 0] - rng.uniform(0.0, 15.0), 0.0) / 100.0
    return np.stack([fold, np.exp(-0.5 * (xy**2).sum(axis=1) / rng.uniform(8.0, 20.0) ** 2)])


def held(pressure: Array, area: Array, shape: Array) -> Array:
    return pressure @ (area * shape).T / 1000.0


def test_a_joint_without_stiffness_follows_the_bed_and_the_pressures_stay(rng: np.random.Generator) -> None:
    xy, area, law, gap, force, cop = pressed(rng)
    rigid = press(xy, area, law, gap, force, cop).pressure_kpa
    shape = shapes(rng, xy)
    amount = rng.uniform(-3.0, 3.0, (COUNT, 2))
    foot = Joints(shape, held(rigid, area, shape), np.zeros(2))
    made = press(xy, area, law, gap - amount @ shape, force, cop, None, foot)
    assert made.converged.all()
    assert made.pressure_kpa == pytest.approx(rigid, abs=0.02)
    assert made.pose[:, 3:] == pytest.approx(-amount, abs=2e-3)


def test_a_stiff_joint_is_a_rigid_foot(rng: np.random.Generator) -> None:
    xy, area, law, gap, force, cop = pressed(rng)
    rigid = press(xy, area, law, gap, force, cop).pressure_kpa
    shape = shapes(rng, xy)
    bumpy = gap - rng.uniform(-3.0, 3.0, (COUNT, 2)) @ shape
    foot = Joints(shape, held(rigid, area, shape), np.full(2, 1e9))
    made = press(xy, area, law, bumpy, force, cop, None, foot)
    assert made.pressure_kpa == pytest.approx(press(xy, area, law, bumpy, force, cop).pressure_kpa, abs=0.02)


def test_what_a_joint_bears_changes_by_its_stiffness_and_load_and_centre_are_kept(rng: np.random.Generator) -> None:
    xy, area, law, gap, force, cop = pressed(rng)
    rigid = press(xy, area, law, gap, force, cop).pressure_kpa
    shape, stiffness = shapes(rng, xy), rng.uniform(5.0, 60.0, 2)
    before = held(rigid, area, shape)
    raised = gap - rng.uniform(0.5, 3.0, (COUNT, 2)) @ shape
    made = press(xy, area, law, raised, force, cop, None, Joints(shape, before, stiffness))
    assert made.converged.all()
    assert held(made.pressure_kpa, area, shape) - before == pytest.approx(-stiffness * made.pose[:, 3:], abs=1e-3)
    assert made.pressure_kpa @ area / 1000.0 == pytest.approx(force, rel=1e-3)
    assert made.pressure_kpa @ (area[:, None] * xy) / (1000.0 * force[:, None]) == pytest.approx(cop, abs=0.02)
    # and lies between the rigid foot's and what it was
    stiff = held(press(xy, area, law, raised, force, cop).pressure_kpa, area, shape)
    off, most = np.linalg.norm(made.pressure_kpa - rigid, axis=1), np.linalg.norm(stiff - before, axis=1)
    assert (np.linalg.norm(held(made.pressure_kpa, area, shape) - before, axis=1) < most + 1e-6).all() and off.max() > 0


# ------------------------------------------------------------------ a walk


@pytest.fixture(scope="module")
def walk() -> tuple[Foot, Stance]:
    foot, recording = make_foot(side="left"), make_walk("in_shoe", seed=5, steps=6).recording
    (stance,) = stance_instants(recording, analyse(recording), foot)
    return foot, stance


def bench(walk: tuple[Foot, Stance]) -> Bench:
    """A level insole under a level sole: the bed alone decides."""
    foot, stance = walk
    shape = design(foot, InsolePrescription(cover_thickness_mm=0.0), 24_000)
    made = Bench(shape, plan_zones(shape, foot, None), foot, stance)
    made.sole, made.rise = np.zeros_like(made.sole), np.zeros_like(made.rise)
    return made


def region(stance: Stance, *names: str) -> Array:
    return np.isin(stance.region, [REGIONS.index(name) for name in names])


def share(stance: Stance, cells: Array, mine: Array) -> float:
    """Of the walk's whole force."""
    force = cells * stance.area_of_cell_mm2
    return float(force[:, mine].sum() / force.sum())


def test_a_raised_toe_turns_up_and_presses_little_more(walk: tuple[Foot, Stance]) -> None:
    foot, stance = walk
    made = bench(walk)
    which, toe = np.arange(len(stance.step)), region(stance, "hallux")
    made.rise = 8.0 * joints(anatomy(foot), stance, np.zeros((1, len(made.sole))), 1.0).shape[0]  # 4.6°
    solved = made.solve(which, 1.0, 1.0)
    before, after = (share(stance, solved.cells[bed], toe) for bed in ("before", "shape"))
    assert after < 1.1 * before and solved.load_error < 1e-3 and solved.left_out == 0
    heights, _, _ = foot_heights(
        stance, stance.pressure_kpa, made.grounds(1.0, 1.0)["before"].law, made.sole, made.turned, which
    )
    rigid = press(
        stance.xy_mm, stance.area_mm2, made.grounds(1.0, 1.0)["shape"].law, heights - made.rise, stance.force_n,
        np.einsum("ij,jk->ik", stance.pressure_kpa * stance.area_of_cell_mm2, stance.middle_mm)
        / np.maximum(1000.0 * stance.force_n, 1e-9)[:, None],
    )  # fmt: skip
    ok = rigid.converged & (stance.force_n > 1.0)
    assert share(stance, stance.cell_means(rigid.pressure_kpa)[ok], toe) > 1.6 * before


def test_a_bump_under_the_arch_lifts_it_and_the_more_so_the_softer_the_arch(walk: tuple[Foot, Stance]) -> None:
    foot, stance = walk
    made = bench(walk)
    x, y = stance.xy_mm.T
    where = anatomy(foot)
    made.rise = 8.0 * np.exp(-0.5 * (((x - 0.45 * where.length_mm) / 25.0) ** 2 + ((y - 15.0) / 15.0) ** 2))
    which, arch = np.arange(len(stance.step)), region(stance, "midfoot_medial", "midfoot_lateral")
    cells = made.solve(which, 1.0, 1.0).cells
    assert share(stance, cells["shape"], arch) > share(stance, cells["before"], arch)
    one = joints(where, stance, np.zeros((1, len(x))), 1.0)
    two = joints(where, stance, np.zeros((1, len(x))), 0.5)
    assert two.stiffness == pytest.approx(0.5 * one.stiffness)
    toe, arch_row = one.shape[:2], one.shape[2]
    assert (toe[:, stance.on_springs(~region(stance, "hallux", "toes_2_5"))] == 0).all() and toe.min() >= 0.0
    assert arch_row.max() <= 1.0 and arch_row[x < 0.16 * where.length_mm].max() == 0.0
    assert arch_row[x > where.mth_x(y)].max() == 0.0
    inner = np.argmin(np.hypot(x - 0.45 * where.length_mm, y - 30.0))
    outer = np.argmin(np.hypot(x - 0.45 * where.length_mm, y + 30.0))
    assert arch_row[inner] > 1.5 * arch_row[outer] > 0.0


def test_a_foot_leaves_the_ground_heel_first_and_meets_it_heel_first(walk: tuple[Foot, Stance]) -> None:
    foot, stance = walk
    turned = turns(anatomy(foot), stance)
    cells = stance.pressure_kpa * stance.area_of_cell_mm2 / 1000.0
    heel = cells[:, region(stance, "heel_medial", "heel_lateral")].sum(axis=1)
    for number in np.unique(stance.step):
        mine = stance.step == number
        back, front = turned.angle_rad[:, mine]
        assert (np.diff(back) >= 0).all() and (np.diff(front) <= 0).all() and not (back * front).any()
        assert np.degrees(back[-1]) == pytest.approx(55.0) and front[-1] == 0.0 and back[0] == 0.0
        assert (heel[mine][back > 0] < 0.05 * stance.force_n[mine][back > 0]).all()


def test_an_end_that_carries_nothing_keeps_its_form_and_stays_above_the_bed(
    walk: tuple[Foot, Stance], rng: np.random.Generator
) -> None:
    """Where the heel is up the arch is no lower than its own height, however the loaded cells lie."""
    foot, stance = walk
    made = bench(walk)
    x, _ = stance.xy_mm.T
    up = np.flatnonzero(made.turned.angle_rad[0] > 0)
    where = anatomy(foot)
    arch = 15.0 * np.exp(-0.5 * ((x - 0.45 * where.length_mm) / 20.0) ** 2)
    heights, _, _ = foot_heights(
        stance, stance.pressure_kpa[up], made.grounds(1.0, 1.0)["before"].law, arch, made.turned, up
    )
    free = ~stance.on_springs(stance.pressure_kpa[up] > 0)
    assert (heights[free] >= 0).all()
    top = free & (np.abs(x - 0.45 * where.length_mm) < 6.0)
    assert heights[top].min() > 0.5 * 15.0


def test_a_scan_of_another_foot_is_pointed_out(walk: tuple[Foot, Stance], rng: np.random.Generator) -> None:
    """Much load under places that the scan shows well clear of the bed."""
    _, stance = walk
    made = bench(walk)
    assert made.disagreement() == ()
    made.sole = stance.on_springs(np.where(rng.random(len(stance.region)) < 0.5, 12.0, 0.0))
    (note,) = made.disagreement()
    assert note.code == "scan_disagrees" and "same foot" in note.detail
