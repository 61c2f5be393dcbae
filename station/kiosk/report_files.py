"""The report of a visit: its pictures, drawn by a child process while the customer looks at the last page, and what is
made of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from station.kiosk import views
from station.kiosk import visit_files as names
from station.kiosk.flow import Way
from station.kiosk.processing import JobError
from station.kiosk.work import on_disk
from station.store import Store, StoreError, files
from station.store.errors import NotFound
from station.store.records import Visit

if TYPE_CHECKING:
    from station.kiosk.desk import Desk


def begin(desk: Desk, visit_id: str, way: Way) -> asyncio.Task[None]:
    """See to it that the pictures are being drawn; the task that ends when they are."""
    return desk.behind(visit_id, "report", lambda: _draw(desk, visit_id, way))


async def drawn(desk: Desk, visit_id: str, way: Way) -> None:
    """Until they are; without them the report has words and numbers alone."""
    await asyncio.wait({begin(desk, visit_id, way)})


async def _draw(desk: Desk, visit_id: str, way: Way) -> None:
    roles = {file.role for file in await desk.in_store(files.of_visit, visit_id)}
    if any(role.endswith(names.PICTURE) for role in roles):
        return
    wanted = {name: name for side in way.scanned if (name := names.FOOT.format(side=side)) in roles}
    if way.walk == "done":
        wanted["walk.mcap"] = names.WALK
    sources = {name: await desk.in_store(files.get, visit_id, role) for name, role in wanted.items()}
    loads = await desk.loads(visit_id, way)
    preset, edits = desk.edits(way)
    with contextlib.suppress(JobError, StoreError):
        answer = await desk.workers.do(
            "report_pictures", sources, loads=loads, preset=preset, edits=edits, lang=way.lang
        )
        await asyncio.to_thread(desk.put, visit_id, answer.files)


def pdf(store: Store, visit: Visit, way: Way, link: str | None) -> bytes:
    """For the customer; ``link``: what its QR leads to. NotFound where this language's font was not built."""
    from station import report

    if report.why_no_pdf(way.lang) is not None:
        raise NotFound("expected a font for this language, found none")
    with _pictures(store, visit) as paths:
        return report.pdf(_documents(store, visit), paths, way.lang, "customer", link)


def html(store: Store, visit: Visit, way: Way) -> bytes:
    """The same as one file."""
    from station import report

    with _pictures(store, visit) as paths:
        return report.html(_documents(store, visit), paths, way.lang).encode()


def _documents(store: Store, visit: Visit) -> dict[str, Any]:
    kept = (names.MEASUREMENTS, names.PRESSURE, names.PRESCRIPTION)
    return {n: views.document(files.get(store, visit.id, n)) for n in kept if files.has(store, visit.id, n)}


@contextlib.contextmanager
def _pictures(store: Store, visit: Visit) -> Iterator[list[str]]:
    """Their files, in memory where there is such a place, while the block lasts."""
    kept = [f.role for f in files.of_visit(store, visit.id) if f.role.endswith(names.PICTURE)]
    with on_disk({role: files.get(store, visit.id, role) for role in kept}, named=True) as paths:
        yield [str(paths[role]) for role in kept]
