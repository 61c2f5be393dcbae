"""What the studio set, a JSON value a key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import select

from station.store import ids
from station.store.models import SettingRow
from station.store.storing import Store

#: what holds where nothing was set
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "age_of_consent": 14,  # below it a guardian consents: 14 (China) or 16 (GDPR, article 8)
        "retention_days": 90,  # after shipping, without consent to keep
        "abandoned_hours": 24,  # after a visit without an order, without consent to keep
        "takeaway_days": 30,  # that the QR code of the take-away opens it
        "pin_tries": 5,  # wrong ones before a lock
        "pin_lock_minutes": 15,  # of the first lock; each further one takes twice as long
    }
)


def get(store: Store, key: str, default: Any = None) -> Any:
    """What was set, else the one of ``DEFAULTS``, else ``default``."""
    with store.read() as tx:
        value = tx.scalar(select(SettingRow.value).where(SettingRow.key == key))
    return DEFAULTS.get(key, default) if value is None else json.loads(value)


def put(store: Store, key: str, value: Any) -> None:
    """Set it; None takes it back. ValueError for what is no JSON or no key."""
    if not ids.CODE.fullmatch(key):
        raise ValueError(f"expected a short key, got {key!r}")
    with store.write() as tx:
        row = tx.get(SettingRow, key)
        if value is None:
            if row is not None:
                tx.delete(row)
        elif row is None:
            tx.add(SettingRow(key=key, value=json.dumps(value, allow_nan=False)))
        else:
            row.value = json.dumps(value, allow_nan=False)


def everything(store: Store) -> dict[str, Any]:
    """All settings, the defaults included."""
    with store.read() as tx:
        found = {row.key: json.loads(row.value) for row in tx.scalars(select(SettingRow))}
    return {**DEFAULTS, **found}
