"""Shoe sizes out of a measurements file: each foot's own, and the pair's, which takes the longer foot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footscan.errors import ReadError
from station.documents import MEASURE_SCHEMA, plain

if TYPE_CHECKING:
    from footscan.sizing import System

SCHEMA = "plantar/size/1"
LARGEST_BYTES = 50_000_000
EXPECTED = "measurements of plantar"
HINT = "give measurements.json of an order, or what plantar measure --json printed"


@dataclass(frozen=True)
class FootSize:
    """One foot of a measurements file, mm."""

    side: str
    length_mm: float
    breadth_mm: float | None


def read_measurements(path: Path) -> list[FootSize]:
    """Every foot of the file. ReadError where it is no measurements file, or a length is missing."""
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ReadError(path, EXPECTED, error.strerror or "a file that can't be read", "check the name") from error
    if len(data) > LARGEST_BYTES:
        raise ReadError(path, EXPECTED, f"more than {LARGEST_BYTES // 1_000_000} MB", HINT)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ReadError(path, EXPECTED, "no JSON document", HINT) from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != MEASURE_SCHEMA:
        raise ReadError(path, f"{EXPECTED}, schema {MEASURE_SCHEMA}", f"schema {schema}", HINT)
    try:
        feet = [_foot(path, foot) for scan in document["scans"] for foot in scan["feet"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ReadError(path, f"{EXPECTED}, schema {MEASURE_SCHEMA}", f"a document without {error}", HINT) from error
    if not feet:
        raise ReadError(path, "at least one foot", "none", "measure the scans again")
    return feet


def _foot(path: Path, foot: Mapping[str, Any]) -> FootSize:
    length, breadth = (foot["measures"][name]["value"] for name in ("foot_length_mm", "foot_breadth_orthogonal_mm"))
    if not isinstance(length, (int, float)) or not 80 <= length <= 400:
        raise ReadError(path, "a foot length of 80 to 400 mm", str(length), "measure the scan again")
    if breadth is not None and (not isinstance(breadth, (int, float)) or not 30 <= breadth <= 200):
        raise ReadError(path, "a foot breadth of 30 to 200 mm", str(breadth), "measure the scan again")
    return FootSize(str(foot["side"]), float(length), None if breadth is None else float(breadth))


def size_document(source: str, digest: str, feet: Sequence[FootSize], systems: Sequence[System]) -> dict[str, Any]:
    """``plantar size --json``."""
    return {
        "schema": SCHEMA,
        "source": source,
        "sha256": digest,
        "feet": [
            {
                "side": foot.side,
                "length_mm": foot.length_mm,
                "breadth_mm": foot.breadth_mm,
                "sizes": _sizes(foot, systems),
            }
            for foot in feet
        ],
        "pair": _pair(feet, systems),
    }


def _sizes(foot: FootSize, systems: Sequence[System]) -> dict[str, Any]:
    from footscan.sizing import size

    found = {system: size(foot.length_mm, system, foot.breadth_mm) for system in systems}
    return {system: {"size": s.label, "reason": s.reason} for system, s in found.items()}


def _pair(feet: Sequence[FootSize], systems: Sequence[System]) -> dict[str, Any] | None:
    """Of a left and a right foot: the longer one's length, the broader one's breadth."""
    if sorted(foot.side for foot in feet) != ["left", "right"]:
        return None
    longer = max(feet, key=lambda foot: foot.length_mm)
    breadths = [foot.breadth_mm for foot in feet if foot.breadth_mm is not None]
    both = FootSize(longer.side, longer.length_mm, max(breadths, default=None))
    return {
        "longer": longer.side,
        "difference_mm": plain(round(abs(feet[0].length_mm - feet[1].length_mm), 4)),
        "length_mm": both.length_mm,
        "breadth_mm": both.breadth_mm,
        "sizes": _sizes(both, systems),
    }
