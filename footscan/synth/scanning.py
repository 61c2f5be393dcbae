"""A scanner for synthetic feet: points on the skin, noise along its normals, stray points, the floor, any pose."""

from __future__ import annotations

import numpy as np

from footscan.frame import compose, transform, turn_z
from footscan.synth.feet import SyntheticFoot
from footscan.types import Array, Mesh, PointCloud


def vertex_normals(mesh: Mesh) -> Array:
    """Unit normals (n, 3): the faces' own, weighted by area."""
    v, f = mesh.vertices, mesh.faces
    face = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
    total = np.stack(
        [sum(np.bincount(f[:, k], weights=face[:, d], minlength=len(v)) for k in range(3)) for d in range(3)], axis=1
    )
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1), 1e-30)[:, None])


def sample_surface(mesh: Mesh, points: int, rng: np.random.Generator, lid_z_mm: float) -> tuple[Array, Array]:
    """Area-uniform points (n, 3) and their normals (n, 3); none on the flat lid at ``lid_z_mm`` (the cut leg)."""
    v, f = mesh.vertices, mesh.faces
    on_lid = (v[:, 2] >= lid_z_mm - 1e-6)[f].all(axis=1)
    f = f[~on_lid]
    a, b, c = v[f[:, 0]], v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]]
    area = np.linalg.norm(np.cross(b, c), axis=1)
    # systematic sampling: one uniform start, equal steps along the summed area
    edges = np.cumsum(area)
    at = (np.arange(points) + rng.random()) * (edges[-1] / points)
    face = np.searchsorted(edges, at, side="right").clip(0, len(f) - 1)
    p, q = rng.random(points), rng.random(points)
    over = p + q > 1.0
    p[over], q[over] = 1.0 - p[over], 1.0 - q[over]
    places = a[face] + p[:, None] * b[face] + q[:, None] * c[face]
    n = vertex_normals(mesh)
    f = f[face]
    normals = n[f[:, 0]] * (1.0 - p - q)[:, None] + n[f[:, 1]] * p[:, None] + n[f[:, 2]] * q[:, None]
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-30)[:, None]
    return places, normals


def scan_foot(
    foot: SyntheticFoot,
    points: int = 250_000,
    noise_mm: float = 0.3,
    outliers: float = 0.01,
    floor: bool = True,
    turn_deg: float = 0.0,
    shift_mm: tuple[float, float] = (0.0, 0.0),
    tilt_deg: float = 0.0,
    seed: int = 0,
    normals: bool = False,
) -> PointCloud:
    """A cloud of ``points`` points in the scanner frame.

    A fifth of them lie on the floor plane around the foot where ``floor`` is set, the share ``outliers`` anywhere in
    the box, the rest on the skin with Gaussian noise along its normals (none on the lid that closes the leg, none of the floor
    beneath the foot). ``tilt_deg`` tips the scanner about x after the turn about the vertical; ``shift_mm`` moves it.
    """
    return scan_feet([foot], points, noise_mm, outliers, floor, turn_deg, shift_mm, tilt_deg, seed, normals)


def scan_feet(
    feet: list[SyntheticFoot],
    points: int,
    noise_mm: float,
    outliers: float,
    floor: bool,
    turn_deg: float,
    shift_mm: tuple[float, float],
    tilt_deg: float,
    seed: int,
    normals: bool,
    places: list[tuple[float, float]] | None = None,
) -> PointCloud:
    """Several feet, each moved by its place (x, y) mm, in one cloud; see ``scan_foot``."""
    rng = np.random.default_rng(seed)
    stray = int(round(points * outliers))
    ground = points // 5 if floor else 0
    skin = points - stray - ground
    places = places or [(0.0, 0.0)] * len(feet)
    clouds, directions = [], []
    for k, (foot, place) in enumerate(zip(feet, places)):
        n = skin // len(feet) + (1 if k < skin % len(feet) else 0)
        p, d = sample_surface(foot.mesh, n, rng, foot.spec.leg_mm)
        p += d * rng.normal(0.0, noise_mm, n)[:, None]
        clouds.append(p + [place[0], place[1], 0.0])
        directions.append(d)
    cloud, direction = np.vstack(clouds), np.vstack(directions)
    low, high = cloud.min(axis=0), cloud.max(axis=0)
    if ground:
        p = _floor_around(cloud, low, high, ground, noise_mm, rng)
        cloud, direction = np.vstack([cloud, p]), np.vstack([direction, np.tile([0.0, 0.0, 1.0], (len(p), 1))])
    if stray:
        box_low, box_high = low - [60.0, 60.0, 20.0], high + [60.0, 60.0, 20.0]
        p = rng.uniform(box_low, box_high, (stray, 3))
        d = rng.normal(size=(stray, 3))
        cloud, direction = np.vstack([cloud, p]), np.vstack([direction, d / np.linalg.norm(d, axis=1)[:, None]])
    T = _pose(turn_deg, shift_mm, tilt_deg)
    order = rng.permutation(len(cloud))
    cloud = transform(T, cloud[order])
    direction = direction[order] @ T[:3, :3].T
    return PointCloud(cloud, direction if normals else None, "scanner")


def _floor_around(cloud: Array, low: Array, high: Array, count: int, noise_mm: float, rng: np.random.Generator) -> Array:
    """Points (count, 3) of the plane z = 0 around the feet, none beneath them (3 mm cells of their shadow)."""
    low, high = low[:2] - 50.0, high[:2] + 50.0
    cell = 3.0
    shape = tuple(np.ceil((high - low) / cell).astype(int) + 1)
    shadow = np.zeros(shape, dtype=bool)
    i = ((cloud[:, :2] - low) / cell).astype(int)
    shadow[i[:, 0], i[:, 1]] = True
    found: list[Array] = []
    missing = count
    while missing > 0:
        p = rng.uniform(low, high, (int(missing * 1.6) + 100, 2))
        i = ((p - low) / cell).astype(int)
        p = p[~shadow[i[:, 0], i[:, 1]]][:missing]
        found.append(p)
        missing -= len(p)
    xy = np.vstack(found)
    return np.column_stack([xy, rng.normal(0.0, noise_mm, len(xy))])


def _pose(turn_deg: float, shift_mm: tuple[float, float], tilt_deg: float) -> Array:
    """T_scanner_foot (4, 4)."""
    t = np.deg2rad(tilt_deg)
    tip = np.array([[1.0, 0.0, 0.0], [0.0, np.cos(t), -np.sin(t)], [0.0, np.sin(t), np.cos(t)]])
    return np.asarray(compose(tip, np.array([*shift_mm, 0.0])) @ turn_z(np.deg2rad(turn_deg)))


def scan_pair(
    left: SyntheticFoot,
    right: SyntheticFoot,
    gap_mm: float = 40.0,
    points: int = 500_000,
    noise_mm: float = 0.3,
    outliers: float = 0.01,
    floor: bool = True,
    turn_deg: float = 0.0,
    shift_mm: tuple[float, float] = (0.0, 0.0),
    tilt_deg: float = 0.0,
    seed: int = 0,
    normals: bool = False,
) -> PointCloud:
    """Both feet side by side on one platform, ``gap_mm`` of floor between them, in one cloud; else as ``scan_foot``."""
    inner_left = float(left.mesh.vertices[:, 1].min())
    inner_right = float(right.mesh.vertices[:, 1].max())
    places = [(0.0, gap_mm / 2 - inner_left), (0.0, -gap_mm / 2 - inner_right)]
    return scan_feet([left, right], points, noise_mm, outliers, floor, turn_deg, shift_mm, tilt_deg, seed, normals, places)
