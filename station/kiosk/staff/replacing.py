"""A backup is restored while the kiosk runs: into a folder of its own, checked, then in place of the store.

What was the store until then stays beside it, under a name that says when.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from station.kiosk.security import SECRET_FILE
from station.store import Store, audit, backups, disk, keyfiles, opening, restoring, verifying
from station.store.errors import Refused, StoreError

OURS = "studio"  #: files of the studio itself (studio.toml, its logo) begin with this and go along


@dataclass(frozen=True)
class Replaced:
    """What came back, and where the store before it is."""

    people: int
    visits: int
    erased: int
    aside: Path


def listing(folder: Path) -> list[Path]:
    """The backups of a folder, the newest first."""
    try:
        found = [p for p in folder.iterdir() if p.name.endswith(backups.ENDING) and p.is_file()]
    except OSError:
        return []
    return sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)


def ready(store: Store, file: Path, passphrase: str, by: str) -> restoring.Restored:
    """The backup as a store of its own beside the running one, whole; nothing else has changed. Refused, Damaged,
    StoreFull."""
    if store.engine.dialect.name != "sqlite":
        raise Refused("expected a store in its own folder, found one in another database; "
                      "plantar store restore does it there")  # fmt: skip
    key_file = file.with_name(keyfiles.NAME)
    if not key_file.is_file():
        raise Refused(f"{key_file}: expected the keys of this backup beside it, found none; put {keyfiles.NAME} there")
    with store.presence.only_one():
        pass  # told now rather than after a long restoring
    fresh = _fresh(store)
    shutil.rmtree(fresh, ignore_errors=True)
    keyfiles.refresh(store)
    try:
        restored = restoring.restore(file, key_file, passphrase, fresh, by=by)
        try:
            problems = verifying.verify(restored.store).problems
            if problems:
                raise StoreError(f"{file}: expected a whole store, found {len(problems)} problems: {problems[0]}")
        finally:
            restored.store.close()
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return restored


def replace_by(store: Store, restored: restoring.Restored, by: str) -> Replaced:
    """The running store becomes the one that is ready; whoever holds ``store`` goes on with it: its folder, database
    and keys are the restored ones from then on."""
    place, fresh = store.folder, _fresh(store)
    with store.presence.only_one():
        for path in place.iterdir():
            if path.is_file() and (path.name == SECRET_FILE or path.name.startswith(OURS)):
                shutil.copy2(path, fresh / path.name)
        aside = _free(place.with_name(f"{place.name}.before-{store.now().astimezone():%Y%m%d-%H%M%S}"))
        store.engine.dispose()
        os.rename(place, aside)
        os.rename(fresh, place)
        disk.sync_folder(place.parent)
        store.become(opening.open_store(place, create=False))
    audit.record(store, "store.replaced", store.id, by, people=restored.people)
    return Replaced(restored.people, restored.visits, restored.erased, aside)


def _fresh(store: Store) -> Path:
    return store.folder.with_name(f".restored-{store.folder.name}")


def _free(path: Path) -> Path:
    number = 1
    while path.exists():
        number += 1
        path = path.with_name(f"{path.name.rpartition('_')[0] or path.name}_{number}")
    return path
