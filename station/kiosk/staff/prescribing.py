"""A prescription as a form and back: empty is what the rules choose, a value is what a person asks; RX.toml of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from insole import fields
from insole.errors import DesignError
from insole.fields import FIELDS, Field

#: group -> its first field; the table of fields is in this order
GROUPS = {
    "outline": "length", "heel": "heel_cup_depth_mm", "posts": "rearfoot_post_deg", "arch": "arch_offset_mm",
    "forefoot": "met_pad_height_mm", "thickness": "base_thickness_mm", "shoe": "shoe_pitch_mm",
    "person": "body_mass_kg",
}  # fmt: skip
#: the groups that are open when the page is shown
OPEN = ("heel", "posts", "arch")
STEPS = {"mm": "0.5", "deg": "0.5", "points": "1", "kg": "0.5"}
Edits = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A field of the form; ``sides`` holds for each foot what is asked (a text, empty for nothing), what the rules
    chose, by whom, why, and what is wrong."""

    name: str
    field: Field
    step: str
    sides: Mapping[str, Mapping[str, Any]]


def edits_of(choice: Mapping[str, Any], side: str) -> Edits:
    """What is asked of one foot of an order."""
    return {**choice.get("edits", {}), **choice.get(side, {})}


def with_edits(choice: Mapping[str, Any], edits: Mapping[str, Edits], preset: str) -> dict[str, Any]:
    """The order's choice with other edits: what all feet share in ``edits``, the rest by side."""
    every = list(edits.values())
    shared = {k: v for k, v in every[0].items() if all(k in e and e[k] == v for e in every)} if every else {}
    own = {side: {k: v for k, v in asked.items() if k not in shared} for side, asked in edits.items()}
    rest = {key: value for key, value in choice.items() if key not in ("left", "right")}
    return {**rest, "preset": preset, "edits": shared, **{side: asked for side, asked in own.items() if asked}}


def editable() -> list[str]:
    """The fields of the form: all but polygons and lines, which come from files."""
    return [name for name, field in FIELDS.items() if field.kind != "points"]


def groups() -> dict[str, list[str]]:
    """Group -> its fields."""
    found: dict[str, list[str]] = {}
    group, first = "", {field: group for group, field in GROUPS.items()}
    for name in FIELDS:
        group = first.get(name, group)
        if FIELDS[name].kind != "points":
            found.setdefault(group, []).append(name)
    return found


def parse(
    form: Mapping[str, Any], sides: tuple[str, ...], kept: Mapping[str, Edits]
) -> tuple[dict[str, Edits], dict[str, str]]:
    """What the form asks by side, and what is wrong by input name ("left.heel_lift_mm"): the expected value.

    ``kept``: what was asked before; fields that the form does not show stay.
    """
    found: dict[str, Edits] = {}
    wrong: dict[str, str] = {}
    shown = set(editable())
    for side in sides:
        found[side] = {name: value for name, value in kept.get(side, {}).items() if name not in shown}
        for name in shown:
            text = str(form.get(f"{side}.{name}", "")).strip()
            if not text:
                continue
            try:
                found[side][name] = fields.check(name, _value(FIELDS[name], text))
            except DesignError as error:
                wrong[f"{side}.{name}"] = str(error.limit)
            except ValueError:
                wrong[f"{side}.{name}"] = _limits(FIELDS[name])
    order = list(FIELDS)
    return {
        side: dict(sorted(asked.items(), key=lambda item: order.index(item[0]))) for side, asked in found.items()
    }, wrong


def _value(field: Field, text: str) -> Any:
    if field.kind in ("number", "whole"):
        number = float(text.replace(",", "."))
        return int(number) if field.kind == "whole" and number == int(number) else number
    return text == "yes" if field.kind == "flag" else text


def _limits(field: Field) -> str:
    return f"{field.low:g} – {field.high:g} {field.unit}".strip()


def shown(value: Any) -> str:
    """A value as the form's input has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def rows(
    asked: Mapping[str, Mapping[str, Any]], chosen: Mapping[str, Any], wrong: Mapping[str, str]
) -> Iterator[tuple[str, list[Row]]]:
    """(group, its rows). asked: side -> field -> value or the text that was typed; chosen: side -> the insole's entry
    of ``prescription.json``."""
    for group, names in groups().items():
        found = []
        for name in names:
            sides = {}
            for side, edits in asked.items():
                entry = chosen.get(side, {}).get("fields", {}).get(name, {})
                by_rule = entry if entry.get("by") != "person" else {}
                sides[side] = {
                    "asked": edits.get(name) if isinstance(edits.get(name), str) else shown(edits.get(name)),
                    "chosen": shown(by_rule.get("value", FIELDS[name].default)),
                    "by": entry.get("by", "default"),
                    "why": entry.get("reason", "") if entry.get("by") in ("rule", "preset") else "",
                    "wrong": wrong.get(f"{side}.{name}", ""),
                }
            found.append(Row(name, FIELDS[name], STEPS.get(FIELDS[name].unit, "any"), sides))
        yield group, found


def rx_toml(choice: Mapping[str, Any], sides: tuple[str, ...]) -> str:
    """An RX.toml that asks what an order asks; empty where it asks nothing."""
    import json

    def lines(asked: Mapping[str, Any]) -> list[str]:
        plain = {k: [list(p) for p in v] if isinstance(v, tuple) else v for k, v in asked.items() if v is not None}
        return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in plain.items()]

    told = lines(choice.get("edits", {}))
    for side in sides:
        if choice.get(side):
            told += [*([""] if told else []), f"[{side}]", *lines(choice[side])]
    return "\n".join(told) + "\n" if told else ""
