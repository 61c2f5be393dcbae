"""What stands on what: the foot's shape and tissue, and an insole's layers, as springs (see ``insole.prediction``)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from footscan.types import Array
from insole.instants import Stance
from insole.joints import Turns
from insole.materials import Material, material_names, read_material
from insole.springs import Law, Layer
from insole.stiffness import STEP_MM, PrintSettings, Raster, confined
from insole.types import InsoleDesign
from insole.zones import Zoning

FLAT_MM, FLAT_MATERIAL, COVER_MATERIAL = 3.0, "eva_35a", "pu_foam"
TISSUE_MPA, TISSUE_POISSON = 0.15, 0.45  #: plantar tissue (commonly quoted); held by the skin around, it hardly widens
TISSUE_MM = {
    "heel": 16.0,
    "midfoot": 12.0,
    "mth": 12.0,
    "toes": 9.0,
}  #: heel pad (median 16 mm of ten walkers, doi:10.1186/s12891-022-05197-w); sole, heads, toe pads (commonly quoted)
TISSUE_SHUT, TISSUE_SHUT_TIMES = 0.5, 10.0  #: pressed to half it is ten times as stiff
SOLID_POISSON = 0.45
SHUT_TIMES = 20.0  #: an infill whose cells are shut, at least so many times as stiff
SURE = 0.4  #: of the foot's highest cells: one that peaks above was touched by the foot, whatever the scan shows
MOST_ROUNDS = 25
WALL = float(np.tan(np.radians(20.0)))  #: steeper is a wall
WALL_REACH_MM = 12
AWAY_MM = 80.0  #: above the bed, where there is no foot


# ------------------------------------------------------------------ the foot


def foot_heights(
    stance: Stance, measured_kpa: Array, law: Law, sole_mm: Array, turned: Turns, which: Array
) -> tuple[Array, Array, Array]:
    """Height (instants, n) of the unloaded foot over the bed that it was recorded on, and of that bed over a flat one;
    and how far clear of a flat bed the sole should be in the cells that were loaded all the same.

    ``measured_kpa`` (instants, cells) of the instants ``which``; ``sole_mm`` (n,) the scan's sole; ``turned`` how the
    foot came down and left. In a loaded cell the sole keeps its own form and is let in until the cell carries what was
    recorded; elsewhere it lies as the plane through the loaded ones has it, turned up where it has left the bed, and
    never below that. Where the load was faint under a sole that should stand clear, the bed came up to it.
    """
    shape = (len(measured_kpa), len(stance.region), stance.per_cell)
    sole = sole_mm.reshape(shape[1:])
    lowest = sole.min(axis=1)
    form = sole_mm - stance.on_springs(lowest)  # within its cell
    share = stance.area_mm2 / stance.on_springs(stance.area_of_cell_mm2)
    loaded = measured_kpa > 0
    sink = law.shortening(stance.on_springs(measured_kpa)).reshape(shape).max(axis=2)
    for _ in range(MOST_ROUNDS):  # Newton on each cell; convex, from the flat cell's sinking, which is too little
        p, k = law.pressure(stance.on_springs(sink) - form)
        lack = measured_kpa - (p * share).reshape(shape).sum(axis=2)
        if np.abs(lack).max(initial=0.0) < 1e-6:
            break
        slope = (k * share).reshape(shape).sum(axis=2)
        sink = sink + np.where(loaded, lack / np.maximum(slope, 1e-9), 0.0)
    above = turned.clear(sole_mm + _planes(stance, measured_kpa, sink - lowest), which)
    above = np.maximum(above, 0.0) + turned.lifted_mm(which)
    highest = stance.pressure_kpa.max(axis=0)
    surely = np.clip(highest / max(SURE * float(np.percentile(highest, 95)), 1e-9), 0.0, 1.0) ** 2
    clear = above.reshape(shape).min(axis=2) * (lowest < AWAY_MM) * loaded
    heights = np.where(stance.on_springs(loaded), form - stance.on_springs(sink), above)
    return heights, stance.on_springs((1.0 - surely) * clear), stance.on_springs(clear)


def _planes(stance: Stance, measured_kpa: Array, sink: Array) -> Array:
    """(instants, n) what to add to the sole so that it meets the loaded cells: a plane by least squares, weighted with
    their load. ``sink`` (instants, cells): how far the sole's zero lies below the bed there."""
    middle = stance.middle_mm.mean(axis=0)
    cells = np.column_stack([np.ones(len(stance.middle_mm)), (stance.middle_mm - middle) / 100.0])
    springs = np.column_stack([np.ones(len(stance.xy_mm)), (stance.xy_mm - middle) / 100.0])
    weight = measured_kpa * stance.area_of_cell_mm2
    weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    pairs = np.einsum("ic,cj,ck->ijk", weight, cells, cells) + 1e-3 * np.diag([1e-6, 1.0, 1.0])
    right = np.einsum("ic,ic,cj->ij", weight, -sink, cells)
    plane = np.linalg.solve(pairs, right[..., None])[..., 0]
    return np.asarray(np.einsum("ij,nj->in", plane, springs))


def tissue_thickness_mm(station: Array) -> Array:
    """Thickness of the soft tissue along the foot."""
    knots = [0.0, 0.22, 0.34, 0.55, 0.62, 0.80, 0.86, 1.0]
    of = TISSUE_MM
    values = [of["heel"], of["heel"], *(2 * [of["midfoot"]]), *(2 * [of["mth"]]), *(2 * [of["toes"]])]
    return np.asarray(np.interp(station, knots, values))


# ------------------------------------------------------------------ the insole


def tissue_layer(thickness_mm: Array | float, factor: float) -> Layer:
    """The foot's soft tissue, held by the skin around it."""
    k = factor * 1000.0 * confined(TISSUE_MPA, TISSUE_POISSON) / thickness_mm
    return Layer(k, TISSUE_SHUT * thickness_mm, TISSUE_SHUT_TIMES * k)


def foam_layer(material: Material, thickness_mm: Array | float, factor: float) -> Layer:
    """A sheet, bonded below, that can't widen."""
    k = factor * 1000.0 * confined(material.modulus_mpa(1.0), material.poisson) / thickness_mm
    limit = material.densifies_at(1.0) * thickness_mm
    return Layer(k, limit, SHUT_TIMES * k)


def column_layers(thickness_mm: Array, settings: tuple[Array, Array], zoning: Zoning, factor: float) -> list[Layer]:
    """The printed column: solid skins, and the infill core between them. ``settings``: density and skin (n,)."""
    density, skin = settings
    material = zoning.material
    solid = factor * 1000.0 * confined(material.solid_modulus_mpa, SOLID_POISSON)
    skin = np.minimum(skin, thickness_mm)
    core = np.maximum(thickness_mm - skin, 0.0)
    skin = np.maximum(skin + np.where(core < 0.05, core, 0.0), 0.02)
    open_ = np.minimum(factor * 1000.0 * confined(material.modulus_mpa(density), material.poisson), solid)
    core = np.maximum(core, 0.05)
    stiff = open_ / core
    limit = material.densifies_at(density) * core
    shut = np.maximum(stiff, np.minimum(SHUT_TIMES * stiff, solid / core))
    return [Layer(solid / skin, 1e3, solid / skin), Layer(stiff, limit, shut)]


def settings_at(zoning: Zoning, x: Array, y: Array) -> tuple[Array, Array]:
    """Density of the infill and thickness of both skins (n,); the perimeters' ring is solid."""
    grid = zoning.grid
    i = np.clip(np.rint((x - grid.x_mm[0]) / (grid.x_mm[1] - grid.x_mm[0])).astype(int), 0, len(grid.x_mm) - 1)
    j = np.clip(np.rint((y - grid.y_mm[0]) / (grid.y_mm[1] - grid.y_mm[0])).astype(int), 0, len(grid.y_mm) - 1)
    density = zoning.printed[i, j]
    softer = (density > 0) & (density < zoning.body.density - 1e-6)
    zone = zoning.zones[0].settings if zoning.zones else zoning.body
    skin = np.where(softer, zone.skin_mm, zoning.body.skin_mm)
    ring = grid.edge_mm[i, j] <= _ring_mm(zoning.body)
    return np.where(ring | (density <= 0), 1.0, density), skin


def _ring_mm(settings: PrintSettings) -> float:
    return settings.perimeters * settings.line_mm


def continued(grid: Raster, values: Array) -> Array:
    """Values of the insole; outside that of its nearest place a little inside the rim's rounding."""
    outside = grid.edge_mm <= 1.5
    nearest = ndimage.distance_transform_edt(outside, return_distances=False, return_indices=True)
    return np.asarray(values[tuple(nearest)])


def carrying_surface(height: Array) -> Array:
    """The surface that carries weight: no place stands higher than ``WALL`` times its distance above any other."""
    reach = np.arange(-WALL_REACH_MM, WALL_REACH_MM + 1)
    away = np.hypot(reach[:, None], reach[None, :]) * STEP_MM
    cone = np.where(away <= WALL_REACH_MM, -WALL * away, -1e3)
    return np.asarray(ndimage.grey_erosion(height, structure=cone, mode="nearest"))


def cover_material(design: InsoleDesign) -> Material:
    """The cover's card where the prescription names one, else a soft foam."""
    name = design.prescription.cover_material
    return read_material(name if name in material_names() else COVER_MATERIAL)
