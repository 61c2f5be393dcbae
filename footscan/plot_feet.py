"""A measured foot from three sides: every tape and line where it lay, with its value and spread."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage, spatial

from footscan import render, shading
from footscan.page import BLUE, DPI, FAINT, GREEN, INK, ORANGE, PURPLE, Page, Panel
from footscan.plot import LEG_SHOWN, SKIN, Eye, eyes, number, said, true_cloud
from footscan.scans.clean import lonely
from footscan.scans.normals import surface_normals, turned_out
from footscan.scans.surface import closed_top_mm
from footscan.types import Array, Foot, PointCloud, replace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["girth_curve", "measured_views", "outward_cloud"]

TEAL = "#0f6b78"
LABEL_MM = 16.0  #: least distance of two labels
UP, AHEAD, ASIDE = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])


def outward_cloud(foot: Foot, top_mm: float | None = None) -> PointCloud:
    """The foot's points on its true side with outward normals, cut at ``top_mm`` and closed there with a flat cap."""
    points = foot.cloud.points[~lonely(foot.cloud.points)]
    normals = turned_out(points, surface_normals(points, 16), on_floor=True)
    return true_cloud(replace(foot, cloud=PointCloud(points, normals, "foot")), top_mm)


# ------------------------------------------------------------------ where the tapes lay


def girth_curve(points: Array, origin: Array, normal: Array, half_mm: float = 2.0, parts: int = 120) -> Array | None:
    """A taut tape (k, 3) mm around points (n, 3) in the plane through ``origin``: the hull of the cut, its first point
    repeated at the end; None where too few points lie near the plane."""
    normal = normal / np.linalg.norm(normal)
    away = (points - origin) @ normal
    near = points[np.abs(away) < half_mm]
    if len(near) < 60:
        return None
    e1 = np.cross(normal, ASIDE if abs(normal[1]) < 0.9 else UP)
    e1 = e1 / np.linalg.norm(e1)
    e2 = np.cross(normal, e1)
    flat = np.stack([(near - origin) @ e1, (near - origin) @ e2], axis=1)
    middle = (np.percentile(flat, 1, axis=0) + np.percentile(flat, 99, axis=0)) / 2.0
    d = flat - middle
    bins = ((np.arctan2(d[:, 1], d[:, 0]) + np.pi) / (2 * np.pi) * parts).astype(int) % parts
    count = np.bincount(bins, minlength=parts)
    known = np.flatnonzero(count)
    if len(known) < 0.7 * parts:
        return None
    radius = np.bincount(bins, weights=np.hypot(d[:, 0], d[:, 1]), minlength=parts)[known] / count[known]
    radius = ndimage.gaussian_filter1d(np.interp(np.arange(parts), known, radius, period=parts), 1.0, mode="wrap")
    a = (np.arange(parts) + 0.5) / parts * 2 * np.pi - np.pi
    ring = radius[:, None] * np.stack([np.cos(a), np.sin(a)], axis=1) + middle
    hull = ring[spatial.ConvexHull(ring).vertices]
    hull = np.concatenate([hull, hull[:1]])
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(hull, axis=0), axis=1))])
    even = np.linspace(0.0, way[-1], 240)
    flat = np.stack([np.interp(even, way, hull[:, k]) for k in range(2)], axis=1)
    return np.asarray(origin + flat[:, :1] * e1 + flat[:, 1:] * e2)


@dataclass(frozen=True, eq=False)
class Tape:
    """A girth: its measure's key, its words, its colour and where it lay."""

    key: str
    words: str
    colour: str
    curve: Array


def _tapes(foot: Foot, length: float) -> list[Tape]:
    """The girths that were measured, each where its definition lays it."""
    p, marks = foot.cloud.points, foot.landmarks.points
    found: list[tuple[str, str, str, Array | None]] = []
    if "mth1" in marks and "mth5" in marks:
        line = (marks["mth5"] - marks["mth1"]) * [1.0, 1.0, 0.0]
        level = np.cross(line / np.linalg.norm(line), UP)
        level = level * (np.sign(level[0]) or 1.0)
        method = foot.measurements.values["ball_girth_mm"].method
        said_tilt = re.search(r"at ([+-]?\d+(?:\.\d+)?) deg", method)
        tilt = np.radians(float(said_tilt[1])) if said_tilt else 0.0
        fore = p[(p[:, 0] > 0.42 * length) & (p[:, 0] < 0.9 * length)]
        curve = girth_curve(fore, (marks["mth1"] + marks["mth5"]) / 2, np.cos(tilt) * level + np.sin(tilt) * UP)
        found.append(("ball_girth_mm", "ball girth", BLUE, curve))
        instep = float(marks["instep"][0]) if "instep" in marks else 0.55 * length
        waist = (instep + float(marks["mth1"][0] + marks["mth5"][0]) / 2) / 2
        found.append(("waist_girth_mm", "waist girth", TEAL, girth_curve(p, np.array([waist, 0.0, 20.0]), AHEAD)))
    middle = np.array([0.5 * length, 0.0, 20.0])
    found.append(("instep_girth_mm", "instep girth", GREEN, girth_curve(p, middle, AHEAD)))
    for key, words, end, colour in (
        ("heel_girth_short_mm", "heel girth, short", "instep", ORANGE),
        ("heel_girth_long_mm", "heel girth, long", "ankle_bend", PURPLE),
    ):
        if end in marks and "heel_landing" in marks:
            along = (marks[end] - marks["heel_landing"]) * [1.0, 0.0, 1.0]
            centre = (marks[end] + marks["heel_landing"]) / 2
            found.append((key, words, colour, girth_curve(p, centre, np.cross(along, ASIDE))))
    return [Tape(k, w, c, curve) for k, w, c, curve in found if curve is not None and number(foot, k) is not None]


def _draw_tape(panel: Panel, tape: Tape, eye: Eye, width: float = 1.9) -> None:
    """The part of a tape that the viewer sees: where its outside looks towards them."""
    curve = tape.curve * eye.mirror
    ahead = np.gradient(curve, axis=0)
    out = curve - curve.mean(axis=0)
    # at right angles to the curve in its plane, outwards
    normal = out - ahead * (np.einsum("ni,ni->n", out, ahead) / np.einsum("ni,ni->n", ahead, ahead))[:, None]
    seen = normal @ eye.R[2] > 0.02 * np.linalg.norm(normal, axis=1)
    flat = curve @ eye.R[:2].T
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(int)))
    for start, stop in edges.reshape(-1, 2):
        if stop - start > 2:
            panel.line(flat[start:stop], tape.colour, width)


# ------------------------------------------------------------------ labels beside the picture


@dataclass(frozen=True, eq=False)
class Callout:
    """Words beside a view with a fine line to the place that they are about (right, up) mm."""

    at: Array
    text: str
    colour: str


def _callouts(panel: Panel, items: Sequence[Callout], x: float, on_left: bool, low: float, high: float) -> None:
    """Words in a column at ``x`` between ``low`` and ``high``, none over another, each with a line to its place."""
    items = sorted(items, key=lambda item: -float(item.at[1]))
    wanted = np.array([float(item.at[1]) for item in items])
    gap = min(LABEL_MM, (high - low) / max(len(items) - 1, 1)) / panel.scale
    place = np.minimum.accumulate(np.clip(wanted, low, high) + gap * np.arange(len(items))) - gap * np.arange(
        len(items)
    )
    short = low - place[-1] if len(items) and place[-1] < low else 0.0
    if short > 0:  # pushed out below: up again from the bottom
        up = low + gap * np.arange(len(items))[::-1]
        place = np.maximum(place, up)
    side = -1.0 if on_left else 1.0
    for item, y in zip(items, place):
        start = np.array([x - side * 1.5, y])
        panel.line(np.array([start, [x - side * 5.0, y], item.at]), item.colour, 0.9, halo=True, alpha=0.9)
        style: dict[str, Any] = {"ha": "right" if on_left else "left", "linespacing": 1.15}
        panel.words((x, y), item.text, 9.5, item.colour, **style)


def _callout(foot: Foot, key: str, words: str, at: Array, colour: str) -> list[Callout]:
    text = said(foot, key)
    return [] if text is None else [Callout(np.asarray(at, dtype=float), f"{words}\n{text}", colour)]


def _outmost(flat: Array, to_right: bool) -> Array:
    """The outermost place of a curve (n, 2) on one side of the page."""
    return np.asarray(flat[int(np.argmax(flat[:, 0] * (1.0 if to_right else -1.0)))])


# ------------------------------------------------------------------ a foot and its measures


def measured_views(foot: Foot, height_in: float = 7.4) -> Figure:
    """A foot from above, from its inner side and from the front, all to one scale, with every tape and line where it
    was measured and the value with the spread that a repeated scan has (``sd_total``)."""
    points = foot.cloud.points
    length = number(foot, "foot_length_mm") or float(np.ptp(points[:, 0]))
    top_mm = min(closed_top_mm(points) or float(points[:, 2].max()), LEG_SHOWN * length)
    cloud = outward_cloud(foot, top_mm)
    spacing = render.point_spacing_mm(cloud.points)
    half = float(np.abs(cloud.points[:, 1]).max())
    tapes = _tapes(foot, length)
    see = eyes(foot.side)
    m = -1.0 if foot.side == "left" else 1.0
    front = Eye(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]), np.array([1.0, m, 1.0]))
    margin, column = 34.0, 72.0
    tall = length + 2 * margin
    wide = 2 * half + 2 * column
    page = Page(wide + length + 136.0, tall, height_in * DPI / tall)

    panel = page.panel(wide / 2, margin - 8.0, (0.0, 0.0))
    panel.sprite(shading.portrait(cloud, see["above"].R, panel.px_per_mm, SKIN, spacing_mm=spacing))
    panel.words((0.0, length + 12.0), "from above")
    _above(panel, foot, see["above"], tapes, length, half)

    right = wide + (length + 136.0) / 2 + 4.0
    eye = see["medial"]
    middle = float(eye.flat(np.array([length / 2, 0.0, 0.0]))[0])
    # the heel's labels want more room than the toes'
    panel = page.panel(right + (14.0 if foot.side == "left" else -14.0), tall - top_mm - 38.0, (middle, 0.0))
    panel.sprite(shading.portrait(cloud, eye.R, panel.px_per_mm, SKIN, spacing_mm=spacing))
    panel.words((middle, top_mm + 14.0), "inner side")
    _medial(panel, foot, eye, tapes, length, top_mm)

    low = min(top_mm, 0.36 * length)
    panel = page.panel(right, 12.0, (0.0, 0.0), min(1.0, (tall - top_mm - 38.0 - 46.0) / low))
    flat_low = cloud.points[:, 2] < low
    shown = PointCloud(cloud.points[flat_low], None if cloud.normals is None else cloud.normals[flat_low], "foot")
    panel.sprite(shading.portrait(shown, front.R, panel.px_per_mm, SKIN, spacing_mm=spacing))
    _front(panel, foot, front, tapes, half, low)
    _title(page, foot)
    return page.figure()


def _title(page: Page, foot: Foot) -> None:
    side = "Foot, side unknown" if foot.side == "unknown" else f"{foot.side.capitalize()} foot"
    load = "" if foot.measurements.load == "unknown" else f", {foot.measurements.load}"
    page.words(7.0, page.height_mm - 10.0, side + load, 15.0, INK, weight="bold", ha="left")
    score = f"scan quality {foot.measurements.score}/100 · value ± what a repeated scan differs by (1 SD)"
    page.words(page.width_mm - 7.0, page.height_mm - 9.0, score, 9.0, FAINT, ha="right")


def _above(panel: Panel, foot: Foot, eye: Eye, tapes: Sequence[Tape], length: float, half: float) -> None:
    marks = foot.landmarks.points
    lateral_right = eye.flat(np.array([0.0, -1.0, 0.0]))[0] > 0
    out = 1.0 if lateral_right else -1.0
    outer: list[Callout] = []
    inner: list[Callout] = []
    for tape in tapes:
        if tape.key in ("waist_girth_mm", "instep_girth_mm"):
            _draw_tape(panel, tape, eye)
            outer += _callout(foot, tape.key, tape.words, _outmost(eye.flat(tape.curve), lateral_right), tape.colour)
    for ends, key, words, colour in (
        (("mth1", "mth5"), "foot_breadth_mm", "breadth", BLUE),
        (("heel_medial", "heel_lateral"), "heel_breadth_mm", "heel breadth", PURPLE),
    ):
        if all(end in marks for end in ends) and number(foot, key) is not None:
            line = eye.flat(np.array([marks[end] for end in ends]))
            panel.line(line, colour)
            outer += _callout(foot, key, words, _outmost(line, lateral_right), colour)
    edge = -out * (half + 9.0)
    if (text := said(foot, "foot_length_mm")) is not None:
        panel.dimension(np.array([edge, 0.0]), np.array([edge, length]))
        panel.label((edge, 0.30 * length), f"length {text}", rotation=90)
    for name, key, words in (
        ("mth1", "ball_length_medial_mm", "ball length, inner"),
        ("toe1_tip", "toe1_angle_deg", "big toe angle"),
    ):
        if name in marks:
            inner += _callout(foot, key, words, eye.flat(marks[name]), INK)
    if "mth5" in marks:
        outer += _callout(foot, "ball_length_lateral_mm", "ball length, outer", eye.flat(marks["mth5"]), INK)
    names = ("pternion", "mth1", "mth5", "heel_medial", "heel_lateral", "toe1_tip", "toe2_tip", "toe5_tip")
    _dots(panel, foot, eye, names)
    _callouts(panel, outer, out * (half + 14.0), not lateral_right, 4.0, length)
    _callouts(panel, inner, -out * (half + 14.0), lateral_right, 0.55 * length, length)


def _medial(panel: Panel, foot: Foot, eye: Eye, tapes: Sequence[Tape], length: float, top_mm: float) -> None:
    marks = foot.landmarks.points
    floor = eye.flat(np.array([[-14.0, 0.0, 0.0], [length + 14.0, 0.0, 0.0]]))
    panel.line(floor, INK, 1.0, halo=False)
    toes_right = float(floor[1, 0]) > float(floor[0, 0])
    heel: list[Callout] = []
    toe: list[Callout] = []
    for tape in tapes:
        _draw_tape(panel, tape, eye)
        flat = eye.flat(tape.curve)
        top = flat[int(np.argmax(flat[:, 1]))]
        if tape.key.startswith("heel"):
            heel += _callout(foot, tape.key, tape.words, _lowest(flat, 0.35), tape.colour)
        elif tape.key == "ball_girth_mm":
            toe += _callout(foot, tape.key, tape.words, top, tape.colour)
        elif tape.key == "instep_girth_mm":
            toe += _callout(foot, "instep_height_mm", "instep height", top, tape.colour)
    for name, key, words, colour in (
        ("malleolus_medial", "malleolus_medial_height_mm", "inner ankle height", INK),
        ("navicular", "navicular_height_mm", "navicular height", INK),
    ):
        if name in marks and marks[name][2] < top_mm:
            heel += _callout(foot, key, words, eye.flat(marks[name]), colour)
    height, station = number(foot, "arch_apex_height_mm"), number(foot, "arch_apex_station")
    if height is not None and station is not None:
        x = float(eye.flat(np.array([station * length, 0.0, 0.0]))[0])
        panel.line(np.array([[x, 0.0], [x, height]]), ORANGE, 2.2)
        panel.label((x, -9.0), f"arch {said(foot, 'arch_apex_height_mm')}", ORANGE)
    else:
        x = float(eye.flat(np.array([0.42 * length, 0.0, 0.0]))[0])
        panel.label((x, -9.0), "arch: not measured", FAINT)
    if "toe1_bulge" in marks:
        toe += _callout(foot, "toe1_height_mm", "big toe height", eye.flat(marks["toe1_bulge"]), INK)
    _dots(panel, foot, eye, ("pternion", "mth1", "instep", "heel_landing", "ankle_bend", "malleolus_medial"), top_mm)
    ends = sorted(float(v) for v in floor[:, 0])
    _callouts(panel, heel, ends[0] + 6.0 if toes_right else ends[1] - 6.0, toes_right, 12.0, top_mm)
    tall = 0.62 * top_mm
    x = float(eye.flat(np.array([0.80 * length, 0.0, 0.0]))[0])
    _callouts(panel, toe, x, not toes_right, 0.30 * length, 0.30 * length + tall)


def _lowest(flat: Array, share: float) -> Array:
    """A place on a curve (n, 2), a ``share`` of its height up."""
    low, high = flat[:, 1].min(), flat[:, 1].max()
    return np.asarray(flat[int(np.argmin(np.abs(flat[:, 1] - (low + share * (high - low)))))])


def _front(panel: Panel, foot: Foot, eye: Eye, tapes: Sequence[Tape], half: float, low: float) -> None:
    marks = foot.landmarks.points
    panel.line(np.array([[-half - 14.0, 0.0], [half + 14.0, 0.0]]), INK, 1.0, halo=False)
    panel.words((0.0, low + 9.0), "from the front; dashed: behind the ball")
    girths: list[Callout] = []
    heights: list[Callout] = []
    medial_right = bool(eye.flat(np.array([0.0, 1.0, 0.0]))[0] > 0)
    for tape in tapes:
        flat = eye.flat(tape.curve)
        if tape.key == "ball_girth_mm":
            _draw_tape(panel, tape, eye)
        elif tape.key in ("waist_girth_mm", "instep_girth_mm"):
            panel.line(flat, tape.colour, 1.3, halo=False, ls=(0, (4, 2.5)))
        else:
            continue
        share = {"ball_girth_mm": 0.35, "waist_girth_mm": 0.6, "instep_girth_mm": 0.8}[tape.key]
        girths += _callout(foot, tape.key, tape.words, _beside(flat, share, medial_right), tape.colour)
    for name, key, words in (
        ("malleolus_lateral", "malleolus_lateral_height_mm", "outer ankle height"),
        ("toe5_bulge", "toe5_height_mm", "little toe height"),
    ):
        if name in marks and marks[name][2] < low:
            heights += _callout(foot, key, words, eye.flat(marks[name]), INK)
    _dots(panel, foot, eye, ("malleolus_lateral", "toe5_bulge"), low)
    _callouts(panel, girths, (half + 16.0) * (1.0 if medial_right else -1.0), not medial_right, 6.0, low)
    _callouts(panel, heights, (half + 16.0) * (-1.0 if medial_right else 1.0), medial_right, 6.0, low)


def _beside(flat: Array, share: float, to_right: bool) -> Array:
    """The outermost place on one side of a curve (n, 2) at a ``share`` of its height."""
    low, high = flat[:, 1].min(), flat[:, 1].max()
    near = flat[np.abs(flat[:, 1] - (low + share * (high - low))) < 0.06 * (high - low) + 0.5]
    return _outmost(near, to_right)


def _dots(panel: Panel, foot: Foot, eye: Eye, names: tuple[str, ...], top_mm: float = np.inf) -> None:
    there = [foot.landmarks.points[n] for n in names if n in foot.landmarks.points]
    there = [p for p in there if p[2] <= top_mm]
    if there:
        panel.dots(eye.flat(np.array(there)))
