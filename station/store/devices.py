"""The studio's scanners, plates and insoles: when each was calibrated, when it was last seen."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from station.store.models import DeviceRow
from station.store.records import Device
from station.store.storing import Store


def put(
    store: Store, spec: str, name: str | None = None, calibrated_at: datetime | None = None, seen: bool = False
) -> Device:
    """What is known of a device, by its spec; what is left out stays as it was."""
    with store.write() as tx:
        row = tx.get(DeviceRow, spec)
        if row is None:
            row = DeviceRow(spec=spec, name=name or spec, calibrated_at=None, seen_at=None)
            tx.add(row)
        row.name = name or row.name
        row.calibrated_at = calibrated_at or row.calibrated_at
        row.seen_at = store.now() if seen else row.seen_at
        tx.flush()
        return _record(row)


def listing(store: Store) -> tuple[Device, ...]:
    """All of them, by spec."""
    with store.read() as tx:
        return tuple(_record(row) for row in tx.scalars(select(DeviceRow).order_by(DeviceRow.spec)))


def remove(store: Store, spec: str) -> None:
    """One that is no longer here."""
    with store.write() as tx:
        row = tx.get(DeviceRow, spec)
        if row is not None:
            tx.delete(row)


def _record(row: DeviceRow) -> Device:
    return Device(row.spec, row.name, row.calibrated_at, row.seen_at)
