"""A battery that is looked at now and then while samples come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from devices.errors import DeviceError, DeviceLost
from devices.ports import Port
from devices.types import UNCOUNTED, Packet, packet

EVERY_S = 60.0


class Battery:
    """Reads ``target`` of a port each minute; ``level`` makes a number of it. Where there is none: never again."""

    def __init__(self, port: Port, level: Callable[[bytes], float], target: str) -> None:
        self._port, self._level, self._target = port, level, target
        self._next_s = float("-inf")

    async def due(self, now_s: float) -> AsyncIterator[Packet]:
        """A packet of the channel ``battery`` if a minute has passed."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + EVERY_S
        try:
            data = await self._port.fetch(self._target)
        except DeviceLost:
            raise
        except DeviceError:
            self._next_s = float("inf")
            return
        at_s = self._port.now()
        yield packet("battery", UNCOUNTED, float("nan"), at_s, [[self._level(data)]], data)
