"""Measures: a million points to all measures against Open3D's way, with and without SD, memory, growth.

`python benchmarks/bench_measure.py FOLDER` draws the clouds: in a process of its own, for the kernel counts what a
parent holds to its child's peak.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import harness
from harness import ROOT, Result

MILLION = 1_000_000
CLOUDS = {"one.ply": MILLION, "four.ply": 4 * MILLION}


def draw(folder: Path) -> None:
    """One synthetic foot on a floor, scanned with one and with four million points."""
    from footscan import io, synth

    foot = synth.make_foot(synth.FootSpec(side="left", length_mm=262.0))
    for name, points in CLOUDS.items():
        io.write_geometry(folder / name, synth.scan_foot(foot, points=points, turn_deg=8.0, seed=1))


def run() -> Iterator[Result]:
    """Time, growth and memory."""
    with tempfile.TemporaryDirectory(prefix="plantar-bench-") as name:
        harness.run([sys.executable, Path(__file__), name])
        one, four = (Path(name) / cloud for cloud in CLOUDS)
        with_sd, without_sd, more, peer = harness.side_by_side(
            5,
            lambda: harness.seconds_told("ours_measure.py", one),
            lambda: harness.seconds_told("ours_measure.py", one, "--no-sd"),
            lambda: harness.seconds_told("ours_measure.py", four),
            lambda: harness.seconds_told("peer_open3d.py", one),
        )
        yield Result("measure_1m_no_sd_times_faster_than_open3d", peer / without_sd, "ratio", 4.0, "higher")
        yield Result("measure_1m_with_sd_in_process", with_sd, "s", 1.0, "lower")
        yield Result("measure_1m_no_sd_in_process", without_sd, "s", None, "lower")
        yield Result("measure_4m_against_four_times_1m", more / (4.0 * with_sd), "ratio", 1.0, "lower")
        command: list[str | Path] = [sys.executable, ROOT / "benchmarks" / "ours_measure.py", one]
        yield Result("measure_1m_peak_rss", harness.peak_rss_mb(command), "MB", 600.0, "lower")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
