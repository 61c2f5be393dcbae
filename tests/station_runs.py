"""Real runs of the command, for the tests of station: a process of its own, its two streams, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-m", "station.cli"]


@dataclass(frozen=True)
class Run:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """stdout as the one JSON document that it must be."""
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """stderr as the one line that it must be."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


def environment() -> dict[str, str]:
    """Ours, with the checkout importable and a narrow terminal."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}


def plantar(*args: str | Path, cwd: Path | None = None, timeout: float = 120) -> Run:
    """``plantar args`` in ``cwd``."""
    done = subprocess.run(
        [*COMMAND, *map(str, args)],
        cwd=cwd or ROOT,
        env=environment(),
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def start(*args: str | Path, cwd: Path | None = None, **options: Any) -> subprocess.Popen[bytes]:
    """``plantar args`` as a process that goes on."""
    return subprocess.Popen(
        [*COMMAND, *map(str, args)],
        cwd=cwd or ROOT,
        env=environment(),
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its relative name, but for the log, which holds the time of day."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "log.jsonl"
    }


def beside(folder: Path) -> list[str]:
    """The names in a folder, hidden ones too."""
    return sorted(p.name for p in folder.iterdir())
