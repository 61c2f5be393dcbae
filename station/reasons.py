"""Why something is as it is, or can't be: what the modules below say in English, in words for people.

``station/lang/reasons.en.json`` and ``reasons.zh.json``: a sentence as it is said, with ``{places}`` for what changes,
and the same as people shall read it. What stands in a place is told in the same way; in one whose name begins with
``code`` stands a code. A sentence that is in no file is told as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType

from station.messages import FOLDER, LANGUAGES
from station.report_content import Words

PLACE = re.compile(r"{(\w+)}")
CODE = "[a-z][a-z0-9_]*"
CODES = re.compile(f"{CODE}(, {CODE})*")


@lru_cache(maxsize=4096)
def told(text: str, lang: str, book: str = "reasons") -> str:
    """A sentence in the words of ``lang`` out of a book of station/lang; as it is where nobody wrote them."""
    for pattern, words in _sentences(lang, book):
        found = pattern.fullmatch(text)
        if found:
            return words.format(**{place: told(part, lang, book) for place, part in found.groupdict().items()})
    if not CODES.fullmatch(text):
        return text
    return (", " if lang == "en" else "、").join(_name(code, lang) for code in text.split(", "))


def _name(code: str, lang: str) -> str:
    """A code in words: one of the file's, a field's or a measure's name; any other stays one."""
    known, say = _known(lang, "reasons"), Words(lang)
    return known.get(code) or say.get(f"field.{code}", say.measure(code))


@cache
def _known(lang: str, book: str) -> Mapping[str, str]:
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, got {lang!r}")
    return MappingProxyType(json.loads((FOLDER / f"{book}.{lang}.json").read_text(encoding="utf-8")))


@cache
def _sentences(lang: str, book: str) -> list[tuple[re.Pattern[str], str]]:
    """Those that say most themselves come first: the last ones fit nearly everything."""
    known = _known(lang, book)
    return [(_pattern(said), known[said]) for said in sorted(known, key=lambda said: -len(PLACE.sub("", said)))]


def _pattern(said: str) -> re.Pattern[str]:
    parts = PLACE.split(said)  # every second one is the name of a place
    holds = [
        f"(?P<{p}>{CODE if p.startswith('code') else '.+?'})" if k % 2 else re.escape(p) for k, p in enumerate(parts)
    ]
    return re.compile("".join(holds), re.DOTALL)
