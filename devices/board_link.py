"""Talking to a board: commands with acknowledgement, the clock, calibration tables both ways, logs.

    link = BoardLink(port)
    hello = await link.hello()
    await link.command(control.Control(control.ACTUATE, {"actuator": "led", "value": 255}))
    log = await link.fetch("log", 0)

A command whose answer does not come is sent again, three times in all; pieces of a table that were lost are fetched
again by their offset. Samples that come meanwhile are kept for ``frames``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from devices.errors import DeviceError, DeviceLost, DeviceTimeout
from devices.ports import Chunk, Port
from firmware_bridge import control, messages, records
from firmware_bridge.codec import SEQUENCE_WRAP, Frame, FrameReader, encode_frame
from firmware_bridge.control import Control, Hello, read_hello
from firmware_bridge.errors import WireError

T = TypeVar("T")

SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"  #: Nordic UART
WRITE = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
NOTIFY = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"
TRIES, ANSWER_S, TABLE_S = 3, 1.0, 5.0
LOOKS = 8  #: at the clock, of which the quickest counts
MOST_KEPT = 10_000  #: frames that wait while a command is answered; then the oldest go, and are missed by their number
MOST_TABLE = 256 * 1024**2
PIECE = 128  #: bytes of a table in one frame, unless the board takes fewer


class BoardLink:
    """A board at the other end of a port."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.max_payload = PIECE
        self._reader = FrameReader()
        self._sequence = -1
        self._kept: deque[tuple[Frame, Chunk]] = deque(maxlen=MOST_KEPT)
        self._unseen: deque[tuple[Frame, Chunk]] = deque()  # came with an answer, and nobody has looked at them
        self._radio = port.facts.mtu is not None
        self._subscribed = False

    # ------------------------------------------------------------------ frames

    async def send(self, message: records.Message) -> int:
        """Sends one message; its sequence."""
        await self._listen()
        self._sequence = (self._sequence + 1) % SEQUENCE_WRAP
        data = encode_frame(messages.encode(message, self._sequence))
        size = (self.port.facts.mtu or 0) - 3 if self._radio else len(data)
        for at in range(0, len(data), size):
            await self.port.write(data[at : at + size], WRITE if self._radio else "")
        return self._sequence

    async def frames(self) -> tuple[list[Frame], Chunk]:
        """The frames that the next piece completes, what was kept first."""
        waiting = self._kept or self._unseen
        if waiting:
            frame, chunk = waiting.popleft()
            kept = [frame]
            while waiting and waiting[0][1] is chunk:
                kept.append(waiting.popleft()[0])
            return kept, chunk
        await self._listen()
        chunk = await self.port.read()
        return self._reader.feed(chunk.data) if chunk.data else self._reader.finish(), chunk

    async def _listen(self) -> None:
        if self._radio and not self._subscribed:
            self._subscribed = True
            await self.port.subscribe(NOTIFY)

    async def _until(self, wanted: Callable[[records.Message], T | None], seconds: float) -> T | None:
        """What ``wanted`` makes of a message, None where none came in time; samples are kept."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    while self._unseen:
                        frame, chunk = self._unseen.popleft()
                        found = wanted(messages.decode(frame)) if frame.type in KNOWN else None
                        if found is not None:
                            return found
                        self._kept.append((frame, chunk))
                    await self._listen()
                    chunk = await self.port.read()
                    if not chunk.data:
                        raise DeviceLost(self.port.name, "an answer", "the end of the line", "connect again")
                    self._unseen.extend((frame, chunk) for frame in self._reader.feed(chunk.data))
        except TimeoutError:
            return None

    # ------------------------------------------------------------------ who and when

    async def hello(self) -> Hello:
        """What the board says of itself.

        Raises
        ------
        DeviceTimeout : no answer to three questions
        WireError : an answer that is no hello
        """
        for _ in range(TRIES):
            await self.send(control.ask_hello())
            found = await self._until(_told, ANSWER_S)
            if found is not None:
                hello = read_hello(found)
                self.max_payload = hello.max_payload
                return hello
        hint = "see that it is switched on, and that its firmware speaks our protocol"
        raise DeviceTimeout(self.port.name, f"an answer to our hello within {TRIES * ANSWER_S:g} s", "none", hint)

    async def ask_time(self) -> None:
        """Asks for the board's clock; the answer comes among the frames."""
        await self.send(records.TimeRequest(round(self.port.now() * 1e9)))

    async def time(self) -> records.TimeReply:
        """The board's clock: the quickest of eight answers."""
        best: tuple[float, records.TimeReply] | None = None
        for _ in range(LOOKS):
            await self.ask_time()
            reply = await self._until(lambda m: m if isinstance(m, records.TimeReply) else None, ANSWER_S)
            took_s = self.port.now() - (reply.host_ns / 1e9 if reply else 0.0)
            if reply is not None and (best is None or took_s < best[0]):
                best = took_s, reply
        if best is None:
            hint = "its firmware must answer time requests"
            raise DeviceTimeout(self.port.name, "the board's clock", f"no answer to {LOOKS} questions", hint)
        return best[1]

    # ------------------------------------------------------------------ commands

    async def command(self, message: Control, seconds: float = ANSWER_S) -> Control:
        """Sends a command until it is acknowledged; the acknowledgement.

        Raises
        ------
        DeviceError : the board refuses, with its reason
        DeviceTimeout : no answer
        """
        what = control.NAMES[message.type]
        for _ in range(TRIES):
            sequence = await self.send(message)
            ack = await self._until(partial(_acknowledged, sequence), seconds)
            if ack is not None:
                return self._accepted(what, ack)
        raise DeviceTimeout(self.port.name, f"an acknowledgement of {what}", f"none after {TRIES} tries", "try again")

    def _accepted(self, what: str, ack: Control) -> Control:
        if ack.fields.get("ok") is not True:
            raise DeviceError(self.port.name, f"the board to accept {what}", str(ack.fields.get("error", "a refusal")))
        return ack

    async def start(self) -> None:
        """Lets it stream."""
        await self.command(Control(control.START))

    async def leave(self) -> None:
        """Asks it to stop, without waiting; harmless when the link is down."""
        with contextlib.suppress(DeviceError, WireError):
            await self.send(Control(control.STOP))

    async def configure(self, **changes: float | str | bool) -> Hello:
        """Changes settings; what holds now."""
        await self.command(Control(control.CONFIGURE, changes))
        return await self.hello()

    async def actuate(self, actuator: str, value: float, ms: int | None = None) -> None:
        """Drives an actuator, for ``ms`` where it ends by itself."""
        ends = {} if ms is None else {"ms": ms}
        await self.command(Control(control.ACTUATE, {"actuator": actuator, "value": value, **ends}))

    # ------------------------------------------------------------------ tables and logs

    async def fetch(self, kind: str, table: int = 0) -> bytes:
        """A ``calibration`` table or a ``log``, whole.

        Raises
        ------
        DeviceError : the board has none; more than 256 MB
        DeviceTimeout : pieces that never came
        """
        held: dict[int, bytes] = {}
        total: int | None = None
        silent = 0
        while silent < TRIES:
            start = len(_joined(held))
            if total is not None and start >= total:
                return _joined(held)[:total]
            sequence = await self.send(control.fetch(kind, table, start))
            silent += 1
            while (answer := await self._piece(sequence)) is not None:
                if isinstance(answer, Control):
                    self._accepted(f"the fetch of {kind} {table}", answer)
                    total = 0 if total is None else total
                    break
                if answer.total > MOST_TABLE:
                    raise DeviceError(self.port.name, f"a {kind} of at most {MOST_TABLE} bytes", str(answer.total))
                if (answer.kind, answer.table) == (kind, table) and answer.data:
                    held[answer.offset], total, silent = answer.data, answer.total, 0
        raise DeviceTimeout(self.port.name, f"{kind} {table}", f"{len(_joined(held))} of {total} bytes", "try again")

    async def _piece(self, of: int) -> Control | records.Chunk | None:
        """The next chunk or the end of a fetch; None where neither came."""
        found: Control | records.Chunk | None = await self._until(partial(_piece, of), ANSWER_S)
        return found

    async def logs(self) -> dict[int, int]:
        """The logs on the board: number → bytes."""
        ack = await self.command(control.fetch("logs"))
        listed = ack.fields.get("logs", [])
        if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
            raise WireError("acknowledgement", "a list of logs", repr(listed)[:60])
        return {int(entry["table"]): int(entry["bytes"]) for entry in listed if {"table", "bytes"} <= set(entry)}

    async def upload(self, data: bytes, table: int = 0) -> None:
        """Writes a calibration table, a piece at a time, each acknowledged."""
        size = max(1, min(PIECE, self.max_payload - 16))
        for offset in range(0, len(data), size):
            piece = records.Chunk("calibration", table, offset, len(data), data[offset : offset + size])
            for _ in range(TRIES):
                sequence = await self.send(piece)
                ack = await self._until(partial(_acknowledged, sequence), ANSWER_S)
                if ack is not None:
                    self._accepted(f"calibration table {table}", ack)
                    break
            else:
                raise DeviceTimeout(self.port.name, f"byte {offset} of the table acknowledged", "no answer")


#: types that are read here; others may come from newer boards and are passed over
KNOWN = frozenset(
    (
        *range(records.PRESSURE_GRID, records.MARK + 1),
        *range(records.TIME_REQUEST, records.CHUNK + 1),
        *control.NAMES,
    )
)


def _told(message: records.Message) -> Control | None:
    told = isinstance(message, Control) and message.type == control.HELLO and "board" in message.fields
    return message if told and isinstance(message, Control) else None


def _acknowledged(of: int, message: records.Message) -> Control | None:
    if isinstance(message, Control) and message.type == control.ACK and message.fields.get("of") == of:
        return message
    return None


def _piece(of: int, message: records.Message) -> Control | records.Chunk | None:
    return message if isinstance(message, records.Chunk) else _acknowledged(of, message)


def _joined(held: dict[int, bytes]) -> bytes:
    """What is there from the start, up to the first gap."""
    parts: list[bytes] = []
    end = 0
    while end in held:
        parts.append(held[end])
        end += len(held[end])
    return b"".join(parts)
