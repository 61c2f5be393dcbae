"""What a kiosk's customer waits for: two scans and a walk to measures, 3D, insoles, in warm child processes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from harness import Result

from footscan import io, synth
from station.kiosk.processing import Workers

PAIRS, ROUNDS = 3, 7
SIDES = ("left", "right")


def run() -> Iterator[Result]:
    """The whole of it, and the part between the scan and the next screen."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.csv"
        io.write_recording(path, synth.make_walk("in_shoe", seed=3, steps=12).recording)
        whole, scored = asyncio.run(_measured(path.read_bytes()))
    yield Result("kiosk_processing_p95", float(np.percentile(whole, 95)), "s", 3.0, "lower")
    yield Result("kiosk_scan_to_next_screen_p95", float(np.percentile(scored, 95)), "s", None, "lower")


async def _measured(walk: bytes) -> tuple[list[float], list[float]]:
    whole, scored = [], []
    async with Workers(2) as workers:
        await workers.ready()
        for seed in range(PAIRS):
            drawn = [workers.do("simulate", side=side, seed=seed) for side in SIDES]
            scans = {f"{s}.ply": a.files[f"{s}.ply"] for s, a in zip(SIDES, await asyncio.gather(*drawn))}
            for _ in range(ROUNDS):
                start = time.perf_counter()
                asked = [workers.do("measure", {n: scans[n]}, side=n[:-4], load="standing", sd=False) for n in scans]
                feet = [(f"{s}.foot", a.files[f"{s}.foot"]) for s, a in zip(SIDES, await asyncio.gather(*asked))]
                scored.append(time.perf_counter() - start)
                heard, *_ = await asyncio.gather(
                    workers.do("walk", {"walk.csv": walk}), *(workers.do("show", {n: data}) for n, data in feet)
                )
                loads = heard.document["loads"]
                await asyncio.gather(
                    *(workers.do("insole", {n: d}, loads=loads.get(n[:-5]), preset="everyday") for n, d in feet)
                )
                whole.append(time.perf_counter() - start)
    return whole, scored
