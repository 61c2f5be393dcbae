"""The bounded queue between a session and whoever reads it: in the same event loop, or in another thread.

When it is full the session waits; what the device sends meanwhile piles up in the port, and what no longer fits there
is missed by its number. Nothing is dropped here.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")
MOST_ITEMS = 4096
POLL_S = 0.005


class Handoff(Generic[T]):
    """``put``, ``full`` and ``room`` belong to the session's loop, ``take`` to that loop, ``take_blocking`` to any
    other thread. After ``close`` both give what is left, then None for ever (or raise the error, once)."""

    def __init__(self, most: int = MOST_ITEMS) -> None:
        self._most = most
        self._items: deque[T] = deque()
        self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._waiter: asyncio.Future[None] | None = None
        self._threads = 0  # that wait

    def put(self, item: T) -> None:
        """Hand something on; look at ``full`` afterwards."""
        self._items.append(item)
        self._wake()

    @property
    def full(self) -> bool:
        """True: call ``await room()`` before the next ``put``."""
        return len(self._items) >= self._most

    async def room(self) -> None:
        """Waits until half of it has been taken."""
        while len(self._items) > self._most // 2 and not self._closed:
            await asyncio.sleep(POLL_S)

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more will come."""
        if not self._closed:
            self._error, self._closed = error, True
            self._wake()

    async def take(self) -> list[T] | None:
        """All that is there, at least one; None at the end."""
        while not self._items:
            if self._closed:
                self.raise_error()
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._all()

    def take_blocking(self, timeout_s: float | None = None) -> list[T] | None:
        """The same from another thread; an empty list when the time is up."""
        with self._changed:
            self._threads += 1
            try:
                self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            finally:
                self._threads -= 1
        if self._items:
            return self._all()
        if self._closed:
            self.raise_error()
            return None
        return []

    def _all(self) -> list[T]:
        taken = []
        while self._items:
            taken.append(self._items.popleft())
        return taken

    def raise_error(self) -> None:
        """Raises what it was closed with, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self._threads:
            with self._changed:
                self._changed.notify_all()
