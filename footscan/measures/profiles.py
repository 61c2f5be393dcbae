"""Edge profiles: how far the surface reaches in one direction, station by station (outline, dorsal ridge, leg)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from footscan.types import Array

SPECK_MM = 1.5
DEPTH_MM = 3.5  #: points this near the outermost one of a station take part in its fit


@dataclass(frozen=True, eq=False)
class Profile:
    """``at`` (k,) mm stations along one axis, ``reach`` (k,) mm the surface's extreme there (NaN where points are too
    few), ``cross`` (k,) mm where it lies on the third axis, ``sign`` the direction (+1 or -1)."""

    at: Array
    reach: Array
    cross: Array
    sign: float = 1.0

    def value(self, at: float) -> float:
        """The reach at a station (linear between neighbours); NaN outside."""
        good = np.isfinite(self.reach)
        if good.sum() < 2:
            return float("nan")
        return float(np.interp(at, self.at[good], self.reach[good], left=np.nan, right=np.nan))

    def peak(self, low: float, high: float, window: float) -> tuple[float, float, bool] | None:
        """Station and reach of the largest reach in [low, high]: vertex of a parabola over ±window mm, and whether it
        lies inside (False: the largest value is at the end of the range). None without points."""
        good = np.isfinite(self.reach) & (self.at >= low) & (self.at <= high)
        if good.sum() < 5:
            return None
        at, reach = self.at[good], self.reach[good]
        best = float(at[np.argmax(_smooth(self.sign * reach))])
        value = float(reach.max())
        for _ in range(4):
            near = np.isfinite(self.reach) & (np.abs(self.at - best) <= window)
            if near.sum() < 5:
                return best, value, False
            c = np.polynomial.polynomial.polyfit(self.at[near] - best, self.sign * self.reach[near], 2)
            value = self.sign * float(c[0])
            if c[2] >= -1e-5:  # no hill: a slope or a hollow
                return best, value, False
            best = float(np.clip(best + np.clip(-c[1] / (2 * c[2]), -window, window), low, high))
        return best, value, low + 0.5 < best < high - 0.5


def _smooth(values: Array) -> Array:
    padded = np.pad(values, 2, mode="edge")
    return np.convolve(padded, np.ones(5) / 5, mode="valid")


def profile(
    points: Array, along: int, out: int, sign: float, step_mm: float = 2.0, depth_mm: float = DEPTH_MM
) -> Profile:
    """The surface's extreme in direction ``sign`` · axis ``out`` at stations ``step_mm`` apart on axis ``along``.

    At each station a parabola over the third axis is fitted to the outermost points (those within ``depth_mm`` of the
    outermost) and its vertex taken: on noisy points the plain maximum would lie several noises too far out.
    """
    cross = 3 - along - out
    t, h, c = points[:, along], sign * points[:, out], points[:, cross]
    if len(points) < 12:
        return Profile(np.zeros(0), np.zeros(0), np.zeros(0))
    low = np.floor(t.min() / step_mm) * step_mm
    own = ((t - low) / step_mm).astype(np.int64)
    bins = int(own.max()) + 1
    at = low + (np.arange(bins) + 0.5) * step_mm
    top = np.full(bins, -np.inf)
    np.maximum.at(top, own, h)
    # a speck outside the surface stands alone: no station reaches far beyond its neighbours
    top = np.minimum(top, ndimage.median_filter(top, size=7, mode="nearest") + SPECK_MM)
    near = (h > top[own] - depth_mm) & (h < top[own] + 0.5)
    own, h, c, t = own[near], h[near], c[near], t[near]
    count = np.bincount(own, minlength=bins).astype(float)
    mean = np.bincount(own, weights=c, minlength=bins) / np.maximum(count, 1)
    scale = 5.0
    v = (c - mean[own]) / scale
    s = (t - at[own]) / step_mm
    alive = np.ones(len(h))
    for _ in range(2):
        basis = (np.ones_like(v), v, v * v, s)
        M, b = np.empty((bins, 4, 4)), np.empty((bins, 4))
        for i in range(4):
            b[:, i] = np.bincount(own, weights=alive * basis[i] * h, minlength=bins)
            for j in range(i, 4):
                M[:, i, j] = M[:, j, i] = np.bincount(own, weights=alive * basis[i] * basis[j], minlength=bins)
        M += np.eye(4) * np.array([1e-9, 1e-2, 1e-2, 1e-2]) * np.maximum(count, 1)[:, None, None] * 0.01
        fit = np.linalg.solve(M + np.eye(4) * 1e-9, b[:, :, None])[:, :, 0]
        rest = h - (fit[own, 0] + fit[own, 1] * v + fit[own, 2] * v * v + fit[own, 3] * s)
        spread = 1.4826 * np.median(np.abs(rest[alive > 0])) + 1e-3
        alive = (np.abs(rest) < max(3.5 * spread, 0.3)).astype(float)
    a, b1, c2 = fit[:, 0], fit[:, 1], fit[:, 2]
    widest = np.zeros(bins)
    np.maximum.at(widest, own, np.abs(v))
    vertex = np.where(c2 < -1e-6, -b1 / np.where(c2 < -1e-6, 2 * c2, -1.0), np.sign(b1) * widest)
    vertex = np.clip(vertex, -widest, widest)
    reach = a + b1 * vertex + c2 * vertex * vertex
    bad = count < 6
    return Profile(at, np.where(bad, np.nan, sign * reach), np.where(bad, np.nan, mean + vertex * scale), sign)


def hills(values: Array, prominence: float, apart: int = 1) -> list[tuple[int, float]]:
    """Index and prominence of the hilltops of a curve (n,) that stand out by at least ``prominence``, in order.

    Prominence: height above the higher of the two lowest places between the top and higher ground on either side (or
    the curve's end). Of tops nearer than ``apart`` the highest stays. (scipy.signal has one, and takes as long to
    import as a foot takes to measure.)
    """
    inner = (values[1:-1] >= values[:-2]) & (values[1:-1] > values[2:])
    found: list[tuple[int, float]] = []
    for k in sorted((np.flatnonzero(inner) + 1).tolist(), key=lambda k: -values[k]):
        higher = np.flatnonzero(values > values[k])
        left = higher[higher < k].max(initial=-1) + 1
        right = higher[higher > k].min(initial=len(values))
        rise = float(values[k] - max(values[left : k + 1].min(), values[k:right].min()))
        if rise >= prominence and all(abs(k - j) >= apart for j, _ in found):
            found.append((k, rise))
    return sorted(found)
