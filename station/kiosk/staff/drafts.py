"""Insoles that are drawn and not kept: what a session looks at while it edits, in memory, the newest few."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST, MOST_A_SESSION = 40, 8


@dataclass(frozen=True)
class Draft:
    """What was drawn: the model by file name, and what came of it."""

    visit_id: str
    files: Mapping[str, bytes]
    documents: Mapping[str, Any] = field(default_factory=dict)


class Drafts:
    """By session and number; the oldest go."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], Draft] = OrderedDict()
        self._number = 0

    def put(self, nonce: str, draft: Draft) -> int:
        """Keep one; its number."""
        self._number += 1
        self._kept[nonce, self._number] = draft
        own = [key for key in self._kept if key[0] == nonce]
        for key in own[:-MOST_A_SESSION]:
            del self._kept[key]
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return self._number

    def get(self, nonce: str, number: int) -> Draft | None:
        """One of this session's own."""
        return self._kept.get((nonce, number))

    def forget_visit(self, visit_id: str) -> None:
        """All of a visit, of whichever session: its person is erased."""
        for key in [key for key, draft in self._kept.items() if draft.visit_id == visit_id]:
            del self._kept[key]

    def forget(self, nonce: str) -> None:
        """All of a session."""
        for key in [key for key in self._kept if key[0] == nonce]:
            del self._kept[key]
