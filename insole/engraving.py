"""L or R, and the label, as a shallow recess in the underside, to be read from below.

Text is laid out in the true frame, after a left insole's mirror. Seen from below with the heel on the left, it runs
from heel to toe and its top points to the wearer's right (−y), on both sides.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from footscan.types import Array
from insole.errors import DesignError
from insole.types import InsoleDesign

DEPTH_MM = 0.4
MIRROR: dict[str, Array] = {"right": np.ones(3), "left": np.array([1.0, -1.0, 1.0])}
SIDE_HEIGHT_MM, SIDE_STROKE_MM = 15.0, 2.2
LABEL_HEIGHT_MM, LABEL_LEAST_MM = 9.0, 4.5
LABEL_STROKE = 0.16  #: of its height
WIDTH, ADVANCE = 0.58, 0.85  #: a letter's width, and from one to the next, of its height
WALL_MM = 0.8  #: the recess's side goes down over this
#: where L or R stands (station, across: −1 lateral … 1 medial): under the arch, where there is more than the base;
#: under the heel where the arch is too low for that
ARCH_PLACE, HEEL_PLACE = (0.35, 0.40), (0.145, 0.0)
#: where the label starts, and the station that it may reach: further where the forefoot is thick enough for it
LABEL_PLACE, LABEL_END, LABEL_FAR = (0.405, 0.40), 0.68, 0.80

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
    scale, segments = height_mm * np.array([WIDTH / 4.0, 1.0 / 6.0]), []
    for i, letter in enumerate(text):
        for line in STROKES[letter].split(";"):
            points = np.array([[int(xy[0]), int(xy[1])] for xy in line.split()], dtype=float).reshape(-1, 2) * scale
            points[:, 0] += i * ADVANCE * height_mm
            segments += list(np.stack([points[:-1], points[1:]], axis=1))
    return np.array(segments).reshape(-1, 2, 2)


def layout(design: InsoleDesign) -> list[tuple[Array, float]]:
    """(segments (n, 2, 2) in the true frame, width of the stroke) of side letter and label.

    DesignError for a label that would be too small to read where it must end before the ball.
    """
    letter = "L" if design.side == "left" else "R"
    side = _placed(design, letter, SIDE_HEIGHT_MM, *ARCH_PLACE)
    if _room(design, side, design.prescription.base_thickness_mm) < DEPTH_MM:
        side = _placed(design, letter, SIDE_HEIGHT_MM, *HEEL_PLACE)
    made, label = [(side, SIDE_STROKE_MM)], design.prescription.label
    if label:
        start, length = LABEL_PLACE[0] * design.foot_length_mm, design.foot_length_mm
        rx = design.prescription
        thick = rx.forefoot_thickness_mm - rx.min_thickness_mm >= DEPTH_MM
        end = min((LABEL_FAR if thick else LABEL_END) * length, float(design.outline_mm[:, 0].max()) - 0.08 * length)
        height = min((end - start) / (ADVANCE * len(label)), LABEL_HEIGHT_MM)
        if height < LABEL_LEAST_MM:
            most = int((end - start) / (ADVANCE * LABEL_LEAST_MM))
            change = {"label": label[:most].strip() or None}
            raise DesignError("label", repr(label), f"at most {most} characters on this insole", change=change)
        made.append((_placed(design, label, height, *LABEL_PLACE), LABEL_STROKE * height))
    return made


def underside(design: InsoleDesign) -> Array:
    """The underside's nodes (rows, columns, 3) in the true frame: a left insole's are mirrored."""
    return np.asarray(design.bottom_mm * MIRROR[design.side])


def engrave(design: InsoleDesign) -> Array:
    """Depth of the recess (rows, columns) at the underside's nodes; never into the minimum thickness."""
    bottom = underside(design)
    recess = np.zeros(bottom.shape[:2])
    for segments, width in layout(design):
        if not len(segments):
            continue
        near = _near(bottom, segments)
        away = _distance(bottom[near][:, :2], segments)
        t = np.clip((away - 0.5 * width) / WALL_MM + 0.5, 0.0, 1.0)
        recess[near] = np.maximum(recess[near], DEPTH_MM * (1.0 - t * t * (3.0 - 2.0 * t)))
    room = (
        ndimage.minimum_filter(design.thickness_mm, _reach(design, recess > 0)) - design.prescription.min_thickness_mm
    )
    return np.minimum(recess, np.clip(room, 0.0, None))


def _reach(design: InsoleDesign, cut: Array) -> tuple[int, int]:
    """Over how many rows and columns the least thickness counts: a top node does not stand upright over its own node of
    the underside where the wall leans out, but as far off as this."""
    plan, top = design.bottom_mm[..., :2], design.top_mm[..., :2]
    apart = float(np.linalg.norm(top - plan, axis=-1)[cut].max(initial=0.0))
    steps = [np.linalg.norm(np.diff(plan, axis=k), axis=-1) for k in (0, 1)]
    rows, columns = (2 * int(np.ceil(apart / max(float(np.median(step)), 0.1))) + 5 for step in steps)
    return rows, columns


def _placed(design: InsoleDesign, text: str, height: float, station: float, across: float) -> Array:
    """Segments of a text that starts about ``station``, its middle line at ``across`` there."""
    bottom = underside(design)
    x0 = station * design.foot_length_mm
    row = bottom[int(np.argmin(np.abs(bottom[:, bottom.shape[1] // 2, 0] - x0 - 0.5 * WIDTH * height)))]
    y0 = float(0.5 * (1.0 - across) * row[0, 1] + 0.5 * (1.0 + across) * row[-1, 1])
    segments = strokes(text, height)
    segments[..., 0] += x0
    segments[..., 1] = y0 - (segments[..., 1] - 0.5 * height)
    return segments


def _near(bottom: Array, segments: Array) -> Array:
    low, high = segments.min(axis=(0, 1)) - 3.0, segments.max(axis=(0, 1)) + 3.0
    return np.asarray(((bottom[..., :2] > low) & (bottom[..., :2] < high)).all(axis=-1))


def _room(design: InsoleDesign, segments: Array, keep_mm: float) -> float:
    """The least that stands above ``keep_mm`` around the segments."""
    near = _near(underside(design), segments)
    return float(design.thickness_mm[near].min() - keep_mm) if near.any() else 0.0


def _distance(points: Array, segments: Array) -> Array:
    """Distance of points (n, 2) to the nearest of the segments (m, 2, 2)."""
    a, way = segments[:, 0], segments[:, 1] - segments[:, 0]
    off = points[:, None, :] - a[None]
    length2 = np.maximum((way**2).sum(axis=1), 1e-12)
    t = np.clip((off * way).sum(axis=2) / length2, 0.0, 1.0)
    return np.asarray(np.sqrt(((off - t[..., None] * way) ** 2).sum(axis=2)).min(axis=1))
