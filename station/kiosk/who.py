"""Who a visit is of: somebody new, somebody with a card, somebody's family; who agreed to what."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from starlette.datastructures import FormData

from station.kiosk import flow
from station.kiosk.flow import Way, WrongStep
from station.kiosk.texts import Words
from station.store import Store, consents, moving, people, visits
from station.store.errors import ConsentMissing, NotFound
from station.store.records import GivenBy, Person, Purpose, Visit

if TYPE_CHECKING:
    from station.kiosk.app import Kiosk

DETAILS = {"name": 80, "phone": 40, "email": 120}
CARD = re.compile(r"[A-Za-z0-9_-]{16,120}")


def family_of(store: Store, visit: Visit) -> tuple[Person, ...]:
    """Everybody of the card that was held to the reader in this visit."""
    profile_id = visit.state.get("family")
    return people.family(store, profile_id) if profile_id else ()


def agreed(store: Store, visit: Visit, way: Way, by: GivenBy) -> None:
    """Keep what was agreed to on this visit's first screen, with the words that were shown."""
    say = Words(way.lang)
    for purpose in way.purposes:
        text = f"{say(f'consent.{purpose}')}\n{say(f'consent.{purpose}.text', days='…')}"
        person_id = visits.get(store, visit.id).person_id
        consents.give(
            store, person_id, cast("Purpose", purpose), say("consent.version"), way.lang,
            given_by=by, text=text, visit_id=visit.id,
        )  # fmt: skip


async def new(kiosk: Kiosk, visit: Visit, way: Way, form: FormData) -> None:
    """Somebody new, old enough to agree alone."""
    details = _details(form)

    def keep(store: Store) -> None:
        if details:
            people.change(store, visit.person_id, **details)
        agreed(store, visit, way, "self")

    await kiosk.desk.take(visit.id, flow.Named("new"), keep)


async def minor(kiosk: Kiosk, visit: Visit, way: Way, form: FormData) -> None:
    """Somebody new, too young to agree alone."""
    await kiosk.desk.take(visit.id, flow.Named("new", minor=True))


async def guarded(kiosk: Kiosk, visit: Visit, way: Way, form: FormData) -> None:
    """The guardian agrees for somebody born in that year."""
    text, this = str(form.get("birth_year", "")), kiosk.store.now().year
    if way.who == "new" and not (text.isdigit() and this - 25 <= int(text) <= this):
        raise WrongStep("no year of birth")

    def keep(store: Store) -> None:
        if text.isdigit() and way.who == "new":
            people.change(store, visit.person_id, birth_year=int(text))
        agreed(store, visit, way, "guardian")

    await kiosk.desk.take(visit.id, flow.Guarded(), keep)


async def card(kiosk: Kiosk, visit: Visit, way: Way, form: FormData) -> None:
    """A card is held to the reader, or its code typed."""
    if not kiosk.codes.allow():
        await kiosk.desk.take(visit.id, flow.Failed("card_often"))
        return
    code = str(form.get("code", "")).strip().rpartition("/")[2].rpartition(":")[2]
    try:
        family = await kiosk.desk.in_store(people.by_card, code) if CARD.fullmatch(code) else ()
    except NotFound:
        family = ()
    if not family:
        await kiosk.desk.take(visit.id, flow.Failed("card_unknown"))
        return
    state = {**visit.state, "way": flow.to_json(way), "family": family[0].profile_id}
    await kiosk.desk.in_store(visits.save, visit.id, way.screen, state)
    if len(family) == 1:
        return  # the page asks: the one whose card it is, or another of the family


async def known(kiosk: Kiosk, visit: Visit, way: Way, form: FormData) -> None:
    """One of the family whose card it is; ``person`` empty: another one of them, new here."""
    family = {person.id: person for person in await kiosk.desk.in_store(family_of, visit)}
    chosen = str(form.get("person", ""))
    if way.screen != "who" or not family or (chosen and chosen not in family):
        raise WrongStep("nobody of this card")
    if not chosen:
        profile_id = next(iter(family.values())).profile_id
        await kiosk.desk.in_store(people.join, visit.person_id, profile_id)
        await kiosk.desk.take(visit.id, flow.Named("new", minor=bool(form.get("minor"))), _self(visit, way, form))
        return
    visit = await kiosk.desk.in_store(moving.give_visit, visit.id, chosen)
    try:
        await kiosk.desk.take(visit.id, flow.Named("known"), lambda store: agreed(store, visit, way, "self"))
    except ConsentMissing:
        await kiosk.desk.take(visit.id, flow.Named("known", minor=True))


def _self(visit: Visit, way: Way, form: FormData) -> Callable[[Store], object] | None:
    if form.get("minor"):
        return None
    return lambda store: agreed(store, visit, way, "self")


def _details(form: FormData) -> dict[str, Any]:
    found = {}
    for key, longest in DETAILS.items():
        text = " ".join(str(form.get(key, "")).split())
        if text and text.isprintable() and len(text) <= longest:
            found[key] = text
    return found


STEPS: Mapping[str, Callable[[Any, Visit, Way, FormData], Awaitable[None]]] = {
    "new": new, "minor": minor, "guarded": guarded, "card": card, "known": known,
}  # fmt: skip
