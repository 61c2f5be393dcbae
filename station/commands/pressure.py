"""``plantar pressure``: what a recording says of the walk."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from station.errors import DONE, SOME_FAILED, NothingDoneError
from station.results import Analysed, Failure, Source

if TYPE_CHECKING:
    from footscan.pressure import RecordingAnalysis
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser


def arguments(parser: Parser, say: Texts) -> None:
    """Recordings, and how to take them."""
    add = parser.inputs.add_argument
    add("recordings", metavar="REC", nargs="+", help=say("pressure.recordings"))
    add("--side", choices=("auto", "left", "right", "both"), default="auto", help=say("pressure.side"))
    add("--mask", metavar="MASK", default="auto", help=say("pressure.mask"))
    add("--keep-ends", action="store_true", help=say("pressure.keep_ends"))
    add("--plots", metavar="DIR", help=say("pressure.plots"))


def run(args: argparse.Namespace, console: Console) -> int:
    """Analyse each recording; 1 where some could not be, 3 where none could."""
    from footscan.errors import FootscanError
    from station.documents import pressure_document
    from station.orders import sha256
    from station.summary import walk

    done: list[Analysed] = []
    failed: list[Failure] = []
    with console.progress(len(args.recordings)) as bar:
        for source in map(Source.given, args.recordings):
            bar.step(console.say("make.walk", name=source.name))
            try:
                analysis = _analyse(source.path, args)
                done.append(Analysed(source.name, sha256(source.path), analysis))
            except FootscanError as error:
                failed.append(Failure.of(source.name, error))
        if args.plots and done:
            bar.step(console.say("make.drawing"))
            _plots(Path(args.plots), done)
    console.document(pressure_document(done, failed))
    for item in done:
        console.print(walk(item, console.say))
    if not done:
        raise NothingDoneError(f.message for f in failed)
    for failure in failed:
        console.fail(failure.message)
    return SOME_FAILED if failed else DONE


def _analyse(path: Path, args: argparse.Namespace) -> RecordingAnalysis:
    from footscan import analyse, read_recording
    from footscan.errors import ScanError
    from station.make import no_step

    analysis = analyse(read_recording(path), mask=args.mask, keep_ends=args.keep_ends, side=args.side)
    if not analysis.steps:
        raise ScanError(f"expected a walk, found {no_step(analysis)}; record a few steps and read it again")
    return analysis


def _plots(folder: Path, done: list[Analysed]) -> None:
    from station import pictures

    folder.mkdir(parents=True, exist_ok=True)
    pictures.write_recordings(folder, done)
