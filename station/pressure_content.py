"""What the report of a recording says: the document of ``plantar pressure --json`` -> plain strings in one language.

Nothing is measured or decided here: every number is the document's. Nothing here knows of HTML or PDF.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from station.messages import FOLDER, LANGUAGES
from station.report_content import mean, number, region_peaks, used_steps
from station.version import version

Document = Mapping[str, Any]

SIDES = ("left", "right", "unknown")
MOST_NOTES, LONGEST_NOTE = 7, 150  #: on a page; the rest are counted, the JSON document has them all in full length
#: rows of the table: key of a step, decimals, what it is divided by
ROWS: tuple[tuple[str, int, float], ...] = (
    ("contact_time_s", 2, 1.0),
    ("max_force_n", 0, 1.0),
    ("impulse_n_s", 0, 1.0),
    ("peak_kpa", 0, 1.0),
    ("pti_peak_kpa_s", 1, 1.0),
    ("contact_area_mm2", 1, 100.0),
    ("loading_rate_n_per_s", 0, 1.0),
    ("cop_path_mm", 0, 1.0),
    ("cpei_percent", 1, 1.0),
    ("arch_index", 2, 1.0),
    ("foot_progression_angle_deg", 1, 1.0),
    ("step_length_mm", 0, 1.0),
)
#: what is true of the walk and not of a foot
GAIT: tuple[tuple[str, int], ...] = (
    ("cadence_steps_per_min", 0),
    ("stride_time_s", 2),
    ("double_support_s", 2),
    ("step_width_mm", 0),
    ("speed_m_per_s", 2),
)
#: parts of the foot, as the wearer reads them, and the regions of each
PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "heel": ("heel_medial", "heel_lateral"),
        "middle": ("midfoot_medial", "midfoot_lateral"),
        "ball": ("mth1", "mth2", "mth3", "mth4", "mth5"),
        "toes": ("hallux", "toes_2_5"),
    }
)


@dataclass(frozen=True)
class Picture:
    """A picture's file name and what it shows."""

    name: str
    caption: str


@dataclass(frozen=True)
class Foot:
    """What the wearer reads of one foot."""

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """One recording: a heading, where it comes from, cards, pictures by kind, a table, how it was measured."""

    title: str
    about: str
    lead: str
    feet: tuple[Foot, ...]
    pictures: Mapping[str, Picture]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All pages, and what they share."""

    lang: str
    title: str
    pages: tuple[Page, ...]
    how: str
    footer: str
    no_glyph: str


@cache
def texts(lang: str) -> Mapping[str, str]:
    """The report's texts by key."""
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, got {lang!r}")
    return MappingProxyType(json.loads((FOLDER / f"pressure.{lang}.json").read_text(encoding="utf-8")))


class Words:
    """The texts of one language: ``say("time", value="0.80")``."""

    def __init__(self, lang: str) -> None:
        self.lang, self._texts = lang, texts(lang)

    def __call__(self, key: str, **values: object) -> str:
        """The text under ``key`` with its places filled; KeyError if there is no such text."""
        return self._texts[key].format(**values)

    def get(self, key: str, otherwise: str) -> str:
        """The text under ``key`` as it is, or ``otherwise``."""
        return self._texts.get(key, otherwise)


def report_content(document: Document, names: Sequence[str], lang: str) -> Report:
    """The report of a document; ``names``: file names of the pictures that there are."""
    say = Words(lang)
    pages = [_page(r, n, names, say) for n, r in enumerate(document["recordings"], start=1)]
    if "change.png" in names and document.get("comparison") and pages:
        pages[-1] = _with_change(pages[-1], document["comparison"], say)
    footer = say("footer", version=version())
    return Report(lang, say("title"), tuple(pages), say("how"), footer, say("no_glyph", count="{count}"))


def _page(recording: Document, n: int, names: Sequence[str], say: Words) -> Page:
    sides = [side for side in SIDES if any(s["side"] == side for s in recording["steps"])]
    feet = tuple(_foot(recording, side, say) for side in sides)
    pictures = {
        kind: Picture(f"{kind}_{n}.png", say(f"caption.{kind}"))
        for kind in ("pressure", "cop", "force", "regions")
        if f"{kind}_{n}.png" in names
    }
    head = ("", *(say(f"side.{side}") for side in sides))
    return Page(
        say("title"),
        _about(recording, say),
        _lead(recording, say),
        feet,
        pictures,
        head,
        _rows(recording, sides, say),
        _notes(recording, say),
    )


def _about(recording: Document, say: Words) -> str:
    name = recording["source"].replace("\\", "/").rsplit("/", 1)[-1]
    kind = say("in_shoe" if recording.get("in_shoe") else "plate")
    rate = "–" if recording["rate_hz"] is None else f"{recording['rate_hz']:.0f}"
    sensor = kind if not recording["format"] else f"{recording['format']}{'，' if say.lang == 'zh' else ', '}{kind}"
    return say("about", name=name, sensor=sensor, seconds=f"{recording['duration_s']:.1f}", rate=rate)


def _lead(recording: Document, say: Words) -> str:
    parts = [say(f"lead.{recording['quantity']}")]
    cadence = recording["gait"].get("cadence_steps_per_min")
    if cadence is not None:
        parts.append(say("lead.cadence", value=f"{cadence:.0f}"))
    speed = recording["gait"].get("speed_m_per_s")
    if speed is not None:
        parts.append(say("lead.speed", value=f"{speed:.2f}"))
    return ("" if say.lang == "zh" else " ").join(parts)


# ------------------------------------------------------------------ what the wearer reads


def _foot(recording: Document, side: str, say: Words) -> Foot:
    every = [s for s in recording["steps"] if s["side"] == side]
    used = used_steps(recording, side)
    told = [say("steps", used=len(used), all=len(every))]
    time_s = mean(s.get("contact_time_s") for s in used)
    if time_s is not None:
        told.append(say("time", value=f"{time_s:.2f}"))
    force = mean(s.get("max_force_n") for s in used)
    if force is not None:
        told.append(say("force", value=f"{force:.0f}", kg=f"{force / 9.81:.0f}"))
    peaks = region_peaks(used)
    if peaks:
        top = max(peaks, key=lambda region: peaks[region])
        told.append(say("peak", where=say.get(f"place.{top}", top), value=f"{peaks[top]:.0f}"))
    shares = _shares(used)
    if shares:
        told.append(say("shares", **{part: f"{100 * share:.0f}" for part, share in shares.items()}))
    return Foot(say(f"foot.{side}"), tuple(told))


def _shares(steps: Sequence[Document]) -> dict[str, float]:
    """Part of the foot -> its share of the impulse; none where a region is missing."""
    totals = {}
    for part, regions in PARTS.items():
        means = [mean(s["regions"].get(r, {}).get("impulse_n_s") for s in steps) for r in regions]
        known = [m for m in means if m is not None]
        if not known:
            return {}
        totals[part] = sum(known)
    whole = sum(totals.values())
    return {part: total / whole for part, total in totals.items()} if whole > 0 else {}


# ------------------------------------------------------------------ what the laboratory reads


def _rows(recording: Document, sides: Sequence[str], say: Words) -> tuple[tuple[str, ...], ...]:
    """Mean ± SD over the used steps of each foot, then what is true of the walk."""
    used = {side: used_steps(recording, side) for side in sides}
    rows: list[tuple[str, ...]] = []
    for key, places, divide in ROWS:
        cells = [_spread([s.get(key) for s in steps], places, divide) for steps in used.values()]
        if any(cell != "–" for cell in cells):
            rows.append((f"{say(f'row.{key}')}\n{key}", *cells))
    for key, places in GAIT:
        value = recording["gait"].get(key)
        if isinstance(value, (int, float)):
            rows.append((f"{say(f'row.{key}')}\n{key}", *[number(value, places)] * len(sides)))
    return tuple(rows)


def _spread(values: Sequence[float | None], places: int, divide: float) -> str:
    known = [v / divide for v in values if v is not None]
    middle = mean(known)
    if middle is None:
        return "–"
    if len(known) < 2:
        return number(middle, places)
    sd = (sum((v - middle) ** 2 for v in known) / (len(known) - 1)) ** 0.5
    return f"{number(middle, places)} ± {number(sd, places)}"


def _notes(recording: Document, say: Words) -> tuple[str, ...]:
    """How it was measured: thresholds, what was assumed, what the sensors did wrong, what is missing and why."""
    notes = [say("note.used")]
    thresholds = recording.get("thresholds") or {}
    on = {side: thresholds[f"{side}_on"] for side in SIDES if f"{side}_on" in thresholds}
    if on:
        unit = {"pressure": "N", "force": "N"}.get(recording["quantity"], "")
        each = ", ".join(f"{say(f'side.{side}')} {value:.0f}{' ' + unit if unit else ''}" for side, value in on.items())
        notes.append(say("note.on", values=each))
    if recording.get("mask"):
        notes.append(say("note.mask", mask=_mask(recording["mask"], say)))
    if recording.get("calibration"):
        notes.append(say("note.calibration", how=recording["calibration"]))
    notes += [fault["detail"] for fault in recording.get("faults") or ()]
    notes += list(recording.get("notes") or ())
    keys = [key for key in ("regions", "cop_x_mm", "peak_kpa", "max_force_n") if key in recording["reasons"]]
    notes += [say("note.missing", what=say(f"missing.{key}"), why=recording["reasons"][key]) for key in keys]
    if len(notes) > MOST_NOTES:
        more = len(notes) - MOST_NOTES + 1
        notes = [*notes[: MOST_NOTES - 1], say("note.more", count=more)]
    return tuple(note if len(note) <= LONGEST_NOTE else note[: LONGEST_NOTE - 1].rstrip() + "…" for note in notes)


def _mask(mask: str, say: Words) -> str:
    """How the foot was divided, in words."""
    kind, _, rest = mask.partition(":")
    name = (rest or mask).replace("\\", "/").rsplit("/", 1)[-1]
    known = kind if kind in ("auto", "landmarks") else "template" if kind == "template" and not rest else "file"
    return say(f"mask.{known}", name=name)


# ------------------------------------------------------------------ before and after


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _with_change(page: Page, comparison: Document, say: Words) -> Page:
    """The last page with what changed: its picture, a sentence for each foot, in the place of path and bars."""
    told = []
    for side, regions in comparison["regions"].items():
        sure = {r: c for r, c in regions.items() if c["differs"]}
        if not sure:
            told.append(say("change.none", side=_capital(say(f"side.{side}"))))
            continue
        top = max(sure, key=lambda r: abs(sure[r]["change_kpa"]))
        key = "change.more" if sure[top]["change_kpa"] > 0 else "change.less"
        values = {"before": f"{sure[top]['before_kpa']:.0f}", "after": f"{sure[top]['after_kpa']:.0f}"}
        where = say.get(f"place.{top}", top)
        told.append(say(key, side=_capital(say(f"side.{side}")), where=where, count=len(sure), **values))
    name = comparison["before"]["source"].replace("\\", "/").rsplit("/", 1)[-1]
    pictures = dict(page.pictures)
    for kind in ("cop", "regions"):
        pictures.pop(kind, None)
    pictures["change"] = Picture("change.png", say("caption.change", before=name) + " " + " ".join(told))
    return Page(page.title, page.about, page.lead, page.feet, pictures, page.head, page.rows, page.notes)
