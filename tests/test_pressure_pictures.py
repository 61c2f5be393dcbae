"""Pictures of pressure: what is seen is what was measured; the same bytes each time; nothing lies on anything else."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from PIL import Image, ImageSequence

from footscan import io as files
from footscan import page, plot_motion, plot_pressure, plot_pressure_change, plot_pressure_cop
from footscan.errors import ScanError
from footscan.io.layouts import grid_layout, pedar_layout
from footscan.plot_pressure_cells import (
    cell_polygons,
    centroids,
    insole_outline,
    outline_rings,
    schematic_centres,
    smooth_field,
)
from footscan.plot_pressure_curves import BARS, mean_sd, region_bars, resampled
from footscan.plot_pressure_outlines import foot_outlines
from footscan.plot_pressure_sheets import bar_step, nice, place_apart, sheets
from footscan.pressure import RecordingAnalysis, analyse
from footscan.synth import FootSpec, make_foot, make_walk, scan_foot
from footscan.synth.soleprint import sole_print
from footscan.types import Array, PressureRecording, Recording, SensorLayout, replace

SAMPLES = (
    "pedar/pedar_example.asc",
    "emed/emed_test.lst",
    "fscan/FrasP01L.asf",
    "footscan/footscan_test.xls",
    "xsensor/xsensor_data.csv",
    "moticon/230927_102114.txt",
    "gaitpdb/GaCo01_01.txt",
    "stappone/stappone_example.csv",
)


@functools.cache
def walk(kind: str = "in_shoe", seed: int = 7, body_weight_n: float = 700.0) -> tuple[Recording, RecordingAnalysis]:
    """A synthetic walk and what is found in it."""
    made = make_walk(
        kind, seed=seed, steps=8 if kind == "in_shoe" else 6, body_weight_n=body_weight_n
    )  # type of kind: a name of WalkSpec
    return made.recording, analyse(made.recording)


@functools.cache
def real(path: Path) -> RecordingAnalysis:
    """What is found in a real recording."""
    return analyse(files.read_recording(path))


def words(figure: Figure) -> list[str]:
    return [t.get_text() for axes in figure.axes for t in axes.texts] + [t.get_text() for t in figure.texts]


def area(ring: Array) -> float:
    x, y = ring.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


# ------------------------------------------------------------------ shapes


def test_the_rim_of_cells_encloses_their_area_and_nothing_else(rng: np.random.Generator) -> None:
    rows, columns = (int(n) for n in rng.integers(8, 30, 2))
    pitch = float(rng.uniform(5.0, 10.0))
    layout = grid_layout(rows, columns, pitch, pitch)
    (ring,) = outline_rings(cell_polygons(layout))
    assert area(ring) == pytest.approx(rows * columns * pitch**2, rel=0.02)
    low, high = layout.xy_mm.min(axis=0) - pitch / 2, layout.xy_mm.max(axis=0) + pitch / 2
    assert np.abs(ring.min(axis=0) - low).max() < 1.5
    assert np.abs(ring.max(axis=0) - high).max() < 1.5


def test_two_sensors_apart_have_two_rims_and_a_hole_has_its_own() -> None:
    present = np.ones((20, 20), dtype=bool)
    present[8:12, 8:12] = False
    assert len(outline_rings(cell_polygons(grid_layout(20, 20, 7.0, 7.0, present)))) == 2
    present[:] = True
    present[:, 9:11] = False
    assert len(outline_rings(cell_polygons(grid_layout(20, 20, 7.0, 7.0, present)))) == 2


def test_a_pedar_insole_s_rim_is_that_of_its_sensors() -> None:
    for side in ("left", "right"):
        layout = pedar_layout("y", side)
        (ring,) = outline_rings(cell_polygons(layout))
        assert layout.area_mm2 is not None
        assert area(ring) == pytest.approx(float(layout.area_mm2.sum()), rel=0.03)


def test_middles_are_those_of_areas_however_often_a_corner_is_repeated(rng: np.random.Generator) -> None:
    turn = np.sort(rng.uniform(0.0, 2.0 * np.pi, 7))
    polygon = np.stack([3.0 * np.cos(turn), 2.0 * np.sin(turn)], axis=1) + rng.normal(size=2)
    padded = np.concatenate([polygon, np.repeat(polygon[-1:], 5, axis=0)])
    assert centroids(padded[None])[0] == pytest.approx(centroids(polygon[None])[0])
    square = np.array([[[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]])
    assert centroids(square)[0] == pytest.approx([1.0, 1.0])


def test_cells_without_places_in_mm_are_shown_in_an_insole_and_tile_it(rng: np.random.Generator) -> None:
    places = np.column_stack([rng.uniform(0.1, 0.9, 16), rng.uniform(-0.3, 0.3, 16)])
    for side in ("left", "right"):
        layout = SensorLayout(places, np.full(16, 1200.0), positions="arbitrary")
        polygons = cell_polygons(layout, side)
        outline = insole_outline(side != "left")
        assert sum(area(p) for p in polygons) == pytest.approx(area(outline), rel=0.01)
        assert schematic_centres(layout) == pytest.approx(places * [255.0, 92.0])
    mirrored = insole_outline(True) * [1.0, -1.0]
    assert area(insole_outline(False)) == pytest.approx(area(mirrored))


def test_cells_on_a_line_stand_in_a_column_and_do_not_touch() -> None:
    layout = SensorLayout(np.column_stack([np.arange(12.0), np.zeros(12)]), positions="arbitrary")
    polygons = cell_polygons(layout)
    gaps = polygons[1:, :, 0].min(axis=1) - polygons[:-1, :, 0].max(axis=1)
    assert (gaps > 1.0).all()


# ------------------------------------------------------------------ isobars


@pytest.mark.parametrize("pitch", [5.0, 8.0, 10.0])
def test_isobars_of_a_round_hill_are_circles_of_its_own_radius(pitch: float, rng: np.random.Generator) -> None:
    layout = grid_layout(30, 20, pitch, pitch)
    centre = layout.xy_mm.mean(axis=0) + rng.uniform(-pitch, pitch, 2)
    spread = 4.0 * pitch
    height = 300.0 * np.exp(-0.5 * ((layout.xy_mm - centre) ** 2).sum(axis=1) / spread**2)
    field = smooth_field(layout, height)
    assert field is not None
    away = np.hypot(field.x - centre[0], field.y - centre[1])
    for level in (75.0, 150.0, 225.0):
        radius = spread * np.sqrt(2.0 * np.log(300.0 / level))
        near = np.abs(field.z - level) < 2.0
        assert away[near].mean() == pytest.approx(radius, abs=0.06 * pitch)


def test_isobars_never_leave_the_sensor_nor_the_range_of_its_readings(rng: np.random.Generator) -> None:
    present = rng.random((24, 14)) > 0.25
    layout = grid_layout(24, 14, 6.0, 6.0, present)
    values = rng.uniform(0.0, 200.0, len(layout.xy_mm))
    for some in (layout, pedar_layout("y", "left")):
        values = rng.uniform(0.0, 200.0, len(some.xy_mm))
        field = smooth_field(some, values)
        assert field is not None
        known = np.isfinite(field.z)
        assert values.min() <= field.z[known].min() and field.z[known].max() <= values.max()
        nearest = np.sqrt(((field.x[known][:, None] - some.xy_mm[:, 0]) ** 2
                           + (field.y[known][:, None] - some.xy_mm[:, 1]) ** 2).min(axis=1))  # fmt: skip
        assert nearest.max() < 20.0


def test_a_few_cells_and_cells_without_places_have_no_isobars() -> None:
    few = SensorLayout(np.random.default_rng(0).uniform(0, 100, (16, 2)), np.full(16, 100.0))
    assert smooth_field(few, np.ones(16)) is None
    arbitrary = SensorLayout(np.random.default_rng(0).uniform(0, 1, (60, 2)), positions="arbitrary")
    assert smooth_field(arbitrary, np.ones(60)) is None


# ------------------------------------------------------------------ scales and labels


def test_a_scale_ends_at_a_round_number_that_nothing_exceeds(rng: np.random.Generator) -> None:
    for value in 10.0 ** rng.uniform(-3, 6, 300):
        top = nice(float(value))
        assert value <= top * (1 + 1e-9) <= 2.0001 * value
        parts = top / bar_step(top)
        assert parts == pytest.approx(round(parts)) and 3 <= round(parts) <= 6


def test_labels_that_are_moved_apart_overlap_nothing(rng: np.random.Generator) -> None:
    wanted = np.column_stack([rng.uniform(0, 100, 11), rng.uniform(0, 250, 11)])
    sizes = np.tile([14.0, 8.0], (11, 1))
    fixed = np.column_stack([rng.uniform(0, 100, (2, 1)), rng.uniform(0, 250, (2, 1)), np.full((2, 2), 7.0)])
    placed = place_apart(wanted, sizes, fixed)
    boxes = np.concatenate([np.column_stack([placed, sizes]), fixed])
    for i in range(11):
        for j in range(len(boxes)):
            if i != j:
                room = 0.5 * (boxes[i, 2:] + boxes[j, 2:]) - np.abs(boxes[i, :2] - boxes[j, :2])
                assert room.min() < 0.5
    assert placed[:, 0] == pytest.approx(wanted[:, 0])


# ------------------------------------------------------------------ colours


def lightness(colours: Array) -> Array:
    """CIE L* of sRGB colours (n, 3), 0 black to 100 white."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 216 / 24389, 116.0 * np.cbrt(y) - 16.0, y * 24389 / 27)


BLIND = {  # Machado, Oliveira, Fernandes 2009, doi:10.1109/TVCG.2009.113, full severity, on linear RGB
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def as_seen(colours: Array, eye: str) -> Array:
    if eye == "all":
        return colours
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(BLIND[eye]).T, 0, 1)
    return np.asarray(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("eye", ["all", *BLIND])
def test_the_map_s_lightness_falls_all_the_way_so_it_prints_in_grey(eye: str) -> None:
    seen = as_seen(page.colour_map(page.PRESSURE_STOPS)(np.linspace(0, 1, 256))[:, :3], eye)
    assert (np.diff(lightness(seen)) < 0).all()
    assert np.ptp(lightness(seen)) > 75.0


@pytest.mark.parametrize("eye", ["all", *BLIND])
def test_the_map_of_changes_darkens_from_nothing_to_both_ends_and_its_ends_differ(eye: str) -> None:
    seen = as_seen(page.colour_map(page.CHANGE_STOPS)(np.linspace(0, 1, 255))[:, :3], eye)
    light = lightness(seen)
    assert (np.diff(light[:124]) > 0).all() and (np.diff(light[131:]) < 0).all()
    assert light.argmax() == pytest.approx(127, abs=4)
    for k in range(25, 125, 10):  # from a fifth of the scale on, less and more are told apart
        assert np.abs(seen[127 - k] - seen[127 + k]).max() > 0.12


def test_isobars_stand_out_from_the_colours_that_they_cross() -> None:
    from footscan.plot_pressure_sheets import _over

    colours = page.colour_map(page.PRESSURE_STOPS)(np.linspace(0.1, 0.95, 40))[:, :3]
    for part, colour in zip(np.linspace(0.1, 0.95, 40), colours):
        ink = np.array([int(_over(part)[k : k + 2], 16) for k in (1, 3, 5)]) / 255.0
        assert abs(lightness(ink[None])[0] - lightness(colour[None])[0]) > 30.0


# ------------------------------------------------------------------ the map


def test_each_cell_has_the_colour_of_its_largest_value() -> None:
    _, analysis = walk()
    figure = plot_pressure.pressure_map(analysis)
    cells = [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]
    highest = nice(max(float(m.highest.max()) for m in analysis.maps))
    for drawn, m in zip(cells, (s.map for s in sheets(analysis))):
        expected = page.colour_map(page.PRESSURE_STOPS)(m.highest / highest)
        assert np.asarray(drawn.get_facecolor()) == pytest.approx(expected)


def test_a_left_foot_stands_left_toes_up_and_a_mirrored_walk_has_the_mirrored_map() -> None:
    _, analysis = walk()
    left, right = sheets(analysis)
    assert (left.map.side, right.map.side) == ("left", "right")
    for sheet in (left, right):
        assert sheet.seen(np.array([1.0, 0.0])) == pytest.approx([0.0, 1.0])  # heel to toe is up
        assert sheet.seen(np.array([0.0, 1.0])) == pytest.approx([-1.0, 0.0])  # the wearer's left is left
    assert left.polygons.reshape(-1, 2)[:, 0].max() == pytest.approx(-right.polygons.reshape(-1, 2)[:, 0].min(), abs=1)


@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_a_print_on_a_plate_has_its_toes_up_whichever_way_it_walked(quarter: int) -> None:
    recording, _ = walk("plate")
    (part,) = recording.pressure
    c, s = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarter]
    at = part.layout.xy_mm
    near = at[:, 0] < at[:, 0].min() + 420.0  # one or two prints
    turned = replace(
        part.layout, xy_mm=at[near] @ np.array([[c, s], [-s, c]]), area_mm2=None if part.layout.area_mm2 is None
        else part.layout.area_mm2[near], shape=None, index=None,
    )  # fmt: skip
    one = Recording((replace(part, layout=turned, values=part.values[:, near], valid=None),))
    analysis = analyse(one, keep_ends=True)
    (sheet,) = sheets(analysis)
    paths = [plot_pressure.known_path(step) for step in sheet.steps]
    for path in (p for p in paths if p is not None and np.linalg.norm(p[-1] - p[0]) > 60.0):
        seen = sheet.seen(path)
        up = seen[-1] - seen[0]
        wide = np.ptp(sheet.polygons.reshape(-1, 2), axis=0)
        assert (up[1] if wide[0] < 420.0 else up[0]) > 0.8 * np.linalg.norm(up)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_real_sensor_has_its_pictures(shared_data: Path, name: str) -> None:
    analysis = real(shared_data / "pressure" / name)
    kinds: list[Callable[[RecordingAnalysis], Figure]] = [
        plot_pressure.pressure_map,
        plot_pressure.force_curves,
        region_bars,
    ]
    if any(s.cop_xy_mm is not None for s in analysis.steps):
        kinds.append(plot_pressure_cop.cop_butterfly)
    else:
        with pytest.raises(ScanError, match="centre of pressure"):
            plot_pressure_cop.cop_butterfly(analysis)
    for draw in kinds:
        data = page.png(draw(analysis))
        with Image.open(io.BytesIO(data)) as image:
            assert 600 <= image.size[0] <= 1700 and 350 <= image.size[1] <= 900
            assert len(set(image.convert("L").resize((64, 64)).tobytes())) > 8
    told = words(plot_pressure.pressure_map(analysis))
    assert {"pressure": "kPa", "force": "N", "raw": "raw"}[analysis.quantity] in told
    schematic = any(m.layout.positions == "arbitrary" for m in analysis.maps)
    assert any("schematic" in t for t in told) == schematic


def test_the_same_walk_has_the_same_bytes_again(shared_data: Path) -> None:
    _, analysis = walk()
    analyses = (analysis, real(shared_data / "pressure" / "emed" / "emed_test.lst"))
    for draw in (plot_pressure.pressure_map, plot_pressure.force_curves, region_bars, plot_pressure_cop.cop_butterfly):
        for found in analyses:
            assert page.png(draw(found)) == page.png(draw(found))


def test_words_of_a_map_do_not_run_into_each_other(shared_data: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for name in SAMPLES:
        figure = plot_pressure.pressure_map(real(shared_data / "pressure" / name))
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        texts = [t for t in figure.axes[0].texts if t.get_text()]
        boxes = [t.get_window_extent(canvas.get_renderer()) for t in texts]
        wide, tall = figure.get_size_inches() * page.DPI
        for k, box in enumerate(boxes):
            assert box.x0 >= 0 and box.x1 <= wide and box.y0 >= 0 and box.y1 <= tall, (name, texts[k].get_text())
            for j in range(k):
                x = min(box.x1, boxes[j].x1) - max(box.x0, boxes[j].x0)
                y = min(box.y1, boxes[j].y1) - max(box.y0, boxes[j].y0)
                assert min(x, y) < 4.0, (name, texts[k].get_text(), texts[j].get_text())


# ------------------------------------------------------------------ curves and bars


def test_the_band_of_the_force_curves_is_one_standard_deviation_of_the_steps() -> None:
    _, analysis = walk()
    figure = plot_pressure.force_curves(analysis)
    for side, band in zip(("left", "right"), figure.axes[0].collections):
        steps = [s for s in analysis.steps if s.side == side and s.used]
        curves = np.stack([resampled(s.time_s, s.force[:, None])[:, 0] for s in steps])
        mean, sd = mean_sd(curves)
        edge = band.get_paths()[0].vertices
        for k in (10, 50, 90):
            heights = edge[edge[:, 0] == float(k), 1]
            assert heights.min() == pytest.approx(mean[k] - sd[k], abs=1e-6)
            assert heights.max() == pytest.approx(mean[k] + sd[k], abs=1e-6)
    assert "band: ± one standard deviation" in words(figure)


def test_one_step_has_no_band_and_says_nothing_of_one(shared_data: Path) -> None:
    analysis = real(shared_data / "pressure" / "emed" / "emed_test.lst")
    figure = plot_pressure.force_curves(analysis)
    assert not figure.axes[0].collections
    assert not any("band" in t for t in words(figure))


@pytest.mark.parametrize("key", ["peak_kpa", "contact_area_mm2"])
def test_bars_are_the_means_of_the_regions_and_whiskers_their_deviation(key: str) -> None:
    _, analysis = walk()
    figure = region_bars(analysis, key)
    bars = [p for p in figure.axes[0].patches if p.get_height() > 0]
    divide = BARS[key][2]
    expected = []
    for side in ("left", "right"):
        steps = [s for s in analysis.steps if s.side == side and s.used]
        for region in steps[0].regions:
            values = [v for s in steps if (v := s.regions[region][key]) is not None]
            expected += [np.mean(values) / divide] if values and np.mean(values) > 0 else []
    assert sorted(p.get_height() for p in bars) == pytest.approx(sorted(expected))
    assert BARS[key][1] in figure.axes[0].get_ylabel()


def test_bars_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match="peak_kpa"):
        region_bars(walk()[1], "beauty")


# ------------------------------------------------------------------ the butterfly


def test_a_wing_has_every_used_step_and_their_mean() -> None:
    _, analysis = walk()
    figure = plot_pressure_cop.cop_butterfly(analysis)
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 101]
    used = {side: sum(s.side == side and s.used for s in analysis.steps) for side in ("left", "right")}
    # each step once; the mean twice, for its edge of paper
    assert len(lines) == sum(used.values()) + 2 * 2
    told = words(figure)
    for side, count in used.items():
        assert f"{side} foot" in told
        assert any(t.startswith(f"{count} steps, path") for t in told)
    assert any("not in the recording" in t for t in told)


def test_between_the_feet_the_path_runs_from_one_foot_to_the_other() -> None:
    _, analysis = walk()
    figure = plot_pressure_cop.cop_butterfly(analysis)
    grey = [line for line in figure.axes[0].lines if line.get_color() == page.FAINT and line.get_linewidth() == 0.8]
    overlaps = 0
    for a in (s for s in analysis.steps if s.used):
        overlaps += sum(b.used and b.side != a.side and a.start_s < b.start_s <= a.stop_s for b in analysis.steps)
    assert len(grey) == overlaps > 0
    for line in grey:
        x = np.asarray(line.get_xdata(), dtype=float)
        assert (np.diff(x) > -2.0).all() or (np.diff(x) < 2.0).all()  # one way
        assert np.ptp(x) > 20.0


def test_prints_of_a_plate_are_laid_heel_on_heel() -> None:
    _, analysis = walk("plate")
    for step in (s for s in analysis.steps if s.used):
        frame = plot_pressure_cop.print_frame(analysis.maps[0].layout, step)
        assert frame is not None
        origin, axes = frame
        assert axes @ axes.T == pytest.approx(np.eye(2), abs=1e-9)
        loaded = (analysis.maps[0].layout.xy_mm[step.peak > 0.05 * step.peak.max()] - origin) @ axes.T
        assert loaded[:, 0].min() == pytest.approx(0.0, abs=12.0)
        assert loaded[:, 0].max() > 180.0
        assert abs(np.median(loaded[:, 1])) < 25.0


# ------------------------------------------------------------------ before and after


def changed(recording: Recording, factor: Callable[[Array], Array]) -> RecordingAnalysis:
    parts = [replace(p, values=p.values * factor(p.layout.xy_mm).astype(np.float32)) for p in recording.pressure]
    return analyse(replace(recording, pressure=tuple(parts)))


def test_what_changed_is_what_was_changed(rng: np.random.Generator) -> None:
    recording, before = walk()
    share = float(rng.uniform(0.6, 0.9))
    after = changed(recording, lambda xy: np.where(xy[:, 0] > 150.0, share, 1.0))
    for pair in plot_pressure_change.pairs(before, after):
        m = pair.before.map
        expected = np.where(m.layout.xy_mm[:, 0] > 150.0, (share - 1.0) * m.mean_peak, 0.0)
        # a few contacts begin a frame earlier or later
        assert np.abs(pair.change - expected).max() < 0.02 * m.mean_peak.max() + 0.5
    found = plot_pressure_change.region_changes(before, after)
    assert set(found) == {"left", "right"}
    for regions in found.values():
        for region in ("mth2", "mth3", "hallux"):
            c = regions[region]
            assert c.after_kpa / c.before_kpa == pytest.approx(share, abs=0.03)
            assert c.differs
            assert c.change_kpa == pytest.approx(c.after_kpa - c.before_kpa)
        assert regions["heel_medial"].change_kpa == pytest.approx(0.0, abs=1.0)


def test_a_recording_against_itself_has_no_change() -> None:
    _, analysis = walk()
    for pair in plot_pressure_change.pairs(analysis, analysis):
        assert not pair.change.any()
    found = plot_pressure_change.region_changes(analysis, analysis)
    assert not any(c.differs for regions in found.values() for c in regions.values())
    data = page.png(plot_pressure_change.change_map(analysis, analysis))
    assert data == page.png(plot_pressure_change.change_map(analysis, analysis))


def test_prints_that_lie_elsewhere_on_the_plate_are_compared_foot_by_foot() -> None:
    recording, before = walk("plate")
    (part,) = recording.pressure
    moved = replace(part, layout=replace(part.layout, xy_mm=part.layout.xy_mm + np.array([40.0, -30.0])))
    after = analyse(Recording((replace(moved, values=part.values * np.float32(1.2)),)))
    for pair in plot_pressure_change.pairs(before, after):
        level = pair.before.map.mean_peak
        strong = level > 0.3 * level.max()
        ratio = pair.after.map.mean_peak[strong] / level[strong]
        assert np.median(ratio) == pytest.approx(1.2, abs=0.02)


def test_what_can_t_be_compared_is_refused_with_what_differs() -> None:
    recording, shoe = walk()
    _, plate = walk("plate")
    with pytest.raises(ScanError, match="one of each"):
        plot_pressure_change.pairs(shoe, plate)
    smaller = make_walk("in_shoe", seed=1, foot_mm=230.0)
    with pytest.raises(ScanError, match="kind and size of sensor"):
        plot_pressure_change.pairs(shoe, analyse(smaller.recording))
    raw = analyse(replace(recording, pressure=tuple(replace(p, unit="raw") for p in recording.pressure)))
    with pytest.raises(ScanError, match="one quantity"):
        plot_pressure_change.pairs(shoe, raw)
    left = analyse(replace(recording, pressure=tuple(p for p in recording.pressure if p.side == "left")))
    right = analyse(replace(recording, pressure=tuple(p for p in recording.pressure if p.side == "right")))
    with pytest.raises(ScanError, match="found none"):
        plot_pressure_change.pairs(left, right)


# ------------------------------------------------------------------ the foot's outline


def test_the_outline_of_a_scanned_foot_lies_around_its_print(rng: np.random.Generator) -> None:
    foot = make_foot(FootSpec("right", 255.0))
    from footscan import find_feet

    (scanned,) = find_feet(scan_foot(foot, points=60_000, turn_deg=70.0, seed=3), side="right", uncertainty=False)
    layout = grid_layout(72, 48, 5.0, 5.0)
    turn = np.radians(float(rng.uniform(-15.0, 15.0)))
    shift = np.array([50.0, 120.0]) + rng.uniform(-5, 5, 2)
    T = np.array([[np.cos(turn), -np.sin(turn), shift[0]], [np.sin(turn), np.cos(turn), shift[1]], [0.0, 0.0, 1.0]])
    image = sole_print(foot, layout, T)
    ahead = layout.xy_mm @ T[:2, 0]
    part_of = (ahead - ahead[image > 0].min()) / np.ptp(ahead[image > 0])
    time_s = np.arange(130) * 0.01
    phase = (time_s - 0.2) / 0.9
    carried = np.clip(1.4 - 2.0 * np.abs(part_of - phase[:, None]), 0.0, 1.0) * ((phase > 0) & (phase < 1))[:, None]
    recording = Recording((PressureRecording(image * carried, "kPa", time_s, layout, side="right"),))
    analysis = analyse(recording)
    outlines = foot_outlines([scanned], analysis)
    (outline,) = outlines["right"]
    own = (scanned.footprint("outline_25mm").polygons[0] @ T[:2, :2].T) + T[:2, 2]
    for point in outline[::20]:
        assert np.linalg.norm(own - point, axis=1).min() < 6.0
    figure = plot_pressure.pressure_map(analysis, outlines)
    assert any("dashed: the scanned foot" in t for t in words(figure))
    assert foot_outlines([], analysis) == {}


# ------------------------------------------------------------------ in motion


def test_the_animation_shows_the_step_and_is_the_same_bytes_again() -> None:
    recording, analysis = walk(seed=11)
    told: list[int] = []
    data = plot_motion.step_animation(recording, analysis, lambda done, of: told.append(done))
    assert data == plot_motion.step_animation(recording, analysis)
    assert told == list(range(plot_motion.FRAMES))
    assert data.startswith(b"GIF89a") and len(data) < 2_000_000
    with Image.open(io.BytesIO(data)) as picture:
        frames = [np.asarray(f.convert("L"), dtype=float) for f in ImageSequence.Iterator(picture)]
        assert picture.info.get("loop") == 0
    assert len(frames) == plot_motion.FRAMES
    # early the heels are dark, late the toes
    tall = frames[0].shape[0]
    feet = slice(int(0.12 * tall), int(0.66 * tall))
    early, late = (255.0 - frames[k][feet, 150:] for k in (4, 32))
    upper, lower = slice(0, early.shape[0] // 2), slice(early.shape[0] // 2, None)
    assert early[lower].sum() > early[upper].sum()
    assert late[upper].sum() > late[lower].sum()


def test_the_step_that_is_shown_is_the_one_nearest_to_the_mean() -> None:
    _, analysis = walk()
    steps = [s for s in analysis.steps if s.side == "left" and s.used]
    odd = replace(steps[0], force=steps[0].force * 1.5)
    assert plot_motion.typical_step([odd, *steps[1:]]) in steps[1:]
    assert plot_motion.typical_step([]) is None


def test_a_recording_without_a_step_has_no_animation() -> None:
    recording, analysis = walk()
    with pytest.raises(ScanError, match="no step to show"):
        plot_motion.step_animation(recording, replace(analysis, steps=(), maps=()))
