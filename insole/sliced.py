"""What was asked in a 3MF against what its slicer made of it: the infill of the body and of each zone in the G-code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from footscan.errors import ReadError
from footscan.io import read_geometry
from footscan.types import Array, Mesh
from insole.checks import CheckItem, welded
from insole.inspection import faces_of, prusa_volumes
from insole.slicing import WITHIN, Region, Sliced, ZoneInfill, infill_of_regions, read_gcode

MAX_GCODE_BYTES = 400_000_000
SHIFTED_MM = 1.5  #: the print's extent may differ so much from the model's: the outermost line's middle lies inside it
HINT = "give the zoned 3MF that plantar wrote for PrusaSlicer, and the G-code that was sliced from it as it lies"


def check_sliced(model: str | Path, gcode: str | Path) -> tuple[CheckItem, ...]:
    """One item for each body and zone: its infill within three points of what was asked.

    model : a zoned 3MF as ``zoned_threemf_bytes`` writes it for PrusaSlicer, one insole or several
    gcode : sliced from it; a slicer may have moved everything together, not turned it

    Raises ReadError where one of them is something else, or they do not belong together.
    """
    asked, plan = _asked(Path(model))
    sliced = _sliced(Path(gcode))
    # where the slicer has put it
    printed = np.vstack([sliced.start_mm, sliced.end_mm])
    spans = np.ptp(printed, axis=0), np.ptp(plan, axis=0)
    if np.abs(spans[0] - spans[1]).max() > SHIFTED_MM:
        found, wanted = (" × ".join(f"{v:.0f}" for v in span) for span in spans)
        raise ReadError(gcode, f"a print of {wanted} mm, as the 3MF is", f"{found} mm", HINT)
    shift = 0.5 * (printed.min(axis=0) + printed.max(axis=0) - plan.min(axis=0) - plan.max(axis=0))
    around = Region("around", 0.0, ())
    moved = [Region(r.name, r.density, tuple(p + shift for p in r.polygons)) for r in asked]
    return tuple(_item(zone) for zone in infill_of_regions(sliced, [around, *moved])[1:])


def _item(zone: ZoneInfill) -> CheckItem:
    limit = f"{100 * zone.asked:.0f} % ± {100 * WITHIN:.0f}"
    if zone.found is None:
        return CheckItem(f"infill {zone.name}", True, None, limit, "its core is too small to tell", advice=True)
    message = f"{100 * zone.found:.1f} % of infill in {zone.name}, {100 * zone.asked:.0f} % were asked"
    return CheckItem(f"infill {zone.name}", zone.ok, 100.0 * zone.found, limit, message)


def _asked(path: Path) -> tuple[list[Region], Array]:
    """Bodies and zones in the slicer's order, and the plan (n, 2) of everything printed."""
    mesh = read_geometry(path)
    objects = prusa_volumes(path, len(mesh.faces)) if isinstance(mesh, Mesh) else []
    if not isinstance(mesh, Mesh) or not objects:
        raise ReadError(path, "a 3MF with PrusaSlicer's settings", "none", HINT)
    regions, plan = [], []
    for volumes in objects:
        for volume in volumes:
            part = faces_of(mesh, volume.first, volume.last)
            if not volume.modifier:
                plan.append(part.vertices[:, :2])
            density = _density(path, volume.settings)
            regions.append(Region(volume.settings.get("name", "?"), density, _silhouette(path, part)))
    return regions, np.vstack(plan)


def _density(path: Path, settings: Mapping[str, str]) -> float:
    text = settings.get("fill_density", "")
    try:
        return float(text.removesuffix("%")) / 100.0
    except ValueError:
        raise ReadError(path, "a fill_density of each volume, e.g. 24%", repr(text), HINT) from None


def _silhouette(path: Path, part: Mesh) -> tuple[Array, ...]:
    """A closed mesh from above."""
    import manifold3d

    vertices, faces = welded(part)
    solid = manifold3d.Manifold(manifold3d.Mesh64(np.ascontiguousarray(vertices), faces.astype(np.uint64)))
    if solid.status() != manifold3d.Error.NoError:
        raise ReadError(path, "closed volumes", "one that is open", HINT)
    return tuple(np.asarray(p, dtype=float) for p in solid.project().to_polygons())


def _sliced(path: Path) -> Sliced:
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_GCODE_BYTES else b""
    except OSError as error:
        raise ReadError(path, "G-code", error.strerror or "a file that can't be read", "check the name") from error
    if size > MAX_GCODE_BYTES:
        raise ReadError(path, f"G-code of at most {MAX_GCODE_BYTES // 1_000_000} MB", f"{size // 1_000_000} MB", HINT)
    return read_gcode(data, str(path))
