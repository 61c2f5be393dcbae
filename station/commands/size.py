"""``plantar size``: shoe sizes from measurements."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from station.errors import UsageError

if TYPE_CHECKING:
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser

SYSTEMS = ("eu", "uk", "us-men", "us-women", "jp", "cn", "mondo", "all")


def arguments(parser: Parser, say: Texts) -> None:
    """A measurements file, and the system of the sizes."""
    add = parser.inputs.add_argument
    add("measurements", metavar="MEASUREMENTS.json", help=say("size.measurements"))
    add("--system", choices=SYSTEMS, default="all", help=say("size.system"))


def run(args: argparse.Namespace, console: Console) -> int:
    """The sizes of each foot and of the pair."""
    raise UsageError("size: not there yet")
