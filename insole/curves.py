"""Small smooth functions on arrays that every feature is made of."""

from __future__ import annotations

from typing import Literal

import numpy as np

from footscan.types import Array


def step(x: Array | float, start: float | Array, stop: float | Array) -> Array:
    """0 before ``start``, 1 after ``stop``, a smooth cubic between (start > stop falls instead)."""
    t = np.clip((np.asarray(x) - start) / (np.asarray(stop) - start), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def bump(x: Array, rise: tuple[float, float], fall: tuple[float, float]) -> Array:
    """0, rising to 1 over ``rise``, back to 0 over ``fall``."""
    return step(x, *rise) * (1.0 - step(x, *fall))


def smooth_max(a: Array, b: Array | float, width: Array | float) -> Array:
    """max(a, b), rounded where they are closer than ``width``: there up to width / 4 above."""
    h = np.maximum(width - np.abs(a - b), 0.0)
    return np.asarray(np.maximum(a, b) + h * h / (4.0 * np.maximum(width, 1e-9)))


def smooth_min(a: Array, b: Array | float, width: Array | float) -> Array:
    """min(a, b), rounded where they are closer than ``width``: there up to width / 4 below."""
    return -smooth_max(-np.asarray(a), -np.asarray(b), width)


def gaussian(values: Array, sigma: float, ends: Literal["even", "odd"] = "even") -> Array:
    """A row (n,) smoothed by a Gaussian of ``sigma`` samples; ``ends``: "even" mirrors it there, "odd" turns it about
    its end value (a line through the end stays as it is)."""
    radius = min(int(4.0 * sigma + 0.5), len(values) - 1)
    if radius < 1:
        return np.asarray(values, dtype=float)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(values, radius, mode="reflect", reflect_type=ends)
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")
