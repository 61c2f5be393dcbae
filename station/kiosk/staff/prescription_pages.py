"""The prescription of a pair, changed field by field: both insoles are drawn again at once; kept when it is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from insole import preset_names
from station.kiosk.processing import JobError
from station.kiosk.staff import correcting, prescribing
from station.kiosk.staff.access import Desk, form_of, inside
from station.kiosk.staff.drafts import Draft
from station.kiosk.staff.drawing import StaffRoute, draw, go
from station.kiosk.staff.visit_pages import known_of
from station.kiosk.texts import Words
from station.kiosk.views import viewer_words
from station.store import orders
from station.store.errors import NotFound, Refused

router = APIRouter(route_class=StaffRoute)


def _choice(known: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked now; of a visit without an order: what the rules choose."""
    order = known["order"]
    if order is not None and order.state != "cancelled":
        return dict(order.choice)
    return {"preset": "everyday", "edits": {}, "feet": list(known["sides"]), "lang": known["visit"].language}


@router.get("/staff/visit/{visit_id}/prescription")
async def page(request: Request, visit_id: str) -> Response:
    """Every field, for both feet."""
    desk = inside(request)
    known = await desk.kiosk.desk.in_store(known_of, visit_id)
    if not known["sides"]:
        raise NotFound("expected a foot that was measured")
    choice = _choice(known)
    asked = {side: prescribing.edits_of(choice, side) for side in known["sides"]}
    shown = await _drawn(desk, visit_id, known["sides"], choice)
    return draw(
        desk, "prescription", part="search", **known, **shown, choice=choice, presets=preset_names(),
        groups=list(prescribing.rows(asked, shown["entries"], {})), open=prescribing.OPEN, wrong={},
        closed=known["order"] is not None and known["order"].state in orders.CLOSED,
        settled=known["visit"].closed_at is not None,
    )  # fmt: skip


async def _drawn(desk: Desk, visit_id: str, sides: tuple[str, ...], choice: Mapping[str, Any]) -> dict[str, Any]:
    """The insoles as a draft of this session, or why there are none."""
    viewer = viewer_words(Words(desk.session.lang))
    try:
        made = await correcting.drawn(desk.kiosk.store, desk.kiosk.desk.workers, visit_id, sides, choice, "screen")
    except JobError as error:
        return {"draft": 0, "entries": {}, "trouble": str(error), "viewer": viewer}
    entries = {answer.document["side"]: answer.document["insole"] for answer in made}
    every = {name: data for answer in made for name, data in answer.files.items()}
    draft = desk.door.drafts.put(desk.session.nonce, Draft(visit_id, every, {"entries": entries}))
    return {"draft": draft, "entries": entries, "trouble": "", "viewer": viewer}


def _asked(
    form: FormData, known: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, prescribing.Edits], dict[str, str]]:
    """The order's choice as the form has it, what it asks by side, and what is wrong with it."""
    before = _choice(known)
    kept = {side: prescribing.edits_of(before, side) for side in known["sides"]}
    edits, wrong = prescribing.parse({str(k): v for k, v in form.items()}, known["sides"], kept)
    preset = str(form.get("preset", before.get("preset", "everyday")))
    if preset not in preset_names():
        raise Refused(f"expected a preset, found {preset[:40]!r}")
    return prescribing.with_edits(before, edits, preset), edits, wrong


@router.post("/staff/visit/{visit_id}/prescription/try")
async def tried(request: Request, visit_id: str) -> Response:
    """The insoles as the form asks; nothing is kept."""
    desk = inside(request)
    form = await form_of(request, desk)
    known = await desk.kiosk.desk.in_store(known_of, visit_id)
    choice, _, wrong = _asked(form, known)
    shown = await _drawn(desk, visit_id, known["sides"], choice)
    return draw(desk, "prescription_tried", **known, **shown, wrong=wrong)


@router.post("/staff/visit/{visit_id}/prescription")
async def keep(request: Request, visit_id: str) -> Response:
    """The order asks this from now on; its insoles are ready to be printed."""
    desk = inside(request)
    form = await form_of(request, desk)
    known = await desk.kiosk.desk.in_store(known_of, visit_id)
    correcting.settled(known["visit"])
    choice, _, wrong = _asked(form, known)
    if wrong:
        return await _again(desk, visit_id, known, form, choice, wrong, "")
    try:
        made = await correcting.drawn(
            desk.kiosk.store, desk.kiosk.desk.workers, visit_id, known["sides"], choice, "print"
        )
    except JobError as error:
        return await _again(desk, visit_id, known, form, choice, {}, str(error))
    note = str(form.get("note", ""))[:300]
    order = await desk.kiosk.desk.in_store(correcting.keep_prescription, visit_id, choice, made, desk.by, note)
    return go(desk, f"/staff/order/{order.id}", "prescription.kept", order=order.id)


async def _again(
    desk: Desk, visit_id: str, known: Mapping[str, Any], form: FormData, choice: dict[str, Any],
    wrong: Mapping[str, str], trouble: str,
) -> Response:  # fmt: skip
    """The same form with what is wrong beside it, as it was typed."""
    typed = {
        side: {name: str(form.get(f"{side}.{name}", "")).strip() for name in prescribing.editable()}
        for side in known["sides"]
    }
    shown = await _drawn(desk, visit_id, known["sides"], choice)
    shown["trouble"] = trouble or shown["trouble"]
    return draw(
        desk, "prescription", 422, part="search", **known, **shown, choice=choice, presets=preset_names(),
        groups=list(prescribing.rows(typed, shown["entries"], wrong)), open=tuple(prescribing.GROUPS), wrong=wrong,
        closed=False, settled=True,
    )  # fmt: skip
