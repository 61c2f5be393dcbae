"""What the kiosk's child processes do: read what came from outside, measure it, shape insoles. One job, files in, a
document and files out; nothing is kept from one job to the next.

``serve`` is the child's whole life. Its memory, its files and the length of a job are limited (``processing``); what it
raises on purpose goes back as a refusal with a code, everything else ends it.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footscan.errors import FootscanError
from station import rooms
from station.kiosk.frames import read_frame, write_frame
from station.rooms import room

if TYPE_CHECKING:
    from footscan.types import Foot, RegionLoads
    from insole import InsolePrescription

Files = dict[str, bytes]
MB = 1024**2
LARGEST_FILE = 512 * MB  #: that a child may write
MOST_OPEN = 128
TRIANGLES = {"screen": 15_000, "picture": 40_000, "print": 100_000}  #: of an insole


@contextlib.contextmanager
def on_disk(files: Mapping[str, bytes], named: bool = False) -> Iterator[dict[str, Path]]:
    """The files as readers want them, in a folder in memory where there is one, gone afterwards.

    ``named``: under their own names, which must be safe; else only with their endings.
    """
    with room() as folder:
        paths = {}
        for number, (name, data) in enumerate(files.items()):
            suffix = Path(name).suffix if Path(name).suffix[1:].isalnum() else ""
            paths[name] = folder / (name if named else f"{number}{suffix}")
            paths[name].write_bytes(data)
        yield paths


# ------------------------------------------------------------------ jobs


def measure(files: Files, options: Mapping[str, Any]) -> tuple[dict[str, Any], Files]:
    """Scans -> measures, and a foot's file each. ``side`` auto, left or right; ``load``; ``sd`` False leaves out the
    measures' uncertainty, in about half the time."""
    from footscan import find_feet, read_scan
    from station.documents import measure_document
    from station.kiosk import foot_file, skin
    from station.results import Measured

    scans, made = [], {}
    with on_disk(files) as paths:
        for name, path in paths.items():
            scan = read_scan(path)
            side, load = options.get("side", "auto"), options.get("load", "unknown")
            feet = find_feet(scan, side, load, options.get("sd", True))
            scans.append(Measured(name, scan.sha256, scan.unit, tuple(foot.measurements for foot in feet)))
            for foot in feet:
                if foot.side in made:
                    continue
                made[foot.side] = foot
    out: Files = {}
    lines: dict[str, Any] = {}
    for side, foot in made.items():
        out[f"{side}.foot"] = foot_file.foot_bytes(foot)
        lines[side] = skin.tapes(foot)
        out[f"{side}.print.svg"] = skin.print_svg(foot).encode()
    return {"measurements": measure_document(scans), "sides": sorted(made), "lines": lines}, out


def show(files: Files, options: Mapping[str, Any]) -> tuple[dict[str, Any], Files]:
    """A foot's file -> its skin as GLB; no file where there is none to show."""
    from station.kiosk import models, skin
    from station.kiosk.foot_file import read_foot

    out: Files = {}
    for name, data in files.items():
        mesh = skin.skin(read_foot(data, name))
        if mesh is not None:
            out[f"{Path(name).stem}.glb"] = models.skin_glb(mesh)
    return {}, out


def walk(files: Files, options: Mapping[str, Any]) -> tuple[dict[str, Any], Files]:
    """A recording -> what was found in it, each foot's loads, the numbers of a picture of the peaks."""
    from footscan import read_recording
    from footscan.errors import ScanError
    from footscan.pressure import analyse, region_loads
    from station.documents import plain, pressure_document
    from station.kiosk.peaks import peaks
    from station.make import no_step
    from station.orders import sha256
    from station.results import Analysed

    analysed, loads, shown = [], {}, {}
    with on_disk(files) as paths:
        for name, path in paths.items():
            recording = read_recording(path)
            analysis = analyse(recording)
            if not any(step.used for step in analysis.steps):
                raise ScanError(f"{name}: expected a walk, found {no_step(analysis)}")
            analysed.append(Analysed(name, sha256(path), analysis))
            for side, found in region_loads(analysis).items():
                loads[side] = plain(asdict(found))
            shown = peaks(recording)
    return {"pressure": pressure_document(analysed), "loads": loads, "peaks": shown}, {}


def insole(files: Files, options: Mapping[str, Any]) -> tuple[dict[str, Any], Files]:
    """A foot's file -> its insole. ``loads`` of ``walk``, ``preset``, ``edits``; ``for`` screen or print."""
    from footscan.errors import ScanError
    from footscan.types import RegionLoads
    from insole import check_mesh, design, glb_bytes, plan_zones, solid
    from station.kiosk import models
    from station.kiosk.foot_file import read_foot
    from station.kiosk.prescribed import insole_entry

    ((name, data),) = files.items()
    foot = read_foot(data, name)
    loads = RegionLoads(**options["loads"]) if options.get("loads") else None
    prescription = _prescribed(foot, loads, options)
    wanted = options.get("for", "screen")
    shape = design(foot, prescription, TRIANGLES[wanted])
    mesh = solid(shape)
    checks = check_mesh(mesh)
    if not checks.ok:
        wrong = next(item for item in checks.items if not (item.ok or item.advice))
        raise ScanError(f"expected an insole that can be printed, found: {wrong.message}")
    zoning = plan_zones(shape, foot, loads)
    entry = insole_entry(prescription, shape, mesh, checks, zoning)
    side = foot.side
    out = {f"{side}.insole.glb": models.smaller(glb_bytes(mesh))}
    if wanted == "print":
        out |= _printed(side, shape, mesh, zoning)
    return {"side": side, "insole": entry}, out


def _under_a_thick_cover(edits: Mapping[str, Any]) -> dict[str, Any]:
    """The front of the insole as thin as it has to be for the cover that was chosen."""
    from insole.rules import FOREFOOT_MM, FOREFOOT_ROOM_MM

    return {**edits, "forefoot_thickness_mm": max(FOREFOOT_MM[0], FOREFOOT_ROOM_MM - edits["cover_thickness_mm"])}


def _printed(side: str, shape: Any, mesh: Any, zoning: Any) -> Files:
    from insole import stl_bytes
    from insole.slicer_files import printable, zoned_threemf_bytes

    three = zoned_threemf_bytes([printable(shape, mesh, zoning, f"insole {side}")])
    return {f"{side}.insole.stl": stl_bytes(mesh), f"{side}.insole.3mf": three}


def report_pictures(files: Files, options: Mapping[str, Any]) -> tuple[dict[str, Any], Files]:
    """Feet (and the recording of a walk) -> the pictures of a report, PNG; ``loads`` by side, ``preset``, ``edits``,
    ``lang``."""
    from footscan import read_recording
    from footscan.pressure import analyse
    from footscan.types import RegionLoads
    from insole import design, plan_zones, solid
    from station.kiosk.foot_file import read_foot
    from station.pictures import drawings

    feet = [read_foot(data, name) for name, data in files.items() if name.endswith(".foot")]
    walks = {name: data for name, data in files.items() if not name.endswith(".foot")}
    with on_disk(walks) as paths:
        analyses = [analyse(read_recording(path)) for path in paths.values()]
    shapes, meshes, zones = {}, {}, {}
    for foot in feet:
        told = options["loads"].get(foot.side)
        loads = RegionLoads(**told) if told else None
        shapes[foot.side] = design(foot, _prescribed(foot, loads, options), TRIANGLES["picture"])
        meshes[foot.side] = solid(shapes[foot.side])
        zones[foot.side] = plan_zones(shapes[foot.side], foot, loads)
    jobs = drawings({foot.side: foot for foot in feet}, analyses, shapes, meshes, zones, {}, options["lang"])
    return {}, {name: draw() for name, draw in jobs.items() if not name.startswith("zones")}


def _prescribed(foot: Foot, loads: RegionLoads | None, options: Mapping[str, Any]) -> InsolePrescription:
    """As it was chosen; a cover too thick for the preset's shoe makes the front give way."""
    from insole import DesignError, prescribe

    edits = options.get("edits", {})
    try:
        return prescribe(foot.measurements, loads, preset=options["preset"], edits=edits)
    except DesignError as error:
        if error.rule != "forefoot total" or "cover_thickness_mm" not in edits:
            raise
        thinner = _under_a_thick_cover(edits)
        return prescribe(foot.measurements, loads, preset=options["preset"], edits=thinner)


def simulate(files: Files, options: Mapping[str, Any]) -> tuple[dict[str, Any], Files]:
    """A scan that nobody made: one foot of known truth as a PLY, as a scanner would leave it."""
    from station.kiosk.simulated_scan import scan

    return {}, {f"{options['side']}.ply": scan(options)}


def landmarks(files: Files, options: Mapping[str, Any]) -> tuple[dict[str, Any], Files]:
    """The staff's: a foot with moved landmarks."""
    from station.kiosk.staff import jobs

    return jobs.landmarks(files, options)


def pictures(files: Files, options: Mapping[str, Any]) -> tuple[dict[str, Any], Files]:
    """The staff's: a foot from three sides, to move its landmarks on."""
    from station.kiosk.staff import jobs

    return jobs.pictures(files, options)


def warm(files: Files, options: Mapping[str, Any]) -> tuple[dict[str, Any], Files]:
    """Everything that the jobs import, before the first customer waits for it."""
    import footscan.feet
    import footscan.plot_feet
    import footscan.pressure
    import footscan.synth
    import insole.slicer_files
    import insole.zones
    import station.documents
    import station.kiosk.skin
    from footscan.measures.template import KINDS, load_template

    for kind in KINDS:
        load_template(kind)
    return {"pid": os.getpid(), "modules": len((footscan, insole, station))}, {}


JOBS: Mapping[str, Callable[[Files, Mapping[str, Any]], tuple[dict[str, Any], Files]]] = {
    "measure": measure, "show": show, "walk": walk, "insole": insole, "report_pictures": report_pictures,
    "simulate": simulate, "warm": warm,
    "landmarks": landmarks, "pictures": pictures,
}  # fmt: skip


# ------------------------------------------------------------------ the child's life


def limit(memory_mb: int) -> None:
    """What this process may take, where the system can say so."""
    with contextlib.suppress(ImportError):
        import resource

        for kind, most in (
            ("RLIMIT_DATA", memory_mb * MB),
            ("RLIMIT_FSIZE", LARGEST_FILE),
            ("RLIMIT_NOFILE", MOST_OPEN),
            ("RLIMIT_CORE", 0),
        ):
            if hasattr(resource, kind):
                number = getattr(resource, kind)
                _, hard = resource.getrlimit(number)
                low = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.setrlimit(number, (low, low))


def serve(memory_mb: int) -> None:
    """Answer jobs until the input ends, or the kiosk does."""
    limit(memory_mb)
    threading.Thread(target=_end_with_the_kiosk, daemon=True).start()
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints, prints elsewhere
    try:
        while (job := read_frame(asked)) is not None:
            write_frame(answers, *_answer(*job))
    except (EOFError, BrokenPipeError):
        _leave()  # in the midst of a job or its answer: nobody waits for it


def _end_with_the_kiosk() -> None:
    """Whatever this process does: when nobody can ask it any more, it ends."""
    if hasattr(select, "poll"):
        gone = select.poll()
        gone.register(0, 0)  # the other end of the pipe, no more
        gone.poll()
        _leave()


def _leave() -> None:
    """End at once, without a word; nothing of a file stays behind."""
    rooms.remove(os.getpid())
    os._exit(0)


def _answer(head: Mapping[str, Any], files: Files) -> tuple[dict[str, Any], Files]:
    try:
        document, out = JOBS[head["job"]](files, head["options"])
    except (FootscanError, ValueError) as error:
        return {"ok": False, "error": type(error).__name__, "message": str(error)}, {}
    except MemoryError:
        return {"ok": False, "error": "MemoryError", "message": "more memory than one file may take"}, {}
    except OSError as error:
        return {"ok": False, "error": "OSError", "message": error.strerror or str(error)}, {}
    return {"ok": True, "document": document}, out
