"""Killed at any moment, or out of room: no committed row is lost, nothing is half there, the store goes on."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from station.store import audit, files, open_store, orders, people, visits
from station.store.errors import Erased
from station.store.opening import left_behind
from station.store.storing import Store
from station.store.verifying import verify

SCREENS = ("welcome", "consent", "who", "scan", "result")
EVER = datetime(2000, 1, 1, tzinfo=UTC)
STATES = ("created", "printing", "quality_check", "shipped")


@dataclass
class Known:
    """What the victims have told to be kept."""

    steps: dict[str, int] = field(default_factory=dict)
    scans: dict[tuple[str, str], str | None] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    links: dict[int, str] = field(default_factory=dict)
    maybe: set[str] = field(default_factory=set)  # whose erasing was begun
    erased: set[str] = field(default_factory=set)

    def hear(self, fact: dict[str, Any]) -> None:
        if "step" in fact:
            self.steps[fact["visit"]] = fact["step"]
        elif "put" in fact:  # from here on until it is told again it is either
            self.scans[fact["put"], fact["role"]] = None
        elif "sha256" in fact:
            self.scans[fact["visit"], fact["role"]] = fact["sha256"]
        elif "rank" in fact:
            self.ranks[fact["order"]] = fact["rank"]
        elif "erasing" in fact:
            self.maybe |= {fact["erasing"], fact["visit"], fact["order"]}
        elif "erased" in fact:
            self.erased.add(fact["erased"])
            self.links[fact["number"]] = fact["hash"]

    def hold(self, store: Store) -> None:
        """Everything that was told is there; what was begun is there as a whole or not at all."""
        assert verify(store).problems == ()
        for visit_id, step in self.steps.items():
            if visit_id not in self.maybe:
                visit = visits.get(store, visit_id)
                assert SCREENS.index(visit.screen) >= step and visit.state.get("step", 0) == SCREENS.index(visit.screen)
        for (visit_id, role), sha256 in self.scans.items():
            if visit_id not in self.maybe and sha256 is not None:
                assert hashlib.sha256(files.get(store, visit_id, role)).hexdigest() == sha256
        for order_id, rank in self.ranks.items():
            if order_id not in self.maybe:
                assert STATES.index(orders.get(store, order_id).state) >= rank
        for person_id in self.erased:
            assert not store.keys.has(person_id)
            with pytest.raises(Erased):
                people.get(store, person_id)
        chain = {entry.number: entry.hash for entry in audit.entries(store)}
        assert all(chain[number] == link for number, link in self.links.items())


class Victims:
    """The process that forks victims, one at a time."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("store_victim.py")
        self.process = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(
        self, folder: Path, seed: int, hear: Callable[[dict[str, Any]], object], most: int | None = None,
        facts: int = 0, kill_s: float | None = None,
    ) -> int:  # fmt: skip
        """Run one victim until it ends; its exit code."""
        assert self.process.stdin is not None and self.process.stdout is not None
        asked = {"folder": str(folder), "seed": seed, "most": most, "facts": facts, "kill_s": kill_s}
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            fact = json.loads(line)
            if "ended" in fact:
                return int(fact["ended"])
            hear(fact)
        raise AssertionError("the victims' process has ended")

    def end(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    made = Victims()
    yield made
    made.end()


def survive(victims: Victims, folder: Path, rng: np.random.Generator, kills: int) -> int:
    """Kill again and again, mostly on one growing store, now and then while one is being made; rows that were told."""
    known = Known()
    for number in range(kills):
        fresh = number % 4 == 3
        place, heard = (folder / f"new{number}", Known()) if fresh else (folder / "studio", known)
        facts, kill_s = (0, rng.uniform(0, 0.2)) if fresh else (int(rng.integers(30)), rng.uniform(0, 0.03))
        code = victims.ask(place, int(rng.integers(2**31)), heard.hear, facts=facts, kill_s=float(kill_s))
        assert code == -signal.SIGKILL
        with open_store(place) as store:
            heard.hold(store)
            left_behind(store, older_than_s=-1)
            with store.read() as tx:
                rows = {f.sha256 for v in visits.since(store, EVER) for f in files.of_visit(store, v.id)}
                assert tx.is_active and set(store.blobs.names()) == rows
            assert set(store.keys.ids()) == {p.id for p in people.everyone(store)}
            assert not list(place.rglob(".tmp-*"))
    return len(known.steps)


def test_ten_kills_lose_nothing(victims: Victims, tmp_path: Path, rng: np.random.Generator) -> None:
    assert survive(victims, tmp_path, rng, 10) > 3


@pytest.mark.prove
def test_two_hundred_kills_lose_nothing(
    victims: Victims, tmp_path: Path, rng: np.random.Generator, record_property: Callable[[str, object], None]
) -> None:
    told = survive(victims, tmp_path, rng, 200)
    record_property("kills", 200)
    record_property("visits", told)
    assert told > 50


def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    victims: Victims, tmp_path: Path, rng: np.random.Generator
) -> None:
    """No file may grow beyond a size: at first too little for a store at all, then for the next customers."""
    known, full = Known(), []

    def hear(fact: dict[str, Any]) -> None:
        known.hear(fact)
        full.extend([fact["full"]] if "full" in fact else [])

    for most in (30_000, 500_000, 700_000, 1_000_000):
        code = victims.ask(tmp_path / "studio", int(rng.integers(2**31)), hear, most)
        assert code == 0 and full[-1].count("expected room to write") == 1, full
        if most < 100_000:
            assert not (tmp_path / "studio" / "store.json").exists()
        with open_store(tmp_path / "studio") as store:
            known.hold(store)
            left_behind(store, older_than_s=-1)
            held = {f.sha256 for v in visits.since(store, EVER) for f in files.of_visit(store, v.id)}
            assert set(store.blobs.names()) == held and not list(store.folder.rglob(".tmp-*"))
    assert len(full) == 4 and len(known.steps) > 2
