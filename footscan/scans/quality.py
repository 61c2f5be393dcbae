"""Is it a foot, and how good is the scan of it?"""

from __future__ import annotations

import numpy as np

from footscan.errors import ScanError
from footscan.scans.units import FOOT_LENGTH_MM
from footscan.types import Array

#: Limits far outside any foot; what lies between them is measured and, where odd, flagged.
BREADTH_TO_LENGTH = (0.26, 0.60)
TOE_HEIGHT_TO_LENGTH = 0.19  #: height at 88 % of length: a toe box of a shoe and a stump's end stand higher
FOREFOOT_FLATNESS = 0.85  #: height / breadth at 75 % of length: feet 0.37–0.45, unloaded ones to 0.73, a stump 0.97
TALLER_BEHIND = 1.25  #: height at 30 % of length against that at 75 %


def check_is_foot(rough: Array) -> None:
    """ScanError with the reason unless the cloud (rough frame, mm) has the proportions of a foot."""
    x, y, z = rough.T
    low = z < 40.0
    length = float(np.ptp(np.percentile(x[low], [0.1, 99.9])))
    if not FOOT_LENGTH_MM[0] <= length <= FOOT_LENGTH_MM[1]:
        raise ScanError(
            f"expected a foot {FOOT_LENGTH_MM[0]:.0f} to {FOOT_LENGTH_MM[1]:.0f} mm long, found something"
            f" {length:.0f} mm long; check the unit, or is it no foot?"
        )
    ball = low & (x > 0.5 * length) & (x < 0.85 * length)
    breadth = float(np.ptp(np.percentile(y[ball], [0.2, 99.8]))) / length
    if not BREADTH_TO_LENGTH[0] <= breadth <= BREADTH_TO_LENGTH[1]:
        raise ScanError(
            f"expected a ball {BREADTH_TO_LENGTH[0]:.2f} to {BREADTH_TO_LENGTH[1]:.2f} of the length broad,"
            f" found {breadth:.2f}: this is no foot, or only a part of one"
        )
    toes, mid, rear = (_height(x, z, length, a) for a in (0.88, 0.75, 0.30))
    front = np.abs(x - 0.75 * length) < 0.03 * length
    flatness = mid / float(np.ptp(np.percentile(y[front], [1.0, 99.0]))) if front.sum() > 20 else np.inf
    if flatness > FOREFOOT_FLATNESS:
        raise ScanError(
            f"expected a forefoot at most {FOREFOOT_FLATNESS:.2f} times as high as broad, found {flatness:.2f}:"
            " this is no foot (a stump, a leg?)"
        )
    tallest = TOE_HEIGHT_TO_LENGTH * length + 12.0
    if toes > tallest:
        raise ScanError(
            f"expected toes less than {tallest:.0f} mm high, found {toes:.0f} mm at 88 % of the length:"
            " this is no foot (a stump, a shoe?)"
        )
    if rear < TALLER_BEHIND * mid:
        raise ScanError(
            f"expected the hindfoot to be taller than the forefoot, found {rear:.0f} mm at 30 % and {mid:.0f} mm at"
            " 75 % of the length: this is no foot, or its hindfoot is missing"
        )
    # a foot has a skin all along: an empty stretch is half a foot
    stations = np.histogram(x[low], bins=20, range=(0.0, length))[0]
    if np.any(stations[1:-1] == 0):
        raise ScanError("expected a foot without gaps along its length, found a stretch without points; scan it again")


def _height(x: Array, z: Array, length: float, at: float) -> float:
    here = np.abs(x - at * length) < 0.02 * length
    return float(np.percentile(z[here], 99)) if here.sum() > 5 else 0.0
