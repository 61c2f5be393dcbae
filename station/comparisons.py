"""Two feet against each other, as documents and as lines for a person: a pair, and two scans of one foot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from footscan.pairs import Difference, PairDifferences, compare_pair
from station.messages import Texts, table
from station.summary import label, number, unit

if TYPE_CHECKING:
    from footscan.deviation import Deviation, DeviationSummary
    from footscan.types import FootMeasurements, Side
    from station.results import Measured

COMPARE_SCHEMA = "plantar/compare/1"
SUMMARY_FIELDS = ("mean_mm", "rms_mm", "p95_mm", "least_mm", "most_mm", "area_cm2", "volume_ml")
#: what is always told of two feet, whether it differs or not
MAIN = ("foot_length_mm", "foot_breadth_mm", "ball_girth_mm", "instep_height_mm")


def difference_document(found: Difference) -> dict[str, Any]:
    """One difference: numbers as measures have them, to 0.1 µm."""
    return {
        "value": _rounded(found.value),
        "sd": _rounded(found.sd),
        "sd_total": _rounded(found.sd_total),
        "differs": found.differs,
        "sizes": _rounded(found.sizes),
        "reason": found.reason,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4) + 0.0


# ------------------------------------------------------------------ a pair


@dataclass(frozen=True, eq=False)
class Pair:
    """A left and a right foot of one scan or of one command, where each came from, and left − right."""

    left: str
    right: str
    found: PairDifferences


def pairs_of(scans: Iterable[Measured]) -> list[Pair]:
    """The pairs among scans: each that holds both feet, else the one left and the one right foot that all hold."""
    found: list[Pair] = []
    single: dict[str, list[tuple[str, FootMeasurements]]] = {"left": [], "right": []}
    for scan in scans:
        sides: dict[Side, FootMeasurements] = {foot.side: foot for foot in scan.feet}
        if "left" in sides and "right" in sides:
            found.append(Pair(scan.source, scan.source, compare_pair(sides["left"], sides["right"])))
            continue
        for foot in scan.feet:
            single.get(foot.side, []).append((scan.source, foot))
    if not found and len(single["left"]) == 1 and len(single["right"]) == 1:
        (left, one), (right, other) = single["left"][0], single["right"][0]
        found.append(Pair(left, right, compare_pair(one, other)))
    return found


def pair_documents(scans: Iterable[Measured]) -> list[dict[str, Any]]:
    """``pairs`` of ``measurements.json``."""
    return [
        {
            "left": pair.left,
            "right": pair.right,
            "half_size_or_more": pair.found.half_size_or_more,
            "differences": {name: difference_document(d) for name, d in pair.found.values.items()},
        }
        for pair in pairs_of(scans)
    ]


def pair_lines(pair: Pair, say: Texts) -> list[str]:
    """What differs between left and right: the main measures, and all that differ by more than measuring does."""
    lines = [say("pair.title")]
    lines += table(difference_rows(pair.found.values, say), indent="    ")
    if pair.found.half_size_or_more:
        lines.append("    " + say("pair.half_size"))
    return lines


def difference_rows(values: Mapping[str, Difference], say: Texts) -> list[list[str]]:
    """Rows of name, value ± spread, and whether it is more than measuring leaves open."""
    rows = []
    for name, d in values.items():
        if d.value is None or not (name in MAIN or d.differs):
            continue
        spread = "" if d.sd_total is None else f" ± {number(d.sd_total, name)}"
        sign = "+" if d.value > 0 else ""
        what = "" if d.differs is None else say("pair.differs" if d.differs else "pair.alike")
        rows.append([label(say, name), f"{sign}{number(d.value, name)}{spread}{unit(name)}", what])
    return rows


# ------------------------------------------------------------------ two scans of one foot


@dataclass(frozen=True, eq=False)
class Compared:
    """One foot in two scans: its side, the loads it bore, what changed, the picture's name."""

    side: Side
    loads: tuple[str, str]
    deviation: Deviation
    picture: str | None


def compare_document(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    align: str,
    feet: Sequence[Compared],
    failed: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """``compare.json`` and ``plantar compare --json``."""
    return {
        "schema": COMPARE_SCHEMA,
        "before": dict(before),
        "after": dict(after),
        "align": align,
        "feet": [_compared(foot) for foot in feet],
        "failed": [dict(item) for item in failed],
    }


def _compared(foot: Compared) -> dict[str, Any]:
    d = foot.deviation
    return {
        "side": foot.side,
        "load": {"before": foot.loads[0], "after": foot.loads[1]},
        "points": len(d.points),
        "summary": _summary(d.summary),
        "regions": {name: _summary(found) for name, found in d.regions.items()},
        "changes": {name: difference_document(found) for name, found in d.changes.items()},
        "T_before_after": [[round(float(v), 9) + 0.0 for v in row] for row in d.T_before_after],
        "notes": list(d.notes),
        "picture": foot.picture,
    }


def _summary(found: DeviationSummary) -> dict[str, float | None]:
    values = {name: float(getattr(found, name)) for name in SUMMARY_FIELDS}
    return {name: None if v != v else round(v, 4) + 0.0 for name, v in values.items()}


def compared_lines(foot: Compared, say: Texts) -> list[str]:
    """What changed in one foot, for a person."""
    s = foot.deviation.summary
    signed = {"mean": f"{round(s.mean_mm, 2) + 0.0:+.2f}", "volume": f"{round(s.volume_ml):+d}"}
    text = say("compare.summary", rms=f"{s.rms_mm:.2f}", p95=f"{s.p95_mm:.2f}",
               **{k: v.replace("-", "\N{MINUS SIGN}") for k, v in signed.items()})  # fmt: skip
    lines = [say("compare.foot", side=say(f"side.{foot.side}")), f"    {text}"]
    lines += table(difference_rows(foot.deviation.changes, say), indent="    ")
    lines += [f"    {say('summary.quality', detail=note)}" for note in foot.deviation.notes]
    return lines
