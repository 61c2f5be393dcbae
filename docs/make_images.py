"""Makes the README's and the documentation's pictures of real orders into docs/img: `python docs/make_images.py`.

The demo's pictures need nothing; those of the standing adult's scan and of a real walk need the real data beside the
checkout (`../shared/data`) and are left as they are without them. All goes through the pipeline that orders take.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "img"
DATA = ROOT.parent / "shared" / "data"

#: picture of an order -> its name in docs/img
DEMO = {
    "pair.png": "demo.png",
    "foot_left.png": "demo_foot.png",
    "insole_left.png": "demo_insole.png",
    "pressure_1.png": "demo_pressure.png",
    "force_1.png": "demo_force.png",
}
ADULT = {
    "pair.png": "standing_adult.png",
    "foot_left.png": "standing_adult_foot.png",
    "insole_left.png": "standing_adult_insole.png",
}
WALK = ("walk_pressure.png", "walk_force.png", "walk_cop.png", "walk_regions.png")


def demo(order: Path) -> dict[str, bytes]:
    """Name in docs/img -> PNG, from the folder that ``plantar demo`` left."""
    return {name: (order / "pictures" / source).read_bytes() for source, name in DEMO.items()}


def standing_adult(data: Path) -> dict[str, bytes]:
    """The same of the standing adult's left foot, scanned in a shop, its sole closed flat by the scanner."""
    from station.make import Order, make
    from station.pictures import drawings
    from station.results import Source

    scan = data / "scans" / "standing_adult_left" / "left_foot.stl"
    made = make(Order(left=Source(scan, scan.name), load="standing"))
    designs = {side: insole.design for side, insole in made.insoles.items()}
    jobs = drawings(made.feet, [], designs, {side: insole.mesh for side, insole in made.insoles.items()})
    return {name: jobs[source]() for source, name in ADULT.items()}


def walk(data: Path) -> dict[str, bytes]:
    """A real walk in pedar insoles: what pressed where, its path, the force of each foot, each region's load."""
    from footscan import io, plot
    from footscan.plot_pressure import region_bars
    from footscan.plot_pressure_cop import cop_butterfly
    from footscan.pressure import analyse

    analysis = analyse(io.read_recording(data / "pressure" / "pedar" / "pedar_example.asc"))
    figures = plot.pressure_map(analysis), plot.force_curves(analysis), cop_butterfly(analysis), region_bars(analysis)
    return {name: plot.png(figure) for name, figure in zip(WALK, figures)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures; returns an exit code."""
    from station.cli import main as plantar

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pictures go (default: docs/img)")
    parser.add_argument("--order", type=Path, help="an order that plantar demo left (default: a new one)")
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, bytes] = {}
    if asked.order is not None:
        pictures |= demo(asked.order)
    else:
        with tempfile.TemporaryDirectory() as place:
            code = plantar(["demo", "-o", f"{place}/demo"])
            if code != 0:
                return code
            pictures |= demo(Path(place) / "demo")
    if DATA.is_dir():
        pictures |= standing_adult(DATA) | walk(DATA)
    else:
        print(f"{DATA}: not there, so the pictures of real data stay as they are", file=sys.stderr)
    for name, data in pictures.items():
        (asked.folder / name).write_bytes(data)
        print(f"{asked.folder / name}: {len(data) // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
