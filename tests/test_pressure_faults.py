"""Walks recorded by faulty sensors: all steps found, the fault flagged, the numbers right again or null with a reason;
clean walks flag nothing."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from known_walks import Kind, cop_error_mm, matched, walk_of

from footscan.io.layouts import grid_layout
from footscan.pressure import analyse
from footscan.pressure.faults import FaultRule, dead_cells, mend
from footscan.synth import SyntheticWalk
from footscan.synth.faults import KINDS, spoil
from footscan.synth.faults import Kind as FaultKind
from footscan.types import PressureRecording, Recording, replace


def assert_mended(walk: SyntheticWalk, kind: FaultKind, seed: int) -> dict[str, float]:
    """One fault on a known walk; what is left of it in the numbers."""
    spoiled = spoil(walk, kind, seed)
    found = analyse(spoiled.recording)
    assert {fault.kind for fault in found.faults} == {kind}
    assert {fault.part for fault in found.faults} == set(range(len(spoiled.recording.pressure)))
    worst = {"cop_mm": 0.0, "impulse_percent": 0.0}
    for step, truth in matched(found, walk):
        impulse = step.values["impulse_n_s"]
        if impulse is None:
            assert kind == "saturated_cells" and "full scale" in step.reasons["impulse_n_s"]
            assert step.values["peak_kpa"] is None and step.cop_xy_mm is not None
        else:
            assert impulse == pytest.approx(truth["impulse_n_s"], rel=0.03)
            worst["impulse_percent"] = max(worst["impulse_percent"], 100 * abs(impulse / truth["impulse_n_s"] - 1))
        away = cop_error_mm(step, truth, walk)
        assert away <= 3.0
        worst["cop_mm"] = max(worst["cop_mm"], away)
    for fault in found.faults:
        if kind == "saturated_cells":
            assert fault.cells == tuple(spoiled.cells[fault.part])
        elif kind == "dead_cells":  # at the rim of a print one may go unseen, and matters little
            assert len(fault.cells) >= 2 and set(fault.cells) <= set(spoiled.cells[fault.part].tolist())
        elif kind == "lost_frames":
            assert fault.size == len(spoiled.frames[fault.part])
        else:
            largest = float(walk.recording.pressure[fault.part].values.max())
            wanted = {"noise": max(3.0, 0.005 * largest), "gain_drift": 5.0, "offset_drift": 4.0}[kind]
            assert fault.size == pytest.approx(wanted, rel=0.2)
    return worst


@pytest.mark.parametrize("walked", ["in_shoe", "plate"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_is_flagged_and_put_right(walked: Kind, kind: FaultKind, seed: int) -> None:
    cadence = float(np.random.default_rng(seed + KINDS.index(kind)).uniform(60, 160))
    assert_mended(walk_of(walked, seed, cadence, cell_mm=10.0), kind, seed)


@pytest.mark.prove
@pytest.mark.parametrize("walked", ["in_shoe", "plate"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cadence", [60, 85, 110, 135, 160])
def test_faults_of_every_kind_at_every_cadence(
    walked: Kind, kind: FaultKind, cadence: int, seed: int, record_property: Any
) -> None:
    for more in range(2):
        worst = assert_mended(walk_of(walked, seed + more, float(cadence)), kind, seed + more)
        for name, value in worst.items():
            record_property(f"{walked}.{kind}.{cadence}.{name}", value)


# ------------------------------------------------------------------ nothing where there is nothing


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"step_kpa": 2.5},
        {"offset_kpa": 5.0, "step_kpa": 2.5},
        {"rate_hz": 50.0},
        {"rate_hz": 200.0},
        {"standing_s": 4.0},
    ],
)
def test_a_clean_walk_passes_untouched(more: dict[str, float], seed: int) -> None:
    walk = walk_of("in_shoe", seed, 110.0, **more)
    mended = mend(walk.recording.pressure)
    assert mended.faults == () and all(a is b for a, b in zip(mended.parts, walk.recording.pressure))
    a, b = analyse(walk.recording), analyse(walk.recording, correct=False)
    assert [dict(s.values) for s in a.steps] == [dict(s.values) for s in b.steps]


def test_a_clean_plate_passes_untouched(seed: int) -> None:
    kinds: tuple[dict[str, Any], ...] = ({}, {"step_kpa": 5.0}, {"standing_s": 0.0}, {"grid": (64, 64), "steps": 4})
    for more in kinds:
        walk = walk_of("plate", seed, 100.0, **more)
        assert mend(walk.recording.pressure).faults == (), more


def test_real_recordings_have_no_fault_but_lost_frames(shared_data: Any) -> None:
    from footscan.io import read_recording

    for name in ("pedar/pedar_example.asc", "fscan/FrasP01L.asf", "emed/emed_test.lst", "footscan/footscan_test.xls"):
        assert mend(read_recording(shared_data / "pressure" / name).pressure).faults == (), name
    lost = mend(read_recording(shared_data / "pressure/loadsol/test_poids.txt").pressure).faults
    assert [(f.kind, f.side, f.size) for f in lost] == [("lost_frames", "left", 91), ("lost_frames", "right", 178)]


# ------------------------------------------------------------------ each of them on paper


def part_of(walk: SyntheticWalk, number: int = 0) -> PressureRecording:
    return walk.recording.pressure[number]


def test_frames_without_any_cell_are_bridged(seed: int) -> None:
    """A frame in which every cell is missing is no swing: the contact goes on, and its impulse is that of the truth."""
    walk = walk_of("in_shoe", seed, 110.0)
    rng = np.random.default_rng(seed)
    parts = []
    for part in walk.recording.pressure:
        valid = np.ones(part.values.shape, bool)
        valid[rng.choice(len(valid), 40, replace=False)] = False
        parts.append(replace(part, values=np.where(valid, part.values, np.float32(0)), valid=valid))
    found = analyse(replace(walk.recording, pressure=tuple(parts)))
    for step, truth in matched(found, walk):
        assert step.values["impulse_n_s"] == pytest.approx(truth["impulse_n_s"], rel=0.01)
    assert [f.kind for f in found.faults] == ["lost_frames"] * 2 and "missing_cells" not in found.reasons


def test_a_dead_cell_under_a_smooth_load_is_filled_with_it() -> None:
    """A dome of pressure over a grid: the spline through the neighbours gives the dome back to a hundredth."""
    layout = grid_layout(20, 16, 8.0, 8.0)
    middle = layout.xy_mm.mean(axis=0)
    dome = np.maximum(1.0 - (((layout.xy_mm - middle) / 60.0) ** 2).sum(axis=1), 0.0)
    course = np.sin(np.linspace(0, np.pi, 50))
    values = 200.0 * course[:, None] * dome
    near = int(np.linalg.norm(layout.xy_mm - middle, axis=1).argmin())
    silent = values.copy()
    silent[:, near] = 0.0
    part = PressureRecording(silent, "kPa", np.arange(50) / 100.0, layout)
    dead, _, weights = dead_cells(part, silent.max(axis=0), silent.min(axis=0), FaultRule())
    assert dead.tolist() == [near] and weights.sum() == pytest.approx(1.0)
    filled = mend((part,)).parts[0]
    np.testing.assert_allclose(filled.values[:, near], values[:, near], rtol=0.01, atol=0.01)
    np.testing.assert_array_equal(np.delete(filled.values, near, 1), np.delete(part.values, near, 1))


def test_a_hole_in_a_print_is_no_dead_cell() -> None:
    """High arches and the clefts behind toes leave cells that nothing touches."""
    layout = grid_layout(20, 16, 8.0, 8.0)
    image = np.full(len(layout.xy_mm), 100.0)
    x, y = (layout.xy_mm - layout.xy_mm.mean(axis=0)).T
    for hole in ((np.abs(x) < 10) & (np.abs(y) < 10), (x > 20), (np.abs(x) < 5)):
        values = np.linspace(0, 1, 30)[:, None] * np.where(hole, 0.0, image)
        part = PressureRecording(values, "kPa", np.arange(30) / 100.0, layout)
        assert not len(dead_cells(part, values.max(axis=0), values.min(axis=0), FaultRule())[0])


def test_a_cell_that_is_stuck_is_dead_too(seed: int) -> None:
    walk = walk_of("in_shoe", seed, 110.0)
    part = part_of(walk)
    cell = int(part.values.max(axis=0).argmax())
    values = np.array(part.values)
    values[:, cell] = 55.0
    (fault,) = mend((replace(part, values=values),)).faults
    assert fault.kind == "dead_cells" and fault.cells == (cell,)


def test_saturation_takes_only_what_it_hides(seed: int) -> None:
    walk = walk_of("in_shoe", seed, 110.0)
    full = 0.9 * float(part_of(walk).values.max())
    left = replace(
        part_of(walk), values=np.minimum(part_of(walk).values, np.float32(full)), full_scale=float(np.float32(full))
    )
    found = analyse(Recording((left, part_of(walk, 1))))
    for step, truth in matched(found, walk):
        hidden = step.side == "left"
        assert (step.values["max_force_n"] is None) == hidden == (step.values["pti_cell_kpa_s"] is None)
        assert step.values["contact_time_s"] is not None and step.values["contact_area_mm2"] is not None
        assert cop_error_mm(step, truth, walk) <= 0.5
        spared = [name for name, row in step.regions.items() if row["peak_kpa"] is not None]
        assert spared and (len(spared) < 11) == hidden
    assert found.peak_kpa["left"] is None and "full scale" in found.reasons["peak_kpa.left"]
    assert found.peak_kpa["right"] is not None


@pytest.mark.parametrize("kind", ["raw", "N"])
def test_sensors_without_kpa_are_looked_at_too(kind: Literal["raw", "N"], seed: int) -> None:
    walk = walk_of("in_shoe", seed, 110.0)
    for fault in ("offset_drift", "dead_cells"):
        parts = tuple(
            replace(p, unit=kind)
            for p in spoil(walk, "dead_cells" if fault == "dead_cells" else "offset_drift", seed).recording.pressure
        )
        found = analyse(replace(walk.recording, pressure=parts))
        assert {f.kind for f in found.faults} == {fault} and {f.unit for f in found.faults} <= {kind, "cells"}


def test_gain_is_not_blamed_for_a_walk_that_varies(seed: int) -> None:
    """Steps of another length of time and other peaks: the mean force of a stride stays the body weight."""
    rng = np.random.default_rng(seed)
    walk = walk_of("in_shoe", seed, 110.0, steps=16)
    parts = []
    for part in walk.recording.pressure:
        stretched = np.cumsum(np.interp(part.time_s, np.linspace(0, part.time_s[-1], 8), rng.uniform(0.9, 1.1, 8)))
        parts.append(replace(part, time_s=stretched * 0.01))
    assert mend(tuple(parts)).faults == ()
