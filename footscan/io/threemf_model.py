"""The XML of a 3MF package: models and relationships, by expat, without entities or document types."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike
from footscan.io.text import NUMBER, show
from footscan.io.validate import DAMAGED, MAX_POINTS
from footscan.types import Array

CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
PRODUCTION = "http://schemas.microsoft.com/3dmanufacturing/production/2015/06"
RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
#: required extensions that leave the surface where the core says it is
_HARMLESS = (
    PRODUCTION,
    "http://schemas.microsoft.com/3dmanufacturing/material/2015/02",
    "http://schemas.microsoft.com/3dmanufacturing/trianglesets/2021/07",
)
_UNITS = ("micron", "millimeter", "centimeter", "inch", "foot", "meter")
_SEPARATOR = "\n"  # between namespace and name: can't stand in either

Attributes = dict[str, str]


@dataclass(frozen=True, eq=False)
class Component:
    """Object ``object_id`` (of ``part``, "" for the same part) where ``T_parent_object`` (4, 4) puts it."""

    object_id: str
    part: str
    T_parent_object: Array


@dataclass(frozen=True, eq=False)
class Object:
    """vertices (n, 3) in the model's unit and faces (m, 3), or the components of which it is made."""

    kind: str
    vertices: Array
    faces: Array
    components: tuple[Component, ...]


@dataclass(frozen=True, eq=False)
class Model:
    """A model part: its unit, its objects by id, what it builds."""

    unit: str
    objects: dict[str, Object]
    items: tuple[Component, ...]


def parse_model(path: PathLike, part: str, data: bytes) -> Model:
    """A model part; ReadError with the line of what it should not hold."""
    builder = _Builder(path, part)
    _parse(path, part, data, builder.start, builder.end)
    return Model(builder.unit, builder.objects, tuple(builder.items))


def parse_targets(path: PathLike, data: bytes) -> list[tuple[str, str]]:
    """(type, target) of each relationship in a .rels part."""
    found: list[tuple[str, str]] = []

    def start(name: str, attributes: Attributes, line: int) -> None:
        if name == RELATIONSHIPS + _SEPARATOR + "Relationship":
            found.append((attributes.get("Type", ""), attributes.get("Target", "")))

    _parse(path, "_rels/.rels", data, start, lambda name: None)
    return found


def _parse(
    path: PathLike,
    part: str,
    data: bytes,
    start: Callable[[str, Attributes, int], None],
    end: Callable[[str], None],
) -> None:
    """Feed a part to expat: ``start(name, attributes, line)`` and ``end(name)`` are called for each element."""
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    prefixes: dict[str | None, str | None] = {}

    def refuse(*_: object) -> None:
        place = f"{part}, line {parser.CurrentLineNumber}"
        raise ReadError(path, "plain XML", "a document type or an entity", "it may be hostile: don't open it", place)

    def opened(name: str, attributes: Attributes) -> None:
        required = attributes.get("requiredextensions")
        for prefix in required.split() if required else ():
            if prefixes.get(prefix) not in _HARMLESS:
                found = f"the extension {show(prefixes.get(prefix, prefix))}"
                raise ReadError(path, "a plain model", found, "export it without", part)
        start(name, attributes, parser.CurrentLineNumber)

    def named(prefix: str | None, uri: str | None) -> None:
        prefixes[prefix] = uri

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartNamespaceDeclHandler = named
    parser.StartElementHandler, parser.EndElementHandler = opened, end
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ReadError(path, "XML", expat.ErrorString(error.code), DAMAGED, f"{part}, line {error.lineno}") from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not know
        if isinstance(error, ReadError):
            raise
        raise ReadError(path, "XML in UTF-8", str(error)[:120], DAMAGED, part) from error


@dataclass
class _Builder:
    """Takes a model's elements one by one; coordinates and indices go into flat arrays, never into objects."""

    path: PathLike
    part: str
    unit: str = "millimeter"
    objects: dict[str, Object] = field(default_factory=dict)
    items: list[Component] = field(default_factory=list)
    _id: str = ""
    _kind: str = ""
    _coordinates: array[float] = field(default_factory=lambda: array("d"))
    _corners: array[int] = field(default_factory=lambda: array("q"))
    _components: list[Component] = field(default_factory=list)

    def start(self, name: str, a: Attributes, line: int) -> None:
        """An element begins; those of other namespaces are passed over."""
        namespace, _, name = name.rpartition(_SEPARATOR)
        if namespace != CORE:
            return
        try:
            if name == "vertex":
                self._coordinates.extend((_number(a["x"]), _number(a["y"]), _number(a["z"])))
            elif name == "triangle":
                self._corners.extend((_whole(a["v1"]), _whole(a["v2"]), _whole(a["v3"])))
            elif name == "object":
                self._id, self._kind = a["id"], a.get("type", "model")
            elif name == "component":
                self._components.append(_component(a))
            elif name == "item":
                self.items.append(_component(a))
            elif name == "model":
                self.unit = a.get("unit", "millimeter")
                if self.unit not in _UNITS:
                    raise ValueError(self.unit)
        except (KeyError, ValueError) as error:
            found = f"{name} with {show(error)}"
            place = f"{self.part}, line {line}"
            raise ReadError(self.path, f"a complete element {name}", found, DAMAGED, place) from error

    def end(self, name: str) -> None:
        """An element ends: with an object all that was gathered for it."""
        if name != CORE + _SEPARATOR + "object":
            return
        vertices = np.array(self._coordinates, np.float64).reshape(-1, 3)
        faces = np.array(self._corners, np.int64).reshape(-1, 3)
        place = f"{self.part}, object {show(self._id)}"
        if self._id in self.objects:
            raise ReadError(self.path, "each object id once", "one twice", DAMAGED, place)
        if len(vertices) > MAX_POINTS or (len(faces) and (faces.min() < 0 or faces.max() >= len(vertices))):
            expected = f"indices from 0 to {len(vertices) - 1}"
            raise ReadError(self.path, expected, str(faces.max(initial=0)), DAMAGED, place)
        self.objects[self._id] = Object(self._kind, vertices, faces, tuple(self._components))
        self._coordinates, self._corners, self._components = array("d"), array("q"), []


def _number(text: str) -> float:
    if not NUMBER.fullmatch(text.strip().encode()):
        raise ValueError(text)
    return float(text)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise ValueError(text)
    return int(text)


def _component(a: Attributes) -> Component:
    """A component or an item: twelve numbers, row by row of a 4 x 3 matrix that is multiplied from the right."""
    T = np.eye(4)
    if "transform" in a:
        numbers = [_number(word) for word in a["transform"].split()]
        if len(numbers) != 12:
            raise ValueError(a["transform"])
        T[:3] = np.array(numbers).reshape(4, 3).T
    return Component(a["objectid"], a.get(PRODUCTION + _SEPARATOR + "path", ""), T)
