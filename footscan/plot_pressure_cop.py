"""The butterfly of a walk: the path of the centre of pressure under each foot, every step and their mean, and between
the feet while both are down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from footscan.errors import ScanError
from footscan.page import FAINT, INK, SIDE_COLOUR, Panel
from footscan.plot_pressure_cells import outline_rings, values_at
from footscan.plot_pressure_curves import resampled
from footscan.plot_pressure_sheets import known_path, lay_out, sheets
from footscan.types import Array, SensorLayout, Side

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from footscan.pressure import RecordingAnalysis, StepMetrics

WASH = "#eef0ef"  #: the inside of a sole
FAINT_PART = 0.05  #: of the largest value: where a print ends
MESH_MM = 2.5
APART_IN = 0.75
EDGES: Mapping[Side, tuple[str, str]] = {
    "left": ("lateral", "medial"),
    "right": ("medial", "lateral"),
    "unknown": ("left", "right"),
}
UP = np.array([[0.0, -1.0], [1.0, 0.0]])  #: x ahead and y to the left -> right and up


@dataclass(frozen=True, eq=False)
class Wing:
    """One foot of the butterfly, right and up in mm: ``soles`` closed polygons (n, 2), ``steps`` those that count,
    ``paths`` (steps, 101, 2) at each percent of the contact, ``ways`` as (frames, 2) in time with their ``times``."""

    side: Side
    soles: tuple[Array, ...]
    foot: bool
    steps: tuple[StepMetrics, ...]
    paths: Array
    ways: tuple[Array, ...]
    times: tuple[Array, ...]

    @property
    def box(self) -> tuple[Array, Array]:
        """Lower left and upper right (2,)."""
        points = np.concatenate([*self.soles, self.paths.reshape(-1, 2)])
        return points.min(axis=0), points.max(axis=0)


def cop_butterfly(analysis: RecordingAnalysis, outlines: Mapping[Side, Sequence[Array]] | None = None) -> Figure:
    """The centre of pressure of each foot over its used steps: every step thin, their mean thick, from its ring to its
    tip; and from foot to foot while both are down.

    In shoes each foot stands in its own insole and the two are drawn side by side: how far apart they were nobody
    measured. On a plate the prints of a foot are laid on each other, heel on heel and axis on axis.

    outlines : by side, closed polygons (n, 2) mm of the foot in the sensor's frame

    Raises
    ------
    ScanError : no centre of pressure in mm
    """
    wings = _in_shoe(analysis, outlines) if analysis.in_shoe else _on_plate(analysis)
    if not wings:
        reason = analysis.reasons.get("cop_x_mm", "no step has a centre of pressure in mm")
        raise ScanError(f"no path of the centre of pressure to draw: {reason}")
    row = lay_out([w.box for w in wings], [0.6, *[APART_IN] * (len(wings) - 1)], after_in=0.6, below_in=1.1)
    if analysis.in_shoe:
        _draw_between(row.panels, wings)
    for panel, wing in zip(row.panels, wings):
        _draw_wing(panel, wing)
        low, high = wing.box
        middle = float(low[0] + high[0]) / 2
        name = "foot of unknown side" if wing.side == "unknown" else f"{wing.side} foot"
        count = f"{len(wing.steps)} step" + ("s" if len(wing.steps) > 1 else "")
        panel.words((middle, float(low[1]) + row.tall + 0.42 * row.inch), name, 13.0, INK, weight="bold")
        panel.words((middle, float(low[1]) + row.tall + 0.2 * row.inch), f"{count}{_told(wing)}", 9.0, FAINT)
        bottom = float(low[1]) - 0.16 * row.inch
        for x, edge, words in zip((low[0], high[0]), ("left", "right"), EDGES[wing.side]):
            panel.words((float(x), bottom), words, 8.5, FAINT, ha=edge)
    _draw_scale(row.panels[0], wings[0].box[0], row.inch)
    told = ["thin: each step; thick: their mean, from its ring on"]
    if len(wings) > 1 and analysis.in_shoe:
        told.append("grey: from foot to foot while both are down; how far apart the feet were is not in the recording")
    elif not analysis.in_shoe and max(len(w.steps) for w in wings) > 1:
        told.append("the prints of a foot are laid on each other, heel on heel")
    if any(w.foot for w in wings):
        told[0] += "; dashed: the scanned foot"
    for k, line in enumerate(told):
        row.page.words(row.page.width_mm / 2, (0.48 - 0.18 * k) * row.inch, line, 9.0)
    return row.page.figure()


def _told(wing: Wing) -> str:
    """What a foot's steps have in common: the path's length, and how far a step strays from the mean."""
    known = [v for s in wing.steps if (v := s.values.get("cop_path_mm")) is not None]
    if not known:
        return ""
    if len(known) < 2:
        return f", path {known[0]:.0f} mm"
    return f", path {np.mean(known):.0f} ± {np.std(known, ddof=1):.0f} mm"


# ------------------------------------------------------------------ the feet


def _in_shoe(analysis: RecordingAnalysis, outlines: Mapping[Side, Sequence[Array]] | None) -> list[Wing]:
    wings = []
    for sheet in sheets(analysis, outlines):
        steps = [s for s in sheet.steps if known_path(s) is not None]
        wing = _wing(sheet.map.side, steps, [sheet.seen(s.cop_xy_mm) for s in steps if s.cop_xy_mm is not None],
                     sheet.outlines, sheet.foot)  # fmt: skip
        wings += [wing] if wing is not None else []
    return wings


def _wing(
    side: Side, steps: Sequence[StepMetrics], ways: Sequence[Array], soles: Sequence[Array], foot: bool
) -> Wing | None:
    """A foot with the steps whose paths are known; None without any."""
    if not steps or not soles:
        return None
    paths = np.stack([resampled(s.time_s, way) for s, way in zip(steps, ways)])
    return Wing(side, tuple(soles), foot, tuple(steps), paths, tuple(ways), tuple(s.time_s for s in steps))


def _on_plate(analysis: RecordingAnalysis) -> list[Wing]:
    """Each side's prints on each other, each in its own frame: x from the heel's edge ahead, y to the left."""
    wings = []
    layouts = dict(zip(sorted({s.part for s in analysis.steps}), (m.layout for m in analysis.maps)))
    for side in ("left", "right", "unknown"):
        mine = [s for s in analysis.steps if s.side == side]
        used = [s for s in mine if s.used] or mine
        placed = [(s, frame) for s in used if (frame := print_frame(layouts[s.part], s)) is not None]
        if not placed:
            continue
        ways = [((s.cop_xy_mm - f[0]) @ f[1].T) @ UP.T for s, f in placed if s.cop_xy_mm is not None]
        soles = _mean_print([(layouts[s.part], s.peak, *f) for s, f in placed])
        wing = _wing(side, [s for s, _ in placed], ways, soles, False)
        wings += [wing] if wing is not None else []
    return wings


def print_frame(layout: SensorLayout, step: StepMetrics) -> tuple[Array, Array] | None:
    """Where a print's own frame lies on the plate: its origin (2,) mm on the heel's edge, and (2, 2) whose rows are its
    x (heel to toes) and y (to the wearer's left); None without a path of the centre of pressure.

    The print's own axis where it can be cut into regions, else the way of the centre of pressure.
    """
    from footscan.pressure.regions import foot_frame

    path = known_path(step)
    if path is None or not (step.peak > 0).any():
        return None
    ahead = path[-1] - path[0]
    if np.linalg.norm(ahead) < 1e-6:
        return None
    ahead = ahead / np.linalg.norm(ahead)
    try:
        frame = foot_frame(layout, step.peak, "left" if step.side == "unknown" else step.side, ahead)
        origin, ahead = frame.heel_mm, frame.forward
    except ScanError:
        loaded = layout.xy_mm[step.peak > FAINT_PART * step.peak.max()]
        left = np.array([-ahead[1], ahead[0]])
        origin = ahead * float((loaded @ ahead).min()) + left * float(np.median(loaded @ left))
    return np.asarray(origin), np.array([ahead, [-ahead[1], ahead[0]]])


def _mean_print(prints: Sequence[tuple[SensorLayout, Array, Array, Array]]) -> tuple[Array, ...]:
    """The rims of the mean of prints (layout, peak, origin, axes), right and up: on a fine mesh in the feet's frame."""
    reach = [np.asarray((layout.xy_mm[p > 0] - o) @ axes.T) for layout, p, o, axes in prints]
    low = np.min([r.min(axis=0) for r in reach], axis=0) - 12.0
    high = np.max([r.max(axis=0) for r in reach], axis=0) + 12.0
    x, y = np.meshgrid(*(np.arange(a, b + MESH_MM, MESH_MM) for a, b in zip(low, high)), indexing="ij")
    mesh = np.stack([x, y], axis=-1)
    total = np.mean([values_at(layout, p, mesh @ axes + o) for layout, p, o, axes in prints], axis=0)
    covered = mesh[total > FAINT_PART * total.max()]
    half = 0.5 * MESH_MM * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    return tuple(ring @ UP.T for ring in outline_rings(covered[:, None] + half))


# ------------------------------------------------------------------ drawing


def _draw_wing(panel: Panel, wing: Wing) -> None:
    for sole in wing.soles:
        panel.fill(sole, WASH, zorder=0.4)
        style: dict[str, Any] = {"ls": (0, (4, 2.2))} if wing.foot else {}
        panel.line(np.concatenate([sole, sole[:1]]), FAINT, 0.9, halo=False, **style)
    colour = SIDE_COLOUR[wing.side]
    for path in wing.paths:
        panel.line(path, colour, 0.8, halo=False, alpha=0.6)
    mean = wing.paths.mean(axis=0)
    panel.line(mean, colour, 2.4)
    panel.dots(mean[[0]])
    head = {"arrowstyle": "-|>", "color": colour, "lw": 0, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 15}
    away = np.flatnonzero(np.linalg.norm(mean - mean[-1], axis=1) > 3.0)
    if len(away):
        a, b = panel.at(mean[away[-1]]), panel.at(mean[-1])
        panel.page.axes.annotate("", xy=(b[0], b[1]), xytext=(a[0], a[1]), arrowprops=head, zorder=6)


def _draw_between(panels: Sequence[Panel], wings: Sequence[Wing]) -> None:
    """The way of the centre of pressure of both feet while both are down."""
    if {w.side for w in wings} != {"left", "right"}:
        return
    for k, first in enumerate(wings):
        second = wings[1 - k]
        for i, (t, way) in enumerate(zip(first.times, first.ways)):
            for j, (u, other) in enumerate(zip(second.times, second.ways)):
                both = t[(t >= u[0]) & (t <= u[-1])]
                if not (t[0] < u[0] <= t[-1] < u[-1]) or len(both) < 2:
                    continue  # not from this foot's step into that of the other
                a = _at(both, t, panels[k].at(way), first.steps[i].force)
                b = _at(both, u, panels[1 - k].at(other), second.steps[j].force)
                force = a[:, 2:] + b[:, 2:]
                path = (a[:, :2] * a[:, 2:] + b[:, :2] * b[:, 2:]) / np.where(force > 0, force, np.nan)
                panels[0].page.axes.plot(path[:, 0], path[:, 1], color=FAINT, lw=0.8, alpha=0.55, zorder=2.5)


def _at(when: Array, time_s: Array, way: Array, force: Array) -> Array:
    """x, y on the page and force (n, 3) at moments, by linear interpolation between what is known."""
    good = np.isfinite(way).all(axis=1)
    columns = [np.interp(when, time_s[good], way[good, k]) for k in (0, 1)]
    return np.stack([*columns, np.interp(when, time_s, force)], axis=1)


def _draw_scale(panel: Panel, low: Array, inch: float) -> None:
    """A line of 50 mm."""
    left, bottom = float(low[0]), float(low[1]) - 0.34 * inch
    panel.dimension(np.array([left, bottom]), np.array([left + 50.0, bottom]))
    panel.words((left + 50.0 + 0.08 * inch, bottom), "50 mm", 8.5, INK, ha="left")
