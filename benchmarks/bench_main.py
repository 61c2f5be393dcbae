"""The main job: how soon the command answers, what `plantar make` costs, scan-to-measures against Open3D's way."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import harness
from harness import PLANTAR, SHARED_DATA, Result, Skipped

from footscan import io, synth
from footscan.types import Side

POINTS = 500_000
PEDAR = SHARED_DATA / "pressure" / "pedar" / "pedar_example.asc"


def clouds(folder: Path) -> tuple[Path, Path]:
    """left.ply and right.ply, binary, of two synthetic feet of one person on a floor, POINTS points each."""
    files = []
    turned: tuple[tuple[Side, float], ...] = (("left", 8.0), ("right", -7.0))
    for seed, (side, turn_deg) in enumerate(turned):
        foot = synth.make_foot(synth.FootSpec(side=side, length_mm=262.0 + seed))
        files.append(folder / f"{side}.ply")
        io.write_geometry(files[-1], synth.scan_foot(foot, points=POINTS, turn_deg=turn_deg, seed=seed))
    return files[0], files[1]


def run() -> Iterator[Result]:
    """Everything of the main job."""
    help_s = harness.median_of(7, lambda: harness.wall_s([PLANTAR, "--help"]))
    yield Result("plantar_help_wall", help_s, "s", 0.3, "lower")
    with tempfile.TemporaryDirectory(prefix="plantar-bench-") as name:
        folder = Path(name)
        left, right = clouds(folder)
        ours_s, peer_s = harness.side_by_side(
            5,
            lambda: harness.seconds_told("ours_measure.py", left),
            lambda: harness.seconds_told("peer_open3d.py", left),
        )
        yield Result("measure_500k_in_process", ours_s, "s", None, "lower")
        yield Result("open3d_pipeline_500k_in_process", peer_s, "s", None, "lower")
        yield Result("measure_500k_times_faster_than_open3d", peer_s / ours_s, "ratio", None, "higher")
        yield from make(folder, left, right)


def make(folder: Path, left: Path, right: Path) -> Iterator[Result]:
    """`plantar make` on two clouds and the pedar sample, from process start to the finished folder."""
    if not PEDAR.is_file():
        raise Skipped(f"{PEDAR.name} is not at ../shared/data/pressure/pedar")
    order = folder / "order"
    command: list[str | Path] = [PLANTAR, "make", "--left", left, "--right", right, "--pressure", PEDAR, "-o", order]

    def wall_s() -> float:
        shutil.rmtree(order, ignore_errors=True)
        return harness.wall_s(command)

    yield Result("plantar_make_2x500k_pedar_wall", harness.median_of(5, wall_s), "s", 6.0, "lower")
    shutil.rmtree(order)
    yield Result("plantar_make_2x500k_pedar_peak_rss", harness.peak_rss_mb(command), "MB", 1500.0, "lower")
