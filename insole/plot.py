"""Pictures of an insole for the technician: sections, thickness, zones, pressure before and after.

Every function returns a matplotlib ``Figure``; ``footscan.page.png`` turns it into bytes. matplotlib is imported when
the first picture is made. All are in the right-foot design frame, heel below, seen from above; a left one is mirrored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from footscan.page import BLUE, FAINT, HEIGHT_STOPS, INK, ORANGE, PRESSURE_STOPS, colour_map, new_figure
from footscan.types import Array
from insole.prediction import Bed, Prediction
from insole.stiffness import raster
from insole.types import InsoleDesign
from insole.zones import Zoning

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STATIONS = (0.16, 0.45, 0.70)  #: of the foot's length: heel cup, arch, ball
TITLES: dict[Bed, str] = {
    "before": "flat 3 mm insole",
    "shape": "this shape, springs of the flat one",
    "after": "this insole",
}


def draw_sections(design: InsoleDesign, stations: Sequence[float] = STATIONS) -> Figure:
    """Cross-sections at stations of the foot's length, and one along the middle, true to scale, with thicknesses."""
    figure = new_figure(8.0, 1.7 * (len(stations) + 1))
    axes = figure.subplots(len(stations) + 1, 1)
    top, bottom = design.top_mm, design.bottom_mm
    middle = top.shape[1] // 2
    _section(axes[0], top[:, middle, [0, 2]], bottom[:, middle, [0, 2]], "along the middle, heel on the left")
    for axis, station in zip(axes[1:], stations):
        row = int(np.argmin(np.abs(top[:, middle, 0] - station * design.foot_length_mm)))
        name = f"across at {100 * station:.0f} % of the foot's length, lateral on the left"
        _section(axis, top[row][:, 1:], bottom[row][:, 1:], name)
    figure.tight_layout()
    return figure


def draw_thickness(design: InsoleDesign) -> Figure:
    """Printed thickness from above, mm."""
    figure = new_figure(3.6, 6.4)
    axis = figure.subplots()
    grid = raster(design)
    shown = np.where(grid.thickness_mm > 0, grid.thickness_mm, np.nan)
    image = _from_above(axis, shown, grid.x_mm, grid.y_mm, design.side == "left", HEIGHT_STOPS)
    figure.colorbar(image, ax=axis, shrink=0.6, label="printed thickness (mm)")
    axis.set_title("Thickness", color=INK, fontsize=10)
    figure.tight_layout()
    return figure


def draw_zones(zoning: Zoning, left: bool) -> Figure:
    """Infill from above, %, and the zones' outlines with their names."""
    figure = new_figure(4.4, 6.4)
    axis = figure.subplots()
    grid = zoning.grid
    shown = np.where(grid.thickness_mm > 0, 100.0 * zoning.printed, np.nan)
    image = _from_above(axis, shown, grid.x_mm, grid.y_mm, left, HEIGHT_STOPS)
    flip = 1.0 if left else -1.0
    for zone in zoning.zones:
        for polygon in zone.polygons:
            closed = np.vstack([polygon, polygon[:1]])
            axis.plot(flip * closed[:, 1], closed[:, 0], color=ORANGE, linewidth=1.0)
        outer = zone.polygons[0]
        axis.annotate(zone.name, (flip * outer[:, 1].max(), outer[:, 0].mean()), fontsize=6, color=INK)
    figure.colorbar(image, ax=axis, shrink=0.6, label="infill (%)")
    axis.set_title(f"Zones, {zoning.material.title}", color=INK, fontsize=10)
    figure.tight_layout()
    return figure


def draw_prediction(prediction: Prediction, beds: Sequence[Bed] = ("before", "after")) -> Figure:
    """Mean peak pressure of each cell on the beds, one scale for all; for the technician, marked unvalidated."""
    figure = new_figure(3.0 * len(beds) + 1.0, 6.4)
    axes = np.atleast_1d(figure.subplots(1, len(beds)))
    most = max(float(prediction.mean_peak_kpa[bed].max()) for bed in beds)
    stance = prediction.stance
    flip = 1.0 if stance.side == "left" else -1.0
    for axis, bed in zip(axes, beds):
        size = 0.9 * stance.area_of_cell_mm2
        dots = axis.scatter(
            flip * stance.middle_mm[:, 1],
            stance.middle_mm[:, 0],
            c=prediction.mean_peak_kpa[bed],
            s=size,
            marker="s",
            cmap=colour_map(PRESSURE_STOPS),
            vmin=0.0,
            vmax=max(most, 1.0),
        )
        axis.set_title(TITLES[bed], color=INK, fontsize=9)
        _bare(axis)
    figure.colorbar(dots, ax=list(axes), shrink=0.6, label="mean peak pressure (kPa)")
    figure.suptitle("Predicted pressure (unvalidated)", color=INK, fontsize=10)
    return figure


# ------------------------------------------------------------------ inside


def _section(axis: Axes, top: Array, bottom: Array, name: str) -> None:
    line = np.vstack([top, bottom[::-1], top[:1]])
    axis.fill(line[:, 0], line[:, 1], color=BLUE, alpha=0.25, linewidth=0)
    axis.plot(line[:, 0], line[:, 1], color=BLUE, linewidth=1.0)
    for share in (0.15, 0.5, 0.85):
        k = round(share * (len(top) - 1))
        height = float(top[k, 1] - np.interp(top[k, 0], *_rising(bottom)))
        axis.annotate(f"{height:.1f}", (top[k, 0], top[k, 1]), (0, 3), textcoords="offset points", fontsize=7)
    axis.set_aspect("equal")
    axis.set_title(name, color=FAINT, fontsize=8, loc="left")
    axis.tick_params(labelsize=6, colors=FAINT)
    axis.margins(0.05, 0.35)


def _rising(line: Array) -> tuple[Array, Array]:
    order = np.argsort(line[:, 0], kind="stable")
    return line[order, 0], line[order, 1]


def _from_above(axis: Axes, values: Array, x: Array, y: Array, left: bool, stops: tuple[str, ...]) -> Any:
    """Toes up; medial on the side where the wearer's is. Heights (nx, ny)."""
    flip = 1.0 if left else -1.0
    image = axis.pcolormesh(flip * y, x, values, cmap=colour_map(stops), shading="nearest", rasterized=True)
    _bare(axis)
    return image


def _bare(axis: Axes) -> None:
    axis.set_aspect("equal")
    axis.axis("off")
