"""Time between contacts: strides, stance and swing, both double supports, cadence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from footscan.types import Side

if TYPE_CHECKING:
    from footscan.pressure.records import StepMetrics

ONE_FOOT = "needs contacts of both feet"
NEVER_BOTH = "both feet are never down together"
NO_STRIDE = "needs two used contacts of one foot, one after the other"


@dataclass(frozen=True)
class Stance:
    """One contact as gait sees it: whose, when, whether it counts, whether the recording cuts it off, which walk it
    belongs to (a plate may be crossed several times); ``order`` among the contacts of its foot."""

    side: Side
    start_s: float
    stop_s: float
    used: bool
    cut: bool
    walk: int
    order: int


@dataclass(frozen=True)
class Timing:
    """Of one contact, s; None where it can't be said."""

    stride_s: float | None
    step_s: float | None  #: from the other foot's landing before it
    first_s: float | None  #: both feet down after this one's landing
    second_s: float | None  #: both feet down before this one leaves
    vendor_s: float | None  #: cycle minus both swings


def order_by_foot(spans: Sequence[tuple[Side, float, float, bool, bool, int]]) -> list[Stance]:
    """(side, start s, stop s, used, cut, walk) in any order -> stances in the same order, numbered by foot in time."""
    orders = [0] * len(spans)
    for side in ("left", "right", "unknown"):
        mine = sorted((i for i, span in enumerate(spans) if span[0] == side), key=lambda i: spans[i][1])
        for order, i in enumerate(mine):
            orders[i] = order
    return [Stance(*span, order) for span, order in zip(spans, orders)]


def timings(stances: Sequence[Stance]) -> list[Timing]:
    """The timing of each stance, in the same order. Sides that are unknown have none."""
    by_foot = {(s.side, s.order): s for s in stances}
    return [_timing(s, by_foot, stances) for s in stances]


def _timing(stance: Stance, by_foot: Mapping[tuple[Side, int], Stance], stances: Sequence[Stance]) -> Timing:
    if stance.side == "unknown" or stance.cut:
        return Timing(None, None, None, None, None)
    following = _next(stance, by_foot)
    stride = following.start_s - stance.start_s if following is not None else None
    other = [s for s in stances if s.side not in (stance.side, "unknown") and s.walk == stance.walk]
    before = [s for s in other if s.start_s <= stance.start_s <= s.stop_s]
    after = [s for s in other if stance.start_s < s.start_s <= stance.stop_s]
    first = min(before[-1].stop_s, stance.stop_s) - stance.start_s if before else None
    second = min(after[-1].stop_s, stance.stop_s) - after[-1].start_s if after else None
    vendor = None
    if following is not None and stride is not None and after:
        # the other foot's swing of this cycle: from its last leaving before its own landing within the stance
        landed = after[-1]
        previous = by_foot.get((landed.side, landed.order - 1))
        if previous is not None:
            found = stride - (following.start_s - stance.stop_s) - (landed.start_s - previous.stop_s)
            vendor = found if found > 0 else None
    landing = _landing_before(stance, stances)
    step = None if landing is None else stance.start_s - landing
    return Timing(stride, step, first, second, vendor)


def _landing_before(stance: Stance, stances: Sequence[Stance]) -> float | None:
    """When the other foot landed before this one in this walk: the last landing of all, if it was the other foot's."""
    earlier = [s for s in stances if s.start_s < stance.start_s and s.walk == stance.walk and s.side != "unknown"]
    last = max(earlier, key=lambda s: s.start_s, default=None)
    return None if last is None or last.side == stance.side or last.cut else last.start_s


def _next(stance: Stance, by_foot: Mapping[tuple[Side, int], Stance]) -> Stance | None:
    """The same foot's next contact of the same walk (later than this one: noise on a plate may print a foot twice)."""
    found = by_foot.get((stance.side, stance.order + 1))
    return found if found is not None and found.walk == stance.walk and found.start_s > stance.start_s else None


def gait_values(stances: Sequence[Stance]) -> tuple[dict[str, Any], dict[str, str]]:
    """The ``gait`` object of a recording and the reasons for what is None in it.

    Everything is a mean over used contacts. Strides, swings and cycles need two used contacts of a foot in succession.
    """
    used = [s for s in stances if s.used]
    timing = {(s.side, s.order): t for s, t in zip(stances, timings(stances))}
    strides: dict[str, list[float]] = {"left": [], "right": []}
    swings: dict[str, list[float]] = {"left": [], "right": []}
    by_foot = {(s.side, s.order): s for s in stances}
    for s in used:
        after = _next(s, by_foot)
        if s.side != "unknown" and after is not None and after.used:
            strides[s.side].append(after.start_s - s.start_s)
            swings[s.side].append(after.start_s - s.stop_s)
    stride = _mean([*strides["left"], *strides["right"]])
    swing = {side: _mean(swings[side]) for side in swings}
    stance = {side: _mean([s.stop_s - s.start_s for s in used if s.side == side]) for side in ("left", "right")}
    step = {side: _mean([timing[s.side, s.order].step_s for s in used if s.side == side]) for side in strides}
    first = _mean([t.first_s for s in used if (t := timing[s.side, s.order]).first_s is not None])
    second = _mean([t.second_s for s in used if (t := timing[s.side, s.order]).second_s is not None])
    both = None if first is None or second is None else first + second
    vendor = None
    if stride is not None and swing["left"] is not None and swing["right"] is not None:
        vendor = stride - swing["left"] - swing["right"]
        vendor = vendor if vendor > 0 else None  # both feet off the ground: running
    values: dict[str, Any] = {
        "steps": len(used),
        "steps_by_side": {side: sum(s.side == side for s in used) for side in ("left", "right", "unknown")},
        "contacts": len(stances),
        "stride_time_s": stride,
        "cadence_steps_per_min": None if stride is None else 120.0 / stride,
        "step_time_s": step,
        "stance_s": stance,
        "swing_s": swing,
        "double_support_first_s": first,
        "double_support_second_s": second,
        "double_support_s": both,
        "double_support_vendor_s": vendor,
    }
    return values, _reasons(values, {s.side for s in stances}, bool(used))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def _reasons(values: dict[str, Any], sides: set[Side], any_used: bool) -> dict[str, str]:
    reasons: dict[str, str] = {}
    unknown = "which foot is which is not known" if sides <= {"unknown"} and sides else None
    for key in ("stride_time_s", "cadence_steps_per_min"):
        if values[key] is None:
            reasons[key] = unknown or NO_STRIDE
    least_of = {
        "stance_s": "used contact",
        "swing_s": "two used contacts in succession",
        "step_time_s": "used contact after one of the other foot",
    }
    for key, least in least_of.items():
        for side in ("left", "right"):
            if values[key][side] is None:
                reasons[f"{key}.{side}"] = unknown or (f"no {side} foot" if side not in sides else f"no {least} of it")
    for key in values:
        if key.startswith("double_support") and values[key] is None:
            together = {"left", "right"} <= sides
            last = NO_STRIDE if values["stride_time_s"] is None else NEVER_BOTH
            reasons[key] = unknown or (ONE_FOOT if not together else last if any_used else "no used contact")
    return reasons


def spatial_gait(steps: Sequence[StepMetrics]) -> tuple[dict[str, Any], dict[str, str]]:
    """Means over used contacts of what a plate says of places, by side (``step_width_mm`` of both), the stride's length
    and the speed; and the reasons for what is None."""
    used = [s for s in steps if s.used]
    values: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for key in ("foot_progression_angle_deg", "step_length_mm"):
        values[key] = {side: _mean([s.values[key] for s in used if s.side == side]) for side in ("left", "right")}
        for side, value in values[key].items():
            if value is None:
                reasons[f"{key}.{side}"] = _why(used, key, side)
    values["step_width_mm"] = _mean([s.values["step_width_mm"] for s in used])
    if values["step_width_mm"] is None:
        reasons["step_width_mm"] = _why(used, "step_width_mm", None)
    # a stride is a step of each foot; so speed needs both, and the time of each
    lengths = list(values["step_length_mm"].values())
    values["stride_length_mm"] = None if None in lengths else sum(lengths)
    timed = [(s.values["step_length_mm"], s.values["step_time_s"]) for s in used]
    known = [(length, time_s) for length, time_s in timed if length is not None and time_s is not None]
    values["speed_m_per_s"] = sum(k[0] for k in known) / sum(k[1] for k in known) / 1000.0 if known else None
    for key in ("stride_length_mm", "speed_m_per_s"):
        if values[key] is None:
            reasons[key] = _why(used, "step_length_mm", None)
    return values, reasons


def _why(used: Sequence[StepMetrics], key: str, side: str | None) -> str:
    mine = [s for s in used if side is None or s.side == side]
    if not mine:
        return "no used contact" if side is None else f"no used contact of a {side} foot"
    return next((s.reasons[key] for s in mine if key in s.reasons), "a foot lacks it")
