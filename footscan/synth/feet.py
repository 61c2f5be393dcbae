"""Feet whose true answers are known: constructed from asked sizes, measured on their own skin by plane sections.

``make_foot`` draws the skin (``loft``), joins toes and body, and adjusts the drawing until its *true* sizes are the
asked ones; the truth is then taken from the finished mesh by ``truth`` (exact plane-triangle sections), never by the
code that measures scans.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from footscan.frame import compose, transform, turn_z
from footscan.synth import answers, fitting, joining, loft, truth
from footscan.types import Array, Landmarks, Mesh, Side

ToeType = Literal["egyptian", "greek", "square"]


@dataclass(frozen=True)
class FootSpec:
    """What is asked of a foot. None: in proportion to the length (ANSUR II men: ratios in ``people``).

    Breadth is the diagonal MTH1-MTH5 in floor projection; stations are fractions of foot length from the pternion.
    """

    side: Side = "right"
    length_mm: float = 270.0
    foot_breadth_mm: float | None = None
    ball_girth_mm: float | None = None
    instep_height_mm: float | None = None
    heel_breadth_mm: float | None = None
    mth1_station: float = 0.74
    mth5_station: float = 0.635
    arch_apex_height_mm: float | None = None
    arch_apex_station: float = 0.42
    malleolus_lateral_height_mm: float | None = None
    malleolus_medial_height_mm: float | None = None
    bimalleolar_breadth_mm: float | None = None
    navicular_height_mm: float | None = None  # where the bump is drawn: its apex lies where the skin has it
    ankle_girth_mm: float | None = None
    toe_type: ToeType = "egyptian"
    toe1_angle_deg: float = 8.0
    toe5_angle_deg: float = 12.0
    rearfoot_angle_deg: float = 2.0
    leg_mm: float = 200.0
    toes: Literal["apart", "fused"] = "apart"
    sole: Literal["arched", "capped"] = "arched"

    def __post_init__(self) -> None:
        if self.side not in ("left", "right"):
            raise ValueError(f"side must be left or right, got {self.side!r}")
        if not 140.0 <= self.length_mm <= 340.0:
            raise ValueError(f"length_mm must lie between 140 and 340, got {self.length_mm}")
        low, high = 0.30 * self.length_mm, 1.35 * self.length_mm
        if not low <= self.leg_mm <= high:
            raise ValueError(f"leg_mm must lie between {low:.0f} and {high:.0f} for this length, got {self.leg_mm}")


@dataclass(frozen=True, eq=False)
class SyntheticFoot:
    """``mesh``: watertight, mm, foot frame, true side, closed by a flat lid at the leg's top (z = ``leg_mm``);
    ``truth``: the keys of measures.md, None where the shape can't support one; ``landmarks`` in the mesh's frame."""

    mesh: Mesh
    truth: Mapping[str, float | str | None]
    landmarks: Landmarks
    spec: FootSpec


# ------------------------------------------------------------------ building

#: sizes that follow the length where the spec leaves them open (ANSUR II men, ratios of means; arch, navicular and
#: medial malleolus are our own choice)
RATIOS = {
    "foot_breadth_mm": 0.3759,  # across; the diagonal follows from the stations
    "ball_girth_mm": 0.9301,
    "instep_height_mm": 0.252,
    "heel_breadth_mm": 0.2675,
    "ankle_girth_mm": 0.8464,
    "bimalleolar_breadth_mm": 0.276,
    "malleolus_lateral_height_mm": 0.2691,
    "malleolus_medial_height_mm": 0.312,
    "arch_apex_height_mm": 0.048,
}
TOE_OUT_MM = 0.5  #: what joining the toes may do to the ball's breadth
NAVICULAR_SHARE = 0.155  #: of foot length, our own choice


def wanted_sizes(spec: FootSpec) -> dict[str, float]:
    """Every size that the drawing is fitted to, the open ones filled in proportion to the length."""
    asked = {key: getattr(spec, key) for key in RATIOS}
    wanted = {k: RATIOS[k] * spec.length_mm if v is None else float(v) for k, v in asked.items()}
    if spec.foot_breadth_mm is None:
        wanted["foot_breadth_mm"] = float(
            np.hypot(wanted["foot_breadth_mm"], (spec.mth1_station - spec.mth5_station) * spec.length_mm)
        )
    wanted |= {k: getattr(spec, k) for k in ("mth1_station", "mth5_station", "arch_apex_station", "rearfoot_angle_deg")}
    if spec.toes == "apart":
        wanted |= {"toe1_angle_deg": spec.toe1_angle_deg, "toe5_angle_deg": spec.toe5_angle_deg}
    if spec.sole == "capped":
        del wanted["arch_apex_height_mm"], wanted["arch_apex_station"]
    return wanted


def make_foot(spec: FootSpec | None = None) -> SyntheticFoot:
    """The foot that ``spec`` asks for, its true sizes and landmarks.

    Asked sizes come back within 0.05 mm (length), 0.3 mm (breadths, instep, ball girth, arch), 0.5 mm (between the
    malleoli), 1 mm (ankle girth), 2 mm (heights of the malleoli: flat hilltops), 0.3 degrees (rearfoot), 1 degree (toe
    1) and 3 degrees (toe 5, which has little room); ``truth`` says what was reached. ValueError where they can't be had
    together in one foot.
    """
    return _make(spec or FootSpec())


@functools.lru_cache(maxsize=12)
def _make(spec: FootSpec) -> SyntheticFoot:
    """One foot; the same spec is not built twice (about 5 MB each)."""
    length, fused, arched = float(spec.length_mm), spec.toes == "fused", spec.sole == "arched"
    # stage 1: the drawing that has the asked sizes
    wanted = wanted_sizes(spec)
    navicular = NAVICULAR_SHARE * length if spec.navicular_height_mm is None else spec.navicular_height_mm
    drawing = fitting.start(spec.toe_type, length, spec.leg_mm, fused, arched, navicular, wanted)
    drawing = fitting.fit(drawing, wanted)
    # stage 2: one skin out of body and toes
    grids = drawing.toes()
    vertices, faces = joining.join([loft.grid_mesh(g) for g in (drawing.body(), *grids)], spec.leg_mm, 0.75 * length)
    tips = np.stack([g.reshape(-1, 3)[g[..., 0].argmax()] for g in grids]) if grids else None
    vertices, tips = _straight(vertices, None if tips is None else _foremost(vertices, tips), length)
    # stage 3: what is true of it
    near = wanted["malleolus_medial_height_mm"], wanted["malleolus_lateral_height_mm"]
    values, marks = answers.true_answers(truth.Skin(vertices, faces, length), tips, spec.leg_mm, near, arched)
    out = abs(float(values["foot_breadth_mm"] or 0.0) - wanted["foot_breadth_mm"])
    if out > TOE_OUT_MM:
        raise ValueError(
            f"a toe lies farther out than the ball (toe1_angle_deg {spec.toe1_angle_deg:.1f}, toe5_angle_deg "
            f"{spec.toe5_angle_deg:.1f}): the breadth would be {out:.1f} mm off; larger angles turn the toes inwards"
        )
    if spec.side == "left":
        vertices, faces = vertices * [1.0, -1.0, 1.0], faces[:, ::-1]
        marks = {k: p * [1.0, -1.0, 1.0] for k, p in marks.items()}
    return SyntheticFoot(Mesh(vertices, faces, "foot"), MappingProxyType(values), Landmarks(marks), spec)


def _foremost(vertices: Array, tips: Array) -> Array:
    """The foremost points (5, 3) of the joined skin near the drawn tips: a soft cleft beside it moves a small toe's."""
    near = [vertices[np.linalg.norm(vertices - tip, axis=1) < 3.0] for tip in tips]
    hidden = [k + 1 for k, points in enumerate(near) if not len(points)]
    if hidden:
        raise ValueError(f"toe {hidden[0]} is hidden in its neighbour: its angle leaves it no room")
    return np.stack([points[int(points[:, 0].argmax())] for points in near])


def _straight(vertices: Array, tips: Array | None, length: float) -> tuple[Array, Array | None]:
    """The last hundredths of a millimetre: pternion at the origin, toe 2 on the axis, the longest toe at the length."""
    for _ in range(3):
        heel = truth.rear_end(vertices)
        angle = 0.0 if tips is None else -float(np.arctan2(tips[1, 1] - heel[1], tips[1, 0] - heel[0]))
        T = turn_z(angle) @ compose(np.eye(3), np.array([-heel[0], -heel[1], 0.0]))
        vertices = transform(T, vertices)
        stretch = np.array([length / vertices[:, 0].max(), 1.0, 1.0])
        vertices = vertices * stretch
        tips = None if tips is None else transform(T, tips) * stretch
    return vertices, tips
