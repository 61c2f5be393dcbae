"""Any device with standard Bluetooth services: battery, running speed and cadence, location, environment, information.

As a product (`ble:NAME?product=standard`) it subscribes to whatever of `devices.services.CHARACTERISTICS` the device
has; as functions it helps the other products: ``information``. These services number nothing and carry no clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np

from devices.errors import DeviceError, DeviceLost
from devices.ports import Port
from devices.products import Product
from devices.services import CHARACTERISTICS, ENVIRONMENT, INFORMATION, decode_text, short_uuid
from devices.types import UNCOUNTED, ChannelInfo, Decoded, DeviceInfo, packet

WIDTHS = {"2a19": 1, "2a53": 4, "2a67": 5} | {uuid: quantity.width for uuid, quantity in ENVIRONMENT.items()}
LABELS = {
    "2a53": ("speed", "cadence", "stride_length", "distance"),
    "2a67": ("latitude", "longitude", "elevation", "speed", "heading"),
}


async def information(port: Port) -> dict[str, str]:
    """What the device information service says, by name; nothing where there is no such service."""
    found: dict[str, str] = {}
    for uuid, name in INFORMATION.items():
        data = await optional(port, uuid)
        if data:
            found[name] = decode_text(data)
    return found


async def optional(port: Port, uuid: str) -> bytes | None:
    """A characteristic's value, None where the device has none or will not say."""
    try:
        return await port.fetch(uuid)
    except DeviceLost:
        raise
    except DeviceError:
        return None


async def packets(port: Port) -> AsyncIterator[Decoded]:
    """``DeviceInfo``, what can be read, then each notification.

    Raises
    ------
    DeviceError : the device has none of these services
    """
    known = await information(port)
    values = {uuid: await optional(port, uuid) for uuid in CHARACTERISTICS}
    subscribed = []
    for uuid in CHARACTERISTICS:
        try:
            await port.subscribe(uuid)
        except DeviceLost:
            raise
        except DeviceError:
            continue
        subscribed.append(uuid)
    here = [uuid for uuid in CHARACTERISTICS if values[uuid] is not None or uuid in subscribed]
    if not here:
        hint = "name its product: ?product=…"
        raise DeviceError(port.name, "a standard service (battery, running, location …)", "none", hint)
    yield DeviceInfo(
        "standard",
        port.facts.name,
        tuple(
            ChannelInfo(CHARACTERISTICS[u][0], CHARACTERISTICS[u][1], WIDTHS[u], labels=LABELS.get(u, ())) for u in here
        ),
        serial_number=known.get("serial_number", ""),
        firmware=known.get("firmware", ""),
        latency_s=port.facts.interval_s or 0.03,
    )
    for uuid in here:
        data = values[uuid]
        if data is not None:
            yield _packet(uuid, data, port.now())
    while subscribed:
        chunk = await port.read()
        if not chunk.data:
            return
        yield _packet(short_uuid(chunk.source), chunk.data, chunk.host_time_s)


def _packet(uuid: str, data: bytes, host_time_s: float) -> Decoded:
    name, _, decode = CHARACTERISTICS[uuid]
    row = [np.nan if value is None else value for value in decode(data)]
    return packet(name, UNCOUNTED, float("nan"), host_time_s, [row], data)


PRODUCT = Product(
    "standard",
    "a device with standard Bluetooth services",
    ("ble",),
    packets,
    services=("1814", "1819", "181a"),
    silent_s=120.0,
)
