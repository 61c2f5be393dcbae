"""Pressure: synthetic walks of known truth, and what the vendors' own programs say of the real samples."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from footscan.io import read_recording
from footscan.io.layouts import grid_layout
from footscan.pressure import REGIONS, ContactRule, RecordingAnalysis, StepMetrics, analyse, region_loads
from footscan.pressure.cop import prediction_ellipse_mm2
from footscan.pressure.regions import foot_grid, side_of_print
from footscan.synth import SyntheticWalk, make_walk
from footscan.types import Array, Event, PressureRecording, Recording, SensorLayout, Side, replace

PEDAR = "pressure/pedar/pedar_example.asc"
FSCAN = "pressure/fscan/FrasP01L.asf"


# ------------------------------------------------------------------ synthetic walks

PLATE_N = (30.0, 18.0)  #: on and off where no body weight is known
BY_THRESHOLD = ContactRule(trace_ends=False)  #: contacts as the thresholds alone see them


def matched(found: RecordingAnalysis, walk: SyntheticWalk) -> list[tuple[StepMetrics, Mapping[str, Any]]]:
    """Each true full contact and the step found for it; all are found, and nothing else is used."""
    pairs = []
    for truth in (c for c in walk.truth["contacts"] if c["full"]):
        near = [s for s in found.steps if s.side == truth["side"] and abs(s.start_s - truth["start_s"]) < 0.1]
        assert len(near) == 1, (truth, [(s.side, s.start_s) for s in found.steps])
        pairs.append((near[0], truth))
    assert len(found.steps) == len(walk.truth["contacts"])
    assert {id(s) for s in found.steps if s.used} <= {id(s) for s, _ in pairs}
    return pairs


def by_rule(walk: SyntheticWalk, truth: Mapping[str, Any], limits_n: tuple[float, float] | None) -> tuple[float, float]:
    """First and last instant of a contact as the true force says, by the rule of docs/pressure.md: on at 10 %, off at
    6 % of that foot's 95th percentile in a shoe (None), at 30 N and 18 N on a plate."""
    time_s, force = walk.truth["time_s"], walk.truth["force_n"][truth["side"]]
    high = float(np.percentile(force, 95))
    on_n, off_n = limits_n or (0.10 * high, 0.06 * high)
    half = (time_s[1] - time_s[0]) / 2
    during = (time_s >= truth["start_s"] - half) & (time_s <= truth["stop_s"] + half)
    return float(time_s[during & (force >= on_n)][0]), float(time_s[during & (force > off_n)][-1])


def assert_by_rule(
    step: StepMetrics, walk: SyntheticWalk, truth: Mapping[str, Any], limits_n: tuple[float, float] | None = None
) -> None:
    """The found contact begins and ends where the true force says, to the frame."""
    frame_s = float(walk.truth["time_s"][1] - walk.truth["time_s"][0])
    assert (step.start_s, step.stop_s) == pytest.approx(by_rule(walk, truth, limits_n), abs=1.01 * frame_s)


def off_by_mm(step: StepMetrics, time_s: Array, truth_xy: Array) -> float:
    """Largest distance of a step's centre of pressure from the true one (frames, 2) mm at time_s (frames,)."""
    first = int(np.searchsorted(time_s, step.time_s[0] - 1e-9))
    assert step.cop_xy_mm is not None
    away = np.linalg.norm(step.cop_xy_mm - truth_xy[first : first + len(step.time_s)], axis=1)
    return float(np.nanmax(away))


@pytest.mark.parametrize("rate_hz", [100.0, 200.0])
def test_in_shoe_walks_of_known_truth(rate_hz: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight_n, cadence = float(rng.uniform(400, 1100)), float(rng.uniform(110, 160))
    walk = make_walk("in_shoe", seed, body_weight_n=weight_n, cadence_steps_per_min=cadence, rate_hz=rate_hz)
    found = analyse(walk.recording, rule=BY_THRESHOLD)
    for step, truth in matched(found, walk):
        assert_by_rule(step, walk, truth)
        assert step.values["impulse_n_s"] == pytest.approx(truth["impulse_n_s"], rel=0.005)
        down = slice(*np.searchsorted(walk.truth["time_s"], [truth["start_s"], truth["stop_s"]]))
        sampled = walk.truth["force_n"][step.side][down]  # the true peak may lie between two frames
        assert step.values["max_force_n"] == pytest.approx(sampled.max(), rel=1e-5)
        assert off_by_mm(step, walk.truth["time_s"], walk.truth["cop_mm"][step.side]) <= 0.5
    assert found.gait["steps"] == walk.truth["steps"]
    assert found.gait["stride_time_s"] == pytest.approx(walk.truth["stride_time_s"], rel=0.01)
    assert found.gait["cadence_steps_per_min"] == pytest.approx(cadence, rel=0.01)
    for side in ("left", "right"):
        assert found.peak_kpa[side] == pytest.approx(walk.truth["peak_kpa"][side], rel=1e-6)
        used = [s.values["contact_time_s"] for s in found.steps if s.used and s.side == side]
        assert found.gait["stance_s"][side] == pytest.approx(np.mean(used))


@pytest.mark.parametrize("cadence", [60.0, 85.0])
def test_slow_in_shoe_walks_keep_their_steps(cadence: float, seed: int) -> None:
    """A slow landing takes longer to reach a tenth of the load: the contact is what the true force says it is by the
    rule of docs/pressure.md (on at 10 %, off at 6 % of that foot's 95th percentile), to the frame."""
    walk = make_walk("in_shoe", seed, cadence_steps_per_min=cadence, steps=6)
    found = analyse(walk.recording, rule=BY_THRESHOLD)
    for step, truth in matched(found, walk):
        assert_by_rule(step, walk, truth)
        assert step.values["impulse_n_s"] == pytest.approx(truth["impulse_n_s"], rel=0.005)
    assert found.gait["stride_time_s"] == pytest.approx(walk.truth["stride_time_s"], rel=0.01)


@pytest.mark.parametrize("cadence", [60.0, 110.0, 160.0])
def test_walkways_of_known_truth(cadence: float, seed: int) -> None:
    walk = make_walk("plate", seed, cadence_steps_per_min=cadence, cell_mm=10.0)
    found = analyse(walk.recording, rule=BY_THRESHOLD)
    for step, truth in matched(found, walk):
        assert_by_rule(step, walk, truth, PLATE_N)
        assert step.values["impulse_n_s"] == pytest.approx(truth["impulse_n_s"], rel=0.005)
        assert step.values["peak_kpa"] == pytest.approx(truth["peak_kpa"], rel=1e-5)
        assert step.values["contact_area_mm2"] == pytest.approx(truth["area_mm2"], rel=0.05)
        frames = np.searchsorted(walk.truth["time_s"], [truth["start_s"], truth["stop_s"]])
        assert off_by_mm(step, walk.truth["time_s"][frames[0] : frames[1]], truth["cop_mm"]) <= 0.5
        assert step.values["cpei_percent"] is not None and step.values["arch_index"] is not None
    assert found.gait["stride_time_s"] == pytest.approx(walk.truth["stride_time_s"], abs=0.011)
    contacts = [by_rule(walk, c, PLATE_N) for c in walk.truth["contacts"] if c["full"]]
    overlaps = [before[1] - after[0] for before, after in pairwise(sorted(contacts))]
    assert found.gait["double_support_s"] == pytest.approx(2 * np.mean(overlaps), abs=0.025)


def test_a_plate_crossed_again_and_again(seed: int) -> None:
    walk = make_walk("plate", seed, grid=(64, 64), steps=6)
    found = analyse(walk.recording)
    for step, truth in matched(found, walk):
        assert step.used and step.values["contact_time_s"] == pytest.approx(truth["contact_time_s"], abs=0.03)
        assert step.values["stride_time_s"] is None
    # the time between two crossings is no stride
    assert found.gait["stride_time_s"] is None and found.gait["double_support_s"] is None and not found.in_shoe
    assert found.gait["stance_s"]["left"] == pytest.approx(walk.truth["stance_s"], abs=0.03)


def test_regions_of_a_synthetic_walk(seed: int) -> None:
    walk = make_walk("plate", seed, grid=(96, 48), cell_mm=5.0, steps=4)
    layout = walk.recording.pressure[0].layout
    for step, truth in matched(analyse(walk.recording), walk):
        loaded = step.peak > 0
        grid = foot_grid(layout, step.peak, step.side, None)
        for name, centre in truth["region_centres_mm"].items():
            nearest = np.linalg.norm(layout.xy_mm - centre, axis=1).argmin()
            if name not in ("toes_2_5", "midfoot_medial"):  # between four toes; exactly on the foot's middle line
                assert loaded[nearest] and REGIONS[grid.labels[nearest]] == name, name


def test_noise_and_a_preload_lose_no_step(seed: int) -> None:
    walk = make_walk("in_shoe", seed, noise_kpa=3.0, offset_kpa=4.0, step_kpa=2.5)
    found = analyse(walk.recording)
    for step, truth in matched(found, walk):
        assert step.used and step.values["contact_time_s"] == pytest.approx(truth["contact_time_s"], abs=0.06)
    assert found.thresholds["left_baseline"] == pytest.approx(walk.truth["offset_n"]["left"], rel=0.5)


def test_standing_still_is_no_step() -> None:
    kinds: tuple[Literal["in_shoe", "plate"], ...] = ("in_shoe", "plate")
    for kind in kinds:
        walk = make_walk(kind, 0, standing_s=6.0, steps=4, cell_mm=10.0)
        still = [replace(p, values=p.values[:500], time_s=p.time_s[:500]) for p in walk.recording.pressure]
        found = analyse(Recording(tuple(still)))
        assert found.gait["steps"] == 0 and not any(step.used for step in found.steps)
        assert not region_loads(found)


def test_standing_on_a_plate_has_a_sway_ellipse(rng: np.random.Generator) -> None:
    """A foot's print that is shifted from frame to frame as a known normal sway moves its centre of pressure."""
    layout = grid_layout(60, 40, 5.0, 5.0)
    sway = rng.normal(0.0, [6.0, 3.0], (1000, 2))
    middle = np.array([150.0, 100.0])
    reach = (layout.xy_mm - middle) / [25.0, 12.0]
    values = np.array([np.exp(-0.5 * ((reach - s / [25.0, 12.0]) ** 2).sum(axis=1)) * 100.0 for s in sway])
    found = analyse(Recording((PressureRecording(values, "kPa", np.arange(1000) / 100.0, layout, side="left"),)))
    (step,) = found.steps
    assert not step.used and found.gait["steps"] == 0
    assert step.values["sway_ellipse_mm2"] == pytest.approx(prediction_ellipse_mm2(sway), rel=0.02)


# ------------------------------------------------------------------ the real samples


def test_pedar_sample_force_and_peak(shared_data: Path) -> None:
    found = analyse(read_recording(shared_data / PEDAR))
    assert (found.frames, found.rate_hz, found.duration_s) == (1505, pytest.approx(100.0), pytest.approx(15.05))
    assert found.max_force_n["left"] == pytest.approx(850.1, abs=0.05)
    assert found.max_force_n["right"] == pytest.approx(987.8, abs=0.05)
    assert (found.peak_kpa["left"], found.peak_kpa["right"], found.peak_kpa["unknown"]) == (150.0, 247.5, None)
    assert found.in_shoe and found.quantity == "pressure" and found.reasons["cpei_percent"] == "in-shoe recording"
    used = [s for s in found.steps if s.used]
    assert {s.side for s in used} == {"left", "right"} and found.gait["steps"] == len(used)
    for step in used:  # a person walks: nothing beyond the possible
        assert 0.5 < step.values["contact_time_s"] < 1.2 and 600 < step.values["max_force_n"] < 1000
        assert all(value is not None for value in step.regions["heel_medial"].values())
    loads = region_loads(found)
    assert loads["left"].in_shoe and set(loads["left"].peak_kpa) == set(REGIONS)
    assert max(loads["right"].peak_kpa.values()) <= 247.5


def test_fscan_sample_force_and_peak(shared_data: Path) -> None:
    found = analyse(read_recording(shared_data / FSCAN))
    assert (found.frames, found.side_from) == (205, "filename") and found.rate_hz == pytest.approx(1 / 0.032)
    assert found.max_force_n["left"] == pytest.approx(924.4, abs=0.05) and found.peak_kpa["left"] == 760.0
    assert found.gait["steps"] == 4 and len(found.steps) == 6 and found.gait["double_support_s"] is None
    loads = region_loads(found)
    assert set(loads) == {"left"} and loads["left"].peak_kpa["heel_medial"] > loads["left"].peak_kpa["midfoot_medial"]
    assert set(loads["left"].peak_kpa) == set(REGIONS)


def test_iscan_sample_is_raw(shared_data: Path) -> None:
    found = analyse(read_recording(shared_data / "pressure/iscan/iscan_test.csv"))
    assert found.quantity == "raw" and found.gait["steps"] == 0 and not region_loads(found)


def emed(path: Path) -> PressureRecording:
    """The emed sample as a plate (its own reader comes with issue 4): toes in row 1, 5 mm, 100 Hz."""
    frames = np.zeros((0, 95, 64), np.float32)
    for page in path.read_bytes().decode("latin-1").split("Pict-No.: ")[1:]:
        number = int(page.split()[0])
        if number > len(frames):
            frames = np.concatenate([frames, np.zeros((number - len(frames), 95, 64), np.float32)])
        lines = page.split("\n")
        head = next(i for i, line in enumerate(lines) if line.rstrip().endswith("Force"))
        columns = [int(word) - 1 for word in lines[head].split()[:-1]]
        for words in (line.split() for line in lines[head + 1 :]):
            if not words or words[0] == "Force":
                break
            frames[number - 1, int(words[0]) - 1, columns] = [float(word) for word in words[1:-1]]
    time_s = np.arange(len(frames)) * 0.01
    return PressureRecording(frames.reshape(len(frames), -1), "kPa", time_s, grid_layout(95, 64, 5.0, 5.0))


def test_emed_sample_against_the_vendors_numbers(shared_data: Path) -> None:
    found = analyse(Recording((emed(shared_data / "pressure/emed/emed_test.lst"),)))
    (step,) = found.steps
    assert step.side == "right" and step.used and not found.in_shoe  # the file is of a right foot; it doesn't say so
    assert step.values["peak_kpa"] == 370.0
    assert step.values["max_force_n"] == pytest.approx(818.6, abs=0.1)
    assert step.values["contact_area_mm2"] == 12650.0
    assert step.values["contact_time_s"] in (pytest.approx(1.05), pytest.approx(1.06))
    assert step.values["impulse_n_s"] == pytest.approx(675.8, abs=0.5)
    assert 0.15 < step.values["arch_index"] < 0.35 and 0 < step.values["cpei_percent"] < 50


def moticon(path: Path, marks: bool) -> Recording:
    """The Moticon sample (its own reader comes with issue 4): 16 cells of known area, N/cm²."""
    areas = "12.37 11.06 13.36 13.12 13.13 13.02 17.93 18.22 15.66 12.42 12.51 12.66 10.23 10.13 12.51 6.47"
    area_mm2 = np.array([float(a) for a in areas.split()]) * 100.0
    lines = path.read_text("utf-8").splitlines()
    names = [line for line in lines if line.startswith("#")][-1][1:].strip().split("\t")
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    table = np.array([[float(word) if word else np.nan for word in row] for row in rows])
    layout = SensorLayout(np.column_stack([np.arange(16.0), np.zeros(16)]), area_mm2, positions="arbitrary")
    events, parts = [], []
    sides: tuple[tuple[Side, int], ...] = (("left", 10), ("right", 20))
    for side, code in sides:
        cells = [k for k, name in enumerate(names) if re.match(f"{side} pressure", name)]
        there = np.isfinite(table[:, cells]).all(axis=1)
        parts.append(PressureRecording(table[there][:, cells] * 10.0, "kPa", table[there, 0], layout, side=side))
        for at, mark in zip(table[:, 0], table[:, names.index(f"{side} steps[]")]):
            if marks and mark in (code + 1, code + 5):
                events.append(Event("heel_strike" if mark == code + 1 else "toe_off", float(at), side))
    return Recording(tuple(parts), events=tuple(events), format="moticon")


@pytest.mark.parametrize("marks", [True, False])
def test_moticon_sample_against_the_vendors_report(marks: bool, shared_data: Path) -> None:
    found = analyse(moticon(shared_data / "pressure/moticon/230927_102114.txt", marks))
    gait = found.gait
    assert gait["steps"] == 14  # exactly, with the marks and without
    stance, double = (0.010, 0.02) if marks else (0.03, 0.04)
    assert gait["stance_s"]["left"] == pytest.approx(0.804, abs=stance)
    assert gait["stance_s"]["right"] == pytest.approx(0.814, abs=stance)
    assert gait["cadence_steps_per_min"] / 2 == pytest.approx(46.13, rel=0.005)
    assert gait["double_support_vendor_s"] == pytest.approx(0.288, abs=double)
    for side, newton in (("left", 980.4), ("right", 1026.1)):
        highest = [step.values["max_force_n"] for step in found.steps if step.side == side and step.used]
        assert np.mean(highest) == pytest.approx(newton, abs=0.5)


def test_side_of_real_prints(shared_data: Path) -> None:
    plate = emed(shared_data / "pressure/emed/emed_test.lst")
    assert side_of_print(plate.layout, plate.values.max(axis=0)) == "right"
    insole = read_recording(shared_data / FSCAN).pressure[0]
    assert side_of_print(insole.layout, insole.values.max(axis=0)) == "left"
    for part in read_recording(shared_data / PEDAR).pressure:
        assert side_of_print(part.layout, part.values.max(axis=0)) == part.side
    with zipfile.ZipFile(shared_data / "pressure/mun104/MUN104.csv.zip") as archive:
        for letter, side in (("L", "left"), ("R", "right")):
            text = archive.read(f"MUN104{letter}.csv").decode()
            image = np.nan_to_num(np.array([[float(v or "nan") for v in line.split(",")] for line in text.split()]))
            layout = grid_layout(*image.shape, 5.0, 5.0, toes_first=False)
            assert side_of_print(layout, image.ravel()) == side
