"""A walk that a simulated device plays: synthetic or recorded, as pressure on any sensors and as motion, at any time.

It begins anew when it ends. A synthetic walk is `footscan.synth.make_walk`; its motion is ours: the foot pitches while
it is unloaded, and acceleration, angular rate and quaternion follow from that one angle, so they agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from devices.errors import DeviceError
from devices.types import Array
from footscan.errors import ReadError
from footscan.io import read_recording
from footscan.synth import make_walk
from footscan.types import PressureRecording, Recording, SensorLayout, Side

STANDARD_GRAVITY = 9.80665
PITCH_DEG = 35.0  #: of the free foot, toes down
LOADED_N = 150.0  #: with so much on it a foot lies flat
RATE_HZ = 200.0


@dataclass(frozen=True, eq=False)
class Motion:
    """(n, 3) m/s^2 with gravity, (n, 3) deg/s, (n, 4) w x y z of the foot (x to the toes, y to the left, z up)."""

    acceleration_m_s2: Array
    angular_rate_dps: Array
    quaternion: Array


@dataclass(frozen=True, eq=False)
class Walk:
    """``feet``: what each foot carries over ``duration_s``; a plate's recording stands under both names."""

    feet: Mapping[Side, PressureRecording]
    duration_s: float

    def foot(self, side: Side) -> PressureRecording:
        """The recording of that foot; the other one's where there is only one."""
        return self.feet.get(side) or next(iter(self.feet.values()))


def synthetic(seed: int = 0, steps: int = 24) -> Walk:
    """Both feet of a walk in shoes, the same for the same seed."""
    made = make_walk("in_shoe", seed, steps=steps, rate_hz=RATE_HZ, noise_kpa=0.5)
    return of_recording(made.recording)


def recorded(path: str) -> Walk:
    """A walk out of a file. DeviceError where it has no pressure; ReadError where it can't be read."""
    return of_recording(read_recording(path), path)


def of_recording(recording: Recording, source: str = "recording") -> Walk:
    """The feet of a recording; what is of no side counts as both. DeviceError where there is no pressure."""
    feet: dict[Side, PressureRecording] = {}
    for part in recording.pressure:
        if len(part.time_s) > 1:
            feet.setdefault(part.side, part)
    if not feet:
        raise DeviceError(f"sim: {source}", "a recording with pressure", "none", "choose another recording")
    if "unknown" in feet:
        feet.setdefault("left", feet["unknown"])
        feet.setdefault("right", feet["unknown"])
    duration_s = min(float(part.time_s[-1] - part.time_s[0]) for part in feet.values())
    return Walk(feet, duration_s)


def load(seed: int, path: str = "") -> Walk:
    """The recorded walk of that path, else the synthetic one of that seed."""
    try:
        return recorded(path) if path else synthetic(seed)
    except ReadError as error:
        hint = error.hint or "choose another recording"
        raise DeviceError(f"sim: {path}", error.expected, error.found, hint) from error


# ------------------------------------------------------------------ at any time


def pressure_at(walk: Walk, side: Side, time_s: Array) -> Array:
    """(n, cells) of that foot at times (n,) since the start, linear between its frames; missing cells count as 0."""
    foot = walk.foot(side)
    values = foot.values if foot.valid is None else np.where(foot.valid, foot.values, 0.0)
    at = foot.time_s[0] + np.mod(np.asarray(time_s, np.float64), walk.duration_s)
    after = np.clip(np.searchsorted(foot.time_s, at, side="right"), 1, len(foot.time_s) - 1)
    before_s, after_s = foot.time_s[after - 1], foot.time_s[after]
    share = ((at - before_s) / (after_s - before_s))[:, None]
    return np.asarray(np.nan_to_num(values[after - 1] * (1.0 - share) + values[after] * share))


def motion_at(walk: Walk, side: Side, time_s: Array) -> Motion:
    """The motion of that foot at times (n,) since the start."""
    h = 0.001  # s, to both sides for the rate
    times = np.asarray(time_s, np.float64)
    pitch, before, after = (_pitch_deg(walk, side, np.mod(times + d, walk.duration_s)) for d in (0.0, -h, h))
    rate = (after - before) / (2.0 * h)
    half = np.radians(pitch) / 2.0
    zero = np.zeros_like(pitch)
    quaternion = np.column_stack([np.cos(half), zero, np.sin(half), zero])
    # gravity in the foot's frame, which is turned about y
    up = np.column_stack([-np.sin(2.0 * half), zero, np.cos(2.0 * half)])
    return Motion(STANDARD_GRAVITY * up, np.column_stack([zero, rate, zero]), quaternion)


def _pitch_deg(walk: Walk, side: Side, time_s: Array) -> Array:
    foot = walk.foot(side)
    values = pressure_at(walk, side, time_s)
    area = foot.layout.area_mm2
    total = values.sum(axis=1) if foot.unit != "kPa" or area is None else values @ area / 1000.0
    loaded = np.clip(total / (LOADED_N if foot.unit != "raw" else max(1.0, float(total.max()))), 0.0, 1.0)
    return np.asarray(PITCH_DEG * (1.0 - loaded) ** 2)


# ------------------------------------------------------------------ onto other sensors


def onto(layout: SensorLayout, side: Side, places: npt.ArrayLike, reach: float = 0.08) -> Array:
    """Weights (cells, k) that turn a foot's cells into k sensors at ``places`` (k, 2): 0 … 1 from heel to toe and 0 … 1
    from the medial to the lateral edge; each sensor takes the mean of what lies within ``reach`` of the length, its
    nearest cell at least."""
    low, size = layout.xy_mm.min(axis=0), np.maximum(np.ptp(layout.xy_mm, axis=0), 1e-9)
    xy = (layout.xy_mm - low) / size
    if side != "left":  # y grows to the wearer's left: medial for a right foot
        xy = np.column_stack([xy[:, 0], 1.0 - xy[:, 1]])
    away = np.linalg.norm((xy[:, None] - np.asarray(places)[None]) * [1.0, size[1] / size[0]], axis=2)
    near = away <= np.maximum(reach, away.min(axis=0))
    return np.asarray(near / near.sum(axis=0))


def image(layout: SensorLayout, shape: tuple[int, int], pitch_mm: tuple[float, float]) -> Array:
    """(rows, columns): which of a foot's cells each cell of a mat takes, −1 off the foot; the foot lies on the middle
    of the mat, toes to row 0. ``pitch_mm`` between its rows and between its columns."""
    rows, columns = shape
    middle = (layout.xy_mm.min(axis=0) + layout.xy_mm.max(axis=0)) / 2.0
    x = middle[0] - (np.arange(rows) - (rows - 1) / 2.0) * pitch_mm[0]
    y = middle[1] - (np.arange(columns) - (columns - 1) / 2.0) * pitch_mm[1]
    at = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    away = np.linalg.norm(at - layout.xy_mm[None], axis=2)
    spacing = np.sqrt(np.prod(np.ptp(layout.xy_mm, axis=0)) / len(layout.xy_mm))
    return np.asarray(np.where(away.min(axis=1) <= spacing, away.argmin(axis=1), -1).reshape(shape))
