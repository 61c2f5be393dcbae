"""Synthetic walks of anybody, and what is found of them held against what is true of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pytest

from footscan.pressure import RecordingAnalysis, StepMetrics
from footscan.synth import SyntheticWalk, make_walk

Kind = Literal["in_shoe", "plate"]
Pairs = list[tuple[StepMetrics, Mapping[str, Any]]]


def walk_of(kind: Kind, seed: int, cadence: float, **more: Any) -> SyntheticWalk:
    """A walk of anybody."""
    rng = np.random.default_rng(seed)
    facts: dict[str, Any] = {"body_weight_n": float(rng.uniform(400, 1100)), "steps": 6 if kind == "plate" else 12}
    facts |= {"cell_mm": float(rng.choice([8.0, 10.0])), "toe_out_deg": float(rng.uniform(0, 15))}
    facts |= {"step_mm": float(rng.uniform(450, 750)), "base_mm": float(rng.uniform(125, 165))}
    return make_walk(kind, seed, cadence_steps_per_min=cadence, **(facts | more))


def matched(found: RecordingAnalysis, walk: SyntheticWalk) -> Pairs:
    """Each true full contact and the step found for it; all are found, and there is no other."""
    pairs = []
    for truth in (c for c in walk.truth["contacts"] if c["full"]):
        near = [s for s in found.steps if s.side == truth["side"] and abs(s.start_s - truth["start_s"]) < 0.1]
        assert len(near) == 1, (truth, [(s.side, s.start_s) for s in found.steps])
        pairs.append((near[0], truth))
    assert len(found.steps) == len(walk.truth["contacts"])
    return pairs


def cop_error_mm(step: StepMetrics, truth: Mapping[str, Any], walk: SyntheticWalk) -> float:
    """Largest distance between the centre of pressure found and the true one, over the frames that have both."""
    time_s = walk.truth["time_s"]
    if "cop_mm" in truth:
        first, last = np.searchsorted(time_s, [truth["start_s"], truth["stop_s"]])
        time_s, path = time_s[first:last], truth["cop_mm"]
    else:
        path = walk.truth["cop_mm"][step.side]
    k = np.searchsorted(time_s, step.time_s - 1e-6)
    there = k < len(time_s)
    assert step.cop_xy_mm is not None
    away = np.linalg.norm(step.cop_xy_mm[there] - path[k[there]], axis=1)
    if not np.isfinite(away).any():  # null all through, with a reason
        assert "cop_frames" in step.reasons
        return 0.0
    return float(np.nanmax(away))


def assert_clean(found: RecordingAnalysis, walk: SyntheticWalk) -> Pairs:
    pairs = matched(found, walk)
    for step, truth in pairs:
        assert step.used
        assert (step.start_s, step.stop_s) == pytest.approx((truth["start_s"], truth["stop_s"]), abs=0.020)
        assert step.values["impulse_n_s"] == pytest.approx(truth["impulse_n_s"], rel=0.005)
        assert cop_error_mm(step, truth, walk) <= 0.5
    assert found.faults == () and found.gait["steps"] == walk.truth["steps"]
    return pairs
