"""Material cards, calibration from compression tests, the stiffness map and its zones."""

from __future__ import annotations

import pickle
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from insole_feet import make_foot

from footscan.errors import ReadError
from footscan.types import Array, Foot, RegionLoads
from insole import DesignError, InsoleDesign, InsolePrescription, check_mesh, design
from insole.anatomy import anatomy
from insole.calibration import CompressionTest, calibrate, read_compression_test
from insole.materials import Material, card_text, material_names, read_material
from insole.stiffness import (
    PrintSettings,
    body_density,
    density_map,
    pressure_map,
    raster,
    region_places,
    shut_density,
)
from insole.zones import LEAST_CORE_MM, plan_zones, prism, zone_meshes

REGIONS = ("heel_medial", "heel_lateral", "mth1", "mth2", "mth3", "mth4", "mth5", "hallux", "toes_2_5")
TPU = read_material("tpu_95a")


@cache
def made(side: str = "left", **asked: Any) -> tuple[Foot, InsoleDesign]:
    foot = make_foot(side=side)
    return foot, design(foot, InsolePrescription(**dict(asked)), 24_000)


def loads(**peaks: float) -> RegionLoads:
    return RegionLoads("left", {**dict.fromkeys(REGIONS, 120.0), "midfoot_lateral": 60.0, **peaks}, 20, True)


# ------------------------------------------------------------------ cards


@pytest.mark.parametrize("name", material_names())
def test_each_number_of_a_card_has_a_source_and_books_are_uncalibrated(name: str) -> None:
    card = read_material(name)
    assert card.uncalibrated and card.title
    numbers = {"solid_modulus_mpa", "coefficient", "exponent", "poisson", "density_g_cm3"}
    assert numbers <= set(card.sources) and all(card.sources.values())
    if card.kind == "filament":
        assert "print_scale" in card.sources and card.nozzle_c is not None
    assert pickle.loads(pickle.dumps(card)) == card


def test_the_cards_that_shops_have_are_there() -> None:
    assert {"tpu_85a", "tpu_95a", "peba", "eva_35a"} <= set(material_names())
    assert read_material("tpu_85a").solid_modulus_mpa == 12.0 and TPU.solid_modulus_mpa == 26.0
    assert read_material("eva_35a").kind == "sheet"


def test_stiffness_is_c_times_e_times_density_to_the_n(rng: np.random.Generator) -> None:
    c, n, e = rng.uniform(0.3, 3), rng.uniform(1, 3), rng.uniform(5, 60)
    card = Material("own", "own", "filament", e, c, n, 0.3, 1.2)
    rho = rng.uniform(0.05, 1.0, 50)
    assert card.modulus_mpa(rho) == pytest.approx(c * e * rho**n)
    assert card.density_for(card.modulus_mpa(rho)) == pytest.approx(rho)


def test_a_card_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(card_text(TPU), encoding="utf-8")
    again = read_material(path)
    assert again.name == "shop" and {**again.__dict__, "name": TPU.name} == TPU.__dict__


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind = 3", "filament"),
        ('kind = "filament"\n[stiffness]\nvalue = 1\nsource = ""', "does not exist"),
        ('kind = "filament"\n[poisson]\nvalue = 0.3', "value and source"),
        ('kind = "filament"\n[poisson]\nvalue = true\nsource = "x"', "a number"),
        ('kind = "filament"\n[print_scale]\nvalue = [1, 2]\nsource = "x"', "three factors"),
        ('kind = "filament"\n[poisson]\nvalue = 0.3\nsource = "x"', "solid_modulus_mpa: found nothing"),
        (card_text(TPU).replace("value = 26.0", "value = nan"), "0.01 to 5000"),
        (card_text(TPU).replace("value = [1.0, 1.0, 1.0]", "value = [1.0, 2.0, 1.0]"), "0.9 to 1.1"),
    ],
)
def test_a_bad_card_is_refused_with_its_number(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DesignError, match=said):
        read_material(path)


def test_a_card_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DesignError) as caught:
        read_material("tpu_95")
    assert caught.value.nearest == "tpu_95a"
    with pytest.raises(ReadError):
        read_material(tmp_path / "none.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ReadError):
        read_material(tmp_path / "b.toml")


# ------------------------------------------------------------------ calibration


def pressed(
    modulus: float, area: float, height: float, rng: np.random.Generator, toe: float = 0.0, noise: float = 0.0
) -> tuple[Array, Array]:
    """Force and displacement of a foam: straight to 8 % of strain, then a plateau; touched ``toe`` mm late."""
    displacement = np.linspace(0.0, 0.3 * height, 400)
    strain = np.maximum(displacement - toe, 0.0) / height
    stress = np.where(strain < 0.08, modulus * strain, modulus * (0.08 + 0.2 * (strain - 0.08)))
    return stress * area * (1.0 + noise * rng.standard_normal(len(stress))), displacement


def test_c_and_n_are_found_again_from_late_and_noisy_tests(rng: np.random.Generator) -> None:
    c, n = float(rng.uniform(0.3, 3)), float(rng.uniform(1.3, 2.7))
    tests = []
    for density in (0.1, 0.2, 0.3, 0.45):
        area, height = float(rng.uniform(400, 2500)), float(rng.uniform(8, 30))
        modulus = c * TPU.solid_modulus_mpa * density**n
        curve = pressed(modulus, area, height, rng, toe=float(rng.uniform(0, 0.1)) * height, noise=0.002)
        tests.append(CompressionTest(*curve, area, height, density))
    found = calibrate(tests, TPU)
    assert found.exponent == pytest.approx(n, abs=0.05) and found.coefficient == pytest.approx(c, rel=0.06)
    assert found.residual < 0.05 and found.exponent_fitted
    card = found.onto(TPU)
    assert not card.uncalibrated and "4 compression tests" in card.sources["coefficient"]


def test_the_residual_is_the_relative_misfit(rng: np.random.Generator) -> None:
    """Two tests at one density, 10 % apart about their geometric mean."""
    tests = []
    for factor in (1.1**0.5, 1.1**-0.5):
        force, displacement = pressed(2.0 * factor, 1000.0, 20.0, rng)
        tests.append(CompressionTest(force, displacement, 1000.0, 20.0, 0.25))
    found = calibrate(tests, TPU)
    assert found.residual == pytest.approx(0.5 * np.log(1.1), rel=1e-3)
    assert not found.exponent_fitted and found.exponent == TPU.exponent and found.onto(TPU).uncalibrated
    assert found.coefficient * TPU.solid_modulus_mpa * 0.25**2 == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize("style", ["comma", "decimal comma", "kn", "negative", "and back"])
def test_a_compression_test_is_read_from_csv(style: str, tmp_path: Path, rng: np.random.Generator) -> None:
    force, displacement = pressed(1.5, 900.0, 12.0, rng)
    rows = np.column_stack([force, displacement])
    if style == "kn":
        rows[:, 0] /= 1000.0
    if style == "negative":
        rows = -rows if rng.random() < 0.5 else rows * [-1.0, 1.0]
    if style == "and back":
        rows = np.vstack([rows, rows[::-1] * [0.7, 1.0]])
    name = "force_kn" if style == "kn" else "Force_N"
    lines = ["# a machine's own words", f"time,{name},displacement_mm"]
    lines += [f"{k},{a:.9g},{b:.9g}" for k, (a, b) in enumerate(rows)]
    text = "\n".join(lines)
    if style == "decimal comma":
        text = text.replace(",", ";").replace(".", ",")
    path = tmp_path / "test.csv"
    path.write_text(text, encoding="utf-8")
    test = read_compression_test(path, 900.0, 12.0, 0.2)
    assert calibrate([test], TPU).moduli_mpa[0] == pytest.approx(1.5, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "header"),
        ("force,displacement_mm\n1,2", "force_n"),
        ("force_n,displacement_mm\n" + "1,0.1\n" * 5, "at least 10 rows"),
        ("force_n,displacement_mm\n" + "1,0.1\nx,0.2\n" * 9, "line 3"),
        ("force_n,displacement_mm\n" + "1,0.1\n1\n" * 9, "line 3"),
        ("force_n,displacement_mm\n" + "1,0.1\nnan,0.2\n" * 9, "finite"),
        ("force_n,displacement_mm\n" + "".join(f"{k},{2 * k}\n" for k in range(20)), "pressed by 38 mm"),
        ("force_n,displacement_mm\n" + "".join(f"{k},{20 - k}\n" for k in range(20)), "turns back"),
        ("force_n,force_kn,displacement_mm\n1,1,1", "one column"),
        ('force_n,displacement_mm\n"1,1\n', "CSV"),
    ],
)
def test_a_bad_compression_test_says_what_is_wrong(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReadError, match=said):
        read_compression_test(path, 900.0, 12.0, 0.2)


def test_what_can_not_be_calibrated_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    force, displacement = pressed(1.5, 900.0, 12.0, rng)
    good = CompressionTest(force, displacement, 900.0, 12.0, 0.2)
    with pytest.raises(DesignError, match="at least one"):
        calibrate([], TPU)
    with pytest.raises(DesignError, match="sheet"):
        calibrate([good], read_material("eva_35a"))
    with pytest.raises(DesignError, match="density"):
        CompressionTest(force, displacement, 900.0, 12.0, 20.0)
    with pytest.raises(DesignError, match="rows"):
        calibrate([CompressionTest(force[::80], displacement[::80], 900.0, 12.0, 0.2)], TPU)
    with pytest.raises(DesignError, match="coefficient C"):
        calibrate([CompressionTest(force * 1e4, displacement, 900.0, 12.0, 0.2)], TPU)
    softer = CompressionTest(force / 10, displacement, 900.0, 12.0, 0.25)
    with pytest.raises(DesignError, match="exponent n"):
        calibrate([good, softer], TPU)
    with pytest.raises(ReadError):
        read_compression_test(tmp_path / "none.csv", 900.0, 12.0, 0.2)


# ------------------------------------------------------------------ the map


def test_more_mass_asks_for_a_denser_body_and_softer_filament_too() -> None:
    light, heavy = (body_density(TPU, mass) for mass in (45.0, 110.0))
    assert light < body_density(TPU, None) < heavy
    assert float(TPU.modulus_mpa(heavy)) / float(TPU.modulus_mpa(light)) == pytest.approx(110 / 45, rel=1e-6)
    assert body_density(read_material("tpu_85a"), 70.0) > body_density(TPU, 70.0)


def test_it_is_softer_where_the_foot_presses_more_and_never_shut() -> None:
    foot, shape = made()
    grid, where = raster(shape), anatomy(foot)
    body = 0.26
    for region in ("heel_medial", "mth1", "mth3", "hallux"):
        wanted = density_map(grid, shape, where, TPU, loads(**{region: 320.0}), body)
        ((middle, _), *_) = region_places(grid, where)[region]
        there = float(grid.at(wanted, *np.array(middle)[:, None])[0])
        assert there < 0.85 * body, region
        assert (wanted <= body + 1e-12).all()
        shut = shut_density(TPU, pressure_map(grid, where, loads(**{region: 320.0})))
        assert (wanted >= np.minimum(shut, body) - 1e-12).all()
    flat = density_map(grid, shape, where, TPU, None, body)
    assert flat == pytest.approx(body)


def test_a_relief_without_room_becomes_softening_there() -> None:
    foot, shape = made(relief_mth1=8.0, forefoot_thickness_mm=2.0)
    relief = shape.reliefs["relief_mth1"]
    assert relief.softening_mm > 0
    grid, where = raster(shape), anatomy(foot)
    wanted = density_map(grid, shape, where, TPU, None, 0.3)
    at = where.heads[0][:, None]
    assert float(grid.at(wanted, *at)[0]) < 0.2 and wanted.max() == pytest.approx(0.3)


def test_force_only_recordings_soften_nothing() -> None:
    foot, shape = made()
    plain = RegionLoads("left", {"mth2": 500.0}, 20, True, quantity="force")
    assert density_map(raster(shape), shape, anatomy(foot), TPU, plain, 0.3) == pytest.approx(0.3)


# ------------------------------------------------------------------ zones


def holds(polygon: Array, point: Array) -> bool:
    a, b = polygon, np.roll(polygon, -1, axis=0)
    crosses = (a[:, 1] > point[1]) != (b[:, 1] > point[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        x = a[:, 0] + (point[1] - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    return bool((crosses & (point[0] < x)).sum() % 2)


def test_zones_are_nested_from_outer_to_inner_and_softer_inward(rng: np.random.Generator) -> None:
    foot, shape = made(base_thickness_mm=4.0)
    peaks = {region: float(rng.uniform(80, 380)) for region in REGIONS}
    zoning = plan_zones(shape, foot, loads(**{**peaks, "heel_medial": 330.0, "heel_lateral": 330.0}))
    assert zoning.zones and len({zone.name for zone in zoning.zones}) == len(zoning.zones)
    seen = [round(zone.settings.density, 3) for zone in zoning.zones]
    assert seen == sorted(seen, reverse=True) and max(seen) < zoning.body.density
    for inner in zoning.zones:
        outer = [z for z in zoning.zones if z.settings.density > inner.settings.density]
        middle = inner.polygons[0].mean(axis=0)
        if outer and holds(inner.polygons[0], middle):
            level = min(z.settings.density for z in outer)
            assert any(holds(z.polygons[0], middle) for z in outer if z.settings.density == level)
    grid = zoning.grid
    for zone in zoning.zones:
        inside = zoning.printed == zone.settings.density
        assert inside.any()
        assert (grid.thickness_mm[inside] - zone.settings.skin_mm >= LEAST_CORE_MM - 1e-6).all()
        assert zone.core_mm >= LEAST_CORE_MM - 1e-6


def test_zones_are_only_where_skins_leave_a_core() -> None:
    """2 + 2 layers of 0.2 mm leave just 1.2 mm of a 2 mm forefoot; 0.25 mm layers leave none."""
    foot, shape = made(forefoot_thickness_mm=2.0)
    hard = loads(mth1=380.0, mth2=380.0, mth3=380.0)
    ball = shape.foot_length_mm * 0.6
    zoning = plan_zones(shape, foot, hard)
    assert any(z.polygons[0][:, 0].max() > ball for z in zoning.zones)
    thick = plan_zones(shape, foot, hard, layer_mm=0.25)
    zoned = np.isin(thick.printed, [z.settings.density for z in thick.zones]) & (thick.grid.x_mm > ball)[:, None]
    assert (thick.grid.thickness_mm[zoned] >= 1.0 + LEAST_CORE_MM - 1e-6).all()  # never where it is 2 mm thick
    assert "zone_too_thin" in {note.code for note in thick.notes}


def test_a_zones_mesh_is_a_closed_prism_and_a_left_one_is_mirrored() -> None:
    hard = loads(heel_medial=350.0, heel_lateral=350.0)
    pairs = []
    for side in ("left", "right"):
        foot, shape = made(side)
        zoning = plan_zones(shape, foot, hard)
        pairs.append(zone_meshes(shape, zoning))
        for zone, mesh in zip(zoning.zones, pairs[-1]):
            report = {item.name: item for item in check_mesh(mesh).items}
            assert report["watertight"].ok and report["winding"].ok and report["volume_ml"].ok
            area = 0.0
            for p in zone.polygons:
                x, y = p.T
                area += 0.5 * float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
            volume = area * float(np.ptp(mesh.vertices[:, 2])) / 1000.0
            assert report["volume_ml"].value == pytest.approx(volume, rel=1e-4)
            assert mesh.vertices[:, 2].min() < shape.bottom_mm[..., 2].min()
            assert mesh.vertices[:, 2].max() > shape.top_mm[..., 2].max()
    for left, right in zip(*pairs):
        assert np.sort(left.vertices[:, 1]) == pytest.approx(np.sort(-right.vertices[:, 1]), abs=1e-9)


def test_a_prism_keeps_its_holes() -> None:
    square = np.array([[0.0, 0.0], [20.0, 0.0], [20.0, 20.0], [0.0, 20.0]])
    hole = (square * 0.5 + 5.0)[::-1]
    for mirrored in (False, True):
        volume = check_mesh(prism((square, hole), -1.0, 9.0, mirrored))["volume_ml"]
        assert volume.value == pytest.approx((400 - 100) * 10 / 1000)


def test_without_loads_or_reliefs_there_are_no_zones_and_a_sheet_has_none() -> None:
    foot, shape = made()
    zoning = plan_zones(shape, foot)
    assert zoning.zones == () and "uncalibrated" in {note.code for note in zoning.notes}
    with pytest.raises(DesignError, match="sheet"):
        plan_zones(shape, foot, material="eva_35a")
    with pytest.raises(DesignError, match="top_layers"):
        plan_zones(shape, foot, top_layers=99)
    with pytest.raises(DesignError, match="density"):
        PrintSettings(density=1.5)
