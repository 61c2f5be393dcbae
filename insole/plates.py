"""Several insoles on the printer's bed: rectangles packed along a skyline, several beds where one is too small.

Each part stands as it is, a quarter turned, or, where it fits no other way, at the angle at which it does. Larger parts
come first; each goes where its top ends lowest, then farthest to the left (a skyline heuristic after Burke,
Kendall and Whitwell 2004, doi:10.1287/opre.1040.0109).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from footscan.types import Array
from insole.checks import BED_MM
from insole.errors import DesignError
from insole.slicer_files import Placement, Printable

SPACING_MM = 6.0
MARGIN_MM = 2.0


@dataclass(frozen=True)
class Slot:
    """Where a rectangle lies: ``plate`` number, lower left corner, ``turned`` by a quarter."""

    plate: int
    x_mm: float
    y_mm: float
    turned: bool


def pack(
    sizes_mm: Sequence[tuple[float, float]], bed_mm: tuple[float, float] = BED_MM, spacing_mm: float = SPACING_MM
) -> tuple[Slot, ...]:
    """A slot for each rectangle (width, depth), in their order. DesignError for one that fits no empty bed."""
    slots: dict[int, Slot] = {}
    skylines: list[list[tuple[float, float, float]]] = []
    order = sorted(range(len(sizes_mm)), key=lambda i: (-max(sizes_mm[i]), -min(sizes_mm[i]), i))
    for number in order:
        width, depth = sizes_mm[number]
        ways = [(width, depth, False), (depth, width, True)]
        if not any(w <= bed_mm[0] + 1e-9 and d <= bed_mm[1] + 1e-9 for w, d, _ in ways):
            limit = f"at most the printer's bed, {bed_mm[0]:g} × {bed_mm[1]:g} mm"
            raise DesignError("printer_bed", f"{width:.0f} × {depth:.0f} mm", limit, "a larger printer")
        for plate in range(len(skylines) + 1):
            if plate == len(skylines):
                skylines.append([(0.0, 0.0, bed_mm[0] + spacing_mm)])
            room = (bed_mm[0] + spacing_mm, bed_mm[1] + spacing_mm)
            found = _best(skylines[plate], room, [(w + spacing_mm, d + spacing_mm, t) for w, d, t in ways])
            if found is not None:
                x, y, w, d, turned = found
                skylines[plate] = _raised(skylines[plate], x, w, y + d)
                slots[number] = Slot(plate, x, y, turned)
                break
    return tuple(slots[number] for number in range(len(sizes_mm)))


def lay_out(
    parts: Sequence[Printable], bed_mm: tuple[float, float] = BED_MM, spacing_mm: float = SPACING_MM
) -> tuple[tuple[Printable, ...], ...]:
    """The parts with their placements, by plate. DesignError for a part that is too large for the bed."""
    inner = (bed_mm[0] - 2.0 * MARGIN_MM, bed_mm[1] - 2.0 * MARGIN_MM)
    turns = [_turn(part, inner) for part in parts]
    boxes = [_box(part, turn) for part, turn in zip(parts, turns)]
    slots = pack([(float(b[2] - b[0]), float(b[3] - b[1])) for b in boxes], inner, spacing_mm)
    plates: list[list[Printable]] = [[] for _ in range(1 + max((s.plate for s in slots), default=-1))]
    for part, turn, slot in zip(parts, turns, slots):
        turn = turn + 90.0 * slot.turned
        low = _box(part, turn)[:2]
        z = -float(part.mesh.vertices[:, 2].min()) * _scale(part)[2]
        x, y = slot.x_mm + MARGIN_MM - float(low[0]), slot.y_mm + MARGIN_MM - float(low[1])
        place = Placement(round(x, 3), round(y, 3), round(z, 3) + 0.0, turn)
        plates[slot.plate].append(dataclasses.replace(part, placement=place))
    return tuple(tuple(plate) for plate in plates)


# ------------------------------------------------------------------ inside


def _best(
    skyline: list[tuple[float, float, float]], room: tuple[float, float], ways: list[tuple[float, float, bool]]
) -> tuple[float, float, float, float, bool] | None:
    """x, y, width, depth, turned of the way and place whose top ends lowest; None where none fits."""
    found: list[tuple[float, float, float, float, float, bool]] = []
    for width, depth, turned in ways:
        for x, _, _ in skyline:
            if x + width <= room[0] + 1e-9:
                y = max(height for at, height, length in skyline if at < x + width - 1e-9 and at + length > x + 1e-9)
                if y + depth <= room[1] + 1e-9:
                    found.append((y + depth, x, y, width, depth, turned))
    if not found:
        return None
    _, x, y, width, depth, turned = min(found)
    return x, y, width, depth, turned


def _raised(
    skyline: list[tuple[float, float, float]], x: float, width: float, top: float
) -> list[tuple[float, float, float]]:
    """The skyline (x, height, length) with a block of ``width`` at x whose top is at ``top``."""
    parts = [(x, top, width)]
    for at, height, length in skyline:
        left, right = min(at + length, x) - at, at + length - max(at, x + width)
        if left > 1e-9:
            parts.append((at, height, left))
        if right > 1e-9:
            parts.append((max(at, x + width), height, right))
    return sorted(parts)


def _scale(part: Printable) -> tuple[float, float, float]:
    return part.zoning.material.print_scale if part.zoning is not None else (1.0, 1.0, 1.0)


def _box(part: Printable, turn_deg: float) -> Array:
    """Least x, y and largest x, y when the part is turned."""
    turn = np.radians(turn_deg)
    x, y = (part.mesh.vertices[:, :2] * _scale(part)[:2]).T
    u, v = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    return np.array([u.min(), v.min(), u.max(), v.max()])


def _turn(part: Printable, room: tuple[float, float]) -> float:
    """0, or the first whole degree at which the part fits the bed by itself; 0 where none does."""
    for degrees in [0.0, 90.0, *np.arange(1.0, 180.0)]:
        low_x, low_y, high_x, high_y = _box(part, float(degrees))
        if high_x - low_x <= room[0] and high_y - low_y <= room[1]:
            return 0.0 if degrees == 90.0 else float(degrees)
    return 0.0
