"""Which way is up, and where is the floor?

Three sources, the surest first: a floor that was scanned along; a sole that rests on one (its contact patches span
heel to ball); the scanner's own vertical. Returns ``T_level_scanner``: floor at z = 0, z up, heading still open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from footscan.errors import ScanError
from footscan.frame import along, compose, rotation_to_z, transform
from footscan.types import Array

FLOOR_TOLERANCE_MM = 2.0  #: a scanned floor point lies this near its plane
FLOOR_SAMPLE = 20_000  #: points that show how far a floor reaches
COLUMN_MM = 3.0  #: a low point belongs to a foot if skin stands above it in a column this wide
SMALLEST_FOOT_MM2 = 2000.0  #: plan area
CONTACT_MM = 1.5  #: a sole point this near the support plane counts as resting on it
BROAD_CONTACT = 0.6  #: share of the length over which a sole must rest to give its own plane
FOOT_BREADTH_TO_LENGTH = (0.22, 0.62)  #: of the horizontal outline, legs and splay included
SCANNER_TILT_DEG = 25.0  #: how far an unloaded sole may lean from the scanner's vertical


@dataclass(frozen=True, eq=False)
class Ground:
    """``T_level_scanner`` (4, 4), how it was found ("floor", "sole", "scanner"), and the floor's own points."""

    T_level_scanner: Array
    method: str
    is_floor: Array  # (n,) bool


def find_ground(points: Array, rng: np.random.Generator) -> Ground:
    """Find the floor under one foot or two. points (n, 3) mm, any pose. ScanError if nothing stands on anything."""
    # stage 1: a plane that nearly everything lies on one side of, and that reaches beyond what stands on it
    floor = _scanned_floor(points, rng)
    if floor is not None:
        return floor
    # stage 2: planes that the cloud could rest on
    best: tuple[float, Array, float] | None = None
    sample = points[rng.permutation(len(points))[:20_000]]
    for up in _supports(sample):
        score, contact = _standing_score(sample, up)
        if best is None or score > best[0]:
            best = (score, up, contact)
    if best is None or best[0] <= 0.0:
        raise ScanError("expected a foot that can stand on its sole, found no side of the cloud that looks like one")
    _, up, contact = best
    none = np.zeros(len(points), dtype=np.bool_)
    # stage 3: a sole that rests broadly gives its own plane; an unloaded one leaves the scanner's vertical
    if contact >= BROAD_CONTACT:
        return Ground(_rest(points, _settle(points, up)), "sole", none)
    axes = np.vstack([np.eye(3), -np.eye(3)])
    nearest = axes[int(np.argmax(axes @ up))]
    if np.degrees(np.arccos(np.clip(nearest @ up, -1, 1))) <= SCANNER_TILT_DEG:
        return Ground(_rest(points, nearest), "scanner", none)
    return Ground(_rest(points, up), "support", none)


def _scanned_floor(points: Array, rng: np.random.Generator) -> Ground | None:
    sample = points[rng.permutation(len(points))[:2_500]]
    triples = sample[rng.integers(0, len(sample), (600, 3))]
    normals = np.cross(triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0])
    size = np.linalg.norm(normals, axis=1)
    proper = size > 100.0  # mm^2: slivers have no direction
    normals, triples = normals[proper] / size[proper, None], triples[proper]
    if not len(normals):
        return None
    offsets = np.einsum("ij,ij->i", normals, triples[:, 0])
    # (planes, points), row by row: numpy counts along a row a dozen times as fast as down the columns
    distance = normals.astype(np.float32) @ sample.T.astype(np.float32) - offsets.astype(np.float32)[:, None]
    above = np.array([np.count_nonzero(row) for row in distance >= FLOOR_TOLERANCE_MM])
    below = np.array([np.count_nonzero(row) for row in distance <= -FLOOR_TOLERANCE_MM])
    one_sided = np.minimum(above, below) <= 0.03 * len(sample)
    score = np.where(one_sided, len(sample) - above - below, 0)
    best = int(np.argmax(score))
    if score[best] < 0.04 * len(sample):
        return None
    normal = normals[best] if above[best] >= below[best] else -normals[best]
    # refit on the sample's own floor points, then on all
    plane_points = sample[np.abs(distance[best]) < FLOOR_TOLERANCE_MM]
    for pool in (sample, points):
        centre, normal = _fit_plane(plane_points, normal)
        plane_points = pool[np.abs(along(pool - centre, normal)) < FLOOR_TOLERANCE_MM]
    centre, normal = _fit_plane(plane_points, normal)
    T = compose(R := rotation_to_z(normal), -R @ centre)
    level = transform(T, points)
    low = np.abs(level[:, 2]) < FLOOR_TOLERANCE_MM
    stands = level[(level[:, 2] > 3.0) & (level[:, 2] < 40.0), :2]
    if len(stands) < 50:
        return None
    # a floor reaches beyond the hull of what stands on it; a sole that was capped flat, or a side, does not
    flat = level[low, :2]
    flat = flat[:: max(1, len(flat) // FLOOR_SAMPLE)]
    beyond = flat[_beyond_hull(stands, flat)]
    if len(np.unique((beyond / 8.0).astype(np.int64), axis=0)) < 40:
        return None
    # of the low points keep those with skin above them (a sole seen through glass), the rest is floor
    i, j = (((level[:, k] - level[:, k].min()) / COLUMN_MM).astype(np.int64) + 1 for k in (0, 1))
    column = np.zeros((i.max() + 2, j.max() + 2), dtype=np.bool_)
    skin = level[:, 2] > 6.0
    column[i[skin], j[skin]] = True
    label, _ = ndimage.label(column)
    sizes = np.bincount(label.ravel())
    sizes[0] = 0
    # specks stand over the floor too, and above the heel's middle is the open leg
    column = ndimage.binary_fill_holes(ndimage.binary_closing(sizes[label] * COLUMN_MM**2 > SMALLEST_FOOT_MM2))
    # the outermost columns hold the floor beside the foot, under skin that overhangs it
    column = ndimage.binary_erosion(column)
    is_floor = (level[:, 2] < FLOOR_TOLERANCE_MM) & ~column[i, j]
    return Ground(T, "floor", is_floor)


def _beyond_hull(stands: Array, plan: Array) -> Array:
    """True for plan points (n, 2) more than 10 mm outside the convex hull of ``stands`` (m, 2)."""
    farthest = np.full(len(plan), -np.inf)
    for x, y, offset in ConvexHull(stands).equations:
        np.maximum(farthest, plan[:, 0] * x + plan[:, 1] * y + offset, out=farthest)
    return np.asarray(farthest > 10.0)


def _fit_plane(points: Array, towards: Array) -> tuple[Array, Array]:
    """Centre and unit normal of the least-squares plane, the normal on the side of ``towards``."""
    centre = points.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((points - centre).T))
    normal = vectors[:, 0]
    return centre, normal if normal @ towards > 0 else -normal


def _supports(points: Array) -> list[Array]:
    """Upward directions (unit) of the broad faces of the convex hull, and the six axes of the scanner."""
    try:
        hull = ConvexHull(points)
    except QhullError:
        raise ScanError(f"expected a solid cloud, found {len(points)} points in one plane or line") from None
    triangles = points[hull.simplices]
    areas = np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1) / 2
    ups = -hull.equations[:, :3]
    found: list[Array] = []
    left = areas.copy()
    for _ in range(12):
        # the face whose neighbourhood (8 degrees) holds most area
        k = int(np.argmax(left))
        if left[k] <= 0:
            break
        same = ups @ ups[k] > np.cos(np.radians(8.0))
        mean = (ups[same] * areas[same, None]).sum(0)
        found.append(mean / np.linalg.norm(mean))
        left[same] = 0.0
    return found + list(np.vstack([np.eye(3), -np.eye(3)]))


def _standing_score(points: Array, up: Array) -> tuple[float, float]:
    """How much the cloud looks like a standing foot (or two) with ``up`` up, and how far its contact spans the foot."""
    level = transform(_level(points, up), points)
    height = level[:, 2].max()
    low = level[level[:, 2] < min(40.0, 0.6 * height)]
    if len(low) < 30 or height < 25.0:
        return 0.0, 0.0
    plan = low[:, :2] - low[:, :2].mean(0)
    _, axes = np.linalg.eigh(np.cov(plan.T))
    along, across = plan @ axes[:, 1], plan @ axes[:, 0]
    length, breadth = np.ptp(along), np.ptp(across)
    slender = breadth / length
    if not FOOT_BREADTH_TO_LENGTH[0] <= slender <= 1.3:  # two feet side by side are about as broad as long
        return 0.0, 0.0
    # what stands above must not be longer than the base, and one end must be low: the toes
    base = np.ptp((level[:, :2] - low[:, :2].mean(0)) @ axes[:, 1])
    profile = [
        float(level[np.abs((level[:, :2] - low[:, :2].mean(0)) @ axes[:, 1] - at) < 0.05 * length, 2].max(initial=0.0))
        for at in (along.min() + 0.1 * length, along.max() - 0.1 * length)
    ]
    toes, heel = min(profile), max(profile)
    near = level[level[:, 2] < CONTACT_MM]
    span = np.ptp((near[:, :2] - low[:, :2].mean(0)) @ axes[:, 1]) / length if len(near) > 10 else 0.0
    flat = np.mean(level[:, 2] < 4.0)
    score = (length / max(base, length)) ** 2 * (1.0 - min(1.0, toes / (0.35 * length))) * (0.05 + flat)
    score *= 1.0 if heel > 1.3 * toes else 0.4
    contact = _contact_span(level, along_axis=axes[:, 1], across_axis=axes[:, 0]) if span > 0.4 else 0.0
    return float(score), contact


def _contact_span(level: Array, along_axis: Array, across_axis: Array) -> float:
    """Share of the foot's length over which the sole rests, 0 if it rests on a narrow line only."""
    near = level[level[:, 2] < CONTACT_MM][:, :2]
    low = level[level[:, 2] < 10.0][:, :2]
    u, v = near @ along_axis, near @ across_axis
    ul, vl = low @ along_axis, low @ across_axis
    edges = np.linspace(ul.min(), ul.max(), 11)
    widths = np.zeros(10)
    for k in range(10):
        here = (u >= edges[k]) & (u < edges[k + 1])
        foot = (ul >= edges[k]) & (ul < edges[k + 1])
        if here.sum() >= 3 and foot.sum() >= 3:
            widths[k] = np.ptp(np.percentile(v[here], [5, 95])) / max(1.0, np.ptp(np.percentile(vl[foot], [2, 98])))
    return float(np.mean(widths > 0.25))


def _settle(points: Array, up: Array) -> Array:
    """The direction at right angles to the plane that the sole's contact patches lie in, near ``up``."""
    for _ in range(8):
        level = transform(_level(points, up), points)
        near = points[level[:, 2] < CONTACT_MM]
        if len(near) < 20:
            return up
        _, normal = _fit_plane(near, up)
        if normal @ up > np.cos(np.radians(0.005)):
            return normal
        if normal @ up < np.cos(np.radians(6.0)):  # ran away: the contact was no plane
            return up
        up = normal
    return up


def _level(points: Array, up: Array) -> Array:
    """T_level_scanner for a given up: z = 0 at the lowest tenth of a percent of the cloud (noise has a tail)."""
    R = rotation_to_z(up)
    z = along(points, R[2])
    low = np.partition(z, len(z) // 1000)[len(z) // 1000]
    return compose(R, np.array([0.0, 0.0, -low]))


def _rest(points: Array, up: Array) -> Array:
    """T_level_scanner with z = 0 where the sole's lowest patches (6 mm tiles, averaged against noise) lie."""
    T = _level(points, up)
    low = transform(T, points)
    low = low[low[:, 2] < 10.0]
    tiles = ((low[:, :2] - low[:, :2].min(0)) / 6.0).astype(np.int64)
    tile = tiles[:, 0] * (tiles[:, 1].max() + 1) + tiles[:, 1]
    lowest = np.full(tile.max() + 1, np.inf)
    np.minimum.at(lowest, tile, low[:, 2])
    sheet = low[:, 2] < lowest[tile] + 2.0
    count = np.bincount(tile[sheet])
    mean = np.bincount(tile[sheet], weights=low[sheet, 2])[count >= 5] / count[count >= 5]
    if len(mean) >= 10:
        T = compose(T[:3, :3], T[:3, 3] - [0.0, 0.0, np.percentile(mean, 2.0)])
    return T
