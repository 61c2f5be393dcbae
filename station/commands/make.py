"""``plantar make``: scans and a walk become a printable pair of insoles."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.errors import DONE, SOME_FAILED, NothingDoneError, UsageError
from station.results import Source

if TYPE_CHECKING:
    from station.console import Console
    from station.helper import Helper
    from station.make import Made, Order, Tell
    from station.messages import Texts
    from station.orders import Draft
    from station.parser import Parser

OUTPUTS = ("stl", "3mf", "glb", "json", "prediction", "report", "pictures")
LOADS = ("unknown", "standing", "half", "sitting", "none")
UNITS = ("auto", "mm", "cm", "dm", "m", "in")


def arguments(parser: Parser, say: Texts) -> None:
    """The order's scans, recordings, prescription, and where it goes."""
    add = parser.inputs.add_argument
    add("--left", metavar="SCAN", help=say("make.left"))
    add("--right", metavar="SCAN", help=say("make.right"))
    add("--pair", metavar="SCAN", help=say("make.pair"))
    add("--pressure", metavar="REC", action="append", default=[], help=say("make.pressure"))
    add("--rx", metavar="RX.toml", help=say("make.rx"))
    add("--preset", metavar="NAME", default="everyday", help=say("make.preset"))
    add("--unit", choices=UNITS, default="auto", help=say("help.unit"))
    add("--load", choices=LOADS, default="unknown", help=say("help.load"))
    add("--outputs", metavar="LIST", type=outputs, default=OUTPUTS, help=say("make.outputs", outputs=",".join(OUTPUTS)))
    add("-o", dest="folder", metavar="DIR", required=True, help=say("help.folder"))


def outputs(text: str) -> tuple[str, ...]:
    """``stl,json`` -> its parts, in the order of ``OUTPUTS``; argparse reports what is not among them."""
    asked = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in asked if word not in OUTPUTS]
    if unknown or not asked:
        raise argparse.ArgumentTypeError(f"expected some of {','.join(OUTPUTS)}, found {','.join(unknown) or 'none'}")
    return tuple(word for word in OUTPUTS if word in asked)


def run(args: argparse.Namespace, console: Console) -> int:
    """Read, measure, prescribe, build, write; the summary, and 1 where some item failed."""
    from station.make import Order

    if not args.folder:
        raise UsageError("-o: expected a folder's name, found none")
    order = Order(
        left=_source(args.left),
        right=_source(args.right),
        pair=_source(args.pair),
        pressure=tuple(Source.given(text) for text in args.pressure),
        rx=_source(args.rx),
        preset=args.preset,
        unit=args.unit,
        load=args.load,
    )
    sources = [source.path for _, source in order.sources]
    worth = len(order.scans) > 1 or "pictures" in args.outputs or "report" in args.outputs
    made, manifest = carry_out(
        lambda work, tell, helper: order, sources, args.folder, args.outputs, "make", console, order.pieces + 4, worth
    )
    return close(made, manifest, args.folder, console)


def _source(text: str | None) -> Source | None:
    return None if text is None else Source.given(text)


def carry_out(
    prepare: Callable[[Draft, Tell, Helper | None], Order],
    sources: Iterable[Path],
    folder: str,
    asked: tuple[str, ...],
    command: str,
    console: Console,
    pieces: int,
    worth: bool,
) -> tuple[Made, dict[str, Any]]:
    """An order from its inputs to its finished folder; ``worth`` says whether a second process is.

    NothingDoneError where no insole came of it.
    """
    from station.helper import beside
    from station.make import make
    from station.orders import SCHEMA, draft
    from station.writing import Log, head, ready, write

    lang = console.say.lang
    spare = ready if "pictures" in asked or "report" in asked else None
    with draft(folder, sources) as work, beside(worth, spare) as helper, console.progress(pieces) as bar:
        log = Log(work, bar, console.say)
        made = make(prepare(work, log.tell, helper), log.tell, helper, "prediction" in asked)
        if not made.insoles:
            console.document({"schema": SCHEMA, **head(made, asked, command, lang), "outputs": {}})
            raise NothingDoneError(failure.message for failure in made.failed)
        return made, write(made, work, asked, command, lang, log, helper)


def close(made: Made, manifest: dict[str, Any], folder: str, console: Console, more: tuple[str, ...] = ()) -> int:
    """The summary, a line on stderr for each failure, the exit code."""
    from station.summary import summary

    console.document(manifest)
    console.print(summary(made, manifest, folder, console.say))
    console.print(more)
    for failure in made.failed:
        console.fail(failure.message)
    return SOME_FAILED if made.failed else DONE
