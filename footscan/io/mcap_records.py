"""The records of an MCAP file as the recorder writes them, one after another in bounded memory, each checked.

A file that was cut off anywhere is read up to there: ``Walk.early`` then says so. What is damaged otherwise is refused.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from typing import NamedTuple

from footscan.errors import ReadError
from footscan.io.blocks import MAX_BLOCKS_BYTES
from footscan.io.files import PathLike, open_input
from footscan.io.mcap_schema import ENCODING, PACKAGE, PROFILE
from footscan.io.text import show

MAGIC = b"\x89MCAP0\r\n"
MAX_RECORD_BYTES = 1 << 28
_DAMAGED = "the file is damaged: copy it again"
_FINISHED = len(MAGIC) + 29  # a footer and the magic
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _METADATA, _DATA_END = 1, 2, 3, 4, 5, 6, 12, 15
_MESSAGE_INDEX, _ATTACHMENT, _STATISTICS = 7, 9, 11  # passed over; other programs that rewrite a file put them in
_message = struct.Struct("<HIQQ")


class Described(NamedTuple):
    """A channel: the message that it carries (``Samples`` …), its topic, and words about it."""

    message: str
    topic: str
    about: dict[str, str]


class Message(NamedTuple):
    """One message, not yet decoded."""

    channel: int
    data: memoryview


@dataclass
class Walk:
    """What is known of the file so far: it grows while ``messages`` runs."""

    path: PathLike
    about: dict[str, str] = field(default_factory=dict)
    channels: dict[int, Described] = field(default_factory=dict)
    early: bool = False
    schemas: dict[int, str] = field(default_factory=dict)
    count: int = 0  # messages so far


def messages(walk: Walk, most: int = MAX_BLOCKS_BYTES) -> Iterator[Message]:
    """Every message in the order of the file. A chunk's data are good until the next one is asked for.

    Raises
    ------
    ReadError : what can't be read, is damaged, compressed, or was not written by our recorder
    """
    with open_input(walk.path, most) as (stream, size):
        finished = _is_finished(stream, size)
        for at, opcode, data in _records(walk, stream, size, finished):
            if opcode == _DATA_END and len(data) == 4:
                walk.early = not finished
                if finished:
                    _check_count(walk, stream, at)
                return
            try:
                yield from _record(walk, opcode, data)
            except _TornError as error:
                if finished or not _only_zeros(stream, b""):
                    raise _damaged(walk.path, "a sound chunk", "another checksum", at) from error
                walk.early = True
                return
            except (ValueError, struct.error) as error:
                if isinstance(error, ReadError):
                    raise
                raise _damaged(walk.path, "a record that adds up", str(error), at) from error


def _records(walk: Walk, stream: BufferedReader, size: int, finished: bool) -> Iterator[tuple[int, int, memoryview]]:
    """(place, kind, data) of each record until the file ends or is cut off."""
    stream.seek(0)
    if stream.read(len(MAGIC)) != MAGIC:
        raise ReadError(walk.path, "an MCAP recording", "another beginning", _DAMAGED)
    at = len(MAGIC)
    while True:
        head = stream.read(9)
        opcode, length = struct.unpack("<BQ", head) if len(head) == 9 else (0, 0)
        if len(head) < 9 or length > size - at - 9:
            if finished:
                raise _damaged(walk.path, f"{length} bytes of a record", f"{size - at} bytes", at)
            walk.early = True
            return
        if opcode == 0 or length > MAX_RECORD_BYTES:
            if not finished and _only_zeros(stream, head):  # room that a crash left behind
                walk.early = True
                return
            raise _damaged(walk.path, "a record of MCAP", f"opcode {opcode}, {length} bytes", at)
        yield at, opcode, memoryview(stream.read(length))
        at += 9 + length


class _TornError(Exception):
    """A chunk whose checksum is wrong."""


def _damaged(path: PathLike, expected: str, found: str, at: int) -> ReadError:
    return ReadError(path, expected, found, _DAMAGED, f"byte {at}")


def _is_finished(stream: BufferedReader, size: int) -> bool:
    if size < _FINISHED:
        return False
    stream.seek(size - _FINISHED)
    tail = stream.read(_FINISHED)
    return tail.endswith(MAGIC) and tail[0] == _FOOTER


def _check_count(walk: Walk, stream: BufferedReader, at: int) -> None:
    """As many messages as the statistics behind the data count: a chunk that is gone has no checksum to tell it."""
    while len(head := stream.read(9)) == 9:
        opcode, length = struct.unpack("<BQ", head)
        if opcode == _STATISTICS and length >= 8:
            (count,) = struct.unpack("<Q", stream.read(8))
            if count != walk.count:
                raise _damaged(walk.path, f"{count} messages", str(walk.count), at)
            return
        if length > MAX_RECORD_BYTES:
            return
        stream.seek(length, 1)


def _only_zeros(stream: BufferedReader, head: bytes) -> bool:
    if any(head):
        return False
    while piece := stream.read(1 << 20):
        if any(piece):
            return False
    return True


def _record(walk: Walk, opcode: int, data: memoryview) -> Iterator[Message]:
    if opcode == _MESSAGE:
        if len(data) < _message.size:
            raise ValueError("a message without its head")
        channel = _message.unpack_from(data)[0]
        if channel not in walk.channels:
            raise ValueError(f"a message of channel {channel}, which nothing describes")
        walk.count += 1
        yield Message(channel, data[_message.size :])
    elif opcode == _CHUNK:
        yield from _chunk(walk, data)
    elif opcode in _DESCRIBES:
        _DESCRIBES[opcode](walk, data)
    elif opcode == _MESSAGE_INDEX:
        if struct.unpack_from("<I", data, 2)[0] != len(data) - 6:
            raise ValueError("an index of another length")
    elif opcode != _ATTACHMENT:
        raise ValueError(f"opcode {opcode} among the data")


def _header(walk: Walk, data: memoryview) -> None:
    profile, _ = _text(data, 0)
    if profile != PROFILE:
        hint = "give a file of plantar record"
        raise ReadError(walk.path, "an MCAP recording of plantar", f"profile {show(profile)}", hint)


def _schema(walk: Walk, data: memoryview) -> None:
    name, at = _text(data, 2)
    encoding, _ = _text(data, at)
    package, _, message = name.partition(".")
    if package == PACKAGE and encoding == ENCODING:
        walk.schemas[_u16(data, 0)] = message


def _channel(walk: Walk, data: memoryview) -> None:
    topic, at = _text(data, 4)
    encoding, at = _text(data, at)
    message = walk.schemas.get(_u16(data, 2), "") if encoding == ENCODING else ""
    walk.channels[_u16(data, 0)] = Described(message, topic, _map(data, at))


def _metadata(walk: Walk, data: memoryview) -> None:
    name, at = _text(data, 0)
    if name == PACKAGE:
        walk.about.update(_map(data, at))


_DESCRIBES = {_HEADER: _header, _SCHEMA: _schema, _CHANNEL: _channel, _METADATA: _metadata}


def _chunk(walk: Walk, data: memoryview) -> Iterator[Message]:
    if len(data) < 40:
        raise ValueError("a chunk without its head")
    size, crc = struct.unpack_from("<QI", data, 16)
    compression, at = _text(data, 28)
    if compression:
        hint = "unpack it: mcap compress --compression none"
        raise ReadError(walk.path, "chunks that are not compressed", show(compression), hint)
    (length,) = struct.unpack_from("<Q", data, at)
    records = data[at + 8 :]
    if length != len(records) or size != length:
        raise ValueError(f"a chunk of {length} bytes in {len(records)}")
    if crc and zlib.crc32(records) != crc:
        raise _TornError
    at = 0
    while at < len(records):
        opcode, length = struct.unpack_from("<BQ", records, at)
        at += 9
        if length > len(records) - at or opcode == _CHUNK:
            raise ValueError(f"a record of {length} bytes in {len(records) - at}")
        yield from _record(walk, opcode, records[at : at + length])
        at += length


def _u16(data: memoryview, at: int) -> int:
    number: int = struct.unpack_from("<H", data, at)[0]
    return number


def _text(data: memoryview, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<I", data, at)
    if length > len(data) - at - 4:
        raise ValueError(f"{length} bytes of text in {len(data) - at - 4}")
    return bytes(data[at + 4 : at + 4 + length]).decode(), at + 4 + length


def _map(data: memoryview, at: int) -> dict[str, str]:
    (length,) = struct.unpack_from("<I", data, at)
    end = at + 4 + length
    if end > len(data):
        raise ValueError(f"{length} bytes of words in {len(data) - at - 4}")
    at += 4
    words: dict[str, str] = {}
    while at < end:
        key, at = _text(data, at)
        words[key], at = _text(data, at)
    return words
