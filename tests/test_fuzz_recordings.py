"""Damaged recordings of every format: refused in one line or sound, soon, in little memory (``fuzz_recordings``)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import fuzz_recordings
import numpy as np
import pytest

from footscan.types import PressureRecording, Recording, replace

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def fuzz(count: int, seed: int) -> None:
    command = [sys.executable, "-W", "error", fuzz_recordings.__file__, "--count", str(count), "--seed", str(seed)]
    command += ["--data", str(DATA)] if DATA.is_dir() else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_damaged_recordings_are_refused_or_sound(seed: int) -> None:
    fuzz(2000, seed)


@pytest.mark.prove
def test_a_hundred_thousand_damaged_recordings_are_refused_or_sound(seed: int) -> None:
    fuzz(100_000, seed)


def test_every_recording_format_is_damaged(tmp_path: Path, shared_data: Path) -> None:
    found = {sample.row.name for sample in fuzz_recordings.samples(shared_data, tmp_path)}
    wanted = {row.name for row in fuzz_recordings.RECORDINGS}
    assert wanted - found <= ({"parquet"} if not fuzz_recordings.HAS_ARROW else set())


def test_what_is_damaged_was_sound(tmp_path: Path, shared_data: Path) -> None:
    for sample in fuzz_recordings.samples(shared_data, tmp_path):
        path = tmp_path / "whole"
        path.write_bytes(sample.data)
        assert fuzz_recordings.verdict(path, sample.row) == ("read" if sample.whole else "refused"), sample.name


def test_a_case_is_the_same_each_time(seed: int, tmp_path: Path) -> None:
    valid = fuzz_recordings.samples(None, tmp_path)
    for number in range(20):
        assert fuzz_recordings.case(number, seed, valid) == fuzz_recordings.case(number, seed, valid)


def test_unsound_recordings_are_noticed() -> None:
    grid = fuzz_recordings.recordings()[1].pressure[0]

    def wrong(part: PressureRecording) -> str:
        return fuzz_recordings.unsound(Recording((part,))) or ""

    assert not wrong(grid)
    assert "finite" in wrong(replace(grid, values=np.where(grid.values > 9, np.nan, grid.values)))
    assert "valid" in wrong(replace(grid, valid=np.zeros(grid.values.shape, bool)))
    assert "no frames" in wrong(replace(grid, values=grid.values[:0], time_s=grid.time_s[:0]))
    assert "empty" in (fuzz_recordings.unsound(Recording(())) or "")
