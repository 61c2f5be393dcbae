"""Contacts: when a foot is on, found on the one-dimensional force first, cells afterwards.

A foot is on from the first frame at or above the on threshold to the first one at or below the off threshold. Gaps
shorter than 50 ms are closed, then contacts shorter than 100 ms dropped (docs/pressure.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.types import Array, Event, Side

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
    least_contact_s: float = 0.100
    loaded_above: float = 0.0  #: a cell counts as loaded above this value (kPa, N or raw)
    standing_s: float = 3.0  #: a contact at least this long is standing, not a step of a walk

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


def swing_baseline(values: Array, force: Array) -> Array | None:
    """What each cell (cells,) still reads while the foot is in the air, or None where the foot never is.

    values (frames, cells), force (frames,). Swing frames are those in the lowest tenth between the 5th percentile of
    the force and its 95th; there are none if the 5th percentile is above a quarter of the 95th (standing).
    """
    if len(force) < 2:
        return None
    low, high = (float(v) for v in np.percentile(force, [5, 95]))
    if high <= 0 or low > 0.25 * high:
        return None
    return np.asarray(np.median(values[force <= low + 0.1 * (high - low)], axis=0))


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
