"""``plantar demo``: the whole main job on feet and a walk whose truth is known."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from station.commands.make import OUTPUTS, carry_out, close
from station.results import Source

if TYPE_CHECKING:
    from footscan.synth import SyntheticFoot, SyntheticWalk
    from footscan.types import PointCloud, Side
    from station.console import Console
    from station.helper import Helper
    from station.make import Made, Order, Tell
    from station.messages import Texts
    from station.orders import Draft
    from station.parser import Parser

#: one person: nearly equal feet, as people have them
FEET: Mapping[Side, Mapping[str, float]] = {
    "left": {"length_mm": 262.0, "arch_apex_height_mm": 14.0, "rearfoot_angle_deg": 4.0, "turn_deg": 84.0, "seed": 1},
    "right": {"length_mm": 260.0, "arch_apex_height_mm": 15.0, "rearfoot_angle_deg": 3.0, "turn_deg": 97.0, "seed": 2},
}
WALK: Mapping[str, Any] = {
    "seed": 3,
    "body_weight_n": 700.0,
    "steps": 28,
    "foot_mm": 262.0,
    "offset_kpa": 4.0,
    "noise_kpa": 1.0,
}
POINTS = 250_000

FEET_TRUTH = (
    "foot_length_mm",
    "foot_breadth_mm",
    "ball_girth_mm",
    "heel_breadth_mm",
    "instep_height_mm",
    "arch_apex_height_mm",
)
WALK_TRUTH = ("cadence_steps_per_min", "stride_time_s", "double_support_s")


def arguments(parser: Parser, say: Texts) -> None:
    """Where the order goes."""
    parser.inputs.add_argument("-o", dest="folder", metavar="DIR", required=True, help=say("help.folder"))


def run(args: argparse.Namespace, console: Console) -> int:
    """Shape the feet, write them as a scanner would, do the main job on those files, compare with the truth."""
    inputs = Inputs()
    made, manifest = carry_out(inputs.write, (), args.folder, OUTPUTS, "demo", console, pieces=12, worth=True)
    return close(made, manifest, args.folder, console, truths(made, inputs, console.say))


class Inputs:
    """The demo's person: ``write`` makes the feet and the walk and keeps them, for their truth."""

    feet: Mapping[Side, SyntheticFoot]
    walk: SyntheticWalk

    def write(self, work: Draft, tell: Tell, helper: Helper | None) -> Order:
        """Leave scans, walk and truth in the order's ``inputs/``; the order that reads them."""
        from footscan import io
        from footscan.synth import make_walk
        from station.console import dump
        from station.helper import share
        from station.make import Order

        folder = work.folder / "inputs"
        folder.mkdir()
        tell("demo.feet")
        made = share(helper, {side: partial(_foot, side) for side in FEET})
        self.feet = {side: foot for side, (foot, _) in made.items()}
        for side, (_, cloud) in made.items():
            io.write_geometry(folder / f"{side}.ply", cloud)
        tell("demo.walk")
        self.walk = make_walk("in_shoe", **WALK)
        io.write_recording(folder / "walk.csv", self.walk.recording)
        work.write("inputs/truth.json", dump(truth_document(self)))
        left, right, walk = (Source(folder / name, f"inputs/{name}") for name in ("left.ply", "right.ply", "walk.csv"))
        return Order(left, right, pressure=(walk,), load="standing")


def _foot(side: Side) -> tuple[SyntheticFoot, PointCloud]:
    """One foot and its scan."""
    from footscan.synth import FootSpec, make_foot, scan_foot

    drawn = FEET[side]
    arch, heel = drawn["arch_apex_height_mm"], drawn["rearfoot_angle_deg"]
    foot = make_foot(FootSpec(side, drawn["length_mm"], arch_apex_height_mm=arch, rearfoot_angle_deg=heel))
    return foot, scan_foot(foot, points=POINTS, turn_deg=drawn["turn_deg"], seed=int(drawn["seed"]))


def truth_document(inputs: Inputs) -> dict[str, Any]:
    """What is known of the inputs: the keys of measures.md a foot, the scalars of the walk."""
    from station.documents import plain

    return {
        "schema": "plantar/truth/1",
        "feet": {side: plain(foot.truth) for side, foot in inputs.feet.items()},
        "walk": {name: plain(value) for name, value in inputs.walk.truth.items() if isinstance(value, (int, float))},
    }


def truths(made: Made, inputs: Inputs, say: Texts) -> tuple[str, ...]:
    """Measured beside true, for each foot and the walk."""
    from station.summary import truth_table

    lines: list[str] = []
    for side, foot in made.feet.items():
        rows = []
        for name in FEET_TRUTH:
            true, got = inputs.feet[side].truth.get(name), foot.measurements[name]
            if isinstance(true, (int, float)) and got is not None:
                rows.append((name, float(true), got))
        lines += truth_table(say("truth.feet", side=say(f"side.{side}")), rows, say)
    for item in made.walks:
        gait = item.analysis.gait
        rows = [
            (name, float(inputs.walk.truth[name]), float(gait[name]))
            for name in WALK_TRUTH
            if gait.get(name) is not None
        ]
        lines += truth_table(say("truth.walk"), rows, say)
    return tuple(lines)
