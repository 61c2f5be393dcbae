"""One insole's entry of ``prescription.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from station.documents import plain, significant
from station.prescriptions import checks, notes, prescribed, volume_ml

if TYPE_CHECKING:
    from footscan.types import Mesh
    from insole import CheckReport, InsoleDesign, InsolePrescription
    from insole.zones import Zoning


def insole_entry(
    prescription: InsolePrescription, design: InsoleDesign, mesh: Mesh, report: CheckReport, zoning: Zoning
) -> dict[str, Any]:
    """As `station.prescriptions` writes it: fields with reasons, notes, sizes, how it is printed, checks."""
    from station.make import Insole
    from station.prescriptions import printed

    extent = mesh.vertices.max(axis=0) - mesh.vertices.min(axis=0)
    seen = {note.code: note for note in (*prescription.notes, *design.notes)}
    reliefs = {
        name: {"depth_mm": plain(relief.depth_mm), "softening_mm": plain(relief.softening_mm)}
        for name, relief in design.reliefs.items()
    }
    return {
        "fields": prescribed(prescription),
        "notes": notes(seen.values()),
        "insole": {
            "length_mm": significant(float(extent[0]), 6),
            "width_mm": significant(float(extent[1]), 6),
            "height_mm": significant(float(extent[2]), 6),
            "volume_ml": significant(volume_ml(mesh), 6),
            "triangles": len(mesh.faces),
            "reliefs": reliefs,
        },
        "print": printed(Insole(prescription, design, mesh, report, zoning)),
        "checks": checks(report),
    }
