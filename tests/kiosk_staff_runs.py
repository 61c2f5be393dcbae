"""Somebody of the staff without a browser, and visits with feet that were really measured, once for all tests."""

from __future__ import annotations

import json
import re
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from kiosk_runs import Running

from footscan.io import write_geometry
from footscan.synth import FootSpec, make_foot, scan_foot
from station.kiosk import flow, work
from station.kiosk import visit_files as names
from station.kiosk.security import Tries
from station.store import Store, consents, files, orders, people, staff, visits
from station.store.records import Order, Visit

PIN = "2580"
CHOICE = {"cover": "leather", "length": "full", "shoe": "everyday", "preset": "everyday", "lang": "en"}


@cache
def scan_of(side: str, seed: int = 2) -> bytes:
    """A scan of a foot whose true answers are known, as a PLY."""
    cloud = scan_foot(make_foot(FootSpec("left" if side == "left" else "right")), points=60_000, seed=seed)
    with tempfile.TemporaryDirectory(prefix="plantar-staff-") as folder:
        write_geometry(Path(folder) / "scan.ply", cloud)
        return (Path(folder) / "scan.ply").read_bytes()


@cache
def foot_files(side: str) -> dict[str, bytes]:
    """The files that a visit has of one foot: a scan, measured by the kiosk's own jobs."""
    scan = {f"{side}.ply": scan_of(side)}
    document, found = work.measure(scan, {"side": side, "load": "standing", "sd": False})
    _, insole = work.insole({f"{side}.foot": found[f"{side}.foot"]}, {"preset": "everyday", "for": "screen"})
    about = {"measurements": document["measurements"], "lines": document["lines"]}
    made = {names.SCAN.format(name=name): data for name, data in scan.items()} | found | insole
    return made | {"about": json.dumps(about).encode()}


def visit_of(
    store: Store, name: str | None = None, phone: str | None = None, sides: tuple[str, ...] = ("left",),
    ordered: bool = True, real: bool = True,
) -> tuple[Visit, Order | None]:  # fmt: skip
    """A visit that is over; ``real``: with feet, else with no files."""
    visit = visits.start(store, "en")
    if name or phone:
        people.change(store, visit.person_id, name=name, phone=phone)
    for purpose in ("measure", "keep"):
        consents.give(store, visit.person_id, purpose, "2026-01", "en", text="We ask.", visit_id=visit.id)
    if real:
        _put_feet(store, visit.id, sides)
    way = flow.Way(screen="takeaway", purposes=("measure",), feet=sides, scanned=sides, made="done", walk="left_out")
    visits.save(store, visit.id, "takeaway", {"way": flow.to_json(way), "nonce": "x"})
    order = orders.create(store, visit.id, {**CHOICE, "edits": {}, "feet": list(sides)}) if ordered else None
    return visits.close(store, visit.id, "done" if ordered else "abandoned"), order


def _put_feet(store: Store, visit_id: str, sides: tuple[str, ...]) -> None:
    measured: dict[str, Any] = {}
    lines: dict[str, Any] = {}
    for side in sides:
        made = dict(foot_files(side))
        about = json.loads(made.pop("about"))
        scans = [*measured.get("scans", []), *about["measurements"]["scans"]]
        measured, lines = {**about["measurements"], "scans": scans, "pairs": []}, lines | about["lines"]
        for role, data in made.items():
            files.put(store, visit_id, role, data)
    files.put(store, visit_id, names.MEASUREMENTS, json.dumps(measured).encode())
    files.put(store, visit_id, names.LINES, json.dumps(lines).encode())


@dataclass
class Person:
    """Somebody at the staff's pages."""

    client: httpx.Client
    page: str = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.client.close()

    @property
    def token(self) -> str:
        """Of the page's forms."""
        found = re.search(r'name="token" value="([^"]+)"', self.page)
        assert found, self.page[:300]
        return found[1]

    def see(self, path: str, status: int = 200) -> str:
        """A page of the staff."""
        answer = self.client.get(path, follow_redirects=True)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:2000])
        self.page = answer.text
        return self.page

    def post(self, path: str, **fields: Any) -> httpx.Response:
        """Send a form with the token of the page that was seen last, whatever comes of it."""
        return self.client.post(path, data={"token": self.token, **fields})

    def do(self, path: str, **fields: Any) -> str:
        """A form, and the page after it."""
        answer = self.post(path, **fields)
        assert answer.status_code == 303, (path, answer.status_code, answer.text[:2000])
        return self.see(answer.headers["location"])


def visitor(kiosk: Running) -> Person:
    """Somebody who is not in."""
    return Person(httpx.Client(base_url=kiosk.address, headers={"origin": kiosk.address}, timeout=60.0))


def member(kiosk: Running, name: str = "Mei") -> Person:
    """Somebody who is in."""
    known = {one.name: one for one in staff.listing(kiosk.store)}
    one = known.get(name) or staff.add(kiosk.store, name, PIN)
    kiosk.app.state.staff.tries = Tries(1000, 60.0, time.monotonic)
    person = visitor(kiosk)
    try:
        person.see("/staff/login?lang=en")
        answer = person.post("/staff/login", staff=one.id, pin=PIN)
        assert answer.status_code == 303, answer.text
        person.see("/staff")
    except BaseException:
        person.client.close()
        raise
    return person
