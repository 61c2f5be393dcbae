"""Drawing pages: templates, the words of a language, the studio's look. Templates hold no scripts and no styles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from station.kiosk.security import Session, Sessions
from station.kiosk.settings import Settings
from station.kiosk.texts import Words
from station.kiosk.views import stages

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
        self._templates.globals["words_of"] = Words
        #: changes with every build, so that a browser never mixes two
        self.build = _version()

    def draw(self, request: Request, template: str, session: Session, status: int = 200, **known: Any) -> Response:
        """A page; for htmx only what changes of it. The session's cookie goes with it."""
        lang = session.lang or self._settings.languages[0]
        say = Words(lang)
        part = request.headers.get("hx-request") == "true" and not request.headers.get("hx-boosted")
        screen = known.get("screen", "")
        text = self._templates.get_template(f"{template}.html").render(
            frame="part.html" if part else "base.html",
            say=say,
            lang=say("html"),
            studio=self._settings,
            stages=stages(screen, say),
            token=self._sessions.token(session),
            build=self.build,
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


def _version() -> str:
    import hashlib

    place = BUILD / "build.json"
    return hashlib.sha256(place.read_bytes()).hexdigest()[:12] if place.is_file() else "none"
