"""Files of a visit: scans, recordings, measures, pictures, reports. Each has a role, sealed with the person's key."""

from __future__ import annotations

from functools import partial

from sqlalchemy import func, select

from station.store import audit, consents, ids, visits
from station.store.errors import NotFound, Refused
from station.store.models import FileRow
from station.store.records import File
from station.store.sealed import seal, unseal
from station.store.storing import Store, Transaction


def put(store: Store, visit_id: str, role: str, data: bytes, by: str = "kiosk") -> File:
    """Keep a file; one of the same role is replaced. On disk when this returns.

    ``role``: its name, as "left.ply". ConsentMissing without consent to be measured; StoreFull leaves what was.
    """
    if not ids.ROLE.fullmatch(role) or len(role) > 80:
        raise Refused(f"expected a file's role as left.ply, found {role[:80]!r}; small letters, digits, dots")
    with store.write() as tx:
        visit = visits.row_of(tx, visit_id)
        consents.require(store, visit.person_id, "measure")
        _remove(store, tx, tx.get(FileRow, (visit_id, role)))
        name = _keep(store, tx, visit.person_id, visit_id, role, data)
        row = FileRow(visit_id=visit_id, role=role, sha256=name, size=len(data), created_at=store.now())
        tx.add(row)
        tx.flush()
        audit.add(store, tx, "file.put", visit_id, by, {"role": role, "bytes": len(data)})
        return _record(row)


def get(store: Store, visit_id: str, role: str) -> bytes:
    """A file's bytes as they were put. NotFound, Damaged."""
    with store.read() as tx:
        visit = visits.row_of(tx, visit_id)
        row = tx.get(FileRow, (visit_id, role))
        if row is None:
            raise NotFound(f"{visit_id}: expected a file {role[:80]!r}, found none")
        return unseal(store.key(visit.person_id), store.blobs.get(row.sha256), _place(visit_id, role))


def has(store: Store, visit_id: str, role: str) -> bool:
    """Whether there is such a file."""
    with store.read() as tx:
        return tx.get(FileRow, (visit_id, role)) is not None


def of_visit(store: Store, visit_id: str) -> tuple[File, ...]:
    """A visit's files by role."""
    with store.read() as tx:
        rows = tx.scalars(select(FileRow).where(FileRow.visit_id == visit_id).order_by(FileRow.role))
        return tuple(_record(row) for row in rows)


def remove(store: Store, visit_id: str, role: str, by: str = "kiosk") -> bool:
    """For good; False where there is none."""
    with store.write() as tx:
        row = tx.get(FileRow, (visit_id, role))
        if row is None:
            return False
        _remove(store, tx, row)
        audit.add(store, tx, "file.remove", visit_id, by, {"role": role})
        return True


def total_bytes(store: Store) -> int:
    """How much all files take, unsealed."""
    with store.read() as tx:
        return int(tx.scalar(select(func.coalesce(func.sum(FileRow.size), 0))) or 0)


# ------------------------------------------------------------------ for the other modules


def reseal(store: Store, tx: Transaction, row: FileRow, before: str, person_id: str) -> None:
    """A file under another person's key."""
    data = unseal(store.key(before), store.blobs.get(row.sha256), _place(row.visit_id, row.role))
    tx.kept.append(partial(store.blobs.remove, row.sha256))
    row.sha256 = _keep(store, tx, person_id, row.visit_id, row.role, data)
    tx.flush()


def opens(store: Store, row: FileRow, person_id: str) -> int:
    """Unseals a file; how many bytes it holds. Damaged, Erased."""
    return len(unseal(store.key(person_id), store.blobs.get(row.sha256), _place(row.visit_id, row.role)))


def _keep(store: Store, tx: Transaction, person_id: str, visit_id: str, role: str, data: bytes) -> str:
    name = store.blobs.put(seal(store.key(person_id), data, _place(visit_id, role)))
    tx.lost.append(partial(store.blobs.remove, name))
    return name


def _remove(store: Store, tx: Transaction, row: FileRow | None) -> None:
    if row is not None:
        tx.delete(row)
        tx.flush()
        tx.kept.append(partial(store.blobs.remove, row.sha256))


def _place(visit_id: str, role: str) -> str:
    return f"files/{visit_id}/{role}"


def _record(row: FileRow) -> File:
    return File(row.visit_id, row.role, row.size, row.sha256, row.created_at)
