"""Left and right: mirror images, text apart, which reads right from below."""

from __future__ import annotations

import numpy as np
import pytest
from insole_feet import make_foot
from insole_made import FULL, make
from insole_rays import Rays, read_stl

from footscan.types import Array, Mesh
from insole import InsoleDesign, check_mesh, stl_bytes


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
