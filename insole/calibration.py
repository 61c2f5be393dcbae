"""From a user's own compression tests to C and n of E = C·E_s·ρⁿ.

A test is a block of known area, height and relative density, pressed between two plates: a CSV file with a header and
the columns ``force_n`` (or ``force_kn``) and ``displacement_mm``; commas, or semicolons with decimal commas; other
columns are left alone. Only the first loading counts.

The modulus is the slope of stress over strain. As in ISO 844 (rigid foams; as commonly described) the straight part is
found first and carried back to no stress, so that a block which touches late is not taken for soft. Departs from it:
the straight part is the steepest stretch of ``SPAN`` of strain, and ends at ``MOST_STRAIN``.
"""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from footscan.errors import ReadError
from footscan.types import Array, frozen_array
from insole.errors import DesignError
from insole.materials import Material

MAX_BYTES = 50_000_000
FEWEST_ROWS = 10
SPAN = 0.04  #: strain over which the slope is taken
MOST_STRAIN = 0.20  #: beyond that walls buckle: no elastic slope
FEWEST_IN_SPAN = 4
COLUMNS = {"force_n": 1.0, "force_kn": 1000.0}
RANGES = {"area_mm2": (25.0, 40_000.0), "height_mm": (2.0, 100.0), "density": (0.03, 1.0)}


@dataclass(frozen=True, eq=False)
class CompressionTest:
    """One block: ``force_n``, ``displacement_mm`` (n,) of its loading, and what it was. Raises DesignError."""

    force_n: Array
    displacement_mm: Array
    area_mm2: float
    height_mm: float
    density: float
    source: str = ""

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                nearest = min(max(value, low), high) if math.isfinite(value) else low
                raise DesignError(
                    f"{self.source or 'compression test'}: {name}", value, f"{low:g} to {high:g}", nearest
                )
        for name in ("force_n", "displacement_mm"):
            array = frozen_array(name, getattr(self, name), np.float64, (None,))
            object.__setattr__(self, name, array)
        if len(self.force_n) != len(self.displacement_mm):
            raise ValueError("force_n and displacement_mm must be of one length")

    @property
    def strain(self) -> Array:
        """(n,) of the block's height."""
        return np.asarray(self.displacement_mm / self.height_mm)

    @property
    def stress_mpa(self) -> Array:
        """(n,) N/mm²."""
        return np.asarray(self.force_n / self.area_mm2)


@dataclass(frozen=True)
class Calibration:
    """What tests say of a filament.

    coefficient, exponent : C and n; ``exponent_fitted`` False where all blocks had one density and the card's n stands
    residual : root mean square of ln(E measured / E fitted): about the relative misfit of a modulus
    moduli_mpa, densities : of each test; toe_strain : how late each block was touched
    """

    coefficient: float
    exponent: float
    exponent_fitted: bool
    residual: float
    moduli_mpa: tuple[float, ...]
    densities: tuple[float, ...]
    toe_strain: tuple[float, ...]

    def onto(self, material: Material) -> Material:
        """The card with these numbers; calibrated where n is from tests too."""
        tests = f"{len(self.densities)} compression tests, residual {100 * self.residual:.1f} %"
        sources = {**material.sources, "coefficient": tests}
        if self.exponent_fitted:
            sources["exponent"] = tests
        return dataclasses.replace(
            material,
            coefficient=self.coefficient,
            exponent=self.exponent,
            uncalibrated=not self.exponent_fitted,
            sources=sources,
        )


def calibrate(tests: Sequence[CompressionTest], material: Material) -> Calibration:
    """C and n from tests of blocks printed with one filament, one pattern, at one or several densities.

    Raises DesignError without a test, for a sheet, and where the fitted numbers are none that a foam has.
    """
    if not tests:
        raise DesignError("calibration", "no test", "at least one compression test")
    if material.kind != "filament":
        raise DesignError(f"material {material.name}", "a sheet", "a filament: a sheet has one modulus")
    found = [modulus(test) for test in tests]
    log_e = np.log([e / material.solid_modulus_mpa for e, _ in found])
    log_rho = np.log([test.density for test in tests])
    fitted = len({round(test.density, 3) for test in tests}) > 1
    if fitted:
        exponent, log_c = np.polyfit(log_rho, log_e, 1)
    else:
        exponent = material.exponent
        log_c = float((log_e - exponent * log_rho).mean())
    residual = float(np.sqrt(np.mean((log_e - log_c - exponent * log_rho) ** 2)))
    if not 0.5 <= exponent <= 4.0:
        limit = "0.5 to 4: check densities, areas and units of the tests"
        raise DesignError("exponent n", float(exponent), limit, float(np.clip(exponent, 0.5, 4.0)))
    coefficient = float(np.exp(log_c))
    if not 0.01 <= coefficient <= 20.0:
        limit = "0.01 to 20: check densities, areas and units of the tests"
        raise DesignError("coefficient C", coefficient, limit, float(np.clip(coefficient, 0.01, 20.0)))
    moduli, toes = tuple(e for e, _ in found), tuple(toe for _, toe in found)
    densities = tuple(test.density for test in tests)
    return Calibration(coefficient, float(exponent), fitted, residual, moduli, densities, toes)


def modulus(test: CompressionTest) -> tuple[float, float]:
    """E in MPa, and the strain at which the block was touched. DesignError where no straight part is found."""
    strain, stress = test.strain, test.stress_mpa
    touched = stress > 0.01 * stress.max(initial=0.0)
    start = float(strain[np.argmax(touched)]) if touched.any() else 0.0
    keep = (strain >= start - SPAN) & (strain <= start + MOST_STRAIN)
    strain, stress = strain[keep], stress[keep]
    best: tuple[float, float] | None = None
    for begin in np.linspace(start, start + MOST_STRAIN - SPAN, 33):
        inside = (strain >= begin - 1e-12) & (strain <= begin + SPAN + 1e-12)
        if inside.sum() < FEWEST_IN_SPAN or np.ptp(strain[inside]) < 0.6 * SPAN:
            continue
        slope, level = np.polyfit(strain[inside], stress[inside], 1)
        if best is None or slope > 1.001 * best[0]:
            best = float(slope), float(-level / slope) if slope > 0 else 0.0
    name = test.source or "compression test"
    if best is None:
        limit = f"at least {FEWEST_IN_SPAN} rows within {100 * SPAN:g} % of strain after the block is touched"
        raise DesignError(f"{name}: loading", f"{int(keep.sum())} rows", limit, "press on, or record faster")
    if best[0] <= 0:
        raise DesignError(f"{name}: modulus", f"{best[0]:.4g} MPa", "above 0: force must rise with displacement")
    return best


def read_compression_test(path: str | Path, area_mm2: float, height_mm: float, density: float) -> CompressionTest:
    """A test from its CSV file (see the module). Raises ReadError for the file, DesignError for the block."""
    path = Path(path)
    rows, head = _rows(path)
    columns = [_column(path, head, tuple(COLUMNS)), _column(path, head, ("displacement_mm",))]
    force, displacement = (np.array([_number(path, row, at, n) for n, row in rows]) for at in columns)
    if len(rows) < FEWEST_ROWS:
        raise ReadError(path, f"at least {FEWEST_ROWS} rows", f"{len(rows)}", "export the whole test")
    force = force * COLUMNS[head[columns[0]]]
    force, displacement = (-v if -v.min() > v.max() else v for v in (force, displacement))  # compression as negative
    turn = int(np.argmax(displacement)) + 1  # the way back is no loading
    force, displacement = force[:turn], displacement[:turn]
    if turn < FEWEST_ROWS:
        hint = "displacement must grow with force: check its sign"
        raise ReadError(path, f"at least {FEWEST_ROWS} rows of loading", f"{turn} before it turns back", hint)
    if displacement.max() >= height_mm:
        found = f"a block of {height_mm:g} mm pressed by {displacement.max():.3g} mm"
        raise ReadError(path, "a displacement below the block's height", found, "check height and unit")
    return CompressionTest(force, displacement, area_mm2, height_mm, density, path.name)


# ------------------------------------------------------------------ inside


def _rows(path: Path) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """(line number, cells) of each row, and the header's names in lower case."""
    try:
        raw = path.read_bytes()[: MAX_BYTES + 1]
    except OSError as error:
        found = error.strerror or "an unreadable file"
        raise ReadError(path, "a compression test (CSV)", found, "check the path") from None
    if len(raw) > MAX_BYTES:
        raise ReadError(path, f"a compression test of at most {MAX_BYTES:,} bytes", "more")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ReadError(path, "a compression test (CSV in UTF-8)", "other bytes", "save it as UTF-8 text") from None
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    if not lines:
        raise ReadError(path, "a header and rows of numbers", "nothing", "export force and displacement as CSV")
    separator = ";" if ";" in lines[0][1] else "\t" if "\t" in lines[0][1] else ","
    try:
        cells = list(csv.reader([line for _, line in lines], delimiter=separator, strict=True))
    except csv.Error as error:
        raise ReadError(path, "a compression test (CSV)", str(error), "export it again") from None
    if len(cells) != len(lines):
        raise ReadError(path, "one row a line", "a quoted cell over several lines", "export it without quotes")
    head = [name.strip().lower() for name in cells[0]]
    numbered = [(n, row) for (n, _), row in zip(lines[1:], cells[1:])]
    if separator == ";":
        numbered = [(n, [cell.replace(",", ".") for cell in row]) for n, row in numbered]
    return numbered, head


def _column(path: Path, head: list[str], names: tuple[str, ...]) -> int:
    found = [head.index(name) for name in names if name in head]
    if len(found) != 1:
        hint = "name the columns force_n (or force_kn) and displacement_mm"
        raise ReadError(path, f"one column named {' or '.join(names)}", ", ".join(head)[:80], hint, "line 1")
    return found[0]


def _number(path: Path, row: list[str], at: int, line: int) -> float:
    cell = row[at].strip() if at < len(row) else ""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ReadError(path, "a finite number", repr(cell[:20]), "remove or mend the row", f"line {line}")
    return value
