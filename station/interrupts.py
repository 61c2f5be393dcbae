"""Being told to stop: remembered, because a KeyboardInterrupt can be swallowed on its way.

A library that tries something and forgets whatever went wrong (many do while they are imported) forgets an interrupt
too. So the signal is kept here, and ``check`` raises it anew at the next piece of work.
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_told = False


def listen() -> None:
    """From now on Ctrl-C, SIGTERM and SIGHUP end what is being done; whatever handles them otherwise is left alone."""
    global _told
    _told = False
    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler, _interrupt):
            signal.signal(number, _interrupt)


def check() -> None:
    """KeyboardInterrupt where somebody has asked to stop and it went under."""
    if _told:
        raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    global _told
    _told = True
    raise KeyboardInterrupt
