"""The prescription: every field of the insole page, its range, reasons and files; and what is never done by itself."""

from __future__ import annotations

import dataclasses
import math
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footscan.errors import FootscanError, ReadError
from footscan.types import FootMeasurements, Load, Measure, RegionLoads
from insole import (
    DesignError,
    InsolePrescription,
    from_dict,
    from_json,
    prescribe,
    preset_names,
    read_prescription,
    to_dict,
    to_json,
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
        ("outline_points_mm", "square"), ("prescriber", ""), ("toe_filler", True),
    ],
)  # fmt: skip
def test_wrong_types_and_what_is_not_built_are_refused(name: str, value: Any) -> None:
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
        ({"shoe_counter_height_mm": 45.0, "heel_lift_mm": 8.0}, "heel total", {"heel_lift_mm": 5.0}),
        ({"shoe_pitch_mm": 60.0}, "shoe_pitch_mm", {"shoe_pitch_mm": 40.0}),
        ({"outline": "last"}, "outline", {"outline": "foot"}),
        ({"length": "three_quarter", "relief_mth2": 3.0}, "relief_mth2", {"length": "sulcus"}),
        ({"length": "sulcus", "relief_toe1": 3.0}, "relief_toe1", {"length": "full"}),
        ({"first_ray_cutout": True, "morton_extension_mm": 2.0}, "morton_extension_mm", {"morton_extension_mm": 0.0}),
        ({"label": "foot #1"}, "label", {"label": "FOOT -1"}),
        ({"stock_insole_removed": False, "stock_insole_thickness_mm": 3.0},
         "forefoot total", {"shoe_forefoot_depth_mm": 7.0}),
    ],
)  # fmt: skip
def test_what_can_not_be_together_is_refused_with_a_value_that_works(
    asked: dict[str, Any], rule: str, fixed: dict[str, Any]
) -> None:
    with pytest.raises(DesignError) as caught:
        RX(**asked)
    assert caught.value.rule == rule
    ((field, value),) = fixed.items()
    nearest = str(caught.value.nearest)
    assert nearest in (
        str(value),
        f"{field} = {value}",
        f"{field} = {value:g}" if isinstance(value, float) else "",
        "5 mm",
    )
    RX(**{**asked, **fixed})


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
    assert preset_names() == ("dress", "everyday", "high_arch", "low_arch", "sport")
    assert not any(read_preset(name).condition for name in preset_names())


def test_a_one_sided_lift_warns() -> None:
    assert pair_advice(RX(), RX(heel_lift_mm=4.0))[0].code == "one_sided_lift"
    assert not pair_advice(RX(heel_lift_mm=4.0), RX(heel_lift_mm=4.0))


# ------------------------------------------------------------------ files


def test_rx_toml_has_fields_at_the_top_and_what_differs_by_side(tmp_path: Path) -> None:
    path = tmp_path / "RX.toml"
    path.write_text(
        'heel_cup_depth_mm = 14\nprescriber = "A. B."\n[left]\nheel_lift_mm = 3.5\n[right]\nrelief_mth2 = 4\n', "utf-8"
    )
    assert read_prescription(path) == {
        "both": {"heel_cup_depth_mm": 14.0, "prescriber": "A. B."},
        "left": {"heel_lift_mm": 3.5},
        "right": {"relief_mth2": 4.0},
    }


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("heel_cup_depth = 12", DesignError, "heel_cup_depth_mm"),
        ("[left]\nheel_lift_mm = 12", DesignError, r"RX.toml \[left\]"),
        ('heel_lift_mm = "4"', DesignError, "heel_lift_mm"), ("left = 3", DesignError, "table"),
        ("heel_lift_mm = ", ReadError, "TOML"),
        ("heel_lift_mm = nan", DesignError, "heel_lift_mm"), ("[middle]\nx = 1", DesignError, "middle"),
    ],
)  # fmt: skip
def test_a_bad_rx_toml_is_refused_in_one_line(tmp_path: Path, text: str, error: type[Exception], says: str) -> None:
    path = tmp_path / "RX.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(error, match=says) as caught:
        read_prescription(path)
    assert "\n" not in str(caught.value) and "RX.toml" in str(caught.value)
    with pytest.raises(ReadError):
        read_prescription(tmp_path / "none.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReadError):
        read_prescription(tmp_path / "b.toml")


@given(
    st.fixed_dictionaries({}, optional={name: st.floats(FIELDS[name].low, FIELDS[name].high) for name in NUMBERS}),
    st.booleans(),
)
def test_records_go_to_json_and_back_without_loss(values: dict[str, float], points: bool) -> None:
    given_outline = (
        {"outline": "last", "outline_points_mm": [[i * 30.1, (i % 2) * 0.1] for i in range(9)]} if points else {}
    )
    try:
        rx = RX(**values, **given_outline)
    except DesignError:
        rx = prescribe(measured(), walked(), edits={"heel_lift_mm": abs(values.get("heel_lift_mm", 1.0)) % 6})
    assert from_json(to_json(rx)) == rx and from_dict(to_dict(rx)) == rx
    assert to_json(rx) == to_json(from_json(to_json(rx)))


def test_a_prescription_from_elsewhere_is_checked() -> None:
    for text in (
        "[1]",
        "{",
        '{"heel_cup": 3}',
        '{"heel_lift_mm": 30}',
        '{"reasons": {"length": {"text": "x"}}}',
        '{"schema": "x/2"}',
    ):
        with pytest.raises(DesignError):
            from_json(text)


def test_the_page_on_fields_names_each_with_its_range_and_default() -> None:
    page = (Path(__file__).parents[1] / "docs" / "insole.md").read_text("utf-8")
    for name, field in FIELDS.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |")).replace("−", "-")
        if field.kind in ("number", "whole"):
            assert f"| {field.low:g}…{field.high:g}" in row
        assert all(f"`{choice}`" in row for choice in field.choices) and field.does.replace("−", "-") in row
        if field.kind == "number" and field.default is not None:
            assert f"| {field.default:g} |" in row
