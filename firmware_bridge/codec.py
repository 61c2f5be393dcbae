"""Frames of the toolkit's own wire protocol out of a stream of bytes, and back. `PROTOCOL.md` says what stands where.

A frame is sync (2), version, type, payload length (2), sequence (2), device time in µs (4), check of the header (2),
payload, CRC-32C (4). The header has a check of its own so that a damaged length is seen at once and never waited for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from firmware_bridge.errors import WireError

VERSION = 1  #: what is written
READABLE = (1, 2)  #: what is read: the next version only appends, see PROTOCOL.md
SYNC = b"\xc3\x5a"  #: never a part of ASCII or UTF-8 text, so a banner of the boot loader can't look like it
HEADER_BYTES, CRC_BYTES, MAX_PAYLOAD = 14, 4, 32_768
OVERHEAD = HEADER_BYTES + CRC_BYTES
TIME_WRAP_US, SEQUENCE_WRAP = 2**32, 2**16

_HEADER = struct.Struct("<2sBBHHIH")
_CHECKED = struct.Struct("<BBHHI")
_CRC = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: ``sequence`` (wraps at 2^16) and ``time_us`` (the board's clock, wraps at 2^32) as they were sent;
    ``raw``: all of its bytes, where it was read."""

    type: int
    payload: bytes
    sequence: int = 0
    time_us: int = 0
    version: int = VERSION
    raw: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a piece of a stream held: its frames, the ``rest`` that is not yet a frame, the bytes that belong to none
    (noise, text), and how many frames had a sound header but a damaged payload."""

    frames: list[Frame]
    rest: bytes
    skipped: int
    damaged: int


def crc32c(data: bytes | memoryview) -> int:
    """CRC-32C (Castagnoli, RFC 3720): ``b"123456789"`` gives 0xE3069283."""
    from fastcrc.crc32 import iscsi

    return iscsi(data)


def encode_frame(frame: Frame) -> bytes:
    """The bytes of a frame; WireError where a field doesn't fit."""
    if len(frame.payload) > MAX_PAYLOAD:
        raise WireError("frame", f"a payload of at most {MAX_PAYLOAD} bytes", f"{len(frame.payload)}", "split it")
    try:
        fields = (frame.version, frame.type, len(frame.payload), frame.sequence, frame.time_us)
        checked = _CHECKED.pack(*fields)
    except struct.error as error:
        numbers = f"version {frame.version}, type {frame.type}, sequence {frame.sequence}, time {frame.time_us}"
        raise WireError("frame", "version and type in 8 bits, sequence in 16, time in 32", numbers) from error
    checked += (crc32c(checked) & 0xFFFF).to_bytes(2, "little")
    body = checked + frame.payload
    return SYNC + body + _CRC.pack(crc32c(body))


def read_frames(data: bytes, ended: bool = False) -> Reading:
    """All frames of ``data`` and what is left over; feed the rest again with what comes next.

    A frame counts only when its CRC holds. One whose payload is damaged is dropped whole where the next frame follows
    in its place; else bytes were lost and the search goes on inside it. ``ended``: no more bytes will come.
    """
    from fastcrc.crc32 import iscsi

    frames: list[Frame] = []
    view = memoryview(data)
    at = skipped = damaged = 0
    size = len(data)
    while True:
        # the next sync with a sound header
        start = data.find(SYNC, at)
        if start < 0:
            # half a sync may stand at the very end
            keep = 1 if not ended and data.endswith(SYNC[:1]) and size > at else 0
            return Reading(frames, data[size - keep :], skipped + size - keep - at, damaged)
        skipped += start - at
        at = start
        if size - at < HEADER_BYTES:
            if not ended:
                return Reading(frames, data[at:], skipped, damaged)
            skipped, at = skipped + 1, at + 1
            continue
        _, version, kind, length, sequence, time_us, check = _HEADER.unpack_from(data, at)
        if length > MAX_PAYLOAD or check != iscsi(view[at + 2 : at + 12]) & 0xFFFF:
            skipped, at = skipped + 1, at + 1
            continue
        # its payload, if it is all there; where the stream has ended another frame may stand inside the piece
        end = at + OVERHEAD + length
        if size < end:
            if not ended:
                return Reading(frames, data[at:], skipped, damaged)
            skipped, at = skipped + 1, at + 1
            continue
        if iscsi(view[at + 2 : end - CRC_BYTES]) == int.from_bytes(view[end - CRC_BYTES : end], "little"):
            payload = data[at + HEADER_BYTES : end - CRC_BYTES]
            frames.append(Frame(kind, payload, sequence, time_us, version, data[at:end]))
            at = end
            continue
        # damaged: is the next frame where it should be?
        if size < end + HEADER_BYTES and not ended:
            return Reading(frames, data[at:], skipped, damaged)
        damaged += 1
        step = end - at if _sound_header(view, end) else 1
        skipped, at = skipped + step, at + step


def _sound_header(view: memoryview, at: int) -> bool:
    header = view[at : at + HEADER_BYTES]
    if len(header) < HEADER_BYTES or header[:2] != SYNC:
        return False
    return int.from_bytes(header[4:6], "little") <= MAX_PAYLOAD and (
        crc32c(header[2:12]) & 0xFFFF == int.from_bytes(header[12:14], "little")
    )


class FrameReader:
    """A stream that comes in pieces: ``feed`` gives the frames that a piece completes; what was lost is counted."""

    def __init__(self) -> None:
        self._rest = b""
        self.skipped = 0
        self.damaged = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Frames that are whole now, in order."""
        return self._take(read_frames(self._rest + data))

    def finish(self) -> list[Frame]:
        """The stream has ended: frames that stand behind a piece of one that never came."""
        return self._take(read_frames(self._rest, ended=True))

    def _take(self, reading: Reading) -> list[Frame]:
        self._rest = reading.rest
        self.skipped += reading.skipped
        self.damaged += reading.damaged
        return reading.frames


def unwrapped(before: int, raw: int, wrap: int) -> int:
    """The count nearest to ``before`` (unwrapped) that reads ``raw`` modulo ``wrap``: half the range forwards or back.

    For sequences (SEQUENCE_WRAP) and the board's clock (TIME_WRAP_US), which turns over every 71.6 minutes.
    """
    return before + (raw - before + wrap // 2) % wrap - wrap // 2
