"""FAU sensor insole (Bluetooth LE, Nordic UART): three force sensors, IMU and air pressure at 200 Hz.

It sends no clock: its counter, at its nominal rate, is one. Scales of its sensors are not published: all but the air
pressure is raw.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import numpy as np

from devices.ports import Port
from devices.products import Product
from devices.types import ChannelInfo, Decoded, DeviceInfo, Packet
from firmware_bridge.products import fau as wire
from footscan.types import SensorLayout

LAYOUT = SensorLayout(np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), positions="arbitrary")


def channels() -> tuple[ChannelInfo, ...]:
    """What each of its samples holds."""
    axes, count, rate_hz = ("x", "y", "z"), wire.COUNTER_WRAP, wire.RATE_HZ
    return (
        ChannelInfo("pressure", "raw", 3, rate_hz, layout=LAYOUT, full_scale=255.0, seq_modulus=count),
        ChannelInfo("acceleration", "raw", 3, rate_hz, labels=axes, seq_modulus=count),
        ChannelInfo("angular_rate", "raw", 3, rate_hz, labels=axes, seq_modulus=count),
        ChannelInfo("air_pressure", "hPa", 1, rate_hz, seq_modulus=count),
    )


def blocks(samples: wire.Samples, host_time_s: float, raw: bytes) -> Iterator[Packet]:
    """The packets of one notification: a run of counters each (a notification may hold a gap)."""
    counter = samples.counter.astype(np.int64)
    cuts = np.flatnonzero(np.diff(counter) % wire.COUNTER_WRAP != 1) + 1
    for run in np.split(np.arange(len(counter)), cuts):
        first = int(counter[run[0]])
        times = (first + np.arange(len(run))) % wire.COUNTER_WRAP / wire.RATE_HZ
        parts = (
            ("pressure", samples.force),
            ("acceleration", samples.acceleration),
            ("angular_rate", samples.angular_rate),
            ("air_pressure", samples.air_pressure_hpa[:, None]),
        )
        for name, values in parts:
            yield Packet(first, times, host_time_s, name, values[run], raw)
            raw = b""


async def packets(port: Port) -> AsyncIterator[Decoded]:
    """``DeviceInfo``, then blocks for ever.

    Raises
    ------
    WireError : what no FAU insole sends
    """
    await port.subscribe(wire.NOTIFY)
    yield DeviceInfo(
        "fau",
        port.facts.name,
        channels(),
        clock_hz=wire.RATE_HZ,
        clock_wrap_s=wire.COUNTER_WRAP / wire.RATE_HZ,
        latency_s=port.facts.interval_s or 0.03,
    )
    await port.write(wire.START, wire.WRITE)
    while True:
        chunk = await port.read()
        if not chunk.data:
            return
        for block in blocks(wire.decode(chunk.data), chunk.host_time_s, chunk.data):
            yield block


#: others speak over the Nordic UART too: its service alone says nothing
PRODUCT = Product("fau", "FAU sensor insole", ("ble",), packets, names=("FAU",), sim_options=("block",))
