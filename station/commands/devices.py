"""``plantar devices``: what is plugged in or advertising, and what is missing to use it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from station.errors import DONE, UsageError

if TYPE_CHECKING:
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser

SCHEMA = "plantar/devices/1"
LONGEST_S = 600.0


def arguments(parser: Parser, say: Texts) -> None:
    """How long to listen, and where."""
    add = parser.inputs.add_argument
    add("--seconds", metavar="S", type=seconds, default=4.0, help=say("devices.seconds"))
    add("--radio", metavar="HOST:PORT", default="", help=say("devices.radio"))


def seconds(text: str) -> float:
    """A time above 0; argparse reports what is none."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1e7:
        raise argparse.ArgumentTypeError(f"expected seconds above 0, found {text!r}")
    return value


def run(args: argparse.Namespace, console: Console) -> int:
    """Look around, say what is there."""
    from devices import list_devices, products
    from station.console import hush
    from station.messages import table

    say = console.say
    if args.radio and not _is_place(args.radio):
        raise UsageError(f"--radio {args.radio}: expected HOST:PORT, as in 127.0.0.1:7000, found none; correct it")
    hush()
    with console.progress(1) as bar:
        bar.step(say("devices.looking"))
        listing = list_devices(min(args.seconds, LONGEST_S), args.radio)
    found = [
        {"spec": f.spec, "product": f.product, "name": f.name, "serial_number": f.serial_number, "detail": f.detail}
        for f in listing.found
    ]
    missing = [{"what": m.what, "reason": m.reason, "hint": m.hint} for m in listing.missing]
    console.document({"schema": SCHEMA, "found": found, "missing": missing})
    if not found:
        console.print(say("devices.none"))
    console.print(table([[f["spec"], f["product"] or "?", f["name"], f["serial_number"]] for f in found]))
    if not all(f["product"] for f in found):
        serial = [name for name in products.names() if name != "board" and "serial" in products.load(name).transports]
        console.print(say("devices.unknown", products=", ".join(serial)))
    if missing:
        console.print(say("devices.missing"))
        console.print([f"  {m['what']}: {m['reason']}; {m['hint']}" for m in missing])
    return DONE


def _is_place(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(host and colon and port.isdecimal())
