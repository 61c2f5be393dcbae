"""Regions by a template footprint: a print with regions drawn on it, stretched, turned and laid over a step's print.

Our own template is the mean print of drawn feet (``footscan.synth.pressed``), each cell of the region that most of them
have there. A user's own is a table of numbers (``footscan.io.mun104``): a print without regions, which are then those
of its own geometry. Five numbers move it: two shifts, a turn, its size along and across. Labels go to cells by the
nearest of the template's.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from footscan.errors import ScanError
from footscan.io.mun104 import FootTemplate
from footscan.pressure import overlay
from footscan.pressure.layouts import grid_layout
from footscan.pressure.regions import REGIONS, FootGrid, foot_frame, foot_grid, frame_xy, side_of_print
from footscan.types import Array, SensorLayout, Side, _Record, frozen_array

LEAST_OVERLAP = 0.55  #: of the template's contact and the step's (Dice): below it the two are no match
_FEET, _SEED, _CELL_MM, _LENGTH_MM = 16, 104, 4.0, 260.0  #: of our own template
_STEPS = np.array([0.4, 0.4, 0.004, 0.004, 0.004])  #: mm, mm, rad, log along, log across
_ROUNDS = 25
_MARGIN = 10


@dataclass(frozen=True, eq=False)
class RegionTemplate(_Record):
    """A right foot's print with regions: contact, labels (rows, columns) on square cells of ``cell_mm``, rows from
    heel to toes, columns to the medial side; ``origin`` (2,) the first cell's middle in the print's own frame;
    ``length_mm`` of the print."""

    contact: Array
    labels: Array
    origin: Array
    cell_mm: float
    length_mm: float
    names: tuple[str, ...] = REGIONS

    def __post_init__(self) -> None:
        self._set("contact", frozen_array("contact", self.contact, np.float64, (None, None)))
        self._set("labels", frozen_array("labels", self.labels, np.int64, np.shape(self.contact)))
        if not ((self.labels >= 0) & (self.labels < len(self.names))).all():
            raise ValueError(f"labels must be numbers of the {len(self.names)} names")


@functools.cache
def own_template() -> RegionTemplate:
    """The mean of ``_FEET`` drawn feet that press with all toes, from a fixed seed."""
    from footscan.synth.patches import Place
    from footscan.synth.pressed import draw_foot, press

    rng = np.random.default_rng(_SEED)
    layout = grid_layout(80, 40, _CELL_MM, _CELL_MM, toes_first=False)
    middle = 0.5 * 40 * _CELL_MM
    contacts, votes = np.zeros(80 * 40), np.zeros((80 * 40, len(REGIONS)))
    for _ in range(_FEET):
        foot = draw_foot(rng, "right", _LENGTH_MM, "normal", "pressing")
        found = press(foot, layout, Place(30.0, middle, _LENGTH_MM), points=1)
        contacts += overlay.contact(found.image) / _FEET
        votes[np.arange(len(votes)), found.regions] += 1.0
    image = np.where(contacts > 0.05, contacts, 0.0)
    return _of_grid(layout, image, votes.argmax(axis=1), (80, 40), "right")


def template_of(table: FootTemplate) -> RegionTemplate:
    """A user's print with the regions of its own geometry.

    ScanError where its side neither is in its name nor can be seen, or where it can't be cut into regions.
    """
    rows, columns = table.values.shape
    cell_mm = _LENGTH_MM / rows
    layout = grid_layout(rows, columns, cell_mm, cell_mm, toes_first=False)
    image = table.values.ravel()
    side = table.side if table.side != "unknown" else side_of_print(layout, image)
    if side == "unknown":
        raise ScanError(f"template {table.name or ''}: which foot it is can't be told; end its name in L or R")
    grid = foot_grid(layout, image, side)
    return _of_grid(layout, overlay.contact(image), grid.labels, (rows, columns), side)


def _of_grid(layout: SensorLayout, image: Array, labels: Array, shape: tuple[int, int], side: Side) -> RegionTemplate:
    """The cells of a grid, sampled anew in their print's own frame."""
    frame = foot_frame(layout, image, side)
    xy = frame_xy(frame)
    cell = frame.cell_mm
    low = np.floor(xy[image > 0].min(axis=0) / cell) - _MARGIN
    high = np.ceil(xy[image > 0].max(axis=0) / cell) + _MARGIN
    counts = (high - low).astype(np.int64) + 1
    nodes = np.stack(np.meshgrid(*(np.arange(n) for n in counts), indexing="ij"), axis=-1).reshape(-1, 2)
    on_grid = frame.heel_mm + ((nodes + low) * cell) @ np.vstack([frame.forward, -frame.lateral])
    place = (on_grid - layout.xy_mm[0]) / (layout.xy_mm[-1] - layout.xy_mm[0]) * (np.array(shape) - 1.0)
    contact = ndimage.map_coordinates(image.reshape(shape), place.T, order=1, cval=0.0)
    near = np.clip(np.rint(place), 0, np.array(shape) - 1).astype(np.int64)
    return RegionTemplate(
        contact.reshape(counts), labels.reshape(shape)[near[:, 0], near[:, 1]].reshape(counts), low * cell, cell,
        frame.length_mm,
    )  # fmt: skip


def template_labels(
    template: RegionTemplate, layout: SensorLayout, image: Array, side: Side, heading: Array | None = None
) -> Array:
    """Label (cells,) of each cell, index into the template's names.

    ScanError as ``regions.foot_frame``, and where the template covers too little of the print.
    """
    frame = foot_frame(layout, image, side, heading)
    xy, seen = frame_xy(frame), overlay.contact(image)
    inside = (xy[:, 0] > -60.0) & (xy[:, 0] < frame.length_mm + 60.0) & (np.abs(xy[:, 1]) < 120.0)
    blurred = _as_seen(template, frame)

    def expected(x: Array) -> Array:
        return _sample(template, blurred, _to_template(x, xy[inside]))

    trials = []
    for front in (1.0, 0.82):  # with toes, without
        for turn in (-0.08, 0.0, 0.08):
            size = float(np.log(frame.length_mm / front / template.length_mm))
            start = np.array([0.0, 0.0, turn, size, size])
            trials.append(overlay.descend(expected, start, seen[inside], _STEPS, 5, 5))
    _, x = min(trials, key=lambda trial: trial[0])
    _, x = overlay.descend(expected, x, seen[inside], _STEPS, _ROUNDS, 5)
    covered = overlay.overlap(expected(x), seen[inside])
    if covered < LEAST_OVERLAP:
        raise ScanError(f"expected the template to cover the print by {LEAST_OVERLAP} or more, found {covered:.2f}")
    return _nearest(template, _to_template(x, xy))


def _as_seen(template: RegionTemplate, frame: FootGrid) -> Array:
    """The template's contact as cells of the step's size see it."""
    scale = frame.length_mm / template.length_mm
    size = max(round(frame.cell_mm / (template.cell_mm * scale)), 1)
    return np.asarray(ndimage.uniform_filter(template.contact, size=size, mode="constant"))


def _to_template(x: Array, xy: Array) -> Array:
    """Places (n, 2) mm of the print's frame in the template's: shift, turn, size along and across."""
    c, s = np.cos(x[2]), np.sin(x[2])
    away = xy - x[:2]
    turned = np.column_stack([away[:, 0] * c + away[:, 1] * s, away[:, 1] * c - away[:, 0] * s])
    return np.asarray(turned / np.exp(x[3:5]))


def _sample(template: RegionTemplate, field: Array, xy: Array) -> Array:
    """A field (rows, columns) at places (n, 2) mm, 0 beyond it."""
    place = ((xy - template.origin) / template.cell_mm).T
    return np.asarray(ndimage.map_coordinates(field, place, order=1, mode="constant", cval=0.0))


def _nearest(template: RegionTemplate, xy: Array) -> Array:
    place = np.rint((xy - template.origin) / template.cell_mm)
    row, column = np.clip(place, 0, np.array(template.labels.shape) - 1).astype(np.int64).T
    return np.asarray(template.labels[row, column])
