"""Orders: created → printing → quality check → shipped; a failed check goes back; every step can be undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, cast

from sqlalchemy import select

from station.store import audit, consents, ids, visits
from station.store.errors import NotFound, Refused
from station.store.models import OrderEventRow, OrderRow
from station.store.records import Order, OrderEvent, OrderState
from station.store.storing import Store, Transaction

#: state -> the states that may follow
STEPS: Mapping[OrderState, tuple[OrderState, ...]] = MappingProxyType(
    {
        "created": ("printing", "cancelled"),
        "printing": ("quality_check", "cancelled"),
        "quality_check": ("shipped", "printing", "cancelled"),
        "shipped": (),
        "cancelled": (),
    }
)
CLOSED: tuple[OrderState, ...] = ("shipped", "cancelled")


def create(store: Store, visit_id: str, choice: Mapping[str, Any], by: str = "kiosk") -> Order:
    """The order of a visit. Asked for again (a second tap, a resumed visit) it is the same order.

    While it is ``created`` another choice takes the place of the first; Refused later. ConsentMissing.
    """
    with store.write() as tx:
        visit = visits.row_of(tx, visit_id)
        consents.require(store, visit.person_id, "measure")
        wanted = select(OrderRow).where(OrderRow.visit_id == visit_id, OrderRow.state != "cancelled")
        row = tx.scalars(wanted).first()
        if row is not None:
            order = _record(store, row)
            if dict(order.choice) == dict(choice):
                return order
            if row.state != "created":
                raise Refused(f"{row.id}: expected an order that is not begun, found {row.state}; tell the staff")
            return edit(store, row.id, choice, by)
        order_id, now = ids.new("O", ids.SHORT), store.now()
        row = OrderRow(
            id=order_id, person_id=visit.person_id, visit_id=visit_id, state="created",
            sealed=store.seal(visit.person_id, dict(choice), _place(order_id)), created_at=now, changed_at=now,
        )  # fmt: skip
        tx.add(row)
        tx.flush()
        _event(store, tx, row, "created", None, by, {})
        return _record(store, row)


def get(store: Store, order_id: str) -> Order:
    """An order as it stands. NotFound."""
    with store.read() as tx:
        return _record(store, _row(tx, order_id))


def of_visit(store: Store, visit_id: str) -> tuple[Order, ...]:
    """A visit's orders, the newest first."""
    return _several(store, _newest().where(OrderRow.visit_id == visit_id))


def of_person(store: Store, person_id: str) -> tuple[Order, ...]:
    """Somebody's orders, the newest first."""
    return _several(store, _newest().where(OrderRow.person_id == person_id))


def listing(
    store: Store, states: Collection[OrderState] | None = None, since: datetime | None = None
) -> tuple[Order, ...]:
    """Orders in these states (all), created since then (ever), the newest first."""
    wanted = _newest()
    if states is not None:
        wanted = wanted.where(OrderRow.state.in_(states))
    if since is not None:
        wanted = wanted.where(OrderRow.created_at >= since)
    with store.read() as tx:
        return tuple(store.readable(_record, tx.scalars(wanted)))


def unreadable(store: Store) -> tuple[str, ...]:
    """Ids of the orders that no list shows: their key or their row is damaged."""
    with store.read() as tx:
        every = tx.scalars(select(OrderRow.id).order_by(OrderRow.id)).all()
    return tuple(sorted({*every} - {order.id for order in listing(store)}))


def move(store: Store, order_id: str, to: OrderState, by: str, note: str = "") -> Order:
    """The next state. Refused for one that can't follow."""
    with store.write() as tx:
        row = _row(tx, order_id)
        allowed = STEPS[cast(OrderState, row.state)]
        if to not in allowed:
            what = f"one of {', '.join(allowed)}" if allowed else "no further step (undo the last one first)"
            raise Refused(f"{order_id}: expected {what} after {row.state}, found {to}")
        before = row.state
        _set(store, row, to)
        _event(store, tx, row, "state", before, by, {"note": note})
        return _record(store, row)


def edit(store: Store, order_id: str, choice: Mapping[str, Any], by: str, note: str = "") -> Order:
    """What is to be made is another. Refused once it was shipped or cancelled."""
    with store.write() as tx:
        row = _row(tx, order_id)
        if row.state in CLOSED:
            raise Refused(f"{order_id}: expected an order that is not over, found {row.state}; undo that first")
        before = store.unseal(row.person_id, row.sealed, _place(order_id))
        row.sealed, row.changed_at = store.seal(row.person_id, dict(choice), _place(order_id)), store.now()
        _event(store, tx, row, "edit", row.state, by, {"note": note, "choice": before})
        return _record(store, row)


def undo(store: Store, order_id: str, by: str) -> Order:
    """Take back the last step that was not taken back before. Refused where there is none."""
    with store.write() as tx:
        row = _row(tx, order_id)
        wanted = select(OrderEventRow).where(
            OrderEventRow.order_id == order_id,
            OrderEventRow.kind.in_(("state", "edit")),
            OrderEventRow.undone.is_(False),
        )
        last = tx.scalars(wanted.order_by(OrderEventRow.number.desc()).limit(1)).first()
        if last is None or last.before is None:
            raise Refused(f"{order_id}: expected a step to undo, found none")
        state_before = row.state
        last.undone = True
        if last.kind == "edit":
            choice = store.unseal(row.person_id, last.sealed, _event_place(last.id))["choice"]
            row.sealed = store.seal(row.person_id, choice, _place(order_id))
        _set(store, row, cast(OrderState, last.before))
        _event(store, tx, row, "undo", state_before, by, {})
        return _record(store, row)


def events(store: Store, order_id: str) -> tuple[OrderEvent, ...]:
    """Every step of an order, the first one first."""
    with store.read() as tx:
        row = _row(tx, order_id)
        return tuple(_told(store, event, row.person_id) for event in _events(tx, order_id))


# ------------------------------------------------------------------ for the other modules


def reseal(store: Store, tx: Transaction, row: OrderRow, person_id: str) -> None:
    """An order and its steps under another person's key."""
    before = row.person_id
    choice = store.unseal(before, row.sealed, _place(row.id))
    row.sealed, row.person_id = store.seal(person_id, choice, _place(row.id)), person_id
    for event in _events(tx, row.id):
        told = store.unseal(before, event.sealed, _event_place(event.id))
        event.sealed = store.seal(person_id, told, _event_place(event.id))
    tx.flush()


def opens(store: Store, tx: Transaction, row: OrderRow) -> None:
    """Unseals an order and its steps. Damaged, Erased."""
    _record(store, row)
    for event in _events(tx, row.id):
        _told(store, event, row.person_id)


def _row(tx: Transaction, order_id: str) -> OrderRow:
    row = tx.get(OrderRow, ids.read(order_id))
    if row is None:
        raise NotFound(f"{order_id[:40]}: expected an order of this store, found none; look it up")
    return row


def _set(store: Store, row: OrderRow, state: OrderState) -> None:
    row.state, row.changed_at = state, store.now()
    row.closed_at = store.now() if state in CLOSED else None


def _events(tx: Transaction, order_id: str) -> list[OrderEventRow]:
    wanted = select(OrderEventRow).where(OrderEventRow.order_id == order_id).order_by(OrderEventRow.number)
    return list(tx.scalars(wanted))


def _event(
    store: Store, tx: Transaction, row: OrderRow, kind: str, before: str | None, by: str, told: Mapping[str, Any]
) -> None:
    event_id = ids.new("E")
    event = OrderEventRow(
        id=event_id, order_id=row.id, number=1 + len(_events(tx, row.id)), at=store.now(), by=by, kind=kind,
        before=before, after=row.state, sealed=store.seal(row.person_id, dict(told), _event_place(event_id)),
        undone=False,
    )  # fmt: skip
    tx.add(event)
    tx.flush()
    audit.add(store, tx, f"order.{kind}", row.id, by, {"before": before, "after": row.state})


def _newest() -> Any:
    return select(OrderRow).order_by(OrderRow.created_at.desc(), OrderRow.id)


def _several(store: Store, wanted: Any) -> tuple[Order, ...]:
    with store.read() as tx:
        return tuple(_record(store, row) for row in tx.scalars(wanted))


def _place(order_id: str) -> str:
    return f"orders/{order_id}/choice"


def _event_place(event_id: str) -> str:
    return f"order_events/{event_id}/told"


def _record(store: Store, row: OrderRow) -> Order:
    choice = store.unseal(row.person_id, row.sealed, _place(row.id))
    return Order(
        row.id, row.person_id, row.visit_id, cast(OrderState, row.state), MappingProxyType(choice), row.created_at,
        row.changed_at, row.closed_at,
    )  # fmt: skip


def _told(store: Store, row: OrderEventRow, person_id: str) -> OrderEvent:
    told = store.unseal(person_id, row.sealed, _event_place(row.id))
    return OrderEvent(
        row.number, row.order_id, row.at, row.by, cast(Literal["created", "state", "edit", "undo"], row.kind),
        cast("OrderState | None", row.before), cast(OrderState, row.after), str(told.get("note", "")), row.undone,
    )  # fmt: skip
