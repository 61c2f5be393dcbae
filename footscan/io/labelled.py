"""Tables with lines of words between them, as spreadsheets and their exports have them."""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike
from footscan.io.text import chunks, parse_chunk
from footscan.types import Array

_IS_WORD = np.isin(np.arange(256), list(b'"' + string.ascii_letters.encode()))  # as the first byte of a line


@dataclass(frozen=True, eq=False)
class LabelledTable:
    """``texts`` in the order of their ``text_rows``; the rows of numbers: ``rows`` (n,) ascending, ``counts`` (n,) how
    many each has, all their ``values``. Rows count from 0; ``word`` is what a person calls one."""

    texts: list[str]
    text_rows: Array
    rows: Array
    counts: Array
    values: Array
    word: str

    @cached_property
    def starts(self) -> Array:
        """(n + 1,) where each row's numbers begin in ``values``."""
        return np.concatenate([[0], np.cumsum(self.counts, dtype=np.int64)])

    def place(self, row: int) -> str:
        """Where a row stands, for a person."""
        return f"{self.word} {row + 1}"

    def below(self, rows: Array) -> Array:
        """Index of the first row with numbers after each of ``rows``."""
        return np.asarray(np.searchsorted(self.rows, rows, side="right"))


def parse_labelled(path: PathLike, data: bytes, separator: bytes = b"") -> LabelledTable:
    """Lines that begin with a letter or a quotation mark are words; all others numbers, with white space or
    ``separator`` between them.

    Raises
    ------
    ReadError : a token that is no number, a decimal comma (a comma that is no separator), with its line
    """
    text = np.frombuffer(data, np.uint8)
    stops = np.append(np.flatnonzero(text == 10), len(text)) + 1
    starts = np.append(0, stops[:-1])
    starts, stops = starts[starts < len(text)], np.minimum(stops[starts < len(text)], len(text))
    is_word = _IS_WORD[text[starts]]
    covered = np.repeat(is_word, stops - starts)
    texts = text[covered].tobytes().decode("utf-8", "replace").split("\n")
    bare = text.copy()
    bare[covered & (text != 10)] = 32
    if separator:
        bare[text == ord(separator)] = 32
    numbers = bare.tobytes()
    comma = numbers.find(b",")
    if comma >= 0:
        line = numbers.count(b"\n", 0, comma) + 1
        raise ReadError(path, "decimal points", "a comma", "export with decimal points", f"line {line}")
    values, counts, line = [np.empty(0)], [np.empty(0, np.int64)], 1
    for chunk in chunks(numbers):
        chunk_values, chunk_counts = parse_chunk(path, chunk, partial(_place, line))
        values.append(chunk_values)
        counts.append(chunk_counts)
        line += len(chunk_counts)
    of_line = np.concatenate(counts)
    rows = np.flatnonzero(of_line)
    if b"\r" in data:
        texts = [words.rstrip("\r") for words in texts]
    word_rows = np.flatnonzero(is_word)
    return LabelledTable(texts[: len(word_rows)], word_rows, rows, of_line[rows], np.concatenate(values), "line")


def _place(first: int, line: int) -> str:
    return f"line {first + line}"
