"""Masks: regions of feet whose regions are known, by every way of saying them, and masks that can't be used."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from footscan.errors import ReadError, ScanError
from footscan.io.layouts import PEDAR_CELLS, grid_layout, pedar_layout
from footscan.io.moticon_cells import moticon_layout
from footscan.pressure import REGIONS, analyse
from footscan.pressure.drawn import JSON_SCHEMA, SCHEMA, read_drawn, within
from footscan.pressure.masks import Mask, mask_of
from footscan.pressure.regions import foot_grid, pedar_labels, region_labels
from footscan.pressure.templates import own_template
from footscan.synth import make_walk
from footscan.synth.layouts import plate_layout
from footscan.synth.patches import Place, region_of_cell
from footscan.synth.pressed import PressedPrint, draw_foot, press, region_at
from footscan.types import Array, SensorLayout, Side, replace

LEAST_CELLS = 3  #: of a region that says anything of its overlap
SIZES = ("v", "w", "x", "y")


# ------------------------------------------------------------------ feet of known regions


def on_plate(rng: np.random.Generator, pitch_mm: float) -> tuple[PressedPrint, Array]:
    """A drawn foot (either side, any arch, toes pressing, light or lifted, turned -5 to 25 degrees) on a plate that
    reads nothing below 5 kPa and has 3 kPa of noise; and its heading."""
    foot = draw_foot(rng)
    turn = float(rng.uniform(-5.0, 25.0))
    outwards = 1.0 if foot.side == "left" else -1.0
    layout = plate_layout(int(400 / pitch_mm), int(280 / pitch_mm), pitch_mm)
    x, y = 40.0 + rng.uniform(0.0, pitch_mm, 2)
    place = Place(float(x), float(y - 40.0 - outwards * 30.0), foot.length_mm, turn)
    angle = np.deg2rad(outwards * turn)
    print_ = press(foot, layout, place, float(rng.uniform(500.0, 1000.0)), 5.0, 3.0, rng, points=3)
    return print_, np.array([np.cos(angle), np.sin(angle)])


def in_pedar(rng: np.random.Generator, number: int) -> PressedPrint:
    """A drawn foot in a pedar insole: 95 to 99 % as long, where the published mask takes it to lie, give and take."""
    side: Side = "left" if rng.random() < 0.5 else "right"
    layout = pedar_layout(SIZES[number % len(SIZES)], side)
    assert layout.corners_mm is not None
    length = float(np.ptp(layout.corners_mm[..., 0]))
    foot = draw_foot(rng, side, length * rng.uniform(0.95, 0.99), breadth=rng.uniform(0.92, 1.04))
    medial = 1.0 if side == "right" else -1.0
    heel = 0.02 * length + rng.normal(0.0, 2.0), medial * -0.04 * length + rng.normal(0.0, 2.0)
    place = Place(float(heel[0]), float(heel[1]), foot.length_mm, float(-2.2 + rng.normal(0.0, 1.5)), 1.3)
    return press(foot, layout, place, 800.0, 2.5)


def presses(print_: PressedPrint, number: int) -> bool:
    """Whether the region's own structure carries load: where it doesn't, only its neighbours' flanks stand in it."""
    name = REGIONS[number]
    if name.startswith("midfoot"):
        return print_.foot.arch != "high"
    return name != "toes_2_5" or print_.foot.toes != "lifted"


def slack(values: Array) -> float:
    """Three standard errors of a mean; few values may agree by luck, so their spread is taken as 0.1 at least."""
    return 3.0 * max(float(values.std()), 0.1) / float(np.sqrt(len(values)))


class Scores:
    """Dice of the loaded cells, and the error of the peak, region by region over many feet."""

    def __init__(self) -> None:
        self.dice: dict[str, list[float]] = defaultdict(list)
        self.peak: dict[str, list[float]] = defaultdict(list)

    def add(self, print_: PressedPrint, labels: Array) -> None:
        loaded = print_.image > 0
        for number, name in enumerate(REGIONS):
            true, found = loaded & (print_.regions == number), loaded & (labels == number)
            if true.sum() < LEAST_CELLS or not presses(print_, number):
                continue
            self.dice[name].append(2.0 * float((true & found).sum()) / float(true.sum() + found.sum()))
            highest = float(print_.image[found].max(initial=0.0))
            self.peak[name].append(abs(highest / float(print_.image[true].max()) - 1.0))

    def keep(
        self, least_dice: float, sample: bool, names: tuple[str, ...] = REGIONS, peaks: tuple[str, ...] = ()
    ) -> None:
        """The mean Dice is at least so large, the mean error of the ``peaks`` at most 5 %; of a sample: not three
        standard errors beyond."""
        for name in names:
            dice = np.array(self.dice[name])
            assert dice.mean() >= least_dice - sample * slack(dice), (name, dice.mean(), len(dice))
        for name in peaks:
            error = np.array(self.peak[name])
            assert error.mean() <= 0.05 + sample * slack(error), (name, error.mean(), len(error))

    def record(self, record_property: Callable[[str, object], None], what: str) -> None:
        for name in REGIONS:
            record_property(f"{what}.{name}.dice", round(float(np.mean(self.dice[name])), 3))
            right = np.array(self.peak[name]) <= 0.05
            record_property(f"{what}.{name}.peaks_within_5_percent", round(float(right.mean()), 3))


def plate_scores(rng: np.random.Generator, pitch_mm: float, feet: int) -> Scores:
    scores = Scores()
    for _ in range(feet):
        print_, way = on_plate(rng, pitch_mm)
        scores.add(print_, foot_grid(print_.layout, print_.image, print_.foot.side, way).labels)
    return scores


def pedar_scores(rng: np.random.Generator, feet: int) -> Scores:
    scores, mask = Scores(), mask_of("print")
    for number in range(feet):
        print_ = in_pedar(rng, number)
        scores.add(print_, mask.labels(print_.layout, print_.image, print_.foot.side))
    return scores


@pytest.mark.parametrize(("pitch_mm", "feet"), [(5.0, 10), (8.0, 16), (10.0, 24)])
def test_regions_of_feet_of_known_regions(rng: np.random.Generator, pitch_mm: float, feet: int) -> None:
    plate_scores(rng, pitch_mm, feet).keep(0.9, sample=True, peaks=REGIONS)


@pytest.mark.prove
@pytest.mark.parametrize("pitch_mm", [5.0, 8.0, 10.0])
def test_regions_of_many_feet(
    rng: np.random.Generator, pitch_mm: float, record_property: Callable[[str, object], None]
) -> None:
    scores = plate_scores(rng, pitch_mm, 400)
    scores.record(record_property, f"{pitch_mm:.0f}_mm")
    scores.keep(0.9, sample=False, peaks=REGIONS)


#: heads 2 to 4 have three or four cells of a pedar insole each: one cell off is a Dice of 0.86 (docs/pressure.md)
PEDAR_SURE = tuple(name for name in REGIONS if name not in ("mth2", "mth3", "mth4"))
#: a cell of heel or hallux more is many times what these weak neighbours read
PEDAR_PEAKS = tuple(name for name in REGIONS if name not in ("midfoot_medial", "toes_2_5"))


def test_regions_of_feet_in_pedar_insoles(rng: np.random.Generator) -> None:
    pedar_scores(rng, 30).keep(0.9, sample=True, names=PEDAR_SURE, peaks=PEDAR_PEAKS)


@pytest.mark.prove
def test_regions_of_many_feet_in_pedar_insoles(
    rng: np.random.Generator, record_property: Callable[[str, object], None]
) -> None:
    scores = pedar_scores(rng, 400)
    scores.record(record_property, "pedar")
    scores.keep(0.9, sample=False, names=PEDAR_SURE, peaks=PEDAR_PEAKS)
    scores.keep(0.85, sample=False)


def test_regions_of_synthetic_walks(seed: int) -> None:
    """Their truth as the walks carry it, in the order in which the analysis finds the steps."""
    cell_mm = (5.0, 8.0)[seed % 2]
    walk = make_walk("plate", seed, steps=3, cell_mm=cell_mm, standing_s=0.0, toe_out_deg=float(seed % 20))
    layout = walk.recording.pressure[0].layout
    for step, truth in zip(analyse(walk.recording).steps, walk.truth["contacts"], strict=True):
        place = Place(*truth["heel_mm"], truth["foot_mm"], truth["toe_out_deg"])
        true = region_of_cell(layout, step.side, place)
        loaded = (step.peak > 0) & (true != "")
        labels = np.array(REGIONS)[foot_grid(layout, step.peak, step.side).labels]
        assert (labels == true)[loaded].mean() >= 0.93
        # a peak that lies on a border, where a stronger neighbour's flank is the highest, hangs on one cell
        peaks = {name: float(step.peak[true == name].max()) for name in REGIONS}
        assert sum(step.regions[n]["peak_kpa"] == pytest.approx(peaks[n], rel=0.05) for n in REGIONS) >= 8


def test_regions_of_a_synthetic_walk_in_shoes(seed: int) -> None:
    walk = make_walk("in_shoe", seed, steps=6, foot_mm=float(235 + seed % 60))
    for shown in analyse(walk.recording).maps:
        true = walk.truth["region_of_cell"][shown.side]
        assert (np.array(REGIONS)[shown.labels] == true)[true != ""].mean() >= 0.9


# ------------------------------------------------------------------ laws


def test_the_truth_of_a_drawn_foot_does_not_hang_on_its_load(rng: np.random.Generator) -> None:
    foot = draw_foot(rng, "left")
    xy = rng.uniform(0.0, 250.0, (500, 2))
    other = replace(foot, load=np.exp(rng.normal(size=14)), power=2.0)
    place = Place(10.0, 60.0, foot.length_mm, 5.0)
    np.testing.assert_array_equal(region_at(xy, foot, place), region_at(xy, other, place))


@pytest.mark.parametrize("spec", ["print", "template"])
def test_masks_scale_turn_and_mirror_with_the_foot(rng: np.random.Generator, spec: str) -> None:
    print_, way = on_plate(rng, 8.0)
    layout, image, side = print_.layout, print_.image, print_.foot.side
    labels = mask_of(spec).labels(layout, image, side, way)
    assert (mask_of(spec).labels(layout, 3.0 * image, side, way) == labels)[image > 0].mean() > 0.99
    angle = float(rng.uniform(-3.0, 3.0))
    R = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = SensorLayout(layout.xy_mm @ R.T + rng.uniform(-500, 500, 2), layout.area_mm2, frame="plate")
    assert (mask_of(spec).labels(turned, image, side, R @ way) == labels)[image > 0].mean() > 0.97
    other: Side = "left" if side == "right" else "right"
    flat = SensorLayout(layout.xy_mm * [1.0, -1.0], layout.area_mm2, frame="plate")
    assert (mask_of(spec).labels(flat, image, other, way * [1.0, -1.0]) == labels)[image > 0].mean() > 0.97


def test_known_insoles_are_divided_by_their_layout() -> None:
    auto = mask_of("auto")
    pedar = pedar_layout("w", "left")
    np.testing.assert_array_equal(auto.labels(pedar, np.ones(PEDAR_CELLS), "left"), pedar_labels(np.arange(1, 100)))
    for side in ("left", "right"):
        moticon = moticon_layout(side, None)
        names = [REGIONS[k] for k in auto.labels(moticon, np.ones(16), side)]
        assert names[8:14] == ["mth1", "mth2", "mth3", "mth4", "mth5", "hallux"] and set(names) == set(REGIONS)
        medial = moticon.xy_mm[:, 1] * (1.0 if side == "right" else -1.0)
        for part in ("heel", "midfoot"):
            inner, outer = (
                [medial[k] for k, n in enumerate(names) if n == f"{part}_{w}"] for w in ("medial", "lateral")
            )
            assert min(inner) > max(outer)


def test_an_insole_of_few_cells_is_divided_by_its_outline() -> None:
    """Twelve cells in rows: what lies behind is heel, what lies ahead toes, the medial half is on the medial side."""
    x = np.array([20.0, 20.0, 55.0, 55.0, 105.0, 105.0, 180.0, 180.0, 180.0, 165.0, 240.0, 225.0])
    y = np.array([15.0, -15.0, 15.0, -15.0, 15.0, -20.0, 30.0, 10.0, -10.0, -30.0, 25.0, -10.0])
    layout = SensorLayout(np.column_stack([x, y]), np.full(12, 900.0))
    names = [REGIONS[k] for k in region_labels(layout, np.ones(12), "right")]
    assert names[:2] == ["heel_medial", "heel_lateral"] and names[4:6] == ["midfoot_medial", "midfoot_lateral"]
    assert names[6] == "mth1" and names[9] in ("mth4", "mth5") and names[10:] == ["hallux", "toes_2_5"]


def test_cells_at_unknown_places_have_no_regions_but_those_named() -> None:
    layout = SensorLayout(np.column_stack([np.arange(12.0), np.zeros(12)]), positions="arbitrary")
    for spec in ("auto", "print", "template"):
        with pytest.raises(ScanError, match="known positions"):
            mask_of(spec).labels(layout, np.ones(12), "left")


# ------------------------------------------------------------------ templates


def test_our_own_template_finds_the_regions_that_it_stands_for(rng: np.random.Generator) -> None:
    """A stretched, turned template: what it can't follow is how heads differ from foot to foot."""
    scores, mask = Scores(), mask_of("template")
    for _ in range(6):
        print_, way = on_plate(rng, 8.0)
        scores.add(print_, mask.labels(print_.layout, print_.image, print_.foot.side, way))
    scores.keep(0.9, True, ("heel_medial", "heel_lateral", "mth1", "hallux"))
    scores.keep(0.75, True)


def test_a_template_covers_a_stretched_copy_of_itself(rng: np.random.Generator) -> None:
    template = own_template()
    rows, columns = template.contact.shape
    along, across = 1.0 + rng.uniform(-0.08, 0.08, 2)
    nodes = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1).reshape(-1, 2)
    layout = SensorLayout(nodes * template.cell_mm * [along, across], np.full(len(nodes), 16.0), frame="plate")
    contact = template.contact.ravel()
    labels = mask_of("template").labels(layout, contact / (1.01 - contact), "right")
    loaded = contact > 0.2
    assert (labels == template.labels.ravel())[loaded].mean() > 0.97


def test_a_users_own_template(shared_data: Path, rng: np.random.Generator) -> None:
    path = shared_data / "pressure/mun104/MUN104.csv.zip"
    mask = mask_of(f"template:{path}")
    scores = Scores()
    for _ in range(5):
        print_, way = on_plate(rng, 8.0)
        scores.add(print_, mask.labels(print_.layout, print_.image, print_.foot.side, way))
    scores.keep(0.85, True, ("heel_medial", "heel_lateral", "mth1", "hallux"))


def test_a_template_without_a_foot_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    (tmp_path / "square.csv").write_text("\n".join(",".join("1" for _ in range(30)) for _ in range(30)))
    with pytest.raises(ScanError, match="which foot"):
        mask_of(f"template:{tmp_path / 'square.csv'}")
    with pytest.raises(ReadError):
        mask_of(f"template:{tmp_path / 'absent.csv'}")
    layout = grid_layout(40, 20, 10.0, 10.0)
    two = np.where(np.abs(layout.xy_mm[:, 0] - 100.0) < 20.0, 0.0, np.where(layout.xy_mm[:, 0] < 260, 100.0, 0.0))
    with pytest.raises(ScanError):
        mask_of("template").labels(layout, two * rng.uniform(0.9, 1.1, len(two)), "left")


# ------------------------------------------------------------------ drawn


def drawing(**changes: Any) -> dict[str, Any]:
    square = [[0, 0], [100, 0], [100, 50], [0, 50]]
    return {
        "schema": SCHEMA,
        "frame": "plate",
        "regions": {"a": square, "b": [square, [[200, 0], [300, 0], [200, 90]]]},
    } | changes


def written(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def test_drawn_polygons_own_the_cells_whose_centres_lie_in_them(tmp_path: Path, rng: np.random.Generator) -> None:
    mask = mask_of(str(written(tmp_path / "m.json", drawing())))
    assert isinstance(mask, Mask) and mask.names == ("a", "b") and mask_of(mask) is mask
    xy = rng.uniform(-50, 350, (500, 2))
    labels = mask.labels(SensorLayout(xy, frame="plate"), np.ones(500), "unknown")
    x, y = xy.T
    square, triangle = (x > 0) & (x < 100) & (y > 0) & (y < 50), (x > 200) & (y > 0) & (y < 90 - 0.9 * (x - 200))
    np.testing.assert_array_equal(labels, np.where(square, 0, np.where(triangle, 1, -1)))


def test_a_csv_says_the_same_as_json(tmp_path: Path) -> None:
    text = "# frame: plate\nregion,x_mm,y_mm\na,0,0\na,100,0\na,100,50\na,0,50\nb,0,0\nb,100,0\nb,100,50\nb,0,50\n\n"
    text += "b,200,0\nb,300,0\nb,200,90\n"
    a, b = (read_drawn(written(tmp_path / f"m{k}", d)) for k, d in enumerate((text, drawing())))
    assert (a.names, a.frame) == (b.names, b.frame)
    for left, right in zip(a.polygons, b.polygons, strict=True):
        for p, q in zip(left, right, strict=True):
            np.testing.assert_array_equal(p, q)


def test_a_mask_drawn_on_the_foot_goes_with_it(tmp_path: Path, rng: np.random.Generator) -> None:
    """The front 40 % of the print, its medial half: alike on both feet, turned with them, scaled to their length."""
    front = [[60, 0], [110, 0], [110, 90], [60, 90]]
    path = written(tmp_path / "m.json", drawing(frame="foot", length_mm=100.0, regions={"front inner": front}))
    for _ in range(3):
        print_, way = on_plate(rng, 8.0)
        grid = foot_grid(print_.layout, print_.image, print_.foot.side, way)
        labels = mask_of(str(path)).labels(print_.layout, print_.image, print_.foot.side, way)
        expected = (grid.along > 0.6) & (grid.along < 1.1) & (grid.w_mm < 0)
        near = print_.image > 0
        np.testing.assert_array_equal((labels == 0)[near], expected[near])


def test_any_names_reach_the_analysis(tmp_path: Path) -> None:
    walk = make_walk("in_shoe", 1, steps=4)
    cells = {"rear": list(range(1, 31)), "Vorfuß": list(range(60, 100))}
    path = written(tmp_path / "m.json", {"schema": SCHEMA, "cells": cells})
    for step in analyse(walk.recording, mask=str(path)).steps:
        assert set(step.regions) == {"rear", "Vorfuß"}
        assert step.regions["rear"]["peak_kpa"] == pytest.approx(float(step.peak[:30].max()))
    few = SensorLayout(np.zeros((12, 2)), positions="arbitrary")
    with pytest.raises(ScanError, match="cell 30, the sensor has 12"):
        mask_of(str(path)).labels(few, np.ones(12), "left")


SQUARE = [[0, 0], [9, 0], [9, 9]]
BAD: dict[str, Any] = {
    "no json": "{",
    "twice": '{"schema": "plantar/mask/1", "frame": "foot", "regions": {"a": [], "a": []}}',
    "nan": '{"schema": "plantar/mask/1", "frame": "foot", "regions": {"a": [[0, 0], [NaN, 0], [9, 9]]}}',
    "deep": '{"schema": ' + "[" * 100_000,
    "digits": '{"schema": ' + "9" * 10_000 + "}",
    "a list": "[1, 2]",
    "empty": "",
    "no schema": {"regions": {}},
    "another schema": drawing(schema="plantar/mask/2"),
    "a strange key": drawing(colour="red"),
    "no frame": {"schema": SCHEMA, "regions": {"a": SQUARE}},
    "a strange frame": drawing(frame="moon"),
    "a length of a plate": drawing(length_mm=250),
    "a length in metres": drawing(frame="foot", length_mm=0.25),
    "both": drawing(cells={"a": [1]}),
    "neither": {"schema": SCHEMA, "frame": "foot"},
    "no regions": drawing(regions={}),
    "regions in a list": drawing(regions=[SQUARE]),
    "no name": drawing(regions={" ": SQUARE}),
    "a long name": drawing(regions={"n" * 65: SQUARE}),
    "two corners": drawing(regions={"a": SQUARE[:2]}),
    "a flat one": drawing(regions={"a": [[0, 0], [9, 0], [20, 0]]}),
    "three coordinates": drawing(regions={"a": [[0, 0, 0], [9, 0, 0], [9, 9, 0]]}),
    "words": drawing(regions={"a": [["0", 0], [9, 0], [9, 9]]}),
    "true": drawing(regions={"a": [[True, 0], [9, 0], [9, 9]]}),
    "far off": drawing(regions={"a": [[0, 0], [1e9, 0], [9, 9]]}),
    "a huge number": drawing(regions={"a": [[0, 0], [10**400, 0], [9, 9]]}),
    "an empty polygon": drawing(regions={"a": [[]]}),
    "cell 0": {"schema": SCHEMA, "cells": {"a": [0]}},
    "half a cell": {"schema": SCHEMA, "cells": {"a": [1.5]}},
    "no cells": {"schema": SCHEMA, "cells": {"a": []}},
    "a cell in two": {"schema": SCHEMA, "cells": {"a": [1], "b": [1]}},
    "cells in a frame": {"schema": SCHEMA, "frame": "foot", "cells": {"a": [1]}},
    "decimal commas": "# frame: foot\nregion,x_mm,y_mm\na,0,5,0\n",
    "another header": "# frame: foot\nname,x,y\na,0,0\n",
    "no number": "# frame: foot\nregion,x_mm,y_mm\na,zero,0\n",
    "a csv of nan": "# frame: foot\nregion,x_mm,y_mm\na,nan,0\na,1,0\na,1,1\n",
    "a csv without frame": "region,x_mm,y_mm\na,0,0\na,9,0\na,9,9\n",
}


@pytest.mark.parametrize("name", BAD)
def test_a_drawing_that_can_not_be_used_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReadError, match=r"mask\.json.*expected .*, found "):
        mask_of(str(written(tmp_path / "mask.json", BAD[name])))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    (tmp_path / "m.json").write_bytes(b"{" + rng.bytes(200) + b"\xff")
    with pytest.raises(ReadError):
        mask_of(str(tmp_path / "m.json"))


def test_mutated_drawings_are_read_or_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    data = json.dumps(drawing()).encode()
    for _ in range(300):
        bad = bytearray(data)
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(len(bad)))
            bad[at : at + int(rng.integers(0, 3))] = rng.bytes(int(rng.integers(0, 3)))
        (tmp_path / "m.json").write_bytes(bytes(bad))
        try:
            found = read_drawn(tmp_path / "m.json")
        except ReadError:
            continue
        assert found.names and all(np.isfinite(p).all() for group in found.polygons for p in group)


def test_the_schema_says_what_the_reader_takes(tmp_path: Path) -> None:
    """Every key that the reader knows stands in the schema, and every required one is asked for."""
    for key in JSON_SCHEMA["properties"]:
        known = (
            drawing() if key in ("frame", "regions") else drawing(**({} if key != "length_mm" else {"frame": "foot"}))
        )
        known |= {"length_mm": 250} if key == "length_mm" else {}
        known = {"schema": SCHEMA, "cells": {"a": [1]}} if key == "cells" else known
        assert key in known
        read_drawn(written(tmp_path / "m.json", known))


def test_a_drawing_for_another_sensor_is_refused(tmp_path: Path) -> None:
    path = str(written(tmp_path / "m.json", drawing(frame="insole")))
    layout = plate_layout(10, 10, 10.0)
    with pytest.raises(ScanError, match="frame 'insole', the sensor's is 'plate'"):
        mask_of(path).labels(layout, np.ones(100), "left")
    with pytest.raises(ScanError, match="left or right"):
        mask_of(path).labels(pedar_layout("w", "left"), np.ones(PEDAR_CELLS), "unknown")


def test_within_a_polygon(rng: np.random.Generator) -> None:
    """A convex polygon holds the points on the inner side of all its edges."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, 7))
    polygon = np.column_stack([np.cos(angle), np.sin(angle)])
    xy = rng.uniform(-1.2, 1.2, (1000, 2))
    edge = np.roll(polygon, -1, axis=0) - polygon
    away = xy[:, None] - polygon
    inner = (edge[:, 0] * away[..., 1] - edge[:, 1] * away[..., 0] > 0).all(axis=1)
    np.testing.assert_array_equal(within(polygon, xy), inner)


# ------------------------------------------------------------------ specs


@pytest.mark.parametrize("spec", ["", "automatic", "template:", "mask.txt", "landmarks"])
def test_a_spec_that_names_nothing_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match=r"mask|landmarks"):
        mask_of(spec)


def test_a_scan_is_asked_of_the_module_that_reads_scans() -> None:
    with pytest.raises(ValueError, match=r"footscan\.registration\.mask_of"):
        mask_of("landmarks:foot.stl")
