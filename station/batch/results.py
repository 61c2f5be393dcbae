"""What is told of a batch: the log as orders come, and one manifest of all of them in the table's order."""

from __future__ import annotations

import datetime
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from station.batch.item import Result
from station.batch.places import BATCH_SCHEMA, PARTIAL, Bucket, Folder
from station.orders import LOG, MANIFEST


class Journal:
    """``log.jsonl`` of a batch, a line an event, as they come; the manifest is made of it in the end.

    The lines of the orders stay on disk: what a batch holds in memory hardly grows with the orders.
    """

    def __init__(self, place: Folder | Bucket, orders: int) -> None:
        self._place = place
        self._own = tempfile.TemporaryDirectory(prefix="plantar-") if isinstance(place, Bucket) else None
        self._folder = place.folder if isinstance(place, Folder) else Path(self._own.name if self._own else "")
        self._log = (self._folder / LOG).open("a+b")
        if self._log.seek(0, os.SEEK_END) and self._ends_within_a_line():
            self._log.write(b"\n")
        self._lines: list[tuple[int, int] | None] = [None] * orders
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._log.close()
        if self._own is not None:
            self._own.cleanup()

    def _ends_within_a_line(self) -> bool:
        """Whether an earlier run was ended while it wrote."""
        self._log.seek(-1, os.SEEK_END)
        return self._log.read(1) != b"\n"

    def tell(self, event: str, **values: Any) -> None:
        """Something that happened to the batch as a whole."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        self._write(json.dumps({"time": now, "event": event, **values}, ensure_ascii=False).encode())

    def add(self, result: Result) -> None:
        """What came of an order."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        about = {"time": now, "event": "order", "kept": result.kept, "tries": result.tries}
        head = json.dumps({**about, "seconds": round(result.seconds, 3)})[:-1] + ', "result": '
        line = json.dumps(result.entry, ensure_ascii=False, allow_nan=False).encode()
        start = self._write(head.encode() + line + b"}")
        self._lines[result.number] = (start + len(head), len(line))
        self.counts[result.entry["state"]] += 1
        self.counts["kept"] += result.kept
        self.counts["all"] += 1

    def _write(self, line: bytes) -> int:
        """Where the line begins."""
        start = self._log.seek(0, os.SEEK_END)
        self._log.write(line + b"\n")
        self._log.flush()
        return start

    def orders(self) -> Iterator[bytes]:
        """The lines of all orders that something came of, in the table's order."""
        for place in self._lines:
            if place is not None:
                self._log.seek(place[0])
                yield self._log.read(place[1])

    def finish(self, head: Mapping[str, Any]) -> None:
        """The manifest takes its place, the log beside it: last of all, and all of it or nothing."""
        path = self._folder / f"{PARTIAL}{MANIFEST}"
        with open(path, "wb") as file:
            for piece in manifest(head, self.orders()):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if isinstance(self._place, Bucket):
            self._place.put(LOG, self._folder / LOG)
        self._place.put(MANIFEST, path)


def manifest(head: Mapping[str, Any], orders: Iterator[bytes]) -> Iterator[bytes]:
    """The manifest in pieces: JSON with a line an order."""
    yield json.dumps({"schema": BATCH_SCHEMA, **head}, ensure_ascii=False, allow_nan=False)[:-1].encode()
    yield b', "orders": ['
    between = b"\n"
    for line in orders:
        yield between + line
        between = b",\n"
    yield b"\n]}\n"


def head(table: Mapping[str, Any], parameters: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
    """The manifest but for its orders."""
    from station.version import version

    states = ("done", "incomplete", "failed")
    return {
        "version": version(),
        "table": dict(table),
        "parameters": dict(parameters),
        "counts": {state: counts.get(state, 0) for state in states},
    }
