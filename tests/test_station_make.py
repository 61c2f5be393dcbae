"""``plantar make`` and ``demo``: the whole way, through real processes and real files (docs/commands.md)."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from station_runs import ROOT, Run, beside, contents, here, paper, plantar, validate

PAPERS = {
    "manifest.json": "order-1",
    "measurements.json": "measure-1",
    "pressure.json": "pressure-1",
    "prescription.json": "prescriptions-1",
    "prediction.json": "prediction-1",
}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """The demo's order, and how its run ended."""
    order = tmp_path_factory.mktemp("demo") / "demo"
    run = plantar("demo", "-o", "demo", cwd=order.parent)
    assert run.code == 0, run.err
    return order, run


@pytest.fixture(scope="session")
def inputs(demo: tuple[Path, Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's scans with fewer points, one by one and side by side, and walks that say less and less."""
    from footscan.frame import transform, turn_z
    from footscan.io import read_geometry, read_recording, write_geometry, write_recording
    from footscan.types import PointCloud

    folder, given = tmp_path_factory.mktemp("inputs"), demo[0] / "inputs"
    clouds = []
    for side, turn_deg, shift_mm in (("left", 84.0, 100.0), ("right", 97.0, -100.0)):
        points = read_geometry(given / f"{side}.ply").points[::4]
        write_geometry(folder / f"{side}.ply", PointCloud(points))
        clouds.append(transform(turn_z(-np.deg2rad(turn_deg)), points) + np.array([0.0, shift_mm, 0.0]))
    write_geometry(folder / "pair.ply", PointCloud(np.vstack(clouds)))
    recording = read_recording(given / "walk.csv")
    write_recording(folder / "walk.csv", recording)
    left = next(p for p in recording.pressure if p.side == "left")
    write_recording(folder / "one.csv", replace(recording, pressure=(left,)))
    write_recording(folder / "whose.csv", replace(recording, source="", pressure=(replace(left, side="unknown"),)))
    standing = replace(left, values=np.full_like(left.values, 20.0))
    write_recording(folder / "standing.csv", replace(recording, pressure=(standing,)))
    silent = replace(left, values=np.zeros_like(left.values))
    write_recording(folder / "silent.csv", replace(recording, pressure=(silent,)))
    return folder


def make(inputs: Path, folder: Path, *args: str | Path) -> Run:
    """``plantar make`` on files of ``inputs`` as they are called there; meshes and documents only."""
    return here("make", *args, "--outputs", "stl,json", "-o", folder, cwd=inputs)


# ------------------------------------------------------------------ the demo


def test_demo_leaves_what_the_interface_lists(demo: tuple[Path, Run]) -> None:
    order = demo[0]
    names = set(contents(order)) | {p.name for p in order.glob("log.jsonl")}
    expected = {*PAPERS, "report.html", "report.pdf", "log.jsonl"}
    expected |= {f"{side}/{mesh}" for side in ("left", "right") for mesh in ("insole.stl", "insole.3mf", "insole.glb")}
    expected |= {f"inputs/{name}" for name in ("left.ply", "right.ply", "walk.csv", "truth.json")}
    assert names - {n for n in names if n.startswith("pictures/")} == expected
    assert "pictures/pair.png" in names
    assert beside(order.parent) == ["demo"]


def test_manifest_holds_every_input_and_output(demo: tuple[Path, Run]) -> None:
    order = demo[0]
    manifest, files = paper(order, "manifest.json"), contents(order)
    del files["manifest.json"]
    assert {n: e["sha256"] for n, e in manifest["outputs"].items()} == {
        n: hashlib.sha256(data).hexdigest() for n, data in files.items()
    }
    assert [item["source"] for item in manifest["inputs"]] == ["inputs/left.ply", "inputs/right.ply", "inputs/walk.csv"]
    for item in manifest["inputs"]:
        assert item["sha256"] == hashlib.sha256(files[item["source"]]).hexdigest()
    assert manifest["failed"] == [] and manifest["feet"] == {"left": True, "right": True}


def test_the_same_inputs_give_the_same_bytes(
    demo: tuple[Path, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``make`` on the demo's inputs, elsewhere, in another process: only the manifest differs, in its command."""
    monkeypatch.setattr("station.helper.processors", lambda: 1)  # and without the second process that the demo had
    (tmp_path / "inputs").symlink_to(demo[0] / "inputs")
    given = ("--left", "inputs/left.ply", "--right", "inputs/right.ply", "--pressure", "inputs/walk.csv")
    run = here("make", *given, "--load", "standing", "-o", "another order of mine", cwd=tmp_path)
    assert run.code == 0, run.err
    first, again = contents(demo[0]), contents(tmp_path / "another order of mine")
    assert set(again) == {name for name in first if not name.startswith("inputs/")}
    assert [name for name in again if first[name] != again[name]] == ["manifest.json"]


@pytest.mark.prove
def test_demo_twice_gives_the_same_bytes(demo: tuple[Path, Run], tmp_path: Path) -> None:
    assert plantar("demo", "-o", tmp_path / "again").code == 0
    assert contents(demo[0]) == contents(tmp_path / "again")


def test_no_output_knows_where_or_on_what_machine(demo: tuple[Path, Run]) -> None:
    secrets = [str(demo[0].parent).encode(), str(ROOT).encode(), socket.gethostname().encode(), b".partial-"]
    for name, data in contents(demo[0]).items():
        for secret in secrets:
            assert secret not in data or len(secret) < 5, name


@pytest.mark.parametrize("name", PAPERS)
def test_documents_keep_to_their_schema(demo: tuple[Path, Run], name: str) -> None:
    validate(paper(demo[0], name), PAPERS[name])


def test_demo_says_measured_beside_true(demo: tuple[Path, Run]) -> None:
    order, run = demo
    truth = paper(order, "inputs/truth.json")
    measured = {
        foot["side"]: foot["measures"] for scan in paper(order, "measurements.json")["scans"] for foot in scan["feet"]
    }
    for side in ("left", "right"):
        true, got = truth["feet"][side]["foot_length_mm"], measured[side]["foot_length_mm"]["value"]
        assert got == pytest.approx(true, abs=1.0)  # 262 and 260: each foot on its own side
        assert f"{true:.1f}" in run.out and f"{got:.1f}" in run.out
    assert run.err == ""


# ------------------------------------------------------------------ what is there and what is not


def test_one_foot_alone_and_no_walk(inputs: Path, tmp_path: Path) -> None:
    run = make(inputs, tmp_path / "order", "--right", "right.ply", "--json")
    assert run.code == 0, run.err
    assert run.out.encode() == (tmp_path / "order" / "manifest.json").read_bytes()  # one document, nothing else
    assert {item["code"] for item in run.document["left_out"]} == {"no_scan", "no_recording"}
    assert run.document["feet"] == {"left": False, "right": True}
    assert beside(tmp_path / "order") == [
        "log.jsonl", "manifest.json", "measurements.json", "prescription.json", "pressure.json", "right"
    ]  # fmt: skip
    foot = paper(tmp_path / "order", "measurements.json")["scans"][0]["feet"][0]
    assert (foot["side"], foot["side_from"]) == ("right", "given")


def test_both_feet_in_one_file(inputs: Path, tmp_path: Path) -> None:
    run = make(inputs, tmp_path / "order", "--pair", "pair.ply", "--pressure", "walk.csv")
    assert run.code == 0, run.err
    feet = paper(tmp_path / "order", "measurements.json")["scans"][0]["feet"]
    lengths = {foot["side"]: foot["measures"]["foot_length_mm"]["value"] for foot in feet}
    assert lengths == pytest.approx({"left": 262.0, "right": 260.0}, abs=1.0)
    assert {foot["side_from"] for foot in feet} == {"detected"}
    assert (tmp_path / "order" / "left" / "insole.stl").exists()


@pytest.mark.parametrize(
    ("recording", "codes", "exit_code"),
    [
        ("one.csv", {"no_step_of"}, 0),
        ("whose.csv", {"unknown_side", "no_step_of"}, 0),
        ("standing.csv", {"no_step_of"}, 1),
    ],
)
def test_a_recording_that_says_little(
    inputs: Path, tmp_path: Path, recording: str, codes: set[str], exit_code: int
) -> None:
    run = make(inputs, tmp_path / "order", "--right", "right.ply", "--pressure", recording)
    assert run.code == exit_code, run.err
    manifest = paper(tmp_path / "order", "manifest.json")
    assert {item["code"] for item in manifest["left_out"]} == codes | {"no_scan"}
    assert [item["source"] for item in manifest["failed"]] == ([recording] if exit_code else [])
    assert manifest["feet"] == {"left": False, "right": True}
    assert recording in run.out
    assert run.line.startswith("plantar: standing.csv: expected") if exit_code else run.err == ""


def test_one_refused_foot_of_a_pair(inputs: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.stl"
    bad.write_text("bread, milk, insoles\n")
    run = make(inputs, tmp_path / "order", "--left", "left.ply", "--right", bad, "--lang", "zh")
    assert run.code == 1
    assert str(bad) in run.line
    assert beside(tmp_path / "order" / "left") == ["insole.stl"]
    assert not (tmp_path / "order" / "right").exists()
    document = paper(tmp_path / "order", "measurements.json")
    assert [f["source"] for f in document["failed"]] == [str(bad)]
    assert "左脚" in run.out


def test_a_foot_filed_on_the_wrong_side_never_becomes_an_insole(inputs: Path, tmp_path: Path) -> None:
    run = make(inputs, tmp_path / "order", "--right", "left.ply")
    assert run.code == 3
    assert "left.ply" in run.line and "expected a right foot" in run.line
    assert beside(tmp_path) == []


def test_a_prescription_wins_and_is_marked(inputs: Path, tmp_path: Path) -> None:
    rx = tmp_path / "rx.toml"
    rx.write_text("heel_cup_depth_mm = 15\n[right]\nheel_lift_mm = 3\n")
    preset = tmp_path / "mine.toml"
    preset.write_text('cover_thickness_mm = {value = 1.5, text = "thin shoes", source = "our own"}\n')
    given = ("--left", "left.ply", "--right", "right.ply", "--rx", rx, "--preset", preset)
    run = make(inputs, tmp_path / "order", *given)
    assert run.code == 0, run.err
    feet = paper(tmp_path / "order", "prescription.json")["feet"]
    for side, lift in (("left", 0), ("right", 3)):
        fields = feet[side]["fields"]
        assert fields["heel_cup_depth_mm"]["value"] == 15 and fields["heel_cup_depth_mm"]["by"] == "person"
        assert fields["heel_lift_mm"]["value"] == lift
        assert fields["cover_thickness_mm"] == {
            "value": 1.5,
            "reason": "thin shoes",
            "source": "our own",
            "by": "preset",
        }
    roles = [item["role"] for item in paper(tmp_path / "order", "manifest.json")["inputs"]]
    assert roles == ["left", "right", "rx", "preset"]


def test_a_prescription_that_can_not_be_is_refused_with_what_can(inputs: Path, tmp_path: Path) -> None:
    rx = tmp_path / "rx.toml"
    rx.write_text("[right]\nheel_cup_depth_mm = 99\n")
    run = make(inputs, tmp_path / "order", "--right", "right.ply", "--rx", rx)
    assert run.code == 3
    assert "heel_cup_depth_mm" in run.line and "30" in run.line
    assert not (tmp_path / "order").exists()
    run = make(inputs, tmp_path / "order", "--right", "right.ply", "--preset", "evryday")
    assert run.code == 2 and "everyday" in run.line


# ------------------------------------------------------------------ the real ones


def test_the_standing_adult_and_the_pedar_walk(shared_data: Path, tmp_path: Path) -> None:
    scan, walk = "scans/standing_adult_left", "pressure/pedar/pedar_example.asc"
    stl = next((shared_data / scan).glob("*.stl"))
    given = ("--left", stl, "--pressure", shared_data / walk, "--load", "standing")
    run = here("make", *given, "--outputs", "stl,json", "-o", tmp_path / "order")
    assert run.code == 0, run.err
    scan = paper(tmp_path / "order", "measurements.json")["scans"][0]
    assert scan["unit"] == "m"
    measures = scan["feet"][0]["measures"]
    assert 250 < measures["foot_length_mm"]["value"] < 300
    for name in ("arch_apex_height_mm", "arch_apex_station", "arch_index"):  # its sole is capped flat
        assert measures[name]["value"] is None and measures[name]["reason"]
    validate(paper(tmp_path / "order", "pressure.json"), "pressure-1")


def test_what_is_no_foot_is_refused(shared_data: Path, tmp_path: Path) -> None:
    stump = next(p for p in (shared_data / "scans" / "not_a_foot").iterdir() if p.suffix in (".stl", ".obj", ".ply"))
    run = here("make", "--left", stump, "-o", tmp_path / "order")
    assert run.code == 3
    assert str(stump) in run.line
    assert beside(tmp_path) == []


# ------------------------------------------------------------------ bad input


@pytest.fixture(scope="session")
def bad(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "empty.stl").write_bytes(b"")
    (folder / "truncated.ply").write_bytes((inputs / "left.ply").read_bytes()[:200_000])
    (folder / "text.stl").write_text("bread, milk, insoles\n" * 50)
    header = (
        "ply\nformat ascii 1.0\nelement vertex {n}\n" + "".join(f"property float {c}\n" for c in "xyz") + "end_header\n"
    )
    (folder / "nan.ply").write_text(header.format(n=3) + "0 0 0\n1 nan 1\n2 2 2\n")
    (folder / "one_point.ply").write_text(header.format(n=1) + "0 0 0\n")
    (folder / "a_folder.stl").mkdir()
    (folder / "walk.csv").write_bytes((inputs / "walk.csv").read_bytes()[:9_000])
    return folder


BAD_SCANS = ("empty.stl", "truncated.ply", "text.stl", "nan.ply", "one_point.ply", "a_folder.stl", "not_there.stl")


@pytest.mark.parametrize("name", BAD_SCANS)
def test_a_bad_scan_is_refused_in_a_line(bad: Path, tmp_path: Path, name: str) -> None:
    run = make(bad, tmp_path / "order", "--left", name)
    assert run.code == 3
    assert name in run.line and run.line.startswith("plantar: ")
    assert "expected" in run.line and "found" in run.line
    assert run.out == ""
    assert beside(tmp_path) == []


def test_a_bad_scan_in_a_process_of_its_own(bad: Path, tmp_path: Path) -> None:
    run = plantar("make", "--json", "--left", "nan.ply", "--right", "text.stl", "-o", tmp_path / "order", cwd=bad)
    assert run.code == 3
    assert [line.split(" at ")[0] for line in run.err.splitlines()] == ["plantar: nan.ply", "plantar: text.stl"]
    validate(run.document, "order-1")
    assert run.document["outputs"] == {} and len(run.document["failed"]) == 2
    assert beside(tmp_path) == []


def test_measure_does_the_rest_and_says_what_failed(inputs: Path, bad: Path) -> None:
    run = here("measure", "--json", bad / "nan.ply", inputs / "left.ply", bad / "not_there.stl")
    assert run.code == 1
    validate(run.document, "measure-1")
    assert [scan["source"] for scan in run.document["scans"]] == [str(inputs / "left.ply")]
    assert [item["source"] for item in run.document["failed"]] == [str(bad / "nan.ply"), str(bad / "not_there.stl")]
    assert len(run.err.splitlines()) == 2
    run = here("measure", "--json", bad / "nan.ply")
    assert run.code == 3
    validate(run.document, "measure-1")
    assert run.document["scans"] == []


def test_measure_for_people(inputs: Path) -> None:
    run = here("measure", "--load", "standing", "left.ply", cwd=inputs)
    assert run.code == 0 and "ball girth" in run.out and "±" in run.out


def test_pressure(inputs: Path, bad: Path, tmp_path: Path) -> None:
    run = here("pressure", "--json", "--plots", tmp_path / "plots", "walk.csv", cwd=inputs)
    assert run.code == 0, run.err
    validate(run.document, "pressure-1")
    recording = run.document["recordings"][0]
    assert recording["gait"]["steps"] == 28
    assert recording["gait"]["cadence_steps_per_min"] == pytest.approx(110.0, abs=1.0)
    assert {"force_1.png", "pressure_1.png"} <= set(beside(tmp_path / "plots"))
    side = here("pressure", "--json", "--side", "left", "whose.csv", cwd=inputs).document["recordings"][0]
    assert side["side_from"] == "given" and {step["side"] for step in side["steps"]} == {"left"}
    assert "steps used" in here("pressure", "walk.csv", cwd=inputs).out
    run = here("pressure", "--json", inputs / "silent.csv", bad / "walk.csv", bad / "text.stl")
    assert run.code == 3
    validate(run.document, "pressure-1")
    lines = run.err.splitlines()
    assert len(lines) == 3 and "no step" in lines[0]


def test_check(demo: tuple[Path, Run], inputs: Path, bad: Path) -> None:
    run = here("check", "--json", "left/insole.stl", cwd=demo[0])
    assert run.code == 0 and run.err == ""
    validate(run.document, "check-1")
    assert run.document["ok"]
    assert here("check", bad / "text.stl").code == 3
    cloud = here("check", "left.ply", cwd=inputs)
    assert cloud.code == 3 and "triangles" in cloud.line


def test_check_of_a_mesh_with_a_hole_is_1(demo: tuple[Path, Run], tmp_path: Path) -> None:
    from footscan.io import read_geometry, write_geometry
    from footscan.types import Mesh

    mesh = read_geometry(demo[0] / "left" / "insole.stl")
    assert isinstance(mesh, Mesh)
    write_geometry(tmp_path / "hole.stl", Mesh(mesh.vertices, mesh.faces[:-7]))
    run = here("check", "hole.stl", cwd=tmp_path)
    assert run.code == 1
    assert run.line.startswith("plantar: hole.stl: expected")


def test_convert(demo: tuple[Path, Run], inputs: Path, tmp_path: Path) -> None:
    from footscan.io import read_geometry
    from footscan.types import Mesh

    source = demo[0] / "left" / "insole.stl"
    run = here("convert", "--json", source, tmp_path / "insole.ply")
    assert run.code == 0, run.err
    validate(run.document, "convert-1")
    assert str(tmp_path) not in run.document["target"]
    before, after = read_geometry(source), read_geometry(tmp_path / "insole.ply")
    assert isinstance(before, Mesh) and isinstance(after, Mesh)
    np.testing.assert_allclose(after.vertices[after.faces], before.vertices[before.faces], atol=1e-4)
    run = here("convert", inputs / "walk.csv", tmp_path / "again.csv")
    assert run.code == 0, run.err
    for source, target, word in (
        (inputs / "walk.csv", tmp_path / "walk.stl", "recording"),
        (inputs / "left.ply", tmp_path / "walk.csv", "scan"),
        (inputs / "left.ply", inputs / "left.ply", "same"),
        (inputs / "left.ply", tmp_path / "left.docx", ".docx"),
        (inputs / "left.ply", tmp_path / "no" / "folder" / "left.stl", "folder"),
    ):
        run = here("convert", source, target)
        assert run.code == 2, (source, target)
        assert word in run.line
    assert beside(tmp_path) == ["again.csv", "insole.ply"]


def test_size(demo: tuple[Path, Run], tmp_path: Path) -> None:
    run = here("size", "--json", "measurements.json", cwd=demo[0])
    assert run.code == 0, run.err
    validate(run.document, "size-1")
    pair = run.document["pair"]
    assert pair["longer"] == "left" and pair["difference_mm"] == pytest.approx(2.0, abs=1.0)
    assert pair["sizes"]["eu"]["size"] == "41.5"  # 0.15 * 262 + 2 = 41.3
    assert list(
        here("size", "--json", "--system", "jp", "measurements.json", cwd=demo[0]).document["pair"]["sizes"]
    ) == ["jp"]
    for text in ("", "[]", "{", '{"schema":"plantar/measure/1"}', '{"schema":"plantar/measure/1","scans":[]}'):
        (tmp_path / "bad.json").write_text(text)
        run = here("size", "bad.json", cwd=tmp_path)
        assert run.code == 3 and "bad.json" in run.line


def test_a_bar_lies_where_the_walk_says(inputs: Path, tmp_path: Path) -> None:
    rx = tmp_path / "rx.toml"
    rx.write_text('met_pad_shape = "bar"\nmet_pad_height_mm = 4\n')
    fronts = []
    for more in ((), ("--pressure", "walk.csv")):
        run = make(inputs, tmp_path / f"order{len(more)}", "--left", "left.ply", "--rx", rx, *more)
        assert run.code == 0, run.err
        fields = paper(tmp_path / f"order{len(more)}", "prescription.json")["feet"]["left"]["fields"]
        fronts.append(fields["met_bar_front_mm"]["value"])
    assert fronts[0] is None and len(fronts[1]) >= 2
