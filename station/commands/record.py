"""``plantar record``: devices into one file, with a live view; Ctrl-C ends it."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.commands.devices import seconds
from station.errors import DONE, INTERRUPTED, UsageError

if TYPE_CHECKING:
    from devices.recording import Recorded
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser

SCHEMA = "plantar/record/1"


def arguments(parser: Parser, say: Texts) -> None:
    """The devices, the file, how long."""
    add = parser.inputs.add_argument
    add("specs", metavar="SPEC", nargs="+", help=say("record.spec"))
    add("-o", dest="file", metavar="FILE.mcap", required=True, help=say("record.file"))
    add("--seconds", metavar="S", type=seconds, default=None, help=say("record.seconds"))
    add("--tap", metavar="S", type=seconds, default=None, help=say("record.tap"))


def run(args: argparse.Namespace, console: Console) -> int:
    """Record until the time is up or somebody stops it; without --seconds Ctrl-C is the way to stop."""
    path = Path(args.file)
    if path.suffix.lower() != ".mcap":
        raise UsageError(f"{args.file}: expected a name that ends in .mcap, found {path.suffix or 'no ending'}")
    if path.exists():
        raise UsageError(f"{args.file}: expected a new file, found one that is there; choose another name")
    recorded, stopped = asyncio.run(_record(args, console))
    document = {
        "schema": SCHEMA,
        "file": path.name,
        "seconds": round(recorded.seconds, 3),
        "stopped": stopped,
        "devices": [{"label": label, **vars(tally)} for label, tally in recorded.tallies.items()],
        "notes": list(recorded.notes),
    }
    console.document(document)
    _summary(document, args.file, console)
    return INTERRUPTED if stopped and args.seconds is not None else DONE


async def _record(args: argparse.Namespace, console: Console) -> tuple[Recorded, bool]:
    """What was recorded, and whether somebody stopped it."""
    from devices.recording import arecord
    from station.console import hush
    from station.live import View

    hush()
    stop = asyncio.Event()
    stopped_by_signals(stop)
    with View(console.err, console.say) as view:
        how: dict[str, Any] = {"seconds": args.seconds, "tap_s": args.tap, "stop": stop}
        if view.shown:
            how["live"] = view.show
        return await arecord(args.specs, args.file, **how), stop.is_set()


def stopped_by_signals(stop: asyncio.Event) -> None:
    """Ctrl-C and a request to end close the file properly instead of tearing at it."""
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) == signal.SIG_IGN:
            continue
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows: Ctrl-C raises KeyboardInterrupt, and the recorder closes its file
            return


def _summary(document: dict[str, Any], name: str, console: Console) -> None:
    from station.messages import table

    say = console.say
    console.print(say("record.done", name=name, seconds=f"{document['seconds']:.1f}"))
    rows = []
    for device in document["devices"]:
        every = device["samples"] + device["lost"]
        share = 100.0 * device["lost"] / every if every else 0.0
        told = {k: str(v) for k, v in device.items() if k != "label"} | {"share": f"{share:.2f}"}
        rows.append([device["label"], say("record.device", **told)])
    console.print(table(rows))
    console.print([f"  {note}" for note in document["notes"]])
