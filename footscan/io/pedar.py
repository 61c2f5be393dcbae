"""novel pedar ``.asc``: two insoles of 99 cells, kPa, both feet in one table.

Columns: time, the left cells, the right cells, as the two mask lists name them (each list may be shorter than 99, or
empty). The first time stamp is one frame interval. What the header declares (total time, time per frame, scanning rate,
masks) is held against the table. Layout of the cells: ``footscan.io.layouts``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from footscan.errors import ReadError
from footscan.io.blocks import Blocks, portions
from footscan.io.files import PathLike, write_bytes_atomic
from footscan.io.layouts import PEDAR_CELLS, pedar_layout, pedar_sensors
from footscan.io.recording_text import one_line, texts
from footscan.io.text import parse_rows
from footscan.types import Array, PressureRecording, Recording, Side

NAME = "pedar"
SUFFIXES = (".asc",)
WRITABLE = True

_HEADER_BYTES = 16384
_EXPORT = "export it again from the pedar software as ASCII, with decimal points"


@dataclass(frozen=True)
class _Header:
    size: str
    total_s: float
    interval_s: float
    sensors: tuple[tuple[int, ...], tuple[int, ...]]  # left, right
    start: int  # byte of the first line of data
    line: int  # and its number


def sniff(head: bytes, size: int) -> bool:
    """pedar says ``sensor type:`` with a file name before and a scanning rate after (pliance says ``mat type``)."""
    start = head.lstrip(b"\xef\xbb\xbf \t")
    return start.startswith(b"file name:") and b"\nsensor type:" in head and b"scanning rate" in head


def read(path: PathLike) -> Recording:
    """A pedar walk: one PressureRecording a foot that the masks name, in kPa.

    Raises
    ------
    ReadError : no pedar file, numbers that are none, negative pressures, a table that is not what the header declares
    """
    header, tables = _open(path)
    times, values = zip(*tables)
    parts = _parts(header, np.concatenate(times), np.concatenate(values))
    return Recording(parts, format=NAME, source=str(path))


def blocks(path: PathLike) -> Blocks:
    """The same walk, some frames at a time; raises the same while they are read."""

    def frames() -> Iterator[tuple[int, PressureRecording]]:
        header, tables = _open(path)
        for time_s, values in tables:
            yield from enumerate(_parts(header, time_s, values))

    header, _ = _open(path)
    columns = sum(len(sensors) for sensors in header.sensors)
    empty = _parts(header, np.empty(0), np.empty((0, columns), np.float32))
    return Blocks(empty, frames, format=NAME, source=str(path))


def _parts(header: _Header, time_s: Array, values: Array) -> tuple[PressureRecording, ...]:
    sides: tuple[Side, Side] = ("left", "right")
    parts, first = [], 0
    for side, sensors in zip(sides, header.sensors):
        if sensors:
            layout = pedar_layout(header.size, side, sensors)
            columns = np.ascontiguousarray(values[:, first : first + len(sensors)])
            parts.append(PressureRecording(columns, "kPa", time_s, layout, side=side, side_from="content"))
            first += len(sensors)
    return tuple(parts)


def _open(path: PathLike) -> tuple[_Header, Iterator[tuple[Array, Array]]]:
    """The header, and what follows it: times (frames,) s and values (frames, cells) float32, checked, in pieces."""
    pieces = portions(path)
    first = next(pieces)
    header = _header(path, first)
    return header, _tables(path, header, chain([first[header.start :]], pieces))


def _tables(path: PathLike, header: _Header, pieces: Iterator[bytes]) -> Iterator[tuple[Array, Array]]:
    columns = 1 + sum(len(sensors) for sensors in header.sensors)
    times: list[Array] = []
    line, words = header.line, _Words()
    for data in pieces:
        _refuse_commas(path, data, line)
        rows = parse_rows(path, data, 0, line)
        if len(rows.counts):
            table = _table(path, rows.counts, rows.values, columns, rows.place)
            time_s, values = table[:, 0].copy(), table[:, 1:].astype(np.float32)
            _check_forwards(path, time_s, times[-1][-1] if times else -np.inf, rows.place)
            _check_values(path, table[:, 1:], values, rows.place)
            times.append(time_s)
            words.see(data)
            yield time_s, values
        line += data.count(b"\n")
    if not times:
        raise ReadError(path, "frames of pressure", "none", _EXPORT)
    words.check(path)
    _check_time(path, np.concatenate(times), header)


# ------------------------------------------------------------------ header


def _header(path: PathLike, data: bytes) -> _Header:
    lines = data[:_HEADER_BYTES].split(b"\n")
    table = next((i for i, line in enumerate(lines) if line.strip().startswith(b"time[secs]")), None)
    if table is None or table + 1 >= len(lines):
        raise ReadError(path, "a pedar table with a column time[secs]", "none", _EXPORT)
    text = b"\n".join(lines[:table]).decode("latin-1")
    if not re.search(r"^pressure values in\s+kPa\s*$", text, re.M | re.I):
        found = re.search(r"^pressure values in.*$", text, re.M)
        raise ReadError(path, "pressure values in kPa", repr(found[0].strip()) if found else "no unit", "export in kPa")
    size = re.search(r"^sensor type:\s*([A-Za-z]*)", text, re.M)
    if size is None:
        raise ReadError(path, "a sensor type", "none", _EXPORT)
    left, right = _mask(path, text, "left"), _mask(path, text, "right")
    if not left and not right:
        raise ReadError(path, "sensor numbers in a mask definition", "none", _EXPORT)
    total_s = _number(path, text, r"total time \[secs\]")
    interval_s = _number(path, text, r"time per frame \[secs\]")
    rate_hz = _number(path, text, r"scanning rate \[Hz\]")
    if not (interval_s > 0 and abs(interval_s * rate_hz - 1.0) <= 0.02):
        given = f"{interval_s:g} s and {rate_hz:g} Hz"
        raise ReadError(path, "a time per frame that is one over the scanning rate", given, _EXPORT)
    shown = [int(n) for n in re.findall(rb"\d+", lines[table].split(b"]", 1)[1])]
    if shown != [*left, *right]:
        expected = f"a column for each of the {len(left)} left and {len(right)} right sensors of the masks"
        raise ReadError(path, expected, f"{len(shown)} columns", "a foot or a cell is missing", f"line {table + 1}")
    start = sum(len(line) + 1 for line in lines[: table + 1])
    return _Header(size[1].lower(), total_s, interval_s, (left, right), start, table + 2)


def _mask(path: PathLike, text: str, side: str) -> tuple[int, ...]:
    found = re.search(rf"^{side} insole:(.*)$", text, re.M)
    if found is None:
        raise ReadError(path, f"a mask definition of the {side} insole", "none", _EXPORT)
    words = found[1].replace(",", " ").split()
    numbers = [int(word) if word.isascii() and word.isdigit() and len(word) < 4 else 0 for word in words]
    if any(not 1 <= n <= PEDAR_CELLS for n in numbers) or len(set(numbers)) != len(numbers):
        expected = f"sensor numbers from 1 to {PEDAR_CELLS}, each once, in the {side} mask"
        raise ReadError(path, expected, repr(found[1].strip()[:40]), _EXPORT)
    return tuple(numbers)


def _number(path: PathLike, text: str, name: str) -> float:
    found = re.search(name + r":\s*([^\s]*)", text)
    plain = name.replace("\\", "")
    if found is None:
        raise ReadError(path, f"{plain} in the header", "none", _EXPORT)
    if "," in found[1]:
        raise ReadError(path, f"decimal points in {plain}", f"{found[1][:20]!r}, a decimal comma", _EXPORT)
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", found[1]):
        raise ReadError(path, f"a number for {plain}", repr(found[1][:20]), _EXPORT)
    return float(found[1])


# ------------------------------------------------------------------ the table against what the header declares


def _refuse_commas(path: PathLike, data: bytes, line: int) -> None:
    comma = data.find(b",")
    if comma >= 0:
        line += data.count(b"\n", 0, comma)
        raise ReadError(path, "decimal points", "decimal commas", "export with decimal points", f"line {line}")


def _table(path: PathLike, counts: Array, values: Array, columns: int, place: Callable[[int], str]) -> Array:
    """(frames, columns); ReadError for the first line of another length."""
    if not (counts == columns).all():
        row = int(np.argmax(counts != columns))
        cut = row == len(counts) - 1 and counts[row] < columns
        hint = "the file is cut off: copy it again" if cut else "a foot or a cell is missing"
        expected = f"{columns} numbers a line (time and {columns - 1} sensors)"
        raise ReadError(path, expected, str(counts[row]), hint, place(row))
    return values.reshape(len(counts), columns)


class _Words:
    """The last number must be printed like the others: ``47.5`` where ``47.500`` is due was cut off."""

    def __init__(self) -> None:
        self._first, self._last = b"", b""

    def see(self, data: bytes) -> None:
        self._first = self._first or data[:_HEADER_BYTES].lstrip().split(b"\n", 1)[0].split()[-1]
        self._last = data[-64:].split()[-1]

    def check(self, path: PathLike) -> None:
        if len(self._first.partition(b".")[2]) != len(self._last.partition(b".")[2]):
            found = repr(self._last.decode("ascii", "replace"))
            expected = "a last number with as many decimals as the others"
            raise ReadError(path, expected, found, "the file is cut off")


def _check_forwards(path: PathLike, time_s: Array, before: float, place: Callable[[int], str]) -> None:
    step = np.diff(time_s, prepend=before)
    if (step <= 0).any():
        row = int(np.argmax(step <= 0))
        found = f"{time_s[row]:g} s after {time_s[row - 1] if row else before:g} s"
        raise ReadError(path, "time that runs forwards", found, _EXPORT, place(row))


def _check_time(path: PathLike, time_s: Array, header: _Header) -> None:
    frames, interval = len(time_s), header.interval_s
    printed = 5e-6 * frames + 5e-4  # the interval and the total are printed to 5 and 3 decimals
    if abs(frames * interval - header.total_s) > 0.5 * interval + printed:
        expected = f"{header.total_s:g} s of frames {interval:g} s apart ({round(header.total_s / interval)} frames)"
        raise ReadError(path, expected, f"{frames} frames", "the file is cut off or was edited: copy it again")
    step = float(np.median(np.diff(time_s))) if frames > 1 else interval
    if abs(step - interval) > 0.02 * interval + 1e-5:
        raise ReadError(path, f"frames {interval:g} s apart", f"{step:g} s", _EXPORT)


def _check_values(path: PathLike, table: Array, values: Array, place: Callable[[int], str]) -> None:
    bad = (table < 0) | ~np.isfinite(values)
    if bad.any():
        row, column = (int(i[0]) for i in np.nonzero(bad))
        raise ReadError(path, "pressures of 0 kPa or more", f"{table[row, column]:g}", _EXPORT, place(row))


# ------------------------------------------------------------------ writing


def write(path: PathLike, recording: Recording) -> None:
    """Write as pedar ``.asc``: 3 decimals, as pedar prints. ValueError for anything but pedar insoles in step."""
    data = _text(recording).encode("ascii", "replace")
    write_bytes_atomic(path, data)


def _text(recording: Recording) -> str:
    found: dict[Side, tuple[PressureRecording, str, Array]] = {}
    for part in recording.pressure:
        insole = pedar_sensors(part.layout)
        if insole is None or insole[0] is None or part.unit != "kPa" or insole[1] in found or part.valid is not None:
            raise ValueError(
                f"a pedar file holds pedar insoles, one a side, in kPa; got a {recording.format} recording"
            )
        found[insole[1]] = (part, insole[0], insole[2])
    if not found or len({size for _, size, _ in found.values()}) != 1:
        raise ValueError("a pedar file holds one or two pedar insoles of one size")
    first, size, _ = next(iter(found.values()))
    if len(first.time_s) < 1 or any(not np.array_equal(first.time_s, part.time_s) for part, _, _ in found.values()):
        raise ValueError("both feet of a pedar file share their time stamps")
    interval = 1.0 / first.rate_hz if first.rate_hz else float(first.time_s[0])
    masks = {side: found[side][2].tolist() if side in found else [] for side in ("left", "right")}
    columns = [f"{n:7d}" for side in ("left", "right") for n in masks[side]]
    name = one_line(recording.source.replace("\\", "/").rsplit("/", 1)[-1])
    head = [
        f"file name:  {name}\tdate/time  ",
        f"sensor type:  {size}- ",
        f"total time [secs]: {len(first.time_s) * interval:7.3f}\ttime per frame [secs]: {interval:8.5f}\t"
        f"scanning rate [Hz]: {1.0 / interval:5.0f}",
        "pressure values in  kPa",
        "",
        "mask definition: ",
        *(f"{side} insole: {','.join(str(n) for n in masks[side])}," for side in ("left", "right")),
        "",
        "time[secs]    \t" + "\t".join([*columns, ""]),
    ]
    words = np.hstack([texts(found[side][0].values, "%7.3f") for side in ("left", "right") if side in found])
    times = [f"{t:12.5f}" for t in first.time_s]
    if any(float(late) <= float(early) for early, late in pairwise(times)):
        raise ValueError("a pedar file prints time to 0.01 ms: this recording is too fast for it")
    return "\n".join([*head, *("\t".join([t, *row, ""]) for t, row in zip(times, words.tolist())), ""])
