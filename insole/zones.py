"""From a map of density to zones that a slicer prints: nested contours, from the outer one to the softest within.

The last modifier that holds a point wins, so zones stand in the order outer to inner. A zone is there only where its
skins leave an infill core of ``LEAST_CORE_MM``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import ndimage

from footscan.types import Array, Foot, Mesh, QualityReason, RegionLoads, frozen_array
from insole.anatomy import anatomy
from insole.errors import DesignError
from insole.materials import Material, read_material
from insole.stiffness import (
    STEP_MM,
    PrintSettings,
    Raster,
    body_density,
    density_map,
    nearest_region,
    raster,
)
from insole.types import InsoleDesign

MATERIAL = "tpu_95a"  #: what an insole is printed of where nobody says
LEAST_CORE_MM = 1.2
ZONE_TOP_LAYERS = ZONE_BOTTOM_LAYERS = 2
EDGE_MM = 3.0  #: zones stay that far inside the rim: its wall is solid anyway
STEP_OF_BODY = 0.14  #: contours lie that far apart, of the body's density
MOST_LEVELS = 5
SMOOTH_MM = 2.0
LEAST_WIDTH_MM, LEAST_AREA_MM2 = 6.0, 150.0
SIMPLIFY_MM = 0.05
MARGIN_MM = 1.0  #: a zone's prism stands out above and below
NAMES = {"heel_medial": "heel", "heel_lateral": "heel", "midfoot_medial": "arch", "midfoot_lateral": "midfoot"}


@dataclass(frozen=True, eq=False)
class Zone:
    """One contour: a ``name``, how it is printed, and its ``polygons`` (k, 2) mm in the design frame: outer lines
    counter-clockwise, holes clockwise. ``core_mm``: the least infill core in it."""

    name: str
    settings: PrintSettings
    polygons: tuple[Array, ...]
    core_mm: float

    def __post_init__(self) -> None:
        polygons = tuple(frozen_array("polygon", p, np.float64, (None, 2), "mm") for p in self.polygons)
        object.__setattr__(self, "polygons", polygons)

    @property
    def infill_percent(self) -> int:
        """As slicers are told it."""
        return round(100.0 * self.settings.density)


@dataclass(frozen=True, eq=False)
class Zoning:
    """How an insole is printed: ``material``, the ``body`` and the zones in it, outer to inner; ``notes``.

    ``wanted`` (nx, ny) is the density that was aimed at on ``grid``, ``printed`` (nx, ny) what the zones give.
    """

    material: Material
    body: PrintSettings
    zones: tuple[Zone, ...]
    grid: Raster
    wanted: Array
    printed: Array
    notes: tuple[QualityReason, ...] = ()


def plan_zones(
    design: InsoleDesign,
    foot: Foot,
    loads: RegionLoads | None = None,
    material: Material | str = MATERIAL,
    **body: Any,
) -> Zoning:
    """Zones of a design.

    Parameters
    ----------
    foot : the foot that it was made for (its landmarks say where heads and toes are)
    loads : what a walk says of it; None or no pressure: only what the prescription asks
    material : a card or its name
    body : fields of ``PrintSettings`` that differ from the default; ``density`` unset: by the wearer's mass

    Raises DesignError for a sheet, and for settings out of range.
    """
    card = read_material(material) if isinstance(material, str) else material
    if card.kind != "filament":
        raise DesignError(f"material {card.name}", "a sheet", "a filament: zones are printed infill", MATERIAL)
    density = round(body_density(card, design.prescription.body_mass_kg), 2)
    settings = PrintSettings(**{"density": density, **body})
    grid, where = raster(design), anatomy(foot)
    wanted = density_map(grid, design, where, card, loads, settings.density)
    zone = PrintSettings(
        settings.density,
        settings.perimeters,
        min(ZONE_TOP_LAYERS, settings.top_layers),
        min(ZONE_BOTTOM_LAYERS, settings.bottom_layers),
        settings.layer_mm,
        settings.line_mm,
    )
    core = grid.thickness_mm - zone.skin_mm
    possible = (core >= LEAST_CORE_MM - 1e-9) & (grid.edge_mm > EDGE_MM)
    zones: list[Zone] = []
    printed = np.where(grid.thickness_mm > 0, settings.density, 0.0)
    for mask, rho in _levels(wanted, possible, settings.density):
        for part in _parts(mask):
            name = _name(grid, where, part, rho, [z.name for z in zones])
            these = PrintSettings(
                rho, zone.perimeters, zone.top_layers, zone.bottom_layers, zone.layer_mm, zone.line_mm
            )
            lines = _contours(grid, part)
            if lines:
                zones.append(Zone(name, these, lines, float(core[part].min())))
                printed[part] = rho
    return Zoning(card, settings, tuple(zones), grid, wanted, printed, _notes(grid, wanted, possible, card, settings))


def zone_meshes(design: InsoleDesign, zoning: Zoning) -> tuple[Mesh, ...]:
    """Each zone as a closed prism through the whole insole, in the frame of ``solid`` (a left one mirrored)."""
    low = float(design.bottom_mm[..., 2].min()) - MARGIN_MM
    high = float(design.top_mm[..., 2].max()) + MARGIN_MM
    return tuple(prism(zone.polygons, low, high, design.side == "left") for zone in zoning.zones)


def prism(polygons: tuple[Array, ...], low_mm: float, high_mm: float, mirrored: bool = False) -> Mesh:
    """A closed mesh over polygons with holes, from ``low_mm`` to ``high_mm``."""
    from manifold3d import CrossSection, FillRule

    flip = np.array([1.0, -1.0]) if mirrored else np.ones(2)
    lines = [(p * flip)[:: -1 if mirrored else 1] for p in polygons]
    made = CrossSection(lines, FillRule.Positive).extrude(high_mm - low_mm).translate((0.0, 0.0, low_mm)).to_mesh64()
    vertices = np.round(np.asarray(made.vert_properties, dtype=float)[:, :3], 3) + 0.0
    return Mesh(vertices, np.asarray(made.tri_verts, dtype=np.int64), "foot")


# ------------------------------------------------------------------ contours


def _levels(wanted: Array, possible: Array, body: float) -> list[tuple[Array, float]]:
    """(where, density) of each contour, outer to inner: everything softer than it lies within it."""
    smooth = ndimage.gaussian_filter(np.where(possible, wanted, body), SMOOTH_MM / STEP_MM)
    depth = np.where(possible, 1.0 - smooth / body, 0.0)
    levels: list[tuple[Array, float]] = []
    before = possible
    for k in range(MOST_LEVELS):
        mask = _tidy((depth > (k + 0.5) * STEP_OF_BODY) & before)
        if not mask.any():
            break
        ring = mask & (depth <= (k + 1.5) * STEP_OF_BODY) if k + 1 < MOST_LEVELS else mask
        mean = float(smooth[ring if ring.any() else mask].mean())
        levels.append((mask, round(mean, 2)))
        before = mask
    return [(m, rho) for (m, rho), last in zip(levels, [body, *(rho for _, rho in levels)]) if rho < last - 0.005]


def _tidy(mask: Array) -> Array:
    """Without slivers, specks and pinholes."""
    radius = 0.5 * LEAST_WIDTH_MM / STEP_MM
    reach = np.arange(-int(radius), int(radius) + 1)
    disc = np.hypot(reach[:, None], reach[None, :]) <= radius
    mask = ndimage.binary_opening(mask, disc)
    label, count = ndimage.label(mask)
    sizes = np.bincount(label.ravel(), minlength=count + 1) * STEP_MM**2
    mask = mask & (sizes >= LEAST_AREA_MM2)[label]
    holes, count = ndimage.label(~mask)
    sizes = np.bincount(holes.ravel(), minlength=count + 1) * STEP_MM**2
    return np.asarray(mask | (sizes < 0.25 * LEAST_AREA_MM2)[holes] & ~mask)


def _parts(mask: Array) -> list[Array]:
    label, count = ndimage.label(mask)
    return [label == k for k in range(1, count + 1)]


def _contours(grid: Raster, part: Array) -> tuple[Array, ...]:
    """Smooth lines around a part: outer ones counter-clockwise, holes clockwise."""
    from contourpy import FillType, contour_generator
    from manifold3d import CrossSection, FillRule

    soft = ndimage.gaussian_filter(part.astype(float), 1.0)
    found = contour_generator(grid.x_mm, grid.y_mm, soft.T, fill_type=FillType.OuterOffset).filled(0.5, 2.0)
    lines = []
    for points, offsets in zip(*found):
        lines += [points[a : b - 1] for a, b in pairwise(offsets)]
    section = CrossSection(lines, FillRule.EvenOdd).simplify(SIMPLIFY_MM)
    return tuple(np.round(np.asarray(p, dtype=float), 3) + 0.0 for p in section.to_polygons())


def _name(grid: Raster, where: Any, part: Array, rho: float, taken: list[str]) -> str:
    """The regions that it lies under, and its infill, e.g. ``heel 18%``."""
    i, j = np.nonzero(part)
    names, counts = np.unique(nearest_region(grid, where, grid.x_mm[i], grid.y_mm[j]), return_counts=True)
    main = str(names[np.argmax(counts)])
    name = f"{NAMES.get(main, main)} {100 * rho:.0f}%"
    same = sum(t == name or t.startswith(f"{name} (") for t in taken)
    return name if not same else f"{name} ({same + 1})"


def _notes(
    grid: Raster, wanted: Array, possible: Array, material: Material, body: PrintSettings
) -> tuple[QualityReason, ...]:
    notes = []
    if material.uncalibrated:
        detail = f"{material.title}: C and n are from books; a compression test of your own print gives yours"
        notes.append(QualityReason("uncalibrated", detail))
    asked = (wanted < (1.0 - 0.5 * STEP_OF_BODY) * body.density) & (grid.edge_mm > EDGE_MM)
    thin = asked & ~possible
    if asked.any() and thin.sum() * STEP_MM**2 > LEAST_AREA_MM2:
        share = 100.0 * thin.sum() / asked.sum()
        detail = f"{share:.0f} % of what should be softer is too thin: no infill core of {LEAST_CORE_MM:g} mm is left"
        notes.append(QualityReason("zone_too_thin", detail))
    return tuple(notes)
