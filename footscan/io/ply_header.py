"""The header of a PLY file: which elements with which properties follow, and how many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike
from footscan.io.text import show
from footscan.io.validate import DAMAGED

MAX_HEADER_BYTES = 1 << 16
TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8",
    "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass(frozen=True)
class Property:
    """``dtype`` of the value, or of a list's items; ``count`` the dtype of a list's length, None for a scalar."""

    name: str
    dtype: np.dtype[np.generic]
    count: np.dtype[np.generic] | None = None


@dataclass(frozen=True)
class Element:
    """``rows`` records, each with the ``properties`` in this order."""

    name: str
    rows: int
    properties: tuple[Property, ...]

    @property
    def is_flat(self) -> bool:
        """True without list properties: every row is alike."""
        return all(item.count is None for item in self.properties)

    @property
    def least_bytes(self) -> int:
        """What a row takes in a binary file if all its lists are empty."""
        return sum((item.count or item.dtype).itemsize for item in self.properties)

    def column(self, name: str) -> int:
        """Which property has the name; ValueError if none has."""
        return [item.name for item in self.properties].index(name)

    def has(self, *names: str, lists: bool = False) -> bool:
        """True if all the names are there, as scalars or as lists."""
        return set(names) <= {item.name for item in self.properties if (item.count is not None) == lists}


@dataclass(frozen=True)
class Header:
    """``order`` "" for text, "<" or ">" for binary; the body starts at byte ``end``, which is on line ``lines`` + 1."""

    order: str
    elements: tuple[Element, ...]
    end: int
    lines: int


def parse_header(path: PathLike, data: bytes) -> Header:
    """Read the header; ReadError with the line of what is not understood."""
    end, lines = _header_lines(path, data)
    order: str | None = None
    elements: list[Element] = []
    for number, line in enumerate(lines[1:-1], start=2):
        words = line.split()
        match words:
            case [] | ["comment" | "obj_info", *_]:
                continue
            case ["format", name, "1.0"] if name in FORMATS and order is None:
                order = FORMATS[name]
            case ["element", name, count] if count.isascii() and count.isdigit() and len(count) < 16:
                elements.append(Element(name, int(count), ()))
            case ["property", "list", count, kind, name] if elements and {count, kind} <= TYPES.keys():
                _add(elements, Property(name, _dtype(order, kind), _dtype(order, count)))
            case ["property", kind, name] if elements and kind in TYPES:
                _add(elements, Property(name, _dtype(order, kind)))
            case _:
                expected = "format, element, property or comment of PLY 1.0"
                raise ReadError(path, expected, show(line.encode()), DAMAGED, f"line {number}")
    if order is None:
        raise ReadError(path, "a line 'format … 1.0'", "none", DAMAGED, f"line {len(lines)}")
    _check_names(path, elements)
    return Header(order, tuple(elements), end, len(lines))


def _header_lines(path: PathLike, data: bytes) -> tuple[int, list[str]]:
    """The byte behind the header and its lines."""
    stop = data.find(b"end_header", 0, MAX_HEADER_BYTES)
    end = data.find(b"\n", stop) + 1
    if not data.startswith((b"ply\n", b"ply\r\n")):
        raise ReadError(path, "'ply' on the first line", show(data[:16]), "check the format", "line 1")
    if stop < 0 or not end:
        raise ReadError(path, "a PLY header that ends with end_header", "none", DAMAGED)
    lines = data[:end].decode("latin-1").split("\n")[:-1]
    if lines[-1].strip() != "end_header":
        raise ReadError(path, "end_header alone on its line", show(lines[-1].encode()), DAMAGED, f"line {len(lines)}")
    return end, lines


def _dtype(order: str | None, kind: str) -> np.dtype[np.generic]:
    return np.dtype((order or "=") + TYPES[kind])


def _add(elements: list[Element], item: Property) -> None:
    last = elements.pop()
    elements.append(Element(last.name, last.rows, (*last.properties, item)))


def _check_names(path: PathLike, elements: list[Element]) -> None:
    """Each element and each of its properties once, each element with at least one, list lengths whole numbers."""
    names = [element.name for element in elements]
    for element in elements:
        own = [item.name for item in element.properties]
        if names.count(element.name) > 1 or len(own) != len(set(own)):
            raise ReadError(
                path, "each element and property once", f"one of {element.name} twice", DAMAGED, "the header"
            )
        if not own:
            raise ReadError(path, f"properties of element {element.name}", "none", DAMAGED, "the header")
        for item in element.properties:
            if item.count is not None and item.count.kind == "f":
                raise ReadError(path, f"a whole-number length of list {item.name}", "a float", DAMAGED, "the header")
