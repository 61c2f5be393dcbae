"""A person's own: everything kept of them as one zip of open formats, and such a zip into a store again."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import select

from station.store import archives, audit, consents, files, ids, orders, people, visits
from station.store.errors import Damaged, Refused
from station.store.models import ConsentRow, OrderRow, VisitRow, text_of
from station.store.records import Person
from station.store.storing import Store, Transaction

SCHEMA = "plantar/person/1"
README = """\
person.json    who you are / 您的信息
consents.json  what you agreed to, which text, when / 您同意了什么、哪个文本、何时
orders.json    your orders and their steps / 您的订单及其经过
visits/        each visit: visit.json, and the files in files/ / 每次到店：visit.json，文件在 files/
log.json       what was done with it, when / 何时做过什么
manifest.json  the SHA-256 of every file / 每个文件的 SHA-256

Scans are PLY, STL or GLB, recordings CSV or MCAP, reports PDF, everything else JSON or PNG: all of them open formats.
扫描为 PLY、STL 或 GLB，记录为 CSV 或 MCAP，报告为 PDF，其余为 JSON 或 PNG，均为开放格式。
"""
MOST_FILES, MOST_BYTES, MOST_JSON = 10_000, 4 << 30, 16 << 20  #: of an export that is imported
_FILE = re.compile(r"visits/(V-[0-9A-Z]{16})/files/([a-z0-9][a-z0-9_.-]{0,79})")
_VISIT = re.compile(r"visits/(V-[0-9A-Z]{16})/visit\.json")
_PAPERS = ("README.txt", "person.json", "consents.json", "orders.json", "log.json", "manifest.json")


def export(store: Store, person_id: str, to: IO[bytes], by: str = "customer") -> int:
    """Write somebody's zip; returns how many files it holds. NotFound, Erased, Damaged."""
    hashes: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(to, "w") as archive:
        for name, data in _members(store, person_id):
            hashes[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            _add(archive, name, data)
        _add(archive, "manifest.json", _paper({"schema": SCHEMA, "files": hashes}))
    with store.write() as tx:
        audit.add(store, tx, "person.export", person_id, by, {"files": len(hashes)})
    return len(hashes) + 1


def import_person(store: Store, file: Path | IO[bytes], by: str = "command") -> Person:
    """Somebody new out of an export, under new ids, all of it or nothing.

    Refused for what is no export, is too large, or names what no export holds; Damaged where a file is not what the
    manifest says; ConsentMissing where it holds files without a standing consent.
    """
    name = str(file) if isinstance(file, Path) else "the export"
    with archives.opened(file, "an export of plantar") as archive, store.write() as tx:
        try:
            return _imported(store, tx, archive, _checked(archive, name), name, by)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused(
                f"{name}: expected {SCHEMA}, found something else ({error!r:.80}); export it again"
            ) from error


# ------------------------------------------------------------------ out


def _members(store: Store, person_id: str) -> Iterator[tuple[str, bytes]]:
    person = people.get(store, person_id)
    yield "README.txt", README.encode()
    yield "person.json", _paper({"schema": SCHEMA, **asdict(person)})
    yield "consents.json", _paper([asdict(consent) for consent in consents.of_person(store, person_id)])
    ordered = orders.of_person(store, person_id)
    steps = {order.id: [asdict(step) for step in orders.events(store, order.id)] for order in ordered}
    yield "orders.json", _paper([{**_plain(order), "steps": steps[order.id]} for order in ordered])
    subjects = [person_id, *(order.id for order in ordered)]
    for visit in visits.of_person(store, person_id):
        subjects.append(visit.id)
        yield f"visits/{visit.id}/visit.json", _paper(_plain(visit))
        for item in files.of_visit(store, visit.id):
            yield f"visits/{visit.id}/files/{item.role}", files.get(store, visit.id, item.role)
    entries = sorted((e for s in subjects for e in audit.entries(store, s)), key=lambda e: e.number)
    yield "log.json", _paper([{**vars_of(e), "details": dict(e.details)} for e in entries])


def vars_of(entry: Any) -> dict[str, Any]:
    """The fields of a record."""
    return {name: getattr(entry, name) for name in entry.__dataclass_fields__}


def _plain(record: Any) -> dict[str, Any]:
    """A record whose JSON field is a read-only mapping."""
    return {k: dict(v) if isinstance(v, Mapping) else v for k, v in vars_of(record).items()}


def _paper(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1, default=text_of) + "\n").encode()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(archives.member(name, zipfile.ZIP_DEFLATED), data, compresslevel=1)


# ------------------------------------------------------------------ in


def _checked(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    """The members, if they can be an export's: nothing but its names, each once, within the limits."""
    infos = archive.infolist()
    if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > MOST_BYTES:
        raise Refused(f"{name}: expected at most {MOST_FILES} files and {MOST_BYTES >> 30} GB, found more")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        known = info.filename in _PAPERS or _FILE.fullmatch(info.filename) or _VISIT.fullmatch(info.filename)
        if not known or info.filename in members or info.flag_bits & 1:
            raise Refused(f"{name}: expected the files of an export, found {info.filename[:80]!r}; export it again")
        members[info.filename] = info
    missing = [paper for paper in _PAPERS if paper not in members and paper not in ("README.txt", "log.json")]
    if missing:
        raise Refused(f"{name}: expected {missing[0]} in it, found none; export it again")
    return members


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int = MOST_BYTES) -> bytes:
    """A member that is no larger than it says."""
    if info.file_size > most:
        raise Refused(f"{info.filename}: expected at most {most} bytes, found {info.file_size}")
    with archive.open(info) as stream:
        data = stream.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise Damaged(f"{info.filename}: expected {info.file_size} bytes, found others; export it again")
    return data


def _imported(
    store: Store, tx: Transaction, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str, by: str
) -> Person:
    hashes = _json(archive, members["manifest.json"])["files"]

    def paper(member: str) -> Any:
        return json.loads(_true(archive, members[member], hashes, MOST_JSON))

    told = paper("person.json")
    if told["schema"] != SCHEMA:
        raise Refused(f"{name}: expected {SCHEMA}, found {str(told['schema'])[:40]!r}; install the newest plantar")
    person = people.create(store, by=by, **{key: told[key] for key in people.DETAILS})
    new_ids: dict[str, str] = {}
    for member in sorted(members):
        if found := _VISIT.fullmatch(member):
            new_ids[found[1]] = _visit(store, tx, person.id, paper(member))
    for item in paper("consents.json"):
        tx.add(_consent(person.id, new_ids, item))
    tx.flush()
    for member in sorted(members):
        if found := _FILE.fullmatch(member):
            files.put(store, new_ids[found[1]], found[2], _true(archive, members[member], hashes, MOST_BYTES), by)
    for item in reversed(paper("orders.json")):
        _order(store, tx, new_ids, item, by)
    audit.add(store, tx, "person.import", person.id, by, {"files": len(members)})
    return person


def _json(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    try:
        return json.loads(_read(archive, info, MOST_JSON))
    except ValueError as error:
        raise Damaged(f"{info.filename}: expected JSON, found something else; export it again") from error


def _true(archive: zipfile.ZipFile, info: zipfile.ZipInfo, hashes: Mapping[str, Any], most: int) -> bytes:
    data = _read(archive, info, most)
    if hashlib.sha256(data).hexdigest() != hashes[info.filename]["sha256"]:
        raise Damaged(f"{info.filename}: expected bytes of the manifest's SHA-256, found others; export it again")
    return data


def _visit(store: Store, tx: Transaction, person_id: str, told: Mapping[str, Any]) -> str:
    visit_id = ids.new("V")
    tx.add(
        VisitRow(
            id=visit_id, person_id=person_id, place=str(told["place"]), language=str(told["language"]),
            screen=str(told["screen"]), sealed=store.seal(person_id, dict(told["state"]), visits.place_of(visit_id)),
            started_at=_time(told["started_at"]), changed_at=_time(told["changed_at"]),
            closed_at=_maybe(told["closed_at"]) or store.now(), outcome=told["outcome"] or "abandoned",
        )
    )  # fmt: skip
    tx.flush()
    return visit_id


def _consent(person_id: str, new_ids: Mapping[str, str], told: Mapping[str, Any]) -> ConsentRow:
    words = [told["purpose"], told["text_version"], told["language"], told["given_by"]]
    if not all(ids.CODE.fullmatch(word) for word in words):
        raise ValueError("a consent of short words")
    return ConsentRow(
        id=ids.new("C"), person_id=person_id, visit_id=new_ids.get(told["visit_id"]), purpose=told["purpose"],
        text_version=told["text_version"], text_sha256=told["text_sha256"], language=told["language"],
        given_by=told["given_by"], given_at=_time(told["given_at"]), withdrawn_at=_maybe(told["withdrawn_at"]),
    )  # fmt: skip


def _order(store: Store, tx: Transaction, new_ids: Mapping[str, str], told: Mapping[str, Any], by: str) -> None:
    if told["state"] not in orders.STEPS:
        raise ValueError(f"no state {told['state']!r}")
    made = orders.create(store, new_ids[told["visit_id"]], dict(told["choice"]), by)
    row = tx.scalars(select(OrderRow).where(OrderRow.id == made.id)).one()
    row.state, row.created_at = told["state"], _time(told["created_at"])
    row.changed_at, row.closed_at = _time(told["changed_at"]), _maybe(told["closed_at"])
    tx.flush()


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    text_of(at)  # with its zone
    return at


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else _time(text)
