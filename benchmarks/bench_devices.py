"""Devices: decoding what boards and insoles send, and a plate of 64 × 64 cells at 500 Hz from a terminal into a file.

Decoding is the median of several rounds in this process. `python benchmarks/bench_devices.py plate` is the plate, a
process of its own on a pseudo-terminal; `… record TERMINAL FILE` records it and prints the share of a core as JSON.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import harness
import numpy as np
from harness import Result, Skipped

from firmware_bridge import control, messages, records
from firmware_bridge.codec import FrameReader, encode_frame
from firmware_bridge.products import brainco, fau, orphe, sensel

ROUNDS, PIECE = 7, 65_536
SIDE, RATE_HZ, RECORDED_S = 64, 500, 8.0


def per_second(count: float, work: Callable[[], object]) -> float:
    """``count`` things over the seconds that ``work`` takes."""

    def once() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return count / harness.median_of(ROUNDS, once)


def grid() -> records.PressureGrid:
    """64 × 64 cells of 16 bits: 8 kB a frame, most of it empty as under a foot."""
    rng = np.random.default_rng(1)
    image = rng.integers(0, 4096, (SIDE, SIDE), dtype=np.uint16) * (rng.random((SIDE, SIDE)) < 0.2)
    return records.PressureGrid(1, image.astype(np.uint16))


def mat_stream(frames: int = 500) -> bytes:
    """That many frames of one image."""
    image = grid()
    return b"".join(encode_frame(messages.encode(image, number, 2000 * number)) for number in range(frames))


def read_mats(stream: bytes, piece: int) -> int:
    """All images of a stream that comes in pieces."""
    reader = FrameReader()
    cells = 0
    for at in range(0, len(stream), piece):
        for frame in reader.feed(stream[at : at + piece]):
            message = messages.decode(frame)
            if isinstance(message, records.PressureGrid):
                cells += message.values.size
    return cells


def orphe_packets(packets: int = 1000) -> list[bytes]:
    """Notifications of live mode 3: four samples each of IMU and six pressures."""
    rng = np.random.default_rng(2)
    n = 4 * packets
    samples = orphe.Samples(
        type=orphe.PRESSURE,
        serial=np.repeat(np.arange(packets), 4),
        place=np.tile(np.arange(4), packets),
        time_s=np.arange(n) / 208.0,
        angular_rate_dps=rng.uniform(-500, 500, (n, 3)),
        acceleration_g=rng.uniform(-4, 4, (n, 3)),
        quaternion=None,
        pressure=rng.integers(0, 4096, (n, 6)),
    )
    return orphe.encode(samples)


def run() -> Iterator[Result]:
    """Our own frames, then each product's."""
    stream = mat_stream()
    rate = per_second(len(stream) / 1e6, lambda: read_mats(stream, PIECE))
    yield Result("devices_own_8_kb_frames_decoded", rate, "MB/s", 300.0, "higher")
    rate = per_second(len(stream) / 1e6, lambda: read_mats(stream, 4096))
    yield Result("devices_own_8_kb_frames_in_4_kb_pieces", rate, "MB/s", 300.0, "higher")

    packets = orphe_packets()
    rate = per_second(4 * len(packets), lambda: [orphe.decode(packet) for packet in packets])
    yield Result("devices_orphe_one_notification_a_call", rate, "/s", 100_000.0, "higher")
    block = b"".join(packets)
    yield Result(
        "devices_orphe_in_blocks", per_second(4 * len(packets), lambda: orphe.decode(block)), "/s", None, "higher"
    )

    yield from others()
    yield recorded()


def others() -> Iterator[Result]:
    """Products whose own rate is 50 to 200 a second: far above it is enough."""
    rng = np.random.default_rng(3)
    sample = brainco.Samples(
        side="left",
        sequence=np.array([70_000]),
        time_ms=np.array([1_000_000]),
        resistance_ohm=rng.integers(1000, 100_000, (1, 48)),
        acceleration_g=rng.uniform(-1, 1, (1, 3)),
        angular_rate_dps=rng.uniform(-90, 90, (1, 3)),
    )
    frames = brainco.encode_response(brainco.Response(samples=sample)) * 200
    rate = per_second(200, lambda: brainco.decode(brainco.read_frames(frames)[0]))
    yield Result("devices_brainco_samples", rate, "/s", None, "higher")
    notification = bytes(12 * fau.PACKET_BYTES)
    rate = per_second(12 * 200, lambda: [fau.decode(notification) for _ in range(200)])
    yield Result("devices_fau_samples", rate, "/s", None, "higher")
    image = np.zeros(sensel.GRIDS[0], np.uint16)
    image[10:40, 20:60] = rng.integers(1, 900, (30, 40))
    payload = sensel.encode_frame(sensel.MorphFrame(1, 2, image))
    rate = per_second(100, lambda: [sensel.decode_frame(payload) for _ in range(100)])
    yield Result("devices_sensel_frames_1200_loaded_cells", rate, "/s", None, "higher")


# ------------------------------------------------------------------ from a terminal into a file


def recorded() -> Result:
    """The share of one core that recording the plate takes."""
    if not hasattr(os, "openpty"):
        raise Skipped("there are no pseudo-terminals here")
    plate_process = subprocess.Popen([sys.executable, __file__, "plate"], stdout=subprocess.PIPE, text=True)
    try:
        assert plate_process.stdout is not None
        terminal = plate_process.stdout.readline().strip()
        with tempfile.TemporaryDirectory(prefix="plantar-bench-") as folder:
            file = str(Path(folder) / "plate.mcap")
            told = json.loads(harness.run([sys.executable, __file__, "record", terminal, file]))
    finally:
        plate_process.kill()
        plate_process.wait()
    if told["frames"] < 0.98 * RATE_HZ * RECORDED_S:
        raise RuntimeError(f"the plate sent {RATE_HZ * RECORDED_S:g} frames, {told['frames']} were recorded")
    return Result("devices_plate_64_x_64_at_500_hz_recorded_of_a_core", told["value"], "%", 15.0, "lower")


def record(terminal: str, file: str) -> dict[str, float]:
    """Records for a while; processor time over wall time once everything is imported."""
    import devices
    from footscan.io import read_recording

    run_record = devices.record  # imports what it needs
    before, start = time.process_time(), time.perf_counter()
    run_record([f"serial:{terminal}?product=board"], file, seconds=RECORDED_S)
    share = 100.0 * (time.process_time() - before) / (time.perf_counter() - start)
    (part,) = read_recording(file).pressure
    return {"value": share, "frames": len(part.time_s)}


def plate() -> None:
    """Answers as a board does, and streams in real time once it is told to start."""
    import tty

    port, theirs = os.openpty()
    tty.setraw(theirs)
    print(os.ttyname(theirs), flush=True)
    stream = control.Stream(1, "grid", "pressure", "kPa", RATE_HZ, 0.1, rows=SIDE, cols=SIDE, pitch_mm=(5.0, 5.0))
    hello = control.hello_fields(control.Hello("plate", streams=(stream,)))
    reader, image, sequence, start_us, sent = FrameReader(), grid(), 0, 0, 0

    def now_us() -> int:
        return time.monotonic_ns() // 1000

    def say(message: records.Message, at_us: int) -> None:
        nonlocal sequence
        data = encode_frame(messages.encode(message, sequence, at_us % 2**32))
        sequence = (sequence + 1) % 2**16
        while data:
            data = data[os.write(port, data) :]

    while True:
        due_us = start_us + sent * 1_000_000 // RATE_HZ if start_us else now_us() + 100_000
        ready, _, _ = select.select([port], [], [], max(0, due_us - now_us()) / 1e6)
        for frame in reader.feed(os.read(port, PIECE)) if ready else []:
            message = messages.decode(frame)
            if isinstance(message, records.TimeRequest):
                say(records.TimeReply(message.host_ns, now_us(), now_us()), now_us())
            elif isinstance(message, control.Control) and message.type == control.HELLO:
                say(hello, now_us())
            elif isinstance(message, control.Control) and message.type != control.ACK:
                start_us, sent = (now_us(), 0) if message.type == control.START else (0, 0)
                say(control.acknowledge(frame.sequence), now_us())
        if start_us and now_us() >= due_us:
            say(image, due_us)
            sent += 1


if __name__ == "__main__":
    if sys.argv[1:] == ["plate"]:
        plate()
    else:
        print(json.dumps(record(*sys.argv[2:4])))
