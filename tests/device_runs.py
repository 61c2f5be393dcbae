"""Runs devices for a while and keeps what they gave, in the order in which it came."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

import devices
from devices.types import Array, DeviceInfo, Gap, Packet, Status

T = TypeVar("T")


def run(work: Callable[[], Awaitable[T]], seconds: float = 180.0) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await work()

    return asyncio.run(bounded())


@dataclass
class Heard:
    info: DeviceInfo
    items: list[Any] = field(default_factory=list)

    def of(self, channel: str) -> list[Packet]:
        return [item for item in self.items if isinstance(item, Packet) and item.channel == channel]

    def gaps(self, channel: str) -> list[Gap]:
        return [item for item in self.items if isinstance(item, Gap) and item.channel == channel]

    def status(self, kind: str) -> list[Status]:
        return [item for item in self.items if isinstance(item, Status) and item.kind == kind]

    def seqs(self, channel: str) -> Array:
        """Numbers of all samples, in the order in which they came."""
        return np.concatenate([p.seq + np.arange(len(p.values)) for p in self.of(channel)])

    def values(self, channel: str) -> Array:
        return np.concatenate([p.values for p in self.of(channel)])

    def times(self, channel: str) -> Array:
        return np.concatenate([p.device_time_s for p in self.of(channel)])


async def listen(
    spec: str,
    samples: int,
    channel: str,
    within_s: float = 45.0,
    enough: Callable[[Heard], bool] | None = None,
    **how: Any,
) -> Heard:
    """Until so many samples of a channel have come, and what else is to be heard."""
    async with asyncio.timeout(within_s), devices.aopen(spec, **how) as stream:
        heard = Heard(stream.info)
        count = 0
        async for item in stream.items():
            heard.items.append(item)
            if isinstance(item, Packet) and item.channel == channel:
                count += len(item.values)
            if count >= samples and (enough is None or enough(heard)):
                break
        return heard


def whole(heard: Heard, channel: str) -> None:
    """Every number from the first to the last is there once, or in a gap once; nothing else."""
    covered: list[tuple[int, int]] = [(p.seq, p.seq + len(p.values)) for p in heard.of(channel)]
    covered += [(g.seq, g.seq + g.count) for g in heard.gaps(channel)]
    covered.sort()
    assert all(before[1] == after[0] for before, after in itertools.pairwise(covered)), covered[:20]
