"""What the store gives out: frozen records. Times are aware, in UTC; a field of a person that nobody gave is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Purpose = Literal["measure", "keep", "research", "contact"]
PURPOSES: tuple[Purpose, ...] = ("measure", "keep", "research", "contact")
GivenBy = Literal["self", "guardian"]
OrderState = Literal["created", "printing", "quality_check", "shipped", "cancelled"]
Outcome = Literal["done", "abandoned"]


@dataclass(frozen=True)
class Person:
    """Somebody; ``id`` is random and says nothing of them. ``profile_id``: the family."""

    id: str
    profile_id: str
    created_at: datetime
    name: str | None = None
    phone: str | None = None
    email: str | None = None
    birth_year: int | None = None
    notes: str | None = None


@dataclass(frozen=True)
class Visit:
    """One way through the kiosk; ``state`` is whatever the kiosk keeps of it (JSON), ``screen`` where it stands."""

    id: str
    person_id: str
    place: str
    language: str
    screen: str
    state: Mapping[str, Any]
    started_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    outcome: Outcome | None


@dataclass(frozen=True)
class File:
    """A file of a visit: ``role`` is its name ("left.ply"), ``size`` its bytes, ``sha256`` of the sealed bytes."""

    visit_id: str
    role: str
    size: int
    sha256: str
    created_at: datetime


@dataclass(frozen=True)
class Consent:
    """To what, to which text in which language, when, by whom; ``text_sha256`` of the words that were shown."""

    id: str
    person_id: str
    visit_id: str | None
    purpose: Purpose
    text_version: str
    text_sha256: str | None
    language: str
    given_by: GivenBy
    given_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True)
class Order:
    """What is to be made; ``choice`` (cover, length, shoe, prescription …) is the kiosk's and the staff's JSON."""

    id: str
    person_id: str
    visit_id: str
    state: OrderState
    choice: Mapping[str, Any]
    created_at: datetime
    changed_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class OrderEvent:
    """A step of an order: a change of state or of what is to be made; ``undone``: a later event took it back."""

    number: int
    order_id: str
    at: datetime
    by: str
    kind: Literal["created", "state", "edit", "undo"]
    before: OrderState | None
    after: OrderState
    note: str
    undone: bool


@dataclass(frozen=True)
class Device:
    """A source of scans or walks, by its spec."""

    spec: str
    name: str
    calibrated_at: datetime | None
    seen_at: datetime | None


@dataclass(frozen=True)
class Staff:
    """Somebody who works here; ``locked_until`` after too many wrong PINs."""

    id: str
    name: str
    created_at: datetime
    locked_until: datetime | None


@dataclass(frozen=True)
class AuditEntry:
    """A link of the chain: ``hash`` is of ``previous`` and everything else here."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True)
class Due:
    """A person whose time is over, and why: "withdrawn", "shipped", "abandoned"."""

    person_id: str
    due_at: datetime
    reason: str


@dataclass(frozen=True)
class Receipt:
    """That a person was erased: what went, how; ``audit_number`` and ``audit_hash`` are its link of the chain.

    ``key_files``: copies of the keys that were rewritten without this person; ``key_files_pending``: those that were
    not within reach and will be when they are.
    """

    id: str
    person_id: str
    erased_at: datetime
    reason: str
    counts: Mapping[str, int]
    key_files: int
    key_files_pending: int
    audit_number: int
    audit_hash: str
