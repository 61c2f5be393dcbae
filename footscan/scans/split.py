"""One cloud on one platform -> the feet that stand on it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from footscan.errors import ScanError
from footscan.scans.clean import clusters
from footscan.types import Array

CELL_MM = 4.0
SMALLEST_SHARE = 0.2  #: of the largest cluster: smaller ones are specks, stools, cables


def split_feet(level: Array) -> list[Array]:
    """Indices into ``level`` (n, 3) mm (floor at z = 0, z up) of each foot, by the order of their mean y, then x.

    Feet are told apart by what stands 3–60 mm above the floor; lower points go to the foot whose outline covers them.
    ScanError for more than two.
    """
    # stage 1: clusters of what stands above the floor (legs may touch higher up)
    band = np.flatnonzero((level[:, 2] > 3.0) & (level[:, 2] < 60.0))
    if len(band) < 30:
        raise ScanError(f"expected feet standing on the floor, found {len(band)} points 3 to 60 mm above it")
    label = clusters(level[band], reach_mm=CELL_MM)
    sizes = np.bincount(label)
    keep = [k for k in range(len(sizes)) if sizes[k] >= SMALLEST_SHARE * sizes[0]]
    if len(keep) > 2:
        raise ScanError(f"expected one foot or two in a scan, found {len(keep)} objects; cut the others away")
    # stage 2: each column of the plan belongs to the nearest foot within reach
    i, j = (((level[:, k] - level[:, k].min() + 12.0) / CELL_MM).astype(np.int64) for k in (0, 1))
    owner = np.zeros((i.max() + 4, j.max() + 4), dtype=np.int64)
    for k in keep:
        mine = band[label == k]
        owner[i[mine], j[mine]] = k + 1
    gap, nearest = ndimage.distance_transform_edt(owner == 0, return_indices=True)
    owner = np.where(gap <= 2.0, owner[nearest[0], nearest[1]], 0)
    for k in keep:  # the inside of each outline (a sole seen through glass)
        owner = np.where(ndimage.binary_fill_holes(owner == k + 1), k + 1, owner)
    column = owner[i, j]
    feet = []
    for k in keep:
        mine = np.flatnonzero(column == k + 1)
        # stage 3: of what is above it keep what hangs together with it
        connected = clusters(level[mine], reach_mm=6.0) == 0
        feet.append(mine[connected])
    middles = [(float(level[i, 1].mean()), float(level[i, 0].mean())) for i in feet]
    return [feet[k] for k in sorted(range(len(feet)), key=lambda k: middles[k])]
