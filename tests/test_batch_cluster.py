"""A batch on a real Dask scheduler with real workers, one of them killed; in and out of storage that speaks S3."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from batch_runs import FEW, batch, batch_apart, write_many, write_table
from conftest import absent
from station_runs import Run, beside, contents, environment, here, paper, plantar

WAIT_S = 60.0


def need(*modules: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            absent(f"{module} is not installed")


@dataclass
class Cluster:
    """A scheduler and its workers, processes of their own on loopback."""

    address: str
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Two workers of one thread each."""
    need("distributed")
    file = tmp_path / "scheduler.json"
    environ = {**environment(), "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "30s"}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    processes = [
        subprocess.Popen(
            [*dask, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)],
            env=environ, stderr=subprocess.DEVNULL,
        )
    ]  # fmt: skip
    try:
        deadline = time.monotonic() + WAIT_S
        address = ""
        while not address:
            assert time.monotonic() < deadline and processes[0].poll() is None
            time.sleep(0.05)
            if file.exists() and file.read_text().strip():
                address = json.loads(file.read_text())["address"]
        for number in range(2):
            words = [
                "--nthreads",
                "1",
                "--no-dashboard",
                "--no-nanny",
                "--local-directory",
                str(tmp_path / f"w{number}"),
            ]
            worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, *words]
            processes.append(subprocess.Popen(worker, env=environ, stderr=subprocess.DEVNULL))
        yield Cluster(address, processes[1:])
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def test_a_cluster_that_loses_a_worker_leaves_the_same_bytes(
    cluster: Cluster, tmp_path: Path, rng: np.random.Generator
) -> None:
    write_many(tmp_path, rng, 12)
    assert here("batch", "orders.csv", "-o", "here", *FEW, cwd=tmp_path).code == 0
    runs: list[Run] = []
    words = ("batch", "orders.csv", "-o", "there", "--cluster", cluster.address, *FEW)
    thread = threading.Thread(target=lambda: runs.append(plantar(*words, cwd=tmp_path)))
    thread.start()
    deadline = time.monotonic() + WAIT_S
    while len(list((tmp_path / "there").glob("order*/manifest.json"))) < int(rng.integers(1, 6)):
        assert time.monotonic() < deadline and thread.is_alive()
        time.sleep(0.02)
    cluster.workers[int(rng.integers(2))].kill()
    thread.join(timeout=120)
    assert runs and runs[0].code == 0, runs
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert [name for name in beside(tmp_path / "there") if name.startswith(".")] == []


def test_no_cluster_is_said_in_a_line(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("distributed")
    from station.batch import engines

    monkeypatch.setattr(engines, "FIRST_WORKER_S", 0.5)
    run = batch(write_many(tmp_path, rng, 1), tmp_path / "night", "--cluster", "tcp://127.0.0.1:9")
    assert run.code == 3 and "dask scheduler" in run.line


# ------------------------------------------------------------------ object storage


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """``s3://shop`` on a server of this machine; the environment says where it is, as it would elsewhere."""
    need("moto", "s3fs")
    script = (
        "import sys; from moto.server import ThreadedMotoServer; s = ThreadedMotoServer('127.0.0.1', 0); s.start(); "
        "print(s.get_host_and_port()[1], flush=True); sys.stdin.read()"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdin is not None and server.stdout is not None
    try:
        port = next(line.strip().decode() for line in server.stdout if line.strip().isdigit())
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        in_storage("mkdir('shop')")
        yield "s3://shop"
    finally:
        server.stdin.close()
        server.wait(20)
        server.stdout.close()


def in_storage(what: str, *words: str) -> str:
    """A call of s3fs in a process of its own: its threads are not for this one."""
    code = f"import sys, s3fs; fs = s3fs.S3FileSystem(); print(fs.{what})"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_everything_from_and_to_object_storage(bucket: str, tmp_path: Path, rng: np.random.Generator) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    table = write_many(tmp_path / "in", rng, 3)
    with open(table, "a") as file:
        file.write(f"absent,nothing.json\nelsewhere,{bucket}/in/m0.json\n")
    in_storage("put(sys.argv[1], 'shop/', recursive=True)", str(tmp_path / "in"))
    address = f"{bucket}/in/orders.csv"
    run = plantar("batch", address, "-o", f"{bucket}/night", "--jobs", "2", *FEW)
    assert run.code == 1, run.err
    assert "nothing.json" in run.line and "tmp" not in run.line
    resumed = plantar("batch", address, "-o", f"{bucket}/night", "--resume", *FEW)
    assert resumed.code == 1 and "4 of them before" in resumed.out
    in_storage("get('shop/night', sys.argv[1], recursive=True)", str(tmp_path / "out"))
    # the same orders from a folder into a folder
    assert batch(table, tmp_path / "here").code == 1
    night = tmp_path / "out" / "night"
    for order in ("order 0", "order 1", "order 2"):
        assert contents(night / order) == contents(tmp_path / "here" / order)
    states = {entry["order"]: entry["state"] for entry in paper(night, "manifest.json")["orders"]}
    assert states == {"order 0": "done", "order 1": "done", "order 2": "done", "absent": "failed", "elsewhere": "done"}


def test_storage_that_is_not_there_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("s3fs")
    for name, value in (("ENDPOINT_URL", "http://127.0.0.1:9"), ("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    run = batch_apart("s3://shop/orders.csv", tmp_path / "night")
    assert run.code == 3 and "orders.csv" in run.line and not (tmp_path / "night").exists()
    rows = [{"order": "a", "measurements": "what://is/this.json"}]
    run = batch(write_table(tmp_path / "orders.csv", rows), tmp_path / "night")
    assert run.code == 3 and "what://is/this.json" in run.line


def test_a_missing_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("fsspec", "distributed") else found(name)
    )
    run = batch("s3://shop/orders.csv", tmp_path / "night")
    assert run.code == 2 and "plantar[cloud]" in run.line
    rows = [{"order": "a", "left": "x.ply"}]
    run = batch(write_table(tmp_path / "orders.csv", rows), tmp_path / "night", "--cluster", "tcp://127.0.0.1:9")
    assert run.code == 2 and "plantar[cluster]" in run.line
