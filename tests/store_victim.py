"""Customers without end, until the process is killed; says on stdout what is kept, once it is.

python tests/store_victim.py     reads {"folder", "seed", "most", "facts", "kill_s"}, a line a victim, and forks it

A victim's lines: {"visit", "screen"}, {"visit", "role", "sha256"}, {"order", "state"}, {"erased", "person"},
{"full": message}. ``most``: the largest file that it may write (a full disk); it is
killed ``kill_s`` after it told its ``facts``-th line.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from station.store import consents, files, moving, open_store, orders, people, privacy, visits
from station.store.errors import StoreFull
from station.store.storing import Store

LONGEST_S = 60.0
told = 0
ripe = (-1, -1)  #: after how many facts, and the pipe that says so


def tell(**fact: Any) -> None:
    global told
    os.write(1, json.dumps(fact).encode() + b"\n")
    told += 1
    if told == ripe[0]:
        os.write(ripe[1], b".")


def customer(store: Store, chance: random.Random, regular: str) -> None:
    """A way through the kiosk, told step by step."""
    visit = visits.start(store, "zh")
    tell(visit=visit.id, screen="welcome", step=0)
    consents.give(store, visit.person_id, "measure", "1", "zh")
    for step, screen in enumerate(("consent", "who", "scan", "result"), 1):
        if screen == "who" and chance.random() < 0.3:
            moving.give_visit(store, visit.id, regular)
        if screen == "scan":
            for role in ("left.ply", "left.ply", "right.ply"):  # one is scanned again
                scan = chance.randbytes(chance.randrange(1, 30_000))
                tell(put=visit.id, role=role)
                files.put(store, visit.id, role, scan)
                tell(visit=visit.id, role=role, sha256=hashlib.sha256(scan).hexdigest())
        visits.save(store, visit.id, screen, {"step": step, "padding": "x" * 500})
        tell(visit=visit.id, screen=screen, step=step)
    order = orders.create(store, visit.id, {"cover": chance.random()})
    tell(order=order.id, rank=0)
    for rank, state in enumerate(("printing", "quality_check", "shipped"), 1):
        orders.move(store, order.id, state, "T-1")
        tell(order=order.id, rank=rank)
    person_id = visits.get(store, visit.id).person_id
    if person_id != regular and chance.random() < 0.4:
        tell(erasing=person_id, visit=visit.id, order=order.id)
        receipt = privacy.erase(store, person_id)
        tell(erased=person_id, number=receipt.audit_number, hash=receipt.audit_hash)


def work(folder: str, seed: int, most: int | None) -> None:
    if most is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    chance, store = random.Random(seed), None
    try:
        store = open_store(folder)
        regular = people.create(store, name="regular").id
        consents.give(store, regular, "measure", "1", "zh")
        while True:
            customer(store, chance, regular)
    except StoreFull as error:
        if store is not None:
            people.everyone(store)  # what is kept can still be read
        tell(full=str(error))


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        heard, says = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                global told, ripe
                told, ripe = 0, (asked["facts"], says)
                work(asked["folder"], asked["seed"], asked["most"])
                code = 0
            finally:
                os._exit(code)
        os.close(says)
        if asked["kill_s"] is not None:
            if asked["facts"]:
                select.select([heard], [], [], LONGEST_S)
            time.sleep(asked["kill_s"])
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(heard)
        tell(ended=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
