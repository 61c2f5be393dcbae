"""Insoles: a foot and a prescription become a printable solid.

``prescribe`` says what is asked and why, ``design`` what will be made, ``solid`` makes it, ``check_mesh`` looks it
over, ``stl_bytes`` and its like write it. Names are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from insole.body import solid
    from insole.checks import CheckItem, CheckReport, check_mesh
    from insole.errors import DesignError
    from insole.files import glb_bytes, stl_bytes, threemf_bytes
    from insole.prescription import from_dict, from_json, preset_names, read_prescription, to_dict, to_json
    from insole.recommendation import prescribe
    from insole.shaping import design
    from insole.types import InsoleDesign, InsolePrescription, Reason, Relief

_HOME = {
    "CheckItem": "checks",
    "CheckReport": "checks",
    "DesignError": "errors",
    "InsoleDesign": "types",
    "InsolePrescription": "types",
    "Reason": "types",
    "Relief": "types",
    "check_mesh": "checks",
    "design": "shaping",
    "from_dict": "prescription",
    "from_json": "prescription",
    "glb_bytes": "files",
    "prescribe": "recommendation",
    "preset_names": "prescription",
    "read_prescription": "prescription",
    "solid": "body",
    "stl_bytes": "files",
    "threemf_bytes": "files",
    "to_dict": "prescription",
    "to_json": "prescription",
}

__all__ = [
    "CheckItem",
    "CheckReport",
    "DesignError",
    "InsoleDesign",
    "InsolePrescription",
    "Reason",
    "Relief",
    "check_mesh",
    "design",
    "from_dict",
    "from_json",
    "glb_bytes",
    "prescribe",
    "preset_names",
    "read_prescription",
    "solid",
    "stl_bytes",
    "threemf_bytes",
    "to_dict",
    "to_json",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'insole' has no attribute {name!r}")
    return getattr(import_module(f"insole.{_HOME[name]}"), name)
