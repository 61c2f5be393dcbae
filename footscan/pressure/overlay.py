"""One print moved over another: contact instead of load, and the robust fit that registration and templates use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from footscan.types import Array

_SOFT = 0.15  #: of the upper tenth of pressures (depths): where contact is a half
_CAUCHY = 0.25  #: residual of contact at which a cell counts half
_ENOUGH = 1e-5


def contact(value: Array) -> Array:
    """Pressure or depth -> 0 to 1, a half at 15 % of what the upper tenth of the loaded places have.

    So edges count rather than loads: which part of a foot carries how much is another matter than where it is.
    """
    loaded = value[value > 0]
    if not len(loaded):
        return np.zeros(np.shape(value))
    return np.asarray(value / (value + _SOFT * float(np.percentile(loaded, 90))))


def overlap(expected: Array, seen: Array) -> float:
    """Dice of two contacts (cells,)."""
    return 2.0 * float(np.minimum(expected, seen).sum()) / max(float(expected.sum() + seen.sum()), 1e-9)


def slopes(expected: Callable[[Array], Array], x: Array, steps: Array, count: int) -> Array:
    """Derivative (cells, count) of the expected contact by the first ``count`` parameters."""
    columns = []
    for k in range(count):
        step = np.zeros_like(x)
        step[k] = steps[k]
        columns.append((expected(x + step) - expected(x - step)) / (2.0 * steps[k]))
    return np.stack(columns, axis=1)


def descend(
    expected: Callable[[Array], Array], x: Array, seen: Array, steps: Array, rounds: int, count: int
) -> tuple[float, Array]:
    """Robust cost (Cauchy's) and parameters after some rounds of Levenberg and Marquardt's method.

    expected : parameters (p,) -> contact (cells,); seen (cells,) what it should be
    steps : (p,) for slopes; no round moves a parameter by more than twenty of them; only the first ``count`` move
    """

    def cost_of(p: Array) -> tuple[float, Array]:
        residual = expected(p) - seen
        return float(np.log1p((residual / _CAUCHY) ** 2).sum()), residual

    cost, residual = cost_of(x)
    damping = 1e-3
    for _ in range(rounds):
        by = slopes(expected, x, steps, count)
        weight = 1.0 / (1.0 + (residual / _CAUCHY) ** 2)
        curvature = np.einsum("ci,cj->ij", by * weight[:, None], by)
        downhill = -np.einsum("ci,c->i", by, weight * residual)
        before = cost
        for _ in range(5):
            step = np.zeros_like(x)
            step[:count] = np.linalg.solve(curvature + damping * np.diag(np.diag(curvature) + 1e-9), downhill)
            tried = x + np.clip(step, -20.0 * steps, 20.0 * steps)
            after, tried_residual = cost_of(tried)
            if after < cost:
                x, cost, residual = tried, after, tried_residual
                break
            damping *= 6.0
        damping = max(damping / 6.0, 1e-6)
        if before - cost <= _ENOUGH * before:
            break
    return cost, x
