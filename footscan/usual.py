"""A foot that nobody scanned: its own measures, and for all the rest a population's shape.

The mean foot of ``footscan.measures.template`` is stretched until its length, the stations of the two sides of the
ball, the breadths of ball and heel and the height of the instep are those that were measured; what is not there keeps
its share of the length. Its sole is left out: nothing of it was seen.
"""

from __future__ import annotations

import functools

import numpy as np

from footscan.errors import ScanError
from footscan.measures.template import load_template
from footscan.synth.sections import level, loops, station
from footscan.types import Array, Foot, FootMeasurements, Footprint, Landmarks, PointCloud, SoleSurface

HEEL, LOW = 0.16, 0.23  #: station of the heel's breadth, and how high up it is taken
OUTLINES = (("tread_5mm", 5.0), ("outline_25mm", 25.0))
MARKS = ("pternion", "mth1", "mth5", "longest_toe", "instep")
STRETCH = (0.7, 1.4)  #: no measure pulls the mean foot farther: beyond, it is another foot's or in another unit


def usual_foot(measurements: FootMeasurements) -> Foot:
    """A foot of these measures, for insoles where there are measures and no scan.

    Its cloud are the stretched template's vertices; landmarks and outlines are stretched with them; the sole is empty.
    ScanError where there is no length, or where a measure is no foot's of that length.
    """
    length = measurements["foot_length_mm"] if "foot_length_mm" in measurements.values else None
    if length is None:
        raise ScanError("a foot out of measures needs its foot_length_mm, and there is none; measure it")
    points, faces, marks, heel = _mean()
    everything = _stretched(np.vstack([points, np.array(list(marks.values()))]), marks, heel, measurements, length)
    vertices, places = everything[: len(points)], everything[len(points) :]
    footprints = []
    for method, height in OUTLINES:
        lines = [line[:, :2] for line in loops(level(vertices, faces, height)) if len(line) > 2]
        footprints.append(Footprint(tuple(lines), height, method))
    empty = np.zeros((0, 0))
    sole = SoleSurface(np.zeros(0), np.zeros(0), empty, empty.astype(bool))
    landmarks = Landmarks(dict(zip(marks, places)))
    return Foot(PointCloud(vertices, frame="foot"), np.eye(4), landmarks, tuple(footprints), sole, measurements)


@functools.cache
def _mean() -> tuple[Array, Array, dict[str, Array], float]:
    """Vertices (m, 3), faces (f, 3), landmarks and breadth of the heel of the mean foot, in lengths of it."""
    template = load_template("apart")
    # a mean of feet is a little shorter than they are: their toes' tips lie apart
    start, long = template.mean[:, 0].min(), np.ptp(template.mean[:, 0])
    points, places = ((p - [start, 0.0, 0.0]) / long for p in (template.mean, template.marks))
    marks = {name: places[k] for k, name in enumerate(template.names) if name in MARKS}
    cut = station(points, template.faces, HEEL)
    return points, template.faces, marks, float(np.ptp(cut[cut[..., 2] < LOW, 1]))


def _stretched(p: Array, marks: dict[str, Array], heel: float, measured: FootMeasurements, length: float) -> Array:
    """Points (n, 3) in lengths of the mean foot -> mm of the measured one."""
    mth1, mth5 = marks["mth1"], marks["mth5"]
    # along: each side's ball to its station, heel and toes stay at the ends
    medial = _ratio(measured, "ball_length_medial_mm", mth1[0], length)
    lateral = _ratio(measured, "ball_length_lateral_mm", mth5[0], length)
    side = np.clip((p[:, 1] - mth5[1]) / (mth1[1] - mth5[1]), 0.0, 1.0)
    ball = mth5[0] + side * (mth1[0] - mth5[0])
    there = ball * (lateral + side * (medial - lateral))
    x = np.where(p[:, 0] <= ball, p[:, 0] * there / ball, 1.0 - (1.0 - p[:, 0]) * (1.0 - there) / (1.0 - ball))
    # across: heel and ball to their breadths, between them in even steps
    wide = _ratio(measured, "foot_breadth_mm", float(np.linalg.norm(mth1[:2] - mth5[:2])), length)
    narrow = _ratio(measured, "heel_breadth_mm", heel, length)
    middle = 0.5 * (mth1[0] + mth5[0])
    across = narrow + (wide - narrow) * np.clip((p[:, 0] - HEEL) / (middle - HEEL), 0.0, 1.0)
    tall = _ratio(measured, "instep_height_mm", float(marks["instep"][2]), length)
    return np.asarray(length * np.column_stack([x, p[:, 1] * across, p[:, 2] * tall]))


def _ratio(measured: FootMeasurements, name: str, usual: float, length: float) -> float:
    """What a measure is of the mean foot's; 1 where it is not known."""
    value = measured[name] if name in measured.values else None
    if value is None:
        return 1.0
    ratio = value / (usual * length)
    if not STRETCH[0] <= ratio <= STRETCH[1]:
        low, high = (usual * length * s for s in STRETCH)
        raise ScanError(
            f"{name}: expected {low:.0f} to {high:.0f} mm of a foot {length:.0f} mm long, found {value:.1f}; "
            "check the measures and their unit"
        )
    return ratio
