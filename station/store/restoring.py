"""A backup and its keys become a store again, in either database. Who was erased since stays erased."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, LargeBinary, MetaData, func, inspect, select, text

from station.store import audit, backups, database, disk, ids, keyfiles, opening, settings
from station.store.blobs import Blobs
from station.store.errors import Damaged, Refused, StoreError
from station.store.keys import KeyRing
from station.store.migrating import NEWEST, upgrade
from station.store.models import AuditRow, Base, TombstoneRow, text_of
from station.store.storing import Store

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Restored:
    """How many came back; ``erased``: people of the backup who were erased after it and did not."""

    store: Store
    people: int
    visits: int
    files: int
    erased: int


def restore(
    file: Path,
    key_file: Path,
    passphrase: str,
    folder: str | Path,
    url: str | None = None,
    trial: bool = False,
    by: str = "command",
) -> Restored:
    """A store in ``folder``, which must be new or empty, with the database ``url`` empty too; all of it or nothing.

    From then on the key file is kept by the restored store. ``trial``: a store of its own beside one that goes on, that
    leaves the key file alone. Refused for a wrong passphrase or keys of another store; Damaged.
    """
    place = Path(folder).expanduser().absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise Refused(f"{place}: expected a new or empty folder, found another; choose one")
    copied = keyfiles.read(key_file, passphrase)
    partial = place.with_name(f".partial-{place.name}")
    with backups.opened(file) as archive, disk.roomy(place):
        header = backups.header_of(archive, file)
        if copied.store_id != header["store"]:
            raise Refused(f"{key_file}: expected the keys of {header['store']}, found those of {copied.store_id}; "
                          "give the key file that lies beside this backup")  # fmt: skip
        if header["revision"] > NEWEST:
            raise StoreError(f"{file}: expected a backup of version {NEWEST} or before, found {header['revision']}; "
                             "install the newest plantar")  # fmt: skip
        rows, erased = _living(archive, file, header, copied)
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(mode=0o700, parents=True)
            store_id = ids.new("S") if trial else str(header["store"])
            _fill(partial, archive, file, header, rows, copied, url, store_id, trial)
            if place.exists():
                place.rmdir()
            os.rename(partial, place)
            disk.sync_folder(place.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    store = opening.open_store(place, url, create=False)
    with store.write() as tx:
        known = set(tx.scalars(select(TombstoneRow.id)))
        for person_id in sorted((set(copied.erased) | set(erased)) - known):
            receipt_id, at, reason = copied.erased.get(person_id, (ids.new("R"), text_of(store.now()), "restored"))
            erased_at = datetime.fromisoformat(at)
            tx.add(TombstoneRow(id=person_id, receipt_id=receipt_id, erased_at=erased_at, reason=reason))
        tx.flush()
        if not trial:
            settings.put(store, keyfiles.PLACES, {str(key_file.absolute()): True})
        audit.add(store, tx, "store.restore", store.id, by, {"erased": len(erased), "head": header["audit"]["hash"]})
    keyfiles.refresh(store)
    return Restored(store, len(rows["people"]), len(rows["visits"]), len(rows["files"]), len(erased))


def _living(
    archive: zipfile.ZipFile, file: Path, header: dict[str, Any], copied: keyfiles.Copied
) -> tuple[Rows, list[str]]:
    """All rows but those of people whose key is gone; and who those are."""
    try:
        rows: Rows = {table: backups.rows_of(archive, header, table) for table in header["rows"]}
        gone = {p["id"] for p in rows["people"]} - (set(copied.keys) - set(copied.erased))
        dead_visits = {v["id"] for v in rows["visits"] if v["person_id"] in gone}
        dead_orders = {o["id"] for o in rows["orders"] if o["person_id"] in gone}
        rows["people"] = [p for p in rows["people"] if p["id"] not in gone]
        profiles = {p["profile_id"] for p in rows["people"]}
        rows["profiles"] = [p for p in rows["profiles"] if p["id"] in profiles]
        for table in ("visits", "consents", "orders"):
            rows[table] = [r for r in rows[table] if r["person_id"] not in gone]
        held = {Path(name).name for name in archive.namelist() if name.startswith("files/")}
        rows["files"] = [f for f in rows["files"] if f["visit_id"] not in dead_visits and f["sha256"] in held]
        rows["order_events"] = [e for e in rows["order_events"] if e["order_id"] not in dead_orders]
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"{file}: expected rows of a store, found something else ({error!r:.80})") from error
    return rows, sorted(gone)


def _fill(
    place: Path, archive: zipfile.ZipFile, file: Path, header: dict[str, Any], rows: Rows, copied: keyfiles.Copied,
    url: str | None, store_id: str, trial: bool,
) -> None:  # fmt: skip
    """Keys, files, rows, and last what says that it is a store."""
    (place / opening.FILES).mkdir(mode=0o700)
    keys, blobs = KeyRing.make(place / opening.KEYS), Blobs(place / opening.FILES)
    for person in rows["people"]:
        keys.create(person["id"], copied.keys[person["id"]])
    for row in rows["files"]:
        blobs.put(_whole(archive, file, f"files/{row['sha256'][:2]}/{row['sha256']}", row["sha256"]))
    for name in header["sha256"]:
        path = place / name.removeprefix(backups.STUDIO)
        if name.startswith(backups.STUDIO) and backups.is_studio_file(place, path):
            path.parent.mkdir(parents=True, exist_ok=True)
            disk.write(path, _whole(archive, file, name, header["sha256"][name]))
    for row in rows["settings"]:
        if row["key"] == opening.ID_SETTING:
            row["value"] = json.dumps(store_id)
    left_out = (keyfiles.PLACES, keyfiles.LOCK) if trial else (keyfiles.PLACES,)
    rows["settings"] = [row for row in rows["settings"] if row["key"] not in left_out]
    engine = database.connect(place, url)
    try:
        with database.writing(engine) as connection:
            _insert(connection, str(header["revision"]), rows)
        about = {"schema": opening.SCHEMA, "id": store_id, "database": engine.dialect.name, "in_folder": url is None}
    finally:
        engine.dispose()
    disk.write(place / opening.ABOUT, (json.dumps(about, indent=1) + "\n").encode())


def _whole(archive: zipfile.ZipFile, file: Path, name: str, sha256: str) -> bytes:
    data = archive.read(name)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Damaged(f"{file}: {name}: expected bytes of this SHA-256, found others; take another backup")
    return data


def _insert(connection: Connection, revision: str, rows: Rows) -> None:
    """The tables as they were in that version, filled; opening the store brings them to the newest."""
    if inspect(connection).has_table("people"):
        if connection.scalar(select(func.count()).select_from(AuditRow)):
            raise Refused("--url: expected an empty database, found a store in it; give another")
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    upgrade(connection, revision)
    then = MetaData()
    then.reflect(connection)
    for table in then.sorted_tables:
        found = rows.get(table.name, [])
        for row in found:
            for column in table.columns:
                if isinstance(column.type, LargeBinary) and row[column.name] is not None:
                    row[column.name] = base64.b64decode(row[column.name], validate=True)
        if found:
            connection.execute(table.insert(), found)
