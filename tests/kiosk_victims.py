"""Kiosks in processes of their own, one at a time, that may be killed (a pytest plugin): see ``kiosk_victim.py``."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kiosk_runs import PATIENCE_S

SOURCES = ("--scan", "upload:", "--walk", "upload:")


class Victims:
    """The process that forks kiosks, one at a time."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("kiosk_victim.py")
        self.process = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _say(self, asked: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        self.process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        said = b""
        for line in self.process.stdout:
            said += line
            if said.startswith(b'{"ended"') or line == b"}\n":
                return dict(json.loads(said))
        raise AssertionError(f"the victims' process has ended: {said!r}")

    def start(self, folder: Path, most: int | None = None, url: str | None = None) -> str:
        """A kiosk; its address."""
        where = ["--data", str(folder), *(["--url", url] if url else [])]
        self._say({"arguments": [*where, *SOURCES], "most": most})
        return str(self._hear()["url"]).rstrip("/")

    def kill(self) -> None:
        """The kiosk that runs."""
        self._say({})
        assert self._hear()["ended"] == -signal.SIGKILL

    def end(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()


@pytest.fixture(scope="session")
def victims() -> Iterator[Victims]:
    """The one of a run."""
    made = Victims()
    yield made
    made.end()
