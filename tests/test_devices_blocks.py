"""What is done with a recorder's file that is played again, or too large to be held."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recorder_victim import RATE_HZ, info, packet

from devices.recorder import Recorder
from devices.streams import aopen
from devices.types import ChannelInfo, DeviceInfo, Gap, Packet
from footscan.errors import ReadError
from footscan.io import open_blocks, read_recording


def test_what_is_played_brings_its_own_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with Recorder(path, now=lambda: 100.0, background=False) as recorder:
        device = recorder.add(info())
        for number in range(400):
            if number == 200:
                recorder.write(device, Gap("pressure", 200, 200, 101.0))
            recorder.write(device, packet(number + 200 * (number >= 200), 100.0 + number / RATE_HZ, b"raw"))

    async def played() -> list[Packet]:
        async with aopen(f"replay:{path}?speed=0") as stream:
            packets = [item async for item in stream.items() if isinstance(item, Packet)]
        assert (stream.tally.samples, stream.tally.lost, stream.tally.gaps) == (400, 200, 1)
        return packets

    packets = asyncio.run(played())
    assert len(packets) == 400 and all(packet.raw == b"raw" for packet in packets)


def test_a_file_of_any_size_is_read_in_blocks(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Block by block it is what it is when it is read whole, also where it was cut off; the memory stays small."""
    monkeypatch.setattr("footscan.io.mcap_blocks.frames_in_block", lambda cells: 37)
    path, now = tmp_path / "two.mcap", [50.0]
    with Recorder(path, now=lambda: now[0], background=False) as recorder:
        numbers = [recorder.add(info(side)) for side in ("left", "right")]
        for number in range(1000):
            now[0] += 1 / RATE_HZ
            for device in numbers:
                one = packet(number, now[0], rng.bytes(40))
                values = np.where(rng.random(one.values.shape) < 0.01, np.float32(np.nan), one.values)
                if rng.random() < 0.95:
                    recorder.write(device, Packet(one.seq, one.device_time_s, now[0], one.channel, values, one.raw))
            if number % 50 == 0:
                recorder.flush()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(path.read_bytes()[: -int(rng.integers(1000, 20_000))])
    for file in (path, cut):
        whole, found = read_recording(file), open_blocks(file)
        assert [part.side for part in found.parts] == ["left", "right"]
        assert any("ended early" in note for note in found.notes) == (file is cut)
        taken: list[list[Any]] = [[], []]
        tracemalloc.start()
        for number, block in found:
            taken[number].append(block)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        for blocks, part in zip(taken, whole.pressure):
            assert max(len(block.time_s) for block in blocks) == 37
            np.testing.assert_array_equal(np.concatenate([block.time_s for block in blocks]), part.time_s)
            np.testing.assert_array_equal(np.concatenate([block.values for block in blocks]), part.values)
            masks = [np.ones(b.values.shape, bool) if b.valid is None else b.valid for b in blocks]
            np.testing.assert_array_equal(np.concatenate(masks), part.valid)
        assert peak < 8 * 1024**2
    with pytest.raises(ReadError, match="expected pressures, found none"):
        open_blocks(_without_pressure(tmp_path / "none.mcap"))


def _without_pressure(path: Path) -> Path:
    with Recorder(path, background=False) as recorder:
        device = recorder.add(DeviceInfo("pod", "Pod", (ChannelInfo("speed", "m/s", 1),)))
        recorder.write(device, Packet(-1, np.array([np.nan]), recorder.start_host_s, "speed", np.ones((1, 1))))
    assert "pod: how many samples were lost is not known: none of them is numbered" in read_recording(path).notes
    return path


def test_damaged_messages_are_refused_or_sound_in_blocks(tmp_path: Path, rng: np.random.Generator) -> None:
    """The chunks' checksums are taken out, so the damage reaches the messages themselves."""
    path = tmp_path / "a.mcap"
    with Recorder(path, now=lambda: 100.0, background=False) as recorder:
        device = recorder.add(info())
        for number in range(40):
            recorder.write(device, packet(number, 100.0 + number / RATE_HZ, b"raw"))
            if number % 10 == 0:
                recorder.write(device, Gap("pressure", number, 3, 101.0))
                recorder.flush()
    whole = bytearray(path.read_bytes())
    at = 8
    while at < len(whole) - 8:
        opcode, length = struct.unpack_from("<BQ", whole, at)
        if opcode == 6:
            whole[at + 33 : at + 37] = bytes(4)
        at += 9 + length
    read = 0
    for _ in range(150):
        damaged = whole.copy()
        for _ in range(int(rng.integers(1, 4))):
            damaged[int(rng.integers(8, len(damaged) - 40))] = int(rng.integers(256))
        path.write_bytes(damaged)
        with contextlib.suppress(ReadError):
            for _, block in open_blocks(path):
                assert np.isfinite(block.values).all() and (np.diff(block.time_s) > 0).all()
            read += 1
    assert read > 10
