"""The solid as STL, 3MF and GLB: the same bytes twice, read back by others exactly."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from insole_made import FULL, make

from footscan.types import Mesh
from insole import glb_bytes, stl_bytes, threemf_bytes


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
