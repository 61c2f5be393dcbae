"""What the customer's pages show, as plain values for the templates: one function a screen that has more than words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from station.kiosk import visit_files as names
from station.kiosk.flow import BOTH, REFUSED, STOPPING, Way
from station.kiosk.settings import Settings
from station.kiosk.texts import Words
from station.store import Store, files

#: screens of the progress line, and the screens that each stands for
STAGES: Mapping[str, tuple[str, ...]] = {
    "consent": ("consent",),
    "who": ("who", "guardian"),
    "prepare": ("prepare",),
    "scan": ("scan", "score"),
    "walk": ("walk",),
    "result": ("result",),
    "order": ("choose", "confirm", "takeaway"),
}
SHOWN_MEASURES = (
    "foot_length_mm", "foot_breadth_mm", "ball_girth_mm", "instep_girth_mm", "arch_apex_height_mm",
)  # fmt: skip
SKIPPED_TAPES = ("waist_girth_mm",)  #: fewer lines are more
#: what a picture shows of what to do about a scan; everything else is mended by standing still
REMEDIES = {
    "sock": "barefoot", "trouser": "trousers", "wrong_side": "both", "side_unknown": "both", "two_people": "both",
    "scanner_away": "bell", "scan_too_large": "bell", "disk_full": "bell",
}  # fmt: skip


def stages(screen: str, say: Words) -> list[dict[str, Any]]:
    """The progress line: name, and whether it is ``past`` or ``now``."""
    order = list(STAGES)
    now = next((n for n, stage in enumerate(order) if screen in STAGES[stage]), -1)
    return [{"name": say(f"way.{s}"), "past": n < now, "now": n == now} for n, s in enumerate(order)]


def problems(way: Way, say: Words) -> list[dict[str, str]]:
    """What to tell about a scan: the reason, what to do; refused ones first, each said once."""
    told: dict[str, dict[str, str]] = {}
    for side in way.feet:
        if way.scanned and side not in way.scanned:
            what = say("score.missing", side=say(side).lower())
            told[f"missing.{side}"] = {"what": what, "do": say("score.missing.do"), "kind": "bad", "art": "both"}
    for problem in sorted(way.problems, key=lambda p: p.code not in REFUSED):
        said_better = problem.code == "hole" and replace(problem, code="landmark_unseen") in way.problems
        if problem.code in STOPPING and not said_better:
            kind = "bad" if problem.code in REFUSED else "warn"
            what, do = say(f"problem.{problem.code}"), say(f"problem.{problem.code}.do")
            art = REMEDIES.get(problem.code, "still")
            one = {"what": what, "do": do, "kind": kind, "art": art, "side": problem.side}
            entry = told.setdefault(problem.code, one)
            if entry.get("side") != problem.side:
                entry["side"] = "both"
    return list(told.values())


def score(measurements: Mapping[str, Any]) -> int | None:
    """The worse foot's."""
    found = [foot["quality"]["score"] for _, foot in feet_of(measurements)]
    return min(found) if found else None


def feet_of(measurements: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """(side, foot), the left one first, each once."""
    by_side = {foot["side"]: foot for scan in measurements.get("scans", ()) for foot in scan["feet"]}
    return [(side, by_side[side]) for side in BOTH if side in by_side]


def lines(stored: Mapping[str, Any], side: str, say: Words) -> dict[str, Any]:
    """The tapes of a foot for its viewer, in the customer's words."""
    return {
        "tapes": [
            {
                "key": tape["key"],
                "label": say(f"measure.{tape['key']}"),
                "text": say("mm", value=f"{tape['mm']:.0f}"),
                "points": tape["points"],
            }
            for tape in stored.get(side, ())
            if tape["key"] not in SKIPPED_TAPES
        ]
    }


def sizes(measurements: Mapping[str, Any], settings: Settings, say: Words) -> list[dict[str, Any]]:
    """A row a system: its name, each foot's size."""
    from station.sizes import FootSize, size_document

    feet = [FootSize(side, *_lengths(foot)) for side, foot in feet_of(measurements)]
    if not feet:
        return []
    systems: Any = settings.sizes
    document = size_document("", "", feet, systems)
    return [
        {
            "name": say(f"size.{system}"),
            "of": {foot["side"]: foot["sizes"][system]["size"] or "–" for foot in document["feet"]},
        }
        for system in settings.sizes
    ]


def _lengths(foot: Mapping[str, Any]) -> tuple[float, float | None, float | None]:
    keys = ("foot_length_mm", "foot_breadth_orthogonal_mm", "ball_girth_mm")
    length, breadth, girth = (foot["measures"].get(key, {}).get("value") for key in keys)
    return float(length or 0.0), breadth, girth


def measures(measurements: Mapping[str, Any], say: Words) -> list[dict[str, Any]]:
    """A row a measure: its name, each foot's value."""
    feet = feet_of(measurements)
    rows = []
    for key in SHOWN_MEASURES:
        found = {side: foot["measures"].get(key, {}).get("value") for side, foot in feet}
        if any(isinstance(value, (int, float)) for value in found.values()):
            told = {s: say("mm", value=f"{v:.0f}") if isinstance(v, (int, float)) else "–" for s, v in found.items()}
            rows.append({"name": say(f"measure.{key}"), "of": told})
    return rows


def sayings(prescription: Mapping[str, Any], pressed: bool, say: Words) -> list[str]:
    """What the insoles will do, in plain words and without promises."""
    fields = [{n: entry["value"] for n, entry in foot["fields"].items()} for foot in prescription["feet"].values()]
    told = [say("does.pair")] if len(fields) > 1 else []
    told += [say("does.cup"), say("does.arch")]
    if any(values.get("rearfoot_post_deg") for values in fields):
        told.append(say("does.post"))
    if pressed and any(value for values in fields for n, value in values.items() if n.startswith("relief_")):
        told.append(say("does.relief"))
    return [*told, say("does.spread")]


def day(at: datetime, say: Words) -> str:
    """A day as one says it, where the kiosk stands."""
    here = at.astimezone()
    return say("day", day=here.day, month=say(f"month.{here.month}"), year=here.year)


def moment(at: datetime, say: Words) -> str:
    """The same with the time of day."""
    return say("day.time", day=day(at, say), time=f"{at.astimezone():%H:%M}")


def cuts(stored: Mapping[str, Any], side: str) -> str:
    """Where an insole of each length ends, for its viewer: the line of the ball (mm, foot frame) and how far before it
    the front edge lies, as the insole is designed; empty where the scan does not show the ball."""
    from insole.outline import FRONT_OF_MTH

    tapes = {tape["key"]: tape for tape in stored.get(side, ())}
    if not {"foot_breadth_mm", "foot_length_mm"} <= tapes.keys():
        return ""
    ahead = {length: share * tapes["foot_length_mm"]["mm"] for length, share in FRONT_OF_MTH.items()}
    return json.dumps({"ball": tapes["foot_breadth_mm"]["points"], "ahead": ahead})


def pair_sentences(measurements: Mapping[str, Any], lang: str) -> tuple[str, ...]:
    """Which foot is longer, in the report's words."""
    from station.report_content import content

    return content({names.MEASUREMENTS: dict(measurements)}, (), lang).sections[0].after


def result(store: Store, visit_id: str, way: Way, settings: Settings, say: Words) -> dict[str, Any]:
    """All that the result shows, read at once: whoever waits for it, waits for one thread."""
    kept = {file.role for file in files.of_visit(store, visit_id)}

    def read(name: str) -> dict[str, Any]:
        return document(files.get(store, visit_id, name) if name in kept else None)

    measured, prescription = read(names.MEASUREMENTS), read(names.PRESCRIPTION)
    return {
        "making": False,
        "sizes": sizes(measured, settings, say),
        "measures": measures(measured, say),
        "pair": pair_sentences(measured, way.lang) if len(way.scanned) == 2 else (),
        "sayings": sayings(prescription, way.walk == "done", say) if prescription else [],
        "prints": {s: files.get(store, visit_id, names.PRINT.format(side=s)).decode() for s in way.scanned},
        "viewer": viewer_words(say),
        "skins": [s for s in way.scanned if names.SKIN.format(side=s) in kept],
    }


def document(data: bytes | None) -> dict[str, Any]:
    """A stored JSON document; empty where there is none."""
    return dict(json.loads(data)) if data else {}


def viewer_words(say: Words) -> str:
    """What the 3D viewer says of itself."""
    keys = {"reset": "view.reset", "top": "view.top", "side": "view.side", "sole": "view.sole", "turn": "view.turn"}
    return json.dumps({key: say(text) for key, text in keys.items()}, ensure_ascii=False)
