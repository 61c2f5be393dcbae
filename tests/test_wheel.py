"""What people install: the wheel holds the five packages and nothing else, and works in a clean environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from floors import HEAVY_HOMES, HEAVY_PACKAGES

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("footscan", "insole", "firmware_bridge", "devices", "station")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Runs a program outside of any environment but its own; its standard output."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def uv() -> Path:
    """The installer that the Makefile put beside this interpreter."""
    return Path(sys.executable).with_name("uv")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(uv(), "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment: core and [plot] from the small lock by hash, and the wheel."""
    venv = tmp_path_factory.mktemp("clean") / "venv"
    run(uv(), "venv", "--quiet", "--python", sys.executable, venv)
    python = venv / "bin" / "python"
    install = (uv(), "pip", "install", "--quiet", "--python", python)
    run(*install, "--require-hashes", "-r", ROOT / "requirements-demo.lock")
    run(*install, "--no-deps", wheel)
    return python.parent


def test_wheel_holds_exactly_the_five_packages_with_all_their_files(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {n for n in archive.namelist() if ".dist-info/" not in n}
    stands = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert held == stands
    assert {f"{package}/py.typed" for package in PACKAGES} <= held


def test_wheel_says_its_licence_version_and_extras(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (n for n in names if n.endswith(".dist-info/METADATA"))
        told = Parser().parsestr(archive.read(metadata).decode())
        assert any(n.endswith("/LICENSE") for n in names) and any(n.endswith("/NOTICE") for n in names)
    assert (told["Name"], told["Version"], told["License-Expression"]) == ("plantar", PROJECT["version"], "Apache-2.0")
    assert told["Requires-Python"] == ">=3.11"
    assert {"plot", "fusion", "fast", "cameras", "kiosk", "lab"} <= set(told.get_all("Provides-Extra", []))


def test_clean_environment_imports_every_module_from_the_wheel(clean: Path, tmp_path: Path) -> None:
    script = """
import importlib, pathlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    assert pathlib.Path(package.__file__).is_relative_to(sys.prefix), package.__file__
    for found in pkgutil.walk_packages(package.__path__, name + "."):
        if not found.name.endswith("__main__"):
            try:
                importlib.import_module(found.name)
            except ImportError as error:
                print(found.name, "wants", error.name)
"""
    # a module that only the user of an extra imports wants that extra, no other wants anything
    core = {re.split("[<>= ;\\[]", dependency)[0].replace("-", "_") for dependency in PROJECT["dependencies"]}
    heavy = {module: [name for name in names if name not in core] for module, names in HEAVY_HOMES.items()}
    kiosk = tuple(f"{package}." for package in HEAVY_PACKAGES)  # they stand on one another's libraries
    libraries = {name for names in HEAVY_PACKAGES.values() for name in names}
    wants = {f"{m} wants {names[0]}" for m, names in heavy.items() if names and not m.startswith(kiosk)}
    for line in run(clean / "python", "-I", "-c", script, *PACKAGES, cwd=tmp_path).splitlines():
        module, _, library = line.split()
        assert line in wants or (module.startswith(kiosk) and library in libraries), line
        wants.discard(line)
    assert wants == set()


def test_clean_environment_has_the_command(clean: Path, tmp_path: Path) -> None:
    assert run(clean / "plantar", "--version", cwd=tmp_path) == f"plantar {PROJECT['version']}\n"


def test_clean_environment_makes_the_demo_with_core_and_plot_alone(clean: Path, tmp_path: Path) -> None:
    run(clean / "plantar", "demo", "-o", tmp_path / "demo", cwd=tmp_path)
    for side in ("left", "right"):
        assert (tmp_path / "demo" / side / "insole.stl").stat().st_size > 1000


def test_locks_name_no_host_and_agree_with_each_other() -> None:
    pins = {}
    for name in ("requirements-uv.lock", "requirements.lock", "requirements-demo.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text and "--index" not in text, name
        lines = [line for line in text.splitlines() if line and line[0] not in "# "]
        assert lines and all("==" in line and line.endswith("\\") for line in lines), name  # a hash follows each
        pins[name] = {line.split()[0] for line in lines}  # name==version, whatever the marker
    assert pins["requirements-demo.lock"] <= pins["requirements.lock"]
