"""Two crystals and a radio that delivers in bursts, brought onto one time."""

from __future__ import annotations

import numpy as np
import pytest

from devices.clock import SETTLED_S, Clock, ClockFit, edge_offset, fit_clock, tap_offset
from devices.types import Array
from footscan.io.mcap import host_times

RATE_HZ = 100.0
BURSTS = ("regular", "now and then", "irregular")


def stamps(rng: np.random.Generator, ppm: float, seconds: float, kind: str) -> tuple[Array, Array, Array]:
    """(true, device, host) times of what got through: 5 % lost, silence of 150 ms and then everything at once."""
    true_s = np.arange(0.0, seconds, 1 / RATE_HZ) + rng.uniform(0, 0.01)
    true_s = true_s[rng.random(len(true_s)) > 0.05]
    ready_s = true_s + 0.005 + rng.exponential(0.002, len(true_s))
    if kind == "regular":
        phase_s = rng.uniform(0, 0.15)
        ready_s = np.ceil((ready_s - phase_s) / 0.15) * 0.15 + phase_s
    elif kind == "irregular":
        ends_s = np.cumsum(rng.uniform(0.075, 0.225, int(10 * seconds)))
        ready_s = ends_s[np.searchsorted(ends_s, ready_s)]
    else:
        for start_s in rng.uniform(0, seconds, int(seconds)):
            ready_s[(ready_s > start_s) & (ready_s < start_s + 0.15)] = start_s + 0.15
    host_s = np.maximum.accumulate(ready_s + rng.exponential(0.0005, len(ready_s)))
    return true_s, true_s * (1 + ppm * 1e-6) + rng.uniform(0, 1e5), host_s


def errors_s(rng: np.random.Generator, ppm: float, seconds: float, kind: str) -> tuple[Array, Array]:
    """(true times, error of the host time that is told at that moment) on line, packet by packet."""
    true_s, device_s, host_s = stamps(rng, ppm, seconds, kind)
    clock, told = Clock(0.03), []
    for device, host in zip(device_s, host_s):
        clock.add(device, host)
        assert clock.fit is not None
        told.append(float(clock.fit.to_host_s(device)))
    return true_s, np.array(told) - true_s


@pytest.mark.parametrize("kind", BURSTS)
def test_drift_is_removed_within_half_a_minute(rng: np.random.Generator, kind: str) -> None:
    left, right = errors_s(rng, 20.0, 120.0, kind), errors_s(rng, -20.0, 120.0, kind)
    at_s = np.arange(SETTLED_S, 119.0, 0.1)
    apart_ms = 1e3 * (np.interp(at_s, *left) - np.interp(at_s, *right))
    apart_ms = np.abs(apart_ms - np.median(apart_ms))
    assert np.median(apart_ms) <= 1.0 and np.percentile(apart_ms, 99) <= 5.0


@pytest.mark.prove
def test_drift_of_two_insoles_over_an_hour(rng: np.random.Generator, record_property: object) -> None:
    for kind in BURSTS:
        left, right = errors_s(rng, 20.0, 3600.0, kind), errors_s(rng, -20.0, 3600.0, kind)
        at_s = np.arange(SETTLED_S, 3599.0, 0.1)
        apart_ms = 1e3 * (np.interp(at_s, *left) - np.interp(at_s, *right))
        apart_ms = np.abs(apart_ms - np.median(apart_ms))
        assert np.median(apart_ms) <= 1.0 and np.percentile(apart_ms, 99) <= 5.0
        assert callable(record_property)
        record_property(kind, [float(np.median(apart_ms)), float(np.percentile(apart_ms, 99))])


def test_a_board_without_a_crystal_is_followed(rng: np.random.Generator) -> None:
    ppm = float(rng.choice([-1, 1])) * 10_000.0
    _, device_s, host_s = stamps(rng, ppm, 60.0, "now and then")
    fit = fit_clock(device_s, host_s)
    assert fit.skew_ppm == pytest.approx(-ppm / (1 + ppm * 1e-6), rel=0.02)


def test_exact_stamps_give_their_line(rng: np.random.Generator) -> None:
    device_s = np.sort(rng.uniform(0, 60, 200))
    host_s = 1000.0 + device_s
    fit = fit_clock(device_s, host_s, latency_s=0.03)
    assert fit.to_host_s(device_s) == pytest.approx(host_s, abs=1e-6)
    assert fit.uncertainty_ms == 30.0 and fit.residual_ms == pytest.approx(0, abs=1e-6)


def test_when_the_device_clock_begins_anew_so_does_the_learning(rng: np.random.Generator) -> None:
    clock = Clock()
    for k in range(100):
        clock.add(k * 1.0, 1000.0 + k)
    clock.shift(0.5, 2.0, "tap")
    clock.restart()
    fit = clock.add(200.0, 5000.0)
    assert fit is not None and (fit.epoch, fit.shift_s, fit.shared) == (1, 0.0, "") and fit.to_host_s(200.0) == 5000.0


def test_memory_is_bounded() -> None:
    clock = Clock()
    fits = sum(clock.add(k * 0.5, k * 0.5 + 0.01) is not None for k in range(4000))
    assert len(clock._quickest) == 600 and fits < 2000 / 3


def test_bad_stamps_are_refused() -> None:
    with pytest.raises(ValueError, match="finite stamps"):
        fit_clock(np.array([]), np.array([]))
    with pytest.raises(ValueError, match="finite stamps"):
        fit_clock(np.array([np.nan]), np.array([1.0]))


# ------------------------------------------------------------------ shared events


def jolted(rng: np.random.Generator, rate_hz: float, tap_s: float) -> tuple[Array, Array]:
    """A device at rest that is knocked: gravity, noise, and a jolt that rings for some 30 ms."""
    times_s = np.arange(0.0, 10.0, 1 / rate_hz) + rng.uniform(0, 1 / rate_hz)
    turned = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    values = np.tile([0.0, 0.0, 9.81], (len(times_s), 1)) + rng.normal(0, 0.05, (len(times_s), 3))
    after_s = times_s - tap_s
    ring = np.exp(-((after_s / 0.012) ** 2)) * 40.0
    return times_s, (values + ring[:, None] * [0.3, 0.2, 1.0]) @ turned.T


@pytest.mark.parametrize("rate_hz", [100.0, 200.0])
def test_a_tap_gives_the_offset_to_five_milliseconds(rng: np.random.Generator, rate_hz: float) -> None:
    for _ in range(20):
        offset_s = float(rng.uniform(-0.08, 0.08))
        tap_s = float(rng.uniform(2, 8))
        a, b = jolted(rng, rate_hz, tap_s), jolted(rng, rate_hz, tap_s + offset_s)
        found_s, uncertainty_ms = tap_offset(*a, *b)
        assert abs(found_s - offset_s) <= 0.005 and 0 < uncertainty_ms <= 5.0


def test_without_a_tap_there_is_no_offset(rng: np.random.Generator) -> None:
    still = jolted(rng, 100.0, -5.0)
    with pytest.raises(ValueError, match="a tap in device a"):
        tap_offset(*still, *jolted(rng, 100.0, 5.0))


def test_edges_give_the_offset(rng: np.random.Generator) -> None:
    edges_s = np.sort(rng.uniform(0, 60, 12))
    found_s, uncertainty_ms = edge_offset(edges_s, edges_s + 0.0123 + rng.uniform(-1e-4, 1e-4, 12))
    assert found_s == pytest.approx(0.0123, abs=1e-4) and uncertainty_ms <= 0.2
    with pytest.raises(ValueError, match="the same edges"):
        edge_offset(edges_s, edges_s[1:])


def test_an_offset_is_uncertain_by_the_connection_interval_until_an_event_was_shared() -> None:
    clock = Clock(latency_s=0.03)
    for k in range(60):
        clock.add(float(k), 1000.0 + k)
    assert clock.fit is not None and clock.fit.uncertainty_ms == 30.0
    fit = clock.shift(0.012, 2.5, "tap")
    assert fit is not None and (fit.uncertainty_ms, fit.shared) == (2.5, "tap")
    later = [clock.add(float(k), 1000.0 + k) for k in range(60, 80)]
    assert all(f is None or f.shift_s == 0.012 for f in later)


def test_a_file_gives_the_times_that_the_fits_tell(rng: np.random.Generator) -> None:
    """Two stretches of one clock, each learnt on line; read back, they run through their own times."""
    clock, written, truth = Clock(), [], []
    for start_s, device_s, ppm in ((1000.0, 50.0, 15.0), (1300.0, 350.0, -8.0)):
        for k in range(2000):
            at_s, host_s = device_s + k * 0.05, start_s + k * 0.05 * (1 + ppm * 1e-6)
            truth.append((at_s, host_s))
            fit = clock.add(at_s, host_s)
            written += [fit] if fit is not None else []
        clock.restart()
    fits = [{name: getattr(fit, name) for name in ClockFit.__dataclass_fields__} for fit in written]
    device_s, host_s = np.array(truth).T
    assert np.abs(host_times(device_s, fits) - host_s).max() < 0.2e-3


def test_an_interval_that_shows_is_left_open(rng: np.random.Generator) -> None:
    """A link that lets packets through every 0.4 s: an absolute time is no better known than that."""
    interval_s, clock = float(rng.uniform(0.1, 0.5)), Clock(0.03)
    for device_s in np.arange(0.0, 20.0, 0.01):
        clock.add(float(device_s), 5.0 + interval_s * (np.floor(device_s / interval_s) + 1.0))
    assert clock.fit is not None
    assert clock.fit.uncertainty_ms == pytest.approx(1e3 * interval_s, rel=0.02)
