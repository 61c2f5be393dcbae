"""Coming in with a PIN, going out, the language."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from station.kiosk.staff.access import IDLE_MINUTES, Desk, Refusal, door_of, form_of, inside, present, remember
from station.kiosk.staff.drawing import LOGIN, StaffRoute, draw
from station.messages import LANGUAGES
from station.store import audit, settings, staff
from station.store.errors import Locked, NotFound, WrongPin

router = APIRouter(route_class=StaffRoute)


def _anybody(request: Request) -> Desk:
    """This browser's session, or a new one of nobody."""
    desk = present(request)
    if desk is not None:
        return desk
    kiosk, door = request.app.state.kiosk, door_of(request)
    return Desk(kiosk, door, door.begin(kiosk.settings.languages[0]))


def _own(place: str) -> str:
    """Where to go after the PIN: a page of the staff, no other."""
    good = place.startswith("/staff") and not place.startswith("/staff/log") and "\\" not in place
    return place if good and place.isprintable() and len(place) < 300 else "/staff"


@router.get(LOGIN)
async def login(request: Request, lang: str = "") -> Response:
    """Who are you, and your PIN."""
    desk, wanted = _anybody(request), _own(request.query_params.get("next", "/staff"))
    if desk.session.staff_id:
        return RedirectResponse(wanted, 303)
    if lang in LANGUAGES:
        desk = Desk(desk.kiosk, desk.door, desk.door.change(desk.session, lang=lang))
    return await _shown(desk, wanted)


async def _shown(desk: Desk, wanted: str, status: int = 200, trouble: str = "", **known: object) -> Response:
    everybody = await desk.kiosk.desk.in_store(staff.listing)
    chosen = str(known.get("chosen", everybody[0].id if len(everybody) == 1 else ""))
    said = desk.say(trouble, **known) if trouble else ""
    return draw(desk, "login", status, everybody=everybody, chosen=chosen, wanted=wanted, trouble=said)


@router.post(LOGIN)
async def enter(request: Request) -> Response:
    """The PIN: right, and a new session begins; wrong, and it is counted."""
    desk = _anybody(request)
    form = await form_of(request, desk)
    wanted, staff_id = _own(str(form.get("next", "/staff"))), str(form.get("staff", ""))[:40]
    if not desk.door.tries.allow():
        return await _shown(desk, wanted, 429, "login.often")
    kiosk = desk.kiosk
    try:
        known = await kiosk.desk.in_store(staff.check, staff_id, str(form.get("pin", ""))[:200])
    except WrongPin as error:
        return await _shown(desk, wanted, 403, "login.wrong", left=error.tries_left, chosen=staff_id)
    except Locked as error:
        minutes = max(1, round(error.seconds / 60.0))
        return await _shown(desk, wanted, 403, "login.locked", minutes=minutes, chosen=staff_id)
    except NotFound:
        return await _shown(desk, wanted, 403, "login.who")
    idle = float(await kiosk.desk.in_store(settings.get, "staff_idle_minutes", IDLE_MINUTES))
    desk.door.idle_s = 60.0 * idle
    session = desk.door.enter(desk.session, known.id, known.name)
    return remember(RedirectResponse(wanted, 303), Desk(kiosk, desk.door, session))


@router.post("/staff/logout")
async def leave(request: Request) -> Response:
    """Out; whoever is out already is as well."""
    desk = present(request)
    if desk is not None:
        form = await form_of(request, desk)
        desk.door.leave(desk.session)
        if desk.session.staff_id:
            how = "idle" if form.get("idle") else "self"
            left = partial(audit.record, action="staff.leave", subject=desk.by, by=desk.by, how=how)
            await desk.kiosk.desk.in_store(left)
    return RedirectResponse(LOGIN, 303)


@router.get("/staff/here")
async def here(request: Request) -> Response:
    """Somebody touches the page that is shown: the session goes on."""
    return Response(status_code=204 if present(request) else 403)


@router.post("/staff/language")
async def language(request: Request) -> Response:
    """The other language, on the same page."""
    desk = inside(request)
    form = await form_of(request, desk)
    lang = str(form.get("lang"))
    if lang not in LANGUAGES:
        raise Refusal("no such language")
    desk.door.change(desk.session, lang=lang)
    back = str(form.get("back", "/staff"))
    return RedirectResponse(back if back.startswith("/staff") and back.isprintable() else "/staff", 303)
