"""The recorder's file: everything in it, readable whatever happened, by others too."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import recorder_victim
from device_doubles import INSOLE, Insole
from recorder_victim import CELLS, RATE_HZ, info, packet
from virtual_time import clock, run

from devices import replay
from devices.errors import DeviceError
from devices.live import Live, load
from devices.mcap_writer import McapWriter
from devices.recorder import Recorder
from devices.recording import arecord, check_feet
from devices.specs import parse
from devices.streams import aopen
from devices.types import ChannelInfo, DeviceInfo, Gap, Mark, Packet, Status
from footscan.errors import ReadError
from footscan.io import detect, mcap_schema, read_recording, write_recording
from footscan.types import Recording, SensorLayout


def written(path: Path, frames: int = 400, flush_every: int = 40) -> Path:
    """A small file: one insole, a lost second in it, a mark, an end."""
    now = [100.0]
    with Recorder(path, now=lambda: now[0], background=False) as recorder:
        device = recorder.add(info())
        for number in range(frames):
            now[0] = 100.0 + number / RATE_HZ
            if number == frames // 2:
                recorder.write(device, Gap("pressure", number, 200, now[0]))
            recorder.write(device, packet(number + 200 * (number >= frames // 2), now[0] + 0.004, b"raw"))
            if number % flush_every == 0:
                recorder.flush()
        recorder.write(device, Mark("tap", now[0], 8.0))
        recorder.write(device, Status("ended", now[0], "done"))
    return path


# ------------------------------------------------------------------ what goes in comes out


def test_everything_comes_back(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mcap")
    assert detect(path).name == "mcap"
    recording = read_recording(path)
    (part,) = recording.pressure
    numbers = np.r_[0:200, 400:600]
    assert (part.values[:, 0] == numbers % 499).all() and part.values.shape == (400, CELLS)
    assert (part.unit, part.side, part.full_scale) == ("kPa", "left", 500.0)
    assert part.layout.area_mm2 is not None and (part.layout.area_mm2 == 100.0).all()
    assert np.diff(part.time_s) == pytest.approx(np.where(np.diff(numbers) > 1, 201, 1) / RATE_HZ, abs=1e-3)
    assert [event.name for event in recording.events] == ["tap", "gap"]
    assert recording.events[1].time_s == pytest.approx(float(part.time_s[200]))
    assert "left pressure: 1 gaps, 200 of 600 samples never came (33.33 %)" in recording.notes
    assert "residual" in recording.clock and not any("early" in note for note in recording.notes)


def test_two_clocks_come_out_on_one_time(tmp_path: Path, rng: np.random.Generator) -> None:
    """Two insoles feel the same pulse each second; their clocks differ, their radios deliver in bursts."""
    path, now = tmp_path / "two.mcap", [0.0]
    devices = [(side, float(ppm), float(rng.uniform(0, 1e4))) for side, ppm in (("left", 20), ("right", -20))]
    with Recorder(path, now=lambda: now[0], background=False) as recorder:
        numbers = [recorder.add(info(side)) for side, _, _ in devices]
        for frame in range(int(60 * RATE_HZ)):
            true_s = frame / RATE_HZ
            arrived_s = np.ceil((true_s + 0.003) / 0.15) * 0.15
            for number, (_, ppm, first_s) in zip(numbers, devices):
                values = np.full((1, CELLS), 100.0 * (frame % 200 == 0), np.float32)
                device_s = np.array([first_s + true_s * (1 + ppm * 1e-6)])
                late_s = arrived_s + rng.exponential(0.001)
                recorder.write(number, Packet(frame, device_s, late_s, "pressure", values))
    left, right = (part.time_s[part.values[:, 0] > 0] for part in read_recording(path).pressure)
    apart_ms = 1e3 * np.abs(left - right)
    assert np.median(apart_ms) <= 1.0 and apart_ms.max() <= 5.0


def test_the_makers_of_mcap_read_it(tmp_path: Path) -> None:
    from mcap.reader import make_reader
    from mcap.stream_reader import StreamReader

    path = written(tmp_path / "a.mcap")
    with open(path, "rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None and summary.statistics is not None
        counts = summary.statistics.channel_message_counts
        by_topic = {c.topic: (counts[c.id], c) for c in summary.channels.values()}
        assert by_topic["/left/pressure"][0] == by_topic["/left/raw"][0] == 400
        assert by_topic["/left/pressure"][1].metadata["unit"] == "kPa"
        times = [message.log_time for _, _, message in reader.iter_messages("/left/pressure")]
        assert len(times) == 400 and times == sorted(times)
    with open(path, "rb") as stream:
        assert sum(1 for _ in StreamReader(stream, validate_crcs=True).records) > 800


def test_messages_survive_their_encoding(rng: np.random.Generator) -> None:
    for dtype in (np.float32, np.float64):
        n, k = (int(x) for x in rng.integers(1, 9, 2))
        values, times = rng.normal(size=(n, k)).astype(dtype), rng.normal(size=n)
        seq = int(rng.integers(-(2**62), 2**62))
        found = mcap_schema.decode("Samples", b"".join(mcap_schema.encode_samples(seq, 2.5, times, values)))
        block = found["values64" if dtype == np.float64 else "values"].reshape(n, k)
        assert found["sequence"] == seq and (found["device_time_s"] == times).all() and (block == values).all()
    data = mcap_schema.encode("Gap", sequence=-5, count=2**40, exact=True, why="lost", channel="ä")
    assert mcap_schema.decode("Gap", data + b"\xf8\x07\x01")["channel"] == "ä"  # a field of a later version
    with pytest.raises(ValueError, match="Gap has no colour"):
        mcap_schema.encode("Gap", colour=1)


def test_it_becomes_a_spreadsheet(tmp_path: Path) -> None:
    recording = read_recording(written(tmp_path / "a.mcap"))
    write_recording(tmp_path / "a.csv", recording)
    again = read_recording(tmp_path / "a.csv")
    assert (again.pressure[0].values == recording.pressure[0].values).all()


def test_it_plays_again_as_it_came(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mcap")

    async def play() -> list[Any]:
        return [item async for item in replay.items(parse(f"replay:{path}?speed=0"))]

    first, *rest = asyncio.run(play())
    assert isinstance(first, DeviceInfo) and first.channel("pressure").full_scale == 500.0
    packets = [item for item in rest if isinstance(item, Packet)]
    assert [item.seq for item in packets] == [*range(200), *range(400, 600)]
    assert [type(item) for item in rest if not isinstance(item, Packet)] == [Gap, Mark]
    stamps_s = np.array([item.host_time_s for item in packets])
    assert np.diff(stamps_s) == pytest.approx(1 / RATE_HZ, abs=1e-9)


def test_any_recording_plays(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.csv", read_recording(written(tmp_path / "a.mcap")))

    async def play(spec: str) -> list[Any]:
        async with aopen(spec) as stream:
            return [item async for item in stream]

    packets = asyncio.run(play(f"replay:{tmp_path / 'a.csv'}?speed=0"))
    assert sum(len(item.values) for item in packets) == 400
    with pytest.raises(DeviceError, match="part= one of 1, found part=7"):
        asyncio.run(play(f"replay:{tmp_path / 'a.csv'}?part=7"))


# ------------------------------------------------------------------ damage


def test_cut_anywhere_it_reads_up_to_there(tmp_path: Path, rng: np.random.Generator) -> None:
    data = written(tmp_path / "whole.mcap", 60, 10).read_bytes()
    full = read_recording(tmp_path / "whole.mcap").pressure[0].values
    cut, read_frames = tmp_path / "cut.mcap", 0
    for length in sorted(rng.choice(np.arange(9, len(data)), 150, replace=False)):
        cut.write_bytes(data[:length])
        try:
            recording = read_recording(cut)
        except ReadError as error:
            assert read_frames == 0 and ("it ended early" in str(error) or length < 200)
            continue
        frames = recording.pressure[0].values
        assert "ended early" in recording.notes[0] and len(frames) >= read_frames
        assert (frames == full[: len(frames)]).all()
        read_frames = len(frames)
    assert read_frames >= 50


def test_a_changed_bit_is_never_read_as_a_value(tmp_path: Path, rng: np.random.Generator) -> None:
    path = written(tmp_path / "whole.mcap", 60, 10)
    data, full = path.read_bytes(), read_recording(path).pressure[0].values
    for _ in range(150):
        bad = bytearray(data)
        bad[int(rng.integers(len(bad)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bad)
        try:
            found = read_recording(path).pressure[0].values
        except ReadError:
            continue
        assert (found == full[: len(found)]).all()


def test_a_chunk_whose_kind_is_damaged_is_missed(tmp_path: Path) -> None:
    """No checksum covers the byte that says what a record is."""
    path = written(tmp_path / "whole.mcap", 60, 10)
    data = path.read_bytes()
    starts, at = [], 8
    while data[at] != 15:  # the end of the data
        starts += [at] if data[at] == 6 else []
        at += 9 + struct.unpack_from("<Q", data, at + 1)[0]
    for end in (len(data), at):  # whole, and as a killed recorder leaves it
        for place in starts[1:]:
            for bit in range(8):
                bad = bytearray(data[:end])
                bad[place] ^= 1 << bit
                path.write_bytes(bad)
                with pytest.raises(ReadError):
                    read_recording(path)
    path.write_bytes(data[: starts[2]] + data[starts[3] :])
    with pytest.raises(ReadError, match=r"expected \d+ messages"):
        read_recording(path)


def test_what_a_crash_left_behind_as_zeros_is_an_early_end(tmp_path: Path, rng: np.random.Generator) -> None:
    path = written(tmp_path / "a.mcap", 60, 10)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(int(rng.integers(1, 20_000))))
    recording = read_recording(path)
    assert "ended early" in recording.notes[0] and len(recording.pressure[0].time_s) > 10


def test_a_robots_mcap_is_refused(tmp_path: Path) -> None:
    McapWriter(tmp_path / "ros.mcap", "ros2", "another").finish()
    with pytest.raises(ReadError, match="an MCAP recording of plantar, found profile 'ros2'"):
        read_recording(tmp_path / "ros.mcap")


def kills(count: int, folder: Path, rng: np.random.Generator) -> list[float]:
    """Kill so many recorders, some at a time, each at a random moment; the seconds that each lost."""
    lost_s: list[float] = []
    while len(lost_s) < count:
        batch = [folder / f"{len(lost_s) + k}.mcap" for k in range(min(5, count - len(lost_s)))]
        commands = [[sys.executable, recorder_victim.__file__, str(path)] for path in batch]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
        for process in running:
            assert process.stdout is not None and process.stdout.readline()  # it records
        pauses_s = np.diff(np.sort(rng.uniform(0.3, 1.2, len(batch))), prepend=0.0)
        for pause_s, process, path in zip(pauses_s, running, batch):
            time.sleep(pause_s)
            process.send_signal(signal.SIGKILL)
            last = int(process.communicate(timeout=30)[0].split()[-1])
            recording = read_recording(path)
            frames = recording.pressure[0].values
            assert "ended early" in recording.notes[0] and (frames[:, 0] == np.arange(len(frames)) % 499).all()
            lost_s.append((last - len(frames)) / RATE_HZ)
            path.unlink()
    return lost_s


def test_a_killed_recorder_loses_a_second_at_most(tmp_path: Path, rng: np.random.Generator) -> None:
    assert max(kills(10, tmp_path, rng)) <= 1.0


@pytest.mark.prove
def test_two_hundred_killed_recorders(tmp_path: Path, rng: np.random.Generator, record_property: Any) -> None:
    lost_s = kills(200, tmp_path, rng)
    record_property("lost_s_max", max(lost_s))
    assert max(lost_s) <= 1.0


@pytest.mark.skipif(os.name != "posix", reason="RLIMIT_FSIZE is POSIX's")
def test_a_full_disk_ends_it_cleanly_and_keeps_what_there_is(tmp_path: Path) -> None:
    path, most = tmp_path / "a.mcap", 60_000
    command = [sys.executable, recorder_victim.__file__, str(path), str(most)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert f"[Errno {errno.EFBIG}]" in done.stderr and str(path) in done.stderr
    recording = read_recording(path)
    assert "ended early" in recording.notes[0] and len(recording.pressure[0].time_s) > 50
    assert path.stat().st_size <= most


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    written(tmp_path / "a.mcap")
    with pytest.raises(FileExistsError):
        Recorder(tmp_path / "a.mcap")


@pytest.mark.parametrize("hours", [0.5, pytest.param(8, marks=pytest.mark.prove)])
def test_memory_does_not_grow_with_the_hours(tmp_path: Path, hours: float) -> None:
    now, process, sizes = [0.0], psutil.Process(os.getpid()), []
    with Recorder(tmp_path / "long.mcap", now=lambda: now[0], background=False) as recorder:
        device, chunks = recorder.add(info()), int(hours * 3600 * 4)
        for number in range(chunks):
            now[0] = number * 0.25
            recorder.write(device, packet(number, now[0]))
            recorder.flush()
            if number in (chunks // 8, chunks - 1):
                sizes.append(process.memory_info().rss)
    assert sizes[1] - sizes[0] < 20e6


# ------------------------------------------------------------------ many devices


def test_two_insoles_in_one_file_over_a_bad_radio(tmp_path: Path, rng: np.random.Generator) -> None:
    path, looks = tmp_path / "two.mcap", []

    async def main() -> None:
        streams = rng.spawn(2)
        sides = ("left", "right")
        insoles = [Insole(s, loss=0.05, side=side, serial_number=side) for s, side in zip(streams, sides)]
        opened = [aopen("sim:insole", product=INSOLE, connect=one.connect, now=clock) for one in insoles]
        asyncio.get_running_loop().call_later(10.0, insoles[0].unplug)
        live = looks.append
        result = await arecord([], path, seconds=30.0, streams=opened, now=clock, background=False, live=live)
        assert result.tallies["left"].connections == 2 and result.tallies["right"].connections == 1
        assert result.seconds == pytest.approx(30.0, abs=0.1)

    run(main())
    recording = read_recording(path)
    for channel, side in zip(recording.channels, ("left", "right")):
        assert channel.side == side and len(channel.time_s) > 2500 and (np.diff(channel.time_s) > 0).all()
    assert any(note.startswith("left pressure") for note in recording.notes)
    assert isinstance(looks[-1][0], Live) and looks[-1][0].rate_hz == pytest.approx(95, abs=15)
    assert [look.label for look in looks[-1]] == ["left", "right"]


def test_one_foot_twice_is_refused() -> None:
    left = info("left")
    with pytest.raises(DeviceError, match="expected one left foot, found left twice: ble:a and ble:b"):
        other = DeviceInfo("insole", "other", left.channels, "V2", side="left")
        check_feet([("ble:a", left), ("ble:b", other)])
    with pytest.raises(DeviceError, match="different devices"):
        check_feet([("ble:a", left), ("ble:b", info("right"))])


def test_a_device_that_is_not_there_leaves_no_file(tmp_path: Path, rng: np.random.Generator) -> None:
    async def main() -> None:
        gone = Insole(rng, away=True)
        stream = aopen("sim:insole", product=INSOLE, connect=gone.connect, now=clock)
        with pytest.raises(DeviceError):
            await arecord([], tmp_path / "a.mcap", seconds=1, streams=[stream], now=clock)

    run(main())
    assert not list(tmp_path.iterdir())


def test_force_and_centre_of_a_known_frame() -> None:
    layout = SensorLayout(np.array([[0.0, 0.0], [100.0, 50.0]]), np.array([100.0, 300.0]))
    force, cop_mm = load(ChannelInfo("pressure", "kPa", 2, layout=layout), np.array([100.0, 100.0]))
    assert force == pytest.approx(40.0) and cop_mm == pytest.approx((75.0, 37.5))
    assert load(ChannelInfo("pressure", "N", 2, layout=layout), np.array([np.nan, 1.0])) == (1.0, None)


def test_a_recording_of_a_tap_is_brought_together(tmp_path: Path, rng: np.random.Generator) -> None:
    """Both devices are knocked at 5 s; the right one's radio is 20 ms slower, which nothing else could show."""
    path = tmp_path / "tap.mcap"
    late_s = {"left": 0.004, "right": 0.024}

    async def packets(port: Any) -> Any:
        side = port.options["side"]
        yield DeviceInfo("imu", "IMU", (ChannelInfo("acceleration", "m/s^2", 3, 100.0, side),), side=side)
        for number in range(10**6):
            at_s = number / 100.0 + (0.003 if side == "right" else 0.0)
            await asyncio.sleep(max(0.0, at_s + late_s[side] - clock()))
            jolt = 40.0 * np.exp(-(((at_s - 5.0) / 0.012) ** 2))
            values = np.array([[jolt, 0.0, 9.81]]) + rng.normal(0, 0.05, (1, 3))
            yield Packet(number, np.array([at_s + 77.0]), clock(), "acceleration", values)

    async def main() -> tuple[str, ...]:
        from dataclasses import replace

        product = replace(INSOLE, packets=packets)
        connect = Insole(rng).connect
        specs = [f"sim:imu?side={side}" for side in late_s]
        opened = [aopen(spec, product=product, connect=connect, now=clock) for spec in specs]
        result = await arecord([], path, seconds=40, tap_s=10, streams=opened, now=clock, background=False)
        return result.notes

    assert "moved by" in run(main())[0]
    recording: Recording = read_recording(path)
    peaks = [c.time_s[np.argmax(c.values[:, 0])] for c in recording.channels]
    assert "by a shared tap" in recording.clock
    shifted = peaks[1] - peaks[0]  # the samples nearest to the tap are 3 ms apart at most in truth
    assert abs(shifted) <= 0.005 + 0.008


def test_a_recording_can_be_recorded_again(tmp_path: Path) -> None:
    first, again = written(tmp_path / "a.mcap"), tmp_path / "b.mcap"
    asyncio.run(arecord([f"replay:{first}?speed=0"], again))
    one, two = read_recording(first).pressure[0], read_recording(again).pressure[0]
    assert (one.values == two.values).all() and np.diff(two.time_s) == pytest.approx(np.diff(one.time_s), abs=1e-4)
