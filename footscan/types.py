"""The few records of the house. Frozen; arrays are checked and become read-only views; a change returns a new record.

Units are millimetres, kilopascals, newtons, seconds, degrees, at every door and in the name of each scalar.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Array: TypeAlias = npt.NDArray[Any]
Side: TypeAlias = Literal["left", "right", "unknown"]
Load: TypeAlias = Literal["standing", "half", "sitting", "none", "unknown"]
Quality: TypeAlias = Literal["ok", "estimated", "missing"]
R = TypeVar("R", bound="DataclassInstance")

SIDES: tuple[Side, ...] = ("left", "right", "unknown")
LOADS: tuple[Load, ...] = ("standing", "half", "sitting", "none", "unknown")
KPA_MM2_PER_N = 1000.0  #: N = kPa * mm^2 / KPA_MM2_PER_N; the only place where this number stands


def replace(record: R, **changes: Any) -> R:
    """A new record with some fields changed (the old one stays as it is)."""
    return dataclasses.replace(record, **changes)


def frozen_array(name: str, value: npt.ArrayLike, dtype: Any, shape: tuple[int | None, ...], unit: str = "") -> Array:
    """A read-only view of ``value`` as ``dtype`` with the given shape (None: any size); ValueError if it can't be."""
    array = np.asarray(value, dtype=dtype)
    if array.ndim != len(shape) or any(want is not None and want != got for want, got in zip(shape, array.shape)):
        wanted = ", ".join("n" if s is None else str(s) for s in shape) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{name} must be ({wanted}){' in ' + unit if unit else ''}, got {array.shape}")
    view = array.view()
    view.flags.writeable = False
    return view


def _finite(name: str, array: Array) -> None:
    if array.size and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {int((~np.isfinite(array)).sum())} values that are not")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


class _Record:
    """Sets checked values on a frozen dataclass while it is being made."""

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


# ------------------------------------------------------------------ shape


@dataclass(frozen=True, eq=False)
class PointCloud(_Record):
    """points (n, 3) mm, normals (n, 3) or None, frame "scanner" or "foot"."""

    points: Array
    normals: Array | None = None
    frame: Literal["scanner", "foot"] = "scanner"

    def __post_init__(self) -> None:
        self._set("points", frozen_array("points", self.points, np.float64, (None, 3), "mm"))
        _finite("points", self.points)
        if self.normals is not None:
            self._set("normals", frozen_array("normals", self.normals, np.float64, (len(self.points), 3)))
        _one_of("frame", self.frame, ("scanner", "foot"))


@dataclass(frozen=True, eq=False)
class Mesh(_Record):
    """vertices (n, 3) mm, faces (m, 3) int indices into vertices, frame "scanner" or "foot"."""

    vertices: Array
    faces: Array
    frame: Literal["scanner", "foot"] = "scanner"

    def __post_init__(self) -> None:
        self._set("vertices", frozen_array("vertices", self.vertices, np.float64, (None, 3), "mm"))
        _finite("vertices", self.vertices)
        self._set("faces", frozen_array("faces", self.faces, np.int64, (None, 3)))
        if self.faces.size and (self.faces.min() < 0 or self.faces.max() >= len(self.vertices)):
            raise ValueError(
                f"faces must index {len(self.vertices)} vertices, got {self.faces.min()} to {self.faces.max()}"
            )
        _one_of("frame", self.frame, ("scanner", "foot"))


@dataclass(frozen=True, eq=False)
class Scan(_Record):
    """A scan as it was read: ``geometry`` in mm, the ``unit`` that it was taken to be in, where it came from."""

    geometry: PointCloud | Mesh
    unit: str = "mm"
    source: str = ""
    sha256: str = ""


@dataclass(frozen=True, eq=False)
class Landmarks(_Record):
    """Named points: ``points[name]`` is (3,) mm in the foot frame, ``sd[name]`` its standard deviation (3,) mm.

    Names: pternion, heel_landing, heel_medial, heel_lateral, mth1, mth5, toe1_tip … toe5_tip, longest_toe, toe1_bulge,
    toe5_bulge, instep, ankle_bend, malleolus_medial, malleolus_lateral, navicular, arch_apex. A point that
    the scan can't support is left out.
    """

    points: Mapping[str, Array]
    sd: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("points", "sd"):
            items = {k: frozen_array(f"{name}[{k}]", v, np.float64, (3,), "mm") for k, v in getattr(self, name).items()}
            self._set(name, MappingProxyType(items))


@dataclass(frozen=True, eq=False)
class Footprint(_Record):
    """Closed outlines (k, 2) mm in the foot frame, counter-clockwise, the first point not repeated.

    ``height_mm``: the section's height above the floor; ``method``: ``contact_2mm``, ``tread_5mm``, ``outline_25mm``.
    """

    polygons: tuple[Array, ...]
    height_mm: float
    method: str

    def __post_init__(self) -> None:
        polygons = tuple(frozen_array("polygon", p, np.float64, (None, 2), "mm") for p in self.polygons)
        self._set("polygons", polygons)


@dataclass(frozen=True, eq=False)
class SoleSurface(_Record):
    """The underside of a foot as a height field in the foot frame.

    x_mm (nx,), y_mm (ny,) evenly spaced nodes; z_mm (nx, ny) height of the skin above the floor, NaN where there is
    none; ``measured`` (nx, ny) True where scanned points support the value; ``capped`` True where the scanner closed
    the sole with a flat lid (then no height under the arch means anything).
    """

    x_mm: Array
    y_mm: Array
    z_mm: Array
    measured: Array
    capped: bool = False

    def __post_init__(self) -> None:
        self._set("x_mm", frozen_array("x_mm", self.x_mm, np.float64, (None,), "mm"))
        self._set("y_mm", frozen_array("y_mm", self.y_mm, np.float64, (None,), "mm"))
        shape = (len(self.x_mm), len(self.y_mm))
        self._set("z_mm", frozen_array("z_mm", self.z_mm, np.float64, shape, "mm"))
        self._set("measured", frozen_array("measured", self.measured, np.bool_, shape))


@dataclass(frozen=True)
class Measure:
    """One value: ``sd`` is what the processing leaves open, ``sd_total`` adds scanner and repositioning."""

    value: float | str | None
    sd: float | None = None
    sd_total: float | None = None
    method: str = ""
    quality: Quality = "ok"
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.value is None and not self.reason:
            raise ValueError("a missing value must say its reason")

    @classmethod
    def missing(cls, reason: str, method: str = "") -> Measure:
        """The measure that the data can't support."""
        return cls(None, None, None, method, "missing", reason)


@dataclass(frozen=True)
class QualityReason:
    """Why a scan lost points: ``code`` (``sole_flat``, ``leg_short``, ``too_sparse``, …) and a sentence."""

    code: str
    detail: str


@dataclass(frozen=True, eq=False)
class FootMeasurements(_Record):
    """All named values of one foot (keys of docs/measures.md), its side, its load, and how good the scan was."""

    values: Mapping[str, Measure]
    side: Side
    side_from: Literal["detected", "given"] = "detected"
    load: Load = "unknown"
    score: int = 100
    reasons: tuple[QualityReason, ...] = ()

    def __post_init__(self) -> None:
        self._set("values", MappingProxyType(dict(self.values)))
        _one_of("side", self.side, SIDES)
        _one_of("load", self.load, LOADS)

    def __getitem__(self, name: str) -> float | None:
        """The number under ``name``; None where it is missing (``values[name].reason`` says why)."""
        value = self.values[name].value
        return None if value is None or isinstance(value, str) else float(value)


@dataclass(frozen=True, eq=False)
class Foot(_Record):
    """One foot out of a scan, with all that was found of it.

    Everything geometric is in the *right-foot* design frame (x heel to toe, +y to the wearer's left = medial of a right
    foot, z up, pternion at x = 0): a left foot has been mirrored once (``side`` says so). ``T_foot_scanner`` (4, 4)
    takes scanner points to that frame, mirror included (determinant −1 for a left foot).
    """

    cloud: PointCloud
    T_foot_scanner: Array
    landmarks: Landmarks
    footprints: tuple[Footprint, ...]
    sole: SoleSurface
    measurements: FootMeasurements

    def __post_init__(self) -> None:
        self._set("T_foot_scanner", frozen_array("T_foot_scanner", self.T_foot_scanner, np.float64, (4, 4)))

    @property
    def side(self) -> Side:
        """left, right or unknown."""
        return self.measurements.side

    def footprint(self, method: str) -> Footprint:
        """The footprint with that method name; KeyError if there is none."""
        for footprint in self.footprints:
            if footprint.method == method:
                return footprint
        raise KeyError(method)


# ------------------------------------------------------------------ load


@dataclass(frozen=True, eq=False)
class SensorLayout(_Record):
    """Where the cells are.

    xy_mm (cells, 2) centres; area_mm2 (cells,) or None; corners_mm (cells, k, 2) or None; ``frame`` "insole" (x from
    the heel edge to the toe, y to the wearer's left), "plate" (x along the walkway, y to the left of it) or "foot";
    ``shape`` (rows, columns) and ``index`` (cells,) into the flattened grid where there is a grid;
    ``positions`` "mm" or "arbitrary" (then nothing in mm may be computed from them).
    """

    xy_mm: Array
    area_mm2: Array | None = None
    corners_mm: Array | None = None
    frame: Literal["insole", "plate", "foot"] = "insole"
    shape: tuple[int, int] | None = None
    index: Array | None = None
    positions: Literal["mm", "arbitrary"] = "mm"

    def __post_init__(self) -> None:
        self._set("xy_mm", frozen_array("xy_mm", self.xy_mm, np.float64, (None, 2), "mm"))
        _finite("xy_mm", self.xy_mm)
        n = len(self.xy_mm)
        if self.area_mm2 is not None:
            self._set("area_mm2", frozen_array("area_mm2", self.area_mm2, np.float64, (n,), "mm^2"))
            if not (np.isfinite(self.area_mm2).all() and (self.area_mm2 > 0).all()):
                raise ValueError("area_mm2 must be positive and finite")
        if self.corners_mm is not None:
            self._set("corners_mm", frozen_array("corners_mm", self.corners_mm, np.float64, (n, None, 2), "mm"))
        if (self.shape is None) != (self.index is None):
            raise ValueError("shape and index belong together: both or neither")
        if self.shape is not None and self.index is not None:
            self._set("index", frozen_array("index", self.index, np.int64, (n,)))
            if n and (self.index.min() < 0 or self.index.max() >= self.shape[0] * self.shape[1]):
                raise ValueError(f"index must lie in the {self.shape[0]} x {self.shape[1]} grid")
        _one_of("frame", self.frame, ("insole", "plate", "foot"))
        _one_of("positions", self.positions, ("mm", "arbitrary"))


@dataclass(frozen=True, eq=False)
class PressureRecording(_Record):
    """One foot or one plate: values (frames, cells) float32 in ``unit``, time_s (frames,) strictly increasing,
    valid (frames, cells) or None, ``layout``, ``side`` and where it came from, ``full_scale`` in ``unit``."""

    values: Array
    unit: Literal["kPa", "N", "raw"]
    time_s: Array
    layout: SensorLayout
    valid: Array | None = None
    side: Side = "unknown"
    side_from: Literal["content", "filename", "given"] = "content"
    full_scale: float | None = None

    def __post_init__(self) -> None:
        self._set("time_s", frozen_array("time_s", self.time_s, np.float64, (None,), "s"))
        shape = (len(self.time_s), len(self.layout.xy_mm))
        self._set("values", frozen_array("values", self.values, np.float32, shape, self.unit))
        if self.valid is not None:
            self._set("valid", frozen_array("valid", self.valid, np.bool_, shape))
        _finite("time_s", self.time_s)
        if len(self.time_s) > 1 and not (np.diff(self.time_s) > 0).all():
            at = int(np.argmin(np.diff(self.time_s) > 0)) + 1
            raise ValueError(f"time_s must be strictly increasing, it is not at frame {at}")
        _one_of("unit", self.unit, ("kPa", "N", "raw"))
        _one_of("side", self.side, SIDES)

    @property
    def rate_hz(self) -> float | None:
        """Frames a second, from the median interval; None for fewer than two frames."""
        return None if len(self.time_s) < 2 else float(1.0 / np.median(np.diff(self.time_s)))


@dataclass(frozen=True, eq=False)
class Channel(_Record):
    """Anything else in time (IMU, force plate, vendor's CoP, battery): time_s (n,), values (n, k)."""

    name: str
    unit: str
    time_s: Array
    values: Array
    side: Side = "unknown"

    def __post_init__(self) -> None:
        self._set("time_s", frozen_array("time_s", self.time_s, np.float64, (None,), "s"))
        self._set("values", frozen_array("values", self.values, np.float64, (len(self.time_s), None)))


@dataclass(frozen=True)
class Event:
    """A mark in a recording: ``name`` (``heel_strike``, ``toe_off``, …), ``time_s``, ``side``."""

    name: str
    time_s: float
    side: Side = "unknown"


@dataclass(frozen=True, eq=False)
class Recording(_Record):
    """What every reader and recorder returns; ``notes``: what the reader assumed or left out, a sentence each."""

    pressure: tuple[PressureRecording, ...]
    channels: tuple[Channel, ...] = ()
    events: tuple[Event, ...] = ()
    start_utc: str | None = None
    clock: str = "file"
    format: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Step(_Record):
    """One contact: half-open frames ``start``…``stop``, its side, the cells that it covers (cells,) bool;
    ``used`` False where gait values leave it out, with the ``reason``."""

    start: int
    stop: int
    side: Side
    cells: Array
    used: bool = True
    reason: str | None = None

    def __post_init__(self) -> None:
        self._set("cells", frozen_array("cells", self.cells, np.bool_, (None,)))
        if not 0 <= self.start < self.stop:
            raise ValueError(f"a step needs 0 <= start < stop, got {self.start}, {self.stop}")


@dataclass(frozen=True)
class RegionLoads:
    """What a walk says of one foot: ``peak_kpa[region]`` = mean over the used steps of the regional peak;
    ``cell_area_mm2``: the sensor's median cell, None where it is not known."""

    side: Side
    peak_kpa: Mapping[str, float]
    steps: int
    in_shoe: bool
    quantity: Literal["pressure", "force", "raw"] = "pressure"
    cell_area_mm2: float | None = None
