"""``plantar surface``: a closed surface out of any scan of feet, invented faces in another colour."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.commands.make import UNITS
from station.errors import DONE, SOME_FAILED, NothingDoneError, UsageError
from station.results import Failure, Source

if TYPE_CHECKING:
    from footscan.scans.surface import ClosedSurface
    from footscan.types import Foot, Scan
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser

SCHEMA = "plantar/surface/1"
COLOURED = ".glb"
POINTS_ONLY = {".pcd", ".xyz", ".txt"}


def arguments(parser: Parser, say: Texts) -> None:
    """A scan, how to take it, the file that is written."""
    add = parser.inputs.add_argument
    add("scan", metavar="SCAN", help=say("surface.scan"))
    add("--side", choices=("auto", "left", "right"), default="auto", help=say("measure.side"))
    add("--unit", choices=UNITS, default="auto", help=say("help.unit"))
    add("-o", dest="target", metavar="FILE", required=True, help=say("surface.target"))


def run(args: argparse.Namespace, console: Console) -> int:
    """Close the surface of each foot; with two feet each gets a file, ``FILE-left`` and ``FILE-right``."""
    from footscan import find_feet, read_scan
    from footscan.errors import ScanError
    from footscan.scans.surface import close_surface
    from station.extras import need

    source, target, say = Source.given(args.scan), Source.given(args.target), console.say
    _check_target(target, source)
    need("open3d", "fusion", "surface")
    done: list[dict[str, Any]] = []
    failed: list[Failure] = []
    with console.progress(3) as bar:
        bar.step(say("make.measuring", name=source.name))
        scan = read_scan(source.path, unit=args.unit)
        feet = find_feet(scan, side=args.side, uncertainty=False)
        bar.step(say("surface.closing"))
        for foot in feet:
            try:
                surface = close_surface(foot, _cloud(scan))
            except ScanError as error:
                failed.append(Failure.of(source.name, error))
                continue
            path = _named(target.path, foot, len(feet))
            done.append(_written(path, surface, foot))
    if not done:
        raise NothingDoneError(f.message for f in failed)
    lost = [{"source": f.source, "error": f.error, "message": f.message} for f in failed]
    console.document(
        {"schema": SCHEMA, "source": source.name, "sha256": scan.sha256, "unit": scan.unit, "feet": done,
         "failed": lost}
    )  # fmt: skip
    for item in done:
        console.print(
            say("surface.done", side=say(f"side.{item['side']}"), target=item["target"], faces=item["faces"],
                share=f"{item['invented_percent']:.0f}")
        )  # fmt: skip
    for failure in failed:
        console.fail(failure.message)
    return SOME_FAILED if failed else DONE


def _check_target(target: Source, source: Source) -> None:
    from footscan.io import FORMATS

    suffix = target.path.suffix.lower()
    meshes = sorted({s for f in FORMATS if f.writable and f.kind == "scan" for s in f.written} - POINTS_ONLY)
    if suffix not in meshes:
        raise UsageError(
            f"{target.name}: expected a name that ends in one of {', '.join(meshes)}, found"
            f" {suffix or 'no ending'}; only {COLOURED} has the colours"
        )
    if target.path.is_dir():
        raise UsageError(f"{target.name}: expected a file's name, found a folder; give the name of a file in it")
    if source.path.exists() and target.path.exists() and source.path.samefile(target.path):
        raise UsageError(f"{target.name}: expected another file than the input, found the same; choose another name")


def _cloud(scan: Scan) -> Any:
    """The scan's own cloud, whose normals say which side is outside; None for a mesh."""
    from footscan.types import PointCloud

    return scan.geometry if isinstance(scan.geometry, PointCloud) else None


def _named(target: Path, foot: Foot, count: int) -> Path:
    return target if count == 1 else target.with_name(f"{target.stem}-{foot.side}{target.suffix}")


def _written(path: Path, surface: ClosedSurface, foot: Foot) -> dict[str, Any]:
    """Write one surface, on its true side in the foot frame; what the document says of it."""
    from footscan.frame import T_MIRROR, transform
    from footscan.io import write_geometry
    from footscan.io.files import write_bytes_atomic
    from footscan.meshes import area_mm2, is_watertight, volume_mm3
    from footscan.types import Mesh
    from station.orders import sha256

    mesh: Mesh = surface.mesh
    if foot.side == "left":
        mesh = Mesh(transform(T_MIRROR, mesh.vertices), mesh.faces[:, ::-1], mesh.frame)
    if path.suffix.lower() == COLOURED:
        from station.glb import coloured_glb_bytes

        write_bytes_atomic(path, coloured_glb_bytes(mesh, surface.invented))
    else:
        write_geometry(path, mesh)
    return {
        "side": foot.side,
        "target": path.name,
        "sha256": sha256(path),
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
        "watertight": is_watertight(mesh),
        "area_cm2": round(area_mm2(mesh) / 100.0, 3),
        "volume_ml": round(volume_mm3(mesh) / 1000.0, 3),
        "invented_percent": round(100.0 * surface.invented_share, 3),
    }
