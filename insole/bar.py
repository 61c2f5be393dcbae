"""Where a metatarsal bar's front edge lies by the pressure under the heads (``met_bar_front_mm``)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import interpolate

from footscan.types import Array, Foot
from insole.anatomy import anatomy
from insole.curves import gaussian
from insole.instants import Stance, middle_stance

#: a bar's front at 77 % of the peak lowered pressures most often, of three placements, in 60 people with diabetes and
#: neuropathy (Martinez-Santos 2019, J Foot Ankle Res 12:35, doi:10.1186/s13047-019-0344-z)
SHARE_OF_PEAK = 0.77
LINES = 25  #: across the foot, from the fifth head to the first
STEP_MM = 0.5
AROUND_MM = 16.0  #: the peak is looked for so near the line of the heads
BACK_MM = 45.0  #: and the contour so far behind it


def bar_front_of_walk(foot: Foot, stances: Sequence[Stance]) -> tuple[tuple[float, float], ...]:
    """``bar_front`` by the mean peaks of a recorded walk laid under this foot (``insole.stance_instants``)."""
    stance = stances[middle_stance(stances)]
    return bar_front(foot, stance.middle_mm, stance.mean_peak(stance.pressure_kpa))


def bar_front(foot: Foot, xy_mm: Array, peak_kpa: Array) -> tuple[tuple[float, float], ...]:
    """The 77 %-of-peak contour behind the peaks under the heads, as points [x, y] from lateral to medial.

    Parameters
    ----------
    foot : whose heads they are
    xy_mm : (n, 2) places of the cells in the right-foot design frame (y medial), mm
    peak_kpa : (n,) each cell's peak over the walk; NaN where a cell is dead

    Raises ValueError where no cell lies under the heads.
    """
    where = anatomy(foot)
    points, peak = np.asarray(xy_mm, dtype=float), np.asarray(peak_kpa, dtype=float)
    if points.shape != (len(peak), 2):
        raise ValueError(f"xy_mm must be (n, 2) and peak_kpa (n,), got {points.shape} and {peak.shape}")
    known = np.isfinite(peak)
    if known.sum() < 8:
        raise ValueError(f"a contour needs at least 8 cells with a peak, got {int(known.sum())}")
    field = interpolate.LinearNDInterpolator(points[known], peak[known], fill_value=0.0)
    y = np.linspace(where.heads[4, 1], where.heads[0, 1], LINES)
    along = np.arange(AROUND_MM, -BACK_MM, -STEP_MM)[None, :]  # from in front of the heads backwards
    line = where.mth_x(y)[:, None]
    found = np.asarray(field(line + along, np.broadcast_to(y[:, None], (LINES, along.shape[1]))))
    near = found[:, : int(2 * AROUND_MM / STEP_MM)]
    top, peaks = near.argmax(axis=1), near.max(axis=1)
    if not peaks.max() > 0:
        raise ValueError("no cell under the metatarsal heads carries any load")
    behind = np.arange(along.shape[1])[None, :] >= top[:, None]
    below = behind & (found < SHARE_OF_PEAK * peaks[:, None])
    first = np.where(below.any(axis=1), below.argmax(axis=1), along.shape[1] - 1)
    x = (line + along)[np.arange(LINES), first]
    x = np.interp(y, y[peaks > 0], x[peaks > 0])
    return tuple((float(a), float(b)) for a, b in zip(np.round(gaussian(x, 1.5), 2), np.round(y, 2)))
