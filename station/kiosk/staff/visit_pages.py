"""A visit: both feet in 3D with their measures, how good the scan was, its files; ending one that was left behind."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from station.kiosk import flow, views
from station.kiosk import visit_files as names
from station.kiosk.staff import correcting
from station.kiosk.staff.access import form_of, inside
from station.kiosk.staff.drawing import StaffRoute, draw, go
from station.kiosk.staff.words import BY_HAND
from station.kiosk.texts import Words
from station.report_content import Words as ReportWords
from station.report_content import feet_of, spread
from station.store import Store, files, people, visits
from station.store.errors import NotFound
from station.store.records import Visit

router = APIRouter(route_class=StaffRoute)
#: what the staff's viewers may fetch, and as what
SHOWN = {**names.SHOWN, **{names.PRINT.format(side=side): "image/svg+xml" for side in flow.BOTH}}
#: the measures that the staff sees first; the rest is behind them
FIRST = (
    "foot_length_mm", "foot_breadth_mm", "ball_girth_mm", "waist_girth_mm", "instep_girth_mm", "heel_breadth_mm",
    "heel_girth_short_mm", "arch_apex_height_mm", "arch_index", "rearfoot_angle_deg",
)  # fmt: skip


def known_of(store: Store, visit_id: str) -> dict[str, Any]:
    """What every page of a visit shows of it."""
    visit = visits.get(store, visit_id)
    measured = correcting.document(store, visit.id, names.MEASUREMENTS)
    return {
        "visit": visit,
        "person": people.get(store, visit.person_id),
        "order": correcting.order_of(store, visit.id),
        "sides": correcting.sides_of(store, visit.id),
        "feet": feet_of(measured),
        "files": files.of_visit(store, visit.id),
        "moves": correcting.document(store, visit.id, correcting.MARKS),
    }


@router.get("/staff/visit/{visit_id}")
async def one(request: Request, visit_id: str) -> Response:
    """A visit as it stands."""
    desk = inside(request)
    known = await desk.kiosk.desk.in_store(known_of, visit_id)
    roles = {file.role for file in known["files"]}
    say = Words(desk.session.lang)
    return draw(
        desk, "visit", part="search", **known,
        skins=[side for side in known["sides"] if names.SKIN.format(side=side) in roles],
        insoles=[side for side in known["sides"] if names.INSOLE.format(side=side) in roles],
        before=any(role.startswith(correcting.BEFORE) for role in roles),
        rows=table_of(known["feet"], ReportWords(desk.session.lang)), first=len(FIRST),
        problems={side: _problems(foot, say) for side, foot in known["feet"].items()},
        viewer=views.viewer_words(say), peaks=names.PEAKS in roles, way=_way(known["visit"]),
    )  # fmt: skip


def _way(visit: Visit) -> flow.Way | None:
    try:
        return flow.from_json(visit.state["way"])
    except (KeyError, ValueError):
        return None


def _problems(foot: Any, say: Words) -> list[tuple[str, str]]:
    """(what, detail) of every reason for which a scan lost points."""
    told = []
    for reason in foot["quality"]["reasons"]:
        key = f"problem.{reason['code']}"
        told.append((say(key) if say.has(key) else reason["code"], reason["detail"]))
    return told


def table_of(feet: Any, say: ReportWords) -> list[dict[str, Any]]:
    """A row a measure: key, name, each foot's value with its uncertainty or why there is none; those moved by hand."""
    if not feet:
        return []
    keys = list(next(iter(feet.values()))["measures"])
    order = [key for key in FIRST if key in keys] + [key for key in keys if key not in FIRST]
    rows = []
    for key in order:
        cells = {}
        for side, foot in feet.items():
            entry = foot["measures"][key]
            there = entry["value"] is not None
            sign = "~ " if there and entry.get("quality") == "estimated" else ""
            cells[side] = {
                "value": sign + spread(key, entry) if there else "–",
                "why": "" if there else entry.get("reason") or "",
                "by_hand": BY_HAND in str(entry.get("method")),
            }
        rows.append({"key": key, "name": say.measure(key), "of": cells})
    return rows


@router.get("/staff/visit/{visit_id}/file/{name}")
async def file(request: Request, visit_id: str, name: str) -> Response:
    """What a viewer shows."""
    desk = inside(request)
    side, _, kind = name.partition(".")
    if kind == "lines.json" and side in flow.BOTH:
        stored = await desk.kiosk.desk.in_store(correcting.document, visit_id, names.LINES)
        return JSONResponse(views.lines(stored, side, Words(desk.session.lang)))
    if name not in SHOWN:
        raise NotFound("expected a file that is shown")
    return Response(await desk.kiosk.desk.in_store(files.get, visit_id, name), media_type=SHOWN[name])


@router.post("/staff/visit/{visit_id}/end")
async def end(request: Request, visit_id: str) -> Response:
    """A visit that nobody goes on with."""
    desk = inside(request)
    await form_of(request, desk)
    await desk.kiosk.desk.drop(visit_id)

    def ended(store: Store) -> Visit:
        ordered = correcting.order_of(store, visit_id) is not None
        return visits.close(store, visit_id, "done" if ordered else "abandoned", desk.by)

    await desk.kiosk.desk.in_store(ended)
    return go(desk, f"/staff/visit/{visit_id}", "visit.ended")
