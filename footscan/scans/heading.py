"""Which way do the toes point, and is it a left foot or a right one?

Works on one foot, floor at z = 0, z up, any heading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from footscan.arrays import quantiles
from footscan.frame import compose, transform
from footscan.types import Array, Side


def find_heading(level: Array) -> Array:
    """T_rough_level: x roughly heel to toe, rearmost point of the base at x = 0, base centred on y = 0."""
    # stage 1: the long axis of the base
    base = level[level[:, 2] < 40.0, :2]
    centre = base.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((base - centre).T))
    u = axes[:, 1] * (1.0 if axes[np.argmax(np.abs(axes[:, 1])), 1] > 0 else -1.0)
    # stage 2: the heel carries the leg, the toes are low
    along = (level[:, :2] - centre) @ u
    low, high = np.percentile((base - centre) @ u, [0.2, 99.8])
    length = high - low
    tall = [
        np.percentile(level[(along > a) & (along < b), 2], 98)
        for a, b in ((low + 0.08 * length, low + 0.3 * length), (high - 0.3 * length, high - 0.08 * length))
    ]
    if tall[1] > tall[0]:
        u = -u
        low = -high
    v = np.array([-u[1], u[0]])
    R = np.array([[u[0], u[1], 0.0], [v[0], v[1], 0.0], [0.0, 0.0, 1.0]])
    middle = float(np.mean(np.percentile((base - centre) @ v, [1, 99])))
    origin = np.array([*(centre + low * u + middle * v), 0.0])
    return compose(R, -R @ origin)


@dataclass(frozen=True)
class SideVotes:
    """``votes[name]``: positive for a right foot (medial at +y), negative for a left one, about ±1 when sure."""

    votes: Mapping[str, float]

    @property
    def total(self) -> float:
        """Sum of the votes."""
        return float(sum(self.votes.values()))

    @property
    def side(self) -> Side:
        """The side, or "unknown" on a tie."""
        if abs(self.total) < 0.35:
            return "unknown"
        return "right" if self.total > 0 else "left"


def vote_side(rough: Array) -> SideVotes:
    """Left or right? rough (n, 3) mm from :func:`find_heading`. Each vote is clipped to ±1: none rules alone."""
    # straighten first: the line from the middle of the heel to the middle of the ball, so that splay does not vote
    p = _straightened(rough)
    x, y, z = p.T
    length = quantiles(x[z < 40], 0.998)[0]
    votes = {}

    def half_widths(at: float, low: float = 5.0, high: float = 40.0) -> tuple[float, float]:
        here = (np.abs(x - at * length) < 0.02 * length) & (z > low) & (z < high)
        if here.sum() < 20:
            return 0.0, 0.0
        return quantiles(y[here], 0.99)[0], -quantiles(y[here], 0.01)[0]

    # the ball is farther forward on the medial side: where is each edge outermost?
    edge = np.array([half_widths(a) for a in np.arange(0.52, 0.84, 0.02)])
    stations = np.arange(0.52, 0.84, 0.02)
    bulge = stations[np.argmax(edge, axis=0)]
    votes["ball"] = _clip((bulge[0] - bulge[1]) / 0.08)
    # the longest toes are medial
    front = (z < 40) & (x > 0.9 * length)
    votes["toes"] = _clip(float(np.mean(y[front])) / (0.05 * length)) if front.sum() > 20 else 0.0
    # the medial edge of the waist is hollow, the lateral one is not
    hollow = np.min([half_widths(a) for a in (0.36, 0.42, 0.48)], axis=0)
    chord = np.mean([half_widths(a) for a in (0.2, 0.68)], axis=0)
    sag = chord - hollow
    votes["waist"] = _clip(float(sag[0] - sag[1]) / (0.03 * length))
    # the arch: the sole is higher on the medial side of the midfoot
    under = (x > 0.35 * length) & (x < 0.58 * length)
    medial, lateral = (
        under & (y > 0.04 * length) & (y < 0.11 * length),
        under & (y < -0.04 * length) & (y > -0.11 * length),
    )
    if medial.sum() > 20 and lateral.sum() > 20:
        votes["arch"] = _clip((np.percentile(z[medial], 5) - np.percentile(z[lateral], 5)) / (0.02 * length))
    # the dorsal ridge of the forefoot runs on the medial side
    ridge = [_ridge_y(p, a * length, length) for a in (0.58, 0.64, 0.70)]
    votes["ridge"] = _clip(float(np.nanmean(ridge)) / (0.05 * length)) if np.isfinite(ridge).any() else 0.0
    return SideVotes(votes)


def _straightened(rough: Array) -> Array:
    x, y, z = rough.T
    length = quantiles(x[z < 40], 0.998)[0]
    middles = []
    for a in (0.17, 0.68):
        here = (np.abs(x - a * length) < 0.03 * length) & (z < 40)
        middles.append((a * length, float(np.mean(np.percentile(y[here], [1, 99])))))
    (x0, y0), (x1, y1) = middles
    angle = np.arctan2(y1 - y0, x1 - x0)
    c, s = np.cos(-angle), np.sin(-angle)
    R = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    turned = transform(compose(R, -R @ np.array([x0, y0, 0.0])), rough)
    low = turned[:, 2] < 40
    return np.asarray(turned - [float(np.percentile(turned[low, 0], 0.2)), 0.0, 0.0])


def _ridge_y(p: Array, at: float, length: float) -> float:
    here = np.abs(p[:, 0] - at) < 0.015 * length
    if here.sum() < 20:
        return float("nan")
    top = p[here]
    return float(np.median(top[top[:, 2] > np.percentile(top[:, 2], 97), 1]))


def _clip(value: float) -> float:
    return float(np.clip(value, -1.0, 1.0))
