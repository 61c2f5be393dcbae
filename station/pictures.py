"""The pictures of an order: each foot, each insole, the pair together, and the walk.

An insole is drawn from its finished mesh, so that what is seen is what is printed. `drawings` gives a call for
each that returns PNG bytes; same input, same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from footscan import plot, render, shading
from footscan.page import DPI, HEIGHT_STOPS, INK, Page, Panel, colour_map
from footscan.types import Array, Foot, Mesh, PointCloud, Side
from station.picture_words import tell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from footscan.pressure import RecordingAnalysis
    from insole.prediction import Prediction
    from insole.types import InsoleDesign
    from insole.zones import Zoning

TEAL: render.Colour = (0.10, 0.50, 0.52)
LINE: render.Colour = (0.82, 0.94, 0.93)
AZIMUTH_DEG, ELEVATION_DEG = -36.0, 25.0  #: from where the pair is seen
LIFT_MM, LEG_MM, BETWEEN_MM = 88.0, 108.0, 46.0  #: the feet hang above their insoles, legs cut, sides apart
MAP_PX_PER_MM = 2.5
SECTIONS = (("ball", 0.72), ("arch", 0.42), ("heel", 0.16))  #: name and station, as a part of the foot's length


def drawings(
    feet: Mapping[Side, Foot],
    analyses: Sequence[RecordingAnalysis],
    designs: Mapping[Side, InsoleDesign],
    meshes: Mapping[Side, Mesh],
    zonings: Mapping[Side, Zoning] | None = None,
    predictions: Mapping[Side, Prediction] | None = None,
    lang: str = "en",
) -> dict[str, Callable[[], bytes]]:
    """Every picture of an order by file name, each to be drawn by a call, in any process: ``pair.png``,
    ``foot_<side>.png``, ``insole_<side>.png``, for each recording ``pressure_<n>.png`` and ``force_<n>.png``, and for
    the technician ``zones_<side>.png`` and ``prediction_<side>.png``; their words in ``lang``."""
    from insole.plot import draw_prediction, draw_zones

    jobs: dict[str, Callable[[], Figure]] = {}
    if feet or meshes:
        jobs["pair.png"] = partial(pair_picture, feet, meshes)
    for side, foot in feet.items():
        jobs[f"foot_{side}.png"] = partial(plot.foot_views, foot)
    for side, mesh in meshes.items():
        length = designs[side].foot_length_mm if side in designs else None
        jobs[f"insole_{side}.png"] = partial(insole_picture, mesh, side, length, feet.get(side))
    for n, analysis in enumerate(analyses, start=1):
        if analysis.maps:
            jobs[f"pressure_{n}.png"] = partial(plot.pressure_map, analysis)
            jobs[f"force_{n}.png"] = partial(plot.force_curves, analysis)
    for side, zoning in (zonings or {}).items():
        jobs[f"zones_{side}.png"] = partial(draw_zones, designs[side], zoning)
    for side, prediction in (predictions or {}).items():
        jobs[f"prediction_{side}.png"] = partial(draw_prediction, designs[side], prediction)
    return {name: partial(_drawn, draw, lang) for name, draw in jobs.items()}


def _drawn(draw: Callable[[], Figure], lang: str) -> bytes:
    return plot.png(tell(draw(), lang))


# ------------------------------------------------------------------ the pair


def pair_picture(feet: Mapping[Side, Foot], meshes: Mapping[Side, Mesh], px_per_mm: float = 2.6) -> Figure:
    """Both feet above both insoles, or what there is of them, as somebody who stands before the wearer sees them."""
    R = render.looking(AZIMUTH_DEG, ELEVATION_DEG)
    up = R @ np.array([0.0, 0.0, 1.0])
    sides: list[Side] = [s for s in ("right", "left", "unknown") if s in feet or s in meshes]  # the viewer's left first
    solids: dict[Side, Mesh] = {}
    clouds: dict[Side, PointCloud] = {}
    places: dict[Side, tuple[float, float]] = {}  # what each side takes from the viewer's left to right
    edge = 0.0
    for side in sides:
        cloud = plot.true_cloud(feet[side], LEG_MM) if side in feet else None
        points = ([meshes[side].vertices] if side in meshes else []) + ([cloud.points] if cloud is not None else [])
        across = np.concatenate([render.turned(R, p)[0] for p in points])
        shift = R[0] * (edge - across.min())
        places[side] = (edge, edge + float(np.ptp(across)))
        edge = places[side][1] + BETWEEN_MM
        if side in meshes:
            solids[side] = Mesh(meshes[side].vertices + shift, meshes[side].faces, "foot")
        if cloud is not None:
            lift = np.array([0.0, 0.0, LIFT_MM if side in meshes else 0.0])
            clouds[side] = PointCloud(cloud.points + shift + lift, cloud.normals, "foot")
    everything = np.concatenate([m.vertices for m in solids.values()] + [c.points for c in clouds.values()])
    camera = _wide(render.fitted(R, everything, px_per_mm, margin_px=int(22 * px_per_mm)))
    sprites = [insole_sprite(m, R, px_per_mm, up) for m in solids.values()]
    sprites += [shading.portrait(c, R, px_per_mm, plot.SKIN) for c in clouds.values()]
    page = Page(camera.size[0] / px_per_mm, camera.size[1] / px_per_mm, px_per_mm)
    page.paper[:] = _floor(camera, list(solids.values()), list(clouds.values()))
    shading.composite(page.paper, camera, sprites)
    for side, ends in places.items():
        page.words(sum(ends) / 2 - camera.extent_mm[0], 9.0, side, 13.0)
    return page.figure()


def insole_sprite(mesh: Mesh, R: Array, px_per_mm: float, up: Array) -> shading.Sprite:
    """An insole in its colour, with a fine line each 2 mm of height on its top."""

    def colour(seen: render.Fragments) -> Array:
        return shading.contoured(seen, TEAL, LINE, 2.0, up)

    return shading.portrait(mesh, R, px_per_mm, colour, mesh.vertices[:, 2])


def _wide(camera: render.Camera, ratio: float = 1.55) -> render.Camera:
    """The same view with room added left and right, up to that ratio of width to height."""
    width, height = camera.size
    return render.Camera(camera.R, camera.centre, camera.px_per_mm, (max(width, int(height * ratio) // 2 * 2), height))


def _floor(camera: render.Camera, solids: Sequence[Mesh], clouds: Sequence[PointCloud]) -> Array:
    """Soft light paper (height, width, 3) with the shadows of what lies on it and of what hangs above."""
    width, height = camera.size
    tint = np.array([1.0, 0.996, 0.988], np.float32)
    light = np.linspace(0.985, 0.905, height, dtype=np.float32)[:, None, None] * tint
    dark = np.zeros((height, width), dtype=np.float32)
    for mesh in solids:
        np.maximum(dark, 0.55 * shading.shadow(_moved(mesh.vertices, 5.0, -4.0), camera, 6.0), out=dark)
    for cloud in clouds:
        strength, blur = (0.16, 22.0) if solids else (0.45, 9.0)
        np.maximum(dark, strength * shading.shadow(_moved(cloud.points, 9.0, -7.0), camera, blur), out=dark)
    return np.asarray(light * (1.0 - dark[..., None]))


def _moved(points: Array, x: float, y: float) -> Array:
    return np.asarray(points + np.array([x, y, 0.0]))


# ------------------------------------------------------------------ one insole


def height_maps(mesh: Mesh, px_per_mm: float = MAP_PX_PER_MM) -> tuple[Array, Array, render.Camera]:
    """Heights (rows, columns) mm of the highest and the lowest surface, NaN outside, seen from above with the toes up
    (row 0 the toe end), and the camera that they are seen by."""
    camera = render.fitted(plot.FROM_ABOVE, mesh.vertices, px_per_mm, margin_px=4)
    top = render.depth_map(mesh, camera)
    bottom = -render.depth_map(Mesh(mesh.vertices * [1.0, 1.0, -1.0], mesh.faces[:, ::-1], mesh.frame), camera)
    solid = np.isfinite(top) & np.isfinite(bottom)
    return np.where(solid, top, np.nan), np.where(solid, bottom, np.nan), camera


def insole_picture(mesh: Mesh, side: Side, foot_length_mm: float | None = None, foot: Foot | None = None) -> Figure:
    """An insole's thickness from above, a shaded view, and sections true to scale; the outline of the foot is drawn
    over the thickness where the foot is given."""
    top, bottom, camera = height_maps(mesh)
    left, right, low, high = camera.extent_mm
    long = high - low
    length = foot_length_mm if foot_length_mm is not None else long
    margin = 21.0
    map_wide, view_wide, section_wide = right - left + 62.0, 1.16 * long, max(right - left + 24.0, 122.0)
    page = Page(map_wide + view_wide + section_wide, long + 2 * margin, 6.8 * DPI / (long + 2 * margin))
    middle = (left + right) / 2
    panel = page.panel(map_wide / 2 + 12.0, margin, (middle, low))
    _draw_thickness(panel, top - bottom, camera, side, foot)
    centre = map_wide + view_wide / 2
    _draw_view(page, mesh, side, (map_wide, 46.0, view_wide, page.height_mm - 56.0))
    _draw_along(page.panel(centre, 16.0, ((low + high) / 2, 0.0)), top, bottom, camera)
    _draw_across(page.panel(map_wide + view_wide + section_wide / 2, 0.0, (middle, 0.0)), top, bottom, camera, length)
    title = "Insole" if side == "unknown" else f"{side.capitalize()} insole"
    page.words(7.0, page.height_mm - 10.0, title, 15.0, INK, weight="bold", ha="left")
    return page.figure()


def _draw_thickness(panel: Panel, thickness: Array, camera: render.Camera, side: Side, foot: Foot | None) -> None:
    left, right, low, high = camera.extent_mm
    most = max(6.0, float(np.ceil(np.nanpercentile(thickness, 99.5) / 2.0)) * 2.0)
    solid = np.isfinite(thickness)
    rgba = colour_map(HEIGHT_STOPS)(np.where(solid, thickness, 0.0) / most).astype(np.float32) * solid[..., None]
    panel.sprite(_scaled(shading.Sprite(rgba, camera), panel.px_per_mm))
    u = left + (np.arange(thickness.shape[1]) + 0.5) / camera.px_per_mm
    v = high - (np.arange(thickness.shape[0]) + 0.5) / camera.px_per_mm
    grid = panel.at(np.stack(np.meshgrid(u[::3], v[::3]), axis=2))
    view = np.ma.masked_invalid(thickness[::3, ::3])
    levels = np.arange(2.5, most, 2.5)  # no thickness that is usual for a flat part
    style: dict[str, Any] = {"levels": levels, "colors": INK, "linewidths": 0.5, "alpha": 0.6, "zorder": 2}
    panel.page.axes.contour(grid[..., 0], grid[..., 1], view, **style)
    if foot is not None:
        eye = plot.eyes(side)["above"]
        for polygon in (p for f in foot.footprints if f.method == "outline_25mm" for p in f.polygons):
            flat = eye.flat(np.column_stack([polygon, np.zeros(len(polygon))]))
            panel.line(np.concatenate([flat, flat[:1]]), INK, 1.1, halo=False, ls=(0, (4, 2.5)))
        panel.words(((left + right) / 2, low - 12.0), "dashed: the foot; lines: 2.5 mm apart")
    bottom, top = low + 0.2 * (high - low), low + 0.75 * (high - low)
    panel.colour_bar(left - 22.0, bottom, top, HEIGHT_STOPS, most, "thickness\nmm", 2.0 if most <= 20 else 5.0)


def _scaled(sprite: shading.Sprite, px_per_mm: float) -> shading.Sprite:
    """A flat view at another size."""
    own = sprite.camera
    width, height = (round(s * px_per_mm / own.px_per_mm) for s in own.size)
    rows = (np.arange(height) + 0.5) * own.size[1] / height - 0.5
    columns = (np.arange(width) + 0.5) * own.size[0] / width - 0.5
    rgba = np.stack([render.bilinear(sprite.rgba[..., k], rows, columns) for k in range(4)], axis=2)
    px = width / own.size[0] * own.px_per_mm
    return shading.Sprite(rgba, render.Camera(own.R, own.centre, px, (width, height)))


def _draw_view(page: Page, mesh: Mesh, side: Side, box: tuple[float, float, float, float]) -> None:
    """The shaded insole in a box (left, bottom, width, height) mm of the page, its arch at the back."""
    R = render.looking(AZIMUTH_DEG if side != "left" else -AZIMUTH_DEG, 36.0)
    right, up, _ = render.turned(R, mesh.vertices)
    scale = min((box[2] - 24.0) / np.ptp(right), (box[3] - 24.0) / np.ptp(up))
    middle = (float(right.min() + right.max()) / 2, float(up.min() + up.max()) / 2)
    px = page.px_per_mm * float(scale)
    size = (round(box[2] * page.px_per_mm), round(box[3] * page.px_per_mm))
    camera = render.Camera(R, middle, px, size)
    away = 4.0 if side == "left" else -4.0
    dark = shading.shadow(_moved(mesh.vertices, 4.0, away), camera, 4.5)
    canvas = np.repeat((1.0 - 0.42 * dark)[..., None], 3, axis=2)
    shading.composite(canvas, camera, [insole_sprite(mesh, R, px, R @ np.array([0.0, 0.0, 1.0]))])
    rgba = np.concatenate([canvas, np.ones_like(canvas[..., :1])], axis=2)
    x, y = round(box[0] * page.px_per_mm), round((page.height_mm - box[1] - box[3]) * page.px_per_mm)
    shading.paste(page.paper, rgba, x, y)
    page.words(box[0] + box[2] / 2, page.height_mm - 10.0, "a fine line each 2 mm of height")


def _draw_along(panel: Panel, top: Array, bottom: Array, camera: render.Camera) -> None:
    """The section along the middle of the insole, heel on the left."""
    solid = np.isfinite(top)
    rows = np.flatnonzero(solid.sum(axis=1) > 3)
    columns = np.arange(top.shape[1])
    middle = np.array([int(columns[solid[r]].mean()) for r in rows])
    x = camera.extent_mm[3] - (rows + 0.5) / camera.px_per_mm
    _profile(panel, x, top[rows, middle], bottom[rows, middle])
    panel.words((float(x.mean()), -9.0), "section along the middle, heel on the left")


def _draw_across(panel: Panel, top: Array, bottom: Array, camera: render.Camera, length: float) -> None:
    """Sections across at the ball, the arch and the heel, seen from behind."""
    tall = panel.page.height_mm
    u = camera.extent_mm[0] + (np.arange(top.shape[1]) + 0.5) / camera.px_per_mm
    for k, (name, station) in enumerate(SECTIONS):
        row = int((camera.extent_mm[3] - station * length) * camera.px_per_mm)
        there = np.flatnonzero(np.isfinite(top[row])) if 0 <= row < len(top) else np.zeros(0, dtype=int)
        if len(there) < 10:
            continue
        floor = tall * (0.74 - 0.28 * k)
        low = float(bottom[row, there].min())
        t, b = top[row, there] - low, bottom[row, there] - low
        _profile(panel, u[there], t + floor, b + floor)
        middle = len(there) // 2
        words = f"{name}: {t[middle] - b[middle]:.1f} mm in the middle"
        if name != "ball":
            words += f"\nedges {t[1] - t.min():.0f} and {t[-2] - t.min():.0f} mm up"
        panel.words((float(u.mean()), floor - 4.0), words, 9.5, INK, va="top")
    panel.words((float(u.mean()), 7.0), "sections from behind")


def _profile(panel: Panel, x: Array, top: Array, bottom: Array) -> None:
    upper, lower = np.stack([x, top], axis=1), np.stack([x, bottom], axis=1)
    panel.fill(np.concatenate([upper, lower[::-1]]), TEAL, 0.85)
    panel.line(upper, INK, 1.1, halo=False)
    panel.line(lower, INK, 0.8, halo=False)
