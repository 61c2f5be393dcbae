"""Where the cells of known sensors lie: novel pedar insoles by size, rectangular grids by pitch.

Insole frame: x from the heel edge to the toes, y to the wearer's left, mm, y = 0 in the middle of the insole's breadth.
So medial is -y on a left foot and +y on a right one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib import resources
from types import MappingProxyType
from typing import Literal

import numpy as np

from footscan.types import Array, SensorLayout, Side, frozen_array

PEDAR_CELLS = 99
PEDAR_ROWS = (5, *(7,) * 12, 6, 4)  #: sensors a row, heel to toe, each row medial to lateral
PEDAR_SIZES = ("u", "v", "w", "x", "y", "uw", "xw", "vw")  #: those whose areas are published


@functools.cache
def _pedar_table() -> tuple[Array, Mapping[str, Array]]:
    """Corners (99, 4, 2) of a right insole in one common unit, and areas (99,) in mm² by insole size.

    Figures: data tables of the R package pressuRe (MIT), ``pedar_sensors.csv`` beside this module.
    """
    text = resources.files("footscan.io").joinpath("pedar_sensors.csv").read_text("ascii")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    names = lines[0].split(",")
    numbers = np.array([line.split(",") for line in lines[1:]], dtype=np.float64)
    areas = {s: frozen_array(s, numbers[:, names.index(s)], np.float64, (PEDAR_CELLS,)) for s in PEDAR_SIZES}
    return numbers[:, 1:9].reshape(PEDAR_CELLS, 4, 2), MappingProxyType(areas)


def polygon_areas(corners: Array) -> Array:
    """Areas (n,) of the polygons (n, k, 2), by the shoelace formula, never negative."""
    x, y = corners[..., 0], corners[..., 1]
    return np.asarray(0.5 * np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)))


def pedar_scale_mm(size: str) -> float:
    """Millimetres in one unit of the published corners for an insole size.

    The corners are published once, without unit, for all sizes; the areas are published in mm² by size. The scale makes
    the corner polygons of the 99 sensors together as large as their areas together (s² = Σ area ÷ Σ polygon). Single
    sensors still differ from their published area by 5 % (SD; wide sizes, whose shape is another, 18 %), so positions
    are those of an insole of the right size, not of the right width. Forces use the published areas, not the polygons.
    """
    corners, areas = _pedar_table()
    return float(np.sqrt(areas[size].sum() / polygon_areas(corners).sum()))


def pedar_layout(size: str, side: Side, sensors: Sequence[int] | None = None) -> SensorLayout:
    """The cells of a pedar insole.

    Parameters
    ----------
    size : insole size, the leading letters of the file's ``sensor type``. A size whose areas are not published has no
        area, and its positions are ``arbitrary``: no force and nothing in mm can be had from it.
    side : "left" or "right"
    sensors : sensor numbers 1 to 99, in the order of the columns; None: all
    """
    if side not in ("left", "right"):
        raise ValueError(f"a pedar insole is left or right, got {side!r}")
    corners, areas = _pedar_table()
    known = size in areas
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    x = corners[..., 1] - low[1]
    y = 0.5 * (low[0] + high[0]) - corners[..., 0]  # the figures run to the wearer's right, y to the left
    placed = np.stack([x, y if side == "right" else -y], axis=-1) * (pedar_scale_mm(size) if known else 1.0)
    pick = np.arange(PEDAR_CELLS) if sensors is None else np.asarray(sensors, dtype=np.int64) - 1
    inside = pick.ndim == 1 and bool(((pick >= 0) & (pick < PEDAR_CELLS)).all())
    if not inside or len(np.unique(pick)) != pick.size:
        raise ValueError(f"pedar sensors are numbers from 1 to {PEDAR_CELLS}, each once")
    return SensorLayout(
        xy_mm=placed[pick].mean(axis=1),
        area_mm2=areas[size][pick] if known else None,
        corners_mm=placed[pick],
        frame="insole",
        positions="mm" if known else "arbitrary",
    )


def pedar_sensors(layout: SensorLayout) -> tuple[str | None, Side, Array] | None:
    """The size, side and sensor numbers (cells,) of a layout that is a pedar insole's, else None.

    Known by where its cells are, so that a recording that went through another file format is still known. Size None:
    a pedar insole of a size that is not published.
    """
    if layout.frame != "insole" or layout.shape is not None or not 1 <= len(layout.xy_mm) <= PEDAR_CELLS:
        return None
    sizes: list[str | None] = [*PEDAR_SIZES] if layout.positions == "mm" else [None]
    sides: tuple[Literal["left", "right"], ...] = ("left", "right")
    for size in sizes:
        for side in sides:
            centres = pedar_layout(size or "", side).xy_mm
            gap = np.linalg.norm(layout.xy_mm[:, None] - centres, axis=2)
            nearest = gap.argmin(axis=1)
            fits = (gap.min(axis=1) < 1e-3 * np.ptp(centres[:, 0])).all()
            if fits and len(set(nearest.tolist())) == len(nearest):
                return size, side, nearest + 1
    return None


def pedar_rows_columns() -> tuple[Array, Array]:
    """Row (heel = 1 … toe = 15) and column (medial = 1) of the 99 sensors, each (99,)."""
    rows = np.repeat(np.arange(1, len(PEDAR_ROWS) + 1), PEDAR_ROWS)
    columns = np.concatenate([np.arange(1, n + 1) for n in PEDAR_ROWS])
    return rows, columns


def grid_layout(
    rows: int,
    columns: int,
    pitch_x_mm: float,
    pitch_y_mm: float,
    present: Array | None = None,
    frame: Literal["insole", "plate"] = "plate",
    toes_first: bool = True,
    cell_area_mm2: float | None = None,
) -> SensorLayout:
    """A rectangular grid seen from above, first column at the wearer's left.

    Parameters
    ----------
    rows, columns : size of the grid; ``pitch_x_mm`` between rows, ``pitch_y_mm`` between columns
    present : (rows, columns) bool, where there is a cell; None: everywhere
    toes_first : the first row is the one farthest along x (False: the nearest)
    cell_area_mm2 : of one cell; None: pitch times pitch

    x = 0 is the outer edge of the grid's first row from the heel, y = 0 its middle (frame "insole") or the outer edge
    of its right-hand column (frame "plate").
    """
    everywhere = np.ones((rows, columns), np.bool_)
    shown = frozen_array("present", everywhere if present is None else present, np.bool_, (rows, columns))
    row, column = np.nonzero(shown)
    x = ((rows - 1 - row if toes_first else row) + 0.5) * pitch_x_mm
    y = (columns - 1 - column + 0.5) * pitch_y_mm - (0.5 * columns * pitch_y_mm if frame == "insole" else 0.0)
    area = pitch_x_mm * pitch_y_mm if cell_area_mm2 is None else cell_area_mm2
    return SensorLayout(
        xy_mm=np.column_stack([x, y]),
        area_mm2=np.full(len(row), area),
        frame=frame,
        shape=(rows, columns),
        index=row * columns + column,
    )
