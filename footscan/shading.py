"""Light on what `footscan.render` sees, and finished views laid over one another.

`portrait` makes one thing's view, a `Sprite`; `composite` lays sprites over a canvas; `shadow` darkens the floor.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from footscan.render import F32, Camera, Colour, Fragments, bilinear, fitted, rasterise, sampler, splat
from footscan.types import Array, Mesh, PointCloud

_MATCAP = 512  #: directions of light on each axis of the table


@functools.lru_cache(maxsize=8)
def _matcap(gloss: float) -> tuple[Array, Array]:
    """Light by the surface's direction: brightness and shine over (ny, nx) in −1…1, flat, for a key light from the
    upper left, a fill from the right and a soft sky."""
    axis = np.linspace(-1.0, 1.0, _MATCAP, dtype=F32)
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
    return light.astype(F32).ravel(), (gloss * (half + 0.25 * edge)).astype(F32).ravel()


def shade(
    seen: Fragments, colour: Colour | Array, gloss: float = 0.10, creases: float = 0.5, scale_px: float = 10.0
) -> Array:
    """RGBA (height, width, 4) float32, 0…1, colours already multiplied by alpha. ``colour`` is one for all or (3, n);
    ``creases``: how much hollows darken, judged over about ``scale_px``."""
    light, shine = _matcap(gloss)
    half = F32(0.5 * (_MATCAP - 1))
    way = ((seen.normal[1] + 1) * half + F32(0.5)).astype(np.int64) * _MATCAP
    way += ((seen.normal[0] + 1) * half + F32(0.5)).astype(np.int64)
    level, glint = light[way], shine[way]
    if creases > 0:
        level = level * (1 - F32(creases) * hollows(seen, scale_px))
    height, width = seen.depth.shape
    out = np.zeros((height * width, 4), dtype=F32)
    own = np.asarray(colour, dtype=F32)
    for k in range(3):
        lit = np.sqrt(np.clip(np.square(own[k]) * level + glint, 0, 1)) * seen.weight
        out[:, k] = np.bincount(seen.pixel, weights=lit, minlength=height * width)
    out[:, 3] = np.bincount(seen.pixel, weights=seen.weight, minlength=height * width)
    return out.reshape(height, width, 4)


def hollows(seen: Fragments, scale_px: float) -> Array:
    """How far each fragment (n,) lies behind its surroundings, 0 open … 1 deep: cheap ambient occlusion."""
    k = max(1, int(scale_px / 3))
    z = seen.depth[::k, ::k]
    solid = np.isfinite(z).astype(F32)
    z = np.where(solid > 0, z, 0).astype(F32)
    out = np.zeros_like(z)
    for sigma in (scale_px / k, 3.0 * scale_px / k):
        weight = np.maximum(ndimage.gaussian_filter(solid, sigma, truncate=2.0), F32(1e-3))
        ahead = ndimage.gaussian_filter(z, sigma, truncate=2.0) / weight - z
        out += np.clip(ahead / F32(1.2 * sigma * k), 0, 1) * F32(0.5)
    width = seen.depth.shape[1]
    return sampler((seen.pixel // width) / k, (seen.pixel % width) / k, z.shape)(out * solid)


def contoured(seen: Fragments, base: Colour, ink: Colour, every: float, up: Array, strength: float = 0.55) -> Array:
    """Colours (3, n): ``base`` with fine lines of equal ``value``, one each ``every``, where the surface looks up
    (``up`` (3,) in the camera's frame). The lines stand at odd values, for flat places like round ones."""
    steep = np.maximum(seen.steep, F32(1e-6))
    value = seen.value / F32(every) - F32(0.31)
    away = np.abs(value - np.rint(value)) * F32(every) / steep
    rises = sum(n * F32(u) for n, u in zip(seen.normal, up))
    a = np.clip(F32(1.25) - away, 0, 1) * np.clip((rises - F32(0.72)) * 8, 0, 1)
    a = a * np.clip(4 - 7 * steep / F32(every), 0, 1)  # no lines where they would run into each other
    a = a * np.clip(steep * F32(400 / every) - 1, 0, 1)  # nor on what is as good as flat
    return np.stack([F32(b) + a * F32(strength * (i - b)) for b, i in zip(base, ink)])


# ------------------------------------------------------------------ whole things


@dataclass(frozen=True, eq=False)
class Sprite:
    """A finished view of one thing: ``rgba`` (height, width, 4) with colours multiplied by alpha, seen by a camera."""

    rgba: Array
    camera: Camera


def portrait(
    thing: Mesh | PointCloud,
    R: Array,
    px_per_mm: float,
    colour: Colour | Callable[[Fragments], Array],
    value: Array | None = None,
    gloss: float = 0.10,
    creases: float = 0.5,
    spacing_mm: float | None = None,
) -> Sprite:
    """A mesh or a cloud, lit, in a picture that just holds it; a function as ``colour`` is asked with the fragments,
    e.g. to colour by their ``value``."""
    if isinstance(thing, Mesh):
        camera = fitted(R, thing.vertices, px_per_mm)
        seen = rasterise(thing, camera, value)
    else:
        camera = fitted(R, thing.points, px_per_mm)
        seen = splat(thing, camera, value, spacing_mm)
    return Sprite(shade(seen, colour(seen) if callable(colour) else colour, gloss, creases, 3.0 * px_per_mm), camera)


def shadow(points: Array, camera: Camera, blur_mm: float = 6.0, height_mm: float = 0.0) -> Array:
    """Darkness 0…1 (height, width) that points (n, 3) cast straight down on the floor at ``height_mm``."""
    floor = np.array(points, dtype=np.float64)
    floor[:, 2] = height_mm
    step = max(2.0, blur_mm * camera.px_per_mm / 3.0)
    nx, ny = int(camera.size[0] / step) + 1, int(camera.size[1] / step) + 1
    x, y, _ = camera.project(floor)
    i, j = (y / F32(step)).astype(np.int64), (x / F32(step)).astype(np.int64)
    there = (i >= 0) & (i < ny) & (j >= 0) & (j < nx)
    solid = np.zeros((ny, nx), dtype=F32)
    solid[i[there], j[there]] = 1.0
    soft = ndimage.gaussian_filter(ndimage.grey_closing(solid, (5, 5)), blur_mm * camera.px_per_mm / step, truncate=3.0)
    columns, rows = ((np.arange(n) + 0.5) / step - 0.5 for n in camera.size)
    return bilinear(soft, rows, columns)


def composite(canvas: Array, camera: Camera, sprites: Sequence[Sprite]) -> Array:
    """``canvas`` (height, width, 3), seen by ``camera``, with sprites of the same directions and scale laid over it in
    order; changed in place and returned."""
    for sprite in sprites:
        own, (h, w) = sprite.camera, sprite.rgba.shape[:2]
        x = camera.size[0] / 2.0 + (own.centre[0] - camera.centre[0]) * camera.px_per_mm - w / 2.0
        y = camera.size[1] / 2.0 - (own.centre[1] - camera.centre[1]) * camera.px_per_mm - h / 2.0
        paste(canvas, sprite.rgba, round(x), round(y))
    return canvas


def paste(canvas: Array, rgba: Array, x: int, y: int) -> None:
    """Lay ``rgba`` over ``canvas`` with its upper left corner at column x, row y; what sticks out is cut off."""
    h, w = rgba.shape[:2]
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, canvas.shape[1]), min(y + h, canvas.shape[0])
    if x1 > x0 and y1 > y0:
        piece = rgba[y0 - y : y1 - y, x0 - x : x1 - x]
        canvas[y0:y1, x0:x1] *= 1 - piece[..., 3:]
        canvas[y0:y1, x0:x1] += piece[..., :3]
