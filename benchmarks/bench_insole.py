"""Insoles: solid, files, zones, the spring bed and a whole prediction, in process, at 100,000 triangles."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import harness
import numpy as np
from harness import Result

from footscan import feet, synth
from footscan.pressure import analyse, region_loads
from footscan.types import FootMeasurements, Measure, Side
from footscan.usual import usual_foot
from insole import InsolePrescription, check_mesh, design, glb_bytes, prescribe, solid, stl_bytes
from insole.instants import stance_instants
from insole.prediction import predict
from insole.slicer_files import printable, zoned_threemf_bytes
from insole.springs import Layer, in_series, press
from insole.zones import plan_zones

TRIANGLES, FEWER = 100_000, 30_000
PAIRS = 200


def seconds(work: Callable[[], Any]) -> float:
    """Of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def press_once() -> Callable[[], Any]:
    """64 instants of 2,704 springs that bottom out, under a sphere: the time of one instant."""
    at = np.arange(52) - 25.5
    x, y = (v.ravel() for v in np.meshgrid(at, at))
    law = in_series([Layer(40.0, 6.0, 400.0), Layer(300.0, 1.5, 6000.0), Layer(150.0, 1.4, 3000.0)])
    force = np.linspace(20.0, 900.0, 64)
    cop = np.column_stack([np.linspace(-8.0, 8.0, 64), np.zeros(64)])
    return lambda: press(np.column_stack([x, y]), np.ones(len(x)), law, (x * x + y * y) / 160.0, force, cop)


def person(number: int) -> dict[Side, FootMeasurements]:
    """The measures of one person's feet."""
    rng = np.random.default_rng(number)
    length = float(rng.uniform(220.0, 300.0))
    shares = {"foot_length_mm": 1.0, "foot_breadth_mm": 0.385, "heel_breadth_mm": 0.255, "instep_height_mm": 0.24}
    shares |= {"ball_length_medial_mm": 0.735, "ball_length_lateral_mm": 0.635}
    sides: tuple[Side, Side] = ("left", "right")
    return {
        side: FootMeasurements(
            {k: Measure(v * length * float(rng.uniform(0.97, 1.03))) for k, v in shares.items()}, side
        )
        for side in sides
    }


def pair(number: int) -> int:
    """From measures to checked STL and zoned 3MF of both feet; the files' bytes."""
    size = 0
    for side, measured in person(number).items():
        foot = usual_foot(measured)
        shape = design(foot, prescribe(measured), FEWER)
        mesh = solid(shape)
        assert check_mesh(mesh).ok
        part = printable(shape, mesh, plan_zones(shape, foot), f"insole {side}")
        size += len(stl_bytes(mesh)) + len(zoned_threemf_bytes([part]))
    return size


def pairs_a_second() -> float:
    """``PAIRS`` people on two processes, whose imports are done."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(pair, range(4)))
        return PAIRS / seconds(lambda: list(pool.map(pair, range(PAIRS), chunksize=5)))


def run() -> Iterator[Result]:
    """Everything of insoles that has a budget."""
    made = synth.make_foot(synth.FootSpec(side="left", length_mm=262.0))
    foot = feet.find_feet(synth.scan_foot(made, points=200_000, turn_deg=8.0, seed=1), side="left")[0]
    walk = synth.make_walk("in_shoe", seed=1).recording
    analysis = analyse(walk)
    shape = design(foot, InsolePrescription(body_mass_kg=75.0), TRIANGLES)
    yield Result(
        "insole_design_100k", 1000 * harness.median_of(5, lambda: seconds(lambda: design(foot, shape.prescription))),
        "ms", None, "lower",
    )  # fmt: skip
    yield Result(
        "insole_solid_100k", 1000 * harness.median_of(9, lambda: seconds(lambda: solid(shape))), "ms", 30.0, "lower"
    )
    mesh, loads = solid(shape), region_loads(analysis).get("left")
    zoning = plan_zones(shape, foot, loads)
    yield Result(
        "insole_zones", 1000 * harness.median_of(5, lambda: seconds(lambda: plan_zones(shape, foot, loads))),
        "ms", None, "lower",
    )  # fmt: skip

    def files() -> list[bytes]:
        part = printable(shape, mesh, zoning, "insole left")
        return [stl_bytes(mesh), glb_bytes(mesh), zoned_threemf_bytes([part])]

    yield Result(
        "insole_stl_glb_zoned_3mf_100k", 1000 * harness.median_of(9, lambda: seconds(files)), "ms", 250.0, "lower"
    )
    yield Result("insole_pairs_from_measurements_30k", pairs_a_second(), "pairs/s", 10.0, "higher")
    work = press_once()
    yield Result(
        "insole_instant_2700_springs", 1000 * harness.median_of(9, lambda: seconds(work)) / 64, "ms", 2.0, "lower"
    )
    stances = stance_instants(walk, analysis, foot)
    count = sum(len(s.step) for s in stances)
    whole = harness.median_of(3, lambda: seconds(lambda: predict(shape, zoning, foot, stances)))
    yield Result("insole_prediction_of_a_walk", whole, "s", None, "lower")
    yield Result("insole_prediction_an_instant", 1000 * whole / count, "ms", None, "lower")
