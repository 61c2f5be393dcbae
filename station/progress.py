"""A bar on stderr while something takes its time; nothing at all when stderr is no terminal."""

from __future__ import annotations

import contextlib
import threading
import time
from types import TracebackType
from typing import Self, TextIO

from station.messages import columns

WIDTH = 24
ROOM = 78  #: columns that a line may take
AFTER_S = 1.0  #: anything quicker than this shows no bar
EVERY_S = 0.25


class Progress:
    """``with Progress(stream, total) as progress: progress.step("measuring left")`` before each piece of work."""

    def __init__(self, stream: TextIO, total: int, shown: bool | None = None, after_s: float = AFTER_S) -> None:
        self._stream, self._total, self._done, self._label = stream, max(total, 1), 0, ""
        self._shown = stream.isatty() if shown is None else shown
        self._start, self._after_s = time.monotonic(), after_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def step(self, label: str) -> None:
        """The next piece of work starts; ``label`` says which."""
        self._done, self._label = min(self._done + 1, self._total), label

    def line(self) -> str:
        """The bar as it stands: the pieces done before this one, the seconds since the start."""
        done = max(self._done - 1, 0)
        full = WIDTH * done // self._total
        seconds = time.monotonic() - self._start
        text = f"[{'#' * full}{'.' * (WIDTH - full)}] {done}/{self._total} {seconds:.0f} s {self._label}"
        while columns(text) > ROOM:
            text = text[:-1]
        return text

    def _draw(self) -> None:
        with contextlib.suppress(OSError):  # a terminal that went away
            if self._stop.wait(self._after_s):
                return
            self._write(self.line())
            while not self._stop.wait(EVERY_S):
                self._write(self.line())
            self._write("")

    def _write(self, line: str) -> None:
        self._stream.write(f"\r\x1b[K{line}")
        self._stream.flush()

    def __enter__(self) -> Self:
        if self._shown:
            self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
