"""The receipt of an erased person as a document: the person keeps it, the studio can be asked to prove it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from station.store.errors import Damaged
from station.store.records import Receipt

SCHEMA = "plantar/receipt/1"


def document(receipt: Receipt) -> dict[str, Any]:
    """JSON of a receipt; nothing in it says who it was."""
    return {
        "schema": SCHEMA,
        "receipt": receipt.id,
        "person": receipt.person_id,
        "erased_at": receipt.erased_at.isoformat(),
        "reason": receipt.reason,
        "erased": dict(receipt.counts),
        "key_files": {"rewritten": receipt.key_files, "pending": receipt.key_files_pending},
        "audit": {"number": receipt.audit_number, "hash": receipt.audit_hash},
    }


def read(file: Path) -> Receipt:
    """A receipt that was written. Damaged where it is none."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        if told["schema"] != SCHEMA:
            raise KeyError("schema")
        copies, link = told["key_files"], told["audit"]
        return Receipt(
            str(told["receipt"]), str(told["person"]), datetime.fromisoformat(told["erased_at"]), str(told["reason"]),
            {str(k): int(v) for k, v in told["erased"].items()}, int(copies["rewritten"]), int(copies["pending"]),
            int(link["number"]), str(link["hash"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{file}: expected {SCHEMA}, found something else; give the receipt as it was written") from error
