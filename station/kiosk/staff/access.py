"""Who of the staff is in: a PIN opens a session that ends by itself, its number new with every login.

The cookie holds a random number and nothing else; who it stands for is in this process's memory alone, so that ending
the kiosk logs everybody out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fastapi import Request
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException
from starlette.responses import Response

from station.kiosk.security import FIELD, HEADER, Tries
from station.kiosk.staff.drafts import Drafts
from station.kiosk.texts import Words

if TYPE_CHECKING:
    from station.kiosk.app import Kiosk

COOKIE = "plantar-staff"
IDLE_MINUTES, LONGEST_S = 10.0, 12 * 3600.0
LOGINS_A_MINUTE = 20  #: by everybody together: each costs a hash that is slow on purpose
MOST_FIELDS, MOST_SESSIONS = 400, 200


class LoginNeeded(Exception):
    """Nobody is in, or was away for too long."""


class Refusal(Exception):
    """A form that was not made for this session."""


@dataclass(frozen=True)
class Inside:
    """A session: ``staff_id`` empty before the PIN; ``notice`` is shown once, on the next page."""

    nonce: str
    lang: str
    since_s: float
    seen_s: float
    staff_id: str = ""
    name: str = ""
    notice: tuple[str, str] = ("", "")


@dataclass
class Doorkeeper:
    """All sessions of the staff, and their drafts. ``now``: seconds that only go forward."""

    now: Callable[[], float] = time.monotonic
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    drafts: Drafts = field(default_factory=Drafts)
    idle_s: float = IDLE_MINUTES * 60.0

    def __post_init__(self) -> None:
        self._sessions: dict[str, Inside] = {}
        self.tries = Tries(LOGINS_A_MINUTE, 60.0, self.now)

    def begin(self, lang: str) -> Inside:
        """A session of nobody yet: it may only show the login."""
        return self._keep(Inside(secrets.token_urlsafe(32), lang, self.now(), self.now()))

    def enter(self, before: Inside, staff_id: str, name: str) -> Inside:
        """The PIN was right: a new number, the one before opens nothing."""
        self.leave(before)
        now_s = self.now()
        return self._keep(Inside(secrets.token_urlsafe(32), before.lang, now_s, now_s, staff_id, name))

    def leave(self, session: Inside) -> None:
        """Nobody any longer."""
        self._sessions.pop(_digest(session.nonce), None)
        self.drafts.forget(session.nonce)

    def everybody_out(self) -> None:
        """All sessions end: another store, other staff."""
        self._sessions.clear()
        self.drafts = Drafts()

    def put_out(self, staff_id: str) -> None:
        """All sessions of one person end."""
        for session in [s for s in self._sessions.values() if s.staff_id == staff_id]:
            self.leave(session)

    def change(self, session: Inside, **changes: Any) -> Inside:
        """The same session with another language or notice."""
        return self._keep(replace(session, **changes))

    def read(self, nonce: str | None) -> Inside | None:
        """The session of a cookie, seen now; None where there is none or its time is over."""
        found = self._sessions.get(_digest(nonce)) if nonce and len(nonce) < 200 else None
        if found is None:
            return None
        now_s = self.now()
        if now_s - found.seen_s > self.idle_s or now_s - found.since_s > LONGEST_S:
            self.leave(found)
            return None
        return self._keep(replace(found, seen_s=now_s))

    def token(self, session: Inside) -> str:
        """What every form of this session carries."""
        return hmac.new(self.secret, session.nonce.encode(), hashlib.sha256).hexdigest()

    def is_token(self, session: Inside, given: str) -> bool:
        """Whether a form was made for this session."""
        return given.isascii() and hmac.compare_digest(self.token(session), given)

    def _keep(self, session: Inside) -> Inside:
        self._sessions[_digest(session.nonce)] = session
        if len(self._sessions) > MOST_SESSIONS:  # whoever asks for the login again and again pushes out nobody inside
            nobody = [key for key, kept in self._sessions.items() if not kept.staff_id]
            oldest = min(nobody or self._sessions, key=lambda key: self._sessions[key].seen_s)
            del self._sessions[oldest]
        return session


def _digest(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()


# ------------------------------------------------------------------ what every page of the staff begins with


@dataclass(frozen=True)
class Desk:
    """What a page of the staff has at hand."""

    kiosk: Kiosk
    door: Doorkeeper
    session: Inside
    here: str = ""

    @property
    def by(self) -> str:
        """Who does it, for the log."""
        return self.session.staff_id

    @property
    def say(self) -> Words:
        """The staff's words in this session's language."""
        return Words(self.session.lang, "staff")


def door_of(request: Request) -> Doorkeeper:
    """The kiosk's doorkeeper."""
    door: Doorkeeper = request.app.state.staff
    return door


def cookie_name(kiosk: Kiosk) -> str:
    """Of the cookie; with TLS one that no other site of the domain can set."""
    return f"__Host-{COOKIE}" if kiosk.access.tls else COOKIE


def present(request: Request) -> Desk | None:
    """The session of this browser, whether somebody is in or not."""
    kiosk: Kiosk = request.app.state.kiosk
    door = door_of(request)
    session = door.read(request.cookies.get(cookie_name(kiosk)))
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "") if request.method == "GET" else ""
    return None if session is None else Desk(kiosk, door, session, here)


def inside(request: Request) -> Desk:
    """Somebody of the staff. LoginNeeded."""
    desk = present(request)
    if desk is None or not desk.session.staff_id:
        raise LoginNeeded
    return desk


async def form_of(request: Request, desk: Desk) -> FormData:
    """The form that was sent, if it was made for this session. Refusal."""
    try:
        form = await request.form(max_files=0, max_fields=MOST_FIELDS, max_part_size=16 * 1024)
    except MultiPartException as error:
        raise Refusal(str(error)) from error
    token = request.headers.get(HEADER) or form.get(FIELD)
    if not isinstance(token, str) or not desk.door.is_token(desk.session, token):
        raise Refusal("the form is not of this session")
    return form


def remember(answer: Response, desk: Desk) -> Response:
    """Put the session's cookie on an answer."""
    answer.set_cookie(
        cookie_name(desk.kiosk), desk.session.nonce, httponly=True, samesite="strict", secure=desk.kiosk.access.tls,
        path="/",
    )  # fmt: skip
    return answer
