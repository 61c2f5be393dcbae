"""How much filament and time an insole takes, before any slicer has seen it.

Counted on the raster of the zoning: skins are so many layers thick, the wall at the rim so many lines wide, and what
is left between them is infill of its zone's density. A slicer that is asked says it better (``insole.read_gcode``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from insole.grounds import settings_at
from insole.stiffness import STEP_MM
from insole.zones import Zoning

PRINT_SPEED_MM_S = 30.0  #: along a line: what extruders keep up with flexible filament (our choice)
#: what PrusaSlicer 2.5 was seen to add over infill (thicker bridges, solid strips along slopes), in layers: 1.8 to 2.7
EXTRA_LAYERS = 2.2
LAYER_S = 20.0  #: of each layer, moves without printing and slowing down in bends: 16 to 23 s were seen there


@dataclass(frozen=True)
class PrintEstimate:
    """Of one insole: ``filament_mm3`` and ``grams`` of it, ``seconds`` on the printer."""

    filament_mm3: float
    grams: float
    seconds: float


def estimate_print(zoning: Zoning, height_mm: float, speed_mm_s: float = PRINT_SPEED_MM_S) -> PrintEstimate:
    """Filament and time of one insole of that height.

    Held against PrusaSlicer's own figures for its own settings of the same speed: filament within 10 %, time within
    15 % (tests). ``height_mm`` is that of the mesh, cup and bed's bend included.
    """
    grid, body = zoning.grid, zoning.body
    density, skin = settings_at(zoning, *np.meshgrid(grid.x_mm, grid.y_mm, indexing="ij"))
    # skins above and below, infill between; the wall at the rim has a density of 1
    thick = grid.thickness_mm
    core = np.maximum(thick - skin, 0.0)
    extra = EXTRA_LAYERS * body.layer_mm * ((core > 0) & (density < 1.0))
    volume = float((thick - core + core * density + np.minimum(extra, core * (1.0 - density))).sum()) * STEP_MM**2
    lines = volume / (body.line_mm * body.layer_mm * speed_mm_s)
    seconds = lines + LAYER_S * height_mm / body.layer_mm
    return PrintEstimate(volume, volume * zoning.material.density_g_cm3 / 1000.0, seconds)
