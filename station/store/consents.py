"""Consents: to a purpose, to one version of a text in one language, by the person or by a guardian.

``measure`` is needed for any file or order; ``keep`` for the next visit; ``research`` without a name; ``contact``.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import cast

from sqlalchemy import select

from station.store import audit, ids, people, settings
from station.store.errors import ConsentMissing, NotFound, Refused
from station.store.models import ConsentRow
from station.store.records import PURPOSES, Consent, GivenBy, Purpose
from station.store.storing import Store


def give(
    store: Store,
    person_id: str,
    purpose: Purpose,
    text_version: str,
    language: str,
    given_by: GivenBy = "self",
    visit_id: str | None = None,
    text: str = "",
    by: str = "customer",
) -> Consent:
    """Somebody agrees; given again for the same purpose it takes the place of the one before.

    ``text``: the words that were shown; their SHA-256 is kept. ConsentMissing where the person is too young to give it
    alone; Refused for a purpose or a version that is none.
    """
    if purpose not in PURPOSES or given_by not in ("self", "guardian"):
        raise Refused(f"expected one of {', '.join(PURPOSES)} by self or guardian, found {purpose!r} by {given_by!r}")
    if not (ids.CODE.fullmatch(text_version) and ids.CODE.fullmatch(language)):
        raise Refused(f"expected a text's version and language, found {text_version!r}, {language!r}")
    with store.write() as tx:
        person = people.get(store, person_id)
        if given_by == "self" and needs_guardian(store, person.birth_year):
            raise _guardian(store, person_id)
        _withdraw(store, person_id, purpose)
        digest = hashlib.sha256(text.encode()).hexdigest() if text else None
        row = ConsentRow(
            id=ids.new("C"), person_id=person_id, visit_id=visit_id, purpose=purpose, text_version=text_version,
            text_sha256=digest, language=language, given_by=given_by, given_at=store.now(), withdrawn_at=None,
        )  # fmt: skip
        tx.add(row)
        tx.flush()
        told = {"purpose": purpose, "version": text_version, "language": language, "given_by": given_by}
        audit.add(store, tx, "consent.give", person_id, by, told)
        return _record(row)


def withdraw(store: Store, person_id: str, purpose: Purpose, by: str = "customer") -> Consent:
    """Somebody no longer agrees: without ``measure`` they are due to be erased. NotFound where they never did."""
    with store.write() as tx:
        gone = _withdraw(store, person_id, purpose)
        if gone is None:
            raise NotFound(f"{person_id}: expected a consent to {purpose}, found none")
        audit.add(store, tx, "consent.withdraw", person_id, by, {"purpose": purpose})
        return gone


def of_person(store: Store, person_id: str) -> tuple[Consent, ...]:
    """All that were ever given, the oldest first, withdrawn ones too."""
    with store.read() as tx:
        rows = select(ConsentRow).where(ConsentRow.person_id == person_id).order_by(ConsentRow.given_at, ConsentRow.id)
        return tuple(_record(row) for row in tx.scalars(rows))


def standing(store: Store, person_id: str) -> dict[Purpose, Consent]:
    """Those that hold now, by purpose: not withdrawn, and a guardian's where the person is too young."""
    person = people.get(store, person_id)
    young = needs_guardian(store, person.birth_year)
    return {
        consent.purpose: consent
        for consent in of_person(store, person_id)
        if consent.withdrawn_at is None and (consent.given_by == "guardian" or not young)
    }


def require(store: Store, person_id: str, purpose: Purpose = "measure") -> None:
    """ConsentMissing where there is no standing consent; it says whether a guardian's is what is missing."""
    if purpose in standing(store, person_id):
        return
    if needs_guardian(store, people.get(store, person_id).birth_year):
        raise _guardian(store, person_id)
    raise ConsentMissing(f"{person_id}: expected consent to {purpose}, found none; ask for it")


def needs_guardian(store: Store, birth_year: int | None, now: datetime | None = None) -> bool:
    """Whether somebody born in that year may still be below the age that is set (a birthday may be to come)."""
    if birth_year is None:
        return False
    return (now or store.now()).year - birth_year - 1 < int(settings.get(store, "age_of_consent"))


def _guardian(store: Store, person_id: str) -> ConsentMissing:
    age = settings.get(store, "age_of_consent")
    return ConsentMissing(f"{person_id}: expected a guardian's consent below {age}, found none; ask a guardian", True)


def _withdraw(store: Store, person_id: str, purpose: Purpose) -> Consent | None:
    with store.write() as tx:
        wanted = select(ConsentRow).where(ConsentRow.person_id == person_id, ConsentRow.purpose == purpose)
        rows = tx.scalars(wanted.where(ConsentRow.withdrawn_at.is_(None))).all()
        for row in rows:
            row.withdrawn_at = store.now()
        tx.flush()
        return _record(rows[-1]) if rows else None


def _record(row: ConsentRow) -> Consent:
    return Consent(
        row.id, row.person_id, row.visit_id, cast(Purpose, row.purpose), row.text_version, row.text_sha256,
        row.language, cast(GivenBy, row.given_by), row.given_at, row.withdrawn_at,
    )  # fmt: skip
