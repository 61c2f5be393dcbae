"""L or R, and the label, as a shallow recess in the underside, to be read from below.

Seen from below with the heel on the left, text runs heel to toe and its top points to the wearer's right (−y): that holds
for both sides in the true frame, so a left insole's text is laid out mirrored here and set right by the final mirror.
"""

from __future__ import annotations

import numpy as np

from footscan.types import Array
from insole.anatomy import HEEL_STATION
from insole.types import InsoleDesign

DEPTH_MM = 0.4
SIDE_HEIGHT_MM, SIDE_STROKE_MM = 18.0, 2.4
LABEL_HEIGHT_MM, LABEL_STROKE_MM = 9.0, 1.5
LABEL_STATION = 0.27  #: where the label starts, of the foot's length
ADVANCE = 0.78  #: from one letter to the next, of the height
WALL_MM = 0.8  #: the recess's side goes down over this

# Polylines on a grid 4 wide and 6 high: points "xy", lines apart by ";".
STROKES: dict[str, str] = {
    "A": "00 26 40; 12 32",
    "B": "00 06 36 45 44 33 03; 33 42 41 30 00",
    "C": "45 36 16 05 01 10 30 41",
    "D": "00 06 26 44 42 20 00",
    "E": "40 00 06 46; 03 33",
    "F": "00 06 46; 03 33",
    "G": "45 36 16 05 01 10 30 41 43 23",
    "H": "00 06; 40 46; 03 43",
    "I": "20 26",
    "J": "01 10 30 41 46",
    "K": "00 06; 46 02; 13 40",
    "L": "06 00 40",
    "M": "00 06 23 46 40",
    "N": "00 06 40 46",
    "O": "10 30 41 45 36 16 05 01 10",
    "P": "00 06 36 45 44 33 03",
    "Q": "10 30 41 45 36 16 05 01 10; 22 40",
    "R": "00 06 36 45 44 33 03; 23 40",
    "S": "45 36 16 05 04 13 33 42 41 30 10 01",
    "T": "20 26; 06 46",
    "U": "06 01 10 30 41 46",
    "V": "06 20 46",
    "W": "06 10 23 30 46",
    "X": "00 46; 06 40",
    "Y": "06 23 46; 23 20",
    "Z": "06 46 00 40",
    "0": "10 30 41 45 36 16 05 01 10; 11 35",
    "1": "05 26 20; 10 30",
    "2": "05 16 36 45 44 00 40",
    "3": "05 16 36 45 44 33 13; 33 42 41 30 10 01",
    "4": "30 36 02 42",
    "5": "46 06 03 33 42 41 30 10 01",
    "6": "36 16 05 01 10 30 41 42 33 03",
    "7": "06 46 10",
    "8": "13 04 05 16 36 45 44 33 13 02 01 10 30 41 42 33",
    "9": "10 30 41 45 36 16 05 04 13 43",
    "-": "13 33",
    ".": "20 21",
    " ": "",
}


def strokes(text: str, height_mm: float) -> Array:
    """Segments (n, 2, 2) of a text: x along it from 0, y up from 0, mm."""
    scale, segments = height_mm / 6.0, []
    for i, letter in enumerate(text):
        for line in STROKES[letter].split(";"):
            points = np.array([[int(xy[0]), int(xy[1])] for xy in line.split()], dtype=float).reshape(-1, 2) * scale
            points[:, 0] += i * ADVANCE * height_mm
            segments += list(np.stack([points[:-1], points[1:]], axis=1))
    return np.array(segments).reshape(-1, 2, 2)


def layout(design: InsoleDesign) -> list[tuple[Array, float]]:
    """(segments (n, 2, 2) in the design frame, width of the stroke) of side letter and label."""
    x_seat = HEEL_STATION * design.foot_length_mm
    made = []
    lines = [("L" if design.side == "left" else "R", SIDE_HEIGHT_MM, SIDE_STROKE_MM, x_seat - 0.333 * SIDE_HEIGHT_MM)]
    if design.prescription.label:
        lines.append(
            (design.prescription.label, LABEL_HEIGHT_MM, LABEL_STROKE_MM, LABEL_STATION * design.foot_length_mm)
        )
    bottom = design.bottom_mm
    up = 1.0 if design.side == "left" else -1.0  # −y in the true frame
    for text, height, width, x0 in lines:
        row = int(np.argmin(np.abs(bottom[:, bottom.shape[1] // 2, 0] - x0 - 0.3 * height)))
        y0 = float(bottom[row, bottom.shape[1] // 2, 1])
        segments = strokes(text, height)
        segments[..., 0] += x0
        segments[..., 1] = y0 + up * (segments[..., 1] - 0.5 * height)
        made.append((segments, width))
    return made


def engrave(design: InsoleDesign) -> Array:
    """Depth of the recess (rows, columns) at the underside's nodes; never into the minimum thickness."""
    bottom = design.bottom_mm
    recess = np.zeros(bottom.shape[:2])
    for segments, width in layout(design):
        low, high = segments.min(axis=(0, 1)) - 3.0, segments.max(axis=(0, 1)) + 3.0
        near = ((bottom[..., :2] > low) & (bottom[..., :2] < high)).all(axis=-1)
        away = _distance(bottom[near][:, :2], segments)
        t = np.clip((away - 0.5 * width) / WALL_MM + 0.5, 0.0, 1.0)
        recess[near] = np.maximum(recess[near], DEPTH_MM * (1.0 - t * t * (3.0 - 2.0 * t)))
    room = design.thickness_mm - design.prescription.min_thickness_mm
    return np.minimum(recess, np.clip(room, 0.0, None))


def _distance(points: Array, segments: Array) -> Array:
    """Distance of points (n, 2) to the nearest of the segments (m, 2, 2)."""
    a, way = segments[:, 0], segments[:, 1] - segments[:, 0]
    off = points[:, None, :] - a[None]
    length2 = np.maximum((way**2).sum(axis=1), 1e-12)
    t = np.clip((off * way).sum(axis=2) / length2, 0.0, 1.0)
    return np.asarray(np.sqrt(((off - t[..., None] * way) ** 2).sum(axis=2)).min(axis=1))
