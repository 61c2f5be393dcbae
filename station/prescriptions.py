"""``prescription.json``: every value of both insoles with its reason, what became of it, and what the checks say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from station.documents import plain, significant

if TYPE_CHECKING:
    from footscan.types import Array, Mesh, QualityReason
    from insole import CheckReport, InsolePrescription
    from station.make import Insole, Made

SCHEMA = "plantar/prescriptions/1"

#: what an order's summary shows of a prescription whatever it is; of the rest only what differs from the default
MAIN_FIELDS = (
    "length",
    "heel_cup_depth_mm",
    "arch_offset_mm",
    "rearfoot_post_deg",
    "base_thickness_mm",
    "cover_thickness_mm",
)


def prescribed(prescription: InsolePrescription) -> dict[str, dict[str, Any]]:
    """Field -> value, reason, its source, and who chose it: default, rule, preset or person."""
    from insole.fields import FIELDS

    entries: dict[str, dict[str, Any]] = {}
    for name, value in prescription.values.items():
        reason = prescription.reasons.get(name)
        if reason is not None:
            text, source, by = reason.text, reason.source, str(reason.by)
        else:
            text, source, by = (
                ("default" if value is not None else "not given") + f": {FIELDS[name].does}",
                "",
                "default",
            )
        entries[name] = {"value": plain(value), "reason": text, "source": source, "by": by}
    return entries


def main_fields(prescription: InsolePrescription) -> dict[str, dict[str, Any]]:
    """The entries of ``prescribed`` that a person should read."""
    from insole.fields import FIELDS

    return {
        name: entry
        for name, entry in prescribed(prescription).items()
        if name in MAIN_FIELDS or entry["by"] == "person" or entry["value"] != plain(FIELDS[name].default)
    }


def prescription_document(made: Made) -> dict[str, Any]:
    """``prescription.json``."""
    from insole.rules import pair_advice

    insoles = made.insoles
    pair = pair_advice(insoles["left"].prescription, insoles["right"].prescription) if len(insoles) == 2 else ()
    sources = {f"{source.name} ({side})": side for side in made.feet for _, source in made.order.scans}
    return {
        "schema": SCHEMA,
        "preset": made.order.preset,
        "feet": {side: _insole(insole) for side, insole in insoles.items()},
        "notes": notes(pair),
        "failed": [
            {"source": f.source, "error": f.error, "message": f.message} for f in made.failed if f.source in sources
        ],
    }


def notes(found: Iterable[QualityReason]) -> list[dict[str, str]]:
    """What the person who makes it should know."""
    return [{"code": note.code, "detail": note.detail} for note in found]


def _insole(insole: Insole) -> dict[str, Any]:
    design, extent = insole.design, insole.mesh.vertices.max(axis=0) - insole.mesh.vertices.min(axis=0)
    seen = {note.code: note for note in (*insole.prescription.notes, *design.notes)}
    return {
        "fields": prescribed(insole.prescription),
        "notes": notes(seen.values()),
        "insole": {
            "length_mm": significant(float(extent[0]), 6),
            "width_mm": significant(float(extent[1]), 6),
            "height_mm": significant(float(extent[2]), 6),
            "volume_ml": significant(volume_ml(insole.mesh), 6),
            "triangles": len(insole.mesh.faces),
            "reliefs": {
                name: {"depth_mm": plain(relief.depth_mm), "softening_mm": plain(relief.softening_mm)}
                for name, relief in design.reliefs.items()
            },
        },
        "print": printed(insole),
        "checks": checks(insole.checks),
    }


def printed(insole: Insole) -> dict[str, Any] | None:
    """What it is printed of and how, and about how much filament and time that takes."""
    if insole.zoning is None:
        return None
    from insole.print_estimate import estimate_print

    zoning = insole.zoning
    height = float(insole.mesh.vertices[:, 2].max() - insole.mesh.vertices[:, 2].min())
    estimate = estimate_print(zoning, height)
    return {
        "material": zoning.material.name,
        "uncalibrated": zoning.material.uncalibrated,
        "grams": significant(estimate.grams, 3),
        "minutes": significant(estimate.seconds / 60.0, 3),
        "infill_percent": round(100.0 * zoning.body.density),
        "perimeters": zoning.body.perimeters,
        "top_layers": zoning.body.top_layers,
        "bottom_layers": zoning.body.bottom_layers,
        "zones": [
            {
                "name": zone.name,
                "infill_percent": zone.infill_percent,
                "top_layers": zone.settings.top_layers,
                "bottom_layers": zone.settings.bottom_layers,
            }
            for zone in zoning.zones
        ],
        "notes": notes(zoning.notes),
    }


def checks(report: CheckReport) -> list[dict[str, Any]]:
    """The checks of a mesh, each with its value and limit."""
    return [
        {
            "name": item.name,
            "ok": bool(item.ok),
            "value": plain(item.value),
            "limit": plain(item.limit),
            "message": item.message,
            "advice": bool(item.advice),
        }
        for item in report.items
    ]


def volume_ml(mesh: Mesh) -> float:
    """The volume that a closed mesh holds, from the signed tetrahedra of its triangles."""
    import numpy as np

    corners: Array = mesh.vertices[mesh.faces]
    six = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return float(six.sum()) / 6000.0
