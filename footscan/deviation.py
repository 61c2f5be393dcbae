"""What changed between two scans of one foot: growth, swelling, before and after.

The signed distance from the first scan's skin to the second's along the skin's normal, after M3C2 (Lague, Brodu &
Leroux 2013, doi:10.1016/j.isprsjprs.2013.04.009): at core points of the first scan, between local averages of both
clouds, so that noise does not count as change. Departs from it in that local planes stand for the averages in
cylinders: their error where the skin is curved is the same for both and drops out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from footscan.errors import ScanError
from footscan.frame import compose, transform
from footscan.pairs import Difference, differences
from footscan.scans.clean import lonely, voxel_grid
from footscan.scans.normals import surface_normals, turned_out
from footscan.types import Array, Foot, _Record, frozen_array

Alignment = Literal["fit", "frame"]
ALIGNMENTS: tuple[Alignment, ...] = ("fit", "frame")

CORE_MM = 2.0  #: distance of the core points
SKIN_MM = 1.0  #: and of the points that stand for the skin
PATCH_POINTS = 18  #: that make a local plane
FARTHEST_MM = 20.0  #: skin farther away than this is no counterpart
FACING = 0.4  #: cosine between a normal and its counterpart's, below which they are different places
OVERSHOOT_MM = 4.0  #: a counterpart's points must lie this near the line along the normal
LEG_RIM_MM = 6.0  #: nothing is compared nearer to where either leg was cut
FIT_POINTS, FIT_TURNS, FIT_SHARE = 6000, 60, 0.7  #: of the trimmed fit: the share of pairs that agree best
FIT_BELOW = 0.30  #: of the length: the leg above bends at the ankle and is not fitted
STILL_MM = 1e-4
SOLE_BELOW_MM = 25.0


@dataclass(frozen=True)
class DeviationSummary:
    """Of the signed distances in a region (mm, outwards positive): mean, RMS, the 95th percentile of the size,
    the extremes, the area that was compared (cm²) and the volume between the two skins there (ml)."""

    mean_mm: float
    rms_mm: float
    p95_mm: float
    least_mm: float
    most_mm: float
    area_cm2: float
    volume_ml: float


@dataclass(frozen=True, eq=False)
class Deviation(_Record):
    """How the second scan differs from the first; geometry in the first foot's frame.

    points (n, 3) mm on the first skin, normals (n, 3) outwards, distance_mm (n,) to the second along them (positive:
    the foot is larger now; NaN where one of the scans has nothing to compare), area_mm2 (n,) that each stands for;
    ``align`` how the two were laid on each other and ``T_before_after`` (4, 4) that; ``regions``: rear, mid and fore
    third of the length, sole, dorsum, medial, lateral; ``changes``: second − first of every measure; ``notes``.
    """

    points: Array
    normals: Array
    distance_mm: Array
    area_mm2: Array
    align: Alignment
    T_before_after: Array
    summary: DeviationSummary
    regions: Mapping[str, DeviationSummary]
    changes: Mapping[str, Difference]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.points)
        self._set("points", frozen_array("points", self.points, np.float64, (n, 3), "mm"))
        self._set("normals", frozen_array("normals", self.normals, np.float64, (n, 3)))
        self._set("distance_mm", frozen_array("distance_mm", self.distance_mm, np.float64, (n,), "mm"))
        self._set("area_mm2", frozen_array("area_mm2", self.area_mm2, np.float64, (n,), "mm^2"))
        self._set("T_before_after", frozen_array("T_before_after", self.T_before_after, np.float64, (4, 4)))
        self._set("regions", MappingProxyType(dict(self.regions)))
        self._set("changes", MappingProxyType(dict(self.changes)))


def compare_feet(before: Foot, after: Foot, align: Alignment = "fit") -> Deviation:
    """Two scans of the same foot against each other.

    align : ``fit`` lays the second on the first so that the 70 % of their skin that agree best agree best (trimmed
        ICP, point to plane, below the ankle): a local change shows where it is, growth shows at both ends. ``frame``
        leaves both in their own foot frames, heel on heel and floor on floor: growth shows ahead of the heel.

    ScanError for feet of different sides, or where they have too little skin in common.
    """
    if align not in ALIGNMENTS:
        raise ValueError(f"align must be one of {', '.join(ALIGNMENTS)}, got {align!r}")
    if "unknown" not in (before.side, after.side) and before.side != after.side:
        raise ScanError(f"expected two scans of one foot, found a {before.side} and a {after.side} one; swap the file")
    # stage 1: even skins
    first, second = _skin(before.cloud.points), _skin(after.cloud.points)
    tree = cKDTree(first)
    outward = turned_out(first, surface_normals(first, PATCH_POINTS, tree), on_floor=True)
    # stage 2: the second laid on the first
    T = np.eye(4)
    if align == "fit":
        T = _fitted(first, outward, tree, second, FIT_BELOW * float(np.ptp(first[:, 0])))
    second = transform(T, second)
    turned = turned_out(second, surface_normals(second, PATCH_POINTS), on_floor=True)
    # stage 3: along the normals
    core = _core(first, min(float(first[:, 2].max()), float(second[:, 2].max())) - LEG_RIM_MM)
    points, normals = first[core], outward[core]
    here = _along(points, normals, first, outward, tree)
    there = _along(points, normals, second, turned, cKDTree(second))
    distance = there - here
    if np.isfinite(distance).sum() < 500:
        raise ScanError("expected two scans of one foot, found hardly any skin that both have")
    # stage 4: what it says
    area = _areas(points)
    length = float(before.landmarks.points["longest_toe"][0])
    regions = {name: summarise(distance[own], area[own]) for name, own in _regions(points, normals, length).items()}
    return Deviation(
        points, normals, distance, area, align, T, summarise(distance, area), regions,
        differences(after.measurements, before.measurements), _notes(before, after),
    )  # fmt: skip


def summarise(distance_mm: Array, area_mm2: Array) -> DeviationSummary:
    """Distances (n,) with the area that each stands for; those that are NaN don't count."""
    there = np.isfinite(distance_mm)
    d, a = distance_mm[there], area_mm2[there]
    if not len(d):
        nan = float("nan")
        return DeviationSummary(nan, nan, nan, nan, nan, 0.0, 0.0)
    w = a / a.sum()
    return DeviationSummary(
        float((w * d).sum()),
        float(np.sqrt((w * d * d).sum())),
        _quantile(np.abs(d), w, 0.95),
        float(d.min()),
        float(d.max()),
        float(a.sum() / 100.0),
        float((d * a).sum() / 1000.0),
    )


def _quantile(values: Array, weights: Array, share: float) -> float:
    order = np.argsort(values, kind="stable")
    place = np.searchsorted(np.cumsum(weights[order]), share * float(weights.sum()))
    return float(values[order][min(int(place), len(values) - 1)])


# ------------------------------------------------------------------ skins


def _skin(points: Array) -> Array:
    """Points (n, 3) one a millimetre, without strays."""
    skin, _ = voxel_grid(points[points[:, 2] > -1.5], SKIN_MM)
    return np.asarray(skin[~lonely(skin, fewest=0.35)])


def _core(skin: Array, top_mm: float) -> Array:
    """Indices of skin points about ``CORE_MM`` apart below ``top_mm``: of each cell the one nearest to its mean."""
    low = np.flatnonzero(skin[:, 2] < top_mm)
    means, _ = voxel_grid(skin[low], CORE_MM)
    _, nearest = cKDTree(skin[low]).query(means)
    return low[np.unique(nearest)]


def _areas(points: Array, neighbours: int = 12) -> Array:
    """Area (n,) mm² that each core point stands for, from how far away its neighbours are."""
    reach = np.asarray(cKDTree(points).query(points, k=neighbours + 1)[0])
    # the disc that reaches midway between the two farthest holds all but one of them, and the point itself
    radius = (reach[:, -1] + reach[:, -2]) / 2.0
    return np.asarray(np.pi * radius**2 / neighbours)


def _along(points: Array, normals: Array, skin: Array, outward: Array, tree: cKDTree) -> Array:
    """Signed way (n,) mm from points along their normals to a skin; NaN where it has none there.

    The line is cut with the plane of the skin's points nearest to where it was cut last.
    """
    way = np.zeros(len(points))
    lost = np.zeros(len(points), dtype=np.bool_)
    for _ in range(4):
        at = points + way[:, None] * normals
        distance, near = (np.asarray(found) for found in tree.query(at, k=PATCH_POINTS))
        # of the neighbours only those on skin that looks the same way: not the toe across the cleft
        facing = np.einsum("ni,nki->nk", normals, outward[near])
        weight = np.clip((facing - FACING) / (1.0 - FACING), 0.0, 1.0)
        weight *= np.exp(-np.square(distance / (distance[:, [PATCH_POINTS // 2]] + 1e-9)) / 2.0)
        total = weight.sum(axis=1)
        lost = (total < 0.5) | (distance[:, 0] > FARTHEST_MM)
        w = weight / np.maximum(total, 1e-9)[:, None]
        middle = np.einsum("nk,nki->ni", w, skin[near])
        plane = np.einsum("nk,nki->ni", w, outward[near])
        slope = np.einsum("ni,ni->n", plane, normals)
        step = np.einsum("ni,ni->n", middle - at, plane) / np.where(np.abs(slope) > 0.2, slope, np.inf)
        way += np.clip(step, -FARTHEST_MM / 2, FARTHEST_MM / 2)
    beside = middle - (points + way[:, None] * normals)
    beside -= np.einsum("ni,ni->n", beside, normals)[:, None] * normals
    lost |= (np.linalg.norm(beside, axis=1) > OVERSHOOT_MM) | (np.abs(way) > FARTHEST_MM)
    return np.where(lost, np.nan, way)


# ------------------------------------------------------------------ alignment


def _fitted(first: Array, outward: Array, tree: cKDTree, second: Array, top_mm: float) -> Array:
    """T_before_after (4, 4): trimmed ICP, point to plane, of what lies below ``top_mm``."""
    low = second[second[:, 2] < top_mm]
    some = low[:: max(1, len(low) // FIT_POINTS)]
    T = np.eye(4)
    for _ in range(FIT_TURNS):
        moved = transform(T, some)
        distance, near = (np.asarray(found) for found in tree.query(moved, distance_upper_bound=FARTHEST_MM))
        there = np.flatnonzero(np.isfinite(distance))
        if len(there) < 500:
            raise ScanError("expected two scans of one foot, found that they don't lie on each other")
        p, q, n = moved[there], first[near[there]], outward[near[there]]
        rest = np.einsum("ni,ni->n", q - p, n)
        best = np.argsort(np.abs(rest), kind="stable")[: int(FIT_SHARE * len(rest))]
        step = _small_motion(p[best], n[best], rest[best])
        T = step @ T
        if float(np.linalg.norm(transform(step, moved) - moved, axis=1).max()) < STILL_MM:
            break
    return T


def _small_motion(p: Array, n: Array, rest: Array) -> Array:
    """The rigid motion (4, 4) that takes points p (k, 3) by ``rest`` (k,) along normals n (k, 3), least squares."""
    centre = p.mean(axis=0)
    A = np.concatenate([np.cross(p - centre, n), n], axis=1)
    x, *_ = np.linalg.lstsq(A, rest, rcond=None)
    angle = float(np.linalg.norm(x[:3]))
    axis = x[:3] / angle if angle > 0 else np.array([0.0, 0.0, 1.0])
    K = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
    R = np.eye(3) + np.sin(angle) * K + (1.0 - np.cos(angle)) * (K @ K)
    return compose(R, centre + x[3:] - R @ centre)


# ------------------------------------------------------------------ words


def _regions(points: Array, normals: Array, length: float) -> dict[str, Array]:
    """Name -> mask (n,): thirds of the length, and sides by where the skin looks."""
    station, look = points[:, 0] / length, normals
    foot = points[:, 2] < FIT_BELOW * length
    return {
        "rear": foot & (station < 1 / 3),
        "mid": foot & (station >= 1 / 3) & (station < 2 / 3),
        "fore": foot & (station >= 2 / 3),
        "sole": (look[:, 2] < -0.7) & (points[:, 2] < SOLE_BELOW_MM),
        "dorsum": foot & (look[:, 2] > 0.5) & (station > 0.35),
        "medial": foot & (look[:, 1] > 0.7),
        "lateral": foot & (look[:, 1] < -0.7),
    }


def _notes(before: Foot, after: Foot) -> tuple[str, ...]:
    notes = []
    if before.measurements.load != after.measurements.load:
        notes.append(f"the loads differ ({before.measurements.load}, {after.measurements.load}): a foot is longer,"
                     " broader and lower when it bears weight")  # fmt: skip
    methods = [foot.measurements.values["foot_length_mm"].method for foot in (before, after)]
    if methods[0] != methods[1]:
        notes.append(f"the axes differ ({methods[0]}, {methods[1]}): lengths along them differ by a millimetre or two")
    if before.sole.capped or after.sole.capped:
        notes.append("a sole was closed by a flat lid: nothing is known of the change under its arch")
    return tuple(notes)
