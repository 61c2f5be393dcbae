"""The accumulator's two passes in one, compiled (extra ``[fast]``): each reading comes from memory once.

It does what ``footscan.pressure.sums`` does with numpy for single precision, operation for operation and in the same
order, without fastmath and without threads of its own: the same bits. The loops run over neighbouring cells, each with
sums of its own, so that they vectorise without being reordered.

Compiled code is kept in the user's cache folder (``cache_folder``); where that can't be written, each process compiles
for itself.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from footscan.pressure.sums import CHUNK_FRAMES, GROUP, LANES, Kernel
from footscan.types import Array

ROWS = 4  #: frames taken together, so that a cell's sums are fetched once for all of them
ZERO = np.float32(0)
_numba: Any = numba  # its own types are only half there


def _load(values: Any, ratio: Any, peak: Any, load: Any, frame: int) -> None:
    """Peak and weighted sum of every cell over ``ROWS`` frames."""
    one, two, three, four = values[frame], values[frame + 1], values[frame + 2], values[frame + 3]
    r1, r2, r3, r4 = ratio[frame], ratio[frame + 1], ratio[frame + 2], ratio[frame + 3]
    for c in range(len(load)):
        top = peak[c]
        top = one[c] if one[c] > top else top
        top = two[c] if two[c] > top else top
        top = three[c] if three[c] > top else top
        top = four[c] if four[c] > top else top
        peak[c] = top
        load[c] = (((load[c] + r1 * one[c]) + r2 * two[c]) + r3 * three[c]) + r4 * four[c]


def _over(values: Any, ratio: Any, limit: Any, time: Any, dose: Any, frame: int) -> None:
    """Weighted time above a threshold, and of what is above it, of every cell over ``ROWS`` frames."""
    one, two, three, four = values[frame], values[frame + 1], values[frame + 2], values[frame + 3]
    r1, r2, r3, r4 = ratio[frame], ratio[frame + 1], ratio[frame + 2], ratio[frame + 3]
    for c in range(len(time)):
        a, b, d, e = one[c] - limit, two[c] - limit, three[c] - limit, four[c] - limit
        over = (time[c] + (r1 if a > ZERO else ZERO)) + (r2 if b > ZERO else ZERO)
        time[c] = (over + (r3 if d > ZERO else ZERO)) + (r4 if e > ZERO else ZERO)
        over = (dose[c] + r1 * (a if a > ZERO else ZERO)) + r2 * (b if b > ZERO else ZERO)
        dose[c] = (over + r3 * (d if d > ZERO else ZERO)) + r4 * (e if e > ZERO else ZERO)


def _share(one: Any, two: Any, share: Any, loaded_above: Any, lanes: Any) -> None:
    """``GROUP`` cells of two frames into their lanes: force, both moments, loaded area, highest."""
    for n in range(LANES):
        a, b, d, e = one[n], one[n + LANES], one[n + 2 * LANES], one[n + 3 * LANES]
        p, q, r, t = two[n], two[n + LANES], two[n + 2 * LANES], two[n + 3 * LANES]
        for k in range(3):
            s, at, to = n + k * GROUP, n + k * LANES, n + (k + 5) * LANES
            w, x, y, z = share[s], share[s + LANES], share[s + 2 * LANES], share[s + 3 * LANES]
            lanes[at] = (((lanes[at] + a * w) + b * x) + d * y) + e * z
            lanes[to] = (((lanes[to] + p * w) + q * x) + r * y) + t * z
        s, at, to = n + 3 * GROUP, n + 3 * LANES, n + 8 * LANES
        w, x, y, z = share[s], share[s + LANES], share[s + 2 * LANES], share[s + 3 * LANES]
        area = (lanes[at] + (w if a > loaded_above else ZERO)) + (x if b > loaded_above else ZERO)
        lanes[at] = (area + (y if d > loaded_above else ZERO)) + (z if e > loaded_above else ZERO)
        area = (lanes[to] + (w if p > loaded_above else ZERO)) + (x if q > loaded_above else ZERO)
        lanes[to] = (area + (y if r > loaded_above else ZERO)) + (z if t > loaded_above else ZERO)
        at, to = n + 4 * LANES, n + 9 * LANES
        a, b, p, q = a if a > b else b, d if d > e else e, p if p > q else q, r if r > t else t
        a, p = a if a > b else b, p if p > q else q
        lanes[at], lanes[to] = a if a > lanes[at] else lanes[at], p if p > lanes[to] else lanes[to]


def _column(lanes: Any, wide: Any, columns: Any) -> None:
    """A frame's lanes -> its five numbers; sums in double precision, halves onto halves."""
    for k in range(4):
        for n in range(LANES):
            wide[n] = lanes[k * LANES + n]
        half = LANES // 2
        while half:
            for n in range(half):
                wide[n] += wide[n + half]
            half //= 2
        columns[k] = wide[0]
    top = lanes[4 * LANES]
    for n in range(LANES):
        top = lanes[4 * LANES + n] if lanes[4 * LANES + n] > top else top
    columns[4] = top


def _fused(
    values: Any,
    ratio: Any,
    unit: Any,
    share: Any,
    limits: Any,
    peak: Any,
    sums: Any,
    columns: Any,
    part: Any,
    lanes: Any,
    wide: Any,
) -> None:
    """Whole chunks of frames; ``part``, ``lanes`` and ``wide`` are room to work in."""
    frames, cells = values.shape
    for chunk in range(frames // CHUNK_FRAMES):
        for k in range(len(sums)):
            for c in range(cells):
                part[k, c] = ZERO
        for frame in range(chunk * CHUNK_FRAMES, (chunk + 1) * CHUNK_FRAMES, ROWS):
            load(values, ratio, peak, part[0], frame)
            for k in range(1, len(limits)):
                over(values, ratio, limits[k], part[2 * k - 1], part[2 * k], frame)
            for row in range(frame, frame + ROWS, 2):
                for n in range(9 * LANES):
                    lanes[n] = ZERO
                for n in range(LANES):
                    lanes[n + 4 * LANES], lanes[n + 9 * LANES] = values[row, 0], values[row + 1, 0]
                for c in range(0, cells, GROUP):
                    one, two = values[row, c : c + GROUP], values[row + 1, c : c + GROUP]
                    share_of(one, two, share[4 * c : 4 * (c + GROUP)], limits[0], lanes)
                column(lanes[: 5 * LANES], wide, columns[row])
                column(lanes[5 * LANES :], wide, columns[row + 1])
        for k in range(len(sums)):
            for c in range(cells):
                sums[k, c] += unit[chunk] * np.float64(part[k, c])


def _inner(function: Callable[..., None]) -> Any:
    """Only ever called from compiled code."""
    return _numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


load, over, share_of, column = _inner(_load), _inner(_over), _inner(_share), _inner(_column)


def compile_kernel() -> Kernel | None:
    """The compiled passes over whole chunks of frames, from the cache where they are there already; None
    where numba was told not to compile.

    Called with values (frames, cells) float32, ratio (frames,) float32, unit (chunks,) float64, share (4 * cells,)
    float32 group by group, limits (1 + thresholds,) float32, all read only; and peak (cells,) float32, sums
    (1 + 2 * thresholds, cells) float64, columns (frames, 5) float64, which it goes on with. It holds no lock while it
    runs. Cells are a multiple of ``GROUP``, frames one of ``CHUNK_FRAMES``.
    """
    config, types = _numba.config, _numba.types
    if config.DISABLE_JIT:  # as Python it would take minutes
        return None
    single = [types.Array(types.float32, dims, "C", readonly=True) for dims in (1, 2)]
    double = types.Array(types.float64, 1, "C", readonly=True)
    into = types.float32[::1], types.float64[:, ::1], types.float64[:, ::1]
    room = types.float32[:, ::1], types.float32[::1], types.float64[::1]
    signature = types.void(single[1], single[0], double, single[0], single[0], *into, *room)
    fused = _compiled(signature)

    def kernel(
        values: Array, ratio: Array, unit: Array, share: Array, limits: Array, peak: Array, sums: Array, columns: Array
    ) -> None:
        room = np.empty(sums.shape, np.float32), np.empty(10 * LANES, np.float32), np.empty(LANES)
        fused(values, ratio, unit, share, limits, peak, sums, columns, *room)

    return kernel


def _compiled(signature: Any) -> Callable[..., None]:
    config, folder = _numba.config, cache_folder()
    if folder is not None:
        before, config.CACHE_DIR = config.CACHE_DIR, config.CACHE_DIR or str(folder)
        try:
            cached: Callable[..., None] = _numba.njit(signature, nogil=True, cache=True)(_fused)
        except (OSError, RuntimeError):  # the disk is full, or the source is no file
            pass
        else:
            return cached
        finally:
            config.CACHE_DIR = before
    compiled: Callable[..., None] = _numba.njit(signature, nogil=True)(_fused)
    return compiled


def cache_folder() -> Path | None:
    """Where compiled code is kept, made if need be: in the user's cache folder as the platform has it; None where
    that can't be written."""
    try:
        folder = _user_cache() / "plantar" / "compiled"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return None


def _user_cache() -> Path:
    if sys.platform == "win32":
        given = os.environ.get("LOCALAPPDATA", "")
        return Path(given) if given else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    given = os.environ.get("XDG_CACHE_HOME", "")
    return Path(given) if os.path.isabs(given) else Path.home() / ".cache"
