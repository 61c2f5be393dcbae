"""How the kiosk and its child processes talk over a pipe: a JSON head and files, each with its length before it.

Nothing that a child sends can run in the kiosk: the head is JSON, the rest bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<Q")
LARGEST_HEAD = 64 * 1024**2
LARGEST_FILE = 1024**3


def encode(head: Mapping[str, Any], files: Mapping[str, bytes]) -> list[bytes]:
    """A frame in pieces: lengths, head, files."""
    text = json.dumps({"head": head, "files": [[name, len(data)] for name, data in files.items()]}).encode()
    return [_LENGTH.pack(len(text)), text, *files.values()]


def head_length(data: bytes) -> int:
    """Of the eight bytes that a frame begins with. ValueError for more than any head has."""
    (length,) = _LENGTH.unpack(data)
    if not 0 < length <= LARGEST_HEAD:
        raise ValueError(f"a frame's head must be at most {LARGEST_HEAD} bytes, got {length}")
    return int(length)


def decode_head(data: bytes) -> tuple[dict[str, Any], list[tuple[str, int]]]:
    """The head, and name and length of each file that follows. ValueError for anything else."""
    document = json.loads(data)
    try:
        files = [(str(name), int(size)) for name, size in document["files"]]
        head = dict(document["head"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"expected a frame's head, found none: {error}") from error
    if any(not 0 <= size <= LARGEST_FILE for _, size in files):
        raise ValueError(f"a file must be at most {LARGEST_FILE} bytes")
    return head, files


def write_frame(stream: BinaryIO, head: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Send a frame, blocking."""
    for piece in encode(head, files):
        stream.write(piece)
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], dict[str, bytes]] | None:
    """The next frame, blocking; None at the end."""
    start = stream.read(_LENGTH.size)
    if len(start) < _LENGTH.size:
        return None
    head, sizes = decode_head(_whole(stream, head_length(start)))
    return head, {name: _whole(stream, size) for name, size in sizes}


def _whole(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError(f"expected {size} bytes, found {len(data)}")
    return data
