"""The kiosk's words: one file a language, ``kiosk.en.json`` for customers, ``staff.en.json`` for staff."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from station.messages import LANGUAGES

FOLDER = Path(__file__).parent


@cache
def catalogue(part: str, lang: str) -> Mapping[str, str]:
    """Key -> text with ``{named}`` places: ``part`` kiosk or staff, ``lang`` of ``LANGUAGES``."""
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, got {lang!r}")
    return MappingProxyType(json.loads((FOLDER / f"{part}.{lang}.json").read_text(encoding="utf-8")))


class Words:
    """The words of one language: ``say("who.new", age=14)``."""

    def __init__(self, lang: str, part: str = "kiosk") -> None:
        self.lang, self._texts = lang, catalogue(part, lang)

    def __call__(self, key: str, /, **values: object) -> str:
        """The text under ``key`` with its places filled; KeyError if there is none."""
        return self._texts[key].format(**values)

    def many(self, key: str, count: int, /, **values: object) -> str:
        """The text for so many: under ``key.one`` for one of it, if there is such a text."""
        return self(f"{key}.one" if count == 1 and self.has(f"{key}.one") else key, **values)

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self._texts
