"""Soft shaded views of meshes and point clouds: an orthographic z-buffer in numpy, no window and no graphics card.

A view is made in three steps, each a function on arrays: a `Camera` says from where; `rasterise` (triangles) or
`splat` (points) turns the surface into a `Layer` of depth, normal, value and coverage per pixel; `shade` gives it light.
`portrait` does all three for one thing and returns a `Sprite`; `composite` lays sprites over one another.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, spatial

from footscan.types import Array, Mesh, PointCloud

Colour = tuple[float, float, float]

_CHUNK = 3_000_000  #: most covered pixels that `rasterise` holds at once
_MATCAP = 512  #: directions of light on each axis of the table


@dataclass(frozen=True, eq=False)
class Camera:
    """An orthographic view: ``R`` (3, 3) with rows right, up, toward the viewer; the point whose coordinates along
    right and up are ``centre`` (2,) mm lies in the middle of a picture of ``size`` (width, height) pixels."""

    R: Array
    centre: tuple[float, float]
    px_per_mm: float
    size: tuple[int, int]

    def project(self, points: Array) -> Array:
        """Points (n, 3) mm -> (n, 3) float32: pixels to the right, pixels down, mm toward the viewer."""
        seen = np.asarray(points) @ self.R.T
        seen[:, 0] = (seen[:, 0] - self.centre[0]) * self.px_per_mm + self.size[0] / 2.0
        seen[:, 1] = self.size[1] / 2.0 - (seen[:, 1] - self.centre[1]) * self.px_per_mm
        return seen.astype(np.float32)

    @property
    def extent_mm(self) -> tuple[float, float, float, float]:
        """left, right, bottom, top of the picture along right and up, mm (matplotlib's ``extent``)."""
        w, h = self.size[0] / 2.0 / self.px_per_mm, self.size[1] / 2.0 / self.px_per_mm
        return self.centre[0] - w, self.centre[0] + w, self.centre[1] - h, self.centre[1] + h


def looking(azimuth_deg: float, elevation_deg: float) -> Array:
    """Rows right, up, toward (3, 3) of a viewer who stands at that azimuth (from +x towards +y) and elevation."""
    a, e = np.radians([azimuth_deg, elevation_deg])
    toward = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    return np.array([right, np.cross(toward, right), toward])


def fitted(R: Array, points: Array, px_per_mm: float, margin_px: int = 6) -> Camera:
    """The camera with directions ``R`` whose picture just holds the points (n, 3) mm; whole even sizes."""
    seen = np.asarray(points) @ R.T
    low, high = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
    width, height = (int(np.ceil(s * px_per_mm / 2.0)) * 2 + 2 * margin_px for s in high - low)
    centre = (low + high) / 2.0
    return Camera(R, (float(centre[0]), float(centre[1])), px_per_mm, (width, height))


@dataclass(frozen=True, eq=False)
class Layer:
    """What a camera sees of one surface, each (height, width): ``depth`` mm toward the viewer (−inf: nothing there),
    ``alpha`` coverage 0…1, ``value`` an attribute of the surface; ``normal`` (height, width, 3) in the camera's frame."""

    depth: Array
    normal: Array
    alpha: Array
    value: Array


# ------------------------------------------------------------------ triangles


def corner_normals(vertices: Array, faces: Array, crease_deg: float) -> Array:
    """Normals (m, 3, 3) float32 at the corners of each face: smooth over the surface, sharp where it turns by more
    than ``crease_deg``."""
    v = vertices.astype(np.float32)
    a = v[faces[:, 0]]
    face = np.cross(v[faces[:, 1]] - a, v[faces[:, 2]] - a)
    corner = faces.ravel()
    sums = [np.bincount(corner, weights=np.repeat(face[:, k], 3), minlength=len(v)) for k in range(3)]
    smooth = np.stack(sums, axis=1).astype(np.float32)
    face /= np.sqrt(np.einsum("ij,ij->i", face, face))[:, None] + np.float32(1e-20)
    smooth /= np.sqrt(np.einsum("ij,ij->i", smooth, smooth))[:, None] + np.float32(1e-20)
    corners = smooth[faces]
    sharp = np.einsum("mij,mj->mi", corners, face) < np.cos(np.radians(crease_deg))
    i, j = np.nonzero(sharp)
    corners[i, j] = face[i]
    return corners


def _spans(xy: Array, size: tuple[int, int]) -> tuple[Array, Array, Array, Array]:
    """Corners (m, 3, 2) in pixels, counter-clockwise as the viewer sees them -> face, row, first and last column of each
    row of pixel centres that a face crosses."""
    width, height = size
    y3 = xy[:, :, 1]
    top = np.maximum(np.ceil(y3.min(axis=1) - 0.5), 0).astype(np.int64)
    bottom = np.minimum(np.floor(y3.max(axis=1) - 0.5), height - 1).astype(np.int64)
    rows = np.maximum(bottom - top + 1, 0)
    face = np.repeat(np.arange(len(xy)), rows)
    row = np.arange(len(face)) - np.repeat(np.cumsum(rows) - rows - top, rows)
    y = row + 0.5
    low, high = np.zeros(len(face)), np.full(len(face), float(width))
    for i in range(3):
        p, q = xy[:, i].astype(np.float64), xy[:, (i + 1) % 3].astype(np.float64)
        dx, dy = (q - p).T
        slope = dx / np.where(dy == 0, np.inf, dy)
        cut = (p[:, 0] - slope * p[:, 1])[face] + slope[face] * y
        # inside an edge: dy * (x - px) >= dx * (y - py), so one that goes down the picture bounds x from below
        way = np.sign(dy)[face]
        low = np.where(way > 0, np.maximum(low, cut), low)
        high = np.where(way < 0, np.minimum(high, cut), high)
    first = np.ceil(low - 0.5).astype(np.int64)
    last = np.minimum(np.floor(high - 0.5), width - 1).astype(np.int64)
    keep = last >= first
    return face[keep], row[keep], first[keep], last[keep]


def rasterise(
    mesh: Mesh, camera: Camera, value: Array | None = None, crease_deg: float = 35.0, both_sides: bool = False
) -> Layer:
    """The front of a mesh (``both_sides``: the inside of an open one too); ``value`` (vertices,) is interpolated."""
    width, height = camera.size
    seen = camera.project(mesh.vertices)
    # faces turned to the viewer, corners counter-clockwise (area is positive for those: y points down)
    (ax, ay), (bx, by) = ((seen[mesh.faces[:, k]] - seen[mesh.faces[:, 0]])[:, :2].T for k in (1, 2))
    area = bx * ay - ax * by
    faces = mesh.faces[area > 1e-9]
    if both_sides:
        faces = np.concatenate([faces, mesh.faces[area < -1e-9][:, ::-1]])
    xy, z = seen[faces, :2], seen[faces, 2]

    # barycentric weights of corners 1 and 2, and so the depth, are planes over the picture
    (ax, ay), (bx, by) = ((xy[:, k] - xy[:, 0]).astype(np.float64).T for k in (1, 2))
    det = ax * by - ay * bx
    w1, w2 = np.stack([by / det, -bx / det], axis=1), np.stack([-ay / det, ax / det], axis=1)
    slope = (z[:, 1] - z[:, 0])[:, None] * w1 + (z[:, 2] - z[:, 0])[:, None] * w2

    depth = np.full(width * height, -np.inf, dtype=np.float32)
    owner = np.full(width * height, -1, dtype=np.int64)
    face, row, first, last = _spans(xy, camera.size)
    begin = z[face, 0] + slope[face, 1] * (row + 0.5 - xy[face, 0, 1]) + slope[face, 0] * (0.5 - xy[face, 0, 0])
    count = last - first + 1
    for some in _chunks(np.cumsum(count)):
        n, of = count[some], face[some]
        x = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n - first[some], n)
        d = (np.repeat(begin[some], n) + np.repeat(slope[of, 0], n) * x).astype(np.float32)
        pixel = np.repeat(row[some] * width, n) + x
        np.maximum.at(depth, pixel, d)
        won = d == depth[pixel]
        owner[pixel[won]] = np.repeat(of, n)[won]

    # one look-up a visible pixel: weights of its face's corners, normal and value from them
    hit = np.flatnonzero(owner >= 0)
    who = owner[hit]
    dx, dy = hit % width + 0.5 - xy[who, 0, 0], hit // width + 0.5 - xy[who, 0, 1]
    b1 = (dx * w1[who, 0] + dy * w1[who, 1]).astype(np.float32)
    b2 = (dx * w2[who, 0] + dy * w2[who, 1]).astype(np.float32)
    weights = np.stack([1.0 - b1 - b2, b1, b2], axis=1)
    normals = corner_normals(mesh.vertices, mesh.faces, crease_deg) if not both_sides else None
    if normals is None:
        normals = corner_normals(mesh.vertices, faces, crease_deg)
    else:
        normals = normals[area > 1e-9]
    normals = normals @ camera.R.T.astype(np.float32)
    found = np.zeros((width * height, 3), dtype=np.float32)
    found[hit] = _unit(np.einsum("nc,nck->nk", weights, normals[who]))
    values = np.zeros(width * height, dtype=np.float32)
    if value is not None:
        values[hit] = np.einsum("nc,nc->n", weights, np.asarray(value, dtype=np.float32)[faces[who]])
    shape = (height, width)
    alpha = (owner >= 0).astype(np.float32)
    return Layer(depth.reshape(shape), found.reshape(*shape, 3), alpha.reshape(shape), values.reshape(shape))


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / (np.sqrt(np.einsum("...k,...k->...", vectors, vectors))[..., None] + np.float32(1e-12)))


def _chunks(ends: Array) -> list[slice]:
    """Running totals of pixels -> runs of at most about `_CHUNK` of them."""
    if not len(ends):
        return []
    cuts = np.unique(np.searchsorted(ends, np.arange(_CHUNK, ends[-1], _CHUNK), side="right"))
    marks = [0, *(int(c) for c in cuts if 0 < c < len(ends)), len(ends)]
    return [slice(a, b) for a, b in zip(marks[:-1], marks[1:])]


# ------------------------------------------------------------------ points


def splat(cloud: PointCloud, camera: Camera, value: Array | None = None, spacing_mm: float | None = None) -> Layer:
    """The front of a point cloud as a closed, smooth surface: near points are averaged on a grid about as fine as the
    points are dense (``spacing_mm``, found when not given), points behind the front are left out."""
    if not len(cloud.points):
        raise ValueError("a cloud of no points can't be drawn")
    spacing = point_spacing_mm(cloud.points) if spacing_mm is None else spacing_mm
    points, index = camera.project(cloud.points), np.arange(len(cloud.points))
    normals = None if cloud.normals is None else (cloud.normals @ camera.R.T).astype(np.float32)
    width, height = camera.size
    inside = (points[:, 0] >= 0) & (points[:, 0] < width) & (points[:, 1] >= 0) & (points[:, 1] < height)
    if normals is not None:
        inside &= normals[:, 2] > -0.05
    index = index[inside]
    # the front: not far behind the nearest depth of a coarse cell
    step = max(1.0, 3.0 * spacing * camera.px_per_mm)
    cell, (ny, nx) = _cells(points[index], step, camera.size)
    front = np.full(nx * ny, -np.inf)
    np.maximum.at(front, cell, points[index, 2])
    index = index[points[index, 2] > front[cell] - max(6.0, 5.0 * spacing)]
    # averages on the fine grid; where points are thin, a wider average helps out
    step = max(1.0, 0.8 * spacing * camera.px_per_mm)
    cell, (ny, nx) = _cells(points[index], step, camera.size)
    sigma = max(0.9, 1.1 * spacing * camera.px_per_mm / step)

    def mean(w: Array) -> Array:
        grid = np.bincount(cell, weights=w, minlength=nx * ny).reshape(ny, nx).astype(np.float32)
        near = ndimage.gaussian_filter(grid, sigma, mode="constant", truncate=2.5)
        return np.asarray(near + 0.03 * ndimage.gaussian_filter(near, 2.5 * sigma, mode="constant", truncate=2.5))

    weight = np.maximum(mean(np.ones(len(index))), 1e-7)
    z = mean(points[index, 2].astype(np.float64)) / weight
    if normals is None:
        gy, gx = np.gradient(ndimage.gaussian_filter(z, 0.8), step / camera.px_per_mm)
        n = np.stack([-gx, gy, np.ones_like(gx)], axis=2)
    else:
        n = np.stack([mean(normals[index, k]) / weight for k in range(3)], axis=2)
    values = np.zeros_like(z) if value is None else mean(np.asarray(value)[index]) / weight
    occupied = np.zeros(nx * ny, dtype=bool)
    occupied[cell] = True
    reach = int(np.ceil(2.0 * sigma))
    solid = ndimage.binary_closing(np.pad(occupied.reshape(ny, nx), reach), _disc(reach))[reach:-reach, reach:-reach]
    cover = ndimage.gaussian_filter(solid.astype(np.float32), 1.3 * sigma)
    return _enlarged(camera, step, cover, z, n, values)


def _disc(radius: int) -> Array:
    i = np.arange(-radius, radius + 1)
    return np.asarray(i[:, None] ** 2 + i[None, :] ** 2 <= radius * radius + 1)


def _cells(points: Array, step: float, size: tuple[int, int]) -> tuple[Array, tuple[int, int]]:
    """Flat cell index of each point (n,) on a grid of ``step`` pixels, and the grid's shape (rows, columns)."""
    nx, ny = int(size[0] / step) + 1, int(size[1] / step) + 1
    return (points[:, 1] / step).astype(np.int64) * nx + (points[:, 0] / step).astype(np.int64), (ny, nx)


def _enlarged(camera: Camera, step: float, cover: Array, z: Array, n: Array, values: Array) -> Layer:
    """Grid nodes ``step`` pixels apart -> a layer at full size whose edge is about a pixel wide."""
    width, height = camera.size
    rows, columns = (np.arange(height) + 0.5) / step - 0.5, (np.arange(width) + 0.5) / step - 0.5

    def full(grid: Array) -> Array:
        return bilinear(grid, rows, columns)

    c = full(cover)
    gy, gx = np.gradient(c)
    steep = np.maximum(np.hypot(gx, gy), 0.02)
    alpha = np.clip((c - 0.5) / steep + 0.5, 0.0, 1.0).astype(np.float32)
    normal = _unit(np.stack([full(n[:, :, k]) for k in range(3)], axis=2).astype(np.float32))
    depth = np.where(alpha > 0, full(z), -np.inf).astype(np.float32)
    return Layer(depth, normal, alpha, np.asarray(full(values), dtype=np.float32))


def bilinear(grid: Array, rows: Array, columns: Array) -> Array:
    """``grid`` at the outer product of fractional rows and columns, held at its borders."""
    r, c = np.clip(rows, 0, max(grid.shape[0] - 1.001, 0)), np.clip(columns, 0, max(grid.shape[1] - 1.001, 0))
    i, j = r.astype(np.int64), c.astype(np.int64)
    i1, j1 = np.minimum(i + 1, grid.shape[0] - 1), np.minimum(j + 1, grid.shape[1] - 1)
    fr, fc = (r - i).astype(np.float32)[:, None], (c - j).astype(np.float32)[None, :]
    lines = grid[i] * (1 - fr) + grid[i1] * fr
    return np.asarray(lines[:, j] * (1 - fc) + lines[:, j1] * fc)


def point_spacing_mm(points: Array) -> float:
    """Typical distance between neighbouring points, mm, from a slab through the middle of the cloud."""
    if len(points) < 50:
        return 1.0
    middle = np.median(points[:, 0])
    away = np.abs(points[:, 0] - middle)
    slab = points[away <= np.partition(away, min(5000, len(away) - 1))[min(5000, len(away) - 1)]]
    distance, _ = spatial.cKDTree(slab).query(slab[:: max(1, len(slab) // 1000)], k=2)
    return float(max(np.median(distance[:, 1]) * 1.6, 0.3))


# ------------------------------------------------------------------ light


@functools.lru_cache(maxsize=8)
def _matcap(gloss: float) -> tuple[Array, Array]:
    """Light by the surface's direction: brightness and shine over (ny, nx) in −1…1, for a key light from the upper
    left, a fill from the right and a soft sky."""
    axis = np.linspace(-1.0, 1.0, _MATCAP, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    z = np.sqrt(np.clip(1.0 - x * x - y * y, 0.0, 1.0))

    def towards(direction: Colour) -> Array:
        d = np.array(direction) / np.linalg.norm(direction)
        return np.asarray(x * d[0] + y * d[1] + z * d[2])

    key = np.clip(towards((-0.50, 0.60, 0.62)) * 0.72 + 0.28, 0.0, 1.0) ** 1.3
    fill = np.clip(towards((0.8, 0.1, 0.5)) * 0.6 + 0.4, 0.0, 1.0)
    sky = 0.5 + 0.5 * y
    light = 0.84 * key + 0.18 * fill + 0.14 * sky + 0.04
    half = np.clip(towards((-0.28, 0.34, 0.90)), 0.0, 1.0) ** 26
    edge = (1.0 - z) ** 3 * (0.4 + 0.6 * sky)
    return light.astype(np.float32), (gloss * (half + 0.25 * edge)).astype(np.float32)


def shade(layer: Layer, colour: Colour | Array, gloss: float = 0.10, creases: float = 0.5, scale_px: float = 10.0) -> Array:
    """RGBA (height, width, 4) float32, 0…1, colours already multiplied by alpha. ``colour`` is one for all or
    (height, width, 3); ``creases``: how much hollows darken, judged over about ``scale_px``."""
    light, shine = _matcap(gloss)
    hit = np.flatnonzero(layer.alpha.ravel() > 0)
    n = layer.normal.reshape(-1, 3)[hit]
    half = np.float32(0.5 * (_MATCAP - 1))
    way = ((n[:, 1] + 1) * half).astype(np.int64) * _MATCAP + ((n[:, 0] + 1) * half).astype(np.int64)
    np.clip(way, 0, _MATCAP * _MATCAP - 1, out=way)
    level = light.ravel()[way]
    if creases > 0:
        level *= 1 - np.float32(creases) * hollows(layer, scale_px).ravel()[hit]
    base = np.square(np.asarray(colour, dtype=np.float32))
    alpha, glint = layer.alpha.ravel()[hit], shine.ravel()[way]
    out = np.zeros((layer.alpha.size, 4), dtype=np.float32)
    for k in range(3):
        own = base[k] if base.ndim == 1 else base.reshape(-1, 3)[hit, k]
        out[hit, k] = np.sqrt(np.clip(own * level + glint, 0, 1)) * alpha
    out[hit, 3] = alpha
    return out.reshape(*layer.alpha.shape, 4)


def hollows(layer: Layer, scale_px: float) -> Array:
    """How far each pixel lies behind its surroundings (height, width), 0 open … 1 deep: cheap ambient occlusion."""
    k = max(1, int(scale_px / 3))
    solid = (layer.alpha[::k, ::k] > 0.5).astype(np.float32)
    z = np.where(solid > 0, layer.depth[::k, ::k], 0.0).astype(np.float32)
    out = np.zeros_like(z)
    for sigma in (scale_px / k, 3.0 * scale_px / k):
        weight = np.maximum(ndimage.gaussian_filter(solid, sigma, truncate=2.5), 1e-3)
        ahead = ndimage.gaussian_filter(z, sigma, truncate=2.5) / weight - z
        out += np.clip(ahead / (1.2 * sigma * k), 0.0, 1.0) * 0.5
    return bilinear(out * solid, np.arange(layer.alpha.shape[0]) / k, np.arange(layer.alpha.shape[1]) / k)


def contoured(layer: Layer, base: Colour, ink: Colour, every: float, up: Array, strength: float = 0.55) -> Array:
    """``base`` (height, width, 3) with fine lines of equal ``value``, one each ``every``, where the surface looks up
    (``up`` (3,) in the camera's frame)."""
    v = layer.value * np.float32(1.0 / every)
    flat = np.abs(np.gradient(v, axis=0)) + np.abs(np.gradient(v, axis=1))
    away = np.abs(v - np.rint(v)) / np.maximum(flat, np.float32(1e-5))
    rises = layer.normal @ np.asarray(up, dtype=np.float32)
    a = np.clip(2.4 - away, 0, 1) * np.clip((rises - 0.45) * 8, 0, 1) * np.clip((0.35 - flat) * 10, 0, 1)
    return np.asarray(base, dtype=np.float32) + (a * np.float32(strength))[..., None] * np.subtract(ink, base, dtype=np.float32)


# ------------------------------------------------------------------ whole things


@dataclass(frozen=True, eq=False)
class Sprite:
    """A finished view of one thing: ``rgba`` (height, width, 4) with colours multiplied by alpha, seen by ``camera``."""

    rgba: Array
    camera: Camera


def portrait(
    thing: Mesh | PointCloud,
    R: Array,
    px_per_mm: float,
    colour: Colour | Callable[[Layer], Array],
    value: Array | None = None,
    gloss: float = 0.10,
    creases: float = 0.5,
) -> Sprite:
    """A mesh (rendered twice as large and averaged) or a cloud, lit, in a picture that just holds it; a function as
    ``colour`` is asked with the layer, e.g. to colour by its ``value``."""
    if isinstance(thing, Mesh):
        camera = fitted(R, thing.vertices, 2.0 * px_per_mm, margin_px=6)
        layer = rasterise(thing, camera, value)
        factor = 2
    else:
        camera = fitted(R, thing.points, px_per_mm, margin_px=6)
        layer = splat(thing, camera, value)
        factor = 1
    rgba = shade(layer, colour(layer) if callable(colour) else colour, gloss, creases, 3.0 * camera.px_per_mm)
    size = (camera.size[0] // factor, camera.size[1] // factor)
    return Sprite(smaller(rgba, factor), Camera(R, camera.centre, px_per_mm, size))


def shadow(points: Array, camera: Camera, blur_mm: float = 6.0, height_mm: float = 0.0) -> Array:
    """Darkness 0…1 (height, width) that points (n, 3) cast straight down on the floor at ``height_mm``."""
    floor = np.array(points, dtype=np.float64)
    floor[:, 2] = height_mm
    step = max(2.0, blur_mm * camera.px_per_mm / 4.0)
    at = camera.project(floor)
    at = at[(at[:, 0] >= 0) & (at[:, 0] < camera.size[0]) & (at[:, 1] >= 0) & (at[:, 1] < camera.size[1])]
    cell, shape = _cells(at, step, camera.size)
    solid = np.zeros(shape[0] * shape[1], dtype=np.float32)
    solid[cell] = 1.0
    closed = ndimage.grey_closing(solid.reshape(shape), 5)
    soft = ndimage.gaussian_filter(closed, blur_mm * camera.px_per_mm / step)
    return bilinear(soft, (np.arange(camera.size[1]) + 0.5) / step - 0.5, (np.arange(camera.size[0]) + 0.5) / step - 0.5)


def composite(canvas: Array, camera: Camera, sprites: Sequence[Sprite]) -> Array:
    """``canvas`` (height, width, 3), seen by ``camera``, with sprites of the same directions and scale laid over it in
    order; a new array."""
    out = np.array(canvas, dtype=np.float32)
    for sprite in sprites:
        own, (h, w) = sprite.camera, sprite.rgba.shape[:2]
        x = round(camera.size[0] / 2.0 + (own.centre[0] - camera.centre[0]) * camera.px_per_mm - w / 2.0)
        y = round(camera.size[1] / 2.0 - (own.centre[1] - camera.centre[1]) * camera.px_per_mm - h / 2.0)
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, out.shape[1]), min(y + h, out.shape[0])
        if x1 <= x0 or y1 <= y0:
            continue
        piece = sprite.rgba[y0 - y : y1 - y, x0 - x : x1 - x]
        out[y0:y1, x0:x1] = out[y0:y1, x0:x1] * (1 - piece[..., 3:]) + piece[..., :3]
    return out


def smaller(picture: Array, factor: int) -> Array:
    """A picture (height, width, …) averaged over ``factor`` x ``factor`` pixels: rendered large, shown smooth."""
    if factor == 1:
        return picture
    h, w = (picture.shape[0] // factor) * factor, (picture.shape[1] // factor) * factor
    parts = [picture[i:h:factor, j:w:factor] for i in range(factor) for j in range(factor)]
    return np.asarray(sum(parts[1:], parts[0]) / np.float32(factor * factor))
