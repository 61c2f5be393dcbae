"""What the text formats of recordings share: the side in a recorded name, and numbers put into words."""

from __future__ import annotations

import numpy as np

from footscan.types import Array, Side


def side_of_name(name: str) -> Side:
    """left or right where the name ends in an L or R of its own (``FrasP01L.fsx``, ``walk_r``), else unknown.

    The letter stands alone after a digit, ``_``, ``-``, ``.`` or a space, or is a capital after a small letter
    (``walkL``): the R of ``FLOOR`` and the l of ``trial`` say nothing.
    """
    stem = stem_of_name(name)
    if len(stem) < 2 or stem[-1] not in "LRlr":
        return "unknown"
    before, letter = stem[-2], stem[-1]
    if before.isalpha() and not (before.islower() and letter.isupper()):
        return "unknown"
    return "left" if letter in "Ll" else "right"


def stem_of_name(name: str) -> str:
    """``C:\\MOVIES\\FrasP01L.fsx`` -> ``FrasP01L``: the last part of a path of either kind, without its suffix."""
    last = name.strip().replace("\\", "/").rsplit("/", 1)[-1]
    return last.rsplit(".", 1)[0] if "." in last[1:] else last


def one_line(name: str) -> str:
    """A name that can stand in a header: printable, no tab, no line break."""
    return "".join(c if c.isprintable() else " " for c in name).strip()


def texts(values: Array, form: str | None = None) -> Array:
    """float32 values -> the words that give them back, same shape, of str: the fewest digits, or a ``%`` form.

    Pressures are quantised, so each different value is put into words once.
    """
    different, where = np.unique(np.asarray(values, np.float32).ravel(), return_inverse=True)
    words = [shortest(value) if form is None else form % float(value) for value in different]
    return np.array([*words, ""], dtype=object)[where].reshape(values.shape)


def shortest(value: np.float32) -> str:
    """The fewest digits that read back as the same float32; whole numbers without a point."""
    text = str(value)
    return text[:-2] if text.endswith(".0") else text
