"""Drawing the staff's pages: their own frame, their own words, the studio's look. No scripts and no styles in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import cache, partial
from typing import Any
from urllib.parse import quote, urlsplit

import jinja2
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, RedirectResponse, Response

from station.kiosk import pages
from station.kiosk.processing import JobError
from station.kiosk.security import FIELD
from station.kiosk.staff.access import Desk, LoginNeeded, Refusal, present, remember
from station.kiosk.texts import Words
from station.reasons import told
from station.report_content import APART
from station.report_content import Words as ReportWords
from station.store import StoreError
from station.store.errors import Damaged, NotFound, StoreFull

LOGIN = "/staff/login"
#: parts of the staff's side, as the bar shows them, and where each begins
PARTS = {
    "orders": "/staff", "search": "/staff/search", "devices": "/staff/devices", "safety": "/staff/safety",
    "settings": "/staff/settings", "log": "/staff/log",
}  # fmt: skip


@cache
def _templates() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pages.FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["words"] = lambda value: json.dumps(value, ensure_ascii=False)
    found.filters["day"] = lambda at: at.astimezone().strftime("%Y-%m-%d")
    found.filters["clock"] = lambda at: at.astimezone().strftime("%H:%M")
    found.filters["moment"] = moment
    return found


def moment(at: datetime) -> str:
    """A time as the studio's clock shows it."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def draw(desk: Desk, template: str, status: int = 200, **known: Any) -> Response:
    """A page of the staff; a notice that waited is on it, once."""
    notice = desk.session.notice
    if notice[0]:
        desk.door.change(desk.session, notice=("", ""))
    say = desk.say
    text = (
        _templates()
        .get_template(f"staff/{template}.html")
        .render(
            say=say,
            told=partial(told, lang=desk.session.lang),
            named=partial(_field_name, say, ReportWords(desk.session.lang)),
            lang=say("html"),
            other_lang="zh" if desk.session.lang == "en" else "en",
            studio=desk.kiosk.settings,
            token=desk.door.token(desk.session),
            field=FIELD,
            build=desk.kiosk.pages.build,
            who=desk.session,
            parts=PARTS,
            idle_s=int(desk.door.idle_s),
            notice=notice,
            here=desk.here,
            **{"part": "", **known},
        )
    )
    return remember(HTMLResponse(text, status), desk)


def _field_name(say: Words, report: ReportWords, name: str) -> str:
    """A prescription's field in words: the report's, of which some fields are kept apart."""
    return say(f"field.{name}") if name in APART else report(f"field.{name}")


def go(desk: Desk, place: str, key: str = "", kind: str = "good", **values: object) -> Response:
    """To another page, with something to tell there."""
    if key:
        desk.door.change(desk.session, notice=(kind, desk.say(key, **values)))
    return RedirectResponse(place, 303)


class StaffRoute(APIRoute):
    """An address of the staff: what goes wrong is told on a page of theirs."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with that around it."""
        own = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await own(request)
            except LoginNeeded:
                return _to_login(request)
            except Refusal:
                return _failed(request, 403, "error.form")
            except StoreFull:
                return _failed(request, 507, "error.full")
            except NotFound:
                return _failed(request, 404, "error.missing")
            except Damaged as error:
                return _failed(request, 409, "error.damaged", str(error))
            except (StoreError, JobError) as error:
                return _failed(request, 409, "error.refused", str(error))

        return handler


def _to_login(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    place = LOGIN if request.method != "GET" or wanted == "/staff" else f"{LOGIN}?next={quote(wanted, safe='')}"
    if request.headers.get("hx-request") == "true":
        return Response(status_code=204, headers={"hx-redirect": LOGIN})
    return RedirectResponse(place, 303)


def _failed(request: Request, status: int, key: str, detail: str = "") -> Response:
    desk = present(request)
    if desk is None:
        return _to_login(request)
    if request.headers.get("hx-request") == "true":
        return draw(desk, "trouble", key=key, detail=detail)  # htmx swaps what came with 200 only
    return draw(desk, "error", status, key=key, detail=detail, back=_came_from(request))


def _came_from(request: Request) -> str:
    """The page of the staff on which a form was sent, to go back to; empty where it was another."""
    came = urlsplit(request.headers.get("referer", ""))
    ours = came.netloc == request.headers.get("host") and came.path.startswith("/staff")
    return came.path if ours and came.path != request.url.path else ""
