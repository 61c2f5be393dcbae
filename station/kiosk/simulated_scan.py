"""Scans of feet that nobody has, for a kiosk without a scanner: ``sim:feet?seed=1&fault=moved``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from station.rooms import room

FAULTS = ("none", "moved", "noise", "sock")
POINTS = 160_000
#: from a seed: the person's foot length; the feet differ by as much as people's do
SHORTEST_MM, LONGEST_MM, APART_MM = 232.0, 282.0, 3.0


def scan(options: Mapping[str, Any]) -> bytes:
    """A PLY of one foot: ``side``, ``seed``, ``fault``."""
    import numpy as np

    from footscan import io
    from footscan.synth import FootSpec, defects, make_foot, scan_foot

    side, seed, fault = options["side"], int(options.get("seed", 0)), options.get("fault", "none")
    rng = np.random.default_rng(seed)
    length = rng.uniform(SHORTEST_MM, LONGEST_MM)
    apart = rng.uniform(-APART_MM, APART_MM)
    foot = make_foot(
        FootSpec(
            side,
            length + (apart if side == "right" else 0.0),
            arch_apex_height_mm=float(rng.uniform(12.0, 17.0)),
            rearfoot_angle_deg=float(rng.uniform(2.0, 5.0)),
        )
    )
    faulty = {"moved": defects.moved, "noise": defects.noise, "sock": defects.sock}
    if fault in faulty:
        cloud = faulty[fault](foot, seed, POINTS, least=0.6).cloud
    else:
        cloud = scan_foot(foot, points=POINTS, turn_deg=84.0 if side == "left" else 97.0, seed=seed)
    with room() as folder:
        path = folder / f"{side}.ply"
        io.write_geometry(path, cloud)
        return path.read_bytes()
