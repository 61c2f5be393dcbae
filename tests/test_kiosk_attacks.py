"""Every route under attack, the customer's and the staff's: other sites, other names, climbing paths, bombs, guessed
PINs, planted cookies, and whatever else a machine makes up. None gets through, none ends in a mistake of ours."""

from __future__ import annotations

import html
import io
import os
import re
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import kiosk_staff_runs as runs
import numpy as np
import pytest
import schemathesis
from hypothesis import strategies
from kiosk_runs import Customer, Running, running, scan_of_a_right_foot
from schemathesis.checks import not_a_server_error
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from station import rooms
from station.kiosk.texts import Words
from station.store import audit, people, staff, visits
from station.store.verifying import verify

IDS = {"visit_id": "V-0000000000000000", "order_id": "O-00000000", "person_id": "P-0000000000000000", "side": "left",
       "name": "left.glb", "secret": "A" * 32, "step": "agreed", "draft": "d", "subject": "x"}  # fmt: skip
STEPS = ("agreed", "new", "minor", "guarded", "card", "known", "prepared", "redo", "accepted", "without", "enough",
         "continue", "chosen", "confirmed", "back", "nothing")  # fmt: skip
FIELDS = ("name", "phone", "email", "birth_year", "code", "person", "feet", "stance", "cover", "length", "shoe", "lang",
          "keep", "measure")  # fmt: skip
#: of a request that a machine makes up; the rest of what it may find is not promised (there is no public API)
MADE_UP = 8


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the child processes would put what they want to put somewhere. Nobody has ever written there."""
    return no_change(tmp_path_factory.mktemp("children"))


def no_change(folder: Path) -> Path:
    """A folder of a time that the first file in it changes."""
    os.utime(folder, (0, 0))
    return folder


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory, untouched: Path) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(untouched))
        with running(tmp_path_factory.mktemp("attacked") / "studio") as one:
            yield one
            assert verify(one.store).problems == ()


@pytest.fixture(scope="module")
def mei(kiosk: Running) -> Iterator[runs.Person]:
    with runs.member(kiosk) as person:
        yield person


@pytest.fixture
def customer(kiosk: Running) -> Iterator[Customer]:
    with kiosk.customer() as one:
        yield one


def routes(kiosk: Running, *methods: str) -> list[tuple[str, str]]:
    """(method, path) of every route, with ids that nobody has."""
    paths = kiosk.app.openapi()["paths"]
    found = [(m, re.sub(r"{(\w+)}", lambda k: IDS[k[1]], path)) for path in paths for m in paths[path] if m in methods]
    assert len(found) > 10
    return found


# ------------------------------------------------------------------ other sites, other names


def test_no_other_site_writes_anywhere(kiosk: Running, mei: runs.Person, customer: Customer) -> None:
    """Not even with both cookies in the browser, on any route."""
    customer.to_prepare()
    cookies = {**dict(customer.client.cookies), **dict(mei.client.cookies)}
    before = audit.head(kiosk.store)
    with httpx.Client(base_url=kiosk.address, cookies=cookies) as other:
        for method, path in routes(kiosk, "post", "put", "patch", "delete"):
            for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {},
                            {"origin": kiosk.address, "sec-fetch-site": "cross-site"}):  # fmt: skip
                assert other.request(method, path, headers=headers).status_code == 403, (path, headers)
    assert audit.head(kiosk.store) == before and customer.look() == "prepare"


def test_no_form_is_taken_without_the_session_s_token(kiosk: Running, mei: runs.Person, customer: Customer) -> None:
    customer.to_prepare()
    cookies = {**dict(customer.client.cookies), **dict(mei.client.cookies)}
    before = audit.head(kiosk.store)
    with httpx.Client(base_url=kiosk.address, cookies=cookies, headers={"origin": kiosk.address}) as other:
        for _, path in routes(kiosk, "post"):
            for token in ("", mei.token[:-1], customer.token if "/staff" in path else mei.token):
                answer = other.post(path, data={"token": token})
                assert answer.status_code in (403, 404), (path, answer.status_code)
    assert audit.head(kiosk.store) == before and customer.look() == "prepare"


def test_no_route_answers_under_another_name(kiosk: Running, mei: runs.Person) -> None:
    """A page elsewhere whose name was made to point here (DNS rebinding)."""
    for method, path in routes(kiosk, "get", "post"):
        headers = {"host": "evil.example", "origin": "http://evil.example"}
        answer = mei.client.request(method, path, headers=headers)
        assert answer.status_code == 421 and "set-cookie" not in answer.headers, path
    with pytest.raises(InvalidStatus):
        connect(f"{kiosk.address.replace('http', 'ws')}/live/scan/{IDS['visit_id']}", origin="http://evil.example")


def test_looking_changes_nothing(kiosk: Running, mei: runs.Person) -> None:
    """What writes is no GET; what is a GET writes nothing into the log but that somebody looked."""
    for _, path in routes(kiosk, "post"):
        if ("get", path) not in routes(kiosk, "get"):
            assert mei.client.get(path).status_code in (303, 404, 405), path
    assert people.everyone(kiosk.store) is not None


# ------------------------------------------------------------------ paths


CLIMBS = ("..%2f..%2fstore.db", "%2e%2e%2fkiosk.key", "..%5c..%5ckiosk.key", "%00", "left.glb%00.png",
          "....//kiosk.key", "%252e%252e%252fkiosk.key", "/etc/passwd", "left.foot%2f..%2f..%2fkiosk.key")  # fmt: skip


def test_no_path_of_any_route_climbs(kiosk: Running, mei: runs.Person, rng: np.random.Generator) -> None:
    secret = (kiosk.store.folder / "kiosk.key").read_bytes()
    visit, _ = runs.visit_of(kiosk.store, real=False, ordered=False)
    for template in (f"/staff/visit/{visit.id}/file/{{}}", "/staff/order/{}/sheet.pdf", "/staff/draft/{}/d/left.glb",
                     "/v/{}/left.glb", "/t/{}", "/static/build/{}", "/staff/{}", "/staff/audit/{}"):  # fmt: skip
        for climb in CLIMBS:
            answer = mei.client.get(template.format(climb), follow_redirects=True)
            assert answer.status_code < 500, (template, climb)
            assert secret not in answer.content and b"root:" not in answer.content and b"SQLite" not in answer.content


def test_the_staff_s_login_leads_nowhere_else(kiosk: Running) -> None:
    one = staff.add(kiosk.store, "Elsewhere", runs.PIN)
    for place in ("https://evil.example", "//evil.example", "/\\evil.example", "/staff\\@evil.example", "/staff@evil",
                  "/staff\r\nx: y", "javascript:alert(1)", "/staff/../t/x"):  # fmt: skip
        with runs.visitor(kiosk) as person:
            person.see("/staff/login")
            answer = person.client.post(
                "/staff/login", params={"next": place}, data={"token": person.token, "staff": one.id, "pin": runs.PIN,
                                                              "next": place},
            )  # fmt: skip
            assert answer.status_code == 303 and answer.headers["location"].startswith("/staff"), place
            assert "evil.example" not in answer.headers["location"].replace("/staff", "", 1) or "\\" not in place
    kiosk.app.state.staff.put_out(one.id)


# ------------------------------------------------------------------ PINs and cookies


def test_a_pin_is_not_guessed_not_even_by_many_at_once(kiosk: Running) -> None:
    """Five tries in all, however they come; then the right one is refused, too."""
    one = staff.add(kiosk.store, "Guessed", "7391")
    told: list[int] = []

    def guess(pins: list[str]) -> None:
        with runs.visitor(kiosk) as person:
            person.see("/staff/login?lang=en")
            for pin in pins:
                told.append(person.post("/staff/login", staff=one.id, pin=pin).status_code)

    threads = [threading.Thread(target=guess, args=([f"{k}{n}11" for n in range(4)],)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(told) == 16 and 303 not in told
    (locked,) = [known for known in staff.listing(kiosk.store) if known.id == one.id]
    assert locked.locked_until is not None
    with runs.visitor(kiosk) as person:
        person.see("/staff/login?lang=en")
        assert person.post("/staff/login", staff=one.id, pin="7391").status_code != 303
        assert person.client.get("/staff").headers["location"].startswith("/staff/login")


def test_a_planted_cookie_of_the_staff_opens_nothing(kiosk: Running) -> None:
    """The number before the PIN is worth nothing after it, nor is the one of somebody who went out."""
    with runs.visitor(kiosk) as person, runs.visitor(kiosk) as thief:
        person.see("/staff/login")
        planted = person.client.cookies["plantar-staff"]
        thief.client.cookies.set("plantar-staff", planted)
        with runs.member(kiosk, "Victim") as victim:
            kept = victim.client.cookies["plantar-staff"]
            assert kept != planted
            assert thief.client.get("/staff").status_code == 303
            victim.see("/staff")
            assert victim.post("/staff/logout").status_code == 303
        for cookie in (kept, "", "x" * 5000, kept[:-1], planted):
            answer = httpx.get(f"{kiosk.address}/staff", headers={"cookie": f"plantar-staff={cookie}"})
            assert answer.status_code == 303 and answer.headers["location"].startswith("/staff/login")


def test_a_customer_s_cookie_is_none_of_the_staff(kiosk: Running, customer: Customer) -> None:
    customer.to_prepare()
    for cookie in (customer.client.cookies["plantar"], customer.token):
        answer = httpx.get(f"{kiosk.address}/staff", headers={"cookie": f"plantar-staff={cookie}"})
        assert answer.status_code == 303
    customer.tap("finished")


# ------------------------------------------------------------------ what is sent


def bombs() -> dict[str, bytes]:
    """Small files that want much memory or time."""
    deep = io.BytesIO()
    with zipfile.ZipFile(deep, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("3D/3dmodel.model", b"<" * 150_000_000)
    laughs = b'<!DOCTYPE m [<!ENTITY a "' + b"x" * 1000 + b'">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + k, b"&%c;" % (97 + k) * 10) for k in range(9)
    ) + b"]><model>&j;</model>"  # fmt: skip
    with zipfile.ZipFile(entities := io.BytesIO(), "w") as archive:
        archive.writestr("3D/3dmodel.model", laughs)
        archive.writestr("../../../../tmp/climbed", b"x")
    head = b"ply\nformat binary_little_endian 1.0\nelement vertex 4000000000\nproperty float x\nend_header\n"
    return {"right.3mf": deep.getvalue(), "right2.3mf": entities.getvalue(), "right.ply": head}


def test_nothing_of_a_customer_is_ever_in_a_temporary_file(
    kiosk: Running, untouched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way, from an upload too large for a form that is kept in memory by default to the erasing."""
    monkeypatch.setenv("TMPDIR", str(no_change(tmp_path)))
    monkeypatch.setattr(tempfile, "tempdir", None)  # so that whoever asks where to put something leaves a trace there
    scan = scan_of_a_right_foot(100_000)
    assert len(scan) > 2**20
    with kiosk.customer() as one:
        one.to_prepare()
        one.tap("prepared", feet="right", stance="sitting")
        files = {"file": ("right.ply", scan)}
        assert one.client.post(f"/upload/{one.visit}", data={"token": one.token}, files=files).status_code == 303
        assert one.wait_for("result", "score") == "result"
        one.tap("continue")
        one.tap("chosen", cover="cork", length="full", shoe="sport")
        assert one.tap("confirmed") == "takeaway"
        (secret,) = set(re.findall(r"/t/[\w-]{20,}", one.page))
        for name in ("report.pdf", "report.html", "feet.zip", "everything.zip"):
            answer = one.client.get(f"{secret}/{name}")
            assert answer.status_code == 200 and len(answer.content) > 10_000
        assert one.post(f"{secret}/erase").status_code == 200
    assert tmp_path.stat().st_mtime == untouched.stat().st_mtime == 0


def test_a_bomb_ends_in_words_and_the_next_customer_is_served(kiosk: Running, customer: Customer) -> None:
    customer.to_prepare()
    customer.tap("prepared", feet="right", stance="sitting")
    say, visit = Words("en"), customer.visit
    for name, data in bombs().items():
        answer = customer.client.post(
            f"/upload/{visit}", data={"token": customer.token}, files={"file": (name, data)}, timeout=120
        )
        assert answer.status_code == 303, answer.text
        assert customer.look() == "score"
        told = [say(f"trouble.scan_{kind}") for kind in ("unreadable", "unclear", "too_large", "failed")]
        assert any(words in html.unescape(customer.page) for words in told), customer.page
        assert customer.tap("redo") == "scan"
    assert not [f for f in rooms.place().glob(f"{rooms.PREFIX}*/*") if f.name.startswith("climbed")]
    customer.tap("finished")
    with kiosk.customer() as after:
        assert after.to_prepare() == "prepare"
        after.tap("finished")


@hypothesis.settings(max_examples=20)
@hypothesis.given(data=strategies.data())
def test_no_form_makes_a_mistake_of_ours(kiosk: Running, data: strategies.DataObject) -> None:
    """Any steps in any order with any fields: another screen or a refusal, never an error; and a page that shows."""
    texts = strategies.text(max_size=40) | strategies.sampled_from(
        ["left", "sitting", "2020", "cork", "full", "9" * 30]
    )
    with kiosk.customer() as one:
        one.begin("en")
        if data.draw(strategies.booleans()):
            one.tap("agreed")
        for _ in range(data.draw(strategies.integers(1, 4))):
            fields = data.draw(strategies.dictionaries(strategies.sampled_from(FIELDS), texts, max_size=4))
            answer = one.post(f"/do/{data.draw(strategies.sampled_from(STEPS))}", **fields)
            assert answer.status_code in (303, 403), (answer.status_code, answer.text[:300])
            one.look()
        one.post("/do/finished")


def test_no_made_up_request_makes_a_mistake_of_ours(
    kiosk: Running, mei: runs.Person, customer: Customer, seed: int
) -> None:
    """schemathesis on every route, as somebody who is in and with a customer's cookie."""
    customer.to_prepare()
    cookies = {**dict(customer.client.cookies), **dict(mei.client.cookies)}
    schema = schemathesis.openapi.from_dict(kiosk.app.openapi())
    asked: set[str] = set()

    for result in schema.get_all_operations():
        operation: Any = result.ok()

        @hypothesis.seed(seed)
        @hypothesis.settings(max_examples=MADE_UP, database=None, deadline=None, derandomize=False,
                             suppress_health_check=list(hypothesis.HealthCheck))  # fmt: skip
        @hypothesis.given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(
                base_url=kiosk.address, headers={"origin": kiosk.address, "x-plantar-token": mei.token},
                cookies=cookies, checks=[not_a_server_error], allow_redirects=False, timeout=60,
            )  # fmt: skip

        if "/staff/safety" not in operation.path and "/staff/log" not in operation.path:
            ask()
            asked.add(operation.path)
    assert len(asked) > 40
    assert visits.unfinished(kiosk.store) is not None
