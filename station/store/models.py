"""The tables. What says who somebody is, and what was measured of them, stands only in ``sealed`` columns.

In the clear: random ids, states, times, sizes, purposes and versions of consents, devices. ``migrations/`` makes the
tables; a test holds the two against each other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import Dialect, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """A time in UTC as text that sorts: 2026-11-22T13:06:08.123456Z, the same in every database."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Into the database."""
        return None if value is None else text_of(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Out of the database."""
        return None if value is None else datetime.fromisoformat(value)


def text_of(at: datetime) -> str:
    """An aware time as it stands in the database. ValueError for one without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"expected a time with its zone, got {at.isoformat()}")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: Instant(), bytes: LargeBinary(), str: Text()}


Id = String(32)


class ProfileRow(Base):
    """A family; ``card_hash`` is of the secret in its QR code."""

    __tablename__ = "profiles"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    created_at: Mapped[datetime]
    card_hash: Mapped[str | None] = mapped_column(String(64), unique=True)


class PersonRow(Base):
    """Somebody; ``sealed``: name, phone, e-mail, birth year, notes."""

    __tablename__ = "people"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    profile_id: Mapped[str] = mapped_column(Id, ForeignKey("profiles.id"), index=True)
    created_at: Mapped[datetime]
    sealed: Mapped[bytes]


class VisitRow(Base):
    """One way through the kiosk; ``sealed``: its state. ``takeaway_hash`` is of the secret in the take-away's QR."""

    __tablename__ = "visits"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    person_id: Mapped[str] = mapped_column(Id, ForeignKey("people.id"), index=True)
    place: Mapped[str]
    language: Mapped[str]
    screen: Mapped[str]
    sealed: Mapped[bytes]
    started_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(index=True)
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    takeaway_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    takeaway_until: Mapped[datetime | None]


class FileRow(Base):
    """A file of a visit, in ``files/`` under its SHA-256."""

    __tablename__ = "files"
    visit_id: Mapped[str] = mapped_column(Id, ForeignKey("visits.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(80), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    size: Mapped[int]
    created_at: Mapped[datetime]


class OrderRow(Base):
    """What is to be made; ``sealed``: the choice and the prescription."""

    __tablename__ = "orders"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    person_id: Mapped[str] = mapped_column(Id, ForeignKey("people.id"), index=True)
    visit_id: Mapped[str] = mapped_column(Id, ForeignKey("visits.id"), index=True)
    state: Mapped[str]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(index=True)
    changed_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class OrderEventRow(Base):
    """A step of an order; ``sealed``: the note, and the choice before it where that changed."""

    __tablename__ = "order_events"
    __table_args__ = (Index("ix_order_events_order_id_number", "order_id", "number", unique=True),)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    order_id: Mapped[str] = mapped_column(Id, ForeignKey("orders.id"))
    number: Mapped[int]
    at: Mapped[datetime]
    by: Mapped[str]
    kind: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str]
    sealed: Mapped[bytes]
    undone: Mapped[bool]


class ConsentRow(Base):
    """To what, to which text, when, by whom."""

    __tablename__ = "consents"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    person_id: Mapped[str] = mapped_column(Id, ForeignKey("people.id"), index=True)
    visit_id: Mapped[str | None] = mapped_column(Id, ForeignKey("visits.id"), index=True)
    purpose: Mapped[str]
    text_version: Mapped[str]
    text_sha256: Mapped[str | None] = mapped_column(String(64))
    language: Mapped[str]
    given_by: Mapped[str]
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class DeviceRow(Base):
    """A source of scans or walks."""

    __tablename__ = "devices"
    spec: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    calibrated_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]


class SettingRow(Base):
    """What the studio set; ``value`` is JSON."""

    __tablename__ = "settings"
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[str]


class StaffRow(Base):
    """Who works here; ``pin_hash`` is argon2's."""

    __tablename__ = "staff"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str]
    pin_hash: Mapped[str]
    created_at: Mapped[datetime]
    tries: Mapped[int]
    locks: Mapped[int]
    locked_until: Mapped[datetime | None]


class AuditRow(Base):
    """A link of the chain; ``details`` is JSON without anything personal."""

    __tablename__ = "audit"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    details: Mapped[str]
    previous: Mapped[str] = mapped_column(String(64), unique=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)


class TombstoneRow(Base):
    """Somebody who was erased."""

    __tablename__ = "tombstones"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    receipt_id: Mapped[str] = mapped_column(Id, unique=True)
    erased_at: Mapped[datetime]
    reason: Mapped[str]
