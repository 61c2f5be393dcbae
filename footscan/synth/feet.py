"""Feet whose true answers are known: constructed from asked sizes, measured on their own skin by plane sections.

``make_foot`` draws the skin (``loft``), joins toes and body, and adjusts the drawing until its *true* sizes are the
asked ones; the truth is then taken from the finished mesh by ``truth`` (exact plane-triangle sections), never by the
code that measures scans.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from footscan.synth import loft, skin, truth
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
    navicular_height_mm: float | None = None
    ankle_girth_mm: float | None = None
    toe_type: ToeType = "egyptian"
    toe1_angle_deg: float = 8.0
    toe5_angle_deg: float = 12.0
    rearfoot_angle_deg: float = 2.0
    leg_mm: float = 200.0
    toes: Literal["apart", "fused"] = "apart"
    sole: Literal["arched", "capped"] = "arched"


@dataclass(frozen=True, eq=False)
class SyntheticFoot:
    """``mesh``: watertight, mm, foot frame, true side (closed by a flat lid at the leg's top, z = ``leg_mm``);
    ``truth``: the keys of measures.md, None where the shape can't support one; ``landmarks`` in the same frame as mesh."""

    mesh: Mesh
    truth: Mapping[str, float | str | None]
    landmarks: Landmarks
    spec: FootSpec


# ------------------------------------------------------------------ building


def _body(shape: loft.BodyShape, skin_shape: skin.SkinShape, length: float, arched: bool) -> Array:
    """Skin points (rows, around, 3) mm of body and leg."""
    end, cap = (1.0, 0.075) if shape.fused else (0.845, 0.06)
    return skin.deform(loft.body(shape, end, cap) * length, length, skin_shape, arched)


def _join(parts: list[tuple[Array, Array]], leg_mm: float) -> tuple[Array, Array]:
    """One watertight mesh out of overlapping closed ones, cut flat at the leg's top."""
    from manifold3d import Manifold, Mesh64

    solids = [Manifold(Mesh64(v, f.astype(np.uint64))) for v, f in parts]
    whole = solids[0]
    for solid in solids[1:]:
        whole = whole + solid
    whole = whole.trim_by_plane((0.0, 0.0, -1.0), -leg_mm)
    out = whole.to_mesh64()
    return np.array(out.vert_properties[:, :3]), np.array(out.tri_verts).astype(np.int64)


@dataclass(frozen=True)
class _Wanted:
    """All sizes of a spec in mm, the open ones filled in proportion (source: ``people.RATIOS``)."""

    breadth: float
    girth: float
    instep: float
    heel: float


def _wanted(spec: FootSpec) -> _Wanted:
    length = spec.length_mm

    def or_ratio(value: float | None, ratio: float) -> float:
        return ratio * length if value is None else value

    return _Wanted(
        breadth=or_ratio(spec.foot_breadth_mm, 0.3865),
        girth=or_ratio(spec.ball_girth_mm, 0.930),
        instep=or_ratio(spec.instep_height_mm, 0.252),
        heel=or_ratio(spec.heel_breadth_mm, 0.2675),
    )


def _adjust(spec: FootSpec, wanted: _Wanted) -> tuple[loft.BodyShape, skin.SkinShape, Array]:
    """Shapes whose true sizes are the wanted ones, and the body's skin: each factor follows its own size."""
    length, fused = spec.length_mm, spec.toes == "fused"
    shape = loft.BodyShape(mth1_station=spec.mth1_station, mth5_station=spec.mth5_station, fused=fused)
    skin_shape = skin.SkinShape(
        arch_mm=spec.arch_apex_height_mm or 0.055 * length,
        arch_station=spec.arch_apex_station,
        malleolus_lateral_mm=spec.malleolus_lateral_height_mm or 0.269 * length,
        malleolus_medial_mm=spec.malleolus_medial_height_mm or 0.305 * length,
        navicular_mm=spec.navicular_height_mm or 0.155 * length,
        tilt_deg=spec.rearfoot_angle_deg,
        malleolus_bump_mm=0.033 * length,
    )
    for _ in range(8):
        points = skin.settle(_body(shape, skin_shape, length, spec.sole == "arched"))
        v, f = loft.grid_mesh(points)
        whole = truth.Skin(v, f, length)
        mth1, mth5 = truth.ball_points(v, length)
        got = _Wanted(
            breadth=float(np.hypot(*(mth1 - mth5)[:2])),
            girth=truth.least_girth(whole.part((0.5, 0.9), 0.4 * length), mth1, mth5)[0],
            instep=truth.hull_at(whole.part((0.45, 0.56)), 0.50)[1],
            heel=truth.breadth_at(whole.part((0.1, 0.22), 60.0), truth.HEEL_STATION),
        )
        shape = dataclasses.replace(
            shape,
            mth1_station=shape.mth1_station + spec.mth1_station - float(mth1[0]) / length,
            mth5_station=shape.mth5_station + spec.mth5_station - float(mth5[0]) / length,
            breadth=shape.breadth * wanted.breadth / got.breadth,
            height_ball=shape.height_ball * (1.0 + 2.5 * (wanted.girth / got.girth - 1.0)),
            height_50=shape.height_50 * wanted.instep / got.instep,
            heel=shape.heel * wanted.heel / got.heel,
        )
    return shape, skin_shape, points


def make_foot(spec: FootSpec | None = None) -> SyntheticFoot:
    """The foot that ``spec`` asks for, its true sizes and landmarks."""
    spec = spec or FootSpec()
    length = spec.length_mm
    shape, skin_shape, points = _adjust(spec, _wanted(spec))
    parts = [loft.grid_mesh(points)]
    tips = None
    if spec.toes == "apart":
        grids = [skin.settle(g * length) for g in skin.toes(spec.toe_type, 0.0, 0.0, shape.breadth)]
        parts += [loft.grid_mesh(g) for g in grids]
        tips = np.stack([g.reshape(-1, 3)[g[..., 0].argmax()] for g in grids])
    vertices, faces = _join(parts, spec.leg_mm)
    vertices[:, 0] -= vertices[vertices[:, 2] < 40.0, 0].min()
    vertices[:, 0] *= length / vertices[:, 0].max()
    values = truth.measure_skin(truth.Skin(vertices, faces, length), tips)
    marks = {"pternion": truth.rear_end(vertices)}
    marks["mth1"], marks["mth5"] = truth.ball_points(vertices, length)
    if tips is not None:
        marks |= {f"toe{k + 1}_tip": tips[k] for k in range(5)}
    if spec.side == "left":
        vertices = vertices * [1.0, -1.0, 1.0]
        faces = faces[:, ::-1]
        marks = {k: p * [1.0, -1.0, 1.0] for k, p in marks.items()}
    return SyntheticFoot(Mesh(vertices, faces, "foot"), MappingProxyType(values), Landmarks(marks), spec)
