"""A landmark that a person moves, and what of the measures follows.

The skin stays as it was scanned and the axis as it was found; every measure is taken again from the moved landmarks.
Those that come out as before keep their value and its uncertainty; those that don't are the new ones, without an
uncertainty, and say in their method that a person moved something. Runs in a child process (`station.kiosk.work`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from footscan.errors import ScanError
from footscan.frame import T_MIRROR, transform
from footscan.measures.arch import arch, volumes
from footscan.measures.girths import girths
from footscan.measures.landmarks import LOW_MM, Located
from footscan.measures.lengths import angles, heights, lengths
from footscan.measures.profiles import profile
from footscan.types import Array, Foot, FootMeasurements, Footprint, Landmarks, Measure, PointCloud, Quality
from station.kiosk.staff.words import BY_HAND

FARTHEST_MM = 60.0  #: from where it was found
SAME = 5e-3  #: measures closer than this (mm, degrees, ml) did not move
SNAP_MM = 12.0  #: the skin is looked for this near
ON_THE_FLOOR = ("heel_landing",)  #: landmarks that do not lie on the skin
SNAP_POINTS = 12

Place = tuple[float, float, float]


def moved(foot: Foot, moves: Mapping[str, Place], snap: bool = True) -> Foot:
    """The foot with landmarks at other places, and the measures that follow.

    Parameters
    ----------
    foot : as it was found
    moves : landmark -> (x, y, z), mm, on the foot's true side, in the frame as found
    snap : put each onto the skin nearest to it

    ScanError for a landmark that was not found, one that is moved too far, or an order of them that no foot has.
    """
    if not moves:
        return foot
    found = foot.landmarks.points
    points = foot.cloud.points
    tree = cKDTree(points) if snap else None
    places = dict(found)
    for name, place in moves.items():
        if name not in found:
            raise ScanError(f"{name}: expected a landmark of this foot, found none of that name")
        at = np.asarray(place, dtype=np.float64)
        at = transform(T_MIRROR, at[None])[0] if foot.side == "left" else at
        if not np.isfinite(at).all() or np.linalg.norm(at - found[name]) > FARTHEST_MM:
            raise ScanError(f"{name}: expected at most {FARTHEST_MM:g} mm from where it was found; move it less far")
        places[name] = _on_skin(at, points, tree) if tree is not None and name not in ON_THE_FLOOR else at
    _check_order(places)
    shift = float(places["pternion"][0])
    points = points - [shift, 0.0, 0.0]
    places = {name: place - [shift, 0.0, 0.0] for name, place in places.items()}
    sole = replace(foot.sole, x_mm=foot.sole.x_mm - shift)
    after = _values(points, places, replace(foot, sole=sole))
    values = _merged(foot.measurements.values, after, sorted(moves))
    sd = {name: spread for name, spread in foot.landmarks.sd.items() if name not in moves}
    step = np.eye(4)
    step[0, 3] = -shift
    return Foot(
        PointCloud(points, frame="foot"),
        step @ foot.T_foot_scanner,
        Landmarks(places, sd),
        tuple(_shifted(outline, shift) for outline in foot.footprints),
        sole,
        replace(foot.measurements, values=values),
    )


def follows(before: FootMeasurements, after: FootMeasurements) -> list[dict[str, Any]]:
    """The measures that are others now: key, value before, value after, in the order of the table."""
    return [
        {"key": key, "before": measure.value, "after": after.values[key].value}
        for key, measure in before.values.items()
        if after.values[key].value != measure.value
    ]


def true_places(foot: Foot) -> dict[str, list[float]]:
    """Landmark -> (x, y, z) mm on the foot's true side."""
    marks = foot.landmarks.points
    turned = {n: transform(T_MIRROR, p[None])[0] if foot.side == "left" else p for n, p in marks.items()}
    return {name: [round(float(v), 2) for v in place] for name, place in turned.items()}


# ------------------------------------------------------------------ inside


def _on_skin(at: Array, points: Array, tree: cKDTree) -> Array:
    """The nearest place of the skin: the mean of the points around it, so that noise does not show."""
    away, index = (np.atleast_1d(found) for found in tree.query(at, k=SNAP_POINTS))
    if away[0] > SNAP_MM:
        return at
    near = index[away < away[0] + 2.0]
    return np.asarray(points[near].mean(axis=0))


def _check_order(places: Mapping[str, Array]) -> None:
    """ScanError for what is no foot any more."""
    heel, toe, mth1, mth5 = (places[name] for name in ("pternion", "longest_toe", "mth1", "mth5"))
    length = float(toe[0] - heel[0])
    if not 90.0 <= length <= 400.0:
        raise ScanError(f"expected a foot of 90 to 400 mm, found {length:.0f} mm between heel and toe; move them back")
    if mth1[1] - mth5[1] < 0.2 * length:
        raise ScanError("expected MTH1 at the inner and MTH5 at the outer edge of the ball; move them apart")
    if not all(0.4 * length < mark[0] - heel[0] < 0.95 * length for mark in (mth1, mth5)):
        raise ScanError("expected the ball between 40 and 95 % of the length; move MTH1 and MTH5 there")


def _values(points: Array, marks: Mapping[str, Array], foot: Foot) -> dict[str, Measure]:
    """Every measure, by the same rules as of a scan, from these landmarks."""
    length = float(marks["longest_toe"][0] - marks["pternion"][0])
    offset = np.array([marks["pternion"][0], 0.0, 0.0])
    points = points - offset
    plan = points[(points[:, 2] >= 2.0) & (points[:, 2] <= np.where(points[:, 0] > 0.75 * length, 80.0, LOW_MM))]
    medial, lateral = (profile(plan, along=0, out=1, sign=sign) for sign in (1.0, -1.0))
    ridge = profile(points, along=0, out=2, sign=1.0, step_mm=3.0)
    own = {name: place - offset for name, place in marks.items()}
    axis = foot.measurements.values["foot_length_mm"].method.removeprefix("axis ").split(";")[0]
    located = Located(points, np.eye(4), own, axis, length, medial, lateral, ridge, 0)
    sole = replace(foot.sole, x_mm=foot.sole.x_mm - offset[0])
    values = lengths(located) | heights(located) | girths(located) | angles(located)
    return values | arch(located, sole, foot.measurements.load) | volumes(located, sole)


def _merged(kept: Mapping[str, Measure], after: Mapping[str, Measure], moves: list[str]) -> dict[str, Measure]:
    """The kept value where nothing moved, else the new one, which says why; what the scan did not support stays so."""
    told = BY_HAND + ", ".join(moves)
    merged = {}
    for key, measure in kept.items():
        merged[key] = measure
        new = after.get(key, measure)
        if measure.value is not None and not _same(measure.value, new.value):
            method = f"{new.method}; {told}" if new.method else told
            merged[key] = replace(new, sd=None, sd_total=None, method=method, quality=_worse(measure, new))
    return merged


def _worse(kept: Measure, new: Measure) -> Quality:
    order: tuple[Quality, ...] = ("ok", "estimated", "missing")
    return max(kept.quality, new.quality, key=order.index)


def _same(one: float | str | None, other: float | str | None) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) < (SAME if abs(one) > 2.0 else SAME / 10.0)  # ratios are small numbers
    return one == other


def _shifted(outline: Footprint, shift: float) -> Footprint:
    return replace(outline, polygons=tuple(polygon - [shift, 0.0] for polygon in outline.polygons))
