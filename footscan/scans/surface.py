"""A closed surface out of any cloud of one foot, with the faces that nobody measured marked.

For looking at and for handing on; nothing is measured on it. (The insole's sole is the height field of
`footscan.scans.sole` and needs none of this.) Poisson reconstruction (Kazhdan & Hoppe 2013,
doi:10.1145/2487228.2487237) by Open3D, the extra ``fusion``: it is given arrays, never files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from footscan.errors import ScanError
from footscan.frame import rotate, transform
from footscan.meshes import bodies, face_areas_mm2, is_watertight, volume_mm3, weld
from footscan.scans.clean import lonely, voxel_grid
from footscan.scans.normals import surface_normals, turned_out
from footscan.types import Array, Foot, Mesh, PointCloud, _Record, frozen_array, replace

SPACING_MM = 1.2  #: points are thinned to this before they are joined
INVENTED_MM = 3.0  #: a face farther than this from every measured point is invented
DEPTH = 8  #: of the octree: cells of about a millimetre for a foot
LID_MM = 2.0  #: spacing of the points that are put where nothing was seen
OPEN_SOLE = 0.3  #: share of the plan without a sole above which it is closed at the floor
PLAN_BELOW_MM = 25.0
RIM_MM = 4.0
FEWEST_POINTS = 2000


@dataclass(frozen=True, eq=False)
class ClosedSurface(_Record):
    """``mesh``: one watertight body; ``invented`` (m,) True for its faces that no measured point supports."""

    mesh: Mesh
    invented: Array

    def __post_init__(self) -> None:
        self._set("invented", frozen_array("invented", self.invented, np.bool_, (len(self.mesh.faces),)))

    @property
    def invented_share(self) -> float:
        """The part of the area that is invented, 0…1."""
        area = face_areas_mm2(self.mesh)
        return float(area[self.invented].sum() / area.sum())


def close_surface(thing: Foot | PointCloud, scan: PointCloud | None = None, depth: int = DEPTH) -> ClosedSurface:
    """The closed surface of one foot.

    Parameters
    ----------
    thing : a foot that was found, or the cloud of one foot without its floor; in the foot frame (z = 0 is the floor) a
        sole that was not seen is closed there and a cut leg is closed flat at its top
    scan : with a foot, the cloud that it was found in: where that has normals they say which side is outside
    depth : of Poisson's octree, 6 to 10

    Normals are those of the points' own neighbourhoods, turned to the side of the scanner where the cloud has normals,
    else away from what it encloses. A foot's surface is in its own frame (a left foot mirrored, as everything of it).
    The same input gives the same bytes: one thread. ScanError where the points close no body; ImportError that says
    what to install where Open3D is missing.
    """
    if not 6 <= depth <= 10:
        raise ValueError(f"depth must be 6 to 10, got {depth}")
    o3d = _open3d()
    cloud = thing.cloud if isinstance(thing, Foot) else thing
    if isinstance(thing, Foot) and scan is not None and scan.normals is not None:
        T = thing.T_foot_scanner
        cloud = PointCloud(transform(T, scan.points), rotate(T, scan.normals), "foot")
        cloud = _near(cloud, thing.cloud.points)
    standing = cloud.frame == "foot"
    # stage 1: an even cloud with its normals outwards
    points, seen = _thinned(cloud, standing)
    normals = turned_out(points, surface_normals(points), seen, standing)
    # stage 2: what is open gets points of ours
    top = closed_top_mm(points) if standing else None
    added, directions = _lids(points, top) if standing else (np.zeros((0, 3)), np.zeros((0, 3)))
    # stage 3: one surface through all of them
    mesh = _poisson(o3d, np.concatenate([points, added]), np.concatenate([normals, directions]), depth)
    # stage 4: flat on the floor and at the top of the leg, one body
    if standing:
        mesh = _trimmed(mesh, 0.0, top)
    mesh = _one_body(replace(mesh, frame=cloud.frame))
    return ClosedSurface(mesh, _invented(mesh, points))


def _open3d() -> Any:
    try:
        import open3d
    except ImportError as error:
        raise ImportError("closed surfaces need Open3D: pip install 'plantar[fusion]'") from error
    return open3d


def _near(cloud: PointCloud, points: Array, reach_mm: float = 1.5) -> PointCloud:
    """The part of a cloud that lies at the points (n, 3) of a foot found in it."""
    distance, _ = cKDTree(points).query(cloud.points, distance_upper_bound=reach_mm)
    keep = np.isfinite(distance)
    return replace(cloud, points=cloud.points[keep], normals=None if cloud.normals is None else cloud.normals[keep])


def _thinned(cloud: PointCloud, standing: bool) -> tuple[Array, Array | None]:
    """Points (n, 3) mm, one a voxel, without strays, and the scanner's normals near them, None where it has none."""
    source = cloud.points
    if standing:
        source = source[source[:, 2] > -1.5]  # nothing is below the floor
    if len(source) < FEWEST_POINTS:
        raise ScanError(f"expected at least {FEWEST_POINTS} points on a foot, found {len(source)}; scan it again")
    points, _ = voxel_grid(source, SPACING_MM)
    points = points[~lonely(points, reach_mm=3.0 * SPACING_MM)]
    if len(points) < FEWEST_POINTS // 2:
        raise ScanError(f"expected skin all over a foot, found {len(points)} places with points; scan it again")
    if cloud.normals is None:
        return points, None
    _, near = cKDTree(cloud.points).query(points, k=4)
    return points, np.asarray(cloud.normals[near].mean(axis=1))


# ------------------------------------------------------------------ what is open


def closed_top_mm(points: Array) -> float | None:
    """Height of the highest level section of the leg that is closed all around; None where no leg is open."""
    high = float(np.percentile(points[:, 2], 99.9))
    for top in np.arange(high - 1.0, high - 41.0, -1.0):
        ring = points[np.abs(points[:, 2] - top) < 2.0, :2]
        if len(ring) < 40:
            continue
        away = ring - (ring.min(axis=0) + ring.max(axis=0)) / 2
        angle = np.arctan2(away[:, 1], away[:, 0])
        around = np.histogram(angle, bins=36, range=(-np.pi, np.pi))[0] > 0
        middle = np.hypot(*away.T) < 0.4 * float(np.ptp(ring, axis=0).min()) / 2
        if around.mean() > 0.97:
            return float(top) if middle.mean() < 0.05 else None
    return None


def _lids(points: Array, top: float | None) -> tuple[Array, Array]:
    """Points (k, 3) and normals (k, 3) over a sole that was not seen and over the leg's cut."""
    parts, directions = [np.zeros((0, 3))], [np.zeros((0, 3))]
    origin = points[:, :2].min(axis=0) - 4 * LID_MM
    plan, sole = _plan(points[points[:, 2] < PLAN_BELOW_MM], origin), None
    if plan is not None:
        seen = ndimage.binary_closing(_plan_of(points[points[:, 2] < PLAN_BELOW_MM], origin, plan.shape), iterations=2)
        hole = plan & ~seen
        sole = hole if hole.sum() > OPEN_SOLE * plan.sum() else None
    if sole is not None:
        xy = origin + (np.argwhere(ndimage.binary_erosion(sole)) + 0.5) * LID_MM
        parts.append(np.column_stack([xy, np.zeros(len(xy))]))
        directions.append(np.tile([0.0, 0.0, -1.0], (len(xy), 1)))
    if top is not None:
        ring = _plan(points[np.abs(points[:, 2] - top) < RIM_MM], origin)
        if ring is not None:
            xy = origin + (np.argwhere(ndimage.binary_erosion(ring)) + 0.5) * LID_MM
            parts.append(np.column_stack([xy, np.full(len(xy), top)]))
            directions.append(np.tile([0.0, 0.0, 1.0], (len(xy), 1)))
    return np.concatenate(parts), np.concatenate(directions)


def _plan_of(points: Array, origin: Array, shape: tuple[int, ...] | None = None) -> Array:
    """Cells of ``LID_MM`` (nx, ny) that hold points (n, 3), seen from above."""
    ij = ((points[:, :2] - origin) / LID_MM).astype(np.int64)
    if shape is None:
        shape = tuple(int(s) for s in ij.max(axis=0) + 5)
    plan = np.zeros(shape, dtype=np.bool_)
    inside = (ij < shape).all(axis=1)
    plan[ij[inside, 0], ij[inside, 1]] = True
    return plan


def _plan(points: Array, origin: Array) -> Array | None:
    """What the points enclose, seen from above; None without points."""
    if len(points) < 20:
        return None
    return np.asarray(ndimage.binary_fill_holes(ndimage.binary_closing(_plan_of(points, origin), iterations=3)))


# ------------------------------------------------------------------ the surface


def _poisson(o3d: Any, points: Array, normals: Array, depth: int) -> Mesh:
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points))
    cloud.normals = o3d.utility.Vector3dVector(normals)
    verbosity = o3d.utility.get_verbosity_level()
    o3d.utility.set_verbosity_level(o3d.utility.VerbosityLevel.Error)
    try:
        found, _ = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(
            cloud, depth=depth, scale=1.1, linear_fit=False, n_threads=1
        )
    except RuntimeError as error:
        raise ScanError(f"expected points that close a body, found that they don't ({error}); scan it again") from error
    finally:
        o3d.utility.set_verbosity_level(verbosity)
    vertices = np.round(np.asarray(found.vertices), 6)
    return Mesh(vertices, np.asarray(found.triangles))


def _trimmed(mesh: Mesh, low: float, high: float | None) -> Mesh:
    """Cut at the floor and at the top of the leg, the cuts closed flat."""
    import manifold3d

    welded = weld(_largest(weld(mesh)))
    solid = manifold3d.Manifold(manifold3d.Mesh(welded.vertices.astype(np.float32), welded.faces.astype(np.uint32)))
    if solid.status() != manifold3d.Error.NoError or solid.is_empty():
        return mesh
    solid = solid.trim_by_plane((0.0, 0.0, 1.0), low)
    if high is not None:
        solid = solid.trim_by_plane((0.0, 0.0, -1.0), -high)
    found = solid.to_mesh()
    return Mesh(np.asarray(found.vert_properties)[:, :3].astype(np.float64), np.asarray(found.tri_verts))


def _largest(mesh: Mesh) -> Mesh:
    """The body with most area."""
    label = bodies(mesh)
    area = np.bincount(label, weights=face_areas_mm2(mesh))
    return replace(mesh, faces=mesh.faces[label == int(np.argmax(area))])


def _one_body(mesh: Mesh) -> Mesh:
    mesh = weld(_largest(weld(mesh)))
    if not is_watertight(mesh):
        raise ScanError("expected points that close a body, found a surface with open edges; scan the foot all around")
    if volume_mm3(mesh) < 0:
        mesh = replace(mesh, faces=mesh.faces[:, ::-1])
    return mesh


def _invented(mesh: Mesh, points: Array) -> Array:
    """(m,) True where a face's middle is far from every point."""
    tree = cKDTree(points)
    corners = mesh.vertices[mesh.faces]
    middle, _ = tree.query(corners.mean(axis=1))
    return np.asarray(middle > INVENTED_MM)
