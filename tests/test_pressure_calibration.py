"""Raw counts of known walks back to the kPa that they were made from; and every way in which that can't be done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import footscan
from footscan.errors import ScanError
from footscan.pressure import analyse
from footscan.pressure.calibration import in_kpa
from footscan.synth import SyntheticWalk, make_walk
from footscan.types import Array, PressureRecording, Recording, SensorLayout, Side, replace


def counts(walk: SyntheticWalk, seed: int, zero: float = 0.0) -> tuple[Recording, dict[Side, float]]:
    """The walk as raw counts, each sensor with a gain of its own (counts a kPa), each cell with a zero of its own."""
    rng = np.random.default_rng(seed)
    parts, gains = [], {}
    for part in walk.recording.pressure:
        gain = float(rng.uniform(0.2, 3.0))
        zeros = rng.uniform(0.0, 2.0 * zero, part.values.shape[1])
        gains[part.side] = gain
        parts.append(replace(part, values=part.values * gain + zeros, unit="raw", full_scale=4095.0))
    return replace(walk.recording, pressure=tuple(parts)), gains


def same_gain(walk: SyntheticWalk, gain: float) -> Recording:
    parts = tuple(replace(p, values=p.values * gain, unit="raw") for p in walk.recording.pressure)
    return replace(walk.recording, pressure=parts)


def in_the_air(walk: SyntheticWalk) -> dict[Side, tuple[float, float]]:
    """A swing of each foot."""
    spans: dict[Side, tuple[float, float]] = {}
    for side in ("left", "right"):
        mine = sorted((c["start_s"], c["stop_s"]) for c in walk.truth["contacts"] if c["side"] == side)
        spans[side] = (mine[0][1] + 0.03, mine[1][0] - 0.03)
    return spans


def alone(walk: SyntheticWalk) -> dict[Side, tuple[float, float]]:
    """For a quasi-static walk: when one foot carries the whole body weight, while the other is in the air."""
    air = in_the_air(walk)
    return {"left": air["right"], "right": air["left"]}


def assert_same(found: Recording, walk: SyntheticWalk, rel: float) -> None:
    for got, true in zip(found.pressure, walk.recording.pressure):
        assert got.unit == "kPa" and got.side == true.side and got.layout is true.layout
        np.testing.assert_allclose(got.values, true.values, rtol=rel, atol=rel * float(true.values.max()))


def test_two_points_give_the_walk_back(seed: int) -> None:
    walk = make_walk("in_shoe", seed, body_weight_n=650.0, dynamic=False, steps=4)
    raw, gains = counts(walk, seed, zero=20.0)
    found = footscan.calibrate(raw, "two_point", body_weight_n=650.0, unloaded=in_the_air(walk), loaded=alone(walk))
    assert_same(found, walk, 1e-4)
    for part in found.pressure:  # the full scale goes with it, from the highest zero
        assert (
            part.full_scale is not None
            and 4000.0 / gains[part.side] < part.full_scale * 1.02 < 4095.0 / gains[part.side] * 1.02
        )
    assert "two points" in found.notes[-1] and "650" in found.notes[-1]


def test_one_gain_for_sensors_that_carry_together(seed: int) -> None:
    walk = make_walk("in_shoe", seed, body_weight_n=800.0, standing_s=2.0, steps=4)
    found = footscan.calibrate(
        same_gain(walk, 0.7), "two_point", body_weight_n=800.0, unloaded=in_the_air(walk), loaded=(0.1, 1.5)
    )
    assert_same(found, walk, 1e-4)


@pytest.mark.parametrize("cadence", [70.0, 120.0])
def test_the_body_weight_over_whole_strides(cadence: float, seed: int) -> None:
    """Whatever the walk, the mean force under both feet over whole strides is the body weight."""
    walk = make_walk("in_shoe", seed, body_weight_n=720.0, cadence_steps_per_min=cadence)
    found = footscan.calibrate(same_gain(walk, 2.4), "body_weight", body_weight_n=720.0)
    assert_same(found, walk, 0.01)
    a, b = analyse(found), analyse(walk.recording)
    assert a.quantity == "pressure" and a.gait["steps"] == b.gait["steps"]
    assert a.max_force_n["left"] == pytest.approx(b.max_force_n["left"], rel=0.01)


def test_the_loaded_span_carries_the_body_weight_exactly(rng: np.random.Generator) -> None:
    """The law, on noise: after calibration the mean force in the span is the weight that was given, and scaling the
    counts changes nothing."""
    layout = make_walk("plate", 0, grid=(64, 64), steps=1).recording.pressure[0].layout
    part = PressureRecording(rng.uniform(0, 99, (60, 4096)), "raw", np.cumsum(rng.uniform(0.01, 0.02, 60)), layout)
    span = float(part.time_s[10]), float(part.time_s[50])
    found = footscan.calibrate(Recording((part,)), "body_weight", body_weight_n=512.0, loaded=span).pressure[0]
    force = found.values[10:51].astype(np.float64) @ np.asarray(layout.area_mm2) / 1000.0
    assert np.trapezoid(force, part.time_s[10:51]) / (span[1] - span[0]) == pytest.approx(512.0, rel=1e-6)
    louder = replace(part, values=part.values * np.float32(8.0))
    again = footscan.calibrate(Recording((louder,)), "body_weight", body_weight_n=512.0, loaded=span).pressure[0]
    np.testing.assert_allclose(again.values, found.values, rtol=1e-5)


def test_cells_without_area_give_newtons(rng: np.random.Generator) -> None:
    layout = SensorLayout(np.column_stack([np.arange(12.0), np.zeros(12)]), positions="arbitrary")
    part = PressureRecording(rng.uniform(10, 700, (100, 12)), "raw", np.arange(100) / 62.5, layout, side="left")
    found = footscan.calibrate(Recording((part,)), "body_weight", body_weight_n=600.0, loaded=(0.0, 2.0)).pressure[0]
    assert found.unit == "N"
    force = found.values.sum(axis=1)
    assert np.trapezoid(force, found.time_s) / np.ptp(found.time_s) == pytest.approx(600.0, rel=1e-5)


def bent(kpa: Array) -> Array:
    """A sensor that bends: counts for kPa, rising all the way."""
    return np.asarray(255.0 * (1.0 - np.exp(-np.asarray(kpa, np.float64) / 150.0)))


def test_a_table_straightens_a_bent_sensor(seed: int) -> None:
    walk = make_walk("in_shoe", seed, steps=3)
    top = max(float(p.values.max()) for p in walk.recording.pressure)
    points = np.linspace(0.0, top, 25)
    parts = tuple(replace(p, values=bent(p.values), unit="raw") for p in walk.recording.pressure)
    raw = replace(walk.recording, pressure=parts)
    table = np.column_stack([bent(points), points])
    table[-1, 0] *= 1.0 + 1e-6
    found = footscan.calibrate(raw, "table", table=table)
    assert_same(found, walk, 0.005)
    assert all(part.valid is None for part in found.pressure)
    by_side: Mapping[Side, Any] = {"left": table, "right": table[::-1][::-1]}
    np.testing.assert_array_equal(
        footscan.calibrate(raw, "table", table=by_side).pressure[1].values, found.pressure[1].values
    )


def test_readings_beyond_the_table_are_missing_not_guessed(rng: np.random.Generator) -> None:
    layout = SensorLayout(rng.uniform(0, 100, (5, 2)), np.full(5, 100.0))
    values = rng.uniform(0.0, 300.0, (40, 5)).astype(np.float32)
    valid = rng.uniform(size=values.shape) > 0.1
    part = PressureRecording(values, "raw", np.arange(40) / 50.0, layout, valid, full_scale=400.0)
    table = [(20.0, 0.0), (100.0, 50.0), (255.0, 90.0)]
    found = footscan.calibrate(Recording((part,)), "table", table=table, unit="N").pressure[0]
    assert found.unit == "N" and found.valid is not None and found.full_scale is None
    np.testing.assert_array_equal(found.valid, valid & (values >= 20.0) & (values <= 255.0))
    # through the points, monotone between them
    exact = footscan.calibrate(
        Recording((replace(part, values=np.tile([20.0, 60.0, 100.0, 170.0, 255.0], (40, 1)), valid=None),)),
        "table",
        table=table,
    ).pressure[0]
    row = exact.values[0]
    assert row[[0, 2, 4]] == pytest.approx([0.0, 50.0, 90.0]) and (np.diff(row) > 0).all()


def test_kpa_of_raw_counts_is_an_error_that_says_how(seed: int) -> None:
    raw, _ = counts(make_walk("in_shoe", seed, steps=3), seed)
    with pytest.raises(ScanError, match=r"footscan\.calibrate.*two_point.*body_weight.*table"):
        in_kpa(raw)
    assert "footscan.calibrate" in analyse(raw).reasons["peak_kpa.left"]
    walk = make_walk("in_shoe", seed, steps=3)
    assert all(a is b for a, b in zip(in_kpa(walk.recording).pressure, walk.recording.pressure))
    newtons = tuple(
        replace(p, values=p.values * np.asarray(p.layout.area_mm2) / 1000.0, unit="N") for p in walk.recording.pressure
    )
    assert_same(in_kpa(replace(walk.recording, pressure=newtons)), walk, 1e-6)
    bare = replace(newtons[0], layout=replace(newtons[0].layout, area_mm2=None))
    with pytest.raises(ScanError, match="without a known area"):
        in_kpa(Recording((bare,)))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"method": "vendor"}, "method must be one of two_point"),
    ({"method": "table"}, "table needs"),
    ({"method": "table", "table": [(0, 0)]}, r"\(n, 2\)"),
    ({"method": "table", "table": [(0, 0), (0, 5)]}, "must rise"),
    ({"method": "table", "table": [(0, 0), (5, np.nan)]}, "finite"),
    ({"method": "table", "table": {"left": [(0, 0), (1, 1)]}}, "no rows for the right"),
    ({"method": "body_weight"}, "needs body_weight_n"),
    ({"method": "body_weight", "body_weight_n": -700.0}, "needs body_weight_n"),
    ({"method": "two_point", "body_weight_n": 700.0}, "two_point needs unloaded"),
    (
        {"method": "two_point", "body_weight_n": 700.0, "unloaded": {"left": (0, 1)}, "loaded": (0, 1)},
        "no span for the right",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_a_bad_argument_says_what_came(arguments: dict[str, Any], message: str) -> None:
    raw = same_gain(make_walk("in_shoe", 0, steps=3), 1.0)
    with pytest.raises(ValueError, match=message):
        footscan.calibrate(raw, **arguments)


def test_what_the_recording_can_not_support_is_refused() -> None:
    walk = make_walk("in_shoe", 0, steps=3)
    with pytest.raises(ValueError, match=r"only raw counts.*kPa"):
        footscan.calibrate(walk.recording, "body_weight", body_weight_n=700.0)
    with pytest.raises(ValueError, match="no pressure at all"):
        footscan.calibrate(Recording(()), "body_weight", body_weight_n=700.0)
    raw = same_gain(walk, 1.0)
    with pytest.raises(ScanError, match="no frame of the left sensor between 90 and 95 s"):
        footscan.calibrate(raw, "body_weight", body_weight_n=700.0, loaded=(90.0, 95.0))
    silent = replace(raw, pressure=tuple(replace(p, values=p.values * 0) for p in raw.pressure))
    with pytest.raises(ScanError, match="reads nothing"):
        footscan.calibrate(silent, "body_weight", body_weight_n=700.0, loaded=(0.0, 1.0))
    with pytest.raises(ScanError, match="no whole stride"):
        footscan.calibrate(silent, "body_weight", body_weight_n=700.0)
    with pytest.raises(ScanError, match="a left and a right insole"):
        footscan.calibrate(replace(raw, pressure=raw.pressure[:1]), "body_weight", body_weight_n=700.0)
