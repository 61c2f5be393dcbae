"""``plantar batch``: a table of orders, a night's work."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from station.commands.make import OUTPUTS, outputs
from station.errors import NothingDoneError, UsageError, one_line

if TYPE_CHECKING:
    from station.batch.item import Result
    from station.batch.run import Options
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser
    from station.progress import Progress

WRITTEN = ("stl", "3mf", "json")  #: what a batch writes unless it is told otherwise
LINES = 20  #: of failures on the terminal; all of them are in the manifest


def arguments(parser: Parser, say: Texts) -> None:
    """The table, where the orders go, who does them, and within which limits."""
    parser.inputs.add_argument("orders", metavar="ORDERS.csv", help=say("batch.orders"))
    add = parser.inputs.add_argument
    add("-o", dest="folder", metavar="DIR", required=True, help=say("batch.folder"))
    add("--jobs", metavar="N", type=count, default=None, help=say("batch.jobs"))
    add("--resume", action="store_true", help=say("batch.resume"))
    add("--failed-only", action="store_true", help=say("batch.failed_only"))
    add("--dry-run", action="store_true", help=say("batch.dry_run"))
    add("--cluster", metavar="ADDRESS", help=say("batch.cluster"))
    told = say("batch.outputs", outputs=",".join(OUTPUTS), default=",".join(WRITTEN))
    add("--outputs", metavar="LIST", type=outputs, default=WRITTEN, help=told)
    add("--triangles", metavar="N", type=count, default=100_000, help=say("batch.triangles"))
    add("--no-sd", action="store_true", help=say("measure.no_sd"))
    add("--incomplete", action="store_true", help=say("batch.incomplete"))
    add("--any-quality", action="store_true", help=say("batch.any_quality"))
    add("--time-limit", metavar="S", type=above_zero, default=600.0, help=say("batch.time_limit"))
    add("--memory-limit", metavar="MB", type=above_zero, default=3000.0, help=say("batch.memory_limit"))


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text[:9]) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, found {text}")
    return int(text[:9])


def above_zero(text: str) -> float:
    """A number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text}")
    return value


def run(args: argparse.Namespace, console: Console) -> int:
    """Read the table, do its orders, tell what came of them."""
    from station.batch import addresses
    from station.batch.run import Options
    from station.batch.table import read_table
    from station.batch.worker import Limits
    from station.console import hush
    from station.helper import processors

    if not args.folder:
        raise UsageError("-o: expected a folder's name, found none")
    if args.resume and args.failed_only:
        raise UsageError("expected --resume or --failed-only, found both; --resume does all that is not done")
    hush()
    address = addresses.joined(".", args.folder) if addresses.is_remote(args.folder) else _absolute(args.folder)
    options = Options(
        outputs=args.outputs,
        lang=console.say.lang,
        triangles=args.triangles,
        sd=not args.no_sd,
        incomplete=args.incomplete,
        any_quality=args.any_quality,
        jobs=args.jobs or processors(),
        cluster=args.cluster,
        limits=Limits(args.time_limit, args.memory_limit),
        resume=args.resume,
        failed_only=args.failed_only,
    )
    return _carry_out(read_table(args.orders), address, options, args, console)


def _absolute(text: str) -> str:
    from pathlib import Path

    return str(Path(text).resolve())


def _carry_out(table: Any, address: str, options: Options, args: argparse.Namespace, console: Console) -> int:
    from station.batch import results
    from station.batch.places import BATCH_SCHEMA, place_of
    from station.batch.run import exit_code, rehearsed, run

    with console.progress(len(table.rows)) as bar:
        shown = Shown(bar, console.say, len(table.rows))
        if args.dry_run:
            found = rehearsed(table, address, options, shown.hear)
            counts = dict(shown.counts)
        else:
            counts = run(table, address, options, shown.hear)
    if args.dry_run:
        about = {"source": table.source, "sha256": table.sha256}
        head = {**results.head(about, options.parameters, counts), "dry_run": True}
        console.document({"schema": BATCH_SCHEMA, **head, "orders": [dict(result.entry) for result in found]})
    elif console.as_json:
        console.document(place_of(address).batch_manifest() or {})
    console.print(summary(counts, args.folder, args.dry_run, console.say))
    failed = [line for _, line in sorted(shown.failed)]
    if len(failed) > LINES:
        failed[LINES:] = [f"{len(failed) - LINES} more failed; manifest.json in {args.folder} has every reason"]
    code = exit_code(counts)
    if code == NothingDoneError.exit_code:
        raise NothingDoneError(failed)
    for line in failed:
        console.fail(line)
    return code


class Shown:
    """The bar of a batch: how many, how fast, how long yet; and the failures as they come."""

    def __init__(self, bar: Progress, say: Texts, orders: int) -> None:
        self._bar, self._say, self._orders = bar, say, orders
        self.failed: list[tuple[int, str]] = []
        self._start, self._made = time.monotonic(), 0
        self.counts: Mapping[str, int] = {}
        bar.step(say("batch.beginning"))

    def hear(self, result: Result, counts: Mapping[str, int]) -> None:
        """An order has come."""
        self.counts = dict(counts)
        entry = result.entry
        for item in entry["failed"]:
            self.failed.append((result.number, one_line(f"order {entry['order']}: {item['message']}")))
        self._made += not result.kept
        rate = self._made / max(time.monotonic() - self._start, 1e-3)
        through = sum(counts.get(state, 0) for state in ("done", "incomplete", "failed", "ready"))
        left = duration((self._orders - through) / rate) if self._made else "?"
        bad = counts.get("failed", 0) + counts.get("incomplete", 0)
        self._bar.step(self._say("batch.rate", rate=f"{rate:.2f}", left=left, failed=bad))


def duration(seconds: float) -> str:
    """``35 s``, ``12 min`` or ``3.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def summary(counts: Mapping[str, int], folder: str, dry: bool, say: Texts) -> list[str]:
    """A line a person reads at the end."""
    shown = ("ready", "done", "incomplete", "failed")
    parts = [say(f"batch.{state}_count", count=counts[state]) for state in shown if counts.get(state)]
    if counts.get("kept"):
        parts.append(say("batch.kept", count=counts["kept"]))
    return [say("batch.would" if dry else "batch.summary", parts=", ".join(parts), folder=folder)]
