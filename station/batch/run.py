"""A whole batch: what is to be done, who does it, what came of it."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from footscan.errors import FootscanError
from station.batch import addresses
from station.batch.engines import cluster, processes
from station.batch.item import Result, Task, entry, failed, gathered, refused, standing
from station.batch.places import Bucket, Folder, place_of
from station.batch.results import Journal, head
from station.batch.table import Refused, Row, Table
from station.batch.worker import Limits
from station.errors import DONE, NOTHING_DONE, SOME_FAILED, StationError, UsageError
from station.make import TRIANGLES, check_preset
from station.version import version

Hear = Callable[[Result, Mapping[str, int]], None]  #: after each order: what came of it, and the counts so far


@dataclass(frozen=True)
class Options:
    """How a batch is done; ``jobs`` and ``cluster`` change nothing of what comes out."""

    outputs: tuple[str, ...]
    lang: str = "en"
    triangles: int = TRIANGLES
    sd: bool = True
    incomplete: bool = False
    any_quality: bool = False
    jobs: int = 1
    cluster: str | None = None
    limits: Limits = field(default_factory=Limits)
    resume: bool = False
    failed_only: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """What the outputs follow from."""
        return {
            "outputs": list(self.outputs),
            "lang": self.lang,
            "triangles": self.triangles,
            "sd": self.sd,
            "incomplete": self.incomplete,
            "any_quality": self.any_quality,
            "time_limit_s": self.limits.time_s,
            "memory_limit_mb": self.limits.memory_mb,
        }


class BatchEndedError(StationError):
    """Something that no order is to blame for ended the whole batch; what was done is done."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message}; what is done stays: go on with --resume")
        self.exit_code = code


@dataclass(frozen=True)
class Plan:
    """What is known before any work: results of rows that need none, and tasks for the rest."""

    results: tuple[Result, ...]
    tasks: tuple[Task, ...]


def planned(table: Table, place: Folder | Bucket, address: str, options: Options) -> Plan:
    """What is to be done. UsageError where ``--failed-only`` has nothing to go by."""
    before = _before(table, place) if options.failed_only else {}
    results, tasks = [], []
    for number, row in enumerate(table.rows):
        if isinstance(row, Refused):
            results.append(Result(number, failed(row.order, "UsageError", row.message)))
        elif row.order in before and before[row.order]["state"] == "done":
            results.append(Result(number, before[row.order], kept=True))
        else:
            tasks.append(_task(number, row, table, address, options))
    return Plan(tuple(results), tuple(tasks))


def _task(number: int, row: Row, table: Table, address: str, options: Options) -> Task:
    return Task(
        number,
        row,
        table.base,
        address,
        version(),
        options.outputs,
        options.lang,
        options.triangles,
        options.sd,
        options.incomplete,
        options.any_quality,
        keep=options.resume,
    )


def _before(table: Table, place: Folder | Bucket) -> dict[str, Mapping[str, Any]]:
    """What the last run says of each order."""
    manifest = place.batch_manifest()
    if manifest is None:
        raise UsageError("--failed-only: expected a finished run, found no manifest of one; finish it with --resume")
    found = {entry["order"]: entry for entry in manifest["orders"]}
    new = [row.order for row in table.rows if isinstance(row, Row) and row.order not in found]
    if new:
        raise UsageError(
            f"--failed-only: expected the orders of the last run, found {len(new)} others, {new[0]} first; use --resume"
        )
    return found


def run(table: Table, address: str, options: Options, hear: Hear) -> dict[str, int]:
    """Do all orders and leave the manifest; returns how many are done, incomplete, failed, and kept from before.

    BatchEndedError (exit 4 and others) where something ended the whole: a full disk, a cluster that is gone.
    """
    place = place_of(address)
    with place.alone():
        place.refuse_strangers()
        place.tidy()
        plan = planned(table, place, address, options)
        with Journal(place, len(table.rows)) as journal:
            start = time.monotonic()
            how = {"jobs": options.jobs, "cluster": options.cluster, "resume": options.resume}
            journal.tell("begin", version=version(), orders=len(table.rows), **how)
            for result in plan.results:
                journal.add(result)
                hear(result, journal.counts)
            try:
                _work(plan.tasks, options, journal, hear)
            finally:
                if options.cluster is None:
                    place.tidy()
            about = {"source": table.source, "sha256": table.sha256}
            counts = dict(journal.counts)
            journal.tell("end", seconds=round(time.monotonic() - start, 3), **counts)
            journal.finish(head(about, options.parameters, counts))
    return counts


def _work(tasks: tuple[Task, ...], options: Options, journal: Journal, hear: Hear) -> None:
    with contextlib.closing(_engine(tasks, options)) as results:
        for result in results:
            if result.fatal:
                raise BatchEndedError(result.fatal, result.entry["failed"][0]["message"])
            journal.add(result)
            hear(result, journal.counts)


def _engine(tasks: tuple[Task, ...], options: Options) -> Generator[Result]:
    if options.cluster is not None:
        return cluster(tasks, options.cluster, options.limits)
    return processes(tasks, max(1, min(options.jobs, len(tasks))), options.limits)


def exit_code(counts: Mapping[str, int]) -> int:
    """0 all done, 1 some are, 3 none is."""
    good = counts.get("done", 0) + counts.get("ready", 0)
    if not good and not counts.get("incomplete", 0):
        return NOTHING_DONE
    return SOME_FAILED if counts.get("failed", 0) or counts.get("incomplete", 0) else DONE


# ------------------------------------------------------------------ without doing it


def rehearsed(table: Table, address: str, options: Options, hear: Hear) -> list[Result]:
    """What a run would do, and what is plainly wrong: files that are not there, presets that nobody has.

    Nothing is written. ``ready``: would be made; ``done``: would be left as it is.
    """
    place = place_of(address)
    place.refuse_strangers()
    plan = planned(table, place, address, options)
    counts: dict[str, int] = {}
    with ThreadPoolExecutor(options.jobs) as pool:
        found = sorted([*plan.results, *pool.map(_looked_at, plan.tasks)], key=lambda result: result.number)
    for result in found:
        for word in (result.entry["state"], *(["kept"] if result.kept else [])):
            counts[word] = counts.get(word, 0) + 1
        hear(result, counts)
    return found


def _looked_at(task: Task) -> Result:
    missing = [text for role, text in task.row.files if not addresses.exists(addresses.joined(task.base, text))]
    if missing:
        message = f"{missing[0]}: expected a file, found none; relative names start at the table's folder"
        return Result(task.number, failed(task.row.order, "ReadError", message))
    try:
        if not task.row.preset.endswith(".toml"):
            check_preset(task.row.preset)
        if task.keep:
            with tempfile.TemporaryDirectory(prefix="plantar-") as folder:
                manifest = standing(task, gathered(task, Path(folder)), place_of(task.place))
            if manifest is not None:
                return Result(task.number, entry(task.row.order, manifest), kept=True)
    except (FootscanError, StationError) as error:
        return Result(task.number, refused(task.row.order, error))
    return Result(task.number, {"order": task.row.order, "state": "ready", "inputs": [], "failed": []})
