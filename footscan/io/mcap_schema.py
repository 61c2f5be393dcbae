"""What stands in the messages of the recorder's MCAP files: protobuf, described in the file itself, so that Foxglove
and every MCAP tool reads them. Encoding and decoding of exactly these messages, and their FileDescriptorSet.

    Samples   a block of n samples of one channel; ``values`` or ``values64``: n × k, row by row
    Raw       bytes as the device sent them
    Gap       samples that never came
    Mark      a moment that somebody pointed at
    Status    how the link stood
    Clock     from here on host time = host_s + (1 + skew_ppm/1e6) · (device − device_s) + shift_s

Protobuf's wire format: https://protobuf.dev/programming-guides/encoding; the descriptor is descriptor.proto's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from footscan.types import Array

PACKAGE = "plantar"
PROFILE = "plantar"
ENCODING = "protobuf"
SCHEMA = "plantar/record/1"  #: of the metadata record ``plantar``

_TYPES = {"double": 1, "float": 2, "int64": 3, "bool": 8, "string": 9, "bytes": 12}
#: message -> (field number, name, type, repeated)
MESSAGES: dict[str, tuple[tuple[int, str, str, bool], ...]] = {
    "Samples": (
        (1, "sequence", "int64", False),
        (2, "host_time_s", "double", False),
        (3, "device_time_s", "double", True),
        (4, "values", "float", True),
        (5, "values64", "double", True),
    ),
    "Raw": ((1, "host_time_s", "double", False), (2, "data", "bytes", False)),
    "Gap": (
        (1, "sequence", "int64", False),
        (2, "count", "int64", False),
        (3, "host_time_s", "double", False),
        (4, "exact", "bool", False),
        (5, "why", "string", False),
        (6, "channel", "string", False),
    ),
    "Mark": (
        (1, "name", "string", False),
        (2, "host_time_s", "double", False),
        (3, "device_time_s", "double", True),
        (4, "side", "string", False),
    ),
    "Status": (
        (1, "kind", "string", False),
        (2, "host_time_s", "double", False),
        (3, "text", "string", False),
    ),
    "Clock": (
        (1, "device_s", "double", False),
        (2, "host_s", "double", False),
        (3, "skew_ppm", "double", False),
        (4, "residual_ms", "double", False),
        (5, "uncertainty_ms", "double", False),
        (6, "span_s", "double", False),
        (7, "epoch", "int64", False),
        (8, "shift_s", "double", False),
        (9, "shared", "string", False),
    ),
}

# ------------------------------------------------------------------ writing


def varint(number: int) -> bytes:
    """A number in 7-bit groups; negative ones as two's complement in 64 bits."""
    if 0 <= number < 128:
        return _SMALL[number]
    number &= 0xFFFF_FFFF_FFFF_FFFF
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)


_SMALL = [bytes([number]) for number in range(128)]
_double = struct.Struct("<d")
_samples_host = struct.Struct("<Bd")


def block(number: int, data: bytes) -> bytes:
    """A field of bytes, text, packed numbers or a message."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def encode_samples(sequence: int, host_time_s: float, device_time_s: Array, values: Array) -> list[bytes | memoryview]:
    """``Samples`` in pieces to be joined: device_time_s (n,) float64; values (n, k), float32 kept, else as float64."""
    times = _bytes_of(device_time_s, "<f8")
    small = values.dtype == np.float32
    numbers = _bytes_of(values, "<f4" if small else "<f8")
    head = b"\x08" + varint(sequence) + _samples_host.pack(0x11, host_time_s) + b"\x1a" + varint(len(times))
    return [head, times, (b"\x22" if small else b"\x2a") + varint(len(numbers)), numbers]


def encode_raw(host_time_s: float, data: bytes) -> list[bytes]:
    """``Raw`` in pieces to be joined."""
    return [_samples_host.pack(0x09, host_time_s) + b"\x12" + varint(len(data)), data]


def _bytes_of(array: Array, dtype: str) -> memoryview:
    """The array's own bytes where it is laid out so already."""
    return np.ascontiguousarray(array, dtype=dtype).reshape(-1).view(np.uint8).data


def encode(message: str, **fields: Any) -> bytes:
    """Any of the other messages; a field that is None is left out."""
    data = bytearray()
    for number, name, kind, repeated in MESSAGES[message]:
        value = fields.pop(name, None)
        if value is None:
            continue
        if repeated:
            data += block(number, np.atleast_1d(np.asarray(value, dtype="<f8")).tobytes())
        elif kind == "double":
            data += varint(number << 3 | 1) + _double.pack(value)
        elif kind in ("int64", "bool"):
            data += varint(number << 3) + varint(int(value))
        else:
            data += block(number, value.encode() if isinstance(value, str) else bytes(value))
    if fields:
        raise ValueError(f"{message} has no {', '.join(fields)}")
    return bytes(data)


def descriptor_set() -> bytes:
    """The FileDescriptorSet of all messages, as an MCAP schema of encoding ``protobuf`` wants it."""
    file = block(1, b"plantar.proto") + block(2, PACKAGE.encode())
    for message, fields in MESSAGES.items():
        described = block(1, message.encode())
        for number, name, kind, repeated in fields:
            field = block(1, name.encode()) + b"\x18" + varint(number)
            field += b"\x20" + varint(3 if repeated else 1) + b"\x28" + varint(_TYPES[kind])
            described += block(2, field)
        file += block(4, described)
    return block(1, file + block(12, b"proto3"))


# ------------------------------------------------------------------ reading


def decode(message: str, data: bytes | memoryview) -> dict[str, Any]:
    """A message's fields by name: numbers, text, bytes; arrays (read-only views) where they are repeated. Fields that
    are not there have protobuf's default; those that are not known are passed over.

    Raises
    ------
    ValueError : damaged
    """
    known = {number: (name, kind, repeated) for number, name, kind, repeated in MESSAGES[message]}
    found: dict[str, Any] = {name: _default(kind, repeated) for name, kind, repeated in known.values()}
    for number, wire, value in _fields(memoryview(data)):
        if number not in known:
            continue
        name, kind, repeated = known[number]
        if wire != (2 if repeated or kind in ("string", "bytes") else 1 if kind == "double" else 0):
            raise ValueError(f"field {name} of wire type {wire}")
        if repeated:
            size = 8 if kind == "double" else 4
            if len(value) % size:
                raise ValueError(f"{len(value)} bytes of {name}")
            found[name] = np.frombuffer(value, dtype=f"<f{size}")
        elif kind == "string":
            found[name] = bytes(value).decode()
        elif kind == "bytes":
            found[name] = bytes(value)
        elif kind == "double":
            found[name] = _double.unpack(value)[0]
        else:
            found[name] = bool(value) if kind == "bool" else value - (1 << 64) if value >> 63 else value
    return found


def _default(kind: str, repeated: bool) -> Any:
    if repeated:
        return np.zeros(0, dtype="<f8" if kind == "double" else "<f4")
    return {"string": "", "bytes": b"", "double": 0.0, "bool": False}.get(kind, 0)


def _fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value) of each field; ValueError where they don't add up."""
    at = 0
    while at < len(data):
        key, at = _varint_at(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint_at(data, at)
            yield number, wire, value
            continue
        if wire == 2:
            length, at = _varint_at(data, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if length > len(data) - at:
            raise ValueError(f"a field of {length} bytes in {len(data) - at}")
        yield number, wire, data[at : at + length]
        at += length


def _varint_at(data: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number without end")
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
