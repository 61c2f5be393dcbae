"""The true answers: sizes of a finished mesh by exact plane sections, after the definitions of measures.md.

Right-foot frame, mm. Nothing here is shared with the code that measures scans. Where measures.md leaves a choice open,
the choice stands in the function's docstring.
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
UP, ACROSS, AHEAD = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
Values = dict[str, float | str | None]


@dataclass(frozen=True, eq=False)
class Skin:
    """A triangle mesh in the foot frame: vertices (n, 3) mm, faces (m, 3); ``length`` mm along the axis."""

    vertices: Array
    faces: Array
    length: float

    def part(self, x_from: float, x_to: float, z_max: float = np.inf, z_min: float = -np.inf) -> Skin:
        """Only the faces between two stations (fractions) and two heights (mm): quicker sections."""
        x, z = self.vertices[:, 0], self.vertices[:, 2]
        keep = (x >= x_from * self.length) & (x <= x_to * self.length) & (z <= z_max) & (z >= z_min)
        f = self.faces
        return Skin(self.vertices, f[keep[f[:, 0]] | keep[f[:, 1]] | keep[f[:, 2]]], self.length)

    def cut(self, point: Array, normal: Array) -> Array:
        """Segments (k, 2, 3) in the plane."""
        return sections.plane_segments(self.vertices, self.faces, point, normal)

    def station(self, fraction: float) -> Array:
        """Section at right angles to the axis at a fraction of the length."""
        return sections.station(self.vertices, self.faces, fraction * self.length)

    def level(self, z_mm: float) -> Array:
        """Horizontal section."""
        return sections.level(self.vertices, self.faces, z_mm)


def prominence(vertices: Array, inside: Array, direction: Array, radius_mm: float = 6.0) -> Array:
    """The apex (3,) of the skin in a ``direction`` (along an axis) among the points ``inside`` (mask).

    Vertices lie on the smooth skin, its apex between them: a quadratic through the vertex's surroundings finds it.
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


def rear_end(vertices: Array) -> Array:
    """Pternion (3,): the rearmost point under 40 mm."""
    low = (vertices[:, 2] <= LOW_MM) & (vertices[:, 0] < vertices[vertices[:, 2] <= LOW_MM, 0].min() + 30.0)
    return prominence(vertices, low, -AHEAD, 9.0)


def ball_points(vertices: Array, length: float) -> tuple[Array, Array]:
    """MTH1 and MTH5 (3,): largest medial and lateral y in their windows, 5 <= z <= 40 mm."""
    x, z = vertices[:, 0] / length, vertices[:, 2]
    height = (z >= BALL_Z_MM[0]) & (z <= BALL_Z_MM[1])
    mth1 = prominence(vertices, height & (x > MTH1_WINDOW[0]) & (x < MTH1_WINDOW[1]), ACROSS)
    mth5 = prominence(vertices, height & (x > MTH5_WINDOW[0]) & (x < MTH5_WINDOW[1]), -ACROSS)
    return mth1, mth5


# ------------------------------------------------------------------ girths


def girth_at_tilt(skin: Skin, mth1: Array, mth5: Array, tilt_deg: float) -> tuple[float, float, float]:
    """Hull perimeter, raw perimeter and top (mm) of the section through both heads, tilted about their line from the
    vertical (tilted forward: positive)."""
    line = (mth5 - mth1) / np.linalg.norm(mth5 - mth1)
    upright = UP - line * line[2]
    upright /= np.linalg.norm(upright)
    t = np.deg2rad(tilt_deg)
    normal = np.cos(t) * np.cross(line, upright) - np.sin(t) * upright
    cut = skin.cut(mth1, normal)
    return sections.hull_perimeter(cut, mth1, normal, line), sections.raw_perimeter(cut), float(cut[..., 2].max())


def least_girth(skin: Skin, mth1: Array, mth5: Array, near: float | None = None) -> tuple[float, float, float, float]:
    """Taut ball girth, raw perimeter, top and tilt: the least hull perimeter over tilts up to 20 degrees; with ``near``
    (a tilt) only its surroundings are searched."""

    def girth(tilt: float) -> float:
        return girth_at_tilt(skin, mth1, mth5, tilt)[0]

    best = near
    steps: tuple[float, ...] = (3.0,)
    if best is None:
        tilts = np.arange(-20.0, 20.1, 2.0)
        best, steps = float(tilts[int(np.argmin([girth(float(t)) for t in tilts]))]), (2.0, 0.25)
    for step in steps:  # the vertex of the parabola through three tilts
        a, b, c = girth(best - step), girth(best), girth(best + step)
        if a - 2 * b + c > 0:
            move = float(np.clip(0.5 * step * (a - c) / (a - 2 * b + c), -step, step))
            best = float(np.clip(best + move, -20.0, 20.0))
    return (*girth_at_tilt(skin, mth1, mth5, best), best)


def hull_at(skin: Skin, fraction: float) -> tuple[float, float]:
    """Hull perimeter and highest point (mm) of the section at a fraction of the length."""
    cut = skin.station(fraction)
    return sections.hull_perimeter(cut, np.zeros(3), AHEAD, ACROSS), float(cut[..., 2].max())


def girth_through(skin: Skin, a: Array, b: Array) -> float:
    """Hull perimeter (mm) of the section in the plane through two points that contains y."""
    normal = np.cross(b - a, ACROSS)
    return sections.hull_perimeter(skin.cut(a, normal), a, normal, ACROSS)


def ankle_girth(skin: Skin, from_mm: float, to_mm: float, steps: int = 21) -> float:
    """Smallest hull perimeter (mm) of the level sections between two heights."""
    leg = skin.part(-1.0, 1.0, z_min=from_mm - 10.0)
    levels = np.linspace(from_mm, to_mm, steps)
    girths = np.array([sections.hull_perimeter(leg.level(z), np.zeros(3), UP, AHEAD) for z in levels])
    k = int(girths.argmin())
    if k in (0, steps - 1):
        return float(girths[k])
    a, b, c = girths[k - 1 : k + 2]
    return float(b - (a - c) ** 2 / (8 * (a - 2 * b + c))) if a - 2 * b + c > 0 else float(b)


# ------------------------------------------------------------------ points


def heel_landing(outlines: list[Array]) -> Array:
    """The rear end of the contact print, on the floor (3,)."""
    points = np.vstack(outlines)
    x, y = points[int(points[:, 0].argmin())]
    return np.array([x, y, 0.0])


def ankle_bend(skin: Skin, landing: Array) -> Array | None:
    """The point (3,) of the dorsal skin line (the foot seen from the side) that is nearest to the heel's landing point:
    where a tape around heel and ankle settles. None where the leg was cut below it."""
    upper = skin.part(0.25, 0.75, 0.75 * skin.length, 0.10 * skin.length)
    lid = float(skin.vertices[:, 2].max()) - 2.0

    def top(angle: float) -> Array:
        ahead = np.array([np.cos(angle), 0.0, np.sin(angle)])
        points = upper.cut(landing, np.cross(ahead, ACROSS)).reshape(-1, 3)
        return np.asarray(points[int(((points - landing) @ ahead).argmax())])

    tops = []
    angles = np.deg2rad(np.arange(24.0, 62.1, 2.0))
    for angle in angles:
        tops.append(top(float(angle)))
        if tops[-1][2] >= lid:  # from here on the cut end of the leg is the nearest
            tops.pop()
            break
    reach = np.array([np.hypot(*(p - landing)[[0, 2]]) for p in tops])
    k = int(reach.argmin())
    if not 0 < k < len(reach) - 1:
        return None
    a, b, c = reach[k - 1 : k + 2]
    return top(float(angles[k] + 0.5 * (angles[1] - angles[0]) * (a - c) / (a - 2 * b + c)))


def malleoli(vertices: Array, length: float, near_mm: tuple[float, float]) -> tuple[Array, Array]:
    """Medial and lateral malleolus (3,): the hilltops of the ankle's sides, climbed to from the expected heights."""
    found = []
    for sign, x_mm, z_mm in ((1.0, 0.245 * length, near_mm[0]), (-1.0, 0.195 * length, near_mm[1])):
        side = vertices[(sign * vertices[:, 1] > 0.0) & (np.abs(vertices[:, 2] - z_mm) < 0.09 * length)]
        here, reach = np.array([x_mm, z_mm]), 0.02 * length
        for _ in range(30):
            near = np.flatnonzero(np.hypot(side[:, 0] - here[0], side[:, 2] - here[1]) < reach)
            if not len(near):
                raise ValueError(f"no skin where the malleolus is expected, {z_mm:.0f} mm above the floor")
            top = side[near[int((sign * side[near, 1]).argmax())]]
            if np.hypot(*(top[[0, 2]] - here)) < 1e-9:
                break
            here, reach = top[[0, 2]], 4.0
        around = np.hypot(side[:, 0] - here[0], side[:, 2] - here[1]) < 12.0
        found.append(prominence(side, around, sign * ACROSS))
    return found[0], found[1]


def navicular(vertices: Array, length: float) -> Array:
    """The outermost medial point (3,) at 0.34 to 0.42 of the length, 0.09 L to 0.22 L high."""
    x, z = vertices[:, 0] / length, vertices[:, 2] / length
    # the edge from above widens towards ball and ankle: the prominence is what stands out of the line between the ends
    inside = (x > 0.34) & (x < 0.42) & (z > 0.09) & (z < 0.22) & (vertices[:, 1] > 0)
    return prominence(vertices, inside, ACROSS, 8.0)


def breadth_at(skin: Skin, fraction: float) -> float:
    """Extent in y (mm) of the part of a section that lies under 40 mm."""
    return float(np.ptp(sections.below(skin.station(fraction), LOW_MM)[..., 1]))


def arch_apex(skin: Skin, step: float = 0.005) -> Array:
    """The highest point (3,) of the plantar arch. At each station the sole reaches from the middle to 15 % of the
    breadth (below 40 mm) from the medial edge: farther out the skin turns up into the side of the foot."""
    sole = skin.part(0.25, 0.69, LOW_MM + 15.0)
    tops = []
    for fraction in np.arange(0.28, 0.6601, step):
        cut = sections.below(sole.station(fraction), LOW_MM)
        medial, lateral = float(cut[..., 1].max()), float(cut[..., 1].min())
        y, z = lower_line(cut, (medial + lateral) / 2, medial - 0.15 * (medial - lateral))
        k = int(z.argmax())
        tops.append((fraction * skin.length, y[k], z[k]))
    top = np.array(tops)
    k = int(np.clip(top[:, 2].argmax(), 1, len(top) - 2))
    a, b, c = top[k - 1 : k + 2, 2]
    move = 0.5 * (a - c) / (a - 2 * b + c) if a - 2 * b + c < 0 else 0.0  # parabola through the three highest
    return np.array([top[k, 0] + move * step * skin.length, top[k, 1], b - 0.25 * (a - c) * move])


def lower_line(cut: Array, y_from: float, y_to: float, points: int = 41) -> tuple[Array, Array]:
    """y and z (points,) of the underside of a section (k, 2, 3) between two y."""
    y = np.linspace(y_from, y_to, points)
    a, b = cut[:, 0, 1:], cut[:, 1, 1:]
    hit = (a[None, :, 0] <= y[:, None]) != (b[None, :, 0] <= y[:, None])
    wide = np.where(a[:, 0] == b[:, 0], 1.0, b[:, 0] - a[:, 0])
    z = a[None, :, 1] + (y[:, None] - a[None, :, 0]) * ((b[:, 1] - a[:, 1]) / wide)[None, :]
    return y, np.where(hit, z, np.inf).min(axis=1)


# ------------------------------------------------------------------ angles


def _tangent(outline: Array, length: float, sign: float) -> tuple[float, Array, Array]:
    """Slope of the line that touches rear- and forefoot on one side (sign·y outwards), its contacts at both."""
    x, y = outline[:, 0] / length, sign * outline[:, 1]
    rear, fore = outline[x < 0.32] * [1.0, sign], outline[(x > 0.55) & (x < 0.82)] * [1.0, sign]
    k = rear[int(y[x < 0.32].argmax())]
    for _ in range(50):
        j = fore[int(((fore[:, 1] - k[1]) / (fore[:, 0] - k[0])).argmax())]
        m = rear[int(((j[1] - rear[:, 1]) / (j[0] - rear[:, 0])).argmin())]
        if (m == k).all():
            break
        k = m
    return float((j[1] - k[1]) / (j[0] - k[0])), k * [1.0, sign], j * [1.0, sign]


def toe_angle(outline: Array, length: float, sign: float) -> float:
    """Degrees between the tangent of rear- and forefoot and the line from its forefoot contact to the toe's.

    outline (n, 2): the skin below 40 mm from above; sign +1 medial (toe 1), -1 lateral (toe 5). Inwards positive.
    """
    slope, _, ball = _tangent(outline, length, sign)
    low, high = (0.82, 0.97) if sign > 0 else (0.75, 0.88)  # the ball stands out as far as 0.74
    x = outline[:, 0] / length
    toe = outline[(x > max(low, ball[0] / length + 0.06)) & (x < high)]
    to_toe = float(((sign * toe[:, 1] - sign * ball[1]) / (toe[:, 0] - ball[0])).max())
    return float(np.degrees(np.arctan(slope) - np.arctan(to_toe)))


def ball_angle(outline: Array, length: float, mth1: Array, mth5: Array) -> float:
    """Degrees at MTH1 between the line to MTH5 and the medial tangent towards the heel."""
    slope = _tangent(outline, length, 1.0)[0]
    a, b = (mth5 - mth1)[:2], -np.array([1.0, slope])
    return float(np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))))


def rearfoot_angle(skin: Skin, malleolus_mm: float, leg_top_mm: float, every: int = 1) -> float | None:
    """Degrees between the mid-lines of the posterior heel strip and of the rear third of the leg; eversion positive.

    Mid-line: least squares through the middles of the strip's extent in y, level by level (``every`` mm; on the leg 5
    times that). The leg counts from 30 mm above the lateral malleolus up; None under 60 mm of it.
    """
    start = malleolus_mm + 30.0
    if leg_top_mm - start < 60.0:
        return None
    heel = skin.part(-0.1, 0.2, 60.0)
    slopes = []
    up, leg = np.arange(15.0, 45.1, every), np.arange(start, leg_top_mm - 0.5, 5.0 * every)
    for levels, third in ((up, False), (leg, True)):
        middle = []
        for z in levels:
            cut = (skin if third else heel).level(z)
            x = cut[..., 0]
            limit = x.min() + (x.max() - x.min()) / 3 if third else 0.12 * skin.length
            behind = sections.clip_below(cut, 0, limit)
            middle.append((behind[..., 1].max() + behind[..., 1].min()) / 2)
        slopes.append(float(np.polyfit(levels, middle, 1)[0]))
    return float(np.degrees(np.arctan(slopes[0]) - np.arctan(slopes[1])))
