"""Which region each cell of a step belongs to: one record for every way of saying it, one entry to get it.

``auto``            known insoles by their layout, everything else by the print's own geometry (``regions``)
``print``           always by the print's own geometry, pedar insoles too
``template``        our own mean print, stretched, turned and laid over each print (``templates``)
``template:FILE``   a user's own (a table of numbers, heel first; or a zip of them, as MUN104)
``FILE.json``       drawn: named polygons or lists of cells (``drawn``); ``FILE.csv`` likewise
``landmarks:SCAN``  the landmarks of the foot's own scan: ``footscan.registration.mask_of``, which knows all of these
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from footscan.errors import ScanError
from footscan.io.files import PathLike
from footscan.io.mun104 import read_templates
from footscan.pressure.drawn import read_drawn
from footscan.pressure.regions import REGIONS, foot_grid, region_labels
from footscan.pressure.templates import RegionTemplate, own_template, template_labels, template_of
from footscan.types import Array, SensorLayout, Side, frozen_array

Labels: TypeAlias = Callable[[SensorLayout, Array, Side, Array | None], Array]
DRAWN = (".json", ".csv")
SPECS = "auto, print, template, template:FILE, landmarks:SCAN or a FILE.json or .csv of drawn regions"


@dataclass(frozen=True, eq=False)
class Mask:
    """names of the regions in the order of their labels; ``spec`` as it was asked for; ``find`` says the labels."""

    spec: str
    names: tuple[str, ...]
    find: Labels

    def labels(self, layout: SensorLayout, image: Array, side: Side, heading: Array | None = None) -> Array:
        """Index (cells,) into ``names`` of each cell of a step, -1 where there is none.

        Parameters
        ----------
        image : (cells,) largest pressure of each cell, 0 where the foot was not
        side : of the foot; heading : (2,) roughly from heel to toes on a plate, None: +x

        Raises
        ------
        ScanError : this sensor or this print can't be divided so; the message says why
        """
        cells = len(layout.xy_mm)
        image = frozen_array("image", image, np.float64, (cells,))
        return frozen_array("labels", self.find(layout, image, side, heading), np.int64, (cells,))


def mask_of(spec: str | PathLike | Mask = "auto") -> Mask:
    """The mask that a spec names (above); a mask is itself.

    Raises
    ------
    ValueError : no such spec; ``landmarks:``, which needs ``footscan.registration.mask_of``
    ReadError : a template or a drawing that can't be read as one
    ScanError : a template without side or regions
    """
    if isinstance(spec, Mask):
        return spec
    text = str(spec)
    kind, _, file = text.partition(":")
    if text == "auto":
        return Mask(text, REGIONS, region_labels)
    if text == "print":
        return Mask(text, REGIONS, lambda layout, image, side, way: foot_grid(layout, image, side, way).labels)
    if text == "template":
        return template_mask(text, {"unknown": own_template()})
    if kind == "template" and file:
        return template_mask(text, {table.side: template_of(table) for table in read_templates(file)})
    if kind == "landmarks":
        raise ValueError(f"mask {text!r} needs a foot's scan: footscan.registration.mask_of({text!r}) reads it")
    if Path(text).suffix.lower() in DRAWN:
        drawn = read_drawn(text)
        return Mask(text, drawn.names, drawn.labels)
    raise ValueError(f"mask must be {SPECS}, got {text!r}")


def template_mask(spec: str, templates: dict[Side, RegionTemplate]) -> Mask:
    """A mask of one template for both feet (side unknown: it is mirrored), or of one a side."""
    names = next(iter(templates.values())).names

    def find(layout: SensorLayout, image: Array, side: Side, heading: Array | None) -> Array:
        if side == "unknown":
            raise ScanError("regions need to know whether the foot is left or right")
        template = templates.get(side) or templates.get("unknown") or next(iter(templates.values()))
        return template_labels(template, layout, image, side, heading)

    return Mask(spec, names, find)
