"""Regions by a scanned foot's landmarks: where the heads, toes and heel of this foot are, not of feet in general."""

from __future__ import annotations

import numpy as np

from footscan.errors import ScanError
from footscan.pressure.hills import COUNT, HEADS, HILLS, TOES, Hills
from footscan.types import Array, Landmarks

_BALL = (HEADS.start, HEADS.stop - 1)
NEEDED = ("pternion", "mth1", "mth5")
TIP_MM = 0.035  #: the middle of a toe's pad lies behind its tip, in foot lengths: toe 1; the others 0.6 of it


def hills_of_landmarks(landmarks: Landmarks) -> Hills:
    """The model foot that the landmarks name, in the foot frame (a right foot's, x from the pternion).

    The skin's most medial point at the first head and the most lateral at the fifth lie beside the heads: breadth is
    theirs, between them the heads stand as in feet in general. Toes whose tips are known end there.

    ScanError where the pternion or a head is not known.
    """
    missing = [name for name in NEEDED if name not in landmarks.points]
    if missing:
        raise ScanError(f"regions by landmarks need {', '.join(NEEDED)}: the scan has no {', '.join(missing)}")
    marks = {name: point[:2] for name, point in landmarks.points.items()}
    heel = marks["pternion"]
    length = _length(marks)
    centre, spread = HILLS[:, :2].copy(), HILLS[:, 2:].copy()
    ends = (np.array([marks["mth1"], marks["mth5"]]) - heel) / length
    # the ball: stretched, turned and shifted so that its ends lie under the landmarks
    general = HILLS[list(_BALL), :2] + np.array([[0.0, 1.0], [0.0, -1.0]]) * HILLS[list(_BALL), 3:4] * 1.5
    wide = (ends[0, 1] - ends[1, 1]) / (general[0, 1] - general[1, 1])
    share = (HILLS[HEADS, 1] - HILLS[_BALL[1], 1]) / (HILLS[_BALL[0], 1] - HILLS[_BALL[1], 1])
    ahead = HILLS[HEADS, 0] - np.interp(share, [0.0, 1.0], HILLS[list(_BALL[::-1]), 0])
    centre[HEADS, 0] = ends[1, 0] + share * (ends[0, 0] - ends[1, 0]) + ahead
    centre[:, 1] = ends[1, 1] + (HILLS[:, 1] - general[1, 1]) * wide
    centre[:4, 1] = HILLS[:4, 1] * wide + 0.5 * (ends.sum(axis=0)[1] - general.sum(axis=0)[1] * wide) * HILLS[:4, 0]
    spread[:, 1] *= wide
    for k in range(COUNT - TOES.start):
        tip = marks.get(f"toe{k + 1}_tip")
        if tip is not None:
            behind = TIP_MM if k == 0 else 0.6 * TIP_MM
            centre[TOES.start + k] = (tip - heel) / length - [behind, 0.0]
    return Hills(heel, 0.0, length, 1.0, centre, spread, np.ones(COUNT), 0.0)


def _length(marks: dict[str, Array]) -> float:
    """Of the foot: to its longest toe, else from the ball."""
    tips = [point[0] for name, point in marks.items() if name.endswith("_tip") or name == "longest_toe"]
    return float(max(tips, default=marks["mth1"][0] / 0.735) - marks["pternion"][0])
