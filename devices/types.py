"""What comes out of a device: who it is, blocks of samples, and what went wrong between them.

A product's decoder yields ``DeviceInfo`` first (again where something of it changes), then ``Packet`` and perhaps
``Mark``. The session puts packets in order and adds ``Gap`` and ``Status``. Frozen; times in s.

Two clocks, both kept raw: the device's (``device_time_s``) and the host's (``host_time_s``, as ``time.monotonic()``,
when the bytes arrived). ``devices.clock`` says how they belong together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from footscan.types import SIDES, SensorLayout, Side

Array: TypeAlias = npt.NDArray[Any]

UNCOUNTED = -1  #: the ``seq`` of what a device does not count (a battery reading, a service's notification)


@dataclass(frozen=True, slots=True, eq=False)
class Packet:
    """A block of n >= 1 samples of one channel, as one notification or frame brought it.

    seq           : number of the first sample, in samples of this channel; may be raw (it wraps at the channel's
                    ``seq_modulus``) where a product yields it, grows for ever where a session hands it on;
                    ``UNCOUNTED`` where the device does not count
    device_time_s : (n,) float64, the device's clock as it said (or spread by its rate), NaN where it says none; like
                    ``seq`` it may wrap (``DeviceInfo.clock_wrap_s``) until the session has unwrapped it
    host_time_s   : when the bytes arrived, raw
    channel       : name of a ``ChannelInfo`` of the device: ``pressure``, ``acceleration``, ``angular_rate``,
                    ``quaternion``, ``battery`` …
    values        : (n, k) float32 or float64 in the unit of the channel
    raw           : the notification or frame as it came, on the first packet that was decoded from it, else empty
    """

    seq: int
    device_time_s: Array
    host_time_s: float
    channel: str
    values: Array
    raw: bytes = b""


@dataclass(frozen=True, eq=False)
class ChannelInfo:
    """What a channel's values mean.

    unit        : ``kPa``, ``N``, ``raw``, ``m/s^2``, ``deg/s``, ``1``, ``%``, ``V`` …
    width       : k, values a sample
    rate_hz     : nominal samples a second, None where they come when they come
    layout      : where the cells are (``pressure``: k = cells), else None
    full_scale  : in ``unit``, or None
    labels      : k names (``x``, ``y``, ``z``), or none
    seq_modulus : samples after which the device's counter starts at 0 again (a u16 that counts packets of 4 samples:
                  262144); None: it never does
    """

    name: str
    unit: str
    width: int
    rate_hz: float | None = None
    side: Side = "unknown"
    layout: SensorLayout | None = None
    full_scale: float | None = None
    labels: tuple[str, ...] = ()
    seq_modulus: int | None = None

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width must be at least 1, got {self.width}")
        if self.layout is not None and len(self.layout.xy_mm) != self.width:
            raise ValueError(f"width must be the layout's {len(self.layout.xy_mm)} cells, got {self.width}")
        if self.labels and len(self.labels) != self.width:
            raise ValueError(f"labels must be {self.width} names or none, got {len(self.labels)}")
        if self.rate_hz is not None and not 0 < self.rate_hz < 1e6:
            raise ValueError(f"rate_hz must be positive and below 1e6, got {self.rate_hz}")
        if self.seq_modulus is not None and self.seq_modulus < 2:
            raise ValueError(f"seq_modulus must be at least 2, got {self.seq_modulus}")
        if self.side not in SIDES:
            raise ValueError(f"side must be one of {', '.join(SIDES)}, got {self.side!r}")


@dataclass(frozen=True, eq=False)
class DeviceInfo:
    """Who is there and what it sends.

    clock_hz     : ticks a second of the device's stamps (1e6 for µs), None where it has no clock
    clock_wrap_s : after so many s its stamps begin at 0 again (86400 at midnight, 4294.967296 for u32 µs), or None
    latency_s    : what is left open of an absolute time as long as no shared event is known: at least the connection
                   interval of a radio, the latency timer of a USB serial chip
    """

    product: str
    name: str
    channels: tuple[ChannelInfo, ...]
    serial_number: str = ""
    firmware: str = ""
    side: Side = "unknown"
    clock_hz: float | None = None
    clock_wrap_s: float | None = None
    latency_s: float = 0.03

    def __post_init__(self) -> None:
        names = [channel.name for channel in self.channels]
        if len(set(names)) != len(names):
            raise ValueError(f"channels must have different names, got {', '.join(names)}")
        if self.side not in SIDES:
            raise ValueError(f"side must be one of {', '.join(SIDES)}, got {self.side!r}")
        if self.clock_wrap_s is not None and not self.clock_wrap_s > 0:
            raise ValueError(f"clock_wrap_s must be positive, got {self.clock_wrap_s}")

    def channel(self, name: str) -> ChannelInfo:
        """The channel of that name; KeyError if there is none."""
        for channel in self.channels:
            if channel.name == name:
                return channel
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that somebody or something pointed at: a tap, a TTL edge, a button, a person's note.

    device_time_s : on the device's clock, or None where the host saw it (then ``host_time_s`` is all there is)
    """

    name: str
    host_time_s: float
    device_time_s: float | None = None
    side: Side = "unknown"


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples ``seq`` … ``seq + count - 1`` of a channel never came; nothing is put in their place.

    exact : False where the count is only estimated from the clock (the device restarted its counter)
    why   : ``lost`` on the way, ``disconnected`` meanwhile, or the device ``restarted``
    """

    channel: str
    seq: int
    count: int
    host_time_s: float
    exact: bool = True
    why: Literal["lost", "disconnected", "restarted"] = "lost"


@dataclass(frozen=True, slots=True)
class Status:
    """How the link stands; ``text`` is one line for a person."""

    kind: Literal["connecting", "connected", "lost", "silent", "waiting", "ended"]
    host_time_s: float
    text: str = ""


#: what a product yields
Decoded: TypeAlias = DeviceInfo | Packet | Mark
#: what a session hands on
Item: TypeAlias = DeviceInfo | Packet | Mark | Gap | Status


def packet(
    channel: str,
    seq: int,
    device_time_s: npt.ArrayLike,
    host_time_s: float,
    values: npt.ArrayLike,
    raw: bytes = b"",
) -> Packet:
    """A checked packet from whatever can become arrays: values (n, k) or (k,) for one sample, times (n,) or a number.

    For decoders that are not in a hurry; ``Packet`` itself checks nothing.
    """
    block = np.asarray(values)
    if block.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        block = block.astype(np.float64)
    block = np.atleast_2d(block)
    times = np.atleast_1d(np.asarray(device_time_s, dtype=np.float64))
    if block.ndim != 2 or times.shape != (len(block),) or not len(block):
        raise ValueError(f"values must be (n, k) with (n,) times and n >= 1, got {block.shape} and {times.shape}")
    return Packet(seq, times, host_time_s, channel, block, raw)


__all__ = [
    "UNCOUNTED",
    "ChannelInfo",
    "Decoded",
    "DeviceInfo",
    "Gap",
    "Item",
    "Mark",
    "Packet",
    "Status",
    "packet",
]
