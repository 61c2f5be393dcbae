"""Visits: where each customer's way stands, on disk after every step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, cast

from sqlalchemy import select

from station.store import audit, ids, people, settings
from station.store.errors import NotFound, Refused
from station.store.models import VisitRow
from station.store.records import Outcome, Visit
from station.store.storing import Store, Transaction


def start(
    store: Store, language: str, place: str = "kiosk", person_id: str | None = None, screen: str = "welcome"
) -> Visit:
    """A visit of somebody new (a person without a name, with a key of their own), or of ``person_id``."""
    with store.write() as tx:
        if person_id is None:
            person_id = people.create(store).id
        else:
            people.row_of(tx, person_id)
        visit_id, now = ids.new("V"), store.now()
        row = VisitRow(
            id=visit_id, person_id=person_id, place=place, language=language, screen=screen,
            sealed=store.seal(person_id, {}, place_of(visit_id)), started_at=now, changed_at=now,
        )  # fmt: skip
        tx.add(row)
        tx.flush()
        audit.add(store, tx, "visit.start", visit_id, "kiosk", {"person": person_id, "language": language})
        return _record(store, row)


def get(store: Store, visit_id: str) -> Visit:
    """A visit as it stands. NotFound."""
    with store.read() as tx:
        return _record(store, row_of(tx, visit_id))


def save(store: Store, visit_id: str, screen: str, state: Mapping[str, Any], language: str | None = None) -> Visit:
    """Where it stands now; on disk when this returns. Refused for a visit that is closed."""
    with store.write() as tx:
        row = row_of(tx, visit_id)
        if row.closed_at is not None:
            raise Refused(f"{visit_id}: expected a visit that goes on, found that it was closed; start a new one")
        row.screen, row.changed_at, row.language = screen, store.now(), language or row.language
        row.sealed = store.seal(row.person_id, dict(state), place_of(visit_id))
        tx.flush()
        return _record(store, row)


def close(store: Store, visit_id: str, outcome: Outcome, by: str = "kiosk") -> Visit:
    """The visit is over; closing it again changes nothing."""
    with store.write() as tx:
        row = row_of(tx, visit_id)
        if row.closed_at is None:
            row.closed_at = row.changed_at = store.now()
            row.outcome = outcome
            tx.flush()
            audit.add(store, tx, "visit.close", visit_id, by, {"outcome": outcome})
        return _record(store, row)


def of_person(store: Store, person_id: str) -> tuple[Visit, ...]:
    """Somebody's visits, the newest first."""
    return _several(store, select_visits(person_id=person_id))


def unfinished(store: Store, place: str | None = None) -> tuple[Visit, ...]:
    """Visits that nobody closed, at one kiosk or all, the newest first."""
    wanted = select_visits().where(VisitRow.closed_at.is_(None))
    with store.read() as tx:
        return tuple(
            store.readable(_record, tx.scalars(wanted if place is None else wanted.where(VisitRow.place == place)))
        )


def since(store: Store, start: datetime) -> tuple[Visit, ...]:
    """Visits that something happened in since then, the newest first."""
    return _several(store, select_visits().where(VisitRow.changed_at >= start))


def new_takeaway(store: Store, visit_id: str, by: str = "kiosk") -> str:
    """The secret of a visit's take-away QR, for the days that are set; one that was given before opens it no longer."""
    secret = ids.token()
    with store.write() as tx:
        row = row_of(tx, visit_id)
        row.takeaway_hash = ids.token_hash(secret)
        row.takeaway_until = store.now() + timedelta(days=float(settings.get(store, "takeaway_days")))
        tx.flush()
        audit.add(store, tx, "visit.takeaway", visit_id, by, {})
    return secret


def by_takeaway(store: Store, secret: str) -> Visit:
    """The visit whose take-away it is. NotFound for any other, or when its days are over."""
    with store.read() as tx:
        row = tx.scalars(select(VisitRow).where(VisitRow.takeaway_hash == ids.token_hash(secret))).first()
        if row is None or row.takeaway_until is None or row.takeaway_until < store.now():
            raise NotFound(
                "expected a take-away of this studio, found none, or one whose days are over; ask the studio"
            )
        return _record(store, row)


# ------------------------------------------------------------------ for the other modules


def row_of(tx: Transaction, visit_id: str) -> VisitRow:
    """The row of a visit. NotFound."""
    row = tx.get(VisitRow, visit_id)
    if row is None:
        raise NotFound(f"{visit_id}: expected a visit of this store, found none; start a new one")
    return row


def select_visits(person_id: str | None = None) -> Any:
    """A query of visits, the newest first."""
    wanted = select(VisitRow).order_by(VisitRow.started_at.desc(), VisitRow.id)
    return wanted if person_id is None else wanted.where(VisitRow.person_id == person_id)


def _several(store: Store, wanted: Any) -> tuple[Visit, ...]:
    with store.read() as tx:
        return tuple(_record(store, row) for row in tx.scalars(wanted))


def place_of(visit_id: str) -> str:
    """What a visit's state is sealed to."""
    return f"visits/{visit_id}/state"


def _record(store: Store, row: VisitRow) -> Visit:
    state = store.unseal(row.person_id, row.sealed, place_of(row.id))
    return Visit(
        row.id, row.person_id, row.place, row.language, row.screen, MappingProxyType(state), row.started_at,
        row.changed_at, row.closed_at, cast("Outcome | None", row.outcome),
    )  # fmt: skip
