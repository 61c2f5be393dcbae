"""What is plugged in or advertising, and what is missing: simulated devices, a made-up USB tree, missing extras."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from devices import listing, products, serial_port, simulated
from devices.gatt import Attributed
from devices.listing import Found, Listing, UsbDevice
from devices.ports import Candidate
from devices.specs import parse
from devices.virtual_peripheral import peripheral
from devices.virtual_radio import Air


def around(radio: str) -> Listing:
    return asyncio.run(listing.look_around(0.6, radio))


def test_everything_that_is_there_is_listed_with_the_spec_that_opens_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged = [
        Candidate("/dev/ttyACM7", "Sensel", "00A1", "2c2f:0003:00A1"),
        Candidate("/dev/ttyUSB0", "CP2102", "", "10c4:ea60"),
        Candidate("/dev/ttyS0"),
    ]
    monkeypatch.setattr(serial_port, "plugged_in", lambda: plugged)

    async def work() -> tuple[Listing, dict[str, str]]:
        air = Air()
        async with (
            air.serve() as place,
            simulated.offered("sim:orphe?seed=1", air) as orphe,
            simulated.offered("sim:fau?seed=2", air, "C0:00:00:00:00:02") as left,
            simulated.offered("sim:fau?seed=2", air, "C0:00:00:00:00:01") as right,
            peripheral(air, "earphones", {"184e": [Attributed("2bc4", ("notify",))]}),
        ):
            assert (left.device.name, left.peripheral.connected) == (right.device.name, False)
            found = await listing.look_around(0.6, place)
            # what it says can be opened
            spec = parse(next(f.spec for f in found.found if f.product == "orphe"))
            from devices import ble

            port = await ble.connect(spec)
            assert port.facts.place == orphe.peripheral.address
            await port.close()
            return found, {"orphe": orphe.device.name, "place": place}

    found, names = asyncio.run(work())
    serial = [f for f in found.found if f.spec.startswith("serial:")]
    assert [f.spec for f in serial] == [
        "serial:/dev/ttyACM7?product=sensel",
        "serial:/dev/ttyUSB0",
        "serial:/dev/ttyS0",
    ]
    assert serial[0].serial_number == "00A1"
    radio = {f.spec: f.product for f in found.found if f.spec.startswith("ble:")}
    assert radio == {  # two of one name by their addresses; nobody's earphones
        f"ble:{names['orphe']}?radio={names['place']}": "orphe",
        f"ble:C0:00:00:00:00:01?radio={names['place']}": "fau",
        f"ble:C0:00:00:00:00:02?radio={names['place']}": "fau",
    }


def test_no_bluetooth_and_no_camera_library_are_missing_and_the_rest_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_port, "plugged_in", lambda: [Candidate("/dev/ttyS9")])
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    found = around("127.0.0.1:1")
    assert [f.spec for f in found.found] == ["serial:/dev/ttyS9"]
    whats = {m.what: m for m in found.missing}
    assert whats["RealSense cameras"].hint == "install it: pip install 'plantar[cameras]'"
    assert "simulate" in whats["Bluetooth"].hint


def usb(folder: Path, name: str, port: str | None = None, **facts: str) -> None:
    (folder / name).mkdir(parents=True)
    for key, text in facts.items():
        (folder / name / key).write_text(f"{text}\n", encoding="utf-8")
    if port:
        (folder / name / f"{name}:1.0" / "tty" / port).mkdir(parents=True)


def test_usb_devices_without_a_driver_are_told_with_the_driver(tmp_path: Path) -> None:
    usb(tmp_path, "1-1", idVendor="10c4", idProduct="ea60", product="CP2102 USB to UART", serial="0001")
    usb(tmp_path, "1-2", "ttyACM0", idVendor="2c2f", idProduct="0003", product="Sensel Morph")
    usb(tmp_path, "1-3", idVendor="046d", idProduct="c52b", product="mouse")
    usb(tmp_path, "2-1", idVendor="8086", idProduct="0b3a", product="RealSense D435I")
    (tmp_path / "usb1-0:1.0").mkdir()
    found = listing.usb_devices(tmp_path)
    assert found[0] == UsbDevice(0x10C4, 0xEA60, "CP2102 USB to UART", "0001", False)
    assert [device.has_port for device in found] == [False, True, False, False]
    missing = listing.without_driver(found, [])
    assert [m.what for m in missing] == ["USB 10c4:ea60 (CP2102 USB to UART)", "USB 8086:0b3a (RealSense D435I)"]
    assert "modprobe cp210x" in missing[0].hint
    assert "udev rules" in missing[1].hint
    assert len(listing.without_driver(found, [Candidate("0042")])) == 1  # the camera is seen
    assert listing.usb_devices(tmp_path / "nowhere") == []


def test_a_port_that_may_not_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, others = tmp_path / "ttyUSB0", tmp_path / "ttyUSB1"
    mine.touch()
    others.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: path == str(mine))  # root may open everything
    ports = [Candidate(str(mine)), Candidate(str(others)), Candidate("/dev/ttyGONE")]
    (missing,) = listing.without_permission(ports)
    assert missing.what == f"serial port {others}"
    assert "dialout" in missing.hint


def test_every_product_of_the_table_is_whole() -> None:
    for name in products.names():
        product = products.load(name)
        assert product.name == name
        assert product.transports
        assert set(product.transports) <= {"ble", "serial"}
        assert all(service == service.lower() for service in product.services)
        assert product.services or product.names or "serial" in product.transports
    assert listing.by_usb("2c2f:0003:00A1") == "sensel"
    assert listing.by_usb("10c4:ea60") == listing.by_usb("") == ""
    assert Found("serial:x", "", "x").detail == ""
