"""Tables of orders: the same orders in every format, bad rows refused one by one, and the published schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from station_runs import ROOT

from footscan.errors import ReadError
from station.batch.table import COLUMNS, LOADS, UNITS, Refused, Row, read_table

ORDERS: list[dict[str, Any]] = [
    {"order": "1001", "left": "L.ply", "right": "R ü.ply", "pressure": "a.csv; b.csv", "load": "standing"},
    {"order": "周 2", "pair": "both.obj", "unit": "cm", "rx": "rx.toml", "preset": "own.toml"},
    {"order": "by measures", "measurements": "m.json", "preset": "sport"},
]
ROWS = (
    Row("1001", "L.ply", "R ü.ply", pressure=("a.csv", "b.csv"), load="standing"),
    Row("周 2", pair="both.obj", unit="cm", rx="rx.toml", preset="own.toml"),
    Row("by measures", measurements="m.json", preset="sport"),
)


def csv_text(rows: list[dict[str, Any]], columns: tuple[str, ...] = COLUMNS, between: str = ",") -> str:
    lines = [columns, *([str(row.get(column, "")) for column in columns] for row in rows)]
    return "".join(between.join(line) + "\r\n" for line in lines)


def one(tmp_path: Path, **cells: Any) -> Row | Refused:
    """A row as JSON."""
    (tmp_path / "t.jsonl").write_text(json.dumps(cells) + "\n", encoding="utf-8")
    return read_table(str(tmp_path / "t.jsonl")).rows[0]


def schema() -> Draft202012Validator:
    text = (ROOT / "docs" / "orders.schema.json").read_text(encoding="utf-8")
    assert text == (ROOT / "station" / "schemas" / "orders-1.json").read_text(encoding="utf-8")
    Draft202012Validator.check_schema(json.loads(text))
    return Draft202012Validator(json.loads(text))


def test_every_format_says_the_same(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "t.csv").write_text("\ufeff" + csv_text(ORDERS) + "\r\n", encoding="utf-8")  # as Excel saves it
    (tmp_path / "t.tsv").write_text(csv_text(ORDERS, between="\t"), encoding="utf-8")
    lines = "".join(json.dumps(order) + "\n" for order in ORDERS)
    (tmp_path / "t.jsonl").write_text(lines, encoding="utf-8")
    columns = {column: [order.get(column) for order in ORDERS] for column in COLUMNS}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    for end in ("csv", "tsv", "jsonl", "parquet"):
        table = read_table(str(tmp_path / f"t.{end}"))
        assert table.rows == ROWS, end
        assert table.base == str(tmp_path)
    assert ROWS[1].files == (("pair", "both.obj"), ("rx", "rx.toml"), ("preset", "own.toml"))


def test_lists_and_numbers_are_welcome(tmp_path: Path) -> None:
    assert one(tmp_path, order=17, left="a", pressure=["x", "y"]) == Row("17", "a", pressure=("x", "y"))
    assert one(tmp_path, order="a", left="a", right=None, pressure=None) == Row("a", "a")


BAD_ROWS: dict[str, dict[str, Any]] = {
    "none": {"left": "a"},
    "name": {"order": "a/b", "left": "a"},
    ".hidden": {"order": ".hidden", "left": "a"},
    "..": {"order": "..", "left": "a"},
    "manifest.json": {"order": "Manifest.JSON", "left": "a"},
    "CON": {"order": "con", "left": "a"},
    "characters": {"order": "x" * 81, "left": "a"},
    "scan": {"order": "a"},
    "left and right, or pair": {"order": "a", "left": "a", "pair": "b"},
    "measurements": {"order": "a", "right": "a", "measurements": "b"},
    "twice": {"order": "a", "left": "a", "right": "a"},
    "unit": {"order": "a", "left": "a", "unit": "furlong"},
    "load": {"order": "a", "left": "a", "load": "heavy"},
    "known columns": {"order": "a", "lefft": "a", "left": "b"},
    "text": {"order": "a", "left": 3},
    "texts": {"order": "a", "left": "b", "pressure": 3},
}


@pytest.mark.parametrize("says", BAD_ROWS)
def test_a_bad_row_says_what_is_wrong_and_the_schema_knows_most_of_it(tmp_path: Path, says: str) -> None:
    row = one(tmp_path, **BAD_ROWS[says])
    assert isinstance(row, Refused)
    assert "expected" in row.message and "found" in row.message
    if says not in (".hidden", "..", "manifest.json", "CON"):
        assert says in row.message
    if says not in ("twice", "manifest.json", "CON"):
        assert not schema().is_valid(BAD_ROWS[says])


def test_good_rows_are_good_by_the_schema() -> None:
    for order in ORDERS:
        schema().validate(order)
    properties = json.loads((ROOT / "docs" / "orders.schema.json").read_text(encoding="utf-8"))["properties"]
    assert tuple(properties) == COLUMNS
    assert properties["unit"]["enum"] == list(UNITS) and properties["load"]["enum"] == list(LOADS)


def test_bad_rows_stop_no_others(tmp_path: Path) -> None:
    text = "order,left\nA,1\n,2\nB,3,4\nC,5\na,6\n\nD,7\n"
    (tmp_path / "t.csv").write_text(text)
    rows = read_table(str(tmp_path / "t.csv")).rows
    assert [row.order for row in rows] == ["A", "(row 2)", "(row 3)", "C", "D"]
    assert [type(row) for row in rows] == [Refused, Refused, Refused, Row, Row]
    assert isinstance(rows[0], Refused) and "rows 1, 5" in rows[0].message  # a and A are one folder on many disks


BAD_TABLES = {
    "t.csv": [b"", b"\n", b"order,left\n", b"left,right\na,b\n", b"order,lefft\na,b\n", b"order,left,left\na,b,c\n",
              b'order,left\na,"b', b"order,left\n\xff\xfe,b\n"],
    "t.jsonl": [b"", b"\n\n"],
    "t.parquet": [b"", b"PAR1", b"order,left\na,b\n"],
    "t.xlsx": [b"PK"],
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_table_that_is_none_is_refused_as_a_whole(tmp_path: Path, name: str) -> None:
    for data in BAD_TABLES[name]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ReadError) as caught:
            read_table(str(tmp_path / name))
        assert name in str(caught.value), data
    with pytest.raises(ReadError, match="not_there"):
        read_table(str(tmp_path / f"not_there_{name}"))


def test_what_is_no_json_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"order": "a", "left": "b"}\n{"order": \n[1]\n' + "[" * 100_000 + "\n")
    rows = read_table(str(tmp_path / "t.jsonl")).rows
    assert [isinstance(row, Row) for row in rows] == [True, False, False, False]


@given(st.text(max_size=100))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    from station.batch.table import NAME, RESERVED

    if NAME.match(name) and not RESERVED.match(name):
        assert Path("night", name).parts == ("night", name)
        assert not name.startswith(".") and name == name.strip(" ").rstrip(".")


def test_nothing_random_makes_a_table_crash(tmp_path: Path, rng: np.random.Generator) -> None:
    good = {
        "t.csv": csv_text(ORDERS).encode(),
        "t.jsonl": "".join(json.dumps(order) + "\n" for order in ORDERS).encode(),
    }
    for name, data in good.items():
        for _ in range(100):
            bad = np.frombuffer(data, dtype=np.uint8).copy()
            bad[rng.integers(0, len(bad), 3)] = rng.integers(0, 256, 3)
            (tmp_path / name).write_bytes(bad.tobytes())
            try:
                rows = read_table(str(tmp_path / name)).rows
            except ReadError as error:
                assert name in str(error)
            else:
                assert all(row.order for row in rows)
