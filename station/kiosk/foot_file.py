"""A measured foot as one file and back, so that an insole can be drawn again without measuring again.

A zip of plain arrays (numpy's ``.npz``, nothing in it can run) beside one JSON text. Points are kept as float32: they
move by less than 0.02 µm.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict
from typing import Any

import numpy as np

from footscan.errors import ReadError
from footscan.types import (
    Array,
    Foot,
    FootMeasurements,
    Footprint,
    Landmarks,
    Measure,
    PointCloud,
    QualityReason,
    SoleSurface,
)

SCHEMA = "plantar/foot/1"
MARKS, SPREADS, PRINTS = "mark.", "sd.", "print."


def foot_bytes(foot: Foot) -> bytes:
    """The file of a foot."""
    found, sole = foot.measurements, foot.sole
    about = {
        "schema": SCHEMA,
        "side": found.side,
        "side_from": found.side_from,
        "load": found.load,
        "score": found.score,
        "reasons": [asdict(reason) for reason in found.reasons],
        "measures": {name: asdict(measure) for name, measure in found.values.items()},
        "prints": [{"height_mm": p.height_mm, "method": p.method, "parts": len(p.polygons)} for p in foot.footprints],
        "capped": bool(sole.capped),
    }
    arrays: dict[str, Array] = {
        "about": np.frombuffer(json.dumps(about, ensure_ascii=False, default=_number).encode(), dtype=np.uint8),
        "points": foot.cloud.points.astype(np.float32),
        "T_foot_scanner": foot.T_foot_scanner,
        "sole_x": sole.x_mm,
        "sole_y": sole.y_mm,
        "sole_z": sole.z_mm.astype(np.float32),
        "sole_measured": sole.measured,
    }
    arrays |= {MARKS + name: point for name, point in foot.landmarks.points.items()}
    arrays |= {SPREADS + name: sd for name, sd in foot.landmarks.sd.items()}
    for n, outline in enumerate(foot.footprints):
        arrays |= {f"{PRINTS}{n}.{k}": polygon for k, polygon in enumerate(outline.polygons)}
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def _number(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


def read_foot(data: bytes, source: str = "foot") -> Foot:
    """The foot that ``foot_bytes`` wrote. ReadError for anything else."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        about = json.loads(arrays["about"].tobytes())
        return _foot(about, arrays)
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ReadError(source, f"a foot of schema {SCHEMA}", f"{type(error).__name__}: {error}") from error


def _foot(about: dict[str, Any], arrays: dict[str, Array]) -> Foot:
    if about["schema"] != SCHEMA:
        raise ValueError(f"schema {about['schema']}")
    measures = FootMeasurements(
        {name: Measure(**measure) for name, measure in about["measures"].items()},
        about["side"],
        about["side_from"],
        about["load"],
        about["score"],
        tuple(QualityReason(**reason) for reason in about["reasons"]),
    )
    prints = tuple(
        Footprint(tuple(arrays[f"{PRINTS}{n}.{k}"] for k in range(p["parts"])), p["height_mm"], p["method"])
        for n, p in enumerate(about["prints"])
    )
    sole = SoleSurface(
        arrays["sole_x"], arrays["sole_y"], arrays["sole_z"], arrays["sole_measured"], about["capped"]
    )  # fmt: skip
    return Foot(
        PointCloud(arrays["points"].astype(np.float64), frame="foot"),
        arrays["T_foot_scanner"],
        Landmarks(_named(arrays, MARKS), _named(arrays, SPREADS)),
        prints,
        sole,
        measures,
    )


def _named(arrays: dict[str, Array], start: str) -> dict[str, Array]:
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
