"""Faces of any number of corners become triangles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike
from footscan.io.validate import DAMAGED
from footscan.types import Array


def as_indices(path: PathLike, values: Array, place: Callable[[int], str]) -> Array:
    """Whole numbers that were read as float64 -> int64; ReadError for the first that is none or is beyond 2**53."""
    fine = (values == np.floor(values)) & (np.abs(values) <= 2.0**53)
    if not fine.all():
        bad = int(np.argmin(fine))
        raise ReadError(path, "a vertex index", f"{values[bad]:g}", DAMAGED, place(bad))
    return values.astype(np.int64)


def triangulate(path: PathLike, counts: Array, indices: Array, vertices: int, place: Callable[[int], str]) -> Array:
    """Polygons -> triangles (m, 3), each polygon as a fan around its first corner, its direction kept.

    Parameters
    ----------
    counts : (polygons,) corners of each
    indices : (counts.sum(),) their vertices, one polygon after the other
    vertices : how many vertices there are
    place : ``place(polygon)`` says where in the file it stands

    Raises
    ------
    ReadError : a polygon of fewer than three corners, an index out of range
    """
    starts = np.cumsum(counts) - counts
    if len(counts) and counts.min() < 3:
        bad = int(np.argmax(counts < 3))
        raise ReadError(path, "a face of at least 3 corners", f"{counts[bad]}", DAMAGED, place(bad))
    if len(indices) and (indices.min() < 0 or indices.max() >= vertices):
        at = int(np.argmax((indices < 0) | (indices >= vertices)))
        polygon = int(np.searchsorted(starts, at, side="right")) - 1
        raise ReadError(path, f"vertex indices from 0 to {vertices - 1}", f"{indices[at]}", DAMAGED, place(polygon))
    if len(counts) and counts[0] <= 8 and (counts == counts[0]).all():  # the usual: triangles or quads
        corners = indices.reshape(len(counts), int(counts[0]))
        fans = [
            np.column_stack((corners[:, 0], corners[:, k], corners[:, k + 1])) for k in range(1, corners.shape[1] - 1)
        ]
        return np.stack(fans, axis=1).reshape(-1, 3)
    triangles = counts - 2
    first = np.repeat(starts, triangles)
    nth = np.arange(len(first)) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    return np.column_stack((indices[first], indices[first + nth + 1], indices[first + nth + 2]))
