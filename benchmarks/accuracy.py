"""`make accuracy`: how far the measures are from the truth, how they repeat, what their SD is worth: docs/accuracy.md.

While working on the measures:
    .venv/bin/python benchmarks/accuracy.py --families loft,toes,find --feet 20 --seed 1 --jobs 2 --no-write --cache DIR
prints the tables of a few feet; drawn feet stay in DIR. The family that is kept unseen is left out unless it is named.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import families
import figures_of_accuracy as figures

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: what a result depends on, beside the drawn foot
MEASURING = (
    *(f"footscan/{name}.py" for name in ("types", "errors", "frame", "meshes", "feet", "population", "synth/scanning")),
    "footscan/scans/*.py", "footscan/measures/*.py", "footscan/measures/*.npz", "benchmarks/families.py",
)  # fmt: skip
FEET, REPEATED, REPEATS = 150, 12, 8  #: of each family: feet, and how many of them are scanned how often
FULL_POINTS, FEWER_POINTS = 250_000, 200_000  #: every second repeat has a fifth fewer points


@dataclass(frozen=True)
class Job:
    """One scan of one foot: measured in a process of its own."""

    family: str
    seed: int
    repeat: int
    cache: str | None
    results: str | None

    @property
    def points(self) -> int:
        return FEWER_POINTS if self.repeat % 2 else FULL_POINTS


def measured(job: Job) -> dict[str, Any]:
    """What was found in the scan of a job, beside the truth; read from the results' folder where it is known."""
    file = None if job.results is None else Path(job.results) / f"{job.family}-{job.seed}-{job.repeat}.json"
    if file is not None and file.exists():
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return known
    record = _measure(job)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".partial-{os.getpid()}-{file.name}")
        partial.write_text(json.dumps(record), encoding="utf-8")
        os.replace(partial, file)
    return record


def _measure(job: Job) -> dict[str, Any]:
    import footscan

    foot = families.drawn(job.family, job.seed, None if job.cache is None else Path(job.cache))
    about = {"family": job.family, "seed": job.seed, "repeat": job.repeat, "true_side": foot.side}
    try:
        found = footscan.measure(families.scan(foot, job.repeat, job.points), load="standing")
    except footscan.ScanError as error:
        return {**about, "refused": str(error), "side": "refused", "values": {}, "truth": dict(foot.truth)}
    if len(found) != 1:
        return {**about, "refused": f"{len(found)} feet", "side": "refused", "values": {}, "truth": dict(foot.truth)}
    values = {key: [m.value, m.sd] for key, m in found[0].values.items()}
    return {
        **about,
        "side": found[0].side,
        "score": found[0].score,
        "reasons": [r.code for r in found[0].reasons],
        "values": values,
        "truth": dict(foot.truth),
    }


def run(jobs: Sequence[Job], processes: int) -> Iterator[dict[str, Any]]:
    """The records of all jobs, in their order."""
    if processes == 1:
        yield from map(measured, jobs)
        return
    for name in THREADS:
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(measured, jobs)


def jobs_of(arguments: argparse.Namespace) -> list[Job]:
    """First every foot once, family by family, then the repeats of the first few."""
    found, wanted = [], arguments.families
    results = None
    if arguments.cache is not None:
        results = str(Path(arguments.cache) / f"results-{families.sources_sha(*MEASURING)}")
    for repeat in range(max(1, arguments.repeats)):
        for family in wanted:
            here = None if results is None else f"{results}-{families.drawing_sha(family)}"
            feet = arguments.feet if repeat == 0 else min(arguments.repeated, arguments.feet)
            for k in range(feet):
                found.append(Job(family, arguments.seed * 100_000 + k, repeat, arguments.cache, here))
    return found


def parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", default=None, help=f"some of {','.join(families.FAMILIES)}")
    parser.add_argument("--feet", type=int, default=FEET, help="of each family")
    parser.add_argument("--seed", type=int, default=2012)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeats", type=int, default=None, help="scans of one foot (0 or 1: no repeatability)")
    parser.add_argument("--repeated", type=int, default=REPEATED, help="how many feet of a family are scanned again")
    parser.add_argument("--cache", default=None, help="folder of drawn feet and results")
    parser.add_argument("--no-write", action="store_true", help="print, leave docs/accuracy.md as it is")
    parser.add_argument("--worst", default=None, metavar="KEY", help="lists the worst feet of a measure")
    arguments = parser.parse_args(words)
    default = (
        families.FAMILIES if not arguments.no_write else tuple(f for f in families.FAMILIES if f != families.UNSEEN)
    )
    arguments.families = tuple(arguments.families.split(",")) if arguments.families else default
    if unknown := set(arguments.families) - set(families.FAMILIES):
        parser.error(f"expected some of {', '.join(families.FAMILIES)}, found {', '.join(sorted(unknown))}")
    if arguments.repeats is None:
        arguments.repeats = 0 if arguments.no_write else REPEATS
    if not arguments.no_write and arguments.cache is None:
        arguments.cache = str(families.ROOT / "out" / "accuracy")
    return arguments


def main(words: Sequence[str]) -> int:
    """Exit code 0 also where a limit is missed: the table says so."""
    arguments = parse(words)
    jobs = jobs_of(arguments)
    records = []
    for k, record in enumerate(run(jobs, arguments.jobs)):
        records.append(record)
        if sys.stderr.isatty() or (k + 1) % 50 == 0:
            print(f"\r{k + 1}/{len(jobs)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(figures.text_tables(records))
    if arguments.worst:
        print(figures.worst_feet(records, arguments.worst))
    if not arguments.no_write:
        import accuracy_page

        accuracy_page.write(records)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
