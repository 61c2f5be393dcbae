"""Feet of known shape for the insole's tests: a smooth tread, a sole with an arch, landmarks at their stations."""

from __future__ import annotations

import math

import numpy as np

from footscan.types import (
    Array,
    Foot,
    FootMeasurements,
    Footprint,
    Landmarks,
    Load,
    Measure,
    PointCloud,
    QualityReason,
    RegionLoads,
    Side,
    SoleSurface,
)


def step(x: Array, a: float, b: float) -> Array:
    t = np.clip((x - a) / (b - a), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def borders(length: float, breadth: float, section_mm: float) -> tuple[Array, Array, Array]:
    """x, lateral and medial border of the foot at a height: an egg with a waist, wider higher up."""
    x = np.linspace(0.0, 1.0, 800)
    half = (
        0.5
        * breadth
        * np.interp(x, [0, 0.08, 0.16, 0.45, 0.66, 0.74, 0.9, 1], [0.6, 0.66, 0.68, 0.76, 0.98, 1, 0.86, 0.7])
    )
    half = np.convolve(np.pad(half, 60, mode="edge"), np.hanning(121) / np.hanning(121).sum(), "valid")
    medial, lateral = half.copy(), -half
    medial -= 0.16 * breadth * np.exp(-(((x - 0.45) / 0.13) ** 2)) * (section_mm < 10)
    inset = (25.0 - section_mm) / 20.0 * 0.014 * length
    start, end = 0.02 * (section_mm < 10), 1.0 - 0.012 * (section_mm < 10)
    u = np.clip((x - start) / (end - start), 0, 1)
    round_ends = np.sqrt(
        np.clip(1 - np.clip(1 - u / 0.11, 0, 1) ** 2.0, 0, 1)
        * np.clip(1 - np.clip(1 - (1 - u) / 0.16, 0, 1) ** 2.2, 0, 1)
    )
    shift = 0.05 * breadth * step(x, 0.3, 0.7)
    keep = (x >= start) & (x <= end)
    medial, lateral = (medial - inset) * round_ends + shift, (lateral + inset) * round_ends + shift
    return x[keep] * length, lateral[keep], medial[keep]


def polygon(length: float, breadth: float, section_mm: float) -> Array:
    x, lateral, medial = borders(length, breadth, section_mm)
    return np.vstack([np.column_stack([x, lateral]), np.column_stack([x, medial])[::-1]])


def height(x: Array, y: Array, length: float, breadth: float, arch: float) -> Array:
    """The sole: a heel bowl, a medial arch, a sloping side."""
    u, centre = x / length, 0.05 * breadth * step(x / length, 0.3, 0.7)
    side = np.abs(y - centre) / (0.5 * breadth * np.interp(u, [0, 0.16, 0.45, 0.7, 1], [0.6, 0.66, 0.78, 1, 0.7]))
    z = 7.0 * np.clip(side - 0.3, 0, None) ** 2 / 0.5
    z = z + 14.0 * np.clip(0.10 - u, 0, None) ** 2 / 0.01
    a = np.exp(-(((u - 0.45) / 0.12) ** 2))
    return z + arch * a * step((y - centre) / (0.5 * breadth), -0.35, 0.55)


def contact(length: float, breadth: float, arch: float) -> Array:
    """What the sole touches up to 2 mm, as one closed line."""
    x, lateral, medial = (row[::4] for row in borders(length, breadth, 5.0))
    share = np.linspace(0.0, 1.0, 81)[None, :]
    y = lateral[:, None] + share * (medial - lateral)[:, None]
    touched = height(x[:, None] + 0.0 * y, y, length, breadth, arch) < 2.0
    touched[:, 30] |= ~touched.any(axis=1)  # a strip at least
    first, last = np.argmax(touched, axis=1), 80 - np.argmax(touched[:, ::-1], axis=1)
    row = np.arange(len(x))
    low, high = y[row, first], y[row, last] + 0.5
    return np.vstack([np.column_stack([x, low]), np.column_stack([x, high])[::-1]])


def make_foot(
    side: Side = "right",
    length: float = 262.0,
    breadth: float = 98.0,
    arch: float = 16.0,
    load: Load = "standing",
    sole: str = "measured",
    noise: float = 0.0,
    **measures: float,
) -> Foot:
    """``sole``: measured, capped (a flat lid), missing (all NaN), holes (a third of it NaN)."""
    xs, ys = np.arange(-4.0, length + 4.0, 1.0), np.arange(-60.0, 60.5, 1.0)
    x, y = np.meshgrid(xs, ys, indexing="ij")
    z = height(x, y, length, breadth, arch)
    bx, lateral, medial = borders(length, breadth, 25.0)
    inside = (
        (y > np.interp(xs, bx, lateral)[:, None]) & (y < np.interp(xs, bx, medial)[:, None]) & (x > 0) & (x < length)
    )
    z = np.where(inside, z, np.nan)
    rng = np.random.default_rng(1)
    if noise:
        z = z + noise * rng.standard_normal(z.shape)
    measured = inside.copy()
    if sole == "capped":
        z = np.where(inside, np.maximum(z, 0.0) * (z > 12.0), np.nan)
        measured = inside & (z > 12.0)
    elif sole == "missing":
        z, measured = np.full_like(z, np.nan), np.zeros_like(inside)
    elif sole == "holes":
        hole = (np.hypot(x - 0.2 * length, y) < 12) | (np.hypot(x - 0.5 * length, y - 15) < 18)
        z, measured = np.where(hole, np.nan, z), measured & ~hole
    points = {
        "pternion": (0.0, 0.0, 18.0),
        "heel_landing": (0.04 * length, 0.0, 0.0),
        "mth1": (0.735 * length, 0.5 * breadth + 2.0, 15.0),
        "mth5": (0.635 * length, -0.5 * breadth + 4.0, 12.0),
        "longest_toe": (length, 0.05 * breadth + 8.0, 10.0),
    }
    values = {
        name: Measure(value)
        for name, value in {"foot_length_mm": length, "foot_breadth_mm": breadth, **measures}.items()
    }
    seen = sole in ("measured", "holes")
    values["arch_apex_height_mm"] = Measure(arch) if seen else Measure.missing("no sole in the scan")
    reasons = () if seen else (QualityReason("sole_flat", "the sole is closed with a flat lid"),)
    cloud = np.column_stack([x[inside][::7], y[inside][::7], np.full(inside.sum(), 60.0)[::7]])
    mirror = np.diag([1.0, -1.0 if side == "left" else 1.0, 1.0, 1.0])
    return Foot(
        cloud=PointCloud(cloud, frame="foot"),
        T_foot_scanner=mirror,
        landmarks=Landmarks({k: np.array(v) for k, v in points.items()}),
        footprints=(
            Footprint((polygon(length, breadth, 5.0)[::2],), 5.0, "tread_5mm"),
            Footprint((polygon(length, breadth, 25.0)[::2],), 25.0, "outline_25mm"),
            Footprint((contact(length, breadth, arch),), 2.0, "contact_2mm"),
        ),
        sole=SoleSurface(xs, ys, z, measured, capped=sole == "capped"),
        measurements=FootMeasurements(values, side, load=load, reasons=reasons),
    )


#: an insole of some last
OVAL = [[140 + 130 * math.cos(k / 8), 38 * math.sin(k / 8)] for k in range(50)]


def measured(load: Load = "standing", **values: float) -> FootMeasurements:
    """What was measured of a right foot."""
    found = {"foot_length_mm": 262.0, "arch_apex_height_mm": 16.0, **values}
    return FootMeasurements({k: Measure(v) for k, v in found.items()}, "right", load=load)


def walked(steps: int = 20, in_shoe: bool = True, cell: float | None = 150.0, **peaks: float) -> RegionLoads:
    """What its walk says: MTH2 carries most."""
    return RegionLoads(
        "right", {"mth1": 180.0, "mth2": 240.0, "mth3": 200.0, **peaks}, steps, in_shoe, "pressure", cell
    )
