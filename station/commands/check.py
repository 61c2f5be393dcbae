"""``plantar check``: can this mesh be printed and worn?"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from station.errors import DONE, SOME_FAILED
from station.results import Source

SHOE = ("shoe-length", "shoe-width", "counter-height", "forefoot-depth")

if TYPE_CHECKING:
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser


def arguments(parser: Parser, say: Texts) -> None:
    """One mesh file, the printer's bed, the shoe, and what a slicer made of it."""
    add = parser.inputs.add_argument
    add("file", metavar="FILE", help=say("check.file"))
    add("--min-thickness", metavar="MM", type=millimetres, default=1.2, help=say("check.thickness"))
    add("--bed", metavar="X,Y", type=bed, default=None, help=say("check.bed"))
    for name in SHOE:
        add(f"--{name}", metavar="MM", type=millimetres, default=None, help=say(f"check.{name}"))
    add("--gcode", metavar="FILE.gcode", help=say("check.gcode"))


def millimetres(text: str) -> float:
    """A length above 0; argparse reports what is none."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 10_000.0:
        raise argparse.ArgumentTypeError(f"expected millimetres above 0, found {text!r}")
    return value


def bed(text: str) -> tuple[float, float]:
    """``250,210`` -> two lengths."""
    parts = text.split(",")
    if len(parts) != 2:
        raise argparse.ArgumentTypeError(f"expected width and depth, e.g. 250,210, found {text!r}")
    return millimetres(parts[0]), millimetres(parts[1])


def run(args: argparse.Namespace, console: Console) -> int:
    """Every check with its value; 1 where one fails."""
    from insole import check
    from insole.checks import CheckReport
    from insole.inspection import Shoe
    from insole.sliced import check_sliced
    from station.documents import check_document
    from station.messages import table
    from station.orders import sha256
    from station.prescriptions import checks

    source, say = Source.given(args.file), console.say
    shoe = Shoe(args.shoe_length, args.shoe_width, args.counter_height, args.forefoot_depth)
    report = check(source.path, args.min_thickness, args.bed, shoe)
    if args.gcode is not None:
        report = CheckReport((*report.items, *check_sliced(source.path, args.gcode)))
    console.document(check_document(source.name, sha256(source.path), report.ok, checks(report)))
    console.print(say("check.ok" if report.ok else "check.bad", name=source.name))
    console.print(
        table(
            [
                [
                    say("check.yes" if item.ok else "check.advice" if item.advice else "check.no"),
                    item.name,
                    item.message,
                ]
                for item in report.items
            ]
        )
    )
    if report.ok:
        return DONE
    wrong = "; ".join(item.message for item in report.items if not (item.ok or item.advice))
    console.fail(f"{source.name}: expected a mesh that can be printed, found: {wrong}; repair it or make it again")
    return SOME_FAILED
