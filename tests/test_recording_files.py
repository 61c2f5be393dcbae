"""pedar, F-Scan and I-Scan files, and our own CSV: what they hold, what they refuse, what comes back when written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import recording_texts as texts
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from footscan.errors import ReadError
from footscan.io import detect, fscan, pedar, plantar_csv, read_recording, write_recording
from footscan.io.layouts import PEDAR_SIZES, grid_layout, pedar_layout, pedar_scale_mm, pedar_sensors, polygon_areas
from footscan.io.recording_text import shortest, side_of_name
from footscan.types import Channel, Event, PressureRecording, Recording, SensorLayout, Side

PEDAR = "pressure/pedar/pedar_example.asc"
FSCAN = "pressure/fscan/FrasP01L.asf"
ISCAN = "pressure/iscan/iscan_test.csv"


def refused(path: Path, data: bytes, read: Callable[[Path], Recording]) -> str:
    """The one line that a reader answers with."""
    path.write_bytes(data)
    with pytest.raises(ReadError) as error:
        read(path)
    message = str(error.value)
    assert "\n" not in message and path.name in message
    return message


def same(a: Recording, b: Recording) -> None:
    """Two recordings are equal, value for value (a value under a missing cell means nothing)."""
    assert (a.start_utc, a.clock, a.format, a.source, a.events) == (b.start_utc, b.clock, b.format, b.source, b.events)
    assert len(a.pressure) == len(b.pressure) and len(a.channels) == len(b.channels)
    for p, q in zip(a.pressure, b.pressure):
        assert (p.unit, p.side, p.side_from, p.full_scale) == (q.unit, q.side, q.side_from, q.full_scale)
        np.testing.assert_array_equal(p.time_s, q.time_s)
        assert (p.valid is None) == (q.valid is None)
        shown = np.ones(p.values.shape, bool) if p.valid is None else p.valid
        if p.valid is not None and q.valid is not None:
            np.testing.assert_array_equal(p.valid, q.valid)
        np.testing.assert_array_equal(p.values[shown], q.values[shown])
        for name in ("xy_mm", "area_mm2", "corners_mm", "index"):
            x, y = getattr(p.layout, name), getattr(q.layout, name)
            assert (x is None) == (y is None)
            if x is not None:
                np.testing.assert_array_equal(x, y)
        assert (p.layout.frame, p.layout.shape, p.layout.positions) == (
            q.layout.frame,
            q.layout.shape,
            q.layout.positions,
        )
    for c, d in zip(a.channels, b.channels):
        assert (c.name, c.unit, c.side) == (d.name, d.unit, d.side)
        np.testing.assert_array_equal(c.time_s, d.time_s)
        np.testing.assert_array_equal(c.values, d.values)


# ------------------------------------------------------------------ layouts


def test_pedar_sensors_are_numbered_from_the_medial_heel() -> None:
    for side, medial in (("left", -1.0), ("right", 1.0)):
        xy = pedar_layout("x", side).xy_mm
        assert xy[0, 1] * medial == max(xy[:5, 1] * medial)  # sensor 1: the heel's first row, most medial
        assert xy[:5, 0].max() < xy[5:, 0].min() and xy[-4:, 0].min() > xy[:-4, 0].max()
        assert 0 < xy[:, 0].min() < 15 and abs(xy[:, 1]).max() < 50


def test_pedar_left_is_the_mirror_of_right() -> None:
    left, right = pedar_layout("w", "left"), pedar_layout("w", "right")
    np.testing.assert_array_equal(left.xy_mm, right.xy_mm * [1, -1])
    np.testing.assert_array_equal(left.area_mm2, right.area_mm2)


@pytest.mark.parametrize("size", PEDAR_SIZES)
def test_pedar_polygons_are_as_large_as_their_areas_together(size: str) -> None:
    layout = pedar_layout(size, "left")
    assert layout.corners_mm is not None and layout.area_mm2 is not None
    assert polygon_areas(layout.corners_mm).sum() == pytest.approx(layout.area_mm2.sum())
    assert 200 < np.ptp(layout.corners_mm[..., 0]) < 300 and pedar_scale_mm(size) > 0


@pytest.mark.parametrize("size", [*PEDAR_SIZES, ""])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_pedar_layout_is_known_by_its_places(size: str, side: Side, rng: np.random.Generator) -> None:
    numbers = rng.permutation(99)[:40] + 1
    found = pedar_sensors(pedar_layout(size, side, numbers.tolist()))
    assert found is not None and found[:2] == (size or None, side)
    np.testing.assert_array_equal(found[2], numbers)


def test_a_grid_is_seen_from_above_with_the_toes_first() -> None:
    layout = grid_layout(3, 2, 5.0, 4.0, frame="insole")
    np.testing.assert_allclose(layout.xy_mm[0], [12.5, 2.0])  # row 0: toes; column 0: the wearer's left
    np.testing.assert_allclose(layout.xy_mm[-1], [2.5, -2.0])
    assert layout.area_mm2 is not None and layout.area_mm2.tolist() == [20.0] * 6
    assert grid_layout(3, 2, 5.0, 4.0, toes_first=False).xy_mm[0, 0] == 2.5


@pytest.mark.parametrize(
    ("name", "side"),
    [
        (r"C:\TEKSCAN\MOVIES\FrasP01L.fsx", "left"),
        ("walk_r", "right"),
        ("walkR.fsx", "right"),
        ("anna-left/03 l.fsx", "left"),
        ("FLOOR.fsx", "unknown"),
        ("trial.asf", "unknown"),
        ("control", "unknown"),
        ("P01", "unknown"),
        ("L", "unknown"),
        ("", "unknown"),
    ],
)
def test_side_from_a_recorded_name(name: str, side: str) -> None:
    assert side_of_name(name) == side


# ------------------------------------------------------------------ the samples


def test_pedar_sample(shared_data: Path) -> None:
    recording = read_recording(shared_data / PEDAR)
    left, right = recording.pressure
    assert (recording.format, left.side, right.side, left.side_from) == ("pedar", "left", "right", "content")
    for part in (left, right):
        assert part.values.shape == (1505, 99) and part.unit == "kPa" and part.valid is None
        assert part.rate_hz == pytest.approx(100.0) and part.time_s[0] == 0.01 and part.time_s[-1] == 15.05
        assert part.layout.area_mm2 is not None
    force = [float((p.values.astype(float) @ p.layout.area_mm2).max()) / 1000 for p in (left, right)]
    np.testing.assert_allclose(force, [850.1, 987.8], atol=0.05)
    assert (left.values.max(), right.values.max()) == (150.0, 247.5)
    assert left.values[0, :3].tolist() == [32.5, 40.0, 40.0]


def test_pedar_sample_comes_back_to_the_printed_digits(shared_data: Path, tmp_path: Path) -> None:
    sample, copy = shared_data / PEDAR, tmp_path / "copy.asc"
    recording = read_recording(sample)
    write_recording(copy, recording)
    body, written = (path.read_bytes().split(b"\n", 9)[9].rstrip(b"\n") for path in (sample, copy))
    assert written == body
    for a, b in zip(recording.pressure, read_recording(copy).pressure):
        np.testing.assert_array_equal(a.values, b.values)
        np.testing.assert_array_equal(a.layout.xy_mm, b.layout.xy_mm)


def test_fscan_sample(shared_data: Path) -> None:
    part = read_recording(shared_data / FSCAN).pressure[0]
    assert (part.side, part.side_from, part.unit, part.full_scale) == ("left", "filename", "kPa", 1514.73)
    assert len(part.time_s) == 205 and part.layout.shape == (60, 21) and part.layout.frame == "insole"
    assert np.diff(part.time_s) == pytest.approx(np.full(204, 0.032)) and part.valid is None
    assert part.values.max() == 760.0 and part.layout.area_mm2 is not None
    assert float((part.values.astype(float) @ part.layout.area_mm2).max()) / 1000 == pytest.approx(924.4, abs=0.05)
    assert len(part.layout.xy_mm) == 955  # the other 305 cells of the grid are B: no sensel
    big_toe = part.layout.xy_mm[(part.layout.xy_mm[:, 0] > 240) & (part.values.max(axis=0) > 200)]
    assert (
        big_toe[:, 1].mean() < part.layout.xy_mm[part.values.max(axis=0) > 0][:, 1].mean()
    )  # medial of a left foot: −y


def test_fscan_sample_comes_back_to_the_printed_digits(shared_data: Path, tmp_path: Path) -> None:
    sample, copy = shared_data / FSCAN, tmp_path / "copy.asf"
    recording = read_recording(sample)
    write_recording(copy, recording)
    lines = [path.read_bytes().replace(b"\r", b"").partition(b"ASCII_DATA @@")[2].split() for path in (sample, copy)]
    assert lines[0] == lines[1]
    again = read_recording(copy).pressure[0]
    assert (again.side, again.full_scale) == ("left", 1514.73)
    np.testing.assert_array_equal(again.layout.xy_mm, recording.pressure[0].layout.xy_mm)
    np.testing.assert_array_equal(again.time_s, recording.pressure[0].time_s)


def test_iscan_sample_is_raw_and_has_its_own_time(shared_data: Path) -> None:
    part = read_recording(shared_data / ISCAN).pressure[0]
    assert (part.unit, part.side, part.layout.frame, part.layout.shape) == ("raw", "unknown", "plate", (28, 28))
    assert len(part.time_s) == 309 and part.time_s[-1] == 31.1 and part.values[0].sum() == 310
    assert part.layout.area_mm2 is not None and part.layout.area_mm2[0] == pytest.approx(1.6129)


@pytest.mark.parametrize("name", [PEDAR, FSCAN, ISCAN])
def test_samples_through_our_csv(name: str, shared_data: Path, tmp_path: Path) -> None:
    recording, copy = read_recording(shared_data / name), tmp_path / "copy.csv"
    write_recording(copy, recording)
    assert detect(copy).name == "csv"
    same(recording, read_recording(copy))
    first = copy.read_bytes()
    write_recording(copy, recording)
    assert copy.read_bytes() == first


# ------------------------------------------------------------------ pedar


def walk(frames: int = 4, cells: int = 99) -> np.ndarray:
    return np.round(np.random.default_rng(5).uniform(0, 300, (frames, cells)) / 2.5) * 2.5


def test_pedar_masks_say_which_cells_there_are(tmp_path: Path) -> None:
    path = tmp_path / "walk.asc"
    path.write_bytes(texts.pedar(walk(3, 4), walk(3, 2), masks=([9, 1, 50, 99], [7, 8])))
    left, right = pedar.read(path).pressure
    np.testing.assert_array_equal(left.layout.xy_mm, pedar_layout("x", "left").xy_mm[[8, 0, 49, 98]])
    np.testing.assert_array_equal(right.layout.xy_mm, pedar_layout("x", "right").xy_mm[[6, 7]])
    np.testing.assert_array_equal(left.values, walk(3, 4))


def test_pedar_of_one_foot(tmp_path: Path) -> None:
    path = tmp_path / "walk.asc"
    path.write_bytes(texts.pedar(None, walk()))
    (part,) = pedar.read(path).pressure
    assert part.side == "right"
    pedar.write(tmp_path / "again.asc", pedar.read(path))
    np.testing.assert_array_equal(pedar.read(tmp_path / "again.asc").pressure[0].values, walk())


def test_pedar_of_an_unpublished_size_has_no_area(tmp_path: Path) -> None:
    path = tmp_path / "walk.asc"
    path.write_bytes(texts.pedar(walk(), walk(), size="tz"))
    left = pedar.read(path).pressure[0]
    assert left.layout.area_mm2 is None and left.layout.positions == "arbitrary"


def test_pedar_reads_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "walk.asc"
    path.write_bytes(texts.pedar(walk(), walk()).replace(b"\n", b"\r\n"))
    np.testing.assert_array_equal(pedar.read(path).pressure[0].values, walk())


GOOD = texts.pedar(walk(), walk())
LAST = GOOD.rstrip().rfind(b"\n") + 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (GOOD[: LAST + 300], "cut off"),
        (GOOD[:LAST], "4 frames"),
        (GOOD[: len(GOOD.rstrip()) - 2], "cut off"),
        (GOOD.replace(b"total time [secs]:   0.080", b"total time [secs]:   9.000"), "450 frames"),
        (GOOD.replace(b"0.080", b"0,080"), "decimal comma"),
        (GOOD[:LAST] + GOOD[LAST:].replace(b".", b","), "decimal comma"),
        (GOOD.replace(b"kPa", b"N/cm2"), "export in kPa"),
        (GOOD.replace(b"     0.06000", b"     0.03000"), "forwards"),
        (GOOD.replace(b"     0.06000", b"     0.04000"), "forwards"),
        (GOOD.replace(b"0.02000\tsc", b"0.05000\tsc"), "scanning rate"),
        (GOOD[:LAST] + GOOD[LAST:].replace(b"\t ", b"\t-", 1), "0 kPa or more"),
        (GOOD[:LAST] + GOOD[LAST:].replace(b".", b"x", 3), "number"),
        (GOOD[:LAST] + b"     0.08000\t" + b"    nan\t" * 198 + b"\n", "number"),
        (GOOD[:LAST] + b"     0.08000\t" + b"  1e999\t" * 197 + b"  0.000\t\n", "kPa or more"),
        (GOOD.replace(b"right insole: 1,", b"right insole: "), "columns"),
        (GOOD.replace(b"right insole: 1,", b"right insole: 100,"), "1 to 99"),
        (GOOD.replace(b"left insole: 1,", b"left insole: 2,"), "each once"),
        (GOOD.replace(b"right insole:", b"wrong insole:"), "right insole"),
        (GOOD.replace(b"sensor type:", b"sensor kind:"), "sensor type"),
        (GOOD.replace(b"time[secs]", b"frame"), "time[secs]"),
        (GOOD[: GOOD.index(b"     0.02000")], "frames of pressure"),
        (texts.pedar(walk(), None), None),
        (b"file name: x\nsensor type: y\nscanning rate\n", "time[secs]"),
        (b"", "empty"),
        (b"\0" * 5000, "time[secs]"),
    ],
)
def test_pedar_refuses(data: bytes, says: str | None, tmp_path: Path) -> None:
    path = tmp_path / "walk.asc"
    if says is None:  # one foot alone is no fault
        path.write_bytes(data)
        assert len(pedar.read(path).pressure) == 1
    else:
        assert says in refused(path, data, pedar.read)


def test_pedar_with_the_columns_of_one_foot_missing(tmp_path: Path) -> None:
    lines = GOOD.split(b"\n")
    cut = [line if k < 10 or not line else b"\t".join(line.split(b"\t")[:100]) for k, line in enumerate(lines)]
    message = refused(tmp_path / "walk.asc", b"\n".join(cut), pedar.read)
    assert "199 numbers" in message and "found 100" in message and "line 11" in message


def test_another_vendors_file_is_no_pedar(shared_data: Path) -> None:
    for name in (
        "pliance/pliance_test.asc",
        "emed/emed_test.lst",
        "moticon/230927_102114.txt",
        "xsensor/xsensor_data.csv",
    ):
        with open(shared_data / "pressure" / name, "rb") as file:
            head = file.read(4096)
        assert not any(reader.sniff(head, 10**6) for reader in (pedar, fscan, plantar_csv))
        with pytest.raises(ReadError, match="expected"):
            pedar.read(shared_data / "pressure" / name)


def test_pedar_holds_pedar_only(tmp_path: Path) -> None:
    plate = PressureRecording(np.zeros((2, 4)), "kPa", np.arange(2.0), grid_layout(2, 2, 5.0, 5.0))
    with pytest.raises(ValueError, match="pedar insoles"):
        pedar.write(tmp_path / "no.asc", Recording((plate,), format="plate"))
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------ Tekscan


def movie(frames: int = 3) -> np.ndarray:
    return np.random.default_rng(6).integers(0, 700, (frames, 4, 3)).astype(float)


def test_fscan_cells_without_sensel_are_no_part_of_the_layout(tmp_path: Path) -> None:
    path, absent = tmp_path / "m.asf", np.zeros((4, 3), bool)
    absent[0, 0] = absent[3, 2] = True
    path.write_bytes(texts.fscan(movie(), absent))
    part = fscan.read(path).pressure[0]
    assert part.layout.index is not None and part.layout.index.tolist() == list(range(1, 11)) and part.valid is None
    np.testing.assert_array_equal(part.values, movie().reshape(3, 12)[:, 1:11])


def test_fscan_cell_that_is_missing_in_some_frames_is_masked(tmp_path: Path) -> None:
    path = tmp_path / "m.asf"
    lines = texts.fscan(movie(), end="\n").split(b"\n")
    at = lines.index(b"Frame 2") + 1
    lines[at] = b"B," + lines[at].split(b",", 1)[1]
    path.write_bytes(b"\n".join(lines))
    part = fscan.read(path).pressure[0]
    assert part.valid is not None and part.valid.sum() == part.valid.size - 1 and not part.valid[1, 0]
    write_recording(tmp_path / "n.asf", fscan.read(path))
    same_again = read_recording(tmp_path / "n.asf").pressure[0]
    np.testing.assert_array_equal(same_again.valid, part.valid)


def test_fscan_units(tmp_path: Path) -> None:
    path = tmp_path / "m.asf"
    for unit, factor in (("PSI", 6.894757), ("mmHg", 0.1333224), ("N/cm2", 10.0)):
        path.write_bytes(texts.fscan(movie(), UNITS=unit))
        np.testing.assert_allclose(fscan.read(path).pressure[0].values.reshape(3, 4, 3), movie() * factor, rtol=1e-6)
    path.write_bytes(texts.fscan(movie(), UNITS="raw"))
    assert fscan.read(path).pressure[0].unit == "raw"


def test_fscan_pitch_in_centimetres_and_a_plate(tmp_path: Path) -> None:
    path = tmp_path / "m.asf"
    path.write_bytes(
        texts.fscan(
            movie(), ROW_SPACING="0.5 centimeters", COL_SPACING="4 mm", SENSEL_AREA="0.2 cm2", SENSOR_TYPE="3150"
        )
    )
    layout = fscan.read(path).pressure[0].layout
    assert layout.frame == "plate" and layout.area_mm2 is not None and layout.area_mm2[0] == pytest.approx(20.0)
    np.testing.assert_allclose(layout.xy_mm[0], [17.5, 10.0])


def test_fscan_comments_are_free_text(tmp_path: Path) -> None:
    data = texts.fscan(movie()).replace(b"COMMENTS:\r\n", b"COMMENTS:\r\nROWS 7\r\nUNITS raw\r\nFrame it\r\n")
    (tmp_path / "m.asf").write_bytes(data)
    part = fscan.read(tmp_path / "m.asf").pressure[0]
    assert part.unit == "kPa" and part.values.shape == (3, 12)


def test_fscan_side_is_unknown_without_a_letter(tmp_path: Path) -> None:
    (tmp_path / "walk_L.asf").write_bytes(texts.fscan(movie(), FILENAME=r"C:\walk01.fsx"))
    assert fscan.read(tmp_path / "walk_L.asf").pressure[0].side == "unknown"  # the recorded name counts
    bare = texts.fscan(movie()).replace(b"FILENAME C:\\MOVIES\\walk01L.fsx\r\n", b"")
    (tmp_path / "walk_L.asf").write_bytes(bare)
    part = fscan.read(tmp_path / "walk_L.asf").pressure[0]
    assert (part.side, part.side_from) == ("left", "filename")


MOVIE = texts.fscan(movie())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (MOVIE[:-30], "@@"),
        (MOVIE[: MOVIE.index(b"Frame 3")] + b"@@\r\n", "3 frames"),
        (MOVIE.replace(b"Frame 2", b"Frame 7"), "Frame 2"),
        (MOVIE.replace(b"END_FRAME 3", b"END_FRAME 4"), "4 frames"),
        (MOVIE.replace(b"ROWS 4", b"ROWS 5"), "5 lines"),
        (MOVIE.replace(b"COLS 3", b"COLS 4"), "4 numbers"),
        (MOVIE.replace(b"ROWS 4", b"ROWS 0"), "at least one row"),
        (MOVIE.replace(b"ROWS 4", b"ROWS four"), "ROWS"),
        (MOVIE.replace(b"ROWS 4", b"ROWS 99999"), "ROWS"),
        (MOVIE.replace(b"KPa\r\nMIRROR", b"bar\r\nMIRROR"), "UNITS"),
        (MOVIE.replace(b"MIRROR_COL 0", b"MIRROR_COL 1"), "mirror"),
        (MOVIE.replace(b"0.01\r", b"0,01\r"), "decimal comma"),
        (MOVIE.replace(b"0.01\r", b"0\r"), "SECONDS_PER_FRAME"),
        (MOVIE.replace(b"25.8064", b"99.0"), "SENSEL_AREA"),
        (MOVIE.replace(b"ASCII_DATA @@", b"ASCII_DATA"), "ASCII_DATA"),
        (MOVIE.replace(b"Frame 1\r\n", b"Frame 1\r\n-"), "minus"),
        (MOVIE.replace(b"Frame 1\r\n", b"Frame 1\r\nx"), "number"),
        (MOVIE.replace(b"Frame 1\r\n", b"Frame 1\r\nnan,1,1\r\n"), "number"),
        (MOVIE.replace(b"Frame 1\r\n", b"Frame 1\r\n1,1,1\r\n"), "lines"),
        (MOVIE.replace(b"Frame 1\r\n", b"Frame 1\r\n1e9"), "million"),
        (texts.fscan(movie(), np.ones((4, 3), bool)), "sensel"),
        (texts.fscan(movie()).replace(b"Frame 1", b"Frame 1, 5.0,,").replace(b"Frame 2", b"Frame 2, 4.0,,").replace(
            b"Frame 3", b"Frame 3, 6.0,,"), "forwards"),
        (texts.fscan(movie(), UNITS="raw").replace(b"Frame 1", b"Frame 1, 0,,,,,Raw Sum=,,1"), "sum"),
    ],
)  # fmt: skip
def test_fscan_refuses(data: bytes, says: str, tmp_path: Path) -> None:
    assert says in refused(tmp_path / "m.asf", data, fscan.read)


# ------------------------------------------------------------------ our own CSV

finite32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
finite64 = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12)


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    parts = []
    for _ in range(draw(st.integers(0, 2))):
        rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        cells, frames = rows * columns, draw(st.integers(0, 4))
        grid = draw(st.booleans())
        layout = SensorLayout(
            draw(hnp.arrays(np.float64, (cells, 2), elements=finite64)),
            area_mm2=draw(st.none() | hnp.arrays(np.float64, cells, elements=st.floats(1e-3, 1e6))),
            corners_mm=draw(st.none() | hnp.arrays(np.float64, (cells, 4, 2), elements=finite64)),
            frame=draw(st.sampled_from(["insole", "plate", "foot"])),
            shape=(rows, columns) if grid else None,
            index=np.random.default_rng(0).permutation(cells) if grid else None,
            positions=draw(st.sampled_from(["mm", "arbitrary"])),
        )
        parts.append(
            PressureRecording(
                draw(hnp.arrays(np.float32, (frames, cells), elements=finite32)),
                draw(st.sampled_from(["kPa", "N", "raw"])),
                np.cumsum(draw(hnp.arrays(np.float64, frames, elements=st.floats(1e-4, 10)))),
                layout,
                valid=draw(st.none() | hnp.arrays(np.bool_, (frames, cells))),
                side=draw(st.sampled_from(["left", "right", "unknown"])),
                side_from=draw(st.sampled_from(["content", "filename", "given"])),
                full_scale=draw(st.none() | st.floats(1, 1e4)),
            )
        )
    channels = []
    for _ in range(draw(st.integers(0, 2))):
        n, k = draw(st.integers(0, 3)), draw(st.integers(1, 3))
        values = draw(hnp.arrays(np.float64, (n, k), elements=finite64 | st.just(np.nan)))
        channels.append(Channel(draw(st.text(max_size=5)), "m/s²", np.arange(float(n)), values, "left"))
    events = tuple(Event(draw(st.text(max_size=5)), draw(finite64), "right") for _ in range(draw(st.integers(0, 2))))
    source = draw(st.text(max_size=8, alphabet=st.characters(exclude_categories=("Cs",))))
    return Recording(
        tuple(parts), tuple(channels), events, draw(st.none() | st.just("2024-01-01T10:00:00Z")), "file", "x", source
    )


@given(recordings())
@settings(max_examples=60)
def test_our_csv_gives_back_equal_records(tmp_path_factory: pytest.TempPathFactory, recording: Recording) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    plantar_csv.write(path, recording)
    same(recording, plantar_csv.read(path))


@given(finite32)
def test_the_fewest_digits_of_a_float32_read_back(value: float) -> None:
    assert np.float32(float(shortest(np.float32(value)))) == np.float32(value)


def test_our_csv_refuses(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    part = PressureRecording(walk(3, 4), "kPa", np.arange(3.0), grid_layout(2, 2, 5.0, 5.0), side="left")
    plantar_csv.write(path, Recording((part,), format="plate", source="p"))
    good = path.read_bytes()
    cases = [
        (good.replace(b"csv 1", b"csv 2"), "another file"),
        (good[:-4], "line end"),
        (good[: good.rstrip().rfind(b"\n") + 1], "end of the file"),
        (good.replace(b'"frames": 3', b'"frames": 2'), "more lines"),
        (good.replace(b'"frames": 3', b'"frames": 999999999'), "count"),
        (good.replace(b'"cells": 4', b'"cells": 5'), "5 fields"),
        (good.replace(b'"cells": 4', b'"cells": null'), "count"),
        (good.replace(b'"unit": "kPa"', b'"unit": "psi"'), "unit"),
        (good.replace(b'"side": "left"', b'"side": "up"'), "side"),
        (good.replace(b'{"part"', b"{part"), "JSON"),
        (good.replace(b"\n1.0,", b"\n0.0,"), "increasing"),
        (good.replace(b"\n1.0,", b"\n,"), "5 numbers"),
        (good.replace(b"\n1.0,", b"\nnan,"), "number"),
        (good + b"more\n", "more lines"),
    ]
    for data, says in cases:
        assert data != good and says in refused(path, data, plantar_csv.read), says


# ------------------------------------------------------------------ damage


def damaged(count: int, rng: np.random.Generator, folder: Path) -> None:
    path = folder / "damaged"
    part = PressureRecording(walk(3, 4), "kPa", np.arange(3.0), grid_layout(2, 2, 5.0, 5.0), side="left")
    masked = PressureRecording(walk(3, 4), "raw", np.arange(3.0), grid_layout(2, 2, 5.0, 5.0), valid=walk(3, 4) > 99)
    channel = Channel("imu", "g", np.arange(2.0), np.array([[1.0, np.nan], [2.0, 3.0]]))
    plantar_csv.write(path, Recording((part, masked), (channel,), (Event("heel_strike", 0.5, "left"),), format="x"))
    small = texts.pedar(walk(3, 5), walk(3, 5))
    samples = [(pedar, small), (fscan, MOVIE), (fscan, MOVIE.replace(b"\r", b"")), (plantar_csv, path.read_bytes())]
    for _ in range(count):
        reader, data = samples[int(rng.integers(0, len(samples)))]
        path.write_bytes(texts.injured(data, rng))
        try:
            found = reader.read(path)
        except ReadError as error:
            assert "\n" not in str(error)
            continue
        for p in found.pressure:  # what is handed on is sound
            assert np.isfinite(p.values).all() and (np.diff(p.time_s) > 0).all()


def test_damaged_recordings_are_refused_or_sound(rng: np.random.Generator, tmp_path: Path) -> None:
    damaged(1500, rng, tmp_path)


@pytest.mark.prove
def test_many_damaged_recordings_are_refused_or_sound(rng: np.random.Generator, tmp_path: Path) -> None:
    damaged(60_000, rng, tmp_path)
