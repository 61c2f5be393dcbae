"""From a recording to steps, metrics and gait: the one way for insoles, plates and streams that were kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from footscan.errors import ScanError
from footscan.pressure.contacts import Placed, contacts_of_part, in_shoe, newtons, with_ends
from footscan.pressure.cop import prediction_ellipse_mm2
from footscan.pressure.gait import ONE_FOOT, Timing, gait_values, order_by_foot, timings
from footscan.pressure.maps import PressureMap, peak_gradient
from footscan.pressure.metrics import (
    KEYS,
    NO_POSITIONS,
    RAW,
    Values,
    plate_values,
    quantity_reasons,
    region_values,
    step_values,
)
from footscan.pressure.regions import REGIONS, FootGrid, foot_grid, region_labels
from footscan.pressure.running import Totals, accumulate, cut, frame_weights
from footscan.pressure.steps import ContactRule
from footscan.types import Array, PressureRecording, Recording, RegionLoads, Side, frozen_array, replace

Quantity = Literal["pressure", "force", "raw"]
_QUANTITY: dict[str, Quantity] = {"kPa": "pressure", "N": "force", "raw": "raw"}
IN_SHOE = "in-shoe recording"
NO_CONTACT = "no contact found"


@dataclass(frozen=True, eq=False)
class StepMetrics:
    """One contact of one foot.

    values: every key of ``metrics.KEYS``, None where ``reasons`` says why; regions: the same by region
    (``metrics.REGION_KEYS``); used: whether gait values count it, with the reason in ``reasons["used"]`` if not.
    cop_xy_mm (frames, 2) in the layout's frame, NaN below the on threshold, or None; time_s, force (frames,) in N (raw
    counts, or summed kPa where cell areas are unknown); peak (cells,) each cell's largest value, 0 off the foot.
    """

    side: Side
    start_s: float
    stop_s: float
    used: bool
    values: Mapping[str, float | None]
    regions: Mapping[str, Mapping[str, float | None]]
    cop_xy_mm: Array | None
    reasons: Mapping[str, str]
    time_s: Array
    force: Array
    peak: Array
    part: int = 0  #: which PressureRecording of the recording


@dataclass(frozen=True, eq=False)
class RecordingAnalysis:
    """All of a recording.

    ``steps == ()``: there was no contact, ``reasons["steps"]`` says why. ``reasons`` also says why a key is None here
    (``max_force_n.right``), in ``gait`` (``stance_s.right``), or in every step that is used; what only some steps lack
    stands in their own ``reasons``. ``thresholds``: on and off of each side's contacts, and its ``baseline`` in swing.
    """

    format: str
    source: str
    rate_hz: float | None
    frames: int
    duration_s: float
    side_from: Literal["content", "filename", "given"]
    quantity: Quantity
    max_force_n: Mapping[Side, float | None]
    peak_kpa: Mapping[Side, float | None]
    steps: tuple[StepMetrics, ...]
    gait: Mapping[str, Any]
    reasons: Mapping[str, str]
    in_shoe: bool
    maps: tuple[PressureMap, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)


def analyse(
    recording: Recording,
    mask: str = "auto",
    keep_ends: bool = False,
    side: Literal["auto", "both"] | Side | None = None,
    rule: ContactRule | None = None,
) -> RecordingAnalysis:
    """Steps, metrics, regions and gait of a recording (docs/pressure.md).

    Parameters
    ----------
    mask : "auto": pedar insoles by their layout, everything else by the footprint's own geometry
    keep_ends : use each foot's first and last contact too
    side : "left" or "right": what a sensor is that does not itself say (it outranks a file name); else nothing
    rule : thresholds; default: those of docs/pressure.md

    Raises
    ------
    ValueError : a mask or side that isn't known
    ScanError : a recording without any pressure
    """
    if mask != "auto":
        raise ValueError(f"mask must be auto, got {mask!r}")
    if side not in (None, "auto", "both", "left", "right", "unknown"):
        raise ValueError(f"side must be left, right, both or auto, got {side!r}")
    parts = tuple(_sided(part, side) for part in recording.pressure)
    if not parts:
        raise ScanError(f"{recording.source or 'the recording'} holds no pressure")
    rule = rule or ContactRule()
    whole = [accumulate(part, loaded_above=rule.loaded_above) for part in parts]
    thresholds: dict[str, float] = {}
    found: list[Placed] = []
    for number, (part, totals) in enumerate(zip(parts, whole)):
        found += contacts_of_part(part, totals, number, recording, rule, thresholds)
    found = with_ends(found, parts, keep_ends)
    found.sort(key=lambda f: (f.contact.start_s, f.part, f.contact.stop_s))
    steps, maps = _steps(parts, found, whole, rule)
    spans = [(f.side, f.contact.start_s, f.contact.stop_s, f.used, f.contact.cut, f.walk) for f in found]
    stances = order_by_foot(spans)
    gait, gait_reasons = gait_values(stances)
    timed = zip(steps, timings(stances), stances)
    feet = {stance.side for stance in stances}
    steps = [_with_timing(step, timing, stance.cut, feet) for step, timing, stance in timed]
    force, peak, reasons = _extremes(parts, whole)
    reasons |= _shared_reasons([step for step in steps if step.used] or steps) | gait_reasons
    if not steps:
        reasons["steps"] = _why_no_step(parts, whole, thresholds)
    if any(part.valid is not None and not part.valid.all() for part in parts):
        reasons["missing_cells"] = "some cells are missing in some frames: they count as unloaded"
    first = parts[0]
    return RecordingAnalysis(
        format=recording.format,
        source=recording.source,
        rate_hz=first.rate_hz,
        frames=len(first.time_s),
        duration_s=float(frame_weights(first.time_s).sum()),
        side_from=first.side_from,
        quantity=_QUANTITY[first.unit],
        max_force_n=MappingProxyType(force),
        peak_kpa=MappingProxyType(peak),
        steps=tuple(steps),
        gait=MappingProxyType(gait),
        reasons=MappingProxyType(reasons),
        in_shoe=in_shoe(first),
        maps=tuple(maps),
        thresholds=MappingProxyType(thresholds),
    )


def region_loads(analysis: RecordingAnalysis) -> dict[Side, RegionLoads]:
    """By side with used steps: the mean over them of each region's peak, kPa (a region without a value is left out)."""
    loads: dict[Side, RegionLoads] = {}
    sides: tuple[Side, ...] = ("left", "right", "unknown")
    for side in sides:
        steps = [step for step in analysis.steps if step.side == side and step.used]
        peaks = {name: [s.regions[name]["peak_kpa"] for s in steps if name in s.regions] for name in REGIONS}
        known = {name: [v for v in values if v is not None] for name, values in peaks.items()}
        if steps:
            means = {name: float(np.mean(values)) for name, values in known.items() if values}
            areas = [m.layout.area_mm2 for m in analysis.maps if m.side == side and m.layout.area_mm2 is not None]
            cell = float(np.median(areas[0])) if areas else None
            loads[side] = RegionLoads(
                side, MappingProxyType(means), len(steps), analysis.in_shoe, analysis.quantity, cell
            )
    return loads


def _sided(part: PressureRecording, side: str | None) -> PressureRecording:
    """The part with the side that was given, where the sensor itself does not say."""
    if side in ("left", "right") and (part.side == "unknown" or part.side_from == "filename"):
        return replace(part, side=side, side_from="given")
    return part


def _shared_reasons(steps: list[StepMetrics]) -> dict[str, str]:
    """Why a key is None in all of these steps (the first one's words)."""
    first = dict(steps[0].reasons) if steps else {}
    return {key: why for key, why in first.items() if key != "used" and all(key in step.reasons for step in steps)}


# ------------------------------------------------------------------ metrics


def _steps(
    parts: tuple[PressureRecording, ...], found: list[Placed], whole: list[Totals], rule: ContactRule
) -> tuple[list[StepMetrics], list[PressureMap]]:
    measured = []
    for f in found:
        part = parts[f.part]
        frames = cut(part, f.contact.start, f.contact.stop, f.cells)
        weight_s = whole[f.part].weight_s[f.contact.start : f.contact.stop]
        totals = accumulate(frames, weight_s=weight_s, loaded_above=rule.loaded_above)
        peak = np.zeros(len(part.layout.xy_mm))
        peak[f.cells] = totals.peak
        measured.append((frames, totals, peak))
    labels, grids, why, maps = _regions(parts, found, [peak for _, _, peak in measured])
    steps = []
    for k, (f, (frames, totals, peak)) in enumerate(zip(found, measured)):
        part = parts[f.part]
        span = f.contact.stop_s - f.contact.start_s
        values, cop_xy = step_values(frames, totals, span, f.on, part.rate_hz or 0.0, rule.loaded_above)
        if f.why_not is not None:
            values.reasons["used"] = f.why_not
        plate_values(values, cop_xy, peak, grids[k], IN_SHOE if in_shoe(part) else why[k])
        _sway(values, part, f, whole[f.part], rule)
        regions = region_values(frames, totals, labels[k][f.cells], rule.loaded_above)
        if (labels[k] < 0).all():
            values.reasons["regions"] = why[k]
        else:
            absent = sorted(set(range(len(REGIONS))) - set(labels[k].tolist()))
            values.reasons.update({f"regions.{REGIONS[n]}": "no cell of this sensor lies there" for n in absent})
        steps.append(_step(f, frames, totals, peak, values, cop_xy, regions))
    return _with_gradients(parts, steps), maps


def _step(
    f: Placed,
    frames: PressureRecording,
    totals: Totals,
    peak: Array,
    values: Values,
    cop_xy: Array,
    regions: dict[str, dict[str, float | None]],
) -> StepMetrics:
    no_cop = RAW if frames.unit == "raw" else None if frames.layout.positions == "mm" else NO_POSITIONS
    if no_cop is not None:
        values.reasons.update({"cop_x_mm": no_cop, "cop_y_mm": no_cop})
    return StepMetrics(
        side=f.side,
        start_s=f.contact.start_s,
        stop_s=f.contact.stop_s,
        used=f.used,
        values=values.numbers,
        regions=MappingProxyType({name: MappingProxyType(row) for name, row in regions.items()}),
        cop_xy_mm=frozen_array("cop_xy_mm", cop_xy, np.float64, (None, 2)) if no_cop is None else None,
        reasons=values.reasons,
        time_s=frames.time_s,
        force=frozen_array("force", totals.force, np.float64, (None,)),
        peak=frozen_array("peak", peak, np.float64, (None,)),
        part=f.part,
    )


def _regions(
    parts: tuple[PressureRecording, ...], found: list[Placed], peaks: list[Array]
) -> tuple[list[Array], list[FootGrid | None], list[str], list[PressureMap]]:
    """Region of each cell, footprint frame (plates) and why there is none, for each contact; and the maps.

    In a shoe the foot stays where it is on its sensor: one division for all its steps, from their mean peaks.
    """
    labels = [np.full(len(peak), -1) for peak in peaks]
    grids: list[FootGrid | None] = [None] * len(found)
    why = [""] * len(found)
    maps = []
    for number, part in enumerate(parts):
        mine = [k for k, f in enumerate(found) if f.part == number]
        if not mine:
            continue
        best = [k for k in mine if found[k].used] or mine
        mean_peak = np.mean([peaks[k] for k in best], axis=0)
        shared = np.full(len(mean_peak), -1)
        try:
            if in_shoe(part):
                shared = region_labels(part.layout, mean_peak, part.side)
        except ScanError as error:
            for k in mine:
                why[k] = str(error)
        for k in mine:
            if in_shoe(part):
                labels[k] = shared
                continue
            try:
                grids[k] = grid = foot_grid(part.layout, peaks[k], found[k].side, found[k].heading)
                labels[k] = np.where(found[k].cells, grid.labels, -1)
            except ScanError as error:
                why[k] = str(error)
        highest = np.max([peaks[k] for k in best], axis=0)
        maps.append(PressureMap(part.side, part.layout, highest, mean_peak, shared, len(best)))
    return labels, grids, why, maps


def _sway(values: Values, part: PressureRecording, f: Placed, whole: Totals, rule: ContactRule) -> None:
    key = "sway_ellipse_mm2"
    if in_shoe(part):
        values.missing(key, "two insoles need the feet's relative position")
    elif f.contact.stop_s - f.contact.start_s < rule.standing_s:
        values.missing(key, f"no standing: the contact is shorter than {rule.standing_s:g} s")
    elif part.unit == "raw" or part.layout.positions != "mm":
        values.missing(key, RAW if part.unit == "raw" else NO_POSITIONS)
    else:
        frames = slice(f.contact.start, f.contact.stop)
        cop_xy = np.where((whole.force[frames] >= f.on)[:, None], whole.cop_xy[frames], np.nan)
        area = prediction_ellipse_mm2(cop_xy)
        values.missing(key, "fewer than four frames") if area is None else values.numbers.update({key: area})


def _with_gradients(parts: tuple[PressureRecording, ...], steps: list[StepMetrics]) -> list[StepMetrics]:
    """All steps of a part at once: a triangulation serves them all."""
    key = "peak_pressure_gradient_kpa_per_mm"
    out = list(steps)
    for number, part in enumerate(parts):
        mine = [k for k, step in enumerate(steps) if step.part == number]
        if not mine:
            continue
        why = quantity_reasons(part)[0]
        slopes: list[float | None] = [None] * len(mine)
        if why is None:
            try:
                slopes = peak_gradient(part.layout, np.array([steps[k].peak for k in mine])).tolist()
            except ScanError as error:
                why = str(error)
        for k, slope in zip(mine, slopes):
            values = dict(steps[k].values) | {key: slope}
            reasons = dict(steps[k].reasons) | ({key: why} if why else {})
            out[k] = replace(steps[k], values=values, reasons=reasons)
    return out


def _with_timing(step: StepMetrics, timing: Timing, cut: bool, feet: set[Side]) -> StepMetrics:
    first, second = timing.first_s, timing.second_s
    numbers = {
        "stride_time_s": timing.stride_s,
        "cadence_steps_per_min": None if timing.stride_s is None else 120.0 / timing.stride_s,
        "double_support_first_s": first,
        "double_support_second_s": second,
        "double_support_s": None if first is None or second is None else first + second,
        "double_support_vendor_s": timing.vendor_s,
    }
    why = {}
    for key, value in numbers.items():
        if value is not None:
            continue
        if step.side == "unknown":
            why[key] = "which foot is which is not known"
        elif cut:
            why[key] = "cut off by the start or end of the recording"
        elif key.startswith("double") and not {"left", "right"} <= feet:
            why[key] = ONE_FOOT
        elif key.startswith("double"):
            why[key] = "no contact of the other foot overlaps here"
        else:
            why[key] = "no later contact of this foot"
    values = dict(step.values) | numbers
    ordered = MappingProxyType({key: values.get(key) for key in KEYS})
    return replace(step, values=ordered, reasons=MappingProxyType(dict(step.reasons) | why))


# ------------------------------------------------------------------ the whole recording


def _extremes(
    parts: tuple[PressureRecording, ...], whole: list[Totals]
) -> tuple[dict[Side, float | None], dict[Side, float | None], dict[str, str]]:
    """Largest force and pressure of each side in the whole recording, and why they are None."""
    sides: tuple[Side, ...] = ("left", "right", "unknown")
    force: dict[Side, float | None] = dict.fromkeys(sides)
    peak: dict[Side, float | None] = dict.fromkeys(sides)
    reasons: dict[str, str] = {}
    for side in sides:
        mine = [k for k, part in enumerate(parts) if part.side == side]
        why_peak: str | None = None
        why_force: str | None = None
        for k in mine:
            no_pressure, no_force = quantity_reasons(parts[k])
            why_peak, why_force = why_peak or no_pressure, why_force or no_force
        absent = "no sensor of unknown side" if side == "unknown" else f"no {side} foot in this recording"
        if not mine or why_force:
            reasons[f"max_force_n.{side}"] = why_force or absent
        else:
            force[side] = max(float(whole[k].force.max(initial=0.0)) for k in mine)
        if not mine or why_peak:
            reasons[f"peak_kpa.{side}"] = why_peak or absent
        else:
            peak[side] = max(float(whole[k].peak.max(initial=0.0)) for k in mine)
    return force, peak, reasons


def _why_no_step(parts: tuple[PressureRecording, ...], whole: list[Totals], thresholds: Mapping[str, float]) -> str:
    if all(len(part.time_s) < 2 for part in parts):
        return f"{NO_CONTACT}: fewer than two frames"
    highest = max(float(totals.force.max(initial=0.0)) for totals in whole)
    unit = "N" if all(newtons(part) for part in parts) else "(sum of cells)"
    if highest <= 0:
        return f"{NO_CONTACT}: every cell reads 0"
    on = max(thresholds.values(), default=0.0)
    return f"{NO_CONTACT}: the force never stays above {on:.3g} {unit} for long enough (largest {highest:.4g})"
