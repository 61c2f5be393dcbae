"""The toolkit's own protocol: payloads into records and back. `PROTOCOL.md` has every byte.

Samples are fixed binary, little-endian; control messages are CBOR maps (``control``). A frame's ``time_us`` is the
moment of its first sample. Bytes behind the known fields are an error in a frame of our own version and the appended
fields of the next one in a frame of that: those are left out.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from firmware_bridge import control
from firmware_bridge.codec import MAX_PAYLOAD, READABLE, SEQUENCE_WRAP, VERSION, Frame
from firmware_bridge.errors import WireError
from firmware_bridge.records import (
    BATTERY,
    BATTERY_STATES,
    CHUNK,
    CHUNKS,
    ENVIRONMENT,
    IMU,
    IMU_FIELDS,
    MARK,
    MARKS,
    MEMORY,
    POSITION,
    PRESSURE_CELLS,
    PRESSURE_GRID,
    TIME_REPLY,
    TIME_REQUEST,
    Array,
    Battery,
    Chunk,
    Environment,
    Imu,
    Mark,
    Memory,
    Message,
    Position,
    PressureCells,
    PressureGrid,
    TimeReply,
    TimeRequest,
)

FORMATS: dict[int, Any] = {1: np.dtype("u1"), 2: np.dtype("<u2")}  #: how a cell is written

_GRID, _CELLS, _IMU = struct.Struct("<BBHH"), struct.Struct("<BBHHI"), struct.Struct("<BBHI")
_CHUNK = struct.Struct("<BBII")


# ------------------------------------------------------------------ single records: one row a field


@dataclass(frozen=True, slots=True)
class _Field:
    """How a field is written: struct ``code``, steps ``per_unit``, the code that means None, or words for 0, 1, 2 …"""

    name: str
    code: str
    per_unit: float = 1.0
    missing: int | None = None
    words: tuple[str, ...] = ()


_RECORDS: dict[int, tuple[Any, tuple[_Field, ...]]] = {
    ENVIRONMENT: (
        Environment,
        (
            _Field("temperature_c", "h", 100.0, -(2**15)),
            _Field("humidity_percent", "H", 100.0, 2**16 - 1),
            _Field("pressure_pa", "I", 10.0, 2**32 - 1),
        ),
    ),
    POSITION: (
        Position,
        (
            _Field("latitude_deg", "i", 1e7, -(2**31)),
            _Field("longitude_deg", "i", 1e7, -(2**31)),
            _Field("altitude_m", "i", 100.0, -(2**31)),
            _Field("speed_m_s", "H", 100.0, 2**16 - 1),
            _Field("heading_deg", "H", 100.0, 2**16 - 1),
            _Field("accuracy_m", "H", 100.0, 2**16 - 1),
        ),
    ),
    BATTERY: (
        Battery,
        (
            _Field("percent", "B", 1.0, 255),
            _Field("state", "B", words=BATTERY_STATES),
            _Field("voltage_mv", "H", 1.0, 2**16 - 1),
        ),
    ),
    MEMORY: (Memory, (_Field("total_bytes", "Q"), _Field("free_bytes", "Q"))),
    MARK: (Mark, (_Field("kind", "B", words=MARKS), _Field("channel", "B"))),
    TIME_REQUEST: (TimeRequest, (_Field("host_ns", "Q"),)),
    TIME_REPLY: (TimeReply, (_Field("host_ns", "Q"), _Field("received_us", "Q"), _Field("sent_us", "Q"))),
}
_TYPE_OF = {row[0]: kind for kind, row in _RECORDS.items()}
_LAYOUT = {kind: struct.Struct("<" + "".join(f.code for f in row[1])) for kind, row in _RECORDS.items()}


def _write_record(kind: int, message: Any) -> bytes:
    numbers = []
    for field in _RECORDS[kind][1]:
        value = getattr(message, field.name)
        if value is None:
            numbers.append(field.missing)
        elif field.words:
            numbers.append(_code(type(message).__name__, field.name, value, field.words))
        else:
            numbers.append(value if isinstance(value, int) and field.per_unit == 1.0 else round(value * field.per_unit))
    try:
        return _LAYOUT[kind].pack(*numbers)
    except struct.error as error:
        raise WireError(type(message).__name__, "values that fit their fields", f"{message}: {error}") from error


def _read_record(kind: int, frame: Frame) -> Any:
    record, fields = _RECORDS[kind]
    layout = _LAYOUT[kind]
    _length(record.__name__, frame, layout.size)
    values: dict[str, Any] = {}
    for field, number in zip(fields, layout.unpack_from(frame.payload)):
        if field.words:
            values[field.name] = _word(record.__name__, field.name, number, field.words)
        elif number == field.missing:
            values[field.name] = None
        else:
            values[field.name] = number / field.per_unit if field.missing is not None else number
    return record(**values)


def _code(what: str, name: str, word: str, words: tuple[str, ...]) -> int:
    if word not in words:
        raise WireError(what, f"{name} {', '.join(words)}", repr(word))
    return words.index(word)


def _word(what: str, name: str, code: int, words: tuple[str, ...]) -> str:
    if code >= len(words):
        raise WireError(what, f"{name} 0 to {len(words) - 1}", str(code))
    return words[code]


def _length(what: str, frame: Frame, expected: int) -> None:
    """Shorter is an error; longer is one too, unless the next version's board appended something."""
    if len(frame.payload) < expected or (len(frame.payload) > expected and frame.version <= VERSION):
        raise WireError(what, f"a payload of {expected} bytes", str(len(frame.payload)))


# ------------------------------------------------------------------ blocks of samples


def _head(what: str, frame: Frame, layout: struct.Struct) -> tuple[int, ...]:
    if len(frame.payload) < layout.size:
        raise WireError(what, f"a payload of {layout.size} bytes or more", str(len(frame.payload)))
    return layout.unpack_from(frame.payload)


def _read_values(what: str, frame: Frame, at: int, code: int, shape: tuple[int, int]) -> Array:
    if code not in FORMATS:
        raise WireError(what, "cells in format 1 (8 bit) or 2 (16 bit)", f"format {code}")
    if not shape[0] * shape[1]:
        raise WireError(what, "at least one cell", f"{shape[0]} × {shape[1]}")
    kind = FORMATS[code]
    _length(what, frame, at + shape[0] * shape[1] * kind.itemsize)
    return np.frombuffer(frame.payload, kind, shape[0] * shape[1], at).reshape(shape)


def _write_values(what: str, values: Array) -> tuple[int, bytes, tuple[int, int]]:
    array = np.asarray(values)
    code = {"uint8": 1, "uint16": 2}.get(array.dtype.name)
    if code is None or array.ndim != 2 or not array.size:
        found = f"{array.dtype.name} of shape {array.shape}"
        raise WireError(what, "values (n, m) of uint8 or uint16, none of them 0", found)
    if array.nbytes > MAX_PAYLOAD - _CELLS.size or max(array.shape) > 0xFFFF:
        raise WireError(
            what, f"at most {MAX_PAYLOAD - _CELLS.size} bytes of cells", f"{array.nbytes} bytes", "split it"
        )
    return code, array.astype(FORMATS[code]).tobytes(), (array.shape[0], array.shape[1])


def _read_grid(frame: Frame) -> PressureGrid:
    stream, code, rows, cols = _head("pressure grid", frame, _GRID)
    return PressureGrid(stream, _read_values("pressure grid", frame, _GRID.size, code, (rows, cols)))


def follows(frame: Frame, before: Frame) -> bool:
    """Whether it is the next grid of the same stream, format and shape: such may be decoded together."""
    return (
        frame.type == before.type == PRESSURE_GRID
        and frame.sequence == (before.sequence + 1) % SEQUENCE_WRAP
        and frame.version == before.version
        and len(frame.payload) == len(before.payload)
        and frame.payload[: _GRID.size] == before.payload[: _GRID.size]
    )


def decode_grids(frames: Sequence[Frame]) -> tuple[int, Array]:
    """Frames of which each ``follows`` the one before: their stream, and the cells (n, rows · cols); WireError."""
    first = decode(frames[0])
    if not isinstance(first, PressureGrid):
        raise WireError("frame", "a pressure grid", f"type 0x{frames[0].type:02x}")
    block = np.frombuffer(b"".join([frame.payload for frame in frames]), np.uint8).reshape(len(frames), -1)
    return first.stream, block[:, _GRID.size : _GRID.size + first.values.nbytes].view(first.values.dtype)


def _write_grid(message: PressureGrid) -> bytes:
    code, cells, shape = _write_values("pressure grid", message.values)
    return _GRID.pack(message.stream, code, *shape) + cells


def _read_cells(frame: Frame) -> PressureCells:
    stream, code, frames, cells, interval_us = _head("pressure cells", frame, _CELLS)
    values = _read_values("pressure cells", frame, _CELLS.size, code, (frames, cells))
    return PressureCells(stream, values, interval_us)


def _write_cells(message: PressureCells) -> bytes:
    code, cells, shape = _write_values("pressure cells", message.values)
    return _CELLS.pack(message.stream, code, *shape, message.interval_us) + cells


def _read_imu(frame: Frame) -> Imu:
    stream, bits, frames, interval_us = _head("IMU", frame, _IMU)
    present = [field for bit, field in enumerate(IMU_FIELDS) if bits >> bit & 1]
    width = sum(k for _, k in present)
    if not width or bits >> len(IMU_FIELDS) or not frames:
        raise WireError("IMU", "some of the fields 1, 2, 4, 8 and a sample", f"fields {bits}, {frames} samples")
    _length("IMU", frame, _IMU.size + 2 * width * frames)
    table = np.frombuffer(frame.payload, "<i2", width * frames, _IMU.size).reshape(frames, width)
    ends = np.cumsum([k for _, k in present])[:-1]
    parts = dict(zip((name for name, _ in present), np.split(table, ends, axis=1)))
    return Imu(stream, interval_us, **parts)


def _write_imu(message: Imu) -> bytes:
    parts: list[Array] = []
    bits = 0
    for bit, (name, width) in enumerate(IMU_FIELDS):
        values = getattr(message, name)
        if values is not None:
            part = np.asarray(values)
            if part.ndim != 2 or part.shape[1] != width or part.dtype != np.int16:
                raise WireError("IMU", f"{name} (n, {width}) of int16", f"{part.dtype.name} of shape {part.shape}")
            parts, bits = [*parts, part], bits | 1 << bit
    if not parts or len({len(part) for part in parts}) > 1 or not len(parts[0]):
        raise WireError("IMU", "fields of one length, one sample or more", str([len(part) for part in parts]))
    table = np.concatenate(parts, axis=1).astype("<i2")
    return _IMU.pack(message.stream, bits, len(table), message.interval_us) + table.tobytes()


def _read_chunk(frame: Frame) -> Chunk:
    kind, table, offset, total = _head("chunk", frame, _CHUNK)
    data = frame.payload[_CHUNK.size :]
    if offset + len(data) > total:
        raise WireError("chunk", f"bytes within {total}", f"{offset} to {offset + len(data)}")
    word: Any = _word("chunk", "kind", kind, CHUNKS)
    return Chunk(word, table, offset, total, data)


def _write_chunk(message: Chunk) -> bytes:
    kind = _code("chunk", "kind", message.kind, CHUNKS)
    return _CHUNK.pack(kind, message.table, message.offset, message.total) + message.data


_BLOCKS: dict[int, tuple[Any, Callable[[Frame], Any], Callable[[Any], bytes]]] = {
    PRESSURE_GRID: (PressureGrid, _read_grid, _write_grid),
    PRESSURE_CELLS: (PressureCells, _read_cells, _write_cells),
    IMU: (Imu, _read_imu, _write_imu),
    CHUNK: (Chunk, _read_chunk, _write_chunk),
}
_TYPE_OF |= {row[0]: kind for kind, row in _BLOCKS.items()}

# ------------------------------------------------------------------ both ways


def decode(frame: Frame) -> Message:
    """The record that a frame carries.

    Raises
    ------
    WireError : a version or type that is not known here, a payload that is not what its type asks for
    """
    if frame.version not in READABLE:
        hint = "update plantar" if frame.version > READABLE[-1] else "update the board's firmware"
        raise WireError("frame", f"protocol version {' or '.join(map(str, READABLE))}", str(frame.version), hint)
    if frame.type in _RECORDS:
        message: Message = _read_record(frame.type, frame)
    elif frame.type in _BLOCKS:
        message = _BLOCKS[frame.type][1](frame)
    elif frame.type in control.NAMES:
        message = control.decode(frame.type, frame.payload)
    else:
        raise WireError("frame", "a known type", f"0x{frame.type:02x}", "the board may be newer than plantar")
    return message


def encode(message: Message, sequence: int = 0, time_us: int = 0) -> Frame:
    """The frame for a record; WireError where a value doesn't fit."""
    if isinstance(message, control.Control):
        return Frame(message.type, control.encode(message), sequence, time_us)
    kind = _TYPE_OF[type(message)]
    if kind in _RECORDS:
        return Frame(kind, _write_record(kind, message), sequence, time_us)
    try:
        return Frame(kind, _BLOCKS[kind][2](message), sequence, time_us)
    except struct.error as error:
        small = {f.name: v for f in dataclasses.fields(message) if isinstance(v := getattr(message, f.name), int)}
        raise WireError(type(message).__name__, "values that fit their fields", f"{small}: {error}") from error
