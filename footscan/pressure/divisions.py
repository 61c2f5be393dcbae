"""Which region each cell of each contact belongs to, and the maps over a foot's contacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from footscan.errors import ScanError
from footscan.pressure.contacts import Placed, in_shoe
from footscan.pressure.maps import PressureMap
from footscan.pressure.regions import REGIONS, FootGrid, foot_grid, region_labels
from footscan.types import Array, PressureRecording, SensorLayout, Side


class Mask(Protocol):
    """What any mask of regions can say (footscan.pressure.masks has them)."""

    @property
    def names(self) -> tuple[str, ...]:
        """The regions, in the order of their labels."""

    def labels(self, layout: SensorLayout, image: Array, side: Side, heading: Array | None) -> Array:
        """Index (cells,) into ``names`` of each cell, -1 where there is none; ScanError where it can't be told."""


@dataclass(frozen=True, eq=False)
class Division:
    """Of one contact: labels (cells,) index into ``names``, -1 where there is none; grid: the footprint's own frame
    (plates), None where ``why`` says why there is none."""

    labels: Array
    names: tuple[str, ...]
    grid: FootGrid | None
    why: str


def divide(
    parts: tuple[PressureRecording, ...], found: list[Placed], peaks: list[Array], mask: str | Mask
) -> tuple[list[Division], list[PressureMap]]:
    """The division of each contact, and a map a part.

    In a shoe the foot stays where it is on its sensor: one division for all its steps, from their mean peaks. On a
    plate each print is divided by itself.
    """
    names = REGIONS if isinstance(mask, str) else mask.names
    nowhere = [Division(np.full(len(peak), -1), names, None, "") for peak in peaks]
    divisions, maps = list(nowhere), []
    for number, part in enumerate(parts):
        mine = [k for k, f in enumerate(found) if f.part == number]
        if not mine:
            continue
        best = [k for k in mine if found[k].used] or mine
        mean_peak = np.mean([peaks[k] for k in best], axis=0)
        shared = Division(np.full(len(mean_peak), -1), names, None, "")
        if in_shoe(part):
            shared = _shared(part, mean_peak, mask, shared)
        for k in mine:
            divisions[k] = shared if in_shoe(part) else _of_print(part, found[k], peaks[k], mask, nowhere[k])
        highest = np.max([peaks[k] for k in best], axis=0)
        maps.append(PressureMap(part.side, part.layout, highest, mean_peak, shared.labels, len(best)))
    return divisions, maps


def _shared(part: PressureRecording, mean_peak: Array, mask: str | Mask, nothing: Division) -> Division:
    try:
        if isinstance(mask, str):
            labels = region_labels(part.layout, mean_peak, part.side)
        else:
            labels = mask.labels(part.layout, mean_peak, part.side, None)
    except ScanError as error:
        return Division(nothing.labels, nothing.names, None, str(error))
    return Division(labels, nothing.names, None, "")


def _of_print(part: PressureRecording, f: Placed, peak: Array, mask: str | Mask, nothing: Division) -> Division:
    grid, why = None, ""
    try:
        grid = foot_grid(part.layout, peak, f.side, f.heading)
    except ScanError as error:
        grid, why = None, str(error)
    labels = nothing.labels if grid is None else grid.labels
    if not isinstance(mask, str):
        try:
            labels = mask.labels(part.layout, peak, f.side, f.heading)
        except ScanError as error:
            labels, why = nothing.labels, why or str(error)
    return Division(np.where(f.cells, labels, -1), nothing.names, grid, why)
