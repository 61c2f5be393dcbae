"""The skin of foot and leg as one smooth loft of closed sections, and the toes as small lofts of their own.

All shapes here are in fractions of foot length, in the right-foot frame (x heel to toe, y medial, z up). The sections
turn from horizontal (leg) about the ankle bend, through the heel, to vertical (midfoot, forefoot). Each runs from the
dorsal skin line ``inner`` to the plantar/posterior skin line ``outer``; s = 0 … 1 goes from the one to the other.
The numbers are our own drawing of an average adult foot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

from footscan.types import Array

S_KNOTS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
FRONT = 0.535  #: from this station on the sections are vertical (x = const)

# leg and rearfoot, a row a section: inner x, z; outer x, z; ridge y; plantar y; top cap; bottom cap; bottom power;
# medial edge at S_KNOTS (5); lateral edge at S_KNOTS (5)
_REAR = np.array(
    [
        (0.385, 1.060, 0.015, 1.060, 0.010, 0.005, 0.50, 0.50, 2.0, 0.130, 0.145, 0.149, 0.140, 0.115, 0.110, 0.132, 0.136, 0.130, 0.105),
        (0.372, 0.820, 0.042, 0.800, 0.010, 0.005, 0.50, 0.50, 2.0, 0.110, 0.129, 0.133, 0.122, 0.088, 0.096, 0.119, 0.123, 0.113, 0.082),
        (0.367, 0.670, 0.058, 0.620, 0.010, 0.003, 0.48, 0.48, 2.0, 0.099, 0.119, 0.122, 0.106, 0.069, 0.088, 0.111, 0.116, 0.100, 0.064),
        (0.369, 0.570, 0.065, 0.480, 0.010, 0.002, 0.46, 0.46, 2.0, 0.095, 0.115, 0.117, 0.097, 0.061, 0.084, 0.107, 0.112, 0.091, 0.058),
        (0.374, 0.500, 0.065, 0.382, 0.011, 0.000, 0.44, 0.44, 2.0, 0.092, 0.112, 0.113, 0.094, 0.063, 0.082, 0.104, 0.109, 0.090, 0.061),
        (0.382, 0.452, 0.051, 0.290, 0.013, 0.000, 0.42, 0.42, 2.0, 0.091, 0.111, 0.112, 0.097, 0.076, 0.081, 0.103, 0.109, 0.096, 0.074),
        (0.392, 0.412, 0.027, 0.208, 0.015, 0.000, 0.40, 0.40, 2.0, 0.092, 0.110, 0.110, 0.104, 0.095, 0.082, 0.101, 0.106, 0.107, 0.095),
        (0.403, 0.379, 0.006, 0.136, 0.018, 0.000, 0.40, 0.36, 2.1, 0.095, 0.112, 0.112, 0.111, 0.108, 0.084, 0.101, 0.106, 0.117, 0.112),
        (0.416, 0.351, 0.000, 0.084, 0.021, 0.000, 0.42, 0.33, 2.2, 0.098, 0.114, 0.115, 0.118, 0.116, 0.084, 0.103, 0.111, 0.124, 0.121),
        (0.429, 0.327, 0.011, 0.032, 0.025, 0.000, 0.46, 0.31, 2.3, 0.100, 0.116, 0.118, 0.123, 0.120, 0.085, 0.105, 0.116, 0.130, 0.126),
        (0.443, 0.306, 0.045, -0.006, 0.029, 0.000, 0.50, 0.27, 2.5, 0.103, 0.118, 0.122, 0.127, 0.124, 0.086, 0.109, 0.121, 0.136, 0.130),
        (0.458, 0.287, 0.120, -0.012, 0.034, 0.000, 0.55, 0.20, 2.8, 0.106, 0.125, 0.130, 0.132, 0.129, 0.087, 0.114, 0.130, 0.144, 0.137),
        (0.475, 0.270, 0.220, -0.012, 0.040, -0.004, 0.60, 0.20, 3.2, 0.110, 0.133, 0.138, 0.137, 0.134, 0.088, 0.124, 0.146, 0.156, 0.149),
        (0.493, 0.255, 0.330, -0.012, 0.046, -0.008, 0.64, 0.235, 3.5, 0.114, 0.140, 0.145, 0.143, 0.140, 0.088, 0.129, 0.156, 0.170, 0.165),
        (0.513, 0.241, 0.440, -0.012, 0.052, -0.010, 0.66, 0.275, 3.7, 0.119, 0.147, 0.151, 0.149, 0.144, 0.088, 0.133, 0.166, 0.184, 0.180),
    ]
)  # fmt: skip
# midfoot and forefoot at x = const, a row a section: x; dorsal height; ridge y; plantar y; top cap; bottom cap; bottom
# power; medial edge at S_KNOTS as ratios of the edge from above (5); lateral edge likewise (5)
_FRONT = np.array(
    [
        (0.535, 0.2270, 0.058, -0.008, 0.67, 0.31, 3.8, 0.80, 0.97, 1.00, 0.950, 0.90, 0.46, 0.70, 0.88, 1.00, 0.985),
        (0.600, 0.2010, 0.068, -0.006, 0.65, 0.34, 3.6, 0.80, 0.95, 1.00, 0.970, 0.93, 0.45, 0.69, 0.89, 1.00, 0.985),
        (0.660, 0.1785, 0.075, -0.003, 0.63, 0.37, 3.3, 0.80, 0.94, 1.00, 0.985, 0.96, 0.44, 0.69, 0.90, 1.00, 0.985),
        (0.740, 0.1485, 0.082, 0.000, 0.60, 0.40, 3.2, 0.80, 0.94, 1.00, 0.985, 0.97, 0.44, 0.71, 0.91, 1.00, 0.980),
        (0.800, 0.1265, 0.085, 0.005, 0.58, 0.42, 3.0, 0.80, 0.94, 1.00, 0.985, 0.97, 0.46, 0.73, 0.92, 1.00, 0.980),
        (0.860, 0.1090, 0.085, 0.010, 0.57, 0.43, 2.8, 0.80, 0.94, 1.00, 0.985, 0.97, 0.50, 0.76, 0.93, 1.00, 0.980),
        (0.930, 0.0960, 0.080, 0.030, 0.56, 0.44, 2.5, 0.82, 0.95, 1.00, 0.985, 0.97, 0.60, 0.80, 0.95, 1.00, 0.980),
        (1.000, 0.0860, 0.075, 0.060, 0.55, 0.45, 2.3, 0.84, 0.96, 1.00, 0.985, 0.97, 0.70, 0.85, 0.96, 1.00, 0.980),
    ]
)  # fmt: skip
# edges of the foot seen from above (largest y at each station): medial; lateral with toes in one (sock); lateral of the
# body alone, to the roots of the toes
_EDGE_X = np.array([0.535, 0.580, 0.620, 0.660, 0.700, 0.740, 0.780, 0.820, 0.860, 0.900, 0.940, 0.970, 1.000])
_EDGE_MEDIAL = np.array([0.152, 0.157, 0.163, 0.171, 0.180, 0.1845, 0.181, 0.175, 0.171, 0.166, 0.154, 0.140, 0.125])
_EDGE_SOCK = np.array([0.190, 0.1985, 0.2035, 0.2035, 0.198, 0.189, 0.175, 0.157, 0.135, 0.107, 0.072, 0.040, 0.000])
_EDGE_BODY = np.array([0.190, 0.1985, 0.2035, 0.2030, 0.196, 0.187, 0.178, 0.169, 0.160, 0.150, 0.140, 0.130, 0.120])


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
    fused: bool = False


def smooth_step(t: Array) -> Array:
    """0 up to t = 0, 1 from t = 1, two derivatives 0 at both."""
    c = np.clip(t, 0.0, 1.0)
    return np.asarray(c * c * c * (c * (6.0 * c - 15.0) + 10.0))


def _bump(x: Array, centre: float, left: float, right: float) -> Array:
    """1 at ``centre``, smoothly 0 at ``left`` and ``right``."""
    return np.where(x < centre, smooth_step((x - left) / (centre - left)), smooth_step((right - x) / (right - centre)))


def _edge(values: Array, station: float, x: Array) -> Array:
    """Edge at stations x with its peak moved to ``station``."""
    spline = Akima1DInterpolator(_EDGE_X, values, method="makima")
    fine = np.linspace(0.56, 0.80, 2401)
    peak = float(fine[spline(fine).argmax()])
    moved = x - (station - peak) * _bump(x, station, FRONT - 0.02, 0.97)
    return np.asarray(spline(np.clip(moved, FRONT, 1.0)))


def _cap(t: Array, power: Array) -> Array:
    """Quarter of a superellipse: 0 at t = 0, 1 from t = 1 on."""
    return np.asarray((1.0 - (1.0 - np.clip(t, 0.0, 1.0)) ** power) ** (1.0 / power))


def _rear_u() -> Array:
    """Running coordinate of the rear knots; it joins x at FRONT."""
    middle = np.vstack([(_REAR[:, 0:2] + _REAR[:, 2:4]) / 2, [[FRONT, 0.11]]])
    step = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    return np.asarray(FRONT - np.cumsum(step[::-1])[::-1])


_U_REAR = _rear_u()
U_TOP = float(_U_REAR[0])


def _knots(shape: BodyShape) -> tuple[Array, Array]:
    """u (k,) and the table (k, 19) of all columns, edges absolute, with the caller's factors applied."""
    x = _FRONT[:, 0]
    front = np.empty((len(x), _REAR.shape[1]))
    front[:, 0], front[:, 1], front[:, 2], front[:, 3] = x, _FRONT[:, 1], x, -0.012
    front[:, 4:] = _FRONT[:, 2:]
    front[:, 9:] *= _edges(shape, x)
    rear = _REAR.copy()
    # widths: the heel's own factor, the leg's above the malleoli, the forefoot's towards the front
    legness = smooth_step((rear[:, 3] - 0.06) / 0.50)
    forward = smooth_step((rear[:, 2] - 0.20) / 0.36)
    width = shape.heel + (shape.leg_width - shape.heel) * legness + (shape.breadth - shape.heel) * forward
    upper = np.tile([1.0, 1.0, 1.0, 0.6, 0.0], 2)[None, :] * ((1.0 - legness) * (1.0 - forward))[:, None]
    rear[:, 9:] *= width[:, None] + (shape.ankle - width[:, None]) * upper
    # depth of the leg, about its middle
    middle, depth = (rear[:, 0] + rear[:, 2]) / 2, 1.0 + (shape.leg_width - 1.0) * legness
    rear[:, 0] = middle + (rear[:, 0] - middle) * depth
    rear[:, 2] = middle + (rear[:, 2] - middle) * depth
    table = np.vstack([rear, front])
    # dorsal heights: two factors, each with its own reach along the dorsum, nothing above the ankle bend
    along = np.r_[_REAR[:, 0], x]
    table[:, 1] *= 1.0 + (shape.height_50 - 1.0) * _bump(along, 0.50, 0.34, 0.78)
    table[:, 1] *= 1.0 + (shape.height_ball - 1.0) * np.where(along < 0.70, smooth_step((along - 0.40) / 0.30), 1.0)
    return np.r_[_U_REAR, x], table


def _edges(shape: BodyShape, x: Array) -> Array:
    """Edges from above (n, 10) at stations x, medial five times and lateral five times."""
    medial = _edge(_EDGE_MEDIAL, shape.mth1_station, x)
    lateral = _edge(_EDGE_SOCK if shape.fused else _EDGE_BODY, shape.mth5_station, x)
    if not shape.fused:
        lateral = lateral - shape.swing5 * smooth_step((x - 0.64) / 0.20)
    return np.asarray(np.repeat(np.stack([medial, lateral], axis=1) * shape.breadth, 5, axis=1))


def body_rows(shape: BodyShape, front_end: float, rows: int) -> Array:
    """u of the rows from the leg's top to the front end, closer where the front rounds off."""
    rear = np.linspace(U_TOP, FRONT, int(rows * 0.64), endpoint=False)
    straight = np.linspace(FRONT, front_end - 0.05, int(rows * 0.22), endpoint=False)
    bow = front_end - 0.05 * np.cos(np.linspace(0.0, np.pi / 2, rows - len(rear) - len(straight)))
    return np.r_[rear, straight, bow]


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
    ratios = Akima1DInterpolator(_FRONT[:, 0], _FRONT[:, 7:], axis=0, method="makima")(x)
    mix = smooth_step((u - 0.55) / 0.06)[:, None]
    edges = columns[:, 9:] + (ratios * _edges(shape, x) - columns[:, 9:]) * mix
    # the front rounds off, in breadth and in height: sections shrink towards a point of the tip line
    closing = np.stack([_cap((front_end - u) / cap, np.full_like(u, 2.2)) for cap in front_caps], axis=1)
    lines = _sections(columns, edges, closing, around)
    if not shape.fused:  # the roots of the lesser toes lie farther back
        y = 0.15 - lines[..., 1] / shape.breadth
        lines[..., 0] -= 0.20 * y * smooth_step((lines[..., 0] - 0.68) / 0.165)
    return lines


def _sections(columns: Array, edges: Array, closing: Array, around: int) -> Array:
    """Closed lines (rows, around, 3), evenly spaced along their length, from the dorsal ridge over the medial side."""
    inner, outer = columns[:, 0:2], columns[:, 2:4]
    s = (1.0 - np.cos(np.linspace(0.0, np.pi, 401))) / 2.0
    top = _cap(s[None, :] / columns[:, 6:7], np.full((len(columns), 1), 2.0))
    bottom = _cap((1.0 - s[None, :]) / columns[:, 7:8], columns[:, 8:9])
    cap = top * bottom
    middle = columns[:, 4:5] * (1.0 - s) + columns[:, 5:6] * s
    weight = Akima1DInterpolator(S_KNOTS, np.eye(5), axis=0, method="makima")(s)
    medial = middle + (edges[:, :5] @ weight.T - middle) * cap
    lateral = middle + (-edges[:, 5:] @ weight.T - middle) * cap
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


@dataclass(frozen=True)
class ToeShape:
    """One toe in fractions of foot length: centre line (k, 2) root to tip, its width, its top and bottom (k,)."""

    path: Array
    width: Array
    top: Array
    bottom: Array
    length_cap: float


def toe(shape: ToeShape, rows: int = 60, around: int = 48) -> Array:
    """Points (rows, around, 3): sections at right angles to the toe's path, closed at both ends."""
    run = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(shape.path, axis=0), axis=1))]
    end = float(run[-1])
    tail = shape.length_cap / end
    k = rows // 3
    d = np.r_[np.linspace(0.0, 1.0 - tail, rows - k, endpoint=False), 1.0 - tail * np.cos(np.linspace(0, np.pi / 2, k))] * end
    path = Akima1DInterpolator(run, shape.path, axis=0, method="makima")
    centre, tangent = path(d), path(d, 1)
    tangent /= np.linalg.norm(tangent, axis=1)[:, None]
    side = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    width = Akima1DInterpolator(run, shape.width, method="makima")(d) / 2
    top = Akima1DInterpolator(run, shape.top, method="makima")(d)
    bottom = Akima1DInterpolator(run, shape.bottom, method="makima")(d)
    closing = _cap((end - d) / shape.length_cap, np.full_like(d, 2.0)) * _cap(d / 0.02, np.full_like(d, 2.0))
    middle = bottom + (top - bottom) * 0.45
    a = np.linspace(0.0, 2.0 * np.pi, around, endpoint=False)
    c, s = np.cos(a), np.sin(a)
    power = np.where(c > 0, 2.0 / 2.3, 2.0 / 2.6)
    cz, sy = np.sign(c) * np.abs(c) ** power, np.sign(s) * np.abs(s) ** (2.0 / 2.3)
    half_z = np.where(c[None, :] > 0, (top - middle)[:, None], (middle - bottom)[:, None])
    z = middle[:, None] + half_z * cz[None, :] * closing[:, None]
    out = sy[None, :] * (width * closing)[:, None]
    x = centre[:, 0:1] + side[:, 0:1] * out
    y = centre[:, 1:2] + side[:, 1:2] * out
    return np.stack([x, y, z], axis=2)


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
