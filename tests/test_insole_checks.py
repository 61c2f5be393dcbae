"""check_mesh finds what is wrong with a mesh, ours or anybody's, and says it."""

from __future__ import annotations

import numpy as np
import pytest
from insole_feet import make_foot

from footscan.types import Array, Mesh
from insole import InsolePrescription, check_mesh, design, solid
from insole.checks import CheckItem

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
