"""The printers of a farm, as a TOML file has them."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.errors import UsageError

if TYPE_CHECKING:
    from insole.printing import Printer

HINT = "see docs/printing.md"
NUMBERS = {
    "nozzle_mm": (0.1, 2.0),
    "speed": (0.05, 20.0),
    "between_min": (0.0, 1440.0),
    "busy_min": (0.0, 100_000.0),
}  #: optional, with their ranges
BED_MM = (50.0, 2000.0)


def read_printers(path: Path, name: str) -> tuple[Printer, ...]:
    """The ``[[printer]]`` tables of a file in their order. UsageError where they say something else."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{name}: expected printers in TOML, found {str(error)[:160]}; {HINT}") from error
    tables = document.get("printer")
    if not isinstance(tables, list) or not tables or set(document) != {"printer"}:
        raise UsageError(
            f"{name}: expected tables [[printer]] and nothing else, found {', '.join(document)[:80]}; {HINT}"
        )
    printers = tuple(_printer(table, f"{name}: printer {number}") for number, table in enumerate(tables, 1))
    names = [printer.name for printer in printers]
    if len(set(names)) < len(names):
        raise UsageError(f"{name}: expected each printer's name once, found {', '.join(sorted(names))[:160]}")
    return printers


def _printer(table: Any, where: str) -> Printer:
    from insole.printing import Printer

    if not isinstance(table, dict) or not {"name", "bed_mm", "material"} <= set(table):
        raise UsageError(f"{where}: expected name, bed_mm and material at least; {HINT}")
    unknown = set(table) - {"name", "bed_mm", "material", *NUMBERS}
    if unknown:
        known = ", ".join(("name", "bed_mm", "material", *NUMBERS))
        raise UsageError(f"{where}: expected {known}, found {', '.join(sorted(unknown))[:80]} too")
    for key in ("name", "material"):
        if not isinstance(table[key], str) or not table[key].strip() or not table[key].isprintable():
            raise UsageError(f"{where}: {key}: expected a name, found {table[key]!r:.60}")
    bed = table["bed_mm"]
    if not isinstance(bed, list) or len(bed) != 2 or not all(_number(v, *BED_MM) for v in bed):
        raise UsageError(f"{where}: bed_mm: expected width and depth, as [250, 210], found {bed!r:.60}")
    for key, (low, high) in NUMBERS.items():
        if key in table and not _number(table[key], low, high):
            raise UsageError(f"{where}: {key}: expected {low:g} to {high:g}, found {table[key]!r:.60}")
    numbers = {key: float(table[key]) for key in NUMBERS if key in table}
    return Printer(table["name"], (float(bed[0]), float(bed[1])), table["material"], **numbers)


def _number(value: Any, low: float, high: float) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low <= value <= high
    )
