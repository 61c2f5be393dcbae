"""The customer's way as a customer goes it: a real browser at a real kiosk on a machine without a network."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from store_customers import PASSPHRASE, everything_in

from station import rooms
from station.kiosk.pages import BUILD
from station.store import backups, files, keyfiles, open_store, orders, people, visits
from station.store.storing import Store
from station.store.verifying import verify

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
from kiosk_browser import NEXT, SIZES, Kiosk, Visitor, chromium, kiosk

ROOT = Path(__file__).resolve().parents[1]
MOST_TAPS, MOST_WEIGHT = 6, 3_000_000
LEAST_TARGET_PX = 44
TAPS_AFTER = 3  #: the result: on, choose, confirm
OPTIONS = ("--scan", "sim:feet?seed=4&seconds=1")
DETAILS = ("Theodora 欧阳娜娜", "0571-88997766", "theodora@example.org")
WAY = ["welcome", "consent", "who", "prepare", "scan", "walk", "result", "choose", "confirm", "takeaway"]
#: what a finger may touch that is smaller than it should be; links within a text may be
TARGETS = """(least) => [...document.querySelectorAll("a[href], button, select, input:not([type=hidden]), summary")]
  .map((e) => [e.closest("label") ?? e, e]).filter(([box, e]) => e.checkVisibility({visibilityProperty: true}))
  .map(([box, e]) => [e.outerHTML.slice(0, 120), box.getBoundingClientRect()])
  .filter(([html, box]) => box.width && (box.width < least - 0.5 || box.height < least - 0.5))
  .map(([html, box]) => `${html} ${Math.round(box.width)} x ${Math.round(box.height)}`)"""
WIDER = "document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="module")
def one(tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiosk]:
    tool("chromium")
    assert (BUILD / "kiosk.js").is_file(), "make pages builds what the kiosk's pages load"
    folder = tmp_path_factory.mktemp("way") / "studio"
    with kiosk(folder, *OPTIONS) as running:
        yield running
    said = running.log.read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("plantar: note: ") for line in said), said  # nothing failed behind the pages


@pytest.fixture(scope="module")
def browser(one: Kiosk) -> Iterator[Any]:
    with chromium(one) as opened:
        yield opened


@pytest.fixture
def store(one: Kiosk) -> Iterator[Store]:
    with open_store(one.folder) as opened:
        yield opened


@dataclass
class Inspector:
    """Looks at every screen: what keeps somebody out, what a finger can't hit, what is wider than the screen."""

    faults: list[str] = field(default_factory=list)
    axe: str = (ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def look(self, visitor: Visitor, screen: str) -> None:
        page = visitor.page
        if not page.evaluate("typeof axe === 'object'"):
            page.evaluate(self.axe)
        found = page.evaluate("axe.run({resultTypes: ['violations']}).then((r) => r.violations)")
        bad = [v for v in found if v["impact"] in ("serious", "critical")]
        self.faults += [f"{screen}: {v['id']}: {v['nodes'][0]['html']}" for v in bad]
        self.faults += [f"{screen}: small: {target}" for target in page.evaluate(TARGETS, LEAST_TARGET_PX)]
        wider = page.evaluate(WIDER)
        if wider > 0:
            self.faults.append(f"{screen}: {wider} px wider than the screen")


@contextmanager
def walked(one: Kiosk, browser: Any, lang: str, size: str, **how: Any) -> Iterator[tuple[Visitor, list[str]]]:
    """A visitor on the last screen, and what an inspector found on the way."""
    inspector = Inspector()
    with Visitor(browser, one, SIZES[size], inspector.look) as visitor:
        visitor.walk(lang, **how)
        yield visitor, inspector.faults


def test_the_kiosk_has_no_network_but_its_own(one: Kiosk) -> None:
    if one.alone:  # some containers allow none; what the browser asks is watched there, too
        told = Path(f"/proc/{one.process.pid}/net/dev").read_text(encoding="ascii")
        assert [line.split(":")[0].strip() for line in told.splitlines()[2:]] == ["lo"]


@pytest.fixture
def lot(rng: np.random.Generator) -> tuple[str, str]:
    """A language and a screen's size."""
    return str(rng.choice(["en", "zh"])), str(rng.choice([*SIZES]))


def test_the_whole_way_and_then_nothing_is_left_of_it(
    one: Kiosk, browser: Any, store: Store, tmp_path: Path, lot: tuple[str, str]
) -> None:
    """In one of the languages; somebody goes it on one foot in the other one."""
    whole_way(one, browser, store, tmp_path, *lot)


def test_somebody_with_one_foot_who_sits_gets_through(
    one: Kiosk, browser: Any, store: Store, lot: tuple[str, str], rng: np.random.Generator
) -> None:
    lang, size = "zh" if lot[0] == "en" else "en", lot[1]
    foot = str(rng.choice(["left", "right"]))
    with walked(one, browser, lang, size, feet=foot, stance="sitting") as (visitor, faults):
        assert visitor.screens == [screen for screen in WAY if screen != "walk"]
        assert visitor.taps - TAPS_AFTER <= MOST_TAPS
        assert visitor.foreign == [] and visitor.said == [] and faults == []
        order = orders.listing(store)[0]
        assert order.choice["feet"] == [foot] and order.choice["lang"] == lang
        visitor.tap(NEXT)
        visitor.page.locator("main[data-screen=welcome]").wait_for()
        assert visits.get(store, order.visit_id).outcome == "done"


@pytest.mark.prove
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_whole_way_on_every_screen_in_both_languages(
    one: Kiosk, browser: Any, store: Store, tmp_path: Path, lang: str, size: str,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    for name, value in whole_way(one, browser, store, tmp_path, lang, size).items():
        record_property(name, value)


def whole_way(one: Kiosk, browser: Any, store: Store, tmp_path: Path, lang: str, size: str) -> dict[str, float]:
    """Both feet, a walk, an order; then everything is erased at the screen. What it took."""
    with walked(one, browser, lang, size, details=DETAILS) as (visitor, faults):
        assert visitor.screens == WAY and visitor.taps - TAPS_AFTER <= MOST_TAPS
        assert visitor.foreign == [] and visitor.said == [] and faults == []
        assert max(visitor.weights.values()) < MOST_WEIGHT, visitor.weights
        order = orders.listing(store)[0]
        words, sealed = kept_of(store, order.visit_id)
        keyfiles.set_passphrase(store, PASSPHRASE)
        backups.backup(store, tmp_path / "usb" / "before.plantar-backup")
        held = everything_in(one.folder)
        assert all(part in held for part in sealed.values())  # the search finds what is there
        assert found(words, held) == []  # and nothing of it is there in the clear
        visitor.tap("[popovertarget=erase]")
        visitor.tap("#erase form button")
        visitor.page.locator("main[data-screen=erased]").wait_for()
        backups.backup(store, tmp_path / "usb" / "after.plantar-backup")
        assert found(words | sealed, everything_in(one.folder) + one.log.read_bytes() + in_memory(one)) == []
        held = everything_in(tmp_path / "usb")
        assert found(words, held) == [] and sealed["key"] not in held  # sealed there, and the key is gone
        assert order.person_id not in store.keys.ids() and verify(store).problems == ()
        assert order.person_id not in {person.id for person in people.everyone(store)}
        assert visitor.foreign == [] and visitor.said == []
        return {
            "seconds": visitor.seconds,
            "taps_to_result": visitor.taps - TAPS_AFTER - 2,
            "bytes": max(visitor.weights.values()),
        }


def kept_of(store: Store, visit_id: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What says who somebody is or was measured of them, as bytes could hold it; and the same as it lies sealed."""
    visit = visits.get(store, visit_id)
    key = store.keys.get(visit.person_id)
    texts = {**dict(zip(("name", "phone", "e-mail"), DETAILS, strict=True)), **visit.state["secrets"]}
    del texts["order"]  # a number that stands in the log and on a bag
    words = {f"{what} in {code}": text.encode(code) for what, text in texts.items() for code in ("utf-8", "utf-16-le")}
    words |= {"name as JSON has it": json.dumps(DETAILS[0])[1:-1].encode(), "raw key": key, "key": key.hex().encode()}
    sealed = {"key": (store.keys.folder / f"{visit.person_id}.key").read_bytes()}
    for file in files.of_visit(store, visit_id):
        data = files.get(store, visit_id, file.role)
        slices = {f"{file.role} at {at}": data[at : at + 24] for at in range(0, len(data) - 24, len(data) // 16 + 24)}
        words |= {what: part for what, part in slices.items() if len(set(part)) > 12}
        hidden = store.blobs.get(file.sha256)
        sealed |= {f"sealed {file.role}": hidden[:32], f"end of sealed {file.role}": hidden[-32:]}
    assert len(words) > 60
    return words, sealed


def found(parts: dict[str, bytes], held: bytes) -> list[str]:
    """Which of them are there."""
    return [what for what, part in parts.items() if part in held]


def in_memory(one: Kiosk) -> bytes:
    """What the kiosk's child processes hold in folders in memory."""
    own = [str(child.pid) for child in psutil.Process(one.process.pid).children(recursive=True)]
    folders = [folder for pid in own for folder in rooms.place().glob(f"{rooms.PREFIX}{pid}-*")]
    return b"".join(everything_in(folder) for folder in folders)
