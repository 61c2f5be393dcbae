"""The structures of a foot by the hills they press: a model foot is laid into a print, and its parts say the regions.

The model has fourteen bell-shaped hills (heel and midfoot medial and lateral, five metatarsal heads, five toes) with
places and sizes in foot lengths. Fitted are where the foot lies, its length and breadth, how far ball and toes are
shifted and slanted as a whole, and each hill's own place, size and height: the most probable of all (normal priors), by
Levenberg and Marquardt's method, on the roots of the pressures, so that faint toes count beside a heel. A hill that a
print doesn't show (a high arch, lifted toes) stays where the others say that it should be.

The prior is our own: proportions of bare feet as anatomy books and the mean print of 104 people have them
(doi:10.1016/j.gaitpost.2010.11.002), spreads of a few millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.types import Array

#: centre x, y (from the heel, to the medial side) and spread x, y of each hill, in foot lengths
HILLS = np.array(
    [
        (0.115, 0.038, 0.058, 0.041),  # heel, medial and lateral
        (0.115, -0.040, 0.058, 0.041),
        (0.400, 0.030, 0.070, 0.026),  # midfoot, medial and lateral
        (0.430, -0.085, 0.080, 0.032),
        (0.725, 0.118, 0.038, 0.032),  # metatarsal heads 1 to 5
        (0.755, 0.048, 0.034, 0.026),
        (0.745, -0.012, 0.034, 0.026),
        (0.710, -0.068, 0.034, 0.026),
        (0.655, -0.122, 0.034, 0.026),
        (0.925, 0.102, 0.036, 0.030),  # toes 1 to 5
        (0.925, 0.020, 0.020, 0.018),
        (0.895, -0.034, 0.020, 0.018),
        (0.855, -0.084, 0.020, 0.018),
        (0.810, -0.126, 0.020, 0.018),
        (0.270, -0.060, 0.060, 0.032),  # what flat soles press between them: of no region of its own
        (0.560, -0.100, 0.060, 0.032),
        (0.670, 0.020, 0.040, 0.060),
    ]
)
HILLS.flags.writeable = False
COUNT = len(HILLS)
HEADS, TOES, BETWEEN = slice(4, 9), slice(9, 14), slice(14, 17)
HEEL_EDGE, TOE_EDGE, BALL_EDGE = -0.03, 1.01, 0.83  #: where prints begin and end: with toes, without

_FAINT = 0.01  #: of the peak, added under the root: the height of a hill that says little
_SURE = 0.08  #: standard deviation of the root of a cell of 5 mm that the model can't follow, the peak being 1
_MOST_ROUNDS, _TRIAL_ROUNDS, _ENOUGH = 16, 4, 1e-4
_BLOCK = 24  #: rows of a product
_POSE = 6  #: heel x, heel y, angle, log length, log breadth, log softness
_C, _S, _A = (slice(_POSE, _POSE + 2 * COUNT), slice(_POSE + 2 * COUNT, _POSE + 4 * COUNT), slice(-COUNT, None))


@dataclass(frozen=True, eq=False)
class Hills:
    """A model foot in the print's frame (x forward, y medial, mm).

    heel_mm (2,) its heel, turn_rad of its axis to the medial side, length_mm, breadth (factor across); centre, spread
    (14, 2) in foot lengths, height (14,) of the image's peak; misfit: the mean square that is left, 1 as expected.
    """

    heel_mm: Array
    turn_rad: float
    length_mm: float
    breadth: float
    centre: Array
    spread: Array
    height: Array
    misfit: float

    def in_foot(self, xy: Array) -> Array:
        """Points (n, 2) mm of the print's frame in foot lengths."""
        c, s = np.cos(self.turn_rad), np.sin(self.turn_rad)
        away = np.asarray(xy) - self.heel_mm
        u, v = away[:, 0] * c + away[:, 1] * s, away[:, 1] * c - away[:, 0] * s
        return np.column_stack([u / self.length_mm, v / (self.length_mm * self.breadth)])

    def in_print(self, uv: Array) -> Array:
        """The way back."""
        c, s = np.cos(self.turn_rad), np.sin(self.turn_rad)
        along, across = uv[:, 0] * self.length_mm, uv[:, 1] * self.length_mm * self.breadth
        return np.asarray(np.column_stack([along * c - across * s, along * s + across * c]) + self.heel_mm)


def fit_hills(xy: Array, image: Array, cell_mm: Array, print_mm: float, shod: bool = False) -> Hills:
    """The model foot of a print.

    Parameters
    ----------
    xy : (cells, 2) mm, x forward from the print's rear edge on its axis, y to the medial side
    image : (cells,) largest pressures, 0 where nothing was; cells around the print belong to it
    cell_mm : (2,) size of a cell, forward and across
    print_mm : the print's length; it may lack the toes, or the length be a shoe's
    """
    target = np.sqrt(image / float(image.max()) + _FAINT)
    weight = float(np.sqrt(cell_mm[0] * cell_mm[1])) / 5.0 / _SURE
    prior = _prior(print_mm, shod)
    trials = []
    for front in (TOE_EDGE, BALL_EDGE):
        start = _start(xy, image, print_mm / (front - HEEL_EDGE))
        trials.append((*_descend(start, start, xy, target, weight, cell_mm, prior, _TRIAL_ROUNDS), start))
    cost, found, start = min(trials, key=lambda trial: trial[0])
    cost, found = _descend(found, start, xy, target, weight, cell_mm, prior, _MOST_ROUNDS)
    centre, spread = _shape(found)
    misfit = cost / len(xy)
    size = float(np.exp(found[3]))
    return Hills(found[:2], float(found[2]), size, float(np.exp(found[4])), centre, spread, np.exp(found[_A]), misfit)


def typical_hills(print_mm: float) -> Hills:
    """The model foot before any print: its heel at the rear of an outline ``print_mm`` long, heads where they mostly
    are."""
    length = print_mm / (TOE_EDGE - HEEL_EDGE)
    heel = np.array([-HEEL_EDGE * length, 0.0])
    return Hills(heel, 0.0, length, 1.0, HILLS[:, :2], HILLS[:, 2:], np.ones(COUNT), 0.0)


def region_of(hills: Hills, xy: Array) -> Array:
    """The region (n,) of each place (n, 2) mm: index into ``regions.REGIONS``.

    That of the hill in which it lies deepest, in spreads; heel and midfoot are halved by the line from the middle of
    the heel to the middle between the first and the fifth head.
    """
    uv = hills.in_foot(xy)
    away = (uv[:, None] - hills.centre[: TOES.stop]) / hills.spread[: TOES.stop]
    nearest = np.hypot(away[..., 0], away[..., 1]).argmin(axis=1)
    heel, ball = hills.centre[:2].mean(axis=0), hills.centre[[HEADS.start, HEADS.stop - 1]].mean(axis=0)
    middle = heel[1] + (uv[:, 0] - heel[0]) * (ball[1] - heel[1]) / (ball[0] - heel[0])
    rear = nearest < HEADS.start
    halved = 2 * (nearest // 2) + (uv[:, 1] < middle)
    return np.asarray(np.where(rear, halved, np.minimum(nearest, TOES.start + 1)))


# ------------------------------------------------------------------ the fit


def _prior(print_mm: float, shod: bool) -> Array:
    """Inverse covariance (p, p) of the parameters about their start."""
    own = np.empty(_POSE + 5 * COUNT)
    own[:_POSE] = 0.032 * print_mm, 0.024 * print_mm, 0.06, 0.04, 0.10, 0.35 if shod else 0.08
    own[_C] = np.tile([0.008, 0.006], COUNT)
    own[_POSE : _POSE + 8] = np.tile([0.015, 0.010], 4)
    own[_S], own[_A] = 0.10, 1.0
    # what ball and toes, toes, heel do together: shift along, slant, shift across
    together = np.zeros((5, COUNT, 2))
    fore, toes = slice(HEADS.start, TOES.stop), TOES
    together[0, fore, 0], together[1, fore, 0] = 0.012, 0.07 * HILLS[fore, 1]
    together[2, toes, 0], together[3, toes, 1], together[4, :2, 0] = 0.012, 0.008, 0.010
    modes = together.reshape(5, -1)
    inverse = np.diag(own**-2.0)
    inverse[_C, _C] = np.linalg.inv(np.diag(own[_C] ** 2) + modes.T @ modes)
    return inverse


def _start(xy: Array, image: Array, length: float) -> Array:
    """Pose from the print's ends, heights from the pressure around each hill's expected place."""
    start = np.zeros(_POSE + 5 * COUNT)
    start[0], start[3] = -HEEL_EDGE * length, np.log(length)
    uv = (xy - start[:2]) / length
    near = np.exp(-((((uv[:, None] - HILLS[:, :2]) / HILLS[:, 2:]) ** 2).sum(axis=2)))
    mean = image @ near / np.maximum(near.sum(axis=0), 1e-9) / float(image.max())
    mean[BETWEEN] *= 0.1
    start[_A] = np.log(np.maximum(mean, 0.02))
    return start


def _shape(x: Array) -> tuple[Array, Array]:
    return HILLS[:, :2] + x[_C].reshape(COUNT, 2), HILLS[:, 2:] * np.exp(x[_S].reshape(COUNT, 2))


def _descend(
    x: Array, start: Array, xy: Array, target: Array, weight: float, cell_mm: Array, prior: Array, rounds: int
) -> tuple[float, Array]:
    """Cost and parameters after some rounds of Levenberg and Marquardt."""
    cost, residual, terms = _cost(x, start, xy, target, weight, cell_mm, prior)
    damping = 1e-3
    for _ in range(rounds):
        jacobian = _slopes(x, terms) * (0.5 * weight / np.sqrt(terms.total + _FAINT))[:, None]
        curvature = _squared(jacobian) + prior
        downhill = -(jacobian.T @ residual + prior @ (x - start))
        before = cost
        for _ in range(6):
            step = np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), downhill)
            tried, tried_residual, tried_terms = _cost(x + step, start, xy, target, weight, cell_mm, prior)
            if tried < cost:
                x, cost, residual, terms = x + step, tried, tried_residual, tried_terms
                break
            damping *= 5.0
        damping = max(damping / 5.0, 1e-6)
        if before - cost <= _ENOUGH * before:
            break
    return cost, x


def _squared(jacobian: Array) -> Array:
    """jacobianᵀ · jacobian in blocks too small to be shared between threads, whose waiting costs ten times the work."""
    rows, columns = jacobian.shape
    blocks = -(-rows // _BLOCK)
    padded = np.zeros((blocks * _BLOCK, columns))
    padded[:rows] = jacobian
    stack = padded.reshape(blocks, _BLOCK, columns)
    return np.asarray(np.matmul(stack.transpose(0, 2, 1), stack.copy()).sum(axis=0))


@dataclass(frozen=True, eq=False)
class _Terms:
    """forward, across (cells,) mm in the foot's axes; u, v in foot lengths; a, b (cells, 14) distances in spreads;
    part (cells, 14) of each hill; total (cells,); wide (14, 2) spreads of a hill as cells see it, own (14, 2) the share
    of its own spread in them."""

    forward: Array
    across: Array
    u: Array
    v: Array
    a: Array
    b: Array
    part: Array
    total: Array
    wide: Array
    own: Array


def _terms(x: Array, xy: Array, cell_mm: Array) -> _Terms:
    length, breadth, c, s = np.exp(x[3]), np.exp(x[4]), np.cos(x[2]), np.sin(x[2])
    away = xy - x[:2]
    forward, across = away[:, 0] * c + away[:, 1] * s, away[:, 1] * c - away[:, 0] * s
    u, v = forward / length, across / (length * breadth)
    centre, spread = _shape(x)
    soft = spread * np.exp(x[5])
    wide = np.sqrt(soft**2 + (cell_mm / length * [1.0, 1.0 / breadth]) ** 2 / 12.0)  # a cell's own width
    a, b = (u[:, None] - centre[:, 0]) / wide[:, 0], (v[:, None] - centre[:, 1]) / wide[:, 1]
    part = np.exp(x[_A] - 0.5 * (a * a + b * b))
    return _Terms(forward, across, u, v, a, b, part, part.sum(axis=1), wide, (soft / wide) ** 2)


def _cost(
    x: Array, start: Array, xy: Array, target: Array, weight: float, cell_mm: Array, prior: Array
) -> tuple[float, Array, _Terms]:
    terms = _terms(x, xy, cell_mm)
    residual = (np.sqrt(terms.total + _FAINT) - target) * weight
    off = x - start
    return float(residual @ residual + off @ prior @ off), residual, terms


def _slopes(x: Array, t: _Terms) -> Array:
    """Derivative (cells, parameters) of the pressure."""
    length, breadth, c, s = np.exp(x[3]), np.exp(x[4]), np.cos(x[2]), np.sin(x[2])
    to_a, to_b = t.part * t.a / t.wide[:, 0], t.part * t.b / t.wide[:, 1]  # by each centre
    du, dv = -to_a.sum(axis=1), -to_b.sum(axis=1)
    out = np.empty((len(t.u), len(x)))
    out[:, 0] = -du * c / length + dv * s / (length * breadth)
    out[:, 1] = -du * s / length - dv * c / (length * breadth)
    out[:, 2] = du * t.across / length - dv * t.forward / (length * breadth)
    out[:, 3], out[:, 4] = -du * t.u - dv * t.v, -dv * t.v
    wider_a, wider_b = t.part * t.a * t.a * t.own[:, 0], t.part * t.b * t.b * t.own[:, 1]
    out[:, 5] = (wider_a + wider_b).sum(axis=1)
    out[:, _C] = np.stack([to_a, to_b], axis=2).reshape(len(t.u), -1)
    out[:, _S] = np.stack([wider_a, wider_b], axis=2).reshape(len(t.u), -1)
    out[:, _A] = t.part
    return out
