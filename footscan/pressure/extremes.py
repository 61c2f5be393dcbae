"""What the whole of a recording says: its largest force and pressure, and why there is no step in it."""

from __future__ import annotations

from collections.abc import Mapping

from footscan.pressure.contacts import newtons
from footscan.pressure.metrics import quantity_reasons
from footscan.pressure.running import Totals
from footscan.types import Array, PressureRecording, Side

NO_CONTACT = "no contact found"


def extremes(
    parts: tuple[PressureRecording, ...], whole: list[Totals], saturated: tuple[Array | None, ...]
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
            if saturated[k] is not None:
                over = f"cells read the sensor's full scale ({parts[k].full_scale:g} {parts[k].unit})"
                no_pressure, no_force = no_pressure or over, no_force or over
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


def why_no_step(parts: tuple[PressureRecording, ...], whole: list[Totals], thresholds: Mapping[str, float]) -> str:
    """A sentence for a recording without any contact."""
    if all(len(part.time_s) < 2 for part in parts):
        return f"{NO_CONTACT}: fewer than two frames"
    highest = max(float(totals.force.max(initial=0.0)) for totals in whole)
    unit = "N" if all(newtons(part) for part in parts) else "(sum of cells)"
    if highest <= 0:
        return f"{NO_CONTACT}: every cell reads 0"
    on = max(thresholds.values(), default=0.0)
    return f"{NO_CONTACT}: the force never stays above {on:.3g} {unit} for long enough (largest {highest:.4g})"
