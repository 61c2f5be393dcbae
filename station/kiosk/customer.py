"""The customer's way as pages: ``/`` shows where the visit is, ``/do/…`` takes a step, ``/live/…`` shows work."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, WebSocket
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.websockets import WebSocketDisconnect

from station.kiosk import flow, takeaway, views, who
from station.kiosk import visit_files as names
from station.kiosk.flow import Way
from station.kiosk.security import FIELD, HEADER, Session
from station.kiosk.sources import LARGEST_SCAN, side_of
from station.kiosk.texts import Words
from station.kiosk.uploads import sent_form
from station.store import Store, files, visits
from station.store.errors import NotFound
from station.store.records import Visit

if TYPE_CHECKING:
    from station.kiosk.app import Kiosk

router = APIRouter()
MOST_FIELDS, LONGEST_FIELD = 40, 16 * 1024
LAYOUT_S = 25.0  #: devices may take so long to connect
NO_LAYOUT: dict[str, Any] = {"cells": [[20.0, 20.0, 40.0, 40.0]], "sides": ["left"]}


def kiosk_of(request: Request | WebSocket) -> Kiosk:
    """The kiosk that is asked."""
    kiosk: Kiosk = request.app.state.kiosk
    return kiosk


# ------------------------------------------------------------------ what is shown


@router.get("/")
async def page(request: Request) -> Response:
    """The screen that the visit is at."""
    kiosk = kiosk_of(request)
    session = kiosk.session(request)
    found = await kiosk.here(session)
    if found is None and session.visit:
        session = kiosk.sessions.new()
    if found is None:
        if not session.lang:
            return kiosk.pages.draw(request, "customer/welcome", session, screen="welcome")
        return kiosk.pages.draw(request, "customer/consent", session, screen="consent", way=Way(lang=session.lang))
    visit, way = found
    kiosk.desk.attend(visit.id, way)
    known = await _known(kiosk, visit, way)
    known |= {"screen": way.screen, "way": way, "visit": visit}
    return kiosk.pages.draw(request, f"customer/{way.screen}", session, **known)


async def _known(kiosk: Kiosk, visit: Visit, way: Way) -> dict[str, Any]:
    """What a screen shows beside its words."""
    show = _SCREENS.get(way.screen)
    return await show(kiosk, visit, way, Words(way.lang)) if show is not None else {}


async def _document(kiosk: Kiosk, visit: Visit, name: str) -> dict[str, Any]:
    try:
        return views.document(await kiosk.desk.in_store(files.get, visit.id, name))
    except NotFound:
        return {}


async def _of_who(kiosk: Kiosk, visit: Visit, way: Way, say: Words) -> dict[str, Any]:
    family = await kiosk.desk.in_store(who.family_of, visit)
    return {"family": family, "age": kiosk.settings.age_of_consent}


async def _of_guardian(kiosk: Kiosk, visit: Visit, way: Way, say: Words) -> dict[str, Any]:
    year = kiosk.store.now().year
    return {"years": range(year - 1, year - kiosk.settings.age_of_consent - 2, -1)}


async def _of_scan(kiosk: Kiosk, visit: Visit, way: Way, say: Words) -> dict[str, Any]:
    words = {"waiting": say("scan.waiting"), "lost": say("scan.lost"), "done": "", "failed": ""}
    return {"words": words, "upload": kiosk.settings.scan.startswith("upload")}


async def _of_score(kiosk: Kiosk, visit: Visit, way: Way, say: Words) -> dict[str, Any]:
    measured = await _document(kiosk, visit, names.MEASUREMENTS) if way.scanned else {}
    return {
        "problems": views.problems(way, say),
        "score": views.score(measured),
        "art": views.REMEDIES.get(way.trouble, "still"),
    }


async def _of_walk(kiosk: Kiosk, visit: Visit, way: Way, say: Words) -> dict[str, Any]:
    words = {key: say(f"walk.{key}") for key in ("steps", "low", "high")} | {"step": say("walk.steps.one")}
    words |= {"lost": say("scan.lost"), "left": say("left"), "right": say("right")}
    return {"words": words, "walker": kiosk.desk.walker is not None, "upload": kiosk.settings.walk == ("upload:",)}


async def _of_result(kiosk: Kiosk, visit: Visit, way: Way, say: Words) -> dict[str, Any]:
    if way.made == "working":
        return {"making": True}
    return await kiosk.desk.in_store(views.result, visit.id, way, kiosk.settings, say)


async def _of_choose(kiosk: Kiosk, visit: Visit, way: Way, say: Words) -> dict[str, Any]:
    stored = await _document(kiosk, visit, names.LINES)
    whole = way.choice.length == "full"  # what is there to be cut
    cuts = {side: views.cuts(stored, side) if whole else "" for side in way.scanned}
    return {"lengths": flow.LENGTHS, "cuts": cuts}


async def _of_confirm(kiosk: Kiosk, visit: Visit, way: Way, say: Words) -> dict[str, Any]:
    names_of = {
        "cover": kiosk.settings.cover(way.choice.cover).names[way.lang],
        "shoe": kiosk.settings.shoe(way.choice.shoe).names[way.lang],
        "length": say(f"choose.{way.choice.length}"),
    }
    return {"chosen": names_of, "viewer": views.viewer_words(say)}


_SCREENS: Mapping[str, Callable[[Any, Visit, Way, Words], Awaitable[dict[str, Any]]]] = {
    "who": _of_who, "guardian": _of_guardian, "scan": _of_scan, "score": _of_score, "walk": _of_walk,
    "result": _of_result, "choose": _of_choose, "confirm": _of_confirm, "takeaway": takeaway.known,
}  # fmt: skip


@router.get("/v/{visit_id}/{name}")
async def visit_file(request: Request, visit_id: str, name: str) -> Response:
    """A picture of this browser's own visit."""
    kiosk = kiosk_of(request)
    found = await kiosk.here(kiosk.session(request))
    if found is None or found[0].id != visit_id:
        raise NotFound("expected one's own visit")
    visit, way = found
    side, _, kind = name.partition(".")
    if kind == "lines.json" and side in flow.BOTH:
        return JSONResponse(views.lines(await _document(kiosk, visit, names.LINES), side, Words(way.lang)))
    if name not in names.SHOWN:
        raise NotFound("expected a file that is shown")
    await kiosk.desk.wait(visit.id, "later")  # of a scan that has just been made the skin is on its way
    data = await kiosk.desk.in_store(files.get, visit.id, name)
    headers = {"cache-control": "no-store"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        data = await asyncio.to_thread(gzip.compress, data, 5, mtime=0)
        headers |= {"content-encoding": "gzip", "vary": "accept-encoding"}
    return Response(data, media_type=names.SHOWN[name], headers=headers)


# ------------------------------------------------------------------ steps


class Refusal(Exception):
    """A form that is not this session's."""


async def form_of(request: Request, kiosk: Kiosk, session: Session, most_files: int = 0) -> FormData:
    """The form that was sent, if it was made for this session. Refusal."""
    try:
        if most_files:
            form = await sent_form(request, most_files, MOST_FIELDS, LONGEST_FIELD)
        else:
            form = await request.form(max_files=0, max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD)
    except MultiPartException as error:
        raise Refusal(str(error)) from error
    token = request.headers.get(HEADER) or form.get(FIELD)
    if not isinstance(token, str) or not kiosk.sessions.is_token(session, token):
        raise Refusal("the form is not of this session")
    return form


def go_home() -> Response:
    """To the screen where the visit is now."""
    return RedirectResponse("/", 303)


@router.post("/start")
async def start(request: Request) -> Response:
    """The first tap: a language, and with it a session that nobody had before."""
    kiosk = kiosk_of(request)
    session = kiosk.session(request)
    form = await form_of(request, kiosk, session)
    lang = str(form.get("lang"))
    if lang not in kiosk.settings.languages:
        raise Refusal("no such language")
    await _leave(kiosk, session)
    answer = go_home()
    kiosk.pages.remember(answer, kiosk.sessions.new(lang=lang))
    return answer


@router.post("/do/{step}")
async def do(request: Request, step: str) -> Response:
    """A step of the visit; whatever it was, the visit's screen is shown then."""
    kiosk = kiosk_of(request)
    session = kiosk.session(request)
    form = await form_of(request, kiosk, session)
    answer = go_home()
    if step == "finished" or (step == "back" and not session.visit):
        await _leave(kiosk, session)
        kiosk.pages.remember(answer, kiosk.sessions.new())
        return answer
    found = await kiosk.here(session)
    if found is None:
        if step == "agreed" and session.lang:
            kiosk.pages.remember(answer, await _begun(kiosk, session, _agreed(form)))
        return answer
    visit, way = found
    if step == "back" and way.screen == "consent":
        await _leave(kiosk, session)
        kiosk.pages.remember(answer, kiosk.sessions.new())
        return answer
    if step == "enough":
        kiosk.desk.stop_walking(visit.id)
        await kiosk.desk.wait(visit.id, "walk")
    elif step in who.STEPS:
        await who.STEPS[step](kiosk, visit, way, form)
    elif step == "confirmed":
        await takeaway.order(kiosk, visit, way)
    elif step in _EVENTS:
        await kiosk.desk.take(visit.id, _EVENTS[step](form))
    return answer


def _agreed(form: FormData) -> flow.Agreed:
    return flow.Agreed(tuple(p for p in flow.PURPOSES if p == "measure" or form.get(p)))


def _prepared(form: FormData) -> flow.Prepared:
    feet = str(form.get("feet", "both"))
    return flow.Prepared(tuple(s for s in flow.BOTH if feet in ("both", s)), str(form.get("stance", "standing")))


def _chosen(form: FormData) -> flow.Chosen:
    cover, length, shoe = (str(form.get(key, "")) for key in ("cover", "length", "shoe"))
    return flow.Chosen(flow.Choice(cover, length, shoe))


_EVENTS: Mapping[str, Callable[[FormData], flow.Event]] = {
    "agreed": _agreed,
    "prepared": _prepared,
    "redo": lambda form: flow.Redo(),
    "accepted": lambda form: flow.Accepted(),
    "without": lambda form: flow.WalkLeftOut(),
    "continue": lambda form: flow.Continue(),
    "chosen": _chosen,
    "back": lambda form: flow.Back(),
}


async def _begun(kiosk: Kiosk, session: Session, agreed: flow.Agreed) -> Session:
    """A visit in the store; the cookie that opens it is new."""
    way = flow.step(Way(lang=session.lang, walks=kiosk.desk.walker is not None), agreed)

    def begun(store: Store) -> Session:
        with store.write():
            visit = visits.start(store, session.lang, kiosk.place, None, way.screen)
            after = kiosk.sessions.renewed(session, visit=visit.id)
            visits.save(store, visit.id, way.screen, {"way": flow.to_json(way), "nonce": after.nonce})
        return after

    return await kiosk.desk.in_store(begun)


async def _leave(kiosk: Kiosk, session: Session) -> None:
    """Close what this browser had open."""
    found = await kiosk.here(session)
    if found is not None:
        await kiosk.desk.take(found[0].id, flow.Finished())
        await kiosk.desk.drop(found[0].id)


@router.post("/upload/{visit_id}")
async def upload(request: Request, visit_id: str) -> Response:
    """Files instead of a device's, where the studio takes them (``upload:``); read in a child process alone."""
    kiosk = kiosk_of(request)
    session = kiosk.session(request)
    found = await kiosk.here(session)
    if found is None or found[0].id != visit_id:
        raise NotFound("expected one's own visit")
    async with kiosk.uploads.turn(request):
        await _taken(kiosk, found[0].id, found[1], await form_of(request, kiosk, session, most_files=2))
    return go_home()


async def _taken(kiosk: Kiosk, visit_id: str, way: Way, form: FormData) -> None:
    """Give what was sent to the work that waits for it, until that is over. Refusal."""
    wanted = {"scan": kiosk.settings.scan, "walk": "".join(kiosk.settings.walk)}.get(way.screen, "")
    sent = [item for item in form.getlist("file") if isinstance(item, UploadFile)]
    if not wanted.startswith("upload") or not sent or sum(item.size or 0 for item in sent) > LARGEST_SCAN:
        raise Refusal("no file is taken here")
    came = {}
    for item in sent:
        suffix = "." + (item.filename or "").rpartition(".")[2].lower()[:8]
        name = side_of(item.filename or "") if way.screen == "scan" else "walk"
        name = ("pair" if len(way.feet) == 2 and len(sent) == 1 else way.feet[0]) if name == "unknown" else name
        came[f"{name}{suffix if suffix[1:].isalnum() else ''}"] = await item.read()
    await form.close()
    kind = "scan" if way.screen == "scan" else "walk"
    kiosk.desk.attend(visit_id, way)
    await kiosk.desk.give(visit_id, came)
    await kiosk.desk.wait(visit_id, kind)


# ------------------------------------------------------------------ live


@router.get("/live/walk/{visit_id}/layout.json")
async def layout(request: Request, visit_id: str) -> Response:
    """Where the cells of the sensors are, as soon as they are connected."""
    kiosk = kiosk_of(request)
    found = await kiosk.here(kiosk.session(request))
    if found is None or found[0].id != visit_id:
        raise NotFound("expected one's own visit")
    kiosk.desk.attend(found[0].id, found[1])
    channel = kiosk.desk.channel(visit_id, "walk")
    waited_s = 0.0
    while channel is not None and not channel.closed and "layout" not in channel.state and waited_s < LAYOUT_S:
        await asyncio.sleep(0.05)
        waited_s += 0.05
    return JSONResponse(channel.state.get("layout", NO_LAYOUT) if channel is not None else NO_LAYOUT)


@router.websocket("/live/{kind}/{visit_id}")
async def live(socket: WebSocket, kind: str, visit_id: str) -> None:
    """What a scan or a walk is like while it goes on; ends with the state ``done``."""
    kiosk = kiosk_of(socket)
    found = await kiosk.here(kiosk.session(socket))
    if found is None or found[0].id != visit_id or kind not in ("scan", "walk", "made"):
        await socket.close(1008)
        return
    visit, way = found
    await socket.accept()
    kiosk.desk.attend(visit.id, way)
    channel = kiosk.desk.channel(visit.id, kind)
    listening = asyncio.create_task(_until_gone(socket))
    try:
        if channel is not None:
            sending = asyncio.create_task(_send(socket, channel, kind, Words(way.lang)))
            await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            await asyncio.wait({sending})
        if not listening.done():
            await socket.send_text(json.dumps({"state": "done"}))
            await socket.close(1000)
    except (WebSocketDisconnect, RuntimeError):
        pass  # it went away meanwhile
    finally:
        listening.cancel()


async def _send(socket: WebSocket, channel: Any, kind: str, say: Words) -> None:
    async for frame in channel.frames():
        if isinstance(frame, bytes):
            await socket.send_bytes(frame)
            continue
        state = json.loads(frame)
        state.pop("layout", None)
        if state["state"] == "done":
            return  # told at the end, when all is kept
        more = {name: state.pop(name, False) for name in ("busy", "measuring")}
        key = f"{kind}.{next((name for name, is_so in more.items() if is_so), state['state'])}"
        await socket.send_text(json.dumps(state | ({"text": say(key)} if say.has(key) else {}), ensure_ascii=False))


async def _until_gone(socket: WebSocket) -> None:
    """Nothing is said to us; whoever says much is not listened to."""
    for _ in range(1000):
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
