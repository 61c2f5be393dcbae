"""The prescription's fields: kind, unit, range, default, what each does. One table for the record, files and texts.

Ranges and defaults are those of the project's insole page; a value outside raises a DesignError that names field,
value, limits and the nearest value that works.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from insole.errors import DesignError

Kind = Literal["number", "choice", "flag", "text", "points", "whole"]


@dataclass(frozen=True)
class Field:
    """One field: ``low``…``high`` for numbers (for points: how many), ``choices`` for choices, ``optional`` where None
    means "not given"."""

    kind: Kind
    default: Any
    does: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    optional: bool = False
    beyond: str = ""


def _mm(low: float, high: float, default: float, does: str, beyond: str = "") -> Field:
    return Field("number", float(default), does, "mm", low, high, beyond=beyond)


def _maybe(low: float, high: float, does: str, unit: str = "mm") -> Field:
    return Field("number", None, does, unit, low, high, optional=True)


def _choice(default: str | None, choices: Sequence[str], does: str) -> Field:
    return Field("choice", default, does, choices=tuple(choices), optional=default is None)


def _flag(does: str) -> Field:
    return Field("flag", False, does)


def _line(least: int, does: str) -> Field:
    return Field("points", None, does, "mm", least, MOST_POINTS, optional=True)


def _text(does: str) -> Field:
    return Field("text", None, does, optional=True)


def _relief(where: str) -> Field:
    return Field("number", 0.0, f"relief under {where}: 0.5 mm of depth a point, the rest softening", "points", 0, 10)


MOST_POINTS, MOST_MM = 20_000, 1000.0
LENGTHS = ("three_quarter", "sulcus", "full")

FIELDS: dict[str, Field] = {
    # ---------------------------------------------------------------- outline
    "length": _choice("full", LENGTHS, "ends behind the metatarsal heads, before the toes, or beyond them"),
    "outline": _choice("foot", ("foot", "last", "stock"), "whose outline: the foot's, or the polygon given with it"),
    "outline_points_mm": _line(8, "closed polygon of the last's or shoe's bottom in the foot frame"),
    "stock_points_mm": _line(8, "closed polygon of the shoe's own insole in the foot frame"),
    "outline_offset_heel_mm": _mm(-8, 5, 0, "wider (+) or narrower (−) at the heel, a side"),
    "outline_offset_waist_mm": _mm(-8, 5, 0, "wider (+) or narrower (−) at the waist, a side"),
    "outline_offset_ball_mm": _mm(-8, 5, 0, "wider (+) or narrower (−) at the ball and toes, a side"),
    "extra_length_mm": _mm(0, 20, 10, "room in front of the longest toe"),
    # ---------------------------------------------------------------- heel
    "heel_cup_depth_mm": _mm(0, 30, 12, "rim above the lowest point of the heel"),
    "heel_expansion_mm": _mm(0, 4, 0, "widens the cup, a side: a heel scanned unloaded is narrower"),
    "medial_skive_mm": _mm(0, 8, 0, "a 15° plane in the medial heel, raised this much at most"),
    "lateral_skive_mm": _mm(0, 8, 0, "a 15° plane in the lateral heel, raised this much at most"),
    "heel_spur_relief": _flag("a shallow dimple under the medial heel"),
    "heel_lift_mm": _mm(
        0, 10, 0, "raises the rear quarter, then ramps to nothing at the metatarsal heads", "higher belongs on the shoe"
    ),
    # ---------------------------------------------------------------- posts
    "rearfoot_post_deg": Field("number", 0.0, "tilt of the heel; + raises the medial edge", "deg", -8, 8),
    "forefoot_post_deg": Field("number", 0.0, "tilt at the metatarsal heads; + raises the medial edge", "deg", -8, 8),
    "post_type": _choice(
        "extrinsic", ("intrinsic", "extrinsic"), "the whole heel is tilted, or the seat in an upright rim"
    ),
    # ---------------------------------------------------------------- arch and edges
    "arch_offset_mm": _mm(-6.4, 6, 0, "arch support below (−) or above (+) the arch found"),
    "medial_edge_mm": _mm(0, 6, 0, "raises the medial edge of the midfoot"),
    "lateral_edge_mm": _mm(0, 6, 0, "raises the lateral edge of the midfoot"),
    "medial_flange_mm": _mm(0, 20, 0, "a wall on the medial edge of the arch"),
    "cuboid_pad_mm": _mm(0, 4, 0, "a low pad under the cuboid"),
    "fascia_groove_mm": _mm(0, 4, 0, "a groove along the plantar fascia"),
    # ---------------------------------------------------------------- forefoot
    "met_pad_height_mm": _mm(0, 10, 0, "height of the metatarsal pad"),
    "met_pad_shape": _choice("narrow", ("narrow", "wide", "bar"), "teardrop behind MTH 2–4, 2–5, or a bar across"),
    "met_pad_offset_mm": _mm(-10, 25, 5, "how far its front edge lies behind the metatarsal heads"),
    "met_bar_front_mm": _line(2, "front edge of a bar, [x, y] from lateral to medial; else the line of the heads"),
    "first_ray_cutout": _flag("thins the insole under the first metatarsal head"),
    "morton_extension_mm": _mm(0, 4, 0, "raises the first metatarsal head and the hallux"),
    "reverse_morton_mm": _mm(0, 4, 0, "raises the second to fifth metatarsal heads"),
    "toe_filler": _flag("fills the room of missing toes, clear of the foot"),
    "relief_mth1": _relief("the first metatarsal head"),
    "relief_mth2": _relief("the second metatarsal head"),
    "relief_mth3": _relief("the third metatarsal head"),
    "relief_mth4": _relief("the fourth metatarsal head"),
    "relief_mth5": _relief("the fifth metatarsal head"),
    "relief_toe1": _relief("the hallux"),
    "relief_toe2": _relief("the second toe"),
    "relief_toe3": _relief("the third toe"),
    "relief_toe4": _relief("the fourth toe"),
    "relief_toe5": _relief("the fifth toe"),
    "relief_base5": _relief("the base of the fifth metatarsal"),
    "relief_navicular": _relief("the navicular"),
    # ---------------------------------------------------------------- thickness
    "base_thickness_mm": _mm(1.5, 6, 3, "printed material under the heel up to 0.60 of the length"),
    "forefoot_thickness_mm": _mm(1.2, 4, 2, "printed material from the metatarsal heads on"),
    "min_thickness_mm": _mm(1.2, 4, 1.2, "nowhere thinner, edges' rounding apart; at least three nozzle widths"),
    "nozzle_mm": _mm(0.2, 1.2, 0.4, "the printer's nozzle"),
    "cover_thickness_mm": _mm(0, 6, 2, "glued on later: taken off the shape above the base"),
    "cover_material": _text("what the cover is made of"),
    "cover_length": _choice(None, LENGTHS, "how far the cover goes; not given: as the insole"),
    # ---------------------------------------------------------------- shoe
    "shoe_pitch_mm": _mm(0, 80, 10, "the bed's height at the heel seat above the ball, inside the shoe"),
    "bed_points_mm": _line(5, "measured bed: [x, z] along its middle, x from below the heel's rear; before the pitch"),
    "shoe_type": _text("kept with the order"),
    "shoe_size": _text("kept with the order"),
    "shoe_counter_height_mm": _maybe(30, 120, "height of the shoe's heel counter: limits the heel's thickness"),
    "shoe_forefoot_depth_mm": _maybe(3, 40, "room for insole and cover in the forefoot: limits its thickness"),
    "stock_insole_removed": Field("flag", None, "whether the shoe's own insole is taken out", optional=True),
    "stock_insole_thickness_mm": _maybe(0, 12, "its thickness: counted where it stays in"),
    # ---------------------------------------------------------------- the person
    "body_mass_kg": _maybe(10, 250, "kept with the order", "kg"),
    "sex": _choice(None, ("female", "male"), "kept with the order"),
    "birth_year": Field("whole", None, "kept with the order", "", 1900, 2100, optional=True),
    "activity": _choice(None, ("low", "moderate", "high"), "kept with the order"),
    "sensation": _choice(None, ("normal", "reduced", "absent"), "kept with the order"),
    "risk": _choice(None, ("none", "neuropathic"), "entered by a professional; neuropathic: its safety rules hold"),
    "open_wound": Field("flag", None, "an open wound: no insole is made", optional=True),
    "prescriber": _text("who prescribes"),
    "reviewed_by": _text("who has reviewed it"),
    "label": _text("engraved below, A–Z, 0–9, up to 12 characters"),
}


def check(name: str, value: Any) -> Any:
    """``value`` as the field keeps it (numbers as float, points as tuples); DesignError where it can't be that."""
    if name not in FIELDS:
        close = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.0)[0]
        raise DesignError(name, "a field that does not exist", "a field of the prescription", close)
    field = FIELDS[name]
    if value is None:
        if field.optional:
            return None
        raise DesignError(name, "nothing", _expected(field), field.default)
    return _CHECKS[field.kind](name, field, value)


def _expected(field: Field) -> str:
    if field.kind in ("number", "whole"):
        unit = f" {field.unit}" if field.unit else ""
        what = "a whole number" if field.kind == "whole" else "a number"
        return f"{what} from {field.low:g} to {field.high:g}{unit}" + (f" ({field.beyond})" if field.beyond else "")
    if field.kind == "choice":
        return "one of " + ", ".join(field.choices)
    points = f"{field.low:g} to {field.high:,g} finite points [x, y] in mm"
    return {"flag": "true or false", "text": "a text of 1 to 80 characters", "points": points}[field.kind]


def _number(name: str, field: Field, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DesignError(name, repr(value), _expected(field), field.default)
    number = float(value)
    if not field.low <= number <= field.high:  # NaN too
        nearest = min(max(number, field.low), field.high) if math.isfinite(number) else field.default
        raise DesignError(name, number, _expected(field), None if nearest is None else float(nearest))
    return number + 0.0  # never −0


def _whole(name: str, field: Field, value: Any) -> int:
    number = _number(name, field, value)
    if number != int(number):
        raise DesignError(name, number, _expected(field), round(number))
    return int(number)


def _choose(name: str, field: Field, value: Any) -> str:
    if not isinstance(value, str) or value not in field.choices:
        close = difflib.get_close_matches(str(value), field.choices, n=1, cutoff=0.0)
        raise DesignError(name, repr(value), _expected(field), close[0] if close else field.choices[0])
    return value


def _is_flag(name: str, field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise DesignError(name, repr(value), _expected(field), value == 1)
    return value


def _is_text(name: str, field: Field, value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 80 or any(ord(c) < 32 for c in value):
        raise DesignError(name, repr(value), _expected(field))
    return value


def _points(name: str, field: Field, value: Any) -> tuple[tuple[float, float], ...]:
    try:
        points = tuple((float(x), float(y)) for x, y in value)
    except (TypeError, ValueError):
        raise DesignError(name, "something else", _expected(field)) from None
    if not all(math.isfinite(v) and abs(v) <= MOST_MM for p in points for v in p):
        raise DesignError(name, "a point that is none", f"finite points within {MOST_MM:g} mm of the heel")
    if not field.low <= len(points) <= field.high:
        raise DesignError(name, f"{len(points)} points", _expected(field))
    return points


_CHECKS = {
    "number": _number,
    "whole": _whole,
    "choice": _choose,
    "flag": _is_flag,
    "text": _is_text,
    "points": _points,
}
