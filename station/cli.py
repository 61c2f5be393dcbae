"""The ``plantar`` command: reads its arguments, runs one command, ends with an exit code of docs/commands.md.

Nothing heavy is imported here: ``plantar --help`` answers at once.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

from station import commands, interrupts
from station.console import Console, Guard
from station.errors import INTERRUPTED
from station.messages import Texts
from station.parser import build, early_language

#: Cycles are rare here and arrays are freed by their count; collecting while hundreds of modules load is for nothing.
FEW_COLLECTIONS = 100_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (SystemExit for --help, --version and wrong usage)."""
    argv = list(sys.argv[1:] if argv is None else argv)
    gc.set_threshold(FEW_COLLECTIONS)
    for stream in (sys.stdout, sys.stderr):
        _utf8(stream)
    if not sys.warnoptions and "--debug" not in argv:
        warnings.simplefilter("ignore")  # people get our own one-line messages, not the libraries' asides
    console = Console(Texts(early_language(argv)), debug="--debug" in argv)
    with Guard(console) as guard:
        interrupts.listen()
        args = build(console.say).parse_args(argv)
        console.as_json = args.json
        guard.code = commands.load(args.command).run(args, console)
    if guard.code == INTERRUPTED:
        # an interrupt inside exec(), as imports use it, makes Python end by the signal though it was caught
        atexit.register(os._exit, INTERRUPTED)
    return guard.code


def _utf8(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
