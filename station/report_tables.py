"""The technician's part of a report: every measured value, what is prescribed and why, the walk, the sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from station.reasons import told
from station.report_content import (
    APART,
    REGIONS,
    SIDES,
    STEP_KEYS,
    Document,
    Table,
    Words,
    decimals,
    feet_of,
    mean,
    number,
    region_peaks,
    short,
    spread,
    used_steps,
)


def tables(documents: Mapping[str, Document], say: Words) -> tuple[Table, ...]:
    """All tables that the documents have something for."""
    measured, walked = documents.get("measurements.json"), documents.get("pressure.json")
    prescribed = documents.get("prescription.json")
    foretold = documents.get("prediction.json")
    found = [_measures(measured, say), *_prescription(prescribed, say), _printing(prescribed, say)]
    found += [*_predictions(foretold, say), *_walks(walked, say)]
    found += [_sources(measured, walked, say), _failed((measured, walked, prescribed), say)]
    return tuple(table for table in found if table is not None and table.rows)


def _measures(document: Document | None, say: Words) -> Table | None:
    feet = feet_of(document)
    if not feet:
        return None
    rows = []
    for key in next(iter(feet.values()))["measures"]:
        entries = [foot["measures"][key] for foot in feet.values()]
        cells = [_measured(key, entry, say) for entry in entries]
        methods = dict.fromkeys(entry.get("method") or "" for entry in entries)
        rows.append(
            (f"{say.measure(key)}\n{key}", *cells, " / ".join(told(method, say.lang) for method in methods if method))
        )
    head = (say("head.measure"), *(say(f"side.{side}") for side in feet), say("head.method"))
    return Table(say("table.measures"), head, tuple(rows), say("measures.note"))


def _measured(key: str, entry: Mapping[str, Any], say: Words) -> str:
    if entry["value"] is None:
        return f"–\n{told(entry.get('reason') or '', say.lang)}"
    return ("~ " if entry.get("quality") == "estimated" else "") + spread(key, entry)


# ------------------------------------------------------------------ prescription


def _prescription(document: Document | None, say: Words) -> list[Table]:
    feet = {side: foot for side, foot in (document or {}).get("feet", {}).items() if side in SIDES}
    if not feet:
        return []
    # an order with a prescriber may rest on what only prescriber and wearer should read
    apart = any(foot["fields"][name]["value"] for foot in feet.values() for name in ("prescriber", "risk"))
    names = [name for name in next(iter(feet.values()))["fields"] if name not in APART]
    rows = []
    for name in names:
        entries = {side: foot["fields"][name] for side, foot in feet.items()}
        if all(entry["by"] == "default" for entry in entries.values()):
            continue
        values = [_value(entry["value"], say) for entry in entries.values()]
        rows.append((f"{say(f'field.{name}')}\n{name}", *values, "" if apart else _reasons(entries, say)))
    head = (say("head.field"), *(say(f"side.{side}") for side in feet), say("head.reason"))
    note = say.sentences(say("only_defaults"), say("kept_apart") if apart else "")
    found = [Table(say("table.prescription"), head, tuple(rows), note)]
    notes = [(say(f"side.{side}"), note["detail"]) for side, foot in feet.items() for note in foot["notes"]]
    notes += [("", note["detail"]) for note in (document or {}).get("notes", ())]
    notes = [(side, told(detail, say.lang)) for side, detail in notes]
    if apart:
        notes = []
    found.append(Table(say("table.notes"), ("", say("head.note")), tuple(notes)))
    checks = [
        (say(f"side.{side}"), told(check["message"] or check["name"], say.lang), say("ok" if check["ok"] else "see"))
        for side, foot in feet.items()
        for check in foot.get("checks", ())
    ]
    found.append(Table(say("table.checks"), ("", say("head.check"), say("head.result")), tuple(checks)))
    return found


def _value(value: object, say: Words) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return say("yes" if value else "no")
    if isinstance(value, list):
        return f"{len(value)}"
    return told(short(value), say.lang)


def _reasons(entries: Mapping[str, Mapping[str, Any]], say: Words) -> str:
    """Why, by whom, and the source; a side is named where the sides' reasons differ."""
    lines: dict[str, list[str]] = {}
    for side, entry in entries.items():
        source = f" ({told(entry['source'], say.lang)})" if entry["source"] else ""
        why = told(entry["reason"], say.lang)
        lines.setdefault(f"{say('by.' + entry['by'])}: {why}{source}", []).append(say(f"side.{side}"))
    if len(lines) == 1:
        return next(iter(lines))
    return "\n".join(f"{', '.join(sides)} – {line}" for line, sides in lines.items())


# ------------------------------------------------------------------ print and pressure


def _printing(document: Document | None, say: Words) -> Table | None:
    """Material, filament, time, and how body and zones are filled."""
    feet = (document or {}).get("feet", {})
    prints = {side: feet[side].get("print") for side in SIDES if side in feet}
    if not prints or not all(prints.values()):
        return None

    def row(key: str, cell: Callable[[Mapping[str, Any]], str]) -> tuple[str, ...]:
        return (say(f"print.{key}"), *(cell(p) for p in prints.values()))

    rows = [
        row(
            "material",
            lambda p: f"{p['material']}\n{say('print.uncalibrated')}" if p["uncalibrated"] else p["material"],
        ),
        row("grams", lambda p: f"{p['grams']:.0f} g"),
        row("time", lambda p: f"{p['minutes'] // 60:.0f} h {p['minutes'] % 60:.0f} min"),
        row("body", lambda p: f"{p['infill_percent']} %\n" + say("print.shells", **p)),
        row("zones", lambda p: "\n".join(z["name"] for z in p["zones"]) or "–"),
    ]
    head = ("", *(say(f"side.{side}") for side in prints))
    return Table(say("table.print"), head, tuple(rows), say("print.note"))


def _predictions(document: Document | None, say: Words) -> list[Table]:
    """By region what the recording's bed and what the insole gives, with the band."""
    found = []
    for side, foot in (document or {}).get("feet", {}).items():
        title = f"{say('table.prediction')}: {say('side.' + side)}"
        if foot["regions"] is None:
            found.append(Table(title, ("", ""), ((say("prediction.none"), told(foot["reason"], say.lang)),)))
            continue
        rows = []
        for region, row in foot["regions"].items():
            cells = []
            for key, places in (("peak_kpa", 0), ("pti_kpa_s", 0), ("area_mm2", 0)):
                f = row[key]
                change = f"{f['change_percent']:+.0f} %"
                low, high = number(f["low"], places), number(f["high"], places)
                cells.append(f"{number(f['before'], places)} → {number(f['after'], places)}\n{change} ({low} … {high})")
            name = say("prediction.total") if region == "total" else say(f"place.{region}")
            rows.append((f"{name}\n{region}", *cells))
        head = (say("head.region"), *(say(f"prediction.{key}") for key in ("peak_kpa", "pti_kpa_s", "area_mm2")))
        share = say("prediction.share", shape=f"{foot['shape_percent']:.0f}", stiff=f"{foot['stiffness_percent']:.0f}")
        notes = [told(note["detail"], say.lang) + say("stop") for note in foot["notes"]]
        found.append(Table(title, head, tuple(rows), say.sentences(say("prediction.note"), share, *notes)))
    return found


# ------------------------------------------------------------------ walk


def _walks(document: Document | None, say: Words) -> list[Table]:
    found = []
    for recording in (document or {}).get("recordings", ()):
        sides = [side for side in SIDES if any(step["side"] == side for step in recording["steps"])]
        used = {side: used_steps(recording, side) for side in sides}
        rows = [(say("walk.key.steps"), *(f"{len(steps)}" for steps in used.values()))]
        for key in STEP_KEYS:
            cells = [_spread(steps, key) for steps in used.values()]
            if any(cell != "–" for cell in cells):
                rows.append((f"{say('walk.key.' + key)}\n{key}", *cells))
        gait = recording["gait"]
        for key, name in (
            ("cadence_steps_per_min", "cadence"),
            ("stride_time_s", "stride"),
            ("double_support_s", "double"),
        ):
            if gait.get(key) is not None:
                rows.append((f"{say('walk.key.' + name)}\n{key}", *(number(gait[key]) for _ in sides)))
        head = ("", *(say(f"side.{side}") for side in sides))
        found.append(Table(f"{say('table.walk')}: {recording['source']}", head, tuple(rows)))
        peaks = {side: region_peaks(steps) for side, steps in used.items()}
        rows = []
        for region in REGIONS:
            cells = [f"{p[region]:.0f}" if region in p else "–" for p in peaks.values()]
            if any(cell != "–" for cell in cells):
                rows.append((f"{say('place.' + region)}\n{region}", *cells))
        title = say("table.regions", unit="kPa", source=recording["source"])
        found.append(Table(title, (say("head.region"), *head[1:]), tuple(rows)))
    return found


def _spread(steps: Sequence[Mapping[str, Any]], key: str) -> str:
    """Mean and standard deviation over steps."""
    values = [step[key] for step in steps if step.get(key) is not None]
    middle = mean(values)
    if middle is None:
        return "–"
    places = decimals(middle)
    if len(values) < 2:
        return number(middle, places)
    sd = (sum((v - middle) ** 2 for v in values) / (len(values) - 1)) ** 0.5
    return f"{number(middle, places)} ± {number(sd, places)}"


# ------------------------------------------------------------------ where it comes from


def _sources(measured: Document | None, walked: Document | None, say: Words) -> Table:
    rows = []
    for scan in (measured or {}).get("scans", ()):
        lines = [say("scan", unit=scan["unit"], sha=str(scan["sha256"])[:16])]
        for foot in scan["feet"]:
            details = [told(reason["detail"], say.lang) for reason in foot["quality"]["reasons"]]
            lines += [f"{say('side.' + foot['side'])}: {detail}" for detail in details]
        rows.append((str(scan["source"]), "\n".join(lines)))
    for recording in (walked or {}).get("recordings", ()):
        values = {"seconds": number(recording["duration_s"], 1), "rate": number(recording["rate_hz"], 1)}
        found = say("recording", format=recording["format"], steps=len(recording["steps"]), **values)
        rows.append((str(recording["source"]), found))
    return Table(say("table.sources"), (say("head.file"), say("head.what")), tuple(rows))


def _failed(documents: Sequence[Document | None], say: Words) -> Table:
    failures = [f for document in documents for f in (document or {}).get("failed", ())]
    rows = dict.fromkeys((str(f["source"]), str(f["message"])) for f in failures)
    return Table(say("table.failed"), (say("head.file"), say("head.what")), tuple(rows))
