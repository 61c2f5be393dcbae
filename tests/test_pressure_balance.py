"""Standing balance: a person who sways in sine waves, whose lengths, amplitudes and spectrum are in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from footscan.errors import ScanError
from footscan.pressure import analyse
from footscan.pressure.balance import AXES, BANDS_HZ, Balance, sway
from footscan.pressure.cop import prediction_ellipse_mm2
from footscan.synth import make_walk
from footscan.synth.standing import SyntheticStanding, make_standing
from footscan.types import Array, replace

Lines = tuple[tuple[float, float, float], ...]


def drawn(rng: np.random.Generator) -> Lines:
    """Waves in each band, clear of its ends and of each other (windows of 20 s tell 0.1 Hz apart)."""
    places = ((0.1, 0.2, 4.0), (0.4, 0.55, 1.5), (0.75, 0.9, 1.5), (1.2, 1.9, 0.6), (2.1, 2.8, 0.6))
    return tuple(
        (float(rng.uniform(low, high)), float(a * rng.uniform(0.4, 1.2)), float(a * rng.uniform(0.4, 1.2)))
        for low, high, a in places
    )


def truth(standing: SyntheticStanding, start_s: float, stop_s: float) -> dict[str, float]:
    """From the closed form on a grid of 1 ms."""
    fine = np.arange(start_s, stop_s, 0.001)
    path = standing.path(fine)
    path = path - path.mean(axis=0)
    steps = np.diff(path, axis=0)
    duration = float(fine[-1] - fine[0])
    found = {
        "path_mm": float(np.linalg.norm(steps, axis=1).sum()),
        "rms_mm": float(np.sqrt((path**2).sum(axis=1).mean())),
        "sway_area_mm2": prediction_ellipse_mm2(path[::20]) or 0.0,
    }
    found["mean_velocity_mm_per_s"] = found["path_mm"] / duration
    for k, name in enumerate(AXES):
        found[f"range_{name}_mm"] = float(np.ptp(path[:, k]))
        found[f"rms_{name}_mm"] = float(np.sqrt((path[:, k] ** 2).mean()))
        found[f"mean_velocity_{name}_mm_per_s"] = float(np.abs(steps[:, k]).sum()) / duration
    return found


def balance_of(standing: SyntheticStanding) -> Balance:
    found = analyse(standing.recording)
    assert found.balance is not None and "balance" not in found.reasons and found.faults == ()
    assert found.gait["steps"] == 0 and {s.side for s in found.steps} == {"left", "right"}
    return found.balance


@pytest.mark.parametrize("rate_hz", [50.0, 100.0])
def test_a_sway_of_known_waves(rate_hz: float, rng: np.random.Generator, seed: int) -> None:
    standing = make_standing(drawn(rng), seed, rate_hz=rate_hz)
    found = balance_of(standing)
    assert (found.start_s, found.stop_s) == pytest.approx((1.0, 39.0), abs=0.05)
    for key, value in truth(standing, found.start_s, found.stop_s).items():
        assert found.values[key] == pytest.approx(value, rel=0.01), key
    power = standing.lines[:, 1:] ** 2 / (standing.lines[:, 1:] ** 2).sum(axis=0)
    for (low, high), band in zip(BANDS_HZ, found.bands):
        inside = (standing.lines[:, 0] > low) & (standing.lines[:, 0] < high)
        assert band[:2] == (low, high) and band[2:] == pytest.approx(power[inside].sum(axis=0), abs=0.02)
    for k, name in enumerate(AXES):  # the median lies at the wave at which half of the power is reached
        order = np.argsort(standing.lines[:, 0])
        reached = np.cumsum(power[order, k])
        wave = standing.lines[order[int(np.searchsorted(reached, 0.5))], 0]
        if np.abs(reached - 0.5).min() > 0.05:
            assert found.values[f"median_frequency_{name}_hz"] == pytest.approx(wave, abs=0.06)


def wander(rng: np.random.Generator, seconds: float = 30.0, rate_hz: float = 100.0) -> tuple[Array, Array]:
    steps = rng.normal(0, 0.3, (round(seconds * rate_hz), 2))
    path = np.cumsum(steps - steps.mean(axis=0), axis=0) * [1.0, 0.7]
    return np.arange(len(path)) / rate_hz, path


def test_larger_turned_or_later_is_the_same_sway(rng: np.random.Generator) -> None:
    time_s, path = wander(rng)
    a = sway(time_s, path)
    b = sway(time_s + 17.0, 2.5 * path[:, ::-1] + [40.0, -8.0])
    for key, value in a.values.items():
        other = key.replace("_ap_", "_?_").replace("_ml_", "_ap_").replace("_?_", "_ml_")
        factor = {"mm": 2.5, "s": 2.5 if "velocity" in key else 1.0, "mm2": 6.25}.get(key.rsplit("_", 1)[-1], 1.0)
        assert b.values[other] == pytest.approx(factor * value, rel=1e-6), key
    assert [row[3:1:-1] for row in b.bands] == [pytest.approx(row[2:], abs=1e-9) for row in a.bands]
    assert sum(row[2] for row in a.bands) <= 1.0 + 1e-9


def test_what_the_low_pass_takes(rng: np.random.Generator) -> None:
    """A wave of 30 Hz adds nothing to a length at 10 Hz, one of 0.5 Hz all of it; its gain at the corner is -3 dB."""
    time_s = np.arange(3000) / 100.0
    for frequency, share in ((30.0, 0.0), (10.0, np.sqrt(0.5)), (0.5, 1.0)):
        path = np.column_stack([np.sin(2 * np.pi * frequency * time_s), np.zeros(3000)])
        found = sway(time_s, path).values["rms_ap_mm"]
        assert found == pytest.approx(share * np.sqrt(0.5), abs=0.02)
    slow = sway(time_s[::10], wander(rng)[1][::10])
    assert slow.values["low_pass_hz"] == pytest.approx(4.0)


def test_lost_frames_and_uneven_times(rng: np.random.Generator, seed: int) -> None:
    standing = make_standing(drawn(rng), seed, rate_hz=100.0)
    part = standing.recording.pressure[0]
    kept = rng.uniform(size=len(part.time_s)) > 0.04
    kept[[0, -1]] = True
    torn = replace(part, values=part.values[kept], time_s=part.time_s[kept])
    a, b = analyse(standing.recording).balance, analyse(replace(standing.recording, pressure=(torn,))).balance
    assert a is not None and b is not None
    for key in ("path_mm", "sway_area_mm2", "range_ap_mm", "rms_ml_mm"):
        assert b.values[key] == pytest.approx(a.values[key], rel=0.01), key


def test_what_can_not_be_judged_is_refused(rng: np.random.Generator) -> None:
    time_s, path = wander(rng, 9.0)
    with pytest.raises(ScanError, match="10 s"):
        sway(time_s, path)
    time_s, path = wander(rng)
    path[: len(path) // 5] = np.nan
    with pytest.raises(ScanError, match="tenth"):
        sway(time_s, path)
    found = analyse(make_standing(duration_s=8.0).recording)
    assert found.balance is None and "10 s" in found.reasons["balance"]
    raw = make_standing()
    parts = tuple(replace(p, unit="raw") for p in raw.recording.pressure)
    found = analyse(replace(raw.recording, pressure=parts))
    assert found.balance is None and "calibrate" in found.reasons["balance"]


def test_a_walk_is_no_standing(seed: int) -> None:
    found = analyse(make_walk("plate", seed, cell_mm=10.0, steps=3).recording)
    assert found.balance is None and "nobody stood" in found.reasons["balance"]


def test_standing_still_does_not_sway() -> None:
    found = balance_of(make_standing(lines=((0.5, 0.0, 0.0),)))
    assert found.values["path_mm"] == pytest.approx(0.0, abs=1e-2)
    assert found.values["sway_area_mm2"] == pytest.approx(0.0, abs=1e-4)
    with pytest.raises(ValueError, match="leaves the feet"):
        make_standing(lines=((0.5, 300.0, 0.0),))
