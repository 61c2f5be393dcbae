"""``plantar batch`` from the table to the manifest: what is done, what is refused and why, the same bytes always."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from batch_runs import batch, entry_of, states, write_many, write_measures, write_scans, write_table
from station_runs import beside, contents, here, paper, validate

ROWS = [
    {"order": "pair", "left": "scans/left.ply", "right": "scans/right.ply", "pressure": "walk.csv"},
    {"order": "swapped", "left": "scans/right.ply", "right": "scans/left.ply"},
    {"order": "one wrong", "left": "scans/left.ply", "right": "bread.stl"},
    {"order": "missing", "left": "scans/nowhere.ply"},
    {"order": "own", "measurements": "m.json", "rx": "rx.toml", "preset": "own.toml"},
    {"order": "no preset", "measurements": "m.json", "preset": "evryday"},
    {"order": "no name/", "measurements": "m.json"},
    {"order": "impossible", "measurements": "m.json", "rx": "bad.toml"},
]
WANTED = {
    "pair": "done", "swapped": "failed", "one wrong": "failed", "missing": "failed", "own": "done",
    "no preset": "failed", "(row 7)": "failed", "impossible": "failed",
}  # fmt: skip
SAYS = {
    "swapped": ("expected a left foot, found a right one", "scans/right.ply"),
    "one wrong": ("bread.stl", "expected"),
    "missing": ("scans/nowhere.ply", "expected"),
    "no preset": ("everyday",),
    "(row 7)": ("no name/",),
    "impossible": ("bad.toml", "heel_cup_depth_mm"),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of good and bad orders, and their files."""
    from footscan.io import write_recording
    from footscan.synth import make_walk

    folder = tmp_path_factory.mktemp("shop")
    (folder / "scans").mkdir()
    write_scans(folder / "scans", np.random.default_rng(5))
    write_recording(folder / "walk.csv", make_walk("in_shoe", seed=2, steps=12).recording)
    write_measures(folder / "m.json", 251.0, 252.5)
    (folder / "bread.stl").write_text("bread, milk, insoles\n" * 9)
    (folder / "rx.toml").write_text("heel_cup_depth_mm = 13\n[left]\nheel_lift_mm = 2\n")
    (folder / "bad.toml").write_text("heel_cup_depth_mm = 99\n")
    (folder / "own.toml").write_text(
        'title = "own"\n[base_thickness_mm]\nvalue = 2.5\ntext = "thin"\nsource = "ours"\n'
    )
    write_table(folder / "orders.csv", ROWS)
    return folder


@pytest.fixture(scope="module")
def night(shop: Path) -> Path:
    """The whole table, done once by two workers."""
    run = batch(shop / "orders.csv", shop / "night", "--jobs", "2", "--json")
    assert run.code == 1
    validate(run.document, "batch-1")
    assert run.document == paper(shop / "night", "manifest.json")
    assert "Traceback" not in run.err
    return shop / "night"


def test_one_bad_order_stops_no_other_and_each_says_why(night: Path) -> None:
    assert states(night) == WANTED
    assert paper(night, "manifest.json")["counts"] == {"done": 2, "incomplete": 0, "failed": 6}
    for order, words in SAYS.items():
        told = " ".join(item["message"] for item in entry_of(night, order)["failed"])
        assert all(word in told for word in words), told
        assert str(night.parent) not in told
    assert beside(night) == ["log.jsonl", "manifest.json", "own", "pair"]


def test_a_scan_of_the_other_foot_never_becomes_an_insole(shop: Path, tmp_path: Path) -> None:
    rows = [
        {"order": "a", "left": shop / "scans/left.ply", "right": shop / "scans/copy_of_left.ply"},
        {"order": "b", "right": shop / "scans/left.ply"},
    ]
    shutil.copy(shop / "scans/left.ply", shop / "scans/copy_of_left.ply")
    run = batch(write_table(tmp_path / "orders.csv", rows), tmp_path / "night")
    assert run.code == 3
    assert states(tmp_path / "night") == {"a": "failed", "b": "failed"}
    assert all("expected a right foot, found a left one" in line for line in run.err.splitlines())
    assert beside(tmp_path / "night") == ["log.jsonl", "manifest.json"]


def test_an_order_is_what_make_makes(shop: Path, night: Path, tmp_path: Path) -> None:
    given = ("--left", "scans/left.ply", "--right", "scans/right.ply", "--pressure", "walk.csv")
    run = batch(shop / "orders.csv", tmp_path / "night", "--triangles", "100000")
    assert run.code == 1
    run = here("make", *given, "--outputs", "stl,3mf,json", "-o", tmp_path / "made", cwd=shop)
    assert run.code == 0
    ours, makes = contents(tmp_path / "night" / "pair"), contents(tmp_path / "made")
    assert ours.keys() == makes.keys()
    manifests = [json.loads(files.pop("manifest.json")) for files in (ours, makes)]
    assert ours == makes
    assert [manifest.pop("command") for manifest in manifests] == ["batch", "make"]
    assert [manifest["parameters"].pop("any_quality") for manifest in manifests] == [False, True]
    assert manifests[0] == manifests[1]


def test_a_scan_that_is_known_to_be_noisy_makes_no_insole(tmp_path: Path, rng: np.random.Generator) -> None:
    from footscan import ScanError, find_feet
    from footscan.io import write_geometry
    from footscan.synth import defects

    codes, foot = set[str](), defects.drawn_foot(int(rng.integers(10_000)))
    side = foot.spec.side
    while "noise" not in codes:  # whether it is seen is another test's question
        scan = defects.noise(foot, int(rng.integers(10_000)), 120_000).cloud
        write_geometry(tmp_path / "noisy.ply", scan)
        with contextlib.suppress(ScanError):
            codes = {reason.code for reason in find_feet(scan, side, uncertainty=False)[0].measurements.reasons}
    table = write_table(tmp_path / "orders.csv", [{"order": "a", side: "noisy.ply"}])
    run = batch(table, tmp_path / "night")
    assert run.code == 3 and "noise" in run.line and "scan again" in run.line


def test_the_manifest_holds_every_hash_and_the_verdict(shop: Path, night: Path) -> None:
    from hashlib import sha256

    entry, order = entry_of(night, "pair"), paper(night / "pair", "manifest.json")
    validate(order, "order-1")
    assert entry["manifest_sha256"] == sha256((night / "pair" / "manifest.json").read_bytes()).hexdigest()
    for item in entry["inputs"]:
        assert item["sha256"] == sha256((shop / item["source"]).read_bytes()).hexdigest()
    for name, digest in entry["outputs"].items():
        assert digest == sha256((night / "pair" / name).read_bytes()).hexdigest()
    assert set(entry["outputs"]) >= {"left/insole.stl", "right/insole.3mf", "prescription.json"}
    assert [item["role"] for item in entry["inputs"]] == ["left", "right", "pressure"]
    preset = Path(__file__).parents[1] / "insole" / "presets" / "everyday.toml"
    assert entry["preset_sha256"] == sha256(preset.read_bytes()).hexdigest()
    assert entry_of(night, "own")["preset_sha256"] == sha256((shop / "own.toml").read_bytes()).hexdigest()
    for insole in entry["insoles"].values():
        assert insole["printable"] and insole["grams"] > 5 and insole["minutes"] > 10


def test_the_footprint_holds_the_insole(night: Path) -> None:
    from footscan.io import read_geometry
    from footscan.types import Mesh

    for side, insole in paper(night / "pair", "manifest.json")["insoles"].items():
        mesh = read_geometry(night / "pair" / side / "insole.stl")
        assert isinstance(mesh, Mesh)
        corners = np.array(insole["footprint_mm"])
        edges = np.roll(corners, -1, axis=0) - corners
        outward = np.column_stack([edges[:, 1], -edges[:, 0]])
        away = ((mesh.vertices[:, None, :2] - corners) * outward).sum(-1) / np.maximum(np.hypot(*outward.T), 1e-9)
        assert away.max() < 0.05
        assert np.ptp(corners, axis=0) == pytest.approx(insole["size_mm"][:2], abs=0.1)


def test_the_same_bytes_whatever_jobs_and_where(shop: Path, night: Path, tmp_path: Path) -> None:
    run = here("batch", "orders.csv", "-o", tmp_path / "night", "--jobs", "1", "--triangles", "4000", cwd=shop)
    assert run.code == 1
    again, before = contents(tmp_path / "night"), contents(night)
    for files in (again, before):
        files["manifest.json"] = files["manifest.json"].replace(str(shop).encode() + b"/", b"")
    assert again == before


def test_resume_makes_only_what_is_not_done(shop: Path, night: Path, tmp_path: Path) -> None:
    shutil.copytree(shop / "scans", tmp_path / "scans")
    for file in shop.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    shutil.copytree(night, tmp_path / "night")
    table, folder = tmp_path / "orders.csv", tmp_path / "night"
    (folder / ".partial-own").mkdir()
    (folder / ".partial-own" / "half.stl").write_text("solid")
    times = {order: (folder / order / "manifest.json").stat().st_mtime_ns for order in ("pair", "own")}
    write_measures(tmp_path / "m.json", 262.0, 262.0)
    run = batch(table, folder, "--resume")
    assert run.code == 1 and "1 of them before" in run.out
    assert (folder / "pair" / "manifest.json").stat().st_mtime_ns == times["pair"]
    assert (folder / "own" / "manifest.json").stat().st_mtime_ns != times["own"]
    assert beside(folder) == ["log.jsonl", "manifest.json", "own", "pair"]
    # a file that was lost is made again
    (folder / "pair" / "left" / "insole.stl").unlink()
    assert "1 of them before" in batch(table, folder, "--resume").out
    assert contents(folder / "pair") == contents(night / "pair")


def test_failed_only_takes_over_the_rest(tmp_path: Path, rng: np.random.Generator) -> None:
    table = write_many(tmp_path, rng, 3)
    good = (tmp_path / "m1.json").read_text()
    (tmp_path / "m1.json").write_text("{")
    assert batch(table, tmp_path / "night", "--failed-only").code == 2
    assert batch(table, tmp_path / "night").code == 1
    (tmp_path / "m1.json").write_text(good)
    (tmp_path / "m0.json").write_text("{")  # nobody looks at it
    run = batch(table, tmp_path / "night", "--failed-only")
    assert run.code == 0 and "2 of them before" in run.out
    assert set(states(tmp_path / "night").values()) == {"done"}
    write_table(tmp_path / "other.csv", [{"order": "new", "measurements": "m1.json"}])
    assert "--resume" in batch(tmp_path / "other.csv", tmp_path / "night", "--failed-only").line


def test_a_dry_run_says_what_would_be_and_writes_nothing(shop: Path, night: Path, tmp_path: Path) -> None:
    run = batch(shop / "orders.csv", tmp_path / "night", "--dry-run", "--json")
    assert run.code == 1 and beside(tmp_path) == []
    validate(run.document, "batch-1")
    found = {entry["order"]: entry["state"] for entry in run.document["orders"]}
    plain = ("missing", "no preset", "(row 7)")  # the others are seen when their files are read
    assert found == {order: "failed" if order in plain else "ready" for order in WANTED}
    before = contents(night)
    run = batch(shop / "orders.csv", night, "--dry-run", "--resume")
    assert "2 done" in run.out and contents(night) == before


def test_an_order_in_parts_only_when_asked(shop: Path, tmp_path: Path) -> None:
    rows = [{"order": "one wrong", "left": shop / "scans/left.ply", "right": shop / "bread.stl"}]
    table = write_table(tmp_path / "orders.csv", rows)
    run = batch(table, tmp_path / "night", "--incomplete")
    assert run.code == 1 and "bread.stl" in run.err
    assert states(tmp_path / "night") == {"one wrong": "incomplete"}
    assert beside(tmp_path / "night" / "one wrong" / "left") == ["insole.3mf", "insole.stl"]
    assert not (tmp_path / "night" / "one wrong" / "right").exists()


def test_what_others_left_there_is_never_touched(tmp_path: Path, rng: np.random.Generator) -> None:
    table = write_many(tmp_path, rng, 1)
    for name, what in (("notes.txt", "hello"), ("manifest.json", "{}"), ("photos/a.png", "x")):
        folder = tmp_path / name.replace("/", "-")
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(what)
        run = batch(table, folder)
        assert run.code == 2 and name.split("/")[0] in run.line
        assert (folder / name).read_text() == what
    (tmp_path / "file").write_text("")
    assert batch(table, tmp_path / "file").code == 2
    assert batch(tmp_path / "none.csv", tmp_path / "night").code == 3
    assert batch(table, tmp_path / "night", "--jobs", "0").code == 2
    assert batch(table, tmp_path / "night", "--time-limit", "nan").code == 2
    assert batch(table, tmp_path / "night", "--resume", "--failed-only").code == 2


def test_the_log_has_a_line_an_event(night: Path) -> None:
    lines = [json.loads(line) for line in (night / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [lines[0]["event"], lines[-1]["event"]] == ["begin", "end"]
    orders = [line for line in lines if line["event"] == "order"]
    assert {line["result"]["order"] for line in orders} == set(WANTED)
    assert all(line["seconds"] > 0 for line in orders if line["result"]["state"] == "done")


@pytest.mark.prove
def test_without_sd_the_insoles_are_the_same(shop: Path, tmp_path: Path, night: Path) -> None:
    rows = [{"order": "pair", "left": shop / "scans/left.ply", "right": shop / "scans/right.ply"}]
    table = write_table(tmp_path / "orders.csv", rows)
    assert batch(table, tmp_path / "a").code == 0 and batch(table, tmp_path / "b", "--no-sd").code == 0
    for name in ("left/insole.stl", "right/insole.3mf"):
        assert (tmp_path / "a/pair" / name).read_bytes() == (tmp_path / "b/pair" / name).read_bytes()
    foot = paper(tmp_path / "b/pair", "measurements.json")["scans"][0]["feet"][0]
    assert foot["measures"]["foot_length_mm"]["sd"] is None
