"""Where data come from: a door for each source.

>>> import devices
>>> with devices.open("serial:/dev/ttyUSB0?product=sensel") as plate:
...     for packet in plate:
...         print(packet.device_time_s[0], packet.values.sum())
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devices.errors import DeviceError, DeviceLost, DeviceTimeout
    from devices.listing import list_devices
    from devices.recorder import Recorder
    from devices.recording import record
    from devices.streams import Device, Stream, aopen
    from devices.types import ChannelInfo, DeviceInfo, Gap, Mark, Packet, Status

# the public verbs and records, imported when first used: `import devices` costs nothing
_HOME = {
    "ChannelInfo": ("devices.types", "ChannelInfo"),
    "Device": ("devices.streams", "Device"),
    "DeviceError": ("devices.errors", "DeviceError"),
    "DeviceInfo": ("devices.types", "DeviceInfo"),
    "DeviceLost": ("devices.errors", "DeviceLost"),
    "DeviceTimeout": ("devices.errors", "DeviceTimeout"),
    "Gap": ("devices.types", "Gap"),
    "Mark": ("devices.types", "Mark"),
    "Packet": ("devices.types", "Packet"),
    "Recorder": ("devices.recorder", "Recorder"),
    "Status": ("devices.types", "Status"),
    "Stream": ("devices.streams", "Stream"),
    "aopen": ("devices.streams", "aopen"),
    "list_devices": ("devices.listing", "list_devices"),
    "open": ("devices.streams", "open_device"),  # under its own name it would hide Python's in that module
    "record": ("devices.recording", "record"),
}
__all__ = [
    "ChannelInfo",
    "Device",
    "DeviceError",
    "DeviceInfo",
    "DeviceLost",
    "DeviceTimeout",
    "Gap",
    "Mark",
    "Packet",
    "Recorder",
    "Status",
    "Stream",
    "aopen",
    "list_devices",
    "record",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        module, attribute = _HOME[name]
        return getattr(importlib.import_module(module), attribute)
    raise AttributeError(f"module 'devices' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_HOME)
