"""Synthetic walks, cadence 60–160, on plates and in shoes: all steps and no other, when, where and how hard; what the
steps of a foot, and both feet, say together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from known_walks import Kind, assert_clean, matched, walk_of

from footscan.pressure import ContactRule, analyse
from footscan.pressure.gait import gait_values, order_by_foot
from footscan.pressure.spatial import Stand, line_of_progression, spatial_values
from footscan.pressure.steps import find_swings
from footscan.pressure.summary import SYMMETRY_KEYS, Spread, symmetry
from footscan.types import Recording, Side, replace

# ------------------------------------------------------------------ clean walks


@pytest.mark.parametrize("kind", ["in_shoe", "plate"])
@pytest.mark.parametrize("cadence", [60.0, None, 160.0])
def test_clean_walks_of_any_cadence(kind: Kind, cadence: float | None, seed: int) -> None:
    cadence = cadence or float(np.random.default_rng(seed).uniform(65, 155))
    walk = walk_of(kind, seed, cadence)
    found = analyse(walk.recording)
    assert_clean(found, walk)
    truth = walk.truth
    assert found.gait["stride_time_s"] == pytest.approx(truth["stride_time_s"], abs=0.011)
    assert found.gait["cadence_steps_per_min"] == pytest.approx(cadence, rel=0.015)
    for side in ("left", "right"):
        assert found.gait["step_time_s"][side] == pytest.approx(truth["step_time_s"], abs=0.011)
        assert found.gait["stance_s"][side] == pytest.approx(truth["stance_s"], abs=0.040)
    for key in ("double_support_first_s", "double_support_second_s"):
        assert found.gait[key] == pytest.approx(truth[key], abs=0.040)
    assert found.gait["double_support_vendor_s"] == pytest.approx(truth["double_support_vendor_s"], abs=0.080)


@pytest.mark.prove
@pytest.mark.parametrize("kind", ["in_shoe", "plate"])
@pytest.mark.parametrize("cadence", [60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160])
@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0])
def test_clean_walks_of_every_cadence(kind: Kind, cadence: int, rate_hz: float, seed: int) -> None:
    for more in range(3):
        walk = walk_of(kind, seed + more, float(cadence), rate_hz=rate_hz)
        assert_clean(analyse(walk.recording), walk)


def test_thresholds_are_parameters(seed: int) -> None:
    walk = walk_of("in_shoe", seed, 110.0)
    low, high = (
        analyse(walk.recording, rule=ContactRule(shoe_on_fraction=on, shoe_off_fraction=on, trace_ends=False))
        for on in (0.05, 0.30)
    )
    for (early, _), (late, _) in zip(matched(low, walk), matched(high, walk)):
        assert early.start_s < late.start_s and early.stop_s > late.stop_s


def test_a_preload_that_drifts_loses_no_step(seed: int) -> None:
    """Each cell's offset grows by 8 kPa on average, which is as much as a fifth of the body weight in the end: the
    baseline follows it, whether the drift is then taken off or not."""
    rng = np.random.default_rng(seed)
    walk = walk_of("in_shoe", seed, 110.0, body_weight_n=600.0)
    parts = []
    for part in walk.recording.pressure:
        done = part.time_s / part.time_s[-1]
        drift = done[:, None] ** 1.5 * rng.uniform(4.0, 12.0, part.values.shape[1])
        parts.append(replace(part, values=part.values + drift))
    recording = replace(walk.recording, pressure=tuple(parts))
    found = analyse(recording, correct=False)
    for step, truth in matched(found, walk):
        assert (step.start_s, step.stop_s) == pytest.approx((truth["start_s"], truth["stop_s"]), abs=0.030)
    area = np.asarray(parts[0].layout.area_mm2)
    swings = find_swings(parts[0].values @ area / 1000.0, parts[0].time_s, ContactRule())
    assert swings is not None and len(swings.spans) == 7
    drift_n = (parts[0].values - walk.recording.pressure[0].values) @ area / 1000.0
    middle = slice(int(swings.spans[0, 0]), int(swings.spans[-1, 1]))
    np.testing.assert_allclose(swings.baseline(parts[0].time_s)[middle], drift_n[middle], atol=8.0)


# ------------------------------------------------------------------ where feet stand


@pytest.mark.parametrize("toe_out_deg", [0.0, 12.0])
def test_places_on_a_walkway(toe_out_deg: float, seed: int) -> None:
    walk = walk_of("plate", seed, 110.0, cell_mm=8.0, toe_out_deg=toe_out_deg, steps=4)
    found = analyse(walk.recording)
    heels = {}
    for step, truth in matched(found, walk):
        centre = truth["region_centres_mm"]
        heels[step.start_s] = 0.5 * (centre["heel_medial"] + centre["heel_lateral"])
        assert step.values["foot_progression_angle_deg"] == pytest.approx(toe_out_deg, abs=3.0)
    used = [s for s in found.steps if s.used]
    for before, step in pairwise(used):
        way = heels[step.start_s] - heels[before.start_s]
        assert step.values["step_length_mm"] == pytest.approx(way[0], abs=3.0)
        assert step.values["step_width_mm"] == pytest.approx(abs(way[1]), abs=3.0)
    assert used[0].values["step_length_mm"] is None and "before" in used[0].reasons["step_length_mm"]
    speed = found.gait["stride_length_mm"] / 1000.0 / found.gait["stride_time_s"]
    assert found.gait["speed_m_per_s"] == pytest.approx(speed, rel=0.03)


def test_a_foot_that_is_turned_out_on_a_line_that_is_turned(rng: np.random.Generator) -> None:
    """On paper: heels on two parallel lines in any direction, feet turned out by any angle; one foot may cross over."""
    for _ in range(20):
        turn, out, length, width = rng.uniform(-np.pi, np.pi), rng.uniform(-20, 30), 600.0, rng.uniform(-40, 150)
        line = np.array([np.cos(turn), np.sin(turn)])
        left = np.array([-line[1], line[0]])
        stands = []
        for k in range(5):
            side: Side = "left" if k % 2 else "right"
            lateral = 1.0 if side == "left" else -1.0
            angle = turn + lateral * np.deg2rad(out)
            heel = k * length * line + lateral * 0.5 * width * left
            stands.append(Stand(side, float(k), 0, heel, np.array([np.cos(angle), np.sin(angle)])))
        found = line_of_progression(stands)
        assert found is not None
        np.testing.assert_allclose(found, line, atol=1e-12)
        for k, place in enumerate(spatial_values(stands)):
            assert place.values["foot_progression_angle_deg"] == pytest.approx(out)
            if k:
                assert place.values["step_length_mm"] == pytest.approx(length)
                assert place.values["step_width_mm"] == pytest.approx(width)
    alone = spatial_values(stands[:1])[0]
    assert alone.values["step_length_mm"] is None and set(alone.reasons) == {"step_length_mm", "step_width_mm"}


def test_in_shoes_nobody_knows_where_feet_stand(seed: int) -> None:
    found = analyse(walk_of("in_shoe", seed, 110.0).recording)
    for key in ("stride_length_mm", "speed_m_per_s", "step_width_mm"):
        assert found.gait[key] is None and "in-shoe" in found.reasons[key]
    assert found.gait["step_length_mm"] == {"left": None, "right": None}
    assert found.balance is None and "in-shoe" in found.reasons["balance"]


# ------------------------------------------------------------------ steps together


def test_step_time_is_from_the_other_foots_landing() -> None:
    spans: list[tuple[Side, float, float, bool, bool, int]]
    spans = [("left", k * 1.2, k * 1.2 + 0.75, True, False, 0) for k in range(4)]
    spans += [("right", 0.62 + k * 1.2, 0.62 + k * 1.2 + 0.73, True, False, 0) for k in range(4)]
    values, _ = gait_values(order_by_foot(spans))
    assert values["step_time_s"] == {"left": pytest.approx(0.58), "right": pytest.approx(0.62)}
    missed = [span for span in spans if span[:2] != ("right", 1.82)]  # then the left foot lands twice in a row
    values, _ = gait_values(order_by_foot(missed))
    assert values["step_time_s"] == {"left": pytest.approx(0.58), "right": pytest.approx(0.62)}


def test_the_summary_is_mean_and_sd_of_the_used_steps(seed: int) -> None:
    walk = walk_of("in_shoe", seed, 100.0, noise_kpa=1.0)
    found = analyse(walk.recording)
    for side in ("left", "right"):
        used = [s for s in found.steps if s.used and s.side == side]
        got = found.summary["left" if side == "left" else "right"]
        assert got.steps == len(used) == 6
        for key, spread in got.values.items():
            known = [v for s in used if (v := s.values[key]) is not None]
            assert spread.n == len(known)
            if len(known) > 1:
                assert (spread.mean, spread.sd) == pytest.approx((np.mean(known), np.std(known, ddof=1)))
        for name, row in got.regions.items():
            peaks = [v for s in used if (v := s.regions[name]["peak_kpa"]) is not None]
            assert row["peak_kpa"].n == len(peaks)
            if peaks:
                assert row["peak_kpa"].mean == pytest.approx(np.mean(peaks))
        assert got.cells is not None and got.cells.peak_sd is not None
        np.testing.assert_allclose(got.cells.peak_mean, np.mean([s.peak for s in used], axis=0))
        np.testing.assert_allclose(got.cells.peak_sd, np.std([s.peak for s in used], axis=0, ddof=1))
        # the largest of the integrals of the cells is the key of that name
        assert max(used[0].integral) == pytest.approx(used[0].values["pti_cell_kpa_s"])
    assert Spread.of([None, 3.0]) == Spread(3.0, None, 1) and Spread.of([None]) == Spread(None, None, 0)


def test_on_a_plate_there_are_no_images_of_cells(seed: int) -> None:
    found = analyse(walk_of("plate", seed, 120.0, cell_mm=10.0, steps=3).recording)
    for got in found.summary.values():
        assert got.cells is None and "plate" in got.reasons["cells"] and got.values["peak_kpa"].n == got.steps


def test_symmetry_of_known_feet(seed: int) -> None:
    walk = walk_of("in_shoe", seed, 110.0)
    found = analyse(walk.recording)
    for key in SYMMETRY_KEYS:
        row = found.symmetry[key]
        if row["index_percent"] is None:
            assert f"symmetry.{key}" in found.reasons
        elif key in ("impulse_n_s", "max_force_n", "contact_time_s"):  # both feet carry the same
            assert row["index_percent"] == pytest.approx(0.0, abs=2.0)
    heavier = Recording(
        tuple(
            replace(p, values=p.values * np.float32(1.5 if p.side == "right" else 1.0)) for p in walk.recording.pressure
        )
    )
    row = analyse(heavier).symmetry["impulse_n_s"]
    assert row["left"] is not None and row["right"] is not None
    assert row["index_percent"] == pytest.approx(100 * 0.5 / 1.25, abs=2.0)
    angle = 100 * (45 - np.degrees(np.arctan(1 / 1.5))) / 90
    assert row["angle_percent"] == pytest.approx(angle, abs=1.0)
    alone, reasons = symmetry({"left": found.summary["left"]})
    assert alone["impulse_n_s"]["index_percent"] is None and "right" in reasons["symmetry.impulse_n_s"]


def test_a_contact_with_a_long_hole_is_not_used(seed: int) -> None:
    walk = walk_of("in_shoe", seed, 80.0)
    full = [c for c in walk.truth["contacts"] if c["full"] and c["side"] == "left"]
    middle = 0.5 * (full[2]["start_s"] + full[2]["stop_s"])
    parts = []
    for part in walk.recording.pressure:
        kept = (part.side != "left") | (np.abs(part.time_s - middle) > 0.08)
        parts.append(replace(part, values=part.values[kept], time_s=part.time_s[kept]))
    found = analyse(replace(walk.recording, pressure=tuple(parts)))
    torn = [s for s, _ in matched(found, walk) if s.side == "left"][2]
    assert not torn.used and "missing" in torn.reasons["used"]
    assert [fault.kind for fault in found.faults] == ["lost_frames"]
