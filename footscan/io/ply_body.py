"""The body of a PLY file: tables out of bytes or text, elements in the order of the header.

Rows that are alike (no lists, or lists of one length throughout, as in nearly every file) are read as one array;
others are walked row by row.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from footscan.errors import ReadError
from footscan.io import text
from footscan.io.files import PathLike
from footscan.io.ply_header import Element, Header
from footscan.io.polygons import as_indices
from footscan.io.validate import DAMAGED, require_bytes, require_end
from footscan.types import Array

_CODES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I"}


class Table(Protocol):
    """The rows of one element."""

    def columns(self, names: Sequence[str]) -> Array:
        """(rows, names) scalar properties."""

    def lists(self, name: str) -> tuple[Array, Array]:
        """A list property: its length in each row (rows,), and all its items one row after the other."""


class Body(Protocol):
    """What stands behind the header."""

    def table(self, element: Element) -> Table:
        """The next element of the header: to be asked for in order, each once."""

    def end(self) -> None:
        """ReadError if anything follows."""


def body_of(path: PathLike, data: bytes, header: Header) -> Body:
    """The body by the header's format."""
    return _Binary(path, data, header) if header.order else _Text(path, data, header)


# ------------------------------------------------------------------ tables


class _Struct:
    """Rows that are alike, as a structured array: property j is field "j", the length of a list "j length"."""

    def __init__(self, element: Element, rows: Array) -> None:
        self.element, self.rows = element, rows

    def columns(self, names: Sequence[str]) -> Array:
        numbers = [self.element.column(name) for name in names]
        kinds = {self.element.properties[j].dtype for j in numbers}
        if len(kinds) == 1 and np.all(np.diff(numbers) == 1):  # side by side: one strided view
            first = self.rows[str(numbers[0])]
            return np.lib.stride_tricks.as_strided(
                first, (len(first), len(numbers)), (first.strides[0], first.itemsize), writeable=False
            )
        return np.column_stack([self.rows[str(j)].astype(np.float64) for j in numbers])

    def lists(self, name: str) -> tuple[Array, Array]:
        items = self.rows[str(self.element.column(name))]
        return np.full(len(items), items.shape[1]), items.reshape(-1)


class _Walked:
    """Rows as places in a store: ``at`` (rows, properties) is where a scalar or the first item of a list stands,
    ``length`` (rows, properties) how many items it has, ``each[j]`` how far apart they are; ``take(places, j)``
    fetches them."""

    def __init__(
        self, element: Element, at: Array, length: Array, each: Sequence[int], take: Callable[[Array, int], Array]
    ) -> None:
        self.element, self.at, self.length, self.each, self.take = element, at, length, each, take

    def columns(self, names: Sequence[str]) -> Array:
        numbers = [self.element.column(name) for name in names]
        return np.column_stack([self.take(self.at[:, j], j).astype(np.float64) for j in numbers])

    def lists(self, name: str) -> tuple[Array, Array]:
        j = self.element.column(name)
        counts = self.length[:, j]
        nth = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        return counts, self.take(np.repeat(self.at[:, j], counts) + nth * self.each[j], j)


def _walk(
    path: PathLike,
    element: Element,
    start: int,
    stop: int,
    widths: Sequence[tuple[int, int]],
    length_at: Callable[[int, int], int],
) -> tuple[Array, Array, int]:
    """Go through rows whose lists differ in length -> at, length (rows, properties), and where the last row ends.

    ``widths[j]``: how much a list's length (a scalar: 0) and an item take; ``length_at(place, j)`` reads a length.
    """
    at = np.zeros((element.rows, len(widths)), np.int64)
    length = np.ones_like(at)
    place = start
    for row in range(element.rows):
        for j, (before, each) in enumerate(widths):
            items = 1
            if before:
                items = length_at(place, j) if place + before <= stop else stop
                length[row, j] = items
            at[row, j] = place = place + before
            place += each * items
        if place > stop:
            raise ReadError(path, f"{element.rows} rows of {element.name}", f"the end within row {row}", DAMAGED)
    return at, length, place


# ------------------------------------------------------------------ bytes


class _Binary:
    """A cursor over the bytes."""

    def __init__(self, path: PathLike, data: bytes, header: Header) -> None:
        self.path, self.data, self.place = path, data, header.end

    def table(self, element: Element) -> Table:
        left = len(self.data) - self.place
        require_bytes(self.path, f"{element.rows} rows of {element.name}", element.rows * element.least_bytes, left)
        like_first = self._like_first(element)
        if like_first is not None:
            return like_first
        widths = [(item.count.itemsize if item.count else 0, item.dtype.itemsize) for item in element.properties]
        length_at = self._length_reader(element)
        at, length, self.place = _walk(self.path, element, self.place, len(self.data), widths, length_at)
        return _Walked(element, at, length, [each for _, each in widths], self._taker(element))

    def _like_first(self, element: Element) -> _Struct | None:
        """All rows as one array if their lists are as long as in the first row."""
        lengths = [0] * len(element.properties)
        if element.rows and not element.is_flat:
            widths = [(item.count.itemsize if item.count else 0, item.dtype.itemsize) for item in element.properties]
            one = replace(element, rows=1)
            lengths = _walk(self.path, one, self.place, len(self.data), widths, self._length_reader(element))[1][
                0
            ].tolist()
        fields: list[tuple[str, np.dtype[np.generic]] | tuple[str, np.dtype[np.generic], tuple[int]]] = []
        for j, item in enumerate(element.properties):
            if item.count is None:
                fields.append((str(j), item.dtype))
            else:
                fields += [(f"{j} length", item.count), (str(j), item.dtype, (lengths[j],))]
        kind = np.dtype(fields)
        if kind.itemsize * element.rows > len(self.data) - self.place:
            return None
        rows = np.frombuffer(self.data, kind, element.rows, self.place)
        if any((rows[f"{j} length"] != lengths[j]).any() for j, item in enumerate(element.properties) if item.count):
            return None
        self.place += kind.itemsize * element.rows
        return _Struct(element, rows)

    def _length_reader(self, element: Element) -> Callable[[int, int], int]:
        counts = [item.count for item in element.properties]
        readers = [struct.Struct((">" if c.str[0] == ">" else "<") + _CODES[c.str[1:]]) if c else None for c in counts]

        def length_at(place: int, j: int) -> int:
            reader = readers[j]
            items = int(reader.unpack_from(self.data, place)[0]) if reader else 0
            if items < 0:
                raise ReadError(self.path, "a list length of at least 0", str(items), DAMAGED, f"byte {place}")
            return items

        return length_at

    def _taker(self, element: Element) -> Callable[[Array, int], Array]:
        store = np.frombuffer(self.data, np.uint8)

        def take(places: Array, j: int) -> Array:
            kind = element.properties[j].dtype
            return store[places[:, None] + np.arange(kind.itemsize)].view(kind)[:, 0]

        return take

    def end(self) -> None:
        require_end(self.path, memoryview(self.data)[self.place :], self.place)


# ------------------------------------------------------------------ text


class _Text:
    """A cursor over the lines, one row of an element each."""

    def __init__(self, path: PathLike, data: bytes, header: Header) -> None:
        self.path, self.rows, self.row = path, text.parse_rows(path, data, header.end, header.lines + 1), 0

    def table(self, element: Element) -> Table:
        part = self.rows.part(self.row, self.row + element.rows)
        if len(part.counts) < element.rows:
            raise ReadError(self.path, f"{element.rows} lines of {element.name}", f"{len(part.counts)}", DAMAGED)
        self.row += element.rows
        if element.is_flat:
            part.table(self.path, len(element.properties))  # checks the columns
        widths = [(1 if item.count else 0, 1) for item in element.properties]
        start = np.cumsum(part.counts) - part.counts
        if element.is_flat:
            at = start[:, None] + np.arange(len(widths))
            length = np.ones_like(at)
        else:
            at, length = self._lists(element, part, widths, start)
        return _Walked(element, at, length, [1] * len(widths), lambda places, _: part.values[places])

    def _lists(
        self, element: Element, part: text.Rows, widths: Sequence[tuple[int, int]], start: Array
    ) -> tuple[Array, Array]:
        def length_at(place: int, _: int) -> int:
            row = int(np.searchsorted(start, place, side="right")) - 1
            items = int(as_indices(self.path, part.values[place : place + 1], lambda _: part.place(row))[0])
            if items < 0:
                raise ReadError(self.path, "a list length of at least 0", str(items), DAMAGED, part.place(row))
            return items

        if len(widths) == 1 and element.rows:  # the usual: a face line is its corners and nothing else
            length = as_indices(self.path, part.values[start], part.place)[:, None]
            at = start[:, None] + 1
        else:
            at, length, _ = _walk(self.path, element, 0, len(part.values), widths, length_at)
        needed = length.sum(axis=1) + sum(before for before, _ in widths)
        if not (needed == part.counts).all():
            row = int(np.argmax(needed != part.counts))
            raise ReadError(self.path, f"{needed[row]} numbers", f"{part.counts[row]}", DAMAGED, part.place(row))
        return at, length

    def end(self) -> None:
        if self.row < len(self.rows.counts):
            extra = len(self.rows.counts) - self.row
            raise ReadError(self.path, "the end of the file", f"{extra} more lines", DAMAGED, self.rows.place(self.row))
