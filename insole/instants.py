"""The stance instants of a recorded walk, laid under the foot that an insole is made for.

Every cell of the sensor becomes a patch of springs in the right-foot design frame. In a shoe the sensor lies where the
insole will lie: its outline is laid on the insole's, heel on heel, its axis through the middles of heel and ball, its
length on the insole's. On a plate each step's print is laid on the foot in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from footscan.errors import ScanError
from footscan.pressure.regions import REGIONS, FootGrid, foot_frame
from footscan.types import KPA_MM2_PER_N, Array, Foot, Recording, SensorLayout, Side, frozen_array
from insole.anatomy import Anatomy, anatomy
from insole.polygons import under_foot

if TYPE_CHECKING:
    from footscan.pressure import RecordingAnalysis, StepMetrics

SPRINGS = 2700
MOST_CELL_MM2 = 700.0  #: larger cells can't say where a head presses
LEAST_CELLS = 40  #: of the sensor of one foot
HEEL, BALL = 0.15, 0.69  #: stations of the middles that the axis goes through
SHOE_ROOM = 1.02  #: an insole's sensor reaches so far, of the foot's length; a print 0.98 of it
PRINT = 0.98
ODD_LENGTH = 0.08


@dataclass(frozen=True, eq=False)
class Stance:
    """The instants of one foot's used steps (on a plate: of one step), and the springs under it.

    xy_mm (n, 2) springs, as many in each cell, cell after cell; area_mm2 (n,); middle_mm (cells, 2) of the cells;
    area_of_cell_mm2 (cells,); region (cells,) index into ``REGIONS`` or -1; pressure_kpa (instants, cells);
    step (instants,) number of the step, weight_s (instants,) seconds that an instant stands for; bed: what the foot
    stood on while it was recorded
    """

    side: Side
    xy_mm: Array
    area_mm2: Array
    middle_mm: Array
    area_of_cell_mm2: Array
    region: Array
    pressure_kpa: Array
    step: Array
    weight_s: Array
    bed: Literal["insole", "plate"]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n, cells, instants = len(self.area_mm2), len(self.region), len(self.step)
        for name, shape in (
            ("xy_mm", (n, 2)),
            ("area_mm2", (n,)),
            ("middle_mm", (cells, 2)),
            ("area_of_cell_mm2", (cells,)),
            ("pressure_kpa", (instants, cells)),
            ("weight_s", (instants,)),
        ):
            object.__setattr__(self, name, frozen_array(name, getattr(self, name), np.float64, shape))

    @property
    def per_cell(self) -> int:
        """How many springs a cell has."""
        return len(self.area_mm2) // max(len(self.region), 1)

    def on_springs(self, cells: Array) -> Array:
        """Values (…, cells) on each spring (…, n)."""
        return np.repeat(cells, self.per_cell, axis=-1)

    @property
    def force_n(self) -> Array:
        """(instants,) of the whole foot."""
        return np.asarray(np.einsum("ij,j->i", self.pressure_kpa, self.area_of_cell_mm2) / KPA_MM2_PER_N)

    def mean_peak(self, cells_kpa: Array) -> Array:
        """(cells,) mean over the steps of each cell's peak, of pressures (instants, cells)."""
        return np.asarray(np.mean([cells_kpa[self.step == s].max(axis=0) for s in np.unique(self.step)], axis=0))

    def cell_means(self, pressure_kpa: Array) -> Array:
        """(instants, cells) what the sensor would read of pressures (instants, n) on the springs."""
        share = self.area_mm2 / self.on_springs(self.area_of_cell_mm2)
        return np.asarray((pressure_kpa * share).reshape(len(pressure_kpa), -1, self.per_cell).sum(axis=2))


def stance_instants(recording: Recording, analysis: RecordingAnalysis, foot: Foot) -> tuple[Stance, ...]:
    """All instants of the used steps of this foot's side: one stance in a shoe, one a step on a plate.

    Raises ScanError where the recording has no used step of it, no pressure, no positions, or cells too few or too
    large to say where the foot presses.
    """
    if analysis.quantity != "pressure":
        raise ScanError(f"a prediction needs pressures in kPa, the recording holds {analysis.quantity}")
    steps = [s for s in analysis.steps if s.used and s.side == foot.side]
    if not steps:
        raise ScanError(f"the recording has no step of the {foot.side} foot that counts")
    part = steps[0].part
    steps = [s for s in steps if s.part == part]
    layout = recording.pressure[part].layout
    _usable(layout)
    if analysis.in_shoe:
        return (_in_shoe(recording, analysis, steps, foot),)
    return _on_plate(recording, steps, foot)


def _usable(layout: SensorLayout) -> None:
    if layout.positions != "mm" or layout.area_mm2 is None:
        raise ScanError("a prediction needs cells of known place and area")
    if len(layout.xy_mm) < LEAST_CELLS or float(np.median(layout.area_mm2)) > MOST_CELL_MM2:
        found = f"{len(layout.xy_mm)} cells of {np.median(layout.area_mm2):.0f} mm²"
        raise ScanError(f"a prediction needs {LEAST_CELLS} cells of at most {MOST_CELL_MM2:g} mm², found {found}")


def _in_shoe(recording: Recording, analysis: RecordingAnalysis, steps: Sequence[StepMetrics], foot: Foot) -> Stance:
    part = recording.pressure[steps[0].part]
    layout, where = part.layout, anatomy(foot)
    frame = foot_frame(layout, np.ones(len(layout.xy_mm)), foot.side)
    length = SHOE_ROOM * where.length_mm
    notes = []
    if abs(frame.length_mm / length - 1.0) > ODD_LENGTH:
        notes.append(
            f"the sensor is {frame.length_mm:.0f} mm long, the insole about {length:.0f}: laid on it in length"
        )
    labels = next((m.labels for m in analysis.maps if m.side == foot.side), np.full(len(layout.xy_mm), -1))
    frames, number = _frames(part.time_s, steps)
    values = _values(part.values, part.valid, frames)
    keep = np.arange(len(layout.xy_mm))
    xy, area = _springs(layout, keep, frame, where, length, 0.0)
    middle = _placed(layout.xy_mm, frame, where, length, 0.0)
    weight = _weights(part.time_s)[frames]
    areas = np.asarray(layout.area_mm2)
    return Stance(
        foot.side, xy, area, middle, areas, labels, values, number, weight, "insole", tuple(notes)
    )  # fmt: skip


def _on_plate(recording: Recording, steps: Sequence[StepMetrics], foot: Foot) -> tuple[Stance, ...]:
    """Each step has a print of its own."""
    part = recording.pressure[steps[0].part]
    layout, where = part.layout, anatomy(foot)
    length, rear = PRINT * where.length_mm, 0.5 * (1.0 - PRINT) * where.length_mm
    stances = []
    for number, step in enumerate(steps):
        try:
            grid = _grid(layout, step, foot.side)
        except ScanError:
            continue  # a print that can't be laid on the foot is none to count
        pressed = step.peak > 0
        beneath = under_foot(foot, *_placed(layout.xy_mm, grid, where, length, rear).T)
        keep = np.flatnonzero(pressed | beneath)  # an insole may touch the foot where a plate does not
        xy, area = _springs(layout, keep, grid, where, length, rear)
        frames, _ = _frames(part.time_s, [step])
        values = (_values(part.values, part.valid, frames) * pressed)[:, keep]
        middle, weight = _placed(layout.xy_mm[keep], grid, where, length, rear), _weights(part.time_s)[frames]
        areas, which = np.asarray(layout.area_mm2)[keep], np.full(len(frames), number)
        stances.append(
            Stance(foot.side, xy, area, middle, areas, grid.labels[keep], values, which, weight, "plate")
        )  # fmt: skip
    if not stances:
        raise ScanError("no print of the recording can be laid on the foot")
    return tuple(stances)


def _grid(layout: SensorLayout, step: StepMetrics, side: Side) -> FootGrid:
    from footscan.pressure.regions import foot_grid

    heading = None
    if step.cop_xy_mm is not None:
        seen = step.cop_xy_mm[np.isfinite(step.cop_xy_mm).all(axis=1)]
        heading = seen[-1] - seen[0] if len(seen) > 1 else None
    return foot_grid(layout, step.peak, side, heading)


# ------------------------------------------------------------------ inside


def _frames(time_s: Array, steps: Sequence[StepMetrics]) -> tuple[Array, Array]:
    """Frames of all steps, and which step each belongs to."""
    starts = [int(np.searchsorted(time_s, step.time_s[0] - 1e-9)) for step in steps]
    frames = [np.arange(a, a + len(step.time_s)) for a, step in zip(starts, steps)]
    number = np.repeat(np.arange(len(steps)), [len(f) for f in frames])
    return np.concatenate(frames), number


def _values(values: Array, valid: Array | None, frames: Array) -> Array:
    taken = np.asarray(values[frames], dtype=np.float64)
    if valid is not None:
        taken = np.where(valid[frames], taken, 0.0)
    return np.maximum(np.nan_to_num(taken), 0.0)


def _weights(time_s: Array) -> Array:
    """Seconds that each frame stands for."""
    return np.gradient(time_s) if len(time_s) > 1 else np.ones(len(time_s))


def _placed(points: Array, frame: FootGrid, where: Anatomy, length: float, rear: float) -> Array:
    """Points (n, 2) of the sensor -> the design frame."""
    from_heel = points - frame.heel_mm
    s, w = from_heel @ frame.forward, from_heel @ frame.lateral
    x = rear + s * (length / frame.length_mm)
    ball = 0.5 * (where.mth1[1] + where.mth5[1])
    turn = (ball - where.heel_y_mm) / ((BALL - HEEL) * where.length_mm)
    return np.column_stack([x, where.heel_y_mm + (x - HEEL * where.length_mm) * turn - w])


def _springs(
    layout: SensorLayout,
    keep: Array,
    frame: FootGrid,
    where: Anatomy,
    length: float,
    rear: float,
) -> tuple[Array, Array]:
    """Springs evenly over each cell, cell after cell: places in the design frame, and areas."""
    side = int(np.clip(round(np.sqrt(SPRINGS / len(keep))), 1, 8))
    at = (np.arange(side) + 0.5) / side
    u, v = (axis.ravel() for axis in np.meshgrid(at, at, indexing="ij"))
    area = np.asarray(layout.area_mm2)[keep]
    if layout.corners_mm is not None and layout.corners_mm.shape[1] == 4:
        shares = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v], axis=1)
        points = np.einsum("pk,nkd->npd", shares, layout.corners_mm[keep])
    else:
        width = np.sqrt(area)[:, None, None]
        points = layout.xy_mm[keep][:, None] + (np.column_stack([u, v]) - 0.5) * width
    count = len(u)
    xy = _placed(points.reshape(-1, 2), frame, where, length, rear)
    return xy, np.repeat(area / count, count)


def middle_stance(stances: Sequence[Stance]) -> int:
    """The stance whose largest force is the middle one."""
    most = [float(stance.force_n.max()) for stance in stances]
    return int(np.argsort(most, kind="stable")[len(most) // 2])


def region_names(stances: Sequence[Stance]) -> tuple[str, ...]:
    """The regions that any cell lies in, in their usual order."""
    return tuple(name for k, name in enumerate(REGIONS) if any((s.region == k).any() for s in stances))
