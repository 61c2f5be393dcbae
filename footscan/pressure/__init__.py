"""From pressure recordings to steps, metrics, regions and gait (docs/pressure.md)."""

from __future__ import annotations

from footscan.pressure.analysis import RecordingAnalysis, StepMetrics, analyse, region_loads
from footscan.pressure.maps import PressureMap
from footscan.pressure.regions import REGIONS
from footscan.pressure.running import Accumulator
from footscan.pressure.steps import ContactRule

__all__ = [
    "REGIONS",
    "Accumulator",
    "ContactRule",
    "PressureMap",
    "RecordingAnalysis",
    "StepMetrics",
    "analyse",
    "region_loads",
]
