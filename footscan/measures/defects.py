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
from footscan.measures.profiles import Profile
from footscan.types import Array

RAW_SAMPLE = 70_000  #: raw points that are looked at
SAMPLE = 36_000  #: of them, on one foot
NEAR_MM = 7.0
AROUND_LEG = 0.40  #: of the length, about the leg's axis: cloth hangs there
PATCH_MM = (6.0, 12.0)  #: least and largest edge of a patch
WANTED_IN_PATCH = 30.0
FEWEST_IN_PATCH = 14
CALM_SHARE = 0.25  #: quantile of the patches' spread that is the scanner's noise
SEAM_STATIONS, SEAM_REACH = (0.20, 0.77), 5
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
    """How far (mm, SD along the direction of the movement) two skins lie apart: var = s² + (n·m)² fitted over all
    normals n, in the rear and in the front half; the larger of the two."""
    found = 0.0
    x = patches.centre[:, 0]
    middle = float(np.median(x))
    for half in (x < middle, x >= middle, x >= np.quantile(x, 0.7) if len(x) else x > 0):
        n, v, c = patches.normal[half], patches.var[half], patches.count[half]
        if len(n) < 60:
            continue
        basis = np.stack(
            [
                n[:, 0] ** 2,
                n[:, 1] ** 2,
                n[:, 2] ** 2,
                2 * n[:, 0] * n[:, 1],
                2 * n[:, 0] * n[:, 2],
                2 * n[:, 1] * n[:, 2],
            ],
            axis=1,
        )
        level = np.full(len(v), float(np.median(v)))
        for _ in range(6):
            # a variance of c - 6 residuals has an SD of its own size; patches on edges stand out and count little
            w = np.sqrt(c - 6.0) / np.maximum(level, 0.005)
            off = (v - level) * w
            w = w / np.sqrt(1.0 + (np.maximum(off, 0.0) / 4.0) ** 2)
            a = np.linalg.lstsq(basis * w[:, None], v * w, rcond=None)[0]
            level = np.maximum(basis @ a, 0.25 * np.quantile(v, 0.2))
        B = np.array([[a[0], a[3], a[4]], [a[3], a[1], a[5]], [a[4], a[5], a[2]]])
        e = np.linalg.eigvalsh(B)
        found = max(found, float(np.sqrt(max(e[2] - max(e[1], e[0], 0.0), 0.0))))
    return found


def seam(medial: Profile, lateral: Profile, length: float) -> float:
    """Step (mm) that both edges of the plan make to the same side at one station: the foot was moved aside while one
    sweep passed. The sweep need not run quite at right angles to the foot."""
    jump = [_steps(edge) for edge in (medial, lateral)]
    at = medial.at
    inside = np.flatnonzero((at > SEAM_STATIONS[0] * length) & (at < SEAM_STATIONS[1] * length))
    if not len(lateral.at) or not len(inside):
        return 0.0
    best = 0.0
    for shift in np.arange(-4, 5) * float(np.median(np.diff(at))):
        other = np.interp(at[inside] + shift, lateral.at, jump[1])
        both = np.minimum(np.abs(jump[0][inside]), np.abs(other)) * (jump[0][inside] * other > 0)
        best = max(best, float(np.nan_to_num(both, nan=0.0).max(initial=0.0)))
    return best


def _steps(edge: Profile) -> Array:
    """Step (n,) mm between the SEAM_REACH stations before and after each one, apart from a common parabola."""
    s = np.r_[-np.arange(SEAM_REACH, 0, -1), np.arange(1, SEAM_REACH + 1)]
    row = np.linalg.pinv(np.stack([np.ones(len(s)), s, s * s, s > 0], axis=1).astype(float))[3]
    reach = edge.reach
    out = np.full(len(reach), np.nan)
    if len(reach) > 2 * SEAM_REACH:
        middle = np.arange(SEAM_REACH, len(reach) - SEAM_REACH)
        out[middle] = reach[middle[:, None] + s] @ row
    return out


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
