"""Outlines for cutters of leather, EVA and covers: DXF (R12) and SVG, in millimetres, as the true foot's side.

Pieces lie beside each other, heel on the left, seen from above. Lines lie flat: a cover climbs the cup's wall, so it
gets an allowance and is trimmed when it is glued.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from footscan.types import Array, Foot, frozen_array
from insole.anatomy import anatomy
from insole.errors import DesignError
from insole.outline import FRONT_OF_MTH
from insole.types import InsoleDesign

Kind = Literal["base", "cover"]
COVER_ALLOWANCE_MM = 5.0
MOST_ALLOWANCE_MM = 20.0
GAP_MM = 10.0
CORNER_MM = 0.05  #: lines are thinned out to within this
TEXT_MM = 8.0


@dataclass(frozen=True, eq=False)
class Piece:
    """One closed line (n, 2) mm, counter-clockwise, and what is written in it."""

    name: str
    kind: Kind
    outline_mm: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "outline_mm", frozen_array("outline_mm", self.outline_mm, np.float64, (None, 2), "mm"))


def cutting_pieces(
    design: InsoleDesign,
    foot: Foot | None = None,
    base_allowance_mm: float = 0.0,
    cover_allowance_mm: float = COVER_ALLOWANCE_MM,
) -> tuple[Piece, ...]:
    """The base (the underside's outline) and, where there is a cover, the cover (the rim's outline, to its length).

    foot : needed for a cover shorter than the insole: where it ends is measured from the metatarsal heads
    allowances : 0–20 mm added all around (the cover's straight front edge too)

    Raises DesignError for an allowance out of range, and for a short cover without a foot.
    """
    for name, value in (("base_allowance_mm", base_allowance_mm), ("cover_allowance_mm", cover_allowance_mm)):
        if not 0.0 <= value <= MOST_ALLOWANCE_MM:
            nearest = float(np.clip(np.nan_to_num(value), 0.0, MOST_ALLOWANCE_MM))
            raise DesignError(name, value, f"0 to {MOST_ALLOWANCE_MM:g} mm", nearest)
    rx = design.prescription
    label = f" {rx.label}" if rx.label else ""
    side = "L" if design.side == "left" else "R"
    pieces = [Piece(f"{side} base{label}", "base", _true(design, _grown(design.outline_mm, base_allowance_mm)))]
    if rx.cover_thickness_mm > 0:
        line = design.rim_mm
        if rx.cover_length not in (None, rx.length):
            line = _cut(line, foot, str(rx.cover_length))
        pieces.append(Piece(f"{side} cover{label}", "cover", _true(design, _grown(line, cover_allowance_mm))))
    return tuple(pieces)


def dxf_bytes(pieces: Sequence[Piece]) -> bytes:
    """DXF R12 (AC1009): one closed POLYLINE a piece on the layer BASE or COVER, its name on the layer TEXT, mm."""
    placed = _side_by_side(pieces)
    low, high = _extent(placed)
    out = ["999", "plantar, millimetres", "0", "SECTION", "2", "HEADER", "9", "$ACADVER", "1", "AC1009"]
    out += ["9", "$EXTMIN", *_point(low), "30", "0.0", "9", "$EXTMAX", *_point(high), "30", "0.0", "0", "ENDSEC"]
    out += ["0", "SECTION", "2", "TABLES", "0", "TABLE", "2", "LTYPE", "70", "1", "0", "LTYPE", "2", "CONTINUOUS"]
    out += ["70", "64", "3", "Solid line", "72", "65", "73", "0", "40", "0.0", "0", "ENDTAB"]
    out += ["0", "TABLE", "2", "LAYER", "70", "3"]
    for name, colour in (("BASE", "7"), ("COVER", "1"), ("TEXT", "5")):
        out += ["0", "LAYER", "2", name, "70", "0", "62", colour, "6", "CONTINUOUS"]
    out += ["0", "ENDTAB", "0", "ENDSEC", "0", "SECTION", "2", "ENTITIES"]
    for piece in placed:
        layer = piece.kind.upper()
        out += ["0", "POLYLINE", "8", layer, "66", "1", "10", "0.0", "20", "0.0", "30", "0.0", "70", "1"]
        for xy in piece.outline_mm:
            out += ["0", "VERTEX", "8", layer, *_point(xy), "30", "0.0"]
        out += ["0", "SEQEND", "8", layer]
        text = piece.name.encode("ascii", "replace").decode()
        out += ["0", "TEXT", "8", "TEXT", *_point(_text_at(piece)), "30", "0.0", "40", f"{TEXT_MM:g}", "1", text]
    out += ["0", "ENDSEC", "0", "EOF"]
    return ("\r\n".join(out) + "\r\n").encode("ascii")


def svg_bytes(pieces: Sequence[Piece]) -> bytes:
    """SVG 1.1, 1 unit = 1 mm: one path a piece in the group ``base`` or ``cover``, names in the group ``text``."""
    placed = _side_by_side(pieces)
    low, high = _extent(placed)
    width, height = high - low + 2.0 * GAP_MM
    flip = np.array([1.0, -1.0])
    move = np.array([GAP_MM - low[0], GAP_MM + high[1]])
    out = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="{width:.3f}mm" height="{height:.3f}mm"'
        f' viewBox="0 0 {width:.3f} {height:.3f}">',
    ]
    for kind, colour in (("base", "#000000"), ("cover", "#ff0000")):
        mine = [piece for piece in placed if piece.kind == kind]
        if mine:
            out.append(f'<g id="{kind}" fill="none" stroke="{colour}" stroke-width="0.1">')
        for piece in mine:
            points = " L".join(f"{x:.3f},{y:.3f}" for x, y in piece.outline_mm * flip + move)
            out.append(f'<path id={quoteattr(piece.name.replace(" ", "_"))} d="M{points} Z"/>')
        if mine:
            out.append("</g>")
    out.append(f'<g id="text" fill="#0000ff" font-family="sans-serif" font-size="{TEXT_MM:g}">')
    for piece in placed:
        x, y = _text_at(piece) * flip + move
        out.append(f'<text x="{x:.3f}" y="{y:.3f}">{escape(piece.name)}</text>')
    return ("\n".join([*out, "</g>", "</svg>"]) + "\n").encode()


# ------------------------------------------------------------------ inside


def _true(design: InsoleDesign, line: Array) -> Array:
    """As the side's own foot; counter-clockwise, to 1 µm."""
    if design.side == "left":
        line = (line * [1.0, -1.0])[::-1]
    return np.round(line, 3) + 0.0


def _grown(line: Array, allowance_mm: float) -> Array:
    """A line ``allowance_mm`` outside this one, thinned out."""
    from manifold3d import CrossSection, FillRule, JoinType

    section = CrossSection([line], FillRule.Positive)
    if allowance_mm > 0:
        section = section.offset(allowance_mm, JoinType.Round, 2.0, 64)
    return _largest(section.simplify(CORNER_MM))


def _cut(line: Array, foot: Foot | None, length: str) -> Array:
    """What lies behind the front edge of a shorter cover."""
    from manifold3d import CrossSection, FillRule

    if foot is None:
        raise DesignError(
            "cover_length", length, "the insole's own length, or the foot that it is for", "give the foot"
        )
    where = anatomy(foot)
    y = np.array([-200.0, 200.0])
    if length == "full":
        return line
    x = where.mth_x(y) + FRONT_OF_MTH[length] * where.length_mm
    behind = np.array([[-100.0, y[0]], [x[0], y[0]], [x[1], y[1]], [-100.0, y[1]]])
    return _largest(CrossSection([line], FillRule.Positive) ^ CrossSection([behind], FillRule.Positive))


def _largest(section: Any) -> Array:
    polygons = [np.asarray(p, dtype=float) for p in section.to_polygons()]
    return max(polygons, key=_area)


def _area(polygon: Array) -> float:
    x, y = polygon.T
    return float(0.5 * (x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _side_by_side(pieces: Sequence[Piece]) -> list[Piece]:
    """Each above the one before it, heels on one line."""
    if not pieces:
        raise ValueError("a cutter's file needs at least one piece, got none")
    placed, at = [], 0.0
    for piece in pieces:
        low, high = piece.outline_mm.min(axis=0), piece.outline_mm.max(axis=0)
        placed.append(Piece(piece.name, piece.kind, piece.outline_mm - low + [0.0, at]))
        at += float(high[1] - low[1]) + GAP_MM
    return placed


def _extent(pieces: Sequence[Piece]) -> tuple[Array, Array]:
    every = np.vstack([piece.outline_mm for piece in pieces])
    return every.min(axis=0), every.max(axis=0)


def _text_at(piece: Piece) -> Array:
    low, high = piece.outline_mm.min(axis=0), piece.outline_mm.max(axis=0)
    return np.array([low[0] + 0.1 * (high[0] - low[0]), 0.5 * (low[1] + high[1]) - 0.5 * TEXT_MM])


def _point(xy: Array) -> list[str]:
    return ["10", f"{xy[0] + 0.0:.3f}", "20", f"{xy[1] + 0.0:.3f}"]
