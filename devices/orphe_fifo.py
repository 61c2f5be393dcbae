"""The lossless pull of ORPHE's FIFO: which packets to ask for, and in which order they may be handed on. No I/O."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from firmware_bridge.products import orphe as wire

BEHIND = 8  #: positions behind our own in a row: no late answers but an insole that began to count anew


@dataclass
class Fifo:
    """``next``: the packet (unwrapped serial) to be handed on next; None until it is known where the insole stands.

    A packet that was asked for and did not come is asked for again; one that the insole says it no longer has is given
    up, and missed by its number.

    After a reconnect (``next`` and ``last``, the mark of the packet before it, are known) that one packet is asked for
    first. If it comes as it was, the insole has counted on, and the pull goes on behind it. If it is another one, the
    insole began to count anew; if it is no longer there, so much has passed that all in the ring is new: in both cases
    the whole ring is pulled.
    """

    next: int | None = None
    last: int | None = None
    newest: int | None = None
    held: dict[int, bytes] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    asked: dict[int, float] = field(default_factory=dict)
    _resuming: bool = False
    _behind: int = 0
    _anew: bool = False  # all that the ring holds is new to us

    def __post_init__(self) -> None:
        self._resuming = self.next is not None

    @property
    def resuming(self) -> bool:
        """True until it is known whether the insole has counted on since the link before."""
        return self._resuming

    def stands(self, position: wire.Position) -> None:
        """The insole says which packet is its newest and how many it holds."""
        if self._resuming and self.next is not None:
            # it can only have counted forwards: nearest would be wrong after ten minutes
            fresh, kept = (position.serial + 1 - self.next) % wire.SERIALS, min(position.waiting, wire.FIFO_RING)
            if fresh > wire.SERIALS - wire.FIFO_RING and self._behind < BEHIND:
                self._behind += 1
                return  # behind where we were: an answer of the link before, which came late
            self.newest = self.next + fresh - 1
            oldest = self.newest + 1 - kept
            if self._anew or oldest >= self.next:
                self.next, self._resuming, self.asked = oldest, False, {}
            elif self.last is None:  # the one before was given up: it can't be asked for
                self._resuming = False
            return
        serial = self._unwrapped(position.serial)
        self.newest = serial if self.newest is None else max(self.newest, serial)
        oldest = serial + 1 - min(position.waiting, wire.FIFO_RING)
        if self.next is None:
            self.next = serial + 1  # what was before we came is not of this recording
        elif self.next > serial + wire.FIFO_RING:
            self.next, self.newest = serial + 1, serial  # it began to count anew
            self.held.clear()
            self.gone.clear()
            self.asked.clear()
        elif self.next < oldest:
            self.gone.update(range(self.next, oldest))  # overwritten while we were away

    def brings(self, data: bytes) -> None:
        """A packet has come."""
        serial = self._unwrapped(int.from_bytes(data[1:3], "big"))
        if self._resuming:
            if self.next is not None and (serial - self.next + 1) % wire.SERIALS == 0:
                self._resuming = self._anew = mark(data) != self.last
                self.asked = {}
            return
        if self.next is not None and serial >= self.next:
            self.held[serial] = data
        # answers come in the order of the request: what should have come before this one is lost
        self.asked = {asked: at_s for asked, at_s in self.asked.items() if asked > serial}

    def lacks(self, status: wire.NoData) -> None:
        """The insole does not have these: too old, or not yet."""
        if self._resuming:
            before = (self.next or 0) - 1
            self._anew = self._anew or (before - status.start) % wire.SERIALS < status.count
            return
        start = self._unwrapped(status.start)
        self.asked = {asked: at_s for asked, at_s in self.asked.items() if asked >= start + status.count}
        for serial in range(start, start + status.count):
            if self.next is not None and self.next <= serial and serial not in self.held:
                self.gone.add(serial)

    def wanted(self, now_s: float, answer_s: float) -> tuple[tuple[int, int], ...]:
        """The ranges to ask for now, empty while an answer may still come; 30 ranges and 200 packets at most."""
        if self.next is None or (self.asked and now_s - max(self.asked.values()) < answer_s):
            return ()
        if self._resuming:
            self.asked = {self.next - 1: now_s}
            return () if self._anew or self.last is None else wire.ranges_of([self.next - 1])
        if self.newest is None:
            return ()
        missing = [s for s in range(self.next, self.newest + 1) if s not in self.held and s not in self.gone]
        missing = missing[: wire.FIFO_PACKETS]
        self.asked = dict.fromkeys(missing, now_s)
        return wire.ranges_of(missing)[: wire.FIFO_RANGES]

    def ready(self) -> list[bytes]:
        """Runs of packets, joined, that may be handed on: each without a gap inside it."""
        runs: list[bytes] = []
        run: list[bytes] = []
        while self.next is not None and (self.next in self.held or self.next in self.gone):
            data = self.held.pop(self.next, None)
            self.gone.discard(self.next)
            if data is not None:
                run.append(data)
            elif run:
                runs, run = [*runs, b"".join(run)], []
            self.next += 1
            self.last = None if data is None else mark(data)
        return [*runs, b"".join(run)] if run else runs

    def _unwrapped(self, serial: int) -> int:
        """The number nearest to where we are."""
        near = self.newest if self.newest is not None else self.next if self.next is not None else serial
        return serial + wire.SERIALS * round((near - serial) / wire.SERIALS)


def mark(data: bytes) -> int:
    """What a packet is known by when it comes again."""
    return zlib.crc32(data)
