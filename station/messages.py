"""Words for people: one file a language in station/lang, the same keys in each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

LANGUAGES = ("en", "zh")
FOLDER = Path(__file__).parent / "lang"


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """Key -> text with ``{named}`` places, of one language of ``LANGUAGES``."""
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, got {lang!r}")
    return MappingProxyType(json.loads((FOLDER / f"{lang}.json").read_text(encoding="utf-8")))


class Texts:
    """The texts of one language: ``say("summary.feet", count=2)``."""

    def __init__(self, lang: str = "en") -> None:
        self.lang = lang
        self._texts = catalogue(lang)

    def __call__(self, key: str, **values: object) -> str:
        """The text under ``key`` with its places filled; KeyError if there is no such text."""
        return self._texts[key].format(**values)

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self._texts


def columns(text: str) -> int:
    """How many terminal columns a text takes: East Asian wide characters take two."""
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def table(rows: list[list[str]], indent: str = "  ", numbers: tuple[int, ...] = ()) -> list[str]:
    """Rows of cells as aligned lines; the columns in ``numbers`` are set to the right."""
    if not rows:
        return []
    widths = [max(columns(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    lines = []
    for row in rows:
        cells = []
        for i, cell in enumerate(row):
            space = " " * (widths[i] - columns(cell))
            cells.append(space + cell if i in numbers else cell + space)
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines
