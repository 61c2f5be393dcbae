"""What a slicer made of an insole: its G-code read back, and the infill of each zone against what was asked.

Reads the G-code of PrusaSlicer and its kin (``;TYPE:`` and ``;HEIGHT:`` comments, G0/G1 moves, absolute or relative E).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from footscan.errors import ReadError
from footscan.types import Array
from insole.materials import Material
from insole.polygons import holds
from insole.print_estimate import PRINT_SPEED_MM_S
from insole.slicer_files import PATTERN, Placement
from insole.stiffness import PrintSettings
from insole.zones import Zoning

CELL_MM = 0.4
PIECE_MM = 0.2  #: an extrusion is counted in pieces of this length
MARGIN_MM = 1.2  #: density is measured that far inside: at its ends infill is tied together
#: a gyroid repeats itself after so many line widths over its density; of fewer than some such cubes there is no telling
GYROID_PERIOD, LEAST_CUBES, LINE_MM = 2.6, 4.0, 0.45
WITHIN = 0.03  #: density may differ by so much
SPEEDS = (
    "perimeter_speed",
    "external_perimeter_speed",
    "small_perimeter_speed",
    "infill_speed",
    "solid_infill_speed",
    "top_solid_infill_speed",
    "gap_fill_speed",
    "first_layer_speed",
)
INFILL = ("Internal infill", "Sparse infill")
_N = rb"(-?\d*\.?\d+)"
_MOVE = b"(G[01])(?=[ \\r\\n])(?: X%b)?(?: Y%b)?(?: Z%b)?(?: E%b)?" % (_N, _N, _N, _N)
_LINE = re.compile(rb"^(?:%b|;TYPE:([^\r\n]+)|;HEIGHT:%b|(M8[23])\b|G92 E%b)" % (_MOVE, _N, _N), re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Sliced:
    """Extrusions in order: ``start_mm``, ``end_mm`` (n, 2), ``z_mm``, ``height_mm``, ``volume_mm3`` (n,), ``kind`` (n,)
    index into ``kinds``; ``time_s`` and ``filament_mm3`` of the whole print, None where the file does not say."""

    start_mm: Array
    end_mm: Array
    z_mm: Array
    height_mm: Array
    volume_mm3: Array
    kind: Array
    kinds: tuple[str, ...]
    time_s: float | None
    filament_mm3: float | None

    def grams(self, material: Material) -> float:
        """Weight of what is extruded."""
        return float(self.volume_mm3.sum() * material.density_g_cm3 / 1000.0)


@dataclass(frozen=True, eq=False)
class Region:
    """Where a density was asked: a ``name``, the ``density``, and ``polygons`` (k, 2) mm on the printer's bed."""

    name: str
    density: float
    polygons: tuple[Array, ...]


@dataclass(frozen=True)
class ZoneInfill:
    """One zone: the density ``asked`` and ``found`` (None where its core is too small to tell), ``core_mm3`` the volume
    in which it was measured, ``infill_mm3`` all infill printed in the zone."""

    name: str
    asked: float
    found: float | None
    core_mm3: float
    infill_mm3: float

    @property
    def ok(self) -> bool:
        """Within three points of what was asked, or too small to tell."""
        return self.found is None or abs(self.found - self.asked) <= WITHIN


def read_gcode(data: bytes, source: str = "G-code", filament_mm: float = 1.75) -> Sliced:
    """The extrusions of a G-code file. ReadError where there are none, or where their kinds are not said."""
    rows: list[tuple[float, float, float, float, float, float, float, int]] = []
    kinds: dict[str, int] = {"": 0}
    x = y = z = e = height = 0.0
    kind, relative = 0, False
    for move, mx, my, mz, me, type_, tall, mode, zero in _LINE.findall(data):
        if move:
            to_x, to_y = float(mx) if mx else x, float(my) if my else y
            z = float(mz) if mz else z
            if me:
                value = float(me)
                pushed = value if relative else value - e
                e = value
                if pushed > 0.0 and (to_x != x or to_y != y):
                    rows.append((x, y, to_x, to_y, z, height, pushed, kind))
            x, y = to_x, to_y
        elif type_:
            kind = kinds.setdefault(type_.decode("utf-8", "replace").strip(), len(kinds))
        elif tall:
            height = float(tall)
        elif mode:
            relative = mode == b"M83"
        else:
            e = float(zero)
    if not rows or len(kinds) < 2:
        found = "none" if not rows else "extrusions of unknown kind"
        hint = "give the G-code of PrusaSlicer, OrcaSlicer or Bambu Studio, with its comments"
        raise ReadError(source, "extrusions and ;TYPE: comments", found, hint)
    table = np.array(rows)
    volume = table[:, 6] * np.pi / 4.0 * filament_mm**2
    return Sliced(
        table[:, 0:2],
        table[:, 2:4],
        table[:, 4],
        table[:, 5],
        volume,
        table[:, 7].astype(int),
        tuple(kinds),
        _seconds(data),
        _filament(data),
    )


def infill_of_zones(sliced: Sliced, zoning: Zoning, placement: Placement, mirrored: bool) -> tuple[ZoneInfill, ...]:
    """The body's and each zone's infill as it was sliced at ``placement``; ``mirrored`` for a left insole.

    Measured layer by layer on cells of 0.4 mm: where neither shells nor perimeters are printed, ``MARGIN_MM`` inside
    the zone and away from them, volume of infill over volume of layer.
    """
    turn, scale = np.radians(placement.turn_deg), zoning.material.print_scale
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])  # of rows
    stretch = np.array([scale[0], -scale[1] if mirrored else scale[1]])
    move = np.array([placement.x_mm, placement.y_mm])
    regions = [Region("body", zoning.body.density, ())]
    for zone in zoning.zones:
        regions.append(
            Region(zone.name, zone.settings.density, tuple((p * stretch) @ rotation + move for p in zone.polygons))
        )
    return infill_of_regions(sliced, regions)


def infill_of_regions(sliced: Sliced, regions: Sequence[Region]) -> tuple[ZoneInfill, ...]:
    """The same for any regions in the printer's coordinates: the last one that holds a place has it, and the first
    everything that none holds."""
    low = np.minimum(sliced.start_mm, sliced.end_mm).min(axis=0) - 2.0
    high = np.maximum(sliced.start_mm, sliced.end_mm).max(axis=0) + 2.0
    shape = (int((high[0] - low[0]) / CELL_MM) + 1, int((high[1] - low[1]) / CELL_MM) + 1)
    where = _region_of_cell(regions, low, shape)
    reach = 2 * round(MARGIN_MM / CELL_MM) + 1
    inner = ndimage.minimum_filter(where, reach) == ndimage.maximum_filter(where, reach)
    core, found, whole = (np.zeros(len(regions)) for _ in range(3))
    infill = np.isin(sliced.kind, [k for k, name in enumerate(sliced.kinds) if name in INFILL])
    said = np.isin(sliced.kind, [k for k, name in enumerate(sliced.kinds) if name not in ("", "Custom", "Skirt/Brim")])
    for z in np.unique(sliced.z_mm[infill]):
        layer = (sliced.z_mm == z) & said
        solid = _drawn(sliced, layer & ~infill, low, shape) > 0
        sparse = _enclosed(ndimage.maximum_filter(solid, 3))
        cells = inner & ndimage.minimum_filter(sparse, reach)
        drawn = _drawn(sliced, layer & infill, low, shape)
        height = float(np.median(sliced.height_mm[layer & infill]))
        core += np.bincount(where[cells], minlength=len(core)) * CELL_MM**2 * height
        found += np.bincount(where[cells], drawn[cells], minlength=len(core))
        whole += np.bincount(where.ravel(), drawn.ravel(), minlength=len(core))
    least = [LEAST_CUBES * (GYROID_PERIOD * LINE_MM / max(r.density, 1e-3)) ** 3 for r in regions]
    told = core >= np.array(least)
    return tuple(
        ZoneInfill(r.name, r.density, float(found[k] / core[k]) if told[k] else None, float(core[k]), float(whole[k]))
        for k, r in enumerate(regions)
    )


def printer_settings(material: Material, body: PrintSettings, bed_mm: Sequence[float] = (250.0, 210.0)) -> str:
    """An ``.ini`` for PrusaSlicer (``--load``): filament, shells and infill of the body; for proofs and as a start."""
    x, y = float(bed_mm[0]), float(bed_mm[1])
    values: Mapping[str, object] = {
        "nozzle_diameter": 0.4,
        "filament_diameter": 1.75,
        "filament_type": "FLEX",
        "filament_density": material.density_g_cm3,
        "temperature": f"{material.nozzle_c or 230.0:.0f}",
        "first_layer_temperature": f"{material.nozzle_c or 230.0:.0f}",
        "bed_temperature": f"{material.bed_c or 50.0:.0f}",
        "first_layer_bed_temperature": f"{material.bed_c or 50.0:.0f}",
        "layer_height": body.layer_mm,
        "first_layer_height": body.layer_mm,
        "extrusion_width": body.line_mm,
        "perimeters": body.perimeters,
        "top_solid_layers": body.top_layers,
        "bottom_solid_layers": body.bottom_layers,
        "fill_density": f"{100.0 * body.density:.0f}%",
        "fill_pattern": PATTERN,
        **dict.fromkeys(SPEEDS, PRINT_SPEED_MM_S),
        "skirts": 0,
        "bed_shape": f"0x0,{x:g}x0,{x:g}x{y:g},0x{y:g}",
        "max_print_height": 200,
    }
    return "".join(f"{key} = {value}\n" for key, value in values.items())


# ------------------------------------------------------------------ inside


def _drawn(sliced: Sliced, which: Array, low: Array, shape: tuple[int, int]) -> Array:
    """Volume (cells) of the chosen extrusions, in pieces of ``PIECE_MM``."""
    start, end, volume = sliced.start_mm[which], sliced.end_mm[which], sliced.volume_mm3[which]
    count = np.maximum(np.ceil(np.linalg.norm(end - start, axis=1) / PIECE_MM).astype(int), 1)
    row = np.repeat(np.arange(len(count)), count)
    t = (np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count) + 0.5) / count[row]
    xy = start[row] + t[:, None] * (end - start)[row]
    cell = np.floor((xy - low) / CELL_MM).astype(int)
    flat = np.bincount(cell[:, 0] * shape[1] + cell[:, 1], volume[row] / count[row], minlength=shape[0] * shape[1])
    return flat.reshape(shape)


def _region_of_cell(regions: Sequence[Region], low: Array, shape: tuple[int, int]) -> Array:
    """The number of the last region that holds the cell's middle; 0 where none does."""
    x = np.broadcast_to(low[0] + (np.arange(shape[0])[:, None] + 0.5) * CELL_MM, shape)
    y = np.broadcast_to(low[1] + (np.arange(shape[1])[None, :] + 0.5) * CELL_MM, shape)
    where = np.zeros(shape, dtype=int)
    for number, region in enumerate(regions):
        inside = np.zeros(shape, dtype=bool)
        for polygon in region.polygons:
            inside ^= holds(polygon, x, y)
        where[inside] = number
    return where


def _enclosed(solid: Array) -> Array:
    """Cells that are free, and cut off from the picture's edge."""
    label, _ = ndimage.label(~solid)
    outside = np.unique(np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]]))
    free = np.ones(int(label.max()) + 1, dtype=bool)
    free[outside] = free[0] = False
    return np.asarray(free[label])


def _seconds(data: bytes) -> float | None:
    found = re.search(rb"; estimated printing time \(normal mode\) = ([0-9dhms ]+)", data)
    if found is None:
        return None
    units = {b"d": 86400.0, b"h": 3600.0, b"m": 60.0, b"s": 1.0}
    return sum(float(n) * units[u] for n, u in re.findall(rb"(\d+)([dhms])", found[1]))


def _filament(data: bytes) -> float | None:
    found = re.search(rb"; filament used \[cm3\] = (\d+\.?\d*)", data)
    return None if found is None else 1000.0 * float(found[1])
