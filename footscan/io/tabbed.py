"""Tab-separated tables in which a number may be missing: an empty field is NaN, never zero."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike
from footscan.io.text import chunks, parse_chunk, show
from footscan.types import Array

_LARGEST = 1e9


@dataclass(frozen=True, eq=False)
class TabTable:
    """``values`` (rows, columns) float64, NaN where a field is empty or words; ``words[row, column]`` the words."""

    values: Array
    words: dict[tuple[int, int], str]


def parse_tabbed(path: PathLike, data: bytes, first_line: int, columns: int, wordy: Collection[int] = ()) -> TabTable:
    """Lines of ``columns`` fields, the last line end may be missing.

    Parameters
    ----------
    data : whole lines that end in line feeds alone
    first_line : the number of the first of them
    wordy : columns that hold words (or nothing)

    Raises
    ------
    ReadError : a line of another number of fields, a field that is no number, a decimal comma, a number beyond a
        thousand million, each with its line
    """
    tables, words, line = [np.empty((0, columns))], dict[tuple[int, int], str](), first_line
    for chunk in chunks(data):
        table, found = _chunk(path, chunk if chunk.endswith(b"\n") else chunk + b"\n", line, columns, wordy)
        words |= {(line - first_line + row, column): text for (row, column), text in found.items()}
        tables.append(table)
        line += len(table)
    return TabTable(np.concatenate(tables), words)


def _chunk(
    path: PathLike, chunk: bytes, first_line: int, columns: int, wordy: Collection[int]
) -> tuple[Array, dict[tuple[int, int], str]]:
    text = np.frombuffer(chunk, np.uint8)
    ends = np.flatnonzero((text == 9) | (text == 10))
    fields = np.diff(np.searchsorted(ends, np.flatnonzero(text == 10)), prepend=-1)
    if (fields != columns).any():
        row = int(np.argmax(fields != columns))
        hint = "the file is cut off or was edited: export it again"
        raise ReadError(path, f"{columns} fields", str(fields[row]), hint, f"line {first_line + row}")
    starts = np.concatenate([[0], ends[:-1] + 1])
    full = (ends > starts).reshape(-1, columns)
    words = {}
    for column in wordy:
        for row in np.flatnonzero(full[:, column]).tolist():
            field = slice(int(starts[row * columns + column]), int(ends[row * columns + column]))
            words[row, column] = chunk[field].decode("utf-8", "replace")
            chunk = chunk[: field.start] + b"\t" * (field.stop - field.start) + chunk[field.stop :]
    full[:, list(wordy)] = False
    place = partial(_place, first_line)
    odd = next((sign for sign in (b",", b" ") if sign in chunk), None)
    if odd is not None:
        row = chunk.count(b"\n", 0, chunk.index(odd))
        found = "a decimal comma" if odd == b"," else "a space"
        raise ReadError(path, "numbers with decimal points between tabs", found, "export it again", place(row))
    numbers, counts = parse_chunk(path, chunk, place)
    if (counts != full.sum(axis=1)).any():
        row = int(np.argmax(counts != full.sum(axis=1)))
        found = show(chunk.split(b"\n")[row])
        raise ReadError(path, "numbers between tabs", found, "export it again", place(row))
    table = np.full(full.shape, np.nan)
    table[full] = numbers
    if len(numbers) and np.abs(numbers).max() > _LARGEST:
        row = int(np.argmax((np.abs(np.nan_to_num(table)) > _LARGEST).any(axis=1)))
        raise ReadError(path, f"numbers up to {_LARGEST:g}", "a larger one", "export it again", place(row))
    return table, words


def _place(first: int, line: int) -> str:
    return f"line {first + line}"
