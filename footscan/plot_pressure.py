"""The picture of what each foot pressed where: peaks, isobars, regions, the path of the centre of pressure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from footscan.page import INK, PAPER, Panel
from footscan.plot_pressure_cells import cell_polygons, centroids, region_borders
from footscan.plot_pressure_curves import force_curves, region_bars, resampled
from footscan.plot_pressure_sheets import (
    CYAN,
    UNITS,
    Sheet,
    draw_bar,
    draw_borders,
    draw_isobars,
    draw_outlines,
    draw_values,
    each,
    known_path,
    lay_out,
    nice,
    place_apart,
    schematic_words,
    sheets,
)
from footscan.types import Array, Side

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from footscan.pressure import RecordingAnalysis, StepMetrics

__all__ = ["cell_polygons", "force_curves", "pressure_map", "region_bars", "region_borders"]

LABEL_IN = (0.34, 0.185)  #: room for a region's figure
FIGURES_UP_TO = 75.0  #: mm of a foot in an inch of the page: smaller feet have no room for figures


def pressure_map(
    analysis: RecordingAnalysis, outlines: Mapping[Side, Sequence[Array]] | None = None, cop: bool = True
) -> Figure:
    """The largest value of each place over the used steps, from above with the toes up: isobars at the bar's figures,
    borders of the regions with the mean of each region's peaks, the path of the centre of pressure, the scale.

    outlines : by side, closed polygons (n, 2) mm of the foot in the sensor's frame; without them the sensor's rim is
        drawn
    cop : False leaves the path of the centre of pressure out
    """
    drawn = sheets(analysis, outlines)
    unit = UNITS[analysis.quantity]
    highest = nice(max((float(s.map.highest.max(initial=0.0)) for s in drawn), default=1.0))
    boxes = [s.box for s in drawn]
    row = lay_out(boxes, [1.25, *[0.95] * (len(boxes) - 1)])
    isobars: list[bool] = []

    def draw(panel: Panel, sheet: Sheet) -> None:
        draw_values(panel, sheet, sheet.map.highest, highest)
        isobars.append(draw_isobars(panel, sheet, sheet.map.highest, highest))
        for labels, _ in divisions(sheet):
            draw_borders(panel, sheet, labels)
        draw_outlines(panel, sheet)
        starts = _draw_paths(panel, sheet) if cop else np.zeros((0, 2))
        _draw_figures(panel, sheet, starts, row.inch)

    each(row, drawn, draw)
    if boxes:
        draw_bar(row, row.panels[0], boxes[0][0], highest, unit, any(isobars))
    page = row.page
    for k, line in enumerate(_words(analysis, drawn, any(isobars), cop, row.inch)):
        page.words(page.width_mm / 2, (0.62 - 0.17 * k) * row.inch, line, 9.0)
    return page.figure()


def _words(analysis: RecordingAnalysis, drawn: Sequence[Sheet], isobars: bool, cop: bool, inch: float) -> list[str]:
    kind = {"pressure": "greatest pressure", "force": "greatest force", "raw": "greatest raw value"}[analysis.quantity]
    first = f"{kind} of each place over the steps used; star: the greatest"
    if isobars:
        first += "; thin lines: as on the bar"
    second = []
    if cop and any(known_path(s) is not None for sheet in drawn for s in sheet.steps):
        second.append("blue line: the centre of pressure, from its dot on")
    if inch < FIGURES_UP_TO and any(_region_peaks(s) for s in drawn):
        second.append("figures: mean of each region's peaks, kPa")
    third = ["dashed: the scanned foot"] if any(s.foot for s in drawn) else []
    third += [words] if (words := schematic_words(drawn)) else []
    return [line for line in (first, "; ".join(second), "; ".join(third)) if line]


def divisions(sheet: Sheet) -> list[tuple[Array, tuple[StepMetrics, ...]]]:
    """How a sheet is cut into regions: labels (cells,), -1 where there is none, and the steps that they are of. In a
    shoe one division for all steps, on a plate one for each."""
    if sheet.map.layout.frame == "insole":
        return [(sheet.map.labels, sheet.steps)] if (sheet.map.labels >= 0).any() else []
    return [(s.labels, (s,)) for s in sheet.steps if (s.labels >= 0).any()]


def _draw_paths(panel: Panel, sheet: Sheet) -> Array:
    """The mean path in a shoe, every path on a plate; where they start (n, 2), right and up."""
    paths = [resampled(s.time_s, s.cop_xy_mm) for s in sheet.steps if s.cop_xy_mm is not None]
    paths = [p for p in paths if np.isfinite(p).all()]
    if sheet.map.layout.frame == "insole" and len(paths) > 1:
        paths = [np.mean(paths, axis=0)]
    seen = [sheet.seen(path) for path in paths]
    for path in seen:
        panel.line(path, CYAN, 2.0)
        panel.dots(path[[0]])
    return np.array([path[0] for path in seen]).reshape(-1, 2)


def _draw_figures(panel: Panel, sheet: Sheet, starts: Array, inch: float) -> None:
    """The star at the greatest value, and the mean of each region's peaks in the region's middle, off each other."""
    fixed = [(*p, 0.13 * inch, 0.13 * inch) for p in starts]
    at = int(np.argmax(sheet.map.highest))
    if sheet.map.highest[at] > 0:
        middle = centroids(sheet.polygons[sheet.cells == at])[0]
        panel.line(middle[None], INK, 1.0, marker="*", markersize=11, markeredgecolor=PAPER, halo=False)
        fixed.append((*middle, 0.17 * inch, 0.17 * inch))
    told = _region_peaks(sheet) if inch < FIGURES_UP_TO else []
    if told:
        wanted = np.array([place for place, _ in told])
        sizes = np.tile(np.array(LABEL_IN) * inch, (len(told), 1))
        places = place_apart(wanted, sizes, np.array(fixed).reshape(-1, 4))
        for place, (_, peak) in zip(places, told):
            panel.label(place, f"{peak:.0f}", size=8.5, pad=0.12)


def _region_peaks(sheet: Sheet) -> list[tuple[Array, float]]:
    """Middle (2,) right and up, and mean of the peaks over the used steps, of each region that has one."""
    found, middles = [], centroids(sheet.polygons)
    for labels, steps in divisions(sheet):
        for number, region in enumerate(steps[0].names if steps else ()):
            own = labels[sheet.cells] == number
            peak = mean_peak(steps, region)
            if own.any() and peak is not None:
                found.append((middles[own].mean(axis=0), peak))
    return found


def mean_peak(steps: Sequence[StepMetrics], region: str) -> float | None:
    """The mean over steps of a region's largest pressure; None where no step has one."""
    known = [p for s in steps if region in s.regions and (p := s.regions[region].get("peak_kpa")) is not None]
    return float(np.mean(known)) if known else None
