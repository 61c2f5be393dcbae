"""What a person reads on the terminal at the end: short, with the reason beside whatever is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from station.errors import one_line
from station.messages import Texts, table
from station.results import Analysed, LeftOut, Measured

if TYPE_CHECKING:
    from footscan.types import FootMeasurements, Measure
    from station.make import Made

#: what stands in an order's summary, of everything that was measured
MAIN_MEASURES = (
    "foot_length_mm",
    "foot_breadth_mm",
    "ball_girth_mm",
    "instep_height_mm",
    "arch_apex_height_mm",
    "arch_index",
    "rearfoot_angle_deg",
)
UNITS = {"_mm": "mm", "_deg": "°", "_ml": "ml"}


def label(say: Texts, name: str) -> str:
    """A measure's name in words, with its key where there is no text for it."""
    return say(f"name.{name}") if say.has(f"name.{name}") else name


def unit(name: str) -> str:
    """The unit that the end of a name says, with the space that belongs before it."""
    found = next((text for end, text in UNITS.items() if name.endswith(end)), "")
    return found if found in ("", "°") else " " + found


def number(value: float, name: str) -> str:
    """A value as people want it: a tenth of a millimetre or degree, hundredths of an index."""
    digits = 1 if unit(name) else 2
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def value(measure: Measure, name: str) -> str:
    """``250.3 ± 1.0 mm``, a word, or a dash."""
    if measure.value is None:
        return "–"
    if isinstance(measure.value, str):
        return measure.value
    spread = f" ± {number(measure.sd_total, name)}" if measure.sd_total is not None else ""
    return f"{number(float(measure.value), name)}{spread}{unit(name)}"


def _side(say: Texts, foot: FootMeasurements) -> str:
    return say("summary.side", side=say(f"side.{foot.side}"), how=say(f"side_from.{foot.side_from}"))


def measurements(item: Measured, say: Texts) -> list[str]:
    """Every measure of every foot of one scan."""
    lines = [say("summary.scan", name=item.source, unit=item.unit)]
    for foot in item.feet:
        lines.append(say("summary.foot", side=_side(say, foot), score=foot.score, load=say(f"load.{foot.load}")))
        rows = [
            [label(say, name), value(measure, name), one_line(measure.reason or measure.method)]
            for name, measure in foot.values.items()
        ]
        lines += table(rows, indent="    ", numbers=(1,))
        lines += [f"    {say('summary.quality', detail=one_line(reason.detail))}" for reason in foot.reasons]
    return lines


def walk(item: Analysed, say: Texts) -> list[str]:
    """One recording: how many steps, how hard, how fast."""
    a = item.analysis
    used = {side: sum(step.used for step in a.steps if step.side == side) for side in ("left", "right", "unknown")}
    counts = ", ".join(say("summary.steps", side=say(f"side.{side}"), count=n) for side, n in used.items() if n)
    kind = say("walk.in_shoe" if a.in_shoe else "walk.plate")
    rate = "–" if a.rate_hz is None else f"{a.rate_hz:.0f}"
    lines = [
        say("summary.walk", name=item.source, format=a.format, kind=kind, seconds=f"{a.duration_s:.1f}", rate=rate)
    ]
    rows = [[say("name.steps_used"), counts or "–"]]
    for name, values, unit_text in (("max_force_n", a.max_force_n, "N"), ("peak_kpa", a.peak_kpa, "kPa")):
        known = [f"{say(f'side.{side}')} {v:.0f} {unit_text}" for side, v in values.items() if v is not None]
        rows.append([say(f"name.{name}"), ", ".join(known) or one_line(a.reasons.get(name, "–"))])
    for name in ("cadence_steps_per_min", "stride_time_s", "double_support_s"):
        v = a.gait.get(name)
        if isinstance(v, (int, float)):
            rows.append([say(f"name.{name}"), f"{v:.2f} s" if name.endswith("_s") else f"{v:.1f}"])
        else:
            rows.append([say(f"name.{name}"), "– " + one_line(a.reasons.get(name, a.reasons.get(f"gait.{name}", "")))])
    if "regions" in a.reasons:
        rows.append([say("name.regions"), "– " + one_line(a.reasons["regions"])])
    lines += table(rows, indent="    ")
    return lines + [f"    {say('summary.quality', detail=one_line(fault.detail))}" for fault in a.faults]


# ------------------------------------------------------------------ an order


def summary(made: Made, manifest: Mapping[str, Any], folder: str, say: Texts) -> list[str]:
    """The end of ``make`` and ``demo``."""
    lines = _feet(made, say)
    for item in made.walks:
        lines += walk(item, say)
    lines += _insoles(made, say)
    left_out = [LeftOut(v["code"], {k: w for k, w in v.items() if k != "code"}) for v in manifest["left_out"]]
    if left_out or made.failed:
        lines.append(say("summary.left_out"))
        lines += [f"  · {said(item, say)}" for item in left_out]
        lines += [f"  · {one_line(failure.message)}" for failure in made.failed]
    files = sorted(manifest["outputs"])
    lines.append(say("summary.files", count=len(files) + 2, folder=folder))
    lines += _folders(files)
    return lines


def said(item: LeftOut, say: Texts) -> str:
    """What was left out, and why."""
    values = {k: say(f"side.{v}") if k == "side" else v for k, v in item.values.items()}
    return say(f"left_out.{item.code}", **values)


def _feet(made: Made, say: Texts) -> list[str]:
    feet = {side: foot.measurements for side, foot in made.feet.items()}
    rows = [["", *(_side(say, foot) for foot in feet.values())]]
    for name in MAIN_MEASURES:
        if any(name in foot.values for foot in feet.values()):
            rows.append([label(say, name), *(value(foot.values[name], name) for foot in feet.values())])
    rows.append([say("name.score"), *(f"{foot.score}/100" for foot in feet.values())])
    lines = [say("summary.feet"), *table(rows)]
    for side, foot in feet.items():
        for name in MAIN_MEASURES:
            reason = foot.values[name].reason if name in foot.values else None
            if reason:
                lines.append(
                    "  "
                    + say("summary.missing", side=say(f"side.{side}"), name=label(say, name), reason=one_line(reason))
                )
        lines += [f"  {say(f'side.{side}')}: {one_line(reason.detail)}" for reason in foot.reasons]
    return lines


def _insoles(made: Made, say: Texts) -> list[str]:
    from station.prescriptions import main_fields

    lines: list[str] = []
    for side, insole in made.insoles.items():
        lines.append(say("summary.insole", side=say(f"side.{side}")))
        rows = []
        for name, entry in main_fields(insole.prescription).items():
            rows.append([label(say, name), _shown(entry["value"], name), one_line(entry["reason"])])
        lines += table(rows)
        seen = {note.code: note for note in (*insole.prescription.notes, *insole.design.notes)}
        lines += [f"  {say('summary.quality', detail=one_line(note.detail))}" for note in seen.values()]
    return lines


def _shown(found: Any, name: str) -> str:
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return str(found)
    return f"{found:g}".replace("-", "\N{MINUS SIGN}") + unit(name)


def _folders(files: Sequence[str]) -> list[str]:
    """A line a folder: ``left/: insole.stl, insole.3mf``."""
    by_folder: dict[str, list[str]] = {}
    for name in files:
        folder, _, last = name.rpartition("/")
        by_folder.setdefault(folder, []).append(last)
    return [f"  {folder + '/: ' if folder else ''}{', '.join(names)}" for folder, names in by_folder.items()]


def truth_table(title: str, rows: Sequence[tuple[str, float, float]], say: Texts) -> list[str]:
    """(name, true, measured) rows with their difference: for feet and walks whose truth is known."""
    head = ["", say("truth.true"), say("truth.measured"), say("truth.difference")]
    body = [
        [label(say, name), number(true, name), number(got, name), f"{got - true:+.2f}".replace("-", "\N{MINUS SIGN}")]
        for name, true, got in rows
    ]
    return [title, *table([head, *body], numbers=(1, 2, 3))]
