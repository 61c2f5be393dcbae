"""BrainCo pressure insole (Bluetooth LE): framed protobuf messages, 48 pressures, IMU, shear, into arrays and back.

Source: the maker's SDK, `bc_insole_sdk` 0.4 (its description, its constants, and what it makes of bytes: the golden
vectors are requests that it wrote and responses that it read). The side of a response stands in its data. Departs from
it in one thing: where only raw axes are sent, the SDK scales those of the accelerometer and gives 0 for the gyroscope;
here both are scaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from firmware_bridge.errors import WireError
from firmware_bridge.products import protobuf

Array: TypeAlias = npt.NDArray[Any]

SERVICE = "4de5a20c-0001-ae21-bf63-0242ac130002"
WRITE = "4de5a20c-0002-ae21-bf63-0242ac130002"
NOTIFY = "4de5a20c-0003-ae21-bf63-0242ac130002"
COMPANIES = (21058, 20994)  #: manufacturer ids in advertisements, the second an older one

MAGIC, VERSION, PAYLOAD_VERSION = b"BRNC", 0x02, 0x21
SIDES: dict[str, int] = {"left": 2, "right": 3}
PRESSURES, SHEARS, RATE_HZ = 48, 3, 50.0
ACC_G_PER_STEP, GYRO_DPS_PER_STEP = 16.0 / 32768.0, 2000.0 / 32768.0  #: where a response names no scale of its own
ERRORS = ("", "unknown", "invalid command", "parameter", "busy", "timeout", "not supported", "not ready", "hardware")
BATTERY_STATES = ("unknown", "charging", "full", "fault")
DEVICE_INFO, BATTERY, STATUS, CONFIGURE, STREAM = 10, 12, 14, 30, 31  #: fields of a request
MODES = ("calibrated", "raw", "both")

_HEAD, _CRC_BYTES, MAX_PAYLOAD = 11, 2, 4096


@dataclass(frozen=True, slots=True)
class Request:
    """What the host asks: ``what`` is one of the request fields, ``stream`` starts (True) or stops (False)."""

    message_id: int
    side: str = "left"
    epoch_ms: int = 0
    what: tuple[int, ...] = ()
    rate_hz: int = 0
    stream: bool | None = None


@dataclass(frozen=True, slots=True)
class Battery:
    """Charge in percent, voltage, what the charger does."""

    percent: int
    voltage_mv: int
    state: str


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What the insole says of itself."""

    side: str
    serial_number: str = ""
    model: str = ""
    firmware: str = ""
    hardware: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """``sequence`` (n,) and ``time_ms`` (n,) by the insole's clock; ``pressure`` (n, 48) calibrated and
    ``resistance_ohm`` (n, 48), ``acceleration_g`` and ``angular_rate_dps`` (n, 3), ``shear`` (n, 3, 2) x and y raw.
    A part that a response lacks is NaN there, and None where no response has it."""

    side: str
    sequence: Array
    time_ms: Array
    pressure: Array | None = None
    resistance_ohm: Array | None = None
    acceleration_g: Array | None = None
    angular_rate_dps: Array | None = None
    shear: Array | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One response: ``error`` is empty where all is well; ``samples`` has one row."""

    message_id: int = 0
    error: str = ""
    battery: Battery | None = None
    device: DeviceInfo | None = None
    samples: Samples | None = field(default=None, compare=False)


# ------------------------------------------------------------------ frames


def encode_frame(payload: bytes, side: str = "left") -> bytes:
    """A frame around a protobuf message; the length counts the message alone, the CRC all before it."""
    from fastcrc.crc16 import modbus

    if len(payload) > MAX_PAYLOAD:
        raise WireError("BrainCo frame", f"at most {MAX_PAYLOAD} bytes", str(len(payload)))
    head = MAGIC + bytes([VERSION, PAYLOAD_VERSION]) + len(payload).to_bytes(2, "little")
    frame = head + bytes([1, SIDES[side], 0]) + payload
    return frame + modbus(frame).to_bytes(2, "little")


def read_frames(data: bytes) -> tuple[list[bytes], bytes, int]:
    """Protobuf messages of a stream, the rest that is no frame yet, and the bytes that belong to none.

    After damage the search goes on at the next ``BRNC`` inside the frame that failed.
    """
    from fastcrc.crc16 import modbus

    payloads: list[bytes] = []
    at = lost = 0
    while True:
        start = data.find(MAGIC, at)
        if start < 0:
            keep = next((k for k in (3, 2, 1) if len(data) - at >= k and data.endswith(MAGIC[:k])), 0)
            return payloads, data[len(data) - keep :], lost + len(data) - keep - at
        lost, at = lost + start - at, start
        size = int.from_bytes(data[at + 6 : at + 8], "little")
        end = at + _HEAD + size + _CRC_BYTES
        known = data[at + 4 : at + 6] == bytes([VERSION, PAYLOAD_VERSION])[: len(data) - at - 4]
        if not known or (len(data) - at >= 8 and size > MAX_PAYLOAD):
            lost, at = lost + 1, at + 1
            continue
        if len(data) < at + 8 or len(data) < end:
            return payloads, data[at:], lost
        if modbus(data[at : end - _CRC_BYTES]) != int.from_bytes(data[end - _CRC_BYTES : end], "little"):
            lost, at = lost + 1, at + 1
            continue
        payloads.append(data[at + _HEAD : end - _CRC_BYTES])
        at = end


# ------------------------------------------------------------------ requests


def encode_request(request: Request, modes: tuple[str, str] = ("raw", "calibrated")) -> bytes:
    """The frame of a request; ``modes`` of pressure and IMU where it configures: calibrated, raw or both."""
    body = protobuf.field(1, request.message_id) + protobuf.field(2, request.epoch_ms)
    for number in request.what:
        if number in (DEVICE_INFO, BATTERY, STATUS):
            body += protobuf.field(number, 1)
    if CONFIGURE in request.what:
        pressure, imu = (MODES.index(mode) for mode in modes)
        both = protobuf.field(1, 1) + protobuf.field(2, 1)
        config = protobuf.message(1, both + protobuf.field(3, request.rate_hz) + protobuf.field(4, imu))
        rate = protobuf.field(2, request.rate_hz)
        config += protobuf.message(2, protobuf.field(1, 1) + rate + protobuf.field(3, pressure))
        body += protobuf.message(CONFIGURE, config + protobuf.message(3, rate))
    if request.stream is not None:
        body += protobuf.message(STREAM, protobuf.field(1, 1 if request.stream else 2))
    return encode_frame(body, request.side)


def decode_request(payload: bytes) -> Request:
    """A request as the insole reads it; the side stands in the frame, not in the message."""
    fields = protobuf.read_fields(payload)
    what = tuple(number for number in (DEVICE_INFO, BATTERY, STATUS, CONFIGURE, STREAM) if number in fields)
    config = protobuf.read_fields(protobuf.raw(fields, CONFIGURE))
    rate_hz = protobuf.whole(protobuf.read_fields(protobuf.raw(config, 2)), 2)
    stream = None
    if STREAM in fields:
        stream = protobuf.whole(protobuf.read_fields(protobuf.raw(fields, STREAM)), 1) == 1
    return Request(
        message_id=protobuf.whole(fields, 1),
        epoch_ms=protobuf.whole(fields, 2),
        what=tuple(number for number in what if number != STREAM),
        rate_hz=rate_hz,
        stream=stream,
    )


# ------------------------------------------------------------------ responses


def decode_response(payload: bytes) -> Response:
    """One response; WireError where a known field is of another kind or count. Unknown fields are passed over."""
    fields = protobuf.read_fields(payload)
    battery = device = None
    if 12 in fields:
        inner = protobuf.read_fields(protobuf.raw(fields, 12))
        percent, voltage_mv = (protobuf.whole(inner, number) for number in (1, 2))
        battery = Battery(percent, voltage_mv, _word("battery state", BATTERY_STATES, protobuf.whole(inner, 3)))
    if 10 in fields:
        inner = protobuf.read_fields(protobuf.raw(fields, 10))
        serial, model, firmware, hardware = (
            protobuf.raw(inner, number).decode("utf-8", "replace") for number in (2, 4, 5, 6)
        )
        device = DeviceInfo(_side(protobuf.whole(inner, 1)), serial, model, firmware, hardware)
    error = _word("error", ERRORS, protobuf.whole(fields, 2))
    samples = _sample(protobuf.raw(fields, 30)) if 30 in fields else None
    return Response(protobuf.whole(fields, 1), error, battery, device, samples)


def decode(payloads: Sequence[bytes]) -> Samples | None:
    """The samples of many responses in one block; None where none has any. WireError where two sides are mixed."""
    rows = [row for payload in payloads if (row := decode_response(payload).samples) is not None]
    if not rows:
        return None
    sides = {row.side for row in rows}
    if len(sides) > 1:
        raise WireError("BrainCo block", "samples of one insole", " and ".join(sorted(sides)))
    parts: dict[str, Array | None] = {}
    for name in ("pressure", "resistance_ohm", "acceleration_g", "angular_rate_dps", "shear"):
        found = [getattr(row, name) for row in rows]
        first = next((part for part in found if part is not None), None)
        empty = None if first is None else np.full_like(first, np.nan)
        parts[name] = None if empty is None else np.concatenate([empty if p is None else p for p in found])
    sequence, time_ms = (np.concatenate([getattr(row, name) for row in rows]) for name in ("sequence", "time_ms"))
    return Samples(rows[0].side, sequence, time_ms, **parts)


def encode_response(response: Response) -> bytes:
    """The frame of a response with one sample at most, as a simulated insole sends it."""
    body = protobuf.field(1, response.message_id) + protobuf.field(2, ERRORS.index(response.error))
    side = "left"
    if response.device is not None:
        device, side = response.device, response.device.side
        texts = ((2, device.serial_number), (4, device.model), (5, device.firmware), (6, device.hardware))
        info = b"".join(protobuf.field(number, text.encode()) for number, text in texts)
        body += protobuf.message(10, protobuf.field(1, SIDES[side]) + info)
    if response.battery is not None:
        state = BATTERY_STATES.index(response.battery.state)
        numbers = (response.battery.percent, response.battery.voltage_mv, state)
        body += protobuf.message(12, b"".join(protobuf.field(k, n) for k, n in enumerate(numbers, 1)))
    if response.samples is not None:
        side = response.samples.side
        body += protobuf.message(30, _write_sample(response.samples))
    return encode_frame(body, side)


def _word(what: str, words: tuple[str, ...], code: int) -> str:
    if not 0 <= code < len(words):
        raise WireError(f"BrainCo {what}", f"0 to {len(words) - 1}", str(code))
    return words[code]


def _side(code: int) -> Literal["left", "right"]:
    if code not in (2, 3):
        raise WireError("BrainCo device", "2 (left) or 3 (right)", str(code))
    return "left" if code == 2 else "right"


def _row(values: list[int], count: int, what: str) -> Array | None:
    """(1, count), None where nothing was sent."""
    if values and len(values) != count:
        raise WireError(f"BrainCo {what}", f"{count} values", str(len(values)))
    return np.array([values], np.float32) if values else None


def _sample(body: bytes) -> Samples:
    fields = protobuf.read_fields(body)
    pressure = protobuf.read_fields(protobuf.raw(fields, 11))
    imu = protobuf.read_fields(protobuf.raw(fields, 10))
    shear = protobuf.read_fields(protobuf.raw(fields, 12))
    # proto3 leaves zeros out: an axis that is not there is 0, an IMU without any axis is none
    acceleration = angular_rate = None
    if imu:
        acceleration = _axes(imu, (1, 7), protobuf.real(imu, 13, 1000.0 * ACC_G_PER_STEP) / 1000.0)
        angular_rate = _axes(imu, (4, 10), protobuf.real(imu, 14, GYRO_DPS_PER_STEP))
    # forces where they are calibrated, else raw
    pairs = [_row(protobuf.numbers(shear, x), SHEARS, "shear") for x in (1, 2, 3, 4)]
    x, y = pairs[:2] if pairs[0] is not None or pairs[1] is not None else pairs[2:]
    zero = np.zeros((1, SHEARS), np.float32)
    both = None
    if x is not None or y is not None:
        both = np.stack([zero if x is None else x, zero if y is None else y], axis=-1)
    return Samples(
        side=_side(protobuf.whole(fields, 1)),
        sequence=np.array([protobuf.whole(fields, 3)], np.int64),
        time_ms=np.array([protobuf.whole(fields, 2)], np.int64),
        pressure=_row(protobuf.numbers(pressure, 1), PRESSURES, "pressure"),
        resistance_ohm=_row(protobuf.numbers(pressure, 2), PRESSURES, "resistance"),
        acceleration_g=acceleration,
        angular_rate_dps=angular_rate,
        shear=both,
    )


def _axes(imu: protobuf.Fields, first: tuple[int, int], unit: float) -> Array:
    """(1, 3) in units: the calibrated axes, or the raw ones where none of them was sent."""
    start = first[0] if any(first[0] + k in imu for k in range(3)) else first[1]
    steps = [protobuf.whole(imu, start + k) for k in range(3)]
    if not 0.0 < unit < 1e6 or max(map(abs, steps)) > 2**31:
        raise WireError("BrainCo IMU", "numbers of 32 bits and a scale above 0", f"{steps} × {unit}")
    return np.array([[step * unit for step in steps]], np.float32)


def _write_sample(samples: Samples) -> bytes:
    body = protobuf.field(1, SIDES[samples.side]) + protobuf.field(2, int(samples.time_ms[0]))
    body += protobuf.field(3, int(samples.sequence[0]))
    imu = b""
    for start, values, unit in (
        (1, samples.acceleration_g, ACC_G_PER_STEP),
        (4, samples.angular_rate_dps, GYRO_DPS_PER_STEP),
    ):
        if values is not None:
            steps = np.clip(np.rint(np.asarray(values[0], np.float64) / unit), -32768, 32767)
            imu += b"".join(protobuf.field(start + k, int(step)) for k, step in enumerate(steps))
    if samples.acceleration_g is not None or samples.angular_rate_dps is not None:
        scales = protobuf.field(13, 1000.0 * ACC_G_PER_STEP) + protobuf.field(14, GYRO_DPS_PER_STEP)
        body += protobuf.message(10, imu + scales)
    parts = [
        protobuf.packed(number, np.rint(values[0]).astype(int).tolist())
        for number, values in ((1, samples.pressure), (2, samples.resistance_ohm))
        if values is not None
    ]
    body += protobuf.message(11, b"".join(parts)) if parts else b""
    if samples.shear is not None:
        x, y = np.rint(samples.shear[0]).astype(int).T.tolist()
        body += protobuf.message(12, protobuf.packed(1, x) + protobuf.packed(2, y))
    return body
