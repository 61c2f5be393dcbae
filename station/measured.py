"""A measurements file back into records: feet that are made from their measures, without a scan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from footscan.errors import ReadError, ScanError
from footscan.types import LOADS, FootMeasurements, Measure, Quality, QualityReason
from station.sizes import EXPECTED, HINT, read_document

LENGTH_MM = (80.0, 400.0)
LARGEST = 1e9  #: no measure of a foot comes near it, in any unit


def read_feet(path: Path) -> tuple[FootMeasurements, ...]:
    """The left and the right foot of a file of ``plantar/measure/1``, left first.

    A measure may be the object that plantar writes or a number alone. ReadError where it is no such file, ScanError
    where it holds a foot without side or length, or two of one side.
    """
    document = read_document(path)
    try:
        feet = [_foot(path, foot) for scan in document["scans"] for foot in scan["feet"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ReadError(path, f"{EXPECTED}, each foot with its measures", f"one without {error}", HINT) from error
    sides = sorted(foot.side for foot in feet)
    if sides not in (["left"], ["right"], ["left", "right"]):
        found = " and ".join(sides) or "none"
        raise ScanError(f"{path}: expected a left foot, a right foot or one of each, found {found}; measure them again")
    return tuple(sorted(feet, key=lambda foot: foot.side))


def _foot(path: Path, foot: Mapping[str, Any]) -> FootMeasurements:
    side, load = foot["side"], foot.get("load", "unknown")
    if side not in ("left", "right"):
        raise ScanError(f"{path}: expected the side of each foot, found {str(side)[:40]!r}; write left or right")
    if load not in LOADS:
        raise ReadError(path, f"a load of {', '.join(LOADS)}", repr(str(load)[:40]), HINT)
    values = {str(name): _measure(path, str(name), measure) for name, measure in foot["measures"].items()}
    length = values.get("foot_length_mm", Measure.missing("not given")).value
    if not isinstance(length, float) or not LENGTH_MM[0] <= length <= LENGTH_MM[1]:
        raise ScanError(
            f"{path}: expected a foot_length_mm of {LENGTH_MM[0]:g} to {LENGTH_MM[1]:g} mm, found {str(length)[:40]}; "
            "measure the foot, and write it in mm"
        )
    quality = foot.get("quality", {})
    reasons = tuple(QualityReason(str(r["code"]), str(r["detail"])) for r in quality.get("reasons", ()))
    score = quality.get("score", 100)
    if isinstance(score, bool) or not isinstance(score, int):
        raise ReadError(path, "a quality score of 0 to 100", repr(str(score)[:40]), HINT)
    return FootMeasurements(values, side, "given", load, score, reasons)


def _measure(path: Path, name: str, measure: Any) -> Measure:
    """One measure; ReadError where it is neither a number, a word nor missing with a reason."""
    if not isinstance(measure, Mapping):
        measure = {"value": measure}
    value, quality = measure["value"], measure.get("quality", "ok")
    if quality not in get_args(Quality):
        raise ReadError(path, f"a quality of {', '.join(get_args(Quality))}", repr(str(quality)[:40]), HINT)
    if value is None:
        return Measure.missing(str(measure.get("reason") or "not given"), str(measure.get("method", "")))
    sd, sd_total = (_number(path, name, measure.get(key)) for key in ("sd", "sd_total"))
    found = value if isinstance(value, str) else _number(path, name, value)
    reason = measure.get("reason")
    return Measure(
        found, sd, sd_total, str(measure.get("method", "")), quality, None if reason is None else str(reason)
    )


def _number(path: Path, name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < LARGEST:
        raise ReadError(path, f"a number for {name[:60]}", repr(str(value)[:40]), HINT)
    return float(value)
