"""What can't be made: the rule, the value, the limit, and the nearest value that works."""

from __future__ import annotations

from footscan.errors import FootscanError


class DesignError(FootscanError):
    """A prescription that can't become an insole.

    Parameters
    ----------
    rule : the field or the rule, e.g. ``"heel_cup_depth_mm"`` or ``"medial_skive_mm in a cup of 12 mm"``
    value : what was asked, with its unit
    limit : what is possible and why
    nearest : the nearest value that works, or what to do; empty where nothing does
    """

    def __init__(self, rule: str, value: object, limit: str, nearest: object = "") -> None:
        self.rule, self.value, self.limit, self.nearest = rule, value, limit, nearest
        tail = f"; nearest that works: {_text(nearest)}" if nearest not in ("", None) else ""
        super().__init__(f"{rule}: found {_text(value)}, expected {limit}{tail}")

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        # worker processes must hand the error back whole, not as one joined message
        return type(self), (self.rule, self.value, self.limit, self.nearest)


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
