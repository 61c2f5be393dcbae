"""The database behind a store: how it is opened, what a transaction is, what its errors mean.

SQLite: WAL, every commit synced, foreign keys, what is deleted is overwritten. A writing transaction is the only one
from its beginning (SQLite: BEGIN IMMEDIATE, PostgreSQL: an advisory lock), so that the same code is right on both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from station.store import disk
from station.store.errors import Damaged, StoreBusy, StoreError

FILE = "store.db"
BUSY_S = 15.0  #: how long a writer waits for another
WRITERS = 0x706C616E  #: the advisory lock of PostgreSQL that a writer holds
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",
    f"PRAGMA busy_timeout={int(1000 * BUSY_S)}",
)
BEGIN = "plantar_begin"

_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_SHMSIZE}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_BUSY_RECOVERY}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PG_FULL, _PG_BUSY, _PG_AWAY = (
    ("53100", "53200"),
    ("55P03", "40001", "40P01", "57014"),
    ("08", "57P", "53300", "28", "3D"),
)


def connect(folder: Path, url: str | None) -> Engine:
    """The engine of ``folder/store.db`` or of any SQLAlchemy URL; nothing is opened yet.

    StoreError for a URL that can't be meant.
    """
    try:
        where = make_url(url) if url else make_url(f"sqlite:///{folder / FILE}")
        if where.drivername == "postgresql":
            where = where.set(drivername="postgresql+psycopg")
        if where.get_backend_name() == "sqlite":
            engine = create_engine(where, connect_args={"timeout": BUSY_S})
            event.listen(engine, "connect", _sqlite_connected)
            event.listen(engine, "begin", _sqlite_begins)
        else:
            engine = create_engine(where, pool_pre_ping=True, pool_size=4, pool_timeout=BUSY_S)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError(
            f"--url: expected a database as postgresql://user@host/name, found: {error}; "
            "correct it, or pip install 'plantar[postgres]'"
        ) from error
    return engine


def _sqlite_connected(connection: Any, record: object) -> None:
    connection.isolation_level = None  # transactions are begun here, not by the driver's guess
    for pragma in PRAGMAS:
        connection.execute(pragma)


def _sqlite_begins(connection: Connection) -> None:
    connection.exec_driver_sql(str(connection.get_execution_options().get(BEGIN, "BEGIN")))


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees the database as it is now, until its end."""
    options: dict[str, Any] = {}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ"}
    with translated(engine), engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write, the only one; all of it is on disk when it ends, or none."""
    options: dict[str, Any] = {BEGIN: "BEGIN IMMEDIATE"}
    with translated(engine), engine.connect().execution_options(**options) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT set_config('lock_timeout', :ms, true)"), {"ms": f"{int(1e3 * BUSY_S)}"})
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITERS})
        yield connection


def shrink_log(engine: Engine) -> None:
    """SQLite: what was deleted leaves the write-ahead log too, as soon as no reader holds it."""
    if engine.dialect.name == "sqlite":
        with translated(engine):
            raw = engine.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute("PRAGMA busy_timeout=1000")  # a reader that takes longer is not waited for
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                cursor.execute(PRAGMAS[-1])
            finally:
                raw.close()


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """The database's errors become the store's."""
    try:
        yield
    except (DBAPIError, PoolTimeout, sqlite3.Error) as error:
        raise _meant(engine, error) from error


def _meant(engine: Engine, error: SQLAlchemyError | sqlite3.Error) -> StoreError | SQLAlchemyError | sqlite3.Error:
    where = engine.url.render_as_string(hide_password=True)
    if engine.url.get_backend_name() == "sqlite":
        where = engine.url.database or where
    if isinstance(error, PoolTimeout):
        return StoreBusy(f"{where}: expected a free connection, found none in {BUSY_S:g} s; try again")
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    found = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    code, state = getattr(cause, "sqlite_errorcode", None), str(getattr(cause, "sqlstate", None) or "")
    if code in _FULL or state in _PG_FULL:
        return disk.full(where, found)
    if code in _BUSY or state in _PG_BUSY:
        return StoreBusy(f"{where}: expected the database to be free, found: {found}; try again")
    if code in _DAMAGED:
        return Damaged(f"{where}: expected a database of plantar, found: {found}; restore it from a backup")
    if code is not None and code & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR):
        return StoreError(f"{where}: expected a database that can be written, found: {found}; look at its folder")
    if state.startswith(_PG_AWAY) or isinstance(error, (OperationalError, InternalError, sqlite3.OperationalError)):
        return StoreError(f"{where}: expected a database that answers, found: {found}; start it or correct --url")
    return error
