"""``plantar record``: devices into one file, with a live view; Ctrl-C ends it."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.commands.devices import seconds
from station.errors import DONE, INTERRUPTED, UsageError

if TYPE_CHECKING:
    from devices.recording import Recorded
    from devices.sequence import Tally
    from devices.specs import Spec
    from devices.streams import Stream
    from station.console import Console
    from station.live import View
    from station.messages import Texts
    from station.parser import Parser

SCHEMA = "plantar/record/1"
LOOK_S = 0.25  #: how often the view looks while devices are being connected


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
    if not path.parent.is_dir():
        raise UsageError(f"{args.file}: expected a folder {path.parent}, found none; make it, or choose another place")
    from devices.errors import DeviceError, SpecError

    try:
        ended = asyncio.run(_record([understood(text) for text in args.specs], args, console))
    except SpecError as error:
        raise UsageError(str(error)) from error
    except (OSError, DeviceError) as error:
        if path.exists() and not isinstance(error, FileExistsError):
            console.note(f"{args.file}: what was recorded so far is kept and can be read")
        raise
    if ended is None:
        console.fail("interrupted while devices were being connected: nothing was recorded")
        return INTERRUPTED
    recorded, stopped = ended
    document = {
        "schema": SCHEMA,
        "file": path.name,
        "seconds": round(recorded.seconds, 3),
        "stopped": stopped,
        "devices": [{"label": label, **told(tally)} for label, tally in recorded.tallies.items()],
        "notes": list(recorded.notes),
    }
    console.document(document)
    _summary(document, args.file, console)
    return INTERRUPTED if stopped and args.seconds is not None else DONE


def told(tally: Tally) -> dict[str, Any]:
    """A tally for the document; where nobody knows what was lost, it says why."""
    from devices.sequence import UNNUMBERED

    return {**vars(tally), **({} if tally.lost is not None else {"lost_unknown": UNNUMBERED})}


def understood(text: str) -> Spec:
    """A spec whose transport, product and options there are; UsageError for what means nothing."""
    from devices import products
    from devices.errors import SpecError
    from devices.specs import parse

    try:
        spec = parse(text)
        products.check(spec)
    except SpecError as error:
        raise UsageError(str(error)) from error
    return spec


async def _record(specs: Sequence[Spec], args: argparse.Namespace, console: Console) -> tuple[Recorded, bool] | None:
    """What was recorded, and whether somebody stopped it; None where that was before all devices were there."""
    from devices.recording import arecord
    from devices.streams import aopen
    from station.console import hush
    from station.live import View

    hush()
    streams = [aopen(spec) for spec in specs]
    for stream in streams:
        if not stream.has_device:
            raise UsageError(
                f"{stream.spec.name}: expected a device, found a source of files or pictures; "
                "record takes serial:, ble:, sim: and replay:"
            )
    stop = asyncio.Event()
    stopped_by_signals(stop)
    with View(console.err, console.say) as view:
        how: dict[str, Any] = {"seconds": args.seconds, "tap_s": args.tap, "stop": stop, "streams": streams}
        if view.shown:
            how["live"] = view.show
        work = asyncio.create_task(arecord((), args.file, **how))
        if not await _connected(streams, work, stop, view):
            return None
        return await work, stop.is_set()


async def _connected(streams: Sequence[Stream], work: asyncio.Task[Recorded], stop: asyncio.Event, view: View) -> bool:
    """Waits for all devices, or for the end of the work; False where somebody stopped it meanwhile."""
    waiting = asyncio.create_task(stop.wait())
    try:
        while not work.done() and any(stream.info is None for stream in streams):
            if stop.is_set():
                work.cancel()
                await asyncio.wait({work})
                return False
            view.connecting([(str(stream.spec), stream.info is not None) for stream in streams])
            await asyncio.wait({work, waiting}, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    return True


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
        samples, lost = device["samples"], device["lost"]
        if lost is None:
            words = [say("record.device_unnumbered", samples=samples)]
        else:
            share = f"{100.0 * lost / max(samples + lost, 1):.2f}"
            words = [say("record.device", samples=samples, lost=lost, share=share)]
        words += [say("record.gaps", count=device["gaps"])] if device["gaps"] else []
        words += [say("record.doubles", count=device["doubles"])] if device["doubles"] else []
        words += [say("record.again", count=device["connections"] - 1)] if device["connections"] > 1 else []
        rows.append([device["label"], ", ".join(words)])
    console.print(table(rows))
    console.print([f"  {note}" for note in document["notes"]])
