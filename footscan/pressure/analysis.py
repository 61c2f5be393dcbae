"""From a recording to steps, metrics and gait: the one way for insoles, plates and streams that were kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from footscan.errors import ScanError
from footscan.pressure.cop import prediction_ellipse_mm2
from footscan.pressure.gait import ONE_FOOT, Timing, gait_values, order_by_foot, timings
from footscan.pressure.maps import PressureMap, peak_gradient
from footscan.pressure.metrics import KEYS, RAW, Values, plate_values, quantity_reasons, region_values, step_values
from footscan.pressure.plates import heading, plate_contacts, sides_of_walk, touches_border
from footscan.pressure.regions import REGIONS, FootGrid, foot_grid, region_labels, side_of_print
from footscan.pressure.running import Totals, accumulate, cell_weights, frame_weights
from footscan.pressure.steps import Contact, ContactRule, find_contacts, marked_contacts, swing_baseline
from footscan.types import Array, PressureRecording, Recording, RegionLoads, SensorLayout, Side, frozen_array, replace

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
    counts, or summed kPa where cell areas are unknown); peak (cells,) each cell's largest value, 0 where another foot stood.
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
    """All of a recording. ``reasons``: why a key is None, here, in gait or in any step; ``steps == ()`` says no contact."""

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
    thresholds: Mapping[str, float] = field(default_factory=dict)  #: on and off that were used, ``left_on`` …


@dataclass(frozen=True, eq=False)
class _Found:
    """A contact before its metrics: where it is and whose."""

    part: int
    contact: Contact
    cells: Array  # (cells,) bool
    side: Side
    on: float
    used: bool
    why_not: str | None
    heading: Array | None


# ------------------------------------------------------------------ public


def analyse(
    recording: Recording,
    mask: str = "auto",
    keep_ends: bool = False,
    side: Literal["auto", "both"] | Side | None = None,
    rule: ContactRule | None = None,
) -> RecordingAnalysis:
    """Steps, metrics, regions and gait of a recording (design/pressure.md).

    Parameters
    ----------
    mask : "auto": pedar insoles by their layout, everything else by the footprint's own geometry
    keep_ends : use each foot's first and last contact too
    side : "left" or "right": what a sensor is that does not itself say (it outranks a file name); else nothing
    rule : thresholds; default: those of design/pressure.md

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
    found = [f for k in range(len(parts)) for f in _contacts(parts[k], whole[k], k, recording, rule, thresholds)]
    found = _with_ends(found, parts, keep_ends)
    found.sort(key=lambda f: (f.contact.start_s, f.part, f.contact.stop_s))
    steps, maps = _steps(parts, found, whole, rule)
    stances = order_by_foot([(f.side, f.contact.start_s, f.contact.stop_s, f.used, f.contact.cut) for f in found])
    gait, gait_reasons = gait_values(stances)
    timed = zip(steps, timings(stances), stances)
    feet = {stance.side for stance in stances}
    steps = [_with_timing(step, timing, stance.cut, feet) for step, timing, stance in timed]
    force, peak, reasons = _extremes(parts, whole)
    for step in steps:
        reasons |= {key: why for key, why in step.reasons.items() if key != "used" and key not in reasons}
    reasons |= {key: why for key, why in gait_reasons.items() if key not in reasons}
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
        in_shoe=_in_shoe(first),
        maps=tuple(maps),
        thresholds=MappingProxyType(thresholds),
    )


def region_loads(analysis: RecordingAnalysis) -> dict[Side, RegionLoads]:
    """For each side with used steps: the mean over them of each region's peak, kPa (regions without a value left out)."""
    loads: dict[Side, RegionLoads] = {}
    sides: tuple[Side, ...] = ("left", "right", "unknown")
    for side in sides:
        steps = [step for step in analysis.steps if step.side == side and step.used]
        peaks = {name: [s.regions[name]["peak_kpa"] for s in steps if name in s.regions] for name in REGIONS}
        known = {name: [v for v in values if v is not None] for name, values in peaks.items()}
        if steps:
            means = {name: float(np.mean(values)) for name, values in known.items() if values}
            loads[side] = RegionLoads(side, MappingProxyType(means), len(steps), analysis.in_shoe, analysis.quantity)
    return loads


# ------------------------------------------------------------------ contacts


def _sided(part: PressureRecording, side: str | None) -> PressureRecording:
    """The part with the side that was given, where the sensor itself does not say."""
    if side in ("left", "right") and (part.side == "unknown" or part.side_from == "filename"):
        return replace(part, side=side, side_from="given")
    return part


def _in_shoe(part: PressureRecording) -> bool:
    return part.layout.frame == "insole"


def _newtons(part: PressureRecording) -> bool:
    return quantity_reasons(part)[1] is None


def _contacts(
    part: PressureRecording,
    whole: Totals,
    number: int,
    recording: Recording,
    rule: ContactRule,
    thresholds: dict[str, float],
) -> list[_Found]:
    force, in_shoe = whole.force, _in_shoe(part)
    marked = marked_contacts(recording.events, part.side, part.time_s)
    if in_shoe and not marked:
        baseline = swing_baseline(part.values, force) if part.valid is None else None
        if baseline is not None:
            force = np.maximum(force - float(baseline @ cell_weights(part.layout, part.unit)), 0.0)
    on, off = rule.thresholds(force, in_shoe, _newtons(part))
    thresholds |= {f"{part.side}_on": on, f"{part.side}_off": off}
    everywhere = np.ones(len(part.layout.xy_mm), np.bool_)
    if marked:
        return [_Found(number, c, everywhere, part.side, on, True, None, None) for c in marked]
    if in_shoe:
        contacts = find_contacts(force, part.time_s, on, off, rule)
        return [_judged(number, c, everywhere, part.side, on, None, rule) for c in contacts]
    return _on_plate(part, force, number, on, off, rule)


def _on_plate(
    part: PressureRecording, force: Array, number: int, on: float, off: float, rule: ContactRule
) -> list[_Found]:
    placed = plate_contacts(part, force, on, off, rule)
    middles, ways, sides = [], [], []
    for contact, cells in placed:
        totals = accumulate(_cut(part, contact.start, contact.stop, cells), loaded_above=rule.loaded_above)
        way = heading(np.where((totals.force >= on)[:, None], totals.cop_xy, np.nan))
        image = np.zeros(len(cells))
        image[cells] = totals.peak
        middles.append(part.layout.xy_mm[cells].mean(axis=0))
        ways.append(way)
        sides.append(part.side if part.side != "unknown" else side_of_print(part.layout, image, way))
    sides = sides_of_walk(middles, ways, sides)
    found = []
    for (contact, cells), way, side in zip(placed, ways, sides):
        judged = _judged(number, contact, cells, side, on, way, rule)
        if judged.used and touches_border(part, cells):
            judged = replace(judged, used=False, why_not="the foot reaches the plate's edge")
        found.append(judged)
    return found


def _judged(
    part: int, contact: Contact, cells: Array, side: Side, on: float, way: Array | None, rule: ContactRule
) -> _Found:
    why_not = None
    if contact.cut:
        why_not = "cut off by the start or end of the recording"
    elif contact.stop_s - contact.start_s >= rule.standing_s:
        why_not = f"standing: longer than {rule.standing_s:g} s"
    return _Found(part, contact, cells, side, on, why_not is None, why_not, way)


def _with_ends(found: list[_Found], parts: tuple[PressureRecording, ...], keep_ends: bool) -> list[_Found]:
    """In shoes each foot's first and last contact are not used (they contain the standing), unless asked for or marked.

    On a plate only what is complete was kept in the first place: a first step there is as good as any.
    """
    if keep_ends:
        return [replace(f, used=True, why_not=None) if _in_shoe(parts[f.part]) else f for f in found]
    out = list(found)
    for number, part in enumerate(parts):
        mine = [k for k, f in enumerate(found) if f.part == number and not f.contact.marked]
        if not mine or not _in_shoe(part):
            continue
        mine.sort(key=lambda k: found[k].contact.start_s)
        for k in {mine[0], mine[-1]}:
            if out[k].used:
                out[k] = replace(out[k], used=False, why_not="this foot's first or last contact")
    return out


# ------------------------------------------------------------------ metrics


def _cut(part: PressureRecording, start: int, stop: int, cells: Array) -> PressureRecording:
    """Some frames, and some cells (cells,) bool with their part of the layout."""
    values, valid = part.values[start:stop], None if part.valid is None else part.valid[start:stop]
    if cells.all():
        return replace(part, values=values, valid=valid, time_s=part.time_s[start:stop])
    layout = part.layout
    small = SensorLayout(
        layout.xy_mm[cells],
        None if layout.area_mm2 is None else layout.area_mm2[cells],
        frame=layout.frame,
        positions=layout.positions,
    )
    return replace(
        part,
        values=values[:, cells],
        valid=None if valid is None else valid[:, cells],
        time_s=part.time_s[start:stop],
        layout=small,
    )


def _steps(
    parts: tuple[PressureRecording, ...], found: list[_Found], whole: list[Totals], rule: ContactRule
) -> tuple[list[StepMetrics], list[PressureMap]]:
    measured = []
    for f in found:
        part = parts[f.part]
        cut = _cut(part, f.contact.start, f.contact.stop, f.cells)
        weight_s = whole[f.part].weight_s[f.contact.start : f.contact.stop]
        totals = accumulate(cut, weight_s=weight_s, loaded_above=rule.loaded_above)
        peak = np.zeros(len(part.layout.xy_mm))
        peak[f.cells] = totals.peak
        measured.append((cut, totals, peak))
    labels, grids, why, maps = _regions(parts, found, [peak for _, _, peak in measured])
    steps = []
    for k, (f, (cut, totals, peak)) in enumerate(zip(found, measured)):
        part = parts[f.part]
        span = f.contact.stop_s - f.contact.start_s
        values, cop_xy = step_values(cut, totals, span, f.on, part.rate_hz or 0.0, rule.loaded_above)
        if f.why_not is not None:
            values.reasons["used"] = f.why_not
        plate_values(values, cop_xy, peak, grids[k], IN_SHOE if _in_shoe(part) else why[k])
        _sway(values, part, f, whole[f.part], rule)
        regions = region_values(cut, totals, labels[k][f.cells], rule.loaded_above)
        if (labels[k] < 0).all():
            values.reasons["regions"] = why[k]
        steps.append(_step(f, cut, totals, peak, values, cop_xy, regions))
    return _with_gradients(parts, steps), maps


def _step(
    f: _Found,
    cut: PressureRecording,
    totals: Totals,
    peak: Array,
    values: Values,
    cop_xy: Array,
    regions: dict[str, dict[str, float | None]],
) -> StepMetrics:
    known_cop = cut.layout.positions == "mm" and cut.unit != "raw"
    return StepMetrics(
        side=f.side,
        start_s=f.contact.start_s,
        stop_s=f.contact.stop_s,
        used=f.used,
        values=values.numbers,
        regions=MappingProxyType({name: MappingProxyType(row) for name, row in regions.items()}),
        cop_xy_mm=frozen_array("cop_xy_mm", cop_xy, np.float64, (None, 2)) if known_cop else None,
        reasons=values.reasons,
        time_s=cut.time_s,
        force=frozen_array("force", totals.force, np.float64, (None,)),
        peak=frozen_array("peak", peak, np.float64, (None,)),
        part=f.part,
    )


def _regions(
    parts: tuple[PressureRecording, ...], found: list[_Found], peaks: list[Array]
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
            if _in_shoe(part):
                shared = region_labels(part.layout, mean_peak, part.side)
        except ScanError as error:
            for k in mine:
                why[k] = str(error)
        for k in mine:
            if _in_shoe(part):
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


def _sway(values: Values, part: PressureRecording, f: _Found, whole: Totals, rule: ContactRule) -> None:
    key = "sway_ellipse_mm2"
    if _in_shoe(part):
        values.missing(key, "two insoles need the feet's relative position")
    elif f.contact.stop_s - f.contact.start_s < rule.standing_s:
        values.missing(key, f"no standing: the contact is shorter than {rule.standing_s:g} s")
    elif part.unit == "raw" or part.layout.positions != "mm":
        values.missing(key, RAW if part.unit == "raw" else "cell positions are not known in mm")
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
    unit = "N" if all(_newtons(part) for part in parts) else "(sum of cells)"
    if highest <= 0:
        return f"{NO_CONTACT}: every cell reads 0"
    on = max(thresholds.values(), default=0.0)
    return f"{NO_CONTACT}: the force never stays above {on:.3g} {unit} for long enough (largest {highest:.4g})"
