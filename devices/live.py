"""How a device is doing at this moment: force, centre of pressure, rate, loss, battery. For a view that looks at it a
few times a second; between two looks almost nothing is computed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from devices.clock import ClockFit
from devices.sequence import Tally
from devices.types import Array, ChannelInfo, DeviceInfo, Item, Packet, Status
from footscan.types import KPA_MM2_PER_N

RATE_WINDOW_S = 2.0


@dataclass(frozen=True)
class Live:
    """A look at one device; None where it can't be said.

    force, force_unit : sum over the cells of the newest frame, in N, or in ``raw`` units where it is not calibrated
    cop_mm            : in the layout's frame, None where hardly anything presses
    rate_hz           : of the pressure channel (else the first that has a rate) over the last two seconds
    lost_percent      : of all samples since the start; None where nothing that came is numbered
    battery           : the newest word, in the unit of that channel (``%`` or what the product knows)
    """

    label: str
    state: str
    force: float | None
    force_unit: str
    cop_mm: tuple[float, float] | None
    rate_hz: float
    lost_percent: float | None
    battery: float | None
    battery_unit: str
    connections: int
    clock: ClockFit | None


class Meter:
    """Sees everything of one device and can be looked at."""

    def __init__(self, label: str, info: DeviceInfo) -> None:
        self._label, self._info, self._state = label, info, "connected"
        timed = [channel for channel in info.channels if channel.rate_hz]
        main = next((c for c in info.channels if c.name == "pressure"), timed[0] if timed else None)
        self._main = main
        self._came: deque[tuple[float, int]] = deque()
        self._first_s: float | None = None
        self._frame: Array | None = None
        self._battery: tuple[float | None, str] = (None, "")

    def see(self, item: Item) -> None:
        """One thing that the device has said."""
        if isinstance(item, Packet):
            if self._main is not None and item.channel == self._main.name:
                self._first_s = item.host_time_s if self._first_s is None else self._first_s
                self._came.append((item.host_time_s, len(item.values)))
                self._frame = item.values[-1]
                self._forget(item.host_time_s)
            elif item.channel == "battery":
                self._battery = (float(item.values[-1, 0]), self._info.channel("battery").unit)
        elif isinstance(item, Status):
            self._state = item.kind
        elif isinstance(item, DeviceInfo):
            self._info = item

    def look(self, now_s: float, tally: Tally, clock: ClockFit | None) -> Live:
        """The state at ``now_s`` (the clock of the host stamps)."""
        self._forget(now_s)
        force, cop_mm = (None, None)
        if self._main is not None and self._frame is not None and self._main.name == "pressure":
            force, cop_mm = load(self._main, self._frame)
        unit = "raw" if self._main is None or self._main.unit == "raw" else "N"
        seen_s = min(RATE_WINDOW_S, max(now_s - self._first_s, 1e-3)) if self._first_s is not None else RATE_WINDOW_S
        rate_hz = sum(count for _, count in self._came) / seen_s
        return Live(
            label=self._label,
            state=self._state,
            force=force,
            force_unit=unit,
            cop_mm=cop_mm,
            rate_hz=rate_hz,
            lost_percent=lost_percent(tally),
            battery=self._battery[0],
            battery_unit=self._battery[1],
            connections=tally.connections,
            clock=clock,
        )

    def _forget(self, now_s: float) -> None:
        while self._came and self._came[0][0] < now_s - RATE_WINDOW_S:
            self._came.popleft()


def lost_percent(tally: Tally) -> float | None:
    """Of all samples; None where that is not known."""
    if tally.lost is None:
        return None
    return 100.0 * tally.lost / max(tally.samples + tally.lost, 1)


def load(channel: ChannelInfo, frame: Array) -> tuple[float, tuple[float, float] | None]:
    """(force, centre of pressure) of a frame (cells,): the force in N from kPa and areas or from N, else the plain sum;
    the centre None without places in mm or with next to no force. Cells that are NaN count for nothing."""
    load_of = np.nan_to_num(np.asarray(frame, dtype=np.float64))
    layout = channel.layout
    if channel.unit == "kPa":
        if layout is None or layout.area_mm2 is None:
            return float("nan"), None
        load_of = load_of * layout.area_mm2 / KPA_MM2_PER_N
    force = float(load_of.sum())
    least = 5.0 if channel.unit != "raw" else 0.02 * (channel.full_scale or 0.0)
    if layout is None or layout.positions != "mm" or force <= max(least, 1e-9):
        return force, None
    x_mm, y_mm = load_of @ layout.xy_mm / force
    return force, (float(x_mm), float(y_mm))
