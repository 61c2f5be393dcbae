"""What people put on a platform that is no foot, or not one foot: synthetic, seeded, in any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from footscan.frame import compose, transform, turn_z
from footscan.synth.defects import drawn_foot
from footscan.synth.feet import FootSpec, SyntheticFoot
from footscan.synth.loft import grid_mesh
from footscan.synth.scanning import scan_foot, scan_pair
from footscan.types import Array, Landmarks, Mesh, PointCloud, Side


def scan_object(
    name: str, seed: int, points: int = 120_000, pose: str = "standing", foot: SyntheticFoot | None = None
) -> PointCloud:
    """A scan of one of :data:`OBJECTS`.

    pose : ``standing`` on a scanned floor, turned about the vertical; ``lying``: without a floor, turned in any way.
    foot : what parts of feet are cut from; None: drawn.
    """
    rng = np.random.default_rng(seed)
    maker = OBJECTS[name]
    if isinstance(maker, _OfFeet):
        subjects = [foot or drawn_foot(int(rng.integers(10_000))) for _ in range(maker.feet)]
        cloud = maker.make(rng, points, pose == "standing", *subjects)
    else:
        cloud = maker(rng, points, pose == "standing")
    if pose == "standing":
        T = turn_z(float(rng.uniform(0, 2 * np.pi)))
    else:  # a random rotation
        q = rng.normal(size=(3, 3))
        R, r = np.linalg.qr(q)
        R = R * np.sign(np.diag(r))
        T = compose(R * np.linalg.det(R), rng.uniform(-100, 100, 3))
    return PointCloud(transform(T, cloud[rng.permutation(len(cloud))]))


# ------------------------------------------------------------------ shapes


def tube(path: Array, width: Array, height: Array, around: int = 48, ends: int = 12, power: float = 2.0) -> Mesh:
    """A closed tube with rounded ends along ``path`` (k, 3) in a plane of equal z; half ``width``, ``height``
    (k,) mm.

    ``power`` 2: elliptic sections, more: boxier ones.
    """
    # rounded ends: half a section deep
    first, last = path[0] - path[1], path[-1] - path[-2]
    t = np.sin(np.linspace(0.0, np.pi / 2, ends, endpoint=False))
    grow = np.sqrt(np.maximum(1.0 - (1.0 - t) ** 2, 1e-4))
    reach = [float(min(width[k], height[k])) for k in (0, -1)]
    head = path[0] + (1.0 - t)[:, None] * first / np.linalg.norm(first) * reach[0]
    tail = path[-1] + (1.0 - t[::-1])[:, None] * last / np.linalg.norm(last) * reach[1]
    line = np.vstack([head, path, tail])
    w = np.concatenate([grow * width[0], width, grow[::-1] * width[-1]])
    h = np.concatenate([grow * height[0], height, grow[::-1] * height[-1]])
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1)[:, None]
    upright = np.abs(tangent[:, 2]) > 0.7
    side = np.where(upright[:, None], [[0.0, 1.0, 0.0]], np.cross([0.0, 0.0, 1.0], tangent))
    side /= np.linalg.norm(side, axis=1)[:, None]
    up = np.cross(tangent, side)
    a = np.linspace(0.0, 2 * np.pi, around, endpoint=False)
    c, s = (np.sign(f) * np.abs(f) ** (2.0 / power) for f in (np.cos(a), np.sin(a)))
    grid = line[:, None] + (w[:, None] * c)[..., None] * side[:, None] + (h[:, None] * s)[..., None] * up[:, None]
    vertices, faces = grid_mesh(grid)
    return Mesh(vertices, faces)


def union(parts: list[Mesh]) -> Mesh:
    """One skin out of overlapping closed ones."""
    from manifold3d import Manifold, Mesh64, OpType

    solids = [Manifold(Mesh64(np.array(p.vertices), p.faces.astype(np.uint64))) for p in parts]
    # a solid turned inside out has a negative volume: its faces are turned round
    solids = [
        s if s.volume() > 0 else Manifold(Mesh64(np.array(p.vertices), p.faces[:, ::-1].astype(np.uint64)))
        for s, p in zip(solids, parts)
    ]
    out = Manifold.batch_boolean(solids, OpType.Add).to_mesh64()
    return Mesh(np.array(out.vert_properties[:, :3]), np.array(out.tri_verts).astype(np.int64))


def _scan(mesh: Mesh, rng: np.random.Generator, points: int, floor: bool, noise_mm: float = 0.3) -> Array:
    """Points of a mesh that stands on the floor; objects are lower than 450 mm."""
    v = mesh.vertices - [0.0, 0.0, mesh.vertices[:, 2].min()]
    subject = SyntheticFoot(Mesh(v, mesh.faces, "foot"), {}, Landmarks({}), FootSpec(length_mm=340.0, leg_mm=459.0))
    return scan_foot(subject, points=points, noise_mm=noise_mm, floor=floor, seed=int(rng.integers(2**31))).points


def hand(rng: np.random.Generator, points: int, floor: bool) -> Array:
    """A hand laid flat: palm, thumb, four long fingers; the forearm lies behind it or rises from it."""
    size = rng.uniform(165.0, 215.0)  # wrist to fingertip
    palm = 0.56 * size
    spread = rng.uniform(1.5, 7.0)  # degrees between two fingers
    x = np.linspace(0.0, palm, 12)
    half = np.interp(x / palm, [0.0, 0.3, 0.7, 1.0], [0.150, 0.205, 0.225, 0.205]) * size
    thick = np.interp(x / palm, [0.0, 0.4, 1.0], [0.092, 0.080, 0.060]) * size
    parts = [tube(np.stack([x, 0 * x, thick.mean() + 0 * x], axis=1), half, thick, power=2.6)]
    for k, long in enumerate((0.40, 0.44, 0.41, 0.33)):
        y = (0.145 - 0.098 * k) * size
        turn = np.radians(spread * (1.5 - k))
        s = np.linspace(-0.10, long - 0.04, 10) * size
        radius = np.interp(s, [s[0], s[-1]], [0.049, 0.040]) * size
        line = np.stack([palm + s * np.cos(turn), y + s * np.sin(turn), 0.055 * size + 0 * s], axis=1)
        parts.append(tube(line, radius, 0.9 * radius))
    turn = np.radians(rng.uniform(25.0, 55.0))
    s = np.linspace(-0.1, 0.27, 10) * size
    line = np.stack([0.28 * size + s * np.cos(turn), 0.16 * size + s * np.sin(turn), 0.06 * size + 0 * s], axis=1)
    parts.append(tube(line, 0.055 * size + 0 * s, 0.05 * size + 0 * s))
    long = rng.uniform(0.2, 0.7) * size
    if rng.random() < 0.5:  # upright forearm, as a leg would stand
        s = np.linspace(0.0, long, 10)
        line = np.stack([0.05 * size + 0 * s, 0 * s, 0.09 * size + s], axis=1)
        parts.append(tube(line, 0.16 * size + 0 * s, 0.13 * size + 0 * s))
    else:
        s = np.linspace(0.05 * size, -long, 10)
        line = np.stack([s, 0 * s, 0.12 * size + 0 * s], axis=1)
        parts.append(tube(line, 0.155 * size + 0 * s, 0.115 * size + 0 * s))
    mesh = union(parts)
    if rng.random() < 0.5:
        mesh = replace(mesh, vertices=mesh.vertices * [1.0, -1.0, 1.0], faces=mesh.faces[:, ::-1])
    return _scan(mesh, rng, points, floor)


def shoe(rng: np.random.Generator, points: int, floor: bool) -> Array:
    """A shoe: flat outsole with upright edges, stiff toe box, counter, an opening (empty, or a leg in it)."""
    length = rng.uniform(235.0, 315.0)
    s = (1.0 - np.cos(np.linspace(0.0, np.pi, 120))) / 2.0
    at = [0.0, 0.03, 0.15, 0.40, 0.62, 0.74, 0.88, 0.96, 1.0]
    medial = np.interp(s, at, np.array([0.01, 0.075, 0.125, 0.115, 0.165, 0.180, 0.150, 0.085, 0.01])) * length
    lateral = np.interp(s, at, np.array([0.01, 0.075, 0.125, 0.130, 0.185, 0.180, 0.125, 0.065, 0.01])) * length
    box = rng.uniform(0.165, 0.215)  # height of the toe box
    collar = rng.uniform(0.23, 0.42)
    top = (
        np.interp(
            s,
            [0, 0.03, 0.25, 0.45, 0.62, 0.80, 0.95, 1.0],
            np.array(
                [collar, collar, collar - 0.02, max(collar - 0.05, 0.29), 0.24, box + 0.01, box - 0.01, box - 0.05]
            ),
        )
        * length
    )
    spring = rng.uniform(0.0, 0.05) * length
    bottom = spring * np.clip((s - 0.7) / 0.3, 0.0, 1.0) ** 2
    around = np.linspace(0.0, 2 * np.pi, 96, endpoint=False)
    up, aside = np.cos(around), np.sin(around)
    power = rng.uniform(2.6, 4.0)
    lower = np.sign(up) * np.abs(up) ** np.where(up > 0, 2.0 / power, 2.0 / 9.0)
    wide = np.sign(aside) * np.abs(aside) ** np.where(up > 0, 2.0 / power, 2.0 / 9.0)
    middle = (bottom + 0.4 * top)[:, None]
    z = np.where(up > 0, middle + (top[:, None] - middle) * lower, middle + (middle - bottom[:, None]) * lower)
    y = np.where(wide > 0, medial[:, None] * wide, lateral[:, None] * wide)
    grid = np.stack([np.broadcast_to((s * length)[:, None], y.shape), y, z], axis=2)
    vertices, faces = grid_mesh(grid)
    if rng.random() < 0.5:
        vertices, faces = vertices * [1.0, -1.0, 1.0], faces[:, ::-1]
    cloud = _scan(Mesh(vertices, faces), rng, points, floor)
    # the opening
    x, y, z = cloud.T
    crown = np.interp(x, s * length, top)
    opening = (x > 0.06 * length) & (x < 0.42 * length) & (np.abs(y) < 0.10 * length) & (z > 0.75 * crown)
    cloud = cloud[~(opening & (z < 1.1 * crown))]
    if rng.random() < 0.4:
        high = np.linspace(0.8 * collar * length, 200.0, 10)
        leg = tube(
            np.stack([0.21 * length + 0 * high, 0 * high, high], axis=1),
            0.12 * length + 0 * high,
            0.13 * length + 0 * high,
        )
        skin = _scan(leg, rng, points // 3, False)
        skin = np.add(skin, [0.0, 0.0, 0.8 * collar * length])
        cloud = np.vstack([cloud, skin[(skin[:, 2] > crown.max()) & (skin[:, 2] < 195.0)]])
    return cloud


def stump(rng: np.random.Generator, points: int, floor: bool) -> Array:
    """A leg that ends below the knee, rounded."""
    s = np.linspace(0.0, rng.uniform(120.0, 260.0), 30)
    wide = np.interp(s, [0, s[-1]], [rng.uniform(42, 55), rng.uniform(50, 68)])
    line = np.stack([0 * s, 0 * s, s], axis=1)
    mesh = tube(line, wide, wide * rng.uniform(0.85, 1.1), ends=24)
    cloud = _scan(mesh, rng, points, floor)
    if rng.random() < 0.5:  # laid on the platform
        cloud = _scan(Mesh(mesh.vertices[:, [2, 1, 0]], mesh.faces[:, ::-1]), rng, points, floor)
    return cloud


def short_foot(rng: np.random.Generator, points: int, floor: bool, foot: SyntheticFoot) -> Array:
    """A foot whose forefoot was amputated, between midfoot and ball, the end rounded."""
    v, cut = foot.mesh.vertices.copy(), rng.uniform(0.48, 0.68) * foot.spec.length_mm
    ahead = v[:, 0] > cut
    deep = (v[ahead, 0] - cut) / (foot.spec.length_mm - cut)
    v[ahead, 0] = cut + 18.0 * np.sqrt(np.maximum(1.0 - (1.0 - deep) ** 2, 0.0))
    v[ahead, 1:] = v[ahead, 1:] * (1.0 - 0.3 * deep[:, None] ** 2)
    return _cut_leg(replace(foot, mesh=Mesh(v, foot.mesh.faces, "foot")), rng, points, floor)


def box(rng: np.random.Generator, points: int, floor: bool) -> Array:
    """A box: a brick, a carton, a book."""
    half = np.array([rng.uniform(60, 170), rng.uniform(35, 110), rng.uniform(12, 80)])
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * half
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return _scan(Mesh(corners, np.array(faces)), rng, points, floor)


def ball(rng: np.random.Generator, points: int, floor: bool) -> Array:
    """A ball, or an egg: 120–300 mm."""
    p = rng.normal(size=(points, 3))
    p *= rng.uniform(60, 150) / np.linalg.norm(p, axis=1)[:, None]
    p = p * [1.0, rng.uniform(0.4, 1.0) if rng.random() < 0.5 else 1.0, 1.0] + rng.normal(0.0, 0.2, (points, 3))
    return np.asarray(p - [0.0, 0.0, p[:, 2].min()])


def leg(rng: np.random.Generator, points: int, floor: bool, foot: SyntheticFoot) -> Array:
    """A leg from the ankle up, standing or laid down, without its foot."""
    cloud = scan_foot(foot, points=2 * points, floor=False, seed=int(rng.integers(2**31))).points
    cloud = cloud[cloud[:, 2] > rng.uniform(0.30, 0.42) * foot.spec.length_mm]
    if rng.random() < 0.5:
        cloud = cloud[:, [2, 1, 0]] * [1.0, -1.0, 1.0]
    return np.asarray(cloud - [*cloud[:, :2].mean(axis=0), cloud[:, 2].min()])


def rear_half(rng: np.random.Generator, points: int, floor: bool, foot: SyntheticFoot) -> Array:
    """Heel and leg, the scan cut off behind the ball."""
    return _part(rng, points, floor, foot, lambda p, x, y: x < p.uniform(0.42, 0.68))


def front_half(rng: np.random.Generator, points: int, floor: bool, foot: SyntheticFoot) -> Array:
    """Forefoot, the scan cut off ahead of the heel."""
    return _part(rng, points, floor, foot, lambda p, x, y: x > p.uniform(0.28, 0.60))


def medial_half(rng: np.random.Generator, points: int, floor: bool, foot: SyntheticFoot) -> Array:
    """The inner half, cut along the foot."""
    return _part(rng, points, floor, foot, lambda p, x, y: y > p.uniform(-0.03, 0.03))


def lateral_half(rng: np.random.Generator, points: int, floor: bool, foot: SyntheticFoot) -> Array:
    """The outer half, cut along the foot."""
    return _part(rng, points, floor, foot, lambda p, x, y: y < p.uniform(-0.03, 0.03))


def two_left(rng: np.random.Generator, points: int, floor: bool, one: SyntheticFoot, other: SyntheticFoot) -> Array:
    """Two feet of the same side."""
    side = "left" if rng.random() < 0.5 else "right"
    first, second = (f if f.spec.side == side else mirrored(f) for f in (one, other))
    return scan_pair(first, second, points=2 * points, floor=floor, seed=int(rng.integers(2**31))).points


def three_feet(rng: np.random.Generator, points: int, floor: bool, foot: SyntheticFoot) -> Array:
    """Three feet in a row."""
    both = scan_pair(mirrored(foot), foot, points=2 * points, floor=floor, seed=int(rng.integers(2**31))).points
    third = scan_foot(foot, points=points, floor=False, seed=int(rng.integers(2**31))).points
    return np.vstack([both, np.add(third, [0.0, both[:, 1].max() + 60.0, 0.0])])


def mirrored(foot: SyntheticFoot) -> SyntheticFoot:
    """The other foot."""
    mesh = Mesh(foot.mesh.vertices * [1.0, -1.0, 1.0], foot.mesh.faces[:, ::-1], "foot")
    side: Side = "left" if foot.spec.side == "right" else "right"
    return replace(foot, mesh=mesh, spec=replace(foot.spec, side=side))


def _cut_leg(foot: SyntheticFoot, rng: np.random.Generator, points: int, floor: bool) -> Array:
    cloud = scan_foot(foot, points=points, floor=floor, seed=int(rng.integers(2**31))).points
    return np.asarray(cloud[cloud[:, 2] < rng.uniform(0.4, 0.8) * foot.spec.length_mm])


def _part(
    rng: np.random.Generator,
    points: int,
    floor: bool,
    foot: SyntheticFoot,
    keep: Callable[[np.random.Generator, Array, Array], Array],
) -> Array:
    """What ``keep(rng, x, y)`` leaves of a foot (fractions of its length, medial +y); the floor stays."""
    cloud = scan_foot(foot, points=2 * points, floor=floor, seed=int(rng.integers(2**31))).points
    length = foot.spec.length_mm
    y = cloud[:, 1] if foot.spec.side == "right" else -cloud[:, 1]
    low = cloud[:, 2] < 1.5
    return np.asarray(cloud[keep(rng, cloud[:, 0] / length, y / length) | (low & floor)])


@dataclass(frozen=True)
class _OfFeet:
    """What is made of real feet: ``make(rng, points, floor, *feet)``."""

    make: Callable[..., Array]
    feet: int = 1


#: name -> maker(rng, points, floor) -> points (n, 3) mm, z up, standing on z = 0
OBJECTS: dict[str, Callable[[np.random.Generator, int, bool], Array] | _OfFeet] = {
    "hand": hand,
    "shoe": shoe,
    "stump": stump,
    "box": box,
    "ball": ball,
    "short_foot": _OfFeet(short_foot),
    "leg": _OfFeet(leg),
    "rear_half": _OfFeet(rear_half),
    "front_half": _OfFeet(front_half),
    "medial_half": _OfFeet(medial_half),
    "lateral_half": _OfFeet(lateral_half),
    "two_left": _OfFeet(two_left, 2),
    "three_feet": _OfFeet(three_feet),
}
