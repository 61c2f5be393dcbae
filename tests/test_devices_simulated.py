"""The virtual devices themselves: `sim:` in one process, walks that repeat, faults as asked for, and long runs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from device_runs import Heard, listen, run, whole

import devices
from devices import ble, walks
from devices.errors import DeviceError, DeviceLost
from devices.simulation import Clock, Delivery, Settings
from devices.specs import parse
from devices.types import Gap, Packet, Status
from devices.virtual_radio import Air
from footscan.io import write_recording
from footscan.synth import make_walk

ROOT = Path(__file__).resolve().parents[1]


def test_sim_opens_any_product_and_the_device_lives_on_when_the_link_ends() -> None:
    async def work() -> list[Heard]:
        wanted = {"sim:orphe?drop_every_s=0.5&side=right": 90, "sim:board?speed=2": 50, "sim:velostat": 10}
        return await asyncio.gather(*(listen(spec, samples, "pressure") for spec, samples in wanted.items()))

    orphe, board, mat = run(work)
    assert len(orphe.status("connected")) >= 2
    whole(orphe, "pressure")
    assert {gap.why for gap in orphe.gaps("pressure")} == {"disconnected"}  # it went on counting meanwhile
    assert orphe.info.side == "right"
    assert [h.info.product for h in (board, mat)] == ["board", "velostat"]


def test_sim_without_an_event_loop() -> None:
    with devices.open("sim:fau?speed=4") as insole:
        packets = [packet for packet, _ in zip(insole, range(12))]
    assert {packet.channel for packet in packets} == {"pressure", "acceleration", "angular_rate", "air_pressure"}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("sim:nothing", "a product, one of board, orphe"),
        ("sim:orphe?loss=2", "loss from 0 to 1, found loss=2"),
        ("sim:orphe?recording=/nowhere.asc", "no such file"),
    ],
)
def test_what_cannot_be_simulated_is_said(spec: str, said: str) -> None:
    with pytest.raises(DeviceError, match=said):
        run(lambda: listen(spec, 1, "pressure"))


# ------------------------------------------------------------------ the walk


def test_a_walk_repeats_and_turns_pressure_into_any_sensors(seed: int, rng: np.random.Generator) -> None:
    walk = walks.synthetic(seed % 1000)
    times = rng.uniform(0.0, walk.duration_s, 50)
    for side in ("left", "right"):
        once = walks.pressure_at(walk, side, times)
        np.testing.assert_allclose(walks.pressure_at(walk, side, times + 3 * walk.duration_s), once, atol=1e-3)
        foot = walk.foot(side)
        np.testing.assert_allclose(walks.pressure_at(walk, side, foot.time_s[5:9]), foot.values[5:9], atol=1e-3)
        weights = walks.onto(foot.layout, side, [(0.05, 0.5), (0.95, 0.2)])
        np.testing.assert_allclose(weights.sum(axis=0), 1.0)
        heel, toe = foot.layout.xy_mm[weights[:, 0] > 0, 0], foot.layout.xy_mm[weights[:, 1] > 0, 0]
        assert heel.max() < 0.2 * np.ptp(foot.layout.xy_mm[:, 0])
        assert toe.min() > 0.8 * np.ptp(foot.layout.xy_mm[:, 0])
        # medial is inward: towards −y for a left foot, towards +y for a right one
        medial = foot.layout.xy_mm[walks.onto(foot.layout, side, [(0.7, 0.1)])[:, 0] > 0, 1].mean()
        lateral = foot.layout.xy_mm[walks.onto(foot.layout, side, [(0.7, 0.9)])[:, 0] > 0, 1].mean()
        assert (medial < lateral) == (side == "left")


def test_motion_agrees_with_itself(seed: int) -> None:
    """Gravity has its length, quaternions theirs, and the angular rate is the attitude's change."""
    walk = walks.synthetic(seed % 1000)
    times = np.arange(0.5, 4.0, 0.001)
    motion = walks.motion_at(walk, "left", times)
    np.testing.assert_allclose(np.linalg.norm(motion.acceleration_m_s2, axis=1), walks.STANDARD_GRAVITY)
    np.testing.assert_allclose(np.linalg.norm(motion.quaternion, axis=1), 1.0)
    pitch = 2.0 * np.degrees(np.arctan2(motion.quaternion[:, 2], motion.quaternion[:, 0]))
    moved = np.cumsum(motion.angular_rate_dps[:, 1]) * 0.001
    assert np.ptp(pitch) > 20.0
    np.testing.assert_allclose(moved - moved[0], pitch - pitch[0], atol=1.5)
    np.testing.assert_allclose(motion.acceleration_m_s2[:, 2], walks.STANDARD_GRAVITY * np.cos(np.radians(pitch)))


def test_a_recorded_walk_is_played(tmp_path: Path, seed: int) -> None:
    made = make_walk("in_shoe", seed % 1000, steps=4).recording
    write_recording(tmp_path / "walk.csv", made)

    async def work() -> Heard:
        return await listen(f"sim:brainco?recording={tmp_path / 'walk.csv'}&speed=3", 30, "pressure")

    heard = run(work)
    played = walks.recorded(str(tmp_path / "walk.csv"))
    assert played.duration_s == pytest.approx(float(np.ptp(made.pressure[0].time_s)), abs=1e-3)
    assert heard.values("pressure").max() > 0


# ------------------------------------------------------------------ clock and faults


def test_a_crystal_that_is_too_fast_ticks_more_often_and_leaves_no_number_out() -> None:
    async def work() -> tuple[list[int], float]:
        clock, start = Clock(1.0, 5e4), asyncio.get_running_loop().time()
        numbers: list[int] = []
        async for due in clock.ticks(200.0, 4):
            numbers += due
            if len(numbers) >= 30:
                break
        return numbers, asyncio.get_running_loop().time() - start

    numbers, took_s = run(work)
    assert numbers == list(range(len(numbers)))
    assert len(numbers) <= took_s * 1.05 * 50 + 1


def test_faults_are_as_many_as_asked_for(rng: np.random.Generator, seed: int) -> None:
    async def work(**faults: Any) -> tuple[list[bytes], int]:
        got: list[bytes] = []

        async def send(uuid: str, data: bytes) -> None:
            got.append(data)

        delivery = Delivery(Settings(walks.Walk({}, 1.0), seed=seed % 1000, **faults), send)
        for block in blocks:
            await delivery.send("x", block)
        await delivery.flush()
        return got, delivery.lost

    blocks = [rng.bytes(4) for _ in range(2000)]
    assert run(work) == (blocks, 0)
    got, lost = run(lambda: work(loss=0.1))
    assert len(got) + lost == 2000
    assert 120 < lost < 290
    got, _ = run(lambda: work(doubles=0.1))
    assert 2120 < len(got) < 2290
    assert run(lambda: work(burst_s=100.0)) == (blocks, 0)  # late, but all of it and in order


OFFER = """
import asyncio, sys
sys.path.insert(0, {root!r})
from devices import simulated

async def main():
    async with simulated.offered({spec!r}) as device:
        print(device.opened_by, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


def test_a_device_that_another_process_offers_is_opened_by_its_spec_and_ends_with_it() -> None:
    async def work() -> Heard:
        async with Air().serve() as place:  # this room; the other process joins it
            source = OFFER.format(root=str(ROOT), spec=f"sim:fau?seed=7&radio={place}")
            child = await asyncio.create_subprocess_exec(sys.executable, "-c", source, stdout=subprocess.PIPE)
            try:
                assert child.stdout is not None
                opened_by = (await child.stdout.readline()).decode().strip()
                assert opened_by == f"ble:FAU-SIM-L007?product=fau&radio={place}"
                heard = await listen(f"{opened_by}&settle_s=0", 100, "pressure")
                port = await ble.connect(parse(f"{opened_by}&settle_s=0"))
                child.kill()
                with pytest.raises(DeviceLost):
                    await port.read()
                await port.close()
                return heard
            finally:
                if child.returncode is None:
                    child.kill()
                await child.wait()

    whole(run(work), "pressure")


# ------------------------------------------------------------------ full size


@pytest.mark.prove
def test_three_minutes_of_two_insoles_with_loss_and_disconnects(record_property: Callable[[str, object], None]) -> None:
    """5 % loss, a disconnect each 10 s: nothing twice, every gap told, back within 5 s, the FIFO whole."""

    async def insole(spec: str) -> Heard:
        async with devices.aopen(spec) as stream:
            assert stream.info is not None
            heard = Heard(stream.info)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(180.0):
                    async for item in stream.items():
                        if isinstance(item, Packet) and item.channel == "pressure":
                            heard.items.append(replace(item, raw=b""))
                        elif isinstance(item, Gap | Status):
                            heard.items.append(item)
            return heard

    async def work() -> tuple[list[Heard], float]:
        faults = "loss=0.05&doubles=0.02&burst_s=0.15&drop_every_s=10"
        specs = (f"sim:orphe?side=left&{faults}", f"sim:orphe?side=right&mode=fifo&seed=1&{faults}")
        await asyncio.gather(*(listen(spec, 50, "pressure") for spec in specs))  # what is loaded once is no growth
        gc.collect()
        before = psutil.Process().memory_info().rss
        heard = await asyncio.gather(*(insole(spec) for spec in specs))
        return list(heard), (psutil.Process().memory_info().rss - before) / 1e6

    (live, fifo), grown_mb = run(work, 240.0)
    for heard in (live, fifo):
        whole(heard, "pressure")
        assert len(heard.status("connected")) >= 15
    away_s = [gap.count / 100.0 for gap in live.gaps("pressure") if gap.why == "disconnected"]
    p95_s, lost = float(np.percentile(away_s, 95)), sum(gap.count for gap in live.gaps("pressure"))
    record_property("reconnect_p95_s", round(p95_s, 2))
    record_property("memory_grown_mb", round(grown_mb, 1))
    record_property("live_lost_share", round(lost / (lost + len(live.seqs("pressure"))), 4))
    assert p95_s <= 5.0
    assert fifo.gaps("pressure") == []
    assert len(fifo.seqs("pressure")) > 170 * 208
    assert grown_mb < 20.0
