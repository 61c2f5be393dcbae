"""Walks whose true answers are known: pressure under two insoles or on a plate, from forces in closed form.

The pressure is a sum of smooth patches (heel, midfoot, five heads, hallux, toes) with known weights in time, scaled so
that the sum of pressure x area is the foot's force in every frame, before offset and noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from footscan.synth import gait as gaits
from footscan.synth.layouts import insole_layout, plate_layout
from footscan.synth.patches import Place, patches, region_centres, region_of_cell, weights
from footscan.types import KPA_MM2_PER_N, Array, PressureRecording, Recording, SensorLayout, Side

SOFT_SHOE = 1.5  #: how much wider patches are in a shoe than barefoot (our choice: peaks of 200-300 kPa)


@dataclass(frozen=True)
class WalkSpec:
    """What is asked of a walk. ``dynamic`` False: both feet carry exactly the body weight in every frame."""

    kind: Literal["in_shoe", "plate"] = "in_shoe"
    seed: int = 0
    body_weight_n: float = 700.0
    cadence_steps_per_min: float = 110.0
    steps: int = 12
    rate_hz: float = 100.0
    first: Side = "right"  #: the foot that strikes first
    standing_s: float = 1.0  #: on both feet before and after (on a walkway 0: beside the plate)
    stance_fraction: float = 0.62
    dynamic: bool = True
    noise_kpa: float = 0.0  #: standard deviation; readings never fall below 0
    offset_kpa: float = 0.0  #: mean constant load of in-shoe cells, which never unload
    step_kpa: float = 0.0  #: quantum of the sensor (pedar: 2.5)
    foot_mm: float = 262.0
    cell_mm: float = 8.0
    grid: tuple[int, int] | None = None
    step_mm: float = 620.0  #: heel to heel along the walkway
    base_mm: float = 110.0  #: heel to heel across it
    toe_out_deg: float = 7.0

    def __post_init__(self) -> None:
        if not 0.5 < self.stance_fraction < 0.9:
            raise ValueError(f"stance_fraction must lie between 0.5 and 0.9 (walking), got {self.stance_fraction}")
        if self.steps < 1 or self.rate_hz <= 0.0 or self.body_weight_n <= 0.0 or self.cadence_steps_per_min <= 0.0:
            raise ValueError("steps, rate_hz, body_weight_n and cadence_steps_per_min must be positive")


@dataclass(frozen=True, eq=False)
class SyntheticWalk:
    """``recording`` as a reader would give it; ``truth`` see ``make_walk``; ``gait`` the plan in closed form."""

    recording: Recording
    truth: Mapping[str, Any]
    gait: gaits.Gait


def _phase(contact: gaits.Contact, stance_s: float, time_s: Array) -> tuple[Array, Array]:
    """Phase 0 … 1 of stance and how much of it is standing, at times within the contact."""
    if contact.full:
        return (time_s - contact.start_s) / (contact.stop_s - contact.start_s), np.zeros_like(time_s)
    if contact.start_s <= 0.0:  # standing, then push-off
        left = contact.stop_s - time_s
        return np.clip(1.0 - left / stance_s, 0.0, 1.0), 1.0 - gaits.ease(1.0 - left / (0.6 * stance_s))
    done = time_s - contact.start_s  # landing, then standing
    return np.clip(done / stance_s, 0.0, 0.45), gaits.ease(done / (0.6 * stance_s))


def _contact_truth(gait: gaits.Gait, contact: gaits.Contact) -> dict[str, Any]:
    """Force facts of one contact from the closed form, on a 0.1 ms grid."""
    n = max(round((contact.stop_s - contact.start_s) * 10_000), 2)
    t = np.linspace(contact.start_s, contact.stop_s, n + 1)
    force = gaits.forces(gait, t)[contact.side]
    return {
        "side": contact.side,
        "start_s": contact.start_s,
        "stop_s": contact.stop_s,
        "full": contact.full,
        "contact_time_s": contact.stop_s - contact.start_s,
        "max_force_n": float(force.max()),
        "impulse_n_s": float(np.trapezoid(force, t)),
    }


def _frames(contact: gaits.Contact, time_s: Array) -> slice:
    """The frames within a contact."""
    return slice(int(np.searchsorted(time_s, contact.start_s)), int(np.searchsorted(time_s, contact.stop_s)))


def _press(
    gait: gaits.Gait, contact: gaits.Contact, time_s: Array, force_n: Array, layout: SensorLayout, place: Place
) -> tuple[Array, Array, Array]:
    """Pressure (frames, cells) kPa of one contact at the given times, its patch fields and their centres."""
    fields, centres = patches(layout, contact.side, place)
    phase, standing = _phase(contact, gait.stance_fraction * gait.stride_s, time_s)
    return (weights(phase, standing) * force_n[:, None]) @ fields, fields, centres


def _cop(values: Array, layout: SensorLayout) -> Array:
    """Centre of pressure (frames, 2) mm; NaN where nothing presses."""
    area = np.asarray(layout.area_mm2)
    moments, newton = values @ (area[:, None] * layout.xy_mm), values @ area
    return np.asarray(np.where(newton[:, None] > 0.0, moments / np.where(newton > 0.0, newton, 1.0)[:, None], np.nan))


def _sensed(values: Array, noise_kpa: float, step_kpa: float, rng: np.random.Generator) -> Array:
    """What the sensor says: noise (never below 0), then its quantum; float32."""
    if noise_kpa > 0.0:
        values = np.maximum(values + rng.normal(0.0, noise_kpa, values.shape), 0.0)
    if step_kpa > 0.0:
        values = np.round(values / step_kpa) * step_kpa
    return np.asarray(values, dtype=np.float32)


def _facts(gait: gaits.Gait, first: Side) -> dict[str, Any]:
    """What the plan of the walk fixes."""
    swing = (1.0 - gait.stance_fraction) * gait.stride_s
    full = [c.side for c in gait.contacts if c.full]
    return {
        "body_weight_n": gait.body_weight_n,
        "first": first,
        "cadence_steps_per_min": 120.0 / gait.stride_s,
        "stride_time_s": gait.stride_s,
        "step_time_s": gait.stride_s / 2,
        "stance_s": gait.stance_fraction * gait.stride_s,
        "swing_s": swing,
        "double_support_first_s": gait.double_support_s,
        "double_support_second_s": gait.double_support_s,
        "double_support_s": 2 * gait.double_support_s,
        "double_support_vendor_s": gait.stride_s - 2 * swing,
        "steps": len(full),
        "steps_left": full.count("left"),
        "steps_right": full.count("right"),
    }


def _in_shoe(gait: gaits.Gait, spec: WalkSpec, rng: np.random.Generator) -> tuple[Recording, dict[str, Any]]:
    """Two insoles that record all the time."""
    time_s = np.arange(int(gait.duration_s * spec.rate_hz)) / spec.rate_hz
    force = gaits.forces(gait, time_s)
    truth: dict[str, Any] = {"force_n": {**force, "total": gaits.total(gait, time_s)}, "time_s": time_s}
    truth |= {"cop_mm": {}, "offset_n": {}, "region_centres_mm": {}, "region_of_cell": {}, "peak_kpa": {}}
    records = []
    for side in ("left", "right"):
        layout, place = insole_layout(side, spec.foot_mm), Place(foot_mm=spec.foot_mm, soft=SOFT_SHOE)
        values = np.zeros((len(time_s), len(layout.xy_mm)))
        for contact in gait.contacts:
            if contact.side == side:
                part = _frames(contact, time_s)
                values[part], _, centres = _press(gait, contact, time_s[part], force[side][part], layout, place)
        truth["cop_mm"][side] = _cop(values, layout)
        truth["region_centres_mm"][side] = region_centres(centres)
        truth["region_of_cell"][side] = region_of_cell(layout, side, place)
        truth["peak_kpa"][side] = float(values.max())
        offset = spec.offset_kpa * rng.uniform(0.0, 2.0, values.shape[1])
        truth["offset_n"][side] = float(offset @ np.asarray(layout.area_mm2)) / KPA_MM2_PER_N
        sensed = _sensed(values + offset, spec.noise_kpa, spec.step_kpa, rng)
        records.append(PressureRecording(sensed, "kPa", time_s, layout, None, side, "content"))
    truth["contacts"] = tuple(_contact_truth(gait, c) for c in gait.contacts)
    return Recording(tuple(records), format="synthetic", source=f"synthetic in_shoe walk, seed {spec.seed}"), truth


def _walkway(gait: gaits.Gait, spec: WalkSpec, rng: np.random.Generator) -> tuple[Recording, dict[str, Any]]:
    """A long plate with every contact on it, one step ahead of the other; standing too where it is asked for."""
    margin = 60.0
    contacts = [c for c in gait.contacts if c.full or spec.standing_s > 0.0]
    rank = {id(c): max(k - 1, 0) for k, c in enumerate(gait.contacts)}  # the two standing feet share the first place
    rank[id(gait.contacts[-1])] = rank[id(gait.contacts[-2])]  # and the last
    origin = min(rank[id(c)] for c in contacts)
    length = (max(rank[id(c)] for c in contacts) - origin) * spec.step_mm + spec.foot_mm + 2 * margin
    width = spec.base_mm + spec.foot_mm * 0.75 + margin
    layout = plate_layout(int(np.ceil(length / spec.cell_mm)), int(np.ceil(width / spec.cell_mm)), spec.cell_mm)
    time_s = np.arange(int(gait.duration_s * spec.rate_hz)) / spec.rate_hz
    force = gaits.forces(gait, time_s)
    places = []
    for c in contacts:
        y = spec.base_mm / 2 * (1.0 if c.side == "left" else -1.0)
        places.append(Place(margin + (rank[id(c)] - origin) * spec.step_mm, y, spec.foot_mm, spec.toe_out_deg))
    values = np.zeros((len(time_s), len(layout.xy_mm)), dtype=np.float32)
    details = []
    for contact, place in zip(contacts, places):
        part = _frames(contact, time_s)
        near = np.flatnonzero(np.abs(layout.xy_mm[:, 0] - place.x_mm - spec.foot_mm / 2) < spec.foot_mm)
        local = _part_of(layout, near)
        pressure, fields, centres = _press(gait, contact, time_s[part], force[contact.side][part], local, place)
        values[part, near] += pressure.astype(np.float32)
        details.append(_contact_truth(gait, contact) | _placed(place, pressure, local, fields, centres))
    on_plate = {s: sum((c.side == s) for c in contacts) for s in ("left", "right")}
    truth: dict[str, Any] = {
        "force_n": {**force, "total": gaits.total(gait, time_s)}, "time_s": time_s,
        "contacts": tuple(details), "contacts_on_plate": on_plate,
    }  # fmt: skip
    return _plate_recording(values, time_s, layout, spec, rng, "walkway"), truth


def _crossings(gait: gaits.Gait, spec: WalkSpec, rng: np.random.Generator) -> tuple[Recording, dict[str, Any]]:
    """One small plate, crossed again and again: each full contact on its own, 0.5 s of nothing around it."""
    rows, columns = spec.grid or (64, 64)
    layout = plate_layout(rows, columns, spec.cell_mm)
    full = [c for c in gait.contacts if c.full]
    pause = 0.5
    shifts = [pause + k * (c.stop_s - c.start_s + pause) - c.start_s for k, c in enumerate(full)]
    time_s = np.arange(int((full[-1].stop_s + shifts[-1] + pause) * spec.rate_hz)) / spec.rate_hz
    values = np.zeros((len(time_s), len(layout.xy_mm)), dtype=np.float32)
    both = {"left": np.zeros_like(time_s), "right": np.zeros_like(time_s)}
    details = []
    for contact, shift in zip(full, shifts):
        slack = np.array([rows, columns]) * spec.cell_mm - [spec.foot_mm + 20.0, 0.45 * spec.foot_mm + 40.0]
        jitter = rng.uniform(-0.3, 0.3, 2) * np.maximum(slack, 0.0)
        mirror = 1.0 if contact.side == "left" else -1.0
        x = (rows * spec.cell_mm - spec.foot_mm * np.cos(np.deg2rad(spec.toe_out_deg))) / 2 + jitter[0]
        y = jitter[1] - mirror * 0.5 * spec.foot_mm * np.sin(np.deg2rad(spec.toe_out_deg))
        place = Place(float(x), float(y), spec.foot_mm, spec.toe_out_deg)
        moved = gaits.Contact(contact.side, contact.start_s + shift, contact.stop_s + shift, True)
        part = _frames(moved, time_s)
        newton = gaits.forces(gait, time_s[part] - shift)[contact.side]
        both[contact.side][part] = newton
        pressure, fields, centres = _press(gait, moved, time_s[part], newton, layout, place)
        values[part] += pressure.astype(np.float32)
        facts = _contact_truth(gait, contact) | _placed(place, pressure, layout, fields, centres)
        details.append(facts | {"start_s": moved.start_s, "stop_s": moved.stop_s})
    truth: dict[str, Any] = {
        "force_n": {**both, "total": both["left"] + both["right"]}, "time_s": time_s, "contacts": tuple(details),
    }  # fmt: skip
    # the crossings say nothing of the time between steps
    truth |= dict.fromkeys(("cadence_steps_per_min", "stride_time_s", "step_time_s", "swing_s"))
    truth |= dict.fromkeys(f"double_support_{k}s" for k in ("", "first_", "second_", "vendor_"))
    return _plate_recording(values, time_s, layout, spec, rng, "crossings"), truth


def _part_of(layout: SensorLayout, cells: Array) -> SensorLayout:
    """Only some cells (k,) of a layout, without its grid."""
    return SensorLayout(layout.xy_mm[cells], np.asarray(layout.area_mm2)[cells], None, layout.frame)


def _placed(place: Place, pressure: Array, layout: SensorLayout, fields: Array, centres: Array) -> dict[str, Any]:
    """What is true of one foot on a plate."""
    return {
        "heel_mm": (place.x_mm, place.y_mm),
        "foot_mm": place.foot_mm,
        "toe_out_deg": place.toe_out_deg,
        "peak_kpa": float(pressure.max()),
        "cop_mm": _cop(pressure, layout),
        "region_centres_mm": region_centres(centres),
        "area_mm2": float(np.asarray(layout.area_mm2)[(fields > 0.0).any(axis=0)].sum()),
    }


def _plate_recording(
    values: Array, time_s: Array, layout: SensorLayout, spec: WalkSpec, rng: np.random.Generator, name: str
) -> Recording:
    sensed = _sensed(values, spec.noise_kpa, spec.step_kpa, rng)
    record = PressureRecording(sensed, "kPa", time_s, layout, None, "unknown", "content")
    return Recording((record,), format="synthetic", source=f"synthetic {name}, seed {spec.seed}")


def make_walk(
    kind: Literal["in_shoe", "plate"] = "in_shoe",
    seed: int = 0,
    body_weight_n: float = 700.0,
    cadence_steps_per_min: float = 110.0,
    steps: int | None = None,
    rate_hz: float = 100.0,
    **more: Any,
) -> SyntheticWalk:
    """A walk of ``steps`` full contacts (12 in shoes, 4 on a plate) between standing on both feet.

    ``in_shoe``: two PressureRecordings (left, right) of 99 cells that record all the time. ``plate``: a walkway with
    every contact on it, or with ``grid=(64, 64)`` one plate crossed again and again, left and right in turn.
    ``more``: the other fields of ``WalkSpec`` (``noise_kpa``, ``offset_kpa``, ``dynamic`` …).

    ``truth`` (times s, forces N): body_weight_n, cadence_steps_per_min, stride_time_s, step_time_s, stance_s, swing_s,
    double_support_first_s, double_support_second_s, double_support_s, double_support_vendor_s, steps, steps_left,
    steps_right, time_s (frames,), force_n {left, right, total} (frames,), and contacts: for each its side, start_s
    (heel strike), stop_s (toe off), full (False: standing), contact_time_s, max_force_n, impulse_n_s. In shoes also, by
    side, cop_mm (frames, 2; NaN without force), region_centres_mm, region_of_cell (99,), peak_kpa, offset_n; on plates
    these stand in each contact, with heel_mm, toe_out_deg and area_mm2. What crossings can't show is None.
    """
    if kind not in ("in_shoe", "plate"):
        raise ValueError(f"kind must be in_shoe or plate, got {kind!r}")
    count = steps if steps is not None else (12 if kind == "in_shoe" else 4)
    spec = WalkSpec(kind, seed, body_weight_n, cadence_steps_per_min, count, rate_hz, **more)
    gait = gaits.plan(
        body_weight_n, cadence_steps_per_min, count, spec.stance_fraction, spec.first, spec.standing_s, spec.dynamic
    )
    build = _in_shoe if kind == "in_shoe" else _walkway if spec.grid is None else _crossings
    recording, found = build(gait, spec, np.random.default_rng(seed))
    return SyntheticWalk(recording, MappingProxyType(_facts(gait, spec.first) | found), gait)


def threshold_times(walk: SyntheticWalk, on_n: float, off_n: float) -> tuple[tuple[Side, float, float], ...]:
    """When each full contact's true force rises through ``on_n`` and, for the last time, falls through ``off_n``.

    (side, on_s, off_s) in the order of ``truth["contacts"]``, to 0.1 ms: what a program that finds contacts by these
    thresholds should find, beside the heel strikes and toe offs themselves.
    """
    found = []
    planned = [c for c in walk.gait.contacts if c.full]
    for plan, fact in zip(planned, (c for c in walk.truth["contacts"] if c["full"])):
        t = np.linspace(plan.start_s, plan.stop_s, max(round((plan.stop_s - plan.start_s) * 10_000), 2) + 1)
        force = gaits.forces(walk.gait, t)[plan.side]
        moved = fact["start_s"] - plan.start_s
        on = t[int(np.flatnonzero(force >= on_n)[0])]
        off = t[min(int(np.flatnonzero(force > off_n)[-1]) + 1, len(t) - 1)]
        found.append((plan.side, float(on + moved), float(off + moved)))
    return tuple(found)
