"""The largest pressure of each cell over a recording, as numbers that a screen draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from footscan.types import Array, PressureRecording, Recording, SensorLayout

FULL = 255
APART_MM = 25.0  #: of two feet on the screen


def peaks(recording: Recording) -> dict[str, Any]:
    """What a heat map draws of a finished walk: ``cells``, ``sides``, ``values`` (0-255 of ``full_scale``), ``unit``;
    the left foot on the left."""
    cells: list[list[float]] = []
    sides: list[str] = []
    most: list[Array] = []
    offset = 0.0
    for part in sorted((p for p in recording.pressure if len(p.time_s)), key=lambda p: p.side == "right"):
        own = cells_of(part.layout)
        cells += [[x + offset, y, w, h] for x, y, w, h in own]
        sides += [part.side] * len(own)
        most.append(_most(part))
        offset += max((x + w / 2.0 for x, _, w, _ in own), default=0.0) + APART_MM
    values = np.concatenate(most) if most else np.zeros(0)
    full = float(values.max()) if len(values) and values.max() > 0 else 1.0
    unit = recording.pressure[0].unit if recording.pressure else "raw"
    drawn: dict[str, Any] = {
        "cells": cells,
        "sides": sides,
        "values": np.rint(np.clip(values / full, 0.0, 1.0) * FULL).astype(int).tolist(),
        "unit": unit,
    }
    return drawn | ({"full_scale_kpa": round(full, 1)} if unit == "kPa" else {})


def _most(part: PressureRecording) -> Array:
    values = part.values if part.valid is None else np.where(part.valid, part.values, 0.0)
    return np.asarray(np.nan_to_num(values).max(axis=0), dtype=np.float64)


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
