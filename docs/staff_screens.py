"""Takes pictures of every screen of the kiosk's staff into docs/img/staff: `python docs/staff_screens.py`.

A customer whose feet are nobody's goes the kiosk's whole way in a real browser; some more orders stand beside theirs.
Every screen is then shown in both languages on a desk's screen; those that are used standing up on a portrait screen
and a phone, too.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).resolve().parents[1] / part) for part in (".", "benchmarks")]

from kiosk_browser import Kiosk, Visitor, chromium, kiosk

from docs.kiosk_screens import ROOT, SETTLE_MS, asked, keep, weighed
from station.store import Store, backups, consents, keyfiles, open_store, orders, people, settings, staff, visits
from station.store.records import OrderState, Purpose

FOLDER = ROOT / "docs" / "img" / "staff"
MOST_BYTES = 3_000_000  #: all together
DESK = {"landscape": (1280, 800)}
EVERYWHERE = {**DESK, "portrait": (1080, 1920), "phone": (390, 844)}
STANDING_UP = ("orders", "order", "landmarks")  #: screens that are used away from the desk
PIN, SECRET = "2580", "a passphrase for pictures"
WHO = ("Theodora 欧阳", "138 0013 8000", "theodora@example.org")
#: who else ordered, and how far it is
OTHERS: tuple[tuple[str, tuple[OrderState, ...]], ...] = (
    ("Åsa Öberg", ()),
    ("陈静", ("printing",)),
    ("Jonas Weber", ("printing", "quality_check")),
    ("王磊", ("printing", "quality_check", "shipped")),
)
CONSENTS: tuple[Purpose, ...] = ("measure", "keep")
OPTIONS = ("--scan", "sim:feet?seed=4&seconds=2")
SHOWN_3D = "plantar-foot[data-state=ready], plantar-insole[data-state=ready]"


@dataclass(frozen=True)
class Camera:
    """Takes pictures of what somebody of the staff sees."""

    page: Any
    folder: Path
    lang: str

    def take(self, screen: str) -> None:
        """On each size of this screen, the desk's last."""
        sizes = EVERYWHERE if screen in STANDING_UP else DESK
        for size, (width, height) in reversed(sizes.items()):
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.wait_for_timeout(SETTLE_MS)
            keep(self.page.screenshot(animations="disabled"), self.folder, screen, self.lang, size)


def others(store: Store, like: str) -> None:
    """More people, with orders ``like`` that of a visit."""
    choice = orders.of_visit(store, like)[0].choice
    for name, steps in OTHERS:
        visit = visits.start(store, "zh")
        people.change(store, visit.person_id, name=name)
        for purpose in CONSENTS:
            consents.give(store, visit.person_id, purpose, "1", "zh")
        order = orders.create(store, visit.id, dict(choice))
        visits.close(store, visit.id, "done")
        for step in steps:
            orders.move(store, order.id, step, "command")


def ready(one: Kiosk, place: Path) -> str:
    """A studio on a working day; the order whose screens are shown."""
    with chromium(one) as browser, Visitor(browser, one) as customer:
        customer.walk("en", details=WHO)
        customer.tap(".actions .next.btn, .actions .next .btn")
        customer.reached("welcome")
    with open_store(one.folder) as store:
        order = orders.listing(store)[0]
        others(store, order.visit_id)
        for name in ("Mei", "Jonas"):
            staff.add(store, name, PIN)
        settings.put(store, "backup.folder", str(place))
        keyfiles.set_passphrase(store, SECRET)
        backups.backup(store, place / f"plantar-20260301-180000{backups.ENDING}")
        return order.id


def screens(page: Any, one: Kiosk, order_id: str, visit_id: str, person_id: str, lang: str) -> Iterator[str]:
    """Goes through every screen; yields its name when it is at rest."""

    def see(path: str, sign: str = "") -> None:
        page.goto(f"{one.address}{path}")
        if sign:
            page.locator(sign).last.wait_for()

    def tap(where: str) -> None:
        page.locator(where).first.click()

    see(f"/staff/login?lang={lang}")
    page.locator("label:has-text('Mei')").click()
    page.locator("#pin").fill("1379")
    tap(".login form .primary")
    page.locator("#trouble").wait_for()
    yield "login"
    page.locator("#pin").fill(PIN)
    tap(".login form .primary")
    page.locator(".figures").wait_for()
    yield "orders"
    see(f"/staff/order/{order_id}")
    yield "order"
    see(f"/staff/order/{order_id}/sheet")
    yield "sheet"
    see(f"/staff/visit/{visit_id}", SHOWN_3D)
    yield "visit"
    see(f"/staff/visit/{visit_id}/landmarks/left")
    tap("[data-nudge='1 0 0']")
    page.locator("#follows plantar-insole[data-state=ready]").wait_for()
    yield "landmarks"
    see(f"/staff/visit/{visit_id}/prescription", SHOWN_3D)
    page.locator("[name='left.heel_cup_depth_mm']").fill("18")
    page.locator("[name='left.heel_cup_depth_mm']").blur()
    page.wait_for_timeout(1500)
    page.locator("#drawn plantar-insole[data-state=ready]").last.wait_for()
    yield "prescription"
    see(f"/staff/visit/{visit_id}")
    tap("[popovertarget=rescan]")
    yield "rescan_asked"
    tap("#rescan .primary")
    page.locator("plantar-preview canvas").wait_for()
    page.wait_for_timeout(1500)
    yield "rescan_live"
    page.locator("plantar-score").wait_for()
    yield "rescan"
    tap("form[action$='/rescan/drop'] button")
    see("/staff/search?q=o")
    yield "search"
    see(f"/staff/person/{person_id}")
    yield "person"
    tap("[popovertarget=erase]")
    yield "erase"
    see("/staff/devices")
    yield "devices"
    see("/staff/safety")
    yield "safety"
    tap("[popovertarget=restore-1]")
    yield "restore"
    see("/staff/settings")
    yield "settings"
    see("/staff/log?check=1")
    yield "log"
    see("/staff/order/O-NONE")
    yield "error"


def main(words: Sequence[str] | None = None) -> int:
    args = asked(__doc__, FOLDER, words)
    with tempfile.TemporaryDirectory() as place, kiosk(Path(place) / "studio", *OPTIONS) as one:
        disk = Path(place) / "disk"
        disk.mkdir()
        order_id = ready(one, disk)
        with open_store(one.folder) as store:
            order = orders.get(store, order_id)
        for lang in args.lang or ("en", "zh"):
            with chromium(one) as browser, Visitor(browser, one) as visitor:
                camera = Camera(visitor.page, args.folder, lang)
                for screen in screens(visitor.page, one, order.id, order.visit_id, order.person_id, lang):
                    camera.take(screen)
                if visitor.said:
                    print(f"{lang}: the pages said: {visitor.said}", file=sys.stderr)
    return weighed(args.folder, MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
