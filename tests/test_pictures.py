"""Pictures: what is seen is what is there; the same bytes each time; readable in print and for every eye."""

from __future__ import annotations

import functools
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from pictures_made import made, meshes, other_side
from PIL import Image

from footscan import io, page, plot, plot_pressure, render, shading
from footscan.pressure import REGIONS, analyse
from footscan.types import Array, Measure, Mesh, PointCloud, SensorLayout, replace
from station import pictures

angles = st.floats(-170.0, 170.0)


def words(figure: Figure) -> list[str]:
    """All words of a figure."""
    texts = [t for axes in figure.axes for t in axes.texts] + figure.texts
    return [t.get_text() for t in texts]


def ball(radius: float = 40.0) -> Mesh:
    sphere = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    return Mesh(sphere.vertices, sphere.faces, "foot")


# ------------------------------------------------------------------ rendering


@settings(max_examples=15)
@given(angles, st.floats(-80.0, 80.0))
def test_a_ball_looks_the_same_from_everywhere_and_its_depth_and_normals_are_those_of_a_ball(
    azimuth: float, elevation: float
) -> None:
    radius = 40.0
    R = render.looking(azimuth, elevation)
    assert pytest.approx(np.eye(3), abs=1e-12) == R @ R.T
    assert np.linalg.det(R) == pytest.approx(1.0)
    camera = render.fitted(R, ball(radius).vertices, 3.0)
    seen = render.rasterise(ball(radius), camera)
    covered = np.bincount(seen.pixel, weights=seen.weight).sum() / camera.px_per_mm**2
    assert covered == pytest.approx(np.pi * radius**2, rel=0.006)
    row, column = np.divmod(seen.pixel, camera.size[0])
    right = (column + 0.5 - camera.size[0] / 2) / camera.px_per_mm + camera.centre[0]
    up = (camera.size[1] / 2 - row - 0.5) / camera.px_per_mm + camera.centre[1]
    inner = (right**2 + up**2 < (0.9 * radius) ** 2) & (seen.weight == 1)
    toward = np.sqrt(radius**2 - right[inner] ** 2 - up[inner] ** 2)
    true = np.stack([right[inner], up[inner], toward]) / radius
    assert np.abs(seen.normal[:, inner] - true).max() < 0.02
    depth = render.depth_map(ball(radius), camera).ravel()[seen.pixel[inner]]
    assert np.abs(depth - toward).max() < 0.15


def test_a_closed_mesh_has_no_hole_in_its_picture() -> None:
    camera = render.fitted(render.looking(33.0, 21.0), ball().vertices, 4.0)
    solid = np.isfinite(render.depth_map(ball(), camera))
    for line in (*solid, *solid.T):
        at = np.flatnonzero(line)
        assert len(at) == 0 or line[at[0] : at[-1] + 1].all()


def test_of_two_surfaces_the_nearer_is_seen() -> None:
    near, far = ball(20.0), ball(35.0)
    both = Mesh(
        np.concatenate([near.vertices + np.array([0.0, 0.0, 60.0]), far.vertices]),
        np.concatenate([near.faces, far.faces + len(near.vertices)]),
        "foot",
    )
    which = np.repeat([1.0, 0.0], [len(near.vertices), len(far.vertices)])
    seen = render.rasterise(both, render.fitted(plot.FROM_ABOVE, both.vertices, 3.0), which)
    area = np.sum(seen.weight * (seen.value > 0.5)) / 9.0
    assert area == pytest.approx(np.pi * 20.0**2, rel=0.01)
    total = np.sum(seen.weight) / 9.0
    assert total == pytest.approx(np.pi * 35.0**2, rel=0.01)


@pytest.mark.parametrize("with_normals", [True, False])
def test_a_cloud_is_drawn_as_a_closed_front_without_what_lies_behind(
    with_normals: bool, rng: np.random.Generator
) -> None:
    directions = rng.normal(size=(60_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radius = 40.0
    noisy = directions * (radius + rng.normal(0, 0.2, (len(directions), 1)))
    cloud = PointCloud(noisy, directions if with_normals else None, "foot")
    camera = render.fitted(plot.FROM_ABOVE, noisy, 3.0)
    front = (directions[:, 2] > 0).astype(float)
    seen = render.splat(cloud, camera, value=front)
    assert np.sum(seen.weight) / 9.0 == pytest.approx(np.pi * radius**2, rel=0.04)
    row, column = np.divmod(seen.pixel, camera.size[0])
    away = np.hypot(column + 0.5 - camera.size[0] / 2, row + 0.5 - camera.size[1] / 2) / 3.0
    inner = away < 0.8 * radius
    assert seen.value[inner].min() > 0.9
    depth = seen.depth.ravel()[seen.pixel[inner]]
    assert np.median(np.abs(depth - np.sqrt(radius**2 - away[inner] ** 2))) < 0.3


def test_strays_do_not_change_the_outline_of_a_cloud(rng: np.random.Generator) -> None:
    flat = np.column_stack([rng.uniform(-30, 30, (9000, 2)), rng.normal(0, 0.1, 9000)])
    strays = rng.uniform(-45, 45, (60, 3))
    camera = render.fitted(plot.FROM_ABOVE, np.concatenate([flat, strays]), 3.0)
    clean, dirty = (
        np.sum(render.splat(PointCloud(p, None, "foot"), camera, spacing_mm=1.0).weight)
        for p in (flat, np.concatenate([flat, strays]))
    )
    assert dirty == pytest.approx(clean, rel=0.02)


def test_a_light_from_above_left_makes_that_side_the_brightest() -> None:
    sprite = shading.portrait(ball(), plot.FROM_ABOVE, 2.0, (0.5, 0.5, 0.5))
    height, width = sprite.rgba.shape[:2]
    half = sprite.rgba[..., 0] / np.maximum(sprite.rgba[..., 3], 1e-6)
    upper_left = half[height // 4, width // 4]
    lower_right = half[3 * height // 4, 3 * width // 4]
    assert upper_left > lower_right + 0.1


# ------------------------------------------------------------------ colours


def luminance(colours: Array) -> Array:
    """Relative luminance (WCAG 2.1) of sRGB colours (n, 3)."""
    c = np.asarray(colours, dtype=float)
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ [0.2126, 0.7152, 0.0722])


def rgb(colour: str) -> Array:
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255.0


#: Machado, Oliveira, Fernandes 2009, doi:10.1109/TVCG.2009.113: full protanopia and deuteranopia, on linear RGB
BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


@pytest.mark.parametrize("stops", [page.PRESSURE_STOPS, page.HEIGHT_STOPS])
@pytest.mark.parametrize("eye", ["all", *BLIND])
def test_colour_maps_darken_steadily_in_grey_print_and_for_every_eye(stops: tuple[str, ...], eye: str) -> None:
    colours = page.colour_map(stops)(np.linspace(0, 1, 256))[:, :3]
    if eye != "all":
        linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
        seen = np.clip(linear @ np.array(BLIND[eye]).T, 0, 1)
        colours = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lightness = np.cbrt(luminance(colours))
    assert (np.diff(lightness) < 0).all()
    assert lightness[0] - lightness[-1] > 0.6


def test_words_and_lines_stand_out_from_the_paper_and_the_sides_differ_in_more_than_colour() -> None:
    for colour in (page.INK, page.FAINT, page.BLUE, page.ORANGE, page.GREEN, page.PURPLE):
        assert 1.05 / (luminance(rgb(colour)[None])[0] + 0.05) >= 4.5  # WCAG 2.1, 1.4.3
    assert page.SIDE_LINE["left"] != page.SIDE_LINE["right"]
    assert page.SIDE_COLOUR["left"] != page.SIDE_COLOUR["right"]


# ------------------------------------------------------------------ pictures of an order


@functools.cache
def draw() -> dict[str, bytes]:
    order = made()
    walks = [walk.analysis for walk in order.walks]
    made_of = order.insoles.items()
    zonings = {s: i.zoning for s, i in made_of if i.zoning is not None}
    foretold = {s: i.prediction for s, i in made_of if i.prediction is not None}
    jobs = pictures.drawings(order.feet, walks, {s: i.design for s, i in made_of}, meshes(), zonings, foretold)
    return {name: job() for name, job in jobs.items()}


def test_an_order_has_its_pictures_and_they_are_the_same_bytes_again() -> None:
    first = draw()
    names = {"pair.png", "foot_left.png", "foot_right.png", "insole_left.png", "insole_right.png"}
    names |= {f"{kind}_{side}.png" for kind in ("zones", "prediction") for side in ("left", "right")}
    assert set(first) == names | {"pressure_1.png", "force_1.png"}
    assert draw.__wrapped__() == first
    for data in first.values():
        assert chunks(data) == ["IHDR", *["IDAT"] * chunks(data).count("IDAT"), "IEND"]  # no date, no program's name
        assert len(data) < 900_000
        width, height = struct.unpack(">II", data[16:24])
        assert 600 <= width <= 2400
        assert 400 <= height <= 1400


def chunks(data: bytes) -> list[str]:
    found, at = [], 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        found.append(data[at + 4 : at + 8].decode())
        at += 12 + size
    return found


def test_one_foot_alone_and_scans_without_a_walk_have_pictures_too() -> None:
    order = made()
    one = {"right": order.feet["right"]}
    assert list(pictures.drawings(one, [], {}, {})) == ["pair.png", "foot_right.png"]
    assert pictures.drawings({}, [], {}, {}) == {}


def test_a_foot_is_shown_with_the_values_that_were_measured() -> None:
    foot = made().feet["right"]
    told = words(plot.foot_views(foot))
    assert "Right foot, standing" in told
    for name, text in (
        ("foot_length_mm", "length {}"),
        ("foot_breadth_mm", "breadth {}"),
        ("heel_breadth_mm", "heel {}"),
        ("ball_girth_mm", "ball girth {}"),
        ("instep_height_mm", "instep height\n{}"),
    ):
        measure = foot.measurements.values[name]
        assert isinstance(measure.value, float)
        assert text.format(f"{measure.value:.1f} ± {measure.sd_total:.1f} mm") in told


def test_what_was_not_measured_is_said_and_not_drawn() -> None:
    foot = made().feet["right"]
    missing = Measure.missing("too few points there")
    values = {**foot.measurements.values, "arch_apex_height_mm": missing, "ball_girth_mm": missing}
    told = words(plot.foot_views(replace(foot, measurements=replace(foot.measurements, values=values))))
    assert "arch: not measured" in told
    assert "ball girth not measured" in told
    assert not any(t.startswith("ball girth 2") for t in told)


def test_a_capped_sole_shows_no_arch() -> None:
    foot = made().feet["right"]
    told = words(plot.foot_views(replace(foot, sole=replace(foot.sole, capped=True))))
    assert any("flat lid" in t for t in told)
    assert not any("grey lines" in t for t in told)


def test_a_left_foot_is_the_mirror_of_a_right_one() -> None:
    foot = made().feet["right"]
    cloud, mirrored = (plot.true_cloud(f).points for f in (foot, other_side(foot)))
    assert mirrored == pytest.approx(cloud * [1.0, -1.0, 1.0])
    for name in ("above", "below", "medial"):
        ours, theirs = plot.eyes("right")[name], plot.eyes("left")[name]
        assert np.linalg.det(ours.R) == pytest.approx(np.linalg.det(theirs.R)) == pytest.approx(1.0)
        a, b = ours.flat(foot.cloud.points[:50]), theirs.flat(foot.cloud.points[:50])
        assert b == pytest.approx(a * [-1.0, 1.0])


def test_an_open_leg_is_closed_with_a_lid_and_a_closed_top_is_not() -> None:
    around = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    z = np.arange(0.0, 80.0, 1.0)
    tube = np.concatenate([np.column_stack([30 * np.cos(around), 25 * np.sin(around), np.full(400, h)]) for h in z])
    lid = plot._lid(tube)
    assert len(lid) * 0.8**2 == pytest.approx(np.pi * 30 * 25, rel=0.03)
    assert len(plot._lid(np.concatenate([tube, lid]))) == 0


def test_a_section_is_the_outline_of_the_cut() -> None:
    around, x = np.meshgrid(np.linspace(0, 2 * np.pi, 720, endpoint=False), np.arange(0.0, 100.0, 1.0))
    tube = np.stack([x, 40 * np.cos(around), 30 + 30 * np.sin(around)], axis=-1).reshape(-1, 3)
    outline = plot.section(tube, np.array([50.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]))
    assert outline is not None
    assert np.hypot(outline[:, 0] / 40, (outline[:, 1] - 30) / 30) == pytest.approx(1.0, abs=0.02)
    assert plot.section(tube, np.array([500.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0])) is None


# ------------------------------------------------------------------ insoles


def test_the_height_maps_of_a_wedge_are_its_heights() -> None:
    box = trimesh.creation.box(extents=(200.0, 80.0, 10.0))
    vertices = box.vertices + np.array([100.0, 0.0, 5.0])
    vertices[:, 2] *= 1.0 + vertices[:, 0] / 200.0  # 10 mm thick at the heel, 20 at the toes
    top, bottom, camera = pictures.height_maps(Mesh(vertices, box.faces, "foot"))
    rows, columns = np.nonzero(np.isfinite(top))
    x = camera.extent_mm[3] - (rows + 0.5) / camera.px_per_mm
    assert top[rows, columns] - bottom[rows, columns] == pytest.approx(10.0 * (1.0 + x / 200.0), abs=0.01)
    assert len(rows) / camera.px_per_mm**2 == pytest.approx(200.0 * 80.0, rel=0.01)


def test_a_mirrored_insole_has_the_mirrored_map() -> None:
    mesh = meshes()["right"]
    mirrored = Mesh(mesh.vertices * [1.0, -1.0, 1.0], mesh.faces[:, ::-1], "foot")
    (top, bottom, _), (other_top, other_bottom, _) = pictures.height_maps(mesh), pictures.height_maps(mirrored)
    difference = (top - bottom) - (other_top - other_bottom)[:, ::-1]
    assert np.nanpercentile(np.abs(difference), 99) < 0.05


def test_an_insole_picture_names_the_side_and_the_thickness() -> None:
    mesh = meshes()["left"]
    told = words(pictures.insole_picture(mesh, "left", 252.0, made().feet["left"]))
    assert "Left insole" in told
    assert "dashed: the foot; lines: 2.5 mm apart" in told
    ball_words = next(t for t in told if t.startswith("ball: "))
    top, bottom, camera = pictures.height_maps(mesh)
    row = int((camera.extent_mm[3] - 0.72 * 252.0) * camera.px_per_mm)
    there = np.flatnonzero(np.isfinite(top[row]))
    middle = there[len(there) // 2]
    assert float(ball_words.split()[1]) == pytest.approx(top[row, middle] - bottom[row, middle], abs=0.06)


# ------------------------------------------------------------------ walks


def test_a_pressure_map_names_steps_and_shows_the_mean_peak_of_each_region(shared_data: Path) -> None:
    analysis = analyse(io.read_recording(shared_data / "pressure" / "pedar" / "pedar_example.asc"))
    told = words(plot.pressure_map(analysis))
    for drawn in analysis.maps:
        assert f"{drawn.side} foot, {drawn.steps} steps" in told
        used = [s for s in analysis.steps if s.used and s.side == drawn.side]
        for region in REGIONS:
            peaks = [s.regions[region]["peak_kpa"] for s in used]
            assert f"{np.mean([p for p in peaks if p is not None]):.0f}" in told
    assert "kPa" in told


def test_force_curves_have_a_line_a_side_with_its_steps() -> None:
    analysis = made().walks[0].analysis
    figure = plot.force_curves(analysis)
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 101]
    used = {side: [s for s in analysis.steps if s.side == side and s.used] for side in ("left", "right")}
    assert len(lines) == 2
    for line, (side, steps) in zip(lines, used.items()):
        assert str(line.get_label()).startswith(f"{side}: {len(steps)} steps")
        assert max(line.get_ydata()) <= max(s.force.max() for s in steps)
    assert lines[0].get_linestyle() != lines[1].get_linestyle()
    assert lines[0].get_color() != lines[1].get_color()


def test_region_borders_lie_between_regions_and_around_them() -> None:
    x, y = np.meshgrid(np.arange(4.0), np.arange(3.0), indexing="ij")
    layout = SensorLayout(np.stack([x.ravel(), y.ravel()], axis=1), shape=(4, 3), index=np.arange(12))
    labels = np.where(x.ravel() < 2, 0, 1)
    borders = plot_pressure.region_borders(plot_pressure.cell_polygons(layout), labels)
    assert np.linalg.norm(borders[:, 1] - borders[:, 0], axis=1).sum() == pytest.approx(2 * (4 + 3) + 3)
    assert len(plot_pressure.region_borders(plot_pressure.cell_polygons(layout), np.full(12, -1))) == 0


def test_cells_of_one_region_that_meet_out_of_step_have_no_border_between_them() -> None:
    """Rows of 2 and of 3 cells over the same width share no whole edge."""
    two = [[[2.0 * k, 0.0], [2.0 * k + 3.0, 0.0], [2.0 * k + 3.0, 1.0], [2.0 * k, 1.0]] for k in (0.0, 1.5)]
    three = [[[2.0 * k, 1.0], [2.0 * k + 2.0, 1.0], [2.0 * k + 2.0, 2.0], [2.0 * k, 2.0]] for k in range(3)]
    borders = plot_pressure.region_borders(np.array(two + three), np.zeros(5, dtype=int))
    assert np.linalg.norm(borders[:, 1] - borders[:, 0], axis=1).sum() == pytest.approx(2 * (6 + 2))


@pytest.mark.parametrize("name", ["iscan/iscan_test.csv", "fscan/FrasP01L.asf"])
def test_plates_raw_sensors_and_one_side_are_drawn(shared_data: Path, name: str, tmp_path: Path) -> None:
    analysis = analyse(io.read_recording(shared_data / "pressure" / name))
    for k, figure in enumerate((plot.pressure_map(analysis), plot.force_curves(analysis))):
        (tmp_path / f"{k}.png").write_bytes(page.png(figure))
        with Image.open(tmp_path / f"{k}.png") as image:
            assert len(set(image.convert("L").resize((64, 64)).tobytes())) > 8


# ------------------------------------------------------------------ no global state


def test_pictures_need_no_pyplot_and_importing_them_no_matplotlib() -> None:
    code = """
import sys
from footscan import plot
from station import pictures
assert "matplotlib" not in sys.modules
from matplotlib.figure import Figure
plot.png(plot.colour_map and Figure(figsize=(1, 1)))
assert "matplotlib.pyplot" not in sys.modules
"""
    code = code.replace("plot.colour_map and ", "")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_documentation_s_pictures_are_made_by_the_real_pipeline(shared_data: Path, tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs"))
    try:
        import make_images
    finally:
        sys.path.pop(0)
    folder = tmp_path / "order" / "pictures"
    folder.mkdir(parents=True)
    for name, data in draw().items():
        (folder / name).write_bytes(data)
    assert make_images.main(["--folder", str(tmp_path / "img"), "--order", str(tmp_path / "order")]) == 0
    names = {*make_images.DEMO.values(), *make_images.ADULT.values(), *make_images.WALK}
    assert {p.name for p in (tmp_path / "img").iterdir()} == names
    assert (tmp_path / "img" / "demo.png").read_bytes() == draw()["pair.png"]
