"""Insoles: a foot and a prescription become a printable solid.

``prescribe`` says what is asked and why, ``design`` what will be made, ``solid`` makes it, ``check_mesh`` looks it
over, ``stl_bytes`` and its like write it. Names are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from insole.bar import bar_front, bar_front_of_walk
    from insole.body import solid
    from insole.calibration import calibrate, read_compression_test
    from insole.checks import CheckItem, CheckReport, check_mesh
    from insole.cutters import cutting_pieces, dxf_bytes, svg_bytes
    from insole.errors import DesignError
    from insole.files import glb_bytes, obj_bytes, stl_bytes, threemf_bytes
    from insole.inspection import check
    from insole.instants import stance_instants
    from insole.materials import material_names, read_material
    from insole.nesting import nest
    from insole.outlines import silhouette
    from insole.plates import lay_out
    from insole.prediction import predict
    from insole.prescription import (
        from_dict,
        from_json,
        from_toml,
        preset_names,
        read_prescription,
        to_dict,
        to_json,
        to_toml,
    )
    from insole.print_estimate import estimate_print
    from insole.recommendation import prescribe
    from insole.schema import record_schema, rx_schema
    from insole.shaping import design
    from insole.sliced import check_sliced
    from insole.slicer_files import printable, zoned_threemf_bytes
    from insole.slicing import infill_of_zones, read_gcode
    from insole.types import InsoleDesign, InsolePrescription, Reason, Relief
    from insole.zones import plan_zones

_HOME = {
    "CheckItem": "checks",
    "CheckReport": "checks",
    "DesignError": "errors",
    "InsoleDesign": "types",
    "InsolePrescription": "types",
    "Reason": "types",
    "Relief": "types",
    "bar_front": "bar",
    "bar_front_of_walk": "bar",
    "calibrate": "calibration",
    "check": "inspection",
    "check_mesh": "checks",
    "check_sliced": "sliced",
    "cutting_pieces": "cutters",
    "design": "shaping",
    "estimate_print": "print_estimate",
    "dxf_bytes": "cutters",
    "from_dict": "prescription",
    "from_json": "prescription",
    "from_toml": "prescription",
    "glb_bytes": "files",
    "infill_of_zones": "slicing",
    "lay_out": "plates",
    "material_names": "materials",
    "nest": "nesting",
    "obj_bytes": "files",
    "plan_zones": "zones",
    "predict": "prediction",
    "prescribe": "recommendation",
    "preset_names": "prescription",
    "printable": "slicer_files",
    "read_compression_test": "calibration",
    "read_gcode": "slicing",
    "read_material": "materials",
    "read_prescription": "prescription",
    "record_schema": "schema",
    "rx_schema": "schema",
    "silhouette": "outlines",
    "solid": "body",
    "stance_instants": "instants",
    "stl_bytes": "files",
    "svg_bytes": "cutters",
    "threemf_bytes": "files",
    "to_dict": "prescription",
    "to_json": "prescription",
    "to_toml": "prescription",
    "zoned_threemf_bytes": "slicer_files",
}

__all__ = [
    "CheckItem",
    "CheckReport",
    "DesignError",
    "InsoleDesign",
    "InsolePrescription",
    "Reason",
    "Relief",
    "bar_front",
    "bar_front_of_walk",
    "calibrate",
    "check",
    "check_mesh",
    "check_sliced",
    "cutting_pieces",
    "design",
    "dxf_bytes",
    "estimate_print",
    "from_dict",
    "from_json",
    "from_toml",
    "glb_bytes",
    "infill_of_zones",
    "lay_out",
    "material_names",
    "nest",
    "obj_bytes",
    "plan_zones",
    "predict",
    "prescribe",
    "preset_names",
    "printable",
    "read_compression_test",
    "read_gcode",
    "read_material",
    "read_prescription",
    "record_schema",
    "rx_schema",
    "silhouette",
    "solid",
    "stance_instants",
    "stl_bytes",
    "svg_bytes",
    "threemf_bytes",
    "to_dict",
    "to_json",
    "to_toml",
    "zoned_threemf_bytes",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'insole' has no attribute {name!r}")
    return getattr(import_module(f"insole.{_HOME[name]}"), name)
