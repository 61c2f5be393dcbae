"""The real shapes behind the warped families: made smooth, stood on the floor, given a leg, their toes marked.

Everything is in the right-foot frame: x from the pternion to the tip of the second toe, y medial, floor at z = 0, mm.
Sources, licences and caveats of the shapes: ../shared/data/README.md; they are read there and never copied here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import ConvexHull
from surfaces import cut_level, hills, links_of, neighbours, subdivided, welded

from footscan.frame import compose, rotation_to_z, transform, turn_z
from footscan.synth import sections, truth
from footscan.synth.loft import smooth_step
from footscan.types import Array, Mesh

SCANS = Path(__file__).resolve().parents[2] / "shared" / "data" / "scans"
#: folder, mm a unit, how often subdivided (to edges of about 1 mm), height of the clean part of the leg (of the length)
SHAPES = {
    "find": ("find_family", 1000.0, 2, 0.44),
    "makehuman": ("makehuman", 1.0, 3, 0.42),
}
LEG = 0.8  #: height of the added leg, of foot length
RING_MM, OWN_SLOPE_MM = 2.0, 25.0  #: rings of the added leg; how far it keeps the slope of the skin that it grows from
CALF = 0.25  #: how much wider it is at its top
TOE_DEPTH_MM, TOE_RISE_MM = 6.0, 1.5
MODES = 3  #: of FIND: the shapes at plus and minus 2 SD of each


@dataclass(frozen=True, eq=False)
class BaseFoot:
    """A closed, smooth foot with a leg: ``vertices`` (n, 3) mm, ``faces`` (m, 3); ``toes``: sets of vertices, from the
    hallux on (two at least), the foremost of each is the toe's tip; ``added`` (n,): 0 on the shape itself, rising to 1
    at the added leg's top; ``lid``: the vertices of the flat lid; ``modes`` (k, n, 3) mm: what one SD does."""

    name: str
    vertices: Array
    faces: Array
    toes: tuple[Array, ...]
    added: Array
    lid: Array
    modes: Array

    @property
    def length(self) -> float:
        return float(self.vertices[:, 0].max())


# ------------------------------------------------------------------ on the floor, in the frame


def floor_of(vertices: Array, middle: Array) -> Array:
    """T (4, 4) that tips and lowers a foot (n, 3) until it rests on z = 0 at three points around ``middle`` (2,) mm."""
    vertices, T = vertices[vertices[:, 2] < vertices[:, 2].min() + 60.0], np.eye(4)
    for _ in range(3):  # the facet below the middle may be another one once the foot is tipped
        hull = ConvexHull(vertices)
        under = hull.simplices[hull.equations[:, 2] < -0.6]
        corners = vertices[under][..., :2] - middle
        after = np.roll(corners, -1, axis=1)
        turn = corners[..., 0] * after[..., 1] - corners[..., 1] * after[..., 0]
        inside = (turn >= 0).all(axis=1) | (turn <= 0).all(axis=1)
        facet = vertices[under[int(inside.argmax())]]
        normal = np.cross(facet[1] - facet[0], facet[2] - facet[0])
        normal *= np.sign(normal[2])
        R = rotation_to_z(normal)
        step = compose(R, -np.array([0.0, 0.0, float((vertices @ R[2]).min())]))
        vertices, T = transform(step, vertices), step @ T
    return T


def upright(vertices: Array, ankle: Array, length: float) -> Array:
    """T (4, 4) that rolls a foot (n, 3) about its long axis until the middle of the ``ankle`` (its vertices) stands
    over that of the heel: so it stands under a person's weight."""
    heel = vertices[(vertices[:, 0] < 0.25 * length) & (vertices[:, 2] < 0.15 * length)]
    low, high = (vertices[ankle].min(axis=0) + vertices[ankle].max(axis=0)) / 2, heel.mean(axis=0)
    lean = float(np.arctan2(low[1] - high[1], low[2] - high[2]))
    c, s = np.cos(lean), np.sin(lean)
    return compose(np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]]), np.zeros(3))


def forefoot_down(vertices: Array, length: float) -> Array:
    """The shift in z (n,) that twists the forefoot until its inner and its outer half are equally low."""
    x = vertices[:, 0] / length
    ball = vertices[(x > 0.58) & (x < 0.80)]
    middle = float((ball[:, 1].min() + ball[:, 1].max()) / 2)
    lows = [half[int(half[:, 2].argmin())] for half in (ball[ball[:, 1] > middle], ball[ball[:, 1] <= middle])]
    slope = float((lows[0][2] - lows[1][2]) / (lows[0][1] - lows[1][1]))
    return np.asarray(-slope * (vertices[:, 1] - middle) * smooth_step((x - 0.25) / 0.35))


def tip(vertices: Array, toe: Array) -> Array:
    """The foremost point (3,) of a toe's vertices (k,)."""
    return np.asarray(vertices[toe[int(vertices[toe, 0].argmax())]])


def frame_of(vertices: Array, toes: tuple[Array, ...]) -> Array:
    """T (4, 4) that turns a foot (n, 3) about the vertical until the second toe's tip lies straight ahead of the
    pternion and moves that to x = y = 0."""
    T = np.eye(4)
    for _ in range(12):
        heel = truth.rear_end(vertices)
        ahead = tip(vertices, toes[1]) - heel
        angle = float(np.arctan2(ahead[1], ahead[0]))
        step = turn_z(-angle) @ compose(np.eye(3), np.array([-heel[0], -heel[1], 0.0]))
        vertices, T = transform(step, vertices), step @ T
        if abs(angle) < 1e-5 and np.hypot(heel[0], heel[1]) < 1e-4:
            break
    return T


def toe_sets(vertices: Array, faces: Array) -> tuple[Array, ...]:
    """The vertices of the toes' ends, medial toe first: the hilltops of x on the skin that rise 1.5 mm and more out of
    the clefts beside them, each with what is connected to it less than 6 mm behind, or as far as the cleft."""
    x, links = vertices[:, 0], links_of(faces)
    rise = hills(x, np.flatnonzero(x > x.max() - 0.3 * np.ptp(x)), links)
    found = []
    for top in sorted((k for k in rise if rise[k] > TOE_RISE_MM), key=lambda k: -vertices[k, 1]):
        floor = x[top] - min(TOE_DEPTH_MM, 0.9 * rise[top])
        seen, queue = {top}, [top]
        while queue:
            for j in neighbours(links, queue.pop()):
                if j not in seen and x[j] > floor:
                    seen.add(j)
                    queue.append(j)
        found.append(np.array(sorted(seen)))
    if len(found) < 2:
        raise ValueError(f"expected a hallux and a second toe at least, found {len(found)} toes")
    return tuple(found)


# ------------------------------------------------------------------ leg


def with_leg(vertices: Array, faces: Array, ring: Array, top_mm: float) -> tuple[Array, Array, Array, Array]:
    """A leg on the level edge ``ring`` (k,) of a cut foot, closed by a flat lid at ``top_mm``: vertices, faces,
    ``added`` and ``lid`` (BaseFoot). It leaves the skin in the skin's own direction and widens towards the calf;
    further columns fade out along it."""
    edge = vertices[ring, :3]
    base = float(edge[0, 2])
    middle = np.append((edge[:, :2].min(axis=0) + edge[:, :2].max(axis=0)) / 2, base)
    slope = _slopes(vertices[:, :3], faces, edge, middle)
    rounder = _rounded(edge[:, :2] - middle[:2])
    heights = np.linspace(base, top_mm, max(2, int(np.ceil((top_mm - base) / RING_MM))) + 1)[1:]
    rings, wall = [vertices], [faces]
    before = ring
    for k, z in enumerate(heights):
        h, share = z - base, (z - base) / (top_mm - base)
        grown = OWN_SLOPE_MM * (1.0 - np.exp(-h / OWN_SLOPE_MM))
        even = 3.0 * share**2 - 2.0 * share**3
        own = edge[:, :2] - middle[:2]
        plan = middle[:2] + (own + even * (rounder - own) + slope * grown) * (1.0 + CALF * share**2)
        rings.append(np.column_stack([plan, np.full(len(edge), z), vertices[ring, 3:] * (1.0 - share) ** 2]))
        ids = len(vertices) + k * len(edge) + np.arange(len(edge))
        a, b, c, d = before, np.roll(before, -1), np.roll(ids, -1), ids
        wall += [np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]
        before = ids
    centre = len(vertices) + len(heights) * len(edge)
    rings.append(rings[-1].mean(axis=0)[None])
    wall.append(np.stack([before, np.roll(before, -1), np.full(len(before), centre)], axis=1))
    lid = np.append(before, centre)
    added = np.concatenate([np.zeros(len(vertices)), np.repeat((heights - base) / (top_mm - base), len(edge)), [1.0]])
    return np.vstack(rings), np.concatenate(wall), added, lid


def seamless(vertices: Array, faces: Array, z_mm: float, reach_mm: float = 9.0, rounds: int = 60) -> Array:
    """The skin near a height evened out in the plan (and in all further columns): no crease where the leg begins."""
    links = links_of(faces)
    weight = 0.5 * (1.0 - smooth_step(np.abs(vertices[:, 2] - z_mm) / reach_mm))
    near = np.flatnonzero(weight > 0.0)
    mean = csr_matrix(links[near].multiply(1.0 / links[near].sum(axis=1)))
    keep = [k for k in range(vertices.shape[1]) if k != 2]
    columns = vertices[:, keep].copy()
    for _ in range(rounds):
        columns[near] += weight[near, None] * (mean @ columns - columns[near])
    smooth = vertices.copy()
    smooth[:, keep] = columns
    return smooth


def _rounded(ring: Array, orders: int = 2) -> Array:
    """The ring (k, 2) about its middle without its tendons and hollows: the first few waves of its radius."""
    angle, radius = np.arctan2(ring[:, 1], ring[:, 0]), np.hypot(ring[:, 0], ring[:, 1])
    waves = [np.ones_like(angle)] + [w(k * angle) for k in range(1, orders + 1) for w in (np.cos, np.sin)]
    design = np.stack(waves, axis=1)
    weight = np.sqrt(np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1))[:, None]
    c = np.linalg.lstsq(design * weight, radius * weight[:, 0], rcond=None)[0]
    return np.asarray(ring * (design @ c / radius)[:, None])


def _slopes(vertices: Array, faces: Array, edge: Array, middle: Array, lower_mm: float = 6.0) -> Array:
    """How far (k, 2) the skin moves outwards a millimetre of height at the edge (k, 3), against a section a little
    lower."""
    lower = sections.level(vertices, faces, float(edge[0, 2]) - lower_mm).reshape(-1, 3)
    slope = np.zeros((len(edge), 2))
    for k, p in enumerate(edge):
        near = lower[int(np.argmin(np.hypot(*(lower[:, :2] - p[:2]).T)))]
        outward = (p - middle)[:2] / np.linalg.norm((p - middle)[:2])
        slope[k] = outward * float((p[:2] - near[:2]) @ outward) / lower_mm
    for _ in range(60):  # no crease of one vertex's making
        slope = (np.roll(slope, 1, axis=0) + 2 * slope + np.roll(slope, -1, axis=0)) / 4
    return slope


# ------------------------------------------------------------------ the shapes


def coarse(family: str) -> list[tuple[str, Array, Array]]:
    """Name, vertices (n, 3) mm and faces of the shapes as they are given: left feet, mirrored to right ones."""
    from footscan import io

    folder, mm, _, _ = SHAPES[family]
    found = []
    for file in sorted((SCANS / folder).glob("*.[sp][tl][ly]")):
        mesh = io.read_geometry(file, mm)
        if not isinstance(mesh, Mesh):
            raise ValueError(f"{file.name}: expected a mesh, found a cloud")
        v, f = welded(mesh.vertices[mesh.faces])
        found.append((file.stem, v * [1.0, -1.0, 1.0], f[:, ::-1]))
    if not found:
        raise FileNotFoundError(f"expected the shapes of {family} in ../shared/data/scans/{folder}, found none")
    return found


@cache
def shapes(family: str) -> tuple[tuple[str, Array, Array], ...]:
    """Name, columns (n, 3 and three more a mode) and faces of a family's base shapes: one of FIND, with its modes; each
    of MakeHuman by itself."""
    given = coarse(family)
    if family != "find":
        return tuple(given)
    known = {name: v for name, v, _ in given}  # all of one topology
    modes = [(known[f"s{k}p2"] - known[f"s{k}m2"]) / 4.0 for k in range(1, MODES + 1)]
    name, v, f = given[0]
    return ((name, np.hstack([v, *modes]), f),)


@cache
def base(family: str, which: int) -> BaseFoot:
    """A base foot of a family, made once a process."""
    name, vertices, faces = shapes(family)[which]
    return base_foot(family, name, vertices, faces)


def moved(columns: Array, T: Array) -> Array:
    """Points and their modes (n, 1 + modes, 3) in another frame: modes are turned, not shifted."""
    turned = columns @ T[:3, :3].T
    turned[:, 0] += T[:3, 3]
    return np.asarray(turned)


def base_foot(family: str, name: str, vertices: Array, faces: Array) -> BaseFoot:
    """A coarse shape (n, 3 and more columns, three a mode), x roughly from heel to toe, made into a base foot."""
    _, _, rounds, clean = SHAPES[family]
    vertices, faces = subdivided(vertices, faces, rounds)
    low, high = vertices[:, :3].min(axis=0), vertices[:, :3].max(axis=0)
    vertices[:, :3] -= [low[0], (low[1] + high[1]) / 2, low[2]]
    length = float(high[0] - low[0])
    # the leg is cut off before the foot is tipped: ragged edges would be in the way
    vertices, faces, ring, _ = cut_level(vertices, faces, clean * length)
    toes = toe_sets(vertices, faces)
    columns = vertices.reshape(len(vertices), -1, 3)
    columns = moved(columns, frame_of(columns[:, 0], toes))
    columns = moved(columns, upright(columns[:, 0], ring, length))
    columns = moved(columns, frame_of(columns[:, 0], toes))
    columns[:, 0, 2] += forefoot_down(columns[:, 0], length)
    columns = moved(columns, floor_of(columns[:, 0], np.array([0.45 * length, 0.0])))
    columns = moved(columns, frame_of(columns[:, 0], toes))
    vertices = columns.reshape(len(vertices), -1)
    # tipping has tilted the edge: a level one, a little lower
    vertices, faces, ring, old = cut_level(vertices, faces, float(vertices[ring, 2].min()) - 0.5)
    toes = tuple(np.flatnonzero(np.isin(old, toe)) for toe in toes)
    seam = float(vertices[ring[0], 2])
    vertices, faces, added, lid = with_leg(vertices, faces, ring, LEG * float(vertices[:, 0].max()))
    vertices = seamless(vertices, faces, seam)
    modes = vertices[:, 3:].reshape(len(vertices), -1, 3).transpose(1, 0, 2)
    return BaseFoot(name, vertices[:, :3].copy(), faces, toes, added, lid, modes)
