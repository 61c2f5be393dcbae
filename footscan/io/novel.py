"""What the readers of novel's text files share: numbers of a header, time that runs forwards, bounds on memory."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike
from footscan.io.text import Rows, parse_rows
from footscan.types import Array

EXPORT = "export it again from the novel software as ASCII, with decimal points"
CUT_OFF = "the file is cut off or was edited: copy or export it again"

_BYTES_PER_BYTE = 16  # memory that a byte of file may cost
_FREE_BYTES = 1 << 28


def header_number(path: PathLike, text: str, name: str) -> float:
    """The positive number behind ``name:``; ReadError where it is missing, none, 0 or has a decimal comma."""
    found = re.search(re.escape(name) + r":[ \t]*([^\s]*)", text)
    if found is None:
        raise ReadError(path, f"{name} in the header", "none", EXPORT)
    return positive(path, name, found[1])


def positive(path: PathLike, name: str, word: str) -> float:
    """A word of a header as a positive number."""
    if re.match(r"\d+,\d", word):
        raise ReadError(path, f"decimal points in {name}", f"{word[:20]!r}, a decimal comma", EXPORT)
    if not re.fullmatch(r"\d{1,9}(\.\d{1,12})?", word) or float(word) <= 0:
        raise ReadError(path, f"a positive number for {name}", repr(word[:20]), EXPORT)
    return float(word)


def numbers(path: PathLike, table: bytes, first_line: int) -> Rows:
    """A table that begins on ``first_line``; ReadError for the first thing that is no finite number with a point."""
    comma = table.find(b",")
    if comma >= 0:
        line = first_line + table.count(b"\n", 0, comma)
        raise ReadError(path, "decimal points", "decimal commas", EXPORT, f"line {line}")
    rows = parse_rows(path, table, 0, first_line)
    if not np.isfinite(rows.values).all():
        row = int(np.searchsorted(np.cumsum(rows.counts), int(np.argmin(np.isfinite(rows.values))), side="right"))
        raise ReadError(path, "finite numbers", "one that is too large", EXPORT, rows.place(row))
    return rows


def check_forwards(path: PathLike, time_s: Array, place: Callable[[int], str]) -> None:
    """ReadError for the first time stamp that is not after the one before it."""
    back = np.diff(time_s) <= 0
    if back.any():
        row = int(np.argmax(back)) + 1
        found = f"{time_s[row]:g} s after {time_s[row - 1]:g} s"
        raise ReadError(path, "time that runs forwards", found, EXPORT, place(row))


def check_size(path: PathLike, frames: int, cells: int, file_bytes: int) -> None:
    """ReadError where so many float32 would take more memory than a file of this size can ask for."""
    asked = 4 * frames * cells
    if asked > _BYTES_PER_BYTE * file_bytes + _FREE_BYTES:
        raise ReadError(
            path, f"a table that {file_bytes} bytes can describe", f"{frames} frames of {cells} cells", CUT_OFF
        )
