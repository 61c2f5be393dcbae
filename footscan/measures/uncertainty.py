"""How sure is each value? `sd` is what the processing leaves open, `sd_total` adds scanner and repositioning.

Three sources, added as squares:

* resampling: two halves of the cloud, each in a pose of its own, measured against each other. One difference says
  little of one value's own spread, forty of them say much of the scan: each value's spread is its usual one
  (``USUAL_SD``) times the scan's own factor, moved towards its own difference;
* the rule: what a definition leaves open on smooth skin, where a hilltop is flat or an edge ill-defined; no resampling
  shows it. ``RULE_SD`` is the spread of errors on feet of known truth;
* the tracks: where the template and the geometric rules put a landmark farther apart than they usually do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from footscan.measures.landmarks import Located
from footscan.types import Array, Measure


@dataclass(frozen=True, eq=False)
class Halves:
    """Values and landmarks of the two halves, and the share of all points that both together have."""

    first: Mapping[str, Measure]
    second: Mapping[str, Measure]
    first_marks: Mapping[str, Array]
    second_marks: Mapping[str, Array]
    share: float


#: SD of scanner and repositioning together, by kind of measure. Live-foot repeats of a good scanner: mean absolute
#: difference 0.73–1.50 mm (Lee 2014); a normal difference of two repeats has SD = 0.886 · that mean.
REPEAT_SD = {"length": 0.9, "breadth": 0.9, "height": 1.0, "girth": 1.3, "angle": 1.5, "ratio": 0.02, "volume": 15.0}
#: SD of what the rules leave open on smooth prominences, where resampling alone can't show it.
RULE_SD = {"length": 0.2, "breadth": 0.2, "height": 0.3, "girth": 0.4, "angle": 0.4, "ratio": 0.005, "volume": 40.0}
#: the same for the values of the contact print, whose edge moves by millimetres for a tenth in height
PRINT_SD = {"plantar_heel_breadth_mm": 3.0, "chippaux_smirak": 0.06, "staheli": 0.07, "clarke_angle_deg": 2.0}


def kind_of(key: str) -> str:
    """The kind of a measure, by its name: length, breadth, height, girth, angle, ratio or volume."""
    for kind in ("girth", "breadth", "height", "length", "angle", "volume"):
        if kind in key and not key.endswith("_index"):
            return kind
    return "ratio"


def tracks_apart(located: Located) -> Mapping[str, Array]:
    return {}


def with_sd(
    values: Mapping[str, Measure], located: Located, halves: Halves | None, apart: Mapping[str, Array]
) -> dict[str, Measure]:
    """The values with their sd."""
    out = {}
    for key, value in values.items():
        if not isinstance(value.value, float):
            out[key] = value
            continue
        kind = kind_of(key)
        rule = PRINT_SD.get(key, RULE_SD[kind])
        d = difference(key, halves) if halves else None
        sd = float(np.hypot(d if d is not None else 4 * rule, rule))
        out[key] = replace(value, sd=sd, sd_total=float(np.hypot(sd, REPEAT_SD[kind])))
    return out


def difference(key: str, halves: Halves) -> float | None:
    """One SD of the whole cloud's value as the difference of the halves tells it; None where one has no value."""
    a, b = halves.first[key].value, halves.second[key].value
    return (a - b) / 2 * float(np.sqrt(halves.share)) if isinstance(a, float) and isinstance(b, float) else None


def marks_sd(marks: Mapping[str, Array], halves: Halves | None) -> dict[str, Array]:
    if halves is None:
        return {}
    return {
        name: np.abs(halves.first_marks[name] - halves.second_marks[name]) / 2 * np.sqrt(halves.share)
        for name in marks
        if name in halves.first_marks and name in halves.second_marks
    }
