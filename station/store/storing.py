"""The store itself: its folder, its database, its keys; a transaction that includes files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from station.store import database, disk
from station.store.blobs import Blobs
from station.store.errors import Damaged, Erased, NotFound
from station.store.keys import KeyRing
from station.store.models import PersonRow, TombstoneRow
from station.store.sealed import seal_json, unseal_json

Row = TypeVar("Row")
Record = TypeVar("Record")


def utc_now() -> datetime:
    """Now, aware."""
    return datetime.now(UTC)


class Transaction(Session):
    """A session that also knows what to do with files once it has been committed, or was not."""

    def __init__(self, **options: Any) -> None:
        super().__init__(expire_on_commit=False, autoflush=True, join_transaction_mode="control_fully", **options)
        self.kept: list[Callable[[], object]] = []
        self.lost: list[Callable[[], object]] = []


class Store:
    """Made by ``open_store``. Thread-safe: a transaction belongs to the thread that began it.

    Never ``await`` inside ``with store.write()``.
    """

    def __init__(self, folder: Path, engine: Engine, keys: KeyRing, blobs: Blobs, store_id: str) -> None:
        self.folder, self.engine, self.keys, self.blobs, self.id = folder, engine, keys, blobs, store_id
        self.now: Callable[[], datetime] = utc_now
        self.presence = disk.Presence(folder)
        self._mine = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database and the folder."""
        self.engine.dispose()
        self.presence.end()

    def become(self, other: Store) -> None:
        """Whoever holds this one goes on with the other."""
        self.close()
        self.folder, self.engine, self.keys, self.blobs, self.id = (
            other.folder, other.engine, other.keys, other.blobs, other.id,
        )  # fmt: skip
        self.presence = other.presence

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside ``with store.write()``."""
        return getattr(self._mine, "transaction", None) is not None

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """The store as it is now; inside ``write`` that transaction."""
        mine: Transaction | None = getattr(self._mine, "transaction", None)
        if mine is not None:
            yield mine
            return
        with database.reading(self.engine) as connection, Transaction(bind=connection) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One transaction: on disk when it ends, or nothing of it is kept. Inside another it is part of that one.

        StoreFull, StoreBusy.
        """
        mine: Transaction | None = getattr(self._mine, "transaction", None)
        if mine is not None:
            yield mine
            return
        session: Transaction | None = None
        try:
            with database.writing(self.engine) as connection:
                session = self._mine.transaction = Transaction(bind=connection)
                yield session
                session.flush()
        except BaseException:
            for undo in reversed(session.lost if session is not None else []):
                undo()
            raise
        finally:
            self._mine.transaction = None
            if session is not None:
                session.close()
        for finish in session.kept:
            finish()

    # ------------------------------------------------------------------ what is sealed

    def key(self, person_id: str) -> bytes:
        """A person's key. Erased, NotFound where there is no such person, Damaged where only the key is gone."""
        try:
            return self.keys.get(person_id)
        except Erased:
            with self.read() as tx:
                if tx.get(TombstoneRow, person_id) is not None:
                    raise
                if tx.get(PersonRow, person_id) is None:
                    raise NotFound(f"{person_id}: expected a person of this store, found none; look it up") from None
            raise Damaged(f"{person_id}: expected this person's key, found none; restore a backup") from None

    def seal(self, person_id: str, value: Any, place: str) -> bytes:
        """A JSON value under a person's key."""
        return seal_json(self.key(person_id), value, place)

    def unseal(self, person_id: str, sealed: bytes, place: str) -> Any:
        """The JSON value that was sealed."""
        return unseal_json(self.key(person_id), sealed, place)

    def readable(self, record: Callable[[Self, Row], Record], rows: Iterable[Row]) -> Iterator[Record]:
        """The records of rows, for a list; one that can't be read keeps nobody from the others: its person was erased
        just now, or key or row are damaged, which ``verify`` tells."""
        for row in rows:
            with suppress(Erased, Damaged):
                yield record(self, row)
