"""Files for slicers, shops and cutters: read back by libraries and by eyes that are not ours."""

from __future__ import annotations

import dataclasses
import io
import locale
import re
import zipfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from insole_feet import make_foot

from footscan.io import read_geometry
from footscan.types import Array, Foot, Mesh, RegionLoads
from insole import DesignError, InsoleDesign, InsolePrescription, check_mesh, design, solid
from insole.archives import PIECE, zip_bytes
from insole.cutters import cutting_pieces, dxf_bytes, svg_bytes
from insole.files import obj_bytes
from insole.inspection import printed_parts
from insole.numerals import index_lines, lines
from insole.plates import MARGIN_MM, lay_out, pack
from insole.slicer_files import CONFIG, CONFIG_RELATION, Placement, Printable, printable, zoned_threemf_bytes
from insole.zones import plan_zones

PEAKS = {"heel_medial": 330.0, "heel_lateral": 320.0, "mth2": 360.0, "mth3": 300.0, "mth1": 200.0, "toes_2_5": 60.0}


@cache
def part(side: str = "left", **asked: Any) -> tuple[Foot, InsoleDesign, Printable]:
    foot = make_foot(side=side)
    shape = design(foot, InsolePrescription(**asked), 20_000)
    loads = RegionLoads(foot.side, PEAKS, 20, True)
    return foot, shape, printable(shape, solid(shape), plan_zones(shape, foot, loads), f"insole {side}")


# ------------------------------------------------------------------ bytes


def test_lines_of_numbers_are_the_numbers(rng: np.random.Generator) -> None:
    micron = rng.integers(-3_000_000, 3_000_000, (500, 3))
    micron[:3] = [[0, -1, 1], [999, -1000, 100_000], [-500, 5, 2_999_999]]
    text = lines(micron, ("v ", " ", " "), "\n", decimals=3).decode()
    assert np.array([row.split()[1:] for row in text.splitlines()], dtype=float) == pytest.approx(micron / 1000.0)
    most = int(rng.choice([0, 9, 99, 12_345, 1_000_001]))
    index = rng.integers(0, most + 1, (300, 3))
    index[0] = [0, most, most // 2]
    text = index_lines(index, ('<t a="', '" b="', '" c="'), '"/>\n', most).decode()
    found = [[int(v) for v in ElementTree.fromstring(row).attrib.values()] for row in text.splitlines()]
    assert (np.array(found) == index).all()


def test_an_archive_is_read_by_others_and_is_the_same_twice(rng: np.random.Generator) -> None:
    members = [
        ("a.txt", b""),
        ("b/c.bin", rng.integers(0, 7, int(rng.integers(3 * PIECE, 5 * PIECE)), dtype=np.uint8).tobytes()),
        ("d.bin", rng.bytes(int(rng.integers(1, 2000)))),
    ]
    data = zip_bytes(members)
    assert data == zip_bytes(members)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert [(info.filename, archive.read(info)) for info in archive.infolist()] == members
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert zlib.decompress(zlib.compress(members[1][1])) == members[1][1]


def test_an_obj_is_read_back(tmp_path: Path) -> None:
    _, _, made = part()
    path = tmp_path / "insole.obj"
    path.write_bytes(obj_bytes(made.mesh, "insole left"))
    read = read_geometry(path, 1.0)
    assert isinstance(read, Mesh) and (read.faces == made.mesh.faces).all()
    assert read.vertices == pytest.approx(made.mesh.vertices, abs=1e-9)
    assert path.read_bytes().split(b"\n")[1] == b"o insole_left"


# ------------------------------------------------------------------ zones in a 3MF


def opened(data: bytes, tmp_path: Path) -> Any:
    lib3mf = pytest.importorskip("lib3mf", reason="lib3mf has no wheel for this platform")
    path = tmp_path / "insole.3mf"
    path.write_bytes(data)
    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.AddRelationToRead(CONFIG_RELATION)
    reader.ReadFromFile(str(path))
    assert reader.GetWarningCount() == 0
    return model


def again(model: Any, tmp_path: Path) -> Any:
    """Written by lib3mf and read once more."""
    path, before = tmp_path / "again.3mf", locale.setlocale(locale.LC_ALL)
    model.QueryWriter("3mf").WriteToFile(str(path))
    locale.setlocale(locale.LC_ALL, before)  # its writer leaves the whole process in the C locale
    return opened(path.read_bytes(), tmp_path)


def config_of(model: Any) -> ElementTree.Element:
    assert model.GetAttachmentCount() == 1
    return ElementTree.fromstring(bytes(model.GetAttachment(0).WriteToBuffer()))


def told(element: ElementTree.Element) -> dict[str | None, str | None]:
    return {m.get("key"): m.get("value") for m in element.findall("metadata")}


@pytest.mark.parametrize("side", ["left", "right"])
def test_prusa_zones_and_names_survive_lib3mf(side: str, tmp_path: Path) -> None:
    _, _, made = part(side)
    assert made.zoning is not None and len(made.zones) >= 2
    model = again(opened(zoned_threemf_bytes([made]), tmp_path), tmp_path)
    meshes = model.GetMeshObjects()
    assert meshes.MoveNext()
    mesh = meshes.GetCurrentMeshObject()
    assert mesh.GetName() == f"insole {side}" and not meshes.MoveNext()
    vertices = np.array([list(p.Coordinates) for p in mesh.GetVertices()])
    faces = np.array([list(t.Indices) for t in mesh.GetTriangleIndices()])
    assert model.GetAttachment(0).GetPath() == f"/{CONFIG['prusa']}"
    volumes = list(config_of(model).iter("volume"))
    assert len(volumes) == 1 + len(made.zones)
    start = 0
    for volume, want, zone in zip(volumes, (made.mesh, *made.zones), (None, *made.zoning.zones)):
        first, last = int(volume.get("firstid", "")), int(volume.get("lastid", ""))
        assert first == start and last == first + len(want.faces) - 1
        start = last + 1
        assert vertices[faces[first : last + 1]] == pytest.approx(want.vertices[want.faces], abs=1e-3)
        values = told(volume)
        if zone is None:
            assert values["volume_type"] == "ModelPart" and values["name"] == f"insole {side}"
        else:
            assert values["volume_type"] == "ParameterModifier" and values["modifier"] == "1"
            assert values["name"] == zone.name and values["fill_density"] == f"{zone.infill_percent}%"
            assert values["top_solid_layers"] == "2" and values["perimeters"] == "2"
    assert start == len(faces)


def test_orca_parts_and_names_survive_lib3mf(tmp_path: Path) -> None:
    _, _, made = part("left")
    assert made.zoning is not None
    model = again(opened(zoned_threemf_bytes([made], "orca"), tmp_path), tmp_path)
    names, objects = [], model.GetMeshObjects()
    while objects.MoveNext():
        names.append(objects.GetCurrentMeshObject().GetName())
    assert names == ["insole left", *(zone.name for zone in made.zoning.zones)]
    (settings,) = config_of(model).iter("object")
    parts = list(settings.iter("part"))
    assert [p.get("subtype") for p in parts] == ["normal_part"] + ["modifier_part"] * len(made.zones)
    for p, zone in zip(parts[1:], made.zoning.zones):
        assert told(p)["name"] == zone.name and told(p)["sparse_infill_density"] == f"{zone.infill_percent}%"
        assert told(p)["wall_loops"] == "2" and told(p)["top_shell_layers"] == "2"
    assert told(settings)["sparse_infill_pattern"] == "gyroid"


def test_what_makes_each_slicer_read_its_zones_is_there() -> None:
    _, _, made = part("left")
    for slicer, said in (
        ("prusa", b'<metadata name="slic3rpe:Version3mf">1</metadata>'),
        ("orca", b'<metadata name="Application">BambuStudio-'),
    ):
        data = zoned_threemf_bytes([made], slicer)
        assert data == zoned_threemf_bytes([made], slicer)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert said in archive.read("3D/3dmodel.model")
            assert b'Extension="config"' in archive.read("[Content_Types].xml")
    with pytest.raises(ValueError, match="at least one"):
        zoned_threemf_bytes([])
    with pytest.raises(ValueError, match="slicer"):
        zoned_threemf_bytes([made], "cura")


@pytest.mark.parametrize("slicer", ["prusa", "orca"])
def test_our_own_reader_finds_the_insole_without_its_zones(slicer: Any, tmp_path: Path) -> None:
    _, _, left = part("left")
    _, _, right = part("right")
    path = tmp_path / "pair.3mf"
    path.write_bytes(zoned_threemf_bytes([left, right], slicer))
    parts = printed_parts(path)
    faces = sum(len(p.faces) for p in parts)
    assert faces == len(left.mesh.faces) + len(right.mesh.faces)
    if slicer == "prusa":
        for found, want in zip(parts, (left, right)):
            assert np.sort(found.vertices, axis=0) == pytest.approx(np.sort(want.mesh.vertices, axis=0), abs=1e-6)
            assert check_mesh(found).ok


def test_the_prints_scale_and_place_stand_in_the_build_and_leave_the_mesh(tmp_path: Path) -> None:
    _, _, made = part("left")
    assert made.zoning is not None
    card = dataclasses.replace(made.zoning.material, print_scale=(1.02, 1.01, 1.0))
    moved = dataclasses.replace(
        made,
        zoning=dataclasses.replace(made.zoning, material=card),
        placement=Placement(11.0, 22.0, 3.0, 90.0),
    )
    path = tmp_path / "a.3mf"
    path.write_bytes(zoned_threemf_bytes([moved], "orca"))
    read = read_geometry(path)
    x, y, z = (made.mesh.vertices * [1.02, 1.01, 1.0]).T
    assert read.vertices == pytest.approx(np.column_stack([11.0 - y, 22.0 + x, z + 3.0]), abs=2e-3)


# ------------------------------------------------------------------ plates


def test_packed_rectangles_lie_on_their_beds_and_apart(rng: np.random.Generator) -> None:
    bed, spacing = (float(rng.uniform(250, 400)), float(rng.uniform(210, 400))), float(rng.uniform(2, 12))
    sizes = [
        (float(w), float(d)) for w, d in rng.uniform([60, 60], [min(bed) - 20, 110], (int(rng.integers(1, 24)), 2))
    ]
    slots = pack(sizes, bed, spacing)
    boxes = []
    for (w, d), slot in zip(sizes, slots):
        w, d = (d, w) if slot.turned else (w, d)
        boxes.append((slot.plate, slot.x_mm, slot.y_mm, slot.x_mm + w, slot.y_mm + d))
        assert slot.x_mm >= -1e-9 and slot.y_mm >= -1e-9
        assert slot.x_mm + w <= bed[0] + 1e-6 and slot.y_mm + d <= bed[1] + 1e-6
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            gap = max(a[1] - b[3], b[1] - a[3], a[2] - b[4], b[2] - a[4])
            assert a[0] != b[0] or gap >= spacing - 1e-6
    used = {slot.plate for slot in slots}
    assert used == set(range(len(used)))
    assert slots == pack(sizes, bed, spacing)


def test_a_pair_of_pairs_lies_on_one_large_bed_and_on_several_small_ones() -> None:
    parts = [part(side)[2] for side in ("left", "right")] * 2
    (plate,) = lay_out(parts, (400.0, 400.0))
    assert len(plate) == 4
    plates = lay_out(parts, (300.0, 120.0))
    assert [len(p) for p in plates] == [1, 1, 1, 1]
    for made in plate:
        at = made.placement
        assert at is not None
        turn = np.radians(at.turn_deg)
        x, y, z = made.mesh.vertices.T
        u, v = np.cos(turn) * x - np.sin(turn) * y + at.x_mm, np.sin(turn) * x + np.cos(turn) * y + at.y_mm
        assert min(u.min(), v.min()) >= MARGIN_MM - 0.01 and max(u.max(), v.max()) <= 400.0 - MARGIN_MM + 0.01
        assert z.min() + at.z_mm == pytest.approx(0.0, abs=2e-3)


def test_what_fits_no_bed_is_refused_and_what_fits_at_an_angle_is_turned() -> None:
    _, _, made = part("left")
    with pytest.raises(DesignError, match="printer_bed"):
        lay_out([made], (150.0, 150.0))
    ((turned,),) = lay_out([made], (250.0, 210.0))
    assert turned.placement is not None and turned.placement.turn_deg % 90 != 0


# ------------------------------------------------------------------ cutters


def area(line: Array) -> float:
    x, y = line.T
    return float(0.5 * (x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def dxf_lines(data: bytes) -> dict[str, list[Array]]:
    """Closed polylines by layer, read by the group codes of DXF R12."""
    text = data.decode("ascii").split("\r\n")
    pairs = list(zip((int(code) for code in text[:-1:2]), text[1::2]))
    assert pairs[-1] == (0, "EOF") and (1, "AC1009") in pairs
    found: dict[str, list[Array]] = {}
    points: list[list[float]] | None = None
    layer, entity = "", ""
    for code, value in pairs:
        if code == 0:
            entity = value
            if value == "POLYLINE":
                points = []
            elif value == "SEQEND" and points is not None:
                found.setdefault(layer, []).append(np.array(points))
                points = None
        elif code == 8:
            layer = value
        elif entity == "VERTEX" and points is not None and code == 10:
            points.append([float(value)])
        elif entity == "VERTEX" and points is not None and code == 20:
            points[-1].append(float(value))
        elif entity == "POLYLINE" and code == 70:
            assert value == "1"  # closed
    return found


@pytest.mark.parametrize("side", ["left", "right"])
def test_dxf_and_svg_hold_the_outlines_in_millimetres(side: str) -> None:
    foot, shape, _ = part(side)
    pieces = cutting_pieces(shape, foot, cover_allowance_mm=4.0)
    assert [p.kind for p in pieces] == ["base", "cover"] and pieces[0].name.startswith(side[0].upper())
    base, cover = (p.outline_mm for p in pieces)
    assert area(base) == pytest.approx(area(shape.outline_mm), rel=1e-3) and area(cover) > area(shape.rim_mm)
    rim = shape.rim_mm
    assert np.ptp(cover, axis=0) == pytest.approx(np.ptp(rim, axis=0) + 8.0, abs=0.2)
    read = dxf_lines(dxf_bytes(pieces))
    assert set(read) == {"BASE", "COVER"}
    for line, want in ((read["BASE"][0], base), (read["COVER"][0], cover)):
        assert line - line[0] == pytest.approx(want - want[0], abs=2e-3)
    svg = ElementTree.fromstring(svg_bytes(pieces))
    width, height = (float(svg.get(k, "").removesuffix("mm")) for k in ("width", "height"))
    assert svg.get("viewBox") == f"0 0 {width:.3f} {height:.3f}"
    paths = [p.get("d", "") for p in svg.iter("{http://www.w3.org/2000/svg}path")]
    for path, want in zip(paths, (base, cover)):
        line = np.array([[float(v) for v in xy.split(",")] for xy in re.findall(r"-?[\d.]+,-?[\d.]+", path)])
        assert (line - line[0]) * [1.0, -1.0] == pytest.approx(want - want[0], abs=3e-3)
        assert line.min() >= 0 and (line.max(axis=0) <= [width, height]).all()
    assert dxf_bytes(pieces) == dxf_bytes(pieces) and svg_bytes(pieces) == svg_bytes(pieces)


def test_left_and_right_pieces_are_mirror_images() -> None:
    left, right = (cutting_pieces(part(side)[1], part(side)[0])[0].outline_mm for side in ("left", "right"))
    assert area(left) > 0 and area(right) > 0
    assert np.sort(left[:, 0]) == pytest.approx(np.sort(right[:, 0]), abs=0.05)
    assert left[:, 1].max() == pytest.approx(-right[:, 1].min(), abs=0.05)


def test_a_short_cover_ends_where_it_says_and_needs_the_foot() -> None:
    foot, shape, _ = part("right", cover_length="three_quarter")
    whole = cutting_pieces(*part("right")[1::-1], cover_allowance_mm=0.0)[1].outline_mm
    short = cutting_pieces(shape, foot, cover_allowance_mm=0.0)[1].outline_mm
    assert short[:, 0].max() < 0.8 * whole[:, 0].max() and short[:, 0].min() == pytest.approx(
        whole[:, 0].min(), abs=0.1
    )
    with pytest.raises(DesignError, match="cover_length"):
        cutting_pieces(shape)
    with pytest.raises(DesignError, match="cover_allowance_mm"):
        cutting_pieces(shape, foot, cover_allowance_mm=50.0)
    bare = cutting_pieces(part("right", cover_thickness_mm=0.0)[1])
    assert [p.kind for p in bare] == ["base"]
    with pytest.raises(ValueError, match="at least one"):
        dxf_bytes([])
