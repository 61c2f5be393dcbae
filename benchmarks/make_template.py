"""`make template`: the mean foot, its shape modes and its landmarks, out of drawn feet, into template_data.npz.

Every foot of ``footscan.synth`` is drawn on the same grids, so that vertex k lies at the same place of each: their mean
and their principal components are the template of ``footscan.measures.template``. Two kinds: toes apart, toes fused (a
sock). Same code, same bytes: seeds are fixed, the archive's members are dated 1980.
"""

from __future__ import annotations

import contextlib
import io
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from footscan.measures.template import DATA_FILE
from footscan.synth import FootSpec, SyntheticFoot, draw_spec, fitting, make_foot, truth
from footscan.synth.feet import NAVICULAR_SHARE, wanted_sizes
from footscan.synth.loft import smooth_step
from footscan.types import Array

Kind = Literal["apart", "fused"]
KINDS: tuple[Kind, ...] = ("apart", "fused")
FEET = {"apart": 200, "fused": 120}
FIRST_SEED = {"apart": 7_000_000, "fused": 8_000_000}  #: far from the seeds that tests and benchmarks draw
LEG, TOP = 0.80, 0.70  #: of foot length: the leg as it is drawn, and as much of it as the template keeps
MODES = {"apart": 36, "fused": 28}  #: the later ones hardly move the skin, but the ball and malleoli along it
ROWS, AROUND = 250, 160  #: of the drawn body
BODY_STEP, TOE_STEP = (5, 4), (3, 4)  #: rows and columns of body and toes that the template keeps: every so many
SEEN_MM = 1.0  #: a drawn point farther inside the finished skin is hidden in a toe or in the body
SEEN_SHARE = 0.85  #: of the feet: points that are hidden more often are left out
LIFTED_SHARE, LIFT_DEG = 0.33, (-4.0, 25.0)  #: of the feet carry their toes raised (no load): by so much
HINGE, HINGE_WIDTH, HINGE_HEIGHT = 0.025, 0.09, 0.05  #: of foot length: ahead of the heads; where skin bends; its axis
HEEL_RANGE = (0.08, 0.24)  #: of foot length: heel_medial, heel_lateral
UPWARDS = np.array([0.0, 0.0, 1.0])
BULGES = {"toe1_bulge": (truth.TOE1_BULGE, 1.0), "toe5_bulge": (truth.TOE5_BULGE, -1.0)}


@dataclass(frozen=True, eq=False)
class Sample:
    """Drawn points (m, 3) and landmarks (l, 3) of one foot, in fractions of its length; which points can be seen."""

    points: Array
    seen: Array
    marks: dict[str, Array]


def spec_of(seed: int, kind: Kind) -> FootSpec:
    """A foot as people have them, but every second with any arch from flat to high and any rearfoot."""
    spec = draw_spec(seed, side="right")
    length = spec.length_mm
    if seed % 2:
        rng = np.random.default_rng(seed)
        arch, lean = rng.uniform(0.018, 0.075) * length, rng.uniform(-5.0, 8.0)
        spec = replace(spec, arch_apex_height_mm=float(arch), rearfoot_angle_deg=float(lean))
    return replace(spec, leg_mm=LEG * length, toes=kind)


def grids_of(spec: FootSpec) -> list[Array]:
    """The drawn grids of body and toes (rows, around, 3) mm, as ``make_foot`` draws them."""
    length = spec.length_mm
    wanted = wanted_sizes(spec)
    navicular = NAVICULAR_SHARE * length if spec.navicular_height_mm is None else spec.navicular_height_mm
    drawing = fitting.start(spec.toe_type, length, spec.leg_mm, spec.toes == "fused", True, navicular, wanted)
    drawing = fitting.fit(drawing, wanted)
    body = drawing.body(ROWS, AROUND)[:: BODY_STEP[0], :: BODY_STEP[1]]
    return [body, *(grid[:: TOE_STEP[0], :: TOE_STEP[1]] for grid in drawing.toes())]


def sample(spec: FootSpec) -> Sample:
    """One foot of the set. ValueError where its sizes can't be had together."""
    made = make_foot(spec)
    drawn = np.vstack([grid.reshape(-1, 3) for grid in grids_of(spec)])
    # stage 1: the finished foot was turned, shifted and stretched by a little: its own vertices tell by how much
    tree = cKDTree(made.mesh.vertices)
    moved = drawn
    for _ in range(12):
        gap, mate = _nearest(tree, moved)
        near = gap <= np.quantile(gap, 0.5)
        given = np.column_stack([drawn[near], np.ones(near.sum())])
        move = np.linalg.lstsq(given, made.mesh.vertices[mate[near]], rcond=None)[0]
        moved = np.column_stack([drawn, np.ones(len(drawn))]) @ move
        if gap[near].max() < 1e-6:
            break
    else:
        raise ValueError(f"the drawn points don't lie on the finished foot: {gap[near].max():.3g} mm off")
    # stage 2: what is hidden, and the landmarks
    return Sample(moved / spec.length_mm, _nearest(tree, moved)[0] < SEEN_MM, marks_of(made))


def _nearest(tree: cKDTree, points: Array) -> tuple[Array, Array]:
    gap, mate = tree.query(points)
    return np.asarray(gap), np.asarray(mate)


def marks_of(made: SyntheticFoot) -> dict[str, Array]:
    """All landmarks of a foot in fractions of its length: the true ones, sides of the heel and bulges of the toes."""
    v, length = made.mesh.vertices, made.spec.length_mm
    low = v[:, 2] <= truth.LOW_MM
    marks = dict(made.landmarks.points)
    for name, sign in (("heel_medial", 1.0), ("heel_lateral", -1.0)):
        inside = low & (v[:, 0] > HEEL_RANGE[0] * length) & (v[:, 0] < HEEL_RANGE[1] * length)
        marks[name] = truth.prominence(v, inside, sign * truth.ACROSS, 9.0)
    for name, (station, sign) in BULGES.items():
        strip = v[low & (np.abs(v[:, 0] - station * length) < 0.008 * length)]
        marks[name] = np.array([station * length, *strip[int((sign * strip[:, 1]).argmax()), 1:]])
    return {name: np.asarray(marks[name]) / length for name in sorted(marks)}


def raise_toes(samples: list[Sample], seed: int) -> list[Sample]:
    """The same feet, a share of them with toes raised as they are without load."""
    rng = np.random.default_rng(seed)
    return [lift(s, float(rng.uniform(*LIFT_DEG))) if rng.random() < LIFTED_SHARE else s for s in samples]


def lift(foot: Sample, angle_deg: float) -> Sample:
    """All that lies ahead of the ball turned up by ``angle_deg`` about a line beside that of the metatarsal heads."""
    a, b = foot.marks["mth5"][:2], foot.marks["mth1"][:2]
    across = np.array([*(b - a), 0.0]) / np.linalg.norm(b - a)
    ahead = np.array([across[1], -across[0], 0.0])
    axis = np.array([*a, HINGE_HEIGHT]) + HINGE * ahead

    def turn(points: Array) -> Array:
        d = points - axis
        angle = np.deg2rad(angle_deg) * smooth_step(d @ ahead / HINGE_WIDTH)
        x, z = d @ ahead, d[:, 2]
        up = x * np.sin(angle) + z * np.cos(angle) - z
        return np.asarray(points + (x * np.cos(angle) - z * np.sin(angle) - x)[:, None] * ahead + up[:, None] * UPWARDS)

    names = sorted(foot.marks)
    marks = turn(np.stack([foot.marks[name] for name in names]))
    return replace(foot, points=turn(foot.points), marks=dict(zip(names, marks)))


def grid_faces(shapes: list[tuple[int, int]]) -> Array:
    """Triangles (f, 3) between the points of closed grids (rows, around), outwards."""
    faces, first = [], 0
    for rows, around in shapes:
        i = np.arange(rows - 1)[:, None] * around
        j = np.arange(around)[None, :]
        k = (j + 1) % around
        a, b, c, d = (first + n.ravel() for n in (i + j, i + k, i + around + j, i + around + k))
        faces += [np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)]
        first += rows * around
    return np.vstack(faces)


def draw(kind: Kind, count: int) -> list[Sample]:
    """The first ``count`` feet that can be made."""
    found: list[Sample] = []
    seed = FIRST_SEED[kind]
    while len(found) < count:
        with contextlib.suppress(ValueError):  # sizes that no drawn foot has together: the next one
            found.append(sample(spec_of(seed, kind)))
        seed += 1
        if len(found) % 20 == 0:
            print(f"{kind}: {len(found)} of {count} feet", file=sys.stderr, flush=True)
    return found


def grid_shapes(kind: Kind) -> list[tuple[int, int]]:
    """Rows and columns of the grids that the template keeps."""
    body, toe = (ROWS // BODY_STEP[0], AROUND // BODY_STEP[1]), (60 // TOE_STEP[0], 48 // TOE_STEP[1])
    return [body] + ([toe] * 5 if kind == "apart" else [])


def build(kind: Kind, samples: list[Sample]) -> dict[str, Array]:
    """The arrays of one kind: mean, modes (one SD each), faces, landmarks; quantised."""
    samples = raise_toes(samples, FIRST_SEED[kind])
    points = np.stack([s.points for s in samples])
    faces = grid_faces(grid_shapes(kind))
    # stage 1: points that are skin on nearly all feet, below the top
    mean = points.mean(axis=0)
    keep = (np.mean([s.seen for s in samples], axis=0) >= SEEN_SHARE) & (mean[:, 2] < TOP)
    faces = faces[keep[faces].all(axis=1)]
    used = np.unique(faces)
    place = np.full(len(keep), -1)
    place[used] = np.arange(len(used))
    faces, points, mean = place[faces], points[:, used], mean[used]
    # stage 2: principal components, every point weighted by its share of the skin
    a, b, c = (mean[faces[:, k]] for k in range(3))
    size = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2.0
    weight = np.sqrt(sum(np.bincount(faces[:, k], size, len(mean)) for k in range(3)) / 3.0)
    rest = points - mean
    flat = (rest * weight[:, None]).reshape(len(samples), -1)
    u, s, _ = np.linalg.svd(flat, full_matrices=False)
    u *= np.sign(np.take_along_axis(u, np.abs(u).argmax(axis=0)[None], axis=0))  # a mode's sign is anyone's choice
    k = MODES[kind]
    score = u[:, :k] * np.sqrt(len(samples) - 1.0)  # one SD is 1
    modes = np.einsum("nk,nmd->kmd", score, rest) / (len(samples) - 1.0)
    left = 1.0 - float((s[:k] ** 2).sum() / (s**2).sum())
    print(f"{kind}: {len(used)} points, {k} modes leave {100 * left:.2f} % of the variance", file=sys.stderr)
    # stage 3: landmarks go with the modes
    names = sorted(samples[0].marks)
    marks = np.stack([[sample.marks[name] for name in names] for sample in samples])
    marks_modes = np.einsum("nk,nmd->kmd", score, marks - marks.mean(axis=0)) / (len(samples) - 1.0)
    rest_marks = marks - marks.mean(axis=0) - np.einsum("nk,kmd->nmd", score, marks_modes)
    step = np.abs(modes).max(axis=(1, 2)) / 127.0
    return {
        f"{kind}_mean": np.round(mean * 2e4).astype(np.int16),
        f"{kind}_modes": np.round(modes / step[:, None, None]).astype(np.int8),
        f"{kind}_mode_step": step,
        f"{kind}_faces": faces.astype(np.int16),
        f"{kind}_marks": marks.mean(axis=0).round(6),
        f"{kind}_marks_modes": marks_modes.round(6),
        f"{kind}_marks_sd": rest_marks.std(axis=0).round(6),
        f"{kind}_names": np.array(names),
    }


def write(path: Path, arrays: dict[str, Array]) -> None:
    """An npz whose bytes depend on the arrays alone."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(arrays):
            body = io.BytesIO()
            np.lib.format.write_array(body, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, body.getvalue())


def main() -> None:
    """Draws the feet (about five minutes on one core) and writes the package's data file."""
    arrays: dict[str, Array] = {}
    for kind in KINDS:
        arrays |= build(kind, draw(kind, FEET[kind]))
    write(DATA_FILE, arrays)
    print(f"{DATA_FILE.name}: {DATA_FILE.stat().st_size / 1000:.0f} kB", file=sys.stderr)


if __name__ == "__main__":
    main()
