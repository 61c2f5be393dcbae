"""Backups: whole or not at all, checked without keys, restored into either database; damage is found and named."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete, update
from store_customers import PASSPHRASE, Clock, customer, noise

from station.store import (
    audit,
    backups,
    files,
    keyfiles,
    migrating,
    open_store,
    opening,
    orders,
    people,
    privacy,
    restoring,
    settings,
    staff,
    visits,
)
from station.store.database import writing
from station.store.errors import Damaged, Refused, StoreError
from station.store.models import AuditRow, PersonRow
from station.store.storing import Store
from station.store.verifying import verify


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "studio") as made:
        made.now = Clock()
        yield made


@pytest.fixture
def usb(tmp_path: Path, store: Store) -> Path:
    keyfiles.set_passphrase(store, PASSPHRASE)
    return tmp_path / "usb"


def told(store: Store) -> list[object]:
    """Everything that is kept, as records."""
    found: list[object] = [*people.everyone(store), *visits.since(store, Clock().now), *orders.listing(store)]
    found += [event for order in orders.listing(store) for event in orders.events(store, order.id)]
    for visit in visits.since(store, Clock().now):
        found += [(item, files.get(store, visit.id, item.role)) for item in files.of_visit(store, visit.id)]
    left_out = (keyfiles.PLACES, opening.ID_SETTING)
    return [*found, {k: v for k, v in settings.everything(store).items() if k not in left_out}]


def test_a_backup_comes_back_as_it_was(store: Store, usb: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    for name in ("Anna", "张伟", None):
        customer(store, name, noise(rng, 5000))
    orders.edit(store, orders.listing(store)[0].id, {"cover": "cork"}, "T-1", "wider")
    staff.add(store, "Li", "25801")
    own = {"studio.toml": b'logo = "our/logo.svg"\nage_of_consent = 16\n', "our/logo.svg": b"<svg/>"}
    (store.folder / "our").mkdir()
    for name, data in own.items():
        (store.folder / name).write_bytes(data)
    (store.folder / "kiosk.key").write_bytes(b"a secret of this machine")
    before = told(store)
    made = backups.backup(store, usb / "a.plantar-backup")
    assert (made.people, made.visits, made.files, made.problems) == (3, 3, 6, ())
    assert backups.look(made.file) == made
    back = restoring.restore(made.file, usb / keyfiles.NAME, PASSPHRASE, tmp_path / "back")
    with back.store as restored:
        assert told(restored) == before and verify(restored).problems == ()
        assert restored.id == store.id and restored.keys.ids() == store.keys.ids()
        assert {name: (restored.folder / name).read_bytes() for name in own} == own
        assert not (restored.folder / "kiosk.key").exists()
        chain = [entry.hash for entry in audit.entries(restored)]
        assert made.audit_hash in chain and chain[-1] == audit.entries(store)[-1].hash
        assert (tmp_path / "back" / "keys" / "master.key").read_bytes() != (
            store.keys.folder / "master.key"
        ).read_bytes()
        customer(restored, "goes on")
    assert {p.name for p in tmp_path.iterdir()} == {"studio", "usb", "back"}


@pytest.mark.parametrize("name", ["../out.svg", "our/../../out.svg", "/out.svg", "store.json", "keys/master.key"])
def test_nothing_but_the_studio_s_own_comes_from_beside_the_store(tmp_path: Path, name: str) -> None:
    assert backups.is_studio_file(tmp_path, tmp_path / "studio.toml")
    assert not backups.is_studio_file(tmp_path, tmp_path / name)


def test_a_trial_leaves_the_key_file_alone(store: Store, usb: Path, tmp_path: Path) -> None:
    visit = customer(store, "Anna")
    made = backups.backup(store, usb / "a.plantar-backup")
    keys = (usb / keyfiles.NAME).read_bytes()
    back = restoring.restore(made.file, usb / keyfiles.NAME, PASSPHRASE, tmp_path / "drill", trial=True)
    with back.store as drill:
        assert drill.id != store.id and verify(drill).problems == ()
        privacy.erase(drill, visit.person_id)
        assert (usb / keyfiles.NAME).read_bytes() == keys
        keyfiles.set_passphrase(drill, "another one")
        with pytest.raises(Refused, match=f"keys of {drill.id}, found those of {store.id}"):
            backups.backup(drill, usb / "b.plantar-backup")
        assert not (usb / "b.plantar-backup").exists()


def test_a_restored_store_looks_after_the_key_file(store: Store, usb: Path, tmp_path: Path) -> None:
    visit = customer(store, "Anna")
    made = backups.backup(store, usb / "a.plantar-backup")
    shutil.rmtree(store.folder)
    with restoring.restore(made.file, usb / keyfiles.NAME, PASSPHRASE, store.folder).store as again:
        receipt = privacy.erase(again, visit.person_id)
        assert (receipt.key_files, receipt.key_files_pending) == (1, 0)
    copied = keyfiles.read(usb / keyfiles.NAME, PASSPHRASE)
    assert copied.keys == {} and copied.erased[visit.person_id][0] == receipt.id


def test_work_goes_on_during_a_backup(store: Store, usb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the rows and the files somebody is erased and a file replaced: neither is a fault."""
    gone, stays = customer(store, "gone"), customer(store, "stays", b"old")
    get = store.blobs.get

    def first(name: str) -> bytes:
        monkeypatch.setattr(store.blobs, "get", get)
        privacy.erase(store, gone.person_id)
        files.put(store, stays.id, "left.ply", b"new")
        return get(name)

    monkeypatch.setattr(store.blobs, "get", first)
    made = backups.backup(store, usb / "a.plantar-backup")
    assert made.problems == () and made.files < 4
    back = restoring.restore(made.file, usb / keyfiles.NAME, PASSPHRASE, tmp_path / "back")
    with back.store as restored:
        assert back.people == 1 and verify(restored).problems == ()
        assert people.get(restored, stays.person_id).name == "stays"


def test_what_can_not_be_restored_says_why(store: Store, usb: Path, tmp_path: Path) -> None:
    customer(store, "Anna")
    made = backups.backup(store, usb / "a.plantar-backup")
    keys, target = usb / keyfiles.NAME, tmp_path / "back"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "text").write_text("x", encoding="utf-8")
    (tmp_path / "json").write_text("{}", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("a", "b")
    wrong: list[tuple[Callable[[], object], type[Exception], str]] = [
        (lambda: restoring.restore(made.file, keys, "wrong horse", target), Refused, "the passphrase of these keys"),
        (lambda: restoring.restore(made.file, keys, PASSPHRASE, tmp_path / "full"), Refused, "new or empty folder"),
        (lambda: restoring.restore(tmp_path / "text", keys, PASSPHRASE, target), Damaged, "a backup of plantar"),
        (lambda: restoring.restore(tmp_path / "zip", keys, PASSPHRASE, target), Damaged, "plantar/backup/1"),
        (lambda: restoring.restore(made.file, tmp_path / "json", PASSPHRASE, target), Damaged, "plantar/keys/1"),
        (lambda: restoring.restore(tmp_path / "none", keys, PASSPHRASE, target), FileNotFoundError, "none"),
        (lambda: backups.backup(store, store.folder / "a.plantar-backup"), Refused, "outside of the store"),
        (lambda: keyfiles.set_passphrase(store, "short"), Refused, "8 characters"),
    ]
    for act, kind, why in wrong:
        with pytest.raises(kind, match=why):
            act()
        assert not target.exists()
    with open_store(tmp_path / "new") as new, pytest.raises(Refused, match="a passphrase for the keys"):
        backups.backup(new, tmp_path / "b.plantar-backup")


def test_a_changed_backup_is_told_or_does_no_harm(
    store: Store, usb: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    customer(store, "Anna", noise(rng, 2000))
    made = backups.backup(store, usb / "a.plantar-backup")
    data, before, bad = made.file.read_bytes(), told(store), tmp_path / "bad"
    for number in range(15):
        changed = bytearray(data)
        if number % 3:
            changed[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        else:
            del changed[int(rng.integers(len(data))) :]
        bad.write_bytes(changed)
        try:
            fine = backups.look(bad).problems == ()
        except Damaged:
            fine = False
        if fine:  # a bit that nobody looks at, such as a date in the zip
            with restoring.restore(bad, usb / keyfiles.NAME, PASSPHRASE, tmp_path / "back", trial=True).store as back:
                assert told(back)[:-1] == before[:-1]
            shutil.rmtree(tmp_path / "back")


# ------------------------------------------------------------------ verify


def test_damage_is_found_and_named(store: Store, rng: np.random.Generator) -> None:
    visit = customer(store, "Anna", noise(rng, 4000))
    other = customer(store, "Ben")
    assert verify(store).problems == ()
    path = store.blobs.path(files.of_visit(store, visit.id)[0].sha256)
    data = bytearray(path.read_bytes())
    data[int(rng.integers(len(data)))] ^= 1
    path.write_bytes(data)
    store.blobs.path(files.of_visit(store, visit.id)[1].sha256).unlink()
    (store.keys.folder / f"{other.person_id}.key").unlink()
    with store.write() as tx:
        row = tx.get(PersonRow, visit.person_id)
        assert row is not None
        row.sealed = row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])
    with open_store(store.folder) as again:
        found = verify(again).problems
    for what in (f"{visit.id}/left.ply", f"{visit.id}/measures.json", f"people/{visit.person_id}/details",
                 f"{other.person_id}: expected this person's key"):  # fmt: skip
        assert any(what in problem for problem in found), (what, found)


def test_a_changed_log_is_found(store: Store, rng: np.random.Generator) -> None:
    for _ in range(3):
        customer(store)
    count, head = audit.head(store)
    number = int(rng.integers(1, count))
    changes = [
        (update(AuditRow).where(AuditRow.number == number).values(actor="T-2"), f"audit {number}"),
        (delete(AuditRow).where(AuditRow.number == number), f"audit {number + 1}" if number > 1 else "entry"),
    ]
    for change, where in changes:
        with store.write() as tx:
            tx.execute(change)
        assert any(where in problem or "removed" in problem for problem in audit.broken(store))
        with store.write() as tx:
            tx.execute(update(AuditRow).where(AuditRow.number == number).values(actor="kiosk"))
    assert head in {entry.hash for entry in audit.entries(store)}


def test_values_open_only_where_they_belong(store: Store) -> None:
    """Somebody who can write rows can't give one person's data to another, nor swap a person's own."""
    one, two = customer(store, "Anna"), customer(store, "Ben")
    with store.write() as tx:
        first, second = tx.get(PersonRow, one.person_id), tx.get(PersonRow, two.person_id)
        assert first is not None and second is not None
        first.sealed, second.sealed = second.sealed, first.sealed
    for visit in (one, two):
        with pytest.raises(Damaged, match="sealed here"):
            people.get(store, visit.person_id)


# ------------------------------------------------------------------ migrations


def test_the_last_step_is_the_newest() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(migrating.FOLDER)).get_heads() == [migrating.NEWEST]


def test_a_later_version_is_left_alone(store: Store) -> None:
    with writing(store.engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="found 9999; install the newest"):
        open_store(store.folder)
