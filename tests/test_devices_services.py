"""Standard Bluetooth services: bytes worked out by hand from the specification's tables, and laws."""

from __future__ import annotations

import datetime
import struct

import numpy as np
import pytest

from devices import services
from devices.services import Location, RunningMeasurement
from firmware_bridge.errors import WireError


def test_running_speed_and_cadence_field_by_field() -> None:
    # stride and distance follow, running; 2.5 m/s = 640/256; 170 steps/min; 98 cm; 1234.5 m = 12345 x 0.1 m
    data = bytes.fromhex("07 8002 aa 6200 39300000")
    found = services.decode_running(data)
    assert found == RunningMeasurement(2.5, 170, 0.98, 1234.5, True)
    assert services.encode_running(found) == data
    # only a stride; only a distance; neither
    assert services.decode_running(bytes.fromhex("01 0001 50 6400")) == RunningMeasurement(1.0, 80, 1.0, None)
    assert services.decode_running(bytes.fromhex("02 0001 50 0a000000")) == RunningMeasurement(1.0, 80, None, 1.0)
    assert services.decode_running(bytes.fromhex("00 0000 00")) == RunningMeasurement(0.0, 0)


def test_current_time_field_by_field() -> None:
    # 2026 = 07EA; Sunday = 7; 128/256 s
    data = bytes.fromhex("ea07 0b 16 09 36 32 07 80 00")
    when = services.decode_time(data)
    assert when == datetime.datetime(2026, 11, 22, 9, 54, 50, 500_000)
    assert services.encode_time(when) == data
    assert services.decode_time(bytes(10)) is None
    with pytest.raises(WireError, match="current time: expected a date and time, found 2026-13-22"):
        services.decode_time(bytes.fromhex("ea07 0d 16 09 36 32 07 80 00"))


def test_location_and_speed_field_by_field() -> None:
    # all fields, position ok (bit 7): 1.4 m/s, 100 m, 52.5200066 N, 13.4049540 W, -3.5 m, 270 deg, 7 s, UTC
    data = struct.pack("<HH", 0x00FF, 140) + bytes.fromhex("e80300")
    data += struct.pack("<ii", 525200066, -134049540) + bytes.fromhex("a2feff") + struct.pack("<HB", 27000, 7)
    data += bytes.fromhex("ea07 0b 16 09 36 32")
    utc = datetime.datetime(2026, 11, 22, 9, 54, 50, tzinfo=datetime.UTC)
    found = services.decode_location(data)
    assert found == Location(1.4, 100.0, 52.5200066, -13.404954, -3.5, 270.0, 7, utc, 1)
    assert services.encode_location(found) == data
    assert services.decode_location(bytes.fromhex("0000")) == Location()
    with pytest.raises(WireError, match="at least 4 bytes, found 3"):
        services.decode_location(bytes.fromhex("0100 01"))


def test_position_quality_field_by_field() -> None:
    # all seven fields: 8 of 11 satellites, first fix 12.5 s, 3.21 m, 6.54 m, HDOP 1.2, VDOP 2.0; status 1
    data = struct.pack("<HBBHIIBB", 0x00FF, 8, 11, 125, 321, 654, 6, 10)
    found = services.decode_position_quality(data)
    assert (found.beacons_used, found.beacons_in_view, found.status) == (8, 11, 1)
    rest = (found.first_fix_s, found.horizontal_error_m, found.vertical_error_m, found.hdop, found.vdop)
    assert rest == pytest.approx((12.5, 3.21, 6.54, 1.2, 2.0))
    # EHPE alone: what is not announced is None
    only = services.decode_position_quality(struct.pack("<HI", 0x0008, 250))
    assert only.horizontal_error_m == pytest.approx(2.5)
    assert only.hdop is None


ENVIRONMENT = {
    "temperature": ("2a6e", "5f f6", -24.65),
    "humidity": ("2A6F", "d2 12", 48.18),
    "air_pressure": ("2a6d", "c4 76 0f 00", 101_344.4),
    "elevation": ("2a6c", "38 ff ff", -2.0),
    "dew_point": ("2a7b", "fb", -5.0),
}


@pytest.mark.parametrize(("uuid", "text", "value"), ENVIRONMENT.values(), ids=list(ENVIRONMENT))
def test_environment_field_by_field(uuid: str, text: str, value: float) -> None:
    data = bytes.fromhex(text)
    assert services.decode_environment(uuid, data) == (pytest.approx(value),)
    assert services.decode_environment(services.full_uuid(uuid), data) == (pytest.approx(value),)
    assert services.encode_environment(uuid, value) == data


def test_what_a_sensor_does_not_know_is_none_and_not_a_number() -> None:
    assert services.decode_environment("2a6e", b"\x00\x80") == (None,)
    assert services.decode_environment("2a6f", b"\xff\xff") == (None,)
    assert services.encode_environment("2a6e", None) == b"\x00\x80"
    with pytest.raises(ValueError, match="air_pressure needs 1 numbers"):
        services.encode_environment("2a6d", None)


def test_battery_is_a_percentage_and_nothing_else() -> None:
    assert [services.decode_battery(bytes([n])) for n in (0, 85, 100)] == [0, 85, 100]
    assert services.encode_battery(85) == b"\x55"
    with pytest.raises(WireError, match="battery level: expected 0 to 100 %, found 101"):
        services.decode_battery(b"\x65")
    with pytest.raises(WireError, match="at least 1 bytes, found 0"):
        services.decode_battery(b"")


def test_texts_end_at_a_zero_and_survive_bad_bytes() -> None:
    assert services.decode_text("größe 42\0\0".encode()) == "größe 42"
    assert services.decode_text(b"ab\xffc") == "ab\N{REPLACEMENT CHARACTER}c"


def test_what_is_written_is_read_back(rng: np.random.Generator) -> None:
    def maybe(value: float) -> float | None:
        return value if rng.random() < 0.5 else None

    for _ in range(200):
        running = RunningMeasurement(
            int(rng.integers(0, 65536)) / 256,
            int(rng.integers(0, 256)),
            maybe(int(rng.integers(0, 65536)) / 100),
            maybe(int(rng.integers(0, 2**32)) / 10),
            bool(rng.integers(2)),
        )
        assert services.decode_running(services.encode_running(running)) == running
        placed = rng.random() < 0.5
        location = Location(
            maybe(int(rng.integers(0, 65536)) / 100),
            maybe(int(rng.integers(0, 2**24)) / 10),
            int(rng.integers(-900_000_000, 900_000_001)) / 1e7 if placed else None,
            int(rng.integers(-1_800_000_000, 1_800_000_001)) / 1e7 if placed else None,
            maybe(int(rng.integers(-(2**23), 2**23)) / 100),
            maybe(int(rng.integers(0, 36_000)) / 100),
            status=int(rng.integers(4)),
        )
        assert services.decode_location(services.encode_location(location)) == location


def test_no_bytes_break_a_decoder(rng: np.random.Generator) -> None:
    """A value, or a WireError; what lies behind the announced fields changes nothing."""
    decoders = [row[2] for row in services.CHARACTERISTICS.values()]
    decoders += [lambda data: (services.decode_time(data) and 0.0,), lambda data: (services.decode_text(data) and 0.0,)]
    decoders += [lambda data: (services.decode_position_quality(data).hdop,)]
    read = 0
    for _ in range(3_000):
        data = rng.bytes(int(rng.integers(0, 32)))
        for decode in decoders:
            try:
                row = decode(data)
            except WireError:
                continue
            read += 1
            if decode is not decoders[-2]:  # a text has no length of its own
                assert decode(data + rng.bytes(3)) == row
    assert read > 10_000


def test_short_and_full_forms_of_a_uuid() -> None:
    assert services.full_uuid("2A19") == "00002a19-0000-1000-8000-00805f9b34fb"
    assert services.short_uuid("00002A19-0000-1000-8000-00805F9B34FB") == "2a19"
    own = "6E400001-B5A3-F393-E0A9-E50E24DCCA9E"
    assert services.short_uuid(own) == services.full_uuid(own) == own.lower()
