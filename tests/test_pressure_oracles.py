"""What the vendors' own programs, files and force plates say of the real samples: the same must come out here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from footscan.io import read_recording
from footscan.pressure import RecordingAnalysis, analyse
from footscan.pressure.faults import mend
from footscan.pressure.running import accumulate
from footscan.types import Array, Channel, Recording, Side

KPA_PER_MMHG = 0.133322387415
SIDES: tuple[Side, ...] = ("left", "right")


def sample(shared_data: Path, name: str) -> Recording:
    return read_recording(shared_data / "pressure" / name)


def channel(recording: Recording, name: str, side: Side = "unknown") -> Channel:
    (found,) = (c for c in recording.channels if c.name == name and c.side == side)
    return found


def test_emed(shared_data: Path) -> None:
    """The vendor's sheet of the sample: 370 kPa, 818.6 N, 126.5 cm², 1.05 s, 675.8 N s."""
    (step,) = analyse(sample(shared_data, "emed/emed_test.lst")).steps
    assert step.values["peak_kpa"] == 370.0
    assert step.values["max_force_n"] == pytest.approx(818.6, abs=0.1)
    assert step.values["contact_area_mm2"] == 12_650.0
    assert step.values["contact_time_s"] in (pytest.approx(1.05), pytest.approx(1.06))
    assert step.values["impulse_n_s"] == pytest.approx(675.8, abs=0.5)
    assert step.side == "right" and step.used  # the sample is a right foot, which the file does not say


def test_footscan_plate(shared_data: Path) -> None:
    """Cells of 22.6 N at most (583.8 kPa on 7.62 x 5.08 mm), 735.3 N, 360.4 N s."""
    found = analyse(sample(shared_data, "footscan/footscan_test.xls"))
    (step,) = found.steps
    assert step.side == "right" and step.used
    assert found.peak_kpa["right"] == pytest.approx(583.8, abs=0.05)
    assert step.values["peak_kpa"] == pytest.approx(22.6 / (7.62 * 5.08) * 1000.0, rel=1e-4)
    assert step.values["max_force_n"] == pytest.approx(735.3, abs=0.05)
    assert step.values["impulse_n_s"] == pytest.approx(360.4, abs=0.05)


def test_fscan(shared_data: Path) -> None:
    found = analyse(sample(shared_data, "fscan/FrasP01L.asf"))
    assert found.max_force_n["left"] == pytest.approx(924.4, abs=0.05) and found.peak_kpa["left"] == 760.0
    assert found.faults == ()


def test_pedar(shared_data: Path) -> None:
    found = analyse(sample(shared_data, "pedar/pedar_example.asc"))
    assert found.max_force_n["left"] == pytest.approx(850.1, abs=0.05)
    assert found.max_force_n["right"] == pytest.approx(987.8, abs=0.05)
    assert (found.peak_kpa["left"], found.peak_kpa["right"]) == (150.0, 247.5)
    assert found.faults == ()


@pytest.mark.parametrize("side", SIDES)
def test_xsensor_blocks(side: Side, shared_data: Path) -> None:
    """Each frame's own statistics: peak, mean of what is loaded, area, load."""
    recording = sample(shared_data, "xsensor/xsensor_data.csv")
    (part,) = (p for p in recording.pressure if p.side == side)
    totals = accumulate(part)
    vendor = {key: channel(recording, f"vendor_{key}", side).values[:, 0] for key in ("peak", "mean", "area", "force")}
    assert part.layout.area_mm2 is not None and totals.area is not None
    np.testing.assert_allclose(totals.highest, vendor["peak"], rtol=1e-6)
    mean = totals.force / np.where(totals.area > 0, totals.area, np.inf) * 1000.0
    np.testing.assert_allclose(mean, vendor["mean"], atol=0.006 * KPA_PER_MMHG)
    np.testing.assert_allclose(totals.area, vendor["area"], atol=2.0)
    np.testing.assert_allclose(totals.force, vendor["force"], atol=0.02)


def test_pliance_force_column(shared_data: Path) -> None:
    recording = sample(shared_data, "pliance/pliance_test.asc")
    (part,) = recording.pressure
    vendor = channel(recording, "vendor_force")
    rows = np.searchsorted(vendor.time_s, part.time_s - 1e-6)
    np.testing.assert_allclose(vendor.time_s[rows], part.time_s, atol=1e-6)
    force = accumulate(part).force
    np.testing.assert_allclose(force, vendor.values[rows, 0], atol=0.01)
    found = analyse(recording)
    assert found.max_force_n["unknown"] == pytest.approx(230.6, abs=0.01)


def test_gaitpdb_sums(shared_data: Path) -> None:
    recording = sample(shared_data, "gaitpdb/GaCo01_01.txt")
    for part in recording.pressure:
        total = channel(recording, "vendor_force", part.side).values[:, 0]
        np.testing.assert_allclose(accumulate(part).force, total, atol=1e-3)
    found = analyse(recording)
    assert found.quantity == "force" and found.faults == ()
    assert all(step.values["cop_path_mm"] is None for step in found.steps)  # places without a unit


def test_loadsol_sums_and_its_force_plate(shared_data: Path) -> None:
    """Zones add up to the file's own total in every sample that was not lost; both feet together carry what the force
    plate under the same person says (561 N) within 3 %."""
    recording = sample(shared_data, "loadsol/test_poids.txt")
    for part in recording.pressure:
        assert part.valid is not None
        there = part.valid.all(axis=1)
        total = channel(recording, "vendor_force", part.side).values[:, 0]
        np.testing.assert_allclose(accumulate(part).force[there], total[there], atol=0.006)
    plate = channel(sample(shared_data, "loadsol/test_poids.c3d"), "force_plate_4")
    down = -plate.values[:, 2]
    standing = (plate.time_s > 5.0) & (plate.time_s < 8.0)
    left, right = mend(recording.pressure).parts
    even = np.arange(0.5, 5.0, 0.005)
    both = sum((np.interp(even, p.time_s, accumulate(p).force) for p in (left, right)), np.zeros(len(even)))
    assert float(both.mean()) == pytest.approx(float(down[standing].mean()), rel=0.03)
    assert float(down[standing].mean()) == pytest.approx(561.0, abs=1.0)
    # lost samples are no leaving of the foot: each foot stands, once, all the time
    found = analyse(recording)
    assert [(s.side, s.used) for s in found.steps] == [("left", False), ("right", False)]
    assert all("cut off" in step.reasons["used"] or "standing" in step.reasons["used"] for step in found.steps)


# ------------------------------------------------------------------ Moticon, with the vendor's gait report

MOTICON = "pressure/moticon/230927_102114.txt"
STANCE_S = {"left": 0.804, "right": 0.814}
MEAN_MAX_N = {"left": 980.4, "right": 1026.1}


def without_marks(path: Path, target: Path) -> Path:
    """The same file without its two columns of marked steps (the last two)."""
    lines = path.read_text("utf-8").splitlines()
    names = max(k for k, line in enumerate(lines) if line.startswith("#"))
    cut = ["\t".join(line.split("\t")[:-2]) if k >= names and line else line for k, line in enumerate(lines)]
    assert "steps" in lines[names] and "steps" not in cut[names]
    target.write_text("\n".join(cut) + "\n", "utf-8")
    return target


@pytest.fixture(params=["marks", "force"])
def moticon(
    request: pytest.FixtureRequest, shared_data: Path, tmp_path: Path
) -> tuple[str, Recording, RecordingAnalysis]:
    path = shared_data / MOTICON
    if request.param == "force":
        path = without_marks(path, tmp_path / "no_marks.txt")
    recording = read_recording(path)
    assert bool(recording.events) == (request.param == "marks")
    return request.param, recording, analyse(recording)


def test_moticon_force(moticon: tuple[str, Recording, RecordingAnalysis]) -> None:
    """Σ p·a of the published areas is the file's own force, which is in whole newtons."""
    _, recording, _ = moticon
    for part in recording.pressure:
        vendor = channel(recording, "vendor_force", part.side).values[:, 0]
        assert np.abs(accumulate(part).force - vendor).max() <= 1.0


def test_moticon_gait(moticon: tuple[str, Recording, RecordingAnalysis]) -> None:
    """14 steps; stance 0.804 and 0.814 s; 46.13 strides a minute; double support 0.288 s (the vendor's definition)."""
    how, _, found = moticon
    stance, double = (0.010, 0.02) if how == "marks" else (0.03, 0.04)
    assert found.gait["steps"] == 14 and found.gait["steps_by_side"] == {"left": 7, "right": 7, "unknown": 0}
    for side in SIDES:
        assert found.gait["stance_s"][side] == pytest.approx(STANCE_S[side], abs=stance)
    assert found.gait["cadence_steps_per_min"] / 2.0 == pytest.approx(46.13, rel=0.005)
    assert found.gait["double_support_vendor_s"] == pytest.approx(0.288, abs=double)


def test_moticon_largest_forces(moticon: tuple[str, Recording, RecordingAnalysis]) -> None:
    _, _, found = moticon
    for side in SIDES:
        spread = found.summary[side].values["max_force_n"]
        assert spread.n == 7 and spread.mean == pytest.approx(MEAN_MAX_N[side], abs=0.5)


def test_moticon_speed_needs_the_imu(moticon: tuple[str, Recording, RecordingAnalysis]) -> None:
    """1.123 m/s in the vendor's report: pressure in a shoe does not tell it, so it is null."""
    _, _, found = moticon
    assert found.gait["speed_m_per_s"] is None and "in-shoe" in found.reasons["speed_m_per_s"]


def test_moticon_landings_are_the_marked_ones(shared_data: Path, tmp_path: Path) -> None:
    """Found from the force alone, every marked step is there, its landing within 0.03 s; leaving within 0.04 s."""
    marked = analyse(read_recording(shared_data / MOTICON))
    found = analyse(read_recording(without_marks(shared_data / MOTICON, tmp_path / "no_marks.txt")))
    for mark in marked.steps:
        (step,) = (s for s in found.steps if s.used and s.side == mark.side and abs(s.start_s - mark.start_s) < 0.2)
        assert step.start_s == pytest.approx(mark.start_s, abs=0.03)
        assert step.stop_s == pytest.approx(mark.stop_s, abs=0.045)


def test_every_sample_is_analysed(shared_data: Path) -> None:
    """Numbers or reasons, for every recording that there is."""
    files = sorted(
        p
        for p in (shared_data / "pressure").rglob("*")
        if p.suffix in (".lst", ".xls", ".asf", ".csv", ".txt", ".asc", ".apd")
    )
    seen = 0
    for path in files:
        if path.stem.startswith(("LICENSE", "pedar_insole", "demographics", "MUN104")):
            continue
        found = analyse(read_recording(path))
        seen += 1
        for step in found.steps:
            lacking = {key for key, value in step.values.items() if value is None}
            assert lacking <= set(step.reasons), path.name
            known: Array = np.array([v for v in step.values.values() if v is not None])
            assert np.isfinite(known).all(), path.name
    assert seen >= 12
