"""Design a pair: two scans and a walk become two insoles, with a reason beside each value.

    python examples/design_a_pair.py [FOLDER]

Writes left.stl and right.stl into FOLDER (default: a temporary one). The feet and the walk are synthetic, so that this
runs without any data. The command that does all this and more is ``plantar make``.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from footscan import analyse, find_feet
from footscan.pressure import region_loads
from footscan.synth import FootSpec, make_foot, make_walk, scan_foot
from insole import check_mesh, design, prescribe, solid
from insole.files import stl_bytes

SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


def main(folder: Path | None = None) -> float:
    """Length of the longer insole on the shoe's bed in mm: the foot's 260, 10 added in front, 4.5 less at the heel."""
    loads = region_loads(analyse(make_walk("in_shoe", seed=1, steps=24).recording))
    lengths = []
    for side in SIDES:
        cloud = scan_foot(make_foot(FootSpec(side, length_mm=260.0)), points=30_000)
        (foot,) = find_feet(cloud, side=side, load="standing")
        prescription = prescribe(foot.measurements, loads.get(side))
        print(f"{side}: heel cup {prescription.heel_cup_depth_mm:g} mm, arch {prescription.arch_offset_mm:+g} mm")
        for name, reason in prescription.reasons.items():
            print(f"   {name}: {reason.text} ({reason.source})")

        shape = design(foot, prescription)
        mesh = solid(shape)  # mm, foot frame, the bed's lowest point at z = 0
        assert check_mesh(mesh).ok
        if folder is not None:
            (folder / f"{side}.stl").write_bytes(stl_bytes(mesh))
        lengths.append(float(np.ptp(shape.outline_mm[:, 0])))
    return max(lengths)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as place:
            main(Path(place))
