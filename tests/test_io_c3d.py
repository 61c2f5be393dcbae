"""C3D files: force plates of three processors, integers and floats, and what is refused."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from footscan.errors import ReadError
from footscan.io import c3d, detect, read_geometry, read_recording

SAMPLE = "pressure/loadsol/test_poids.c3d"
PROCESSORS = {"intel": 84, "dec": 85, "sgi": 86}
UNITS = ("N", "N", "N", "Nmm", "Nmm", "Nmm")


def floats(processor: str, values: Any) -> bytes:
    """float32 as the processor writes them; DEC: VAX F, whose exponent is 2 higher and whose halves are swapped."""
    if processor != "dec":
        return np.asarray(values, ">f4" if processor == "sgi" else "<f4").tobytes()
    bits = np.asarray(values, "<f4").ravel().view("<u4").astype(np.uint32)
    bits = np.where(bits << 1 == 0, np.uint32(0), bits + (np.uint32(2) << 23))
    return np.column_stack([bits >> 16, bits & 0xFFFF]).astype("<u2").tobytes()


def integers(processor: str, values: Any) -> bytes:
    return np.asarray(values).astype(">i2" if processor == "sgi" else "<i2").tobytes()


class C3d:
    """A C3D made from numbers: parameters as (type, dimensions, data), which a test may change before it is written."""

    def __init__(
        self,
        analog: np.ndarray,
        processor: str = "intel",
        points: int = 2,
        per_frame: int = 4,
        rate_hz: float = 100.0,
        is_float: bool = True,
        scale: Any = 1.0,
        offset: Any = 0,
        general: float = 1.0,
        units: Sequence[str] = UNITS,
        first: int = 1,
    ) -> None:
        """analog (samples, channels) as stored, samples a multiple of ``per_frame``."""
        samples, channels = analog.shape
        self.processor, self.analog, self.points, self.per_frame = processor, analog, points, per_frame
        self.frames, self.is_float, self.rate_hz, self.first = samples // per_frame, is_float, rate_hz, first
        self.parameters: dict[str, tuple[int, list[int], Any]] = {
            "POINT:USED": (2, [], [points]),
            "POINT:SCALE": (4, [], [-0.1 if is_float else 0.1]),
            "POINT:RATE": (4, [], [rate_hz]),
            "POINT:FRAMES": (2, [], [self.frames]),
            "POINT:DATA_START": (2, [], [0]),
            "ANALOG:USED": (2, [], [channels]),
            "ANALOG:RATE": (4, [], [rate_hz * per_frame]),
            "ANALOG:GEN_SCALE": (4, [], [general]),
            "ANALOG:SCALE": (4, [channels], np.broadcast_to(scale, channels)),
            "ANALOG:OFFSET": (2, [channels], np.broadcast_to(offset, channels)),
            "ANALOG:UNITS": (-1, [4, channels], [*units, *["V"] * (channels - len(units))]),
            "FORCE_PLATFORM:USED": (2, [], [1]),
            "FORCE_PLATFORM:TYPE": (2, [1], [2]),
            "FORCE_PLATFORM:ZERO": (2, [2], [1, 0]),
            "FORCE_PLATFORM:CHANNEL": (2, [6, 1], [1, 2, 3, 4, 5, 6]),
        }

    def event(self, *events: tuple[str, str, float]) -> None:
        names, sides, times = zip(*events)
        self.parameters["EVENT:USED"] = (2, [], [len(events)])
        self.parameters["EVENT:LABELS"] = (-1, [12, len(events)], names)
        self.parameters["EVENT:CONTEXTS"] = (-1, [8, len(events)], sides)
        self.parameters["EVENT:TIMES"] = (4, [2, len(events)], [v for t in times for v in divmod(t, 60)])

    def data(self, kind: int, dimensions: list[int], values: Any) -> bytes:
        if kind == 4:
            return floats(self.processor, values)
        if kind == 2:
            return integers(self.processor, values)
        return b"".join(word.encode("latin-1").ljust(dimensions[0]) for word in values)

    def section(self) -> bytes:
        """All groups and parameters, padded to whole blocks."""
        order = ">" if self.processor == "sgi" else "<"
        groups = list(dict.fromkeys(key.split(":")[0] for key in self.parameters))
        records = [(name, -1 - n, b"\x00") for n, name in enumerate(groups)]
        for key, (kind, dimensions, values) in self.parameters.items():
            group, name = key.split(":")
            head = struct.pack("bB", kind, len(dimensions)) + bytes(dimensions)
            body = head + self.data(kind, dimensions, values) + b"\x00"
            records.append((name, 1 + groups.index(group), body))
        out = b""
        for n, (name, group, body) in enumerate(records):
            locked = -len(name) if n % 3 == 2 else len(name)
            after = 0 if n == len(records) - 1 else 2 + len(body)
            out += struct.pack("bb", locked, group) + name.encode() + struct.pack(f"{order}H", after) + body
        blocks = -(-(len(out) + 4) // 512)
        return (bytes([1, 80, blocks, PROCESSORS[self.processor]]) + out).ljust(blocks * 512, b"\0")

    def write(self) -> bytes:
        start = 2 + len(self.section()) // 512
        if self.parameters["POINT:DATA_START"][2] == [0]:
            self.parameters["POINT:DATA_START"] = (2, [], [start])
        rows = np.hstack(
            [np.full((self.frames, 4 * self.points), 3.0), self.analog.reshape(self.frames, -1)],
        )
        frames = floats(self.processor, rows) if self.is_float else integers(self.processor, rows)
        last = self.first + self.frames - 1
        words = [self.points, self.analog.shape[1] * self.per_frame, self.first, last, 0]
        header = b"\x02\x50" + integers(self.processor, words) + floats(self.processor, [0.1])
        header += integers(self.processor, [start, self.per_frame]) + floats(self.processor, [self.rate_hz])
        data = header.ljust(512, b"\0") + self.section() + frames
        return data.ljust(-(-len(data) // 512) * 512, b"\0")


def refused(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(ReadError) as error:
        c3d.read(path)
    message = str(error.value)
    assert "\n" not in message and path.name in message
    return message


# ------------------------------------------------------------------ the sample


def test_sample_has_five_plates_and_no_pressure(shared_data: Path) -> None:
    recording = read_recording(shared_data / SAMPLE)
    assert recording.format == "c3d" and recording.pressure == () and recording.events == ()
    assert [c.name for c in recording.channels] == [f"force_plate_{n}" for n in range(1, 6)]
    for found in recording.channels:
        assert found.values.shape == (13140, 6) and found.unit == "N, N mm"
        np.testing.assert_allclose(found.time_s, np.arange(13140) / 1000, atol=1e-9)
    assert "3 points" in " ".join(recording.notes)
    with pytest.raises(ReadError, match="a recording"):
        read_geometry(shared_data / SAMPLE)


def test_sample_is_what_stands_in_the_bytes(shared_data: Path) -> None:
    recording = read_recording(shared_data / SAMPLE)
    data = (shared_data / SAMPLE).read_bytes()
    points, analog, start, per_frame = (int.from_bytes(data[at : at + 2], "little") for at in (2, 4, 16, 18))
    rows = np.frombuffer(data, "<f4", offset=512 * (start - 1)).reshape(1314, 4 * points + analog)
    stored = rows[:, 4 * points :].reshape(1314 * per_frame, -1)  # scale 1, offset 0
    ours = np.hstack([c.values for c in recording.channels])
    np.testing.assert_array_equal(ours, stored)


def test_sample_shows_a_person_standing_still_on_plate_4(shared_data: Path) -> None:
    plate = read_recording(shared_data / SAMPLE).channels[3]
    down = -plate.values[:, 2]
    standing = (plate.time_s > 5) & (plate.time_s < 8)
    assert down[standing].mean() == pytest.approx(561, abs=1) and abs(down[:1500]).max() < 1


# ------------------------------------------------------------------ processors and storage


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("is_float", [True, False])
def test_every_processor_says_the_same(
    processor: str, is_float: bool, rng: np.random.Generator, tmp_path: Path
) -> None:
    path = tmp_path / "walk.c3d"
    frames, per_frame, spare = int(rng.integers(1, 40)), int(rng.integers(1, 11)), int(rng.integers(0, 4))
    stored = rng.integers(-32000, 32000, (frames * per_frame, 6 + spare)).astype(float)
    if is_float:
        stored *= rng.uniform(1e-6, 1e6)
        stored[0, :6] = [0.0, -0.0, 1.0, -1.0, 1e-30, -1e30]
        stored = stored.astype(np.float32).astype(float)
    scale = rng.uniform(1e-3, 10, 6 + spare).astype(np.float32)
    offset = rng.integers(-2000, 2000, 6 + spare)
    file = C3d(
        stored,
        processor,
        points=int(rng.integers(0, 5)),
        per_frame=per_frame,
        is_float=is_float,
        scale=scale,
        offset=offset,
        general=0.5,
    )
    path.write_bytes(file.write())
    assert detect(path).name == "c3d"
    recording = read_recording(path)
    (plate,) = recording.channels
    expected = (stored - offset) * (scale.astype(float) * 0.5)
    np.testing.assert_allclose(plate.values, expected[:, :6], rtol=1e-12)
    np.testing.assert_allclose(plate.time_s, np.arange(len(stored)) / (100 * per_frame), atol=1e-12)
    assert any("analog channels" in note for note in recording.notes) == (spare > 0)


@pytest.mark.parametrize("processor", PROCESSORS)
def test_integers_may_be_unsigned(processor: str, rng: np.random.Generator, tmp_path: Path) -> None:
    stored = rng.integers(0, 65536, (8, 6))
    file = C3d(stored, processor, is_float=False, offset=np.full(6, 40000 - 65536))
    file.parameters["ANALOG:FORMAT"] = (-1, [8], ["UNSIGNED"])
    (tmp_path / "a.c3d").write_bytes(file.write())
    values = c3d.read(tmp_path / "a.c3d").channels[0].values
    np.testing.assert_array_equal(values, stored.astype(float) - 40000)


def test_two_plates_in_any_order_of_channels_and_units(rng: np.random.Generator, tmp_path: Path) -> None:
    stored = rng.normal(0, 100, (12, 14)).astype(np.float32).astype(float)
    order = rng.permutation(14)[:12]
    units = np.array(["V"] * 14, dtype=object)
    units[order[:6]], units[order[6:]] = UNITS, ["N", "N", "N", "N.m", "Nm", "N m"]
    file = C3d(stored, units=units.tolist())
    file.parameters["FORCE_PLATFORM:USED"] = (2, [], [2])
    file.parameters["FORCE_PLATFORM:TYPE"] = (2, [2], [2, 2])
    file.parameters["FORCE_PLATFORM:CHANNEL"] = (2, [6, 2], order + 1)
    (tmp_path / "a.c3d").write_bytes(file.write())
    one, two = c3d.read(tmp_path / "a.c3d").channels
    np.testing.assert_allclose(one.values, stored[:, order[:6]], rtol=1e-12)
    np.testing.assert_allclose(two.values, stored[:, order[6:]] * [1, 1, 1, 1000, 1000, 1000], rtol=1e-12)


def test_plates_of_another_type_are_left_out_and_named(rng: np.random.Generator, tmp_path: Path) -> None:
    stored = rng.normal(0, 100, (4, 14))
    file = C3d(stored, units=(*["V"] * 8, *UNITS))
    file.parameters["FORCE_PLATFORM:USED"] = (2, [], [2])
    file.parameters["FORCE_PLATFORM:TYPE"] = (2, [2], [3, 2])
    file.parameters["FORCE_PLATFORM:CHANNEL"] = (2, [8, 2], [*range(1, 9), *range(9, 15), 0, 0])
    file.parameters["FORCE_PLATFORM:ZERO"] = (2, [2], [1, 10])
    (tmp_path / "a.c3d").write_bytes(file.write())
    recording = c3d.read(tmp_path / "a.c3d")
    assert [c.name for c in recording.channels] == ["force_plate_2"]
    np.testing.assert_allclose(recording.channels[0].values, stored[:, 8:], rtol=1e-6)
    notes = " ".join(recording.notes)
    assert "force plate 1 is of type 3" in notes and "frames 1 to 10" in notes


def test_events_become_marks_on_the_same_clock(tmp_path: Path) -> None:
    file = C3d(np.ones((400, 6)), first=101)
    file.event(("Foot Off", "Right", 61.5), ("Foot Strike", "Left", 1.25), ("Turn", "General", 1.5))
    (tmp_path / "a.c3d").write_bytes(file.write())
    recording = c3d.read(tmp_path / "a.c3d")
    found = [(event.name, event.time_s, event.side) for event in recording.events]
    assert found == [("heel_strike", 1.25, "left"), ("Turn", 1.5, "unknown"), ("toe_off", 61.5, "right")]
    assert recording.channels[0].time_s[0] == pytest.approx(1.0)  # frame 101 of the recording


@pytest.mark.parametrize("how", ["int", "float", "long", "trial", "none"])
def test_long_recordings_say_how_long(how: str, tmp_path: Path) -> None:
    frames = {"int": 40000, "none": 500}.get(how, 70000)
    file = C3d(np.ones((frames, 6)), points=0, per_frame=1, is_float=False)
    if how == "float":
        file.parameters["POINT:FRAMES"] = (4, [], [float(frames)])
    elif how == "none":
        del file.parameters["POINT:FRAMES"]
    elif how != "int":
        file.parameters["POINT:FRAMES"] = (2, [], [65535])
        if how == "long":
            file.parameters["POINT:LONG_FRAMES"] = (4, [], [float(frames)])
        else:
            file.parameters["TRIAL:ACTUAL_START_FIELD"] = (2, [2], [1, 0])
            file.parameters["TRIAL:ACTUAL_END_FIELD"] = (2, [2], [frames % 65536, frames // 65536])
    (tmp_path / "a.c3d").write_bytes(file.write())
    assert len(c3d.read(tmp_path / "a.c3d").channels[0].time_s) == frames


# ------------------------------------------------------------------ what is refused


def test_a_c3d_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.c3d"
    analog = np.arange(480.0).reshape(80, 6)
    good = C3d(analog).write()
    path.write_bytes(good)
    c3d.read(path)
    changes: list[tuple[str, tuple[int, list[int], Any] | None, str]] = [
        ("POINT:FRAMES", (2, [], [50]), "50 frames"),
        ("POINT:FRAMES", (2, [], [19]), "19 frames"),
        ("POINT:FRAMES", (4, [], [1e9]), "1000000000 frames"),
        ("POINT:FRAMES", (4, [], [19.5]), "a count in POINT:FRAMES"),
        ("POINT:USED", (2, [], [3]), "POINT:USED 2"),
        ("ANALOG:USED", (2, [], [7]), "ANALOG:USED 6"),
        ("ANALOG:RATE", (4, [], [1000.0]), "an ANALOG:RATE of 4 times"),
        ("POINT:RATE", (4, [], [0.0]), "POINT:RATE"),
        ("POINT:RATE", (4, [], [np.nan]), "finite numbers in POINT:RATE"),
        ("POINT:RATE", (-1, [3], ["100"]), "numbers in POINT:RATE"),
        ("POINT:SCALE", None, "a parameter POINT:SCALE"),
        ("POINT:SCALE", (4, [], [0.1]), "frames of"),
        ("ANALOG:SCALE", (4, [2], [1.0, 1.0]), "SCALE and OFFSET"),
        ("ANALOG:UNITS", (-1, [4, 6], ["V"] * 6), "forces in N"),
        ("ANALOG:UNITS", (-1, [4, 6], ["N"] * 6), "moments in Nmm"),
        ("ANALOG:UNITS", None, "forces in N"),
        ("FORCE_PLATFORM:USED", (2, [], [0]), "no load of a foot"),
        ("FORCE_PLATFORM:USED", (2, [], [2]), "2 force plates"),
        ("FORCE_PLATFORM:TYPE", (2, [1], [1]), "type 2"),
        ("FORCE_PLATFORM:CHANNEL", (2, [6, 1], [1, 2, 3, 4, 5, 7]), "from 1 to 6"),
        ("FORCE_PLATFORM:CHANNEL", (2, [6, 1], [1, 2, 3, 4, 5, 0]), "from 1 to 6"),
        ("FORCE_PLATFORM:CHANNEL", (2, [6, 1], [1, 2, 3, 4, 5, 5]), "from 1 to 6"),
    ]
    for key, value, says in changes:
        file = C3d(analog)
        file.parameters.pop(key)
        if value is not None:
            file.parameters[key] = value
        assert says in refused(path, file.write()), (key, value)


def test_damaged_bytes_of_a_c3d_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.c3d"
    analog = np.arange(480.0).reshape(80, 6)
    good = C3d(analog).write()
    nan = analog.copy()
    nan[17, 3] = np.nan
    shared = C3d(analog)
    shared.parameters["FORCE_PLATFORM:USED"] = (2, [], [2])
    shared.parameters["FORCE_PLATFORM:TYPE"] = (2, [2], [2, 2])
    shared.parameters["FORCE_PLATFORM:CHANNEL"] = (2, [6, 2], [1, 2, 3, 4, 5, 6] * 2)
    late = C3d(analog)
    late.event(("Foot Off", "Left", 1.0))
    late.parameters["EVENT:USED"] = (2, [], [3])
    cases = [
        (good[:-1024], "bytes"),
        (good[:1024], "found 0 bytes"),
        (good[:1023], "something else"),
        (good + b"\0" * 1024, "bytes"),
        (b"\0" + good[1:], "something else"),
        (good[:515] + b"\x07" + good[516:], "Intel, DEC or SGI"),
        (good[:514] + b"\xff" + good[515:], "blocks of parameters"),
        (good.replace(b"POINT", b"POINT\xff\xff", 1)[: len(good)], "within its blocks"),
        (good[:18] + b"\x07\0" + good[20:], "ANALOG:USED 3"),
        (C3d(nan).write(), "finite samples of analog channel 4"),
        (shared.write(), "of their own"),
        (late.write(), "of 3 events"),
    ]
    for data, says in cases:
        assert data != good
        assert says in refused(path, data), says


def test_text_and_other_binary_files_are_no_c3d(tmp_path: Path) -> None:
    for head in (b"SPHERE", b"OPEN", b"xP", b"\x02P", b"\x02\x50" + b"\0" * 509 + b"\x50"):
        assert not c3d.sniff(head.ljust(4096, b" "), 4096)


def test_injured_c3ds_are_refused_or_sound(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "a.c3d"
    samples = []
    for processor in PROCESSORS:
        for is_float in (True, False):
            file = C3d(rng.integers(-999, 999, (40, 8)).astype(float), processor, is_float=is_float)
            file.event(("Foot Strike", "Left", 0.02))
            samples.append(file.write())
    for number in range(2000):
        data = bytearray(samples[number % len(samples)])
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(0, len(data) if rng.random() < 0.2 else 1700))
            data[at : at + int(rng.integers(0, 3))] = rng.bytes(int(rng.integers(0, 3)))
        path.write_bytes(bytes(data[: int(rng.integers(0, len(data)))] if rng.random() < 0.1 else data) or b"x")
        try:
            recording = c3d.read(path)
        except ReadError as error:
            assert "\n" not in str(error)
            continue
        for found in recording.channels:
            assert np.isfinite(found.values).all() and (np.diff(found.time_s) > 0).all()
