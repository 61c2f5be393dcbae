"""Scan and pressure in one foot frame: where a scanned foot stood on a plate or lies in a shoe.

A foot's sole says where it would touch a floor it sinks into; a step's largest pressures say where it did. Both are
turned into contact, 0 to 1, that knows edges rather than loads (a heel carries more than a toe, whatever their shape),
and the one is moved over the other: two shifts, a turn, and the depth of sinking. Robust least squares from several
starts around the two prints' own axes. Nothing is scaled: a print that would fit better larger or smaller than the
foot is another foot's. The foot's mirror image is tried too: where it fits better, the print is of the other side.

A scanner that closed the sole with a flat lid leaves no contact to compare: the structures that the landmarks name
stand for it, and the fit is coarser (``method`` says which).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from scipy import ndimage

from footscan.errors import ScanError
from footscan.io.files import PathLike
from footscan.pressure import masks, overlay
from footscan.pressure.hills import region_of
from footscan.pressure.landmarked import hills_of_landmarks
from footscan.pressure.masks import Mask
from footscan.pressure.overlay import contact
from footscan.pressure.regions import REGIONS, foot_frame
from footscan.types import Array, Foot, SensorLayout, Side, SoleSurface, _Record, frozen_array

LEAST_OVERLAP = {"plate": 0.75, "insole": 0.65}  #: of contact seen and expected (Dice): below it they are no match
MOST_SCALE = 0.04  #: by which a print may seem larger or smaller than its foot (two thirds of a size are 0.017)
LIDDED_SEEMS = 0.97  #: what a true print seems to be of a lidded sole's: hills on landmarks reach a little too far
OTHER_SIDE = 0.02  #: by which the mirrored foot must overlap better to say that the print is of the other side

_SINK_MM = 5.0  #: start of the depth to which the foot sinks
_ROUNDS = 25
_STEPS = np.array([0.4, 0.4, 0.004, 0.2, 0.004])  #: mm, mm, rad, mm, log


@dataclass(frozen=True, eq=False)
class Registration(_Record):
    """A foot laid on a sensor.

    T_foot_sensor (4, 4): from the sensor's (x, y, 0) mm into the foot's frame, that of ``Foot``: a left foot is
    mirrored; ``T_foot_plate`` and ``T_foot_insole`` are the same, each only for its own sensor. xy_foot_mm (cells, 2)
    the cells in the foot frame; landmarks_mm: the foot's landmarks (2,) on the sensor. overlap: Dice of contact;
    rms_mm: how far edges lie apart; scale: of the print to the foot, were it free; method: ``sole`` or ``landmarks``.
    """

    T_foot_sensor: Array
    frame: Literal["plate", "insole", "foot"]
    side: Side
    xy_foot_mm: Array
    landmarks_mm: Mapping[str, Array]
    overlap: float
    rms_mm: float
    scale: float
    method: Literal["sole", "landmarks"]

    def __post_init__(self) -> None:
        self._set("T_foot_sensor", frozen_array("T_foot_sensor", self.T_foot_sensor, np.float64, (4, 4)))
        self._set("xy_foot_mm", frozen_array("xy_foot_mm", self.xy_foot_mm, np.float64, (None, 2), "mm"))

    @property
    def T_foot_plate(self) -> Array:
        """T_foot_sensor of a plate; ValueError of an insole."""
        return self._of("plate")

    @property
    def T_foot_insole(self) -> Array:
        """T_foot_sensor of an insole; ValueError of a plate."""
        return self._of("insole")

    def _of(self, frame: str) -> Array:
        if self.frame != frame:
            raise ValueError(f"this registration is of cells in the frame {self.frame!r}, not {frame!r}")
        return self.T_foot_sensor


def register(
    foot: Foot, layout: SensorLayout, image: Array, side: Side = "unknown", heading: Array | None = None
) -> Registration:
    """Where ``foot`` stood.

    Parameters
    ----------
    image : (cells,) largest pressure of each cell of a step, 0 where the foot was not
    side : of the step, as far as it is known
    heading : (2,) roughly from heel to toes; None: +x

    Raises
    ------
    ScanError : sides unknown or different, a print without heel or forefoot, one that the foot doesn't fit
    """
    if foot.side == "unknown":
        raise ScanError("a scan whose side is not known can't be laid on a print")
    if side not in ("unknown", foot.side):
        raise ScanError(f"expected the print of a {foot.side} foot as scanned, found that of a {side} one")
    if layout.positions != "mm":
        raise ScanError("a foot can be laid only on cells whose places are known in mm")
    sole = _Sole.of(foot)
    seen = contact(np.asarray(image, np.float64))
    cell_mm = float(np.sqrt(np.median(layout.area_mm2))) if layout.area_mm2 is not None else 10.0
    found = _fit(sole, layout, image, seen, foot.side, heading, cell_mm)
    other: Side = "left" if foot.side == "right" else "right"
    turned = _fit(sole, layout, image, seen, other, heading, cell_mm)
    if turned.overlap > found.overlap + OTHER_SIDE:
        raise ScanError(
            f"expected the print of a {foot.side} foot as scanned, found one that its mirror image fits better"
            f" (overlap {turned.overlap:.2f} against {found.overlap:.2f}); swap the sides or the files"
        )
    seems = found.scale / (LIDDED_SEEMS if sole.method == "landmarks" else 1.0)
    if abs(seems - 1.0) > MOST_SCALE:
        raise ScanError(
            f"expected a print of the scanned foot, found one {abs(seems - 1.0):.0%}"
            f" {'larger' if seems > 1.0 else 'smaller'}: it is another foot's"
        )
    least = LEAST_OVERLAP["insole" if layout.frame == "insole" else "plate"]
    if found.overlap < least:
        raise ScanError(
            f"expected the scanned foot's contact to cover the print by {least:.2f} or more, found"
            f" {found.overlap:.2f}: it is another foot's, or the step was not whole"
        )
    T = _matrix(found.A, found.t)
    back = np.linalg.inv(T)
    marks = {name: (back[:2, :2] @ p[:2] + back[:2, 3]) for name, p in foot.landmarks.points.items()}
    return Registration(
        T,
        layout.frame,
        foot.side,
        layout.xy_mm @ found.A.T + found.t,
        MappingProxyType(marks),
        found.overlap,
        found.rms_mm,
        found.scale,
        sole.method,
    )


def _matrix(A: Array, t: Array) -> Array:
    T = np.eye(4)
    T[:2, :2], T[:2, 3] = A, t
    return T


# ------------------------------------------------------------------ what the foot would touch


@dataclass(frozen=True, eq=False)
class _Sole:
    """height (nx, ny) mm of the skin over even nodes from ``origin`` (2,), ``step`` mm apart, in the foot frame."""

    height: Array
    origin: Array
    step: float
    method: Literal["sole", "landmarks"]

    @classmethod
    def of(cls, foot: Foot) -> _Sole:
        sole = foot.sole
        step = float(sole.x_mm[1] - sole.x_mm[0])
        height = _by_landmarks(foot, sole) if sole.capped else np.where(np.isfinite(sole.z_mm), sole.z_mm, 40.0)
        padded = np.pad(height, 12, constant_values=40.0)
        origin = np.array([sole.x_mm[0], sole.y_mm[0]]) - 12 * step
        return cls(padded, origin, step, "landmarks" if sole.capped else "sole")

    def contact(self, sink_mm: float, cell_mm: float) -> Array:
        """Expected contact at the nodes, as cells of that size see it."""
        depth = np.maximum(max(sink_mm, 0.5) - self.height, 0.0)
        size = max(round(cell_mm / self.step) | 1, 1)
        return contact(ndimage.uniform_filter(depth, size=size, mode="nearest"))

    def at(self, field: Array, xy: Array) -> Array:
        """A field of the nodes at places (n, 2) mm of the foot frame; 0 beyond."""
        place = ((xy - self.origin) / self.step).T
        return np.asarray(ndimage.map_coordinates(field, place, order=1, cval=0.0))


def _by_landmarks(foot: Foot, sole: SoleSurface) -> Array:
    """Heights that touch where the landmarks' structures press: as a flat lid says nothing of its own."""
    hills = hills_of_landmarks(foot.landmarks)
    x, y = np.meshgrid(sole.x_mm, sole.y_mm, indexing="ij")
    uv = hills.in_foot(np.column_stack([x.ravel(), y.ravel()]))
    away = (uv[:, None] - hills.centre) / hills.spread
    load = np.exp(-0.5 * (away**2).sum(axis=2))
    load[:, 2] *= 0.1  # the arch's inner side
    touching = np.minimum(load.sum(axis=1), 1.0).reshape(x.shape)
    return np.asarray(2.0 * _SINK_MM * (1.0 - touching))


# ------------------------------------------------------------------ the fit


@dataclass(frozen=True, eq=False)
class _Fit:
    """A (2, 2), t (2,): foot = A · sensor + t."""

    A: Array
    t: Array
    overlap: float
    rms_mm: float
    scale: float


def _fit(
    sole: _Sole, layout: SensorLayout, image: Array, seen: Array, side: Side, heading: Array | None, cell_mm: float
) -> _Fit:
    # stage 1: the two prints' own axes upon each other
    A, t, size = _start(sole, layout, image, side, heading)
    near = layout.xy_mm @ A.T + t
    extent = np.array(sole.height.shape) * sole.step
    inside = ((near > sole.origin - 10.0) & (near < sole.origin + extent + 10.0)).all(axis=1)
    xy, target = near[inside], seen[inside]
    # stage 2: the best of several starts, then to the end
    pivot = xy[target > 0.5].mean(axis=0)

    @functools.lru_cache(maxsize=8)  # most steps of a fit leave the depth as it was
    def field(sink_mm: float) -> Array:
        return sole.contact(sink_mm, cell_mm)

    def expected(x: Array) -> Array:
        R, shift = _rigid(x, pivot)
        return sole.at(field(float(x[3])), xy @ R.T + shift)

    starts = [
        np.array([ahead, 0.0, turn, _SINK_MM, 0.0]) for turn in (-0.09, 0.0, 0.09) for ahead in (-12.0, 0.0, 12.0)
    ]
    _, x = min((overlay.descend(expected, s, target, _STEPS, 4, 4) for s in starts), key=lambda trial: trial[0])
    _, x = overlay.descend(expected, x, target, _STEPS, _ROUNDS, 4)
    # stage 3: how good it is, and whether another size would be better
    found = expected(x)
    slopes = overlay.slopes(expected, x, _STEPS, 2)
    rms = float(np.sqrt(((found - target) ** 2).sum() / max(float((slopes**2).sum()), 1e-9)))
    sized = (x, x + np.array([0.0, 0.0, 0.0, 0.0, np.log(size)]))
    _, free = min((overlay.descend(expected, s, target, _STEPS, _ROUNDS, 5) for s in sized), key=lambda trial: trial[0])
    R, shift = _rigid(x, pivot)
    return _Fit(R @ A, R @ t + shift, overlay.overlap(found, target), rms, float(np.exp(-free[4])))


def _start(
    sole: _Sole, layout: SensorLayout, image: Array, side: Side, heading: Array | None
) -> tuple[Array, Array, float]:
    """A (2, 2) and t (2,) by the two prints' axes and rear ends; how much longer the expected print is."""
    field = sole.contact(_SINK_MM, sole.step)
    nodes = np.argwhere(field > 0.3)
    own = SensorLayout(sole.origin + nodes * sole.step, np.full(len(nodes), sole.step**2), frame="plate")
    mine = foot_frame(own, field[tuple(nodes.T)], "right")  # the foot frame is a right foot's
    theirs = foot_frame(layout, image, side, heading)
    A = np.column_stack([mine.forward, mine.lateral]) @ np.vstack([theirs.forward, theirs.lateral])
    return A, mine.heel_mm - A @ theirs.heel_mm, mine.length_mm / theirs.length_mm


def _rigid(x: Array, pivot: Array) -> tuple[Array, Array]:
    """R (2, 2), scale and all, and shift (2,): a turn about the pivot, then the shifts."""
    c, s = np.cos(x[2]), np.sin(x[2])
    R = np.exp(x[4]) * np.array([[c, -s], [s, c]])
    return R, x[:2] + pivot - R @ pivot


def _expected(x: Array, sole: _Sole, xy: Array, pivot: Array, cell_mm: float) -> Array:
    R, shift = _rigid(x, pivot)
    return sole.at(sole.contact(float(x[3]), cell_mm), xy @ R.T + shift)


# ------------------------------------------------------------------ regions


def landmark_mask(feet: Sequence[Foot], spec: str = "landmarks") -> Mask:
    """Regions by the anatomy of the person's own feet, one scanned foot a side.

    Each step's print is registered to the scanned foot of its side (in a shoe: all its steps at once); a cell is then
    of the structure that the foot's landmarks put there (``footscan.pressure.landmarked``).

    Raises
    ------
    ScanError : no foot, two feet of a side, a side that is not known, landmarks that are missing; when it is used: the
        step is of a foot that was not scanned, or ``register`` refuses it
    """
    by_side: dict[Side, Foot] = {}
    for foot in feet:
        if foot.side == "unknown" or foot.side in by_side:
            raise ScanError(f"expected at most one scanned foot of each known side, found {foot.side} again or unknown")
        by_side[foot.side] = foot
    if not by_side:
        raise ScanError("expected a scanned foot, found none")
    hills = {side: hills_of_landmarks(foot.landmarks) for side, foot in by_side.items()}

    def find(layout: SensorLayout, image: Array, side: Side, heading: Array | None) -> Array:
        if side not in by_side:
            raise ScanError(f"a step of the {side} foot, whose scan was not given")
        placed = register(by_side[side], layout, image, side, heading)
        return region_of(hills[side], placed.xy_foot_mm)

    return Mask(spec, REGIONS, find)


def mask_of(spec: str | PathLike | Mask = "auto") -> Mask:
    """``footscan.pressure.masks.mask_of``, and ``landmarks:SCAN``: a scan of one foot or two, or several files parted
    by ``;``. Errors as there, and those of reading and measuring a scan."""
    if isinstance(spec, str) and spec.startswith("landmarks:"):
        from footscan.feet import find_feet, read_scan

        files = [name for name in spec.partition(":")[2].split(";") if name]
        if not files:
            raise ValueError(f"mask landmarks:SCAN must name a scan, got {spec!r}")
        return landmark_mask([foot for file in files for foot in find_feet(read_scan(file), uncertainty=False)], spec)
    return masks.mask_of(spec)
