"""Faults of sensors, made on walks whose truth is known: noise, drift of gain and offset, dead and saturated cells,
lost frames. Each gives a new walk with the same truth, and says what was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from footscan.synth.walks import SyntheticWalk
from footscan.types import Array, PressureRecording, Recording, replace

Kind = Literal["noise", "gain_drift", "offset_drift", "dead_cells", "saturated_cells", "lost_frames"]
KINDS: tuple[Kind, ...] = ("noise", "gain_drift", "offset_drift", "dead_cells", "saturated_cells", "lost_frames")


@dataclass(frozen=True, eq=False)
class SyntheticFault:
    """The walk as a faulty sensor records it; of each part: cells (k,) that are dead or saturated, frames (m,) of the
    clean recording that are lost; ``kept`` (frames,) bool of the clean frames that are still there."""

    recording: Recording
    kind: Kind
    cells: tuple[Array, ...]
    frames: tuple[Array, ...]
    kept: tuple[Array, ...]


def spoil(walk: SyntheticWalk, kind: Kind, seed: int = 0, size: float | None = None) -> SyntheticFault:
    """A walk with one fault.

    size : noise: SD in kPa (3, or 0.5 % of the largest reading if that is more), readings end at 0; gain_drift: change
        over the recording as a share (0.05); offset_drift: mean drift of a cell over the recording in kPa (4; each cell
        its own, from 0.5 to 1.5 of it); dead_cells: how many of each part, among those with at least a fifth of its
        largest peak (3); saturated_cells: the full scale as a share of the largest reading (0.8); lost_frames: share of
        frames (0.03), one to three in a row
    """
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    parts, cells, frames, kept = [], [], [], []
    for part in walk.recording.pressure:
        spoiled, which, lost = _spoiled(part, kind, rng, size)
        parts.append(spoiled)
        cells.append(which)
        frames.append(lost)
        kept.append(np.setdiff1d(np.arange(len(part.time_s)), lost))
    recording = replace(walk.recording, pressure=tuple(parts))
    return SyntheticFault(recording, kind, tuple(cells), tuple(frames), tuple(kept))


def _spoiled(
    part: PressureRecording, kind: Kind, rng: np.random.Generator, size: float | None
) -> tuple[PressureRecording, Array, Array]:
    none = np.zeros(0, np.int64)
    values: Array = part.values
    done: Array = np.asarray((part.time_s - part.time_s[0]) / np.ptp(part.time_s))
    if kind == "noise":
        sd = max(3.0, 0.005 * float(values.max())) if size is None else size
        noisy = values + rng.normal(0.0, sd, values.shape).astype(np.float32)
        return replace(part, values=np.maximum(noisy, np.float32(0))), none, none
    if kind == "gain_drift":
        change = 0.05 if size is None else size
        gain = np.asarray(1.0 + change * done, dtype=np.float32)
        return replace(part, values=values * gain[:, None]), none, none
    if kind == "offset_drift":
        rates = rng.uniform(0.5, 1.5, values.shape[1]) * (4.0 if size is None else size)
        drift = np.asarray(done[:, None] * rates, dtype=np.float32)
        return replace(part, values=values + drift), none, none
    if kind == "dead_cells":
        peak = values.max(axis=0)
        carrying = np.flatnonzero(peak >= 0.2 * peak.max())
        dead = np.sort(rng.choice(carrying, 3 if size is None else int(size), replace=False))
        silent = np.array(values)
        silent[:, dead] = 0.0
        return replace(part, values=silent), dead, none
    if kind == "saturated_cells":
        full = float(np.float32((0.8 if size is None else size) * float(values.max())))
        over = np.flatnonzero(values.max(axis=0) >= full)
        return replace(part, values=np.minimum(values, np.float32(full)), full_scale=full), over, none
    wanted = round((0.03 if size is None else size) * len(values))
    lost: set[int] = set()
    while len(lost) < wanted:
        start = int(rng.integers(1, len(values) - 4))
        lost |= set(range(start, start + int(rng.integers(1, 4))))
    gone = np.array(sorted(lost))
    left = np.setdiff1d(np.arange(len(values)), gone)
    return replace(part, values=values[left], time_s=part.time_s[left]), none, gone
