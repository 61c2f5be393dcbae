"""Serial lines over ptys: bytes through, unplugged, back under another name."""

from __future__ import annotations

import asyncio
import os
import struct
import threading
import tty
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from devices import serial_port
from devices.errors import DeviceError, DeviceLost
from devices.link import Policy
from devices.ports import Candidate, PortFacts
from devices.products import Product
from devices.serial_port import connect, find
from devices.specs import parse
from devices.streams import aopen
from devices.types import ChannelInfo, DeviceInfo, Packet, Status

if os.name != "posix":
    pytest.skip("ptys are POSIX's", allow_module_level=True)

WAIT_S = 20.0
POLICY = Policy(silent_s=WAIT_S, backoff_s=(0.02, 0.1))
_FRAME = struct.Struct("<2sI")


async def packets(port: Any) -> Any:
    """A device that sends numbered frames without being asked."""
    yield DeviceInfo("counter", "Counter", (ChannelInfo("x", "1", 1),), serial_number=port.facts.serial_number)
    data = b""
    while True:
        chunk = await port.read()
        data += chunk.data
        while (at := data.find(b"#!")) >= 0 and len(data) - at >= _FRAME.size:
            _, number = _FRAME.unpack_from(data, at)
            data = data[at + _FRAME.size :]
            yield Packet(number, np.array([np.nan]), chunk.host_time_s, "x", np.array([[float(number)]]))


COUNTER = Product("counter", "a counter", ("serial",), packets, usb=((0x1209, 0x0001),))


class Line:
    """The device's end of a serial line; ``place`` is where the host finds the other."""

    def __init__(self) -> None:
        self.device, self.host = os.openpty()
        for number in (self.device, self.host):
            tty.setraw(number)
        self.place = os.ttyname(self.host)

    def send(self, number: int) -> None:
        os.write(self.device, _FRAME.pack(b"#!", number))

    def unplug(self) -> None:
        for number in (self.device, self.host):
            if number >= 0:
                os.close(number)
        self.device = self.host = -1


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.unplug()


async def next_packet(stream: Any) -> Any:
    async with asyncio.timeout(WAIT_S):
        async for item in stream:
            return item


@pytest.mark.parametrize("threaded", [False, True], ids=["event loop", "thread"])
def test_bytes_go_both_ways_whole(line: Line, rng: np.random.Generator, threaded: bool) -> None:
    there, back = rng.bytes(200_000), rng.bytes(200_000)
    got = bytearray()

    def device() -> None:
        rest, left = memoryview(there), len(back)
        while rest:
            rest = rest[os.write(line.device, rest[:1000]) :]
        while left:
            got.extend(piece := os.read(line.device, 4096))
            left -= len(piece)

    async def main() -> bytes:
        async with asyncio.timeout(WAIT_S):
            port = await connect(parse(f"serial:{line.place}"), COUNTER, threaded=threaded)
            thread = threading.Thread(target=device)
            thread.start()
            came = b""
            while len(came) < len(there):
                came += (await port.read()).data
            await port.write(back)
            await asyncio.to_thread(thread.join)
            await port.close()
            return came

    assert asyncio.run(main()) == there and bytes(got) == back


def test_a_fast_line_is_handed_on_in_few_pieces_and_to_its_last_byte(line: Line, rng: np.random.Generator) -> None:
    """As a plate sends: frames of 8 kB as fast as they are taken, then a few bytes, then nothing."""
    there = rng.bytes(2_000_000 + int(rng.integers(10_000)))

    def device() -> None:
        rest = memoryview(there)
        while rest:
            rest = rest[os.write(line.device, rest[:8214]) :]

    async def main() -> list[bytes]:
        async with asyncio.timeout(WAIT_S):
            port = await connect(parse(f"serial:{line.place}"), COUNTER)
            thread = threading.Thread(target=device)
            thread.start()
            pieces: list[bytes] = []
            while sum(map(len, pieces)) < len(there):
                pieces.append((await port.read()).data)
            await asyncio.to_thread(thread.join)
            os.write(line.device, b"last")
            pieces.append((await port.read()).data)
            await port.close()
            return pieces

    pieces = asyncio.run(main())
    assert b"".join(pieces) == there + b"last"


@pytest.mark.parametrize("threaded", [False, True], ids=["event loop", "thread"])
def test_unplugged_is_lost_at_once(line: Line, threaded: bool) -> None:
    async def main() -> None:
        async with asyncio.timeout(WAIT_S):
            port = await connect(parse(f"serial:{line.place}"), COUNTER, threaded=threaded)
            line.unplug()
            with pytest.raises(DeviceLost, match=rf"the device at {line.place}, found .*; plug it in again"):
                await port.read()
            with pytest.raises(DeviceLost):
                for _ in range(100):
                    await port.write(b"x")
            await port.close()
            await port.close()

    asyncio.run(main())


def test_a_port_that_comes_back_under_another_name_is_found_by_its_serial_number() -> None:
    lines = [Line(), Line(), Line()]
    other, first, second = lines
    plugged = [Candidate(first.place, "Counter", "S1", "1209:0001:S1")]

    async def main() -> None:
        dial = partial(connect, ports=lambda: plugged)
        async with aopen(f"serial:{first.place}", product=COUNTER, connect=dial, policy=POLICY) as stream:
            first.send(1)
            assert (await next_packet(stream)).seq == 1
            plugged[:] = [Candidate(other.place, "Counter", "S2", "1209:0001:S2")]  # another one, of the same make
            first.unplug()
            await asyncio.sleep(0.3)
            plugged.append(Candidate(second.place, "Counter", "S1", "1209:0001:S1"))
            statuses = []
            async with asyncio.timeout(WAIT_S):
                async for item in stream.items():
                    statuses += [item.text] if isinstance(item, Status) else []
                    if isinstance(item, Status) and item.kind == "connected":
                        break
            assert second.place in statuses[-1] and any("USB device 1209:0001:S1" in text for text in statuses)
            second.send(2)
            assert (await next_packet(stream)).seq == 2

    try:
        asyncio.run(main())
    finally:
        for one in lines:
            one.unplug()


def test_a_place_that_leads_elsewhere_after_the_unplug_is_followed(tmp_path: Path) -> None:
    first, second = Line(), Line()
    place = tmp_path / "board"
    place.symlink_to(first.place)

    async def main() -> None:
        async with aopen(f"serial:{place}", product=COUNTER, connect=connect, policy=POLICY) as stream:
            first.send(1)
            assert (await next_packet(stream)).seq == 1
            place.unlink()
            first.unplug()
            await asyncio.sleep(0.2)
            place.symlink_to(second.place)
            for number in range(2, 2000):
                second.send(number)
                await asyncio.sleep(0.01)
                if stream.tally.connections == 2 and stream.tally.packets > 1:
                    break
            assert (await next_packet(stream)).seq > 1

    try:
        asyncio.run(main())
    finally:
        first.unplug()
        second.unplug()


def test_a_line_is_for_one_program_at_a_time(line: Line) -> None:
    async def main() -> None:
        port = await connect(parse(f"serial:{line.place}"), COUNTER)
        with pytest.raises(DeviceLost, match="another program has it open; close the other program"):
            await connect(parse(f"serial:{line.place}"), COUNTER)
        with pytest.raises(DeviceError, match="a radio link, found a serial line"):
            await port.fetch("2a19")
        await port.close()

    asyncio.run(main())


def test_no_such_port_says_what_there_is() -> None:
    async def main() -> None:
        with pytest.raises(DeviceLost, match="serial:/dev/nonesuch: expected a device named /dev/nonesuch, found COM7"):
            await connect(parse("serial:/dev/nonesuch"), COUNTER, ports=lambda: [Candidate("COM7", "a chip")])

    asyncio.run(main())


def test_without_a_product_only_our_own_hello_is_tried(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    from devices import products
    from devices.errors import DeviceTimeout

    async def silent(port: Any) -> Any:
        raise DeviceTimeout(port.name, "a hello", "silence")
        yield

    board = Product("board", "a board", ("serial",), silent)
    monkeypatch.setattr(products, "load", lambda name, asked="": board if name == "board" else pytest.fail(name))

    async def main() -> None:
        with pytest.raises(DeviceError, match=r"hello of a board .* name the product: \?product=board\|orphe"):
            await aopen(f"serial:{line.place}", policy=POLICY).__aenter__()

    asyncio.run(main())


# ------------------------------------------------------------------ finding

TWO = [
    Candidate("/dev/ttyUSB0", "CP2102", "A", "10c4:ea60:A"),
    Candidate("/dev/ttyACM0", "Counter", "B", "1209:0001:B"),
    Candidate("/dev/ttyS0", "", "", ""),
]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("/dev/ttyUSB0", "/dev/ttyUSB0"),
        ("10C4:EA60", "/dev/ttyUSB0"),
        ("1209:0001:b", "/dev/ttyACM0"),
        ("B", "/dev/ttyACM0"),
        ("counter", "/dev/ttyACM0"),
        ("", "/dev/ttyACM0"),
    ],
)
def test_a_port_is_found_by_name_by_numbers_or_by_its_product(address: str, place: str) -> None:
    assert find(parse(f"serial:{address}"), COUNTER, None, TWO).place == place


def test_two_of_a_kind_are_listed() -> None:
    twins = [*TWO, Candidate("/dev/ttyACM1", "Counter", "C", "1209:0001:C")]
    with pytest.raises(DeviceError, match=r"a counter plugged in once, found /dev/ttyACM0 .*, /dev/ttyACM1"):
        find(parse("serial:"), COUNTER, None, twins)
    with pytest.raises(DeviceError, match=r"one device 1209:0001, found /dev/ttyACM0 .*; add its serial number"):
        find(parse("serial:1209:0001"), COUNTER, None, twins)
    known = PortFacts("/dev/ttyACM7", hardware="1209:0001:C")
    assert find(parse("serial:1209:0001"), COUNTER, known, twins).place == "/dev/ttyACM1"


def test_this_machine_can_be_asked() -> None:
    assert all(isinstance(port, Candidate) for port in serial_port.plugged_in())
