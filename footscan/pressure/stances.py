"""Contacts -> the numbers of each: of its own frames, of its print, of its regions, and of its place in the walk."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from footscan.errors import ScanError
from footscan.pressure.contacts import Placed, in_shoe
from footscan.pressure.cop import prediction_ellipse_mm2
from footscan.pressure.divisions import Division, Mask, divide
from footscan.pressure.faults import Mended
from footscan.pressure.gait import ONE_FOOT, Timing
from footscan.pressure.maps import PressureMap, peak_gradient
from footscan.pressure.metrics import (
    KEYS,
    NO_POSITIONS,
    RAW,
    SATURATED_REGION_KEYS,
    Values,
    plate_values,
    quantity_reasons,
    region_values,
    saturate,
    step_values,
)
from footscan.pressure.records import StepMetrics
from footscan.pressure.running import Totals, accumulate, cell_weights, cut
from footscan.pressure.spatial import Spatial
from footscan.pressure.steps import ContactRule
from footscan.types import Array, PressureRecording, Side, frozen_array, replace

IN_SHOE = "in-shoe recording"
COP_SD_MM = 0.8  #: SD: how far noise may move a centre of pressure that is given


def measure_contacts(
    mended: Mended, found: list[Placed], whole: list[Totals], rule: ContactRule, mask: str | Mask = "auto"
) -> tuple[list[StepMetrics], list[Division], list[PressureMap]]:
    """The numbers of each contact without those of gait, its division into regions, and a map a part."""
    parts, measured = mended.parts, []
    for f in found:
        part = parts[f.part]
        frames = cut(part, f.contact.start, f.contact.stop, f.cells)
        weight_s = whole[f.part].weight_s[f.contact.start : f.contact.stop]
        totals = accumulate(frames, weight_s=weight_s, loaded_above=rule.loaded_above)
        measured.append((frames, totals, _spread(totals.peak, f.cells), _spread(totals.integral, f.cells)))
    divisions, maps = divide(parts, found, [peak for _, _, peak, _ in measured], mask)
    steps = []
    for f, division, (frames, totals, peak, integral) in zip(found, divisions, measured):
        part, labels = parts[f.part], division.labels[f.cells]
        span = f.contact.stop_s - f.contact.start_s
        values, cop_xy = step_values(frames, totals, span, f.on, part.rate_hz or 0.0, rule.loaded_above)
        if f.why_not is not None:
            values.reasons["used"] = f.why_not
        plate_values(values, cop_xy, peak, division.grid, IN_SHOE if in_shoe(part) else division.why)
        _sway(values, part, f, whole[f.part], rule)
        regions = region_values(frames, totals, labels, rule.loaded_above, division.names)
        _absent_regions(values, division)
        over = mended.saturated[f.part]
        if mended.noise[f.part] > 0:
            cop_xy = _sure_cop(values, cop_xy, frames, totals, mended.noise[f.part])
        if over is not None:
            cop_xy = _saturated(
                values, regions, cop_xy, part, over[f.contact.start : f.contact.stop][:, f.cells], labels
            )
        steps.append(_step(f, frames, totals, (peak, integral), values, cop_xy, regions, division))
    return _with_gradients(parts, steps), divisions, maps


def _spread(values: Array, cells: Array) -> Array:
    """Values of some cells (k,) on all cells, 0 elsewhere."""
    out = np.zeros(len(cells))
    out[cells] = values
    return out


def _absent_regions(values: Values, division: Division) -> None:
    if (division.labels < 0).all():
        values.reasons["regions"] = division.why
        return
    absent = sorted(set(range(len(division.names))) - set(division.labels.tolist()))
    values.reasons.update({f"regions.{division.names[n]}": "no cell of this sensor lies there" for n in absent})


def _sure_cop(values: Values, cop_xy: Array, frames: PressureRecording, totals: Totals, noise: float) -> Array:
    """The centre of pressure (frames, 2) where noise of that SD in each loaded cell, and of half of it in each of the
    foot's cells that were taken for unloaded, moves it by no more than ``COP_SD_MM``."""
    share = cell_weights(frames.layout, frames.unit) ** 2
    xy = frames.layout.xy_mm
    known = np.asarray(np.isfinite(cop_xy).all(axis=1))
    at = np.nan_to_num(cop_xy)
    weight = np.where(frames.values > 0, share, 0.25 * share)
    # the sum over cells of weight |xy - cop|², term by term
    squares, total = np.einsum("fc,c->f", weight, (xy**2).sum(axis=1)), np.einsum("fc->f", weight)
    moments = np.stack([np.einsum("fc,c->f", weight, xy[:, k]) for k in (0, 1)], axis=1)
    spread = squares - 2.0 * (at * moments).sum(axis=1) + total * (at**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved_mm = noise * np.sqrt(np.maximum(spread, 0.0)) / totals.force
    unsure = known & ~(moved_mm <= COP_SD_MM)
    if unsure.any():
        values.reasons["cop_frames"] = f"noise moves the centre of pressure by over {COP_SD_MM:g} mm in some frames"
    return np.asarray(np.where(unsure[:, None], np.nan, cop_xy))


def _saturated(
    values: Values,
    regions: dict[str, dict[str, float | None]],
    cop_xy: Array,
    part: PressureRecording,
    over: Array,
    labels: Array,
) -> Array:
    """Null what saturated cells (frames, cells) of a contact make unknowable; the centre of pressure without them."""
    if not over.any():
        return cop_xy
    cop_xy = saturate(values, cop_xy, np.asarray(over.any(axis=1)), part.full_scale or np.nan, part.unit)
    for number, name in enumerate(regions):
        if over[:, labels == number].any():
            regions[name].update(dict.fromkeys(SATURATED_REGION_KEYS))
            values.reasons[f"regions.{name}"] = values.reasons.get("peak_kpa", "cells read the sensor's full scale")
    return cop_xy


def _step(
    f: Placed,
    frames: PressureRecording,
    totals: Totals,
    images: tuple[Array, Array],
    values: Values,
    cop_xy: Array,
    regions: dict[str, dict[str, float | None]],
    division: Division,
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
        peak=frozen_array("peak", images[0], np.float64, (None,)),
        part=f.part,
        integral=frozen_array("integral", images[1], np.float64, (None,)),
        labels=frozen_array("labels", division.labels, np.int64, (None,)),
        names=division.names,
    )


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
    """All steps of a part at once: one surface serves them all."""
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
            before = steps[k].reasons.get(key, why)
            values = dict(steps[k].values) | {key: None if before else slope}
            reasons = dict(steps[k].reasons) | ({key: before} if before else {})
            out[k] = replace(steps[k], values=values, reasons=reasons)
    return out


def with_gait(step: StepMetrics, timing: Timing, spatial: Spatial, cut_off: bool, feet: set[Side]) -> StepMetrics:
    """A contact with what its neighbours in time and place say of it; every key in the order of the document."""
    first, second = timing.first_s, timing.second_s
    numbers = {
        "stride_time_s": timing.stride_s,
        "step_time_s": timing.step_s,
        "cadence_steps_per_min": None if timing.stride_s is None else 120.0 / timing.stride_s,
        "double_support_first_s": first,
        "double_support_second_s": second,
        "double_support_s": None if first is None or second is None else first + second,
        "double_support_vendor_s": timing.vendor_s,
    }
    why = {key: _why_no_timing(key, step.side, cut_off, feet) for key, value in numbers.items() if value is None}
    values = dict(step.values) | numbers | dict(spatial.values)
    ordered = MappingProxyType({key: values.get(key) for key in KEYS})
    return replace(step, values=ordered, reasons=MappingProxyType(dict(step.reasons) | why | dict(spatial.reasons)))


def _why_no_timing(key: str, side: Side, cut_off: bool, feet: set[Side]) -> str:
    if side == "unknown":
        return "which foot is which is not known"
    if cut_off:
        return "cut off by the start or end of the recording"
    if key.startswith(("double", "step")) and not {"left", "right"} <= feet:
        return ONE_FOOT
    if key.startswith("double"):
        return "no contact of the other foot overlaps here"
    return "the other foot did not land before" if key.startswith("step") else "no later contact of this foot"
