"""The print of a synthetic foot's own sole: what a soft flat sole of its shape presses on a plate.

Pressure is the depth to the power 1.5 by which each place of the skin would sink through the floor (a soft layer on a
hard one), the depth of the whole foot being what carries the force. Where the foot stands is known to the last digit.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from footscan.meshes import sample_surface
from footscan.synth.feet import SyntheticFoot
from footscan.types import KPA_MM2_PER_N, Array, Mesh, SensorLayout

_FINE_MM = 1.0
_SAMPLES_PER_MM2 = 6.0
_REACH_MM = 30.0  #: higher skin never touches
_STIFFNESS = 14.0  #: kPa at a depth of 1 mm: 700 N sink an adult's foot by about 5 mm
_POWER = 1.5


def lowest_skin(foot: SyntheticFoot) -> tuple[Array, Array]:
    """Height (nx, ny) mm of the foot's lowest skin over a 1 mm grid in its own frame and side, and the grid's origin
    (2,) mm (middle of the first cell); NaN where there is no foot."""
    v, f = foot.mesh.vertices, foot.mesh.faces
    low = f[(v[f, 2] < _REACH_MM).any(axis=1)]
    area = np.linalg.norm(np.cross(v[low[:, 1]] - v[low[:, 0]], v[low[:, 2]] - v[low[:, 0]]), axis=1).sum() / 2.0
    points = sample_surface(Mesh(v, low), count=int(area * _SAMPLES_PER_MM2), seed=1).points
    origin = np.floor(points[:, :2].min(axis=0))
    ij = np.floor((points[:, :2] - origin) / _FINE_MM).astype(np.int64)
    shape = tuple(int(n) for n in ij.max(axis=0) + 1)
    height = np.full(shape, np.inf)
    np.minimum.at(height, (ij[:, 0], ij[:, 1]), points[:, 2])
    inside = ndimage.binary_fill_holes(ndimage.binary_closing(np.isfinite(height), iterations=2))
    near = ndimage.distance_transform_edt(~np.isfinite(height), return_distances=False, return_indices=True)
    return np.where(inside, height[near[0], near[1]], np.nan), origin + 0.5 * _FINE_MM


def sole_print(foot: SyntheticFoot, layout: SensorLayout, T_plate_foot: Array, force_n: float = 700.0) -> Array:
    """Pressure (cells,) kPa of the standing foot on a layout; ``T_plate_foot`` (3, 3): where it stands, in 2D.

    Each cell has the mean over 5 x 5 points of a square of its area.
    """
    if layout.area_mm2 is None:
        raise ValueError("a print needs a layout with area_mm2, got None")
    height, origin = lowest_skin(foot)
    at = (np.arange(5) + 0.5) / 5.0 - 0.5
    inner = np.stack(np.meshgrid(at, at, indexing="ij"), axis=-1).reshape(-1, 2)
    points = layout.xy_mm[:, None] + inner * np.sqrt(layout.area_mm2)[:, None, None]
    back = np.linalg.inv(T_plate_foot)
    local = points @ back[:2, :2].T + back[:2, 2]
    place = ((local - origin) / _FINE_MM).reshape(-1, 2).T
    z = ndimage.map_coordinates(np.where(np.isfinite(height), height, _REACH_MM), place, order=1, cval=_REACH_MM)
    z = z.reshape(points.shape[:2])
    low, high = 0.0, _REACH_MM
    for _ in range(50):  # the depth that carries the force
        depth = 0.5 * (low + high)
        pressure = _STIFFNESS * (np.maximum(depth - z, 0.0) ** _POWER).mean(axis=1)
        low, high = (depth, high) if float(pressure @ layout.area_mm2) < force_n * KPA_MM2_PER_N else (low, depth)
    return np.asarray(pressure)
