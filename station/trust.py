"""Which scans an insole may be made of when nobody looks at them: those whose faults would show in its shape."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from footscan.errors import ScanError
from station.results import Failure

if TYPE_CHECKING:
    from footscan.types import FootMeasurements, Side
    from station.make import Made

#: reasons of a scan's quality (docs/measures.md) after which its sizes or its side are no longer sure
REFUSED = ("moved", "noise", "implausible", "wrong_side", "side_unknown", "landmark_unseen")
#: SD of what one person's feet differ by; farther apart names were mixed up (one honest person in 10,000 is refused)
SURELY_TWO_PEOPLE = 4.2


def trusted(made: Made) -> Made:
    """Without the insoles of feet whose scans can't be trusted; each of those is in ``failed``."""
    failed = list(made.failed)
    insoles = dict(made.insoles)
    of_two = _of_two_people({side: foot.measurements for side, foot in made.feet.items()})
    for side, foot in made.feet.items():
        reasons = [f"{reason.code}, {reason.detail}" for reason in foot.measurements.reasons if reason.code in REFUSED]
        reasons += of_two
        if not reasons:
            continue
        insoles.pop(side, None)
        source = next(s.name for role, s in made.order.scans if role in (side, "pair", "measurements"))
        error = ScanError(
            f"expected a {side} foot whose sizes are sure, found {'; '.join(reasons)}; scan again, or look at it"
            " yourself"
        )
        failed.append(Failure.of(source, error))
    return replace(made, insoles=insoles, failed=tuple(failed))


def _of_two_people(feet: dict[Side, FootMeasurements]) -> list[str]:
    """Why a left and a right foot can't be one person's; nothing where they can."""
    from footscan.measures.quality import farthest_apart

    if len(feet) < 2:
        return []
    key, apart_mm, apart_sd = farthest_apart(feet["left"], feet["right"])
    if apart_sd <= SURELY_TWO_PEOPLE:
        return []
    return [f"two_people, {key} differs by {apart_mm:.0f} mm between left and right"]
