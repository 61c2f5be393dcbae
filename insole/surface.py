"""The foot's underside as the insole meets it: smoothed, holes filled; where none was seen (no scan of the sole, or a
flat lid over it) built from the footprint, the foot's arch measures and a population's shape, and said so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from footscan.types import Array, Foot, QualityReason, SoleSurface
from insole.anatomy import Anatomy
from insole.curves import gaussian, smooth_min, step
from insole.outline import Outline, extents

SMOOTH_MM = 3.0
FILL_MM = 10.0
PRINT_MM, PRINT_SMOOTH_MM = 0.5, 6.0  #: the print's border is taken in such steps, and smoothed along the foot
ENOUGH_SEEN = 0.2  #: of the tread's area; with less the population's shape stands for all of it
HIGHEST_MM = 32.0  #: skin higher than this is the foot's side
ABOVE_APEX_MM = 5.0  #: how much higher than the arch's apex the support may reach at its edge

#: Height of the medial arch at the insole's edge, standing, in foot lengths. From the mean shape of public FIND feet
#: (Boyne 2022, BMVC; unloaded): 0.077 in the medial third at 0.42–0.50 of the length, less about 0.02 for standing (the
#: dorsum of a standing foot is lower too). Arch height follows foot length poorly (Hill 2017, Appl Ergon 59:243).
POPULATION_ARCH = 0.056
POPULATION_APEX = 0.45  #: station of the highest point
#: mean standing arch height index (commonly quoted from Butler 2008, J Am Podiatr Med Assoc 98:102; the figure is not
#: confirmed); a foot's own index moves the arch by this much
MEAN_AHI, ARCH_PER_AHI = 0.340, 2.5
#: mean arch index, and how much the arch is lower where the print's middle third is larger: r = −0.7 between the index
#: and the navicular's height, whose SD is 15 % of it (commonly quoted from McCrory 1997, The Foot
#: 7:79, not confirmed; Cavanagh & Rodgers 1987, J Biomech 20:547)
MEAN_ARCH_INDEX, ARCH_PER_INDEX = 0.23, -2.3
ARCH_SCALE = (0.5, 1.5)
PRINT_EDGE = 0.1  #: a print's border lies 2 mm up the arch, which begins so much further in
#: where across the midfoot (−1 lateral … 1 medial) the arch begins to rise: a population's, and the bounds of a print's
ARCH_BEGINS, ARCH_BEGINS_WITHIN = -0.45, (-0.9, 0.4)
MIDFOOT = (0.30, 0.60)  #: stations where the print says it
POPULATION_SIDE_MM = 3.0  #: the lateral and medial borders of the midfoot curve up this much


@dataclass(frozen=True, eq=False)
class Contour:
    """Heights ``z_mm`` (nx, ny) at ``x_mm``, ``y_mm`` above the lowest point of the heel; ``seen`` False where it is a
    population's; ``notes``."""

    x_mm: Array
    y_mm: Array
    z_mm: Array
    seen: bool
    notes: tuple[QualityReason, ...]

    def at(self, x: Array, y: Array) -> Array:
        """Height at points of any shape (beyond the grid: that of its border)."""
        i = (x - self.x_mm[0]) / (self.x_mm[1] - self.x_mm[0])
        j = (y - self.y_mm[0]) / (self.y_mm[1] - self.y_mm[0])
        return np.asarray(ndimage.map_coordinates(self.z_mm, [i, j], order=1, mode="nearest"))


def contour(foot: Foot, anatomy: Anatomy, line: Outline) -> Contour:
    """The sole of a foot, everywhere finite."""
    sole = foot.sole if min(foot.sole.z_mm.shape) > 3 else _empty(anatomy)
    x, y = sole.x_mm[:, None], sole.y_mm[None, :]
    arch_mm, basis = arch_height(foot, anatomy)
    begins, printed = _arch_begins(foot, sole, line, anatomy)
    usual = population(x, y, anatomy, line, arch_mm, begins)
    ok = np.isfinite(sole.z_mm) & (sole.measured if sole.measured.any() else True)
    share = _share_seen(ok, x, y, line)
    if sole.capped or share < ENOUGH_SEEN:
        detail = "the sole was closed with a flat lid" if sole.capped else "the scan shows too little of the sole"
        built = " and ".join(["the footprint" if printed else "the outline", *basis])
        detail += f": it is built from {built} and a population's shape; the arch is not this foot's own"
        lid = QualityReason("arch_from_population", detail)
        return Contour(sole.x_mm, sole.y_mm, usual, False, (lid,))
    z = _filled(np.minimum(np.where(ok, sole.z_mm, 0.0), HIGHEST_MM), ok, usual, sole)
    notes: tuple[QualityReason, ...] = ()
    if share < 0.9:
        notes = (
            QualityReason("sole_filled", f"{100 * (1 - share):.0f} % of the sole was not scanned and is filled in"),
        )
    z = z - _lowest(z, x, y, anatomy)
    apex = _measured(foot, "arch_apex_height_mm")
    if apex is not None:
        z = smooth_min(z, apex + ABOVE_APEX_MM, ABOVE_APEX_MM)
    return Contour(sole.x_mm, sole.y_mm, z, True, notes)


def arch_height(foot: Foot, anatomy: Anatomy) -> tuple[float, tuple[str, ...]]:
    """Height of the arch's edge (mm) where the sole was not seen, and which of this foot's measures it goes by: the
    apex where that was measured, else a population's moved by its arch height index and its print's arch index."""
    apex = _measured(foot, "arch_apex_height_mm")
    if apex is not None:
        return apex, ("the arch's measured height",)
    changes, basis = [], []
    for name, mean, slope in (
        ("arch_height_index", MEAN_AHI, ARCH_PER_AHI / MEAN_AHI),
        ("arch_index", MEAN_ARCH_INDEX, ARCH_PER_INDEX),
    ):
        value = _measured(foot, name)
        if value is not None:
            changes.append(slope * (value - mean))
            basis.append(f"its {name.replace('_', ' ')} of {value:.3f}")
    scale = 1.0 + (sum(changes) / len(changes) if changes else 0.0)
    return POPULATION_ARCH * anatomy.length_mm * float(np.clip(scale, *ARCH_SCALE)), tuple(basis)


def population(x: Array, y: Array, anatomy: Anatomy, line: Outline, arch_mm: float, begins: Array) -> Array:
    """A usual sole: the medial arch, which rises from ``begins`` (−1 lateral … 1 medial, at each x), and the midfoot's
    borders curving up. Heights above the heel's lowest point."""
    centre, half2, _, _ = line.at(x)
    across = (y - centre) / np.sqrt(half2)
    u = x / anatomy.length_mm
    along = step(u, 0.14, POPULATION_APEX) * (1.0 - step(u, POPULATION_APEX, 0.72))
    side = (
        POPULATION_SIDE_MM
        * np.clip(np.abs(across) - 0.55, 0.0, 0.6) ** 2
        / 0.2
        * step(u, 0.2, 0.3)
        * (1.0 - step(u, 0.5, 0.65))
    )
    return np.asarray(arch_mm * along * step(across, begins, 1.05) + side)


def _arch_begins(foot: Foot, sole: SoleSurface, line: Outline, anatomy: Anatomy) -> tuple[Array, bool]:
    """Where across the midfoot the arch begins to rise, (nx, 1), and whether a print said so: the medial border of
    contact. A lid's print says nothing."""
    usual = np.full((len(sole.x_mm), 1), ARCH_BEGINS)
    prints = [f for f in foot.footprints if f.method == "contact_2mm" and f.polygons]
    if sole.capped or not prints:
        return usual, False
    x = np.arange(sole.x_mm[0], sole.x_mm[-1] + PRINT_MM, PRINT_MM)
    _, medial = extents(prints[0].polygons, x, PRINT_MM)
    centre, half2, _, _ = line.at(x)
    across = np.clip((medial - centre) / np.sqrt(half2) - PRINT_EDGE, *ARCH_BEGINS_WITHIN)
    across = np.where(np.isnan(across), ARCH_BEGINS_WITHIN[0], across)  # no contact at all: a high arch
    mid = (x >= MIDFOOT[0] * anatomy.length_mm) & (x <= MIDFOOT[1] * anatomy.length_mm)
    across = np.interp(x, x[mid], across[mid])
    smooth = gaussian(across, PRINT_SMOOTH_MM / PRINT_MM)
    return np.interp(sole.x_mm, x, smooth)[:, None], True


def _measured(foot: Foot, name: str) -> float | None:
    return foot.measurements[name] if name in foot.measurements.values else None


def _empty(anatomy: Anatomy) -> SoleSurface:
    x, y = np.arange(0.0, anatomy.length_mm, 2.0), np.arange(-70.0, 71.0, 2.0)
    nothing = np.full((len(x), len(y)), np.nan)
    return SoleSurface(x, y, nothing, np.zeros(nothing.shape, dtype=bool))


def _share_seen(ok: Array, x: Array, y: Array, line: Outline) -> float:
    """The part of the tread, heel to ball, where skin was scanned."""
    centre, half2, _, _ = line.at(x)
    tread = (
        (np.abs(y - centre) < 0.8 * np.sqrt(half2))
        & (x > line.start)
        & (x < line.start + 0.7 * (line.end - line.start))
    )
    return float(ok[tread].mean()) if tread.any() else 0.0


def _filled(z: Array, ok: Array, usual: Array, sole: SoleSurface) -> Array:
    """Smoothed where it was scanned; elsewhere the usual shape, moved as the scanned skin around differs from it."""
    cell = float(sole.x_mm[1] - sole.x_mm[0]), float(sole.y_mm[1] - sole.y_mm[0])
    weight = ok.astype(float)
    differs = np.where(ok, z - usual, 0.0)
    found = np.zeros_like(usual)
    for sigma, doubt in ((FILL_MM, 0.02), (SMOOTH_MM, 0.15)):
        s = (sigma / cell[0], sigma / cell[1])
        top = ndimage.gaussian_filter(differs * weight, s, mode="constant")
        bottom = ndimage.gaussian_filter(weight, s, mode="constant")
        found = (top + doubt * found) / (bottom + doubt)
    return usual + found


def _lowest(z: Array, x: Array, y: Array, anatomy: Anatomy) -> float:
    """The lowest height under the heel's middle."""
    length = anatomy.length_mm
    heel = (np.abs(x - 0.14 * length) < 0.08 * length) & (np.abs(y - anatomy.heel_y_mm) < 0.06 * length)
    return float(z[heel].min()) if heel.any() else float(z.min())
