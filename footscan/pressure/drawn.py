"""Regions that a person drew: named polygons in a JSON or CSV file, or named lists of cells.

JSON (schema ``plantar/mask/1``; the names are free, their order is that of the file):

    {"schema": "plantar/mask/1", "frame": "foot", "length_mm": 245,
     "regions": {"ulcer": [[170, 20], [190, 20], [190, 40]], "heel": [[[0, -30], [60, -30], [60, 30], [0, 30]]]}}

``frame``: ``foot``: x from the print's rear edge along its axis, y to the medial side, alike for both feet;
``insole``: x from the insole's heel edge, y to the medial side of its middle; ``plate``: the plate's own x, y. All mm.
``length_mm``, only of ``foot``: of the print on which it was drawn; it is then scaled to each step's. A region is one
polygon or several; a cell belongs to the first region that its centre lies in, and to none outside all.

    {"schema": "plantar/mask/1", "cells": {"heel": [1, 2, 3], "forefoot": [9, 10, 11, 12]}}

Cells by number, from 1 in the order of the recording's columns: for sensors whose places are not known.

CSV: lines ``# frame: foot`` and, if wanted, ``# length_mm: 245``; then the header ``region,x_mm,y_mm``; then corners, a
line each, polygon by polygon; an empty line begins another polygon of the same region.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from footscan.errors import ReadError, ScanError
from footscan.io.files import PathLike, read_bytes
from footscan.io.text import show
from footscan.pressure.regions import foot_frame
from footscan.types import Array, SensorLayout, Side

SCHEMA = "plantar/mask/1"
Frame = Literal["foot", "insole", "plate"]
FRAMES: tuple[Frame, ...] = ("foot", "insole", "plate")
MOST_BYTES, MOST_REGIONS, MOST_CORNERS, MOST_NAME = 4_000_000, 256, 20_000, 64
_MOST_MM, _LEAST_MM2 = 10_000.0, 1.0
_LENGTHS_MM = (50.0, 500.0)
_HINT = "see docs/pressure.md, Masks"

#: JSON Schema of the file
JSON_SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": SCHEMA,
    "type": "object",
    "required": ["schema"],
    "properties": {
        "schema": {"const": SCHEMA},
        "frame": {"enum": list(FRAMES)},
        "length_mm": {"type": "number", "minimum": _LENGTHS_MM[0], "maximum": _LENGTHS_MM[1]},
        "regions": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"anyOf": [{"$ref": "#/$defs/polygon"}, {"$ref": "#/$defs/polygons"}]},
        },
        "cells": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1}},
        },
    },
    "oneOf": [{"required": ["frame", "regions"]}, {"required": ["cells"]}],
    "additionalProperties": False,
    "$defs": {
        "corner": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "polygon": {"type": "array", "items": {"$ref": "#/$defs/corner"}, "minItems": 3},
        "polygons": {"type": "array", "items": {"$ref": "#/$defs/polygon"}, "minItems": 1},
    },
}


@dataclass(frozen=True, eq=False)
class DrawnRegions:
    """names in the order of the file; polygons: of each the corners (k, 2) mm in ``frame``; or cells: of each its
    numbers from 0. ``length_mm`` of the print on which it was drawn, or None."""

    names: tuple[str, ...]
    frame: Frame
    polygons: tuple[tuple[Array, ...], ...] = ()
    cells: tuple[Array, ...] = ()
    length_mm: float | None = None

    def labels(self, layout: SensorLayout, image: Array, side: Side, heading: Array | None = None) -> Array:
        """Index (cells,) into ``names``, -1 outside; ScanError where the frame can't be had of this sensor."""
        labels = np.full(len(layout.xy_mm), -1)
        if self.cells:
            for number, cells in enumerate(self.cells):
                if int(cells.max()) >= len(labels):
                    raise ScanError(f"the mask names cell {int(cells.max()) + 1}, the sensor has {len(labels)}")
                labels[cells] = number
            return labels
        xy = self._placed(layout, image, side, heading)
        for number, polygons in reversed(tuple(enumerate(self.polygons))):
            inside = np.zeros(len(xy), np.bool_)
            for polygon in polygons:
                inside |= within(polygon, xy)
            labels[inside] = number
        return labels

    def _placed(self, layout: SensorLayout, image: Array, side: Side, heading: Array | None) -> Array:
        """Cells (cells, 2) mm in the frame of the drawing."""
        if layout.positions != "mm":
            raise ScanError("a drawn mask needs cells at places known in mm; name the cells by number instead")
        if self.frame == "foot":
            frame = foot_frame(layout, image, side, heading)
            scale = 1.0 if self.length_mm is None else self.length_mm / frame.length_mm
            return np.column_stack([frame.s_mm, -frame.w_mm]) * scale
        if layout.frame != self.frame:
            raise ScanError(f"the mask is drawn in the frame {self.frame!r}, the sensor's is {layout.frame!r}")
        if self.frame == "plate":
            return layout.xy_mm
        if side == "unknown":
            raise ScanError("a mask drawn on an insole needs to know whether the foot is left or right")
        return layout.xy_mm * [1.0, 1.0 if side == "right" else -1.0]


def within(polygon: Array, xy: Array) -> Array:
    """Which points (n, 2) lie in a closed polygon (k, 2), by the even-odd rule."""
    inside = np.zeros(len(xy), np.bool_)
    x, y = xy.T
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, axis=0)):
        crosses = (ay > y) != (by > y)
        if ay != by:
            inside ^= crosses & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return inside


def read_drawn(path: PathLike) -> DrawnRegions:
    """The regions of a ``.json`` or ``.csv`` file (told by its first byte), checked against everything above.

    Raises
    ------
    ReadError : says the place, what was expected and what stands there
    """
    data = read_bytes(path)
    if len(data) > MOST_BYTES:
        raise ReadError(path, f"at most {MOST_BYTES} bytes", str(len(data)), _HINT)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(path, "UTF-8", "other bytes", _HINT, f"byte {error.start}") from None
    document = _json(path, text) if text.lstrip().startswith("{") else _csv(path, text)
    return _checked(path, document)


def _json(path: PathLike, text: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
        if twice is not None:
            raise ReadError(path, "each name once", f"{show(twice)} twice", _HINT)
        return dict(pairs)

    def refused(word: str) -> float:
        raise ReadError(path, "finite numbers", word, _HINT)

    try:
        found = json.loads(text, object_pairs_hook=once, parse_constant=refused)
    except json.JSONDecodeError as error:
        raise ReadError(path, "JSON", error.msg, _HINT, f"line {error.lineno}") from None
    except (RecursionError, ValueError) as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(path, "JSON of few levels and digits", "more", _HINT) from None
    if not isinstance(found, dict):
        raise ReadError(path, "a JSON object", type(found).__name__, _HINT)
    return found


def _csv(path: PathLike, text: str) -> dict[str, Any]:
    document: dict[str, Any] = {"schema": SCHEMA, "regions": {}}
    regions: dict[str, list[list[list[float]]]] = document["regions"]
    header, current = False, ""
    for number, line in enumerate(text.splitlines(), 1):
        place = f"line {number}"
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            if key.strip() == "length_mm":
                document["length_mm"] = _number(path, value, place)
            elif key.strip() == "frame":
                document["frame"] = value.strip()
        elif not line.strip(" \t,"):
            current = ""
        elif not header:
            if [word.strip() for word in line.split(",")] != ["region", "x_mm", "y_mm"]:
                raise ReadError(path, "the header region,x_mm,y_mm", show(line), _HINT, place)
            header = True
        else:
            words = line.split(",")
            if len(words) != 3:
                raise ReadError(path, "region,x_mm,y_mm with decimal points", show(line), _HINT, place)
            name = words[0].strip()
            if name != current:
                regions.setdefault(name, []).append([])
                current = name
            regions[name][-1].append([_number(path, word, place) for word in words[1:]])
    if not header:
        raise ReadError(path, "a JSON object or the header region,x_mm,y_mm", "neither", _HINT)
    return document


def _number(path: PathLike, word: str, place: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ReadError(path, "a number", show(word.strip()), _HINT, place) from None


# ------------------------------------------------------------------ checks


def _checked(path: PathLike, document: dict[str, Any]) -> DrawnRegions:
    if document.get("schema") != SCHEMA:
        raise ReadError(path, f"the schema {SCHEMA}", show(str(document.get("schema"))), _HINT, "schema")
    known = {"schema", "frame", "length_mm", "regions", "cells"}
    strange = sorted(set(document) - known)
    if strange:
        raise ReadError(path, f"only {', '.join(sorted(known))}", show(strange[0]), _HINT)
    if ("regions" in document) == ("cells" in document):
        raise ReadError(path, "either regions or cells", "both" if "cells" in document else "neither", _HINT)
    if "cells" in document:
        if "frame" in document or "length_mm" in document:
            raise ReadError(path, "cells without frame and length_mm", "one of them", _HINT, "cells")
        names = _names(path, document["cells"], "cells")
        return DrawnRegions(names, "plate", cells=_cells(path, document["cells"]))
    names = _names(path, document["regions"], "regions")
    frame = next((f for f in FRAMES if f == document.get("frame")), None)
    if frame is None:
        raise ReadError(path, f"a frame: {', '.join(FRAMES)}", show(str(document.get("frame"))), _HINT, "frame")
    length = document.get("length_mm")
    if length is not None:
        if frame != "foot":
            raise ReadError(path, "length_mm only with the frame foot", f"the frame {frame}", _HINT, "length_mm")
        low, high = _LENGTHS_MM
        if not _is_number(length) or not low <= length <= high:
            raise ReadError(path, f"a length from {low:.0f} to {high:.0f} mm", show(str(length)), _HINT, "length_mm")
    polygons = tuple(_polygons(path, value, f"regions.{name}") for name, value in document["regions"].items())
    corners = sum(len(polygon) for group in polygons for polygon in group)
    if corners > MOST_CORNERS:
        raise ReadError(path, f"at most {MOST_CORNERS} corners", str(corners), _HINT, "regions")
    return DrawnRegions(names, frame, polygons, length_mm=None if length is None else float(length))


def _names(path: PathLike, found: Any, place: str) -> tuple[str, ...]:
    if not isinstance(found, dict) or not 1 <= len(found) <= MOST_REGIONS:
        raise ReadError(path, f"1 to {MOST_REGIONS} named regions", show(str(found)), _HINT, place)
    for name in found:
        if not name.strip() or len(name) > MOST_NAME or not name.isprintable():
            raise ReadError(path, f"a name of 1 to {MOST_NAME} printable characters", show(name), _HINT, place)
    return tuple(found)


def _cells(path: PathLike, found: dict[str, Any]) -> tuple[Array, ...]:
    out, owner = [], dict[int, str]()
    for name, numbers in found.items():
        place = f"cells.{name}"
        if not isinstance(numbers, list) or not numbers:
            raise ReadError(path, "a list of cell numbers", show(str(numbers)), _HINT, place)
        for number in numbers:
            if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= 1_000_000:
                raise ReadError(path, "cell numbers from 1", show(str(number)), _HINT, place)
            if number in owner:
                raise ReadError(path, "each cell once", f"cell {number} in {show(owner[number])} too", _HINT, place)
            owner[number] = name
        out.append(np.array(numbers, np.int64) - 1)
    return tuple(out)


def _polygons(path: PathLike, found: Any, place: str) -> tuple[Array, ...]:
    """One polygon or several, each of three corners or more that span an area."""
    several = isinstance(found, list) and found and isinstance(found[0], list) and found[0]
    if not several:
        raise ReadError(path, "a polygon, or a list of polygons", show(str(found)), _HINT, place)
    groups = [found] if _is_number(found[0][0]) else found
    return tuple(_polygon(path, group, place) for group in groups)


def _polygon(path: PathLike, found: Any, place: str) -> Array:
    if not isinstance(found, list) or len(found) < 3:
        raise ReadError(path, "three corners or more", show(str(found)), _HINT, place)
    for corner in found:
        sound = isinstance(corner, list) and len(corner) == 2 and all(_is_number(value) for value in corner)
        if not sound or not all(abs(value) <= _MOST_MM for value in corner):
            raise ReadError(path, f"corners [x, y] within {_MOST_MM:.0f} mm", show(str(corner)), _HINT, place)
    polygon = np.array(found, np.float64)
    x, y = polygon.T
    area = 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))
    if area < _LEAST_MM2:
        raise ReadError(path, f"an area of {_LEAST_MM2:.0f} mm^2 or more", f"{area:.3g}", _HINT, place)
    return polygon


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(abs(value) < 1e300)
