"""The closed surface for the viewer: watertight, near what was measured, honest about what was not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree
from station_runs import here, validate

import footscan
from footscan import io
from footscan.errors import ScanError
from footscan.meshes import face_areas_mm2, face_normals, is_watertight, volume_mm3
from footscan.scans.normals import surface_normals, turned_out
from footscan.scans.surface import ClosedSurface, close_surface
from footscan.synth import FootSpec, SyntheticFoot, make_foot, scan_foot
from footscan.types import Foot, PointCloud


@pytest.fixture(scope="module")
def made() -> SyntheticFoot:
    return make_foot(FootSpec(side="right", length_mm=250.0))


@pytest.fixture(scope="module")
def cloud(made: SyntheticFoot) -> PointCloud:
    return scan_foot(made, points=100_000, noise_mm=0.3, outliers=0.01, floor=True, turn_deg=20.0, seed=3)


@pytest.fixture(scope="module")
def foot(cloud: PointCloud) -> Foot:
    return footscan.find_feet(cloud, uncertainty=False)[0]


@pytest.fixture(scope="module")
def surface(foot: Foot) -> ClosedSurface:
    return close_surface(foot, depth=7)


def test_it_is_one_watertight_body_on_the_floor(surface: ClosedSurface) -> None:
    mesh = trimesh.Trimesh(surface.mesh.vertices, surface.mesh.faces, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
    assert mesh.body_count == 1
    assert surface.mesh.vertices[:, 2].min() > -0.5


def test_it_lies_where_the_skin_is(surface: ClosedSurface, made: SyntheticFoot) -> None:
    skin = trimesh.Trimesh(made.mesh.vertices, made.mesh.faces, process=False).sample(60_000, seed=1)
    top = made.spec.leg_mm - 12.0
    low = surface.mesh.vertices[surface.mesh.vertices[:, 2] < top]
    away = cKDTree(np.asarray(skin)).query(low)[0]
    assert np.percentile(away, 90) < 1.5  # samples of the skin are about a millimetre apart


def test_the_same_points_give_the_same_bytes(foot: Foot, surface: ClosedSurface) -> None:
    again = close_surface(foot, depth=7)
    assert again.mesh.vertices.tobytes() == surface.mesh.vertices.tobytes()
    assert again.mesh.faces.tobytes() == surface.mesh.faces.tobytes()
    assert again.invented.tobytes() == surface.invented.tobytes()


def test_what_was_not_scanned_is_marked(foot: Foot, surface: ClosedSurface) -> None:
    points = foot.cloud.points
    place = np.array([0.5 * 250.0, 0.0, points[np.abs(points[:, 0] - 125.0) < 3.0, 2].max()])
    kept = points[np.linalg.norm(points - place, axis=1) > 18.0]
    holed = close_surface(PointCloud(kept, frame="foot"), depth=7)
    middles = holed.mesh.vertices[holed.mesh.faces].mean(axis=1)
    there = np.linalg.norm(middles - place, axis=1) < 10.0
    assert there.sum() > 10 and holed.invented[there].mean() > 0.9
    whole = surface.mesh.vertices[surface.mesh.faces].mean(axis=1)
    assert surface.invented[np.linalg.norm(whole - place, axis=1) < 10.0].mean() < 0.05


@pytest.mark.parametrize("gone", ["nothing", "sole", "side"])
def test_normals_are_turned_truly_out(gone: str, seed: int) -> None:
    made = make_foot(FootSpec(side="right", length_mm=250.0, leg_mm=150.0))
    scan = scan_foot(made, points=60_000, outliers=0.0, floor=False, normals=True, seed=seed)
    points, true = scan.points, scan.normals
    assert true is not None
    keep = np.ones(len(points), dtype=bool)
    if gone == "sole":
        keep = ~((true[:, 2] < -0.5) & (points[:, 2] < 30.0))
    elif gone == "side":
        keep = ~((np.abs(points[:, 0] - 100.0) < 20.0) & (points[:, 1] > 10.0) & (np.abs(points[:, 2] - 37.0) < 22.0))
    points, true = points[keep], true[keep]
    loose = surface_normals(points)
    for seen in (None, true):
        found = turned_out(points, loose, seen, on_floor=True)
        clear = np.abs(np.einsum("ij,ij->i", found, true)) > 0.5
        assert (np.einsum("ij,ij->i", found, true)[clear] > 0).mean() > 0.98


@pytest.mark.parametrize(("name", "said"), [("foot.xyz", ".glb"), ("foot", "no ending"), ("foot.ply", "the same")])
def test_a_target_that_can_not_be_is_wrong_usage(name: str, said: str, cloud: PointCloud, tmp_path: Path) -> None:
    io.write_geometry(tmp_path / "foot.ply", PointCloud(cloud.points[:100]))
    run = here("surface", "foot.ply", "-o", name, cwd=tmp_path)
    assert run.code == 2 and said in run.line
    assert [p.name for p in tmp_path.iterdir()] == ["foot.ply"]


def test_too_few_points_and_a_missing_library_are_said(monkeypatch: pytest.MonkeyPatch, cloud: PointCloud) -> None:
    with pytest.raises(ScanError, match="expected at least 2000 points"):
        close_surface(PointCloud(cloud.points[:1000]))
    with pytest.raises(ValueError, match="depth must be 6 to 10, got 3"):
        close_surface(cloud, depth=3)
    monkeypatch.setitem(sys.modules, "open3d", None)  # as where it was never installed
    with pytest.raises(ImportError, match=r"pip install 'plantar\[fusion\]'"):
        close_surface(cloud)


def test_a_sole_that_was_not_seen_is_closed_at_the_floor(foot: Foot) -> None:
    from_above = foot.cloud.points[foot.cloud.points[:, 2] > 12.0]
    closed = close_surface(PointCloud(from_above, frame="foot"), depth=7)
    mesh = trimesh.Trimesh(closed.mesh.vertices, closed.mesh.faces, process=False)
    assert mesh.is_watertight
    middles = closed.mesh.vertices[closed.mesh.faces].mean(axis=1)
    inner = (middles[:, 2] < 2.0) & (middles[:, 0] > 40.0) & (middles[:, 0] < 180.0)
    assert inner.sum() > 50 and closed.invented[inner].mean() > 0.9


def test_a_real_foot_without_a_sole_is_closed(shared_data: Path) -> None:
    scan = footscan.read_scan(shared_data / "scans" / "dorsal_template" / "wiamanPredFoot_cut6.ply")
    (real,) = footscan.find_feet(scan, uncertainty=False)
    closed = close_surface(real, depth=7)
    assert is_watertight(closed.mesh) and volume_mm3(closed.mesh) > 0
    normals, areas = face_normals(closed.mesh), face_areas_mm2(closed.mesh)
    below = (normals[:, 2] < -0.9) & (closed.mesh.vertices[closed.mesh.faces][:, :, 2].max(axis=1) < 3.0)
    assert areas[below & closed.invented].sum() > 0.8 * areas[below].sum() > 0.0
    upper = (normals[:, 2] > 0.2) & (closed.mesh.vertices[closed.mesh.faces][:, 0, 0] > 130.0)
    assert areas[upper & closed.invented].sum() < 0.02 * areas[upper].sum()


def test_the_command_writes_what_other_programs_read(cloud: PointCloud, tmp_path: Path) -> None:
    io.write_geometry(tmp_path / "foot.ply", cloud)
    run = here("surface", "--json", "foot.ply", "-o", "foot.glb", cwd=tmp_path)
    assert run.code == 0 and run.err == ""
    validate(run.document, "surface-1")
    (told,) = run.document["feet"]
    assert told["watertight"] and told["side"] == "right" and 0.0 < told["invented_percent"] < 15.0
    scene = trimesh.load(tmp_path / "foot.glb")  # measured skin and invented parts, each in its colour
    assert len(scene.geometry) == 2 and sum(len(mesh.faces) for mesh in scene.geometry.values()) > 10_000
