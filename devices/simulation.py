"""What every simulated device shares: its settings, its clock, the faults of its radio, a serial line of its own.

A simulated device is an object with a name that answers what is written to it and sends what it measures; the modules
`devices.simulated_ble` and `devices.simulated_serial` have one for each product, `devices.simulated` runs them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from devices.errors import DeviceError
from devices.specs import Spec
from devices.walks import Walk, load
from footscan.types import Side

Send: TypeAlias = Callable[[str, bytes], Awaitable[object]]
WAKE_S = 0.005  #: no finer than this: several packets may be due at once, as over a radio


@dataclass(frozen=True)
class Settings:
    """Of a simulated device.

    speed : seconds of the walk in a second; ppm : how much too fast its crystal is
    loss : share of notifications that get lost; doubles : share that comes twice; burst_s : the radio is silent for so
    long, then sends what waited at once; drop_every_s : the link ends each so many seconds (0: never)
    """

    walk: Walk
    side: Side = "left"
    seed: int = 0
    speed: float = 1.0
    ppm: float = 0.0
    loss: float = 0.0
    doubles: float = 0.0
    burst_s: float = 0.0
    drop_every_s: float = 0.0
    options: Mapping[str, str] = field(default_factory=dict)
    product: str = ""

    def number(self, key: str, default: float, least: float, most: float) -> float:
        """An option of one product; DeviceError where it is no number or out of bounds."""
        return Spec("sim", self.product, self.options).number(key, default, least, most)


def settings(spec: Spec) -> Settings:
    """The settings that a spec asks for: ``seed recording side speed ppm loss doubles burst_s drop_every_s``."""
    seed = int(spec.number("seed", 0, 0, 2**31))
    return Settings(
        walk=load(seed, spec.options.get("recording", "")),
        side=spec.side if spec.side != "unknown" else "left",
        seed=seed,
        speed=spec.number("speed", 1.0, 0.01, 1000.0),
        ppm=spec.number("ppm", 0.0, -1e4, 1e4),
        loss=spec.number("loss", 0.0, 0.0, 1.0),
        doubles=spec.number("doubles", 0.0, 0.0, 1.0),
        burst_s=spec.number("burst_s", 0.0, 0.0, 60.0),
        drop_every_s=spec.number("drop_every_s", 0.0, 0.0, 1e6),
        options=spec.options,
        product=spec.product or spec.address,
    )


class Clock:
    """The device's clock: seconds since it was switched on, by a crystal that is ``ppm`` too fast."""

    def __init__(self, speed: float = 1.0, ppm: float = 0.0) -> None:
        self._rate = speed * (1.0 + ppm * 1e-6)
        self._start_s = asyncio.get_running_loop().time()

    def now_s(self) -> float:
        """Now, by this clock."""
        return (asyncio.get_running_loop().time() - self._start_s) * self._rate

    async def ticks(self, rate_hz: float, block: int = 1) -> AsyncIterator[range]:
        """Numbers of the blocks of ``block`` samples that are complete, from 0 on, as they become so; none is left
        out."""
        done = int(self.now_s() * rate_hz / block)
        while True:
            due = int(self.now_s() * rate_hz / block)
            if due > done:
                yield range(done, due)
                done = due
            await asyncio.sleep(max(WAKE_S, ((due + 1) * block / rate_hz - self.now_s()) / self._rate))


class Delivery:
    """A radio's faults between a device and whoever listens."""

    def __init__(self, made: Settings, send: Send) -> None:
        self._settings, self._send = made, send
        self._rng = np.random.default_rng(made.seed + 1)
        self._waiting: list[tuple[str, bytes]] = []
        self._until_s = 0.0
        self.lost = 0

    async def send(self, uuid: str, data: bytes) -> None:
        """One notification, or none, or two, or later."""
        made = self._settings
        if made.loss and self._rng.random() < made.loss:
            self.lost += 1
            return
        twice = made.doubles and self._rng.random() < made.doubles
        self._waiting += [(uuid, data)] * (2 if twice else 1)
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._until_s:
            self._until_s = now_s + made.burst_s
            await self.flush()

    async def flush(self) -> None:
        """What waited goes out now."""
        waiting, self._waiting = self._waiting, []
        for uuid, data in waiting:
            await self._send(uuid, data)


class Line:
    """The device's end of a serial line: a pseudo-terminal, whose other end is ``place``."""

    def __init__(self) -> None:
        if os.name != "posix":
            raise DeviceError("sim:", "a system with pseudo-terminals", os.name, "use Linux or macOS")
        import tty

        self._fd, self._other = os.openpty()
        tty.setraw(self._other)
        os.set_blocking(self._fd, False)
        self.place = os.ttyname(self._other)
        self._came: deque[bytes] = deque()
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._fd, self._arrived)

    def _arrived(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            asyncio.get_running_loop().remove_reader(self._fd)
            return
        self._came.append(data)
        self._news.set()

    async def read(self) -> bytes:
        """What has come."""
        while not self._came:
            self._news.clear()
            await self._news.wait()
        return self._came.popleft()

    async def write(self, data: bytes, patience_s: float = 0.2) -> bool:
        """Sends all of it; False where nobody reads: the rest is lost, as on a real line."""
        at = 0
        end_s = asyncio.get_running_loop().time() + patience_s
        while at < len(data):
            try:
                at += os.write(self._fd, data[at:])
            except BlockingIOError:
                if asyncio.get_running_loop().time() > end_s:
                    return False
                await asyncio.sleep(0.0005)
        return True

    def close(self) -> None:
        """Unplugs it."""
        asyncio.get_running_loop().remove_reader(self._fd)
        for fd in (self._fd, self._other):
            with contextlib.suppress(OSError):
                os.close(fd)


Transport: TypeAlias = Literal["ble", "serial"]
