"""Each product against its simulated device: the bytes of the product, over the real bleak or a pseudo-terminal."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from device_runs import Heard, listen, run, whole

import devices
from devices import ble, simulated
from devices.errors import DeviceError
from devices.link import Policy
from devices.orphe import MODES
from devices.orphe_fifo import Fifo
from devices.simulated_ble import NOON_S, brainco_samples, fau_samples, orphe_samples
from devices.simulation import Settings, settings
from devices.specs import parse
from devices.virtual_radio import Air
from devices.walks import STANDARD_GRAVITY
from firmware_bridge.products import brainco, fau, orphe


async def from_air(spec: str, samples: int, channel: str = "pressure", **how: Any) -> tuple[Heard, Settings]:
    """So many samples of the simulated Bluetooth device of that spec, opened as any other program would."""
    options = how.pop("options", "")
    mtu = how.pop("mtu", None)
    async with simulated.offered(spec) as device:
        if mtu:
            device.peripheral.limit_mtu(mtu)
        opened = f"{device.opened_by}&settle_s=0{options}"
        return await listen(opened, samples, channel, **how), await asyncio.to_thread(settings, parse(spec))


def orphe_truth(made: Settings, kind: int, heard: Heard) -> None:
    """What was heard is what the insole measured, number for number."""
    places = orphe.LAYOUTS[kind]["block"].shape[0]
    seqs = np.concatenate([heard.seqs(c.name) for c in heard.info.channels if c.name != "battery"])
    serials = range(int(seqs.min()) // places, int(seqs.max()) // places + 1)
    truth = orphe.decode(b"".join(orphe.encode(orphe_samples(made, kind, serials))))
    parts = {"acceleration": truth.acceleration_g * np.float32(STANDARD_GRAVITY), "pressure": truth.pressure}
    parts |= {"angular_rate": truth.angular_rate_dps, "quaternion": truth.quaternion}
    for channel, values in parts.items():
        if values is not None:
            at = heard.seqs(channel)
            assert (np.diff(at) > 0).all()
            np.testing.assert_array_equal(heard.values(channel), values[at - serials.start * places])
            # the insole says whole ms of a packet, and in type 50 of each sample
            np.testing.assert_allclose(heard.times(channel), NOON_S + at / orphe.RATE_HZ[kind], atol=0.0021)


def brainco_truth(made: Settings, heard: Heard) -> None:
    assert (heard.info.side, heard.info.serial_number) == ("right", f"SIM{made.seed:05d}")
    assert heard.of("battery")[0].values[0, 0] == 85.0
    seqs = heard.seqs("pressure")
    np.testing.assert_array_equal(seqs, np.arange(seqs[0], seqs[0] + len(seqs)))
    np.testing.assert_allclose(heard.times("pressure"), seqs / brainco.RATE_HZ, atol=0.0006)
    for packet in heard.of("pressure"):
        np.testing.assert_array_equal(packet.values, brainco_samples(made, packet.seq).pressure)
    for packet in heard.of("shear")[:5]:
        shear = brainco_samples(made, packet.seq).shear
        assert shear is not None
        np.testing.assert_array_equal(packet.values.reshape(1, 3, 2), shear)
    assert abs(np.linalg.norm(heard.values("acceleration"), axis=1) - STANDARD_GRAVITY).max() < 0.02


def fau_truth(made: Settings, heard: Heard) -> None:
    seqs = heard.seqs("pressure")
    truth = fau.decode(fau.encode(fau_samples(made, range(int(seqs[0]), int(seqs[-1]) + 1))))
    for channel, values in (("pressure", truth.force), ("acceleration", truth.acceleration)):
        np.testing.assert_array_equal(heard.values(channel), values[heard.seqs(channel) - seqs[0]])
    np.testing.assert_allclose(heard.times("pressure"), seqs / fau.RATE_HZ, atol=1e-9)
    assert heard.values("air_pressure")[0, 0] == pytest.approx(1013.25)


def test_the_fifo_gives_every_sample_once_and_live_losses_are_told(seed: int) -> None:
    """Three insoles at once, under loss, doubles, bursts and disconnects."""
    faults = f"seed={seed % 1000}&loss=0.1&doubles=0.1"
    specs = (
        f"sim:orphe?{faults}&burst_s=0.05&drop_every_s=1",
        f"sim:orphe?{faults}&burst_s=0.15&speed=2",
        f"sim:fau?{faults}&speed=2",
    )

    async def work() -> list[tuple[Heard, Settings]]:
        return await asyncio.gather(
            from_air(specs[0], 500, options="&mode=fifo", enough=lambda h: len(h.status("connected")) > 1),
            from_air(specs[1], 160),
            from_air(specs[2], 400),
        )

    (fifo, fifo_made), (live, live_made), (three, three_made) = run(work)
    # the FIFO: nothing is missing, whatever the radio did
    assert len(fifo.status("connected")) >= 2
    assert fifo.gaps("pressure") == []
    seqs = fifo.seqs("pressure")
    np.testing.assert_array_equal(seqs, np.arange(seqs[0], seqs[0] + len(seqs)))
    orphe_truth(fifo_made, orphe.FIFO_DATA, fifo)
    # live: what is missing is told, and never filled in
    for channel in ("pressure", "acceleration", "quaternion"):
        whole(live, channel)
    assert sum(gap.count for gap in live.gaps("pressure")) >= 2
    orphe_truth(live_made, orphe.ALL, live)
    whole(three, "pressure")
    fau_truth(three_made, three)


def test_every_product_gives_what_it_measured(seed: int) -> None:
    """Each mode of ORPHE, BrainCo at three transfer units, standard services, in one room."""
    number = seed % 1000
    sides = ("left", "right", "left", "right")
    insoles = [f"sim:orphe?speed=3&seed={number}&side={side}" for side in sides]
    brain = f"sim:brainco?seed={number}&side=right&speed=3"

    async def work() -> list[tuple[Heard, Settings]]:
        return await asyncio.gather(
            *(
                from_air(s, 100, "acceleration", options=f"&mode={m}", enough=lambda h: bool(h.of("battery")))
                for s, m in zip(insoles, MODES)
            ),
            *(from_air(brain, 20, mtu=mtu, enough=lambda h: bool(h.of("battery"))) for mtu in (None, 23, 185)),
            from_air(f"sim:standard?seed={number}&speed=20", 6, "running"),
        )

    *most, (pod, _) = run(work)
    for mode, (heard, made) in zip(MODES, most[:4]):
        assert heard.info.side == made.side
        assert {float(packet.values[0, 0]) for packet in heard.of("battery")} == {2.0}  # asked now and then
        assert not [item for item in heard.items if type(item).__name__ == "Gap"]
        orphe_truth(made, orphe.MODES[MODES[mode]], heard)
    for heard, made in most[4:]:
        brainco_truth(made, heard)
    assert pod.info.serial_number == f"POD{number:05d}"
    assert pod.values("battery")[0, 0] == 85.0
    np.testing.assert_allclose(pod.values("running")[:, :3], [[1.25, 110, 0.68]] * 6)
    assert (np.diff(pod.values("running")[:, 3]) > 0).all()
    assert pod.values("humidity")[0, 0] == pytest.approx(62.0)
    assert abs(pod.values("temperature") - 31.5).max() < 1.0


def test_midnight_and_the_wrong_foot_and_a_link_too_narrow(seed: int) -> None:
    async def work() -> tuple[Heard, list[str]]:
        said = []
        first = Policy(attempts=1)
        heard, _ = await from_air(f"sim:orphe?seed={seed % 1000}&start_s=86399.6&speed=2", 90)
        for options, mtu in (("&side=right", None), ("", 23), ("&mode=loud", None)):
            with pytest.raises(DeviceError) as caught:
                await from_air("sim:orphe", 20, options=options, mtu=mtu, policy=first)
            said.append(str(caught.value))
        return heard, said

    heard, said = run(work)
    times = heard.times("pressure")
    assert times[0] < 86_400.0 < times[-1]
    np.testing.assert_allclose(np.diff(times), 0.01, atol=0.0011)
    assert "expected a device of the right foot, found one of the left foot" in said[0]
    assert "expected packets of 104 bytes, found cut to 20 by the link" in said[1]
    assert "mode to be one of quaternion, fifo, pressure, all" in said[2]


def test_an_insole_that_vanishes_is_noticed_and_looked_for() -> None:
    async def work() -> list[str]:
        air = Air()
        async with air.serve() as place, simulated.offered("sim:orphe", air) as device:
            kinds: list[str] = []
            spec = f"{device.opened_by}&radio={place}&settle_s=0&scan_s=0.2"
            policy = Policy(silent_s=0.4, give_up_s=0.8)
            with pytest.raises(DeviceError):
                async with devices.aopen(spec, policy=policy) as stream:
                    async for item in stream.items():
                        kinds.append(type(item).__name__ if not hasattr(item, "kind") else item.kind)
                        if kinds.count("Packet") == 20:
                            device.peripheral.vanish()
            return kinds

    kinds = run(work)
    assert "silent" in kinds


def test_the_fifo_asks_until_it_has_everything(rng: np.random.Generator) -> None:
    """The pull alone, against a ring with loss both ways, absences and wrapping serials."""
    first = int(rng.integers(65_000, 65_536))
    fifo, ring, given = Fifo(), {}, []
    newest = first
    for now in np.arange(0.0, 60.0, 0.1):
        for _ in range(5):
            newest += 1
            ring[newest] = bytes([54]) + (newest % 65_536).to_bytes(2, "big") + bytes(101)
            ring.pop(newest - orphe.FIFO_RING, None)
        if 20.0 < now < 30.0 or rng.random() < 0.2:
            continue  # away, or a lost question
        fifo.stands(orphe.Position(newest % 65_536, 0, len(ring)))
        ranges = fifo.wanted(float(now), 0.05)
        assert len(ranges) <= orphe.FIFO_RANGES
        assert sum(count for _, count in ranges) <= orphe.FIFO_PACKETS
        for start, count in ranges:
            for serial in range(start, start + count):
                found = [n for n in ring if n % 65_536 == serial % 65_536]
                if rng.random() < 0.3:
                    continue
                if found:
                    fifo.brings(ring[found[0]])
                else:
                    fifo.lacks(orphe.NoData(serial % 65_536, 1))
        given += [int.from_bytes(r[at + 1 : at + 3], "big") for r in fifo.ready() for at in range(0, len(r), 104)]
    steps = np.diff(given) % 65_536
    assert len(given) > 2_000
    assert (steps == 1).all()


@pytest.mark.parametrize("trial", range(2))
def test_after_any_absence_the_fifo_gives_what_the_ring_has_and_nothing_twice(
    rng: np.random.Generator, trial: int
) -> None:
    """Links that come and go: short, longer than the ring, longer than half and all of its counter, and insoles that
    began to count anew, perhaps just past where they were. Packets are told apart by what they hold."""
    ring: dict[int, bytes] = {}
    made: list[bytes] = []
    serial = int(rng.integers(0, 65_536))

    def measure(count: int) -> None:
        nonlocal serial
        for _ in range(count):
            serial += 1
            ring[serial] = bytes([54]) + (serial % 65_536).to_bytes(2, "big") + len(made).to_bytes(8, "big") + bytes(93)
            ring.pop(serial - orphe.FIFO_RING, None)
            made.append(ring[serial])

    given: list[bytes] = []
    due: set[bytes] = set()
    next_, last = None, None
    for link in range(8):
        fifo = Fifo(next_, last)
        first = min(ring, default=serial)
        for step in range(80):
            measure(int(rng.integers(0, 8)) if step < 60 else 0)
            if step in (0, 60) or rng.random() < 0.8:
                fifo.stands(orphe.Position(serial % 65_536, 0, len(ring)))
            for start, count in fifo.wanted(float(step), 0.5):
                for asked in range(start, start + count):
                    if step < 60 and rng.random() < 0.2:
                        continue
                    packet = ring.get(serial - (serial - asked) % 65_536)
                    fifo.lacks(orphe.NoData(asked % 65_536, 1)) if packet is None else fifo.brings(packet)
            given += [run[at : at + 104] for run in fifo.ready() for at in range(0, len(run), 104)]
        due |= {packet for number, packet in ring.items() if number >= first}
        next_, last = fifo.next, fifo.last
        kind = (trial + link) % 4
        if kind == 0:
            measure(int(rng.integers(0, 1_400)))
        elif kind == 1:
            measure(int(rng.integers(1_500, 3_000)))
        elif kind == 2:
            measure(int(rng.choice([32_768, 40_000, 65_000, 65_536, 65_540])))
        else:  # it was switched off and on again
            ring.clear()
            serial = (serial if rng.random() < 0.5 else 0) - int(rng.integers(0, 700))
            measure(int(rng.integers(1, 1_400)))
    assert len(set(given)) == len(given)
    order = {packet: number for number, packet in enumerate(made)}
    assert (np.diff([order[packet] for packet in given]) > 0).all()
    assert {packet for packet in due if order[packet] >= order[given[0]]} <= set(given)


def test_a_product_is_recognised_by_what_it_advertises() -> None:
    async def work() -> list[str]:
        names = []
        for product in ("orphe", "brainco", "fau", "standard"):
            async with simulated.offered(f"sim:{product}") as device:
                spec = device.opened_by.replace(f"product={product}&", "") + "&settle_s=0"
                names.append(await ble.recognise(parse(spec)))
        return names

    assert run(work) == ["orphe", "brainco", "fau", "standard"]
