"""``plantar compare``: what changed between two scans of the same foot."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from station.commands.make import LOADS, UNITS
from station.errors import DONE, SOME_FAILED, NothingDoneError, UsageError
from station.results import Failure, Source

if TYPE_CHECKING:
    from footscan.types import Foot, Scan
    from station.comparisons import Compared
    from station.console import Console
    from station.messages import Texts
    from station.orders import Draft
    from station.parser import Parser

DOCUMENT = "compare.json"
ALIGNMENTS = ("fit", "frame")  #: those of `footscan.deviation`, which is too heavy for a help text


def arguments(parser: Parser, say: Texts) -> None:
    """Two scans, how to take them, how to lay them on each other, where the result goes."""
    add = parser.inputs.add_argument
    add("before", metavar="BEFORE", help=say("compare.before"))
    add("after", metavar="AFTER", help=say("compare.after"))
    add("--align", choices=ALIGNMENTS, default="fit", help=say("compare.align"))
    add("--side", choices=("auto", "left", "right"), default="auto", help=say("measure.side"))
    add("--unit", choices=UNITS, default="auto", help=say("help.unit"))
    add("--load", choices=LOADS, default="unknown", help=say("help.load"))
    add("-o", dest="folder", metavar="DIR", required=True, help=say("help.folder"))


def run(args: argparse.Namespace, console: Console) -> int:
    """Compare each foot that both scans hold; 1 where one of them could not be."""
    from footscan import find_feet, read_scan
    from station.comparisons import compare_document, compared_lines
    from station.console import dump
    from station.extras import need
    from station.orders import draft

    sources = [Source.given(args.before), Source.given(args.after)]
    if not args.folder:
        raise UsageError("-o: expected a folder's name, found none")
    if all(s.path.exists() for s in sources) and sources[0].path.samefile(sources[1].path):
        raise UsageError(f"{sources[1].name}: expected two scans, found the same file twice; give another")
    need("matplotlib", "plot", "compare")
    say = console.say
    with draft(args.folder, [s.path for s in sources]) as work, console.progress(4) as bar:
        scans: list[Scan] = [read_scan(source.path, unit=args.unit) for source in sources]
        found: list[tuple[Foot, ...]] = []
        for source, scan in zip(sources, scans):
            bar.step(say("make.measuring", name=source.name))
            found.append(find_feet(scan, side=args.side, load=args.load))
        bar.step(say("compare.comparing"))
        done, failed = _compare(work, sources, found[0], found[1], args.align)
        if not done:
            raise NothingDoneError(f.message for f in failed)
        about = [{"source": s.name, "sha256": scan.sha256, "unit": scan.unit} for s, scan in zip(sources, scans)]
        lost = [{"source": f.source, "error": f.error, "message": f.message} for f in failed]
        document = compare_document(about[0], about[1], args.align, done, lost)
        work.write(DOCUMENT, dump(document))
        bar.step(say("make.finishing"))
        work.finish(_head(args, sources, scans, done, lost))
    console.document(document)
    for foot in done:
        console.print(compared_lines(foot, say))
    console.print(say("summary.files", count=len(done) + 2, folder=args.folder))
    for failure in failed:
        console.fail(failure.message)
    return SOME_FAILED if failed else DONE


def _compare(
    work: Draft, sources: list[Source], before: tuple[Foot, ...], after: tuple[Foot, ...], align: Any
) -> tuple[list[Compared], list[Failure]]:
    """The feet that both scans hold, with their pictures written; what fails or is missing is told."""
    from footscan.deviation import compare_feet
    from footscan.errors import ScanError
    from footscan.page import png
    from footscan.plot_deviation import deviation_views
    from station.comparisons import Compared

    done: list[Compared] = []
    failed: list[Failure] = []
    for first in before:
        other = _same(first, after)
        if other is None:
            error = ScanError(f"expected a {first.side} foot as in {sources[0].name}, found none; scan it again")
            failed.append(Failure.of(sources[1].name, error))
            continue
        try:
            deviation = compare_feet(first, other, align)
        except ScanError as error:
            failed.append(Failure.of(sources[1].name, error))
            continue
        name = f"deviation-{first.side}.png"
        work.write(name, png(deviation_views(deviation, first)))
        done.append(Compared(first.side, (first.measurements.load, other.measurements.load), deviation, name))
    return done, failed


def _same(foot: Foot, others: tuple[Foot, ...]) -> Foot | None:
    """The foot of the same side; a single one whose side is open will do."""
    for other in others:
        if other.side == foot.side:
            return other
    return others[0] if len(others) == 1 and "unknown" in (foot.side, others[0].side) else None


def _head(
    args: argparse.Namespace, sources: list[Source], scans: list[Scan], done: list[Compared], failed: list[Any]
) -> dict[str, Any]:
    """The manifest but for its outputs."""
    from station.version import version

    return {
        "version": version(),
        "command": "compare",
        "parameters": {
            "preset": "",
            "unit": args.unit,
            "load": args.load,
            "outputs": ["json", "pictures"],
            "lang": args.lang,
            "align": args.align,
            "side": args.side,
        },
        "inputs": [
            {"role": role, "source": s.name, "sha256": scan.sha256, "bytes": s.path.stat().st_size}
            for role, s, scan in zip(("before", "after"), sources, scans)
        ],
        "feet": {side: any(foot.side == side for foot in done) for side in ("left", "right")},
        "left_out": [],
        "failed": failed,
    }
