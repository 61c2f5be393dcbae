"""What sensors do wrong, found in the recording itself: flagged, put right where that can be done, else left for null.

In this order, each on what the one before has left: frames that were lost, cells at full scale, dead cells, drift of
the offset, noise, drift of the gain. A recording without faults passes through untouched, not a bit changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from footscan.pressure import drifts
from footscan.pressure.steps import ContactRule
from footscan.types import Array, PressureRecording, Side, replace

Kind = Literal["lost_frames", "saturated_cells", "dead_cells", "offset_drift", "noise", "gain_drift"]


@dataclass(frozen=True)
class Fault:
    """One fault of one sensor: how much of it (``size`` in ``unit``), which ``cells``, whether it was ``corrected``,
    and a sentence that says what was found and done."""

    kind: Kind
    part: int
    side: Side
    size: float
    unit: str
    corrected: bool
    detail: str
    cells: tuple[int, ...] = ()


@dataclass(frozen=True)
class FaultRule:
    """From when on something counts as a fault."""

    gap: float = 1.5  #: of the usual interval: frames were lost
    full_scale: float = 1.0 - 1e-6  #: of it: a cell is saturated
    dead_least: float = 0.20  #: of the 95th percentile of all cells' ranges: what a dead cell must lack
    dead_neighbours: float = 0.60  #: of a dead cell's neighbours are loaded to half of that
    dead_most: int = 3  #: dead cells beside each other; more are a hole in the print
    dead_cells_from: int = 30  #: cells that a sensor needs for neighbours to say anything
    offset_least: float = 0.02  #: of the 95th-percentile force, under the area of a foot
    noise_least: float = 0.003  #: SD, of the largest reading
    noise_quanta: float = 0.5  #: SD, of the sensor's own quantum: less is its last digit
    gain_least: float = 0.025  #: change over the recording
    gain_chance: float = 0.01  #: with which strides that scatter like these show such a trend by themselves
    gain_windows: int = 4  #: strides (plate: steps) that it takes to tell


@dataclass(frozen=True, eq=False)
class Mended:
    """The parts as they are analysed; saturated: of each (frames, cells) bool, or None; noise: the SD of
    each, 0 where it is no fault; faults in order of parts."""

    parts: tuple[PressureRecording, ...]
    saturated: tuple[Array | None, ...]
    noise: tuple[float, ...]
    faults: tuple[Fault, ...]


def mend(
    parts: tuple[PressureRecording, ...],
    rule: ContactRule | None = None,
    faults: FaultRule | None = None,
) -> Mended:
    """Find every fault of every sensor and put right what can be (docs/pressure.md)."""
    rule, limits = rule or ContactRule(), faults or FaultRule()
    mended: list[PressureRecording] = []
    saturated: list[Array | None] = []
    found: list[Fault] = []
    for number, part in enumerate(parts):
        part, mine, over = _mend(part, number, rule, limits)
        mended.append(part)
        saturated.append(over)
        found += mine
    noise = [sum(f.size for f in found if f.part == n and f.kind == "noise") for n in range(len(parts))]
    return Mended(tuple(mended), tuple(saturated), tuple(noise), tuple(found))


def _mend(
    part: PressureRecording, number: int, rule: ContactRule, limits: FaultRule
) -> tuple[PressureRecording, list[Fault], Array | None]:
    found: list[Fault] = []

    def flag(kind: Kind, size: float, unit: str, corrected: bool, detail: str, cells: Array | None = None) -> None:
        places = () if cells is None else tuple(int(c) for c in cells)
        found.append(Fault(kind, number, part.side, float(size), unit, corrected, detail, places))

    # frames that are not there
    part, lost, longest_s = without_lost_frames(part, limits)
    if lost:
        said = f"about {lost} frames are missing, up to {longest_s:.2f} s at a time: the load between is taken straight"
        flag("lost_frames", lost, "frames", True, said)
    if len(part.time_s) < 3 or not len(part.layout.xy_mm):
        return part, found, None
    highest, lowest = _extremes(part)
    # readings that say only "this much or more"
    over = None
    if part.full_scale is not None and highest.max() >= limits.full_scale * part.full_scale:
        over = _readings(part) >= limits.full_scale * part.full_scale
        cells = np.flatnonzero(over.any(axis=0))
        said = f"{len(cells)} cells reach the full scale of {part.full_scale:g} {part.unit}: what they hide is null"
        flag("saturated_cells", len(cells), "cells", False, said, cells)
    # cells that never move while all around them do
    dead, live, weights = dead_cells(part, highest, lowest, limits)
    if len(dead):
        values = np.array(part.values)
        values[:, dead] = np.maximum(np.einsum("fl,dl->fd", _readings(part)[:, live], weights), 0.0)
        valid = None if part.valid is None else part.valid.copy()
        if valid is not None:
            valid[:, dead] = True
        part = replace(part, values=values, valid=valid)
        said = f"{len(dead)} cells never change while their neighbours do: filled from those around them"
        flag("dead_cells", len(dead), "cells", True, said, dead)
    if part.valid is not None:
        return part, found, over  # what follows needs whole courses in time
    # readings that wander off while unloaded
    offset = drifts.offset_drift(part, rule)
    if offset is not None and offset.share >= limits.offset_least and offset.sure:
        part = replace(part, values=offset.removed(part))
        size = float(offset.slope.mean() * (part.time_s[-1] - part.time_s[0]))
        said = f"unloaded cells drift by {size:.3g} {part.unit} on average: taken off, from the start of the recording"
        flag("offset_drift", size, part.unit, True, said)
    # readings that flicker while unloaded
    noise = drifts.noise(part, rule)
    least = limits.noise_least * float(highest.max())
    if noise is not None and noise.sd >= max(least, limits.noise_quanta * noise.quantum):
        said = f"unloaded cells flicker with an SD of {noise.sd:.3g} {part.unit}"
        if noise.one_sided:
            part = replace(part, values=noise.removed(part))
            said += ", cut off at 0: what that adds to the force is taken off"
        else:
            said += " around their mean, which forces and centres of pressure average out; peaks are a little high"
        flag("noise", noise.sd, part.unit, noise.one_sided, said)
    # forces that grow or fade though the same person walks
    gain = drifts.gain_drift(part, rule, limits.gain_windows)
    if gain is not None and abs(gain.change) >= limits.gain_least and gain.sure(limits.gain_chance):
        part = replace(part, values=gain.removed(part))
        said = (
            f"the mean force of a stride changes by {100 * gain.change:.1f} % over the recording, which no walk does: "
            "scaled to what it was at the start"
        )
        flag("gain_drift", 100.0 * gain.change, "%", True, said)
    return part, found, over


def _readings(part: PressureRecording) -> Array:
    """Values (frames, cells), 0 where a cell is missing."""
    return part.values if part.valid is None else np.where(part.valid, part.values, np.float32(0))


def _extremes(part: PressureRecording) -> tuple[Array, Array]:
    """Largest and smallest reading of each cell (cells,)."""
    values = _readings(part)
    return values.max(axis=0), values.min(axis=0)


def _ever_there(part: PressureRecording) -> Array:
    """Cells (cells,) bool that are not missing all the time: of those nothing is known, and nothing made up."""
    return np.ones(len(part.layout.xy_mm), np.bool_) if part.valid is None else np.asarray(part.valid.any(axis=0))


def without_lost_frames(part: PressureRecording, limits: FaultRule) -> tuple[PressureRecording, int, float]:
    """The part without frames in which no cell is there; how many are missing at all, and the longest gap in s.

    A frame without any cell is no frame without load: the one before and the one after say what it held.
    """
    if part.valid is not None and len(part.layout.xy_mm):
        there = part.valid.any(axis=1)
        if not there.all() and there.any():
            rest = part.valid[there]
            valid = None if rest.all() else rest
            part = replace(part, values=part.values[there], time_s=part.time_s[there], valid=valid)
    if len(part.time_s) < 3:
        return part, 0, 0.0
    steps = np.diff(part.time_s)
    usual = float(np.median(steps))
    gaps = steps[steps > limits.gap * usual]
    return part, int(np.round(gaps / usual - 1.0).sum()), float(gaps.max(initial=0.0))


def dead_cells(part: PressureRecording, highest: Array, lowest: Array, limits: FaultRule) -> tuple[Array, Array, Array]:
    """Dead cells (d,), the live ones (l,) that surround them, and weights (d, l) that turn these into the former.

    A cell is dead that reads the same in every frame although its neighbours are loaded, and although the surface laid
    through them says that it should be; up to three beside each other. Cells that lie at the rim of a print can't be
    told from cells that nothing touches.
    """
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    nothing = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 0))
    layout, span = part.layout, highest.astype(np.float64) - lowest
    still = np.flatnonzero((span == 0) & _ever_there(part))
    if layout.positions != "mm" or len(span) < limits.dead_cells_from or not len(still) or len(still) == len(span):
        return nothing
    xy = layout.xy_mm
    tree = cKDTree(xy)
    pitch = float(np.median(np.asarray(tree.query(xy, 2)[0])[:, 1]))
    if pitch <= 0:
        return nothing
    size = pitch if layout.area_mm2 is None else max(pitch, float(np.sqrt(np.median(layout.area_mm2))))
    least = limits.dead_least * float(np.percentile(span[span > 0], 95))
    near = cKDTree(xy[still])
    _, group = connected_components(near.sparse_distance_matrix(near, 1.6 * size), directed=False)
    dead: list[int] = []
    for name in np.flatnonzero(np.bincount(group) <= limits.dead_most):
        cluster = still[group == name]
        around = np.setdiff1d(np.concatenate(tree.query_ball_point(xy[cluster], 1.6 * size)), cluster).astype(np.int64)
        if len(around) >= 3 and (span[around] >= 0.5 * least).mean() >= limits.dead_neighbours:
            dead += cluster.tolist()
    if not dead:
        return nothing
    moving = np.flatnonzero(span > 0)
    places = np.array(sorted(dead))
    chosen = [moving[np.atleast_1d(cKDTree(xy[moving]).query(xy[c], min(20, len(moving)))[1])] for c in places]
    live = np.unique(np.concatenate(chosen))
    weights = np.zeros((len(places), len(live)))
    for row, (cell, cells) in enumerate(zip(places, chosen)):
        weights[row, np.searchsorted(live, cells)] = _surface_weights(xy[cells], xy[cell])
    wanted = weights @ span[live] >= least
    return places[wanted], live, weights[wanted]


def _surface_weights(xy: Array, at: Array) -> Array:
    """Weights (n,) of values at xy (n, 2) in the cubic polyharmonic spline through them, at one point (2,)."""
    scale = float(np.linalg.norm(xy - at, axis=1).mean())
    near = (xy - at) / scale
    n = len(near)
    plane = np.column_stack([np.ones(n), near])
    gaps = np.linalg.norm(near[:, None] - near, axis=2)
    system = np.block([[gaps**3, plane], [plane.T, np.zeros((3, 3))]])
    right = np.concatenate([np.linalg.norm(near, axis=1) ** 3, [1.0, 0.0, 0.0]])
    found = np.linalg.lstsq(system, right, rcond=None)[0]
    return np.asarray(found[:n])
