"""A port is where bytes come from: a serial line, a radio link, a file that is played again.

A transport's module (``devices.serial_port``, ``devices.ble`` …) has ``async def connect(spec, product) -> Port``; a
product's module talks to the port and knows nothing of the transport. ``Inbox`` is the bounded queue that every port
reads from.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from devices.errors import DeviceError, DeviceLost

INBOX_CHUNKS = 4096  #: as many wait to be read; then the oldest are dropped, counted, and missed by their numbers


class Chunk(NamedTuple):
    """Bytes as they arrived. ``data`` is empty when the source has come to its end (a file that was played)."""

    data: bytes
    host_time_s: float  #: when they arrived, as ``time.monotonic()``
    source: str = ""  #: UUID of the characteristic they came from, in lower case; empty for a serial line


@dataclass(frozen=True)
class PortFacts:
    """What the transport knows of the other end.

    place         : where it was found this time: ``/dev/ttyUSB0``, ``C4:…``
    serial_number : as USB or the radio says it, else empty
    hardware      : what names the very same device again when it comes back elsewhere (``303a:1001:F412``), or empty
    mtu           : most bytes of one write or notification, None where there is no such limit
    interval_s    : connection interval or latency timer, None where it is not known
    """

    place: str
    name: str = ""
    serial_number: str = ""
    hardware: str = ""
    mtu: int | None = None
    interval_s: float | None = None


class Port(Protocol):
    """A link that is up. Every call raises ``DeviceLost`` once it is down, ``DeviceTimeout`` for an answer that never
    came and ``DeviceError`` for what the transport can't do.

    name    : for messages: the spec without its options
    options : of the spec, e.g. ``{"side": "left", "mode": "fifo"}``
    facts   : what the transport knows
    """

    name: str
    options: Mapping[str, str]
    facts: PortFacts

    def now(self) -> float:
        """The clock of ``host_time_s``."""

    async def read(self) -> Chunk:
        """The next notification, or whatever has come in since; waits for it."""

    async def write(self, data: bytes, target: str = "", response: bool = False) -> None:
        """Send all of ``data``; ``target`` is a characteristic's UUID (serial: empty), ``response`` asks the radio
        for an acknowledgement."""

    async def subscribe(self, target: str) -> None:
        """From now on notifications of that characteristic come out of ``read`` (serial: nothing to do)."""

    async def fetch(self, target: str) -> bytes:
        """Read a characteristic's value (serial: ``DeviceError``)."""

    async def close(self) -> None:
        """Let go of the device; harmless when the link is down already."""


class Inbox:
    """A bounded queue of chunks between a callback and ``read``, all in one event loop.

    When it is full the oldest chunk goes and ``dropped`` counts it: what a device numbers is then missed by its number.
    """

    def __init__(self, name: str, most: int = INBOX_CHUNKS) -> None:
        self.dropped = 0
        self._name, self._most = name, most
        self._chunks: deque[Chunk] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: DeviceError | None = None

    def put(self, data: bytes, host_time_s: float | None = None, source: str = "") -> None:
        """Something has arrived (an empty ``data``: the end)."""
        if len(self._chunks) >= self._most:
            self._chunks.popleft()
            self.dropped += 1
        self._chunks.append(Chunk(data, time.monotonic() if host_time_s is None else host_time_s, source))
        self._wake()

    def fail(self, error: DeviceError | None = None) -> None:
        """The link is down: ``get`` hands out what is left, then raises."""
        if self._error is None:
            self._error = error or DeviceLost(self._name, "an open link", "a closed one")
            self._wake()

    def __len__(self) -> int:
        return len(self._chunks)

    async def get(self) -> Chunk:
        """The next chunk; one reader at a time."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._chunks.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Candidate(NamedTuple):
    """Something that a transport has found: plugged in or advertising."""

    place: str
    name: str = ""
    serial_number: str = ""
    detail: str = ""

    def line(self) -> str:
        """For a list in a message."""
        extra = ", ".join(word for word in (self.name, self.serial_number, self.detail) if word)
        return f"{self.place} ({extra})" if extra else self.place


def choose(asked: str, wanted: str, candidates: Sequence[Candidate]) -> Candidate:
    """The one candidate that ``wanted`` names: by place, else serial number, else name, else the name's beginning.

    asked : the spec, for the message

    Raises
    ------
    DeviceLost : none of them (it may come later)
    DeviceError : several (two devices of one name): the message lists them
    """
    folded = wanted.casefold()
    keys: tuple[Callable[[Candidate], bool], ...] = (
        lambda c: c.place.casefold() == folded,
        lambda c: c.serial_number.casefold() == folded,
        lambda c: c.name.casefold() == folded,
        lambda c: folded != "" and c.name.casefold().startswith(folded),
    )
    for key in keys:
        found = [candidate for candidate in candidates if key(candidate)]
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(sorted(candidate.line() for candidate in found))
            hint = "name one of them by its address or serial number"
            raise DeviceError(asked, f"one device named {wanted}", f"{len(found)}: {listed}", hint)
    listed = ", ".join(sorted(candidate.line() for candidate in candidates)) or "nothing"
    wired = asked.startswith("serial:")
    hint = "plug it in, or check the name" if wired else "switch it on, bring it near, or check the name"
    raise DeviceLost(asked, f"a device named {wanted}", listed, hint)
