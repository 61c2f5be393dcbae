"""What went wrong while a foot was scanned, seen in its points: one small function a defect, all on arrays.

Everything is in the foot frame (mm; x heel to toe, +y medial, floor at z = 0). The skin is looked at in small patches:
a quadric fits smooth skin to the noise, but neither two skins a few millimetres apart, nor a step, nor ribs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from footscan.arrays import bounds
from footscan.frame import transform
from footscan.types import Array

RAW_SAMPLE = 70_000  #: raw points that are looked at
SAMPLE = 36_000  #: of them, on one foot
NEAR_MM = 7.0
AROUND_LEG = 0.40  #: of the length, about the leg's axis: cloth hangs there
PATCH_MM = (6.0, 12.0)  #: least and largest edge of a patch
WANTED_IN_PATCH = 30.0
FEWEST_IN_PATCH = 14
CALM_SHARE = 0.25  #: quantile of the patches' spread that is the scanner's noise
SURE = 6.0  #: standard errors that a movement must exceed
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  #: what a symmetric 3 × 3 matrix is made of
SEAM_FROM, SEAM_TO = 0.1, 0.9  #: of the length: between them the skin is looked at
SEAM_STATIONS = (0.2, 0.72)  #: a step is looked for; farther on are the clefts between the toes
SEAM_STATION_MM, SEAM_REACH, SEAM_RAYS = 2.5, 5, 10  #: stations before and after a step; fewest rays that show it
SEAM_SLANTS = (-0.1, -0.05, 0.0, 0.05, 0.1)  #: of the sweep to the foot (tangent)
SEAM_BOTH = 0.5  #: of it either side must show: a hole leaves one side alone
_RAYS = -np.pi + (np.arange(36) + 0.5) * (2.0 * np.pi / 36)
_SIDES = np.cos(_RAYS) > 0.5, np.cos(_RAYS) < -0.5
RIB_BIN_MM, RIB_WINDOW_MM = 1.3, 24.0


@dataclass(frozen=True, eq=False)
class Patches:
    """Small pieces of skin: ``centre`` (m, 3), unit ``normal`` (m, 3), ``var`` (m,) mm² of the points around a quadric,
    ``count`` (m,); ``residual`` (n,) mm and ``own`` (n,) patch of each point looked at (-1: in none), ``points``."""

    points: Array
    centre: Array
    normal: Array
    var: Array
    count: Array
    residual: Array
    own: Array

    @property
    def noise_mm(self) -> float:
        """The scanner's noise (SD along the normal); NaN where there are too few patches to say."""
        return float(np.sqrt(np.quantile(self.var, CALM_SHARE))) if len(self.var) >= 100 else float("nan")


def sample_raw(raw: Array, T_foot_scanner: Array, seed: int) -> Array:
    """Some of the scanner's points (n, 3), in the foot frame: as many as a foot needs, whatever lies around it."""
    if len(raw) > RAW_SAMPLE:
        raw = raw[np.random.default_rng(seed).integers(0, len(raw), RAW_SAMPLE)]
    return transform(T_foot_scanner, raw)


def split_raw(sample: Array, foot: Array, length: float) -> tuple[Array, Array]:
    """Points (n, 3) of :func:`sample_raw` -> those on this foot (at most SAMPLE), those that stand around its leg.

    ``foot`` (m, 3): its cleaned points; on it is what lies within a cell or two (7 mm) of theirs.
    """
    least, greatest = bounds(foot)
    low = least - np.array([0.25 * length, 0.25 * length, 6.0])
    high = greatest + np.array([20.0, 0.25 * length, 0.6 * length])
    p = sample[((sample > low) & (sample < high)).all(axis=1)]
    shape = ((high - low) / NEAR_MM).astype(np.int64) + 3
    here = np.zeros(int(shape.prod()), dtype=np.bool_)
    here[_flat(foot, low, shape, NEAR_MM)] = True
    here = ndimage.binary_dilation(here.reshape(tuple(shape)), np.ones((3, 3, 3), dtype=np.bool_)).ravel()
    on = here[_flat(p, low, shape, NEAR_MM)]
    away = p[~on]
    around = (np.hypot(away[:, 0] - 0.22 * length, away[:, 1]) < AROUND_LEG * length) & (away[:, 2] > 0.1 * length)
    return p[on][:SAMPLE], away[around]


def _flat(points: Array, low: Array, shape: Array, cell: float) -> Array:
    i, j, k = (((points[:, axis] - low[axis]) / cell).astype(np.int64) for axis in range(3))
    return np.asarray((i * shape[1] + j) * shape[2] + k)


def cloth_share(around: Array, skin: int, length: float) -> float:
    """Points (n, 3) around the leg, as a share of the ``skin`` points: only what is on most sides of it counts (the
    other leg, a chair are on one)."""
    sector = ((np.arctan2(around[:, 1], around[:, 0] - 0.22 * length) + np.pi) / (2 * np.pi) * 8).astype(np.int64) % 8
    crowd = np.sort(np.bincount(sector, minlength=8))
    return 8.0 * float(crowd[2]) / max(skin, 1)


def find_patches(points: Array) -> Patches:
    """Cut the skin under ``points`` (n, 3) into patches, the cells of a grid."""
    # stage 1: cells with about thirty points
    low, high = bounds(points)
    shape = ((high - low) / 5.0).astype(np.int64) + 2
    low = low - 1.0
    crowd = np.bincount(_flat(points, low, shape, 5.0))
    density = float(np.median(crowd[crowd > 0])) / 25.0  # a little too low: cells are cut at corners
    cell = float(np.clip(np.sqrt(WANTED_IN_PATCH / max(density, 1e-3)), *PATCH_MM))
    shape = ((high - low) / cell).astype(np.int64) + 1
    flat = _flat(points, low, shape, cell)
    full = np.bincount(flat, minlength=int(shape.prod())) >= FEWEST_IN_PATCH
    number = np.where(full, np.cumsum(full) - 1, -1)[flat]
    inside = number >= 0
    own, p, m = number[inside], points[inside], int(full.sum())
    residual = np.zeros(len(points))
    if m == 0:
        none = np.zeros((0, 3))
        return Patches(points, none, none, np.zeros(0), np.zeros(0), residual, number)
    # stage 2: each one's plane
    count = np.bincount(own, minlength=m).astype(float)
    centre = np.stack([np.bincount(own, p[:, k], m) for k in range(3)], axis=1) / count[:, None]
    q = p - centre[own]
    cov = np.empty((m, 3, 3))
    for i in range(3):
        for j in range(i, 3):
            cov[:, i, j] = cov[:, j, i] = np.bincount(own, q[:, i] * q[:, j], m) / count
    spread, axes = np.linalg.eigh(cov)
    # stage 3: a quadric over it, and what is left
    u, v, h = (np.einsum("ij,ij->i", q, axes[own, :, k]) / (cell / 2 if k else 1.0) for k in (2, 1, 0))
    basis = (np.ones_like(u), u, v, u * u, u * v, v * v)
    M, b = np.empty((m, 6, 6)), np.empty((m, 6))
    for i in range(6):
        b[:, i] = np.bincount(own, basis[i] * h, m)
        for j in range(i, 6):
            M[:, i, j] = M[:, j, i] = np.bincount(own, basis[i] * basis[j], m)
    fit = np.linalg.solve(M + 1e-6 * np.eye(6) * count[:, None, None], b[:, :, None])[:, :, 0]
    rest = h - sum(fit[own, i] * basis[i] for i in range(6))
    residual[inside] = rest
    var = np.bincount(own, rest * rest, m) / (count - 6.0)
    # a patch is a piece of skin that is about as broad as its cell, not a sliver at a corner
    good = spread[:, 1] > (0.15 * cell) ** 2
    return Patches(points, centre[good], axes[good, :, 0], var[good], count[good], residual, _kept(number, good))


def _kept(number: Array, good: Array) -> Array:
    order = np.where(good, np.cumsum(good) - 1, -1)
    return np.where(number >= 0, order[np.maximum(number, 0)], -1)


def double_skin(patches: Patches) -> float:
    """How far (mm, SD along the direction of the movement) two skins lie apart in the rear or the front half, the
    larger of the two; 0 where that can't be told from chance.

    var = s² + (n·m)² is fitted over the patches' normals n: by how much the greatest of the three variances exceeds
    the second, where that is more than ``SURE`` of its standard errors (White's, doi:10.2307/1912934: clefts between
    toes and edges, where a quadric fits badly, make them large).
    """
    found = 0.0
    x = patches.centre[:, 0]
    middle = float(np.median(x)) if len(x) else 0.0
    for half in (x < middle, x >= middle):
        n, v, c = patches.normal[half], patches.var[half], patches.count[half]
        if len(n) < 60:
            continue
        basis = np.column_stack([n[:, i] * n[:, j] * (1 if i == j else 2) for i, j in _PAIRS])
        level = np.full(len(v), float(np.median(v)))
        for _ in range(8):
            # a variance of c - 6 residuals has an SD of its own size; patches on edges stand out and count little
            w = np.sqrt((c - 6.0) / 2.0) / np.maximum(level, 0.005)
            w = w / np.sqrt(1.0 + (np.maximum((v - level) * w, 0.0) / 4.0) ** 2)
            a = np.linalg.lstsq(basis * w[:, None], v * w, rcond=None)[0]
            level = np.maximum(basis @ a, 0.25 * np.quantile(v, 0.2))
        weighed = basis * w[:, None]
        inverse = np.linalg.pinv(weighed.T @ weighed)
        off = weighed * ((v - basis @ a) * w)[:, None]
        tensor = np.empty((3, 3))
        for k, (i, j) in enumerate(_PAIRS):
            tensor[i, j] = tensor[j, i] = a[k]
        size, axes = np.linalg.eigh(tensor)
        first, second = (np.array([axes[i, k] * axes[j, k] * (1 if i == j else 2) for i, j in _PAIRS]) for k in (2, 1))
        error = np.linalg.norm(off @ inverse @ (first - second))
        excess = float(size[2] - max(size[1], 0.0))
        found = max(found, excess if excess > SURE * error else 0.0)
    return float(np.sqrt(found))


def seam(points: Array, length: float) -> float:
    """Step (mm) to one side that the whole skin under ``points`` (n, 3) makes at one station: the foot was moved aside
    while one sweep passed; 0 where that can't be told from chance. The sweep need not run quite at right angles to the
    foot."""
    radius, slope, along = _rays(points, length)
    # stage 1: the step of each ray at each station, apart from a common parabola
    s = np.r_[-np.arange(SEAM_REACH, 0, -1), np.arange(1, SEAM_REACH + 1)]
    row = np.linalg.pinv(np.column_stack([np.ones(len(s)), s, s * s, s > 0]).astype(float))[3]
    step = np.full(radius.shape, np.nan)
    middle = np.arange(SEAM_REACH, len(radius) - SEAM_REACH)
    step[middle] = np.einsum("k,kij->ij", row, np.stack([radius[middle + d] for d in s]))
    # stage 2: what a ray's length changes by where the skin moves aside by 1 mm
    gain = np.cos(_RAYS) + np.sin(_RAYS) * slope / along
    known = np.isfinite(step) & np.isfinite(gain) & (np.abs(gain) < 4.0)
    step, gain = np.where(known, step, 0.0), np.where(known, gain, 0.0)
    first, last = (round((share - SEAM_FROM) * length / SEAM_STATION_MM) for share in SEAM_STATIONS)
    best = 0.0
    for slant in SEAM_SLANTS:
        aside = np.round(np.nan_to_num(np.cos(_RAYS) * along) * slant / SEAM_STATION_MM).astype(np.int64)
        rows = np.clip(np.arange(len(step))[:, None] + aside, 0, len(step) - 1)[first:last]
        a, b, seen = (np.take_along_axis(values, rows, axis=0) for values in (gain, step, known))
        enough = seen.sum(axis=1) >= SEAM_RAYS
        a, b, seen = a[enough], b[enough], seen[enough]
        # stage 3: one movement for all rays of a station, and its error; rays that do not take part count little
        w = seen.astype(float)
        half = (seen.sum(axis=1) // 2)[:, None]
        for _ in range(4):
            move = (w * a * b).sum(axis=1) / np.maximum((w * a * a).sum(axis=1), 1e-9)
            off = b - move[:, None] * a
            spread = np.take_along_axis(np.sort(np.where(seen, np.abs(off), np.inf), axis=1), half, axis=1)
            w = seen / (1.0 + (off / (3.0 * spread + 0.05)) ** 2)
        error = np.sqrt(((w * a * off) ** 2).sum(axis=1)) / np.maximum((w * a * a).sum(axis=1), 1e-9)
        # stage 4: both sides of the foot must have moved, and the same way
        medial, lateral = (
            (w * a * b)[:, one].sum(axis=1) / np.maximum((w * a * a)[:, one].sum(axis=1), 1e-9) for one in _SIDES
        )
        both = np.minimum(medial * np.sign(move), lateral * np.sign(move)) > SEAM_BOTH * np.abs(move)
        best = max(best, float(np.abs(move[both & (np.abs(move) > SURE * error)]).max(initial=0.0)))
    return best


def _rays(points: Array, length: float) -> tuple[Array, Array, Array]:
    """The skin as rays from a line along the foot, by station and angle (k, RAYS): length (mm), its change with the
    angle (mm/rad), and the length smoothed along the foot; NaN where there are no points."""
    x, y, z = (points - [SEAM_FROM * length, 0.0, 0.06 * length]).T
    r = np.hypot(y, z)
    here = (x > 0.0) & (x < (SEAM_TO - SEAM_FROM) * length) & (r < 0.28 * length)
    turn = (np.arctan2(z, y)[here] + np.pi) / (2.0 * np.pi) * len(_RAYS)
    ray = np.minimum(turn.astype(np.int64), len(_RAYS) - 1)
    shape = int((SEAM_TO - SEAM_FROM) * length / SEAM_STATION_MM) + 1, len(_RAYS)
    cell = (x[here] / SEAM_STATION_MM).astype(np.int64) * shape[1] + ray
    count = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    radius, away = (
        np.bincount(cell, value, shape[0] * shape[1]).reshape(shape) / np.maximum(count, 1.0)
        for value in (r[here], turn - ray - 0.5)
    )
    seen = count >= 2
    share = ndimage.uniform_filter1d(seen.astype(float), 7, axis=0)
    along = ndimage.uniform_filter1d(np.where(seen, radius, 0.0), 7, axis=0) / np.maximum(share, 1e-9)
    along[share < 0.4] = np.nan
    width = 2.0 * np.pi / len(_RAYS)
    slope = (np.roll(along, -1, axis=1) - np.roll(along, 1, axis=1)) / (2.0 * width)
    # a cell's points need not lie around its middle ray
    return np.where(seen, radius - slope * away * width, np.nan), slope, along


def ribs(patches: Patches, length: float) -> float:
    """Height (mm, rms) of upright ribs around the leg: what a sock's cuff has and skin has not."""
    inside = patches.own >= 0
    p, own, r = patches.points[inside], patches.own[inside], patches.residual[inside]
    top = float(p[:, 2].max()) if len(p) else 0.0
    best = 0.0
    start = 0.36 * length
    while start + RIB_WINDOW_MM <= top + 1.0:
        here = (p[:, 2] >= start) & (p[:, 2] < start + RIB_WINDOW_MM)
        start += RIB_WINDOW_MM / 2
        if here.sum() < 600:
            continue
        q, k = p[here], own[here]
        middle = (np.percentile(q[:, :2], 1, axis=0) + np.percentile(q[:, :2], 99, axis=0)) / 2
        d = q[:, :2] - middle
        outward = np.einsum("ij,ij->i", d, patches.normal[k, :2]) > 0
        value = np.where(outward, 1.0, -1.0) * r[here]
        radius = float(np.median(np.hypot(*d.T)))
        bins = max(16, int(2 * np.pi * radius / RIB_BIN_MM))
        which = ((np.arctan2(d[:, 1], d[:, 0]) + np.pi) / (2 * np.pi) * bins).astype(np.int64) % bins
        count = np.bincount(which, minlength=bins)
        limit = 4.0 * patches.noise_mm + 0.5
        value = np.clip(value, -limit, limit)
        mean = np.bincount(which, value, bins) / np.maximum(count, 1)
        chance = np.bincount(which, value**2, bins) / np.maximum(count, 1) / np.maximum(count, 1)
        good = count >= 3
        if good.sum() > 0.7 * bins:
            best = max(best, float(np.mean(mean[good] ** 2) - np.mean(chance[good])))
    return float(np.sqrt(max(best, 0.0)))
