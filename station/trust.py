"""Which scans an insole may be made of when nobody looks at them: those whose faults would show in its shape."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from footscan.errors import ScanError
from station.results import Failure

if TYPE_CHECKING:
    from station.make import Made

#: reasons of a scan's quality (docs/measures.md) after which its sizes or its side are no longer sure
REFUSED = ("moved", "noise", "implausible", "wrong_side", "side_unknown")


def trusted(made: Made) -> Made:
    """Without the insoles of feet whose scans can't be trusted; each of those is in ``failed``."""
    failed = list(made.failed)
    insoles = dict(made.insoles)
    for side, foot in made.feet.items():
        reasons = [reason for reason in foot.measurements.reasons if reason.code in REFUSED]
        if not reasons:
            continue
        insoles.pop(side, None)
        source = next(s.name for role, s in made.order.scans if role in (side, "pair", "measurements"))
        found = "; ".join(f"{reason.code}, {reason.detail}" for reason in reasons)
        error = ScanError(
            f"expected a {side} foot whose sizes are sure, found {found}; scan again, or look at it yourself"
        )
        failed.append(Failure.of(source, error))
    return replace(made, insoles=insoles, failed=tuple(failed))
