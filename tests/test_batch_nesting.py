"""Insoles on beds: never on each other, apart, each once, as close as can be known. The queue of the printers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from nested_lines import distance, laid_apart, placed, sole, star

from footscan.types import Array, Mesh
from insole import DesignError
from insole.nesting import fits, least_plates, nest
from insole.outlines import STEP_MM, area, forbidden, grown, profile, silhouette, turned
from insole.plates import MARGIN_MM, pack
from insole.polygons import holds
from insole.printing import Plate, Printer, Queue, queue, share_out

BED = (250.0, 210.0)


def rectangle(x: float, y: float) -> Array:
    return np.array([[0.0, 0.0], [x, 0.0], [x, y], [0.0, y]])


def hold(lines: list[Array], bed: tuple[float, float], spacing: float, kinds: list[str] | None = None) -> int:
    """Nest, and check all that a plate promises; how many plates it took."""
    plates = nest(lines, bed, spacing, kinds)
    assert sorted(spot.part for plate in plates for spot in plate) == list(range(len(lines)))
    for plate in plates:
        assert laid_apart([placed(lines[s.part], s) for s in plate], bed, MARGIN_MM) >= spacing - 0.01
    assert len(plates) >= least_plates(lines, bed, spacing) - 1e-9
    assert nest(lines, bed, spacing, kinds) == plates
    return len(plates)


# ------------------------------------------------------------------ outlines


def test_an_outline_grows_by_no_less_than_is_asked_and_hardly_more(rng: np.random.Generator) -> None:
    line, by = star(rng, float(rng.uniform(40, 120))), float(rng.uniform(0.5, 6.0))
    wide = grown(line, by)
    assert area(wide) > 0 and (area(grown(line[::-1], by)) == pytest.approx(area(wide)))
    b = np.roll(line, -1, axis=0)
    around = np.vstack([line + t * (b - line) for t in np.linspace(0, 1, 9)])
    assert holds(wide, *around.T).all()
    gap = min(float(np.hypot(*(wide - p).T).min()) for p in line)
    assert by - 0.01 <= gap <= by + 0.2


def test_where_two_shapes_overlap_is_forbidden(rng: np.random.Generator) -> None:
    one, other = (turned(star(rng, 80.0), float(rng.uniform(0, 360))) for _ in range(2))
    first, low, high = forbidden(profile(one), profile(other))
    for shift in rng.integers(first, first + len(low), 60).tolist():
        for y in rng.uniform(-90, 90, 4).tolist():
            apart = distance(one, other + np.array([shift * STEP_MM, y]))
            assert apart > 0 or low[shift - first] <= y <= high[shift - first]
    for beyond in (first - 1, first + len(low)):
        assert distance(one, other + np.array([beyond * STEP_MM, 0.0])) > 0


def test_of_two_rectangles_no_more_than_they_take_is_forbidden(rng: np.random.Generator) -> None:
    a, b, c, d = (float(v) for v in rng.integers(5, 60, 4))
    first, low, high = forbidden(profile(rectangle(a, b)), profile(rectangle(c, d)))
    shifts = first + np.arange(len(low))
    assert (shifts == np.arange(-c + 1, a)).all()
    assert low == pytest.approx(-d) and high == pytest.approx(b)


def test_the_silhouette_of_a_solid_is_its_outline_from_above(rng: np.random.Generator) -> None:
    x, y, z = rng.uniform(10, 90, 3)
    corners = np.array([[i, j, k] for i in (0, x) for j in (0, y) for k in (0, z)])
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    faces += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    line = silhouette(Mesh(corners, np.array(faces)))
    assert area(line) == pytest.approx(x * y, rel=1e-6)
    with pytest.raises(DesignError, match="an open mesh"):
        silhouette(Mesh(corners, np.array(faces[:-1])))


# ------------------------------------------------------------------ plates


def test_soles_never_overlap_and_every_one_is_on_one_plate(rng: np.random.Generator) -> None:
    bed = (float(rng.uniform(250, 380)), float(rng.uniform(220, 380)))
    sides = [str(s) for s in rng.choice(["left", "right"], 14)]
    found = [(line, side) for side in sides if fits(line := sole(rng, side), bed)]
    hold([line for line, _ in found], bed, float(rng.uniform(0.0, 12.0)), [side for _, side in found])


def test_any_shapes_never_overlap(rng: np.random.Generator) -> None:
    lines = [star(rng, float(rng.uniform(40, 140))) for _ in range(10)]
    hold(lines, (260.0, 200.0), float(rng.uniform(0.0, 10.0)))


def test_two_triangles_lie_on_a_square(rng: np.random.Generator) -> None:
    leg = 96.0  # of the 100 mm that the margins leave
    triangle = turned(np.array([[0.0, 0.0], [leg, 0.0], [0.0, leg]]), float(rng.uniform(0, 360)))
    assert hold([triangle, triangle + 7.0], (104.0, 104.0), 0.0) == 1
    assert hold([triangle] * 4, (104.0, 104.0), 0.0) == 2


def test_rectangles_fill_a_bed(rng: np.random.Generator) -> None:
    bed = (104.0, 104.0)
    assert hold([rectangle(48.0, 23.5)] * 8, bed, 1.0) == 1
    assert hold([rectangle(95.0, 30.0)] * 3, bed, 2.0) == 1
    assert hold([rectangle(95.0, 30.0)] * 4, bed, 2.0) == 2


def test_what_lies_across_finds_its_place() -> None:
    lines = [rectangle(200.0, 60.0)] * 4 + [rectangle(60.0, 250.0)]
    assert hold(lines, (280.0, 280.0), 3.0) == 1


def test_insoles_of_a_side_interlock_where_rectangles_do_not_fit(rng: np.random.Generator) -> None:
    lines = [sole(rng, side, 240.0) for side in ("left", "left", "right", "right")]
    boxes = [(float(w), float(d)) for w, d in (np.ptp(line, axis=0) for line in lines)]
    room = (BED[0] - 2 * MARGIN_MM, BED[1] - 2 * MARGIN_MM)
    lying = 1 + max(slot.plate for slot in pack(boxes, room, 6.0))
    assert hold(lines, BED, 6.0, ["left", "left", "right", "right"]) <= lying
    longer = [sole(rng, "left", 252.0) for _ in range(2)]  # longer than the bed: only at an angle
    assert fits(longer[0], BED) and hold(longer, BED, 6.0) <= 2


def test_a_bed_takes_what_fits_at_an_angle_and_refuses_the_rest() -> None:
    assert fits(rectangle(120.0, 10.0), (104.0, 104.0)) and not fits(rectangle(150.0, 10.0), (104.0, 104.0))
    hold([rectangle(120.0, 10.0)] * 2, (104.0, 104.0), 4.0)
    with pytest.raises(DesignError, match="printer_bed"):
        nest([rectangle(150.0, 10.0)], (104.0, 104.0))
    assert nest([], BED) == ()
    for line in (np.zeros((2, 2)), np.full((4, 2), np.nan), np.zeros((4, 3))):
        with pytest.raises(ValueError, match="an outline must be"):
            nest([line], BED)
    with pytest.raises(DesignError, match="area"):
        nest([np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])], BED)
    with pytest.raises(ValueError, match="kinds"):
        nest([rectangle(10.0, 10.0)], BED, 6.0, ["left", "right"])
    for bed, spacing in (((3.0, 200.0), 6.0), (BED, -1.0), (BED, np.nan)):
        with pytest.raises(ValueError, match="must be"):
            nest([rectangle(10.0, 10.0)], bed, spacing)


@pytest.mark.prove
@pytest.mark.parametrize("bed", [(250.0, 210.0), (256.0, 256.0), (300.0, 300.0), (400.0, 400.0)])
def test_a_night_of_two_hundred(
    bed: tuple[float, float], rng: np.random.Generator, record_property: Callable[[str, object], None]
) -> None:
    sides = ["left", "right"] * 100
    lines = [sole(rng, side, float(rng.normal(255, 14)) - 10.0) for side in sides]
    kept = [k for k, line in enumerate(lines) if fits(line, bed)]
    lines, sides = [lines[k] for k in kept], [sides[k] for k in kept]
    record_property("insoles", len(lines))
    record_property("plates", hold(lines, bed, 6.0, sides))
    record_property("least_by_area", round(least_plates(lines, bed, 6.0), 1))


# ------------------------------------------------------------------ the queue


def printer(name: str = "a", bed: tuple[float, float] = BED, material: str = "tpu", **more: float) -> Printer:
    return Printer(name, bed, material, **{"between_min": 0.0, **more})


def sound(plates: list[Plate], printers: list[Printer]) -> Queue:
    """A queue, held against what every queue keeps."""
    found = queue(plates, printers)
    printed = [(run.plate, k) for run in found.runs for k in run.insoles]
    wanted = [(n, k) for n, p in enumerate(plates) for k in range(len(p.minutes)) if n not in found.nobody]
    assert sorted(printed) == wanted
    for k, one in enumerate(printers):
        at = one.busy_min
        for run in (run for run in found.runs if run.printer == k):
            assert one.takes(plates[run.plate]) and run.insoles
            assert run.begin_min == pytest.approx(at + one.between_min)
            minutes = sum(plates[run.plate].minutes[i] for i in run.insoles)
            assert run.end_min == pytest.approx(run.begin_min + minutes / one.speed)
            at = run.end_min
    assert found.bound_min <= found.makespan_min + 1e-6
    assert found.makespan_min == max((run.end_min for run in found.runs), default=0.0)
    assert queue(plates, printers) == found
    return found


def test_a_queue_prints_everything_once_on_printers_that_can(rng: np.random.Generator) -> None:
    beds, materials = [(250.0, 210.0), (300.0, 300.0)], ["tpu", "peba"]
    printers = [
        Printer(
            f"p{k}", beds[int(rng.integers(2))], materials[int(rng.integers(2))], float(rng.choice([0.4, 0.6])),
            float(rng.uniform(0.5, 2.0)), float(rng.uniform(0.0, 30.0)), float(rng.choice([0.0, 90.0])),
        )
        for k in range(int(rng.integers(1, 6)))
    ]  # fmt: skip
    plates = [
        Plate(tuple(rng.uniform(100, 400, int(rng.integers(1, 5))).tolist()), beds[int(rng.integers(2))],
              materials[int(rng.integers(2))], float(rng.choice([0.4, 0.6])))
        for _ in range(int(rng.integers(0, 25)))
    ]  # fmt: skip
    found = sound(plates, printers)
    assert found.nobody == tuple(n for n, p in enumerate(plates) if not any(one.takes(p) for one in printers))


def test_longest_first_is_bettered_by_exchanging() -> None:
    plates = [Plate((minutes,), BED, "tpu") for minutes in (300.0, 300.0, 200.0, 200.0, 200.0)]
    found = sound(plates, [printer("a"), printer("b")])
    assert found.makespan_min == found.bound_min == 600.0  # longest first alone: 700


def test_a_full_plate_is_divided_where_printers_stand_idle() -> None:
    plate = Plate((100.0, 100.0, 100.0, 100.0), BED, "tpu")
    alone = sound([plate], [printer("a")])
    assert len(alone.runs) == 1 and alone.makespan_min == 400.0
    both = sound([plate], [printer("a", between_min=10.0), printer("b", between_min=10.0)])
    assert both.makespan_min == 210.0 and sorted(k for run in both.runs for k in run.insoles) == [0, 1, 2, 3]
    slow = sound([Plate((20.0, 20.0), BED, "tpu")], [printer("a"), printer("b")])
    assert len(slow.runs) == 1  # twenty minutes are not worth a second plate


def test_twice_the_speed_is_half_the_time(rng: np.random.Generator) -> None:
    plates = [Plate((float(m),), BED, "tpu") for m in rng.uniform(100, 500, 12)]
    printers = [printer(f"p{k}", speed=float(rng.uniform(0.5, 2.0))) for k in range(3)]
    fast = [dataclasses.replace(p, speed=2.0 * p.speed) for p in printers]
    slow, quick = sound(plates, printers), sound(plates, fast)
    assert quick.bound_min == pytest.approx(0.5 * slow.bound_min)
    assert max(slow.makespan_min / slow.bound_min, quick.makespan_min / quick.bound_min) <= 4.0 / 3.0
    assert queue(plates, []) == Queue((), tuple(range(12)), 0.0, 0.0)


def test_beds_share_the_work_and_large_insoles_get_the_large_bed(rng: np.random.Generator) -> None:
    count = 60
    sizes = rng.uniform(150, 300, count)
    minutes = (sizes * rng.uniform(0.9, 1.1, count)).tolist()
    small = sizes < 260
    found = share_out(minutes, sizes.tolist(), [[bool(s), True] for s in small], [1.0, 1.0])
    on = np.array(found, dtype=int)
    assert (on[~small] == 1).all()
    work = [sum(m for m, bed in zip(minutes, found) if bed == k) for k in (0, 1)]
    assert abs(work[0] - work[1]) <= max(minutes) or not (on[small] == 1).any()
    assert share_out([1.0], [1.0], [[False, False]], [1.0, 1.0]) == [None]
