"""G-code read back, and insoles sliced by PrusaSlicer: each zone's infill against what was asked."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from insole_feet import make_foot

from footscan.errors import ReadError
from footscan.types import RegionLoads, Side
from insole import InsolePrescription, design, solid, threemf_bytes
from insole.materials import read_material
from insole.print_estimate import estimate_print
from insole.sliced import check_sliced
from insole.slicer_files import Placement, printable, zoned_threemf_bytes
from insole.slicing import WITHIN, infill_of_zones, printer_settings, read_gcode
from insole.zones import plan_zones

Tool = Callable[[str], str]
BED = (320.0, 200.0)


def gcode(relative: bool) -> bytes:
    lines = ["M83" if relative else "M82", "G92 E0", "G1 Z.2 F720", ";HEIGHT:0.2", ";TYPE:Perimeter"]
    e = 0.0
    for x, y, push in ((0, 0, 0), (10, 0, 0.5), (10, 5, 0.25)):
        e = push if relative else e + push
        lines.append(f"G1 X{x} Y{y} E{e:.5f}" if push else f"G1 X{x} Y{y} F9000")
    lines += ["G1 E-.8 F2100" if relative else f"G1 E{e - 0.8:.5f} F2100", "G92 E0", ";TYPE:Internal infill"]
    lines += ["G1 X0 Y5 E.4 ; infill", "; filament used [cm3] = 1.25"]
    lines.append("; estimated printing time (normal mode) = 1d 2h 3m 4s")
    return "\n".join(lines).encode()


@pytest.mark.parametrize("relative", [True, False])
def test_extrusions_are_read_absolute_and_relative(relative: bool) -> None:
    found = read_gcode(gcode(relative))
    assert found.kinds == ("", "Perimeter", "Internal infill")
    assert found.volume_mm3 / (np.pi / 4 * 1.75**2) == pytest.approx([0.5, 0.25, 0.4])
    assert found.start_mm.tolist() == [[0, 0], [10, 0], [10, 5]] and found.end_mm[-1].tolist() == [0, 5]
    assert (found.z_mm == 0.2).all() and (found.height_mm == 0.2).all()
    assert found.time_s == 93784.0 and found.filament_mm3 == 1250.0
    tpu = read_material("tpu_95a")
    assert found.grams(tpu) == pytest.approx(found.volume_mm3.sum() * 1.21e-3)


@pytest.mark.parametrize("data", [b"", b"G1 X1 Y1 E1\n", b";TYPE:Perimeter\nG1 X1 Y1\n"])
def test_gcode_without_extrusions_or_their_kinds_is_refused(data: bytes) -> None:
    with pytest.raises(ReadError, match="TYPE"):
        read_gcode(data, "a.gcode")


# ------------------------------------------------------------------ PrusaSlicer


def random_order(rng: np.random.Generator) -> tuple[Side, dict[str, Any], dict[str, float], str]:
    side: Side = "left" if rng.random() < 0.5 else "right"
    asked = {
        "base_thickness_mm": float(rng.uniform(3.0, 5.0)),
        "forefoot_thickness_mm": float(rng.uniform(2.0, 2.6)),
        "cover_thickness_mm": 1.0,
        "shoe_forefoot_depth_mm": 8.0,
        "heel_cup_depth_mm": float(rng.uniform(6, 16)),
        "shoe_pitch_mm": float(rng.uniform(0, 14)),
        "body_mass_kg": float(rng.uniform(50, 110)),
        "relief_mth1": float(rng.choice([0.0, 4.0])),
    }
    peaks = {name: float(rng.uniform(60, 360)) for name in ("mth1", "mth2", "mth3", "mth4", "mth5", "hallux")}
    peaks |= {"heel_medial": float(rng.uniform(250, 380)), "heel_lateral": float(rng.uniform(250, 380))}
    return side, asked, peaks, str(rng.choice(["tpu_85a", "tpu_95a", "peba"]))


def slice_one(rng: np.random.Generator, folder: Path, tool: Tool) -> dict[str, float]:
    """Largest misfit of a zone's infill, and how many zones were large enough to tell."""
    side, asked, peaks, material = random_order(rng)
    foot = make_foot(side=side)
    shape = design(foot, InsolePrescription(**asked), 30_000)
    zoning = plan_zones(shape, foot, RegionLoads(side, peaks, 20, True), material)
    assert zoning.zones
    place = Placement(20.0, 0.5 * BED[1], 0.0, float(rng.choice([0.0, 3.0])))
    part = dataclasses.replace(printable(shape, solid(shape), zoning, f"insole {side}"), placement=place)
    model, settings, out = folder / "insole.3mf", folder / "print.ini", folder / "insole.gcode"
    model.write_bytes(zoned_threemf_bytes([part]))
    settings.write_text(printer_settings(zoning.material, zoning.body, BED), encoding="utf-8")
    said = subprocess.run([tool("prusa-slicer"), "--info", str(model)], capture_output=True, text=True, check=True)
    assert "manifold = yes" in said.stdout, said.stdout
    command = [tool("prusa-slicer"), "--load", str(settings), "--gcode-label-objects", "-g", "--dont-arrange"]
    run = subprocess.run([*command, str(model), "-o", str(out)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "repair" not in (run.stdout + run.stderr).lower(), run.stdout
    sliced = read_gcode(out.read_bytes(), out.name)
    assert sliced.filament_mm3 == pytest.approx(sliced.volume_mm3.sum(), rel=5e-3)
    mesh = part.mesh.vertices
    guess = estimate_print(zoning, float(mesh[:, 2].max() - mesh[:, 2].min()))
    assert sliced.time_s is not None and sliced.filament_mm3 is not None
    assert guess.filament_mm3 == pytest.approx(sliced.filament_mm3, rel=0.10)
    assert guess.seconds == pytest.approx(sliced.time_s, rel=0.15)
    assert guess.grams == pytest.approx(sliced.grams(zoning.material), rel=0.10)
    found = infill_of_zones(sliced, zoning, place, side == "left")
    items = check_sliced(model, out)  # the same from the files alone, wherever the slicer has put it
    assert [i.name for i in items] == [f"infill insole {side}", *(f"infill {z.name}" for z in zoning.zones)]
    assert all(i.ok for i in items), items
    for item, zone in zip(items, found):
        if zone.found is not None and item.value is not None:
            assert item.value == pytest.approx(100 * zone.found, abs=1.5)
    assert [z.name for z in found] == ["body", *(z.name for z in zoning.zones)]
    misfits = [abs(z.found - z.asked) for z in found if z.found is not None]
    assert all(z.ok for z in found), found
    assert len(misfits) >= 2, found  # the body and at least one zone
    return {"misfit": max(misfits), "zones": float(len(misfits) - 1)}


def test_each_zones_infill_is_within_3_points_of_what_was_asked(
    rng: np.random.Generator, tmp_path: Path, tool: Tool
) -> None:
    assert slice_one(rng, tmp_path, tool)["misfit"] <= WITHIN


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    foot = make_foot()
    shape = design(foot, InsolePrescription(), 20_000)
    mesh = solid(shape)
    zoned, plain, empty = (tmp_path / name for name in ("zoned.3mf", "plain.3mf", "none.gcode"))
    part = printable(shape, mesh, plan_zones(shape, foot), "insole")
    zoned.write_bytes(zoned_threemf_bytes([part]))
    plain.write_bytes(threemf_bytes(mesh, "insole"))
    empty.write_bytes(gcode(relative=True))
    for model, code, words in (
        (plain, empty, "PrusaSlicer's settings"),
        (zoned, empty, "a print of"),
        (zoned, tmp_path / "missing.gcode", "No such file"),
        (zoned, zoned, "TYPE"),
    ):
        with pytest.raises(ReadError, match=words):
            check_sliced(model, code)


@pytest.mark.prove
def test_twenty_sliced_insoles_have_the_infill_that_was_asked(
    rng: np.random.Generator, tmp_path: Path, tool: Tool, record_property: Callable[[str, object], None]
) -> None:
    made = [slice_one(rng, tmp_path, tool) for _ in range(20)]
    record_property("insoles", 20)
    record_property("zones", int(sum(m["zones"] for m in made)))
    record_property("largest_misfit_points", round(100 * max(m["misfit"] for m in made), 2))
