"""Contacts: when a foot is on, found on the one-dimensional force first, cells afterwards.

A foot is on from the first frame at or above the on threshold to the first one at or below the off threshold. Gaps
shorter than 50 ms are closed, then contacts shorter than 100 ms dropped. Thresholds find contacts late and lose them
early, the more so the slower the walk: each end is then traced back to where the force leaves its baseline
(docs/pressure.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.types import Array, Event, Side, replace

CUT_FRACTION = 0.25  #: of a contact's largest force: with more than that at the recording's edge, the rest was lost


@dataclass(frozen=True)
class ContactRule:
    """What counts as a contact. Fractions and newtons are those of docs/pressure.md."""

    body_weight_n: float | None = None  #: known: on and off are fractions of it
    on_body_weight: float = 0.05
    off_body_weight: float = 0.03
    plate_on_n: float = 30.0  #: plate, body weight unknown
    plate_off_n: float = 18.0
    shoe_on_fraction: float = 0.10  #: in-shoe: of that foot's 95th-percentile force
    shoe_off_fraction: float = 0.06
    merge_gap_s: float = 0.050
    lost_most_s: float = 0.100  #: a contact in which more time passes between two frames is not used
    least_contact_s: float = 0.100
    loaded_above: float = 0.0  #: a cell counts as loaded above this value (kPa, N or raw)
    standing_s: float = 3.0  #: a contact at least this long is standing, not a step of a walk
    trace_ends: bool = True  #: from the thresholds back to the landing and on to the leaving; False: thresholds alone
    plate_touch_n: float = 2.0  #: plate: a foot has landed and not yet left while it carries more than that
    shoe_trace_high: float = 0.25  #: in-shoe: the line through these fractions of the 95th-percentile force leads
    shoe_trace_low: float = 0.10  #: to the landing
    shoe_trace_low_off: float = 0.12  #: to the leaving: above the tail that toes leave in a shoe
    trace_most_s: float = 0.060  #: no end is moved farther
    baseline_window_s: float = 2.5  #: in-shoe: longer than any stride; what the force falls to within it is swing
    swing_most: float = 0.25  #: of the 95th-percentile force: more than that is standing, not swing

    def thresholds(self, force: Array, in_shoe: bool, newtons: bool) -> tuple[float, float]:
        """On and off, in the unit of ``force`` (frames,). Where that is no force, fractions of its own height count."""
        if in_shoe or not newtons:
            high = float(np.percentile(force, 95)) if len(force) else 0.0
            return self.shoe_on_fraction * high, self.shoe_off_fraction * high
        if self.body_weight_n is not None:
            return self.on_body_weight * self.body_weight_n, self.off_body_weight * self.body_weight_n
        return self.plate_on_n, self.plate_off_n


@dataclass(frozen=True)
class Contact:
    """One contact: half-open frames, when, whether the recording cuts it off, whether it was marked in the file."""

    start: int
    stop: int
    start_s: float
    stop_s: float
    cut: bool = False
    marked: bool = False


def find_contacts(force: Array, time_s: Array, on: float, off: float, rule: ContactRule) -> list[Contact]:
    """Contacts of one foot from its force (frames,) at time_s (frames,); thresholds in the unit of ``force``."""
    n = len(force)
    if n < 2 or on <= 0:
        return []
    # the state after each frame is what the last frame outside (off, on) said
    high = force >= on
    decided = np.maximum.accumulate(np.where(high | (force <= off), np.arange(n), -1))
    state = np.where(decided >= 0, high[np.maximum(decided, 0)], False)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], state, [False]]).astype(np.int8)))
    spans = [(int(a), int(b)) for a, b in zip(edges[0::2], edges[1::2])]
    end_s = np.append(time_s[1:], time_s[-1] + np.median(np.diff(time_s)))  # when each frame is over
    merged: list[tuple[int, int]] = []
    for start, stop in spans:
        if merged and time_s[start] - end_s[merged[-1][1] - 1] < rule.merge_gap_s - 1e-9:
            merged[-1] = (merged[-1][0], stop)
        else:
            merged.append((start, stop))
    return [
        Contact(a, b, float(time_s[a]), float(end_s[b - 1]), cut=_is_cut(force, a, b))
        for a, b in merged
        if end_s[b - 1] - time_s[a] >= rule.least_contact_s - 1e-9
    ]


def _is_cut(force: Array, start: int, stop: int) -> bool:
    """Whether the recording begins or ends in the middle of a contact (a plate may be triggered by its first touch)."""
    middle = CUT_FRACTION * float(force[start:stop].max())
    return bool((start == 0 and force[0] > middle) or (stop == len(force) and force[-1] > middle))


def traced(contact: Contact, force: Array, time_s: Array, high: float, rule: ContactRule) -> Contact:
    """A contact of an insole whose ends are where the foot lands and leaves, not where the thresholds see it.

    The straight line through the last crossings of two levels (fractions of ``high``, the 95th-percentile force) on the
    way up, and through the first ones on the way down, is followed to no load: a tangent to the brisk part of the rise,
    which a slow tail (toes in a shoe) does not reach. An end stays where it is if the recording lacks the crossings.
    Times are rounded to 0.1 ms within their frame.
    """
    up = _tangent(force[: contact.stop], time_s, rule.shoe_trace_high * high, rule.shoe_trace_low * high, contact.start)
    back = len(force) - 1 - np.arange(len(force))
    down = _tangent(
        force[back][: len(force) - contact.start],
        time_s[back],
        rule.shoe_trace_high * high,
        rule.shoe_trace_low_off * high,
        len(force) - contact.stop,
    )
    start_s, stop_s = contact.start_s, contact.stop_s
    if up is not None and abs(up - start_s) <= rule.trace_most_s:
        start_s = up
    if down is not None and abs(down - stop_s) <= rule.trace_most_s:
        stop_s = down
    if stop_s - start_s < rule.least_contact_s:
        return contact
    start = min(int(np.searchsorted(time_s, start_s - 1e-9)), contact.start)
    stop = max(int(np.searchsorted(time_s, stop_s - 1e-9)), contact.stop)
    return replace(contact, start=start, stop=stop, start_s=start_s, stop_s=stop_s)


def _tangent(force: Array, time_s: Array, high: float, low: float, start: int) -> float | None:
    """When the line through both levels' crossings has no load; ``force`` rises somewhere after ``start``."""
    above = np.flatnonzero(force[start:] >= high)
    if not len(above) or start + above[0] == 0 or low <= 0:
        return None
    top = start + int(above[0])
    below = np.flatnonzero(force[:top] < low)
    if not len(below):
        return None
    foot = int(below[-1])
    upper = _crossing(force, time_s, top - 1, high)
    lower = _crossing(force, time_s, foot, low)
    base, step = float(time_s[foot]), float(time_s[foot + 1] - time_s[foot])
    away = lower - (upper - lower) * low / (high - low) - base
    return base + round(away, 4) if abs(step) > 0 else None


def _crossing(force: Array, time_s: Array, k: int, level: float) -> float:
    """When the force passes a level between the frames k and k + 1."""
    share = (level - force[k]) / (force[k + 1] - force[k])
    return float(time_s[k] + share * (time_s[k + 1] - time_s[k]))


@dataclass(frozen=True, eq=False)
class Swings:
    """When a foot in a shoe is in the air: ``spans`` (n, 2) half-open frames, ``level`` (n,) what the force reads."""

    spans: Array
    level: Array

    def baseline(self, time_s: Array) -> Array:
        """(frames,) the force of an unloaded foot: straight between the middles of swings, level at both ends."""
        middle = 0.5 * (time_s[self.spans[:, 0]] + time_s[self.spans[:, 1] - 1])
        return np.asarray(np.interp(time_s, middle, self.level))

    def cells(self, values: Array) -> Array:
        """(n, cells) the median of each cell in each swing."""
        return np.stack([np.median(values[a:b], axis=0) for a, b in self.spans])


def find_swings(force: Array, time_s: Array, rule: ContactRule) -> Swings | None:
    """The swings of one foot from its force (frames,), or None where the foot never is in the air.

    In a shoe cells never unload, and what they still read drifts: swing is what the force falls to within a window
    longer than any stride (``baseline_window_s``), up to a tenth of the way to its 95th percentile, if that is below a
    quarter of it (else the foot stands).
    """
    from scipy.ndimage import median_filter, minimum_filter1d

    if len(force) < 2:
        return None
    high, step = float(np.percentile(force, 95)), float(np.median(np.diff(time_s)))
    if high <= 0:
        return None
    calm = median_filter(force, size=max(2 * round(0.02 / step) + 1, 1), mode="nearest")
    size = int(np.clip(round(rule.baseline_window_s / step), 1, len(force)))
    lowest = minimum_filter1d(calm, size, mode="nearest")
    swing = (lowest <= rule.swing_most * high) & (calm <= lowest + 0.1 * np.maximum(high - lowest, 0.0))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], swing, [False]]).astype(np.int8)))
    spans = edges.reshape(-1, 2)
    long_enough = (spans[:, 1] - spans[:, 0]) * step >= rule.merge_gap_s - 1e-9
    if not long_enough.any():
        return None
    spans = spans[long_enough]
    return Swings(spans, np.array([np.median(force[a:b]) for a, b in spans]))


def marked_contacts(events: tuple[Event, ...], side: Side, time_s: Array) -> list[Contact]:
    """Contacts between the marks ``heel_strike`` and ``toe_off`` of that side in the file."""
    found, strike = [], None
    for event in sorted((e for e in events if e.side == side), key=lambda e: e.time_s):
        if event.name == "heel_strike":
            strike = event.time_s
        elif event.name == "toe_off" and strike is not None:
            start, stop = (int(i) for i in np.searchsorted(time_s, [strike - 1e-9, event.time_s - 1e-9]))
            if stop > start:
                found.append(Contact(start, stop, strike, event.time_s, marked=True))
            strike = None
    return found
