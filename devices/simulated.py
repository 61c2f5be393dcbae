"""Any product as a virtual device: `sim:PRODUCT` in this process, or offered to others.

    async with simulated.offered("sim:orphe?seed=1&side=left") as device:
        device.opened_by                     # "ble:ORPHE-SIM-L001?product=orphe&radio=127.0.0.1:41735"

Options of all: ``seed`` or ``recording=FILE`` (the walk), ``side``, ``speed``, ``ppm``, ``loss``, ``doubles``,
``burst_s``, ``drop_every_s``; ``radio=host:port`` offers Bluetooth devices on an air that is there, else a new one is
served. Serial devices offer a pseudo-terminal. Bluetooth needs the extra `simulate`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from devices import products
from devices.errors import DeviceError
from devices.ports import Chunk, Port, PortFacts
from devices.products import Product
from devices.simulation import Delivery, Line, Settings, settings
from devices.specs import TRANSPORTS, Spec, parse

LINGER_S = 30.0  #: a device of `sim:` waits so long for another connection


@dataclass(eq=False)
class Simulated:
    """A device that is there: ``opened_by`` is the spec that opens it; ``device`` the simulator itself; ``peripheral``
    or ``line`` what it is attached to."""

    opened_by: str
    device: Any
    peripheral: Any = None
    line: Line | None = None


@contextlib.asynccontextmanager
async def offered(spec: str | Spec, radio: Any = None, address: str | None = None) -> AsyncIterator[Simulated]:
    """The device of a `sim:` spec, while the block runs.

    radio : an ``Air`` of this loop, instead of a served one
    address : the Bluetooth address "C0:…", None for a new one

    Raises
    ------
    DeviceError : no such product, no walk in the recording, a missing extra
    """
    wanted = parse(spec)
    made = await asyncio.to_thread(settings, wanted)
    name = wanted.product or wanted.address
    async with contextlib.AsyncExitStack() as stack:
        if "serial" in products.load(name, wanted).transports:
            one = await _on_a_line(stack, wanted, name, made)
        else:
            one = await _on_the_air(stack, wanted, name, made, radio, address)
        yield one


async def _on_a_line(stack: contextlib.AsyncExitStack, spec: Spec, name: str, made: Settings) -> Simulated:
    devices = import_module("devices.simulated_serial").SERIAL_DEVICES
    if name not in devices:
        raise DeviceError(spec, f"a product that can be simulated: {', '.join(devices)}", name, "correct it")
    line = Line()
    stack.callback(line.close)
    device = devices[name](made)
    await stack.enter_async_context(_running(device.run(line)))
    return Simulated(f"serial:{line.place}?product={name}", device, line=line)


async def _on_the_air(
    stack: contextlib.AsyncExitStack, spec: Spec, name: str, made: Settings, radio: Any, address: str | None
) -> Simulated:
    try:
        virtual_radio, virtual_peripheral = (
            import_module(f"devices.{part}") for part in ("virtual_radio", "virtual_peripheral")
        )
        devices = import_module("devices.simulated_ble").BLE_DEVICES
    except ModuleNotFoundError as error:
        hint = "install it: pip install 'plantar[simulate]'"
        raise DeviceError(spec, "the extra simulate", f"no module {error.name}", hint) from error
    if name not in devices:
        raise DeviceError(spec, f"a product that can be simulated: {', '.join(devices)}", name, "correct it")
    place = spec.options.get("radio", "")
    if radio is None and place:
        radio = virtual_radio.RemoteAir(place)
    elif radio is None:
        radio = virtual_radio.Air()
        place = await stack.enter_async_context(radio.serve())
    device = devices[name](made)
    peripheral = await stack.enter_async_context(
        virtual_peripheral.peripheral(radio, device.name, device.services, device.written, address)
    )
    delivery = Delivery(made, peripheral.notify)

    async def send(uuid: str, data: bytes) -> None:
        for part in device.cut(data, peripheral.mtu - 3):
            await delivery.send(uuid, part)

    await stack.enter_async_context(_running(device.run(send)))
    if made.drop_every_s:
        await stack.enter_async_context(_running(_dropping(peripheral, made.drop_every_s)))
    query = f"?product={name}" + (f"&radio={place}" if place else "")
    return Simulated(f"ble:{device.name}{query}", device, peripheral=peripheral)


# ------------------------------------------------------------------ sim: in this process


class _Home:
    """Keeps a device of `sim:` alive across connections, and a while after the last of them."""

    def __init__(self, spec: Spec) -> None:
        loop = asyncio.get_running_loop()
        self.memory: dict[str, int] = {}
        self.ready: asyncio.Future[Simulated] = loop.create_future()
        self._leaving: asyncio.TimerHandle | None = None
        self.task = loop.create_task(self._live(spec))

    async def _live(self, spec: Spec) -> None:
        try:
            async with offered(spec) as one:
                self.ready.set_result(one)
                await asyncio.get_running_loop().create_future()
        except DeviceError as error:
            if self.ready.done():
                raise
            self.ready.set_exception(error)

    def stay(self) -> None:
        """Somebody is here."""
        if self._leaving is not None:
            self._leaving.cancel()

    def leave(self) -> None:
        """Nobody is here now."""
        self._leaving = asyncio.get_running_loop().call_later(LINGER_S, self.task.cancel)


@dataclass(frozen=True)
class SimulatedFacts(PortFacts):
    """``home``: where the device lives on while the link is down; ``memory``: as of `devices.ble.RadioFacts`."""

    home: _Home | None = field(default=None, compare=False)
    memory: dict[str, int] = field(default_factory=dict, compare=False)


class SimulatedPort:
    """The port of the transport, under the name and with the options of the `sim:` spec."""

    def __init__(self, spec: Spec, inner: Port, home: _Home) -> None:
        self.name, self.options, self._inner, self._home = spec.name, spec.options, inner, home
        found = inner.facts
        self.facts = SimulatedFacts(
            found.place, found.name, found.serial_number, "", found.mtu, found.interval_s, home, home.memory
        )

    def now(self) -> float:
        """As the transport's."""
        return self._inner.now()

    async def read(self) -> Chunk:
        """As the transport's."""
        return await self._inner.read()

    async def write(self, data: bytes, target: str = "", response: bool = False) -> None:
        """As the transport's."""
        await self._inner.write(data, target, response)

    async def subscribe(self, target: str) -> None:
        """As the transport's."""
        await self._inner.subscribe(target)

    async def fetch(self, target: str) -> bytes:
        """As the transport's."""
        return await self._inner.fetch(target)

    async def close(self) -> None:
        """Lets go; the device waits for another connection."""
        await self._inner.close()
        self._home.leave()


async def connect(spec: Spec, product: Product, known: PortFacts | None = None) -> SimulatedPort:
    """Starts the device, or finds the one that was there, and connects to it as to a real one.

    Raises
    ------
    DeviceError : it can't be simulated; DeviceLost : no link this time
    """
    home = known.home if isinstance(known, SimulatedFacts) else None
    if home is None or home.task.done():
        home = _Home(spec)
    home.stay()
    one = await asyncio.shield(home.ready)
    inner = parse(one.opened_by)
    if inner.transport == "ble":  # it is the only one of its name on its own air
        inner = replace(inner, options={**inner.options, "settle_s": "0"})
    transport = import_module(TRANSPORTS[inner.transport])
    port: Port = await transport.connect(inner, product, None)
    return SimulatedPort(spec, port, home)


async def _dropping(peripheral: Any, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await peripheral.disconnect()


@contextlib.asynccontextmanager
async def _running(work: Any) -> AsyncIterator[asyncio.Task[None]]:
    """Work beside the block, ended with it; what it raised comes out of the block's end."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            raise task.exception() or RuntimeError
