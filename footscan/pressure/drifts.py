"""Sensors that wander: the offset of unloaded cells, their noise, and the gain of loaded ones.

Offset: a straight line in time for each cell through what it reads unloaded (in shoes in each swing; on plates the
tenth percentile of blocks of 0.75 s), by the median of the slopes between all pairs (Theil 1950; Sen 1968,
doi:10.1080/01621459.1968.10480934), which steps on the cell do not touch.

Noise: the second difference in time of unloaded cells, divided by √6. Sensors whose readings end at 0 show half of it,
which adds 0.4 SD to each unloaded cell: too little to see in a cell, too much in the sum of ten thousand.

Gain: over a whole stride the mean force under both feet together is the body weight, whatever the walk (the momentum at
its end is that at its start); so its trend over strides is the sensor's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from footscan.pressure.plates import plate_contacts
from footscan.pressure.running import cell_weights
from footscan.pressure.steps import ContactRule, find_contacts, find_swings, traced
from footscan.types import Array, PressureRecording

BLOCK_S = 0.75  #: of a plate's frames: few of them are all within one stance
ODD = 5.0  #: SDs (robust) from the median of all cells: a reading, or a slope, that is none of an unloaded cell
MOST_FRAMES = 600  #: of a plate that are looked at for its drift and noise
UNLOADED = 0.05  #: of the largest reading: what an unloaded cell of a plate may read
FOOT_MM2 = 15_000.0  #: of a plate: what a drift acts on
_CUT_MEAN, _CUT_SD = 0.3989422804, 0.5838  #: of noise of SD 1 that is cut off at 0
SMOOTH_S = 0.050  #: in which a cell's mean tells whether it is loaded
SURE_CELL, SURE_PATCH = 2.5, 5.0  #: SDs of that mean: of a cell alone, of a cell and the eight around it


def _force(part: PressureRecording) -> Array:
    """Sum of a part's cells, (frames,)."""
    share = cell_weights(part.layout, part.unit).astype(np.float32)
    return np.asarray(np.einsum("fc,c->f", part.values, share), dtype=np.float64)


def _newtons(part: PressureRecording) -> bool:
    return part.unit == "N" or (part.unit == "kPa" and part.layout.area_mm2 is not None)


# ------------------------------------------------------------------ offset


@dataclass(frozen=True, eq=False)
class OffsetDrift:
    """slope (cells,) unit/s; share: what it adds to the force of a foot at the end, of the 95th-percentile force;
    sure: whether it stands out of how the anchors scatter."""

    slope: Array
    share: float
    sure: bool

    def removed(self, part: PressureRecording) -> Array:
        """Values (frames, cells) float32 without the drift since the first frame; 0 where less than 1e-5 of the
        largest reading is left."""
        since = (part.time_s - part.time_s[0]).astype(np.float32)
        rest = part.values - since[:, None] * self.slope.astype(np.float32)
        return np.asarray(np.where(rest < 1e-5 * rest.max(initial=0.0), np.float32(0), rest))


def offset_drift(part: PressureRecording, rule: ContactRule) -> OffsetDrift | None:
    """The straight drift of each cell's unloaded reading; None where that is seen fewer than three times."""
    force = _force(part)
    high = float(np.percentile(force, 95))
    if part.layout.frame == "insole":
        swings = find_swings(force, part.time_s, rule)
        if swings is None or len(swings.spans) < 3 or high <= 0:
            return None
        at_s = 0.5 * (part.time_s[swings.spans[:, 0]] + part.time_s[swings.spans[:, 1] - 1])
        levels = swings.cells(part.values)
    else:
        every = max(len(part.time_s) // MOST_FRAMES, 1)
        values, time_s = part.values[::every], part.time_s[::every]
        blocks = int((time_s[-1] - time_s[0]) // BLOCK_S)
        if blocks < 3 or high <= 0:
            return None
        edges = np.linspace(0, len(time_s), min(blocks, 12) + 1).astype(int)
        pairs = list(pairwise(edges))
        at_s = np.array([time_s[a:b].mean() for a, b in pairs])
        levels = np.stack([np.percentile(values[a:b], 10, axis=0) for a, b in pairs])
        if (np.median(levels, axis=0) <= UNLOADED * float(values.max())).mean() < 0.5:
            return None  # a load that stays can't be told from a drift
        # blocks in which somebody stands on a cell say nothing of it
        middle = np.median(levels, axis=1, keepdims=True)
        spread = 1.4826 * np.median(np.abs(levels - middle), axis=1, keepdims=True)
        levels = np.where(levels > middle + ODD * spread, np.nan, levels)
    slope = _median_slope(at_s, levels.astype(np.float64))
    if part.layout.frame != "insole":
        usual = float(np.nanmedian(slope)) if np.isfinite(slope).any() else 0.0
        scatter = 1.4826 * float(np.nanmedian(np.abs(slope - usual))) if np.isfinite(slope).any() else 0.0
        slope = np.where(np.abs(slope - usual) <= ODD * scatter, slope, usual)
    share = cell_weights(part.layout, part.unit)
    high = float(np.percentile(force - float(slope @ share) * (part.time_s - part.time_s[0]), 95))
    if high <= 0:
        return None
    area = float(part.layout.area_mm2.sum()) if part.layout.area_mm2 is not None else FOOT_MM2
    acts = min(1.0, FOOT_MM2 / area) if part.layout.frame != "insole" else 1.0
    lasts = float(part.time_s[-1] - part.time_s[0])
    added = float(slope @ share) * lasts * acts
    # how much the anchors scatter around their own lines, as a force
    rest = levels - np.nan_to_num(_middle(levels)) - (at_s - np.median(at_s))[:, None] * slope
    around = np.nan_to_num(rest) @ share * acts
    scatter = 1.4826 * float(np.median(np.abs(around - np.median(around))))
    seen = float(np.abs(slope @ share)) * float(np.ptp(at_s)) * acts
    most = float((slope != 0).mean()) > 0.5  # an offset wanders in most cells, a load in some
    return OffsetDrift(slope, abs(added) / high, most and seen > 3.0 * scatter)


def _median_slope(at_s: Array, levels: Array) -> Array:
    """The median over all pairs of anchors of the slope between them, (cells,); levels (anchors, cells), NaN where a
    cell has none; NaN for cells with fewer than three pairs."""
    if len(at_s) > 24:  # long walks: the anchors in 24 groups
        groups = np.array_split(np.arange(len(at_s)), 24)
        at_s = np.array([at_s[g].mean() for g in groups])
        levels = np.stack([np.median(levels[g], axis=0) for g in groups])
    pairs = list(combinations(range(len(at_s)), 2))
    slopes = np.stack([(levels[b] - levels[a]) / (at_s[b] - at_s[a]) for a, b in pairs])
    return np.where(np.isfinite(slopes).sum(axis=0) >= 3, _middle(slopes), np.nan)


def _middle(values: Array) -> Array:
    """Median (cells,) of those of values (n, cells) that are no NaN; NaN where all are."""
    ordered = np.sort(values, axis=0)  # NaN last
    count = np.isfinite(ordered).sum(axis=0)
    low, high = (np.take_along_axis(ordered, np.maximum(k, 0)[None], 0)[0] for k in ((count - 1) // 2, count // 2))
    return np.asarray(np.where(count > 0, 0.5 * (low + np.where(count % 2, low, high)), np.nan))


# ------------------------------------------------------------------ noise


@dataclass(frozen=True)
class Noise:
    """SD of unloaded cells before anything is cut off, in the recording's unit; one_sided: readings end at 0;
    quantum: the smallest step between two readings."""

    sd: float
    one_sided: bool
    quantum: float = 0.0

    def removed(self, part: PressureRecording) -> Array:
        """Values (frames, cells) float32, 0 in cells that carry nothing but one-sided noise.

        A cell carries something where its mean over 50 ms (on grids: also over the cells around it) is above what noise
        alone makes of such a mean. There the reading stays as it is: noise around a load has no side.
        """
        from scipy.ndimage import uniform_filter, uniform_filter1d

        step = float(np.median(np.diff(part.time_s)))
        size = max(2 * round(SMOOTH_S / step / 2) + 1, 3)
        layout = part.layout
        if layout.shape is None or layout.index is None or min(layout.shape) < 3:
            mean = uniform_filter1d(part.values, size, axis=0, mode="nearest")
            floor = _CUT_MEAN + SURE_CELL * _CUT_SD / np.sqrt(size)
            return np.asarray(np.where(mean > floor * self.sd, part.values, np.float32(0)))
        image = np.zeros((len(part.values), layout.shape[0] * layout.shape[1]), np.float32)
        image[:, layout.index] = part.values
        there = np.zeros(image.shape[1])
        there[layout.index] = 1.0
        around = uniform_filter(there.reshape(layout.shape), 3, mode="constant").ravel()[layout.index]
        cube = uniform_filter(image.reshape(-1, *layout.shape), (size, 3, 3), mode=("nearest", "constant", "constant"))
        mean = cube.reshape(len(image), -1)[:, layout.index] / around.astype(np.float32)
        floor = _CUT_MEAN + SURE_PATCH * _CUT_SD / np.sqrt(size * 9)
        return np.asarray(np.where(mean > floor * self.sd, part.values, np.float32(0)))


def noise(part: PressureRecording, rule: ContactRule) -> Noise | None:
    """The noise of unloaded cells; None where the recording is too short to tell."""
    blocks = _unloaded_blocks(part, rule)
    if not blocks:
        return None
    second = np.concatenate([block[2:] - 2.0 * block[1:-1] + block[:-2] for block in blocks])
    each = np.sqrt(np.mean(second.astype(np.float64) ** 2, axis=0) / 6.0)
    sd = float(np.median(each))
    if sd <= 0:
        return Noise(0.0, False)
    quiet = each <= 2.0 * sd
    zeros = float(np.mean([float((block[:, quiet] <= 0).mean()) for block in blocks]))
    one_sided = zeros >= 0.2
    levels = np.unique(blocks[0][:, quiet])
    quantum = float(np.diff(levels).min(initial=np.inf)) if len(levels) > 1 else 0.0
    return Noise(sd / _CUT_SD if one_sided else sd, one_sided, quantum)


def _unloaded_blocks(part: PressureRecording, rule: ContactRule) -> list[Array]:
    """Frames (n, cells) in a row: of insoles the swings, of plates all (most cells of a plate carry nothing)."""
    if part.layout.frame != "insole":
        n = len(part.time_s)
        if n <= MOST_FRAMES:
            return [part.values]
        starts = np.linspace(0, n - 50, MOST_FRAMES // 50).astype(int)
        return [part.values[a : a + 50] for a in starts]
    swings = find_swings(_force(part), part.time_s, rule)
    if swings is None:
        return []
    spans = [(int(a), int(b)) for a, b in swings.spans if b - a >= 8][:50]
    return [part.values[a + 1 : b - 1] for a, b in spans]


# ------------------------------------------------------------------ gain


@dataclass(frozen=True)
class GainDrift:
    """change: of the gain from the first frame to the last; error: its standard error; both as shares; windows: from
    how many strides or steps."""

    change: float
    error: float
    windows: int

    def sure(self, chance: float) -> bool:
        """Whether windows that scatter like these show such a trend less often than that by chance."""
        from scipy.special import stdtrit

        return abs(self.change) > float(stdtrit(self.windows - 2, 1.0 - 0.5 * chance)) * self.error

    def removed(self, part: PressureRecording) -> Array:
        """Values (frames, cells) float32 with the gain of the first frame."""
        done = (part.time_s - part.time_s[0]) / (part.time_s[-1] - part.time_s[0])
        return np.asarray(part.values / (1.0 + self.change * done).astype(np.float32)[:, None])


def gain_drift(part: PressureRecording, rule: ContactRule, least: int = 4) -> GainDrift | None:
    """The trend of the mean force over strides (insole) or steps (plate); None for fewer than ``least`` of them."""
    if not _newtons(part):
        return None
    force, time_s = _force(part), part.time_s
    windows = _strides(part, force, rule) if part.layout.frame == "insole" else _steps_on_plate(part, force, rule)
    if len(windows) < max(least, 3):
        return None
    total = np.concatenate([[0.0], np.cumsum(0.5 * (force[1:] + force[:-1]) * np.diff(time_s))])
    ends = np.interp(np.array(windows), time_s, total)
    spans = np.array(windows)
    mean = (ends[:, 1] - ends[:, 0]) / (spans[:, 1] - spans[:, 0])
    x = (spans.mean(axis=1) - time_s[0]) / (time_s[-1] - time_s[0])
    centred = x - x.mean()
    scale = float(centred @ centred)
    if scale <= 0:
        return None
    slope = float(centred @ mean) / scale
    start = float(mean.mean() - slope * x.mean())
    rest = mean - start - slope * x
    error = float(np.sqrt(rest @ rest / max(len(mean) - 2, 1) / scale))
    return GainDrift(slope / start, error / start, len(mean)) if start > 0 else None


def _strides(part: PressureRecording, force: Array, rule: ContactRule) -> list[tuple[float, float]]:
    """From landing to landing (s, s) of one foot, without its first and last contact."""
    swings = find_swings(force, part.time_s, rule)
    rested = force if swings is None else np.maximum(force - swings.baseline(part.time_s), 0.0)
    on, off = rule.thresholds(rested, in_shoe=True, newtons=True)
    contacts = [c for c in find_contacts(rested, part.time_s, on, off, rule) if not c.cut]
    # to a fraction of a frame: a frame more or less of little load is a hundredth of the mean
    high = float(np.percentile(rested, 95))
    ends = [traced(c, rested, part.time_s, high, rule) for c in contacts if c.stop_s - c.start_s < rule.standing_s]
    walking = [c.start_s for c in ends]
    usual = float(np.median(np.diff(walking))) if len(walking) > 1 else 0.0
    return [(a, b) for a, b in pairwise(walking) if b - a < 1.3 * usual]


def _steps_on_plate(part: PressureRecording, force: Array, rule: ContactRule) -> list[tuple[float, float]]:
    """From one foot's landing to the other's (s, s), while somebody is on the plate who was on it before."""
    on, off = rule.thresholds(force, in_shoe=False, newtons=True)
    long_enough = [c for c in find_contacts(force, part.time_s, on, off, rule) if c.stop_s - c.start_s > 1.0]
    if not long_enough:
        return []
    placed = plate_contacts(part, force, on, off, rule)
    whole = [(c, cells) for c, cells in placed if not c.cut]
    begun = [(c, cells) for c, cells in whole if any(d.start_s < c.start_s < d.stop_s for d, _ in whole)]
    landings = sorted(_rises_through(part, c.start, c.stop, cells, on) for c, cells in begun)
    usual = float(np.median(np.diff(landings))) if len(landings) > 1 else 0.0
    return [(a, b) for a, b in pairwise(landings) if 0.5 * usual < b - a < 1.3 * usual]


def _rises_through(part: PressureRecording, start: int, stop: int, cells: Array, level: float) -> float:
    """When a foot's own force first reaches a level, to a fraction of a frame."""
    first = max(start - 1, 0)
    share = cell_weights(part.layout, part.unit)[cells]
    own = np.einsum("fc,c->f", part.values[first:stop][:, cells].astype(np.float64), share)
    k = int(np.argmax(own >= level))
    if k == 0:
        return float(part.time_s[first])
    return float(np.interp(level, own[k - 1 : k + 1], part.time_s[first + k - 1 : first + k + 1]))
