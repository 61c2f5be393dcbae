"""Plates of a batch's insoles: laid out bed by bed, queued on the printers, written as one 3MF a plate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.batch.printables import Lost, Piece, Seen, stored
from station.documents import significant

if TYPE_CHECKING:
    from insole.nesting import Spot
    from insole.printing import Printer, Queue, Run

SCHEMA = "plantar/plates/1"
DOCUMENT = "plates.json"


@dataclass(frozen=True)
class Laid:
    """A plate: for what bed, material and nozzle, where its pieces (``Spot.part``: their number) lie, who prints it."""

    bed_mm: tuple[float, float]
    material: str
    nozzle_mm: float
    spots: tuple[Spot, ...]
    run: Run | None = None


@dataclass(frozen=True)
class Plan:
    """All plates in the order in which they are begun; pieces on none of them, and why; how many plates there would be
    at least by area; when all is printed and before when it can't be (None without printers)."""

    plates: tuple[Laid, ...]
    lost: tuple[Lost, ...]
    least: int
    makespan_min: float | None = None
    bound_min: float | None = None


def planned(
    pieces: Sequence[Piece],
    seen: Mapping[int, Seen],
    before: Sequence[Lost],
    bed_mm: tuple[float, float],
    printers: Sequence[Printer] | None,
    spacing_mm: float,
) -> Plan:
    """Where each piece is printed. The same pieces and printers give the same plan.

    Parameters
    ----------
    seen : of each piece that is to be laid out, by its number
    before : what was lost before
    bed_mm : of all printers, where ``printers`` is None
    """
    from insole.nesting import least_plates, nest

    plates: list[Laid] = []
    lost = list(before)
    least = 0
    groups = dict.fromkeys((pieces[k].material, pieces[k].nozzle_mm) for k in seen)
    for material, nozzle in groups:
        these = [k for k in seen if (pieces[k].material, pieces[k].nozzle_mm) == (material, nozzle)]
        beds = _beds(printers, bed_mm, material, nozzle)
        if not beds:
            why = f"expected a printer with {material} and a nozzle of {nozzle:g} mm, found none; load one"
            lost += [Lost.of(pieces[k], why) for k in these]
        for bed, inside in _shared(these, pieces, seen, beds):
            if bed is None:
                x, y = beds[-1][0]
                why = f"expected a bed that it fits, found {x:g} × {y:g} mm as the largest; give a larger one"
                lost += [Lost.of(pieces[k], why) for k in inside]
                continue
            lines = [seen[k].outline_mm for k in inside]
            found = nest(lines, bed, spacing_mm, [pieces[k].side for k in inside])
            least += math.ceil(least_plates(lines, bed, spacing_mm) - 1e-9)
            for spots in found:
                own = tuple(dataclasses.replace(spot, part=inside[spot.part]) for spot in spots)
                plates.append(Laid(bed, material, nozzle, own))
    if printers is None:
        return Plan(tuple(plates), tuple(lost), least)
    order = _queued(plates, pieces, printers)
    return Plan(_by_run(plates, order), tuple(lost), least, order.makespan_min, order.bound_min)


def _beds(
    printers: Sequence[Printer] | None, bed_mm: tuple[float, float], material: str, nozzle_mm: float
) -> list[tuple[tuple[float, float], float]]:
    """Beds by rising size with the speed of all their printers."""
    if printers is None:
        return [(bed_mm, 1.0)]
    speeds: dict[tuple[float, float], float] = {}
    for printer in printers:
        if printer.material == material and printer.nozzle_mm == nozzle_mm:
            speeds[printer.bed_mm] = speeds.get(printer.bed_mm, 0.0) + printer.speed
    return sorted(speeds.items(), key=lambda item: (item[0][0] * item[0][1], item[0]))


def _shared(
    these: Sequence[int],
    pieces: Sequence[Piece],
    seen: Mapping[int, Seen],
    beds: Sequence[tuple[tuple[float, float], float]],
) -> list[tuple[tuple[float, float] | None, list[int]]]:
    """Which pieces are laid out for which bed; None for what fits none of them."""
    from insole.nesting import fits
    from insole.outlines import area
    from insole.printing import share_out

    if not beds:
        return []
    possible = [[fits(seen[k].outline_mm, bed) for bed, _ in beds] for k in these]
    sizes = [abs(area(seen[k].outline_mm)) for k in these]
    shares = share_out([pieces[k].minutes for k in these], sizes, possible, [speed for _, speed in beds])
    found: list[tuple[tuple[float, float] | None, list[int]]] = []
    for number in (None, *range(len(beds))):
        inside = [k for k, share in zip(these, shares) if share == number]
        if inside:
            found.append((None if number is None else beds[number][0], inside))
    return found


def _queued(plates: Sequence[Laid], pieces: Sequence[Piece], printers: Sequence[Printer]) -> Queue:
    from insole.printing import Plate, queue

    asked = [
        Plate(tuple(pieces[spot.part].minutes for spot in plate.spots), plate.bed_mm, plate.material, plate.nozzle_mm)
        for plate in plates
    ]
    return queue(asked, printers)


def _by_run(plates: Sequence[Laid], order: Queue) -> tuple[Laid, ...]:
    """A plate a run: one that is printed on two printers becomes two, each insole staying where it lay."""
    runs = sorted(order.runs, key=lambda run: (run.begin_min, run.printer))
    return tuple(
        dataclasses.replace(plates[run.plate], spots=tuple(plates[run.plate].spots[k] for k in run.insoles), run=run)
        for run in runs
    )


# ------------------------------------------------------------------ files and documents


def names(plan: Plan) -> list[str]:
    """plate-001, plate-002, …"""
    digits = max(3, len(str(len(plan.plates))))
    return [f"plate-{number:0{digits}d}" for number in range(1, len(plan.plates) + 1)]


def write(
    folder: Path, name: str, plate: Laid, pieces: Mapping[int, Piece], seen: Mapping[int, Seen], title: str
) -> None:
    """The 3MF of a plate and its picture. ReadError where an insole's file has changed since it was looked at."""
    from insole.plate_picture import Drawn, plate_svg
    from insole.slicer_files import Placement, zoned_threemf_bytes

    parts, drawn = [], []
    for spot in plate.spots:
        piece, look = pieces[spot.part], seen[spot.part]
        place = Placement(spot.x_mm, spot.y_mm, round(-look.lowest_mm, 3) + 0.0, spot.turn_deg)
        parts.append(dataclasses.replace(stored(piece), placement=place))
        drawn.append(Drawn(piece.name, piece.side, look.outline_mm, spot))
    (folder / f"{name}.3mf").write_bytes(zoned_threemf_bytes(parts))
    (folder / f"{name}.svg").write_bytes(plate_svg(drawn, plate.bed_mm, title))


def title(name: str, plate: Laid, pieces: Sequence[Piece], printers: Sequence[Printer] | None) -> str:
    """What stands above the picture of a plate."""
    words = [name, f"{plate.bed_mm[0]:g} × {plate.bed_mm[1]:g} mm", plate.material]
    if plate.run is not None and printers is not None:
        words.insert(1, printers[plate.run.printer].name)
    minutes, grams = _sums(plate, pieces)
    return " · ".join([*words, f"{minutes / 60:.1f} h", f"{grams:.0f} g"])


def document(
    plan: Plan, pieces: Sequence[Piece], printers: Sequence[Printer] | None, source: str, spacing_mm: float
) -> dict[str, Any]:
    """``plates.json`` and ``plantar plates --json``."""
    named = names(plan)
    return {
        "schema": SCHEMA,
        "source": source,
        "spacing_mm": spacing_mm,
        "insoles": sum(len(plate.spots) for plate in plan.plates),
        "least_plates": plan.least,
        "makespan_min": _rounded(plan.makespan_min),
        "bound_min": _rounded(plan.bound_min),
        "plates": [_plate(name, plate, pieces, printers) for name, plate in zip(named, plan.plates)],
        "printers": [_printer(k, printer, plan, named, pieces) for k, printer in enumerate(printers or ())],
        "left_out": [{"order": lost.order, "side": lost.side, "message": lost.message} for lost in plan.lost],
    }


def _plate(name: str, plate: Laid, pieces: Sequence[Piece], printers: Sequence[Printer] | None) -> dict[str, Any]:
    run, (minutes, grams) = plate.run, _sums(plate, pieces)
    return {
        "file": f"{name}.3mf",
        "bed_mm": list(plate.bed_mm),
        "material": plate.material,
        "nozzle_mm": plate.nozzle_mm,
        "printer": printers[run.printer].name if run is not None and printers is not None else None,
        "begin_min": _rounded(run.begin_min) if run is not None else None,
        "end_min": _rounded(run.end_min) if run is not None else None,
        "minutes": _rounded(minutes),
        "grams": _rounded(grams),
        "insoles": [
            {
                "name": pieces[spot.part].name,
                "order": pieces[spot.part].order,
                "side": pieces[spot.part].side,
                "x_mm": spot.x_mm,
                "y_mm": spot.y_mm,
                "turn_deg": spot.turn_deg,
                "minutes": pieces[spot.part].minutes,
                "grams": pieces[spot.part].grams,
                "sha256": pieces[spot.part].sha256,
            }
            for spot in plate.spots
        ],
    }


def _printer(
    number: int, printer: Printer, plan: Plan, named: Sequence[str], pieces: Sequence[Piece]
) -> dict[str, Any]:
    own = [(name, plate) for name, plate in zip(named, plan.plates) if plate.run and plate.run.printer == number]
    return {
        **dataclasses.asdict(printer),
        "bed_mm": list(printer.bed_mm),
        "plates": [f"{name}.3mf" for name, _ in own],
        "grams": _rounded(sum(_sums(plate, pieces)[1] for _, plate in own)),
        "end_min": _rounded(max((plate.run.end_min for _, plate in own if plate.run), default=0.0)),
    }


def _sums(plate: Laid, pieces: Sequence[Piece]) -> tuple[float, float]:
    """Estimated minutes and grams of a plate."""
    own = [pieces[spot.part] for spot in plate.spots]
    return sum(piece.minutes for piece in own), sum(piece.grams for piece in own)


def _rounded(value: float | None) -> float | None:
    return None if value is None else significant(value, 6)


def sides(plan: Plan, pieces: Iterable[Piece]) -> dict[str, bool]:
    """Which feet have insoles on plates, as the manifest of a folder says it."""
    listed = list(pieces)
    found = {listed[spot.part].side for plate in plan.plates for spot in plate.spots}
    return {side: side in found for side in ("left", "right")}
