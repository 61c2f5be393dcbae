"""``plantar measure``: what a scan says of its feet."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from station.commands.make import LOADS, UNITS
from station.errors import DONE, SOME_FAILED, NothingDoneError
from station.results import Failure, Measured, Source

if TYPE_CHECKING:
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser


def arguments(parser: Parser, say: Texts) -> None:
    """Scans, and how to take them."""
    add = parser.inputs.add_argument
    add("scans", metavar="SCAN", nargs="+", help=say("measure.scans"))
    add("--side", choices=("auto", "left", "right"), default="auto", help=say("measure.side"))
    add("--unit", choices=UNITS, default="auto", help=say("help.unit"))
    add("--load", choices=LOADS, default="unknown", help=say("help.load"))


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure each scan; 1 where some could not be, 3 where none could."""
    from footscan import measure, read_scan
    from footscan.errors import FootscanError
    from station.documents import measure_document
    from station.summary import measurements

    done: list[Measured] = []
    failed: list[Failure] = []
    with console.progress(len(args.scans)) as bar:
        for source in map(Source.given, args.scans):
            bar.step(console.say("make.measuring", name=source.name))
            try:
                scan = read_scan(source.path, unit=args.unit)
                feet = measure(scan, side=args.side, load=args.load)
                done.append(Measured(source.name, scan.sha256, scan.unit, tuple(feet)))
            except FootscanError as error:
                failed.append(Failure.of(source.name, error))
    console.document(measure_document(done, failed))
    for item in done:
        console.print(measurements(item, console.say))
    if not done:
        raise NothingDoneError(f.message for f in failed)
    for failure in failed:
        console.fail(failure.message)
    return SOME_FAILED if failed else DONE
