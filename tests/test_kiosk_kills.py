"""The kiosk is killed at any moment of a customer's way, or its disk is full: nothing that was kept is lost, nothing is
half there, and the customer goes on where they were."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from kiosk_runs import PATIENCE_S, Customer, scan_of_a_right_foot

from footscan import io
from footscan.synth import make_walk
from station.kiosk.flow import SCREENS
from station.kiosk.texts import Words
from station.store import files, open_store, orders, visits
from station.store.opening import left_behind
from station.store.storing import Store
from station.store.verifying import verify

if TYPE_CHECKING:
    from kiosk_victims import Victims

pytest_plugins = ("kiosk_victims",)

MOMENT_S = 0.4
MOST_STEPS = 4  #: before a kiosk is killed while it does the next one
POINTS = 60_000
FULL = (250_000, 500_000, 1_200_000)
EVER = datetime(2000, 1, 1, tzinfo=UTC)
NOT_BEGUN = ("welcome", "consent")


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Screen -> the file that is sent there: a scan of a right foot, a walk."""
    folder = tmp_path_factory.mktemp("uploads")
    io.write_recording(folder / "walk.csv", make_walk("in_shoe", seed=3, steps=6).recording)
    return {"scan": scan_of_a_right_foot(POINTS), "walk": (folder / "walk.csv").read_bytes()}


# ------------------------------------------------------------------ a customer who knows what was kept


@dataclass
class Guest:
    """Goes the way again and again, and notes what a kiosk has said is done."""

    uploads: dict[str, bytes] = field(repr=False)
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)
    steps: int = 0  #: that were answered
    screens: dict[str, str] = field(default_factory=dict)  #: visit -> the last screen that was seen of it
    ordered: set[str] = field(default_factory=set)  #: visits
    scanned: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    asked: str = ""  #: the step that no answer has come to yet

    @property
    def visit(self) -> str:
        """Of the cookie; empty before there is one."""
        text = self.cookies.get("plantar", "").partition(".")[0]
        return str(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))[1]) if text else ""

    def browser(self, address: str) -> Customer:
        how = {"headers": {"origin": address}, "cookies": self.cookies, "timeout": PATIENCE_S}
        return Customer(httpx.Client(base_url=address, **how))

    def look(self, one: Customer) -> str:
        """The screen that is shown, once nothing is on its way."""
        screen = one.look()
        while 'data-state="loading"' in one.page:
            time.sleep(0.05)
            screen = one.look()
        self.cookies = one.client.cookies
        if self.visit:
            self.screens[self.visit] = screen
            self.scanned |= {self.visit} if screen == "walk" else set()
            self.ordered |= {self.visit} if screen == "takeaway" else set()
        return screen

    def step(self, one: Customer) -> httpx.Response:
        """What a customer does on the screen that is shown."""
        fields: dict[str, str] = {}
        path = {"consent": "agreed", "who": "new", "prepare": "prepared", "score": "redo", "result": "continue",
                "choose": "chosen", "confirm": "confirmed", "takeaway": "finished"}.get(one.screen, "")  # fmt: skip
        if one.screen == "prepare":
            fields = {"feet": "right", "stance": "standing"}
        elif one.screen == "choose":
            fields = {"cover": "cork", "length": "full", "shoe": "sport"}
        elif one.screen == "who":
            fields = {"name": "Ada"}
        self.asked = path or one.screen
        if one.screen in self.uploads:
            name = "right.ply" if one.screen == "scan" else "walk.csv"
            answer = one.client.post(f"/upload/{self.visit}", data={"token": one.token},
                                     files={"file": (name, self.uploads[one.screen])})  # fmt: skip
        elif one.screen == "welcome":
            answer = one.post("/start", lang="en")
        else:
            answer = one.post(f"/do/{path}", **fields)
        self.cookies = one.client.cookies
        if answer.status_code == 303:
            self.asked, self.steps = "", self.steps + 1
        return answer

    def hold(self, store: Store) -> str:
        """Everything that was told is there; the screen that must be shown now, empty where the visit is over."""
        assert verify(store).problems == ()
        for visit_id, screen in self.screens.items():
            visit = visits.get(store, visit_id)
            assert visit.closed_at is not None or place_of(visit.screen) >= place_of(screen), (visit.screen, screen)
            assert visit_id not in self.ordered or len(orders.of_visit(store, visit_id)) == 1
            assert visit_id not in self.scanned or files.has(store, visit_id, "right.ply.scan")
        for order in orders.listing(store):
            kept = {file.role for file in files.of_visit(store, order.visit_id)}
            assert {"right.foot", "right.insole.stl", "right.insole.3mf", "prescription.json"} <= kept
        if not self.visit:
            return ""
        visit = visits.get(store, self.visit)
        return "" if visit.closed_at is not None else visit.screen


def place_of(screen: str) -> int:
    """How far on the way; a scan that is done again is as far as the first."""
    return SCREENS.index("scan" if screen == "score" else screen) if screen in SCREENS else -1


def survive(victims: Victims, folder: Path, uploads: dict[str, bytes], rng: np.random.Generator, kills: int) -> Guest:
    """Kill the kiosk again and again; each time the next one goes on where it was."""
    guest, expected = Guest(uploads), ""
    for _ in range(kills):
        address, over = victims.start(folder), threading.Event()
        thread = threading.Thread(target=go_on, args=(guest, address, expected, over))
        thread.start()
        wanted, until = guest.steps + int(rng.integers(MOST_STEPS)), time.monotonic() + PATIENCE_S
        while guest.steps < wanted and thread.is_alive() and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(rng.uniform(0.0, MOMENT_S))
        over.set()
        victims.kill()
        thread.join(PATIENCE_S)
        assert not thread.is_alive() and guest.wrong == []
        with open_store(folder, create=False) as store:
            expected = guest.hold(store)
    return guest


def go_on(guest: Guest, address: str, expected: str, over: threading.Event) -> None:
    """The page that is shown first is the one where the visit was; then on, and round again, until nobody answers."""
    try:
        with guest.browser(address) as one:
            shown = one.look()
            if shown != expected if expected else shown not in NOT_BEGUN:
                guest.wrong.append(f"{shown} was shown, not {expected}, after {guest.asked}")
            while not over.is_set():
                guest.look(one)
                answer = guest.step(one)
                if answer.status_code != 303:
                    guest.wrong.append(f"{answer.status_code} after {guest.asked}: {answer.text[:500]}")
                    return
    except httpx.TransportError:
        if not over.wait(PATIENCE_S):
            guest.wrong.append(f"no answer after {guest.asked}")


def test_ten_kills_lose_nothing_and_the_visit_goes_on(
    victims: Victims, tmp_path: Path, uploads: dict[str, bytes], rng: np.random.Generator
) -> None:
    assert survive(victims, tmp_path / "studio", uploads, rng, 10).steps > 5


@pytest.mark.prove
def test_two_hundred_kills_lose_nothing_and_the_visits_go_on(
    victims: Victims, tmp_path: Path, uploads: dict[str, bytes], rng: np.random.Generator,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    guest = survive(victims, tmp_path / "studio", uploads, rng, 200)
    record_property("kills", 200)
    record_property("steps", guest.steps)
    record_property("visits", len(guest.screens))
    record_property("orders", len(guest.ordered))
    assert len(guest.ordered) > 5


# ------------------------------------------------------------------ no room


def test_a_full_disk_is_told_clearly_and_the_visit_goes_on_when_there_is_room(
    victims: Victims, tmp_path: Path, uploads: dict[str, bytes], rng: np.random.Generator
) -> None:
    fill(victims, tmp_path, uploads, rng, [int(rng.choice(FULL))])


@pytest.mark.prove
def test_a_disk_that_is_full_at_each_stage(
    victims: Victims, tmp_path: Path, uploads: dict[str, bytes], rng: np.random.Generator
) -> None:
    fill(victims, tmp_path, uploads, rng, FULL)


def fill(
    victims: Victims, tmp_path: Path, uploads: dict[str, bytes], rng: np.random.Generator, sizes: Sequence[int]
) -> None:
    """No file may grow beyond a size: that of the log of the rows, of a scan, of an insole."""
    folder, guest = tmp_path / "studio", Guest(uploads)
    victims.start(folder)
    victims.kill()
    for most in sizes:
        with guest.browser(victims.start(folder, int(most * rng.uniform(0.9, 1.1)))) as one:
            assert until_full(guest, one), most
        victims.kill()
        with open_store(folder, create=False) as store:
            screen = guest.hold(store)
            left_behind(store, older_than_s=-1)
            rows = {f.sha256 for v in visits.since(store, EVER) for f in files.of_visit(store, v.id)}
            assert set(store.blobs.names()) == rows and not list(folder.rglob(".tmp-*"))
        with guest.browser(victims.start(folder)) as one:
            shown = guest.look(one)
            assert shown == screen if screen else shown in NOT_BEGUN
            told = [guest.step(one).status_code for _ in range(2 * len(SCREENS)) if guest.look(one) != "takeaway"]
            assert guest.look(one) == "takeaway" and set(told) == {303}
            guest.step(one)
        victims.kill()
    assert len(guest.ordered) >= len(sizes)


def until_full(guest: Guest, one: Customer) -> bool:
    """Goes on until a screen says that there is no room; it is one with a way on, and says so in words."""
    say = Words("en")
    for _ in range(3 * len(SCREENS)):
        answer = one.client.get("/")
        if answer.status_code == 200:
            guest.look(one)
            if say("trouble.disk_full") in one.page:
                return 'class="actions"' in one.page
            answer = guest.step(one)
        if answer.status_code == 507:
            return say("error.full") in answer.text and 'href="/"' in answer.text
        assert answer.status_code == 303, (answer.status_code, answer.text[:500])
    return False
