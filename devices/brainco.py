"""BrainCo pressure insole (Bluetooth LE): 48 pressures, IMU and shear.

Options: ``rate_hz`` (50), ``mode`` of the pressures: "both" (as by default), "calibrated" or "raw" (ohm).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np

from devices.errors import DeviceError, DeviceTimeout, SpecError
from devices.ports import Chunk, Port
from devices.products import Product
from devices.types import UNCOUNTED, ChannelInfo, Decoded, DeviceInfo, Packet, packet
from firmware_bridge.products import brainco as wire
from footscan.types import SensorLayout, Side

GRAVITY_M_S2 = 9.80665
HELLO_S, BATTERY_S = 5.0, 60.0
#: where the 48 cells lie is not published: rows of four from heel to toe, and nothing in mm may come of it
LAYOUT = SensorLayout(np.array([[x, y] for x in range(12) for y in range(4)], float), positions="arbitrary")


def channels(side: Side, rate_hz: float, mode: str) -> tuple[ChannelInfo, ...]:
    """Of an insole that is configured so."""
    axes = ("x", "y", "z")
    shear = tuple(f"{axis}{k}" for k in range(wire.SHEARS) for axis in "xy")
    found = [
        ChannelInfo("acceleration", "m/s^2", 3, rate_hz, side, labels=axes),
        ChannelInfo("angular_rate", "deg/s", 3, rate_hz, side, labels=axes),
        ChannelInfo("shear", "raw", 2 * wire.SHEARS, rate_hz, side, labels=shear),
        ChannelInfo("battery", "%", 1, None, side),
    ]
    if mode != "calibrated":
        found.insert(0, ChannelInfo("resistance", "ohm", wire.PRESSURES, rate_hz, side))
    if mode != "raw":
        found.insert(0, ChannelInfo("pressure", "raw", wire.PRESSURES, rate_hz, side, LAYOUT))
    return tuple(found)


def blocks(samples: wire.Samples, host_time_s: float, raw: bytes) -> Iterator[Packet]:
    """The packets of decoded samples whose numbers follow each other."""
    parts = (
        ("pressure", samples.pressure),
        ("resistance", samples.resistance_ohm),
        ("acceleration", _times(samples.acceleration_g, GRAVITY_M_S2)),
        ("angular_rate", samples.angular_rate_dps),
        ("shear", None if samples.shear is None else samples.shear.reshape(len(samples.shear), -1)),
    )
    times = samples.time_ms / 1000.0
    for name, values in parts:
        if values is not None:
            yield Packet(int(samples.sequence[0]), times, host_time_s, name, values, raw)
            raw = b""


def _times(values: np.ndarray | None, factor: float) -> np.ndarray | None:
    return None if values is None else values * np.float32(factor)


class _Talk:
    """Requests and responses on a port, the stream of notifications cut into messages."""

    def __init__(self, port: Port) -> None:
        self.port, self._rest, self._number = port, b"", 0

    async def ask(self, side: str, *what: int, stream: bool | None = None, rate_hz: int = 0, mode: str = "raw") -> None:
        """Sends one request, in as many writes as the link needs."""
        self._number += 1
        request = wire.Request(self._number, side, 0, what, rate_hz, stream)
        frame = wire.encode_request(request, (mode, "calibrated"))
        size = (self.port.facts.mtu or 23) - 3
        for at in range(0, len(frame), size):
            await self.port.write(frame[at : at + size], wire.WRITE, response=True)

    async def responses(self) -> tuple[list[bytes], Chunk]:
        """The messages that the next notification completes."""
        chunk = await self.port.read()
        payloads, self._rest, _ = wire.read_frames(self._rest + chunk.data)
        return payloads, chunk


async def packets(port: Port) -> AsyncIterator[Decoded]:
    """``DeviceInfo``, then a packet a channel and sample, for ever.

    Raises
    ------
    DeviceError : an unknown mode, or the insole refuses
    DeviceTimeout : no answer to the first request within 5 s
    WireError : what no BrainCo insole sends
    """
    mode = port.options.get("mode", "both")
    if mode not in wire.MODES:
        raise SpecError(port.name, f"mode to be one of {', '.join(wire.MODES)}", f"mode={mode}", "correct it")
    rate_hz = _rate(port)
    talk = _Talk(port)
    await port.subscribe(wire.NOTIFY)
    asked = "right" if port.options.get("side") == "right" else "left"
    await talk.ask(asked, wire.DEVICE_INFO)
    device = await _first(talk)
    side: Side = "right" if device.side == "right" else "left"
    yield DeviceInfo(
        "brainco",
        port.facts.name,
        channels(side, rate_hz, mode),
        serial_number=device.serial_number,
        firmware=device.firmware,
        side=side,
        clock_hz=1000.0,
        latency_s=port.facts.interval_s or 0.03,
    )
    await talk.ask(side, wire.CONFIGURE, rate_hz=round(rate_hz), mode=mode)
    await talk.ask(side, stream=True)
    battery_s = float("-inf")
    while True:
        if port.now() - battery_s > BATTERY_S:
            await talk.ask(side, wire.BATTERY)
            battery_s = port.now()
        payloads, chunk = await talk.responses()
        if not chunk.data:
            return
        for payload in payloads:
            response = wire.decode_response(payload)
            if response.error:
                hint = "see its light; charge it, or restart it"
                raise DeviceError(port.name, f"an answer to request {response.message_id}", response.error, hint)
            if response.battery is not None:
                level = [[float(response.battery.percent)]]
                yield packet("battery", UNCOUNTED, float("nan"), chunk.host_time_s, level, payload)
            if response.samples is not None:
                for block in blocks(response.samples, chunk.host_time_s, payload):
                    yield block


def _rate(port: Port) -> float:
    text = port.options.get("rate_hz", str(wire.RATE_HZ))
    try:
        rate_hz = float(text)
    except ValueError:
        rate_hz = 0.0
    if not 1.0 <= rate_hz <= 1000.0:
        raise SpecError(port.name, "rate_hz from 1 to 1000", f"rate_hz={text}", "correct it")
    return rate_hz


async def _first(talk: _Talk) -> wire.DeviceInfo:
    """The answer to the first request; samples of an earlier stream are passed over."""
    try:
        async with asyncio.timeout(HELLO_S):
            while True:
                payloads, _ = await talk.responses()
                for payload in payloads:
                    device = wire.decode_response(payload).device
                    if device is not None:
                        return device
    except TimeoutError as error:
        hint = "is it a BrainCo insole, and charged?"
        raise DeviceTimeout(talk.port.name, f"device information within {HELLO_S:g} s", "none", hint) from error


PRODUCT = Product(
    "brainco",
    "BrainCo insole",
    ("ble",),
    packets,
    services=(wire.SERVICE,),
    names=("BrainCo",),
    options=("rate_hz", "mode"),
)
