"""bleak's own scanner and client over a virtual radio: `BleakScanner(backend=VirtualScanner, radio=air)`.

Everything above the backend is the real bleak (and bleak-retry-connector): what differs on hardware is only the
operating system's part. Every scanner and every client has an adapter of its own, closed with it.
"""

from __future__ import annotations

import asyncio
import uuid as uuid_module
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar, get_args

from bleak.args import SizedBuffer
from bleak.assigned_numbers import CharacteristicPropertyName
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDeviceNotFoundError, BleakError, BleakGATTProtocolError
from bumble.att import ATT_Error
from bumble.core import UUID, AdvertisingData, BaseBumbleError
from bumble.device import Advertisement, Connection, Peer
from bumble.hci import Address

from devices.virtual_radio import Adapter, Radio

T = TypeVar("T")
OUR_MTU = 517
SMALLEST_MTU = 23
HEADER_BYTES = 3  #: of a notification or a write


class VirtualScanner(BaseBleakScanner):
    """Scans an air."""

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: str,
        *,
        radio: Radio,
        **others: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._radio = radio
        self._adapter: Adapter | None = None

    async def start(self) -> None:
        """Starts scanning."""
        self.seen_devices = {}
        self._adapter = await self._radio.adapter("scanner")
        device = self._adapter.device
        device.on(device.EVENT_ADVERTISEMENT, self._heard)
        await device.start_scanning()

    async def stop(self) -> None:
        """Stops scanning."""
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            await adapter.close()

    def _heard(self, advertisement: Advertisement) -> None:
        if self._adapter is None:
            return
        name = advertisement.data.get(AdvertisingData.Type.COMPLETE_LOCAL_NAME)
        uuids = [_uuid_text(u) for u in _service_uuids(advertisement.data)]
        address = advertisement.address.to_string(with_type_qualifier=False)
        data = AdvertisementData(
            local_name=str(name) if name else None,
            manufacturer_data={},
            service_data={},
            service_uuids=uuids,
            tx_power=None,
            rssi=advertisement.rssi,
            platform_data=(),
        )
        if self.is_allowed_uuid(uuids):
            device = self.create_or_update_device(address, address, data.local_name, {"radio": self._radio}, data)
            self.call_detection_callbacks(device, data)


class VirtualClient(BaseBleakClient):
    """A GATT client on an air; the device must come from a ``VirtualScanner``, which says on which air it is."""

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        disconnected_callback: Callable[[], None] | None,
        timeout: float,
        **others: Any,
    ) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        if not isinstance(address_or_ble_device, BLEDevice):
            raise BleakError("a virtual device must be found by a scan first")
        self._name = address_or_ble_device.name
        self._radio: Radio = address_or_ble_device.details["radio"]
        self._adapter: Adapter | None = None
        self._connection: Connection | None = None
        self._lost: asyncio.Future[None] | None = None
        self._whole = False  # connected, and its services known
        self._closing: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The advertised name, else the address."""
        return self._name or self.address

    @property
    def mtu_size(self) -> int:
        """The transfer unit that was agreed, bytes."""
        return self._connection.att_mtu if self._connection else SMALLEST_MTU

    @property
    def is_connected(self) -> bool:
        """Whether the link is up."""
        return self._connection is not None and self._lost is not None and not self._lost.done()

    # ------------------------------------------------------------------ link

    async def connect(self, pair: bool, **others: Any) -> None:
        """Connects, agrees on the transfer unit, discovers the services."""
        seconds = float(others.get("timeout", self._timeout))
        adapter = await self._radio.adapter("central")
        self._lost, self._whole = asyncio.get_running_loop().create_future(), False
        try:
            async with asyncio.timeout(seconds):
                # without a time-out of bumble's: it would wait for ever for the end of the cancelled attempt
                connection = await adapter.device.connect(Address(self.address), timeout=None)
                self._adapter, self._connection = adapter, connection
                connection.on(connection.EVENT_DISCONNECTION, self._ended)
                adapter.lost.add_done_callback(self._ended)
                self.services = await self._while_connected(self._discover(connection))
                self._whole = True
        except TimeoutError:
            await self._forget(adapter)
            raise BleakDeviceNotFoundError(self.address, f"{self.name}: no answer within {seconds:g} s") from None
        except BaseException:
            await self._forget(adapter)
            raise

    async def disconnect(self) -> None:
        """Ends the link; the other end sees a time-out."""
        adapter = self._adapter
        if adapter is not None:
            self._ended()
            await self._forget(adapter)

    async def pair(self, *args: Any, **others: Any) -> None:
        """Nothing to do: a virtual link has no secrets."""

    async def unpair(self) -> None:
        """Nothing to do."""

    def _ended(self, *reason: object) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)
            adapter = self._adapter
            if self._whole and adapter is not None:
                self._closing = asyncio.get_running_loop().create_task(self._forget(adapter))
                if self._disconnected_callback is not None:
                    self._disconnected_callback()

    async def _forget(self, adapter: Adapter) -> None:
        self._adapter, self._connection, self.services = None, None, None
        await adapter.close()

    async def _while_connected(self, work: Coroutine[Any, Any, T]) -> T:
        """The work's result; BleakError when the link ends first (bumble would cancel, or wait for ever)."""
        assert self._lost is not None
        task = asyncio.get_running_loop().create_task(work)
        try:
            waited: set[asyncio.Future[Any]] = {task, self._lost}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
        if task.done() and not task.cancelled():
            error = task.exception()
            if isinstance(error, ATT_Error):
                raise BleakGATTProtocolError(int(error.error_code)) from error
            if isinstance(error, BaseBumbleError):
                raise BleakError(str(error)) from error
            return task.result()
        raise BleakError("Disconnected")

    # ------------------------------------------------------------------ attributes

    async def _discover(self, connection: Connection) -> BleakGATTServiceCollection:
        peer = Peer(connection)
        await peer.request_mtu(OUR_MTU)
        found = BleakGATTServiceCollection()
        for service in await peer.discover_services():
            made = BleakGATTService(service, service.handle, _uuid_text(service.uuid))
            found.add_service(made)
            for characteristic in await peer.discover_characteristics(service=service):
                properties = [p for p in get_args(CharacteristicPropertyName) if _has(characteristic.properties, p)]
                room = partial(_room, connection)
                uuid = _uuid_text(characteristic.uuid)
                handle = characteristic.handle
                found.add_characteristic(BleakGATTCharacteristic(characteristic, handle, uuid, properties, room, made))
        return found

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **others: Any
    ) -> bytearray:
        """The value of a characteristic."""
        return bytearray(await self._while_connected(characteristic.obj.read_value()))

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool) -> None:
        """Writes a characteristic, with or without an answer."""
        await self._while_connected(characteristic.obj.write_value(bytes(data), with_response=response))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **others: Any
    ) -> None:
        """Subscribes."""
        await self._while_connected(characteristic.obj.subscribe(lambda value: callback(bytearray(value))))

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """Unsubscribes."""
        await self._while_connected(characteristic.obj.unsubscribe())

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **others: Any
    ) -> bytearray:
        """Virtual peripherals have no descriptors of their own."""
        raise BleakError("no descriptors on a virtual device")

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        """Virtual peripherals have no descriptors of their own."""
        raise BleakError("no descriptors on a virtual device")


def _has(properties: Any, word: CharacteristicPropertyName) -> bool:
    flag = getattr(type(properties), word.upper().replace("-", "_"), None)
    return flag is not None and bool(properties & flag)


def _room(connection: Connection) -> int:
    return connection.att_mtu - HEADER_BYTES


def _uuid_text(uuid: UUID) -> str:
    return str(uuid_module.UUID(bytes=uuid.uuid_128_bytes[::-1]))


def _service_uuids(data: AdvertisingData) -> list[UUID]:
    kinds = AdvertisingData.Type
    found: list[UUID] = []
    for kind, octets in data.ad_structures:
        width = {
            kinds.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS: 2,
            kinds.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS: 16,
        }.get(kind)
        if width:
            for start in range(0, len(octets) - width + 1, width):
                uuid = UUID.from_bytes(octets[start : start + width])
                if uuid not in found:
                    found.append(uuid)
    return found
