"""C3D (``.c3d``): force plates out of a motion laboratory's file.

Blocks of 512 bytes: a header (its first byte says in which block the parameters begin, its second is 80), groups of
parameters, frames of points and analog samples. Numbers are little-endian IEEE (Intel), little-endian integers with
VAX F floats (DEC) or big-endian IEEE (SGI); samples are 16-bit integers, or floats where POINT:SCALE is negative. A
sample is (stored - OFFSET) · SCALE · GEN_SCALE. Source of the layout: the C3D user guide, https://www.c3d.org.

Read are force plates of type 2 (three forces and three moments a plate, in units that ANALOG:UNITS states) and the
marks of the EVENT group. Points and other analog channels are left out. A C3D has no pressure: ``Recording.pressure``
is empty.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.types import Array, Channel, Event, Recording, Side

NAME = "c3d"
SUFFIXES = (".c3d",)
WRITABLE = False

_BLOCK = 512
_KEY = 80
_FIRST_BLOCKS = 8  # where parameters may begin; every known file has 2
_PROCESSORS = {84: "intel", 85: "dec", 86: "sgi"}
_AGAIN = "the file is cut off or damaged: export it again"
_FORCE_PLATE_TYPE = 2
_NEWTONS = {"n": 1.0, "newton": 1.0, "newtons": 1.0, "kn": 1e3}
_NEWTON_MM = {"nmm": 1.0, "nm": 1e3, "ncm": 10.0, "knm": 1e6}
_MARKS = {"foot strike": "heel_strike", "foot off": "toe_off"}
_SIDES: dict[str, Side] = {"left": "left", "right": "right"}

Value: TypeAlias = "Array | tuple[str, ...]"


def sniff(head: bytes, size: int) -> bool:
    """The key byte, and the parameters' processor byte where the header says, within the first blocks."""
    if len(head) < 2 * _BLOCK or head[1] != _KEY or not 2 <= head[0] <= _FIRST_BLOCKS:
        return False
    at = (head[0] - 1) * _BLOCK + 3
    return at < len(head) and head[at] in _PROCESSORS


def read(path: PathLike) -> Recording:
    """The force plates of a C3D: a Channel ``force_plate_<n>`` each, n as in the file, from 1.

    Columns Fx, Fy, Fz in N and Mx, My, Mz in N·mm, signs and axes of the plate as they are stored (pressing down is
    mostly negative Fz), nothing zeroed. Time is 0 at frame 1 of the recording that the file was cut from. Events:
    ``heel_strike`` and ``toe_off`` for foot strike and foot off, others under their own names.

    Raises
    ------
    ReadError : no C3D, counts that contradict each other or the size of the file, no force plate of type 2, forces in
        another unit, values that are no numbers
    """
    data = read_bytes(path)
    file = _File(path, data)
    parameters = file.parameters()
    shape = _shape(file, parameters)
    plates, notes = _plates(file, parameters, shape)
    samples = _samples(file, parameters, shape, sorted({channel for plate in plates.values() for channel in plate}))
    time_s = (shape.first - 1) / shape.rate_hz + np.arange(shape.frames * shape.per_frame) / (
        shape.rate_hz * shape.per_frame
    )
    channels = []
    for number, plate in plates.items():
        factors = _factors(file, parameters, number, plate)
        values = np.column_stack([samples[channel] * factor for channel, factor in zip(plate, factors)])
        channels.append(Channel(f"force_plate_{number}", "N, N mm", time_s, values))
    others = shape.channels - len(samples)
    notes += [f"{others} analog channels that belong to no force plate are left out"] if others else []
    notes += [f"{shape.points} points (markers) are left out"] if shape.points else []
    return Recording((), tuple(channels), _events(file, parameters), format=NAME, source=str(path), notes=tuple(notes))


# ------------------------------------------------------------------ numbers of three processors


class _File:
    """The bytes, and how its processor wrote numbers."""

    def __init__(self, path: PathLike, data: bytes) -> None:
        self.path, self.data = path, data
        if not sniff(data[: _FIRST_BLOCKS * _BLOCK], len(data)):
            expected = "a C3D header and parameters of an Intel, DEC or SGI processor"
            raise ReadError(path, expected, f"{len(data)} bytes of something else", _AGAIN, "byte 0")
        self.start = (data[0] - 1) * _BLOCK
        self.processor = _PROCESSORS[data[self.start + 3]]
        self.order = ">" if self.processor == "sgi" else "<"

    def wrong(self, expected: str, found: str, at: int | None = None) -> ReadError:
        return ReadError(self.path, expected, found, _AGAIN, "" if at is None else f"byte {at}")

    def word(self, number: int) -> int:
        """The unsigned 16-bit word of that number in the header, from 1."""
        return int(struct.unpack_from(f"{self.order}H", self.data, 2 * (number - 1))[0])

    def floats(self, raw: Array) -> Array:
        """Bytes (n, 4) -> float64 (n,)."""
        if self.processor != "dec":
            with np.errstate(invalid="ignore"):  # signalling NaN: found by those who use the numbers
                return np.ascontiguousarray(raw).view(f"{self.order}f4")[:, 0].astype(np.float64)
        halves = np.ascontiguousarray(raw).view("<u2").astype(np.int64)
        bits = halves[:, 0] << 16 | halves[:, 1]  # VAX F: sign, excess-128 exponent, fraction with its first bit hidden
        exponent = bits >> 23 & 0xFF
        size = np.ldexp((bits & 0x7FFFFF | 0x800000).astype(np.float64), exponent - 152)
        return np.where(exponent == 0, 0.0, np.where(bits >> 31, -size, size))

    def parameters(self) -> Mapping[str, Value]:
        """``GROUP:NAME`` -> numbers (first dimension fastest, flat) or words."""
        stop = self.start + self.data[self.start + 2] * _BLOCK
        at = self.start + 4
        if not at < stop <= len(self.data):
            raise self.wrong(f"{self.data[self.start + 2]} blocks of parameters", f"{len(self.data)} bytes", self.start)
        groups: dict[int, str] = {}
        found: dict[tuple[int, str], Value] = {}
        while at + 2 <= stop:
            length, group = (
                abs(struct.unpack_from("b", self.data, at)[0]),
                struct.unpack_from("b", self.data, at + 1)[0],
            )
            pointer = at + 2 + length
            if length == 0:
                break
            if group == 0 or pointer + 2 > stop:
                raise self.wrong("a name of a group or parameter", "another byte", at)
            name = self.data[at + 2 : pointer].decode("latin-1").strip().upper()
            offset = struct.unpack_from(f"{self.order}H", self.data, pointer)[0]
            after = pointer + offset if offset else stop
            if after > stop or 0 < offset < 3:
                raise self.wrong("a parameter within its blocks", f"an offset of {offset}", pointer)
            if group < 0:
                groups.setdefault(-group, name)
            else:
                found.setdefault((group, name), self.value(pointer + 2, after))
            at = after
        return {f"{groups[group]}:{name}": value for (group, name), value in found.items() if group in groups}

    def value(self, at: int, stop: int) -> Value:
        """One parameter: type, dimensions, data."""
        if at + 2 > stop:
            raise self.wrong("a parameter's type and dimensions", "its end", at)
        kind, dimensions = struct.unpack_from("b", self.data, at)[0], self.data[at + 1]
        sizes = list(self.data[at + 2 : min(at + 2 + dimensions, stop)])
        begin, count = at + 2 + dimensions, math.prod(sizes)
        if kind not in (-1, 1, 2, 4) or dimensions > 7 or begin + count * abs(kind) > stop:
            expected = "a parameter of characters, bytes, integers or floats within its blocks"
            raise self.wrong(expected, f"type {kind} with {count} values", at)
        raw = np.frombuffer(self.data, np.uint8, count * abs(kind), begin)
        if kind == 4:
            return self.floats(raw.reshape(-1, 4))
        if kind == 2:
            return raw.view(f"{self.order}i2").astype(np.float64)
        if kind == 1:
            return raw.astype(np.float64)
        width = sizes[0] if sizes else 1
        words = raw.reshape(-1, width) if width and count else np.empty((0, 0), np.uint8)
        return tuple(row.tobytes().decode("latin-1").strip(" \0") for row in words)


# ------------------------------------------------------------------ counts


@dataclass(frozen=True)
class _Shape:
    points: int
    channels: int
    per_frame: int  # analog samples of a channel a frame
    frames: int
    first: int  # number of the first frame
    rate_hz: float  # of frames
    begin: int  # first byte of the frames
    is_float: bool


def _shape(file: _File, parameters: Mapping[str, Value]) -> _Shape:
    """How many of what there are: header, parameters and the size of the file must agree."""
    points, analog, first, per_frame = (file.word(n) for n in (2, 3, 4, 10))
    channels = analog // per_frame if per_frame else 0
    for name, have in (("POINT:USED", points), ("ANALOG:USED", channels), ("POINT:DATA_START", file.word(9))):
        given = _count(file, parameters, name) if name in parameters else have
        if given != have:
            raise file.wrong(f"{name} {have}, as in the header", str(given))
    if channels < 1 or channels * per_frame != analog:
        raise file.wrong("analog channels", f"{analog} samples a frame, {per_frame} a channel", 4)
    rate_hz = _number(file, parameters, "POINT:RATE")
    analog_hz = _number(file, parameters, "ANALOG:RATE")
    if not (1e-3 < rate_hz < 1e6 and abs(analog_hz - rate_hz * per_frame) <= 1e-3 * analog_hz):
        raise file.wrong(f"an ANALOG:RATE of {per_frame} times the POINT:RATE of {rate_hz:g}", f"{analog_hz:g}")
    is_float = _number(file, parameters, "POINT:SCALE") < 0
    frames = _frames(file, parameters)
    begin = (file.word(9) - 1) * _BLOCK
    row = (4 * points + analog) * (4 if is_float else 2)
    over = len(file.data) - begin - frames * row
    if 0 <= over <= _BLOCK and over >= row and any(file.data[-over:]):
        over = -1  # what is more than a frame can't be what fills the last block
    if begin <= file.start or frames < 1 or not 0 <= over <= _BLOCK:
        expected = f"{frames} frames of {points} points and {analog} analog samples, {frames * row} bytes"
        raise file.wrong(expected, f"{max(len(file.data) - begin, 0)} bytes", max(begin, 0))
    return _Shape(points, channels, per_frame, frames, max(first, 1), rate_hz, begin, is_float)


def _frames(file: _File, parameters: Mapping[str, Value]) -> int:
    """POINT:FRAMES, or where that is full, what the makers' own parameters for long files say (c3d.org's rules)."""
    if "POINT:FRAMES" not in parameters:
        return file.word(5) - file.word(4) + 1
    frames = _count(file, parameters, "POINT:FRAMES")
    if frames != 65535:
        return frames
    if "POINT:LONG_FRAMES" in parameters:
        return _count(file, parameters, "POINT:LONG_FRAMES")
    ends = [parameters.get(f"TRIAL:ACTUAL_{end}_FIELD") for end in ("START", "END")]
    if all(isinstance(end, np.ndarray) and len(end) == 2 for end in ends):
        start, stop = (int(end[0]) % 65536 + 65536 * (int(end[1]) % 65536) for end in ends if end is not None)
        return stop - start + 1
    return frames


def _vector(file: _File, parameters: Mapping[str, Value], name: str) -> Array:
    """All numbers of a parameter, those of its continuations (``SCALE2``, …) behind them."""
    parts, number = [], 1
    while (key := name if number == 1 else f"{name}{number}") in parameters:
        value = parameters[key]
        if not isinstance(value, np.ndarray):
            raise file.wrong(f"numbers in {key}", "characters")
        if not np.isfinite(value).all():
            raise file.wrong(f"finite numbers in {key}", "others")
        parts.append(value)
        number += 1
    if not parts:
        raise file.wrong(f"a parameter {name}", "none")
    return np.concatenate(parts)


def _words(parameters: Mapping[str, Value], name: str) -> list[str]:
    words: list[str] = []
    number = 1
    while isinstance(value := parameters.get(name if number == 1 else f"{name}{number}"), tuple):
        words += value
        number += 1
    return words


def _number(file: _File, parameters: Mapping[str, Value], name: str) -> float:
    values = _vector(file, parameters, name)
    if len(values) < 1:
        raise file.wrong(f"a number in {name}", "none")
    return float(values[0])


def _count(file: _File, parameters: Mapping[str, Value], name: str) -> int:
    """A count: 16-bit integers are unsigned."""
    value = _number(file, parameters, name)
    value += 65536 if -32768 <= value < 0 else 0
    if value != int(value) or not 0 <= value < 2**31:
        raise file.wrong(f"a count in {name}", f"{value:g}")
    return int(value)


# ------------------------------------------------------------------ force plates


def _plates(file: _File, parameters: Mapping[str, Value], shape: _Shape) -> tuple[dict[int, list[int]], list[str]]:
    """Number of each plate of type 2 -> its six analog channels, counted from 0; and what is to be known of them."""
    used = _count(file, parameters, "FORCE_PLATFORM:USED") if "FORCE_PLATFORM:USED" in parameters else 0
    if not used:
        raise ReadError(file.path, "force plates", "none", "a C3D without force plates holds no load of a foot")
    types = _vector(file, parameters, "FORCE_PLATFORM:TYPE")
    wired = _vector(file, parameters, "FORCE_PLATFORM:CHANNEL")
    if len(types) < used or len(wired) % used or len(wired) < 6 * used:
        raise file.wrong(f"a type and channels for each of {used} force plates", f"{len(types)} and {len(wired)}")
    plates, notes = {}, ["forces and moments have the signs and axes of each plate as the file stores them"]
    for number, (kind, channels) in enumerate(zip(types.tolist(), wired.reshape(used, -1).tolist()), 1):
        if kind != _FORCE_PLATE_TYPE:
            notes.append(f"force plate {number} is of type {kind:g} and left out: only type 2 is read")
            continue
        six = [int(channel) - 1 for channel in channels[:6]]
        if min(six) < 0 or max(six) >= shape.channels or len(set(six)) != 6:
            found = ", ".join(f"{channel:g}" for channel in channels[:6])
            raise file.wrong(f"six analog channels from 1 to {shape.channels} for force plate {number}", found)
        plates[number] = six
    taken = [channel for six in plates.values() for channel in six]
    if len(set(taken)) != len(taken):
        raise file.wrong("analog channels of their own for each force plate", "shared ones")
    if not plates:
        hint = "export forces and moments as type 2"
        raise ReadError(file.path, "a force plate of type 2", f"types {', '.join(f'{t:g}' for t in types)}", hint)
    zero = _vector(file, parameters, "FORCE_PLATFORM:ZERO") if "FORCE_PLATFORM:ZERO" in parameters else np.zeros(2)
    if len(zero) == 2 and 1 <= zero[0] <= zero[1]:
        notes.append(f"the file names frames {zero[0]:g} to {zero[1]:g} as unloaded: nothing was subtracted")
    return plates, notes


def _factors(file: _File, parameters: Mapping[str, Value], number: int, plate: list[int]) -> list[float]:
    """What makes N and N·mm of a plate's six channels."""
    units = _words(parameters, "ANALOG:UNITS")
    factors = []
    for column, channel in enumerate(plate):
        unit = units[channel] if channel < len(units) else ""
        plain = "".join(letter for letter in unit.lower() if letter.isalpha())
        known = _NEWTONS if column < 3 else _NEWTON_MM
        if plain not in known:
            expected = f"{'forces in N' if column < 3 else 'moments in Nmm or Nm'} for force plate {number}"
            found = f"ANALOG:UNITS {unit[:16]!r}"
            raise ReadError(file.path, expected, found, "export calibrated forces", f"channel {channel + 1}")
        factors.append(known[plain])
    return factors


def _samples(file: _File, parameters: Mapping[str, Value], shape: _Shape, wanted: list[int]) -> dict[int, Array]:
    """Calibrated samples (frames · per_frame,) of the channels that are asked for."""
    size = 4 if shape.is_float else 2
    row = size * (4 * shape.points + shape.channels * shape.per_frame)
    rows = np.frombuffer(file.data, np.uint8, shape.frames * row, shape.begin).reshape(shape.frames, row)
    raw = rows[:, size * 4 * shape.points :].reshape(shape.frames, shape.per_frame, shape.channels, size)
    scale, general = _vector(file, parameters, "ANALOG:SCALE"), _number(file, parameters, "ANALOG:GEN_SCALE")
    offset = _vector(file, parameters, "ANALOG:OFFSET")
    if min(len(scale), len(offset)) < shape.channels:
        raise file.wrong(f"ANALOG:SCALE and OFFSET of {shape.channels} channels", f"{len(scale)} and {len(offset)}")
    unsigned = [word.upper() for word in _words(parameters, "ANALOG:FORMAT")] == ["UNSIGNED"]
    if unsigned:
        offset = np.where(offset < 0, offset + 65536, offset)
    samples = {}
    for channel in wanted:
        column = np.ascontiguousarray(raw[:, :, channel]).reshape(-1, size)
        if shape.is_float:
            values = file.floats(column)
        else:
            values = column.view(f"{file.order}{'u2' if unsigned else 'i2'}")[:, 0].astype(np.float64)
        if not np.isfinite(values).all():
            raise file.wrong(f"finite samples of analog channel {channel + 1}", "others")
        samples[channel] = (values - offset[channel]) * (scale[channel] * general)
    return samples


# ------------------------------------------------------------------ events


def _events(file: _File, parameters: Mapping[str, Value]) -> tuple[Event, ...]:
    """The EVENT group: TIMES are minutes and seconds, CONTEXTS the side."""
    used = _count(file, parameters, "EVENT:USED") if "EVENT:USED" in parameters else 0
    if not used:
        return ()
    labels, contexts = _words(parameters, "EVENT:LABELS"), _words(parameters, "EVENT:CONTEXTS")
    times = _vector(file, parameters, "EVENT:TIMES")
    if len(labels) < used or len(times) < 2 * used:
        raise file.wrong(f"labels and times of {used} events", f"{len(labels)} and {len(times) // 2}")
    events = []
    for number in range(used):
        name = labels[number]
        side = _SIDES.get(contexts[number].lower() if number < len(contexts) else "", "unknown")
        time_s = 60 * float(times[2 * number]) + float(times[2 * number + 1])
        events.append(Event(_MARKS.get(name.lower(), name), time_s, side))
    return tuple(sorted(events, key=lambda event: event.time_s))
