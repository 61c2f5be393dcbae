"""Finding somebody or some order: by name, phone, ids, states and days. Names are unsealed in memory alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import get_args

from station.store import Store, ids, orders, people
from station.store.errors import StoreError
from station.store.records import Order, OrderState, Person

STATES: tuple[OrderState, ...] = get_args(OrderState)
OPEN_STATES: tuple[OrderState, ...] = ("created", "printing", "quality_check")
ORDER = re.compile(r"\bO-[0-9A-Za-z]{4,}\b")
CARD = re.compile(r"[A-Za-z0-9_-]{16,120}")
MOST = 200


@dataclass(frozen=True)
class Asked:
    """What is looked for: words of anybody, a state, the days (of the studio's clock) on which it was ordered."""

    text: str = ""
    state: OrderState | None = None
    first: date | None = None
    last: date | None = None

    @property
    def empty(self) -> bool:
        """Nothing is asked."""
        return not (self.text or self.state or self.first or self.last)


@dataclass(frozen=True)
class Hit:
    """Somebody, and their orders that fit, the newest first."""

    person: Person
    orders: tuple[Order, ...]


def asked(text: str, state: str, first: str, last: str) -> Asked:
    """Out of a form; what means nothing is left out."""
    known: OrderState | None = next((s for s in STATES if s == state), None)
    return Asked(" ".join(text.split())[:120], known, _day(first), _day(last))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def order_in(text: str) -> str | None:
    """The order's id in what a QR reader typed, or somebody."""
    found = ORDER.search(text.upper())
    return ids.read(found.group()) if found else None


def search(store: Store, what: Asked) -> tuple[Hit, ...]:
    """People who fit, with their orders that fit; with a state or a day only those who have such an order."""
    fitting = [order for order in orders.listing(store, [what.state] if what.state else None) if _on_day(order, what)]
    by_person: dict[str, list[Order]] = {}
    for order in fitting:
        by_person.setdefault(order.person_id, []).append(order)
    found = dict.fromkeys(person.id for person in _people(store, what.text))
    wanted_id = ids.read(what.text) if what.text else ""
    of_order = [order.person_id for order in fitting if wanted_id.startswith("O-") and order.id.startswith(wanted_id)]
    found |= dict.fromkeys(of_order)
    everybody = {person.id: person for person in people.everyone(store)}
    only_orders = bool(what.state or what.first or what.last)
    hits = [
        Hit(everybody[person_id], tuple(by_person.get(person_id, ())))
        for person_id in (found if what.text else everybody)
        if person_id in everybody and (by_person.get(person_id) or not only_orders)
    ]
    return tuple(hits[:MOST])


def _people(store: Store, text: str) -> Iterable[Person]:
    if not text:
        return ()
    if CARD.fullmatch(text) and not text.startswith(("P-", "O-", "V-")):
        try:
            return people.by_card(store, text)
        except StoreError:
            pass
    digits = re.sub(r"[\s()+./-]", "", text)
    if digits.isdigit() and len(digits) >= 4:  # a phone number, however it is parted
        return people.search(store, digits, MOST)
    return people.search(store, text, MOST)


def _on_day(order: Order, what: Asked) -> bool:
    day = order.created_at.astimezone().date()
    return (what.first is None or day >= what.first) and (what.last is None or day <= what.last)


def today(store: Store) -> tuple[Order, ...]:
    """What is to be done: every order that is not over, and those that were closed since midnight."""
    midnight = datetime.combine(store.now().astimezone().date(), time()).astimezone()
    every = orders.listing(store)
    return tuple(o for o in every if o.state in OPEN_STATES or (o.closed_at is not None and o.closed_at >= midnight))


def waits_too_long(order: Order, now: datetime, days: float) -> bool:
    """Whether an order that is not over was placed more than ``days`` ago."""
    return order.state in OPEN_STATES and now - order.created_at > timedelta(days=days)
