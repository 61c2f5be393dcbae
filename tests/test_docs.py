"""Documentation that can't drift: every block is run, every command and option is told, every picture is made again."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from station import commands
from station.cli import main

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", DOCS / "index.md", DOCS / "frame.md", *sorted((DOCS / "tutorials").glob("*.md"))]
NOT_RUN = ("make ", "git ", "cd ", "pip ", "uv ", "python ", "#")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its `title="…"` (the name of a file), its text and where it starts."""

    language: str
    title: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', text, re.M | re.S):
        line = text.count("\n", 0, found.start()) + 2
        yield Block(found[1], found[2] or "", found[3], line)


def run_command(line: str, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of a shell block: `plantar …` is done, and must succeed; the set-up lines of a README are not."""
    if not line.startswith("plantar "):
        assert line.startswith(NOT_RUN), f"{where}: neither plantar nor a set-up line: {line}"
        return
    words = shlex.split(line)[1:]
    capsys.readouterr()
    code = main(words)
    told = capsys.readouterr()
    assert code == 0, f"{where}: {line}\n{told.err}"
    if "--json" in words:
        json.loads(told.out)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_block_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.title:
            (tmp_path / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.text, page.name, "exec"), names)
        elif block.language == "sh":
            for line in filter(None, block.text.replace("\\\n", " ").splitlines()):
                run_command(line, where, capsys)


def help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    try:
        code = main([*words, "--help"])
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 0
    return capsys.readouterr().out


def section(name: str) -> str:
    """What commands.md tells of a command."""
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    found = re.search(rf"^## plantar {name}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert found, f"docs/commands.md has no section on plantar {name}"
    return found[1]


@pytest.mark.parametrize("name", commands.NAMES)
def test_every_command_is_told_with_all_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    helped = help_of([name], capsys)
    assert f"  plantar {name} " in helped.split("example:")[1], "--help has no example"
    options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", helped.split("example:")[0].split("options:")[0]))
    common = {"--json", "--lang", "--debug", "--help", "-h"}
    assert not {o for o in options - common if o not in section(name)}
    assert f"`{name}`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_command_is_told_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## plantar (\w+)$", text, re.M)) == set(commands.NAMES)
    top = help_of([], capsys)
    assert all(f"\n    {name} " in top for name in commands.NAMES)


def figures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("figures", DOCS / "figures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pixels(source: Path | io.BytesIO) -> np.ndarray:
    with Image.open(source) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.int16)


def test_committed_figures_are_what_the_script_draws() -> None:
    drawn = figures().FIGURES
    for name, draw in drawn.items():
        now, then = pixels(io.BytesIO(draw())), pixels(DOCS / "img" / name)
        assert now.shape == then.shape, f"docs/img/{name} is stale: make figures"
        # other processors and font versions may move an edge by a fraction of a pixel
        differs = (np.abs(now - then).max(axis=2) > 48).mean()
        assert differs < 0.005, f"docs/img/{name} is stale ({differs:.1%} of it differs): make figures"


def test_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(PAGES)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|link)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//[^\"'> ]+", text)
        assert not loaded, f"{page.name} loads {loaded}"
        assert "No docstring" not in text
