"""Reads every import of the five packages and says which break the tables of the house (used by test_floors.py).

Also imports inside functions, under TYPE_CHECKING, and the module names that stand as strings in files that call
`import_module`. Nothing is imported here: the source is parsed.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("footscan", "insole", "firmware_bridge", "devices", "station")

#: package -> what it may import in-house (a package stands for all that is in it)
FLOORS: dict[str, tuple[str, ...]] = {
    "firmware_bridge": (),
    "footscan": (),
    "insole": ("footscan",),
    "devices": ("footscan.types", "footscan.errors", "footscan.io", "footscan.synth", "firmware_bridge"),
    "station": ("footscan", "insole", "firmware_bridge", "devices"),
}

_BASE = ("types", "errors", "frame", "meshes", "arrays")
_DATA = (*_BASE, "io", "synth")
_MEASURED = (*_DATA, "scans", "measures")
_PAPER = ("render", "shading", "page")
_WALK = ("plot_pressure_cells", "plot_pressure_curves", "plot_pressure_sheets")
#: part of footscan -> the parts of footscan that it may import
INSIDE_FOOTSCAN: dict[str, tuple[str, ...]] = {
    "errors": (),
    "types": ("errors",),
    "arrays": ("types", "errors"),
    "frame": ("types", "errors"),
    "meshes": ("types", "errors", "frame"),
    "render": _BASE,
    "shading": (*_BASE, "render"),
    "page": (*_BASE, "render", "shading"),
    "io": _BASE,
    "synth": (*_BASE, "io"),
    "scans": _DATA,
    "measures": (*_DATA, "scans"),
    "pressure": _DATA,
    "feet": (*_MEASURED, "population"),  # the whole way of a scan
    "registration": (*_MEASURED, "pressure", "feet"),
    "sizing": _MEASURED,
    "pairs": (*_MEASURED, "sizing"),  # two feet against each other
    "deviation": (*_MEASURED, "pairs"),
    "usual": _MEASURED,  # a foot out of measures alone
    "population": _BASE,  # what a survey says of a foot's values
    "plot_pressure_cells": (*_BASE, "pressure", *_PAPER),
    "plot_pressure_curves": (*_BASE, "pressure", *_PAPER),
    "plot_pressure_sheets": (*_BASE, "pressure", *_PAPER, "plot_pressure_cells"),
    "plot_pressure_cop": (*_BASE, "pressure", *_PAPER, *_WALK),
    "plot_pressure": (*_BASE, "pressure", *_PAPER, *_WALK),
    "plot_pressure_change": (*_BASE, "pressure", *_PAPER, *_WALK, "plot_pressure_cop"),
    "plot_pressure_outlines": (*_MEASURED, "pressure", *_PAPER, *_WALK, "registration"),
    "plot_motion": (*_BASE, "pressure", *_PAPER, *_WALK),
    "plot": (*_MEASURED, "feet", "pressure", "registration", "sizing", "population", *_PAPER, "plot_pressure"),
    "plot_feet": (*_MEASURED, *_PAPER, "plot"),
    "plot_deviation": (*_MEASURED, "deviation", *_PAPER, "plot"),
}

#: third party that may stand at the top of a module
LIGHT = ("numpy", "scipy", "serial")
_TABLES = ("sqlalchemy",)
#: modules of the store and what stands at their tops; `errors`, `records`, `ids` and `disk` are light
_STORE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("audit", "consents", "database", "devices", "files", "migrating", "models", "moving"), _TABLES),
    **dict.fromkeys(("opening", "orders", "people", "portability", "privacy", "settings"), _TABLES),
    **dict.fromkeys(("storing", "visits", "verifying", "restoring"), _TABLES),
    **dict.fromkeys(("sealed", "keys", "blobs"), ("cryptography",)),
    "backups": ("cryptography", "sqlalchemy"),
    "keyfiles": ("cryptography", "sqlalchemy"),
    "staff": ("argon2", "sqlalchemy"),
    "migrations.env": ("alembic",),
    "migrations.versions.0001_first_tables": ("alembic", "sqlalchemy"),
}
#: modules that only the user of that library imports, so that it may stand at their top
HEAVY_HOMES: dict[str, tuple[str, ...]] = {
    "footscan.pressure.kernels": ("numba",),
    "devices.ble": ("bleak", "bleak_retry_connector"),
    "devices.virtual_backend": ("bleak", "bumble"),
    "devices.virtual_peripheral": ("bumble",),
    "devices.virtual_radio": ("bumble",),
    **{f"station.store.{name}": third for name, third in _STORE.items()},
}

#: packages of which only a command that runs imports something: what they stand on may be at their modules' tops
HEAVY_PACKAGES: dict[str, tuple[str, ...]] = {
    "station.kiosk": ("cryptography", "fastapi", "jinja2", "segno", "starlette", "uvicorn"),
    "station.store": ("alembic", "argon2", "cryptography", "sqlalchemy"),
}

#: below station nothing prints, exits, logs or reads a command line
SILENT_MODULES = ("argparse", "logging", "getopt", "optparse")
SILENT_CALLS = ("print", "input", "exit", "quit", "breakpoint", "sys.exit", "os._exit", "os.abort", "SystemExit")
SILENT_NAMES = ("sys.stdout", "sys.stderr", "sys.argv")


@dataclass(frozen=True)
class Import:
    """One imported module: where it stands, and whether importing the file runs it."""

    name: str
    line: int
    at_top: bool


def module_name(root: Path, file: Path) -> str:
    """footscan/io/ply.py -> footscan.io.ply"""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.Module, package: str) -> Iterator[Import]:
    """Every import of a parsed file; ``package`` is what a relative import starts from."""
    lazy = {id(n) for f in ast.walk(tree) if isinstance(f, _FUNCTIONS) or _type_checking(f) for n in ast.walk(f)}
    for node in ast.walk(tree):
        at_top = id(node) not in lazy
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, at_top)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:  # `from footscan import types` imports footscan.types
                yield Import(f"{base}.{alias.name}", node.lineno, at_top)
    if any(isinstance(n, ast.Name | ast.Attribute) and _dotted(n).endswith(_IMPORTERS) for n in ast.walk(tree)):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _names_a_module(node.value):
                yield Import(node.value.rstrip("."), node.lineno, False)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_IMPORTERS = ("import_module", "__import__", "find_spec")


def _type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and _dotted(node.test).split(".")[-1] == "TYPE_CHECKING"


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _names_a_module(text: str) -> bool:
    return text.split(".")[0] in PACKAGES and "." in text and all(p.isidentifier() for p in text.rstrip(".").split("."))


def _within(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == a or name.startswith(a + ".") for a in allowed)


def _in_house(module: str, name: str) -> str | None:
    """Why ``module`` may not import the in-house ``name``; None if it may."""
    package, target = module.split(".")[0], name.split(".")[0]
    if package != target:
        return None if _within(name, FLOORS[package]) else f"{package} may not import {name}"
    if package != "footscan" or module == "footscan":  # footscan/__init__.py only points at what is below it
        return None
    part = module.split(".")[1]
    if part not in INSIDE_FOOTSCAN:
        return f"footscan.{part} has no floor: give it one in tests/floors.py"
    if name == "footscan" or name.count(".") == 0:
        return "inside footscan, import the module that has it, not the package"
    wanted = name.split(".")[1]
    if wanted == part or wanted in INSIDE_FOOTSCAN[part]:
        return None
    return f"footscan.{part} may not import footscan.{wanted}"


def _third_party(module: str, found: Import, declared: frozenset[str]) -> str | None:
    top = found.name.split(".")[0]
    if top in sys.stdlib_module_names or (top == "_typeshed" and not found.at_top):
        return None
    if top not in declared:
        return f"{top} is not a dependency in pyproject.toml"
    package = next((libraries for p, libraries in HEAVY_PACKAGES.items() if _within(module, (p,))), ())
    if found.at_top and top not in (*LIGHT, *package, *HEAVY_HOMES.get(module, ())):
        return f"{top} is too heavy for the top of a module: import it in the function that needs it"
    return None


def _loud(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, what) of everything that prints, exits or reads the command line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _dotted(node.func) in SILENT_CALLS:
            yield node.lineno, f"calls {_dotted(node.func)}()"
        elif isinstance(node, ast.Raise) and node.exc is not None and _dotted(node.exc) == "SystemExit":
            yield node.lineno, "raises SystemExit"
        elif isinstance(node, ast.Attribute) and _dotted(node) in SILENT_NAMES:
            yield node.lineno, f"uses {_dotted(node)}"


def violations(root: Path, declared: frozenset[str]) -> list[str]:
    """All breaches under ``root`` as `file:line: why`; ``declared``: import names of pyproject's dependencies."""
    problems = []
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            module, where = module_name(root, file), file.relative_to(root).as_posix()
            is_package = file.name == "__init__.py"
            tree = ast.parse(file.read_text(encoding="utf-8"), where)
            for found in imports(tree, module if is_package else module.rpartition(".")[0]):
                top = found.name.split(".")[0]
                if top in PACKAGES:
                    why = _in_house(module, found.name)
                    heavy = HEAVY_HOMES | HEAVY_PACKAGES
                    if why is None and found.at_top and not _within(module, tuple(heavy)):
                        home = next((h for h in heavy if _within(found.name, (h,))), None)
                        why = home and f"{home} brings {', '.join(heavy[home])}: import it in a function"
                elif top in SILENT_MODULES and package != "station":
                    why = f"{package} may not import {top}: only station talks to people"
                else:
                    why = _third_party(module, found, declared)
                if why:
                    problems.append(f"{where}:{found.line}: {why}")
            if package != "station":
                problems += [f"{where}:{line}: {package} {what}" for line, what in _loud(tree)]
    return list(dict.fromkeys(problems))
