"""The Dockerfile's steps are a script, and the script does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from station_runs import ROOT

STEPS = ROOT / "docker" / "steps.sh"


def step(*words: str | Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(STEPS), *map(str, words)], capture_output=True, text=True, timeout=timeout, check=False
    )


def test_the_image_is_made_of_the_scripts_steps_alone() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    run = [line.split()[1:3] for line in lines if line.startswith("RUN ")]
    assert [words[0] for words in run] == ["/src/docker/steps.sh"] * len(run)
    known = re.findall(r"^(\w+)\) #", STEPS.read_text(), re.M)
    assert [words[1] for words in run] == known
    lock = next(line.split("=")[1] for line in lines if line.startswith("ARG LOCK"))
    assert (ROOT / lock).is_file()
    done = step("nonsense")
    assert done.returncode == 2 and "expected" in done.stderr


def test_the_check_makes_an_insole_with_what_is_installed(tmp_path: Path) -> None:
    done = step("check", Path(sys.prefix))
    assert done.returncode == 0, done.stderr
    assert "1 done" in done.stdout


def test_install_and_check_from_nothing(tmp_path: Path) -> None:
    if os.environ.get("CI", "").lower() != "true":
        pytest.skip("installs from the package index: in CI")
    done = step("install", tmp_path / "plantar", "requirements-demo.lock", timeout=900)
    assert done.returncode == 0, done.stderr
    done = step("check", tmp_path / "plantar")
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "plantar").glob("lib/python*/site-packages/station/schemas/orders-1.json"))
