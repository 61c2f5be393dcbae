"""What holds for every shape: rounded edges, smooth joins, soles that say less, and requests that can't be met."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from insole_feet import contact, make_foot
from insole_made import FOOT, LENGTH, SEAT_X, Made, any_foot, grid, made, plain, rise
from scipy import ndimage

from footscan.types import Array, Foot, Footprint, Landmarks, PointCloud, replace
from insole import DesignError, InsolePrescription, bar_front, design
from insole.anatomy import anatomy

# ------------------------------------------------------------------ edges and joins


def opened(profile: Array, step: float, radius: float) -> Array:
    """How much of a profile (heights at even steps, NaN outside) a disc of that radius can't reach from inside."""
    solid = np.where(np.isfinite(profile), profile, -60.0)
    k = round(radius / step)
    disc = np.sqrt(np.maximum(radius**2 - (np.arange(-k, k + 1) * step) ** 2, 0.0))
    padded = np.pad(solid, 2 * k, constant_values=-60.0)
    reached = ndimage.grey_dilation(ndimage.grey_erosion(padded, structure=disc), structure=disc)
    return np.where(np.isfinite(profile), solid - reached[2 * k : -2 * k], 0.0)


EDGED: dict[str, dict[str, Any]] = {
    "usual": {},
    "shallow": {"heel_cup_depth_mm": 6.0},
    "deep": {"heel_cup_depth_mm": 26.0, "medial_skive_mm": 5.0},
    "walled": {"medial_flange_mm": 16.0, "lateral_edge_mm": 5.0},
    "padded": {"met_pad_height_mm": 8.0, "cuboid_pad_mm": 4.0, "morton_extension_mm": 4.0},
}


@pytest.mark.parametrize("case", EDGED)
def test_no_edge_is_sharper_than_1_mm(case: str, rng: np.random.Generator) -> None:
    foot = any_foot(rng)
    shape, length, step = Made(foot, **EDGED[case]), anatomy(foot).length_mm, 0.04
    y = np.arange(-62.0, 62.0, step)
    for station in (0.16, 0.30, 0.45, 0.58, 0.74):
        tops = shape.tops(station * length, y)
        left = opened(tops, step, 0.9)
        inner = ndimage.binary_erosion(
            np.isfinite(tops), iterations=4
        )  # the steepest part of the rim falls between rays
        assert left[inner].max() < 0.08, f"station {station}, y {y[np.argmax(left * inner)]:.1f}"
    x, middle = np.arange(-8.0, 25.0, step), anatomy(foot).heel_y_mm
    rear = shape.tops(x, middle)
    inner = ndimage.binary_erosion(np.isfinite(rear), iterations=6)
    assert opened(rear, step, 0.9)[inner & (x < 18.0)].max() < 0.08


def test_the_undersides_edge_is_rounded_where_there_is_room_for_it() -> None:
    low, high = plain().extent(SEAT_X)
    for edge, inward in ((low, 1.0), (high, -1.0)):
        for d in (0.1, 0.3, 0.6):
            expected = 1.0 - np.sqrt(1.0 - (1.0 - d) ** 2)
            assert plain().bottom(SEAT_X, edge + inward * d) == pytest.approx(expected, abs=0.12)
        assert plain().bottom(SEAT_X, edge + inward * 1.2) == pytest.approx(0.0, abs=1e-6)


def test_the_rims_edge_has_a_radius_of_1_mm() -> None:
    y = np.array([np.arange(20.0, 40.0, 0.02)]).ravel()
    tops = plain().tops(SEAT_X, y)
    edge = y[np.isfinite(tops)].max()
    top = np.nanmax(tops)
    for inward in (0.2, 0.5, 1.0):
        drop = top - plain().top(SEAT_X, edge - inward)
        assert drop == pytest.approx(1.0 - np.sqrt(1.0 - (1.0 - inward) ** 2), abs=0.12)


def test_the_front_edge_feathers_to_the_minimum() -> None:
    tip = plain().design.outline_mm
    y = float(tip[np.argmax(tip[:, 0]), 1])
    front = LENGTH + 10.0
    back = np.array([2.0, 4.0, 6.0, 8.0, 10.0, 14.0, 20.0])
    thickness = np.array([plain().thickness(front - b, y) for b in back])
    assert (np.diff(thickness) > -0.01).all()
    assert 1.15 <= thickness[0] < 1.4 and thickness[-1] == pytest.approx(2.0, abs=0.02) and thickness[3] < 1.95


# ------------------------------------------------------------------ bed


def test_pitch_keeps_the_length_along_the_bed() -> None:
    for pitch in (0.0, 10.0, 40.0):
        shape = made(shoe_pitch_mm=pitch).design
        middle = shape.bottom_mm.shape[1] // 2
        line, flat = shape.bottom_mm[:, middle][:, [0, 2]], plain().design.bottom_mm[:, middle][:, [0, 2]]
        line = line - [0.0, 1.0] * flat  # the rounding of the two ends is no part of the bed
        assert np.hypot(*np.diff(line, axis=0).T).sum() == pytest.approx(LENGTH + 10.0 - 4.5, abs=0.2)


# ------------------------------------------------------------------ what can't be


def low_foot(top_mm: float) -> Foot:
    """A foot scanned up to that height only."""
    points = np.array(FOOT.cloud.points)
    points[:, 2] = top_mm
    return replace(FOOT, cloud=PointCloud(points, frame="foot"))


SQUARE = [[0, -30], [60, -30], [120, -30], [180, -30], [180, 30], [120, 30], [60, 30], [0, 30]]
NARROW = [  # a last that is narrow on the lateral side
    [140.0 + 130.0 * np.cos(t), 4.0 + (38.0 if np.sin(t) > 0 else 24.0) * np.sin(t)] for t in np.linspace(0, 6.2, 60)
]
IMPOSSIBLE: dict[str, tuple[Foot, dict[str, Any], str]] = {
    "cup deeper than the foot": (low_foot(30.0), {"heel_cup_depth_mm": 25.0}, "heel_cup_depth_mm"),
    "skive in a foot too low for its cup": (
        low_foot(21.0), {"heel_cup_depth_mm": 14.0, "medial_skive_mm": 3.0}, "heel_cup_depth_mm"),
    "relief through the base": (
        FOOT, {"relief_mth2": 4.0, "forefoot_thickness_mm": 1.2}, "relief_mth2"),
    "relief through the base of a thin shoe": (
        FOOT, {"relief_toe1": 4.0, "forefoot_thickness_mm": 1.2, "cover_thickness_mm": 0.0,
               "shoe_forefoot_depth_mm": 3.0}, "relief_toe1"),
    "dimple through the base": (FOOT, {"heel_spur_relief": True, "base_thickness_mm": 1.5, "min_thickness_mm": 1.5},
                                "heel_spur_relief"),
    "groove through the base": (FOOT, {"fascia_groove_mm": 4.0, "base_thickness_mm": 2.0}, "fascia_groove_mm"),
    "cut-out through the base": (
        FOOT, {"first_ray_cutout": True, "forefoot_thickness_mm": 1.2}, "first_ray_cutout"),
    "lift above 10": (FOOT, {"heel_lift_mm": 12.0}, "heel_lift_mm"),
    "shoe too low at the heel": (FOOT, {"shoe_counter_height_mm": 42.0, "heel_lift_mm": 6.0}, "heel total"),
    "shoe too low for the post": (
        FOOT, {"shoe_counter_height_mm": 42.0, "heel_lift_mm": 1.0, "rearfoot_post_deg": 3.0}, "heel total"),
    "shoe too thin in front": (
        FOOT, {"shoe_forefoot_depth_mm": 3.0, "cover_thickness_mm": 2.0}, "forefoot total"),
    "shoe too thin in front even without a cover": (
        FOOT, {"shoe_forefoot_depth_mm": 3.0, "cover_thickness_mm": 0.5, "forefoot_thickness_mm": 4.0},
        "forefoot total"),
    "shoe of unknown depth": (FOOT, {"forefoot_thickness_mm": 3.0}, "forefoot total"),
    "skive in a shallow cup": (FOOT, {"medial_skive_mm": 4.0, "heel_cup_depth_mm": 12.0}, "heel_cup_depth_mm"),
    "deep skive in a usual cup": (
        FOOT, {"medial_skive_mm": 4.0, "rearfoot_post_deg": 2.0, "heel_cup_depth_mm": 14.0}, "heel_cup_depth_mm"),
    "post on a wide heel": (FOOT, {"rearfoot_post_deg": 8.0}, "rearfoot_post_deg"),
    "post the other way": (FOOT, {"rearfoot_post_deg": -8.0}, "rearfoot_post_deg"),
    "post on a wide ball": (FOOT, {"forefoot_post_deg": 7.0}, "forefoot_post_deg"),
    "pitch without a bed": (FOOT, {"shoe_pitch_mm": 60.0}, "shoe_pitch_mm"),
    "bed that ends too early": (FOOT, {"bed_points_mm": [[x, 0] for x in range(0, 150, 30)]}, "bed_points_mm"),
    "polygon that ends too early": (
        FOOT, {"outline": "last", "outline_points_mm": [[0.8 * x, y] for x, y in SQUARE]}, "last polygon"),
    "polygon beside the foot": (
        FOOT, {"outline": "stock", "stock_points_mm": [[x, y + 40] for x, y in SQUARE]}, "stock polygon"),
    "waist of nothing": (
        make_foot(length=200.0, breadth=60.0), {"outline_offset_waist_mm": -8.0, "outline_offset_heel_mm": -8.0,
                                                "outline_offset_ball_mm": -8.0}, "outline"),
    "relief where the insole has ended": (
        FOOT, {"relief_toe5": 4.0, "outline": "last", "outline_points_mm": NARROW}, "relief_toe5"),
    "filler without a missing toe": (FOOT, {"toe_filler": True}, "toe_filler"),
    "label too long": (
        make_foot(length=170.0, breadth=70.0), {"label": "ABCDEFGHIJKL", "length": "three_quarter"}, "label"),
}  # fmt: skip


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_an_impossible_request_says_rule_value_and_the_nearest_that_works(case: str) -> None:
    foot, asked, rule = IMPOSSIBLE[case]
    with pytest.raises(DesignError) as caught:
        design(foot, InsolePrescription(**asked))
    error = caught.value
    assert error.rule == rule and error.limit and str(error).startswith(f"{rule}: found ")
    assert error.change and "nearest that works" in str(error)
    design(foot, InsolePrescription(**{**asked, **error.change}))  # and it does work


def test_the_nearest_value_is_near() -> None:
    """A little more than the nearest value is refused again."""
    for case, more in (
        ("cup deeper than the foot", 1.0), ("groove through the base", 0.11), ("lift above 10", 0.01),
        ("post on a wide heel", 0.2), ("post the other way", -0.2), ("post on a wide ball", 0.2),
        ("pitch without a bed", 0.01),
    ):  # fmt: skip
        foot, asked, rule = IMPOSSIBLE[case]
        with pytest.raises(DesignError) as caught:
            design(foot, InsolePrescription(**asked))
        with pytest.raises(DesignError):
            design(foot, InsolePrescription(**{**asked, rule: caught.value.change[rule] + more}))


def test_a_knotted_polygon_is_refused() -> None:
    t = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    ring = np.column_stack([140.0 + 130.0 * np.cos(t), 4.0 + 38.0 * np.sin(t)])
    with pytest.raises(DesignError, match="turns back"):
        made(outline="last", outline_points_mm=ring[np.argsort(np.sin(7 * t))].tolist())


def test_a_heel_too_high_for_the_counter_counts_the_post() -> None:
    made(shoe_counter_height_mm=40.0)
    with pytest.raises(DesignError, match="heel total"):
        made(shoe_counter_height_mm=40.0, rearfoot_post_deg=3.0)


def test_a_foot_without_side_length_or_print_is_refused() -> None:
    from footscan.types import FootMeasurements, Measure

    with pytest.raises(DesignError, match="side"):
        Made(replace(FOOT, measurements=FootMeasurements(FOOT.measurements.values, "unknown")))
    with pytest.raises(DesignError, match="outline"):
        Made(replace(FOOT, footprints=()))
    with pytest.raises(DesignError, match="a better scan"):  # no offset makes it wide enough
        Made(make_foot(length=262.0, breadth=30.0))
    for length in (8.9, 2620.0):  # centimetres, a unit taken for another
        odd = {**FOOT.measurements.values, "foot_length_mm": Measure(length)}
        with pytest.raises(DesignError, match=f"foot_length_mm: found {length:g}"):
            Made(replace(FOOT, measurements=FootMeasurements(odd, "right")))
    nothing = {"foot_length_mm": Measure.missing("no toes")}
    with pytest.raises(DesignError, match="foot_length_mm"):
        Made(replace(FOOT, measurements=FootMeasurements(nothing, "left"), landmarks=type(FOOT.landmarks)({})))


# ------------------------------------------------------------------ soles that say less


def note_of(shape: Made) -> str:
    return {note.code: note.detail for note in shape.design.notes}["arch_from_population"]


@pytest.mark.parametrize("sole", ["capped", "missing"])
def test_without_a_sole_the_arch_is_a_populations_and_the_design_says_so(sole: str) -> None:
    usual = Made(make_foot(sole=sole, arch=16.0))
    assert usual.top(0.45 * LENGTH, 18.0) - usual.top(0.45 * LENGTH, -20.0) > 4.0
    # a foot whose dorsum is measured higher, or whose print is hollower, gets the higher arch
    for measure, high, low in (("arch_height_index", 0.37, 0.31), ("arch_index", 0.19, 0.28)):
        tops = [Made(make_foot(sole=sole, **{measure: v})).top(0.45 * LENGTH, 18.0) for v in (high, low)]
        assert tops[0] > usual.top(0.45 * LENGTH, 18.0) + 0.5 and tops[1] < usual.top(0.45 * LENGTH, 18.0) - 0.5
        assert measure.replace("_", " ") in note_of(Made(make_foot(sole=sole, **{measure: high})))
    assert ("the footprint" if sole == "missing" else "the outline") in note_of(usual)


def test_what_lies_under_a_lid_changes_nothing() -> None:
    one, other = (Made(make_foot(sole="capped", arch=arch)) for arch in (16.0, 26.0))
    assert one.mesh.vertices == pytest.approx(other.mesh.vertices, abs=1e-6)


def test_without_a_sole_the_arch_rises_where_the_print_ends() -> None:
    def printed(arch: float) -> Made:
        foot = make_foot(sole="missing")
        print_ = Footprint((contact(LENGTH, 98.0, arch),), 2.0, "contact_2mm")
        return Made(replace(foot, footprints=(*foot.footprints[:2], print_)))

    flat, hollow = printed(5.0), printed(26.0)
    y = np.arange(-20.0, 22.0, 2.0)
    rises = [float(np.interp(5.0, m.tops(0.45 * LENGTH, y), y)) for m in (hollow, flat)]
    assert rises[0] < rises[1] - 3.0
    assert rise(flat, hollow, grid((20.0, 50.0), (-12.0, 13.0), 6.0)) == pytest.approx(0.0, abs=0.02)


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
    bare = Made(replace(FOOT, landmarks=Landmarks({})))
    assert "usual_stations" in {note.code for note in bare.design.notes}
    assert abs(bare.design.outline_mm[:, 0].max() - (LENGTH + 10.0)) < 0.5


# ------------------------------------------------------------------ a bar by the pressure


def test_a_bars_front_lies_on_77_percent_of_the_peak_behind_it(rng: np.random.Generator) -> None:
    """Bells of pressure under the heads: 77 % of the peak lies sqrt(−2 ln 0.77) widths behind each."""
    foot = any_foot(rng)
    where, width = anatomy(foot), float(rng.uniform(9.0, 14.0))
    x, y = np.meshgrid(np.arange(90.0, where.length_mm, 4.0), np.arange(-60.0, 61.0, 4.0), indexing="ij")
    cells = np.column_stack([x.ravel(), y.ravel()])
    peak = 220.0 * np.exp(-0.5 * ((cells[:, 0] - where.mth_x(cells[:, 1])) / width) ** 2)
    peak[rng.integers(0, len(peak), 3)] = np.nan  # dead cells
    front = np.array(bar_front(foot, cells, peak))
    behind = where.mth_x(front[:, 1]) - front[:, 0]
    assert behind == pytest.approx(np.sqrt(-2.0 * np.log(0.77)) * width, abs=1.6)
    Made(foot, met_pad_height_mm=3.0, met_pad_shape="bar", met_bar_front_mm=front.tolist())
    with pytest.raises(ValueError, match="no cell under"):
        bar_front(foot, cells, 0.0 * peak)
    with pytest.raises(ValueError, match="at least 8"):
        bar_front(foot, cells[:5], peak[:5])
    with pytest.raises(ValueError, match="must be"):
        bar_front(foot, cells[:5], peak)
