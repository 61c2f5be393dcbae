"""Privacy: who is erased is gone from every byte, when they ask or their time is over; what is theirs they can take."""

from __future__ import annotations

import base64
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from store_customers import PASSPHRASE, START, Clock, agree, customer, everything_in, noise

from station.store import (
    backups,
    consents,
    files,
    keyfiles,
    open_store,
    opening,
    orders,
    people,
    portability,
    privacy,
    receipts,
    restoring,
    visits,
)
from station.store.errors import ConsentMissing, Damaged, Erased, NotFound, Refused
from station.store.storing import Store
from station.store.verifying import verify


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "studio") as made:
        made.now = Clock()
        yield made


def clock_of(store: Store) -> Clock:
    assert isinstance(store.now, Clock)
    return store.now


# ------------------------------------------------------------------ erasing


def needles(store: Store, visit_id: str, scan: bytes) -> dict[str, bytes]:
    """Everything that says who somebody is or was measured of them, as bytes could hold it; and what seals it."""
    visit = visits.get(store, visit_id)
    person = people.get(store, visit.person_id)
    details = {key: str(getattr(person, key)) for key in ("name", "phone", "email", "notes")}
    texts = {**details, "state": "seven and a half", "choice": "cordovan", "note": "a crack at the heel"}
    found = {f"{what} in {code}": text.encode(code) for what, text in texts.items() for code in ("utf-8", "utf-16-le")}
    found["name as JSON escapes it"] = json.dumps(person.name)[1:-1].encode()
    key = store.keys.get(person.id)
    found |= {"key": key, "key in hex": key.hex().encode(), "key in base 64": base64.b64encode(key)[:42]}
    found |= {f"scan at {at}": scan[at : at + 24] for at in range(0, len(scan) - 24, 4096)}
    return found


def sealed_needles(store: Store, visit_id: str) -> dict[str, bytes]:
    """What is sealed of somebody, as it lies on the disk: nothing of it may stay where it can be overwritten."""
    visit = visits.get(store, visit_id)
    found = {"wrapped key": (store.keys.folder / f"{visit.person_id}.key").read_bytes()}
    for item in files.of_visit(store, visit_id):
        data = store.blobs.get(item.sha256)
        found |= {f"sealed {item.role}": data[:32], f"end of sealed {item.role}": data[-32:]}
    return found


def test_nothing_is_left_of_who_is_erased(store: Store, tmp_path: Path, rng: np.random.Generator) -> None:
    """A byte search of the whole data folder and of backups made before and after."""
    scan, other_scan = noise(rng, 60_000), noise(rng, 5_000)
    gone, stays = customer(store, "Theodora 欧阳娜娜", scan), customer(store, "Nikephoros", other_scan)
    people.change(store, gone.person_id, phone="0571-88997766", email="theodora@example.org", notes="sesamoid, left")
    order = orders.of_visit(store, gone.id)[0]
    orders.edit(store, order.id, {"cover": "cordovan", "size": "seven and a half"}, "T-1", "a crack at the heel")
    again = visits.start(store, "zh", person_id=gone.person_id)
    visits.save(store, again.id, "who", {"size": "seven and a half"})
    files.put(store, gone.id, "replaced.ply", scan[::-1])
    files.put(store, gone.id, "replaced.ply", scan)
    keyfiles.set_passphrase(store, PASSPHRASE)
    usb = tmp_path / "usb"
    backups.backup(store, usb / "before.plantar-backup")
    wanted, on_disk = needles(store, gone.id, scan), sealed_needles(store, gone.id)
    held = everything_in(store.folder)
    assert all(part in held for part in on_disk.values())  # the search finds what is there
    assert [what for what, part in wanted.items() if part in held] == []  # and nothing personal is there in the clear
    key = store.keys.get(gone.person_id)

    receipt = privacy.erase(store, gone.person_id)

    assert (receipt.counts["visits"], receipt.counts["files"], receipt.counts["orders"]) == (2, 3, 1)
    assert (receipt.key_files, receipt.key_files_pending) == (1, 0)
    backups.backup(store, usb / "after.plantar-backup")
    for moment in ("open", "closed"):
        held = everything_in(store.folder)
        assert [what for what, part in (wanted | on_disk).items() if part in held] == [], moment
        store.close()
    held = everything_in(usb)
    assert [what for what, part in wanted.items() if part in held] == []
    assert on_disk["wrapped key"] not in held
    # what the old backup holds sealed opens with no key that is left anywhere
    copied = keyfiles.read(usb / keyfiles.NAME, PASSPHRASE)
    assert key not in copied.keys.values() and set(copied.keys) == {stays.person_id}
    back = restoring.restore(usb / "before.plantar-backup", usb / keyfiles.NAME, PASSPHRASE, tmp_path / "back")
    with back.store as restored:
        assert (back.people, back.erased) == (1, 1) and verify(restored).problems == ()
        assert files.get(restored, stays.id, "left.ply") == other_scan
        held = everything_in(restored.folder)
        assert [what for what, part in (wanted | on_disk).items() if part in held] == []
        with pytest.raises(Erased, match="2026-03-01"):
            people.get(restored, gone.person_id)


def test_an_erasure_that_was_cut_short_is_finished(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends between the commit and the key: opening the store does the rest."""
    visit, copy = customer(store, "Anna"), tmp_path / keyfiles.NAME
    keyfiles.set_passphrase(store, PASSPHRASE)
    keyfiles.write(store, copy)
    monkeypatch.setattr(store.keys, "erase", lambda person_id: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        privacy.erase(store, visit.person_id)
    assert store.keys.has(visit.person_id)
    with open_store(store.folder) as again:
        assert not again.keys.has(visit.person_id) and visit.person_id not in keyfiles.read(copy, PASSPHRASE).keys
        assert verify(again).problems == ()
        assert opening.left_behind(again) == 0 and opening.left_behind(again, older_than_s=-1) == 2
        assert list(again.blobs.names()) == []


def test_a_receipt_proves_itself(store: Store, tmp_path: Path) -> None:
    visit = customer(store, "Anna")
    receipt = privacy.erase(store, visit.person_id)
    paper = tmp_path / "receipt.json"
    paper.write_text(json.dumps(receipts.document(receipt)), encoding="utf-8")
    assert receipts.read(paper) == receipt and privacy.is_receipt(store, receipt)
    assert "Anna" not in paper.read_text(encoding="utf-8")
    forged: dict[str, Any] = {"id": "R-0", "person_id": "P-0", "audit_hash": "0" * 64, "audit_number": 1}
    for field, value in forged.items():
        values = {name: getattr(receipt, name) for name in receipt.__dataclass_fields__}
        assert not privacy.is_receipt(store, type(receipt)(**{**values, field: value}))
    for text in ("", "{}", "[]", '{"schema": "plantar/receipt/1"}'):
        paper.write_text(text, encoding="utf-8")
        with pytest.raises(Damaged):
            receipts.read(paper)
    with pytest.raises(Erased):
        privacy.erase(store, visit.person_id)
    with pytest.raises(NotFound):
        privacy.erase(store, "P-0000000000000000")


def test_a_key_file_out_of_reach_is_rewritten_when_it_is_back(store: Store, tmp_path: Path) -> None:
    usb, drawer = tmp_path / "usb", tmp_path / "drawer"
    visit = customer(store, "Anna")
    keyfiles.set_passphrase(store, PASSPHRASE)
    backups.backup(store, usb / "a.plantar-backup")
    usb.rename(drawer)
    receipt = privacy.erase(store, visit.person_id)
    assert (receipt.key_files, receipt.key_files_pending) == (0, 1)
    assert any("out of reach" in problem for problem in verify(store).problems)
    drawer.rename(usb)
    assert visit.person_id in keyfiles.read(usb / keyfiles.NAME, PASSPHRASE).keys
    assert privacy.sweep(store) == () and verify(store).problems == ()
    assert keyfiles.read(usb / keyfiles.NAME, PASSPHRASE).keys == {}
    shutil.rmtree(usb)
    customer_two = customer(store)
    privacy.erase(store, customer_two.person_id)
    assert keyfiles.stale(store) == [str(usb / keyfiles.NAME)]
    keyfiles.forget(store, usb / keyfiles.NAME)
    assert keyfiles.stale(store) == []


# ------------------------------------------------------------------ the timer


def due(store: Store) -> dict[str, str]:
    return {item.person_id: item.reason for item in privacy.due(store)}


def test_each_is_erased_when_their_time_is_over(store: Store) -> None:
    clock = clock_of(store)
    left = customer(store, "left", ordered=False)
    waits, shipped, keeps = customer(store, "waits"), customer(store, "shipped"), customer(store, "keeps", keep=True)
    for visit in (shipped, keeps):
        order = orders.of_visit(store, visit.id)[0]
        for state in ("printing", "quality_check", "shipped"):
            orders.move(store, order.id, state, "T-1")
    assert due(store) == {}
    clock.pass_by(hours=23.9)
    assert due(store) == {}
    clock.pass_by(hours=0.2)
    assert due(store) == {left.person_id: "abandoned"}
    clock.pass_by(days=89)
    assert [receipt.person_id for receipt in privacy.sweep(store)] == [left.person_id, shipped.person_id]
    assert due(store) == {}
    consents.withdraw(store, keeps.person_id, "keep")
    assert due(store) == {keeps.person_id: "shipped"}
    consents.withdraw(store, waits.person_id, "measure")
    assert due(store) == {keeps.person_id: "shipped", waits.person_id: "withdrawn"}
    assert {receipt.reason for receipt in privacy.sweep(store)} == {"shipped", "withdrawn"}
    assert people.everyone(store) == () and verify(store).problems == ()


def test_a_childs_own_wish_to_be_kept_does_not_count(store: Store) -> None:
    visit = customer(store, keep=True, ordered=False)
    people.change(store, visit.person_id, birth_year=START.year - 8)
    clock_of(store).pass_by(days=2)
    assert due(store) == {visit.person_id: "abandoned"}
    agree(store, visit.person_id, "keep", by="guardian")
    assert due(store) == {}


# ------------------------------------------------------------------ out and in


def test_what_is_somebodys_they_can_take_along(store: Store, tmp_path: Path, rng: np.random.Generator) -> None:
    scan = noise(rng, 30_000)
    visit = customer(store, "Anna 安娜", scan, keep=True)
    orders.move(store, orders.of_visit(store, visit.id)[0].id, "printing", "T-1", "first")
    zip_file = tmp_path / "anna.zip"
    with open(zip_file, "wb") as stream:
        count = portability.export(store, visit.person_id, stream)
    with zipfile.ZipFile(zip_file) as archive:
        assert archive.testzip() is None and len(archive.namelist()) == count
        assert archive.read(f"visits/{visit.id}/files/left.ply") == scan
        assert json.loads(archive.read("person.json"))["name"] == "Anna 安娜"
        assert {c["purpose"] for c in json.loads(archive.read("consents.json"))} == {"measure", "keep"}
        (order,) = json.loads(archive.read("orders.json"))
        assert order["state"] == "printing" and order["steps"][-1]["note"] == "first"
        assert {e["action"] for e in json.loads(archive.read("log.json"))} >= {
            "consent.give",
            "file.put",
            "order.state",
        }
    with open_store(tmp_path / "other") as other:
        person = portability.import_person(other, zip_file)
        assert person.id != visit.person_id and person.name == "Anna 安娜"
        (there,) = visits.of_person(other, person.id)
        assert there.state == visit.state and files.get(other, there.id, "left.ply") == scan
        assert set(consents.standing(other, person.id)) == {"measure", "keep"}
        assert [o.state for o in orders.of_person(other, person.id)] == ["printing"]
        assert verify(other).problems == ()


def changed(data: bytes, change: dict[str, bytes | None]) -> io.BytesIO:
    """A zip with members replaced, added or (None) left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in [*old.namelist(), *(n for n in change if n not in old.namelist())]:
            value = change.get(name, old.read(name) if name in old.namelist() else None)
            if value is not None:
                new.writestr(name, value)
    out.seek(0)
    return out


def test_a_bad_export_is_refused_as_a_whole(store: Store, rng: np.random.Generator) -> None:
    visit = customer(store, "Anna", noise(rng, 3000))
    whole = io.BytesIO()
    portability.export(store, visit.person_id, whole)
    data, scan = whole.getvalue(), f"visits/{visit.id}/files/left.ply"
    bad: list[dict[str, bytes | None]] = [
        {"../../etc/passwd": b"x"}, {"/etc/passwd": b"x"}, {f"visits/{visit.id}/files/../x": b"x"}, {"extra.txt": b"x"},
        {"person.json": None}, {"person.json": b"{"}, {"manifest.json": b"[]"}, {"manifest.json": None},
        {"consents.json": b"{}"}, {scan: b"other"}, {scan: bytes(4 << 20)}, {"orders.json": b"[1]"},
    ]  # fmt: skip
    before = [p.id for p in people.everyone(store)]
    for change in bad:
        with pytest.raises((Refused, Damaged)):
            portability.import_person(store, changed(data, change))
    for cut in rng.integers(0, len(data), 6):
        with pytest.raises((Refused, Damaged)):
            portability.import_person(store, io.BytesIO(data[: int(cut)]))
    for _ in range(12):
        flipped = bytearray(data)
        flipped[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        try:
            person = portability.import_person(store, io.BytesIO(bytes(flipped)))
        except (Refused, Damaged, ConsentMissing):
            continue
        privacy.erase(store, person.id)  # a bit that nobody looks at, such as a date in the zip
    assert [p.id for p in people.everyone(store)] == before and verify(store).problems == ()


def test_without_consent_nothing_is_imported(store: Store) -> None:
    visit = customer(store, "Anna")
    consents.withdraw(store, visit.person_id, "measure")
    out = io.BytesIO()
    portability.export(store, visit.person_id, out)
    with pytest.raises(ConsentMissing):
        portability.import_person(store, out)
    assert len(people.everyone(store)) == 1
