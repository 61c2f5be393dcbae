"""Insoles: solid, files, zones, the spring bed and a whole prediction, in process, at 100,000 triangles."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import harness
import numpy as np
from harness import Result

from footscan import feet, synth
from footscan.pressure import analyse, region_loads
from insole import InsolePrescription, design, glb_bytes, solid, stl_bytes
from insole.instants import stance_instants
from insole.prediction import predict
from insole.slicer_files import printable, zoned_threemf_bytes
from insole.springs import Layer, in_series, press
from insole.zones import plan_zones

TRIANGLES = 100_000


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
    work = press_once()
    yield Result(
        "insole_instant_2700_springs", 1000 * harness.median_of(9, lambda: seconds(work)) / 64, "ms", 2.0, "lower"
    )
    stances = stance_instants(walk, analysis, foot)
    count = sum(len(s.step) for s in stances)
    whole = harness.median_of(3, lambda: seconds(lambda: predict(shape, zoning, foot, stances)))
    yield Result("insole_prediction_of_a_walk", whole, "s", None, "lower")
    yield Result("insole_prediction_an_instant", 1000 * whole / count, "ms", None, "lower")
