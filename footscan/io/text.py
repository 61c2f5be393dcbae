"""Numbers out of text files: strict, fast, in bounded memory.

Every token must be a plain decimal number (``-1.5``, ``2e-3``; no ``nan``, no ``0x10``, no ``1_000``) and is rounded
correctly. A million lines of three numbers take about a third of a second. Work goes in chunks of whole lines, so
that the working memory beside the result stays small; where something is wrong the offending line is looked up
afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike
from footscan.types import Array

CHUNK_BYTES = 1 << 18  #: fits the processor's cache
BOM = b"\xef\xbb\xbf"
NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")

_SPACES = b" \t\r\n\v\f"
_ALLOWED = b"0123456789+-.eE" + _SPACES
_IS_SPACE = np.isin(np.arange(256), list(_SPACES))
_LONGEST_INT = 18  # characters: fits an int64
_FEW = 64  # tokens out of so many that are read one by one
_EXACT_INT = 2**53  # integers up to here are exact in float64
_POWERS = 10.0 ** np.arange(_LONGEST_INT + 1)  # exact in float64 (up to 10**22)
_END_INT = 1234567890123456789  # longer than any integer that is taken: can't come from the file


@dataclass(frozen=True, eq=False)
class Rows:
    """Numbers as they stood on lines: ``values`` (total,) float64, ``counts`` (rows,) how many each line had,
    ``place(row)`` the line that a row stood on. Blank lines are left out."""

    values: Array
    counts: Array
    place: Callable[[int], str]

    def table(self, path: PathLike, columns: int) -> Array:
        """(rows, columns) view; ReadError for the first row that has another number of values."""
        if not (self.counts == columns).all():
            row = int(np.argmax(self.counts != columns))
            raise ReadError(path, f"{columns} numbers", f"{self.counts[row]}", "", self.place(row))
        return self.values.reshape(len(self.counts), columns)

    def part(self, start: int, stop: int) -> Rows:
        """The rows from ``start`` to ``stop``."""
        first, last = int(self.counts[:start].sum()), int(self.counts[:stop].sum())
        return Rows(self.values[first:last], self.counts[start:stop], lambda row: self.place(row + start))


def clean(data: bytes) -> bytes:
    """Without a byte order mark, and with line feeds where a file has carriage returns alone."""
    data = data.removeprefix(BOM)
    if b"\r" in data and b"\n" not in data:
        return data.replace(b"\r", b"\n")
    return data


def chunks(data: bytes, start: int = 0) -> Iterator[bytes]:
    """Pieces of about ``CHUNK_BYTES`` that end at line ends (a longer line stays whole)."""
    while start < len(data):
        stop = start + CHUNK_BYTES
        if stop < len(data):
            stop = data.find(b"\n", stop - 1) + 1 or len(data)
        yield data[start:stop]
        start = stop


def parse_rows(path: PathLike, data: bytes, start: int = 0, first_line: int = 1) -> Rows:
    """All numbers from byte ``start`` on, separated by white space; ReadError with the line of the first that is none.

    ``first_line`` is the number of the line that begins at ``start``.
    """
    values, counts, line = [], [], first_line
    for chunk in chunks(data, start):
        chunk_values, chunk_counts = parse_chunk(path, chunk, partial(_line, line))
        values.append(chunk_values)
        counts.append(chunk_counts[chunk_counts > 0])
        line += len(chunk_counts)
    return Rows(
        np.concatenate(values) if values else np.empty(0),
        np.concatenate(counts) if counts else np.empty(0, np.int32),
        lambda row: f"line {first_line + nth_line(data, start, row)}",
    )


def _line(first: int, row: int) -> str:
    return f"line {first + row}"


def nth_line(data: bytes, start: int, row: int) -> int:
    """How many lines after ``start`` the ``row``-th line that is not blank stands."""
    for number, line in enumerate(data[start:].split(b"\n")):
        row -= bool(line.strip())
        if row < 0:
            return number
    return 0


def parse_chunk(path: PathLike, chunk: bytes, place: Callable[[int], str]) -> tuple[Array, Array]:
    """Numbers of whole lines -> values (total,), counts (lines,) of which blank lines have 0.

    ``place(line)`` says where the line of that number within the chunk stands.
    """
    if chunk.translate(None, _ALLOWED):
        raise _offence(path, chunk, place)
    text = np.frombuffer(chunk, np.uint8)
    blank = text <= 32
    edges = np.flatnonzero(blank[1:] != blank[:-1]) + 1
    if len(text) and not blank[0]:
        edges = np.concatenate(([0], edges))
    if len(edges) % 2:
        edges = np.append(edges, len(text))
    starts, ends = edges[0::2], edges[1::2]
    values = _numbers(chunk, text, starts, ends)
    if values is None:
        raise _offence(path, chunk, place)
    line_ends = np.flatnonzero(text == 10)
    if len(text) and text[-1] != 10:
        line_ends = np.append(line_ends, len(text))
    counts = np.diff(np.searchsorted(starts, line_ends), prepend=0)
    return values, counts.astype(np.int32)


def _numbers(chunk: bytes, text: Array, starts: Array, ends: Array) -> Array | None:
    """Tokens -> float64; None if one of them is no number.

    Fixed notation of up to 2**53 is read as an integer and divided by a power of ten: both are exact in float64, so
    the quotient is rounded correctly (the fast path of W. D. Clinger, doi:10.1145/93548.93557). Anything else goes
    through the C library's strtod: a few such tokens one by one, else all of the chunk. A sentinel behind the last
    token shows that the parser came to the end.
    """
    if len(starts) == 0:
        return np.empty(0)
    odd = ends - starts > _LONGEST_INT
    if b"e" in chunk or b"E" in chunk:
        odd[np.searchsorted(starts, np.flatnonzero((text | 0x20) == 101), side="right") - 1] = True
    which = np.flatnonzero(odd)
    if len(which) <= len(starts) // _FEW:
        values = _mostly_fixed(chunk, text, starts, ends, which)
        if values is not None:
            return values
    floats = _scan(chunk + b" nan", np.float64)
    return floats[:-1] if len(floats) == len(starts) + 1 and np.isnan(floats[-1]) else None


def _mostly_fixed(chunk: bytes, text: Array, starts: Array, ends: Array, odd: Array) -> Array | None:
    """As :func:`_fixed_notation`, but for the tokens ``odd``: read one by one, for the others' sake a nought each."""
    if not len(odd):
        return _fixed_notation(chunk, text, starts, ends)
    spans = [slice(*span) for span in zip(starts[odd].tolist(), ends[odd].tolist())]
    tokens = [chunk[span] for span in spans]
    if not all(map(NUMBER.fullmatch, tokens)):
        return None
    text, ends = text.copy(), ends.copy()
    for span in spans:
        text[span] = 32
    text[starts[odd]], ends[odd] = 48, starts[odd] + 1
    values = _fixed_notation(text.tobytes(), text, starts, ends)
    if values is not None:
        values[odd] = [float(token) for token in tokens]
    return values


def _fixed_notation(chunk: bytes, text: Array, starts: Array, ends: Array) -> Array | None:
    signs = np.flatnonzero((text == 45) | (text == 43))
    if (text[signs[signs > 0] - 1] > 32).any():
        return None  # a sign within a token
    points = np.flatnonzero(text == 46)
    of_token = np.searchsorted(starts, points, side="right") - 1
    if (np.diff(of_token) == 0).any():
        return None  # two points in a token
    integers = _scan(chunk.translate(None, b".") + b" %d" % _END_INT, np.int64)
    if len(integers) != len(starts) + 1 or integers[-1] != _END_INT:
        return None
    integers = integers[:-1]
    if integers.max() > _EXACT_INT or integers.min() < -_EXACT_INT:
        return None
    decimals = np.zeros(len(starts), np.intp)
    decimals[of_token] = ends[of_token] - points - 1
    return np.asarray(integers / _POWERS[decimals])


def _scan(text: bytes, dtype: type) -> Array:
    """The numbers up to the first thing that is none (newer numpy raises there, older warns and stops)."""
    try:
        return np.fromstring(text, dtype=dtype, sep=" ")
    except (ValueError, DeprecationWarning):
        return np.empty(0, dtype)


def _offence(path: PathLike, chunk: bytes, place: Callable[[int], str]) -> ReadError:
    """The error that names the line and the token of the first thing that is no number."""
    for number, line in enumerate(chunk.split(b"\n")):
        for token in line.split():
            if not NUMBER.fullmatch(token):
                return ReadError(path, "a number", show(token), "the text is damaged", place(number))
    return ReadError(path, "numbers", "something else", "the text is damaged", place(0))


def show(found: object) -> str:
    """What stands in the file, in quotes, cut to a length that fits a message, nothing unprintable in it."""
    text = found[:41].decode("ascii", "backslashreplace") if isinstance(found, bytes) else str(found)
    return ascii(text[:40]) + ("…" if len(text) > 40 else "")


def parse_part(path: PathLike, chunk: bytes, numbers: Array) -> Rows:
    """Lines that were taken out of a file, none of them blank; ``numbers`` (lines,) says where each stood."""

    def place(line: int) -> str:
        return f"line {numbers[line]}"

    values, counts = parse_chunk(path, chunk, place)
    return Rows(values, counts, place)


# ------------------------------------------------------------------ lines that begin with a word


class Lines:
    """The lines of a chunk, by their first word: for OBJ and for STL in text."""

    def __init__(self, chunk: bytes) -> None:
        self.text = np.frombuffer(chunk + b"\n" + b" " * 16, np.uint8).copy()
        breaks = np.flatnonzero(self.text == 10)
        if chunk.endswith(b"\n"):
            breaks = breaks[:-1]
        self.starts = np.concatenate(([0], breaks[:-1] + 1))
        self.stops = breaks + 1
        self.first = self.starts
        if _IS_SPACE[self.text[self.starts]].any():  # indented or blank lines
            solid = np.append(np.flatnonzero(~_IS_SPACE[self.text]), len(self.text) - 1)
            self.first = np.minimum(solid[np.searchsorted(solid, self.starts)], self.stops - 1)

    def __len__(self) -> int:
        return len(self.starts)

    def begin_with(self, word: bytes) -> Array:
        """(lines,) True where the first word is ``word`` (lower case), in whatever case it stands there."""
        same = _IS_SPACE[self.text[self.first + len(word)]]
        for k, letter in enumerate(word):
            same &= (self.text[self.first + k] | 0x20) == letter
        return np.asarray(same)

    def blank(self) -> Array:
        """(lines,) True where nothing stands."""
        return np.asarray(_IS_SPACE[self.text[self.first]])

    def cut(self, lines: Array, word: bytes) -> bytes:
        """The lines with True in ``lines``, their first ``word`` made blank, as one piece of text."""
        text = self.text.copy()
        first = self.first[lines]
        for k in range(len(word)):
            text[first + k] = 32
        keep = np.repeat(lines, self.stops - self.starts)
        return bytes(text[: len(keep)][keep])

    def line(self, number: int) -> bytes:
        """One line as it stands."""
        return bytes(self.text[self.starts[number] : self.stops[number]]).strip()


# ------------------------------------------------------------------ writing


def lines_of_floats(rows: Array, prefix: str = "") -> bytes:
    """Rows (n, k) -> lines of nine significant digits (a float32 survives), each behind ``prefix``."""
    pattern = prefix + " ".join(["%.9g"] * rows.shape[1]) + "\n"
    return _lines(rows + 0.0, pattern)  # no "-0"


def lines_of_indices(rows: Array, pattern: str) -> bytes:
    """Rows (n, k) of whole numbers -> lines by a pattern such as ``"f %d %d %d\\n"``."""
    return _lines(rows, pattern)


def _lines(rows: Array, pattern: str) -> bytes:
    step = 1 << 14
    parts = []
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        parts.append((pattern * len(block) % tuple(block.ravel().tolist())).encode())
    return b"".join(parts)
