"""Staff and their PINs: argon2, a lock after five wrong ones that takes twice as long each time."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import argon2
from sqlalchemy import select

from station.store import audit, ids, settings
from station.store.errors import Locked, NotFound, Refused, WrongPin
from station.store.models import StaffRow
from station.store.records import Staff
from station.store.storing import Store, Transaction

SHORTEST, LONGEST = 4, 64  #: characters of a PIN
LONGEST_LOCK = timedelta(days=1)
_hasher = argon2.PasswordHasher()


def add(store: Store, name: str, pin: str, by: str = "command") -> Staff:
    """Somebody who works here. Refused for a PIN that anybody would try first."""
    _check_pin(pin)
    if not name.strip():
        raise Refused("expected a name, found none")
    row = StaffRow(
        id=ids.new("T", ids.SHORT), name=name.strip(), pin_hash=_hasher.hash(pin), created_at=store.now(), tries=0,
        locks=0, locked_until=None,
    )  # fmt: skip
    with store.write() as tx:
        tx.add(row)
        tx.flush()
        audit.add(store, tx, "staff.add", row.id, by, {})
    return _record(row)


def listing(store: Store) -> tuple[Staff, ...]:
    """Everybody who works here, by name."""
    with store.read() as tx:
        return tuple(_record(row) for row in tx.scalars(select(StaffRow).order_by(StaffRow.name, StaffRow.id)))


def check(store: Store, staff_id: str, pin: str) -> Staff:
    """Whose PIN this is. WrongPin with the tries that are left, Locked with the seconds to wait, NotFound.

    A try is counted, on disk, before the PIN is looked at: many at once, or ending the program, gain nothing.
    """
    with store.write() as tx:
        row = _row(tx, staff_id)
        _refuse_locked(row, store.now())
        most = int(settings.get(store, "pin_tries"))
        row.tries += 1
        left = most - row.tries
        if left <= 0:
            minutes = float(settings.get(store, "pin_lock_minutes")) * 2.0**row.locks
            row.locked_until = store.now() + min(timedelta(minutes=minutes), LONGEST_LOCK)
            row.tries, row.locks = 0, min(row.locks + 1, 20)
        pin_hash = row.pin_hash
    if not _matches(pin_hash, pin):
        with store.write() as tx:
            audit.add(store, tx, "staff.wrong_pin", staff_id, staff_id, {"left": max(left, 0)})
        if left <= 0:
            with store.read() as tx:
                _refuse_locked(_row(tx, staff_id), store.now())
        raise WrongPin(f"{staff_id}: expected this person's PIN, found another; {max(left, 0)} tries left", left)
    with store.write() as tx:
        row = _row(tx, staff_id)
        row.tries, row.locks, row.locked_until = 0, 0, None
        if _hasher.check_needs_rehash(row.pin_hash):
            row.pin_hash = _hasher.hash(pin)
        audit.add(store, tx, "staff.enter", staff_id, staff_id, {})
        return _record(row)


def change_pin(store: Store, staff_id: str, pin: str, by: str = "command") -> Staff:
    """Another PIN; a lock is lifted."""
    _check_pin(pin)
    with store.write() as tx:
        row = _row(tx, staff_id)
        row.pin_hash, row.tries, row.locks, row.locked_until = _hasher.hash(pin), 0, 0, None
        audit.add(store, tx, "staff.pin", staff_id, by, {})
        return _record(row)


def remove(store: Store, staff_id: str, by: str = "command") -> None:
    """Somebody who works here no longer; the log keeps their id."""
    with store.write() as tx:
        tx.delete(_row(tx, staff_id))
        audit.add(store, tx, "staff.remove", staff_id, by, {})


def _refuse_locked(row: StaffRow, now: datetime) -> None:
    if row.locked_until is not None and row.locked_until > now:
        seconds = (row.locked_until - now).total_seconds()
        raise Locked(f"{row.id}: expected no more than a few wrong PINs, found too many; wait {seconds:.0f} s", seconds)


def _matches(pin_hash: str, pin: str) -> bool:
    try:
        return _hasher.verify(pin_hash, pin)
    except argon2.exceptions.VerificationError:
        return False


def _check_pin(pin: str) -> None:
    if not SHORTEST <= len(pin) <= LONGEST:
        raise Refused(f"expected a PIN of {SHORTEST} to {LONGEST} characters, found {len(pin)}; choose another")
    steps = {ord(b) - ord(a) for a, b in pairwise(pin)}
    if steps in ({0}, {1}, {-1}):
        raise Refused("expected a PIN that is not one character again and again or a row as 1234; choose another")


def _row(tx: Transaction, staff_id: str) -> StaffRow:
    row = tx.get(StaffRow, staff_id)
    if row is None:
        raise NotFound(f"{staff_id[:40]}: expected somebody who works here, found nobody")
    return row


def _record(row: StaffRow) -> Staff:
    return Staff(row.id, row.name, row.created_at, row.locked_until)
