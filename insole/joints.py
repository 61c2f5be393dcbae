"""Where a foot gives: its toes turn at the ball, its arch rises and sinks, its ends leave the ground.

What holds each joint is the moment that its tissues and muscles gave it in the recorded instant, and its own passive
stiffness against what it turns from there: a toe that the insole lifts turns up and presses little more than before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.pressure.regions import REGIONS
from footscan.types import KPA_MM2_PER_N, Array
from insole.anatomy import HEEL_STATION, Anatomy
from insole.instants import Stance
from insole.springs import LEVER_MM, Joints

#: of the toes, one joint for the hallux, one for the others. The hallux: 14.9 N·mm/° passively, 0.66 to 53 in 13 feet
#: (J Foot Ankle Res 2016, doi:10.1186/s13047-016-0173-2); the four others together the same: our choice
TOE_NMM_PER_DEG = 15.0
#: of the arch, N a mm at its top: half the body's weight, about 350 N, lowers the instep by 10 mm (275 people,
#: J Foot Ankle Res 2008;1:3). Taken as if all of it stood on the arch's top, as an arch that already carries is the
#: stiffer: our choice
ARCH_N_PER_MM = 35.0
REAR, FRONT = 0.35, 0.55  #: stations up to which, and from which on, heel and forefoot reach
#: of the foot's length: so far back from the heads, and forward from the heel's middle, pads stay down to the last
PADS = 0.08
FAR = 0.7  #: of an arm: so far out the foot's end is what would dip into the bed
ARCH_TOP = 0.45  #: of the foot's length; two straight links from there to the heel and to the heads
#: once the heel has let go the foot turns about its ball up to this angle at the end of the step; before the ball has
#: met the ground its front is up, by this at first (commonly quoted of walking)
HEEL_UP_DEG, FRONT_UP_DEG = 55.0, 20.0
CARRIES = 0.02  #: heel or forefoot carries where it bears so much of the instant's force
LATERAL_SHARE = 0.4  #: the outer border moves so much of what the inner one does: our choice


def joints(where: Anatomy, stance: Stance, recorded_kpa: Array, factor: float) -> Joints:
    """The foot's three joints under the springs of a stance, ``recorded_kpa`` (instants, n) what they bore.

    ``factor``: on the stiffness of all.
    """
    shape = np.stack([*_toes(where, stance), _arch(where, *stance.xy_mm.T)])
    toe = TOE_NMM_PER_DEG * np.degrees(1.0) / LEVER_MM**2  # N·mm a radian, at a lever of LEVER_MM
    held = recorded_kpa @ (shape * stance.area_mm2).T / KPA_MM2_PER_N
    return Joints(shape, held, factor * np.array([toe, toe, ARCH_N_PER_MM]))


def _toes(where: Anatomy, stance: Stance) -> list[Array]:
    """How far hallux and lesser toes, as the recording shows them, sink when they turn down, at LEVER_MM from their
    rear end by 1."""
    x, y = stance.xy_mm.T
    ahead = (x - where.mth_x(y)) / LEVER_MM
    rows = []
    for name in ("hallux", "toes_2_5"):
        mine = stance.on_springs(stance.region == REGIONS.index(name))
        rows.append(np.where(mine, ahead - ahead[mine].min(initial=np.inf), 0.0))
    return rows


def _arch(where: Anatomy, x: Array, y: Array) -> Array:
    """How far the arch sinks when its top sinks by 1."""
    heel, top, front = HEEL_STATION * where.length_mm, ARCH_TOP * where.length_mm, where.mth_x(y)
    along = np.clip(np.minimum((x - heel) / (top - heel), (front - x) / np.maximum(front - top, 1.0)), 0.0, 1.0)
    lateral, medial = where.mth5[1], where.mth1[1]
    across = np.clip((y - lateral) / (medial - lateral), 0.0, 1.0)
    return np.asarray(along * (LATERAL_SHARE + (1.0 - LATERAL_SHARE) * across))


@dataclass(frozen=True, eq=False)
class Turns:
    """How a foot comes down and leaves: ``arms_mm`` (2, n) of the springs behind the ball and ahead of the heel, and
    ``angle_rad`` (2, instants) by which it is turned up there."""

    arms_mm: Array
    angle_rad: Array

    def lifted_mm(self, which: Array) -> Array:
        """(which, n) how far the parts that have left the ground, or have not met it yet, are up in these instants."""
        return np.asarray(np.tan(self.angle_rad[:, which]).T @ self.arms_mm)

    def clear(self, height_mm: Array, which: Array) -> Array:
        """Heights (which, n) of a foot turned further so that the end which carries nothing does not dip into the bed:
        the foot keeps its form."""
        for arm, angle in zip(self.arms_mm, self.angle_rad[:, which]):
            far = arm > FAR * float(arm.max())
            slope = np.maximum(-height_mm[:, far] / arm[far], 0.0).max(axis=1) * (angle > 0)
            height_mm = height_mm + slope[:, None] * arm
        return height_mm


def turns(where: Anatomy, stance: Stance) -> Turns:
    """How the foot turned in each instant, by what heel and forefoot carry.

    Cells that carry nothing do not say how far the foot is above them. It turns about the ball from the instant at
    which the heel lets go, faster and faster; and came down about the heel until the ball met the ground.
    """
    force = stance.pressure_kpa * stance.area_of_cell_mm2
    u = stance.middle_mm[:, 0] / where.length_mm
    heel, front = force[:, u < REAR].sum(axis=1), force[:, u > FRONT].sum(axis=1)
    least = CARRIES * force.sum(axis=1)
    share = np.zeros((2, len(stance.step)))
    for number in np.unique(stance.step):
        mine = np.flatnonzero(stance.step == number)
        last, first = mine[heel[mine] > least[mine]], mine[front[mine] > least[mine]]
        if len(last):
            share[0, mine] = (mine - last[-1]) / max(mine[-1] - last[-1], 1)
        if len(first):
            share[1, mine] = (first[0] - mine) / max(first[0] - mine[0], 1)
    angle = np.radians([[HEEL_UP_DEG], [FRONT_UP_DEG]]) * np.clip(share, 0.0, 1.0) ** 2
    x, y = stance.xy_mm.T
    arms = np.stack([where.mth_x(y) - x - PADS * where.length_mm, x - (HEEL_STATION + PADS) * where.length_mm])
    return Turns(np.maximum(arms, 0.0), angle)
