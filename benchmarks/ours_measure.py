"""Scan to measures in process: read, find the feet, their frame, their landmarks and every measure.

`python benchmarks/ours_measure.py SCAN.ply [--no-sd]` prints the seconds after the imports and what came out, as JSON.
"""

from __future__ import annotations

import json
import sys
import time

from footscan import measure, read_scan  # lazy attributes: this imports what is behind them


def main() -> None:
    """Times the one file that is given."""
    start = time.perf_counter()
    feet = measure(read_scan(sys.argv[1]), uncertainty="--no-sd" not in sys.argv)
    seconds = time.perf_counter() - start
    values = sum(m.value is not None for foot in feet for m in foot.values.values())
    print(json.dumps({"seconds": seconds, "feet": len(feet), "measures": values}))


if __name__ == "__main__":
    main()
