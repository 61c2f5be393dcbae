"""Two kiosks, and commands beside them, on one store: everybody is served, nothing is lost, none has it taken away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from kiosk_runs import Customer, Running, running
from station_runs import here
from store_customers import PASSPHRASE

from station.kiosk.processing import Workers
from station.store import open_store, people, visits
from station.store.errors import Refused, StoreBusy
from station.store.verifying import verify

if TYPE_CHECKING:
    from kiosk_victims import Victims

pytest_plugins = ("kiosk_victims", "store_postgres")

WAYS = 2  #: that a customer goes at each kiosk


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, seed: int) -> str | None:
    """Of the store's database."""
    return str(request.getfixturevalue("postgres")(f"s{seed}")) if request.param == "postgresql" else None


def browser(address: str) -> Customer:
    return Customer(httpx.Client(base_url=address, headers={"origin": address}, timeout=60.0))


def test_two_kiosks_and_commands_work_on_one_store(
    tmp_path: Path, url: str | None, victims: Victims, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, wrong = tmp_path / "studio", []
    (tmp_path / "pass").write_text(f"{PASSPHRASE}\n", encoding="utf-8")

    def command(*args: str | Path) -> None:
        done = here("store", *args, "--data", folder, *(["--url", url] if url else []))
        if done.code:
            wrong.append(f"{args}: {done.err}")

    def customers(address: str) -> None:
        for n in range(WAYS):
            with browser(address) as one:
                one.begin()
                one.tap("agreed")
                if one.tap("new", name=f"Ada {n}") != "prepare" or one.tap("finished") != "welcome":
                    wrong.append(one.page)

    with running(folder, workers=Workers(1), url=url) as first:
        second = victims.start(folder, url=url)
        try:
            threads = [threading.Thread(target=customers, args=(address,)) for address in (first.address, second)]
            for thread in threads:
                thread.start()
            command("backup", "-o", tmp_path / "a.plantar-backup", "--passphrase-file", tmp_path / "pass")
            command("people", "Ada")
            for thread in threads:
                thread.join(60)
            assert wrong == [] and len(people.search(first.store, "Ada")) == 2 * WAYS
            goes_on_elsewhere(first, second, command)
            with pytest.raises(Refused, match=r"a second kiosk.*end it"), first.store.presence.only_one():
                pass
        finally:
            victims.kill()
        with first.store.presence.only_one(), pytest.raises(StoreBusy, match="being restored"):
            open_store(folder, url)
        command("verify")
        assert wrong == [] and verify(first.store).problems == ()
    assert "Traceback" not in capfd.readouterr().err


def goes_on_elsewhere(first: Running, second: str, command: Callable[..., None]) -> None:
    """A visit that began at one kiosk is the same at the other; whom a command erases is gone at both."""
    with first.customer() as here_, browser(second) as there:
        here_.to_prepare()
        there.client.cookies.update(here_.client.cookies)
        assert there.look() == "prepare" and there.tap("prepared", feet="left") == here_.look() == "scan"
        command("erase", visits.unfinished(first.store)[0].person_id, "--yes")
        assert there.look() == here_.look() == "welcome"
