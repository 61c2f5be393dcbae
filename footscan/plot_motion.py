"""A step that moves: the pressure under each foot from landing to leaving, as an animated GIF.

GIF and no video: every browser and word processor shows it, and it needs nothing but Pillow. The encoders that make
MP4 come with copyleft licences; ``ffmpeg -i step.gif step.mp4`` makes one from this.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from footscan.errors import ScanError
from footscan.page import FAINT, INK, PAPER, PRESSURE_STOPS, SIDE_COLOUR, SIDE_LINE, Panel, colour_map
from footscan.plot_pressure_curves import STANCE, resampled
from footscan.plot_pressure_sheets import (
    CYAN,
    UNITS,
    Row,
    Sheet,
    draw_bar,
    draw_outlines,
    draw_values,
    lay_out,
    nice,
    schematic_words,
    sheets,
)
from footscan.types import Array, Recording

if TYPE_CHECKING:
    from footscan.pressure import RecordingAnalysis, StepMetrics

FRAMES = 40  #: pictures from landing to leaving
FRAME_MS, LAST_MS = 70, 700  #: how long each is shown, and the last one
CURVE_IN = 1.05  #: height of the force curve under the feet


@dataclass(frozen=True, eq=False)
class Motion:
    """One foot's step: ``values`` (`FRAMES`, cells) at even parts of the contact, ``cop`` (`FRAMES`, 2) in the sensor's
    frame with NaN where it is not known, ``force`` (101,) at each percent, ``lasts_s``."""

    sheet: Sheet
    step: StepMetrics
    values: Array
    cop: Array
    force: Array
    lasts_s: float


def step_animation(
    recording: Recording,
    analysis: RecordingAnalysis,
    told: Callable[[int, int], None] | None = None,
) -> bytes:
    """An animated GIF of one step of each foot: of the used steps the one whose force is nearest to their mean.

    Every foot's contact runs from 0 to 100 % of its own time; the words say how long it lasted and how much slower it
    is shown. The same bytes for the same recording.

    recording : what ``analysis`` was made from
    told : called with (pictures done, of how many) before each

    Raises
    ------
    ScanError : no step to show
    """
    feet = [m for sheet in sheets(analysis) if (m := _motion(recording, sheet)) is not None]
    if not feet:
        raise ScanError(f"no step to show: {analysis.reasons.get('steps', 'none was found')}")
    film = _Film(analysis, feet)
    pictures = []
    for k in range(FRAMES):
        if told is not None:
            told(k, FRAMES)
        pictures.append(film.at(k))
    return _gif(pictures)


def typical_step(steps: Sequence[StepMetrics]) -> StepMetrics | None:
    """The step whose force over the contact is nearest to the mean of all; None without any."""
    known = [s for s in steps if len(s.force) > 1]
    if not known:
        return None
    curves = np.stack([resampled(s.time_s, s.force[:, None])[:, 0] for s in known])
    return known[int(np.argmin(((curves - curves.mean(axis=0)) ** 2).sum(axis=1)))]


def _motion(recording: Recording, sheet: Sheet) -> Motion | None:
    step = typical_step(sheet.steps)
    if step is None:
        return None
    part = recording.pressure[step.part]
    first = int(np.searchsorted(part.time_s, step.time_s[0]))
    frames = slice(first, first + len(step.time_s))
    values = np.asarray(part.values[frames], dtype=np.float64)
    if part.valid is not None:
        values = np.where(part.valid[frames], values, 0.0)
    values = values * (step.peak > 0)  # what this foot pressed, and no other on the same plate
    when = np.linspace(step.time_s[0], step.time_s[-1], FRAMES)
    right = np.clip(np.searchsorted(step.time_s, when), 1, len(step.time_s) - 1)
    left = right - 1
    share = ((when - step.time_s[left]) / (step.time_s[right] - step.time_s[left]))[:, None]
    between = (1.0 - share) * values[left] + share * values[right]
    cop = np.full((FRAMES, 2), np.nan)
    if step.cop_xy_mm is not None:
        cop = (1.0 - share) * step.cop_xy_mm[left] + share * step.cop_xy_mm[right]
    force = resampled(step.time_s, step.force[:, None])[:, 0]
    return Motion(sheet, step, between, cop, force, step.stop_s - step.start_s)


class _Film:
    """The page with everything that stays, and the artists that move."""

    def __init__(self, analysis: RecordingAnalysis, feet: Sequence[Motion]) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        self.feet = feet
        self.highest = nice(max(float(m.values.max(initial=0.0)) for m in feet))
        boxes = [m.sheet.box for m in feet]
        rooms = [1.25, *[0.95] * (len(boxes) - 1)]
        self.row: Row = lay_out(boxes, rooms, below_in=CURVE_IN + 0.95, least_in=5.2, height_in=6.4)
        self.cells: list[Any] = []
        self.rims: list[Any] = []
        self.dots: list[Any] = []
        self.trails: list[Any] = []
        for panel, m in zip(self.row.panels, feet):
            self.cells.append(draw_values(panel, m.sheet, m.values[0], self.highest))
            lines = len(panel.page.axes.lines)
            draw_outlines(panel, m.sheet)
            self.rims += panel.page.axes.lines[lines:]
            self._head(panel, m)
            style: dict[str, Any] = {"color": CYAN, "lw": 2.0, "zorder": 4}
            self.trails.append(panel.page.axes.plot([], [], **style)[0])
            dot: dict[str, Any] = {"s": 46, "facecolor": PAPER, "edgecolor": CYAN, "linewidth": 2.0, "zorder": 5}
            self.dots.append(panel.page.axes.scatter([np.nan], [np.nan], **dot))
        draw_bar(self.row, self.row.panels[0], boxes[0][0], self.highest, UNITS[analysis.quantity], False)
        self.cursor = self._curves(analysis)
        self.figure = self.row.page.figure()
        canvas: Any = FigureCanvasAgg(self.figure)
        self.canvas = canvas
        self.moving = [*self.cells, *self.rims, *self.trails, *self.dots, self.cursor]
        for artist in self.moving:
            artist.set_animated(True)
        canvas.draw()
        self.still = canvas.copy_from_bbox(self.figure.bbox)

    def _head(self, panel: Panel, m: Motion) -> None:
        low, high = m.sheet.box
        middle, top = float(low[0] + high[0]) / 2, float(low[1]) + self.row.tall
        side = m.step.side
        name = "foot" if side == "unknown" else f"{side} foot"
        panel.words((middle, top + 0.42 * self.row.inch), name, 13.0, INK, weight="bold")
        slower = FRAMES * FRAME_MS / 1000.0 / m.lasts_s
        words = f"{m.lasts_s:.2f} s, shown {slower:.1f} times slower"
        panel.words((middle, top + 0.18 * self.row.inch), words, 9.0, FAINT)

    def _curves(self, analysis: RecordingAnalysis) -> Any:
        """The force of each foot under the pictures; returns the line that moves."""
        page, inch = self.row.page, self.row.inch
        left, bottom = 0.95 * inch / page.width_mm, 0.55 * inch / page.height_mm
        box = (left, bottom, 1.0 - left - 0.35 * inch / page.width_mm, CURVE_IN * inch / page.height_mm)
        axes = page.axes.figure.add_axes(box)
        axes.set_facecolor("none")
        for m in self.feet:
            side = m.step.side
            axes.plot(STANCE, m.force, color=SIDE_COLOUR[side], ls=SIDE_LINE[side], lw=1.8, label=side)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 1.12 * max(float(np.nanmax(m.force)) for m in self.feet))
        axes.tick_params(colors=INK, labelsize=8)
        newtons = any(v is not None for v in analysis.max_force_n.values())
        axes.set_ylabel("force, N" if newtons else "load, raw", fontsize=8.5, color=INK)
        axes.set_xlabel("share of the step, %", fontsize=8.5, color=INK, labelpad=1.0)
        for edge in ("top", "right"):
            axes.spines[edge].set_visible(False)
        if len(self.feet) > 1:
            axes.legend(frameon=False, fontsize=8.5, loc="lower center", ncols=2, handlelength=2.6)
        words = schematic_words([m.sheet for m in self.feet])
        if words:
            page.words(page.width_mm / 2, 0.12 * inch, words, 8.0)
        return axes.axvline(0.0, color=INK, lw=1.2)

    def at(self, k: int) -> Array:
        """The pixels (rows, columns, 3) of picture ``k``."""
        for m, cells, dot, trail, panel in zip(self.feet, self.cells, self.dots, self.trails, self.row.panels):
            shown = m.values[k][m.sheet.cells]
            colours = colour_map(PRESSURE_STOPS)(np.clip(shown / self.highest, 0, 1))
            if m.sheet.map.layout.frame != "insole":
                colours[shown <= 0] = (1.0, 1.0, 1.0, 1.0)
            cells.set_facecolor(colours)
            cells.set_edgecolor(colours)
            path = panel.at(m.sheet.seen(m.cop[: k + 1]))
            trail.set_data(path[:, 0], path[:, 1])
            dot.set_offsets(path[[-1]])
        self.cursor.set_xdata([100.0 * k / (FRAMES - 1)] * 2)
        self.canvas.restore_region(self.still)
        for artist in self.moving:
            artist.axes.draw_artist(artist)
        return np.array(np.asarray(self.canvas.buffer_rgba())[..., :3])


def _gif(pictures: Sequence[Array]) -> bytes:
    """An endless GIF whose pictures share one palette: the colours of the map, of the lines and of their edges."""
    from PIL import Image

    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette().ravel().tolist())
    frames = [Image.fromarray(p).quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    buffer = io.BytesIO()
    times = [FRAME_MS] * (len(frames) - 1) + [LAST_MS]
    frames[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=times,
        loop=0,
        optimize=False,
        disposal=1,
    )
    return buffer.getvalue()


def _palette() -> Array:
    """256 colours (256, 3): 128 of the map, the rest inks that fade into paper."""
    from matplotlib.colors import to_rgb

    map_colours = colour_map(PRESSURE_STOPS)(np.linspace(0.0, 1.0, 128))[:, :3]
    inks = [INK, FAINT, CYAN, *SIDE_COLOUR.values()]
    fades = [np.linspace(to_rgb(ink), to_rgb(PAPER), n) for ink, n in zip(inks, (24, 16, 20, 20, 20, 20))]
    colours = np.concatenate([map_colours, *fades])
    full = np.concatenate([colours, np.ones((256 - len(colours), 3))])
    return np.asarray(np.rint(full * 255.0), dtype=np.uint8)
