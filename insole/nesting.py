"""Insoles of many orders on few plates: true outlines that interlock heel to toe, at whatever angle the bed wants.

On a plate all insoles lie parallel, turned by half or quarter turns against each other; the plate as a whole is turned
on the bed degree by degree. Many such plates are filled at once, bottom-left, from the largest insole down: the next is
the largest one left that fits any of them, one of the same side first, for of those two lie closest, point
mirrored. Bottom-left placing after Burke, Hellier, Kendall and Whitwell 2006, doi:10.1287/opre.1060.0293; the choice of
what comes next is first fit decreasing. Nothing is left to chance: the same outlines, the same plates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from footscan.types import Array
from insole.checks import BED_MM
from insole.errors import DesignError
from insole.outlines import STEP_MM, Profile, area, forbidden, grown, profile, turned
from insole.plates import MARGIN_MM, SPACING_MM

TURNS = ((0, 180), (90, 270))  #: against the first of a plate: the second pair is tried where the first finds no room
STARTS = 10  #: places of a plate's first insole at each angle
MOST_STATES, MOST_AGAIN = 400, 2000  #: plates that are filled at once, at first and where they stay loose
ANGLES = np.radians(np.arange(0.0, 180.0))
NOTHING = 1e-9


@dataclass(frozen=True)
class Spot:
    """Where a part lies: its number, then turned about its own origin, then moved (mm, from the bed's corner)."""

    part: int
    x_mm: float
    y_mm: float
    turn_deg: float


def nest(
    outlines_mm: Sequence[Array],
    bed_mm: tuple[float, float] = BED_MM,
    spacing_mm: float = SPACING_MM,
    kinds: Sequence[str] | None = None,
) -> tuple[tuple[Spot, ...], ...]:
    """Plates of spots, each outline on exactly one.

    Parameters
    ----------
    outlines_mm : closed lines (n, 2), each in its own frame, none crossing itself
    bed_mm : width and depth; ``MARGIN_MM`` at its edges stays free
    spacing_mm : least distance between two parts
    kinds : what is alike, e.g. the side of the foot; a plate goes on with the kind that it has

    Raises DesignError for an outline that is too large for the bed.
    """
    bed = _Bed.of(bed_mm, spacing_mm)
    shapes = [_Shape.of(number, line, spacing_mm) for number, line in enumerate(outlines_mm)]
    alike = list(kinds) if kinds is not None else [""] * len(shapes)
    if len(alike) != len(shapes):
        raise ValueError(f"kinds must be one an outline ({len(shapes)}), got {len(alike)}")
    plates = _filled(bed, shapes, alike, MOST_STATES)
    # once more for what lies looser than most do, with more plates in view
    counts = [len(plate.shapes) for plate in plates]
    loose = [plate for plate in plates if len(plate.shapes) < max(counts, key=counts.count)]
    if len(loose) > 1:
        again = _filled(bed, [shape for plate in loose for shape in plate.shapes], alike, MOST_AGAIN)
        if len(again) < len(loose):
            plates = [plate for plate in plates if plate not in loose] + again
    return tuple(_spots(bed, plate, bed_mm) for plate in plates)


def fits(outline_mm: Array, bed_mm: tuple[float, float]) -> bool:
    """Whether one outline fits the bed at any angle."""
    return _begun(_Bed.of(bed_mm, SPACING_MM), _Shape.of(0, outline_mm, SPACING_MM)) is not None


def least_plates(outlines_mm: Sequence[Array], bed_mm: tuple[float, float], spacing_mm: float = SPACING_MM) -> float:
    """No fewer plates can hold them: areas with half the spacing around, over the bed's with the same. Not rounded."""
    bed = _Bed.of(bed_mm, spacing_mm)
    return sum(area(grown(line, 0.5 * spacing_mm)) for line in outlines_mm) / (bed.width_mm * bed.depth_mm)


# ------------------------------------------------------------------ records


@dataclass(frozen=True)
class _Bed:
    """What grown outlines have to lie in: the bed without its margin, half a spacing added around."""

    width_mm: float
    depth_mm: float

    @classmethod
    def of(cls, bed_mm: tuple[float, float], spacing_mm: float) -> _Bed:
        if not 0.0 <= spacing_mm <= 100.0:
            raise ValueError(f"spacing_mm must be 0 to 100, got {spacing_mm}")
        room = [side - 2.0 * MARGIN_MM for side in bed_mm]
        if min(room) <= 0.0 or not math.isfinite(sum(room)):
            raise ValueError(f"bed_mm must be two lengths above {2 * MARGIN_MM:g}, got {bed_mm}")
        return cls(room[0] + spacing_mm, room[1] + spacing_mm)

    @property
    def x(self) -> Array:
        """Steps of x that a middle can be at."""
        reach = int(math.hypot(self.width_mm, self.depth_mm) / 2.0 / STEP_MM) + 1
        return np.arange(-reach, reach + 1)


@dataclass(frozen=True, eq=False)
class _Way:
    """A shape turned: its profile, and how far it reaches (angles, 4) along the bed's x, −x, y, −y at each angle."""

    profile: Profile
    reach_mm: Array


@dataclass(frozen=True, eq=False)
class _Shape:
    """A part with half the spacing around it, its middle (mm, in the part's frame) at the origin."""

    number: int
    outline_mm: Array
    middle_mm: Array
    area_mm2: float
    ways: dict[int, _Way] = field(default_factory=dict)

    @classmethod
    def of(cls, number: int, outline_mm: Array, spacing_mm: float) -> _Shape:
        line = np.asarray(outline_mm, dtype=float)
        if line.ndim != 2 or line.shape[1] != 2 or len(line) < 3 or not np.isfinite(line).all():
            raise ValueError(f"an outline must be (n, 2) in mm, n ≥ 3, got {line.shape} for number {number}")
        wide = grown(line, 0.5 * spacing_mm)
        middle = 0.5 * (wide.min(axis=0) + wide.max(axis=0))
        return cls(number, wide - middle, middle, area(wide))

    def way(self, turn: int) -> _Way:
        """The shape turned by so many degrees."""
        if turn not in self.ways:
            line = turned(self.outline_mm, float(turn))
            cos, sin = np.cos(ANGLES), np.sin(ANGLES)
            axes = (np.array([cos, -sin]), np.array([-cos, sin]), np.array([sin, cos]), np.array([-sin, -cos]))
            reach = np.column_stack([(line @ axis).max(axis=0) for axis in axes])
            self.ways[turn] = _Way(profile(line), reach)
        return self.ways[turn]


@dataclass(frozen=True, eq=False)
class _State:
    """Plates (rows) with the same shapes on them: ``angle`` (rows,) of the bed, ``x`` (rows, shapes) in steps, ``y_mm``
    and ``turn`` (rows, shapes), in the frame in which the first insole is not turned."""

    shapes: tuple[_Shape, ...]
    angle: Array
    x: Array
    y_mm: Array
    turn: Array
    overlaps: dict[tuple[int, int, int, int], tuple[int, Array, Array]] = field(default_factory=dict)

    @property
    def area_mm2(self) -> float:
        return sum(shape.area_mm2 for shape in self.shapes)


# ------------------------------------------------------------------ placing


def _inside(bed: _Bed, way: _Way, angle: Array, x: Array) -> tuple[Array, Array]:
    """(rows, x) least and largest y at which the shape lies on the bed; least above largest where it does nowhere.

    At an angle the bed is a turned rectangle: x' = x cos − y sin and y' = x sin + y cos are limited.
    """
    cos, sin = np.cos(ANGLES[angle])[:, None], np.sin(ANGLES[angle])[:, None]
    cos = np.where(np.abs(cos) < 1e-12, 1e-12, cos)  # then y is limited by the other alone
    sin = np.where(np.abs(sin) < 1e-12, 1e-12, sin)
    right, left, up, down = way.reach_mm[angle].T[..., None]
    w, d = 0.5 * bed.width_mm, 0.5 * bed.depth_mm
    across = ((x * cos + right - w) / sin, (x * cos - left + w) / sin)
    along = ((d - up - x * sin) / cos, (down - d - x * sin) / cos)
    low = np.maximum(np.minimum(*across), np.minimum(*along))
    high = np.minimum(np.maximum(*across), np.maximum(*along))
    never = (left + right > bed.width_mm) | (up + down > bed.depth_mm)
    return np.where(never, np.inf, low), np.where(never, -np.inf, high)


def _begun(bed: _Bed, shape: _Shape) -> _State | None:
    """Plates with one shape, along the lower edges of where it may lie at each angle; None where it fits at none."""
    steps = bed.x
    low, high = _inside(bed, shape.way(0), np.arange(len(ANGLES)), steps * STEP_MM)
    rows, columns = [], []
    for row in np.flatnonzero((low <= high).any(axis=1)):
        free = np.flatnonzero(low[row] <= high[row])
        spread = np.round(np.linspace(0, len(free) - 1, STARTS)).astype(int)
        picks = np.unique([*spread, int(np.argmin(low[row, free]))])
        rows.append(np.full(len(picks), row))
        columns.append(free[picks])
    if not rows:
        return None
    angle, column = np.concatenate(rows), np.concatenate(columns)
    x, y = steps[column][:, None], low[angle, column][:, None]
    return _State((shape,), angle, x, y, np.zeros((len(angle), 1), dtype=int))


def _added(bed: _Bed, state: _State, shape: _Shape, most: int) -> _State | None:
    """The plates of a state that have room for one more shape, with it as low as it goes; None where none has."""
    for turns in TURNS:
        found = [_placed(bed, state, shape, turn) for turn in turns]
        row, x, y, turn = (np.concatenate(parts) for parts in zip(*found))
        if len(row):
            keep = _spread(state.angle[row], y, most)
            row, x, y, turn = row[keep], x[keep], y[keep], turn[keep]
            return _State(
                (*state.shapes, shape),
                state.angle[row],
                np.column_stack([state.x[row], x]),
                np.column_stack([state.y_mm[row], y]),
                np.column_stack([state.turn[row], turn]),
                state.overlaps,
            )
    return None


def _placed(bed: _Bed, state: _State, shape: _Shape, turn: int) -> tuple[Array, Array, Array, Array]:
    """Rows with room for the shape at this turn, and x, y and turn there."""
    angles, of_row = np.unique(state.angle, return_inverse=True)
    low, high = _inside(bed, shape.way(turn), angles, bed.x * STEP_MM)
    possible = np.asarray(low <= high)
    rows = np.flatnonzero(np.asarray(possible.any(axis=1))[of_row])
    empty = np.zeros(0, dtype=int)
    if not len(rows):
        return empty, empty, np.zeros(0), empty
    columns = np.flatnonzero(possible.any(axis=0))
    steps = bed.x[columns[0] : columns[-1] + 1]
    y, high = (line[of_row[rows], columns[0] : columns[-1] + 1] for line in (low, high))
    taken = [_taken(state, k, rows, shape, turn, steps) for k in range(len(state.shapes))]
    # upwards past every shape that is in the way, until none is
    moved = True
    while moved:
        moved = False
        for bottom, top in taken:
            hit = (y > bottom + NOTHING) & (y < top - NOTHING)
            if hit.any():
                y, moved = np.where(hit, top, y), True
    y = np.where(y <= high, y, np.inf)
    column = y.argmin(axis=1)
    least = y[np.arange(len(rows)), column]
    good = np.isfinite(least)
    return rows[good], steps[column[good]], least[good], np.full(int(good.sum()), turn)


def _taken(state: _State, k: int, rows: Array, shape: _Shape, turn: int, steps: Array) -> tuple[Array, Array]:
    """(rows, x) interval of y in which the shape would overlap the k-th of each plate; empty ones are inside out."""
    bottom, top = np.full((len(rows), len(steps)), np.inf), np.full((len(rows), len(steps)), -np.inf)
    other = state.shapes[k]
    turns = state.turn[rows, k]
    for there in np.unique(turns).tolist():
        key = (other.number, there, shape.number, turn)
        if key not in state.overlaps:
            first, below, above = forbidden(other.way(there).profile, shape.way(turn).profile)
            ends = [np.pad(line, 1, constant_values=value) for line, value in ((below, np.inf), (above, -np.inf))]
            state.overlaps[key] = (first - 1, ends[0], ends[1])
        first, below, above = state.overlaps[key]
        these = np.flatnonzero(turns == there)
        place = np.clip(steps[None, :] - state.x[rows[these], k][:, None] - first, 0, len(below) - 1)
        y = state.y_mm[rows[these], k][:, None]
        bottom[these], top[these] = below[place] + y, above[place] + y
    return bottom, top


def _spread(angle: Array, y: Array, most: int) -> Array:
    """The rows to go on with: at each angle those that end lowest, as many of each as there is room for."""
    order = np.lexsort((y, angle))
    start = np.flatnonzero(np.append(True, np.diff(angle[order]) != 0))
    rank = np.arange(len(order)) - np.repeat(start, np.diff(np.append(start, len(order))))
    return np.asarray(np.sort(order[np.argsort(rank, kind="stable")[:most]]))


# ------------------------------------------------------------------ what comes next


def _filled(bed: _Bed, shapes: Sequence[_Shape], alike: Sequence[str], most: int) -> list[_State]:
    """Plates with all shapes, one after the other; ``most`` states of each are looked at. DesignError as ``nest``."""
    left = sorted(shapes, key=lambda shape: (-shape.area_mm2, shape.number))
    plates: list[_State] = []
    hints: dict[tuple[int, bool], float] = {}
    while left:
        first = left.pop(0)
        state = _begun(bed, first)
        if state is None:
            raise _too_large(first, bed)
        while left:
            more = _joined(bed, state, left, alike, hints, most)
            if more is None:
                break
            state = more
            left.remove(state.shapes[-1])
        plates.append(state)
    return plates


def _joined(
    bed: _Bed,
    state: _State,
    left: Sequence[_Shape],
    alike: Sequence[str],
    hints: dict[tuple[int, bool], float],
    most: int,
) -> _State | None:
    """The plates with the largest shape that fits them: of the kind of the last one, or else of the others."""
    kind = alike[state.shapes[-1].number]
    for same in (True, False):
        room = bed.width_mm * bed.depth_mm - state.area_mm2
        others = [s for s in left if (alike[s.number] == kind) == same and s.area_mm2 <= room]
        key = (len(state.shapes), same)
        guess = next((k for k, s in enumerate(others) if s.area_mm2 <= hints.get(key, math.inf)), len(others) - 1)
        more = _largest(lambda shape: _added(bed, state, shape, most), others, guess)
        if more is not None:
            hints[key] = more.shapes[-1].area_mm2
            return more
    return None


def _largest(add: Callable[[_Shape], _State | None], shapes: Sequence[_Shape], guess: int) -> _State | None:
    """The first of falling sizes that can be added, as if what is smaller than one that fits would fit too.

    Found from a guess: beside it, two on, four on, until the answer changes, then by halves. None where the least does
    not fit.
    """
    if not shapes:
        return None
    fails, works, last = -1, len(shapes), len(shapes) - 1
    found = add(shapes[guess])
    downwards = found is None
    if downwards:
        fails = guess
        found = add(shapes[last]) if guess < last else None
        if found is None:
            return None
        works = last
    else:
        works = guess
    step = 1
    while works - fails > 1:
        near = min(fails + step, works - 1) if downwards else max(works - step, fails + 1)
        at = near if step else (fails + works) // 2
        more = add(shapes[at])
        if more is not None:
            found, works = more, at
        else:
            fails = at
        step = 2 * step if (more is None) == downwards else 0
    return found


def _spots(bed: _Bed, state: _State, bed_mm: tuple[float, float]) -> tuple[Spot, ...]:
    """The plate that is turned least, its shapes in the middle of the bed."""
    degrees = np.degrees(ANGLES[state.angle])
    row = int(np.argmin(np.abs((degrees + 45.0) % 90.0 - 45.0)))
    turn = round(float(degrees[row]))
    places = np.column_stack([state.x[row] * STEP_MM, state.y_mm[row]])
    places = turned(places, turn)
    reach = np.array([s.way(int(t)).reach_mm[state.angle[row]] for s, t in zip(state.shapes, state.turn[row])])
    low, high = (places - reach[:, [1, 3]]).min(axis=0), (places + reach[:, [0, 2]]).max(axis=0)
    places = places - 0.5 * (low + high) + 0.5 * np.array(bed_mm)
    spots = []
    for shape, place, own in zip(state.shapes, places, state.turn[row]):
        angle = (turn + int(own)) % 360
        x, y = np.round(place - turned(shape.middle_mm[None], angle)[0], 2)
        spots.append(Spot(shape.number, float(x), float(y), float(angle)))
    return tuple(sorted(spots, key=lambda spot: spot.part))


def _too_large(shape: _Shape, bed: _Bed) -> DesignError:
    size = np.ptp(shape.outline_mm, axis=0)
    limit = (
        f"with the spacing around it at most {bed.width_mm:g} × {bed.depth_mm:g} mm, what the bed takes at any angle"
    )
    return DesignError("printer_bed", f"{size[0]:.0f} × {size[1]:.0f} mm", limit, "a larger printer")
