"""Bluetooth without a radio: bumble's virtual link, in this process or over a loopback socket.

An ``Air`` is a virtual room: whoever has an adapter on it hears the others. Its adapters are whole Bluetooth
controllers and hosts (advertising, connections, attribute protocol), so the code that talks over it is the code that
talks to hardware. ``serve`` opens the room to other processes: each TCP connection is given a controller of its own
and speaks HCI to it, ``RemoteAir`` is the other end.

Differences from a real radio: nothing is lost in the air (lose it in the peripheral), no connection interval, no
supervision time-out: a peripheral that vanishes leaves its central waiting, which is what a watchdog is for.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from bumble.controller import Controller
from bumble.device import Device, DeviceConfiguration
from bumble.hci import Address, HCI_ErrorCode
from bumble.host import Host
from bumble.link import LocalLink
from bumble.ll import TerminateInd
from bumble.transport.common import AsyncPipeSink, StreamPacketSink, StreamPacketSource

from devices.errors import DeviceError, DeviceLost

ACL_BYTES = 251  #: data of one link-layer packet; bumble's default of 27 is four times slower
ADVERTISING_MS = 30.0
CLOSE_S = 2.0


@dataclass(eq=False)
class Adapter:
    """One powered Bluetooth host on an air; ``lost`` is done when its controller has gone."""

    device: Device
    lost: asyncio.Future[None]
    stack: contextlib.AsyncExitStack

    async def close(self) -> None:
        """Takes it off the air; whoever was connected sees the link end."""
        with contextlib.suppress(TimeoutError):  # an air that has gone answers no command
            async with asyncio.timeout(CLOSE_S):
                await self.stack.aclose()


class Radio(Protocol):
    """Where adapters come from."""

    async def adapter(self, name: str = "plantar", address: str | None = None) -> Adapter:
        """A new powered adapter; ``address`` "C0:…" (random static), None for a new one."""
        ...


class Air:
    """A virtual room inside this event loop."""

    def __init__(self) -> None:
        make: Callable[[], LocalLink] = LocalLink
        self.link = make()

    async def adapter(self, name: str = "plantar", address: str | None = None) -> Adapter:
        """A new powered adapter; ``address`` "C0:…" (random static), None for a new one."""
        controller = Controller(name, link=self.link)
        controller.le_acl_data_packet_length = ACL_BYTES
        stack = contextlib.AsyncExitStack()
        stack.callback(remove, self.link, controller)
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        host = Host(controller, AsyncPipeSink(controller))
        return Adapter(await _powered(host, name, address, stack), lost, stack)

    @contextlib.asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Opens the room to other processes while the block runs; gives "host:port".

        Raises
        ------
        DeviceError : the port is taken
        """
        try:
            server = await asyncio.get_running_loop().create_server(lambda: _Visitor(self.link), host, port)
        except OSError as error:
            found = error.strerror or str(error)
            raise DeviceError(
                f"radio {host}:{port}", "a free port", found, "choose another, or join that air"
            ) from error
        try:
            bound = server.sockets[0].getsockname()
            yield f"{bound[0]}:{bound[1]}"
        finally:
            server.close()
            for controller in list(self.link.controllers):
                if isinstance(controller.host, StreamPacketSink):
                    controller.host.close()
            await server.wait_closed()


class RemoteAir:
    """The room that another process serves at "host:port"."""

    def __init__(self, place: str) -> None:
        name, colon, port = place.rpartition(":")
        if not colon or not port.isdigit() or not 0 < int(port) < 65536:
            raise DeviceError(f"radio {place}", "host:port", repr(place), "write 127.0.0.1:7000, say")
        self.host, self.port = name, int(port)

    async def adapter(self, name: str = "plantar", address: str | None = None) -> Adapter:
        """A new powered adapter; ``address`` "C0:…" (random static), None for a new one.

        Raises
        ------
        DeviceLost : nobody serves an air there
        """
        loop = asyncio.get_running_loop()
        try:
            transport, source = await loop.create_connection(_Source, self.host, self.port)
        except OSError as error:
            place, found = f"radio {self.host}:{self.port}", error.strerror or str(error)
            raise DeviceLost(place, "a virtual radio", found, "start `plantar simulate` there first") from error
        stack = contextlib.AsyncExitStack()
        stack.callback(transport.close)
        host = Host(source, StreamPacketSink(transport))
        return Adapter(await _powered(host, name, address, stack), source.terminated, stack)


class _Source(StreamPacketSource):
    """HCI packets from the socket; says when it has gone."""

    def connection_lost(self, error: Exception | None) -> None:
        self.on_transport_lost()


class _Visitor(StreamPacketSource):
    """A controller for one TCP connection, as long as that lasts."""

    def __init__(self, link: LocalLink) -> None:
        super().__init__()
        self.link = link
        self.controller: Controller | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.controller = Controller("visitor", host_source=self, host_sink=StreamPacketSink(transport), link=self.link)
        self.controller.le_acl_data_packet_length = ACL_BYTES

    def connection_lost(self, error: Exception | None) -> None:
        if self.controller is not None:
            remove(self.link, self.controller)


def remove(link: LocalLink, controller: Controller, silently: bool = False) -> None:
    """Takes a controller off the air; unless ``silently``, those connected to it see a connection time-out."""
    controller.le_legacy_advertiser.stop()
    for advertised in controller.advertising_sets.values():
        advertised.stop()
    for connection in [] if silently else list(controller.le_connections.values()):
        if link.find_le_controller(connection.peer_address) is not None:
            connection.send_ll_control_pdu(TerminateInd(HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR))
    controller.le_connections.clear()
    link.controllers.discard(controller)
    controller.host = None


def random_address() -> str:
    """A new random static address: the two top bits are set (Bluetooth Core, Vol 6, Part B, 1.3.2.1)."""
    octets = bytes([secrets.randbits(6) | 0xC0]) + secrets.token_bytes(5)
    return octets.hex(":").upper()


async def _powered(host: Host, name: str, address: str | None, stack: contextlib.AsyncExitStack) -> Device:
    configuration = DeviceConfiguration(
        name=name,
        address=Address(address or random_address()),
        advertising_interval_min=ADVERTISING_MS,
        advertising_interval_max=ADVERTISING_MS,
    )
    device = Device(config=configuration, host=host)
    try:
        await device.power_on()
    except BaseException:
        await stack.aclose()
        raise
    stack.push_async_callback(device.power_off)
    return device
