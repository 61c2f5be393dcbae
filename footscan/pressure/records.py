"""What an analysis holds: each contact, and the whole recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from footscan.pressure.balance import Balance
from footscan.pressure.faults import Fault
from footscan.pressure.maps import PressureMap
from footscan.pressure.regions import REGIONS
from footscan.pressure.summary import Summary
from footscan.types import Array, RegionLoads, Side

Quantity = Literal["pressure", "force", "raw"]


@dataclass(frozen=True, eq=False)
class StepMetrics:
    """One contact of one foot.

    values: every key of ``metrics.KEYS``, None where ``reasons`` says why; regions: the same by region
    (``metrics.REGION_KEYS``); used: whether gait values count it, with the reason in ``reasons["used"]`` if not.
    cop_xy_mm (frames, 2) in the layout's frame, NaN below the on threshold, or None; time_s, force (frames,) in N (raw
    counts, or summed kPa where cell areas are unknown); peak (cells,) each cell's largest value, 0 off the foot;
    integral (cells,) each cell's time integral, unit · s, 0 off the foot; labels (cells,) which of ``names`` each cell
    lies in, -1 in none.
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
    integral: Array = field(default_factory=lambda: np.zeros(0))
    labels: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    names: tuple[str, ...] = REGIONS


@dataclass(frozen=True, eq=False)
class RecordingAnalysis:
    """All of a recording.

    ``steps == ()``: there was no contact, ``reasons["steps"]`` says why. ``reasons`` also says why a key is None here
    (``max_force_n.right``), in ``gait`` (``stance_s.right``), or in every step that is used; what only some steps lack
    stands in their own ``reasons``. ``thresholds``: on and off of each side's contacts, and its ``baseline`` in swing.
    ``summary`` by side; ``symmetry`` by key; ``balance`` None unless somebody stood still on a plate
    (``reasons["balance"]``); ``faults``: what the sensors did wrong, and what was made of it.
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
    summary: Mapping[Side, Summary] = field(default_factory=dict)
    symmetry: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    balance: Balance | None = None
    faults: tuple[Fault, ...] = ()


def region_loads(analysis: RecordingAnalysis) -> dict[Side, RegionLoads]:
    """By side with used steps: the mean over them of each region's peak, kPa (a region without a value is left out)."""
    loads: dict[Side, RegionLoads] = {}
    sides: tuple[Side, ...] = ("left", "right", "unknown")
    for side in sides:
        steps = [step for step in analysis.steps if step.side == side and step.used]
        names = dict.fromkeys((*REGIONS, *(name for step in steps for name in step.regions)))
        peaks = {name: [s.regions[name]["peak_kpa"] for s in steps if name in s.regions] for name in names}
        known = {name: [v for v in values if v is not None] for name, values in peaks.items()}
        if steps:
            means = {name: float(np.mean(values)) for name, values in known.items() if values}
            areas = [m.layout.area_mm2 for m in analysis.maps if m.side == side and m.layout.area_mm2 is not None]
            cell = float(np.median(areas[0])) if areas else None
            loads[side] = RegionLoads(
                side, MappingProxyType(means), len(steps), analysis.in_shoe, analysis.quantity, cell
            )
    return loads
