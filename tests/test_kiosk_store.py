"""The store's promises, on SQLite and on a real PostgreSQL: what is kept, who may keep it, what can be undone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import argon2
import numpy as np
import pytest
from sqlalchemy import select
from store_customers import START, Clock, agree, customer, noise

from station.store import (
    audit,
    consents,
    devices,
    files,
    moving,
    open_store,
    orders,
    people,
    settings,
    staff,
    visits,
)
from station.store.errors import ConsentMissing, Erased, Locked, NotFound, Refused, WrongPin
from station.store.models import StaffRow
from station.store.storing import Store
from station.store.verifying import verify

pytest_plugins = ("store_postgres",)


@pytest.fixture
def store(tmp_path: Path, url: str | None) -> Iterator[Store]:
    with open_store(tmp_path / "studio", url) as made:
        made.now = Clock()
        yield made
        assert verify(made).problems == ()


def test_a_visit_is_where_it_was_left(store: Store, url: str | None) -> None:
    visit = visits.start(store, "zh", place="door")
    visits.save(store, visit.id, "prepare", {"feet": ["left"], "名": "张"}, language="en")
    with open_store(store.folder, url) as again:
        (found,) = visits.unfinished(again, "door")
        assert (found.id, found.screen, found.language) == (visit.id, "prepare", "en")
        assert found.state == {"feet": ["left"], "名": "张"} and visits.unfinished(again, "window") == ()
    visits.close(store, visit.id, "abandoned")
    assert visits.close(store, visit.id, "done").outcome == "abandoned"
    with pytest.raises(Refused, match="was closed"):
        visits.save(store, visit.id, "scan", {})
    assert [v.id for v in visits.since(store, START)] == [visit.id]


def test_a_file_comes_back_and_is_replaced(store: Store, rng: np.random.Generator) -> None:
    visit = customer(store)
    data = noise(rng, int(rng.integers(1, 200_000)))
    before = set(store.blobs.names())
    kept = files.put(store, visit.id, "left.ply", data)
    assert files.get(store, visit.id, "left.ply") == data and kept.size == len(data)
    assert len(set(store.blobs.names()) - before) == 1 == len(before - set(store.blobs.names()))
    assert [f.role for f in files.of_visit(store, visit.id)] == ["left.ply", "measures.json"]
    assert files.remove(store, visit.id, "left.ply") and not files.remove(store, visit.id, "left.ply")
    with pytest.raises(NotFound):
        files.get(store, visit.id, "left.ply")


def test_a_role_is_no_path(store: Store) -> None:
    visit = customer(store)
    for role in ("", "../left.ply", "a/b", "Left.ply", ".left", "a..b", "x" * 81, "左", "a b", "a\n"):
        with pytest.raises(Refused, match="a file's role"):
            files.put(store, visit.id, role, b"x")


def test_what_fails_is_not_kept_in_part(store: Store) -> None:
    class Stop(Exception):
        pass

    visit = customer(store)
    before = (audit.head(store), set(store.blobs.names()), store.keys.ids())
    with pytest.raises(Stop), store.write():
        files.put(store, visit.id, "left.ply", b"other")
        customer(store, "Anna")
        raise Stop
    assert (audit.head(store), set(store.blobs.names()), store.keys.ids()) == before
    assert files.get(store, visit.id, "left.ply") == b"scan"


# ------------------------------------------------------------------ consents


def test_nothing_is_measured_without_consent(store: Store) -> None:
    visit = visits.start(store, "en")
    for keep in (lambda: files.put(store, visit.id, "a.ply", b"x"), lambda: orders.create(store, visit.id, {})):
        with pytest.raises(ConsentMissing) as told:
            keep()
        assert not told.value.needs_guardian
    agree(store, visit.person_id, "measure")
    files.put(store, visit.id, "a.ply", b"x")
    consents.withdraw(store, visit.person_id, "measure")
    with pytest.raises(ConsentMissing):
        files.put(store, visit.id, "b.ply", b"x")
    (given,) = consents.of_person(store, visit.person_id)
    assert (given.purpose, given.text_version, given.language, given.given_by) == ("measure", "2026-01", "zh", "self")
    assert given.given_at < given.withdrawn_at and len(given.text_sha256 or "") == 64
    with pytest.raises(NotFound, match="consent to keep"):
        consents.withdraw(store, visit.person_id, "keep")


@pytest.mark.parametrize("age", [14, 16])
def test_below_the_age_a_guardian_consents(store: Store, age: int) -> None:
    settings.put(store, "age_of_consent", age)
    for born, young in ((START.year - age - 1, False), (START.year - age, True), (START.year - 5, True)):
        visit = visits.start(store, "zh")
        agree(store, visit.person_id, "measure")  # before anybody asked for the year
        people.change(store, visit.person_id, birth_year=born)
        assert ("measure" in consents.standing(store, visit.person_id)) is not young
        if young:
            for act in (lambda v: agree(store, v.person_id, "keep"), lambda v: files.put(store, v.id, "a.ply", b"x")):
                with pytest.raises(ConsentMissing, match=f"below {age}") as told:
                    act(visit)
                assert told.value.needs_guardian
            agree(store, visit.person_id, "measure", by="guardian")
        files.put(store, visit.id, "a.ply", b"x")
    assert not consents.needs_guardian(store, None)


# ------------------------------------------------------------------ people


def test_people_are_found_by_any_word(store: Store) -> None:
    anna = people.create(store, name="Anna  Weiß", phone="+49 151 2345", email="anna@example.org", notes="wide toes")
    wei = people.create(store, name="张伟", phone="138 0000 1111")
    for text, found in (("weiß", anna), ("anna toes", anna), ("1512345", anna), ("张", wei), (wei.id.lower(), wei)):
        assert people.search(store, text) == (found,), text
    assert anna.name == "Anna Weiß" and people.search(store, "nobody") == ()
    assert people.change(store, wei.id, phone=None).phone is None
    for wrong in ({"birth_year": 85}, {"name": "x" * 3000}):
        with pytest.raises(Refused):
            people.change(store, wei.id, **wrong)
    with pytest.raises(ValueError, match="shoe"):
        people.change(store, wei.id, shoe=42)


def test_a_family_shares_a_card(store: Store) -> None:
    anna = people.create(store, name="Anna")
    child = people.create(store, anna.profile_id, name="Ben", birth_year=2019)
    old, card = people.new_card(store, anna.profile_id), people.new_card(store, anna.profile_id)
    assert people.by_card(store, f" {card.lower()} ") == (anna, child)
    with pytest.raises(NotFound):
        people.by_card(store, old)
    alone = people.create(store, name="Cem")
    assert people.join(store, alone.id, anna.profile_id).profile_id == anna.profile_id
    with pytest.raises(NotFound):
        people.family(store, alone.profile_id) or people.new_card(store, alone.profile_id)
    assert card not in str(store.folder) and len(people.family(store, anna.profile_id)) == 3


def test_a_visit_goes_to_whom_the_card_says(store: Store, rng: np.random.Generator) -> None:
    known, scan = customer(store, "Anna", keep=True), noise(rng, 999)
    visit = customer(store, scan=scan)
    nobody = visit.person_id
    moved = moving.give_visit(store, visit.id, known.person_id)
    assert moved.person_id == known.person_id and moved.state == visit.state
    assert files.get(store, visit.id, "left.ply") == scan
    assert [o.visit_id for o in orders.of_person(store, known.person_id)] == [visit.id, known.id]
    assert orders.events(store, orders.of_visit(store, visit.id)[0].id)
    with pytest.raises(Erased):
        people.get(store, nobody)
    assert not store.keys.has(nobody) and people.get(store, known.person_id).name == "Anna"


def test_two_entries_become_one(store: Store) -> None:
    first, other = customer(store, "Anna"), customer(store, "Anne")
    people.change(store, other.person_id, phone="123")
    merged = moving.merge(store, first.person_id, other.person_id, "T-1")
    assert (merged.name, merged.phone, len(visits.of_person(store, merged.id))) == ("Anna", "123", 2)
    assert len(consents.of_person(store, merged.id)) == 2
    with pytest.raises(Refused):
        moving.merge(store, merged.id, merged.id, "T-1")
    with pytest.raises(NotFound):
        moving.merge(store, merged.id, "P-0000", "T-1")


def test_a_takeaway_opens_for_its_days(store: Store) -> None:
    visit, clock = customer(store), store.now
    assert isinstance(clock, Clock)
    old, secret = visits.new_takeaway(store, visit.id), visits.new_takeaway(store, visit.id)
    assert visits.by_takeaway(store, secret).id == visit.id
    clock.pass_by(days=31)
    for wrong in (old, secret, ""):
        with pytest.raises(NotFound):
            visits.by_takeaway(store, wrong)


# ------------------------------------------------------------------ orders


def test_an_order_takes_its_steps_and_no_others(store: Store) -> None:
    order = orders.of_visit(store, customer(store, "Anna").id)[0]
    assert orders.create(store, order.visit_id, order.choice) == order
    for to in ("quality_check", "shipped", "created"):
        with pytest.raises(Refused, match="printing, cancelled after created"):
            orders.move(store, order.id, to, "T-1")
    for to in ("printing", "quality_check", "printing", "quality_check", "shipped"):
        assert orders.move(store, order.id.lower(), to, "T-1", "a crack" if to == "printing" else "").state == to
    assert orders.get(store, order.id).closed_at is not None
    with pytest.raises(Refused, match="undo"):
        orders.edit(store, order.id, {}, "T-1")
    with pytest.raises(Refused, match="not begun"):
        orders.create(store, order.visit_id, {"cover": "cork"})
    assert [e.note for e in orders.events(store, order.id)].count("a crack") == 2
    assert [o.id for o in orders.listing(store, ["shipped"], START)] == [order.id]
    assert orders.listing(store, ["created"]) == () == orders.listing(store, since=START + timedelta(days=1))


def test_every_step_can_be_undone(store: Store, rng: np.random.Generator) -> None:
    order = orders.of_visit(store, customer(store, "Anna").id)[0]
    was = [(order.state, dict(order.choice))]
    for step in range(12):
        now = orders.get(store, order.id)
        if now.state not in orders.CLOSED and rng.random() < 0.5:
            now = orders.edit(store, order.id, {"cover": step}, "T-1")
        elif orders.STEPS[now.state]:
            now = orders.move(store, order.id, str(rng.choice(orders.STEPS[now.state])), "T-1")
        else:
            break
        was.append((now.state, dict(now.choice)))
    for state, choice in reversed(was[:-1]):
        now = orders.undo(store, order.id, "T-2")
        assert (now.state, dict(now.choice)) == (state, choice)
        assert (now.closed_at is None) == (state not in orders.CLOSED)
    with pytest.raises(Refused, match="to undo"):
        orders.undo(store, order.id, "T-2")


# ------------------------------------------------------------------ staff, devices, log


@pytest.fixture
def quick_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost next to nothing."""
    monkeypatch.setattr(staff, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def test_a_pin_costs_what_argon2_asks(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        who = staff.add(store, "Li", "25801")
        assert staff.check(store, who.id, "25801") == who
        with store.read() as tx:
            kept = tx.scalars(select(StaffRow.pin_hash)).one()
    assert kept.startswith("$argon2id$") and argon2.extract_parameters(kept).memory_cost >= 19 * 1024  # OWASP's least


def test_a_pin_is_locked_after_five_tries(store: Store, quick_pins: None) -> None:
    clock, who = store.now, staff.add(store, "Li", "25801")
    assert isinstance(clock, Clock) and staff.check(store, who.id, "25801").name == "Li"
    for minutes in (15, 30):
        lefts = []
        for _ in range(4):
            with pytest.raises(WrongPin) as wrong:
                staff.check(store, who.id, "00000")
            lefts.append(wrong.value.tries_left)
        assert lefts == [4, 3, 2, 1]
        with pytest.raises(Locked):
            staff.check(store, who.id, "00000")
        clock.pass_by(minutes=minutes - 1)
        with pytest.raises(Locked) as locked:  # though it is the right one
            staff.check(store, who.id, "25801")
        assert 50 < locked.value.seconds <= 60
        clock.pass_by(minutes=1)
    assert staff.check(store, who.id, "25801").locked_until is None
    for pin in ("123", "0000", "1234", "4321"):
        with pytest.raises(Refused, match="choose another"):
            staff.change_pin(store, who.id, pin)
    staff.remove(store, who.id)
    assert staff.listing(store) == ()


def test_many_guesses_at_once_gain_nothing(store: Store, quick_pins: None, monkeypatch: pytest.MonkeyPatch) -> None:
    who = staff.add(store, "Li", "25801")
    looked: list[str] = []
    monkeypatch.setattr(staff, "_matches", lambda pin_hash, pin: looked.append(pin) or False)
    guesses = [threading.Thread(target=_guess, args=(store, who.id, f"99{n}00")) for n in range(16)]
    for guess in guesses:
        guess.start()
    for guess in guesses:
        guess.join(30)
    assert len(looked) == 5


def _guess(store: Store, staff_id: str, pin: str) -> None:
    with pytest.raises((WrongPin, Locked)):
        staff.check(store, staff_id, pin)


def test_devices_and_settings_are_kept(store: Store) -> None:
    devices.put(store, "serial:/dev/x?product=sensel", "plate", calibrated_at=START)
    assert devices.put(store, "serial:/dev/x?product=sensel", seen=True).calibrated_at == START
    (device,) = devices.listing(store)
    assert device.name == "plate" and device.seen_at is not None
    devices.remove(store, device.spec)
    assert devices.listing(store) == () and settings.get(store, "retention_days") == 90
    settings.put(store, "covers", ["leather", "软木"])
    assert settings.everything(store)["covers"] == ["leather", "软木"]
    settings.put(store, "covers", None)
    assert settings.get(store, "covers", "none") == "none"


def test_the_log_takes_nothing_personal(store: Store) -> None:
    for wrong in (
        ("Anna Weiß", "P-1", {}),
        ("look", "张伟", {}),
        ("look", "P-1", {"name": "A B"}),
        ("a", "b", {"x": 1.5}),
    ):
        with pytest.raises(ValueError, match="short codes"):
            audit.record(store, wrong[0], wrong[1], **wrong[2])
    customer(store, "Anna")
    assert list(audit.broken(store)) == [] and audit.head(store)[0] == len(audit.entries(store))
    assert {e.action for e in audit.entries(store)} >= {"visit.start", "consent.give", "file.put", "order.created"}


def test_writers_wait_for_each_other(store: Store) -> None:
    """Four at once: every row, and one chain of the log."""

    def one() -> None:
        done.append(customer(store).id)

    done: list[str] = []
    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {v.id for v in visits.since(store, START)} == set(done) and len(done) == 4
