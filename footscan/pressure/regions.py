"""The eleven regions of a foot: from the insole's layout where it is known, else from the print's own geometry.

Print geometry. The foot's axis runs through the middles of the heel (5–25 % of the length) and of the forefoot
(60–78 %); widths are taken where the pressure passes 15 % of that band's peak, so that a shoe's upper, which loads the
rim lightly, widens the foot little. ``along`` is 0 at the heel's edge and 1 at the toes', ``across`` 0 at the medial
and 1 at the lateral tangent through heel and forefoot. Into this frame a model foot is laid (``hills``), and a cell is
of the structure in whose hill its centre lies deepest.

pedar. Rows and columns of sensors as in the nine-region mask of J Foot Ankle Res 2014;7:20 (as listed by the R package
pressuRe), its MTH 2–3 and MTH 4–5 parted: of columns 3 to 7, MTH 2 takes 3, MTH 3 takes 4 and 5, MTH 4 takes 6, MTH 5
takes 7.

Insoles of few cells that are no pedar: the outline of their cells, by the same proportions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.errors import ScanError
from footscan.io.moticon_cells import moticon_layout
from footscan.pressure.hills import Hills, fit_hills, region_of, typical_hills
from footscan.pressure.layouts import pedar_rows_columns, pedar_sensors
from footscan.types import Array, SensorLayout, Side, replace

REGIONS = (
    "heel_medial",
    "heel_lateral",
    "midfoot_medial",
    "midfoot_lateral",
    "mth1",
    "mth2",
    "mth3",
    "mth4",
    "mth5",
    "hallux",
    "toes_2_5",
)
_MTH1, _HALLUX, _TOES = REGIONS.index("mth1"), REGIONS.index("hallux"), REGIONS.index("toes_2_5")

SIDE_MARGIN = 0.05  #: of the length, by which midfoot and toes must differ to say which foot it is
LEAST_LENGTH_MM = 110.0  #: of a footprint that is cut into regions

_HEEL_BAND, _BALL_BAND = (0.05, 0.25), (0.60, 0.78)
_RIM = 0.15  #: of a band's peak: what counts for its width
_FAINT = 0.04  #: of the image's peak: what counts for the length
_AROUND_MM = 30.0  #: so far around a print cells that read nothing say where no foot was
FEWEST_CELLS = 60  #: of an insole whose cells show a print

#: Moticon: region of each of its 16 cells (five of them lie under the metatarsal heads)
_MOTICON = (0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10)


@dataclass(frozen=True, eq=False)
class FootGrid:
    """Cells in the footprint's own frame.

    heel_mm (2,) the heel's edge on the axis, forward (2,) and lateral (2,) unit vectors; length_mm; cell_mm their size;
    s_mm, w_mm (cells,) from ``heel_mm`` forward and lateral; along, across (cells,) fractions (above);
    labels (cells,) index into ``REGIONS``.
    """

    heel_mm: Array
    forward: Array
    lateral: Array
    length_mm: float
    cell_mm: float
    s_mm: Array
    w_mm: Array
    along: Array
    across: Array
    labels: Array


def pedar_labels(sensors: Array) -> Array:
    """Region (cells,) of pedar sensors by number (cells,), 1 to 99."""
    row, column = pedar_rows_columns()
    labels = np.full(len(row), -1)
    inner = column <= 3
    labels[(row <= 4) & inner], labels[(row <= 4) & ~inner] = 0, 1
    labels[row == 1] = np.where(column[row == 1] <= 2, 0, 1)
    middle = (row >= 5) & (row <= 9)
    labels[middle & inner], labels[middle & ~inner] = 2, 3
    head = np.array([0, 0, 0, 1, 2, 2, 3, 4])[column]  # of column 1 … 7
    lateral = column >= 6  # the lateral heads lie one row nearer to the heel
    ball = (((row >= 10) & (row <= 12)) & ~lateral) | (((row >= 9) & (row <= 11)) & lateral)
    labels[ball] = _MTH1 + head[ball]
    toes = (row >= 13) | ((row == 12) & lateral)
    big = toes & (row >= 13) & ((column <= 2) & ~((row == 15) & (column == 2)))
    labels[toes], labels[big] = _TOES, _HALLUX
    return np.asarray(labels[np.asarray(sensors) - 1])


def moticon_labels(layout: SensorLayout) -> Array | None:
    """Region (16,) of the cells of a Moticon insole, else None; known by where its cells are."""
    if layout.frame != "insole" or len(layout.xy_mm) != len(_MOTICON) or layout.positions == "mm":
        return None
    sides: tuple[Side, ...] = ("left", "right")
    if any(np.abs(layout.xy_mm - moticon_layout(side, None).xy_mm).max() < 1e-6 for side in sides):
        return np.array(_MOTICON)
    return None


def foot_frame(layout: SensorLayout, image: Array, side: Side, heading: Array | None = None) -> FootGrid:
    """The footprint's own frame, its labels all -1.

    Parameters
    ----------
    image : (cells,) largest pressure of each cell; 0 where the foot was not
    side : left or right: which edge is medial
    heading : (2,) roughly from heel to toes; None: +x

    Raises
    ------
    ScanError : side unknown, or a footprint too short or too round to be cut into regions
    """
    if side == "unknown":
        raise ScanError("regions need to know whether the foot is left or right")
    if layout.positions != "mm" or not (image > 0).any():
        raise ScanError("regions need loaded cells at known positions")
    xy = layout.xy_mm
    half = 0.5 * _pitch(layout)
    faint = image > _FAINT * image.max()
    forward = np.array([1.0, 0.0]) if heading is None else np.asarray(heading, np.float64) / np.linalg.norm(heading)
    for _ in range(6):
        s, t = xy @ forward, xy @ _left(forward)
        low, high = float(s[faint].min()) - half, float(s[faint].max()) + half
        if high - low < LEAST_LENGTH_MM:
            raise ScanError(f"a footprint {high - low:.0f} mm long is too short to be cut into regions")
        heel, ball = (sum(_band(s, t, image, low, high - low, band)) / 2.0 for band in (_HEEL_BAND, _BALL_BAND))
        turn = (ball - heel) / (_middle(_BALL_BAND) - _middle(_HEEL_BAND))
        forward = forward * (high - low) + _left(forward) * turn
        forward = forward / np.linalg.norm(forward)
    s, t = xy @ forward, xy @ _left(forward)
    low, high = float(s[faint].min()) - half, float(s[faint].max()) + half
    length = high - low
    heel_edges, ball_edges = (_band(s, t, image, low, length, band) for band in (_HEEL_BAND, _BALL_BAND))
    if max(heel_edges[1] - heel_edges[0], ball_edges[1] - ball_edges[0]) + 2 * half > 0.75 * length:
        raise ScanError("a footprint nearly as broad as long can't be cut into regions")
    along = (s - low) / length
    right_edge, left_edge = (
        _line(along, heel_edges[edge] + sign * half, ball_edges[edge] + sign * half) for edge, sign in ((0, -1), (1, 1))
    )
    from_right = (t - right_edge) / (left_edge - right_edge)
    across = from_right if side == "left" else 1.0 - from_right  # lateral is to the left on a left foot
    lateral = _left(forward) if side == "left" else -_left(forward)
    axis = _line(np.zeros(1), sum(heel_edges) / 2.0, sum(ball_edges) / 2.0)[0]
    heel_mm = forward * low + _left(forward) * axis
    labels = np.full(len(xy), -1)
    s_mm, w_mm = (xy - heel_mm) @ forward, (xy - heel_mm) @ lateral
    return FootGrid(heel_mm, forward, lateral, length, 2 * half, s_mm, w_mm, along, across, labels)


def foot_grid(layout: SensorLayout, image: Array, side: Side, heading: Array | None = None) -> FootGrid:
    """The footprint's own frame and the region of every cell, loaded or not; arguments and errors as ``foot_frame``."""
    frame = foot_frame(layout, image, side, heading)
    return replace(frame, labels=region_of(hills_of(layout, frame, image), frame_xy(frame)))


def frame_xy(frame: FootGrid) -> Array:
    """Cells (cells, 2) mm in the print's frame: forward from its rear edge on the axis, and to the medial side."""
    return np.column_stack([frame.s_mm, -frame.w_mm])


def hills_of(layout: SensorLayout, frame: FootGrid, image: Array) -> Hills:
    """The model foot of a print in its frame, from the cells on it and around it."""
    xy = frame_xy(frame)
    loaded = xy[image > 0]
    low, high = loaded.min(axis=0) - _AROUND_MM, loaded.max(axis=0) + _AROUND_MM
    high[0] = max(high[0], frame.length_mm / 0.8)  # where the toes were, if they were lifted
    near = ((xy >= low) & (xy <= high)).all(axis=1)
    return fit_hills(xy[near], image[near], _cell_size(layout, frame), frame.length_mm, layout.frame == "insole")


def region_labels(layout: SensorLayout, image: Array, side: Side, heading: Array | None = None) -> Array:
    """Region (cells,) of each cell as index into ``REGIONS``; ScanError where there can be none."""
    if layout.frame == "insole":
        known = pedar_sensors(layout)
        if known is not None:
            return pedar_labels(known[2])
        moticon = moticon_labels(layout)
        if moticon is not None:
            return moticon
        if layout.shape is None and len(layout.xy_mm) < FEWEST_CELLS:  # the insole's outline stands for the print
            frame = foot_frame(layout, np.ones(len(layout.xy_mm)), side, heading)
            return region_of(typical_hills(frame.length_mm), frame_xy(frame))
    return foot_grid(layout, image, side, heading).labels


def side_of_print(layout: SensorLayout, image: Array, heading: Array | None = None) -> Side:
    """left or right from a whole print: the midfoot carries laterally, the big toe medially; else unknown.

    The load's middle in the midfoot (30–55 % of the length) must lie beside that of the toes (beyond 86 %) by 5 % of
    the length. On the real samples and the MUN104 templates it is 6 to 19 %, to the true side on each.
    """
    try:
        grid = foot_frame(layout, image, "left", heading)
    except ScanError:
        return "unknown"
    middle, toes = (grid.along > 0.30) & (grid.along < 0.55), grid.along > 0.86
    if not (image[middle] > 0).any() or not (image[toes] > 0).any():
        return "unknown"
    to_left = [float(np.average(grid.w_mm[band], weights=image[band])) for band in (middle, toes)]
    apart = (to_left[0] - to_left[1]) / grid.length_mm
    return "unknown" if abs(apart) < SIDE_MARGIN else "left" if apart > 0 else "right"


def _cell_size(layout: SensorLayout, frame: FootGrid) -> Array:
    """A cell's size (2,) mm forward and across the print: as wide as a square of the same second moment."""
    if layout.corners_mm is None:
        return np.full(2, frame.cell_mm)
    span = layout.corners_mm - layout.corners_mm.mean(axis=1, keepdims=True)
    sizes = [np.abs(span @ axis).mean(axis=1) for axis in (frame.forward, frame.lateral)]
    return np.array([2.0 * float(np.median(size)) for size in sizes])


def _left(direction: Array) -> Array:
    return np.array([-direction[1], direction[0]])


def _middle(band: tuple[float, float]) -> float:
    return 0.5 * (band[0] + band[1])


def _line(along: Array, at_heel: float, at_ball: float) -> Array:
    """A straight edge through its values in the middles of both bands."""
    slope = (at_ball - at_heel) / (_middle(_BALL_BAND) - _middle(_HEEL_BAND))
    return np.asarray(at_heel + slope * (along - _middle(_HEEL_BAND)))


def _band(
    s: Array, t: Array, image: Array, low: float, length: float, band: tuple[float, float]
) -> tuple[float, float]:
    """Right and left edge of the foot in a band of its length, from cell centres."""
    inside = (s >= low + band[0] * length) & (s <= low + band[1] * length)
    if not (image[inside] > 0).any():
        raise ScanError("a footprint without heel or forefoot can't be cut into regions")
    edge = t[inside & (image > _RIM * image[inside].max())]
    return float(edge.min()), float(edge.max())


def _pitch(layout: SensorLayout) -> float:
    """A cell's size: the root of its area, else the median distance to the nearest cell."""
    if layout.area_mm2 is not None:
        return float(np.sqrt(np.median(layout.area_mm2)))
    if len(layout.xy_mm) < 2:
        return 0.0
    gap = np.linalg.norm(layout.xy_mm[:, None] - layout.xy_mm, axis=2)
    return float(np.median(np.sort(gap, axis=1)[:, 1]))
