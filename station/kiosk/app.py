"""The kiosk as one web application: ``create_app`` puts its parts together, ``serve`` runs it."""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, PlainTextResponse, Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from station.kiosk import pages
from station.kiosk.desk import Desk
from station.kiosk.flow import Way, WrongStep
from station.kiosk.processing import Workers
from station.kiosk.security import Access, Guard, Session, Sessions, Tries, own_secret
from station.kiosk.settings import LOGOS, Settings, style
from station.kiosk.sources import SimulatedScanner, scanner
from station.kiosk.uploads import Turns
from station.kiosk.walks import walker
from station.store import Store, StoreError
from station.store import settings as kept_settings
from station.store.errors import NotFound, StoreBusy, StoreFull
from station.store.records import Visit

SWEEP_S = 3600.0
CODES_A_MINUTE = 10


@dataclass
class Kiosk:
    """What every page has at hand: ``request.app.state.kiosk``."""

    store: Store
    settings: Settings
    sessions: Sessions
    access: Access
    pages: pages.Pages
    desk: Desk
    codes: Tries
    uploads: Turns
    place: str = "kiosk"

    def session(self, request: Any) -> Session:
        """The one of the browser's cookie, or a new one."""
        return self.sessions.read(request.cookies.get(self.sessions.name)) or self.sessions.new()

    async def here(self, session: Session) -> tuple[Visit, Way] | None:
        """The visit that a session may see, while it goes on."""
        if not session.visit:
            return None
        try:
            visit, way = await self.desk.way(session.visit)
        except NotFound:
            return None
        return None if visit.closed_at is not None or visit.state.get("nonce") != session.nonce else (visit, way)


class Built(StaticFiles):
    """What npm built: its names hold no version, so a browser asks whether it is still the same."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, smaller where the browser takes it so and it was made so; with how long it may be kept."""
        takes = Headers(scope=scope).get("accept-encoding", "")
        packed = "gzip" in takes and await asyncio.to_thread(self._is_packed, path)
        answer = await super().get_response(f"{path}.gz" if packed else path, scope)
        if answer.status_code in (200, 304):
            answer.headers["cache-control"] = "public, max-age=86400"
            answer.headers["vary"] = "accept-encoding"
        if packed and answer.status_code == 200:
            answer.headers["content-encoding"] = "gzip"
            answer.headers["content-type"] = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return answer

    def _is_packed(self, path: str) -> bool:
        return bool(self.lookup_path(f"{path}.gz")[0])


def create_app(
    store: Store, settings: Settings, access: Access, workers: Workers | None = None, processes: int | None = None
) -> FastAPI:
    """The whole kiosk. ``workers``: child processes that somebody else has started and ends; else ``processes`` of its
    own."""
    from station.kiosk import customer, takeaway
    from station.kiosk.staff.mounting import mount

    sessions = Sessions(own_secret(store.folder), access.tls)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            own = workers if workers is not None else await stack.enter_async_context(Workers(processes))
            eye = scanner(settings.scan, own)
            desk = Desk(store, settings, own, eye, walker(settings.walk))
            stack.push_async_callback(desk.close)
            app.state.kiosk = Kiosk(
                store, settings, sessions, access, pages.Pages(settings, sessions), desk,
                Tries(CODES_A_MINUTE, 60.0, time.monotonic), Turns(),
            )  # fmt: skip
            await asyncio.to_thread(_set, store, settings)
            if isinstance(eye, SimulatedScanner):
                eye.prepare()
            sweeping = asyncio.create_task(_sweep(store))
            stack.callback(sweeping.cancel)
            yield

    app = FastAPI(title="plantar kiosk", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.include_router(customer.router)
    app.include_router(takeaway.router)
    mount(app)
    app.mount("/static/build", Built(directory=pages.BUILD, check_dir=False), name="build")

    @app.get("/studio.css")
    async def studio_style(request: Request) -> Response:
        kept = "public, max-age=86400" if request.url.query else "no-cache"  # pages name the look that they mean
        return Response(style(settings), media_type="text/css", headers={"cache-control": kept})

    @app.get("/logo")
    async def logo() -> Response:
        if settings.logo is None:
            return PlainTextResponse("no logo", 404)
        return FileResponse(settings.logo, media_type=LOGOS[settings.logo.suffix.lower()])

    @app.get("/favicon.ico")
    async def icon() -> Response:
        return Response(status_code=204)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"state": "ready"}

    app.add_exception_handler(StoreError, _store_error)
    app.add_exception_handler(WrongStep, _wrong_step)
    app.add_exception_handler(customer.Refusal, _refused)
    app.add_exception_handler(ValueError, _refused)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(404, _missing)
    app.add_exception_handler(RequestValidationError, _missing)
    app.add_middleware(Guard, access=access)
    return app


def _set(store: Store, settings: Settings) -> None:
    """What the studio's file says and the store goes by."""
    for key in ("age_of_consent", "retention_days"):
        if kept_settings.get(store, key) != getattr(settings, key):
            kept_settings.put(store, key, getattr(settings, key))


async def _sweep(store: Store) -> None:
    """Each hour: whose time is over is erased."""
    from station.store import privacy

    while True:
        with contextlib.suppress(StoreError, OSError):
            await asyncio.to_thread(privacy.sweep, store)
        await asyncio.sleep(SWEEP_S)


async def _store_error(request: Request, error: Exception) -> Response:
    kiosk: Kiosk = request.app.state.kiosk
    if isinstance(error, NotFound):
        return await _missing(request, error)
    key, status = ("error.full", 507) if isinstance(error, StoreFull) else ("trouble.busy", 503)
    if not isinstance(error, (StoreFull, StoreBusy)):
        key, status = "error.title", 409
    return kiosk.pages.draw(request, "customer/error", kiosk.session(request), status, message=key)


async def _wrong_step(request: Request, error: Exception) -> Response:
    """A second tap, a late page: the page that belongs to the visit is shown again."""
    return Response(status_code=303, headers={"location": "/"})


async def _refused(request: Request, error: Exception) -> Response:
    """A form of another session, or one that no page of ours sends."""
    return PlainTextResponse("this form is not of this session: go back to the first page", 403)


async def _plain(request: Request, error: Exception) -> Response:
    """A method that a page does not have, a body that is none: no page of ours asks so."""
    if not isinstance(error, HTTPException):
        raise error
    return PlainTextResponse(error.detail, error.status_code, error.headers)


async def _missing(request: Request, error: Exception) -> Response:
    kiosk: Kiosk = request.app.state.kiosk
    return kiosk.pages.draw(request, "customer/error", kiosk.session(request), 404, message="error.missing")


def open_kiosk(folder: Path, settings: Settings, access: Access, url: str | None = None) -> FastAPI:
    """An application on the store of a folder."""
    from station.store import open_store

    return create_app(open_store(folder, url), settings, access)
