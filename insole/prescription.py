"""Prescriptions as files: RX.toml with what a person asks, presets, and the record as JSON, both ways without loss."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from footscan.errors import ReadError
from footscan.types import QualityReason
from insole import fields
from insole.errors import DesignError
from insole.types import InsolePrescription, Reason

SCHEMA = "plantar/prescription/1"
TABLES = ("left", "right")
MAX_BYTES = 1_000_000
CONDITIONS = "conditions"  #: the folder of presets with a condition's name
#: what only the person who prescribes may say of this wearer
OF_THE_ORDER = (
    *("body_mass_kg", "sex", "birth_year", "activity", "sensation", "risk", "open_wound"),
    *("prescriber", "reviewed_by", "label", "outline_points_mm", "stock_points_mm", "bed_points_mm"),
)


def read_prescription(path: str | Path) -> dict[str, dict[str, Any]]:
    """What a person asks, from a TOML file: field names at the top level, ``[left]`` and ``[right]`` for what differs.

    Returns {"both": …, "left": …, "right": …}, each field → checked value. Raises ReadError where it is no TOML,
    DesignError for an unknown field (with the closest name), a wrong type or a value out of range.
    """
    data = _toml(Path(path))
    sides = {side: data.pop(side, {}) for side in TABLES}
    for side, table in sides.items():
        if not isinstance(table, dict):
            raise DesignError(f"{Path(path).name}: {side}", repr(table), f"a table [{side}] of fields")
    return {name: _checked(table, _where(path, name)) for name, table in {"both": data, **sides}.items()}


def to_dict(rx: InsolePrescription) -> dict[str, Any]:
    """The record as plain JSON types: every field, ``reasons`` and ``notes``; ``from_dict`` gives the same record."""
    values = {k: [list(p) for p in v] if isinstance(v, tuple) else v for k, v in rx.values.items()}
    reasons = {k: {"text": r.text, "source": r.source, "by": r.by} for k, r in rx.reasons.items()}
    notes = [{"code": n.code, "detail": n.detail} for n in rx.notes]
    return {"schema": SCHEMA, **values, "reasons": reasons, "notes": notes}


def from_dict(data: Mapping[str, Any]) -> InsolePrescription:
    """The record that ``to_dict`` wrote (a field that is not there has its default). Raises DesignError."""
    values = dict(data)
    if values.pop("schema", SCHEMA) != SCHEMA:
        raise DesignError("schema", repr(data["schema"]), SCHEMA, SCHEMA)
    try:
        reasons = {k: Reason(**v) for k, v in values.pop("reasons", {}).items()}
        notes = tuple(QualityReason(**n) for n in values.pop("notes", []))
    except (TypeError, AttributeError, ValueError) as error:
        raise DesignError("reasons and notes", str(error), "text, source and by; code and detail") from None
    return InsolePrescription(**_checked(values, "prescription"), reasons=reasons, notes=notes)


def to_json(rx: InsolePrescription) -> str:
    """``to_dict`` as text, the same text for the same record."""
    return json.dumps(to_dict(rx), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> InsolePrescription:
    """The record that ``to_json`` wrote. Raises DesignError."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise DesignError("prescription", str(error), "a JSON object") from None
    if not isinstance(data, dict):
        raise DesignError("prescription", type(data).__name__, "a JSON object")
    return from_dict(data)


def to_toml(rx: InsolePrescription) -> str:
    """The record as TOML: every field that is given, ``[reasons.…]`` and ``[[notes]]``; ``from_toml`` gives the same
    record. A value by its side is that of a person's RX.toml: the field's lines can be copied into one."""
    data = to_dict(rx)
    lines = [f"{name} = {_toml_value(data[name])}" for name in ("schema", *fields.FIELDS) if data[name] is not None]
    for name, reason in data["reasons"].items():
        lines += ["", f"[reasons.{name}]", *(f"{key} = {_toml_value(value)}" for key, value in reason.items())]
    for note in data["notes"]:
        lines += ["", "[[notes]]", *(f"{key} = {_toml_value(value)}" for key, value in note.items())]
    return "\n".join(lines) + "\n"


def from_toml(text: str) -> InsolePrescription:
    """The record that ``to_toml`` wrote. Raises DesignError."""
    try:
        return from_dict(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise DesignError("prescription", str(error), "TOML") from None


def _toml_value(value: Any) -> str:
    """Booleans, numbers, texts and lists of points are written alike in JSON and TOML."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# ------------------------------------------------------------------ presets


@dataclass(frozen=True)
class Preset:
    """Chosen values with their reasons; ``condition`` True where it bears a condition's name: then a professional must
    prescribe and another look must have been taken."""

    name: str
    title: str
    condition: bool
    values: Mapping[str, Any]
    reasons: Mapping[str, Reason]


def preset_names(conditions: bool = False) -> tuple[str, ...]:
    """The presets that come with the package, in alphabetical order; those with a condition's name only when asked:
    they need a prescriber and a reviewer, and are not for the wearer to see."""
    folder = resources.files("insole") / "presets"
    folders = [folder, folder / CONDITIONS] if conditions else [folder]
    return tuple(sorted(f.name.removesuffix(".toml") for d in folders for f in d.iterdir() if f.name.endswith(".toml")))


def read_preset(name: str | Path) -> Preset:
    """A preset of the package by name, or of one's own by the path of its TOML file. Raises DesignError, ReadError."""
    if isinstance(name, Path) or str(name).endswith(".toml"):
        path = Path(name)
        return _preset(path.stem, _toml(path))
    if name not in preset_names(conditions=True):
        close = difflib.get_close_matches(str(name), preset_names(), n=1, cutoff=0.0)[0]
        raise DesignError("preset", repr(name), "one of " + ", ".join(preset_names()) + ", or a .toml file", close)
    folder = resources.files("insole") / "presets"
    if name not in preset_names():
        folder = folder / CONDITIONS
    return _preset(name, tomllib.loads((folder / f"{name}.toml").read_text("utf-8")))


def _preset(name: str, data: dict[str, Any]) -> Preset:
    title, condition = data.pop("title", name), data.pop("condition", False)
    if not isinstance(title, str) or not isinstance(condition, bool):
        raise DesignError(f"preset {name}", "title or condition", "a text; true or false")
    values, reasons = {}, {}
    for key, entry in data.items():
        if key in OF_THE_ORDER:
            raise DesignError(f"preset {name}: {key}", "a value", "none: it belongs to the order, not to a preset")
        if not isinstance(entry, dict) or set(entry) != {"value", "text", "source"}:
            raise DesignError(f"preset {name}: {key}", repr(entry), "a table with value, text and source")
        values[key] = entry["value"]
        reasons[key] = Reason(str(entry["text"]), str(entry["source"]), "preset")
    return Preset(name, title, condition, _checked(values, f"preset {name}"), reasons)


# ------------------------------------------------------------------ inside


def _toml(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()[: MAX_BYTES + 1]
    except OSError as error:
        raise ReadError(
            path, "a prescription (TOML)", error.strerror or "an unreadable file", "check the path"
        ) from None
    if len(raw) > MAX_BYTES:
        raise ReadError(path, f"a prescription of at most {MAX_BYTES:,} bytes", "more")
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ReadError(path, "a prescription (TOML in UTF-8)", "other bytes", "save it as UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ReadError(path, "a prescription (TOML)", str(error), "see docs/insole.md for an example") from None


def _where(path: str | Path, table: str) -> str:
    return Path(path).name + ("" if table == "both" else f" [{table}]")


def _checked(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Each value as its field keeps it; DesignError with the place where it stands."""
    checked = {}
    for name, value in values.items():
        try:
            checked[name] = fields.check(name, value)
        except DesignError as error:
            raise DesignError(f"{where}: {error.rule}", error.value, error.limit, error.nearest) from None
    return checked
