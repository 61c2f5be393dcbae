"""The accumulator's arithmetic: what is summed in which order, with numpy.

Every sum has a fixed order that depends on the sensor only, never on how frames arrive or on the number of threads:

- a frame's cells go to ``LANES`` lanes in turn; each lane adds up its own, then halves are added onto halves;
- a cell's frames add up over a chunk of ``CHUNK_FRAMES``, in units of the chunk's longest frame (evenly sampled time
  is then counted exactly), chunks over a run, runs to the total.

Small sensors are worked on in double precision throughout. Sensors of ``SINGLE_FROM_CELLS`` cells or more, whose
recordings are large, use single precision for lanes and chunks and double beyond: 1e-6 of the value, as exact as the
readings themselves. ``footscan.pressure.kernels`` does the same, compiled, for those.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from footscan.types import Array, SensorLayout

CHUNK_FRAMES = 32
LANES = 32
GROUP = 4 * LANES  #: cells are filled up to a multiple of it
SINGLE_FROM_CELLS = 1024
RUN_READINGS = 1 << 22  #: what a thread takes at a time
PIECE_READINGS = 1 << 17  #: what numpy takes at a time: it fits a processor's cache
FRAME_COLUMNS = 5  #: force, both moments, loaded area, highest

#: values (frames, padded), ratio (frames,), unit (chunks,), grouped shares, limits -> into peak, sums, columns
Kernel = Callable[[Array, Array, Array, Array, Array, Array, Array, Array], None]


@dataclass(frozen=True, eq=False)
class Plan:
    """What is the same for all frames of a sensor: ``shares`` (4, padded) of a cell in force, in both moments, and its
    area; ``limits`` (1 + thresholds,), the first the value above which a cell is loaded; ``run_frames`` a multiple of
    the chunk."""

    cells: int
    shares: Array
    limits: Array
    run_frames: int

    @property
    def padded(self) -> int:
        """Cells and those that fill up the last group; they weigh nothing."""
        return int(self.shares.shape[1])

    @cached_property
    def grouped(self) -> Array:
        """The shares (4 * padded,), group of cells by group."""
        return np.ascontiguousarray(self.shares.reshape(4, -1, GROUP).swapaxes(0, 1)).ravel()

    @property
    def single(self) -> bool:
        """Whether lanes and chunks add up in single precision."""
        return bool(self.shares.dtype == np.float32)


def plan_for(layout: SensorLayout, share: Array, limits: tuple[float, ...]) -> Plan:
    """share (cells,): what turns a value into its part of the force."""
    cells = len(layout.xy_mm)
    area = np.zeros(cells) if layout.area_mm2 is None else layout.area_mm2
    shares = np.zeros((4, max(GROUP, -(-cells // GROUP) * GROUP)))
    shares[:, :cells] = share, share * layout.xy_mm[:, 0], share * layout.xy_mm[:, 1], area
    bounds = np.array(limits, np.float64)
    run = CHUNK_FRAMES * max(1, RUN_READINGS // (CHUNK_FRAMES * shares.shape[1]))
    if cells < SINGLE_FROM_CELLS:
        return Plan(cells, shares, bounds, run)
    near = bounds.astype(np.float32)  # the next one below: a float32 is above it if and only if it is above the limit
    below = np.where(near > bounds, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)
    return Plan(cells, shares.astype(np.float32), below, run)


class Sums:
    """Per cell: ``peak`` (padded,) float32, ``sums`` (1 + 2 * thresholds, padded): value · s, then for each threshold
    the time above it and the dose."""

    def __init__(self, plan: Plan) -> None:
        self.peak = np.full(plan.padded, -np.inf, np.float32)
        self.sums = np.zeros((2 * len(plan.limits) - 1, plan.padded))

    def copy(self) -> Sums:
        """An independent one."""
        twin = object.__new__(Sums)
        twin.peak, twin.sums = self.peak.copy(), self.sums.copy()
        return twin

    def take(self, other: Sums) -> None:
        """Add what another one has."""
        np.maximum(self.peak, other.peak, out=self.peak)
        self.sums += other.sums


def filled(plan: Plan, values: Array, valid: Array | None) -> Array:
    """(n, padded) float32: missing cells are 0, those that fill up repeat the first. The values themselves if they
    are so already."""
    if valid is None and values.shape[1] == plan.padded and values.dtype == np.float32 and values.flags.c_contiguous:
        return values
    block = np.empty((len(values), plan.padded), np.float32)
    block[:, : plan.cells] = values if valid is None else np.where(valid, values, np.float32(0))
    block[:, plan.cells :] = block[:, :1] if plan.cells else 0
    return block


def ratios(plan: Plan, weight_s: Array) -> tuple[Array, Array]:
    """Weights (n,) of whole chunks, or of a part of one -> (n,) in units of each chunk's longest, (chunks,) those."""
    by_chunk = weight_s.reshape(_chunks(len(weight_s)))
    unit = by_chunk.max(axis=1)
    unit = np.where(unit > 0, unit, 1.0)
    return (by_chunk / unit[:, None]).ravel().astype(plan.shares.dtype), unit


def _chunks(frames: int) -> tuple[int, int]:
    return (frames // CHUNK_FRAMES, CHUNK_FRAMES) if frames >= CHUNK_FRAMES else (1, frames)


def frame_columns(plan: Plan, block: Array) -> Array:
    """Filled frames (n, padded) -> (n, 5): force, both moments, loaded area, highest."""
    values = block.astype(plan.shares.dtype, copy=False)
    columns = np.empty((len(block), FRAME_COLUMNS))
    for k in range(3):
        columns[:, k] = _across(values * plan.shares[k])
    columns[:, 3] = _across((values > plan.limits[0]) * plan.shares[3])
    columns[:, 4] = block.max(axis=1)
    return columns


def _across(parts: Array) -> Array:
    """(n, padded) -> (n,)."""
    lanes = np.add.reduce(parts.reshape(len(parts), -1, LANES), axis=1).astype(np.float64)
    half = LANES // 2
    while half:
        lanes = lanes[:, :half] + lanes[:, half:]
        half //= 2
    return np.asarray(lanes[:, 0])


def add_cells(plan: Plan, block: Array, ratio: Array, unit: Array, into: Sums) -> None:
    """Filled frames of whole chunks, or of a part of one, into the sums of their run."""
    highest = block.max(axis=0)
    np.maximum(into.peak, highest, out=into.peak)
    values = block.astype(plan.shares.dtype, copy=False).reshape(*_chunks(len(block)), plan.padded)
    ratio = ratio.reshape(*values.shape[:2], 1)
    even = bool((ratio == 1).all())
    _along(into.sums[0], values if even else values * ratio, unit)
    for k, limit in enumerate(plan.limits[1:]):
        if highest.max() > limit:
            above = values - limit
            over = above > 0
            _along(into.sums[2 * k + 1], over.astype(values.dtype) if even else over * ratio, unit)
            np.maximum(above, 0, out=above)
            _along(into.sums[2 * k + 2], above if even else np.multiply(above, ratio, out=above), unit)


def _along(total: Array, parts: Array, unit: Array) -> None:
    """Parts (chunks, frames, padded) onto the total (padded,): frame after frame, then chunk after chunk."""
    rows = np.empty((1 + len(parts), len(total)))
    rows[0] = total
    np.multiply(np.add.reduce(parts, axis=1), unit[:, None], out=rows[1:])
    np.add.reduce(rows, axis=0, out=total)


# ------------------------------------------------------------------ the same, compiled


def cores() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on every platform
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@cache
def compiled() -> Kernel | None:
    """``frame_columns`` and ``add_cells`` in one for whole chunks in single precision; None without the extra
    ``[fast]``, and where its bits are not those of numpy on this machine."""
    try:
        from footscan.pressure.kernels import compile_kernel
    except ImportError:
        return None
    kernel = compile_kernel()
    return kernel if kernel is not None and _same_bits(kernel) else None


def _same_bits(kernel: Kernel) -> bool:
    """Both ways on frames of all kinds: another processor's compiler may fuse a product and a sum."""
    rng = np.random.default_rng(0)
    layout = SensorLayout(rng.uniform(0, 300, (9 * GROUP, 2)), rng.uniform(10, 60, 9 * GROUP))
    plan = plan_for(layout, rng.uniform(0.01, 0.06, 9 * GROUP), (5.0, 100.1))
    values = rng.normal(60, 90, (2 * CHUNK_FRAMES, 9 * GROUP)).astype(np.float32)
    ratio, unit = ratios(plan, rng.uniform(0.005, 0.02, len(values)))
    ours, twin, columns = Sums(plan), Sums(plan), np.empty((len(values), FRAME_COLUMNS))
    kernel(values, ratio, unit, plan.grouped, plan.limits, ours.peak, ours.sums, columns)
    add_cells(plan, values, ratio, unit, twin)
    same = np.array_equal(columns, frame_columns(plan, values)) and np.array_equal(ours.sums, twin.sums)
    return same and np.array_equal(ours.peak, twin.peak)
