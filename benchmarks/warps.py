"""Smooth random warps of real shapes: proportions drawn as people's vary, gentle bends, waves of a few millimetres.

The truth of a warped foot comes from its own dense mesh (footscan.synth.truth: exact plane sections, definitions of
measures.md); the toes' tips are where the base foot's toes have gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import families
import numpy as np
from base_feet import BaseFoot, base, floor_of, forefoot_down, frame_of, shapes, tip, upright
from surfaces import hills, links_of

from footscan.frame import transform
from footscan.synth import answers, draw_spec, prints, truth
from footscan.synth.loft import smooth_step
from footscan.synth.skin import settle
from footscan.types import Array, Mesh, Side

WAVES, WAVE_MM = 8, (70.0, 220.0)  #: how many, their lengths
WAVE_AMPLITUDE_MM = 0.7  #: SD of each component of each
MODE_SPREAD = 2.0  #: SD: no farther than the shapes that are given
ACROSS, UP = (0.86, 1.16), (0.85, 1.18)  #: breadth and height against length: the most change
BUMP_MM, BUMP_RADIUS = {"find": (1.0, 4.0), "makehuman": (3.0, 6.0)}, 0.042  #: height, and radius in foot lengths
MEDIAL_HIGH, LATERAL_HIGH = (0.23, 0.41), (0.20, 0.37)  #: where malleoli are, of the length (ANSUR II: 5 SD)
TOE_PRINT = (0.72, 0.84)  #: a toe's own print begins ahead of the first; no ball's print reaches the second
PRINT_KEYS = ("arch_index", "chippaux_smirak", "staheli", "clarke_angle_deg", "plantar_heel_breadth_mm")
MALLEOLUS_RISE_MM = 0.4  #: a prominence rises so far above what surrounds it


@dataclass(frozen=True)
class Warp:
    """One smooth change of a base foot; as it stands it changes nothing.

    ``scale`` along, across, up; ``heel`` the heel's breadth besides; ``ball`` shift of the ball's station; bends of the
    toes (up), of the forefoot (medially), of the leg (medially, forwards) in degrees; ``waves`` (amplitude (3,) mm,
    wave vector (3,) rad/mm, phase) each; ``modes`` SD of the learned modes; ``bumps`` (x, z of the length, height mm)
    on the ankle's medial and lateral side; ``stand``: the ankle over the heel, both sides of the forefoot down;
    ``press_mm``: how deep the sole is pressed flat; ``leg`` height of the leg's lid, of the length.
    """

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    heel: float = 1.0
    ball: float = 0.0
    toes_deg: float = 0.0
    forefoot_deg: float = 0.0
    leg_in_deg: float = 0.0
    leg_ahead_deg: float = 0.0
    waves: tuple[tuple[tuple[float, float, float], tuple[float, float, float], float], ...] = ()
    modes: tuple[float, ...] = ()
    bumps: tuple[tuple[float, float, float], ...] = ()
    stand: bool = False
    press_mm: float = 0.0
    leg: float = 0.76


@cache
def base_sizes(family: str, which: int) -> dict[str, float]:
    """Sizes of a base foot that are matched to those of people."""
    foot = base(family, which)
    v, length = foot.vertices, foot.length
    skin = truth.Skin(v, foot.faces, length)
    mth1, mth5 = truth.ball_points(v, length)
    return {
        "length": length,
        "breadth": float(np.hypot(*(mth1 - mth5)[:2])),
        "heel": truth.breadth_at(skin.part(0.1, 0.22, 60.0), truth.HEEL_STATION),
        "instep": truth.hull_at(skin.part(0.45, 0.56), 0.50)[1],
        "ball": float(mth1[0]) / length,
    }


def draw_warp(family: str, seed: int) -> tuple[int, Warp, Side]:
    """Which base foot, how it is warped, and its side."""
    rng = np.random.default_rng([seed, families.FAMILIES.index(family)])
    which = int(rng.integers(len(shapes(family))))
    own, spec = base_sizes(family, which), draw_spec(int(rng.integers(2**31)))
    along = spec.length_mm / own["length"]
    across = along * float(np.clip((spec.foot_breadth_mm or 0.0) / own["breadth"] / along, *ACROSS))
    up = along * float(np.clip((spec.instep_height_mm or 0.0) / own["instep"] / along, *UP))
    waves = []
    for _ in range(WAVES):
        direction = rng.normal(size=3)
        k = direction / np.linalg.norm(direction) * 2.0 * np.pi / rng.uniform(*WAVE_MM)
        waves.append((_three(rng.normal(0.0, WAVE_AMPLITUDE_MM, 3)), _three(k), float(rng.uniform(0.0, 2 * np.pi))))

    def bump() -> float:
        return float(rng.uniform(*BUMP_MM[family]))

    def angle(sd: float) -> float:
        return float(sd * np.clip(rng.normal(), -2.0, 2.0))

    high = along / up / spec.length_mm  # heights of the spec, on the base foot, of its length
    warp = Warp(
        scale=(along, across, up),
        heel=float(np.clip((spec.heel_breadth_mm or 0.0) / own["heel"] / across, 0.9, 1.12)),
        ball=float(np.clip(spec.mth1_station - own["ball"], -0.02, 0.02)),
        toes_deg=angle(4.0),
        forefoot_deg=angle(2.5),
        leg_in_deg=angle(2.0),
        leg_ahead_deg=angle(2.0),
        waves=tuple(waves),
        modes=tuple(np.clip(rng.normal(size=len(base(family, which).modes)), -MODE_SPREAD, MODE_SPREAD).tolist()),
        bumps=(
            (float(rng.normal(0.245, 0.006)), high * (spec.malleolus_medial_height_mm or 0.0), bump()),
            (float(rng.normal(0.195, 0.006)), high * (spec.malleolus_lateral_height_mm or 0.0), bump()),
        ),
        stand=True,
        press_mm=float(rng.uniform(0.8, 2.5)),
        leg=float(rng.uniform(0.72, 0.85)),
    )
    return which, warp, spec.side


def _three(v: Array) -> tuple[float, float, float]:
    return float(v[0]), float(v[1]), float(v[2])


def warped(foot: BaseFoot, warp: Warp) -> Array:
    """The vertices (n, 3) mm of the warped foot, on the floor and in its frame."""
    v = foot.vertices.copy()
    for weight, mode in zip(warp.modes, foot.modes):
        v = v + weight * mode
    # stage 1: proportions
    length = foot.length
    x = v[:, 0] / length
    v[:, 0] += warp.ball * length * np.sin(np.pi * np.clip(x, 0.0, 1.0)) ** 2
    rear = (1.0 - smooth_step((x - 0.2) / 0.3)) * (1.0 - smooth_step(v[:, 2] / length / 0.3))
    v[:, 1] *= 1.0 + (warp.heel - 1.0) * rear
    v[:, 1] += _ankle_bumps(v, length, warp.bumps)
    v = v * np.array(warp.scale)
    # stage 2: bends
    length *= warp.scale[0]
    toes, fore = (np.maximum(v[:, 0] - start * length, 0.0) for start in (0.68, 0.45))
    v[:, 2] += np.tan(np.deg2rad(warp.toes_deg)) * toes**2 / (2 * 0.32 * length)
    v[:, 1] += np.tan(np.deg2rad(warp.forefoot_deg)) * fore**2 / (2 * 0.55 * length)
    leg = np.maximum(v[:, 2] - 0.2 * length, 0.0)
    leg = leg**2 / (leg + 0.1 * length)  # bends in, without a crease
    v[:, 1] += np.tan(np.deg2rad(warp.leg_in_deg)) * leg
    v[:, 0] += np.tan(np.deg2rad(warp.leg_ahead_deg)) * leg
    # stage 3: waves
    shift = np.zeros_like(v)
    for amplitude, k, phase in warp.waves:
        shift += np.sin(v @ np.array(k) + phase)[:, None] * np.array(amplitude)
    v = v + shift
    # stage 4: on the floor, the sole pressed flat, the leg's top level
    v = transform(frame_of(v, foot.toes), v)
    if warp.stand:
        ankle = np.flatnonzero((foot.added > 0.0) & (foot.added < 0.1))
        v = transform(upright(v, ankle, length), v)
        v[:, 2] += forefoot_down(v, length)
    v = transform(floor_of(v, np.array([0.45 * length, 0.0])), v)
    if warp.press_mm > 0.0:
        v = settle(v - [0.0, 0.0, warp.press_mm])
    v = transform(frame_of(v, foot.toes), v)
    return level_top(v, foot, warp.leg * float(v[:, 0].max()))


def _ankle_bumps(v: Array, length: float, bumps: tuple[tuple[float, float, float], ...]) -> Array:
    """The shift in y (n,) that the bumps on the ankle's sides make, medial first."""
    x, z = v[:, 0] / length, v[:, 2] / length
    ankle = v[(x < 0.45) & (z > 0.3) & (z < 0.45), 1]
    out = v[:, 1] - (ankle.min() + ankle.max()) / 2
    side = smooth_step(np.abs(out) / (0.08 * length)) * np.sign(out)
    shift = np.zeros(len(v))
    for sign, (at, high, height) in zip((1.0, -1.0), bumps):
        bell = np.exp(-0.5 * ((x - at) ** 2 + (z - high) ** 2) / BUMP_RADIUS**2)
        shift += sign * height * np.maximum(sign * side, 0.0) * bell
    return shift


def level_top(v: Array, foot: BaseFoot, top_mm: float) -> Array:
    """The added leg stretched until its lid is level at a height."""
    on = np.flatnonzero(foot.added > 0.0)
    share = foot.added[on]
    edge = float(v[on[share == share.min()], 2].mean())
    weight = smooth_step(2.0 * share)
    v = v.copy()
    v[on, 2] += weight * (edge + (top_mm - edge) * share - v[on, 2])
    v[foot.lid, 2] = top_mm
    return v


def malleoli(vertices: Array, foot: BaseFoot, length: float) -> tuple[Array | None, Array | None]:
    """Medial and lateral malleolus (3,): on each side of the ankle the hill that rises most; None where none rises."""
    found: list[Array | None] = []
    x, z = vertices[:, 0] / length, vertices[:, 2] / length
    links = links_of(foot.faces)
    for sign, (low, high) in ((1.0, MEDIAL_HIGH), (-1.0, LATERAL_HIGH)):
        side = (x > 0.06) & (x < 0.40) & (z > low) & (z < high)
        side &= sign * (vertices[:, 1] - np.median(vertices[side, 1])) > 0.0
        rise = hills(sign * vertices[:, 1], np.flatnonzero(side), links)
        inner = [k for k in rise if side[links.indices[links.indptr[k] : links.indptr[k + 1]]].all()]
        top = max(inner, key=lambda k: rise[k], default=None)
        if top is None or rise[top] < MALLEOLUS_RISE_MM:
            found.append(None)
            continue
        around = np.linalg.norm(vertices - vertices[top], axis=1) < 12.0
        found.append(truth.prominence(vertices, around & side, sign * truth.ACROSS))
    return found[0], found[1]


def true_values(vertices: Array, foot: BaseFoot, leg_mm: float) -> tuple[truth.Values, dict[str, Array]]:
    """What is true of a warped foot, and its landmarks."""
    length = float(vertices[:, 0].max())
    tips = np.stack([tip(vertices, toe) for toe in foot.toes])
    skin = truth.Skin(vertices, foot.faces, length)
    ankles = malleoli(vertices, foot, length)
    values, marks = answers.true_answers(skin, tips, leg_mm, (0.0, 0.0), True, ankles)
    return values | _print_values(prints.contact_print(vertices, foot.faces), length), marks


def _print_values(outlines: list[Array], length: float) -> truth.Values:
    """The values of the toeless print; None where the toes' print runs into the ball's, or the ball leaves none."""
    own = [p for p in outlines if p[:, 0].min() < TOE_PRINT[0] * length or p[:, 0].mean() < prints.TOELESS * length]
    if (
        min(p[:, 0].min() for p in own) > 0.2 * length
        or not 0.6 < max(p[:, 0].max() for p in own) / length < TOE_PRINT[1]
    ):
        return dict.fromkeys(PRINT_KEYS)
    return dict(prints.print_values(own, length))


def draw(family: str, seed: int) -> families.TrueFoot:
    """A random warp of a random shape of a family."""
    for attempt in range(5):  # one whose truth can't be told is drawn again
        which, warp, side = draw_warp(family, seed + attempt * 1_000_003)
        try:
            return finished(base(family, which), warp, side, family, seed)
        except ValueError:
            continue
    raise ValueError(f"no foot of {family} could be drawn from seed {seed}")


def finished(foot: BaseFoot, warp: Warp, side: Side, family: str = "find", seed: int = 0) -> families.TrueFoot:
    """The warped foot with its truth, on its side."""
    vertices = warped(foot, warp)
    leg_mm = float(vertices[foot.lid[0], 2])
    values, marks = true_values(vertices, foot, leg_mm)
    faces = foot.faces
    if side == "left":
        mirror = np.array([1.0, -1.0, 1.0])
        vertices, faces = vertices * mirror, faces[:, ::-1]
        marks = {k: p * mirror for k, p in marks.items()}
    return families.true_foot(Mesh(vertices, faces, "foot"), side, values, marks, family, seed, leg_mm)
