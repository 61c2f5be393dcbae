"""What a studio sets, in one file: ``DIR/studio.toml``; what it leaves out has its default.

name = "Studio Nord"            # over every page
logo = "studio-logo.svg"        # beside the file: SVG or PNG, "studio…"
languages = ["zh", "en"]        # in this order on the first screen
sizes = ["eu", "cn"]            # systems of shoe sizes that are shown
age_of_consent = 14             # below it a guardian agrees
retention_days = 90             # after shipping, where nobody agreed to more
idle_s = 120                    # without a touch: back to the first screen
steps = 8                       # of a walk, both feet together

[colours]
accent = "#0f6a6d"              # also: accent_soft, ink, paper, surface

[sources]
scan = "watch:/scans"           # sim:feet, watch:DIR, realsense:…, depth:DIR, upload:
walk = ["ble:ORPHE-L?side=left", "ble:ORPHE-R?side=right"]

[[covers]]
key = "leather"
en = "Leather"
zh = "皮革"
thickness_mm = 1.5

[[shoes]]
key = "everyday"
en = "Everyday shoe"
zh = "日常鞋"
preset = "everyday"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from station.errors import UsageError
from station.messages import LANGUAGES

FILE = "studio.toml"
#: name -> as it is where a studio sets none (web/src/kiosk.css has them, and those that follow from them)
COLOURS = {
    "accent": "#0f6a6d",
    "accent_soft": "#dcebe8",
    "ink": "#14242c",
    "paper": "#f1f5f3",
    "surface": "#ffffff",
}
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
LOGOS = {".svg": "image/svg+xml", ".png": "image/png"}
LARGEST_LOGO = 1024**2
_READ_ON = (("ink", "paper"), ("ink", "surface"), ("ink", "accent_soft"), ("accent", "paper"), ("accent", "surface"))
LEAST_CONTRAST = 4.5  #: of text against what is behind it (WCAG 2.2 AA)


@dataclass(frozen=True)
class Cover:
    """A cover that a customer can choose; ``names`` by language."""

    key: str
    names: Mapping[str, str]
    thickness_mm: float = 2.0


@dataclass(frozen=True)
class Shoe:
    """A kind of shoe that insoles are made for: a preset of `insole`, and the lengths that fit it."""

    key: str
    names: Mapping[str, str]
    preset: str = "everyday"


_COVERS = (
    Cover("textile", {"en": "Textile", "zh": "织物"}, 2.0),
    Cover("leather", {"en": "Leather", "zh": "皮革"}, 1.5),
    Cover("cork", {"en": "Cork", "zh": "软木"}, 2.5),
)
_SHOES = (
    Shoe("everyday", {"en": "Everyday shoe", "zh": "日常鞋"}, "everyday"),
    Shoe("sport", {"en": "Sports shoe", "zh": "运动鞋"}, "sport"),
    Shoe("dress", {"en": "Dress shoe", "zh": "正装鞋"}, "dress"),
)


@dataclass(frozen=True)
class Settings:
    """As in the file; ``logo`` is a path that exists, or None."""

    name: str = "plantar"
    logo: Path | None = None
    languages: tuple[str, ...] = ("zh", "en")
    sizes: tuple[str, ...] = ("eu", "cn")
    age_of_consent: int = 14
    retention_days: int = 90
    idle_s: float = 120.0
    steps: int = 8
    colours: Mapping[str, str] = field(default_factory=COLOURS.copy)
    scan: str = "sim:feet"
    walk: tuple[str, ...] = ("sim:board?side=left&seed=3", "sim:board?side=right&seed=3")
    covers: tuple[Cover, ...] = _COVERS
    shoes: tuple[Shoe, ...] = _SHOES

    def cover(self, key: str) -> Cover:
        """The cover of that key; KeyError if there is none."""
        return {cover.key: cover for cover in self.covers}[key]

    def shoe(self, key: str) -> Shoe:
        """The shoe of that key; KeyError if there is none."""
        return {shoe.key: shoe for shoe in self.shoes}[key]


def read_settings(folder: Path) -> Settings:
    """The settings of a studio's folder; all defaults where it has no file. UsageError for what means nothing."""
    path = folder / FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (ValueError, OSError) as error:
        raise UsageError(f"{path}: expected TOML, found {error}; correct it") from error
    return _Reader(path).settings(document)


class _Reader:
    """Reads values of the file, and says where one is wrong."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def wrong(self, key: str, expected: str, found: object) -> UsageError:
        return UsageError(f"{self._path}: {key}: expected {expected}, found {found!r}; correct it")

    def settings(self, document: Mapping[str, Any]) -> Settings:
        known = {f.name for f in fields(Settings)} - {"scan", "walk"} | {"sources"}
        unknown = sorted(set(document) - known)
        if unknown:
            raise self.wrong(unknown[0], f"one of {', '.join(sorted(known))}", unknown[0])
        made: dict[str, Any] = {}
        for key, least, most in (("age_of_consent", 0, 21), ("retention_days", 1, 3650), ("steps", 4, 60)):
            if key in document:
                made[key] = int(self.number(key, document[key], least, most))
        if "idle_s" in document:
            made["idle_s"] = self.number("idle_s", document["idle_s"], 10, 3600)
        if "name" in document:
            made["name"] = self.text("name", document["name"], 60)
        if "languages" in document:
            made["languages"] = self.some("languages", document["languages"], LANGUAGES)
        if "sizes" in document:
            from footscan.sizing import SYSTEMS

            made["sizes"] = self.some("sizes", document["sizes"], SYSTEMS)
        if "logo" in document:
            made["logo"] = self.logo(document["logo"])
        made["colours"] = self.colours(self.table("colours", document.get("colours", {})))
        made |= self.sources(self.table("sources", document.get("sources", {})))
        made |= self.choices(document)
        return replace(Settings(), **made)

    def number(self, key: str, value: object, least: float, most: float) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise self.wrong(key, f"a number from {least:g} to {most:g}", value)
        return float(value)

    def text(self, key: str, value: object, longest: int = 200) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
            raise self.wrong(key, f"a text of 1 to {longest} letters", value)
        return value

    def table(self, key: str, value: object) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(key, f"a table [{key}]", value)
        return value

    def some(self, key: str, value: object, allowed: Sequence[str]) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or len(set(map(str, value))) < len(value):
            raise self.wrong(key, f"some of {', '.join(allowed)}, each once", value)
        if any(item not in allowed for item in value):
            raise self.wrong(key, f"some of {', '.join(allowed)}", value)
        return tuple(value)

    def logo(self, value: object) -> Path:
        path = self._path.parent / self.text("logo", value)
        inside = path.resolve().is_relative_to(self._path.parent.resolve())
        if not inside or path.suffix.lower() not in LOGOS or not path.is_file():
            raise self.wrong("logo", f"a file beside it that ends in {' or '.join(LOGOS)}", value)
        if path.stat().st_size > LARGEST_LOGO:
            raise self.wrong("logo", f"a file of at most {LARGEST_LOGO} bytes", path.stat().st_size)
        return path

    def colours(self, table: Mapping[str, Any]) -> dict[str, str]:
        unknown = sorted(set(table) - set(COLOURS))
        if unknown:
            raise self.wrong(f"colours.{unknown[0]}", f"one of {', '.join(COLOURS)}", unknown[0])
        for key, value in table.items():
            if not isinstance(value, str) or not _COLOUR.fullmatch(value):
                raise self.wrong(f"colours.{key}", 'a colour as "#0f6b78"', value)
        found = {**COLOURS, **table}
        for front, behind in _READ_ON:
            if contrast(found[front], found[behind]) < LEAST_CONTRAST:
                expected = f"a contrast of at least {LEAST_CONTRAST:g}:1 between {front} and {behind}"
                raise self.wrong(f"colours.{front}", expected, f"{contrast(found[front], found[behind]):.1f}:1")
        return found

    def sources(self, table: Mapping[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(table) - {"scan", "walk"})
        if unknown:
            raise self.wrong(f"sources.{unknown[0]}", "scan or walk", unknown[0])
        made: dict[str, Any] = {}
        if "scan" in table:
            made["scan"] = self.text("sources.scan", table["scan"])
        if "walk" in table:
            walk = table["walk"] if isinstance(table["walk"], list) else [table["walk"]]
            made["walk"] = tuple(self.text("sources.walk", spec) for spec in walk)
        return made

    def choices(self, document: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if "covers" in document:
            made["covers"] = tuple(
                Cover(key, names, self.number(f"covers.{key}.thickness_mm", row.get("thickness_mm", 2.0), 0, 6))
                for key, names, row in self.rows("covers", document["covers"], {"thickness_mm"})
            )
        if "shoes" in document:
            from insole import preset_names

            rows = self.rows("shoes", document["shoes"], {"preset"})
            for key, _, row in rows:
                if row.get("preset", "everyday") not in preset_names():
                    raise self.wrong(f"shoes.{key}.preset", f"one of {', '.join(preset_names())}", row.get("preset"))
            made["shoes"] = tuple(Shoe(key, names, row.get("preset", "everyday")) for key, names, row in rows)
        return made

    def rows(self, key: str, value: object, more: set[str]) -> list[tuple[str, dict[str, str], Mapping[str, Any]]]:
        if not isinstance(value, list) or not 0 < len(value) <= 12:
            raise self.wrong(key, f"1 to 12 tables [[{key}]]", value)
        found = []
        for row in value:
            row = self.table(key, row)
            name = self.text(f"{key}.key", row.get("key"), 30)
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise self.wrong(f"{key}.key", "small letters, digits and _", name)
            unknown = sorted(set(row) - {"key", *LANGUAGES} - more)
            if unknown:
                raise self.wrong(f"{key}.{name}", f"key, {', '.join(LANGUAGES)}, {', '.join(sorted(more))}", unknown[0])
            names = {lang: self.text(f"{key}.{name}.{lang}", row.get(lang, name), 60) for lang in LANGUAGES}
            found.append((name, names, row))
        if len({name for name, _, _ in found}) < len(found):
            raise self.wrong(key, "a key of its own each", [name for name, _, _ in found])
        return found


# ------------------------------------------------------------------ colours


def contrast(one: str, other: str) -> float:
    """Contrast of two colours "#rrggbb", 1 to 21 (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255.0 for k in (1, 3, 5)]
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def style(settings: Settings) -> str:
    """The studio's colours as a style sheet: variables that every other sheet uses; empty where it sets none."""
    told = {name.replace("_", "-"): value for name, value in settings.colours.items() if value != COLOURS[name]}
    if "accent" in told:
        told["accent-ink"] = max(("#ffffff", settings.colours["ink"]), key=lambda c: contrast(c, told["accent"]))
    return ":root {\n" + "".join(f"  --{name}: {value};\n" for name, value in told.items()) + "}\n"
