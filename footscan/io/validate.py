"""The strict validator that stands between every scan reader and the rest of the house.

A reader asks it before it allocates (``require_bytes``: do the counts of the header fit the bytes that are there?) and
hands its arrays to it at the end (``geometry``: finite, sane, indices in range, not empty). So the memory of a reader
is bounded by the size of the file, never by what the file claims.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike
from footscan.types import Array, Mesh, PointCloud

MAX_POINTS = 50_000_000  #: points or vertices in one file
MAX_ABS_MM = 1e7  #: 10 km: nothing that was scanned lies farther from its origin

#: on every reader: a float that overflows or is no number makes no warning on its way to the check at the end
unfinished = np.errstate(all="ignore")

DAMAGED = "the file is damaged or cut short: export or copy it again"


def require_bytes(path: PathLike, what: str, needed: int, found: int, offset: str = "") -> None:
    """ReadError unless ``found`` bytes can hold what needs at least ``needed``; call it before allocating."""
    if needed > found:
        raise ReadError(path, f"at least {needed} bytes for {what}", f"{found} bytes", DAMAGED, offset)


def require_points(path: PathLike, count: int, offset: str = "") -> None:
    """ReadError if there are more points than ``MAX_POINTS``."""
    if count > MAX_POINTS:
        raise ReadError(path, f"at most {MAX_POINTS} points", str(count), "export it with fewer points", offset)


def require_end(path: PathLike, trailing: bytes | memoryview, offset: int) -> None:
    """ReadError if anything but white space follows what the header announced."""
    rest = bytes(trailing[:64])
    if rest.strip() or len(trailing) > 16:
        raise ReadError(path, "the end of the file", f"{len(trailing)} more bytes", DAMAGED, f"byte {offset}")


def scale(mm_per_unit: float) -> float:
    """``mm_per_unit`` if it is a positive finite number, else ValueError."""
    if not (np.isfinite(mm_per_unit) and mm_per_unit > 0):
        raise ValueError(f"mm_per_unit must be positive and finite, got {mm_per_unit!r}")
    return float(mm_per_unit)


def geometry(
    path: PathLike,
    vertices: Array,
    faces: Array | None = None,
    normals: Array | None = None,
    mm_per_unit: float = 1.0,
    vertex_place: Callable[[int], str] | None = None,
    face_place: Callable[[int], str] | None = None,
) -> PointCloud | Mesh:
    """The records that a reader hands on: a Mesh, or a PointCloud where there is no face.

    Parameters
    ----------
    vertices : (n, 3) in the file's unit
    faces : (m, 3) indices into vertices, or None
    normals : (n, 3) or None; kept with a point cloud only
    mm_per_unit : how many mm the file's unit has
    vertex_place, face_place : say where in the file a row stands, e.g. ``"line 12"``

    Raises
    ------
    ReadError : no point, too many, a coordinate that is not finite or beyond ``MAX_ABS_MM``, an index out of range
    """
    if len(vertices) == 0:
        raise ReadError(path, "points", "none", "export the scan again: there is nothing in it")
    require_points(path, len(vertices))
    points = _scaled(path, vertices, scale(mm_per_unit), vertex_place or _row("vertex"))
    if faces is not None and len(faces):
        _check_faces(path, faces, len(points), face_place or _row("face"))
        return Mesh(points, faces)
    if normals is not None:
        bad = _first_bad(normals, 1e30)
        if bad is not None:
            where = (vertex_place or _row("vertex"))(bad)
            raise ReadError(path, "finite normals", _show(normals[bad]), "export it without normals", where)
    return PointCloud(points, normals)


def _row(name: str) -> Callable[[int], str]:
    return lambda row: f"{name} {row}"


def _scaled(path: PathLike, vertices: Array, factor: float, place: Callable[[int], str]) -> Array:
    """Float64 mm, checked: one pass to convert, two to check."""
    if factor == 1.0:
        points = np.ascontiguousarray(vertices, dtype=np.float64)
    else:
        points = np.multiply(vertices, factor, dtype=np.float64)
    bad = _first_bad(points, MAX_ABS_MM)
    if bad is not None:
        expected = f"finite coordinates within {MAX_ABS_MM:.0e} mm"
        raise ReadError(path, expected, _show(vertices[bad]), "export the scan again", place(bad))
    return points


def _first_bad(rows: Array, limit: float) -> int | None:
    """The first row with a value that is not finite or beyond the limit. (Comparisons with NaN are false.)"""
    if len(rows) == 0 or (rows.max() < limit and rows.min() > -limit):
        return None
    fine = (np.abs(rows) < limit).all(axis=1)
    return int(np.argmin(fine))


def _show(row: Array) -> str:
    return " ".join(f"{float(value):g}" for value in row)


def _check_faces(path: PathLike, faces: Array, count: int, place: Callable[[int], str]) -> None:
    if faces.min() >= 0 and faces.max() < count:
        return
    bad = int(np.argmax(((faces < 0) | (faces >= count)).any(axis=1)))
    found = " ".join(str(int(i)) for i in faces[bad])
    raise ReadError(path, f"vertex indices from 0 to {count - 1}", found, DAMAGED, place(bad))
