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
    from footscan.sizing import Sex, Size, System, UsWomen

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
    girth_mm: float | None = None


@dataclass(frozen=True)
class SizeOptions:
    """Named options of the systems: see `footscan.sizing.size` and `footscan.sizing.japanese_width`."""

    us_women: UsWomen = "brannock"
    sex: Sex | None = None
    cn_type_one_mm: float | None = None


def read_document(path: Path) -> dict[str, Any]:
    """A measurements file as JSON. ReadError where it is none."""
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
    return dict(document)


def read_measurements(path: Path) -> list[FootSize]:
    """Every foot of the file. ReadError where it is no measurements file, or a length is missing."""
    document = read_document(path)
    try:
        feet = [_foot(path, foot) for scan in document["scans"] for foot in scan["feet"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ReadError(path, f"{EXPECTED}, schema {MEASURE_SCHEMA}", f"a document without {error}", HINT) from error
    if not feet:
        raise ReadError(path, "at least one foot", "none", "measure the scans again")
    return feet


def _foot(path: Path, foot: Mapping[str, Any]) -> FootSize:
    if foot["side"] not in ("left", "right", "unknown"):
        raise ReadError(path, "a foot that is left, right or unknown", str(foot["side"])[:40], "measure the scan again")
    measures = foot["measures"]
    length = _number(path, measures["foot_length_mm"], "foot length", 80.0, 400.0)
    if length is None:
        raise ReadError(path, "a foot length of 80 to 400 mm", "None", "measure the scan again")
    breadth = _number(path, measures["foot_breadth_orthogonal_mm"], "foot breadth", 30.0, 200.0)
    girth = _number(path, measures.get("ball_girth_mm", {"value": None}), "ball girth", 80.0, 500.0)
    return FootSize(foot["side"], length, breadth, girth)


def _number(path: Path, measure: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """A measure's value; ReadError where it is something that no foot has."""
    value = measure["value"]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ReadError(path, f"a {name} of {low:g} to {high:g} mm", str(value)[:40], "measure the scan again")
    return float(value)


def size_document(
    source: str, digest: str, feet: Sequence[FootSize], systems: Sequence[System], options: SizeOptions | None = None
) -> dict[str, Any]:
    """``plantar size --json``."""
    options = options or SizeOptions()
    return {
        "schema": SCHEMA,
        "source": source,
        "sha256": digest,
        "feet": [{"side": foot.side, **_lengths(foot), **_sized(foot, systems, options)} for foot in feet],
        "pair": _pair(feet, systems, options),
    }


def _lengths(foot: FootSize) -> dict[str, Any]:
    return {"length_mm": foot.length_mm, "breadth_mm": foot.breadth_mm, "girth_mm": foot.girth_mm}


def _sized(foot: FootSize, systems: Sequence[System], options: SizeOptions) -> dict[str, Any]:
    """The sizes in each system, and the Japanese width where its system is asked for."""
    from footscan.sizing import japanese_width, size

    found = {
        system: size(
            foot.length_mm, system, foot.breadth_mm, us_women=options.us_women, girth_mm=foot.girth_mm,
            cn_type_one_mm=options.cn_type_one_mm,
        )
        for system in systems
    }  # fmt: skip
    sized: dict[str, Any] = {"sizes": {system: _plain(s) for system, s in found.items()}}
    if "jp" in systems:
        sized["jp_width"] = _plain(japanese_width(foot.length_mm, foot.girth_mm, options.sex))
    return sized


def _plain(size: Size) -> dict[str, Any]:
    return {"size": size.label, "reason": size.reason}


def _pair(feet: Sequence[FootSize], systems: Sequence[System], options: SizeOptions) -> dict[str, Any] | None:
    """Of a left and a right foot: the longer one's length, the broader one's breadth, the larger girth."""
    from footscan.sizing import advise_pair

    by_side = {foot.side: foot for foot in feet}
    if len(feet) != 2 or sorted(by_side) != ["left", "right"]:
        return None
    advice = advise_pair(by_side["left"].length_mm, by_side["right"].length_mm)
    breadths = [foot.breadth_mm for foot in feet if foot.breadth_mm is not None]
    girths = [foot.girth_mm for foot in feet if foot.girth_mm is not None]
    both = FootSize(advice.longer, advice.length_mm, max(breadths, default=None), max(girths, default=None))
    return {
        "longer": advice.longer,
        "difference_mm": plain(round(advice.difference_mm, 4)),
        "half_sizes": plain(round(advice.half_sizes, 4)),
        "half_size_or_more": advice.apart,
        "inner_length_mm": [plain(round(v, 4)) for v in advice.inner_length_mm],
        **_lengths(both),
        **_sized(both, systems, options),
    }
