"""Files that are sent to a page: they stay in memory until they are sealed, and only a few at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from station.kiosk.security import LARGEST_UPLOAD, is_own

AT_ONCE = 3  #: of all but this machine itself


class InMemory(MultiPartParser):
    """Starlette's reader of forms without its temporary files."""

    spool_max_size = LARGEST_UPLOAD


async def sent_form(request: Request, most_files: int, most_fields: int, most_bytes: int) -> FormData:
    """A form with files; ``most_bytes`` of a field that is none. MultiPartException for anything else."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise MultiPartException("expected a form with a file")
    limits = {"max_files": most_files, "max_fields": most_fields, "max_part_size": most_bytes}
    return await InMemory(request.headers, request.stream(), **limits).parse()


class Turns:
    """One upload at a time of each peer, a few of all together; whoever comes too early waits. This machine's own
    browser waits for nobody else."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(AT_ONCE)
        self._peers: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, request: Request) -> AsyncIterator[None]:
        """While the block lasts it is this request's turn."""
        peer = request.client.host if request.client else ""
        lock = self._peers.setdefault(peer, asyncio.Lock())
        async with lock:
            if is_own(peer, str((request.scope.get("server") or ("",))[0])):
                yield
                return
            async with self._all:
                yield
