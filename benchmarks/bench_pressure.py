"""Pressure: a plate of 4,096 cells and 50,000 frames to all metrics against reading it once and against numpy calls one
by one, first use, memory, a live stream at 500 Hz, a pedar file.

The array is dense: every cell is loaded in every frame, which a foot never does. `python benchmarks/bench_pressure.py
memory` and `… first` measure themselves in a process of their own and print JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import harness
import numpy as np
from harness import SHARED_DATA, Result, Skipped

from footscan.io import pedar
from footscan.io.layouts import grid_layout
from footscan.pressure.running import DOSE_THRESHOLDS_KPA, Accumulator, Totals
from footscan.pressure.sums import compiled, cores
from footscan.types import KPA_MM2_PER_N, Array

FRAMES, SIDE, RATE_HZ = 50_000, 64, 500.0
LAYOUT = grid_layout(SIDE, SIDE, 5.0, 5.0, frame="plate")
SAMPLE = SHARED_DATA / "pressure" / "pedar" / "pedar_example.asc"


def plate(frames: int = FRAMES) -> Array:
    """(frames, 4096) kPa float32, filled a few frames at a time."""
    values = np.empty((frames, SIDE * SIDE), np.float32)
    rng, step = np.random.default_rng(1), 250
    for start in range(0, frames, step):
        block = values[start : start + step]
        rng.standard_exponential(out=block, dtype=np.float32)
        block *= np.float32(80.0)
    return values


def seconds(work: Callable[[], object]) -> Callable[[], float]:
    """How long it takes, as a measurement."""

    def measure() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return measure


def fused(values: Array) -> Totals:
    """All of it by the accumulator."""
    accumulator = Accumulator(LAYOUT)
    accumulator.add(values, np.full(len(values), 1.0 / RATE_HZ))
    return accumulator.totals()


def separate(values: Array) -> tuple[Array, ...]:
    """The same numbers by vectorised numpy calls, one after the other, sums by BLAS in single precision."""
    weight = np.full(len(values), 1.0 / RATE_HZ, np.float32)
    area = np.full(SIDE * SIDE, 25.0, np.float32)
    share = area / np.float32(KPA_MM2_PER_N)
    force = values @ share
    over = [weight @ (values > t) for t in DOSE_THRESHOLDS_KPA]
    dose = [weight @ np.maximum(values - np.float32(t), 0) for t in DOSE_THRESHOLDS_KPA]
    cop = values @ (share[:, None] * LAYOUT.xy_mm.astype(np.float32)) / force[:, None]
    per_cell = values.max(axis=0), weight @ values
    return (*per_cell, *over, *dose, force, (values > 0) @ area, values.max(axis=1), cop)


def run() -> Iterator[Result]:
    """Time, memory, stream, file."""
    if compiled() is None:
        raise Skipped("the extra fast (numba) is not installed")
    # first: the kernel counts what a parent holds to its child's peak
    yield Result("pressure_peak_memory_against_array", told("memory"), "ratio", 1.2, "lower")
    yield Result("pressure_first_use", told("first"), "s", 5.0, "lower")
    yield from whole(plate())
    yield from stream()
    if not SAMPLE.is_file():
        raise Skipped(f"{SAMPLE.name} is not at ../shared/data/pressure/pedar")
    read_ms = 1e3 * harness.median_of(9, seconds(lambda: pedar.read(SAMPLE)))
    yield Result("pressure_pedar_2_4_mb_read", read_ms, "ms", 60.0, "lower")


def whole(values: Array) -> Iterator[Result]:
    """The fused set against reading the array once on all cores, and against numpy."""
    parts = np.array_split(values, 8 * cores())
    with ThreadPoolExecutor(cores()) as pool:
        reading, ours = seconds(lambda: list(pool.map(np.max, parts))), seconds(lambda: fused(values))
        read_s, fused_s = harness.side_by_side(9, reading, ours)
    yield Result("pressure_fused_against_reading_once", fused_s / read_s, "ratio", 4.0, "lower")
    again_s, numpy_s = harness.side_by_side(2, ours, seconds(lambda: separate(values)))
    yield Result("pressure_fused_times_faster_than_numpy", numpy_s / again_s, "ratio", 4.0, "higher")
    yield Result("pressure_50k_x_4096_fused", fused_s, "s", None, "lower")


def stream() -> Iterator[Result]:
    """Single frames as they come, each asked for its metrics: the share of a core at 500 Hz, the longest wait."""
    values, weight = plate(2000), np.array([1.0 / RATE_HZ])
    shares, waits = [], []
    for _ in range(5):
        accumulator, longest, cpu = Accumulator(LAYOUT), 0.0, time.process_time()
        for frame in values:
            start = time.perf_counter()
            accumulator.add(frame[None], weight)
            accumulator.latest()
            longest = max(longest, time.perf_counter() - start)
        shares.append(100.0 * (time.process_time() - cpu) * RATE_HZ / len(values))
        waits.append(1e3 * longest)
    yield Result("pressure_stream_500hz_4096_of_a_core", statistics.median(shares), "%", 10.0, "lower")
    yield Result("pressure_stream_frame_to_metric_longest", statistics.median(waits), "ms", 5.0, "lower")


# ------------------------------------------------------------------ in processes of their own


def told(what: str) -> float:
    """What a fresh process with an empty cache of compiled code says of itself."""
    with tempfile.TemporaryDirectory(prefix="plantar-bench-") as folder:
        before = os.environ.get("XDG_CACHE_HOME")
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            return float(json.loads(harness.run([sys.executable, Path(__file__), what]))["value"])
        finally:
            if before is None:
                del os.environ["XDG_CACHE_HOME"]
            else:
                os.environ["XDG_CACHE_HOME"] = before


def memory() -> float:
    """What the process grows by from before the array is made to the end, over the array's size."""
    import resource

    compiled()
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    values = plate()
    fused(values)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before) / values.nbytes


def first() -> float:
    """Seconds until the compiled code is there, the compiler's own import included."""
    start = time.perf_counter()
    compiled()
    return time.perf_counter() - start


if __name__ == "__main__":
    print(json.dumps({"value": {"memory": memory, "first": first}[sys.argv[1]]()}))
