"""Pictures for people: a foot from three sides, what a walk pressed where, its force.

Every function returns a matplotlib ``Figure``; `png` turns it into bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage, spatial

from footscan import render, shading
from footscan.page import BLUE, DPI, FAINT, GREEN, INK, ORANGE, PURPLE, Page, Panel, png
from footscan.plot_pressure import force_curves, pressure_map
from footscan.types import Array, Foot, PointCloud, Side, SoleSurface

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Eye", "eyes", "foot_views", "force_curves", "png", "pressure_map", "said", "section", "true_cloud"]

SKIN: render.Colour = (0.89, 0.78, 0.70)
BELOW_MM = 42.0  #: nothing higher is drawn from below
LEG_SHOWN = 0.55  #: how much of a leg is drawn, as a part of the foot's length

# rows right, up, toward; toes up the page, so that from above the wearer's left is on the left
FROM_ABOVE: Array = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
FROM_BELOW: Array = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])


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


def number(foot: Foot, name: str) -> float | None:
    """A measure's number; None where it is missing or was never asked for."""
    return foot.measurements[name] if name in foot.measurements.values else None


# ------------------------------------------------------------------ what is drawn


def true_cloud(foot: Foot, top_mm: float | None = None) -> PointCloud:
    """The foot's points on its true side, cut at ``top_mm`` and closed there with a flat cap where it is open."""
    cloud = foot.cloud
    high = np.inf if top_mm is None else top_mm
    keep = np.flatnonzero((cloud.points[:, 2] <= high) & (cloud.points[:, 2] > -1.5))  # nothing is below the floor
    points, normals = cloud.points[keep], _picked(cloud.normals, keep)
    lid = _lid(points)
    points = np.concatenate([points, lid])
    if normals is not None:
        normals = np.concatenate([normals, np.tile([0.0, 0.0, 1.0], (len(lid), 1))])
    if foot.side == "left":
        mirror = np.array([1.0, -1.0, 1.0])
        points, normals = points * mirror, None if normals is None else normals * mirror
    return PointCloud(points, normals, "foot")


def _picked(normals: Array | None, keep: Any) -> Array | None:
    return None if normals is None else normals[keep]


def _lid(points: Array, step_mm: float = 0.8) -> Array:
    """A flat lid (n, 3) over the hole that a cut leg leaves; none where the top is closed already."""
    none = np.zeros((0, 3))
    if len(points) < 100:
        return none
    top = float(np.partition(points[:, 2], -20)[-20])
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


def section(points: Array, origin: Array, normal: Array, half_mm: float = 1.5, parts: int = 180) -> Array | None:
    """Outline (parts + 1, 2) mm of a cut through points (n, 3): right is horizontal in the plane, up is z; None where
    too few points lie near it."""
    normal = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
    across = np.cross([0.0, 0.0, 1.0], normal)
    across /= np.linalg.norm(across)
    reach = sum(p * n for p, n in zip((points - origin).T, normal))
    near = points[np.abs(reach) < half_mm]
    if len(near) < 60:
        return None
    flat = np.stack([(near - origin) @ across, near[:, 2]], axis=1)
    middle = (flat.min(axis=0) + flat.max(axis=0)) / 2.0
    d = flat - middle
    angle, radius = np.arctan2(d[:, 1], d[:, 0]), np.hypot(d[:, 0], d[:, 1])
    # mean distance of the skin by direction, smoothed around the circle
    bins = ((angle + np.pi) / (2 * np.pi) * parts).astype(int) % parts
    count = np.bincount(bins, minlength=parts)
    if (count == 0).mean() > 0.3:
        return None
    known = np.flatnonzero(count)
    mean = np.bincount(bins, weights=radius, minlength=parts)[known] / count[known]
    mean = ndimage.gaussian_filter1d(np.interp(np.arange(parts), known, mean, period=parts), 1.2, mode="wrap")
    around = np.arange(parts + 1) % parts
    a = (around + 0.5) / parts * 2 * np.pi - np.pi
    return np.asarray(mean[around, None] * np.stack([np.cos(a), np.sin(a)], axis=1) + middle)


# ------------------------------------------------------------------ the picture


def foot_views(foot: Foot, height_in: float = 7.0) -> Figure:
    """A foot from above, from below and from its medial side, and its ball and instep sections, all to one scale:
    landmarks, the lines along which it was measured, and the values with the spread that a repeated scan has."""
    points = foot.cloud.points
    length = number(foot, "foot_length_mm") or float(np.ptp(points[:, 0]))
    top_mm = min(float(points[:, 2].max()), LEG_SHOWN * length)
    cloud = true_cloud(foot, top_mm)
    spacing = render.point_spacing_mm(cloud.points)
    low = points[points[:, 2] <= top_mm]
    y_ends = np.array([low[:, 1].min(), low[:, 1].max()])
    see = eyes(foot.side)
    # from below nothing is looked for high up: where the sole was not scanned, paper shows
    low_only = cloud.points[:, 2] < BELOW_MM
    shown = {"above": cloud, "below": PointCloud(cloud.points[low_only], _picked(cloud.normals, low_only), "foot")}

    margin = 34.0
    tall = length + 2 * margin
    wide = float(np.ptp(y_ends)) + 62.0
    page = Page(2 * wide + length + 58.0, tall, height_in * DPI / tall)
    for k, (name, draw) in enumerate((("above", _draw_above), ("below", _draw_below))):
        eye = see[name]
        middle = float(eye.flat(np.array([0.0, y_ends.mean(), 0.0]))[0])
        panel = page.panel((k + 0.5) * wide, margin, (middle, 0.0))
        panel.sprite(shading.portrait(shown[name], eye.R, panel.px_per_mm, SKIN, spacing_mm=spacing))
        panel.words((middle, length + 10.0), f"from {name}")
        draw(panel, foot, eye, length)
    eye = see["medial"]
    middle = float(eye.flat(np.array([length / 2, 0.0, 0.0]))[0])
    centre, floor = 2 * wide + length / 2 + 18.0, tall - top_mm - 28.0
    panel = page.panel(centre, floor, (middle, 0.0))
    panel.sprite(shading.portrait(cloud, eye.R, panel.px_per_mm, SKIN, spacing_mm=spacing))
    panel.words((middle, top_mm + 18.0), "inner side")
    _draw_medial(panel, foot, eye, length, top_mm)
    _draw_sections(page, foot, length, centre)
    side = "Foot, side unknown" if foot.side == "unknown" else f"{foot.side.capitalize()} foot"
    load = "" if foot.measurements.load == "unknown" else f", {foot.measurements.load}"
    page.words(7.0, tall - 11.0, side + load, 15.0, INK, weight="bold", ha="left")
    return page.figure()


def _draw_above(panel: Panel, foot: Foot, eye: Eye, length: float) -> None:
    points = foot.landmarks.points
    outside = 1.0 if eye.flat(np.array([0.0, -1.0, 0.0]))[0] > 0 else -1.0  # the lateral side on the page
    low = foot.cloud.points[foot.cloud.points[:, 2] < 60.0]
    edge = float((eye.flat(low)[:, 0] * outside).max()) + 9.0
    if (text := said(foot, "foot_length_mm")) is not None:
        panel.dimension(np.array([edge * outside, 0.0]), np.array([edge * outside, length]))
        panel.label((edge * outside, length * 0.36), f"length {text}", rotation=90)
    for ends, name, words, colour in (
        (("mth1", "mth5"), "foot_breadth_mm", "breadth", BLUE),
        (("heel_medial", "heel_lateral"), "heel_breadth_mm", "heel", PURPLE),
    ):
        if all(end in points for end in ends):
            line = eye.flat(np.array([points[end] for end in ends]))
            panel.line(line, colour)
            if (text := said(foot, name)) is not None:
                middle = line.mean(axis=0)
                panel.label((middle[0], middle[1] + 9.0), f"{words} {text}", colour)
    _marks(panel, foot, eye, ("pternion", "mth1", "mth5", "heel_medial", "heel_lateral", "longest_toe"))


def _draw_below(panel: Panel, foot: Foot, eye: Eye, length: float) -> None:
    for footprint in foot.footprints:
        if footprint.method == "contact_2mm":
            for polygon in footprint.polygons:
                flat = eye.flat(np.column_stack([polygon, np.zeros(len(polygon))]))
                panel.fill(flat, "#2f8fd0", 0.38)
                panel.line(np.concatenate([flat, flat[:1]]), BLUE, 1.3)
    sole = foot.sole
    middle = float(eye.flat(np.array([0.0, (sole.y_mm[0] + sole.y_mm[-1]) / 2, 0.0]))[0])
    note = "blue: touches the floor (within 2 mm)"
    if sole.capped:
        note = "the scanner closed the sole\nwith a flat lid: no arch to show"
    else:
        x, y = np.meshgrid(sole.x_mm, sole.y_mm, indexing="ij")
        flat = panel.at(eye.flat(np.stack([x, y, np.zeros_like(x)], axis=-1)))
        z = np.ma.masked_invalid(np.where(sole.measured, sole.z_mm, np.nan))
        if z.count() > 50 and z.max() > 6.0 and min(z.shape) > 1:
            style: dict[str, Any] = {"levels": [5.0, 10.0, 15.0, 20.0], "colors": FAINT, "linewidths": 0.8, "zorder": 3}
            panel.page.axes.contour(flat[..., 0], flat[..., 1], z, **style)
            note += "\ngrey lines: 5, 10, 15, 20 mm above it"
        if sole.measured.any() and _unseen(sole) > 0.05:
            note += "\nwhite: not scanned"
    panel.words((middle, -18.0), note, 9.0, BLUE)


def _unseen(sole: SoleSurface) -> float:
    """How much of the sole's area was not scanned: of what lies between scanned places of each station."""
    seen = sole.measured & np.isfinite(sole.z_mm)
    ahead, behind = np.cumsum(seen, axis=1) > 0, np.cumsum(seen[:, ::-1], axis=1)[:, ::-1] > 0
    return float(1.0 - seen.sum() / max(int((ahead & behind).sum()), 1))


def _draw_medial(panel: Panel, foot: Foot, eye: Eye, length: float, top_mm: float) -> None:
    points = foot.landmarks.points

    def at(x: float, z: float) -> Array:
        return eye.flat(np.array([x, 0.0, z]))

    def top_of(x: float) -> float:
        near = foot.cloud.points[np.abs(foot.cloud.points[:, 0] - x) < 2.0]
        return min(float(near[:, 2].max()), top_mm) if len(near) else 0.0

    panel.line(np.array([at(-12.0, 0.0), at(length + 12.0, 0.0)]), INK, 1.0, halo=False)
    instep = number(foot, "instep_height_mm")
    if instep is not None:
        panel.line(np.array([at(0.5 * length, 0.0), at(0.5 * length, instep)]), GREEN)
        panel.label(at(0.5 * length, 0.52 * instep), f"instep height\n{said(foot, 'instep_height_mm')}", GREEN)
    if "mth1" in points:
        x = float(points["mth1"][0])
        panel.line(np.array([at(x, 0.0), at(x, top_of(x))]), BLUE)
        if (text := said(foot, "ball_girth_mm")) is not None:
            panel.label(at(x + 12.0, top_of(x) + 10.0), f"ball girth {text}", BLUE)
    if "heel_landing" in points and "ankle_bend" in points and points["ankle_bend"][2] <= top_mm:
        landing, bend = eye.flat(points["heel_landing"]), eye.flat(points["ankle_bend"])
        panel.line(np.array([landing, bend]), PURPLE)
        if (text := said(foot, "heel_girth_long_mm")) is not None:
            panel.label(0.55 * landing + 0.45 * bend, f"heel girth\n{text}", PURPLE)
    height, station = number(foot, "arch_apex_height_mm"), number(foot, "arch_apex_station")
    if height is not None and (text := said(foot, "arch_apex_height_mm")) is not None:
        flat = eye.flat(points.get("arch_apex", np.array([(station or 0.45) * length, 0.0, height])))
        panel.line(np.array([[flat[0], 0.0], flat]), ORANGE, 2.2)
        panel.label((flat[0], -9.0), f"arch {text}", ORANGE)
    else:
        panel.label(at(0.42 * length, -9.0), "arch: not measured", FAINT)
    names = ("pternion", "mth1", "instep", "heel_landing", "ankle_bend", "malleolus_medial", "navicular")
    _marks(panel, foot, eye, names, top_mm)


def _draw_sections(page: Page, foot: Foot, length: float, centre: float) -> None:
    points = foot.landmarks.points
    m = -1.0 if foot.side == "left" else 1.0
    wanted = [("instep", np.array([0.5 * length, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]), GREEN)]
    if "mth1" in points and "mth5" in points:
        along = points["mth1"] - points["mth5"]
        wanted.insert(0, ("ball", (points["mth1"] + points["mth5"]) / 2, np.array([along[1], -along[0], 0.0]), BLUE))
    for k, (name, origin, normal, colour) in enumerate(wanted):
        outline = section(foot.cloud.points, origin, normal * np.sign(normal[0]))
        if outline is None:
            continue
        # from behind, right on the page is the wearer's right: -y of the true side
        outline = outline * [-m, 1.0]
        middle = float(outline[:, 0].min() + outline[:, 0].max()) / 2
        panel = page.panel(centre + (k - 0.5) * (0.5 * length + 20.0), 27.0, (middle, 0.0))
        hull = outline[spatial.ConvexHull(outline).vertices]
        panel.fill(outline, colour, 0.10)
        panel.line(outline, colour, 1.6, halo=False)
        panel.line(np.concatenate([hull, hull[:1]]), INK, 0.8, halo=False, ls=(0, (4, 2)))
        ends = np.array([[outline[:, 0].min() - 8.0, 0.0], [outline[:, 0].max() + 8.0, 0.0]])
        panel.line(ends, FAINT, 0.8, halo=False)
        text = said(foot, f"{name}_girth_mm") or "not measured"
        panel.words((middle, -9.0), f"{name} girth {text}", colour=colour)
    page.words(centre, 6.0, "sections from behind; dashed: a taut tape", 9.0)


def _marks(panel: Panel, foot: Foot, eye: Eye, names: tuple[str, ...], top_mm: float = np.inf) -> None:
    there = [foot.landmarks.points[n] for n in names if n in foot.landmarks.points]
    there = [p for p in there if p[2] <= top_mm]
    if there:
        panel.dots(eye.flat(np.array(there)))
