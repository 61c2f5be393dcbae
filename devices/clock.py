"""Which host time belongs to a device time, learnt from stamps alone, on line.

A radio delivers late and in bursts, never early: of the (device, host) stamps of each second only the quickest counts.
Through these, over the last ten minutes, runs a line at a low quantile (not at the very lowest: one lucky packet must
not move it), by iteratively reweighted least squares; its slope is how much the crystals disagree, held near zero by
what crystals can do (some 30 ppm) until the stamps say clearly that there is none.

The shortest latency itself can't be seen from here: an absolute time is uncertain by at least the connection interval
(as the transport says it, or as it shows in the silences before packets that come together) until an event that two
devices share has shown their offset (``tap_offset``, ``edge_offset``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from devices.types import Array

BUCKET_S = 1.0
WINDOW_BUCKETS = 600
SETTLED_S = 30.0  #: from a span of so much on the promised accuracy holds, and fits come less often
CALM_S = 5.0
QUANTILE = 0.25
CRYSTAL_PPM = 30.0
DRIFTED_S = 0.02  #: what no crystal does: the clock moved by so much, and by ten times what is left over
ROUNDS = 12
TOGETHER_S = 0.002  #: packets that arrive within so much were sent in one turn of the radio
WAITS, FEWEST_WAITS = 64, 8
TAP_WINDOW_S = 0.25
TAP_STEP_S = 0.0005
TAP_TIMES_NOISE = 8.0
TAP_ALONE = 0.6  #: nothing else may jolt as much of it: steps come again and again


@dataclass(frozen=True, slots=True)
class ClockFit:
    """host = host_s + (1 + skew) · (device − device_s) + shift_s, with skew in parts per million.

    residual_ms    : median distance of each second's quickest stamp from the line
    uncertainty_ms : of an absolute time: at least the latency that is left open; after a shared event its own
    span_s         : how much device time it was learnt from; from ``SETTLED_S`` on it is good
    epoch          : counts how often the device's clock began anew
    shift_s        : what a shared event added
    shared         : by what the devices were brought together: empty, ``tap``, ``edge``
    """

    device_s: float
    host_s: float
    skew_ppm: float = 0.0
    residual_ms: float = 0.0
    uncertainty_ms: float = 0.0
    span_s: float = 0.0
    epoch: int = 0
    shift_s: float = 0.0
    shared: str = ""

    def to_host_s(self, device_s: Array | float) -> Array:
        """Host times of device times."""
        away_s = np.asarray(device_s, dtype=np.float64) - self.device_s
        return self.host_s + self.shift_s + away_s + away_s * (self.skew_ppm * 1e-6)


def fit_clock(device_s: Array, host_s: Array, latency_s: float = 0.0) -> ClockFit:
    """The line under stamps.

    device_s, host_s : (n,) n >= 1, device times ascending
    latency_s        : what is left open of an absolute time

    Raises
    ------
    ValueError : different lengths, no stamps, something not finite
    """
    x, y = np.asarray(device_s, dtype=np.float64), np.asarray(host_s, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or not len(x) or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(f"device_s and host_s must be (n,) finite stamps, got {x.shape} and {y.shape}")
    return _fitted(x, y - x, latency_s)


def _fitted(device_s: Array, delay_s: Array, latency_s: float) -> ClockFit:
    """delay_s: host − device."""
    last_s, span_s = float(device_s[-1]), float(device_s[-1] - device_s[0])
    away_s, lowest_s = device_s - last_s, float(delay_s.min())
    delay_ms = (delay_s - lowest_s) * 1e3
    height_ms, slope, left_ms = _quantile_line(away_s, delay_ms, CRYSTAL_PPM * 1e-3)
    if span_s > 0:  # a board without a crystal: plain for all to see, so nothing is held back
        free = _quantile_line(away_s, delay_ms, 1e3)
        if abs(free[1]) * span_s > max(DRIFTED_S * 1e3, 10 * free[2]):
            height_ms, slope, left_ms = free
    host_s = last_s + lowest_s + height_ms * 1e-3
    return ClockFit(last_s, host_s, slope * 1e3, left_ms, max(latency_s * 1e3, left_ms), span_s)


def _quantile_line(x_s: Array, y_ms: Array, slope_sd: float) -> tuple[float, float, float]:
    """(height at x = 0, slope in ms/s, median distance) of the line below which ``QUANTILE`` of the points lie; the
    slope is expected to be 0 ± slope_sd."""
    height, slope = float(np.quantile(y_ms, QUANTILE)), 0.0
    middle_s = float(x_s.mean())
    centred_s = x_s - middle_s
    left = y_ms - height
    for _ in range(ROUNDS):
        weight = np.where(left > 0, QUANTILE, 1.0 - QUANTILE) / np.maximum(np.abs(left), 0.05)
        scale_ms = max(float(np.median(np.abs(left))), 0.3)
        total = float(weight.sum())
        mean_s, mean_ms = float(weight @ centred_s) / total, float(weight @ y_ms) / total
        lever_s = centred_s - mean_s
        slope = float((weight * lever_s) @ (y_ms - mean_ms))
        slope /= float((weight * lever_s) @ lever_s) + scale_ms / slope_sd**2
        height = mean_ms - slope * mean_s
        left = y_ms - height - slope * centred_s
    return height - slope * middle_s, slope, float(np.median(np.abs(left)))


class Clock:
    """Learns one device's clock as its packets come, in memory for ten minutes of seconds.

    ``add`` returns the new fit, at first and after a restart at once, then once a second, once settled every
    ``CALM_S``, else None; ``fit`` is the newest.
    """

    def __init__(self, latency_s: float = 0.0) -> None:
        self.latency_s = latency_s
        self.fit: ClockFit | None = None
        self._quickest: deque[tuple[float, float]] = deque(maxlen=WINDOW_BUCKETS)
        self._bucket: int | None = None
        self._best: tuple[float, float] = (0.0, 0.0)
        self._epoch = 0
        self._shift: tuple[float, float, str] | None = None
        self._waits: deque[float] = deque(maxlen=WAITS)
        self._arrival_s, self._gap_s = float("nan"), 0.0

    def add(self, device_s: float, host_s: float) -> ClockFit | None:
        """A packet: the time of its newest sample, and when it arrived. Without a device time nothing happens."""
        if device_s != device_s:
            return None
        self._arrived(host_s)
        delay_s, bucket = host_s - device_s, int(device_s // BUCKET_S)
        if self._bucket is None:
            self._bucket, self._best = bucket, (device_s, delay_s)
            return self._fitted([self._best])
        if bucket <= self._bucket:
            if delay_s < self._best[1]:
                self._best = (device_s, delay_s)
            return None
        self._quickest.append(self._best)
        self._bucket, self._best = bucket, (device_s, delay_s)
        settled = self.fit is not None and self.fit.epoch == self._epoch and self.fit.span_s > SETTLED_S
        if settled and self.fit is not None and device_s - self.fit.device_s < CALM_S:
            return None
        return self._fitted(self._quickest)

    def _arrived(self, host_s: float) -> None:
        """Packets that come together have waited for their turn: the silence before them is the link's interval."""
        gap_s = host_s - self._arrival_s
        if gap_s < TOGETHER_S < self._gap_s:
            self._waits.append(self._gap_s)
        self._arrival_s, self._gap_s = host_s, gap_s

    @property
    def _open_s(self) -> float:
        """What is left open of an absolute time: what the transport says, or the interval that shows."""
        if len(self._waits) < FEWEST_WAITS:
            return self.latency_s
        return max(self.latency_s, float(np.median(self._waits)))

    def restart(self) -> None:
        """The device's clock began anew: what was learnt is of no use. A shared event is forgotten too."""
        self._quickest.clear()
        self._bucket, self._shift = None, None
        self._epoch += 1

    def shift(self, shift_s: float, uncertainty_ms: float, shared: str) -> ClockFit | None:
        """A shared event has shown that this device's times must be moved by ``shift_s``; the fit from now on."""
        before = self._shift[0] if self._shift else 0.0
        self._shift = (before + shift_s, uncertainty_ms, shared)
        if self.fit is not None:
            self.fit = self._shifted(self.fit)
        return self.fit

    def _fitted(self, points: Sequence[tuple[float, float]]) -> ClockFit:
        stamps = np.array(points, dtype=np.float64)
        fit = replace(_fitted(stamps[:, 0], stamps[:, 1], self._open_s), epoch=self._epoch)
        self.fit = self._shifted(fit)
        return self.fit

    def _shifted(self, fit: ClockFit) -> ClockFit:
        if self._shift is None:
            return fit
        shift_s, uncertainty_ms, shared = self._shift
        return replace(fit, shift_s=shift_s, uncertainty_ms=max(uncertainty_ms, fit.residual_ms), shared=shared)


# ------------------------------------------------------------------ shared events


def tap_offset(time_a_s: Array, values_a: Array, time_b_s: Array, values_b: Array) -> tuple[float, float]:
    """How much later a tap is in b than in a, by the accelerations of two devices that were knocked together.

    time_*_s : (n,) ascending, on the host's time; values_* : (n, 3) m/s² or g

    Returns (offset_s, uncertainty_ms): the shift at which the two jolts agree best, sampled finely between the
    measured ones; uncertain by a quarter of the longer sample interval.

    Raises
    ------
    ValueError : no tap in one of them: nothing stands out of its noise by ``TAP_TIMES_NOISE``, or not alone
    """
    jolts = []
    for name, times, values in (("a", time_a_s, values_a), ("b", time_b_s, values_b)):
        t, v = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
        strength = np.linalg.norm(v - np.median(v, axis=0), axis=1)
        noise = float(np.median(strength))
        peak = int(np.argmax(strength))
        if len(t) < 8 or strength[peak] <= TAP_TIMES_NOISE * noise:
            raise ValueError(f"expected a tap in device {name}, found nothing that stands out of its noise")
        others = strength[np.abs(t - t[peak]) > TAP_WINDOW_S]
        if len(others) and others.max() > TAP_ALONE * strength[peak]:
            raise ValueError(
                f"expected one tap in device {name}, found several jolts as strong: stand still, then knock once"
            )
        jolts.append((t, np.maximum(strength - 3 * noise, 0.0), float(t[peak])))
    (ta, sa, peak_a), (tb, sb, peak_b) = jolts
    # one fine raster for both, each around its own peak; then the lag at which they agree
    raster = np.arange(-TAP_WINDOW_S, TAP_WINDOW_S, TAP_STEP_S)
    a, b = np.interp(peak_a + raster, ta, sa), np.interp(peak_b + raster, tb, sb)
    agreement = np.correlate(b / np.linalg.norm(b), a / np.linalg.norm(a), mode="full")
    best = int(np.argmax(agreement))
    lag = best - (len(raster) - 1) + _vertex(agreement, best)
    interval_s = max(float(np.median(np.diff(ta))), float(np.median(np.diff(tb))))
    return peak_b - peak_a + lag * TAP_STEP_S, 250.0 * interval_s


def _vertex(values: Array, at: int) -> float:
    """Where between its neighbours the top of a parabola lies."""
    if not 0 < at < len(values) - 1:
        return 0.0
    left, top, right = values[at - 1 : at + 2]
    bend = left - 2 * top + right
    return 0.0 if bend == 0 else float(0.5 * (left - right) / bend)


def edge_offset(edges_a_s: Array, edges_b_s: Array) -> tuple[float, float]:
    """How much later the same TTL edges are in b than in a: (offset_s, uncertainty_ms) by their median and spread.

    Raises
    ------
    ValueError : none, or not the same number of them
    """
    a, b = np.asarray(edges_a_s, dtype=np.float64), np.asarray(edges_b_s, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"expected the same edges in both, got {a.shape} and {b.shape}")
    away = b - a
    middle = float(np.median(away))
    return middle, max(0.1, 1e3 * float(np.median(np.abs(away - middle))))
