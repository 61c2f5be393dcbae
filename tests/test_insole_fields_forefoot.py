"""The forefoot's fields: each moves the finished solid by what it says (the others: test_insole_fields)."""

from __future__ import annotations

import numpy as np
import pytest
from insole_made import FOOT, LENGTH, Made, any_foot, grid, made, plain, rise

from footscan.types import Array, Foot, Footprint, replace
from insole import DesignError
from insole.anatomy import anatomy
from insole.fields import FIELDS

# ------------------------------------------------------------------ forefoot


@pytest.mark.parametrize("shape", ["narrow", "wide", "bar"])
def test_met_pad_height_mm_moves_up_behind_the_heads(shape: str, rng: np.random.Generator) -> None:
    foot = any_foot(rng)
    where, bare = anatomy(foot), Made(foot)
    x, y = float(where.mth_x(where.heads[2, 1])), float(where.heads[2, 1])
    points = grid((x - 0.27 * where.length_mm, x + 10.0), (y - 14.0, y + 20.0), 2.0)
    for pad in (2.0, 6.0):
        added = rise(Made(foot, met_pad_height_mm=pad, met_pad_shape=shape), bare, points)
        assert np.nanmax(added) == pytest.approx(pad, abs=0.1) and np.nanmin(added) > -0.01
        behind = where.mth_x(points[:, 1]) - points[:, 0]
        assert np.nanmax(added[behind < 3.5]) < 0.15 * pad  # its front edge lies 5 mm behind the line


def test_met_pad_shape_moves_its_breadth() -> None:
    y = np.arange(-36.0, 40.0, 1.0)
    x = anatomy(FOOT).mth_x(y) - 22.0
    over = {}
    for shape in ("narrow", "wide", "bar"):
        added = rise(made(met_pad_height_mm=4.0, met_pad_shape=shape), plain(), np.column_stack([x, y]))
        over[shape] = float((added > 1.5).sum())
    assert 10.0 < over["narrow"] < over["wide"] - 4.0 and over["wide"] < over["bar"] - 8.0


@pytest.mark.parametrize("shape", ["narrow", "wide", "bar"])
def test_met_pad_offset_mm_moves_it_back(shape: str) -> None:
    line = np.column_stack([np.arange(110.0, 190.0, 0.5), np.full(160, anatomy(FOOT).heads[2, 1])])
    at = []
    for offset in (5.0, 12.0):
        pad = made(met_pad_height_mm=4.0, met_pad_shape=shape, met_pad_offset_mm=offset)
        at.append(line[np.argmax(rise(pad, plain(), line)), 0])
    assert at[0] - at[1] == pytest.approx(7.0, abs=1.0)


def test_met_bar_front_mm_moves_the_bars_front_edge() -> None:
    front = [[160.0, -40.0], [172.0, 0.0], [170.0, 40.0]]
    bar = made(met_pad_height_mm=4.0, met_pad_shape="bar", met_bar_front_mm=front)
    assert "bar_without_pressure_map" not in {note.code for note in bar.design.notes}
    for y in (-20.0, 0.0, 20.0):
        x = np.arange(110.0, 185.0, 0.5)
        added = rise(bar, plain(), np.column_stack([x, np.full(len(x), y)]))
        edge = float(np.interp(y, [-40.0, 0.0, 40.0], [160.0, 172.0, 170.0]))
        assert x[added > 0.02].max() == pytest.approx(edge, abs=1.5) and added.max() == pytest.approx(4.0, abs=0.1)


def test_first_ray_cutout_moves_the_first_head_down_to_the_minimum() -> None:
    heads = anatomy(FOOT).heads
    cut = made(first_ray_cutout=True)
    assert cut.thickness(*heads[0]) == pytest.approx(1.2, abs=0.02)
    assert rise(cut, plain(), heads[2:]) == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize(("field", "head"), [("morton_extension_mm", 0), ("reverse_morton_mm", 2)])
def test_morton_moves_the_first_ray_or_the_others(field: str, head: int) -> None:
    heads = anatomy(FOOT).heads
    added = rise(made(**{field: 3.0}), plain(), heads)
    assert added[head] == pytest.approx(3.0, abs=0.05) and added[0 if head else 3] == pytest.approx(0.0, abs=0.05)


def without_hallux(foot: Foot) -> Foot:
    """The same foot, its great toe missing."""

    def cut(polygon: Array) -> Array:
        x, y = polygon.T
        return np.column_stack([np.where((y > 4.0) & (x > 0.80 * LENGTH), 0.80 * LENGTH, x), y])

    prints = tuple(Footprint(tuple(cut(p) for p in f.polygons), f.height_mm, f.method) for f in foot.footprints)
    return replace(foot, footprints=prints)


def test_toe_filler_moves_up_where_toes_are_missing_and_stays_clear_of_the_others() -> None:
    foot = without_hallux(FOOT)
    bare, filled = Made(foot), Made(foot, toe_filler=True)
    assert rise(filled, bare, np.array([[0.90 * LENGTH, 20.0]])) == pytest.approx(12.0, abs=0.2)
    under = np.abs(rise(filled, bare, grid((24.0, 0.80 * LENGTH), (-27.0, 28.0), 9.0)))
    assert np.nanmax(under) < 0.02  # under the foot itself
    assert np.abs(rise(filled, bare, grid((0.82 * LENGTH, 0.95 * LENGTH), (-18.0, 3.0), 3.0))).max() < 0.3
    with pytest.raises(DesignError, match="shoe_forefoot_depth_mm at least"):
        Made(foot, toe_filler=True, shoe_forefoot_depth_mm=4.5)
    low = Made(foot, toe_filler=True, shoe_forefoot_depth_mm=10.0)  # 2 mm insole, 2 mm cover, 6 mm left
    assert rise(low, bare, np.array([[0.90 * LENGTH, 20.0]])) == pytest.approx(6.0, abs=0.2)


RELIEFS = [name for name in FIELDS if name.startswith("relief_")]


@pytest.mark.parametrize("name", RELIEFS)
def test_relief_moves_half_a_millimetre_a_point_and_says_the_rest(name: str) -> None:
    thick = {"base_thickness_mm": 4.0, "forefoot_thickness_mm": 3.0, "cover_thickness_mm": 1.0}
    where = anatomy(FOOT)
    kind, number = name[7:10], int(name[-1]) - 1 if name[-1].isdigit() else 0
    half = 0.5 * (plain().extent(0.42 * LENGTH)[1] - plain().extent(0.42 * LENGTH)[0])
    middle = {
        "mth": where.heads[number], "toe": where.toes[number],
        "bas": np.array([0.40 * LENGTH, -0.72 * half]), "nav": np.array([0.43 * LENGTH, 0.72 * half]),
    }[kind]  # fmt: skip
    bare, relieved = made(**thick), made(**thick, **{name: 3.0})
    found = relieved.design.reliefs[name]
    assert found.depth_mm + found.softening_mm == pytest.approx(1.5)
    if kind != "toe":  # towards the front edge the insole is thinner
        assert found.depth_mm == pytest.approx(1.5)
    assert rise(relieved, bare, grid(*[(m - 6.0, m + 6.0) for m in middle])).min() == pytest.approx(
        -found.depth_mm, abs=0.05
    )
