"""Outlines for the tests of nesting, and how far apart they lie, by nothing that nests them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from footscan.types import Array
from insole.nesting import Spot
from insole.polygons import holds


def sole(rng: np.random.Generator, side: str, length: float | None = None) -> Array:
    """An insole-like line (n, 2), heel at x = 0, with a waist on its medial side; a left one is the mirror image."""
    length = float(rng.uniform(150.0, 290.0)) if length is None else length
    t = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
    station = 0.5 - 0.5 * np.cos(t)
    half = length * (0.115 + 0.05 * station) * np.abs(np.sin(t)) ** 0.6
    bend = length * float(rng.uniform(0.0, 0.05)) * np.exp(-(((station - 0.45) / 0.16) ** 2))
    y = np.sign(np.sin(t)) * half - np.where(np.sin(t) > 0, bend, 0.0)
    line = np.column_stack([station * length, y]) + rng.uniform(-20.0, 20.0, 2)
    return line * [1.0, -1.0] if side == "left" else line


def star(rng: np.random.Generator, size: float) -> Array:
    """A line with hollows in every direction."""
    t = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)
    radius = size * (0.3 + 0.2 * rng.random(40))
    return np.column_stack([radius * np.cos(t), radius * np.sin(t)])


def placed(line: Array, spot: Spot) -> Array:
    """On the bed, as a 3MF says it: turned about the origin, then moved."""
    turn = np.radians(spot.turn_deg)
    x, y = line.T
    u = np.cos(turn) * x - np.sin(turn) * y + spot.x_mm
    return np.column_stack([u, np.sin(turn) * x + np.cos(turn) * y + spot.y_mm])


def distance(one: Array, other: Array) -> float:
    """Of two closed lines, mm; 0 where they meet or one holds the other."""
    if holds(one, *other[:1].T).any() or holds(other, *one[:1].T).any() or _cross(one, other):
        return 0.0
    return min(_reach(one, other), _reach(other, one))


def laid_apart(lines: Sequence[Array], bed: tuple[float, float], margin: float) -> float:
    """The least distance between any two lines on a bed; an assertion where one is beyond its margin."""
    for line in lines:
        assert line.min() >= margin - 0.01 and (line.max(axis=0) <= np.array(bed) - margin + 0.01).all()
    pairs = [distance(a, b) for k, a in enumerate(lines) for b in lines[k + 1 :]]
    return min(pairs, default=np.inf)


def _reach(points: Array, line: Array) -> float:
    a, b = line[None], np.roll(line, -1, axis=0)[None]
    along = b - a
    share = ((points[:, None] - a) * along).sum(axis=2) / np.maximum((along**2).sum(axis=2), 1e-12)
    foot = a + np.clip(share, 0.0, 1.0)[..., None] * along
    return float(np.linalg.norm(points[:, None] - foot, axis=2).min())


def _cross(one: Array, other: Array) -> bool:
    a, b = one[:, None], np.roll(one, -1, axis=0)[:, None]
    c, d = other[None], np.roll(other, -1, axis=0)[None]

    def left(p: Array, q: Array, r: Array) -> Array:
        v, w = q - p, r - p
        return np.asarray(v[..., 0] * w[..., 1] - v[..., 1] * w[..., 0])

    return bool(((left(a, b, c) * left(a, b, d) < 0) & (left(c, d, a) * left(c, d, b) < 0)).any())
