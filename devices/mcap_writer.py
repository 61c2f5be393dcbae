"""The MCAP container, written so that whatever is cut off at any byte can be read up to there (https://mcap.dev/spec).

Chunks are not compressed and carry a CRC; each ``flush`` puts one into the file with a single write. The index at the
end takes some 70 bytes a chunk, so eight hours of them stay small. Written here because the MCAP library closes a chunk
only by size (1 MiB of an insole are minutes) and keeps a megabyte of index objects an hour for each message count.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from footscan.io.files import PathLike

MAGIC = b"\x89MCAP0\r\n"
Buffer: TypeAlias = bytes | bytearray | memoryview
Taken: TypeAlias = tuple[bytearray, tuple[int, int]]
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK = 1, 2, 3, 4, 5, 6
_CHUNK_INDEX, _STATISTICS, _METADATA, _SUMMARY_OFFSET, _DATA_END = 8, 11, 12, 14, 15
_record = struct.Struct("<BQ")
_message = struct.Struct("<BQHIQQ")


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data


def _map(items: Mapping[str, str]) -> bytes:
    data = b"".join(_text(key) + _text(value) for key, value in items.items())
    return struct.pack("<I", len(data)) + data


def _whole(opcode: int, *pieces: bytes) -> bytes:
    data = b"".join(pieces)
    return _record.pack(opcode, len(data)) + data


class McapWriter:
    """One file. Every call may raise OSError; what a failed write left half is cut off again.

    Not for two threads at once, but ``add_message`` in one and ``flush`` in another under the caller's lock; ``sync``
    needs none.
    """

    def __init__(self, path: PathLike, profile: str, library: str) -> None:
        """FileExistsError where there is something of that name."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        self.path = os.fspath(path)
        self._number: int | None = os.open(path, flags, 0o666)
        self._end = 0  # of what is surely written
        self._waiting = bytearray()
        self._times_ns: tuple[int, int] | None = None  # of what waits
        self._all_ns: tuple[int, int] | None = None
        self._described: list[bytes] = []  # schemas and channels, to be repeated at the end
        self._schemas, self._counts = 0, [0]
        self._metadata = 0
        self._index: list[bytes] = []
        self._write(MAGIC + _whole(_HEADER, _text(profile), _text(library)))

    @property
    def pending(self) -> int:
        """Bytes that wait for the next ``flush``."""
        return len(self._waiting)

    def add_metadata(self, name: str, items: Mapping[str, str]) -> None:
        """Words about the file; written at once."""
        self._write(_whole(_METADATA, _text(name), _map(items)))
        self._metadata += 1

    def add_schema(self, name: str, encoding: str, data: bytes) -> int:
        """The number of a new schema."""
        self._schemas += 1
        number = struct.pack("<H", self._schemas)
        self._describe(_whole(_SCHEMA, number, _text(name), _text(encoding), struct.pack("<I", len(data)), data))
        return self._schemas

    def add_channel(self, topic: str, encoding: str, schema: int, metadata: Mapping[str, str]) -> int:
        """The number of a new channel."""
        number = len(self._counts)
        if number > 0xFFFF:
            raise ValueError("expected at most 65535 channels in one file")
        self._counts.append(0)
        head = struct.pack("<HH", number, schema)
        self._describe(_whole(_CHANNEL, head, _text(topic), _text(encoding), _map(metadata)))
        return number

    def add_message(self, channel: int, sequence: int, time_ns: int, pieces: Sequence[Buffer]) -> None:
        """A message whose data come in pieces."""
        waiting = self._waiting
        start = len(waiting)
        waiting += bytes(_message.size)
        for piece in pieces:
            waiting += piece
        length = len(waiting) - start - 9
        _message.pack_into(waiting, start, _MESSAGE, length, channel, sequence & 0xFFFF_FFFF, time_ns, time_ns)
        if self._times_ns is None:
            self._times_ns = time_ns, time_ns
        elif not self._times_ns[0] <= time_ns <= self._times_ns[1]:
            self._times_ns = min(self._times_ns[0], time_ns), max(self._times_ns[1], time_ns)
        self._counts[channel] += 1

    def take(self) -> Taken | None:
        """What waits, with its first and last time, to be given to ``write_chunk``; None if nothing does."""
        if not self._waiting:
            return None
        taken = self._waiting, self._times_ns or (0, 0)
        self._waiting, self._times_ns = bytearray(), None
        return taken

    def write_chunk(self, taken: Taken | None) -> None:
        """One chunk into the file, whole or not at all."""
        from fastcrc.crc32 import iso_hdlc  # zlib.crc32, ten times as fast

        if taken is None:
            return
        records, (first_ns, last_ns) = taken
        times = struct.pack("<QQ", first_ns, last_ns)
        sizes = struct.pack("<QI", len(records), iso_hdlc(records))
        start = self._end
        head = times + sizes + _text("") + struct.pack("<Q", len(records))
        self._write(_record.pack(_CHUNK, len(head) + len(records)) + head, records)
        place = struct.pack("<QQIQ", start, self._end - start, 0, 0)
        sizes = struct.pack("<QQ", len(records), len(records))
        self._index.append(_whole(_CHUNK_INDEX, times, place, _text(""), sizes))
        before = self._all_ns or (first_ns, last_ns)
        self._all_ns = min(before[0], first_ns), max(before[1], last_ns)

    def flush(self) -> None:
        """Put what waits into the file: a killed program has lost none of it."""
        self.write_chunk(self.take())

    def sync(self) -> None:
        """Put the file onto the disk: a failing power supply has lost none of it."""
        if self._number is not None:
            os.fsync(self._number)

    def finish(self) -> None:
        """Flush, write the index and close. OSError leaves a file that ends early but can be read."""
        if self._number is None:
            return
        try:
            self.flush()
            self._write(self._summary())
            self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close without an end: a file like a killed program's."""
        if self._number is not None:
            with contextlib.suppress(OSError):
                os.close(self._number)
            self._number = None

    # ------------------------------------------------------------------ bytes

    def _describe(self, record: bytes) -> None:
        self._described.append(record)
        self._waiting += record

    def _summary(self) -> bytes:
        end = _whole(_DATA_END, struct.pack("<I", 0))
        start = self._end + len(end)
        messages, (first_ns, last_ns) = sum(self._counts), self._all_ns or (0, 0)
        counts = b"".join(struct.pack("<HQ", number, count) for number, count in enumerate(self._counts) if number)
        numbers = (messages, self._schemas, len(self._counts) - 1, 0, self._metadata, len(self._index))
        statistics = struct.pack("<QHIIIIQQI", *numbers, first_ns, last_ns, len(counts)) + counts
        groups = (
            (_SCHEMA, [r for r in self._described if r[0] == _SCHEMA]),
            (_CHANNEL, [r for r in self._described if r[0] == _CHANNEL]),
            (_STATISTICS, [_whole(_STATISTICS, statistics)]),
            (_CHUNK_INDEX, self._index),
        )
        from fastcrc.crc32 import iso_hdlc

        body, offsets = b"", b""
        for opcode, records in groups:
            joined = b"".join(records)
            if joined:
                place = struct.pack("<BQQ", opcode, start + len(body), len(joined))
                offsets += _whole(_SUMMARY_OFFSET, place)
            body += joined
        footer = _record.pack(_FOOTER, 20) + struct.pack("<QQ", start, start + len(body))
        crc = iso_hdlc(body + offsets + footer)
        return end + body + offsets + footer + struct.pack("<I", crc) + MAGIC

    def _write(self, *pieces: Buffer) -> None:
        """All of it behind what is there; on an error the file is cut back to what it was."""
        if self._number is None:
            raise ValueError(f"{self.path}: it is closed")
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(self._number, rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._number, self._end)
                os.lseek(self._number, self._end, os.SEEK_SET)
            error.filename = self.path
            raise
        self._end += sum(map(len, pieces))
