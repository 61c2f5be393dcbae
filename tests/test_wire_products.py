"""What other makers' devices speak: their own numbers, real captures, every value there and back, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wire_frames

from firmware_bridge.errors import WireError
from firmware_bridge.products import brainco, fau, orphe, protobuf, sensel, velostat


def vectors(name: str) -> list[Any]:
    return list(wire_frames.read_vectors(name)["vectors"])


def named(name: str, **only: Any) -> Any:
    rows = [row for row in vectors(name) if all(row[key] == value for key, value in only.items())]
    return pytest.mark.parametrize("vector", rows, ids=lambda v: v["name"])


def is_near(values: Any, told: Any) -> bool:
    return (values is None) == (told is None) and (told is None or np.allclose(values, told, rtol=1e-6, atol=1e-9))


# ------------------------------------------------------------------ ORPHE


@named("orphe")
def test_orphe_packets_mean_what_the_maker_says(vector: dict[str, Any]) -> None:
    samples = orphe.decode(bytes.fromhex(vector["hex"]), *vector["ranges"])
    assert set(samples.serial.tolist()) == {vector["serial"]}
    assert samples.place.tolist() == list(range(len(vector["time_s"])))
    for name in ("time_s", "quaternion", "angular_rate_dps", "acceleration_g", "pressure"):
        assert is_near(getattr(samples, name), vector[name]), name
    assert b"".join(orphe.encode(samples, *vector["ranges"])).hex() == vector["hex"]


def orphe_walk(kind: int, packets: int, rng: np.random.Generator) -> orphe.Samples:
    places = orphe.LAYOUTS[kind]["block"].shape[0]
    n = packets * places
    first_ms = np.repeat(rng.integers(0, 86_399_000) + 20 * np.arange(packets), places)
    step_s = 0.005 if kind == orphe.QUATERNION else 1.0 / orphe.RATE_HZ[kind]
    place = np.tile(np.arange(places), packets)
    return orphe.Samples(
        type=kind,
        serial=np.repeat((int(rng.integers(65_536)) + np.arange(packets)) % 65_536, places),
        place=place,
        time_s=first_ms % 86_400_000 / 1000.0 + place * step_s,
        angular_rate_dps=rng.integers(-(2**15), 2**15, (n, 3)) * 0.07,
        acceleration_g=rng.integers(-(2**15), 2**15, (n, 3)) / 2048.0,
        quaternion=rng.integers(-(2**14), 2**14 + 1, (n, 4)) / 16384.0 if kind in (50, 56) else None,
        pressure=rng.integers(0, 65_536, (n, 6)) if kind != 50 else None,
    )


@pytest.mark.parametrize("kind", orphe.LAYOUTS)
def test_orphe_samples_come_back_in_one_block_and_one_by_one(kind: int, rng: np.random.Generator) -> None:
    sent = orphe_walk(kind, int(rng.integers(2, 50)), rng)
    packets = orphe.encode(sent)
    assert {len(packet) for packet in packets} == {104}
    block = orphe.decode(b"".join(packets))
    singles = [orphe.decode(packet) for packet in packets]
    for name in ("serial", "place", "time_s", "angular_rate_dps", "acceleration_g", "quaternion", "pressure"):
        one, many, told = getattr(block, name), [getattr(single, name) for single in singles], getattr(sent, name)
        assert (one is None) == (told is None), name
        if told is not None:
            assert np.array_equal(np.concatenate(many), one), name
            assert np.allclose(one, told, rtol=1e-6, atol=1e-6), name


def test_orphe_values_beyond_the_range_saturate(rng: np.random.Generator) -> None:
    sent = orphe_walk(orphe.ALL, 1, rng)
    sent.acceleration_g[0] = [100.0, -100.0, 0.0]
    back = orphe.decode(orphe.encode(sent)[0])
    assert np.allclose(back.acceleration_g[0], [16.0, -16.0, 0.0], atol=0.001)


def test_orphe_packets_that_are_none_are_refused(rng: np.random.Generator) -> None:
    good = orphe.encode(orphe_walk(orphe.PRESSURE, 2, rng))
    for data, why in (
        (b"", "104 bytes, found 0"),
        (good[0][:-1], "104 bytes, found 103"),
        (bytes([57]) + good[0][1:], "type 50, 54, 55, 56, found 57"),
        (good[0] + bytes([54]) + good[1][1:], r"one type, 55, found also \[54\]"),
        (good[0][:3] + bytes([24]) + good[0][4:], "a time of day, found 24:"),
    ):
        with pytest.raises(WireError, match=why):
            orphe.decode(data)


def test_orphe_settings_and_clock_come_back() -> None:
    assert orphe.decode_device_information(bytes([1, 0b11, 0, 0, 0, 0, 0, 0, 0, 1])) == orphe.DeviceInformation(
        1, "right", "dorsal", 2.0, 500.0
    )
    info = orphe.DeviceInformation(2, "left", "plantar", 8.0, 1000.0)
    assert orphe.decode_device_information(orphe.encode_device_information(info)) == info
    assert orphe.decode_device_information(bytes(8) + b"\x09\xff").gyro_range_dps == 2000.0  # as the maker takes it
    assert orphe.encode_date_time(2026, 11, 22, 10, 9, 8, 990).hex() == "1a0b160a090863"
    assert orphe.decode_date_time(bytes.fromhex("1a0b160a090863")) == (2026, 11, 22, 10, 9, 8, 990)


def test_orphe_commands_have_the_bytes_of_the_maker() -> None:
    assert orphe.select_mode(4).hex() == "0d04"
    assert [orphe.fifo_command(c).hex() for c in (1, 3, 4, 6)] == ["0b01", "0b03", "0b04", "0b06"]
    asked = orphe.fifo_request([(0x1234, 5), (65_536, 2)])
    assert asked == bytes.fromhex("0b02" + "12340005" + "00000002") + bytes(28 * 4)
    assert orphe.decode_request(asked) == ((0x1234, 5), (0, 2))
    assert orphe.decode_status(bytes.fromhex("3501123404012c")) == orphe.Position(0x1234, 4, 300)
    assert orphe.decode_status(bytes.fromhex("350200640003") + bytes(98)) == orphe.NoData(100, 3)
    for status in (orphe.Position(7, 1, 1500), orphe.NoData(65_535, 200), orphe.Done(orphe.CLEAR)):
        assert orphe.decode_status(orphe.encode_status(status)) == status
    for wrong in ([], [(1, 1)] * 31, [(1, 201)], [(1, 0)]):
        with pytest.raises(WireError, match="1 to 30 ranges, at most 200 packets"):
            orphe.fifo_request(wrong)
    with pytest.raises(WireError, match="1, 3, 4"):
        orphe.select_mode(5)


def test_orphe_missing_serials_become_ranges(rng: np.random.Generator) -> None:
    assert orphe.ranges_of([]) == ()
    assert orphe.ranges_of([12, 10, 41, 40, 42, 10]) == ((10, 1), (12, 1), (40, 3))
    assert orphe.ranges_of([65_535, 65_536, 65_537]) == ((65_535, 3),)  # the insole counts on over the wrap
    wanted = set((100_000 + rng.choice(500, 150, replace=False)).tolist())
    spread = {(start + k) % 65_536 for start, count in orphe.ranges_of(wanted) for k in range(count)}
    assert spread == {serial % 65_536 for serial in wanted}


# ------------------------------------------------------------------ BrainCo


@named("brainco", direction="request")
def test_brainco_requests_are_those_of_the_maker(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    (payload,), rest, lost = brainco.read_frames(raw)
    assert (rest, lost) == (b"", 0)
    read = brainco.decode_request(payload)
    assert (list(read.what), read.stream, read.rate_hz) == (vector["what"], vector["stream"], vector["rate_hz"])
    asked = brainco.Request(
        read.message_id, vector["side"], read.epoch_ms, tuple(vector["what"]), vector["rate_hz"], vector["stream"]
    )
    assert brainco.encode_request(asked, tuple(vector["modes"])) == raw


@named("brainco", direction="response")
def test_brainco_responses_are_read_as_the_maker_reads_them(vector: dict[str, Any]) -> None:
    (payload,), _, _ = brainco.read_frames(bytes.fromhex(vector["hex"]))
    read, told = brainco.decode_response(payload), vector["read_by_maker"]
    assert read.message_id == told.get("msgId", 0)
    assert read.error.replace("parameter", "param").upper() in told.get("errCode", "").replace("_", " ")
    assert bool(read.error) == ("errCode" in told)
    if battery := told.get("batteryData"):
        assert read.battery == brainco.Battery(battery["batteryPct"], battery["voltageMv"], "charging")
    if info := told.get("deviceInfo"):
        texts = (info["serialNumber"], info["modelName"], info["fwVersion"], info["hwVersion"])
        assert read.device == brainco.DeviceInfo("right", *texts)
    if data := told.get("sensorData"):
        samples = read.samples
        assert samples is not None
        assert f"DEVICE_{samples.side.upper()}" == data["deviceId"]
        assert (samples.sequence.tolist(), samples.time_ms.tolist()) == ([data["seqNum"]], [data["timestampMs"]])
        pressure, imu, shear = (data.get(name, {}) for name in ("pressureData", "imuData", "shearData"))
        assert is_near(samples.pressure, [pressure["pressure"]] if "pressure" in pressure else None)
        assert is_near(samples.resistance_ohm, [pressure["rawPressure"]] if "rawPressure" in pressure else None)
        if imu:
            assert is_near(1000 * samples.acceleration_g, [[imu[f"acc{axis}Mg"] for axis in "XYZ"]])
            raw_alone = "rawGyroX" in imu and "gyroX" not in imu  # the SDK then says 0
            rates = [imu[f"rawGyro{axis}"] * 2000 / 32768 if raw_alone else imu[f"gyro{axis}Dps"] for axis in "XYZ"]
            assert is_near(samples.angular_rate_dps, [rates])
        names = ("shearForceX", "shearForceY") if "shearForceX" in shear else ("rawShearX", "rawShearY")
        assert is_near(samples.shear, [np.transpose([shear[name] for name in names])] if shear else None)


def brainco_sample(number: int, rng: np.random.Generator) -> brainco.Samples:
    return brainco.Samples(
        side="right",
        sequence=np.array([number]),
        time_ms=np.array([20 * number]),
        pressure=rng.integers(0, 2000, (1, 48)).astype(np.float32),
        resistance_ohm=rng.integers(1, 2**20, (1, 48)).astype(np.float32) if number % 3 else None,
        acceleration_g=rng.integers(-(2**15), 2**15, (1, 3)) * brainco.ACC_G_PER_STEP,
        angular_rate_dps=rng.integers(-(2**15), 2**15, (1, 3)) * brainco.GYRO_DPS_PER_STEP,
        shear=rng.integers(-500, 500, (1, 3, 2)),
    )


def test_brainco_samples_come_back_in_one_block(rng: np.random.Generator) -> None:
    sent = [brainco_sample(number, rng) for number in range(1, 40)]
    stream = b"".join(brainco.encode_frame(b"") + brainco.encode_response(brainco.Response(samples=s)) for s in sent)
    payloads, rest, lost = brainco.read_frames(stream)
    assert (rest, lost) == (b"", 0)
    block = brainco.decode(payloads)
    assert block is not None
    assert block.sequence.tolist() == list(range(1, 40))
    for name in ("pressure", "acceleration_g", "angular_rate_dps", "shear"):
        assert np.allclose(getattr(block, name), np.concatenate([getattr(s, name) for s in sent]), rtol=1e-6), name
    lacking = np.isnan(block.resistance_ohm).all(axis=1)
    assert lacking.tolist() == [s.resistance_ohm is None for s in sent]
    assert brainco.decode([brainco.read_frames(brainco.encode_frame(b""))[0][0]]) is None


def test_brainco_frames_are_found_again_after_damage(rng: np.random.Generator) -> None:
    frames = [brainco.encode_response(brainco.Response(samples=brainco_sample(n, rng))) for n in range(5)]
    broken = bytearray(frames[2])
    broken[int(rng.integers(11, len(broken)))] ^= 1 << int(rng.integers(8))
    stream = b"BRN" + frames[0] + frames[1] + bytes(broken) + frames[3] + frames[4][:-1]
    payloads, rest, lost = brainco.read_frames(stream)
    assert [int(brainco.decode([payload]).sequence[0]) for payload in payloads] == [0, 1, 3]
    assert (rest, lost) == (frames[4][:-1], 3 + len(broken))
    pieces, held = [], b""
    for at in range(0, len(stream), 7):
        got, held, _ = brainco.read_frames(held + stream[at : at + 7])
        pieces += got
    assert pieces == payloads


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (protobuf.message(30, protobuf.field(1, 7)), "2 .left. or 3"),
        (protobuf.message(30, protobuf.field(1, 2) + protobuf.message(11, protobuf.packed(1, [5] * 47))), "48 values"),
        (protobuf.field(2, 9), "error: expected 0 to 8"),
        (protobuf.field(30, 5), "bytes in field 30, found int"),
        (protobuf.message(1, b"x"), "whole number in field 1"),
        (b"\x0b", "wire type 0, 1, 2 or 5"),
        (b"\x08" + b"\xff" * 11, "at most ten bytes"),
        (b"\x12\x05ab", "5 bytes in field 2, found 2"),
        (b"\x00\x01", "field number"),
    ],
)
def test_brainco_messages_that_are_none_are_refused(body: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        brainco.decode_response(body)


# ------------------------------------------------------------------ FAU, Velostat


@named("fau")
def test_fau_packets_mean_what_the_maker_says(vector: dict[str, Any]) -> None:
    samples = fau.decode(bytes.fromhex(vector["hex"]))
    for name in ("counter", "angular_rate", "acceleration", "air_pressure_hpa", "force"):
        assert is_near(getattr(samples, name), vector[name]), name
    again = fau.decode(fau.encode(samples))
    assert np.array_equal(again.counter, samples.counter)
    assert np.array_equal(again.air_pressure_hpa, samples.air_pressure_hpa)


def test_fau_samples_come_back(rng: np.random.Generator) -> None:
    n = int(rng.integers(1, 200))
    imu = rng.integers(-(2**15), 2**15, (2, n, 3))
    air = (rng.integers(-(2**15), 2**15, n) + 101_325) / 100
    sent = fau.Samples(np.arange(n) + 32_700, imu[0], imu[1], air, rng.integers(0, 256, (n, 3)))
    back = fau.decode(fau.encode(sent))
    assert back.counter.tolist() == (sent.counter % 2**15).tolist()
    for name in ("angular_rate", "acceleration", "air_pressure_hpa", "force"):
        assert is_near(getattr(back, name), getattr(sent, name)), name
    with pytest.raises(WireError, match="a multiple of 20 bytes, found 19"):
        fau.decode(bytes(19))


@named("velostat")
def test_velostat_mats_are_read_column_by_column(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    images = velostat.decode(raw, vector["rows"], vector["cols"])
    assert np.array_equal(np.squeeze(images), np.squeeze(vector["image"]))
    assert velostat.encode(images) == raw


def test_velostat_frames_are_what_follows_a_request(rng: np.random.Generator) -> None:
    sent = velostat.encode(rng.integers(0, 256, (3, 16, 16), dtype=np.uint8))
    state = velostat.requested(0.0)
    state, frame = velostat.heard(state, sent[:100], 0.01)
    assert frame is None
    state, frame = velostat.heard(state, sent[100:256], 0.02)
    assert frame == sent[:256]
    # a piece, then silence: it is lost, and what comes then is a frame of its own
    state, frame = velostat.heard(velostat.requested(1.0, state), sent[:200], 1.01)
    assert frame is None and not velostat.silent(state, 1.2) and velostat.silent(state, 1.3)
    state, frame = velostat.heard(state, sent[256:512], 1.5)
    assert (frame, state.lost) == (sent[256:512], 200)
    # a banner before the first request is lost, too
    state, _ = velostat.heard(state, b"Velostat 16x16 Streaming Ready\r\n", 1.51)
    assert velostat.requested(1.6, state).lost == 232
    with pytest.raises(WireError, match="a multiple of 16 × 16 bytes, found 255; a byte was lost"):
        velostat.decode(sent[:255])


# ------------------------------------------------------------------ Sensel


@named("sensel", kind="answer")
def test_sensel_answers_are_those_of_the_notes(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    answer = sensel.Answer(vector["register"], bytes.fromhex(vector["payload"]))
    assert sensel.read_answers(raw) == ([answer], b"", 0)
    assert sensel.encode_answer(answer, variable=True) == raw


@named("sensel", kind="frame")
def test_sensel_frames_are_those_of_the_notes(vector: dict[str, Any]) -> None:
    frame = sensel.decode_frame(bytes.fromhex(vector["hex"]), vector["detail"])
    assert (frame.counter, frame.time_us) == (vector["counter"], vector["time_us"])
    assert frame.pressure is not None and frame.pressure.shape == (27, 47)
    assert [[r, c, frame.pressure[r, c]] for r, c in np.argwhere(frame.pressure).tolist()] == vector["loaded"]


def test_sensel_requests_have_the_bytes_of_the_notes() -> None:
    assert sensel.read_register(sensel.FRAME).hex() == "812600"
    assert sensel.read_register(0x10, 2).hex() == "811002"
    assert sensel.write_register(sensel.SCAN_ENABLED, b"\x01").hex() == "0125010101"


@pytest.fixture(scope="module")
def capture(shared_data: Path) -> list[dict[str, Any]]:
    """515 frames of a real Morph at high detail, with all sections."""
    (file,) = (shared_data / "pressure" / "sensel").glob("*.json")
    return list(json.loads(file.read_text(encoding="utf-8"))["frames"])


def test_sensel_capture_is_read_to_the_last_byte(capture: list[dict[str, Any]]) -> None:
    payloads = [bytes.fromhex(frame["payload_hex"]) for frame in capture]
    stream = b"\x05\x25" + b"".join(sensel.encode_answer(sensel.Answer(0x26, p), True) for p in payloads)
    answers, rest, lost = sensel.read_answers(stream)
    assert (len(answers), rest, lost) == (516, b"", 0)
    pressed: list[bool] = []
    gravity = []
    for answer, told in zip(answers[1:], capture):
        assert sum(answer.payload) & 0xFF == told["checksum"]
        frame = sensel.decode_frame(answer.payload)
        assert (frame.counter, frame.time_us) == (told["rolling_counter"], told["timestamp_le"])
        assert frame.pressure is not None and frame.labels is not None and frame.contacts is not None
        gravity.append(np.linalg.norm(frame.acceleration_g))
        # a contact lies inside the sensor
        assert ((frame.contacts[:, 2:4] >= 0) & (frame.contacts[:, 2:4] <= sensel.ACTIVE_MM)).all()
        labelled = frame.labels != sensel.NO_LABEL
        assert set(frame.labels[labelled]) <= set(frame.contacts[:, 0])
        pressed += (frame.pressure[labelled] > 0).tolist()
    assert np.mean(pressed) > 0.85  # where a contact's label lies
    assert abs(np.median(gravity) - 1.0) < 0.05  # it lies on a table, though fingers tap on it


def test_sensel_pressure_is_written_as_the_device_writes_it(capture: list[dict[str, Any]]) -> None:
    for told in capture:
        payload = bytes.fromhex(told["payload_hex"])
        frame = sensel.decode_frame(payload)
        alone = sensel.encode_frame(sensel.MorphFrame(frame.counter, frame.time_us, frame.pressure), base=3)
        assert alone[6:] in payload
        assert np.array_equal(sensel.decode_frame(alone).pressure, frame.pressure)


def test_sensel_frames_come_back(rng: np.random.Generator) -> None:
    image = np.where(rng.random((27, 47)) < 0.3, rng.integers(1, 2**15, (27, 47)), 0).astype(np.uint16)
    contacts = np.array([[3, 2, 100.5, 20.25, 12.125, 400.0]])
    sent = sensel.MorphFrame(200, 2**32 - 1, image, None, contacts, np.array([0.0, 0.5, 1.0]))
    back = sensel.decode_frame(sensel.encode_frame(sent), detail=1)
    assert np.array_equal(back.pressure, image)
    assert np.array_equal(back.contacts, contacts)
    assert np.allclose(back.acceleration_g, sent.acceleration_g, atol=1e-4)


def test_sensel_answers_are_found_again_after_damage() -> None:
    good = [sensel.encode_answer(sensel.Answer(0x26, bytes([1, n, 0, 0, 0, 0, 3, 0xF5, 9])), True) for n in range(3)]
    broken = bytearray(good[1])
    broken[7] ^= 0x40
    answers, rest, lost = sensel.read_answers(good[0] + bytes(broken) + good[2] + good[0][:6], {sensel.FRAME})
    assert [answer.payload[1] for answer in answers] == [0, 2]
    assert (rest, lost) == (good[0][:6], len(broken))


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ("0100", "6 bytes or more"),
        ("010000000000" + "03f509" + "00", "1 bytes behind them; the grid may be"),
        ("010000000000" + "03f6 09", "a run that ends at 1270"),
        ("010000000000" + "03f5", "the end of the payload"),
        ("040000000000" + "0111", "at most 16"),
        ("080000000000" + "0000", "6 bytes"),
        ("020000000000" + "f60a", "a run that ends at"),
    ],
)
def test_sensel_frames_that_are_none_are_refused(payload: str, why: str) -> None:
    with pytest.raises(WireError, match=why):
        sensel.decode_frame(bytes.fromhex(payload), detail=1)
