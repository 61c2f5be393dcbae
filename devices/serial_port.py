"""``serial:`` a plate or board on a serial line: ``serial:/dev/ttyUSB0``, ``serial:COM3``, or by what it is,
``serial:303a:1001`` and ``serial:303a:1001:F412FA`` (USB vendor, product and serial number, in hex).

A port that was unplugged is looked for by these numbers, for it often comes back under another name. Options: ``baud``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import serial
from serial.tools import list_ports

from devices.errors import DeviceError, DeviceLost, DeviceTimeout
from devices.ports import Candidate, Chunk, Inbox, PortFacts, choose
from devices.products import Product
from devices.specs import Spec

READ_BYTES, SHORT_BYTES = 1 << 16, 4000  #: a read that brings less has left nothing (a terminal gives 4095 at once)
#: a line that brought more than this in the last ``WINDOW_S`` is looked at each ``PAUSE_S`` (a pseudo-terminal holds
#: some 14 kB: a longer pause would hold up who writes), and what came within ``GATHER_S`` is handed on together. One
#: that is asked for each frame stays below: it would wait for its answers.
FAST_BYTES_S, WINDOW_S, PAUSE_S, GATHER_S = 2e6, 0.05, 0.002, 0.01
FULL_BYTES = 12_000  #: where a pause brought so many, somebody may be held up: none before the next look
WRITE_S = 5.0
USB_LATENCY_S = 0.016  #: latency timer of the usual USB serial chips


def plugged_in() -> list[Candidate]:
    """Every serial port of this machine; ``detail`` is ``vendor:product:serial`` where it is a USB one."""
    return [
        Candidate(
            port.device,
            "" if port.description in (None, "n/a") else port.description,
            port.serial_number or "",
            hardware(port),
        )
        for port in sorted(list_ports.comports())
    ]


def hardware(port: Any) -> str:
    """``303a:1001:F412FA`` of an entry of pyserial's list, empty for what is not USB."""
    if port.vid is None or port.pid is None:
        return ""
    return ":".join(word for word in (f"{port.vid:04x}", f"{port.pid:04x}", port.serial_number or "") if word)


async def connect(
    spec: Spec,
    product: Product,
    known: PortFacts | None = None,
    *,
    ports: Callable[[], Sequence[Candidate]] = plugged_in,
    threaded: bool = os.name == "nt",
    now: Callable[[], float] = time.monotonic,
) -> SerialPort:
    """Open the line.

    ports    : what is plugged in
    threaded : read in a thread of its own (Windows) instead of the event loop

    Raises
    ------
    DeviceLost : no such port now; it is in use; DeviceError : several fit, or no permission
    """
    entry = find(spec, product, known, ports())
    baud = int(spec.number("baud", product.baud, 50, 20_000_000))
    try:
        line = serial.Serial(entry.place, baud, timeout=0.1 if threaded else 0, exclusive=True)
    except (serial.SerialException, OSError, ValueError) as error:
        raise _refused(spec, entry.place, error) from error
    usb = entry.detail != ""
    facts = PortFacts(entry.place, entry.name, entry.serial_number, entry.detail, None, USB_LATENCY_S if usb else None)
    if not threaded:
        _tell_empty_from_gone(line.fileno())
    return (ThreadedPort if threaded else SerialPort)(spec.name, spec.options, facts, line, now)


def _tell_empty_from_gone(number: int) -> None:
    """From now on a read that finds nothing says so; no bytes at all mean that the device is gone."""
    import termios

    with contextlib.suppress(termios.error):
        attributes = termios.tcgetattr(number)
        attributes[6][termios.VMIN] = 1
        termios.tcsetattr(number, termios.TCSANOW, attributes)


def find(spec: Spec, product: Product, known: PortFacts | None, ports: Sequence[Candidate]) -> Candidate:
    """Where the device is now: the one that was there before, else the place or the numbers that were given."""
    if known is not None and known.hardware:
        again = [port for port in ports if port.detail == known.hardware]
        if len(again) == 1:
            return again[0]
        if not any(port.place == known.place for port in again):
            hint = "plug it in again; any port will do"
            raise DeviceLost(spec.name, f"USB device {known.hardware}", f"{len(again)} of them", hint)
    if not spec.address:
        wanted = [port for port in ports if _usb(port) in product.usb]
        if len(wanted) != 1:
            listed = ", ".join(port.line() for port in (wanted or ports)) or "nothing"
            kind = DeviceError if wanted else DeviceLost
            raise kind(spec.name, f"{product.title} plugged in once", listed, "name the port: serial:/dev/…")
        return wanted[0]
    folded = spec.address.casefold()
    by_numbers = [port for port in ports if port.detail and f"{port.detail.casefold()}:".startswith(f"{folded}:")]
    if len(by_numbers) == 1:
        return by_numbers[0]
    if by_numbers:
        listed = ", ".join(port.line() for port in by_numbers)
        raise DeviceError(spec.name, f"one device {spec.address}", listed, "add its serial number, or name its port")
    place = next((port for port in ports if port.place == os.path.realpath(spec.address)), None)
    if place is not None or os.path.exists(spec.address):  # also what no list has: a pty, a network port
        return Candidate(spec.address, *(place or Candidate(""))[1:])
    return choose(spec.name, spec.address, ports)


def _usb(port: Candidate) -> tuple[int, int] | None:
    words = port.detail.split(":")
    return (int(words[0], 16), int(words[1], 16)) if len(words) >= 2 else None


def _refused(spec: Spec, place: str, error: Exception) -> DeviceError:
    number = getattr(error, "errno", None)
    reason = str(error) if number is None else os.strerror(number).lower()
    if isinstance(error, PermissionError) or number == 13:
        hint = "add yourself to the group that owns it (Debian: dialout) and log in again"
        return DeviceError(spec.name, f"permission to open {place}", reason, hint)
    if isinstance(error, ValueError) and number is None:
        return DeviceError(spec.name, f"a serial line at {place}", reason, "correct the baud rate")
    busy = number == 11 or "lock" in reason
    found = "another program has it open" if busy else reason
    return DeviceLost(
        spec.name, f"a serial line at {place}", found, "close the other program" if busy else "plug it in"
    )


class SerialPort:
    """A line that is read in the event loop as bytes arrive."""

    def __init__(
        self, name: str, options: Mapping[str, str], facts: PortFacts, line: Any, now: Callable[[], float]
    ) -> None:
        self.name, self.options, self.facts = name, options, facts
        self._line, self._now = line, now
        self._inbox = Inbox(name)
        self._loop = asyncio.get_running_loop()
        self._resume: asyncio.TimerHandle | None = None
        self._open = True
        self._room, self._filled = memoryview(bytearray(READ_BYTES)), 0
        self._since_s = 0.0  # when the first of these bytes came
        self._fast, self._counted, self._window_s = False, 0, now()
        self._listen()

    def now(self) -> float:
        """The clock of the stamps."""
        return self._now()

    async def read(self) -> Chunk:
        """Whatever has come in since; DeviceLost when it was unplugged."""
        return await self._inbox.get()

    async def write(self, data: bytes, target: str = "", response: bool = False) -> None:
        """All of it; DeviceTimeout when the line takes none for ``WRITE_S``."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._line.fileno(), rest) :]
            except BlockingIOError:
                await self._until_writable()
            except (OSError, serial.SerialException) as error:
                raise self._lost(error) from error

    async def subscribe(self, target: str) -> None:
        """Nothing to do on a serial line."""

    async def fetch(self, target: str) -> bytes:
        """There is nothing of the kind on a serial line."""
        raise DeviceError(self.name, "a radio link", "a serial line", "this product does not speak over serial")

    async def close(self) -> None:
        """Let go of the line."""
        if self._open:
            self._open = False
            self._deaf()
            self._inbox.fail()
            with contextlib.suppress(OSError, serial.SerialException):
                self._line.close()

    # ------------------------------------------------------------------ reading

    def _listen(self) -> None:
        self._loop.add_reader(self._line.fileno(), self._readable)

    def _deaf(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
        with contextlib.suppress(OSError, ValueError, serial.SerialException):
            self._loop.remove_reader(self._line.fileno())

    def _readable(self) -> None:
        """Something is there, or the pause of a busy line is over: take all that there is."""
        before, error = self._filled, None
        try:
            number, size = self._line.fileno(), READ_BYTES
            while size >= SHORT_BYTES and self._filled < READ_BYTES:
                size = os.readv(number, [self._room[self._filled :]])
                self._filled += size
                error = None if size else self._lost(None)
        except BlockingIOError:
            pass
        except (OSError, serial.SerialException) as failure:
            error = self._lost(failure)
        now_s = self._now()
        came = self._filled - before
        self._count(came, now_s)
        self._since_s = self._since_s if before else now_s
        waits = self._fast and error is None and self._filled < READ_BYTES // 2 and now_s - self._since_s < GATHER_S
        if self._filled and not waits:
            self._inbox.put(bytes(self._room[: self._filled]), now_s)
            self._filled = 0
        if error is not None:
            self._deaf()
            self._inbox.fail(error)
        elif self._fast:
            if self._resume is None:
                self._loop.remove_reader(self._line.fileno())
            self._resume = self._loop.call_later(PAUSE_S if came < FULL_BYTES else 0.0, self._readable)
        elif self._resume is not None:
            self._resume = None
            self._listen()

    def _count(self, came: int, now_s: float) -> None:
        self._counted += came
        passed_s = now_s - self._window_s
        if passed_s >= WINDOW_S:
            self._fast = self._counted > FAST_BYTES_S * passed_s
            self._counted, self._window_s = 0, now_s

    def _lost(self, error: Exception | None) -> DeviceLost:
        reason = "it is gone" if error is None else (getattr(error, "strerror", None) or str(error)).lower()
        return DeviceLost(self.name, f"the device at {self.facts.place}", reason, "plug it in again; any port will do")

    async def _until_writable(self) -> None:
        ready, number = asyncio.Event(), self._line.fileno()
        self._loop.add_writer(number, ready.set)
        try:
            await asyncio.wait_for(ready.wait(), WRITE_S)
        except TimeoutError as error:
            raise DeviceTimeout(self.name, f"it to take bytes within {WRITE_S:g} s", "none", "restart it") from error
        finally:
            with contextlib.suppress(OSError, ValueError):
                self._loop.remove_writer(number)


class ThreadedPort(SerialPort):
    """A line that a thread reads: where an event loop can't wait for one."""

    def _listen(self) -> None:
        self._thread = threading.Thread(target=self._reading, name=f"read {self.facts.place}", daemon=True)
        self._thread.start()

    def _deaf(self) -> None:
        pass

    async def write(self, data: bytes, target: str = "", response: bool = False) -> None:
        """All of it."""
        try:
            self._line.write_timeout = WRITE_S
            await self._loop.run_in_executor(None, self._line.write, data)
        except serial.SerialTimeoutException as error:
            raise DeviceTimeout(self.name, f"it to take bytes within {WRITE_S:g} s", "none", "restart it") from error
        except (OSError, serial.SerialException) as error:
            raise self._lost(error) from error

    async def close(self) -> None:
        """Let go of the line, once the thread has seen it."""
        if self._open:
            self._open = False
            self._inbox.fail()
            with contextlib.suppress(OSError, serial.SerialException):
                self._line.cancel_read()
            await self._loop.run_in_executor(None, self._thread.join)
            with contextlib.suppress(OSError, serial.SerialException):
                self._line.close()

    def _reading(self) -> None:
        error: DeviceLost | None = None
        while self._open and error is None:
            try:
                data = self._line.read(max(1, self._line.in_waiting))
            except (OSError, serial.SerialException, TypeError) as failure:  # TypeError: closed while it was reading
                data, error = b"", self._lost(failure)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                if data:
                    self._loop.call_soon_threadsafe(self._inbox.put, data, self._now())
                if error is not None and self._open:
                    self._loop.call_soon_threadsafe(self._inbox.fail, error)
