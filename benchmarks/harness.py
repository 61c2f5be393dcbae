"""What the benchmarks share: a result, a fresh process with its time and its memory, medians side by side."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[1]
PLANTAR = Path(sys.executable).with_name("plantar")
SHARED_DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Result:
    """One line of the table: ``target`` None where no one has promised anything."""

    name: str
    value: float
    unit: str
    target: float | None
    better: Literal["lower", "higher"]

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value <= self.target if self.better == "lower" else self.value >= self.target


class Skipped(Exception):
    """A benchmark can't run here; the message says what is missing."""


def run(command: Sequence[str | Path]) -> str:
    """Runs a program to its end; its standard output. RuntimeError with all it said where it fails."""
    done = subprocess.run([str(c) for c in command], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def wall_s(command: Sequence[str | Path]) -> float:
    """Seconds from the start of a process to its end."""
    start = time.perf_counter()
    run(command)
    return time.perf_counter() - start


def peak_rss_mb(command: Sequence[str | Path], every_s: float = 0.01) -> float:
    """The most memory that a program and all its children hold at one moment, in MB of 10^6 bytes.

    The sum of the resident sizes is looked at every ``every_s``; pages that processes share count in each, so it is an
    upper bound; a peak between two looks is caught by the kernel's own maximum of the program itself.
    """
    import psutil

    child = subprocess.Popen([str(c) for c in command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watched, peak = psutil.Process(child.pid), 0
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            break
        held = 0
        try:
            for process in (watched, *watched.children(recursive=True)):
                held += process.memory_info().rss
        except psutil.NoSuchProcess:  # it ended while we looked
            pass
        peak = max(peak, held)
        time.sleep(every_s)
    if child.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {child.returncode}")
    return max(peak, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)) / 1e6


def seconds_told(script: str, *arguments: str | Path) -> float:
    """Runs benchmarks/<script> in a fresh process; the seconds that it measured itself, after its imports."""
    told: dict[str, Any] = json.loads(run([sys.executable, ROOT / "benchmarks" / script, *arguments]))
    return float(told["seconds"])


def median_of(times: int, measure: Callable[[], float], warm_up: int = 1) -> float:
    """The median of ``times`` measurements after ``warm_up`` that don't count (file cache, byte code)."""
    for _ in range(warm_up):
        measure()
    return statistics.median(measure() for _ in range(times))


def side_by_side(times: int, *measures: Callable[[], float]) -> tuple[float, ...]:
    """Medians of several things measured in turns, so that a slow moment hits all; the first round is dropped."""
    rounds = [[measure() for measure in measures] for _ in range(times + 1)][1:]
    return tuple(statistics.median(column) for column in zip(*rounds, strict=True))
