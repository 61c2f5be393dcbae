"""``plantar store``: customers through every action; exit codes; one line for each failure."""

from __future__ import annotations

import json
import re
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from station_runs import ROOT, here, validate
from store_customers import customer

from station.store import consents, files, open_store, people, verifying, visits
from station.store.storing import utc_now


def store(*args: str | Path, data: Path, code: int = 0, lang: str = "en") -> Any:
    """``plantar store … --json``; its document, held against the schema."""
    run = here("store", *args, "--data", data, "--json", "--lang", lang)
    assert run.code == code, run.err
    validate(run.document, "store-1")
    return run.document


@pytest.fixture
def studio(tmp_path: Path) -> Path:
    store("init", data=tmp_path / "studio")
    for name, text in (("pass", "correct horse battery\n"), ("pin", "25801\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / "studio"


def test_a_studio_from_its_first_day_to_another_disk(studio: Path, tmp_path: Path) -> None:
    with open_store(studio) as opened:
        anna, ben = customer(opened, "Anna 安娜", b"scan of Anna"), customer(opened, "Ben")
    assert store("staff", "Li", "--pin-file", tmp_path / "pin", data=studio)["staff"][0]["name"] == "Li"
    found = store("people", "安娜", data=studio)["people"]
    assert [p["person"] for p in found] == [anna.person_id] and len(store("people", data=studio)["people"]) == 2
    backup, keys = tmp_path / "usb" / "a.plantar-backup", tmp_path / "usb" / "keys.plantar-keys"
    made = store("backup", "-o", backup, "--passphrase-file", tmp_path / "pass", data=studio)
    assert (made["people"], made["keys"], made["problems"]) == (2, str(keys), [])
    assert store("verify", backup, data=studio)["files"] == 4
    export = tmp_path / "anna.zip"
    assert store("export", anna.person_id.lower(), "-o", export, data=studio)["files"] > 5
    (receipt,) = store("erase", anna.person_id, "--yes", "-o", tmp_path / "receipt.json", data=studio)["receipts"]
    assert receipt["key_files"] == {"rewritten": 1, "pending": 0}
    assert json.loads((tmp_path / "receipt.json").read_text(encoding="utf-8")) == receipt
    assert store("verify", tmp_path / "receipt.json", data=studio)["problems"] == []
    assert (v := store("verify", data=studio)) and (v["people"], v["erased"], v["problems"]) == (1, 1, [])
    again = store("restore", backup, "--passphrase-file", tmp_path / "pass", data=tmp_path / "again")
    assert (again["people"], again["erased"], again["problems"]) == (1, 1, [])
    new = store("import", export, data=tmp_path / "again")["person"]
    with open_store(tmp_path / "again") as opened:
        assert {p.name for p in people.everyone(opened)} == {"Anna 安娜", "Ben"}
        assert files.get(opened, visits.of_person(opened, new)[0].id, "left.ply") == b"scan of Anna"
        opened.now = lambda: utc_now() + timedelta(days=2)
        consents.withdraw(opened, ben.person_id, "measure")
    assert store("sweep", "--dry-run", data=tmp_path / "again")["receipts"] == []
    done = store("verify", tmp_path / "receipt.json", data=tmp_path / "again", code=1)
    assert "expected a receipt of this store" in done["problems"][0]


def test_the_timer_erases_who_withdrew(studio: Path) -> None:
    with open_store(studio) as opened:
        visit = customer(opened)
        consents.withdraw(opened, visit.person_id, "measure")
    told = store("sweep", "--dry-run", data=studio)
    assert told["due"][0]["reason"] == "withdrawn" and told["receipts"] == []
    assert [r["person"] for r in store("sweep", data=studio)["receipts"]] == [visit.person_id]
    assert "nobody's time is over" in here("store", "sweep", "--data", studio).out


def test_damage_is_exit_1_with_a_line_each(studio: Path) -> None:
    with open_store(studio) as opened:
        visit = customer(opened)
        opened.blobs.path(files.of_visit(opened, visit.id)[0].sha256).write_bytes(b"x")
    run = here("store", "verify", "--data", studio)
    assert run.code == 1 and "1 things are not" in run.out and f"{visit.id}/left.ply" in run.line
    assert store("verify", data=studio, code=1, lang="zh")["problems"][0].endswith("restore it from a backup")


def test_what_goes_wrong_is_one_line_and_a_code(studio: Path, tmp_path: Path) -> None:
    (tmp_path / "zip").write_bytes(b"no zip")
    wrong: list[tuple[int, str, list[str | Path]]] = [
        (2, "expected a person's id", ["export", "-o", "x.zip"]),
        (2, "give -o FILE.zip", ["export", "P-0"]),
        (2, "give -o FILE.plantar-backup", ["backup"]),
        (2, "--passphrase-file", ["backup", "-o", tmp_path / "b"]),
        (2, "--pin-file", ["staff", "Li"]),
        (2, "invalid choice", ["dance"]),
        (3, "expected a person of this store", ["erase", "P-0", "--yes"]),
        (3, "an export of plantar", ["import", tmp_path / "zip"]),
        (3, "a backup of plantar", ["verify", tmp_path / "zip"]),
        (2, "none.zip", ["import", tmp_path / "none.zip"]),
        (3, "--url", ["verify", "--url", "nonsense"]),
        (3, "leave --url out", ["verify", "--url", "sqlite://"]),
    ]
    for code, why, args in wrong:
        run = here("store", *args, "--data", studio, cwd=tmp_path)
        assert (run.code, run.out) == (code, "") and why in run.line, run
    run = here("store", "verify", "--data", tmp_path / "none")
    assert run.code == 3 and "plantar store init" in run.line and not (tmp_path / "none").exists()


def test_erasing_asks_first(studio: Path) -> None:
    with open_store(studio) as opened:
        visit = customer(opened)
    run = here("store", "erase", visit.person_id, "--data", studio)
    assert run.code == 2 and "--yes" in run.line
    with open_store(studio) as opened:
        assert people.get(opened, visit.person_id)


def test_what_is_kept_is_private(studio: Path) -> None:
    with open_store(studio) as opened:
        customer(opened)
        for path in [studio, *studio.rglob("*")]:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_page_of_the_store_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "store.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    exec(compile(block, "store.md", "exec"), {})
    assert capsys.readouterr().out == "printing\n"
    with open_store("studio") as opened:
        assert verifying.verify(opened).problems == ()


def test_help_tells_every_action() -> None:
    from station.commands.store import ACTIONS, RESTORE

    for lang in ("en", "zh"):
        text = here("store", "--help", "--lang", lang).out
        assert all(re.search(rf"^  {action} ", text, re.M) for action in (*ACTIONS, RESTORE))
