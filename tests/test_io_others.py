"""footscan, XSENSOR, I-Scan and Moticon files: held against what they declare, against laws, and damaged."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import recording_texts
import vendor_files as files
from test_recording_files import refused

from footscan.errors import ReadError
from footscan.io import biff8, detect, fscan, moticon, ole2, read_recording, rsscan, xsensor
from footscan.io.moticon_cells import CELLS, moticon_layout
from footscan.types import PressureRecording, Recording

FOOTSCAN = "pressure/footscan/footscan_test.xls"
ISCAN = "pressure/iscan/iscan_test.csv"
MOTICON = "pressure/moticon/230927_102114.txt"
XSENSOR = "pressure/xsensor/xsensor_data.csv"


def newtons(part: PressureRecording) -> np.ndarray:
    assert part.layout.area_mm2 is not None
    return part.values.astype(np.float64) @ part.layout.area_mm2 / 1000


def channel(recording: Recording, name: str, side: str) -> np.ndarray:
    (found,) = (c for c in recording.channels if (c.name, c.side) == (name, side))
    return found.values


# ------------------------------------------------------------------ the samples


def test_footscan_sample(shared_data: Path) -> None:
    recording = read_recording(shared_data / FOOTSCAN)
    (part,) = recording.pressure
    assert (recording.format, part.side, part.side_from, part.unit) == ("footscan", "right", "content", "kPa")
    assert part.values.shape == (329, 38 * 20) and part.layout.frame == "plate" and part.layout.shape == (64, 64)
    assert part.time_s[0] == 0.0 and part.time_s[-1] == 0.656 and part.rate_hz == pytest.approx(500.0)
    assert part.values.max() == pytest.approx(583.8, abs=0.05)
    force = newtons(part)
    assert part.values.max() * part.layout.area_mm2[0] / 1000 == pytest.approx(22.6)
    assert force.max() == pytest.approx(735.3, abs=0.05) and force.sum() * 0.002 == pytest.approx(360.4, abs=0.05)
    assert any("pitch" in note for note in recording.notes)


def test_footscan_sample_lies_heel_first_with_the_big_toe_at_the_left(shared_data: Path) -> None:
    part = read_recording(shared_data / FOOTSCAN).pressure[0]
    force, x = newtons(part), part.layout.xy_mm
    cop = part.values.astype(float) @ x / np.maximum(part.values.sum(axis=1), 1e-9)[:, None]
    assert cop[force > 100][0, 0] + 100 < cop[force > 100][-1, 0]  # heel first in time, toes farther along the plate
    peak = part.values.max(axis=0)
    toes = x[:, 0] > x[peak > 0, 0].max() - 45
    hallux = x[toes][np.argmax(peak[toes])]
    assert hallux[1] > x[peak > 0, 1].mean()  # the foot is a right one: medial is the wearer's left


def test_xsensor_sample_against_the_vendors_statistics(shared_data: Path) -> None:
    recording = read_recording(shared_data / XSENSOR)
    assert recording.format == "xsensor" and [p.side for p in recording.pressure] == ["left", "right"]
    for part in recording.pressure:
        assert len(part.time_s) == 101 and part.layout.shape == (31, 11) and part.layout.frame == "insole"
        assert 100 / part.time_s[-1] == pytest.approx(75.1, abs=0.1)
        assert part.layout.area_mm2 is not None
        assert np.sqrt(part.layout.area_mm2[0]) == pytest.approx(8.609, abs=0.0005)
        values = part.values.astype(np.float64)
        loaded = (values > 0).sum(axis=1)
        np.testing.assert_allclose(values.max(axis=1), channel(recording, "vendor_peak", part.side)[:, 0], rtol=1e-7)
        mean = values.sum(axis=1) / np.maximum(loaded, 1) - channel(recording, "vendor_mean", part.side)[:, 0]
        assert np.abs(mean).max() / files.MMHG <= 0.006
        area = loaded * part.layout.area_mm2[0] - channel(recording, "vendor_area", part.side)[:, 0]
        assert np.abs(area).max() <= 2.0  # 0.02 cm²
        assert np.abs(newtons(part) - channel(recording, "vendor_force", part.side)[:, 0]).max() <= 0.02
    left = recording.pressure[0]
    force = newtons(left)
    toes = left.layout.xy_mm[:, 0] > 0.75 * left.layout.xy_mm[:, 0].max()
    hallux = left.layout.xy_mm[np.argmax(np.where(toes, left.values[force.argmax()], 0))]
    assert hallux[1] < left.layout.xy_mm[:, 1].mean()  # right of centre in a left foot, seen from above
    assert all("235 exist" in note for note in recording.notes[:2])


def test_every_group_of_the_xsensor_sample_has_its_statistics(shared_data: Path, tmp_path: Path) -> None:
    """Peak exact, mean ≤ 0.006 mmHg, area ≤ 0.02 cm², load ≤ 0.02 N at 0.8609 cm, in all 808 blocks of cells."""
    lines = (shared_data / XSENSOR).read_text("utf-8-sig").split("\n")
    worst, blocks, about, values = np.zeros(4), 0, dict[str, str](), list[float]()
    for line in [*(line for line in lines if line.strip(",")), "FRAME,0"]:
        key, _, rest = line.partition(",")
        if key[:1].isdigit():
            values += [float(v) for v in line.split(",") if v]
            continue
        if key in ("FRAME", "SENSOR", "GROUP"):
            if "Cells" in about:
                blocks += 1
                assert len(values) == int(about["Cells"])
                loaded, total = sum(v > 0 for v in values), sum(values)
                found = [max(values), total / max(loaded, 1), loaded * 0.8609**2]
                found.append(total * files.MMHG * 0.8609**2 / 10)
                names = ("Average Pressure (mmHg)", "Contact Area (cm²)", "Est. Load (N)")
                printed = [float(about["Peak Pressure (mmHg)"]), *(float(about[name]) for name in names)]
                worst = np.maximum(worst, np.abs(np.array(found) - printed))
            about, values = {}, []
        about[key] = rest.split(",")[0]
    assert blocks == 808 and (worst <= [0.0, 0.006, 0.02, 0.02]).all()
    # and the reader holds them all: one digit of one statistic of one group changed is refused
    text = (shared_data / XSENSOR).read_bytes()
    at = text.rindex(b"Est. Load (N),") + len(b"Est. Load (N),")
    changed = text[:at] + (b"7" if text[at : at + 1] != b"7" else b"8") + text[at + 1 :]
    assert "Est. Load" in refused(tmp_path / "changed.csv", changed, xsensor.read)


def test_iscan_sample(shared_data: Path, tmp_path: Path) -> None:
    recording = read_recording(shared_data / ISCAN)
    (part,) = recording.pressure
    assert part.unit == "raw" and part.values[0].sum() == 310 and part.time_s[5] == 0.51 and part.time_s[-1] == 31.1
    assert any("taken for a plate" in note for note in recording.notes)
    data = (shared_data / ISCAN).read_bytes()
    assert "a frame whose sum is '311'" in refused(tmp_path / "i.csv", data.replace(b",,310", b",,311", 1), fscan.read)
    assert "a frame whose sum is ''" in refused(tmp_path / "i.csv", data.replace(b",,310", b"", 1), fscan.read)
    one = data.replace(b"Frame 3, 0.2,,", b"Frame 3,,,", 1)
    assert "Frame 3" in refused(tmp_path / "i.csv", one, fscan.read)
    back = data.replace(b"Frame 3, 0.2,,", b"Frame 3, 0.1,,", 1)
    assert "time that runs forwards" in refused(tmp_path / "i.csv", back, fscan.read)


def test_moticon_sample(shared_data: Path) -> None:
    recording = read_recording(shared_data / MOTICON)
    left, right = recording.pressure
    assert (recording.format, left.side, right.side, recording.start_utc) == ("moticon", "left", "right", None)
    assert (len(left.time_s), len(right.time_s), left.valid, right.valid) == (1687, 1737, None, None)
    assert (left.time_s[0], left.time_s[-1], right.time_s[0], right.time_s[-1]) == (0.5, 17.5, 0.0, 17.45)
    gaps = np.diff(np.union1d(left.time_s, right.time_s))
    assert (np.round(gaps, 4) == 0.02).sum() == 1 and np.round(gaps, 4).max() == 0.02  # the gap stays a gap
    for part in recording.pressure:
        np.testing.assert_allclose(newtons(part), channel(recording, "vendor_force", part.side)[:, 0], atol=1.0)
        assert np.abs(channel(recording, "acceleration", part.side)).max() > STANDING_M_PER_S2
        (cop,) = (c for c in recording.channels if (c.name, c.side) == ("vendor_cop", part.side))
        values = part.values[np.searchsorted(part.time_s, cop.time_s)].astype(np.float64)
        own = values @ (part.layout.xy_mm * part.layout.area_mm2[:, None]) / (values @ part.layout.area_mm2)[:, None]
        own = (own - [0.5, 0.0]) * [1.0, 1.0 if part.side == "right" else -1.0]
        assert np.abs(own - cop.values).max() < 1e-4
    marks = {(e.name, e.side): 0 for e in recording.events}
    for event in recording.events:
        marks[event.name, event.side] += 1
    assert marks == {(name, side): 7 for name in ("heel_strike", "toe_off") for side in ("left", "right")}
    stance = {side: [] for side in ("left", "right")}
    for side, found in stance.items():
        strikes, offs = ([e.time_s for e in recording.events if (e.name, e.side) == (name, side)] for name in MARKS)
        found += [off - strike for strike, off in zip(strikes, offs)]
    assert np.mean(stance["left"]) == pytest.approx(0.804, abs=0.010)  # the vendor's report
    assert np.mean(stance["right"]) == pytest.approx(0.814, abs=0.010)


STANDING_M_PER_S2 = 9.0  # of standing and walking, in m/s² (in g it would be a tenth)
MARKS = ("heel_strike", "toe_off")


def test_moticon_sample_with_the_marks_taken_out(shared_data: Path, tmp_path: Path) -> None:
    lines = (shared_data / MOTICON).read_text("utf-8").split("\n")
    cut = ["\t".join(line.split("\t")[:-2]) if "\t" in line else line for line in lines]
    (tmp_path / "walk.txt").write_text("\n".join(cut), "utf-8")
    whole, bare = read_recording(shared_data / MOTICON), read_recording(tmp_path / "walk.txt")
    assert bare.events == () and len(whole.events) == 28
    for a, b in zip(whole.pressure, bare.pressure):
        np.testing.assert_array_equal(a.values, b.values)
        np.testing.assert_array_equal(a.time_s, b.time_s)


def test_areas_of_another_size_follow_from_the_file(shared_data: Path, tmp_path: Path) -> None:
    """The sample said to be of another size: its areas are found again from its forces."""
    text = (shared_data / MOTICON).read_bytes().replace(b"# Size: 7", b"# Size: 5")
    (tmp_path / "walk.txt").write_bytes(text)
    recording = moticon.read(tmp_path / "walk.txt")
    for part in recording.pressure:
        np.testing.assert_allclose(newtons(part), channel(recording, "vendor_force", part.side)[:, 0], atol=1.0)
        np.testing.assert_allclose(part.layout.area_mm2, 100 * CELLS[:, 2], rtol=0.01)
    assert any("solved from the file's total force" in note for note in recording.notes)


def test_each_sample_is_of_one_format(shared_data: Path) -> None:
    for name, want in ((FOOTSCAN, "footscan"), (XSENSOR, "xsensor"), (ISCAN, "fscan"), (MOTICON, "moticon")):
        assert detect(shared_data / name).name == want


# ------------------------------------------------------------------ workbooks


def some_cells(rng: np.random.Generator) -> files.Cells:
    """Texts with letters of all kinds and numbers of all kinds."""
    cells: files.Cells = {}
    for row in range(int(rng.integers(30, 90))):
        for column in range(int(rng.integers(0, 30))):
            kind = int(rng.integers(0, 6))
            if kind == 0 and rng.random() < 0.3:
                letters = "aé" if rng.random() < 0.5 else "aλ鞋"
                cells[row, column] = "".join(letters[i] for i in rng.integers(0, len(letters), rng.integers(1, 60)))
            elif kind < 3:
                cells[row, column] = round(float(rng.uniform(0, 40)), 1)
            elif kind < 5:
                cells[row, column] = float(rng.normal())
    return cells | {(0, 0): "title", (1, 0): 1.0}


def test_workbooks_come_back_cell_for_cell(rng: np.random.Generator, tmp_path: Path) -> None:
    for shift in (9, 12):
        cells = some_cells(rng)
        stream = files.workbook(cells, rng, sst_size=int(rng.integers(40, 400)))
        data = files.compound(stream, shift=shift, rng=rng)
        sheet = biff8.read_sheet("x.xls", ole2.read_stream("x.xls", data, "Workbook"))
        found: files.Cells = dict(zip(zip(sheet.rows.tolist(), sheet.columns.tolist()), sheet.values.tolist()))
        assert found | sheet.texts == cells


def test_a_compound_file_whose_table_needs_a_list_of_its_own(rng: np.random.Generator) -> None:
    stream = rng.integers(0, 256, 109 * 128 * 512 + 70_000, np.uint8).tobytes()
    assert ole2.read_stream("x", files.compound(stream, "Book", rng=rng), "book") == stream


@pytest.mark.parametrize(
    ("at", "value", "says"),
    [
        (26, 7, "version 7"),
        (44, 10**6, "allocation table"),
        (48, 10**6, "sector 1000000"),
        (76, 10**6, "sector"),
    ],
)
def test_damaged_compound_files_are_refused(at: int, value: int, says: str, rng: np.random.Generator) -> None:
    data = bytearray(files.compound(files.workbook({(0, 0): "a", (1, 0): 2.0}, rng)))
    struct.pack_into("<H" if at == 26 else "<I", data, at, value)
    with pytest.raises(ReadError, match=says):
        ole2.read_stream("x.xls", bytes(data), "Workbook")


def test_a_chain_that_bites_its_tail_is_refused(rng: np.random.Generator) -> None:
    data = bytearray(files.compound(bytes(9000)))
    table = 512 * (struct.unpack_from("<I", data, 76)[0] + 1)
    struct.pack_into("<I", data, table + 4 * 3, 1)
    with pytest.raises(ReadError, match="used twice"):
        ole2.read_stream("x.xls", bytes(data), "Workbook")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (struct.pack("<HH", 0x809, 16), struct.pack("<HH", 0x809, 9000), "at most"),
        (struct.pack("<HHHH", 0x809, 16, 0x600, 0x10), struct.pack("<HHHH", 0x809, 16, 0x500, 0x10), "BIFF8"),
        (struct.pack("<HH", 0x203, 14), struct.pack("<HH", 0x06, 14), "a formula"),
        (struct.pack("<HH", 0xFC, 0), None, "password"),
        (
            struct.pack("<HHIIHHH", 0x200, 14, 0, 3, 0, 1, 0),
            struct.pack("<HHIIHHH", 0x200, 14, 0, 2, 0, 1, 0),
            "2 rows",
        ),
        (struct.pack("<d", np.pi), struct.pack("<d", np.nan), "finite"),
        (struct.pack("<HHHHHd", 0x203, 14, 2, 0, 15, np.e), struct.pack("<HHHHHd", 0x203, 14, 1, 0, 15, np.e), "twice"),
    ],
)
def test_damaged_workbooks_are_refused(old: bytes, new: bytes | None, says: str, rng: np.random.Generator) -> None:
    stream = files.workbook({(0, 0): "é", (1, 0): np.pi, (2, 0): np.e}, rng)
    if new is None:
        stream = stream[:20] + files.record(0x2F, bytes(6)) + stream[20:]
    else:
        assert old in stream
        stream = stream.replace(old, new)
    with pytest.raises(ReadError, match=says):
        biff8.read_sheet("x.xls", stream)


# ------------------------------------------------------------------ footscan


def steps(rng: np.random.Generator, rows: int = 9, columns: int = 5, frames: int = 6) -> np.ndarray:
    """Newtons a cell to a tenth, none of them in the edges."""
    out = np.zeros((frames, rows, columns))
    out[:, 1:-1, 1:-1] = np.round(rng.uniform(0, 22, (frames, rows - 2, columns - 2)), 1)
    return out


def test_footscan_of_both_feet_conserves_force_as_workbook_and_as_text(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    left, right = steps(rng), steps(rng, 12, 6, 4)
    rows = files.footscan_rows([("left", (3, 40), left), ("right", (60, 10), right)], hertz=250.0)
    book, text = tmp_path / "book.xls", tmp_path / "text.xls"
    book.write_bytes(files.compound(files.workbook(files.as_cells(rows), rng)))
    text.write_bytes(files.as_text(rows))
    for path in (book, text):
        recording = read_recording(path)
        assert recording.format == "footscan" and [p.side for p in recording.pressure] == ["left", "right"]
        for part, frames, (bottom, first) in zip(recording.pressure, (left, right), ((3, 40), (60, 10))):
            np.testing.assert_allclose(newtons(part), frames.sum(axis=(1, 2)), rtol=1e-6)
            np.testing.assert_allclose(part.time_s, np.arange(len(frames)) / 250.0, atol=1e-9)
            assert part.layout.index is not None
            columns = 64
            row, column = part.layout.index // columns, part.layout.index % columns
            assert (row.min(), column.min()) == (bottom, first)
            np.testing.assert_allclose(part.layout.xy_mm[:, 0], (row + 0.5) * 7.62)
            np.testing.assert_allclose(part.layout.xy_mm[:, 1], (columns - column - 0.5) * 5.08)
        assert (recording.pressure[0].layout.shape, recording.pressure[1].layout.shape) == ((64, 64), (128, 64))
        assert any("no sample of it" in note for note in recording.notes) == (path is text)


@pytest.mark.parametrize("columns", [63, 64])
def test_an_entire_plate_is_read_as_text(columns: int, rng: np.random.Generator, tmp_path: Path) -> None:
    frames = steps(rng, 256, columns, 3)
    path = tmp_path / "plate.xls"
    path.write_bytes(files.as_text([["Entire plate roll off"], *files.frame_rows(frames, 126.0)]))
    (part,) = read_recording(path).pressure
    assert part.side == "unknown" and part.layout.shape == (256, columns)
    np.testing.assert_allclose(newtons(part), frames.sum(axis=(1, 2)), rtol=1e-6)
    path.write_bytes(files.as_text(files.frame_rows(frames, 126.0)))  # without a title, as the public readers have it
    np.testing.assert_array_equal(read_recording(path).pressure[0].values, part.values)


WALK = files.as_text(files.footscan_rows([("right", (6, 40), np.full((3, 4, 5), 1.5))]))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (WALK[: WALK.rindex(b"1.5\t1.5\t1.5\t1.5\t1.5")], "3"),
        (WALK[:-8], "5 numbers a row"),
        (WALK.replace(b"1.5", b"1,5"), "decimal points"),
        (WALK.replace(b"1.5", b"-1.5", 1), "N a cell"),
        (WALK.replace(b"1.5", b"nan", 1), "Frame k"),
        (WALK.replace(b"1.5", b"1e999", 1), "N a cell"),
        (WALK.replace(b"1.5\t", b"\t", 1), "5 numbers a row, found 4"),
        (WALK.replace(b"Frame 1 (2.00 ms)", b"Frame 2 (2.00 ms)"), "Frame 1"),
        (WALK.replace(b"Frame 1 (2.00 ms)", b"Frame 1 (0.00 ms)"), "forwards"),
        (WALK.replace(b"Frame 1 (2.00 ms)", b"Note"), "Frame k"),
        (WALK.replace(b"500.00 Hertz", b"250.00 Hertz"), "250 Hz"),
        (WALK.replace(b"height\r\n4", b"height\r\n5"), "5 rows in frame 0"),
        (WALK.replace(b"width\r\n5", b"width\r\n6"), "6 numbers a row"),
        (WALK.replace(b"left\r\n40", b"left\r\n62"), "at most 256 x 64"),
        (WALK.replace(b"bottom\r\n6", b"bottom\r\n253"), "at most 256 x 64"),
        (WALK.replace(b"Rectangle bottom\r\n6\r\n", b""), "bottom, left, width and height"),
        (WALK.replace(b"Rectangle bottom\r\n6\r\n", b"Rectangle bottom\r\n\r\n6\r\n"), "whole number of cells"),
        (WALK.replace(b"Right foot data", b"Right foot data\r\n\r\n7"), "outside the frames"),
        (WALK[: WALK.index(b"Frame 0")], "frames"),
        (WALK.replace(b"\r\nFrame 2", b"Left foot data\r\n\r\nFrame 2"), ""),
    ],
)
def test_damaged_footscan_files_are_refused(data: bytes, says: str, tmp_path: Path) -> None:
    assert data != WALK
    if not says:  # the last frame under another foot's name: nothing in the file says that it is not so
        (tmp_path / "walk.xls").write_bytes(data)
        assert [p.side for p in rsscan.read(tmp_path / "walk.xls").pressure] == ["right", "left"]
    else:
        assert says in refused(tmp_path / "walk.xls", data, rsscan.read)


def test_another_workbook_is_no_footscan_file(rng: np.random.Generator, tmp_path: Path) -> None:
    for cells in ({(0, 0): "Name", (0, 1): "Age"}, {(0, 0): "Name", (1, 0): 3.0, (1, 2): 4.0}, {(0, 0): "Name"}):
        refused(tmp_path / "list.xls", files.compound(files.workbook(cells, rng)), rsscan.read)
    assert "Workbook" in refused(tmp_path / "letter.doc", files.compound(bytes(5000), "WordDocument"), rsscan.read)


# ------------------------------------------------------------------ XSENSOR


def insoles(rng: np.random.Generator, frames: int = 5, rows: int = 9, columns: int = 6) -> dict[str, np.ndarray]:
    """mmHg to two decimals; the outermost columns have no cells, the heel's are unloaded in half of the frames."""
    feet = {}
    for side in ("left", "right"):
        values = np.round(rng.uniform(51.72, 2000.0, (frames, rows, columns)), 2)
        values[rng.random(values.shape) < 0.3] = 0.0
        values[:, :, [0, -1]] = 0.0
        values[0, :, 1:-1] = np.maximum(values[0, :, 1:-1], 60.0)  # every cell that there is is loaded once
        feet[side] = values
    return feet


def test_xsensor_conserves_force(rng: np.random.Generator, tmp_path: Path) -> None:
    feet, pitch = insoles(rng), float(rng.uniform(0.857, 0.863))
    path = tmp_path / "walk.csv"
    path.write_bytes(files.as_csv(files.xsensor(feet, pitch, cells=36, start="23:59:59.970")))
    recording = read_recording(path)
    assert recording.format == "xsensor"
    for part, values in zip(recording.pressure, feet.values()):
        assert len(part.layout.xy_mm) == 36 and part.layout.shape == (9, 6)
        np.testing.assert_allclose(part.time_s, np.arange(5) * 0.013, atol=1e-9)  # past midnight
        force = values.sum(axis=(1, 2)) * files.MMHG * pitch**2 / 10
        np.testing.assert_allclose(newtons(part), force, rtol=3e-4)  # the pitch is known from areas to 0.01 cm²
        assert part.layout.index is not None
        grid = np.zeros((5, 54))
        grid[:, part.layout.index] = part.values / files.MMHG
        np.testing.assert_allclose(grid, values.reshape(5, 54), rtol=1e-6)
        assert part.layout.xy_mm[0, 0] > part.layout.xy_mm[-1, 0]  # the toes first


def test_xsensor_of_one_foot_and_of_an_unloaded_one(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    feet = insoles(rng)
    path.write_bytes(files.as_csv(files.xsensor({"right": feet["right"]}, cells=36, groups=0)))
    (part,) = xsensor.read(path).pressure
    assert part.side == "right"
    path.write_bytes(files.as_csv(files.xsensor({"left": feet["left"], "right": 0 * feet["right"]}, cells=36)))
    unloaded = xsensor.read(path).pressure[1]
    assert unloaded.values.shape == (5, 54) and unloaded.values.max() == 0


MAT = files.as_csv(files.xsensor({"left": np.tile(100.0 + np.arange(12.0).reshape(4, 3), (3, 1, 1))}, cells=12))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (MAT[: MAT.rindex(b"SENSELS")], "same lines in every frame"),
        (MAT[: MAT.rindex(b"SENSELS") + 30], "values"),
        (MAT[: MAT.rindex(b"FRAME")] + b"FRAME,1466,,\n", "same lines in every frame"),
        (MAT.replace(b"Units:,mmHg", b"Units:,bar"), "mmHg, kPa, psi"),
        (MAT.replace(b"FRAME,1465", b"FRAME,1464"), "frame numbers that run forwards"),
        (MAT.replace(b"08:22:00.003", b"08:21:00.003"), "time that run"),
        (MAT.replace(b"08:22:00.003", b"8h22"), "a date and a time"),
        (MAT.replace(b"Rows,4", b"Rows,5"), "5 rows"),
        (MAT.replace(b"Rows,4", b"Rows,x"), "Rows"),
        (MAT.replace(b"Columns,3", b"Columns,4"), "16 values"),
        (MAT.replace(b"Cells,6", b"Cells,7"), "7 values"),
        (MAT.replace(b"Cells,6", b"Cells,99999999"), "Cells"),
        (MAT.replace(b"Contact Area (cm\xc2\xb2),8.89", b"Contact Area (cm\xc2\xb2),9.89"), "mm2"),
        (MAT.replace(b"Peak Pressure (mmHg),111.00", b"Peak Pressure (mmHg),112.00", 1), "Peak Pressure 112"),
        (MAT.replace(b"Average Pressure (mmHg),105.50", b"Average Pressure (mmHg),105.60", 1), "Average Pressure"),
        (MAT.replace(b"Peak Pressure (mmHg),110.00", b"Peak Pressure (mmHg),nan", 1), "a number"),
        (MAT.replace(b"\n103,104,105", b"\n103,,105", 1), "values"),
        (MAT.replace(b"\n103,104,105", b"\n103,-1,105", 1), "0 or more"),
        (MAT.replace(b"\n103,104,105", b"\n103,1e999,105", 1), "0 or more"),
        (MAT.replace(b"\n103,104,105", b"\n103,B,105", 1), "a number"),
        (MAT.replace(b",", b";"), "a number"),
    ],
)
def test_damaged_xsensor_files_are_refused(data: bytes, says: str, tmp_path: Path) -> None:
    assert data != MAT
    assert says in refused(tmp_path / "walk.csv", data, xsensor.read)


# ------------------------------------------------------------------ Moticon


def loads(rng: np.random.Generator, frames: int = 60) -> dict[str, np.ndarray]:
    """N/cm² in quarters, one foot after the other."""
    swing = np.abs(np.sin(np.linspace(0, 6, frames)))[:, None]
    return {side: np.round(rng.uniform(0, 12, (frames, 16)) * swing * 4) / 4 for side in ("left", "right")}


def test_moticon_conserves_force_and_keeps_what_is_missing_missing(rng: np.random.Generator, tmp_path: Path) -> None:
    feet, path = loads(rng), tmp_path / "walk.txt"
    feet["left"][:7] = np.nan
    feet["right"][-5:] = np.nan
    feet["right"][20:22] = np.nan
    times = np.arange(60) * 0.01
    times[40:] += 0.03
    path.write_bytes(files.moticon(feet, CELLS, time_s=times, header=["Start timestamp: 1663250316241"]))
    recording = read_recording(path)
    left, right = recording.pressure
    assert recording.format == "moticon" and recording.start_utc == "2022-09-15T13:58:36.241Z"
    np.testing.assert_allclose(left.time_s, np.round(times[7:], 2))
    np.testing.assert_allclose(right.time_s, np.round(np.delete(times[:-5], [20, 21]), 2))
    for part in (left, right):
        assert part.valid is None and part.unit == "kPa"
        pressure = feet[part.side][np.isfinite(feet[part.side][:, 0])]
        np.testing.assert_array_equal(part.values, (10 * pressure).astype(np.float32))
        np.testing.assert_allclose(newtons(part), channel(recording, "vendor_force", part.side)[:, 0], atol=0.51)
        assert channel(recording, "acceleration", part.side)[0, 2] == pytest.approx(9.80665)
        assert channel(recording, "angular_rate", part.side)[0].tolist() == [10.0, -20.0, 30.0]
    assert sum("have no pressures" in note for note in recording.notes) == 2


def test_a_cell_without_a_value_is_masked(rng: np.random.Generator, tmp_path: Path) -> None:
    path, feet = tmp_path / "walk.txt", loads(rng)
    lines = files.moticon(feet, CELLS).split(b"\n")
    fields = lines[30].split(b"\t")
    fields[5] = b""
    lines[30] = b"\t".join(fields)
    path.write_bytes(b"\n".join(lines))
    left, right = moticon.read(path).pressure
    assert right.valid is None and left.valid is not None
    ((row, cell),) = np.argwhere(~left.valid)
    assert (row, cell) == (30 - sum(line.startswith(b"#") for line in lines), 4) and left.values[row, cell] == 0


def test_moticon_of_one_foot(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "walk.txt"
    path.write_bytes(files.moticon({"right": loads(rng)["right"]}, CELLS))
    (part,) = moticon.read(path).pressure
    assert part.side == "right"
    both = loads(rng)
    both["left"][:] = np.nan
    path.write_bytes(files.moticon(both, CELLS))
    (part,) = moticon.read(path).pressure
    assert part.side == "right"


def test_marks_and_events_in_words(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "walk.txt"
    marks = {(3, "left"): 11, (9, "left"): 15, (5, "right"): 21, (12, "right"): 25, (14, "left"): 13}
    labels = {(20, "left"): "Event", (4, "right"): "Heel strike", (30, "right"): "a, b"}
    path.write_bytes(files.moticon(loads(rng), CELLS, marks=marks, labels=labels))
    recording = moticon.read(path)
    found = [(e.name, round(e.time_s, 2), e.side) for e in recording.events]
    assert found == [
        ("heel_strike", 0.03, "left"),
        ("heel_strike", 0.04, "right"),
        ("heel_strike", 0.05, "right"),
        ("toe_off", 0.09, "left"),
        ("toe_off", 0.12, "right"),
        ("Event", 0.2, "left"),
        ("a, b", 0.3, "right"),
    ]
    assert any(note.startswith("1 step marks") for note in recording.notes)


def test_areas_are_solved_for_other_sizes(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "walk.txt"
    cells = np.array(CELLS)
    cells[:, 2] *= rng.uniform(0.6, 1.2) * rng.uniform(0.99, 1.01, 16)
    path.write_bytes(files.moticon(loads(rng, 400), cells, size="3"))
    recording = moticon.read(path)
    for part in recording.pressure:
        np.testing.assert_allclose(newtons(part), channel(recording, "vendor_force", part.side)[:, 0], atol=1.0)
        np.testing.assert_allclose(part.layout.area_mm2, 100 * cells[:, 2], rtol=0.01)


def test_where_no_areas_follow_there_is_pressure_and_no_force(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "walk.txt"
    lines = files.moticon(loads(rng, 200), CELLS, size="3").split(b"\n")
    for n, line in enumerate(lines):
        if line[:1].isdigit():
            fields = line.split(b"\t")
            fields[23] = b"%d.00" % rng.integers(0, 900)
            lines[n] = b"\t".join(fields)
    for data in (b"\n".join(lines), files.moticon(loads(rng, 4), CELLS, size="3")):
        path.write_bytes(data)
        recording = moticon.read(path)
        assert all(part.layout.area_mm2 is None and part.unit == "kPa" for part in recording.pressure)
        assert any("areas of the cells of insole size 3 are not known" in note for note in recording.notes)


def test_left_is_the_mirror_of_right_in_fractions_of_the_insole() -> None:
    left, right = moticon_layout("left", None), moticon_layout("right", None)
    np.testing.assert_array_equal(left.xy_mm, right.xy_mm * [1, -1])
    assert left.positions == "arbitrary" and 0 < right.xy_mm[:, 0].min() < right.xy_mm[:, 0].max() < 1


PLAIN = files.moticon({"left": np.full((4, 16), 2.0), "right": np.full((4, 16), 4.0)}, CELLS, marks={(1, "left"): 11})
LAST = PLAIN.rstrip(b"\n").rindex(b"\n") + 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (PLAIN[: LAST + 100], "53 fields"),
        (PLAIN[: PLAIN.index(b"\n0.00\t") + 1], "frames"),
        (PLAIN.replace(b"Duration: 00:00.030", b"Duration: 00:09.030"), "cut off"),
        (PLAIN.replace(b"Duration: 00:00.030", b"Duration: soon"), "Duration"),
        (PLAIN.replace(b"2.00\t", b"2,00\t"), "decimal comma"),
        (PLAIN.replace(b"2.00\t", b"2.00 \t", 1), "a space"),
        (PLAIN.replace(b"\n0.02\t", b"\n0.01\t"), "forwards"),
        (PLAIN.replace(b"\n0.02\t", b"\n\t"), "forwards"),
        (PLAIN.replace(b"\n0.02\t2.00", b"\n0.02\t-1"), "0 or more"),
        (PLAIN.replace(b"\n0.02\t2.00", b"\n0.02\tnan"), "a number"),
        (PLAIN.replace(b"\n0.02\t2.00", b"\n0.02\t-"), "a number"),
        (PLAIN.replace(b"\n0.02\t2.00", b"\n0.02\t1e999"), "larger"),
        (PLAIN.replace(b"left pressure 16[N", b"left pressure 17[N"), "16 columns"),
        (PLAIN.replace(b"left pressure 1[N/cm\xc2\xb2]", b"left pressure 1[psi]"), "N/cm"),
        (PLAIN.replace(b"left pressure 2[", b"left pressure 1["), "one column"),
        (PLAIN.replace(b"# time\t", b"# frame\t"), "# time"),
        (PLAIN.replace(b"left pressure", b"left p").replace(b"right pressure", b"right p"), "columns of pressure"),
        (PLAIN.replace(b"# Start time:", b"# Start timestamp: now\n# Start time:"), "Start timestamp"),
    ],
)
def test_damaged_moticon_files_are_refused(data: bytes, says: str, tmp_path: Path) -> None:
    assert data != PLAIN
    assert says in refused(tmp_path / "walk.txt", data, moticon.read)


@pytest.mark.parametrize("column", [3, 23, 24, 40])  # a pressure, the total force, the centre, the other foot's
def test_one_changed_value_of_moticon_is_found_by_its_sum(
    column: int, rng: np.random.Generator, tmp_path: Path
) -> None:
    lines = files.moticon(loads(rng), CELLS).split(b"\n")
    first = sum(line.startswith(b"#") for line in lines)
    fields = lines[first + 15].split(b"\t")
    fields[column] = b"%.2f" % (float(fields[column]) + (0.1 if column == 24 else 5.0))
    lines[first + 15] = b"\t".join(fields)
    assert f"line {first + 16}" in refused(tmp_path / "walk.txt", b"\n".join(lines), moticon.read)


# ------------------------------------------------------------------ damage


def injured(data: bytes, rng: np.random.Generator) -> bytes:
    """One to three injuries: bytes changed, cut out, doubled, the end cut off, words of four bytes made extreme."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, max(1, len(out))))
        kind = int(rng.integers(0, 6))
        if kind == 0:
            out[at : at + 1] = rng.integers(0, 256, 1, np.uint8).tobytes()
        elif kind == 1:
            del out[at : at + int(rng.integers(1, 60))]
        elif kind == 2:
            del out[at:]
        elif kind == 3:
            out[at:at] = out[at : at + 50]
        elif kind == 4:
            words = [b"nan", b"-1", b"1e999", b"\t", b"\n", b",,", b"99999999999", b"B", b"", b"#", b"Frame 1 (1 ms)"]
            out[at : at + int(rng.integers(0, 6))] = words[int(rng.integers(0, len(words)))]
        elif len(out) >= 4:
            word = int(rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, 0x0006FFFF]))
            at = min(at, len(out) - 4) // 4 * 4
            struct.pack_into("<I", out, at, word)
    return bytes(out)


def damaged(count: int, rng: np.random.Generator, folder: Path) -> None:
    path = folder / "damaged"
    rows = files.footscan_rows([("left", (3, 4), steps(rng)), ("right", (5, 40), steps(rng))])
    movie = recording_texts.fscan(np.round(rng.uniform(0, 99, (3, 4, 5))), UNITS="raw")
    samples: list[tuple[Callable[[Path], Recording], bytes]] = [
        (rsscan.read, files.compound(files.workbook(files.as_cells(rows), rng), rng=rng)),
        (rsscan.read, files.as_text(rows)),
        (xsensor.read, files.as_csv(files.xsensor(insoles(rng, 3), cells=36))),
        (moticon.read, files.moticon(loads(rng, 30), CELLS, marks={(2, "left"): 11}, labels={(3, "right"): "Event"})),
        (moticon.read, files.moticon(loads(rng, 30), CELLS, size="4")),
        (fscan.read, movie.replace(b"Frame 2", b"Frame 2, 0.1,, x,,,Raw Sum=,,5")),
    ]
    for _ in range(count):
        read, data = samples[int(rng.integers(0, len(samples)))]
        path.write_bytes(injured(data, rng))
        try:
            found = read(path)
        except ReadError as error:
            assert "\n" not in str(error)
            continue
        for part in found.pressure:  # what is handed on is sound
            assert np.isfinite(part.values).all() and (np.diff(part.time_s) > 0).all() and len(part.time_s)
        assert all(np.isfinite(c.time_s).all() for c in found.channels)


def test_damaged_files_are_refused_or_sound(rng: np.random.Generator, tmp_path: Path) -> None:
    damaged(1200, rng, tmp_path)


@pytest.mark.prove
def test_many_damaged_files_are_refused_or_sound(rng: np.random.Generator, tmp_path: Path) -> None:
    damaged(40_000, rng, tmp_path)
