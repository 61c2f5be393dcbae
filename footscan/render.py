"""Soft shaded views of meshes and point clouds: an orthographic z-buffer in numpy, no window and no graphics card.

A view is made in three steps, each a function on arrays: a `Camera` says from where; `rasterise` (triangles) or
`splat` (points) finds the `Fragments` of the surface that are seen; `footscan.shading` gives them light.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, spatial

from footscan.types import Array, Mesh, PointCloud

Colour = tuple[float, float, float]
F32 = np.float32

_CHUNK = 3_000_000  #: most covered pixels that are held at once while the nearest is found


@dataclass(frozen=True, eq=False)
class Camera:
    """An orthographic view: ``R`` (3, 3) with rows right, up, toward the viewer; the point whose coordinates along
    right and up are ``centre`` (2,) mm lies in the middle of a picture of ``size`` (width, height) pixels."""

    R: Array
    centre: tuple[float, float]
    px_per_mm: float
    size: tuple[int, int]

    def project(self, points: Array) -> tuple[Array, Array, Array]:
        """Points (n, 3) mm -> float32 (n,) each: pixels to the right, pixels down, mm toward the viewer."""
        right, up, toward = turned(self.R, points)
        x = (right - self.centre[0]) * self.px_per_mm + self.size[0] / 2.0
        y = self.size[1] / 2.0 - (up - self.centre[1]) * self.px_per_mm
        return x.astype(F32), y.astype(F32), toward.astype(F32)

    @property
    def extent_mm(self) -> tuple[float, float, float, float]:
        """left, right, bottom, top of the picture along right and up, mm (matplotlib's ``extent``)."""
        w, h = self.size[0] / 2.0 / self.px_per_mm, self.size[1] / 2.0 / self.px_per_mm
        return self.centre[0] - w, self.centre[0] + w, self.centre[1] - h, self.centre[1] + h


def turned(R: Array, vectors: Array) -> tuple[Array, ...]:
    """Components (n,) of vectors (n, 3) along the rows of ``R``; no matrix product, whose threads cost more here."""
    x, y, z = (np.ascontiguousarray(vectors[:, k]) for k in range(3))
    return tuple(x * x.dtype.type(r[0]) + y * x.dtype.type(r[1]) + z * x.dtype.type(r[2]) for r in R)


def looking(azimuth_deg: float, elevation_deg: float) -> Array:
    """Rows right, up, toward (3, 3) of a viewer who stands at that azimuth (from +x towards +y) and elevation."""
    a, e = np.radians([azimuth_deg, elevation_deg])
    toward = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    return np.array([right, np.cross(toward, right), toward])


def fitted(R: Array, points: Array, px_per_mm: float, margin_px: int = 6) -> Camera:
    """The camera with directions ``R`` whose picture just holds the points (n, 3) mm."""
    right, up, _ = turned(R, points)
    low, high = (right.min(), up.min()), (right.max(), up.max())
    width, height = (int(np.ceil((b - a) * px_per_mm)) + 2 * margin_px for a, b in zip(low, high))
    return Camera(R, (float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2), px_per_mm, (width, height))


@dataclass(frozen=True, eq=False)
class Fragments:
    """n samples of the surface that a camera sees: the ``pixel`` (n,) that each falls on (row * width + column), its
    share ``weight`` (n,) of it, ``normal`` (3, n) in the camera's frame, ``value`` (n,) an attribute of the surface and
    ``steep`` (n,) how much that changes from pixel to pixel; ``depth`` (height, width) mm toward the viewer, −inf where
    there is nothing."""

    pixel: Array
    weight: Array
    normal: Array
    value: Array
    steep: Array
    depth: Array


# ------------------------------------------------------------------ triangles


def _front(mesh: Mesh, camera: Camera, fine: int) -> tuple[Array, Array, Array, Array]:
    """Faces (m, 3) turned to the viewer, and their corners x, y, z (m, 3); x and y in 1/``fine`` pixels."""
    x, y, z = camera.project(mesh.vertices)
    x, y = x * F32(fine), y * F32(fine)
    a, b, c = mesh.faces.T
    # corners are counter-clockwise for the viewer where this is positive (y points down)
    turn = (x[c] - x[a]) * (y[b] - y[a]) - (x[b] - x[a]) * (y[c] - y[a])
    faces = mesh.faces[turn > 1e-7]
    return faces, x[faces], y[faces], z[faces]


def _planes(x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """Slopes along x and y of the barycentric weights of corner 1 and of corner 2, (m,) each."""
    ax, ay, bx, by = x[:, 1] - x[:, 0], y[:, 1] - y[:, 0], x[:, 2] - x[:, 0], y[:, 2] - y[:, 0]
    over = F32(1.0) / (ax * by - ay * bx)
    return by * over, -bx * over, -ay * over, ax * over


def _spans(x: Array, y: Array, size: tuple[int, int]) -> tuple[Array, Array, Array, Array]:
    """Corners (m, 3) in pixels, counter-clockwise for the viewer -> face, row, first and last column of each row of
    pixel centres that a face crosses."""
    width, height = size
    top = np.maximum(np.ceil(y.min(axis=1) - 0.5), 0).astype(np.int64)
    bottom = np.minimum(np.floor(y.max(axis=1) - 0.5), height - 1).astype(np.int64)
    rows = np.maximum(bottom - top + 1, 0)
    face = np.repeat(np.arange(len(x)), rows)
    row = np.arange(len(face)) - np.repeat(np.cumsum(rows) - rows - top, rows)
    middle = row + 0.5
    low, high = np.zeros(len(face)), np.full(len(face), float(width))
    for i in range(3):
        j = (i + 1) % 3
        px, py, dx = x[:, i].astype(np.float64), y[:, i].astype(np.float64), x[:, j] - x[:, i]
        dy = y[:, j].astype(np.float64) - py
        slope = dx / np.where(dy == 0, np.inf, dy)
        cut = (px - slope * py)[face] + slope[face] * middle
        # inside an edge: dy * (x - px) >= dx * (y - py), so one that goes down the picture bounds x from below
        way = np.sign(dy)[face]
        np.maximum(low, cut, out=low, where=way > 0)
        np.minimum(high, cut, out=high, where=way < 0)
    first = np.ceil(low - 0.5).astype(np.int64)
    last = np.minimum(np.floor(high - 0.5), width - 1).astype(np.int64)
    keep = np.flatnonzero(last >= first)
    return face[keep], row[keep], first[keep], last[keep]


def _nearest(x: Array, y: Array, z: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Depth and face (height, width) of the nearest face at each pixel's centre; −inf and −1 where there is none."""
    width, height = size
    depth = np.full(width * height, -np.inf, dtype=F32)
    owner = np.full(width * height, -1, dtype=np.int32)
    p1x, p1y, p2x, p2y = _planes(x, y)
    zx = (z[:, 1] - z[:, 0]) * p1x + (z[:, 2] - z[:, 0]) * p2x
    zy = (z[:, 1] - z[:, 0]) * p1y + (z[:, 2] - z[:, 0]) * p2y
    face, row, first, last = _spans(x, y, size)
    slope = zx[face]
    right, down = first + F32(0.5) - x[face, 0], row + F32(0.5) - y[face, 0]
    begin = (z[face, 0] + slope * right + zy[face] * down).astype(F32)
    count = last - first + 1
    for some in _chunks(np.cumsum(count)):
        n = count[some]
        step = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n)
        d = np.repeat(begin[some], n) + np.repeat(slope[some], n) * step.astype(F32)
        pixel = np.repeat(row[some] * width + first[some], n) + step
        np.maximum.at(depth, pixel, d)
        won = np.flatnonzero(d == depth[pixel])
        owner[pixel[won]] = np.repeat(face[some], n)[won]
    return depth.reshape(height, width), owner.reshape(height, width)


def _chunks(ends: Array) -> list[slice]:
    """Running totals of pixels -> runs of at most about `_CHUNK` of them."""
    if not len(ends):
        return []
    cuts = np.unique(np.searchsorted(ends, np.arange(_CHUNK, ends[-1], _CHUNK), side="right"))
    marks = [0, *(int(c) for c in cuts if 0 < c < len(ends)), len(ends)]
    return [slice(a, b) for a, b in itertools.pairwise(marks)]


def depth_map(mesh: Mesh, camera: Camera) -> Array:
    """Depth (height, width) mm toward the viewer of the nearest surface at each pixel's centre, −inf where none is."""
    _, x, y, z = _front(mesh, camera, 1)
    return _nearest(x, y, z, camera.size)[0]


def corner_normals(vertices: Array, faces: Array, crease_deg: float) -> tuple[Array, Array]:
    """Unit normals at the corners of each face (m, 3, 3), smooth over the surface but sharp where it turns by more than
    ``crease_deg``, and those of the faces (m, 3); float32."""
    v = vertices.astype(F32)
    a = v[faces[:, 0]]
    p, q = v[faces[:, 1]] - a, v[faces[:, 2]] - a
    turns = ((1, 2), (2, 0), (0, 1))
    face = np.stack([p[:, i] * q[:, j] - p[:, j] * q[:, i] for i, j in turns], axis=1)
    corner = faces.ravel()
    sums = [np.bincount(corner, weights=np.repeat(face[:, k], 3), minlength=len(v)) for k in range(3)]
    smooth = _unit(np.stack(sums, axis=1).astype(F32))
    face = _unit(face)
    corners = smooth[faces]
    i, j = np.nonzero(np.einsum("mij,mj->mi", corners, face) < F32(np.cos(np.radians(crease_deg))))
    corners[i, j] = face[i]
    return corners, face


def _unit(vectors: Array) -> Array:
    """Rows (n, 3) of length 1."""
    return np.asarray(vectors / (np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None] + F32(1e-20)))


def rasterise(mesh: Mesh, camera: Camera, value: Array | None = None, crease_deg: float = 35.0) -> Fragments:
    """The side of a closed mesh that the camera sees; ``value`` (vertices,) is interpolated.

    Visibility is found at four places of each pixel. Where these lie on one smooth piece, one sample stands for them;
    at edges each has its own, which makes the edges smooth.
    """
    width, height = camera.size
    faces, x, y, z = _front(mesh, camera, 2)
    depth, owner = _nearest(x, y, z, (2 * width, 2 * height))
    corners, flat = corner_normals(mesh.vertices, faces, crease_deg)

    whole, edges = _one_or_four(depth, owner, flat)
    row, column = whole // width, whole % width
    pixel, who = [whole], [owner[::2, ::2].ravel()[whole]]
    at_x, at_y = [2 * column + 1.0], [2 * row + 1.0]
    for i in (0, 1):
        for j in (0, 1):
            own = owner[i::2, j::2].ravel()[edges]
            hit = edges[own >= 0]
            pixel.append(hit)
            who.append(own[own >= 0])
            at_x.append(2 * (hit % width) + j + 0.5)
            at_y.append(2 * (hit // width) + i + 0.5)
    pixels, face = np.concatenate(pixel), np.concatenate(who)
    weight = np.full(len(pixels), 0.25, dtype=F32)
    weight[: len(whole)] = 1.0

    p1x, p1y, p2x, p2y = _planes(x, y)
    dx = np.concatenate(at_x).astype(F32) - x[face, 0]
    dy = np.concatenate(at_y).astype(F32) - y[face, 0]
    b1 = np.clip(dx * p1x[face] + dy * p1y[face], 0, 1)
    b2 = np.clip(dx * p2x[face] + dy * p2y[face], 0, 1)
    shares = np.stack([1 - b1 - b2, b1, b2], axis=1)
    world = np.einsum("nc,nck->nk", shares, corners[face])
    normal = np.stack(turned(camera.R, world))
    normal /= np.sqrt(np.einsum("kn,kn->n", normal, normal)) + F32(1e-20)
    if value is None:
        none = np.zeros(len(pixels), dtype=F32)
        return Fragments(pixels, weight, normal, none, none, depth[::2, ::2])
    own3 = np.asarray(value, dtype=F32)[faces]
    d1, d2 = own3[:, 1] - own3[:, 0], own3[:, 2] - own3[:, 0]
    steep = 2 * (np.abs(d1 * p1x + d2 * p2x) + np.abs(d1 * p1y + d2 * p2y))
    values = own3[face, 0] + b1 * d1[face] + b2 * d2[face]
    return Fragments(pixels, weight, normal, values, steep[face], depth[::2, ::2])


def _one_or_four(depth: Array, owner: Array, normals: Array, step_mm: float = 1.2) -> tuple[Array, Array]:
    """Flat indices of the pixels whose four samples lie on one smooth piece of surface, and of those at its edges."""
    covered = [owner[i::2, j::2] >= 0 for i in (0, 1) for j in (0, 1)]
    every = covered[0] & covered[1] & covered[2] & covered[3]
    some = (covered[0] | covered[1] | covered[2] | covered[3]) & ~every
    inside = np.flatnonzero(every)
    d = [depth[i::2, j::2].ravel()[inside] for i in (0, 1) for j in (0, 1)]
    rough = (np.abs(d[0] - d[3]) > step_mm) | (np.abs(d[1] - d[2]) > step_mm)
    a, b = owner[::2, ::2].ravel()[inside], owner[1::2, 1::2].ravel()[inside]
    rough |= np.einsum("nk,nk->n", normals[a], normals[b]) < 0.95
    return inside[~rough], np.concatenate([np.flatnonzero(some), inside[rough]])


# ------------------------------------------------------------------ points


def splat(cloud: PointCloud, camera: Camera, value: Array | None = None, spacing_mm: float | None = None) -> Fragments:
    """The front of a point cloud as a closed, smooth surface: near points are averaged on a grid about as fine as the
    points are dense (``spacing_mm``, found when not given), points behind the front are left out."""
    if not len(cloud.points):
        raise ValueError("a cloud of no points can't be drawn")
    spacing = point_spacing_mm(cloud.points) if spacing_mm is None else spacing_mm
    width, height = camera.size
    x, y, z = camera.project(cloud.points)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    normals = None if cloud.normals is None else turned(camera.R, cloud.normals.astype(F32))
    if normals is not None:
        inside &= normals[2] > -0.05
    index = np.flatnonzero(inside)
    # the front: around the depth that the nearest few of a coarse cell's points reach (one stray does not hide it)
    cell, shape = _cells(x[index], y[index], max(1.0, 3.0 * spacing * camera.px_per_mm), camera.size)
    away = z[index] - _front_depth(cell, z[index], shape)[cell]
    index = index[np.abs(away) < max(6.0, 5.0 * spacing)]
    # averages on the fine grid; where points are thin, a wider average helps out
    step = max(1.0, 0.8 * spacing * camera.px_per_mm)
    cell, (ny, nx) = _cells(x[index], y[index], step, camera.size)
    sigma = max(0.9, 1.1 * spacing * camera.px_per_mm / step)

    def total(w: Array | None) -> tuple[Array, Array]:
        grid = np.bincount(cell, weights=w, minlength=nx * ny).reshape(ny, nx).astype(F32)
        near = ndimage.gaussian_filter(grid, sigma, mode="constant", truncate=2.5)
        wide = ndimage.gaussian_filter(near, 2.5 * sigma, mode="constant", truncate=2.0)
        return near, near + F32(0.03) * wide

    near, weight = total(None)
    weight = np.maximum(weight, F32(1e-7))
    depth: Array = total(z[index])[1] / weight
    # covered: where the points are dense; small gaps are closed, what sticks out thinly is cut
    usual = np.median(near[near > 0.1 * near.max()]) if near.size and near.max() > 0 else F32(1.0)
    reach = int(np.ceil(2.0 * sigma))
    held = np.bincount(cell, minlength=nx * ny).reshape(ny, nx) > 0
    solid = np.pad(held & (near > 0.3 * usual), reach)
    solid = ndimage.binary_closing(solid, _disc(reach))[reach:-reach, reach:-reach]
    solid = ndimage.binary_opening(solid, _disc(reach))
    fields: list[Array]
    if normals is None:
        depth = ndimage.median_filter(depth, 5)
        fields = _slopes(depth, solid, step / camera.px_per_mm)
    else:
        fields = [total(n[index])[1] for n in normals]
    fields.append(depth)
    if value is not None:
        fields.append(np.asarray(total(np.asarray(value)[index])[1] / weight))
    cover = ndimage.gaussian_filter(solid.astype(F32), 1.6 * sigma)
    return _enlarged(camera, step, cover, fields)


def _slopes(depth: Array, solid: Array, step_mm: float) -> list[Array]:
    """The three parts of a normal, not yet of length 1, from a depth map of ``solid`` cells ``step_mm`` apart."""
    inner = solid.astype(F32)
    share = np.maximum(ndimage.gaussian_filter(inner, 1.5), F32(1e-3))
    down, right = np.asarray(np.gradient(ndimage.gaussian_filter(depth * inner, 1.5) / share, F32(step_mm)))
    return [-right, down, np.ones_like(down)]


def _front_depth(cell: Array, z: Array, shape: tuple[int, int], share: float = 0.06) -> Array:
    """Depth (cells,) that a ``share`` of each cell's points reach or pass; where a cell lies far behind most of its
    neighbours it was looked through, and theirs counts."""
    order = np.argsort(cell * 1e5 - z)  # by cell, then from the nearest back
    count = np.bincount(cell, minlength=shape[0] * shape[1])
    place = np.minimum(np.cumsum(count) - count + (count * share).astype(np.int64), len(z) - 1)
    front = np.where(count > 0, z[order][place], F32(-1e4)).astype(F32)
    around = ndimage.rank_filter(front.reshape(shape), rank=-5, size=(3, 3), mode="nearest").ravel()
    return np.asarray(np.maximum(front, around - F32(10.0)))


def _disc(radius: int) -> Array:
    i = np.arange(-radius, radius + 1)
    return np.asarray(i[:, None] ** 2 + i[None, :] ** 2 <= radius * radius + 1)


def _cells(x: Array, y: Array, step: float, size: tuple[int, int]) -> tuple[Array, tuple[int, int]]:
    """Flat cell index of each point (n,) on a grid of ``step`` pixels, and the grid's shape (rows, columns)."""
    nx, ny = int(size[0] / step) + 1, int(size[1] / step) + 1
    over = F32(1.0 / step)
    row, column = (y * over).astype(np.int64), (x * over).astype(np.int64)
    return np.minimum(row, ny - 1) * nx + np.minimum(column, nx - 1), (ny, nx)


def _enlarged(camera: Camera, step: float, cover: Array, fields: Sequence[Array]) -> Fragments:
    """Grid nodes ``step`` pixels apart -> fragments at full size whose edge is about a pixel wide; ``fields`` are the
    normal's three, the depth and perhaps a value."""
    width, height = camera.size
    rows, columns = (np.arange(height) + 0.5) / step - 0.5, (np.arange(width) + 0.5) / step - 0.5
    c = bilinear(cover, rows, columns)
    steep = np.maximum(np.hypot(*np.gradient(cover))[: cover.shape[0]] / F32(step), F32(0.02))
    alpha = np.clip((c - F32(0.5)) / bilinear(steep, rows, columns) + F32(0.5), 0, 1)
    pixel = np.flatnonzero(alpha)
    at = sampler(rows[pixel // width], columns[pixel % width], cover.shape)
    normal = np.stack([at(f) for f in fields[:3]])
    normal /= np.sqrt(np.einsum("kn,kn->n", normal, normal)) + F32(1e-20)
    depth = np.full(width * height, -np.inf, dtype=F32)
    depth[pixel] = at(fields[3])
    value = at(fields[4]) if len(fields) > 4 else np.zeros(len(pixel), dtype=F32)
    return Fragments(pixel, alpha.ravel()[pixel], normal, value, np.zeros_like(value), depth.reshape(height, width))


def sampler(rows: Array, columns: Array, shape: tuple[int, ...]) -> Callable[[Array], Array]:
    """A function that interpolates a grid of that shape at fractional places (n,), held at its borders."""
    r, c = np.clip(rows, 0, shape[0] - 1), np.clip(columns, 0, shape[1] - 1)
    i, j = np.minimum(r.astype(np.int64), max(shape[0] - 2, 0)), np.minimum(c.astype(np.int64), max(shape[1] - 2, 0))
    down, along = (shape[1] if shape[0] > 1 else 0), (1 if shape[1] > 1 else 0)
    fr, fc = (r - i).astype(F32), (c - j).astype(F32)
    corner = i * shape[1] + j
    shares = ((1 - fr) * (1 - fc), (1 - fr) * fc, fr * (1 - fc), fr * fc)
    places = (corner, corner + along, corner + down, corner + down + along)

    def at(grid: Array) -> Array:
        flat = np.ascontiguousarray(grid, dtype=F32).ravel()
        return np.asarray(sum(flat[p] * s for p, s in zip(places, shares)))

    return at


def bilinear(grid: Array, rows: Array, columns: Array) -> Array:
    """``grid`` at the outer product of fractional rows and columns, held at its borders."""
    r, c = np.clip(rows, 0, grid.shape[0] - 1), np.clip(columns, 0, grid.shape[1] - 1)
    i, j = r.astype(np.int64), c.astype(np.int64)
    i1, j1 = np.minimum(i + 1, grid.shape[0] - 1), np.minimum(j + 1, grid.shape[1] - 1)
    fr, fc = (r - i).astype(F32)[:, None], (c - j).astype(F32)[None, :]
    across = grid[:, j] * (1 - fc) + grid[:, j1] * fc
    return np.asarray(across[i] * (1 - fr) + across[i1] * fr)


def point_spacing_mm(points: Array) -> float:
    """Typical distance between neighbouring points, mm, from a slab through the middle of the cloud."""
    if len(points) < 50:
        return 1.0
    away = np.abs(points[:, 0] - np.median(points[:, 0]))
    some = min(5000, len(away) - 1)
    slab = points[np.argpartition(away, some)[: some + 1]]
    distance, _ = spatial.cKDTree(slab).query(slab[:: max(1, len(slab) // 1000)], k=[2])
    return float(max(np.median(distance) * 1.6, 0.3))
