"""What the staff's pages let a child process do: a foot with moved landmarks, its insole with it; pictures to move them
on."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from footscan.types import Array, Foot
from station.kiosk import foot_file, skin
from station.kiosk.staff.landmarks import follows, moved, true_places

Files = dict[str, bytes]
PIXEL_MM, EDGE_MM, TALLEST_MM, CUT_MM = 0.8, 6.0, 130.0, 90.0
PIT_PIXELS = 9  #: a gap between points through which the far side shows is narrower than this
LIGHT = np.array([-0.45, 0.55, 0.70]) / np.linalg.norm([-0.45, 0.55, 0.70])
CLAY, DARK = np.array([232.0, 203.0, 182.0]), np.array([96.0, 70.0, 58.0])
#: view -> what goes right, what goes down, what comes near, as axes of the true foot frame; y is the wearer's left
VIEWS: Mapping[str, tuple[tuple[int, int, int], ...]] = {
    "top": ((0, -1, 0), (-1, 0, 0), (0, 0, 1)),
    "from_left": ((-1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "from_right": ((1, 0, 0), (0, 0, -1), (0, -1, 0)),
}


def landmarks(files: Files, options: Mapping[str, Any]) -> tuple[dict[str, Any], Files]:
    """A foot as it was found and ``moves`` -> the foot with them, what of its measures follows; with ``insole`` (the
    options of `station.kiosk.work.insole`) its insole too."""
    from station.kiosk import work

    ((name, data),) = files.items()
    found = foot_file.read_foot(data, name)
    foot = moved(found, options["moves"], options.get("snap", True))
    made = foot_file.foot_bytes(foot)
    out: Files = {f"{foot.side}.foot": made, f"{foot.side}.print.svg": skin.print_svg(foot).encode()}
    document: dict[str, Any] = {
        "side": foot.side,
        "places": _back_in_frame(found, foot),
        "follows": follows(found.measurements, foot.measurements),
        "measures": _entry(foot),
        "lines": skin.tapes(foot),
    }
    if options.get("insole"):
        drawn, more = work.insole({f"{foot.side}.foot": made}, options["insole"])
        document["insole"] = drawn["insole"]
        out |= more
    return document, out


def _back_in_frame(found: Foot, foot: Foot) -> dict[str, list[float]]:
    """The places in the frame as found, where the pictures are: a moved heel moves the frame."""
    shift = float(found.T_foot_scanner[0, 3] - foot.T_foot_scanner[0, 3])
    return {name: [round(x + shift, 2), y, z] for name, (x, y, z) in true_places(foot).items()}


def _entry(foot: Foot) -> dict[str, Any]:
    from station.documents import measure_document
    from station.results import Measured

    document = measure_document([Measured("", "", "mm", (foot.measurements,))])
    return dict(document["scans"][0]["feet"][0]["measures"])


def pictures(files: Files, options: Mapping[str, Any]) -> tuple[dict[str, Any], Files]:
    """A foot -> pictures of it from above and from both sides, where they lie, and its landmarks."""
    ((name, data),) = files.items()
    foot = foot_file.read_foot(data, name)
    points = skin.true_points(foot, foot.cloud.points)
    out: Files = {}
    views: dict[str, Any] = {}
    for view, axes in VIEWS.items():
        seen = points[points[:, 2] < (CUT_MM if view == "top" else TALLEST_MM)]
        picture, box = relief(seen @ np.array(axes, dtype=np.float64).T)
        out[f"{foot.side}.{view}.png"] = picture
        views[view] = {"u": axes[0], "v": axes[1], "n": axes[2], "box": box}
    return {"side": foot.side, "views": views, "places": true_places(foot)}, out


def relief(points: Array) -> tuple[bytes, list[float]]:
    """points (n, 3): right, down, near, mm -> a shaded PNG and its box [left, top, width, height] in mm."""
    low = points[:, :2].min(axis=0) - EDGE_MM
    cells = np.ceil((points[:, :2].max(axis=0) + EDGE_MM - low) / PIXEL_MM).astype(np.int64)
    at = ((points[:, :2] - low) / PIXEL_MM).astype(np.int64)
    near = np.full((cells[1], cells[0]), -np.inf)
    np.maximum.at(near, (at[:, 1], at[:, 0]), points[:, 2])
    rim = ndimage.binary_closing(near > points[:, 2].max() - 8.0, iterations=3)  # a leg that was cut is no hole
    near = np.where(ndimage.binary_fill_holes(rim) & ~rim, points[:, 2].max(), near)
    near = ndimage.minimum_filter(ndimage.maximum_filter(near, size=PIT_PIXELS), size=PIT_PIXELS)
    own = ndimage.binary_opening(ndimage.binary_fill_holes(np.isfinite(near)), iterations=1)
    nearest = ndimage.distance_transform_edt(~np.isfinite(near), return_distances=False, return_indices=True)
    smooth = ndimage.gaussian_filter(ndimage.median_filter(near[nearest[0], nearest[1]], size=3), 1.2)
    down, right = np.gradient(smooth, PIXEL_MM)
    normal = np.stack([-right, down, np.ones_like(right)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    light = np.clip(0.25 + 0.75 * (normal @ LIGHT), 0.0, 1.0)[..., None] ** 0.8
    rgba = np.zeros((*own.shape, 4), dtype=np.uint8)
    rgba[..., :3] = (DARK + light * (CLAY - DARK)).astype(np.uint8)
    rgba[..., 3] = (255 * np.clip(ndimage.gaussian_filter(own.astype(float), 0.7), 0.0, 1.0)).astype(np.uint8)
    box = [*low.tolist(), float(cells[0] * PIXEL_MM), float(cells[1] * PIXEL_MM)]
    return png(rgba), [round(v, 2) for v in box]


def png(rgba: Array) -> bytes:
    """rgba (h, w, 4) uint8 as a PNG."""
    height, width, _ = rgba.shape
    rows = np.concatenate([np.zeros((height, 1), dtype=np.uint8), rgba.reshape(height, -1)], axis=1)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 6)),
    )
    body = b"".join(_chunk(kind, data) for kind, data in (*parts, (b"IEND", b"")))
    return b"\x89PNG\r\n\x1a\n" + body


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
