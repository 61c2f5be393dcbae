"""What the print shop asks of an insole: may it be printed, how much room, filament and time does it take?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from station.documents import significant

if TYPE_CHECKING:
    from footscan.types import Array
    from station.make import Insole, Order


def piece(insole: Insole) -> dict[str, Any]:
    """Verdict, size, outline from above, and about how much filament and time, as an order's manifest has it."""
    from station.prescriptions import printed

    extent = insole.mesh.vertices.max(axis=0) - insole.mesh.vertices.min(axis=0)
    estimate = printed(insole) or {}
    return {
        "printable": bool(insole.checks.ok),
        "advice": [item.name for item in insole.checks.items if item.advice and not item.ok],
        "size_mm": [significant(float(value), 6) for value in extent],
        "footprint_mm": [[significant(float(v), 5) for v in corner] for corner in footprint(insole.mesh.vertices)],
        "material": estimate.get("material"),
        "grams": estimate.get("grams"),
        "minutes": estimate.get("minutes"),
    }


def footprint(vertices: Array) -> Array:
    """An outline (36, 2) from above that holds all points (n, 3), mm, counter-clockwise: 36 tangents of their hull."""
    import numpy as np
    from scipy.spatial import ConvexHull

    hull = vertices[ConvexHull(vertices[:, :2]).vertices, :2]
    angle = np.radians(np.arange(0.0, 360.0, 10.0))
    normals = np.column_stack([np.cos(angle), np.sin(angle)])
    reach = (hull @ normals.T).max(axis=0)
    following = np.roll(normals, -1, axis=0)
    corners = np.linalg.solve(
        np.stack([normals, following], axis=1), np.stack([reach, np.roll(reach, -1)], 1)[..., None]
    )
    return np.asarray(np.round(corners[..., 0], 2))


def preset_sha256(order: Order) -> str:
    """The SHA-256 of the preset's own file, whoever wrote it."""
    from importlib import resources

    if order.preset.endswith(".toml"):
        path = dict(order.sources)["preset"].path
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    folder = resources.files("insole") / "presets"
    places = (folder / f"{order.preset}.toml", folder / "conditions" / f"{order.preset}.toml")
    return next((hashlib.sha256(p.read_bytes()).hexdigest() for p in places if p.is_file()), "")
