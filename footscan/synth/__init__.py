"""Feet and walks whose true answers are known, computed apart from the code that measures."""

from __future__ import annotations

from footscan.synth.feet import FootSpec, SyntheticFoot, make_foot
from footscan.synth.people import draw_spec
from footscan.synth.scanning import scan_foot, scan_pair
from footscan.synth.walks import SyntheticWalk, WalkSpec, make_walk, threshold_times

__all__ = [
    "FootSpec",
    "SyntheticFoot",
    "SyntheticWalk",
    "WalkSpec",
    "draw_spec",
    "make_foot",
    "make_walk",
    "scan_foot",
    "scan_pair",
    "threshold_times",
]
