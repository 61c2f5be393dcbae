"""What a report says: an order's documents -> sections, cards and tables of plain strings, in one language.

The first part is for the person whose feet they are (shape and comfort, no technical word), the second for the
technician. Nothing here knows of HTML or PDF, and nothing is measured or decided here: every number is a document's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from station.messages import FOLDER, LANGUAGES, catalogue
from station.version import version

Document = Mapping[str, Any]

SIDES = ("left", "right", "unknown")
#: measures that the wearer reads, in this order
SHOWN = (
    "foot_length_mm",
    "foot_breadth_mm",
    "ball_girth_mm",
    "instep_height_mm",
    "instep_girth_mm",
    "heel_breadth_mm",
    "arch_apex_height_mm",
    "toe_type",
)
#: part of a reason -> the key of its plain words
WHY = (
    ("flat lid", "why.capped"),
    ("sole was not scanned", "why.sole"),
    ("left or right is unknown", "why.side"),
    ("leg ends", "why.leg"),
    ("scan ends", "why.leg"),
    ("toes can't be told apart", "why.toes"),
    ("half-loaded foot", "why.load"),
    ("too few points", "why.points"),
    ("rests on too little", "why.print"),
)
#: fields that are the prescriber's and the wearer's own affair: in prescription.json only
APART = ("sensation", "risk", "open_wound")
#: fields that have a sentence of their own for the wearer where they are not 0
TOLD = (
    "medial_skive_mm",
    "lateral_skive_mm",
    "heel_spur_relief",
    "heel_lift_mm",
    "medial_edge_mm",
    "lateral_edge_mm",
    "medial_flange_mm",
    "cuboid_pad_mm",
    "fascia_groove_mm",
    "met_pad_height_mm",
    "forefoot_post_deg",
    "first_ray_cutout",
    "morton_extension_mm",
    "reverse_morton_mm",
    "toe_filler",
)
STEP_KEYS = ("max_force_n", "peak_kpa", "contact_time_s", "impulse_n_s", "cop_path_mm")
REGIONS = (
    "hallux",
    "toes_2_5",
    "mth1",
    "mth2",
    "mth3",
    "mth4",
    "mth5",
    "midfoot_medial",
    "midfoot_lateral",
    "heel_medial",
    "heel_lateral",
)


@dataclass(frozen=True)
class Card:
    """One foot, insole or recording: a heading, small print, named values, sentences."""

    title: str
    small: str
    rows: tuple[tuple[str, str], ...] = ()
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A picture's file name and what it shows."""

    name: str
    caption: str


@dataclass(frozen=True)
class Section:
    """A part of what the wearer reads."""

    title: str
    lead: str
    cards: tuple[Card, ...]
    pictures: tuple[Picture, ...]
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table of the technician's part; a cell's first line is its value, the rest small print."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def widths(self) -> tuple[int, ...]:
        """How wide each column is beside the others, from its longest line."""
        lines = [[max(map(len, cell.split("\n"))) for cell in row] for row in (self.head, *self.rows)]
        return tuple(min(max(*column, 7), 56) for column in zip(*lines))


@dataclass(frozen=True)
class Content:
    """A whole report."""

    lang: str
    title: str
    label: str
    lead: str
    hero: Picture | None
    sections: tuple[Section, ...]
    technician: str
    drawings: tuple[Picture, ...]
    tables: tuple[Table, ...]
    footer: str


@cache
def texts(lang: str) -> Mapping[str, str]:
    """The report's texts by key; names of measures are those of `station.messages`."""
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, got {lang!r}")
    return MappingProxyType(json.loads((FOLDER / f"report.{lang}.json").read_text(encoding="utf-8")))


class Words:
    """The texts of one language: ``say("made.cup", value="12")``."""

    def __init__(self, lang: str) -> None:
        self.lang, self._texts, self._names = lang, texts(lang), catalogue(lang)

    def __call__(self, key: str, **values: object) -> str:
        """The text under ``key`` with its places filled; KeyError if there is no such text."""
        return self._texts[key].format(**values)

    def get(self, key: str, otherwise: str) -> str:
        """The text under ``key`` as it is, or ``otherwise``."""
        return self._texts.get(key, otherwise)

    def measure(self, key: str) -> str:
        """A measure's technical name."""
        return self._names.get(f"name.{key}", key)

    def joined(self, things: Sequence[str]) -> str:
        """One, two and three, as a list of words."""
        if len(things) < 2:
            return "".join(things)
        return (", " if self.lang == "en" else "、").join(things[:-1]) + self("join") + things[-1]

    def sentences(self, *parts: str) -> str:
        """Sentences one after another."""
        return ("" if self.lang == "zh" else " ").join(part for part in parts if part)


# ------------------------------------------------------------------ numbers


def decimals(value: float) -> int:
    """How many decimals a number without a unit needs: ratios three, what is larger one."""
    return 3 if abs(value) < 2 else 1


def number(value: object, places: int | None = None) -> str:
    """A document's number for people; a dash where there is none."""
    if isinstance(value, (bool, str)):
        return str(value)
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return "–"
    return f"{value:.{decimals(value) if places is None else places}f}"


def short(value: object) -> str:
    """A prescribed number without needless zeros."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def spread(key: str, entry: Mapping[str, Any]) -> str:
    """A measured value with ± sd_total and its unit: with a unit to 0.1, without one to 0.001."""
    unit = {"mm": " mm", "deg": "°", "ml": " ml"}.get(key.rsplit("_", 1)[-1], "")
    places = 1 if unit else 3
    plus = "" if entry.get("sd_total") is None else f" ± {number(entry['sd_total'], places)}"
    return number(entry["value"], places) + plus + unit


def feet_of(document: Document | None) -> dict[str, Mapping[str, Any]]:
    """The first foot of each side in a measurements document."""
    found: dict[str, Mapping[str, Any]] = {}
    for scan in (document or {}).get("scans", ()):
        for foot in scan["feet"]:
            found.setdefault(foot["side"], foot)
    return {side: found[side] for side in SIDES if side in found}


# ------------------------------------------------------------------ the wearer's part


def why(reason: str | None, say: Words) -> str:
    """A reason in plain words; as it is where there are none for it."""
    text = reason or ""
    return next((say(key) for part, key in WHY if part in text), text)


def _foot_card(side: str, foot: Mapping[str, Any], say: Words) -> Card:
    rows = []
    for key in SHOWN:
        entry = foot["measures"].get(key)
        if entry is None:
            continue
        if entry["value"] is None:
            value = say("missing", why=why(entry.get("reason"), say))
        elif key == "toe_type":
            value = say.get(f"toe_type.{entry['value']}", str(entry["value"]))
        else:
            value = spread(key, entry)
        rows.append((say(f"measured.{key}"), value))
    score = say("score", score=foot["quality"]["score"])
    return Card(say(f"foot.{side}"), f"{say('load.' + foot['load'])} · {score}", tuple(rows))


def _pair(feet: Mapping[str, Mapping[str, Any]], say: Words) -> tuple[str, ...]:
    """Which foot is longer, if the scans can tell."""
    if not {"left", "right"} <= feet.keys():
        return ()
    left, right = (feet[side]["measures"].get("foot_length_mm", {"value": None}) for side in ("left", "right"))
    if left["value"] is None or right["value"] is None:
        return ()
    difference = left["value"] - right["value"]
    unsure = math.hypot(left.get("sd_total") or 0.0, right.get("sd_total") or 0.0)
    if abs(difference) <= max(1.5 * unsure, 0.5):
        return (say("pair.same"),)
    return (say("pair.left" if difference > 0 else "pair.right", difference=number(abs(difference), 1)),)


def _insole_card(side: str, insole: Mapping[str, Any], say: Words) -> Card:
    fields = {name: entry["value"] for name, entry in insole["fields"].items()}
    notes = {note["code"] for note in insole.get("notes", ())}
    size = insole.get("insole", {})
    told = []
    if size:
        told.append(say(f"made.{fields['length']}", length=f"{size['length_mm']:.0f}", width=f"{size['width_mm']:.0f}"))
    told.append(say("made.cup", value=short(fields["heel_cup_depth_mm"])))
    arch = fields["arch_offset_mm"]
    if notes & {"arch_from_population", "arch_not_seen"}:
        told.append(say("made.arch.usual"))
    elif arch == 0:
        told.append(say("made.arch.same"))
    else:
        told.append(say("made.arch.below" if arch < 0 else "made.arch.above", value=short(abs(arch))))
    if post := fields["rearfoot_post_deg"]:
        told.append(say("made.post.medial" if post > 0 else "made.post.lateral", value=short(abs(post))))
    told += [say(f"made.{name}", value=short(fields[name])) for name in TOLD if fields[name]]
    places = [say(f"place.{name[7:]}") for name, value in fields.items() if name.startswith("relief_") and value]
    if places:
        told.append(say("made.relief", where=say.joined(places)))
    softer = dict.fromkeys(zone["name"].split(" ")[0] for zone in (insole.get("print") or {}).get("zones", ()))
    if softer:
        told.append(say("made.softer", where=say.joined([say(f"place.{name}") for name in softer])))
    base, front = short(fields["base_thickness_mm"]), short(fields["forefoot_thickness_mm"])
    told.append(say("made.thickness", base=base, front=front))
    if fields["cover_thickness_mm"]:
        told.append(say("made.cover", value=short(fields["cover_thickness_mm"])))
    return Card(say(f"insole.{side}"), "", sentences=tuple(told))


def used_steps(recording: Mapping[str, Any], side: str) -> list[Mapping[str, Any]]:
    """The steps of a side that gait values count."""
    return [step for step in recording["steps"] if step["side"] == side and step["used"]]


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of what is there; None where nothing is."""
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def region_peaks(steps: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Region -> mean of its peaks over the steps, kPa; regions without a value are left out."""
    means = {r: mean(step["regions"].get(r, {}).get("peak_kpa") for step in steps) for r in REGIONS}
    return {region: value for region, value in means.items() if value is not None}


def _walk_card(recording: Mapping[str, Any], say: Words) -> Card:
    told = []
    for side in ("left", "right"):
        used, every = used_steps(recording, side), [s for s in recording["steps"] if s["side"] == side]
        if not every:
            continue
        parts = [say("walk.steps", side=_capital(say(f"side.{side}")), used=len(used), all=len(every))]
        stance = mean(step.get("contact_time_s") for step in used)
        if stance is not None:
            parts.append(say("walk.stance", value=f"{stance:.2f}"))
        peaks = region_peaks(used)
        if peaks:
            top = max(peaks, key=lambda region: peaks[region])
            parts.append(say("walk.peak", where=say(f"place.{top}"), value=f"{peaks[top]:.0f}"))
        told.append(say.sentences(*parts))
    cadence = recording["gait"].get("cadence_steps_per_min")
    if cadence is not None:
        told.append(say("walk.cadence", value=f"{cadence:.0f}"))
    ending = {"raw": "walk.raw", "force": "walk.force"}.get(recording["quantity"], "walk.unit")
    told.append(say(ending))
    small = say("walk.in_shoe" if recording.get("in_shoe") else "walk.plate")
    name = recording["source"].replace("\\", "/").rsplit("/", 1)[-1]  # the folder is the maker's affair
    return Card(name, small, sentences=tuple(told))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _pictures(kind: str, names: Sequence[str], say: Words) -> tuple[Picture, ...]:
    found = [name for name in names if name.startswith(f"{kind}_")]
    sides = [name.removesuffix(".png").rsplit("_", 1)[-1] for name in found]
    side_words = [_capital(say.get(f"side.{side}", side)) for side in sides]
    return tuple(Picture(n, say(f"caption.{kind}", side=s)) for n, s in zip(found, side_words))


def _sections(documents: Mapping[str, Document], names: Sequence[str], say: Words) -> tuple[Section, ...]:
    feet = feet_of(documents.get("measurements.json"))
    insoles = (documents.get("prescription.json") or {}).get("feet", {})
    walks = (documents.get("pressure.json") or {}).get("recordings", [])
    cards = tuple(_foot_card(side, foot, say) for side, foot in feet.items())
    after = _pair(feet, say) if feet else (say("no_feet"),)
    out = [Section(say("section.feet"), say("feet.lead"), cards, _pictures("foot", names, say), after)]
    if insoles:
        cards = tuple(_insole_card(side, insoles[side], say) for side in SIDES if side in insoles)
        out.append(Section(say("section.insoles"), say("insoles.lead"), cards, _pictures("insole", names, say)))
    if walks:
        cards = tuple(_walk_card(walk, say) for walk in walks)
        shown = sorted(
            (*_pictures("pressure", names, say), *_pictures("force", names, say)),
            key=lambda p: p.name.rsplit("_", 1)[-1],
        )
        out.append(Section(say("section.walk"), "", cards, tuple(shown)))
    if insoles:
        out.append(Section(say("section.wear"), "", (), (), tuple(say(f"wear.{k}") for k in (1, 2, 3, 4))))
    return tuple(out)


# ------------------------------------------------------------------ everything


def content(documents: Mapping[str, Document], names: Sequence[str], lang: str) -> Content:
    """The report of an order.

    Parameters
    ----------
    documents : file name -> document, of those that an order has; any may be absent
    names : file names of the pictures that there are
    lang : en or zh
    """
    from station.report_tables import tables

    say = Words(lang)
    insoles = (documents.get("prescription.json") or {}).get("feet", {})
    labels = {str(i["fields"]["label"]["value"]) for i in insoles.values() if i["fields"]["label"]["value"]}
    count = max(len(insoles), len(feet_of(documents.get("measurements.json"))))
    return Content(
        lang=lang,
        title=say("title.one" if count == 1 else "title"),
        label=say("for", label=", ".join(sorted(labels))) if labels else "",
        lead=say("lead"),
        hero=Picture("pair.png", say("caption.pair")) if "pair.png" in names else None,
        sections=_sections(documents, names, say),
        technician=say("section.technician"),
        drawings=tuple(p for kind in ("zones", "prediction") for p in _pictures(kind, names, say)),
        tables=tables(documents, say),
        footer=say("footer", version=version()),
    )
