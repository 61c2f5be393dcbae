"""A small order made for real, once: two synthetic scans and a walk through the whole pipeline."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

from footscan import io
from footscan.synth import FootSpec, make_foot, make_walk, scan_foot
from footscan.types import Foot, Mesh, Side, replace
from station.make import Made, Order, make
from station.results import Source
from station.writing import documents


@functools.cache
def made() -> Made:
    """Left and right insole of 25 cm feet, with a walk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lengths: dict[Side, float] = {"left": 252.0, "right": 248.0}
        for side, length in lengths.items():
            scan = scan_foot(make_foot(FootSpec(side, length)), points=60_000, turn_deg=80.0, seed=4)
            io.write_geometry(folder / f"{side}.ply", scan)
        walk = make_walk("in_shoe", seed=5, steps=10, foot_mm=250.0)
        io.write_recording(folder / "walk.csv", walk.recording)
        left, right, steps = (Source(folder / f, f) for f in ("left.ply", "right.ply", "walk.csv"))
        return make(Order(left, right, pressure=(steps,), load="standing"), predicting=True)


def papers() -> dict[str, Any]:
    """Its documents, new each time (a test may change them)."""
    return documents(made())


def meshes() -> dict[Side, Mesh]:
    return {side: insole.mesh for side, insole in made().insoles.items()}


def other_side(foot: Foot) -> Foot:
    """The same shape as a foot of the other side (both live in the right-foot design frame)."""
    side: Side = "left" if foot.side == "right" else "right"
    return replace(foot, measurements=replace(foot.measurements, side=side))


def small_pictures(folder: Path) -> list[str]:
    """A picture of each kind that a report shows: one small PNG under all names."""
    from footscan.page import new_figure, png

    data = png(new_figure(1.0, 0.5))
    names = ("pair", "foot_left", "foot_right", "insole_left", "insole_right", "pressure_1", "force_1")
    names += ("zones_left", "zones_right", "prediction_left", "prediction_right")
    for name in names:
        (folder / f"{name}.png").write_bytes(data)
    return [str(folder / f"{name}.png") for name in names]
