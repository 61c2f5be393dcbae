"""Read a walk: steps, forces, where the pressure is.

    python examples/read_a_walk.py

The recording is a synthetic one, written to a file first, so that this runs without any data; put your own file's name
in its place: the format is found from the content.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from footscan import analyse, read_recording
from footscan.io import write_recording
from footscan.synth import make_walk


def main() -> float:
    """The measured cadence in steps a minute; the walk has 110."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "walk.csv"
        write_recording(path, make_walk("in_shoe", seed=1, cadence_steps_per_min=110.0, steps=12).recording)

        analysis = analyse(read_recording(path))

    print(f"{analysis.frames} frames at {analysis.rate_hz:.0f} Hz, {len(analysis.steps)} contacts")
    for step in analysis.steps:
        if step.used:
            peaks = {name: region["peak_kpa"] for name, region in step.regions.items()}
            top = max((p, name) for name, p in peaks.items() if p is not None)
            print(f"{step.side:5} at {step.start_s:5.2f} s: {step.values['max_force_n']:.0f} N, most under {top[1]}")
    cadence = float(analysis.gait["cadence_steps_per_min"])
    print(f"{cadence:.1f} steps a minute")
    return cadence


if __name__ == "__main__":
    main()
