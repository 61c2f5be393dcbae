"""Plates: how many a night's insoles need, against rectangles and against their area; how fast they are laid out.

The insoles are those of 100 people by measures alone: half women of 241 ± 11 mm, half men of 266 ± 12 mm.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from harness import Result

from footscan.types import Array, FootMeasurements, Measure, Side
from footscan.usual import usual_foot
from insole import design, prescribe, solid
from insole.nesting import fits, least_plates, nest
from insole.outlines import silhouette, turned
from insole.plates import MARGIN_MM, SPACING_MM, pack
from insole.printing import Plate, Printer, queue

PEOPLE, TRIANGLES = 100, 10_000
BEDS = ((250.0, 210.0), (256.0, 256.0), (300.0, 300.0), (350.0, 350.0), (400.0, 400.0))
SIDES: tuple[Side, ...] = ("left", "right")


def outlines(people: int = PEOPLE) -> tuple[list[Array], list[Side]]:
    """From above, and the side of each."""
    rng = np.random.default_rng(7)
    lines: list[Array] = []
    sides: list[Side] = []
    for number in range(people):
        length = float(rng.normal(241.0, 11.0) if number % 2 else rng.normal(266.0, 12.0))
        breadth = length * float(rng.uniform(0.37, 0.40))
        for side in SIDES:
            values = {"foot_length_mm": Measure(length), "foot_breadth_mm": Measure(breadth)}
            foot = usual_foot(FootMeasurements(values, side))
            lines.append(silhouette(solid(design(foot, prescribe(foot.measurements, None), TRIANGLES))))
            sides.append(side)
    return lines, sides


def rectangles(lines: Sequence[Array], bed_mm: tuple[float, float]) -> int:
    """How many plates they take as rectangles, each at the least angle at which it fits the bed."""
    room = (bed_mm[0] - 2 * MARGIN_MM, bed_mm[1] - 2 * MARGIN_MM)
    boxes = []
    for line in lines:
        sizes = (np.ptp(turned(line, float(degrees)), axis=0) for degrees in range(180))
        boxes.append(next((float(x), float(y)) for x, y in sizes if x <= room[0] and y <= room[1]))
    return 1 + max(slot.plate for slot in pack(boxes, room, SPACING_MM))


def run() -> Iterator[Result]:
    """Ratios of plates, insoles a second, a farm's last printer against the bound."""
    lines, sides = outlines()
    for bed in BEDS:
        kept = [k for k, line in enumerate(lines) if fits(line, bed)]
        inside, alike = [lines[k] for k in kept], [sides[k] for k in kept]
        start = time.perf_counter()
        plates = nest(inside, bed, SPACING_MM, alike)
        seconds = time.perf_counter() - start
        name = f"plates_{bed[0]:g}x{bed[1]:g}"
        flat = rectangles(inside, bed)
        yield Result(f"{name}_insoles_a_plate", len(inside) / len(plates), "", None, "higher")
        yield Result(f"{name}_against_rectangles", len(plates) / flat, "ratio", 1.0, "lower")
        yield Result(
            f"{name}_against_area", len(plates) / least_plates(inside, bed, SPACING_MM), "ratio", None, "lower"
        )
        yield Result(f"{name}_laid_out", len(inside) / seconds, "1/s", None, "higher")
    rng = np.random.default_rng(8)
    printers = [Printer(f"{k}", BEDS[2 * (k % 2)], "tpu_95a", speed=float(rng.uniform(0.8, 2.0))) for k in range(12)]
    work = [Plate(tuple(rng.uniform(180, 400, 1 + k % 3)), BEDS[2 * (k % 3 == 2)], "tpu_95a") for k in range(500)]
    start = time.perf_counter()
    found = queue(work, printers)
    yield Result("farm_500_plates_against_bound", found.makespan_min / found.bound_min, "ratio", 1.05, "lower")
    yield Result("farm_500_plates_queued", time.perf_counter() - start, "s", None, "lower")
