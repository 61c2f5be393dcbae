"""Opening a store: made where there is none, brought to the newest tables, cleared of what a killed process left."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import Engine, insert, select

from station.store import database, disk, ids, keyfiles
from station.store.blobs import Blobs
from station.store.errors import Damaged, StoreError
from station.store.keys import KeyRing
from station.store.migrating import migrate
from station.store.models import FileRow, PersonRow, SettingRow, TombstoneRow
from station.store.storing import Store

SCHEMA = "plantar/studio/1"
ABOUT, KEYS, FILES = "store.json", "keys", "files"
ID_SETTING = "store.id"
LEFT_BEHIND_S = 3600.0  #: a file without a row that is older was left by a process that is gone


def open_store(folder: str | Path, url: str | None = None, create: bool = True) -> Store:
    """The store in ``folder``, made if there is none and ``create``.

    Parameters
    ----------
    folder : holds the keys, the sealed files and, without ``url``, the database ``store.db``
    url : another database, as SQLAlchemy writes it: ``postgresql://user@host/name``

    StoreError where the folder is not a store's, or belongs to another database; Damaged where its keys are gone.
    """
    place = Path(folder).expanduser().absolute()
    _refuse(place, create)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with disk.roomy(place), disk.alone(place):
        new = not (place / ABOUT).exists()
        engine = database.connect(place, url)
        store: Store | None = None
        try:
            store = _made(place, engine, url) if new else _known(place, engine, url)
            left_behind(store)
            keyfiles.refresh(store)
        except BaseException:
            engine.dispose()
            if store is not None:
                store.close()
            raise
    return store


def _refuse(place: Path, create: bool) -> None:
    if place.exists() and not place.is_dir():
        raise StoreError(f"{place}: expected a folder, found a file; choose another")
    if (place / ABOUT).exists():
        return
    if not create:
        raise StoreError(f"{place}: expected a store, found none; plantar store init --data {place} makes one")
    foreign = [p.name for p in place.iterdir() if not _ours(p.name)] if place.is_dir() else []
    if foreign:
        raise StoreError(
            f"{place}: expected a store or an empty folder, found {sorted(foreign)[0]}; choose another folder"
        )


def _ours(name: str) -> bool:
    """What a store that was being made when its process ended may have left, and what a studio puts there before."""
    return name.startswith((database.FILE, ".", "studio")) or name in (KEYS, FILES)


def _made(place: Path, engine: Engine, url: str | None) -> Store:
    """A new store; the last thing written is what says that it is one."""
    (place / FILES).mkdir(mode=0o700, exist_ok=True)
    if url is None:
        (place / database.FILE).touch(mode=0o600)
    keys = KeyRing.make(place / KEYS)
    migrate(engine)
    with database.writing(engine) as connection:
        row = connection.execute(select(SettingRow.value).where(SettingRow.key == ID_SETTING)).first()
        if row is not None and url is not None and connection.execute(select(PersonRow.id).limit(1)).first():
            raise StoreError(f"{place}: expected the folder of this database's files and keys, found none; "
                             "name that folder, or restore a backup into an empty database")  # fmt: skip
        store_id = json.loads(row.value) if row is not None else ids.new("S")
        if row is None:
            connection.execute(insert(SettingRow).values(key=ID_SETTING, value=json.dumps(store_id)))
    about = {"schema": SCHEMA, "id": store_id, "database": engine.dialect.name, "in_folder": url is None}
    disk.sync_folder(place)
    disk.write(place / ABOUT, (json.dumps(about, indent=1) + "\n").encode())
    return Store(place, engine, keys, Blobs(place / FILES), store_id)


def _known(place: Path, engine: Engine, url: str | None) -> Store:
    try:
        about = json.loads((place / ABOUT).read_text(encoding="utf-8"))
        store_id, in_folder, kind = str(about["id"]), bool(about["in_folder"]), str(about["database"])
        if about["schema"] != SCHEMA:
            raise KeyError("schema")
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{place / ABOUT}: expected {SCHEMA}, found something else; restore a backup") from error
    if in_folder != (url is None):
        found = "its own database" if in_folder else f"one in {kind}"
        raise StoreError(f"{place}: expected the database that belongs to this folder, found that it has {found}; "
                         + ("leave --url out" if in_folder else "give its --url"))  # fmt: skip
    if in_folder and not (place / database.FILE).exists():
        raise Damaged(f"{place / database.FILE}: expected the store's database, found none; restore a backup")
    keys = KeyRing.load(place / KEYS)
    migrate(engine)
    with database.reading(engine) as connection:
        row = connection.execute(select(SettingRow.value).where(SettingRow.key == ID_SETTING)).first()
    if row is None or json.loads(row.value) != store_id:
        raise StoreError(f"{place}: expected the database of store {store_id}, found another; correct --url")
    return Store(place, engine, keys, Blobs(place / FILES), store_id)


def left_behind(store: Store, older_than_s: float = LEFT_BEHIND_S) -> int:
    """Remove what no row knows: half-written files, files and keys of transactions that were never committed.

    Returns how many. Those younger than ``older_than_s`` may be another process's, just before its commit.
    """
    gone = 0
    for path in disk.temporaries(store.folder, older_than_s):
        gone += disk.erase(path)
    with store.read() as tx:
        known = set(tx.scalars(select(FileRow.sha256)))
        people = set(tx.scalars(select(PersonRow.id)))
    for name in store.blobs.names():
        if name not in known and store.blobs.older_than(name, older_than_s):
            gone += store.blobs.remove(name)
    for person_id in store.keys.ids():
        if person_id not in people and _finished_with(store, person_id, older_than_s):
            gone += store.keys.erase(person_id)
    return gone


def _finished_with(store: Store, person_id: str, older_than_s: float) -> bool:
    with store.read() as tx:
        if tx.get(TombstoneRow, person_id) is not None:
            return True
    return store.keys.age_s(person_id) > older_than_s
