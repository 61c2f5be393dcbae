"""Families of feet whose true sizes are known: `draw(family, seed)`.

``loft`` and ``toes`` are footscan's synthetic feet, toes fused and apart; ``find`` and ``makehuman`` are smooth random
warps of real shapes (benchmarks/warps.py). The truth comes from exact plane sections of the clean mesh; nothing here is
shared with the code that measures scans. No rule or constant of footscan was ever tuned on ``makehuman``: UNSEEN.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from footscan import synth
from footscan.synth.scanning import ScanSpec, scan_mesh
from footscan.types import Array, Mesh, PointCloud, Side

ROOT = Path(__file__).resolve().parents[1]
FAMILIES = ("loft", "toes", "find", "makehuman")
UNSEEN = "makehuman"
#: the modules of footscan.synth that draw feet and tell their truth
DRAWING = (
    "answers", "drawing", "feet", "fitting", "joining", "loft", "people", "prints", "sections", "skin",
    "toes", "truth",
)  # fmt: skip
WARPING = ("benchmarks/warps.py", "benchmarks/base_feet.py", "benchmarks/surfaces.py")
Truth = Mapping[str, float | str | None]


@dataclass(frozen=True, eq=False)
class TrueFoot:
    """``mesh``: mm, foot frame, true side, the floor at z = 0; ``truth``: keys of measures.md (None where the shape
    can't support one); ``landmarks`` name -> (3,) mm, in the mesh's frame; no skin at or above ``lid_mm``."""

    mesh: Mesh
    side: Side
    truth: Truth
    landmarks: Mapping[str, Array]
    family: str
    seed: int
    lid_mm: float


def draw(family: str, seed: int) -> TrueFoot:
    """A random foot of a family; the same seed draws the same foot. ValueError for a family that is not there."""
    if family in ("loft", "toes"):
        return _synthetic(family, seed, "fused" if family == "loft" else "apart")
    if family in ("find", "makehuman"):
        import warps  # needs the shared data

        return warps.draw(family, seed)
    raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {family!r}")


def _synthetic(family: str, seed: int, toes: Literal["apart", "fused"]) -> TrueFoot:
    for attempt in range(20):  # a drawn person whose sizes can't be had together is drawn again
        spec = replace(synth.draw_spec(seed + attempt * 1_000_003), toes=toes)
        try:
            foot = synth.make_foot(spec)
        except ValueError:
            continue
        return true_foot(foot.mesh, spec.side, foot.truth, foot.landmarks.points, family, seed, spec.leg_mm)
    raise ValueError(f"no foot of {family} could be drawn from seed {seed}")


def true_foot(
    mesh: Mesh, side: Side, truth: Truth, landmarks: Mapping[str, Array], family: str, seed: int, lid_mm: float
) -> TrueFoot:
    """The record; vertices rounded to float32, so that a foot from the cache is the same to the bit."""
    rounded = Mesh(mesh.vertices.astype(np.float32).astype(np.float64), mesh.faces, "foot")
    return TrueFoot(rounded, side, dict(truth), dict(landmarks), family, seed, lid_mm - 1e-3)


def scan(foot: TrueFoot, repeat: int = 0, points: int = 250_000) -> PointCloud:
    """A scan of the foot: noise 0.3 mm, 1 % stray points, floor, leg, any turn and place; each ``repeat`` another."""
    rng = np.random.default_rng([foot.seed, repeat, FAMILIES.index(foot.family)])
    spec = ScanSpec(
        points=points,
        turn_deg=float(rng.uniform(0.0, 360.0)),
        shift_mm=(float(rng.uniform(-150.0, 150.0)), float(rng.uniform(-150.0, 150.0))),
        seed=int(rng.integers(2**31)),
    )
    return scan_mesh(foot.mesh, spec, foot.lid_mm)


# ------------------------------------------------------------------ cache


def sources_sha(*patterns: str) -> str:
    """Twelve hex digits that change with any of the source files (globs from the project's root)."""
    digest = hashlib.sha256()
    for file in sorted({f for p in patterns for f in ROOT.glob(p)}):
        digest.update(file.relative_to(ROOT).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


@cache
def drawing_sha(family: str) -> str:
    """Changes with the code that draws a family."""
    own = WARPING if family in ("find", "makehuman") else ()
    shared = tuple(f"footscan/synth/{name}.py" for name in DRAWING)
    return sources_sha("footscan/frame.py", *shared, *own)


def drawn(family: str, seed: int, folder: Path | None) -> TrueFoot:
    """`draw`, kept in a folder as npz; one that an older code drew is drawn anew."""
    if folder is None:
        return draw(family, seed)
    file = folder / f"{family}-{seed}-{drawing_sha(family)}.npz"
    if file.exists():
        with np.load(file) as held:
            about = json.loads(str(held["about"]))
            marks = dict(zip(about["landmarks"], held["landmarks"]))
            mesh = Mesh(held["vertices"].astype(np.float64), held["faces"].astype(np.int64), "foot")
        return TrueFoot(mesh, about["side"], about["truth"], marks, family, seed, about["lid_mm"])
    foot = draw(family, seed)
    about = {"side": foot.side, "truth": foot.truth, "landmarks": list(foot.landmarks), "lid_mm": foot.lid_mm}
    folder.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".partial-{os.getpid()}-{file.name}")
    np.savez(
        partial,
        about=np.array(json.dumps(about)),
        landmarks=np.array([foot.landmarks[k] for k in about["landmarks"]]),
        vertices=foot.mesh.vertices.astype(np.float32),
        faces=foot.mesh.faces.astype(np.int32),
    )
    os.replace(partial, file)
    return foot
