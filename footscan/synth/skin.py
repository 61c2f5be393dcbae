"""What turns the loft into skin, in millimetres: malleoli, rearfoot tilt, floor, arch. Every change is a smooth map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.synth import loft
from footscan.types import Array

BLEND_MM = 1.0  #: skin within this height of the floor bends on to it (contact without a crease)


@dataclass(frozen=True)
class SkinShape:
    """Amounts in mm and degrees that ``make_foot`` adjusts until the true sizes are the asked ones."""

    arch_mm: float = 16.0
    arch_station: float = 0.42
    malleolus_lateral_x: float = 0.195
    malleolus_medial_x: float = 0.245
    malleolus_lateral_mm: float = 72.0
    malleolus_medial_mm: float = 84.0
    malleolus_bump_mm: float = 9.0
    navicular_mm: float = 42.0
    navicular_bump_mm: float = 1.5
    tilt_deg: float = 2.0


def _bell(*terms: Array) -> Array:
    return np.asarray(np.exp(-0.5 * sum(t * t for t in terms)))


def deform(points: Array, length: float, shape: SkinShape, arch: bool) -> Array:
    """Skin (…, 3) mm, on the floor, of the drawn points (…, 3) mm of body and leg."""
    p = np.array(points, dtype=float)
    x, z = p[..., 0], p[..., 2]
    side = loft.smooth_step(np.abs(p[..., 1]) / (0.09 * length)) * np.sign(p[..., 1])
    medial, lateral = np.maximum(side, 0.0), np.maximum(-side, 0.0)
    # stage 1: malleoli, each with a hollow behind it, and the navicular
    r, b, hollow = 0.042 * length, shape.malleolus_bump_mm, 0.30 * shape.malleolus_bump_mm
    m_x, l_x = shape.malleolus_medial_x * length, shape.malleolus_lateral_x * length
    m_z, l_z = shape.malleolus_medial_mm, shape.malleolus_lateral_mm
    p[..., 1] += medial * b * _bell((x - m_x) / r, (z - m_z) / (1.15 * r))
    p[..., 1] -= medial * hollow * _bell((x - m_x + 2.6 * r) / r, (z - m_z - 0.2 * r) / (1.6 * r))
    p[..., 1] -= lateral * b * _bell((x - l_x) / (0.85 * r), (z - l_z) / (1.15 * r))
    p[..., 1] += lateral * hollow * _bell((x - l_x + 2.1 * r) / (0.8 * r), (z - l_z - 0.2 * r) / (1.6 * r))
    n = 0.05 * length
    p[..., 1] += medial * shape.navicular_bump_mm * _bell((x - 0.37 * length) / n, (z - shape.navicular_mm) / (0.6 * n))
    # stage 2: eversion: the heel's top leans medially; nothing moves at the pternion's height, on leg and forefoot
    lean = np.tan(np.deg2rad(shape.tilt_deg)) * loft.smooth_step((0.42 * length - x) / (0.30 * length))
    pivot, top = 0.085 * length, 0.30 * length
    p[..., 1] += lean * np.clip(z - pivot, -pivot, top - pivot)
    # stage 3: the floor, and the arch that is lifted off it
    p = settle(p)
    if arch:
        p[..., 2] += arch_lift(p, length, shape)
    return p


def arch_lift(points: Array, length: float, shape: SkinShape) -> Array:
    """z lift (…,) mm of the medial longitudinal arch at points (…, 3) mm; full from y = 0.08 L on, at its station."""
    x, y, z = points[..., 0] / length, points[..., 1] / length, points[..., 2] / length
    a = shape.arch_station
    t = np.clip(np.where(x <= a, (x - 0.13) / (a - 0.13), (0.73 - x) / (0.73 - a)), 0.0, 1.0)
    along = 0.5 * (1.0 - np.cos(np.pi * t))
    rim = -0.085 - 1.8 * (shape.arch_mm / length - 0.048)  # a low arch rests on more of its sole
    across = loft.smooth_step((y - rim) / (0.08 - rim))
    low = 1.0 - loft.smooth_step(z / 0.24)
    return np.asarray(shape.arch_mm * along * across * low)


def settle(points: Array) -> Array:
    """Points (…, 3) mm on the floor: nothing below z = 0, flat where pressed, no crease at the edge of contact."""
    p = np.array(points, dtype=float)
    z = p[..., 2]
    p[..., 2] = np.where(z >= BLEND_MM, z, np.where(z <= -BLEND_MM, 0.0, (z + BLEND_MM) ** 2 / (4.0 * BLEND_MM)))
    return p
