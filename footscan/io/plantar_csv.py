"""Our own ``.csv`` of a recording: everything that a ``Recording`` holds, for a spreadsheet and for us.

    # plantar recording csv 1
    # {"format": "pedar", "source": "walk.asc", "clock": "file", "start_utc": null, "parts": 2, "channels": 0, …}
    # {"part": 1, "side": "left", "side_from": "content", "unit": "kPa", "cells": 99, "frames": 1505, …}
    cell,1,2,3,…
    x_mm,…                      the layout, one line a quantity: y_mm, area_mm2, corner1_x_mm …, grid_index
    time_s,1,2,3,…              then a line a frame: time, and a value a cell; empty where the cell is missing
    0.01,32.5,40,…
    # {"channel": 1, "name": "acceleration", "unit": "g", "side": "left", "frames": …, "columns": 3}
    time_s,1,2,3
    …

Numbers have the fewest digits that read back as the same float32 (values) or float64 (all else): nothing is lost but
what stands under a missing cell, which reads as 0. Lines that begin with ``#`` hold one JSON object each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from footscan.errors import ReadError
from footscan.io.blocks import MAX_BLOCKS_BYTES, Blocks, frames_in_block, portions
from footscan.io.files import PathLike, read_head, write_bytes_atomic
from footscan.io.recording_header import (
    about_channel,
    about_part,
    about_recording,
    check_writable,
    from_json,
    part_of,
    recording_of,
    to_json,
)
from footscan.io.recording_text import texts
from footscan.io.text import parse_rows
from footscan.types import Array, Channel, PressureRecording, Recording, SensorLayout

NAME = "plantar-csv"
SUFFIXES = (".csv",)
WRITABLE = True

_MAGIC = b"# plantar recording csv 1"
_BAD = (TypeError, ValueError, IndexError, KeyError, OverflowError)
_LINES_SKIPPED = 1 << 12
_AGAIN = "the file was cut off or edited: write it again"
_MISSING = b"-0e0"  # stands for an empty field while numbers are read; never written by us


def sniff(head: bytes, size: int) -> bool:
    """Our own first line."""
    return head.removeprefix(b"\xef\xbb\xbf").startswith(_MAGIC)


# ------------------------------------------------------------------ writing


def write(path: PathLike, recording: Recording) -> None:
    """Write a recording of any kind. The same recording gives the same bytes."""
    write_bytes_atomic(path, "".join(f"{line}\n" for line in _lines(recording)).encode("utf-8"))


def _lines(recording: Recording) -> Iterator[str]:
    check_writable(recording)
    yield _MAGIC.decode()
    yield _comment(about_recording(recording))
    for number, part in enumerate(recording.pressure, 1):
        yield from _part_lines(number, part)
    for number, channel in enumerate(recording.channels, 1):
        columns = channel.values.shape[1]
        yield _comment(about_channel(number, channel))
        yield ",".join(["time_s", *(str(n + 1) for n in range(columns))])
        for time, row in zip(channel.time_s.tolist(), channel.values.tolist()):
            yield ",".join([repr(time), *("" if v != v else repr(v) for v in row)])  # NaN: nothing was measured


def _part_lines(number: int, part: PressureRecording) -> Iterator[str]:
    layout = part.layout
    cells = len(layout.xy_mm)
    yield _comment(about_part(number, part))
    names = [str(n + 1) for n in range(cells)]
    yield ",".join(["cell", *names])
    for name, column in zip(_layout_names(layout), _layout_columns(layout)):
        yield ",".join([name, *(repr(v) for v in column.tolist())])
    yield ",".join(["time_s", *names])
    words = texts(np.where(part.valid, part.values, np.float32(0)) if part.valid is not None else part.values)
    if part.valid is not None:
        words = np.where(part.valid, words, "")
    for time, row in zip(part.time_s.tolist(), words.tolist()):
        yield ",".join([repr(time), *row])


def _comment(items: dict[str, Any]) -> str:
    return f"# {to_json(items)}"


def _layout_names(layout: SensorLayout) -> list[str]:
    corners = 0 if layout.corners_mm is None else layout.corners_mm.shape[1]
    return _names(corners, layout.area_mm2 is not None, layout.index is not None)


def _names(corners: int, area: bool, index: bool) -> list[str]:
    edges = [f"corner{n + 1}_{axis}_mm" for n in range(corners) for axis in "xy"]
    return ["x_mm", "y_mm", *(["area_mm2"] if area else []), *edges, *(["grid_index"] if index else [])]


def _layout_columns(layout: SensorLayout) -> Iterator[Array]:
    yield from layout.xy_mm.T
    if layout.area_mm2 is not None:
        yield layout.area_mm2
    if layout.corners_mm is not None:
        yield from layout.corners_mm.reshape(len(layout.corners_mm), -1).T
    if layout.index is not None:
        yield layout.index


# ------------------------------------------------------------------ reading


def read(path: PathLike) -> Recording:
    """Read back what ``write`` wrote: equal records.

    Raises
    ------
    ReadError : not our file, another version, counts that are not those of the header, numbers that are none
    """
    lines = _Lines(path)
    about = lines.comment("format")
    parts = tuple(_part(lines, number + 1) for number in range(lines.count(about, "parts")))
    channels = tuple(_channel(lines, number + 1) for number in range(lines.count(about, "channels")))
    lines.end()
    return _recording(path, about, parts, channels)


def blocks(path: PathLike) -> Blocks:
    """The same recording, some frames at a time. The file is looked through once at the beginning for the layouts."""

    def heads() -> Iterator[PressureRecording]:
        for number in range(count):
            head = _head(lines, number + 1)
            lines.skip(head.frames)
            yield head.none()

    def frames() -> Iterator[tuple[int, PressureRecording]]:
        lines = _Lines(path)
        lines.comment("format")
        for number in range(count):
            for block in _frames(lines, _head(lines, number + 1)):
                yield number, block

    lines = _Lines(path)
    about = lines.comment("format")
    count = lines.count(about, "parts")
    empty = _recording(path, about, tuple(heads()), ())
    return Blocks(empty.pressure, frames, empty.format, empty.source, empty.notes)


def _recording(
    path: PathLike, about: dict[str, Any], parts: tuple[PressureRecording, ...], channels: tuple[Channel, ...]
) -> Recording:
    try:
        return recording_of(about, parts, channels)
    except (TypeError, ValueError, OverflowError) as error:
        expected = "events of a name, a time and a side, notes of text"
        raise ReadError(path, expected, str(error)[:120], _AGAIN, "line 2") from error


class _Lines:
    """A cursor over the lines of a file; every complaint names the line."""

    def __init__(self, path: PathLike) -> None:
        head, self.size = read_head(path, MAX_BLOCKS_BYTES)
        if not sniff(head, self.size):
            raise ReadError(path, _MAGIC.decode(), repr(head[:32].decode("latin-1")), "this is another file")
        self.path, self._texts = path, portions(path)
        self.data, self.at, self.number = b"", 0, 1
        self.take("a first line")

    def _more(self) -> bool:
        """Another piece of the file behind what is left of this one."""
        text = next(self._texts, None)
        if text is None:
            return False
        self.data, self.at = self.data[self.at :] + text.replace(b"\r\n", b"\n"), 0
        return True

    def wrong(self, expected: str, found: str) -> ReadError:
        return ReadError(self.path, expected, found, _AGAIN, f"line {self.number}")

    def take(self, expected: str, count: int = 1) -> bytes:
        """The next ``count`` lines as they stand."""
        done, length = 0, 0
        while done < count:
            end = self.data.find(b"\n", self.at + length)
            if end >= 0:
                done, length = done + 1, end + 1 - self.at
            elif not self._more():
                self.number += done
                if self.data[self.at + length :]:
                    raise self.wrong("a line end at the end", repr(self.data[-16:].decode("latin-1")))
                raise self.wrong(expected, "the end of the file")
        block, self.at = self.data[self.at : self.at + length], self.at + length
        self.number += count
        return block

    def skip(self, count: int) -> None:
        """Go on by so many lines."""
        for start in range(0, count, _LINES_SKIPPED):
            self.take(f"{count - start} more lines", min(_LINES_SKIPPED, count - start))

    def comment(self, key: str) -> dict[str, Any]:
        line = self.take("a line of JSON")
        self.number -= 1
        try:
            found = from_json(line[1:]) if line.startswith(b"#") else None
        except (ValueError, RecursionError) as error:
            raise self.wrong("a line of JSON", f"{type(error).__name__}") from error
        if not isinstance(found, dict) or key not in found:
            raise self.wrong(f"a line of JSON with {key!r}", repr(line[:40].decode("latin-1")))
        self.number += 1
        return found

    def count(self, items: dict[str, Any], key: str) -> int:
        """A count that the rest of the file can hold: each counted thing needs at least a byte."""
        value = items.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= self.size:
            raise self.wrong(f"a count of {key}", repr(value)[:20])
        return value

    def named(self, name: str, columns: int) -> bytes:
        """The rest of a line ``name,…`` of so many more fields."""
        line = self.take(f"a line {name}")
        start, comma, rest = line.rstrip(b"\n").partition(b",")
        if start != name.encode() or rest.count(b",") + bool(comma) != columns:
            self.number -= 1
            raise self.wrong(f"{name} and {columns} fields", f"{start[:20]!r} and {rest.count(b',') + bool(comma)}")
        return rest

    def numbers(self, name: str, columns: int) -> Array:
        first = self.number
        rest = self.named(name, columns)
        rows = parse_rows(self.path, rest.replace(b",", b" ") + b"\n", 0, first)
        return rows.table(self.path, columns).reshape(columns)

    def table(self, frames: int, columns: int) -> tuple[Array, Array]:
        """Values (frames, columns) float64 and where they were empty, from the next ``frames`` lines."""
        first = self.number
        block = self.take(f"{frames} lines of {columns} fields", frames)
        commas = np.frombuffer(block, np.uint8) == 44
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == 10)
        fields = np.diff(np.cumsum(commas)[ends], prepend=0) + 1
        if (fields != columns).any():
            row = int(np.argmax(fields != columns))
            self.number = first + row
            raise self.wrong(f"{columns} fields", str(int(fields[row])))
        if _MISSING in block:
            raise ReadError(self.path, "numbers", repr(_MISSING.decode()), _AGAIN, f"line {first}")
        holes = b",," in block or b",\n" in block
        if holes:  # twice: ",,," has two gaps that share a comma
            for _ in range(2):
                block = block.replace(b",,", b"," + _MISSING + b",")
            block = block.replace(b",\n", b"," + _MISSING + b"\n")
        values = parse_rows(self.path, block.replace(b",", b" "), 0, first).table(self.path, columns)
        if not holes:
            return values, np.zeros(values.shape, np.bool_)
        tokens = np.array(block.replace(b"\n", b",").split(b",")[:-1], dtype=object).reshape(values.shape)
        return values, tokens == _MISSING

    def end(self) -> None:
        while True:
            if self.data[self.at :].strip():
                raise self.wrong("the end of the file", "more lines")
            if not self._more():
                return


@dataclass(frozen=True, eq=False)
class _Head:
    """What stands above a part's frames: ``about`` it, its layout, and how many cells and frames there are."""

    about: dict[str, Any]
    layout: SensorLayout
    cells: int
    frames: int

    def part(self, time_s: Array, values: Array, valid: Array | None) -> PressureRecording:
        return part_of(self.about, self.layout, time_s, values, valid)

    def none(self) -> PressureRecording:
        masked = np.empty((0, self.cells), np.bool_) if self.about.get("masked") else None
        return self.part(np.empty(0), np.empty((0, self.cells), np.float32), masked)


def _part(lines: _Lines, number: int) -> PressureRecording:
    head = _head(lines, number)
    blocks = [head.none(), *_frames(lines, head)]
    if len(blocks) < 3:
        return blocks[-1]
    time_s, values = np.concatenate([b.time_s for b in blocks]), np.concatenate([b.values for b in blocks])
    masks = [b.valid for b in blocks if b.valid is not None]
    return head.part(time_s, values, np.concatenate(masks) if masks else None)


def _head(lines: _Lines, number: int) -> _Head:
    about = lines.comment("part")
    if about["part"] != number:
        raise lines.wrong(f"part {number}", repr(about["part"])[:20])
    cells, frames = lines.count(about, "cells"), lines.count(about, "frames")
    corners = 0 if about.get("corners") is None else lines.count(about, "corners")
    shape = about.get("shape")
    lines.named("cell", cells)
    rows = [lines.numbers(name, cells) for name in _names(corners, bool(about.get("area")), shape is not None)]
    lines.named("time_s", cells)
    rest = iter(rows[2:])
    try:
        layout = SensorLayout(
            np.column_stack(rows[:2]),
            area_mm2=next(rest) if about.get("area") else None,
            corners_mm=np.column_stack([next(rest) for _ in range(2 * corners)]).reshape(cells, -1, 2)
            if corners
            else None,
            frame=about.get("frame", ""),
            shape=None if shape is None else (int(shape[0]), int(shape[1])),
            index=None if shape is None else _whole(next(rest)),
            positions=about.get("positions", ""),
        )
        head = _Head(about, layout, cells, frames)
        head.none()
        return head
    except _BAD as error:
        raise lines.wrong("a part as plantar writes it", str(error)[:120]) from error


def _frames(lines: _Lines, head: _Head) -> Iterator[PressureRecording]:
    """All frames of a part, block by block."""
    before, step = -np.inf, frames_in_block(head.cells)
    for start in range(0, head.frames, step):
        block = _block(lines, head, min(step, head.frames - start))
        if block.time_s[0] <= before:
            raise lines.wrong("a part as plantar writes it", f"{block.time_s[0]:g} s after {before:g} s")
        yield block
        before = float(block.time_s[-1])


def _block(lines: _Lines, head: _Head, frames: int) -> PressureRecording:
    masked = bool(head.about.get("masked"))
    values, holes = lines.table(frames, head.cells + 1)
    if holes[:, 0].any() or (holes.any() and not masked):
        raise lines.wrong("a time on every line, a value in every cell that is not masked", "an empty field")
    try:
        with np.errstate(over="ignore"):
            narrow = values[:, 1:].astype(np.float32)
        if not np.isfinite(narrow).all():
            raise ValueError("values must fit float32")
        shown = np.where(holes[:, 1:], np.float32(0), narrow)
        return head.part(values[:, 0].copy(), shown, ~holes[:, 1:] if masked else None)
    except _BAD as error:
        raise lines.wrong("a part as plantar writes it", str(error)[:120]) from error


def _whole(numbers: Array) -> Array:
    if not ((numbers == np.floor(numbers)) & (numbers >= 0) & (numbers < 2**53)).all():
        raise ValueError("grid_index must be whole numbers")
    return numbers.astype(np.int64)


def _channel(lines: _Lines, number: int) -> Channel:
    about = lines.comment("channel")
    if about["channel"] != number:
        raise lines.wrong(f"channel {number}", repr(about["channel"])[:20])
    columns, frames = lines.count(about, "columns"), lines.count(about, "frames")
    lines.named("time_s", columns)
    values, holes = lines.table(frames, columns + 1)
    side = about.get("side", "")
    if side not in ("left", "right", "unknown") or holes[:, 0].any():
        raise lines.wrong("a channel with a side and times", repr(side)[:20])
    if not np.isfinite(values).all():
        raise lines.wrong("finite numbers", "one beyond the largest")
    numbers = np.where(holes[:, 1:], np.nan, values[:, 1:])
    return Channel(str(about.get("name", "")), str(about.get("unit", "")), values[:, 0].copy(), numbers, side)
