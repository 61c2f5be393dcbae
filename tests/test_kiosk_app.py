"""The whole way through the real application: simulated devices, child processes, a store on disk; no mocks."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from kiosk_runs import UPLOADS, Customer, Running, running
from websockets.sync.client import connect

from station.kiosk.processing import Workers
from station.kiosk.settings import Settings
from station.kiosk.texts import Words
from station.store import consents, files, orders, people, privacy, visits
from station.store.errors import Erased
from station.store.verifying import verify

QUICK = Settings(
    scan="sim:feet?seed=4&seconds=0.3",
    walk=("sim:board?side=left&seed=3", "sim:board?side=right&seed=3"),
    languages=("en", "zh"),
)


@dataclass
class Journey:
    """A customer on the last page, and what was seen on the way."""

    customer: Customer
    visit: str
    result: str
    live: list[str | bytes]
    gets: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("kiosk") / "studio", QUICK) as one:
        yield one


@pytest.fixture(scope="module")
def journey(kiosk: Running) -> Iterator[Journey]:
    """From the first tap to the last page."""
    with kiosk.customer() as customer:
        assert customer.to_prepare(keep="yes") == "prepare"
        assert customer.tap("prepared", feet="both") == "scan"
        visit = customer.visit
        address = f"{kiosk.address.replace('http', 'ws')}/live/scan/{visit}"
        cookie = {"Cookie": f"plantar={customer.client.cookies['plantar']}"}
        with connect(address, origin=kiosk.address, additional_headers=cookie) as link:
            live = list(link)
        assert customer.wait_for("walk", "score") == "walk", customer.page
        layout = customer.client.get(f"/live/walk/{visit}/layout.json").json()
        assert customer.wait_for("result", "score") == "result"
        customer.wait_for("result")
        assert customer.taps <= 6
        one = Journey(customer, visit, customer.page, live, {"layout": json.dumps(layout).encode()})
        for side in ("left", "right"):
            for name in (f"{side}.glb", f"{side}.insole.glb", f"{side}.lines.json", "peaks.json"):
                answer = customer.client.get(f"/v/{visit}/{name}")
                assert answer.status_code == 200, name
                one.gets[name] = answer.content
        assert customer.tap("continue") == "choose"
        assert customer.tap("chosen", cover="cork", length="sulcus", shoe="sport") == "confirm"
        assert customer.tap("confirmed") == "takeaway"
        yield one


def test_the_live_scan_grows_and_ends(journey: Journey) -> None:
    states = [json.loads(frame) for frame in journey.live if isinstance(frame, str)]
    clouds = [np.frombuffer(frame, "<f4").reshape(-1, 3) for frame in journey.live if isinstance(frame, bytes)]
    assert states[-1]["state"] == "done" and states[0]["text"]
    progress = [state["progress"] for state in states if "progress" in state]
    assert progress == sorted(progress) and progress[-1] == 1.0
    every = np.concatenate(clouds)
    assert len(clouds) > 10 and np.isfinite(every).all() and 200 < np.ptp(every[:, 0]) < 400


def test_the_result_shows_both_feet(journey: Journey) -> None:
    page = journey.result
    for side in ("left", "right"):
        assert f'src="/v/{journey.visit}/{side}.glb"' in page and f"{side}.insole.glb" in page
        assert journey.gets[f"{side}.glb"][:4] == journey.gets[f"{side}.insole.glb"][:4] == b"glTF"
        tapes = {tape["key"]: tape for tape in json.loads(journey.gets[f"{side}.lines.json"])["tapes"]}
        assert {"ball_girth_mm", "instep_girth_mm", "foot_length_mm"} <= tapes.keys()
        ring = np.array(tapes["ball_girth_mm"]["points"])
        around = np.linalg.norm(np.diff(ring, axis=0), axis=1).sum()
        assert around == pytest.approx(float(tapes["ball_girth_mm"]["text"].split()[0]), rel=0.03)  # it lay there
    shown = json.loads(journey.gets["peaks.json"])
    layout = json.loads(journey.gets["layout"])
    assert len(shown["cells"]) == len(shown["values"]) == len(layout["cells"]) == 2 * 128
    assert max(shown["values"]) == 255 and set(shown["sides"]) == {"left", "right"} == set(layout["sides"])
    lefts = [c[0] for c, side in zip(shown["cells"], shown["sides"]) if side == "left"]
    rights = [c[0] for c, side in zip(shown["cells"], shown["sides"]) if side == "right"]
    assert max(lefts) < min(rights)  # the left foot on the left
    assert page.count('class="footprint"') == 2 and "EU" in page and "shoe sizes" in page


def test_the_order_holds_what_the_workshop_needs(kiosk: Running, journey: Journey) -> None:
    (order,) = orders.of_visit(kiosk.store, journey.visit)
    assert (order.state, order.choice["cover"], order.choice["preset"]) == ("created", "cork", "sport")
    assert order.choice["edits"] == {
        "cover_thickness_mm": 2.5,
        "length": "sulcus",
    }  # too thick: the front gives way
    kept = {file.role for file in files.of_visit(kiosk.store, journey.visit)}
    for side in ("left", "right"):
        assert {f"{side}.insole.stl", f"{side}.insole.3mf", f"{side}.foot", f"{side}.ply.scan"} <= kept
    assert {"measurements.json", "prescription.json", "pressure.json", "walk.recording"} <= kept
    prescription = json.loads(files.get(kiosk.store, journey.visit, "prescription.json"))
    for foot in prescription["feet"].values():
        assert foot["fields"]["length"]["value"] == "sulcus" and foot["fields"]["length"]["by"] == "person"
        assert all(check["ok"] or check["advice"] for check in foot["checks"])
    assert not verify(kiosk.store).problems


def test_consent_is_kept_with_its_words(kiosk: Running, journey: Journey) -> None:
    given = consents.of_person(kiosk.store, visits.get(kiosk.store, journey.visit).person_id)
    assert {consent.purpose for consent in given} == {"measure", "keep"}
    assert all(c.language == "en" and c.given_by == "self" and c.text_version and c.text_sha256 for c in given)


def test_what_is_taken_away_opens(kiosk: Running, journey: Journey) -> None:
    page = journey.customer.page
    secret = re.search(r'href="(/t/[\w-]+)/report\.(?:pdf|html)"', page)
    assert secret and 'class="code"' in page  # the card's QR
    with kiosk.customer() as phone:  # somebody with nothing but the address
        assert phone.client.get(secret[1]).status_code == 200
        archive = zipfile.ZipFile(io.BytesIO(phone.client.get(f"{secret[1]}/feet.zip").content))
        assert {"left.glb", "right.insole.stl", "measurements.json"} <= set(archive.namelist())
        everything = zipfile.ZipFile(io.BytesIO(phone.client.get(f"{secret[1]}/everything.zip").content))
        assert any(name.endswith("left.ply.scan") or "left.ply" in name for name in everything.namelist())
        assert phone.client.get("/t/" + "A" * 43).status_code == 404


@pytest.mark.prove
def test_the_report_is_drawn_and_set(kiosk: Running, journey: Journey) -> None:
    secret = re.search(r'href="(/t/[\w-]+)/report', journey.customer.page)
    assert secret
    with kiosk.customer() as phone:
        assert phone.client.get(f"{secret[1]}/report.pdf", timeout=120).content[:5] == b"%PDF-"
        assert phone.client.get(f"{secret[1]}/report.html").text.count("data:image/png") >= 5


def test_somebody_who_comes_back_is_known_by_the_card(kiosk: Running, journey: Journey) -> None:
    card = re.search(r"<code>([^<]+)</code>", journey.customer.page)
    assert card
    before = visits.get(kiosk.store, journey.visit).person_id
    with kiosk.customer() as customer:
        customer.begin("zh")
        customer.tap("agreed", keep="yes")
        customer.tap("card", code=f"https://kiosk/c/{card[1]}")
        assert f'value="{before}"' in customer.page
        assert customer.tap("known", person="P-0000000000000000") == "who"  # nobody of this card
        assert customer.tap("known", person=before) == "prepare"
        assert len(visits.of_person(kiosk.store, before)) == 2
        customer.tap("finished")
    with kiosk.customer() as sibling:
        sibling.begin()
        sibling.tap("agreed")
        sibling.tap("card", code=card[1])
        assert sibling.tap("known", person="") == "prepare"
        sibling.tap("finished")
    family = people.family(kiosk.store, people.get(kiosk.store, before).profile_id)
    assert len(family) == 2


def test_a_child_s_guardian_agrees_and_is_remembered(kiosk: Running) -> None:
    with kiosk.customer() as customer:
        customer.begin()
        customer.tap("agreed", research="yes")
        assert customer.tap("minor") == "guardian"
        assert customer.tap("guarded") == "guardian"  # without a year
        year = kiosk.store.now().year - 8
        assert customer.tap("guarded", birth_year=str(year)) == "prepare"
        newest = visits.unfinished(kiosk.store)[0]
        person = people.get(kiosk.store, newest.person_id)
        assert person.birth_year == year
        standing = consents.standing(kiosk.store, person.id)
        assert {c.given_by for c in standing.values()} == {"guardian"} and set(standing) == {"measure", "research"}
        customer.tap("finished")


def test_whoever_stops_leaves_nothing_open(kiosk: Running) -> None:
    with kiosk.customer() as customer:
        customer.to_prepare()
        visit = visits.unfinished(kiosk.store)[0]
        assert customer.tap("finished") == "welcome"
        closed = visits.get(kiosk.store, visit.id)
        assert closed.outcome == "abandoned"
    late = kiosk.store.now().replace(year=kiosk.store.now().year + 1)
    assert visit.person_id in {due.person_id for due in privacy.due(kiosk.store, late)}


def test_erasing_is_one_s_own_and_has_a_receipt(kiosk: Running) -> None:
    with kiosk.customer() as customer:
        customer.begin()
        customer.tap("agreed")
        customer.tap("new", name="Grace", phone="555 0100")
        visit = visits.unfinished(kiosk.store)[0]
        assert people.get(kiosk.store, visit.person_id).name == "Grace"
        secret = visits.new_takeaway(kiosk.store, visit.id)
        customer.page = customer.client.get(f"/t/{secret}").text
        answer = customer.post(f"/t/{secret}/erase")
        assert answer.status_code == 200 and "R-" in answer.text
        assert customer.look() == "welcome"
    with kiosk.customer() as phone:  # on which nobody ever chose a language
        for header, lang in (("zh-TW,zh;q=0.9,en;q=0.8", "zh"), ("fr, zh;q=0.2, en;q=0.5", "en"), (";q=x,", "en")):
            gone = phone.client.get(f"/t/{secret}", headers={"accept-language": header})
            assert gone.status_code == 404 and Words(lang)("error.missing") in gone.text
    with pytest.raises(Erased):
        people.get(kiosk.store, visit.person_id)
    assert not verify(kiosk.store).problems


def test_a_visit_goes_on_after_the_kiosk_was_started_again(tmp_path: Path) -> None:
    idle = Workers(1)  # nothing is measured
    with running(tmp_path / "studio", UPLOADS, idle) as first, first.customer() as customer:
        customer.to_prepare()
        customer.tap("prepared", feet="right", stance="sitting")
        cookies = dict(customer.client.cookies)
    with running(tmp_path / "studio", UPLOADS, idle) as second, second.customer() as customer:
        customer.client.cookies.update(cookies)
        assert customer.look() == "scan"
        assert customer.tap("back") == "prepare"
        assert re.search(r'value="sitting" checked', customer.page) and re.search(
            r'value="right" checked', customer.page
        )
