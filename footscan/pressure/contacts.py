"""Every contact of a recording: found on the force, judged whether it counts, with its cells and its foot.

In shoes each foot's first and last contact are not used, because they contain the standing; on a plate a contact is
used if all of it was recorded and all of the foot was on the plate. Marks in the file win: what is marked is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.pressure.metrics import quantity_reasons
from footscan.pressure.plates import crossings, heading, plate_contacts, sides_of_walk, touches_border
from footscan.pressure.regions import side_of_print
from footscan.pressure.running import Totals, accumulate, cut
from footscan.pressure.steps import Contact, ContactRule, find_contacts, find_swings, marked_contacts, traced
from footscan.types import Array, PressureRecording, Recording, Side, replace


@dataclass(frozen=True, eq=False)
class Placed:
    """A contact before its metrics.

    part: which PressureRecording; cells (cells,) bool that are its foot's; on: the threshold in the unit of the force;
    used, or why_not; heading (2,) from heel to toes on a plate, None where it can't be told; walk: which crossing.
    """

    part: int
    contact: Contact
    cells: Array
    side: Side
    on: float
    used: bool
    why_not: str | None
    heading: Array | None
    walk: int = 0


def in_shoe(part: PressureRecording) -> bool:
    """Whether the sensor lies in a shoe."""
    return part.layout.frame == "insole"


def newtons(part: PressureRecording) -> bool:
    """Whether the sum over its cells is a force in N."""
    return quantity_reasons(part)[1] is None


def contacts_of_part(
    part: PressureRecording,
    whole: Totals,
    number: int,
    recording: Recording,
    rule: ContactRule,
    thresholds: dict[str, float],
) -> list[Placed]:
    """The contacts of one PressureRecording (the ``number``-th of its recording; ``whole``: its totals), in time.

    The thresholds that were used are written into ``thresholds``: ``left_on``, ``left_off``, and for insoles
    ``left_baseline``, the force that the cells still read in swing (the median over swings; it may drift): taken off to
    find contacts, never off a metric.
    """
    force, shod = whole.force, in_shoe(part)
    marked = marked_contacts(recording.events, part.side, part.time_s)
    if shod and not marked and part.valid is None:
        swings = find_swings(force, part.time_s, rule)
        if swings is not None:
            thresholds[f"{part.side}_baseline"] = float(np.median(swings.level))
            force = np.maximum(force - swings.baseline(part.time_s), 0.0)
    on, off = rule.thresholds(force, shod, newtons(part))
    thresholds |= {f"{part.side}_on": on, f"{part.side}_off": off}
    everywhere = np.ones(len(part.layout.xy_mm), np.bool_)
    if marked:
        return [Placed(number, c, everywhere, part.side, on, True, None, None) for c in marked]
    if not shod:
        return _on_plate(part, force, number, on, off, rule)
    contacts = find_contacts(force, part.time_s, on, off, rule)
    if rule.trace_ends and len(force):
        high = float(np.percentile(force, 95))
        contacts = [traced(c, force, part.time_s, high, rule) for c in contacts]
    return [_judged(number, c, everywhere, part.side, on, None, rule, part.time_s) for c in contacts]


def _on_plate(
    part: PressureRecording, force: Array, number: int, on: float, off: float, rule: ContactRule
) -> list[Placed]:
    placed = plate_contacts(part, force, on, off, rule)
    middles, ways, sides = [], [], []
    for contact, cells in placed:
        totals = accumulate(cut(part, contact.start, contact.stop, cells), loaded_above=rule.loaded_above)
        way = heading(np.where((totals.force >= on)[:, None], totals.cop_xy, np.nan))
        image = np.zeros(len(cells))
        image[cells] = totals.peak
        middles.append(part.layout.xy_mm[cells].mean(axis=0))
        ways.append(way)
        sides.append(part.side if part.side != "unknown" else side_of_print(part.layout, image, way))
    walks = crossings([contact for contact, _ in placed], middles, ways)
    sides = sides_of_walk(middles, ways, sides, walks)
    found = []
    for (contact, cells), way, side, walk in zip(placed, ways, sides, walks):
        judged = replace(_judged(number, contact, cells, side, on, way, rule, part.time_s), walk=walk)
        if judged.used and touches_border(part, cells):
            judged = replace(judged, used=False, why_not="the foot reaches the plate's edge")
        found.append(judged)
    return found


def _judged(
    part: int,
    contact: Contact,
    cells: Array,
    side: Side,
    on: float,
    way: Array | None,
    rule: ContactRule,
    time_s: Array,
) -> Placed:
    why_not = None
    if contact.cut:
        why_not = "cut off by the start or end of the recording"
    elif contact.stop_s - contact.start_s >= rule.standing_s:
        why_not = f"standing: longer than {rule.standing_s:g} s"
    elif float(np.diff(time_s[contact.start : contact.stop]).max(initial=0.0)) > rule.lost_most_s:
        why_not = f"more than {rule.lost_most_s:g} s of frames are missing in it"
    return Placed(part, contact, cells, side, on, why_not is None, why_not, way)


def with_ends(found: list[Placed], parts: tuple[PressureRecording, ...], keep_ends: bool) -> list[Placed]:
    """Each foot's first and last contact in a shoe is not used, unless marked; ``keep_ends``: in shoes all are used."""
    if keep_ends:
        return [replace(f, used=True, why_not=None) if in_shoe(parts[f.part]) else f for f in found]
    out = list(found)
    for number, part in enumerate(parts):
        mine = [k for k, f in enumerate(found) if f.part == number and not f.contact.marked]
        if not mine or not in_shoe(part):
            continue
        mine.sort(key=lambda k: found[k].contact.start_s)
        for k in {mine[0], mine[-1]}:
            if out[k].used:
                out[k] = replace(out[k], used=False, why_not="this foot's first or last contact")
    return out
