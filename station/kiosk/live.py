"""What a page sees while a scan or a walk is on its way: a channel that one task writes and sockets read.

A text frame is JSON, a binary one numbers (`docs/kiosk.md`). Who comes late gets the state and what was shown so far;
who is slow misses frames, never the end.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

Frame: TypeAlias = str | bytes
MOST_WAITING = 64
MOST_KEPT = 16 * 1024**2  #: bytes that are shown again to who comes late


class Channel:
    """Frames of one piece of work. ``replay``: binary frames add up to a picture, so a late reader needs them all;
    else only the newest counts."""

    def __init__(self, replay: bool) -> None:
        self._replay = replay
        self._kept: deque[bytes] = deque(maxlen=None if replay else 1)
        self._kept_bytes = 0
        self._state: dict[str, Any] = {"state": "waiting"}
        self._readers: set[asyncio.Queue[Frame | None]] = set()
        self.closed = False

    @property
    def state(self) -> dict[str, Any]:
        """As it was told last."""
        return dict(self._state)

    def tell(self, **state: Any) -> None:
        """The state as it is now: ``state`` "waiting", "scanning", "walking", "measuring", "done", "failed" …"""
        self._state |= state
        self._send(json.dumps(self._state, ensure_ascii=False))

    def show(self, data: bytes) -> None:
        """Numbers."""
        if self._replay and self._kept_bytes + len(data) > MOST_KEPT:
            return
        self._kept.append(data)
        self._kept_bytes += len(data)
        self._send(data)

    def close(self) -> None:
        """Nothing more will come."""
        self.closed = True
        for reader in self._readers:
            if reader.full():
                reader.get_nowait()
            reader.put_nowait(None)

    def _send(self, frame: Frame) -> None:
        for reader in self._readers:
            if reader.full():
                reader.get_nowait()
            reader.put_nowait(frame)

    async def frames(self) -> AsyncIterator[Frame]:
        """Everything from the beginning to the end."""
        reader: asyncio.Queue[Frame | None] = asyncio.Queue(MOST_WAITING)
        earlier: list[Frame] = [json.dumps(self._state, ensure_ascii=False), *self._kept]
        if not self.closed:
            self._readers.add(reader)
        try:
            for frame in earlier:
                yield frame
            while not self.closed or not reader.empty():
                frame_or_end = await reader.get()
                if frame_or_end is None:
                    return
                yield frame_or_end
        finally:
            self._readers.discard(reader)
