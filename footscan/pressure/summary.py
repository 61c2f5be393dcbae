"""What the used steps of a foot say together: mean, SD and number of every metric, region and cell; symmetry.

SD is that of a sample (n − 1), None for a single step. A step that lacks a value is left out of that value's n.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from footscan.types import Array, Side

if TYPE_CHECKING:
    from footscan.pressure.records import StepMetrics

#: of both feet against each other
SYMMETRY_KEYS = (
    "contact_time_s",
    "step_time_s",
    "step_length_mm",
    "max_force_n",
    "impulse_n_s",
    "peak_kpa",
    "pti_peak_kpa_s",
    "contact_area_mm2",
)
ON_A_PLATE = "each step has cells of its own on a plate"


@dataclass(frozen=True)
class Spread:
    """Mean, SD of a sample, and of how many; None where there are too few."""

    mean: float | None
    sd: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Spread:
        """Of those values that are there."""
        known = np.array([v for v in values if v is not None], dtype=np.float64)
        n = len(known)
        return cls(float(known.mean()) if n else None, float(known.std(ddof=1)) if n > 1 else None, n)


@dataclass(frozen=True, eq=False)
class CellImages:
    """Mean and SD (cells,) over steps of each cell's largest value (the recording's unit) and integral (unit · s);
    the SDs are None for a single step."""

    peak_mean: Array
    peak_sd: Array | None
    integral_mean: Array
    integral_sd: Array | None


@dataclass(frozen=True, eq=False)
class Summary:
    """One foot over its used steps: ``values`` every key of a step, ``regions`` every key of every region,
    ``cells`` the images of a sensor that goes with the foot (None on plates: ``reasons["cells"]``)."""

    steps: int
    values: Mapping[str, Spread]
    regions: Mapping[str, Mapping[str, Spread]]
    cells: CellImages | None
    reasons: Mapping[str, str]


def summarise(steps: Sequence[StepMetrics], in_shoe: bool) -> dict[Side, Summary]:
    """By side with used steps."""
    sides: tuple[Side, ...] = ("left", "right", "unknown")
    mine = {side: [s for s in steps if s.side == side and s.used] for side in sides}
    return {side: _summary(used, in_shoe) for side, used in mine.items() if used}


def _summary(used: Sequence[StepMetrics], in_shoe: bool) -> Summary:
    first = used[0]
    values = {key: Spread.of([s.values[key] for s in used]) for key in first.values}
    regions = {
        name: MappingProxyType({key: Spread.of([s.regions[name][key] for s in used]) for key in row})
        for name, row in first.regions.items()
    }
    cells, reasons = None, {}
    if not in_shoe:
        reasons["cells"] = ON_A_PLATE
    elif len({s.part for s in used}) > 1:
        reasons["cells"] = "these steps come from several sensors"
    else:
        cells = CellImages(*_images([s.peak for s in used]), *_images([s.integral for s in used]))
    return Summary(len(used), MappingProxyType(values), MappingProxyType(regions), cells, MappingProxyType(reasons))


def _images(images: Sequence[Array]) -> tuple[Array, Array | None]:
    stack = np.stack(images)
    return stack.mean(axis=0), stack.std(axis=0, ddof=1) if len(stack) > 1 else None


def symmetry(summaries: Mapping[Side, Summary]) -> tuple[dict[str, Mapping[str, float | None]], dict[str, str]]:
    """``left``, ``right`` means and two indices of each of ``SYMMETRY_KEYS``; and why an index is None.

    index_percent: 100 · (right − left) ÷ ½ (right + left), 0 for equal feet, positive where the right one has more
    (Robinson et al. 1987, J Manipulative Physiol Ther 10:172).
    angle_percent: 100 · (45° − arctan(left ÷ right)) ÷ 90°, the same without a reference value (Zifchock et al. 2008,
    doi:10.1016/j.gaitpost.2007.08.006).
    """
    found: dict[str, Mapping[str, float | None]] = {}
    reasons: dict[str, str] = {}
    for key in SYMMETRY_KEYS:
        left, right = (summaries[s].values[key].mean if s in summaries else None for s in ("left", "right"))
        row: dict[str, float | None] = {"left": left, "right": right, "index_percent": None, "angle_percent": None}
        if left is None or right is None:
            reasons[f"symmetry.{key}"] = f"no used {'left' if left is None else 'right'} step has it"
        elif left + right <= 0:
            reasons[f"symmetry.{key}"] = "both are 0"
        else:
            row["index_percent"] = 200.0 * (right - left) / (right + left)
            row["angle_percent"] = 100.0 * (45.0 - float(np.degrees(np.arctan2(left, right)))) / 90.0
        found[key] = MappingProxyType(row)
    return found, reasons
