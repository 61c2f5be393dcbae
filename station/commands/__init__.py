"""One module a command: ``arguments(parser, say)`` adds its arguments, ``run(args, console)`` does it.

Their tops import nothing heavy: what a command needs it imports when it runs.
"""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser

NAMES = (
    "demo", "make", "batch", "plates", "measure", "compare", "surface", "pressure", "size", "check", "convert",
    "devices", "record", "simulate", "kiosk", "store",
)  # fmt: skip


class Command(Protocol):
    """What each module of this package offers."""

    def arguments(self, parser: Parser, say: Texts) -> None:
        """Add the command's own arguments."""

    def run(self, args: argparse.Namespace, console: Console) -> int:
        """Do it; returns the exit code."""


def load(name: str) -> Command:
    """The module of a command of ``NAMES``."""
    return cast(Command, importlib.import_module(f"station.commands.{name}"))
