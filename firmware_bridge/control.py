"""Control messages: a CBOR map with text keys and plain values (RFC 8949), which a board reads without an allocator.

Definite lengths only, no tags, at most eight levels; keys that a side doesn't know are left alone.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware_bridge.codec import MAX_PAYLOAD, READABLE
from firmware_bridge.errors import WireError

HELLO, CONFIGURE, START, STOP, ACTUATE, FETCH, ACK = 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46
NAMES: dict[int, str] = {
    HELLO: "hello",
    CONFIGURE: "configure",
    START: "start",
    STOP: "stop",
    ACTUATE: "actuate",
    FETCH: "fetch",
    ACK: "acknowledgement",
}
MAX_LEVELS = 8
_SHARED_TAGS = (28, 29)  # a value that stands for itself many times over would grow without bound
KINDS = ("grid", "cells", "imu", "environment", "position", "battery", "memory", "mark")  #: of streams


@dataclass(frozen=True, slots=True)
class Control:
    """One control message: its ``type`` and the ``fields`` of its map."""

    type: int
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stream:
    """What a hello says of one stream of samples.

    A value is ``raw × scale`` in ``unit``; for an IMU ``scales`` has one each of acceleration (g), angular_rate (°/s)
    and magnetic_field (µT), a quaternion is raw / 16384. ``rows`` × ``cols`` cells, ``pitch_mm`` between them where
    there is a grid, ``xy_mm`` where the board knows the places of its cells.
    """

    id: int
    kind: str
    name: str
    unit: str = "raw"
    rate_hz: float | None = None
    scale: float = 1.0
    scales: Mapping[str, float] = field(default_factory=dict)
    rows: int = 1
    cols: int = 1
    pitch_mm: tuple[float, float] | None = None
    xy_mm: tuple[tuple[float, float], ...] | None = None
    full_scale: float | None = None


@dataclass(frozen=True, slots=True)
class Hello:
    """What a board says of itself."""

    board: str
    firmware: str = ""
    serial_number: str = ""
    side: str = "unknown"
    versions: tuple[int, ...] = (1,)
    streams: tuple[Stream, ...] = ()
    actuators: tuple[str, ...] = ()
    max_payload: int = MAX_PAYLOAD


def encode(message: Control) -> bytes:
    """The map in canonical CBOR; WireError where a value is not plain or the map is too large."""
    import cbor2

    what = NAMES.get(message.type, "control message")
    fields = _plain(what, dict(message.fields), 1)
    data: bytes = cbor2.dumps(fields, canonical=True)
    if len(data) > MAX_PAYLOAD:
        raise WireError(what, f"at most {MAX_PAYLOAD} bytes", str(len(data)))
    return data


def decode(kind: int, payload: bytes) -> Control:
    """The map of a control frame; WireError where it is no such map, or anything stands behind it."""
    import cbor2

    what = NAMES[kind]
    stream = io.BytesIO(payload)
    try:
        fields = cbor2.load(
            stream,
            max_depth=MAX_LEVELS,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=dict.fromkeys(_SHARED_TAGS, _refuse),
        )
    except cbor2.CBORDecodeError as error:
        raise WireError(what, "a CBOR map", str(error)) from error
    if stream.tell() != len(payload):
        raise WireError(what, "one CBOR map", f"{len(payload) - stream.tell()} bytes behind it")
    if not isinstance(fields, dict):
        raise WireError(what, "a CBOR map", type(fields).__name__)
    return Control(kind, _plain(what, fields, 1))


def _refuse(*_: object) -> None:
    raise ValueError("no value may be shared")


def _plain(what: str, value: Any, level: int) -> Any:
    """``value`` if it is made of maps with text keys, lists, text, bytes, numbers of 64 bits, truth values, nothing."""
    if level > MAX_LEVELS:
        raise WireError(what, f"at most {MAX_LEVELS} levels", "more")
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise WireError(what, "text keys", str([key for key in value if not isinstance(key, str)][:3]))
        return {key: _plain(what, inner, level + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(what, inner, level + 1) for inner in value]
    if value is None or isinstance(value, bool | str | bytes | float):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return value
    raise WireError(what, "maps, lists, text, bytes, numbers, true, false, null", type(value).__name__)


# ------------------------------------------------------------------ what the messages say


def ask_hello() -> Control:
    """The host's side of the hello."""
    return Control(HELLO, {"ask": True, "versions": list(READABLE)})


def acknowledge(sequence: int, error: str | None = None, **more: Any) -> Control:
    """The answer to the command that came as frame ``sequence``: done, or why not."""
    refused = {} if error is None else {"error": error}
    return Control(ACK, {"of": sequence, "ok": error is None, **refused, **more})


def fetch(kind: str, table: int = 0, offset: int = 0, length: int | None = None) -> Control:
    """Asks for chunks of ``calibration`` or ``log`` number ``table``, or, with kind ``logs``, for the list of logs."""
    wanted = {} if length is None else {"length": length}
    return Control(FETCH, {"kind": kind, "table": table, "offset": offset, **wanted})


def hello_fields(hello: Hello) -> Control:
    """The board's side of the hello, without what is as by default."""
    streams = []
    for stream in hello.streams:
        fields: dict[str, Any] = {"id": stream.id, "kind": stream.kind, "name": stream.name}
        default = Stream(stream.id, stream.kind, stream.name)
        for name in ("unit", "rate_hz", "scale", "rows", "cols", "full_scale", "scales", "pitch_mm", "xy_mm"):
            if getattr(stream, name) != getattr(default, name):
                fields[name] = getattr(stream, name)
        streams.append({key: dict(value) if isinstance(value, Mapping) else value for key, value in fields.items()})
    fields = {"board": hello.board, "firmware": hello.firmware, "serial": hello.serial_number, "side": hello.side}
    fields |= {"versions": list(hello.versions), "streams": streams, "actuators": list(hello.actuators)}
    return Control(HELLO, fields | {"max_payload": hello.max_payload})


def read_hello(message: Control) -> Hello:
    """What a board's hello says, every field checked.

    Raises
    ------
    WireError : no hello of a board, a field of another kind, two streams of one id, more cells than a frame holds
    """
    fields = message.fields
    if message.type != HELLO or "board" not in fields:
        raise WireError("hello", "a map with the board's name", f"{NAMES.get(message.type)} {sorted(fields)[:5]}")
    streams = tuple(_stream(entry) for entry in _list(fields, "streams"))
    if len({stream.id for stream in streams}) != len(streams):
        raise WireError("hello", "streams with ids of their own", str([stream.id for stream in streams]))
    side = _text(fields, "side", "unknown")
    if side not in ("left", "right", "unknown"):
        raise WireError("hello", "side left, right or unknown", repr(side))
    return Hello(
        board=_text(fields, "board"),
        firmware=_text(fields, "firmware"),
        serial_number=_text(fields, "serial"),
        side=side,
        versions=tuple(_whole(version, "versions") for version in _list(fields, "versions", (1,))),
        streams=streams,
        actuators=tuple(str(name) for name in _list(fields, "actuators")),
        max_payload=_whole(fields.get("max_payload", MAX_PAYLOAD), "max_payload"),
    )


def _stream(entry: Any) -> Stream:
    if not isinstance(entry, dict):
        raise WireError("hello", "streams that are maps", type(entry).__name__)
    kind = _text(entry, "kind")
    if kind not in KINDS:
        raise WireError("hello", f"streams of kind {', '.join(KINDS)}", repr(kind), "update plantar")
    rows, cols = (_whole(entry.get(name, 1), name) for name in ("rows", "cols"))
    if not 0 < rows * cols <= MAX_PAYLOAD:
        raise WireError("hello", f"1 to {MAX_PAYLOAD} cells", f"{rows} × {cols}")
    scales = entry.get("scales", {})
    if not isinstance(scales, dict):
        raise WireError("hello", "scales as a map", type(scales).__name__)
    places = [_pair(place, "xy_mm") for place in _list(entry, "xy_mm")]
    if places and len(places) != rows * cols:
        raise WireError("hello", f"{rows * cols} places", str(len(places)))
    return Stream(
        id=_whole(entry.get("id"), "id"),
        kind=kind,
        name=_text(entry, "name", kind),
        unit=_text(entry, "unit", "raw"),
        rate_hz=None if entry.get("rate_hz") is None else _number(entry["rate_hz"], "rate_hz"),
        scale=_number(entry.get("scale", 1.0), "scale"),
        scales={str(name): _number(value, f"scale of {name}") for name, value in scales.items()},
        rows=rows,
        cols=cols,
        pitch_mm=None if entry.get("pitch_mm") is None else _pair(entry["pitch_mm"], "pitch_mm"),
        xy_mm=tuple(places) or None,
        full_scale=None if entry.get("full_scale") is None else _number(entry["full_scale"], "full_scale"),
    )


def _text(fields: Mapping[str, Any], name: str, default: str = "") -> str:
    value = fields.get(name, default)
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        raise WireError("hello", f"{name} as a line of text", repr(value)[:60])
    return value


def _list(fields: Mapping[str, Any], name: str, default: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    value = fields.get(name, default)
    if not isinstance(value, list | tuple):
        raise WireError("hello", f"{name} as a list", type(value).__name__)
    return tuple(value)


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 0xFFFFFFFF:
        raise WireError("hello", f"{name} as a whole number", repr(value)[:60])
    return value


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise WireError("hello", f"{name} as a number above 0", repr(value)[:60])
    return float(value)


def _pair(value: Any, name: str) -> tuple[float, float]:
    numbers = value if isinstance(value, list | tuple) else ()
    if len(numbers) != 2 or not all(
        isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in numbers
    ):
        raise WireError("hello", f"{name} as two numbers", repr(value)[:60])
    return float(numbers[0]), float(numbers[1])
