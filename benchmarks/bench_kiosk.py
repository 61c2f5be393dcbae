"""What a kiosk's customer waits for: two scans and a walk to measures, 3D, insoles, in warm child processes; the whole
way in a real browser, how soon its screens are painted and what they weigh."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from harness import Result, Skipped
from kiosk_browser import Cold, Visitor, chromium, cold, kiosk

from footscan import io, synth
from station.kiosk.processing import Workers

PAIRS, ROUNDS = 3, 7
SIDES = ("left", "right")
LIVE, TAPS_AFTER = ("scan", "walk"), 3


def run() -> Iterator[Result]:
    """The whole of it, and the part between the scan and the next screen."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.csv"
        io.write_recording(path, synth.make_walk("in_shoe", seed=3, steps=12).recording)
        whole, scored = asyncio.run(_measured(path.read_bytes()))
    yield Result("kiosk_processing_p95", float(np.percentile(whole, 95)), "s", 3.0, "lower")
    yield Result("kiosk_scan_to_next_screen_p95", float(np.percentile(scored, 95)), "s", None, "lower")
    yield from browsed()


def browsed() -> Iterator[Result]:
    """Both feet and a walk, in a real browser that draws 3D in software; each screen again in an empty browser."""
    if shutil.which("chromium") is None:
        raise Skipped("chromium is not installed")
    screens: dict[str, Cold] = {}
    with (
        tempfile.TemporaryDirectory() as place,
        kiosk(Path(place) / "studio", "--scan", "sim:feet?seed=4") as one,
        chromium(one) as browser,
        Visitor(browser, one, at=_again(screens)) as visitor,
    ):
        visitor.walk("zh")
        swapped = [ms for _, ms in visitor.page.evaluate("window.swaps")]
        yield Result("kiosk_whole_way", visitor.seconds, "s", 60.0, "lower")
        yield Result("kiosk_taps_to_result", visitor.taps - TAPS_AFTER, "", 6.0, "lower")
    yield Result("kiosk_first_paint_slowest", max(c.paint_ms for c in screens.values()), "ms", 200.0, "lower")
    yield Result("kiosk_tap_to_next_screen_slowest", max(swapped), "ms", None, "lower")
    yield Result("kiosk_page_weight_largest", max(c.weight for c in screens.values()) / 1e6, "MB", 3.0, "lower")


def _again(screens: dict[str, Cold]) -> Callable[[Visitor, str], None]:
    def look(visitor: Visitor, screen: str) -> None:
        if screen not in LIVE:  # what goes on there belongs to whoever began it
            screens[screen] = cold(visitor)

    return look


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
