"""A Bluetooth peripheral on a virtual radio: what an insole is to the host, to be given a product's bytes.

Faults are at hand because they happen: refused connections, links that end with or without a word, small transfer
units. Lost, late and doubled notifications are made by whoever calls ``notify``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeAlias

from bumble.att import ATT_Error, Attribute, ErrorCode
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.host import Host

from devices.gatt import Attributed, Services
from devices.virtual_radio import Adapter, Air, Radio, remove

WRITABLE = ("write", "write-without-response")
OnWrite: TypeAlias = Callable[[str, bytes], None]


class VirtualPeripheral:
    """Made by ``peripheral``. ``refusals``: so many connections are ended at once before one is kept."""

    def __init__(self, radio: Radio, adapter: Adapter, name: str, services: Services, on_write: OnWrite) -> None:
        self.name, self.refusals, self.connects = name, 0, 0
        self.on_subscribe: Callable[[str, bool], None] = lambda uuid, on: None
        self._radio, self._adapter, self._on_write = radio, adapter, on_write
        self._device = adapter.device
        self._characteristics: dict[str, Characteristic[bytes]] = {}
        self._advertised = _advertisement(name, services)
        self._tasks: set[asyncio.Task[None]] = set()
        for uuid, attributes in services.items():
            self._device.add_service(Service(UUID(uuid), [self._characteristic(a) for a in attributes]))
        self._device.on(self._device.EVENT_CONNECTION, self._connected)

    # ------------------------------------------------------------------ what it is

    @property
    def address(self) -> str:
        """Its Bluetooth address, "C0:…"."""
        return self._device.random_address.to_string(with_type_qualifier=False)

    @property
    def connected(self) -> bool:
        """Whether a central is connected."""
        return bool(self._device.connections)

    @property
    def mtu(self) -> int:
        """The transfer unit of the connection, bytes (23 before the exchange)."""
        return min((c.att_mtu for c in self._device.connections.values()), default=23)

    def subscribed(self, uuid: str) -> bool:
        """Whether somebody wants notifications of that characteristic."""
        handle = self._characteristics[_key(uuid)].handle
        subscribers = self._device.gatt_server.subscribers.values()
        return any(any(per_handle.get(handle, b"")) for per_handle in subscribers)

    # ------------------------------------------------------------------ what it does

    def limit_mtu(self, mtu: int) -> None:
        """The largest transfer unit that it agrees to, 23 to 517 bytes."""
        self._device.gatt_server.max_mtu = mtu

    async def advertise(self, on: bool = True) -> None:
        """Starts or stops advertising."""
        if on and not self._device.is_advertising:
            await self._device.start_advertising(advertising_data=self._advertised, auto_restart=True)
        elif not on and self._device.is_advertising:
            await self._device.stop_advertising()

    async def notify(self, uuid: str, data: bytes) -> bool:
        """Sends one notification to whoever subscribed, cut to the transfer unit; False if nobody did."""
        characteristic = self._characteristics[_key(uuid)]
        if not self.subscribed(uuid):
            return False
        for connection in list(self._device.connections.values()):
            await self._device.gatt_server.notify_subscriber(connection, characteristic, data)
        return True

    async def disconnect(self) -> None:
        """Ends every connection in good order; it advertises again."""
        for connection in list(self._device.connections.values()):
            await connection.disconnect()

    def vanish(self) -> None:
        """Gone without a word (battery out, out of range): its central is told nothing. Only in this process."""
        assert isinstance(self._radio, Air)
        for controller in list(self._radio.link.controllers):
            if isinstance(controller.host, Host) and controller.host is self._device.host:
                remove(self._radio.link, controller, silently=True)

    async def close(self) -> None:
        """Off the air."""
        for advertised in self._device.extended_advertising_sets.values():
            advertised.auto_restart = False  # the end of a link would start it again
        for task in self._tasks:
            task.cancel()
        await self._adapter.close()

    # ------------------------------------------------------------------ inside

    def _characteristic(self, attributed: Attributed) -> Characteristic[bytes]:
        properties, permissions = Characteristic.Properties(0), Attribute.Permissions(0)
        for word in attributed.properties:
            properties |= Characteristic.Properties[word.upper().replace("-", "_")]
        if "read" in attributed.properties:
            permissions |= Attribute.Permissions.READABLE
        if set(WRITABLE) & set(attributed.properties):
            permissions |= Attribute.Permissions.WRITEABLE
        value = attributed.value
        uuid = _key(attributed.uuid)

        def read(connection: Connection) -> bytes:
            if "read" not in attributed.properties:
                raise ATT_Error(ErrorCode.READ_NOT_PERMITTED)
            return value() if callable(value) else value

        def write(connection: Connection, data: bytes) -> None:
            try:
                self._on_write(attributed.uuid, bytes(data))
            except PermissionError:
                raise ATT_Error(ErrorCode.WRITE_NOT_PERMITTED) from None

        made: Characteristic[bytes] = Characteristic(
            UUID(attributed.uuid), properties, permissions, CharacteristicValue(read=read, write=write)
        )
        made.on(
            made.EVENT_SUBSCRIPTION,
            lambda connection, notify, indicate: self.on_subscribe(attributed.uuid, bool(notify or indicate)),
        )
        self._characteristics[uuid] = made
        return made

    def _connected(self, connection: Connection) -> None:
        self.connects += 1
        if self.refusals > 0:
            self.refusals -= 1
            self._soon(connection.disconnect())

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@contextlib.asynccontextmanager
async def peripheral(
    radio: Radio, name: str, services: Services, on_write: OnWrite | None = None, address: str | None = None
) -> AsyncIterator[VirtualPeripheral]:
    """A peripheral that advertises while the block runs.

    on_write : called with (UUID as given, bytes) for each write; a PermissionError refuses it
    address : "C0:…" (random static); None for a new one
    """
    adapter = await radio.adapter(name, address)
    made = VirtualPeripheral(radio, adapter, name, services, on_write or (lambda uuid, data: None))
    try:
        await made.advertise()
        yield made
    finally:
        await made.close()


def _key(uuid: str) -> str:
    return UUID(uuid).to_hex_str()


def _advertisement(name: str, services: Services) -> bytes:
    """Flags, the name and the service UUIDs as length, type, data (Core Specification Supplement, part A)."""
    kinds = {2: AdvertisingData.Type.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS}
    kinds[16] = AdvertisingData.Type.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
    listed: dict[int, bytes] = {}
    for uuid in services:
        octets = bytes(UUID(uuid))
        listed[len(octets)] = listed.get(len(octets), b"") + octets
    parts = [(AdvertisingData.Type.FLAGS, b"\x06"), (AdvertisingData.Type.COMPLETE_LOCAL_NAME, name.encode())]
    parts += [(kinds[width], octets) for width, octets in listed.items()]
    return b"".join(bytes([len(data) + 1, kind]) + data for kind, data in parts)
