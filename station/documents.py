"""Records -> exactly the JSON documents of docs/commands.md.

Numbers are rounded here, once: measures to 0.1 µm, everything else to nine significant digits, so that what differs
below that between two processors does not show. A value that is not there is null, and its reason stands beside it or
in the object's ``reasons``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from station.results import Analysed, Failure, Measured

if TYPE_CHECKING:
    from footscan.pressure import RecordingAnalysis, StepMetrics
    from footscan.pressure.balance import Balance
    from footscan.pressure.faults import Fault
    from footscan.pressure.summary import Spread, Summary
    from footscan.types import FootMeasurements, Measure

MEASURE_SCHEMA, PRESSURE_SCHEMA = "plantar/measure/1", "plantar/pressure/1"
CHECK_SCHEMA, CONVERT_SCHEMA = "plantar/check/1", "plantar/convert/1"


def plain(value: Any) -> Any:
    """A value of our records as JSON knows it: numbers rounded, NaN and infinity null, sequences lists."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if hasattr(value, "tolist"):  # a numpy scalar or array
        return plain(value.tolist())
    if isinstance(value, float):
        return significant(value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    raise TypeError(f"no JSON form for {type(value).__name__}")


def significant(value: float, digits: int = 9) -> float | None:
    """Nine significant digits; None for what is no number; never −0."""
    return float(f"{value:.{digits}g}") + 0.0 if math.isfinite(value) else None


def _measure_value(value: float | str | None) -> float | str | None:
    if value is None or isinstance(value, str):
        return value
    return round(float(value), 4) + 0.0 if math.isfinite(value) else None


def _measure(measure: Measure) -> dict[str, Any]:
    return {
        "value": _measure_value(measure.value),
        "sd": _measure_value(measure.sd),
        "sd_total": _measure_value(measure.sd_total),
        "method": measure.method,
        "quality": measure.quality,
        "reason": measure.reason,
    }


def _foot(foot: FootMeasurements) -> dict[str, Any]:
    return {
        "side": foot.side,
        "side_from": foot.side_from,
        "load": foot.load,
        "measures": {name: _measure(measure) for name, measure in foot.values.items()},
        "quality": {"score": foot.score, "reasons": [{"code": r.code, "detail": r.detail} for r in foot.reasons]},
    }


def _failed(failures: Iterable[Failure]) -> list[dict[str, str]]:
    return [{"source": f.source, "error": f.error, "message": f.message} for f in failures]


def measure_document(scans: Iterable[Measured], failures: Iterable[Failure] = ()) -> dict[str, Any]:
    """``measurements.json`` and ``plantar measure --json``; ``pairs`` where a left and a right foot are there."""
    from station.comparisons import pair_documents

    scans = list(scans)
    return {
        "schema": MEASURE_SCHEMA,
        "scans": [
            {"source": s.source, "sha256": s.sha256, "unit": s.unit, "feet": [_foot(foot) for foot in s.feet]}
            for s in scans
        ],
        "pairs": pair_documents(scans),
        "failed": _failed(failures),
    }


def _step(step: StepMetrics) -> dict[str, Any]:
    cop = step.cop_xy_mm
    return {
        "side": step.side,
        "start_s": plain(step.start_s),
        "stop_s": plain(step.stop_s),
        "used": step.used,
        **plain(step.values),
        "cop_x_mm": None if cop is None else plain(cop[:, 0]),
        "cop_y_mm": None if cop is None else plain(cop[:, 1]),
        "regions": plain(step.regions),
        "reasons": dict(step.reasons),
    }


def _recording(item: Analysed) -> dict[str, Any]:
    a: RecordingAnalysis = item.analysis
    return {
        "source": item.source,
        "sha256": item.sha256,
        "format": a.format,
        "rate_hz": plain(a.rate_hz),
        "frames": a.frames,
        "duration_s": plain(a.duration_s),
        "side_from": a.side_from,
        "quantity": a.quantity,
        "in_shoe": a.in_shoe,
        "max_force_n": plain(a.max_force_n),
        "peak_kpa": plain(a.peak_kpa),
        "steps": [_step(step) for step in a.steps],
        "gait": plain(a.gait),
        "summary": {side: _summary(found) for side, found in a.summary.items()},
        "symmetry": plain(a.symmetry),
        "balance": None if a.balance is None else _balance(a.balance),
        "faults": [_fault(fault) for fault in a.faults],
        "thresholds": plain(a.thresholds),
        "mask": item.mask,
        "calibration": item.calibration,
        "notes": list(item.notes),
        "reasons": dict(a.reasons),
    }


def _summary(found: Summary) -> dict[str, Any]:
    """Mean, SD and number of every key over a foot's used steps."""
    return {
        "steps": found.steps,
        "values": {key: _spread(spread) for key, spread in found.values.items()},
        "regions": {name: {key: _spread(s) for key, s in row.items()} for name, row in found.regions.items()},
        "cells": None if found.cells is None else plain(vars(found.cells)),
        "reasons": dict(found.reasons),
    }


def _spread(spread: Spread) -> dict[str, Any]:
    return {"mean": plain(spread.mean), "sd": plain(spread.sd), "n": spread.n}


def _balance(found: Balance) -> dict[str, Any]:
    bands = [
        {"low_hz": plain(low), "high_hz": plain(high), "ap": plain(ap), "ml": plain(ml)}
        for low, high, ap, ml in found.bands
    ]
    return {
        "start_s": plain(found.start_s),
        "stop_s": plain(found.stop_s),
        "values": plain(found.values),
        "bands": bands,
    }


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "kind": fault.kind,
        "side": fault.side,
        "size": plain(fault.size),
        "unit": fault.unit,
        "corrected": fault.corrected,
        "detail": fault.detail,
        "cells": list(fault.cells),
    }


def pressure_document(
    recordings: Iterable[Analysed], failures: Iterable[Failure] = (), comparison: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """``pressure.json`` and ``plantar pressure --json``; ``comparison`` where two recordings were set against each
    other."""
    document: dict[str, Any] = {
        "schema": PRESSURE_SCHEMA,
        "recordings": [_recording(item) for item in recordings],
        "failed": _failed(failures),
    }
    if comparison is not None:
        document["comparison"] = dict(comparison)
    return document


def comparison_document(before: Analysed, after: Analysed) -> dict[str, Any]:
    """What changed in each region's peak pressure from one recording to another."""
    from footscan.plot_pressure_change import region_changes

    found = region_changes(before.analysis, after.analysis)
    return {
        "before": {"source": before.source, "sha256": before.sha256},
        "after": {"source": after.source, "sha256": after.sha256},
        "regions": {
            side: {region: plain(dataclasses.asdict(change)) for region, change in regions.items()}
            for side, regions in found.items()
        },
    }


def check_document(source: str, digest: str, ok: bool, items: list[dict[str, Any]]) -> dict[str, Any]:
    """``plantar check --json``."""
    return {"schema": CHECK_SCHEMA, "source": source, "sha256": digest, "ok": ok, "items": items}


def convert_document(source: str, read_as: str, target: str, written_as: str, digest: str) -> dict[str, Any]:
    """``plantar convert --json``; ``target`` is the file's name without its folder."""
    return {
        "schema": CONVERT_SCHEMA,
        "source": source,
        "from": read_as,
        "target": target,
        "to": written_as,
        "sha256": digest,
    }
