"""Shoe sizes of a foot. Millimetres are kept; conversion comes last.

Formulas (common use; each in one place, so that it can be corrected):
EU (Paris point): 0.15 · L + 2, to the nearest half, ties up. UK: nearest half of 3 · L / 25.4 − 23. US men: UK + 1;
US women: men + 1 (Brannock) or + 1.5 (retail). JP: cm, half steps. Mondopoint (ISO 9407:2019): length to 5 mm / linear
foot width in mm. China (GB/T 43293-2022): the same. The input L is the foot's length, the shoe's allowance included
in the formulas. None of the scales is for feet under 198 mm (children have their own): then None with a reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

SYSTEMS = ("eu", "uk", "us-men", "us-women", "jp", "cn", "mondo")
SHORTEST_ADULT_MM = 198.0
System = Literal["eu", "uk", "us-men", "us-women", "jp", "cn", "mondo"]


@dataclass(frozen=True)
class Size:
    """``label`` as it stands on a shoe box (None where the scale has none, with the reason)."""

    system: str
    label: str | None
    reason: str | None = None


def nearest(value: float, step: float) -> float:
    """The nearest multiple of ``step``, ties up."""
    return math.floor(value / step + 0.5 + 1e-9) * step


def size(
    length_mm: float,
    system: System,
    breadth_mm: float | None = None,
    us_women_offset: float = 1.0,
) -> Size:
    """The size of a foot ``length_mm`` long in one system. ValueError for an unknown system or an impossible length.

    ``breadth_mm`` is needed by mondo and cn (linear foot width); ``us_women_offset`` is 1.0 (Brannock) or 1.5 (retail).
    """
    if system not in SYSTEMS:
        raise ValueError(f"system must be one of {', '.join(SYSTEMS)}, got {system!r}")
    if not 80.0 <= length_mm <= 400.0:
        raise ValueError(f"length_mm must be 80 to 400, got {length_mm}")
    if length_mm < SHORTEST_ADULT_MM and system in ("uk", "us-men", "us-women"):
        return Size(system, None, f"feet under {SHORTEST_ADULT_MM:.0f} mm have a children's scale, not built yet")
    uk = nearest(3.0 * length_mm / 25.4 - 23.0, 0.5)
    if system == "eu":
        return Size(system, _plain(nearest(0.15 * length_mm + 2.0, 0.5)))
    if system == "uk":
        return Size(system, _plain(uk))
    if system == "us-men":
        return Size(system, _plain(uk + 1.0))
    if system == "us-women":
        return Size(system, _plain(uk + 1.0 + us_women_offset))
    if system == "jp":
        return Size(system, _plain(nearest(length_mm / 10.0, 0.5), ".1f"))
    if breadth_mm is None:
        return Size(system, None, "needs the foot's breadth")
    return Size(system, f"{nearest(length_mm, 5.0):.0f}/{nearest(breadth_mm, 1.0):.0f}")


def sizes(length_mm: float, breadth_mm: float | None = None) -> dict[str, Size]:
    """The size of a foot in every system."""
    table: tuple[System, ...] = ("eu", "uk", "us-men", "us-women", "jp", "cn", "mondo")
    return {system: size(length_mm, system, breadth_mm) for system in table}


def _plain(value: float, form: str = "g") -> str:
    return format(value, form)
