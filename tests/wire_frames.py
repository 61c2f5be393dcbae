"""A second, slow implementation of PROTOCOL.md, from its words alone: what the golden vectors are made with.

`python tests/wire_frames.py` writes firmware_bridge/vectors/wire.json anew; a test holds that the file is what this
makes, and others that the Python codec and the C codec agree with the file.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parents[1] / "firmware_bridge" / "vectors"


def crc32c(data: bytes) -> int:
    """Bit by bit: reflected polynomial 0x82F63B78, all ones in, all ones out."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(kind: int, payload: bytes, sequence: int = 0, time_us: int = 0, version: int = 1) -> bytes:
    head = bytes([version, kind]) + struct.pack("<HHI", len(payload), sequence, time_us)
    head += struct.pack("<H", crc32c(head) & 0xFFFF)
    return b"\xc3\x5a" + head + payload + struct.pack("<I", crc32c(head + payload))


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    low = next(k for k in range(4) if number < 2 ** (8 << k))
    return bytes([major << 5 | 24 + low]) + number.to_bytes(1 << low, "big")


def _float(value: float) -> bytes:
    for letter, code in ((">e", 0xF9), (">f", 0xFA)):
        packed = struct.pack(letter, value)
        if struct.unpack(letter, packed)[0] == value:
            return bytes([code]) + packed
    return b"\xfb" + struct.pack(">d", value)


def cbor(value: Any) -> bytes:
    """Deterministic CBOR of what a control message may hold (RFC 8949, 4.2)."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(cbor, value))
    assert isinstance(value, dict)
    pairs = sorted((cbor(key), cbor(inner)) for key, inner in value.items())
    return _head(5, len(pairs)) + b"".join(key + inner for key, inner in pairs)


def payloads() -> list[tuple[str, int, str, dict[str, Any], bytes]]:
    """(name, type, record, its fields, its bytes)"""
    i2, image = struct.pack, list(range(0, 60_000, 5_000))
    hello = {"board": "mat", "firmware": "1.2", "serial": "A7", "side": "right", "versions": [1], "actuators": []}
    hello["streams"] = [
        {"id": 1, "kind": "grid", "name": "pressure", "unit": "kPa", "scale": 0.5, "rows": 3, "cols": 4}
    ]
    return [
        ("grid of 16 bits", 0x10, "PressureGrid", {"stream": 1, "values": [image[:4], image[4:8], image[8:]]},
         bytes([1, 2, 3, 0, 4, 0]) + i2("<12H", *image)),
        ("grid of 8 bits", 0x10, "PressureGrid", {"stream": 2, "values": [[0, 255], [7, 8]]},
         bytes([2, 1, 2, 0, 2, 0, 0, 255, 7, 8])),
        ("cells, two frames", 0x11, "PressureCells",
         {"stream": 3, "values": [[1, 2, 65535], [4, 5, 6]], "interval_us": 10_000},
         bytes([3, 2, 2, 0, 3, 0, 0x10, 0x27, 0, 0]) + i2("<6H", 1, 2, 65535, 4, 5, 6)),
        ("imu, all fields", 0x12, "Imu",
         {"stream": 4, "interval_us": 5000, "acceleration": [[1, -2, 3]], "angular_rate": [[4, 5, -6]],
          "magnetic_field": [[7, 8, 9]], "quaternion": [[16384, 0, 0, -32768]]},
         bytes([4, 15, 1, 0, 0x88, 0x13, 0, 0]) + i2("<13h", 1, -2, 3, 4, 5, -6, 7, 8, 9, 16384, 0, 0, -32768)),
        ("imu, two fields of two samples", 0x12, "Imu",
         {"stream": 4, "interval_us": 5000, "acceleration": [[1, -2, 3], [7, 8, 9]],
          "angular_rate": [[4, 5, -6], [0, 0, 1]], "magnetic_field": None, "quaternion": None},
         bytes([4, 3, 2, 0, 0x88, 0x13, 0, 0]) + i2("<12h", 1, -2, 3, 4, 5, -6, 7, 8, 9, 0, 0, 1)),
        ("environment", 0x13, "Environment",
         {"temperature_c": -12.5, "humidity_percent": 47.25, "pressure_pa": 101_325.0},
         i2("<hHI", -1250, 4725, 1_013_250)),
        ("environment, nothing known", 0x13, "Environment",
         {"temperature_c": None, "humidity_percent": None, "pressure_pa": None}, bytes.fromhex("0080ffffffffffff")),
        ("position", 0x14, "Position",
         {"latitude_deg": 49.5981187, "longitude_deg": -11.0045812, "altitude_m": -2.5, "speed_m_s": 1.25,
          "heading_deg": 359.99, "accuracy_m": None},
         i2("<iiiHHH", 495_981_187, -110_045_812, -250, 125, 35_999, 65_535)),
        ("battery", 0x15, "Battery", {"percent": 87.0, "voltage_mv": 3912.0, "state": "charging"},
         bytes([87, 2, 0x48, 0x0F])),
        ("memory", 0x16, "Memory", {"total_bytes": 2**33, "free_bytes": 2**33 - 1}, i2("<QQ", 2**33, 2**33 - 1)),
        ("mark", 0x17, "Mark", {"kind": "rise", "channel": 3}, bytes([1, 3])),
        ("time request", 0x20, "TimeRequest", {"host_ns": 0x0102030405060708}, bytes([8, 7, 6, 5, 4, 3, 2, 1])),
        ("time reply", 0x21, "TimeReply", {"host_ns": 5, "received_us": 2**40, "sent_us": 2**40 + 9},
         i2("<QQQ", 5, 2**40, 2**40 + 9)),
        ("chunk of a log", 0x22, "Chunk", {"kind": "log", "table": 2, "offset": 100, "total": 104, "data": b"abcd"},
         bytes([1, 2, 100, 0, 0, 0, 104, 0, 0, 0]) + b"abcd"),
        ("hello, asked", 0x40, "Control", {"ask": True, "versions": [1, 2]}, cbor({"ask": True, "versions": [1, 2]})),
        ("hello, told", 0x40, "Control", hello, cbor(hello)),
        ("configure", 0x41, "Control", {"rate_hz": 250, "gain": -3}, cbor({"rate_hz": 250, "gain": -3})),
        ("start", 0x42, "Control", {}, b"\xa0"),
        ("stop", 0x43, "Control", {}, b"\xa0"),
        ("actuate", 0x44, "Control", {"actuator": "led", "value": 200, "ms": 70_000},
         cbor({"actuator": "led", "value": 200, "ms": 70_000})),
        ("fetch", 0x45, "Control", {"kind": "log", "table": 0, "offset": 0},
         cbor({"kind": "log", "table": 0, "offset": 0})),
        ("acknowledged", 0x46, "Control", {"of": 7, "ok": True}, cbor({"of": 7, "ok": True})),
        ("refused", 0x46, "Control", {"of": 8, "ok": False, "error": "no such table"},
         cbor({"of": 8, "ok": False, "error": "no such table"})),
    ]  # fmt: skip


def plain(value: Any) -> Any:
    """JSON has no bytes."""
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def vectors() -> list[dict[str, Any]]:
    """The golden vectors, as wire.json has them."""
    rows = []
    for number, (name, kind, record, fields, payload) in enumerate(payloads()):
        sequence, time_us = 65_530 + number & 0xFFFF, (4_294_900_000 + 7_919 * number) & 0xFFFFFFFF
        rows.append(
            {"name": name, "type": kind, "version": 1, "sequence": sequence, "time_us": time_us}
            | {"record": record, "fields": {key: plain(value) for key, value in fields.items()}}
            | {"payload": payload.hex(), "frame": frame(kind, payload, sequence, time_us).hex()}
        )
    return rows


def read_vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    document = {"source": "PROTOCOL.md, by tests/wire_frames.py", "vectors": vectors()}
    (VECTORS / "wire.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
