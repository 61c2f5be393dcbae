"""Compare two scans of one foot: how far its skin moved, and which measures changed for sure.

    python examples/compare_two_scans.py

The second scan is of the same synthetic foot, grown by 2 %; the two are laid heel on heel and floor on floor, so that
growth shows at the toes.
"""

from footscan import find_feet
from footscan.deviation import compare_feet
from footscan.synth import FootSpec, make_foot, scan_foot
from footscan.types import PointCloud


def main() -> float:
    """How much longer the foot has become, in mm: 2 % of 245 are 4.9."""
    child = make_foot(FootSpec("right", length_mm=245.0, leg_mm=140.0))
    (before,) = find_feet(scan_foot(child, points=50_000, seed=1))
    later = scan_foot(child, points=50_000, turn_deg=50.0, seed=2)
    (after,) = find_feet(PointCloud(later.points * 1.02))

    change = compare_feet(before, after, align="frame")
    print(f"the skin moved outwards by {change.summary.mean_mm:.2f} mm on average")
    for name, found in change.changes.items():
        if found.differs:
            print(f"{name:32} {found.value:+.1f} ± {found.sd_total:.1f}")
    longer = change.changes["foot_length_mm"].value
    assert longer is not None
    return longer


if __name__ == "__main__":
    main()
