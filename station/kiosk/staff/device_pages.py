"""The scanner, plates and insoles: are they here, when were they last used, when were they calibrated."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from devices.errors import DeviceError
from station.kiosk.sources import is_simulated
from station.kiosk.staff.access import Desk, form_of, inside
from station.kiosk.staff.drawing import StaffRoute, draw, go
from station.store import Store, audit, devices, settings
from station.store.errors import Refused

router = APIRouter(route_class=StaffRoute)
CALIBRATION_DAYS = 365
CHECK_S, LIST_S = 5.0, 15.0


@dataclass(frozen=True)
class Shown:
    """A device as the page shows it: ``use`` scan, walk, or empty for one that the studio's file does not name."""

    spec: str
    name: str
    use: str
    simulated: bool
    seen_at: datetime | None
    calibrated_at: datetime | None
    age_days: int | None
    overdue: bool


def shown(store: Store, scan: str, walk: tuple[str, ...]) -> list[Shown]:
    """Those of the studio's file, then those that were known before."""
    known = {device.spec: device for device in devices.listing(store)}
    most = int(settings.get(store, "calibration_days", CALIBRATION_DAYS))
    uses = {scan: "scan", **dict.fromkeys(walk, "walk")}
    found = []
    for spec in [*uses, *(spec for spec in known if spec not in uses)]:
        device = known.get(spec)
        at = device.calibrated_at if device else None
        age = None if at is None else (store.now() - at).days
        simulated = is_simulated(spec)
        overdue = not simulated and not spec.startswith(("upload", "watch")) and (age is None or age > most)
        name, seen = (device.name, device.seen_at) if device else (spec, None)
        found.append(Shown(spec, name, uses.get(spec, ""), simulated, seen, at, age, overdue))
    return found


@router.get("/staff/devices")
async def page(request: Request) -> Response:
    """All devices."""
    return await _page(inside(request))


async def _page(desk: Desk, **more: Any) -> Response:
    studio = desk.kiosk.settings
    found = await desk.kiosk.desk.in_store(shown, studio.scan, studio.walk)
    days = await desk.kiosk.desk.in_store(settings.get, "calibration_days", CALIBRATION_DAYS)
    known = {"checked": None, "listing": None, **more}
    return draw(desk, "devices", part="devices", devices=found, days=days, **known)


@router.post("/staff/devices/check")
async def check(request: Request) -> Response:
    """Is the scanner there, and what else is plugged in or advertising?"""
    from devices import listing

    desk = inside(request)
    await form_of(request, desk)
    trouble = ""
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(CHECK_S):
            await desk.kiosk.desk.scanner.check()
        await desk.kiosk.desk.in_store(devices.put, desk.kiosk.settings.scan, None, None, True)
    except DeviceError as error:
        trouble = str(error)
    except TimeoutError:
        trouble = f"{CHECK_S:g} s"
    try:
        async with asyncio.timeout(LIST_S):
            here = await listing.look_around()
    except (TimeoutError, DeviceError):
        here = None
    checked = {"trouble": trouble, "ms": round(1000 * (time.monotonic() - began_s))}
    return await _page(desk, checked=checked, listing=here)


@router.post("/staff/devices/calibrated")
async def calibrated(request: Request) -> Response:
    """A device was calibrated, today or on a day that is told."""
    desk = inside(request)
    form = await form_of(request, desk)
    spec, day = str(form.get("spec", ""))[:300], str(form.get("day", ""))
    try:
        at = datetime.fromisoformat(day).astimezone() if day else desk.kiosk.store.now()
    except ValueError:
        raise Refused(f"expected a day as 2026-03-01, found {day[:20]!r}") from None
    if at > desk.kiosk.store.now():
        raise Refused(f"expected a day that has been, found {day[:20]}")

    def kept(store: Store) -> None:
        if all(device.spec != spec for device in shown(store, desk.kiosk.settings.scan, desk.kiosk.settings.walk)):
            raise Refused("expected a device of this studio, found another")
        devices.put(store, spec, str(form.get("name", "")).strip()[:80] or None, at)
        audit.record(store, "device.calibrated", "device", desk.by, day=at.date().isoformat())

    await desk.kiosk.desk.in_store(kept)
    return go(desk, "/staff/devices", "devices.calibrated")


@router.post("/staff/devices/remove")
async def remove(request: Request) -> Response:
    """One that is no longer here."""
    desk = inside(request)
    form = await form_of(request, desk)

    def gone(store: Store) -> None:
        devices.remove(store, str(form.get("spec", ""))[:300])
        audit.record(store, "device.remove", "device", desk.by)

    await desk.kiosk.desk.in_store(gone)
    return go(desk, "/staff/devices")
