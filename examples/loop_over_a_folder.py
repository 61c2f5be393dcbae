"""Loop over a folder of scans: one table row a foot, and a line for each file that is no foot.

    python examples/loop_over_a_folder.py [FOLDER]

Without FOLDER it makes one with two synthetic feet and a text file that only calls itself a scan.
"""

import csv
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from footscan import FootscanError, measure, read_scan
from footscan.io import write_geometry
from footscan.synth import FootSpec, make_foot, scan_foot

COLUMNS = ("foot_length_mm", "foot_breadth_mm", "ball_girth_mm")


def fill(folder: Path) -> None:
    """Two feet of 245 and 265 mm, and a file that can't be read."""
    for n, length in enumerate((245.0, 265.0)):
        foot = make_foot(FootSpec("left" if n % 2 else "right", length_mm=length))
        write_geometry(folder / f"foot{n}.ply", scan_foot(foot, points=30_000, seed=n))
    (folder / "shopping.stl").write_text("bread, milk, insoles\n")


def main(folder: Path) -> float:
    """The mean foot length of the folder in mm; of the two synthetic feet it is 255."""
    lengths = []
    table = csv.writer(sys.stdout)
    table.writerow(["file", "side", *COLUMNS])
    for path in sorted(folder.iterdir()):
        try:
            feet = measure(read_scan(path))
        except FootscanError as error:  # says the file, what was expected, what was found
            print(f"left out: {error}", file=sys.stderr)
            continue
        for foot in feet:
            table.writerow([path.name, foot.side, *(f"{foot[name]:.1f}" for name in COLUMNS)])
            lengths.append(foot["foot_length_mm"] or 0.0)
    return sum(lengths) / len(lengths)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as place:
            fill(Path(place))
            main(Path(place))
