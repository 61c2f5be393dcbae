"""What is prescribed by itself: each value with its reason, what a person asks over it, and the safety rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from insole_feet import OVAL, measured, walked

from footscan.types import FootMeasurements, Load, Measure, RegionLoads
from insole import DesignError, InsolePrescription, prescribe, preset_names
from insole.fields import FIELDS
from insole.prescription import read_preset
from insole.rules import NEUROPATHIC_OFF, NEUROPATHIC_ZERO, pair_advice

RX = InsolePrescription


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


@pytest.mark.parametrize("preset", preset_names(conditions=True))
def test_any_preset_gives_way_to_the_neuropathic_rules_without_a_posts_help(preset: str, tmp_path: Path) -> None:
    edits = {"risk": "neuropathic", "shoe_forefoot_depth_mm": 8.0, "prescriber": "A", "reviewed_by": "B"}
    rx = prescribe(measured(rearfoot_angle_deg=15.0), walked(), preset, edits)
    assert not any(getattr(rx, name) for name in (*NEUROPATHIC_ZERO, *NEUROPATHIC_OFF))
    assert rx.rearfoot_post_deg == 0.0 and rx.cover_thickness_mm >= 4.0 and rx.length == "full"
    path = tmp_path / "high.toml"
    path.write_text(
        '[heel_lift_mm]\nvalue = 9\ntext = "t"\nsource = "s"\n[arch_offset_mm]\nvalue = 3\ntext = "t"\nsource = "s"\n'
    )
    rx = prescribe(measured(), preset=path, edits=edits)
    assert rx.heel_lift_mm == 6.0 and rx.arch_offset_mm == 0.0


def test_a_bar_lies_by_the_walks_pressure_where_that_is_known() -> None:
    two = {"prescriber": "A", "reviewed_by": "B"}
    front = ((150.0, -30.0), (160.0, 0.0), (158.0, 35.0))
    rx = prescribe(measured(), None, "cavus_forefoot", two, front)
    assert rx.met_bar_front_mm == front and rx.reasons["met_bar_front_mm"].by == "rule"
    assert "bar_without_pressure_map" not in {note.code for note in rx.notes}
    assert "bar_without_pressure_map" in {n.code for n in prescribe(measured(), None, "cavus_forefoot", two).notes}
    for preset, edits in (("everyday", {}), ("cavus_forefoot", {**two, "met_pad_shape": "wide"})):
        assert prescribe(measured(), None, preset, edits, front).met_bar_front_mm is None
    own = [[140.0, -30.0], [150.0, 30.0]]
    rx = prescribe(measured(), None, "cavus_forefoot", {**two, "met_bar_front_mm": own}, front)
    assert rx.met_bar_front_mm == tuple(map(tuple, own)) and rx.reasons["met_bar_front_mm"].by == "person"


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
    path.write_text("title = 3\n", "utf-8")
    with pytest.raises(DesignError, match="title or condition"):
        read_preset(path)
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
