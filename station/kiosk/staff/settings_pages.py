"""What a studio may change from the page, who works here, and the log of everything that was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from station.kiosk.staff.access import IDLE_MINUTES, form_of, inside
from station.kiosk.staff.device_pages import CALIBRATION_DAYS
from station.kiosk.staff.drawing import LOGIN, StaffRoute, draw, go
from station.store import Store, audit, settings, staff
from station.store.errors import Refused, WrongPin

router = APIRouter(route_class=StaffRoute)
LINES = 60  #: of the log on a page


@dataclass(frozen=True)
class Range:
    """Of a number that can be set."""

    default: float
    low: float
    high: float


#: what the page may set; what stands in studio.toml is shown and changed there
CHANGEABLE = {
    "abandoned_hours": Range(24, 1, 24 * 90),
    "takeaway_days": Range(30, 1, 730),
    "calibration_days": Range(CALIBRATION_DAYS, 1, 3650),
    "staff_idle_minutes": Range(IDLE_MINUTES, 1, 120),
    "pin_lock_minutes": Range(15, 1, 1440),
}


@router.get("/staff/settings")
async def page(request: Request) -> Response:
    """All settings, and who works here."""
    desk = inside(request)
    every = await desk.kiosk.desk.in_store(settings.everything)
    values = {key: f"{float(every.get(key, about.default)):g}" for key, about in CHANGEABLE.items()}
    everybody = await desk.kiosk.desk.in_store(staff.listing)
    return draw(
        desk, "settings", part="settings", values=values, ranges=CHANGEABLE, everybody=everybody,
        place=desk.kiosk.store.folder / "studio.toml", now=desk.kiosk.store.now(),
    )  # fmt: skip


@router.post("/staff/settings")
async def change(request: Request) -> Response:
    """Numbers within their ranges."""
    desk = inside(request)
    form = await form_of(request, desk)
    wanted: dict[str, float] = {}
    for key, about in CHANGEABLE.items():
        text = str(form.get(key, "")).strip().replace(",", ".")
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not about.low <= value <= about.high:
            name = desk.say(f"setting.{key}")
            said = {"name": name, "low": f"{about.low:g}", "high": f"{about.high:g}", "found": text[:20]}
            return go(desk, "/staff/settings", "setting.wrong", "bad", **said)
        wanted[key] = int(value) if value == int(value) else value

    def kept(store: Store) -> None:
        before = settings.everything(store)
        with store.write():
            for key, value in wanted.items():
                if before.get(key, CHANGEABLE[key].default) != value:
                    settings.put(store, key, value)
                    audit.record(store, "setting.change", key, desk.by, to=f"{value:g}")

    await desk.kiosk.desk.in_store(kept)
    desk.door.idle_s = 60.0 * wanted["staff_idle_minutes"]
    return go(desk, "/staff/settings", "setting.kept")


# ------------------------------------------------------------------ who works here


@router.post("/staff/settings/pin")
async def pin(request: Request) -> Response:
    """One's own PIN; the old one is asked for. Every session of this person ends."""
    desk = inside(request)
    form = await form_of(request, desk)
    new = str(form.get("new", ""))
    if new != str(form.get("again", "")):
        return go(desk, "/staff/settings", "pin.not_the_same", "warn")
    try:
        await desk.kiosk.desk.in_store(staff.check, desk.by, str(form.get("old", ""))[:200])
    except WrongPin as error:
        return go(desk, "/staff/settings", "login.wrong", "bad", left=error.tries_left)
    await desk.kiosk.desk.in_store(staff.change_pin, desk.by, new, desk.by)
    desk.door.put_out(desk.by)
    return RedirectResponse(LOGIN, 303)


@router.post("/staff/settings/add")
async def add(request: Request) -> Response:
    """Somebody new."""
    desk = inside(request)
    form = await form_of(request, desk)
    known = await desk.kiosk.desk.in_store(staff.add, str(form.get("name", ""))[:60], str(form.get("pin", "")), desk.by)
    return go(desk, "/staff/settings", "staff.added", name=known.name)


@router.post("/staff/settings/remove")
async def remove(request: Request) -> Response:
    """Somebody who works here no longer; nobody removes themselves, so that somebody can always come in."""
    desk = inside(request)
    form = await form_of(request, desk)
    gone = str(form.get("staff", ""))[:40]
    if gone == desk.by:
        raise Refused("expected somebody else, found yourself; let another remove you")
    await desk.kiosk.desk.in_store(staff.remove, gone, desk.by)
    desk.door.put_out(gone)
    return go(desk, "/staff/settings", "staff.removed")


# ------------------------------------------------------------------ the log


@router.get("/staff/log")
async def log(request: Request, page: int = 0, check: str = "") -> Response:
    """What was done, by whom, the newest first; with ``check`` whether the chain holds."""
    desk = inside(request)
    page = min(max(page, 0), 100_000)

    def found(store: Store) -> dict[str, Any]:
        entries = audit.entries(store, limit=(page + 1) * LINES + 1)[page * LINES :]
        verdict = None
        if check:
            verdict = {"problems": list(audit.broken(store))[:20], "head": audit.head(store)}
        names = {s.id: s.name for s in staff.listing(store)}
        return {"entries": entries[:LINES], "more": len(entries) > LINES, "verdict": verdict, "staff": names}

    known = await desk.kiosk.desk.in_store(found)
    return draw(desk, "log", part="log", page=page, subject="", **known)
