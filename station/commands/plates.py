"""``plantar plates``: a night's insoles on the printers' beds, and who prints what when."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
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

SPACING_MM = 6.0
AT_ONCE = 32  #: insoles or plates between two steps of the bar
WORTH = 24  #: insoles from which on a second process is
LINES = 20  #: of insoles that were left out, on the terminal; all of them are in plates.json
INPUT_ROLES = ("batch", "printers")


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
    from insole.checks import BED_MM
    from station.batch import addresses
    from station.batch.farm import read_printers
    from station.batch.plates import DOCUMENT, document, planned, sides
    from station.batch.printables import Lost, Seen, gather
    from station.console import dump
    from station.helper import beside
    from station.orders import draft, sha256
    from station.version import version

    if args.bed is not None and args.printers is not None:
        raise UsageError("expected --bed or --printers, found both; the printers' file has their beds")
    source, far = Source.given(args.batch), addresses.is_remote(args.batch)
    if args.folder == "" or (far and args.folder is None):
        raise UsageError("-o: expected a folder's name, found none")
    listed = Source.given(args.printers) if args.printers is not None else None
    printers = read_printers(listed.path, listed.name) if listed is not None else None
    address = args.batch.rstrip("/") if far else str(source.path.resolve())
    folder = args.folder or f"{source.path.resolve()}-plates"
    inputs = [listed.path] if listed is not None else []
    with draft(folder, inputs if far else [*inputs, source.path]) as work:
        pieces, lost, about = gather(address, source.name)
        with console.progress(2 * (len(pieces) // AT_ONCE + 2)) as bar, beside(len(pieces) >= WORTH) as helper:
            looked = _looked(pieces, helper, bar, console.say)
            seen = {k: found for k, found in enumerate(looked) if isinstance(found, Seen)}
            lost += tuple(Lost.of(p, found) for p, found in zip(pieces, looked) if not isinstance(found, Seen))
            bar.step(console.say("plates.nesting"))
            plan = planned(pieces, seen, args.bed or BED_MM, printers, args.spacing)
            plan = plan.with_lost(lost)
            if not plan.plates:
                raise NothingDoneError([item.message for item in plan.lost] or [f"{source.name}: expected insoles, found none"])
            _write(work, plan, pieces, seen, printers, helper, bar, console.say)
            paper = document(plan, pieces, printers, source.name, args.spacing)
            work.write(DOCUMENT, dump(paper))
            roles = [about]
            if listed is not None:
                size = listed.path.stat().st_size
                roles.append({"role": "printers", "source": listed.name, "sha256": sha256(listed.path), "bytes": size})
            bar.step(console.say("make.finishing"))
            work.finish(
                {
                    "version": version(),
                    "command": "plates",
                    "parameters": {
                        "preset": "",
                        "unit": "mm",
                        "load": "unknown",
                        "outputs": ["3mf", "pictures", "json"],
                        "lang": console.say.lang,
                        "bed_mm": list(args.bed or BED_MM) if printers is None else None,
                        "spacing_mm": args.spacing,
                    },
                    "inputs": [dict(item) for item in roles],
                    "feet": sides(plan, pieces),
                    "left_out": [],
                    "failed": [{"source": i.order, "error": "PlatesError", "message": i.message} for i in plan.lost],
                }
            )
    console.document(paper)
    console.print(summary(paper, args.folder or folder, console.say))
    return _close([item.message for item in plan.lost], console)
