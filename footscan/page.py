"""A sheet of paper in millimetres, for pictures made of rendered views, lines and words, all true to scale.

matplotlib is an optional dependency and is imported when the first page is made; figures are made without any global
state. Views are laid on the paper as pixels, so that nothing is resampled.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from footscan import shading
from footscan.types import Array, Side

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

Point: TypeAlias = Array | tuple[float, float]

DPI = 120
INK, FAINT, PAPER = "#1d2a36", "#5d6a75", "#ffffff"
BLUE, ORANGE, GREEN, PURPLE = "#0b5c96", "#b84500", "#00694f", "#7b3f8c"  #: dark on paper, apart for every eye
SIDE_COLOUR: Mapping[Side, str] = {"left": BLUE, "right": ORANGE, "unknown": INK}
SIDE_LINE: Mapping[Side, Any] = {"left": "-", "right": (0, (5, 1.6)), "unknown": ":"}

#: sequential colours from light (low) to dark (high): they print in grey and every eye can order them
PRESSURE_STOPS = ("#fdf6ec", "#fbd08d", "#f08a4b", "#cf4446", "#8c1d5c", "#45104f", "#150a2e")
HEIGHT_STOPS = ("#eef7f4", "#b5ddd4", "#6fbcb6", "#2c8f96", "#17617a", "#123a5c", "#0b1c38")
#: diverging colours, less (blue) through nothing (paper) to more (red); every eye can tell the ends
CHANGE_STOPS = ("#08306b", "#2171b5", "#6baed6", "#c6dbef", "#f7f3ec", "#fcc9a4", "#f4874b", "#cf4012", "#7f2704")


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure on white paper; ImportError that says what to install where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: install plantar[plot]") from error
    return Figure(figsize=(width_in, height_in), dpi=DPI, facecolor=PAPER)


def png(figure: Figure) -> bytes:
    """The picture as PNG bytes: no date and no program's name in it, the same bytes for the same figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = io.BytesIO()
    pixels = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()


def colour_map(stops: tuple[str, ...]) -> LinearSegmentedColormap:
    """A continuous colour map through the given colours."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("plantar", list(stops), N=256)


def _backdrop(paper: Array) -> Artist:
    """Pixels (rows, columns, 3) 0…1 under a whole figure, drawn as they are: matplotlib's own images are resampled."""
    from matplotlib.artist import Artist
    from matplotlib.backend_bases import RendererBase

    pixels = np.full((*paper.shape[:2], 4), 255, dtype=np.uint8)
    for k in range(3):
        pixels[..., k] = np.clip(paper[::-1, :, k] * np.float32(255) + np.float32(0.5), 0, 255)

    class Backdrop(Artist):
        zorder = -5.0

        def draw(self, renderer: RendererBase) -> None:
            renderer.draw_image(renderer.new_gc(), 0, 0, pixels)

    return Backdrop()


class Page:
    """A white sheet ``width_mm`` x ``height_mm``, origin at the lower left; ``axes`` are in mm on the sheet, ``paper``
    (rows, columns, 3) 0…1 lies under everything that is drawn on them."""

    def __init__(self, width_mm: float, height_mm: float, px_per_mm: float) -> None:
        columns, rows = round(width_mm * px_per_mm), round(height_mm * px_per_mm)
        self.px_per_mm = px_per_mm
        self.width_mm, self.height_mm = columns / px_per_mm, rows / px_per_mm
        self.paper = np.ones((rows, columns, 3), dtype=np.float32)
        self._figure = new_figure(columns / DPI, rows / DPI)
        self.axes: Axes = self._figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self.axes.set_axis_off()
        self.axes.set_xlim(0.0, self.width_mm)
        self.axes.set_ylim(0.0, self.height_mm)
        self.axes.set_autoscale_on(False)

    def figure(self) -> Figure:
        """The finished figure: the paper under the lines and words."""
        self._figure.add_artist(_backdrop(self.paper))
        return self._figure

    def panel(self, x_mm: float, y_mm: float, origin: tuple[float, float] = (0.0, 0.0), scale: float = 1.0) -> Panel:
        """A place on the sheet: a view's point ``origin`` (right, up) lies at x, y on the sheet, ``scale`` times as
        large as it is."""
        return Panel(self, x_mm, y_mm, origin, scale)

    def words(self, x: float, y: float, text: str, size: float = 9.5, colour: str = FAINT, **kwargs: Any) -> None:
        """Plain words on the sheet, centred at x, y unless ``ha``, ``va`` say otherwise."""
        style = {"fontsize": size, "color": colour, "ha": "center", "va": "center", "zorder": 6, **kwargs}
        self.axes.text(x, y, text, **style)


class Panel:
    """A part of a page with its own coordinates: right and up of a view, mm."""

    def __init__(self, page: Page, x_mm: float, y_mm: float, origin: tuple[float, float], scale: float) -> None:
        self.page, self.scale = page, scale
        self._shift = np.array([x_mm, y_mm]) - scale * np.asarray(origin)

    @property
    def px_per_mm(self) -> float:
        """Pixels for a millimetre of what is shown here."""
        return self.page.px_per_mm * self.scale

    def at(self, points: Array) -> Array:
        """Right and up (…, 2) of the view -> mm on the sheet."""
        return np.asarray(np.asarray(points) * self.scale + self._shift)

    def sprite(self, sprite: shading.Sprite) -> None:
        """Lay a rendered view (of this panel's ``px_per_mm``) on the paper."""
        left, _, _, top = sprite.camera.extent_mm
        x, y = self.at(np.array([left, top]))
        column, row = round(x * self.page.px_per_mm), round((self.page.height_mm - y) * self.page.px_per_mm)
        shading.paste(self.page.paper, sprite.rgba, column, row)

    def line(self, points: Array, colour: str, width: float = 1.8, halo: bool = True, **kwargs: Any) -> None:
        """A line (n, 2); with a white edge (``halo``) it stands out on light and dark."""
        x, y = self.at(points).T
        if halo:
            self.page.axes.plot(x, y, color=PAPER, lw=width + 1.8, alpha=0.85, zorder=3, solid_capstyle="round")
        self.page.axes.plot(x, y, color=colour, lw=width, zorder=4, **kwargs)

    def fill(self, points: Array, colour: Any, alpha: float = 1.0, **kwargs: Any) -> None:
        """A filled polygon (n, 2)."""
        from matplotlib.patches import Polygon

        style = {"facecolor": colour, "alpha": alpha, "linewidth": 0, "zorder": 2, **kwargs}
        self.page.axes.add_artist(Polygon(self.at(points), **style))

    def dots(self, points: Array) -> None:
        """Landmarks: small white circles with a dark edge."""
        x, y = self.at(points).T
        self.page.axes.scatter(x, y, s=26, facecolor=PAPER, edgecolor=INK, linewidth=1.3, zorder=5)

    def dimension(self, start: Array, stop: Array, colour: str = INK) -> None:
        """A line with an arrow head at both ends, from and to points (2,)."""
        arrow = {"arrowstyle": "<->", "color": colour, "lw": 1.2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
        a, b = self.at(start), self.at(stop)
        self.page.axes.annotate("", xy=(b[0], b[1]), xytext=(a[0], a[1]), arrowprops=arrow, zorder=4)

    def label(self, where: Point, text: str, colour: str = INK, pad: float = 0.18, **kwargs: Any) -> None:
        """Words over a picture, on a nearly opaque patch of paper."""
        box = {"boxstyle": f"round,pad={pad}", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.84}
        self.words(where, text, colour=colour, bbox=box, **kwargs)

    def words(self, where: Point, text: str, size: float = 9.5, colour: str = FAINT, **kwargs: Any) -> None:
        """Plain words centred at a point (right, up) of the view."""
        there = self.at(np.asarray(where))
        self.page.words(float(there[0]), float(there[1]), text, size, colour, **kwargs)

    def colour_bar(
        self,
        x: float,
        bottom: float,
        top: float,
        stops: tuple[str, ...],
        highest: float,
        title: str,
        step: float,
        width: float = 5.0,
    ) -> None:
        """A bar from ``bottom`` to ``top``, its left edge at ``x``, with figures on its left each ``step``."""
        (left, low), (right, high) = self.at(np.array([x, bottom])), self.at(np.array([x + width, top]))
        px = self.page.px_per_mm
        rows = slice(round((self.page.height_mm - high) * px), round((self.page.height_mm - low) * px))
        colours = colour_map(stops)(np.linspace(1.0, 0.0, max(rows.stop - rows.start, 1)))[:, None, :3]
        self.page.paper[rows, round(left * px) : round(right * px)] = colours
        for value in np.arange(0.0, highest + 1e-9, step):
            y = low + (high - low) * value / highest
            self.page.axes.plot([left - 0.3 * (right - left), left], [y, y], color=INK, lw=0.8)
            self.page.words(left - 0.5 * (right - left), y, f"{value:g}", 8.5, INK, ha="right")
        self.page.words((left + right) / 2, high + 0.9 * (right - left), title, 9.0, INK, va="bottom")
