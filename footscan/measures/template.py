"""The second track of the landmarks: a template foot, fitted to the whole cloud.

The template is a mean foot with principal shape modes, made from drawn feet of known truth (``make template``).
It is laid on the points in three stages, each by iterated point-to-plane least squares with robust weights: turn, shift
and scale; then the shape modes, held by their own spread; then a smooth warp, held by a stiffness. Landmarks ride along
and are never snapped to an extreme of the points, so that their errors have little in common with those of the rules in
:mod:`footscan.measures.landmarks`.

After the idea of statistical shape models (Cootes 1995, doi:10.1006/cviu.1995.1004) and Gaussian process morphable
models (Lüthi 2018, doi:10.1109/TPAMI.2017.2739743), without their code. The warp's unknowns stand at nodes on the skin.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from scipy.spatial import cKDTree

from footscan.arrays import median, quantiles
from footscan.errors import ScanError
from footscan.frame import along, compose, turn_z
from footscan.types import Array, frozen_array

DATA_FILE = Path(__file__).with_name("template_data.npz")
KINDS = ("apart", "fused")  #: templates with toes of their own, and with toes in one (sock)
FEWEST_POINTS, MOST_POINTS = 2000, 15_000  #: fewer show no foot; of more an even share is taken
SLANT = np.array([1.0, 0.0137, 0.0071])  #: points are put in order along this: hardly two lie equally far
MOST_SD = 3.0  #: no shape mode goes farther
MOST_SIGMA_MM = 0.5  #: what the modes can't follow is no noise: the warp is to follow it
LEAST_SIGMA_MM = 0.3  #: residuals are not believed to be smaller
CORRELATED, CORRELATED_WARP = (
    4.0,
    16.0,
)  #: so many neighbouring residuals say the same: the surface is off in patches, not point by point
WARP_NODES, WARP_REACH, WARP_SPREAD = 64, 0.12, 0.012  #: number; reach and SD in fractions of foot length
MOST_BOW = 25.0  #: of the skin, per foot length: toes
ASIDE_MM = 4.0  #: a nearest point that lies farther aside of the normal is another place, or the edge of a hole
COVERED_MM = 4.0  #: skin without a point this near (and three times the usual gap) is a hole
LEAST_EXTENT_MM = 80.0  #: of the cloud near the floor, heel to toe
LOW_MM = 60.0  #: what lies below shows where a foot is heading
RIGID_MM = (40.0, 30.0, 20.0, 15.0, 15.0)  #: how far points are looked for, round by round: turn, shift and scale
ROUGH_MM, FINE_MM = (15.0, 12.0, 12.0, 12.0, 10.0, 10.0), (8.0, 8.0, 6.0, 6.0, 6.0)  #: the shape
WARP_MM = (8.0, 6.0)
COARSE = 3  #: every third vertex is enough to begin with
FUSED_FROM_MM, FUSED_BY = 0.6, 1.6  #: toes that lie farther off may be a sock's: where a sock's lie so much nearer
LEAST_SHARE = 0.35  #: of the template must lie on points
REGIONS = ("heel", "midfoot", "forefoot", "toes", "dorsum", "sole", "ankle")


@dataclass(frozen=True, eq=False)
class TemplateFit:
    """The template laid on a cloud, in the frame of its points.

    marks : landmark name -> (3,) mm (names as in ``types.Landmarks``; toe tips only where toes are apart)
    marks_sd : landmark name -> (3,) mm, what the shape modes leave open of it on drawn feet
    kind : ``apart`` or ``fused`` toes, whichever lies nearer to the points
    rms_mm : robust spread (1.4826 median absolute) of the distances from the points to the surface
    residual : region -> share of the template's skin with no points near it (holes): 0 … 1
    sigma : root mean square of the shape modes in SD: 1 for an ordinary foot, at most 3 (Mahalanobis distance divided
        by the root of the number of modes)
    vertices : (m, 3) mm, the template as it lies, after the warp; faces (f, 3) its triangles
    T : (4, 4), turn, shift and scale from the template (unit foot length, design frame) to the points
    """

    marks: Mapping[str, Array]
    marks_sd: Mapping[str, Array]
    kind: str
    rms_mm: float
    residual: Mapping[str, float]
    sigma: float
    vertices: Array
    faces: Array
    T: Array

    def __post_init__(self) -> None:
        for name in ("marks", "marks_sd"):
            points = {
                k: frozen_array(f"{name}[{k}]", p, np.float64, (3,), "mm") for k, p in getattr(self, name).items()
            }
            object.__setattr__(self, name, MappingProxyType(points))
        object.__setattr__(self, "residual", MappingProxyType(dict(self.residual)))
        for name, shape in (("vertices", (None, 3)), ("T", (4, 4))):
            object.__setattr__(self, name, frozen_array(name, getattr(self, name), np.float64, shape))


# ------------------------------------------------------------------ the template


@dataclass(frozen=True, eq=False)
class Template:
    """mean (m, 3), modes (k, m, 3) one SD each, faces (f, 3), landmarks (l, 3) and their modes (k, l, 3), all in
    fractions of foot length; ``warp`` (m, w), ``marks_warp`` (l, w): move of a place for one SD of each node."""

    mean: Array
    modes: Array
    faces: Array
    names: tuple[str, ...]
    marks: Array
    marks_modes: Array
    marks_sd: Array
    share: Array
    bow: Array
    regions: Mapping[str, Array]
    warp: Array
    marks_warp: Array


@functools.cache
def load_template(kind: str) -> Template:
    """The package's own template, ``apart`` or ``fused``."""
    with np.load(DATA_FILE, allow_pickle=False) as data:
        part = {name.removeprefix(f"{kind}_"): data[name] for name in data.files if name.startswith(f"{kind}_")}
    mean, faces = part["mean"] * 5e-5, part["faces"].astype(np.int64)
    modes = part["modes"] * part["mode_step"][:, None, None]
    normals, area = vertex_normals(mean, faces)
    nodes = mean[spread_out(mean, WARP_NODES)]
    # nodes that are one SD each on their own: the root of their covariance
    root = np.linalg.cholesky(_kernel(nodes, nodes) + 1e-6 * np.eye(len(nodes)))
    warp, marks_warp = (np.linalg.solve(root, _kernel(nodes, p)).T * WARP_SPREAD for p in (mean, part["marks"]))
    return Template(
        mean, modes, faces, tuple(part["names"].tolist()), part["marks"], part["marks_modes"], part["marks_sd"],
        area / area.mean(), _bow(mean, normals, faces), _regions(mean, normals), warp, marks_warp,
    )  # fmt: skip


def _kernel(a: Array, b: Array) -> Array:
    gap2 = ((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(np.exp(-0.5 * gap2 / WARP_REACH**2))


def _regions(mean: Array, normals: Array) -> dict[str, Array]:
    """Masks (m,) of the places that a hole is named after; sole and dorsum lie over the others."""
    x, z = mean[:, 0], mean[:, 2]
    low = z < 0.20
    return {
        "heel": low & (x < 0.30),
        "midfoot": (z < 0.32) & (x >= 0.30) & (x < 0.60),
        "forefoot": (x >= 0.60) & (x < 0.80),
        "toes": x >= 0.80,
        "dorsum": (normals[:, 2] > 0.4) & (x > 0.38) & (x < 0.80),
        "sole": (normals[:, 2] < -0.7) & (z < 0.10),
        "ankle": (z >= 0.20) & (z < 0.42) & (x < 0.45),
    }


def _bow(mean: Array, normals: Array, faces: Array) -> Array:
    """Mean curvature (m,) of the skin, convex positive, from the normal curvatures along the edges that meet there."""
    a, b = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).T
    edge = mean[b] - mean[a]
    curved = -2.0 * (edge * normals[a]).sum(axis=1) / np.maximum((edge**2).sum(axis=1), 1e-8)
    count = np.bincount(a, minlength=len(mean))
    return np.clip(np.bincount(a, curved, len(mean)) / np.maximum(count, 1), -MOST_BOW, MOST_BOW)


def spread_out(points: Array, count: int) -> Array:
    """Indices (count,) of points (n, 3) far from each other: each next one is the farthest from those before."""
    chosen = np.zeros(count, dtype=np.int64)
    gap = np.linalg.norm(points - points[0], axis=1)
    for k in range(1, count):
        chosen[k] = int(gap.argmax())
        gap = np.minimum(gap, np.linalg.norm(points - points[chosen[k]], axis=1))
    return chosen


def vertex_normals(vertices: Array, faces: Array) -> tuple[Array, Array]:
    """Unit normals (m, 3) of vertices (m, 3) and the third of its triangles' area that is each one's (m,)."""
    a, b, c = (np.take(vertices, faces[:, k], axis=0) for k in range(3))
    face = _cross(b - a, c - a)
    size = np.sqrt((face**2).sum(axis=1)) / 6.0
    flat, count = faces.T.ravel(), len(vertices)
    total = np.stack([np.bincount(flat, np.tile(face[:, d], 3), count) for d in range(3)], axis=1)
    area = np.bincount(flat, np.tile(size, 3), count)
    return total / np.maximum(np.sqrt((total**2).sum(axis=1)), 1e-30)[:, None], area


def _cross(a: Array, b: Array) -> Array:
    """Cross products (n, 3): ``np.cross`` takes three times as long."""
    (ax, ay, az), (bx, by, bz) = a.T, b.T
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=1)


# ------------------------------------------------------------------ the fit


@dataclass(frozen=True, eq=False)
class _Laid:
    """How the template lies: turn (3, 3), scale mm, shift (3,) mm, shape (k,) in SD, warp (w, 3) in SD."""

    template: Template
    R: Array
    scale: float
    shift: Array
    shape: Array
    warp: Array

    def place(self, mean: Array, modes: Array, warp: Array) -> Array:
        own = mean + np.tensordot(self.shape, modes, axes=1)
        if self.warp.any():
            own = own + warp @ self.warp
        return np.asarray(self.scale * own @ self.R.T + self.shift)

    def vertices(self) -> Array:
        return self.place(self.template.mean, self.template.modes, self.template.warp)

    def marks(self) -> Array:
        return self.place(self.template.marks, self.template.marks_modes, self.template.marks_warp)


@dataclass(frozen=True, eq=False)
class _Matched:
    """The skin as it lies at every ``step``-th vertex and what was found along its normals.

    ``near`` (m,): a point lies there; ``rest`` (m,) mm, its distance along the normal; robust ``weight`` (m,); ``gap``
    (m,) mm to the nearest point; ``sigma`` mm, spread of the rests.
    """

    step: int
    vertices: Array
    normals: Array
    near: Array
    rest: Array
    weight: Array
    gap: Array
    sigma: float


def fit_template(points: Array) -> TemplateFit:
    """Lay the template on one foot.

    points : (n, 3) mm, roughly in the right-foot design frame: x heel to toe, +y medial, z up from the floor, pternion
    near x = 0; turned by up to about 10° and shifted by up to about 15 mm is fine. A left foot is mirrored first.
    ScanError for fewer than 2000 points or where most of the template finds none; ValueError for anything but (n, 3).
    The result hardly depends on the points' order (not at all up to 15,000 points).
    """
    points = frozen_array("points", points, np.float64, (None, 3), "mm")
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < FEWEST_POINTS:
        raise ScanError(f"expected at least {FEWEST_POINTS} points to lay a foot's template on, found {len(points)}")
    # stage 0: an even share of the points, whatever their order
    if len(points) > MOST_POINTS:
        order = np.argsort(along(points, SLANT), kind="stable")
        points = points[order[:: -(-len(points) // MOST_POINTS)]]
    # stage 1 and the beginning of stage 2, with toes apart; where those don't fit, with toes in one too
    tree, start = cKDTree(points), _start(points, load_template("apart"))
    kind, (laid, toes) = "apart", _begin(load_template("apart"), tree, start)
    if toes > FUSED_FROM_MM:
        other, off = _begin(load_template("fused"), tree, start)
        if FUSED_BY * off < toes:
            kind, laid = "fused", other
    # stage 2 and 3
    return _result(kind, *_finish(laid, tree))


def _heading(plan: Array, weight: Array | None = None) -> float:
    """Angle (rad) of the long axis of places (n, 2) seen from above, from x on."""
    (xx, xy), (_, yy) = np.cov(plan.T, aweights=weight)
    return float(0.5 * np.arctan2(2.0 * xy, xx - yy))


def _start(points: Array, template: Template) -> tuple[Array, float, Array]:
    """Turn (3, 3), scale mm and shift (3,) mm to begin with: the long axis of what lies low, and its extent."""
    low = points[points[:, 2] < quantiles(points[:, 2], 0.01)[0] + LOW_MM]
    own = template.mean[:, 2] < LOW_MM / 260.0
    turn = _heading(low[:, :2]) - _heading(template.mean[own, :2], template.share[own])
    R = turn_z(float(np.clip(turn, -0.4, 0.4)))[:3, :3]
    low = low @ R
    heel, toe = quantiles(low[:, 0], 0.004, 0.996)
    if toe - heel < LEAST_EXTENT_MM:
        raise ScanError(
            f"expected a foot, at least {LEAST_EXTENT_MM:.0f} mm long near the floor, found {toe - heel:.0f} mm"
        )
    rear = low[low[:, 0] < heel + 0.3 * (toe - heel)]
    scale = float(np.clip(1.02 * (toe - heel), 120.0, 360.0))
    floor = quantiles(low[:, 2], 0.005)[0]
    return R, scale, R @ np.array([float(heel) - 0.01 * scale, median(rear[:, 1]), floor])


def _begin(template: Template, tree: cKDTree, start: tuple[Array, float, Array]) -> tuple[_Laid, float]:
    """The template roughly laid, by every third of its vertices, and how far its toes lie from the points (mm)."""
    k, w = len(template.modes), template.warp.shape[1]
    laid = _Laid(template, *start, np.zeros(k), np.zeros((w, 3)))
    # stage 1: turn, shift and scale
    for reach in RIGID_MM:
        laid = _move(laid, _match(laid, tree, reach, reach, COARSE), 0)
    # stage 2: and shape, the widest modes first
    for turn, reach in enumerate(ROUGH_MM):
        laid = _move(laid, _match(laid, tree, reach, ASIDE_MM + 1.0, COARSE), k if turn else min(6, k))
    return laid, _misfit(template, _match(laid, tree, FINE_MM[0], ASIDE_MM + 1.0, COARSE))


def _finish(laid: _Laid, tree: cKDTree) -> tuple[_Laid, _Matched]:
    """The template as it lies in the end, and how the points lie about it."""
    # stage 2, by all vertices
    for reach in FINE_MM:
        laid = _move(laid, _match(laid, tree, reach, ASIDE_MM + 1.0), len(laid.shape))
    # stage 3: what the modes leave over, by a smooth warp
    for reach in WARP_MM:
        laid = _bend(laid, _match(laid, tree, reach, ASIDE_MM))
    return laid, _match(laid, tree, WARP_MM[-1], ASIDE_MM)


def _match(laid: _Laid, tree: cKDTree, reach_mm: float, aside_mm: float, step: int = 1) -> _Matched:
    """The nearest point of every ``step``-th place on the skin; none farther than ``reach_mm``, or ``aside_mm`` beside
    the normal."""
    vertices = laid.vertices()
    normals, _ = vertex_normals(vertices, laid.template.faces)
    vertices, normals, share = vertices[::step], normals[::step], laid.template.share[::step]
    gap, mate = tree.query(vertices)
    rest = ((tree.data[mate] - vertices) * normals).sum(axis=1)
    aside2 = gap**2 - rest**2
    near = (gap < reach_mm) & (aside2 < aside_mm**2)
    # a point beside the normal lies lower on convex skin
    rest += 0.5 * laid.template.bow[::step] / laid.scale * np.minimum(aside2, aside_mm**2)
    if near.mean() < LEAST_SHARE:
        raise ScanError(
            f"expected points on at least {LEAST_SHARE:.0%} of a foot's skin, found them on {near.mean():.0%}: not a"
            " foot, or not heel to toe along x"
        )
    sigma = max(1.4826 * median(np.abs(rest[near])), LEAST_SIGMA_MM)
    weight = np.where(near, np.clip(1.0 - (rest / (4.0 * sigma)) ** 2, 0.0, None) ** 2, 0.0) * share
    return _Matched(step, vertices, normals, near, rest, weight, np.asarray(gap), sigma)


def _move(laid: _Laid, m: _Matched, modes: int) -> _Laid:
    """Turn, shift, scale and the first ``modes`` shape modes by one robust point-to-plane step."""
    centre = m.vertices.mean(axis=0)
    arm = m.vertices - centre
    own = m.normals @ laid.R * laid.scale  # normals in the template's frame
    pose = [_cross(arm, m.normals), m.normals, (arm * m.normals).sum(axis=1)[:, None]]
    shape = np.einsum("kmd,md->mk", laid.template.modes[:modes, :: m.step], own)
    root = np.sqrt(m.step * m.weight / CORRELATED) / m.sigma
    J = np.hstack([*pose, shape]) * root[:, None]
    N = J.T @ J
    g = J.T @ (root * m.rest)
    # a shape's own spread is one SD
    N[np.arange(7, 7 + modes), np.arange(7, 7 + modes)] += 1.0
    g[7:] -= laid.shape[:modes]
    step = np.linalg.solve(N + 1e-9 * np.diag(np.diag(N)), g)
    turn = _rotation(step[:3])
    grow = float(np.exp(np.clip(step[6], -0.1, 0.1)))
    shift = centre + step[3:6] + grow * turn @ (laid.shift - centre)
    c = laid.shape.copy()
    c[:modes] = np.clip(c[:modes] + step[7:], -MOST_SD, MOST_SD)
    return _Laid(laid.template, turn @ laid.R, laid.scale * grow, shift, c, laid.warp)


def _bend(laid: _Laid, m: _Matched) -> _Laid:
    """The smooth warp by one robust point-to-plane step."""
    root = np.sqrt(m.weight / CORRELATED_WARP) / min(m.sigma, MOST_SIGMA_MM)
    own = m.normals @ laid.R * (laid.scale * root)[:, None]
    w = laid.template.warp.shape[1]
    J = np.hstack([laid.template.warp * own[:, d : d + 1] for d in range(3)])
    N = J.T @ J + np.eye(3 * w)
    g = J.T @ (root * m.rest + J @ laid.warp.T.ravel())
    warp = np.linalg.solve(N, g).reshape(3, w).T
    return _Laid(laid.template, laid.R, laid.scale, laid.shift, laid.shape, warp)


def _rotation(w: Array) -> Array:
    """Rotation (3, 3) about the vector w (3,) rad (Rodrigues)."""
    angle = float(np.linalg.norm(w))
    K = np.array([[0.0, -w[2], w[1]], [w[2], 0.0, -w[0]], [-w[1], w[0], 0.0]])
    if angle < 1e-12:
        return np.asarray(np.eye(3) + K)
    return np.asarray(np.eye(3) + np.sin(angle) / angle * K + (1.0 - np.cos(angle)) / angle**2 * K @ K)


# ------------------------------------------------------------------ what is told


def _misfit(template: Template, m: _Matched) -> float:
    """Mean distance (mm, no more than 6 each) of the toes' skin from the points, along its normals."""
    toes, share = template.regions["toes"][:: m.step], template.share[:: m.step]
    off = np.minimum(np.where(m.near, np.abs(m.rest), m.gap), 6.0)
    return float(np.average(off[toes], weights=share[toes]))


def _result(kind: str, laid: _Laid, m: _Matched) -> TemplateFit:
    template = laid.template
    marks = dict(zip(template.names, laid.marks()))
    tips = [marks[f"toe{k}_tip"] for k in range(1, 6) if f"toe{k}_tip" in marks]
    if tips:
        marks["longest_toe"] = max(tips, key=lambda p: float(p @ laid.R[:, 0]))
    sd = dict(zip(template.names, laid.scale * template.marks_sd))
    # a hole is wider than the cloud's own gaps
    typical = median(m.gap)
    bare = (m.gap > max(COVERED_MM, 3.0 * typical)) * template.share
    residual = {name: float(bare[mask].sum() / template.share[mask].sum()) for name, mask in template.regions.items()}
    near = m.weight > 0.0
    rms = 1.4826 * median(np.abs(m.rest[near]))
    sigma = float(np.sqrt(np.mean(laid.shape**2)))
    T = compose(laid.scale * laid.R, laid.shift)
    return TemplateFit(marks, sd, kind, rms, residual, sigma, m.vertices, template.faces, T)
