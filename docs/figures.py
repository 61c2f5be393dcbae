"""Draws the pictures of the documentation into docs/img: `python docs/figures.py`.

The feet are synthetic, so the pictures can be made anywhere; tests/test_docs.py makes them again and compares.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from footscan import shading, synth
from footscan.types import Array, replace

FOLDER = Path(__file__).resolve().parent / "img"
DPI = 170

#: rows right, up, toward the viewer, in the foot frame
FROM_ABOVE: Array = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
FROM_THE_RIGHT: Array = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
FROM_BEHIND: Array = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])
INK, FAINT, PAPER, PURPLE, BLUE = "#1d2a36", "#5d6a75", "#ffffff", "#7b3f8c", "#0b5c96"
AXIS_COLOUR = {"x": "#b84500", "y": "#00694f", "z": BLUE}
SKIN = (0.89, 0.78, 0.70)
LENGTH_MM, APART_MM, LEG_MM = 262.0, 128.0, 112.0


# ------------------------------------------------------------------ paper


def panel(
    figure: Figure, left_mm: float, bottom_mm: float, extent: tuple[float, float, float, float], scale: float
) -> Axes:
    """Axes without a frame, true to scale (``scale`` inches a mm): ``extent`` is left, right, bottom, top in mm."""
    width, height = figure.get_size_inches()
    left, right, bottom, top = extent
    box = (left_mm / width, bottom_mm / height, (right - left) / width, (top - bottom) / height)
    axes = figure.add_axes((box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale))
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.set_axis_off()
    return axes


def show(
    axes: Axes, foot: synth.SyntheticFoot, R: Array, scale: float, shift: tuple[float, float] = (0.0, 0.0)
) -> None:
    """A foot as the viewer ``R`` sees it, moved by ``shift`` mm on the page."""
    seen = shading.portrait(foot.mesh, R, DPI * scale, SKIN)
    alpha = seen.rgba[..., 3:]
    straight = np.concatenate([seen.rgba[..., :3] / np.maximum(alpha, 1e-6), alpha], axis=2)
    left, right, bottom, top = seen.camera.extent_mm
    extent = (left + shift[0], right + shift[0], bottom + shift[1], top + shift[1])
    limits = axes.axis()
    axes.imshow(np.clip(straight, 0.0, 1.0), extent=extent, interpolation="bilinear", zorder=1, aspect="auto")
    axes.axis(limits)


def label(axes: Axes, x: float, y: float, text: str, colour: str = INK, **kwargs: Any) -> None:
    """Words over a picture, on a nearly opaque patch of paper."""
    box = {"boxstyle": "round,pad=0.18", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.82}
    style = {"fontsize": 8.5, "ha": "center", "va": "center", "color": colour, "bbox": box, "zorder": 6, **kwargs}
    axes.text(x, y, text, **style)


def name_of_axis(axes: Axes, at: tuple[float, float], nudge: tuple[float, float], name: str) -> None:
    """+x, +y or +z, bold, in the colour of its axis."""
    style: dict[str, Any] = {
        "fontsize": 12,
        "weight": "bold",
        "ha": "center",
        "va": "center",
        "color": AXIS_COLOUR[name],
        "zorder": 8,
    }
    axes.text(at[0] + nudge[0], at[1] + nudge[1], f"+{name}", **style)


# ------------------------------------------------------------------ the foot frame


def feet() -> tuple[synth.SyntheticFoot, synth.SyntheticFoot]:
    """The left and the right foot of one person, each in its own frame."""
    right = synth.FootSpec(side="right", length_mm=LENGTH_MM, leg_mm=LEG_MM, rearfoot_angle_deg=0.0)
    return synth.make_foot(replace(right, side="left")), synth.make_foot(right)


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
    name_of_axis(axes, stop, nudge, name)


def toward_viewer(axes: Axes, at: tuple[float, float], name: str, nudge: tuple[float, float]) -> None:
    """An axis that points out of the page: a ring with a dot."""
    axes.scatter(*at, s=150, facecolor=PAPER, edgecolor=AXIS_COLOUR[name], linewidth=2.0, zorder=7)
    axes.scatter(*at, s=16, color=AXIS_COLOUR[name], zorder=8)
    name_of_axis(axes, at, nudge, name)


def mark(axes: Axes, point: tuple[float, float], text: str, away: tuple[float, float]) -> None:
    """A landmark: a ring, and its name ``away`` mm from it."""
    axes.scatter(*point, s=34, facecolor=PAPER, edgecolor=INK, linewidth=1.4, zorder=6)
    label(axes, point[0] + away[0], point[1] + away[1], text)


def heading(axes: Axes, text: str) -> None:
    """What a panel shows, above it."""
    left, right, _, top = axes.axis()
    axes.text((left + right) / 2, top - 6.0, text, fontsize=10.5, ha="center", va="center", color=FAINT)


def draw_above(axes: Axes, left: synth.SyntheticFoot, right: synth.SyntheticFoot, scale: float) -> None:
    """Both feet side by side, each with its own origin: +y is to the wearer's left on both."""
    heading(axes, "from above, the wearer walks to the right")
    for foot, y, inner in ((left, APART_MM, "lateral"), (right, 0.0, "medial")):
        show(axes, foot, FROM_ABOVE, scale, (0.0, y))
        arrow(axes, (0.0, y), (58.0, y), "x", (11.0, 0.0))
        arrow(axes, (0.0, y), (0.0, y + 48.0), "y", (0.0, 8.0))
        toward_viewer(axes, (0.0, y), "z", (-14.0, 0.0))
        points = {name: (float(p[0]), float(p[1]) + y) for name, p in foot.landmarks.points.items()}
        out = 1.0 if foot is right else -1.0
        mark(axes, points["mth1"], "MTH1", (0.0, -10.0 * out))
        mark(axes, points["mth5"], "MTH5", (0.0, 10.0 * out))
        label(axes, 0.44 * LENGTH_MM, y, f"{foot.spec.side} foot\n+y is {inner}", fontsize=9.5)
    label(axes, -25.0, -23.0, "pternion\non the floor")
    axes.plot([-15.0, -4.0], [-16.0, -4.5], color=FAINT, lw=1.0, zorder=5)


def draw_side(axes: Axes, right: synth.SyntheticFoot, scale: float) -> None:
    """The right foot from its lateral side: the floor is z = 0, the pternion x = 0."""
    heading(axes, "right foot from its lateral side")
    low, high, *_ = axes.axis()
    axes.plot([low + 4, high - 4], [0.0, 0.0], color=INK, lw=1.2, zorder=0.5)
    show(axes, right, FROM_THE_RIGHT, scale)
    points = {name: (float(p[0]), float(p[2])) for name, p in right.landmarks.points.items()}
    axes.plot([0.0, 0.0], [0.0, points["pternion"][1]], color=FAINT, lw=1.0, ls=(0, (3, 2)), zorder=4)
    mark(axes, points["pternion"], "pternion", (-26.0, 0.0))
    mark(axes, points["mth5"], "MTH5", (0.0, 12.0))
    arrow(axes, (0.0, 0.0), (58.0, 0.0), "x", (8.0, -9.0))
    arrow(axes, (0.0, 0.0), (0.0, 62.0), "z", (-9.0, 4.0))
    axes.text(high - 6.0, -8.0, "floor, z = 0", fontsize=8.5, ha="right", va="center", color=FAINT)


def draw_behind(axes: Axes, right: synth.SyntheticFoot, scale: float) -> None:
    """The right heel from behind on a varus post, with the way an everted heel leans."""
    heading(axes, "right foot from behind: two signs")
    show(axes, right, FROM_BEHIND, scale, (0.0, 13.0))
    wedge = np.array([[-38.0, 2.0], [38.0, 2.0], [38.0, 5.0], [-38.0, 13.0]])
    axes.fill(wedge[:, 0], wedge[:, 1], color=PURPLE, alpha=0.85, zorder=5)
    axes.plot([-110.0, 110.0], [2.0, 2.0], color=INK, lw=1.2, zorder=0.5)
    axes.text(-40.0, -8.0, "medial", fontsize=9, ha="center", va="center", color=INK)
    axes.text(40.0, -8.0, "lateral", fontsize=9, ha="center", va="center", color=INK)
    label(axes, -104.0, 20.0, "varus post +:\nmedial edge higher", PURPLE, fontsize=9)
    # leg and heel lines: an everted heel leans with its top to the medial side
    axes.plot([0.0, 0.0], [62.0, 118.0], color=INK, lw=1.4, zorder=6)
    axes.plot([0.0, 0.0], [18.0, 62.0], color=INK, lw=0.9, ls=(0, (4, 3)), zorder=6)
    axes.plot([0.0, 15.0], [62.0, 18.0], color=BLUE, lw=2.2, zorder=7)
    turn = {
        "arrowstyle": "-|>",
        "color": BLUE,
        "lw": 1.6,
        "connectionstyle": "arc3,rad=0.25",
        "mutation_scale": 11,
    }
    axes.annotate("", xy=(12.6, 25.0), xytext=(0.0, 22.0), arrowprops=turn, zorder=7)
    label(axes, 92.0, 44.0, "rearfoot angle +:\neversion", BLUE, fontsize=9)


def frame() -> bytes:
    """The foot frame from above, from the side, and its two signs from behind, as PNG."""
    left, right = feet()
    scale = 11.0 / 520.0
    figure = Figure(figsize=(11.0, 268.0 * scale), dpi=DPI, facecolor=PAPER)
    draw_above(panel(figure, 0.0, 0.0, (-48.0, 290.0, -66.0, 202.0), scale), left, right, scale)
    small = 0.58 * scale
    draw_side(panel(figure, 583.0, 240.0, (-44.0, 270.0, -22.0, 150.0), small), right, small)
    draw_behind(panel(figure, 583.0, 20.0, (-157.0, 157.0, -22.0, 168.0), small), right, small)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


FIGURES: Mapping[str, Callable[[], bytes]] = {"frame.png": frame}


def main() -> None:
    """Makes every picture anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, draw in FIGURES.items():
        (FOLDER / name).write_bytes(draw())


if __name__ == "__main__":
    main()
