"""The pages on devices: every block of "bring your own board" is run, "add a product" shows the example as it is and
registers it as it says, and what "devices" tells of products, options and messages is what the code has."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import absent
from station_runs import environment, here
from test_docs import DOCS, ROOT, blocks

BOARD, PRODUCT, DEVICES = (DOCS / name for name in ("bring_your_own_board.md", "add_a_product.md", "devices.md"))


# ------------------------------------------------------------------ bring your own board


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder; a board that was left running there is ended by its number."""
    yield tmp_path
    pid = tmp_path / "board.pid"
    if pid.exists() and pid.read_text().strip():
        try:
            os.kill(int(pid.read_text()), signal.SIGKILL)
        except ProcessLookupError:
            return


def shell(text: str, folder: Path, where: str) -> str:
    """The block as a person's shell runs it, with our `python` and `plantar`; what it said. It may leave a program
    behind, so its streams are files."""
    programs = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with (folder / "said.txt").open("w+", encoding="utf-8") as said:
        command = ["sh", "-e", "-c", text]
        env = {**environment(), **programs}
        done = subprocess.run(command, cwd=folder, env=env, stdout=said, stderr=said, timeout=60, check=False)
        said.seek(0)
        told = said.read()
    assert done.returncode == 0, f"{where}: {text}\n{told}"
    return told


def run_page(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Every block in its order; what all of them said. Lines of plantar alone need no process of their own."""
    said: list[str] = []
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.title:
            (folder / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            with contextlib.chdir(folder):
                exec(compile("\n" * (block.line - 1) + block.text, page.name, "exec"), names)
            said.append(capsys.readouterr().out)
        elif block.language == "sh" and all(line.startswith("plantar ") for line in block.text.splitlines()):
            for line in block.text.splitlines():
                run = here(*shlex.split(line)[1:], cwd=folder)
                assert run.code == 0, f"{where}: {line}\n{run.err}"
                said.append(run.out)
        elif block.language == "sh":
            said.append(shell(block.text, folder, where))
    return "\n".join(said)


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")
def test_bring_your_own_board_ends_with_a_working_board(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if subprocess.run(["sh", "-c", "command -v cc"], capture_output=True, check=False).returncode:
        absent("there is no C compiler (Debian: apt-get install gcc)")
    told = run_page(BOARD, folder, capsys)
    assert "first.mcap: 4.0 s recorded" in told and "mine.mcap: 2.0 s recorded" in told
    assert re.search(r"left +\d+ samples, 0 lost \(0\.00 %\)\n", told)  # at the end of the line: one connection, no gap
    assert "example mat EX-0001" in told and "right (20, 10) kPa 50 Hz" in told
    assert "my mat 1.0 ('led',)" in told and "mat calibrated" in told


# ------------------------------------------------------------------ add a product


def test_add_a_product_shows_the_example_as_it_is() -> None:
    example = (ROOT / "examples" / "add_a_product.py").read_text(encoding="utf-8")
    shown = [block.text for block in blocks(PRODUCT) if block.language == "python"]
    assert len(shown) >= 4
    for text in shown:
        assert text.strip() in example
    assert len(example.splitlines()) < 100


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")
def test_a_product_of_somebody_else_records_by_its_name(tmp_path: Path) -> None:
    """With the entry point of the page, as `pip install` writes it into an environment."""
    (config,) = (tomllib.loads(block.text) for block in blocks(PRODUCT) if block.language == "toml")
    ((group, names),) = config["project"]["entry-points"].items()
    place = tmp_path / "site"
    about = place / "four_sensors-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: four-sensors\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()))
    ((name, value),) = names.items()
    module = value.partition(":")[0]
    (place / f"{module}.py").write_bytes((ROOT / "examples" / "add_a_product.py").read_bytes())
    played = (
        f"import asyncio, os, sys, tty, {module} as product\n"
        "board, computer = os.openpty()\n"
        "tty.setraw(computer)\n"
        "print(os.ttyname(computer), flush=True)\n"
        "asyncio.run(product.play(board))\n"
    )
    env = environment()
    env["PYTHONPATH"] += f"{os.pathsep}{place}"
    with subprocess.Popen([sys.executable, "-c", played], env=env, stdout=subprocess.PIPE, text=True) as board:
        try:
            assert board.stdout is not None
            spec = f"serial:{board.stdout.readline().strip()}?product={name}&side=right"
            command = [sys.executable, "-m", "station.cli", "record", spec, "--seconds", "1", "-o", "walk.mcap"]
            done = subprocess.run(
                command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
            )
        finally:
            board.kill()
    assert done.returncode == 0, done.stderr
    assert re.search(r"right  \d+ samples, ", done.stdout)


# ------------------------------------------------------------------ devices


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")
def test_every_block_on_devices_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = run_page(DEVICES, folder, capsys)
    assert "walk.mcap: 2.0 s recorded" in told and "left (" in told and "raw 100 Hz" in told
    assert "scans/left.ply scan ply" in told


def told() -> str:
    return DEVICES.read_text(encoding="utf-8")


def test_every_product_and_transport_is_told() -> None:
    from devices.products import PRODUCTS
    from devices.specs import TRANSPORTS

    assert not [name for name in PRODUCTS if f"| `{name}` |" not in told()]
    assert not [name for name in TRANSPORTS if f"`{name}:" not in told()]


def test_every_message_of_the_file_is_told() -> None:
    from footscan.io.mcap_schema import MESSAGES

    for message, fields in MESSAGES.items():
        row = re.search(rf"^\| `{message}` \|.*$", told(), re.M)
        assert row, message
        assert not [name for _, name, _, _ in fields if f"`{name}`" not in row[0]]


def test_numbers_on_the_page_are_those_of_the_code() -> None:
    from devices import clock, link, recorder, recording, watch
    from devices.specs import parse

    policy = link.Policy()
    for text in (
        f"each {recorder.FLUSH_S:g} s", f"each {recorder.SYNC_S:g} s", f"every {recording.LOOK_S:g} s",
        f"after {clock.SETTLED_S:g} s", f"{policy.attempts} tries", f"{policy.backoff_s[1]:g} s apart",
        f"silent for {policy.silent_s:g} s",
    ):  # fmt: skip
        assert text in told(), text
    assert all(f"`{ending}`" in told() for ending in watch.UNFINISHED[:3])
    for spec in re.findall(r"`((?:serial|ble|sim|replay|watch|realsense|depth):[^`…]*)`", told()):
        parse(spec)  # every spec on the page means something
