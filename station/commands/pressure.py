"""``plantar pressure``: what a recording says of the walk, as numbers, pictures, a report, before and after, moving."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.errors import DONE, SOME_FAILED, NothingDoneError, UsageError
from station.results import Analysed, Failure, Source, ended_early

if TYPE_CHECKING:
    from footscan.types import Foot, Recording
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser
    from station.pressure_options import Options
    from station.pressure_pictures import Job, Outlines
    from station.progress import Progress

REPORTS, MOVING = (".html", ".pdf"), (".gif",)
ANIMATION_TELLS = 8  #: pictures of an animation that the bar moves on with


def arguments(parser: Parser, say: Texts) -> None:
    """Recordings, how to take them, and what is made of them."""
    add = parser.inputs.add_argument
    add("recordings", metavar="REC", nargs="+", help=say("pressure.recordings"))
    add("--side", choices=("auto", "left", "right", "both"), default="auto", help=say("pressure.side"))
    add("--mask", metavar="MASK", default="auto", help=say("pressure.mask"))
    add("--calibrate", metavar="HOW", help=say("pressure.calibrate"))
    add("--keep-ends", action="store_true", help=say("pressure.keep_ends"))
    add("--plots", metavar="DIR", help=say("pressure.plots"))
    add("--report", metavar="FILE", help=say("pressure.report"))
    add("--compare", metavar="OTHER", help=say("pressure.compare"))
    add("--animate", metavar="FILE.gif", help=say("pressure.animate"))


@dataclass(frozen=True, eq=False)
class Taken:
    """A recording as it was read, and what was found in it."""

    recording: Recording
    item: Analysed


def run(args: argparse.Namespace, console: Console) -> int:
    """Analyse each recording; 1 where some could not be, 3 where none could."""
    from footscan.errors import FootscanError
    from station.documents import comparison_document, pressure_document
    from station.pressure_options import options
    from station.summary import walk

    _check(args, console.say.lang)
    sources = [Source.given(text) for text in args.recordings]
    done: list[Taken] = []
    failed: list[Failure] = []
    with console.progress(_pieces(args)) as bar:
        bar.step(console.say("pressure.preparing"))
        asked = options(args.mask, args.calibrate)
        other = None if args.compare is None else _take(Source.given(args.compare), args, asked, bar, console.say)
        for source in sources:
            try:
                done.append(_take(source, args, asked, bar, console.say))
            except FootscanError as error:
                failed.append(Failure.of(source.name, error))
        comparison = comparison_document(other.item, done[0].item) if other is not None and done else None
        document = pressure_document([taken.item for taken in done], failed, comparison)
        written = _make(args, asked.feet, done, other, document, bar, console.say) if done else []
    for taken in done if other is None else [*done, other]:
        if early := ended_early(taken.item.source, taken.recording):
            console.note(early)
    console.document(document)
    for taken in done:
        console.print(walk(taken.item, console.say))
    console.print(written)
    if not done:
        raise NothingDoneError(f.message for f in failed)
    for failure in failed:
        console.fail(failure.message)
    return SOME_FAILED if failed else DONE


# ------------------------------------------------------------------ what is asked


def _check(args: argparse.Namespace, lang: str) -> None:
    """Everything that can be known to be wrong before any work."""
    from station.extras import need
    from station.report import why_no_pdf

    if args.report is not None:
        ending = Path(args.report).suffix.lower()
        if ending not in REPORTS:
            raise UsageError(f"--report {args.report}: expected a name that ends in .html or .pdf, found {ending!r}")
        if ending == ".pdf" and why_no_pdf(lang) is not None:
            raise UsageError(
                f"--report {args.report}: expected a font with Chinese letters, found none bundled; "
                "give a name that ends in .html"
            )
    if args.animate is not None and Path(args.animate).suffix.lower() not in MOVING:
        raise UsageError(
            f"--animate {args.animate}: expected a name that ends in .gif, found {Path(args.animate).suffix!r}; "
            "a video is made from a GIF: ffmpeg -i step.gif step.mp4"
        )
    for option, value in (("--compare", args.compare), ("--animate", args.animate)):
        if value is not None and len(args.recordings) != 1:
            raise UsageError(f"{option}: expected one recording beside it, found {len(args.recordings)}; give one")
    for option in ("plots", "report", "compare", "animate"):
        if getattr(args, option) == "":
            raise UsageError(f"--{option}: expected a name, found none")
    if args.compare is not None and args.plots is None and args.report is None and not args.json:
        raise UsageError("--compare: expected a place for what it makes, found none; give --plots, --report or --json")
    if args.plots is not None or args.report is not None or args.animate is not None:
        need("matplotlib", "plot", "pressure")


def _pieces(args: argparse.Namespace) -> int:
    """How many pieces of work the bar has."""
    from footscan.plot_motion import FRAMES

    recordings = len(args.recordings) + (args.compare is not None)
    drawn = 4 * len(args.recordings) + (args.compare is not None)
    pieces = 1 + 2 * recordings + (drawn if args.plots is not None or args.report is not None else 0)
    return pieces + (args.report is not None) + (0 if args.animate is None else -(-FRAMES // ANIMATION_TELLS))


def _take(source: Source, args: argparse.Namespace, asked: Options, bar: Progress, say: Texts) -> Taken:
    """Read, calibrate and analyse a recording; ScanError where it holds no walk."""
    from footscan import analyse, read_recording
    from footscan.errors import ScanError
    from station.make import no_step
    from station.orders import sha256

    bar.step(say("pressure.reading", name=source.name))
    recording = read_recording(source.path)
    if not recording.pressure:
        raise ScanError(f"{source.name}: expected pressure under a foot, found {_other(recording)} and none of it; "
                        "give the file that the insoles or the plate recorded")  # fmt: skip
    recording = asked.calibrate(recording)
    bar.step(say("make.walk", name=source.name))
    analysis = analyse(recording, mask=asked.mask, keep_ends=args.keep_ends, side=args.side)
    if not analysis.steps:
        raise ScanError(f"expected a walk, found {no_step(analysis)}; record a few steps and read it again")
    item = Analysed(
        source.name, sha256(source.path), analysis, recording.notes, asked.mask_name, asked.calibration_name
    )
    return Taken(recording, item)


def _other(recording: Recording) -> str:
    """What a recording without pressure holds."""
    names = sorted({channel.name.rstrip("_0123456789").replace("_", " ") for channel in recording.channels})
    kind = f" ({recording.format})" if recording.format else ""
    return f"{', '.join(names)}{kind}" if names else f"nothing{kind}"


# ------------------------------------------------------------------ what is made


def _make(
    args: argparse.Namespace,
    feet: Sequence[Foot],
    done: Sequence[Taken],
    other: Taken | None,
    document: dict[str, Any],
    bar: Progress,
    say: Texts,
) -> list[str]:
    """Pictures, report and animation as they were asked for; a line for each."""
    told: list[str] = []
    if args.plots is not None or args.report is not None:
        from station.pressure_pictures import draw_into

        wanted = _jobs(feet, done, other, say.lang)
        with tempfile.TemporaryDirectory(prefix="plantar-pictures-") as place:
            folder = Path(place) if args.plots is None else Path(args.plots)
            folder.mkdir(parents=True, exist_ok=True)
            names = draw_into(folder, wanted, lambda: bar.step(say("make.drawing")))
            if args.plots is not None:
                told.append(say("pressure.drawn", count=len(names), folder=args.plots))
            if args.report is not None:
                bar.step(say("make.reporting"))
                _report(Path(args.report), document, [folder / name for name in names], say.lang)
                told.append(say("pressure.written", name=args.report))
    if args.animate is not None:
        _animate(Path(args.animate), done[0], lambda: bar.step(say("pressure.animating")))
        told.append(say("pressure.written", name=args.animate))
    return told


def _jobs(feet: Sequence[Foot], done: Sequence[Taken], other: Taken | None, lang: str) -> dict[str, Job]:
    from station.pressure_pictures import change_job, jobs

    wanted: dict[str, Job] = {}
    for n, taken in enumerate(done, start=1):
        wanted |= jobs(taken.item.analysis, n, _outlines(feet, taken), lang)
    if other is not None:
        names = tuple(Path(taken.item.source).name for taken in (other, done[0]))
        first, second = (f"{words}: {name}" for words, name in zip(("before", "after"), names))
        outlines = _outlines(feet, done[0])
        wanted |= change_job(other.item.analysis, done[0].item.analysis, (first, second), outlines, lang)
    return wanted


def _outlines(feet: Sequence[Foot], taken: Taken) -> Outlines | None:
    """The scanned feet's outlines where they stood; None without a scan."""
    if not feet:
        return None
    from footscan.plot_pressure_outlines import foot_outlines

    return foot_outlines(feet, taken.item.analysis)


def _report(path: Path, document: dict[str, Any], pictures: list[Path], lang: str) -> None:
    from footscan.io import write_bytes_atomic
    from station import pressure_report

    if path.suffix.lower() == ".pdf":
        write_bytes_atomic(path, pressure_report.pdf(document, pictures, lang))
    else:
        write_bytes_atomic(path, pressure_report.html(document, pictures, lang).encode("utf-8"))


def _animate(path: Path, taken: Taken, tell: Callable[[], None]) -> None:
    from footscan.io import write_bytes_atomic
    from footscan.plot_motion import step_animation

    def told(picture: int, of: int) -> None:
        if picture % ANIMATION_TELLS == 0:
            tell()

    write_bytes_atomic(path, step_animation(taken.recording, taken.item.analysis, told))
