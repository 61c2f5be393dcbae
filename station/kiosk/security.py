"""Who may ask the kiosk for something, and what a browser may do with the answer.

``Guard`` stands before every page and socket: it knows the names under which the kiosk may be addressed (against DNS
rebinding), the pages that may write (Origin), how large and how slow a request may be, and puts the content security
policy on every answer. ``Sessions`` signs the cookie of a visit and the token that every form carries.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import ipaddress
import json
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from station.errors import UsageError
from station.store import disk

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE, SECRET_FILE, FIELD, HEADER = "plantar", "kiosk.key", "token", "x-plantar-token"
SMALL_BODY, LARGEST_UPLOAD = 64 * 1024, 256 * 1024**2
GRACE_S, LEAST_RATE = 20.0, 256 * 1024  #: a body is there after so many s, and one s more for so many bytes of it
SESSION_S = 12 * 3600.0
SAFE = ("GET", "HEAD", "OPTIONS")
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), microphone=(), payment=(), usb=(), camera=(self)",
}


@dataclass(frozen=True)
class Access:
    """Under which names the kiosk is asked: ``hosts`` as a browser writes them ("localhost:8765"), ``tls``."""

    hosts: tuple[str, ...]
    tls: bool = False

    @property
    def origins(self) -> frozenset[str]:
        """The pages that may write and open sockets: our own."""
        scheme = "https" if self.tls else "http"
        return frozenset(f"{scheme}://{host}" for host in self.hosts)

    @classmethod
    def at(cls, host: str, port: int, names: Iterable[str] = (), tls: bool = False) -> Access:
        """Of a kiosk that listens there; ``names``: by which others know this machine."""
        loopback = ("localhost", "127.0.0.1", "[::1]")
        own = () if host in ("0.0.0.0", "::", "") else (f"[{host}]" if ":" in host else host,)
        default = 443 if tls else 80
        every = dict.fromkeys(name.lower() for name in (*loopback, *own, *names))
        with_port = [f"{name}:{port}" for name in every]
        return cls(tuple(with_port + (list(every) if port == default else [])), tls)


def is_own(peer: str, here: str = "") -> bool:
    """Whether an address is this machine's; ``here``: the one that it asked."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return peer == here or (mapped or address).is_loopback


# ------------------------------------------------------------------ before every page


class Guard:
    """The outermost layer of the application (plain ASGI)."""

    def __init__(self, app: App, access: Access) -> None:
        self._app, self._access = app, access
        self._headers = [
            (b"content-security-policy", "; ".join(f"{key} {value}" for key, value in POLICY.items()).encode()),
            *((key.encode(), value.encode()) for key, value in HEADERS.items()),
        ]
        if access.tls:
            self._headers.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through, or answer why not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        why = self._why_not(scope, headers)
        if scope["type"] == "websocket":
            if why is not None:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": why[1]})
                return
            await self._app(scope, receive, send)
            return
        answer = self._with_headers(send)
        if why is not None:
            await refuse(answer, *why)
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # the same; the server leaves out its body
        body = _Body(receive, LARGEST_UPLOAD if str(scope["path"]).startswith("/upload/") else SMALL_BODY)
        if body.declared_too_large(headers):
            await refuse(answer, 413, "the request is larger than this page takes")
            return
        try:
            await self._app(scope, body, answer)
        except BodyTooLarge:
            await refuse(answer, 413, "the request is larger than this page takes")
        except TimeoutError:
            await refuse(answer, 408, "the request came too slowly")
        except asyncio.CancelledError:  # by the server, when it waits no longer
            with contextlib.suppress(RuntimeError):  # it has been answered in part
                await refuse(answer, 503, "the kiosk is closed")

    def _why_not(self, scope: Scope, headers: Mapping[str, list[str]]) -> tuple[int, str] | None:
        """A status and a reason where it is not to be answered."""
        hosts = headers.get("host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._access.hosts:
            return 421, "the kiosk is not known under this name"
        writes = scope["type"] == "websocket" or scope["method"] not in SAFE
        origin = headers.get("origin", [])
        if writes and (len(origin) != 1 or origin[0].lower() not in self._access.origins):
            return 403, "only the kiosk's own pages may do that"
        site = headers.get("sec-fetch-site", ["same-origin"])
        if writes and site != ["same-origin"]:
            return 403, "only the kiosk's own pages may do that"
        return None

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {key.lower() for key, _ in message.get("headers", ())}
                more = [(b"cache-control", b"no-store")] if b"cache-control" not in given else []
                message["headers"] = [*message.get("headers", ()), *self._headers, *more]
            await send(message)

        return sending


class BodyTooLarge(Exception):
    """More came than was said or is allowed."""


class _Body:
    """Receives a request's body, no more than ``most`` bytes and not too slowly."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most, self._came = receive, most, 0
        self._began_s: float | None = None
        self._whole = False

    def declared_too_large(self, headers: Mapping[str, list[str]]) -> bool:
        lengths = headers.get("content-length", [])
        return any(not text.isdigit() or len(text) > 15 or int(text) > self._most for text in lengths)

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()  # waits for the end of the connection
        if self._began_s is None:
            self._began_s = asyncio.get_running_loop().time()
        async with asyncio.timeout_at(self._began_s + GRACE_S + self._came / LEAST_RATE):
            message = await self._receive()
        if message["type"] == "http.request":
            self._came += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._came > self._most:
                raise BodyTooLarge
        return message


def _headers(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in scope["headers"]:
        found.setdefault(key.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


async def refuse(send: Send, status: int, why: str) -> None:
    """A short answer in plain text."""
    body = why.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})


# ------------------------------------------------------------------ the cookie and the token


@dataclass(frozen=True)
class Session:
    """What a browser's cookie says: a number of its own, and the visit that it may see. Before there is a visit: the
    language and what was agreed to (nothing that says who somebody is)."""

    nonce: str
    visit: str = ""
    lang: str = ""
    purposes: tuple[str, ...] = ()
    at_s: float = 0.0


@dataclass
class Sessions:
    """Signs and reads cookies and tokens. ``secret``: 32 bytes that only this studio has."""

    secret: bytes
    tls: bool = False
    now: Callable[[], float] = time.time

    @property
    def name(self) -> str:
        """Of the cookie; with TLS one that no other site of the domain can set."""
        return f"__Host-{COOKIE}" if self.tls else COOKIE

    def new(self, **known: Any) -> Session:
        """A session that nobody has had before."""
        return Session(secrets.token_urlsafe(24), at_s=self.now(), **known)

    def renewed(self, session: Session, **changes: Any) -> Session:
        """The same under a new number: whatever cookie there was before opens nothing."""
        return replace(session, nonce=secrets.token_urlsafe(24), at_s=self.now(), **changes)

    def seal(self, session: Session) -> str:
        """The cookie's value."""
        words = [session.nonce, session.visit, session.lang, list(session.purposes), round(session.at_s)]
        text = base64.urlsafe_b64encode(json.dumps(words).encode()).decode().rstrip("=")
        return f"{text}.{self._sign('cookie', text)}"

    def read(self, value: str | None) -> Session | None:
        """The session of a cookie; None for one that is not ours, was changed, or is old."""
        text, dot, signature = (value or "").partition(".")
        if not dot or not value or len(value) > 4000 or not value.isascii():
            return None
        if not hmac.compare_digest(self._sign("cookie", text), signature):
            return None
        nonce, visit, lang, purposes, at_s = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if self.now() - at_s > SESSION_S:
            return None
        return Session(nonce, visit, lang, tuple(purposes), at_s)

    def token(self, session: Session) -> str:
        """What every form of this session carries."""
        return self._sign("form", session.nonce)

    def is_token(self, session: Session, given: str) -> bool:
        """Whether a form was made for this session."""
        return given.isascii() and hmac.compare_digest(self.token(session), given)

    def _sign(self, purpose: str, text: str) -> str:
        digest = hmac.new(self.secret, f"{purpose}:{text}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def own_secret(folder: Path) -> bytes:
    """The studio's secret, made when there is none; readable by its owner alone. UsageError for a file that is none."""
    path = folder / SECRET_FILE
    with disk.alone(folder):  # another kiosk may begin at the same moment
        if not path.exists():
            disk.write(path, secrets.token_bytes(32))
        data = path.read_bytes()
    if len(data) != 32:
        raise UsageError(f"{path}: expected 32 bytes, found {len(data)}; remove it, open visits then begin anew")
    return data


# ------------------------------------------------------------------ tries


class Tries:
    """How often something may be tried: ``most`` times in ``within_s``, by anybody together (codes, uploads)."""

    def __init__(self, most: int, within_s: float, now: Callable[[], float]) -> None:
        self._most, self._within_s, self._now = most, within_s, now
        self._at_s: deque[float] = deque()

    def allow(self) -> bool:
        """Counts a try; False where there were too many."""
        now_s = self._now()
        while self._at_s and self._at_s[0] < now_s - self._within_s:
            self._at_s.popleft()
        if len(self._at_s) >= self._most:
            return False
        self._at_s.append(now_s)
        return True
