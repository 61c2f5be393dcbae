"""A recorder's MCAP file that is too large to be held: its pressure, block after block, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from footscan.errors import ReadError
from footscan.io import mcap, mcap_schema
from footscan.io.blocks import Blocks, frames_in_block, without_frames
from footscan.io.files import PathLike
from footscan.io.mcap_records import Described, Walk, messages
from footscan.io.text import show
from footscan.types import Array, PressureRecording

_NONE = np.zeros(0)


@dataclass
class _Part:
    """One pressure channel: what has come of its next block, and where the last one ended."""

    number: int
    described: Described
    samples: mcap.Samples = field(default_factory=lambda: mcap.Samples([], [], [], []))
    frames: int = 0
    last_s: float = -np.inf


def blocks(path: PathLike) -> Blocks:
    """The pressure of each device. The file is looked through once at the beginning: its clocks are needed for all.

    Raises (here, and while the frames are read)
    ------
    ReadError : what can't be read, is damaged, or has no pressure
    """
    walk = Walk(path)
    devices: dict[str, mcap.Device] = {}
    counts: dict[int, int] = {}
    seqs: dict[int, list[int]] = {}
    for number, data in messages(walk):
        described = walk.channels[number]
        try:
            device = mcap.device_of(described, devices)
            if described.message == "Samples":
                fields = mcap_schema.decode("Samples", data)
                counts[number] = counts.get(number, 0) + len(fields["device_time_s"])
                seqs.setdefault(number, [-1])[0] = max(seqs.get(number, [-1])[0], fields["sequence"])
            else:
                mcap.note(device, described, data)
        except mcap.BAD as error:
            raise ReadError(path, f"a message of {described.topic}", show(error), mcap.HINT) from error
    shown = [number for number in counts if "layout" in walk.channels[number].about]
    if not shown:
        ended = ", it ended early" if walk.early else ""
        raise ReadError(path, "pressures", f"none{ended}", "record again, with a device that measures pressure")
    try:
        shown = mcap.in_order(walk, shown)
        start_s = mcap.start_of(walk)
        parts = tuple(_none(walk.channels[number]) for number in shown)
        notes = mcap.unnumbered(walk, seqs)
        notes += [n for k in counts if (n := mcap.gap_note(walk.channels[k], devices, counts[k]))]
        notes += [note for device in devices.values() for note in mcap.clock_notes(device)]
        if walk.early:
            notes.insert(0, "the recording ended early: it was stopped hard; everything up to there is read")
    except mcap.BAD as error:
        raise ReadError(path, "channels that describe themselves", show(error), mcap.HINT) from error

    def frames() -> Iterator[tuple[int, PressureRecording]]:
        return _frames(path, shown, devices, start_s)

    return Blocks(parts, frames, mcap.NAME, str(path), tuple(notes))


def _frames(
    path: PathLike, shown: list[int], devices: Mapping[str, mcap.Device], start_s: float
) -> Iterator[tuple[int, PressureRecording]]:
    walk = Walk(path)
    parts: dict[int, _Part] = {}
    for number, data in messages(walk):
        if number not in shown:
            continue
        described = walk.channels[number]
        part = parts.setdefault(number, _Part(shown.index(number), described))
        try:
            mcap.add(part.samples, data, described)
        except mcap.BAD as error:
            raise ReadError(path, f"a message of {described.topic}", show(error), mcap.HINT) from error
        part.frames += len(part.samples.values[-1])
        if part.frames >= frames_in_block(part.samples.values[-1].shape[1]):
            yield part.number, _block(path, part, devices, start_s)
    for part in parts.values():
        if part.frames:
            yield part.number, _block(path, part, devices, start_s)


def _block(path: PathLike, part: _Part, devices: Mapping[str, mcap.Device], start_s: float) -> PressureRecording:
    """What has come of a part, which then begins anew."""
    described = part.described
    try:
        device, rate_hz = mcap.device_of(described, dict(devices)), mcap.number_of(described.about, "rate_hz")
        time_s = mcap.times(part.samples, device, rate_hz, start_s, part.last_s)
        block = mcap.part_of(described.about, time_s, np.concatenate(part.samples.values), mcap.side_of(described))
    except mcap.BAD as error:
        raise ReadError(path, f"times and values of {described.topic}", show(error), mcap.HINT) from error
    part.samples, part.frames, part.last_s = mcap.Samples([], [], [], []), 0, float(time_s[-1])
    return block


def _none(described: Described) -> PressureRecording:
    """A part without frames."""
    one: Any = np.zeros((1, int(described.about["width"])), np.float32)
    single: Array = np.zeros(1)
    return without_frames(mcap.part_of(described.about, single, one, mcap.side_of(described)))
