"""What a screen shows of a foot: a closed surface near the points, whatever order and holes they have; small files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from footscan import io
from footscan.frame import T_MIRROR, transform
from footscan.meshes import edge_counts, vertex_normals, volume_mm3, weld
from footscan.types import Array, Mesh
from insole import glb_bytes
from station.kiosk.models import STEP_MM, skin_glb, small_glb, smaller
from station.kiosk.surface import LEG_MM, closed_surface, leg_top, nets

RADII, MIDDLE = np.array([120.0, 45.0, 42.0]), np.array([125.0, 0.0, 41.0])


def slipper(rng: np.random.Generator, count: int = 30_000, noise_mm: float = 0.2) -> Array:
    """Points on an ellipsoid that stands on the floor with a leg through its rear, open at the top; foot frame, mm."""
    way = rng.normal(size=(count, 3))
    way /= np.linalg.norm(way, axis=1)[:, None]
    body = way * RADII + MIDDLE
    turn, high = rng.uniform(0.0, 2.0 * np.pi, count // 2), rng.uniform(40.0, 150.0, count // 2)
    leg = np.stack([60.0 + 30.0 * np.cos(turn), 30.0 * np.sin(turn), high], axis=1)
    inside = (((leg - MIDDLE) / RADII) ** 2).sum(axis=1) < 1.0
    within = (np.hypot(body[:, 0] - 60.0, body[:, 1]) < 30.0) & (body[:, 2] > MIDDLE[2])
    points = np.concatenate([body[~within], leg[~inside]])
    return np.asarray(points + rng.normal(0.0, noise_mm, points.shape))


@pytest.fixture(scope="module")
def points() -> Array:
    return slipper(np.random.default_rng(7))


@pytest.fixture(scope="module")
def skin(points: Array) -> Mesh:
    return closed_surface(points)


def off(mesh: Mesh) -> Array:
    """How far (mm, about) vertices lie from the shape, without those at the seam and on the lid."""
    own = mesh.vertices[mesh.vertices[:, 2] < 30.0]
    scaled = np.linalg.norm((own - MIDDLE) / RADII, axis=1)
    steep = np.linalg.norm((own - MIDDLE) / RADII**2, axis=1) / scaled
    return np.asarray((scaled - 1.0) / steep)


def test_the_skin_is_closed_and_lies_on_the_points(skin: Mesh) -> None:
    closed = weld(skin)
    assert (edge_counts(closed)[1] % 2 == 0).all()  # nowhere an open edge
    assert volume_mm3(skin) > 0 and 5_000 < len(skin.faces) < 40_000
    assert np.abs(off(skin)).max() < 2.0 and np.abs(off(skin)).mean() < 0.6


def test_the_leg_is_cut_off_flat_with_a_sharp_edge(points: Array, skin: Mesh) -> None:
    top = skin.vertices[:, 2].max()
    assert top == pytest.approx(min(leg_top(points), LEG_MM))
    lid = vertex_normals(skin)[skin.vertices[:, 2] == top]
    assert (lid[:, 2] > 0.999).any() and (np.abs(lid[:, 2]) < 0.5).any()  # two normals at one place


def test_holes_noise_and_points_of_something_else_make_no_second_skin(rng: np.random.Generator) -> None:
    points = slipper(rng, 12_000, 0.5)
    points = points[np.linalg.norm(points - [170.0, 0.0, 0.0], axis=1) > 25.0]  # a hole in the sole
    stray = rng.uniform([0, -60, 0], [250, 60, 100], (60, 3))
    mesh = closed_surface(np.concatenate([points, stray])[rng.permutation(len(points) + 60)])
    assert (edge_counts(weld(mesh))[1] % 2 == 0).all()
    assert volume_mm3(mesh) == pytest.approx(volume_mm3(closed_surface(slipper(rng))), rel=0.08)


def test_too_few_points_show_nothing() -> None:
    with pytest.raises(ValueError, match="at least 500"):
        closed_surface(np.zeros((499, 3)))


def test_nets_find_the_level(rng: np.random.Generator) -> None:
    radius = rng.uniform(5.0, 8.0)
    grid = np.stack(np.meshgrid(*[np.arange(-10.0, 11.0)] * 3, indexing="ij"), axis=-1)
    mesh = nets(np.linalg.norm(grid, axis=-1) - radius, np.full(3, -10.0), 1.0)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), radius, atol=0.2)
    assert volume_mm3(mesh) == pytest.approx(4.0 / 3.0 * np.pi * radius**3, rel=0.06)


# ------------------------------------------------------------------ files


def test_a_small_file_reads_back_as_it_was(skin: Mesh, tmp_path: Path) -> None:
    for side, mesh in (("right", skin), ("left", Mesh(transform(T_MIRROR, skin.vertices), skin.faces[:, ::-1]))):
        data = skin_glb(mesh)
        (tmp_path / f"{side}.glb").write_bytes(data)
        again = io.read_geometry(tmp_path / f"{side}.glb")
        assert isinstance(again, Mesh) and volume_mm3(again) == pytest.approx(volume_mm3(mesh), rel=1e-3)
        assert len(data) < 16 * len(mesh.faces)


def test_an_insole_s_file_gets_smaller_and_stays_the_same_shape(skin: Mesh, tmp_path: Path) -> None:
    large = glb_bytes(skin)
    small = smaller(large)
    assert len(small) < 0.55 * len(large)
    for name, data in (("large", large), ("small", small)):
        (tmp_path / f"{name}.glb").write_bytes(data)
    one, other = (io.read_geometry(tmp_path / f"{name}.glb") for name in ("large", "small"))
    assert isinstance(one, Mesh) and isinstance(other, Mesh)
    assert volume_mm3(other) == pytest.approx(volume_mm3(one), rel=1e-3)


def test_many_vertices_have_longer_numbers(rng: np.random.Generator) -> None:
    vertices = rng.uniform(-300.0, 300.0, (70_000, 3))
    data = small_glb(vertices, np.tile([0.0, 0.0, 1.0], (70_000, 1)), np.array([[0, 1, 69_999]]), "x", (1, 1, 1))
    assert b'"componentType":5125' in data and STEP_MM * 32767 > 400
