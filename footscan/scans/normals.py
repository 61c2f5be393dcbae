"""Normals of a cloud of skin: from the points around each, turned outwards."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from footscan.types import Array

NEIGHBOURS = 24
CELL_MM = 2.5  #: of the grid in which inside and outside are told apart
MOST_CELLS = 60_000_000
ALIKE, ASIDE = 0.85, 0.9  #: normals and steps of neighbours on one piece of skin
SIDE_MM = 25.0  #: skin below this shows where a foot's plan is
LOWEST_MM = 10.0  #: level sections above this are closed curves, those below may be prints


def surface_normals(points: Array, neighbours: int = NEIGHBOURS, tree: cKDTree | None = None) -> Array:
    """Unit normals (n, 3) of the planes through the nearest points of each point (n, 3) mm; which way is open."""
    tree = cKDTree(points) if tree is None else tree
    _, near = tree.query(points, k=min(neighbours, len(points)))
    around = points[near]
    around = around - around.mean(axis=1, keepdims=True)
    _, vectors = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))
    return np.asarray(vectors[:, :, 0])


def turned_out(points: Array, normals: Array, seen: Array | None = None, on_floor: bool = False) -> Array:
    """Normals (n, 3) turned outwards.

    Parameters
    ----------
    points : (n, 3) mm
    normals : (n, 3) unit, either way
    seen : (n, 3) directions on the side of the scanner, whose signs are believed; None: from what the cloud encloses
    on_floor : points stand in the foot frame, so that an open sole is closed at z = 0 and an open leg at its top

    What a cloud encloses is found on a grid: a cell is inside where the skin surrounds it in two of three families of
    sections. Normals are turned alike over each smooth piece of skin, and the piece votes: where a hole in the scan
    leaves open what is inside, the skin around it decides.
    """
    outward = _away_from_inside(points, on_floor) if seen is None else seen
    sure = np.einsum("ni,ni->n", normals, outward)
    patch, way = _patches(points, normals)
    votes = np.bincount(patch, weights=way * sure)
    return np.asarray(normals * (way * np.where(votes < 0, -1.0, 1.0)[patch])[:, None])


def _patches(points: Array, normals: Array, neighbours: int = 10) -> tuple[Array, Array]:
    """Label (n,) of the smooth piece of skin that each point is on, and ±1 (n,) that turn its normals all to one side.

    Neighbours are of one piece where they lie beside each other on nearly one plane; signs go from each to the next
    along the tree of the flattest such ways.
    """
    n = len(points)
    near = np.asarray(cKDTree(points).query(points, k=min(neighbours + 1, n))[1])[:, 1:]
    i, j = np.repeat(np.arange(n), near.shape[1]), near.ravel()
    alike = np.einsum("ni,ni->n", normals[i], normals[j])
    step = points[j] - points[i]
    away = np.linalg.norm(step, axis=1) + 1e-9
    aside = (np.abs(np.einsum("ni,ni->n", step, normals[i])) + np.abs(np.einsum("ni,ni->n", step, normals[j]))) / away
    flat = (np.abs(alike) > ALIKE) & (aside < ASIDE)
    bend = 1e-3 + (1.0 - np.abs(alike)) + aside
    graph = sparse.coo_array((bend[flat], (i[flat], j[flat])), shape=(n, n)).tocsr()
    tree = csgraph.minimum_spanning_tree(graph.maximum(graph.T))
    _, patch = csgraph.connected_components(tree, directed=False)
    # one more point hangs on the first of each piece, so that one walk reaches all
    _, roots = np.unique(patch, return_index=True)
    ends = tree.tocoo()
    rows, columns = np.concatenate([ends.row, np.full(len(roots), n)]), np.concatenate([ends.col, roots])
    whole = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(n + 1, n + 1)).tocsr()
    order, before = csgraph.breadth_first_order(whole, n, directed=False)
    own = np.concatenate([normals, [[0.0, 0.0, 0.0]]])
    same = np.einsum("ni,ni->n", own[order[1:]], own[before[order[1:]]]) >= 0
    way = np.ones(n + 1)
    for k, parent, alike_too in zip(order[1:].tolist(), before[order[1:]].tolist(), same.tolist()):
        way[k] = way[parent] if alike_too else -way[parent]
    return np.asarray(patch), way[:n]


def _away_from_inside(points: Array, on_floor: bool) -> Array:
    """Direction (n, 3) in which the body that the points enclose ends, at each of them."""
    solid, origin, step = enclosed(points, on_floor)
    soft = ndimage.gaussian_filter(solid.astype(np.float32), 1.3)
    at = ((points - origin) / step - 0.5).T
    slopes = [ndimage.map_coordinates(np.gradient(soft, axis=k), at, order=1, mode="nearest") for k in range(3)]
    return -np.stack(slopes, axis=1)


def enclosed(points: Array, on_floor: bool) -> tuple[Array, Array, float]:
    """Cells (nx, ny, nz) within the body that the points (n, 3) mm enclose, the grid's corner, its step (mm)."""
    step = CELL_MM
    pad = 4
    low = points.min(axis=0)
    extent = points.max(axis=0) - low
    while float(np.prod(extent / step + 2 * pad + 1)) > MOST_CELLS:
        step *= 2.0
    origin = low - pad * step
    ijk = ((points - origin) / step).astype(np.int64)
    shape = tuple(int(s) for s in ijk.max(axis=0) + pad + 1)
    held = np.zeros(shape, dtype=np.bool_)
    held[ijk[:, 0], ijk[:, 1], ijk[:, 2]] = True
    ball = ndimage.generate_binary_structure(3, 1)
    skin = ndimage.binary_closing(held, ball, iterations=2)
    low, floor = int((LOWEST_MM - origin[2]) / step), int(max(0.0, -origin[2]) / step)
    if on_floor:
        _close_ends(skin, floor, step)
    across, along, level = (_filled(skin, axis) for axis in range(3))
    solid = (across & along) | (along & level) | (level & across) | skin
    if on_floor:  # level sections of a foot are closed curves whatever is missing of its sole
        solid[:, :, low:] |= level[:, :, low:]
    solid = ndimage.binary_fill_holes(solid)
    # the skin itself is half in, half out: what the closing added outside of it is no body
    return np.asarray(ndimage.binary_opening(solid, ball, iterations=2) | skin), origin, step


def _close_ends(skin: Array, floor: int, step: float) -> None:
    """Where no sole was seen all is filled up from the floor's cell; a lid over an open leg below its top; in place."""
    high = floor + int(SIDE_MM / step)
    seen = ndimage.binary_closing(np.asarray(skin[:, :, :high].any(axis=2)), iterations=2)
    skin[:, :, floor:high] |= (ndimage.binary_fill_holes(seen) & ~seen)[:, :, None]
    top = int(np.flatnonzero(skin.any(axis=(0, 1))).max())
    ring = ndimage.binary_closing(np.asarray(skin[:, :, top - 3 : top + 1].any(axis=2)), iterations=2)
    skin[:, :, top - 2] |= ndimage.binary_fill_holes(ring)


def _filled(skin: Array, axis: int) -> Array:
    """Every section across ``axis`` with what its curves enclose."""
    turned = np.moveaxis(skin, axis, 0)
    out = np.stack([ndimage.binary_fill_holes(section) for section in turned])
    return np.asarray(np.moveaxis(out, 0, axis))
