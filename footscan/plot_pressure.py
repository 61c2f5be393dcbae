"""Pictures of a walk: what each foot pressed where, and its force over the step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from footscan.page import (
    DPI,
    FAINT,
    INK,
    PAPER,
    PRESSURE_STOPS,
    SIDE_COLOUR,
    SIDE_LINE,
    Page,
    Panel,
    colour_map,
    new_figure,
)
from footscan.types import Array, SensorLayout, Side

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from footscan.pressure import PressureMap, RecordingAnalysis, StepMetrics

UNITS = {"pressure": "kPa", "force": "N", "raw": "raw"}
MAP_HEIGHT_IN, LONGEST_IN = 6.4, 13.0
STANCE = np.linspace(0.0, 100.0, 101)  #: percent of the contact


def cell_polygons(layout: SensorLayout) -> Array:
    """Corners (cells, k, 2) mm of each cell: as known, else rectangles of the grid's pitch, else squares."""
    if layout.corners_mm is not None:
        return layout.corners_mm
    if layout.shape is not None:
        size = np.array([_pitch(layout.xy_mm[:, axis]) for axis in (0, 1)])
        sizes = np.broadcast_to(size, layout.xy_mm.shape)
    elif layout.area_mm2 is not None:
        sizes = np.repeat(np.sqrt(layout.area_mm2)[:, None], 2, axis=1)
    else:
        gap = np.linalg.norm(layout.xy_mm[:, None] - layout.xy_mm, axis=2) + np.diag(np.full(len(layout.xy_mm), np.inf))
        sizes = np.full(layout.xy_mm.shape, 0.8 * float(np.median(gap.min(axis=1))) if len(gap) > 1 else 10.0)
    square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    return np.asarray(layout.xy_mm[:, None] + square * sizes[:, None])


def _pitch(places: Array) -> float:
    steps = np.diff(np.unique(np.round(places, 3)))
    return float(np.median(steps)) if len(steps) else 10.0


def region_borders(polygons: Array, labels: Array) -> Array:
    """Edges (n, 2, 2) of convex cells (cells, k, 2) between different regions, and between a region and no cell."""
    count, corners = polygons.shape[:2]
    edges = np.stack([polygons, np.roll(polygons, -1, axis=1)], axis=2).reshape(-1, 2, 2)
    of = np.repeat(np.arange(count), corners)
    ends = np.round(edges * 20.0).astype(np.int64)  # corners that agree to 0.05 mm are one
    swap = (ends[:, 0, 0] > ends[:, 1, 0]) | ((ends[:, 0, 0] == ends[:, 1, 0]) & (ends[:, 0, 1] > ends[:, 1, 1]))
    ends[swap] = ends[swap][:, ::-1]
    _, first, name = np.unique(ends.reshape(-1, 4), axis=0, return_index=True, return_inverse=True)
    name = name.ravel()
    low, high = np.full(len(first), 10**6), np.full(len(first), -2)
    np.minimum.at(low, name, labels[of])
    np.maximum.at(high, name, labels[of])
    # an edge that no other cell has as a whole: what lies just behind it?
    alone = np.flatnonzero((np.bincount(name, minlength=len(first)) == 1) & (high >= 0))
    own = of[first[alone]]
    middle = edges[first[alone]].mean(axis=1)
    away = middle - polygons[own].mean(axis=1)
    behind = _label_at(polygons, labels, middle + 0.3 * away / np.linalg.norm(away, axis=1, keepdims=True))
    border = (high >= 0) & (low != high)
    border[alone] = behind != labels[own]
    return np.asarray(edges[first[border]])


def _label_at(polygons: Array, labels: Array, points: Array) -> Array:
    """Label (n,) of the convex cell that each point (n, 2) lies in, -1 in none."""
    inside_left = np.ones((len(points), len(polygons)), dtype=bool)
    inside_right = inside_left.copy()
    for k in range(polygons.shape[1]):
        p, q = polygons[:, k], polygons[:, (k + 1) % polygons.shape[1]]
        e = q - p
        turn = e[:, 0] * (points[:, None, 1] - p[:, 1]) - e[:, 1] * (points[:, None, 0] - p[:, 0])
        inside_left &= turn >= 0
        inside_right &= turn <= 0
    inside = inside_left | inside_right
    return np.where(inside.any(axis=1), labels[inside.argmax(axis=1)], -1)


def pressure_map(analysis: RecordingAnalysis) -> Figure:
    """The largest pressure of each place over the used steps, from above with the toes up: region borders with the mean
    of each region's peaks, the path of the centre of pressure, a bar with the scale."""
    maps = _left_first(analysis.maps)
    unit = UNITS[analysis.quantity]
    highest = _nice(max((float(m.highest.max(initial=0.0)) for m in maps), default=1.0))
    drawn = [(m, _seen(cell_polygons(m.layout), _lies(m.layout))) for m in maps]
    boxes = [(p.reshape(-1, 2).min(axis=0), p.reshape(-1, 2).max(axis=0)) for _, p in drawn]
    tall = max((float(b[1] - a[1]) for a, b in boxes), default=200.0)
    wide = sum(float(b[0] - a[0]) for a, b in boxes)
    # margins in points of the page, so that words keep their size whatever the sensor's
    inch = max((tall / (MAP_HEIGHT_IN - 1.5)), (wide / (LONGEST_IN - 2.0)), 1e-6)  # mm shown by an inch
    content = wide + (1.5 + 1.05 * len(boxes)) * inch
    page = Page(max(content, 6.6 * inch), tall + 1.7 * inch, DPI / inch)
    x = 1.25 * inch + (page.width_mm - content) / 2
    for k, ((m, polygons), (low, high)) in enumerate(zip(drawn, boxes)):
        panel = page.panel(x, 0.95 * inch, (float(low[0]), float(low[1])))
        if k == 0:
            _bar(panel, low, tall, highest, unit, inch)
        _draw_map(panel, m, polygons, highest, [s for s in analysis.steps if s.part == _part(analysis, m)], inch)
        middle = float(low[0] + high[0]) / 2
        name = "plate" if not analysis.in_shoe else "foot" if m.side == "unknown" else f"{m.side} foot"
        count = f"{m.steps} step" + ("" if m.steps == 1 else "s")
        panel.words((middle, float(low[1]) + tall + 0.38 * inch), f"{name}, {count}", 13.0, INK, weight="bold")
        x += float(high[0] - low[0]) + 1.05 * inch
    kind = {"pressure": "greatest pressure", "force": "greatest force", "raw": "greatest raw value"}[analysis.quantity]
    words = f"{kind} of each place over the steps used, star: the greatest"
    words += "\nline: the centre of pressure, from its dot on; figures: mean of each region's peaks"
    page.words(page.width_mm / 2, 0.38 * inch, words)
    return page.figure()


def _left_first(maps: Iterable[PressureMap]) -> list[PressureMap]:
    return sorted(maps, key=lambda m: {"left": 0, "right": 1}.get(m.side, 2))


def _part(analysis: RecordingAnalysis, wanted: PressureMap) -> int:
    """Which part of the recording a map is of: maps stand in the order of the parts that have steps."""
    parts = sorted({step.part for step in analysis.steps})
    return parts[list(analysis.maps).index(wanted)]


def _lies(layout: SensorLayout) -> bool:
    """Whether a long walkway is drawn along the page."""
    size = np.ptp(layout.xy_mm, axis=0)
    return layout.frame != "insole" and float(size[0]) > 400.0


def _seen(points: Array, lies: bool) -> Array:
    """Sensor coordinates (…, 2), x ahead and y to the left -> right and up on the page."""
    return np.asarray(points if lies else np.stack([-points[..., 1], points[..., 0]], axis=-1))


def _nice(value: float) -> float:
    """A round number not below ``value``."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value) + 1e-9)
    return float(next(n * power for n in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if n * power >= value * (1 - 1e-9)))


def _bar(panel: Panel, low: Array, tall: float, highest: float, unit: str, inch: float) -> None:
    step = next(highest / n for n in (4, 5, 6, 3) if _nice(highest / n) == highest / n or n == 3)
    left, bottom = float(low[0]) - 0.55 * inch, float(low[1]) + 0.12 * tall
    panel.colour_bar(left, bottom, bottom + 0.7 * tall, PRESSURE_STOPS, highest, unit, step, width=0.12 * inch)


def _draw_map(
    panel: Panel, m: PressureMap, polygons: Array, highest: float, steps: list[StepMetrics], inch: float
) -> None:
    from matplotlib.collections import LineCollection, PolyCollection

    axes, lies = panel.page.axes, _lies(m.layout)
    colours = colour_map(PRESSURE_STOPS)(np.clip(m.highest / highest, 0, 1))
    style: dict[str, Any] = {"facecolors": colours, "edgecolors": colours, "linewidths": 0.4}
    axes.add_collection(PolyCollection(list(panel.at(polygons)), **style))
    borders = panel.at(region_borders(polygons, m.labels))
    if len(borders):
        axes.add_collection(LineCollection(list(borders), colors=PAPER, linewidths=2.4, alpha=0.75, capstyle="round"))
        axes.add_collection(LineCollection(list(borders), colors=INK, linewidths=1.0, capstyle="round"))
    used = [s for s in steps if s.used] or steps
    _draw_regions(panel, m, polygons, used, inch)
    paths = [_resampled(s.time_s, s.cop_xy_mm) for s in used if s.cop_xy_mm is not None]
    paths = [p for p in paths if np.isfinite(p).all()]
    if m.layout.frame == "insole" and len(paths) > 1:
        paths = [np.mean(paths, axis=0)]
    for path in paths:
        seen = _seen(path, lies)
        panel.line(seen, "#00a6d6", 2.0)
        panel.dots(seen[[0]])
    at = int(np.argmax(m.highest))
    if m.highest[at] > 0:
        x, y = _seen(m.layout.xy_mm[at], lies)
        panel.line(np.array([[x, y]]), INK, 1.0, marker="*", markersize=11, markeredgecolor=PAPER, halo=False)


def _draw_regions(panel: Panel, m: PressureMap, polygons: Array, used: list[StepMetrics], inch: float) -> None:
    """The mean of each region's peaks over the used steps, in the region's middle."""
    from footscan.pressure import REGIONS

    middles = polygons.mean(axis=1)
    for number, region in enumerate(REGIONS):
        own = m.labels == number
        peaks = [s.regions[region].get("peak_kpa") for s in used if region in s.regions]
        known = [p for p in peaks if p is not None]
        if own.any() and known:
            x, y = middles[own].mean(axis=0)
            if region.startswith("mth"):  # five narrow ones side by side: by turns a little up and down
                y += 0.09 * inch * (1 if number % 2 else -1)
            panel.label((x, y), f"{np.mean(known):.0f}", size=8.5, pad=0.12)


def _resampled(time_s: Array, series: Array) -> Array:
    """A series (frames, k) at each percent of its contact; NaN frames at the ends are left out."""
    good = np.isfinite(series).all(axis=1)
    if good.sum() < 2:
        return np.full((len(STANCE), series.shape[1]), np.nan)
    t = time_s[good]
    part = (t - t[0]) / (t[-1] - t[0]) * 100.0
    return np.stack([np.interp(STANCE, part, series[good, k]) for k in range(series.shape[1])], axis=1)


def force_curves(analysis: RecordingAnalysis) -> Figure:
    """Force over the contact: the mean over the used steps of each foot, and ± one standard deviation."""
    figure = new_figure(9.0, 4.6)
    axes = figure.add_axes((0.085, 0.135, 0.89, 0.78))
    sides: tuple[Side, ...] = ("left", "right", "unknown")
    for side in sides:
        used = [s for s in analysis.steps if s.side == side and s.used and len(s.force) > 1]
        if not used:
            continue
        curves = np.stack([_resampled(s.time_s, s.force[:, None])[:, 0] for s in used])
        mean, sd = curves.mean(axis=0), curves.std(axis=0, ddof=1) if len(curves) > 1 else np.zeros(len(STANCE))
        took = np.mean([s.stop_s - s.start_s for s in used])
        name = "side unknown" if side == "unknown" else side
        words = f"{name}: {len(used)} step{'s' if len(used) > 1 else ''}, {took:.2f} s on the ground"
        colour = SIDE_COLOUR[side]
        axes.fill_between(STANCE, mean - sd, mean + sd, color=colour, alpha=0.16, linewidth=0)
        axes.plot(STANCE, mean, color=colour, lw=2.4, ls=SIDE_LINE[side], label=words)
    newtons = any(v is not None for v in analysis.max_force_n.values())
    axes.set_ylabel("force, N" if newtons else "load, raw", fontsize=11, color=INK)
    axes.set_xlabel("share of the step, %", fontsize=11, color=INK)
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    axes.grid(color=FAINT, alpha=0.25, lw=0.6)
    axes.tick_params(colors=INK, labelsize=10)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 1.11), "ncols": 2}
        axes.legend(frameon=False, fontsize=11, handlelength=3.2, **place)
        words = "band: ± one standard deviation"
        axes.text(99, 0.02 * axes.get_ylim()[1], words, fontsize=9, color=FAINT, ha="right")
    else:
        axes.text(50, 0.5 * axes.get_ylim()[1], "no step to draw", fontsize=12, color=FAINT, ha="center")
    return figure
