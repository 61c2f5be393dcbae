"""What a screen shows of a measured foot: its skin as a mesh, the tapes where they lay, its print.

The skin is for looking at (`surface`); nothing is measured on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from footscan.frame import T_MIRROR, transform
from footscan.types import Array, Foot, Mesh
from station.kiosk.surface import closed_surface

UP, AHEAD = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])
MOST_CORNERS = 120  #: of a print's outline
PRINT_COLOURS = {"outline": "var(--accent-soft)", "tread": "var(--clay)", "contact": "var(--accent)"}


def true_points(foot: Foot, points: Array) -> Array:
    """Points of the design frame on the foot's true side."""
    return transform(T_MIRROR, points) if foot.side == "left" else points


def skin(foot: Foot) -> Mesh | None:
    """The foot's closed skin on its true side, foot frame, mm; None where there are too few points to show one."""
    try:
        mesh = closed_surface(foot.cloud.points)
    except ValueError:
        return None
    if foot.side == "left":
        mesh = Mesh(transform(T_MIRROR, mesh.vertices), mesh.faces[:, ::-1], "foot")
    return mesh


# ------------------------------------------------------------------ lines


def tapes(foot: Foot) -> list[dict[str, Any]]:
    """The girths and lengths that were measured, each as ``{"key", "mm", "points": [[x, y, z], …]}``, on the true
    side; those that the scan does not support are left out."""
    from footscan.plot_feet import girth_curve

    p, marks, values = foot.cloud.points, foot.landmarks.points, foot.measurements
    length = values["foot_length_mm"]
    if length is None:
        return []
    found: list[tuple[str, Array | None]] = []
    if "mth1" in marks and "mth5" in marks:
        line = (marks["mth5"] - marks["mth1"]) * [1.0, 1.0, 0.0]
        normal = np.cross(line / np.linalg.norm(line), UP)
        fore = p[(p[:, 0] > 0.42 * length) & (p[:, 0] < 0.9 * length)]
        found.append(("ball_girth_mm", girth_curve(fore, (marks["mth1"] + marks["mth5"]) / 2.0, normal)))
        waist = (0.55 * length + float(marks["mth1"][0] + marks["mth5"][0]) / 2.0) / 2.0
        found.append(("waist_girth_mm", girth_curve(p, np.array([waist, 0.0, 20.0]), AHEAD)))
        found.append(("foot_breadth_mm", np.stack([marks["mth1"], marks["mth5"]])))
    found.append(("instep_girth_mm", girth_curve(p, np.array([0.5 * length, 0.0, 20.0]), AHEAD)))
    if "heel_landing" in marks and "instep" in marks:
        low, top = marks["heel_landing"], marks["instep"]
        along = (top - low) * [1.0, 0.0, 1.0]
        normal = np.cross(along / np.linalg.norm(along), [0.0, 1.0, 0.0])
        found.append(("heel_girth_short_mm", girth_curve(p, (low + top) / 2.0, normal)))
    found.append(("foot_length_mm", np.array([[0.0, 0.0, 0.0], [length, 0.0, 0.0]])))
    return [
        {"key": key, "mm": values[key], "points": np.round(true_points(foot, curve), 2).tolist()}
        for key, curve in found
        if curve is not None and values[key] is not None
    ]


def print_svg(foot: Foot) -> str:
    """The footprint on the ground within the foot's outline, as an SVG without any style of its own: the classes
    ``outline``, ``tread`` and ``contact`` are coloured by the page's variables."""
    shapes = []
    for method, name in (("outline_25mm", "outline"), ("tread_5mm", "tread"), ("contact_2mm", "contact")):
        for outline in (o for o in foot.footprints if o.method == method):
            shapes += [(name, true_points(foot, _flat(polygon))[:, :2]) for polygon in outline.polygons]
    if not shapes:
        return ""
    every = np.concatenate([polygon for _, polygon in shapes])
    low, high = every.min(axis=0) - 4.0, every.max(axis=0) + 4.0
    paths = [
        f'<path class="{name}" fill="{PRINT_COLOURS[name]}" d="{_path(polygon, low, high)}"/>'
        for name, polygon in shapes
    ]
    wide, long = (f"{span:.1f}" for span in (high - low)[::-1])
    head = f'<svg class="footprint" viewBox="0 0 {wide} {long}" width="{wide}" aria-hidden="true" focusable="false">'
    return head + "".join(paths) + "</svg>"


def _flat(polygon: Array) -> Array:
    return np.column_stack([polygon, np.zeros(len(polygon))])


def _path(polygon: Array, low: Array, high: Array) -> str:
    """Toes up, as seen from above: the wearer's left is on the left."""
    step = max(1, len(polygon) // MOST_CORNERS)
    across, down = high[1] - polygon[::step, 1], high[0] - polygon[::step, 0]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(across, down)) + "Z"
