"""From one person to another: a visit of somebody who was here before, two entries that are one person."""

from __future__ import annotations

from sqlalchemy import select, update

from station.store import audit, files, orders, people, privacy, visits
from station.store.errors import Refused
from station.store.models import ConsentRow, FileRow, OrderRow, VisitRow
from station.store.records import Person, Visit
from station.store.storing import Store, Transaction


def give_visit(store: Store, visit_id: str, person_id: str, by: str = "kiosk") -> Visit:
    """The visit turns out to be of somebody who was here before: its state, files, consents and orders become theirs.

    All are sealed anew with their key. Who had it before is erased if nothing else is known of them.
    """
    with store.write() as tx:
        row = visits.row_of(tx, visit_id)
        before = row.person_id
        if before == person_id:
            return visits.get(store, visit_id)
        people.row_of(tx, person_id)
        _move(store, tx, row, person_id)
        audit.add(store, tx, "visit.give", visit_id, by, {"person": person_id})
        if tx.scalars(select(VisitRow.id).where(VisitRow.person_id == before).limit(1)).first() is None:
            privacy.drop(store, tx, before, "merged", by)
        return visits.get(store, visit_id)


def merge(store: Store, person_id: str, other_id: str, by: str) -> Person:
    """Two entries are one person: everything of ``other_id`` becomes ``person_id``'s, and the other is erased.

    A detail that only the other has is taken over. Refused for one and the same.
    """
    if person_id == other_id:
        raise Refused(f"{person_id}: expected two people, found one; choose the other")
    with store.write() as tx:
        kept, other = people.get(store, person_id), people.get(store, other_id)
        missing = {key: getattr(other, key) for key in people.DETAILS if getattr(kept, key) is None}
        people.change(store, person_id, by, **{key: value for key, value in missing.items() if value is not None})
        for row in tx.scalars(select(VisitRow).where(VisitRow.person_id == other_id)).all():
            _move(store, tx, row, person_id)
        tx.execute(update(ConsentRow).where(ConsentRow.person_id == other_id).values(person_id=person_id))
        audit.add(store, tx, "person.merge", person_id, by, {"other": other_id})
        privacy.drop(store, tx, other_id, "merged", by)
        return people.get(store, person_id)


def _move(store: Store, tx: Transaction, row: VisitRow, person_id: str) -> None:
    """Everything of a visit under another person's key."""
    before, place = row.person_id, visits.place_of(row.id)
    row.sealed = store.seal(person_id, store.unseal(before, row.sealed, place), place)
    row.person_id = person_id
    for file in tx.scalars(select(FileRow).where(FileRow.visit_id == row.id)).all():
        files.reseal(store, tx, file, before, person_id)
    for order in tx.scalars(select(OrderRow).where(OrderRow.visit_id == row.id)).all():
        orders.reseal(store, tx, order, person_id)
    tx.execute(update(ConsentRow).where(ConsentRow.visit_id == row.id).values(person_id=person_id))
    tx.flush()
