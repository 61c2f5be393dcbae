"""Feet on a plate: which cells belong to which foot, which way it walks, which side it is.

Contacts are found on the plate's whole force first. Within each, loaded cells within two and a half cells of each other
form a print, and prints that together are no larger than a foot are one foot (heel and forefoot of a high arch). Each
foot then has a force of its own and its contacts on it.
"""

from __future__ import annotations

import numpy as np

from footscan.pressure.running import cell_weights
from footscan.pressure.steps import Contact, ContactRule, find_contacts
from footscan.types import Array, PressureRecording, Side, replace

FOOT_LENGTH_MM, FOOT_WIDTH_MM = 340.0, 160.0  #: prints that together exceed this are two feet
LEAST_STRIDE_MM = 200.0  #: feet less far apart along the walkway stand beside each other
LEVELS = (0.005, 0.01, 0.02, 0.05)  #: of the peak: a print is cut out at the first at which it is no larger than a foot
REACH_MM = 40.0  #: how far cells fainter than that may lie from a print
MARGIN_S = 0.060  #: before and after a contact, in which its foot may touch below the thresholds
BORDER_CELLS = 3  #: so many loaded cells at the plate's edge: part of the foot was off it


def plate_contacts(
    part: PressureRecording, force: Array, on: float, off: float, rule: ContactRule
) -> list[tuple[Contact, Array]]:
    """Every contact of every foot, in time, with the cells (cells,) bool of that foot."""
    found: list[tuple[Contact, Array]] = []
    share = cell_weights(part.layout, part.unit)
    times = part.time_s
    for window in find_contacts(force, times, on, off, rule):
        # the first touch and the last lie below the thresholds: they belong to the print, not to its time
        start = int(np.searchsorted(times, times[window.start] - MARGIN_S))
        stop = int(np.searchsorted(times, times[window.stop - 1] + MARGIN_S, side="right"))
        values = part.values[start:stop] if part.valid is None else _without_missing(part, start, stop)
        for cells in _feet(part, values.max(axis=0), rule.loaded_above):
            own = np.zeros(len(times))
            own[start:stop] = np.einsum("fc,c->f", values[:, cells].astype(np.float64), share[cells])
            contacts = find_contacts(own, times, on, off, rule)
            for k, contact in enumerate(contacts):
                low = max(start, contacts[k - 1].stop if k else 0)
                high = min(stop, contacts[k + 1].start if k + 1 < len(contacts) else len(times))
                whole = _whole(contact, own, times, low, high, rule)
                inside = (values[whole.start - start : whole.stop - start] > rule.loaded_above).any(axis=0)
                found.append((whole, cells & inside))
    return sorted(found, key=lambda item: (item[0].start, item[0].stop))


def _whole(contact: Contact, own: Array, time_s: Array, low: int, high: int, rule: ContactRule) -> Contact:
    """The contact with the frames around it, from ``low`` to ``high``, in which its foot already or still touched.

    Traced, it lasts from the first of them with more than ``plate_touch_n``, less what the line through its force and
    the next one's says of the time since the landing, to the end of the last.
    """
    start, stop = contact.start, contact.stop
    while start > low and own[start - 1] > 0:
        start -= 1
    while stop < high and own[stop] > 0:
        stop += 1
    if not rule.trace_ends:
        return replace(contact, start=start, stop=stop)
    touched = start + np.flatnonzero(own[start:stop] > min(rule.plate_touch_n, float(own[contact.start])))
    first, last = int(touched[0]), int(touched[-1])
    end_s = time_s[last + 1] if last + 1 < len(time_s) else contact.stop_s
    start_s = _landing_s(own, time_s, first)
    return replace(contact, start=start, stop=stop, start_s=start_s, stop_s=float(end_s))


def _landing_s(own: Array, time_s: Array, first: int) -> float:
    """When the force began that is ``own[first]`` and rises on: within the frame before, to 0.1 ms."""
    at = float(time_s[first])
    if first == 0 or first + 1 >= len(own) or own[first + 1] <= own[first]:
        return at
    since = float(time_s[first + 1] - at) * float(own[first] / (own[first + 1] - own[first]))
    return at - round(min(since, float(at - time_s[first - 1])), 4)


def _without_missing(part: PressureRecording, start: int, stop: int) -> Array:
    valid = np.ones(1, np.bool_) if part.valid is None else part.valid[start:stop]
    return np.where(valid, part.values[start:stop], np.float32(0))


def _feet(part: PressureRecording, image: Array, loaded_above: float) -> list[Array]:
    """Largest value of each cell (cells,) -> one mask a foot.

    Prints are cut out at the first of ``LEVELS`` at which they fit in a foot; what is fainter goes to the nearest foot
    within ``REACH_MM``.
    """
    groups = _cut_out(part, image, np.flatnonzero(image > loaded_above), LEVELS)
    if not groups:
        return []
    at = np.concatenate(groups)
    boxes = _boxes(part.layout.xy_mm, groups)
    while len(boxes) > 1:  # join the two that fit best in one foot, until none do
        pairs = [(i, j) for i in range(len(boxes)) for j in range(i)]
        fits = [(_apart(boxes[i][1], boxes[j][1]), i, j) for i, j in pairs if _fits(boxes[i][1], boxes[j][1])]
        if not fits:
            break
        _, i, j = min(fits)
        cells = np.concatenate([boxes[i][0], boxes[j][0]])
        rest = [box for k, box in enumerate(boxes) if k not in (i, j)]
        boxes = [*rest, *_boxes(part.layout.xy_mm, [cells])]
    faint = np.setdiff1d(np.flatnonzero(image > loaded_above), at)
    owner = _nearest_owner(part.layout.xy_mm, [cells for cells, _ in boxes], faint)
    masks = []
    for k, (cells, _) in enumerate(boxes):
        mask = np.zeros(len(image), np.bool_)
        mask[cells], mask[faint[owner == k]] = True, True
        masks.append(mask)
    return masks


def _cut_out(part: PressureRecording, image: Array, cells: Array, levels: tuple[float, ...]) -> list[Array]:
    """Cells (k,) in prints; what is larger than a foot at one level is parted at the next, and stays so at the last."""
    cells = cells[image[cells] > levels[0] * float(image.max(initial=0.0))]
    if not len(cells):
        return []
    prints: list[Array] = []
    for group, box in _boxes(part.layout.xy_mm, _prints(part, cells)):
        whole = len(levels) == 1 or _fits(box, box)
        prints += [group] if whole else _cut_out(part, image, group, levels[1:])
    return prints


def _nearest_owner(xy: Array, groups: list[Array], faint: Array) -> Array:
    """Which group (k,) of cells is nearest to each of the faint cells (k,); -1 beyond ``REACH_MM``."""
    from scipy.spatial import cKDTree

    cells = np.concatenate(groups)
    group = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    if not len(faint):
        return np.zeros(0, np.int64)
    distance, nearest = cKDTree(xy[cells]).query(xy[faint])
    return np.where(distance <= REACH_MM, group[nearest], -1)


def _prints(part: PressureRecording, at: Array) -> list[Array]:
    """Cells (k,) in groups whose members lie within two and a half cells of each other."""
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    xy = part.layout.xy_mm[at]
    size = np.sqrt(np.median(part.layout.area_mm2)) if part.layout.area_mm2 is not None else 10.0
    near = cKDTree(xy).sparse_distance_matrix(cKDTree(xy), 2.5 * float(size))
    count, group = connected_components(near, directed=False)
    return [at[group == k] for k in range(count)]


def _boxes(xy: Array, groups: list[Array]) -> list[tuple[Array, Array]]:
    return [(cells, np.array([xy[cells].min(axis=0), xy[cells].max(axis=0)])) for cells in groups]


def _gap(a: Array, b: Array) -> float:
    """Between two boxes [[x0, y0], [x1, y1]]."""
    apart = np.maximum(0.0, np.maximum(a[0] - b[1], b[0] - a[1]))
    return float(np.hypot(*apart))


def _apart(a: Array, b: Array) -> float:
    """How badly two boxes go together: the gap between them, less half of how long they are together, since heel and
    forefoot of one foot lie farther from each other than the heels of two that stand side by side."""
    far = np.maximum(a[1], b[1]) - np.minimum(a[0], b[0])
    return _gap(a, b) - 0.5 * float(np.hypot(*far))


def _fits(a: Array, b: Array) -> bool:
    length, width = np.maximum(a[1], b[1]) - np.minimum(a[0], b[0])
    return bool(length <= FOOT_LENGTH_MM and width <= FOOT_WIDTH_MM)


def heading(cop_xy: Array) -> Array | None:
    """Unit vector (2,) from the first to the last tenth of a centre of pressure (frames, 2); None if it stays."""
    known = cop_xy[np.isfinite(cop_xy).all(axis=1)]
    if len(known) < 4:
        return None
    n = max(len(known) // 10, 1)
    move = known[-n:].mean(axis=0) - known[:n].mean(axis=0)
    length = float(np.linalg.norm(move))
    return move / length if length > 40.0 else None


def crossings(contacts: list[Contact], middles: list[Array], headings: list[Array | None]) -> list[int]:
    """Which crossing of the plate each contact (in time) belongs to.

    A new one begins where nobody was on the plate before and the foot does not come a step ahead of the last one: the
    time between the two says nothing of a stride.
    """
    walk, until_s, out = 0, -np.inf, []
    for k, contact in enumerate(contacts):
        if k and contact.start_s > until_s:
            ahead = middles[k] - middles[k - 1]
            forward = headings[k - 1] if headings[k - 1] is not None else headings[k]
            step = float(np.linalg.norm(ahead)) if forward is None else float(ahead @ forward)
            walk += step < LEAST_STRIDE_MM
        until_s = max(until_s, contact.stop_s)
        out.append(walk)
    return out


def sides_of_walk(
    middles: list[Array], headings: list[Array | None], given: list[Side], walks: list[int]
) -> list[Side]:
    """Sides of the feet from where they stand, (x, y) mm, in time, crossing by crossing.

    A foot that lies to the left of the next one's way is a left one. Sides that are known stay; a foot alone, or beside
    another, stays unknown.
    """
    sides = list(given)
    for k in range(len(middles) - 1):
        if walks[k] != walks[k + 1] or "unknown" not in (sides[k], sides[k + 1]):
            continue
        ahead = middles[k + 1] - middles[k]
        forward = headings[k] if headings[k] is not None else headings[k + 1]
        if forward is None or abs(float(ahead @ forward)) < LEAST_STRIDE_MM:
            continue
        left_of = float(forward[0] * ahead[1] - forward[1] * ahead[0])
        first: Side = "right" if left_of > 0 else "left"
        second: Side = "left" if left_of > 0 else "right"
        sides[k] = first if sides[k] == "unknown" else sides[k]
        sides[k + 1] = second if sides[k + 1] == "unknown" else sides[k + 1]
    return sides


def touches_border(part: PressureRecording, cells: Array) -> bool:
    """Whether a foot (cells,) reaches the edge of a grid with ``BORDER_CELLS`` cells or more."""
    layout = part.layout
    if layout.shape is None or layout.index is None:
        return False
    rows, columns = layout.shape
    row, column = layout.index[cells] // columns, layout.index[cells] % columns
    edge = (row == 0) | (row == rows - 1) | (column == 0) | (column == columns - 1)
    return int(edge.sum()) >= BORDER_CELLS
