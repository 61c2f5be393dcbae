"""Where the feet of a walk stand: foot progression angle, step length, step width. Plates only.

Definitions as in the GAITRite electronic walkway's (Bilney et al. 2003, doi:10.1016/S0966-6362(02)00053-X): from heel
to heel, along and across the line of progression. That line is straight for a whole walk: the mean direction from each
foot's heel to its own next heel (departure: GAITRite takes a new line for each pair of prints); where no foot comes
twice, the plate's own x axis, along which people walk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from footscan.pressure.metrics import SPATIAL_KEYS
from footscan.pressure.regions import FootGrid
from footscan.types import Array, Side

HEEL = 0.27  #: of a print's length
IN_SHOE = "in-shoe recording: where the feet stand is not known"
NO_BEFORE = "the other foot's print before it is not on the plate"
NO_WALK = "the feet stand beside each other: no walk, no line of progression"
NO_SIDE = "which foot is which is not known"


@dataclass(frozen=True, eq=False)
class Stand:
    """One print: heel_mm (2,) the centre of its heel, forward (2,) its axis, or None both where ``why`` says why;
    ``walk``: which crossing."""

    side: Side
    start_s: float
    walk: int
    heel_mm: Array | None
    forward: Array | None
    why: str | None = None


@dataclass(frozen=True)
class Spatial:
    """Every key of ``metrics.SPATIAL_KEYS``, None where ``reasons`` says why."""

    values: Mapping[str, float | None]
    reasons: Mapping[str, str]


def spatial_values(stands: Sequence[Stand]) -> list[Spatial]:
    """What each print's place says, in the order of ``stands`` (any order, several walks)."""
    lines = {walk: line_of_progression([s for s in stands if s.walk == walk]) for walk in {s.walk for s in stands}}
    return [_of_stand(s, lines[s.walk], _before(s, stands)) for s in stands]


def line_of_progression(stands: Sequence[Stand]) -> Array | None:
    """Unit vector (2,) along which a walk goes; None where nobody walks."""
    heels = {
        side: [s.heel_mm for s in sorted(stands, key=lambda s: s.start_s) if s.side == side and s.heel_mm is not None]
        for side in ("left", "right")
    }
    strides = [b - a for mine in heels.values() for a, b in pairwise(mine)]
    if strides:
        whole = np.sum(strides, axis=0)
        length = float(np.linalg.norm(whole))
        return whole / length if length > 0 else None
    forwards = [s.forward for s in stands if s.forward is not None]
    if not forwards:
        return None
    along = float(np.sum(forwards, axis=0)[0])
    return np.array([1.0 if along >= 0 else -1.0, 0.0])


def _before(stand: Stand, stands: Sequence[Stand]) -> Stand | None:
    """The other foot's last print before this one in the same walk."""
    others = [s for s in stands if s.walk == stand.walk and s.side not in (stand.side, "unknown")]
    earlier = [s for s in others if s.start_s < stand.start_s]
    return max(earlier, key=lambda s: s.start_s, default=None)


def _of_stand(stand: Stand, line: Array | None, before: Stand | None) -> Spatial:
    values: dict[str, float | None] = dict.fromkeys(SPATIAL_KEYS)
    why = stand.why or (NO_SIDE if stand.side == "unknown" else None)
    if stand.heel_mm is None or stand.forward is None or line is None or why is not None:
        return Spatial(values, dict.fromkeys(SPATIAL_KEYS, why or NO_WALK))
    outwards = 1.0 if stand.side == "left" else -1.0  # a left foot turns out to the left
    forward = stand.forward
    turned = float(np.arctan2(line[0] * forward[1] - line[1] * forward[0], line @ forward))
    values["foot_progression_angle_deg"] = outwards * float(np.degrees(turned))
    if before is None or before.heel_mm is None:
        return Spatial(values, dict.fromkeys(SPATIAL_KEYS[1:], NO_BEFORE))
    way = stand.heel_mm - before.heel_mm
    values["step_length_mm"] = float(way @ line)
    values["step_width_mm"] = outwards * float(line[0] * way[1] - line[1] * way[0])
    return Spatial(values, {})


def heel_centre(xy_mm: Array, image: Array, grid: FootGrid) -> Array | None:
    """Centre (2,) of the largest pressures in the rear of a print, ``HEEL`` of its length; None without any.

    xy_mm (cells, 2), image (cells,) each cell's largest value, 0 off the print.
    """
    weight = np.where(grid.along < HEEL, image, 0.0)
    total = float(weight.sum())
    return np.asarray(weight @ xy_mm / total) if total > 0 else None


def nowhere(count: int, why: str = IN_SHOE) -> list[Spatial]:
    """For so many contacts of sensors that don't say where feet stand."""
    empty = Spatial(dict.fromkeys(SPATIAL_KEYS), dict.fromkeys(SPATIAL_KEYS, why))
    return [empty] * count
