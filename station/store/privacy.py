"""Erasing a person with a receipt, and the timer that does it when their time is over.

Erased are the key, every row, every file, and the key in every copy of the keys that a backup made: what a backup
still holds of them nobody can open. A tombstone with the random id and the audit log's entries stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType

from sqlalchemy import delete, func, select

from station.store import audit, consents, database, ids, keyfiles, opening, people, settings
from station.store.errors import Erased
from station.store.models import (
    ConsentRow,
    FileRow,
    OrderEventRow,
    OrderRow,
    PersonRow,
    TombstoneRow,
    VisitRow,
)
from station.store.records import AuditEntry, Due, Receipt
from station.store.storing import Store, Transaction


def erase(store: Store, person_id: str, by: str = "customer", reason: str = "asked") -> Receipt:
    """Somebody, for good. NotFound, Erased; ValueError inside a transaction, for a receipt is of what is done.

    When this returns nothing opens what any backup of this store holds of them, unless ``key_files_pending`` says that
    a copy of the keys was not within reach; it is done when it is.
    """
    if store.in_transaction:
        raise ValueError("erase is a transaction of its own")
    with store.write() as tx:
        counts, entry, receipt_id = drop(store, tx, person_id, reason, by)
    database.shrink_log(store.engine)
    done, pending = keyfiles.refresh(store)
    return Receipt(
        receipt_id, person_id, entry.at, reason, MappingProxyType(counts), done, pending, entry.number, entry.hash
    )


def drop(store: Store, tx: Transaction, person_id: str, reason: str, by: str) -> tuple[dict[str, int], AuditEntry, str]:
    """``erase`` inside a transaction: rows now, key and files when it is committed.

    Returns how many of each went, the log's entry, the receipt's id.
    """
    person = people.row_of(tx, person_id)
    mine = select(VisitRow.id).where(VisitRow.person_id == person_id)
    blobs = tx.execute(select(FileRow.sha256, FileRow.size).where(FileRow.visit_id.in_(mine))).all()
    my_orders = select(OrderRow.id).where(OrderRow.person_id == person_id)
    counts = {
        "visits": tx.scalar(select(func.count()).select_from(mine.subquery())) or 0,
        "files": len(blobs),
        "bytes": sum(blob.size for blob in blobs),
        "orders": tx.scalar(select(func.count()).select_from(my_orders.subquery())) or 0,
    }
    for gone in (
        delete(ConsentRow).where(ConsentRow.person_id == person_id),
        delete(OrderEventRow).where(OrderEventRow.order_id.in_(my_orders)),
        delete(OrderRow).where(OrderRow.person_id == person_id),
        delete(FileRow).where(FileRow.visit_id.in_(mine)),
        delete(VisitRow).where(VisitRow.person_id == person_id),
    ):
        tx.execute(gone)
    profile_id = person.profile_id
    tx.delete(person)
    tx.flush()
    people.drop_profile(tx, profile_id)
    receipt_id, now = ids.new("R"), store.now()
    tx.add(TombstoneRow(id=person_id, receipt_id=receipt_id, erased_at=now, reason=reason))
    entry = audit.add(store, tx, "person.erase", person_id, by, {"reason": reason, "receipt": receipt_id, **counts})
    keyfiles.mark_stale(store)
    tx.kept.append(partial(store.keys.erase, person_id))  # the key first: without it the rest is noise
    tx.kept.extend(partial(store.blobs.remove, blob.sha256) for blob in blobs)
    tx.kept.append(partial(keyfiles.refresh, store))
    return counts, entry, receipt_id


def is_receipt(store: Store, receipt: Receipt) -> bool:
    """Whether a receipt is this store's, its link stands in the chain, and the person is still gone."""
    with store.read() as tx:
        stone = tx.get(TombstoneRow, receipt.person_id)
        back = tx.get(PersonRow, receipt.person_id) is not None or store.keys.has(receipt.person_id)
    entry = next((e for e in audit.entries(store, receipt.person_id) if e.number == receipt.audit_number), None)
    known = stone is not None and stone.receipt_id == receipt.id
    return known and not back and entry is not None and entry.hash == receipt.audit_hash


# ------------------------------------------------------------------ the timer


def due(store: Store, now: datetime | None = None) -> tuple[Due, ...]:
    """People whose time is over, and why, the longest over first.

    "withdrawn": they took back the consent to be measured. Without consent to keep: "shipped", ``retention_days`` after
    their last order was shipped or cancelled; "abandoned", ``abandoned_hours`` after the last visit without an order.
    """
    now = now or store.now()
    found = [item for item in _ends(store) if item.due_at <= now]
    return tuple(sorted(found, key=lambda item: (item.due_at, item.person_id)))


def sweep(store: Store, now: datetime | None = None) -> tuple[Receipt, ...]:
    """Erase everybody who is due, and what killed processes left behind; meant for a timer, each hour."""
    opening.left_behind(store)
    keyfiles.refresh(store)
    receipts = []
    for item in due(store, now):
        try:
            receipts.append(erase(store, item.person_id, "timer", item.reason))
        except Erased:  # by somebody else, just now
            continue
    return tuple(receipts)


def _ends(store: Store) -> Iterator[Due]:
    """When the time of everybody without consent to keep is over."""
    after_order = timedelta(days=float(settings.get(store, "retention_days")))
    after_visit = timedelta(hours=float(settings.get(store, "abandoned_hours")))
    with store.read() as tx:
        for person_id, created_at in tx.execute(select(PersonRow.id, PersonRow.created_at)).all():
            given = consents.of_person(store, person_id)
            measure = [c.withdrawn_at for c in given if c.purpose == "measure"]
            if measure and all(measure):
                yield Due(person_id, max(at for at in measure if at is not None), "withdrawn")
                continue
            if any(c.purpose == "keep" and not c.withdrawn_at for c in given) and "keep" in consents.standing(
                store, person_id
            ):
                continue
            closed = tx.scalars(select(OrderRow.closed_at).where(OrderRow.person_id == person_id)).all()
            if not all(closed):
                continue  # something is still to be made for them
            if closed:
                yield Due(person_id, max(at for at in closed if at is not None) + after_order, "shipped")
                continue
            last = tx.scalar(select(func.max(VisitRow.changed_at)).where(VisitRow.person_id == person_id))
            yield Due(person_id, (last or created_at) + after_visit, "abandoned")
