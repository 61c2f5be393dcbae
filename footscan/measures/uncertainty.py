"""How sure is each value? `sd` is what the processing leaves open, `sd_total` adds scanner and repositioning.

Three sources, added as squares:

* resampling: half of the cloud in another pose, measured against the whole. One difference says little of one value's
  own spread, forty of them say much of the scan: each value's spread is its usual one times the scan's own factor,
  moved towards its own difference;
* the rule: what a definition leaves open on smooth skin, where a hilltop is flat or an edge ill-defined; no resampling
  shows it; a value that comes with an ``sd`` of its own brings what is open in just that foot;
* the tracks: how much farther apart than usual the template and the geometric rules put the landmarks of a value.

The usual spreads and what the rules leave open (``CALIBRATION``) are those of the error on three families of feet of
known truth, made by `benchmarks/calibrate.py`; on a fourth family, which they never saw, docs/accuracy.md shows what
they are worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from footscan.measures.calibration import CALIBRATION, TRACKS_MM
from footscan.types import Array, Measure

#: SD of scanner and repositioning together, by kind of measure. Live-foot repeats of a good scanner: mean absolute
#: difference 0.73–1.50 mm (Lee 2014, J Foot Ankle Res 7:44); a normal difference of two repeats has SD 0.886 · it.
REPEAT_SD = {"length": 0.9, "breadth": 0.9, "height": 1.0, "girth": 1.3, "angle": 1.5, "ratio": 0.02, "volume": 15.0}
PRIOR_WEIGHT = 8.0  #: so many differences are the scan's factor worth against a value's own one
MOST_SURPRISE = 3.0  #: of its usual spread: more says that something else went wrong there
FACTOR_RANGE = (0.4, 8.0)
SPARSE = 3.0  #: factor of a scan too sparse to be halved

#: landmark -> axis of the foot frame -> the values that move with it, and by how much (mm, degrees or 1 per mm)
HANGS_ON: Mapping[tuple[str, int], Mapping[str, float]] = {
    ("mth1", 0): {
        "ball_length_medial_mm": 1.0, "truncated_foot_length_mm": 1.0, "foot_breadth_mm": 0.3, "ball_girth_mm": 0.5,
        "ball_girth_raw_mm": 0.5, "ball_angle_deg": 0.5,
    },
    ("mth5", 0): {
        "ball_length_lateral_mm": 1.0, "foot_breadth_mm": 0.3, "ball_girth_mm": 0.9, "ball_girth_raw_mm": 0.9,
        "ball_angle_deg": 0.5,
    },
    ("longest_toe", 0): {"foot_length_mm": 1.0},
    ("malleolus_medial", 2): {"malleolus_medial_height_mm": 1.0},
    ("malleolus_lateral", 2): {"malleolus_lateral_height_mm": 1.0, "rearfoot_angle_deg": 0.05},
    ("ankle_bend", 2): {"heel_girth_long_mm": 0.5},
    ("heel_landing", 0): {"heel_girth_long_mm": 1.0, "heel_girth_short_mm": 1.0},
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Half:
    """Values and landmarks of a part of the cloud, measured again, and the share of the points that it has (0–1)."""

    values: Mapping[str, Measure]
    marks: Mapping[str, Array]
    share: float

    @property
    def scale(self) -> float:
        """One SD of the whole for one of the difference between part and whole: errors fall with the root of the
        number of points, and the part's are among the whole's."""
        return float(1.0 / np.sqrt(1.0 / self.share - 1.0))


def difference(key: str, values: Mapping[str, Measure], half: Half) -> float | None:
    """One SD of the whole cloud's value, as its half tells it; None where either has no value."""
    a, b = values[key].value, half.values[key].value
    return (b - a) * half.scale if isinstance(a, float) and isinstance(b, float) else None


def kind_of(key: str) -> str:
    """The kind of a measure, by its name: length, breadth, height, girth, angle, ratio or volume."""
    for kind in ("girth", "breadth", "height", "length", "angle", "volume"):
        if kind in key and not key.endswith("_index"):
            return kind
    return "ratio"


def with_sd(values: Mapping[str, Measure], half: Half | None, apart: Mapping[str, Array]) -> dict[str, Measure]:
    """The values with ``sd`` and ``sd_total``.

    ``half`` None: too sparse to be halved. ``apart``: landmark -> (3,) mm, template minus rules.
    """
    # stage 1: each value's difference, and the scan's own factor
    own = {key: difference(key, values, half) for key in values} if half is not None else {}
    factor = _factor(own) if half is not None else SPARSE
    # stage 2: how much farther apart than usual the tracks are, value by value
    odd = _odd(apart)
    # stage 3: all together
    found = {}
    for key, value in values.items():
        if not isinstance(value.value, float) or key not in CALIBRATION:
            found[key] = value
            continue
        usual, rule = CALIBRATION[key]
        spread = (factor * usual) ** 2
        d = own.get(key)
        if d is not None:
            surprise = min(d * d, MOST_SURPRISE**2 * max(spread, usual**2))
            spread = (PRIOR_WEIGHT * spread + surprise) / (PRIOR_WEIGHT + 1.0)
        sd = float(np.sqrt(spread + rule**2 + odd.get(key, 0.0) + (value.sd or 0.0) ** 2))
        found[key] = replace(value, sd=sd, sd_total=float(np.hypot(sd, REPEAT_SD[kind_of(key)])))
    return found


def _factor(own: Mapping[str, float | None]) -> float:
    """How much noisier than usual the scan is: the differences against their usual size, none counting for much."""
    squares = [
        min((d / CALIBRATION[key][0]) ** 2, MOST_SURPRISE**2)
        for key, d in own.items()
        if d is not None and key in CALIBRATION and CALIBRATION[key][0] > 0.0
    ]
    return float(np.clip(np.sqrt(np.mean(squares)), *FACTOR_RANGE)) if squares else SPARSE


def _odd(apart: Mapping[str, Array]) -> dict[str, float]:
    """Variance that each value gets from tracks farther apart than twice their usual distance."""
    odd: dict[str, float] = {}
    for (mark, axis), keys in HANGS_ON.items():
        if mark not in apart or (mark, axis) not in TRACKS_MM:
            continue
        bias, sd = TRACKS_MM[mark, axis]
        excess = max(0.0, abs(float(apart[mark][axis]) - bias) - 2.0 * sd)
        for key, slope in keys.items():
            odd[key] = odd.get(key, 0.0) + (slope * excess) ** 2
    return odd


def marks_sd(marks: Mapping[str, Array], half: Half) -> dict[str, Array]:
    """SD (3,) mm of the landmarks that the half has too."""
    return {name: np.abs(half.marks[name] - at) * half.scale for name, at in marks.items() if name in half.marks}
