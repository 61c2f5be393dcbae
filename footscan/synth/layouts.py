"""Sensor layouts of our own: an insole of 99 cells and a plate."""

from __future__ import annotations

import numpy as np

from footscan.types import SensorLayout, Side

_ROWS = (5, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 5)  # cells a row from heel to toe: 99
_EDGE_X = (0.0, 0.03, 0.10, 0.20, 0.35, 0.50, 0.62, 0.72, 0.80, 0.90, 0.96, 1.0)
_EDGE_MEDIAL = (0.045, 0.085, 0.115, 0.122, 0.112, 0.115, 0.140, 0.162, 0.166, 0.155, 0.128, 0.085)
_EDGE_LATERAL = (-0.045, -0.085, -0.118, -0.130, -0.142, -0.160, -0.175, -0.176, -0.160, -0.105, -0.055, -0.005)


def insole_layout(side: Side, length_mm: float = 262.0) -> SensorLayout:
    """99 cells in 15 rows of 5 to 7 in the outline of an insole, heel edge at x = 0 (our own geometry)."""
    mirror = -1.0 if side == "left" else 1.0
    edges_x = np.linspace(0.0, 1.0, len(_ROWS) + 1)
    corners = []
    for row, cells in enumerate(_ROWS):
        x0, x1 = edges_x[row], edges_x[row + 1]
        lines = []
        for x in (x0, x1):
            low, high = np.interp(x, _EDGE_X, _EDGE_LATERAL), np.interp(x, _EDGE_X, _EDGE_MEDIAL)
            lines.append(np.linspace(low, high, cells + 1))
        for k in range(cells):
            corners.append([[x0, lines[0][k]], [x1, lines[1][k]], [x1, lines[1][k + 1]], [x0, lines[0][k + 1]]])
    quads = np.array(corners) * length_mm * [1.0, mirror]
    x, y = quads[..., 0], quads[..., 1]
    area = 0.5 * np.abs((x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1))
    return SensorLayout(quads.mean(axis=1), area, quads, "insole")


def plate_layout(rows: int, columns: int, cell_mm: float) -> SensorLayout:
    """A grid with rows along the walkway (x) and columns across it (y to the left), y = 0 in its middle."""
    x = (np.arange(rows) + 0.5) * cell_mm
    y = (np.arange(columns) + 0.5 - columns / 2) * cell_mm
    xy = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    area = np.full(len(xy), cell_mm * cell_mm)
    return SensorLayout(xy, area, None, "plate", (rows, columns), np.arange(len(xy)))
