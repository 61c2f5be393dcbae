"""Add a product: a board that prints a line of numbers for each sample, as many Arduino sketches do.

    python examples/add_a_product.py

The board is played on a pseudo-terminal here, and one of its lines gets lost on purpose. docs/add_a_product.md goes
through this file, and says how to register it so that `plantar record` and `plantar devices` know it too.
"""

import asyncio
import os
import tty
from collections.abc import AsyncIterator

import numpy as np

import devices
from devices.ports import Port
from devices.products import Product
from devices.types import ChannelInfo, Decoded, DeviceInfo, Gap, Packet, packet
from footscan.types import SensorLayout

RATE_HZ = 50.0
COUNTS = 65536  # its counter is 16 bits wide
WRAP_S = 2**32 / 1000  # its milliseconds are 32 bits wide
PLACES_MM = np.array([[35.0, 0.0], [165.0, -20.0], [170.0, 25.0], [235.0, 15.0]])  # heel, mth5, mth1, big toe
LONGEST = 64  # bytes of a line


def decode(line: bytes) -> tuple[int, float, list[int]] | None:
    """`number milliseconds heel mth5 mth1 toe`, all of them whole numbers; None for anything else."""
    words = line.split()
    if len(words) != 6 or not all(word.isdigit() for word in words):
        return None
    number, ms, *cells = map(int, words)
    return number, ms / 1000, cells


def told(name: str) -> DeviceInfo:
    """Who is there and what it sends."""
    layout = SensorLayout(PLACES_MM, frame="insole")
    cells = ChannelInfo("pressure", "raw", 4, RATE_HZ, layout=layout, full_scale=1023.0, seq_modulus=COUNTS)
    return DeviceInfo("four", name, (cells,), clock_hz=1000.0, clock_wrap_s=WRAP_S)


async def packets(port: Port) -> AsyncIterator[Decoded]:
    """The `DeviceInfo` once a line was understood, then a packet a line, until a played file ends."""
    rest, known = b"x", False  # the first line may be cut: with an x before it it is none
    while (chunk := await port.read()).data:
        *lines, rest = (rest + chunk.data).split(b"\n")
        rest = rest[-LONGEST:]
        for line in lines:
            found = decode(line)
            if found is None:
                continue
            if not known:
                known = True
                yield told(port.facts.name or "four-sensor insole")
            number, time_s, cells = found
            yield packet("pressure", number, time_s, chunk.host_time_s, cells, line)


PRODUCT = Product("four", "four-sensor insole", ("serial",), packets, baud=115200)


# ------------------------------------------------------------------ the board, played


async def play(line: int) -> None:
    """What the board prints: a sample each 20 ms; one of them gets lost."""
    number = 65530  # its counter is about to begin anew
    while True:
        load = 500 if number % 50 < 30 else 0
        if number != 65539:
            os.write(line, b"%d %d %d 0 %d 0\r\n" % (number % COUNTS, number * 20, load, load))
        number += 1
        await asyncio.sleep(1 / RATE_HZ)


async def main(samples: int = 30) -> int:
    """How many of the first samples were missed; one is."""
    board, computer = os.openpty()
    tty.setraw(computer)
    playing = asyncio.create_task(play(board))
    async with devices.aopen(f"serial:{os.ttyname(computer)}?side=left", product=PRODUCT) as insole:
        async for item in insole.items():
            if isinstance(item, Gap):
                print(f"number {item.seq} is missing")
            elif isinstance(item, Packet):
                print(f"{item.device_time_s[0]:.2f} s: {item.values[0]}")
            if insole.tally.samples >= samples:
                break
    playing.cancel()
    for end in (board, computer):
        os.close(end)
    return insole.tally.lost or 0


if __name__ == "__main__":
    asyncio.run(main())
