"""Odd clouds out of a good scan of a foot: `odd_cloud(base, rng)` cuts, bends, blows up and multiplies it at random."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from footscan.types import Array

Odd = Callable[[Array, np.random.Generator], Array]


def _middle(p: Array, rng: np.random.Generator) -> Array:
    return np.asarray(np.linalg.norm(p - p[rng.integers(len(p))], axis=1))


def _beside(p: Array, *shifts: float) -> Array:
    return np.vstack([p, *(np.add(p, [0.0, shift, 0.0]) for shift in shifts)])


ODD: tuple[Odd, ...] = (
    lambda p, r: p[p[:, (k := r.integers(3))] > np.quantile(p[:, k], r.uniform(0.05, 0.9))],  # a side is missing
    lambda p, r: p * r.choice([0.01, 0.1, 0.5, 0.8, 1.3, 2.0, 10.0, 1000.0]),  # another size or unit
    lambda p, r: p @ np.linalg.qr(r.normal(size=(3, 3)))[0],  # any pose, mirrored too
    lambda p, r: p + r.normal(0.0, r.choice([0.5, 2.0, 10.0, 100.0]), p.shape),  # noise
    lambda p, r: p * np.where(np.arange(3) == r.integers(3), r.choice([0.0, 1e-9, 0.2, 3.0]), 1.0),  # flat, drawn out
    lambda p, r: np.vstack([p, r.uniform(-1, 1, (r.choice([10, 1000, 50_000]), 3)) * r.choice([1e2, 1e3, 1e5, 1e6])]),
    lambda p, r: np.repeat(p[: max(1, len(p) // 20)], 20, axis=0),  # the same points again and again
    lambda p, r: np.round(p / r.choice([5.0, 20.0, 100.0])) * 5.0,  # a coarse lattice
    lambda p, r: _beside(p, float(r.uniform(20.0, 200.0))),  # the same foot twice
    lambda p, r: _beside(p, 150.0, 300.0),  # three times
    lambda p, r: p[_middle(p, r) > r.uniform(10.0, 120.0)],  # a hole
    lambda p, r: p[_middle(p, r) < r.uniform(10.0, 220.0)],  # a part
    lambda p, r: p + r.uniform(-1, 1, 3) * r.choice([1e3, 1e5, 1e7]),  # far away
    lambda p, r: p[r.permutation(len(p))[: r.integers(1, 200)]],  # a few points
    lambda p, r: np.outer(r.uniform(-200.0, 200.0, len(p)), [1.0, 0.0, 0.0]),  # a line
    lambda p, r: p[p[:, 2] > r.uniform(0.0, 60.0)],  # nothing low
)


def odd_cloud(base: Array, rng: np.random.Generator) -> Array:
    """Points (n, 3), at least one: one to three oddities upon each other."""
    points = base if rng.random() < 0.7 else base[rng.random(len(base)) < rng.choice([0.02, 0.1, 0.3, 0.6])]
    for _ in range(int(rng.integers(1, 4))):
        changed = ODD[int(rng.integers(len(ODD)))](points, rng)
        points = changed if len(changed) else points[:1]
    return points
