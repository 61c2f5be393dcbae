"""Can this mesh be printed and worn? Ours and meshes from elsewhere; numpy only.

Closedness is judged on the mesh's own connectivity once equal corners are welded (an STL repeats each corner),
thickness by vertical rays over the whole plan.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from scipy.spatial import ConvexHull, QhullError

from footscan.types import Array, Mesh

WELD_MM = 1e-4
RAY_MM = 1.0
EDGE_MM = 2.0  #: thickness is judged at least this far inside the outline: edges are rounded
THICKNESS_TOLERANCE_MM = 0.05
OVERHANG_DEG = 45.0  #: faces that look down and lie flatter than this need support
BED_MM = (250.0, 210.0)
LENGTH_MM, WIDTH_MM, HEIGHT_MM = (80.0, 360.0), (35.0, 150.0), (1.5, 90.0)


@dataclass(frozen=True)
class CheckItem:
    """One question: its answer, what was found, what was allowed, a sentence. ``advice``: does not refuse the mesh."""

    name: str
    ok: bool
    value: float | None
    limit: str
    message: str
    advice: bool = False


@dataclass(frozen=True)
class CheckReport:
    """All answers; ``ok`` where every item that is not advice is."""

    items: tuple[CheckItem, ...]

    @property
    def ok(self) -> bool:
        """Whether it can be printed and worn, as far as a mesh can tell."""
        return all(item.ok or item.advice for item in self.items)

    def __getitem__(self, name: str) -> CheckItem:
        """The item of that name; KeyError if there is none."""
        for item in self.items:
            if item.name == name:
                return item
        raise KeyError(name)


def check_mesh(mesh: Mesh, min_thickness_mm: float = 1.2, bed_mm: tuple[float, float] = BED_MM) -> CheckReport:
    """Check a mesh in mm that lies as it is worn (z up)."""
    if not len(mesh.faces):
        return CheckReport((CheckItem("faces", False, 0.0, "at least 4", "the mesh has no faces"),))
    vertices, faces = welded(mesh)
    a, b, c = (np.ascontiguousarray(vertices[faces[:, k]].T) for k in range(3))
    items = [*_closed(faces), _bodies(vertices, faces), _volume(a, b, c), _degenerate(a, b, c)]
    items += _rays(vertices, faces, min_thickness_mm)
    widths = _widths(vertices[:, :2])
    items += [_extents(vertices, widths), _overhang(a, b, c), _bed(widths, bed_mm)]
    return CheckReport(tuple(items))


def welded(mesh: Mesh) -> tuple[Array, Array]:
    """Equal corners made one (they may differ by less than 0.1 µm)."""
    key = np.rint(mesh.vertices / WELD_MM).astype(np.int64)
    key -= key.min(axis=0)
    size = key.max(axis=0) + 1
    code = (key[:, 0] * size[1] + key[:, 1]) * size[2] + key[:, 2]
    _, first, index = np.unique(code, return_index=True, return_inverse=True)
    return mesh.vertices[first], index.reshape(-1)[mesh.faces]


# ------------------------------------------------------------------ connectivity


def _closed(faces: Array) -> list[CheckItem]:
    """Each edge twice, once each way."""
    start = faces[:, [0, 1, 2]].ravel()
    stop = faces[:, [1, 2, 0]].ravel()
    count = int(faces.max()) + 1
    low, high = np.minimum(start, stop), np.maximum(start, stop)
    # equal edges side by side, the way each is walked in the last bit
    ways = np.sort(2 * (low * count + high) + (start < stop), kind="stable")  # a quarter of the time: runs are kept
    first = np.flatnonzero(np.append(True, ways[1:] >> 1 != ways[:-1] >> 1))
    uses = np.diff(np.append(first, len(ways)))
    balance = 2 * np.add.reduceat(ways & 1, first) - uses
    open_edges, crossed = int((uses == 1).sum()), int((uses > 2).sum())
    turned = int(((uses == 2) & (balance != 0)).sum())
    tight = open_edges == 0 and crossed == 0
    holes = (
        "closed" if tight else f"{open_edges} open edges, {crossed} edges of more than two faces: it has holes or flaps"
    )
    winding = "all faces look outward alike" if turned == 0 else f"{turned} edges join faces that look opposite ways"
    return [
        CheckItem("watertight", tight, float(open_edges + crossed), "0 edges not shared by exactly two faces", holes),
        CheckItem("winding", turned == 0, float(turned), "0", winding),
    ]


def _bodies(vertices: Array, faces: Array) -> CheckItem:
    n = len(vertices)
    a, b = faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel()
    graph = sparse.coo_matrix((np.ones(len(a), dtype=np.int8), (a, b)), shape=(n, n))
    _, label = csgraph.connected_components(graph, directed=False)
    bodies = len(np.unique(label[faces[:, 0]]))
    return CheckItem(
        "bodies", bodies == 1, float(bodies), "1", "one body" if bodies == 1 else f"{bodies} separate bodies"
    )


def _cross(a: Array, b: Array) -> Array:
    """Of vectors (3, n)."""
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _volume(a: Array, b: Array, c: Array) -> CheckItem:
    middle = a.mean(axis=1)[:, None]
    volume = float(((a - middle) * _cross(b - middle, c - middle)).sum()) / 6000.0
    message = f"{volume:.1f} ml" if volume > 0 else "no positive volume: the mesh is inside out or open"
    return CheckItem("volume_ml", volume > 0, volume, "above 0", message)


def _degenerate(a: Array, b: Array, c: Array) -> CheckItem:
    """Faces with two equal corners, before or after single precision (which is what an STL keeps)."""
    a, b, c = (corner.astype(np.float32) for corner in (a, b, c))
    same = (a == b).all(axis=0) | (b == c).all(axis=0) | (c == a).all(axis=0)
    bad = int(same.sum())
    return CheckItem(
        "degenerate", bad == 0, float(bad), "0", "none" if bad == 0 else f"{bad} faces have two equal corners"
    )


# ------------------------------------------------------------------ rays


def columns(
    vertices: Array, faces: Array, step_mm: float = RAY_MM
) -> tuple[Array, Array, Array, Array, tuple[int, int]]:
    """Vertical rays on a grid over the plan: each crossing's cell, z, whether the face looks up; grid origin and shape.

    The grid is set off by an irrational share of its step so that no ray meets an edge of a regular mesh.
    """
    low = vertices[:, :2].min(axis=0) + step_mm * np.array([0.31830989, 0.36787944])
    shape = np.maximum(np.ceil((vertices[:, :2].max(axis=0) - low) / step_mm).astype(int), 1)
    (ax, ay), (bx, by), (cx, cy) = (((vertices[faces[:, k], :2] - low) / step_mm).T for k in range(3))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    # the rays of each face's box
    first_i, wide_i = _within(ax, bx, cx, int(shape[0]))
    first_j, wide_j = _within(ay, by, cy, int(shape[1]))
    count = wide_i * wide_j
    count[np.abs(area) < 1e-12] = 0
    face = np.repeat(np.arange(len(faces)), count)
    k = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    di = k // wide_j[face]
    i, j = first_i[face] + di, first_j[face] + k - di * wide_j[face]
    # the weights of the face's corners where the ray meets its plane: none is negative within the face
    w0 = ((bx[face] - i) * (cy[face] - j) - (by[face] - j) * (cx[face] - i)) / area[face]
    w1 = ((cx[face] - i) * (ay[face] - j) - (cy[face] - j) * (ax[face] - i)) / area[face]
    w2 = 1.0 - w0 - w1
    hit = np.flatnonzero((w0 >= 0) & (w1 >= 0) & (w2 >= 0))
    face, cell = face[hit], i[hit] * shape[1] + j[hit]
    z = sum(w[hit] * vertices[faces[face, k], 2] for k, w in enumerate((w0, w1, w2)))
    return cell, np.asarray(z), area[face] > 0, low, (int(shape[0]), int(shape[1]))


def _within(a: Array, b: Array, c: Array, count: int) -> tuple[Array, Array]:
    """The first whole number from the least of three on, and how many up to the greatest there are of 0 … count − 1."""
    first = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c)).astype(int), 0)
    last = np.minimum(np.floor(np.maximum(np.maximum(a, b), c)).astype(int), count - 1)
    return first, np.maximum(last - first + 1, 0)


def _rays(vertices: Array, faces: Array, min_thickness_mm: float) -> list[CheckItem]:
    """Top above bottom everywhere, and the least thickness away from the edges."""
    cell, z, up, _, shape = columns(vertices, faces)
    size = shape[0] * shape[1]
    top, bottom = np.full(size, -np.inf), np.full(size, np.inf)
    np.maximum.at(top, cell[up], z[up])
    np.minimum.at(bottom, cell[~up], z[~up])
    ups, downs = np.bincount(cell[up], minlength=size), np.bincount(cell[~up], minlength=size)
    met = (ups + downs) > 0
    wrong = met & ((ups != downs) | ~(top > bottom))
    share = float(wrong.sum() / max(int(met.sum()), 1))
    sound = CheckItem(
        "top_above_bottom",
        not wrong.any(),
        float(wrong.sum()),
        "0 rays",
        "the top lies above the underside everywhere"
        if not wrong.any()
        else f"{int(wrong.sum())} of {int(met.sum())} upright rays ({100 * share:.1f} %) meet no top above a bottom",
    )
    inner = ndimage.distance_transform_edt(np.pad(met.reshape(shape), 1))[1:-1, 1:-1].ravel() > EDGE_MM / RAY_MM + 0.5
    inner &= met & ~wrong
    thin = float((top - bottom)[inner].min()) if inner.any() else 0.0
    ok = thin >= min_thickness_mm - THICKNESS_TOLERANCE_MM
    message = f"{thin:.2f} mm at the thinnest place {EDGE_MM:g} mm and more inside the outline"
    limit = f"at least {min_thickness_mm:g} mm"
    return [sound, CheckItem("min_thickness_mm", ok, thin, limit, message if ok else f"{message}: too thin to last")]


# ------------------------------------------------------------------ size, support, printer


def _extents(vertices: Array, widths: Array) -> CheckItem:
    """Plausible as an insole: whatever way it lies in plan, its length, width and height."""
    width, length = float(widths.min()), float(widths.max())
    height = float(np.ptp(vertices[:, 2]))
    ok = all(low <= v <= high for v, (low, high) in ((length, LENGTH_MM), (width, WIDTH_MM), (height, HEIGHT_MM)))
    found = f"{length:.0f} × {width:.0f} × {height:.0f} mm"
    limit = "length {:g}–{:g}, width {:g}–{:g}, height {:g}–{:g} mm".format(*LENGTH_MM, *WIDTH_MM, *HEIGHT_MM)
    message = found if ok else f"{found}: not an insole's size; check the unit (millimetres) and that z is up"
    return CheckItem("extents_mm", ok, length, limit, message)


def _overhang(a: Array, b: Array, c: Array) -> CheckItem:
    """Area that looks down, flatter than 45°, and does not lie on the printer's bed."""
    area = 0.5 * _cross(b - a, c - a)
    size = np.sqrt((area**2).sum(axis=0))
    down = area[2] < -np.cos(np.radians(OVERHANG_DEG)) * size
    lowest = np.minimum(np.minimum(a[2], b[2]), c[2])
    off = lowest > lowest.min() + 0.3
    value = float(size[down & off].sum() / 100.0)
    ok = value < 1.0
    message = (
        "prints without support" if ok else f"{value:.0f} cm² hang free: print with support under the arch and heel"
    )
    return CheckItem("overhang_cm2", ok, value, "below 1 cm²", message, advice=True)


def _bed(widths: Array, bed_mm: tuple[float, float]) -> CheckItem:
    """Whether it lies on the printer's bed, turned as it may be."""
    turned = np.roll(widths, len(widths) // 2)
    fits = ((widths <= bed_mm[0]) & (turned <= bed_mm[1])) | ((widths <= bed_mm[1]) & (turned <= bed_mm[0]))
    over = np.minimum(
        np.maximum(widths - bed_mm[0], turned - bed_mm[1]), np.maximum(widths - bed_mm[1], turned - bed_mm[0])
    )
    ok, most = bool(fits.any()), float(over.min())
    limit = f"{bed_mm[0]:g} × {bed_mm[1]:g} mm"
    message = (
        f"fits a bed of {limit}" if ok else f"{most:.0f} mm too long for a bed of {limit}: it needs a larger printer"
    )
    return CheckItem("printer_bed", ok, most, limit, message, advice=True)


def _widths(points: Array) -> Array:
    """Extent of plan points (n, 2) along directions 0…179°, one a degree."""
    angle = np.radians(np.arange(180.0))
    with contextlib.suppress(QhullError):  # all on one line: as they are
        points = points[ConvexHull(points).vertices]
    return np.asarray(np.ptp(points @ np.stack([np.cos(angle), np.sin(angle)]), axis=0))
