"""Material cards: what an insole is made of, as data files with a source beside each number.

Stiffness of infill: E = C · E_s · ρⁿ (Gibson and Ashby, Cellular Solids), ρ the relative density 0 … 1, E_s the solid's
modulus; C and n belong to a filament, an infill pattern and a printer. A card whose C and n nobody has measured is
``uncalibrated`` and stays so until ``insole.calibration`` gives it numbers from a compression test.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import numpy as np

from footscan.errors import ReadError
from footscan.types import Array
from insole.errors import DesignError

MAX_BYTES = 100_000
FLOAT = TypeVar("FLOAT", float, Array)
#: number -> least, most; both are allowed
RANGES: dict[str, tuple[float, float]] = {
    "solid_modulus_mpa": (0.01, 5000.0),
    "coefficient": (0.01, 20.0),
    "exponent": (0.5, 4.0),
    "poisson": (0.0, 0.45),
    "density_g_cm3": (0.02, 5.0),
    "densification_strain": (0.05, 0.95),
    "nozzle_c": (100.0, 400.0),
    "bed_c": (0.0, 150.0),
}
OPTIONAL = ("densification_strain", "nozzle_c", "bed_c", "print_scale")
PRINT_SCALE = (0.9, 1.1)
LEAST_DENSITY, MOST_DENSITY = 0.05, 1.0
DENSIFIES = 1.4  #: a foam's walls meet at a strain of 1 − 1.4 ρ (Gibson and Ashby)


@dataclass(frozen=True)
class Material:
    """One card.

    Parameters
    ----------
    name, title : the file's name without ending, and what people call it
    kind : "filament" is printed at a relative density; "sheet" is cut as it is
    solid_modulus_mpa, coefficient, exponent : E_s, C, n of E = C·E_s·ρⁿ
    poisson : of infill or foam
    density_g_cm3 : of the solid (filament) or of the foam (sheet)
    densification_strain : where its cells are shut; None: 1 − 1.4 ρ
    print_scale : x, y, z by which a mesh is multiplied so that the print comes out in size
    uncalibrated : True while C and n are from books
    sources : where each number comes from
    """

    name: str
    title: str
    kind: Literal["filament", "sheet"]
    solid_modulus_mpa: float
    coefficient: float
    exponent: float
    poisson: float
    density_g_cm3: float
    densification_strain: float | None = None
    print_scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    nozzle_c: float | None = None
    bed_c: float | None = None
    uncalibrated: bool = True
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:  # NaN too
                nearest = min(max(value, low), high) if math.isfinite(value) else low
                raise DesignError(f"material {self.name}: {name}", value, f"{low:g} to {high:g}", nearest)
        if not all(PRINT_SCALE[0] <= v <= PRINT_SCALE[1] for v in self.print_scale):
            limit = f"three factors from {PRINT_SCALE[0]:g} to {PRINT_SCALE[1]:g}"
            raise DesignError(f"material {self.name}: print_scale", self.print_scale, limit, "[1.0, 1.0, 1.0]")
        object.__setattr__(self, "sources", MappingProxyType(dict(self.sources)))

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        # a mapping proxy can't be pickled
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return _again, ({**values, "sources": dict(self.sources)},)

    def modulus_mpa(self, density: FLOAT) -> FLOAT:
        """E in MPa at a relative density 0 … 1; a sheet has one modulus whatever it is."""
        if self.kind == "sheet":
            return density * 0.0 + self.coefficient * self.solid_modulus_mpa
        modulus: FLOAT = self.coefficient * self.solid_modulus_mpa * density**self.exponent
        return modulus

    def density_for(self, modulus_mpa: FLOAT) -> FLOAT:
        """The relative density that has this modulus. DesignError for a sheet: its density is its own."""
        if self.kind == "sheet":
            raise DesignError(f"material {self.name}", "a sheet", "a filament: only what is printed has infill")
        density: FLOAT = (modulus_mpa / (self.coefficient * self.solid_modulus_mpa)) ** (1.0 / self.exponent)
        return density

    def densifies_at(self, density: Array | float) -> Array:
        """Strain (same shape) at which its cells are shut and it is as stiff as the solid."""
        if self.densification_strain is not None:
            return np.full(np.shape(density), self.densification_strain)
        return np.clip(1.0 - DENSIFIES * np.asarray(density, dtype=float), 0.0, 0.95)


def _again(values: dict[str, Any]) -> Material:
    return Material(**values)


def material_names() -> tuple[str, ...]:
    """The cards that come with the package, in alphabetical order."""
    folder = resources.files("insole") / "cards"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


def read_material(name: str | Path) -> Material:
    """A card of the package by name, or of one's own by the path of its TOML file. Raises DesignError, ReadError."""
    if isinstance(name, Path) or str(name).endswith(".toml"):
        path = Path(name)
        try:
            raw = path.read_bytes()[: MAX_BYTES + 1]
        except OSError as error:
            found = error.strerror or "an unreadable file"
            raise ReadError(path, "a material card (TOML)", found, "check the path") from None
        if len(raw) > MAX_BYTES:
            raise ReadError(path, f"a material card of at most {MAX_BYTES:,} bytes", "more")
        return _card(path.stem, _toml(path, raw))
    if name not in material_names():
        close = difflib.get_close_matches(str(name), material_names(), n=1, cutoff=0.0)[0]
        raise DesignError("material", repr(name), "one of " + ", ".join(material_names()) + ", or a .toml file", close)
    return _own(str(name))


@functools.cache
def _own(name: str) -> Material:
    text = (resources.files("insole") / "cards" / f"{name}.toml").read_text("utf-8")
    return _card(name, tomllib.loads(text))


def card_text(material: Material) -> str:
    """The card as TOML, to be kept beside one's own compression tests; ``read_material`` gives the same record."""
    lines = [f"title = {_quoted(material.title)}", f'kind = "{material.kind}"']
    lines.append(f"uncalibrated = {str(material.uncalibrated).lower()}")
    for name in (*RANGES, "print_scale"):
        value = getattr(material, name)
        if value is not None:
            text = "[" + ", ".join(repr(float(v)) for v in value) + "]" if name == "print_scale" else repr(float(value))
            lines += ["", f"[{name}]", f"value = {text}", f"source = {_quoted(material.sources.get(name, ''))}"]
    return "\n".join(lines) + "\n"


# ------------------------------------------------------------------ inside


def _quoted(text: str) -> str:
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\' or ord(c) == 127 else c for c in text)
    return f'"{escaped}"'


def _toml(path: Path, raw: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ReadError(path, "a material card (TOML in UTF-8)", "other bytes", "save it as UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ReadError(path, "a material card (TOML)", str(error), "see insole/cards for examples") from None


def _card(name: str, data: dict[str, Any]) -> Material:
    title, kind, uncalibrated = data.pop("title", name), data.pop("kind", None), data.pop("uncalibrated", True)
    if not isinstance(title, str) or kind not in ("filament", "sheet") or not isinstance(uncalibrated, bool):
        limit = 'title a text, kind "filament" or "sheet", uncalibrated true or false'
        raise DesignError(f"material {name}", f"{title!r}, {kind!r}, {uncalibrated!r}", limit)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for key, entry in data.items():
        if key not in RANGES and key != "print_scale":
            close = difflib.get_close_matches(key, [*RANGES, "print_scale"], n=1, cutoff=0.0)[0]
            raise DesignError(f"material {name}: {key}", "a number that does not exist", "a number of a card", close)
        if not isinstance(entry, dict) or set(entry) != {"value", "source"} or not isinstance(entry["source"], str):
            raise DesignError(f"material {name}: {key}", repr(entry), "a table with value and source")
        values[key] = _value(name, key, entry["value"])
        sources[key] = entry["source"]
    missing = [key for key in RANGES if key not in values and key not in OPTIONAL]
    if missing:
        raise DesignError(f"material {name}: {missing[0]}", "nothing", "a table with value and source")
    return Material(name, title, kind, uncalibrated=uncalibrated, sources=sources, **values)


def _value(name: str, key: str, value: Any) -> float | tuple[float, float, float]:
    def is_number(v: Any) -> bool:
        return isinstance(v, (int, float)) and not isinstance(v, bool)

    if key == "print_scale":
        if not isinstance(value, list) or len(value) != 3 or not all(is_number(v) for v in value):
            raise DesignError(f"material {name}: {key}", repr(value), "three factors", "[1.0, 1.0, 1.0]")
        return float(value[0]), float(value[1]), float(value[2])
    if not is_number(value):
        raise DesignError(f"material {name}: {key}", repr(value), "a number")
    return float(value)
