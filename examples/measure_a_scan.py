"""Measure a scan: how long, how broad, and how sure each number is.

    python examples/measure_a_scan.py

The scan is a synthetic one, written to a file first, so that this runs without any data; put your own file's name in
its place.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from footscan import measure, read_scan
from footscan.io import write_geometry
from footscan.synth import FootSpec, make_foot, scan_foot


def main() -> float:
    """The measured foot length in mm; the foot is 255 mm long."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "foot.ply"
        write_geometry(path, scan_foot(make_foot(FootSpec("left", length_mm=255.0)), points=30_000, turn_deg=70.0))

        scan = read_scan(path)  # the unit is found from the foot's size
        (foot,) = measure(scan, load="standing")  # one record a foot

    print(f"a {foot.side} foot, scan quality {foot.score}/100")
    for name, measured in foot.values.items():
        if measured.value is None:
            print(f"{name:32} not there: {measured.reason}")
        elif isinstance(measured.value, str):
            print(f"{name:32} {measured.value}")
        else:
            print(f"{name:32} {measured.value:8.2f} ± {measured.sd_total or 0.0:.2f}")
    length = foot["foot_length_mm"]
    assert length is not None
    return length


if __name__ == "__main__":
    main()
