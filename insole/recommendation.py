"""Measurements and loads -> a prescription, with a reason and a source beside each chosen value.

Order: the preset, then rules on what was measured, then the safety rules of ``risk = neuropathic``; what a person asks
wins over all of them, or is refused, and is marked. Nothing here invents a value that the scan could not support.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from footscan.types import FootMeasurements, Load, QualityReason, RegionLoads
from insole import fields, rules
from insole.errors import DesignError
from insole.prescription import OF_THE_ORDER, Preset, read_preset
from insole.types import By, InsolePrescription, Points, Reason

#: how far below the arch found the support stays, by the load that it was found under: an unloaded foot lengthens and
#: its arch sinks when it is stood on. 1/8 and 1/16 inch, the customary steps of arch fill (commonly quoted).
ARCH_OFFSET_MM: dict[Load, float] = {"none": -3.2, "half": -1.6, "sitting": -1.6, "standing": 0.0, "unknown": 0.0}
ARCH_SOURCE = "customary steps of arch fill, 1/8 and 1/16 inch (commonly quoted)"

#: a heel that nothing stands on is narrower than the same heel in its shoe: so much a side (commonly quoted: fat pads
#: spread by 2–4 mm under body weight)
UNLOADED_HEEL_MM = 1.5
UNLOADED_HEEL_SOURCE = "heel pads spread by 2–4 mm under body weight (commonly quoted)"

#: adults stand with the heel a few degrees everted (commonly quoted: 3–7°); half of what lies beyond is opposed
USUAL_EVERSION_DEG = 5.0
POST_SHARE = 0.5
MAX_AUTOMATIC_POST_DEG = 4.0
POST_SOURCE = (
    "this project's choice; Telfer 2013, J Biomech 46:1489, doi:10.1016/j.jbiomech.2013.03.036: peak eversion falls in "
    "proportion to the post, in steps of 2° from 6° lateral to 10° medial"
)

MTH = ("mth1", "mth2", "mth3", "mth4", "mth5")
RELIEF_SCORE = 3.0
RELIEF_SOURCE = (
    "this project's choice of depth; Owings 2008, Diabetes Care 31:839, doi:10.2337/dc07-2288: insoles by shape and "
    "pressure relieved the regions of highest pressure by 21–37 % more than insoles by shape alone"
)
ENOUGH_STEPS = 12

#: mean in-shoe peak at ulcer sites that stayed healed, of 49 neuropathic patients, by insole sensors: 207 kPa, proposed
#: as a target (Owings 2009, Diabet Med 26:1141); 200 kPa as counted by Martinez-Santos 2019 (``insole.bar``)
THRESHOLD_KPA = 200.0
THRESHOLD_SCORE = 6.0
THRESHOLD_SOURCE = "Owings 2009, Diabet Med 26:1141: mean 207 kPa in the shoe at sites that stayed healed"
BAR_SOURCE = (
    "Martinez-Santos 2019, J Foot Ankle Res 12:35, doi:10.1186/s13047-019-0344-z: a front edge at 77 % of the peak "
    "relieved most often"
)
#: cells of 99-cell pedar insoles, smallest and largest size (mm², commonly quoted)
PEDAR_CELL_MM2 = (60.0, 350.0)
THRESHOLD_REGIONS = {**{name: f"relief_{name}" for name in MTH}, "hallux": "relief_toe1"}


#: what is found out, not chosen: never changed to make a prescription possible
FACTS = (*OF_THE_ORDER, *(name for name in fields.FIELDS if name.startswith(("shoe_", "stock_"))), "outline")
MOST_CHANGES = 20


@dataclass
class _Choice:
    """Values chosen so far, and why."""

    values: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)
    notes: list[QualityReason] = field(default_factory=list)

    def set(self, name: str, value: Any, text: str, source: str, by: By = "rule") -> None:
        self.values[name], self.reasons[name] = value, Reason(text, source, by)

    def get(self, name: str) -> Any:
        return self.values.get(name, fields.FIELDS[name].default)


def prescribe(
    measurements: FootMeasurements,
    loads: RegionLoads | None = None,
    preset: str | Path = "everyday",
    edits: Mapping[str, Any] | None = None,
    bar_front_mm: Points | None = None,
) -> InsolePrescription:
    """The prescription of one foot.

    Parameters
    ----------
    measurements : of that foot
    loads : what a walk says of it, or None
    preset : name of a preset of the package, or the path of one's own
    edits : field -> value, what a person asks: wins, and is marked ``by="person"``
    bar_front_mm : where a bar's front edge lies by the walk's pressure (``insole.bar_front_of_walk``), for where a bar
        is prescribed

    Raises DesignError for what can't be, with the rule, the value and the nearest value that works.
    """
    edits = {name: fields.check(name, value) for name, value in (edits or {}).items()}
    choice = _Choice()
    chosen = read_preset(preset)
    _allowed(chosen, edits)
    for name, value in chosen.values.items():
        choice.values[name], choice.reasons[name] = value, chosen.reasons[name]
    neuropathic = edits.get("risk") == "neuropathic"
    length = edits.get("length", choice.get("length"))
    _outline(choice, edits)
    _arch(choice, measurements)
    _heel(choice, measurements)
    if not neuropathic:
        _post(choice, measurements)
    if loads is not None and length != "three_quarter":
        _reliefs(choice, loads, edits, neuropathic)
    if neuropathic:
        _neuropathic(choice)
    _cup(choice, edits)
    _bar(choice, edits, bar_front_mm)
    for name, value in edits.items():
        choice.set(name, value, "asked for", "the person who prescribes", "person")
    rx = _agreed(choice, edits)
    return InsolePrescription(**rx.values, reasons=rx.reasons, notes=(*rx.notes, *rules.advice(rx)))


def _agreed(choice: _Choice, edits: Mapping[str, Any]) -> InsolePrescription:
    """The record; where preset or rule stand against what a person asks, they give way, and their reason says so.

    What a person asked, and facts about shoe and wearer, are never changed: then the DesignError stands.
    """
    for _ in range(MOST_CHANGES):
        try:
            return InsolePrescription(**choice.values, reasons=choice.reasons, notes=tuple(choice.notes))
        except DesignError as error:
            fixed = [name for name in error.change if name in edits or name in FACTS]
            if fixed or not error.change:
                raise
            for name, value in error.change.items():
                choice.set(
                    name, value, f"gives way to what was asked: {error.rule} {error.limit}", "rules between fields"
                )
    return InsolePrescription(**choice.values, reasons=choice.reasons, notes=tuple(choice.notes))


def _allowed(preset: Preset, edits: Mapping[str, Any]) -> None:
    missing = [name for name in ("prescriber", "reviewed_by") if not edits.get(name)]
    if preset.condition and missing:
        limit = "prescriber and reviewed_by: this preset bears a condition's name"
        raise DesignError(f"preset {preset.name}", "no " + " and no ".join(missing), limit, "everyday")


def _outline(choice: _Choice, edits: Mapping[str, Any]) -> None:
    """Whose outline, where a person gave a polygon: the last or shoe before the stock insole, and both before the
    foot."""
    for field_name, outline, what in (
        ("outline_points_mm", "last", "the last's or shoe's bottom was given: it decides what fits"),
        ("stock_points_mm", "stock", "the shoe's own insole was given: it fits that shoe"),
    ):
        if edits.get(field_name) is not None:
            choice.set("outline", outline, what, "last or shoe, then stock insole, then the foot")
            return


def _heel(choice: _Choice, measurements: FootMeasurements) -> None:
    """A wider cup for a heel that was scanned hanging free."""
    if measurements.load == "none":
        text = "scanned unloaded: the heel spreads when it is stood on, and a cup as narrow as the scan would pinch it"
        choice.set("heel_expansion_mm", UNLOADED_HEEL_MM, text, UNLOADED_HEEL_SOURCE)


def _value(measurements: FootMeasurements, name: str) -> float | None:
    return measurements[name] if name in measurements.values else None


def _arch(choice: _Choice, measurements: FootMeasurements) -> None:
    """The arch offset by load; and whether the arch was seen at all."""
    load = measurements.load
    texts = {
        "none": "scanned unloaded: the arch sinks when it is stood on",
        "half": "scanned half loaded: the arch sinks a little more when walking",
        "sitting": "scanned sitting: the arch sinks a little more when stood on",
        "standing": "scanned standing: the arch as it is under load",
        "unknown": "the load at the scan is not known: the arch is taken as found (with --load it may be lowered)",
    }
    text = texts[load]
    if _value(measurements, "arch_apex_height_mm") is None:
        text += "; the scan shows no arch, so its shape is that of a population, not of this foot"
        choice.notes.append(
            QualityReason("arch_not_seen", "the scan shows no arch: its height is a population's, not this foot's")
        )
    choice.set("arch_offset_mm", ARCH_OFFSET_MM[load], text, ARCH_SOURCE)


def _post(choice: _Choice, measurements: FootMeasurements) -> None:
    """A rearfoot post against eversion beyond the usual."""
    angle = _value(measurements, "rearfoot_angle_deg")
    if angle is None or "rearfoot_post_deg" in choice.values:
        return
    if measurements.load in ("none", "sitting"):
        choice.set(
            "rearfoot_post_deg", 0.0, f"heel {angle:.1f}° everted, but not stood on when scanned: no post", POST_SOURCE
        )
        return
    post = min(max(POST_SHARE * (angle - USUAL_EVERSION_DEG), 0.0), MAX_AUTOMATIC_POST_DEG)
    post = round(2.0 * post) / 2.0
    if post > 0:
        beyond = f"half of what lies beyond {USUAL_EVERSION_DEG:g}°, at most {MAX_AUTOMATIC_POST_DEG:g}°"
        text = f"heel {angle:.1f}° everted: {beyond}"
    else:
        text = f"heel angle {angle:.1f}° (eversion +): no more everted than usual, no post"
    choice.set("rearfoot_post_deg", post, text, POST_SOURCE)


def _cup(choice: _Choice, edits: Mapping[str, Any]) -> None:
    """A cup deep enough for the skive that a person asks, unless that person set the cup too."""
    names = ("medial_skive_mm", "lateral_skive_mm", "rearfoot_post_deg")
    medial, lateral, post = (edits.get(name, choice.get(name)) for name in names)
    least = rules.cup_for_skive(medial, lateral, post)
    if "heel_cup_depth_mm" not in edits and choice.get("heel_cup_depth_mm") < least:
        choice.set(
            "heel_cup_depth_mm", least, f"a skive of {max(medial, lateral):g} mm needs this cup", "the rule for skives"
        )


def _bar(choice: _Choice, edits: Mapping[str, Any], front_mm: Points | None) -> None:
    """A bar lies by the pressure where that is known."""
    shape, height = (edits.get(name, choice.get(name)) for name in ("met_pad_shape", "met_pad_height_mm"))
    if front_mm is not None and shape == "bar" and height > 0:
        text = "the bar's front edge lies where the pressure under the heads has fallen to 77 % of its peak"
        choice.set("met_bar_front_mm", fields.check("met_bar_front_mm", front_mm), text, BAR_SOURCE)


def _reliefs(choice: _Choice, loads: RegionLoads, edits: Mapping[str, Any], neuropathic: bool) -> None:
    """A modest relief under the metatarsal head with the highest peak of this foot."""
    if loads.quantity != "pressure":
        detail = f"the recording holds {loads.quantity}, not pressure: it places no relief"
        choice.notes.append(QualityReason("no_pressure", detail))
        return
    if loads.steps < ENOUGH_STEPS:
        detail = f"{loads.steps} steps of this foot, fewer than {ENOUGH_STEPS}: its loads are less certain"
        choice.notes.append(QualityReason("insufficient_steps", detail))
    peaks = {name: loads.peak_kpa[name] for name in MTH if loads.peak_kpa.get(name, 0.0) > 0}
    if loads.steps < 1 or not peaks:
        return
    top = max(peaks, key=lambda name: peaks[name])
    thick, least = (edits.get(n, choice.get(n)) for n in ("forefoot_thickness_mm", "min_thickness_mm"))
    if thick - least < rules.LEAST_RELIEF_MM:
        detail = f"{top.upper()} carries most, but nothing stands above the least thickness there to be taken away"
        choice.notes.append(QualityReason("no_room_for_relief", detail))
        return
    where = "in the shoe" if loads.in_shoe else "barefoot"
    few = "" if loads.steps >= ENOUGH_STEPS else f"; only {loads.steps} steps"
    text = f"{top.upper()} has the highest peak of the five heads, {peaks[top]:.0f} kPa {where}{few}"
    choice.set(f"relief_{top}", RELIEF_SCORE, text, RELIEF_SOURCE)
    if neuropathic:
        _threshold(choice, loads)


def _threshold(choice: _Choice, loads: RegionLoads) -> None:
    """The 200 kPa rule: in the shoe, with pedar-sized cells, for feet that a professional called neuropathic, only."""
    cell = loads.cell_area_mm2
    low, high = PEDAR_CELL_MM2
    if not loads.in_shoe or cell is None or not low <= cell <= high:
        why = "it was barefoot" if not loads.in_shoe else "its cells are not known to be of a pedar's size"
        choice.notes.append(
            QualityReason("no_threshold", f"the {THRESHOLD_KPA:g} kPa rule does not hold for this recording: {why}")
        )
        return
    for region, name in THRESHOLD_REGIONS.items():
        peak = loads.peak_kpa.get(region, 0.0)
        if peak > THRESHOLD_KPA:
            text = f"{peak:.0f} kPa in the shoe, above {THRESHOLD_KPA:g} kPa"
            choice.set(name, THRESHOLD_SCORE, text, THRESHOLD_SOURCE)


def _neuropathic(choice: _Choice) -> None:
    """What ``risk = neuropathic`` forces, over preset and rules; a person's edit against it is refused by ``rules``."""
    source = "safety rule for feet that can't feel"
    cover = max(choice.get("cover_thickness_mm"), rules.NEUROPATHIC_COVER_MM)
    choice.set("cover_thickness_mm", cover, "a soft cover of at least 4 mm", source)
    choice.set("length", "full", "total contact", source)
    low, high = rules.TOTAL_CONTACT_ARCH_MM
    arch = min(max(choice.get("arch_offset_mm"), low), high)
    if arch != choice.get("arch_offset_mm"):
        choice.set("arch_offset_mm", arch, "total contact: nothing pushed into the arch", source)
    for name in rules.NEUROPATHIC_ZERO:
        if choice.get(name):
            choice.set(name, 0.0, "nothing hard or hollow", source)
    for name in rules.NEUROPATHIC_OFF:
        if choice.get(name):
            choice.set(name, False, "no hole", source)
    if choice.get("heel_lift_mm") > rules.NEUROPATHIC_LIFT_MM:
        choice.set("heel_lift_mm", rules.NEUROPATHIC_LIFT_MM, "no lift above 6 mm", source)
