"""``.mcap`` of our own recorder: any number of devices in one file, whole or cut off at any moment.

Times: each device's stamps go through the fits of its clock that the recorder wrote down: those of the first half
minute are replaced by the first good one, between two fits it is interpolated. Where a device has no clock, the host's
stamp of the packet counts, its samples spread by the rate. Gaps stay gaps, with a mark each and a note for all.
Raw bytes are passed over (``devices.replay`` plays them).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from footscan.errors import ReadError
from footscan.io import mcap_schema
from footscan.io.blocks import Blocks
from footscan.io.files import MAX_FILE_BYTES, PathLike
from footscan.io.mcap_records import MAGIC, Described, Walk, messages
from footscan.io.text import show
from footscan.types import SIDES, Array, Channel, Event, PressureRecording, Recording, SensorLayout, Side

NAME = "mcap"
SUFFIXES = (".mcap",)
SETTLED_S = 30.0  #: as devices.clock has it: fits from a shorter span are not believed for what lies before them
BAD = (ValueError, TypeError, KeyError, LookupError, ArithmeticError, RecursionError)
_SIDES: dict[str, Side] = {side: side for side in SIDES}
HINT = "the file is damaged, or of a newer plantar: copy it again"


def sniff(head: bytes, size: int) -> bool:
    """MCAP's magic."""
    return head.startswith(MAGIC)


class Device:
    """What a file says of one device besides its samples."""

    def __init__(self, label: str, side: Side) -> None:
        self.label, self.side = label, side
        self.clocks: list[dict[str, Any]] = []
        self.gaps: list[dict[str, Any]] = []
        self.marks: list[dict[str, Any]] = []


class Samples(NamedTuple):
    """One channel's blocks: numbers, host stamps, device times, values."""

    seq: list[int]
    host_s: list[float]
    device_s: list[Array]
    values: list[Array]


def read(path: PathLike) -> Recording:
    """The recording; its notes say if it ended early and what was lost.

    Raises
    ------
    ReadError : what can't be read, is damaged, or has no samples
    """
    walk = Walk(path)
    devices: dict[str, Device] = {}
    found: dict[int, Samples] = {}
    for number, data in messages(walk, MAX_FILE_BYTES):
        described = walk.channels[number]
        try:
            device = device_of(described, devices)
            if described.message == "Samples":
                add(found.setdefault(number, Samples([], [], [], [])), data, described)
            else:
                note(device, described, data)
        except BAD as error:
            raise ReadError(path, f"a message of {described.topic}", show(error), HINT) from error
    try:
        return _recording(walk, devices, found)
    except BAD as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(path, "channels that describe themselves", show(error), HINT) from error


def blocks(path: PathLike) -> Blocks:
    """The pressure alone, some frames at a time, from a file of any size."""
    from footscan.io import mcap_blocks

    return mcap_blocks.blocks(path)


def device_of(described: Described, devices: dict[str, Device]) -> Device:
    """The device that a channel is of; a new one where there was none of its label."""
    label = _label(described)
    if label not in devices:
        devices[label] = Device(label, side_of(described, "device_side"))
    return devices[label]


def note(device: Device, described: Described, data: memoryview) -> None:
    """A clock's fit, a gap or a mark is kept; other messages are passed over. ValueError."""
    kept = {"Clock": device.clocks, "Gap": device.gaps, "Mark": device.marks}.get(described.message)
    if kept is not None:
        fields = mcap_schema.decode(described.message, data)
        _check_numbers(fields)
        kept.append(fields)


def add(samples: Samples, data: memoryview, described: Described) -> None:
    """One message more of a channel; ValueError."""
    seq, host_s, times, values = samples_of(data, described)
    samples.seq.append(seq)
    samples.host_s.append(host_s)
    samples.device_s.append(times.copy())  # else they would hold on to all of their chunk, raw bytes and all
    samples.values.append(values.copy())


def samples_of(data: memoryview, described: Described) -> tuple[int, float, Array, Array]:
    """(number of the first, host stamp, device times (n,), values (n, k)) of a ``Samples`` message; ValueError."""
    fields = mcap_schema.decode("Samples", data)
    values = fields["values64"] if len(fields["values64"]) else fields["values"]
    times, width = fields["device_time_s"], int(described.about["width"])
    if width < 1 or not len(times) or len(values) != len(times) * width:
        raise ValueError(f"{len(values)} values for {len(times)} samples of {width}")
    if not math.isfinite(fields["host_time_s"]) or np.isinf(times).any() or np.isinf(values).any():
        raise ValueError("times and values that are not finite")
    return fields["sequence"], fields["host_time_s"], times, values.reshape(len(times), width)


def _check_numbers(fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, (float, np.ndarray)) and not np.isfinite(value).all():
            raise ValueError(f"{name} is not finite")


def _label(described: Described) -> str:
    return described.about["device"]


def side_of(described: Described, key: str = "side") -> Side:
    """The side that a channel names; KeyError for another word."""
    return _SIDES[described.about.get(key, "unknown")]


# ------------------------------------------------------------------ time


def host_times(device_s: Array, clocks: list[dict[str, Any]]) -> Array:
    """Host times (n,) of a device's times by its clock's fits, in the order in which they were written; what a shared
    event showed counts for the whole stretch of one clock."""
    epochs: dict[int, list[dict[str, Any]]] = {}
    for fit in clocks:
        epochs.setdefault(fit["epoch"], []).append(fit)
    host_s = np.empty(len(device_s))
    edges = [fits[0]["device_s"] for fits in epochs.values()]
    which = np.searchsorted(np.array(edges[1:]), device_s, side="right")
    for number, fits in enumerate(epochs.values()):
        here = which == number
        host_s[here] = _by_fits(device_s[here], fits) + fits[-1]["shift_s"]
    return host_s


def _by_fits(device_s: Array, fits: list[dict[str, Any]]) -> Array:
    good = [fit for fit in fits if fit["span_s"] >= SETTLED_S] or fits[-1:]
    knots_s = np.array([fit["device_s"] for fit in good])
    delays_s = np.array([fit["host_s"] - fit["device_s"] for fit in good])
    order = np.argsort(knots_s, kind="stable")
    knots_s, delays_s = knots_s[order], delays_s[order]
    host_s: Array = device_s + np.interp(device_s, knots_s, delays_s)
    for fit, outside in ((good[order[0]], device_s < knots_s[0]), (good[order[-1]], device_s > knots_s[-1])):
        host_s[outside] += (device_s[outside] - fit["device_s"]) * fit["skew_ppm"] * 1e-6
    return host_s


def times(samples: Samples, device: Device, rate_hz: float | None, start_s: float, after_s: float = -math.inf) -> Array:
    """Times (n,) of a channel's samples since the start, strictly increasing and behind ``after_s``."""
    device_s = np.concatenate(samples.device_s)
    counts = [len(times) for times in samples.device_s]
    host_s = np.repeat(np.array(samples.host_s), counts)
    if rate_hz:
        before = np.concatenate([np.arange(count - 1, -1, -1) for count in counts])
        host_s = host_s - before / rate_hz
    if device.clocks:
        told = ~np.isnan(device_s)
        host_s[told] = host_times(device_s[told], device.clocks)
    time_s = host_s - start_s
    if time_s[0] <= after_s or not (np.diff(time_s) > 0).all():  # equal stamps: apart by the least that counts
        step_s = 1e-6
        time_s[0] = max(time_s[0], after_s + step_s)
        raster = np.arange(len(time_s)) * step_s
        time_s = np.maximum.accumulate(time_s - raster) + raster
    return time_s


# ------------------------------------------------------------------ the recording


def _recording(walk: Walk, devices: Mapping[str, Device], found: Mapping[int, Samples]) -> Recording:
    if not found:
        ended = ", it ended early" if walk.early else ""
        raise ReadError(walk.path, "samples", f"none{ended}", "record again, with the device connected")
    start_s = start_of(walk)
    pressure: list[PressureRecording] = []
    channels: list[Channel] = []
    events: list[Event] = []
    notes: list[str] = []
    last_s = 0.0
    for number in in_order(walk, found):
        samples = found[number]
        described = walk.channels[number]
        about, device = described.about, devices[_label(described)]
        time_s = times(samples, device, number_of(about, "rate_hz"), start_s)
        last_s = max(last_s, float(time_s[-1]))
        values, side = np.concatenate(samples.values), side_of(described)
        if "layout" in about:
            pressure.append(part_of(about, time_s, values, side))
            if pressure[-1].valid is not None and not pressure[-1].valid.any():
                raise ValueError("pressures that are not finite")
        else:
            channels.append(Channel(_name(about, device, devices), about.get("unit", ""), time_s, values, side))
        events += _lost(about, device, samples, time_s)
        told = gap_note(described, devices, len(time_s))
        notes += [told] if told else []
    notes += unnumbered(walk, {number: samples.seq for number, samples in found.items()})
    for device in devices.values():
        events += [_mark(mark, device, start_s) for mark in device.marks]
        notes += clock_notes(device)
    if walk.early:
        notes.insert(
            0, f"the recording ended early, at {last_s:.2f} s: it was stopped hard; everything up to there is read"
        )
    return Recording(
        tuple(pressure),
        tuple(channels),
        tuple(sorted(events, key=lambda event: event.time_s)),
        start_utc=walk.about.get("start_utc"),
        clock=_clock(devices),
        format=NAME,
        source=str(walk.path),
        notes=tuple(notes),
    )


def in_order(walk: Walk, numbers: Iterable[int]) -> list[int]:
    """Channels by side, left first, and by device; whichever sent first."""
    channels = walk.channels
    return sorted(numbers, key=lambda n: (SIDES.index(side_of(channels[n])), _label(channels[n]), n))


def unnumbered(walk: Walk, seqs: Mapping[int, list[int]]) -> list[str]:
    """A note for each device of which no channel is numbered: what was lost can't be seen."""
    numbered: dict[str, bool] = {}
    for number, seq in seqs.items():
        label = _label(walk.channels[number])
        numbered[label] = numbered.get(label, False) or max(seq) >= 0
    told = "how many samples were lost is not known: none of them is numbered"
    return [f"{label}: {told}" for label, counted in numbered.items() if not counted]


def start_of(walk: Walk) -> float:
    """When the recording began, on the host's clock; KeyError or ValueError where it does not say."""
    start_s = float(walk.about["start_host_s"])
    if not math.isfinite(start_s):
        raise ValueError("start_host_s is not finite")
    return start_s


def part_of(about: Mapping[str, str], time_s: Array, values: Array, side: Side) -> PressureRecording:
    """A pressure channel's samples (n, cells) at times (n,) since the start; ValueError, TypeError or KeyError."""
    units: dict[str, Literal["kPa", "N", "raw"]] = {"kPa": "kPa", "N": "N", "raw": "raw"}
    unit, missing = units[about.get("unit", "")], np.isnan(values)
    valid = ~missing if missing.any() else None
    values = values.astype(np.float32) if valid is None else np.where(missing, 0.0, values).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("pressures that are not finite")
    layout, full_scale = layout_of(about["layout"]), number_of(about, "full_scale")
    return PressureRecording(values, unit, time_s, layout, valid, side, "given", full_scale)


def layout_of(text: str) -> SensorLayout:
    """The layout that a channel carries as JSON; ValueError, TypeError or KeyError where it is none."""
    words = json.loads(text)
    shape = words.get("shape")
    return SensorLayout(
        np.array(words["xy_mm"], dtype=np.float64).reshape(-1, 2),
        area_mm2=words.get("area_mm2"),
        corners_mm=words.get("corners_mm"),
        frame=words["frame"],
        shape=None if shape is None else (int(shape[0]), int(shape[1])),
        index=words.get("index"),
        positions=words["positions"],
    )


def number_of(about: Mapping[str, str], key: str) -> float | None:
    """A positive number among a channel's words, None where it has none; ValueError."""
    if key not in about:
        return None
    value = float(about[key])
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{key} {value}")
    return value


def _name(about: Mapping[str, str], device: Device, devices: Mapping[str, Device]) -> str:
    """The channel's name; with the device's where there are several that have no side."""
    name = about["channel"]
    return f"{device.label} {name}" if len(devices) > 1 and device.side == "unknown" else name


def _lost(about: Mapping[str, str], device: Device, samples: Samples, time_s: Array) -> list[Event]:
    """A mark for each gap where the samples go on behind it."""
    gaps = [gap for gap in device.gaps if gap["channel"] == about["channel"]]
    starts = np.cumsum([0] + [len(values) for values in samples.values[:-1]])
    after = np.searchsorted(np.array(samples.seq), [gap["sequence"] + gap["count"] for gap in gaps])
    after = np.minimum(after, len(starts) - 1)
    return [Event("gap", float(time_s[starts[at]]), device.side) for at in after]


def gap_note(described: Described, devices: Mapping[str, Device], samples: int) -> str | None:
    """One note for all gaps of a channel of which so many samples came; None where there are none."""
    device, channel = devices[_label(described)], described.about["channel"]
    gaps = [gap for gap in device.gaps if gap["channel"] == channel]
    if not gaps:
        return None
    count = sum(gap["count"] for gap in gaps)
    every = count + samples
    about = "" if all(gap["exact"] for gap in gaps) else "about "
    note = f"{device.label} {channel}: {len(gaps)} gaps, {about}{count} of {every} samples never came"
    return f"{note} ({100 * count / max(every, 1):.2f} %)"


def _mark(mark: Mapping[str, Any], device: Device, start_s: float) -> Event:
    time_s = mark["host_time_s"]
    if len(mark["device_time_s"]) and device.clocks:
        time_s = float(host_times(mark["device_time_s"][:1], device.clocks)[0])
    side = _SIDES.get(mark["side"], "unknown")
    return Event(mark["name"], time_s - start_s, device.side if side == "unknown" else side)


def clock_notes(device: Device) -> list[str]:
    """How uncertain its times are, as long as nothing was shared."""
    if not device.clocks or device.clocks[-1]["shared"]:
        return []
    fit = device.clocks[-1]
    return [
        f"{device.label}: times are uncertain by {fit['uncertainty_ms']:.1f} ms: no event was shared with another one"
    ]


def _clock(devices: Mapping[str, Device]) -> str:
    """How each device's clock went, in a line."""
    words = []
    for device in devices.values():
        if not device.clocks:
            words.append(f"{device.label}: no clock, as it arrived")
            continue
        fit = device.clocks[-1]
        shared = f" by a shared {fit['shared']}" if fit["shared"] else ""
        words.append(
            f"{device.label}: {fit['skew_ppm']:+.1f} ppm, residual {fit['residual_ms']:.2f} ms,"
            f" uncertain by {fit['uncertainty_ms']:.1f} ms{shared}"
        )
    return f"host ({'; '.join(words)})"
