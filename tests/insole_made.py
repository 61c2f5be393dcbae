"""An insole of the test's foot, made as a whole and read back from its STL by upright rays."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from insole_feet import make_foot
from insole_rays import Rays, read_stl

from footscan.types import Array, Foot, Mesh
from insole import InsoleDesign, InsolePrescription, design, solid, stl_bytes

LENGTH = 262.0
FOOT = make_foot(length=LENGTH)
ACROSS = np.arange(-60.0, 60.0, 0.5)
SEAT_X = 0.16 * LENGTH


class Made(Rays):
    """The rays of one prescription's solid on a flat bed (pitch 0 unless asked)."""

    def __init__(self, foot: Foot, **asked: Any) -> None:
        asked.setdefault("shoe_pitch_mm", 0.0)
        self.design: InsoleDesign = design(foot, InsolePrescription(**asked))
        self.mesh = solid(self.design)
        super().__init__(read_stl(stl_bytes(self.mesh)))

    def lowest(self) -> float:
        """The lowest point of the heel's top."""
        x, y = np.meshgrid(np.arange(8.0, 64.0, 4.0), np.arange(-20.0, 20.5, 4.0))
        return float(np.nanmin(self.tops(x.ravel(), y.ravel())))

    def rim(self, x: float, medial: bool) -> float:
        """The highest point of one edge at a station."""
        return float(np.nanmax(self.tops(x, ACROSS[ACROSS > 8.0] if medial else ACROSS[ACROSS < -8.0])))

    def tilt(self, x: float, half: float) -> float:
        """Angle (deg) of the top across, by a line through the middle."""
        y = np.linspace(-half, half, 41)
        return float(np.degrees(np.arctan(np.polyfit(y, self.tops(x, y), 1)[0])))

    def extent(self, x: float) -> tuple[float, float]:
        """Lateral and medial edge of the underside at a station."""
        line = self.design.outline_mm
        near = np.abs(line[:, 0] - x) < 1.0
        return float(line[near, 1].min()), float(line[near, 1].max())

    def ends(self) -> tuple[float, float]:
        """Rear and front end of the underside, from the STL alone (a flat bed)."""
        low = self.c.reshape(-1, 3)
        low = low[low[:, 2] < 1.05]
        return float(low[:, 0].min()), float(low[:, 0].max())


@cache
def plain() -> Made:
    """The default prescription."""
    return Made(FOOT)


def made(**asked: Any) -> Made:
    """The usual foot with what is asked."""
    return Made(FOOT, **asked)


def rise(a: Made, b: Made, points: Array) -> Array:
    """How much higher a's top lies than b's."""
    return np.array([a.top(x, y) - b.top(x, y) for x, y in points])


def grid(x: tuple[float, float], y: tuple[float, float], step: float = 2.0) -> Array:
    """Places (n, 2) evenly over a rectangle."""
    xs, ys = np.meshgrid(np.arange(*x, step), np.arange(*y, step), indexing="ij")
    return np.column_stack([xs.ravel(), ys.ravel()])


def any_foot(rng: np.random.Generator, **more: Any) -> Foot:
    """A right foot of any adult size."""
    length = float(rng.uniform(215.0, 305.0))
    breadth = length * float(rng.uniform(0.345, 0.405))
    return make_foot(length=length, breadth=breadth, arch=float(rng.uniform(6.0, 24.0)), **more)


FULL = {
    "rearfoot_post_deg": 3.0, "met_pad_height_mm": 5.0, "medial_flange_mm": 8.0, "relief_mth1": 3.0, "label": "ORDER-7",
    "heel_lift_mm": 3.0, "lateral_edge_mm": 2.0,
}  # fmt: skip


def make(foot: Foot | None = None, triangles: int = 100_000, **asked: Any) -> tuple[InsoleDesign, Mesh]:
    made = design(foot or make_foot(), InsolePrescription(**asked), triangles)
    return made, solid(made)
