"""Mesh helpers by shapes of known area and volume, and by what a motion, a mirror or a new order must not change."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scan_files import AREA_MM2, CORNERS, TRIANGLES, VOLUME_MM3

from footscan.frame import T_MIRROR, compose, transform
from footscan.io import read_geometry
from footscan.meshes import (
    area_mm2,
    bodies,
    edge_counts,
    equal_rows,
    face_areas_mm2,
    face_normals,
    is_watertight,
    sample_surface,
    vertex_normals,
    volume_mm3,
    weld,
)
from footscan.types import Array, Mesh, replace

PRISM = Mesh(CORNERS, np.array(TRIANGLES))


def torus(n: int = 60, outer_mm: float = 40.0, inner_mm: float = 15.0) -> Mesh:
    """n x n quads in triangles, all vertices on the torus."""
    u, v = np.meshgrid(*[np.arange(n) * 2 * np.pi / n] * 2, indexing="ij")
    ring = outer_mm + inner_mm * np.cos(v)
    vertices = np.stack((ring * np.cos(u), ring * np.sin(u), inner_mm * np.sin(v)), axis=-1).reshape(-1, 3)
    a = np.arange(n * n).reshape(n, n)
    b, d = np.roll(a, -1, axis=0), np.roll(a, -1, axis=1)
    c = np.roll(b, -1, axis=1)
    faces = np.stack((a, b, c, a, c, d), axis=-1).reshape(-1, 3)
    return Mesh(vertices, faces)


def soup(mesh: Mesh) -> Mesh:
    """Every face with corners of its own, as in an STL."""
    return Mesh(mesh.vertices[mesh.faces].reshape(-1, 3), np.arange(3 * len(mesh.faces)).reshape(-1, 3))


def turned(mesh: Mesh, rng: np.random.Generator, shift_mm: float = 1000.0) -> Mesh:
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    return replace(mesh, vertices=transform(compose(rotation, rng.normal(size=3) * shift_mm), mesh.vertices))


# ------------------------------------------------------------------ area, volume, normals


def test_a_prism_has_the_area_and_volume_of_its_formula() -> None:
    assert area_mm2(PRISM) == pytest.approx(AREA_MM2, rel=1e-12)
    assert volume_mm3(PRISM) == pytest.approx(VOLUME_MM3, rel=1e-12)


def test_a_torus_comes_to_its_area_and_volume_with_the_square_of_its_mesh() -> None:
    area, volume = 4 * np.pi**2 * 40 * 15, 2 * np.pi**2 * 40 * 15**2
    errors = [(area - area_mm2(t), volume - volume_mm3(t)) for t in (torus(40), torus(80))]
    for coarse, fine in zip(*errors):
        assert 0 < fine < coarse / 3.9


def test_a_motion_changes_nothing_and_a_mirror_the_sign_of_the_volume(rng: np.random.Generator) -> None:
    moved = turned(torus(), rng)
    assert area_mm2(moved) == pytest.approx(area_mm2(torus()), rel=1e-9)
    assert volume_mm3(moved) == pytest.approx(volume_mm3(torus()), rel=1e-9)
    mirrored = replace(moved, vertices=transform(T_MIRROR, moved.vertices))
    assert volume_mm3(mirrored) == pytest.approx(-volume_mm3(moved), rel=1e-9)


def test_normals_look_outward_and_are_of_length_one() -> None:
    ring = np.array([40.0, 40.0, 0.0]) * _unit(torus().vertices * (1, 1, 0))
    outward = _unit(torus().vertices - ring)
    at_vertices = vertex_normals(torus())
    np.testing.assert_allclose(np.linalg.norm(at_vertices, axis=1), 1.0)
    assert (np.einsum("ij,ij->i", at_vertices, outward) > np.cos(np.radians(3.0))).all()
    at_faces = face_normals(PRISM)
    np.testing.assert_allclose(at_faces[:4], [[0, 0, -1]] * 4, atol=1e-12)
    np.testing.assert_allclose(at_faces[4:8], [[0, 0, 1]] * 4, atol=1e-12)


def test_a_face_without_area_has_no_normal() -> None:
    mesh = Mesh([[0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]], [[0, 1, 2]])
    assert (face_normals(mesh) == 0).all() and (vertex_normals(mesh) == 0).all()


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


# ------------------------------------------------------------------ weld


def test_a_weld_gives_the_shared_vertices_back_in_their_order(rng: np.random.Generator) -> None:
    welded = weld(soup(torus(30)))
    assert (len(welded.vertices), len(welded.faces)) == (900, 1800)
    assert (welded.vertices[welded.faces] == soup(torus(30)).vertices.reshape(-1, 3, 3)).all()
    assert (np.diff(np.unique(welded.faces.ravel(), return_index=True)[1]) > 0).all(), "the order of first appearance"
    again = weld(welded)
    assert (again.vertices == welded.vertices).all() and (again.faces == welded.faces).all()


def test_a_weld_with_a_tolerance_joins_what_noise_parted(rng: np.random.Generator) -> None:
    noisy = soup(torus(30))
    noisy = replace(noisy, vertices=noisy.vertices + rng.uniform(-1e-4, 1e-4, noisy.vertices.shape))
    assert len(weld(noisy).vertices) == len(noisy.vertices)
    welded = weld(noisy, tol_mm=4e-4)
    assert len(welded.vertices) == 900 and is_watertight(welded)
    assert area_mm2(welded) == pytest.approx(area_mm2(torus(30)), rel=1e-4)


def test_a_weld_drops_what_collapses_and_what_no_face_uses() -> None:
    mesh = Mesh([[9, 9, 9], [0, 0, 0], [1, 0, 0], [0, 1, 0], [-0.0, 0, 0]], [[1, 2, 3], [1, 4, 2]])
    welded = weld(mesh)
    assert welded.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert welded.faces.tolist() == [[0, 1, 2]]
    assert len(weld(Mesh(np.empty((0, 3)), np.empty((0, 3)))).faces) == 0
    with pytest.raises(ValueError, match="tol_mm"):
        weld(mesh, -1.0)


@given(rows=st.lists(st.tuples(*[st.sampled_from([0.0, -0.0, 1.0, 2.5, -1e300])] * 3), max_size=30))
@settings(max_examples=50)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_equal_rows_are_found_as_python_finds_them(kind: type, rows: list[tuple[float, float, float]]) -> None:
    with np.errstate(over="ignore"):
        table = np.array(rows, dtype=kind).reshape(-1, 3)
    first, group = equal_rows(table)
    expected: dict[tuple[float, ...], int] = {}
    groups = [expected.setdefault(tuple(row), len(expected)) for row in table.tolist()]
    assert group.tolist() == groups
    assert first.tolist() == [groups.index(number) for number in range(len(expected))]


def test_equal_rows_hold_when_all_keys_clash(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    """The mix of the bits only speeds it up: rows (0, x, 0) and (0, 0, x) are told apart whatever it gives."""
    table = rng.integers(0, 3, (500, 3)).astype(float)
    expected = equal_rows(table)
    monkeypatch.setattr("footscan.meshes._mixed", lambda bits: np.zeros(len(bits), np.uint64))
    for mine, clashing in zip(expected, equal_rows(table)):
        assert (mine == clashing).all()


# ------------------------------------------------------------------ edges and bodies


def test_euler_s_formula_and_what_watertight_means() -> None:
    for mesh, characteristic in ((PRISM, 2), (torus(), 0)):
        edges, counts = edge_counts(mesh)
        assert len(mesh.vertices) - len(edges) + len(mesh.faces) == characteristic
        assert (counts == 2).all() and (edges[:, 0] < edges[:, 1]).all()
        assert is_watertight(mesh)
        assert not is_watertight(replace(mesh, faces=mesh.faces[1:])), "a hole"
        assert not is_watertight(replace(mesh, faces=np.vstack((mesh.faces, mesh.faces[:1])))), "a face twice"
        flipped = mesh.faces.copy()
        flipped[0] = flipped[0, ::-1]
        assert not is_watertight(replace(mesh, faces=flipped)), "a face turned over"
    assert not is_watertight(soup(PRISM)), "unwelded"
    assert not is_watertight(Mesh(CORNERS, np.empty((0, 3))))


def test_bodies_are_what_hangs_together_by_edges(rng: np.random.Generator) -> None:
    two = np.vstack((CORNERS, np.add(CORNERS, (10, 0, 0))))
    faces = np.vstack((PRISM.faces, PRISM.faces + 12))
    order = np.concatenate(([25], rng.permutation(np.delete(np.arange(40), 25))))
    labels = bodies(Mesh(two, faces[order]))
    assert labels[0] == 0, "the first face is of body 0"
    assert ((order >= 20) == (labels == 0)).all() and labels.max() == 1
    by_a_corner = np.where(faces == 12 + 3, 0, faces)  # the second's leftmost corner is now the first's rightmost
    assert bodies(Mesh(two, by_a_corner)).max() == 1, "touching in one vertex they stay two"
    assert (bodies(torus()) == 0).all()


def test_bodies_and_edges_of_real_scans(shared_data: Path) -> None:
    mean = read_geometry(shared_data / "scans/find_family/mean.stl")
    assert isinstance(mean, Mesh)
    assert is_watertight(mean) and (bodies(mean) == 0).all() and volume_mm3(mean) > 0


# ------------------------------------------------------------------ samples


def test_samples_lie_on_the_surface_with_its_normals(seed: int) -> None:
    cloud = sample_surface(PRISM, count=5000, seed=seed)
    assert cloud.points.shape == (5000, 3) and cloud.normals is not None
    centres, normals = CORNERS[PRISM.faces].mean(axis=1), face_normals(PRISM)
    off = np.einsum("pfk,fk->pf", cloud.points[:, None] - centres, normals)
    same = np.einsum("pk,fk->pf", cloud.normals, normals) > 1 - 1e-9
    assert (off < 1e-9).all(), "within the convex solid"
    assert (np.abs(np.where(same, off, 0.0)) < 1e-9).all() and same.any(axis=1).all()


def test_every_patch_gets_its_share_of_samples(seed: int) -> None:
    """Area over count: on each side of the prism within a few points, where chance alone would miss by tens."""
    cloud = sample_surface(PRISM, count=20_000, seed=seed)
    assert cloud.normals is not None
    for normal in np.unique(face_normals(PRISM).round(9), axis=0):
        share = face_areas_mm2(PRISM)[(np.abs(face_normals(PRISM) - normal) < 1e-6).all(axis=1)].sum() / AREA_MM2
        found = int((np.abs(cloud.normals - normal) < 1e-6).all(axis=1).sum())
        assert abs(found - 20_000 * share) <= 4
    top = cloud.points[cloud.points[:, 2] > 4 - 1e-9]
    inner = np.abs(top[:, 1]) < 1.25  # the middle of the hexagon, 2.5 high: trapezia of 6 and 4.5 wide
    assert inner.mean() == pytest.approx(2 * 1.25 * 5.25 / (2 * 2.5 * 4.5), abs=0.02)


def test_samples_of_a_spacing_leave_no_gap_and_cover_alike_however_it_is_meshed(seed: int) -> None:
    from scipy.spatial import cKDTree

    for n in (12, 120):  # triangles far larger and far smaller than the spacing
        mesh = torus(n)
        cloud = sample_surface(mesh, spacing_mm=1.0, seed=seed)
        assert len(cloud.points) == pytest.approx(area_mm2(mesh), abs=1.0)
        gaps = cKDTree(cloud.points).query(sample_surface(mesh, count=40_000, seed=seed + 1).points)[0]
        assert gaps.max() < 3.0


def test_samples_are_the_same_for_the_same_seed_and_move_with_the_mesh(rng: np.random.Generator) -> None:
    one, two, other = (sample_surface(torus(), count=500, seed=seed).points for seed in (1, 1, 2))
    assert (one == two).all() and (one != other).any()
    shift = np.array([100.0, -200.0, 50.0])
    moved = sample_surface(replace(torus(), vertices=torus().vertices + shift), count=500, seed=1)
    np.testing.assert_allclose(np.sort(moved.points - shift, axis=0), np.sort(one, axis=0), atol=1.0)


def test_arguments_that_make_no_sense_are_refused() -> None:
    for arguments in ({}, {"count": 5, "spacing_mm": 1.0}, {"count": 0}, {"spacing_mm": 0.0}, {"spacing_mm": np.nan}):
        with pytest.raises(ValueError):
            sample_surface(PRISM, **arguments)
    with pytest.raises(ValueError, match="area"):
        sample_surface(Mesh([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]]), count=5)
    with pytest.raises(ValueError, match="area"):
        sample_surface(Mesh(CORNERS, np.empty((0, 3))), count=5)
