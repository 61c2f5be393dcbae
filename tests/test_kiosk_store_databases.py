"""Two databases, one store: whose folder it is, the tables of each, a backup that moves from one to the other."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg
import pytest
from store_customers import PASSPHRASE, agree, customer, noise

from station.store import audit, backups, files, keyfiles, open_store, orders, people, restoring, visits
from station.store.database import connect, reading
from station.store.errors import Refused, StoreError, StoreFull
from station.store.migrating import migrate
from station.store.models import Base
from station.store.storing import Store
from station.store.verifying import verify

pytest_plugins = ("store_postgres",)


def test_a_backup_moves_from_one_database_to_the_other(
    tmp_path: Path, postgres: Callable[[str], str], seed: int
) -> None:
    place, keys = postgres(f"m{seed}"), tmp_path / keyfiles.NAME
    with open_store(tmp_path / "one") as one:
        visit = customer(one, "张伟", b"\0scan\xff")
        keyfiles.set_passphrase(one, PASSPHRASE)
        first = backups.backup(one, tmp_path / "a.plantar-backup")
        known = people.everyone(one), orders.listing(one), [entry.hash for entry in audit.entries(one)][::-1]
    with restoring.restore(first.file, keys, PASSPHRASE, tmp_path / "two", place).store as two:
        assert verify(two).problems == () and two.engine.dialect.name == "postgresql"
        second = backups.backup(two, tmp_path / "b.plantar-backup")
    with pytest.raises(Refused, match="an empty database"):
        restoring.restore(first.file, keys, PASSPHRASE, tmp_path / "four", place)
    assert not (tmp_path / "four").exists()
    with restoring.restore(second.file, keys, PASSPHRASE, tmp_path / "three").store as three:
        assert verify(three).problems == () and files.get(three, visit.id, "left.ply") == b"\0scan\xff"
        assert (people.everyone(three), orders.listing(three)) == known[:2]
        assert [entry.hash for entry in audit.entries(three)][::-1][: first.audit_number] == known[2][
            : first.audit_number
        ]


def set_largest_file(url: str, most: int | None) -> None:
    """As on a disk without room: no process of the server that answers clients makes a file larger than this."""
    with psycopg.connect(url, autocommit=True) as connection:
        (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        answering = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
        pids = [pid for (pid,) in answering]
        pids.append(int((Path(folder) / "postmaster.pid").read_text(encoding="utf-8").split()[0]))
        for pid in pids:  # as the server's own user, who alone may
            limit = f"cat > /dev/null; prlimit --pid {pid} --fsize={most or 'unlimited'}:"  # what it is sent is read
            connection.execute(f"COPY (SELECT 1) TO PROGRAM '{limit}'".encode())


def test_a_full_disk_of_the_database_is_told_and_leaves_nothing_half_written(
    tmp_path: Path, postgres: Callable[[str], str], rng: np.random.Generator, seed: int
) -> None:
    url, no_room = postgres(f"f{seed}"), 2**20 + 4096
    with open_store(tmp_path / "studio", url) as store:
        visit = visits.start(store, "zh")
        agree(store, visit.person_id, "measure")
        long = {"notes": base64.b64encode(noise(rng, 2 * no_room)).decode()}
        set_largest_file(url, no_room)
        try:
            with pytest.raises(StoreFull, match=r"room to write, found: .*; free some space") as told, store.write():
                files.put(store, visit.id, "left.ply", b"scan")
                visits.save(store, visit.id, "score", long)
            assert told.value.exit_code == 4
            assert visits.get(store, visit.id) == visit and verify(store).problems == ()
            assert list(store.blobs.names()) == []
            visits.save(store, visit.id, "scan", {"taps": 3})  # what is small goes on
        finally:
            set_largest_file(url, None)
        visits.save(store, visit.id, "score", long)
        assert visits.get(store, visit.id).state == long and verify(store).problems == ()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_both_databases_get_the_tables_that_the_code_means(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest, seed: int
) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    url = request.getfixturevalue("postgres")(f"t{seed}") if kind == "postgresql" else None
    engine = connect(tmp_path, url)
    migrate(engine)
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_a_folder_and_its_database_belong_together(tmp_path: Path, postgres: Callable[[str], str], seed: int) -> None:
    one, two = (postgres(f"{name}{seed}") for name in "ab")
    with open_store(tmp_path / "pg", one) as store:
        customer(store)
    with open_store(tmp_path / "lite") as store:
        customer(store)
    wrong: list[tuple[Callable[[], Store], str]] = [
        (lambda: open_store(tmp_path / "pg"), "give its --url"),
        (lambda: open_store(tmp_path / "lite", one), "leave --url out"),
        (lambda: open_store(tmp_path / "pg", two), "found another"),
        (lambda: open_store(tmp_path / "new", one), "the folder of this database's files"),
        (lambda: open_store(tmp_path / "none", create=False), "found none"),
        (lambda: open_store(tmp_path / "lite" / "store.db"), "found a file"),
        (lambda: open_store(tmp_path), "an empty folder"),
        (lambda: open_store(tmp_path / "new2", "nonsense"), "--url"),
        (lambda: open_store(tmp_path / "new3", "postgresql://plantar@127.0.0.1:1/x"), "a database that answers"),
    ]
    for act, why in wrong:
        with pytest.raises(StoreError, match=why):
            act()
    (tmp_path / "lite" / "keys" / "master.key").rename(tmp_path / "away")
    with pytest.raises(StoreError, match=r"master\.key.*put the keys' folder back"):
        open_store(tmp_path / "lite")
