"""The prescription's JSON Schemas (draft 2020-12), made from the table of fields: the record, and what a person asks.

``prescription.schema.json`` describes what ``to_json`` writes, ``rx.schema.json`` an RX.toml or the same as JSON: an
editor that knows JSON Schema completes and checks it while it is typed. Both lie in the package and in the
documentation; a test holds them to the table.
"""

from __future__ import annotations

import json
from typing import Any

from insole.fields import FIELDS, MOST_MM, Field
from insole.prescription import SCHEMA, TABLES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAMES = ("prescription.schema.json", "rx.schema.json")


def record_schema() -> dict[str, Any]:
    """Of the record: every field, its reasons and notes."""
    reason = _object(
        {"text": {"type": "string"}, "source": {"type": "string"}, "by": _enum("rule", "preset", "person")}
    )
    note = _object({"code": {"type": "string"}, "detail": {"type": "string"}})
    return {
        "$schema": DIALECT,
        "title": "Prescription of one insole",
        "description": "Lengths in mm, angles in degrees, varus positive: + raises the medial edge, on both feet.",
        "type": "object",
        "properties": {
            "schema": {"const": SCHEMA},
            **_fields(),
            "reasons": {"type": "object", "propertyNames": {"enum": list(FIELDS)}, "additionalProperties": reason},
            "notes": {"type": "array", "items": note},
        },
        "additionalProperties": False,
    }


def rx_schema() -> dict[str, Any]:
    """Of what a person asks: fields at the top for both feet, ``left`` and ``right`` for what differs."""
    return {
        "$schema": DIALECT,
        "title": "What a person asks of a pair of insoles",
        "description": "Lengths in mm, angles in degrees, varus positive: + raises the medial edge, on both feet.",
        "type": "object",
        "properties": {
            **{name: {"$ref": f"#/$defs/{name}"} for name in FIELDS},
            **{side: {"$ref": "#/$defs/foot"} for side in TABLES},
        },
        "additionalProperties": False,
        "$defs": {
            **_fields(),
            "foot": {
                "description": "what differs on this side",
                "type": "object",
                "properties": {name: {"$ref": f"#/$defs/{name}"} for name in FIELDS},
                "additionalProperties": False,
            },
        },
    }


def schema_text(name: str) -> str:
    """The schema of that name (one of ``NAMES``) as it lies in the package and in the documentation."""
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
    return json.dumps(record_schema() if name == NAMES[0] else rx_schema(), indent=1, ensure_ascii=False) + "\n"


# ------------------------------------------------------------------ inside


def _fields() -> dict[str, Any]:
    return {name: _field(field) for name, field in FIELDS.items()}


def _field(field: Field) -> dict[str, Any]:
    kind: dict[str, Any]
    if field.kind in ("number", "whole"):
        what = "number" if field.kind == "number" else "integer"
        kind = {"type": what, "minimum": _plain(field.low), "maximum": _plain(field.high)}
    elif field.kind == "choice":
        kind = _enum(*field.choices)
    elif field.kind == "points":
        number = {"type": "number", "minimum": -MOST_MM, "maximum": MOST_MM}
        point = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
        kind = {"type": "array", "items": point, "minItems": int(field.low), "maxItems": int(field.high)}
    elif field.kind == "flag":
        kind = {"type": "boolean"}
    else:
        kind = {"type": "string", "minLength": 1, "maxLength": 80}
    says = {"description": f"{field.does} ({field.unit})" if field.unit else field.does, "default": field.default}
    if field.optional:
        return {"anyOf": [kind, {"type": "null"}], **says}
    return {**kind, **says}


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _enum(*choices: str) -> dict[str, Any]:
    return {"enum": list(choices)}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
