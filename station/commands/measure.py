"""``plantar measure``: what a scan says of its feet."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from station.commands.make import LOADS, UNITS
from station.errors import DONE, SOME_FAILED, NothingDoneError
from station.results import Failure, Measured, Source

if TYPE_CHECKING:
    from footscan.types import Foot
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
    add("--pictures", metavar="DIR", help=say("measure.pictures"))
    add("--no-sd", action="store_true", help=say("measure.no_sd"))


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure each scan; 1 where some could not be, 3 where none could."""
    from footscan import find_feet, read_scan
    from footscan.errors import FootscanError
    from station.comparisons import pair_lines, pairs_of
    from station.documents import measure_document
    from station.summary import measurements

    album = Album(args.pictures) if args.pictures is not None else None
    done: list[Measured] = []
    failed: list[Failure] = []
    with console.progress(len(args.scans)) as bar:
        for source in map(Source.given, args.scans):
            bar.step(console.say("make.measuring", name=source.name))
            try:
                scan = read_scan(source.path, unit=args.unit)
                feet = find_feet(scan, side=args.side, load=args.load, uncertainty=not args.no_sd)
            except FootscanError as error:
                failed.append(Failure.of(source.name, error))
                continue
            done.append(Measured(source.name, scan.sha256, scan.unit, tuple(foot.measurements for foot in feet)))
            if album is not None:
                album.draw(source.path, feet)
    console.document(measure_document(done, failed))
    for item in done:
        console.print(measurements(item, console.say))
    for pair in pairs_of(done):
        console.print(pair_lines(pair, console.say))
    if album is not None and album.names:
        console.print(console.say("measure.drawn", count=len(album.names), folder=args.pictures))
    if not done:
        raise NothingDoneError(f.message for f in failed)
    for failure in failed:
        console.fail(failure.message)
    return SOME_FAILED if failed else DONE


class Album:
    """A folder that gets a picture of each foot: ``<scan's name>-<side>.png``, numbered where that is there already.

    UsageError where nothing can draw.
    """

    def __init__(self, folder: str) -> None:
        from station.extras import need

        need("matplotlib", "plot", "--pictures")
        self.folder, self.names = Path(folder), list[str]()

    def draw(self, scan: Path, feet: tuple[Foot, ...]) -> None:
        """The pictures of the feet of one scan, each whole or not at all."""
        from footscan.io.files import write_bytes_atomic
        from footscan.page import png
        from footscan.plot_feet import measured_views

        self.folder.mkdir(parents=True, exist_ok=True)
        for foot in feet:
            stem = f"{scan.stem}-{foot.side}"
            again = sum(name == f"{stem}.png" or name.startswith(f"{stem}-") for name in self.names)
            name = f"{stem}-{again + 1}.png" if again else f"{stem}.png"
            write_bytes_atomic(self.folder / name, png(measured_views(foot)))
            self.names.append(name)
