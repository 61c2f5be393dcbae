"""A bed of springs: layers in series that stiffen once they are shut, and the pose in which they carry a load.

Each spring is pressed by a foot of known shape that may sink and turn: Newton on (z, rx, ry) for a force and its
centre, and on what the foot's joints move, where it has any. A spring bed is no half-space: a sphere gives F = πkRδ²
here (a = √(2Rδ)) and F ∝ δ^1.5 there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from footscan.types import KPA_MM2_PER_N, Array, frozen_array

CHUNK = 16  #: instants that are solved together: their arrays stay in the processor's cache
MOST_ROUNDS = 80
TOLERANCE = 1e-9  #: of the force; of its moment, over LEVER_MM
LEVER_MM = 100.0
MOST_STEP_MM = 8.0  #: that any round may move the foot


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of every spring: ``stiffness`` kPa/mm up to ``limit_mm`` of shortening, then ``shut`` kPa/mm."""

    stiffness: Array | float
    limit_mm: Array | float
    shut: Array | float


@dataclass(frozen=True, eq=False)
class Law:
    """Pressure over shortening of springs in series: p = max(slope · δ − offset) over the lines, 0 for δ ≤ 0.

    slope (lines, n) kPa/mm and offset (lines, n) kPa, n = 1 where all springs are alike.
    """

    slope: Array
    offset: Array

    def pressure(self, shortening_mm: Array) -> tuple[Array, Array]:
        """Pressure kPa and its slope kPa/mm (…, n) at a shortening (…, n); both 0 where the spring is free."""
        p = self.slope[0] * shortening_mm
        k = np.broadcast_to(self.slope[0], p.shape)
        for slope, offset in zip(self.slope[1:], self.offset[1:]):
            line = slope * shortening_mm - offset
            k = np.where(line > p, slope, k)
            p = np.maximum(p, line)
        free = shortening_mm <= 0.0
        return np.where(free, 0.0, p), np.where(free, 0.0, k)

    def shortening(self, pressure_kpa: Array) -> Array:
        """Shortening mm (…, n) at a pressure (…, n) of 0 and more."""
        lines = [(pressure_kpa + offset) / slope for slope, offset in zip(self.slope, self.offset)]
        return np.asarray(np.minimum.reduce(lines))


def in_series(layers: Sequence[Layer]) -> Law:
    """The law of layers upon each other. ValueError unless all stiffen where they are shut."""
    rows = np.broadcast_arrays(*(np.atleast_1d(v) for y in layers for v in (y.stiffness, y.limit_mm, y.shut)))
    k, limit, shut = (np.array(rows[i::3], dtype=float) for i in range(3))
    if not ((k > 0).all() and (limit >= 0).all() and (shut >= k).all()):
        raise ValueError("layers need stiffness > 0, limit_mm >= 0 and shut >= stiffness")
    breaks = np.sort(k * limit, axis=0)
    order = np.argsort(k * limit, axis=0, kind="stable")
    gain = np.take_along_axis(1.0 / k - 1.0 / shut, order, axis=0)
    compliance = np.vstack([(1.0 / k).sum(axis=0), (1.0 / k).sum(axis=0) - np.cumsum(gain, axis=0)])
    slopes = 1.0 / compliance
    reached = compliance[0] * breaks[0]  # shortening at each break
    offsets = [np.zeros(breaks.shape[1])]
    for n, at in enumerate(breaks):
        if n:
            reached = reached + compliance[n] * (at - breaks[n - 1])
        offsets.append(slopes[n + 1] * reached - at)
    return Law(slopes, np.array(offsets))


@dataclass(frozen=True, eq=False)
class Joints:
    """What holds a foot that is not rigid.

    ``shape`` (joints, n): how far each spring is pressed when a joint moves by 1; ``held`` (instants, joints) N: the
    load on it at which it rests; ``stiffness`` (joints,) N against moving by 1.
    """

    shape: Array
    held: Array
    stiffness: Array


@dataclass(frozen=True, eq=False)
class Pressed:
    """How the foot stands: ``pose`` (instants, 3 + joints): sinking mm at the springs' middle, its slopes along x and
    y, how far each joint moved; ``pressure_kpa`` (instants, n); ``converged`` (instants,) False where no pose carries
    the load."""

    pose: Array
    pressure_kpa: Array
    converged: Array
    rounds: int


def press(
    xy_mm: Array,
    area_mm2: Array,
    law: Law,
    gap_mm: Array,
    force_n: Array,
    cop_mm: Array,
    start: Array | None = None,
    joints: Joints | None = None,
) -> Pressed:
    """The pose that carries each instant's load, and the pressures.

    Parameters
    ----------
    xy_mm, area_mm2 : (n, 2), (n,) springs
    law : theirs
    gap_mm : (n,) or (instants, n) height of the foot above each spring's free end before it sinks; negative: into it
    force_n, cop_mm : (instants,), (instants, 2) what they carry together
    start : (instants, 3 + joints) poses to begin with, or None
    joints : the foot's own and the ankle; None: it is rigid

    ValueError where shapes do not match. A load that no pose carries (its centre beside all springs) is not converged.
    """
    count = len(xy_mm)
    xy = frozen_array("xy_mm", xy_mm, np.float64, (None, 2), "mm")
    area = frozen_array("area_mm2", area_mm2, np.float64, (count,), "mm^2") / KPA_MM2_PER_N
    force = frozen_array("force_n", force_n, np.float64, (None,), "N")
    cop = frozen_array("cop_mm", cop_mm, np.float64, (len(force), 2), "mm")
    gaps = np.broadcast_to(gap_mm, (len(force), count))
    centre = xy.mean(axis=0)
    lever = np.vstack([np.ones(count), (xy - centre).T / LEVER_MM])
    load = force[:, None] * np.column_stack([np.ones(len(force)), (cop - centre) / LEVER_MM])
    stiffness = np.zeros(3)
    if joints is not None:
        lever, load = np.vstack([lever, joints.shape]), np.hstack([load, joints.held])
        stiffness = np.append(stiffness, joints.stiffness)
    unit = np.where(np.isin(np.arange(len(lever)), (1, 2)), LEVER_MM, 1.0)
    i, j = np.triu_indices(len(lever))
    foot = _Foot(lever, area * lever, area * lever[i] * lever[j], stiffness)
    pose = np.zeros((len(force), len(lever))) if start is None else np.array(start, dtype=float) * unit
    pressure, converged, most = np.zeros((len(force), count)), np.zeros(len(force), dtype=bool), 0
    for at in range(0, len(force), CHUNK):
        now = slice(at, at + CHUNK)
        pose[now], pressure[now], converged[now], rounds = _newton(foot, law, gaps[now], load[now], pose[now])
        most = max(most, rounds)
    return Pressed(pose / unit, pressure, converged, most)


@dataclass(frozen=True, eq=False)
class _Foot:
    """Rows (k, n) by which a pose presses the springs, their areas on them, all their products (pairs, n), and what the
    rows have of stiffness (k,)."""

    lever: Array
    weights: Array
    pairs: Array
    stiffness: Array


def _newton(foot: _Foot, law: Law, gap: Array, load: Array, pose: Array) -> tuple[Array, Array, Array, int]:
    """Poses of one chunk. The energy is convex: a step is halved until the residual along it has not turned over."""
    pose, rounds = pose.copy(), 0
    scale = np.maximum(np.abs(load[:, 0]), 1e-9)
    residual, stiff, pressure = _balance(foot, law, gap, load, pose)
    while rounds < MOST_ROUNDS:
        waiting = np.asarray((np.abs(residual) > TOLERANCE * scale[:, None]).any(axis=1))
        if not waiting.any():
            break
        rounds += 1
        step, down = _step(foot, gap, pose, residual, stiff)
        step[~waiting] = 0.0
        share = np.ones(len(pose))
        before = np.abs(np.einsum("ij,ij->i", residual, step))
        for _ in range(30):
            trial = pose + share[:, None] * step
            new, stiffer, pressed = _balance(foot, law, gap, load, trial)
            over = (np.einsum("ij,ij->i", new, step) > 0.5 * before + 1e-12 * scale) & ~down
            if not over.any():
                break
            share = np.where(over, 0.5 * share, share)
        pose, residual, stiff, pressure = trial, new, stiffer, pressed
    done = np.asarray((np.abs(residual) <= 1e-6 * scale[:, None]).all(axis=1))
    return pose, pressure, done, rounds


def _step(foot: _Foot, gap: Array, pose: Array, residual: Array, stiff: Array) -> tuple[Array, Array]:
    """Newton's step (i, k), and where (i,) nothing touches yet: there the foot just comes down."""
    size = len(foot.lever)
    row, column = np.triu_indices(size)
    matrix = np.empty((len(pose), size, size))
    matrix[:, row, column] = matrix[:, column, row] = stiff
    matrix += np.diag(foot.stiffness)
    ridge = 1e-9 * np.trace(matrix, axis1=1, axis2=2) + 1e-9
    step = np.linalg.solve(matrix + ridge[:, None, None] * np.eye(size), -residual[..., None])[..., 0]
    step *= np.minimum(1.0, MOST_STEP_MM / np.maximum(np.abs(step).max(axis=1), 1e-12))[:, None]
    down = np.asarray(stiff[:, 0] < 1e-12)
    if down.any():
        above = (gap[down] - pose[down] @ foot.lever).min(axis=1)
        step[down] = 0.0
        step[down, 0] = above + 0.5
    return step, down


def _balance(foot: _Foot, law: Law, gap: Array, load: Array, pose: Array) -> tuple[Array, Array, Array]:
    """Residual (i, k), stiffness (i, pairs) and pressure (i, n) at poses (i, k). Sums in numpy's own fixed order."""
    sink = pose[:, :1] - gap
    for column, row in zip(pose.T[1:], foot.lever[1:]):
        sink += column[:, None] * row
    pressure, slope = law.pressure(sink)
    residual = np.einsum("in,kn->ik", pressure, foot.weights) + foot.stiffness * pose - load
    return residual, np.einsum("in,kn->ik", slope, foot.pairs), pressure
