"""The records of an insole: what is asked, why, and what will be made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from footscan.types import Array, QualityReason, Side, frozen_array
from insole import fields, rules
from insole.errors import DesignError

By = Literal["rule", "preset", "person"]
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Reason:
    """Why a value was chosen: a sentence, where it comes from, and who chose it."""

    text: str
    source: str
    by: By

    def __post_init__(self) -> None:
        if self.by not in ("rule", "preset", "person"):
            raise ValueError(f"a reason is by rule, preset or person, got {self.by!r}")


@dataclass(frozen=True, kw_only=True)
class InsolePrescription:
    """What is asked of one insole: every field in its range (``insole.fields.FIELDS``), all together possible.

    Angles are varus positive: + raises the medial edge, on both feet. ``reasons[field]`` says why a value stands there;
    a field without one has its default. ``notes`` are what the person who makes it should know. Raises DesignError.
    """

    length: Literal["three_quarter", "sulcus", "full"] = "full"
    outline: Literal["foot", "last", "stock"] = "foot"
    outline_points_mm: Points | None = None
    stock_points_mm: Points | None = None
    outline_offset_heel_mm: float = 0.0
    outline_offset_waist_mm: float = 0.0
    outline_offset_ball_mm: float = 0.0
    extra_length_mm: float = 10.0
    heel_cup_depth_mm: float = 12.0
    heel_expansion_mm: float = 0.0
    medial_skive_mm: float = 0.0
    lateral_skive_mm: float = 0.0
    heel_spur_relief: bool = False
    heel_lift_mm: float = 0.0
    rearfoot_post_deg: float = 0.0
    forefoot_post_deg: float = 0.0
    post_type: Literal["intrinsic", "extrinsic"] = "extrinsic"
    arch_offset_mm: float = 0.0
    medial_edge_mm: float = 0.0
    lateral_edge_mm: float = 0.0
    medial_flange_mm: float = 0.0
    cuboid_pad_mm: float = 0.0
    fascia_groove_mm: float = 0.0
    met_pad_height_mm: float = 0.0
    met_pad_shape: Literal["narrow", "wide", "bar"] = "narrow"
    met_pad_offset_mm: float = 5.0
    met_bar_front_mm: Points | None = None
    first_ray_cutout: bool = False
    morton_extension_mm: float = 0.0
    reverse_morton_mm: float = 0.0
    toe_filler: bool = False
    relief_mth1: float = 0.0
    relief_mth2: float = 0.0
    relief_mth3: float = 0.0
    relief_mth4: float = 0.0
    relief_mth5: float = 0.0
    relief_toe1: float = 0.0
    relief_toe2: float = 0.0
    relief_toe3: float = 0.0
    relief_toe4: float = 0.0
    relief_toe5: float = 0.0
    relief_base5: float = 0.0
    relief_navicular: float = 0.0
    base_thickness_mm: float = 3.0
    forefoot_thickness_mm: float = 2.0
    min_thickness_mm: float = 1.2
    nozzle_mm: float = 0.4
    cover_thickness_mm: float = 2.0
    cover_material: str | None = None
    cover_length: Literal["three_quarter", "sulcus", "full"] | None = None
    shoe_pitch_mm: float = 10.0
    bed_points_mm: Points | None = None
    shoe_type: str | None = None
    shoe_size: str | None = None
    shoe_counter_height_mm: float | None = None
    shoe_forefoot_depth_mm: float | None = None
    stock_insole_removed: bool | None = None
    stock_insole_thickness_mm: float | None = None
    body_mass_kg: float | None = None
    sex: Literal["female", "male"] | None = None
    birth_year: int | None = None
    activity: Literal["low", "moderate", "high"] | None = None
    sensation: Literal["normal", "reduced", "absent"] | None = None
    risk: Literal["none", "neuropathic"] | None = None
    open_wound: bool | None = None
    prescriber: str | None = None
    reviewed_by: str | None = None
    label: str | None = None
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    notes: tuple[QualityReason, ...] = ()

    def __post_init__(self) -> None:
        for name in fields.FIELDS:
            object.__setattr__(self, name, fields.check(name, getattr(self, name)))
        unknown = [name for name in self.reasons if name not in fields.FIELDS]
        if unknown:
            raise DesignError("reasons", unknown[0], "reasons for fields of the prescription")
        object.__setattr__(
            self, "reasons", MappingProxyType({k: self.reasons[k] for k in fields.FIELDS if k in self.reasons})
        )
        object.__setattr__(self, "notes", tuple(self.notes))
        rules.check(self)

    @property
    def values(self) -> dict[str, Any]:
        """Every field and its value, in the table's order."""
        return {name: getattr(self, name) for name in fields.FIELDS}

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        # a mapping proxy can't be pickled
        return _again, ({**self.values, "reasons": dict(self.reasons), "notes": self.notes},)


def _again(values: dict[str, Any]) -> InsolePrescription:
    return InsolePrescription(**values)


@dataclass(frozen=True)
class Relief:
    """What became of a relief: ``depth_mm`` carved, ``softening_mm`` left for a softer infill there."""

    depth_mm: float
    softening_mm: float


@dataclass(frozen=True, eq=False)
class InsoleDesign:
    """What will be made, in the right-foot design frame (mm; x heel to toe, y medial, z up, the bed's lowest point 0).

    A left insole is mirrored by ``solid``; ``side`` says which it will be.

    Parameters
    ----------
    outline_mm : (n, 2) closed outline of the underside lying flat, counter-clockwise, first point not repeated
    rim_mm : (n, 2) outline of the top lying flat: the same line, leaning outward where the rim is high
    top_mm, bottom_mm : (rows, columns, 3) nodes of the two surfaces, rows heel to toe, columns lateral to medial, as
        bent onto the shoe's bed
    thickness_mm : (rows, columns) height of each top node above the flat bed, before bending
    reliefs : by field, what was carved and what is left to softening
    notes : what the person who makes it should know
    """

    side: Side
    prescription: InsolePrescription
    foot_length_mm: float
    outline_mm: Array
    rim_mm: Array
    top_mm: Array
    bottom_mm: Array
    thickness_mm: Array
    reliefs: Mapping[str, Relief] = field(default_factory=dict)
    notes: tuple[QualityReason, ...] = ()

    def __post_init__(self) -> None:
        for name in ("outline_mm", "rim_mm"):
            object.__setattr__(self, name, frozen_array(name, getattr(self, name), np.float64, (None, 2), "mm"))
        shape = np.asarray(self.top_mm).shape[:2]
        for name in ("top_mm", "bottom_mm"):
            object.__setattr__(self, name, frozen_array(name, getattr(self, name), np.float64, (*shape, 3), "mm"))
        thickness = frozen_array("thickness_mm", self.thickness_mm, np.float64, shape, "mm")
        object.__setattr__(self, "thickness_mm", thickness)
        object.__setattr__(self, "reliefs", MappingProxyType(dict(self.reliefs)))
        object.__setattr__(self, "notes", tuple(self.notes))

    def replace(self, **changes: Any) -> InsoleDesign:
        """A new design with some fields changed."""
        return dataclasses.replace(self, **changes)
