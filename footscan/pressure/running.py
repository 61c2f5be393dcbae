"""One accumulator for whole recordings, files read in blocks and live streams: each frame is looked at once.

Per cell: peak, time integral, and for each threshold the time above it and the dose (the integral of what is above).
Per frame: force, loaded area, peak, centre of pressure. Frames are worked on in chunks of one length (it depends on the
number of cells only), counted from the first frame, however they arrive: the same frames give the same bits. Sums run
in float64 and never through a threaded library.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.types import KPA_MM2_PER_N, Array, PressureRecording, SensorLayout, replace

CHUNK_CELLS = 1 << 17  #: readings worked on at a time: they fit a processor's cache
DOSE_THRESHOLDS_KPA = (100.0, 200.0)


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


def cell_weights(layout: SensorLayout, unit: str) -> Array:
    """What turns a cell's value into its share of the force, (cells,): area (kPa), one (N, raw, or area unknown)."""
    if unit == "kPa" and layout.area_mm2 is not None:
        return np.asarray(layout.area_mm2 / KPA_MM2_PER_N)
    return np.ones(len(layout.xy_mm))


def frame_weights(time_s: Array) -> Array:
    """The time (frames,) that each frame stands for: half way to both neighbours, so that they add up to n intervals.

    The ends count as if a frame came before and after them at the median interval.
    """
    n = len(time_s)
    if n < 2:
        return np.zeros(n)
    step = np.diff(time_s)
    around = np.concatenate([[np.median(step)], step, [np.median(step)]])
    return np.asarray(0.5 * (around[:-1] + around[1:]))


class Accumulator:
    """Feed it frames with ``add`` in any portions; ``totals`` may be asked at any time.

    Parameters
    ----------
    layout : where the cells are
    unit : "kPa", "N" or "raw"
    thresholds : values above which time and dose are kept
    loaded_above : a cell counts as loaded above this value
    """

    def __init__(
        self,
        layout: SensorLayout,
        unit: str = "kPa",
        thresholds: tuple[float, ...] = DOSE_THRESHOLDS_KPA,
        loaded_above: float = 0.0,
    ) -> None:
        cells = len(layout.xy_mm)
        self._chunk = int(np.clip(CHUNK_CELLS // max(cells, 1), 4, 256))
        self._share = cell_weights(layout, unit)
        self._xy = layout.xy_mm
        self._cell_area = layout.area_mm2
        self._thresholds, self._loaded_above = thresholds, loaded_above
        self._values = np.zeros((self._chunk, cells), np.float32)  # frames that wait until a chunk is full
        self._weights = np.zeros(self._chunk)
        self._waiting = 0
        self._peak = np.full(cells, -np.inf)
        self._integral = np.zeros(cells)
        self._over_s, self._dose = np.zeros((len(thresholds), cells)), np.zeros((len(thresholds), cells))
        self._frames: list[tuple[Array, ...]] = []

    def add(self, values: Array, weight_s: Array, valid: Array | None = None) -> None:
        """Frames: values (n, cells), the time (n,) s that each stands for.

        valid (n, cells) is False where a cell is missing: it adds to no force, no area, no peak.
        """
        start = 0
        while start < len(values):
            stop = min(len(values), start + self._chunk - self._waiting)
            block = values[start:stop] if valid is None else np.where(valid[start:stop], values[start:stop], 0)
            if len(block) == self._chunk:
                self._work(block, weight_s[start:stop])
            else:
                into = slice(self._waiting, self._waiting + len(block))
                self._values[into], self._weights[into] = block, weight_s[start:stop]
                self._waiting = into.stop
                if self._waiting == self._chunk:
                    self._work(self._values, self._weights)
                    self._waiting = 0
            start = stop

    def _work(self, values: Array, weight_s: Array) -> None:
        """One chunk, all in cache."""
        block = values.astype(np.float64)
        np.maximum(self._peak, block.max(axis=0), out=self._peak)
        self._integral += np.einsum("f,fc->c", weight_s, block)
        highest = block.max(axis=1)
        for k, threshold in enumerate(self._thresholds):
            if highest.max() > threshold:
                above = np.maximum(block - threshold, 0.0)
                self._dose[k] += np.einsum("f,fc->c", weight_s, above)
                self._over_s[k] += np.einsum("f,fc->c", weight_s, (above > 0).astype(np.float64))
        share = block * self._share
        force = np.einsum("fc->f", share)
        moments = np.stack([np.einsum("fc,c->f", share, self._xy[:, axis]) for axis in (0, 1)], axis=1)
        area = np.zeros(len(block))
        if self._cell_area is not None:
            area = np.einsum("fc,c->f", (block > self._loaded_above).astype(np.float64), self._cell_area)
        self._frames.append((force, area, highest, moments, weight_s.copy()))

    def totals(self) -> Totals:
        """All frames so far. Asking changes nothing: more may be added afterwards."""
        kept = (self._peak.copy(), self._integral.copy(), self._over_s.copy(), self._dose.copy(), list(self._frames))
        if self._waiting:
            self._work(self._values[: self._waiting], self._weights[: self._waiting])
        empty = (np.zeros(0), np.zeros(0), np.zeros(0), np.zeros((0, 2)), np.zeros(0))
        columns = [np.concatenate(column) for column in zip(*(self._frames or [empty]))]
        force, area, highest, moments, weight_s = columns
        with np.errstate(divide="ignore", invalid="ignore"):
            cop_xy = np.where(force[:, None] > 0, moments / force[:, None], np.nan)
        found = Totals(
            weight_s=weight_s,
            peak=np.where(np.isneginf(self._peak), 0.0, self._peak),
            integral=self._integral.copy(),
            over_s=self._over_s.copy(),
            dose=self._dose.copy(),
            force=force,
            area=None if self._cell_area is None else area,
            highest=highest,
            cop_xy=cop_xy,
        )
        self._peak, self._integral, self._over_s, self._dose, self._frames = kept
        return found


def accumulate(part: PressureRecording, weight_s: Array | None = None, loaded_above: float = 0.0) -> Totals:
    """The totals of a whole recording. weight_s (frames,): the time that each frame stands for, if it is known better
    than from this part's own time stamps."""
    accumulator = Accumulator(part.layout, part.unit, loaded_above=loaded_above)
    accumulator.add(part.values, frame_weights(part.time_s) if weight_s is None else weight_s, part.valid)
    return accumulator.totals()


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
