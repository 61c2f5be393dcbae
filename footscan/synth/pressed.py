"""Prints of feet that are all different and whose regions are known: a drawn anatomy presses on any layout.

A foot is fourteen soft ellipses (two of the heel, two of the midfoot, five heads, five toes) at places, with sizes and
loads that are drawn around those of ``patches``. The pressure of a cell is the mean over its area. What is true of a
place follows from the anatomy alone, never from the pressure: it belongs to the ellipse it lies deepest in; heel and
midfoot are halved by the line from the heel's middle to the middle between the first and the fifth head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from footscan.synth.patches import _PATCHES, REGIONS, Place, weights
from footscan.types import KPA_MM2_PER_N, Array, SensorLayout, Side

Arch = Literal["high", "normal", "flat"]
Toes = Literal["pressing", "light", "lifted"]

_NUMBERS = np.array([k for k, name in enumerate(REGIONS) for _ in _PATCHES[name]])
_HEEL, _MIDFOOT, _HEADS, _HALLUX, _TOES = (0, 1), (2, 3), (4, 5, 6, 7, 8), 9, (10, 11, 12, 13)
_ARCH_LOAD: dict[Arch, tuple[float, float]] = {"high": (0.0, 0.0), "normal": (1.0, 1.0), "flat": (8.0, 1.8)}
_TOE_LOAD: dict[Toes, float] = {"pressing": 1.0, "light": 0.3, "lifted": 0.0}


@dataclass(frozen=True, eq=False)
class PressedFoot:
    """centre, spread (14, 2) in foot lengths (x from the heel, y medial), load (14,) share of the force at its own
    largest moment, power: 2 a bell, more a plateau; order of rows as in ``patches``."""

    side: Side
    length_mm: float
    centre: Array
    spread: Array
    load: Array
    power: float
    arch: Arch
    toes: Toes


@dataclass(frozen=True, eq=False)
class PressedPrint:
    """image (cells,) largest pressure kPa, 0 below the threshold; regions (cells,) index into ``patches.REGIONS`` of
    where each cell's centre lies, whether it is loaded or not."""

    layout: SensorLayout
    image: Array
    regions: Array
    foot: PressedFoot
    place: Place


def draw_foot(
    rng: np.random.Generator,
    side: Side | None = None,
    length_mm: float | None = None,
    arch: Arch | None = None,
    toes: Toes | None = None,
    breadth: float | None = None,
) -> PressedFoot:
    """A random foot: what is None is drawn. ``breadth``: factor on all that is measured across the foot."""
    side = side or ("left" if rng.random() < 0.5 else "right")
    arch = arch or ("high", "normal", "flat")[int(rng.choice(3, p=[0.25, 0.5, 0.25]))]  # type-narrowed below
    toes = toes or ("pressing", "light", "lifted")[int(rng.choice(3, p=[0.6, 0.3, 0.1]))]
    rows = np.array([row for name in REGIONS for row in _PATCHES[name]])
    wide = rng.uniform(0.92, 1.08) if breadth is None else breadth
    centre = rows[:, :2] * [1.0, wide]
    spread = rows[:, 2:4] * [1.0, wide] * np.exp(rng.normal(0.0, 0.08, (len(rows), 1)))
    # the ball turns and bends as a whole, then each head and toe has its own place
    centre[4:, 0] += rng.normal(0.0, 0.010) + rng.normal(0.0, 0.06) * centre[4:, 1]
    centre[9:, 1] += rng.normal(0.0, 0.008)
    centre += rng.normal(0.0, 1.0, centre.shape) * np.repeat([0.006, 0.008, 0.006], [4, 5, 5])[:, None] * [1.0, 0.7]
    load = np.exp(rng.normal(0.0, 0.25, len(rows)))
    load[list(_MIDFOOT)] *= _ARCH_LOAD[arch]
    if toes != "pressing":
        load[list(_TOES)] *= _TOE_LOAD[toes]
        load[_HALLUX] *= 0.5
    size = float(rng.uniform(215.0, 300.0)) if length_mm is None else length_mm
    return PressedFoot(side, size, centre, spread, load, float(rng.uniform(1.8, 3.0)), arch, toes)


def press(
    foot: PressedFoot,
    layout: SensorLayout,
    place: Place,
    force_n: float = 800.0,
    threshold_kpa: float = 0.0,
    noise_kpa: float = 0.0,
    rng: np.random.Generator | None = None,
    points: int = 5,
) -> PressedPrint:
    """What a whole step of ``foot`` leaves on a layout: each cell's largest pressure over stance.

    ``place``: heel, turn and softness (its ``foot_mm`` is the foot's own). Noise is Gaussian; a reading below the
    threshold is 0. A cell's pressure is the mean over points x points places of it.
    """
    places = _places_of_cells(layout, points)
    local = in_foot(places.reshape(-1, 2), foot, place)
    r = depths(local, foot, place.soft)
    fields = np.exp(-0.5 * r**foot.power)
    fields = np.maximum(fields - 0.03, 0.0).reshape(*places.shape[:2], -1).mean(axis=1)
    newton = np.asarray(layout.area_mm2) @ fields / KPA_MM2_PER_N
    phase = np.linspace(0.0, 1.0, 81)
    share = weights(phase, np.zeros_like(phase)) * foot.load
    share = share / share.sum(axis=1, keepdims=True)
    pressure = share * force_n @ (fields / np.where(newton > 0.0, newton, 1.0)).T
    image = pressure.max(axis=0)
    if noise_kpa > 0.0 and rng is not None:
        image = image + rng.normal(0.0, noise_kpa, image.shape) * (image > 0.0)
    image = np.where(image > threshold_kpa, image, 0.0)
    return PressedPrint(layout, image, region_at(layout.xy_mm, foot, place), foot, place)


def in_foot(xy_mm: Array, foot: PressedFoot, place: Place) -> Array:
    """Points (n, 2) mm of a layout in foot lengths, x from the heel, y medial."""
    mirror = -1.0 if foot.side == "left" else 1.0
    turn = -mirror * np.deg2rad(place.toe_out_deg)
    R = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray(((xy_mm - [place.x_mm, place.y_mm]) @ R) * [1.0, mirror] / foot.length_mm)


def depths(local: Array, foot: PressedFoot, soft: float = 1.0) -> Array:
    """How far (n, 14) points lie out of each ellipse: 0 in its middle, 1 a spread away."""
    away = (local[:, None] - foot.centre) / (foot.spread * soft)
    return np.asarray(np.hypot(away[..., 0], away[..., 1]))


def region_at(xy_mm: Array, foot: PressedFoot, place: Place) -> Array:
    """The region (n,) of each point, index into ``patches.REGIONS``."""
    local = in_foot(xy_mm, foot, place)
    nearest = depths(local, foot).argmin(axis=1)
    found = _NUMBERS[nearest]
    heel = foot.centre[list(_HEEL)].mean(axis=0)
    ball = foot.centre[[_HEADS[0], _HEADS[-1]]].mean(axis=0)
    middle = heel[1] + (local[:, 0] - heel[0]) * (ball[1] - heel[1]) / (ball[0] - heel[0])
    lateral = local[:, 1] < middle
    rear = nearest < _HEADS[0]
    return np.asarray(np.where(rear, 2 * (found // 2) + lateral, found))


def _places_of_cells(layout: SensorLayout, points: int) -> Array:
    """Places (cells, k, 2) mm spread evenly over each cell: over its four corners, else over a square of its area."""
    if layout.area_mm2 is None:
        raise ValueError("a print needs a layout with area_mm2, got None")
    at = (np.arange(points) + 0.5) / points
    u, v = (axis.ravel() for axis in np.meshgrid(at, at, indexing="ij"))
    if layout.corners_mm is not None and layout.corners_mm.shape[1] == 4:
        shares = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v], axis=1)
        return np.asarray(np.einsum("pk,nkd->npd", shares, layout.corners_mm))
    side_mm = np.sqrt(layout.area_mm2)[:, None, None]
    return np.asarray(layout.xy_mm[:, None] + (np.column_stack([u, v]) - 0.5) * side_mm)
