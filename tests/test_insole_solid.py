"""The finished solid: sound whatever is asked and whoever's foot, the same twice, as real tools see it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from insole_feet import make_foot
from insole_made import FULL, make
from insole_rays import Rays, read_stl
from scipy import spatial

from footscan.types import Array, Foot, Mesh
from insole import (
    DesignError,
    InsoleDesign,
    InsolePrescription,
    check_mesh,
    design,
    prescribe,
    solid,
    stl_bytes,
    threemf_bytes,
)
from insole.fields import FIELDS

Tool = Callable[[str], str]


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


def test_no_letter_is_cut_into_the_least_thickness_where_a_wall_leans_out(tmp_path: Path, tool: Tool) -> None:
    """A small foot's heel: the top stands millimetres beside the underside's nodes that bear the L."""
    foot = {
        "side": "left",
        "length": 170.0,
        "slender": 0.34,
        "arch": 15.0,
        "sole": "measured",
        "noise": 0.0,
        "load": "standing",
    }
    asked = {"lateral_skive_mm": 1.23, "label": "0", "forefoot_post_deg": -5.34, "nozzle_mm": 1.2}
    prove_sound(foot, asked, 100_000, tmp_path, tool("admesh"))


def test_the_tops_quads_stay_upright_in_a_waist_narrower_than_its_wall_leans(tmp_path: Path, tool: Tool) -> None:
    foot = {
        "side": "right",
        "length": 172.2,
        "slender": 0.34,
        "arch": 8.5,
        "sole": "holes",
        "noise": 0.3,
        "load": "none",
    }
    asked = {"outline_offset_waist_mm": -6.5, "outline_offset_heel_mm": 4.0, "heel_cup_depth_mm": 29.0}
    prove_sound(foot, asked, 100_000, tmp_path, tool("admesh"))


def test_a_default_insole_has_about_the_triangles_asked() -> None:
    for triangles in (8_000, 30_000, 100_000, 200_000):
        made, mesh = make(triangles=triangles)
        assert 0.85 * triangles < len(mesh.faces) < 1.25 * triangles + 3_000
        assert_sound(made, mesh)


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
