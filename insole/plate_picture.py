"""A plate from above as SVG, for whoever takes it off the printer: which insole is whose. Needs no fonts of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np

from footscan.page import BLUE, FAINT, INK, ORANGE, PAPER
from footscan.types import Array
from insole.nesting import Spot
from insole.outlines import turned

GRID_MM = 50.0
FRAME_MM, HEAD_MM = 6.0, 12.0
LARGEST_TEXT_MM, LEAST_TEXT_MM = 9.0, 2.5
COLOURS = {"left": BLUE, "right": ORANGE}


@dataclass(frozen=True, eq=False)
class Drawn:
    """One insole of a plate: its ``name``, ``side``, outline (n, 2) in its own frame and where it lies."""

    name: str
    side: str
    outline_mm: Array
    spot: Spot


def plate_svg(insoles: Sequence[Drawn], bed_mm: tuple[float, float], title: str) -> bytes:
    """The bed true to scale, its front below; each insole in its side's colour with its name from heel to toe."""
    width, depth = bed_mm
    wide, high = width + 2 * FRAME_MM, depth + 2 * FRAME_MM + HEAD_MM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:g}mm" height="{high:g}mm"'
        f' viewBox="0 0 {wide:g} {high:g}" font-family="sans-serif">\n',
        f'<rect width="{wide:g}" height="{high:g}" fill="{PAPER}"/>\n',
        f'<text x="{FRAME_MM:g}" y="{HEAD_MM:g}" font-size="{_size(title, width, 6.0):.2f}" fill="{INK}">'
        f"{escape(title)}</text>\n",
        f'<g transform="translate({FRAME_MM:g} {FRAME_MM + HEAD_MM + depth:g}) scale(1 -1)">\n',
        f'<rect width="{width:g}" height="{depth:g}" fill="none" stroke="{INK}" stroke-width="0.6"/>\n',
        *_grid(width, depth),
    ]
    for one in insoles:
        lines += _insole(one)
    return "".join([*lines, "</g>\n</svg>\n"]).encode()


def _insole(one: Drawn) -> list[str]:
    place_mm = np.array([one.spot.x_mm, one.spot.y_mm])
    line = turned(one.outline_mm, one.spot.turn_deg) + place_mm
    colour = COLOURS.get(one.side, INK)
    points = " ".join(f"{x:.2f},{y:.2f}" for x, y in line + 0.0)
    shape = f'<polygon points="{points}" fill="{colour}" fill-opacity="0.16" stroke="{colour}" stroke-width="0.5"/>\n'
    # from heel to toe, and never upside down; SVG's y runs downwards
    low, high = one.outline_mm.min(axis=0), one.outline_mm.max(axis=0)
    x, y = turned(0.5 * (low + high)[None], one.spot.turn_deg)[0] + place_mm
    angle = (one.spot.turn_deg + 90.0) % 180.0 - 90.0
    length = float(np.ptp(one.outline_mm[:, 0]))
    size = _size(one.name, 0.82 * length, LARGEST_TEXT_MM)
    place = f"translate({x:.2f} {y:.2f}) rotate({angle:.2f}) scale(1 -1)"
    text = (
        f'<text transform="{place}" text-anchor="middle" dominant-baseline="central" font-size="{size:.2f}"'
        f' fill="{INK}">{escape(one.name)}</text>\n'
    )
    return [shape, text]


def _grid(width: float, depth: float) -> list[str]:
    style = f'stroke="{FAINT}" stroke-width="0.15"'
    across = [f'<path d="M{x:g} 0V{depth:g}" {style}/>\n' for x in np.arange(GRID_MM, width, GRID_MM).tolist()]
    return across + [f'<path d="M0 {y:g}H{width:g}" {style}/>\n' for y in np.arange(GRID_MM, depth, GRID_MM).tolist()]


def _size(text: str, room_mm: float, largest_mm: float) -> float:
    """A size of type at which the text fits: wide characters take one em, others about 0.6."""
    ems = sum(1.0 if ord(c) > 0x2E80 else 0.6 for c in text)
    return max(min(largest_mm, room_mm / max(ems, 1.0)), LEAST_TEXT_MM)
