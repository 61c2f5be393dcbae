"""Changing what a visit's files say: moved landmarks, a new prescription, another scan; each can be taken back.

The foot as it was found stays beside the one with moved landmarks; a rescan keeps the files before it, ``before.…``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from station.kiosk import flow, views
from station.kiosk import visit_files as names
from station.kiosk.processing import Answer, Workers
from station.kiosk.staff import prescribing
from station.store import Store, audit, files, orders, visits
from station.store.errors import NotFound, Refused
from station.store.records import Order, Visit

MARKS, FOUND, BEFORE = "landmarks.json", "{side}.found.foot", "before."
#: what a scan brings, and all that follows from it
OF_SCANS = (".scan", ".foot", ".glb", ".print.svg", ".insole.stl", ".insole.3mf")
OF_SCANS_TOO = (names.MEASUREMENTS, names.LINES, names.PRESCRIPTION, MARKS)
Moves = dict[str, list[float]]


def document(store: Store, visit_id: str, name: str) -> dict[str, Any]:
    """A stored JSON document; empty where there is none."""
    try:
        return views.document(files.get(store, visit_id, name))
    except NotFound:
        return {}


def sides_of(store: Store, visit_id: str) -> tuple[str, ...]:
    """The feet that were measured in a visit."""
    return tuple(side for side in flow.BOTH if files.has(store, visit_id, names.FOOT.format(side=side)))


def order_of(store: Store, visit_id: str) -> Order | None:
    """The visit's order that stands; a cancelled one where there is no other."""
    every = orders.of_visit(store, visit_id)
    return next((order for order in every if order.state != "cancelled"), every[0] if every else None)


def settled(visit: Visit) -> None:
    """Refused while the customer is still at it: the kiosk would write the same files."""
    if visit.closed_at is None:
        raise Refused(f"{visit.id}: expected a visit that is over, found one that goes on at the kiosk; end it first")


# ------------------------------------------------------------------ landmarks


def moves_of(store: Store, visit_id: str, side: str) -> Moves:
    """What was moved by hand: landmark -> where to."""
    return dict(document(store, visit_id, MARKS).get(side, {}))


def foot_as_found(store: Store, visit_id: str, side: str) -> bytes:
    """The foot before anybody moved anything."""
    for name in (FOUND, names.FOOT):
        if files.has(store, visit_id, name.format(side=side)):
            return files.get(store, visit_id, name.format(side=side))
    raise NotFound(f"{visit_id}: expected a {side} foot, found none")


def insole_options(store: Store, visit_id: str, side: str, choice: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """What `station.kiosk.work.insole` needs for one foot."""
    return {
        "preset": choice.get("preset", "everyday"),
        "edits": prescribing.edits_of(choice, side),
        "loads": document(store, visit_id, names.LOADS).get(side),
        "for": wanted,
    }


def keep_landmarks(store: Store, visit_id: str, side: str, moves: Moves, answer: Answer, by: str) -> None:
    """The foot with its moved landmarks, its measures, tapes and insole, all at once."""
    foot, found = names.FOOT.format(side=side), FOUND.format(side=side)
    with store.write():
        settled(visits.get(store, visit_id))
        if not files.has(store, visit_id, found):
            files.put(store, visit_id, found, files.get(store, visit_id, foot), by)
        for name, data in answer.files.items():
            files.put(store, visit_id, name, data, by)
        measured = document(store, visit_id, names.MEASUREMENTS)
        for scan in measured.get("scans", ()):
            for entry in scan["feet"]:
                if entry["side"] == side:
                    entry["measures"] = answer.document["measures"]
        lines = document(store, visit_id, names.LINES) | {side: answer.document["lines"]}
        files.put(store, visit_id, names.MEASUREMENTS, _json(measured), by)
        files.put(store, visit_id, names.LINES, _json(lines), by)
        every = {**document(store, visit_id, MARKS), side: moves}
        kept = {s: m for s, m in every.items() if m}
        if kept:
            files.put(store, visit_id, MARKS, _json(kept), by)
        else:
            files.remove(store, visit_id, MARKS, by)
        if "insole" in answer.document:
            _keep_entry(store, visit_id, {side: answer.document["insole"]}, None, by)
        audit.record(store, "visit.landmarks", visit_id, by, side=side, moved=len(moves))


# ------------------------------------------------------------------ prescription


async def drawn(
    store: Store, workers: Workers, visit_id: str, sides: tuple[str, ...], choice: Mapping[str, Any], wanted: str
) -> list[Answer]:
    """The insoles of these feet as the choice asks, side by side. JobError."""
    ready = await asyncio.to_thread(
        lambda: [
            (name, files.get(store, visit_id, name), insole_options(store, visit_id, side, choice, wanted))
            for side in sides
            for name in (names.FOOT.format(side=side),)
        ]
    )
    made = await asyncio.gather(
        *(workers.do("insole", {name: data}, **options) for name, data, options in ready), return_exceptions=True
    )
    for answer in made:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in made if isinstance(answer, Answer)]


def keep_prescription(
    store: Store, visit_id: str, choice: dict[str, Any], answers: list[Answer], by: str, note: str = ""
) -> Order:
    """The order's new choice with its insoles; an order is made where the visit has none yet."""
    with store.write():
        settled(visits.get(store, visit_id))
        order = order_of(store, visit_id)
        if order is None or order.state == "cancelled":
            order = orders.create(store, visit_id, choice, by)
        elif dict(order.choice) != choice:
            order = orders.edit(store, order.id, choice, by, note)
        keep_insoles(store, visit_id, choice, answers, by)
        return order


def keep_insoles(store: Store, visit_id: str, choice: Mapping[str, Any], answers: list[Answer], by: str) -> None:
    """The files of insoles that were drawn, and what they were drawn by."""
    with store.write():
        for answer in answers:
            for name, data in answer.files.items():
                files.put(store, visit_id, name, data, by)
        entries = {answer.document["side"]: answer.document["insole"] for answer in answers}
        _keep_entry(store, visit_id, entries, str(choice.get("preset", "everyday")), by)


def _keep_entry(store: Store, visit_id: str, entries: Mapping[str, Any], preset: str | None, by: str) -> None:
    document_ = document(store, visit_id, names.PRESCRIPTION) or {
        "schema": "plantar/prescriptions/1", "preset": "everyday", "feet": {}, "notes": [], "failed": [],
    }  # fmt: skip
    feet = {**document_["feet"], **entries}
    after = {**document_, "preset": preset or document_["preset"], "feet": {s: feet[s] for s in flow.BOTH if s in feet}}
    files.put(store, visit_id, names.PRESCRIPTION, _json(after), by)


# ------------------------------------------------------------------ another scan


def keep_rescan(
    store: Store, visit_id: str, came: Mapping[str, bytes], measured: Mapping[str, Any], by: str
) -> tuple[str, ...]:
    """The files of a new scan in place of those before, which stay under ``before.…`` until the next one; measures of
    a foot that was not scanned again stay. Returns the feet that are new."""
    feet = tuple(side for side in flow.BOTH if names.FOOT.format(side=side) in came)
    with store.write():
        settled(visits.get(store, visit_id))
        old = document(store, visit_id, names.MEASUREMENTS)
        lines = document(store, visit_id, names.LINES) | dict(measured["lines"])
        marks = {side: moved for side, moved in document(store, visit_id, MARKS).items() if side not in feet}
        others = [scan for scan in old.get("scans", ()) if all(foot["side"] not in feet for foot in scan["feet"])]
        document_ = {key: value for key, value in measured.items() if key != "lines"}
        document_["scans"] = sorted([*others, *document_["scans"]], key=lambda scan: scan["feet"][0]["side"])
        set_aside(store, visit_id, feet, by)
        kept = {**came, names.MEASUREMENTS: _json(document_), names.LINES: _json(lines)}
        for name, data in kept.items():
            files.put(store, visit_id, name, data, by)
        if marks:
            files.put(store, visit_id, MARKS, _json(marks), by)
        elif files.has(store, visit_id, MARKS):
            files.remove(store, visit_id, MARKS, by)
        audit.record(store, "visit.rescan", visit_id, by, feet=len(feet))
    return feet


def joined_documents(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Measurement documents as one; the pair's comparison is made anew when it is shown."""
    return {
        **documents[0],
        "scans": [scan for document_ in documents for scan in document_["scans"]],
        "failed": [failure for document_ in documents for failure in document_["failed"]],
        "pairs": [],
    }


def set_aside(store: Store, visit_id: str, feet: tuple[str, ...], by: str) -> None:
    """What follows from the scans of these feet, out of the way."""
    every = [file.role for file in files.of_visit(store, visit_id)]
    for role in every:
        if role.startswith(BEFORE):
            files.remove(store, visit_id, role, by)
    for role in every:
        if _of_scans(role, feet):
            files.put(store, visit_id, BEFORE + role, files.get(store, visit_id, role), by)
            if role not in OF_SCANS_TOO:
                files.remove(store, visit_id, role, by)


def take_back(store: Store, visit_id: str, by: str) -> None:
    """The scan before the last one is the visit's again. Refused where there is none."""
    with store.write():
        settled(visits.get(store, visit_id))
        every = [file.role for file in files.of_visit(store, visit_id)]
        before = [role for role in every if role.startswith(BEFORE)]
        if not before:
            raise Refused(f"{visit_id}: expected a scan before the last one, found none")
        feet = tuple(side for side in flow.BOTH if BEFORE + names.FOOT.format(side=side) in before)
        for role in every:
            if not role.startswith(BEFORE) and _of_scans(role, feet):
                files.remove(store, visit_id, role, by)
        for role in before:
            files.put(store, visit_id, role.removeprefix(BEFORE), files.get(store, visit_id, role), by)
            files.remove(store, visit_id, role, by)
        audit.record(store, "visit.rescan_undone", visit_id, by)


def _of_scans(role: str, feet: tuple[str, ...]) -> bool:
    if role.startswith(BEFORE):
        return False
    return role in OF_SCANS_TOO or (role.endswith(OF_SCANS) and role.partition(".")[0] in (*feet, "pair"))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
