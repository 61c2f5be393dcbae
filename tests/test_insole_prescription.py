"""The prescription: every field of the insole page, its range, reasons and files; and what is never done by itself."""

from __future__ import annotations

import dataclasses
import math
import pickle
from pathlib import Path
from typing import Any

import pytest

from footscan.errors import FootscanError
from footscan.types import FootMeasurements, Load, Measure, RegionLoads
from insole import (
    DesignError,
    InsolePrescription,
    prescribe,
    preset_names,
)
from insole.fields import FIELDS, check
from insole.prescription import read_preset
from insole.rules import pair_advice

RX = InsolePrescription
NUMBERS = [name for name, field in FIELDS.items() if field.kind == "number"]


def measured(load: Load = "standing", **values: float) -> FootMeasurements:
    found = {"foot_length_mm": 262.0, "arch_apex_height_mm": 16.0, **values}
    return FootMeasurements({k: Measure(v) for k, v in found.items()}, "right", load=load)


def walked(steps: int = 20, in_shoe: bool = True, cell: float | None = 150.0, **peaks: float) -> RegionLoads:
    return RegionLoads(
        "right", {"mth1": 180.0, "mth2": 240.0, "mth3": 200.0, **peaks}, steps, in_shoe, "pressure", cell
    )


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
OVAL = [[140 + 130 * math.cos(k / 8), 38 * math.sin(k / 8)] for k in range(50)]


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


# ------------------------------------------------------------------ prescribe


@pytest.mark.parametrize(
    ("load", "offset"), [("none", -3.2), ("half", -1.6), ("sitting", -1.6), ("standing", 0.0), ("unknown", 0.0)]
)
def test_arch_offset_goes_by_load_and_an_unknown_load_is_said(load: Load, offset: float) -> None:
    rx = prescribe(measured(load))
    assert rx.arch_offset_mm == offset and rx.reasons["arch_offset_mm"].by == "rule"
    assert ("not known" in rx.reasons["arch_offset_mm"].text) == (load == "unknown")


def test_an_arch_that_the_scan_does_not_show_is_said() -> None:
    foot = FootMeasurements({"arch_apex_height_mm": Measure.missing("sole capped flat")}, "left", load="standing")
    rx = prescribe(foot)
    assert "population" in rx.reasons["arch_offset_mm"].text and rx.notes[0].code == "arch_not_seen"


def test_every_chosen_value_has_a_reason_with_a_source() -> None:
    for preset in preset_names():
        rx = prescribe(measured(rearfoot_angle_deg=9.0), walked(), preset, {"heel_lift_mm": 3.0})
        chosen = [name for name, value in rx.values.items() if value != FIELDS[name].default]
        assert set(chosen) <= set(rx.reasons)
        assert all(reason.text and reason.source for reason in rx.reasons.values())


def test_the_highest_head_is_relieved_and_no_other() -> None:
    rx = prescribe(measured(), walked(mth4=260.0))
    assert rx.relief_mth4 == 3.0 and rx.relief_mth2 == 0.0
    assert "MTH4" in rx.reasons["relief_mth4"].text and not rx.notes
    assert prescribe(measured(), walked(), preset="dress").relief_mth2 == 3.0
    assert prescribe(measured(), walked(), edits={"length": "three_quarter"}).relief_mth2 == 0.0


def test_fewer_than_twelve_steps_are_said_and_no_pressure_places_nothing() -> None:
    assert [n.code for n in prescribe(measured(), walked(steps=11)).notes] == ["insufficient_steps"]
    assert not prescribe(measured(), walked(steps=12)).notes
    force = RegionLoads("right", {"mth2": 300.0}, 20, True, "force")
    assert prescribe(measured(), force).relief_mth2 == 0.0
    nothing = RegionLoads("right", {}, 0, True)
    assert prescribe(measured(), nothing).relief_mth2 == 0.0


@pytest.mark.parametrize(
    ("angle", "load", "post"),
    [
        (3.0, "standing", 0.0), (5.0, "standing", 0.0), (9.0, "standing", 2.0), (30.0, "standing", 4.0),
        (9.0, "none", 0.0), (-8.0, "half", 0.0),
    ],
)  # fmt: skip
def test_a_post_opposes_eversion_within_bounds(angle: float, load: Load, post: float) -> None:
    rx = prescribe(measured(load, rearfoot_angle_deg=angle))
    assert rx.rearfoot_post_deg == post and "Telfer 2013" in rx.reasons["rearfoot_post_deg"].source


def test_without_a_rearfoot_angle_there_is_no_post_and_a_lift_is_never_automatic() -> None:
    for preset in preset_names():
        rx = prescribe(measured(), walked(), preset)
        assert rx.rearfoot_post_deg == 0.0 and "rearfoot_post_deg" not in rx.reasons
        assert rx.heel_lift_mm == 0.0


def test_a_persons_edit_wins_and_is_marked() -> None:
    rx = prescribe(
        measured(rearfoot_angle_deg=12.0),
        walked(),
        edits={"rearfoot_post_deg": -1, "relief_mth2": 0, "heel_cup_depth_mm": 8},
    )
    assert (rx.rearfoot_post_deg, rx.relief_mth2, rx.heel_cup_depth_mm) == (-1.0, 0.0, 8.0)
    assert {name for name, reason in rx.reasons.items() if reason.by == "person"} == {
        "rearfoot_post_deg",
        "relief_mth2",
        "heel_cup_depth_mm",
    }


def test_a_persons_edit_wins_over_preset_and_rule_where_they_can_not_be_together() -> None:
    two = {"prescriber": "A", "reviewed_by": "B"}
    rx = prescribe(measured(), preset="hallux_limitus", edits={**two, "first_ray_cutout": True})
    assert rx.first_ray_cutout and rx.morton_extension_mm == 0.0
    assert "gives way" in rx.reasons["morton_extension_mm"].text and rx.reasons["morton_extension_mm"].by == "rule"
    rx = prescribe(measured(), preset="dress", edits={"relief_toe1": 2.0})
    assert rx.length == "full" and rx.relief_toe1 == 2.0
    with pytest.raises(DesignError, match="forefoot total"):  # a shoe's depth is found out, never made up
        prescribe(measured(), edits={"cover_thickness_mm": 4.0})
    with pytest.raises(DesignError, match="morton_extension_mm"):  # both are the person's
        prescribe(measured(), edits={"morton_extension_mm": 2.0, "first_ray_cutout": True})


def test_a_polygon_decides_by_the_priority_last_stock_foot() -> None:
    assert prescribe(measured()).outline == "foot"
    assert prescribe(measured(), edits={"stock_points_mm": OVAL}).outline == "stock"
    rx = prescribe(measured(), edits={"stock_points_mm": OVAL, "outline_points_mm": OVAL})
    assert rx.outline == "last" and rx.reasons["outline"].by == "rule"
    asked = {"stock_points_mm": OVAL, "outline_points_mm": OVAL, "outline": "stock"}
    rx = prescribe(measured(), edits=asked)
    assert rx.outline == "stock" and rx.reasons["outline"].by == "person"


def test_an_unloaded_heel_gets_a_wider_cup() -> None:
    expansions: dict[Load, float] = {"none": 1.5, "half": 0.0, "standing": 0.0, "unknown": 0.0}
    for load, expansion in expansions.items():
        rx = prescribe(measured(load))
        assert rx.heel_expansion_mm == expansion


def test_a_relief_without_room_is_said_and_not_made() -> None:
    rx = prescribe(measured(), walked(), edits={"forefoot_thickness_mm": 1.2})
    assert rx.relief_mth2 == 0.0 and "no_room_for_relief" in {note.code for note in rx.notes}


def test_a_skive_gets_the_cup_that_it_needs_unless_a_person_set_it() -> None:
    assert prescribe(measured(), edits={"medial_skive_mm": 4.0}).heel_cup_depth_mm == 14.0
    assert prescribe(measured(), edits={"medial_skive_mm": 6.0}).heel_cup_depth_mm == 20.0
    with pytest.raises(DesignError, match="heel_cup_depth_mm"):
        prescribe(measured(), edits={"medial_skive_mm": 4.0, "heel_cup_depth_mm": 10.0})


def test_neuropathic_forces_its_rules_over_preset_and_rule_and_says_the_check() -> None:
    edits = {"risk": "neuropathic", "shoe_forefoot_depth_mm": 8.0}
    rx = prescribe(measured("none", rearfoot_angle_deg=15.0), walked(in_shoe=False), "low_arch", edits)
    assert (rx.cover_thickness_mm, rx.length, rx.medial_edge_mm, rx.arch_offset_mm) == (4.0, "full", 0.0, -3.2)
    assert "needs_in_shoe_check" in {note.code for note in rx.notes}
    with pytest.raises(DesignError, match="neuropathic"):
        prescribe(measured(), edits={**edits, "medial_flange_mm": 6.0})
    with pytest.raises(DesignError, match="shoe_forefoot_depth_mm"):
        prescribe(measured(), edits={"risk": "neuropathic"})


@pytest.mark.parametrize(
    ("loads", "risk", "score"),
    [
        (walked(), "neuropathic", 6.0), (walked(), "none", 3.0), (walked(in_shoe=False), "neuropathic", 3.0),
        (walked(cell=25.0), "neuropathic", 3.0), (walked(cell=None), "neuropathic", 3.0),
    ],
)  # fmt: skip
def test_200_kpa_holds_only_in_shoe_with_pedar_cells_for_neuropathic_feet(
    loads: RegionLoads, risk: str, score: float
) -> None:
    rx = prescribe(measured(), loads, edits={"risk": risk, "shoe_forefoot_depth_mm": 8.0})
    assert rx.relief_mth2 == score
    assert rx.relief_mth1 == 0.0 and rx.relief_mth3 == 0.0  # 180 and exactly 200 kPa


def test_presets_with_a_conditions_name_need_two_people(tmp_path: Path) -> None:
    path = tmp_path / "condition.toml"
    path.write_text(
        'title = "x"\ncondition = true\n[heel_cup_depth_mm]\nvalue = 18\ntext = "t"\nsource = "s"\n', "utf-8"
    )
    for edits in ({}, {"prescriber": "A"}, {"reviewed_by": "B"}):
        with pytest.raises(DesignError, match="reviewed_by"):
            prescribe(measured(), preset=path, edits=edits)
    assert prescribe(measured(), preset=path, edits={"prescriber": "A", "reviewed_by": "B"}).heel_cup_depth_mm == 18.0
    with pytest.raises(DesignError, match="everyday"):
        prescribe(measured(), preset="everyda")
    path.write_text('[risk]\nvalue = "neuropathic"\ntext = "t"\nsource = "s"\n', "utf-8")
    with pytest.raises(DesignError, match="belongs to the order"):
        read_preset(path)


def test_the_wearer_never_sees_a_preset_with_a_conditions_name() -> None:
    assert preset_names() == ("dress", "everyday", "high_arch", "low_arch", "sport")
    assert not any(read_preset(name).condition for name in preset_names())
    others = set(preset_names(conditions=True)) - set(preset_names())
    assert {"metatarsalgia", "plantar_heel_pain"} <= others and all(read_preset(name).condition for name in others)
    with pytest.raises(DesignError) as caught:
        read_preset("metatarsalgi")
    assert not any(name in str(caught.value) for name in others)
    for name in others:
        with pytest.raises(DesignError, match="reviewed_by"):
            prescribe(measured(), preset=name)
        rx = prescribe(measured(), walked(), name, {"prescriber": "A", "reviewed_by": "B"})
        assert any(reason.by == "preset" for reason in rx.reasons.values())


def test_a_one_sided_lift_warns() -> None:
    assert pair_advice(RX(), RX(heel_lift_mm=4.0))[0].code == "one_sided_lift"
    assert not pair_advice(RX(heel_lift_mm=4.0), RX(heel_lift_mm=4.0))
