"""Orders: what is to be done today, each one's steps, its sheet, its files, several as a batch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from station.kiosk import visit_files as names
from station.kiosk.staff import correcting, exporting, prescribing, searching
from station.kiosk.staff.access import Desk, form_of, inside
from station.kiosk.staff.drawing import StaffRoute, draw, go
from station.kiosk.takeaway import address, qr
from station.store import Store, audit, files, orders, people, staff, visits
from station.store.errors import Damaged, NotFound, Refused
from station.store.records import Order, OrderState, Person

router = APIRouter(route_class=StaffRoute)
SHOWN_EVENTS = 40


def names_of(store: Store, wanted: tuple[Order, ...]) -> dict[str, Person]:
    """Whose orders these are; without those whose details are damaged."""
    found: dict[str, Person] = {}
    for person_id in {order.person_id for order in wanted}:
        with suppress(Damaged):
            found[person_id] = people.get(store, person_id)
    return found


def titles(desk: Desk, choice: Any) -> list[str]:
    """What is to be made, in words: cover, shoe, length."""
    lang, told = desk.session.lang, []
    for kind, every in (("cover", desk.kiosk.settings.covers), ("shoe", desk.kiosk.settings.shoes)):
        key = choice.get(kind)
        told += [item.names[lang] for item in every if item.key == key] or ([str(key)] if key else [])
    length = choice.get("length") or choice.get("edits", {}).get("length")
    return [*told, desk.say(f"length.{length}")] if length in ("full", "sulcus", "three_quarter") else told


@router.get("/staff")
async def today(request: Request, show: str = "today") -> Response:
    """What is to be done."""
    desk = inside(request)
    show = show if show in ("today", "all", *searching.STATES) else "today"

    def found(store: Store) -> tuple[tuple[Order, ...], dict[str, Person], dict[str, int], int, tuple[str, ...]]:
        todays = searching.today(store)
        counts = {str(state): sum(o.state == state for o in todays) for state in searching.OPEN_STATES}
        if show == "today":
            chosen = todays
        else:
            chosen = orders.listing(store, None if show == "all" else [_state(show)])[: searching.MOST]
        return chosen, names_of(store, chosen), counts, len(visits.unfinished(store)), orders.unreadable(store)

    chosen, whose, counts, here, damaged = await desk.kiosk.desk.in_store(found)
    late = {o.id for o in chosen if searching.waits_too_long(o, desk.kiosk.store.now(), 7)}
    return draw(
        desk, "orders", part="orders", orders=chosen, whose=whose, counts=counts, show=show, unfinished=here, late=late,
        damaged=damaged,
        states=searching.STATES, steps=orders.STEPS, what={o.id: titles(desk, o.choice) for o in chosen},
    )  # fmt: skip


def _state(text: str) -> OrderState:
    for state in searching.STATES:
        if state == text:
            return state
    raise Refused(f"expected one of {', '.join(searching.STATES)}, found {text[:20]!r}")


@router.get("/staff/order/{order_id}")
async def one(request: Request, order_id: str) -> Response:
    """An order: where it stands, what is to be made, every step of it."""
    desk = inside(request)

    def found(store: Store) -> dict[str, Any]:
        order = orders.get(store, order_id)
        roles = [file.role for file in files.of_visit(store, order.visit_id)]
        return {
            "order": order,
            "person": people.get(store, order.person_id),
            "events": orders.events(store, order.id)[::-1][:SHOWN_EVENTS],
            "printed": [r for r in roles if r in _printed()],
            "sides": correcting.sides_of(store, order.visit_id),
            "staff": {s.id: s.name for s in staff.listing(store)},
            "prescription": correcting.document(store, order.visit_id, names.PRESCRIPTION).get("feet", {}),
        }

    known = await desk.kiosk.desk.in_store(found)
    events = known["events"]
    undoable = any(not event.undone and event.kind in ("state", "edit") for event in events)
    return draw(
        desk, "order", part="orders", **known, what=titles(desk, known["order"].choice), undoable=undoable,
        steps=orders.STEPS, states=searching.OPEN_STATES, asked=_asked(known["prescription"]),
    )  # fmt: skip


def _asked(feet: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(foot or both, field, value as the form has it) of everything that a person asked for."""
    told: dict[tuple[str, str], list[str]] = {}
    for side, foot in feet.items():
        for name, entry in foot["fields"].items():
            if entry["by"] == "person" and name != "label":
                told.setdefault((name, prescribing.shown(entry["value"])), []).append(side)
    return [("both" if len(sides) > 1 else sides[0], name, value) for (name, value), sides in told.items()]


def _printed() -> tuple[str, ...]:
    return tuple(name.format(side=side) for side in ("left", "right") for name in names.PRINTED)


@router.post("/staff/order/{order_id}/move")
async def move(request: Request, order_id: str) -> Response:
    """The next state, with a note where a check failed."""
    desk = inside(request)
    form = await form_of(request, desk)
    to, note = _state(str(form.get("to"))), str(form.get("note", ""))[:300]
    order = await desk.kiosk.desk.in_store(orders.move, order_id, to, desk.by, note)
    return go(desk, _back(form.get("back"), order.id), "order.moved", order=order.id, state=desk.say(f"state.{to}"))


@router.post("/staff/order/{order_id}/undo")
async def undo(request: Request, order_id: str) -> Response:
    """The last step is taken back; insoles are drawn again where it was a prescription."""
    desk = inside(request)
    form = await form_of(request, desk)
    store = desk.kiosk.store
    before = await desk.kiosk.desk.in_store(orders.get, order_id)
    after = await desk.kiosk.desk.in_store(orders.undo, order_id, desk.by)
    if dict(after.choice) != dict(before.choice):
        sides = correcting.sides_of(store, after.visit_id)
        made = await correcting.drawn(store, desk.kiosk.desk.workers, after.visit_id, sides, after.choice, "print")
        await desk.kiosk.desk.in_store(correcting.keep_insoles, after.visit_id, after.choice, made, desk.by)
    return go(
        desk, _back(form.get("back"), after.id), "order.undone", order=after.id, state=desk.say(f"state.{after.state}")
    )


def _back(wanted: object, order_id: str) -> str:
    text = str(wanted or "")
    return text if text.startswith("/staff") and text.isprintable() and len(text) < 200 else f"/staff/order/{order_id}"


# ------------------------------------------------------------------ on paper, on the printer, as a batch


def _address(desk: Desk, order_id: str) -> str:
    """What the sheet's QR holds: the order's page where others can reach it, else the id for a reader at the desk."""
    found = address(desk.kiosk, "")
    return found.rpartition("/t/")[0] + f"/staff/order/{order_id}" if found else order_id


@router.get("/staff/order/{order_id}/sheet.pdf")
async def sheet(request: Request, order_id: str) -> Response:
    """The technician's sheet; as a page to be printed where there is no font for a PDF."""
    from station import report

    desk = inside(request)
    if report.why_no_pdf(desk.session.lang) is not None:
        return RedirectResponse(f"/staff/order/{order_id}/sheet", 303)
    documents = await desk.kiosk.desk.in_store(_documents, order_id)

    def made(store: Store) -> bytes:
        audit.record(store, "order.sheet", order_id, desk.by)
        return report.pdf(documents, (), desk.session.lang, "technician", _address(desk, order_id))

    data = await desk.kiosk.desk.in_store(made)
    return Response(data, media_type="application/pdf", headers=_named(f"{order_id}.pdf", "inline"))


@router.get("/staff/order/{order_id}/sheet")
async def sheet_page(request: Request, order_id: str) -> Response:
    """The same as a page."""
    from station.report_content import Words
    from station.report_tables import tables

    desk = inside(request)
    documents = await desk.kiosk.desk.in_store(_documents, order_id)
    order = await desk.kiosk.desk.in_store(orders.get, order_id)
    found = tables(documents, Words(desk.session.lang))
    return draw(
        desk, "sheet", part="orders", order=order, tables=found, code=qr(_address(desk, order_id)),
        what=titles(desk, order.choice),
    )  # fmt: skip


def _documents(store: Store, order_id: str) -> dict[str, Any]:
    """What the sheet is made of, the order's id as its label."""
    order = orders.get(store, order_id)
    kept = (names.MEASUREMENTS, names.PRESSURE, names.PRESCRIPTION)
    found = {name: correcting.document(store, order.visit_id, name) for name in kept}
    for foot in found[names.PRESCRIPTION].get("feet", {}).values():
        if not foot["fields"].get("label", {}).get("value"):
            foot["fields"]["label"] = {"value": order.id, "reason": "", "source": "", "by": "default"}
    return {name: document for name, document in found.items() if document}


@router.get("/staff/order/{order_id}/{name}")
async def printed(request: Request, order_id: str, name: str) -> Response:
    """A file for the printer."""
    desk = inside(request)
    if name not in _printed():
        raise NotFound("expected a file for the printer")

    def found(store: Store) -> bytes:
        order = orders.get(store, order_id)
        audit.record(store, "order.file", order.id, desk.by, role=name)
        return files.get(store, order.visit_id, name)

    data = await desk.kiosk.desk.in_store(found)
    kind = "model/3mf" if name.endswith(".3mf") else "model/stl"
    return Response(data, media_type=kind, headers=_named(f"{order_id}.{name}"))


@router.post("/staff/batch.zip")
async def batch(request: Request) -> Response:
    """The chosen orders for `plantar batch`."""
    desk = inside(request)
    form = await form_of(request, desk)
    chosen = [str(value)[:40] for value in form.getlist("order")]
    if not chosen:
        return go(desk, "/staff", "batch.none", "warn")
    made = await desk.kiosk.desk.in_store(exporting.export, chosen, desk.by)
    return Response(made.data, media_type="application/zip", headers=_named("orders.zip"))


def _named(name: str, how: str = "attachment") -> dict[str, str]:
    return {"content-disposition": f'{how}; filename="{name}"'}
