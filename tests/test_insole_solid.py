"""The finished solid: sound whatever is asked, the same on both sides, the same bytes twice, as real tools see it."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from insole_feet import make_foot
from insole_rays import Rays, read_stl
from scipy import spatial

from footscan.types import Array, Foot, Mesh
from insole import (
    DesignError,
    InsoleDesign,
    InsolePrescription,
    check_mesh,
    design,
    glb_bytes,
    prescribe,
    solid,
    stl_bytes,
    threemf_bytes,
)
from insole.fields import FIELDS

Tool = Callable[[str], str]
FULL = {
    "rearfoot_post_deg": 3.0, "met_pad_height_mm": 5.0, "medial_flange_mm": 8.0, "relief_mth1": 3.0, "label": "ORDER-7",
    "heel_lift_mm": 3.0, "lateral_edge_mm": 2.0,
}  # fmt: skip


def make(foot: Foot | None = None, triangles: int = 100_000, **asked: Any) -> tuple[InsoleDesign, Mesh]:
    made = design(foot or make_foot(), InsolePrescription(**asked), triangles)
    return made, solid(made)


# ------------------------------------------------------------------ sound, whatever is asked


def plan_areas(nodes: Array) -> float:
    """The least signed plan area of the two triangles of every quad."""
    a, b, c, d = nodes[:-1, :-1], nodes[1:, :-1], nodes[1:, 1:], nodes[:-1, 1:]

    def area(u: Array, v: Array) -> Array:
        return np.asarray(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])

    return float(np.minimum(area(b - a, c - a), area(c - a, d - a)).min())


def crosses_itself(line: Array) -> bool:
    """Whether any two edges of a closed polygon cross."""
    a, b = line, np.roll(line, -1, axis=0)
    way = b - a

    def side(p: Array) -> Array:
        off = p[None] - a[:, None]
        return np.asarray(np.sign(way[:, None, 0] * off[..., 1] - way[:, None, 1] * off[..., 0]))

    crossing = (side(a) * side(b) < 0) & ((side(a) * side(b)).T < 0)
    return bool(crossing.any())


def thinnest(made: InsoleDesign, rays: Rays, rng: np.random.Generator, count: int = 150) -> float:
    """The least upright thickness at random places 2 mm and more inside both outlines."""
    mirror = [1.0, -1.0 if made.side == "left" else 1.0]
    borders = [np.concatenate([n[0], n[-1], n[:, 0], n[:, -1]]) for n in (made.top_mm, made.bottom_mm)]
    near = spatial.cKDTree(np.vstack(borders)[:, :2] * mirror)
    nodes = made.top_mm[2:-2, 2:-2, :2].reshape(-1, 2) * mirror
    places = nodes[rng.integers(0, len(nodes), count)]
    places = places[near.query(places)[0] >= 2.2]  # the border's nodes lie up to 1.6 mm apart
    return min(rays.thickness(x, y) for x, y in places)


def assert_sound(made: InsoleDesign, mesh: Mesh, seed: int = 1) -> bytes:
    """Everything that must hold of any insole; its STL."""
    assert plan_areas(made.bottom_mm) > 0, "a quad of the underside is turned over"
    assert plan_areas(made.top_mm) > 0, "a quad of the top is turned over"
    assert not crosses_itself(made.outline_mm[::2]), "the outline crosses itself"
    assert not crosses_itself(made.rim_mm[::2]), "the rim's outline crosses itself"
    least = made.prescription.min_thickness_mm
    report = check_mesh(mesh, least)
    for name in ("watertight", "winding", "bodies", "volume_ml", "degenerate", "top_above_bottom", "min_thickness_mm"):
        assert report[name].ok, report[name]
    assert mesh.vertices[:, 2].min() == 0.0
    data = stl_bytes(mesh)
    corners = read_stl(data)  # single precision lets no two corners of a facet fall together
    for i, j in ((0, 1), (1, 2), (2, 0)):
        assert (corners[:, i] != corners[:, j]).any(axis=1).all()
    assert thinnest(made, Rays(corners), np.random.default_rng(seed)) >= least - 0.05
    return data


def admesh(path: Path, program: str) -> dict[str, str]:
    """What admesh says of a file: name -> value."""
    said = subprocess.run([program, str(path)], capture_output=True, text=True, check=True).stdout
    rows = [line.split(":") for line in said.splitlines() if ":" in line]
    return {name.strip(): value.split()[0] for name, value, *_ in rows if value.strip()}


UNCHANGED = ("Degenerate facets", "Edges fixed", "Facets removed", "Facets added", "Facets reversed", "Backwards edges",
             "Total disconnected facets")  # fmt: skip


def assert_admesh_changes_nothing(path: Path, program: str) -> None:
    found = admesh(path, program)
    assert {name: found[name] for name in UNCHANGED} == dict.fromkeys(UNCHANGED, "0")
    assert found["Number of parts"] == "1"


def values(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    kinds: dict[str, st.SearchStrategy[Any]] = {}
    for name in names:
        field = FIELDS[name]
        if field.kind == "number":
            kinds[name] = st.floats(field.low, field.high)
        elif field.kind == "choice":
            kinds[name] = st.sampled_from(field.choices)
        elif field.kind == "flag":
            kinds[name] = st.booleans()
    kinds["label"] = st.text("AZ09 .-", min_size=1, max_size=12).filter(str.strip)
    kinds["bed_points_mm"] = st.lists(st.floats(0.0, 25.0), min_size=8, max_size=8).map(
        lambda z: [[-20.0 + 50.0 * k, h] for k, h in enumerate(z)]
    )
    return st.fixed_dictionaries({}, optional=kinds)


ASKED = [name for name in FIELDS if name not in ("outline", "open_wound", "birth_year")]
FEET = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["left", "right"]),
        "length": st.floats(170.0, 320.0),
        "slender": st.floats(0.34, 0.42),
        "arch": st.floats(2.0, 28.0),
        "sole": st.sampled_from(["measured", "capped", "missing", "holes"]),
        "noise": st.sampled_from([0.0, 0.3]),
        "load": st.sampled_from(["standing", "none"]),
    }
)


def agreed(foot: Foot, asked: dict[str, Any], triangles: int) -> InsoleDesign:
    """What is asked, each refusal answered by the change that it names: the nearest value that works does work."""
    refused = []
    for _ in range(60):
        try:
            return design(foot, InsolePrescription(**asked), triangles)
        except DesignError as error:
            assert error.change and str(error) not in refused, error
            refused.append(str(error))
            asked = {**asked, **error.change}
    raise AssertionError("\n".join(refused))


def prove_sound(foot: dict[str, Any], asked: dict[str, Any], triangles: int, folder: Path, program: str) -> None:
    of = {**foot, "breadth": foot["slender"] * foot["length"]}
    del of["slender"]
    made = agreed(make_foot(**of), asked, triangles)
    mesh = solid(made)
    data = assert_sound(made, mesh, int(foot["length"] * 1000))
    assert stl_bytes(solid(design(make_foot(**of), made.prescription, triangles))) == data, (
        "other bytes the second time"
    )
    path = folder / "insole.stl"
    path.write_bytes(data)
    assert_admesh_changes_nothing(path, program)


NO_SHRINKING = (Phase.explicit, Phase.generate)  # minutes, for a prescription of a few fields less
ORDER = {"side": "left", "length": 250.0, "slender": 0.38, "arch": 15.0, "sole": "capped", "noise": 0.3, "load": "none"}


@given(FEET, values(ASKED))
@settings(max_examples=20, phases=NO_SHRINKING)
@example(ORDER, dict(FULL))
def test_random_prescriptions_on_random_feet_are_sound(
    tmp_path_factory: pytest.TempPathFactory, tool: Tool, foot: dict[str, Any], asked: dict[str, Any]
) -> None:
    prove_sound(foot, asked, 24_000, tmp_path_factory.mktemp("sound"), tool("admesh"))


@pytest.mark.prove
@given(FEET, values(ASKED))
@settings(max_examples=1000, phases=NO_SHRINKING)
def test_a_thousand_random_prescriptions_are_sound(
    tmp_path_factory: pytest.TempPathFactory, tool: Tool, foot: dict[str, Any], asked: dict[str, Any]
) -> None:
    prove_sound(foot, asked, 100_000, tmp_path_factory.mktemp("sound"), tool("admesh"))


def test_a_default_insole_has_about_the_triangles_asked() -> None:
    for triangles in (8_000, 30_000, 100_000, 200_000):
        made, mesh = make(triangles=triangles)
        assert 0.85 * triangles < len(mesh.faces) < 1.25 * triangles + 3_000
        assert_sound(made, mesh)


# ------------------------------------------------------------------ both sides


def test_a_left_and_a_right_insole_of_one_mirrored_foot_are_mirror_images_text_apart() -> None:
    (left_design, left), (_, right) = (make(make_foot(side=side), **FULL) for side in ("left", "right"))
    flipped = left.vertices * [1.0, -1.0, 1.0]
    nodes = left_design.top_mm[..., 0].size
    assert np.abs(flipped[:nodes] - right.vertices[:nodes]).max() == 0.0  # the top
    assert np.abs(flipped - right.vertices)[:, :2].max() == 0.0  # every plan position
    text = np.abs(flipped - right.vertices)[:, 2]
    assert 0.3 < text.max() <= 0.4 + 1e-9 and (text > 0).mean() < 0.03
    for mesh in (left, right):
        assert check_mesh(mesh)["volume_ml"].ok
    # varus positive on both: the medial edge (+y right, −y left) is higher
    for mesh, medial in ((left, -1.0), (right, 1.0)):
        rays = Rays(read_stl(stl_bytes(mesh)))
        assert rays.top(0.16 * 262.0, 15.0 * medial) > rays.top(0.16 * 262.0, -15.0 * medial) + 1.0


def seen_from_below(made: InsoleDesign, mesh: Mesh, step: float = 0.6) -> Array:
    """The recesses of a flat-bedded underside as somebody sees it from below, heel on the left: rows from the top."""
    rays = Rays(read_stl(stl_bytes(mesh)))
    nodes = made.bottom_mm[..., 0].size
    under = mesh.vertices[nodes : 2 * nodes]
    deep = made.thickness_mm.copy()
    deep[4:-4, 12:-12] = 0.0  # the underside's edge is rounded
    inside = under[(under[:, 2] > 0.15) & (deep.ravel() == 0.0)]
    x = np.arange(inside[:, 0].min() - 1.0, inside[:, 0].max() + 1.0, step)
    y = np.arange(inside[:, 1].min() - 1.0, inside[:, 1].max() + 1.0, step)
    picture = np.array([[rays.bottom(a, b) > 0.2 for a in x] for b in y])  # −y is up: the first row is the least y
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def ink(picture: Array, row: float, column: float) -> bool:
    """Whether there is a recess about a relative place."""
    r, c = int(row * (picture.shape[0] - 1)), int(column * (picture.shape[1] - 1))
    return bool(picture[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2].mean() > 0.5)


@pytest.mark.parametrize("sole", ["measured", "capped"])
def test_each_insole_carries_its_side_readable_from_below(sole: str) -> None:
    letter = seen_from_below(*make(make_foot(side="left", sole=sole), shoe_pitch_mm=0.0))
    places = [(0.1, 0.1), (0.5, 0.1), (0.95, 0.1), (0.95, 0.6)]
    assert all(ink(letter, *at) for at in places) and not any(ink(letter, *at) for at in [(0.1, 0.7), (0.5, 0.6)])
    letter = seen_from_below(*make(make_foot(side="right", sole=sole), shoe_pitch_mm=0.0))
    places = [(0.05, 0.4), (0.3, 0.08), (0.7, 0.08), (0.5, 0.5), (0.25, 0.92), (0.95, 0.92)]
    assert all(ink(letter, *at) for at in places)
    assert not any(ink(letter, *at) for at in [(0.95, 0.45), (0.25, 0.5)])


def cut(picture: Array) -> Array:
    """The picture without its empty margins."""
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def test_a_label_is_engraved_beside_it_in_reading_order() -> None:
    text = seen_from_below(*make(make_foot(side="left"), shoe_pitch_mm=0.0, label="T L"), 0.4)
    filled = np.concatenate([[False], text.any(axis=0), [False]]).astype(int)
    letters = [
        cut(text[:, a:b]) for a, b in zip(np.flatnonzero(np.diff(filled) == 1), np.flatnonzero(np.diff(filled) == -1))
    ]
    side, first, last = letters
    assert side.shape[0] > 1.5 * first.shape[0]
    assert ink(first, 0.05, 0.5) and ink(first, 0.9, 0.6)  # T: a bar on top of a post
    assert not ink(first, 0.8, 0.1) and not ink(first, 0.8, 0.95)
    assert ink(last, 0.95, 0.6) and ink(last, 0.3, 0.1) and not ink(last, 0.2, 0.8)  # L: a bar at its foot


# ------------------------------------------------------------------ files


def test_the_same_bytes_twice_and_in_another_process() -> None:
    import hashlib

    _, mesh = make(triangles=20_000, **FULL)
    again = make(triangles=20_000, **FULL)[1]
    files = [stl_bytes(mesh), threemf_bytes(mesh, "insole"), glb_bytes(mesh)]
    assert files == [stl_bytes(again), threemf_bytes(again, "insole"), glb_bytes(again)]
    code = (
        "import hashlib, json, sys; sys.path[:0] = sys.argv[2:]\n"
        "from insole import InsolePrescription, design, glb_bytes, solid, stl_bytes, threemf_bytes\n"
        "from insole_feet import make_foot\n"
        "m = solid(design(make_foot(), InsolePrescription(**json.loads(sys.argv[1])), 20_000))\n"
        "for b in (stl_bytes(m), threemf_bytes(m, 'insole'), glb_bytes(m)): print(hashlib.sha256(b).hexdigest())"
    )
    here = Path(__file__).parent
    command = [sys.executable, "-c", code, json.dumps(FULL), str(here.parent), str(here)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [hashlib.sha256(data).hexdigest() for data in files]


def test_zip_members_are_dated_1980_and_coordinates_rounded_to_a_micron() -> None:
    _, mesh = make(triangles=8_000)
    with zipfile.ZipFile(io.BytesIO(threemf_bytes(mesh, "insole"))) as archive:
        assert [info.filename for info in archive.infolist()] == [
            "[Content_Types].xml",
            "_rels/.rels",
            "3D/3dmodel.model",
        ]
        assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in archive.infolist())
        model = archive.read("3D/3dmodel.model").decode()
    assert 'unit="millimeter"' in model and model.count("<vertex ") == len(mesh.vertices)
    x = [line.split('"')[1::2] for line in model.splitlines() if line.startswith("<vertex ")]
    assert np.array(x, dtype=float) == pytest.approx(mesh.vertices, abs=1e-9)
    assert (np.round(mesh.vertices, 3) == mesh.vertices).all()


@pytest.mark.parametrize("name", ['a "b" <c> & d', "Einlage 左"])
def test_any_numbers_and_names_are_written_right(name: str) -> None:
    vertices = np.array([[-1234.5, 0.0, -0.001], [0.001, -1000.0, 999.999], [12.34, 7.0, 100.1], [-0.5, 1e-9, 1001.0]])
    mesh = Mesh(vertices, np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]]), "foot")
    with zipfile.ZipFile(io.BytesIO(threemf_bytes(mesh, name))) as archive:
        text = archive.read("3D/3dmodel.model").decode()
    import xml.etree.ElementTree as ET

    space = {"m": "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"}
    root = ET.fromstring(text)
    read = [[float(v.get(k, "nan")) for k in "xyz"] for v in root.iterfind(".//m:vertex", space)]
    faces = [[int(t.get(k, "-1")) for k in ("v1", "v2", "v3")] for t in root.iterfind(".//m:triangle", space)]
    found = root.find(".//m:object", space)
    assert found is not None and found.get("name") == name
    assert np.array(read) == pytest.approx(np.round(vertices, 3), abs=1e-9) and (np.array(faces) == mesh.faces).all()
    assert "-0.000" not in text


def test_glb_is_metres_y_up_for_screens_and_its_bytes_are_whole() -> None:
    _, mesh = make(triangles=8_000, shoe_pitch_mm=10.0)
    data = glb_bytes(mesh)
    magic, version, length, size, kind = struct.unpack("<IIIII", data[:20])
    assert (magic, version, length, kind) == (0x46546C67, 2, len(data), 0x4E4F534A)
    document = json.loads(data[20 : 20 + size])
    matrix = np.array(document["nodes"][0]["matrix"]).reshape(4, 4).T
    position = document["accessors"][0]
    corners = np.array([position["min"], position["max"]]) @ matrix[:3, :3].T
    extent = np.abs(corners[1] - corners[0])
    assert extent == pytest.approx(np.ptp(mesh.vertices, axis=0)[[0, 2, 1]] / 1000.0, abs=1e-6)
    assert np.linalg.det(matrix[:3, :3]) > 0


def test_our_own_readers_read_all_three_back(tmp_path: Path) -> None:
    from footscan.io import read_geometry

    _, mesh = make(triangles=8_000)
    for name, data, scale in (
        ("a.stl", stl_bytes(mesh), 1.0),
        ("a.3mf", threemf_bytes(mesh, "insole"), 1.0),
        ("a.glb", glb_bytes(mesh), 1000.0),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        read = read_geometry(path, scale)
        assert isinstance(read, Mesh) and len(read.faces) == len(mesh.faces)
        assert np.sort(np.ptp(read.vertices, axis=0)) == pytest.approx(np.sort(np.ptp(mesh.vertices, axis=0)), abs=0.01)


def test_lib3mf_reads_it_back_exactly(tmp_path: Path) -> None:
    lib3mf = pytest.importorskip("lib3mf", reason="lib3mf has no wheel for this platform")
    _, mesh = make(triangles=20_000, **FULL)
    path = tmp_path / "insole.3mf"
    path.write_bytes(threemf_bytes(mesh, "insole left"))
    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromFile(str(path))
    assert reader.GetWarningCount() == 0 and model.GetUnit() == lib3mf.ModelUnit.MilliMeter
    objects = model.GetMeshObjects()
    assert objects.MoveNext()
    read = objects.GetCurrentMeshObject()
    assert read.GetName() == "insole left" and read.IsManifoldAndOriented() and not objects.MoveNext()
    vertices = np.array([list(p.Coordinates) for p in read.GetVertices()])
    faces = np.array([list(t.Indices) for t in read.GetTriangleIndices()])
    assert vertices == pytest.approx(mesh.vertices, abs=1e-4) and (faces == mesh.faces).all()


# ------------------------------------------------------------------ real tools


CASES: dict[str, dict[str, Any]] = {
    "everyday": {},
    "full": FULL,
    "three_quarter": {"length": "three_quarter", "heel_cup_depth_mm": 24.0, "medial_skive_mm": 5.0},
}


@pytest.mark.parametrize("case", CASES)
def test_admesh_changes_nothing(case: str, tmp_path: Path, tool: Tool) -> None:
    _, mesh = make(make_foot(side="left"), **CASES[case])
    path = tmp_path / "insole.stl"
    path.write_bytes(stl_bytes(mesh))
    assert_admesh_changes_nothing(path, tool("admesh"))


@pytest.mark.parametrize("kind", ["stl", "3mf"])
@pytest.mark.parametrize("case", ["everyday", "full"])
def test_prusa_slicer_says_manifold(kind: str, case: str, tmp_path: Path, tool: Tool) -> None:
    _, mesh = make(**CASES[case])
    path = tmp_path / f"insole.{kind}"
    path.write_bytes(stl_bytes(mesh) if kind == "stl" else threemf_bytes(mesh, "insole"))
    said = subprocess.run(
        [tool("prusa-slicer"), "--info", str(path)], capture_output=True, text=True, check=True
    ).stdout
    assert "manifold = yes" in said and "number_of_parts =  1" in said, said
    volume = float(said.split("volume = ")[1].split()[0]) / 1000.0
    assert volume == pytest.approx(check_mesh(mesh)["volume_ml"].value, rel=1e-3)


# ------------------------------------------------------------------ feet from scans


@pytest.mark.parametrize(
    "scan",
    ["standing_adult_left/left_foot.stl", "find_family/mean.stl", "makehuman/caucasian-male-young-average-average.ply"],
)
def test_real_scans_become_sound_insoles(scan: str, shared_data: Path) -> None:
    from footscan import find_feet, read_scan

    foot = find_feet(read_scan(shared_data / "scans" / scan))[0]
    made = design(foot, prescribe(foot.measurements))
    assert_sound(made, solid(made))
    assert made.side == "left"
    notes = {note.code for note in made.notes}
    assert ("arch_from_population" in notes) == scan.startswith("standing_adult")  # its sole is capped flat
    print_ = np.vstack(foot.footprint("outline_25mm").polygons)
    print_ = print_[print_[:, 0] < 0.75 * made.foot_length_mm]
    line = made.outline_mm
    for station in np.arange(0.1, 0.7, 0.1) * made.foot_length_mm:  # the insole lies under the foot
        near, seen = line[np.abs(line[:, 0] - station) < 2.0, 1], print_[np.abs(print_[:, 0] - station) < 4.0, 1]
        assert near.max() < seen.max() + 6.0 and near.min() > seen.min() - 6.0
