"""The largest pressure of each cell over a recording, as numbers that a screen draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from footscan.types import Array, PressureRecording, Recording, SensorLayout

FULL = 255
APART_MM = 25.0  #: of two feet on the screen
#: an insole's edge, a right foot's from above: share of the width from the arch's side, of the length from the heel
INSOLE_EDGE = np.array([
    (0.52, 0.0), (0.76, 0.03), (0.86, 0.12), (0.87, 0.25), (0.89, 0.4), (0.95, 0.55), (1.0, 0.68), (0.97, 0.79),
    (0.86, 0.88), (0.7, 0.95), (0.5, 0.99), (0.32, 1.0), (0.14, 0.97), (0.04, 0.88), (0.0, 0.76), (0.03, 0.65),
    (0.14, 0.5), (0.2, 0.36), (0.18, 0.22), (0.18, 0.12), (0.28, 0.03),
])  # fmt: skip


def peaks(recording: Recording) -> dict[str, Any]:
    """What a heat map draws of a finished walk: what ``side_by_side`` says, ``values`` (0-255 of ``full_scale``),
    ``unit``."""
    parts = [part for part in recording.pressure if len(part.time_s)]
    drawn = side_by_side([(part.side, part.layout, part.values.shape[1]) for part in parts])
    values = np.concatenate([_most(part) for part in parts]) if parts else np.zeros(0)
    full = float(values.max()) if len(values) and values.max() > 0 else 1.0
    unit = recording.pressure[0].unit if recording.pressure else "raw"
    drawn |= {
        "values": np.rint(np.clip(values / full, 0.0, 1.0) * FULL).astype(int).tolist(),
        "unit": unit,
    }
    return drawn | ({"full_scale_kpa": round(full, 1)} if unit == "kPa" else {})


def _most(part: PressureRecording) -> Array:
    values = part.values if part.valid is None else np.where(part.valid, part.values, 0.0)
    return np.asarray(np.nan_to_num(values).max(axis=0), dtype=np.float64)


def side_by_side(devices: Sequence[tuple[str, SensorLayout | None, int]]) -> dict[str, Any]:
    """What a heat map draws of devices (side, layout, number of cells): ``cells`` and ``sides`` in their order, the
    left foot on the left; ``outlines`` of what lies under a foot."""
    placed: dict[int, list[list[float]]] = {}
    outlines: list[list[list[float]]] = []
    offset = 0.0
    for n in sorted(range(len(devices)), key=lambda n: devices[n][0] == "right"):
        side, layout, count = devices[n]
        own = cells_of(layout) if layout is not None else _row(count)
        placed[n] = [[x + offset, y, w, h] for x, y, w, h in own]
        if side in ("left", "right") and own:
            outlines.append(outline_of(side, placed[n], layout is not None and layout.shape is not None))
        offset = max((x + w / 2.0 for x, _, w, _ in placed[n]), default=offset) + APART_MM
    cells = [cell for n in range(len(devices)) for cell in placed[n]]
    return {"cells": cells, "sides": [side for side, _, count in devices for _ in range(count)], "outlines": outlines}


def _row(count: int) -> list[list[float]]:
    """Cells of which nobody knows where they are: one behind the other."""
    return [[20.0, 20.0 + 40.0 * k, 38.0, 38.0] for k in range(count)]


def outline_of(side: str, cells: Sequence[Sequence[float]], is_grid: bool) -> list[list[float]]:
    """The edge (mm) of what lies under a foot: cells in a grid are those of an insole; others say their edge themselves
    (hull of the outer ones)."""
    x, y, w, h = np.array(cells).T
    if is_grid:
        low, high = np.array([(x - w / 2).min(), (y - h / 2).min()]), np.array([(x + w / 2).max(), (y + h / 2).max()])
        edge = INSOLE_EDGE if side == "right" else INSOLE_EDGE * [-1.0, 1.0] + [1.0, 0.0]
        edge = low + edge * (high - low)
    else:
        corners = np.concatenate([np.stack([x + a * w, y + b * h], axis=1) for a in (-0.8, 0.8) for b in (-0.8, 0.8)])
        turn = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
        edge = corners[(corners @ np.array([np.cos(turn), np.sin(turn)])).argmax(axis=0)]
        edge = edge[np.r_[True, (edge[1:] != edge[:-1]).any(axis=1)]]
    for _ in range(3):  # corners are cut (Chaikin 1974)
        after = np.roll(edge, -1, axis=0)
        edge = np.stack([0.75 * edge + 0.25 * after, 0.25 * edge + 0.75 * after], axis=1).reshape(-1, 2)
    return [[round(float(a), 1), round(float(b), 1)] for a, b in edge]


def cells_of(layout: SensorLayout) -> list[list[float]]:
    """[x, y, width, height] a cell in mm as a screen draws it: its middle, x to the right, y to the toes, the wearer's
    left on the left, the lowest edges at 0."""
    xy, size = layout.xy_mm, _sizes(layout)
    across, ahead, wide, long = -xy[:, 1], xy[:, 0], size[:, 1], size[:, 0]
    across, ahead = across - (across - wide / 2.0).min(), ahead - (ahead - long / 2.0).min()
    return [[round(float(value), 2) for value in box] for box in zip(across, ahead, wide, long)]


def _sizes(layout: SensorLayout) -> Array:
    """(cells, 2) mm along x and y."""
    if layout.corners_mm is not None:
        return np.asarray(np.ptp(layout.corners_mm, axis=1))
    xy = layout.xy_mm
    if layout.shape is not None and layout.index is not None:
        steps = [_step(np.unique(np.round(xy[:, axis], 3))) for axis in (0, 1)]
        return np.tile(steps, (len(xy), 1))
    area = layout.area_mm2 if layout.area_mm2 is not None else np.full(len(xy), np.prod(np.ptp(xy, axis=0)) / len(xy))
    side = np.sqrt(np.maximum(area, 1.0))
    return np.column_stack([side, side])


def _step(places: Array) -> float:
    return float(np.median(np.diff(places))) if len(places) > 1 else 10.0
