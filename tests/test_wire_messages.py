"""Records of our own protocol: golden vectors, every value there and back, versions, what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import cbor2
import numpy as np
import pytest
import wire_frames

from firmware_bridge import control, messages, records
from firmware_bridge.codec import Frame, encode_frame, read_frames
from firmware_bridge.control import Control, Hello, Stream
from firmware_bridge.errors import WireError

VECTORS = wire_frames.read_vectors("wire")["vectors"]


def record(vector: dict[str, Any]) -> Any:
    """What a golden vector says that its frame means."""
    told = {k: bytes.fromhex(v["hex"]) if isinstance(v, dict) else v for k, v in vector["fields"].items()}
    if vector["record"] == "Control":
        return Control(vector["type"], told)
    kind = np.int16 if vector["record"] == "Imu" else np.uint8 if "8 bits" in vector["name"] else np.uint16
    arrays = {k: np.array(v, kind) if isinstance(v, list) else v for k, v in told.items()}
    return getattr(records, vector["record"])(**arrays)


def same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a)]
    return all(
        x.dtype == y.dtype and np.array_equal(x, y) if isinstance(x, np.ndarray) else x == y and type(x) is type(y)
        for x, y in pairs
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_golden_messages_are_read_and_written(vector: dict[str, Any]) -> None:
    (frame,) = read_frames(bytes.fromhex(vector["frame"])).frames
    assert same(messages.decode(frame), record(vector))
    again = messages.encode(record(vector), vector["sequence"], vector["time_us"])
    assert encode_frame(again).hex() == vector["frame"]


def some_messages(rng: np.random.Generator) -> list[Any]:
    def whole(bits: int) -> int:
        return int(rng.integers(2**bits, dtype=np.uint64))

    def steps(low: float, high: float, per_unit: float) -> float | None:
        return None if rng.random() < 0.2 else int(rng.integers(low * per_unit, high * per_unit)) / per_unit

    n, k = int(rng.integers(1, 20)), int(rng.integers(1, 30))
    imu = {name: rng.integers(-(2**15), 2**15, (n, w), dtype=np.int16) for name, w in messages.IMU_FIELDS}
    kept = {name: part for name, part in imu.items() if name == "quaternion" or rng.random() < 0.5}
    size, kind = int(rng.integers(0, 200)), np.uint8 if rng.random() < 0.5 else np.uint16
    return [
        records.PressureGrid(whole(8), rng.integers(0, np.iinfo(kind).max, (n, k), dtype=kind, endpoint=True)),
        records.PressureCells(whole(8), rng.integers(0, 2**16, (n, k), dtype=np.uint16), whole(32)),
        records.Imu(whole(8), whole(32), **kept),
        records.Environment(steps(-300, 300, 100), steps(0, 100, 100), steps(0, 120_000, 10)),
        records.Position(
            steps(-90, 90, 1e7), steps(-180, 180, 1e7), steps(-400, 9000, 100), steps(0, 600, 100), steps(0, 360, 100)
        ),
        records.Battery(steps(0, 100, 1), steps(0, 5000, 1), str(rng.choice(records.BATTERY_STATES))),
        records.Memory(whole(63), whole(63)),
        records.Mark(str(rng.choice(records.MARKS)), whole(8)),
        records.TimeRequest(whole(63)),
        records.TimeReply(whole(63), whole(63), whole(63)),
        records.Chunk("calibration", whole(8), 1000, 1000 + size, rng.bytes(size)),
        control.acknowledge(whole(16), None if n % 2 else "full", logs=[{"table": 1, "bytes": whole(40)}]),
    ]


def test_every_value_comes_back(rng: np.random.Generator) -> None:
    for _ in range(30):
        for message in some_messages(rng):
            (frame,) = read_frames(encode_frame(messages.encode(message, 5, 6))).frames
            assert same(messages.decode(frame), message), message


def test_the_environment_has_the_steps_of_bluetooth() -> None:
    """Environmental Sensing: 2A6E int16 0.01 °C, 2A6F uint16 0.01 %, 2A6D uint32 0.1 Pa."""
    payload = messages.encode(records.Environment(21.5, 47.0, 101_325.0)).payload
    assert payload == (2150).to_bytes(2, "little") + (4700).to_bytes(2, "little") + (1_013_250).to_bytes(4, "little")


# ------------------------------------------------------------------ versions


def test_the_next_version_is_read_as_far_as_this_one_goes() -> None:
    for vector in VECTORS:
        payload = bytes.fromhex(vector["payload"])
        if vector["record"] in ("Control", "Chunk"):
            continue
        newer = Frame(vector["type"], payload + b"more", version=2)
        assert same(messages.decode(newer), record(vector)), vector["name"]
        with pytest.raises(WireError, match="payload of"):
            messages.decode(dataclasses.replace(newer, version=1))


@pytest.mark.parametrize(("version", "who"), [(3, "update plantar"), (255, "update plantar"), (0, "board's firmware")])
def test_other_versions_are_refused_with_who_must_be_updated(version: int, who: str) -> None:
    with pytest.raises(WireError, match=f"version 1 or 2, found {version}; update.*{who.split()[-1]}"):
        messages.decode(Frame(records.MARK, b"\0\0", version=version))


def test_a_type_that_is_not_known_is_named() -> None:
    with pytest.raises(WireError, match="a known type, found 0x7f"):
        messages.decode(Frame(0x7F, b""))


# ------------------------------------------------------------------ what is refused


REFUSED = {
    "short grid": (0x10, "010203000400", "30 bytes"),
    "format": (0x10, "010302000200" + "00" * 4, "format 3"),
    "no cells": (0x10, "010100000200", "0 × 2"),
    "half a grid": (0x10, "01010200020001", "10 bytes"),
    "head alone": (0x11, "0102", "10 bytes or more"),
    "fields of an imu": (0x12, "0110010000000000", "fields 16"),
    "no samples": (0x12, "0101000000000000", "0 samples"),
    "state": (0x15, "570548 0f", "state 0 to 4, found 5"),
    "mark": (0x17, "0400", "kind 0 to 3, found 4"),
    "short": (0x21, "00" * 23, "24 bytes, found 23"),
    "chunk behind the end": (0x22, "0100" + "05000000" + "06000000" + "6162", "within 6, found 5 to 7"),
    "no map": (0x41, "01", "a CBOR map, found int"),
    "cut off": (0x41, "a1", "a CBOR map, found premature"),
    "behind the map": (0x42, "a000", "1 bytes behind it"),
    "twice": (0x41, "a2616101616102", "uplicate"),
    "indefinite": (0x41, "bfff", "indefinite"),
    "number as key": (0x41, "a10102", "text keys"),
    "a date": (0x41, "a16161c11a514b67b0", "found datetime"),
    "undefined": (0x41, "a16161f7", "found Undefined"),
    "a number of 70 bits": (0x41, "a16161c249400000000000000000", "found int"),
    "a value in itself": (0x41, "a16161d81c81d81d00", "a CBOR map"),
    "deep": (0x41, "a16161" + "81" * 9 + "00", "depth"),
}


@pytest.mark.parametrize(("kind", "payload", "why"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_no_message_is_refused_in_one_line(kind: int, payload: str, why: str) -> None:
    with pytest.raises(WireError) as refused:
        messages.decode(Frame(kind, bytes.fromhex(payload)))
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (records.PressureGrid(1, np.zeros((2, 2), np.float32)), "uint8 or uint16"),
        (records.PressureGrid(1, np.zeros((200, 200), np.uint16)), "split it"),
        (records.PressureGrid(300, np.zeros((2, 2), np.uint8)), "fit"),
        (records.Imu(1, 1000), "one sample"),
        (records.Imu(1, 1000, np.zeros((2, 3), np.int16), np.zeros((3, 3), np.int16)), "one length"),
        (records.Imu(1, 1000, np.zeros((2, 4), np.int16)), "acceleration (n, 3)"),
        (records.Battery(300.0), "fit"),
        (records.Battery(state="empty"), "state unknown"),
        (records.Mark("knock"), "kind tap"),
        (records.Memory(-1, 0), "fit"),
        (Control(control.CONFIGURE, {"a": object()}), "found object"),
        (Control(control.CONFIGURE, {"a": 2**64}), "found int"),
        (Control(control.CONFIGURE, {"a": b"x" * 40_000}), "at most 32768"),
    ],
)
def test_what_the_wire_can_not_carry_is_refused(message: Any, why: str) -> None:
    with pytest.raises(WireError) as refused:
        messages.encode(message)
    assert why in str(refused.value)


# ------------------------------------------------------------------ the hello


def test_a_hello_comes_back_whole() -> None:
    streams = (
        Stream(1, "grid", "pressure", "kPa", 100.0, 0.5, rows=16, cols=8, pitch_mm=(15.0, 10.0), full_scale=600.0),
        Stream(2, "cells", "toes", rows=1, cols=2, xy_mm=((1.0, 2.0), (3.5, -4.0))),
        Stream(3, "imu", "motion", rate_hz=208.0, scales={"acceleration": 0.5, "angular_rate": 0.07}),
        Stream(4, "battery", "battery"),
    )
    hello = Hello("mat", "1.2", "A7", "left", (1, 2), streams, ("led", "buzzer"), 512)
    told = messages.decode(messages.encode(control.hello_fields(hello)))
    assert isinstance(told, Control)
    assert control.read_hello(told) == hello


def test_a_hello_with_what_is_not_known_yet_is_read() -> None:
    fields = {"board": "b", "colour": "red", "streams": [{"id": 1, "kind": "mark", "name": "tap", "sense": 3}]}
    hello = control.read_hello(Control(control.HELLO, fields))
    assert (hello.board, hello.streams, hello.side) == ("b", (Stream(1, "mark", "tap"),), "unknown")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"board": 5}, "board as a line of text"),
        ({"board": "a\nb"}, "board as a line of text"),
        ({"side": "both"}, "side left, right"),
        ({"streams": {}}, "streams as a list"),
        ({"streams": [5]}, "streams that are maps"),
        ({"streams": [{"id": 1, "kind": "ecg"}]}, "found 'ecg'; update plantar"),
        ({"streams": [{"kind": "imu"}]}, "id as a whole number"),
        ({"streams": [{"id": 1, "kind": "imu"}] * 2}, "ids of their own"),
        ({"streams": [{"id": 1, "kind": "grid", "rows": 2000, "cols": 2000}]}, "cells"),
        ({"streams": [{"id": 1, "kind": "grid", "rows": 0}]}, "cells"),
        ({"streams": [{"id": 1, "kind": "grid", "scale": float("nan")}]}, "scale as a number above 0"),
        ({"streams": [{"id": 1, "kind": "grid", "rate_hz": 0}]}, "rate_hz as a number above 0"),
        ({"streams": [{"id": 1, "kind": "cells", "cols": 2, "xy_mm": [[0, 1]]}]}, "2 places"),
        ({"streams": [{"id": 1, "kind": "cells", "xy_mm": [[0, float("inf")]]}]}, "xy_mm as two numbers"),
        ({"streams": [{"id": 1, "kind": "grid", "pitch_mm": 5}]}, "pitch_mm as two numbers"),
        ({"streams": [{"id": 1, "kind": "imu", "scales": 5}]}, "scales as a map"),
        ({"max_payload": -1}, "max_payload as a whole number"),
        ({"versions": ["1"]}, "versions as a whole number"),
    ],
)
def test_a_hello_that_lies_is_refused(change: dict[str, Any], why: str) -> None:
    fields = cbor2.loads(cbor2.dumps({"board": "b", "streams": []} | change))
    with pytest.raises(WireError) as refused:
        control.read_hello(Control(control.HELLO, fields))
    assert why in str(refused.value)


def test_asking_is_no_hello_of_a_board() -> None:
    with pytest.raises(WireError, match="board's name"):
        control.read_hello(control.ask_hello())


def test_errors_come_whole_out_of_a_worker_process() -> None:
    import pickle

    error = WireError("frame", "a", "b", "c")
    assert str(pickle.loads(pickle.dumps(error))) == "frame: expected a, found b; c"
