"""Runs the full sizes and keeps what came out: `make prove [PART=…]` writes docs/proof/<part>.json.

Every test with the marker `prove` belongs to the part that its file is named after (tests/test_pressure_steps.py:
pressure), all others to `main`. The JSON names commit and seed and holds, for each test, how it ended and the figures
that it gave to `record_property`. It is written after each test: a run that was broken off goes on where it stopped,
with its own seed, as long as the commit is the same and nothing in the tree has changed.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "proof"
PARTS = ("main", "measure", "pressure", "insole", "devices", "batch", "kiosk")


def part_of(file: Path) -> str:
    """The part that a test file belongs to, by the first word of its name; the wire is the devices'."""
    word = file.stem.split("_")[1]
    return "devices" if word == "wire" else word if word in PARTS else "main"


def commit() -> str:
    """The commit that is being proved; `+changes` where the tree is not what was committed."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    changed = git("status", "--porcelain", "--", ".", ":!docs/proof")
    return git("rev-parse", "HEAD") + ("+changes" if changed else "")


class Proof:
    """A pytest plugin: chooses the tests of one part that are still to be done, and writes down how each ends."""

    def __init__(self, part: str) -> None:
        self.part, self.file = part, FOLDER / f"{part}.json"
        now = commit()
        before = json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else {}
        resumed = before.get("commit") == now and not now.endswith("+changes")
        self.seed: int = before["seed"] if resumed else secrets.randbelow(2**31)
        self.tests: dict[str, dict[str, Any]] = before["tests"] if resumed else {}
        self.commit = now

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        done = {name for name, test in self.tests.items() if test["outcome"] == "passed"}
        wanted = [i for i in items if i.nodeid not in done]
        config.hook.pytest_deselected(items=[i for i in items if i not in wanted])
        items[:] = wanted

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            figures = dict(report.user_properties)
            self.tests[report.nodeid] = {"outcome": report.outcome, "seconds": round(report.duration, 1), **figures}
            self.write()

    def write(self) -> None:
        document = {
            "schema": "plantar/proof/1",
            "part": self.part,
            "commit": self.commit,
            "seed": self.seed,
            "tests": dict(sorted(self.tests.items())),
        }
        FOLDER.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_name(f".partial-{self.file.name}")
        partial.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(partial, self.file)


def prove(part: str) -> int:
    """pytest's exit code for one part; nothing left to do is success when all that is known has passed."""
    proof = Proof(part)
    files = [str(file) for file in sorted((ROOT / "tests").glob("test_*.py")) if part_of(file) == part]
    code = int(pytest.main(["-m", "prove", "--seed", str(proof.seed), *files], plugins=[proof]))
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        if not proof.tests:
            print(f"prove: {part} has no full-size tests yet")
        return 0
    return code


def main(arguments: list[str]) -> int:
    """One part in this process, or each in a process of its own."""
    if len(arguments) > 1 or not set(arguments) <= set(PARTS):
        print(f"prove: expected one of {', '.join(PARTS)} or nothing, found {' '.join(arguments)}", file=sys.stderr)
        return 2
    if arguments:
        return prove(arguments[0])
    return max(subprocess.run([sys.executable, __file__, part], check=False).returncode for part in PARTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
