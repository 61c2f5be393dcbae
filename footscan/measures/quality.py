"""How good was the scan? A score from 100 down, a code and a sentence for each thing that costs points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from footscan.errors import ScanError
from footscan.measures.defects import cloth_share, double_skin, find_patches, ribs, sample_raw, seam, split_raw
from footscan.measures.holes import Hole, find_holes
from footscan.measures.landmarks import MTH1_STATION, MTH5_STATION
from footscan.measures.measuring import Found
from footscan.measures.stance import cloth_step, raised_borders
from footscan.scans.ground import Ground
from footscan.scans.heading import SideVotes
from footscan.scans.quality import density_per_cm2
from footscan.types import Array, FootMeasurements, Measure, QualityReason, Side

POINTS_PER_CM2 = 20.0  #: a scan of 100,000 points has 45, of a million 80
#: Fractions of the length far outside any foot (ANSUR II: diagonal breadth 0.387 ± 0.017; children are broader).
POSSIBLE = {"foot_breadth_mm": (0.27, 0.54), "instep_height_mm": (0.14, 0.42)}
NOISE_MM = 0.70  #: SD along the normal; scanners have 0.1–0.5
#: two skins, SD; step of the skin. Of 1,320 drawn good scans, coarse ones too, none had two skins for sure, and the
#: largest step was 1.4 mm; of 600 moved by 1.5–4.5 mm and noisy at once 25 pass, moved by 2.4 mm at most
DOUBLE_MM, SEAM_MM = 0.45, 1.6
RIBS_MM = 0.06  #: rms; skin reaches 0.03
CLOTH_STEP_MM, CLOTH_SHARE = 18.0, 0.05  #: a hem; share of points that stand around the leg and are not of it
RAISED_BORDER_MM, RAISED_END_MM = 2.5, 5.0
#: landmarks that length and breadth hang on: so near a hole's middle (its radius is 1) one was found at its rim. Of 474
#: drawn scans those that lost an end of the ball had the found one up to 1.6 away, and of the others none so near
AT_THE_RIM = {"pternion": 1.15, "longest_toe": 1.15, "mth1": 1.7, "mth5": 1.7}
BALL_STATION = {"mth1": MTH1_STATION, "mth5": MTH5_STATION}
LEG_SHORT = 0.36  #: of the length: the ankle's narrowest place lies higher


def check_proportions(found: Found) -> None:
    """ScanError where what was measured can't be a foot's."""
    for key, (low, high) in POSSIBLE.items():
        value = found.values[key].value
        share = value / found.located.length if isinstance(value, float) else None
        if share is not None and not low <= share <= high:
            expected = f"expected a foot whose {key} is {low:.2f} to {high:.2f} of its length, found {share:.2f}"
            if key == "instep_height_mm" and share > high:
                raise ScanError(f"{expected}: cloth hangs over the instep (roll it up), or this is no foot")
            raise ScanError(f"{expected}: this is no foot, or only a part of one")


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the points of one foot say of its scan; every size in mm, 0 where there is nothing."""

    noise_mm: float  # NaN: too few points to say
    double_mm: float
    seam_mm: float
    ribs_mm: float
    density_per_cm2: float
    cloth_step_mm: float
    cloth_height_mm: float
    cloth_share: float
    raised_mm: Mapping[str, float]
    holes: tuple[Hole, ...]


def look(found: Found, raw: Array, T_foot_scanner: Array, seed: int) -> Evidence:
    """Look at the points of a foot: ``raw`` (n, 3) mm, all that the scanner gave, in its frame; ``T_foot_scanner``."""
    located, length = found.located, found.located.length
    points = located.points
    skin, around = split_raw(sample_raw(raw, T_foot_scanner, seed), points, length)
    patches = find_patches(skin)
    density = density_per_cm2(points)
    step, height = cloth_step(points, length)
    return Evidence(
        patches.noise_mm,
        double_skin(patches),
        seam(skin, length),
        ribs(patches, length),
        density,
        step,
        height,
        cloth_share(around, len(skin), length),
        raised_borders(found.sole, length),
        find_holes(points, length, density),
    )


@dataclass(frozen=True)
class _Cost:
    points: int
    reason: QualityReason


def cost(points: int, code: str, detail: str) -> _Cost:
    """One thing that costs points."""
    return _Cost(points, QualityReason(code, detail))


def judge(
    found: Found,
    ground: Ground,
    votes: SideVotes,
    side: Side,
    given: bool,
    seen: Evidence,
    implausible: str | None = None,
) -> tuple[int, list[QualityReason]]:
    """Score 0–100 and its reasons.

    ``seen``: from :func:`look`; ``implausible``: what a population's gate says, None where it lets the foot through.
    """
    costs = [*_not_seen(found, seen), *_scanning(seen), *_wearing(found, seen), *_standing(ground, seen)]
    if side == "unknown":
        costs.append(cost(20, "side_unknown", "left and right can't be told apart: say which with --side"))
    elif given and votes.side not in ("unknown", side):
        costs.append(cost(45, "wrong_side", f"given as a {side} foot, but it looks like a {votes.side} one"))
    if implausible is not None:
        costs.append(cost(25, "implausible", implausible))
    return max(0, 100 - sum(c.points for c in costs)), [c.reason for c in costs]


def _not_seen(found: Found, seen: Evidence) -> list[_Cost]:
    length = found.located.length
    costs = []
    if found.sole.capped:
        costs.append(cost(13, "sole_flat", "the sole was closed with a flat lid: no value of the arch is possible"))
    elif found.values["arch_apex_height_mm"].value is None:
        costs.append(cost(15, "sole_missing", "the sole was not scanned: no value of the arch is possible"))
    if found.located.axis != "toe2":
        detail = "the toes can't be told apart: the axis goes through the middle of the ball"
        costs.append(cost(5, "toes_fused", detail))
    if float(found.located.points[:, 2].max()) < LEG_SHORT * length:
        costs.append(cost(5, "leg_short", "the scan ends below the ankle's narrowest place"))
    for hole in seen.holes[:3]:
        costs.append(cost(15, "hole", f"{hole.region}: about {hole.width_mm:.0f} mm wide was not seen"))
    hidden = sorted({name for hole in seen.holes for name in _hidden(found.located.marks, length, hole)})
    if hidden:
        costs.append(cost(15, "landmark_unseen", f"{', '.join(hidden)} may lie in the hole"))
    return costs


def _hidden(marks: Mapping[str, Array], length: float, hole: Hole) -> list[str]:
    """The landmarks that a hole may hide: those found at its rim, and the ball's ends where people's lie in it.

    Where the toes have one, which tip is whose is a guess, and with it the axis: of 100 such scans of drawn feet eight
    were off by 2 to 10 mm in length or breadth, with the tips far from the hole. A hole over a side of the ball, 24 to
    46 mm wide, moves the breadth by 2 to 10 mm.
    """
    if hole.region == "toes":
        return ["longest_toe", "toe2_tip"]

    def near(place: Array, radii: float) -> bool:
        return float(np.linalg.norm(place - hole.centre)) < radii * 0.5 * hole.width_mm

    usual = {name: np.array([x * length, *marks[name][1:]]) for name, x in BALL_STATION.items()}
    return [n for n in AT_THE_RIM if near(marks[n], AT_THE_RIM[n]) or (n in usual and near(usual[n], 1.0))]


def _scanning(seen: Evidence) -> list[_Cost]:
    """What the scanner did."""
    noise = 0.0 if np.isnan(seen.noise_mm) else seen.noise_mm
    if seen.density_per_cm2 < POINTS_PER_CM2:
        few = f"about {seen.density_per_cm2:.0f} points a cm² are left after cleaning"
        return [cost(20, "too_sparse", f"{few}, {2 * POINTS_PER_CM2:.0f} are good")]
    if seen.double_mm > DOUBLE_MM:
        detail = f"the skin was seen twice, about {2.0 * seen.double_mm:.0f} mm apart: the foot was moved"
        return [cost(35, "moved", detail)]
    if seen.seam_mm > SEAM_MM:
        detail = f"the skin makes a step of about {seen.seam_mm:.0f} mm: the foot was moved"
        return [cost(35, "moved", detail)]
    if noise > NOISE_MM:
        return [cost(25, "noise", f"the points lie {noise:.1f} mm (SD) around the skin, 0.3 mm is usual")]
    return []


def _wearing(found: Found, seen: Evidence) -> list[_Cost]:
    costs = []
    calm = seen.noise_mm <= NOISE_MM and seen.double_mm <= DOUBLE_MM and seen.density_per_cm2 >= POINTS_PER_CM2
    if found.located.axis != "toe2" and seen.ribs_mm > RIBS_MM and calm:
        detail = "ribs around the leg and toes that run together: a sock; girths and heights include it"
        costs.append(cost(20, "sock", detail))
    hem = seen.cloth_step_mm > CLOTH_STEP_MM and seen.cloth_height_mm > 0.1 * found.located.length
    if hem or seen.cloth_share > CLOTH_SHARE:
        costs.append(cost(25, "trouser", "cloth hangs around the leg: roll it up; nothing is said of ankle and leg"))
    return costs


def _standing(ground: Ground, seen: Evidence) -> list[_Cost]:
    if ground.method == "scanner":
        return [cost(10, "unloaded", "the sole rests on nothing: the scanner's own vertical was taken as up")]
    if ground.method == "support":
        detail = "the sole rests on nothing and no axis of the scanner is near: up is a guess"
        return [cost(20, "vertical_unsure", detail)]
    limits = {"medial": RAISED_BORDER_MM, "lateral": RAISED_BORDER_MM, "heel": RAISED_END_MM, "toes": RAISED_END_MM}
    worst = max(seen.raised_mm, key=lambda name: seen.raised_mm[name] / limits[name], default=None)
    if worst is None or seen.raised_mm[worst] <= limits[worst]:
        return []
    what = {"heel": "heel is", "toes": "ball is"}.get(worst, f"{worst} border is")
    return [cost(25, "weight_shift", f"the {what} {seen.raised_mm[worst]:.0f} mm off the floor: stand evenly")]


# ------------------------------------------------------------------ two feet


#: SD of left − right of one person's feet (R: lengths differ by 2–3 mm, few by 8; the rest as far as length, in
#: proportion; our choice where nothing is commonly quoted), and of the same without what length explains
LEFT_RIGHT_SD = {
    "foot_length_mm": 2.8,
    "foot_breadth_mm": 1.7,
    "ball_girth_mm": 3.8,
    "heel_breadth_max_mm": 1.6,
}
PERSON_LIMIT = 3.3  #: 99.9 % of a normal distribution
#: the same of arch and instep (our choice, within what is commonly quoted); weight presses both down together
PRESSED_SD = {"arch_apex_height_mm": 1.4, "instep_height_mm": 1.6}


def farthest_apart(left: FootMeasurements, right: FootMeasurements) -> tuple[str, float, float]:
    """Of one person's two feet or of two people's: the size that differs most for a person, by how much (mm) and by
    how many SD of what people's feet differ."""
    apart = {key: _difference(left, right, key) for key in LEFT_RIGHT_SD}
    worst = max(apart, key=lambda key: abs(apart[key]) / LEFT_RIGHT_SD[key])
    return worst, abs(apart[worst]), abs(apart[worst]) / LEFT_RIGHT_SD[worst]


def judge_pair(
    left: FootMeasurements, right: FootMeasurements
) -> tuple[tuple[QualityReason, ...], tuple[QualityReason, ...]]:
    """Reasons (left, right) that only both feet together show: ``two_people``, ``weight_shift``."""
    worst, apart_mm, apart_sd = farthest_apart(left, right)
    both: list[QualityReason] = []
    if apart_sd > PERSON_LIMIT:
        detail = f"{worst} differs by {apart_mm:.0f} mm between left and right: are they one person's feet?"
        both.append(QualityReason("two_people", detail))
    arch, instep = (_difference(left, right, key) for key in PRESSED_SD)
    pressed = (arch / PRESSED_SD["arch_apex_height_mm"] + instep / PRESSED_SD["instep_height_mm"]) / np.sqrt(2.0)
    shifted: tuple[list[QualityReason], list[QualityReason]] = ([], [])
    if not both and abs(pressed) > PERSON_LIMIT:
        low = 0 if pressed < 0 else 1
        name = ("left", "right")[low]
        detail = f"the {name} foot is pressed down more (arch by {abs(arch):.0f} mm, instep by {abs(instep):.0f} mm)"
        for k in (0, 1):
            shifted[k].append(QualityReason("weight_shift", f"{detail}: stand on both feet evenly"))
    return (*both, *shifted[0]), (*both, *shifted[1])


def _difference(left: FootMeasurements, right: FootMeasurements, key: str) -> float:
    known = key in left.values and key in right.values  # measures that a person gave need not be all
    a, b = (left[key], right[key]) if known else (None, None)
    return 0.0 if a is None or b is None else a - b


PAIR_COST = {"two_people": 30, "weight_shift": 25}


def with_reasons(foot: FootMeasurements, more: tuple[QualityReason, ...]) -> FootMeasurements:
    """The measurements with further reasons (codes that are there already stay as they are), values and score too."""
    new = tuple(r for r in more if r.code not in {old.code for old in foot.reasons})
    if not new:
        return foot
    score = max(0, foot.score - sum(PAIR_COST.get(r.code, 20) for r in new))
    return replace(foot, score=score, reasons=(*foot.reasons, *new), values=affected(foot.values, new))


# ------------------------------------------------------------------ what that means for the values

_LEG = (
    "ankle_girth_mm", "bimalleolar_breadth_mm", "malleolus_medial_height_mm", "malleolus_lateral_height_mm",
    "rearfoot_angle_deg",
)  # fmt: skip
_LONG = ("foot_length_mm",)
_BALL = ("ball_girth_mm", "ball_girth_raw_mm", "ball_height_mm", "foot_breadth_mm", "foot_breadth_orthogonal_mm")
_INSTEP = (
    "instep_girth_mm", "instep_height_mm", "instep_girth_55_mm", "instep_height_55_mm", "waist_girth_mm",
    "dorsum_height_50_mm", "arch_height_index",
)  # fmt: skip
_PRINT = (
    "arch_index", "arch_apex_height_mm", "arch_apex_station", "plantar_heel_breadth_mm", "chippaux_smirak", "staheli",
    "clarke_angle_deg",
)  # fmt: skip
_TOES = ("toe1_angle_deg", "toe5_angle_deg", "toe1_height_mm", "toe5_height_mm")
_HEEL = ("heel_breadth_mm", "heel_breadth_max_mm", "heel_girth_long_mm", "heel_girth_short_mm", "rearfoot_angle_deg")
_VOLUME = ("volume_ml", "volume_rear_ml", "volume_mid_ml", "volume_fore_ml")
_GIRTHS = (
    "ball_girth_mm", "ball_girth_raw_mm", "instep_girth_mm", "instep_girth_55_mm", "waist_girth_mm",
    "heel_girth_long_mm", "heel_girth_short_mm", "ankle_girth_mm",
)  # fmt: skip
#: region of a hole -> what is measured across it
THROUGH: Mapping[str, tuple[str, ...]] = {
    "heel": (*_LONG, *_HEEL, "volume_ml", "volume_rear_ml"),
    "medial": (*_BALL, *_INSTEP, *_GIRTHS, "navicular_height_mm", *_HEEL, *_VOLUME),
    "lateral": (*_BALL, *_INSTEP, *_GIRTHS, *_HEEL, *_VOLUME),
    "dorsum": (*_INSTEP, *_GIRTHS, *_VOLUME),
    "sole": (*_PRINT, *_GIRTHS, *_VOLUME),
    "toes": (*_LONG, *_TOES, "toe_type", "volume_ml", "volume_fore_ml"),
    "ankle": (*_LEG, "heel_girth_long_mm", "volume_ml"),
}
#: code -> what it leaves nothing of, what it makes an estimate
GONE: Mapping[str, tuple[str, ...]] = {"sock": ("toe_type",), "trouser": _LEG}
DOUBTFUL: Mapping[str, tuple[str, ...] | None] = {  # None: everything
    "sock": (*_LONG, *_BALL, *_INSTEP, *_GIRTHS, *_TOES, *_HEEL, *_LEG, *_VOLUME),
    "trouser": ("heel_girth_long_mm", "volume_ml", "volume_rear_ml"),
    "landmark_unseen": (*_LONG, *_BALL, *_GIRTHS, *_TOES, *_VOLUME),
    "weight_shift": (*_PRINT, *_INSTEP, "navicular_height_mm", "rearfoot_angle_deg"),
    "moved": None,
    "noise": None,
    "wrong_side": None,
}


def affected(values: Mapping[str, Measure], reasons: tuple[QualityReason, ...]) -> dict[str, Measure]:
    """The values, those that a reason touches marked ``estimated`` (the reason beside them) or missing.

    A hole touches what is measured across its region; a sock leaves no toe type; cloth leaves nothing of ankle and leg.
    """
    changed = dict(values)
    for reason in reasons:
        note = f"{reason.code}: {reason.detail}"
        for key in GONE.get(reason.code, ()):
            if key in changed and changed[key].value is not None:
                changed[key] = Measure.missing(note, changed[key].method)
        if reason.code == "hole":
            keys: tuple[str, ...] | None = THROUGH.get(reason.detail.split(":")[0], ())
        elif reason.code in DOUBTFUL:
            keys = DOUBTFUL[reason.code]
        else:
            continue
        for key in changed if keys is None else keys:
            if key in changed and changed[key].value is not None:
                kept = changed[key].reason or note
                changed[key] = replace(changed[key], quality="estimated", reason=kept)
    return changed
