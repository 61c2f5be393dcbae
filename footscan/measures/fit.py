"""Extremes and sections of the *surface* under noisy points: local fits, never single points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from footscan.arrays import Groups, bounds, least_squares, median, quantiles
from footscan.frame import along
from footscan.types import Array

HALF_WIDTH_MM = 2.5  #: points this near a plane make its section
FINE_PATCH = 0.6  #: an extreme's last fit looks at this share of the patch
CREST_TURNS, CREST_DEPTH_MM = 5, 4.5  #: refits of a hill; points so far below its top are another part of the skin
#: powers of u (along a hill) and v: the first ten make the cubic
HILL_TERMS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3), (4, 0), (5, 0))
CUBIC = 10
DERIVE_U, DERIVE_V = np.diag(np.arange(1.0, 6.0), 1), np.diag(np.arange(1.0, 4.0), -1)  #: of coefficients (6, 4)
CLEFT_DEPTH_MM = 8.0  #: points so far within a section's outermost belong to the faces of a cleft
ARC_MM = 2.5  #: the places of a section's curve are this far apart
FINEST_BINS = 160


def extreme(points: Array, axis: int, sign: float, patch_mm: float) -> Array | None:
    """The extreme point (3,) of a smooth surface along ±axis.

    A quadric (coordinate along the axis over the two others) is fitted, robustly, to the points within ``patch_mm`` of
    the outermost place (more where points are few), and its vertex is taken, kept inside the patch. None for fewer
    than 12 points. The raw outermost point would lie outside the surface by several times the noise.
    """
    if len(points) < 12:
        return None
    others = [k for k in range(3) if k != axis]
    height = sign * points[:, axis]
    # the outermost place with skin around it: neither a speck nor the gap between two tips
    few = np.argpartition(-height, min(200, len(points) - 1))[:200]
    outermost = points[few[np.argsort(-height[few], kind="stable")]]
    gap = outermost[:60, None, :] - outermost[None, :, :]
    company = (np.abs(gap).max(axis=2) < 0.5 * patch_mm).sum(axis=1)
    centre = outermost[int(np.argmax(company >= 0.5 * company.max()))].copy()
    scale = _patch_with_points(points[:, others] - centre[others], height - sign * centre[axis], patch_mm)
    low, high = bounds(points[:, others])
    for turn in range(5):
        if turn == 3:  # skin is no quadric far from its extreme: the last two turns look at less of it
            across, depth = points[:, others] - centre[others], height - sign * centre[axis]
            scale = _patch_with_points(across, depth, FINE_PATCH * scale, 60)
        uv = (points[:, others] - centre[others]) / scale
        near = ((uv**2).sum(1) < 1.0) & (np.abs(height - sign * centre[axis]) < 0.8 * scale)
        if near.sum() < 12:
            return None
        coefficients = _quadric(uv[near], height[near])
        if coefficients is None:
            return None
        c0, cu, cv, cuu, cuv, cvv = coefficients
        H = np.array([[2 * cuu, cuv], [cuv, 2 * cvv]])
        eigenvalues = np.linalg.eigvalsh(H)
        if eigenvalues[1] < -1e-6:
            vertex = np.linalg.solve(H, [-cu, -cv])
        else:  # a saddle or a plane: go towards higher ground, to the patch's rim at most
            gradient = np.array([cu, cv])
            vertex = gradient / (np.linalg.norm(gradient) + 1e-12)
        size = np.linalg.norm(vertex)
        if size > 0.9:
            vertex = vertex * 0.9 / size
        before = centre.copy()
        place = np.clip(centre[others] + vertex * scale, low, high)  # no extreme outside the points
        u, v = (place - centre[others]) / scale
        centre[others] = place
        centre[axis] = sign * (c0 + cu * u + cv * v + cuu * u * u + cuv * u * v + cvv * v * v)
        if turn > 3 and np.linalg.norm(centre - before) < 0.02:
            break
    return np.asarray(centre)


def crest(
    points: Array, axis: int, sign: float, start: Array, half_mm: tuple[float, float], least_mm: float
) -> tuple[Array, float] | None:
    """The top (3,) of a long hill of the surface towards ±axis, near ``start`` (3,), and its height's standard error.

    A cubic over the two other axes is fitted, robustly, to the points within ``half_mm`` of ``start`` along each, its
    top taken; again around that top until it stands still. All points of the hill say where its top is: a third of the
    noise of tops read off station by station. A fifth degree along the hill where the points ask for it (Bayesian
    information criterion): flat hills are seldom cubics. No top lies below ``least_mm`` on the last axis: a hill that
    is higher there has it at that height. None where there is no top or the points are few.
    """
    a, b = (k for k in range(3) if k != axis)
    height = sign * points[:, axis]
    centre = np.asarray(start, dtype=float).copy()
    half = np.array(half_mm)
    for _ in range(CREST_TURNS):
        uv = (points[:, [a, b]] - centre[[a, b]]) / half
        near = (np.abs(uv) < 1.0).all(axis=1) & (np.abs(height - sign * centre[axis]) < CREST_DEPTH_MM)
        if near.sum() < 60:
            return None
        fitted = _hill(uv[near, 0], uv[near, 1], height[near])
        if fitted is None:
            return None
        lowest = (least_mm - centre[b]) / half[1]
        top = _top_of_hill(fitted[0])
        if top is None or top[1] < lowest:
            top = _top_at_rim(fitted[0], lowest)
        if top is None:
            return None
        hill, error = fitted
        moved = float(np.abs(top * half).max())
        top = np.clip(top, -0.7, 0.7)
        centre[[a, b]] += top * half
        centre[axis] = sign * _height(hill, top)
        if moved < 0.05:
            break
    return centre, error


def _hill(u: Array, v: Array, h: Array) -> tuple[Array, float] | None:
    """Coefficients (6, 4) of h over u^i v^j: a cubic, or with u⁴ and u⁵ where they earn their place; and the usual
    standard error of the heights that they give."""
    A = _hill_terms(u, v)
    kept = _robust_least_squares(A[:, :CUBIC], h)
    if kept is None:
        return None
    off = np.abs(h - A[:, :CUBIC] @ kept)
    alive = off < 3.0 * _robust_spread(off) + 0.05
    A, h = A[alive], h[alive]
    best, least, error = kept, np.inf, 0.0
    for k in (CUBIC, len(HILL_TERMS)):
        c = least_squares(A[:, :k], h)
        rss = float(((h - A[:, :k] @ c) ** 2).sum())
        bic = len(h) * np.log(max(rss, 1e-12) / len(h)) + k * np.log(len(h))
        if bic < least:
            best, least, error = c, bic, float(np.sqrt(rss * k) / len(h))
    full = np.zeros((6, 4))
    for (i, j), c in zip(HILL_TERMS, best):
        full[i, j] = c
    return full, error


def _hill_terms(u: Array, v: Array) -> Array:
    """(n, terms) u^i v^j of ``HILL_TERMS``, by repeated products."""
    us, vs = [np.ones_like(u), u], [np.ones_like(v), v]
    while len(us) < 6:
        us.append(us[-1] * u)
    while len(vs) < 4:
        vs.append(vs[-1] * v)
    A = np.empty((len(u), len(HILL_TERMS)))
    for k, (i, j) in enumerate(HILL_TERMS):
        np.multiply(us[i], vs[j], out=A[:, k])
    return A


def _top_of_hill(hill: Array) -> Array | None:
    """Where a hill (:func:`_hill`) has no slope and bends down on all sides, by Newton's way from its highest place
    among nine along its middle."""
    du, dv = DERIVE_U @ hill, hill @ DERIVE_V
    duu, duv, dvv = DERIVE_U @ du, du @ DERIVE_V, dv @ DERIVE_V
    along = np.linspace(-0.8, 0.8, 9)
    place = np.array([along[int(np.argmax([_height(hill, (u, 0.0)) for u in along]))], 0.0])
    for _ in range(14):
        cross = _height(duv, place)
        bend = np.array([[_height(duu, place), cross], [cross, _height(dvv, place)]])
        if np.linalg.eigvalsh(bend)[1] > -1e-4:
            return None
        slope = np.array([_height(du, place), _height(dv, place)])
        step = np.clip(-np.linalg.solve(bend, slope), -0.4, 0.4)
        place = np.clip(place + step, -1.0, 1.0)
        if np.abs(step).max() < 1e-4:
            break
    return np.asarray(place)


def _top_at_rim(hill: Array, v: float) -> Array | None:
    """Where a hill is highest at ``v``, if it has a top along there and falls from there on; else None."""
    powers = np.power(v, np.arange(4))
    rim = np.polynomial.Polynomial(hill @ powers)
    inward = np.polynomial.Polynomial(hill @ DERIVE_V @ powers)
    places = rim.deriv().roots()
    tops = [float(u.real) for u in places if abs(u.imag) < 1e-9 and abs(u.real) < 1.0 and rim.deriv(2)(u.real) < 0.0]
    best = max(tops, key=rim, default=None)
    return np.array([best, v]) if best is not None and abs(v) < 1.0 and inward(best) < 0.0 else None


def _height(hill: Array, place: Sequence[float] | Array) -> float:
    return float(np.power(place[0], np.arange(6)) @ hill @ np.power(place[1], np.arange(4)))


def _robust_least_squares(A: Array, h: Array) -> Array | None:
    """Least squares, refitted twice without what lies off by more than 3 robust SD."""
    keep = np.ones(len(h), dtype=np.bool_)
    for turn in range(3):
        if np.count_nonzero(keep) < 2 * A.shape[1]:
            return None
        c = least_squares(A[keep], h[keep]) if turn else least_squares(A, h)
        off = np.abs(h - A @ c)
        keep = off < 3.0 * 1.4826 * median(off[keep]) + 0.05
    return c


def _patch_with_points(across: Array, depth: Array, patch_mm: float, fewest: int = 24) -> float:
    """The patch's radius, widened up to 2.5 times until it holds enough points for a quadric."""
    reach = np.maximum(np.hypot(across[:, 0], across[:, 1]), np.abs(depth) / 0.8)
    enough = float(np.partition(reach, min(fewest, len(reach)) - 1)[min(fewest, len(reach)) - 1])
    return float(np.clip(enough, patch_mm, 2.5 * patch_mm))


def _quadric(uv: Array, h: Array) -> Array | None:
    """Robust least squares of h over 1, u, v, u², uv, v²."""
    u, v = uv[:, 0], uv[:, 1]
    A = np.empty((len(u), 6))
    A[:, 0], A[:, 1], A[:, 2], A[:, 3], A[:, 4], A[:, 5] = 1.0, u, v, u * u, u * v, v * v
    return _robust_least_squares(A, h)


@dataclass(frozen=True, eq=False)
class Section:
    """A closed curve in a plane: ``uv`` (k, 2) mm around ``centre`` (3,), axes ``e1``, ``e2`` (3,); ``covered`` the
    share of directions that have points; ``spread`` (k,) mm the standard error of each radius."""

    uv: Array
    centre: Array
    e1: Array
    e2: Array
    covered: float
    spread: Array

    @property
    def points(self) -> Array:
        """The curve (k, 3) in the frame of the points."""
        return np.asarray(self.centre + self.uv[:, :1] * self.e1 + self.uv[:, 1:] * self.e2)

    def perimeter_mm(self) -> float:
        """Length of the closed curve itself."""
        return float(np.linalg.norm(np.roll(self.uv, -1, axis=0) - self.uv, axis=1).sum())

    def hull_perimeter_mm(self) -> float:
        """Length of a taut tape around the curve."""
        return hull_perimeter(self.uv)


def hull_perimeter(uv: Array) -> float:
    """Perimeter of the convex hull of (n, 2) points."""
    try:
        return float(ConvexHull(uv).area)  # in 2D scipy calls the perimeter "area"
    except QhullError:
        return 0.0


def section(points: Array, origin: Array, normal: Array, up: Array) -> Section | None:
    """The closed curve in which the surface under ``points`` (n, 3) cuts a plane, star-shaped around its middle.

    ``e2`` is ``up`` laid into the plane, ``e1`` at right angles. A first curve by the radius in each direction, then
    evenly along that curve the offset across it: robust local fits, quadratic along the curve, linear in the distance
    from the plane, of the points within 2.5 mm. None where fewer than half the directions have points.
    """
    # stage 1: the slab, in plane coordinates
    normal = normal / np.linalg.norm(normal)
    e2 = up - normal * (up @ normal)
    e2 = e2 / np.linalg.norm(e2)
    e1 = np.cross(e2, normal)
    d = along(points, normal) - origin @ normal
    near = np.abs(d) < HALF_WIDTH_MM
    if near.sum() < 40:
        return None
    p, d = points[near] - origin, d[near]
    uv = np.stack([along(p, e1), along(p, e2)], axis=1)
    middle = np.array([sum(quantiles(uv[:, k], 0.01, 0.99)) / 2 for k in (0, 1)])
    uv = uv - middle
    # stage 2: a first curve, about 4 mm of arc a direction, more where points are few
    radius = np.hypot(uv[:, 0], uv[:, 1])
    bins = int(np.clip(min(2 * np.pi * median(radius) / 4.0, len(d) / 8.0), 24, 90))
    angle = np.arctan2(uv[:, 1], uv[:, 0])
    outer = _outer_skin((angle + np.pi) / (2 * np.pi), radius, bins)
    uv, d, angle, radius = uv[outer], d[outer], angle[outer], radius[outer]
    r, _, full = _curve_fit((angle + np.pi) / (2 * np.pi), radius, d, bins)
    covered = float(full.mean())
    if covered < 0.5:
        return None
    theta = -np.pi + (np.arange(bins) + 0.5) * 2 * np.pi / bins
    if not full.all():  # directions without points take their neighbours' radius
        r = np.interp(theta, theta[full], r[full], period=2 * np.pi)
    # stage 3: along that curve, every 2.5 mm the offset across it
    fine = np.linspace(-np.pi, np.pi, 4 * bins, endpoint=False)
    rough = _smooth_radius(fine, theta, r)
    step = np.linalg.norm(np.roll(rough, -1, axis=0) - rough, axis=1)
    run = np.concatenate([[0.0], np.cumsum(step)])
    share = np.interp(angle, np.append(fine, np.pi), run / run[-1])
    bins = int(np.clip(min(run[-1] / ARC_MM, len(d) / 8.0), 24, FINEST_BINS))
    # the curve's place and outward normal at a share of its length
    ahead = np.roll(rough, -1, axis=0) - np.roll(rough, 1, axis=0)
    outward = np.stack([ahead[:, 1], -ahead[:, 0]], axis=1) / np.linalg.norm(ahead, axis=1)[:, None]

    def at(where: Array, values: Array) -> Array:
        closed = np.vstack([values, values[:1]])
        return np.stack([np.interp(where, run / run[-1], closed[:, k]) for k in (0, 1)], axis=1)

    offset = np.einsum("ij,ij->i", uv - at(share, rough), at(share, outward))
    o, se, full = _curve_fit(share, offset, d, bins)
    even = (np.arange(bins) + 0.5) / bins
    o, se = np.where(full, o, 0.0), np.where(full, se, 2.0)
    curve = at(even, rough) + o[:, None] * at(even, outward)
    between = int(np.ceil(FINEST_BINS / bins))  # a coarse polygon would cut the curve's bends short
    if between > 1:
        curve, se = _between(curve, between), np.repeat(se, between)
    return Section(curve, origin + middle[0] * e1 + middle[1] * e2, e1, e2, covered, se)


def _outer_skin(where: Array, radius: Array, bins: int) -> Array:
    """Which points a tape could touch: where a plane cuts a toe apart from the foot, the faces of the cleft are none.

    In each of ``bins`` directions those within 8 mm of the outermost fifth (there are specks outside).
    """
    own = np.minimum((where * bins).astype(np.int64), bins - 1)
    order = np.lexsort((-radius, own))
    start = np.searchsorted(own[order], np.arange(bins))
    count = np.bincount(own, minlength=bins)
    fifth = order[np.minimum(start + np.minimum(np.maximum(count // 5, 2), np.maximum(count - 1, 0)), len(order) - 1)]
    return np.asarray(radius > radius[fifth][own] - CLEFT_DEPTH_MM)


def _between(closed: Array, times: int) -> Array:
    """A closed curve (k, 2) with ``times`` as many points, periodic cubic between its own (Catmull-Rom)."""
    t = (np.arange(times) / times)[:, None]
    a, b, c, d = (np.roll(closed, -j, axis=0)[:, None] for j in (-1, 0, 1, 2))
    fine = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.asarray(fine.reshape(-1, 2))


def _smooth_radius(fine: Array, theta: Array, r: Array) -> Array:
    """Points (k, 2) of the curve r(theta) at the angles ``fine``, periodic cubic between its nodes (Catmull-Rom)."""
    step = theta[1] - theta[0]
    u = (fine - theta[0]) / step
    k = np.floor(u).astype(np.int64)
    t = u - k
    a, b, c, d = (r[(k + j) % len(r)] for j in (-1, 0, 1, 2))
    radius = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.stack([radius * np.cos(fine), radius * np.sin(fine)], axis=1)


def _curve_fit(where: Array, value: Array, d: Array, bins: int) -> tuple[Array, Array, Array]:
    """Value, its standard error and presence for each of ``bins`` even places of a closed curve, by local least squares
    value ~ 1, where, where², d. ``where`` (n,) share of the curve's length in [0, 1], ``d`` (n,) mm from its plane."""
    u = where * bins
    own = np.minimum(u.astype(np.int64), bins - 1)
    # each point serves its own place and the two beside it (a window of three, weight falling off)
    shift = np.array([-1, 0, 1])
    which = ((own[:, None] + shift) % bins).ravel()
    offset = (u[:, None] - (own[:, None] + 0.5) - shift).ravel()  # in steps from that place
    weight = np.maximum(0.0, 1.0 - np.abs(offset) / 1.5)
    values, depth = np.repeat(value, 3), np.repeat(d / HALF_WIDTH_MM, 3)
    basis = np.stack([np.ones_like(offset), offset, depth, offset * offset])  # the square: no sag on tight bends
    order, groups = Groups.of(which, bins)
    which, weight, values, basis = which[order], weight[order], values[order], basis[:, order]
    alive = weight > 0
    for _ in range(2):
        moments, right = groups.normal_equations(basis, values, weight * alive)
        count = np.bincount(which, weights=alive, minlength=bins)
        full = (count >= 6) & (moments[:, 0, 0] > 0)
        moments += np.diag([0.0, 1.0, 1.0, 1.0]) * (1e-3 * moments[:, :1, :1] + 1e-9) + 1e-12 * np.eye(4)
        fit = np.linalg.solve(moments, right[:, :, None])[:, :, 0]
        rest = values - groups.fitted(fit, basis)
        spread = _robust_spread(rest[alive])
        alive = (weight > 0) & (np.abs(rest) < max(3.5 * spread, 0.3))
    return fit[:, 0], spread / np.sqrt(np.maximum(count, 1.0)), full


def _robust_spread(rest: Array) -> float:
    return 1.4826 * median(np.abs(rest)) if len(rest) else 0.0
