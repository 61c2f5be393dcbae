"""Where the cells of known sensors lie. The readers need it too, so it stands in ``footscan.io.layouts``."""

from __future__ import annotations

from footscan.io.layouts import (
    PEDAR_CELLS,
    PEDAR_ROWS,
    PEDAR_SIZES,
    grid_layout,
    pedar_layout,
    pedar_rows_columns,
    pedar_scale_mm,
    pedar_sensors,
    polygon_areas,
)

__all__ = [
    "PEDAR_CELLS",
    "PEDAR_ROWS",
    "PEDAR_SIZES",
    "grid_layout",
    "pedar_layout",
    "pedar_rows_columns",
    "pedar_scale_mm",
    "pedar_sensors",
    "polygon_areas",
]
