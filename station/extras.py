"""Optional dependencies: asked for before work starts, with what to install where one is missing."""

from __future__ import annotations

import importlib.util

from station.errors import UsageError


def need(module: str, extra: str, what: str) -> None:
    """UsageError that says what to install where ``module``, which ``what`` needs, is not there."""
    if importlib.util.find_spec(module) is None:
        raise UsageError(
            f"{what}: expected {module} to be installed, found that it is not; pip install 'plantar[{extra}]'"
        )
