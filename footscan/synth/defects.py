"""What goes wrong while people are scanned: seeded defects on synthetic feet, and where each of them is.

Sizes from which a defect counts as seeded (below them nobody could tell): movement 2.5 mm (seen at right angles to the
skin; a shift along the sweep of the scanner leaves no trace), sock 1 mm thick with a ribbed cuff, hole 15 mm, noise
1 mm (SD along the normals), fewer than 35,000 points, an edge raised by 4 degrees (a heel or a ball by 2.4) above a
scanned floor, an arch pressed down by 45 %; breadth off by a quarter, height by 45 %. ``least`` (0 … 1) draws from the
upper part of a range only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from footscan.frame import compose, transform, turn_z
from footscan.synth import scanning
from footscan.synth.feet import FootSpec, SyntheticFoot, make_foot
from footscan.synth.people import draw_spec
from footscan.synth.scanning import scan_foot, scan_pair
from footscan.types import Array, Mesh, PointCloud, Side

REGIONS = ("heel", "medial", "lateral", "dorsum", "sole", "toes")
SPARSE_POINTS = (5_000, 35_000)
PRESSED = 0.55  #: what is left of the arch of a foot that bears all the weight
STANDING = {"length": 12.0, "breadth": 8.0, "girth": 16.0}  #: mm: no person's feet differ by as much


@dataclass(frozen=True, eq=False)
class DefectScan:
    """``cloud``: the scan; ``code``: what is wrong with it; ``where``: region of a hole, kind of a movement;
    ``size_mm``: how far, how thick, how wide (degrees for a raised edge); ``given``: the side to give with it;
    ``centre_mm`` (3,): the middle of a hole, in the frame of the foot that was scanned."""

    cloud: PointCloud
    code: str
    where: str
    size_mm: float
    given: Side = "unknown"
    centre_mm: Array | None = None


def moved(
    foot: SyntheticFoot,
    seed: int,
    points: int = 250_000,
    floor: bool = True,
    least: float = 0.0,
    noise_mm: float = 0.3,
) -> DefectScan:
    """The foot was shifted (2.5–6 mm) or turned during the scan: two skins where several cameras saw it by turns
    (``double``), a step in the skin where one sweep ran from heel to toe (``shear``)."""
    rng = np.random.default_rng(seed)
    length, shear = foot.spec.length_mm, rng.random() < 0.4
    size = _between(rng, 3.0 if shear else 2.5, 6.0, least)
    if shear:  # a shift along the sweep would only stretch the foot
        heading = (np.pi / 2 + rng.uniform(-0.5, 0.5)) * rng.choice([-1.0, 1.0])
    else:
        heading = rng.uniform(0.0, 2.0 * np.pi)
    shift = np.array([np.cos(heading), np.sin(heading), 0.0]) * size
    if rng.random() < 0.4:  # about the heel; as far as said at the forefoot (double) or where the sweep was
        at = rng.uniform(0.4, 0.72) if shear else 0.7
        T = turn_z(float(rng.choice([-1.0, 1.0]) * size / (at * length)), (0.1 * length, 0.0))
    else:
        at = rng.uniform(0.3, 0.72)
        T = compose(np.eye(3), shift)
    other = _reshaped(foot, transform(T, foot.mesh.vertices))
    if not shear:
        share = rng.uniform(0.3, 0.7)
        a = _scanned(foot, seed, int(points * (1.0 - share)), noise_mm, floor)
        cloud = np.vstack([a, _scanned(other, seed + 1, int(points * share), noise_mm, floor)])
    else:
        a, b = (_scanned(f, seed, points, noise_mm, floor) for f in (foot, other))
        cloud = np.vstack([a[a[:, 0] < at * length], b[b[:, 0] >= at * length]])
    return DefectScan(_posed(cloud, rng), "moved", "shear" if shear else "double", float(size))


def sock(foot: SyntheticFoot, seed: int, points: int = 250_000, floor: bool = True, least: float = 0.0) -> DefectScan:
    """A sock 1–3 mm thick: its toe box bridges the clefts, its cuff has upright ribs and ends in a hem."""
    rng = np.random.default_rng(seed)
    spec = foot.spec
    bare = make_foot(replace(spec, toes="fused"))
    v = bare.mesh.vertices
    thick = _between(rng, 1.0, 3.0, least)
    top = spec.leg_mm - rng.uniform(-30.0, 40.0)  # where the hem is, may be above the cut
    cuff = max(top - rng.uniform(60.0, 120.0), 0.36 * spec.length_mm)
    normals = scanning.vertex_normals(bare.mesh)
    # upright ribs: waves around the leg, 4–6 mm wide, about 1 mm high
    middle = np.array([0.22 * spec.length_mm, 0.0])
    angle = np.arctan2(v[:, 1] - middle[1], v[:, 0] - middle[0])
    round_leg = 2.0 * np.pi * 0.135 * spec.length_mm
    waves = round(round_leg / rng.uniform(4.5, 6.0))
    ribs = rng.uniform(0.45, 0.7) * np.sin(waves * angle)
    within = np.clip((v[:, 2] - cuff) / 5.0, 0.0, 1.0) * (v[:, 2] < top)
    out = thick * (v[:, 2] < top) + ribs * within
    out *= np.clip(v[:, 2] / 6.0, 0.0, 1.0) ** 0.5  # pressed flat under the sole
    dressed = _reshaped(bare, v + normals * out[:, None])
    return DefectScan(_posed(_scanned(dressed, seed, points, floor=floor), rng), "sock", "", float(thick))


def trouser(
    foot: SyntheticFoot, seed: int, points: int = 250_000, floor: bool = True, least: float = 0.0
) -> DefectScan:
    """A loose trouser leg: cloth with folds around the leg down to or below the ankle, the leg hidden in it."""
    rng = np.random.default_rng(seed)
    length, leg = foot.spec.length_mm, foot.spec.leg_mm
    hem = rng.uniform(0.12, 0.45) * length
    cloud = _scanned(foot, seed, points, floor=floor)
    girth = _between(rng, 340.0, 480.0, least)
    # the cloth: an upright tube, flared towards the hem, with folds
    height = leg - hem
    count = int(points * 0.8 * girth * height / (girth * height + 60_000.0))
    angle, z = rng.uniform(0.0, 2.0 * np.pi, count), rng.uniform(hem, leg, count)
    radius = girth / (2.0 * np.pi) * (1.0 + 0.1 * (leg - z) / height)
    for k in range(2, 7):
        radius += rng.uniform(0.5, 2.5) * np.sin(k * angle + rng.uniform(0, 6.3) + 0.01 * z * rng.normal())
    middle = np.array([0.215 * length + rng.normal(0.0, 4.0), rng.normal(0.0, 4.0)])
    hem_wave = hem + 3.0 * np.sin(2 * angle + rng.uniform(0, 6.3))
    cloth = np.stack([middle[0] + 1.12 * radius * np.cos(angle), middle[1] + 0.9 * radius * np.sin(angle), z], axis=1)
    cloth = cloth[z > hem_wave] + rng.normal(0.0, 0.3, (int((z > hem_wave).sum()), 3))
    # what the cloth hides
    d = (cloud[:, :2] - middle) / [1.12, 0.9]
    inside = np.hypot(*d.T) < np.interp(cloud[:, 2], [hem, leg], [1.1, 1.0]) * girth / (2.0 * np.pi) + 2.0
    cloud = cloud[~(inside & (cloud[:, 2] > hem) & (cloud[:, 2] < leg + 1.0))]
    return DefectScan(_posed(np.vstack([cloud, cloth]), rng), "trouser", "", float(hem))


def hole(
    foot: SyntheticFoot,
    seed: int,
    where: str | None = None,
    points: int = 250_000,
    floor: bool = True,
    least: float = 0.0,
) -> DefectScan:
    """A patch 15–50 mm wide that the scanner did not see; ``where``: one of REGIONS, None: any."""
    rng = np.random.default_rng(seed)
    region = where or str(rng.choice(REGIONS))
    length, width = foot.spec.length_mm, _between(rng, 15.0, 50.0, least)
    x, y, z = foot.mesh.vertices.T
    y = y if foot.spec.side == "right" else -y
    normal = scanning.vertex_normals(foot.mesh) * [1.0, 1.0 if foot.spec.side == "right" else -1.0, 1.0]
    pick = {
        "heel": (normal[:, 0] < -0.8) & (x < 0.1 * length) & (z > 15.0) & (z < 0.22 * length),
        "medial": (normal[:, 1] > 0.75) & (x > 0.25 * length) & (x < 0.65 * length) & (z < 0.2 * length),
        "lateral": (normal[:, 1] < -0.75) & (x > 0.2 * length) & (x < 0.65 * length) & (z < 0.2 * length),
        "dorsum": (normal[:, 2] > 0.6) & (x > 0.45 * length) & (x < 0.68 * length),
        "sole": (normal[:, 2] < -0.8) & (x > 0.1 * length) & (x < 0.72 * length),
        "toes": (normal[:, 2] > 0.5) & (x > 0.85 * length) & (x < 0.95 * length),
    }[region]
    centre = foot.mesh.vertices[rng.choice(np.flatnonzero(pick))]
    cloud = _scanned(foot, seed, points, floor=floor)
    reach = 1.0 + 0.15 * np.sin(rng.integers(2, 5) * np.arctan2(*(cloud - centre)[:, :2].T) + rng.uniform(0, 6.3))
    gone = np.linalg.norm(cloud - centre, axis=1) < 0.5 * width * reach
    if region == "sole":  # a hole in the sole shows no floor either
        gone |= np.linalg.norm((cloud - centre)[:, :2], axis=1) + 5.0 * (cloud[:, 2] - centre[2] > 12.0) * length < (
            0.5 * width
        )
    return DefectScan(_posed(cloud[~gone], rng), "hole", region, float(width), centre_mm=centre)


def wrong_side(
    foot: SyntheticFoot, seed: int, points: int = 250_000, floor: bool = True, least: float = 0.0
) -> DefectScan:
    """A good scan, handed in as the other foot's."""
    rng = np.random.default_rng(seed)
    given: Side = "left" if foot.spec.side == "right" else "right"
    return DefectScan(_posed(_scanned(foot, seed, points, floor=floor), rng), "wrong_side", "", 0.0, given)


def noise(foot: SyntheticFoot, seed: int, points: int = 250_000, floor: bool = True, least: float = 0.0) -> DefectScan:
    """Noise of 1–2.5 mm (SD along the normals) where 0.3 is usual."""
    rng = np.random.default_rng(seed)
    size = _between(rng, 1.0, 2.5, least)
    return DefectScan(_posed(_scanned(foot, seed, points, size, floor), rng), "noise", "", float(size))


def too_sparse(foot: SyntheticFoot, seed: int, floor: bool = True) -> DefectScan:
    """5,000–35,000 points in all, the floor's among them."""
    rng = np.random.default_rng(seed)
    points = int(rng.integers(*SPARSE_POINTS))
    return DefectScan(_posed(_scanned(foot, seed, points, floor=floor), rng), "too_sparse", "", float(points))


def raised_edge(foot: SyntheticFoot, seed: int, points: int = 250_000, least: float = 0.0) -> DefectScan:
    """Weight shift of one foot: it stands on one border, on its heel or on its forefoot, the rest 4–9 degrees up."""
    rng = np.random.default_rng(seed)
    angle = _between(rng, 4.0, 9.0, least)
    kind = str(rng.choice(["medial", "lateral", "heel", "toes"]))
    tipped = _reshaped(foot, _tipped(foot, kind, angle))
    return DefectScan(_posed(_scanned(tipped, seed, points), rng), "weight_shift", kind, float(angle))


def implausible(seed: int, points: int = 250_000, floor: bool = True, least: float = 0.0) -> DefectScan:
    """A foot a quarter to a third broader or narrower, or 45–60 % higher or flatter: a foot's shape, nobody's sizes."""
    rng = np.random.default_rng(seed)
    foot = drawn_foot(seed)
    kind = str(rng.choice(["broad", "narrow", "high", "flat"]))
    by = _between(rng, *((1.24, 1.34) if kind in ("broad", "narrow") else (1.45, 1.60)), least)
    factor = {"broad": [1.0, by, 1.0], "narrow": [1.0, 1.0 / by, 1.0], "high": [1.0, 1.0, by]}
    bent = _reshaped(foot, foot.mesh.vertices * factor.get(kind, [1.0, 1.0, 1.0 / by]))
    lid = foot.spec.leg_mm * (by if kind == "high" else 1.0 / by if kind == "flat" else 1.0)
    cloud = _scanned(bent, seed, points, floor=floor)
    return DefectScan(_posed(cloud[cloud[:, 2] < lid - 0.5], rng), "implausible", kind, float(by))


# ------------------------------------------------------------------ pairs


@dataclass(frozen=True, eq=False)
class PairScan:
    """Both feet in one ``cloud``, and each in its own (``left``, ``right``); ``code`` None for a good pair."""

    cloud: PointCloud
    left: PointCloud
    right: PointCloud
    code: str | None
    where: str = ""


def natural_pair(seed: int) -> tuple[FootSpec, FootSpec]:
    """Left and right foot of one person: lengths differ with an SD of 2.5 mm, the rest with about 1.5 % (R)."""
    rng = np.random.default_rng(seed)
    one = draw_spec(seed, side="left")
    draw = np.clip(rng.normal(size=5), -2.2, 2.2)
    breadth, girth, instep, arch = (
        float(size or 0.0)
        for size in (one.foot_breadth_mm, one.ball_girth_mm, one.instep_height_mm, one.arch_apex_height_mm)
    )
    scale = 1.0 + 0.0095 * draw[0]
    other = replace(
        one,
        side="right",
        length_mm=one.length_mm * scale,
        foot_breadth_mm=breadth * scale * (1.0 + 0.008 * draw[2] + 0.006 * draw[1]),
        ball_girth_mm=girth * scale * (1.0 + 0.012 * draw[1]),
        instep_height_mm=instep * scale * (1.0 + 0.018 * draw[3]),
        arch_apex_height_mm=arch + 1.1 * float(draw[4]),
    )
    return one, other


def good_pair(seed: int, points: int = 400_000) -> PairScan:
    """A good scan of both feet of one person."""
    left, right = _first(lambda s: tuple(make_foot(spec) for spec in natural_pair(s)), seed)
    return _pair(left, right, seed, points, None)


def two_people(seed: int, points: int = 400_000) -> PairScan:
    """A left and a right foot farther apart than any person's (STANDING)."""

    def draw(s: int) -> tuple[SyntheticFoot, ...]:
        a, b = make_foot(draw_spec(s, side="left")), make_foot(draw_spec(s + 500_000, side="right"))
        apart = {
            "length": abs(a.spec.length_mm - b.spec.length_mm),
            "breadth": abs(float(a.truth["foot_breadth_mm"] or 0) - float(b.truth["foot_breadth_mm"] or 0)),
            "girth": abs(float(a.truth["ball_girth_mm"] or 0) - float(b.truth["ball_girth_mm"] or 0)),
        }
        if all(apart[name] < limit for name, limit in STANDING.items()):
            raise ValueError("two feet that might be one person's")
        return a, b

    left, right = _first(draw, seed)
    return _pair(left, right, seed, points, "two_people")


def weight_shift(seed: int, points: int = 400_000) -> PairScan:
    """A person's feet, one of which bears the weight (its arch pressed down, its instep lower, its ball broader) while
    the other stands on a border or only on its heel."""
    rng = np.random.default_rng(seed)
    pressed, tipped = rng.random() < 0.6, rng.random() < 0.6
    loaded = int(rng.integers(2))

    def draw(s: int) -> tuple[SyntheticFoot, ...]:
        specs = list(natural_pair(s))
        if pressed or not tipped:
            one, free = specs[loaded], specs[1 - loaded]
            high = [max(float(spec.arch_apex_height_mm or 0.0), 0.045 * spec.length_mm) for spec in (one, free)]
            specs[loaded] = replace(
                one,
                arch_apex_height_mm=PRESSED * high[0],
                instep_height_mm=float(one.instep_height_mm or 0.0) - 0.02 * one.length_mm,
                foot_breadth_mm=float(one.foot_breadth_mm or 0.0) + 0.008 * one.length_mm,
            )
            specs[1 - loaded] = replace(free, arch_apex_height_mm=high[1])
        return tuple(make_foot(spec) for spec in specs)

    feet = list(_first(draw, seed))
    kind = "pressed"
    if tipped:
        kind = str(rng.choice(["medial", "lateral", "heel", "toes"]))
        free = feet[1 - loaded]
        feet[1 - loaded] = _reshaped(free, _tipped(free, kind, rng.uniform(4.0, 8.0)))
    return _pair(feet[0], feet[1], seed, points, "weight_shift", kind)


# ------------------------------------------------------------------ inside


def drawn_foot(seed: int, toes: Literal["apart", "fused"] = "apart", leg_mm: float = 200.0) -> SyntheticFoot:
    """The first foot from ``seed`` on that can be drawn (a few draws leave a toe no room)."""
    return _first(lambda s: (make_foot(replace(draw_spec(s, leg_mm=leg_mm), toes=toes)),), seed)[0]


def _first(draw: Callable[[int], tuple[SyntheticFoot, ...]], seed: int) -> tuple[SyntheticFoot, ...]:
    for k in range(40):
        try:
            return draw(seed + 7919 * k)
        except ValueError:
            continue
    raise ValueError(f"no foot could be drawn from seed {seed} on")


def _between(rng: np.random.Generator, low: float, high: float, least: float) -> float:
    """A size of the range; ``least`` (0–1): only of its upper part, where nobody can miss it."""
    return float(low + (high - low) * rng.uniform(least, 1.0))


def _reshaped(foot: SyntheticFoot, vertices: Array) -> SyntheticFoot:
    return replace(foot, mesh=Mesh(vertices, foot.mesh.faces, "foot"))


def _tipped(foot: SyntheticFoot, kind: str, angle_deg: float) -> Array:
    """Vertices of a foot turned up on its medial or lateral border, its heel or its toes (``kind``: what is up)."""
    v = foot.mesh.vertices
    inwards = 1.0 if foot.spec.side == "right" else -1.0
    t = np.radians(angle_deg if kind in ("medial", "lateral") else 0.6 * angle_deg)
    if kind in ("medial", "lateral"):
        t *= inwards if kind == "medial" else -inwards
        R = np.array([[1, 0, 0], [0, np.cos(t), -np.sin(t)], [0, np.sin(t), np.cos(t)]])
    else:
        t *= 1.0 if kind == "heel" else -1.0
        R = np.array([[np.cos(t), 0, np.sin(t)], [0, 1, 0], [-np.sin(t), 0, np.cos(t)]])
    turned = v @ R.T
    return np.asarray(turned - [0.0, 0.0, turned[:, 2].min()])


def _scanned(foot: SyntheticFoot, seed: int, points: int, noise_mm: float = 0.3, floor: bool = True) -> Array:
    """A scan that still lies in the foot's frame."""
    return scan_foot(foot, points=points, noise_mm=noise_mm, floor=floor, seed=seed).points


def _pose(rng: np.random.Generator) -> Array:
    return compose(np.eye(3), np.array([*rng.uniform(-50, 50, 2), 0.0])) @ turn_z(float(rng.uniform(0, 2 * np.pi)))


def _posed(points: Array, rng: np.random.Generator) -> PointCloud:
    return PointCloud(transform(_pose(rng), points[rng.permutation(len(points))]))


def _pair(
    left: SyntheticFoot, right: SyntheticFoot, seed: int, points: int, code: str | None, where: str = ""
) -> PairScan:
    rng = np.random.default_rng(seed)
    both = _posed(scan_pair(left, right, points=points, seed=seed).points, rng)
    single = [_posed(_scanned(foot, seed + k, points // 2), rng) for k, foot in enumerate((left, right))]
    return PairScan(both, single[0], single[1], code, where)
