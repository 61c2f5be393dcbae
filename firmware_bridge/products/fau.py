"""FAU sensor insole (Bluetooth LE, Nordic UART, little-endian): packets of 20 bytes into arrays and back.

Source: SensorLib of FAU's Machine Learning and Data Analytics Lab (github.com/mad-lab-fau/SensorLib, InsoleSensor).
Departs from it in one thing: SensorLib reads the counter of a notification's first packet for all of them, this reads
each packet's own. No clock is sent: the counter, at 200 Hz, is the time. Scales of the sensors are not published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from firmware_bridge.errors import WireError

Array: TypeAlias = npt.NDArray[Any]

SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
WRITE = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"  #: commands, without response
NOTIFY = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"
START, STOP, RESET = b"\xc2", b"\xc1", b"\xcf\xff"

PACKET_BYTES, RATE_HZ, COUNTER_WRAP = 20, 200.0, 2**15
STANDARD_PA = 101_325

_LAYOUT = np.dtype(
    [
        ("gyro", "<i2", (3,)),
        ("acc", "<i2", (3,)),
        ("baro", "<i2"),
        ("force", "u1", (3,)),
        ("unused", "u1"),
        ("counter", ">u2"),
    ]
)


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """``counter`` (n,) wraps at 2^15; ``angular_rate`` and ``acceleration`` (n, 3) raw; ``air_pressure_hpa`` (n,);
    ``force`` (n, 3) raw, 0 to 255."""

    counter: Array
    angular_rate: Array
    acceleration: Array
    air_pressure_hpa: Array
    force: Array


def decode(data: bytes) -> Samples:
    """Samples of one notification or of many joined (n × 20 bytes); WireError for another length."""
    if not data or len(data) % PACKET_BYTES:
        raise WireError("FAU notification", f"a multiple of {PACKET_BYTES} bytes", str(len(data)))
    packets = np.frombuffer(data, _LAYOUT)
    return Samples(
        counter=(packets["counter"] & (COUNTER_WRAP - 1)).astype(np.uint16),
        angular_rate=packets["gyro"].astype(np.float32),
        acceleration=packets["acc"].astype(np.float32),
        air_pressure_hpa=(packets["baro"].astype(np.float64) + STANDARD_PA) / 100.0,
        force=packets["force"].astype(np.float32),
    )


def encode(samples: Samples) -> bytes:
    """The packets of ``samples``, joined; cut it where a notification ends. Values saturate."""
    packets = np.zeros(len(samples.counter), _LAYOUT)
    packets["counter"] = np.asarray(samples.counter) % COUNTER_WRAP
    pascals = np.asarray(samples.air_pressure_hpa) * 100.0 - STANDARD_PA
    for name, values, kind in (
        ("gyro", samples.angular_rate, "i2"),
        ("acc", samples.acceleration, "i2"),
        ("baro", pascals, "i2"),
        ("force", samples.force, "u1"),
    ):
        limits = np.iinfo(kind)
        packets[name] = np.clip(np.rint(values), limits.min, limits.max)
    return packets.tobytes()
