"""A session over a bad radio, in virtual time: nothing doubled, every gap told, back soon after a lost link; and what
it refuses."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import device_doubles
import numpy as np
import psutil
import pytest
from device_doubles import BLOCK, INSOLE, RATE_HZ, Insole
from virtual_time import clock, run

import devices
from devices.errors import DeviceError, DeviceLost, DeviceTimeout
from devices.link import Policy
from devices.streams import aopen
from devices.types import Gap, Packet, Status

WRAP_S = (1 << 32) * 1e-6


@dataclass
class Heard:
    """What came out of a session, checked as it comes: numbers follow one another but for gaps that were told, and
    every value and time belongs to its number."""

    insole: Insole
    next_seq: int | None = None
    samples: int = 0
    lost: int = 0
    first_s: float = -1.0
    last_s: float = 0.0
    statuses: list[Status] = field(default_factory=list)
    gaps: int = 0
    absences: int = 0

    def hear(self, item: Any) -> None:
        if isinstance(item, Packet):
            first, count = item.seq, len(item.values)
            self.first_s = item.host_time_s if self.first_s < 0 else self.first_s
            self.last_s = item.host_time_s
            assert self.next_seq is None or first == self.next_seq
            assert (item.values[:, 0] == (np.arange(first, first + count) & 0xFFFF)).all()
            at_s = (first - self.insole.first) / RATE_HZ
            wanted_s = self.insole.clock_s + at_s * (1 + self.insole.ppm * 1e-6)
            assert item.device_time_s[0] == pytest.approx(wanted_s, abs=0.02)
            self.next_seq, self.samples = first + count, self.samples + count
        elif isinstance(item, Gap):
            assert item.seq == self.next_seq and item.count > 0 and item.exact
            self.next_seq, self.lost = item.seq + item.count, self.lost + item.count
            self.gaps += 1
            self.absences += item.why == "disconnected"
        elif isinstance(item, Status):
            self.statuses.append(item)


async def listen(insole: Insole, seconds: float, every_s: float, away_s: float) -> tuple[Heard, list[float]]:
    """One insole that can't be reached for ``away_s`` each ``every_s``; how long after each return it was connected."""
    heard, backs = Heard(insole), []

    async def break_off() -> None:
        while True:
            await asyncio.sleep(every_s)
            insole.away = True
            insole.unplug()
            await asyncio.sleep(away_s)
            insole.away = False
            backs.append(clock())

    async with aopen("sim:insole?side=left", product=INSOLE, connect=insole.connect, now=clock) as stream:
        breaking = asyncio.create_task(break_off())
        async for item in stream.items():
            heard.hear(item)
            if clock() > seconds:
                break
        breaking.cancel()
        heard_s = [status.host_time_s for status in heard.statuses if status.kind == "connected"]
    return heard, [after - back for back, after in zip(backs, heard_s[1:])]


def bad_insole(rng: np.random.Generator, **how: Any) -> Insole:
    ppm = float(rng.uniform(-20, 20))
    clock_s = float(rng.uniform(0, WRAP_S))
    first = int(rng.integers(0, 1 << 16))
    return Insole(rng, loss=0.05, doubles=0.02, swaps=0.01, ppm=ppm, first=first, clock_s=clock_s, **how)


async def two_bad_insoles(rng: np.random.Generator, seconds: float, every_s: float) -> list[tuple[Heard, list[float]]]:
    spawned = rng.spawn(2)
    insoles = [bad_insole(stream, serial_number=f"A{k}") for k, stream in enumerate(spawned)]
    away_s = [float(stream.uniform(0.5, 20.0)) for stream in spawned]
    return await asyncio.gather(*(listen(one, seconds, every_s, s) for one, s in zip(insoles, away_s)))


def check(found: list[tuple[Heard, list[float]]], seconds: float) -> None:
    for heard, backs in found:
        assert heard.samples % BLOCK == 0 and heard.last_s > seconds - 60
        assert heard.samples + heard.lost == pytest.approx((heard.last_s - heard.first_s) * RATE_HZ, abs=60)
        sent = heard.insole.sent
        assert sent - 30 * (len(backs) + 1) <= heard.samples / BLOCK <= sent
        assert np.percentile(backs, 95) <= 5.0
        assert heard.absences in (len(backs), len(backs) - 1)  # the last return may come right at the end


def test_nothing_is_doubled_every_gap_is_told_and_it_is_back_within_five_seconds(rng: np.random.Generator) -> None:
    check(run(two_bad_insoles(rng, 400.0, 60.0)), 400.0)


@pytest.mark.prove
def test_eight_hours_of_two_insoles(rng: np.random.Generator, record_property: Any) -> None:
    process, sizes = psutil.Process(os.getpid()), []

    async def hours() -> list[tuple[Heard, list[float]]]:
        work = asyncio.create_task(two_bad_insoles(rng, 8 * 3600.0, 600.0))
        for after_s in (1800.0, 8 * 3600.0 - 1900.0):
            await asyncio.sleep(after_s)
            sizes.append(process.memory_info().rss)
        return await work

    found = run(hours())
    check(found, 8 * 3600.0)
    record_property("grown_mb", (sizes[1] - sizes[0]) / 1e6)
    record_property("reconnect_p95_s", max(float(np.percentile(backs, 95)) for _, backs in found))
    assert sizes[1] - sizes[0] < 20e6


# ------------------------------------------------------------------ the link


def opened(insole: Insole, spec: str = "sim:insole", **how: Any) -> Any:
    return aopen(spec, product=INSOLE, connect=insole.connect, now=clock, **how)


async def hear(stream: Any, seconds: float) -> list[Any]:
    """Everything that comes within so many seconds."""
    found: list[Any] = []
    with_end = asyncio.timeout(seconds)
    try:
        async with with_end:
            async for item in stream.items():
                found.append(item)
    except TimeoutError:
        assert with_end.expired()
    return found


@pytest.mark.parametrize("refuse", [0, 1, 4])
def test_up_to_five_first_tries(rng: np.random.Generator, refuse: int) -> None:
    async def main() -> None:
        insole = Insole(rng, refuse=refuse)
        async with opened(insole) as stream:
            assert len(insole.connects) == refuse + 1
            assert stream.info.product == "insole"

    run(main())


def test_the_fifth_failure_ends_it(rng: np.random.Generator) -> None:
    async def main() -> None:
        insole = Insole(rng, refuse=5)
        with pytest.raises(DeviceLost, match="expected an insole, found nothing"):
            await opened(insole).__aenter__()
        pauses = np.diff(insole.connects) - 0.2
        assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8])

    run(main())


def test_a_device_that_falls_silent_is_connected_anew(rng: np.random.Generator) -> None:
    async def main() -> None:
        insole = Insole(rng)
        async with opened(insole, policy=Policy(silent_s=2.0)) as stream:
            await hear(stream, 5.0)
            insole.silent = True
            found = await hear(stream, 3.0)
            insole.silent = False
            found += await hear(stream, 5.0)
            kinds = [item.kind for item in found if isinstance(item, Status)]
            assert kinds[:3] == ["silent", "lost", "connected"]
            assert found[0].host_time_s == pytest.approx(5.0 + 2.0, abs=0.3)
            assert isinstance(found[-1], Packet) and found[-1].host_time_s == pytest.approx(clock(), abs=0.1)

    run(main())


def test_it_is_looked_for_as_long_as_was_asked(rng: np.random.Generator) -> None:
    async def main() -> None:
        insole = Insole(rng)
        async with opened(insole, policy=Policy(give_up_s=60.0)) as stream:
            await hear(stream, 1.0)
            insole.away = True
            insole.unplug()
            with pytest.raises(DeviceLost):
                await hear(stream, 600.0)
            assert 50.0 < clock() < 62.0

    run(main())


def test_a_dead_port_is_told_even_while_it_hangs(rng: np.random.Generator) -> None:
    async def hang(*_: Any) -> Any:
        await asyncio.sleep(1e9)

    async def main() -> None:
        policy = Policy(attempts=2, connect_s=20.0)
        with pytest.raises(DeviceTimeout, match="an answer within 20 s, found silence"):
            await aopen("sim:x", product=INSOLE, connect=hang, policy=policy, now=clock).__aenter__()
        assert clock() == pytest.approx(40.1)

    run(main())


def test_a_slow_reader_loses_nothing_and_is_no_dead_device(rng: np.random.Generator) -> None:
    async def main() -> None:
        insole = Insole(rng)
        async with opened(insole, policy=Policy(silent_s=1.0)) as stream:
            await asyncio.sleep(100.0)  # 5,000 packets: more than the queue holds
            heard = Heard(insole)
            for item in await hear(stream, 20.0):
                heard.hear(item)
            assert stream.tally.connections == 1 and not heard.gaps
            assert heard.samples >= 100 * RATE_HZ

    run(main())


# ------------------------------------------------------------------ who it is


def test_the_wrong_foot_is_refused(rng: np.random.Generator) -> None:
    async def main() -> None:
        insole = Insole(rng, side="left")
        with pytest.raises(DeviceError, match="expected a device of the right foot, found one of the left foot"):
            await opened(insole, "sim:insole?side=right").__aenter__()
        assert len(insole.connects) == 1  # trying again would change nothing

    run(main())


def test_a_device_that_knows_no_side_takes_the_one_that_was_given(rng: np.random.Generator) -> None:
    async def main() -> None:
        async with opened(Insole(rng, side="unknown"), "sim:insole?side=right") as stream:
            assert stream.info.side == stream.info.channel("pressure").side == "right"

    run(main())


def test_another_device_that_answers_to_the_name_is_not_taken_for_the_first(rng: np.random.Generator) -> None:
    async def main() -> None:
        insole = Insole(rng, serial_number="A1")
        async with opened(insole) as stream:
            await hear(stream, 1.0)
            insole.serial_number = "B2"
            insole.unplug()
            found = await hear(stream, 3.0)
            assert any(isinstance(i, Status) and "expected device A1 again, found B2" in i.text for i in found)
            insole.serial_number = "A1"
            assert any(isinstance(item, Packet) for item in await hear(stream, 5.0))

    run(main())


def test_a_restarted_device_goes_on_behind_what_there_was_and_says_so(rng: np.random.Generator) -> None:
    async def main() -> None:
        insole = Insole(rng, first=30_000, clock_s=500.0)
        async with opened(insole) as stream:
            before = await hear(stream, 10.0)
            last = [item for item in before if isinstance(item, Packet)][-1]
            insole.away = True
            insole.unplug()
            await asyncio.sleep(20.0)
            insole.away = False
            insole.reboot()
            after = await hear(stream, 10.0)
            gaps = [item for item in after if isinstance(item, Gap)]
            first = next(item for item in after if isinstance(item, Packet) and item.seq > gaps[0].seq)
            assert len(gaps) == 1 and gaps[0].why == "restarted" and not gaps[0].exact
            passed_s = first.host_time_s - last.host_time_s
            assert first.device_time_s[0] - last.device_time_s[-1] == pytest.approx(passed_s, abs=0.1)
            assert gaps[0].count == pytest.approx(passed_s * RATE_HZ, abs=10)
            numbers = [item for item in after if isinstance(item, Packet)]
            assert all(a.seq + len(a.values) == b.seq for a, b in pairwise(numbers) if a.seq >= first.seq)

    run(main())


# ------------------------------------------------------------------ opening


def test_plain_code_reads_in_real_time(rng: np.random.Generator) -> None:
    insole = Insole(rng)

    async def connect(*args: Any) -> Any:
        insole.born_s = insole.born_s or asyncio.get_running_loop().time()
        return await insole.connect(*args)

    with devices.open("sim:insole", product=INSOLE, connect=connect) as device:
        assert device.info is not None and device.info.serial_number == "A1"
        numbers = [packet.seq for packet, _ in zip(device, range(10))]
    assert numbers == list(range(numbers[0], numbers[0] + 20, 2))
    with pytest.raises(ValueError, match="closed"):
        device.write(b"x")


def test_a_broken_decoder_is_not_hidden(rng: np.random.Generator) -> None:
    async def packets(port: Any) -> AsyncIterator[Any]:
        async for item in device_doubles.packets(port):
            yield item
            raise ZeroDivisionError

    async def main() -> None:
        stream = aopen("sim:x", product=replace(INSOLE, packets=packets), connect=Insole(rng).connect, now=clock)
        with pytest.raises(ZeroDivisionError):
            async with stream:
                await hear(stream, 5.0)

    run(main())
