"""check_mesh finds what is wrong with a mesh, ours or anybody's, and says it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from insole_feet import make_foot

from footscan.errors import ReadError, ScanError
from footscan.io import write_geometry
from footscan.types import Array, Mesh, PointCloud, RegionLoads
from insole import InsolePrescription, check, check_mesh, design, solid, stl_bytes
from insole.checks import CheckItem
from insole.inspection import Shoe, edge_radius, fits_shoe, printed_parts
from insole.slicer_files import printable, zoned_threemf_bytes
from insole.zones import plan_zones

SOUND = solid(design(make_foot(), InsolePrescription(), 24_000))


def box(
    x: float, y: float, z: float, at: tuple[float, float, float] = (0.0, 0.0, 0.0), inside_out: bool = False
) -> tuple[Array, Array]:
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=float) * [x, y, z] + at
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = np.array([[q[0], q[i], q[i + 1]] for q in quads for i in (1, 2)])
    return corners, faces[:, ::-1] if inside_out else faces


def joined(*parts: tuple[Array, Array]) -> Mesh:
    starts = np.cumsum([0] + [len(v) for v, _ in parts[:-1]])
    return Mesh(np.vstack([v for v, _ in parts]), np.vstack([f + s for (_, f), s in zip(parts, starts)]), "foot")


def failed(mesh: Mesh) -> set[str]:
    return {item.name for item in check_mesh(mesh).items if not item.ok and not item.advice}


def test_a_sound_insole_passes_and_every_item_says_something() -> None:
    report = check_mesh(SOUND)
    assert report.ok and failed(SOUND) == set()
    assert all(isinstance(item, CheckItem) and item.message and item.limit for item in report.items)
    assert report["min_thickness_mm"].value == pytest.approx(1.2, abs=0.12)
    with pytest.raises(KeyError):
        report["colour"]


def test_a_plain_slab_has_the_volume_thickness_and_size_that_it_has() -> None:
    report = check_mesh(joined(box(200.0, 90.0, 4.0)))
    assert report.ok and report["volume_ml"].value == pytest.approx(72.0)
    assert report["min_thickness_mm"].value == pytest.approx(4.0) and report["printer_bed"].ok
    assert report["overhang_cm2"].value == 0.0


def test_each_fault_is_found() -> None:
    v, f = np.array(SOUND.vertices), np.array(SOUND.faces)
    assert "watertight" in failed(Mesh(v, f[200:], "foot"))
    assert failed(Mesh(v, np.vstack([f, f[:1]]), "foot")) >= {"watertight"}
    turned = f.copy()
    turned[500] = turned[500, ::-1]
    assert failed(Mesh(v, turned, "foot")) >= {"winding", "top_above_bottom"} or "winding" in failed(
        Mesh(v, turned, "foot")
    )
    assert failed(Mesh(v, f[:, ::-1], "foot")) >= {"volume_ml", "top_above_bottom"}
    assert "bodies" in failed(joined(box(200.0, 90.0, 4.0), box(20.0, 20.0, 4.0, (0.0, 120.0, 0.0))))
    same = f.copy()
    same[7, 1] = same[7, 0]
    assert "degenerate" in failed(Mesh(v, same, "foot"))
    assert failed(Mesh(v / 1000.0, f, "foot")) >= {"extents_mm"}
    assert failed(Mesh(v[:, [0, 2, 1]], f[:, ::-1], "foot")) >= {"extents_mm"}
    assert failed(joined(box(200.0, 90.0, 0.8))) >= {"min_thickness_mm"}
    assert failed(Mesh(np.zeros((0, 3)), np.zeros((0, 3), int), "foot")) == {"faces"}


def test_a_cavity_between_top_and_bottom_is_found() -> None:
    assert failed(joined(box(200.0, 90.0, 6.0), box(50.0, 30.0, 2.0, (60.0, 30.0, 2.0), inside_out=True))) == {"bodies"}
    upside = joined(box(200.0, 90.0, 6.0), box(50.0, 30.0, 4.0, (60.0, 30.0, 4.0), inside_out=True))
    assert "bodies" in failed(upside)


def test_thickness_counts_only_inside_the_rounded_edges() -> None:
    for thick, ok in ((1.25, True), (1.16, True), (1.1, False)):
        assert check_mesh(joined(box(200.0, 90.0, thick + 0.0)), 1.2)["min_thickness_mm"].ok == ok


def test_an_stl_soup_is_welded_before_it_is_judged() -> None:
    soup = Mesh(SOUND.vertices[SOUND.faces].reshape(-1, 3), np.arange(3 * len(SOUND.faces)).reshape(-1, 3), "foot")
    assert check_mesh(soup).ok


def test_a_turn_in_plan_changes_no_verdict() -> None:
    c, s = np.cos(0.7), np.sin(0.7)
    turned = Mesh(
        SOUND.vertices @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]).T + [300.0, -40.0, 5.0], SOUND.faces, "foot"
    )
    a, b = check_mesh(SOUND), check_mesh(turned)
    assert [item.ok for item in a.items] == [item.ok for item in b.items]
    assert b["volume_ml"].value == pytest.approx(a["volume_ml"].value, rel=1e-6)


@pytest.mark.parametrize(
    ("size", "fits"), [((240.0, 200.0), True), ((200.0, 240.0), True), ((260.0, 90.0), False), ((280.0, 40.0), True)]
)
def test_the_printers_bed_is_advice_and_the_insole_may_be_turned(size: tuple[float, float], fits: bool) -> None:
    report = check_mesh(joined(box(*size, 4.0)))
    assert report["printer_bed"].ok == fits and report["printer_bed"].advice
    assert check_mesh(joined(box(*size, 4.0)), bed_mm=(310.0, 310.0))["printer_bed"].ok


# ------------------------------------------------------------------ files


def rounded_slab(radius: float, steps: int = 9) -> Mesh:
    """A slab 200 × 90 × 8 mm whose upper edges along x are rounded."""
    angle = np.linspace(0.0, 0.5 * np.pi, steps)
    side = np.column_stack([45.0 - radius * (1 - np.cos(angle)), 8.0 - radius * (1 - np.sin(angle))])
    section = np.vstack([[[45.0, 0.0]], side, side[::-1] * [-1.0, 1.0], [[-45.0, 0.0]]])
    n = len(section)
    vertices = np.vstack([np.column_stack([np.full(n, x), section]) for x in (0.0, 200.0)])
    k = np.arange(n)
    after = (k + 1) % n
    walls = np.vstack([np.column_stack([k, k + n, after + n]), np.column_stack([k, after + n, after])])
    caps = [[0, i + 1, i] for i in range(1, n - 1)] + [[n, n + i, n + i + 1] for i in range(1, n - 1)]
    return Mesh(vertices, np.vstack([walls, caps])[:, ::-1], "foot")


@pytest.mark.parametrize("radius", [0.4, 1.0, 2.5])
def test_the_radius_of_a_rounded_edge_is_measured(radius: float) -> None:
    slab = rounded_slab(radius)
    assert check_mesh(slab)["watertight"].ok and check_mesh(slab)["volume_ml"].ok
    # its two ends are sharp: they are cut off by looking at the long edges alone
    v, f = slab.vertices, slab.faces
    long = Mesh(v, f[np.ptp(v[f][:, :, 0], axis=1) > 1.0], "foot")
    item = edge_radius(long)
    assert item.value == pytest.approx(radius, rel=0.15) and item.advice and item.ok == (radius >= 0.9)
    assert not edge_radius(slab).ok and edge_radius(slab).value == 0.0
    assert not edge_radius(joined(box(200.0, 90.0, 4.0))).ok


def test_our_own_insole_is_rounded_and_fits_a_usual_shoe(tmp_path: Path) -> None:
    path = tmp_path / "insole.stl"
    path.write_bytes(stl_bytes(SOUND))
    report = check(path)
    assert report.ok and report["edge_radius_mm"].ok and report["shoe_forefoot_mm"].ok
    assert report["shoe_forefoot_mm"].value == pytest.approx(2.0, abs=0.2)


def test_room_in_the_shoe_is_compared() -> None:
    slab = joined(box(250.0, 90.0, 5.0))
    tight = Shoe(245.0, 95.0, 42.0, 6.0, under_mm=0.5, over_mm=2.0)
    items = {item.name: item for item in fits_shoe(slab, tight)}
    assert not items["shoe_length_mm"].ok and items["shoe_width_mm"].ok
    assert items["shoe_heel_mm"].value == pytest.approx(7.5) and not items["shoe_heel_mm"].ok  # 42 − 35 = 7
    assert items["shoe_forefoot_mm"].value == pytest.approx(7.5) and not items["shoe_forefoot_mm"].ok
    assert not any(item.advice for item in items.values())  # what was given refuses
    (usual,) = fits_shoe(slab, Shoe())
    assert usual.name == "shoe_forefoot_mm" and usual.advice
    rx = InsolePrescription(shoe_counter_height_mm=60.0, shoe_forefoot_depth_mm=9.0)
    assert Shoe.of(rx) == Shoe(None, None, 60.0, 9.0, 0.0, 2.0)


def zoned() -> bytes:
    foot = make_foot()
    shape = design(foot, InsolePrescription(), 24_000)
    loads = RegionLoads("right", {"heel_medial": 350.0, "heel_lateral": 350.0, "mth1": 90.0}, 20, True)
    zoning = plan_zones(shape, foot, loads)
    assert zoning.zones
    parts = [printable(shape, solid(shape), zoning, name) for name in ("one", "two")]
    return zoned_threemf_bytes(parts)


def test_zones_are_no_bodies_and_each_part_of_a_plate_is_judged(tmp_path: Path) -> None:
    path = tmp_path / "pair.3mf"
    path.write_bytes(zoned())
    report = check(path)
    assert report.ok and report["1: bodies"].ok and report["2: watertight"].ok
    assert [len(p.faces) for p in printed_parts(path)] == [len(SOUND.faces)] * 2


@pytest.mark.parametrize("change", ["numbers", "xml", "entity", "beyond", "short"])
def test_settings_that_do_not_match_the_faces_are_left_alone(change: str, tmp_path: Path) -> None:
    name = "Metadata/Slic3r_PE_model.config"
    out, path = io.BytesIO(), tmp_path / "odd.3mf"
    with zipfile.ZipFile(io.BytesIO(zoned())) as source, zipfile.ZipFile(out, "w") as target:
        for info in source.infolist():
            data = source.read(info)
            if info.filename == name:
                data = {
                    "numbers": data.replace(b'lastid="', b'lastid="x'),
                    "xml": data[:-20],
                    "entity": data.replace(b"<config>", b'<!DOCTYPE a [<!ENTITY b "c">]><config>'),
                    "beyond": data.replace(b'firstid="0"', b'firstid="-5"'),
                    "short": b"<config></config>",
                }[change]
            target.writestr(info, data)
    path.write_bytes(out.getvalue())
    (whole,) = printed_parts(path)
    assert len(whole.faces) > 2 * len(SOUND.faces) and not check(path).ok


def test_what_is_no_mesh_is_refused(tmp_path: Path) -> None:
    points = tmp_path / "points.ply"
    write_geometry(points, PointCloud(np.random.default_rng(1).uniform(0, 100, (50, 3))))
    with pytest.raises(ScanError, match="points only"):
        check(points)
    with pytest.raises(ReadError):
        check(tmp_path / "none.stl")
