"""What changed between two scans of a foot, in colours, from four sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import spatial

from footscan import render, shading
from footscan.deviation import Deviation
from footscan.page import CHANGE_STOPS, DPI, FAINT, INK, Page, Panel, colour_map
from footscan.plot import BELOW_MM, LEG_SHOWN, Eye, eyes, true_cloud
from footscan.scans.surface import closed_top_mm
from footscan.types import Array, Foot, PointCloud, replace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNKNOWN_GREY: render.Colour = (0.72, 0.72, 0.70)
NICE_MM = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0)
WORDS = (
    ("foot_length_mm", "length"),
    ("foot_breadth_mm", "breadth"),
    ("ball_girth_mm", "ball girth"),
    ("instep_girth_mm", "instep girth"),
    ("instep_height_mm", "instep height"),
)


def deviation_views(deviation: Deviation, before: Foot, height_in: float = 7.0) -> Figure:
    """The first foot from above, below, inside and outside, coloured by how far the second's skin lies outside of it
    (red) or within (blue), grey where nothing could be compared."""
    length = float(before.landmarks.points["longest_toe"][0])
    top = closed_top_mm(before.cloud.points) or float(before.cloud.points[:, 2].max())
    top_mm = min(float(deviation.points[:, 2].max()) + 4.0, top, LEG_SHOWN * length)
    cloud, value = _coloured_cloud(deviation, before, top_mm)
    most = _nice(deviation)
    see = eyes(before.side)
    see["lateral"] = Eye(see["medial"].R * np.array([[-1.0], [1.0], [-1.0]]), see["medial"].mirror)
    half = float(np.abs(cloud.points[:, 1]).max())
    margin, gap = 30.0, 26.0
    tall = max(length + 2 * margin + 14.0, 2 * top_mm + 104.0)
    wide = 2 * half + gap
    page = Page(2 * wide + length + 110.0, tall, height_in * DPI / tall)
    bottom = (tall - length) / 2
    places = {
        "above": (wide / 2 + 6.0, bottom, np.zeros(2), "from above", length + 9.0),
        "below": (1.5 * wide + 6.0, bottom, np.zeros(2), "from below", length + 9.0),
    }
    x = 2 * wide + 14.0 + length / 2
    for k, (name, words) in enumerate((("medial", "inner side"), ("lateral", "outer side"))):
        middle = see[name].flat(np.array([length / 2, 0.0, 0.0]))
        places[name] = (x, tall - 34.0 - top_mm - k * (top_mm + 28.0), middle, words, top_mm + 8.0)
    spacing = render.point_spacing_mm(cloud.points)
    for name, (across, up, middle, words, head) in places.items():
        panel = page.panel(across, up, (float(middle[0]), 0.0))
        keep = cloud.points[:, 2] < (BELOW_MM if name == "below" else np.inf)
        _coloured(panel, cloud, value, keep, see[name], most, spacing)
        panel.words((float(middle[0]), head), words)
    _change_bar(page, page.width_mm - 40.0, 52.0, tall - 62.0, most)
    _change_words(page, deviation, before)
    return page.figure()


def _coloured_cloud(deviation: Deviation, before: Foot, top_mm: float) -> tuple[PointCloud, Array]:
    """The first scan's points on their true side with normals, closed at the top of the leg, and the distance (n,) at
    each, NaN where there is none."""
    tree = spatial.cKDTree(deviation.points)
    near_skin = np.asarray(tree.query(before.cloud.points)[0]) < 8.0  # strays are not drawn
    points = before.cloud.points[near_skin]
    normals = deviation.normals[np.asarray(tree.query(points)[1])]
    cloud = true_cloud(replace(before, cloud=PointCloud(points, normals, "foot")), top_mm)
    mirror = np.array([1.0, -1.0 if before.side == "left" else 1.0, 1.0])
    away, near = (np.asarray(v) for v in tree.query(cloud.points * mirror, k=5))
    d = deviation.distance_mm[near]
    weight = np.isfinite(d) / (away + 0.3)
    total = weight.sum(axis=1)
    value = np.where(total > 0, (weight * np.nan_to_num(d)).sum(axis=1) / np.maximum(total, 1e-9), np.nan)
    value[(away[:, 0] > 4.0) | ~np.isfinite(d[:, 0])] = np.nan
    return cloud, value


def _coloured(
    panel: Panel, cloud: PointCloud, value: Array, keep: Array, eye: Eye, most: float, spacing: float
) -> None:
    """Grey skin, and over it the part whose change is known in its colours."""
    if cloud.normals is None:
        return
    table = colour_map(CHANGE_STOPS)

    def colours(seen: render.Fragments) -> Array:
        return np.asarray(table(np.clip(0.5 + 0.5 * seen.value / most, 0.0, 1.0)))[:, :3].T

    whole = PointCloud(cloud.points[keep], cloud.normals[keep], "foot")
    panel.sprite(shading.portrait(whole, eye.R, panel.px_per_mm, UNKNOWN_GREY, spacing_mm=spacing))
    known = keep & np.isfinite(value)
    if known.sum() > 200:
        part = PointCloud(cloud.points[known], cloud.normals[known], "foot")
        sprite = shading.portrait(
            part, eye.R, panel.px_per_mm, colours, value[known], gloss=0.03, creases=0.25, spacing_mm=spacing
        )
        panel.sprite(sprite)


def _nice(deviation: Deviation) -> float:
    """The end of the colour bar (mm): the least nice number that nearly all of the changes stay within."""
    d = np.abs(deviation.distance_mm[np.isfinite(deviation.distance_mm)])
    wanted = float(np.percentile(d, 99.7)) if len(d) else 1.0
    return next((v for v in NICE_MM if v >= wanted), NICE_MM[-1])


def _change_bar(page: Page, left: float, low: float, high: float, most: float, width: float = 6.0) -> None:
    px = page.px_per_mm
    rows = slice(round((page.height_mm - high) * px), round((page.height_mm - low) * px))
    colours = colour_map(CHANGE_STOPS)(np.linspace(1.0, 0.0, max(rows.stop - rows.start, 1)))[:, None, :3]
    page.paper[rows, round(left * px) : round((left + width) * px)] = colours
    for value in np.linspace(-most, most, 9):
        y = low + (high - low) * (value + most) / (2 * most)
        page.axes.plot([left + width, left + width + 1.6], [y, y], color=INK, lw=0.8)
        text = "0" if value == 0 else f"{value:+.3g}".replace("-", "\N{MINUS SIGN}")
        page.words(left + width + 3.0, y, text, 9.0, INK, ha="left")
    page.words(left + width / 2, high + 5.0, "mm", 9.5, INK)
    page.words(left + width / 2, high + 13.0, "larger", 9.0, CHANGE_STOPS[-2])
    page.words(left + width / 2, low - 6.0, "smaller", 9.0, CHANGE_STOPS[1])


def _change_words(page: Page, deviation: Deviation, before: Foot) -> None:
    s = deviation.summary
    side = "Foot" if before.side == "unknown" else f"{before.side.capitalize()} foot"
    page.words(7.0, page.height_mm - 10.0, f"{side}: what changed", 15.0, INK, weight="bold", ha="left")
    how = "laid on each other by what agrees best" if deviation.align == "fit" else "heel on heel, floor on floor"
    page.words(page.width_mm - 7.0, page.height_mm - 9.0, how, 9.0, FAINT, ha="right")
    told = (
        f"mean {round(s.mean_mm, 2) + 0.0:+.2f} mm · RMS {s.rms_mm:.2f} mm · 95 % within ± {s.p95_mm:.2f} mm"
        f" · volume {round(s.volume_ml) + 0:+.0f} ml · grey: nothing to compare"
    )
    page.words(7.0, 16.0, told.replace("-", "\N{MINUS SIGN}"), 9.5, INK, ha="left")
    changes = []
    for key, words in WORDS:
        change = deviation.changes.get(key)
        if change is not None and change.value is not None:
            spread = "" if change.sd_total is None else f" ± {change.sd_total:.1f}"
            changes.append(f"{words} {round(change.value, 1) + 0.0:+.1f}{spread}")
    page.words(7.0, 8.0, ("mm: " + " · ".join(changes)).replace("-", "\N{MINUS SIGN}"), 9.5, INK, ha="left")
