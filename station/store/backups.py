"""A backup: one file with every row and every sealed file as they stand, without any person's key.

The keys are in a second file (``station.store.keyfiles``), which is always written anew: so erasing a person takes them
out of every backup that was ever made. A backup can be checked without keys, and restored into either database.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import LargeBinary, Row, Table, select

from station.store import archives, audit, disk, keyfiles
from station.store.errors import Damaged, Refused
from station.store.migrating import NEWEST
from station.store.models import Base, FileRow, Instant, text_of
from station.store.storing import Store

SCHEMA, ENDING, HEADER = "plantar/backup/1", ".plantar-backup", "backup.json"
STUDIO, STUDIO_FILE, LOGOS = "studio/", "studio.toml", (".svg", ".png")  #: what a studio sets, and the logo it names


@dataclass(frozen=True)
class Backup:
    """A backup that was made or looked at; ``problems``: what could not be taken into it, or is wrong with it."""

    file: Path
    store_id: str
    created_at: str
    people: int
    visits: int
    files: int
    bytes: int
    audit_number: int
    audit_hash: str
    problems: tuple[str, ...]


def backup(store: Store, file: Path, key_file: Path | None = None, by: str = "command") -> Backup:
    """Write a backup, and the keys to ``key_file`` (``keys.plantar-keys`` beside it); work may go on meanwhile.

    The file is there as a whole or not at all. Refused inside the store's own folder, or without a passphrase
    (``keyfiles.set_passphrase``); StoreFull.
    """
    file, key_file = file.absolute(), (key_file or file.with_name(keyfiles.NAME)).absolute()
    for path in (file, key_file):
        if path.resolve().is_relative_to(store.folder.resolve()):
            raise Refused(f"{path}: expected a place outside of the store, found one inside; choose another disk")
    partial = file.with_name(f".partial-{file.name}")
    with disk.roomy(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        keyfiles.write(store, key_file)
        keyfiles.refresh(store)
        try:
            handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(handle, "w+b") as stream:
                with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
                    _write(store, archive)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, file)
        finally:
            partial.unlink(missing_ok=True)
        disk.sync_folder(file.parent)
    made = look(file)
    audit.record(store, "store.backup", store.id, by, files=made.files, bytes=made.bytes, head=made.audit_hash)
    return made


def look(file: Path) -> Backup:
    """What a backup holds, every byte of it checked, without a key. Damaged where it is none; see its ``problems``."""
    with opened(file) as archive:
        header = header_of(archive, file)
        problems = [f"{item}: was missing or changed when the backup was made" for item in header["missing"]]
        files = size = 0
        for info in archive.infolist():
            data = archive.read(info)
            digest = hashlib.sha256(data).hexdigest()
            if info.filename.startswith("files/"):
                files, size = files + 1, size + len(data)
                if not info.filename.endswith(digest):
                    problems.append(f"{file}: {info.filename}: expected bytes of this SHA-256, found others")
            elif info.filename != HEADER and header["sha256"].get(info.filename) != digest:
                problems.append(f"{file}: {info.filename}: expected bytes of the header's SHA-256, found others")
        absent = [name for name in header["sha256"] if name not in archive.namelist()]
        problems += [f"{file}: expected {name} in it, found none" for name in absent]
        if files != header["files"]:
            problems.append(f"{file}: expected {header['files']} files in it, found {files}")
    rows = header["rows"]
    return Backup(
        file, header["store"], header["created_at"], rows["people"], rows["visits"], files, size,
        header["audit"]["number"], header["audit"]["hash"], tuple(problems),
    )  # fmt: skip


@contextmanager
def opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """A backup's zip. Damaged where it is none, is cut, or holds what no backup does."""
    with archives.opened(file, "a backup of plantar") as archive:
        if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
            raise Damaged(f"{file}: expected a backup of plantar, found another zip; take another")
        yield archive


def header_of(archive: zipfile.ZipFile, file: Path) -> dict[str, Any]:
    """What a backup says of itself."""
    try:
        header = json.loads(archive.read(HEADER))
        if header["schema"] != SCHEMA:
            raise KeyError("schema")
        for key in ("store", "revision", "created_at", "rows", "sha256", "files", "missing", "audit"):
            header[key]
    except (KeyError, ValueError, TypeError) as error:
        raise Damaged(f"{file}: expected {SCHEMA}, found something else; take another backup") from error
    return dict(header)


# ------------------------------------------------------------------ inside


def _write(store: Store, archive: zipfile.ZipFile) -> None:
    rows: dict[str, int] = {}
    hashes: dict[str, str] = {}
    with store.read() as tx:  # all tables as they are at one moment
        for table in Base.metadata.sorted_tables:
            name, digest, count = f"rows/{table.name}.jsonl", hashlib.sha256(), 0
            with archive.open(archives.member(name), "w", force_zip64=True) as stream:
                wanted = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=500)
                for row in tx.execute(wanted):
                    line = _line(table, row)
                    digest.update(line)
                    stream.write(line)
                    count += 1
            rows[table.name], hashes[name] = count, digest.hexdigest()
        for name, data in _studio(store.folder).items():
            hashes[name] = hashlib.sha256(data).hexdigest()
            archive.writestr(archives.member(name), data)
        number, head = audit.head(store)
        wanted_files = [(f.sha256, f.visit_id, f.role) for f in tx.scalars(select(FileRow).order_by(FileRow.sha256))]
    missing: list[str] = []
    for sha256, visit_id, role in wanted_files:
        try:
            archive.writestr(archives.member(f"files/{sha256[:2]}/{sha256}"), store.blobs.get(sha256))
        except Damaged:
            with store.read() as tx:
                now = tx.get(FileRow, (visit_id, role))
                if now is not None and now.sha256 == sha256:  # not replaced or erased meanwhile
                    missing.append(f"{visit_id}/{role}")
    header = {
        "schema": SCHEMA, "store": store.id, "revision": NEWEST, "created_at": text_of(store.now()), "rows": rows,
        "sha256": hashes, "files": sum(1 for n in archive.namelist() if n.startswith("files/")), "missing": missing,
        "audit": {"number": number, "hash": head},
    }  # fmt: skip
    archive.writestr(archives.member(HEADER), json.dumps(header, indent=1) + "\n")


def _studio(folder: Path) -> dict[str, bytes]:
    """The studio's own settings and its logo, which lie beside the store: name in a backup -> content."""
    file = folder / STUDIO_FILE
    if not file.is_file():
        return {}
    found = {STUDIO + STUDIO_FILE: file.read_bytes()}
    try:
        logo = folder / str(tomllib.loads(found[STUDIO + STUDIO_FILE].decode()).get("logo", ""))
    except ValueError:  # the kiosk says so when it starts
        return found
    if is_studio_file(folder, logo) and logo.is_file():
        found[STUDIO + logo.relative_to(folder).as_posix()] = logo.read_bytes()
    return found


def is_studio_file(folder: Path, path: Path) -> bool:
    """Whether it may come from and go to the studio's folder: its settings, or a picture somewhere in it."""
    inside = path.resolve().is_relative_to(folder.resolve()) and ".." not in path.parts
    return inside and (path == folder / STUDIO_FILE or path.suffix.lower() in LOGOS)


def _line(table: Table, row: Row[Any]) -> bytes:
    told: dict[str, Any] = {}
    for column in table.columns:
        value = row._mapping[column]
        if value is not None and isinstance(column.type, LargeBinary):
            value = base64.b64encode(value).decode()
        elif value is not None and isinstance(column.type, Instant):
            value = text_of(value)
        told[column.name] = value
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def rows_of(archive: zipfile.ZipFile, header: Mapping[str, Any], table: str) -> list[dict[str, Any]]:
    """The rows of a table in a backup; sealed values in base 64. Damaged where they are not those of the header."""
    name = f"rows/{table}.jsonl"
    data = archive.read(name)
    if hashlib.sha256(data).hexdigest() != header["sha256"][name]:
        raise Damaged(f"{archive.filename}: {name}: expected bytes of the header's SHA-256, found others; take another")
    return [json.loads(line) for line in data.splitlines()]
