"""The customer's way by its laws: it never gets stuck, never goes back in what was agreed, and can always be kept."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.kiosk import flow, views
from station.kiosk.flow import (
    Accepted,
    Agreed,
    Back,
    Choice,
    Chosen,
    Confirmed,
    Continue,
    Event,
    Failed,
    Finished,
    Guarded,
    Made,
    Named,
    Prepared,
    Problem,
    Redo,
    Scanned,
    Walked,
    WalkLeftOut,
    Way,
    WrongStep,
    step,
)  # fmt: skip
from station.kiosk.texts import Words

EVENTS: tuple[Event, ...] = (
    Agreed(("measure",)), Agreed(("measure", "keep")), Named("new"), Named("known"), Named("new", minor=True),
    Guarded(),
    Prepared(), Prepared(("left",)), Prepared(stance="sitting"), Scanned(("left", "right")), Scanned(("left",)),
    Scanned(("left", "right"), (Problem("left", "sock"),)), Scanned(("left", "right"), (Problem("left", "moved"),)),
    Failed("scan_unclear"), Accepted(), Redo(), Walked(), WalkLeftOut(), Made(), Continue(),
    Chosen(Choice("cork")),
    Confirmed("O-1"), Back(), Finished(),
)  # fmt: skip
WELL = (
    Agreed(("measure",)), Named("new"), Prepared(), Scanned(("left", "right")), Walked(), Made(), Continue(),
    Chosen(Choice("cork", "full", "sport")), Confirmed("O-1"),
)  # fmt: skip
BY_DEVICES = (Scanned, Walked, Made, Failed)
sequences = st.lists(st.sampled_from(EVENTS), max_size=40)


def gone(way: Way, events: list[Event]) -> list[Way]:
    """Every state on the way; what can't happen is left out."""
    ways = [way]
    for event in events:
        try:
            ways.append(step(ways[-1], event))
        except WrongStep:
            continue
    return ways


def test_when_all_goes_well_the_way_is_straight_and_few_taps_long() -> None:
    ways = gone(Way(), list(WELL))
    screens = ["consent", "who", "prepare", "scan", "walk", "result", "result", "choose", "confirm", "takeaway"]
    assert [way.screen for way in ways] == screens
    to_result = WELL[: screens.index("result")]
    assert 1 + sum(not isinstance(event, BY_DEVICES) for event in to_result) <= 6  # the first tap is the language


@given(sequences)
def test_no_step_leads_off_the_way(events: list[Event]) -> None:
    for way in gone(Way(), events):
        assert way.screen in flow.SCREENS
        assert set(way.scanned) <= set(way.feet)
        if way.screen in ("walk", "result", "choose", "confirm", "takeaway"):
            assert way.scanned and not way.refused  # no insole without a scan that can be trusted
        if way.screen not in ("consent", "ended"):
            assert "measure" in way.purposes
        if way.screen in ("choose", "confirm", "takeaway"):
            assert way.made == "done"
        if way.order:
            assert way.screen in ("takeaway", "ended")


@given(sequences)
def test_every_state_is_kept_and_comes_back_the_same(events: list[Event]) -> None:
    for way in gone(Way(lang="zh"), events):
        assert flow.from_json(json.loads(json.dumps(flow.to_json(way)))) == way


@given(sequences)
def test_from_everywhere_there_is_a_way_to_the_end(events: list[Event]) -> None:
    way = gone(Way(), events)[-1]
    assert step(way, Finished()).screen == "ended"
    if way.screen == "ended":
        with pytest.raises(WrongStep):
            step(way, Back())
        return
    for _ in range(12):
        if way.screen == "takeaway":
            break
        helpful = [*WELL, Guarded(), Redo()] if way.screen not in ("consent", "who") else list(WELL)
        for event in helpful:
            after = gone(way, [replace(event, sides=way.feet) if isinstance(event, Scanned) else event])[-1]
            if after != way:
                way = after
                break
    assert way.screen == "takeaway"


@given(sequences)
def test_a_second_tap_changes_nothing(events: list[Event]) -> None:
    once = gone(Way(), events)[-1]
    for event in (Agreed(("measure",)), Named("new"), Prepared(), Continue(), Chosen(Choice()), Confirmed("O-2")):
        after = gone(once, [event])[-1]
        again = gone(after, [event])[-1]
        assert again == after or after == once


def test_back_is_on_every_screen_but_the_last_and_leads_to_the_one_before() -> None:
    ways = {way.screen: way for way in gone(Way(), list(WELL))}
    before = {"who": "consent", "prepare": "who", "scan": "prepare", "walk": "prepare", "result": "walk",
              "choose": "result", "confirm": "choose"}  # fmt: skip
    for screen, expected in before.items():
        assert step(ways[screen], Back()).screen == expected
    with pytest.raises(WrongStep):
        step(ways["takeaway"], Back())


def test_a_new_scan_forgets_what_came_of_the_old_one() -> None:
    way = gone(Way(), list(WELL[:6]))[-1]
    again = step(way, Redo())
    assert (again.screen, again.scanned, again.walk, again.made, again.scans) == ("scan", (), "", "", way.scans + 1)


def test_one_foot_and_sitting_get_through() -> None:
    way = gone(Way(), [*WELL[:2], Prepared(("right",), "sitting"), Scanned(("right",))])[-1]
    assert (way.screen, way.walk, way.scanned) == ("result", "left_out", ("right",))
    assert gone(way, list(WELL[5:]))[-1].screen == "takeaway"
    assert step(way, Back()).screen == "prepare"


@pytest.mark.parametrize("code", flow.STOPPING)
def test_a_doubtful_scan_stops_and_only_a_trusted_one_goes_on(code: str) -> None:
    way = gone(Way(), [*WELL[:3], Scanned(flow.BOTH, (Problem("left", code),))])[-1]
    assert way.screen == "score"
    on = gone(way, [Accepted()])[-1]
    assert on.screen == ("score" if code in flow.REFUSED else "walk")
    assert step(way, Redo()).screen == "scan"


def test_small_faults_do_not_stop_anybody() -> None:
    way = gone(Way(), [*WELL[:3], Scanned(flow.BOTH, (Problem("left", "leg_short"), Problem("right", "toes_fused")))])[
        -1
    ]
    assert way.screen == "walk"


def test_a_child_needs_a_guardian() -> None:
    way = gone(Way(), [WELL[0], Named("new", minor=True)])[-1]
    assert way.screen == "guardian"
    with pytest.raises(WrongStep):
        step(way, Prepared())
    assert step(way, Guarded()).guardian


@pytest.mark.parametrize(
    "event", [Agreed(("keep",)), Agreed(("measure", "sell")), Agreed(())], ids=["not needed one", "unknown", "none"]
)
def test_consent_is_to_what_there_is(event: Event) -> None:
    with pytest.raises(ValueError, match="purposes"):
        step(Way(), event)


@pytest.mark.parametrize("event", [Prepared(()), Prepared(("left", "left")), Prepared(stance="lying")])
def test_feet_and_stance_are_what_there_is(event: Event) -> None:
    with pytest.raises(ValueError, match="feet"):
        step(gone(Way(), list(WELL[:2]))[-1], event)


@pytest.mark.parametrize("damage", ({}, {"screen": "nowhere"}, {"choice": 3}, {"more": 1}))
def test_what_is_no_state_is_refused(damage: dict[str, object]) -> None:
    kept = {**flow.to_json(Way()), **damage} if damage else {}
    with pytest.raises(ValueError):
        flow.from_json(kept)


def test_back_from_the_result_shows_the_walk_that_was_walked() -> None:
    result = gone(Way(), list(WELL[:6]))[-1]
    assert (result.screen, result.walk, result.made) == ("result", "done", "done")
    walk = step(result, Back())
    assert (walk.screen, walk.walk, walk.made) == ("walk", "done", "done")
    assert step(walk, Continue()) == result  # nothing is made again
    again = step(walk, Redo())
    assert (again.screen, again.walk, again.made) == ("walk", "", "")
    with pytest.raises(WrongStep):
        step(again, Continue())


def test_without_sensors_nobody_is_asked_to_walk() -> None:
    result = gone(Way(walks=False), list(WELL[:4]))[-1]
    assert (result.screen, result.walk) == ("result", "left_out")
    assert step(result, Back()).screen == "prepare"


def test_a_hole_that_may_hide_a_landmark_is_told_once() -> None:
    found = (Problem("left", "hole"), Problem("left", "landmark_unseen"), Problem("right", "hole"))
    way = replace(Way(), screen="score", feet=("left", "right"), scanned=("left", "right"), problems=found)
    assert way.refused
    told = views.problems(way, Words("en"))
    assert [(one["side"], one["kind"]) for one in told] == [("left", "bad"), ("right", "warn")]
