"""Is it a foot, and how good is the scan of it?"""

from __future__ import annotations

import numpy as np

from footscan.arrays import bounds
from footscan.errors import ScanError
from footscan.scans.units import FOOT_LENGTH_MM
from footscan.types import Array

#: Limits far outside any foot; what lies between them is measured and, where odd, flagged.
BREADTH_TO_LENGTH = (0.26, 0.60)
TOE_HEIGHT_TO_LENGTH = 0.19  #: height at 88 % of length: a toe box of a shoe and a stump's end stand higher
FOREFOOT_FLATNESS = 0.85  #: height / breadth at 75 % of length: feet 0.37–0.45, unloaded ones to 0.73, a stump 0.97
TALLER_BEHIND = 1.25  #: height at 30 % of length against that at 75 %
HINDFOOT_TO_LENGTH = 0.235  #: least height at 30 % of length: feet 0.30 and more even below the ankle, hands to 0.20
INSTEP_TO_LENGTH = 0.16  #: least height at 50 %: feet 0.20 and more, hands 0.11–0.17
TOE_THICKNESS_TO_LENGTH = 0.14  #: top − bottom at 95 % of length: feet 0.06–0.10, shoes 0.15–0.25
STIFF_TOE_TO_LENGTH = 0.115  #: the same of a shoe whose toe box is turned up: its heel is upright, too
ROUND_HEEL_TO_LENGTH = 0.010  #: how far a heel reaches behind its contact: feet 0.017 and more, shoes to 0.004
FEWEST_PER_CM2 = 10.0  #: points on a cm² of skin; a scan of 100,000 points has 45
FINGER_STATIONS = (0.56, 0.60, 0.64, 0.68, 0.72)  #: toes are apart ahead of these only
FINGER_GAP_MM, FINGER_BIN_MM = 4.0, 1.5


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
    density = density_per_cm2(rough)
    if density < FEWEST_PER_CM2:
        raise ScanError(
            f"expected at least {FEWEST_PER_CM2:.0f} points a cm² of skin, found {density:.1f}: the scan is too sparse"
        )
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
    _check_is_no_hand(rough, length, rear)
    _check_is_no_shoe(rough, length)
    # a foot has a skin all along: an empty stretch is half a foot
    stations = np.histogram(x[low], bins=20, range=(0.0, length))[0]
    if np.any(stations[1:-1] == 0):
        raise ScanError("expected a foot without gaps along its length, found a stretch without points; scan it again")


def _check_is_no_hand(rough: Array, length: float, rear: float) -> None:
    x, y, z = rough.T
    mid = _height(x, z, length, 0.50)
    if rear < HINDFOOT_TO_LENGTH * length or mid < INSTEP_TO_LENGTH * length:
        raise ScanError(
            f"expected a foot at least {HINDFOOT_TO_LENGTH * length:.0f} mm high at 30 % of its length and"
            f" {INSTEP_TO_LENGTH * length:.0f} mm at 50 %, found {rear:.0f} and {mid:.0f} mm:"
            " this is no foot (a hand?), or its hindfoot is missing"
        )
    for at in FINGER_STATIONS:
        here = (np.abs(x - at * length) < 0.012 * length) & (z < 40.0)
        across = np.sort(y[here])
        # where points are few, chance leaves gaps, too
        if len(across) * FINGER_BIN_MM < 4.0 * (across[-1] - across[0] if len(across) else np.inf):
            continue
        # two gaps with a finger's breadth of skin between them and on either side
        gaps = np.flatnonzero(np.diff(across) > FINGER_GAP_MM)
        pieces = np.diff(np.r_[0, gaps + 1, len(across)])
        if (pieces > 0.08 * len(across)).sum() >= 3:
            raise ScanError(
                f"expected a foot in one piece at {at:.2f} of its length, found three or more pieces side by side:"
                " this is no foot (a hand?)"
            )


def _check_is_no_shoe(rough: Array, length: float) -> None:
    x, _, z = rough.T
    front = np.abs(x - 0.95 * length) < 0.015 * length
    if front.sum() < 20:
        return
    thick = float(np.ptp(np.percentile(z[front], [1.0, 99.0]))) / length
    reach = [
        float(np.percentile(x[(z >= a) & (z < b)], 0.5)) if ((z >= a) & (z < b)).sum() > 50 else np.inf
        for a, b in ((1.0, 4.0), (10.0, 25.0))
    ]
    upright = reach[0] - reach[1] < ROUND_HEEL_TO_LENGTH * length
    if thick > TOE_THICKNESS_TO_LENGTH or (thick > STIFF_TOE_TO_LENGTH and upright):
        raise ScanError(
            f"expected toes at most {TOE_THICKNESS_TO_LENGTH * length:.0f} mm thick near their tips, found"
            f" {thick * length:.0f} mm: this is no bare foot (a shoe?)"
        )


def _height(x: Array, z: Array, length: float, at: float) -> float:
    here = np.abs(x - at * length) < 0.02 * length
    return float(np.percentile(z[here], 99)) if here.sum() > 5 else 0.0


def density_per_cm2(points: Array) -> float:
    """Points a cm² of skin, about: of cells of 5 mm, each with 1.5 faces' worth of skin."""
    low, high = bounds(points)
    shape = ((high - low) / 5.0).astype(np.int64) + 2
    i, j, k = (((points[:, axis] - low[axis] + 0.5) / 5.0).astype(np.int64) for axis in range(3))
    crowd = np.bincount((i * shape[1] + j) * shape[2] + k)
    crowd = crowd[crowd > 0]
    return float(crowd.sum() / len(crowd) / (1.5 * 0.25))
