"""The shoe's bed that the finished insole is bent onto: by its pitch, or as it was measured."""

from __future__ import annotations

import numpy as np

from footscan.types import Array
from insole.anatomy import HEEL_STATION, Anatomy
from insole.curves import gaussian, step
from insole.errors import DesignError
from insole.outline import Outline
from insole.types import InsolePrescription, Points

STEP_MM = 0.25
BEYOND_MM = 40.0  #: the bed goes on that far in front of the insole, 20 mm behind it
SMOOTH_MM = 8.0  #: a measured bed is smoothed over this
COVERED = (0.12, 0.70)  #: a measured bed must reach from here to here (of the foot's length)


class Bed:
    """The bed's middle line: by pitch it is level under the heel seat, level from the ball on, a smooth slope between.

    Its length is kept, so a point's x shrinks a little on the slope (0.4 mm in all at a pitch of 10 mm). Heights are
    added to the bed's upright: thickness measured upright is the same as on the flat bed.
    """

    def __init__(self, anatomy: Anatomy, line: Outline, rx: InsolePrescription) -> None:
        self.s = np.arange(min(line.start, 0.0) - 0.5 * BEYOND_MM, line.end + BEYOND_MM, STEP_MM)
        seat, ball = HEEL_STATION * anatomy.length_mm, 0.5 * float(anatomy.mth1[0] + anatomy.mth5[0])
        if rx.bed_points_mm is None:
            self.z = rx.shoe_pitch_mm * (1.0 - step(self.s, seat, ball))
            slope = np.gradient(self.z, self.s)
            dx = np.sqrt(1.0 - slope**2)
            x = np.concatenate([[0.0], np.cumsum(0.5 * (dx[1:] + dx[:-1]) * np.diff(self.s))])
            self.x = x - x[0] + self.s[0]  # the heel keeps its place
        else:
            self.x, self.z = _measured(rx.bed_points_mm, self.s, anatomy.length_mm)
        at_seat, at_ball = np.interp([seat, ball], self.s, self.z)
        self.pitch_mm = float(at_seat - at_ball)

    def onto(self, x: Array, y: Array, z: Array) -> Array:
        """Points of the flat design (rows, columns) -> (rows, columns, 3) on the bed."""
        bent = np.interp(x, self.s, self.x), y, z + np.interp(x, self.s, self.z)
        return np.stack(np.broadcast_arrays(*bent), axis=-1)


def _measured(points: Points, s: Array, length_mm: float) -> tuple[Array, Array]:
    """x and z at the lengths ``s`` along a measured bed, smoothed, level beyond its ends; s = x = 0 at the heel's rear.

    DesignError where it does not reach from the heel to the ball.
    """
    given = np.array(points)
    reach, needed = (given[0, 0], given[-1, 0]), tuple(share * length_mm for share in COVERED)
    if reach[0] > needed[0] or reach[1] < needed[1]:
        limit = f"the bed at least from {needed[0]:.0f} to {needed[1]:.0f} mm, heel to ball"
        raise DesignError(
            "bed_points_mm", f"{reach[0]:.0f} to {reach[1]:.0f} mm", limit, change={"bed_points_mm": None}
        )
    x = np.arange(s[0], s[-1] + STEP_MM, STEP_MM)
    z = gaussian(np.interp(x, given[:, 0], given[:, 1]), SMOOTH_MM / STEP_MM)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    along -= np.interp(0.0, x, along)
    return np.interp(s, along, x), np.interp(s, along, z)
