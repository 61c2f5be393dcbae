"""Draws the pictures of the documentation into docs/img: `python docs/figures.py`.

The feet are synthetic, so the pictures can be made anywhere; tests/test_docs.py makes them again and compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from footscan import plot, render, synth
from footscan.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOLDER = Path(__file__).resolve().parent / "img"

#: rows right, up, toward the viewer, in the foot frame
FROM_ABOVE: Array = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
FROM_THE_RIGHT: Array = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
FROM_BEHIND: Array = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])
AXIS_COLOUR = {"x": plot.ORANGE, "y": plot.GREEN, "z": plot.BLUE}
LENGTH_MM, APART_MM, LEG_MM = 262.0, 128.0, 112.0
DPI = 170


def feet() -> tuple[synth.SyntheticFoot, synth.SyntheticFoot]:
    """The left and the right foot of one person, each in its own frame."""
    spec = {"length_mm": LENGTH_MM, "leg_mm": LEG_MM, "rearfoot_angle_deg": 0.0}
    left, right = (synth.make_foot(synth.FootSpec(side=side, **spec)) for side in ("left", "right"))
    return left, right


def sprite(foot: synth.SyntheticFoot, R: Array, scale: float, shift: tuple[float, float] = (0.0, 0.0)) -> render.Sprite:
    """A foot as that viewer sees it, moved by ``shift`` mm on the page."""
    seen = render.portrait(foot.mesh, R, DPI * scale, plot.SKIN)
    centre = (seen.camera.centre[0] + shift[0], seen.camera.centre[1] + shift[1])
    return render.Sprite(seen.rgba, render.Camera(R, centre, seen.camera.px_per_mm, seen.camera.size))


def arrow(
    axes: Axes, start: tuple[float, float], stop: tuple[float, float], name: str, nudge: tuple[float, float]
) -> None:
    """An axis of the frame with its name beside the head."""
    style = {
        "arrowstyle": "-|>",
        "color": AXIS_COLOUR[name],
        "lw": 2.2,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 15,
    }
    axes.annotate("", xy=stop, xytext=start, arrowprops=style, zorder=7)
    at = (stop[0] + nudge[0], stop[1] + nudge[1])
    axes.text(*at, f"+{name}", fontsize=12, weight="bold", ha="center", va="center", color=AXIS_COLOUR[name], zorder=8)


def toward_viewer(axes: Axes, at: tuple[float, float], name: str, nudge: tuple[float, float]) -> None:
    """An axis that points out of the page: a ring with a dot."""
    axes.scatter(*at, s=150, facecolor=plot.PAPER, edgecolor=AXIS_COLOUR[name], linewidth=2.0, zorder=7)
    axes.scatter(*at, s=16, color=AXIS_COLOUR[name], zorder=8)
    axes.text(
        at[0] + nudge[0], at[1] + nudge[1], f"+{name}", fontsize=12, weight="bold", ha="center", va="center",
        color=AXIS_COLOUR[name], zorder=8,
    )  # fmt: skip


def mark(axes: Axes, point: tuple[float, float], text: str, away: tuple[float, float]) -> None:
    """A landmark: a ring, and its name ``away`` mm from it."""
    axes.scatter(*point, s=34, facecolor=plot.PAPER, edgecolor=plot.INK, linewidth=1.4, zorder=6)
    plot.label(axes, point[0] + away[0], point[1] + away[1], text)


def heading(axes: Axes, text: str) -> None:
    """What a panel shows, above it."""
    left, right, _, top = axes.axis()
    axes.text((left + right) / 2, top - 6.0, text, fontsize=10.5, ha="center", va="center", color=plot.FAINT)


def draw_above(axes: Axes, left: synth.SyntheticFoot, right: synth.SyntheticFoot, scale: float) -> None:
    """Both feet side by side, each with its own origin: +y is to the wearer's left on both."""
    heading(axes, "from above, the wearer walks to the right")
    for foot, y, inner in ((left, APART_MM, "lateral"), (right, 0.0, "medial")):
        plot.show(axes, sprite(foot, FROM_ABOVE, scale, (0.0, y)))
        arrow(axes, (0.0, y), (58.0, y), "x", (11.0, 0.0))
        arrow(axes, (0.0, y), (0.0, y + 48.0), "y", (0.0, 8.0))
        toward_viewer(axes, (0.0, y), "z", (-14.0, 0.0))
        points = {name: (float(p[0]), float(p[1]) + y) for name, p in foot.landmarks.points.items()}
        out = 1.0 if foot is right else -1.0
        mark(axes, points["mth1"], "MTH1", (0.0, -10.0 * out))
        mark(axes, points["mth5"], "MTH5", (0.0, 10.0 * out))
        plot.label(axes, 0.44 * LENGTH_MM, y, f"{foot.spec.side} foot\n+y is {inner}", fontsize=9.5)
    plot.label(axes, -25.0, -23.0, "pternion\non the floor")
    axes.plot([-15.0, -4.0], [-16.0, -4.5], color=plot.FAINT, lw=1.0, zorder=5)


def draw_side(axes: Axes, right: synth.SyntheticFoot, scale: float) -> None:
    """The right foot from its lateral side: the floor is z = 0, the pternion x = 0."""
    heading(axes, "right foot from its lateral side")
    low, high, *_ = axes.axis()
    axes.plot([low + 4, high - 4], [0.0, 0.0], color=plot.INK, lw=1.2, zorder=0.5)
    plot.show(axes, sprite(right, FROM_THE_RIGHT, scale))
    points = {name: (float(p[0]), float(p[2])) for name, p in right.landmarks.points.items()}
    axes.plot([0.0, 0.0], [0.0, points["pternion"][1]], color=plot.FAINT, lw=1.0, ls=(0, (3, 2)), zorder=4)
    mark(axes, points["pternion"], "pternion", (-26.0, 0.0))
    mark(axes, points["mth5"], "MTH5", (0.0, 12.0))
    arrow(axes, (0.0, 0.0), (58.0, 0.0), "x", (8.0, -9.0))
    arrow(axes, (0.0, 0.0), (0.0, 62.0), "z", (-9.0, 4.0))
    axes.text(high - 6.0, -8.0, "floor, z = 0", fontsize=8.5, ha="right", va="center", color=plot.FAINT)


def draw_behind(axes: Axes, right: synth.SyntheticFoot, scale: float) -> None:
    """The right heel from behind on a varus post, with the way an everted heel leans."""
    heading(axes, "right foot from behind: two signs")
    plot.show(axes, sprite(right, FROM_BEHIND, scale, (0.0, 13.0)))
    wedge = np.array([[-38.0, 2.0], [38.0, 2.0], [38.0, 5.0], [-38.0, 13.0]])
    axes.fill(wedge[:, 0], wedge[:, 1], color=plot.PURPLE, alpha=0.85, zorder=5)
    axes.plot([-110.0, 110.0], [2.0, 2.0], color=plot.INK, lw=1.2, zorder=0.5)
    axes.text(-40.0, -8.0, "medial", fontsize=9, ha="center", va="center", color=plot.INK)
    axes.text(40.0, -8.0, "lateral", fontsize=9, ha="center", va="center", color=plot.INK)
    plot.label(axes, -104.0, 20.0, "varus post +:\nmedial edge higher", plot.PURPLE, fontsize=9)
    # leg and heel lines: an everted heel leans with its top to the medial side
    axes.plot([0.0, 0.0], [62.0, 118.0], color=plot.INK, lw=1.4, zorder=6)
    axes.plot([0.0, 0.0], [18.0, 62.0], color=plot.INK, lw=0.9, ls=(0, (4, 3)), zorder=6)
    axes.plot([0.0, 15.0], [62.0, 18.0], color=plot.BLUE, lw=2.2, zorder=7)
    turn = {
        "arrowstyle": "-|>",
        "color": plot.BLUE,
        "lw": 1.6,
        "connectionstyle": "arc3,rad=0.25",
        "mutation_scale": 11,
    }
    axes.annotate("", xy=(12.6, 25.0), xytext=(0.0, 22.0), arrowprops=turn, zorder=7)
    plot.label(axes, 92.0, 44.0, "rearfoot angle +:\neversion", plot.BLUE, fontsize=9)


def frame() -> bytes:
    """The foot frame from above, from the side, and its two signs from behind, as PNG."""
    left, right = feet()
    scale = 11.0 / 520.0
    figure = plot.new_figure(11.0, 268.0 * scale)
    figure.set_dpi(DPI)
    draw_above(plot.panel(figure, 0.0, 0.0, (-48.0, 290.0, -66.0, 202.0), scale), left, right, scale)
    small = 0.58 * scale
    draw_side(plot.panel(figure, 583.0, 240.0, (-44.0, 270.0, -22.0, 150.0), small), right, small)
    draw_behind(plot.panel(figure, 583.0, 20.0, (-157.0, 157.0, -22.0, 168.0), small), right, small)
    return plot.png(figure)


FIGURES: Mapping[str, Callable[[], bytes]] = {"frame.png": frame}


def main() -> None:
    """Makes every picture anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, draw in FIGURES.items():
        (FOLDER / name).write_bytes(draw())


if __name__ == "__main__":
    main()
