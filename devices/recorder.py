"""The recorder: everything that devices say into one MCAP file that survives a kill at any moment.

    with Recorder("walk.mcap") as recorder:
        left = recorder.add(insole.info)
        recorder.write(left, item)            # Packet, Gap, Mark, Status, a new DeviceInfo

Raw bytes and raw stamps of both clocks go in as they came, beside named channels that describe themselves, and the fit
of each device's clock with its residual and uncertainty. A thread puts what has come into the file four times a second
and onto the disk once a second. Gaps are written down, never filled.
"""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from devices.clock import Clock, ClockFit
from devices.mcap_writer import McapWriter
from devices.types import Array, ChannelInfo, DeviceInfo, Gap, Item, Mark, Packet, Status
from footscan.io.files import PathLike
from footscan.io.mcap_schema import (
    ENCODING,
    MESSAGES,
    PACKAGE,
    PROFILE,
    SCHEMA,
    descriptor_set,
    encode,
    encode_raw,
    encode_samples,
)
from footscan.types import SensorLayout

FLUSH_S = 0.25
SYNC_S = 1.0
ROWS_AT_ONCE = 128  #: of a layout, until other threads have their turn
MOST_WAITING = 64 * 1024**2  #: bytes that may wait for a slow disk before ``write`` waits too


class Recorder:
    """Writes one file. ``write`` may be called from any one thread.

    path      : must not exist yet
    start_utc : None for now
    now       : the clock of the host stamps
    background: False: nothing is written but by ``flush`` and ``close`` (tests under a clock of their own)

    Raises (here and in every call)
    ------
    OSError : the file exists, can't be written, or the disk is full; what was written before is kept and can be read
    """

    def __init__(
        self,
        path: PathLike,
        *,
        start_utc: datetime.datetime | None = None,
        now: Callable[[], float] = time.monotonic,
        background: bool = True,
    ) -> None:
        start = start_utc or datetime.datetime.now(datetime.UTC)
        self.start_host_s = now()
        self._start_ns = int(start.timestamp() * 1e9)
        self._writer = McapWriter(path, PROFILE, PACKAGE)
        self._labels: list[str] = []
        self._devices: list[_Written] = []
        self._error: OSError | None = None
        self._lock = threading.Condition()  # what waits
        self._disk = threading.Lock()  # the order of the chunks; always taken before the other
        self._closing = threading.Event()
        try:
            about = {"schema": SCHEMA, "start_utc": start.isoformat(), "start_host_s": repr(self.start_host_s)}
            self._writer.add_metadata(PACKAGE, about)
        except OSError:
            self._writer.abandon()
            raise
        data = descriptor_set()
        self._schemas = {name: self._writer.add_schema(f"{PACKAGE}.{name}", ENCODING, data) for name in MESSAGES}
        self._thread: threading.Thread | None = None
        if background:
            self._thread = threading.Thread(target=self._keep_writing, name="recorder", daemon=True)
            self._thread.start()

    # ------------------------------------------------------------------ what is recorded

    def add(self, info: DeviceInfo) -> int:
        """A new device; its number for ``write``. A layout of thousands of cells takes some ms to be put in words."""
        label = info.side if info.side != "unknown" else info.product
        taken, count, base = set(self._labels), 1, label
        while label in taken:
            count += 1
            label = f"{base}_{count}"
        self._labels.append(label)
        with self._lock:
            self._devices.append(_Written(self._writer, self._schemas, label, info))
        return len(self._devices) - 1

    def label(self, device: int) -> str:
        """What a device is called in the file."""
        return self._labels[device]

    def clock(self, device: int) -> ClockFit | None:
        """The newest fit of a device's clock."""
        return self._devices[device].clock.fit

    def write(self, device: int, item: Item) -> None:
        """One thing that a device has said."""
        written = self._devices[device]
        with self._lock:
            self._raise()
            if self._writer.pending > MOST_WAITING and self._thread is not None:
                self._lock.wait_for(lambda: self._writer.pending < MOST_WAITING or self._error is not None)
                self._raise()
            if isinstance(item, Packet):
                written.packet(item, self._time_ns(item.host_time_s))
            elif isinstance(item, DeviceInfo):
                written.describe(item)
            else:
                written.other(item, self._time_ns(item.host_time_s))

    def align(self, device: int, shift_s: float, uncertainty_ms: float, shared: str) -> None:
        """An event that devices shared (``tap``, ``edge``) has shown that this one's times must be moved."""
        written = self._devices[device]
        with self._lock:
            fit = written.clock.shift(shift_s, uncertainty_ms, shared)
            if fit is not None:
                written.fitted(fit, self._time_ns(fit.host_s))

    def flush(self) -> None:
        """Into the file now."""
        self._put()

    def close(self) -> None:
        """Write the end and let go of the file. OSError: it ends early but can be read. Harmless when done twice."""
        self._stop_thread()
        if self._error is not None:
            error, self._error = self._error, None
            self._writer.abandon()
            raise error
        self._writer.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is not None and error is self._error:
            self._error = None  # it is on its way already
            self._stop_thread()
            self._writer.abandon()
        else:
            self.close()

    # ------------------------------------------------------------------ the thread

    def _keep_writing(self) -> None:
        synced_s = time.monotonic()
        while not self._closing.wait(FLUSH_S):
            try:
                self._put()
                if time.monotonic() - synced_s >= SYNC_S:
                    self._writer.sync()
                    synced_s = time.monotonic()
            except OSError as error:
                with self._lock:
                    self._error = error
                    self._lock.notify_all()
                return

    def _put(self) -> None:
        with self._disk:
            with self._lock:
                self._raise()
                taken = self._writer.take()
                self._lock.notify_all()
            self._writer.write_chunk(taken)

    def _stop_thread(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _time_ns(self, host_s: float) -> int:
        return self._start_ns + int((host_s - self.start_host_s) * 1e9)


class _Written:
    """One device in the file: its channels, made when they are first needed."""

    def __init__(self, writer: McapWriter, schemas: Mapping[str, int], label: str, info: DeviceInfo) -> None:
        self.clock = Clock(info.latency_s)
        self._writer, self._schemas, self._label, self._info = writer, schemas, label, info
        self._channels: dict[str, int] = {}
        self._about = {channel.name: about_channel(channel) for channel in info.channels}

    def describe(self, info: DeviceInfo) -> None:
        """The device has said (again) who it is; channels that mean something else now are described anew."""
        before, self._info = self._info, info
        self.clock.latency_s = info.latency_s
        if info.channels is before.channels:
            return
        about = {channel.name: about_channel(channel) for channel in info.channels}
        for name, words in self._about.items():
            if about.get(name) != words:
                self._channels.pop(name, None)
        self._about = about

    def packet(self, packet: Packet, time_ns: int) -> None:
        number = self._channels.get(packet.channel)
        if number is None:
            number = self._new(packet.channel, "Samples", self._about[packet.channel])
        pieces = encode_samples(packet.seq, packet.host_time_s, packet.device_time_s, packet.values)
        self._writer.add_message(number, packet.seq, time_ns, pieces)
        if packet.raw:
            self._add("Raw", time_ns, *encode_raw(packet.host_time_s, packet.raw))
        fit = self.clock.add(float(packet.device_time_s[-1]), packet.host_time_s)
        if fit is not None:
            self.fitted(fit, time_ns)

    def other(self, item: Gap | Mark | Status, time_ns: int) -> None:
        if isinstance(item, Gap):
            if item.why == "restarted":
                self.clock.restart()
            exact = item.exact or None
            fields = {"channel": item.channel, "sequence": item.seq, "count": item.count, "why": item.why}
            self._add("Gap", time_ns, encode("Gap", host_time_s=item.host_time_s, exact=exact, **fields))
        elif isinstance(item, Mark):
            self._add("Mark", time_ns, encode("Mark", **asdict(item)))
        else:
            self._add("Status", time_ns, encode("Status", **asdict(item)))

    def fitted(self, fit: ClockFit, time_ns: int) -> None:
        self._add("Clock", time_ns, encode("Clock", **asdict(fit)))

    def _add(self, message: str, time_ns: int, *pieces: bytes) -> None:
        number = self._channels.get(f"/{message}")
        if number is None:
            number = self._new(f"/{message}", message, {})
        self._writer.add_message(number, 0, time_ns, pieces)

    def _new(self, key: str, message: str, about: Mapping[str, str]) -> int:
        info = self._info
        who = {
            "device": self._label,
            "product": info.product,
            "name": info.name,
            "serial_number": info.serial_number,
            "firmware": info.firmware,
            "device_side": info.side,
        }
        topic = f"/{self._label}/{key.strip('/').lower()}"
        self._channels[key] = self._writer.add_channel(topic, ENCODING, self._schemas[message], {**who, **about})
        return self._channels[key]


def about_channel(channel: ChannelInfo) -> dict[str, str]:
    """What makes a channel of the file describe itself."""
    words: dict[str, Any] = {
        "channel": channel.name,
        "unit": channel.unit,
        "width": str(channel.width),
        "side": channel.side,
        "rate_hz": None if channel.rate_hz is None else repr(float(channel.rate_hz)),
        "full_scale": None if channel.full_scale is None else repr(float(channel.full_scale)),
        "labels": json.dumps(channel.labels) if channel.labels else None,
        "layout": None if channel.layout is None else about_layout(channel.layout),
    }
    return {key: word for key, word in words.items() if word is not None}


def about_layout(layout: SensorLayout) -> str:
    """A layout as JSON has it."""
    words: dict[str, str] = {"frame": json.dumps(layout.frame), "positions": json.dumps(layout.positions)}
    words["xy_mm"] = _listed(layout.xy_mm)
    if layout.area_mm2 is not None:
        words["area_mm2"] = _listed(layout.area_mm2)
    if layout.corners_mm is not None:
        words["corners_mm"] = _listed(layout.corners_mm)
    if layout.shape is not None and layout.index is not None:
        words["shape"], words["index"] = json.dumps(list(layout.shape)), _listed(layout.index)
    return "{" + ", ".join(f"{json.dumps(key)}: {word}" for key, word in words.items()) + "}"


def _listed(values: Array) -> str:
    """JSON of an array's rows, a few at a time: a device that must be asked each 8 ms has its turn in between."""
    pieces = []
    for start in range(0, len(values), ROWS_AT_ONCE):
        pieces.append(json.dumps(values[start : start + ROWS_AT_ONCE].tolist())[1:-1])
        time.sleep(0)
    return "[" + ", ".join(pieces) + "]"
