"""When each foot is on the ground and what it carries: a walk in closed form.

A stride lasts T = 120 / cadence; a foot is down for ``stance_fraction`` of it, the feet are half a stride apart. Both
feet together carry ``total(t)``: the body weight times a known factor (1 in the quasi-static mode). While both are down
the load passes from the rear to the front foot along ``handover``; so each foot's force is known at every instant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.types import Array, Side


@dataclass(frozen=True)
class Contact:
    """One foot on the ground from ``start_s`` to ``stop_s``; ``full`` False: the standing before or after the walk."""

    side: Side
    start_s: float
    stop_s: float
    full: bool


@dataclass(frozen=True)
class Gait:
    """The plan of a walk; times in s, forces in N."""

    body_weight_n: float
    stride_s: float
    stance_fraction: float
    swing_amplitude: float  #: share of body weight by which the total goes up and down (0: quasi-static)
    duration_s: float
    first_strike_s: float
    contacts: tuple[Contact, ...]

    @property
    def double_support_s(self) -> float:
        """Both feet down, each time."""
        return (self.stance_fraction - 0.5) * self.stride_s


def plan(
    body_weight_n: float,
    cadence_steps_per_min: float,
    steps: int,
    stance_fraction: float,
    first: Side,
    standing_s: float,
    dynamic: bool,
) -> Gait:
    """``steps`` full contacts between a standing start and a standing end (two contacts each, not full)."""
    stride = 120.0 / cadence_steps_per_min
    swing = (1.0 - stance_fraction) * stride
    second: Side = "left" if first == "right" else "right"
    strike0 = standing_s + 0.4 + swing
    strikes = [strike0 + 0.5 * stride * k for k in range(steps + 2)]  # the last two stay on the ground
    duration = strikes[-1] + 0.4 + standing_s
    contacts = [
        Contact(first, 0.0, strike0 - swing, False),
        Contact(second, 0.0, strikes[1] - swing, False),
    ]
    for k, strike in enumerate(strikes):
        side = first if k % 2 == 0 else second
        contacts.append(Contact(side, strike, strike + stance_fraction * stride if k < steps else duration, k < steps))
    return Gait(body_weight_n, stride, stance_fraction, 0.2 if dynamic else 0.0, duration, strike0, tuple(contacts))


def ease(t: Array) -> Array:
    """0 to 1 with zero slope at both ends."""
    c = np.clip(t, 0.0, 1.0)
    return np.asarray(c * c * (3.0 - 2.0 * c))


def handover(t: Array) -> Array:
    """Share (0 … 1) of the front foot while the load passes to it; brisk at both ends, so that contact times show."""
    c = np.clip(t, 0.0, 1.0)
    return np.asarray(0.3 * c + 0.7 * ease(c))


def total(gait: Gait, time_s: Array) -> Array:
    """Force in N that both feet carry together."""
    period = gait.stride_s / 2
    middle = gait.first_strike_s + gait.double_support_s / 2  # fullest where the load is half handed over
    strikes = [c.start_s for c in gait.contacts if c.start_s > 0.0]
    rise = ease((time_s - gait.first_strike_s + period) / period)
    fall = 1.0 - ease((time_s - strikes[-1]) / period)
    wave = np.cos(2.0 * np.pi * (time_s - middle) / period)
    return np.asarray(gait.body_weight_n * (1.0 + gait.swing_amplitude * rise * fall * wave))


def share_left(gait: Gait, time_s: Array) -> Array:
    """Share of the total that the left foot carries (the right one: the rest)."""
    events: list[tuple[float, float, float]] = []  # start, stop of a handover, and the left foot's share after it
    first = gait.contacts[0]
    rest = 0.0 if first.side == "left" else 1.0
    events.append((first.stop_s - 0.4, first.stop_s, rest))
    strikes = [c for c in gait.contacts if c.start_s > 0.0]
    for contact in strikes[:-1]:
        events.append(
            (contact.start_s, contact.start_s + gait.double_support_s, 1.0 if contact.side == "left" else 0.0)
        )
    events.append((strikes[-1].start_s, strikes[-1].start_s + 0.4, 0.5))
    share = np.full_like(time_s, 0.5)
    value = 0.5
    for start, stop, after in events:
        standing = 0.5 in (value, after)
        passed = (ease if standing else handover)((time_s - start) / (stop - start))
        share = np.where(time_s >= start, value + (after - value) * passed, share)
        value = after
    return share


def forces(gait: Gait, time_s: Array) -> dict[Side, Array]:
    """Vertical force (n,) in N under each foot."""
    both, left = total(gait, time_s), share_left(gait, time_s)
    return {"left": both * left, "right": both * (1.0 - left)}
