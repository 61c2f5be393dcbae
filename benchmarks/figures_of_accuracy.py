"""Errors, repeatability and honesty of the SD out of many measured scans (records of accuracy.measured)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import families
import numpy as np

from footscan.measures import KEYS
from footscan.types import Array

Records = Sequence[dict[str, Any]]
#: 95 % of the errors over many feet stay below it (mm, degrees); the mean |error| and the bias below half of it
LIMITS: dict[str, float] = {
    **dict.fromkeys(
        ("foot_length_mm", "foot_breadth_mm", "foot_breadth_orthogonal_mm", "heel_breadth_mm", "heel_breadth_max_mm",
         "bimalleolar_breadth_mm", "plantar_heel_breadth_mm", "ball_height_mm", "instep_height_mm",
         "instep_height_55_mm", "dorsum_height_50_mm"), 1.0),
    **dict.fromkeys(("ball_length_medial_mm", "ball_length_lateral_mm", "truncated_foot_length_mm"), 2.0),
    **dict.fromkeys(
        ("ball_girth_mm", "ball_girth_raw_mm", "instep_girth_mm", "instep_girth_55_mm", "waist_girth_mm",
         "heel_girth_long_mm", "heel_girth_short_mm", "ankle_girth_mm"), 2.0),
    **dict.fromkeys(
        ("toe1_height_mm", "toe5_height_mm", "malleolus_medial_height_mm", "malleolus_lateral_height_mm"), 2.5),
    **dict.fromkeys(("toe1_angle_deg", "toe5_angle_deg", "ball_angle_deg"), 1.5),
    "rearfoot_angle_deg": 2.5,
}  # fmt: skip
REPEAT_LENGTH, REPEAT_GIRTH = 0.3, 0.7  #: mm, SD of the same foot scanned again
HONEST = (0.92, 0.98)  #: share of truths within 2 sd
WIDEST = 1.5  #: median sd in RMS errors
NUMBERS = tuple(key for key in KEYS if key != "toe_type")


def repeat_limit(key: str) -> float | None:
    """Limit of the SD of repeats, mm: lengths and breadths, girths; None for all others."""
    if "girth" in key:
        return REPEAT_GIRTH
    return REPEAT_LENGTH if key.endswith("_mm") and ("length" in key or "breadth" in key) else None


@dataclass(frozen=True)
class Figures:
    """Of one measure in one family: errors of ``n`` feet, and what was not there. ``spurious``: a value where the truth
    has none; ``missing``: none where it has one."""

    n: int
    missing: int
    spurious: int
    bias: float
    mean_abs: float
    p95: float
    rms: float
    sd: float
    within: float
    limit: float | None

    @property
    def held(self) -> bool | None:
        """Does it keep the limits of accuracy? None where there is none."""
        if self.limit is None or self.n == 0:
            return None
        half = self.limit / 2
        return self.p95 <= self.limit and self.mean_abs <= half and abs(self.bias) <= half

    @property
    def times(self) -> float:
        """The median sd in RMS errors."""
        return self.sd / self.rms if self.rms else float("inf")

    @property
    def honest(self) -> bool:
        """Does its SD tell the truth?"""
        return HONEST[0] <= self.within <= HONEST[1] and self.sd <= WIDEST * self.rms


def first_scans(records: Records, family: str) -> list[dict[str, Any]]:
    return [r for r in records if r["family"] == family and r["repeat"] == 0]


def pairs(records: Records, key: str) -> tuple[Array, Array, int, int]:
    """Errors (n,) and sd (n,) of a measure; how often it is missing, how often it should have been."""
    errors, sds, missing, spurious = [], [], 0, 0
    for record in records:
        if "refused" in record:
            continue
        value, sd = record["values"][key]
        truth = record["truth"].get(key)
        if isinstance(value, float) and isinstance(truth, float):
            errors.append(value - truth)
            sds.append(sd)
        missing += value is None and truth is not None
        spurious += value is not None and truth is None
    return np.array(errors), np.array(sds, dtype=float), missing, spurious


def figures(records: Records, key: str) -> Figures:
    """The figures of a measure over the records given."""
    errors, sd, missing, spurious = pairs(records, key)
    if not len(errors):
        nan = float("nan")
        return Figures(0, missing, spurious, nan, nan, nan, nan, nan, nan, LIMITS.get(key))
    size = np.abs(errors)
    return Figures(
        len(errors), missing, spurious, float(errors.mean()), float(size.mean()), float(np.percentile(size, 95)),
        float(np.sqrt(np.mean(errors**2))), float(np.median(sd)), float(np.mean(size <= 2 * sd)), LIMITS.get(key),
    )  # fmt: skip


def repeatability(records: Records, key: str) -> float | None:
    """SD of the repeats about each foot's own mean, pooled over the feet; None without repeats."""
    feet: dict[tuple[str, int], list[float]] = {}
    for record in records:
        value = None if "refused" in record else record["values"][key][0]
        if isinstance(value, float):
            feet.setdefault((record["family"], record["seed"]), []).append(value)
    variances = [np.var(values, ddof=1) for values in feet.values() if len(values) > 2]
    return float(np.sqrt(np.mean(variances))) if variances else None


@dataclass(frozen=True)
class Sides:
    """How often the side was right, wrong, unknown, and the scan refused."""

    right: int
    wrong: int
    unknown: int
    refused: int


def sides(records: Records) -> Sides:
    """Over all scans given."""
    seen = [(r["side"], r["true_side"]) for r in records]
    return Sides(
        sum(a == b for a, b in seen),
        sum(a != b and a in ("left", "right") for a, b in seen),
        sum(a == "unknown" for a, _ in seen),
        sum(a == "refused" for a, _ in seen),
    )


def toe_types(records: Records) -> tuple[int, int, int]:
    """How often the toe type was right, wrong, missing though it is true."""
    seen = [(r["values"]["toe_type"][0], r["truth"].get("toe_type")) for r in records if "refused" not in r]
    seen = [(a, b) for a, b in seen if b is not None]
    return sum(a == b for a, b in seen), sum(a is not None and a != b for a, b in seen), sum(a is None for a, _ in seen)


def families_of(records: Records) -> list[str]:
    return [f for f in families.FAMILIES if any(r["family"] == f for r in records)]


# ------------------------------------------------------------------ on the terminal


def text_tables(records: Records) -> str:
    """A table a family: what is far off is marked (! accuracy, ~ honesty of the SD)."""
    lines = []
    for family in families_of(records):
        here = first_scans(records, family)
        again = [r for r in records if r["family"] == family]
        lines.append(
            f"\n{family:<28}{'n':>4} {'None':>5}{'extra':>6} {'bias':>8} {'mean|e|':>8} {'p95':>8} {'limit':>6}  "
            f"{'rms':>7} {'sd':>7} {'sd/rms':>6} {'<2sd':>5}   repeat"
        )
        for key in NUMBERS:
            f = figures(here, key)
            repeat, most = repeatability(again, key), repeat_limit(key)
            shown = "" if repeat is None else f"{repeat:7.3f}{'!' if most is not None and repeat > most else ' '}"
            limit = "" if f.limit is None else f"{f.limit:.1f}"
            lines.append(
                f"{key:<28}{f.n:>4} {f.missing:>5}{f.spurious:>6} {f.bias:>8.3f} {f.mean_abs:>8.3f} {f.p95:>8.3f} "
                f"{limit:>6}{'!' if f.held is False else ' '} {f.rms:>7.3f} {f.sd:>7.3f} {f.times:>6.2f} "
                f"{f.within:>5.0%}{' ' if f.n == 0 or f.honest else '~'} {shown}"
            )
        s, t = sides(again), toe_types(here)
        lines.append(
            f"side: {s.right} right, {s.wrong} wrong, {s.unknown} unknown, {s.refused} refused;"
            f" toe type: {t[0]} right, {t[1]} wrong, {t[2]} missing"
        )
        for record in here:
            if "refused" in record:
                lines.append(f"  refused {record['seed']}: {record['refused']}")
    return "\n".join(lines)


def worst_feet(records: Records, key: str, many: int = 8) -> str:
    """The feet where a measure is farthest off."""
    rows = []
    for r in records:
        value, truth = r["values"].get(key, (None, None))[0], r["truth"].get(key)
        if isinstance(value, float) and isinstance(truth, float):
            rows.append((abs(value - truth), r["family"], r["seed"], r["repeat"], value, truth, r["values"][key][1]))
    rows.sort(key=lambda row: -row[0])
    return "\n".join(
        f"{family} seed {seed} repeat {repeat}: {key} {value:.3f}, true {truth:.3f}, {value - truth:+.3f}, sd {sd:.3f}"
        for _, family, seed, repeat, value, truth, sd in rows[:many]
    )
