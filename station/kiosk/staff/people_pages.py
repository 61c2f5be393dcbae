"""People: looking them up, all that is kept of one, merging two, erasing one."""

from __future__ import annotations

import io
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from station.kiosk.staff import correcting, searching
from station.kiosk.staff.access import form_of, inside
from station.kiosk.staff.drawing import StaffRoute, draw, go
from station.store import (
    Store,
    audit,
    consents,
    files,
    moving,
    orders,
    people,
    portability,
    privacy,
    receipts,
    staff,
    visits,
)
from station.store.errors import Erased, NotFound, Refused
from station.store.records import PURPOSES, Person

router = APIRouter(route_class=StaffRoute)


@router.get("/staff/search")
async def search(request: Request) -> Response:
    """Everybody and every order that fits."""
    desk = inside(request)
    text, state, first, last = (request.query_params.get(key, "") for key in ("q", "state", "from", "to"))
    asked = searching.asked(text, state, first, last)
    order_id = searching.order_in(asked.text)
    if order_id is not None:
        try:
            found_order = await desk.kiosk.desk.in_store(orders.get, order_id)
            return RedirectResponse(f"/staff/order/{found_order.id}", 303)
        except NotFound:
            pass
    found = () if asked.empty else await desk.kiosk.desk.in_store(searching.search, asked)
    return draw(
        desk, "search", part="search", asked=asked, typed={"q": asked.text, "from": first, "to": last}, hits=found,
        states=searching.STATES, most=searching.MOST,
    )  # fmt: skip


@router.get("/staff/person/{person_id}")
async def one(request: Request, person_id: str, other: str = "") -> Response:
    """All that is kept of somebody."""
    desk = inside(request)

    def found(store: Store) -> dict[str, Any]:
        person = people.get(store, person_id)
        every = visits.of_person(store, person.id)
        due = {item.person_id: item for item in privacy.due(store)}
        return {
            "person": person,
            "family": [p for p in people.family(store, person.profile_id) if p.id != person.id],
            "visits": every,
            "feet": {visit.id: correcting.sides_of(store, visit.id) for visit in every},
            "bytes": {visit.id: sum(file.size for file in files.of_visit(store, visit.id)) for visit in every},
            "orders": {visit.id: orders.of_visit(store, visit.id) for visit in every},
            "consents": consents.of_person(store, person.id),
            "due": due.get(person.id),
            "others": _others(store, other, person.id),
        }

    try:
        known = await desk.kiosk.desk.in_store(found)
    except Erased:
        return draw(desk, "gone", 404, part="search", person_id=person_id)
    return draw(desk, "person", part="search", **known, other=other)


def _others(store: Store, text: str, person_id: str) -> list[Person]:
    """Whom somebody could be merged with."""
    if not text.strip():
        return []
    return [person for person in people.search(store, text[:120], 20) if person.id != person_id]


@router.post("/staff/person/{person_id}/details")
async def change(request: Request, person_id: str) -> Response:
    """Name, phone, e-mail, year of birth, notes; an empty one is taken back."""
    desk = inside(request)
    form = await form_of(request, desk)
    details: dict[str, Any] = {key: str(form.get(key, "")).strip() or None for key in people.DETAILS if key in form}
    year = details.get("birth_year")
    if year is not None:
        if not year.isdigit():
            raise Refused(f"birth year: expected four digits as in 1985, found {year[:20]!r}; correct it")
        details["birth_year"] = int(year)
    now = await desk.kiosk.desk.in_store(people.get, person_id)
    changed = {key: value for key, value in details.items() if getattr(now, key) != value}
    if changed:
        await desk.kiosk.desk.in_store(people.change, person_id, desk.by, **changed)
    return go(desk, f"/staff/person/{person_id}", "person.changed")


@router.post("/staff/person/{person_id}/merge")
async def merge(request: Request, person_id: str) -> Response:
    """Another entry is the same person: everything becomes this one's, the other is erased."""
    desk = inside(request)
    form = await form_of(request, desk)
    other = str(form.get("other", ""))[:40]
    await desk.kiosk.desk.in_store(moving.merge, person_id, other, desk.by)
    return go(desk, f"/staff/person/{person_id}", "person.merged", other=other)


@router.post("/staff/person/{person_id}/export.zip")
async def export(request: Request, person_id: str) -> Response:
    """All that is kept of somebody, in open formats."""
    desk = inside(request)
    await form_of(request, desk)

    def made(store: Store) -> bytes:
        out = io.BytesIO()
        portability.export(store, person_id, out, by=desk.by)
        return out.getvalue()

    data = await desk.kiosk.desk.in_store(made)
    headers = {"content-disposition": f'attachment; filename="{person_id}.zip"'}
    return Response(data, media_type="application/zip", headers=headers)


@router.post("/staff/person/{person_id}/withdraw")
async def withdraw(request: Request, person_id: str) -> Response:
    """Somebody took a consent back, and told the staff."""
    desk = inside(request)
    form = await form_of(request, desk)
    purpose = str(form.get("purpose", ""))
    for known in PURPOSES:
        if known == purpose:
            await desk.kiosk.desk.in_store(consents.withdraw, person_id, known, desk.by)
            return go(desk, f"/staff/person/{person_id}", "person.withdrawn", purpose=desk.say(f"purpose.{known}"))
    raise Refused(f"expected a purpose of a consent, found {purpose[:20]!r}")


@router.post("/staff/person/{person_id}/erase")
async def erase(request: Request, person_id: str) -> Response:
    """Somebody asked to be erased; the answer is the receipt, to be handed over."""
    desk = inside(request)
    form = await form_of(request, desk)
    if str(form.get("sure", "")).strip().upper() != person_id:
        return go(desk, f"/staff/person/{person_id}", "erase.not_sure", "warn")
    for visit in await desk.kiosk.desk.in_store(visits.of_person, person_id):
        await desk.kiosk.desk.drop(visit.id)
        await request.app.state.rescans.drop(visit.id)
        desk.door.drafts.forget_visit(visit.id)
    receipt = await desk.kiosk.desk.in_store(privacy.erase, person_id, desk.by)
    return draw(desk, "receipt", part="search", receipt=receipt, document=receipts.document(receipt))


@router.get("/staff/audit/{subject}")
async def history(request: Request, subject: str) -> Response:
    """What was done to one person, order or visit."""
    desk = inside(request)
    entries = await desk.kiosk.desk.in_store(audit.entries, subject[:60], 200)
    known = {one.id: one.name for one in await desk.kiosk.desk.in_store(staff.listing)}
    return draw(
        desk, "log", part="log", entries=entries, subject=subject[:60], page=0, more=False, verdict=None, staff=known
    )
