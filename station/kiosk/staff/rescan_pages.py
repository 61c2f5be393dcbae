"""Scanning somebody again for a visit that is over: the live picture, the score, and whether to keep it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, WebSocket
from starlette.responses import RedirectResponse, Response
from starlette.websockets import WebSocketDisconnect

from station.kiosk import flow, views
from station.kiosk.staff import correcting
from station.kiosk.staff.access import Desk, cookie_name, form_of, inside
from station.kiosk.staff.drawing import StaffRoute, draw, go
from station.kiosk.staff.rescanning import Rescans
from station.kiosk.staff.visit_pages import known_of
from station.kiosk.texts import Words
from station.store import Store, visits
from station.store.errors import NotFound, Refused

router = APIRouter(route_class=StaffRoute)
AT_IT = timedelta(minutes=5)


def _rescans(request: Request | WebSocket) -> Rescans:
    found: Rescans = request.app.state.rescans
    return found


def _nobody_scans(store: Store) -> None:
    """Refused while a customer stands on the scanner."""
    for visit in visits.unfinished(store):
        if visit.screen == "scan" and store.now() - visit.changed_at < AT_IT:
            raise Refused("expected a free scanner, found a customer on it; wait for them")


@router.post("/staff/visit/{visit_id}/rescan")
async def begin(request: Request, visit_id: str) -> Response:
    """Ask the scanner for one foot or both."""
    desk, rescans = inside(request), _rescans(request)
    form = await form_of(request, desk)
    which = str(form.get("feet", "both"))
    feet = tuple(side for side in flow.BOTH if which in ("both", side))
    if not feet:
        raise Refused(f"expected left, right or both, found {which[:20]!r}")
    visit = await desk.kiosk.desk.in_store(visits.get, visit_id)
    correcting.settled(visit)
    if rescans.busy():
        raise Refused("expected a free scanner, found another scan of the staff; wait for it")
    await desk.kiosk.desk.in_store(_nobody_scans)
    stance = str(form.get("stance", "standing"))
    load = stance if stance in flow.STANCES else "unknown"
    rescans.begin(visit.id, feet, load, desk.kiosk.desk.scanner, desk.kiosk.desk.workers)
    return RedirectResponse(f"/staff/visit/{visit.id}/rescan", 303)


@router.get("/staff/visit/{visit_id}/rescan")
async def page(request: Request, visit_id: str) -> Response:
    """How far it is, then what came of it."""
    desk = inside(request)
    rescan = _rescans(request).of(visit_id)
    if rescan is None:
        return RedirectResponse(f"/staff/visit/{visit_id}", 303)
    known = await desk.kiosk.desk.in_store(known_of, visit_id)
    say = Words(desk.session.lang)
    problems = [
        (say(side), say(f"problem.{code}"), say(f"problem.{code}.do"))
        for side, code in rescan.problems
        if say.has(f"problem.{code}.do")
    ]
    new = dict(views.feet_of(rescan.measured)) if rescan.measured else {}
    return draw(
        desk, "rescan", part="search", **known, rescan=rescan, problems=problems, new=new,
        score=views.score(rescan.measured) if rescan.measured else None, rows=_changes(desk, known["feet"], new),
    )  # fmt: skip


def _changes(desk: Desk, before: Any, after: Any) -> list[dict[str, Any]]:
    """The first measures of each foot, before and after."""
    from station.kiosk.staff.visit_pages import FIRST
    from station.report_content import Words as ReportWords
    from station.report_content import number

    say, rows = ReportWords(desk.session.lang), []
    for key in FIRST:
        cells = {
            side: tuple(
                number(feet[side]["measures"][key]["value"]) if side in feet and key in feet[side]["measures"] else "–"
                for feet in (before, after)
            )
            for side in after
        }
        rows.append({"name": say.measure(key), "of": cells})
    return rows


@router.post("/staff/visit/{visit_id}/rescan/keep")
async def keep(request: Request, visit_id: str) -> Response:
    """The new scan is the visit's; its insoles are drawn anew."""
    desk, rescans = inside(request), _rescans(request)
    await form_of(request, desk)
    rescan = rescans.of(visit_id)
    if rescan is None or not rescan.over or not rescan.measured:
        raise NotFound("expected a scan to keep")
    feet = await desk.kiosk.desk.in_store(correcting.keep_rescan, visit_id, rescan.came, rescan.measured, desk.by)
    await rescans.drop(visit_id)
    await _draw_again(desk, visit_id, feet)
    return go(desk, f"/staff/visit/{visit_id}", "rescan.kept")


@router.post("/staff/visit/{visit_id}/rescan/drop")
async def drop(request: Request, visit_id: str) -> Response:
    """Everything stays as it was."""
    desk = inside(request)
    await form_of(request, desk)
    await _rescans(request).drop(visit_id)
    return go(desk, f"/staff/visit/{visit_id}", "rescan.dropped")


@router.post("/staff/visit/{visit_id}/rescan/undo")
async def undo(request: Request, visit_id: str) -> Response:
    """The scan before the last one is the visit's again."""
    desk = inside(request)
    await form_of(request, desk)
    await desk.kiosk.desk.in_store(correcting.take_back, visit_id, desk.by)
    return go(desk, f"/staff/visit/{visit_id}", "rescan.undone")


async def _draw_again(desk: Desk, visit_id: str, feet: tuple[str, ...]) -> None:
    order = await desk.kiosk.desk.in_store(correcting.order_of, visit_id)
    choice = dict(order.choice) if order is not None else {}
    wanted = "print" if order is not None else "screen"
    made = await correcting.drawn(desk.kiosk.store, desk.kiosk.desk.workers, visit_id, feet, choice, wanted)
    await desk.kiosk.desk.in_store(correcting.keep_insoles, visit_id, choice, made, desk.by)


@router.websocket("/staff/live/{visit_id}")
async def live(socket: WebSocket, visit_id: str) -> None:
    """The scan while it goes on."""
    door, kiosk = socket.app.state.staff, socket.app.state.kiosk
    session = door.read(socket.cookies.get(cookie_name(kiosk)))
    rescan = _rescans(socket).of(visit_id)
    if session is None or not session.staff_id or rescan is None:
        await socket.close(1008)
        return
    await socket.accept()
    say = Words(session.lang)
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        async for frame in rescan.channel.frames():
            if isinstance(frame, bytes):
                await socket.send_bytes(frame)
                continue
            state = json.loads(frame)
            if state["state"] == "done":
                break
            key = "scan.measuring" if state.pop("measuring", False) else f"scan.{state['state']}"
            await socket.send_text(json.dumps(state | ({"text": say(key)} if say.has(key) else {}), ensure_ascii=False))
        if rescan.task is not None:
            await asyncio.wait({rescan.task}, timeout=60.0)
        await socket.send_text(json.dumps({"state": "done"}))
        await socket.close(1000)
