"""What a command says: its result on stdout, everything else on stderr, and how it ends when something fails."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TextIO

from station.errors import DONE, exit_code, lines, one_line
from station.messages import Texts
from station.progress import Progress


def hush() -> None:
    """What libraries log goes nowhere: people get our own one-line messages."""
    import logging

    logging.getLogger().addHandler(logging.NullHandler())


def dump(document: Mapping[str, Any]) -> str:
    """A JSON document as every file and stdout has it: the same value, the same bytes; NaN is a ValueError."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


class Console:
    """The two streams of one run of the command.

    With ``as_json`` only ``document`` writes to stdout and ``print`` is silent.
    """

    def __init__(self, say: Texts, as_json: bool = False, debug: bool = False) -> None:
        self.say, self.as_json, self.debug = say, as_json, debug
        self.out: TextIO = sys.stdout
        self.err: TextIO = sys.stderr

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
            stream.flush()
        except OSError as error:
            with contextlib.suppress(OSError, ValueError):  # or Python would try again at its end, and complain
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if not isinstance(error, BrokenPipeError):  # a reader that has seen enough: what was asked is done
                raise

    def print(self, text: str | Iterable[str] = "") -> None:
        """A line, or lines, for a person."""
        if not self.as_json:
            self._write(self.out, text + "\n" if isinstance(text, str) else "".join(f"{line}\n" for line in text))

    def document(self, document: Mapping[str, Any]) -> None:
        """The one JSON document of a run with --json."""
        if self.as_json:
            self._write(self.out, dump(document))

    def fail(self, line: str) -> None:
        """One line about one failure."""
        with contextlib.suppress(OSError):  # nobody left to tell
            self._write(self.err, f"plantar: {one_line(line)}\n")

    def note(self, line: str) -> None:
        """One line on stderr about something that a person should know though nothing failed."""
        self.fail(f"note: {line}")

    def progress(self, total: int) -> Progress:
        """A bar of ``total`` pieces of work."""
        return Progress(self.err, total)


class Guard:
    """``with Guard(console) as guard: guard.code = work()``: whatever goes wrong becomes a line and an exit code."""

    def __init__(self, console: Console) -> None:
        self.code, self._console = DONE, console

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        if error is None or isinstance(error, SystemExit):
            return False
        if self._console.debug:
            traceback.print_exception(error, file=self._console.err)
        for line in lines(error):
            self._console.fail(line)
        self.code = exit_code(error)
        return True
