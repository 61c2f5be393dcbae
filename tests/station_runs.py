"""Real runs of the command, for the tests of station: its two streams, its exit code.

``plantar`` is a process of its own; ``here`` is the same command without the seconds that a process takes to import
everything once more. Warnings are errors in both.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from station import cli

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-W", "error", "-m", "station.cli"]


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


def here(*args: str | Path, cwd: Path | None = None) -> Run:
    """``plantar args`` in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    options, sys.warnoptions = sys.warnoptions, ["error"]  # the command leaves pytest's filters alone
    try:
        with contextlib.chdir(cwd or ROOT), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main([str(arg) for arg in args])
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.warnoptions = options
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return Run(code, *texts)


def validate(document: object, schema: str) -> None:
    """Hold a document against ``station/schemas/<schema>.json``."""
    text = json.loads((ROOT / "station" / "schemas" / f"{schema}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(text)
    Draft202012Validator(text).validate(document)


def paper(order: Path, name: str) -> Any:
    """One of an order's documents."""
    return json.loads((order / name).read_text(encoding="utf-8"))


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
