"""The order of a device's samples: counters and clocks unwrapped, doubles dropped, late ones put in place, gaps told.

No I/O and no clock of its own: packets in, packets and gaps out. What was lost is never filled in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from devices.types import UNCOUNTED, Array, ChannelInfo, DeviceInfo, Gap, Mark, Packet

HOLD_S = 0.1  #: so long a packet waits for one before it that may still come …
HOLD_PACKETS = 8  #: … and no longer than for so many after it
BACK_S = 5.0  #: what is older than this is no late packet: the device has started anew
UNNUMBERED = "none of its samples is numbered"  #: why a loss is not known
SLACK_SAMPLES = 16  #: counter and clock may disagree by so many samples, and by a tenth


@dataclass
class Tally:
    """What came, in samples (all channels together) and packets, since the session began."""

    samples: int = 0
    lost: int | None = None  #: None: not known, for nothing that is numbered has come
    packets: int = 0
    doubles: int = 0  #: packets that had been there before
    late: int = 0  #: packets put back in their order
    gaps: int = 0
    connections: int = 0

    def see(self, item: object) -> None:
        """Something was handed on; packets themselves are counted where they come in."""
        if isinstance(item, Packet):
            self.samples += len(item.values)
            self.lost = (self.lost or 0) if item.seq != UNCOUNTED else self.lost
        elif isinstance(item, Gap):
            self.gaps += 1
            self.lost = (self.lost or 0) + item.count


@dataclass
class _Line:
    """One channel. ``next_seq``: the number after the last sample handed on; ``end_s``: its (unwrapped) time."""

    info: ChannelInfo
    rate_hz: float
    next_seq: int | None = None
    base: int = 0  # added to the device's number since it began to count anew
    end_s: float = 0.0
    host_s: float = 0.0
    why: Literal["lost", "disconnected", "restarted"] = "lost"

    def __post_init__(self) -> None:
        self.held: list[Packet] = []  # ascending


class Order:
    """The lines of one device, across all its connections.

    ``push`` returns what may be handed on now; ``reconnected`` and ``flush`` what was still waiting.
    """

    def __init__(self, info: DeviceInfo, tally: Tally | None = None) -> None:
        self.tally = tally or Tally()
        self._lines: dict[str, _Line] = {}
        self._clock_base_s = 0.0
        self._clock_s = float("nan")  # the newest device time, unwrapped, and when it came
        self._clock_host_s = 0.0
        self._wrap_s = info.clock_wrap_s
        self.describe(info)

    def describe(self, info: DeviceInfo) -> None:
        """The device has said (again) what it sends; what has been counted goes on."""
        self._wrap_s = info.clock_wrap_s
        for channel in info.channels:
            line = self._lines.setdefault(channel.name, _Line(channel, 0.0))
            line.info, line.rate_hz = channel, channel.rate_hz or 0.0

    def knows(self, channel: str) -> bool:
        """True for a channel that the device has described."""
        return channel in self._lines

    def push(self, packet: Packet) -> list[Packet | Gap]:
        """One packet as the product decoded it; KeyError for a channel that the device has not described."""
        line = self._lines[packet.channel]
        self.tally.packets += 1
        first_s = float(packet.device_time_s[0])
        offset_s = self._unwrapping_s(first_s, packet.host_time_s)
        if packet.seq == UNCOUNTED:
            return self._hand_on(line, [_moved(packet, packet.seq, offset_s, self._wrap_s)])
        seq = self._unwrapped(line, packet)
        if line.next_seq is None:
            line.next_seq = seq
        elif seq != line.next_seq and self._began_anew(line, seq, first_s + offset_s, packet.host_time_s):
            waiting = self._release(line, len(line.held))
            offset_s, seq = self._restart(line, packet, offset_s)
            return waiting + self._place(line, _moved(packet, seq, offset_s, self._wrap_s))
        return self._place(line, _moved(packet, seq, offset_s, self._wrap_s))

    def mark(self, mark: Mark) -> Mark:
        """A mark with its device time unwrapped as the packets' are."""
        if mark.device_time_s is None:
            return mark
        return replace(
            mark, device_time_s=mark.device_time_s + self._unwrapping_s(mark.device_time_s, mark.host_time_s)
        )

    def reconnected(self) -> list[Packet | Gap]:
        """The link is new: nothing from before will come any more."""
        rest = self.flush()
        for line in self._lines.values():
            line.why = "disconnected"
        self.tally.connections += 1
        return rest

    def flush(self) -> list[Packet | Gap]:
        """Everything that was waiting for something before it."""
        return [item for line in self._lines.values() for item in self._release(line, len(line.held))]

    # ------------------------------------------------------------------ numbers and times

    def _unwrapping_s(self, first_s: float, host_s: float) -> float:
        """What to add to the device's time: whole wraps, chosen by how much time passed on the host."""
        offset_s = self._clock_base_s
        if self._wrap_s is not None and self._clock_s == self._clock_s and first_s == first_s:
            expected_s = self._clock_s + max(0.0, host_s - self._clock_host_s)
            offset_s += self._wrap_s * round((expected_s - first_s - offset_s) / self._wrap_s)
        return offset_s

    def _unwrapped(self, line: _Line, packet: Packet) -> int:
        modulus, seq = line.info.seq_modulus, packet.seq + line.base
        if modulus is None or line.next_seq is None:
            return seq
        ahead = line.next_seq + sum(len(held.values) for held in line.held)
        away_s = packet.host_time_s - line.host_s
        if away_s > HOLD_S:
            ahead += round(away_s * line.rate_hz)
        return seq + modulus * round((ahead - seq) / modulus)

    def _began_anew(self, line: _Line, seq: int, first_s: float, host_s: float) -> bool:
        """Whether the counter says something that the clocks can't believe."""
        assert line.next_seq is not None
        if line.why == "restarted":
            return True
        if not line.rate_hz:
            return seq < line.next_seq and line.why == "disconnected"
        jump = seq - line.next_seq
        timed = first_s == first_s and line.end_s == line.end_s
        away_s = first_s - line.end_s if timed else host_s - line.host_s
        if jump < -BACK_S * line.rate_hz or (timed and away_s < -BACK_S):
            return True
        if line.why != "disconnected":
            return False
        by_time = away_s * line.rate_hz
        return abs(jump - by_time) > SLACK_SAMPLES + (0.1 if timed else 0.5) * abs(by_time)

    def _restart(self, line: _Line, packet: Packet, offset_s: float) -> tuple[float, int]:
        """The counter, and perhaps the clock, began anew: carry on behind what there was, by the host's clock where
        the device's is of no use. Returns what to add to the times, and the number."""
        assert line.next_seq is not None
        first_s, host_s = float(packet.device_time_s[0]) + offset_s, packet.host_time_s
        passed_s = max(0.0, host_s - self._clock_host_s)
        if abs(first_s - self._clock_s - passed_s) > BACK_S + 0.1 * passed_s:
            for other in self._lines.values():  # the device's clock is one for all its channels
                other.why = "restarted"
            offset_s += self._clock_s + passed_s - first_s
            self._clock_base_s = offset_s
            first_s = self._clock_s + passed_s
        away_s = first_s - line.end_s if first_s == first_s and line.end_s == line.end_s else host_s - line.host_s
        seq = line.next_seq + max(0, round(away_s * line.rate_hz))
        line.base += seq - (packet.seq + line.base)
        line.why = "restarted"
        return offset_s, seq

    # ------------------------------------------------------------------ order

    def _place(self, line: _Line, packet: Packet) -> list[Packet | Gap]:
        """In order: on with it. Ahead: wait. Behind: it was here before."""
        next_seq = line.next_seq
        assert next_seq is not None
        count = len(packet.values)
        if packet.seq + count <= next_seq or any(held.seq == packet.seq for held in line.held):
            self.tally.doubles += 1
            return []
        if packet.seq < next_seq:
            packet = _cut(packet, next_seq - packet.seq)
        if packet.seq == next_seq:
            if not line.held:
                return self._hand_on(line, [packet])
            self.tally.late += 1
            return self._hand_on(line, [packet]) + self._release(line, 0)
        line.held.append(packet)
        line.held.sort(key=lambda held: held.seq)
        waited_s = packet.host_time_s - min(held.host_time_s for held in line.held)
        if line.why != "lost" or len(line.held) > HOLD_PACKETS or waited_s > HOLD_S:
            return self._release(line, 1)
        return []

    def _release(self, line: _Line, least: int) -> list[Packet | Gap]:
        """Hand on what waits: at least so many, gap or no gap, and whatever follows them without one."""
        done: list[Packet | Gap] = []
        while line.held:
            packet, next_seq = line.held[0], line.next_seq
            assert next_seq is not None
            if packet.seq > next_seq and least <= 0:
                break
            del line.held[0]
            least -= 1
            if packet.seq + len(packet.values) <= next_seq:
                self.tally.doubles += 1
                continue
            done += self._hand_on(line, [_cut(packet, max(0, next_seq - packet.seq))])
        return done

    def _hand_on(self, line: _Line, packets: list[Packet]) -> list[Packet | Gap]:
        done: list[Packet | Gap] = []
        for packet in packets:
            count, next_seq = len(packet.values), line.next_seq
            if packet.seq != UNCOUNTED:
                if next_seq is not None and (packet.seq > next_seq or line.why == "restarted"):
                    missing, exact = packet.seq - next_seq, line.why != "restarted"
                    done.append(Gap(line.info.name, next_seq, missing, packet.host_time_s, exact, line.why))
                    self.tally.see(done[-1])
                line.next_seq, line.why = packet.seq + count, "lost"
            end_s = float(packet.device_time_s[-1])
            line.end_s = end_s + (1.0 / line.rate_hz if line.rate_hz else 0.0)
            line.host_s = packet.host_time_s
            if not end_s <= self._clock_s:  # also from NaN on
                self._clock_s, self._clock_host_s = end_s, packet.host_time_s
            self.tally.see(packet)
            done.append(packet)
        return done


def _cut(packet: Packet, count: int) -> Packet:
    """Without its first samples, which had been there before."""
    if count == 0:
        return packet
    times, values = packet.device_time_s[count:], packet.values[count:]
    return replace(packet, seq=packet.seq + count, device_time_s=times, values=values)


def _moved(packet: Packet, seq: int, offset_s: float, wrap_s: float | None) -> Packet:
    """With its unwrapped number and times."""
    times: Array = packet.device_time_s
    if wrap_s is not None and len(times) > 1 and times[-1] < times[0]:  # midnight is within it
        times = times + wrap_s * np.cumsum(np.r_[False, np.diff(times) < -wrap_s / 2])
    if offset_s == 0.0 and seq == packet.seq and times is packet.device_time_s:
        return packet
    return Packet(
        seq, times + offset_s if offset_s else times, packet.host_time_s, packet.channel, packet.values, packet.raw
    )
