"""Landmarks, prescriptions, scanning again, sheets, batches: on feet that child processes really measured."""

from __future__ import annotations

import io
import json
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import argon2
import kiosk_staff_runs as runs
import numpy as np
import pytest
from kiosk_runs import Running, running
from test_kiosk_way import Inspector
from websockets.sync.client import connect

from station.cli import main
from station.kiosk import foot_file
from station.kiosk.settings import Settings
from station.kiosk.staff import correcting, landmarks
from station.store import files, orders, staff
from station.store.records import Order, Visit

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
from kiosk_browser import SIZES, Visitor, chromium


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staff, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        place = tmp_path_factory.mktemp("staff")
        (place / "scans").mkdir()
        scanning = Settings(scan=f"watch:{place / 'scans'}?settle=0.05&poll=0.05", walk=("upload:",))
        with running(place / "studio", scanning) as one:
            yield one


@pytest.fixture(scope="module")
def mei(kiosk: Running) -> Iterator[runs.Person]:
    with runs.member(kiosk) as person:
        yield person


@pytest.fixture(scope="module")
def made(kiosk: Running) -> tuple[Visit, Order]:
    """A visit with a left foot and its order."""
    visit, order = runs.visit_of(kiosk.store, "Feet")
    assert order is not None
    return visit, order


def _document(kiosk: Running, visit: Visit, name: str) -> dict[str, Any]:
    return dict(json.loads(files.get(kiosk.store, visit.id, name)))


def _measures(kiosk: Running, visit: Visit) -> dict[str, Any]:
    return dict(_document(kiosk, visit, "measurements.json")["scans"][0]["feet"][0]["measures"])


# ------------------------------------------------------------------ landmarks, without any web


@pytest.fixture(scope="module")
def foot() -> Any:
    return foot_file.read_foot(runs.foot_files("left")["left.foot"])


def test_a_landmark_that_stays_changes_no_measure(foot: Any) -> None:
    places = landmarks.true_places(foot)
    for name in ("mth1", "pternion", "longest_toe"):
        again = landmarks.moved(foot, {name: (places[name][0], places[name][1], places[name][2])}, snap=False)
        assert [r for r in landmarks.follows(foot.measurements, again.measurements) if r["key"] != "toe_type"] == [], (
            name
        )


def test_measures_follow_a_landmark_and_only_those(foot: Any, rng: np.random.Generator) -> None:
    x, y, z = landmarks.true_places(foot)["mth1"]
    step = float(rng.uniform(2.0, 6.0))
    again = landmarks.moved(foot, {"mth1": (x - step, y, z)}, snap=False)
    told = {row["key"]: row for row in landmarks.follows(foot.measurements, again.measurements)}
    assert told["ball_length_medial_mm"]["before"] - told["ball_length_medial_mm"]["after"] == pytest.approx(
        step, abs=0.01
    )
    assert {"foot_length_mm", "heel_breadth_mm", "instep_height_mm", "malleolus_medial_height_mm"}.isdisjoint(told)
    for key, measure in again.measurements.values.items():
        by_hand = "moved by hand: mth1" in measure.method
        assert by_hand == (key in told), key
        assert measure == foot.measurements.values[key] if not by_hand else measure.sd is None


def test_a_heel_that_moves_takes_the_frame_along(foot: Any) -> None:
    x, y, z = landmarks.true_places(foot)["pternion"]
    again = landmarks.moved(foot, {"pternion": (x + 3.0, y, z)}, snap=False)
    before, after = foot.measurements["foot_length_mm"], again.measurements["foot_length_mm"]
    assert before is not None and after is not None and before - after == pytest.approx(3.0, abs=0.01)
    assert again.landmarks.points["pternion"][0] == pytest.approx(0.0, abs=1e-9)
    raw = np.linalg.inv(foot.T_foot_scanner) @ np.append(foot.cloud.points[7], 1.0)
    assert (again.T_foot_scanner @ raw)[:3] == pytest.approx(again.cloud.points[7], abs=1e-6)


@pytest.mark.parametrize(
    "moves",
    [{"nowhere": (0, 0, 0)}, {"mth1": (900.0, 0, 0)}, {"mth1": (float("nan"), 0, 0)}, {"mth1": (160.0, 30.0, 15.0)}],
)
def test_landmarks_that_no_foot_has_are_refused(foot: Any, moves: dict[str, Any]) -> None:
    with pytest.raises(landmarks.ScanError, match="expected"):
        landmarks.moved(foot, moves, snap=False)


# ------------------------------------------------------------------ landmarks, on the page


def test_a_landmark_is_tried_kept_and_taken_back(kiosk: Running, mei: runs.Person, made: tuple[Visit, Order]) -> None:
    visit, order = made
    place = f"/staff/visit/{visit.id}/landmarks/left"
    page = mei.see(place)
    for view in ("top", "from_left", "from_right"):
        found = re.search(r'pictures="([^"]+)"', page)
        assert found and mei.client.get(f"{found[1]}{view}.png").content.startswith(b"\x89PNG")
    before, foot_before = _measures(kiosk, visit), files.get(kiosk.store, visit.id, "left.foot")
    x, y, z = landmarks.true_places(foot_file.read_foot(foot_before))["mth1"]
    moves = json.dumps({"mth1": [x + 4.0, y, z]})
    tried = mei.post(f"{place}/try", moves=moves, snap="").text
    glb = re.search(r'src="(/staff/draft/[^"]+\.insole\.glb)"', tried)
    assert glb and mei.client.get(glb[1]).content.startswith(b"glTF")
    assert f"{before['ball_length_medial_mm']['value']:.1f}" in tried
    assert _measures(kiosk, visit) == before  # nothing is kept
    for wrong in ("[1]", "{", '{"mth1": [1, 2]}', '{"mth1": ["x", 1, 2]}', '{"mth1": [1e9, 0, 0]}'):
        assert mei.post(place, moves=wrong).status_code == 409, wrong
    mei.do(place, moves=moves)
    after = _measures(kiosk, visit)
    assert after["ball_length_medial_mm"]["value"] == pytest.approx(
        before["ball_length_medial_mm"]["value"] + 4.0, abs=0.02
    )
    assert after["ball_length_medial_mm"]["sd"] is None and after["foot_length_mm"] == before["foot_length_mm"]
    assert files.has(kiosk.store, visit.id, "left.insole.3mf")  # drawn anew, for the printer
    assert "by hand" in mei.see(f"/staff/visit/{visit.id}")
    mei.see(place)
    mei.do(place, what="reset", moves="{}")
    assert _measures(kiosk, visit) == before and not files.has(kiosk.store, visit.id, correcting.MARKS)
    assert orders.get(kiosk.store, order.id).state == "created"


# ------------------------------------------------------------------ in a real browser


def test_a_landmark_is_dragged_and_pages_fit_a_finger(
    kiosk: Running, mei: runs.Person, made: tuple[Visit, Order], tool: Callable[[str], str], rng: np.random.Generator
) -> None:
    tool("chromium")
    some = rng.choice(len(seen_pages(*made)), 2, replace=False)
    pages = [seen_pages(*made)[k] for k in some]
    in_a_browser(kiosk, mei, made, str(rng.choice(["en", "zh"])), str(rng.choice([*SIZES])), pages)


@pytest.mark.prove
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_page_fits_a_finger_and_keeps_nobody_out(
    kiosk: Running, mei: runs.Person, made: tuple[Visit, Order], lang: str, size: str
) -> None:
    in_a_browser(kiosk, mei, made, lang, size, seen_pages(*made))


def seen_pages(visit: Visit, order: Order) -> list[str]:
    own = [f"order/{order.id}", f"order/{order.id}/sheet", f"person/{visit.person_id}"]
    own += [f"visit/{visit.id}", f"visit/{visit.id}/prescription"]
    return ["", *own, "search?q=feet", "devices", "safety", "settings", "log"]


def in_a_browser(
    kiosk: Running, mei: runs.Person, made: tuple[Visit, Order], lang: str, size: str, pages: list[str]
) -> None:
    """Looks at pages; then a finger touches beside a landmark and drags it, and the insole is drawn."""
    inspector, visit = Inspector(), made[0]
    mei.see("/staff")
    mei.do("/staff/language", lang=lang)
    with chromium() as browser, Visitor(browser, kiosk, SIZES[size]) as visitor:
        cookie = {"name": "plantar-staff", "value": mei.client.cookies["plantar-staff"], "url": kiosk.address}
        visitor.context.add_cookies([cookie])
        for path in pages:
            visitor.open(f"/staff/{path}".rstrip("/"))
            inspector.look(visitor, f"{lang} {size} {path}")
        visitor.open(f"/staff/visit/{visit.id}/landmarks/left")
        page = visitor.page
        ring = page.locator("[data-view=top] .mark.chosen .ring").bounding_box()
        x, y = ring["x"] + ring["width"] / 2 + 12, ring["y"] + ring["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 4, y - 6, steps=3)
        page.mouse.up()
        page.locator("#follows plantar-insole").wait_for()
        assert list(json.loads(page.locator("[name=moves]").input_value())) == ["mth1"]
        inspector.look(visitor, f"{lang} {size} landmarks")
        assert inspector.faults == [] and visitor.foreign == []
        assert [said for said in visitor.said if not said.startswith("[DOM]")] == []  # what Chromium would like better
    mei.see("/staff")
    mei.do("/staff/language", lang="en")
    assert not files.has(kiosk.store, visit.id, correcting.MARKS)


# ------------------------------------------------------------------ prescriptions


def test_a_prescription_is_drawn_at_once_kept_and_undone(
    kiosk: Running, mei: runs.Person, made: tuple[Visit, Order]
) -> None:
    visit, order = made
    place = f"/staff/visit/{visit.id}/prescription"
    mei.see(place)
    tried = mei.post(f"{place}/try", **{"left.heel_cup_depth_mm": "18", "preset": "everyday"}).text
    first = re.search(r'src="(/staff/draft/[^"]+left\.insole\.glb)"', tried)
    assert first and mei.client.get(first[1]).content.startswith(b"glTF")
    assert dict(orders.get(kiosk.store, order.id).choice) == dict(order.choice)
    with runs.member(kiosk) as other:  # a draft is its session's own
        assert other.client.get(first[1]).status_code == 404
    told = mei.post(f"{place}/try", **{"left.heel_cup_depth_mm": "99", "left.length": "endless"}).text
    assert "0 to 30 mm" in told and "one of three_quarter" in told
    assert mei.post(place, **{"left.heel_cup_depth_mm": "99"}).status_code == 422
    mei.see(place)
    mei.do(place, **{"left.heel_cup_depth_mm": "18", "left.label": "A7", "preset": "sport", "note": "asked by phone"})
    choice = orders.get(kiosk.store, order.id).choice
    assert (choice["edits"], choice["preset"]) == ({"heel_cup_depth_mm": 18.0, "label": "A7"}, "sport")
    fields = _document(kiosk, visit, "prescription.json")["feet"]["left"]["fields"]
    assert fields["heel_cup_depth_mm"]["value"] == 18.0 and fields["heel_cup_depth_mm"]["by"] == "person"
    assert files.get(kiosk.store, visit.id, "left.insole.stl")
    assert "asked by phone" in mei.page
    mei.do(f"/staff/order/{order.id}/undo")
    assert dict(orders.get(kiosk.store, order.id).choice) == dict(order.choice)
    fields = _document(kiosk, visit, "prescription.json")["feet"]["left"]["fields"]
    assert fields["heel_cup_depth_mm"]["by"] != "person"


def test_what_contradicts_itself_is_told_and_not_kept(
    kiosk: Running, mei: runs.Person, made: tuple[Visit, Order]
) -> None:
    visit, order = made
    place = f"/staff/visit/{visit.id}/prescription"
    mei.see(place)
    asked = {"left.min_thickness_mm": "4", "left.forefoot_thickness_mm": "1.2"}
    answer = mei.post(place, **asked)
    assert answer.status_code == 422 and 'value="1.2"' in answer.text and "min_thickness" in answer.text
    assert orders.get(kiosk.store, order.id).choice["edits"] == {}


def test_a_visit_without_an_order_gets_one_with_its_prescription(kiosk: Running, mei: runs.Person) -> None:
    visit, _ = runs.visit_of(kiosk.store, "No order", ordered=False)
    place = f"/staff/visit/{visit.id}/prescription"
    assert "Save and make an order" in mei.see(place)
    mei.do(place, **{"left.arch_offset_mm": "-1"})
    (order,) = orders.of_visit(kiosk.store, visit.id)
    assert order.choice["edits"] == {"arch_offset_mm": -1.0} and order.id in mei.page


# ------------------------------------------------------------------ the sheet, the batch, another scan


def test_the_technicians_sheet_is_a_pdf_and_a_page_with_a_code(
    kiosk: Running, mei: runs.Person, made: tuple[Visit, Order]
) -> None:
    _, order = made
    assert mei.client.get(f"/staff/order/{order.id}/sheet.pdf").content.startswith(b"%PDF")
    assert 'class="code"' in mei.see(f"/staff/order/{order.id}/sheet") and order.id in mei.page


def test_chosen_orders_are_a_batch_that_plantar_makes(
    kiosk: Running, mei: runs.Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    visit, order = runs.visit_of(kiosk.store, "For a batch")
    _, empty = runs.visit_of(kiosk.store, "Without a scan", real=False)
    assert order is not None and empty is not None
    mei.see(f"/staff/visit/{visit.id}/prescription")
    mei.do(f"/staff/visit/{visit.id}/prescription", **{"left.heel_cup_depth_mm": "17", "left.length": "full"})
    assert mei.post("/staff/batch.zip").headers["location"] == "/staff"  # nothing was chosen
    data = mei.post("/staff/batch.zip", order=[order.id, empty.id]).content
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path / "in")
    table = (tmp_path / "in" / "ORDERS.csv").read_text("utf-8")
    assert order.id in table and empty.id not in table and "For a batch" not in table
    assert main(["batch", str(tmp_path / "in" / "ORDERS.csv"), "-o", str(tmp_path / "out"), "--jobs", "1"]) == 0
    capsys.readouterr()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert [(o["order"], o["state"]) for o in manifest["orders"]] == [(order.id, "done")]
    made = json.loads((tmp_path / "out" / order.id / "prescription.json").read_text("utf-8"))
    assert made["feet"]["left"]["fields"]["heel_cup_depth_mm"]["value"] == 17.0


def test_a_visit_is_scanned_again_compared_kept_and_taken_back(kiosk: Running, mei: runs.Person) -> None:
    visit, order = runs.visit_of(kiosk.store, "Again")
    assert order is not None
    place, before = f"/staff/visit/{visit.id}/rescan", _measures(kiosk, visit)
    mei.see(f"/staff/visit/{visit.id}")
    assert mei.post(place, feet="left").headers["location"] == place
    assert mei.post(place, feet="left").status_code == 409  # one at a time
    address = f"{kiosk.address.replace('http', 'ws')}/staff/live/{visit.id}"
    cookie = {"Cookie": f"plantar-staff={mei.client.cookies['plantar-staff']}"}
    with connect(address, origin=kiosk.address, additional_headers=cookie) as link:
        assert json.loads(link.recv())["state"] == "waiting"
        (kiosk.store.folder.parent / "scans" / "left.ply").write_bytes(runs.scan_of("left", 3))
        assert json.loads(str(list(link)[-1])) == {"state": "done"}
    until = time.monotonic() + 60.0
    while "/rescan/keep" not in mei.see(place):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert _measures(kiosk, visit) == before  # still
    mei.do(f"{place}/keep")
    after = _measures(kiosk, visit)
    assert after != before and after["foot_length_mm"]["sd"] is not None
    assert files.get(kiosk.store, visit.id, "left.insole.3mf") and files.has(kiosk.store, visit.id, "left.glb")
    mei.do(f"{place}/undo")
    assert _measures(kiosk, visit) == before
    assert mei.post(f"{place}/undo").status_code == 409
