"""Recordings that are too large to be held: block after block of frames, in bounded memory.

    blocks = open_blocks("hour.asc")
    for number, block in blocks:          # a PressureRecording of some frames of blocks.parts[number]
        ...

``footscan.pressure.running.accumulate_blocks`` takes what comes out. A format can do it whose module has ``blocks(path)
-> Blocks``; others are read whole first, up to ``MAX_WHOLE_BYTES``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from footscan.errors import ReadError
from footscan.io.files import PathLike, open_input, read_head
from footscan.io.text import BOM
from footscan.types import PressureRecording, Recording, replace

MAX_BLOCKS_BYTES = 1 << 40  #: larger files are refused
MAX_WHOLE_BYTES = 64 * 1024**2  #: what is read whole where a format knows no blocks
PORTION_BYTES = 1 << 22  #: of a text file at a time
MAX_LINE_BYTES = 1 << 24
MAX_RECORD_BYTES = 1 << 25
BLOCK_READINGS = 1 << 20


@dataclass(frozen=True, eq=False)
class Blocks:
    """A recording to be read in blocks. Iterating opens the file anew; what is damaged is told when it is reached.

    ``parts`` as in a ``Recording`` but without frames (layout, side, unit, full scale); ``frames()`` gives, in the
    order of the file, the number of a part from 0 and its next frames. Channels and events are left out.
    """

    parts: tuple[PressureRecording, ...]
    frames: Callable[[], Iterator[tuple[int, PressureRecording]]]
    format: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[tuple[int, PressureRecording]]:
        return self.frames()


def open_blocks(path: PathLike) -> Blocks:
    """The blocks of a recording; its header is read now, its frames when they are asked for.

    Raises (here, and while the frames are read)
    ------
    ReadError : what can't be read, what is damaged, a scan, a large file of a format that is read whole
    """
    from footscan.io import FORMATS  # it is complete by now

    head, size = read_head(path, MAX_BLOCKS_BYTES)
    row = next((row for row in FORMATS if row.load().sniff(head, size)), None)
    if row is None or row.kind != "recording":
        raise ReadError(path, "a recording", "another file" if row is None else f"a scan ({row.name})", "name another")
    module = row.load()
    if hasattr(module, "blocks"):
        found: Blocks = module.blocks(path)
        return found
    if size > MAX_WHOLE_BYTES:
        able = ", ".join(r.name for r in FORMATS if r.kind == "recording" and hasattr(r.load(), "blocks"))
        expected = f"at most {MAX_WHOLE_BYTES} bytes of {row.name}, or one of {able}"
        raise ReadError(path, expected, f"{size} bytes of {row.name}", "read it whole, or cut it in time")
    recording: Recording = module.read(path)
    return blocks_of(recording)


def blocks_of(recording: Recording) -> Blocks:
    """A recording that is in memory, block by block."""

    def frames() -> Iterator[tuple[int, PressureRecording]]:
        for number, part in enumerate(recording.pressure):
            step = frames_in_block(len(part.layout.xy_mm))
            for start in range(0, len(part.time_s), step):
                yield number, _some(part, start, start + step)

    parts = tuple(without_frames(part) for part in recording.pressure)
    return Blocks(parts, frames, recording.format, recording.source, recording.notes)


def frames_in_block(cells: int) -> int:
    """How many frames of so many cells make a block."""
    return max(1, BLOCK_READINGS // max(1, cells))


def without_frames(part: PressureRecording) -> PressureRecording:
    """The same part with no frame."""
    return _some(part, 0, 0)


def _some(part: PressureRecording, start: int, stop: int) -> PressureRecording:
    valid = None if part.valid is None else part.valid[start:stop]
    return replace(part, values=part.values[start:stop], time_s=part.time_s[start:stop], valid=valid)


def portions(path: PathLike) -> Iterator[bytes]:
    """A text file in pieces of whole lines, ``PORTION_BYTES`` and a line at most; no byte order mark, and line feeds
    where its beginning has carriage returns alone.

    Raises
    ------
    ReadError : what can't be read, an empty file, a line of more than ``MAX_LINE_BYTES``
    """
    with open_input(path, MAX_BLOCKS_BYTES) as (stream, size):
        rest, done, alone = b"", 0, False
        while piece := stream.read(PORTION_BYTES):
            if not done:
                alone = b"\r" in piece and b"\n" not in piece
            data = rest + (piece.replace(b"\r", b"\n") if alone else piece)
            data = data if done else data.removeprefix(BOM)
            done += len(piece)
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            if len(rest) > MAX_LINE_BYTES:
                raise ReadError(path, f"lines of at most {MAX_LINE_BYTES} bytes", "a longer one", "this is no table")
            if end:
                yield data[:end]
        if not done:
            raise ReadError(path, "a scan or a recording", "an empty file", "export or copy it again")
        if done != size:
            hint = "the file changed while it was read: try again"
            raise ReadError(path, f"{size} bytes", f"{done} bytes", hint)
        if rest:
            yield rest


def tail(path: PathLike, length: int = 64) -> bytes:
    """The last bytes of a file."""
    with open_input(path, MAX_BLOCKS_BYTES) as (stream, size):
        stream.seek(max(0, size - length))
        return stream.read()


def records(path: PathLike, texts: Iterator[bytes], mark: re.Pattern[bytes], word: bytes) -> Iterator[bytes]:
    """The same text in pieces that end where a line begins that ``mark`` matches; ``word`` is in each such line.

    Raises
    ------
    ReadError : more than ``MAX_RECORD_BYTES`` from one such line to the next
    """
    rest = b""
    for text in texts:
        rest += text
        start = rest.rfind(b"\n", 0, rest.rfind(word) + 1) + 1
        if start and mark.match(rest, start):
            yield rest[:start]
            rest = rest[start:]
        if len(rest) > MAX_RECORD_BYTES:
            raise ReadError(path, f"frames of at most {MAX_RECORD_BYTES} bytes", "a longer one", "this is no table")
    yield rest
