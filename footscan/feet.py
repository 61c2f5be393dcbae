"""From a file to feet: the whole way of a scan on one screen."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from os import PathLike, fspath
from typing import Literal

import numpy as np

import footscan.io as fio
from footscan.errors import ReadError, ScanError
from footscan.frame import T_MIRROR, transform
from footscan.io.files import file_sha256
from footscan.measures import measure_points
from footscan.measures.quality import affected, check_proportions, judge, judge_pair, look, with_reasons
from footscan.meshes import area_mm2, sample_surface
from footscan.population import check as check_population
from footscan.scans.clean import lonely, voxel_grid
from footscan.scans.ground import Ground, find_ground
from footscan.scans.heading import find_heading, vote_side
from footscan.scans.quality import check_is_foot
from footscan.scans.sole import footprints
from footscan.scans.split import split_feet
from footscan.scans.units import MM_PER_UNIT, units_that_fit
from footscan.types import LOADS, Array, Foot, FootMeasurements, Load, Mesh, PointCloud, Scan, Side

SAMPLES_PER_MM2 = 2.5  #: a mesh is measured as a cloud this dense
MOST_SAMPLES = 1_000_000
MESH_SEED = 1
BELOW_MM = 3.0  #: nothing of a foot is farther below the floor
SURE_VOTES = 2.5  #: sum of the votes for a side above which a scan given as the other side is refused
FEWEST_POINTS = 4000  #: a foot's skin has about 60,000 mm²: fewer points than one in 15 mm² show no toe


def read_scan(path: str | PathLike[str], unit: str = "auto") -> Scan:
    """Read a scan file, in millimetres whatever its unit.

    unit : ``auto`` (taken when only one fits feet) or mm, cm, dm, m, in. ReadError if the file is no proper scan;
    ScanError if no unit, or more than one, makes it feet.
    """
    if unit != "auto" and unit not in MM_PER_UNIT:
        raise ValueError(f"unit must be auto, {', '.join(MM_PER_UNIT)}, got {unit!r}")
    source, digest = fspath(path), file_sha256(path)
    if unit != "auto":
        return Scan(fio.read_geometry(path, MM_PER_UNIT[unit]), unit, source, digest)
    if fio.detect(path).states_unit:  # believed where it makes feet; many programs write millimetres all the same
        scan = Scan(fio.read_geometry(path), "mm", source, digest)
        if "mm" in units_that_fit(_points_of(scan.geometry)):
            return scan
    scan = Scan(fio.read_geometry(path, 1.0), "mm", source, digest)
    points = _points_of(scan.geometry)
    fits = units_that_fit(points)
    if len(fits) > 1:
        fits = [name for name in fits if _makes_feet(_scaled(scan, name))] or fits[:1]
    if not fits:
        extent = np.ptp(points, axis=0)
        raise ScanError(
            f"{path}: expected a foot of 120 to 350 mm in mm, cm, dm, m or in, found an extent of"
            f" {extent[0]:.4g} x {extent[1]:.4g} x {extent[2]:.4g}; give the unit with --unit or check the file"
        )
    if len(fits) > 1:
        raise ScanError(f"{path}: expected one unit that makes feet, found that {' and '.join(fits)} do; give --unit")
    return _scaled(scan, fits[0])


def find_feet(
    scan: Scan | PointCloud | Mesh,
    side: Literal["auto", "left", "right"] = "auto",
    load: Load = "unknown",
    uncertainty: bool = True,
) -> tuple[Foot, ...]:
    """Find and measure the feet in a scan: one, or two standing side by side (the left one first).

    side : "left" or "right" where it is known, "auto" to find it. load : state of the foot, kept with the result.
    uncertainty : False leaves out sd and sd_total and takes about half the time.
    ScanError where nothing looks like a foot.
    """
    if side not in ("auto", "left", "right"):
        raise ValueError(f"side must be auto, left or right, got {side!r}")
    if load not in LOADS:
        raise ValueError(f"load must be one of {', '.join(LOADS)}, got {load!r}")
    scan = scan if isinstance(scan, Scan) else Scan(scan)
    seed = seed_of(scan)
    try:
        feet = _feet_of(scan, seed, side, load, uncertainty)
    except ScanError as error:
        raise ScanError(f"{scan.source or 'scan'}: {error}") from None
    return tuple(feet)


def _feet_of(scan: Scan, seed: int, side: str, load: Load, uncertainty: bool) -> list[Foot]:
    # stage 1: an even cloud, the floor under it, the feet on it
    raw = _cloud_of(scan)
    points, _ = voxel_grid(raw)
    points = points[~lonely(points)]
    if len(points) < FEWEST_POINTS:
        raise ScanError(f"expected at least {FEWEST_POINTS} points on a foot, found {len(points)}")
    ground = find_ground(points, np.random.default_rng(seed))
    level = transform(ground.T_level_scanner, points[~ground.is_floor])
    level = level[level[:, 2] > -BELOW_MM]
    clouds = [level[part] for part in split_feet(level)]
    if len(clouds) == 2 and side != "auto":
        raise ScanError(f"expected one {side} foot, found two feet; scan them apart or give the file as a pair")
    # stage 2: each foot by itself
    feet = [_one_foot(cloud, raw, ground, side, load, seed, uncertainty) for cloud in clouds]
    return _as_pair(feet) if len(feet) == 2 else feet


def measure(
    scan: Scan | PointCloud | Mesh,
    side: Literal["auto", "left", "right"] = "auto",
    load: Load = "unknown",
    uncertainty: bool = True,
) -> tuple[FootMeasurements, ...]:
    """Measure the feet in a scan: :func:`find_feet`, the numbers only."""
    return tuple(foot.measurements for foot in find_feet(scan, side, load, uncertainty))


def seed_of(scan: Scan) -> int:
    """The seed that every draw on this scan starts from: of the input's own bytes, so that results repeat."""
    if scan.sha256:
        return int(scan.sha256[:12], 16)
    geometry = scan.geometry
    array = geometry.points if isinstance(geometry, PointCloud) else geometry.vertices
    return int(hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:12], 16)


def _one_foot(level: Array, raw: Array, ground: Ground, side: str, load: Load, seed: int, uncertainty: bool) -> Foot:
    # stage 1: heading, is it a foot at all, and which
    T_rough_level = find_heading(level)
    rough = transform(T_rough_level, level)
    check_is_foot(rough)
    votes = vote_side(rough)
    found_side: Side = votes.side if side == "auto" else "left" if side == "left" else "right"
    if votes.side not in ("unknown", found_side) and abs(votes.total) >= SURE_VOTES:
        raise ScanError(
            f"expected a {side} foot, found a {votes.side} one (its ball, toes and arch agree); swap the files"
        )
    T_rough_level = (T_MIRROR if found_side == "left" else np.eye(4)) @ T_rough_level
    rough = transform(T_rough_level, level)
    # stage 2: measure
    found = measure_points(rough, load, seed, found_side != "unknown", uncertainty)
    check_proportions(found)
    # stage 3: the record
    points = found.located.points
    T = found.located.T_foot_rough @ T_rough_level @ ground.T_level_scanner
    seen = look(found, raw, T, seed)
    plausible = check_population(found.values, standing=ground.method in ("floor", "sole"))
    odd = None if plausible.plausible else plausible.sentence()
    score, reasons = judge(found, ground, votes, found_side, side != "auto", seen, odd)
    values = FootMeasurements(
        affected(found.values, tuple(reasons)),
        found_side,
        "detected" if side == "auto" else "given",
        load,
        score,
        tuple(reasons),
    )
    prints = footprints(found.sole, points)
    return Foot(PointCloud(points, frame="foot"), T, found.landmarks, prints, found.sole, values)


def _as_pair(feet: list[Foot]) -> list[Foot]:
    """Two feet of one scan, left first; of two that claim the same side neither is believed."""
    sides = [foot.side for foot in feet]
    if sorted(sides) != ["left", "right"]:
        raise ScanError(
            f"expected a left and a right foot side by side, found {sides[0]} and {sides[1]}; scan them again"
        )
    left, right = sorted(feet, key=lambda foot: foot.side)
    more = judge_pair(left.measurements, right.measurements)
    return [
        replace(foot, measurements=with_reasons(foot.measurements, reasons))
        for foot, reasons in zip((left, right), more)
    ]


def _points_of(geometry: PointCloud | Mesh) -> Array:
    return geometry.points if isinstance(geometry, PointCloud) else geometry.vertices


def _cloud_of(scan: Scan) -> Array:
    """The points to measure: a cloud's own, or a mesh's surface sampled evenly (alike whatever file the mesh is in)."""
    if isinstance(scan.geometry, PointCloud):
        return scan.geometry.points
    count = int(min(MOST_SAMPLES, max(20_000.0, SAMPLES_PER_MM2 * area_mm2(scan.geometry))))
    return sample_surface(scan.geometry, count=count, seed=MESH_SEED).points


def _scaled(scan: Scan, unit: str) -> Scan:
    mm = MM_PER_UNIT[unit]
    geometry = scan.geometry
    if mm != 1.0 and isinstance(geometry, PointCloud):
        geometry = replace(geometry, points=geometry.points * mm)
    elif mm != 1.0 and isinstance(geometry, Mesh):
        geometry = replace(geometry, vertices=geometry.vertices * mm)
    return replace(scan, geometry=geometry, unit=unit)


def _makes_feet(scan: Scan) -> bool:
    try:
        return bool(find_feet(scan))
    except (ScanError, ReadError):
        return False
