"""The scanned foot's outline where it stood on a sensor: for pictures of pressure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from footscan.errors import ScanError
from footscan.plot_pressure_sheets import known_path
from footscan.registration import register
from footscan.types import Array, Foot, SensorLayout, Side

if TYPE_CHECKING:
    from footscan.pressure import RecordingAnalysis, StepMetrics

OUTLINE = "outline_25mm"  #: which of a scan's footprints is drawn


def foot_outlines(feet: Sequence[Foot], analysis: RecordingAnalysis) -> dict[Side, list[Array]]:
    """By side of each sensor (unknown: a plate), closed polygons (n, 2) mm in the sensor's frame: of each scanned foot
    where `footscan.registration` finds it, in a shoe once, on a plate under each used step. A foot that fits no print
    is left out."""
    found: dict[Side, list[Array]] = {}
    by_side = {foot.side: foot for foot in feet}
    for m, part in zip(analysis.maps, sorted({s.part for s in analysis.steps})):
        if m.layout.frame == "insole":
            stands: list[tuple[Side, Array, Array | None]] = [(m.side, m.mean_peak, None)]
        else:
            mine = [s for s in analysis.steps if s.part == part and s.used]
            stands = [(s.side, s.peak, _heading(s)) for s in mine]
        for side, image, heading in stands:
            foot = by_side.get(side)
            if foot is not None:
                found.setdefault(m.side, []).extend(_placed(foot, m.layout, image, side, heading))
    return found


def _heading(step: StepMetrics) -> Array | None:
    path = known_path(step)
    if path is None or np.linalg.norm(path[-1] - path[0]) < 1.0:
        return None
    return np.asarray(path[-1] - path[0])


def _placed(foot: Foot, layout: SensorLayout, image: Array, side: Side, heading: Array | None) -> list[Array]:
    try:
        T = np.linalg.inv(register(foot, layout, image, side, heading).T_foot_sensor)
        outline = foot.footprint(OUTLINE)
    except (ScanError, KeyError):
        return []
    return [polygon @ T[:2, :2].T + T[:2, 3] for polygon in outline.polygons]
