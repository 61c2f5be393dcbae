"""One order is one pure function: use it with whatever runs your jobs.

    python examples/batch_with_an_engine_of_your_own.py [FOLDER]

``carry_out(task)`` takes a small record and gives a small one; scans and meshes never leave the process. Here threads
of the standard library call it; a queue, a cron job or a cluster of your own would do the same. What it gives up is
what ``plantar batch`` adds: limits of time and memory, a new worker for one that died, the manifest of all orders.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from station.batch.item import Task, carry_out
from station.batch.table import Row
from station.version import version


def main(folder: Path) -> float:
    """The difference in mm between the longest and the shortest of four insoles; the feet differ by 20."""
    tasks = []
    for number, length in enumerate((240.0, 260.0)):
        feet = [{"side": side, "measures": {"foot_length_mm": length}} for side in ("left", "right")]
        document = {"schema": "plantar/measure/1", "scans": [{"feet": feet}]}
        (folder / f"{number}.json").write_text(json.dumps(document))
        row = Row(order=f"order {number}", measurements=f"{number}.json")
        place = str(folder / "made")
        tasks.append(Task(number, row, str(folder), place, version(), outputs=("stl",), triangles=10_000))

    with ThreadPoolExecutor(2) as engine:
        results = list(engine.map(carry_out, tasks))
    lengths = [insole["size_mm"][0] for result in results for insole in result.entry["insoles"].values()]
    for result in results:
        print(result.entry["order"], result.entry["state"], sorted(result.entry["outputs"]))
    return float(max(lengths) - min(lengths))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as place:
            main(Path(place))
