"""A night's orders: pairs a second from two clouds and a walk, and from measures alone; two workers, one; memory.

PLANTAR_BENCH_PAIRS sets how many pairs of clouds are made for it (24; each takes two seconds to make): with few of them
the end, where one worker waits for the other, weighs.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from harness import PLANTAR, ROOT, Result

from footscan import io, synth
from footscan.types import Side

PAIRS = int(os.environ.get("PLANTAR_BENCH_PAIRS", "24"))
POINTS = 250_000
BY_MEASURES = 300
SIDES: tuple[Side, ...] = ("left", "right")


def write_scans(folder: Path, pairs: int) -> Path:
    """Orders of two clouds and a walk each, all distinct."""
    rows = []
    for number in range(pairs):
        for side in SIDES:
            foot = synth.make_foot(synth.FootSpec(side, 235.0 + (7 * number) % 45))
            cloud = synth.scan_foot(foot, points=POINTS, turn_deg=(31.0 * number) % 360, seed=number)
            io.write_geometry(folder / f"{number}_{side}.ply", cloud)
        io.write_recording(folder / f"{number}.csv", synth.make_walk("in_shoe", seed=number, steps=24).recording)
        rows.append([f"o{number}", f"{number}_left.ply", f"{number}_right.ply", f"{number}.csv", "standing"])
    return _table(folder / "scans.csv", ("order", "left", "right", "pressure", "load"), rows)


def write_measures(folder: Path, orders: int) -> Path:
    """Orders of measures alone, all distinct."""
    rows = []
    for number in range(orders):
        length = 230.0 + (0.37 * number) % 55.0
        feet = [
            {"side": side, "measures": {"foot_length_mm": length + k, "foot_breadth_mm": 0.39 * length}}
            for k, side in enumerate(SIDES)
        ]
        (folder / f"m{number}.json").write_text(json.dumps({"schema": "plantar/measure/1", "scans": [{"feet": feet}]}))
        rows.append([f"o{number}", f"m{number}.json"])
    return _table(folder / f"measures_{orders}.csv", ("order", "measurements"), rows)


def _table(path: Path, columns: Sequence[str], rows: list[list[str]]) -> Path:
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def pairs_per_s(table: Path, jobs: int, *more: str) -> tuple[float, float]:
    """Orders a second once every worker has begun, and the most memory that a worker holds, MB."""
    with tempfile.TemporaryDirectory(dir=table.parent) as folder:
        command = [PLANTAR, "batch", table, "-o", folder, "--jobs", jobs, *more]
        peak = _watched([str(word) for word in command])
        lines = [json.loads(line) for line in (Path(folder) / "log.jsonl").read_text().splitlines()]
        ends = [datetime.fromisoformat(line["time"]).timestamp() for line in lines if line["event"] == "order"]
    return (len(ends) - jobs) / (ends[-1] - ends[jobs - 1]), peak


def _watched(command: list[str]) -> float:
    """Runs it; the most that one of its workers ever held, MB. Looked up seldom, so that looking takes no time."""
    import psutil

    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    watched, peak = psutil.Process(process.pid), 0.0
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess, OSError):
            peak = max([peak, *(_most_mb(child.pid) for child in watched.children())])
        time.sleep(0.5)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return peak


def _most_mb(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def run() -> Iterator[Result]:
    """Everything of the batch."""
    with tempfile.TemporaryDirectory(prefix="plantar-bench-") as name:
        folder = Path(name)
        scans = write_scans(folder, PAIRS)
        two, peak = pairs_per_s(scans, 2)
        one, _ = pairs_per_s(scans, 1)
        quick, _ = pairs_per_s(scans, 2, "--no-sd")
        yield Result("batch_pairs_2x250k_walk", two, "1/s", 1.0, "higher")
        yield Result("batch_pairs_2x250k_walk_no_sd", quick, "1/s", 1.0, "higher")
        yield Result("batch_two_workers_against_one", two / one / 2.0, "ratio", 0.9, "higher")
        yield Result("batch_worker_peak_rss", peak, "MB", 700.0, "lower")
        measures = write_measures(folder, BY_MEASURES)
        rate, _ = pairs_per_s(measures, 2, "--triangles", "30000")
        yield Result("batch_pairs_by_measures_30k", rate, "1/s", 10.0, "higher")
