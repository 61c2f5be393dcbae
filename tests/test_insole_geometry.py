"""Each field moves the finished solid by what it says: upright rays through the STL, on feet of known shape."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from insole_feet import make_foot
from insole_rays import Rays, read_stl

from footscan.types import Array
from insole import DesignError, InsoleDesign, InsolePrescription, design, solid, stl_bytes
from insole.anatomy import anatomy

LENGTH = 262.0
FOOT = make_foot(length=LENGTH)
ACROSS = np.arange(-60.0, 60.0, 0.5)
SEAT_X = 0.16 * LENGTH


class Made(Rays):
    """The rays of one prescription's solid on a flat bed (pitch 0 unless asked)."""

    def __init__(self, foot: Any, **asked: Any) -> None:
        asked.setdefault("shoe_pitch_mm", 0.0)
        self.design: InsoleDesign = design(foot, InsolePrescription(**asked))
        self.mesh = solid(self.design)
        super().__init__(read_stl(stl_bytes(self.mesh)))

    def lowest(self) -> float:
        """The lowest point of the heel's top."""
        x, y = np.meshgrid(np.arange(8.0, 64.0, 4.0), np.arange(-20.0, 20.5, 4.0))
        return float(np.nanmin(self.tops(x.ravel(), y.ravel())))

    def rim(self, x: float, medial: bool) -> float:
        """The highest point of one edge at a station."""
        return float(np.nanmax(self.tops(x, ACROSS[ACROSS > 8.0] if medial else ACROSS[ACROSS < -8.0])))

    def tilt(self, x: float, half: float) -> float:
        """Angle (deg) of the top across, by a line through the middle."""
        y = np.linspace(-half, half, 41)
        return float(np.degrees(np.arctan(np.polyfit(y, self.tops(x, y), 1)[0])))

    def width(self, x: float) -> float:
        """Width of the underside at a station."""
        return float(self.extent(x)[1] - self.extent(x)[0])

    def extent(self, x: float) -> tuple[float, float]:
        line = self.design.outline_mm
        near = np.abs(line[:, 0] - x) < 1.0
        return float(line[near, 1].min()), float(line[near, 1].max())


@cache
def plain() -> Made:
    return Made(FOOT)


def made(**asked: Any) -> Made:
    return Made(FOOT, **asked)


def rise(a: Made, b: Made, points: Array) -> Array:
    """How much higher a's top lies than b's."""
    return np.array([a.top(x, y) - b.top(x, y) for x, y in points])


def grid(x: tuple[float, float], y: tuple[float, float], step: float = 2.0) -> Array:
    xs, ys = np.meshgrid(np.arange(*x, step), np.arange(*y, step), indexing="ij")
    return np.column_stack([xs.ravel(), ys.ravel()])


# ------------------------------------------------------------------ outline


def test_ends_lie_where_the_rule_puts_them() -> None:
    line = plain().design.outline_mm
    assert abs(line[:, 0].min() - 4.5) < 0.1
    assert abs(line[:, 0].max() - (LENGTH + 10.0)) < 0.1
    pitched = made(shoe_pitch_mm=10.0, extra_length_mm=4.0).mesh.vertices
    assert abs(pitched[pitched[:, 2] < 11.0, 0].min() - 4.5) < 0.5
    assert abs(pitched[:, 0].max() - (LENGTH + 4.0)) < 0.5


@pytest.mark.parametrize(("length", "front"), [("three_quarter", -0.03), ("sulcus", 0.085)])
def test_short_lengths_end_along_the_line_of_the_heads(length: str, front: float) -> None:
    line, where = made(length=length).design.outline_mm, anatomy(FOOT)
    ahead = (line[:, 0] - where.mth_x(line[:, 1])) / LENGTH
    assert abs(ahead.max() - front) < 0.01
    middle = line[np.abs(line[:, 1] - 5.0) < 12.0]  # straight across the middle of the front edge
    assert np.ptp((middle[:, 0] - where.mth_x(middle[:, 1]))[middle[:, 0] > 100.0]) < 2.0


def test_offsets_widen_a_side_where_they_say_and_leave_the_ends() -> None:
    wide = made(outline_offset_heel_mm=3.0, outline_offset_waist_mm=-4.0, outline_offset_ball_mm=2.0)
    for station, offset in ((0.16, 3.0), (0.43, -4.0), (0.70, 2.0)):
        low, high = wide.extent(station * LENGTH)
        low0, high0 = plain().extent(station * LENGTH)
        assert high - high0 == pytest.approx(offset, abs=0.3) and low - low0 == pytest.approx(-offset, abs=0.3)
    assert wide.design.outline_mm[:, 0].min() == pytest.approx(4.5, abs=0.1)


def test_a_lasts_polygon_is_followed() -> None:
    t = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    oval = np.column_stack([140.0 + 130.0 * np.cos(t), 4.0 + 38.0 * np.sin(t)])
    line = made(outline="last", outline_points_mm=oval.tolist()).design.outline_mm
    off = np.abs(np.hypot((line[:, 0] - 140.0) / 130.0, (line[:, 1] - 4.0) / 38.0) - 1.0)
    assert off.max() < 0.05 and line[:, 0].min() == pytest.approx(10.0, abs=0.2)
    knot = oval[np.argsort(np.sin(7 * t))]
    with pytest.raises(DesignError, match="turns back"):
        made(outline="last", outline_points_mm=knot.tolist())


# ------------------------------------------------------------------ heel


@pytest.mark.parametrize("depth", [6.0, 12.0, 24.0])
@pytest.mark.parametrize("sole", ["measured", "capped"])
def test_the_cups_rim_stands_that_high_above_the_lowest_heel_point(depth: float, sole: str) -> None:
    heel = Made(make_foot(sole=sole), heel_cup_depth_mm=depth)
    low = heel.lowest()
    for x in (30.0, SEAT_X, 55.0):
        assert heel.rim(x, True) - low == pytest.approx(depth, abs=0.2)
        assert heel.rim(x, False) - low == pytest.approx(depth, abs=0.2)
    rear = np.nanmax(heel.tops(np.arange(-6.0, 12.0, 0.2), 0.0))
    assert rear - low == pytest.approx(depth, abs=0.2)


def test_a_cup_of_nothing_leaves_a_flat_heel() -> None:
    flat = made(heel_cup_depth_mm=0.0)
    assert np.nanmax(flat.tops(SEAT_X, ACROSS)) == pytest.approx(3.0, abs=0.02)


@pytest.mark.parametrize("kind", ["extrinsic", "intrinsic"])
@pytest.mark.parametrize("angle", [4.0, -4.0, 1.5])
def test_a_rearfoot_post_tilts_the_heel_cup_plane(angle: float, kind: str) -> None:
    posted = made(rearfoot_post_deg=angle, post_type=kind)
    low, high = plain().extent(SEAT_X)
    half = 0.6 * 0.5 * (high - low)
    assert plain().tilt(SEAT_X, half) == pytest.approx(0.0, abs=0.05)
    assert posted.tilt(SEAT_X, half) == pytest.approx(angle, abs=0.1)
    # its low edge adds nothing: there the base is as thick as without
    edge, middle = (low, 0.0) if angle > 0 else (high, 0.0)
    expected = np.tan(np.radians(abs(angle))) * abs(edge - middle)
    assert posted.top(SEAT_X, middle) - plain().top(SEAT_X, middle) == pytest.approx(expected, abs=0.1)


def test_an_intrinsic_post_leaves_the_rim_upright() -> None:
    posted = made(rearfoot_post_deg=4.0, post_type="intrinsic")
    assert posted.rim(SEAT_X, True) == pytest.approx(plain().rim(SEAT_X, True), abs=0.05)
    assert made(rearfoot_post_deg=4.0).rim(SEAT_X, True) > plain().rim(SEAT_X, True) + 3.5


@pytest.mark.parametrize("angle", [2.0, -3.0])
def test_a_forefoot_post_tilts_the_line_of_the_heads(angle: float) -> None:
    y = np.linspace(-30.0, 30.0, 31)
    points = np.column_stack([anatomy(FOOT).mth_x(y), y])
    added = rise(made(forefoot_post_deg=angle), plain(), points)
    assert np.degrees(np.arctan(np.polyfit(y, added, 1)[0])) == pytest.approx(angle, abs=0.1)
    assert added.min() > -1e-6


def test_a_lift_raises_the_rear_quarter_and_is_gone_at_the_heads() -> None:
    lifted = made(heel_lift_mm=6.0)
    rear = grid((10.0, 0.25 * LENGTH), (-12.0, 13.0), 6.0)
    assert rise(lifted, plain(), rear) == pytest.approx(6.0, abs=0.05)
    front = np.column_stack([np.linspace(0.74, 0.95, 6) * LENGTH, np.full(6, 5.0)])
    assert rise(lifted, plain(), front) == pytest.approx(0.0, abs=0.01)
    ramp = rise(lifted, plain(), np.column_stack([np.linspace(0.25, 0.70, 20) * LENGTH, np.zeros(20)]))
    assert (np.diff(ramp) < 0.01).all()


@pytest.mark.parametrize(("field", "side", "depth"), [("medial_skive_mm", 1.0, 4.0), ("lateral_skive_mm", -1.0, 6.0)])
def test_a_skive_is_a_15_degree_plane_raised_at_most_by_its_depth(field: str, side: float, depth: float) -> None:
    cup = 14.0 if depth <= 5 else 20.0
    skived, bare = made(**{field: depth}, heel_cup_depth_mm=cup), made(heel_cup_depth_mm=cup)
    y = np.arange(-27.0, 27.1, 0.25)
    added = rise(skived, bare, np.column_stack([np.full(len(y), SEAT_X), y]))
    assert added.max() == pytest.approx(depth, abs=0.1) and added.min() > -0.01
    assert abs(added[side * y < 0]).max() < depth / 2
    plane = added > 0.3 * depth
    slope = np.polyfit(y[plane], skived.tops(SEAT_X, y[plane]), 1)[0]
    assert np.degrees(np.arctan(side * slope)) == pytest.approx(15.0, abs=0.5)


def test_expansion_widens_the_cup_a_side() -> None:
    def inside(heel: Made) -> float:
        tops = heel.tops(SEAT_X, ACROSS)
        return float(np.ptp(ACROSS[tops - heel.lowest() < 6.0]))

    assert inside(made(heel_expansion_mm=3.0)) - inside(plain()) == pytest.approx(6.0, abs=1.0)


def test_a_spur_relief_is_a_shallow_dimple() -> None:
    dimple = rise(made(heel_spur_relief=True), plain(), grid((30.0, 62.0), (-8.0, 18.0)))
    assert dimple.min() == pytest.approx(-1.8, abs=0.05)  # 3 mm of base above 1.2 mm


# ------------------------------------------------------------------ arch, edges, pads


@pytest.mark.parametrize("offset", [3.0, -3.0])
def test_arch_offset_moves_the_arch(offset: float) -> None:
    points = grid((0.40 * LENGTH, 0.50 * LENGTH), (15.0, 20.0), 3.0)
    assert rise(made(arch_offset_mm=offset), plain(), points) == pytest.approx(offset, abs=0.1)
    seat = grid((20.0, 0.19 * LENGTH), (-10.0, 11.0), 5.0)
    assert rise(made(arch_offset_mm=offset), plain(), seat) == pytest.approx(0.0, abs=0.02)


def test_the_arch_is_the_foots_own_less_the_cover() -> None:
    """Above the base stands the sole's height less the cover's thickness (the lowest heel point is 0)."""
    from insole_feet import height

    x, y = 0.45 * LENGTH, np.array([8.0, 12.0, 16.0])
    sole = height(np.full(3, x), y, LENGTH, 98.0, 16.0)
    for cover in (0.0, 2.0, 3.0):
        room = 4.0 if cover <= 2 else 5.0
        tops = made(cover_thickness_mm=cover, shoe_forefoot_depth_mm=room).tops(x, y)
        assert tops == pytest.approx(3.0 + sole - cover, abs=0.5)  # smoothed over 3 mm


@pytest.mark.parametrize("height", [2.0, 6.0])
@pytest.mark.parametrize("shape", ["narrow", "wide", "bar"])
def test_a_met_pad_has_its_height_and_lies_behind_the_heads(shape: str, height: float) -> None:
    padded, points = made(met_pad_height_mm=height, met_pad_shape=shape), grid((112.0, 188.0), (-26.0, 30.0), 2.0)
    added = rise(padded, plain(), points)
    assert np.nanmax(added) == pytest.approx(height, abs=0.1) and np.nanmin(added) > -0.01
    behind = anatomy(FOOT).mth_x(points[:, 1]) - points[:, 0]
    assert np.nanmax(added[behind < 3.5]) < 0.15 * height  # its front edge lies 5 mm behind the line
    further = made(met_pad_height_mm=height, met_pad_shape=shape, met_pad_offset_mm=12.0)
    line = np.column_stack([np.arange(110.0, 190.0, 0.5), np.full(160, anatomy(FOOT).heads[2, 1])])
    at = [line[np.argmax(rise(pad, plain(), line)), 0] for pad in (padded, further)]
    assert at[0] - at[1] == pytest.approx(7.0, abs=1.0)


def test_raised_edges_and_flange_stand_that_much_higher() -> None:
    x = 0.43 * LENGTH
    edged = made(medial_edge_mm=3.0, lateral_edge_mm=2.0)
    assert edged.rim(x, True) - plain().rim(x, True) == pytest.approx(3.0, abs=0.1)
    assert edged.rim(x, False) - plain().rim(x, False) == pytest.approx(2.0, abs=0.1)
    flanged = made(medial_flange_mm=15.0)
    assert flanged.rim(0.45 * LENGTH, True) - plain().rim(0.45 * LENGTH, True) == pytest.approx(15.0, abs=0.1)
    assert rise(flanged, plain(), grid((100.0, 130.0), (-20.0, 5.0), 5.0)) == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize(("field", "head"), [("morton_extension_mm", 0), ("reverse_morton_mm", 2)])
def test_morton_raises_the_first_ray_or_the_others(field: str, head: int) -> None:
    heads = anatomy(FOOT).heads
    added = rise(made(**{field: 3.0}), plain(), heads)
    assert added[head] == pytest.approx(3.0, abs=0.05)
    assert added[0 if head else 3] == pytest.approx(0.0, abs=0.05)


def test_cuboid_pad_and_fascia_groove() -> None:
    points = grid((95.0, 125.0), (-24.0, 0.0))
    assert rise(made(cuboid_pad_mm=3.0), plain(), points).max() == pytest.approx(3.0, abs=0.1)
    points = grid((90.0, 120.0), (0.0, 24.0), 1.0)
    assert rise(made(fascia_groove_mm=1.5), plain(), points).min() == pytest.approx(-1.5, abs=0.05)
    with pytest.raises(DesignError) as caught:
        made(fascia_groove_mm=4.0, base_thickness_mm=2.0)
    assert 0 < caught.value.nearest < 4.0
    made(fascia_groove_mm=caught.value.nearest, base_thickness_mm=2.0)


# ------------------------------------------------------------------ thickness and reliefs


def test_base_and_forefoot_thickness_are_printed_material() -> None:
    for base, fore in ((3.0, 2.0), (5.0, 3.0), (1.5, 1.2)):
        flat = made(base_thickness_mm=base, forefoot_thickness_mm=fore, cover_thickness_mm=1.0, heel_cup_depth_mm=0.0)
        for x, y in ((0.10, 0.0), (0.16, 0.0), (0.22, -5.0)):
            assert flat.thickness(x * LENGTH, y) == pytest.approx(base, abs=0.05)
        for x, y in ((0.76, 0.0), (0.78, 20.0), (0.80, -10.0)):
            assert flat.thickness(x * LENGTH, y) == pytest.approx(fore, abs=0.05)


def test_a_relief_takes_half_a_millimetre_a_point_and_says_what_is_left_to_softening() -> None:
    thick = {"base_thickness_mm": 4.0, "forefoot_thickness_mm": 3.0, "cover_thickness_mm": 1.0}
    where = anatomy(FOOT)
    bare, relieved = made(**thick), made(**thick, relief_mth2=3.0, relief_toe1=6.0)
    assert rise(relieved, bare, where.heads[1:2]) == pytest.approx(-1.5, abs=0.02)
    head, toe = relieved.design.reliefs["relief_mth2"], relieved.design.reliefs["relief_toe1"]
    assert (head.depth_mm, head.softening_mm) == pytest.approx((1.5, 0.0), abs=0.01)
    assert toe.depth_mm + toe.softening_mm == pytest.approx(3.0) and 0.3 < toe.depth_mm < 1.8  # the edge is thinner
    assert rise(relieved, bare, where.toes[:1]) == pytest.approx(-toe.depth_mm, abs=0.02)


def test_reliefs_blend_over_8_mm_no_steeper_than_20_degrees() -> None:
    thick = {"base_thickness_mm": 6.0, "forefoot_thickness_mm": 4.0, "cover_thickness_mm": 0.0}
    bare, relieved = made(**thick), made(**thick, relief_mth3=10.0)
    x, y = anatomy(FOOT).heads[2]
    along = np.arange(-40.0, 40.0, 0.5)
    depth = rise(relieved, bare, np.column_stack([x + along, np.full(len(along), y)]))
    assert np.degrees(np.arctan(np.abs(np.diff(depth)).max() / 0.5)) < 20.5
    wall = along[(along > 0) & (depth < -0.01) & (depth > depth.min() + 0.01)]
    assert np.ptp(wall) >= 7.5 and np.abs(np.diff(depth)).max() < 0.5


def test_first_ray_cutout_leaves_the_minimum() -> None:
    x, y = anatomy(FOOT).heads[0]
    assert made(first_ray_cutout=True).thickness(x, y) == pytest.approx(1.2, abs=0.02)


def test_the_front_edge_feathers_to_the_minimum() -> None:
    tip = plain().design.outline_mm
    y = float(tip[np.argmax(tip[:, 0]), 1])
    front = LENGTH + 10.0
    back = np.array([2.0, 4.0, 6.0, 8.0, 10.0, 14.0, 20.0])
    thickness = np.array([plain().thickness(front - b, y) for b in back])
    assert (np.diff(thickness) > -0.01).all()
    assert 1.15 <= thickness[0] < 1.4 and thickness[-1] == pytest.approx(2.0, abs=0.02) and thickness[3] < 1.95


def test_the_rims_edge_has_a_radius_of_1_mm() -> None:
    y = np.array([np.arange(20.0, 40.0, 0.02)]).ravel()
    tops = plain().tops(SEAT_X, y)
    edge = y[np.isfinite(tops)].max()
    top = np.nanmax(tops)
    for inward in (0.2, 0.5, 1.0):
        drop = top - plain().top(SEAT_X, edge - inward)
        assert drop == pytest.approx(1.0 - np.sqrt(1.0 - (1.0 - inward) ** 2), abs=0.12)


# ------------------------------------------------------------------ bed


def test_pitch_raises_the_heel_and_changes_no_thickness() -> None:
    high = made(shoe_pitch_mm=20.0)
    assert high.bottom(0.10 * LENGTH, 0.0) - high.bottom(0.80 * LENGTH, 0.0) == pytest.approx(20.0, abs=0.05)
    assert high.mesh.vertices[:, 2].min() == 0.0
    flat, bent = plain().design, high.design
    before = flat.top_mm[..., 2] - flat.bottom_mm[..., 2]
    assert bent.thickness_mm == pytest.approx(flat.thickness_mm, abs=1e-9)
    for i, j in ((60, 40), (120, 50), (130, 70), (200, 45)):  # rays through the bent solid at the same nodes
        x, y = bent.bottom_mm[i, j, :2]
        assert high.thickness(x, y) == pytest.approx(before[i, j], abs=0.05)


def test_pitch_keeps_the_length_along_the_bed() -> None:
    for pitch in (0.0, 10.0, 40.0):
        bottom = made(shoe_pitch_mm=pitch).design.bottom_mm
        middle = bottom[:, bottom.shape[1] // 2][:, [0, 2]]
        assert np.hypot(*np.diff(middle, axis=0).T).sum() == pytest.approx(LENGTH + 10.0 - 4.5, abs=0.2)


# ------------------------------------------------------------------ what can't be


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({"rearfoot_post_deg": 8.0}, "rearfoot_post_deg"),
        ({"rearfoot_post_deg": -8.0}, "rearfoot_post_deg"),
        ({"forefoot_post_deg": 7.0}, "forefoot_post_deg"),
    ],
)
def test_a_post_that_builds_up_too_much_says_the_largest_that_fits(asked: dict[str, float], rule: str) -> None:
    with pytest.raises(DesignError) as caught:
        made(**asked)
    assert caught.value.rule == rule
    nearest = float(caught.value.nearest)
    assert np.sign(nearest) == np.sign(asked[rule]) and 2.0 < abs(nearest) < abs(asked[rule])
    made(**{rule: nearest})
    with pytest.raises(DesignError):
        made(**{rule: nearest + np.sign(nearest) * 0.2})


def test_a_cup_deeper_than_the_foot_is_refused() -> None:
    foot = make_foot()
    low = np.array(foot.cloud.points)
    low[:, 2] = 30.0
    shallow = type(foot)(
        cloud=type(foot.cloud)(low, frame="foot"),
        T_foot_scanner=foot.T_foot_scanner,
        landmarks=foot.landmarks,
        footprints=foot.footprints,
        sole=foot.sole,
        measurements=foot.measurements,
    )
    with pytest.raises(DesignError) as caught:
        Made(shallow, heel_cup_depth_mm=25.0)
    assert caught.value.rule == "heel_cup_depth_mm" and caught.value.nearest == 20.0
    Made(shallow, heel_cup_depth_mm=20.0)


def test_a_heel_too_high_for_the_counter_counts_the_post() -> None:
    made(shoe_counter_height_mm=40.0)
    with pytest.raises(DesignError, match="heel total"):
        made(shoe_counter_height_mm=40.0, rearfoot_post_deg=3.0)


def test_a_foot_without_side_length_or_print_is_refused() -> None:
    from footscan.types import FootMeasurements, Measure, replace

    with pytest.raises(DesignError, match="side"):
        Made(replace(FOOT, measurements=FootMeasurements(FOOT.measurements.values, "unknown")))
    with pytest.raises(DesignError, match="outline"):
        Made(replace(FOOT, footprints=()))
    nothing = {"foot_length_mm": Measure.missing("no toes")}
    with pytest.raises(DesignError, match="foot_length_mm"):
        Made(replace(FOOT, measurements=FootMeasurements(nothing, "left"), landmarks=type(FOOT.landmarks)({})))


# ------------------------------------------------------------------ soles that say less


@pytest.mark.parametrize("sole", ["capped", "missing"])
def test_without_a_sole_the_arch_is_a_populations_and_the_design_says_so(sole: str) -> None:
    foot = make_foot(sole=sole, arch=16.0)
    usual = Made(foot)
    assert "arch_from_population" in {note.code for note in usual.design.notes}
    assert usual.top(0.45 * LENGTH, 18.0) - usual.top(0.45 * LENGTH, -20.0) > 4.0
    # what lies under the lid changes nothing
    other = Made(make_foot(sole=sole, arch=26.0))
    assert other.mesh.vertices == pytest.approx(usual.mesh.vertices, abs=1e-6)
    # a foot whose dorsum is measured higher gets the higher arch
    high = Made(make_foot(sole=sole, arch_height_index=0.37))
    assert high.top(0.45 * LENGTH, 18.0) > usual.top(0.45 * LENGTH, 18.0) + 1.0


def test_holes_are_filled_from_around_them() -> None:
    whole, holed = plain(), Made(make_foot(sole="holes"))
    points = grid((0.14 * LENGTH, 0.56 * LENGTH), (-12.0, 20.0), 4.0)
    assert np.abs(rise(holed, whole, points)).max() < 2.5
    assert "sole_filled" in {note.code for note in holed.design.notes}


def test_scanner_noise_is_smoothed() -> None:
    noisy = Made(make_foot(noise=0.3))
    points = grid((0.10 * LENGTH, 0.60 * LENGTH), (-14.0, 18.0), 4.0)
    assert np.abs(rise(noisy, plain(), points)).max() < 0.3


def test_missing_landmarks_fall_back_on_usual_stations_and_say_so() -> None:
    from footscan.types import Landmarks, replace

    bare = Made(replace(FOOT, landmarks=Landmarks({})))
    assert "usual_stations" in {note.code for note in bare.design.notes}
    assert abs(bare.design.outline_mm[:, 0].max() - (LENGTH + 10.0)) < 0.5
