"""Prescriptions as files: RX.toml, JSON and TOML both ways without loss, the published schemas, the page on fields."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footscan.errors import ReadError
from footscan.types import FootMeasurements, Measure, RegionLoads
from insole import (
    DesignError,
    InsolePrescription,
    from_dict,
    from_json,
    from_toml,
    prescribe,
    read_prescription,
    record_schema,
    rx_schema,
    to_dict,
    to_json,
    to_toml,
)
from insole.fields import FIELDS, check
from insole.schema import NAMES, schema_text

RX = InsolePrescription
NUMBERS = [name for name, field in FIELDS.items() if field.kind == "number"]
MEASURED = FootMeasurements({"foot_length_mm": Measure(262.0)}, "right", load="standing")
WALKED = RegionLoads("right", {"mth1": 180.0, "mth2": 240.0}, 20, True, "pressure", 150.0)


def test_rx_toml_has_fields_at_the_top_and_what_differs_by_side(tmp_path: Path) -> None:
    path = tmp_path / "RX.toml"
    path.write_text(
        'heel_cup_depth_mm = 14\nprescriber = "A. B."\n[left]\nheel_lift_mm = 3.5\n[right]\nrelief_mth2 = 4\n', "utf-8"
    )
    assert read_prescription(path) == {
        "both": {"heel_cup_depth_mm": 14.0, "prescriber": "A. B."},
        "left": {"heel_lift_mm": 3.5},
        "right": {"relief_mth2": 4.0},
    }


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("heel_cup_depth = 12", DesignError, "heel_cup_depth_mm"),
        ("[left]\nheel_lift_mm = 12", DesignError, r"RX.toml \[left\]"),
        ('heel_lift_mm = "4"', DesignError, "heel_lift_mm"), ("left = 3", DesignError, "table"),
        ("heel_lift_mm = ", ReadError, "TOML"),
        ("heel_lift_mm = nan", DesignError, "heel_lift_mm"), ("[middle]\nx = 1", DesignError, "middle"),
    ],
)  # fmt: skip
def test_a_bad_rx_toml_is_refused_in_one_line(tmp_path: Path, text: str, error: type[Exception], says: str) -> None:
    path = tmp_path / "RX.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(error, match=says) as caught:
        read_prescription(path)
    assert "\n" not in str(caught.value) and "RX.toml" in str(caught.value)
    with pytest.raises(ReadError):
        read_prescription(tmp_path / "none.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReadError):
        read_prescription(tmp_path / "b.toml")


@given(
    st.fixed_dictionaries({}, optional={name: st.floats(FIELDS[name].low, FIELDS[name].high) for name in NUMBERS}),
    st.booleans(),
)
@settings(max_examples=40)
def test_records_go_to_json_and_back_without_loss(values: dict[str, float], points: bool) -> None:
    given_outline = (
        {"outline": "last", "outline_points_mm": [[i * 30.1, (i % 2) * 0.1] for i in range(9)]} if points else {}
    )
    try:
        rx = RX(**values, **given_outline)
    except DesignError:
        rx = prescribe(MEASURED, WALKED, edits={"heel_lift_mm": abs(values.get("heel_lift_mm", 1.0)) % 6})
    assert from_json(to_json(rx)) == rx and from_dict(to_dict(rx)) == rx and from_toml(to_toml(rx)) == rx
    assert to_json(rx) == to_json(from_json(to_json(rx))) and to_toml(rx) == to_toml(from_toml(to_toml(rx)))
    validator(record_schema()).validate(to_dict(rx))
    validator(rx_schema()).validate({**asked_of(rx), "left": asked_of(rx)})


def asked_of(rx: InsolePrescription) -> dict[str, Any]:
    return {name: value for name, value in to_dict(rx).items() if name in FIELDS and value is not None}


def validator(schema: dict[str, Any]) -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", NAMES)
def test_the_published_schemas_are_the_tables(name: str) -> None:
    root = Path(__file__).parents[1]
    for folder in ("insole", "docs"):
        assert (root / folder / name).read_text("utf-8") == schema_text(name), f"{folder}/{name}: write it anew"
    assert (resources.files("insole") / name).is_file()
    with pytest.raises(ValueError, match=name):
        schema_text("other.json")


@pytest.mark.parametrize("name", FIELDS)
def test_the_schema_refuses_what_the_record_refuses(name: str) -> None:
    field, schema = FIELDS[name], validator(rx_schema())
    wrong: list[Any] = [{"no": 1}]
    if field.kind in ("number", "whole"):
        wrong += [field.low - 0.5, field.high + 0.5, "1", True]
    elif field.kind == "choice":
        wrong += ["other", 1]
    elif field.kind == "flag":
        wrong += [1, "true"]
    elif field.kind == "text":
        wrong += ["", "x" * 81, 3]
    else:
        wrong += [[[0, 0]], [[0, 0, 0]] * 9, [[0, 2000]] * 9]
    for value in wrong:
        assert not schema.is_valid({name: value}) and not schema.is_valid({"right": {name: value}})
        with pytest.raises(DesignError):
            check(name, value)
    assert not schema.is_valid({"heel_cup": 3})


def test_a_prescription_from_elsewhere_is_checked() -> None:
    for text in (
        "[1]",
        "{",
        '{"heel_cup": 3}',
        '{"heel_lift_mm": 30}',
        '{"reasons": {"length": {"text": "x"}}}',
        '{"schema": "x/2"}',
    ):
        with pytest.raises(DesignError):
            from_json(text)
    for text in ("heel_cup = 3", "= 3", "heel_lift_mm = 30", 'schema = "x/2"'):
        with pytest.raises(DesignError):
            from_toml(text)


def test_the_page_on_fields_names_each_with_its_range_and_default() -> None:
    page = (Path(__file__).parents[1] / "docs" / "insole.md").read_text("utf-8")
    for name, field in FIELDS.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |")).replace("−", "-")
        if field.kind in ("number", "whole"):
            assert f"| {field.low:g}…{field.high:g}" in row
        assert all(f"`{choice}`" in row for choice in field.choices) and field.does.replace("−", "-") in row
        if field.kind == "number" and field.default is not None:
            assert f"| {field.default:g} |" in row
