"""A device of nobody's make, in memory: an insole that counts its samples in a u16 and stamps them in a u32 of µs, with
a radio that loses, doubles, shuffles and breaks off. What it measures is its own sample number, so that every value
that comes out says where it belongs.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from devices.errors import DeviceLost
from devices.ports import Chunk, Inbox, PortFacts
from devices.products import Product
from devices.specs import Spec
from devices.types import ChannelInfo, Decoded, DeviceInfo, Packet
from footscan.types import Side

RATE_HZ = 100.0
BLOCK = 2  #: samples a notification
CELLS = 16
_HEAD = struct.Struct("<HI")


@dataclass
class Insole:
    """The thing itself: it goes on measuring while nobody is connected.

    loss, doubles, swaps : shares of notifications; ppm : how fast its crystal is; serial_number, side : what it says;
    away : it can't be connected to; silent : connected, it says nothing; refuse : so many connections fail
    """

    rng: np.random.Generator
    loss: float = 0.0
    doubles: float = 0.0
    swaps: float = 0.0
    ppm: float = 0.0
    serial_number: str = "A1"
    side: Side = "left"
    away: bool = False
    silent: bool = False
    refuse: int = 0
    first: int = 0  # number of the sample at its time 0
    clock_s: float = 0.0  # what its clock showed then
    latency_s: float = 0.004
    born_s: float = 0.0
    ports: list[InsolePort] = field(default_factory=list)
    connects: list[float] = field(default_factory=list)
    sent: int = 0  # notifications that went out, doubles not counted

    def reboot(self) -> None:
        """Counter and clock begin anew."""
        self.born_s = asyncio.get_running_loop().time()
        self.first, self.clock_s = 0, 0.0

    def notification(self, number: int) -> bytes:
        """Block ``number`` since it was switched on."""
        stamp_us = round((self.clock_s + number * BLOCK / RATE_HZ * (1 + self.ppm * 1e-6)) * 1e6)
        values = np.full((BLOCK, CELLS), 0, dtype="<u2")
        values[:, 0] = (self.first + number * BLOCK + np.arange(BLOCK)) & 0xFFFF
        head = _HEAD.pack((self.first + number * BLOCK) & 0xFFFF, stamp_us & 0xFFFF_FFFF)
        return head + values.tobytes()

    async def connect(self, spec: Spec, product: Product, known: PortFacts | None) -> InsolePort:
        self.connects.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.2)
        if self.away or self.refuse > 0:
            self.refuse -= 1
            raise DeviceLost(spec.name, "an insole", "nothing", "switch it on")
        port = InsolePort(self, spec)
        self.ports.append(port)
        return port

    def unplug(self) -> None:
        for port in self.ports:
            port.inbox.fail()


class InsolePort:
    def __init__(self, insole: Insole, spec: Spec) -> None:
        self.name, self.insole = spec.name, insole
        self.options: Mapping[str, str] = spec.options
        self.facts = PortFacts("over there", serial_number=insole.serial_number)
        self.inbox = Inbox(self.name)
        self._task = asyncio.create_task(self._measure())

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def read(self) -> Chunk:
        return await self.inbox.get()

    async def write(self, data: bytes, target: str = "", response: bool = False) -> None:
        self.inbox.put(b"echo" + data, self.now(), "echo")

    async def subscribe(self, target: str) -> None: ...

    async def fetch(self, target: str) -> bytes:
        return self.insole.serial_number.encode()

    async def close(self) -> None:
        self._task.cancel()
        self.insole.ports.remove(self)
        self.inbox.fail()

    async def _measure(self) -> None:
        """Notifications in real time, as the air lets them through."""
        insole, held = self.insole, b""
        period_s = BLOCK / RATE_HZ
        number = int((self.now() - insole.born_s) / period_s) + 1
        while True:
            await asyncio.sleep(max(0.0, insole.born_s + number * period_s + insole.latency_s - self.now()))
            if not insole.silent and insole.rng.random() >= insole.loss:
                data = insole.notification(number - 1)
                insole.sent += 1
                if held:
                    self._put(data)
                    data, held = held, b""
                elif insole.rng.random() < insole.swaps:
                    held, data = data, b""
                if data:
                    self._put(data)
                    if insole.rng.random() < insole.doubles:
                        self._put(data)
            number += 1

    def _put(self, data: bytes) -> None:
        self.inbox.put(data, self.now(), "data")


async def packets(port: InsolePort) -> AsyncIterator[Decoded]:
    """The product's decoder, as a product's module would have it."""
    pressure = ChannelInfo("pressure", "raw", CELLS, RATE_HZ, port.insole.side, seq_modulus=1 << 16)
    yield DeviceInfo(
        product="insole",
        name="Insole",
        channels=(pressure,),
        serial_number=(await port.fetch("serial")).decode(),
        side=port.insole.side,
        clock_hz=1e6,
        clock_wrap_s=(1 << 32) * 1e-6,
        latency_s=0.03,
    )
    while True:
        chunk = await port.read()
        if chunk.source != "data":
            continue
        seq, stamp_us = _HEAD.unpack_from(chunk.data)
        values = np.frombuffer(chunk.data, "<u2", offset=_HEAD.size).reshape(-1, CELLS).astype(np.float32)
        times = stamp_us * 1e-6 + np.arange(len(values)) / RATE_HZ
        yield Packet(seq, times, chunk.host_time_s, "pressure", values, chunk.data)


INSOLE = Product("insole", "an insole of the tests", ("sim",), packets)
