"""What is plugged in or advertising here, and what is missing to use it: a driver, a permission, an extra.

Nothing is opened and nobody is connected to.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devices import products
from devices.errors import DeviceError
from devices.ports import Candidate
from devices.products import Product

SCAN_S = 4.0
USB_ROOT = Path("/sys/bus/usb/devices")

#: USB serial chips of the boards that people use -> the kernel's module for them
SERIAL_CHIPS = {
    (0x10C4, 0xEA60): "cp210x",
    (0x1A86, 0x7523): "ch341",
    (0x1A86, 0x55D4): "cdc_acm",
    (0x0403, 0x6001): "ftdi_sio",
    (0x0403, 0x6015): "ftdi_sio",
    (0x067B, 0x2303): "pl2303",
    (0x303A, 0x1001): "cdc_acm",
    (0x2341, 0x0043): "cdc_acm",
    (0x2C2F, 0x0003): "cdc_acm",
}
INTEL, REALSENSE_PRODUCTS = 0x8086, range(0x0AA0, 0x0C00)


@dataclass(frozen=True)
class Found:
    """A device: ``spec`` opens it; ``product`` empty where only a person can say what it is."""

    spec: str
    product: str
    name: str
    serial_number: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Missing:
    """Why something can't be used: ``what``, the ``reason``, and what to do about it."""

    what: str
    reason: str
    hint: str


@dataclass(frozen=True)
class Listing:
    """Everything that was found, and what was missing to find or use more."""

    found: tuple[Found, ...]
    missing: tuple[Missing, ...]


@dataclass(frozen=True)
class UsbDevice:
    """One device of the kernel's list: numbers, what it calls itself, whether a driver made a port of it."""

    vendor: int
    product: int
    name: str
    serial_number: str
    has_port: bool


def list_devices(seconds: float = SCAN_S, radio: str = "") -> Listing:
    """``look_around`` for programs that run no event loop."""
    return asyncio.run(look_around(seconds, radio))


async def look_around(seconds: float = SCAN_S, radio: str = "") -> Listing:
    """Serial ports, Bluetooth devices that are one of the products, RealSense cameras.

    seconds : of the Bluetooth scan
    radio : "host:port" of a virtual radio instead of the real one
    """
    serial, cameras, (heard, problems) = await asyncio.gather(
        asyncio.to_thread(_serial_ports), asyncio.to_thread(_cameras), _advertising(seconds, radio)
    )
    usb = await asyncio.to_thread(usb_devices) if sys.platform == "linux" else []
    missing = [*problems, *cameras[1], *without_driver(usb, cameras[0]), *without_permission(serial)]
    found = [*(_serial_found(port) for port in serial), *heard, *(_camera_found(c) for c in cameras[0])]
    return Listing(tuple(found), tuple(dict.fromkeys(missing)))


# ------------------------------------------------------------------ serial


def _serial_ports() -> list[Candidate]:
    from devices.serial_port import plugged_in

    return plugged_in()


def _serial_found(port: Candidate) -> Found:
    product = by_usb(port.detail)
    query = f"?product={product}" if product and product != "board" else ""
    return Found(f"serial:{port.place}{query}", product, port.name, port.serial_number, port.detail)


def by_usb(hardware: str) -> str:
    """The one product whose USB numbers are ``vendor:product[:serial]`` in hexadecimal; empty if none or several."""
    words = hardware.split(":")
    if len(words) < 2:
        return ""
    numbers = (int(words[0], 16), int(words[1], 16))
    named = [product.name for product in _products() if numbers in product.usb]
    return named[0] if len(named) == 1 else ""


def without_permission(ports: Sequence[Candidate]) -> list[Missing]:
    """Serial ports that this user may not open (POSIX)."""
    hint = "add yourself to the group that owns it (Debian: sudo adduser $USER dialout), then log in again"
    return [
        Missing(f"serial port {port.place}", "no permission to open it", hint)
        for port in ports
        if os.name == "posix" and os.path.exists(port.place) and not os.access(port.place, os.R_OK | os.W_OK)
    ]


def usb_devices(root: Path = USB_ROOT) -> list[UsbDevice]:
    """The kernel's list of USB devices (Linux)."""
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        vendor, product = _text(folder / "idVendor"), _text(folder / "idProduct")
        if vendor and product:
            ports = [*folder.glob("*/tty*"), *folder.glob("*/tty/tty*")]
            name, serial_number = _text(folder / "product"), _text(folder / "serial")
            found.append(UsbDevice(int(vendor, 16), int(product, 16), name, serial_number, bool(ports)))
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def without_driver(usb: Sequence[UsbDevice], cameras: Sequence[Candidate]) -> list[Missing]:
    """USB devices that are plugged in but of which no driver has made anything."""
    missing = []
    for device in usb:
        numbers = f"USB {device.vendor:04x}:{device.product:04x}"
        what = f"{numbers} ({device.name})" if device.name else numbers
        module = SERIAL_CHIPS.get((device.vendor, device.product))
        if module and not device.has_port:
            hint = f"load the kernel's module {module}: sudo modprobe {module}"
            missing.append(Missing(what, "plugged in, but no driver made a serial port of it", hint))
        camera = device.vendor == INTEL and device.product in REALSENSE_PRODUCTS
        if camera and not cameras:
            hint = "install the extra cameras and the udev rules of librealsense"
            missing.append(Missing(what, "plugged in, but librealsense can't open it", hint))
    return missing


# ------------------------------------------------------------------ Bluetooth


async def _advertising(seconds: float, radio: str) -> tuple[list[Found], list[Missing]]:
    from devices import ble

    try:
        heard = await ble.scan(seconds, radio)
    except DeviceError as error:
        return [], [_lacking("Bluetooth", error)]
    named = [(ble.product_of(one), one) for one in heard]
    twins = Counter(one.name for _, one in named)
    found = []
    for product, one in named:
        if product:
            place = one.name if one.name and twins[one.name] == 1 else one.address
            query = f"?radio={radio}" if radio else ""
            detail = f"{one.address}, {one.rssi_dbm} dBm"
            found.append(Found(f"ble:{place}{query}", product, one.name, detail=detail))
    return found, []


# ------------------------------------------------------------------ cameras


def _cameras() -> tuple[list[Candidate], list[Missing]]:
    from devices import realsense

    try:
        return [realsense.candidate(device) for device in realsense.connected()], []
    except DeviceError as error:
        return [], [_lacking("RealSense cameras", error)]
    except RuntimeError as error:
        return [], [Missing("RealSense cameras", str(error), "install the udev rules of librealsense")]


def _lacking(what: str, error: DeviceError) -> Missing:
    return Missing(what, f"expected {error.expected}, found {error.found}", error.hint)


def _camera_found(camera: Candidate) -> Found:
    return Found(f"realsense:{camera.place}", "realsense", camera.name, camera.serial_number, camera.detail)


def _products() -> list[Product]:
    return [products.load(name) for name in products.names()]
