"""Orders as a batch: a zip that `plantar batch` takes, with scans, recordings and RX files under the orders' ids.

Nothing in it says who anybody is but the scans themselves.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass

from station.kiosk import flow
from station.kiosk import visit_files as names
from station.kiosk.staff import prescribing
from station.kiosk.staff.correcting import MARKS
from station.store import Store, audit, files, orders, visits
from station.store.errors import Refused

TABLE, NOTES, DATED = "ORDERS.csv", "NOTES.txt", (1980, 1, 1, 0, 0, 0)
COLUMNS = ("order", "left", "right", "pair", "pressure", "rx", "preset", "load")
MOST_ORDERS = 500
MCAP = b"\x89MCAP0\r\n"  #: a recording begins so; every other is known by what it holds


@dataclass(frozen=True)
class Batch:
    """The zip; the orders in it; those left out for want of a scan; those with landmarks moved by hand, which a batch
    finds anew."""

    data: bytes
    orders: tuple[str, ...]
    left_out: tuple[str, ...]
    corrected: tuple[str, ...]


def export(store: Store, order_ids: Iterable[str], by: str) -> Batch:
    """The batch of these orders, each once. Refused where none of them has a scan."""
    chosen = list(dict.fromkeys(order_ids))[:MOST_ORDERS]
    out, rows, left_out, corrected = io.BytesIO(), [], [], []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for order_id in chosen:
            row = _order(store, order_id, archive)
            if row is None:
                left_out.append(order_id)
                continue
            rows.append(row)
            if files.has(store, orders.get(store, order_id).visit_id, MARKS):
                corrected.append(order_id)
        if not rows:
            raise Refused("expected an order with a scan, found none; choose others")
        _put(archive, TABLE, _table(rows).encode())
        if corrected:
            told = "Landmarks of these orders were moved by hand; a batch finds them anew: " + ", ".join(corrected)
            _put(archive, NOTES, (told + "\n").encode())
    for row in rows:
        audit.record(store, "order.export", row["order"], by)
    return Batch(out.getvalue(), tuple(row["order"] for row in rows), tuple(left_out), tuple(corrected))


def _order(store: Store, order_id: str, archive: zipfile.ZipFile) -> dict[str, str] | None:
    order = orders.get(store, order_id)
    visit = visits.get(store, order.visit_id)
    roles = {file.role for file in files.of_visit(store, visit.id)}
    ending = names.SCAN.format(name="")
    scans = {role.removesuffix(ending).partition(".")[0]: role for role in roles if role.endswith(ending)}
    wanted = ("pair",) if "pair" in scans else tuple(side for side in flow.BOTH if side in scans)
    if not wanted:
        return None
    row = {"order": order.id, "preset": str(order.choice.get("preset", "everyday"))}
    for part in wanted:
        name = f"{order.id}/{scans[part].removesuffix(ending)}"
        _put(archive, name, files.get(store, visit.id, scans[part]))
        row[part] = name
    if names.WALK in roles:
        data = files.get(store, visit.id, names.WALK)
        row["pressure"] = f"{order.id}/walk{'.mcap' if data.startswith(MCAP) else '.dat'}"
        _put(archive, row["pressure"], data)
    rx = prescribing.rx_toml(order.choice, flow.BOTH)
    if rx:
        row["rx"] = f"{order.id}/RX.toml"
        _put(archive, row["rx"], rx.encode())
    way = visit.state.get("way", {})
    row["load"] = "standing" if way.get("stance", "standing") == "standing" else "sitting"
    return row


def _table(rows: list[dict[str, str]]) -> str:
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return out.getvalue()


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, DATED)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)
