"""An order is there whole or not at all (docs/commands.md, Atomic orders)."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from station.errors import FolderError, exit_code
from station.orders import SCHEMA, draft, read_manifest

ROOT = Path(__file__).resolve().parents[1]
HEAD = {"version": "0", "command": "make"}


def beside(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def write_order(target: Path, text: str = "one") -> None:
    with draft(target) as work:
        work.write("measurements.json", text)
        work.write("left/insole.stl", b"solid")
        work.write("log.jsonl", "now")
        work.finish(HEAD)


def test_order_is_whole_and_hashed(tmp_path: Path) -> None:
    write_order(tmp_path / "order")
    assert beside(tmp_path) == ["order"]
    manifest = json.loads((tmp_path / "order" / "manifest.json").read_text())
    assert manifest["schema"] == SCHEMA
    assert list(manifest["outputs"]) == ["left/insole.stl", "measurements.json"]  # neither itself nor the log
    for name, entry in manifest["outputs"].items():
        data = (tmp_path / "order" / name).read_bytes()
        assert entry == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_order_of_ours_is_replaced_whole(tmp_path: Path) -> None:
    write_order(tmp_path / "order")
    (tmp_path / "order" / "of_yesterday.txt").write_text("x")
    write_order(tmp_path / "order", "two")
    assert beside(tmp_path) == ["order"]
    assert (tmp_path / "order" / "measurements.json").read_text() == "two"
    assert not (tmp_path / "order" / "of_yesterday.txt").exists()


@pytest.mark.parametrize("manifest", [None, "{}", '{"schema":"plantar/batch/1"}', "not json", "[]"])
def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path, manifest: str | None) -> None:
    order = tmp_path / "order"
    order.mkdir()
    (order / "thesis.txt").write_text("years of work")
    if manifest is not None:
        (order / "manifest.json").write_text(manifest)
    with pytest.raises(FolderError) as caught:
        write_order(order)
    assert exit_code(caught.value) == 2
    assert (order / "thesis.txt").read_text() == "years of work"
    assert beside(tmp_path) == ["order"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "order").mkdir()
    write_order(tmp_path / "order")
    assert read_manifest(tmp_path / "order") is not None


def test_a_file_in_the_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "order").write_text("x")
    with pytest.raises(FolderError, match="found a file"):
        write_order(tmp_path / "order")
    with pytest.raises(OSError) as caught:
        write_order(tmp_path / "order" / "below")
    assert exit_code(caught.value) == 2


def test_the_current_folder_and_the_root_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place in (".", "/"):
        with pytest.raises(FolderError):
            write_order(Path(place))


def test_an_input_inside_the_replaced_order_is_refused(tmp_path: Path) -> None:
    write_order(tmp_path / "order")
    with pytest.raises(FolderError, match="input"), draft(tmp_path / "order", [tmp_path / "order/left/insole.stl"]):
        pass
    assert (tmp_path / "order" / "left" / "insole.stl").exists()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError])
def test_an_error_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "new" / "folders" / "order"
    with pytest.raises(error), draft(target) as work:
        work.write("measurements.json", "half")
        raise error
    assert beside(tmp_path) == []  # nor the folders above it that were made for it


def test_an_error_keeps_the_old_order(tmp_path: Path) -> None:
    write_order(tmp_path / "order", "old")
    with pytest.raises(RuntimeError), draft(tmp_path / "order") as work:
        work.write("measurements.json", "half")
        raise RuntimeError
    assert beside(tmp_path) == ["order"]
    assert (tmp_path / "order" / "measurements.json").read_text() == "old"


def test_leftovers_are_put_right(tmp_path: Path) -> None:
    (tmp_path / ".partial-order" / "left").mkdir(parents=True)
    (tmp_path / ".partial-order" / "left" / "insole.stl").write_bytes(b"half")
    write_order(tmp_path / "order")
    assert beside(tmp_path) == ["order"]
    assert not (tmp_path / "order" / "left" / "half").exists()
    # killed between moving the old order aside and putting the new one in its place, then a run that fails
    (tmp_path / "order").rename(tmp_path / ".replaced-order")
    with pytest.raises(RuntimeError), draft(tmp_path / "order"):
        raise RuntimeError
    assert beside(tmp_path) == ["order"]
    assert read_manifest(tmp_path / "order") is not None


def test_two_at_once_on_one_order(tmp_path: Path) -> None:
    with draft(tmp_path / "order") as work:
        with pytest.raises(FolderError, match="another plantar"):
            write_order(tmp_path / "order")
        work.write("measurements.json", "mine")
        work.finish(HEAD)
    assert (tmp_path / "order" / "measurements.json").read_text() == "mine"


WRITER = """
    import sys
    from pathlib import Path
    from station.orders import draft
    print("up", flush=True)
    n = 0
    while True:
        n += 1
        with draft(Path(sys.argv[1])) as work:
            for i in range(8):
                work.write(f"part{i}", str(n) * 50_000)
            work.finish({"version": "0", "n": n})
"""


def whole(order: Path) -> bool:
    """Every file of the manifest is there with its hash, and nothing else."""
    manifest = read_manifest(order)
    if manifest is None:
        return False
    names = {p.relative_to(order).as_posix() for p in order.rglob("*") if p.is_file()} - {"manifest.json"}
    return names == set(manifest["outputs"]) and all(
        hashlib.sha256((order / name).read_bytes()).hexdigest() == entry["sha256"]
        for name, entry in manifest["outputs"].items()
    )


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_killed_at_any_moment_no_half_order(tmp_path: Path, rng, kill: signal.Signals) -> None:
    order = tmp_path / "order"
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(order)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        with process:
            assert process.stdout.readline() == b"up\n"
            time.sleep(rng.uniform(0.02, 0.12))
            os.kill(process.pid, kill)
        if kill == signal.SIGINT:
            assert not any(name.startswith(".partial") for name in beside(tmp_path))
        assert not order.exists() or whole(order)
    write_order(order)
    assert beside(tmp_path) == ["order"]
