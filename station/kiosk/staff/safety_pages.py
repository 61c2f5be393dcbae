"""Backup, restore, verify: where copies go, whether all is there, and back to an earlier state."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from station.errors import StationError
from station.kiosk.staff import replacing
from station.kiosk.staff.access import Desk, form_of, inside
from station.kiosk.staff.drawing import LOGIN, StaffRoute, draw, go
from station.reasons import told
from station.store import Store, audit, backups, keyfiles, settings, verifying
from station.store.errors import Damaged, Refused

router = APIRouter(route_class=StaffRoute)
FOLDER = "backup.folder"
MOST_SHOWN = 20


async def _page(desk: Desk, status: int = 200, **more: Any) -> Response:
    def found(store: Store) -> dict[str, Any]:
        text = settings.get(store, FOLDER, "")
        made = replacing.listing(Path(text))[:MOST_SHOWN] if text else []
        kept = [{"name": p.name, "bytes": p.stat().st_size, "at": p.stat().st_mtime} for p in made]
        last = [e for e in audit.entries(store, store.id, 200) if e.action == "store.backup"]
        return {
            "folder": text, "there": bool(text) and Path(text).is_dir(), "backups": kept,
            "passphrase": keyfiles.has_passphrase(store), "stale": keyfiles.stale(store),
            "last": last[0].at if last else None, "can_restore": store.engine.dialect.name == "sqlite",
        }  # fmt: skip

    known = await desk.kiosk.desk.in_store(found)
    return draw(desk, "safety", status, part="safety", **known, **{"verified": None, "looked": None, **more})


@router.get("/staff/safety")
async def page(request: Request) -> Response:
    """What there is of copies."""
    return await _page(inside(request))


@router.post("/staff/safety/folder")
async def folder(request: Request) -> Response:
    """Where backups go, and the passphrase of their keys."""
    desk = inside(request)
    form = await form_of(request, desk)
    text, passphrase = str(form.get("folder", "")).strip(), str(form.get("passphrase", ""))
    place = Path(text)
    if not text or not place.is_absolute() or not text.isprintable() or len(text) > 400:
        raise Refused("expected a folder by its whole path, as /media/backup; name one on another disk")
    if passphrase and passphrase != str(form.get("again", "")):
        return go(desk, "/staff/safety", "safety.not_the_same", "warn")

    def kept(store: Store) -> None:
        if place.resolve().is_relative_to(store.folder.resolve()):
            raise Refused(f"{place}: expected a place outside of the store, found one inside; choose another disk")
        if not place.is_dir():
            raise Refused(f"{place}: expected a folder, found none; plug in its disk or make it")
        settings.put(store, FOLDER, str(place))
        if passphrase:
            keyfiles.set_passphrase(store, passphrase)
        audit.record(store, "store.backup_folder", store.id, desk.by, passphrase=bool(passphrase))

    await desk.kiosk.desk.in_store(kept)
    return go(desk, "/staff/safety", "safety.folder_kept")


def _place(store: Store) -> Path:
    text = settings.get(store, FOLDER, "")
    if not text:
        raise Refused("expected a folder for backups, found none; set it first")
    return Path(text)


@router.post("/staff/safety/backup")
async def backup(request: Request) -> Response:
    """Make one now; work may go on meanwhile."""
    desk = inside(request)
    await form_of(request, desk)

    def made(store: Store) -> backups.Backup:
        name = f"plantar-{store.now().astimezone():%Y%m%d-%H%M%S}{backups.ENDING}"
        return backups.backup(store, _place(store) / name, by=desk.by)

    found = await desk.kiosk.desk.in_store(made)
    if found.problems:
        return go(desk, "/staff/safety", "safety.backup_problems", "warn", count=len(found.problems))
    return go(desk, "/staff/safety", "safety.backed_up", name=found.file.name, people=found.people, files=found.files)


@router.post("/staff/safety/verify")
async def verify(request: Request) -> Response:
    """Everything against everything."""
    desk = inside(request)
    await form_of(request, desk)
    found = await desk.kiosk.desk.in_store(verifying.verify)

    def told(store: Store) -> None:
        audit.record(store, "store.verify", store.id, desk.by, problems=len(found.problems))

    await desk.kiosk.desk.in_store(told)
    return await _page(desk, verified=found)


def _chosen(store: Store, name: str) -> Path:
    """A backup of the folder, by its name as it was shown."""
    for path in replacing.listing(_place(store)):
        if path.name == name:
            return path
    raise Refused(f"{name[:80]}: expected a backup of the folder, found none; choose one that is shown")


@router.post("/staff/safety/look")
async def look(request: Request) -> Response:
    """What a backup holds, every byte checked."""
    desk = inside(request)
    form = await form_of(request, desk)
    file = await desk.kiosk.desk.in_store(_chosen, str(form.get("name", "")))
    try:
        found = await asyncio.to_thread(backups.look, file)
    except Damaged as error:
        why = told(str(error), desk.session.lang)
        return go(desk, "/staff/safety", "safety.damaged", "bad", name=file.name, why=why)
    return await _page(desk, looked=found)


@router.post("/staff/safety/restore")
async def restore(request: Request) -> Response:
    """The store as a backup has it; everybody is out afterwards, and the store before it stays beside it."""
    desk = inside(request)
    form = await form_of(request, desk)
    file = await desk.kiosk.desk.in_store(_chosen, str(form.get("name", "")))
    if form.get("sure") != "yes":
        return go(desk, "/staff/safety", "safety.not_sure", "warn")
    try:
        restored = await desk.kiosk.desk.in_store(replacing.ready, file, str(form.get("passphrase", "")), desk.by)
        await desk.kiosk.desk.close()
        await desk.kiosk.desk.in_store(replacing.replace_by, restored, desk.by)
    except (StationError, OSError) as error:
        return go(desk, "/staff/safety", "safety.restore_failed", "bad", why=told(str(error), desk.session.lang))
    desk.door.everybody_out()
    return RedirectResponse(f"{LOGIN}?restored=1", 303)
