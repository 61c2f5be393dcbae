"""`make bench`: runs every benchmarks/bench_*.py, prints a table and writes benchmarks/results.json.

Each module has `run() -> Iterator[Result]`. `python benchmarks/run.py main` runs bench_main alone and leaves the other
results as they stood.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from pathlib import Path

from harness import Result, Skipped

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results.json"


def row(result: Result) -> str:
    """One line of the table."""
    sign = {"lower": "≤", "higher": "≥"}[result.better]
    target = "" if result.target is None else f"{sign} {result.target:g} {result.unit}"
    verdict = {True: "met", False: "MISSED", None: ""}[result.met]
    return f"{result.name:<44} {result.value:>10.3g} {result.unit:<6} {target:<14} {verdict}".rstrip()


def write(results: list[Result], keep: bool) -> None:
    """results.json in the form of the house; ``keep``: what was not measured now stays."""
    document = json.loads(RESULTS.read_text(encoding="utf-8")) if keep and RESULTS.exists() else {}
    for r in results:
        value = float(f"{r.value:.4g}")
        document[r.name] = {"value": value, "unit": r.unit, "target": r.target, "better": r.better}
    RESULTS.write_text(json.dumps(dict(sorted(document.items())), indent=1) + "\n", encoding="utf-8")


def main(wanted: list[str]) -> int:
    """Exit code 0 also where a target is missed: the table says so, and machines differ."""
    names = sorted(file.stem.removeprefix("bench_") for file in FOLDER.glob("bench_*.py"))
    if unknown := set(wanted) - set(names):
        print(f"bench: expected some of {', '.join(names)}, found {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    results: list[Result] = []
    for name in wanted or names:
        module = importlib.import_module(f"bench_{name}")
        try:
            for result in module.run():
                results.append(result)
                print(row(result), flush=True)
        except Skipped as reason:
            print(f"{name}: the rest was left out: {reason}", flush=True)
    write(results, keep=bool(wanted))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
