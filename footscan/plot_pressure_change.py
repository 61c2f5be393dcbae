"""Two recordings of the same feet beside each other, and what changed from the first to the second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from footscan.errors import ScanError
from footscan.page import CHANGE_STOPS, FAINT, INK, Panel, colour_map
from footscan.plot_pressure_cells import Field, centroids, smooth_field, values_at
from footscan.plot_pressure_cop import print_frame
from footscan.plot_pressure_curves import region_values
from footscan.plot_pressure_sheets import (
    UNITS,
    Row,
    Sheet,
    bar_step,
    draw_bar,
    draw_borders,
    draw_cells,
    draw_isobars,
    draw_levels,
    draw_outlines,
    draw_values,
    lay_out,
    nice,
    place_apart,
    sheets,
)
from footscan.pressure import REGIONS, PressureMap
from footscan.pressure.regions import region_labels
from footscan.types import Array, SensorLayout, Side, replace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from footscan.pressure import RecordingAnalysis

MESH_MM = 5.0  #: on which prints of plates are laid on each other
LABEL_IN = (0.44, 0.185)


@dataclass(frozen=True)
class RegionChange:
    """A region's peak pressure before and after: means over the used steps, their standard deviations (None for one
    step), numbers of steps, after − before; ``differs`` whether that is more than twice the standard error of the two
    means, None where single steps can't tell."""

    before_kpa: float
    after_kpa: float
    sd_before_kpa: float | None
    sd_after_kpa: float | None
    steps_before: int
    steps_after: int
    change_kpa: float
    differs: bool | None


def region_changes(before: RecordingAnalysis, after: RecordingAnalysis) -> dict[Side, dict[str, RegionChange]]:
    """By side and region, what changed in the mean of the steps' peak pressures; only what both recordings have."""
    found: dict[Side, dict[str, RegionChange]] = {}
    sides: tuple[Side, ...] = ("left", "right", "unknown")
    for side in sides:
        first, second = (
            region_values([s for s in a.steps if s.side == side and s.used], "peak_kpa") for a in (before, after)
        )
        both = {r: _change(first[r], second[r]) for r in first if r in second}
        if both:
            found[side] = both
    return found


def _change(first: Array, second: Array) -> RegionChange:
    sds = [float(v.std(ddof=1)) if len(v) > 1 else None for v in (first, second)]
    change = float(second.mean() - first.mean())
    differs = None
    if sds[0] is not None and sds[1] is not None:
        error = float(np.hypot(sds[0] / np.sqrt(len(first)), sds[1] / np.sqrt(len(second))))
        differs = bool(abs(change) > 2.0 * error)
    return RegionChange(
        float(first.mean()), float(second.mean()), sds[0], sds[1], len(first), len(second), change, differs
    )


# ------------------------------------------------------------------ what can be set beside each other


@dataclass(frozen=True, eq=False)
class Pair:
    """One foot in both recordings on the same cells: a sheet of each, values (cells,) the mean of the steps' peaks."""

    side: Side
    before: Sheet
    after: Sheet

    @property
    def change(self) -> Array:
        """After − before, (cells,)."""
        return np.asarray(self.after.map.mean_peak - self.before.map.mean_peak)


def pairs(before: RecordingAnalysis, after: RecordingAnalysis) -> list[Pair]:
    """The feet that both recordings have, each on one set of cells: in shoes the sensor's own; prints on plates are
    laid on each other, heel on heel and axis on axis, on a mesh of 5 mm.

    Raises
    ------
    ScanError : different quantities, a shoe and a plate, different sensors, or no foot in both
    """
    if before.quantity != after.quantity:
        found = f"{before.quantity} and {after.quantity}"
        raise ScanError(f"expected two recordings of one quantity, found {found}; compare what was measured alike")
    if before.in_shoe != after.in_shoe:
        raise ScanError("expected two walks in shoes or two on a plate, found one of each; they can't be compared")
    done = _in_shoe(before, after) if before.in_shoe else _on_plates(before, after)
    if not done:
        raise ScanError("expected a foot that both recordings have, found none; give --side where it is not known")
    return done


def _in_shoe(before: RecordingAnalysis, after: RecordingAnalysis) -> list[Pair]:
    done = []
    others = {sheet.map.side: sheet for sheet in sheets(after)}
    for sheet in sheets(before):
        other = others.get(sheet.map.side)
        if other is None:
            continue
        a, b = sheet.map.layout, other.map.layout
        if a.xy_mm.shape != b.xy_mm.shape or float(np.abs(a.xy_mm - b.xy_mm).max(initial=0.0)) > 0.5:
            raise ScanError(
                f"expected two recordings of one kind and size of sensor, found {len(a.xy_mm)} and {len(b.xy_mm)} "
                f"cells under the {sheet.map.side} foot that do not lie alike; their maps can't be subtracted"
            )
        done.append(Pair(sheet.map.side, sheet, other))
    return done


def _on_plates(before: RecordingAnalysis, after: RecordingAnalysis) -> list[Pair]:
    sides: tuple[Side, ...] = ("left", "right", "unknown")
    done = []
    for side in sides:
        prints = [_prints(a, side) for a in (before, after)]
        if not prints[0] or not prints[1]:
            continue
        reach = [(layout.xy_mm[p > 0] - o) @ axes.T for each in prints for layout, p, o, axes in each]
        low = np.min([r.min(axis=0) for r in reach], axis=0) - 2.0 * MESH_MM
        high = np.max([r.max(axis=0) for r in reach], axis=0) + 2.0 * MESH_MM
        x, y = np.meshgrid(*(np.arange(a, b + MESH_MM, MESH_MM) for a, b in zip(low, high)), indexing="ij")
        layout = SensorLayout(
            np.stack([x.ravel(), y.ravel()], axis=1),
            np.full(x.size, MESH_MM**2),
            frame="plate",
            shape=(x.shape[0], x.shape[1]),
            index=np.arange(x.size),
        )
        means = [
            np.mean([values_at(own, p, layout.xy_mm @ axes + o) for own, p, o, axes in each], axis=0) for each in prints
        ]
        loaded = np.flatnonzero(np.max(means, axis=0) > 0.01 * np.max(means))
        labels = _mesh_labels(side, layout, np.mean(means, axis=0), loaded)
        done.append(Pair(side, *(_mesh_sheet(side, layout, m, len(p), loaded, labels) for m, p in zip(means, prints))))
    return done


def _prints(analysis: RecordingAnalysis, side: Side) -> list[tuple[SensorLayout, Array, Array, Array]]:
    layouts = dict(zip(sorted({s.part for s in analysis.steps}), (m.layout for m in analysis.maps)))
    mine = [s for s in analysis.steps if s.side == side]
    placed = [(s, print_frame(layouts[s.part], s)) for s in [s for s in mine if s.used] or mine]
    return [(layouts[s.part], s.peak, *frame) for s, frame in placed if frame is not None]


def _mesh_labels(side: Side, layout: SensorLayout, mean: Array, cells: Array) -> Array:
    """Region (cells,) of the mesh's cells from the mean of both recordings; -1 where it can't be divided."""
    try:
        labels = region_labels(layout, mean, side)
    except ScanError:
        return np.full(len(mean), -1)
    shown = np.full(len(mean), -1)
    shown[cells] = labels[cells]
    return shown


def _mesh_sheet(side: Side, layout: SensorLayout, mean: Array, steps: int, cells: Array, labels: Array) -> Sheet:
    half = 0.5 * MESH_MM * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    m = PressureMap(side, layout, mean, mean, labels, steps)
    return Sheet(m, "", (), turn, cells, (layout.xy_mm[cells][:, None] + half) @ turn.T)


# ------------------------------------------------------------------ the picture


def change_map(
    before: RecordingAnalysis,
    after: RecordingAnalysis,
    names: tuple[str, str] = ("before", "after"),
    outlines: Mapping[Side, Sequence[Array]] | None = None,
) -> Figure:
    """The mean of the steps' peaks before, after, and after − before: red where there is more, blue where there is
    less, solid and dashed lines for whom colours say nothing; figures: what changed in each region.

    names : words for the two, above them
    outlines : by side, closed polygons (n, 2) mm of the foot in the sensor's frame

    Raises
    ------
    ScanError : recordings that can't be compared (`pairs`)
    """
    feet = pairs(before, after)
    if outlines:
        feet = [_outlined(p, outlines.get(p.side, ())) for p in feet]
    unit = UNITS[before.quantity]
    highest = nice(max(float(max(p.before.map.mean_peak.max(), p.after.map.mean_peak.max())) for p in feet))
    most = nice(max(float(np.percentile(np.abs(p.change), 99.5)) for p in feet) or 1.0)
    boxes, rooms = [], []
    for k in range(3):
        for n, pair in enumerate(feet):
            boxes.append(pair.before.box)
            rooms.append(1.25 if k == 0 and n == 0 else 0.3 if n else (0.75, 0.75, 1.45)[k])
    row = lay_out(boxes, rooms, above_in=0.95, below_in=0.8, height_in=5.9)
    n = len(feet)
    isobars = []
    for k, (panel, pair) in enumerate(zip(row.panels, [*feet, *feet, *feet])):
        sheet = (pair.before, pair.after, pair.before)[k // n]
        if k // n < 2:
            draw_values(panel, sheet, sheet.map.mean_peak, highest)
            isobars.append(draw_isobars(panel, sheet, sheet.map.mean_peak, highest))
            draw_borders(panel, sheet, sheet.map.labels)
        else:
            _draw_change(panel, pair, most)
        draw_outlines(panel, sheet)
        words = f"{pair.side}, {sheet.map.steps} steps" if k // n < 2 else pair.side
        _above(row, panel, sheet, 0.22, words.replace("1 steps", "1 step"), 9.5)
    for k, words in enumerate((*names, "what changed")):
        _over(row, row.panels[k * n : (k + 1) * n], feet, words)
    changes = region_changes(before, after)
    for panel, pair in zip(row.panels[2 * n :], feet):
        _draw_figures(panel, pair, changes.get(pair.side, {}), row.inch)
    draw_bar(row, row.panels[0], boxes[0][0], highest, unit, any(isobars))
    _change_bar(row, row.panels[2 * n], boxes[0][0], most, unit)
    told = "mean of the steps' peaks of each place; right: after minus before, solid lines for more, dashed for less"
    row.page.words(row.page.width_mm / 2, 0.42 * row.inch, told, 9.0)
    if any(changes.get(p.side) and (p.before.map.labels >= 0).any() for p in feet):
        told = "figures: change of each region's mean peak; bold where it is more than twice its standard error"
        row.page.words(row.page.width_mm / 2, 0.24 * row.inch, told, 9.0)
    return row.page.figure()


def _outlined(pair: Pair, polygons: Sequence[Array]) -> Pair:
    if not polygons:
        return pair
    seen = tuple(pair.before.seen(p) for p in polygons)
    return Pair(pair.side, *(replace(s, outlines=seen, foot=True) for s in (pair.before, pair.after)))


def _above(row: Row, panel: Panel, sheet: Sheet, up_in: float, words: str, size: float, **kwargs: str) -> None:
    low, high = sheet.box
    where = (float(low[0] + high[0]) / 2, float(low[1]) + row.tall + up_in * row.inch)
    panel.words(where, words, size, **{"colour": FAINT, **kwargs})


def _over(row: Row, panels: Sequence[Panel], feet: Sequence[Pair], words: str) -> None:
    """A heading over the panels of both feet."""
    ends = [panel.at(np.stack(pair.before.box))[:, 0] for panel, pair in zip(panels, feet)]
    top = row.page.height_mm - 0.38 * row.inch
    row.page.words(float(ends[0][0] + ends[-1][1]) / 2, top, words, 13.0, INK, weight="bold")


def _draw_change(panel: Panel, pair: Pair, most: float) -> None:
    """Cells coloured by their change, and lines at the bar's figures."""
    sheet, change = pair.before, pair.change
    part = 0.5 + 0.5 * np.clip(change[sheet.cells] / most, -1, 1)
    draw_cells(panel, sheet.polygons, colour_map(CHANGE_STOPS)(part))
    field: Field | None = smooth_field(sheet.map.layout, change)
    if field is not None:
        step = bar_step(most)
        up = np.arange(step, most * 0.999, step)
        for levels, style in ((up, "solid"), (-up[::-1], "dashed")):
            kept = levels[(levels > np.nanmin(field.z)) & (levels < np.nanmax(field.z))]
            colours = [INK] * len(kept)
            draw_levels(panel, sheet.turn, field.x, field.y, field.z, kept, colours, [style] * len(kept))
    draw_borders(panel, sheet, sheet.map.labels)


def _draw_figures(panel: Panel, pair: Pair, changes: Mapping[str, RegionChange], inch: float) -> None:
    sheet = pair.before
    labels, middles = sheet.map.labels[sheet.cells], centroids(sheet.polygons)
    names = sheet.steps[0].names if sheet.steps else REGIONS
    told = [
        (middles[labels == k].mean(axis=0), changes[r])
        for k, r in enumerate(names)
        if r in changes and (labels == k).any()
    ]
    if not told:
        return
    sizes = np.tile(np.array(LABEL_IN) * inch, (len(told), 1))
    for place, (_, c) in zip(place_apart(np.array([p for p, _ in told]), sizes, np.zeros((0, 4))), told):
        text = f"{round(c.change_kpa) + 0:+d}".replace("-", "\N{MINUS SIGN}").replace("+0", "0")
        panel.label(place, text, size=8.5, pad=0.12, weight="bold" if c.differs else "normal")


def _change_bar(row: Row, panel: Panel, low: Array, most: float, unit: str) -> None:
    """The bar of the changes, from less to more."""
    page, px = row.page, row.page.px_per_mm
    at = panel.at(np.array([float(low[0]) - 0.55 * row.inch, float(low[1]) + 0.12 * row.tall]))
    left, bottom, top, width = float(at[0]), float(at[1]), float(at[1]) + 0.7 * row.tall, 0.14 * row.inch
    rows = slice(round((page.height_mm - top) * px), round((page.height_mm - bottom) * px))
    colours = colour_map(CHANGE_STOPS)(np.linspace(1.0, 0.0, max(rows.stop - rows.start, 1)))[:, None, :3]
    page.paper[rows, round(left * px) : round((left + width) * px)] = colours
    for value in np.arange(-most, most * 1.001, bar_step(most)):
        y = bottom + (top - bottom) * (value + most) / (2 * most)
        page.axes.plot([left - 0.3 * width, left], [y, y], color=INK, lw=0.8)
        text = "0" if abs(value) < 1e-9 * most else f"{value:+g}".replace("-", "\N{MINUS SIGN}")
        page.words(left - 0.5 * width, y, text, 8.5, INK, ha="right")
    page.words(left + width / 2, top + 0.1 * row.inch, unit, 9.0, INK, va="bottom")
    page.words(left + width / 2, top + 0.27 * row.inch, "more", 9.0, CHANGE_STOPS[-2], va="bottom")
    page.words(left + width / 2, bottom - 0.08 * row.inch, "less", 9.0, CHANGE_STOPS[1], va="top")
