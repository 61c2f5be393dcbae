"""Bluetooth through the real bleak and its retries, over bumble's virtual link, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pytest
from bleak.backends.characteristic import BleakGATTCharacteristic

from devices import ble
from devices.errors import DeviceError, DeviceLost
from devices.gatt import Attributed
from devices.ports import Inbox
from devices.products import Product
from devices.specs import parse
from devices.virtual_peripheral import VirtualPeripheral, peripheral
from devices.virtual_radio import Air

ROOT = Path(__file__).resolve().parents[1]
UART = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
TO_IT, FROM_IT = "6e400002-b5a3-f393-e0a9-e50e24dcca9e", "6e400003-b5a3-f393-e0a9-e50e24dcca9e"
SERVICES = {
    UART: [Attributed(TO_IT, ("write", "write-without-response")), Attributed(FROM_IT, ("notify",))],
    "180f": [Attributed("2a19", ("read", "notify"), b"\x55")],
}
T = TypeVar("T")


def run(work: Callable[[], Awaitable[T]], seconds: float = 20.0) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await work()

    return asyncio.run(bounded())


async def until(what: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def room(*names: str, **options: Any) -> AsyncIterator[tuple[str, list[VirtualPeripheral]]]:
    """ "host:port" of an air and peripherals of these names on it."""
    air = Air()
    async with contextlib.AsyncExitStack() as stack:
        place = await stack.enter_async_context(air.serve())
        made = [await stack.enter_async_context(peripheral(air, name, SERVICES, **options)) for name in names]
        yield place, made


async def connect(place: str, wanted: str, product: Product | None = None, **options: object) -> ble.BlePort:
    more = "".join(f"&{key}={value}" for key, value in {"settle_s": 0.15, "scan_s": 3, **options}.items())
    return await ble.connect(parse(f"ble:{wanted}?radio={place}{more}"), product)


def test_found_by_name_read_written_and_notified_in_order(rng: np.random.Generator) -> None:
    blocks = [rng.bytes(int(n)) for n in rng.integers(1, 244, 300)]
    written: list[tuple[str, bytes]] = []

    async def work() -> list[bytes]:
        async with room("INSOLE-L", on_write=lambda uuid, data: written.append((uuid, data))) as (place, (insole,)):
            port = await connect(place, "insole")  # the beginning of its name, any case
            assert port.facts.place == insole.address
            assert port.facts.name == "INSOLE-L"
            assert port.facts.mtu == 517
            assert await port.fetch("2a19") == b"\x55"
            await port.write(b"\xc2", TO_IT, response=True)
            await port.write(bytes(300), TO_IT)
            await port.subscribe(FROM_IT)
            await port.subscribe(FROM_IT)  # twice is once
            before = port.now()
            for block in blocks:
                assert await insole.notify(FROM_IT, block)
            chunks = [await port.read() for _ in blocks]
            assert {chunk.source for chunk in chunks} == {FROM_IT}
            stamps = [chunk.host_time_s for chunk in chunks]
            assert before <= stamps[0]
            assert stamps == sorted(stamps)
            await port.close()
            await until(lambda: not insole.connected)
            with pytest.raises(DeviceLost):
                await port.read()
            return [chunk.data for chunk in chunks]

    assert run(work) == blocks
    assert written == [(TO_IT, b"\xc2"), (TO_IT, bytes(300))]


@pytest.mark.parametrize("mtu", [23, 64, 185, 247])
def test_every_transfer_unit_is_known_and_kept_to(mtu: int) -> None:
    async def work() -> None:
        async with room("SMALL") as (place, (insole,)):
            insole.limit_mtu(mtu)
            port = await connect(place, "SMALL")
            assert port.facts.mtu == mtu
            await port.subscribe(FROM_IT)
            await insole.notify(FROM_IT, bytes(range(256)))
            assert (await port.read()).data == bytes(range(256))[: mtu - 3]
            await port.write(bytes(mtu - 3), TO_IT)
            with pytest.raises(DeviceError, match=rf"at most {mtu - 3} bytes in one write, found {mtu - 2}"):
                await port.write(bytes(mtu - 2), TO_IT)
            await port.write(bytes(250), TO_IT, response=True)  # a long write
            await port.close()

    run(work)


def test_first_connections_that_fail_are_tried_again() -> None:
    async def work() -> None:
        async with room("SHY") as (place, (insole,)):
            insole.refusals = 3
            port = await connect(place, "SHY")
            assert await port.fetch("2a19") == b"\x55"
            assert insole.connects == 4
            await port.close()
            insole.refusals = 99
            with pytest.raises(DeviceLost, match="expected a connection, found"):
                await connect(place, "SHY")
            assert insole.connects == 4 + ble.ATTEMPTS

    run(work)


def test_a_link_that_ends_is_lost_and_what_had_come_is_still_read() -> None:
    async def work() -> None:
        async with room("INSOLE") as (place, (insole,)):
            port = await connect(place, "INSOLE")
            await port.subscribe(FROM_IT)
            await insole.notify(FROM_IT, b"last")
            await until(lambda: len(port.inbox) == 1)
            await insole.disconnect()
            assert (await port.read()).data == b"last"
            with pytest.raises(DeviceLost, match="INSOLE, found the link has ended; connect again"):
                await port.read()
            with pytest.raises(DeviceLost):
                await port.fetch("2a19")
            await port.close()
            await port.close()

    run(work)


def test_after_a_reconnect_nothing_comes_twice() -> None:
    async def work() -> None:
        async with room("INSOLE") as (place, (insole,)):
            ports = []
            for turn in range(3):
                port = await connect(place, "INSOLE")
                ports.append(port)
                await port.subscribe(FROM_IT)
                for number in range(20):
                    await insole.notify(FROM_IT, bytes([turn, number]))
                got = [(await port.read()).data for _ in range(20)]
                assert got == [bytes([turn, number]) for number in range(20)]
                await insole.disconnect()
                await until(lambda: not insole.connected)
            assert [len(port.inbox) for port in ports] == [0, 0, 0]
            # a callback of bleak's that outlives its connection feeds nobody
            for port in ports:
                await port.close()
                port._arrived(FROM_IT, cast(BleakGATTCharacteristic, None), bytearray(b"late"))
                assert len(port.inbox) == 0

    run(work)


def test_a_device_that_vanishes_in_a_read_is_lost_or_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ble, "ANSWER_S", 0.2)

    async def work() -> None:
        async with room("GONE") as (place, (insole,)):
            port = await connect(place, "GONE")
            insole.vanish()  # without a word: the radio itself says nothing
            with pytest.raises(DeviceLost, match=r"a read of 2a19 within 0.2 s, found no answer"):
                await port.fetch("2a19")
            await port.close()

    run(work)


def test_two_devices_of_one_name_are_told_apart_by_address_only() -> None:
    async def work() -> None:
        async with room("TWIN", "TWIN", "OTHER") as (place, (one, two, _)):
            with pytest.raises(DeviceError, match="one device named TWIN, found 2: ") as caught:
                await connect(place, "TWIN", settle_s=0.5)
            assert one.address in str(caught.value)
            assert two.address in str(caught.value)
            port = await connect(place, two.address.lower())
            assert two.connected
            assert not one.connected
            await port.close()
            with pytest.raises(DeviceLost, match=r"a device named NOBODY, found .*OTHER"):
                await connect(place, "NOBODY", scan_s=0.2)

    run(work)


async def _nothing(port: object) -> AsyncIterator[Any]:
    return
    yield


def test_an_empty_address_takes_the_one_that_advertises_as_the_product() -> None:
    by_service = Product("uart", "a UART", ("ble",), _nothing, services=(UART,))
    by_name = Product("oth", "an other", ("ble",), _nothing, names=("OTH",))
    absent = Product("absent", "what is not there", ("ble",), _nothing, services=("1234",))

    async def work() -> None:
        air = Air()
        battery = {"180f": SERVICES["180f"]}
        async with (
            air.serve() as place,
            peripheral(air, "INSOLE", SERVICES) as insole,
            peripheral(air, "OTHER", battery) as other,
        ):
            for product, wanted in ((by_service, insole), (by_name, other)):
                port = await connect(place, "", product)
                assert port.facts.place == wanted.address
                await port.close()
            with pytest.raises(DeviceLost, match="advertises as what is not there, found none"):
                await connect(place, "", absent, scan_s=0.2)

    run(work)


def test_what_it_lacks_or_refuses_is_said() -> None:
    async def work() -> None:
        async with room("INSOLE") as (place, _):
            port = await connect(place, "INSOLE")
            assert port.has("2A19")
            assert not port.has("2a53")
            with pytest.raises(DeviceError, match=r"a subscription to 2a53, found only the services 1800, 1801, 180f,"):
                await port.subscribe("2a53")
            with pytest.raises(DeviceError, match=r"a read of 6e400003.*, found .*Read Not Permitted"):
                await port.fetch(FROM_IT)
            await port.close()

    run(work)


def test_no_radio_there_and_no_bluetooth_here_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeviceLost, match="expected a virtual radio"):
        run(lambda: connect("127.0.0.1:1", "X"))
    with pytest.raises(DeviceError, match="expected host:port, found 'nowhere'"):
        run(lambda: connect("nowhere", "X"))
    if sys.platform == "linux":
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/socket")
        with pytest.raises(DeviceError, match="the system's Bluetooth service, found no D-Bus here"):
            run(lambda: ble.scan(0.1))


def test_a_full_inbox_drops_the_oldest_and_counts() -> None:
    async def work() -> tuple[list[bytes], int]:
        inbox = Inbox("x", most=3)
        for number in range(5):
            inbox.put(bytes([number]))
        return [(await inbox.get()).data for _ in range(3)], inbox.dropped

    assert run(work) == ([b"\2", b"\3", b"\4"], 2)
