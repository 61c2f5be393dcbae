"""Raw counts -> kPa (N where cells have no area), by loads that are known.

``two_point``: what each cell reads unloaded, and one gain that makes the loaded recording carry the body weight.
``body_weight``: the gain alone; over whole strides, too, the mean force under both feet is the body weight.
``table``: value by value, along a monotone cubic through the given points (Fritsch and Carlson 1980,
doi:10.1137/0717021).

A recording from then on says what was done in its ``notes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from footscan.errors import ScanError
from footscan.pressure.running import cell_weights
from footscan.pressure.steps import ContactRule, find_contacts, find_swings
from footscan.types import Array, PressureRecording, Recording, Side, replace

Method = Literal["two_point", "body_weight", "table"]
Span = tuple[float, float]
METHODS: tuple[Method, ...] = ("two_point", "body_weight", "table")
HOW = (
    'calibrate it first: footscan.calibrate(recording, "two_point", body_weight_n=…, unloaded=(start_s, stop_s), '
    'loaded=(start_s, stop_s)), "body_weight" (body_weight_n=…), or "table" (table=[(raw, kPa), …])'
)


def calibrate(
    recording: Recording,
    method: Method,
    *,
    body_weight_n: float | None = None,
    unloaded: Span | Mapping[Side, Span] | None = None,
    loaded: Span | Mapping[Side, Span] | None = None,
    table: npt.ArrayLike | Mapping[Side, npt.ArrayLike] | None = None,
    unit: Literal["kPa", "N"] = "kPa",
) -> Recording:
    """A recording in kPa (N where its cells have no area) from one of raw counts.

    Parameters
    ----------
    method : "two_point", "body_weight" or "table"
    body_weight_n : what is carried while ``loaded``, N (mass in kg times 9.81)
    unloaded : (start, stop) s in which no cell carries anything; two_point: each cell's mean there is its zero
    loaded : (start, stop) s in which the body weight is carried: one span for all sensors together, or
        {"left": span, "right": span} in which that foot carries it alone. body_weight, None: two insoles over whole
        strides, from the first landing that was seen to a later one of the same foot
    table : (n, 2) raw value and its pressure or force, for all cells; or one a side. Both columns must rise. Readings
        beyond its ends are missing in the result, never guessed
    unit : of the table's second column: "kPa", or "N" a cell

    Raises
    ------
    ValueError : an argument is missing, or a table that does not rise, or the recording is not raw
    ScanError : the recording can't support it: no frames in a span, no load in ``loaded``, no strides
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if not recording.pressure or any(part.unit != "raw" for part in recording.pressure):
        units = ", ".join(part.unit for part in recording.pressure) or "no pressure at all"
        raise ValueError(f"only raw counts can be calibrated, this recording is in {units}")
    parts = recording.pressure
    if method == "table":
        if table is None:
            raise ValueError("table needs table=[(raw, kPa), …]")
        done = tuple(_by_table(part, _points(table, part.side), unit) for part in parts)
        return _noted(recording, done, f"raw counts were calibrated by a table of {unit}")
    if body_weight_n is None or not np.isfinite(body_weight_n) or body_weight_n <= 0:
        raise ValueError(f"{method} needs body_weight_n, positive, in N; got {body_weight_n!r}")
    zeros = [np.zeros(len(part.layout.xy_mm)) for part in parts]
    if method == "two_point":
        if unloaded is None or loaded is None:
            raise ValueError("two_point needs unloaded=(start_s, stop_s) and loaded=(start_s, stop_s)")
        zeros = [_mean_of_cells(part, _span(unloaded, part.side, "unloaded")) for part in parts]
    rested = [_rested(part, zero) for part, zero in zip(parts, zeros)]
    if loaded is None:
        loaded = _strides(parts, rested)
    gains = _gains(parts, rested, loaded, body_weight_n)
    done = tuple(_scaled(part, values, zero, gain) for part, values, zero, gain in zip(parts, rested, zeros, gains))
    said = "two points: each cell's unloaded reading, and" if method == "two_point" else "the body weight alone:"
    return _noted(recording, done, f"raw counts were calibrated by {said} {body_weight_n:g} N of body weight")


def in_kpa(recording: Recording) -> Recording:
    """The recording itself, or its forces divided by the cells' areas.

    Raises
    ------
    ScanError : raw counts, which have to be calibrated first, or forces of cells whose area is not known
    """
    parts = []
    for part in recording.pressure:
        if part.unit == "raw":
            raise ScanError(f"{recording.source or 'the recording'} holds raw counts, no kPa: {HOW}")
        if part.unit == "N":
            if part.layout.area_mm2 is None:
                raise ScanError(f"{recording.source or 'the recording'} holds forces of cells without a known area")
            share = cell_weights(part.layout, "kPa")
            full = None if part.full_scale is None else float(part.full_scale / share.max())
            part = replace(part, values=part.values / share.astype(np.float32), unit="kPa", full_scale=full)
        parts.append(part)
    return replace(recording, pressure=tuple(parts))


def _noted(recording: Recording, parts: tuple[PressureRecording, ...], note: str) -> Recording:
    return replace(recording, pressure=parts, notes=(*recording.notes, note))


# ------------------------------------------------------------------ known loads


def _span(spans: Span | Mapping[Side, Span], side: Side, name: str) -> Span:
    if not isinstance(spans, Mapping):
        return spans
    if side not in spans:
        raise ValueError(f"{name} has no span for the {side} sensor, only for {', '.join(spans) or 'none'}")
    return spans[side]


def _frames(part: PressureRecording, span: Span) -> Array:
    """Which frames (frames,) bool lie in a span; ScanError if none does."""
    inside = (part.time_s >= span[0] - 1e-9) & (part.time_s <= span[1] + 1e-9)
    if part.valid is not None and part.valid.size:
        inside &= part.valid.any(axis=1)
    if not inside.any():
        when = f"{part.time_s[0]:g} to {part.time_s[-1]:g} s" if len(part.time_s) else "no time at all"
        raise ScanError(f"no frame of the {part.side} sensor between {span[0]:g} and {span[1]:g} s: it has {when}")
    return np.asarray(inside)


def _mean_of_cells(part: PressureRecording, span: Span) -> Array:
    """Mean reading (cells,) in a span, of the frames in which each cell is there."""
    frames = _frames(part, span)
    values = part.values[frames].astype(np.float64)
    there = np.ones_like(values) if part.valid is None else part.valid[frames].astype(np.float64)
    count = there.sum(axis=0)
    total = np.where(there > 0, values, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1.0), 0.0))


def _rested(part: PressureRecording, zero: Array) -> Array:
    """Counts (frames, cells) above the unloaded reading, 0 below it and where a cell is missing."""
    above = np.maximum(part.values - zero.astype(np.float32), np.float32(0))
    return np.asarray(above if part.valid is None else np.where(part.valid, above, np.float32(0)))


def _sum(part: PressureRecording, values: Array) -> Array:
    """(frames,) Σ counts · area / 1000, or Σ counts where cells have no area: the force for a gain of one."""
    unit = "raw" if part.layout.area_mm2 is None else "kPa"
    return np.asarray(np.einsum("fc,c->f", values.astype(np.float64), cell_weights(part.layout, unit)))


def _gains(
    parts: tuple[PressureRecording, ...], rested: list[Array], loaded: Span | Mapping[Side, Span], body_weight_n: float
) -> list[float]:
    """Of each sensor: one for all if they carry the weight together, one each if each carries it alone."""
    means = []
    for part, values in zip(parts, rested):
        span = _span(loaded, part.side, "loaded")
        frames = _frames(part, span)
        force, time_s = _sum(part, values)[frames], part.time_s[frames]
        whole = float(np.ptp(time_s))
        means.append(float(np.trapezoid(force, time_s)) / whole if whole > 0 else float(force.mean()))
    alone = isinstance(loaded, Mapping)
    carried = means if alone else [sum(means)] * len(means)
    if min(carried) <= 0:
        raise ScanError("the sensor reads nothing in the loaded span: no gain makes a weight of that")
    return [body_weight_n / mean for mean in carried]


def _strides(parts: tuple[PressureRecording, ...], rested: list[Array]) -> Span:
    """Whole strides that both feet were recorded in: from a landing of one foot to its last, the ends left out."""
    if {part.side for part in parts} != {"left", "right"} or any(part.layout.frame != "insole" for part in parts):
        raise ScanError(
            "strides need a left and a right insole: give loaded=(start_s, stop_s), standing on all sensors"
        )
    part, force = parts[0], _sum(parts[0], rested[0])
    rule = ContactRule()
    swings = find_swings(force, part.time_s, rule)
    if swings is not None:
        force = np.maximum(force - swings.baseline(part.time_s), 0.0)
    on, off = rule.thresholds(force, in_shoe=True, newtons=False)
    contacts = find_contacts(force, part.time_s, on, off, rule)
    landings = [c.start_s for c in contacts if not c.cut and c.stop_s - c.start_s < rule.standing_s][:-1]
    if len(landings) < 2:
        raise ScanError("no whole stride was found: give loaded=(start_s, stop_s), standing on all sensors")
    return landings[0], landings[-1]


def _scaled(part: PressureRecording, values: Array, zero: Array, gain: float) -> PressureRecording:
    unit: Literal["kPa", "N"] = "N" if part.layout.area_mm2 is None else "kPa"
    full = None if part.full_scale is None else float((part.full_scale - zero.max(initial=0.0)) * gain)
    return replace(part, values=values * np.float32(gain), unit=unit, full_scale=full if full and full > 0 else None)


# ------------------------------------------------------------------ tables


def _points(table: npt.ArrayLike | Mapping[Side, npt.ArrayLike], side: Side) -> Array:
    """(n, 2) raw, physical of a side, both rising; ValueError if they don't."""
    if isinstance(table, Mapping):
        if side not in table:
            raise ValueError(f"table has no rows for the {side} sensor, only for {', '.join(table) or 'none'}")
        table = table[side]
    points = np.asarray(table, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or not np.isfinite(points).all():
        raise ValueError(f"table must be (n, 2) finite pairs of raw and physical values, n ≥ 2, got {points.shape}")
    if not (np.diff(points[:, 0]) > 0).all() or not (np.diff(points[:, 1]) >= 0).all():
        raise ValueError("table must rise: raw values strictly, physical values never falling")
    return points


def _by_table(part: PressureRecording, points: Array, unit: Literal["kPa", "N"]) -> PressureRecording:
    from scipy.interpolate import PchipInterpolator

    curve = PchipInterpolator(points[:, 0], points[:, 1], extrapolate=False)
    flat = curve(part.values.ravel()).reshape(part.values.shape)
    beyond = ~np.isfinite(flat)
    there = None if part.valid is None else part.valid
    if beyond.any():
        there = ~beyond if there is None else there & ~beyond
    full = None if part.full_scale is None else float(curve(part.full_scale))
    full = full if full is not None and np.isfinite(full) else None
    values = np.where(beyond, 0.0, flat)
    return replace(part, values=values, unit=unit, valid=there, full_scale=full)
