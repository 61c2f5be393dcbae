"""The drawing follows the asked sizes: each factor is turned until its own true size is the asked one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from footscan.frame import transform, turn_z
from footscan.synth import loft, skin, toes, truth
from footscan.types import Array

FRONT_APART, FRONT_FUSED = 0.845, 1.0
ROUNDS, COARSE_ROUNDS, CALM_ROUND = 20, 7, 5


@dataclass(frozen=True)
class Knob:
    """The factor that a size turns: d(size)/d(factor); the tolerance that the fit aims at and the limit that it accepts
    where it can't come nearer (mm, degrees or fractions, as the size has it); size and factor at the drawing's home, an
    average foot, so that such a foot needs few turns; how far from there the factor may go. mm sizes and mm factors are
    fractions of foot length here."""

    factor: str
    slope: float
    tolerance: float
    limit: float
    size: float
    home: float
    reach: float


KNOBS: Mapping[str, Knob] = {
    "mth1_station": Knob("mth1_station", 1.0, 2e-4, 1e-3, 0.740, 0.7372, 0.08),
    "mth5_station": Knob("mth5_station", 1.0, 2e-4, 2e-3, 0.635, 0.6428, 0.08),
    "foot_breadth_mm": Knob("breadth", 0.38, 0.02, 0.10, 0.3903, 0.9725, 0.45),
    "ball_girth_mm": Knob("height_ball", 0.40, 0.05, 0.25, 0.9301, 1.053, 0.7),
    "instep_height_mm": Knob("height_50", 0.25, 0.03, 0.20, 0.252, 0.9975, 0.5),
    "heel_breadth_mm": Knob("heel", 0.27, 0.02, 0.05, 0.2675, 0.9765, 0.4),
    "ankle_girth_mm": Knob("leg_width", 0.85, 0.2, 1.0, 0.8464, 1.0437, 0.5),
    "arch_apex_height_mm": Knob("arch_mm", 1.0, 0.05, 0.10, 0.048, 0.048, 0.046),
    "arch_apex_station": Knob("arch_station", 1.0, 3e-3, 0.05, 0.420, 0.420, 0.14),
    "malleolus_medial_height_mm": Knob("malleolus_medial_mm", 1.0, 0.2, 2.0, 0.312, 0.3153, 0.08),
    "malleolus_lateral_height_mm": Knob("malleolus_lateral_mm", 1.0, 0.2, 2.0, 0.2691, 0.2723, 0.08),
    "bimalleolar_breadth_mm": Knob("malleolus_bump_mm", 2.0, 0.1, 0.5, 0.276, 0.0309, 0.026),
    "rearfoot_angle_deg": Knob("tilt_deg", 1.0, 0.05, 0.3, 2.0, 1.253, 20.0),
    "toe1_angle_deg": Knob("swing1", 250.0, 0.05, 1.0, 8.0, -0.0075, 0.05),
    "toe5_angle_deg": Knob("swing5", 300.0, 0.05, 6.0, 12.0, 0.0060, 0.022),
}


@dataclass(frozen=True, eq=False)
class Drawing:
    """All factors at their present values, and what stays fixed."""

    toe_type: str
    length: float
    leg_mm: float
    fused: bool
    arched: bool
    factors: dict[str, float] = field(default_factory=dict)

    def body_shape(self) -> loft.BodyShape:
        """The factors of the loft."""
        names = {f.name for f in dataclasses.fields(loft.BodyShape)}
        factors = {k: v for k, v in self.factors.items() if k in names}
        return loft.BodyShape(**factors, top=self.leg_top_mm / self.length + 0.04, fused=self.fused)

    @property
    def leg_top_mm(self) -> float:
        """The drawn leg is never shorter than the rearfoot angle needs; it is cut later."""
        return max(self.leg_mm, self.factors["malleolus_lateral_mm"] + 110.0)

    def skin_shape(self) -> skin.SkinShape:
        """The factors of the skin."""
        names = {f.name for f in dataclasses.fields(skin.SkinShape)}
        return skin.SkinShape(**{k: v for k, v in self.factors.items() if k in names})

    def body(self, rows: int = 250, around: int = 160) -> Array:
        """Skin of body and leg (rows, around, 3) mm, on the floor."""
        end, caps = (FRONT_FUSED, (0.075, 0.075)) if self.fused else (FRONT_APART, (0.055, 0.115))
        lines = loft.body(self.body_shape(), end, caps, rows, around) * self.length
        points = skin.deform(lines, self.length, self.skin_shape(), self.arched)
        return on_ball_axis(points, self.length) if self.fused else points

    def toes(self) -> list[Array]:
        """Skin of the five toes, each (rows, around, 3) mm; none where they are fused."""
        if self.fused:
            return []
        f = self.factors
        height = min(f["height_ball"] / KNOBS["ball_girth_mm"].home, 1.1)
        grids = toes.toes(self.toe_type, f["swing1"], f["swing5"], f["breadth"], height)
        return [skin.settle(grid * self.length) for grid in grids]


def on_ball_axis(points: Array, length: float) -> Array:
    """Points (rows, around, 3) mm turned so that the axis runs through the middle of MTH1 and MTH5."""
    p = points.reshape(-1, 3).copy()
    for _ in range(4):
        middle = np.mean(truth.ball_points(p, length), axis=0)
        angle = -float(np.arctan2(middle[1], middle[0]))
        p = transform(turn_z(angle), p)
        low = p[p[:, 2] < truth.LOW_MM, 0].min()
        p[:, 0] = (p[:, 0] - low) * (length / (p[:, 0].max() - low))
        p[:, 1] -= truth.rear_end(p)[1]
    return p.reshape(points.shape)


_PLAIN: tuple[Any, ...] = (loft.BodyShape(), skin.SkinShape())


def start(
    toe_type: str,
    length: float,
    leg_mm: float,
    fused: bool,
    arched: bool,
    navicular_mm: float,
    wanted: Mapping[str, float],
) -> Drawing:
    """The drawing before any turn: from home towards what is wanted (``navicular_mm``: where the bump is drawn)."""
    factors = {
        f.name: getattr(r, f.name) for r in _PLAIN for f in dataclasses.fields(r) if f.name not in ("fused", "top")
    }
    for size, knob in KNOBS.items():
        unit = length if size.endswith("_mm") else 1.0
        turn = (wanted.get(size, knob.size * unit) / unit - knob.size) / knob.slope
        factors[knob.factor] = (knob.home + turn) * (length if knob.factor.endswith("_mm") else 1.0)
        factors[knob.factor] = _within_reach(knob, factors[knob.factor], length)
    slim = wanted["bimalleolar_breadth_mm"] / (KNOBS["bimalleolar_breadth_mm"].size * length)
    factors["ankle"] = 1.0 + 1.6 * (slim - 1.0)  # the malleoli stand out of a slender ankle too
    factors["navicular_mm"] = navicular_mm
    return Drawing(toe_type, length, leg_mm, fused, arched, factors)


def fit(drawing: Drawing, wanted: Mapping[str, float]) -> Drawing:
    """The drawing whose true sizes are the wanted ones; ValueError where they can't be had together.

    A secant for each factor against its own size, all at once: every factor moves mostly its own size. First on a
    coarse skin, then on the one that is handed out.
    """
    length, tilt, coarse = drawing.length, None, True
    last: dict[str, tuple[float, float]] = {}
    slopes = {k: KNOBS[k].slope * _unit(k, length) for k in wanted}
    best, nearest, missed = np.inf, drawing, dict.fromkeys(wanted, np.inf)
    for turn in range(ROUNDS):
        got, tilt = sizes(drawing, wanted, tilt, coarse)
        off = {k: got[k] - wanted[k] for k in wanted}
        done = all(abs(d) <= (4.0 if coarse else 1.0) * KNOBS[k].tolerance for k, d in off.items())
        worst = max(abs(d) / KNOBS[k].limit for k, d in off.items())
        if not coarse and worst < best:
            best, nearest, missed = worst, drawing, off
        if done and not coarse:
            return drawing
        factors = dict(drawing.factors)
        for size, value in got.items():
            knob = KNOBS[size]
            here = factors[knob.factor]
            if size in last and here != last[size][0] and abs(value - last[size][1]) > 0.3 * knob.tolerance:
                secant = (value - last[size][1]) / (here - last[size][0])
                guess = knob.slope * _unit(size, length)
                slopes[size] = float(np.clip(secant, 0.5 * guess, 4.0 * guess))
            last[size] = (here, value)
            calm = 1.0 if turn < CALM_ROUND else 0.6
            step = calm * (wanted[size] - value) / slopes[size]
            factors[knob.factor] = _within_reach(knob, here + step, length)
        drawing = dataclasses.replace(drawing, factors=factors)
        if coarse and (done or turn >= COARSE_ROUNDS):
            coarse, last = False, {}  # the fine skin from here on: the slopes stay, the values don't
    if best <= 1.0:
        return nearest
    listed = ", ".join(
        f"{k} {wanted[k]:.4g} (nearest {wanted[k] + d:.4g})" for k, d in missed.items() if abs(d) > KNOBS[k].limit
    )
    raise ValueError(f"these sizes can't be had together in one foot of {length:.0f} mm: {listed}")


def _within_reach(knob: Knob, value: float, length: float) -> float:
    unit = length if knob.factor.endswith("_mm") else 1.0
    return float(np.clip(value, (knob.home - knob.reach) * unit, (knob.home + knob.reach) * unit))


def _unit(size: str, length: float) -> float:
    """What one unit of a factor is worth: mm sizes on plain factors scale with the length."""
    return length if size.endswith("_mm") and not KNOBS[size].factor.endswith("_mm") else 1.0


def sizes(
    drawing: Drawing, wanted: Mapping[str, float], tilt: float | None, coarse: bool
) -> tuple[dict[str, float], float | None]:
    """True sizes of the drawing, as many as are wanted, and the tilt of its ball section."""
    length = drawing.length
    points = drawing.body(*((150, 96) if coarse else (250, 160)))
    v, f = loft.grid_mesh(points)
    body = truth.Skin(v, f, length)
    mth1, mth5 = truth.ball_points(v, length)
    got = {
        "mth1_station": float(mth1[0]) / length,
        "mth5_station": float(mth5[0]) / length,
        "foot_breadth_mm": float(np.hypot(*(mth1 - mth5)[:2])),
    }
    girth, _, _, tilt = truth.least_girth(body.part(0.5, 0.9, 0.4 * length), mth1, mth5, tilt)
    got["ball_girth_mm"] = girth
    got["instep_height_mm"] = truth.hull_at(body.part(0.45, 0.56), 0.50)[1]
    got["heel_breadth_mm"] = truth.breadth_at(body.part(0.1, 0.22, 60.0), truth.HEEL_STATION)
    near = wanted["malleolus_medial_height_mm"], wanted["malleolus_lateral_height_mm"]
    medial, lateral = truth.malleoli(v, length, near)
    got["malleolus_medial_height_mm"], got["malleolus_lateral_height_mm"] = float(medial[2]), float(lateral[2])
    got["bimalleolar_breadth_mm"] = float(medial[1] - lateral[1])
    above = max(near)
    top = min(above + 90.0, drawing.leg_mm - 1.0) if drawing.leg_mm > above + 40.0 else above + 90.0
    got["ankle_girth_mm"] = truth.ankle_girth(body, above + 8.0, top, 9)
    got["rearfoot_angle_deg"] = truth.rearfoot_angle(body, float(lateral[2]), drawing.leg_top_mm, 4) or 0.0
    got["navicular_height_mm"] = float(truth.navicular(v, length)[2])
    if "arch_apex_height_mm" in wanted:
        apex = truth.arch_apex(body, 0.02)
        got["arch_apex_height_mm"], got["arch_apex_station"] = float(apex[2]), float(apex[0] / length)
    if "toe1_angle_deg" in wanted:
        all_points = np.vstack([v, *(g.reshape(-1, 3) for g in drawing.toes())])
        low = all_points[(all_points[:, 2] <= truth.LOW_MM) & (all_points[:, 2] >= 2.0), :2]
        got["toe1_angle_deg"] = truth.toe_angle(low, length, 1.0)
        got["toe5_angle_deg"] = truth.toe_angle(low, length, -1.0)
    return {k: v for k, v in got.items() if k in wanted}, tilt
