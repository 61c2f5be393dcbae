"""As much of Protocol Buffers' wire format as an insole needs: fields of a message, and messages out of fields.

Source: protobuf.dev, "Encoding". Groups (wire types 3 and 4) are refused, as nobody sends them any more.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from firmware_bridge.errors import WireError

Value: TypeAlias = int | float | bytes
Fields: TypeAlias = dict[int, list[Value]]

MAX_NUMBER = 2**29 - 1


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at ``at`` (64 bits, two's complement: a negative one takes ten bytes) and where the next begins."""
    value = 0
    for place in range(10):
        if at + place >= len(data):
            raise WireError("protobuf", "the rest of a number", "the end of the message")
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            value &= 2**64 - 1
            return value - (value >> 63 << 64), at + place + 1
    raise WireError("protobuf", "a number of at most ten bytes", "a longer one")


def read_packed(data: bytes) -> list[int]:
    """The numbers of a packed field."""
    numbers, at = [], 0
    while at < len(data):
        value, at = read_varint(data, at)
        numbers.append(value)
    return numbers


def read_fields(data: bytes) -> Fields:
    """Every field of a message: number → its values as they came; WireError where the message is none."""
    fields: Fields = {}
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, kind = key >> 3, key & 7
        value: Value
        if not 0 < number <= MAX_NUMBER:
            raise WireError("protobuf", f"a field number from 1 to {MAX_NUMBER}", str(number))
        if kind == 0:
            value, at = read_varint(data, at)
        elif kind in (1, 2, 5):
            size = {1: 8, 5: 4}.get(kind, 0)
            if kind == 2:
                size, at = read_varint(data, at)
            if not 0 <= size <= len(data) - at:
                raise WireError("protobuf", f"{size} bytes in field {number}", f"{len(data) - at}")
            value, at = data[at : at + size], at + size
            if kind != 2:
                value = struct.unpack("<d" if kind == 1 else "<f", value)[0]
        else:
            raise WireError("protobuf", "wire type 0, 1, 2 or 5", f"{kind} in field {number}")
        fields.setdefault(number, []).append(value)
    return fields


def whole(fields: Mapping[int, list[Value]], number: int, default: int = 0) -> int:
    """The last value of a field of whole numbers, as the standard wants; WireError where it is of another kind."""
    value = fields.get(number, [default])[-1]
    if not isinstance(value, int):
        raise WireError("protobuf", f"a whole number in field {number}", type(value).__name__)
    return value


def real(fields: Mapping[int, list[Value]], number: int, default: float) -> float:
    """The last value of a field of floats."""
    value = fields.get(number, [default])[-1]
    if not isinstance(value, float):
        raise WireError("protobuf", f"a float in field {number}", type(value).__name__)
    return value


def raw(fields: Mapping[int, list[Value]], number: int) -> bytes:
    """The last value of a field of bytes, text or messages."""
    value = fields.get(number, [b""])[-1]
    if not isinstance(value, bytes):
        raise WireError("protobuf", f"bytes in field {number}", type(value).__name__)
    return value


def numbers(fields: Mapping[int, list[Value]], number: int) -> list[int]:
    """A repeated field of whole numbers, packed or one by one."""
    found: list[int] = []
    for value in fields.get(number, []):
        if isinstance(value, float):
            raise WireError("protobuf", f"whole numbers in field {number}", "a float")
        found += read_packed(value) if isinstance(value, bytes) else [value]
    return found


# ------------------------------------------------------------------ writing


def write_varint(value: int) -> bytes:
    """A number of 64 bits."""
    if not -(2**63) <= value < 2**63:
        raise WireError("protobuf", "a number of 64 bits", str(value))
    out = bytearray()
    left = value & 2**64 - 1
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


def field(number: int, value: Value) -> bytes:
    """One field; nothing where it is 0 or empty, which is what nothing means."""
    if not value:
        return b""
    if isinstance(value, float):
        return write_varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return write_varint(number << 3) + write_varint(value)
    return message(number, value)


def message(number: int, body: bytes) -> bytes:
    """A message in a message, also where it is empty: that it is there may be all that it says."""
    return write_varint(number << 3 | 2) + write_varint(len(body)) + body


def packed(number: int, values: Iterable[int]) -> bytes:
    """A packed field; nothing where it has no values."""
    return field(number, b"".join(map(write_varint, values)))
