"""What a studio keeps: people, their visits, files, orders and consents, sealed with a key a person.

>>> from station.store import open_store, people, visits, files, orders, consents, privacy
>>> with open_store("studio") as store:
...     visit = visits.start(store, "zh")                     # a new person with a key of their own
...     consents.give(store, visit.person_id, "measure", text_version="1", language="zh", text="…")
...     files.put(store, visit.id, "left.ply", scan)          # sealed; refused without that consent
...     visits.save(store, visit.id, "score", {"taps": 3})    # on disk when this returns
...     receipt = privacy.erase(store, visit.person_id)       # key, rows, files, copies of the key

Modules of functions that take the store first; each call is one transaction, and ``with store.write():`` around several
makes them one:

======================  ================================================================================================
``visits``              start save get close, unfinished since of_person, new_takeaway by_takeaway
``people``              create get change search everyone family join, new_card by_card
``consents``            give withdraw standing require needs_guardian of_person
``files``               put get has of_visit remove
``orders``              create get move edit undo events listing of_visit of_person
``moving``              give_visit (to somebody who was here before), merge
``privacy``             erase is_receipt, due sweep (the retention timer: call it each hour)
``portability``         export a person as a zip of open formats, import one
``backups``             backup, look (what a file holds)
``restoring``           restore
``verifying``           verify
``receipts``            document read, of what privacy.erase returns
``keyfiles``            the keys that belong to backups: set_passphrase has_passphrase stale forget
``staff``               add check change_pin remove listing
``audit``               record entries head broken
``devices settings``    put listing remove; get put everything
======================  ================================================================================================

Records (``station.store.records``) are frozen. Errors are ``station.store.errors``: ``NotFound``, ``Erased``,
``Refused``, ``ConsentMissing``, ``WrongPin``, ``Locked``, ``StoreFull`` (a full disk: nothing of the transaction was
kept), ``StoreBusy``, ``Damaged``, all of them ``StoreError``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from station.store.errors import StoreError
    from station.store.opening import open_store
    from station.store.storing import Store

FOLDER = "studio"  #: where a store is unless said otherwise

# imported when first used: `import station.store` needs no database
_HOME = {
    "Store": ("station.store.storing", "Store"),
    "StoreError": ("station.store.errors", "StoreError"),
    "open_store": ("station.store.opening", "open_store"),
}
__all__ = ["FOLDER", "Store", "StoreError", "open_store"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        module, attribute = _HOME[name]
        return getattr(importlib.import_module(module), attribute)
    raise AttributeError(f"module 'station.store' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_HOME)
