"""What ``--mask`` and ``--calibrate`` mean: words of the command line -> a mask and a calibration."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.errors import UsageError

if TYPE_CHECKING:
    from footscan.types import Array, Foot, Recording

G_N_PER_KG = 9.80665  #: standard gravity: what a kilogram weighs
TWO_POINT = "two-point:KG,UNLOADED,LOADED, each span in seconds as in two-point:70,0-2,4-8"
HEAVIEST_KG = 500.0


@dataclass(frozen=True, eq=False)
class Options:
    """``mask`` as `footscan.analyse` takes it, its name for people; ``calibrate`` recording -> recording, and how in
    words (None: not at all); ``feet`` the scanned feet that a mask rests on."""

    mask: Any
    mask_name: str
    calibrate: Callable[[Recording], Recording]
    calibration_name: str | None
    feet: tuple[Foot, ...] = ()


def options(mask: str, calibration: str | None) -> Options:
    """Everything that both options name, read and checked before any recording is.

    Raises
    ------
    UsageError : words that mean nothing
    ReadError, ScanError : a file that can't be read or used
    """
    found, feet = _mask(mask)
    if calibration is None:
        return Options(found, mask, lambda recording: recording, None, feet)
    return Options(found, mask, _calibration(calibration), calibration, feet)


def _mask(text: str) -> tuple[Any, tuple[Foot, ...]]:
    from footscan.pressure import masks

    kind, _, name = text.partition(":")
    if kind == "landmarks":
        from footscan import find_feet, read_scan
        from footscan.registration import landmark_mask

        if not name:
            raise UsageError(f"--mask {text}: expected a scan's name behind landmarks:, found none")
        scans = [part for part in name.split(";") if part]
        feet = tuple(foot for scan in scans for foot in find_feet(read_scan(scan), uncertainty=False))
        return landmark_mask(feet, text), feet
    try:
        return masks.mask_of(text), ()
    except ValueError as error:
        from footscan.errors import FootscanError

        if isinstance(error, FootscanError):
            raise
        raise UsageError(f"--mask {text}: expected {masks.SPECS}, found none of them") from error


# ------------------------------------------------------------------ calibration


def _calibration(text: str) -> Callable[[Recording], Recording]:
    """What calibrates a recording as the words say."""
    kind, _, rest = text.partition(":")
    ways = {"body-weight": _body_weight, "two-point": _two_point, "table": _table}
    if kind not in ways or not rest:
        raise UsageError(f"--calibrate {text}: expected body-weight:KG, {TWO_POINT}, or table:FILE, found none of them")
    arguments = ways[kind](text, rest)

    def calibrated(recording: Recording) -> Recording:
        from footscan import calibrate
        from footscan.errors import ScanError

        units = sorted({part.unit for part in recording.pressure})
        if units != ["raw"]:
            raise ScanError(
                f"expected raw readings to calibrate, found a recording in {', '.join(units)}; leave --calibrate out"
            )
        try:
            return calibrate(recording, **arguments)
        except ValueError as error:
            raise ScanError(f"--calibrate {text}: expected what fits this recording, found {error}") from error

    return calibrated


def _body_weight(text: str, rest: str) -> dict[str, Any]:
    return {"method": "body_weight", "body_weight_n": _newtons(text, rest)}


def _two_point(text: str, rest: str) -> dict[str, Any]:
    words = rest.split(",")
    if len(words) != 3:
        raise UsageError(f"--calibrate {text}: expected {TWO_POINT}, found {len(words)} parts")
    unloaded, loaded = (_span(text, word) for word in words[1:])
    return {
        "method": "two_point",
        "body_weight_n": _newtons(text, words[0]),
        "unloaded": unloaded,
        "loaded": loaded,
    }


def _newtons(text: str, word: str) -> float:
    mass_kg = _number(text, word, "a mass in kg")
    if not 0.0 < mass_kg <= HEAVIEST_KG:
        raise UsageError(f"--calibrate {text}: expected a person's mass in kg, found {word}")
    return mass_kg * G_N_PER_KG


def _span(text: str, word: str) -> tuple[float, float]:
    first, dash, last = word.partition("-")
    span = _number(text, first, "seconds"), _number(text, last if dash else "", "a span as 4-8")
    if not 0.0 <= span[0] < span[1]:
        raise UsageError(f"--calibrate {text}: expected a span of seconds that goes forward, found {word}")
    return span


def _number(text: str, word: str, what: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"--calibrate {text}: expected {what}, found {word!r}")
    return value


def _table(text: str, rest: str) -> dict[str, Any]:
    return {"method": "table", "table": read_table(Path(rest))}


def read_table(path: Path) -> Array:
    """Rows (n, 2) of a CSV file: raw reading and kPa, both rising; a header line may stand above.

    Raises
    ------
    ReadError : no such file, a row that is not two numbers, fewer than two rows, values that do not rise
    """
    import numpy as np

    from footscan.errors import ReadError
    from footscan.io.files import read_bytes

    lines = read_bytes(path).decode("utf-8", "replace").lstrip("\N{ZERO WIDTH NO-BREAK SPACE}").splitlines()
    rows: list[tuple[float, float]] = []
    for number, cells in enumerate(csv.reader(lines), start=1):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            raw, kpa = (float(cell) for cell in cells)
        except ValueError:
            if number == 1:
                continue  # the header
            raise ReadError(
                path, "a raw reading and its kPa", ",".join(cells)[:40], "two numbers a line", f"line {number}"
            ) from None
        rows.append((raw, kpa))
    table = np.array(rows, dtype=np.float64).reshape(-1, 2)
    if len(table) < 2 or not np.isfinite(table).all():
        raise ReadError(path, "two rows or more of numbers", f"{len(table)}", "a raw reading and its kPa a line")
    if not ((np.diff(table[:, 0]) > 0).all() and (np.diff(table[:, 1]) >= 0).all()):
        raise ReadError(path, "readings and kPa that rise", "some that do not", "sort the lines by the reading")
    return table
