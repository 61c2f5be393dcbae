"""Bluetooth Low Energy: `ble:NAME` or `ble:ADDRESS`, through bleak and bleak-retry-connector.

Options of a spec: ``scan_s`` (10) how long to look for the device, ``settle_s`` (1) how long to go on looking for a
second one of the same name, ``radio=host:port`` for the virtual radio of a simulated device. An empty address takes the
one device that advertises as the product.

What is done about what goes wrong in the field: a first connection that fails is tried again up to four times with
back-off; each connection has a client, callbacks and a queue of its own, so a callback that outlives its connection
feeds nobody; every wait has an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from bleak import BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakCharacteristicNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from bleak_retry_connector import establish_connection

from devices import products
from devices.errors import DeviceError, DeviceLost, DeviceTimeout
from devices.ports import Candidate, Chunk, Inbox, PortFacts, choose
from devices.products import Product
from devices.services import full_uuid, short_uuid
from devices.specs import Spec

T = TypeVar("T")

SCAN_S, SETTLE_S, CONNECT_S, ANSWER_S, CLOSE_S, START_S = 10.0, 1.0, 60.0, 10.0, 5.0, 10.0
ATTEMPTS = 4
HEADER_BYTES = 3  #: of a write or a notification: what the transfer unit does not leave for data
_ADDRESS = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LINK_ERRORS = (BleakError, EOFError, OSError)  # D-Bus may go from under bleak


@dataclass(frozen=True, eq=False)
class Advertised:
    """A device that was heard: ``services`` UUIDs in lower case, 128 bits; ``rssi_dbm`` how loud."""

    address: str
    name: str
    services: tuple[str, ...]
    rssi_dbm: int
    device: BLEDevice

    def candidate(self) -> Candidate:
        """For a choice among several."""
        return Candidate(self.address, self.name, detail=f"{self.rssi_dbm} dBm")


def matches(product: Product, heard: Advertised) -> bool:
    """Whether a device advertises as that product."""
    services = {full_uuid(service) for service in product.services}
    return bool(services & set(heard.services)) or heard.name.startswith(product.names or ("\0",))


def product_of(heard: Advertised) -> str:
    """The product that a device advertises as, empty for none: a name says more than a service that many share."""
    known = [products.load(name) for name in products.names()]
    named = [p.name for p in known if heard.name.startswith(p.names or ("\0",))]
    return next(iter(named or [p.name for p in known if matches(p, heard)]), "")


# ------------------------------------------------------------------ scan


async def scan(
    seconds: float,
    radio: str = "",
    enough: Callable[[Sequence[Advertised]], bool] = lambda heard: False,
    settle_s: float = 0.0,
) -> list[Advertised]:
    """Everything that advertises within ``seconds``, loudest first.

    radio : "host:port" of a virtual radio, empty for the real one
    enough : asked after each advertisement with all that was heard; once True, the scan ends ``settle_s`` later

    Raises
    ------
    DeviceError : no Bluetooth here, switched off, not allowed
    DeviceLost : nobody serves a virtual radio there
    """
    heard: dict[str, Advertised] = {}
    scanner = BleakScanner(**_scanner_options(radio))
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    try:
        async with asyncio.timeout_at(end + START_S), scanner:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end) as limit:
                    async for device, data in scanner.advertisement_data():
                        name = data.local_name or device.name or ""
                        before = heard.get(device.address)
                        services = {*map(full_uuid, data.service_uuids), *(before.services if before else ())}
                        name = name or (before.name if before else "")
                        now = Advertised(device.address, name, tuple(sorted(services)), data.rssi, device)
                        heard[device.address] = now
                        if enough(list(heard.values())):
                            limit.reschedule(min(end, loop.time() + settle_s))
                            enough = _never
    except BleakBluetoothNotAvailableError as error:
        raise DeviceError("ble:", "Bluetooth that is switched on", str(error.args[0]), "switch it on") from error
    except TimeoutError as error:
        raise DeviceTimeout("ble:", f"a scan within {seconds + START_S:g} s", "no end of it", "try again") from error
    except FileNotFoundError as error:
        hint = "start it (Debian: apt-get install bluez), or give radio=host:port for a simulated device"
        raise DeviceError("ble:", "the system's Bluetooth service", "no D-Bus here", hint) from error
    except _LINK_ERRORS as error:
        hint = "see whether Bluetooth is switched on and allowed"
        raise DeviceError("ble:", "a scan", str(error) or type(error).__name__, hint) from error
    return sorted(heard.values(), key=lambda h: (-h.rssi_dbm, h.address))


def _never(heard: Sequence[Advertised]) -> bool:
    return False


async def find(spec: Spec, product: Product | None, known: str = "") -> Advertised:
    """The one device that the spec names.

    known : the address where it was before; where nothing is heard from there, the spec decides again

    Raises
    ------
    DeviceLost : not heard
    DeviceError : several of that name; no Bluetooth
    """
    wanted = spec.address

    def fit(heard: Sequence[Advertised]) -> list[Advertised]:
        return [h for h in heard if wanted or product is None or matches(product, h)]

    def enough(heard: Sequence[Advertised]) -> bool:
        return any(h.address == known for h in heard) if known else _chosen(wanted, fit(heard))

    # nothing shares an address
    exact = known or _ADDRESS.fullmatch(wanted)
    settle_s = 0.0 if exact else spec.number("settle_s", SETTLE_S, 0.0, 60.0)
    seconds = spec.number("scan_s", SCAN_S, 0.05, 600.0)
    heard = await scan(seconds, spec.options.get("radio", ""), enough, settle_s)
    again = [h for h in heard if h.address == known]
    if again:
        return again[0]
    found = fit(heard)
    if not wanted and not found and product is not None:
        hint = "switch it on, bring it near, and see that nothing else is connected to it"
        raise DeviceLost(spec, f"a device that advertises as {product.title}", "none", hint)
    one = choose(str(spec), wanted, [h.candidate() for h in found])
    return next(h for h in found if h.address == one.place)


async def recognise(spec: Spec) -> str:
    """The name of the product that the device advertises as.

    Raises
    ------
    DeviceLost : not heard
    DeviceError : several of that name, none of the table's products, no Bluetooth
    """
    heard = await find(spec, None)
    name = product_of(heard)
    if name:
        return name
    services = ", ".join(short_uuid(s) for s in heard.services) or "no services"
    hint = f"give ?product={'|'.join(products.names())}"
    raise DeviceError(spec, "a device that advertises as one of the products", f"{heard.name}: {services}", hint)


def _chosen(wanted: str, heard: Sequence[Advertised]) -> bool:
    folded = wanted.casefold()
    return any(h.address.casefold() == folded or h.name.casefold().startswith(folded) for h in heard)


def _scanner_options(radio: str) -> dict[str, Any]:
    if not radio:
        return {}
    virtual_backend, virtual_radio = _virtual()
    return {"backend": virtual_backend.VirtualScanner, "radio": virtual_radio.RemoteAir(radio)}


def _client_options(radio: str) -> dict[str, Any]:
    return {"backend": _virtual()[0].VirtualClient} if radio else {}


def _virtual() -> tuple[Any, Any]:
    try:
        from devices import virtual_backend, virtual_radio
    except ModuleNotFoundError as error:
        hint = "install it: pip install 'plantar[simulate]'"
        raise DeviceError("radio=", "the extra simulate", f"no module {error.name}", hint) from error
    return virtual_backend, virtual_radio


# ------------------------------------------------------------------ port


@dataclass(frozen=True)
class RadioFacts(PortFacts):
    """``memory``: what a product wants to know again after a reconnect; handed from link to link."""

    memory: dict[str, int] = field(default_factory=dict, compare=False)


async def connect(spec: Spec, product: Product | None = None, known: PortFacts | None = None) -> BlePort:
    """Finds the device and connects, with retries.

    known : of the link before: the same device is looked for

    Raises
    ------
    DeviceLost : not heard, or no connection after four attempts
    DeviceError : several of that name; no Bluetooth
    """
    found = await find(spec, product, known.place if known else "")
    memory = known.memory if isinstance(known, RadioFacts) else {}
    facts = RadioFacts(found.address, found.name, hardware=found.address, memory=memory)
    port = BlePort(spec.name, spec.options, facts)
    port.client = await _connected(spec, found, port)
    if not port.client.is_connected:  # it ended before anybody listened
        raise DeviceLost(spec.name, f"a link to {found.name or found.address}", "it ended at once", "try again")
    port.facts = replace(facts, mtu=_mtu(port.client))
    return port


async def _connected(spec: Spec, found: Advertised, port: BlePort) -> BleakClient:
    hint = "bring it near, and see that nothing else is connected to it"
    try:
        async with asyncio.timeout(CONNECT_S):
            return await establish_connection(
                BleakClient,
                found.device,
                found.name or found.address,
                disconnected_callback=port.ended,
                max_attempts=ATTEMPTS,
                **_client_options(spec.options.get("radio", "")),
            )
    except TimeoutError as error:
        raise DeviceTimeout(spec.name, f"a connection within {CONNECT_S:g} s", "none", hint) from error
    except _LINK_ERRORS as error:
        raise DeviceLost(spec.name, "a connection", str(error) or type(error).__name__, hint) from error


def _mtu(client: BleakClient) -> int:
    """The transfer unit, by what a write without response may hold: BlueZ says it nowhere else (and before 5.62 not
    there either: always 23)."""
    room = [c.max_write_without_response_size for s in client.services for c in s.characteristics]
    return max(room, default=20) + HEADER_BYTES


class BlePort:
    """A ``Port`` on one connection; made by ``connect``. ``inbox`` holds what has come and was not read yet."""

    def __init__(self, name: str, options: Mapping[str, str], facts: PortFacts) -> None:
        self.name, self.options, self.facts = name, options, facts
        self.client: BleakClient | None = None
        self.inbox = Inbox(name)
        self._subscribed: set[str] = set()
        self._closed = False

    def now(self) -> float:
        """Seconds of ``time.monotonic()``."""
        return time.monotonic()

    async def read(self) -> Chunk:
        """The next notification."""
        return await self.inbox.get()

    async def write(self, data: bytes, target: str = "", response: bool = False) -> None:
        """Writes a characteristic.

        Raises
        ------
        DeviceError : no such characteristic, refused, or more than one write holds
        """
        client = self._up()
        if not response and self.facts.mtu is not None and len(data) > self.facts.mtu - HEADER_BYTES:
            room = self.facts.mtu - HEADER_BYTES
            hint = "write it with response, or in parts"
            raise DeviceError(self.name, f"at most {room} bytes in one write", f"{len(data)}", hint)
        work = client.write_gatt_char(full_uuid(target), data, response=response)
        await self._answered(work, f"a write to {short_uuid(target)}")

    async def subscribe(self, target: str) -> None:
        """Notifications of that characteristic come out of ``read``; a second call changes nothing."""
        uuid = full_uuid(target)
        if uuid in self._subscribed:
            return
        client = self._up()
        self._subscribed.add(uuid)
        await self._answered(
            client.start_notify(uuid, partial(self._arrived, uuid)), f"a subscription to {short_uuid(uuid)}"
        )

    async def fetch(self, target: str) -> bytes:
        """A characteristic's value."""
        work = self._up().read_gatt_char(full_uuid(target))
        return bytes(await self._answered(work, f"a read of {short_uuid(target)}"))

    def has(self, target: str) -> bool:
        """Whether the device has that characteristic."""
        return self._up().services.get_characteristic(full_uuid(target)) is not None

    async def close(self) -> None:
        """Disconnects; harmless when the link is down already."""
        self._closed = True
        self.inbox.fail()
        client, self.client = self.client, None
        if client is not None:
            with contextlib.suppress(TimeoutError, *_LINK_ERRORS):
                async with asyncio.timeout(CLOSE_S):
                    await client.disconnect()

    def ended(self, client: BleakClient) -> None:
        """What bleak calls when the link has ended."""
        if not self._closed and client is self.client:
            self.inbox.fail(self._lost("the link has ended"))

    # ------------------------------------------------------------------ inside

    def _arrived(self, uuid: str, characteristic: BleakGATTCharacteristic, data: bytearray) -> None:
        if not self._closed:
            self.inbox.put(bytes(data), time.monotonic(), uuid)

    def _up(self) -> BleakClient:
        if self.client is None or not self.client.is_connected:
            raise self._lost("the link is closed")
        return self.client

    def _lost(self, found: str) -> DeviceLost:
        return DeviceLost(self.name, f"a link to {self.facts.name or self.facts.place}", found, "connect again")

    async def _answered(self, work: Awaitable[T], what: str) -> T:
        try:
            async with asyncio.timeout(ANSWER_S):
                return await work
        except TimeoutError as error:
            raise DeviceTimeout(self.name, f"{what} within {ANSWER_S:g} s", "no answer", "bring it near") from error
        except BleakCharacteristicNotFoundError as error:
            here = sorted({short_uuid(s.uuid) for s in self._up().services})
            hint = "it may be another product, or a firmware that lacks it"
            raise DeviceError(self.name, what, f"only the services {', '.join(here)}", hint) from error
        except BleakGATTProtocolError as error:
            raise DeviceError(self.name, what, str(error.args[1]), "it refuses: see its manual") from error
        except _LINK_ERRORS as error:
            raise self._lost(str(error) or type(error).__name__) from error
