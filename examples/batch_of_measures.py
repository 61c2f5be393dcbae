"""A table of orders becomes a folder of insoles: many at a time, each with its reason where it can't be made.

    python examples/batch_of_measures.py [FOLDER]

Writes orders.csv and its files into FOLDER (default: a temporary one) and the orders into FOLDER/night. The orders
have measures instead of scans, so that this takes seconds; one of them is wrong on purpose. The command that does the
same is ``plantar batch orders.csv -o night``.
"""

import csv
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from station.batch.run import Options, run
from station.batch.table import read_table


def fill(folder: Path) -> Path:
    """Three pairs, the last with a length that no foot has; returns the table."""
    with open(folder / "orders.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["order", "measurements", "preset"])
        for name, length in (("Ada", 241.0), ("Ben", 268.0), ("Cleo", 26.1)):
            feet = [{"side": side, "measures": {"foot_length_mm": length}} for side in ("left", "right")]
            document = {"schema": "plantar/measure/1", "scans": [{"feet": feet}]}
            (folder / f"{name}.json").write_text(json.dumps(document))
            table.writerow([name, f"{name}.json", "everyday"])
    return folder / "orders.csv"


def main(folder: Path) -> float:
    """How much longer Ben's left insole is than Ada's, in mm; his foot is by 27."""
    options = Options(outputs=("stl", "json"), triangles=10_000, jobs=2)
    counts = run(read_table(str(fill(folder))), str(folder / "night"), options, lambda result, counts: None)
    print(counts["done"], "done,", counts["failed"], "failed")

    manifest = json.loads((folder / "night" / "manifest.json").read_text())
    lengths = {}
    for order in manifest["orders"]:
        for failure in order["failed"]:
            print(f"{order['order']}: {failure['message']}")
        for side, insole in order.get("insoles", {}).items():
            lengths[order["order"], side] = insole["size_mm"][0]
            print(f"{order['order']} {side}: {insole['size_mm'][0]:.0f} mm, {insole['grams']:.0f} g of filament")
    return float(lengths["Ben", "left"] - lengths["Ada", "left"])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as place:
            main(Path(place))
