"""Edge profiles: how far the surface reaches in one direction, station by station (outline, dorsal ridge, leg)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from footscan.arrays import Groups, least_squares, median
from footscan.types import Array

SPECK_MM = 1.5
DEPTH_MM = 3.5  #: points this near the outermost one of a station take part in its first fit
NEAR_MM = 6.0  #: points this near the first fit's vertex take part in the second


@dataclass(frozen=True, eq=False)
class Profile:
    """``at`` (k,) mm stations along one axis, ``reach`` (k,) mm the surface's extreme there (NaN where points are too
    few), ``cross`` (k,) mm where it lies on the third axis, ``sign`` the direction (+1 or -1), ``steady`` (k,) mm the
    reach of a broader fit: half the noise, off by what the broad fit can't follow, which is the same all along."""

    at: Array
    reach: Array
    cross: Array
    sign: float = 1.0
    steady: Array | None = None

    def value(self, at: float) -> float:
        """The reach at a station (linear between neighbours); NaN outside."""
        good = np.isfinite(self.reach)
        if good.sum() < 2:
            return float("nan")
        return float(np.interp(at, self.at[good], self.reach[good], left=np.nan, right=np.nan))

    def peak(self, low: float, high: float, window: float) -> tuple[float, float, bool] | None:
        """Station and reach of the largest reach in [low, high]: top of a cubic over ±window mm (outlines are steeper
        on one side of their tops), and whether it lies inside (False: the largest value is at the end of the range).
        None without points."""
        good = np.isfinite(self.reach) & (self.at >= low) & (self.at <= high)
        if good.sum() < 5:
            return None
        steady = self.sign * (self.reach if self.steady is None else self.steady)
        best = float(self.at[good][np.argmax(_smooth(steady[good]))])
        value = float((self.sign * self.reach[good]).max())
        for _ in range(5):
            near = np.isfinite(self.reach) & (np.abs(self.at - best) <= window)
            if near.sum() < 6:
                return best, self.sign * value, False
            u = (self.at[near] - best) / window
            cubic, both = np.vander(u, 4, increasing=True), np.stack([steady, self.sign * self.reach], axis=1)[near]
            c = least_squares(cubic, both)
            top = _cubic_top(c[:, 0])
            moved = float(np.clip(best + top * window, low, high))  # a hill beyond the range is none of its own
            value = float(np.polynomial.polynomial.polyval((moved - best) / window, c[:, 1]))
            slope = abs(top) >= 0.999  # no hill in the window: a slope or a hollow
            if slope and (low < moved < high):
                best = moved
                continue
            if abs(moved - best) < 0.02:
                best = moved
                break
            best = moved
        return best, self.sign * value, not slope and low + 0.5 < best < high - 0.5


def _cubic_top(c: Array) -> float:
    """Where in [-1, 1] the cubic c0 + c1 u + c2 u² + c3 u³ is largest."""
    inner = c[2] ** 2 - 3.0 * c[1] * c[3]
    places = [-1.0, 1.0]
    if inner > 0.0 and (root := float(np.sqrt(inner) - c[2])) > 1e-9:  # without slope, bending down
        places.append(float(np.clip(c[1] / root, -1.0, 1.0)))
    return max(places, key=lambda u: float(c[0] + u * (c[1] + u * (c[2] + u * c[3]))))


def _smooth(values: Array) -> Array:
    padded = np.pad(values, 2, mode="edge")
    return np.convolve(padded, np.ones(5) / 5, mode="valid")


def profile(
    points: Array, along: int, out: int, sign: float, step_mm: float = 2.0, depth_mm: float = DEPTH_MM
) -> Profile:
    """The surface's extreme in direction ``sign`` · axis ``out`` at stations ``step_mm`` apart on axis ``along``.

    At each station a parabola over the third axis is fitted to the outermost points (those within ``depth_mm`` of the
    outermost), then a cubic to those within 6 mm of its vertex, for skin bends more on one side of its extreme. The
    top is taken: on noisy points the plain maximum would lie several noises too far out.
    """
    cross = 3 - along - out
    t, h, c = points[:, along], sign * points[:, out], points[:, cross]
    if len(points) < 12:
        return Profile(np.zeros(0), np.zeros(0), np.zeros(0), sign)
    # stage 1: the outermost layer of each station
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
    s = (t - at[own]) / step_mm
    count = np.bincount(own, minlength=bins)
    centre = np.bincount(own, weights=c, minlength=bins) / np.maximum(count, 1)
    # stage 2: a parabola over all of the layer, a cubic over its middle, each refitted without what lies off
    steady, vertex = _vertices(own, s, c - centre[own], h, bins)
    place = centre + vertex
    tidy = ndimage.median_filter(place, size=5, mode="nearest")
    window = (np.abs(c - tidy[own]) < NEAR_MM) & (np.abs(h - steady[own]) < depth_mm)
    own, h, c, s = own[window], h[window], c[window], s[window]
    inner = np.bincount(own, minlength=bins)
    finer, vertex = _vertices(own, s, c - tidy[own], h, bins, cubic=True)
    usable = (inner >= 12) & (np.abs(finer - steady) < 1.5)
    reach = np.where(usable, finer, steady)
    place = np.where(usable, tidy + vertex, place)
    bad = count < 6
    reach, place, steady = (np.where(bad, np.nan, v) for v in (sign * reach, place, sign * steady))
    return Profile(at, reach, place, sign, steady)


def _vertices(own: Array, s: Array, c: Array, h: Array, bins: int, cubic: bool = False) -> tuple[Array, Array]:
    """Height and place of the top of h ~ 1, s, c, c² (and c³) in each bin, kept between the bin's own points."""
    order, groups = Groups.of(own, bins)
    own, s, v, h = own[order], s[order], c[order] / NEAR_MM, h[order]
    basis = np.stack([np.ones_like(v), s, v, v * v, *([v * v * v] if cubic else [])])
    k = len(basis)
    alive = np.ones(len(h), dtype=np.bool_)
    for _ in range(2):
        M, b = groups.normal_equations(basis, h, alive)
        M += np.diag([0.0] + [1e-4] * (k - 1)) * np.maximum(M[:, :1, :1], 1.0) + 1e-9 * np.eye(k)
        fit = np.linalg.solve(M, b[:, :, None])[:, :, 0]
        rest = h - groups.fitted(fit, basis)
        alive = np.abs(rest) < max(3.5 * 1.4826 * median(np.abs(rest[alive])), 0.3) if alive.any() else alive
    # the top: where the curve has no slope and bends down, else its higher end
    first, last = np.full(bins, np.inf), np.full(bins, -np.inf)
    np.minimum.at(first, own, v)
    np.maximum.at(last, own, v)
    empty = first > last
    first, last = np.where(empty, 0.0, first), np.where(empty, 0.0, last)
    c0, c1, c2 = fit[:, 0], fit[:, 2], fit[:, 3]
    c3 = fit[:, 4] if cubic else np.zeros(bins)

    def height(u: Array) -> Array:
        return np.asarray(c0 + u * (c1 + u * (c2 + u * c3)))

    inner = c2 * c2 - 3.0 * c1 * c3
    root = -c2 + np.sqrt(np.maximum(inner, 0.0))  # of the two the place that bends down, without a small divisor
    top = np.where((inner > 0.0) & (root > 1e-6), c1 / np.where(root > 1e-6, root, 1.0), np.nan)
    end = np.where(height(first) > height(last), first, last)
    place = np.where((top > first) & (top < last), top, end)
    return height(place), place * NEAR_MM


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
