"""Landmarks moved by hand on pictures of the foot: what follows is shown at once, the insole drawn with it."""

from __future__ import annotations

import json
import math
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from station.kiosk import flow
from station.kiosk import visit_files as names
from station.kiosk.processing import Answer, JobError
from station.kiosk.staff import correcting
from station.kiosk.staff.access import Desk, form_of, inside
from station.kiosk.staff.drafts import Draft
from station.kiosk.staff.drawing import StaffRoute, draw, go
from station.kiosk.staff.visit_pages import known_of
from station.kiosk.texts import Words
from station.kiosk.views import viewer_words
from station.report_content import Words as ReportWords
from station.report_content import number
from station.store import Store, visits
from station.store.errors import NotFound, Refused

router = APIRouter(route_class=StaffRoute)
FARTHEST_MM = 1000.0  #: no landmark is farther from the heel; what is refused on the foot is refused there


def _side(text: str) -> str:
    if text not in flow.BOTH:
        raise NotFound("expected left or right")
    return text


async def _pictured(desk: Desk, visit_id: str, side: str) -> tuple[int, Draft]:
    """The pictures of a foot, kept for this session."""
    data = await desk.kiosk.desk.in_store(correcting.foot_as_found, visit_id, side)
    answer = await desk.kiosk.desk.workers.do("pictures", {names.FOOT.format(side=side): data})
    draft = Draft(visit_id, answer.files, answer.document)
    return desk.door.drafts.put(desk.session.nonce, draft), draft


@router.get("/staff/visit/{visit_id}/landmarks/{side}")
async def page(request: Request, visit_id: str, side: str) -> Response:
    """The pictures with every landmark of a foot."""
    desk, side = inside(request), _side(side)
    known = await desk.kiosk.desk.in_store(known_of, visit_id)
    if side not in known["sides"]:
        raise NotFound("expected a foot that was measured")
    number_, draft = await _pictured(desk, visit_id, side)
    moves = known["moves"].get(side, {})
    found: dict[str, list[float]] = draft.documents["places"]
    model = {
        "views": draft.documents["views"],
        "found": found,
        "moves": moves,
        "names": {name: desk.say(f"landmark.{name}") for name in found},
    }
    return draw(
        desk, "landmarks", part="search", **known, side=side, model=json.dumps(model, ensure_ascii=False),
        draft=number_, views=list(draft.documents["views"]), landmarks=list(found), moved=moves,
        outer="from_left" if side == "left" else "from_right", settled=known["visit"].closed_at is not None,
        viewer=viewer_words(Words(desk.session.lang)), found=found,
    )  # fmt: skip


def _moves(form: FormData) -> correcting.Moves:
    """Landmark -> where to; Refused for what are no places."""
    try:
        told: Any = json.loads(str(form.get("moves", "{}")))
        moves = {str(name)[:40]: [float(v) for v in place] for name, place in dict(told).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused("expected places of landmarks, found something else") from error
    for place in moves.values():
        if len(place) != 3 or not all(math.isfinite(v) and abs(v) < FARTHEST_MM for v in place):
            raise Refused("expected places of landmarks, found something else")
    return dict(sorted(moves.items())[:40])


async def _tried(desk: Desk, visit_id: str, side: str, moves: correcting.Moves, snap: bool, wanted: str) -> Answer:
    """The foot with these landmarks, and its insole as the visit's order asks."""

    def ready(store: Store) -> tuple[bytes, dict[str, Any]]:
        order = correcting.order_of(store, visit_id)
        choice = order.choice if order is not None else {}
        options = correcting.insole_options(store, visit_id, side, choice, wanted)
        return correcting.foot_as_found(store, visit_id, side), options

    data, insole = await desk.kiosk.desk.in_store(ready)
    return await desk.kiosk.desk.workers.do(
        "landmarks", {names.FOOT.format(side=side): data}, moves=moves, snap=snap, insole=insole
    )


@router.post("/staff/visit/{visit_id}/landmarks/{side}/try")
async def tried(request: Request, visit_id: str, side: str) -> Response:
    """What follows, and the insole; nothing is kept."""
    desk, side = inside(request), _side(side)
    form = await form_of(request, desk)
    try:
        answer = await _tried(desk, visit_id, side, _moves(form), form.get("snap") == "yes", "screen")
    except JobError as error:
        return draw(
            desk, "landmarks_tried", trouble=str(error), visit_id=visit_id, side=side, rows=[], draft=0, places="{}",
            viewer="{}",
        )  # fmt: skip
    draft = desk.door.drafts.put(desk.session.nonce, Draft(visit_id, answer.files, answer.document))
    say = ReportWords(desk.session.lang)
    rows = [
        {"name": say.measure(row["key"]), **{when: number(row[when]) for when in ("before", "after")}}
        for row in answer.document["follows"]
    ]
    return draw(
        desk, "landmarks_tried", trouble="", turn=str(form.get("turn", ""))[:20], visit_id=visit_id, side=side,
        rows=rows, draft=draft,
        places=json.dumps(answer.document["places"]), viewer=viewer_words(Words(desk.session.lang)),
    )  # fmt: skip


@router.post("/staff/visit/{visit_id}/landmarks/{side}")
async def keep(request: Request, visit_id: str, side: str) -> Response:
    """The foot with these landmarks is the visit's; without any it is again as it was found."""
    desk, side = inside(request), _side(side)
    form = await form_of(request, desk)
    moves = _moves(form) if form.get("what") != "reset" else {}
    correcting.settled(await desk.kiosk.desk.in_store(visits.get, visit_id))
    before = await desk.kiosk.desk.in_store(correcting.moves_of, visit_id, side)
    answer = await _tried(desk, visit_id, side, moves, form.get("snap") == "yes", "print")
    placed = {name: answer.document["places"][name] for name in moves}
    if "pternion" in moves or "pternion" in before:  # the frame begins at the heel: its skin moves with it
        skin = await desk.kiosk.desk.workers.do("show", {f"{side}.foot": answer.files[f"{side}.foot"]})
        answer = Answer(answer.document, {**answer.files, **skin.files})
    await desk.kiosk.desk.in_store(correcting.keep_landmarks, visit_id, side, placed, answer, desk.by)
    return go(desk, f"/staff/visit/{visit_id}", "landmarks.kept" if moves else "landmarks.reset")


@router.get("/staff/draft/{visit_id}/{draft}/{name}")
async def drawn(request: Request, visit_id: str, draft: int, name: str) -> Response:
    """A picture or model that this session looks at and has not kept."""
    desk = inside(request)
    found = desk.door.drafts.get(desk.session.nonce, draft)
    if found is None or found.visit_id != visit_id or name not in found.files:
        raise NotFound("expected a draft of this session")
    kind = "image/png" if name.endswith(".png") else "model/gltf-binary"
    return Response(found.files[name], media_type=kind)
