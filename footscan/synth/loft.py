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

# leg and rearfoot: inner x, z; outer x, z; ridge y; plantar y; top cap; bottom cap; bottom power; medial y at S_KNOTS; lateral y
_REAR = np.array(
    [
        # in x,  in z,  out x, out z,  ridge, plant, cap0, cap1, pow,   medial at s = 0 .. 1             lateral
        [0.360, 1.060, 0.030, 1.060, 0.010, 0.005, 0.50, 0.50, 2.0, 0.125, 0.135, 0.138, 0.132, 0.110, 0.105, 0.122, 0.125, 0.120, 0.100],
        [0.352, 0.820, 0.058, 0.800, 0.010, 0.005, 0.50, 0.50, 2.0, 0.108, 0.122, 0.125, 0.116, 0.085, 0.092, 0.110, 0.113, 0.105, 0.078],
        [0.352, 0.670, 0.076, 0.620, 0.010, 0.003, 0.48, 0.48, 2.0, 0.098, 0.114, 0.116, 0.100, 0.065, 0.085, 0.104, 0.108, 0.092, 0.060],
        [0.358, 0.570, 0.082, 0.480, 0.010, 0.002, 0.46, 0.46, 2.0, 0.094, 0.113, 0.115, 0.092, 0.056, 0.083, 0.105, 0.110, 0.086, 0.054],
        [0.368, 0.500, 0.076, 0.382, 0.011, 0.000, 0.44, 0.44, 2.0, 0.092, 0.114, 0.117, 0.092, 0.060, 0.082, 0.106, 0.113, 0.088, 0.058],
        [0.379, 0.455, 0.056, 0.290, 0.013, 0.000, 0.42, 0.42, 2.0, 0.092, 0.116, 0.118, 0.097, 0.074, 0.082, 0.107, 0.115, 0.096, 0.072],
        [0.392, 0.418, 0.028, 0.208, 0.015, 0.000, 0.40, 0.40, 2.0, 0.093, 0.118, 0.119, 0.106, 0.094, 0.083, 0.108, 0.116, 0.108, 0.094],
        [0.405, 0.388, 0.006, 0.136, 0.018, 0.000, 0.40, 0.36, 2.1, 0.095, 0.120, 0.121, 0.114, 0.108, 0.084, 0.109, 0.117, 0.118, 0.112],
        [0.418, 0.363, 0.000, 0.084, 0.021, 0.000, 0.42, 0.33, 2.2, 0.098, 0.121, 0.123, 0.120, 0.116, 0.084, 0.110, 0.120, 0.124, 0.121],
        [0.431, 0.342, 0.011, 0.032, 0.025, 0.000, 0.46, 0.30, 2.3, 0.100, 0.122, 0.125, 0.124, 0.120, 0.085, 0.112, 0.125, 0.130, 0.126],
        [0.444, 0.324, 0.045, -0.006, 0.029, 0.000, 0.50, 0.27, 2.5, 0.103, 0.123, 0.128, 0.127, 0.122, 0.086, 0.115, 0.130, 0.136, 0.130],
        [0.459, 0.304, 0.120, -0.012, 0.034, 0.000, 0.56, 0.25, 2.8, 0.106, 0.125, 0.131, 0.130, 0.124, 0.087, 0.119, 0.137, 0.144, 0.137],
        [0.475, 0.286, 0.220, -0.012, 0.040, -0.004, 0.62, 0.24, 3.0, 0.110, 0.128, 0.135, 0.132, 0.124, 0.088, 0.124, 0.146, 0.156, 0.149],
        [0.493, 0.268, 0.330, -0.012, 0.046, -0.008, 0.67, 0.24, 3.1, 0.114, 0.132, 0.141, 0.137, 0.128, 0.088, 0.129, 0.156, 0.170, 0.165],
        [0.512, 0.249, 0.440, -0.012, 0.052, -0.010, 0.71, 0.24, 3.2, 0.119, 0.137, 0.148, 0.145, 0.136, 0.088, 0.133, 0.166, 0.184, 0.180],
    ]
)
# midfoot and forefoot at x = const: x, dorsal height, ridge y, plantar y, top cap, bottom cap, bottom power, ratios of the medial, of the lateral edge
_FRONT = np.array(
    [
        [0.535, 0.2310, 0.058, -0.008, 0.74, 0.24, 3.2, 0.80, 0.93, 1.00, 0.985, 0.93, 0.46, 0.70, 0.88, 1.00, 0.985],
        [0.600, 0.2030, 0.068, -0.006, 0.76, 0.25, 3.2, 0.80, 0.93, 1.00, 0.995, 0.95, 0.45, 0.69, 0.88, 1.00, 0.985],
        [0.660, 0.1790, 0.075, -0.003, 0.76, 0.26, 3.2, 0.80, 0.93, 0.99, 1.000, 0.96, 0.44, 0.69, 0.88, 1.00, 0.985],
        [0.740, 0.1480, 0.082, 0.000, 0.74, 0.28, 3.1, 0.80, 0.93, 0.985, 1.000, 0.97, 0.44, 0.70, 0.88, 1.00, 0.980],
        [0.800, 0.1255, 0.085, 0.005, 0.70, 0.32, 2.8, 0.80, 0.93, 0.98, 1.000, 0.97, 0.46, 0.72, 0.89, 1.00, 0.980],
        [0.860, 0.1080, 0.085, 0.010, 0.66, 0.36, 2.6, 0.80, 0.93, 0.98, 1.000, 0.97, 0.50, 0.76, 0.91, 1.00, 0.980],
        [0.930, 0.0950, 0.080, 0.030, 0.60, 0.42, 2.4, 0.82, 0.94, 0.98, 1.000, 0.97, 0.60, 0.80, 0.93, 1.00, 0.980],
        [1.000, 0.0850, 0.075, 0.060, 0.55, 0.45, 2.3, 0.84, 0.95, 0.98, 1.000, 0.97, 0.70, 0.85, 0.95, 1.00, 0.980],
    ]
)
# edges of the foot seen from above (largest y at each station), without and with toes
_EDGE_X = np.array([0.535, 0.580, 0.620, 0.660, 0.700, 0.740, 0.780, 0.820, 0.860, 0.900, 0.940, 0.970, 1.000])
_EDGE_MEDIAL = np.array([0.152, 0.157, 0.163, 0.1705, 0.1795, 0.1845, 0.1805, 0.1745, 0.171, 0.166, 0.154, 0.140, 0.125])
_EDGE_LATERAL = np.array([0.190, 0.1985, 0.2035, 0.2035, 0.198, 0.189, 0.175, 0.157, 0.135, 0.107, 0.072, 0.040, 0.000])


@dataclass(frozen=True)
class BodyShape:
    """What the caller's sizes change on the drawing; every factor is 1 for the drawing itself."""

    mth1_station: float = 0.74
    mth5_station: float = 0.635
    breadth: float = 1.0  # forefoot edges
    heel: float = 1.0  # rearfoot edges
    leg_width: float = 1.0  # leg edges above the malleoli
    leg_depth: float = 1.0
    height_50: float = 1.0  # dorsal height about 50 %
    height_ball: float = 1.0  # dorsal height from 0.60 on
    bend: float = 0.0  # shift of the ankle bend along x, fraction of length
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
    """u (k,) and the table of all columns (k, 19) with the caller's factors applied."""
    x = _FRONT[:, 0]
    front = np.empty((len(x), _REAR.shape[1]))
    front[:, 0], front[:, 1], front[:, 2], front[:, 3] = x, _FRONT[:, 1], x, -0.012
    front[:, 4:9] = _FRONT[:, 2:7]
    front[:, 9:19] = _FRONT[:, 7:17]  # ratios, multiplied by the edges later
    rear = _REAR.copy()
    rear[:, 0] += shape.bend
    factor_50 = 1.0 + (shape.height_50 - 1.0) * np.interp(np.r_[rear[:, 0], x], [0.36, 0.46, 0.56, 0.70], [0, 1, 1, 0])
    factor_b = 1.0 + (shape.height_ball - 1.0) * np.interp(np.r_[rear[:, 0], x], [0.52, 0.64, 0.80, 1.0], [0, 1, 1, 0.5])
    table = np.vstack([rear, front])
    table[:, 1] *= factor_50 * factor_b
    legness = np.clip((rear[:, 3] - 0.25) / 0.25, 0.0, 1.0)  # 0 at heel and foot, 1 on the leg
    width = shape.heel + (shape.leg_width - shape.heel) * legness
    forward = np.clip((rear[:, 2] - 0.20) / 0.34, 0.0, 1.0)  # towards the forefoot's own breadth
    width = width + (shape.breadth - width) * forward * (legness <= 0)
    table[: len(rear), 9:19] *= width[:, None]
    middle = (rear[:, 0] + rear[:, 2]) / 2
    depth = 1.0 + (shape.leg_depth - 1.0) * legness
    table[: len(rear), 0] = middle + (rear[:, 0] - middle) * depth
    table[: len(rear), 2] = middle + (rear[:, 2] - middle) * depth
    return np.r_[_U_REAR, x], table


def body_rows(shape: BodyShape, front_end: float, rows: int) -> Array:
    """u of the rows from the leg's top to the front end, closer where the front rounds off."""
    rear = np.linspace(U_TOP, FRONT, int(rows * 0.64), endpoint=False)
    straight = np.linspace(FRONT, front_end - 0.05, int(rows * 0.22), endpoint=False)
    bow = front_end - 0.05 * np.cos(np.linspace(0.0, np.pi / 2, rows - len(rear) - len(straight)))
    return np.r_[rear, straight, bow]


def body(shape: BodyShape, front_end: float, front_cap: float, rows: int = 250, around: int = 160) -> Array:
    """Points (rows, around, 3) in fractions of foot length; the last row is the closing point of the front."""
    u = body_rows(shape, front_end, rows)
    knots_u, table = _knots(shape)
    columns = Akima1DInterpolator(knots_u, table, axis=0, method="makima")(u)
    columns[:, 3] = PchipInterpolator(knots_u, table[:, 3])(u)
    # absolute edges at S_KNOTS: rear rows are absolute, front rows are ratios of the edges; blended at FRONT's row
    front = u >= FRONT
    x = np.clip(u, FRONT, 1.0)
    medial_edge = _edge(_EDGE_MEDIAL, shape.mth1_station, x) * shape.breadth
    lateral_edge = _edge(_EDGE_LATERAL, shape.mth5_station, x) * shape.breadth
    first = len(_REAR)
    absolute = table.copy()
    at = np.clip(knots_u[first:], FRONT, 1.0)
    absolute[first:, 9:14] *= (_edge(_EDGE_MEDIAL, shape.mth1_station, at) * shape.breadth)[:, None]
    absolute[first:, 14:19] *= (_edge(_EDGE_LATERAL, shape.mth5_station, at) * shape.breadth)[:, None]
    blended = Akima1DInterpolator(knots_u, absolute[:, 9:19], axis=0, method="makima")(u)
    ratios = np.where(front[:, None], columns[:, 9:19], 0.0)
    exact = np.concatenate([ratios[:, :5] * medial_edge[:, None], ratios[:, 5:] * lateral_edge[:, None]], axis=1)
    mix = smooth_step((u - 0.55) / 0.06)[:, None]
    edges = blended + (exact - blended) * mix
    # the front rounds off over ``front_cap``: sections shrink towards a point of the tip line
    closing = _cap((front_end - u) / front_cap, np.full_like(u, 2.2))
    return _sections(columns, edges, closing, around)


def _sections(columns: Array, edges: Array, closing: Array, around: int) -> Array:
    """Closed lines (rows, around, 3), evenly spaced along their length, from the dorsal ridge over the medial side."""
    inner, outer = columns[:, 0:2], columns[:, 2:4]
    t = np.linspace(0.0, np.pi, 401)
    s = (1.0 - np.cos(t)) / 2.0
    s = s + 0.0 * s
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
    core_z = 0.4 * columns[:, 1:2]
    core_y = 0.5 * (columns[:, 4:5] + columns[:, 5:6])
    z = core_z + (z - core_z) * closing[:, None]
    medial = core_y + (medial - core_y) * closing[:, None]
    lateral = core_y + (lateral - core_y) * closing[:, None]
    half = around // 2
    lines = np.empty((len(columns), around, 3))
    for i in range(len(columns)):
        for y, part in ((medial[i], slice(0, half + 1)), (lateral[i], None)):
            line = np.stack([x[i], y, z[i]], axis=1)
            run = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]
            if run[-1] <= 0.0:
                even = np.repeat(line[:1], half + 1, axis=0)
            else:
                to = np.linspace(0.0, run[-1], half + 1)
                even = np.stack([np.interp(to, run, line[:, k]) for k in range(3)], axis=1)
            if part is not None:
                lines[i, part] = even
            else:
                lines[i, half + 1 :] = even[1:-1][::-1]
    return lines


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
    t = np.linspace(0.0, 1.0, rows)
    tail = shape.length_cap / end
    k = rows // 3
    d = np.r_[np.linspace(0.0, 1.0 - tail, rows - k, endpoint=False), 1.0 - tail * np.cos(np.linspace(0, np.pi / 2, k))] * end
    del t
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
