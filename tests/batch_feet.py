"""Varied orders of synthetic people, good and bad, for the yield of a batch; what each must become is known."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from footscan.io import write_geometry
from footscan.synth import SyntheticFoot, defects, make_foot, scan_foot
from footscan.synth.objects import OBJECTS, scan_object
from footscan.types import Array, PointCloud

#: what happens to scans in a shop, and how often; all but those of EITHER leave them usable
USUAL = {"clean": 0.45, "hole": 0.2, "coarse": 0.25, "trouser": 0.05, "moved": 0.05}
#: made right, or refused: cloth over the ankle is a note, over the instep it hides the foot; a small movement is noise;
#: where the scanner did not see the heel's rear end, the toes or a side of the ball nobody knows the foot's length or
#: breadth for sure
EITHER = ("trouser", "moved", "hidden")
NEAR_HOLE = 2.0  #: a landmark so many radii from a hole's middle, or nearer, may have been in it
#: what must be refused, and words of the reason
BAD = {
    "swapped": "swap the files",
    "both_left": "swap the files",
    "two_people": "two_people",
    "object": "expected",
    "cut_file": "expected",
    "wrong_unit": "expected",
}
SHARE_BAD = 0.3
ORDERS_A_PERSON = 4
TWO_PEOPLE_MM = 14.0  #: nobody's feet differ by so much


@dataclass(frozen=True)
class Drawn:
    """An order: its row, what it is, and its true values by side (empty where it must be refused)."""

    row: dict[str, str]
    kind: str
    truth: dict[str, dict[str, float]]


def draw_order(folder: Path, number: int, seed: int) -> Drawn:
    """Writes the scans of one order; ``number`` names it. Each person orders ``ORDERS_A_PERSON`` times, for feet take
    five times as long to draw as their scans; each time they stand and are scanned in another way."""
    rng = np.random.default_rng([seed, number])
    person = int(np.random.default_rng([seed, number // ORDERS_A_PERSON, 1]).integers(2**31))
    kind = (
        str(rng.choice(list(BAD))) if rng.random() < SHARE_BAD else str(rng.choice(list(USUAL), p=list(USUAL.values())))
    )
    feet = _pair(person)
    while kind == "two_people" and abs(feet[0].spec.length_mm - feet[1].spec.length_mm) < TWO_PEOPLE_MM:
        feet = feet[0], _pair(int(rng.integers(2**31)))[1]
    scans, kind = _scans(kind, feet, rng)
    clouds = dict(zip(("left", "right"), scans))
    row = {"order": f"{number} {kind}"}
    for side, cloud in clouds.items():
        row[side] = f"{number}_{side}.ply"
        write_geometry(folder / row[side], PointCloud(cloud))
    if kind == "swapped":
        row["left"], row["right"] = row["right"], row["left"]
    if kind == "wrong_unit":
        row["unit"] = "in"
    if kind == "cut_file":
        data = (folder / row["left"]).read_bytes()
        (folder / row["left"]).write_bytes(data[: int(rng.integers(10, len(data) - 10))])
    names = ("foot_length_mm", "foot_breadth_mm")
    truth = {} if kind in BAD else {f.spec.side: {name: float(f.truth[name] or 0.0) for name in names} for f in feet}
    return Drawn(row, kind, truth)


def _hides(foot: SyntheticFoot, scan: defects.DefectScan) -> bool:
    """Whether length or breadth hang on what a hole may have taken."""
    assert scan.centre_mm is not None
    marks, near = foot.landmarks.points, 0.5 * NEAR_HOLE * scan.size_mm
    return scan.where == "toes" or any(
        np.linalg.norm(marks[name] - scan.centre_mm) < near for name in ("pternion", "mth1", "mth5")
    )


@functools.lru_cache(maxsize=2)
def _pair(seed: int) -> tuple[SyntheticFoot, SyntheticFoot]:
    for k in range(40):
        try:
            left, right = defects.natural_pair(seed + 7919 * k)
            return make_foot(replace(left, toes="apart")), make_foot(replace(right, toes="apart"))
        except ValueError:
            continue
    raise ValueError(f"no pair could be drawn from seed {seed} on")


def _scans(kind: str, feet: tuple[SyntheticFoot, SyntheticFoot], rng: np.random.Generator) -> tuple[list[Array], str]:
    """A cloud a foot, and what they are."""
    spoilt = int(rng.integers(2))
    clouds = []
    for number, foot in enumerate(feet):
        seed, points, floor = int(rng.integers(2**31)), int(rng.integers(80_000, 200_000)), bool(rng.random() < 0.7)
        if kind in ("hole", "trouser") and number == spoilt:
            if kind == "hole":
                scan = defects.hole(foot, seed, None, points, floor)
                cloud = scan.cloud
                kind = "hidden" if _hides(foot, scan) else kind
            else:
                cloud = defects.trouser(foot, seed, points, floor).cloud
        elif kind == "moved" and number == spoilt:
            cloud = defects.moved(foot, seed, points, floor).cloud
        elif kind == "object" and number == spoilt:
            cloud = scan_object(str(rng.choice([name for name in OBJECTS if name != "two_left"])), seed, foot=foot)
        else:
            turn, shift = float(rng.uniform(0, 360)), (float(rng.uniform(-80, 80)), float(rng.uniform(-80, 80)))
            noise = float(rng.uniform(0.4, 0.8)) if kind == "coarse" else 0.3
            cloud = scan_foot(foot, points, noise, floor=floor, turn_deg=turn, shift_mm=shift, seed=seed)
        clouds.append(cloud.points)
    if kind == "both_left":
        clouds[1] = scan_foot(feet[0], points=120_000, turn_deg=77.0, seed=int(rng.integers(2**31))).points
    return clouds, kind
