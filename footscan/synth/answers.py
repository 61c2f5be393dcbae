"""All true answers of one finished foot: keys of measures.md and landmarks (right-foot frame)."""

from __future__ import annotations

import itertools

import numpy as np

from footscan.synth import prints, sections, truth
from footscan.synth.truth import Skin, Values
from footscan.types import Array

TOE_STRIP_MM = 20.0  #: the toe's height is looked for in this strip along the foot's edge
SQUARE_MM = 1.5  #: toes 1 and 2 that differ by less are square


def true_answers(
    skin: Skin,
    tips: Array | None,
    leg_mm: float,
    malleoli_mm: tuple[float, float],
    arched: bool,
    malleoli: tuple[Array | None, Array | None] | None = None,
) -> tuple[Values, dict[str, Array]]:
    """Values and landmarks of a finished foot.

    ``tips`` (5, 3) mm (the first two are enough) or None where the toes are fused; ``malleoli_mm``: expected heights,
    medial and lateral; ``arched`` False: the sole is closed by a lid, so that nothing of arch and print is true;
    ``malleoli``: where they are known already, None for one that doesn't stand out.
    """
    v, length = skin.vertices, skin.length
    mth1, mth5 = truth.ball_points(v, length)
    marks = {"pternion": truth.rear_end(v), "mth1": mth1, "mth5": mth5}
    marks["longest_toe"] = truth.prominence(v, v[:, 0] > 0.9 * length, truth.AHEAD, 5.0)
    if tips is not None:
        marks |= {f"toe{k + 1}_tip": tip for k, tip in enumerate(tips)}
    outlines = prints.contact_print(v, skin.faces)
    marks["heel_landing"] = truth.heel_landing(outlines)
    values = _lengths(skin, mth1, mth5) | _girths(skin, marks)
    values |= _ankle(skin, marks, leg_mm, malleoli_mm, malleoli)
    values |= _toes(skin, tips, mth1, mth5)
    values |= _arch(skin, marks, outlines, tips is not None) if arched else dict.fromkeys(ARCH_KEYS)
    values |= _volumes(skin, marks.get("ankle_bend"))
    navicular = truth.navicular(v, length)
    marks["navicular"] = navicular
    values["navicular_height_mm"] = float(navicular[2])
    return values, marks


ARCH_KEYS = (
    "arch_index", "plantar_heel_breadth_mm", "chippaux_smirak", "staheli", "clarke_angle_deg",
    "arch_apex_height_mm", "arch_apex_station",
)  # fmt: skip


def _lengths(skin: Skin, mth1: Array, mth5: Array) -> Values:
    v = skin.vertices
    rear = skin.part(-0.05, 0.25, 60.0)
    low = v[(v[:, 2] <= truth.LOW_MM) & (v[:, 0] > 0.3 * skin.length), 1]
    heel = [float(np.ptp(sections.below(rear.station(f), truth.LOW_MM)[..., 1])) for f in np.linspace(0.10, 0.20, 21)]
    return {
        "foot_length_mm": skin.length,
        "ball_length_medial_mm": float(mth1[0]),
        "ball_length_lateral_mm": float(mth5[0]),
        "truncated_foot_length_mm": float(mth1[0]),
        "foot_breadth_mm": float(np.hypot(*(mth1 - mth5)[:2])),
        "foot_breadth_orthogonal_mm": float(np.ptp(low)),
        "heel_breadth_mm": truth.breadth_at(rear, truth.HEEL_STATION),
        "heel_breadth_max_mm": max(heel),
    }


def _girths(skin: Skin, marks: dict[str, Array]) -> Values:
    length, mth1, mth5 = skin.length, marks["mth1"], marks["mth5"]
    tape, raw, top, _ = truth.least_girth(skin.part(0.5, 0.9, 0.4 * length), mth1, mth5)
    front = skin.part(0.45, 0.75)
    g50, h50 = truth.hull_at(front, 0.50)
    g55, h55 = truth.hull_at(front, 0.55)
    waist = (truth.INSTEP_STATION + (mth1[0] + mth5[0]) / 2 / length) / 2
    ridge = front.station(truth.INSTEP_STATION).reshape(-1, 3)
    marks["instep"] = ridge[int(ridge[:, 2].argmax())]
    landing = marks["heel_landing"]
    values: Values = {
        "ball_girth_mm": tape,
        "ball_girth_raw_mm": raw,
        "ball_height_mm": top,
        "instep_girth_mm": g50,
        "instep_height_mm": h50,
        "instep_girth_55_mm": g55,
        "instep_height_55_mm": h55,
        "waist_girth_mm": truth.hull_at(front, waist)[0],
        "heel_girth_short_mm": truth.girth_through(skin, landing, marks["instep"]),
        "dorsum_height_50_mm": h50,
        "arch_height_index": h50 / float(mth1[0]),
    }
    return values


def _ankle(
    skin: Skin,
    marks: dict[str, Array],
    leg_mm: float,
    near_mm: tuple[float, float],
    malleoli: tuple[Array | None, Array | None] | None,
) -> Values:
    """What hangs on ankle and leg; None where the leg was cut too low."""
    values: Values = dict.fromkeys(
        ("heel_girth_long_mm", "malleolus_medial_height_mm", "malleolus_lateral_height_mm", "bimalleolar_breadth_mm",
         "ankle_girth_mm", "rearfoot_angle_deg")
    )  # fmt: skip
    bend = truth.ankle_bend(skin, marks["heel_landing"])
    if bend is not None:
        marks["ankle_bend"] = bend
        values["heel_girth_long_mm"] = truth.girth_through(skin, marks["heel_landing"], bend)
    if leg_mm < max(near_mm) + 20.0:
        return values
    known = truth.malleoli(skin.vertices, skin.length, near_mm) if malleoli is None else malleoli
    heights = []
    for name, mark in zip(("malleolus_medial", "malleolus_lateral"), known):
        if mark is not None:
            marks[name] = mark
            heights.append(float(mark[2]))
            values[f"{name}_height_mm"] = heights[-1]
    medial, lateral = known
    if medial is not None and lateral is not None:
        values["bimalleolar_breadth_mm"] = float(medial[1] - lateral[1])
        above = max(heights)
        if leg_mm > above + 40.0:
            values["ankle_girth_mm"] = truth.ankle_girth(skin, above + 8.0, min(above + 90.0, leg_mm - 1.0))
    if lateral is not None:
        values["rearfoot_angle_deg"] = truth.rearfoot_angle(skin, float(lateral[2]), leg_mm)
    return values


def _toes(skin: Skin, tips: Array | None, mth1: Array, mth5: Array) -> Values:
    v, length = skin.vertices, skin.length
    outline = v[(v[:, 2] <= truth.LOW_MM) & (v[:, 2] >= 2.0), :2]
    values: Values = {
        "toe1_angle_deg": truth.toe_angle(outline, length, 1.0),
        "toe5_angle_deg": truth.toe_angle(outline, length, -1.0),
        "ball_angle_deg": truth.ball_angle(outline, length, mth1, mth5),
        "toe_type": None,
    }
    for name, station, sign in (("toe1", truth.TOE1_BULGE, 1.0), ("toe5", truth.TOE5_BULGE, -1.0)):
        cut = skin.part(station - 0.05, station + 0.05).station(station)
        inner = (sign * cut[..., 1]).max() - TOE_STRIP_MM
        strip = sections.clip_below(cut * [1.0, -sign, 1.0], 1, -inner)
        values[f"{name}_height_mm"] = float(strip[..., 2].max())
    if tips is not None:
        ahead = float(tips[0, 0] - tips[1, 0])
        values["toe_type"] = "square" if abs(ahead) < SQUARE_MM else "egyptian" if ahead > 0 else "greek"
    return values


def _arch(skin: Skin, marks: dict[str, Array], outlines: list[Array], apart: bool) -> Values:
    values: Values = dict(prints.print_values(prints.toeless(outlines, skin.length, apart), skin.length))
    if not apart:  # where a sock's ball ends and its toes begin is not to be seen
        values["arch_index"] = None
    apex = truth.arch_apex(skin)
    marks["arch_apex"] = apex
    values["arch_apex_height_mm"], values["arch_apex_station"] = float(apex[2]), float(apex[0] / skin.length)
    return values


def _volumes(skin: Skin, bend: Array | None) -> Values:
    """ml below the ankle bend's height (or of the whole where the leg is shorter), also in thirds of the length."""
    v, f, length = skin.vertices, skin.faces, skin.length
    limit = float(bend[2]) if bend is not None else float(v[:, 2].max())
    edges = (-np.inf, length / 3, 2 * length / 3, np.inf)
    parts = [sections.volume_below(v, f, limit, a, b) / 1000.0 for a, b in itertools.pairwise(edges)]
    keys = ("volume_rear_ml", "volume_mid_ml", "volume_fore_ml")
    return {"volume_ml": sum(parts), **dict(zip(keys, parts))}
