"""What a foot is: its shape and its load.

>>> import footscan
>>> for foot in footscan.measure(footscan.read_scan("foot.stl")):
...     print(foot.side, foot["foot_length_mm"])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from footscan.errors import FootscanError, ReadError, ScanError
    from footscan.feet import find_feet, measure, read_scan
    from footscan.io import read_recording
    from footscan.pressure import analyse
    from footscan.pressure.calibration import calibrate
    from footscan.usual import usual_foot

# the public verbs, imported when first used: `import footscan` costs nothing
_HOME = {
    "FootscanError": "footscan.errors",
    "ReadError": "footscan.errors",
    "ScanError": "footscan.errors",
    "analyse": "footscan.pressure",
    "calibrate": "footscan.pressure.calibration",
    "find_feet": "footscan.feet",
    "measure": "footscan.feet",
    "read_recording": "footscan.io",
    "read_scan": "footscan.feet",
    "usual_foot": "footscan.usual",
}
__all__ = [
    "FootscanError",
    "ReadError",
    "ScanError",
    "analyse",
    "calibrate",
    "find_feet",
    "measure",
    "read_recording",
    "read_scan",
    "usual_foot",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'footscan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
