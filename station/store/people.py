"""People and families. Everything that says who they are is sealed with their own key."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from station.store import audit, ids
from station.store.errors import Erased, NotFound, Refused
from station.store.models import PersonRow, ProfileRow, TombstoneRow
from station.store.records import Person
from station.store.storing import Store, Transaction

DETAILS = ("name", "phone", "email", "birth_year", "notes")
LONGEST = 2000  #: characters of a detail


def create(store: Store, profile_id: str | None = None, by: str = "kiosk", **details: Any) -> Person:
    """Somebody new, with a key of their own; in a family, or the first of one.

    ``details``: name, phone, email, birth_year, notes, each may be left out. ValueError for others.
    """
    checked = _checked(details)
    with store.write() as tx:
        if profile_id is None:
            profile_id = ids.new("F")
            tx.add(ProfileRow(id=profile_id, created_at=store.now()))
            tx.flush()
        elif tx.get(ProfileRow, profile_id) is None:
            raise NotFound(f"{profile_id}: expected a family of this store, found none; look it up")
        person_id = ids.new("P")
        tx.lost.append(lambda: store.keys.erase(person_id))
        store.keys.create(person_id)
        sealed = store.seal(person_id, checked, place(person_id))
        row = PersonRow(id=person_id, profile_id=profile_id, created_at=store.now(), sealed=sealed)
        tx.add(row)
        tx.flush()
        audit.add(store, tx, "person.create", person_id, by, {})
        return _record(store, row)


def get(store: Store, person_id: str) -> Person:
    """Who somebody is. NotFound, Erased."""
    with store.read() as tx:
        return _record(store, row_of(tx, person_id))


def change(store: Store, person_id: str, by: str = "kiosk", **details: Any) -> Person:
    """Details that are new or other; None takes one back."""
    checked = _checked(details)
    with store.write() as tx:
        row = row_of(tx, person_id)
        before = store.unseal(person_id, row.sealed, place(person_id))
        after = {key: value for key, value in {**before, **checked}.items() if value is not None}
        row.sealed = store.seal(person_id, after, place(person_id))
        for key in sorted(checked):
            audit.add(store, tx, "person.change", person_id, by, {"what": key})
        return _record(store, row)


def family(store: Store, profile_id: str) -> tuple[Person, ...]:
    """Everybody of a profile, the first one first."""
    with store.read() as tx:
        rows = tx.scalars(select(PersonRow).where(PersonRow.profile_id == profile_id).order_by(PersonRow.created_at))
        return tuple(_record(store, row) for row in rows)


def new_card(store: Store, profile_id: str, by: str = "kiosk") -> str:
    """The secret of a family's QR card; one that was given before no longer opens it."""
    secret = ids.token()
    with store.write() as tx:
        row = tx.get(ProfileRow, profile_id)
        if row is None:
            raise NotFound(f"{profile_id}: expected a family of this store, found none; look it up")
        row.card_hash = ids.token_hash(secret)
        audit.add(store, tx, "profile.card", profile_id, by, {})
    return secret


def by_card(store: Store, secret: str) -> tuple[Person, ...]:
    """The family whose card it is. NotFound for any other."""
    with store.read() as tx:
        row = tx.scalars(select(ProfileRow).where(ProfileRow.card_hash == ids.token_hash(secret))).first()
        found = () if row is None else family(store, row.id)
    if not found:
        raise NotFound("expected a card of this studio, found another or an old one; go on as new")
    return found


def join(store: Store, person_id: str, profile_id: str, by: str = "kiosk") -> Person:
    """Somebody becomes one of another family; a profile that is left without anybody goes."""
    with store.write() as tx:
        row = row_of(tx, person_id)
        if tx.get(ProfileRow, profile_id) is None:
            raise NotFound(f"{profile_id}: expected a family of this store, found none; look it up")
        before, row.profile_id = row.profile_id, profile_id
        tx.flush()
        drop_profile(tx, before)
        audit.add(store, tx, "person.join", person_id, by, {"profile": profile_id})
        return _record(store, row)


def everyone(store: Store) -> tuple[Person, ...]:
    """All people, the newest first; they are unsealed in memory."""
    with store.read() as tx:
        rows = tx.scalars(select(PersonRow).order_by(PersonRow.created_at.desc(), PersonRow.id))
        return tuple(store.readable(_record, rows))


def search(store: Store, text: str, limit: int = 50) -> tuple[Person, ...]:
    """People whose id, name, phone, e-mail, birth year or notes hold every word of ``text``, the newest first."""
    words, wanted_id = text.casefold().split(), ids.read(text)
    found: list[Person] = []
    for person in everyone(store):
        told = " ".join(str(getattr(person, key)) for key in DETAILS if getattr(person, key) is not None).casefold()
        digits = "".join(c for c in told if c.isdigit())
        if person.id.startswith(wanted_id) or all(w in told or (w.isdigit() and w in digits) for w in words):
            found.append(person)
    return tuple(found[:limit])


# ------------------------------------------------------------------ for the other modules


def place(person_id: str) -> str:
    """What a person's details are sealed to."""
    return f"people/{person_id}/details"


def row_of(tx: Transaction, person_id: str) -> PersonRow:
    """The row of somebody. NotFound, Erased."""
    row = tx.get(PersonRow, person_id)
    if row is not None:
        return row
    stone = tx.get(TombstoneRow, person_id)
    if stone is not None:
        raise Erased(f"{person_id}: expected a person, found that they were erased on {stone.erased_at:%Y-%m-%d}")
    raise NotFound(f"{person_id}: expected a person of this store, found none; look it up")


def drop_profile(tx: Transaction, profile_id: str) -> None:
    """A family without anybody is none."""
    if tx.scalars(select(PersonRow.id).where(PersonRow.profile_id == profile_id).limit(1)).first() is None:
        row = tx.get(ProfileRow, profile_id)
        if row is not None:
            tx.delete(row)
            tx.flush()


def _record(store: Store, row: PersonRow) -> Person:
    details = store.unseal(row.id, row.sealed, place(row.id))
    return Person(row.id, row.profile_id, row.created_at, **details)


def _checked(details: dict[str, Any]) -> dict[str, Any]:
    wrong = sorted(set(details) - set(DETAILS))
    if wrong:
        raise ValueError(f"expected {', '.join(DETAILS)}, got {wrong[0]!r}")
    checked: dict[str, Any] = {key: _text(key, value) for key, value in details.items() if key != "birth_year"}
    if "birth_year" in details:
        year = details["birth_year"]
        if year is not None and not (isinstance(year, int) and 1880 <= year <= 2200):
            raise Refused(f"birth year: expected four digits as in 1985, found {str(year)[:20]!r}; correct it")
        checked["birth_year"] = year
    return checked


def _text(key: str, value: Any) -> str | None:
    if value is None:
        return None
    text = str(value).strip() if key == "notes" else " ".join(str(value).split())
    if len(text) > LONGEST:
        raise Refused(f"{key}: expected at most {LONGEST} characters, found {len(text)}; shorten it")
    return text or None
