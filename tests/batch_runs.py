"""Tables of orders for the tests of the batch: small synthetic inputs, runs of the command, and what they leave."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from station_runs import Run, here, paper, plantar

from footscan.io import write_geometry
from footscan.synth import FootSpec, make_foot, scan_foot

FEW = ("--triangles", "4000")


def write_measures(path: Path, left_mm: float, right_mm: float) -> Path:
    """Measures of a pair, as a person writes them: numbers alone."""
    feet = [
        {"side": side, "measures": {"foot_length_mm": length, "foot_breadth_mm": round(0.39 * length, 1)}}
        for side, length in (("left", left_mm), ("right", right_mm))
    ]
    path.write_text(json.dumps({"schema": "plantar/measure/1", "scans": [{"feet": feet}]}))
    return path


def write_scans(folder: Path, rng: np.random.Generator, points: int = 40_000) -> None:
    """left.ply and right.ply of one person."""
    length = float(rng.uniform(240.0, 275.0))
    for side in ("left", "right"):
        foot = make_foot(FootSpec(side, length))
        cloud = scan_foot(foot, points=points, turn_deg=float(rng.uniform(0, 360)), seed=int(rng.integers(1000)))
        write_geometry(folder / f"{side}.ply", cloud)


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A CSV of orders."""
    rows = list(rows)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(rows)
    return path


def write_many(folder: Path, rng: np.random.Generator, orders: int) -> Path:
    """orders.csv of orders by measures alone, distinct, and their files."""
    rows = []
    for number in range(orders):
        left = round(float(rng.uniform(225.0, 285.0)), 1)
        write_measures(folder / f"m{number}.json", left, round(left + float(rng.uniform(-3.0, 3.0)), 1))
        rows.append({"order": f"order {number}", "measurements": f"m{number}.json"})
    return write_table(folder / "orders.csv", rows)


def batch(table: str | Path, folder: Path, *args: str | Path) -> Run:
    """``plantar batch`` in this process, with one worker unless told otherwise; workers are processes of their own."""
    jobs = () if "--jobs" in args else ("--jobs", "1")
    return here("batch", table, "-o", folder, *FEW, *jobs, *args)


def batch_apart(table: str | Path, folder: Path, *args: str | Path) -> Run:
    """``plantar batch`` in a process of its own."""
    return plantar("batch", table, "-o", folder, *FEW, *args)


def states(folder: Path) -> dict[str, str]:
    """Order -> state, as the manifest has them."""
    return {entry["order"]: entry["state"] for entry in paper(folder, "manifest.json")["orders"]}


def entry_of(folder: Path, order: str) -> dict[str, Any]:
    """The manifest's line of an order."""
    return next(dict(entry) for entry in paper(folder, "manifest.json")["orders"] if entry["order"] == order)
