"""Soften an insole where a walk presses, and predict what it will press: zones, a prediction, a plate for the printer.

    python examples/soften_and_predict.py [FOLDER]

Writes plate.3mf (for PrusaSlicer, zones and all) and cover.dxf (for a cutter) into FOLDER (default: a temporary one).
The foot and the walk are synthetic, so that this runs without any data.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import insole
from footscan import analyse, find_feet
from footscan.pressure import region_loads
from footscan.synth import FootSpec, make_foot, make_walk, scan_foot


def main(folder: Path | None = None) -> float:
    """By how much the insole lowers the highest regional peak, % (unvalidated: a model, not a measurement)."""
    (foot,) = find_feet(scan_foot(make_foot(FootSpec("left")), points=60_000), side="left", load="standing")
    walk = make_walk("in_shoe", seed=1, steps=12).recording
    analysis = analyse(walk)
    loads = region_loads(analysis)["left"]

    shape = insole.design(foot, insole.prescribe(foot.measurements, loads))
    zoning = insole.plan_zones(shape, foot, loads, material="tpu_95a")  # or the path of one's own card
    for zone in zoning.zones:
        print(f"{zone.name}: {zone.infill_percent} % of infill, the body {100 * zoning.body.density:.0f} %")

    prediction = insole.predict(shape, zoning, foot, insole.stance_instants(walk, analysis, foot))
    for region, told in prediction.regions.items():
        peak = told["peak_kpa"]
        print(f"{region}: {peak.before:.0f} → {peak.after:.0f} kPa ({peak.low:.0f} … {peak.high:.0f})")

    mesh = insole.solid(shape)
    height = float(mesh.vertices[:, 2].max() - mesh.vertices[:, 2].min())
    estimate = insole.estimate_print(zoning, height)
    print(f"about {estimate.grams:.0f} g and {estimate.seconds / 3600:.1f} h")
    if folder is not None:
        part = insole.printable(shape, mesh, zoning, "insole left")
        (plate,) = insole.lay_out([part], bed_mm=(250.0, 210.0))
        (folder / "plate.3mf").write_bytes(insole.zoned_threemf_bytes(plate))
        (folder / "cover.dxf").write_bytes(insole.dxf_bytes(insole.cutting_pieces(shape, foot)))
    return prediction.regions["total"]["peak_kpa"].change_percent


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as place:
            main(Path(place))
