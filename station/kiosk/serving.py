"""The server before the application: who may hold how many connections, and how long it waits for what they owe.

``Door`` is the socket that listens: it counts connections before anything is read from them or TLS begins. ``Link`` is
one connection: it ends when a request's head does not come, when an answer is not taken, and when too many others of
the same peer came after it that also owe something. So nobody who says nothing stands in the customer's way.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from station.errors import UsageError
from station.kiosk.security import is_own

#: connections: of one peer, of all peers but this machine itself, of one peer that owe a head or a body
OF_ONE, OF_OTHERS, OWING = 48, 256, 24
WAITING, AT_ONCE = 1024, 1  #: outside the door; let in before they are looked at
HEAD_S, IDLE_S, UNREAD_S, LAST_S = 15.0, 10, 60.0, 3  #: for a head, between requests, for an answer, at the end
HEAD_BYTES, SOCKET_BYTES = 16 * 1024, 4096  #: of a request's head, of what a socket may be sent


class Door(socket.socket):
    """The socket that listens, and the connections that came through it and are open."""

    _open: tuple[tuple[str, bool, socket.socket], ...] = ()

    def listen(self, backlog: int = WAITING, /) -> None:
        """asyncio lets as many wait as it takes in one round: here many wait, and few are taken (``AT_ONCE``), so that
        a crowd is seen off as fast as it comes in."""
        super().listen(WAITING)

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection; ConnectionAbortedError, which asyncio passes over, for one too many."""
        link, address = super().accept()
        self._open = tuple(known for known in self._open if known[2].fileno() >= 0)
        peer, own = str(address[0]), is_own(str(address[0]), str(link.getsockname()[0]))
        others = sum(not mine for _, mine, _ in self._open)
        if sum(peer == one for one, _, _ in self._open) >= OF_ONE or (not own and others >= OF_OTHERS):
            link.close()
            raise ConnectionAbortedError(f"{peer}: expected fewer connections")
        self._open = (*self._open, (peer, own, link))
        return link, address


def listening(host: str, number: int) -> Door:
    """A door at this address. UsageError where nobody can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        plain = socket.create_server((host, number), family=family)
    except OSError as error:
        what = error.strerror or str(error)
        raise UsageError(f"{host}:{number}: expected to listen there, found: {what}; choose another --port") from error
    return Door(plain.family, plain.type, plain.proto, plain.detach())


class Link(H11Protocol):
    """One connection."""

    since_s = 0.0  #: when the peer began to owe something
    _owed: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    @property
    def owes(self) -> bool:
        """Whether a request's head or body has yet to come."""
        return repr(self.conn.their_state) in ("IDLE", "SEND_BODY")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has come."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._look()
        self._make_room()

    def _make_room(self) -> None:
        """Of this peer's connections that owe something only the newest stay."""
        mine = self.client[0] if self.client else ""
        links = [one for one in self.connections if isinstance(one, Link) and one.client and one.client[0] == mine]
        owing = [one for one in links if one.owes]
        if len(owing) > OWING:
            min(owing, key=lambda one: one.since_s).transport.abort()

    def data_received(self, data: bytes) -> None:
        """It says something."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """It was answered."""
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        """A clock runs while nothing is asked of us; every byte of a head, and of a body that nobody reads, is under
        the same one. Bodies that are read have their own (``security``)."""
        asked = self.cycle is not None and not self.cycle.response_complete
        if asked or self not in self.connections or not self.owes:
            self._stop()
        elif self._owed is None:
            self.since_s = self.loop.time()
            self._owed = self.loop.call_later(HEAD_S, self.transport.abort)

    def _stop(self) -> None:
        if self._owed is not None:
            self._owed.cancel()
            self._owed = None

    def pause_writing(self) -> None:
        """It does not read what we say."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads on."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        super().connection_lost(exc)
        self._stop()
        if self._unread is not None:
            self._unread.cancel()


class Talk(WebSocketsSansIOProtocol):
    """A connection that became a socket."""

    def data_received(self, data: bytes) -> None:
        """It says something: first the whole head of its request, which is understood at once or never."""
        super().data_received(data)
        if not self.handshake_initiated:
            self.transport.close()


class Server(uvicorn.Server):
    """Says when it is ready; leaves signals to who runs it."""

    ready: Callable[[], None] = staticmethod(lambda: None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        if self.started:
            self.ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield


def server_of(app: Any, tls: tuple[Path, Path] | None = None, last_s: int = LAST_S) -> Server:
    """The server of an application; ``tls``: files of a certificate and its key; ``last_s``: for those who are asked
    to leave."""
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # a form that is none is its sender's business
    config = uvicorn.Config(
        app,
        http=Link,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=AT_ONCE,
        h11_max_incomplete_event_size=HEAD_BYTES,
        ws=Talk,
        ws_max_size=SOCKET_BYTES,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=last_s,
        ssl_certfile=str(tls[0]) if tls else None,
        ssl_keyfile=str(tls[1]) if tls else None,
    )
    return Server(config)
