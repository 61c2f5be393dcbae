"""What can't be made: the rule, the value, the limit, and the nearest value that works."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from footscan.errors import FootscanError

FIELD = re.compile(r"[a-z][a-z0-9_]*")


class DesignError(FootscanError):
    """A prescription that can't become an insole.

    Parameters
    ----------
    rule : the field or the rule, e.g. ``"heel_cup_depth_mm"`` or ``"heel total"``
    value : what was asked, with its unit
    limit : what is possible and why
    nearest : the nearest value that works, or what to do; empty where nothing does
    change : field -> value, the change that works, for programs; where it isn't given and ``rule`` is a field,
        ``{rule: nearest}``. Several rules may be broken at once: the change mends this one.
    """

    def __init__(
        self, rule: str, value: object, limit: str, nearest: object = "", change: Mapping[str, Any] | None = None
    ) -> None:
        if change is None:
            change = {rule: nearest} if FIELD.fullmatch(rule) and nearest not in ("", None) else {}
        elif nearest == "":
            nearest = " and ".join(f"{name} = {_text(new)}" for name, new in change.items())
        self.rule, self.value, self.limit, self.nearest = rule, value, limit, nearest
        self.change: Mapping[str, Any] = MappingProxyType(dict(change))
        tail = f"; nearest that works: {_text(nearest)}" if nearest not in ("", None) else ""
        super().__init__(f"{rule}: found {_text(value)}, expected {limit}{tail}")

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        # worker processes must hand the error back whole, not as one joined message
        return type(self), (self.rule, self.value, self.limit, self.nearest, dict(self.change))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
