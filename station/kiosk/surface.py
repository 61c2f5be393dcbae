"""A closed, smooth surface through the points of a foot, whatever scanner they came from, to be looked at.

Each point gets a normal from its neighbours, turned outward by a coarse solid of the foot. The surface is where the
solution of Poisson's equation of those normals has its level on the points (Kazhdan 2006, without its code): solved at
once by a Fourier transform on an even grid, so that holes close by themselves and nothing can fold over itself. The leg
is cut off flat, as a plaster cast stands.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import fft, ndimage
from scipy.spatial import cKDTree

from footscan.meshes import bodies
from footscan.types import Array, Mesh

STEP_MM = 2.7  #: of the grid
MARGIN_MM = 20.0  #: of the grid around the points: what it repeats stays away
SOFT = 0.65  #: of the grid's step: noise that is no shape
MOST_POINTS = 20_000
NEIGHBOURS = 10
LARGEST_GAP_MM2 = 25.0  #: a point stands for no more skin than this
VOXEL_MM = 3.0  #: of the coarse solid
BRIDGED = 0.2  #: of flesh in what is only closed: the gap between two toes rather than a hole in the skin
SEEN_MM = (2.0, 4.0, 6.0, 9.0)  #: so far out and in is looked whether there is flesh
LEG_FROM_MM, LEG_MM, SECTORS = 60.0, 105.0, 24  #: a leg is cut where it begins to fray, or here
CORNERS = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]


def closed_surface(points: Array, step_mm: float = STEP_MM) -> Mesh:
    """The skin through points (n, 3) mm of a foot (design frame, z up), closed; its lid has vertices of its own, so
    that normals of vertices keep the edge. ValueError for fewer than 500 points."""
    if len(points) < 500:
        raise ValueError(f"points must be at least 500, got {len(points)}")
    solid = _solid(points)
    points = points[:: max(1, len(points) // MOST_POINTS)]
    top = leg_top(points)
    tree = cKDTree(points)
    normals, area = outward_normals(points, tree, solid)
    near = points[:, 2] < top + MARGIN_MM
    field, low = _field(points[near], normals[near], area[near], step_mm)
    mesh = _largest(nets(field, low, step_mm))
    for _ in range(2):
        mesh = _relaxed(mesh)
    return lidded(mesh, top)


def leg_top(points: Array) -> float:
    """The height (mm) under which the leg is there all around."""
    leg = points[(points[:, 2] > LEG_FROM_MM) & (points[:, 0] < 0.55 * points[:, 0].max())]
    if len(leg) < 50:
        return float(min(points[:, 2].max() - 2.0, LEG_MM))
    x, y = (leg[:, :2] - np.median(leg[:, :2], axis=0)).T
    sector = ((np.arctan2(y, x) / (2.0 * np.pi) + 0.5) * SECTORS).astype(np.int64) % SECTORS
    tops = np.sort([leg[sector == k, 2].max(initial=LEG_FROM_MM) for k in range(SECTORS)])
    return float(min(tops[1] - 2.0, LEG_MM))


# ------------------------------------------------------------------ normals


def outward_normals(points: Array, tree: cKDTree, solid: tuple[Array, Array]) -> tuple[Array, Array]:
    """Unit normals (n, 3) and the skin (n,) mm² of each point: less where nobody can say what is outside."""
    found = tree.query(points, k=NEIGHBOURS)
    away, index = (np.asarray(part) for part in found)
    near = points[index] - points[index].mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(np.einsum("nki,nkj->nij", near, near))
    normals = axes[:, :, 0]
    share, low = solid
    flesh = np.zeros(len(points))
    for far in SEEN_MM:
        for way in (1.0, -1.0):
            place = (points + way * far * normals - low) / VOXEL_MM - 0.5
            flesh += way * ndimage.map_coordinates(share, place.T, order=1)
    normals = np.where(flesh[:, None] > 0, -normals, normals)
    area = np.pi * away[:, -1] ** 2 / (NEIGHBOURS - 0.5)
    return normals, np.minimum(area, LARGEST_GAP_MM2) * np.clip(np.abs(flesh), 0.0, 1.0)


def _solid(points: Array) -> tuple[Array, Array]:
    """A coarse picture (voxels) of where the foot is, 0…1, and its corner."""
    low = points.min(axis=0) - 3.0 * VOXEL_MM
    cell = np.floor((points - low) / VOXEL_MM).astype(np.int64)
    skin = np.zeros(cell.max(axis=0) + 4, np.bool_)
    skin[tuple(cell.T)] = True
    closed = ndimage.binary_closing(skin, np.ones((3, 3, 3), np.bool_))
    share = np.where(_within(closed), np.where(closed & ~skin, BRIDGED, 1.0), 0.0).astype(np.float32)
    share[_within(skin)] = 1.0
    return ndimage.gaussian_filter(share, 0.7), low


def _within(skin: Array) -> Array:
    """The voxels of a skin and those that it closes in along any of three cuts."""
    full = skin.copy()
    for axis in range(3):
        flat = ndimage.generate_binary_structure(3, 1)
        flat[tuple(slice(None) if k == axis else 1 for k in range(3))] = [False, True, False]
        label, count = ndimage.label(~skin, flat)
        outside = np.zeros(count + 1, np.bool_)
        for other in (k for k in range(3) if k != axis):
            for end in (0, -1):
                outside[np.take(label, end, axis=other)] = True
        full |= ~outside[label]
    return full


# ------------------------------------------------------------------ the field


def _field(points: Array, normals: Array, area: Array, step: float) -> tuple[Array, Array]:
    """A field on an even grid (negative inside, 0 on the skin), and where its first corner is."""
    low = points.min(axis=0) - MARGIN_MM
    span = (points.max(axis=0) + MARGIN_MM - low) / step
    shape = tuple(fft.next_fast_len(int(np.ceil(s)), real=True) for s in span)
    at = (points - low) / step
    # stage 1: the normals, spread over the corners around each point
    spread = np.zeros((3, int(np.prod(shape))))
    base = np.floor(at).astype(np.int64)
    part = at - base
    for corner in CORNERS:
        weight = np.prod(np.where(corner, part, 1.0 - part), axis=1) * area
        index = np.ravel_multi_index(tuple((base + corner).T), shape)
        for k in range(3):
            spread[k] += np.bincount(index, weight * normals[:, k], spread.shape[1])
    # stage 2: the field whose gradient they are
    turns = (*(fft.fftfreq(n) for n in shape[:2]), fft.rfftfreq(shape[2]))
    waves = [(2.0 * np.pi * w).astype(np.float32) for w in np.meshgrid(*turns, indexing="ij", sparse=True)]
    square = np.asarray(sum(wave**2 for wave in waves))
    square[0, 0, 0] = 1.0
    known = spread.astype(np.float32).reshape(3, *shape)
    total: Any = sum(1j * wave * fft.rfftn(own) for wave, own in zip(waves, known))
    field = fft.irfftn(-total * np.exp(-0.5 * SOFT**2 * square) / square, shape)
    # stage 3: 0 on the points, outside on the grid's own faces
    field = field - np.average(ndimage.map_coordinates(field, at.T, order=1), weights=np.maximum(area, 1e-9))
    outside = float(np.abs(field).max())
    for axis in range(3):
        for end in (0, -1):
            np.moveaxis(field, axis, 0)[end] = outside
    return field, low


def nets(field: Array, low: Array, step_mm: float) -> Mesh:
    """The surface of level 0 of a field (a, b, c), negative inside, as surface nets (Gibson 1998): one vertex in each
    cell that it crosses, at the mean of the crossings of the cell's edges. The field is positive on its border."""
    inside = field < 0.0
    size = np.array(field.shape)
    count = np.zeros(size - 1, np.int8)
    for corner in CORNERS:
        count += inside[tuple(slice(c, c + n - 1) for c, n in zip(corner, size))]
    cell = np.argwhere((count > 0) & (count < 8))
    number = np.full(count.shape, -1, np.int64)
    number[tuple(cell.T)] = np.arange(len(cell))
    place, crossed = np.zeros((len(cell), 3)), np.zeros(len(cell))
    for corner in CORNERS:
        for axis in (k for k in range(3) if not corner[k]):
            one, other = (field[tuple((cell + c).T)] for c in (corner, np.add(corner, np.eye(3, dtype=int)[axis])))
            cut = (one < 0.0) != (other < 0.0)
            place[cut] += corner
            place[cut, axis] += one[cut] / (one[cut] - other[cut])
            crossed += cut
    faces = [_walls(inside, number, axis) for axis in range(3)]
    return Mesh(low + step_mm * (cell + place / crossed[:, None]), np.concatenate(faces), "foot")


def _walls(inside: Array, number: Array, axis: int) -> Array:
    """Two triangles (m, 3) for each edge of the grid along an axis that the surface crosses."""
    one, other = (np.moveaxis(inside, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
    changed = np.moveaxis(one != other, 0, axis)
    edge = np.argwhere(changed)
    starts_inside = np.moveaxis(one, 0, axis)[changed]
    u, v = np.eye(3, dtype=np.int64)[[(axis + 1) % 3, (axis + 2) % 3]]
    quad = np.stack([number[tuple((edge - a * u - b * v).T)] for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))], axis=1)
    quad[~starts_inside] = quad[~starts_inside, ::-1]
    return np.concatenate([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]])


# ------------------------------------------------------------------ the mesh


def _largest(mesh: Mesh) -> Mesh:
    """The largest body alone: what scattered points left beside it goes."""
    body = bodies(mesh)
    if not len(body) or body.max() == 0:
        return mesh
    return _used(mesh.vertices, mesh.faces[body == np.bincount(body).argmax()])


def _used(vertices: Array, faces: Array) -> Mesh:
    kept, renamed = np.unique(faces, return_inverse=True)
    return Mesh(vertices[kept], renamed.reshape(-1, 3), "foot")


def _relaxed(mesh: Mesh) -> Mesh:
    """Each vertex half way to the middle of its neighbours."""
    a, b = mesh.faces[:, [0, 1, 2]].ravel(), mesh.faces[:, [1, 2, 0]].ravel()
    count = np.maximum(np.bincount(a, minlength=len(mesh.vertices)), 1)
    middle = np.stack([np.bincount(a, mesh.vertices[b, k], len(mesh.vertices)) for k in range(3)], axis=1)
    return Mesh((mesh.vertices + middle / count[:, None]) / 2.0, mesh.faces, mesh.frame)


def lidded(mesh: Mesh, top_mm: float) -> Mesh:
    """What lies below ``top_mm``, closed by a flat lid of its own vertices."""
    high = mesh.vertices[:, 2] - top_mm
    low = high[mesh.faces] <= 0.0
    count = low.sum(axis=1)
    through = (count == 1) | (count == 2)
    if not through.any():
        return mesh
    # stage 1: cut triangles; a: the corner that is alone on its side, b and c the others in their order
    single = count[through] == 1
    alone = np.argmax(low[through] == single[:, None], axis=1)
    a, b, c = np.take_along_axis(mesh.faces[through], (alone[:, None] + np.arange(3)) % 3, axis=1).T
    edges = np.sort(np.concatenate([np.stack([a, b], axis=1), np.stack([a, c], axis=1)]), axis=1)
    unique, which = np.unique(edges, axis=0, return_inverse=True)
    first, second = mesh.vertices[unique[:, 0]], mesh.vertices[unique[:, 1]]
    share = high[unique[:, 0]] / (high[unique[:, 0]] - high[unique[:, 1]])
    vertices = np.concatenate([mesh.vertices, first + share[:, None] * (second - first)])
    ab, ac = which.reshape(2, -1) + len(mesh.vertices)
    faces = [mesh.faces[count == 3], np.stack([a, ab, ac], axis=1)[single]]
    faces += [np.stack(corners, axis=1)[~single] for corners in ((ab, b, c), (ab, c, ac))]
    # stage 2: the lid, a fan over the rim
    rim = np.concatenate([np.stack([ab, ac], axis=1)[single], np.stack([ac, ab], axis=1)[~single]])
    ring, at = np.unique(rim, return_inverse=True)
    at = at.reshape(-1, 2) + len(vertices)
    middle = np.full(len(rim), len(vertices) + len(ring))
    vertices = np.concatenate([vertices, vertices[ring], vertices[ring].mean(axis=0, keepdims=True)])
    return _used(vertices, np.concatenate([*faces, np.stack([middle, at[:, 1], at[:, 0]], axis=1)]))
