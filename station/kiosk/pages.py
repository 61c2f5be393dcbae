"""Drawing pages: templates, the words of a language, the studio's look. Templates hold no scripts and no styles."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from station.kiosk import views
from station.kiosk.security import Session, Sessions
from station.kiosk.settings import Settings, style
from station.kiosk.texts import Words

FOLDER = Path(__file__).parent / "templates"
BUILD = Path(__file__).parent / "static" / "build"


class Pages:
    """Draws pages for one studio."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings, self._sessions = settings, sessions
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["words"] = lambda value: json.dumps(value, ensure_ascii=False)
        self._templates.globals |= {"words_of": Words, "day": views.day, "moment": views.moment}
        #: changes with every build, so that a browser never mixes two
        self.build = _version()
        #: the same of the studio's own style
        self.look = hashlib.sha256(style(settings).encode()).hexdigest()[:12]

    def draw(self, request: Request, template: str, session: Session, status: int = 200, **known: Any) -> Response:
        """A page; for htmx only what changes of it. The session's cookie goes with it. Somebody who never chose a
        language and is not at the first screen (a phone) gets the browser's."""
        lang = session.lang or self._settings.languages[0]
        if not session.lang and template == "customer/error":
            lang = preferred(request.headers.get("accept-language", ""), self._settings.languages)
        say = Words(lang)
        part = request.headers.get("hx-request") == "true" and not request.headers.get("hx-boosted")
        screen = known.get("screen", "")
        text = self._templates.get_template(f"{template}.html").render(
            frame="part.html" if part else "base.html",
            say=say,
            lang=say("html"),
            studio=self._settings,
            stages=views.stages(screen, say),
            token=self._sessions.token(session),
            build=self.build,
            look=self.look,
            **{"screen": "", **known},
        )
        answer = HTMLResponse(text, status)
        answer.headers["vary"] = "hx-request"
        self.remember(answer, session)
        return answer

    def remember(self, answer: Response, session: Session) -> None:
        """Put the session's cookie on an answer."""
        answer.set_cookie(
            self._sessions.name,
            self._sessions.seal(session),
            httponly=True,
            samesite="strict",
            secure=self._sessions.tls,
            path="/",
        )


def preferred(header: str, languages: Sequence[str]) -> str:
    """The first of a browser's languages (``Accept-Language``) that the studio has, else the studio's first."""
    wanted: list[tuple[float, int, str]] = []
    for part in header[:200].lower().split(","):
        name, _, weight = part.partition(";q=")
        with contextlib.suppress(ValueError):
            wanted.append((-float(weight or 1), len(wanted), name.strip().partition("-")[0]))
    return next((name for weight, _, name in sorted(wanted) if weight and name in languages), languages[0])


def _version() -> str:
    place = BUILD / "build.json"
    return hashlib.sha256(place.read_bytes()).hexdigest()[:12] if place.is_file() else "none"
