"""One test a field: each moves the finished solid by what it says. Upright rays through the STL, known feet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import test_insole_fields_forefoot
from insole_feet import height as sole_height
from insole_feet import make_foot
from insole_made import ACROSS, LENGTH, SEAT_X, Made, any_foot, grid, made, plain, rise

from footscan.types import Array
from insole.anatomy import anatomy
from insole.fields import FIELDS

#: what is counted in rules or kept with the order, and moves nothing
NO_SHAPE = {
    *("nozzle_mm", "cover_material", "shoe_type", "shoe_size", "shoe_counter_height_mm", "stock_insole_removed"),
    *("stock_insole_thickness_mm", "body_mass_kg", "sex", "birth_year", "activity", "sensation", "risk", "open_wound"),
    *("prescriber", "reviewed_by"),
}
#: fields whose test bears another's name
WITH = {
    "stock_points_mm": "outline_moves", "outline_points_mm": "outline_moves", "shoe_forefoot_depth_mm": "toe_filler",
    "outline_offset_heel_mm": "outline_offset", "outline_offset_waist_mm": "outline_offset",
    "outline_offset_ball_mm": "outline_offset", "medial_skive_mm": "skive", "lateral_skive_mm": "skive",
    "medial_edge_mm": "edge", "lateral_edge_mm": "edge", "morton_extension_mm": "morton",
    "reverse_morton_mm": "morton", "forefoot_thickness_mm": "base_thickness_mm",
}  # fmt: skip


def test_each_field_that_makes_shape_has_its_test() -> None:
    for name in FIELDS:
        if name not in NO_SHAPE:
            test = "relief" if name.startswith("relief_") else WITH.get(name, f"{name}_moves")
            known = {**globals(), **vars(test_insole_fields_forefoot)}
            assert any(one.startswith(f"test_{test}") for one in known), name


# ------------------------------------------------------------------ outline


def test_length_moves_the_front_end(rng: np.random.Generator) -> None:
    foot = any_foot(rng)
    where = anatomy(foot)
    rear, front = Made(foot).ends()
    assert rear == pytest.approx(4.5, abs=0.5) and front == pytest.approx(where.length_mm + 10.0, abs=0.5)
    for length, share in (("three_quarter", -0.03), ("sulcus", 0.085)):
        line = Made(foot, length=length).design.outline_mm
        ahead = line[:, 0] - where.mth_x(line[:, 1])
        assert ahead.max() == pytest.approx(share * where.length_mm, abs=1.5)
        # straight along the line of the heads in the middle of the front edge
        middle = ahead[(np.abs(line[:, 1] - where.heads[2, 1]) < 10.0) & (line[:, 0] > 0.5 * where.length_mm)]
        assert np.ptp(middle) < 2.5
        assert line[:, 0].min() == pytest.approx(4.5, abs=0.5)


def oval(middle: float, half: float) -> list[list[float]]:
    t = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    points: list[list[float]] = np.column_stack([140.0 + 130.0 * np.cos(t), middle + half * np.sin(t)]).tolist()
    return points


def test_outline_moves_to_the_last_before_the_stock_insole_before_the_foot() -> None:
    last, stock = oval(4.0, 38.0), oval(3.0, 42.0)
    for asked, middle, half in (
        ({"outline": "last", "outline_points_mm": last, "stock_points_mm": stock}, 4.0, 38.0),
        ({"outline": "stock", "stock_points_mm": stock}, 3.0, 42.0),
    ):
        line = made(**asked).design.outline_mm
        off = np.abs(np.hypot((line[:, 0] - 140.0) / 130.0, (line[:, 1] - middle) / half) - 1.0)
        assert off.max() < 0.05 and line[:, 0].min() == pytest.approx(10.0, abs=0.2)


OFFSETS = {"heel": (0.16, 3.0), "waist": (0.43, -4.0), "ball": (0.70, 2.0)}


@pytest.mark.parametrize("part", OFFSETS)
def test_outline_offset_moves_a_side_where_it_says_and_leaves_the_ends(part: str) -> None:
    wide = made(**{f"outline_offset_{part}_mm": OFFSETS[part][1]})
    for other, (station, offset) in OFFSETS.items():
        low, high = wide.extent(station * LENGTH)
        low0, high0 = plain().extent(station * LENGTH)
        expected = offset if other == part else 0.0
        assert high - high0 == pytest.approx(expected, abs=0.3) and low0 - low == pytest.approx(expected, abs=0.3)
    assert wide.ends() == pytest.approx(plain().ends(), abs=0.1)


@pytest.mark.parametrize("extra", [0.0, 4.0, 20.0])
def test_extra_length_mm_moves_the_front_end_alone(extra: float) -> None:
    rear, front = made(extra_length_mm=extra).ends()
    assert front == pytest.approx(LENGTH + extra, abs=0.5) and rear == pytest.approx(4.5, abs=0.5)


# ------------------------------------------------------------------ heel


@pytest.mark.parametrize("depth", [6.0, 12.0, 24.0])
@pytest.mark.parametrize("sole", ["measured", "capped"])
def test_heel_cup_depth_mm_moves_the_rim(depth: float, sole: str, rng: np.random.Generator) -> None:
    foot = any_foot(rng, sole=sole)
    heel, length = Made(foot, heel_cup_depth_mm=depth), anatomy(foot).length_mm
    low = heel.lowest()
    for station in (0.12, 0.16, 0.21):
        assert heel.rim(station * length, True) - low == pytest.approx(depth, abs=0.2)
        assert heel.rim(station * length, False) - low == pytest.approx(depth, abs=0.2)
    rear = np.nanmax(heel.tops(np.arange(-6.0, 12.0, 0.2), anatomy(foot).heel_y_mm))
    assert rear - low == pytest.approx(depth, abs=0.2)


def test_heel_cup_depth_mm_of_nothing_leaves_a_flat_heel() -> None:
    assert np.nanmax(made(heel_cup_depth_mm=0.0).tops(SEAT_X, ACROSS)) == pytest.approx(3.0, abs=0.02)


def test_heel_expansion_mm_moves_the_cups_walls_apart() -> None:
    def inside(heel: Made) -> float:
        y = np.arange(-45.0, 45.0, 0.1)
        return float(np.ptp(y[heel.tops(SEAT_X, y) - heel.lowest() < 6.0]))

    for expansion in (2.0, 4.0):
        wider = inside(made(heel_expansion_mm=expansion)) - inside(plain())
        assert wider == pytest.approx(2.0 * expansion, abs=0.5)


@pytest.mark.parametrize("depth", [4.0, 6.0])
@pytest.mark.parametrize(("field", "side"), [("medial_skive_mm", 1.0), ("lateral_skive_mm", -1.0)])
def test_skive_moves_a_15_degree_plane_up_by_its_depth(field: str, side: float, depth: float) -> None:
    cup = 14.0 if depth <= 5 else 20.0
    skived, bare = made(**{field: depth}, heel_cup_depth_mm=cup), made(heel_cup_depth_mm=cup)
    y = np.arange(-27.0, 27.1, 0.25)
    added = rise(skived, bare, np.column_stack([np.full(len(y), SEAT_X), y]))
    assert added.max() == pytest.approx(depth, abs=0.1) and added.min() > -0.01
    assert abs(added[side * y < 0]).max() < depth / 2
    plane = added > 0.3 * depth
    slope = np.polyfit(y[plane], skived.tops(SEAT_X, y[plane]), 1)[0]
    assert np.degrees(np.arctan(side * slope)) == pytest.approx(15.0, abs=0.5)


def test_heel_spur_relief_moves_a_shallow_dimple() -> None:
    points = grid((30.0, 62.0), (-8.0, 18.0))
    assert rise(made(heel_spur_relief=True), plain(), points).min() == pytest.approx(-1.8, abs=0.05)  # 3 above 1.2 mm
    thick = made(heel_spur_relief=True, base_thickness_mm=5.0)
    dimple = rise(thick, made(base_thickness_mm=5.0), points)
    assert dimple.min() == pytest.approx(-2.0, abs=0.05) and dimple.max() < 0.01


@pytest.mark.parametrize("lift", [3.0, 6.0, 10.0])
def test_heel_lift_mm_moves_the_rear_quarter_and_is_gone_at_the_heads(lift: float, rng: np.random.Generator) -> None:
    foot = any_foot(rng)
    length, y = anatomy(foot).length_mm, anatomy(foot).heel_y_mm
    lifted, bare = Made(foot, heel_lift_mm=lift), Made(foot)
    rear = grid((0.05 * length, 0.25 * length), (y - 12.0, y + 13.0), 6.0)
    assert rise(lifted, bare, rear) == pytest.approx(lift, abs=0.05)
    front = np.column_stack([np.linspace(0.75, 0.95, 6) * length, np.full(6, 5.0)])
    assert rise(lifted, bare, front) == pytest.approx(0.0, abs=0.01)
    ramp = rise(lifted, bare, np.column_stack([np.linspace(0.25, 0.70, 20) * length, np.full(20, y)]))
    assert (np.diff(ramp) < 0.01).all()


# ------------------------------------------------------------------ posts


@pytest.mark.parametrize("kind", ["extrinsic", "intrinsic"])
@pytest.mark.parametrize("angle", [4.0, -4.0, 1.5])
def test_rearfoot_post_deg_moves_the_heel_cup_plane(angle: float, kind: str, rng: np.random.Generator) -> None:
    foot = any_foot(rng)
    x, middle = 0.16 * anatomy(foot).length_mm, anatomy(foot).heel_y_mm
    posted, bare = Made(foot, rearfoot_post_deg=angle, post_type=kind), Made(foot)
    low, high = bare.extent(x)
    y = 0.5 * (low + high) + np.linspace(-0.3, 0.3, 41) * (high - low)  # the middle 60 % of the width

    def tilt(heel: Made) -> float:
        return float(np.degrees(np.arctan(np.polyfit(y, heel.tops(x, y), 1)[0])))

    assert tilt(bare) == pytest.approx(0.0, abs=0.05) and tilt(posted) == pytest.approx(angle, abs=0.1)
    # its low edge adds nothing: there the base is as thick as without
    expected = np.tan(np.radians(abs(angle))) * abs((low if angle > 0 else high) - middle)
    assert posted.top(x, middle) - bare.top(x, middle) == pytest.approx(expected, abs=0.1)


def test_post_type_moves_the_rim_or_leaves_it_upright() -> None:
    posted = made(rearfoot_post_deg=4.0, post_type="intrinsic")
    assert posted.rim(SEAT_X, True) == pytest.approx(plain().rim(SEAT_X, True), abs=0.05)
    assert made(rearfoot_post_deg=4.0).rim(SEAT_X, True) > plain().rim(SEAT_X, True) + 3.5


@pytest.mark.parametrize("angle", [2.0, -3.0])
def test_forefoot_post_deg_moves_the_line_of_the_heads(angle: float, rng: np.random.Generator) -> None:
    foot = any_foot(rng)
    y = np.linspace(-30.0, 30.0, 31) + 0.5 * float(anatomy(foot).mth1[1] + anatomy(foot).mth5[1])
    points = np.column_stack([anatomy(foot).mth_x(y), y])
    added = rise(Made(foot, forefoot_post_deg=angle), Made(foot), points)
    assert np.degrees(np.arctan(np.polyfit(y, added, 1)[0])) == pytest.approx(angle, abs=0.1)
    assert added.min() > -1e-6


# ------------------------------------------------------------------ arch, edges


@pytest.mark.parametrize("offset", [3.0, -3.0])
def test_arch_offset_mm_moves_the_arch_and_not_the_seat(offset: float) -> None:
    points = grid((0.40 * LENGTH, 0.50 * LENGTH), (15.0, 20.0), 3.0)
    assert rise(made(arch_offset_mm=offset), plain(), points) == pytest.approx(offset, abs=0.1)
    seat = grid((20.0, 0.19 * LENGTH), (-10.0, 11.0), 5.0)
    assert rise(made(arch_offset_mm=offset), plain(), seat) == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize(("field", "medial"), [("medial_edge_mm", True), ("lateral_edge_mm", False)])
def test_edge_moves_its_side_of_the_midfoot(field: str, medial: bool) -> None:
    x = 0.43 * LENGTH
    for asked in (2.0, 3.0, 6.0):
        edged = made(**{field: asked})
        assert edged.rim(x, medial) - plain().rim(x, medial) == pytest.approx(asked, abs=0.1)
        assert edged.rim(x, not medial) - plain().rim(x, not medial) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("flange", [8.0, 15.0])
def test_medial_flange_mm_moves_a_wall_up_beside_the_arch(flange: float) -> None:
    x, walled = 0.45 * LENGTH, made(medial_flange_mm=flange)
    assert walled.rim(x, True) - plain().rim(x, True) == pytest.approx(flange, abs=0.1)
    assert rise(walled, plain(), grid((100.0, 130.0), (-20.0, 5.0), 5.0)) == pytest.approx(0.0, abs=0.02)


def test_cuboid_pad_mm_moves_a_low_pad() -> None:
    points = grid((95.0, 125.0), (-24.0, 0.0))
    for pad in (1.0, 3.0):
        assert rise(made(cuboid_pad_mm=pad), plain(), points).max() == pytest.approx(pad, abs=0.1)


def test_fascia_groove_mm_moves_a_groove_down() -> None:
    points = grid((90.0, 120.0), (0.0, 24.0), 1.0)
    for depth in (0.8, 1.5):
        groove = rise(made(fascia_groove_mm=depth), plain(), points)
        assert groove.min() == pytest.approx(-depth, abs=0.05) and groove.max() < 0.01


# ------------------------------------------------------------------ thickness, cover


@pytest.mark.parametrize(("base", "fore"), [(3.0, 2.0), (5.0, 3.0), (1.5, 1.2)])
def test_base_thickness_mm_moves_heel_and_forefoot_thickness_mm_the_front(base: float, fore: float) -> None:
    flat = made(base_thickness_mm=base, forefoot_thickness_mm=fore, cover_thickness_mm=1.0, heel_cup_depth_mm=0.0)
    for x, y in ((0.10, 0.0), (0.16, 0.0), (0.22, -5.0)):
        assert flat.thickness(x * LENGTH, y) == pytest.approx(base, abs=0.05)
    for x, y in ((0.76, 0.0), (0.78, 20.0), (0.80, -10.0)):
        assert flat.thickness(x * LENGTH, y) == pytest.approx(fore, abs=0.05)


@pytest.mark.parametrize("least", [1.2, 1.8])
def test_min_thickness_mm_moves_the_feathered_front_edge(least: float) -> None:
    edge = made(min_thickness_mm=least)
    tip = edge.design.outline_mm[np.argmax(edge.design.outline_mm[:, 0])]
    back = np.array([2.0, 4.0, 6.0, 8.0, 10.0, 14.0, 20.0])
    thickness = np.array([edge.thickness(tip[0] - b, tip[1]) for b in back])
    assert (np.diff(thickness) > -0.01).all() and thickness[-1] == pytest.approx(2.0, abs=0.02)
    assert least - 0.05 <= thickness[0] < least + 0.2


def test_cover_thickness_mm_moves_the_shape_above_the_base_and_never_the_base() -> None:
    """Above the base stands the sole's height less the cover's thickness (the lowest heel point is 0)."""
    x, y = 0.45 * LENGTH, np.array([8.0, 12.0, 16.0])
    sole = sole_height(np.full(3, x), y, LENGTH, 98.0, 16.0)
    for cover in (0.0, 2.0, 3.0):
        covered = made(cover_thickness_mm=cover, shoe_forefoot_depth_mm=5.0)
        assert covered.tops(x, y) == pytest.approx(3.0 + sole - cover, abs=0.5)  # smoothed over 3 mm
        assert covered.lowest() == pytest.approx(3.0, abs=0.05)


def test_cover_length_moves_nothing_behind_its_end_and_gives_the_forefoot_its_room_back() -> None:
    whole, short = made(cover_thickness_mm=2.0), made(cover_thickness_mm=2.0, cover_length="three_quarter")
    behind = grid((0.15 * LENGTH, 0.58 * LENGTH), (-15.0, 20.0), 8.0)
    assert rise(short, whole, behind) == pytest.approx(0.0, abs=0.01)
    assert rise(short, whole, grid((0.15 * LENGTH, 0.95 * LENGTH), (-15.0, 20.0), 8.0)).min() > -0.01
    made(cover_thickness_mm=3.0, cover_length="three_quarter")  # 5 mm, but not in the forefoot


# ------------------------------------------------------------------ bed


def through(a: Made, b: Made, rng: np.random.Generator) -> Array:
    """Thickness of two solids of one grid at the same nodes, upright (n, 2)."""
    rows, columns = a.design.thickness_mm.shape
    found = []
    for i, j in zip(rng.integers(20, rows - 20, 40), rng.integers(14, columns - 14, 40)):
        places = [m.design.top_mm[i, j, :2] + [1e-4, 1e-4] for m in (a, b)]
        found.append([m.thickness(*xy) for m, xy in zip((a, b), places)])
    return np.array(found)


@pytest.mark.parametrize("pitch", [10.0, 20.0, 40.0])
def test_shoe_pitch_mm_moves_the_heel_up_and_no_thickness(pitch: float, rng: np.random.Generator) -> None:
    pitched = made(shoe_pitch_mm=pitch, heel_cup_depth_mm=0.0, arch_offset_mm=-3.2)
    flat = made(heel_cup_depth_mm=0.0, arch_offset_mm=-3.2)
    fall = pitched.bottom(0.10 * LENGTH, -12.0) - pitched.bottom(0.80 * LENGTH, -12.0)
    assert fall == pytest.approx(pitch, abs=0.05) and pitched.mesh.vertices[:, 2].min() == 0.0
    assert pitched.design.thickness_mm == pytest.approx(flat.design.thickness_mm, abs=1e-9)
    thickness = through(flat, pitched, rng)
    assert np.abs(thickness[:, 0] - thickness[:, 1]).max() < 0.05


def test_bed_points_mm_moves_the_insole_onto_the_measured_bed() -> None:
    bed = [
        [-20.0, 24.0],
        [0.0, 23.0],
        [40.0, 22.0],
        [90.0, 14.0],
        [140.0, 4.0],
        [185.0, 0.0],
        [240.0, 1.0],
        [290.0, 4.0],
    ]
    on = made(bed_points_mm=bed, shoe_pitch_mm=20.0)
    x = np.array([50.0, 90.0, 120.0, 190.0, 240.0])
    found = np.array([on.bottom(a, -16.0) for a in x])
    assert np.ptp(found - np.interp(x, *np.array(bed).T)) < 1.0  # the bed's corners are smoothed
    assert on.design.thickness_mm == pytest.approx(plain().design.thickness_mm, abs=1e-9)
    assert "pitch_differs" not in {note.code for note in on.design.notes}
    # the bed decides, also above what a pitch alone may ask; where they differ it is said
    high: list[Any] = [[x, 2.5 * z] for x, z in bed]
    for pitch, said in ((52.0, False), (10.0, True)):
        heels = made(bed_points_mm=high, shoe_pitch_mm=pitch)
        assert ("pitch_differs" in {note.code for note in heels.design.notes}) == said
        assert heels.bottom(50.0, -16.0) - heels.bottom(180.0, -16.0) == pytest.approx(50.0, abs=2.5)


# ------------------------------------------------------------------ label


def test_label_moves_a_recess_into_the_underside() -> None:
    blank, named = made(), made(label="AB 12")
    depth = np.array([named.bottom(x, y) - blank.bottom(x, y) for x, y in grid((105.0, 170.0), (0.0, 22.0), 0.7)])
    assert depth.max() == pytest.approx(0.4, abs=0.02) and depth.min() > -1e-6 and 0.03 < (depth > 0.2).mean() < 0.3


def test_each_side_has_its_own_insole() -> None:
    left = Made(make_foot(side="left"))
    assert left.rim(0.45 * LENGTH, False) > left.rim(0.45 * LENGTH, True) + 4.0  # the arch of a left foot lies at −y
