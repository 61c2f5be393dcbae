"""Frames of our own protocol: golden vectors, damage, resynchronisation, pieces of any size."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import wire_frames

from firmware_bridge import codec
from firmware_bridge.codec import Frame, FrameReader, encode_frame, read_frames
from firmware_bridge.errors import WireError

ROOT = Path(__file__).resolve().parents[1]
VECTORS = wire_frames.read_vectors("wire")["vectors"]
STREAM = b"".join(bytes.fromhex(v["frame"]) for v in VECTORS)


def some_frames(rng: np.random.Generator, count: int, smallest: int = 0, largest: int = 300) -> list[Frame]:
    sizes = rng.integers(smallest, largest + 1, count)
    return [
        Frame(int(rng.integers(256)), rng.bytes(int(size)), number & 0xFFFF, int(rng.integers(2**32)))
        for number, size in enumerate(sizes)
    ]


def test_golden_vectors_are_what_the_words_of_the_protocol_make() -> None:
    assert wire_frames.vectors() == VECTORS
    assert wire_frames.crc32c(b"123456789") == codec.crc32c(b"123456789") == 0xE3069283  # the catalogue's check value


def test_every_golden_frame_is_written_and_read() -> None:
    for vector in VECTORS:
        raw = bytes.fromhex(vector["frame"])
        frame = Frame(vector["type"], bytes.fromhex(vector["payload"]), vector["sequence"], vector["time_us"])
        assert encode_frame(frame) == raw, vector["name"]
        assert read_frames(raw) == codec.Reading([frame], b"", 0, 0), vector["name"]


def test_any_frame_is_that_of_the_slow_implementation(rng: np.random.Generator) -> None:
    for frame in some_frames(rng, 30):
        assert encode_frame(frame) == wire_frames.frame(frame.type, frame.payload, frame.sequence, frame.time_us)


def test_the_numbers_of_the_protocol_page_are_those_of_the_code() -> None:
    page = (ROOT / "firmware_bridge" / "PROTOCOL.md").read_text(encoding="utf-8")
    told = {
        name.strip(): int(code, 16) for code, name in re.findall(r"^\| `0x([0-9a-f]{2})` \| ([a-z ]+) \|", page, re.M)
    }
    from firmware_bridge import control, records

    known = {name: code for code, name in control.NAMES.items()}
    for name in ("PRESSURE_GRID", "PRESSURE_CELLS", "IMU", "ENVIRONMENT", "POSITION", "BATTERY", "MEMORY", "MARK"):
        known[name.lower().replace("_", " ")] = getattr(records, name)
    known |= {"time request": records.TIME_REQUEST, "time reply": records.TIME_REPLY, "chunk": records.CHUNK}
    assert told == known
    header = (ROOT / "firmware_bridge" / "c" / "plantar_wire.h").read_text(encoding="utf-8")
    in_c = {name: int(code, 16) for name, code in re.findall(r"PW_(\w+) = 0x([0-9A-F]{2})", header)}
    assert {
        name.replace(" ", "_").replace("acknowledgement", "ack").upper(): code for name, code in told.items()
    } == in_c


# ------------------------------------------------------------------ a stream in pieces


def test_whole_bytewise_and_in_pieces_give_the_same(rng: np.random.Generator) -> None:
    frames = some_frames(rng, 40)
    noise = [rng.bytes(int(rng.integers(0, 30))) for _ in frames]
    stream = b"".join(encode_frame(f) + n for f, n in zip(frames, noise)) + b"\xc3"
    seen = []
    for size in (len(stream), 1, 2, 13, 997):
        reader = FrameReader()
        got = [f for at in range(0, len(stream), size) for f in reader.feed(stream[at : at + size])] + reader.finish()
        seen.append((got, reader.skipped, reader.damaged))
    assert seen[0][0] == frames
    assert all(one == seen[0] for one in seen)
    assert seen[0][1] == sum(map(len, noise)) + 1


def test_text_of_a_boot_loader_is_passed_over_and_counted() -> None:
    banner = "ESP-ROM: boot: 0x8 ÃZ…\r\n".encode()
    reading = read_frames(banner + STREAM)
    assert (len(reading.frames), reading.skipped) == (len(VECTORS), len(banner))


def test_a_frame_waits_until_it_is_whole() -> None:
    reader = FrameReader()
    assert reader.feed(STREAM[:-1])[-1].sequence == VECTORS[-2]["sequence"]
    assert [f.sequence for f in reader.feed(STREAM[-1:])] == [VECTORS[-1]["sequence"]]


def test_counts_go_on_over_the_wrap(rng: np.random.Generator) -> None:
    true = np.cumsum(rng.integers(-200, 1500, 400)) + 70_000
    held, wrap = int(true[0]), codec.SEQUENCE_WRAP
    for count in true:
        held = codec.unwrapped(held, int(count) % wrap, wrap)
        assert held == count
    assert codec.unwrapped(2**32 - 5, 3, codec.TIME_WRAP_US) == 2**32 + 3
    assert codec.unwrapped(2**32 + 3, 2**32 - 5, codec.TIME_WRAP_US) == 2**32 - 5


# ------------------------------------------------------------------ damage


def flipped(raw: bytes, *bits: int) -> bytes:
    out = bytearray(raw)
    for bit in bits:
        out[bit >> 3] ^= 1 << (bit & 7)
    return bytes(out)


def test_every_single_bit_error_is_caught(rng: np.random.Generator) -> None:
    for raw in (encode_frame(Frame(0x10, rng.bytes(2000))), *(bytes.fromhex(v["frame"]) for v in VECTORS)):
        for bit in range(8 * len(raw)):
            assert read_frames(flipped(raw, bit), ended=True).frames == [], bit


def test_every_double_bit_error_of_a_64_byte_frame_is_caught(rng: np.random.Generator) -> None:
    raw = encode_frame(Frame(0x11, rng.bytes(64 - codec.OVERHEAD), 7, 8))
    assert len(raw) == 64
    for pair in itertools.combinations(range(8 * 64), 2):
        assert read_frames(flipped(raw, *pair), ended=True).frames == [], pair


def test_a_hundred_thousand_double_bit_errors_are_caught(rng: np.random.Generator) -> None:
    frames = [encode_frame(frame) for frame in some_frames(rng, 100, largest=600)]
    for raw in frames:
        for first, second in rng.integers(0, 8 * len(raw), (1000, 2)).tolist():
            if first != second:
                assert read_frames(flipped(raw, first, second), ended=True).frames == [], (first, second)


def test_the_check_of_the_header_misses_no_two_bits() -> None:
    """The check is linear: a pattern of errors is missed when its own remainder and the check's flips agree."""
    zero = codec.crc32c(bytes(10)) & 0xFFFF
    ones = [(codec.crc32c(flipped(bytes(10), bit)) & 0xFFFF) ^ zero for bit in range(80)]
    ones += [1 << bit for bit in range(16)]
    assert 0 not in ones
    assert len(set(ones)) == len(ones)


def damaged(raw: bytes, rng: np.random.Generator) -> bytes:
    """One frame with bits turned over, bytes lost or bytes too many."""
    at = int(rng.integers(len(raw)))
    kind = rng.integers(3)
    if kind == 0:
        return flipped(raw, *(int(bit) for bit in rng.choice(8 * len(raw), int(rng.integers(1, 9)), replace=False)))
    if kind == 1:
        return raw[:at] + raw[at + int(rng.integers(1, 40)) :]
    return raw[:at] + rng.bytes(int(rng.integers(1, 40))) + raw[at:]


def test_after_damage_the_very_next_frame_is_read_in_time(rng: np.random.Generator) -> None:
    for _ in range(300):
        frames = some_frames(rng, 6, smallest=60)
        raws = [encode_frame(frame) for frame in frames]
        hit = int(rng.integers(4))
        while raws[hit] == (broken := damaged(raws[hit], rng)):
            pass
        reader = FrameReader()
        got = reader.feed(b"".join(raws[:hit]) + broken + raws[hit + 1] + raws[hit + 2])
        # bytes put in before or after a frame leave it whole
        whole = raws[hit] in broken
        assert got[: hit + 1 + whole] == frames[:hit] + frames[hit + 1 - whole : hit + 2]
        got += reader.feed(b"".join(raws[hit + 3 :])) + reader.finish()
        assert got == frames[:hit] + frames[hit + 1 - whole :]


def test_a_frame_inside_a_damaged_one_is_not_taken_for_one_of_the_stream() -> None:
    inner = encode_frame(Frame(0x15, b"\x57\x02\x48\x0f", 99, 1))
    outer = encode_frame(Frame(0x22, bytes(10) + inner + bytes(20), 1, 2))
    after = encode_frame(Frame(0x17, b"\x00\x00", 2, 3))
    reading = read_frames(flipped(outer, 8 * (len(outer) - 10)) + after)
    assert [f.sequence for f in reading.frames] == [2]
    assert (reading.skipped, reading.damaged) == (len(outer), 1)


def test_a_damaged_length_is_not_waited_for() -> None:
    raw = bytearray(encode_frame(Frame(0x15, b"\x57\x02\x48\x0f")))
    raw[4:6] = (30_000).to_bytes(2, "little")
    assert len(read_frames(bytes(raw) + STREAM[:100]).frames) >= 1


def test_a_frame_that_does_not_fit_is_refused() -> None:
    with pytest.raises(WireError, match="payload of at most 32768 bytes, found 32769; split it"):
        encode_frame(Frame(0x10, bytes(32_769)))
    for wrong in (Frame(256, b""), Frame(1, b"", 65_536), Frame(1, b"", 0, -1), Frame(1, b"", version=300)):
        with pytest.raises(WireError, match="16, time in 32"):
            encode_frame(wrong)


@pytest.mark.prove
def test_every_double_bit_error_of_every_golden_frame_is_caught() -> None:
    for vector in VECTORS:
        raw = bytes.fromhex(vector["frame"])
        for pair in itertools.combinations(range(8 * len(raw)), 2):
            assert read_frames(flipped(raw, *pair), ended=True).frames == [], (vector["name"], pair)
