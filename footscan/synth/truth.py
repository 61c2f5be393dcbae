"""The true answers: sizes of a finished mesh by exact plane sections, after the definitions of measures.md.

Right-foot frame, mm. Nothing here is shared with the code that measures scans.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.synth import sections
from footscan.types import Array

MTH1_WINDOW, MTH5_WINDOW = (0.66, 0.80), (0.56, 0.72)
BALL_Z_MM = (5.0, 40.0)
LOW_MM = 40.0  #: pternion, breadths and outline tangents are taken below this height
INSTEP_STATION, HEEL_STATION = 0.553, 0.16
TOE1_BULGE, TOE5_BULGE = 0.90, 0.78
UP = np.array([0.0, 0.0, 1.0])
ACROSS = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True, eq=False)
class Skin:
    """A triangle mesh in the foot frame: vertices (n, 3) mm, faces (m, 3); ``length`` mm along the axis."""

    vertices: Array
    faces: Array
    length: float

    def part(self, low: tuple[float, float], z_max: float = np.inf) -> Skin:
        """Only the faces between two stations and under a height: quicker sections."""
        x, z = self.vertices[:, 0], self.vertices[:, 2]
        keep = (x >= low[0] * self.length) & (x <= low[1] * self.length) & (z <= z_max)
        return Skin(self.vertices, self.faces[keep[self.faces].any(axis=1)], self.length)

    def cut(self, point: Array, normal: Array) -> Array:
        """Segments (k, 2, 3) in the plane."""
        return sections.plane_segments(self.vertices, self.faces, point, normal)

    def station(self, fraction: float) -> Array:
        """Section at right angles to the axis at a fraction of the length."""
        return sections.station(self.vertices, self.faces, fraction * self.length)


def prominence(vertices: Array, inside: Array, direction: Array, radius_mm: float = 6.0) -> Array:
    """The apex (3,) of the skin in a ``direction`` among the points ``inside`` (mask): quadratic through its surroundings.

    Vertices lie on the smooth skin, its apex between them: the fit finds it to some hundredths of a millimetre.
    """
    points = vertices[inside]
    height = points @ direction
    best = int(height.argmax())
    apex = points[best]
    a, b = np.eye(3)[np.argsort(np.abs(direction))[:2]]
    near = (np.linalg.norm(points - apex, axis=1) < radius_mm) & (height > height[best] - 2.0)
    if near.sum() < 12:
        return np.asarray(apex)
    u, v, h = (points[near] - apex) @ a, (points[near] - apex) @ b, height[near] - height[best]
    design = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=1)
    weight = np.exp(-(u * u + v * v) / (0.5 * radius_mm) ** 2)[:, None]
    c = np.linalg.lstsq(design * weight, h * weight[:, 0], rcond=None)[0]
    hessian = np.array([[2 * c[3], c[4]], [c[4], 2 * c[5]]])
    if not (np.linalg.eigvalsh(hessian) < 0).all():
        return np.asarray(apex)
    move = np.linalg.solve(hessian, -c[1:3])
    if np.linalg.norm(move) > radius_mm / 2:
        return np.asarray(apex)
    rise = c[0] + c[1:3] @ move / 2
    return np.asarray(apex + a * move[0] + b * move[1] + direction * rise)


def ball_points(vertices: Array, length: float) -> tuple[Array, Array]:
    """MTH1 and MTH5 (3,): largest medial and lateral y in their windows, 5 <= z <= 40 mm."""
    x, z = vertices[:, 0] / length, vertices[:, 2]
    height = (z >= BALL_Z_MM[0]) & (z <= BALL_Z_MM[1])
    mth1 = prominence(vertices, height & (x > MTH1_WINDOW[0]) & (x < MTH1_WINDOW[1]), ACROSS)
    mth5 = prominence(vertices, height & (x > MTH5_WINDOW[0]) & (x < MTH5_WINDOW[1]), -ACROSS)
    return mth1, mth5


def girth_at_tilt(skin: Skin, mth1: Array, mth5: Array, tilt_deg: float) -> tuple[float, float, float]:
    """Hull perimeter, raw perimeter and top (mm) of the section through both heads tilted from the vertical."""
    line = (mth5 - mth1) / np.linalg.norm(mth5 - mth1)
    upright = UP - line * line[2]
    upright /= np.linalg.norm(upright)
    aside = np.cross(line, upright)
    t = np.deg2rad(tilt_deg)
    normal = np.cos(t) * aside - np.sin(t) * upright
    cut = skin.cut(mth1, normal)
    return sections.hull_perimeter(cut, mth1, normal, line), sections.raw_perimeter(cut), float(cut[..., 2].max())


def least_girth(skin: Skin, mth1: Array, mth5: Array) -> tuple[float, float, float, float]:
    """Taut ball girth, raw perimeter, top and tilt: the least hull perimeter over tilts up to 20 degrees."""
    tilts = np.arange(-20.0, 20.1, 2.0)
    values = np.array([girth_at_tilt(skin, mth1, mth5, t)[0] for t in tilts])
    k = int(values.argmin())
    best = float(tilts[k])
    if 0 < k < len(tilts) - 1:
        for step in (2.0, 0.25):
            a, b, c = (girth_at_tilt(skin, mth1, mth5, best + d)[0] for d in (-step, 0.0, step))
            if a - 2 * b + c > 0:
                best = float(np.clip(best + 0.5 * step * (a - c) / (a - 2 * b + c), -20.0, 20.0))
    return (*girth_at_tilt(skin, mth1, mth5, best), best)


def breadth_at(skin: Skin, fraction: float) -> float:
    """Extent in y (mm) of the part of a section that lies under 40 mm."""
    points = sections.below(skin.station(fraction), LOW_MM).reshape(-1, 3)
    return float(np.ptp(points[:, 1]))


def hull_at(skin: Skin, fraction: float) -> tuple[float, float]:
    """Hull perimeter and highest point (mm) of the section at a fraction of the length."""
    cut = skin.station(fraction)
    girth = sections.hull_perimeter(cut, np.zeros(3), np.array([1.0, 0.0, 0.0]), ACROSS)
    return girth, float(cut[..., 2].max())


def rear_end(vertices: Array) -> Array:
    """Pternion (3,): the rearmost point under 40 mm."""
    return prominence(vertices, (vertices[:, 2] <= LOW_MM) & (vertices[:, 0] < vertices[:, 0].min() + 30.0), np.array([-1.0, 0.0, 0.0]), 9.0)


def measure_skin(skin: Skin, toe_tips: Array | None) -> dict[str, float | str | None]:
    """The values that need only sections of the outer skin; keys of measures.md."""
    v, length = skin.vertices, skin.length
    mth1, mth5 = ball_points(v, length)
    ball = skin.part((0.5, 0.9), 0.4 * length)
    girth, raw, top, _ = least_girth(ball, mth1, mth5)
    front = skin.part((0.45, 0.75))
    g50, h50 = hull_at(front, 0.50)
    g55, h55 = hull_at(front, 0.55)
    waist_station = (INSTEP_STATION + (mth1[0] + mth5[0]) / 2 / length) / 2
    rear = skin.part((-0.05, 0.25), 60.0)
    foot = v[v[:, 2] <= 0.4 * length]
    return {
        "foot_length_mm": length,
        "ball_length_medial_mm": float(mth1[0]),
        "ball_length_lateral_mm": float(mth5[0]),
        "foot_breadth_mm": float(np.hypot(*(mth1 - mth5)[:2])),
        "foot_breadth_orthogonal_mm": float(np.ptp(foot[foot[:, 2] <= LOW_MM][:, 1])),
        "ball_girth_mm": girth,
        "ball_girth_raw_mm": raw,
        "ball_height_mm": top,
        "heel_breadth_mm": breadth_at(rear, HEEL_STATION),
        "heel_breadth_max_mm": max(breadth_at(rear, f) for f in np.linspace(0.10, 0.20, 41)),
        "instep_girth_mm": g50,
        "instep_height_mm": h50,
        "instep_girth_55_mm": g55,
        "instep_height_55_mm": h55,
        "waist_girth_mm": hull_at(front, waist_station)[0],
        "dorsum_height_50_mm": h50,
        "truncated_foot_length_mm": float(mth1[0]),
        "arch_height_index": h50 / float(mth1[0]),
    }
