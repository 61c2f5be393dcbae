"""Depth images and the camera's intrinsics → `PointCloud`; `depth:FILE` or `depth:FOLDER` reads saved ones.

Conventions of every depth camera that we know: the image holds z, the distance along the optical axis (not along the
ray), 0 where nothing was measured; the centre of pixel (row, column) lies at (column, row); x right, y down, z forward.
Distortion by Brown, in two directions (librealsense's `rs2_deproject_pixel_to_point` has both): "brown_conrady" takes
undistorted to distorted coordinates and is undone by iteration, "inverse_brown_conrady" goes the other way.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from devices.errors import DeviceError
from devices.png import MOST_PIXELS, read_png
from devices.specs import Spec
from footscan.errors import ReadError
from footscan.io.files import file_sha256, read_bytes
from footscan.types import Array, PointCloud, Scan

NEAR_MM, FAR_MM = 100.0, 2000.0
MODELS = ("none", "brown_conrady", "inverse_brown_conrady")
ITERATIONS = 10
SUFFIXES = (".png", ".npy")
#: what numpy.save writes of an image: kind, rows, columns
_NPY = re.compile(
    rb"\{'descr': '([<>|](?:[ui][1248]|f[248]))', 'fortran_order': False, 'shape': \((\d{1,9}), (\d{1,9})\), \}\s*"
)


@dataclass(frozen=True)
class Intrinsics:
    """Of a camera with ``width`` x ``height`` pixels: focal lengths and principal point in pixels, distortion
    (k1, k2, p1, p2, k3) and its direction, mm a unit of the image (1 for a depth in mm)."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    mm_per_unit: float = 1.0
    distortion: tuple[float, ...] = ()
    model: str = "none"

    def __post_init__(self) -> None:
        numbers = (self.fx, self.fy, self.cx, self.cy, self.mm_per_unit, *self.distortion)
        if not all(math.isfinite(n) for n in numbers):
            raise ValueError(f"intrinsics must be finite, got {numbers}")
        if not (self.fx > 0 and self.fy > 0 and self.mm_per_unit > 0 and 0 < self.width * self.height <= MOST_PIXELS):
            raise ValueError(f"fx, fy, mm_per_unit and the size must be positive, got {self}")
        if len(self.distortion) not in (0, 5) or self.model not in MODELS:
            raise ValueError(f"distortion must be five numbers or none, model one of {', '.join(MODELS)}, got {self}")


def rays(camera: Intrinsics) -> tuple[Array, Array]:
    """x/z and y/z (height, width) of the ray through each pixel's centre."""
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    y = (np.arange(camera.height) - camera.cy) / camera.fy
    distorted_x, distorted_y = np.meshgrid(x, y)
    if camera.model == "none" or not any(camera.distortion):
        return distorted_x, distorted_y
    if camera.model == "inverse_brown_conrady":
        return _bent(distorted_x, distorted_y, camera.distortion)
    # fixed point: what, bent, lands on the pixel
    x, y = distorted_x, distorted_y
    for _ in range(ITERATIONS):
        bent_x, bent_y = _bent(x, y, camera.distortion)
        x, y = x + distorted_x - bent_x, y + distorted_y - bent_y
    return x, y


def _bent(x: Array, y: Array, distortion: tuple[float, ...]) -> tuple[Array, Array]:
    k1, k2, p1, p2, k3 = distortion
    r2 = x * x + y * y
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return (
        x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
        y * radial + 2.0 * p2 * x * y + p1 * (r2 + 2.0 * y * y),
    )


def depth_to_cloud(
    depth: npt.ArrayLike,
    camera: Intrinsics,
    near_mm: float = NEAR_MM,
    far_mm: float = FAR_MM,
    edge_mm: float | None = None,
) -> PointCloud:
    """The points that a depth image saw, in the camera's frame, mm.

    depth : (height, width) in units of ``camera.mm_per_unit``; 0 and NaN: nothing measured
    near_mm, far_mm : only what lies between
    edge_mm : leave out pixels that differ from a measured neighbour by more: where a foot's edge hides what is behind
        it, cameras invent points between the two

    ValueError for an image of another size than the camera's.
    """
    image = np.asarray(depth)
    if image.shape != (camera.height, camera.width):
        raise ValueError(f"depth must be ({camera.height}, {camera.width}), got {image.shape}")
    z = image.astype(np.float64) * camera.mm_per_unit
    seen = np.isfinite(z) & (z > 0)
    if edge_mm is not None:
        seen &= ~_edges(np.where(seen, z, np.nan), edge_mm)
    seen &= (z >= near_mm) & (z <= far_mm)
    x, y = rays(camera)
    z = z[seen]
    return PointCloud(np.column_stack([x[seen] * z, y[seen] * z, z]))


def _edges(z: Array, edge_mm: float) -> Array:
    """Where a neighbour above, below, left or right lies more than ``edge_mm`` nearer or farther."""
    across, down = np.abs(np.diff(z, axis=1)) > edge_mm, np.abs(np.diff(z, axis=0)) > edge_mm  # NaN: no
    found = np.zeros(z.shape, bool)
    found[:, :-1] |= across
    found[:, 1:] |= across
    found[:-1] |= down
    found[1:] |= down
    return found


def median_depth(images: npt.ArrayLike) -> Array:
    """The middle of several images of a thing at rest (n, height, width) → (height, width); unmeasured pixels don't
    count, and a pixel measured in fewer than half of them is 0."""
    stack = np.asarray(images, dtype=np.float32)
    measured = np.isfinite(stack) & (stack > 0)
    count = measured.sum(axis=0)
    ordered = np.sort(np.where(measured, stack, np.inf), axis=0)
    low, high = ((np.maximum(count, 1) - 1) // 2)[None], (np.maximum(count, 1) // 2)[None]
    middle = (np.take_along_axis(ordered, low, 0)[0] + np.take_along_axis(ordered, high, 0)[0]) / 2.0
    return np.where(2 * count >= len(stack), np.where(count > 0, middle, 0.0), 0.0).astype(np.float32)


# ------------------------------------------------------------------ files


def read_depth(path: str | Path) -> Array:
    """(rows, columns) of a 16-bit grey PNG or a .npy file; ReadError for anything else."""
    data = read_bytes(path)
    if data[:6] != b"\x93NUMPY":
        return read_png(data, path)
    wide = data[6:7] != b"\x01"  # of the length field: 2 bytes in version 1, 4 since
    start = 12 if wide else 10
    stop = start + int.from_bytes(data[8:start], "little")
    header = _NPY.fullmatch(data[start:stop])
    if header is None:
        found = data[start : min(stop, start + 80)].decode("latin-1")
        raise ReadError(path, "one image (rows, columns) of numbers", found, "save one depth image a file")
    dtype, shape = np.dtype(header[1].decode()), (int(header[2]), int(header[3]))
    if not 0 < math.prod(shape) <= MOST_PIXELS or len(data) - stop != math.prod(shape) * dtype.itemsize:
        raise ReadError(path, f"{shape} {dtype}", f"{len(data) - stop} bytes", "save it again with numpy.save")
    return np.frombuffer(data, dtype, offset=stop).reshape(shape)


def read_intrinsics(path: str | Path) -> Intrinsics:
    """Intrinsics from JSON: width, height, fx, fy, cx (or ppx), cy (or ppy), and where they apply mm_per_unit,
    distortion (or coeffs), model. ReadError for what is missing or no number."""
    try:
        found = json.loads(read_bytes(path))
    except ValueError as error:
        raise ReadError(path, "JSON", str(error), "see the documentation of depth:") from error
    if not isinstance(found, dict):
        raise ReadError(path, "a JSON object", type(found).__name__)
    named: dict[str, Any] = {_ALIASES.get(str(key), str(key)): value for key, value in found.items()}
    try:
        fx, fy, cx, cy = (float(named[key]) for key in ("fx", "fy", "cx", "cy"))
        mm, model = float(named.get("mm_per_unit", 1.0)), str(named.get("model", "none"))
        distortion = tuple(float(k) for k in named.get("distortion", ()))
        return Intrinsics(int(named["width"]), int(named["height"]), fx, fy, cx, cy, mm, distortion, model)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ReadError(path, "width, height, fx, fy, cx, cy as numbers", what) from error


_ALIASES = {"ppx": "cx", "ppy": "cy", "coeffs": "distortion"}


async def items(spec: Spec) -> AsyncIterator[Scan]:
    """A `Scan` for each image, in the order of their names, then the end.

    Options: ``fx fy cx cy mm`` (else from ``intrinsics.json`` beside the images), ``near_mm``, ``far_mm``, ``edge_mm``,
    ``merge=1``: one scan of the middle of all images.

    Raises
    ------
    DeviceError : no image there, no intrinsics
    ReadError : an image or the intrinsics can't be read
    """
    files = _images(spec)
    near_mm, far_mm = spec.number("near_mm", NEAR_MM, 0.0, 1e5), spec.number("far_mm", FAR_MM, 0.0, 1e5)
    edge_mm = spec.number("edge_mm", 0.0, 0.0, 1e5) or None
    if spec.text_of("merge", "0", ("0", "1")) == "1":
        images = [await asyncio.to_thread(read_depth, file) for file in files]
        if len({image.shape for image in images}) > 1:
            raise DeviceError(spec, "images of one size", f"{len({i.shape for i in images})}", "leave out merge=1")
        camera = _camera(spec, files[0], images[0].shape)
        cloud = depth_to_cloud(median_depth(np.stack(images)), camera, near_mm, far_mm, edge_mm)
        yield Scan(cloud, source=spec.address)
        return
    for file in files:
        image = await asyncio.to_thread(read_depth, file)
        camera = _camera(spec, file, image.shape)
        if image.shape != (camera.height, camera.width):
            raise ReadError(file, f"{camera.height} x {camera.width} pixels", f"{image.shape[0]} x {image.shape[1]}")
        cloud = depth_to_cloud(image, camera, near_mm, far_mm, edge_mm)
        yield Scan(cloud, source=str(file), sha256=file_sha256(file))


def _images(spec: Spec) -> list[Path]:
    place = Path(spec.address)
    if not spec.address or not place.exists():
        raise DeviceError(spec, "a depth image or a folder of them", "no such file", "check the path")
    files = sorted(f for f in place.iterdir() if f.suffix.lower() in SUFFIXES) if place.is_dir() else [place]
    if not files:
        raise DeviceError(spec, f"images ({', '.join(SUFFIXES)})", "none in that folder", "check the path")
    return files


def _camera(spec: Spec, file: Path, shape: tuple[int, ...]) -> Intrinsics:
    if "fx" in spec.options:
        rows, columns = shape
        fx = spec.number("fx", 0.0, 1.0, 1e5)
        return Intrinsics(
            columns,
            rows,
            fx,
            spec.number("fy", fx, 1.0, 1e5),
            spec.number("cx", (columns - 1) / 2.0, -1e5, 1e5),
            spec.number("cy", (rows - 1) / 2.0, -1e5, 1e5),
            spec.number("mm", 1.0, 1e-6, 1e4),
        )
    beside = file.parent / "intrinsics.json"
    if not beside.is_file():
        hint = "give ?fx=…&fy=…&cx=…&cy=… in pixels, or put intrinsics.json beside the images"
        raise DeviceError(spec, "the camera's intrinsics", f"no {beside.name}", hint)
    return read_intrinsics(beside)
