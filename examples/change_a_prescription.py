"""Change a prescription: what a person asks for wins over the rules, stands marked in the record, or is refused.

python examples/change_a_prescription.py
"""

import numpy as np

from footscan import find_feet
from footscan.synth import FootSpec, make_foot, scan_foot
from insole import design, prescribe, solid
from insole.errors import DesignError


def main() -> float:
    """How much higher the heel of the insole stands after a lift of 4 mm was asked for, in mm."""
    cloud = scan_foot(make_foot(FootSpec("right", length_mm=265.0)), points=30_000)
    (foot,) = find_feet(cloud, side="right", load="standing")

    plain = prescribe(foot.measurements)
    lifted = prescribe(foot.measurements, edits={"heel_lift_mm": 4.0, "heel_cup_depth_mm": 15.0})
    print(f"heel lift: {lifted.heel_lift_mm:g} mm, {lifted.reasons['heel_lift_mm'].text}")

    try:
        prescribe(foot.measurements, edits={"heel_lift_mm": 14.0})
    except DesignError as error:
        print(f"refused: {error}")  # names the field, the value, the limit, and the nearest value that works

    return thickness_under_heel(solid(design(foot, lifted)).vertices) - thickness_under_heel(
        solid(design(foot, plain)).vertices
    )


def thickness_under_heel(vertices: np.ndarray) -> float:
    """The lowest top surface over the heel's middle, mm above the lowest point of the underside."""
    x, y, z = vertices.T
    heel = (x > 30.0) & (x < 45.0) & (np.abs(y) < 8.0)
    top = z[heel][z[heel] > z[heel].min() + 1.0]
    return float(top.min() - z[heel].min())


if __name__ == "__main__":
    main()
