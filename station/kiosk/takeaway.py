"""What the customer takes along: the order, a QR for the phone, a report, feet in 3D, everything, or nothing at all."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import segno
from fastapi import APIRouter, Request
from starlette.responses import Response

from station.kiosk import flow, report_files
from station.kiosk import visit_files as names
from station.kiosk.flow import Way, WrongStep
from station.kiosk.texts import Words
from station.store import (
    Store,
    consents,
    files,
    orders,
    people,
    portability,
    privacy,
    visits,
)
from station.store import (
    settings as kept_settings,
)
from station.store.records import Receipt, Visit

if TYPE_CHECKING:
    from station.kiosk.app import Kiosk

router = APIRouter()
DATED = (1980, 1, 1, 0, 0, 0)
MODELS = (*(n.format(side=s) for s in flow.BOTH for n in (names.SKIN, names.INSOLE, "{side}.insole.stl")),)


async def order(kiosk: Kiosk, visit: Visit, way: Way) -> None:
    """The customer says yes: an order with everything that the workshop needs, once."""
    if way.screen != "confirm":
        raise WrongStep("nothing to be confirmed")
    if way.trouble:  # it failed before, and the customer asks once more
        way = await kiosk.desk.take(visit.id, flow.Redo())
    kiosk.desk.attend(visit.id, way)
    await kiosk.desk.wait(visit.id, "print")
    _, way = await kiosk.desk.way(visit.id)
    if way.trouble:
        return
    preset, edits = kiosk.desk.edits(way)
    choice = {
        "cover": way.choice.cover, "length": way.choice.length, "shoe": way.choice.shoe,
        "feet": list(way.scanned), "preset": preset, "edits": edits, "lang": way.lang,
    }  # fmt: skip
    secrets: dict[str, str] = {}

    def keep(store: Store) -> None:
        placed = next((o for o in orders.of_visit(store, visit.id) if o.state != "cancelled"), None)
        known = visits.get(store, visit.id).state.get("secrets", {})
        if placed is not None and known.get("order") == placed.id:  # the power went before the last screen
            secrets.update(known)
            return
        made = orders.create(store, visit.id, choice)
        secrets["order"], secrets["takeaway"] = made.id, visits.new_takeaway(store, visit.id)
        person = people.get(store, visit.person_id)
        alone = way.who == "new" and len(people.family(store, person.profile_id)) == 1
        if alone and "keep" in consents.standing(store, person.id):
            secrets["card"] = people.new_card(store, person.profile_id)
        state = {**visits.get(store, visit.id).state, "secrets": secrets}
        visits.save(store, visit.id, way.screen, state)

    def all_of_it() -> None:
        with kiosk.store.write():
            keep(kiosk.store)

    await asyncio.to_thread(all_of_it)
    await kiosk.desk.take(visit.id, flow.Confirmed(secrets["order"]))


def qr(text: str) -> str:
    """A QR code as an SVG without colours of its own."""
    return str(segno.make(text, error="m", micro=False).svg_inline(scale=6, border=3, svgclass="code", omitsize=True))


def address(kiosk: Kiosk, secret: str) -> str | None:
    """Under which a phone finds the take-away; None where only this machine is answered."""
    loopback = ("localhost", "127.0.0.1", "[::1]")
    wide = [host for host in kiosk.access.hosts if host.rpartition(":")[0] not in loopback and host not in loopback]
    return f"{'https' if kiosk.access.tls else 'http'}://{wide[0]}/t/{secret}" if wide else None


async def known(kiosk: Any, visit: Visit, way: Way, say: Words) -> dict[str, Any]:
    """What the last screen shows."""
    secrets: Mapping[str, str] = visit.state.get("secrets", {})
    place = address(kiosk, secrets.get("takeaway", ""))
    days = await kiosk.desk.in_store(kept_settings.get, "takeaway_days")
    return {
        "qr": qr(place) if place else "",
        "card": secrets.get("card", ""),
        "card_qr": qr(secrets["card"]) if "card" in secrets else "",
        "secret": secrets.get("takeaway", ""),
        "days": days,
        "pdf": _has_pdf(way.lang),
    }


def _has_pdf(lang: str) -> bool:
    from station.report import why_no_pdf

    return why_no_pdf(lang) is None


# ------------------------------------------------------------------ by the secret of the take-away


@router.get("/t/{secret}")
async def page(request: Request, secret: str) -> Response:
    """The take-away on a phone."""
    kiosk, visit, way = await _opened(request, secret)
    session = kiosk.session(request)
    session = session if session.lang else kiosk.sessions.renewed(session, lang=way.lang)
    known: dict[str, Any] = {"visit": visit, "way": way, "secret": secret, "pdf": _has_pdf(way.lang)}
    return kiosk.pages.draw(request, "customer/mine", session, **known)


async def _opened(request: Request, secret: str) -> tuple[Kiosk, Visit, Way]:
    kiosk: Kiosk = request.app.state.kiosk
    visit = await kiosk.desk.in_store(visits.by_takeaway, secret[:200])
    return kiosk, visit, flow.from_json(visit.state["way"])


@router.get("/t/{secret}/report.pdf")
async def report_pdf(request: Request, secret: str) -> Response:
    """The report on paper."""
    kiosk, visit, way = await _opened(request, secret)
    await report_files.drawn(kiosk.desk, visit.id, way)
    link = address(kiosk, secret)
    return _download(await kiosk.desk.in_store(report_files.pdf, visit, way, link), "application/pdf", "report.pdf")


@router.get("/t/{secret}/report.html")
async def report_html(request: Request, secret: str) -> Response:
    """The report as one file."""
    kiosk, visit, way = await _opened(request, secret)
    await report_files.drawn(kiosk.desk, visit.id, way)
    return _download(
        await kiosk.desk.in_store(report_files.html, visit, way), "text/html; charset=utf-8", "report.html"
    )


@router.get("/t/{secret}/feet.zip")
async def feet_zip(request: Request, secret: str) -> Response:
    """Feet and insoles in 3D, and the measures."""
    kiosk, visit, _ = await _opened(request, secret)
    return _download(await kiosk.desk.in_store(_zip, visit), "application/zip", "feet.zip")


@router.get("/t/{secret}/everything.zip")
async def everything(request: Request, secret: str) -> Response:
    """All that is kept of the person, in open formats."""
    kiosk, visit, _ = await _opened(request, secret)
    data = await kiosk.desk.in_store(_everything, visit.person_id)
    return _download(data, "application/zip", "everything.zip")


@router.post("/t/{secret}/erase")
async def erase(request: Request, secret: str) -> Response:
    """Everything of the person, for good; the answer is the receipt."""
    from station.kiosk.customer import form_of

    kiosk, visit, _ = await _opened(request, secret)
    session = kiosk.session(request)
    await form_of(request, kiosk, session)
    await kiosk.desk.drop(visit.id)
    receipt: Receipt = await kiosk.desk.in_store(privacy.erase, visit.person_id)
    answer = kiosk.pages.draw(request, "customer/erased", session, receipt=receipt, screen="erased")
    kiosk.pages.remember(answer, kiosk.sessions.new())
    return answer


def _download(data: bytes, kind: str, name: str) -> Response:
    return Response(data, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


def _zip(store: Store, visit: Visit) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (*MODELS, names.MEASUREMENTS):
            if files.has(store, visit.id, name):
                archive.writestr(zipfile.ZipInfo(name, DATED), files.get(store, visit.id, name))
    return out.getvalue()


def _everything(store: Store, person_id: str) -> bytes:
    out = io.BytesIO()
    portability.export(store, person_id, out)
    return out.getvalue()
