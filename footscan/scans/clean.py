"""From what a scanner gave to an even cloud: one point a millimetre, no specks, one cluster an object.

Everything runs on dense voxel grids: a bincount beats every tree at these sizes (1M points in tens of milliseconds).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from footscan.arrays import bounds, median
from footscan.errors import ScanError
from footscan.types import Array

MAX_GRID_CELLS = 60_000_000  #: a 1 mm grid over 600 x 400 x 250 mm; beyond it cells are numbered by sorting


def voxel_grid(points: Array, size_mm: float = 1.0) -> tuple[Array, Array]:
    """The mean of the points in each voxel.

    Parameters
    ----------
    points : (n, 3) mm
    size_mm : edge of a voxel

    Returns
    -------
    means : (m, 3) mm, in grid order (the order of the input points does not matter)
    counts : (m,) points in each voxel
    """
    # stage 1: coarse blocks of 8^3 voxels, numbered by occupation, so that far outliers cost nothing
    columns = [np.ascontiguousarray(points[:, k]) for k in range(3)]
    low = np.array([column.min() for column in columns])
    ijk = [((column - least) / size_mm).astype(np.int32) for column, least in zip(columns, low)]
    shape = np.array([int(index.max() >> 3) + 1 for index in ijk], dtype=np.int64)
    if int(shape.prod()) > MAX_GRID_CELLS:
        raise ScanError(
            f"expected feet within a few metres, found points spread over {np.round(points.max(0) - low)} mm;"
            " cut the scan to the platform or check its unit"
        )
    coarse = ((ijk[0] >> 3) * shape[1] + (ijk[1] >> 3)) * shape[2] + (ijk[2] >> 3)
    occupied = np.flatnonzero(np.bincount(coarse, minlength=int(shape.prod())))
    number = np.zeros(int(shape.prod()), dtype=np.int64)
    number[occupied] = np.arange(len(occupied))
    # stage 2: a dense grid within the occupied blocks
    inside = ((ijk[0] & 7) << 6) | ((ijk[1] & 7) << 3) | (ijk[2] & 7)
    flat = number[coarse] * 512 + inside
    counts = np.bincount(flat)
    full = np.flatnonzero(counts)
    compact = np.empty(len(counts), dtype=np.int64)
    compact[full] = np.arange(len(full))
    own, counts = compact[flat], counts[full]
    # the sums of coordinates: in the order of the input, so round-off (1e-12 mm) is all that a reordering changes
    sums = [np.bincount(own, weights=column - least) for column, least in zip(columns, low)]
    return np.stack(sums, axis=1) / counts[:, None] + low, counts


def clusters(points: Array, reach_mm: float = 6.0) -> Array:
    """A label (n,) for each point, 0 the cluster with most points: points belong together if a chain of occupied
    cells of ``reach_mm`` (touching by faces, edges or corners) joins them."""
    low, high = bounds(points)
    ijk = tuple(((points[:, k] - low[k]) / reach_mm).astype(np.int64) for k in range(3))
    shape = ((high - low) / reach_mm).astype(np.int64) + 1
    if int(shape.prod()) > MAX_GRID_CELLS:
        raise ScanError(
            f"expected feet within a few metres, found points spread over {np.round(points.max(0) - low)} mm;"
            " cut the scan to the platform or check its unit"
        )
    occupied = np.zeros(tuple(shape), dtype=np.bool_)
    occupied[ijk] = True
    labels, _ = ndimage.label(occupied, structure=np.ones((3, 3, 3)))
    mine = labels[ijk]
    sizes = np.bincount(mine)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.lexsort((np.arange(len(sizes)), -sizes))] = np.arange(len(sizes))
    return np.asarray(rank[mine])


def lonely(points: Array, reach_mm: float = 3.0, fewest: float = 0.25) -> Array:
    """True (n,) for points with far fewer neighbours than is usual in this cloud.

    A point's neighbours are those in the 3 x 3 x 3 cells of ``reach_mm`` around it; lonely is below ``fewest`` times
    the median of the cloud.
    """
    low, high = bounds(points)
    low = low - reach_mm
    ijk = [((points[:, k] - low[k]) / reach_mm).astype(np.int64) for k in range(3)]
    shape = tuple(int((high[k] - low[k]) / reach_mm) + 2 for k in range(3))
    if np.prod([float(s) for s in shape]) > MAX_GRID_CELLS:
        return np.zeros(len(points), dtype=np.bool_)
    flat = (ijk[0] * shape[1] + ijk[1]) * shape[2] + ijk[2]
    count = np.bincount(flat, minlength=int(np.prod(shape))).astype(np.float32).reshape(shape)
    around = ndimage.uniform_filter(count, size=3, mode="constant") * 27.0
    mine = around.ravel()[flat]
    return np.asarray(mine < fewest * median(mine))
