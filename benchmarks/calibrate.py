"""What the values' SD are made of: `python benchmarks/calibrate.py [--feet N] [--jobs N] [--cache DIR]` writes
footscan/measures/calibration.py anew.

Feet of known truth, N of each of the families loft, toes and find (never of the one that is kept unseen). For each
value: the usual spread of the halves' difference, and what the rule leaves open; both together, with what is open in
the foot alone, are the root mean square of the error, times MARGIN. For each landmark that two tracks find: their usual
distance.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import families
import numpy as np

from footscan.feet import find_feet
from footscan.measures import measure_points, uncertainty
from footscan.types import Array

FAMILIES = ("loft", "toes", "find")
TARGET = Path(__file__).resolve().parents[1] / "footscan" / "measures" / "calibration.py"
MARGIN = 1.07  #: feet of other families are measured a little worse
LEAST_RULE = 0.3  #: of the whole: resampling alone never says everything
CLIP = 4.0  #: robust SD beyond which an error counts as so large only


def foot_of(job: tuple[str, int], cache: Path | None) -> dict[str, Any]:
    """Error and half-difference of each value of one foot, and how far the tracks lie apart."""
    foot = families.drawn(*job, cache)
    (seen,) = find_feet(families.scan(foot), load="standing", uncertainty=False)
    again = measure_points(seen.cloud.points, "standing", foot.seed)
    found = {key: m.value for key, m in again.values.items() if isinstance(m.value, float)}
    true = {key: t for key, t in foot.truth.items() if isinstance(t, float)}
    errors = {key: value - true[key] for key, value in found.items() if key in true}
    halves = {k: uncertainty.difference(k, again.values, again.half) for k in found} if again.half else {}
    return {
        "family": job[0],
        "errors": errors,
        "own": {key: again.own_sd.get(key, 0.0) for key in errors},
        "halves": {k: v for k, v in halves.items() if v is not None},
        "apart": {name: np.asarray(d).tolist() for name, d in again.tracks_apart.items()},
    }


def rms(values: Sequence[float] | Array) -> float:
    """Root mean square, what lies far out counted as less."""
    a = np.abs(np.asarray(values, dtype=float))
    robust = float(np.median(a)) / 0.6745
    return float(np.sqrt(np.mean(np.minimum(a, CLIP * max(robust, 1e-9)) ** 2)))


def table(feet: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """key -> usual spread, what the rule leaves open."""
    made = {}
    for key in sorted({k for foot in feet for k in foot["errors"]}):
        by_family = [[f for f in feet if f["family"] == name and key in f["errors"]] for name in FAMILIES]
        by_family = [fam for fam in by_family if len(fam) >= 5]
        drawn = [f["halves"][key] for f in feet if key in f["halves"]]
        if not by_family or len(drawn) < 5:
            continue
        # what a foot's own SD says already is taken off
        squares = [
            max(0.0, rms([f["errors"][key] for f in fam]) ** 2 - float(np.mean([f["own"][key] ** 2 for f in fam])))
            for fam in by_family
        ]
        whole = MARGIN * float(np.sqrt(np.mean([*squares, max(squares)])))  # the worst family counts twice
        usual = min(rms(drawn), float(np.sqrt(1.0 - LEAST_RULE**2)) * whole)
        made[key] = (usual, float(np.sqrt(whole**2 - usual**2)))
    return made


def tracks(feet: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], tuple[float, float]]:
    """landmark, axis -> mean and SD of template minus rules."""
    made = {}
    for mark, axis in uncertainty.HANGS_ON:
        d = np.array([f["apart"][mark][axis] for f in feet if mark in f["apart"]])
        if len(d) >= 10:
            middle = float(np.median(d))
            made[mark, axis] = (middle, rms(d - middle))
    return made


def written(
    values: Mapping[str, tuple[float, float]], apart: Mapping[tuple[str, int], tuple[float, float]], feet: int
) -> str:
    """The module's text."""
    lines = [
        '"""What the SD of each value is made of (uncertainty.py); `python benchmarks/calibrate.py` writes this.',
        "",
        f"{feet} feet of known truth (families {', '.join(FAMILIES)}), each scanned with 250,000 points, 0.3 mm noise",
        "and 1 % stray points.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping",
        "",
        "#: key -> usual spread of resampling, what the rule leaves open (mm, degrees, fractions or ml)",
        "CALIBRATION: Mapping[str, tuple[float, float]] = {",
        *(f'    "{key}": ({usual:.4g}, {rule:.4g}),' for key, (usual, rule) in values.items()),
        "}",
        "",
        "#: landmark, axis -> mean and SD of template minus rules (mm)",
        "TRACKS_MM: Mapping[tuple[str, int], tuple[float, float]] = {",
        *(f'    ("{mark}", {axis}): ({middle:.3g}, {sd:.3g}),' for (mark, axis), (middle, sd) in apart.items()),
        "}",
        "",
    ]
    return "\n".join(lines)


def main(words: Sequence[str]) -> int:
    """Measures the feet and writes the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feet", type=int, default=60, help="of each family")
    parser.add_argument("--seed", type=int, default=40_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="folder of drawn feet")
    given = parser.parse_args(words)
    jobs = [(family, given.seed + k) for family in FAMILIES for k in range(given.feet)]
    with ProcessPoolExecutor(given.jobs) as pool:
        feet = list(pool.map(partial(foot_of, cache=given.cache), jobs))
    TARGET.write_text(written(table(feet), tracks(feet), len(feet)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
