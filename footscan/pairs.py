"""What differs between two measured feet, and whether it differs by more than measuring does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from footscan.errors import ScanError
from footscan.sizing import EU_PER_MM, HALF_SIZE_MM, JIS_STEP_MM
from footscan.types import FootMeasurements, Measure

SURE = 2.0  #: standard deviations of a difference that count as a difference
#: shoe sizes for a millimetre: EU sizes of length, width letters (JIS S 5037, 6 mm apart) of ball girth
SIZES_PER_MM: Mapping[str, float] = MappingProxyType({"foot_length_mm": EU_PER_MM, "ball_girth_mm": 1.0 / JIS_STEP_MM})


@dataclass(frozen=True)
class Difference:
    """One measure of two feet.

    value : first − second, in the measure's unit; None with ``reason`` where one of them has no number
    sd, sd_total : of that difference (the two in quadrature); None where a measure has none
    differs : |value| > 2 · sd_total, which is 2 · √2 of one foot's where both are alike; None where it can't be said
    sizes : the difference in EU sizes (length) or width letters (ball girth); None for what sizes don't follow
    """

    value: float | None
    sd: float | None = None
    sd_total: float | None = None
    differs: bool | None = None
    sizes: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class PairDifferences:
    """Left − right of every measure; ``half_size_or_more``: the lengths are half an EU size or more apart (None where
    a length is missing)."""

    values: Mapping[str, Difference]
    half_size_or_more: bool | None

    def __getitem__(self, name: str) -> Difference:
        return self.values[name]


def difference(first: Measure, second: Measure, name: str = "") -> Difference:
    """first − second with its standard deviations; ``name`` says which sizes follow it."""
    a, b = first.value, second.value
    if a is None or b is None:
        return Difference(None, reason=first.reason or second.reason)
    if isinstance(a, str) or isinstance(b, str):
        return Difference(None, reason="not a number")
    sd, sd_total = _together(first.sd, second.sd), _together(first.sd_total, second.sd_total)
    value = float(a) - float(b)
    differs = None if sd_total is None else bool(abs(value) > SURE * sd_total)
    sizes = value * SIZES_PER_MM[name] if name in SIZES_PER_MM else None
    return Difference(value, sd, sd_total, differs, sizes)


def differences(first: FootMeasurements, second: FootMeasurements) -> dict[str, Difference]:
    """first − second of every measure that both have a key for, in the first one's order."""
    return {name: difference(m, second.values[name], name) for name, m in first.values.items() if name in second.values}


def compare_pair(left: FootMeasurements, right: FootMeasurements) -> PairDifferences:
    """Left − right of every measure of two feet of one person. ScanError unless one is left and the other right."""
    if (left.side, right.side) != ("left", "right"):
        raise ScanError(
            f"expected a left and a right foot, found {left.side} and {right.side}; give them in that order"
        )
    values = differences(left, right)
    length = values["foot_length_mm"].value if "foot_length_mm" in values else None
    half = None if length is None else bool(abs(length) >= HALF_SIZE_MM - 1e-9)
    return PairDifferences(MappingProxyType(values), half)


def _together(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else float(np.hypot(a, b))
