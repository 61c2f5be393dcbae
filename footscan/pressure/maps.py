"""Pictures of pressure as numbers: maps over steps, and the steepest slope of one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.errors import ScanError
from footscan.types import Array, SensorLayout, Side

FINE = 8  #: points a cell on which a slope is looked for
MOST_SCATTERED = 400  #: cells without a grid through which a surface is laid


@dataclass(frozen=True, eq=False)
class PressureMap:
    """What one foot (or plate) pressed where, in the recording's unit.

    highest (cells,) the largest value over the used steps, mean_peak (cells,) the mean over them of each step's
    largest; labels (cells,) index into ``regions.REGIONS``, -1 where there is none; steps: over how many.
    """

    side: Side
    layout: SensorLayout
    highest: Array
    mean_peak: Array
    labels: Array
    steps: int


def peak_gradient(layout: SensorLayout, images: Array) -> Array:
    """The steepest slope (n,) of images (n, cells), unit per mm.

    Grids: bicubic convolution (Keys 1981, doi:10.1109/TASSP.1981.1163711) of the image, its slope at 8 x 8 points a
    cell. A cell that the sensor lacks takes its nearest neighbour's value in the row, so the sensor's rim is no slope.
    Cells without a grid (pedar): no bicubic interpolant exists; its like for scattered points is taken, the cubic
    polyharmonic spline through the centres, its slope on a 2 mm mesh and at the centres.

    ScanError without positions in mm, for cells on one line, and for more than 400 cells without a grid.
    """
    if layout.positions != "mm":
        raise ScanError("a slope needs cell positions in mm")
    if layout.shape is not None and layout.index is not None and min(layout.shape) > 1:
        return _grid_gradient(layout, layout.index, layout.shape, images)
    if not 4 <= len(layout.xy_mm) <= MOST_SCATTERED:
        raise ScanError(f"a slope of cells without a grid needs 4 to {MOST_SCATTERED} of them")
    return _scattered_gradient(layout.xy_mm, images)


def _grid_gradient(layout: SensorLayout, index: Array, shape: tuple[int, int], images: Array) -> Array:
    rows, columns = shape
    pitch = [_pitch(layout.xy_mm, index // columns), _pitch(layout.xy_mm, index % columns)]
    flat = np.zeros((len(images), rows * columns))
    flat[:, index] = images
    full = flat[:, _nearest_present(index, rows, columns)].reshape(-1, rows, columns)
    (across_rows, along_rows), (across_columns, along_columns) = (_cubic(n, p) for n, p in zip(shape, pitch))
    steepest = []
    for image in full:
        loaded_rows, loaded_columns = np.nonzero(image)
        if not len(loaded_rows):
            steepest.append(0.0)
            continue
        r, c = _span(loaded_rows, rows), _span(loaded_columns, columns)  # slopes are looked for around the foot
        fr, fc = (slice(s.start * FINE, s.stop * FINE) for s in (r, c))
        loaded = image[r, c]
        down = _separable(along_rows[fr, r], loaded, across_columns[fc, c])
        right = _separable(across_rows[fr, r], loaded, along_columns[fc, c])
        steepest.append(float(np.sqrt((down * down + right * right).max())))
    return np.array(steepest)


def _separable(rows: Array, image: Array, columns: Array) -> Array:
    """rows (p, i) · image (i, j) · columns (q, j) turned -> (p, q)."""
    return np.asarray(np.einsum("ij,qj->iq", np.einsum("pi,ij->pj", rows, image), columns))


def _span(at: Array, count: int) -> slice:
    """From the least to the largest of these numbers, and one on either side."""
    return slice(max(int(at.min()) - 1, 0), min(int(at.max()) + 2, count))


def _pitch(xy: Array, number: Array) -> float:
    """Distance between the centres of neighbouring rows (columns), from the outermost ones."""
    first, last = xy[number == number.min()].mean(axis=0), xy[number == number.max()].mean(axis=0)
    steps = int(number.max() - number.min())
    if steps == 0:
        raise ScanError("a slope needs more than one row and column")
    along = np.abs(last - first)
    return float(along.max()) / steps  # the other coordinate only says where on the row cells exist


def _nearest_present(index: Array, rows: int, columns: int) -> Array:
    """For every place of the grid the nearest one with a cell: in its row, or in the nearest row that has any."""
    present = np.zeros((rows, columns), np.bool_)
    present[index // columns, index % columns] = True
    filled = np.flatnonzero(present.any(axis=1))
    source = np.empty((rows, columns), np.int64)
    for row in range(rows):
        near = int(filled[np.abs(filled - row).argmin()])
        cells = np.flatnonzero(present[near])
        source[row] = near * columns + cells[np.abs(cells[:, None] - np.arange(columns)).argmin(axis=0)]
    return source.ravel()


def _cubic(cells: int, pitch_mm: float) -> tuple[Array, Array]:
    """Matrices (cells · FINE, cells): values on the fine points, and slopes there per mm (edge cells repeated)."""
    place = (np.arange(cells * FINE) + 0.5) / FINE - 0.5
    base = np.floor(place).astype(np.int64)
    t = place - base
    value = np.zeros((len(place), cells))
    slope = np.zeros((len(place), cells))
    for offset in (-1, 0, 1, 2):
        x = t - offset
        a = np.abs(x)
        near, far = a <= 1, (a > 1) & (a < 2)
        kernel = np.where(near, (1.5 * a - 2.5) * a * a + 1, np.where(far, ((-0.5 * a + 2.5) * a - 4) * a + 2, 0))
        change = np.where(near, (4.5 * a - 5) * a, np.where(far, (-1.5 * a + 5) * a - 4, 0)) * np.sign(x)
        at = np.clip(base + offset, 0, cells - 1)
        np.add.at(value, (np.arange(len(place)), at), kernel)
        np.add.at(slope, (np.arange(len(place)), at), change / pitch_mm)
    return value, slope


def _scattered_gradient(xy: Array, images: Array, mesh_mm: float = 2.0) -> Array:
    """Interpolant Σ w |x - x_j|³ + a plane through every centre; its slope on a mesh around the centres."""
    n = len(xy)
    gaps = np.linalg.norm(xy[:, None] - xy, axis=2)
    size = float(np.median(np.sort(gaps, axis=1)[:, 1]))
    if size <= 0:
        raise ScanError("a slope needs cells at different places")
    at, r = (xy - xy.mean(axis=0)) / size, gaps / size
    spread = np.einsum("ci,cj->ij", at, at)
    if spread[0, 0] * spread[1, 1] - spread[0, 1] ** 2 < 1e-9 * np.trace(spread) ** 2:
        raise ScanError("a slope needs cells that do not lie on one line")
    plane = np.column_stack([np.ones(n), at])
    system = np.block([[r**3, plane], [plane.T, np.zeros((3, 3))]])
    weights = _solve(system, np.vstack([images.T, np.zeros((3, len(images)))]))
    points = _mesh(at, mesh_mm / size)
    away = points[:, None] - at
    far = np.linalg.norm(away, axis=2)
    # nothing here goes through a threaded library: the same bits for any number of threads
    slopes = [
        np.einsum("pc,cn->pn", 3.0 * far * away[:, :, axis], weights[:n]) + weights[n + 1 + axis] for axis in (0, 1)
    ]
    return np.asarray(np.sqrt(slopes[0] ** 2 + slopes[1] ** 2).max(axis=0) / size)


def _solve(system: Array, right: Array) -> Array:
    """Solution (n, k) of a square system (n, n) by elimination with row pivots; ScanError where it has none."""
    n = len(system)
    table = np.hstack([system, right])
    for k in range(n):
        pivot = k + int(np.abs(table[k:, k]).argmax())
        if abs(float(table[pivot, k])) < 1e-12:
            raise ScanError("a slope needs cells at different places")
        table[[k, pivot]] = table[[pivot, k]]
        table[k, k:] /= table[k, k]
        table[k + 1 :, k:] -= table[k + 1 :, k, None] * table[k, k:]
    for k in range(n - 1, 0, -1):
        table[:k, n:] -= table[:k, k, None] * table[k, n:]
    return table[:, n:]


def _mesh(at: Array, step: float) -> Array:
    """Points (m, 2) of an even mesh that lie within 0.6 cells of a cell centre, and the centres themselves."""
    low, high = at.min(axis=0), at.max(axis=0)
    axes = [np.arange(a, b + step, step) for a, b in zip(low, high)]
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    away = (mesh[:, 0, None] - at[:, 0]) ** 2 + (mesh[:, 1, None] - at[:, 1]) ** 2
    near = away.min(axis=1) < 0.36
    return np.vstack([mesh[near], at])
