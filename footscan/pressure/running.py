"""One accumulator for whole recordings, files read in blocks and live streams: each frame is looked at once.

Per cell: peak, time integral, and for each threshold the time above it and the dose (the integral of what is above).
Per frame: force, loaded area, peak, centre of pressure. The order of every sum depends on the sensor only
(``footscan.pressure.sums``): however the frames arrive and however many threads there are, the same frames give the
same bits.

Numpy does it; from ``KERNEL_READINGS`` readings on, compiled code with the same bits and on all cores, if the extra
``[fast]`` is installed and the sensor has ``SINGLE_FROM_CELLS`` cells. A live stream never gets there: it comes in
portions of less than ``KERNEL_PORTION``.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from footscan.pressure.sums import (
    CHUNK_FRAMES,
    FRAME_COLUMNS,
    PIECE_READINGS,
    Kernel,
    Sums,
    add_cells,
    compiled,
    cores,
    filled,
    frame_columns,
    plan_for,
    ratios,
)
from footscan.types import KPA_MM2_PER_N, Array, PressureRecording, SensorLayout, replace

DOSE_THRESHOLDS_KPA = (100.0, 200.0)
KERNEL_READINGS = 1 << 26  #: below it loading compiled code costs more than it saves
KERNEL_PORTION = 1 << 20  #: portions below it are numpy's
_KEPT = FRAME_COLUMNS + 1  # force, centre of pressure x and y, area, highest, weight
END_INTERVALS = 101  #: how many intervals say how long a recording's first and last frame stand


@dataclass(frozen=True, eq=False)
class Totals:
    """What was accumulated over frames. Units follow the values: kPa (N where cells measure force, raw counts).

    weight_s (frames,) the time that each frame stands for.
    peak (cells,), integral (cells,) unit · s; over_s (thresholds, cells) s; dose (thresholds, cells) unit · s.
    force (frames,) N (raw: the sum of counts), area (frames,) mm² loaded (None without cell areas),
    highest (frames,) the largest cell, cop_xy (frames, 2) mm (NaN without load).
    """

    weight_s: Array
    peak: Array
    integral: Array
    over_s: Array
    dose: Array
    force: Array
    area: Array | None
    highest: Array
    cop_xy: Array


@dataclass(frozen=True)
class Latest:
    """The newest frame: its number from 0, and as in ``Totals``; ``cop_xy`` None without load."""

    frame: int
    force: float
    area: float | None
    highest: float
    cop_xy: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class PartTotals:
    """One part of a file read in blocks: ``part`` without frames, time_s (frames,) of all of them, their totals."""

    part: PressureRecording
    time_s: Array
    totals: Totals


def cell_weights(layout: SensorLayout, unit: str) -> Array:
    """What turns a cell's value into its share of the force, (cells,): area (kPa), one (N, raw, or area unknown)."""
    if unit == "kPa" and layout.area_mm2 is not None:
        return np.asarray(layout.area_mm2 / KPA_MM2_PER_N)
    return np.ones(len(layout.xy_mm))


# ------------------------------------------------------------------ the time that a frame stands for


def frame_weights(time_s: Array) -> Array:
    """The time (frames,) that each frame stands for: half way to both neighbours, so that they add up to n intervals.

    The ends count as if a frame came before and after them at the median of the ``END_INTERVALS`` next to them.
    """
    n = len(time_s)
    if n < 2:
        return np.zeros(n)
    step = np.diff(time_s)
    around = np.concatenate([[np.median(step[:END_INTERVALS])], step, [np.median(step[-END_INTERVALS:])]])
    return np.asarray(0.5 * (around[:-1] + around[1:]))


class FrameClock:
    """``frame_weights`` of times that come in portions: a frame's weight is known when the next one is there, the
    first one's when ``END_INTERVALS`` are."""

    def __init__(self) -> None:
        self._pending, self._ends = np.zeros(0), np.zeros(0)
        self._before: float | None = None  # the interval before the first that is pending

    def push(self, time_s: Array) -> Array:
        """More times (n,) s -> the weights that are known by now, of the oldest frames that had none."""
        first = self._before is None
        self._pending = np.concatenate([self._pending, time_s])
        if len(self._pending) < (END_INTERVALS + 1 if first else 2):
            return np.zeros(0)
        step = np.diff(self._pending)
        around = np.concatenate([[np.median(step[:END_INTERVALS]) if first else self._before], step])
        self._pending, self._before = self._pending[-1:], float(step[-1])
        self._ends = np.concatenate([self._ends, step])[-END_INTERVALS:]
        return np.asarray(0.5 * (around[:-1] + around[1:]))

    def finish(self) -> Array:
        """The weights of the frames that still have none: no more will come."""
        if self._before is None:
            return frame_weights(self._pending)
        return np.array([0.5 * (self._before + float(np.median(self._ends)))])


# ------------------------------------------------------------------ the accumulator


class Accumulator:
    """Feed it frames with ``add`` in any portions; ``latest`` and ``totals`` may be asked at any time.

    Parameters
    ----------
    layout : where the cells are
    unit : "kPa", "N" or "raw"
    thresholds : values above which time and dose are kept
    loaded_above : a cell counts as loaded above this value
    threads : how many may work on large portions; None: as many as this process has cores. Changes no bit.

    It keeps 48 bytes a frame, and half a megabyte for a sensor of 4,096 cells.
    """

    def __init__(
        self,
        layout: SensorLayout,
        unit: str = "kPa",
        thresholds: tuple[float, ...] = DOSE_THRESHOLDS_KPA,
        loaded_above: float = 0.0,
        threads: int | None = None,
    ) -> None:
        self._plan = plan_for(layout, cell_weights(layout, unit), (loaded_above, *thresholds))
        self._has_area = layout.area_mm2 is not None
        self._threads = threads or cores()
        self._total, self._run, self._run_frames = Sums(self._plan), Sums(self._plan), 0
        self._values = np.zeros((CHUNK_FRAMES, self._plan.padded), np.float32)  # frames that wait for their chunk
        self._weights, self._waiting = np.zeros(CHUNK_FRAMES), 0
        self._kept = np.empty((_KEPT, 2 * CHUNK_FRAMES))  # what is kept of each frame
        self._frames = 0

    def add(self, values: Array, weight_s: Array, valid: Array | None = None) -> None:
        """Frames: values (n, cells), the time (n,) s that each stands for.

        valid (n, cells) is False where a cell is missing: it adds to no force, no area, no peak.

        Raises
        ------
        ValueError : arrays of other shapes, weights that are negative or not finite, a value that is neither finite
            nor missing (the accumulator is of no use then)
        """
        values, weight_s = np.asarray(values), np.asarray(weight_s, np.float64)
        self._check(values, weight_s, valid)
        columns = np.empty((len(values), FRAME_COLUMNS))
        start = 0
        with np.errstate(invalid="ignore", over="ignore"):
            while start < len(values):
                waits = self._waiting > 0 or len(values) - start < CHUNK_FRAMES
                room = CHUNK_FRAMES - self._waiting if waits else (len(values) - start) // CHUNK_FRAMES * CHUNK_FRAMES
                part = slice(start, min(len(values), start + room))
                work = self._wait if waits else self._chunks
                work(values[part], weight_s[part], None if valid is None else valid[part], columns[part])
                start = part.stop
        self._keep(columns, weight_s)

    def _check(self, values: Array, weight_s: Array, valid: Array | None) -> None:
        cells = self._plan.cells
        if values.ndim != 2 or values.shape[1] != cells:
            raise ValueError(f"values must be (n, {cells}), got {values.shape}")
        if weight_s.shape != (len(values),) or not np.isfinite(weight_s).all() or (weight_s < 0).any():
            raise ValueError(f"weight_s must be ({len(values)},) in s, finite and not negative, got {weight_s.shape}")
        if valid is not None and valid.shape != values.shape:
            raise ValueError(f"valid must be {values.shape}, got {valid.shape}")

    def _wait(self, values: Array, weight_s: Array, valid: Array | None, columns: Array) -> None:
        """Frames of a chunk that is not full yet: each one's own numbers at once, the cells' with the whole chunk."""
        into = slice(self._waiting, self._waiting + len(values))
        self._values[into], self._weights[into] = filled(self._plan, values, valid), weight_s
        columns[:] = frame_columns(self._plan, self._values[into])
        self._waiting = into.stop
        if self._waiting == CHUNK_FRAMES:
            self._waiting = 0
            add_cells(self._plan, self._values, *ratios(self._plan, self._weights), self._run)
            self._advance(CHUNK_FRAMES)

    def _chunks(self, values: Array, weight_s: Array, valid: Array | None, columns: Array) -> None:
        """Whole chunks, run by run."""
        first = self._plan.run_frames - self._run_frames
        bounds = [0, *range(first, len(values), self._plan.run_frames), len(values)]
        kernel = self._kernel_for(values.size)
        pieces = [slice(a, b) for a, b in pairwise(bounds)]
        if kernel is None:
            for part in pieces:
                self._numpy(values, weight_s, valid, columns, part)
                self._advance(part.stop - part.start)
            return

        def work(part: slice, into: Sums) -> Sums:
            block = filled(self._plan, values[part], None if valid is None else valid[part])
            ratio, unit = ratios(self._plan, weight_s[part])
            kernel(block, ratio, unit, self._plan.grouped, self._plan.limits, into.peak, into.sums, columns[part])
            return into

        runs = [self._run, *(Sums(self._plan) for _ in pieces[1:])]
        with ThreadPoolExecutor(self._threads) as pool:
            for part, self._run in zip(pieces, pool.map(work, pieces, runs)):
                self._advance(part.stop - part.start)

    def _numpy(self, values: Array, weight_s: Array, valid: Array | None, columns: Array, part: slice) -> None:
        """The same as the kernel, step by step: its plain twin."""
        step = max(1, PIECE_READINGS // (CHUNK_FRAMES * self._plan.padded)) * CHUNK_FRAMES
        for start in range(part.start, part.stop, step):
            piece = slice(start, min(part.stop, start + step))
            block = filled(self._plan, values[piece], None if valid is None else valid[piece])
            columns[piece] = frame_columns(self._plan, block)
            add_cells(self._plan, block, *ratios(self._plan, weight_s[piece]), self._run)

    def _advance(self, frames: int) -> None:
        self._run_frames += frames
        if self._run_frames == self._plan.run_frames:
            self._total.take(self._run)
            self._run, self._run_frames = Sums(self._plan), 0

    def _kernel_for(self, readings: int) -> Kernel | None:
        many = self._frames * self._plan.cells + readings >= KERNEL_READINGS or compiled.cache_info().currsize
        return compiled() if many and readings >= KERNEL_PORTION and self._plan.single else None

    def _keep(self, columns: Array, weight_s: Array) -> None:
        """What is known of new frames, behind that of the others."""
        finite = np.isfinite(columns).all(axis=1)
        if not finite.all():
            frame = self._frames + int(np.argmin(finite))
            raise ValueError(f"values must be finite where they are valid, they are not in frame {frame}")
        start, self._frames = self._frames, self._frames + len(columns)
        if self._frames > self._kept.shape[1]:
            larger = np.empty((_KEPT, max(self._frames, 2 * self._kept.shape[1])))
            larger[:, :start] = self._kept[:, :start]
            self._kept = larger  # totals that were handed out keep the old one
        new = self._kept[:, start : self._frames]
        new[:FRAME_COLUMNS], new[FRAME_COLUMNS] = columns.T + 0.0, weight_s  # no minus zero
        with np.errstate(divide="ignore", invalid="ignore"):
            new[1:3] = np.where(new[0] > 0, new[1:3] / new[0], np.nan)

    def latest(self) -> Latest | None:
        """The newest frame, None before the first; costs next to nothing."""
        if not self._frames:
            return None
        force, x, y, area, highest, _ = self._kept[:, self._frames - 1].tolist()
        return Latest(self._frames - 1, force, area if self._has_area else None, highest, None if x != x else (x, y))

    def totals(self) -> Totals:
        """All frames so far. Asking changes nothing: more may be added afterwards."""
        plan, sums, run = self._plan, self._total.copy(), self._run.copy()
        if self._waiting:
            add_cells(plan, self._values[: self._waiting], *ratios(plan, self._weights[: self._waiting]), run)
        sums.take(run)
        peak = sums.peak[: plan.cells].astype(np.float64)
        kept = self._kept[:, : self._frames]
        kept.flags.writeable = False
        return Totals(
            weight_s=kept[5],
            peak=np.where(np.isneginf(peak), 0.0, peak) + 0.0,
            integral=sums.sums[0, : plan.cells],
            over_s=sums.sums[1::2, : plan.cells],
            dose=sums.sums[2::2, : plan.cells],
            force=kept[0],
            area=kept[3] if self._has_area else None,
            highest=kept[4],
            cop_xy=kept[1:3].T,
        )


# ------------------------------------------------------------------ recordings and files


def accumulate(
    part: PressureRecording,
    weight_s: Array | None = None,
    loaded_above: float = 0.0,
    thresholds: tuple[float, ...] = DOSE_THRESHOLDS_KPA,
    threads: int | None = None,
) -> Totals:
    """The totals of a whole recording. weight_s (frames,): the time that each frame stands for, if it is known better
    than from this part's own time stamps."""
    accumulator = Accumulator(part.layout, part.unit, thresholds, loaded_above, threads)
    accumulator.add(part.values, frame_weights(part.time_s) if weight_s is None else weight_s, part.valid)
    return accumulator.totals()


def accumulate_blocks(
    blocks: Iterable[tuple[int, PressureRecording]],
    loaded_above: float = 0.0,
    thresholds: tuple[float, ...] = DOSE_THRESHOLDS_KPA,
    threads: int | None = None,
) -> tuple[PartTotals, ...]:
    """Blocks of frames, each with the number of its part (``footscan.io.blocks``), never more than one at a time ->
    the totals of each part that has frames, by number. The bits are those of ``accumulate``."""
    parts: dict[int, _Part] = {}
    for number, block in blocks:
        if number not in parts:
            parts[number] = _Part(block, Accumulator(block.layout, block.unit, thresholds, loaded_above, threads))
        parts[number].add(block)
    return tuple(parts[number].finish() for number in sorted(parts))


class _Part:
    """Frames wait here until it is known how long they stand."""

    def __init__(self, first: PressureRecording, accumulator: Accumulator) -> None:
        none = replace(first, values=first.values[:0], time_s=first.time_s[:0], valid=None)
        self._part, self._accumulator, self._clock = none, accumulator, FrameClock()
        self._times: list[Array] = []
        self._waiting: list[tuple[Array, Array | None]] = []

    def add(self, block: PressureRecording) -> None:
        self._times.append(block.time_s)
        self._waiting.append((block.values, block.valid))
        self._feed(self._clock.push(block.time_s))

    def _feed(self, weight_s: Array) -> None:
        while len(weight_s):
            values, valid = self._waiting.pop(0)
            n = min(len(values), len(weight_s))
            self._accumulator.add(values[:n], weight_s[:n], None if valid is None else valid[:n])
            if n < len(values):  # copied, so that the block can go
                self._waiting.insert(0, (values[n:].copy(), None if valid is None else valid[n:].copy()))
            weight_s = weight_s[n:]

    def finish(self) -> PartTotals:
        self._feed(self._clock.finish())
        return PartTotals(self._part, np.concatenate(self._times), self._accumulator.totals())


def cut(part: PressureRecording, start: int, stop: int, cells: Array) -> PressureRecording:
    """Some frames of a recording, and some of its cells (cells,) bool with their part of the layout (no grid then)."""
    values, valid = part.values[start:stop], None if part.valid is None else part.valid[start:stop]
    if cells.all():
        return replace(part, values=values, valid=valid, time_s=part.time_s[start:stop])
    layout = part.layout
    small = SensorLayout(
        layout.xy_mm[cells],
        None if layout.area_mm2 is None else layout.area_mm2[cells],
        frame=layout.frame,
        positions=layout.positions,
    )
    return replace(
        part,
        values=values[:, cells],
        valid=None if valid is None else valid[:, cells],
        time_s=part.time_s[start:stop],
        layout=small,
    )
