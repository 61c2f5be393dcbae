"""One order of a table, from addresses to its finished place: a pure function of the order, small going in and out.

Nothing of a scan or a mesh leaves the process that works on it: what comes back is what the manifest says of the order.
"""

from __future__ import annotations

import errno
import hashlib
import importlib
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from footscan.errors import FootscanError
from station.batch import addresses
from station.batch.places import place_of
from station.batch.table import Row
from station.errors import StationError, UsageError, exit_code, lines, one_line
from station.make import TRIANGLES, Made, Order, make
from station.results import Failure, Source
from station.trust import trusted

if TYPE_CHECKING:
    from station.batch.places import Place

State = Literal["done", "incomplete", "failed", "ready"]
WAIT_S = 30.0  #: for another worker that was thought lost and still writes the same order
#: what every order needs, imported before the first
NEEDED = (
    "footscan.feet", "footscan.pressure", "footscan.usual", "insole.body", "insole.checks", "insole.files",
    "insole.recommendation", "insole.shaping", "insole.slicer_files", "insole.zones", "station.writing",
)  # fmt: skip
FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


@dataclass(frozen=True)
class Task:
    """One order and all that its files follow from; ``place`` and ``base``: where results go and addresses start.

    ``incomplete``: an order of which a foot or a recording failed is written with the rest; ``any_quality``:
    scans that can't be trusted too; ``keep``: an order that stands there, made of the same, is left as it is.
    """

    number: int
    row: Row
    base: str
    place: str
    version: str
    outputs: tuple[str, ...]
    lang: str = "en"
    triangles: int = TRIANGLES
    sd: bool = True
    incomplete: bool = False
    any_quality: bool = False
    keep: bool = False


@dataclass(frozen=True)
class Result:
    """What came of an order: its line of the batch's manifest; ``kept`` where it was done before.

    ``fatal`` is the exit code of what is no order's fault: no order after this one would fare better; ``last``: the
    worker wants to be replaced.
    """

    number: int
    entry: Mapping[str, Any]
    kept: bool = False
    fatal: int = 0
    tries: int = 1
    seconds: float = 0.0
    last: bool = False


def carry_out(task: Task) -> Result:
    """Do one order. What it can't support is in the result; what is no order's fault is raised."""
    from station.version import version

    if task.version != version():
        raise UsageError(f"expected plantar {task.version} on every worker, found {version()}; install the same")
    place = place_of(task.place)
    with tempfile.TemporaryDirectory(prefix="plantar-") as folder:
        order: Order | None = None
        try:
            order = gathered(task, Path(folder))
            if task.keep:
                manifest = standing(task, order, place)
                if manifest is not None:
                    return Result(task.number, entry(task.row.order, manifest), kept=True)
            return _made(task, order, place)
        except (FootscanError, StationError) as error:
            return Result(task.number, refused(task.row.order, error, order))


def _made(task: Task, order: Order, place: Place) -> Result:
    from station.messages import Texts
    from station.progress import Progress
    from station.writing import Log, write

    sources = [source.path for _, source in order.sources]
    with place.draft(task.row.order, sources, WAIT_S) as work:
        log = Log(work, Progress(sys.stderr, 1, shown=False), Texts(task.lang))
        made = make(order, log.tell, None, "prediction" in task.outputs)
        made = named(made if task.any_quality else trusted(made))
        if not made.insoles or (made.failed and not task.incomplete):
            return Result(task.number, _failed(task.row.order, made.failed, made.inputs))
        manifest = write(made, work, task.outputs, "batch", task.lang, log, None)
        return Result(task.number, entry(task.row.order, manifest))


def gathered(task: Task, folder: Path) -> Order:
    """The order with its files at hand: those of far away are fetched into ``folder``."""
    found: dict[str, list[Source]] = {}
    for number, (role, text) in enumerate(task.row.files):
        path = addresses.fetch(addresses.joined(task.base, text), folder / str(number))
        found.setdefault(role, []).append(Source(path, text))
    single = {role: sources[0] for role, sources in found.items() if role != "pressure"}
    return Order(
        left=single.get("left"),
        right=single.get("right"),
        pair=single.get("pair"),
        pressure=tuple(found.get("pressure", ())),
        rx=single.get("rx"),
        preset=task.row.preset,
        unit=task.row.unit,
        load=_load(task.row.load),
        measurements=single.get("measurements"),
        preset_file=single.get("preset"),
        triangles=task.triangles,
        sd=task.sd,
        any_quality=task.any_quality,
    )


def _load(text: str) -> Any:
    return text  # the table has checked it


def standing(task: Task, order: Order, place: Place) -> Mapping[str, Any] | None:
    """The manifest of an order that is there and was made of exactly this; None where it has to be made."""
    from station.make import inputs
    from station.writing import parameters

    manifest = place.manifest(task.row.order)
    if manifest is None or manifest.get("version") != task.version:
        return None
    if manifest.get("parameters") != parameters(order, task.outputs, task.lang):
        return None
    if manifest.get("inputs") != [dict(item) for item in inputs(order)]:
        return None
    if manifest.get("failed") and not task.incomplete:
        return None
    there = place.sizes(task.row.order)
    outputs: Mapping[str, Mapping[str, Any]] = manifest.get("outputs", {})
    return manifest if all(there.get(name) == about["bytes"] for name, about in outputs.items()) else None


def named(made: Made) -> Made:
    """What failed, told by the names that the table gives its files and by no path of this machine."""
    failed = tuple(replace(f, message=_told(f.message, made.order)) for f in made.failed)
    return replace(made, failed=failed)


def _told(message: str, order: Order | None) -> str:
    for _, source in () if order is None else order.sources:
        message = message.replace(str(source.path), source.name)
    return message


# ------------------------------------------------------------------ the line of an order


def entry(name: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The line of an order that was written, out of its own manifest."""
    from station.console import dump

    insoles = {
        side: {key: value for key, value in about.items() if key != "footprint_mm"}
        for side, about in manifest["insoles"].items()
    }
    return {
        "order": name,
        "state": "incomplete" if manifest["failed"] else "done",
        "manifest_sha256": hashlib.sha256(dump(manifest).encode()).hexdigest(),
        "preset": manifest["parameters"]["preset"],
        "preset_sha256": manifest["parameters"]["preset_sha256"],
        "inputs": manifest["inputs"],
        "insoles": insoles,
        "left_out": manifest["left_out"],
        "failed": manifest["failed"],
        "outputs": {file: about["sha256"] for file, about in manifest["outputs"].items()},
    }


def refused(name: str, error: BaseException, order: Order | None = None) -> dict[str, Any]:
    """The line of an order that an error ended."""
    from station.make import inputs

    kind = type(error).__name__ if isinstance(error, (FootscanError, StationError, OSError, MemoryError)) else "Error"
    message = _told("; ".join(lines(error)), order)
    return _failed(name, (Failure("", kind, message),), () if order is None else inputs(order))


def ended(task: Task, error: BaseException) -> Result:
    """What an error means that no order is to blame for: a mistake in the program, or the end of the whole batch."""
    code = 0
    if isinstance(error, StationError) or (isinstance(error, OSError) and error.errno in FULL):
        code = exit_code(error)
    return Result(task.number, refused(task.row.order, error), fatal=code)


def failed(name: str, kind: str, message: str) -> dict[str, Any]:
    """The line of an order that never got to its files, or never came back from them."""
    return _failed(name, (Failure("", kind, one_line(message)),))


def _failed(name: str, failures: tuple[Failure, ...], read: tuple[Mapping[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "order": name,
        "state": "failed",
        "inputs": [dict(item) for item in read],
        "failed": [{"source": f.source, "error": f.error, "message": f.message} for f in failures],
    }


def ready() -> None:
    """Import and load what every order needs, once a worker."""
    for name in NEEDED:
        importlib.import_module(name)
    importlib.import_module("footscan.measures.template").load_template("apart")
