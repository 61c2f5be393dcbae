"""Fixtures: a real PostgreSQL of the tests' own, on a socket in a folder that goes with it (a pytest plugin)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import absent
from sqlalchemy import Engine, text

from station.store.database import connect, writing
from station.store.migrating import migrate
from station.store.models import Base


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[str], str]]:
    """``postgres("name")`` is the URL of a new empty database."""
    programs = _programs()
    if programs is None:
        absent("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    assert programs is not None
    with _server(programs) as url:
        yield lambda name: _schema(url, name)


@pytest.fixture(scope="session")
def tables(postgres: Callable[[str], str]) -> Iterator[Engine]:
    """A database that has its tables."""
    engine = connect(Path(), postgres("ready"))
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """A store's ``url``: None for SQLite, else a database without a row."""
    if request.param == "sqlite":
        return None
    engine = request.getfixturevalue("tables")
    with writing(engine) as connection:
        connection.execute(text(f"TRUNCATE {', '.join(Base.metadata.tables)}"))
    return str(engine.url.render_as_string(hide_password=False))


def _programs() -> Path | None:
    """Where the server's programs are."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((p for p in places if (p / "postgres").exists() and (p / "initdb").exists()), None)


@contextmanager
def _server(programs: Path) -> Iterator[str]:
    """A PostgreSQL on a socket in a folder of its own; yields where, as a URL without a database's name."""
    folder = Path(tempfile.mkdtemp(prefix="plantar-pg-"))
    who: dict[str, str] = {}
    if os.geteuid() == 0:  # the server refuses to be root
        shutil.chown(folder, "postgres")
        who = {"user": "postgres"}
    settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off",
                "-c", "max_connections=40", "-c", "shared_buffers=16MB"]  # fmt: skip
    process = None
    try:
        made = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "plantar", "-A", "trust", "--no-sync",
                "-E", "UTF8", "--no-locale", "--wal-segsize=1"]  # fmt: skip
        subprocess.run(made, check=True, capture_output=True, cwd="/", timeout=60, **who)
        with open(folder / "log", "wb") as log:
            run = [str(programs / "postgres"), "-D", str(folder / "data"), *settings]
            process = subprocess.Popen(run, cwd="/", stdout=log, stderr=log, **who)
        _wait(folder, process)
        yield f"postgresql://plantar@/postgres?host={folder}"
    finally:
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGQUIT)  # at once: nothing of it is wanted any more
            process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path, process: subprocess.Popen[bytes]) -> None:
    import psycopg

    until = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(f"host={folder} user=plantar dbname=postgres").close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError((folder / "log").read_text(encoding="utf-8")) from None
            time.sleep(0.05)


def _schema(url: str, name: str) -> str:
    """An empty schema, which is to a store what a database of its own is; its URL."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{name}"'.encode())
    return f"{url}&options=-csearch_path%3D{name}"
