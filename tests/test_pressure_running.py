"""The accumulator: one set of bits however frames arrive, compiled code and numpy agree, files in blocks as whole."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import recording_texts as texts
from conftest import ROOT, absent
from hypothesis import given, settings
from hypothesis import strategies as st

from footscan.errors import ReadError
from footscan.io import blocks as io_blocks
from footscan.io import open_blocks, plantar_csv, read_recording, write_recording
from footscan.io.layouts import grid_layout
from footscan.pressure import running, sums
from footscan.pressure.running import (
    Accumulator,
    FrameClock,
    Latest,
    Totals,
    accumulate,
    accumulate_blocks,
    frame_weights,
)
from footscan.types import Array, PressureRecording, Recording, SensorLayout

FIELDS = ("weight_s", "peak", "integral", "over_s", "dose", "force", "area", "highest", "cop_xy")
SMALL, LARGE = grid_layout(9, 11, 5.0, 6.0), grid_layout(43, 31, 5.0, 6.0)  # 99 and 1,333 cells
seeds = st.integers(0, 2**32 - 1)


def walk(rng: np.random.Generator, layout: SensorLayout, frames: int) -> tuple[Array, Array, Array]:
    """Values with negative ones and zeros among them, weights, mask."""
    shape = (frames, len(layout.xy_mm))
    values = rng.normal(60, 110, shape).astype(np.float32) * (rng.uniform(size=shape) > 0.2)
    return values, rng.uniform(0.005, 0.02, frames), rng.uniform(size=shape) > 0.1


def same(found: Totals, wanted: Totals) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)


def at_once(layout: SensorLayout, values: Array, weight_s: Array, valid: Array | None, threads: int = 1) -> Totals:
    accumulator = Accumulator(layout, threads=threads)
    accumulator.add(values, weight_s, valid)
    return accumulator.totals()


def in_portions(layout: SensorLayout, values: Array, weight_s: Array, valid: Array | None, sizes: list[int]) -> Totals:
    accumulator, start = Accumulator(layout), 0
    for size in [*sizes, len(values)]:
        part = slice(start, start + size)
        accumulator.add(values[part], weight_s[part], None if valid is None else valid[part])
        accumulator.totals()  # asking changes nothing
        start += size
    return accumulator.totals()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> sums.Kernel:
    """The compiled code, used for every portion that has a whole chunk."""
    found = sums.compiled()
    if found is None:
        absent("numba is not installed")
        raise AssertionError
    monkeypatch.setattr(running, "KERNEL_READINGS", 0)
    monkeypatch.setattr(running, "KERNEL_PORTION", 1)
    return found


@pytest.fixture
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of few frames, so that a test sees many."""
    monkeypatch.setattr(sums, "RUN_READINGS", 1 << 17)
    monkeypatch.setattr(running, "PIECE_READINGS", 1 << 16)


# ------------------------------------------------------------------ the same bits


@pytest.mark.usefixtures("short_runs")
@pytest.mark.parametrize("layout", [SMALL, LARGE])
@pytest.mark.parametrize("masked", [False, True])
def test_any_portions_give_the_same_bits(layout: SensorLayout, masked: bool, rng: np.random.Generator) -> None:
    values, weight_s, valid = walk(rng, layout, int(rng.integers(500, 2000)))
    mask = valid if masked else None
    whole = at_once(layout, values, weight_s, mask)
    for largest in (2, 40, 700):
        sizes = rng.integers(0, largest, 2 * len(values) // largest).tolist()
        same(in_portions(layout, values, weight_s, mask, sizes), whole)


@pytest.mark.usefixtures("kernel", "short_runs")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("side", [(32, 32), (64, 64), (43, 31)])
def test_compiled_code_has_the_bits_of_numpy_on_any_number_of_threads(
    side: tuple[int, int], masked: bool, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = grid_layout(*side, 5.0, 5.0)
    values, weight_s, valid = walk(rng, layout, int(rng.integers(200, 900)))
    mask = valid if masked else None
    found = [at_once(layout, values, weight_s, mask, threads) for threads in (1, 2, 5)]
    streamed = in_portions(layout, values, weight_s, mask, rng.integers(0, 200, 9).tolist())
    monkeypatch.setattr(running, "KERNEL_PORTION", 1 << 62)
    twin = at_once(layout, values, weight_s, mask)
    for one in (*found, streamed):
        same(one, twin)


@pytest.mark.usefixtures("kernel")
@given(seeds, st.integers(1024, 1400), st.integers(1, 100), st.lists(st.floats(-20, 400), max_size=4))
@settings(max_examples=10)
def test_compiled_code_has_the_bits_of_numpy_for_all_thresholds(
    seed: int, cells: int, frames: int, thresholds: list[float]
) -> None:
    rng = np.random.default_rng(seed)
    layout = SensorLayout(rng.uniform(0, 300, (cells, 2)), rng.uniform(10, 60, cells))
    values, weight_s, valid = walk(rng, layout, frames)
    plan = sums.plan_for(layout, rng.uniform(0, 1, cells), (float(rng.normal()), *thresholds))
    kernel = sums.compiled()
    assert plan.single and kernel is not None
    block = sums.filled(plan, values[: frames // 32 * 32], valid[: frames // 32 * 32])
    if not len(block):
        return
    ratio, unit = sums.ratios(plan, weight_s[: len(block)])
    ours, twin, columns = sums.Sums(plan), sums.Sums(plan), np.empty((len(block), 5))
    kernel(block, ratio, unit, plan.grouped, plan.limits, ours.peak, ours.sums, columns)
    sums.add_cells(plan, block, ratio, unit, twin)
    np.testing.assert_array_equal(ours.sums, twin.sums)
    np.testing.assert_array_equal(ours.peak, twin.peak)
    np.testing.assert_array_equal(columns, sums.frame_columns(plan, block))


# ------------------------------------------------------------------ the right numbers


def plainly(layout: SensorLayout, values: Array, weight_s: Array, thresholds: tuple[float, ...]) -> dict[str, Array]:
    """The definitions, written down in double precision."""
    p, w, area = values.astype(np.float64), weight_s[:, None], layout.area_mm2
    assert area is not None
    force = p @ area / 1000
    return {
        "peak": p.max(axis=0),
        "integral": (p * w).sum(axis=0),
        "over_s": np.stack([((p > t) * w).sum(axis=0) for t in thresholds]),
        "dose": np.stack([(np.clip(p - t, 0, None) * w).sum(axis=0) for t in thresholds]),
        "force": force,
        "area": (p > 0) @ area,
        "highest": p.max(axis=1),
        "cop_xy": (p * area) @ layout.xy_mm / 1000 / force[:, None],
    }


@pytest.mark.parametrize(("layout", "close"), [(SMALL, 1e-12), (LARGE, 2e-6)])
def test_numbers_are_those_of_the_definitions(layout: SensorLayout, close: float, rng: np.random.Generator) -> None:
    """Double precision on small sensors, single rounding on large ones."""
    frames = int(rng.integers(40, 400))
    values = rng.gamma(2.0, 60.0, (frames, len(layout.xy_mm))).astype(np.float32)
    weight_s, thresholds = rng.uniform(0.005, 0.02, frames), (100.0, 130.1)
    accumulator = Accumulator(layout, thresholds=thresholds)
    accumulator.add(values, weight_s)
    found = accumulator.totals()
    for name, wanted in plainly(layout, values, weight_s, thresholds).items():
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(getattr(found, name), wanted, rtol=close, atol=close * scale, err_msg=name)
    np.testing.assert_array_equal(found.weight_s, weight_s)


@pytest.mark.usefixtures("kernel")
def test_compiled_code_agrees_with_double_precision(rng: np.random.Generator) -> None:
    layout, frames = grid_layout(64, 64, 5.0, 5.0), 640
    values = rng.gamma(1.0, 80.0, (frames, 4096)).astype(np.float32)
    weight_s = rng.uniform(0.001, 0.003, frames)
    found = accumulate(PressureRecording(values, "kPa", np.cumsum(weight_s), layout), weight_s)
    for name, wanted in plainly(layout, values, weight_s, (100.0, 200.0)).items():
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(getattr(found, name), wanted, rtol=2e-6, atol=2e-6 * scale, err_msg=name)


@pytest.mark.parametrize("layout", [SMALL, LARGE])
def test_even_sampling_is_counted_exactly(layout: SensorLayout, rng: np.random.Generator) -> None:
    """Time above a threshold is a whole number of frames; what equals the threshold is not above it."""
    frames, threshold = int(rng.integers(33, 300)), 100.1
    near = np.array([np.float32(threshold), np.nextafter(np.float32(threshold), np.float32(1e9)), 100.0], np.float32)
    values = rng.choice(near, (frames, len(layout.xy_mm)))
    accumulator = Accumulator(layout, thresholds=(threshold, float(near[1])))
    accumulator.add(values, np.full(frames, 0.01))
    counts = [(values.astype(np.float64) > t).sum(axis=0) for t in (threshold, float(near[1]))]
    np.testing.assert_allclose(accumulator.totals().over_s, 0.01 * np.array(counts), rtol=1e-14, atol=0)


@pytest.mark.parametrize("layout", [SMALL, LARGE])
def test_missing_cells_may_hold_anything(layout: SensorLayout, rng: np.random.Generator) -> None:
    values, weight_s, valid = walk(rng, layout, 150)
    whole = at_once(layout, np.where(valid, values, 0), weight_s, None)
    for odd in (np.nan, np.inf, -1e30):
        same(at_once(layout, np.where(valid, values, np.float32(odd)), weight_s, valid), whole)
    assert not any(np.isnan(getattr(whole, name)).any() for name in FIELDS if name != "cop_xy")


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layout", [SMALL, LARGE])
def test_values_that_are_no_numbers_are_refused(layout: SensorLayout, odd: float, rng: np.random.Generator) -> None:
    values, weight_s, _ = walk(rng, layout, 70)
    frame = int(rng.integers(70))
    values[frame, rng.integers(values.shape[1])] = odd
    with pytest.raises(ValueError, match=f"not in frame {frame}"):
        at_once(layout, values, weight_s, None)


@pytest.mark.usefixtures("kernel")
def test_compiled_code_refuses_them_too(rng: np.random.Generator) -> None:
    values, weight_s, _ = walk(rng, LARGE, 320)
    values[211, 17] = np.nan
    with pytest.raises(ValueError, match="not in frame 211"):
        at_once(LARGE, values, weight_s, None)


def test_a_bad_argument_says_what_came() -> None:
    accumulator = Accumulator(SMALL)
    with pytest.raises(ValueError, match=r"values must be \(n, 99\), got \(3, 98\)"):
        accumulator.add(np.zeros((3, 98)), np.ones(3))
    for weight_s in (np.ones(2), -np.ones(3), np.full(3, np.nan)):
        with pytest.raises(ValueError, match="weight_s must be"):
            accumulator.add(np.zeros((3, 99)), weight_s)
    with pytest.raises(ValueError, match="valid must be"):
        accumulator.add(np.zeros((3, 99)), np.ones(3), np.ones((2, 99), bool))


# ------------------------------------------------------------------ streams


@pytest.mark.parametrize("layout", [SMALL, LARGE, SensorLayout(np.zeros((3, 2)))])
def test_the_latest_frame_is_the_last_of_the_totals(layout: SensorLayout, rng: np.random.Generator) -> None:
    values, weight_s, valid = walk(rng, layout, 80)
    values[7] = 0
    accumulator = Accumulator(layout)
    assert accumulator.latest() is None and len(accumulator.totals().force) == 0
    for k in range(len(values)):
        accumulator.add(values[k : k + 1], weight_s[k : k + 1], valid[k : k + 1])
        found, totals = accumulator.latest(), accumulator.totals()
        area = None if totals.area is None else totals.area[-1]
        cop = None if np.isnan(totals.cop_xy[-1, 0]) else tuple(totals.cop_xy[-1])
        assert found == Latest(k, totals.force[-1], area, totals.highest[-1], cop)


def test_totals_that_were_handed_out_stay_as_they_are(rng: np.random.Generator) -> None:
    values, weight_s, _ = walk(rng, SMALL, 900)
    accumulator = Accumulator(SMALL)
    accumulator.add(values[:100], weight_s[:100])
    early = accumulator.totals()
    kept = {name: getattr(early, name).copy() for name in FIELDS}
    accumulator.add(values[100:], weight_s[100:])
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(early, name), kept[name])
    with pytest.raises(ValueError, match="read-only"):
        early.force[0] = 1.0


@given(seeds, st.integers(0, 400), st.integers(1, 150))
@settings(max_examples=30)
def test_frame_weights_come_in_portions(seed: int, frames: int, largest: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.005, 0.02, frames))
    clock, found, start = FrameClock(), [], 0
    while start < frames:
        stop = start + int(rng.integers(1, largest + 1))
        found.append(clock.push(times[start:stop]))
        start = stop
    np.testing.assert_array_equal(np.concatenate([*found, clock.finish()]), frame_weights(times))


@pytest.mark.usefixtures("kernel")
def test_memory_beside_the_array_is_small(rng: np.random.Generator) -> None:
    """At most a fifth of the array: here 64 MB, nothing of it copied."""
    layout = grid_layout(64, 64, 5.0, 5.0)
    values = np.tile(rng.gamma(1.0, 80.0, (40, 4096)).astype(np.float32), (100, 1))
    weight_s = np.full(len(values), 0.002)
    tracemalloc.start()
    try:
        at_once(layout, values, weight_s, None, threads=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 0.2 * values.nbytes


# ------------------------------------------------------------------ compiled code and its cache


def test_small_recordings_never_load_the_compiler(shared_data: Path) -> None:
    code = (
        "import sys, footscan\n"
        "from footscan.io import read_recording\n"
        f"footscan.analyse(read_recording({str(shared_data / 'pressure/pedar/pedar_example.asc')!r}))\n"
        f"footscan.analyse(read_recording({str(shared_data / 'pressure/emed/emed_test.lst')!r}))\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_an_unwritable_cache_still_works_and_nothing_lands_in_the_package(tmp_path: Path) -> None:
    if sums.compiled() is None:
        absent("numba is not installed")
    (tmp_path / "file").write_text("")
    code = (
        "import json, numba\n"
        "from footscan.pressure import kernels, sums\n"
        "print(json.dumps([kernels.cache_folder() is None, sums.compiled() is not None, numba.config.CACHE_DIR]))\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "file" / "cache"), "HOME": str(tmp_path / "file")}
    environment |= {"LOCALAPPDATA": str(tmp_path / "file")}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert json.loads(done.stdout) == [True, True, ""]
    assert not [*(ROOT / "footscan").rglob("*.nbi"), *(ROOT / "footscan").rglob("*.nbc")]


@pytest.mark.skipif(sys.platform != "linux", reason="the XDG folders are Linux's")
def test_the_cache_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    from footscan.pressure.kernels import cache_folder

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a"))
    assert cache_folder() == tmp_path / "a" / "plantar" / "compiled" and (tmp_path / "a" / "plantar").is_dir()
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # not to be taken, says the XDG specification
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "plantar" / "compiled"


# ------------------------------------------------------------------ files in blocks


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces so small that a short file has many."""
    monkeypatch.setattr(io_blocks, "PORTION_BYTES", 5000)
    monkeypatch.setattr(io_blocks, "BLOCK_READINGS", 2000)


def joined(blocks: io_blocks.Blocks) -> Iterator[PressureRecording]:
    """The parts of all blocks put together."""
    found = [[block for number, block in blocks if number == k] for k in range(len(blocks.parts))]
    for part, some in zip(blocks.parts, found):
        values, times = np.concatenate([b.values for b in some]), np.concatenate([b.time_s for b in some])
        masks = [np.ones(b.values.shape, bool) if b.valid is None else b.valid for b in some]
        yield PressureRecording(
            values, part.unit, times, part.layout, np.concatenate(masks), part.side, part.side_from, part.full_scale
        )


def blocks_are_the_whole(path: Path) -> None:
    whole, blocks = read_recording(path), open_blocks(path)
    assert (blocks.format, blocks.source, blocks.notes) == (whole.format, whole.source, whole.notes)
    assert len(blocks.parts) == len(whole.pressure)
    for found, empty, part in zip(joined(blocks), blocks.parts, whole.pressure):
        assert (empty.side, empty.side_from, empty.unit, empty.full_scale, len(empty.time_s)) == (
            part.side, part.side_from, part.unit, part.full_scale, 0,
        )  # fmt: skip
        np.testing.assert_array_equal(found.layout.xy_mm, part.layout.xy_mm)
        np.testing.assert_array_equal(found.time_s, part.time_s)
        mask = np.ones(part.values.shape, bool) if part.valid is None else part.valid
        np.testing.assert_array_equal(found.valid, mask)
        np.testing.assert_array_equal(np.where(mask, found.values, 0), np.where(mask, part.values, 0))
    for of_part, part in zip(accumulate_blocks(blocks), whole.pressure):
        same(of_part.totals, accumulate(part))
        np.testing.assert_array_equal(of_part.time_s, part.time_s)
        assert of_part.part.side == part.side


@pytest.mark.parametrize("name", ["pedar/pedar_example.asc", "fscan/FrasP01L.asf", "iscan/iscan_test.csv"])
def test_samples_in_blocks_are_the_whole(name: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(io_blocks, "PORTION_BYTES", 100_000)
    blocks_are_the_whole(shared_data / "pressure" / name)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_pedar_in_blocks(ends: bytes, tmp_path: Path, rng: np.random.Generator) -> None:
    left, right = rng.integers(0, 200, (2, int(rng.integers(120, 180)), 99)) * 2.5
    path = tmp_path / "walk.asc"
    path.write_bytes(texts.pedar(left, right).replace(b"\n", ends))
    blocks_are_the_whole(path)


@pytest.mark.usefixtures("small_blocks")
def test_our_own_csv_in_blocks(tmp_path: Path, rng: np.random.Generator) -> None:
    parts = []
    for layout, masked in ((SMALL, True), (grid_layout(4, 5, 5.0, 5.0), False)):
        frames = int(rng.integers(150, 400))
        values, weight_s, valid = walk(rng, layout, frames)
        parts.append(PressureRecording(values, "kPa", np.cumsum(weight_s), layout, valid if masked else None))
    write_recording(tmp_path / "walk.csv", Recording(tuple(parts), format="test"))
    blocks_are_the_whole(tmp_path / "walk.csv")


@pytest.mark.usefixtures("small_blocks")
def test_tekscan_cells_that_are_missing_here_and_there(tmp_path: Path, rng: np.random.Generator) -> None:
    frames = int(rng.integers(40, 90))
    values = rng.integers(0, 300, (frames, 21, 7)).astype(float)
    absent_cells = rng.uniform(size=(21, 7)) < 0.3
    lines = texts.fscan(values, absent_cells, end="\n").split(b"\n")
    first = next(n for n, line in enumerate(lines) if line.startswith(b"Frame"))
    for n in range(first + 1, len(lines)):
        if b"," in lines[n] and rng.uniform() < 0.1:
            lines[n] = re.sub(rb"\d+", b"B", lines[n], count=1)
    (tmp_path / "m.asf").write_bytes(b"\n".join(lines))
    blocks_are_the_whole(tmp_path / "m.asf")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("dtype", ["<f4", "<f2", "<u2", ">f8"])
def test_walkways_in_blocks(dtype: str, tmp_path: Path, rng: np.random.Generator) -> None:
    values = np.zeros((7, 180, 180), dtype)
    values[:, 50:90, 60:75] = rng.integers(0, 500, (7, 40, 15))
    np.savez_compressed(tmp_path / "stand.npz", values)
    blocks_are_the_whole(tmp_path / "stand.npz")
    data = (tmp_path / "stand.npz").read_bytes()
    middle = len(data) // 2
    (tmp_path / "stand.npz").write_bytes(data[:middle] + bytes(9) + data[middle + 9 :])
    with pytest.raises(ReadError):
        accumulate_blocks(open_blocks(tmp_path / "stand.npz"))


def test_walkways_in_blocks_refuse_what_is_no_pressure(tmp_path: Path) -> None:
    for array in (-np.ones((2, 180, 180)), np.full((2, 180, 180), np.nan), np.zeros((2, 180, 180))):
        np.savez_compressed(tmp_path / "stand.npz", array.astype(np.float32))
        with pytest.raises(ReadError, match="pressure"):
            accumulate_blocks(open_blocks(tmp_path / "stand.npz"))
    for odd in (np.asfortranarray(np.ones((2, 180, 180), np.float32)), np.ones((2, 101, 75, 40), np.float32)):
        np.savez_compressed(tmp_path / "stand.npz", odd)
        with pytest.raises(ReadError, match="read it whole"):
            open_blocks(tmp_path / "stand.npz")


def test_other_formats_are_read_whole_first(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shared_data / "pressure/emed/emed_test.lst"
    monkeypatch.setattr(io_blocks, "BLOCK_READINGS", 50_000)
    blocks_are_the_whole(path)
    monkeypatch.setattr(io_blocks, "MAX_WHOLE_BYTES", 1000)
    with pytest.raises(ReadError, match="or one of mcap, stepup, pedar, fscan, csv"):
        open_blocks(path)


def test_a_scan_has_no_blocks(tmp_path: Path) -> None:
    (tmp_path / "a.off").write_text("OFF\n0 0 0\n")
    with pytest.raises(ReadError, match="a scan"):
        open_blocks(tmp_path / "a.off")


@pytest.mark.usefixtures("small_blocks")
def test_damage_is_told_where_it_is_reached(tmp_path: Path, rng: np.random.Generator) -> None:
    left, right = (rng.integers(0, 200, (150, 99)) * 2.5 for _ in range(2))
    good = texts.pedar(left, right)
    row = good.index(b"\n", int(rng.uniform(0.5, 0.9) * len(good))) + 1
    bad = {
        "decimal commas": good[:row] + good[row:].replace(b".", b",", 1),
        "a number": good[:row] + b"x" + good[row:],
        "199 numbers": good[:row] + b"1 2 3\n" + good[row:],
        "time that runs forwards": good[:row] + good[row : good.index(b"\n", row) + 1] + good[row:],
        "frames": good[:row],
    }
    line = good[:row].count(b"\n") + 1
    for says, data in bad.items():
        (tmp_path / "walk.asc").write_bytes(data)
        blocks, reached = open_blocks(tmp_path / "walk.asc"), 0
        with pytest.raises(ReadError, match=says) as caught:
            for _, block in blocks:
                reached += len(block.time_s)
        assert reached > 0
        if says != "frames":
            assert f"line {line + (says == 'time that runs forwards')}" in str(caught.value)


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(io_blocks, "PORTION_BYTES", 4096)
    monkeypatch.setattr(io_blocks, "MAX_LINE_BYTES", 20_000)
    data = texts.pedar(np.ones((3, 99)), np.ones((3, 99)))
    (tmp_path / "walk.asc").write_bytes(data + b"1 " * 40_000)
    with pytest.raises(ReadError, match="lines of at most"):
        accumulate_blocks(open_blocks(tmp_path / "walk.asc"))


def large_pedar(path: Path, size: int, rng: np.random.Generator) -> int:
    """A pedar file of about so many bytes; how many frames it has."""
    rows = [b"\t" + b"\t".join(b"%7.3f" % v for v in row) + b"\n" for row in rng.integers(0, 99, (500, 198)) * 2.5]
    frames = size // (len(rows[0]) + 12)
    head = texts.pedar(np.zeros((1, 99)), np.zeros((1, 99)))
    start = head.index(b"time[secs]")
    start = head.index(b"\n", start) + 1
    head = re.sub(rb"total time \[secs\]:\s*[\d.]+", b"total time [secs]: %.3f" % (frames * 0.01), head[:start])
    head = re.sub(rb"time per frame \[secs\]:\s*[\d.]+", b"time per frame [secs]: 0.01000", head)
    head = re.sub(rb"scanning rate \[Hz\]:\s*[\d.]+", b"scanning rate [Hz]: 100", head)
    with open(path, "wb") as out:
        out.write(head)
        for start in range(0, frames, 500):
            stop = min(frames, start + 500)
            out.write(b"".join(b"%12.5f" % (0.01 * (k + 1)) + rows[k - start] for k in range(start, stop)))
    return frames


def held_mb(path: Path) -> tuple[float, int]:
    """The most memory of a process that accumulates a file in blocks, and the frames it found."""
    code = (
        "import sys, json, pathlib, re\n"
        "from footscan.io import open_blocks\n"
        "from footscan.pressure.running import accumulate_blocks\n"
        "found = accumulate_blocks(open_blocks(sys.argv[1]))\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"  # getrusage counts what the parent held
        "most = int(re.search(r'VmHWM:\\s+(\\d+) kB', status)[1]) * 1024\n"
        "print(json.dumps([most / 1e6, len(found[0].time_s)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], check=True, cwd=ROOT, capture_output=True, text=True, timeout=900
    )
    most, frames = json.loads(done.stdout)
    return float(most), int(frames)


@pytest.mark.prove
def test_two_gigabytes_in_300_megabytes(tmp_path: Path, rng: np.random.Generator) -> None:
    frames = large_pedar(tmp_path / "hours.asc", 2_000_000_000, rng)
    most, found = held_mb(tmp_path / "hours.asc")
    (tmp_path / "hours.asc").unlink()
    assert found == frames and most <= 300.0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel's own count of memory is Linux's")
def test_memory_does_not_grow_with_the_file(tmp_path: Path, rng: np.random.Generator) -> None:
    frames = large_pedar(tmp_path / "long.asc", 40_000_000, rng)
    most, found = held_mb(tmp_path / "long.asc")
    assert found == frames and most <= 300.0


def test_a_csv_without_frames_has_a_part(tmp_path: Path) -> None:
    part = PressureRecording(np.zeros((0, 99), np.float32), "kPa", np.zeros(0), SMALL)
    plantar_csv.write(tmp_path / "none.csv", Recording((part,), format="test"))
    assert len(plantar_csv.read(tmp_path / "none.csv").pressure[0].time_s) == 0
    blocks = open_blocks(tmp_path / "none.csv")
    assert len(blocks.parts) == 1 and accumulate_blocks(blocks) == ()
