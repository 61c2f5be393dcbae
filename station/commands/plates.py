"""``plantar plates``: a night's insoles on the printers' beds, and who prints what when."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

from station.commands.check import bed
from station.errors import DONE, SOME_FAILED, NothingDoneError, UsageError
from station.results import Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from insole.printing import Printer
    from station.batch.plates import Plan
    from station.batch.printables import Piece, Seen
    from station.console import Console
    from station.helper import Helper
    from station.messages import Texts
    from station.orders import Draft
    from station.parser import Parser
    from station.progress import Progress

SPACING_MM = 6.0  #: that of insole.plates, which is too heavy for a help text
AT_ONCE = 32  #: insoles or plates between two steps of the bar
WORTH = 24  #: insoles from which on a second process is
LINES = 20  #: of insoles that were left out, on the terminal; all of them are in plates.json


def arguments(parser: Parser, say: Texts) -> None:
    """The batch's folder, the bed or the printers, where the plates go."""
    add = parser.inputs.add_argument
    add("batch", metavar="DIR", help=say("plates.batch"))
    add("--bed", metavar="X,Y", type=bed, default=None, help=say("plates.bed"))
    add("--printers", metavar="FILE.toml", help=say("plates.printers"))
    add("--spacing", metavar="MM", type=spacing, default=SPACING_MM, help=say("plates.spacing"))
    add("-o", dest="folder", metavar="PLATES", help=say("plates.folder"))


def spacing(text: str) -> float:
    """A distance from 0 to 50 mm; argparse reports what is none."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 50.0:
        raise argparse.ArgumentTypeError(f"expected 0 to 50 mm, found {text!r}")
    return value


def run(args: argparse.Namespace, console: Console) -> int:
    """Find the insoles, lay them out, queue the plates, write them."""
    from station.batch import addresses
    from station.batch.farm import read_printers
    from station.orders import draft

    if args.bed is not None and args.printers is not None:
        raise UsageError("expected --bed or --printers, found both; the printers' file has their beds")
    source, far = Source.given(args.batch), addresses.is_remote(args.batch)
    if args.folder == "" or (far and args.folder is None):
        raise UsageError("-o: expected a folder's name, found none")
    file = Source.given(args.printers) if args.printers is not None else None
    printers = read_printers(file.path, file.name) if file is not None else None
    args.folder = args.folder or f"{source.path.resolve()}-plates"
    inputs = [s.path for s in (file, None if far else source) if s is not None]
    with draft(args.folder, inputs) as work:
        paper = _carry_out(work, args, far, file, printers, console)
    console.document(paper)
    console.print(summary(paper, args.folder, console.say))
    lines = [item["message"] for item in paper["left_out"]]
    if len(lines) > LINES:
        lines[LINES:] = [f"{len(lines) - LINES} more are on no plate; plates.json in {args.folder} has every reason"]
    for line in lines:
        console.fail(line)
    return SOME_FAILED if lines else DONE


def _carry_out(
    work: Draft,
    args: argparse.Namespace,
    far: bool,
    file: Source | None,
    printers: tuple[Printer, ...] | None,
    console: Console,
) -> dict[str, Any]:
    """From the batch's manifest to a finished folder; ``plates.json``. NothingDoneError without any plate."""
    from insole.checks import BED_MM
    from station.batch.plates import DOCUMENT, document, planned
    from station.batch.printables import Lost, Seen, gather
    from station.console import dump
    from station.helper import beside

    source = Source.given(args.batch)
    pieces, lost, about = gather(args.batch.rstrip("/") if far else str(source.path.resolve()), source.name)
    total = 2 * (len(pieces) // AT_ONCE + 2)
    with console.progress(total) as bar, beside(len(pieces) >= WORTH) as helper:
        looked = _looked(pieces, helper, bar, console.say)
        seen = {k: found for k, found in enumerate(looked) if isinstance(found, Seen)}
        lost += tuple(Lost.of(piece, why) for piece, why in zip(pieces, looked) if isinstance(why, str))
        bar.step(console.say("plates.nesting"))
        bed_mm = args.bed or BED_MM
        plan = planned(pieces, seen, lost, bed_mm, printers, args.spacing)
        if not plan.plates:
            why = [item.message for item in plan.lost]
            raise NothingDoneError(
                why or [f"{source.name}: expected orders with insoles, found none; see its manifest"]
            )
        _write(work, plan, pieces, seen, printers, helper, bar, console.say)
        paper = document(plan, pieces, printers, source.name, args.spacing)
        work.write(DOCUMENT, dump(paper))
        bar.step(console.say("make.finishing"))
        parameters = {"bed_mm": list(bed_mm) if printers is None else None, "spacing_mm": args.spacing}
        work.finish(_head(plan, pieces, parameters, about, file, console.say.lang))
    return paper


def _looked(pieces: Sequence[Piece], helper: Helper | None, bar: Progress, say: Texts) -> list[Seen | str]:
    """Every insole from above, in their order."""
    from station.batch.printables import look
    from station.helper import share

    found: list[Seen | str] = []
    for start in range(0, len(pieces), AT_ONCE):
        bar.step(say("plates.reading", done=start, count=len(pieces)))
        some = pieces[start : start + AT_ONCE]
        jobs = {k: partial(look, some[k : k + 4]) for k in range(0, len(some), 4)}
        found += [one for part in share(helper, jobs).values() for one in part]
    return found


def _write(
    work: Draft,
    plan: Plan,
    pieces: Sequence[Piece],
    seen: Mapping[int, Seen],
    printers: Sequence[Printer] | None,
    helper: Helper | None,
    bar: Progress,
    say: Texts,
) -> None:
    """A 3MF and a picture for each plate, straight into the folder."""
    from station.batch.plates import names, title, write
    from station.helper import share

    jobs = {}
    for name, plate in zip(names(plan), plan.plates):
        own = [spot.part for spot in plate.spots]
        told = title(name, plate, pieces, printers)
        jobs[name] = partial(
            write, work.folder, name, plate, {k: pieces[k] for k in own}, {k: seen[k] for k in own}, told
        )
    every = list(jobs)
    for start in range(0, len(every), AT_ONCE):
        bar.step(say("plates.writing", done=start, count=len(every)))
        share(helper, {name: jobs[name] for name in every[start : start + AT_ONCE]})


def _head(
    plan: Plan,
    pieces: Sequence[Piece],
    parameters: Mapping[str, Any],
    about: Mapping[str, Any],
    file: Source | None,
    lang: str,
) -> dict[str, Any]:
    """The manifest but for its outputs."""
    from station.batch.plates import sides
    from station.orders import sha256
    from station.version import version

    inputs = [dict(about)]
    if file is not None:
        size = file.path.stat().st_size
        inputs.append({"role": "printers", "source": file.name, "sha256": sha256(file.path), "bytes": size})
    usual = {"preset": "", "unit": "mm", "load": "unknown", "outputs": ["3mf", "pictures", "json"], "lang": lang}
    return {
        "version": version(),
        "command": "plates",
        "parameters": {**usual, **parameters},
        "inputs": inputs,
        "feet": sides(plan, pieces),
        "left_out": [],
        "failed": [{"source": item.order, "error": "NoPlate", "message": item.message} for item in plan.lost],
    }


# ------------------------------------------------------------------ for a person


def summary(paper: Mapping[str, Any], folder: str, say: Texts) -> list[str]:
    """How many plates, how much filament and time; each printer's share."""
    from station.messages import table

    plates = paper["plates"]
    grams, minutes = (sum(plate[key] for plate in plates) for key in ("grams", "minutes"))
    told = {"insoles": paper["insoles"], "plates": len(plates), "least": paper["least_plates"], "folder": folder}
    lines = [say("plates.summary", **told, kilograms=f"{grams / 1000:.2f}", hours=f"{minutes / 60:.1f}")]
    if paper["printers"]:
        rows = [[say(f"plates.column_{word}") for word in ("printer", "plates", "done", "grams")]]
        for printer in paper["printers"]:
            shown = [str(len(printer["plates"])), f"{printer['end_min'] / 60:.1f} h", f"{printer['grams']:.0f} g"]
            rows.append([printer["name"], *shown])
        lines += table(rows, numbers=(1, 2, 3))
        done, least = (paper[key] / 60 for key in ("makespan_min", "bound_min"))
        lines.append(say("plates.done", done=f"{done:.1f}", least=f"{least:.1f}"))
    return lines
