"""Opening a source: ``devices.aopen`` in an event loop, ``devices.open`` anywhere.

    with devices.open("serial:/dev/ttyUSB0?product=sensel") as plate:
        for packet in plate:                          # Packet; what is missing shows in packet.seq
            ...

    async with devices.aopen("ble:ORPHE-1234?side=left") as insole:
        async for item in insole.items():             # Packet, Gap, Status, Mark, DeviceInfo
            ...

Sources of finished things (``watch:``, ``depth:``, ``realsense:``) give those instead of packets.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from devices.handoff import Handoff
from devices.link import Policy
from devices.products import Product
from devices.sequence import Tally
from devices.session import Connect, Session
from devices.specs import Spec, parse
from devices.types import DeviceInfo, Gap, Mark, Status

T = TypeVar("T")
_AROUND = (DeviceInfo, Gap, Mark, Status)  # everything but the data themselves


class Stream:
    """A source that is read in an event loop: an async context manager and an async iterable.

    Entering waits for the device's first word (finished things: for nothing) and raises ``DeviceError`` if it can't be
    had; later the iteration raises it. Leaving lets go of the device.
    """

    def __init__(self, spec: str | Spec, **how: Any) -> None:
        self._handoff: Handoff[Any] = Handoff()
        self._session = Session(spec, self._handoff, **how)
        self._task: asyncio.Task[None] | None = None
        self._left: deque[Any] = deque()

    @property
    def spec(self) -> Spec:
        """What was asked for."""
        return self._session.spec

    @property
    def info(self) -> DeviceInfo | None:
        """Who is there; None for a source of finished things."""
        return self._session.info

    @property
    def has_device(self) -> bool:
        """True where a device says what it sends before it sends it; False for a source of finished things."""
        return self._session.describes

    @property
    def tally(self) -> Tally:
        """What has come and what was lost so far."""
        return self._session.tally

    async def write(self, data: bytes, target: str = "", response: bool = False) -> None:
        """Send bytes to the device as it is connected now; DeviceLost while it is not."""
        await self._session.write(data, target, response)

    async def items(self) -> AsyncIterator[Any]:
        """Everything, in order; DeviceError when the device is lost for good."""
        while True:
            while self._left:  # who breaks off and comes back finds the rest
                yield self._left.popleft()
            taken = await self._handoff.take()
            if taken is None:
                return
            self._left.extend(taken)

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for item in self.items():
            if not isinstance(item, _AROUND):
                yield item

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._session.run())
        self._task.add_done_callback(self._ended)
        described = asyncio.create_task(self._session.described.wait())
        try:
            if self._session.describes:
                await asyncio.wait({self._task, described}, return_when=asyncio.FIRST_COMPLETED)
                if not self._session.described.is_set():
                    await asyncio.sleep(0)  # the end has been told to the handoff
                    self._handoff.raise_error()
        except BaseException:
            await self.aclose()
            raise
        finally:
            described.cancel()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Let go of the device; what has not been read yet can still be read."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._handoff.close(None if task.cancelled() else task.exception())

    def take_blocking(self, timeout_s: float | None = None) -> list[Any] | None:
        """For another thread: what has come, an empty list when the time is up, None at the end."""
        return self._handoff.take_blocking(timeout_s)


class Device:
    """The same in plain code: a context manager and an iterable. The link lives on a background thread."""

    def __init__(self, spec: str | Spec, **how: Any) -> None:
        self._spec, self._how = parse(spec), how
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stream: Stream | None = None
        self._left: deque[Any] = deque()

    def __enter__(self) -> Self:
        self._loop = _BACKGROUND.start()
        try:
            self._stream = self._wait(self._entered())
        finally:
            if self._stream is None:
                self._loop = None
                _BACKGROUND.stop()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def spec(self) -> Spec:
        """What was asked for."""
        return self._spec

    @property
    def info(self) -> DeviceInfo | None:
        """Who is there; None for a source of finished things."""
        return self._opened().info

    @property
    def tally(self) -> Tally:
        """What has come and what was lost so far."""
        return self._opened().tally

    def write(self, data: bytes, target: str = "", response: bool = False) -> None:
        """Send bytes to the device as it is connected now; DeviceLost while it is not."""
        self._wait(self._opened().write(data, target, response))

    def take(self, timeout_s: float | None = None) -> list[Any] | None:
        """All that has come, of every kind; an empty list when the time is up, None at the end."""
        if self._left:
            left = list(self._left)
            self._left.clear()
            return left
        return self._opened().take_blocking(timeout_s)

    def items(self) -> Iterator[Any]:
        """Everything, in order; DeviceError when the device is lost for good."""
        left = self._left
        while True:
            while left:
                yield left.popleft()
            taken = self._opened().take_blocking()
            if taken is None:
                return
            left.extend(taken)

    def __iter__(self) -> Iterator[Any]:
        return (item for item in self.items() if not isinstance(item, _AROUND))

    def close(self) -> None:
        """Let go of the device; what has not been read yet can still be read. Harmless when done twice."""
        if self._loop is not None and self._stream is not None:
            try:
                self._wait(self._stream.aclose())
            finally:
                self._loop = None
                _BACKGROUND.stop()

    async def _entered(self) -> Stream:
        return await Stream(self._spec, **self._how).__aenter__()

    def _opened(self) -> Stream:
        if self._stream is None:
            raise ValueError(f"{self._spec}: open it first: with devices.open(…) as device")
        return self._stream

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            work.close()
            raise ValueError(f"{self._spec}: it has been closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C while it waits: the work goes with it
            raise


class _Background:
    """The one loop of all devices that are open in plain code: it is there as long as one of them is."""

    def __init__(self) -> None:
        self._users, self._lock = 0, threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            self._users += 1
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="devices", daemon=True)
                self._thread.start()
            return self._loop

    def stop(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._loop is not None and self._thread is not None:
                asyncio.run_coroutine_threadsafe(_swept(), self._loop).result()
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
                self._loop.close()
                self._loop = self._thread = None


async def _swept() -> None:
    """Whatever still runs on the loop ends before it."""
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.wait(rest, timeout=5.0)
    await asyncio.get_running_loop().shutdown_default_executor()


_BACKGROUND = _Background()


def aopen(
    spec: str | Spec,
    *,
    product: Product | None = None,
    connect: Connect | None = None,
    policy: Policy | None = None,
    now: Callable[[], float] = time.monotonic,
) -> Stream:
    """A source in an event loop: ``async with aopen(spec) as stream``.

    spec    : ``transport:address[?product=…&side=…&key=value]`` (``devices.specs``)
    product, connect : instead of what the tables have (for products and transports that are in none)
    policy  : how patient to be, None for the usual
    now     : clock of the host stamps; must run as the event loop's does

    Raises
    ------
    DeviceError : the spec means nothing; on entering: the device is absent, refuses or is not what was asked for
    """
    return Stream(parse(spec), product=product, connect=connect, policy=policy, now=now)


def open_device(
    spec: str | Spec,
    *,
    product: Product | None = None,
    connect: Connect | None = None,
    policy: Policy | None = None,
) -> Device:
    """A source in plain code: ``with open(spec) as device``; everything else as for ``aopen``."""
    return Device(parse(spec), product=product, connect=connect, policy=policy)
