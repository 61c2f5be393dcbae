"""The staff's side through the real application: the PIN, orders, people, backup and restore, settings, the log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import argon2
import kiosk_staff_runs as runs
import pytest
from kiosk_runs import UPLOADS, Running, running

from station.kiosk.processing import Workers
from station.kiosk.staff.access import Doorkeeper
from station.kiosk.texts import catalogue
from station.store import audit, consents, devices, keyfiles, orders, people, privacy, settings, staff, visits
from station.store.errors import Erased
from station.store.verifying import verify

IDLE = Workers(1)  #: never started: nothing here is measured
PAGES = (
    "/staff",
    "/staff?show=all",
    "/staff/search",
    "/staff/devices",
    "/staff/safety",
    "/staff/settings",
    "/staff/log",
)


@pytest.fixture(scope="module", autouse=True)
def quick_pins() -> Iterator[None]:
    """Argon2 as it is, but for its cost: the store's own tests pay it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staff, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("staff") / "studio", UPLOADS, IDLE) as one:
        yield one


@pytest.fixture(scope="module")
def mei(kiosk: Running) -> Iterator[runs.Person]:
    with runs.member(kiosk) as person:
        yield person


def test_every_text_is_there_in_both_languages_with_the_same_places() -> None:
    en, zh = (catalogue("staff", lang) for lang in ("en", "zh"))
    assert list(en) == list(zh)
    for key in en:
        assert set(re.findall(r"{(\w+)}", en[key])) == set(re.findall(r"{(\w+)}", zh[key])), key


def test_every_text_of_the_templates_and_modules_is_in_the_catalogue() -> None:
    here = Path(runs.work.__file__).parent
    sources = [*(here / "templates/staff").glob("*.html"), *(here / "staff").glob("*.py")]
    asked = {k for path in sources for k in re.findall(r'\bsay\("([a-z_.0-9]+)"[,)]', path.read_text("utf-8"))}
    asked |= {
        k for path in sources for k in re.findall(r'\bgo\([^"]*"/staff[^"]*", "([a-z_.]+)"', path.read_text("utf-8"))
    }
    assert len(asked) > 150
    assert sorted(asked - set(catalogue("staff", "en"))) == []


# ------------------------------------------------------------------ the PIN


def test_nobody_sees_anything_without_a_pin(kiosk: Running, mei: runs.Person) -> None:
    visit, order = runs.visit_of(kiosk.store, "Nora", real=False)
    assert order is not None
    inner = [f"/staff/order/{order.id}", f"/staff/visit/{visit.id}", f"/staff/person/{visit.person_id}"]
    inner += [f"/staff/visit/{visit.id}/file/left.glb", f"/staff/order/{order.id}/sheet.pdf", "/staff/audit/x"]
    with runs.visitor(kiosk) as person:
        for path in (*PAGES, *inner):
            answer = person.client.get(path)
            assert answer.status_code == 303 and answer.headers["location"].startswith("/staff/login"), path
        person.see("/staff/login")
        for path in (
            f"/staff/order/{order.id}/move",
            f"/staff/person/{visit.person_id}/erase",
            "/staff/safety/restore",
        ):
            assert person.post(path, to="printing").headers["location"] == "/staff/login"
    assert orders.get(kiosk.store, order.id).state == "created"


def test_five_wrong_pins_lock_and_the_right_one_no_longer_opens(kiosk: Running) -> None:
    one = staff.add(kiosk.store, "Locked", runs.PIN)
    with runs.visitor(kiosk) as person:
        person.see("/staff/login?lang=en")
        told = [person.post("/staff/login", staff=one.id, pin=f"135{k}").text for k in range(5)]
        assert "Tries left: 4" in told[0] and "Wait 15 min" in told[4]
        answer = person.post("/staff/login", staff=one.id, pin=runs.PIN)
        assert answer.status_code == 403 and "Wait 15 min" in answer.text
        assert person.client.get("/staff").status_code == 303
    staff.remove(kiosk.store, one.id)


def test_a_login_begins_a_new_session_and_the_one_before_opens_nothing(kiosk: Running) -> None:
    one = staff.add(kiosk.store, "Rotated", runs.PIN)
    with runs.visitor(kiosk) as person, runs.visitor(kiosk) as other:
        person.see("/staff/login")
        before, token = person.client.cookies["plantar-staff"], person.token
        answer = person.post("/staff/login", staff=one.id, pin=runs.PIN)
        after = person.client.cookies["plantar-staff"]
        assert answer.status_code == 303 and after != before
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie
        other.client.cookies.set("plantar-staff", before)
        assert other.client.get("/staff").status_code == 303
        assert person.client.post("/staff/language", data={"token": token, "lang": "zh"}).status_code == 403
        person.see("/staff")
        assert person.client.get("/staff/here").status_code == 204  # a touch of the page: the session goes on
        assert person.post("/staff/logout").status_code == 303
        assert [(e.actor, e.details) for e in audit.entries(kiosk.store, one.id) if e.action == "staff.leave"] == [
            (one.id, {"how": "self"})
        ]
        assert person.client.get("/staff/here").status_code == 403
        other.client.cookies.set("plantar-staff", after)
        assert other.client.get("/staff").status_code == 303
    staff.remove(kiosk.store, one.id)


def test_a_session_ends_by_itself() -> None:
    now = [0.0]
    door = Doorkeeper(now=lambda: now[0])
    session = door.enter(door.begin("en"), "T-1", "Mei")
    for _ in range(80):
        now[0] += 590.0
        assert (door.read(session.nonce) is not None) == (now[0] <= 12 * 3600.0)
    session = door.enter(door.begin("en"), "T-1", "Mei")
    now[0] += 601.0
    assert door.read(session.nonce) is None
    assert door.read(None) is None and door.read("x" * 500) is None


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/staff\\@evil", "/staff/login", "/t/x"])
def test_a_login_leads_to_the_staffs_own_pages_only(kiosk: Running, wanted: str) -> None:
    one = staff.add(kiosk.store, "Going", runs.PIN)
    with runs.visitor(kiosk) as person:
        person.see("/staff/login")
        answer = person.post("/staff/login", staff=one.id, pin=runs.PIN, next=wanted)
    staff.remove(kiosk.store, one.id)
    assert answer.headers["location"] == "/staff"


def test_a_form_without_its_token_changes_nothing(kiosk: Running, mei: runs.Person) -> None:
    _, order = runs.visit_of(kiosk.store, real=False)
    assert order is not None
    for token in ("", "0" * 64, "é"):
        answer = mei.client.post(f"/staff/order/{order.id}/move", data={"token": token, "to": "printing"})
        assert answer.status_code == 403
    assert orders.get(kiosk.store, order.id).state == "created"


def test_every_page_is_shown_in_both_languages(kiosk: Running, mei: runs.Person) -> None:
    visit, order = runs.visit_of(kiosk.store, "Both", "555 123", real=False)
    assert order is not None
    more = [f"/staff/order/{order.id}", f"/staff/visit/{visit.id}", f"/staff/person/{visit.person_id}?other=5"]
    more += [f"/staff/order/{order.id}/sheet", f"/staff/audit/{order.id}", "/staff/search?q=both", "/staff/log?check=1"]
    mei.see("/staff")
    for lang, html in (("zh", "zh-CN"), ("en", "en")):
        assert f'<html lang="{html}">' in mei.do("/staff/language", lang=lang)
        for path in (*PAGES, *more):
            page = mei.see(path)
            assert f'<html lang="{html}">' in page and "<script>" not in page and " style=" not in page, path


# ------------------------------------------------------------------ orders


def test_an_order_goes_its_way_a_failed_check_goes_back_and_steps_are_undone(kiosk: Running, mei: runs.Person) -> None:
    _, order = runs.visit_of(kiosk.store, real=False)
    assert order is not None
    place = f"/staff/order/{order.id}"
    mei.see(place)
    for to in ("printing", "quality_check", "printing", "quality_check", "shipped"):
        mei.do(f"{place}/move", to=to, note="edge lifted" if to == "printing" else "")
    page = mei.see(place)
    assert "edge lifted" in page and "Mei" in page
    assert mei.post(f"{place}/move", to="printing").status_code == 409
    mei.do(f"{place}/undo")
    assert orders.get(kiosk.store, order.id).state == "quality_check"
    assert mei.post(f"{place}/move", to="nonsense").status_code == 409
    assert {e.actor for e in audit.entries(kiosk.store, order.id) if e.action == "order.undo"} == {_id(kiosk, "Mei")}


def test_whoever_comes_second_is_told_so_and_led_back(kiosk: Running, mei: runs.Person) -> None:
    _, order = runs.visit_of(kiosk.store, real=False)
    assert order is not None
    place = f"/staff/order/{order.id}"
    page = mei.see(place)
    orders.move(kiosk.store, order.id, "printing", "command")
    came = {"referer": f"{kiosk.address}{place}"}
    answer = mei.client.post(f"{place}/move", data={"token": mei.token, "to": "printing"}, headers=came)
    assert answer.status_code == 409 and "somebody else was quicker" in answer.text and f'href="{place}"' in answer.text
    elsewhere = {"referer": f"https://elsewhere.example{place}"}
    answer = mei.client.post(f"{place}/move", data={"token": mei.token, "to": "printing"}, headers=elsewhere)
    assert answer.status_code == 409 and f'href="{place}"' not in answer.text
    assert "Start printing" in page and [e.kind for e in orders.events(kiosk.store, order.id)] == ["created", "state"]


def test_one_missing_key_hides_nobody_else_and_says_what_to_do(kiosk: Running, mei: runs.Person) -> None:
    lost, order = runs.visit_of(kiosk.store, "Keyless", real=False)
    runs.visit_of(kiosk.store, "Still Here", real=False)
    assert order is not None
    key = kiosk.store.keys.folder / f"{lost.person_id}.key"
    kept = key.read_bytes()
    kiosk.store.keys.erase(lost.person_id)
    try:
        page = mei.see("/staff")
        assert "Still Here" in page and "Orders that can&#39;t be read: 1" in page and order.id in page
        assert "Still Here" in mei.see("/staff/search?q=still")
        for path in (f"/staff/order/{order.id}", f"/staff/person/{lost.person_id}"):
            page = mei.see(path, 409)
            assert f"The key of {lost.person_id} is missing" in page and "was erased" not in page
    finally:
        key.write_bytes(kept)
    assert "Keyless" in mei.see(f"/staff/person/{lost.person_id}")


def _id(kiosk: Running, name: str) -> str:
    return next(one.id for one in staff.listing(kiosk.store) if one.name == name)


# ------------------------------------------------------------------ people


def test_search_finds_by_name_phone_number_state_and_day(kiosk: Running, mei: runs.Person) -> None:
    visit, order = runs.visit_of(kiosk.store, "Åsa Öberg", "+46 (70) 999-88-77", real=False)
    runs.visit_of(kiosk.store, "Somebody Else", "111", real=False)
    assert order is not None
    orders.move(kiosk.store, order.id, "printing", "command")
    today = datetime.now().astimezone().date()
    for query in ("q=öberg+ÅSA", "q=709998877", "q=70+999+88", f"q={visit.person_id.lower()}", f"q={order.id[:6]}",
                  f"q=berg&state=printing&from={today}&to={today}"):  # fmt: skip
        page = mei.see(f"/staff/search?{query}")
        assert visit.person_id in page and "Somebody Else" not in page, query
    assert visit.person_id not in mei.see(f"/staff/search?q=berg&to={today - timedelta(days=1)}")
    assert visit.person_id not in mei.see("/staff/search?q=berg&state=shipped")
    answer = mei.client.get("/staff/search", params={"q": f"http://desk:8765/staff/order/{order.id}"})
    assert answer.headers["location"] == f"/staff/order/{order.id}"


def test_two_entries_of_one_person_become_one(kiosk: Running, mei: runs.Person) -> None:
    one, _ = runs.visit_of(kiosk.store, "Twice", None, real=False)
    two, order = runs.visit_of(kiosk.store, "Twice", "700700", real=False)
    assert order is not None
    assert two.person_id in mei.see(f"/staff/person/{one.person_id}?other=twice")
    mei.do(f"/staff/person/{one.person_id}/merge", other=two.person_id)
    kept = people.get(kiosk.store, one.person_id)
    assert kept.phone == "700700" and orders.get(kiosk.store, order.id).person_id == kept.id
    assert len(visits.of_person(kiosk.store, kept.id)) == 2
    assert "Erased" in mei.see(f"/staff/person/{two.person_id}", 404)


def test_details_consents_export_and_erasing_on_demand(kiosk: Running, mei: runs.Person) -> None:
    visit, _ = runs.visit_of(kiosk.store, "Gone Soon", "12", real=False)
    place = f"/staff/person/{visit.person_id}"
    mei.see(place)
    assert mei.post(f"{place}/details", birth_year="19x5").status_code == 409
    mei.do(f"{place}/details", name="Gone  Soon", phone="", birth_year="1985", email="", notes="wide shoe")
    person = people.get(kiosk.store, visit.person_id)
    assert (person.name, person.phone, person.birth_year, person.notes) == ("Gone Soon", None, 1985, "wide shoe")
    mei.do(f"{place}/withdraw", purpose="keep")
    assert "keep" not in consents.standing(kiosk.store, visit.person_id)
    assert mei.post(f"{place}/export.zip").content.startswith(b"PK")
    mei.do(f"{place}/erase", sure="yes")
    assert people.get(kiosk.store, visit.person_id).name == "Gone Soon"
    page = mei.post(f"{place}/erase", sure=visit.person_id.lower()).text
    told = json.loads(page[page.index("<pre>") + 5 : page.index("</pre>")].replace("&#34;", '"'))
    assert told["person"] == visit.person_id and told["erased"]["visits"] == 1
    with pytest.raises(Erased):
        people.get(kiosk.store, visit.person_id)


# ------------------------------------------------------------------ devices, settings, the log


def test_the_age_of_a_calibration_is_shown_and_an_old_one_is_due(kiosk: Running, mei: runs.Person) -> None:
    devices.put(kiosk.store, "serial:/dev/ttyX", "plate", datetime.now(UTC) - timedelta(days=500))
    assert "500 days ago" in mei.see("/staff/devices") and ">due<" in mei.page
    mei.do("/staff/devices/calibrated", spec="serial:/dev/ttyX", day="")
    assert "0 days ago" in mei.page
    assert mei.post("/staff/devices/calibrated", spec="serial:/dev/ttyX", day="2999-01-01").status_code == 409
    assert mei.post("/staff/devices/calibrated", spec="serial:/dev/other").status_code == 409
    mei.do("/staff/devices/remove", spec="serial:/dev/ttyX")
    assert devices.listing(kiosk.store) == ()


def test_settings_are_kept_within_their_ranges(kiosk: Running, mei: runs.Person) -> None:
    good = {"abandoned_hours": 48, "takeaway_days": 10, "calibration_days": 90, "staff_idle_minutes": 5,
            "pin_lock_minutes": 20}  # fmt: skip
    mei.see("/staff/settings")
    mei.do("/staff/settings", **good)
    assert settings.get(kiosk.store, "takeaway_days") == 10
    for wrong in ("0", "-1", "nan", "1e99", "", "many"):
        assert "expected 1 to 730" in mei.do("/staff/settings", **{**good, "takeaway_days": wrong})
    assert settings.get(kiosk.store, "takeaway_days") == 10


def test_staff_come_change_their_pin_and_go(kiosk: Running, mei: runs.Person) -> None:
    mei.see("/staff/settings")
    assert mei.post("/staff/settings/add", name="Jonas", pin="1234").status_code == 409
    mei.do("/staff/settings/add", name="Jonas", pin=runs.PIN)
    with runs.member(kiosk, "Jonas") as jonas:
        jonas.see("/staff/settings")
        jonas.do("/staff/settings/pin", old="0000", new="8642", again="8642")
        assert jonas.post("/staff/settings/pin", old=runs.PIN, new="8642", again="8642").headers["location"]
        assert jonas.client.get("/staff").status_code == 303
        staff.check(kiosk.store, _id(kiosk, "Jonas"), "8642")
    assert mei.post("/staff/settings/remove", staff=_id(kiosk, "Mei")).status_code == 409
    mei.do("/staff/settings/remove", staff=_id(kiosk, "Jonas"))
    assert [one.name for one in staff.listing(kiosk.store)] == ["Mei"]


def test_the_log_says_who_did_what_and_that_its_chain_holds(kiosk: Running, mei: runs.Person) -> None:
    assert "The chain holds" in mei.see("/staff/log?check=1") and "Mei" in mei.page
    assert mei.client.get("/staff/log?page=-5").status_code == 200


# ------------------------------------------------------------------ backup, verify, restore


def test_backup_verify_and_restore_from_the_page(tmp_path: Path) -> None:
    place, secret = tmp_path / "copies", "correct horse battery"
    place.mkdir()
    with running(tmp_path / "studio", UPLOADS, IDLE) as kiosk, runs.member(kiosk) as mei:
        early, _ = runs.visit_of(kiosk.store, "Early", real=False)
        gone, _ = runs.visit_of(kiosk.store, "Gone", real=False)
        mei.see("/staff/safety")
        for wrong in ("copies", str(kiosk.store.folder / "in"), str(tmp_path / "none")):
            assert mei.post("/staff/safety/folder", folder=wrong, passphrase=secret, again=secret).status_code == 409
        mei.do("/staff/safety/folder", folder=str(place), passphrase=secret, again=secret)
        mei.do("/staff/safety/backup")
        (made,) = place.glob("*.plantar-backup")
        assert made.name in mei.page
        assert (
            "every byte checked"
            in mei.client.post("/staff/safety/look", data={"token": mei.token, "name": made.name}).text
        )
        assert "Everything is there" in mei.post("/staff/safety/verify").text
        late, _ = runs.visit_of(kiosk.store, "Late", real=False)
        privacy.erase(kiosk.store, gone.person_id)

        for fields in ({"passphrase": "another one"}, {"sure": ""}, {"name": "../studio/store.db"}):
            answer = mei.post(
                "/staff/safety/restore", **{"name": made.name, "sure": "yes", "passphrase": secret, **fields}
            )
            assert answer.status_code in (303, 409)
            assert people.get(kiosk.store, late.person_id).name == "Late", fields
        keys = place / keyfiles.NAME
        for damaged, told in (
            (made, "is damaged or no backup"),
            (keys, "no whole key file"),
            (None, "keys are missing"),
        ):
            whole = (damaged or keys).read_bytes()
            (damaged or keys).unlink()
            if damaged is not None:
                damaged.write_bytes(whole[: len(whole) // 2])
            assert told in mei.do("/staff/safety/restore", name=made.name, sure="yes", passphrase=secret)
            assert not list(tmp_path.glob(".restored-*")) and not list(tmp_path.glob("*.before-*"))
            (damaged or keys).write_bytes(whole)
        assert mei.post("/staff/safety/restore", name=made.name, sure="yes", passphrase=secret).status_code == 303
        names = {person.name for person in people.everyone(kiosk.store)}
        assert names == {"Early"}  # not who came later, and not who was erased after the backup
        assert verify(kiosk.store).problems == ()
        assert mei.client.get("/staff").status_code == 303  # everybody is out
        (aside,) = tmp_path.glob("studio.before-*")
        assert (aside / "store.db").exists()
        with runs.member(kiosk) as again:
            assert "Early" in again.see(f"/staff/person/{early.person_id}")
            runs.visit_of(kiosk.store, "After", real=False)
        assert verify(kiosk.store).problems == ()
