"""Pressure: what must hold for any recording, and each formula on input whose answer is known on paper."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from footscan.errors import ScanError
from footscan.io.layouts import grid_layout, pedar_layout
from footscan.pressure import ContactRule, StepMetrics, analyse, region_loads
from footscan.pressure.cop import excursion_index_percent, path_mm, prediction_ellipse_mm2
from footscan.pressure.gait import gait_values, order_by_foot
from footscan.pressure.maps import peak_gradient
from footscan.pressure.metrics import KEYS, REGION_KEYS, arch_index, loading_rate_n_per_s
from footscan.pressure.regions import REGIONS, foot_grid, pedar_labels, region_labels
from footscan.pressure.running import Accumulator, accumulate, frame_weights
from footscan.pressure.steps import find_contacts
from footscan.types import Array, Event, PressureRecording, Recording, SensorLayout, Side, replace

PRESSURES = ("peak_kpa", "mean_kpa", "pti_peak_kpa_s", "pti_cell_kpa_s", "pti_mean_kpa_s")
FORCES = ("max_force_n", "impulse_n_s", "peak_pressure_gradient_kpa_per_mm")
SUPPORTS = ("double_support_first_s", "double_support_second_s", "double_support_vendor_s")
TIMES = ("contact_time_s", "stride_time_s", "step_time_s", *SUPPORTS)


def tiny_walk(
    seed: int, side: Side = "left", lag_s: float = 0.0, contacts: int = 4, rate_hz: float = 100.0
) -> PressureRecording:
    """One pedar insole: contacts of 0.6 s every 1.0 s, load rolling from heel to toes, random shares of the cells."""
    rng = np.random.default_rng(seed)
    layout = pedar_layout("w", side)
    time_s = np.arange(int((contacts + 1.0) * rate_hz)) / rate_hz
    phase = (time_s - 0.3 - lag_s) % 1.0 / 0.6
    on = (phase < 1.0) & (time_s >= 0.3 + lag_s) & (time_s < contacts + 0.3 + lag_s)
    rise = np.where(on, np.sin(np.pi * np.clip(phase, 0, 1)) ** 0.5, 0.0)
    along = layout.xy_mm[:, 0] / layout.xy_mm[:, 0].max()
    roll = np.exp(-0.5 * ((along - phase[:, None]) / 0.3) ** 2) * rng.uniform(0.5, 1.5, len(along))
    return PressureRecording(rise[:, None] * roll * 200.0, "kPa", time_s, layout, side=side)


def pair(seed: int) -> Recording:
    return Recording((tiny_walk(seed, "left"), tiny_walk(seed + 1, "right", lag_s=0.5)), format="tiny")


def numbers(steps: tuple[StepMetrics, ...], *keys: str) -> Array:
    return np.array([[np.nan if step.values[key] is None else step.values[key] for key in keys] for step in steps])


def changed(recording: Recording, **changes: object) -> Recording:
    return replace(recording, pressure=tuple(replace(part, **changes) for part in recording.pressure))


seeds = st.integers(0, 10_000)


# ------------------------------------------------------------------ what every analysis holds


@given(seeds)
@settings(max_examples=8)
def test_every_key_is_there_and_what_is_none_says_why(seed: int) -> None:
    found = analyse(pair(seed), keep_ends=True)
    assert len(found.steps) == 8 and all(tuple(step.values) == KEYS for step in found.steps)
    for step in found.steps:
        for key, value in step.values.items():
            assert value is None or np.isfinite(value)
            assert (value is None) == (key in step.reasons), key
        assert tuple(step.regions) == REGIONS and all(tuple(row) == REGION_KEYS for row in step.regions.values())
    for key in ("max_force_n", "peak_kpa"):
        assert {f"{key}.{side}" for side, value in getattr(found, key).items() if value is None} <= set(found.reasons)
    for key, value in found.gait.items():
        lacks = (
            [f"{key}.{s}" for s, v in value.items() if v is None]
            if isinstance(value, dict)
            else [key] * (value is None)
        )
        assert set(lacks) <= set(found.reasons)


@given(seeds)
@settings(max_examples=6)
def test_order_among_the_pressures(seed: int) -> None:
    for step in analyse(pair(seed)).steps:
        v = {key: value for key, value in step.values.items() if value is not None}
        assert v["pti_cell_kpa_s"] <= v["pti_peak_kpa_s"] * (1 + 1e-9) and v["mean_kpa"] <= v["peak_kpa"]
        assert (
            v["pti_mean_kpa_s"] <= v["pti_peak_kpa_s"]
            and v["time_over_200_s"] <= v["time_over_100_s"] <= v["contact_time_s"]
        )
        assert v["dose_over_200_kpa_s"] <= v["dose_over_100_kpa_s"] <= v["pti_cell_kpa_s"]
        assert v["impulse_n_s"] <= v["max_force_n"] * v["contact_time_s"] * (1 + 1e-9)
        rows = list(step.regions.values())
        assert max(r["peak_kpa"] for r in rows if r["peak_kpa"] is not None) == v["peak_kpa"]
        assert sum(r["impulse_n_s"] or 0.0 for r in rows) == pytest.approx(v["impulse_n_s"])
        assert sum(r["contact_area_mm2"] or 0.0 for r in rows) == pytest.approx(v["contact_area_mm2"])


@given(seeds, st.floats(0.1, 8.0))
@settings(max_examples=6)
def test_scaling_pressure_scales_force(seed: int, factor: float) -> None:
    recording = pair(seed)
    scaled = replace(
        recording, pressure=tuple(replace(p, values=p.values * np.float32(factor)) for p in recording.pressure)
    )
    a, b = analyse(recording), analyse(scaled)
    np.testing.assert_allclose(
        numbers(b.steps, *PRESSURES, *FORCES), factor * numbers(a.steps, *PRESSURES, *FORCES), rtol=2e-5
    )
    np.testing.assert_allclose(numbers(b.steps, *TIMES), numbers(a.steps, *TIMES))
    np.testing.assert_allclose(numbers(b.steps, "cop_path_mm"), numbers(a.steps, "cop_path_mm"), rtol=1e-4)


@given(seeds)
@settings(max_examples=6)
def test_the_order_of_the_cells_changes_nothing(seed: int) -> None:
    recording = pair(seed)
    parts = []
    for part in recording.pressure:
        order = np.random.default_rng(seed).permutation(99)
        layout = pedar_layout("w", part.side, (order + 1).tolist())
        parts.append(replace(part, layout=layout, values=part.values[:, order]))
    a, b = analyse(recording), analyse(replace(recording, pressure=tuple(parts)))
    everything = [key for key in KEYS if a.steps[2].values[key] is not None]
    np.testing.assert_allclose(numbers(b.steps, *everything), numbers(a.steps, *everything), rtol=1e-6)
    for x, y in zip(a.steps, b.steps):
        assert x.regions["mth2"]["peak_kpa"] == y.regions["mth2"]["peak_kpa"]


@given(seeds)
@settings(max_examples=6)
def test_a_mirrored_layout_mirrors_the_centre_of_pressure(seed: int) -> None:
    recording = pair(seed)
    parts = tuple(
        replace(
            p,
            side="left" if p.side == "right" else "right",
            layout=pedar_layout("w", "left" if p.side == "right" else "right"),
        )
        for p in recording.pressure
    )
    a, b = analyse(recording), analyse(replace(recording, pressure=parts))
    for x, y in zip(a.steps, b.steps):
        assert x.side != y.side and x.cop_xy_mm is not None and y.cop_xy_mm is not None
        np.testing.assert_allclose(y.cop_xy_mm, x.cop_xy_mm * [1.0, -1.0], atol=1e-9)
        assert {n: dict(r) for n, r in x.regions.items()} == {n: dict(r) for n, r in y.regions.items()}
    # and so left and right change places
    assert a.gait["stance_s"]["left"] == pytest.approx(b.gait["stance_s"]["right"])
    assert a.max_force_n["left"] == b.max_force_n["right"]
    assert region_loads(a)["left"].peak_kpa == region_loads(b)["right"].peak_kpa


@given(seeds, st.floats(0.0, 1e5))
@settings(max_examples=6)
def test_a_shift_in_time_changes_nothing(seed: int, shift_s: float) -> None:
    recording = pair(seed)
    moved = replace(recording, pressure=tuple(replace(p, time_s=p.time_s + shift_s) for p in recording.pressure))
    a, b = analyse(recording), analyse(moved)
    everything = [key for key in KEYS if a.steps[2].values[key] is not None]
    np.testing.assert_allclose(numbers(b.steps, *everything), numbers(a.steps, *everything), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose([s.start_s for s in b.steps], [s.start_s + shift_s for s in a.steps])


def test_analysis_gives_the_same_bits_twice() -> None:
    a, b = analyse(pair(1)), analyse(pair(1))
    assert [dict(s.values) for s in a.steps] == [dict(s.values) for s in b.steps] and dict(a.gait) == dict(b.gait)


# ------------------------------------------------------------------ what is not there


def test_force_cells_give_no_pressure_but_all_of_force() -> None:
    zones = SensorLayout(np.array([[30.0, 0], [150, 20], [220, -20]]), frame="insole")
    walk = tiny_walk(3)
    values = np.stack([walk.values[:, k::33].sum(axis=1) for k in range(3)], axis=1)
    recording = Recording((PressureRecording(values, "N", walk.time_s, zones, side="left"),))
    found = analyse(recording, keep_ends=True)
    assert found.quantity == "force" and len(found.steps) == 4
    step = found.steps[1]
    assert step.values["max_force_n"] == pytest.approx(values.sum(axis=1).max(), rel=1e-6)
    for key in (*PRESSURES, "contact_area_mm2", "peak_pressure_gradient_kpa_per_mm"):
        assert step.values[key] is None and step.reasons[key]
    assert found.reasons["peak_kpa.left"] == "cells measure force, not pressure"
    assert region_loads(found)["left"].peak_kpa == {}


def test_raw_counts_give_times_only_and_say_how_to_calibrate() -> None:
    found = analyse(changed(pair(4), unit="raw"), keep_ends=True)
    assert found.quantity == "raw" and set(found.max_force_n.values()) == {None}
    for step in found.steps:
        present = {key for key, value in step.values.items() if value is not None}
        assert present <= {"contact_time_s", "contact_area_mm2", *TIMES, "double_support_s", "cadence_steps_per_min"}
        assert "calibrate" in step.reasons["peak_kpa"] and "calibrate" in step.reasons["impulse_n_s"]
        assert step.cop_xy_mm is None


def test_unknown_areas_leave_pressures_but_no_force() -> None:
    walk = tiny_walk(5)
    layout = pedar_layout("", "left")
    found = analyse(Recording((replace(walk, layout=layout),)))
    step = found.steps[1]
    assert step.values["peak_kpa"] is not None and step.regions["hallux"]["peak_kpa"] is not None
    for key in ("max_force_n", "mean_kpa", "contact_area_mm2", "cop_path_mm", "peak_pressure_gradient_kpa_per_mm"):
        assert (step.values[key] is None and "not known" in step.reasons[key]) or "in mm" in step.reasons[key]


def test_one_foot_has_strides_but_no_double_support() -> None:
    found = analyse(Recording((tiny_walk(6),)))
    assert found.gait["stride_time_s"] == pytest.approx(1.0) and found.gait["cadence_steps_per_min"] == pytest.approx(
        120.0
    )
    for key in ("double_support_first_s", "double_support_second_s", "double_support_s", "double_support_vendor_s"):
        assert found.gait[key] is None and found.reasons[key] == "needs contacts of both feet"
    assert found.gait["stance_s"]["right"] is None and found.reasons["stance_s.right"] == "no right foot"


@pytest.mark.parametrize("frames", [0, 1, 2, 500])
def test_a_recording_with_no_step_says_so(frames: int) -> None:
    layout = pedar_layout("x", "left")
    for values in (np.zeros((frames, 99)), np.full((frames, 99), 1e-6)):
        part = PressureRecording(values, "kPa", np.arange(frames) / 50.0, grid_layout(11, 9, 5, 5), side="left")
        found = analyse(Recording((part,)))
        assert found.steps == () and found.reasons["steps"].startswith("no contact found")
    empty = analyse(
        Recording((PressureRecording(np.zeros((frames, 99)), "kPa", np.arange(frames) / 50.0, layout, side="left"),))
    )
    assert empty.steps == () and region_loads(empty) == {}


def test_a_recording_without_pressure_is_refused() -> None:
    with pytest.raises(ScanError):
        analyse(Recording(()))
    with pytest.raises(ValueError, match="mask"):
        analyse(pair(0), mask="novel")
    with pytest.raises(ValueError, match="side"):
        analyse(pair(0), **{"side": "up"})


def test_the_side_that_is_given_outranks_a_name_but_not_the_sensor() -> None:
    walk = tiny_walk(7)
    for side, side_from, expected in (
        ("unknown", "content", "right"),
        ("left", "filename", "right"),
        ("left", "content", "left"),
    ):
        part = replace(walk, side=side, side_from=side_from, layout=grid_layout(11, 9, 25, 10, frame="insole"))
        found = analyse(Recording((part,)), side="right")
        assert {step.side for step in found.steps} == {expected}
        assert found.side_from == ("content" if side_from == "content" and side != "unknown" else "given")


def test_ends_are_left_out_of_gait_unless_kept() -> None:
    found, kept = analyse(pair(8)), analyse(pair(8), keep_ends=True)
    assert found.gait["steps"] == 4 and kept.gait["steps"] == 8 and found.gait["contacts"] == 8
    assert [s.used for s in found.steps if s.side == "left"] == [False, True, True, False]
    assert "first or last" in found.steps[0].reasons["used"]


def test_marks_in_the_file_win() -> None:
    marks = [("heel_strike", 1.32), ("toe_off", 1.80), ("heel_strike", 2.40), ("toe_off", 2.85)]
    events = tuple(Event(name, at, "left") for name, at in marks)
    found = analyse(replace(Recording((tiny_walk(9),)), events=events))
    assert [(s.start_s, s.stop_s, s.used) for s in found.steps] == [(1.32, 1.80, True), (2.40, 2.85, True)]
    assert found.gait["stance_s"]["left"] == pytest.approx(0.465)


def test_missing_cells_carry_nothing() -> None:
    walk = tiny_walk(10)
    valid = np.ones(walk.values.shape, bool)
    valid[:, 40] = False
    a = analyse(Recording((replace(walk, values=np.where(valid, walk.values, 1e4), valid=valid),)))
    b = analyse(Recording((replace(walk, values=np.where(valid, walk.values, 0.0)),)))
    assert [s.values["peak_kpa"] for s in a.steps] == [s.values["peak_kpa"] for s in b.steps]
    assert "missing_cells" in a.reasons and "missing_cells" not in b.reasons


def test_a_preload_in_swing_is_no_contact_and_stays_in_the_metrics() -> None:
    walk = tiny_walk(11)
    loaded = replace(walk, values=walk.values + np.float32(4.0))
    a, b = analyse(Recording((walk,))), analyse(Recording((loaded,)))
    assert [(s.start_s, s.stop_s) for s in a.steps] == [(s.start_s, s.stop_s) for s in b.steps]
    assert walk.layout.area_mm2 is not None
    assert b.thresholds["left_baseline"] == pytest.approx(4.0 * walk.layout.area_mm2.sum() / 1000)
    assert b.steps[1].values["peak_kpa"] == pytest.approx(a.steps[1].values["peak_kpa"] + 4.0)


# ------------------------------------------------------------------ contacts


def naive_contacts(
    force: Array, dt: float, on: float, off: float, gap_s: float, least_s: float
) -> list[tuple[int, int]]:
    spans, state, start = [], False, 0
    for k, f in enumerate(force):
        if not state and f >= on:
            state, start = True, k
        elif state and f <= off:
            state = False
            spans.append((start, k))
    if state:
        spans.append((start, len(force)))
    merged: list[tuple[int, int]] = []
    for a, b in spans:
        if merged and (a - merged[-1][1]) * dt < gap_s - 1e-9:
            merged[-1] = (merged[-1][0], b)
        else:
            merged.append((a, b))
    return [(a, b) for a, b in merged if (b - a) * dt >= least_s - 1e-9]


@given(st.lists(st.sampled_from([0.0, 5.0, 6.0, 8.0, 10.0, 20.0]), min_size=2, max_size=80))
@settings(max_examples=200)
def test_contacts_are_those_of_the_plain_state_machine(levels: list[float]) -> None:
    force, rule = np.array(levels), ContactRule(merge_gap_s=0.03, least_contact_s=0.05)
    found = find_contacts(force, np.arange(len(force)) * 0.01, 10.0, 6.0, rule)
    assert [(c.start, c.stop) for c in found] == naive_contacts(force, 0.01, 10.0, 6.0, 0.03, 0.05)


def test_body_weight_sets_the_thresholds_of_a_plate() -> None:
    rule = ContactRule(body_weight_n=800.0)
    assert rule.thresholds(np.zeros(3), in_shoe=False, newtons=True) == (40.0, 24.0)
    assert ContactRule().thresholds(np.zeros(3), in_shoe=False, newtons=True) == (30.0, 18.0)
    assert ContactRule().thresholds(np.full(3, 500.0), in_shoe=True, newtons=True) == (50.0, 30.0)


# ------------------------------------------------------------------ the accumulator


def twin(part: PressureRecording, thresholds: tuple[float, float]) -> dict[str, Array]:
    """The same by the formulas as they stand, whole arrays at once."""
    p, w = part.values.astype(np.float64), frame_weights(part.time_s)
    area = np.asarray(part.layout.area_mm2)
    force = p @ area / 1000
    with np.errstate(invalid="ignore"):
        cop = (p * area) @ part.layout.xy_mm / 1000 / force[:, None]
    return {
        "peak": p.max(axis=0),
        "integral": (p * w[:, None]).sum(axis=0),
        "over_s": np.stack([((p > t) * w[:, None]).sum(axis=0) for t in thresholds]),
        "dose": np.stack([(np.clip(p - t, 0, None) * w[:, None]).sum(axis=0) for t in thresholds]),
        "force": force,
        "area": (p > 0) @ area,
        "highest": p.max(axis=1),
        "cop_xy": np.where(force[:, None] > 0, cop, np.nan),
    }


@given(seeds, st.integers(2, 700), st.integers(2, 9))
@settings(max_examples=20)
def test_the_accumulator_is_its_plain_twin(seed: int, frames: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    layout = grid_layout(rows, 5, 5.0, 4.0)
    values = np.maximum(rng.normal(50, 120, (frames, rows * 5)), 0) * (rng.uniform(size=(frames, 1)) > 0.1)
    part = PressureRecording(values, "kPa", np.cumsum(rng.uniform(0.005, 0.02, frames)), layout)
    found = accumulate(part)
    for name, wanted in twin(part, (100.0, 200.0)).items():
        np.testing.assert_allclose(getattr(found, name), wanted, rtol=1e-9, atol=1e-9, err_msg=name)


@given(seeds, st.lists(st.integers(1, 400), min_size=1, max_size=6))
@settings(max_examples=20)
def test_a_stream_gives_the_bits_of_the_whole(seed: int, portions: list[int]) -> None:
    rng = np.random.default_rng(seed)
    layout, frames = grid_layout(6, 7, 5.0, 5.0), sum(portions)
    values, weights = rng.uniform(0, 300, (frames, 42)).astype(np.float32), rng.uniform(0.01, 0.02, frames)
    valid = rng.uniform(size=values.shape) > 0.05
    whole, stream = Accumulator(layout), Accumulator(layout)
    whole.add(values, weights, valid)
    for start, stop in zip(np.cumsum([0, *portions[:-1]]), np.cumsum(portions)):
        stream.add(values[start:stop], weights[start:stop], valid[start:stop])
        stream.totals()  # asking in between changes nothing
    for name in ("peak", "integral", "over_s", "dose", "force", "area", "highest", "cop_xy"):
        np.testing.assert_array_equal(getattr(whole.totals(), name), getattr(stream.totals(), name), err_msg=name)


def test_frame_weights_add_up_to_the_time_recorded() -> None:
    assert frame_weights(np.arange(5) * 0.02) == pytest.approx(np.full(5, 0.02))
    assert frame_weights(np.array([1.0, 1.1, 1.4])) == pytest.approx([0.15, 0.2, 0.25])
    assert frame_weights(np.array([3.0])).tolist() == [0.0]


# ------------------------------------------------------------------ formulas on paper


def test_loading_rate_of_a_straight_rise() -> None:
    time_s = np.arange(0, 1, 0.002)
    force = np.interp(time_s, [0, 0.1, 0.5, 0.6, 1.0], [0, 800, 500, 820, 0])
    assert loading_rate_n_per_s(force, time_s) == pytest.approx(8000.0)
    assert loading_rate_n_per_s(force[40:], time_s[40:]) is None  # begins above a fifth of the peak


def test_loading_rate_only_above_200_hz() -> None:
    slow, fast = (analyse(Recording((tiny_walk(1, rate_hz=rate),))).steps[1] for rate in (100.0, 250.0))
    assert slow.values["loading_rate_n_per_s"] is None and "200 Hz" in slow.reasons["loading_rate_n_per_s"]
    assert (fast.values["loading_rate_n_per_s"] or 0) > 0


@given(seeds, st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=20)
def test_gradient_of_a_slope_is_the_slope(seed: int, a: float, b: float) -> None:
    steep = np.hypot(a, b)
    for layout in (pedar_layout("x", "left"), SensorLayout(np.random.default_rng(seed).uniform(0, 200, (16, 2)))):
        image = 500.0 + layout.xy_mm @ [a, b]
        assert peak_gradient(layout, image[None])[0] == pytest.approx(steep, abs=1e-6)
    grid = grid_layout(30, 12, 5.0, 8.0)
    # a plane within a grid whose rim is repeated: its slope is the largest
    assert peak_gradient(grid, (500.0 + grid.xy_mm @ [a, b])[None])[0] >= steep - 1e-6


def test_gradient_of_a_hill_is_its_steepest_flank() -> None:
    x, sigma, top = 150.0, 25.0, 300.0
    grid = grid_layout(60, 40, 5.0, 5.0)
    image = top * np.exp(-0.5 * ((grid.xy_mm - [x, 100.0]) ** 2).sum(axis=1) / sigma**2)
    assert peak_gradient(grid, image[None])[0] == pytest.approx(top / sigma * np.exp(-0.5), rel=0.01)


def test_gradient_ignores_the_rim_of_the_sensor() -> None:
    present = np.ones((20, 10), bool)
    present[:, 7:] = False
    layout = grid_layout(20, 10, 5.0, 5.0, present)
    assert peak_gradient(layout, np.full((1, 140), 250.0))[0] == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(ScanError):
        peak_gradient(SensorLayout(np.column_stack([np.arange(5.0), np.arange(5.0)])), np.ones((1, 5)))


@given(seeds, st.integers(5, 400), st.floats(0.1, 20), st.floats(0, 3.1))
@settings(max_examples=20)
def test_the_prediction_ellipse_is_that_of_the_books(seed: int, n: int, scale: float, turn: float) -> None:
    xy = np.random.default_rng(seed).normal(0, [3.0, 1.5], (n, 2))
    area = prediction_ellipse_mm2(xy)
    eigen = np.linalg.eigvalsh(np.cov(xy.T))
    quantile = scipy.stats.f.ppf(0.95, 2, n - 2)
    assert area == pytest.approx(np.pi * np.sqrt(eigen.prod()) * 2 * (n + 1) * (n - 1) / (n * (n - 2)) * quantile)
    R = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    assert prediction_ellipse_mm2(scale * xy @ R + 7.0) == pytest.approx(area * scale**2)
    assert prediction_ellipse_mm2(xy[:3]) is None


def test_the_prediction_ellipse_holds_95_percent(rng: np.random.Generator) -> None:
    xy = rng.normal(0, [4.0, 2.0], (200_000, 2))
    area = prediction_ellipse_mm2(xy)
    assert area == pytest.approx(np.pi * 8.0 * scipy.stats.chi2.ppf(0.95, 2), rel=0.02)


def test_path_of_the_centre_of_pressure() -> None:
    xy = np.array([[np.nan, np.nan], [0, 0], [3, 4], [np.nan, np.nan], [3, 10], [np.nan, np.nan]])
    assert path_mm(xy) == pytest.approx(11.0) and path_mm(xy[:2]) is None


def print_of_rectangles() -> tuple[SensorLayout, Array]:
    """A right foot 240 mm long on a 5 mm grid: heel and forefoot 80 mm wide, a midfoot strip 30 mm, and toes."""
    layout = grid_layout(60, 40, 5.0, 5.0)
    x, y = (layout.xy_mm - [20.0, 100.0]).T  # heel at x = 20, axis at y = 100; medial of a right foot is +y
    image = np.zeros(len(x))
    image[(x > 0) & (x < 195) & (np.abs(y) < 40)] = 200.0
    image[(x > 65) & (x < 130) & (y > -10)] = 0.0  # the arch
    image[(x > 215) & (x < 240) & (y > 10) & (y < 40)] = 150.0  # hallux
    image[(x > 205) & (x < 230) & (y < 0) & (y > -40)] = 60.0
    return layout, image


def test_arch_index_of_rectangles() -> None:
    layout, image = print_of_rectangles()
    grid = foot_grid(layout, image, "right")
    np.testing.assert_allclose(grid.forward, [1.0, 0.0], atol=0.02)
    assert grid.length_mm == pytest.approx(240.0, abs=2.0)
    assert arch_index(grid, image) == pytest.approx(65 * 30 / (2 * 65 * 80 + 65 * 30), abs=0.01)


@pytest.mark.parametrize(("side", "sign"), [("right", 1.0), ("left", -1.0)])
def test_excursion_index_of_a_bent_path(side: Side, sign: float) -> None:
    layout, image = print_of_rectangles()
    layout = replace(layout, xy_mm=(layout.xy_mm - [0, 100.0]) * [1.0, sign])
    grid = foot_grid(layout, image, side)
    # straight ahead along the axis but for a bulge of 16 mm to the lateral side at two thirds of the toeless 195 mm
    s = np.linspace(10, 230, 200)
    lateral = np.interp(s, [10, 130, 230], [0.0, 16.0, 0.0])
    cop = np.column_stack([20.0 + s, -sign * lateral])
    assert excursion_index_percent(cop, grid, image) == pytest.approx(100 * 16.0 / 80.0, abs=1.0)
    assert excursion_index_percent(cop * [1.0, -1.0], grid, image) == pytest.approx(-100 * 16.0 / 80.0, abs=1.0)
    with pytest.raises(ScanError):
        excursion_index_percent(cop[:50], grid, image)


def test_regions_of_pedar_are_the_published_ones() -> None:
    labels = pedar_labels(np.arange(1, 100))

    def of(name: str) -> list[int]:
        return (np.flatnonzero(labels == REGIONS.index(name)) + 1).tolist()

    assert of("heel_medial") == [1, 2, 6, 7, 8, 13, 14, 15, 20, 21, 22]
    assert of("midfoot_medial") == [27, 28, 29, 34, 35, 36, 41, 42, 43, 48, 49, 50, 55, 56, 57]
    assert of("mth1") == [62, 63, 69, 70, 76, 77]
    assert sorted(of("mth2") + of("mth3")) == [64, 65, 66, 71, 72, 73, 78, 79, 80]
    assert sorted(of("mth4") + of("mth5")) == [60, 61, 67, 68, 74, 75]
    assert of("hallux") == [83, 84, 90, 91, 96]
    assert (labels >= 0).all()


@given(seeds, st.floats(-25, 25), st.floats(-200, 200))
@settings(max_examples=15)
def test_regions_turn_and_mirror_with_the_foot(seed: int, turn_deg: float, shift: float) -> None:
    layout, image = print_of_rectangles()
    known = region_labels(layout, image, "right")
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    turned = replace(layout, xy_mm=layout.xy_mm @ np.array([[c, s], [-s, c]]) + shift, shape=None, index=None)
    again = foot_grid(turned, image, "right", np.array([c, s])).labels
    assert (again == known)[image > 0].mean() > 0.995
    mirrored = replace(layout, xy_mm=layout.xy_mm * [1.0, -1.0], shape=None, index=None)
    assert (foot_grid(mirrored, image, "left").labels == known)[image > 0].all()


def test_no_regions_where_there_is_no_foot() -> None:
    layout, image = print_of_rectangles()
    for bad, side in ((np.where(layout.xy_mm[:, 0] < 90, image, 0), "right"), (image * 0, "right"), (image, "unknown")):
        with pytest.raises(ScanError):
            foot_grid(layout, bad, side)


# ------------------------------------------------------------------ gait


def test_gait_of_known_contacts() -> None:
    spans = [("left", k * 1.2, k * 1.2 + 0.75, 0 < k < 4, False, 0) for k in range(5)]
    spans += [("right", 0.62 + k * 1.2, 0.62 + k * 1.2 + 0.73, 0 < k < 4, False, 0) for k in range(5)]
    values, reasons = gait_values(order_by_foot(spans))
    assert values["steps"] == 6 and values["contacts"] == 10 and not reasons
    assert values["stride_time_s"] == pytest.approx(1.2) and values["cadence_steps_per_min"] == pytest.approx(100.0)
    assert values["stance_s"] == {"left": pytest.approx(0.75), "right": pytest.approx(0.73)}
    # a left step lands 0.15 s before the right one leaves, and leaves 0.13 s after the right one lands
    assert values["double_support_first_s"] + values["double_support_second_s"] == pytest.approx(0.28)
    assert values["double_support_s"] == pytest.approx(0.28)
    assert values["double_support_vendor_s"] == pytest.approx(1.2 - 0.45 - 0.47)


def test_running_has_no_double_support() -> None:
    spans = [("left", k * 0.7, k * 0.7 + 0.25, True, False, 0) for k in range(4)]
    spans += [("right", 0.35 + k * 0.7, 0.35 + k * 0.7 + 0.25, True, False, 0) for k in range(4)]
    values, reasons = gait_values(order_by_foot(spans))
    for key in (*SUPPORTS, "double_support_s"):
        assert values[key] is None and reasons[key] == "both feet are never down together"


def test_two_crossings_of_a_plate_are_no_stride() -> None:
    spans = [("left", 0.0, 0.7, True, False, 0), ("right", 0.5, 1.2, True, False, 0)]
    spans += [("left", 9.0, 9.7, True, False, 1), ("right", 9.5, 10.2, True, False, 1)]
    values, reasons = gait_values(order_by_foot(spans))
    assert values["stride_time_s"] is None and "stride_time_s" in reasons
    assert values["double_support_first_s"] == pytest.approx(0.2) and values["stance_s"]["left"] == pytest.approx(0.7)


# ------------------------------------------------------------------ anything at all


@st.composite
def odd_recordings(draw: st.DrawFn) -> Recording:
    """Small recordings of any kind: few cells, few frames, plates, grids with holes, negative readings, no area."""
    rng = np.random.default_rng(draw(seeds))
    parts = []
    for _ in range(draw(st.integers(1, 2))):
        rows, columns = draw(st.integers(1, 60)), draw(st.integers(1, 20))
        frame = draw(st.sampled_from(["insole", "plate", "foot"]))
        present = rng.uniform(size=(rows, columns)) > draw(st.sampled_from([0.0, 0.3]))
        present[0, 0] = True
        layout = grid_layout(rows, columns, 5.0, 5.0, present)
        area = layout.area_mm2 if draw(st.booleans()) else None
        grid = {"shape": layout.shape, "index": layout.index} if draw(st.booleans()) else {"shape": None, "index": None}
        positions = draw(st.sampled_from(["mm", "arbitrary"]))
        layout = replace(layout, frame=frame, area_mm2=area, positions=positions, **grid)
        frames, cells = draw(st.integers(0, 60)), len(layout.xy_mm)
        level = np.interp(np.arange(frames), np.linspace(0, max(frames, 1), 5), rng.choice([0.0, 0.0, 1.0, 300.0], 5))
        values = level[:, None] * rng.uniform(0, 1, (frames, cells)) + draw(st.sampled_from([0.0, -5.0, 20.0]))
        time_s = np.cumsum(rng.uniform(0.002, 0.05, frames))
        parts.append(
            PressureRecording(
                values,
                draw(st.sampled_from(["kPa", "N", "raw"])),
                time_s,
                layout,
                valid=rng.uniform(size=values.shape) > 0.1 if draw(st.booleans()) else None,
                side=draw(st.sampled_from(["left", "right", "unknown"])),
            )
        )
    return Recording(tuple(parts))


@given(odd_recordings(), st.booleans())
@settings(max_examples=60)
def test_odd_recordings_give_numbers_or_reasons(recording: Recording, keep_ends: bool) -> None:
    found = analyse(recording, keep_ends=keep_ends)
    region_loads(found)
    for step in found.steps:
        assert step.start_s < step.stop_s and tuple(step.values) == KEYS
        for key, value in step.values.items():
            assert (value is None) == (key in step.reasons), key
            assert value is None or np.isfinite(value), key
        assert (step.cop_xy_mm is None) == ("cop_x_mm" in step.reasons)


def test_the_page_tells_every_key() -> None:
    """docs/pressure.md: every key of a step, a region and the gait, every region; its example runs."""
    page = (Path(__file__).resolve().parents[1] / "docs" / "pressure.md").read_text("utf-8")
    heads = {f"mth{n}" for n in (2, 3, 4)}  # mth1 … mth5
    words = {*KEYS, *REGION_KEYS, *analyse(pair(0)).gait, *(set(REGIONS) - heads), "cop_x_mm", "cop_y_mm"}
    assert not {word for word in words if f"`{word}`" not in page}
    (example,) = re.findall(r"```python\n(.*?)```", page, re.S)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(example, "docs/pressure.md", "exec"), {})  # the page's own words
    assert shown.getvalue().startswith("12 110\n")
