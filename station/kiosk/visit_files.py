"""Names of the files of a visit, and how a customer's page calls them."""

from __future__ import annotations

import json
from typing import Any

MEASUREMENTS, PRESSURE, PRESCRIPTION = "measurements.json", "pressure.json", "prescription.json"
LINES, LOADS, PEAKS, PRINT = "lines.json", "loads.json", "peaks.json", "{side}.print.svg"
FOOT, SKIN, INSOLE = "{side}.foot", "{side}.glb", "{side}.insole.glb"
PRINTED = ("{side}.insole.stl", "{side}.insole.3mf")
PICTURE = ".png"  #: of the report
SCAN, WALK = "{name}.scan", "walk.recording"
#: what the browser of a visit may fetch, and as what
SHOWN = {
    **{name.format(side=side): "model/gltf-binary" for side in ("left", "right") for name in (SKIN, INSOLE)},
    PEAKS: "application/json",
}


def as_json(document: Any) -> bytes:
    """A document as it is kept."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two measurement documents as one; the pair's comparison is made anew when it is shown."""
    if not one:
        return dict(other)
    return {**one, "scans": [*one["scans"], *other["scans"]], "failed": [*one["failed"], *other["failed"]]}
