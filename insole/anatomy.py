"""Where things are under this foot: length, the line of the metatarsal heads, heads, toes, heel; mm, design frame.

Landmarks first; where one is missing, its usual station (fractions of the foot's length), and a note that says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.types import Array, Foot, QualityReason
from insole.errors import DesignError

# Stations as fractions of foot length (commonly quoted for lasts; the same priors as the measures use)
MTH1_STATION, MTH5_STATION = 0.735, 0.635
HEEL_STATION = 0.16  #: of the heel breadth and of the heel-cup plane
BASE_END = 0.60  #: base thickness up to here
TIP_SHARE_OF_BALL = 0.36  #: the longest toe's tip, from MTH1's edge towards MTH5's
HALF_BALL_OF_LENGTH = 0.185  #: half the ball's breadth where MTH1 and MTH5 are not known
#: the five heads between the edges at MTH1 (0) and MTH5 (1), and how far ahead of the straight line they lie, in foot
#: lengths: the usual metatarsal parabola, the second head foremost (commonly quoted)
MTH_ACROSS: Array = np.array([0.15, 0.37, 0.54, 0.70, 0.86])
MTH_AHEAD: Array = np.array([0.0, 0.020, 0.014, 0.006, 0.0])
#: toe pads, as far ahead of their own heads, in foot lengths, and how far they close up on the second toe's line
TOE_AHEAD: Array = np.array([0.185, 0.185, 0.172, 0.155, 0.130])
TOE_SQUEEZE = 0.85
MIN_LENGTH_MM, MAX_LENGTH_MM = 90.0, 400.0


@dataclass(frozen=True, eq=False)
class Anatomy:
    """``length_mm``; edges at MTH1 and MTH5, (2,) each; heads and toe pads (5, 2), first to fifth; the longest toe's
    ``tip`` (2,); ``heel_y_mm`` middle of the heel; ``notes`` what had to be taken from usual stations."""

    length_mm: float
    mth1: Array
    mth5: Array
    heads: Array
    toes: Array
    tip: Array
    heel_y_mm: float
    notes: tuple[QualityReason, ...]

    def mth_x(self, y_mm: Array) -> Array:
        """x of the line MTH1–MTH5 at y, straight on beyond its ends."""
        slope = (self.mth1[0] - self.mth5[0]) / (self.mth1[1] - self.mth5[1])
        return np.asarray(self.mth5[0] + slope * (y_mm - self.mth5[1]))

    def station(self, fraction: float) -> float:
        """x at a fraction of the foot's length."""
        return fraction * self.length_mm


def anatomy(foot: Foot) -> Anatomy:
    """Landmarks of a foot, completed. Raises DesignError where the foot's length isn't known or is no foot's."""
    length = _length(foot)
    points, notes = foot.landmarks.points, []
    heel_y = _heel_y(foot, length)
    if "mth1" in points and "mth5" in points and points["mth1"][1] - points["mth5"][1] > 0.2 * length:
        mth1, mth5 = points["mth1"][:2], points["mth5"][:2]
    else:
        half = HALF_BALL_OF_LENGTH * length
        mth1 = np.array([MTH1_STATION * length, heel_y + half])
        mth5 = np.array([MTH5_STATION * length, heel_y - half])
        notes.append(QualityReason("usual_stations", "MTH1 or MTH5 not found: the ball stands at its usual station"))
    across = MTH_ACROSS[:, None]
    heads = mth1 + across * (mth5 - mth1)
    heads[:, 0] += MTH_AHEAD * length
    if "longest_toe" in points:
        tip = points["longest_toe"][:2]
    else:
        tip = np.array([length, float(mth1[1] + TIP_SHARE_OF_BALL * (mth5[1] - mth1[1]))])
    toes = heads.copy()
    toes[:, 0] = np.minimum(heads[:, 0] + TOE_AHEAD * length, tip[0] - 0.02 * length)
    toes[:, 1] = heads[1, 1] + TOE_SQUEEZE * (heads[:, 1] - heads[1, 1])
    return Anatomy(length, mth1, mth5, heads, toes, tip, heel_y, tuple(notes))


def _length(foot: Foot) -> float:
    measured = foot.measurements["foot_length_mm"] if "foot_length_mm" in foot.measurements.values else None
    if measured is None and "longest_toe" in foot.landmarks.points:
        measured = float(foot.landmarks.points["longest_toe"][0])
    if measured is None:
        raise DesignError(
            "foot_length_mm", "nothing", "a measured length: the outline starts from it", "scan the whole foot", {}
        )
    if not MIN_LENGTH_MM <= measured <= MAX_LENGTH_MM:
        raise DesignError(
            "foot_length_mm", measured, f"{MIN_LENGTH_MM:g} to {MAX_LENGTH_MM:g} mm", "check the scan's unit", {}
        )
    return measured


def _heel_y(foot: Foot, length: float) -> float:
    for method in ("tread_5mm", "outline_25mm"):
        for footprint in foot.footprints:
            if footprint.method == method and footprint.polygons:
                y = np.concatenate(
                    [p[np.abs(p[:, 0] - HEEL_STATION * length) < 0.06 * length, 1] for p in footprint.polygons]
                )
                if len(y):
                    return float(0.5 * (y.min() + y.max()))
    return 0.0
