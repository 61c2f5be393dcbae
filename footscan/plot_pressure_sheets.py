"""How sensors lie on a page: which way up, which part of a plate, one beside the other, with a bar and its scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from footscan.page import DPI, FAINT, INK, PAPER, PRESSURE_STOPS, Page, Panel, colour_map
from footscan.plot_pressure_cells import (
    cell_polygons,
    insole_outline,
    is_schematic,
    on_a_line,
    outline_rings,
    region_borders,
    smooth_field,
)
from footscan.types import Array, SensorLayout, Side

if TYPE_CHECKING:
    from footscan.pressure import PressureMap, RecordingAnalysis, StepMetrics

UNITS = {"pressure": "kPa", "force": "N", "raw": "raw"}
MAP_HEIGHT_IN, LONGEST_IN = 6.4, 13.0
MARGIN_MM = 12.0  #: of a plate around what was loaded
WALKWAY_MM = 420.0  #: loaded parts of a plate longer than this are drawn lying
LOADED = 0.01  #: of the largest value: what counts for the part of a plate that is shown
CYAN = "#00a6d6"  #: the centre of pressure: on every colour of the map


@dataclass(frozen=True, eq=False)
class Sheet:
    """One sensor on the page: ``turn`` (2, 2) takes its frame to right and up; ``cells`` (shown,) indices of the cells
    that are drawn, ``polygons`` (shown, k, 2) right and up; ``outlines`` closed polygons (n, 2) right and up, of the
    foot if there is one, else of the sensor; ``foot`` whether they are a foot's."""

    map: PressureMap
    title: str
    steps: tuple[StepMetrics, ...]
    turn: Array
    cells: Array
    polygons: Array
    outlines: tuple[Array, ...] = ()
    foot: bool = False

    def seen(self, points: Array) -> Array:
        """Points (…, 2) of the sensor's frame -> right and up (…, 2)."""
        return np.asarray(np.asarray(points) @ self.turn.T)

    @property
    def box(self) -> tuple[Array, Array]:
        """Lower left and upper right (2,) of all that is drawn."""
        points = np.concatenate([self.polygons.reshape(-1, 2), *self.outlines])
        return points.min(axis=0), points.max(axis=0)


def sheets(analysis: RecordingAnalysis, outlines: Mapping[Side, Sequence[Array]] | None = None) -> list[Sheet]:
    """The maps of a recording as they are drawn, the left foot first.

    outlines : by side, closed polygons (n, 2) mm of the foot in the sensor's frame
    """
    ordered = sorted(zip(analysis.maps, _parts(analysis)), key=lambda item: _RANK.get(item[0].side, 2))
    return [_sheet(analysis, m, part, outlines or {}) for m, part in ordered]


_RANK: Mapping[Side, int] = {"left": 0, "right": 1}


def _parts(analysis: RecordingAnalysis) -> list[int]:
    """Which part of the recording each map is of: maps stand in the order of the parts that have steps."""
    return sorted({step.part for step in analysis.steps})


def _sheet(analysis: RecordingAnalysis, m: PressureMap, part: int, outlines: Mapping[Side, Sequence[Array]]) -> Sheet:
    mine = tuple(s for s in analysis.steps if s.part == part)
    steps = tuple(s for s in mine if s.used) or mine
    polygons = cell_polygons(m.layout, m.side)
    on_plate = m.layout.frame != "insole"
    cells = _shown(m, polygons) if on_plate else np.arange(len(polygons))
    turn = _turn(m.layout, polygons[cells], steps)
    seen = np.asarray(polygons[cells] @ turn.T)
    foot = tuple(np.asarray(np.asarray(p) @ turn.T) for p in outlines.get(m.side, ()))
    rings = foot or (() if on_plate else _rim(m, turn, seen))
    return Sheet(m, _title(m, steps, on_plate), steps, turn, cells, seen, rings, bool(foot))


def _rim(m: PressureMap, turn: Array, seen: Array) -> tuple[Array, ...]:
    """The rim of a sensor in a shoe; of single places in an insole, the insole's."""
    if is_schematic(m.layout) and m.layout.corners_mm is None and not on_a_line(m.layout):
        return (np.asarray(insole_outline(m.side != "left") @ turn.T),)
    return tuple(outline_rings(seen))


def _title(m: PressureMap, steps: Sequence[StepMetrics], on_plate: bool) -> str:
    sides = {s.side for s in steps}
    side = m.side if not on_plate else sides.pop() if len(sides) == 1 else "unknown"
    name = f"{side} foot" if side != "unknown" else "plate" if on_plate else "foot"
    return f"{name}, {m.steps} step" + ("" if m.steps == 1 else "s")


def _shown(m: PressureMap, polygons: Array) -> Array:
    """Indices of the cells of a plate in and around what was loaded."""
    middles = polygons.mean(axis=1)
    loaded = m.highest > LOADED * float(m.highest.max(initial=0.0))
    if not loaded.any():
        return np.arange(len(polygons))
    low, high = polygons[loaded].min(axis=(0, 1)) - MARGIN_MM, polygons[loaded].max(axis=(0, 1)) + MARGIN_MM
    return np.flatnonzero(((middles >= low) & (middles <= high)).all(axis=1))


def _turn(layout: SensorLayout, polygons: Array, steps: Sequence[StepMetrics]) -> Array:
    """Toes up the page; a plate by the quarter turn that brings its feet nearest to that, a long walkway lying."""
    up = np.array([[0.0, -1.0], [1.0, 0.0]])
    if layout.frame == "insole":
        return up
    ahead = _heading(layout, steps)
    quarter = int(np.rint(np.degrees(np.arctan2(ahead[1], ahead[0])) / 90.0)) % 4
    back = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])[quarter]
    forward_first = np.array([back, [-back[1], back[0]]])  # ahead is +right
    long = float(np.ptp(polygons.reshape(-1, 2) @ back))
    return forward_first if long > WALKWAY_MM else np.asarray(up @ forward_first)


def _heading(layout: SensorLayout, steps: Sequence[StepMetrics]) -> Array:
    """Where the feet go (2,): from heel to toes by the centre of pressure, else along the print."""
    moves = []
    for step in steps:
        path = known_path(step)
        if path is not None and np.linalg.norm(path[-1] - path[0]) > 40.0:
            moves.append((path[-1] - path[0]) / np.linalg.norm(path[-1] - path[0]))
    total = np.sum(moves, axis=0) if moves else np.zeros(2)
    if np.linalg.norm(total) > 0.3 * max(len(moves), 1):
        return np.asarray(total)
    return np.array([1.0, 0.0])


def known_path(step: StepMetrics) -> Array | None:
    """The centre of pressure (n, 2) mm of a step where it is known; None for fewer than two points."""
    if step.cop_xy_mm is None:
        return None
    path = step.cop_xy_mm[np.isfinite(step.cop_xy_mm).all(axis=1)]
    return path if len(path) > 1 else None


# ------------------------------------------------------------------ a row of sheets


@dataclass(frozen=True, eq=False)
class Row:
    """A page with sheets side by side: ``inch`` mm of a foot in an inch of paper, a panel for each sheet, and the left
    edge (mm on the sheet of paper) of the room that ``room_in`` asked for before each of them."""

    page: Page
    inch: float
    panels: tuple[Panel, ...]
    tall: float


def lay_out(
    boxes: Sequence[tuple[Array, Array]],
    before_in: Sequence[float],
    after_in: float = 0.55,
    above_in: float = 0.75,
    below_in: float = 0.95,
    least_in: float = 6.6,
    height_in: float = MAP_HEIGHT_IN,
) -> Row:
    """Places for boxes side by side, all at one scale and on one floor; ``before_in`` (boxes,) inches left of each."""
    tall = max((float(b[1] - a[1]) for a, b in boxes), default=200.0)
    wide = sum(float(b[0] - a[0]) for a, b in boxes)
    beside = sum(before_in) + after_in
    inch = max(tall / (height_in - above_in - below_in), wide / (LONGEST_IN - beside), 1e-6)
    content = wide + beside * inch
    page = Page(max(content, least_in * inch), tall + (above_in + below_in) * inch, DPI / inch)
    x, panels = (page.width_mm - content) / 2, []
    for (low, high), before in zip(boxes, before_in):
        x += before * inch
        panels.append(page.panel(x, below_in * inch, (float(low[0]), float(low[1]))))
        x += float(high[0] - low[0])
    return Row(page, inch, tuple(panels), tall)


def nice(value: float) -> float:
    """A round number not below ``value``."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value) + 1e-9)
    return float(next(n * power for n in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if n * power >= value * (1 - 1e-9)))


def bar_step(highest: float) -> float:
    """The distance of the figures on a bar that ends at ``highest``."""
    return next(highest / n for n in (4, 5, 6, 3) if nice(highest / n) == highest / n or n == 3)


def draw_bar(row: Row, panel: Panel, low: Array, highest: float, unit: str, isobars: bool) -> None:
    """The bar left of a panel; with ``isobars`` their lines cross it."""
    left, bottom = float(low[0]) - 0.55 * row.inch, float(low[1]) + 0.12 * row.tall
    top, width, step = bottom + 0.7 * row.tall, 0.14 * row.inch, bar_step(highest)
    panel.colour_bar(left, bottom, top, PRESSURE_STOPS, highest, unit, step, width=width)
    if isobars:
        for level in np.arange(step, highest - 0.5 * step, step):
            y = bottom + (top - bottom) * level / highest
            line = np.array([[left, y], [left + width, y]])
            panel.line(line, _over(level / highest), 1.0, halo=False)


def _over(part: float) -> str:
    """The ink that shows on the map's colour at a part of its scale."""
    return INK if part < 0.45 else PAPER


# ------------------------------------------------------------------ what is drawn on a sheet


def draw_cells(panel: Panel, polygons: Array, colours: Array) -> Any:
    """Filled cells (n, k, 2) right and up in colours (n, 4); the collection."""
    from matplotlib.collections import PolyCollection

    style: dict[str, Any] = {"facecolors": colours, "edgecolors": colours, "linewidths": 0.4, "zorder": 1}
    cells = PolyCollection(list(panel.at(polygons)), **style)
    panel.page.axes.add_collection(cells)
    return cells


def draw_values(panel: Panel, sheet: Sheet, values: Array, highest: float) -> Any:
    """The cells of a sheet coloured by values (cells,); cells of a plate that bear nothing are left as paper."""
    shown = values[sheet.cells]
    colours = colour_map(PRESSURE_STOPS)(np.clip(shown / highest, 0, 1))
    if sheet.map.layout.frame != "insole":
        colours[shown <= 0] = (1.0, 1.0, 1.0, 1.0)
    return draw_cells(panel, sheet.polygons, colours)


def draw_isobars(panel: Panel, sheet: Sheet, values: Array, highest: float) -> bool:
    """Lines of equal pressure at the bar's figures, through a smooth surface; False where none can be drawn."""
    field = smooth_field(sheet.map.layout, values)
    if field is None:
        return False
    levels = np.arange(bar_step(highest), highest * 0.999, bar_step(highest))
    levels = levels[levels < np.nanmax(field.z)]
    draw_levels(panel, sheet.turn, field.x, field.y, field.z, levels, [_over(v / highest) for v in levels])
    return True


def draw_levels(
    panel: Panel,
    turn: Array,
    x: Array,
    y: Array,
    z: Array,
    levels: Array,
    colours: Sequence[str],
    styles: Sequence[str] | None = None,
) -> None:
    """Lines where z (rows, columns) has these levels, at x, y of the sensor's frame."""
    if not len(levels):
        return
    page = panel.at(np.stack([x, y], axis=-1) @ turn.T)
    style: dict[str, Any] = {"linewidths": 0.8, "alpha": 0.75, "zorder": 2, "linestyles": styles or "solid"}
    where = np.ma.masked_invalid(z)
    panel.page.axes.contour(page[..., 0], page[..., 1], where, levels=levels, colors=list(colours), **style)


def draw_outlines(panel: Panel, sheet: Sheet, colour: str = INK) -> None:
    """The rim: a foot's dashed, a sensor's thin."""
    for ring in sheet.outlines:
        closed = np.concatenate([ring, ring[:1]])
        style: dict[str, Any] = {"ls": (0, (4, 2.2))} if sheet.foot else {}
        panel.line(closed, colour if sheet.foot else FAINT, 1.3 if sheet.foot else 0.9, halo=sheet.foot, **style)


def draw_borders(panel: Panel, sheet: Sheet, labels: Array) -> None:
    """Borders between regions; labels (cells,)."""
    from matplotlib.collections import LineCollection

    borders = panel.at(region_borders(sheet.polygons, labels[sheet.cells]))
    if len(borders):
        halo: dict[str, Any] = {"colors": PAPER, "linewidths": 2.4, "alpha": 0.7, "capstyle": "round", "zorder": 2.5}
        ink: dict[str, Any] = {"colors": INK, "linewidths": 0.9, "capstyle": "round", "zorder": 2.6}
        panel.page.axes.add_collection(LineCollection(list(borders), **halo))
        panel.page.axes.add_collection(LineCollection(list(borders), **ink))


def place_apart(wanted: Array, sizes: Array, fixed: Array, rounds: int = 60) -> Array:
    """Centres (n, 2) of boxes near where they are ``wanted``, moved up and down until none overlaps another or one of
    the ``fixed`` boxes (m, 4) centre x, y, width, height; sizes (n, 2)."""
    at = np.array(wanted, dtype=np.float64)
    for _ in range(rounds):
        moved = False
        for k in range(len(at)):
            others = [(at[j], sizes[j], 0.5) for j in range(len(at)) if j != k]
            others += [(box[:2], box[2:], 1.0) for box in fixed]
            for middle, size, share in others:
                room = 0.5 * (sizes[k] + size) - np.abs(at[k] - middle)
                if room.min() <= 1e-9:
                    continue
                up = at[k, 1] - middle[1]
                way = np.sign(up) if up else np.sign(wanted[k][1] - middle[1]) or 1.0
                at[k, 1] += way * share * (room[1] + 1e-6)
                moved = True
        if not moved:
            break
    return at


def each(row: Row, drawn: Sequence[Sheet], draw: Callable[[Panel, Sheet], None]) -> None:
    """Draw every sheet in its panel, with its title above."""
    for panel, sheet in zip(row.panels, drawn):
        draw(panel, sheet)
        title_of(row, panel, sheet, sheet.title)


def title_of(row: Row, panel: Panel, sheet: Sheet, words: str) -> None:
    """Words above a sheet."""
    low, high = sheet.box
    above = float(low[1]) + row.tall + 0.3 * row.inch
    panel.words((float(low[0] + high[0]) / 2, above), words, 13.0, INK, weight="bold")


def schematic_words(drawn: Sequence[Sheet]) -> str:
    """A line that says so where cells are not drawn at their true places; empty where all are."""
    return (
        "places of the cells are schematic: the file does not give them in mm"
        if any(is_schematic(s.map.layout) for s in drawn)
        else ""
    )
