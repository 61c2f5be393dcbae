"""The table of orders: CSV, JSON lines or Parquet, each row checked by itself (docs/orders.schema.json).

A row that can't be an order is refused with its reason and never stops the others; a table that can't be read, or with
a column that nobody knows, is refused as a whole.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from footscan.errors import ReadError
from station.batch import addresses
from station.extras import need

COLUMNS = ("order", "left", "right", "pair", "measurements", "pressure", "rx", "preset", "unit", "load")
UNITS = ("auto", "mm", "cm", "dm", "m", "in")
LOADS = ("unknown", "standing", "half", "sitting", "none")
PRESET = "everyday"
LONGEST_NAME = 80
#: a folder's name on every system: no separators, no dot or dash ahead, no dot or space at the end
NAME = re.compile(r'^(?![-. (])[^/\\:*?"<>|\x00-\x1f\x7f]{1,80}(?<![. ])$')
RESERVED = re.compile(r"^(manifest\.json|log\.jsonl|(con|prn|aux|nul|com\d|lpt\d)(\..*)?)$", re.IGNORECASE)
HINT = "columns are " + ", ".join(COLUMNS)


@dataclass(frozen=True)
class Row:
    """One order as the table has it: addresses of its files, not yet read."""

    order: str
    left: str | None = None
    right: str | None = None
    pair: str | None = None
    measurements: str | None = None
    pressure: tuple[str, ...] = ()
    rx: str | None = None
    preset: str = PRESET
    unit: str = "auto"
    load: str = "unknown"

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Role and address of every input file."""
        single = [(role, getattr(self, role)) for role in ("left", "right", "pair", "measurements")]
        rest = [("pressure", text) for text in self.pressure] + [("rx", self.rx)]
        own = self.preset if self.preset.endswith(".toml") else None
        return tuple((role, text) for role, text in (*single, *rest, ("preset", own)) if text is not None)


@dataclass(frozen=True)
class Refused:
    """A row that is no order, and why; ``order`` is its name, or ``(row 17)`` where it has none."""

    order: str
    message: str


@dataclass(frozen=True)
class Table:
    """All rows in their order; ``base`` is the folder or address that relative ones start from."""

    source: str
    sha256: str
    base: str
    rows: tuple[Row | Refused, ...]


def read_table(address: str) -> Table:
    """A table by its path or address. ReadError where it can't be read as what its name says, or has no orders."""
    data = addresses.read_bytes(address)
    end = address.rsplit(".", 1)[-1].lower()
    if end in ("csv", "tsv"):
        records = _csv(address, data, "\t" if end == "tsv" else ",")
    elif end in ("jsonl", "ndjson"):
        records = _json_lines(data)
    elif end == "parquet":
        records = _parquet(address, data)
    else:
        raise ReadError(address, "a table .csv, .tsv, .jsonl or .parquet", f".{end}", "rename or convert it")
    rows = _named_once([_row(number, record) for number, record in records])
    if not rows:
        raise ReadError(address, "at least one order", "none", HINT)
    return Table(address, hashlib.sha256(data).hexdigest(), addresses.parent(address), rows)


# ------------------------------------------------------------------ formats: (number, record or what is wrong)

Records = Iterator[tuple[int, Mapping[str, Any] | str]]


def _csv(address: str, data: bytes, delimiter: str) -> Records:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(address, "text in UTF-8", f"byte {data[error.start]:#04x}", "save it as UTF-8") from error
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(lines, [])]
        _check_columns(address, header)
        for number, cells in enumerate((line for line in lines if any(cell.strip() for cell in line)), 1):
            if len(cells) > len(header):
                yield number, f"expected {len(header)} cells, found {len(cells)}; quote what holds a {delimiter!r}"
            else:
                yield number, dict(zip(header, cells))
    except csv.Error as error:
        where, hint = f"line {lines.line_num}", "quote cells with line ends or quotes"
        raise ReadError(address, "a CSV table", str(error), hint, where) from error


def _json_lines(data: bytes) -> Records:
    for number, line in enumerate((line for line in data.splitlines() if line.strip()), 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            yield number, "expected a JSON object on each line, found something else; see docs/orders.schema.json"
            continue
        if not isinstance(record, dict):
            yield number, f"expected a JSON object, found {type(record).__name__}"
        else:
            yield number, record


def _parquet(address: str, data: bytes) -> Records:
    need("pyarrow", "lab", address)
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError) as error:
        raise ReadError(address, "a Parquet table", str(error).split("\n")[0][:120], "write it again") from error
    _check_columns(address, table.column_names)
    yield from enumerate(table.to_pylist(), 1)


def _check_columns(address: str, names: list[str]) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    if "order" not in names or unknown:
        found = f"{', '.join(unknown)[:80]} too" if unknown else "it missing"
        raise ReadError(address, "a column order and no others than known", found, HINT)
    if len(set(names)) < len(names):
        raise ReadError(address, "each column once", ", ".join(names)[:80], HINT)


# ------------------------------------------------------------------ rows


def _row(number: int, record: Mapping[str, Any] | str) -> Row | Refused:
    label = f"(row {number})"
    if isinstance(record, str):
        return Refused(label, record)
    try:
        name = _text(record, "order")
        if name is not None and NAME.match(name):
            label = name
        row = Row(
            _name(name),
            left=_text(record, "left"),
            right=_text(record, "right"),
            pair=_text(record, "pair"),
            measurements=_text(record, "measurements"),
            pressure=_several(record.get("pressure")),
            rx=_text(record, "rx"),
            preset=_text(record, "preset") or PRESET,
            unit=_text(record, "unit") or "auto",
            load=_text(record, "load") or "unknown",
        )
        _check(row, set(record))
    except ValueError as error:
        return Refused(label, str(error))
    return row


def _text(record: Mapping[str, Any], column: str) -> str | None:
    value = record.get(column)
    if isinstance(value, int) and not isinstance(value, bool) and column == "order":
        return str(value)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{column}: expected a text, found {type(value).__name__}; see docs/orders.schema.json")
    return value.strip() or None if value is not None else None


def _several(value: Any) -> tuple[str, ...]:
    """``a;b`` or a list of texts."""
    if isinstance(value, list) and all(isinstance(text, str) for text in value):
        value = ";".join(value)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"pressure: expected a text or texts, found {type(value).__name__}")
    return tuple(text.strip() for text in (value or "").split(";") if text.strip())


def _name(name: str | None) -> str:
    if name is None:
        raise ValueError("order: expected a name, found none; every order needs one of its own")
    if not NAME.match(name) or RESERVED.match(name) or len(name.encode()) > 3 * LONGEST_NAME:
        raise ValueError(
            f"order: expected a name that a folder can have, at most {LONGEST_NAME} characters and none of / \\ : * ? "
            f'" < > |, found {name[:LONGEST_NAME]!r}; name it otherwise'
        )
    return name


def _check(row: Row, columns: set[str]) -> None:
    """ValueError where the cells of a row contradict each other or say nothing."""
    unknown = sorted(columns - set(COLUMNS))
    if unknown:
        raise ValueError(f"expected known columns, found {', '.join(unknown)[:80]}; {HINT}")
    scans = [role for role in ("left", "right", "pair", "measurements") if getattr(row, role) is not None]
    if not scans:
        raise ValueError("expected a scan or measurements, found none; fill left, right, pair or measurements")
    if len(scans) > 1 and scans != ["left", "right"]:
        raise ValueError(f"expected left and right, or pair, or measurements, found {' and '.join(scans)}")
    if row.left is not None and row.left == row.right:
        raise ValueError(f"{row.left}: expected one file a foot, found the same twice; fill pair for both in one file")
    for column, value, allowed in (("unit", row.unit, UNITS), ("load", row.load, LOADS)):
        if value not in allowed:
            raise ValueError(f"{column}: expected one of {', '.join(allowed)}, found {value[:40]!r}")


def _named_once(rows: list[Row | Refused]) -> tuple[Row | Refused, ...]:
    """Of several rows of one name none is believed: the first place is refused, the others are left out."""
    keys = [unicodedata.normalize("NFC", row.order).casefold() for row in rows]
    many = {key for key, count in Counter(keys).items() if count > 1}
    kept: dict[str, Row | Refused] = {}
    for key, row in zip(keys, rows):
        if key in many and key not in kept:
            numbers = ", ".join(str(n) for n, k in enumerate(keys, 1) if k == key)
            kept[key] = Refused(row.order, f"expected each order's name once, found it in rows {numbers[:80]}")
        elif key not in kept:
            kept[key] = row
    return tuple(kept.values())
