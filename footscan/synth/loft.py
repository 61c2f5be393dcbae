"""The skin of foot and leg as one smooth loft of closed sections.

All shapes here are in fractions of foot length, in the right-foot frame (x heel to toe, y medial, z up). The sections
turn from horizontal (leg) about the ankle bend, through the heel, to vertical (midfoot, forefoot). Each runs from the
dorsal skin line ``inner`` to the plantar/posterior skin line ``outer``; s = 0 … 1 goes from the one to the other.
The numbers stand in ``drawing``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

from footscan.synth.drawing import EDGE_BODY, EDGE_MEDIAL, EDGE_SOCK, EDGE_X, FRONT, FRONT_ROWS, REAR, S_KNOTS
from footscan.types import Array


@dataclass(frozen=True)
class BodyShape:
    """What the caller's sizes change on the drawing; every factor is 1 for the drawing itself."""

    mth1_station: float = 0.74
    mth5_station: float = 0.635
    breadth: float = 1.0  # forefoot edges
    heel: float = 1.0  # rearfoot edges
    ankle: float = 1.0  # upper half of the sections under the ankle
    leg_width: float = 1.0  # leg above the malleoli, width and depth
    height_50: float = 1.0  # dorsal height about 50 %
    height_ball: float = 1.0  # dorsal height of the ball
    swing5: float = 0.0  # how far the edge follows the fifth toe inwards, fraction of length
    top: float = 1.0  # height up to which the leg is drawn
    fused: bool = False


def smooth_step(t: Array) -> Array:
    """0 up to t = 0, 1 from t = 1, two derivatives 0 at both."""
    c = np.clip(t, 0.0, 1.0)
    return np.asarray(c * c * c * (c * (6.0 * c - 15.0) + 10.0))


def _bump(x: Array, centre: float, left: float, right: float) -> Array:
    """1 at ``centre``, smoothly 0 at ``left`` and ``right``."""
    rise, fall = smooth_step((x - left) / (centre - left)), smooth_step((right - x) / (right - centre))
    return np.where(x < centre, rise, fall)


def _edge(values: Array, station: float, x: Array) -> Array:
    """Edge at stations x with its peak moved to ``station``."""
    spline = Akima1DInterpolator(EDGE_X, values, method="makima")
    fine = np.linspace(0.56, 0.80, 2401)
    peak = float(fine[spline(fine).argmax()])
    moved = x - (station - peak) * _bump(x, station, FRONT - 0.02, 0.97)
    return np.asarray(spline(np.clip(moved, FRONT, 1.0)))


def cap(t: Array, power: Array | float) -> Array:
    """Quarter of a superellipse: 0 at t = 0, 1 from t = 1 on."""
    return np.asarray((1.0 - (1.0 - np.clip(t, 0.0, 1.0)) ** power) ** (1.0 / power))


def _rear_u() -> Array:
    """Running coordinate of the rear knots; it joins x at FRONT."""
    middle = np.vstack([(REAR[:, 0:2] + REAR[:, 2:4]) / 2, [[FRONT, 0.11]]])
    step = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    return np.asarray(FRONT - np.cumsum(step[::-1])[::-1])


_U_REAR = _rear_u()


def _knots(shape: BodyShape) -> tuple[Array, Array]:
    """u (k,) and the table (k, 19) of all columns, edges absolute, with the caller's factors applied."""
    x = FRONT_ROWS[:, 0]
    front = np.empty((len(x), REAR.shape[1]))
    front[:, 0], front[:, 1], front[:, 2], front[:, 3] = x, FRONT_ROWS[:, 1], x, -0.012
    front[:, 4:] = FRONT_ROWS[:, 2:]
    front[:, 9:] *= _edges(shape, x)
    rear = REAR.copy()
    # widths: the heel's own factor, the leg's above the malleoli, the forefoot's towards the front
    legness = smooth_step((rear[:, 3] - 0.06) / 0.50)
    forward = smooth_step((rear[:, 2] - 0.20) / 0.36)
    width = shape.heel + (shape.leg_width - shape.heel) * legness + (shape.breadth - shape.heel) * forward
    upper = np.tile([1.0, 1.0, 0.9, 0.3, 0.0], 2)[None, :] * ((1.0 - legness) * (1.0 - forward))[:, None]
    rear[:, 9:] *= width[:, None] + (shape.ankle - width[:, None]) * upper
    # depth of the leg, about its middle
    middle, depth = (rear[:, 0] + rear[:, 2]) / 2, 1.0 + (shape.leg_width - 1.0) * legness
    rear[:, 0] = middle + (rear[:, 0] - middle) * depth
    rear[:, 2] = middle + (rear[:, 2] - middle) * depth
    table = np.vstack([rear, front])
    # dorsal heights: two factors, each with its own reach along the dorsum, nothing above the ankle bend
    along = np.r_[REAR[:, 0], x]
    table[:, 1] *= 1.0 + (shape.height_50 - 1.0) * _bump(along, 0.50, 0.34, 0.78)
    table[:, 1] *= 1.0 + (shape.height_ball - 1.0) * np.where(along < 0.70, smooth_step((along - 0.40) / 0.30), 1.0)
    return np.r_[_U_REAR, x], table


def _edges(shape: BodyShape, x: Array) -> Array:
    """Edges from above (n, 10) at stations x, medial five times and lateral five times."""
    medial = _edge(EDGE_MEDIAL, shape.mth1_station, x)
    lateral = _edge(EDGE_SOCK if shape.fused else EDGE_BODY, shape.mth5_station, x)
    if not shape.fused:
        lateral = lateral - shape.swing5 * smooth_step((x - 0.64) / 0.20)
    return np.asarray(np.repeat(np.stack([medial, lateral], axis=1) * shape.breadth, 5, axis=1))


def body_rows(shape: BodyShape, front_end: float, rows: int) -> Array:
    """u of the rows from the leg's top to the front end, closer where the front rounds off."""
    u_top = float(np.interp(-shape.top, -REAR[:, 3], _U_REAR))  # outer z falls along the rows
    rear = np.linspace(u_top, FRONT, int(rows * 0.64), endpoint=False)
    straight = np.linspace(FRONT, front_end - 0.05, int(rows * 0.22), endpoint=False)
    bow = front_end - 0.05 * np.cos(np.linspace(0.0, np.pi / 2, rows - len(rear) - len(straight)))
    return np.concatenate([rear, straight, bow])


def body(
    shape: BodyShape, front_end: float, front_caps: tuple[float, float], rows: int = 250, around: int = 160
) -> Array:
    """Points (rows, around, 3) in fractions of foot length; the last row is the closing point of the front."""
    u = body_rows(shape, front_end, rows)
    knots_u, table = _knots(shape)
    columns = Akima1DInterpolator(knots_u, table, axis=0, method="makima")(u)
    columns[:, 3] = PchipInterpolator(knots_u, table[:, 3])(u)
    # from FRONT on the edges follow the view from above exactly: the ball's peaks lie where they are asked for
    x = np.clip(u, FRONT, 1.0)
    ratios = Akima1DInterpolator(FRONT_ROWS[:, 0], FRONT_ROWS[:, 7:], axis=0, method="makima")(x)
    mix = smooth_step((u - 0.55) / 0.06)[:, None]
    edges = columns[:, 9:] + (ratios * _edges(shape, x) - columns[:, 9:]) * mix
    # the front rounds off, in breadth and in height: sections shrink towards a point of the tip line
    closing = np.stack([cap((front_end - u) / length, 2.2) for length in front_caps], axis=1)
    lines = _sections(columns, edges, closing, around)
    if not shape.fused:  # the roots of the lesser toes lie farther back
        y = 0.15 - lines[..., 1] / shape.breadth
        lines[..., 0] -= 0.20 * y * smooth_step((lines[..., 0] - 0.68) / 0.165)
    return lines


def _sections(columns: Array, edges: Array, closing: Array, around: int) -> Array:
    """Closed lines (rows, around, 3), evenly spaced along their length, from the dorsal ridge over the medial side."""
    inner, outer = columns[:, 0:2], columns[:, 2:4]
    s = (1.0 - np.cos(np.linspace(0.0, np.pi, 401))) / 2.0
    round_off = cap(s[None, :] / columns[:, 6:7], 2.0) * cap((1.0 - s[None, :]) / columns[:, 7:8], columns[:, 8:9])
    middle = columns[:, 4:5] * (1.0 - s) + columns[:, 5:6] * s
    weight = Akima1DInterpolator(S_KNOTS, np.eye(5), axis=0, method="makima")(s)
    medial = middle + (edges[:, :5] @ weight.T - middle) * round_off
    lateral = middle + (-edges[:, 5:] @ weight.T - middle) * round_off
    x = inner[:, 0:1] + (outer[:, 0:1] - inner[:, 0:1]) * s
    z = inner[:, 1:2] + (outer[:, 1:2] - inner[:, 1:2]) * s
    # front closing: about the line at 40 % of the height
    core_z = np.minimum(0.4 * columns[:, 1:2], 0.055)
    core_y = 0.5 * (columns[:, 4:5] + columns[:, 5:6])
    z = core_z + (z - core_z) * closing[:, 1:2]
    medial = core_y + (medial - core_y) * closing[:, 0:1]
    lateral = core_y + (lateral - core_y) * closing[:, 0:1]
    half = around // 2
    first = _even(np.stack([x, medial, z], axis=2), half)
    second = _even(np.stack([x, lateral, z], axis=2), half)
    return np.concatenate([first, second[:, -2:0:-1]], axis=1)


def _even(lines: Array, pieces: int) -> Array:
    """Lines (rows, k, 3) as (rows, pieces + 1, 3), points evenly spaced along each."""
    step = np.linalg.norm(np.diff(lines, axis=1), axis=2)
    run = np.concatenate([np.zeros((len(lines), 1)), np.cumsum(step, axis=1)], axis=1)
    run /= np.maximum(run[:, -1:], 1e-300)
    # all rows at once: row i's run is moved to i … i + 1
    rows = np.arange(len(lines))[:, None] * 2.0
    at = (np.linspace(0.0, 1.0, pieces + 1) + rows).ravel()
    known = (run + rows).ravel()
    even = [np.interp(at, known, lines[..., k].ravel()) for k in range(3)]
    return np.stack(even, axis=1).reshape(len(lines), pieces + 1, 3)


def grid_mesh(lines: Array, close_start: bool = True, close_end: bool = True) -> tuple[Array, Array]:
    """Vertices (n, 3) and faces (m, 3) of closed lines (rows, around, 3), ends closed by fans to their mean point."""
    rows, around, _ = lines.shape
    keep = lines
    if close_end and float(np.ptp(lines[-1], axis=0).max()) < 1e-9:
        keep = keep[:-1]
    if close_start and float(np.ptp(lines[0], axis=0).max()) < 1e-9:
        keep = keep[1:]
    rows = len(keep)
    vertices = [keep.reshape(-1, 3)]
    i = np.arange(rows - 1)[:, None] * around
    j = np.arange(around)[None, :]
    k = (j + 1) % around
    a, b, c, d = (i + j).ravel(), (i + k).ravel(), (i + around + j).ravel(), (i + around + k).ravel()
    faces = [np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)]
    n = rows * around
    ring = np.arange(around)
    if close_start:
        vertices.append(lines[0].mean(axis=0)[None])
        faces.append(np.stack([np.full(around, n), ring, np.roll(ring, -1)], axis=1))
        n += 1
    if close_end:
        vertices.append(lines[-1].mean(axis=0)[None])
        last = (rows - 1) * around + ring
        faces.append(np.stack([np.full(around, n), np.roll(last, -1), last], axis=1))
    return np.vstack(vertices), np.vstack(faces)
