"""One device from the first try to the end, across all its connections: carries out what ``devices.link`` decides and
hands on what ``devices.sequence`` puts in order.

    session = Session("ble:ORPHE-1234?side=left", handoff)
    await session.run()                   # until the source ends, or the device can't be had
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import replace
from importlib import import_module
from typing import Any, TypeAlias

from devices import link as links
from devices import products
from devices.errors import DeviceError, DeviceLost, DeviceTimeout
from devices.handoff import Handoff
from devices.link import Policy
from devices.ports import Port, PortFacts
from devices.products import Product
from devices.sequence import Order, Tally
from devices.specs import TRANSPORTS, Spec, parse
from devices.types import Decoded, DeviceInfo, Gap, Mark, Packet, Status
from firmware_bridge.errors import WireError

Connect: TypeAlias = Callable[[Spec, Product, PortFacts | None], Awaitable[Port]]
CLOSE_S = 5.0  #: a port that takes longer to let go is left alone


class Session:
    """Runs one device.

    handoff : takes every ``Item`` (anything at all from sources of finished things)
    product : instead of the table's
    connect : instead of the transport's
    policy  : None for the usual one with the product's ``silent_s``
    now     : clock of the host stamps; must run as the event loop's does
    """

    def __init__(
        self,
        spec: str | Spec,
        handoff: Handoff[Any],
        *,
        product: Product | None = None,
        connect: Connect | None = None,
        policy: Policy | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec = parse(spec)
        if connect is None:
            products.check(self.spec, product)
        self.info: DeviceInfo | None = None
        self.facts: PortFacts | None = None
        self.tally = Tally()
        self.described = asyncio.Event()
        self._handoff, self._now = handoff, now
        self._product, self._connect, self._policy = product, connect, policy
        self._order: Order | None = None
        self._port: Port | None = None
        self._heard_s: float | None = None
        self._blocked = False
        self._guessed = False

    @property
    def has_device(self) -> bool:
        """True where bytes come that a product decodes; False for a source of finished things."""
        return self._connect is not None or not hasattr(self._transport(), "items")

    @property
    def describes(self) -> bool:
        """True where a ``DeviceInfo`` comes first: a device, or one that was recorded."""
        return self.has_device or self.spec.transport == "replay"

    async def run(self) -> None:
        """Until the source ends or the session is cancelled.

        Raises
        ------
        DeviceError : it can't be had, is not what was asked for, or was looked for long enough
        """
        if not self.has_device:
            self.tally.connections = 1
            await self._pass_on(self._transport().items(self.spec))
            return
        product = self._product or await self._find_product()
        connect: Connect = self._connect or self._transport().connect
        policy = self._policy or Policy(silent_s=product.silent_s)
        link, commands = links.start(policy, self.spec.name, self._now())
        attempt: asyncio.Task[None] | None = None
        try:
            while True:
                for command in commands:
                    if isinstance(command, Status):
                        self._handoff.put(command)
                    elif isinstance(command, links.Open):
                        self._heard_s = None
                        attempt = asyncio.create_task(self._attempt(connect, product))
                    elif isinstance(command, links.Drop):
                        await _cancelled(attempt)
                        attempt = None
                        self._flush()
                    elif command.error is not None:
                        raise self._plainer(command.error)
                    else:
                        return
                event = await self._next_event(link, attempt, policy.silent_s / 2)
                if not isinstance(event, links.Tick):
                    attempt = None
                    self._flush()
                link, commands = links.advance(policy, link, event, self._now())
        finally:
            await _cancelled(attempt)
            self._flush()

    async def write(self, data: bytes, target: str = "", response: bool = False) -> None:
        """Send bytes to the device as it is connected now; DeviceLost while it is not."""
        if self._port is None:
            raise DeviceLost(self.spec.name, "a connected device", "none at the moment", "wait until it is back")
        await self._port.write(data, target, response)

    # ------------------------------------------------------------------ events

    async def _next_event(self, link: links.Link, attempt: asyncio.Task[None] | None, most_s: float) -> links.Event:
        """What happens next: the attempt ends, or something is due; while it connects, it may have been heard."""
        wait_s = max(0.0, link.until_s - self._now())
        if link.phase == "connecting":
            wait_s = min(wait_s, most_s)
        if attempt is None:
            await asyncio.sleep(wait_s)
            return links.Tick()
        await asyncio.wait({attempt}, timeout=wait_s)
        heard_s = self._now() if self._blocked else self._heard_s
        if not attempt.done():
            return links.Tick(heard_s)
        try:
            attempt.result()
        except DeviceError as error:
            return links.Failed(error, heard_s)
        except WireError as error:
            found = DeviceLost(self.spec.name, "what the product's protocol allows", str(error), "check ?product=")
            return links.Failed(found, heard_s)
        except OSError as error:
            reason = (error.strerror or str(error) or type(error).__name__).lower()
            return links.Failed(DeviceLost(self.spec.name, "the device", reason, "check its connection"), heard_s)
        return links.Finished()

    async def _attempt(self, connect: Connect, product: Product) -> None:
        """One connection, from the first byte to the last."""
        port = await connect(self.spec, product, self.facts)
        self._port = port
        try:
            async with contextlib.aclosing(_closable(product.packets(port))) as decoded:
                async for item in decoded:
                    self._decoded(item, port)
                    if self._handoff.full:
                        self._blocked = True  # it is us who are slow, not the device
                        await self._handoff.room()
                        self._blocked = False
                    self._heard_s = self._now()
        finally:
            self._port, self._blocked = None, False
            with contextlib.suppress(DeviceError, OSError):
                await asyncio.wait_for(port.close(), CLOSE_S)

    def _decoded(self, item: Decoded, port: Port) -> None:
        if isinstance(item, Packet):
            if self._order is None or not self._order.knows(item.channel):
                raise DeviceError(self.spec.name, "a channel that was described", item.channel, "correct the product")
            self._put_all(self._order.push(item))
        elif isinstance(item, Mark):
            self._handoff.put(item if self._order is None else self._order.mark(item))
        else:
            self._describe(item, port)

    def _describe(self, info: DeviceInfo, port: Port) -> None:
        """The device says who it is: the one that was asked for, the one that was here before."""
        info = with_side(self.spec, info)
        info = replace(info, latency_s=max(info.latency_s, port.facts.interval_s or 0.0))
        before = self.info
        if before is not None and info.serial_number != before.serial_number and before.serial_number:
            hint = "two devices answer to this name: use the address"
            raise DeviceLost(self.spec.name, f"device {before.serial_number} again", info.serial_number or "none", hint)
        if self._heard_s is None:  # the first word of this connection
            if self._order is None:
                self._order = Order(info, self.tally)
                self.tally.connections = 1
            else:
                self._put_all(self._order.reconnected())
            text = f"{self.spec.name}: connected to {info.name or info.product} at {port.facts.place}"
            self._handoff.put(Status("connected", self._now(), text))
        if self._order is not None:
            self._order.describe(info)
        self.info, self.facts = info, port.facts
        self._handoff.put(info)
        self.described.set()

    # ------------------------------------------------------------------ small things

    async def _pass_on(self, source: Any) -> None:
        """A source of finished things."""
        async with contextlib.aclosing(source) as items:
            async for item in items:
                if isinstance(item, DeviceInfo):
                    self.info = item
                    self.described.set()
                self.tally.packets += isinstance(item, Packet)
                self.tally.see(item)
                self._handoff.put(item)
                if self._handoff.full:
                    await self._handoff.room()

    def _transport(self) -> Any:
        return import_module(TRANSPORTS[self.spec.transport])

    async def _find_product(self) -> Product:
        if self.spec.product or self.spec.transport == "sim":
            return products.load(self.spec.product or self.spec.address, self.spec)
        if self._connect is None and hasattr(self._transport(), "recognise"):
            found = products.load(await self._transport().recognise(self.spec), self.spec)
            products.check(self.spec, found)
            return found
        self._guessed = True  # on a serial line we try our own hello and nothing else
        return products.load("board", self.spec)

    def _plainer(self, error: DeviceError) -> DeviceError:
        if self._guessed and isinstance(error, DeviceTimeout) and self.info is None:
            hint = f"name the product: ?product={'|'.join(products.names())}"
            return DeviceError(self.spec.name, "the hello of a board that speaks our protocol", error.found, hint)
        return error

    def _put_all(self, items: Iterable[Packet | Gap]) -> None:
        for item in items:
            self._handoff.put(item)

    def _flush(self) -> None:
        if self._order is not None:
            self._put_all(self._order.flush())


def with_side(spec: Spec, info: DeviceInfo) -> DeviceInfo:
    """The device with the side that was asked for where it knows none.

    Raises
    ------
    DeviceError : it knows, and it is the other one
    """
    asked = spec.side
    if asked == "unknown" or info.side == asked:
        return info
    if info.side != "unknown":
        hint = f"connect the {asked} one, or change side="
        raise DeviceError(spec.name, f"a device of the {asked} foot", f"one of the {info.side} foot", hint)
    channels = tuple(replace(c, side=asked) if c.side == "unknown" else c for c in info.channels)
    return replace(info, side=asked, channels=channels)


def _closable(packets: AsyncIterator[Decoded]) -> AsyncGenerator[Decoded, None]:
    """A product's packets as what they are: an async generator, which can be closed."""
    if not isinstance(packets, AsyncGenerator):
        raise TypeError(f"packets must be an async generator, got {type(packets).__name__}")
    return packets


async def _cancelled(attempt: asyncio.Task[None] | None) -> None:
    """Break a connection off; a port that will not let go is left to itself."""
    if attempt is not None and not attempt.done():
        attempt.cancel()
        await asyncio.wait({attempt}, timeout=2 * CLOSE_S)
    if attempt is not None and attempt.done() and not attempt.cancelled():
        attempt.exception()  # it has been looked at
