"""Records in real time until it is killed, and says on stdout what it has given to the recorder.

python tests/recorder_victim.py FILE [MOST_BYTES]     MOST_BYTES: the largest file that it may write (a full disk)
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from devices.recorder import Recorder
from devices.types import ChannelInfo, DeviceInfo, Packet

RATE_HZ, CELLS = 200.0, 16


def info(side: str = "left") -> DeviceInfo:
    from footscan.types import SensorLayout

    layout = SensorLayout(np.stack([np.arange(CELLS) * 10.0, np.zeros(CELLS)], axis=1), np.full(CELLS, 100.0))
    channel = ChannelInfo("pressure", "kPa", CELLS, RATE_HZ, side, layout, 500.0)
    return DeviceInfo("insole", "victim", (channel,), "V1", side=side, clock_hz=1e6)


def packet(number: int, host_s: float, raw: bytes = b"") -> Packet:
    values = np.full((1, CELLS), float(number % 499), np.float32)
    return Packet(number, np.array([7.0 + number / RATE_HZ]), host_s, "pressure", values, raw)


def main(path: str, most: int | None) -> None:
    if most is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    number, start_s = 0, time.monotonic()
    with Recorder(path) as recorder:
        device = recorder.add(info())
        while True:
            due = int((time.monotonic() - start_s) * RATE_HZ)
            while number <= due:
                recorder.write(device, packet(number, time.monotonic(), b"raw" * 100))
                number += 1
            os.write(1, b"%d\n" % number)
            time.sleep(0.01)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
