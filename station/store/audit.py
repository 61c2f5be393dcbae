"""The audit log: what was done, by whom, to which random id, when; each entry holds the hash of the one before.

No entry holds anything personal: actions and details are short codes, numbers and random ids. An entry that was
changed, removed or put in breaks the chain; that the newest were cut off shows against a hash that was noted elsewhere:
a backup's, or that on a person's receipt.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from station.store import ids
from station.store.models import AuditRow, text_of
from station.store.records import AuditEntry
from station.store.storing import Store, Transaction

FIRST = "0" * 64  #: what the first entry takes for the hash before it


def record(store: Store, action: str, subject: str, by: str = "kiosk", **details: Any) -> AuditEntry:
    """Add an entry. ValueError for an action, subject, actor or detail that is no short code or number.

    ``action``: "order.move"; ``subject``: the id it was done to; ``by``: a staff id, "kiosk", "customer", "command".
    """
    with store.write() as tx:
        return add(store, tx, action, subject, by, details)


def add(store: Store, tx: Transaction, action: str, subject: str, by: str, details: Mapping[str, Any]) -> AuditEntry:
    """``record`` inside a transaction."""
    for word in (action, subject, by, *details, *(v for v in details.values() if isinstance(v, str))):
        if not ids.CODE.fullmatch(word):
            raise ValueError(f"the audit log holds short codes and ids only, got {word!r}")
    if not all(value is None or isinstance(value, (str, int, bool)) for value in details.values()):
        raise ValueError("the audit log holds short codes, whole numbers and ids only")
    last = tx.scalars(select(AuditRow).order_by(AuditRow.number.desc()).limit(1)).first()
    number, previous = (1, FIRST) if last is None else (last.number + 1, last.hash)
    at, text = store.now(), json.dumps(dict(details), sort_keys=True, separators=(",", ":"))
    row = AuditRow(
        number=number, at=at, actor=by, action=action, subject=subject, details=text, previous=previous,
        hash=link(previous, number, at, by, action, subject, text),
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    return _entry(row)


def link(previous: str, number: int, at: datetime, actor: str, action: str, subject: str, details: str) -> str:
    """SHA-256 of the hash before and the entry as canonical JSON."""
    entry = [number, text_of(at), actor, action, subject, details]
    text = json.dumps(entry, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(bytes.fromhex(previous) + text.encode()).hexdigest()


def entries(store: Store, subject: str | None = None, limit: int | None = None) -> tuple[AuditEntry, ...]:
    """The newest first, of one id or of all."""
    with store.read() as tx:
        wanted = select(AuditRow).order_by(AuditRow.number.desc()).limit(limit)
        if subject is not None:
            wanted = wanted.where(AuditRow.subject == subject)
        return tuple(_entry(row) for row in tx.scalars(wanted))


def head(store: Store) -> tuple[int, str]:
    """Number and hash of the newest entry; (0, zeros) of an empty log."""
    with store.read() as tx:
        row = tx.execute(select(AuditRow.number, AuditRow.hash).order_by(AuditRow.number.desc()).limit(1)).first()
        return (0, FIRST) if row is None else (row.number, row.hash)


def broken(store: Store) -> Iterator[str]:
    """What is wrong with the chain, a line each; nothing where it holds."""
    with store.read() as tx:
        previous, number = FIRST, 0
        for row in tx.scalars(select(AuditRow).order_by(AuditRow.number).execution_options(yield_per=1000)):
            number += 1
            if row.number != number:
                yield f"audit: expected entry {number}, found {row.number}; entries were removed"
                number = row.number
            if row.previous != previous:
                yield f"audit {number}: expected the hash of the entry before, found another"
            if row.hash != link(row.previous, number, row.at, row.actor, row.action, row.subject, row.details):
                yield f"audit {number}: expected the hash of what it says, found another; it was changed"
            previous = row.hash


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(row.number, row.at, row.actor, row.action, row.subject, json.loads(row.details), row.previous,
                      row.hash)  # fmt: skip
