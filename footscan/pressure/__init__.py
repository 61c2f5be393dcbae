"""From pressure recordings to steps, metrics, regions and gait (docs/pressure.md)."""

from __future__ import annotations

from footscan.pressure.analysis import analyse
from footscan.pressure.balance import Balance, sway
from footscan.pressure.faults import Fault
from footscan.pressure.maps import PressureMap
from footscan.pressure.records import RecordingAnalysis, StepMetrics, region_loads
from footscan.pressure.regions import REGIONS
from footscan.pressure.running import Accumulator
from footscan.pressure.steps import ContactRule
from footscan.pressure.summary import Summary

__all__ = [
    "REGIONS",
    "Accumulator",
    "Balance",
    "ContactRule",
    "Fault",
    "PressureMap",
    "RecordingAnalysis",
    "StepMetrics",
    "Summary",
    "analyse",
    "region_loads",
    "sway",
]
