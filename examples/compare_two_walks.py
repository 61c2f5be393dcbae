"""Compare two walks of one person: where the pressure changed, and by how much more than steps differ anyway.

    python examples/compare_two_walks.py

The second walk is the same synthetic one with a fifth less under the forefoot, as a softer insole might give.
"""

import numpy as np

from footscan import analyse
from footscan.plot_pressure_change import region_changes
from footscan.synth import make_walk
from footscan.types import PressureRecording, replace


def eased(part: PressureRecording) -> PressureRecording:
    """One foot with a fifth less on everything ahead of 150 mm from the heel."""
    share = np.where(part.layout.xy_mm[:, 0] > 150.0, 0.8, 1.0)
    return replace(part, values=part.values * share)


def main() -> float:
    """What is left under the second metatarsal head of the left foot: 0.8 of it."""
    walk = make_walk("in_shoe", seed=4, steps=10).recording
    before = analyse(walk)
    after = analyse(replace(walk, pressure=tuple(eased(part) for part in walk.pressure)))

    changes = region_changes(before, after)
    for side, regions in changes.items():
        for region, c in regions.items():
            if c.differs:
                print(f"{side:5} {region:16} {c.before_kpa:5.0f} -> {c.after_kpa:5.0f} kPa ({c.change_kpa:+.0f})")
    found = changes["left"]["mth2"]
    return found.after_kpa / found.before_kpa


if __name__ == "__main__":
    main()
