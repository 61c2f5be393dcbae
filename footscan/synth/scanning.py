"""A scanner for synthetic feet: points on the skin, noise along its normals, stray points, the floor, any pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.frame import compose, rotate, transform, turn_z
from footscan.synth.feet import SyntheticFoot
from footscan.types import Array, Mesh, PointCloud

FLOOR_SHARE = 0.2  #: of all points, where the floor is scanned
FLOOR_MARGIN_MM, STRAY_MARGIN_MM = 50.0, np.array([60.0, 60.0, 20.0])
SHADOW_MM = 3.0  #: cells in which the floor beneath a foot stays unseen


@dataclass(frozen=True)
class ScanSpec:
    """What is asked of a scan: number of points (all together), noise along the normals (SD), share of stray points,
    floor points around the feet; turn about the vertical, shift along the floor, tilt about x after the turn."""

    points: int = 250_000
    noise_mm: float = 0.3
    outliers: float = 0.01
    floor: bool = True
    turn_deg: float = 0.0
    shift_mm: tuple[float, float] = (0.0, 0.0)
    tilt_deg: float = 0.0
    seed: int = 0
    normals: bool = False

    def __post_init__(self) -> None:
        if self.points < 1 or not 0.0 <= self.outliers < 0.5 or self.noise_mm < 0.0:
            raise ValueError(
                "a scan needs points >= 1, 0 <= outliers < 0.5 and noise_mm >= 0, "
                f"got {self.points}, {self.outliers}, {self.noise_mm}"
            )


def vertex_normals(mesh: Mesh) -> Array:
    """Unit normals (n, 3): the faces' own, weighted by area."""
    v, f = mesh.vertices, mesh.faces
    face = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
    total = np.zeros_like(v)
    for k in range(3):
        for d in range(3):
            total[:, d] += np.bincount(f[:, k], weights=face[:, d], minlength=len(v))
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1), 1e-30)[:, None])


def sample_surface(mesh: Mesh, points: int, rng: np.random.Generator, lid_z_mm: float) -> tuple[Array, Array]:
    """Area-uniform points (n, 3) and their normals (n, 3); none on the flat lid at ``lid_z_mm`` (the cut leg)."""
    v, f = mesh.vertices, mesh.faces
    on_lid = v[:, 2] >= lid_z_mm - 1e-6
    f = f[~(on_lid[f[:, 0]] & on_lid[f[:, 1]] & on_lid[f[:, 2]])]
    a, b, c = v[f[:, 0]], v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]]
    # systematic sampling: one uniform start, equal steps along the summed area
    edges = np.cumsum(np.linalg.norm(np.cross(b, c), axis=1))
    at = (np.arange(points) + rng.random()) * (edges[-1] / points)
    face = np.searchsorted(edges, at, side="right").clip(0, len(f) - 1)
    p, q = rng.random(points), rng.random(points)
    over = p + q > 1.0
    p[over], q[over] = 1.0 - p[over], 1.0 - q[over]
    places = a[face] + p[:, None] * b[face] + q[:, None] * c[face]
    n, f = vertex_normals(mesh), f[face]
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
    """A cloud of ``points`` points in the scanner frame, in random order.

    A fifth of them lie on the floor plane around the foot where ``floor`` is set, the share ``outliers`` anywhere in a
    box about it, the rest on the skin (sole included) with Gaussian noise along its normals: none on the lid that
    closes the leg, none of the floor beneath the foot. ``tilt_deg`` tips all about x after the turn about the vertical.
    """
    spec = ScanSpec(points, noise_mm, outliers, floor, turn_deg, shift_mm, tilt_deg, seed, normals)
    return scan_mesh(foot.mesh, spec, foot.spec.leg_mm)


def scan_mesh(mesh: Mesh, spec: ScanSpec | None = None, lid_z_mm: float = np.inf) -> PointCloud:
    """A scan, as of ``scan_foot``, of any mesh that stands on z = 0 (mm); no points on a flat lid at ``lid_z_mm``."""
    return _scan([(mesh, lid_z_mm)], [(0.0, 0.0)], spec or ScanSpec())


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
    spec = ScanSpec(points, noise_mm, outliers, floor, turn_deg, shift_mm, tilt_deg, seed, normals)
    inner = float(left.mesh.vertices[:, 1].min()), float(right.mesh.vertices[:, 1].max())
    feet = [(foot.mesh, foot.spec.leg_mm) for foot in (left, right)]
    return _scan(feet, [(0.0, gap_mm / 2 - inner[0]), (0.0, -gap_mm / 2 - inner[1])], spec)


def _scan(feet: list[tuple[Mesh, float]], places: list[tuple[float, float]], spec: ScanSpec) -> PointCloud:
    """Meshes, each with the height of its lid and moved by its place (x, y) mm, in one cloud."""
    rng = np.random.default_rng(spec.seed)
    stray = round(spec.points * spec.outliers)
    ground = int(spec.points * FLOOR_SHARE) if spec.floor else 0
    skin = spec.points - stray - ground
    clouds, directions = [], []
    # stage 1: skin
    for k, ((mesh, lid_z_mm), place) in enumerate(zip(feet, places)):
        n = skin // len(feet) + (1 if k < skin % len(feet) else 0)
        p, d = sample_surface(mesh, n, rng, lid_z_mm)
        p += d * rng.normal(0.0, spec.noise_mm, n)[:, None]
        p[:, :2] += place
        clouds.append(p)
        directions.append(d)
    seen = np.vstack(clouds)
    low, high = seen.min(axis=0), seen.max(axis=0)
    # stage 2: floor and stray points
    if ground:
        clouds.append(_floor_around(seen, ground, spec.noise_mm, rng))
        directions.append(np.tile([0.0, 0.0, 1.0], (ground, 1)))
    if stray:
        clouds.append(rng.uniform(low - STRAY_MARGIN_MM, high + STRAY_MARGIN_MM, (stray, 3)))
        d = rng.normal(size=(stray, 3))
        directions.append(d / np.linalg.norm(d, axis=1)[:, None])
    # stage 3: the scanner's own frame and order
    T = _pose(spec)
    order = rng.permutation(spec.points)
    cloud = transform(T, np.vstack(clouds)[order])
    return PointCloud(cloud, rotate(T, np.vstack(directions)[order]) if spec.normals else None, "scanner")


def _floor_around(seen: Array, count: int, noise_mm: float, rng: np.random.Generator) -> Array:
    """Points (count, 3) of the plane z = 0 around the feet, none in their shadow."""
    low, high = seen[:, :2].min(axis=0) - FLOOR_MARGIN_MM, seen[:, :2].max(axis=0) + FLOOR_MARGIN_MM
    shape = np.ceil((high - low) / SHADOW_MM).astype(int) + 1
    shadow = np.zeros((int(shape[0]), int(shape[1])), dtype=bool)
    i = ((seen[:, :2] - low) / SHADOW_MM).astype(int)
    shadow[i[:, 0], i[:, 1]] = True
    found: list[Array] = []
    missing = count
    while missing > 0:
        p = rng.uniform(low, high, (int(missing * 1.6) + 100, 2))
        i = ((p - low) / SHADOW_MM).astype(int)
        p = p[~shadow[i[:, 0], i[:, 1]]][:missing]
        found.append(p)
        missing -= len(p)
    return np.column_stack([np.vstack(found), rng.normal(0.0, noise_mm, count)])


def _pose(spec: ScanSpec) -> Array:
    """T_scanner_foot (4, 4)."""
    t = np.deg2rad(spec.tilt_deg)
    tip = np.array([[1.0, 0.0, 0.0], [0.0, np.cos(t), -np.sin(t)], [0.0, np.sin(t), np.cos(t)]])
    return np.asarray(compose(tip, np.array([*spec.shift_mm, 0.0])) @ turn_z(np.deg2rad(spec.turn_deg)))
