"""From a recording to steps, metrics and gait: the one way for insoles, plates and streams that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np

from footscan.errors import ScanError
from footscan.pressure.balance import LEAST_STANDING_S, SETTLE_S, Balance, sway
from footscan.pressure.contacts import Placed, contacts_of_part, in_shoe, with_ends
from footscan.pressure.divisions import Division, Mask
from footscan.pressure.extremes import extremes, why_no_step
from footscan.pressure.faults import Mended, mend
from footscan.pressure.gait import gait_values, order_by_foot, spatial_gait, timings
from footscan.pressure.metrics import quantity_reasons
from footscan.pressure.records import Quantity, RecordingAnalysis, StepMetrics
from footscan.pressure.running import Totals, accumulate, frame_weights
from footscan.pressure.spatial import IN_SHOE, Spatial, Stand, heel_centre, nowhere, spatial_values
from footscan.pressure.stances import measure_contacts, with_gait
from footscan.pressure.steps import ContactRule
from footscan.pressure.summary import summarise, symmetry
from footscan.types import Array, PressureRecording, Recording, Side, replace

_QUANTITY: dict[str, Quantity] = {"kPa": "pressure", "N": "force", "raw": "raw"}


def analyse(
    recording: Recording,
    mask: str | Mask = "auto",
    keep_ends: bool = False,
    side: Literal["auto", "both"] | Side | None = None,
    rule: ContactRule | None = None,
    correct: bool = True,
) -> RecordingAnalysis:
    """Steps, metrics, regions and gait of a recording (docs/pressure.md).

    Parameters
    ----------
    mask : "auto": pedar insoles by their layout, everything else by the footprint's own geometry; or what
        ``footscan.pressure.masks`` or ``footscan.registration`` know of: a spec, a mask
    keep_ends : use each foot's first and last contact too
    side : "left" or "right": what a sensor is that does not itself say (it outranks a file name); else nothing
    rule : thresholds; default: those of docs/pressure.md
    correct : put right what sensors did wrong, where that can be done; False: analyse what was recorded, look for no
        fault

    Raises
    ------
    ValueError : a mask or side that isn't known
    ReadError : a mask's file that can't be read as one
    ScanError : a recording without any pressure
    """
    if isinstance(mask, str) and mask != "auto":
        from footscan.pressure.masks import mask_of  # templates and drawings: only who asks for them needs them

        mask = mask_of(mask)
    if side not in (None, "auto", "both", "left", "right", "unknown"):
        raise ValueError(f"side must be left, right, both or auto, got {side!r}")
    given = tuple(_sided(part, side) for part in recording.pressure)
    if not given:
        raise ScanError(f"{recording.source or 'the recording'} holds no pressure")
    rule = rule or ContactRule()
    # what the sensors did wrong, put right
    mended = mend(given, rule) if correct else Mended(given, (None,) * len(given), (0.0,) * len(given), ())
    parts = mended.parts
    whole = [accumulate(part, loaded_above=rule.loaded_above) for part in parts]
    # contacts, on the force first
    thresholds: dict[str, float] = {}
    found: list[Placed] = []
    for number, (part, totals) in enumerate(zip(parts, whole)):
        found += contacts_of_part(part, totals, number, recording, rule, thresholds)
    found = with_ends(found, parts, keep_ends)
    found.sort(key=lambda f: (f.contact.start_s, f.part, f.contact.stop_s))
    # each contact by itself, then among its neighbours
    alone, divisions, maps = measure_contacts(mended, found, whole, rule, mask)
    spans = [(f.side, f.contact.start_s, f.contact.stop_s, f.used, f.contact.cut, f.walk) for f in found]
    stances = order_by_foot(spans)
    gait, reasons = gait_values(stances)
    places, feet = _places(parts, found, divisions, [step.peak for step in alone]), {stance.side for stance in stances}
    steps = [
        with_gait(step, timing, place, stance.cut, feet)
        for step, timing, place, stance in zip(alone, timings(stances), places, stances)
    ]
    where, where_reasons = spatial_gait(steps)
    # all of them together
    summary = summarise(steps, in_shoe(parts[0]))
    even, even_reasons = symmetry(summary)
    balance, no_balance = _balance(parts, found, whole)
    force, peak, extreme_reasons = extremes(parts, whole, mended.saturated)
    shared = _shared_reasons([step for step in steps if step.used] or steps)
    reasons = extreme_reasons | shared | where_reasons | even_reasons | reasons
    if no_balance is not None:
        reasons["balance"] = no_balance
    if not steps:
        reasons["steps"] = why_no_step(parts, whole, thresholds)
    if any(part.valid is not None and not part.valid.all() for part in parts):
        reasons["missing_cells"] = "some cells are missing in some frames: they count as unloaded"
    first = given[0]
    return RecordingAnalysis(
        format=recording.format,
        source=recording.source,
        rate_hz=first.rate_hz,
        frames=len(first.time_s),
        duration_s=float(frame_weights(first.time_s).sum()),
        side_from=first.side_from,
        quantity=_QUANTITY[first.unit],
        max_force_n=MappingProxyType(force),
        peak_kpa=MappingProxyType(peak),
        steps=tuple(steps),
        gait=MappingProxyType(gait | where),
        reasons=MappingProxyType(reasons),
        in_shoe=in_shoe(first),
        maps=tuple(maps),
        thresholds=MappingProxyType(thresholds),
        summary=MappingProxyType(summary),
        symmetry=MappingProxyType(even),
        balance=balance,
        faults=mended.faults,
    )


def _sided(part: PressureRecording, side: str | None) -> PressureRecording:
    """The part with the side that was given, where the sensor itself does not say."""
    if side in ("left", "right") and (part.side == "unknown" or part.side_from == "filename"):
        return replace(part, side=side, side_from="given")
    return part


def _shared_reasons(steps: Sequence[StepMetrics]) -> dict[str, str]:
    """Why a key is None in all of these steps (the first one's words)."""
    first = dict(steps[0].reasons) if steps else {}
    return {key: why for key, why in first.items() if key != "used" and all(key in step.reasons for step in steps)}


def _places(
    parts: tuple[PressureRecording, ...],
    found: Sequence[Placed],
    divisions: Sequence[Division],
    peaks: Sequence[Array],
) -> list[Spatial]:
    """Where each contact stands among the others: on plates, in mm."""
    places = nowhere(len(found))
    for number, part in enumerate(parts):
        mine = [k for k, f in enumerate(found) if f.part == number]
        if in_shoe(part) or not mine:
            continue
        stands = []
        for k in mine:
            f, division = found[k], divisions[k]
            why = f.why_not or (None if division.grid is not None else division.why)
            grid = division.grid if f.why_not is None else None
            heel = None if grid is None else heel_centre(part.layout.xy_mm, peaks[k], grid)
            stands.append(Stand(f.side, f.contact.start_s, f.walk, heel, None if grid is None else grid.forward, why))
        for k, place in zip(mine, spatial_values(stands)):
            places[k] = place
    return places


def _balance(
    parts: tuple[PressureRecording, ...], found: Sequence[Placed], whole: Sequence[Totals]
) -> tuple[Balance | None, str | None]:
    """The balance of whoever stood longest on a plate, while all feet that stood there did; or why there is none."""
    if all(in_shoe(part) for part in parts):
        return None, f"{IN_SHOE}, and balance needs it"
    standing = [f for f in found if not in_shoe(parts[f.part]) and _lasts(f) >= LEAST_STANDING_S]
    if not standing:
        return None, f"nobody stood on the plate for {LEAST_STANDING_S:g} s"
    longest = max(standing, key=_lasts)
    part, totals = parts[longest.part], whole[longest.part]
    why = quantity_reasons(part)[1]
    if why is not None or part.layout.positions != "mm":
        return None, why or "cell positions are not known in mm"
    beside = [f for f in standing if f.part == longest.part]
    start_s = max(f.contact.start_s for f in beside) + SETTLE_S
    stop_s = min(f.contact.stop_s for f in beside) - SETTLE_S
    frames = (part.time_s >= start_s) & (part.time_s < stop_s)
    cop_xy = np.where((totals.force[frames] >= longest.on)[:, None], totals.cop_xy[frames], np.nan)
    try:
        return sway(part.time_s[frames], cop_xy, longest.part), None
    except ScanError as error:
        return None, str(error)


def _lasts(f: Placed) -> float:
    return f.contact.stop_s - f.contact.start_s
