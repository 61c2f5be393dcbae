"""Pictures of an insole for the technician: sections, thickness, zones, pressure before and after.

Every function returns a matplotlib ``Figure``; ``footscan.page.png`` turns it into bytes. matplotlib is imported when
the first picture is made. All are in the right-foot design frame, heel below, seen from above; a left one is mirrored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from footscan.page import BLUE, CHANGE_STOPS, FAINT, HEIGHT_STOPS, INK, PAPER, PRESSURE_STOPS, colour_map, new_figure
from footscan.types import Array
from insole.polygons import holds
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


def draw_zones(design: InsoleDesign, zoning: Zoning) -> Figure:
    """Infill from above, %: the body and its zones, each with its number and, beside it, its name."""
    figure = new_figure(5.6, 6.4)
    axis = figure.subplots()
    colours = colour_map(HEIGHT_STOPS)
    least = min([zone.settings.density for zone in zoning.zones], default=0.0)
    flip = _flip(design)
    top = design.top_mm[..., :2]
    rim = np.concatenate([top[0], top[:, -1], top[-1, ::-1], top[::-1, 0]])
    parts: list[tuple[str, float, Sequence[Array]]] = [("body", zoning.body.density, [rim])]
    parts += [(zone.name, zone.settings.density, zone.polygons) for zone in zoning.zones]
    for number, (name, density, polygons) in enumerate(parts):
        share = (density - 0.7 * least) / max(zoning.body.density - 0.7 * least, 1e-9)
        colour = colours(0.12 + 0.6 * share)
        for polygon in polygons:
            axis.fill(flip * polygon[:, 1], polygon[:, 0], facecolor=colour, edgecolor=INK, linewidth=0.7)
        axis.plot([], [], "s", color=colour, markeredgecolor=INK, label=_named(number, name, density))
    for number, (_, _, polygons) in enumerate(parts[1:], 1):
        x, y = polygons[0][np.argmax(polygons[0][:, 0])]  # its front end: the next zone lies within
        box = {"boxstyle": "circle,pad=0.2", "facecolor": PAPER, "edgecolor": INK, "linewidth": 0.6}
        axis.text(flip * y, x, str(number), ha="center", va="center", fontsize=7, color=INK, bbox=box)
    axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=8, frameon=False)
    axis.set_title(f"Infill, {zoning.material.title}", color=INK, fontsize=10)
    _bare(axis)
    figure.tight_layout()
    return figure


def _named(number: int, name: str, density: float) -> str:
    return f"body {100 * density:.0f}%" if number == 0 else f"{number}  {name}"


def draw_prediction(design: InsoleDesign, prediction: Prediction, beds: Sequence[Bed] = ("before", "after")) -> Figure:
    """Mean peak pressure on the beds, one scale for all, and what the last one changes; marked unvalidated.

    Between the middles of the sensor's cells the map is linear; the line is the insole's outline.
    """
    figure = new_figure(3.0 * (len(beds) + 1), 6.6)
    axes = np.atleast_1d(figure.subplots(1, len(beds) + 1))
    x, y, inside = _sheet(design)
    maps = [_between(prediction, prediction.mean_peak_kpa[bed], x, y, inside) for bed in beds]
    most = max(float(np.nanmax(values)) for values in maps)
    levels = _levels(most)
    change = maps[-1] - maps[0]
    far = _levels(float(np.nanmax(np.abs(change))))
    shown: list[tuple[Array, str, Array, tuple[str, ...]]]
    shown = [(values, TITLES[bed], levels, PRESSURE_STOPS) for bed, values in zip(beds, maps)]
    shown.append((change, "change", np.concatenate([-far[:0:-1], far]), CHANGE_STOPS))
    line, flip = np.vstack([design.outline_mm, design.outline_mm[:1]]), _flip(design)
    for axis, (values, title, steps, stops) in zip(axes, shown):
        drawn = axis.contourf(flip * y, x, values, steps, cmap=colour_map(stops))
        axis.plot(flip * line[:, 1], line[:, 0], color=INK, linewidth=1.0)
        axis.set_title(title, color=INK, fontsize=9)
        _bare(axis)
        bar = figure.colorbar(drawn, ax=axis, orientation="horizontal", shrink=0.8, pad=0.03)
        bar.set_label("kPa", fontsize=8)
        bar.set_ticks([float(v) for v in (steps[::2] if stops == PRESSURE_STOPS else steps[[0, len(steps) // 2, -1]])])
        bar.ax.tick_params(labelsize=7)
    figure.suptitle("Predicted mean peak pressure (unvalidated)", color=INK, fontsize=10)
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


def _levels(most: float) -> Array:
    """Round steps from 0 up to at least ``most`` kPa, ten or fewer."""
    step = next((s for s in (5.0, 10.0, 20.0, 25.0, 50.0, 100.0) if 10 * s >= most), most / 10)
    return np.arange(0.0, max(np.ceil(most / step), 2) + 1) * step


def _flip(design: InsoleDesign) -> float:
    return 1.0 if design.side == "left" else -1.0


def _sheet(design: InsoleDesign) -> tuple[Array, Array, Array]:
    """Places 1.5 mm apart over an insole: x (nx, ny), y (nx, ny), and which lie inside its outline."""
    low, high = design.outline_mm.min(axis=0) - 1.5, design.outline_mm.max(axis=0) + 1.5
    x, y = np.meshgrid(np.arange(low[0], high[0], 1.5), np.arange(low[1], high[1], 1.5), indexing="ij")
    return x, y, holds(design.outline_mm, x, y)


def _between(prediction: Prediction, values: Array, x: Array, y: Array, inside: Array) -> Array:
    """Values of the cells at places, linear between their middles, faded out half a cell further; else NaN."""
    from scipy.interpolate import LinearNDInterpolator

    middle, stance = prediction.stance.middle_mm, prediction.stance
    reach = np.sqrt(stance.area_of_cell_mm2.max())
    away = np.arange(0.0, 2 * np.pi, np.pi / 12)
    ring = (middle[:, None] + reach * np.stack([np.cos(away), np.sin(away)], axis=1)).reshape(-1, 2)
    nearest = np.min(np.linalg.norm(ring[:, None] - middle[None], axis=2), axis=1)
    ring = ring[nearest > 0.999 * reach]
    field = LinearNDInterpolator(np.vstack([middle, ring]), np.concatenate([values, np.zeros(len(ring))]), 0.0)
    return np.where(inside, field(x, y), np.nan)


def _bare(axis: Axes) -> None:
    axis.set_aspect("equal")
    axis.axis("off")
