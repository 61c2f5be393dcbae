"""The spring bed against closed forms and finite elements; the prediction on cases whose sign and order are known."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from insole_feet import make_foot
from insole_layers import sphere_on_layer

from footscan.errors import ScanError
from footscan.pressure import analyse, region_loads
from footscan.synth import make_walk
from footscan.types import Array, Foot, Recording, replace
from insole import InsoleDesign, InsolePrescription, bar_front, bar_front_of_walk, design
from insole.anatomy import anatomy
from insole.grounds import foot_heights
from insole.instants import Stance, stance_instants
from insole.joints import turns
from insole.prediction import BEDS, Bench, Prediction, predict
from insole.springs import Law, Layer, in_series, press
from insole.stiffness import confined
from insole.zones import Zoning, plan_zones


def bed(size_mm: float, pitch_mm: float) -> tuple[Array, Array]:
    """Springs in the middles of square cells over a square; their areas."""
    count = round(size_mm / pitch_mm)
    at = (np.arange(count) + 0.5) * pitch_mm - 0.5 * size_mm
    x, y = np.meshgrid(at, at)
    return np.column_stack([x.ravel(), y.ravel()]), np.full(count * count, pitch_mm**2)


def linear(k: float) -> Law:
    return in_series([Layer(k, 1e3, k)])


def force_of(pressure: Array, area: Array) -> Array:
    return pressure @ area / 1000.0


# ------------------------------------------------------------------ closed forms


def test_a_sphere_gives_pi_k_r_delta_squared(rng: np.random.Generator) -> None:
    radius, k = float(rng.uniform(30, 150)), float(rng.uniform(10, 200))
    xy, area = bed(52.0, 1.0)  # 2,704 springs
    where = rng.uniform(-4, 4, 2)
    contact = rng.uniform(12, 20, 24)  # mm
    sinking = contact**2 / (2 * radius)
    force = np.pi * k * radius * sinking**2 / 1000.0
    gap = ((xy - where) ** 2).sum(axis=1) / (2 * radius)
    made = press(xy, area, linear(k), gap, force, np.tile(where, (24, 1)))
    assert made.converged.all()
    at = made.pose[:, 0] + made.pose[:, 1:] @ (where - xy.mean(axis=0))
    assert np.pi * k * radius * at**2 / 1000.0 == pytest.approx(force, rel=5e-3)
    assert made.pressure_kpa.max(axis=1) == pytest.approx(k * sinking, rel=5e-3)
    assert np.abs(made.pose[:, 1:]).max() < 2e-3
    loaded = (made.pressure_kpa > 0).sum(axis=1)
    assert np.sqrt(loaded / np.pi) == pytest.approx(np.sqrt(2 * radius * sinking), rel=0.02)


def test_a_tilted_flat_presses_as_a_beam_and_lifts_off_beyond_the_core(rng: np.random.Generator) -> None:
    """Load off the middle by e: p = F/A (1 ± 12 e x / L²) up to L/6; then a triangle of length 3 (L/2 − e)."""
    size, k, force = 60.0, float(rng.uniform(5, 60)), float(rng.uniform(100, 900))
    xy, area = bed(size, 1.0)
    within, beyond = float(rng.uniform(1, 9.5)), float(rng.uniform(12, 20))
    made = press(xy, area, linear(k), np.zeros(len(xy)), np.full(2, force), np.array([[within, 0.0], [beyond, 0.0]]))
    mean = 1000.0 * force / size**2
    truth = mean * (1 + 12 * within * xy[:, 0] / size**2)
    assert made.pressure_kpa[0] == pytest.approx(truth, rel=5e-3, abs=5e-3 * mean)
    length = 3 * (0.5 * size - beyond)
    most = 2 * 1000.0 * force / (size * length)
    triangle = np.maximum(most * (1 - (0.5 * size - xy[:, 0]) / length), 0.0)
    assert made.pressure_kpa[1] == pytest.approx(triangle, abs=5e-3 * most)


def test_the_load_is_conserved_and_its_centre_kept(rng: np.random.Generator) -> None:
    xy, area = bed(80.0, 2.0)
    count = 40
    gap = rng.uniform(0, 6, (count, len(xy)))
    layers = [Layer(rng.uniform(10, 60, len(xy)), rng.uniform(1, 6, len(xy)), 400.0), Layer(200.0, 1.0, 900.0)]
    force, cop = rng.uniform(20, 1500, count), rng.uniform(-18, 18, (count, 2))
    made = press(xy, area, in_series(layers), gap, force, cop)
    assert made.converged.all()
    assert force_of(made.pressure_kpa, area) == pytest.approx(force, rel=1e-3)
    assert made.pressure_kpa @ (area[:, None] * xy) / (1000.0 * force[:, None]) == pytest.approx(cop, abs=0.02)
    assert (made.pressure_kpa >= 0).all()


def test_a_load_beside_all_springs_is_not_converged() -> None:
    xy, area = bed(40.0, 2.0)
    made = press(xy, area, linear(20.0), np.zeros(len(xy)), np.array([100.0, 100.0]), np.array([[60.0, 0], [0, 0]]))
    assert made.converged.tolist() == [False, True]
    with pytest.raises(ValueError, match="cop_mm"):
        press(xy, area, linear(20.0), 0.0, np.ones(2), np.zeros((3, 2)))


def test_layers_in_series_shorten_together_and_stiffen_where_they_are_shut(rng: np.random.Generator) -> None:
    rows = [(float(k), float(m), float(k * s)) for k, m, s in rng.uniform([5, 0.5, 2], [80, 6, 30], (3, 3))]
    law = in_series([Layer(*row) for row in rows])
    p = np.linspace(0.0, 900.0, 400)
    truth = np.zeros_like(p)
    for k, limit, shut in rows:
        truth += np.minimum(p / k, limit) + np.maximum(p - k * limit, 0.0) / shut
    assert law.shortening(p[:, None])[:, 0] == pytest.approx(truth)
    again, slope = law.pressure(truth[:, None])
    assert again[:, 0] == pytest.approx(p, abs=1e-6)
    assert (np.diff(slope[1:, 0]) > -1e-9).all()
    assert law.pressure(np.array([[-1.0]]))[0] == 0.0
    with pytest.raises(ValueError, match="layers"):
        in_series([Layer(10.0, 1.0, 5.0)])


@pytest.mark.parametrize("poisson", [0.0, 0.15, 0.3])
def test_a_bonded_thin_layer_by_finite_elements(poisson: float, rng: np.random.Generator) -> None:
    """Contact radius of 3 thicknesses and more: force within 5 %, peak within 10 %."""
    young, height, radius = float(rng.uniform(0.5, 5)), float(rng.uniform(1.5, 6)), float(rng.uniform(60, 200))
    sinking = (float(rng.uniform(3.2, 6)) * height) ** 2 / (2 * radius)
    truth = sphere_on_layer(young, poisson, height, radius, sinking)
    reach = 2.2 * np.sqrt(2 * radius * sinking)
    xy, area = bed(reach, reach / 52)
    k = 1000.0 * float(confined(young, poisson)) / height
    law, gap = linear(k), (xy**2).sum(axis=1) / (2 * radius)
    pressed, _ = law.pressure(sinking - gap)
    assert force_of(pressed, area) == pytest.approx(truth.force_n, rel=0.05)
    assert pressed.max() == pytest.approx(truth.peak_kpa, rel=0.10)
    made = press(xy, area, law, gap, np.array([truth.force_n]), np.zeros((1, 2)))
    assert made.pressure_kpa.max() == pytest.approx(truth.peak_kpa, rel=0.10)


def test_against_a_half_space_the_bed_is_the_other_limit(record_property: Any) -> None:
    """A half-space (no floor below) is far softer than a 3 mm layer: reported, not met."""
    tamaas = pytest.importorskip("tamaas", reason="tamaas (AGPL) is no dependency: install it to see the figure")
    size, count, radius, young, poisson, force = 200.0, 256, 100.0, 1.5, 0.3, 60.0
    xy, area = bed(size, size / count)
    shape = (xy**2).sum(axis=1) / (2 * radius)
    model = tamaas.Model(tamaas.model_type.basic_2d, [size, size], [count, count])
    model.E, model.nu = young, poisson
    solver = tamaas.PolonskyKeerRey(model, -shape.reshape(count, count), 1e-10)
    solver.solve(force / size**2)
    half = 1000.0 * float(np.asarray(model.traction).max())
    k = 1000.0 * float(confined(young, poisson)) / 3.0
    ours = press(xy, area, linear(k), shape, np.array([force]), np.zeros((1, 2))).pressure_kpa.max()
    record_property("peak_bed_over_half_space", round(float(ours / half), 2))
    hertz = 1.5 * force * 1000.0 / np.pi / (0.75 * force * radius * (1 - poisson**2) / young) ** (2 / 3)
    assert half == pytest.approx(hertz, rel=0.02) and ours > 1.5 * half


# ------------------------------------------------------------------ walks


@cache
def walked(side: str = "left", kind: str = "in_shoe") -> tuple[Foot, Recording, tuple[Stance, ...]]:
    foot = make_foot(side=side)
    recording = make_walk(kind, seed=5, steps=6 if kind == "in_shoe" else 4).recording
    return foot, recording, stance_instants(recording, analyse(recording), foot)


def made(foot: Foot, soft: bool = False, **asked: Any) -> tuple[InsoleDesign, Zoning]:
    shape = design(foot, InsolePrescription(**asked), 24_000)
    loads = region_loads(analyse(walked()[1])).get(foot.side) if soft else None
    return shape, plan_zones(shape, foot, loads)


FLAT: dict[str, Any] = {"heel_cup_depth_mm": 0.0, "base_thickness_mm": 2.0, "shoe_pitch_mm": 0.0}


def flattened(shape: InsoleDesign, zoning: Zoning, **changes: Any) -> tuple[InsoleDesign, Zoning]:
    """The same, its thickness on the grid replaced by an even one."""
    thickness = np.where(zoning.grid.thickness_mm > 0, changes.get("thickness_mm", 3.0), 0.0)
    return shape, replace(zoning, grid=replace(zoning.grid, thickness_mm=thickness))


def peaks(prediction: Prediction, bed: str = "after") -> dict[str, float]:
    return {name: getattr(row["peak_kpa"], bed) for name, row in prediction.regions.items()}


def test_every_stance_instant_is_there_and_cells_carry_what_was_recorded() -> None:
    for side in ("left", "right"):
        _, recording, (stance,) = walked(side)
        analysis = analyse(recording)
        steps = [s for s in analysis.steps if s.used and s.side == side]
        assert len(stance.step) == sum(len(s.time_s) for s in steps) and len(np.unique(stance.step)) == len(steps)
        assert stance.force_n == pytest.approx(np.concatenate([s.force for s in steps]), rel=1e-4, abs=0.1)
        assert 2000 <= len(stance.xy_mm) <= 3500
        assert stance.cell_means(stance.on_springs(stance.pressure_kpa)) == pytest.approx(stance.pressure_kpa)
        heel = stance.middle_mm[stance.region == 0]
        mth1 = stance.middle_mm[stance.region == 4]
        assert heel[:, 1].mean() > 0 and mth1[:, 1].mean() > 15  # medial is +y for both sides
        assert 0.05 < heel[:, 0].mean() / 262.0 < 0.25 and 0.6 < mth1[:, 0].mean() / 262.0 < 0.85


def test_on_the_bed_that_it_was_recorded_on_every_cell_reads_what_was_recorded(rng: np.random.Generator) -> None:
    """Whatever the sole's form within a cell: the foot let in there carries the recorded pressure, unmoved."""
    foot, _, (stance,) = walked()
    which = rng.choice(len(stance.step), 12, replace=False)
    measured = stance.pressure_kpa[which]
    law = in_series([Layer(rng.uniform(20, 60, len(stance.xy_mm)), 4.0, 400.0), Layer(500.0, 2.0, 9000.0)])
    sole = rng.uniform(0.0, 0.8, len(stance.xy_mm))  # no cell stands clear of the bed
    heights, _, _ = foot_heights(stance, measured, law, sole, turns(anatomy(foot), stance), which)
    pressure, _ = law.pressure(np.where(stance.on_springs(measured > 0), -heights, 0.0))
    assert stance.cell_means(pressure) == pytest.approx(measured, abs=1e-3)
    assert (heights[~stance.on_springs(measured > 0)] >= 0).all()


def test_an_even_insole_under_a_level_sole_changes_nothing() -> None:
    foot, _, (stance,) = walked()
    bench = Bench(*flattened(*made(foot, cover_thickness_mm=0.0), thickness_mm=7.0), foot, stance)
    bench.sole = np.zeros_like(bench.sole)
    solved = bench.solve(np.arange(len(stance.step)), 1.0, 1.0)
    loaded = stance.force_n > 1.0
    assert solved.cells["before"][loaded] == pytest.approx(stance.pressure_kpa[loaded], abs=2e-3)
    high = stance.pressure_kpa > 60.0  # faint cells may have stood on a bed that came up to them
    assert solved.cells["shape"][high] == pytest.approx(stance.pressure_kpa[high], rel=0.03)
    bench.rise = bench.rise + 0.02 * (stance.xy_mm[:, 0] - 100.0)  # a foot that may turn does not mind a wedge
    again = bench.solve(np.arange(len(stance.step)), 1.0, 1.0)
    assert again.cells["shape"] == pytest.approx(solved.cells["shape"], abs=1e-3)


def test_a_prediction_is_marked_and_its_numbers_fit_together() -> None:
    foot, _, stances = walked()
    found = predict(*made(foot, soft=True), foot, stances)
    assert found.unvalidated and "unvalidated" in {note.code for note in found.notes}
    assert found.load_error < 1e-3 and found.left_out == 0 and found.instants == len(stances[0].step)
    total = found.regions["total"]["peak_kpa"]
    assert found.shape_percent + found.stiffness_percent == pytest.approx(-total.change_percent)
    assert set(found.mean_peak_kpa) == set(BEDS)
    for row in found.regions.values():
        for forecast in row.values():
            assert forecast.low <= forecast.after + 1e-9 and forecast.high >= forecast.after - 1e-9
    highest = max(r["peak_kpa"].after for n, r in found.regions.items() if n != "total")
    assert total.after >= highest - 1e-9


def test_contouring_takes_load_off_heel_and_heads_and_onto_the_arch() -> None:
    foot, _, stances = walked()
    found = predict(*made(foot), foot, stances)
    before, after = peaks(found, "before"), peaks(found)
    for region in ("heel_medial", "heel_lateral", "mth2", "mth3"):
        assert after[region] < 0.95 * before[region], region
    assert after["midfoot_medial"] > before["midfoot_medial"]
    assert found.regions["total"]["area_mm2"].after > found.regions["total"]["area_mm2"].before


def test_a_softer_zone_takes_load_off_its_place_and_stiffness_alone_counts_as_stiffness() -> None:
    foot, _, stances = walked()
    shape, zoning = flattened(*made(foot), thickness_mm=6.0)
    grid = zoning.grid
    heel = (grid.x_mm[:, None] < 70.0) & (grid.thickness_mm > 0)
    hard, soft = (replace(zoning, printed=np.where(heel, rho, zoning.printed)) for rho in (0.3, 0.1))
    a, b = (predict(shape, z, foot, stances) for z in (hard, soft))
    for region in ("heel_medial", "heel_lateral"):
        assert peaks(b)[region] < peaks(a)[region], region
    assert b.shape_percent == pytest.approx(a.shape_percent, abs=1e-6)
    assert b.stiffness_percent >= a.stiffness_percent - 1e-9


def test_a_met_pad_takes_load_off_the_heads_and_more_so_when_higher() -> None:
    foot, _, stances = walked()
    heads = []
    for height in (0.0, 3.0, 6.0):
        found = predict(*made(foot, met_pad_height_mm=height), foot, stances)
        row = found.regions
        heads.append(row["mth2"]["pti_kpa_s"].after + row["mth3"]["pti_kpa_s"].after)
    assert heads[0] > heads[1] > heads[2]


def test_a_bed_that_bottoms_out_presses_harder_than_one_that_does_not() -> None:
    xy, area = bed(80.0, 2.0)
    gap, force, cop = (xy**2).sum(axis=1) / 160.0, np.array([600.0]), np.zeros((1, 2))
    shut = press(xy, area, in_series([Layer(20.0, 2.0, 400.0)]), gap, force, cop)
    open_ = press(xy, area, linear(20.0), gap, force, cop)
    assert shut.pressure_kpa.max() > 1.3 * open_.pressure_kpa.max()
    assert shut.pose[0, 0] < open_.pose[0, 0]


def test_a_plates_steps_are_laid_on_the_foot_one_by_one() -> None:
    foot, _, stances = walked("right", "plate")
    assert len(stances) == 2 and all(s.bed == "plate" for s in stances)
    found = predict(*made(foot), foot, stances)
    assert found.steps == 2 and found.load_error < 1e-3
    for name in ("mth2", "mth3"):
        assert found.regions[name]["peak_kpa"].after < found.regions[name]["peak_kpa"].before


def test_a_bar_of_a_walk_lies_behind_the_heads_where_its_pressure_falls() -> None:
    foot, _, stances = walked()
    front = np.array(bar_front_of_walk(foot, stances))
    where = anatomy(foot)
    behind = where.mth_x(front[:, 1]) - front[:, 0]
    assert (np.diff(front[:, 1]) > 0).all() and (behind > -16.0).all() and (behind < 30.0).all()
    (stance,) = stances
    assert front == pytest.approx(np.array(bar_front(foot, stance.middle_mm, stance.mean_peak(stance.pressure_kpa))))


def test_recordings_that_can_not_carry_a_prediction_say_why() -> None:
    foot, recording, _ = walked()
    forces = replace(recording, pressure=tuple(replace(p, unit="N") for p in recording.pressure))
    with pytest.raises(ScanError, match="kPa"):
        stance_instants(forces, analyse(forces), foot)
    with pytest.raises(ScanError, match="no step of the right"):
        only = replace(recording, pressure=recording.pressure[:1])
        stance_instants(only, analyse(only), make_foot(side="right"))


def test_the_same_walk_gives_the_same_numbers_twice() -> None:
    foot, _, stances = walked()
    a, b = (predict(*made(foot, soft=True), foot, stances) for _ in range(2))
    assert {n: dict(r) for n, r in a.regions.items()} == {n: dict(r) for n, r in b.regions.items()}


def test_pictures_are_drawn_and_are_the_same_twice() -> None:
    pytest.importorskip("matplotlib", reason="pictures need plantar[plot]")
    from footscan.page import png
    from insole import plot

    foot, _, stances = walked()
    shape, zoning = made(foot, soft=True)
    found = predict(shape, zoning, foot, stances)
    for draw in (
        lambda: plot.draw_sections(shape),
        lambda: plot.draw_thickness(shape),
        lambda: plot.draw_zones(shape, zoning),
        lambda: plot.draw_prediction(shape, found, BEDS),
    ):
        data = png(draw())
        assert data.startswith(b"\x89PNG") and len(data) > 5000 and data == png(draw())
