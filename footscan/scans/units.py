"""Which unit is a scan in? Files rarely say; feet are 120–350 mm long, which decides nearly always."""

from __future__ import annotations

import numpy as np

from footscan.types import Array

MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1000.0, "in": 25.4}
FOOT_LENGTH_MM = (120.0, 350.0)
SCENE_MM = (110.0, 1200.0)  #: a scan's longest extent: one foot, or two with legs on a platform

SAMPLE = 50_000  #: points that show the extent


def units_that_fit(points: Array) -> list[str]:
    """Units in which the cloud's longest extent (without its outermost 0.5 %) is that of feet with what is around them,
    the ones that make it a single foot's own size first."""
    some = points[:: max(1, len(points) // SAMPLE)]
    extent = float(np.ptp(np.percentile(some, [0.25, 99.75], axis=0), axis=0).max())
    fits = [unit for unit, mm in MM_PER_UNIT.items() if SCENE_MM[0] <= extent * mm <= SCENE_MM[1]]
    typical = 280.0
    return sorted(fits, key=lambda unit: abs(np.log(extent * MM_PER_UNIT[unit] / typical)))
