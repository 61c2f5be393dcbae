"""The pictures of an order: each foot, each insole, the pair together, and the walk.

An insole is drawn from its finished mesh, so that what is seen is what is printed. `draw_all` returns PNG bytes by
file name, `write_all` puts them into a folder; same input, same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from footscan import plot, render
from footscan.types import Array, Foot, Mesh, PointCloud, Side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from footscan.pressure import RecordingAnalysis
    from insole import InsoleDesign

TEAL: render.Colour = (0.10, 0.50, 0.52)
LINE: render.Colour = (0.82, 0.94, 0.93)
AZIMUTH_DEG, ELEVATION_DEG = -36.0, 25.0  #: from where the pair is seen
LIFT_MM, LEG_MM, APART_MM = 88.0, 108.0, 318.0  #: the feet hang above their insoles, the legs cut, the sides apart
MAP_PX_PER_MM = 3.0
SECTIONS = (("ball", 0.72), ("arch", 0.42), ("heel", 0.16))  #: name and station, as a part of the foot's length


def draw_all(
    feet: Mapping[Side, Foot],
    analyses: Sequence[RecordingAnalysis],
    designs: Mapping[Side, InsoleDesign],
    meshes: Mapping[Side, Mesh],
) -> dict[str, bytes]:
    """Every picture of an order by file name: ``pair.png``, ``foot_<side>.png``, ``insole_<side>.png``, and for each
    recording ``pressure_<n>.png`` and ``force_<n>.png``."""
    jobs: dict[str, Callable[[], Figure]] = {}
    if feet or meshes:
        jobs["pair.png"] = partial(pair_picture, feet, meshes)
    for side, foot in feet.items():
        jobs[f"foot_{side}.png"] = partial(plot.foot_views, foot)
    for side, mesh in meshes.items():
        length = designs[side].foot_length_mm if side in designs else None
        jobs[f"insole_{side}.png"] = partial(insole_picture, mesh, side, length, feet.get(side))
    for n, analysis in enumerate(analyses, start=1):
        jobs[f"pressure_{n}.png"] = partial(plot.pressure_map, analysis)
        jobs[f"force_{n}.png"] = partial(plot.force_curves, analysis)
    # two at a time: most of the work is inside numpy and zlib, which let others run
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(jobs, pool.map(lambda draw: plot.png(draw()), jobs.values())))


def write_all(
    folder: Path,
    feet: Mapping[Side, Foot],
    analyses: Sequence[RecordingAnalysis],
    designs: Mapping[Side, InsoleDesign],
    meshes: Mapping[Side, Mesh],
) -> list[str]:
    """Write every picture of an order into the existing ``folder``; their file names, in `draw_all`'s order."""
    pictures = draw_all(feet, analyses, designs, meshes)
    for name, data in pictures.items():
        (folder / name).write_bytes(data)
    return list(pictures)


# ------------------------------------------------------------------ the pair


def pair_picture(feet: Mapping[Side, Foot], meshes: Mapping[Side, Mesh], px_per_mm: float = 2.6) -> Figure:
    """Both feet above both insoles, or what there is of them, as somebody who stands before the wearer sees them."""
    R = render.looking(AZIMUTH_DEG, ELEVATION_DEG)
    sides: list[Side] = [s for s in ("right", "left", "unknown") if s in feet or s in meshes]  # the viewer's left first
    solids: dict[Side, Mesh] = {}
    clouds: dict[Side, PointCloud] = {}
    for k, side in enumerate(sides):
        shift = R[0] * (APART_MM * (k - (len(sides) - 1) / 2))
        if side in meshes:
            solids[side] = Mesh(meshes[side].vertices + shift, meshes[side].faces, "foot")
        if side in feet:
            cloud = plot.true_cloud(feet[side], LEG_MM)
            lift = LIFT_MM if side in meshes else 0.0
            clouds[side] = PointCloud(cloud.points + shift + [0.0, 0.0, lift], cloud.normals, "foot")
    everything = np.concatenate([m.vertices for m in solids.values()] + [c.points for c in clouds.values()])
    camera = _wide(render.fitted(R, everything, px_per_mm, margin_px=int(24 * px_per_mm)))
    sprites = [insole_sprite(m, R, px_per_mm) for m in solids.values()]
    sprites += [render.portrait(c, R, px_per_mm, plot.SKIN) for c in clouds.values()]
    canvas = render.composite(_floor(camera, list(solids.values()), list(clouds.values())), camera, sprites)

    figure = plot.new_figure(camera.size[0] / plot.DPI, camera.size[1] / plot.DPI)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.imshow(_pixels(canvas), extent=camera.extent_mm, interpolation="nearest")
    for side in sides:
        across = (solids[side].vertices if side in solids else clouds[side].points) @ R[0]
        middle, bottom = float(across.min() + across.max()) / 2, camera.extent_mm[2]
        axes.text(middle, bottom + 7.0, side, fontsize=13, color=plot.FAINT, ha="center", va="bottom")
    return figure


def insole_sprite(mesh: Mesh, R: Array, px_per_mm: float) -> render.Sprite:
    """An insole in its colour, with a fine line each 2 mm of height on its top."""
    up = R @ np.array([0.0, 0.0, 1.0])

    def colour(seen: render.Layer) -> Array:
        return render.contoured(seen, TEAL, LINE, 2.0, up)

    return render.portrait(mesh, R, px_per_mm, colour, mesh.vertices[:, 2])


def _pixels(picture: Array) -> Array:
    return np.asarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))


def _wide(camera: render.Camera, ratio: float = 1.6) -> render.Camera:
    """The same view with room added left and right, up to that ratio of width to height."""
    width, height = camera.size
    return render.Camera(camera.R, camera.centre, camera.px_per_mm, (max(width, int(height * ratio) // 2 * 2), height))


def _floor(camera: render.Camera, solids: Sequence[Mesh], clouds: Sequence[PointCloud]) -> Array:
    """Soft light paper (height, width, 3) with the shadows of what lies on it and of what hangs above."""
    width, height = camera.size
    light = np.linspace(0.985, 0.905, height, dtype=np.float32)[:, None, None] * np.array([1.0, 0.996, 0.988], np.float32)
    dark = np.zeros((height, width), dtype=np.float32)
    for mesh in solids:
        np.maximum(dark, 0.55 * render.shadow(mesh.vertices + [5.0, -4.0, 0.0], camera, 6.0), out=dark)
    for cloud in clouds:
        strength, blur = (0.16, 22.0) if solids else (0.45, 9.0)
        np.maximum(dark, strength * render.shadow(cloud.points + [9.0, -7.0, 0.0], camera, blur), out=dark)
    return np.asarray(light * (1.0 - dark[..., None]))


# ------------------------------------------------------------------ one insole


def height_maps(mesh: Mesh, px_per_mm: float = MAP_PX_PER_MM) -> tuple[Array, Array, render.Camera]:
    """Heights (rows, columns) mm of the highest and the lowest surface, NaN outside, seen from above with the toes up
    (row 0 the toe end), and the camera that they are seen by."""
    camera = render.fitted(plot.FROM_ABOVE, mesh.vertices, px_per_mm, margin_px=4)
    top = render.rasterise(mesh, camera).depth
    over = Mesh(mesh.vertices * [1.0, 1.0, -1.0], mesh.faces[:, ::-1], mesh.frame)
    bottom = -render.rasterise(over, camera).depth
    solid = np.isfinite(top) & np.isfinite(bottom)
    return np.where(solid, top, np.nan), np.where(solid, bottom, np.nan), camera


def insole_picture(mesh: Mesh, side: Side, foot_length_mm: float | None = None, foot: Foot | None = None) -> Figure:
    """An insole's thickness from above, a shaded view, and sections true to scale; the outline of the foot is drawn over
    the thickness where the foot is given."""
    top, bottom, camera = height_maps(mesh)
    left, right, low, high = camera.extent_mm
    length = foot_length_mm if foot_length_mm is not None else high - low
    margin = 21.0
    tall = high - low + 2 * margin
    scale = 6.8 / tall
    map_wide, view_wide, section_wide = right - left + 58.0, 1.2 * (high - low), right - left + 22.0
    figure = plot.new_figure((map_wide + view_wide + section_wide) * scale, tall * scale)

    axes = plot.panel(figure, 0.0, 0.0, (left - 42.0, right + 16.0, low - margin, high + margin), scale)
    _draw_thickness(axes, top - bottom, camera, side, foot)
    below = 52.0
    box = (map_wide, below, view_wide, tall - below - 10.0)
    _draw_view(figure, mesh, side, tuple(b * scale for b in box))
    axes = plot.panel(figure, map_wide, 0.0, (low - 0.1 * (high - low), high + 0.1 * (high - low), -16.0, below - 16.0), scale)
    _draw_along(axes, top, bottom, camera)
    axes = plot.panel(figure, map_wide + view_wide, 0.0, (left - 11.0, right + 11.0, 0.0, tall), scale)
    _draw_across(axes, top, bottom, camera, length)
    title = f"{side.capitalize()} insole" if side != "unknown" else "Insole"
    figure.text(0.012, 1 - 10.0 / tall, title, fontsize=15, color=plot.INK, weight="bold", va="center")
    return figure


def _draw_thickness(axes: Axes, thickness: Array, camera: render.Camera, side: Side, foot: Foot | None) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    left, right, low, high = camera.extent_mm
    most = max(6.0, float(np.ceil(np.nanpercentile(thickness, 99.5) / 2.0)) * 2.0)
    shown, norm = plot.colour_map(plot.HEIGHT_STOPS), Normalize(0.0, most)
    limits = axes.axis()
    view = np.ma.masked_invalid(thickness)
    axes.imshow(view, extent=camera.extent_mm, cmap=shown, norm=norm, interpolation="bilinear", zorder=1, aspect="auto")
    rows, columns = thickness.shape
    u = left + (np.arange(columns) + 0.5) / camera.px_per_mm
    v = high - (np.arange(rows) + 0.5) / camera.px_per_mm
    levels = np.arange(2.0, most, 2.0)
    lines = axes.contour(u[::3], v[::3], view[::3, ::3], levels=levels, colors=plot.INK, linewidths=0.5, alpha=0.6, zorder=2)
    axes.clabel(lines, fmt="%g", fontsize=7.5)
    if foot is not None:
        eye = plot.eyes(side)["above"]
        for footprint in foot.footprints:
            if footprint.method == "outline_25mm":
                for polygon in footprint.polygons:
                    flat = eye.flat(np.column_stack([polygon, np.zeros(len(polygon))]))
                    flat = np.concatenate([flat, flat[:1]])
                    axes.plot(flat[:, 0], flat[:, 1], color=plot.INK, lw=1.1, ls=(0, (4, 2.5)), zorder=3)
        axes.text((left + right) / 2, low - 14.0, "dashed: the foot", fontsize=9, ha="center", color=plot.FAINT)
    axes.axis(limits)
    bar = axes.inset_axes((left - 24.0, low + 0.2 * (high - low), 5.0, 0.6 * (high - low)), transform=axes.transData)
    scale = axes.figure.colorbar(ScalarMappable(norm, shown), cax=bar)
    scale.ax.yaxis.set_ticks_position("left")
    scale.ax.tick_params(labelsize=8.5, colors=plot.INK, length=2)
    scale.outline.set_linewidth(0.5)
    scale.ax.set_title("thickness\nmm", fontsize=9, color=plot.INK, pad=7)


def _draw_view(figure: Figure, mesh: Mesh, side: Side, box_in: tuple[float, ...]) -> None:
    """The shaded insole in a box (left, bottom, width, height) in inches, arch side at the back."""
    R = render.looking(AZIMUTH_DEG if side != "left" else -AZIMUTH_DEG, 36.0)
    seen = mesh.vertices @ R[:2].T
    wide, tall = np.ptp(seen, axis=0) + 16.0
    px = min(box_in[2] / wide, box_in[3] / tall) * plot.DPI
    size = (int(box_in[2] * plot.DPI), int(box_in[3] * plot.DPI))
    middle = (seen.min(axis=0) + seen.max(axis=0)) / 2.0
    camera = render.Camera(R, (float(middle[0]), float(middle[1])), px, size)
    dark = render.shadow(mesh.vertices + [4.0, -4.0 if side != "left" else 4.0, 0.0], camera, 6.0)
    canvas = np.repeat((1.0 - 0.42 * dark)[..., None], 3, axis=2)
    canvas = render.composite(canvas, camera, [insole_sprite(mesh, R, px)])
    width, height = figure.get_size_inches()
    axes = figure.add_axes((box_in[0] / width, box_in[1] / height, box_in[2] / width, box_in[3] / height))
    axes.set_axis_off()
    axes.imshow(_pixels(canvas), interpolation="nearest")
    axes.set_title("lines: 2 mm of height", fontsize=9, color=plot.FAINT, y=0.0, pad=-4)


def _draw_along(axes: Axes, top: Array, bottom: Array, camera: render.Camera) -> None:
    """The section along the middle of the insole, heel on the left."""
    solid = np.isfinite(top)
    rows = np.flatnonzero(solid.sum(axis=1) > 3)
    columns = np.arange(top.shape[1])
    middle = np.array([int(columns[solid[r]].mean()) for r in rows])
    x = camera.extent_mm[3] - (rows + 0.5) / camera.px_per_mm
    _profile(axes, x, top[rows, middle], bottom[rows, middle])
    axes.text(float(x.mean()), -11.0, "section along the middle, heel on the left", fontsize=9, ha="center", color=plot.FAINT)


def _draw_across(axes: Axes, top: Array, bottom: Array, camera: render.Camera, length: float) -> None:
    """Sections across at the ball, the arch and the heel, seen from behind."""
    (left, right), (_, tall) = axes.get_xlim(), axes.get_ylim()
    u = camera.extent_mm[0] + (np.arange(top.shape[1]) + 0.5) / camera.px_per_mm
    for k, (name, station) in enumerate(SECTIONS):
        row = int((camera.extent_mm[3] - station * length) * camera.px_per_mm)
        floor = tall * (0.72 - 0.29 * k)
        there = np.flatnonzero(np.isfinite(top[row])) if 0 <= row < len(top) else np.zeros(0, dtype=int)
        if len(there) < 10:
            continue
        low = float(bottom[row, there].min())
        t, b = top[row, there] - low, bottom[row, there] - low
        _profile(axes, u[there], t + floor, b + floor)
        middle = len(there) // 2
        words = f"{name}: {t[middle] - b[middle]:.1f} mm in the middle"
        if name != "ball":
            words += f",\nedges {t[1] - t.min():.0f} and {t[-2] - t.min():.0f} mm above the lowest point"
        axes.text((left + right) / 2, floor - 6.0, words, fontsize=8.5, ha="center", va="top", color=plot.INK)
    axes.text((left + right) / 2, 6.0, "sections from behind", fontsize=9, ha="center", color=plot.FAINT)


def _profile(axes: Axes, x: Array, top: Array, bottom: Array) -> None:
    axes.fill_between(x, bottom, top, color=TEAL, alpha=0.85, linewidth=0, zorder=2)
    axes.plot(x, top, color=plot.INK, lw=1.1, zorder=3)
    axes.plot(x, bottom, color=plot.INK, lw=0.8, zorder=3)
