"""The prescription: every field of the insole page, its range, reasons and files; and what is never done by itself."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import Any

import pytest
from insole_feet import OVAL, measured, walked

from footscan.errors import FootscanError
from insole import (
    DesignError,
    InsolePrescription,
    prescribe,
)
from insole.fields import FIELDS, check

RX = InsolePrescription
NUMBERS = [name for name, field in FIELDS.items() if field.kind == "number"]


# ------------------------------------------------------------------ the record


def test_record_and_table_hold_the_same_fields_and_defaults() -> None:
    record = {f.name: f.default for f in dataclasses.fields(RX) if f.name not in ("reasons", "notes")}
    assert list(record) == list(FIELDS)
    assert all(record[name] == field.default for name, field in FIELDS.items())


def test_defaults_are_those_of_the_insole_page() -> None:
    rx = RX()
    page = {
        "length": "full", "outline": "foot", "extra_length_mm": 10, "heel_cup_depth_mm": 12, "met_pad_offset_mm": 5,
        "met_pad_shape": "narrow", "base_thickness_mm": 3, "forefoot_thickness_mm": 2, "min_thickness_mm": 1.2,
        "cover_thickness_mm": 2, "shoe_pitch_mm": 10, "heel_lift_mm": 0, "rearfoot_post_deg": 0,
    }  # fmt: skip
    assert {name: getattr(rx, name) for name in page} == page


@pytest.mark.parametrize("name", NUMBERS)
def test_out_of_range_names_field_value_limits_and_a_value_that_works(name: str) -> None:
    field = FIELDS[name]
    for value in (field.low - 0.5, field.high + 0.5, math.nan, math.inf):
        with pytest.raises(DesignError) as caught:
            check(name, value)
        error = caught.value
        assert error.rule == name and f"{field.low:g}" in error.limit and f"{field.high:g}" in error.limit
        assert isinstance(error.nearest, float) or field.default is None
        if math.isfinite(value):
            assert check(name, error.nearest) == error.nearest


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("heel_cup_depth_mm", "12"), ("heel_cup_depth_mm", True), ("heel_cup_depth_mm", None), ("length", "long"),
        ("length", 3), ("open_wound", 1), ("label", 7), ("birth_year", 1980.5), ("outline_points_mm", [[1, 2]]),
        ("outline_points_mm", "square"), ("prescriber", ""), ("toe_filler", "yes"), ("bed_points_mm", [[0, 1]] * 4),
        ("stock_points_mm", [[0.0, math.nan]] * 9), ("met_bar_front_mm", [[0, 1]]),
    ],
)  # fmt: skip
def test_wrong_types_are_refused(name: str, value: Any) -> None:
    with pytest.raises(DesignError, match=name):
        check(name, value)


def test_nothing_is_no_value_of_a_field_that_has_a_default() -> None:
    assert check("body_mass_kg", None) is None
    with pytest.raises(DesignError, match="found nothing") as caught:
        check("heel_cup_depth_mm", None)
    assert caught.value.nearest == 12.0


def test_an_unknown_field_gets_the_closest_name() -> None:
    with pytest.raises(DesignError) as caught:
        check("heel_cup_mm", 12)
    assert caught.value.nearest == "heel_cup_depth_mm"


def test_design_errors_survive_pickling_and_belong_to_the_family() -> None:
    error = DesignError("heel_lift_mm", 12.0, "at most 10", 10.0)
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(error, FootscanError) and type(again) is DesignError
    assert (again.rule, again.value, again.limit, again.nearest) == ("heel_lift_mm", 12.0, "at most 10", 10.0)
    assert str(again) == str(error) and "\n" not in str(error)
    rx = prescribe(measured(), walked())
    assert pickle.loads(pickle.dumps(rx)) == rx


# ------------------------------------------------------------------ fields together


BED = [[0, 40], [60, 40], [120, 20], [180, 0], [240, 0]]


@pytest.mark.parametrize(
    ("asked", "rule", "fixed"),
    [
        ({"heel_lift_mm": 11.0}, "heel_lift_mm", {"heel_lift_mm": 10.0}),
        ({"medial_skive_mm": 4.0}, "heel_cup_depth_mm", {"heel_cup_depth_mm": 14.0}),
        ({"medial_skive_mm": 4.0, "rearfoot_post_deg": 3.0, "heel_cup_depth_mm": 16.0},
         "heel_cup_depth_mm", {"heel_cup_depth_mm": 20.0}),
        ({"nozzle_mm": 0.6}, "min_thickness_mm", {"min_thickness_mm": 1.8}),
        ({"forefoot_thickness_mm": 1.2, "min_thickness_mm": 1.5},
         "forefoot_thickness_mm", {"forefoot_thickness_mm": 1.5}),
        ({"forefoot_thickness_mm": 3.0}, "forefoot total", {"shoe_forefoot_depth_mm": 5.0}),
        ({"cover_thickness_mm": 4.0, "shoe_forefoot_depth_mm": 5.0}, "forefoot total", {"cover_thickness_mm": 3.0}),
        ({"cover_thickness_mm": 0.5, "forefoot_thickness_mm": 4.0, "shoe_forefoot_depth_mm": 3.0},
         "forefoot total", {"cover_thickness_mm": 0.0, "forefoot_thickness_mm": 3.0}),
        ({"risk": "neuropathic", "cover_thickness_mm": 4.0, "shoe_forefoot_depth_mm": 5.0},
         "forefoot total", {"shoe_forefoot_depth_mm": 6.0}),
        ({"shoe_counter_height_mm": 45.0, "heel_lift_mm": 8.0}, "heel total", {"heel_lift_mm": 5.0}),
        ({"shoe_counter_height_mm": 38.0}, "heel total", {"shoe_counter_height_mm": 40.0}),
        ({"shoe_pitch_mm": 60.0}, "shoe_pitch_mm", {"shoe_pitch_mm": 40.0}),
        ({"outline": "last"}, "outline", {"outline": "foot"}),
        ({"outline_points_mm": OVAL}, "outline", {"outline": "last"}),
        ({"stock_points_mm": OVAL}, "outline", {"outline": "stock"}),
        ({"length": "three_quarter", "relief_mth2": 3.0}, "relief_mth2", {"length": "sulcus"}),
        ({"length": "sulcus", "relief_toe1": 3.0}, "relief_toe1", {"length": "full"}),
        ({"length": "sulcus", "toe_filler": True}, "toe_filler", {"length": "full"}),
        ({"length": "sulcus", "cover_length": "full"}, "cover_length", {"cover_length": "sulcus"}),
        ({"relief_mth3": 2.0, "forefoot_thickness_mm": 1.2}, "relief_mth3", {"forefoot_thickness_mm": 2.0}),
        ({"first_ray_cutout": True, "morton_extension_mm": 2.0}, "morton_extension_mm", {"morton_extension_mm": 0.0}),
        ({"met_bar_front_mm": [[160, -30], [160, 30]]}, "met_pad_shape", {"met_pad_shape": "bar"}),
        ({"label": "foot #1"}, "label", {"label": "FOOT -1"}),
        ({"stock_insole_removed": False, "stock_insole_thickness_mm": 3.0},
         "forefoot total", {"shoe_forefoot_depth_mm": 7.0}),
    ],
)  # fmt: skip
def test_what_can_not_be_together_is_refused_with_the_change_that_works(
    asked: dict[str, Any], rule: str, fixed: dict[str, Any]
) -> None:
    with pytest.raises(DesignError) as caught:
        RX(**asked)
    error = caught.value
    assert error.rule == rule and dict(error.change) == fixed and "nearest that works" in str(error)
    RX(**{**asked, **error.change})


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({"bed_points_mm": [*BED, [230, 0]]}, "bed_points_mm"), ({"bed_points_mm": [[0, 90], *BED[1:]]}, None),
        ({"bed_points_mm": [[0, 90], [20, 40], *BED[1:]]}, "bed_points_mm"), ({"open_wound": True}, "open_wound"),
        ({"met_pad_shape": "bar", "met_bar_front_mm": [[160, 30], [160, -30]]}, "met_bar_front_mm"),
    ],
)  # fmt: skip
def test_lines_that_turn_back_and_wounds_are_refused(asked: dict[str, Any], rule: str | None) -> None:
    if rule is None:
        RX(**asked)
        return
    with pytest.raises(DesignError) as caught:
        RX(**asked)
    assert caught.value.rule == rule


def test_a_pitch_above_40_needs_a_measured_bed_or_a_last() -> None:
    RX(shoe_pitch_mm=60.0, bed_points_mm=BED)
    RX(shoe_pitch_mm=60.0, outline="last", outline_points_mm=OVAL)
    for more in ({}, {"outline": "stock", "stock_points_mm": OVAL}):
        with pytest.raises(DesignError, match="shoe_pitch_mm"):
            RX(shoe_pitch_mm=60.0, **more)


def test_a_short_cover_leaves_the_forefoot_its_room() -> None:
    RX(cover_thickness_mm=4.0, cover_length="three_quarter")
    with pytest.raises(DesignError, match="forefoot total"):
        RX(cover_thickness_mm=4.0, cover_length="sulcus")


NEUROPATHIC = {"risk": "neuropathic", "cover_thickness_mm": 4.0, "shoe_forefoot_depth_mm": 8.0}


@pytest.mark.parametrize(
    "asked",
    [
        {"cover_thickness_mm": 3.0}, {"medial_skive_mm": 2.0, "heel_cup_depth_mm": 20.0}, {"length": "sulcus"},
        {"lateral_skive_mm": 2.0, "heel_cup_depth_mm": 20.0}, {"medial_edge_mm": 2.0}, {"lateral_edge_mm": 2.0},
        {"medial_flange_mm": 5.0}, {"morton_extension_mm": 1.0}, {"reverse_morton_mm": 1.0}, {"fascia_groove_mm": 1.0},
        {"first_ray_cutout": True}, {"heel_spur_relief": True}, {"heel_lift_mm": 7.0}, {"arch_offset_mm": 2.0},
        {"arch_offset_mm": -5.0}, {"cover_length": "three_quarter"},
    ],
)  # fmt: skip
def test_each_neuropathic_rule_holds(asked: dict[str, Any]) -> None:
    RX(**NEUROPATHIC)
    RX(**{**NEUROPATHIC, **asked, "risk": "none"})
    with pytest.raises(DesignError, match="neuropathic"):
        RX(**{**NEUROPATHIC, **asked})


@pytest.mark.parametrize(
    "asked",
    [
        {"cover_thickness_mm": 3.0}, {"length": "sulcus"}, {"heel_lift_mm": 8.0}, {"medial_flange_mm": 5.0},
        {"first_ray_cutout": True}, {"arch_offset_mm": 2.0},
    ],
)  # fmt: skip
def test_the_change_that_a_neuropathic_rule_names_works(asked: dict[str, Any]) -> None:
    with pytest.raises(DesignError) as caught:
        RX(**{**NEUROPATHIC, **asked})
    RX(**{**NEUROPATHIC, **asked, **caught.value.change})


def test_less_sensation_without_a_risk_is_pointed_out() -> None:
    assert [n.code for n in prescribe(measured(), edits={"sensation": "reduced"}).notes] == ["risk_not_said"]
    assert not prescribe(measured(), edits={"sensation": "reduced", "risk": "none"}).notes


def test_an_open_wound_is_refused() -> None:
    RX(open_wound=False)
    with pytest.raises(DesignError, match="open_wound"):
        prescribe(measured(), edits={"open_wound": True})
