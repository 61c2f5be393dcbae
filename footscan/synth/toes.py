"""The toes as small lofts of their own, in fractions of foot length (right-foot frame, axis through toe 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import Akima1DInterpolator

from footscan.synth import drawing
from footscan.synth.loft import cap
from footscan.types import Array


@dataclass(frozen=True, eq=False)
class ToeShape:
    """One toe: centre line (k, 2) from root to tip seen from above; width, top and bottom (k,) along it; length of the
    rounded tip."""

    path: Array
    width: Array
    top: Array
    bottom: Array
    tip_length: float


def toe_shapes(toe_type: str, swing1: float, swing5: float, breadth: float, height: float) -> list[ToeShape]:
    """The five toes; ``swing1`` and ``swing5`` move the tips of toes 1 and 5 inwards (y), ``breadth`` and ``height``
    scale the toes' breadth and the roots' height as the forefoot is scaled."""
    along = drawing.TOE_ALONG
    inwards = (-swing1, 0.0, 0.0, 0.0, swing5)
    shapes = []
    for k in range(5):
        root, tip = drawing.TOE_ROOTS[k].copy(), drawing.TOE_TIPS[toe_type][k].copy()
        root[1], tip[1] = root[1] * breadth, tip[1] * breadth + inwards[k]
        if k == 0:
            bow = drawing.HALLUX_BOW * breadth
            width, top, bottom = drawing.HALLUX_WIDTH, drawing.HALLUX_TOP, drawing.HALLUX_BOTTOM
        else:  # straighter towards the tip; toe 2 ends along the axis: its tip is the end of its path
            bow = drawing.TOE_BOW * (tip[1] - root[1])
            width, top, bottom = drawing.TOE_WIDTH, drawing.TOE_TOP - drawing.TOE_DROP[k], drawing.TOE_BOTTOM
        path = root + (tip - root) * along[:, None] + np.stack([np.zeros(5), bow], axis=1)
        top = top * (1.0 + (height - 1.0) * (1.0 - along**2))
        width = drawing.TOE_WIDTHS[k] * width * breadth
        shapes.append(ToeShape(path, width, top, bottom, float(drawing.TOE_CAPS[k])))
    return shapes


def toes(toe_type: str, swing1: float, swing5: float, breadth: float, height: float = 1.0) -> list[Array]:
    """Toes as drawn points (rows, around, 3); the hallux reaches its station exactly."""
    grids = [toe(shape) for shape in toe_shapes(toe_type, swing1, swing5, breadth, height)]
    hallux = grids[0]
    ramp = np.clip((hallux[..., 0] - 0.8) / 0.1, 0.0, 1.0)
    hallux[..., 0] += ramp * (drawing.TOE_TIPS[toe_type][0, 0] - hallux[..., 0].max())
    return grids


def toe(shape: ToeShape, rows: int = 60, around: int = 48) -> Array:
    """Points (rows, around, 3): sections at right angles to the toe's path, rounded off at both ends."""
    run = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(shape.path, axis=0), axis=1))]
    end, tip_rows = float(run[-1]), rows // 3
    straight = np.linspace(0.0, end - shape.tip_length, rows - tip_rows, endpoint=False)
    d = np.r_[straight, end - shape.tip_length * np.cos(np.linspace(0.0, np.pi / 2, tip_rows))]
    # all five columns along the path at once: x, y, width, top, bottom
    columns = np.column_stack([shape.path, shape.width, shape.top, shape.bottom])
    line = Akima1DInterpolator(run, columns, axis=0, method="makima")
    at, tangent = line(d), line(d, 1)[:, :2]
    tangent /= np.linalg.norm(tangent, axis=1)[:, None]
    top, bottom = at[:, 3], at[:, 4]
    middle = bottom + (top - bottom) * 0.45
    closing = cap((end - d) / shape.tip_length, 2.0) * cap(d / 0.02, 2.0)
    # a rounded section, flatter below
    a = np.linspace(0.0, 2.0 * np.pi, around, endpoint=False)
    c, s = np.cos(a), np.sin(a)
    up = np.sign(c) * np.abs(c) ** np.where(c > 0.0, 2.0 / 2.3, 2.0 / 2.6)
    aside = np.sign(s) * np.abs(s) ** (2.0 / 2.3)
    half_z = np.where(c[None, :] > 0.0, (top - middle)[:, None], (middle - bottom)[:, None])
    out = aside[None, :] * (at[:, 2] / 2 * closing)[:, None]
    z = middle[:, None] + half_z * up[None, :] * closing[:, None]
    return np.stack([at[:, 0:1] - tangent[:, 1:2] * out, at[:, 1:2] + tangent[:, 0:1] * out, z], axis=2)
