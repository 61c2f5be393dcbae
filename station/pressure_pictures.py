"""The pictures of recordings by file name, each to be drawn by a call: what `plantar pressure` and its report show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from footscan import plot_pressure, plot_pressure_change, plot_pressure_cop
from footscan.errors import ScanError
from footscan.page import png
from footscan.types import Array, Side
from station.picture_words import tell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from footscan.pressure import RecordingAnalysis

Outlines = Mapping[Side, Sequence[Array]]
Job = Callable[[], bytes]

CHANGE = "change.png"


def jobs(
    analysis: RecordingAnalysis, number: int, outlines: Outlines | None = None, lang: str = "en"
) -> dict[str, Job]:
    """The pictures that a recording supports: ``pressure_<n>.png`` the map, ``cop_<n>.png`` the butterfly,
    ``force_<n>.png`` the curves, ``regions_<n>.png`` the bars; their words in ``lang``."""
    if not analysis.maps:
        return {}
    draw: dict[str, Callable[[], Figure]] = {
        f"pressure_{number}.png": partial(plot_pressure.pressure_map, analysis, outlines)
    }
    if any(s.cop_xy_mm is not None for s in analysis.steps):
        draw[f"cop_{number}.png"] = partial(plot_pressure_cop.cop_butterfly, analysis, outlines)
    draw[f"force_{number}.png"] = partial(plot_pressure.force_curves, analysis)
    if any(row.get("peak_kpa") is not None for s in analysis.steps if s.used for row in s.regions.values()):
        draw[f"regions_{number}.png"] = partial(plot_pressure.region_bars, analysis)
    return {name: partial(_drawn, figure, lang) for name, figure in draw.items()}


def change_job(
    before: RecordingAnalysis,
    after: RecordingAnalysis,
    names: tuple[str, str],
    outlines: Outlines | None = None,
    lang: str = "en",
) -> dict[str, Job]:
    """``change.png``: two recordings of the same feet and what changed; ScanError where they can't be compared."""
    plot_pressure_change.pairs(before, after)
    draw = partial(plot_pressure_change.change_map, before, after, names, outlines)
    return {CHANGE: partial(_drawn, draw, lang)}


def _drawn(draw: Callable[[], Figure], lang: str) -> bytes:
    return png(tell(draw(), lang))


def draw_into(folder: Path, wanted: Mapping[str, Job], tell: Callable[[], None]) -> list[str]:
    """Draw pictures into an existing folder, telling before each; the names of those that could be drawn."""
    names = []
    for name, draw in wanted.items():
        tell()
        try:
            (folder / name).write_bytes(draw())
        except ScanError:  # what the recording does not hold is no picture: the document says why
            continue
        names.append(name)
    return names
