"""``plantar plates`` on what ``plantar batch`` leaves: each insole once, apart, by its name, as it was made."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from batch_runs import batch, write_many, write_measures, write_table
from nested_lines import laid_apart
from station_runs import Run, beside, contents, here, paper, validate

from footscan.types import Array
from insole.inspection import printed_parts
from insole.materials import read_material
from insole.outlines import silhouette
from insole.plates import MARGIN_MM
from insole.slicing import printer_settings, read_gcode
from insole.stiffness import PrintSettings
from station.console import dump
from station.orders import sha256

Tool = Callable[[str], str]
BED = (250.0, 210.0)
NAMES = ("K-4711", "王 & Söhne'", "small", "large")
FARM = """
[[printer]]
name = "one"
bed_mm = [250, 210]
material = "tpu_95a"

[[printer]]
name = "two"
bed_mm = [320, 300.0]
material = "tpu_95a"
speed = 1.5
between_min = 20
busy_min = 60
"""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four orders, eight insoles."""
    folder = tmp_path_factory.mktemp("night")
    lengths = (232.0, 238.5, 225.0, 272.0)
    rows = [
        {"order": name, "measurements": write_measures(folder / f"{k}.json", mm, mm + 1.5).name}
        for k, (name, mm) in enumerate(zip(NAMES, lengths))
    ]
    assert batch(write_table(folder / "orders.csv", rows), folder / "night").code == 0
    return folder / "night"


@pytest.fixture(scope="module")
def laid(night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their plates for the usual bed."""
    to = tmp_path_factory.mktemp("laid") / "plates"
    assert plates(night, to).code == 0
    return to


@pytest.fixture
def copied(night: Path, tmp_path: Path) -> Path:
    """The same night, to be damaged."""
    return Path(shutil.copytree(night, tmp_path / "night"))


def plates(folder: Path, to: Path, *args: str | Path) -> Run:
    return here("plates", folder, "-o", to, *args)


def every(document: Any) -> list[tuple[str, str]]:
    """Order and side of each insole on a plate."""
    return [(insole["order"], insole["side"]) for plate in document["plates"] for insole in plate["insoles"]]


ALL = sorted((name, side) for name in NAMES for side in ("left", "right"))


# ------------------------------------------------------------------ the main job


@pytest.mark.parametrize("bed", [(250, 210), (300, 300)])
def test_each_insole_is_on_one_plate_apart_and_as_it_was_made(
    bed: tuple[int, int], night: Path, laid: Path, tmp_path: Path
) -> None:
    to, spacing = (laid, 6.0) if bed == BED else (tmp_path / "plates", 4.0)
    if to != laid:
        run = plates(night, to, "--json", "--bed", f"{bed[0]},{bed[1]}", "--spacing", "4")
        assert run.code == 0 and run.err == "" and run.document == paper(to, "plates.json")
    document = paper(to, "plates.json")
    validate(document, "plates-1")
    assert sorted(every(document)) == ALL and document["spacing_mm"] == spacing
    assert document["least_plates"] <= len(document["plates"]) <= len(ALL) - 1
    for plate in document["plates"]:
        bodies = printed_parts(to / plate["file"])
        for body, insole in zip(bodies, plate["insoles"], strict=True):
            own = printed_parts(night / insole["order"] / insole["side"] / "insole.3mf")[0]
            assert insole["sha256"] == sha256(night / insole["order"] / insole["side"] / "insole.3mf")
            assert body.vertices[:, 2].min() == pytest.approx(0.0, abs=1e-6)
            turn = np.radians(insole["turn_deg"])
            back = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
            shape = (body.vertices[:, :2] - [insole["x_mm"], insole["y_mm"]]) @ back
            assert shape == pytest.approx(own.vertices[:, :2], abs=2e-3)
            assert (body.faces == own.faces).all() and insole["name"] == f"{insole['order']} {insole['side']}"
        apart = laid_apart([thinned(silhouette(body)) for body in bodies], tuple(plate["bed_mm"]), MARGIN_MM)
        assert apart >= spacing - 0.05


def thinned(line: Array) -> Array:
    return line[::3] if len(line) > 150 else line


def test_the_same_bytes_whoever_helps_and_earlier_plates_are_replaced(
    night: Path, laid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = laid, tmp_path / "b"
    assert plates(night, second, "--bed", "400,400").code == 0
    assert len(contents(second)) < len(contents(first))
    monkeypatch.setattr("station.commands.plates.WORTH", 1)  # a second process does half of it
    assert plates(night, second).code == 0
    assert contents(first) == contents(second)
    assert beside(tmp_path) == ["b"]
    manifest = paper(first, "manifest.json")
    validate(manifest, "order-1")
    assert manifest["inputs"][0]["sha256"] == sha256(night / "manifest.json")
    assert set(manifest["outputs"]) == set(contents(first)) - {"manifest.json"}
    assert all(about["sha256"] == sha256(first / name) for name, about in manifest["outputs"].items())


def test_a_batch_far_away_gives_the_same_plates(night: Path, laid: Path, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason="needs plantar[cloud]")
    store = fsspec.filesystem("memory")
    store.put(str(night), "/far", recursive=True)
    try:
        assert here("plates", "memory://far", "-o", tmp_path / "p").code == 0
    finally:
        store.rm("/far", recursive=True)
    here_, there = (paper(folder, "plates.json") for folder in (laid, tmp_path / "p"))
    assert there == here_ | {"source": "memory://far"}
    assert contents(laid)["plate-001.3mf"] == contents(tmp_path / "p")["plate-001.3mf"]


def test_without_o_they_stand_beside_the_batch_and_people_read_a_line(copied: Path) -> None:
    run = here("plates", "night", cwd=copied.parent)
    assert run.code == 0 and run.err == ""
    assert beside(copied.parent) == ["night", "night-plates"]
    assert run.out.startswith("8 insoles on ") and "by area" in run.out
    chinese = here("plates", copied, "-o", copied.parent / "zh", "--lang", "zh")
    assert chinese.code == 0 and chinese.out.startswith("8 只鞋垫")


def test_each_plate_has_a_picture_with_the_orders_names(laid: Path) -> None:
    for plate in paper(laid, "plates.json")["plates"]:
        picture = ElementTree.fromstring((laid / plate["file"].replace("3mf", "svg")).read_bytes())
        texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
        assert texts[1:] == [insole["name"] for insole in plate["insoles"]]
        assert len(list(picture.iter("{http://www.w3.org/2000/svg}polygon"))) == len(plate["insoles"])


def test_names_survive_lib3mf(laid: Path) -> None:
    lib3mf = pytest.importorskip("lib3mf", reason="lib3mf has no wheel for this platform")
    seen = []
    for plate in paper(laid, "plates.json")["plates"]:
        model = lib3mf.get_wrapper().CreateModel()
        reader = model.QueryReader("3mf")
        reader.SetStrictModeActive(True)
        reader.ReadFromFile(str(laid / plate["file"]))
        assert reader.GetWarningCount() == 0
        objects = model.GetMeshObjects()
        while objects.MoveNext():
            mesh = objects.GetCurrentMeshObject()
            assert mesh.IsManifoldAndOriented()
            seen.append(mesh.GetName())
    assert sorted(seen) == sorted(f"{order} {side}" for order, side in ALL)


def test_prusa_slicer_prints_a_plate_under_the_orders_names(laid: Path, tmp_path: Path, tool: Tool) -> None:
    plate = max(paper(laid, "plates.json")["plates"], key=lambda plate: len(plate["insoles"]))
    assert len(plate["insoles"]) == 2
    settings, out = tmp_path / "print.ini", tmp_path / "plate.gcode"
    thick = PrintSettings(layer_mm=0.4, line_mm=0.6)
    settings.write_text(printer_settings(read_material("tpu_95a"), thick, BED), encoding="utf-8")
    command = [tool("prusa-slicer"), "--load", settings, "--nozzle-diameter", "0.6", "--gcode-label-objects"]
    command += ["-g", "--dont-arrange", laid / plate["file"], "-o", out]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0 and "repair" not in (run.stdout + run.stderr).lower(), run.stdout + run.stderr
    data = out.read_bytes()
    said = set(re.findall(r"printing object (.*?) id:", data.decode()))
    assert said == {insole["name"] for insole in plate["insoles"]}
    printed = read_gcode(data, out.name)
    xy = np.vstack([printed.start_mm, printed.end_mm])
    assert xy.min() >= MARGIN_MM - 1.0 and (xy.max(axis=0) <= np.array(BED) - MARGIN_MM + 1.0).all()


@pytest.mark.prove
def test_a_night_of_forty_orders_is_sliced(
    rng: np.random.Generator, tmp_path: Path, tool: Tool, record_property: Callable[[str, object], None]
) -> None:
    assert batch(write_many(tmp_path, rng, 40), tmp_path / "night", "--triangles", "30000").code == 0
    assert plates(tmp_path / "night", tmp_path / "p", "--bed", "300,300").code == 0
    document = paper(tmp_path / "p", "plates.json")
    assert len(every(document)) == len(set(every(document))) == 80
    for plate in document["plates"]:
        bodies = printed_parts(tmp_path / "p" / plate["file"])
        assert laid_apart([thinned(silhouette(body)) for body in bodies], (300.0, 300.0), MARGIN_MM) >= 5.95
    settings, out, off = tmp_path / "print.ini", tmp_path / "plate.gcode", []
    settings.write_text(printer_settings(read_material("tpu_95a"), PrintSettings(), (300.0, 300.0)), encoding="utf-8")
    for number in rng.choice(len(document["plates"]), 5, replace=False).tolist():
        plate = document["plates"][number]
        command = [tool("prusa-slicer"), "--load", settings, "-g", "--dont-arrange", tmp_path / "p" / plate["file"]]
        subprocess.run([*command, "-o", out], capture_output=True, check=True, timeout=600)
        sliced = read_gcode(out.read_bytes(), out.name)
        assert sliced.time_s is not None
        off.append((plate["minutes"] / (sliced.time_s / 60), plate["grams"] / sliced.grams(read_material("tpu_95a"))))
    assert np.array(off)[:, 0] == pytest.approx(1.0, abs=0.15) and np.array(off)[:, 1] == pytest.approx(1.0, abs=0.10)
    record_property("plates", len(document["plates"]))
    record_property("least_by_area", document["least_plates"])
    record_property("estimated_time_over_sliced", np.round(np.array(off)[:, 0], 3).tolist())
    record_property("estimated_grams_over_sliced", np.round(np.array(off)[:, 1], 3).tolist())


# ------------------------------------------------------------------ printers


def test_a_farm_prints_every_insole_on_a_printer_that_can(night: Path, tmp_path: Path) -> None:
    farm = tmp_path / "farm.toml"
    farm.write_text(FARM)
    run = plates(night, tmp_path / "p", "--printers", farm, "--json")
    assert run.code == 0
    document = run.document
    validate(document, "plates-1")
    assert sorted(every(document)) == ALL
    assert [one["name"] for one in document["printers"]] == ["one", "two"]
    begins = [plate["begin_min"] for plate in document["plates"]]
    assert begins == sorted(begins)
    for one in document["printers"]:
        at, own = one["busy_min"], [p for p in document["plates"] if p["printer"] == one["name"]]
        assert [p["file"] for p in own] == one["plates"]
        for plate in own:
            assert all(room >= asked for room, asked in zip(one["bed_mm"], plate["bed_mm"]))
            assert plate["begin_min"] == pytest.approx(at + one["between_min"], abs=0.01)
            at = plate["end_min"]
            assert at == pytest.approx(plate["begin_min"] + plate["minutes"] / one["speed"], abs=0.01)
        assert one["end_min"] == (at if own else 0.0)
    assert document["bound_min"] <= document["makespan_min"] == max(p["end_min"] for p in document["plates"])
    text = plates(night, tmp_path / "p", "--printers", farm).out
    assert "one" in text and "all done after" in text
    manifest = paper(tmp_path / "p", "manifest.json")
    validate(manifest, "order-1")
    assert manifest["inputs"][1]["sha256"] == sha256(farm)


def test_what_no_printer_can_do_is_left_out_with_the_reason(night: Path, tmp_path: Path) -> None:
    farm = tmp_path / "farm.toml"
    farm.write_text('[[printer]]\nname = "a"\nbed_mm = [240, 200]\nmaterial = "tpu_95a"\n')
    run = plates(night, tmp_path / "p", "--printers", farm)
    assert run.code == 1 and len(run.err.splitlines()) == 2
    assert "order large, left: expected a bed that it fits, found 240 × 200 mm as the largest" in run.err
    found = paper(tmp_path / "p", "plates.json")
    assert sorted(every(found)) == [one for one in ALL if one[0] != "large"]
    assert [(item["order"], item["side"]) for item in found["left_out"]] == [("large", "left"), ("large", "right")]
    farm.write_text(FARM.replace("tpu_95a", "peba"))
    run = plates(night, tmp_path / "q", "--printers", farm)
    assert run.code == 3 and "expected a printer with tpu_95a and a nozzle of 0.4 mm, found none" in run.err
    assert beside(tmp_path) == ["farm.toml", "p"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("printer = 1", "expected tables"),
        ("", "expected tables"),
        ("[[printer", "expected printers in TOML"),
        ('[[printer]]\nname = "a"', "expected name, bed_mm and material"),
        (FARM.replace("speed", "sped"), "found sped too"),
        (FARM.replace('"two"', '"one"'), "each printer's name once"),
        (FARM.replace("[250, 210]", "[250]"), "bed_mm: expected width and depth"),
        (FARM.replace("[250, 210]", "[250, nan]"), "bed_mm: expected width and depth"),
        (FARM.replace("1.5", "0.0"), "speed: expected 0.05 to 20"),
        (FARM.replace("1.5", "true"), "speed: expected 0.05 to 20"),
        (FARM.replace('"tpu_95a"', "95"), "material: expected a name"),
    ],
)
def test_a_farm_that_means_nothing_is_refused(text: str, says: str, night: Path, tmp_path: Path) -> None:
    (tmp_path / "farm.toml").write_text(text)
    run = here("plates", night, "--printers", "farm.toml", "-o", "p", cwd=tmp_path)
    assert run.code == 2 and says in run.line and run.line.startswith("plantar: farm.toml: ")
    assert beside(tmp_path) == ["farm.toml"]


# ------------------------------------------------------------------ what is refused


def test_an_insole_that_is_not_the_one_that_was_checked_is_not_printed(copied: Path, tmp_path: Path) -> None:
    file = copied / "small" / "left" / "insole.3mf"
    file.write_bytes(file.read_bytes() + b"\0")
    manifest = json.loads((copied / "large" / "manifest.json").read_text())
    manifest["insoles"]["left"]["grams"] = 1.0
    (copied / "large" / "manifest.json").write_text(json.dumps(manifest))
    shutil.rmtree(copied / "K-4711")
    (copied / "small" / "right" / "insole.3mf").unlink()
    run = here("plates", copied.name, "-o", "p", cwd=tmp_path)
    assert run.code == 1
    assert all(str(tmp_path).encode() not in data for data in contents(tmp_path / "p").values() if data[:1] == b"{")
    lines = run.err.splitlines()
    assert len(lines) == 6 and sum("found another or none; run plantar batch --resume" in line for line in lines) == 4
    assert any("order small, left: small/left/insole.3mf: expected the file that" in line for line in lines)
    assert any("order small, right: small/right/insole.3mf: expected" in line for line in lines)
    left = [one for one in ALL if one[0] not in ("large", "K-4711", "small")]
    assert sorted(every(paper(tmp_path / "p", "plates.json"))) == left


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"outputs": {}}, "expected right/insole.3mf, found none; run plantar batch with --outputs stl,3mf,json"),
        ({"printable": False}, "expected an insole that can be printed, found that its checks refuse it"),
        ({"material": None, "minutes": None}, "expected a filament and a time to print it, found none"),
    ],
)
def test_orders_without_what_a_plate_needs_are_told(change: Any, says: str, copied: Path) -> None:
    batch_manifest = paper(copied, "manifest.json")
    batch_manifest["orders"] = batch_manifest["orders"][2:3]
    for entry in batch_manifest["orders"]:  # as if they had been made so
        manifest = paper(copied / entry["order"], "manifest.json")
        if "outputs" in change:
            manifest |= change
        else:
            for insole in manifest["insoles"].values():
                insole |= change
        (copied / entry["order"] / "manifest.json").write_text(dump(manifest))
        entry["manifest_sha256"] = sha256(copied / entry["order"] / "manifest.json")
    (copied / "manifest.json").write_text(json.dumps(batch_manifest))
    run = plates(copied, copied.parent / "p")
    assert run.code == 3 and f"order small, right: {says}" in run.err
    assert beside(copied.parent) == ["night"]


def test_wrong_usage_leaves_nothing(night: Path, copied: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thing.txt").write_text("mine")
    before = beside(tmp_path)
    for code, says, args in (
        (3, "expected a manifest plantar/batch/1, found none", (tmp_path / "other", "-o", tmp_path / "p")),
        (3, "expected a manifest", (tmp_path / "nowhere", "-o", tmp_path / "p")),
        (2, "found other files", (night, "-o", tmp_path / "other")),
        (2, "found other files", (copied, "-o", copied)),
        (2, "found both", (night, "--bed", "250,210", "--printers", "x.toml", "-o", tmp_path / "p")),
        (2, "expected a folder's name", (night, "-o", "")),
        (2, "expected a folder's name", ("s3://bucket/night",)),
        (2, "expected width and depth", (night, "--bed", "250", "-o", tmp_path / "p")),
        (2, "expected 0 to 50 mm", (night, "--spacing", "-1", "-o", tmp_path / "p")),
        (2, "No such file", (night, "--printers", "none.toml", "-o", tmp_path / "p")),
    ):
        run = here("plates", *args)
        assert run.code == code and says in run.line, run.err
        assert beside(tmp_path) == before
