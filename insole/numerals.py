"""Columns of numbers as lines of text, many at once: digits are set by arithmetic on whole columns."""

from __future__ import annotations

import numpy as np

from footscan.types import Array

#: "000" … "999" as ASCII; then the same without leading zeros (0 bytes in their place; 0 itself is "0" in the last
#: three digits of a number, nothing in those before them)
_FULL: Array = (np.arange(1000)[:, None] // np.array([100, 10, 1]) % 10 + ord("0")).astype(np.uint8)
_LAST: Array = np.vstack([_FULL, np.where(np.arange(1000)[:, None] >= np.array([100, 10, 0]), _FULL, 0)])
_FIRST: Array = np.where(np.arange(2000)[:, None] == 1000, 0, _LAST).astype(np.uint8)


def lines(values: Array, texts: tuple[str, ...], end: str, decimals: int = 0) -> bytes:
    """``texts[0]`` a ``texts[1]`` b … ``end``, a line a row of the integers (n, k), k = len(texts).

    decimals : 0, or 3 for a decimal point before the last three digits
    """
    count = len(values)
    fields = [digits(values[:, k], decimals) for k in range(len(texts))]
    width = sum(len(t.encode()) for t in texts) + len(end.encode()) + sum(f.shape[1] for f in fields)
    table, at = np.empty((count, width), dtype=np.uint8), 0
    for text, field in zip(texts, fields):
        at = _put(table, at, np.frombuffer(text.encode(), dtype=np.uint8))
        at = _put(table, at, field)
    _put(table, at, np.frombuffer(end.encode(), dtype=np.uint8))
    kept: bytes = table[table != 0].tobytes()
    return kept


def index_lines(values: Array, texts: tuple[str, ...], end: str, most: int) -> bytes:
    """``lines`` of indices 0 … ``most`` that come again and again (n, k): each number is set once.

    A shorter number is filled with spaces after its text, so ``texts[1:]`` and ``end`` must begin with a character
    that ends the number and bears spaces after it (``"`` of an attribute).
    """
    numbers = digits(np.arange(most + 1), 0)
    length = (numbers != 0).sum(axis=1)
    shift = numbers.shape[1] - length  # to the left, so that what is empty comes last
    place = (np.arange(numbers.shape[1])[None, :] + shift[:, None]) % numbers.shape[1]
    numbers = np.take_along_axis(numbers, place, axis=1)
    first, rest = np.frombuffer(texts[0].encode(), dtype=np.uint8), [*texts[1:], end]
    words = []
    for text in rest:  # number, then the character that ends it, then spaces, then the text's rest
        word = np.full((most + 1, numbers.shape[1] + 1), ord(" "), dtype=np.uint8)
        word[:, :-1][numbers != 0] = numbers[numbers != 0]
        word[np.arange(most + 1), length] = ord(text[0])
        tail = np.broadcast_to(np.frombuffer(text[1:].encode(), dtype=np.uint8), (most + 1, len(text[1:].encode())))
        words.append(np.concatenate([word, tail], axis=1))
    width = len(first) + sum(w.shape[1] for w in words)
    table, at = np.empty((len(values), width), dtype=np.uint8), len(first)
    _put(table, 0, first)
    for k, word in enumerate(words):
        whole = np.ascontiguousarray(word).view(f"V{word.shape[1]}").ravel()
        at = _put(table, at, whole[values[:, k]].view(np.uint8).reshape(len(values), -1))
    return table.tobytes()


def digits(values: Array, decimals: int) -> Array:
    """Integers (n,) as ASCII (n, width), unused places 0; three digits at a time from a table. ``decimals`` 0 or 3."""
    size = np.abs(values)
    groups: list[Array] = []
    while True:
        left = size // 1000  # with the product below a fifth of what divmod takes
        groups.insert(0, size - 1000 * left)
        size = left
        if not size.any() and len(groups) > decimals // 3:
            break
    whole, columns = len(groups) - decimals // 3, []
    started = np.zeros(len(values), dtype=bool)
    for k, group in enumerate(groups):
        if k == whole:
            columns.append(np.full((len(values), 1), ord("."), dtype=np.uint8))
        if k >= whole:
            columns.append(np.take(_FULL, group, axis=0))
            continue
        table = _FIRST if k < whole - 1 else _LAST
        columns.append(np.take(table, np.where(started, group, group + 1000), axis=0))
        started = started | (group > 0)
    if values.min(initial=0) < 0:
        columns.insert(0, np.where(values < 0, ord("-"), 0).astype(np.uint8)[:, None])
    return np.hstack(columns)


def _put(table: Array, at: int, field: Array) -> int:
    table[:, at : at + field.shape[-1]] = field
    return at + int(field.shape[-1])
