"""Limits and sudden ends: of an order, a worker, the whole batch; nothing half stays, resume makes it whole."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from batch_runs import FEW, batch, entry_of, states, write_many, write_measures, write_table
from station_runs import beside, contents, here, start

KILLS, MANY_KILLS = 2, 50


@pytest.fixture
def hanging(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A table of three orders, of which the second reads from a pipe that nobody writes to."""
    write_measures(tmp_path / "m.json", 250.0, 251.0)
    os.mkfifo(tmp_path / "pipe.json")
    rows = [
        {"order": name, "measurements": file} for name, file in (("a", "m.json"), ("b", "pipe.json"), ("c", "m.json"))
    ]
    return write_table(tmp_path / "orders.csv", rows)


def workers_of(pid: int) -> list[psutil.Process]:
    """The workers that a process watches."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if any("station.batch" in word for word in child.cmdline()):
                    found.append(child)
    return found


def until(what: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def killer(times: int, ready: Path, after: Path | None = None) -> Iterator[list[int]]:
    """Kills this process's worker as soon as ``ready`` is there, so often; a pipe becomes a file before the last."""
    killed: list[int] = []
    stop = threading.Event()

    def hunt() -> None:
        while not stop.is_set() and len(killed) < times:
            for worker in workers_of(os.getpid()):
                handle = opened() if worker.pid not in killed else None
                if handle is None:
                    continue
                if after is not None and len(killed) == times - 1:
                    ready.unlink()
                    shutil.copy(after, ready)
                worker.kill()
                killed.append(worker.pid)
                os.close(handle)
            time.sleep(0.02)

    def opened() -> int | None:
        """The pipe's other end, which can be opened once somebody waits at this one."""
        try:
            return os.open(ready, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return None

    thread = threading.Thread(target=hunt)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


def test_an_order_that_takes_too_long_is_ended_and_the_others_are_not(hanging: Path, tmp_path: Path) -> None:
    run = batch(hanging, tmp_path / "night", "--jobs", "1", "--time-limit", "2")
    assert run.code == 1
    assert states(tmp_path / "night") == {"a": "done", "b": "failed", "c": "done"}
    assert entry_of(tmp_path / "night", "b")["failed"][0]["error"] == "TimeLimit"
    assert "2 s" in run.line
    assert beside(tmp_path / "night") == ["a", "c", "log.jsonl", "manifest.json"]
    assert workers_of(os.getpid()) == []


def test_an_order_that_takes_too_much_memory_is_ended(tmp_path: Path, rng: np.random.Generator) -> None:
    from footscan.io import write_geometry
    from footscan.types import PointCloud

    write_measures(tmp_path / "m.json", 250.0, 251.0)
    points = rng.normal(size=(6_000_000, 3)) * [80.0, 30.0, 20.0]
    write_geometry(tmp_path / "huge.ply", PointCloud(points))
    rows = [
        {"order": "a", "left": "huge.ply", "unit": "mm"},
        *({"order": name, "measurements": "m.json"} for name in "bc"),
    ]
    table = write_table(tmp_path / "orders.csv", rows)
    run = batch(table, tmp_path / "night", "--jobs", "1", "--memory-limit", "350")
    assert run.code == 1, run.err
    assert states(tmp_path / "night") == {"a": "failed", "b": "done", "c": "done"}
    failure = entry_of(tmp_path / "night", "a")["failed"][0]
    assert failure["error"] == "MemoryLimit" and "350 MB" in failure["message"]


def test_a_worker_that_dies_is_replaced_and_its_order_tried_once_more(hanging: Path, tmp_path: Path) -> None:
    with killer(1, tmp_path / "pipe.json", after=tmp_path / "m.json") as killed:
        run = batch(hanging, tmp_path / "night", "--jobs", "1")
    assert run.code == 0 and len(killed) == 1
    assert set(states(tmp_path / "night").values()) == {"done"}
    lines = [json.loads(line) for line in (tmp_path / "night/log.jsonl").read_text().splitlines()]
    tries = {line["result"]["order"]: line["tries"] for line in lines if line["event"] == "order"}
    assert sorted(tries.values()) == [1, 1, 2]


def test_an_order_on_which_workers_die_twice_has_failed(hanging: Path, tmp_path: Path) -> None:
    rows = [{"order": "b", "measurements": "pipe.json"}]
    table = write_table(tmp_path / "one.csv", rows)
    with killer(2, tmp_path / "pipe.json") as killed:
        run = batch(table, tmp_path / "night", "--jobs", "1")
    assert run.code == 3 and len(killed) == 2
    assert entry_of(tmp_path / "night", "b")["failed"][0]["error"] == "WorkerDied"
    assert "signal 9" in run.line
    assert beside(tmp_path / "night") == ["log.jsonl", "manifest.json"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_is_130_and_leaves_whole_orders_only(hanging: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = start("batch", hanging, "-o", tmp_path / "night", "--jobs", "1", *FEW)
    until((tmp_path / "night" / "a").exists)
    workers = workers_of(process.pid)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and err.decode().count("\n") == 1, err
    assert not any(worker.is_running() for worker in workers)
    assert [name for name in beside(tmp_path / "night") if name.startswith(".")] == []


def test_two_batches_never_share_a_folder(hanging: Path, tmp_path: Path) -> None:
    process = start("batch", hanging, "-o", tmp_path / "night", "--jobs", "1", *FEW)
    try:
        until((tmp_path / "night" / "a").exists)
        run = batch(hanging, tmp_path / "night", "--resume")
        assert run.code == 2 and "another" in run.line
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
def test_a_full_disk_ends_the_batch_and_resume_goes_on(tmp_path: Path, rng: np.random.Generator) -> None:
    import resource

    table = write_many(tmp_path, rng, 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        run = batch(table, tmp_path / "night", "--jobs", "1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.code == 4 and "room" in run.line and "--resume" in run.line
    assert beside(tmp_path / "night") == ["log.jsonl"]
    assert batch(table, tmp_path / "night", "--resume").code == 0
    assert set(states(tmp_path / "night").values()) == {"done"}


# ------------------------------------------------------------------ the whole batch is killed


def undisturbed(folder: Path, rng: np.random.Generator, orders: int) -> tuple[Path, dict[str, bytes]]:
    """A table, and what a run of it leaves that nobody disturbed."""
    table = write_many(folder, rng, orders)
    with open(table, "a") as file:
        file.write("broken,nothing.json\n")
    run = here("batch", "orders.csv", "-o", "whole", "--jobs", "2", *FEW, cwd=folder)
    assert run.code == 1, run.err
    return table, contents(folder / "whole")


def kill_and_resume(folder: Path, wanted: dict[str, bytes], rng: np.random.Generator, kills: int) -> int:
    """Kill so many runs at random moments, with as many jobs as chance says; how many had left something half."""
    halves = 0
    target = folder / "night"
    for _ in range(kills):
        more = ("--resume",) if rng.random() < 0.8 else ()
        jobs = str(rng.integers(1, 4))
        process = start("batch", "orders.csv", "-o", "night", "--jobs", jobs, *more, *FEW, cwd=folder)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(float(rng.uniform(0.2, 5.0)))
        workers = workers_of(process.pid) if process.poll() is None else []
        process.kill()
        process.communicate(timeout=30)
        psutil.wait_procs(workers, timeout=10.0)
        assert not any(worker.is_running() for worker in workers)
        left = beside(target) if target.exists() else []
        halves += any(name.startswith(".") for name in left)
        for name in left:  # whatever has an order's name is a whole order
            if not name.startswith(".") and (target / name).is_dir():
                files = {f"{name}/{file}": data for file, data in contents(target / name).items()}
                assert files == {file: data for file, data in wanted.items() if file.startswith(f"{name}/")}
    run = here("batch", "orders.csv", "-o", "night", "--jobs", "2", "--resume", *FEW, cwd=folder)
    assert run.code == 1
    assert contents(target) == wanted
    assert [name for name in beside(target) if name.startswith(".")] == []
    return halves


def test_killed_anywhere_and_resumed_is_as_if_nothing_had_been(tmp_path: Path, rng: np.random.Generator) -> None:
    _, wanted = undisturbed(tmp_path, rng, 5)
    kill_and_resume(tmp_path, wanted, rng, KILLS)


@pytest.mark.prove
def test_fifty_kills(tmp_path: Path, rng: np.random.Generator, record_property: pytest.RecordProperty) -> None:
    _, wanted = undisturbed(tmp_path, rng, 60)
    halves = 0
    for _ in range(10):
        halves += kill_and_resume(tmp_path, wanted, rng, MANY_KILLS // 10)
        shutil.rmtree(tmp_path / "night")
    record_property("kills", MANY_KILLS)
    record_property("runs_that_left_a_half_order", halves)
