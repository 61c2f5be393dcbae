"""Pictures for people: a foot from three sides, and (from `footscan.plot_pressure`) pressure maps and force curves.

Every function returns a matplotlib ``Figure`` made without any global state; `png` turns it into bytes, the same bytes
each time. matplotlib is an optional dependency: it is imported when the first picture is asked for.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage, spatial

from footscan import render
from footscan.types import Array, Foot, PointCloud, Side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

DPI = 120
INK, FAINT, PAPER = "#1d2a36", "#5d6a75", "#ffffff"
BLUE, ORANGE, GREEN, PURPLE = "#0b5c96", "#b84500", "#00694f", "#7b3f8c"  #: dark on paper, apart for every eye
SKIN: render.Colour = (0.89, 0.78, 0.70)
SIDE_COLOUR: Mapping[Side, str] = {"left": BLUE, "right": ORANGE, "unknown": INK}
SIDE_LINE: Mapping[Side, Any] = {"left": "-", "right": (0, (5, 1.6)), "unknown": ":"}

PRESSURE_STOPS = ("#fdf6ec", "#fbd08d", "#f08a4b", "#cf4446", "#8c1d5c", "#45104f", "#150a2e")
HEIGHT_STOPS = ("#eef7f4", "#b5ddd4", "#6fbcb6", "#2c8f96", "#17617a", "#123a5c", "#0b1c38")

# rows right, up, toward; toes up the page, so that from above the wearer's left is on the left
FROM_ABOVE: Array = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
FROM_BELOW: Array = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
LEG_SHOWN = 0.55  #: how much of a leg is drawn, as a part of the foot's length


# ------------------------------------------------------------------ figures


def new_figure(width_in: float, height_in: float, dpi: int = DPI) -> Figure:
    """An empty figure on white paper; ImportError that says what to install where matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: install plantar[plot]") from error
    figure = Figure(figsize=(width_in, height_in), dpi=dpi, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """The picture as PNG bytes: no date and no program's name in it, the same bytes for the same figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = io.BytesIO()
    pixels = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=5)
    return buffer.getvalue()


def colour_map(stops: tuple[str, ...]) -> LinearSegmentedColormap:
    """A sequential colour map from light (low) to dark (high): it prints in grey and every eye can order it."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("plantar", list(stops), N=256)


def panel(figure: Figure, left_mm: float, bottom_mm: float, extent: tuple[float, float, float, float], in_per_mm: float) -> Axes:
    """Axes without a frame, in mm, true to scale: ``extent`` is left, right, bottom, top; its corner is placed in mm
    from the figure's lower left corner."""
    width, height = figure.get_size_inches()
    left, right, bottom, top = extent
    box = (left_mm / width, bottom_mm / height, (right - left) / width, (top - bottom) / height)
    axes = figure.add_axes(tuple(b * in_per_mm for b in box))
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_axis_off()
    return axes


def show(axes: Axes, sprite: render.Sprite, zorder: float = 1.0) -> None:
    """A rendered view under the lines of a panel whose axes are the view's right and up."""
    alpha = sprite.rgba[..., 3:]
    straight = np.concatenate([sprite.rgba[..., :3] / np.maximum(alpha, 1e-6), alpha], axis=2)
    pixels = (np.clip(straight, 0, 1) * 255 + 0.5).astype(np.uint8)
    limits = axes.axis()
    axes.imshow(pixels, extent=sprite.camera.extent_mm, interpolation="bilinear", zorder=zorder, aspect="auto")
    axes.axis(limits)


def label(axes: Axes, x: float, y: float, text: str, colour: str = INK, **kwargs: Any) -> None:
    """Words over a picture, on a nearly opaque patch of paper."""
    box = {"boxstyle": "round,pad=0.18", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.82}
    style = {"fontsize": 9.5, "ha": "center", "va": "center", "color": colour, "bbox": box, "zorder": 6, **kwargs}
    axes.text(x, y, text, **style)


def line(axes: Axes, points: Array, colour: str, width: float = 1.8, **kwargs: Any) -> None:
    """A line (n, 2) with a white edge, so that it stands out on light and dark."""
    points = np.asarray(points)
    axes.plot(points[:, 0], points[:, 1], color=PAPER, lw=width + 1.8, alpha=0.85, zorder=3, solid_capstyle="round")
    axes.plot(points[:, 0], points[:, 1], color=colour, lw=width, zorder=4, **kwargs)


def dimension(axes: Axes, start: Array, stop: Array, colour: str = INK) -> None:
    """A line with an arrow head at both ends, from and to points (2,)."""
    arrow = {"arrowstyle": "<->", "color": colour, "lw": 1.2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    axes.annotate("", xy=(stop[0], stop[1]), xytext=(start[0], start[1]), arrowprops=arrow, zorder=4)


def said(foot: Foot, name: str) -> str | None:
    """A measure as people are shown it, "275.6 ± 0.9 mm"; None where it is missing."""
    measure = foot.measurements.values.get(name)
    if measure is None or measure.value is None:
        return None
    if isinstance(measure.value, str):
        return measure.value
    unit = {"mm": " mm", "deg": "°", "ml": " ml"}.get(name.rsplit("_", 1)[-1], "")
    spread = "" if measure.sd_total is None else f" ± {measure.sd_total:.1f}"
    return f"{measure.value:.1f}{spread}{unit}"


# ------------------------------------------------------------------ a foot


@dataclass(frozen=True, eq=False)
class Eye:
    """From where a foot is looked at: ``R`` in the true side's frame; ``mirror`` (3,) undoes the left foot's mirror."""

    R: Array
    mirror: Array

    def flat(self, points: Array) -> Array:
        """Points (n, 3) or (3,) of the design frame -> right and up (…, 2), mm on the page."""
        return np.asarray((np.asarray(points) * self.mirror) @ self.R[:2].T)


def eyes(side: Side) -> dict[str, Eye]:
    """The three views: from above and below with the toes up the page, and the medial side."""
    m = -1.0 if side == "left" else 1.0
    mirror = np.array([1.0, m, 1.0])
    medial = np.array([[-m, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, m, 0.0]])
    return {name: Eye(R, mirror) for name, R in (("above", FROM_ABOVE), ("below", FROM_BELOW), ("medial", medial))}


def true_cloud(foot: Foot, top_mm: float | None = None) -> PointCloud:
    """The foot's points on its true side, cut at ``top_mm`` and closed there with a flat cap where it is open."""
    cloud = foot.cloud
    keep = slice(None) if top_mm is None else cloud.points[:, 2] <= top_mm
    points, normals = cloud.points[keep], None if cloud.normals is None else cloud.normals[keep]
    cap = _cap(points)
    points = np.concatenate([points, cap])
    if normals is not None:
        normals = np.concatenate([normals, np.tile([0.0, 0.0, 1.0], (len(cap), 1))])
    if foot.side == "left":
        mirror = np.array([1.0, -1.0, 1.0])
        points, normals = points * mirror, None if normals is None else normals * mirror
    return PointCloud(points, normals, "foot")


def _cap(points: Array, step_mm: float = 0.8) -> Array:
    """A flat lid (n, 3) over the hole that a cut leg leaves; none where the top is closed already."""
    none = np.zeros((0, 3))
    top = float(np.percentile(points[:, 2], 99.95))
    ring = points[points[:, 2] > top - 5.0]
    if len(ring) < 20 or np.ptp(ring[:, :2], axis=0).min() < 25.0:
        return none
    hull = ring[spatial.ConvexHull(ring[:, :2]).vertices, :2]
    middle = hull.mean(axis=0)
    if _inside(middle + 0.6 * (hull - middle), ring[:, :2]).mean() > 0.08:
        return none
    low, high = hull.min(axis=0), hull.max(axis=0)
    x, y = np.meshgrid(np.arange(low[0], high[0], step_mm), np.arange(low[1], high[1], step_mm))
    grid = np.stack([x.ravel(), y.ravel()], axis=1)
    grid = grid[_inside(hull, grid)]
    return np.column_stack([grid, np.full(len(grid), top - 0.5)])


def _inside(polygon: Array, points: Array) -> Array:
    """Which points (n, 2) lie in a convex counter-clockwise polygon (k, 2)."""
    edge = np.roll(polygon, -1, axis=0) - polygon
    ok = np.ones(len(points), dtype=bool)
    for p, e in zip(polygon, edge):
        ok &= e[0] * (points[:, 1] - p[1]) - e[1] * (points[:, 0] - p[0]) >= 0
    return ok


def section(points: Array, origin: Array, normal: Array, half_mm: float = 1.5) -> Array | None:
    """Outline (181, 2) mm of a cut through points (n, 3): right is horizontal in the plane, up is z; None where too few
    points lie near it."""
    normal = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
    across = np.cross([0.0, 0.0, 1.0], normal)
    across /= np.linalg.norm(across)
    near = points[np.abs((points - origin) @ normal) < half_mm]
    if len(near) < 60:
        return None
    flat = np.stack([(near - origin) @ across, near[:, 2]], axis=1)
    middle = (flat.min(axis=0) + flat.max(axis=0)) / 2.0
    d = flat - middle
    angle, radius = np.arctan2(d[:, 1], d[:, 0]), np.hypot(d[:, 0], d[:, 1])
    # outermost skin by direction, smoothed around the circle
    bins = ((angle + np.pi) / (2 * np.pi) * 180).astype(int) % 180
    count = np.bincount(bins, minlength=180)
    if (count == 0).mean() > 0.3:
        return None
    mean = np.bincount(bins, weights=radius, minlength=180) / np.maximum(count, 1)
    known = np.flatnonzero(count)
    mean = np.interp(np.arange(180), known, mean[known], period=180)
    mean = ndimage.gaussian_filter1d(mean, 1.2, mode="wrap")
    a = (np.arange(181) % 180 + 0.5) / 180 * 2 * np.pi - np.pi
    r = mean[np.arange(181) % 180]
    return np.stack([r * np.cos(a), r * np.sin(a)], axis=1) + middle


def foot_views(foot: Foot) -> Figure:
    """A foot from above, from below and from its medial side, and its ball and instep sections: landmarks, the lines
    along which it was measured, and the values with the spread that a repeated scan has."""
    points = foot.cloud.points
    length = foot.measurements["foot_length_mm"] or float(np.ptp(points[:, 0]))
    top_mm = min(float(points[:, 2].max()), LEG_SHOWN * length)
    cloud = true_cloud(foot, top_mm)
    see = eyes(foot.side)
    low = points[points[:, 2] <= top_mm]
    breadth = float(np.ptp(low[:, 1]))
    y_middle = float(low[:, 1].min() + low[:, 1].max()) / 2.0

    # one scale for every panel: the foot's length with its margins is the figure's height
    height_in, margin = 7.0, 34.0
    scale = height_in / (length + 2 * margin)
    wide = breadth + 62.0
    figure = new_figure((2 * wide + length + 58.0) * scale, height_in)
    spread = (-wide / 2, wide / 2, -margin, length + margin)
    px = scale * DPI
    for k, name in enumerate(("above", "below")):
        eye = see[name]
        middle = float(eye.flat(np.array([0.0, y_middle, 0.0]))[0])
        axes = panel(figure, k * wide, 0.0, (spread[0] + middle, spread[1] + middle, *spread[2:]), scale)
        show(axes, render.portrait(cloud, eye.R, px, SKIN))
        (_draw_above if name == "above" else _draw_below)(axes, foot, eye, length)
    eye = see["medial"]
    ends = np.sort(eye.flat(np.array([[0.0, 0, 0], [length, 0, 0]]))[:, 0])
    bottom = length + 2 * margin - top_mm - 44.0
    axes = panel(figure, 2 * wide, bottom, (ends[0] - 18, ends[1] + 30, -16.0, top_mm + 24.0), scale)
    show(axes, render.portrait(cloud, eye.R, px, SKIN))
    _draw_medial(axes, foot, eye, length, top_mm)
    _draw_sections(panel(figure, 2 * wide, 8.0, (0.0, length + 50.0, 0.0, bottom - 8.0), scale), foot, length)
    side = foot.side if foot.side != "unknown" else "side unknown"
    load = "" if foot.measurements.load == "unknown" else f", {foot.measurements.load}"
    where = 1.0 - 11.0 / (length + 2 * margin)
    figure.text(0.012, where, f"{side.capitalize()} foot{load}", fontsize=15, color=INK, weight="bold", va="center")
    return figure


def _draw_above(axes: Axes, foot: Foot, eye: Eye, length: float) -> None:
    points = foot.landmarks.points
    outside = 1.0 if eye.flat(np.array([0.0, -1.0, 0.0]))[0] > 0 else -1.0  # the lateral side on the page
    low = foot.cloud.points[foot.cloud.points[:, 2] < 60.0]
    edge = float((eye.flat(low)[:, 0] * outside).max()) + 9.0
    _title(axes, "from above")
    if (text := said(foot, "foot_length_mm")) is not None:
        dimension(axes, np.array([edge * outside, 0.0]), np.array([edge * outside, length]))
        label(axes, edge * outside, length * 0.36, f"length {text}", rotation=90)
    if "mth1" in points and "mth5" in points:
        ball = eye.flat(np.array([points["mth1"], points["mth5"]]))
        line(axes, ball, BLUE)
        if (text := said(foot, "foot_breadth_mm")) is not None:
            label(axes, *ball.mean(axis=0) + [0.0, 9.0], f"breadth {text}", BLUE)
    if "heel_medial" in points and "heel_lateral" in points:
        heel = eye.flat(np.array([points["heel_medial"], points["heel_lateral"]]))
        line(axes, heel, PURPLE)
        if (text := said(foot, "heel_breadth_mm")) is not None:
            label(axes, *heel.mean(axis=0) + [0.0, 9.0], f"heel {text}", PURPLE)
    _marks(axes, foot, eye, ("pternion", "mth1", "mth5", "heel_medial", "heel_lateral", "longest_toe"))


def _draw_below(axes: Axes, foot: Foot, eye: Eye, length: float) -> None:
    from matplotlib.patches import Polygon

    _title(axes, "from below")
    for footprint in foot.footprints:
        if footprint.method == "contact_2mm":
            for polygon in footprint.polygons:
                flat = eye.flat(np.column_stack([polygon, np.zeros(len(polygon))]))
                axes.add_patch(Polygon(flat, facecolor="#2f8fd0", alpha=0.38, edgecolor="none", zorder=2))
                line(axes, np.concatenate([flat, flat[:1]]), BLUE, 1.3)
    sole = foot.sole
    if sole.capped:
        note = "the scanner closed the sole\nwith a flat lid: no arch to show"
    else:
        note = "touches the floor (within 2 mm)"
        x, y = np.meshgrid(sole.x_mm, sole.y_mm, indexing="ij")
        flat = eye.flat(np.stack([x, y, np.zeros_like(x)], axis=-1))
        z = np.where(sole.measured, sole.z_mm, np.nan)
        if np.isfinite(z).sum() > 50 and np.nanmax(z) > 6.0:
            style = {"colors": FAINT, "linewidths": 0.7, "zorder": 3}
            axes.contour(flat[..., 0], flat[..., 1], np.ma.masked_invalid(z), levels=[5.0, 10.0, 15.0, 20.0], **style)
            note += "\ngrey lines: 5, 10, 15, 20 mm above it"
    centre = sum(axes.get_xlim()) / 2.0
    axes.text(centre, -19.0, note, fontsize=8, ha="center", va="center", color=BLUE)


def _draw_medial(axes: Axes, foot: Foot, eye: Eye, length: float, top_mm: float) -> None:
    points = foot.landmarks.points
    left, right = axes.get_xlim()
    axes.plot([left + 4, right - 4], [0, 0], color=INK, lw=1.0, zorder=0.5)
    axes.text((left + right) / 2, top_mm + 19.0, "inner side", fontsize=9.5, ha="center", va="center", color=FAINT)

    def at(x: float, z: float) -> Array:
        return eye.flat(np.array([x, 0.0, z]))

    def top_of(x: float) -> float:
        near = foot.cloud.points[np.abs(foot.cloud.points[:, 0] - x) < 2.0]
        return min(float(near[:, 2].max()), top_mm) if len(near) else 0.0

    instep = foot.measurements["instep_height_mm"]
    if instep is not None:
        line(axes, np.array([at(0.5 * length, 0.0), at(0.5 * length, instep)]), GREEN)
        label(axes, *at(0.5 * length, 0.52 * instep), f"instep height\n{said(foot, 'instep_height_mm')}", GREEN)
    if "mth1" in points:
        x = float(points["mth1"][0])
        line(axes, np.array([at(x, 0.0), at(x, top_of(x))]), BLUE)
        if (text := said(foot, "ball_girth_mm")) is not None:
            label(axes, *at(x + 12.0, top_of(x) + 10.0), f"ball girth {text}", BLUE)
    if "heel_landing" in points and "ankle_bend" in points:
        landing, bend = eye.flat(points["heel_landing"]), eye.flat(points["ankle_bend"])
        if points["ankle_bend"][2] <= top_mm:
            line(axes, np.array([landing, bend]), PURPLE)
            if (text := said(foot, "heel_girth_long_mm")) is not None:
                label(axes, *(0.55 * landing + 0.45 * bend), f"heel girth\n{text}", PURPLE)
    apex = points.get("arch_apex")
    if apex is not None and (text := said(foot, "arch_apex_height_mm")) is not None:
        flat = eye.flat(apex)
        axes.plot([flat[0], flat[0]], [0.0, flat[1]], color=ORANGE, lw=2.2, zorder=4, solid_capstyle="butt")
        label(axes, flat[0], -9.0, f"arch {text}", ORANGE)
    elif foot.sole.capped:
        label(axes, *at(0.42 * length, -9.0), "arch: not measured (flat lid)", FAINT)
    _marks(axes, foot, eye, ("pternion", "mth1", "instep", "heel_landing", "ankle_bend", "malleolus_medial", "navicular"), top_mm)


def _draw_sections(axes: Axes, foot: Foot, length: float) -> None:
    points = foot.landmarks.points
    m = -1.0 if foot.side == "left" else 1.0
    room = axes.get_xlim()[1]
    wanted: list[tuple[str, Array, Array, str, str | None]] = []
    if "mth1" in points and "mth5" in points:
        along = points["mth1"] - points["mth5"]
        normal = np.array([along[1], -along[0], 0.0])
        wanted.append(("ball", (points["mth1"] + points["mth5"]) / 2, normal, BLUE, said(foot, "ball_girth_mm")))
    middle = np.array([0.5 * length, 0.0, 0.0])
    wanted.append(("instep", middle, np.array([1.0, 0.0, 0.0]), GREEN, said(foot, "instep_girth_mm")))
    for k, (name, origin, normal, colour, text) in enumerate(wanted):
        outline = section(foot.cloud.points, origin, normal)
        if outline is None:
            continue
        outline[:, 0] -= (outline[:, 0].min() + outline[:, 0].max()) / 2
        flat = outline * [-m, 1.0] + [room * (0.25 + 0.5 * k), 18.0]
        hull = flat[spatial.ConvexHull(flat).vertices]
        axes.fill(flat[:, 0], flat[:, 1], color=colour, alpha=0.10, zorder=1)
        axes.plot(flat[:, 0], flat[:, 1], color=colour, lw=1.6, zorder=3)
        axes.plot(*np.concatenate([hull, hull[:1]]).T, color=INK, lw=0.8, ls=(0, (4, 2)), zorder=2)
        axes.plot([flat[:, 0].min() - 8, flat[:, 0].max() + 8], [18.0, 18.0], color=FAINT, lw=0.8, zorder=1)
        words = f"{name} girth" + (f" {text}" if text else ": not measured")
        axes.text(flat[:, 0].mean(), 10.0, words, fontsize=8.5, ha="center", va="center", color=colour)
    axes.text(room / 2, 1.0, "sections seen from behind; dashed: a taut tape", fontsize=8, ha="center", color=FAINT)


def _title(axes: Axes, text: str) -> None:
    (left, right), (_, top) = axes.get_xlim(), axes.get_ylim()
    axes.text((left + right) / 2, top - 24.0, text, fontsize=9.5, ha="center", va="center", color=FAINT)


def _marks(axes: Axes, foot: Foot, eye: Eye, names: tuple[str, ...], top_mm: float = np.inf) -> None:
    there = [foot.landmarks.points[n] for n in names if n in foot.landmarks.points]
    there = [p for p in there if p[2] <= top_mm]
    if there:
        flat = eye.flat(np.array(there))
        axes.scatter(flat[:, 0], flat[:, 1], s=26, facecolor=PAPER, edgecolor=INK, linewidth=1.3, zorder=5)
