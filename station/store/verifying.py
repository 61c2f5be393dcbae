"""Is everything there, unchanged, and does it open? Nothing is repaired here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select, text

from station.store import audit, files, keyfiles, orders, people, visits
from station.store.errors import StoreError
from station.store.models import FileRow, OrderRow, PersonRow, TombstoneRow, VisitRow
from station.store.opening import LEFT_BEHIND_S
from station.store.storing import Store, Transaction


@dataclass(frozen=True)
class Verified:
    """What a store holds, and a line for everything that is wrong with it."""

    people: int
    visits: int
    files: int
    bytes: int
    orders: int
    erased: int
    audit_number: int
    audit_hash: str
    problems: tuple[str, ...]


def verify(store: Store, told: Callable[[str], object] = str) -> Verified:
    """Hold everything against everything: the database's own check, the log's chain, every row and file of a person
    against their key, every file against its SHA-256, every key against its person.

    ``told(what)`` is called before each piece of work.
    """
    problems: list[str] = []
    with store.read() as tx:
        told("database")
        problems += _database(store, tx)
        told("audit")
        problems += audit.broken(store)
        told("people")
        persons = tx.scalars(select(PersonRow.id).order_by(PersonRow.id)).all()
        for person_id in persons:
            problems += _opens(partial(people.get, store, person_id))
        erased = tx.scalars(select(TombstoneRow.id)).all()
        problems += _keys(store, set(persons), set(erased))
        told("visits")
        visit_rows = tx.scalars(select(VisitRow).order_by(VisitRow.id)).all()
        order_rows = tx.scalars(select(OrderRow).order_by(OrderRow.id)).all()
        for visit in visit_rows:
            problems += _opens(partial(visits.get, store, visit.id))
        for order in order_rows:
            problems += _opens(partial(orders.opens, store, tx, order))
        told("files")
        owner = {visit.id: visit.person_id for visit in visit_rows}
        size = count = 0
        for row in tx.scalars(select(FileRow).order_by(FileRow.visit_id, FileRow.role)):
            count, size = count + 1, size + row.size
            problems += _file(store, row, owner[row.visit_id])
        number, head = audit.head(store)
    return Verified(
        len(persons), len(visit_rows), count, size, len(order_rows), len(erased), number, head, tuple(problems)
    )


def _database(store: Store, tx: Transaction) -> Iterator[str]:
    if store.engine.dialect.name != "sqlite":
        return  # PostgreSQL checks its pages when it reads them, and its keys when they are written
    for (found,) in tx.execute(text("PRAGMA integrity_check")):
        if found != "ok":
            yield f"{store.engine.url.database}: {found}"
    for found in tx.execute(text("PRAGMA foreign_key_check")):
        yield f"{store.engine.url.database}: a row of {found[0]} belongs to nothing"


def _keys(store: Store, living: set[str], erased: set[str]) -> Iterator[str]:
    held = set(store.keys.ids())
    for person_id in sorted(living - held):
        yield f"{person_id}: expected this person's key, found none; restore a backup"
    for person_id in sorted(held - living):
        if person_id in erased:
            yield f"{person_id}: expected no key of somebody who was erased, found one; open the store again"
        elif store.keys.age_s(person_id) > LEFT_BEHIND_S:
            yield f"{person_id}: expected the person of this key, found none; open the store again"
    for place in keyfiles.stale(store):
        yield f"{place}: expected the keys as they are now, found that it was out of reach; plug in its disk and sweep"


def _file(store: Store, row: FileRow, person_id: str) -> Iterator[str]:
    where = f"{row.visit_id}/{row.role}"
    try:
        size = files.opens(store, row, person_id)
    except StoreError as error:
        yield f"{where}: {error}"
        return
    if size != row.size:
        yield f"{where}: expected {row.size} bytes, found {size}"


def _opens(reading: Callable[[], object]) -> Iterator[str]:
    try:
        reading()
    except StoreError as error:
        yield str(error)
