"""What a made order leaves in its folder, and the log of how it went."""

from __future__ import annotations

import datetime
import importlib.util
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from station import interrupts
from station.console import dump
from station.documents import measure_document, pressure_document
from station.helper import Helper, share
from station.orders import LOG, Draft
from station.pieces import piece, preset_sha256
from station.predictions import prediction_document
from station.prescriptions import prescription_document
from station.results import LeftOut
from station.version import version

if TYPE_CHECKING:
    from station.make import Insole, Made, Order
    from station.messages import Texts
    from station.progress import Progress

PICTURES = "pictures"  #: the folder of an order that they are in


class Log:
    """Tells the bar, and ``log.jsonl`` in the order's folder, which piece of work starts and how long it took.

    The only file of an order with wall time in it; the manifest does not hash it.
    """

    def __init__(self, work: Draft, bar: Progress, say: Texts) -> None:
        self._path, self._bar, self._say = work.folder / LOG, bar, say
        self._now: tuple[str, Mapping[str, str], float] | None = None

    def tell(self, key: str, **values: str) -> None:
        """``key`` is the text of the piece of work that starts now. KeyboardInterrupt where that was asked before."""
        interrupts.check()
        self._bar.step(self._say(key, **values))
        self.end()
        self._now = (key, values, time.monotonic())

    def end(self) -> None:
        """The last piece of work is over."""
        if self._now is None:
            return
        key, values, start = self._now
        entry = {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "stage": key,
            **values,
            "seconds": round(time.monotonic() - start, 3),
        }
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._now = None


def documents(made: Made) -> dict[str, dict[str, Any]]:
    """File name -> document, of those that an order has."""
    scans = {source.name for _, source in made.order.scans}
    recordings = {source.name for source in made.order.pressure}
    papers = {
        "measurements.json": measure_document(made.scans, [f for f in made.failed if f.source in scans]),
        "pressure.json": pressure_document(made.walks, [f for f in made.failed if f.source in recordings]),
        "prescription.json": prescription_document(made),
    }
    if any(insole.prediction is not None or insole.no_prediction for insole in made.insoles.values()):
        papers["prediction.json"] = prediction_document(made)
    return papers


def write(
    made: Made, work: Draft, asked: Sequence[str], command: str, lang: str, log: Log, helper: Helper | None
) -> dict[str, Any]:
    """Write what is ``asked`` of an order and finish it; returns its manifest."""
    papers = documents(made)
    left_out = list(made.left_out)
    drawing = "pictures" in asked or "report" in asked
    if drawing and importlib.util.find_spec("matplotlib") is None:
        left_out.append(LeftOut("no_matplotlib"))
        drawing = False
    log.tell("make.writing")
    jobs = _meshes(made, asked) | (_drawings(made, lang) if drawing else {})
    for name, data in share(helper, jobs).items():
        work.write(name, data)
    for name, document in papers.items():
        if ("prediction" if name == "prediction.json" else "json") in asked:
            work.write(name, dump(document))
    if "report" in asked:
        log.tell("make.reporting")
        left_out += _report(work, papers, [name for name in jobs if name.startswith(PICTURES)], lang)
    if drawing and "pictures" not in asked:
        shutil.rmtree(work.folder / PICTURES)  # they were for the report alone
    log.tell("make.finishing")
    log.end()
    interrupts.check()
    return work.finish(head(made, asked, command, lang, left_out))


def head(
    made: Made, asked: Sequence[str], command: str, lang: str, left_out: Sequence[LeftOut] | None = None
) -> dict[str, Any]:
    """The manifest of an order but for its outputs."""
    return {
        "version": version(),
        "command": command,
        "parameters": parameters(made.order, asked, lang),
        "inputs": [dict(item) for item in made.inputs],
        "feet": {side: side in made.insoles for side in ("left", "right")},
        "insoles": {side: piece(insole) for side, insole in made.insoles.items()},
        "left_out": [{"code": item.code, **item.values} for item in (made.left_out if left_out is None else left_out)],
        "failed": [{"source": f.source, "error": f.error, "message": f.message} for f in made.failed],
    }


def parameters(order: Order, asked: Sequence[str], lang: str) -> dict[str, Any]:
    """Everything that an order's files follow from, beside the inputs and the version."""
    return {
        "preset": order.preset,
        "preset_sha256": preset_sha256(order),
        "unit": order.unit,
        "load": order.load,
        "outputs": list(asked),
        "lang": lang,
        "triangles": order.triangles,
        "sd": order.sd,
        "any_quality": order.any_quality,
    }


def ready() -> None:
    """Import what drawing needs, while there is time."""
    importlib.import_module("matplotlib.backends.backend_agg")
    importlib.import_module("matplotlib.figure")
    importlib.import_module("PIL.Image")


def _meshes(made: Made, asked: Sequence[str]) -> dict[str, Callable[[], bytes]]:
    """The mesh files that are asked for, by name, each to be made by a call."""
    from insole import glb_bytes, stl_bytes

    jobs: dict[str, Callable[[], bytes]] = {}
    for side, insole in made.insoles.items():
        ways = {
            "stl": partial(stl_bytes, insole.mesh),
            "3mf": partial(_threemf, insole, f"insole {side}"),
            "glb": partial(glb_bytes, insole.mesh),
        }
        jobs |= {f"{side}/insole.{kind}": way for kind, way in ways.items() if kind in asked}
    return jobs


def _threemf(insole: Insole, name: str) -> bytes:
    """With its zones, for PrusaSlicer."""
    from insole.slicer_files import printable, zoned_threemf_bytes

    return zoned_threemf_bytes([printable(insole.design, insole.mesh, insole.zoning, name)])


def _drawings(made: Made, lang: str) -> dict[str, Callable[[], bytes]]:
    from station.pictures import drawings

    analyses = [walk.analysis for walk in made.walks]
    designs = {side: insole.design for side, insole in made.insoles.items()}
    meshes = {side: insole.mesh for side, insole in made.insoles.items()}
    zonings = {side: i.zoning for side, i in made.insoles.items() if i.zoning is not None}
    foretold = {side: i.prediction for side, i in made.insoles.items() if i.prediction is not None}
    jobs = drawings(made.feet, analyses, designs, meshes, zonings, foretold, lang)
    return {f"{PICTURES}/{name}": job for name, job in jobs.items()}


def _report(work: Draft, papers: Mapping[str, dict[str, Any]], pictures: Sequence[str], lang: str) -> list[LeftOut]:
    """The report for people; what can't be made of it for want of a font."""
    from station import report

    drawn = [str(work.folder / name) for name in pictures]
    work.write("report.html", report.html(papers, drawn, lang))
    if report.why_no_pdf(lang) is not None:
        return [LeftOut("no_chinese_pdf")]
    work.write("report.pdf", report.pdf(papers, drawn, lang))
    return []
