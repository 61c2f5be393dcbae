"""Sensel Morph (USB serial): registers, and frames of pressure, labels, contacts and acceleration into arrays.

Source: github.com/CreativeInquiry/Sensel-Morph-Liberation, docs/communications_protocol.md (the maker has ended; these
are measured notes, with captures that the tests read). The host polls register 26 for frames; none comes by itself.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from firmware_bridge.errors import WireError

Array: TypeAlias = npt.NDArray[Any]

VID, PID = 0x2C2F, 0x0003
MAGIC, FIRMWARE, SERIAL_NUMBER, COMPRESSION = 0x00, 0x06, 0x0F, 0x1C
SCAN_RATE, SCAN_DETAIL, FRAME_CONTENT, SCAN_ENABLED, FRAME, CONTACTS_MASK = 0x20, 0x23, 0x24, 0x25, 0x26, 0x4B
ACTIVE_MM = (230.0, 130.0)  #: of the sensor, across the columns and the rows
GRIDS: dict[int, tuple[int, int]] = {0: (53, 93), 1: (27, 47)}  #: value of SCAN_DETAIL → rows, cols
PRESSURE, LABELS, CONTACTS, ACCELERATION = 0x01, 0x02, 0x04, 0x08  #: bits of FRAME_CONTENT
NO_LABEL, MAX_CONTACTS, MAX_PAYLOAD = 255, 16, 16_384
FORCE_STEPS, COUNTS_PER_G, COUNTER_WRAP = 8.0, 15_600.0, 256
ELLIPSE, DELTAS, BOX, PEAK = 0x01, 0x02, 0x04, 0x08  #: bits of CONTACTS_MASK, with the bytes that each adds
_CONTACT_BYTES = {ELLIPSE: 6, DELTAS: 8, BOX: 8, PEAK: 6}
_READ, _WRITE, _READ_ANSWER, _VARIABLE_ANSWER, _WRITE_ANSWER = 0x81, 0x01, 0x01, 0x03, 0x05


@dataclass(frozen=True, slots=True)
class Answer:
    """What the device says: the ``register``, its ``payload``; an acknowledged write has none."""

    register: int
    payload: bytes = b""


@dataclass(frozen=True, eq=False, slots=True)
class MorphFrame:
    """One frame: ``counter`` wraps at 256, ``time_us`` at 2^32. ``pressure`` (rows, cols) uint16 raw, an eighth is the
    maker's unit of force; ``labels`` (rows, cols) uint8, 255 = none; ``contacts`` (n, 6): id, state, x and y in mm,
    force, area; ``acceleration_g`` (3,). None where the frame has no such part."""

    counter: int
    time_us: int
    pressure: Array | None = None
    labels: Array | None = None
    contacts: Array | None = None
    acceleration_g: Array | None = None


# ------------------------------------------------------------------ registers


def read_register(register: int, size: int = 0) -> bytes:
    """The request for ``size`` bytes, or with 0 for a register of variable size."""
    return bytes([_READ, register, size])


def write_register(register: int, payload: bytes) -> bytes:
    """The request that writes a register."""
    return bytes([_WRITE, register, len(payload)]) + payload + bytes([sum(payload) & 0xFF])


def encode_answer(answer: Answer, variable: bool = False) -> bytes:
    """What the device sends: without payload the acknowledgement of a write."""
    if not answer.payload:
        return bytes([_WRITE_ANSWER, answer.register])
    head = bytes([_VARIABLE_ANSWER, answer.register, 0] if variable else [_READ_ANSWER, answer.register])
    size = len(answer.payload).to_bytes(2, "little")
    return head + size + answer.payload + bytes([sum(answer.payload) & 0xFF])


def read_answers(data: bytes, registers: Collection[int] | None = None) -> tuple[list[Answer], bytes, int]:
    """Answers of a stream, the rest that is none yet, and the bytes that belong to none.

    The protocol has no sync word and a checksum of 8 bits: name the ``registers`` that were asked, and after damage an
    answer is found again by them; a byte that begins no answer, or one whose checksum fails, is passed over alone. One
    damaged answer in 256 still gets through; the sections of a frame must then fit.
    """
    answers: list[Answer] = []
    at = lost = 0
    while at < len(data):
        head = {_READ_ANSWER: 2, _VARIABLE_ANSWER: 3, _WRITE_ANSWER: 2}.get(data[at], 0)
        left = len(data) - at
        if head and left < 2:
            break
        if not head or (registers is not None and data[at + 1] not in registers):
            at, lost = at + 1, lost + 1
            continue
        if data[at] == _WRITE_ANSWER:
            answers.append(Answer(data[at + 1]))
            at += 2
            continue
        if left < head + 2:
            break
        start = at + head + 2
        size = int.from_bytes(data[start - 2 : start], "little")
        if (head == 3 and data[at + 2]) or not 0 < size <= MAX_PAYLOAD:
            at, lost = at + 1, lost + 1
            continue
        if start + size >= len(data):
            break
        if sum(data[start : start + size]) & 0xFF != data[start + size]:
            at, lost = at + 1, lost + 1
            continue
        answers.append(Answer(data[at + 1], data[start : start + size]))
        at = start + size + 1
    return answers, data[at:], lost


# ------------------------------------------------------------------ frames


def decode_frame(payload: bytes, detail: int = 0) -> MorphFrame:
    """A frame out of the payload of register 26, scanned at ``detail`` (0 high, 1 medium).

    WireError where a section ends early, runs beyond the grid or leaves bytes behind.
    """
    if len(payload) < 6 or detail not in GRIDS:
        raise WireError("Sensel frame", "6 bytes or more, detail 0 or 1", f"{len(payload)} bytes, detail {detail}")
    mask, at = payload[0], 6
    contacts = acceleration = pressure = labels = None
    if mask & CONTACTS:
        contacts, at = _contacts(payload, at)
    if mask & ACCELERATION:
        if len(payload) < at + 6:
            raise WireError("Sensel acceleration", "6 bytes", str(len(payload) - at))
        acceleration = np.frombuffer(payload, "<i2", 3, at).astype(np.float32) / np.float32(COUNTS_PER_G)
        at += 6
    shape = GRIDS[detail]
    if mask & PRESSURE:
        pressure, at = _pressure(payload, at, shape)
    if mask & LABELS:
        labels, at = _labels(payload, at, shape)
    if at != len(payload):
        hint = "the grid may be that of another scan detail"
        raise WireError("Sensel frame", "sections that fill it", f"{len(payload) - at} bytes behind them", hint)
    time_us = int.from_bytes(payload[2:6], "little")
    return MorphFrame(payload[1], time_us, pressure, labels, contacts, acceleration)


def _contacts(payload: bytes, at: int) -> tuple[Array, int]:
    if len(payload) < at + 2:
        raise WireError("Sensel contacts", "2 bytes", str(len(payload) - at))
    mask, count = payload[at], payload[at + 1]
    width = 10 + sum(size for bit, size in _CONTACT_BYTES.items() if mask & bit)
    if count > MAX_CONTACTS or len(payload) < at + 2 + count * width:
        found = f"{count} of {width} bytes in {len(payload) - at - 2}"
        raise WireError("Sensel contacts", f"at most {MAX_CONTACTS}, all there", found)
    layout = np.dtype([("id", "u1"), ("state", "u1"), ("numbers", "<u2", (4,)), ("more", f"V{width - 10}")])
    table = np.frombuffer(payload, layout, count, at + 2)
    steps = np.array([256.0, 256.0, FORCE_STEPS, 1.0])
    contacts = np.column_stack([table["id"], table["state"], table["numbers"] / steps])
    return contacts, at + 2 + count * width


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    """Seven bits, or with the top bit set seven and the eight of the next byte."""
    try:
        first = payload[at]
        return (first, at + 1) if first < 0x80 else (first & 0x7F | payload[at + 1] << 7, at + 2)
    except IndexError as error:
        raise WireError("Sensel frame", "another number", "the end of the payload") from error


def _pressure(payload: bytes, at: int, shape: tuple[int, int]) -> tuple[Array, int]:
    """A base, then runs of zeros and, up to a zero, values above the base."""
    cells = np.zeros(shape[0] * shape[1], np.uint16)
    base, at = _varint(payload, at)
    filled = 0
    while filled < len(cells):
        run, at = _varint(payload, at)
        filled += run
        values: list[int] = []
        while filled + len(values) < len(cells):
            value, at = _varint(payload, at)
            if not value:
                break
            values.append(base + value)
        if filled > len(cells):
            raise WireError("Sensel pressure", f"{len(cells)} cells", f"a run that ends at {filled}")
        cells[filled : filled + len(values)] = values
        filled += len(values)
    return cells.reshape(shape), at


def _labels(payload: bytes, at: int, shape: tuple[int, int]) -> tuple[Array, int]:
    """Runs: without a label, then with one each until a label below 128 ends them."""
    cells = np.full(shape[0] * shape[1], NO_LABEL, np.uint8)
    filled, none = 0, True
    while filled < len(cells):
        run, at = _varint(payload, at)
        if filled + run > len(cells) or (not none and at >= len(payload)):
            raise WireError("Sensel labels", f"{len(cells)} cells", f"a run that ends at {filled + run}")
        if none:
            none = False
        else:
            cells[filled : filled + run] = payload[at] & 0x7F
            none, at = payload[at] < 0x80, at + 1
        filled += run
    return cells.reshape(shape), at


def encode_frame(frame: MorphFrame, base: int = 0) -> bytes:
    """The payload of a frame with pressure, acceleration and contacts of ten bytes, as a simulated Morph sends it.

    ``base``: what a Morph takes off every loaded cell before it writes it; less than the smallest of them.
    """
    out = bytearray()
    mask = 0
    if frame.contacts is not None:
        mask |= CONTACTS
        out += bytes([0, len(frame.contacts)])
        for number, state, x_mm, y_mm, force, area in frame.contacts.tolist():
            words = [x_mm * 256, y_mm * 256, force * FORCE_STEPS, area]
            out += bytes([int(number), int(state)]) + np.rint(words).astype("<u2").tobytes()
    if frame.acceleration_g is not None:
        mask |= ACCELERATION
        out += np.rint(np.asarray(frame.acceleration_g) * COUNTS_PER_G).astype("<i2").tobytes()
    if frame.pressure is not None:
        mask |= PRESSURE
        out += _write_pressure(np.asarray(frame.pressure), base)
    return bytes([mask, frame.counter % COUNTER_WRAP]) + (frame.time_us % 2**32).to_bytes(4, "little") + bytes(out)


def _write_varint(value: int) -> bytes:
    if not 0 <= value < 2**15:
        raise WireError("Sensel pressure", "values below 32,768", str(value))
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80, value >> 7])


def _write_pressure(image: Array, base: int) -> bytes:
    cells = image.ravel()
    out = bytearray(_write_varint(base))
    edges = np.flatnonzero(np.diff((cells > 0).astype(np.int8), prepend=0, append=0))
    at = 0
    for start, stop in edges.reshape(-1, 2).tolist():
        out += _write_varint(start - at)
        for value in cells[start:stop].tolist():
            out += _write_varint(value - base or -1)
        at = stop
        if at < len(cells):
            out += b"\0"
    if at < len(cells):
        out += _write_varint(len(cells) - at)
    return bytes(out)
