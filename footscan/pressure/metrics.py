"""Every number of one contact, by the names of docs/pressure.md; None with a reason where it can't be had."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.errors import ScanError
from footscan.pressure.cop import excursion_index_percent, path_mm, toeless_span
from footscan.pressure.regions import REGIONS, FootGrid
from footscan.pressure.running import Totals, cell_weights
from footscan.types import KPA_MM2_PER_N, Array, PressureRecording

PRESSURE_KEYS = (
    "peak_kpa",
    "mean_kpa",
    "pti_peak_kpa_s",
    "pti_cell_kpa_s",
    "pti_mean_kpa_s",
    "dose_over_100_kpa_s",
    "dose_over_200_kpa_s",
    "time_over_100_s",
    "time_over_200_s",
)
FORCE_KEYS = ("max_force_n", "impulse_n_s", "loading_rate_n_per_s")
PLATE_KEYS = ("cpei_percent", "arch_index")
SPATIAL_KEYS = ("foot_progression_angle_deg", "step_length_mm", "step_width_mm")
GAIT_KEYS = (
    "stride_time_s",
    "step_time_s",
    "cadence_steps_per_min",
    "double_support_first_s",
    "double_support_second_s",
    "double_support_s",
    "double_support_vendor_s",
)
#: every key of a step, in the order of the document
KEYS = (
    *PRESSURE_KEYS,
    "contact_area_mm2",
    "contact_time_s",
    *FORCE_KEYS,
    "cop_path_mm",
    *PLATE_KEYS,
    "peak_pressure_gradient_kpa_per_mm",
    "sway_ellipse_mm2",
    *GAIT_KEYS,
    *SPATIAL_KEYS,
)
#: what a saturated cell makes unknowable: the load was more than the sensor says
SATURATED_KEYS = (*PRESSURE_KEYS, *FORCE_KEYS, "cop_path_mm", "cpei_percent", "peak_pressure_gradient_kpa_per_mm")
SATURATED_REGION_KEYS = ("peak_kpa", "pti_peak_kpa_s", "pti_cell_kpa_s", "max_force_n", "impulse_n_s")
REGION_KEYS = (
    "peak_kpa",
    "pti_peak_kpa_s",
    "pti_cell_kpa_s",
    "contact_time_s",
    "contact_area_mm2",
    "max_force_n",
    "impulse_n_s",
)

LEAST_RATE_HZ = 200.0  #: for a loading rate
_FIRST_PEAK_DIP = 0.03  #: of the largest force: how far it must fall after a maximum that counts as the first peak
_FIRST_PEAK_LEAST = 0.4  #: of the largest force: smaller maxima are the heel's transient

RAW = "raw counts: calibrate first (footscan.calibrate: two_point, body_weight or table)"
NO_POSITIONS = "cell positions are not known in mm"
NO_AREA = "cell areas of this sensor are not known"
FORCE_ONLY = "cells measure force, not pressure"


@dataclass(frozen=True)
class Values:
    """Numbers by key, None where there is none, and why."""

    numbers: dict[str, float | None]
    reasons: dict[str, str]

    def missing(self, key: str, reason: str) -> None:
        """Say that there is no ``key``."""
        self.numbers[key], self.reasons[key] = None, reason


def quantity_reasons(part: PressureRecording) -> tuple[str | None, str | None]:
    """Why there is no pressure in kPa, and why there is no force in N, in a recording (None: there is)."""
    if part.unit == "raw":
        return RAW, RAW
    if part.unit == "N":
        return FORCE_ONLY, None
    return None, NO_AREA if part.layout.area_mm2 is None else None


def step_values(
    part: PressureRecording, totals: Totals, contact_time_s: float, on: float, rate_hz: float, loaded_above: float
) -> tuple[Values, Array]:
    """What a contact's own frames say.

    Parameters
    ----------
    part : the frames and cells of the contact; ``totals`` of the same
    on : below this force the centre of pressure is not given
    loaded_above : a cell counts as loaded above this value

    Returns
    -------
    values, and the centre of pressure (frames, 2) mm, NaN below ``on``
    """
    values = Values({}, {})
    no_pressure, no_force = quantity_reasons(part)
    weight = totals.weight_s
    loaded_area = totals.area
    if no_pressure is None:
        values.numbers["peak_kpa"] = float(totals.peak.max(initial=0.0))
        values.numbers["pti_peak_kpa_s"] = float(weight @ totals.highest)
        values.numbers["pti_cell_kpa_s"] = float(totals.integral.max(initial=0.0))
        for k, threshold in enumerate(("100", "200")):
            values.numbers[f"dose_over_{threshold}_kpa_s"] = float(totals.dose[k].max(initial=0.0))
            values.numbers[f"time_over_{threshold}_s"] = float(totals.over_s[k].max(initial=0.0))
        if loaded_area is None:
            for key in ("mean_kpa", "pti_mean_kpa_s"):
                values.missing(key, NO_AREA)
        else:
            area = np.where(loaded_area > 0, loaded_area, np.inf)
            mean = totals.force / area * KPA_MM2_PER_N  # of each frame, 0 where nothing is loaded
            values.numbers["pti_mean_kpa_s"] = float(weight @ mean)
            values.numbers["mean_kpa"] = float(weight @ mean / weight.sum())
    else:
        for key in PRESSURE_KEYS:
            values.missing(key, no_pressure)
    if part.layout.area_mm2 is None:
        values.missing("contact_area_mm2", NO_AREA)
    else:
        values.numbers["contact_area_mm2"] = float(part.layout.area_mm2[totals.peak > loaded_above].sum())
    values.numbers["contact_time_s"] = contact_time_s
    cop_xy = np.where((totals.force >= on)[:, None], totals.cop_xy, np.nan)
    if no_force is None:
        values.numbers["max_force_n"] = float(totals.force.max(initial=0.0))
        values.numbers["impulse_n_s"] = float(weight @ totals.force)
        _loading_rate(values, totals, rate_hz)
    else:
        for key in FORCE_KEYS:
            values.missing(key, no_force)
    _cop_path(values, part, cop_xy)
    return values, cop_xy


def saturate(values: Values, cop_xy: Array, hit: Array, full_scale: float, unit: str) -> Array:
    """Take back what can't be said where cells read full scale in frames ``hit`` (frames,): what is masked is null.

    Returns the centre of pressure without those frames.
    """
    why = f"cells read the sensor's full scale ({full_scale:g} {unit}): the load was more than that"
    for key in SATURATED_KEYS:
        if values.numbers.get(key) is not None:
            values.missing(key, why)
    return np.asarray(np.where(hit[:, None], np.nan, cop_xy))


def _loading_rate(values: Values, totals: Totals, rate_hz: float) -> None:
    key = "loading_rate_n_per_s"
    if rate_hz < LEAST_RATE_HZ:
        values.missing(key, f"recorded at {rate_hz:.0f} Hz, below {LEAST_RATE_HZ:.0f} Hz")
        return
    rate = loading_rate_n_per_s(totals.force, np.cumsum(totals.weight_s))
    if rate is None:
        values.missing(key, "the force does not rise from below a fifth of its first peak")
    else:
        values.numbers[key] = rate


def loading_rate_n_per_s(force: Array, time_s: Array) -> float | None:
    """Slope from 20 to 80 % of the rise to the first peak of a contact's force (frames,); None if it starts higher."""
    peak = first_peak(force)
    rise = force[: peak + 1]
    low, high = 0.2 * rise[-1], 0.8 * rise[-1]
    if len(rise) < 3 or rise[0] >= low or high <= low:
        return None
    after_low = int(np.flatnonzero(rise < low)[-1]) + 1  # the last time it comes from below
    after_high = after_low + int(np.argmax(rise[after_low:] >= high))
    at = [
        time_s[k - 1] + (time_s[k] - time_s[k - 1]) * (level - rise[k - 1]) / (rise[k] - rise[k - 1])
        for k, level in ((after_low, low), (after_high, high))
    ]
    return float((high - low) / (at[1] - at[0])) if at[1] > at[0] else None


def first_peak(force: Array) -> int:
    """Frame of the first maximum of at least 40 % of the largest force before a fall of 3 % of it; else the largest."""
    top = float(force.max())
    best = 0
    for k in range(len(force)):
        if force[k] > force[best]:
            best = k
        elif force[best] >= _FIRST_PEAK_LEAST * top and force[best] - force[k] >= _FIRST_PEAK_DIP * top:
            return best
    return int(force.argmax())


def _cop_path(values: Values, part: PressureRecording, cop_xy: Array) -> None:
    key = "cop_path_mm"
    if part.layout.positions != "mm":
        values.missing(key, NO_POSITIONS)
        return
    if part.unit == "raw":
        values.missing(key, RAW)
        return
    length = path_mm(cop_xy)
    if length is None:
        values.missing(key, "fewer than two frames above the on threshold")
    else:
        values.numbers[key] = length


def plate_values(values: Values, cop_xy: Array, image: Array, grid: FootGrid | None, why_not: str) -> None:
    """Add what needs the whole print of a bare foot: excursion index and arch index. ``grid`` None: ``why_not``."""
    for key in PLATE_KEYS:
        if grid is None:
            values.missing(key, why_not)
            continue
        try:
            found = excursion_index_percent(cop_xy, grid, image) if key == "cpei_percent" else arch_index(grid, image)
            values.numbers[key] = found
        except ScanError as error:
            values.missing(key, str(error))


def arch_index(grid: FootGrid, image: Array) -> float:
    """Middle third ÷ whole of a step's toeless print (Cavanagh and Rodgers 1987, doi:10.1016/0021-9290(87)90255-7).

    Method ``dynamic_plate``: the print is every cell that was loaded during the step, cut in thirds of its length; a
    cell that a cut crosses counts on both sides by its share.
    """
    start, stop = toeless_span(grid, image)
    foot = (image > 0) & (grid.labels < REGIONS.index("hallux"))
    low, high = start + (stop - start) / 3.0, stop - (stop - start) / 3.0
    half = 0.5 * grid.cell_mm
    s = grid.s_mm[foot]
    share = np.clip((np.minimum(s + half, high) - np.maximum(s - half, low)) / grid.cell_mm, 0.0, 1.0)
    return float(share.sum() / foot.sum())


def region_values(
    part: PressureRecording, totals: Totals, labels: Array, loaded_above: float, names: tuple[str, ...] = REGIONS
) -> dict[str, dict[str, float | None]]:
    """Numbers of each region of a contact by name; all None where the region has no cell. labels (cells,) index into
    ``names``."""
    no_pressure, no_force = quantity_reasons(part)
    share = cell_weights(part.layout, part.unit)
    out: dict[str, dict[str, float | None]] = {}
    for number, name in enumerate(names):
        cells = labels == number
        row: dict[str, float | None] = dict.fromkeys(REGION_KEYS)
        out[name] = row
        if not cells.any():
            continue
        values = part.values[:, cells]
        if part.valid is not None:
            values = np.where(part.valid[:, cells], values, np.float32(0))
        highest = values.max(axis=1).astype(np.float64)
        row["contact_time_s"] = float(totals.weight_s[highest > loaded_above].sum())
        if no_pressure is None:
            row["peak_kpa"] = float(totals.peak[cells].max())
            row["pti_peak_kpa_s"] = float(totals.weight_s @ highest)
            row["pti_cell_kpa_s"] = float(totals.integral[cells].max())
        if no_force is None:
            force = np.einsum("fc,c->f", values.astype(np.float64), share[cells])
            row["max_force_n"] = float(force.max())
            row["impulse_n_s"] = float(totals.weight_s @ force)
        if part.layout.area_mm2 is not None:
            row["contact_area_mm2"] = float(part.layout.area_mm2[cells & (totals.peak > loaded_above)].sum())
    return out
