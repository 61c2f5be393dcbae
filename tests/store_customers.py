"""Stores and customers for the tests: a clock that is told, a whole visit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from station.store import Store, consents, files, orders, people, visits
from station.store.records import Visit

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PASSPHRASE = "correct horse battery"


@dataclass
class Clock:
    """Time that passes when it is told to, and a microsecond each time somebody looks."""

    now: datetime = START

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


def agree(store: Store, person_id: str, *purposes: str, by: str = "self") -> None:
    for purpose in purposes:
        consents.give(store, person_id, purpose, "2026-01", "zh", by, text=f"We ask to {purpose}.")


def customer(
    store: Store, name: str | None = None, scan: bytes = b"scan", ordered: bool = True, keep: bool = False
) -> Visit:
    """Somebody's whole visit; as it stands at its end."""
    visit = visits.start(store, "zh")
    agree(store, visit.person_id, "measure", *(("keep",) if keep else ()))
    if name is not None:
        people.change(store, visit.person_id, name=name, birth_year=1980)
    files.put(store, visit.id, "left.ply", scan)
    files.put(store, visit.id, "measures.json", b'{"foot_length_mm": 251.5}')
    visits.save(store, visit.id, "result", {"taps": 5, "who": name})
    if ordered:
        orders.create(store, visit.id, {"cover": "leather", "for": name})
    return visits.close(store, visit.id, "done")


def noise(rng: np.random.Generator, count: int) -> bytes:
    """Bytes that nothing else holds."""
    return rng.integers(0, 256, count, dtype=np.uint8).tobytes()


def everything_in(folder: Path) -> bytes:
    """All bytes of all files below a folder, and their names."""
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return b"\0".join([p.relative_to(folder).as_posix().encode() + b"\0" + p.read_bytes() for p in found])
