"""``replay:`` a recording that comes again as it came: ``replay:walk.mcap?device=left&speed=2``.

Files of our recorder give what the device gave: packets with both stamps, gaps and marks where they were. Every other
readable recording is cut into packets of a twentieth of a second. Options: ``device`` (the label in an MCAP file) or
``part`` (1, 2 … of another recording), needed where there are several; ``speed`` (0: as fast as it is read).
Host stamps keep their distances whatever the speed; only the waiting between them changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import numpy as np

from devices.errors import DeviceError
from devices.specs import Spec
from devices.types import ChannelInfo, DeviceInfo, Gap, Item, Mark, Packet
from footscan.errors import ReadError
from footscan.io import detect, read_recording
from footscan.io.mcap import layout_of, samples_of, side_of
from footscan.io.mcap_records import Described, Walk, messages
from footscan.io.mcap_schema import decode
from footscan.types import PressureRecording

BLOCK_S = 0.05
AT_ONCE = 256  #: without waiting, others have their turn after so many


async def items(spec: Spec) -> AsyncIterator[Item]:
    """``DeviceInfo``, then packets, gaps and marks until the recording ends.

    Raises
    ------
    DeviceError : several devices or parts and none chosen, or none of that name
    ReadError : the file can't be read
    """
    speed = spec.number("speed", 1.0, 0.0, 1000.0)
    which = _of_recorder(spec) if detect(spec.address).name == "mcap" else _of_recording(spec)
    start_s, first_s = time.monotonic(), float("nan")
    for count, item in enumerate(which):
        if isinstance(item, DeviceInfo):
            yield item
            continue
        stamp_s = item.host_time_s
        first_s = stamp_s if first_s != first_s else first_s
        ahead_s = (stamp_s - first_s) / speed - (time.monotonic() - start_s) if speed else 0.0
        if ahead_s > 0 or count % AT_ONCE == 0:
            await asyncio.sleep(max(0.0, ahead_s))
        yield _stamped(item, start_s + stamp_s - first_s)


def _stamped(item: Packet | Gap | Mark, host_s: float) -> Item:
    if isinstance(item, Packet):
        return Packet(item.seq, item.device_time_s, host_s, item.channel, item.values, item.raw)
    if isinstance(item, Gap):
        return Gap(item.channel, item.seq, item.count, host_s, item.exact, item.why)
    return Mark(item.name, host_s, item.device_time_s, item.side)


# ------------------------------------------------------------------ our recorder's files


def _of_recorder(spec: Spec) -> Iterator[DeviceInfo | Packet | Gap | Mark]:
    walk = Walk(spec.address)
    for _ in messages(walk):  # all channels are known before the first packet is given
        pass
    labels = list(dict.fromkeys(d.about["device"] for d in walk.channels.values() if "device" in d.about))
    label = _chosen(spec, "device", labels)
    mine = {n: d for n, d in walk.channels.items() if d.about.get("device") == label}
    try:
        yield _info(list(mine.values()))
        held: Packet | None = None  # the bytes that it came from stand behind it
        for number, data in messages(Walk(spec.address)):
            if number not in mine:
                continue
            if held is not None and mine[number].message == "Raw":
                held = replace(held, raw=decode("Raw", data)["data"])
            if held is not None:
                yield held
            held = None
            for item in _item(mine[number], data):
                if isinstance(item, Packet):
                    held = item
                else:
                    yield item
        if held is not None:
            yield held
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(spec.address, "channels that describe themselves", str(error), "copy the file again") from error


def _item(described: Described, data: memoryview) -> Iterator[Packet | Gap | Mark]:
    if described.message == "Samples":
        seq, host_s, times, values = samples_of(data, described)
        yield Packet(seq, times, host_s, described.about["channel"], values)
    elif described.message == "Gap":
        gap = decode("Gap", data)
        gap["seq"] = gap.pop("sequence")
        yield Gap(**gap)
    elif described.message == "Mark":
        mark = decode("Mark", data)
        times = mark["device_time_s"]
        yield Mark(
            mark["name"], mark["host_time_s"], float(times[0]) if len(times) else None, mark["side"] or "unknown"
        )


def _info(channels: list[Described]) -> DeviceInfo:
    """The device as its channels describe it; KeyError or ValueError where they don't."""
    about = channels[0].about
    described = {d.about["channel"]: _channel(d) for d in channels if d.message == "Samples"}
    side = side_of(channels[0], "device_side")
    return DeviceInfo(
        about["product"], about["name"], tuple(described.values()), about["serial_number"], about["firmware"], side
    )


def _channel(described: Described) -> ChannelInfo:
    about = described.about
    return ChannelInfo(
        about["channel"],
        about.get("unit", ""),
        int(about["width"]),
        float(about["rate_hz"]) if "rate_hz" in about else None,
        side_of(described),
        layout_of(about["layout"]) if "layout" in about else None,
        float(about["full_scale"]) if "full_scale" in about else None,
    )


# ------------------------------------------------------------------ any other recording


def _of_recording(spec: Spec) -> Iterator[DeviceInfo | Packet]:
    recording = read_recording(spec.address)
    numbers = [str(number) for number in range(1, len(recording.pressure) + 1)]
    part = recording.pressure[int(_chosen(spec, "part", numbers)) - 1]
    rate_hz = part.rate_hz
    channel = ChannelInfo(
        "pressure", part.unit, part.values.shape[1], rate_hz, part.side, part.layout, part.full_scale
    )  # fmt: skip
    yield DeviceInfo("replay", recording.format, (channel,), side=part.side, latency_s=0.0)
    step = max(1, round(BLOCK_S * (rate_hz or 1.0)))
    for start in range(0, len(part.time_s), step):
        yield _block(part, start, start + step)


def _block(part: PressureRecording, start: int, stop: int) -> Packet:
    times = part.time_s[start:stop]
    values = part.values[start:stop]
    if part.valid is not None:
        values = np.where(part.valid[start:stop], values, np.float32(np.nan))
    return Packet(start, times, float(times[-1]), "pressure", values)


def _chosen(spec: Spec, key: str, there: list[str]) -> str:
    asked = spec.options.get(key)
    if asked is not None and asked in there:
        return asked
    if asked is None and len(there) == 1:
        return there[0]
    expected = f"{key}= one of {', '.join(there) or 'none: it holds no samples'}"
    raise DeviceError(spec.name, expected, f"{key}={asked}" if asked else f"no {key}=", "choose one")
