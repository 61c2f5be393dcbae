"""The tables of who may import whom, what may be heavy, and that names of functions and modules don't collide."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import floors
import pytest

ROOT = Path(__file__).resolve().parents[1]
IMPORT_NAMES = {
    "argon2-cffi": "argon2",
    "python-multipart": "multipart",
    "pyserial": "serial",
    "pillow": "PIL",
    "open3d-cpu": "open3d",
    "fast-simplification": "fast_simplification",
}


def declared() -> frozenset[str]:
    """Import names of all dependencies, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    names = [re.split(r"[^A-Za-z0-9_.-]", d)[0] for d in wanted]
    return frozenset(IMPORT_NAMES.get(n, n.replace("-", "_")) for n in names)


def test_every_import_of_the_five_packages_keeps_to_its_floor() -> None:
    assert floors.violations(ROOT, declared()) == []


BREACHES = {
    "a floor up": ("footscan/frame.py", "import insole.types", "footscan may not import insole.types"),
    "station from below": (
        "insole/solid.py",
        "def f():\n    from station import cli",
        "insole may not import station.cli",
    ),
    "insole meets devices": ("insole/ports.py", "from devices import ports", "insole may not import devices.ports"),
    "devices meets insole": ("devices/ports.py", "import insole", "devices may not import insole"),
    "devices measures": (
        "devices/ports.py",
        "from footscan.measures import x",
        "devices may not import footscan.measures.x",
    ),
    "devices from the top": (
        "devices/ports.py",
        "from footscan import measure",
        "devices may not import footscan.measure",
    ),
    "the wire knows feet": ("firmware_bridge/codec.py", "import footscan.types", "firmware_bridge may not import"),
    "pressure knows measures": (
        "footscan/pressure/steps.py",
        "from footscan import measures",
        "footscan.pressure may not import footscan.measures",
    ),
    "scans above measures": (
        "footscan/scans/clean.py",
        "import footscan.measures.axis",
        "may not import footscan.measures",
    ),
    "synth knows the answers": ("footscan/synth.py", "from footscan.scans import y", "may not import footscan.scans"),
    "io knows scans": ("footscan/io/ply.py", "from footscan.scans import y", "may not import footscan.scans"),
    "relative": ("footscan/io/ply.py", "from ..measures import axis", "may not import footscan.measures"),
    "relative, one dot": ("footscan/io/__init__.py", "from . import ply\nfrom .. import scans", "footscan.scans"),
    "by string": (
        "footscan/io/ply.py",
        "from importlib import import_module\nTABLE = {'a': 'footscan.measures.axis'}\nimport_module(TABLE['a'])",
        "may not import footscan.measures",
    ),
    "by a made string": (
        "insole/x.py",
        "import importlib\ndef f(n):\n    importlib.import_module(f'station.{n}')",
        "insole may not import station",
    ),
    "for types only": (
        "footscan/io/ply.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from insole.types import X",
        "may not import insole",
    ),
    "no floor": ("footscan/helpers.py", "from footscan.types import Foot", "footscan.helpers has no floor"),
    "heavy at the top": ("station/report.py", "import typst", "typst is too heavy"),
    "heavy in a class body": (
        "station/report.py",
        "class A:\n    from matplotlib import pyplot",
        "matplotlib is too heavy",
    ),
    "heavy in a try": (
        "insole/f.py",
        "try:\n    import open3d.cpu\nexcept ImportError:\n    pass",
        "open3d is too heavy",
    ),
    "not declared": ("station/report.py", "def f():\n    import pandas", "pandas is not a dependency"),
    "prints": ("footscan/io/ply.py", "def f():\n    print('hm')", "footscan calls print()"),
    "exits": ("insole/f.py", "import sys\nsys.exit(2)", "insole calls sys.exit()"),
    "raises the end": ("devices/f.py", "def f():\n    raise SystemExit", "devices raises SystemExit"),
    "writes to the terminal": ("devices/f.py", "import sys\nsys.stderr.write('x')", "devices uses sys.stderr"),
    "logs": ("footscan/frame.py", "import logging", "footscan may not import logging"),
    "reads a command line": ("insole/f.py", "def f():\n    import argparse", "insole may not import argparse"),
}


@pytest.mark.parametrize(("file", "source", "why"), BREACHES.values(), ids=list(BREACHES))
def test_a_breach_is_found_where_it_stands(tmp_path: Path, file: str, source: str, why: str) -> None:
    target = tmp_path / file
    target.parent.mkdir(parents=True)
    target.write_text(source, encoding="utf-8")
    problems = floors.violations(tmp_path, declared())
    assert problems
    assert all(p.startswith(f"{file}:") for p in problems)
    assert any(why in p for p in problems), problems


def test_what_the_tables_allow_is_left_alone(tmp_path: Path) -> None:
    allowed = {
        "footscan/__init__.py": "from importlib import import_module\nimport_module('footscan.measures')",
        "footscan/frame.py": "import numpy as np\nfrom footscan.types import Array\nfrom footscan import errors",
        "footscan/io/__init__.py": "from importlib import import_module\nX = 'footscan.io.ply'\nimport_module(X)",
        "footscan/measures/axis.py": "from scipy.spatial import cKDTree\nfrom footscan.scans.clean import f",
        "footscan/registration.py": "from footscan import measures, pressure",
        "insole/solid.py": "import footscan\ndef f():\n    import manifold3d\n    return 'devices.open'",
        "devices/ports.py": "import serial\nfrom footscan import errors\nimport firmware_bridge.codec",
        "station/cli.py": "import argparse, sys, insole, devices\nfrom footscan import measure\nprint(sys.argv)",
    }
    for name, source in allowed.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source, encoding="utf-8")
    assert floors.violations(tmp_path, declared()) == []


def run(source: str) -> str:
    """Runs a script in a fresh interpreter; its standard output."""
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


IMPORT_ALL = """
import importlib, pkgutil, types
for package in ("footscan", "insole", "firmware_bridge", "devices", "station"):
    top = importlib.import_module(package)
    for found in pkgutil.walk_packages(top.__path__, package + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
"""


def test_public_functions_are_callable_after_every_submodule_was_imported() -> None:
    out = run(
        IMPORT_ALL
        + """
import math, tempfile, pathlib
import footscan, footscan.synth, footscan.io, insole
for name in ("read_scan", "find_feet", "measure", "read_recording", "analyse"):
    assert callable(getattr(footscan, name)) and not isinstance(getattr(footscan, name), types.ModuleType), name
for name in ("prescribe", "design", "solid", "read_prescription", "check_mesh"):
    assert callable(getattr(insole, name)) and not isinstance(getattr(insole, name), types.ModuleType), name
foot = footscan.synth.make_foot(footscan.synth.FootSpec(side="left", length_mm=250.0))
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "left.ply"
    footscan.io.write_geometry(path, footscan.synth.scan_foot(foot, points=60_000, seed=1))
    scan = footscan.read_scan(path)
    (measured,) = footscan.measure(scan, side="left")
print(abs(measured["foot_length_mm"] - foot.truth["foot_length_mm"]))
"""
    )
    assert float(out) < 2.0


def test_no_public_name_is_that_of_a_module_beside_it() -> None:
    shared = run(
        IMPORT_ALL
        + """
import sys
for name, package in sorted(sys.modules.items()):
    in_house = name.split(".")[0] in ("footscan", "insole", "firmware_bridge", "devices", "station")
    if in_house and hasattr(package, "__path__"):
        modules = {found.name for found in pkgutil.iter_modules(package.__path__)}
        print(*(f"{name}.{both}" for both in modules & set(getattr(package, "__all__", ()))))
"""
    )
    assert shared.split() == []  # importing the module would put it in the function's place


def test_help_loads_nothing_heavy() -> None:
    loaded = run(
        """
import contextlib, io, sys
from station.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(["--help"])
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
    )
    heavy = {
        "numpy",
        "scipy",
        "trimesh",
        "matplotlib",
        "manifold3d",
        "typst",
        "open3d",
        "numba",
        "bleak",
        "serial",
        "PIL",
    }
    assert heavy.isdisjoint(loaded.split())
