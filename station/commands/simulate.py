"""``plantar simulate``: any product as a virtual device that other programs can open, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from station.commands.devices import seconds
from station.commands.record import stopped_by_signals, understood
from station.errors import DONE, UsageError

if TYPE_CHECKING:
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser

SCHEMA = "plantar/simulate/1"


def arguments(parser: Parser, say: Texts) -> None:
    """What is simulated, and for how long."""
    parser.inputs.add_argument("spec", metavar="SPEC", help=say("simulate.spec"))
    parser.inputs.add_argument("--seconds", metavar="S", type=seconds, default=None, help=say("simulate.seconds"))


def run(args: argparse.Namespace, console: Console) -> int:
    """Offer the device, say how to open it, wait."""
    from devices.errors import SpecError

    spec = understood(args.spec if args.spec.startswith("sim:") else f"sim:{args.spec}")
    try:
        asyncio.run(_offer(str(spec), args.seconds, console))
    except SpecError as error:
        raise UsageError(str(error)) from error
    return DONE


async def _offer(spec: str, time_s: float | None, console: Console) -> None:
    from devices.simulated import offered
    from station.console import hush

    hush()
    stop = asyncio.Event()
    stopped_by_signals(stop)
    async with offered(spec) as device:
        console.document({"schema": SCHEMA, "spec": spec, "opened_by": device.opened_by})
        if time_s is None:
            console.print(console.say("simulate.ready", spec=spec))
        else:
            console.print(console.say("simulate.ready_for", spec=spec, seconds=f"{time_s:g}"))
        console.print(f"  plantar record '{device.opened_by}' -o walk.mcap")
        try:
            await asyncio.wait_for(stop.wait(), time_s)
        except TimeoutError:
            return
