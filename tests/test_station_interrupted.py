"""Ctrl-C, kills, full disks, folders that can't be written: one line, the right exit code, no half order."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import absent
from station_runs import Run, beside, here, start

from station.orders import read_manifest


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic foot that takes some seconds to measure, draw and report on."""
    from footscan.io import write_geometry
    from footscan.synth import FootSpec, make_foot, scan_foot

    path = tmp_path_factory.mktemp("scan") / "foot.ply"
    write_geometry(path, scan_foot(make_foot(FootSpec("left")), points=250_000))
    return path


def begun(scan: Path, target: Path) -> subprocess.Popen[bytes]:
    """An order that has begun to be written to ``target``."""
    process = start("make", "--left", scan, "-o", target)
    deadline = time.monotonic() + 30
    while not target.with_name(f".partial-{target.name}").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    return process


def end(process: subprocess.Popen[bytes]) -> Run:
    out, err = process.communicate(timeout=60)
    return Run(process.returncode, out.decode(), err.decode())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_is_130_and_leaves_nothing(
    scan: Path, tmp_path: Path, rng: np.random.Generator, number: signal.Signals
) -> None:
    process = begun(scan, tmp_path / "new" / "order")
    time.sleep(rng.uniform(0.0, 0.8))  # an order takes longer than that
    process.send_signal(number)
    run = end(process)
    assert run.code == 130, run.err
    assert run.line == "plantar: interrupted: nothing of the unfinished order was kept"
    assert beside(tmp_path) == []


def test_killed_leaves_no_order_and_the_next_run_cleans_up(
    scan: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    process = begun(scan, tmp_path / "order")
    time.sleep(rng.uniform(0.0, 2.0))
    process.kill()
    assert end(process).code == -signal.SIGKILL
    assert beside(tmp_path) == [".partial-order"]
    run = here("make", "--left", "not_there.stl", "-o", tmp_path / "order")
    assert run.code == 3
    assert beside(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 1 MB: what a demo writes does not fit."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        absent("mounting a small tmpfs needs root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        absent(f"a small tmpfs can't be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_4_and_leaves_nothing(scan: Path, small_disk: Path) -> None:
    run = here("make", "--left", scan, "--outputs", "3mf,stl", "-o", small_disk / "order")
    assert run.code == 4
    assert "room" in run.line
    assert beside(small_disk) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
def test_a_limit_on_file_sizes_is_a_full_disk(scan: Path, tmp_path: Path) -> None:
    """Where nobody may mount a disk: the same ending, by the limit that a process has."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        run = here("convert", scan, tmp_path / "foot.xyz")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.code == 4
    assert "room" in run.line
    assert beside(tmp_path) == []


def test_a_full_disk_keeps_the_old_order(scan: Path, small_disk: Path) -> None:
    from station.orders import draft

    with draft(small_disk / "order") as work:
        work.write("measurements.json", "old")
        work.finish({"version": "0"})
    assert here("make", "--left", scan, "--outputs", "stl", "-o", small_disk / "order").code == 4
    assert beside(small_disk) == ["order"]
    manifest = read_manifest(small_disk / "order")
    assert manifest is not None and manifest["version"] == "0"


def test_a_folder_that_can_not_be_written_is_2(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    run = here("demo", "-o", small_disk / "order")
    assert run.code == 2
    assert "Read-only" in run.line


def test_a_mount_point_is_2(small_disk: Path) -> None:
    run = here("demo", "-o", small_disk)
    assert run.code == 2
    assert "mount point" in run.line


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_permission_is_2(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    run = here("demo", "-o", tmp_path / "order")
    tmp_path.chmod(0o755)
    assert run.code == 2 and "Permission" in run.line


def test_a_file_in_the_way_is_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "order"):
        run = here("demo", "-o", place)
        assert run.code == 2
        assert str(tmp_path) in run.line
    assert beside(tmp_path) == ["file"]


def test_an_interrupt_that_a_library_swallows_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    from station import interrupts

    monkeypatch.setattr(interrupts, "_told", False)
    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        interrupts.listen()
        interrupts.check()
        with contextlib.suppress(KeyboardInterrupt):  # as some imports do
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    finally:
        signal.signal(signal.SIGTERM, before)
