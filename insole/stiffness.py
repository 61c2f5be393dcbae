"""Where an insole should be how stiff: from the pressure of a walk and the prescription to a map of relative density.

The body's infill gives the modulus of a usual insole board, scaled with the wearer's mass. Where the foot presses more
than the mean of its peaks over the area that it loads, the modulus falls by that much: a bed of springs under a foot
that sinks the same then carries the mean everywhere. A relief whose depth found no room is made up for by as much more
sinking under that pressure. Nowhere does the map fall so low that the cells would be shut under the pressure that was
recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from footscan.types import Array, RegionLoads
from insole.anatomy import HEEL_STATION, Anatomy
from insole.checks import columns
from insole.curves import step
from insole.errors import DesignError
from insole.features import BASE5_STATION, NAVICULAR_STATION, RELIEF_CORE_MM, RELIEF_WALL_MM
from insole.materials import Material
from insole.types import InsoleDesign

STEP_MM = 1.0
BODY_MPA = 1.5  #: modulus of the body's infill for a wearer of 70 kg: as an insole board of Shore 35A (commonly quoted)
USUAL_MASS_KG = 70.0
BODY_DENSITY = (0.10, 0.60)  #: what slicers print well between these
LEAST_DENSITY = 0.08
SOFTEST = 0.3  #: of the body's modulus, by pressure alone
SHUT_SHARE = 0.6  #: of the strain at which the cells are shut, that the recorded pressure may reach
LOADED = 0.1  #: of the highest peak: what counts as loaded
USUAL_PEAK_KPA = 200.0  #: where no pressure was recorded

#: region -> station, across (−1 lateral … 1 medial) where no landmark says it, spread along and across (foot lengths)
_REAR: Mapping[str, tuple[float, float, float, float]] = {
    "heel_medial": (0.13, 0.30, 0.065, 0.060),
    "heel_lateral": (0.13, -0.30, 0.065, 0.060),
    "midfoot_medial": (0.42, 0.35, 0.080, 0.045),
    "midfoot_lateral": (0.42, -0.45, 0.090, 0.045),
}
_HEAD_SPREAD = (0.045, 0.036)
_TOE_SPREAD = (0.045, 0.036)


@dataclass(frozen=True)
class PrintSettings:
    """How a body or a zone is printed: relative density of its infill, shells, layer height and line width."""

    density: float = 0.24
    perimeters: int = 2
    top_layers: int = 3
    bottom_layers: int = 3
    layer_mm: float = 0.2
    line_mm: float = 0.45

    def __post_init__(self) -> None:
        for name, low, high in (
            ("density", 0.0, 1.0),
            ("perimeters", 0, 10),
            ("top_layers", 0, 20),
            ("bottom_layers", 0, 20),
            ("layer_mm", 0.05, 0.6),
            ("line_mm", 0.15, 1.5),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise DesignError(name, value, f"{low:g} to {high:g}", min(max(value, low), high))

    @property
    def skin_mm(self) -> float:
        """Solid material above and below the infill."""
        return (self.top_layers + self.bottom_layers) * self.layer_mm


@dataclass(frozen=True, eq=False)
class Raster:
    """The insole from above, every ``STEP_MM``: ``x_mm`` (nx,), ``y_mm`` (ny,), ``thickness_mm`` (nx, ny) printed, 0
    outside, and ``edge_mm`` (nx, ny) the distance from the rim; right-foot design frame."""

    x_mm: Array
    y_mm: Array
    thickness_mm: Array
    edge_mm: Array

    def at(self, values: Array, x: Array, y: Array) -> Array:
        """``values`` (nx, ny) at points of any shape; beyond the grid that of its border."""
        i, j = (x - self.x_mm[0]) / STEP_MM, (y - self.y_mm[0]) / STEP_MM
        return np.asarray(ndimage.map_coordinates(values, [i, j], order=1, mode="nearest"))


def raster(design: InsoleDesign) -> Raster:
    """Thickness and distance from the rim of a design, on an even grid."""
    nodes = np.dstack([design.top_mm[..., :2], design.thickness_mm]).reshape(-1, 3)
    rows, count = design.thickness_mm.shape
    index = np.arange(rows * count).reshape(rows, count)
    a, b, c, d = index[:-1, :-1].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel(), index[:-1, 1:].ravel()
    faces = np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])])
    cell, z, _, low, shape = columns(nodes, faces, STEP_MM)
    thickness = np.zeros(shape[0] * shape[1])
    thickness[cell] = z
    thickness = np.pad(thickness.reshape(shape), 2)
    x, y = (low[k] + STEP_MM * (np.arange(thickness.shape[k]) - 2.0) for k in (0, 1))
    edge = ndimage.distance_transform_edt(thickness > 0) * STEP_MM
    return Raster(x, y, thickness, edge)


def body_density(material: Material, body_mass_kg: float | None) -> float:
    """Relative density of the body's infill for a wearer; 70 kg where the mass is not known."""
    modulus = BODY_MPA * (body_mass_kg or USUAL_MASS_KG) / USUAL_MASS_KG
    return float(np.clip(material.density_for(modulus), *BODY_DENSITY))


def density_map(
    grid: Raster, design: InsoleDesign, anatomy: Anatomy, material: Material, loads: RegionLoads | None, body: float
) -> Array:
    """Relative density (nx, ny) that the infill should have, at most that of the body."""
    pressure = pressure_map(grid, anatomy, loads)
    modulus = np.full(grid.thickness_mm.shape, float(material.modulus_mpa(body)))
    if loads is not None and loads.quantity == "pressure" and loads.peak_kpa:
        loaded = (grid.thickness_mm > 0) & (pressure > LOADED * pressure.max())
        mean = float(pressure[loaded].mean()) if loaded.any() else USUAL_PEAK_KPA
        modulus = modulus * np.clip(mean / np.maximum(pressure, 1e-6), SOFTEST, 1.0)
    modulus = _softened(grid, design, anatomy, material, modulus, pressure)
    density = np.maximum(material.density_for(modulus), shut_density(material, pressure))
    return np.asarray(np.minimum(density, body))


def shut_density(material: Material, pressure_kpa: Array) -> Array:
    """The least relative density (same shape) whose cells stay open under this pressure."""
    rho = np.linspace(LEAST_DENSITY, 0.6, 400)
    bears = 1000.0 * confined(np.asarray(material.modulus_mpa(rho)), material.poisson)
    bears = np.maximum.accumulate(bears * SHUT_SHARE * material.densifies_at(rho))  # kPa
    return np.asarray(np.interp(pressure_kpa, bears, rho))


def confined(modulus_mpa: Array | float, poisson: float) -> Array:
    """Modulus of a thin layer that is held below and can't widen: E(1−ν)/((1+ν)(1−2ν))."""
    return np.asarray(modulus_mpa) * ((1.0 - poisson) / ((1.0 + poisson) * (1.0 - 2.0 * poisson)))


def pressure_map(grid: Raster, anatomy: Anatomy, loads: RegionLoads | None) -> Array:
    """Peak pressure (nx, ny) kPa: each region's peak at its place, fading out around it."""
    x, y = grid.x_mm[:, None], grid.y_mm[None, :]
    if loads is None or loads.quantity != "pressure":
        return np.full(grid.thickness_mm.shape, USUAL_PEAK_KPA)
    pressure = np.zeros(grid.thickness_mm.shape)
    for region, places in region_places(grid, anatomy).items():
        for middle, spread in places:
            away = ((x - middle[0]) / spread[0]) ** 2 + ((y - middle[1]) / spread[1]) ** 2
            pressure = np.maximum(pressure, loads.peak_kpa.get(region, 0.0) * np.exp(-0.5 * away))
    return pressure


def region_places(grid: Raster, anatomy: Anatomy) -> dict[str, list[tuple[Array, Array]]]:
    """Region -> its places: middle (2,) and spread (2,) in mm."""
    length = anatomy.length_mm
    places: dict[str, list[tuple[Array, Array]]] = {}
    for name, (station, across, along, wide) in _REAR.items():
        x = station * length
        middle, half = _row(grid, x) if station > HEEL_STATION else (anatomy.heel_y_mm, _row(grid, x)[1])
        places[name] = [(np.array([x, middle + across * half]), length * np.array([along, wide]))]
    spread = length * np.array(_HEAD_SPREAD)
    for k in range(5):
        places[f"mth{k + 1}"] = [(anatomy.heads[k], spread)]
    spread = length * np.array(_TOE_SPREAD)
    places["hallux"] = [(anatomy.toes[0], spread)]
    places["toes_2_5"] = [(toe, 0.7 * spread) for toe in anatomy.toes[1:]]
    return places


def nearest_region(grid: Raster, anatomy: Anatomy, x: Array, y: Array) -> Array:
    """Name (…) of the region whose place lies nearest, in spreads, to points of any shape."""
    names, away = [], []
    for name, places in region_places(grid, anatomy).items():
        for middle, spread in places:
            names.append(name)
            away.append(np.hypot((x - middle[0]) / spread[0], (y - middle[1]) / spread[1]))
    return np.asarray(np.array(names)[np.argmin(away, axis=0)])


def _row(grid: Raster, x: float) -> tuple[float, float]:
    """Middle and half width of the insole at a station."""
    inside = np.flatnonzero(grid.thickness_mm[int(np.argmin(np.abs(grid.x_mm - x)))] > 0)
    if not len(inside):
        return 0.0, 1.0
    low, high = float(grid.y_mm[inside[0]]), float(grid.y_mm[inside[-1]])
    return 0.5 * (low + high), 0.5 * (high - low)


def _softened(
    grid: Raster, design: InsoleDesign, anatomy: Anatomy, material: Material, modulus: Array, pressure: Array
) -> Array:
    """Reliefs whose depth found no room: so much more sinking under the pressure there."""
    x, y = grid.x_mm[:, None], grid.y_mm[None, :]
    sink = np.zeros(modulus.shape)
    for name, relief in design.reliefs.items():
        if relief.softening_mm > 0:
            (px, py), core = relief_place(grid, anatomy, name)
            away = np.hypot(x - px, y - py)
            sink = np.maximum(sink, relief.softening_mm * (1.0 - step(away, core, core + RELIEF_WALL_MM)))
    factor = float(confined(1.0, material.poisson))
    local = np.maximum(pressure, 0.25 * USUAL_PEAK_KPA)
    compliance = np.maximum(grid.thickness_mm, 0.1) / (1000.0 * factor * modulus)  # mm/kPa
    return np.asarray(modulus * compliance / (compliance + sink / local))


def relief_place(grid: Raster, anatomy: Anatomy, name: str) -> tuple[tuple[float, float], float]:
    """Middle (mm) and core radius of a relief field such as ``relief_mth2``."""
    where = name.removeprefix("relief_")
    if where[:-1] in ("mth", "toe"):
        points = anatomy.heads if where.startswith("mth") else anatomy.toes
        point = points[int(where[-1]) - 1]
        return (float(point[0]), float(point[1])), RELIEF_CORE_MM[where[:-1]]
    station, across = {"base5": (BASE5_STATION, -0.72), "navicular": (NAVICULAR_STATION, 0.72)}[where]
    x = station * anatomy.length_mm
    middle, half = _row(grid, x)
    return (x, middle + across * half), RELIEF_CORE_MM[where]
