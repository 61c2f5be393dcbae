"""First-pass yield: varied people and usual defects become insoles of their size; the rest is refused, and why."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import prove
import pytest
from batch_feet import BAD, EITHER, ORDERS_A_PERSON, Drawn, draw_order
from batch_runs import FEW, write_table
from station_runs import here, paper

SAMPLE, FULL, CHUNK = 3, 5_000, 100
LENGTH_OFF_MM, BREADTH_OFF_MM = 3.0, 4.0  #: an insole of a foot measured farther off than this is a wrong one


def drawn(folder: Path, numbers: Sequence[int], seed: int) -> list[Drawn]:
    with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as pool:
        return list(pool.map(partial(draw_order, folder, seed=seed), numbers, chunksize=ORDERS_A_PERSON))


def judged(folder: Path, orders: Sequence[Drawn]) -> tuple[Counter[str], list[str]]:
    """How the orders ended, and what is wrong with the answers."""
    table = write_table(folder / "orders.csv", [order.row for order in orders])
    run = here("batch", table, "-o", folder / "night", "--no-sd", *FEW)
    assert run.code in (0, 1, 3), run.err
    entries = {entry["order"]: entry for entry in paper(folder / "night", "manifest.json")["orders"]}
    found, wrong = Counter[str](), list[str]()
    for order in orders:
        name = order.row["order"]
        told = " | ".join(item["message"] for item in entries[name]["failed"])
        bad = order.kind in BAD
        done = entries[name]["state"] == "done"
        sort = "bad" if bad else "either" if order.kind in EITHER else "good"
        found[f"{sort} {'made' if done else 'refused'}"] += 1
        if bad and done:
            wrong.append(f"{name}: made")
        elif bad and BAD[order.kind] not in told:
            wrong.append(f"{name}: {told}")
        elif not bad and not done:
            found[f"refused {order.kind}"] += 1
            print(f"{name}: {told}")
        elif not bad:
            off = _off(folder / "night" / name, order)
            found[f"wrong {order.kind}"] += bool(off)
            wrong += [f"{name}: {what}" for what in off]
    return found, wrong


def _off(folder: Path, order: Drawn) -> list[str]:
    """What of a made order is not as the feet are."""
    feet = {foot["side"]: foot for scan in paper(folder, "measurements.json")["scans"] for foot in scan["feet"]}
    wrong = []
    for side, truth in order.truth.items():
        for key, limit in (("foot_length_mm", LENGTH_OFF_MM), ("foot_breadth_mm", BREADTH_OFF_MM)):
            value = feet[side]["measures"][key]["value"]
            if value is None or abs(value - truth[key]) > limit:
                wrong.append(f"{side} {key} {value}, in truth {truth[key]:.1f}")
        made = paper(folder, "manifest.json")["insoles"][side]
        if not made["printable"] or not 0.0 < made["size_mm"][0] - truth["foot_length_mm"] < 25.0:
            wrong.append(f"{side} insole {made['size_mm']}")
    return wrong


def test_varied_orders_become_what_they_must(tmp_path: Path, seed: int) -> None:
    orders = drawn(tmp_path, range(SAMPLE), seed)
    _, wrong = judged(tmp_path, orders)
    assert wrong == []


@pytest.mark.prove
def test_five_thousand(tmp_path: Path, seed: int, record_property: pytest.RecordProperty) -> None:
    """Hours: what a chunk gave is kept in out/prove, so that a run that was broken off goes on with the next."""
    full = int(os.environ.get("PLANTAR_YIELD_ORDERS", FULL))
    kept = Path(__file__).parents[1] / "out" / "prove" / f"yield-{prove.commit()}-{seed}.json"
    chunks = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    for start in range(len(chunks) * CHUNK, full, CHUNK):
        folder = tmp_path / str(start)
        folder.mkdir()
        chunks.append(judged(folder, drawn(folder, range(start, min(start + CHUNK, full)), seed)))
        shutil.rmtree(folder)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(chunks), encoding="utf-8")
    found = sum((Counter(ended) for ended, _ in chunks), Counter[str]())
    wrong = [what for _, off in chunks for what in off]
    good = found["good made"] + found["good refused"]
    record_property("orders", full)
    record_property("how_they_ended", dict(sorted(found.items())))
    record_property("first_pass_yield", round(found["good made"] / max(good, 1), 5))
    assert wrong == [], wrong[:20]
    assert found["good refused"] <= np.ceil(0.001 * good), found
