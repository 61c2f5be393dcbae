"""Small files as the recorder writes them, the same bytes each time."""

from __future__ import annotations

import datetime
import struct
import tempfile
from pathlib import Path

import numpy as np

from devices.recorder import Recorder
from devices.types import ChannelInfo, DeviceInfo, Gap, Mark, Packet, Status
from footscan.io.layouts import grid_layout


def mcap(ended: bool = True, checked: bool = True) -> bytes:
    """A plate with a gap, a mark and an accelerometer. ended: with its index; checked: its chunks have checksums (a
    file without them is valid, and lets damage through to whoever decodes the messages)."""
    channels = (
        ChannelInfo("pressure", "kPa", 6, 50.0, "left", grid_layout(3, 2, 5.0, 5.0), 1000.0),
        ChannelInfo("acceleration", "m/s^2", 3, 50.0, "left", labels=("x", "y", "z")),
    )
    now = [10.0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.mcap"
        start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        recorder = Recorder(path, start_utc=start, now=lambda: now[0], background=False)
        device = recorder.add(DeviceInfo("plate", "Plate", channels, "P1", "1.0", "left", 1e6))
        for number in range(8):
            now[0] = 10.0 + number / 50
            times, later = np.array([3.0 + number / 50]), number + 5 * (number > 4)
            if number == 5:
                recorder.write(device, Gap("pressure", 5, 5, now[0], exact=False, why="restarted"))
            values = np.arange(6.0, dtype=np.float32)[None] * number
            recorder.write(device, Packet(later, times, now[0], "pressure", values, b"raw bytes"))
            recorder.write(device, Packet(later, times, now[0], "acceleration", np.ones((1, 3)) * number))
            if number % 4 == 3:
                recorder.flush()
        recorder.write(device, Mark("tap", now[0], 3.1, "left"))
        recorder.write(device, Status("ended", now[0], "done"))
        recorder.flush()
        size = path.stat().st_size
        recorder.close()
        data = bytearray(path.read_bytes() if ended else path.read_bytes()[:size])
    at = 8
    while not checked and at + 9 < len(data):
        opcode, length = struct.unpack_from("<BQ", data, at)
        if opcode == 6:
            data[at + 33 : at + 37] = bytes(4)
        at += 9 + length
    return bytes(data)
